"""Shapes: predicates on positions that cut a sample, centred on the origin."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from toponn.checks import DataError
from toponn.lattices import normalised_coordinates


@dataclass(frozen=True)
class Shape:
    """A region of space: which positions lie inside, how far it reaches, and how it prints."""

    inside: Callable[[np.ndarray], np.ndarray]
    extent: float
    dimension: int
    text: str

    def __str__(self) -> str:
        return self.text


def _box(size: tuple[float, ...], text: str) -> Shape:
    half = np.array(size, dtype=float) / 2
    # Half open: a box of integer sides on a lattice of unit spacing then holds exactly side sites along each axis.
    return Shape(
        lambda positions: ((positions >= -half) & (positions < half)).all(axis=1),
        float(np.linalg.norm(half)),
        len(half),
        text,
    )


def segment(size: tuple[int]) -> Shape:
    """Return a chain of ``size[0]`` cells."""
    return _box(tuple(size), f"segment {size[0]:g}")


def rectangle(size: tuple[float, float]) -> Shape:
    """Return a rectangle of sides ``size``, in nearest-neighbour distances."""
    return _box(tuple(size), f"rectangle {size[0]:g}x{size[1]:g}")


def disk(radius: float) -> Shape:
    """Return a disk of the given radius, in nearest-neighbour distances."""
    return Shape(
        lambda positions: (positions**2).sum(axis=1) <= radius**2 + 1e-9, float(radius), 2, f"disk r={radius:g}"
    )


SHAPES = {
    "segment": "toponn.shapes:segment",
    "rectangle": "toponn.shapes:rectangle",
    "disk": "toponn.shapes:disk",
}


def bulk_window(positions: np.ndarray, fraction: float = 0.5) -> np.ndarray:
    """Return which sites lie in the middle `fraction` of the sample along every axis, (N,) bool.

    Raises
    ------
    DataError
        If none does.
    """
    window = (np.abs(normalised_coordinates(positions)) < fraction + 1e-9).all(axis=1)
    if not window.any():
        raise DataError(
            f"positions: found no site in the middle {fraction:g} of {len(positions)} sites; allowed: more sites"
        )
    return window
