"""Unit cells as tables of vectors and basis points, the one builder that cuts them to a shape, and their neighbours.

What has no unit cell is in `toponn.matter.point_sets`; `LATTICES` names both. Lengths are nearest-neighbour distances.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from toponn.tools.checks import DataError

TOUCHING = 1e-9
"""Distances that differ by less are equal: a radius that is a shell's takes in the whole shell."""


class Lattice(Protocol):
    """What every member of `LATTICES` offers: a name, its density, and sites within a shape."""

    @property
    def name(self) -> str:
        """Its key in `LATTICES`."""

    @property
    def dimension(self) -> int:
        """Number of space dimensions."""

    @property
    def area_per_site(self) -> float:
        """Length or area of space for each site."""

    @property
    def drawn(self) -> bool:
        """Whether every sample has points of its own, drawn with a generator."""

    def cut(
        self,
        inside: Callable[[np.ndarray], np.ndarray],
        extent: float,
        rng: np.random.Generator | None = None,
        area: float | None = None,
    ) -> "Sites":
        """Return the sites inside a shape; only drawn points use the generator and, where known, the shape's area."""


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
    drawn: ClassVar[bool] = False

    @property
    def dimension(self) -> int:
        """Number of space dimensions."""
        return len(self.vectors)

    @property
    def area_per_site(self) -> float:
        """Length or area of the unit cell divided by its number of sites."""
        return float(abs(np.linalg.det(np.array(self.vectors)))) / len(self.basis)

    def cut(
        self,
        inside: Callable[[np.ndarray], np.ndarray],
        extent: float,
        rng: np.random.Generator | None = None,
        area: float | None = None,
    ) -> "Sites":
        """Return the sites that lie inside a shape: `cut`; nothing is drawn, so generator and area go unused."""
        return cut(self, inside, extent)


CHAIN = UnitCell("chain", vectors=((1.0,),), basis=((0.0,), (0.0,)))
"""Two sublattices, A and B, at one position: the winding number counts in cells."""

SQUARE = UnitCell("square", vectors=((1.0, 0.0), (0.0, 1.0)), basis=((0.0, 0.0),))

HONEYCOMB = UnitCell(
    "honeycomb",
    vectors=((np.sqrt(3.0), 0.0), (np.sqrt(3.0) / 2, 1.5)),
    basis=((np.sqrt(3.0) / 2, -0.5), (np.sqrt(3.0) / 2, 0.5)),
)
"""The origin is the centre of a hexagon, so that shapes with an inversion centre hold as many A sites as B sites."""

TRIANGULAR = UnitCell("triangular", vectors=((1.0, 0.0), (0.5, np.sqrt(3.0) / 2)), basis=((0.0, 0.0),))

KAGOME = UnitCell(
    "kagome",
    vectors=((2.0, 0.0), (1.0, np.sqrt(3.0))),
    basis=((1.0, 0.0), (0.5, np.sqrt(3.0) / 2), (1.5, np.sqrt(3.0) / 2)),
)
"""A cell is one triangle. The origin is the centre of a hexagon: a disk holds as many sites of each sublattice."""

LATTICES = {
    "chain": "toponn.matter.lattices:CHAIN",
    "square": "toponn.matter.lattices:SQUARE",
    "honeycomb": "toponn.matter.lattices:HONEYCOMB",
    "kagome": "toponn.matter.lattices:KAGOME",
    "triangular": "toponn.matter.lattices:TRIANGULAR",
    "random": "toponn.matter.point_sets:RANDOM",
    "ammann_beenker": "toponn.matter.point_sets:AMMANN_BEENKER",
}


