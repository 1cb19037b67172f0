"""Invariants of clean, periodic systems, from Bloch states."""

from collections.abc import Mapping

import numpy as np


def winding_number(hoppings: Mapping[int, complex], mesh: int = 4096) -> int:
    """Return the winding of ``h(k) = Σ_n t_n e^{ikn}`` around zero.

    Examples
    --------
    >>> winding_number({0: 0.5, 1: 1.0}), winding_number({0: 1.0, 2: -1.5}), winding_number({-1: 1.0})
    (1, 2, -1)
    """
    k = 2 * np.pi * np.arange(mesh + 1) / mesh
    h = sum(t * np.exp(1j * n * k) for n, t in hoppings.items())
    return int(np.rint(np.angle(h[1:] / h[:-1]).sum() / (2 * np.pi)))


def chern_number(bloch: np.ndarray) -> np.ndarray:
    """Return the Chern number of the lower half of the bands on a mesh of k points.

    Parameters
    ----------
    bloch : (…, kx, ky, n, n) complex128
        Bloch Hamiltonians, k running over [0, 2π) along both axes.

    Returns
    -------
    (…,) int64

    References
    ----------
    T. Fukui, Y. Hatsugai, H. Suzuki, J. Phys. Soc. Jpn. 74, 1674 (2005), with the sign of `toponn.conventions`.
    """
    _, vectors = np.linalg.eigh(bloch)
    u = vectors[..., : bloch.shape[-1] // 2]

    def link(axis: int) -> np.ndarray:
        return np.linalg.det(u.conj().swapaxes(-1, -2) @ np.roll(u, -1, axis=axis))

    Ux, Uy = link(-4), link(-3)
    plaquette = Ux * np.roll(Uy, -1, axis=-2) * (np.roll(Ux, -1, axis=-1) * Uy).conj()
    return np.rint(-np.angle(plaquette).sum(axis=(-2, -1)) / (2 * np.pi)).astype(int)
