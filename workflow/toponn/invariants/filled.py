"""The sharp projector on the filled states of a large sparse Hamiltonian, whatever states lie in its gap.

A polynomial of H is smooth, and an open sample has edge states as near to the Fermi level as its edge is long. The
states within a window about that level are computed one by one, and the polynomial of all others is corrected by them.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from toponn.invariants.chebyshev import PolynomialProjector, Recurrence, without_outliers
from toponn.invariants.inertia import DENSE, SHIFTS, factorised, random_start, signature_and_gap, with_diagonal
from toponn.tools.checks import ConfigError, DataError, refusal

FEW = 0.1
"""Part of all states up to which those in the window are searched for by the Lanczos method."""

TOLERANCE = 1e-9
"""Largest residual ‖Hψ − Eψ‖ of a state in the window, in units of the band width."""


@dataclass(frozen=True)
class FilledProjector:
    """The projector on the filled states: a polynomial of H, and the states that are too near the Fermi level for it.

    Attributes
    ----------
    polynomial
        Exact to its error outside the window.
    energies : (k,) float64, of the states within the window, ascending
    states : (n, k) complex128
    missing : (k,) float64
        What the polynomial lacks of the occupation, 0 or 1, of each of them.
    gap
        Between the highest filled and the lowest empty level, of which one outside the window counts as at its end. A
        window without states is as wide as it can be.
    """

    polynomial: PolynomialProjector
    energies: np.ndarray
    states: np.ndarray
    missing: np.ndarray
    gap: float

    @classmethod
    def of(
        cls, H: sparse.csr_array, fermi_level: float, window: float, *, filled: int | None = None, error: float = 1e-6
    ) -> "FilledProjector":
        """Return the projector, exact to `error` in norm.

        The number of states in the window is known from the inertia of H less either end of it, so that none is missed.

        Parameters
        ----------
        H : (n, n) sparse, Hermitian
        fermi_level
            The energy below which states are filled; with `filled`, only the middle of the window.
        window
            Distance from the Fermi level within which states are computed one by one: with a larger one they are more,
            and the order of the polynomial, which falls as 1/window, is less.
        filled
            Number of filled states, the lowest ones; by default those below the Fermi level.

        Raises
        ------
        DataError
            If the Fermi level for `filled` states is not within the window, or the states in it are not found.
        ConfigError
            If the window is not positive, or as wide as the spectrum.
        """
        if not (np.isfinite(window) and window > 0):
            raise ConfigError(refusal("window", window, "positive numbers"))
        n, reach = H.shape[0], window
        near = without_outliers(H, fermi_level, 4 * window)  # well outside the window
        below = [_levels_below(near, fermi_level + sign * window)[0] for sign in (-1, 1)]
        count = below[1] - below[0]
        energies, states = _nearest(near, fermi_level, count)
        if count and np.abs(energies - fermi_level).max() > window:
            raise DataError(f"hamiltonian: found fewer than {count} levels in the window; allowed: another window")
        if not count:
            reach = 0.999 * _levels_below(near, fermi_level)[1]  # the window as wide as it can be
        occupied = int((energies < fermi_level).sum()) if filled is None else filled - below[0]
        if filled is not None and not 0 <= occupied <= count:
            allowed = f"{below[0]} to {below[1]}, or another Fermi level or window"
            raise DataError(f"filled: found {filled} of {n}; allowed: {allowed}")
        polynomial = PolynomialProjector.below(near, fermi_level, 2 * reach, error)
        missing = (np.arange(count) < occupied) - polynomial.weights(energies)
        ends = np.concatenate([[fermi_level - reach], energies, [fermi_level + reach]])
        gap = float(ends[occupied + 1] - ends[occupied])
        return cls(polynomial, energies, states, missing, gap)

    @property
    def order(self) -> int:
        """Order of the polynomial: the number of products with H that a vector takes."""
        return len(self.polynomial.coefficients) - 1

    def applied(self, v: np.ndarray, recurrence: Recurrence | None = None) -> np.ndarray:
        """Return P v for vectors in columns, (n, columns) complex128."""
        P_v = self.polynomial.applied(v, recurrence)
        if len(self.energies):
            overlaps = (v.conj().T @ self.states).conj().T  # the states are the larger of the two to conjugate
            P_v += self.states @ (self.missing[:, None] * overlaps)
        return P_v


def _levels_below(H: sparse.csr_array, energy: float) -> tuple[int, float]:
    """Return the number of levels below an energy, and its distance from the nearest."""
    n = H.shape[0]
    signature, distance = signature_and_gap((H - energy * sparse.eye_array(n)).tocoo(), 1.0, "hamiltonian")
    return (n - signature) // 2, distance


def _nearest(H: sparse.csr_array, energy: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `count` levels nearest to an energy, ascending, and their states (n, count)."""
    n = H.shape[0]
    if not count:
        return np.zeros(0), np.zeros((n, 0), dtype=complex)
    if n <= DENSE or count > FEW * n:
        energies, states = np.linalg.eigh(H.toarray())
        kept = np.sort(np.argsort(np.abs(energies - energy))[:count])
        return energies[kept], states[:, kept].astype(complex)
    A = with_diagonal((H - energy * sparse.eye_array(n)).tocoo()).astype(complex)
    for shift in SHIFTS:
        factors = factorised(A, shift)
        if factors is not None:
            break
    else:
        raise DataError("hamiltonian: found pivots that vanish; allowed: another Fermi level")
    inverse = LinearOperator(A.shape, matvec=factors.solve, dtype=A.dtype)
    try:
        energies, states = eigsh(A, k=count, sigma=shift, OPinv=inverse, v0=random_start(A), tol=1e-12)
    except ArpackNoConvergence as failure:
        raise DataError(f"hamiltonian: found no {count} levels in the window; allowed: another window") from failure
    order = np.argsort(energies)
    energies, states = energies[order], states[:, order]
    if np.linalg.norm(A @ states - states * energies, axis=0).max() > TOLERANCE * abs(A).sum(axis=1).max():
        raise DataError("hamiltonian: found levels that are not precise; allowed: another Fermi level")
    return energies + energy, np.ascontiguousarray(states)
