"""The projector on the states below an energy as a Chebyshev polynomial of a sparse Hamiltonian."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.fft import dct
from scipy.linalg.blas import zaxpy
from scipy.sparse.linalg import eigsh
from scipy.special import erfc

from toponn.invariants.inertia import DENSE, random_start
from toponn.tools.checks import ConfigError, DataError, refusal

MAXIMAL_ORDER = 2**18
"""Of the polynomial that stands for the projector."""

Recurrence = Callable[[np.ndarray, np.ndarray], None]
"""Overwrites its second block of vectors (n, columns), t, with ``2H'v − t`` of its first, v."""


@dataclass(frozen=True)
class PolynomialProjector:
    """The projector on the states below the Fermi level as ``Σ c_k T_k(H')``, H' = (H − centre)/half.

    Attributes
    ----------
    doubled
        2H', of spectrum within [−2, 2].
    coefficients : (order + 1,) float64
    centre, half
        Energies: the middle and half of the width of the interval that holds the spectrum.
    """

    doubled: sparse.csr_array
    coefficients: np.ndarray
    centre: float
    half: float

    @classmethod
    def below(
        cls,
        H: sparse.csr_array,
        fermi_level: float,
        gap: float,
        error: float,
        bounds: tuple[float, float] | None = None,
    ) -> "PolynomialProjector":
        """Return the polynomial that differs from the projector by at most `error` in norm.

        Parameters
        ----------
        gap
            Width of the interval, centred on the Fermi level, that has no states in it. States there are counted with
            weights between 0 and 1.
        bounds
            Energies that enclose the spectrum; from Gershgorin's disks and the Lanczos method if not given.

        Raises
        ------
        ConfigError
            If the bounds do not enclose the Fermi level, or the gap is too small a part of them.
        """
        low, high = spectral_bounds(H) if bounds is None else bounds
        if not (np.isfinite([low, high]).all() and low < fermi_level < high):
            raise ConfigError(refusal("bounds", (low, high), f"an interval around the Fermi level {fermi_level:g}"))
        centre, half = (low + high) / 2, (high - low) / 2
        # ½ erfc(z) ≤ ½ exp(−z²): at the edges of the gap the smoothed step is off by half the error allowed.
        width = gap / 2 / half / np.sqrt(np.log(1 / error))
        if width * MAXIMAL_ORDER < 2 * np.sqrt(np.log(1 / error)):  # c_k falls as exp(−(k width/2)²)
            raise ConfigError(refusal("gap", gap, f"a larger part of the band width {high - low:.3g}"))
        level, nodes = (fermi_level - centre) / half, 256
        while True:
            x = np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
            c = dct(erfc((x - level) / width) / 2, type=2) / nodes
            c[0] /= 2
            rest = np.cumsum(np.abs(c[::-1]))[::-1]  # rest[k] bounds what the terms from k on can add
            if rest[nodes // 2] <= error / 4:  # the other quarter is left to aliases, no larger than these
                break
            nodes *= 2
        order = int(np.argmax(rest <= error / 4))
        doubled = (H - centre * sparse.eye_array(H.shape[0])) * (2 / half)
        return cls(doubled.tocsr(), c[:order], centre, half)

    def weights(self, energies: np.ndarray) -> np.ndarray:
        """Return the values (k,) of the polynomial at energies (k,)."""
        return np.polynomial.chebyshev.chebval((energies - self.centre) / self.half, self.coefficients)

    def applied(self, v: np.ndarray, recurrence: Recurrence | None = None) -> np.ndarray:
        """Return P v for vectors in columns, (n, columns) complex128; `recurrence` may be a faster one than SciPy's.

        Raises
        ------
        DataError
            If the spectrum exceeds the bounds.
        """
        recurrence = recurrence or self._recur
        before, now = np.array(v, dtype=complex, order="C"), np.zeros(v.shape, dtype=complex)
        recurrence(before, now)
        now /= 2
        limit = np.linalg.norm(before, axis=0) * (1 + 1e-6)
        total = self.coefficients[0] * before + self.coefficients[1] * now
        flat = total.reshape(-1)
        for k, c in enumerate(self.coefficients[2:], start=2):
            recurrence(now, before)
            before, now = now, before
            zaxpy(now.reshape(-1), flat, a=c)  # in place: total += c · now
            if (k % 16 == 0 or k == len(self.coefficients) - 1) and not (np.linalg.norm(now, axis=0) <= limit).all():
                raise DataError("bounds: found levels of the Hamiltonian outside; allowed: bounds of its spectrum")
        return total

    def _recur(self, v: np.ndarray, t: np.ndarray) -> None:
        np.subtract(self.doubled @ v, t, out=t)


def spectral_bounds(H: sparse.csr_array) -> tuple[float, float]:
    """Return energies that enclose the spectrum: the tighter of Gershgorin's and, widened, those of Lanczos."""
    if H.shape[0] <= DENSE:
        low, high = np.linalg.eigvalsh(H.toarray())[[0, -1]]
    else:
        diagonal = H.diagonal().real
        radius = abs(H).sum(axis=1) - np.abs(diagonal)
        ends = (
            eigsh(H, k=1, which=w, tol=1e-3, v0=random_start(H), return_eigenvectors=False)[0] for w in ("SA", "LA")
        )
        bottom, top = ends
        margin = 0.01 * (top - bottom)  # ten times what Lanczos may be short of; an excess is found and refused
        low = max((diagonal - radius).min(), bottom - margin)
        high = min((diagonal + radius).max(), top + margin)
    pad = 1e-6 * max(1.0, abs(low), abs(high))
    return float(low - pad), float(high + pad)


def without_outliers(H: sparse.csr_array, fermi_level: float, gap: float) -> sparse.csr_array:
    """Return H with orbitals that couple to no other, such as vacancies, at the edge of the gap: P is the same.

    Their energies would widen the spectrum, and with it the order of the polynomial, for nothing.
    """
    energies = H.diagonal()
    alone = np.bincount(H.tocoo().row, weights=H.data != 0, minlength=len(energies)) == (energies != 0)
    moved = fermi_level + np.clip(energies.real - fermi_level, -gap / 2, gap / 2)
    return H + sparse.diags_array(np.where(alone, moved - energies, 0.0)).tocsr()
