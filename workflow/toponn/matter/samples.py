"""The one type of a sample on its way from a draw to what a network sees."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from toponn.matter.lattices import normalised_coordinates
from toponn.matter.shapes import Shape, local_coordinates
from toponn.matter.states import (
    MIDGAP_PAIR,
    chiral_block,
    chiral_occupied_states,
    is_chiral,
    occupied_states,
    polar_factor,
    projector,
)
from toponn.tools.checks import DataError, NotApplicable, choose, hermitian, numbers, refusal, short, whole_numbers
from toponn.tools.conventions import DIMENSION

FIRST_AXIS = {"positions": 3, "fermi_level": 1, "filled": 1} | dict.fromkeys(
    ("hamiltonians", "states", "gaps", "numbers", "draw", "label", "margin", "references", "proxies", "split"), 0
)
"""Fields that run over samples, and from how many axes on they do: positions (N, d) belong to all, (B, N, d) do not."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Samples:
    """A batch of B samples, each of N sites and n orbitals; a single sample is a batch of one.

    `Samples.of` makes them from a user's Hamiltonians and checks these, `toponn.data.recipes.Recipe.draw` draws them,
    and `toponn.data.datasets.read_dataset` reads them from a file. A slice, a list of numbers or a mask takes some of
    them. They print as what `toponn.matter.names.parsed` reads.

    Attributes
    ----------
    positions : (N, d) or, where every sample has its own, (B, N, d) float64
    hamiltonians : (B, n, n) float64 or complex128, or (B,) of SciPy's sparse arrays, or None where they are not known
        Orbital index fastest, the same number of orbitals on every site.
    states, gaps : (B, O, n), one state a row, and (B,) float64, or None
        Occupied states and the gap above them where they are given, as by a file. Otherwise `occupied` and `gap` are
        solved from the Hamiltonians on first use.
    sublattice : (N,) int64 or None
        On chains 0 on A and 1 on B.
    cell : (N, d) int64, or None where there is no grid of cells
    fermi_level : float, (B,) or None
        Energy below which states are filled; without it the `filled` lowest ones are.
    filled : int, (B,) or None
        Number of filled states; without it half of them.
    midgap_pair : "kept" or "dropped"
        Whether the occupied states of chains hold the one that is nearest to the middle of the gap.
    area_per_site : float or None
        Length or area for each site; without it the areas of Voronoi cells serve.
    periods : (2, 2) float64, or None where the ends are open
        Rows are the vectors of a torus.
    shape : Shape or None
        What the samples were cut to, where their bulk is not in the middle.
    numbers : of parameters and strengths of disorder, such as ``"parameters/mass"``, (B,) float64 each
    draw : (B,) int64 or None
        Which draws of their recipe they are.
    label, margin : (B,) int64 and float64, or None
        The index of the spectral localizer, and its gap.
    references : per independent estimator, (B,) float64, not rounded
    proxies : integers (B,) float64 that one could take for the label: those of ``clean_parameters`` without disorder,
        and of samples with an interface of their ``outside_parameters``
    split : (B,) int8 or None
        Places in `toponn.tools.conventions.SPLITS`.
    attributes : what a dataset says of all its samples, among it ``name`` and ``system``
    """

    positions: np.ndarray
    hamiltonians: np.ndarray | None = None
    states: np.ndarray | None = None
    gaps: np.ndarray | None = None
    sublattice: np.ndarray | None = None
    cell: np.ndarray | None = None
    fermi_level: float | np.ndarray | None = None
    filled: int | np.ndarray | None = None
    midgap_pair: str = "kept"
    area_per_site: float | None = None
    periods: np.ndarray | None = None
    shape: Shape | None = None
    numbers: Mapping[str, np.ndarray] = field(default_factory=dict)
    draw: np.ndarray | None = None
    label: np.ndarray | None = None
    margin: np.ndarray | None = None
    references: Mapping[str, np.ndarray] = field(default_factory=dict)
    proxies: Mapping[str, np.ndarray] = field(default_factory=dict)
    split: np.ndarray | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        hamiltonians: np.ndarray,
        positions: np.ndarray,
        sublattice: np.ndarray | None = None,
        cell: np.ndarray | None = None,
        *,
        filled: int | np.ndarray | None = None,
        area_per_site: float | None = None,
        periods: np.ndarray | None = None,
        midgap_pair: str = "kept",
        fermi_level: float | np.ndarray | None = None,
        shape: Shape | None = None,
    ) -> "Samples":
        """Return samples of a user's Hamiltonians (B, n, n), or (n, n) of one, on sites at `positions`.

        Raises
        ------
        DataError
            If a matrix is not finite or Hermitian, sizes do not belong together, or a mid-gap pair is to be dropped of
            anything but chains.
        ConfigError
            If `midgap_pair` is neither "kept" nor "dropped".
        """
        H, r = _matrices(hamiltonians), numbers(positions, "positions", "(N, d) or (B, N, d)", (2, 3))
        (batch, n, _), (sites, d) = H.shape, r.shape[-2:]
        if d not in (1, 2) or r.shape[:-2] not in ((), (batch,)):
            allowed = f"(N, d) or ({batch}, N, d) with d = 1 or 2"
            raise DataError(f"positions: found shape {r.shape}; allowed: {allowed}")
        if n % sites:
            raise DataError(f"hamiltonian: found {n} orbitals on {sites} sites; allowed: the same number on every site")
        choose(MIDGAP_PAIR, midgap_pair, "midgap_pair")
        if midgap_pair == "dropped" and d != 1:
            raise DataError(refusal("midgap_pair", midgap_pair, "kept, since only chains have a mid-gap pair"))
        sublattice = None if sublattice is None else whole_numbers(sublattice, "sublattice", (sites,))
        cell = None if cell is None else whole_numbers(cell, "cell", (sites, d))
        if fermi_level is not None:
            fermi_level = numbers(fermi_level, "fermi_level", f"() or ({batch},)", (0, 1))
            if fermi_level.shape not in ((), (batch,)):
                raise DataError(f"fermi_level: found shape {fermi_level.shape}; allowed: () or ({batch},)")
        filling = {"fermi_level": fermi_level, "filled": _count(filled, batch, n), "midgap_pair": midgap_pair}
        area, periods = _given(area_per_site, "area_per_site", ()), _given(periods, "periods", (2, 2))
        where = {"sublattice": sublattice, "cell": cell, "area_per_site": area, "periods": periods, "shape": shape}
        return cls(hamiltonians=H, positions=r, **filling, **where)

    @classmethod
    def joined(cls, parts: Sequence["Samples"]) -> "Samples":
        """Return batches of one geometry as one; rows of zeros make up for states that are fewer in one of them."""
        columns = {name: [getattr(part, name) for part in parts] for name in parts[0]._of_samples()}
        return replace(parts[0], **{name: _concatenated(values) for name, values in columns.items()})

    def _of_samples(self) -> dict[str, Any]:
        """Return what runs over samples, by field."""
        values = {name: getattr(self, name) for name in FIRST_AXIS}
        return {name: x for name, x in values.items() if x is not None and np.ndim(x) >= FIRST_AXIS[name]}

    def __len__(self) -> int:
        return len(next(x for x in (self.hamiltonians, self.states, self.draw) if x is not None))

    def parts(self, size: int) -> Iterator["Samples"]:
        """Yield at most `size` samples at a time, all on the same sites: one by one where each has its own."""
        size = 1 if self.positions.ndim == 3 else size
        return (self[start : start + size] for start in range(0, len(self), size))

    def __getitem__(self, rows: int | slice | Sequence[int] | np.ndarray) -> "Samples":
        """Return some of the samples, with what has been solved of them."""
        rows = [rows] if isinstance(rows, int | np.integer) else rows
        some = replace(self, **{name: _rows(values, rows) for name, values in self._of_samples().items()})
        if "_solved" in vars(self):
            vars(some)["_solved"] = tuple(part[rows] for part in self._solved)
        return some

    def __repr__(self) -> str:
        origin = self.attributes.get("system", f"unnamed[{self.positions.shape[-2]} sites]")
        alone = len(self) == 1 and self.draw is not None
        return f"{origin}#{self.draw[0]}" if alone else f"{origin} ({len(self)} samples)"

    @property
    def name(self) -> str:
        """Name of the dataset or recipe that they belong to."""
        return self.attributes.get("name", "")

    # --- The sites ----------------------------------------------------------------------------------------

    @property
    def dimension(self) -> int:
        """Number of space dimensions."""
        return self.positions.shape[-1]

    @property
    def task(self) -> str:
        """Which invariant they have, winding or Chern number."""
        return next(task for task, dimension in DIMENSION.items() if dimension == self.dimension)

    @property
    def site_of_orbital(self) -> np.ndarray:
        """Site that each orbital sits on, (n,) int64."""
        n = self.states.shape[-1] if self.hamiltonians is None else self.hamiltonians[0].shape[-1]
        return np.arange(n) // (n // self.positions.shape[-2])

    @property
    def geometry(self) -> np.ndarray:
        """Positions (N, d) that all samples share; several that each have their own are refused."""
        if self.positions.ndim == 2:
            return self.positions
        if len(self.positions) > 1:
            raise DataError("positions: found one set for each sample; allowed: batches of one geometry")
        return self.positions[0]

    @property
    def places(self) -> np.ndarray:
        """Positions of the cells of a chain, or of the sites in the plane, about their middle, (places, d)."""
        positions = self.geometry[self.sublattice == 0] if self.dimension == 1 else self.geometry
        return positions - (positions.min(axis=0) + positions.max(axis=0)) / 2

    @property
    def coordinates(self) -> np.ndarray:
        """Normalised coordinates of these places, (places, d), which all samples share."""
        return normalised_coordinates(self.geometry[self.chain_sublattices[0] if self.dimension == 1 else slice(None)])

    @property
    def n_places(self) -> int:
        """Number of cells of a chain, or of sites in the plane."""
        return int(np.sum(self.sublattice == 0)) if self.dimension == 1 else self.positions.shape[-2]

    @property
    def area_per_place(self) -> float | None:
        """Length of a chain, in cells, or area of the plane for each of the `places`."""
        return 1.0 if self.dimension == 1 else self.area_per_site

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

    @property
    def chain_sublattices(self) -> tuple[np.ndarray, np.ndarray]:
        """Which sites of a chain belong to A and to B, (N,) bool each; others than two of equal size are refused."""
        if self.sublattice is None or (self.sublattice == 0).sum() != (self.sublattice == 1).sum():
            raise NotApplicable("a winding number needs a chiral chain with as many A sites as B sites")
        return self.sublattice == 0, self.sublattice == 1

    # --- The states ---------------------------------------------------------------------------------------

    @cached_property
    def dense(self) -> np.ndarray:
        """The Hamiltonians as arrays, (B, n, n); refused where there are none, since a file holds the states alone."""
        if self.hamiltonians is None:
            raise DataError(f"{self}: found no Hamiltonians; allowed: samples as they are drawn, or `Samples.of` some")
        if self.hamiltonians.ndim == 1:
            return np.stack([hamiltonian.toarray() for hamiltonian in self.hamiltonians])
        return self.hamiltonians

    @cached_property
    def chiral(self) -> bool:
        """Whether these are half filled chains whose sublattices, of as many sites each, couple to each other alone."""
        if self.sublattice is None or self.dimension != 1:
            return False
        half = self.fermi_level is None or not np.any(self.fermi_level)
        half &= self.filled is None or bool(np.all(np.asarray(self.filled) == self.dense.shape[-1] // 2))
        one_orbital = self.dense.shape[-1] == self.positions.shape[-2]
        balanced = (self.sublattice == 0).sum() == (self.sublattice == 1).sum()
        return half and one_orbital and bool(balanced) and is_chiral(self.dense, self.sublattice)

    @cached_property
    def block(self) -> np.ndarray:
        """The block h (B, cells, cells) of chiral chains, real where it can be; other samples have none."""
        if not self.chiral:
            raise NotApplicable(
                "winding number: found no chiral chain; allowed: one dimension, one orbital a site, a sublattice for "
                "every site, as many A as B, no term within a sublattice, and the Fermi level at zero"
            )
        h = chiral_block(self.dense, self.sublattice)
        return h.real.copy() if not h.imag.any() else h

    @cached_property
    def _solved(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Filled states, the gap above them and the Fermi level, of chiral chains from the block alone.

        For eigh may return end states whose energy is below its rounding on one sublattice each, and the polar factor
        would not be unitary.
        """
        if self.chiral:
            return *chiral_occupied_states(self.block, self.sublattice), np.zeros(len(self))
        return occupied_states(self.dense, self.fermi_level, self.filled)

    @cached_property
    def occupied(self) -> np.ndarray:
        """Filled states, (B, O, n), one a row; rows of zeros follow where a sample has fewer than another."""
        return MIDGAP_PAIR[self.midgap_pair](self._solved[0]) if self.states is None else self.states

    @property
    def gap(self) -> np.ndarray:
        """Energy between the highest filled and the lowest empty state, (B,)."""
        return self._solved[1] if self.gaps is None else self.gaps

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
        """Polar factor q of the block of chiral chains, (B, cells, cells)."""
        self.block  # noqa: B018  (refuses what is not chiral)
        return polar_factor(self.occupied, self.sublattice)


def _rows(values: Any, rows: Any) -> Any:
    return {key: array[rows] for key, array in values.items()} if isinstance(values, Mapping) else values[rows]


def _concatenated(values: Sequence[Any]) -> Any:
    """Return one field of several batches as one; states (B, O, n) of different O are padded."""
    if isinstance(values[0], Mapping):
        return {key: np.concatenate([value[key] for value in values]) for key in values[0]}
    if len({array.shape[1:] for array in values}) == 1:
        return np.concatenate(values)
    most = max(array.shape[1] for array in values)
    return np.concatenate([np.pad(array, ((0, 0), (0, most - array.shape[1]), (0, 0))) for array in values])


# --- What a user gives ------------------------------------------------------------------------------------


def _matrices(hamiltonians: Any) -> np.ndarray:
    """Return Hamiltonians as a batch (B, n, n), contiguous, float64 or complex128."""
    if hasattr(hamiltonians, "tocsr"):
        allowed = "arrays, or toponn.invariants.sparse for large ones"
        raise DataError(f"hamiltonian: found a sparse matrix; allowed: {allowed}")
    H = numbers(hamiltonians, "hamiltonian", "(n, n) or (B, n, n)", (2, 3), keep=True)
    H = np.ascontiguousarray(H, dtype=complex if H.dtype.kind == "c" else float)
    return hermitian(H[None] if H.ndim == 2 else H)


def _given(value: Any, name: str, shape: tuple[int, ...]) -> Any:
    """Return an area or the vectors of a torus, or None, if they are numbers of this shape and not zero."""
    if value is not None and (np.shape(value) != shape or not np.isfinite(value).all() or not np.any(value)):
        what = "two vectors of two finite numbers, one a row" if shape else "a positive number"
        raise DataError(f"{name}: found {short(value)}; allowed: {what}")
    return value


def _count(filled: Any, batch: int, n: int) -> Any:
    """Return numbers of filled states, or None, if they are whole numbers of n."""
    found = np.asarray(0 if filled is None else filled)
    if found.shape not in ((), (batch,)) or found.dtype.kind not in "iu" or ((found < 0) | (found > n)).any():
        allowed = f"a whole number from 0 to {n}, or one for each of {batch} samples"
        raise DataError(f"filled: found {short(filled)}; allowed: {allowed}")
    return filled if filled is None else found
