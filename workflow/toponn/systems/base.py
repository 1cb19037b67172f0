"""What a Hamiltonian family is: a table of on-site and bond matrices on a lattice.

The real-space Hamiltonian of any sample and the Bloch Hamiltonian both follow from that one table.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toponn.lattices import Sites, UnitCell


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
    """Two axes of the phase diagram and the boundaries that the literature gives in them.

    Attributes
    ----------
    x, y
        Names of dataset arrays, such as ``"parameters/mass"``.
    boundary : list of (points, 2) float64 polylines
    """

    x: str
    y: str
    x_label: str
    y_label: str
    boundary: tuple[np.ndarray, ...]
    source: str


@dataclass
class Terms:
    """The pieces of one sample's Hamiltonian before they are assembled; disorder acts on these.

    Attributes
    ----------
    onsite : (N, n_orbitals, n_orbitals) complex128
    pairs : per bond type, (bonds, 2) int64, sites (from, to)
    hoppings : per bond type, (bonds, n_orbitals, n_orbitals) complex128
    weights : per bond type, its disorder weight
    """

    onsite: np.ndarray
    pairs: list[np.ndarray]
    hoppings: list[np.ndarray]
    weights: list[float]

    def hamiltonian(self) -> np.ndarray:
        """Return the Hermitian matrix, (N·n_orbitals, N·n_orbitals) complex128, orbital index fastest."""
        n, m = self.onsite.shape[:2]
        H = np.zeros((n, n, m, m), dtype=complex)
        H[np.arange(n), np.arange(n)] = self.onsite
        for pairs, hoppings in zip(self.pairs, self.hoppings, strict=True):
            source, target = pairs.T
            H[target, source] += hoppings  # no pair occurs twice among the bonds of one type
            H[source, target] += hoppings.conj().swapaxes(1, 2)
        return H.transpose(0, 2, 1, 3).reshape(n * m, n * m)


class System(ABC):
    """A Hamiltonian family on a lattice."""

    name: ClassVar[str]
    task: ClassVar[str]
    symmetry_class: ClassVar[str]
    lattice: ClassVar[UnitCell]
    n_orbitals: ClassVar[int]
    parameters: ClassVar[dict[str, Parameter]]
    localizer_kappa: ClassVar[float]
    """Strength of the positions in the spectral localizer, energy over length."""

    @abstractmethod
    def onsite(self, **parameters: float) -> np.ndarray:
        """Return the on-site matrix of each sublattice, (sublattices, n_orbitals, n_orbitals)."""

    @abstractmethod
    def bonds(self, **parameters: float) -> tuple[Bond, ...]:
        """Return the table of bonds."""

    def phase_plane(self) -> PhasePlane | None:
        """Return the axes and literature boundaries of the phase diagram, or None where two axes cannot show it."""
        return None

    def connections(self, sites: Sites) -> list[np.ndarray]:
        """Return, per bond type, the pairs of sites that it connects; they depend on the geometry alone."""
        middle = {name: (p.low + p.high) / 2 for name, p in self.parameters.items()}
        return [sites.neighbours(bond.source, bond.target, bond.offset) for bond in self.bonds(**middle)]

    def terms(self, sites: Sites, connections: list[np.ndarray], **parameters: float) -> Terms:
        """Return the clean terms of one sample with open ends."""
        bonds = self.bonds(**parameters)
        return Terms(
            onsite=np.asarray(self.onsite(**parameters), dtype=complex)[sites.sublattice],
            pairs=connections,
            hoppings=[
                np.repeat(np.asarray(bond.amplitude, dtype=complex)[None], len(pairs), axis=0)
                for bond, pairs in zip(bonds, connections, strict=True)
            ],
            weights=[bond.disorder_weight for bond in bonds],
        )

    def bloch(self, k: np.ndarray, **parameters: float) -> np.ndarray:
        """Return the Bloch Hamiltonian with ``c_k = N^{-1/2} Σ_cells e^{−ik·cell} c_cell``.

        The A–B block of a chain is ``Σ_n t_n e^{−ikn}``: the h(k) of `toponn.conventions`, which ν is the winding of,
        at −k.

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
