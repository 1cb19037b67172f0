"""The JSON schema of a study, for editors and readers: what `Study` allows, and the short form of `expand`.

``python -m toponn.study.schema`` writes it to ``workflow/schemas/config.schema.json``; a test says that it is current.
Nothing reads it at run time.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toponn.study.expand import NARROWED, SHORT, TABLES, short_keys
from toponn.study.settings import Study

PATH = Path(__file__).resolve().parents[2] / "schemas" / "config.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema of what config.yaml, its overlays and the command line may say together.

    No key is required in it, since an overlay says a few, an entry may be like another, and null removes.
    """
    found = Study.model_json_schema()
    rules = found["properties"]
    for rule in list(_tables(found)):
        rule.pop("required", None)
        if "patternProperties" in rule:
            (pattern, entry), *_ = rule.pop("patternProperties").items()
            rule |= {"propertyNames": {"pattern": pattern, "maxLength": 64}, "additionalProperties": entry}
    for table in TABLES:
        for entry in _entries(rules[table]["additionalProperties"], found):
            entry["properties"] |= {key: _short_rule(key) for key in short_keys(table)}
        rules[table]["additionalProperties"] = _or_null(rules[table]["additionalProperties"])
    *known, own = rules["trainability"]["additionalProperties"]["anyOf"]
    named = {rule["properties"]["diagnostic"]["const"]: rule for rule in known}
    rules["trainability"] |= {"properties": named, "additionalProperties": _or_null(own)}
    rules["only"] = _only()
    for rule in list(_tables(found)):
        if rule.get("type") == "object":
            _with_null(rule.get("properties", {}))
    return {"$schema": DIALECT, **found, "title": "a study: config.yaml and its overlays"}


def _tables(rule: Any) -> Iterator[dict[str, Any]]:
    """Yield a table and all that are in it or in a list."""
    if isinstance(rule, dict):
        yield rule
    for part in rule.values() if isinstance(rule, dict) else rule if isinstance(rule, list) else ():
        yield from _tables(part)


def _with_null(rules: dict[str, Any]) -> None:
    """Let every key be null, and leave out the titles that are made of keys."""
    for key, rule in rules.items():
        if rule.get("title") == key.replace("_", " ").title():
            del rule["title"]
        rules[key] = _or_null(rule)


def _only() -> dict[str, Any]:
    """Return the rule of what narrows the study."""
    names = [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    kinds = {kind: {"anyOf": names, "description": f"Names of {kind}."} for kind in NARROWED}
    table = {"type": "object", "additionalProperties": False, "properties": kinds}
    said = "A name or names of tasks, models and diagnostics to which the study is narrowed, or a table of these kinds."
    return {"anyOf": [*names, table, {"type": "null"}], "description": said}


def _or_null(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule that allows null too; what it says of itself stays outside."""
    if {"type": "null"} in rule.get("anyOf", ()) or "const" in rule:
        return rule
    said = {key: rule[key] for key in ("title", "description", "default") if key in rule}
    return {"anyOf": [{key: value for key, value in rule.items() if key not in said}, {"type": "null"}], **said}


def _entries(rule: Mapping[str, Any], root: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tables that a rule allows for an entry."""
    found = [rule, *rule.get("anyOf", ())]
    names = [part["$ref"].rpartition("/")[2] for part in found if "$ref" in part]
    return [root["$defs"][name] for name in names] + [part for part in found if "properties" in part]


def _short_rule(key: str) -> dict[str, Any]:
    """Return the rule of a key of the short form."""
    sizes = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "uniqueItems": True}
    rules = {"like": {"type": "string"}, "sizes": sizes, "size": {"type": "number", "exclusiveMinimum": 0}}
    return {**rules[key], "description": SHORT[key]}


def written() -> str:
    """Return the schema as its file holds it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(written(), encoding="utf-8")
