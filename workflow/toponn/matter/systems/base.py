"""What a Hamiltonian family is, and its most frequent form: a table of on-site and bond matrices on a lattice.

The real-space Hamiltonian of any sample and the Bloch Hamiltonian both follow from that one table.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, ClassVar

import numpy as np

from toponn.matter.lattices import LATTICES, Lattice, Sites, UnitCell
from toponn.tools.checks import ConfigError, refusal, resolve


@dataclass(frozen=True)
class Parameter:
    """A number in the Hamiltonian: the range that makes sense, its unit and its meaning."""

    low: float
    high: float
    unit: str
    meaning: str


@dataclass(frozen=True)
class Bond:
    """A hopping ``|target, cell + offset⟩ amplitude ⟨source, cell|`` and its conjugate.

    Attributes
    ----------
    amplitude : (n_orbitals, n_orbitals) complex128
    disorder_weight
        Bond disorder of width W acts on this bond with width ``disorder_weight · W``.
    """

    name: str
    source: int
    target: int
    offset: tuple[int, ...]
    amplitude: np.ndarray
    disorder_weight: float = 1.0


@dataclass(frozen=True)
class PhasePlane:
    """Two axes of a phase diagram, what is held fixed in it, and the boundaries that the literature gives in it.

    Attributes
    ----------
    x, y
        Names of numbers of a draw, such as ``"parameters/mass"`` or ``"disorder/onsite_box"``.
    x_range, y_range
        Low and high end of each axis.
    fixed
        The parameters that neither axis runs over.
    lines
        Computes `boundary`, for some of them take a while.
    """

    x: str
    y: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_label: str
    y_label: str
    lines: Callable[[], tuple[np.ndarray, ...]]
    source: str
    fixed: Mapping[str, float] = field(default_factory=dict)

    @property
    def boundary(self) -> tuple[np.ndarray, ...]:
        """The literature's boundaries, polylines of (points, 2) float64 each."""
        return self.lines()


VACANT_ENERGY = 100.0
"""On-site energy of a vacancy, in units of the main hopping: far above every band, so that it is never filled."""


