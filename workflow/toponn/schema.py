"""A structure held against a JSON schema: the most relevant of its errors, in one sentence.

The validator's own messages are followed by a page of schema. Here the sentence says where, what was
found, what is allowed and what was probably meant; the words are computed from the schema's constraints,
or are its ``title``.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import jsonschema

from toponn.checks import ConfigError, nearest, refusal

DEEPEST = 16
"""Lists and tables within each other; a study has 7."""

LONGEST = 3400
"""Bits of a whole number that a sentence can still show; any that is allowed has 63."""

MOST_VALUES = 100_000
"""Keys and entries of a study; config.yaml has three thousand."""


class Words(str):
    """Text that `refusal` shows as it is, without quotation marks."""

    __repr__ = str.__str__


def check_structure(raw: Any, schema: Mapping[str, Any]) -> None:
    """Refuse what `schema` does not allow: odd names and unknown keys first, for they leave others missing.

    Raises
    ------
    ConfigError
        At the most relevant error, in one sentence: ``key.path: found X; allowed: Y (did you mean 'Z'?)``.
    """
    _refuse_what_no_schema_sees(raw)
    errors = list(_validator(schema).iter_errors(raw))
    if errors:
        raise ConfigError(_sentence(min(errors, key=_rank), schema, raw))


def _rank(error: jsonschema.ValidationError) -> int:
    """Return the place of `error` among others: the causes first, then what follows from them."""
    if "propertyNames" in error.absolute_schema_path:
        return 0
    return {"additionalProperties": 1, "required": 2}.get(str(error.validator), 3)


def _refuse_what_no_schema_sees(raw: Any) -> None:
    """Refuse keys that YAML reads as numbers, dates or truth values, and what would exhaust stack or memory."""
    todo, seen = [((), raw)], 0
    while todo:
        path, value = todo.pop()
        seen += 1
        if len(path) > DEEPEST:
            raise ConfigError(refusal(dotted(path[:3]), Words(f"nesting more than {DEEPEST} deep"), "that of a study"))
        if seen > MOST_VALUES:
            raise ConfigError(refusal("config", Words(f"more than {MOST_VALUES} values"), "as many as a study has"))
        if type(value) is int and value.bit_length() > LONGEST:  # Python would not even write it down
            raise ConfigError(refusal(dotted(path), Words("more than a thousand digits"), "numbers of up to 19 digits"))
        if isinstance(value, Mapping):
            for key, entry in value.items():
                if not isinstance(key, str):
                    allowed = "keys in quotation marks"
                    raise ConfigError(refusal(dotted(path), Words(f"the key {_short(key)}"), allowed))
                todo.append(((*path, key), entry))
        elif isinstance(value, list | tuple):
            todo.extend(((*path, i), entry) for i, entry in enumerate(value))


def _is_whole(checker: object, value: object) -> bool:
    """Return whether `value` is an integer that fits in 64 bits; a truth value is none, nor is 2.0."""
    return type(value) is int and abs(value) < 2**63


def _is_number(checker: object, value: object) -> bool:
    """Return whether `value` is a finite number."""
    return _is_whole(checker, value) or (type(value) is float and math.isfinite(value))


def _validator(schema: Mapping[str, Any]) -> Any:
    """Return what finds the errors of a study; the library's own way to follow a ``$ref`` takes a third of the time."""

    def follow(validator: Any, ref: str, instance: Any, rule: Any) -> Any:
        return validator.descend(instance, _followed({"$ref": ref}, schema))

    base = jsonschema.Draft202012Validator
    kinds = {"integer": _is_whole, "number": _is_number, "object": lambda _, value: isinstance(value, Mapping)}
    types = base.TYPE_CHECKER.redefine_many(kinds)
    return jsonschema.validators.extend(base, {"$ref": follow}, type_checker=types)(schema)


def _sentence(error: jsonschema.ValidationError, schema: Mapping[str, Any], raw: Any) -> str:
    """Return the one sentence that says what the schema's `error` is."""
    path, found, rule = tuple(error.absolute_path), error.instance, error.schema
    if error.validator == "additionalProperties":
        known = list(rule["properties"])
        key = next(k for k in found if k not in known)
        return unknown_key(dotted((*path, key)), key, known, found)
    if error.validator == "required":
        key = next(k for k in error.validator_value if k not in found)
        wanted = _allowed(_followed(rule.get("properties", {}).get(key, {}), schema), schema)
        meant = _entry_meant(path, raw) if key in ("model", "system") else None
        return refusal(dotted((*path, key)), Words("nothing"), wanted, meant)
    if "propertyNames" in error.absolute_schema_path:
        return refusal(dotted(path), Words(f"the name {_short(found)}"), _allowed(rule, schema))
    if error.validator == "uniqueItems":
        twice = next((entry for i, entry in enumerate(found) if entry in found[:i]), found)
        return refusal(dotted(path), Words(f"{_short(twice)} twice"), "each entry once")
    wanted = _allowed(rule, schema) + _cure(found, rule)
    return refusal(dotted(path), Words(_short(found)), wanted, _suggestion(found, rule))


