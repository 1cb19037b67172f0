"""Localizers and local Chern marker of samples too large for dense matrices, from a sparse Hamiltonian.

The localizers are factorised, not diagonalised (`toponn.invariants.inertia`). The marker applies the projector as a
polynomial of H, at a cost linear in the number of sites for each site asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.fft import dct
from scipy.sparse.linalg import eigsh
from scipy.special import erfc

from toponn.checks import ConfigError, DataError, refusal
from toponn.invariants.inertia import DENSE, random_start, signature_and_gap

BATCH_BYTES = 2**27
"""Size of one block of vectors that the marker multiplies at once; it holds five of them."""

MAXIMAL_ORDER = 2**18
"""Of the polynomial that stands for the projector."""


def even_localizer(
    hamiltonian: sparse.sparray, positions: np.ndarray, kappa: float, fermi_level: float = 0.0
) -> tuple[int, float]:
    """Return ``C = −½ Sig[κ(X⊗σx + Y⊗σy) + (H − E)⊗σz]`` and the smallest absolute eigenvalue.

    Parameters
    ----------
    hamiltonian : (n, n) sparse, Hermitian
    positions : (n, 2) float64
        Of the orbitals, measured from the point about which the index is taken.
    kappa
        Energy over length; to be chosen from the bulk gap.

    Raises
    ------
    DataError
        If the Hamiltonian is not sparse, square, finite and Hermitian, the positions do not belong to it, or the
        localizer's gap is too small to decide the index.
    ConfigError
        If `kappa` is not positive.

    References
    ----------
    T. A. Loring, H. Schulz-Baldes, J. Noncommut. Geom. 14, 1 (2020), arXiv 1802.04517.
    """
    H = _hermitian(hamiltonian)
    if not np.isfinite(fermi_level):
        raise ConfigError(refusal("fermi_level", fermi_level, "finite numbers"))
    n = H.shape[0]
    r = _positions(positions, (n, 2))
    H = (H - fermi_level * sparse.eye_array(n)).tocoo()
    z = _positive("kappa", kappa) * (r[:, 0] + 1j * r[:, 1])
    return _index(H, -H, sparse.diags_array(z.conj()).tocoo(), scale=_scale(H))


def odd_localizer(h: sparse.sparray, positions: np.ndarray, kappa: float) -> tuple[int, float]:
    """Return ``ν = −½ Sig [[κX, h], [h†, −κX]]`` and the smallest absolute eigenvalue.

    Parameters
    ----------
    h : (cells, cells) sparse
        Coupling of A (rows) to B (columns).
    positions : (cells,) float64
        Measured from the point about which the index is taken.

    Raises
    ------
    DataError, ConfigError
        As for `even_localizer`, but that h need not be Hermitian.

    References
    ----------
    T. A. Loring, H. Schulz-Baldes, New York J. Math. 23, 1111 (2017), arXiv 1701.07455.
    """
    h = _square(h, "h").tocoo()
    X = sparse.diags_array(_positive("kappa", kappa) * _positions(positions, (h.shape[0],))).tocoo()
    return _index(X, -X, h, scale=_scale(h))


def local_chern_marker(
    hamiltonian: sparse.sparray,
    positions: np.ndarray,
    site_of_orbital: np.ndarray,
    area_per_site: float,
    sites: Sequence[int],
    *,
    fermi_level: float,
    gap: float,
    tolerance: float = 1e-6,
    bounds: tuple[float, float] | None = None,
) -> np.ndarray:
    """Return the local Chern marker ``C_r = (4π/A) Im tr⟨r|P X P Y P|r⟩`` of some sites of a large sample.

    The step at the Fermi level is smoothed over a fraction of the gap and expanded in Chebyshev polynomials of H. The
    number of products with H grows as the band width over the gap times the logarithm of 1/`tolerance`. If no level
    lies closer to the Fermi level than half the `gap`, the marker is exact to `tolerance`. With P|r⟩ = v and positions
    measured from r, ``C_r = (4π/A) Im⟨Xv|P|Yv⟩`` needs P twice, and ``‖Xv‖ ≤ ‖[X, H]‖ / gap`` bounds how an error of P
    enters. In-gap states that live elsewhere, such as those of the edge, change the marker by their weight at r.

    Parameters
    ----------
    hamiltonian : (n, n) sparse, Hermitian
    positions : (N, 2) float64
    site_of_orbital : (n,) int64
    sites : (S,) int
    gap
        Width of the energy interval, centred on the Fermi level, that the bulk has no states in.
    tolerance
        Largest error of a marker.
    bounds
        Energies that enclose the spectrum; from Gershgorin's disks and the Lanczos method if not given.

    Returns
    -------
    (S,) float64

    Raises
    ------
    DataError
        If the arrays do not belong together, H is not Hermitian and finite, or the spectrum exceeds the `bounds`.
    ConfigError
        If the gap, the area, the tolerance or the bounds are not numbers that make sense.

    References
    ----------
    R. Bianco, R. Resta, Phys. Rev. B 84, 241106 (2011); A. Weiße et al., Rev. Mod. Phys. 78, 275 (2006).
    """
    H = _hermitian(hamiltonian)
    site_of_orbital, sites = _sites(site_of_orbital, sites, len(positions), H.shape[0])
    r = _positions(positions, (len(positions), 2))
    prefactor = 4 * np.pi / _positive("area_per_site", area_per_site)
    gap = _positive("gap", gap)
    orbitals, owner = np.nonzero(site_of_orbital[:, None] == sites)
    reach = max(1.0, float(np.linalg.norm(np.ptp(r, axis=0))))  # no site is farther away than the diagonal
    spread = min(reach, _velocity(H, r[site_of_orbital]) / gap)  # of ‖Xv‖ and ‖Yv‖
    weight = prefactor * np.bincount(site_of_orbital).max() * (reach + spread) * (1 + 2 * spread)
    error = min(_positive("tolerance", tolerance) / weight, 1e-2)
    if error < 1e-13:  # rounding of the recursion
        raise ConfigError(refusal("tolerance", tolerance, f"from {1e-13 * weight:.1e} for this sample"))
    P = _Projector.below(_without_outliers(H, fermi_level, gap), fermi_level, gap, error, bounds)
    marker = np.zeros(len(sites))
    batch = max(1, BATCH_BYTES // (16 * H.shape[0]))
    for start in range(0, len(orbitals), batch):
        columns, of = orbitals[start : start + batch], owner[start : start + batch]
        v = np.zeros((H.shape[0], len(columns)), dtype=complex)
        v[columns, np.arange(len(columns))] = 1.0
        v = P.applied(v)
        x, y = (r[site_of_orbital, axis][:, None] - r[sites[of], axis] for axis in range(2))
        np.add.at(marker, of, np.einsum("ij,ij->j", (x * v).conj(), P.applied(y * v)).imag)
    return prefactor * marker


@dataclass(frozen=True)
class _Projector:
    """The projector on the states below the Fermi level as ``Σ c_k T_k(H')``, H' = (H − centre)/half width."""

    doubled: sparse.csr_array
    """2H', of spectrum within [−2, 2]."""
    coefficients: np.ndarray

    @classmethod
    def below(
        cls, H: sparse.csr_array, fermi_level: float, gap: float, error: float, bounds: tuple[float, float] | None
    ) -> "_Projector":
        """Return the polynomial that differs from the projector by at most `error` in norm."""
        low, high = _spectral_bounds(H) if bounds is None else bounds
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
        return cls(doubled.tocsr(), c[:order])

    def applied(self, v: np.ndarray) -> np.ndarray:
        """Return P v for vectors in columns, (n, columns)."""
        before, now = v, (self.doubled @ v) / 2
        limit = np.linalg.norm(v, axis=0) * (1 + 1e-6)
        total = self.coefficients[0] * before + self.coefficients[1] * now
        for k, c in enumerate(self.coefficients[2:], start=2):
            before, now = now, self.doubled @ now - before
            total += c * now
            if (k % 16 == 0 or k == len(self.coefficients) - 1) and not (np.linalg.norm(now, axis=0) <= limit).all():
                raise DataError("bounds: found levels of the Hamiltonian outside; allowed: bounds of its spectrum")
        return total


def _spectral_bounds(H: sparse.csr_array) -> tuple[float, float]:
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


def _without_outliers(H: sparse.csr_array, fermi_level: float, gap: float) -> sparse.csr_array:
    """Return H with orbitals that couple to no other, such as vacancies, at the edge of the gap: P is the same.

    Their energies would widen the spectrum, and with it the order of the polynomial, for nothing.
    """
    energies = H.diagonal()
    alone = np.bincount(H.tocoo().row, weights=H.data != 0, minlength=len(energies)) == (energies != 0)
    moved = fermi_level + np.clip(energies.real - fermi_level, -gap / 2, gap / 2)
    return H + sparse.diags_array(np.where(alone, moved - energies, 0.0)).tocsr()


def _velocity(H: sparse.csr_array, r: np.ndarray) -> float:
    """Return a bound of ‖[X, H]‖ and ‖[Y, H]‖: the largest sum over a row of |H_ij||r_i − r_j|."""
    H = H.tocoo()
    distance = np.linalg.norm(r[H.row] - r[H.col], axis=1)
    return float(np.bincount(H.row, weights=np.abs(H.data) * distance, minlength=1).max())


def _index(
    upper: sparse.coo_array, lower: sparse.coo_array, coupling: sparse.coo_array, scale: float
) -> tuple[int, float]:
    """Return −½ Sig and the smallest absolute eigenvalue of [[upper, coupling], [coupling†, lower]], Hermitian."""
    n = upper.shape[0]
    # The two copies of an orbital side by side.
    row = np.concatenate([2 * upper.row, 2 * lower.row + 1, 2 * coupling.row, 2 * coupling.col + 1])
    column = np.concatenate([2 * upper.col, 2 * lower.col + 1, 2 * coupling.col + 1, 2 * coupling.row])
    data = np.concatenate([upper.data, lower.data, coupling.data, coupling.data.conj()])
    L = sparse.coo_array((data, (row, column)), shape=(2 * n, 2 * n))
    signature, gap = signature_and_gap(L, scale or 1.0, "localizer")
    return -signature // 2, gap


# --- Checks -----------------------------------------------------------------------------------------------


def _square(matrix: sparse.sparray, name: str) -> sparse.csr_array:
    if not sparse.issparse(matrix):
        raise DataError(f"{name}: found {type(matrix).__name__}; allowed: a sparse matrix of scipy")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.shape[0]:
        raise DataError(f"{name}: found shape {matrix.shape}; allowed: square matrices (n, n)")
    matrix = sparse.csr_array(matrix, dtype=np.result_type(matrix.dtype, np.float64))
    if not np.isfinite(matrix.data).all():
        raise DataError(f"{name}: found entries that are not finite; allowed: finite numbers")
    return matrix


def _hermitian(matrix: sparse.sparray) -> sparse.csr_array:
    H = _square(matrix, "hamiltonian")
    asymmetry = _scale(H - H.conj().T)
    if asymmetry > 1e-10 * max(1.0, _scale(H)):
        raise DataError(f"hamiltonian: found |H - H†| up to {asymmetry:.1e}; allowed: Hermitian matrices")
    return H


def _scale(matrix: sparse.sparray) -> float:
    return float(np.abs(matrix.data).max(initial=0.0))


def _positions(positions: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    r = np.asarray(positions, dtype=float)
    if r.shape != shape or not np.isfinite(r).all():
        raise DataError(f"positions: found shape {r.shape}; allowed: finite numbers of shape {shape}")
    return r


def _positive(name: str, value: float) -> float:
    if not (np.isfinite(value) and value > 0):
        raise ConfigError(refusal(name, value, "positive numbers"))
    return float(value)


def _sites(site_of_orbital: np.ndarray, sites: Sequence[int], count: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    site_of_orbital, sites = np.asarray(site_of_orbital), np.asarray(sites, dtype=int).reshape(-1)
    if site_of_orbital.shape != (n,):
        raise DataError(f"site_of_orbital: found shape {site_of_orbital.shape}; allowed: ({n},)")
    for name, array in (("site_of_orbital", site_of_orbital), ("sites", sites)):
        if array.size and not (0 <= array.min() and array.max() < count):
            raise DataError(f"{name}: found {array.min()} to {array.max()}; allowed: 0 to {count - 1}")
    return site_of_orbital, sites