@dataclass
class Terms:
    """The pieces of one sample's Hamiltonian before they are assembled; disorder acts on these.

    Attributes
    ----------
    positions : (N, d) float64
    onsite : (N, n_orbitals, n_orbitals) complex128
    pairs : per bond type, (bonds, 2) int64, sites (from, to)
    vectors : per bond type, (bonds, d) float64, from the one site to the other
    hoppings : per bond type, (bonds, n_orbitals, n_orbitals) complex128
    weights : per bond type, its disorder weight
    vacant : (N,) bool
        Sites that are not there: they keep their place in every array, cut off from the rest and empty.
    """

    positions: np.ndarray
    onsite: np.ndarray
    pairs: list[np.ndarray]
    vectors: list[np.ndarray]
    hoppings: list[np.ndarray]
    weights: list[float]
    vacant: np.ndarray

    def _blocks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rows, columns and matrices of all blocks, each bond beside its conjugate, vacancies cut off."""
        n, m = self.onsite.shape[:2]
        pairs, hoppings = np.concatenate(self.pairs), np.concatenate(self.hoppings)
        kept = ~self.vacant[pairs].any(axis=1)
        (source, target), hoppings = pairs[kept].T, hoppings[kept]
        onsite = np.where(self.vacant[:, None, None], VACANT_ENERGY * np.eye(m), self.onsite)
        rows = np.concatenate([np.arange(n), target, source])
        columns = np.concatenate([np.arange(n), source, target])
        return rows, columns, np.concatenate([onsite, hoppings, hoppings.conj().swapaxes(1, 2)])

    def beside(self, other: "Terms", where: np.ndarray) -> "Terms":
        """Return these terms with those of the same sites in `other` where the mask (N,) says so.

        Bonds between the two regions have the mean of both amplitudes.
        """
        shares = [where[pairs].mean(axis=1)[:, None, None] for pairs in self.pairs]
        return replace(
            self,
            onsite=np.where(where[:, None, None], other.onsite, self.onsite),
            hoppings=[
                (1 - share) * here + share * there
                for share, here, there in zip(shares, self.hoppings, other.hoppings, strict=True)
            ],
        )

    def hamiltonian(self) -> np.ndarray:
        """Return the Hermitian matrix, (N·n_orbitals, N·n_orbitals) complex128, orbital index fastest."""
        n, m = self.onsite.shape[:2]
        H = np.zeros((n, n, m, m), dtype=complex)
        if self.vacant.any():
            rows, columns, blocks = self._blocks()
            np.add.at(H, (rows, columns), blocks)
            return H.transpose(0, 2, 1, 3).reshape(n * m, n * m)
        H[np.arange(n), np.arange(n)] = self.onsite
        for pairs, hoppings in zip(self.pairs, self.hoppings, strict=True):
            source, target = pairs.T
            H[target, source] += hoppings  # no pair occurs twice among the bonds of one type
            H[source, target] += hoppings.conj().swapaxes(1, 2)
        return H.transpose(0, 2, 1, 3).reshape(n * m, n * m)

    def sparse_hamiltonian(self) -> Any:
        """Return the same matrix as a `scipy.sparse.csr_array`."""
        from scipy.sparse import csr_array  # here, because the Snakefile imports the systems

        n, m = self.onsite.shape[:2]
        rows, columns, blocks = self._blocks()
        orbitals = np.arange(m)
        at = (rows[:, None, None] * m + orbitals[:, None], columns[:, None, None] * m + orbitals)
        i, j = (np.broadcast_to(index, blocks.shape).ravel() for index in at)
        return csr_array((blocks.ravel(), (i, j)), shape=(n * m, n * m))


class System(ABC):
    """A Hamiltonian family on a lattice."""

    name: ClassVar[str]
    task: ClassVar[str]
    symmetry_class: ClassVar[str]
    lattices: ClassVar[tuple[str, ...]]
    """Rows of `LATTICES` that it lives on; the first is meant where none is named."""
    n_orbitals: ClassVar[int]
    parameters: ClassVar[dict[str, Parameter]]
    refused_disorder: ClassVar[tuple[str, ...]] = ()
    """Kinds of disorder that make no sense in this system, though they do in others of its task."""
    localizer_kappa: ClassVar[float | None]
    """Strength of the positions in the spectral localizer, energy over length; None: from the clean gap."""

    @classmethod
    def lattice(cls, name: str | None = None, where: str = "lattice") -> Lattice:
        """Return the lattice of this name, or the first that it lives on.

        Raises
        ------
        ConfigError
            If it does not live on this one.
        """
        if name is not None and name not in cls.lattices:
            raise ConfigError(refusal(where, name, f"{', '.join(cls.lattices)}, which {cls.name} lives on"))
        return cls._lattice(name or cls.lattices[0])

    @classmethod
    def _lattice(cls, name: str) -> Lattice:
        return resolve(LATTICES, name, "lattices")

    @abstractmethod
    def connections(self, sites: Sites) -> list[np.ndarray]:
        """Return, per bond type, the pairs of sites that it connects; they depend on the geometry alone."""

    @abstractmethod
    def terms(self, sites: Sites, connections: list[np.ndarray], **parameters: float) -> Terms:
        """Return the clean terms of one sample."""

    def fermi_level(self, **parameters: float) -> float | None:
        """Return the energy up to which states are filled, or None where the lower half of them is."""
        return None

    def middle(self) -> dict[str, float]:
        """Return the parameters in the middle of their ranges."""
        return {name: (p.low + p.high) / 2 for name, p in self.parameters.items()}

    def phase_planes(self) -> dict[str, PhasePlane]:
        """Return the phase diagrams that the literature draws, by name."""
        return {}


class LatticeSystem(System):
    """A system that a table of on-site matrices and bonds on a unit cell defines."""

    unit_cell: ClassVar[UnitCell]
    """Its only lattice, which `lattices` names; a cell of its own needs no row in `LATTICES`."""
    localizer_kappa = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "lattices" not in vars(cls) and isinstance(vars(cls).get("unit_cell"), UnitCell):
            cls.lattices = (cls.unit_cell.name,)

    @classmethod
    def _lattice(cls, name: str) -> UnitCell:
        return cls.unit_cell

    @abstractmethod
    def onsite(self, **parameters: float) -> np.ndarray:
        """Return the on-site matrix of each sublattice, (sublattices, n_orbitals, n_orbitals)."""

    @abstractmethod
    def bonds(self, **parameters: float) -> tuple[Bond, ...]:
        """Return the table of bonds."""

    def connections(self, sites: Sites) -> list[np.ndarray]:
        """Return, per bond type, the pairs of sites that it connects; they depend on the geometry alone."""
        return [sites.neighbours(bond.source, bond.target, bond.offset) for bond in self.bonds(**self.middle())]

    def terms(self, sites: Sites, connections: list[np.ndarray], **parameters: float) -> Terms:
        """Return the clean terms of one sample, with open ends or on the torus that its sites lie on."""
        bonds = self.bonds(**parameters)
        vectors, basis = np.array(self.unit_cell.vectors), np.array(self.unit_cell.basis)
        steps = [np.array(b.offset) @ vectors + basis[b.target] - basis[b.source] for b in bonds]
        lengths = [len(pairs) for pairs in connections]
        return Terms(
            positions=sites.positions,
            onsite=np.asarray(self.onsite(**parameters), dtype=complex)[sites.sublattice],
            pairs=connections,
            vectors=[np.broadcast_to(step, (n, len(step))) for step, n in zip(steps, lengths, strict=True)],
            hoppings=[
                np.repeat(np.asarray(bond.amplitude, dtype=complex)[None], n, axis=0)
                for bond, n in zip(bonds, lengths, strict=True)
            ],
            weights=[bond.disorder_weight for bond in bonds],
            vacant=np.zeros(len(sites), dtype=bool),
        )

    def bloch(self, k: np.ndarray, **parameters: float) -> np.ndarray:
        """Return the Bloch Hamiltonian with ``c_k = N^{-1/2} Σ_cells e^{−ik·cell} c_cell``.

        The A–B block of a chain is ``Σ_n t_n e^{−ikn}``: the h(k) of `toponn.tools.conventions`, which ν is the winding
        of, at −k.

        Parameters
        ----------
        k : (…, d) float64
            In units of the reciprocal vectors over 2π: each component runs over [0, 2π).

        Returns
        -------
        (…, sublattices·n_orbitals, sublattices·n_orbitals) complex128
        """
        onsite = np.asarray(self.onsite(**parameters), dtype=complex)
        n, m = onsite.shape[:2]
        H = np.zeros((*k.shape[:-1], n, m, n, m), dtype=complex)
        for s in range(n):
            H[..., s, :, s, :] += onsite[s]
        for bond in self.bonds(**parameters):
            wave = np.exp(-1j * (k @ np.array(bond.offset, dtype=float)))[..., None, None]
            hop = wave * np.asarray(bond.amplitude, dtype=complex)
            H[..., bond.target, :, bond.source, :] += hop
            H[..., bond.source, :, bond.target, :] += hop.conj().swapaxes(-1, -2)
        return H.reshape(*k.shape[:-1], n * m, n * m)

    def momenta(self, mesh: int) -> np.ndarray:
        """Return this many k along each axis, (mesh, …, d) float64, in the units of `bloch`."""
        axis = 2 * np.pi * np.arange(mesh) / mesh
        return np.stack(np.meshgrid(*[axis] * self.unit_cell.dimension, indexing="ij"), axis=-1)

    def hexagonal_gap_middle(self, **parameters: float) -> float:
        """Return the middle between the lowest clean band and the others on a lattice of hexagonal symmetry.

        The edges are taken from the points of high symmetry.
        """
        third, half = 2 * np.pi / 3, (0.0, np.pi)
        k = np.array([*product(half, half), (-third, third), (third, -third)])
        E = np.linalg.eigvalsh(self.bloch(k, **parameters))
        return float(E[:, 0].max() + E[:, 1].min()) / 2
