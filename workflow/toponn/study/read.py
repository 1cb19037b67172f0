"""A study at the door: what YAML files and the command line say becomes a `Study`, or one sentence."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from toponn.study.errors import sentence
from toponn.study.expand import Origins, expanded
from toponn.study.meaning import check_meaning
from toponn.study.settings import Study
from toponn.tools.checks import ConfigError, Words, dotted, refusal, short

DEEPEST = 16
"""Lists and tables within each other; a study has 7."""
MOST_VALUES = 100_000
"""Keys and entries of a study; config.yaml has a thousand."""


def read_study(raw: Any) -> Study:
    """Return the study that a user wrote.

    Parameters
    ----------
    raw
        The configuration as the YAML files and the command line deliver it.

    Raises
    ------
    ConfigError
        At the most relevant thing that is not allowed, in one sentence:
        ``key.path: found X; allowed: Y (did you mean 'Z'?)``.
    """
    _refuse_what_nothing_bears(raw)
    written, origins = expanded(raw)
    try:
        study = Study.model_validate(written)
        check_meaning(study)
    except ValidationError as error:
        raise ConfigError(_where_written(sentence(error, written, Study), origins)) from None
    except ConfigError as error:
        raise ConfigError(_where_written(str(error), origins)) from error
    return study


def _where_written(message: str, origins: Origins) -> str:
    """Return a sentence that names the entry in which a key is written, rather than one that is like it."""
    found = re.match(r"(\w+)\.(\w+)\.(\w+)", message)
    origin = origins.get((found[1], found[2]), {}).get(found[3]) if found else None
    return message if origin is None else f"{found[1]}.{origin}.{message[found.start(3) :]}"


def in_order(config: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with its keys in the order of `base`, others after: Snakemake puts those of overlays first.

    Figures give out colours by the places of models, which no overlay should move.

    Examples
    --------
    >>> in_order({"c": {"y": 1, "x": 2}, "a": 3, "b": 4}, {"a": 0, "c": {"x": 0}})
    {'a': 3, 'c': {'x': 2, 'y': 1}, 'b': 4}
    """
    keys = [*(key for key in base if key in config), *(key for key in config if key not in base)]
    return {
        key: in_order(config[key], base[key])
        if isinstance(config[key], Mapping) and isinstance(base.get(key), Mapping)
        else config[key]
        for key in keys
    }


def _refuse_what_nothing_bears(raw: Any) -> None:
    """Refuse keys that YAML reads as numbers, dates or truth values, and what would exhaust stack or memory."""
    todo, seen = [((), raw)], 0
    while todo:
        path, value = todo.pop()
        seen += 1
        if len(path) > DEEPEST:
            raise ConfigError(refusal(dotted(path[:3]), Words(f"nesting more than {DEEPEST} deep"), "that of a study"))
        if seen > MOST_VALUES:
            raise ConfigError(refusal("config", Words(f"more than {MOST_VALUES} values"), "as many as a study has"))
        if type(value) is int and abs(value) >= 2**63:
            found = str(value) if value.bit_length() < 3400 else "more than a thousand digits"  # Python refuses more
            raise ConfigError(refusal(dotted(path), Words(short(Words(found))), "numbers of up to 19 digits"))
        if isinstance(value, Mapping):
            for key, entry in value.items():
                if not isinstance(key, str) or not key.isprintable():
                    allowed = "keys in quotation marks, on one line"
                    raise ConfigError(refusal(dotted(path), Words(f"the key {short(key)}"), allowed))
                todo.append(((*path, key), entry))
        elif isinstance(value, list | tuple):
            todo.extend(((*path, i), entry) for i, entry in enumerate(value))
