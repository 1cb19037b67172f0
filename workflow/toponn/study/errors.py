"""What pydantic says of a study, in one sentence: where, what was found, what is allowed, what was probably meant.

Its own messages name types of Python, and all that is wrong at once. Here the most relevant error is chosen, and what
is allowed is said in words that come from the type at that place, or are its ``title``.
"""

import math
import re
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

from toponn.study.expand import short_keys
from toponn.study.kinds import Chosen
from toponn.tools.checks import ConfigError, Words, dotted, nearest, refusal, short, unknown_key

MISSING = object()


def sentence(error: ValidationError, raw: Any, root: type[BaseModel]) -> str:
    """Return the one sentence about the most relevant of the errors of `raw`, which is no `root`.

    Odd names and unknown keys come first, for they leave others missing.
    """
    found = min(error.errors(include_url=False), key=_rank)
    path, kind, value = _place(tuple(found["loc"]), raw, root)
    where = dotted(path)
    if found["type"] == "extra_forbidden":
        _, table, given = _place(tuple(found["loc"])[:-1], raw, root)
        known = list(_bare(table, given).model_fields) + (short_keys(path[0]) if len(path) == 3 else [])
        known += ["only"] if len(path) == 1 else []
        return unknown_key(where, path[-1], known, given)
    if "[key]" in found["loc"]:
        table = _place(tuple(found["loc"])[:-2], raw, root)[1]
        names = get_args(_bare(table))[0]
        return refusal(dotted(path[:-1]), Words(f"the name {short(path[-1])}"), allowed(names))
    if found["type"] == "missing":
        meant = _entry_meant(path[:-1], raw) if path[-1] in ("model", "system") else None
        return refusal(where, Words("nothing"), allowed(kind), meant)
    if found["type"] == "twice":
        return refusal(where, Words(f"{short(found['ctx']['value'])} twice"), "each entry once")
    inner = found.get("ctx", {}).get("error")
    if isinstance(inner, ConfigError):
        return f"{where}: {inner}"
    if path[:1] == ("trainability",) and path[1:] == (value, "diagnostic"):  # which is the key unless the entry says
        return unknown_key(dotted(path[:2]), value, get_args(_bare(kind)), raw["trainability"])
    return refusal(where, Words(short(value)), allowed(kind) + _cure(value, kind), _suggestion(value, kind))


def _rank(error: Mapping[str, Any]) -> int:
    """Return the place of an error among others: the causes first, then what follows from them."""
    if "[key]" in error["loc"]:
        return 0
    return {"extra_forbidden": 1, "missing": 2}.get(error["type"], 3)


def _place(loc: tuple, raw: Any, root: type[BaseModel]) -> tuple[tuple, Any, Any]:
    """Return the keys and indices, the type and the value at a place as pydantic names it, with branches of unions."""
    path: tuple = ()
    kind, value = root, raw
    branch = None
    for step in loc:
        options = _branches(kind)
        if branch is None and len(options) > 1 and step in ("one", "list"):
            branch = options[step == "list"]
            continue
        kind = _inner(kind if branch is None else branch, step, value)
        branch = None
        if step != "[key]":
            path += (step,)
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                value = MISSING
    return path, kind, value


def _inner(kind: Any, step: Any, value: Any) -> Any:
    """Return the type at a key or index of a `value` of this kind."""
    bare = _bare(kind, value)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return get_type_hints(bare, include_extras=True).get(step)
    if get_origin(bare) is dict:
        return get_args(bare)[1]
    return get_args(bare)[0] if get_origin(bare) in (list, Sequence) else kind


def _marks(kind: Any) -> list[Any]:
    """Return what `Annotated` adds to a type."""
    return list(get_args(kind)[1:]) if get_origin(kind) is Annotated else []


def _bare(kind: Any, value: Any = None) -> Any:
    """Return a type without what `Annotated` adds and without None; a chosen table is the one of `value`."""
    chosen = next((mark for mark in _marks(kind) if isinstance(mark, Chosen)), None)
    if chosen is not None and value is not None:
        return chosen.of(value)
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(kind) in (Union, UnionType):
        options = [option for option in get_args(kind) if option is not NoneType]
        return _bare(options[0], value) if len(options) == 1 else kind
    return kind


def _branches(kind: Any) -> list[Any]:
    """Return the types that a value may have one of."""
    bare = _bare(kind)
    return [o for o in get_args(bare) if o is not NoneType] if get_origin(bare) in (Union, UnionType) else [kind]


