"""Unit cells as tables of vectors and basis points, and the one builder that cuts them to a shape."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from toponn.checks import DataError


@dataclass(frozen=True)
class UnitCell:
    """A periodic arrangement of sites.

    Attributes
    ----------
    vectors : d vectors of d floats, nearest-neighbour distances
    basis : one vector of d floats for each sublattice
    """

    name: str
    vectors: tuple[tuple[float, ...], ...]
    basis: tuple[tuple[float, ...], ...]

    @property
    def dimension(self) -> int:
        """Number of space dimensions."""
        return len(self.vectors)

    @property
    def area_per_site(self) -> float:
        """Length or area of the unit cell divided by its number of sites."""
        return float(abs(np.linalg.det(np.array(self.vectors)))) / len(self.basis)


CHAIN = UnitCell("chain", vectors=((1.0,),), basis=((0.0,), (0.0,)))
"""Two sublattices, A and B, at one position: the winding number counts in cells."""

SQUARE = UnitCell("square", vectors=((1.0, 0.0), (0.0, 1.0)), basis=((0.0, 0.0),))

HONEYCOMB = UnitCell(
    "honeycomb",
    vectors=((np.sqrt(3.0), 0.0), (np.sqrt(3.0) / 2, 1.5)),
    basis=((np.sqrt(3.0) / 2, -0.5), (np.sqrt(3.0) / 2, 0.5)),
)
"""The origin is the centre of a hexagon, so that shapes with an inversion centre hold as many A sites as B sites."""


@dataclass(frozen=True)
class Sites:
    """The sites of one sample.

    Attributes
    ----------
    positions : (N, d) float64
    cell : (N, d) int64
        Index of the unit cell that a site belongs to.
    sublattice : (N,) int64
    """

    positions: np.ndarray
    cell: np.ndarray
    sublattice: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    def neighbours(self, source: int, target: int, offset: tuple[int, ...]) -> np.ndarray:
        """Return the pairs (from, to) of sites that a bond connects, (bonds, 2) int64.

        A bond leads from sublattice `source` of a cell to sublattice `target` of the cell `offset` away.
        """
        index = {(int(s), *map(int, c)): i for i, (s, c) in enumerate(zip(self.sublattice, self.cell, strict=True))}
        pairs = [
            (i, index[key])
            for i in np.flatnonzero(self.sublattice == source)
            if (key := (target, *(int(c) + o for c, o in zip(self.cell[i], offset, strict=True)))) in index
        ]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def cut(unit_cell: UnitCell, inside: Callable[[np.ndarray], np.ndarray], extent: float) -> Sites:
    """Return the sites of the lattice that lie inside a shape, ordered by cell, then sublattice.

    Parameters
    ----------
    inside
        Predicate on positions, (N, d) float64 to (N,) bool.
    extent
        Distance from the origin within which the whole shape lies.

    Raises
    ------
    DataError
        If no site lies inside.
    """
    vectors, basis = np.array(unit_cell.vectors), np.array(unit_cell.basis)
    # A cell within `extent` has indices bounded by extent times the lengths of the reciprocal vectors.
    reach = np.ceil((extent + 2.0) * np.linalg.norm(np.linalg.inv(vectors), axis=0)).astype(int)
    axes = [np.arange(-r, r + 1) for r in reach]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, unit_cell.dimension)
    positions = (cells @ vectors)[:, None, :] + basis  # (cells, sublattices, d)
    keep = inside(positions.reshape(-1, unit_cell.dimension))
    if not keep.any():
        raise DataError(f"shape: found no site of the {unit_cell.name} lattice inside; allowed: at least one")
    cell = np.repeat(cells, len(basis), axis=0)[keep]
    sublattice = np.tile(np.arange(len(basis)), len(cells))[keep]
    return Sites(positions.reshape(-1, unit_cell.dimension)[keep], cell - cell.min(axis=0), sublattice)


def normalised_coordinates(positions: np.ndarray) -> np.ndarray:
    """Return positions (N, d) shifted and stretched, axis by axis, to fill [−1, 1]^d."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    return (2 * positions - low - high) / np.where(high > low, high - low, 1.0)
