"""Which symmetries a clean Hamiltonian has, and whether they are those of the class that its file declares.

A symmetry that acts within sites is one matrix u on each sublattice with ``u A = B u`` for all blocks, where A is H or
H* and B is ±H: linear equations, whose solutions are found at once instead of being guessed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np

from toponn.matter.lattices import Sites, torus
from toponn.matter.systems.base import LatticeSystem, System
from toponn.tools.checks import ConfigError, refusal
from toponn.tools.conventions import IDENTITY, PAULI_X, PAULI_Y, PAULI_Z

CLASSES = {
    "A": (0, 0, 0),
    "AIII": (0, 0, 1),
    "AI": (1, 0, 0),
    "BDI": (1, 1, 1),
    "D": (0, 1, 0),
    "DIII": (-1, 1, 1),
    "AII": (-1, 0, 0),
    "CII": (-1, -1, 1),
    "C": (0, -1, 0),
    "CI": (1, -1, 1),
}
"""Squares of time reversal and particle-hole symmetry, 0 where there is none, and whether there is a chiral one:
A. Altland, M. R. Zirnbauer, Phys. Rev. B 55, 1142 (1997)."""

SOLVED = 1e-9
"""Of the largest equation: what counts as zero."""


@dataclass(frozen=True)
class Symmetries:
    """What holds of a Hamiltonian.

    Attributes
    ----------
    time_reversal, particle_hole : squares that are possible, +1 or −1; none where the symmetry is broken
    chiral : whether some matrix on each sublattice turns H into −H
    sublattice : whether signs of the sublattices do, which the winding number of a chain needs
    inversion : whether turning a torus by 180° does, with a matrix on each sublattice; None without a unit cell
    """

    time_reversal: tuple[int, ...]
    particle_hole: tuple[int, ...]
    chiral: bool
    sublattice: bool
    inversion: bool | None

    @property
    def kind(self) -> tuple[str, ...]:
        """The classes of the tenfold way that this may be; several where unitary symmetries leave the squares open."""
        return tuple(
            name
            for name, (T, P, chiral) in CLASSES.items()
            if T in (self.time_reversal or (0,)) and P in (self.particle_hole or (0,)) and chiral == self.chiral
        )

    def missing(self, declared: str) -> list[str]:
        """Return which symmetries of a declared class do not hold; a crystal may well have more."""
        T, P, chiral = CLASSES[declared]
        return [
            *([f"time reversal of square {T:+d}"] if T and T not in self.time_reversal else []),
            *([f"particle-hole symmetry of square {P:+d}"] if P and P not in self.particle_hole else []),
            *(["chiral symmetry"] if chiral and not self.chiral else []),
        ]


def symmetries(system: System, sites: Sites, points: Iterable[dict[str, float]]) -> Symmetries:
    """Return the symmetries that hold on open sites at each of several points of parameters, none of them special."""
    points = list(points)
    sublattice = np.zeros(len(sites), dtype=int) if sites.sublattice is None else sites.sublattice
    H = [_blocks(system, sites, point) for point in points]
    conjugate, minus = [h.conj() for h in H], [-h for h in H]
    turned = [matrices(h, m, sublattice) for h, m in ((conjugate, H), (conjugate, minus), (H, minus))]
    signs = next((s for s in _candidates(turned[2].shape[1], 1) if _spanned(_wide(s, H), turned[2])), None)
    return Symmetries(
        time_reversal=_squares(turned[0]),
        particle_hole=_squares(turned[1]),
        chiral=_unitary(turned[2]) is not None,
        sublattice=signs is not None,
        inversion=_inversion(system, points) if isinstance(system, LatticeSystem) else None,
    )


def check_symmetry_class(system: System, found: Symmetries) -> None:
    """Refuse a declared class whose symmetries do not hold, and a chain whose sublattices couple to themselves.

    Raises
    ------
    ConfigError
    """
    where, declared = f"{system.name}.symmetry_class", system.symmetry_class
    if declared not in CLASSES:
        raise ConfigError(refusal(where, declared, ", ".join(CLASSES)))
    if missing := found.missing(declared):
        raise ConfigError(f"{where}: found {declared!r}, but no {' and no '.join(missing)}; allowed: {_named(found)}")
    if system.task == "winding" and not found.sublattice:
        allowed = "chains of two sublattices that couple to each other alone, or no winding number is defined"
        raise ConfigError(f"{system.name}: found terms within a sublattice; allowed: {allowed}")


def _named(found: Symmetries) -> str:
    kinds = [name for name in CLASSES if not found.missing(name)]
    return ", ".join(kinds)


def matrices(A: Sequence[np.ndarray], B: Sequence[np.ndarray], sublattice: np.ndarray) -> np.ndarray:
    """Return a basis of the matrices u with ``u_s(i) A_ij = B_ij u_s(j)`` for all sites i, j of all pairs (A, B).

    Parameters
    ----------
    A, B : (N, N, m, m) each
    sublattice : (N,) int64, s(i)

    Returns
    -------
    (k, S, m, m) complex128, orthonormal, one matrix for each of S sublattices
    """
    S, m = int(sublattice.max()) + 1, A[0].shape[-1]
    gram = np.zeros((S * m * m, S * m * m), dtype=complex)
    one, chosen = np.eye(m), np.eye(S)
    for a, b in zip(A, B, strict=True):
        i, j = np.nonzero((np.abs(a) + np.abs(b)).max(axis=(2, 3)) > 0)
        left = np.einsum("ks,pq,krc->kpcsqr", chosen[sublattice[i]], one, a[i, j])  # (K, m, m, S, m, m)
        right = np.einsum("ks,kpq,rc->kpcsqr", chosen[sublattice[j]], b[i, j], one)
        rows = (left - right).reshape(-1, S * m * m)
        gram += rows.conj().T @ rows
    values, vectors = np.linalg.eigh(gram)
    return vectors.T[values <= SOLVED * max(values[-1], 1e-300)].reshape(-1, S, m, m)


def _blocks(system: System, sites: Sites, point: dict[str, float]) -> np.ndarray:
    """Return the blocks (N, N, m, m) of H with the Fermi level at zero."""
    H = system.terms(sites, system.connections(sites), **point).hamiltonian()
    m, level = system.n_orbitals, system.fermi_level(**point) or 0.0
    H = H - level * np.eye(len(H))
    return H.reshape(len(sites), m, len(sites), m).swapaxes(1, 2)


def _unitary(basis: np.ndarray) -> np.ndarray | None:
    """Return a unitary matrix (S, m, m) in the span of a basis, or None: the polar factor of a solution is one too."""
    if not len(basis):
        return None
    weights = np.exp(1j * np.sqrt(np.arange(1, len(basis) + 1)))  # any but special ones
    U, sigma, V = np.linalg.svd(np.einsum("k,ksab->sab", weights, basis))
    return U @ V if sigma.min() > 1e-6 * sigma.max() else None


def _squares(basis: np.ndarray) -> tuple[int, ...]:
    """Return the squares ±1 that an antiunitary ``u K`` with u in the span of a basis can have."""
    u = _unitary(basis)
    if u is None:
        return ()
    tried = [u, *(_wide(c, [u[None]]) for c in _candidates(*basis.shape[1:3]))]
    found = {_sign(v @ v.conj()) for v in tried if _spanned(v, basis)}
    return tuple(sorted(found - {0})) or (1, -1)  # where none is recognised, either may be


def _sign(square: np.ndarray) -> int:
    one = np.eye(square.shape[-1])
    return next((sign for sign in (1, -1) if np.abs(square - sign * one).max() < 1e-6), 0)


def _spanned(v: np.ndarray, basis: np.ndarray) -> bool:
    """Return whether a matrix (S, m, m) is in the span of an orthonormal basis (k, S, m, m)."""
    flat = basis.reshape(len(basis), v.size)
    return bool(np.linalg.norm(v.ravel() - flat.T @ (flat.conj() @ v.ravel())) < 1e-6 * np.linalg.norm(v))


def _wide(v: np.ndarray, like: Sequence[np.ndarray]) -> np.ndarray:
    """Return numbers (S, 1, 1) as multiples of the identity of the orbitals, matrices as they are."""
    m = like[0].shape[-1]
    return v * np.eye(m) if v.shape[-1] == 1 else v


def _candidates(S: int, m: int) -> Iterable[np.ndarray]:
    """Yield signs of the sublattices times products of Pauli matrices on the orbitals, (S, m, m)."""
    n = m.bit_length() - 1
    paulis = [IDENTITY, PAULI_X, PAULI_Y, PAULI_Z]
    on_site = [reduce(np.kron, p, np.eye(1)) for p in product(paulis, repeat=n)] if m == 2**n else [np.eye(m)]
    for signs in product((1, -1), repeat=S - 1):
        for matrix in on_site:
            yield np.array((1, *signs))[:, None, None] * matrix


def _inversion(system: LatticeSystem, points: list[dict[str, float]]) -> bool | None:
    """Return whether turning a torus about some centre leaves H alone, or None where it cannot be put on one."""
    cell = system.unit_cell
    sites = torus(cell, (5,) * cell.dimension)
    try:
        H = [_blocks(system, sites, point) for point in points]
    except ValueError:  # of a system whose field fits no such torus
        return None
    inverse, basis = np.linalg.inv(sites.periods), np.array(cell.basis)
    for centre in {tuple(np.round(a + b, 9)) for a in basis for b in basis}:
        way = (np.array(centre) - sites.positions)[:, None] - sites.positions  # (N, N, d)
        way = way @ inverse
        there = np.abs(way - np.rint(way)).max(axis=2) < 1e-6
        for turned in _assignments(there, sites.sublattice):
            moved = [h[turned][:, turned] for h in H]
            if _unitary(matrices(H, moved, sites.sublattice)) is not None:
                return True
    return False


def _assignments(there: np.ndarray, sublattice: np.ndarray) -> Iterable[np.ndarray]:
    """Yield which site each is turned onto: sublattices that share their places, as a chain's, may trade them."""
    S = int(sublattice.max()) + 1
    for onto in product(range(S), repeat=S):
        wanted = there & (sublattice[None, :] == np.array(onto)[sublattice][:, None])
        if len(set(onto)) == S and (wanted.sum(axis=1) == 1).all():
            yield wanted.argmax(axis=1)
