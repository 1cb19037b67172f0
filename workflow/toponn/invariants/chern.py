"""Chern number of two-dimensional samples in real space, from the projector.

All forms are one ring, ``Im tr(D_a P D_b P D_c P)``, with diagonal site tensors D.
"""

import numpy as np
from scipy.spatial import QhullError, Voronoi

from toponn.matter.lattices import TOUCHING
from toponn.tools.checks import DataError


def ring_trace(P: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return ``Im tr(D_a P D_b P D_c P)``, (…,) float64, for values a, b, c (…, n) on the n orbitals.

    It is antisymmetric in (a, b, c).
    """
    a, b, c = (values[..., None] for values in (a, b, c))
    return np.einsum("...ij,...ji->...", (a * P) @ (b * P), c * P, optimize=True).imag


def voronoi_areas(positions: np.ndarray) -> np.ndarray:
    """Return the area (N,) of every site's Voronoi cell, infinite at the rim, of positions (N, 2).

    Raises
    ------
    DataError
        If the positions lie on a line, or are fewer than four.
    """
    try:
        cells = Voronoi(positions)
    except QhullError as error:
        raise DataError(
            f"positions: found {len(positions)} sites without cells; allowed: four, not on a line"
        ) from error
    areas = np.full(len(positions), np.inf)
    for site, region in enumerate(cells.point_region):
        corners = cells.regions[region]
        if corners and -1 not in corners:
            x, y = cells.vertices[corners].T  # SciPy lists the corners of planar cells in order
            areas[site] = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    return areas


def local_chern_marker(
    P: np.ndarray, positions: np.ndarray, site_of_orbital: np.ndarray, area_per_site: float
) -> np.ndarray:
    """Return the local Chern marker of every site, (…, N) float64; its bulk average is the Chern number.

    Parameters
    ----------
    P : (…, n, n) complex128
    positions : (…, N, 2) float64
    site_of_orbital : (n,) int64

    References
    ----------
    R. Bianco, R. Resta, Phys. Rev. B 84, 241106 (2011).
    """
    x, y = np.moveaxis(positions[..., site_of_orbital, :], -1, 0)
    # Σ_j (PXP)_ij y_j P_ji: one matrix product gives all sites.
    marker = np.einsum("...ij,...j,...ji->...i", (P * x[..., None, :]) @ P, y, P, optimize=True).imag
    summed = np.zeros((*marker.shape[:-1], positions.shape[-2]))
    np.add.at(summed, (..., site_of_orbital), marker)
    return 4 * np.pi / area_per_site * summed


def real_space_chern(
    P: np.ndarray,
    positions: np.ndarray,
    site_of_orbital: np.ndarray,
    area_per_site: float,
    window: np.ndarray,
) -> np.ndarray:
    """Return the mean of the local Chern marker over the sites of a bulk window (…, N) bool, (…,) float64."""
    marker = local_chern_marker(P, positions, site_of_orbital, area_per_site)
    return np.where(window, marker, 0.0).sum(axis=-1) / np.asarray(window.sum(axis=-1), dtype=float)


def switch_chern(
    P: np.ndarray, switch_x: np.ndarray, switch_y: np.ndarray, window: np.ndarray, site_of_orbital: np.ndarray
) -> np.ndarray:
    """Return the Chern number as ``4π Im tr(w P Λx P Λy P)`` with switch functions Λx, Λy and a smooth window w.

    A switch climbs from 0 to 1 inside the window; no length or area enters, so the value means the same on any lattice.

    Parameters
    ----------
    switch_x, switch_y, window : (…, N) float64, on sites

    References
    ----------
    J. E. Avron, R. Seiler, B. Simon, Commun. Math. Phys. 159, 399 (1994);
    A. Elgart, G. M. Graf, J. H. Schenker, Commun. Math. Phys. 259, 185 (2005).
    """
    w, a, b = (values[..., site_of_orbital] for values in (window, switch_x, switch_y))
    return 4 * np.pi * ring_trace(P, w, a, b)


def three_sector_chern(
    P: np.ndarray, u: np.ndarray, site_of_orbital: np.ndarray, cutoff: float = 0.8, angle: float = 0.1
) -> np.ndarray:
    """Return Kitaev's ``−12πi [tr(APBPCP) − tr(APCPBP)]`` over three sectors about the centre, (…,) float64.

    Parameters
    ----------
    u : (…, N, 2) float64
        Normalised coordinates of the sites, or others that are 0 at the centre and ±1 near the rim.
    cutoff
        Sectors end at this coordinate; over a whole open sample the sum would be zero.
    angle
        Where the first sector begins, in rad.

    References
    ----------
    A. Kitaev, Ann. Phys. 321, 2 (2006), Eq. (125).
    """
    # Rounding must not decide where sites belong that lie on the cutoff or at the centre.
    u = np.where(np.abs(u) < TOUCHING, 0.0, u)
    inside = (np.abs(u) < cutoff - TOUCHING).all(axis=-1)
    turn = np.mod(np.arctan2(u[..., 1], u[..., 0]) - angle, 2 * np.pi)
    sectors = [(inside & (turn // (2 * np.pi / 3) == s)).astype(float)[..., site_of_orbital] for s in range(3)]
    return 24 * np.pi * ring_trace(P, *sectors)
