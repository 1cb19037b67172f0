"""Shapes: predicates on positions that cut a sample, the point deep inside one, and coordinates about that point."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toponn.matter.lattices import TOUCHING, normalised_coordinates
from toponn.tools.checks import ConfigError, DataError, Words, refusal, resolve, short

FINE = {1: 20001, 2: 1001}
"""Points along each axis of the grid on which deepest points are found; odd, so that one is the origin."""
SPREAD = 300_000
"""Points by which areas are counted."""
LONGEST = 1e6
"""Largest number in the entry of a shape, nearest-neighbour distances."""
REACH = 0.8
"""Local coordinates of a shape with a centre are one at this fraction of the distance to its boundary."""

Predicate = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Shape:
    """A region of space: which positions lie inside, how far it reaches, and how it prints.

    Attributes
    ----------
    inside
        Predicate on positions, (N, d) float64 to (N,) bool.
    extent
        Distance from the origin within which the whole region lies.
    area
        Length in one dimension.
    centre : d floats or None
        The point about which bulk quantities are taken; None is the middle of the sample's bounding box.
    clearance
        Distance from the centre to the boundary, where there is a centre.
    """

    inside: Predicate
    extent: float
    dimension: int
    text: str
    area: float
    centre: tuple[float, ...] | None = None
    clearance: float | None = None

    def __str__(self) -> str:
        return self.text


def exact(number: float) -> str:
    """Return a number as text, as short as reads back to the same number."""
    return f"{number:g}" if float(f"{number:g}") == number else repr(float(number))


# --- The family -------------------------------------------------------------------------------------------


def _box(size: tuple[float, ...], text: str) -> Shape:
    half = np.array(size, dtype=float) / 2
    # Half open: a box of integer sides on a lattice of unit spacing then holds exactly side sites along each axis.
    return Shape(
        lambda positions: ((positions >= -half) & (positions < half)).all(axis=1),
        float(np.linalg.norm(half)),
        len(half),
        text,
        float(np.prod(2 * half)),
    )


def segment(size: tuple[int]) -> Shape:
    """Return a chain of ``size[0]`` cells."""
    return _box(tuple(size), f"segment {exact(size[0])}")


def rectangle(size: tuple[float, float]) -> Shape:
    """Return a rectangle of sides ``size``, in nearest-neighbour distances."""
    return _box(tuple(size), f"rectangle {exact(size[0])}x{exact(size[1])}")


def disk(radius: float) -> Shape:
    """Return a disk of the given radius, in nearest-neighbour distances."""
    return Shape(
        lambda positions: (positions**2).sum(axis=1) <= radius**2 + 1e-9,
        float(radius),
        2,
        f"disk r={exact(radius)}",
        float(np.pi * radius**2),
    )


def triangle(side: float) -> Shape:
    """Return an equilateral triangle that stands on its base, with the centre of its inscribed circle at the origin."""
    inradius = side / np.sqrt(12.0)
    outward = np.array([[0.0, -1.0], [np.sqrt(0.75), 0.5], [-np.sqrt(0.75), 0.5]])
    return Shape(
        lambda positions: (positions @ outward.T <= inradius + TOUCHING).all(axis=1),
        float(2 * inradius + 2 * TOUCHING),
        2,
        f"triangle side={exact(side)}",
        float(np.sqrt(3.0) / 4 * side**2),
        (0.0, 0.0),
        float(inradius),
    )


def l_shape(size: float) -> Shape:
    """Return a square of side `size` without its upper right quarter.

    The origin is the centre of the largest inscribed circle, which touches the two outer walls and the inner corner.
    """
    deep = size * (1 - np.sqrt(0.5))  # r = √2 (size/2 − r)
    inner = size / 2 - deep

    def inside(positions: np.ndarray) -> np.ndarray:
        square = ((positions >= -deep) & (positions < size - deep)).all(axis=1)
        return square & (positions < inner).any(axis=1)

    extent = float(np.hypot(size - deep, deep))
    return Shape(inside, extent, 2, f"l_shape side={exact(size)}", 0.75 * size**2, (0.0, 0.0), float(deep))


SHAPES = {
    "segment": "toponn.matter.shapes:segment",
    "rectangle": "toponn.matter.shapes:rectangle",
    "disk": "toponn.matter.shapes:disk",
    "triangle": "toponn.matter.shapes:triangle",
    "l_shape": "toponn.matter.shapes:l_shape",
}
SHAPE_DIMENSION = {"segment": 1, "rectangle": 2, "disk": 2, "triangle": 2, "l_shape": 2}


# --- Shapes made of others --------------------------------------------------------------------------------


def punctured(shape: Shape, holes: Sequence[Sequence[float]], where: str = "holes", *, measured: bool = True) -> Shape:
    """Return a shape without the disks [(x, y, radius), …]; its centre is the deepest point of what is left.

    Unless it is to be measured, which takes a second, it has no centre and the area of the shape with its holes filled.

    Raises
    ------
    ConfigError
        If the shape is not two-dimensional or the holes are not a list of two coordinates and a positive radius.
    DataError
        If nothing is left.
    """
    try:
        table = np.array(holes, dtype=float).reshape(len(holes), 3)
    except (TypeError, ValueError):
        table = np.full((1, 3), np.nan)
    if shape.dimension != 2 or not len(table) or not np.isfinite(table).all() or (table[:, 2] <= 0).any():
        allowed = "a list of [x, y, radius] with positive radii, in a shape of two dimensions"
        raise ConfigError(refusal(where, holes, allowed))

    def inside(positions: np.ndarray) -> np.ndarray:
        left = shape.inside(positions)
        for x, y, radius in table:
            left = left & ~disk(radius).inside(positions - [x, y])
        return left

    text = " ".join(f"({','.join(map(exact, hole))})" for hole in table.tolist())
    if not measured:
        return Shape(inside, shape.extent, 2, f"{shape} holes {text}", shape.area)
    return _measured(inside, shape.extent, 2, f"{shape} holes {text}", shape.centre or (0.0, 0.0))


def mask(inside: Predicate, extent: float, dimension: int = 2, text: str = "mask") -> Shape:
    """Return the part of the ball of radius `extent` about the origin where a function of position says so.

    Raises
    ------
    DataError
        If the function does not return one truth value for each of the positions (N, d), or is nowhere true.
    """

    def checked(positions: np.ndarray) -> np.ndarray:
        found = inside(positions)
        if not isinstance(found, np.ndarray) or found.dtype != bool or found.shape != positions.shape[:1]:
            what = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
            raise DataError(f"{text}: found {what} for positions {positions.shape}; allowed: an array (N,) of bool")
        return found & (np.linalg.norm(positions, axis=1) <= extent)

    return _measured(checked, float(extent), dimension, text, (0.0,) * dimension)


def shape_of(settings: Mapping[str, Any], where: str = "shape", *, measured: bool = True) -> Shape:
    """Return the shape that a config entry names: its `name`, its arguments and, where there are any, its `holes`.

    With `measured` false, holes are cut, but the middle and the area of what is left are not found (`punctured`).

    Raises
    ------
    ConfigError
        If there is no such shape, an argument is missing or unknown, or the holes are none.

    Examples
    --------
    >>> print(shape_of({"name": "disk", "radius": 6, "holes": [[0, 0, 2]]}))
    disk r=6 holes (0,0,2)
    """
    make = resolve(SHAPES, settings.get("name"), f"{where}.name")
    arguments = {key: value for key, value in settings.items() if key not in ("name", "holes")}
    known = list(inspect.signature(make).parameters)
    if sorted(arguments) != sorted(known):
        allowed = f"{', '.join(known)} and, where there are any, holes"
        raise ConfigError(refusal(where, ", ".join(arguments), allowed))
    _check_numbers(arguments, where)
    shape, holes = make(**arguments), settings.get("holes")
    return shape if holes is None else punctured(shape, holes, f"{where}.holes", measured=measured)


def _check_numbers(settings: Mapping[str, Any], where: str) -> None:
    """Refuse lengths that would overflow, or are none."""
    for key, value in settings.items():
        numbers = [n for n in np.ravel(np.array(value, dtype=object)) if isinstance(n, int | float)]
        if not all(abs(n) <= LONGEST for n in numbers):
            raise ConfigError(refusal(f"{where}.{key}", Words(short(value)), f"numbers up to {LONGEST:,.0f}"))


# --- Measured by counting ---------------------------------------------------------------------------------


def _grid(inside: Predicate, extent: float, dimension: int) -> tuple[np.ndarray, float]:
    """Return which midpoints of a fine grid about the origin lie inside, (n, …) bool, and the grid's spacing."""
    n = FINE[dimension]
    step = 2 * extent / n
    axis = (np.arange(n) - n // 2) * step
    points = np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
    return inside(points).reshape((n,) * dimension), step


def counted_area(inside: Predicate, extent: float, dimension: int = 2) -> float:
    """Return the area (in one dimension, the length) of a region, from the part of evenly spread points inside it.

    In the plane they are those of a golden-ratio lattice: straight walls cross its rows at all angles and phases, and
    the result is right to about 1e-4, where along the walls of a box a square grid would be wrong by a row.
    """
    index = np.arange(SPREAD)
    axes = [(index + 0.5) / SPREAD, (index * (np.sqrt(5.0) - 1) / 2) % 1.0][:dimension]
    found = inside((2 * np.column_stack(axes) - 1) * extent)
    return float(found.mean() * (2 * extent) ** dimension)


def _measured(inside: Predicate, extent: float, dimension: int, text: str, near: tuple[float, ...]) -> Shape:
    """Return a shape with its area, deepest point and clearance; of equally deep points, the one nearest to `near`.

    Points count as equally deep within a step of the grid, and all comparisons are between integers, so that a
    symmetric shape has the same centre on every machine.
    """
    from scipy.ndimage import distance_transform_edt  # here: whoever only checks a config never needs it

    found, step = _grid(inside, extent, dimension)
    if not found.any():
        raise DataError(f"{text}: found no room inside; allowed: a region that holds at least one point")
    padded = np.pad(found, 1)  # what lies beyond the extent is outside
    depth = distance_transform_edt(padded)[(slice(1, -1),) * dimension]
    deep = np.argwhere(depth > depth.max() - 1) - FINE[dimension] // 2
    steps_away = ((deep - np.rint(np.array(near) / step).astype(int)) ** 2).sum(axis=1)
    centre = deep[steps_away.argmin()]
    clearance = (depth[tuple(centre + FINE[dimension] // 2)] - 0.5) * step  # the boundary is between two points
    area = counted_area(inside, extent, dimension)
    return Shape(inside, extent, dimension, text, area, tuple((centre * step).tolist()), float(clearance))


# --- Coordinates and the bulk -----------------------------------------------------------------------------


def local_coordinates(positions: np.ndarray, shape: Shape | None = None) -> np.ndarray:
    """Return positions (…, N, d) about the point deep inside: 0 there, about ±1 where the boundary comes near.

    For a shape without a centre of its own they are the normalised coordinates, sample by sample.
    """
    if shape is None or shape.centre is None or shape.clearance is None:
        return normalised_coordinates(positions)
    return (positions - np.array(shape.centre)) / (REACH * shape.clearance)


def in_window(u: np.ndarray, fraction: float = 0.5) -> np.ndarray:
    """Return what `window` does, empty windows too."""
    return (np.abs(u) < fraction + 1e-9).all(axis=-1)


def window(u: np.ndarray, fraction: float = 0.5) -> np.ndarray:
    """Return which sites have all local coordinates (…, N, d) up to `fraction` in magnitude, (…, N) bool.

    Raises
    ------
    DataError
        If none has, in any one of the samples.
    """
    found = in_window(u, fraction)
    if not found.any(axis=-1).all():
        raise DataError(
            f"positions: found no site in the middle {fraction:g} of {u.shape[-2]} sites; allowed: more sites"
        )
    return found


def bulk_window(positions: np.ndarray, fraction: float = 0.5) -> np.ndarray:
    """Return which sites lie in the middle `fraction` of the sample along every axis, (…, N) bool.

    Raises
    ------
    DataError
        If none does.
    """
    return window(normalised_coordinates(positions), fraction)