def unknown_key(where: str, key: str, known: list[str], given: Mapping[str, Any], whose: str = "") -> str:
    """Return the sentence about a `key` that is not `known`; one not yet `given` was likely meant."""
    meant = nearest(key, [k for k in known if k not in given]) or nearest(key, known)
    return refusal(where, Words("an unknown key"), ", ".join(known) + whose, meant)


def _entry_meant(path: tuple, raw: Any) -> str | None:
    """Return the entry that an overlay meant when, by a misspelt name, it made a new one of few keys."""
    *table, name = path
    for key in table:
        raw = raw[key]
    meant = nearest(name, [other for other in raw if other != name])
    return dotted((*table, meant)) if meant else None


def _followed(rule: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the rule that ``$ref`` names in the schema's ``$defs``, or `rule` itself where it names none."""
    return schema["$defs"][rule["$ref"].rpartition("/")[2]] if "$ref" in rule else rule


def _allowed(rule: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return in words what `rule` of the schema allows."""
    if "title" in rule:
        return rule["title"]
    if "const" in rule or "enum" in rule:
        return ", ".join(map(str, rule.get("enum", [rule.get("const")])))
    if "then" in rule:  # an interval: both branches say the same
        return _allowed(rule["else"], schema)
    kind = rule.get("type")
    if kind == "array":
        low, high = rule.get("minItems", 0), rule.get("maxItems")
        count = f"{low}" if low == high else f"{low} or more"
        return f"a list of {count}, each {_allowed(_followed(rule['items'], schema), schema)}"
    if kind in ("integer", "number"):
        return _allowed_number(rule)
    return f"a table with the keys {', '.join(rule.get('properties', {}))}"


def _allowed_number(rule: Mapping[str, Any]) -> str:
    """Return in words which numbers `rule` allows."""
    low, above, high = (rule.get(k) for k in ("minimum", "exclusiveMinimum", "maximum"))
    if low is not None and low == high:
        return str(low)
    noun = "a whole number" if rule["type"] == "integer" else "a number"
    if rule.get("multipleOf") == 2:
        noun = "an even number"
    start = f" from {low}" if low is not None else f" above {above}" if above is not None else ""
    return noun + start + (f" up to {high}" if high is not None else "")


def _suggestion(found: Any, rule: Mapping[str, Any]) -> object:
    """Return the allowed value that is nearest to `found`, or None where none is near."""
    if "enum" in rule:
        return nearest(found, rule["enum"])
    if rule.get("type") == "integer" and _is_number(None, found) and abs(found) < 10**6:
        step, low = rule.get("multipleOf", 1), rule.get("minimum", 0)
        return min(max(step * math.ceil(found / step), low), rule.get("maximum", 10**6))
    return None


def _cure(found: Any, rule: Mapping[str, Any]) -> str:
    """Return how to write a number that arrived as text, or nothing where `found` is no such text."""
    if rule.get("type") not in ("integer", "number") or not isinstance(found, str):
        return ""
    parts = re.fullmatch(r"([+-]?\d+)(\.\d*)?(?:[eE]([+-]?)(\d+))?", found)
    if parts is None:
        return ""
    whole, fraction, sign, exponent = parts.groups()
    written = found if exponent is None else f"{whole}{fraction or '.0'}e{sign or '+'}{exponent}"
    if written != found:  # YAML 1.1 wants both a point and a signed exponent
        return f", where YAML reads {found} as text: write {written}"
    return f", and this is text: write {found} without quotation marks, in a --configfile, not by --config"


def dotted(path: tuple) -> str:
    """Return ``models.cnn.channels[1]`` for the keys and indices of `path`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += "." * bool(text) + (key if re.fullmatch(r"[\w-]{1,64}", key) else _short(key))
    return text or "config"


def _short(value: Any) -> str:
    """Return `value` on one line, abbreviated where it is long."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
