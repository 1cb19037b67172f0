"""Localizers and local Chern marker of samples too large for dense matrices, from a sparse Hamiltonian.

The localizers are factorised, not diagonalised (`toponn.invariants.inertia`). The marker applies the projector as a
polynomial of H, at a cost linear in the number of sites for each site asked for.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from toponn.invariants.chebyshev import PolynomialProjector, without_outliers
from toponn.invariants.inertia import signature_and_gap
from toponn.tools.checks import ConfigError, DataError, refusal

BATCH_BYTES = 2**27
"""Size of one block of vectors that the marker multiplies at once; it holds five of them."""


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
    P = PolynomialProjector.below(without_outliers(H, fermi_level, gap), fermi_level, gap, error, bounds)
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