@dataclass(frozen=True)
class Sites:
    """The sites of one sample.

    Attributes
    ----------
    positions : (N, d) float64
    cell : (N, d) int64 or None
        Index of the unit cell that a site belongs to; None where there is no unit cell.
    sublattice : (N,) int64 or None
    periods : (d, d) float64 or None
        Rows are the torus' vectors; None where the ends are open.
    size : (d,) int64 or None
        Cells along each period; it outlives the removal of sites.
    """

    positions: np.ndarray
    cell: np.ndarray | None = None
    sublattice: np.ndarray | None = None
    periods: np.ndarray | None = None
    size: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def neighbours(self, source: int, target: int, offset: tuple[int, ...]) -> np.ndarray:
        """Return the pairs (from, to) of sites that a bond connects, (bonds, 2) int64, ordered by the first.

        A bond leads from sublattice `source` of a cell to sublattice `target` of the cell `offset` away; on a torus,
        cells are counted modulo its size. The cost is N log N.

        Raises
        ------
        DataError
            If the sites have no unit cells, or lie on a torus of unknown size.
        """
        from scipy.spatial import cKDTree  # here, because the Snakefile imports this module

        if self.cell is None or self.sublattice is None:
            raise DataError("sites: found no unit cells; allowed: sites of a periodic lattice, or bonds by distance")
        if self.periods is not None and self.size is None:
            raise DataError("sites: found periods without a size; allowed: the number of cells along each period")
        start, end = np.flatnonzero(self.sublattice == source), np.flatnonzero(self.sublattice == target)
        if not len(start) or not len(end):
            return np.empty((0, 2), dtype=np.int64)
        cell = self.cell[start] + np.array(offset, dtype=np.int64)
        if self.periods is not None:
            cell = cell % self.size
        distance, nearest = cKDTree(self.cell[end]).query(cell, distance_upper_bound=0.5)
        found = np.isfinite(distance)
        return np.column_stack([start[found], end[nearest[found]]])

    def displacements(self, pairs: np.ndarray) -> np.ndarray:
        """Return the ways from i to j of pairs (bonds, 2), (bonds, d) float64.

        On a torus each leads to the image that is at most half a period away along every period.
        """
        way = self.positions[pairs[:, 1]] - self.positions[pairs[:, 0]]
        if self.periods is None:
            return way
        return way - np.rint(way @ np.linalg.inv(self.periods)) @ self.periods

    def within(self, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the pairs of sites at most `radius` apart; the cost is N log N.

        Returns
        -------
        pairs : (bonds, 2) int64
            With i < j, sorted.
        displacement : (bonds, d) float64
            From i to j; on a torus to the nearest image of j.

        Raises
        ------
        DataError
            If a torus is so small that a site could reach two images of another.
        """
        from scipy.spatial import cKDTree  # here, because the Snakefile imports this module

        where, origin = self.positions, np.arange(len(self))
        if self.periods is not None:
            where, origin = _with_images(self.positions, self.periods, radius)
        pairs = cKDTree(where).query_pairs(radius + TOUCHING, output_type="ndarray").reshape(-1, 2)
        # On a torus a pair across its border comes twice, once from either side: it is taken where i is no image.
        pairs = pairs[(pairs[:, 0] < len(self)) & (origin[pairs[:, 0]] < origin[pairs[:, 1]])]
        sites = origin[pairs]
        order = np.lexsort((sites[:, 1], sites[:, 0]))
        return sites[order].astype(np.int64), (where[pairs[:, 1]] - where[pairs[:, 0]])[order]


def _with_images(positions: np.ndarray, periods: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return positions in one cell of a torus, followed by their images within `radius` of it, and whose they are."""
    shortest = _shortest(periods)
    if radius + TOUCHING >= shortest / 2:
        allowed = f"less than half the torus' shortest period, {shortest / 2:g}"
        raise DataError(f"radius: found {radius:g}; allowed: {allowed}")
    inverse = np.linalg.inv(periods)
    reduced = positions @ inverse
    reduced -= np.floor(reduced)
    margin = (radius + 2 * TOUCHING) * np.linalg.norm(inverse, axis=0)  # of a radius, in reduced coordinates
    images, origin = [reduced], [np.arange(len(positions))]
    for shift in _integers(np.ceil(margin).astype(int)):
        near = ((reduced + shift >= -margin) & (reduced + shift <= 1 + margin)).all(axis=1)
        if shift.any():
            images.append(reduced[near] + shift)
            origin.append(np.flatnonzero(near))
    return np.concatenate(images) @ periods, np.concatenate(origin)


def _integers(reach: np.ndarray) -> np.ndarray:
    """Return all integer vectors whose components are at most `reach` (d,) in magnitude, in order, (count, d) int64."""
    axes = [np.arange(-r, r + 1) for r in reach]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(reach))


def _shortest(periods: np.ndarray) -> float:
    """Return the length of the shortest way around a torus, which need not be one of its `periods` (d, d)."""
    # A vector no longer than L has components along the periods bounded by L times the reciprocal vectors' lengths.
    longest = np.linalg.norm(periods, axis=1).min()
    ways = _integers(np.ceil(longest * np.linalg.norm(np.linalg.inv(periods), axis=0)).astype(int))
    return float(np.linalg.norm(ways[ways.any(axis=1)] @ periods, axis=1).min())


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
    cells = _integers(reach)
    positions = (cells @ vectors)[:, None, :] + basis  # (cells, sublattices, d)
    keep = inside(positions.reshape(-1, unit_cell.dimension))
    if not keep.any():
        raise DataError(f"shape: found no site of the {unit_cell.name} lattice inside; allowed: at least one")
    cell = np.repeat(cells, len(basis), axis=0)[keep]
    sublattice = np.tile(np.arange(len(basis)), len(cells))[keep]
    return Sites(positions.reshape(-1, unit_cell.dimension)[keep], cell - cell.min(axis=0), sublattice)


def torus(unit_cell: UnitCell, size: tuple[int, ...]) -> Sites:
    """Return a periodic sample of ``size`` cells about the origin, ordered by cell, then sublattice.

    Raises
    ------
    DataError
        If the size is not one positive number of cells for each dimension.

    Examples
    --------
    >>> torus(SQUARE, (4, 3)).neighbours(0, 0, (1, 0))[-1].tolist()
    [11, 2]
    """
    cells_along = np.array(size)
    whole = cells_along.shape == (unit_cell.dimension,) and np.issubdtype(cells_along.dtype, np.integer)
    if not whole or (cells_along < 1).any():
        allowed = f"{unit_cell.dimension} whole number(s) from 1, the cells along each vector of {unit_cell.name}"
        raise DataError(f"torus: found size {tuple(size)}; allowed: {allowed}")
    vectors, basis = np.array(unit_cell.vectors), np.array(unit_cell.basis)
    cells = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1).reshape(-1, unit_cell.dimension)
    positions = ((cells - cells_along // 2) @ vectors)[:, None, :] + basis  # (cells, sublattices, d)
    return Sites(
        positions.reshape(-1, unit_cell.dimension),
        np.repeat(cells, len(basis), axis=0),
        np.tile(np.arange(len(basis)), len(cells)),
        cells_along[:, None] * vectors,
        cells_along.astype(np.int64),
    )


def normalised_coordinates(positions: np.ndarray) -> np.ndarray:
    """Return positions (…, N, d), sample by sample, shifted and stretched along each axis to fill [−1, 1]^d."""
    low, high = positions.min(axis=-2, keepdims=True), positions.max(axis=-2, keepdims=True)
    return (2 * positions - low - high) / np.where(high > low, high - low, 1.0)
