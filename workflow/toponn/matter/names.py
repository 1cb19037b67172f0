"""From the text as which a sample prints back to the config keys of its recipe and the number of its draw."""

import inspect
import re
from typing import Any

from toponn.matter.shapes import SHAPES
from toponn.tools.checks import DataError, refusal, resolve

NAME = re.compile(
    r"([^\[]+)\[(.+)\]( without the mid-gap pair)?( in a scrambled site gauge)?(?:#(\d+)| \(\d+ samples\))?"
)


def parsed(text: str) -> dict[str, Any]:
    """Return the config's keys of a recipe from what it or its samples print as, and beside them the number of a draw.

    The text names no parameters; of an interface it has the place, and no lattice where it is the system's first.

    Raises
    ------
    DataError
        If the text is of another form.

    Examples
    --------
    >>> found = parsed("haldane[disk r=6, onsite_box W=2]#731")
    >>> found["system"], found["shape"], found["disorder"], found["draw"]
    ('haldane', {'name': 'disk', 'radius': 6}, [{'name': 'onsite_box', 'strength': 2}], 731)
    """
    match = NAME.fullmatch(text)
    if match is None:
        raise DataError(refusal("sample", text, "a text as haldane[disk r=6, onsite_box W=2]#731"))
    system, inside, dropped, scrambled, draw = match.groups()
    shape, *parts = inside.split(", ")
    found: dict[str, Any] = {"system": system, "shape": entry_of(shape), "lattice": None, "interface": None}
    found |= {"disorder": [], "midgap_pair": "dropped" if dropped else "kept"}
    found |= {"site_gauge": "scrambled" if scrambled else "fixed", "draw": int(draw) if draw else None}
    for part in parts:
        kind, given, strength = part.partition(" W=")
        if given:
            ends = [number_of(end) for end in strength.split("..")]
            found["disorder"].append({"name": kind, "strength": ends if len(ends) > 1 else ends[0]})
        elif part.startswith("interface at "):
            found["interface"] = {"beyond": number_of(part.removeprefix("interface at "))}
        else:
            found["lattice"] = part
    return found


def entry_of(text: str) -> dict[str, Any]:
    """Return the config entry of the shape that prints as this text, or refuse one that no entry makes, as a mask.

    Examples
    --------
    >>> entry_of("rectangle 8x6.5"), entry_of("disk r=6 holes (0,0,2)")
    ({'name': 'rectangle', 'size': [8, 6.5]}, {'name': 'disk', 'radius': 6, 'holes': [[0, 0, 2]]})
    """
    outline, _, holes = text.partition(" holes ")
    name, _, lengths = outline.partition(" ")
    try:
        (argument,) = inspect.signature(resolve(SHAPES, name, "shape")).parameters
        sides = [number_of(side) for side in lengths.rpartition("=")[2].split("x")]
        entry = {"name": name, argument: sides[0] if "=" in lengths else sides}
        if holes:
            entry["holes"] = [[number_of(n) for n in hole.split(",")] for hole in holes[1:-1].split(") (")]
    except ValueError:
        raise DataError(refusal("shape", text, "a text as disk r=6 or rectangle 8x6")) from None
    return entry


def number_of(text: str) -> float:
    """Return the number that `exact` wrote, whole where it has no point."""
    return int(text) if text.lstrip("-").isdigit() else float(text)