def allowed(kind: Any) -> str:
    """Return in words what a type allows.

    Examples
    --------
    >>> from toponn.tools.options import Even, Listed, Literal, Share
    >>> allowed(Listed[Even])
    'a list of 1 or more, each an even number from 8'
    >>> allowed(Share), allowed(Literal["kept", "dropped"]), allowed(bool)
    ('a number above 0 up to 1', 'kept, dropped', 'true, false')
    """
    limits = _limits(kind)
    bare = _bare(kind)
    origin, arguments = get_origin(bare), get_args(bare)
    if "title" in limits:
        return limits["title"]
    if any(isinstance(mark, Chosen) for mark in _marks(kind)):
        return f"a table with the key {next(mark.key for mark in _marks(kind) if isinstance(mark, Chosen))}"
    if origin is Literal:
        return ", ".join(map(str, arguments))
    if bare in (int, float):
        return _allowed_number(bare, limits)
    if bare in (bool, str):
        return "true, false" if bare is bool else f"text of up to {limits.get('max_length', 'any')} letters"
    if origin in (list, Sequence):
        low, high = limits.get("min_length", 0), limits.get("max_length")
        return f"a list of {low if low == high else f'{low} or more'}, each {allowed(arguments[0])}"
    if origin in (Union, UnionType):
        return f"{allowed(_branches(kind)[0])}, or a list of such values to choose from"
    keys = bare.model_fields if isinstance(bare, type) and issubclass(bare, BaseModel) else ()
    return f"a table with the keys {', '.join(keys)}"


def _limits(kind: Any) -> dict[str, Any]:
    """Return the bounds and the title of a type by name."""
    if get_origin(kind) in (Union, UnionType):
        options = [option for option in get_args(kind) if option is not NoneType]
        return _limits(options[0]) if len(options) == 1 else {}
    found: dict[str, Any] = {}
    for mark in _marks(kind):
        for part in (mark, *getattr(mark, "metadata", ())):
            names = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "title")
            found |= {name: getattr(part, name) for name in names if getattr(part, name, None) is not None}
    return found


def _allowed_number(kind: type, limits: Mapping[str, Any]) -> str:
    """Return in words which numbers are within limits."""
    low, above, high, below = (limits.get(key) for key in ("ge", "gt", "le", "lt"))
    if low is not None and low == high:
        return str(low)
    noun = "a whole number" if kind is int else "a number"
    if step := limits.get("multiple_of"):
        noun = "an even number" if step == 2 else f"a multiple of {step}"
    start = f" from {low}" if low is not None else f" above {above}" if above is not None else ""
    return noun + start + (f" up to {high}" if high is not None else f" and below {below}" if below is not None else "")


def _suggestion(found: Any, kind: Any) -> object:
    """Return the allowed value that is nearest to `found`, or None where none is near."""
    bare, limits = _bare(kind), _limits(kind)
    if get_origin(bare) is Literal:
        return nearest(found, map(str, get_args(bare)))
    number = type(found) in (int, float) and math.isfinite(found) and abs(found) < 10**6
    if bare is int and number:
        step = limits.get("multiple_of", 1)
        return min(max(step * math.ceil(found / step), limits.get("ge", 0)), limits.get("le", 10**6))
    return None


def _cure(found: Any, kind: Any) -> str:
    """Return how to write a number that arrived as text, or nothing where `found` is no such text."""
    bare = _bare(_branches(kind)[0])
    if bare not in (int, float) or not isinstance(found, str):
        return ""
    parts = re.fullmatch(r"([+-]?\d+)(\.\d*)?(?:[eE]([+-]?)(\d{1,3}))?", found)
    if parts is None:
        return ""
    whole, fraction, sign, exponent = parts.groups()
    written = found if exponent is None else f"{whole}{fraction or '.0'}e{sign or '+'}{exponent}"
    if bare is int and math.isfinite(float(found)) and float(found).is_integer():
        written = str(int(float(found)))
    if written != found:  # YAML 1.1 wants both a point and a signed exponent
        return f", where YAML reads {found} as text: write {written}"
    return f", and this is text: write {found} without quotation marks, in a --configfile, not by --config"


def _entry_meant(path: tuple, raw: Any) -> str | None:
    """Return the entry that an overlay meant when, by a misspelt name, it made a new one of few keys."""
    *table, name = path
    for key in table:
        raw = raw[key]
    meant = nearest(name, [other for other in raw if other != name])
    return dotted((*table, meant)) if meant else None
