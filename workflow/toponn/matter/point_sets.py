"""Sites without a unit cell: points drawn at random, and the octagonal quasicrystal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toponn.matter.lattices import Sites
from toponn.matter.shapes import counted_area
from toponn.tools.checks import DataError

TRIES_PER_SITE = 1000
"""Candidates for each site after which a point set counts as too dense; a disk at 0.7 takes eight."""


def _ordered(positions: np.ndarray) -> Sites:
    """Return sites without cells at positions (N, 2), ordered from left to right, then from bottom to top."""
    return Sites(positions[np.lexsort((positions[:, 1], positions[:, 0]))])


def _nothing_inside(name: str) -> DataError:
    return DataError(f"shape: found no site of the {name} point set inside; allowed: at least one")


@dataclass(frozen=True)
class RandomPoints:
    """An amorphous set of one site per unit area, drawn anew for every sample, no two nearer than a minimum distance.

    Points fall one by one, uniformly in the shape, and stay unless one that fell before is too near (random sequential
    addition). The minimum distance keeps hopping that grows at short distances finite; at 0 the points are a
    binomial process, the completely random set.

    References
    ----------
    A. Agarwala, V. B. Shenoy, Phys. Rev. Lett. 118, 236402 (2017), for topological matter on random points;
    B. Widom, J. Chem. Phys. 44, 3888 (1966), for random sequential addition, which in the plane jams where disks of
    that diameter cover 0.547 of it: at one site per unit area, above a minimum distance of 0.83.
    """

    minimum_distance: float = 0.7
    name: str = "random"
    dimension: ClassVar[int] = 2
    area_per_site: ClassVar[float] = 1.0
    drawn: ClassVar[bool] = True

    def cut(
        self,
        inside: Callable[[np.ndarray], np.ndarray],
        extent: float,
        rng: np.random.Generator | None = None,
        area: float | None = None,
    ) -> Sites:
        """Return as many sites as the shape has units of area, ordered from left to right.

        Parameters
        ----------
        inside
            Predicate on positions, (N, 2) float64 to (N,) bool.
        extent
            Distance from the origin within which the whole shape lies.
        rng
            Required. One state of it gives one set of points.
        area
            Area of the shape; counted where it is not given.

        Raises
        ------
        TypeError
            Without a generator.
        DataError
            If the shape has no room for one site, or its sites do not fit at the minimum distance.
        """
        if rng is None:
            raise TypeError(f"rng: found None; allowed: a numpy Generator, for the {self.name} point set is drawn")
        number = round(counted_area(inside, extent) if area is None else area)
        if number < 1:
            raise _nothing_inside(self.name)
        points, tried = np.empty((0, 2)), 0
        while len(points) < number:
            if tried >= TRIES_PER_SITE * number:
                found = f"room for {len(points)} of {number} sites at distance {self.minimum_distance:g}"
                raise DataError(f"shape: found {found} in {tried} tries; allowed: a smaller minimum distance")
            candidates = rng.uniform(-extent, extent, size=(2 * number + 16, 2))
            tried += len(candidates)
            points = self._added(points, candidates[inside(candidates)])
        return _ordered(points[:number])

    def _added(self, points: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Return `points` (n, 2), followed by those of the candidates that stay when they fall one by one."""
        from scipy.spatial import cKDTree  # here, as in `toponn.matter.lattices`

        if len(points) and len(candidates):
            distance, _ = cKDTree(points).query(candidates, distance_upper_bound=self.minimum_distance)
            candidates = candidates[distance >= self.minimum_distance]
        if not len(candidates):
            return points
        near = cKDTree(candidates).query_pairs(self.minimum_distance, output_type="ndarray").reshape(-1, 2)
        # Settled in rounds: a candidate stays once no earlier neighbour can stay, and goes once one of them does.
        undecided, stays = np.ones(len(candidates), dtype=bool), np.zeros(len(candidates), dtype=bool)
        while undecided.any():
            waiting = np.zeros(len(candidates), dtype=bool)
            waiting[near[undecided[near[:, 0]], 1]] = True
            stays |= undecided & ~waiting
            gone = np.zeros(len(candidates), dtype=bool)
            gone[near[stays[near[:, 0]], 1]] = True
            undecided &= waiting & ~gone
        return np.concatenate([points, candidates[stays]])


