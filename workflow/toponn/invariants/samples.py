"""What every estimator takes: Hamiltonians and positions, checked once and solved once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from toponn.matter.shapes import Shape, local_coordinates
from toponn.matter.states import (
    chiral_block,
    chiral_occupied_states,
    is_chiral_chain,
    occupied_states,
    polar_factor,
    projector,
)
from toponn.tools.checks import DataError, NotApplicable, hermitian


@dataclass(frozen=True)
class Samples:
    """A batch of Hamiltonians on sites of the same number, with what the user knows about them.

    Attributes
    ----------
    hamiltonians : (B, n, n), or (n, n) for one sample
        Orbital index fastest, the same number of orbitals on every site.
    positions : (N, d) or, where every sample has its own, (B, N, d) float64
    sublattice : (N,) int64 or None
        0 on A and 1 on B of a chiral chain.
    fermi_level : float, (B,) or None
        Energy below which states are filled; without it the `filled` lowest ones are.
    filled : int, (B,) or None
        Number of filled states; without it half of them.
    area_per_site : float or None
        Without it the areas of Voronoi cells serve.
    periods : (2, 2) float64 or None
        Rows are the vectors of a torus; None where the ends are open.
    shape : Shape or None
        What the sample was cut to, where its bulk is not in the middle.

    Raises
    ------
    DataError
        If a matrix is not finite or Hermitian, or sizes do not belong together.
    """

    hamiltonians: np.ndarray
    positions: np.ndarray
    sublattice: np.ndarray | None = None
    fermi_level: float | np.ndarray | None = None
    filled: int | np.ndarray | None = None
    area_per_site: float | None = None
    periods: np.ndarray | None = None
    shape: Shape | None = None

    def __post_init__(self) -> None:
        H, where = _as_matrices(self.hamiltonians), np.asarray(self.positions, dtype=float)
        if where.ndim not in (2, 3) or where.shape[-1] not in (1, 2) or not np.isfinite(where).all():
            raise DataError(f"positions: found shape {where.shape}; allowed: finite numbers (N, d) or (B, N, d), d ≤ 2")
        if H.shape[-1] % where.shape[-2] or where.shape[:-2] not in ((), H.shape[:1]):
            allowed = "the same number of orbitals on every site, and one set of positions or one for each sample"
            raise DataError(f"positions: found {where.shape} for Hamiltonians {H.shape}; allowed: {allowed}")
        if self.sublattice is not None and np.shape(self.sublattice) != where.shape[-2:-1]:
            found = f"shape {np.shape(self.sublattice)}"
            raise DataError(f"sublattice: found {found}; allowed: one number for each of {where.shape[-2]} sites")
        for name, high in (("fermi_level", np.inf), ("filled", H.shape[-1])):
            values = getattr(self, name)
            self._check_filling(name, values, H.shape[:1], -np.inf if name == "fermi_level" else 0, high)
        for name, shape in (("area_per_site", ()), ("periods", (2, 2))):
            value = getattr(self, name)
            if value is not None and (np.shape(value) != shape or not np.isfinite(value).all() or not np.any(value)):
                what = "a positive number" if shape == () else "two vectors of two finite numbers, one a row"
                raise DataError(f"{name}: found {value!r}; allowed: {what}")
        object.__setattr__(self, "hamiltonians", H)
        object.__setattr__(self, "positions", where)
        if self.sublattice is not None:
            object.__setattr__(self, "sublattice", np.asarray(self.sublattice))

    @staticmethod
    def _check_filling(name: str, values: object, batch: tuple[int, ...], low: float, high: float) -> None:
        if values is None:
            return
        array = np.asarray(values, dtype=float)
        if array.shape not in ((), batch) or not (np.isfinite(array) & (array >= low) & (array <= high)).all():
            limits = "a finite number" if high == np.inf else f"a number from 0 to {high}"
            raise DataError(f"{name}: found {values!r}; allowed: {limits}, or one for each of {batch[0]} samples")

    def __len__(self) -> int:
        return len(self.hamiltonians)

    @property
    def dimension(self) -> int:
        """Number of space dimensions."""
        return self.positions.shape[-1]

    @property
    def site_of_orbital(self) -> np.ndarray:
        """Site that each orbital sits on, (n,) int64."""
        n, sites = self.hamiltonians.shape[-1], self.positions.shape[-2]
        return np.arange(n) // (n // sites)

    @property
    def centred(self) -> np.ndarray:
        """Positions about the point deep inside the sample, (N, d) or (B, N, d)."""
        if self.shape is not None and self.shape.centre is not None:
            return self.positions - np.array(self.shape.centre)
        return self.positions - (self.positions.min(axis=-2) + self.positions.max(axis=-2))[..., None, :] / 2

    @property
    def local(self) -> np.ndarray:
        """Coordinates that are 0 deep inside and ±1 near the rim, (N, d) or (B, N, d)."""
        return local_coordinates(self.positions, self.shape)

    @cached_property
    def chiral(self) -> bool:
        """Whether this is a half filled chain whose sublattices, of as many sites each, couple to each other alone."""
        if self.sublattice is None:
            return False
        half = self.fermi_level is None or not np.any(self.fermi_level)
        half &= self.filled is None or bool(np.all(np.asarray(self.filled) == self.hamiltonians.shape[-1] // 2))
        return half and is_chiral_chain(self.hamiltonians, self.positions, self.sublattice)

    @cached_property
    def block(self) -> np.ndarray:
        """The block h (B, cells, cells) of a chiral chain, real where it can be."""
        if not self.chiral:
            raise NotApplicable(
                "winding number: found no chiral chain; allowed: one dimension, one orbital a site, a sublattice for "
                "every site, as many A as B, no term within a sublattice, and the Fermi level at zero"
            )
        h = chiral_block(self.hamiltonians, self.sublattice)
        return h.real.copy() if not h.imag.any() else h

    @cached_property
    def cells(self) -> np.ndarray:
        """Centred positions of the cells of a chiral chain, (cells,) or (B, cells)."""
        return self.centred[..., self.sublattice == 0, 0]

    @cached_property
    def _solved(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self.chiral:
            # eigh may return end states below its rounding on one sublattice each, and q would not be unitary.
            occupied, gap = chiral_occupied_states(self.block, self.sublattice)
            return occupied, gap, np.zeros(len(self))
        return occupied_states(self.hamiltonians, self.fermi_level, self.filled)

    @property
    def occupied(self) -> np.ndarray:
        """Filled states, (B, O, n); rows of zeros follow where a sample has fewer than another."""
        return self._solved[0]

    @property
    def gap(self) -> np.ndarray:
        """Energy between the highest filled and the lowest empty state, (B,)."""
        return self._solved[1]

    @property
    def level(self) -> np.ndarray:
        """Fermi level, (B,); where it is given, nothing is solved for it."""
        if self.fermi_level is not None:
            return np.broadcast_to(np.asarray(self.fermi_level, dtype=float), len(self))
        return self._solved[2]

    @cached_property
    def projector(self) -> np.ndarray:
        """P, (B, n, n)."""
        return projector(self.occupied)

    @cached_property
    def polar_factor(self) -> np.ndarray:
        """Polar factor q of the block of a chiral chain, (B, cells, cells)."""
        self.block  # noqa: B018  (refuses what is not chiral)
        return polar_factor(self.occupied, self.sublattice)


def _as_matrices(hamiltonians: object) -> np.ndarray:
    """Return Hamiltonians as a batch (B, n, n), contiguous, float64 or complex128, or refuse what is none."""
    if hasattr(hamiltonians, "tocsr"):
        raise DataError(
            "hamiltonian: found a sparse matrix; allowed: arrays, or toponn.invariants.sparse for large ones"
        )
    H = np.asarray(hamiltonians)
    if H.dtype.kind not in "biufc":
        raise DataError(f"hamiltonian: found {H.dtype}; allowed: numbers")
    H = np.ascontiguousarray(H[None] if H.ndim == 2 else H, dtype=complex if H.dtype.kind == "c" else float)
    if H.ndim != 3 or not H.size:
        raise DataError(f"hamiltonian: found shape {H.shape}; allowed: (n, n), or (B, n, n) with at least one sample")
    return hermitian(H)