@dataclass(frozen=True)
class AmmannBeenker:
    """The octagonal quasicrystal: vertices of a tiling by squares and 45° rhombi of edge length 1.

    A point n of Z⁴ is projected on the plane by ``Σ_k n_k (cos kπ/4, sin kπ/4)`` and taken where its other projection
    ``Σ_k n_k (cos 3kπ/4, sin 3kπ/4)``, shifted, lies in a window, the regular octagon of edge length 1. Two sites at
    distance 1 are the ends of an edge, and four edges meet at a site on average.

    Attributes
    ----------
    shift : two floats
        Of the window (phason). With (0, 0) the pattern has the eightfold symmetry of the octagon about the origin; the
        default has none. With either no point lies on the window's border: that is 1/2 + √2/2 away from its centre
        along a normal, and next to its multiple of √2/2 a point has an integer there, or one plus 0.13 or 0.07.

    References
    ----------
    F. P. M. Beenker, Algebraic theory of non-periodic tilings of the plane by two simple building blocks: a square
    and a rhombus, Eindhoven report 82-WSK-04 (1982); R. Ammann, B. Grünbaum, G. C. Shephard, Discrete Comput. Geom.
    8, 1 (1992).
    """

    shift: tuple[float, float] = (0.13, 0.07)
    name: str = "ammann_beenker"
    dimension: ClassVar[int] = 2
    drawn: ClassVar[bool] = False

    @property
    def area_per_site(self) -> float:
        """Volume of the cell of Z⁴ in the two projections, 4, divided by the area of the window, 2 (1 + √2)."""
        return float(2 / (1 + np.sqrt(2)))

    def cut(
        self,
        inside: Callable[[np.ndarray], np.ndarray],
        extent: float,
        rng: np.random.Generator | None = None,
        area: float | None = None,
    ) -> Sites:
        """Return the sites that lie inside a shape, ordered from left to right; nothing is drawn.

        Parameters
        ----------
        inside
            Predicate on positions, (N, 2) float64 to (N,) bool.
        extent
            Distance from the origin within which the whole shape lies.

        Raises
        ------
        DataError
            If no site lies inside.
        """
        n = self._candidates(extent)
        half = np.sqrt(0.5)
        position = np.column_stack([n[:, 0] + (n[:, 1] - n[:, 3]) * half, n[:, 2] + (n[:, 1] + n[:, 3]) * half])
        x, y = (
            np.column_stack([n[:, 0] + (n[:, 3] - n[:, 1]) * half, (n[:, 1] + n[:, 3]) * half - n[:, 2]]) + self.shift
        ).T
        # The octagon lies between four pairs of parallel edges, (1 + √2) apart.
        across = np.abs([x, y, (x + y) * half, (x - y) * half]).max(axis=0)
        position = position[across < 0.5 + half]
        position = position[inside(position)]
        if not len(position):
            raise _nothing_inside(self.name)
        return _ordered(position)

    def _candidates(self, extent: float) -> np.ndarray:
        """Return the points of Z⁴ whose projections may lie within `extent` and within the window, (count, 4) int64."""
        # n_k = ½ e_k·(first projection) + ½ e*_k·(second), and the window ends 1.31 from its centre.
        reach = int(np.ceil((extent + 1.31 + np.linalg.norm(self.shift)) / 2))
        axis = np.arange(-reach, reach + 1)
        n1, n3 = (grid.ravel() for grid in np.meshgrid(axis, axis, indexing="ij"))
        # Given these two, the window leaves at most three values of either other: those within 1.21 of
        first = np.ceil((n1 - n3) * np.sqrt(0.5) - self.shift[0] - 1.21).astype(np.int64)
        third = np.ceil((n1 + n3) * np.sqrt(0.5) + self.shift[1] - 1.21).astype(np.int64)
        return np.stack([np.column_stack([first + i, n1, third + j, n3]) for i in range(3) for j in range(3)]).reshape(
            -1, 4
        )


RANDOM = RandomPoints()
AMMANN_BEENKER = AmmannBeenker()
