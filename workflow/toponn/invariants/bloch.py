"""Invariants of clean, periodic systems, from Bloch states."""

from collections.abc import Mapping

import numpy as np

from toponn.tools.checks import DataError


def winding_number(hoppings: Mapping[int, complex], mesh: int = 4096) -> int:
    """Return the winding of ``h(k) = Σ_n t_n e^{ikn}`` around zero.

    Examples
    --------
    >>> winding_number({0: 0.5, 1: 1.0}), winding_number({0: 1.0, 2: -1.5}), winding_number({-1: 1.0})
    (1, 2, -1)
    """
    k = 2 * np.pi * np.arange(mesh) / mesh
    return winding_of_loop(sum(t * np.exp(1j * n * k) for n, t in hoppings.items()))


def winding_of_loop(h: np.ndarray) -> int:
    """Return how often the closed polygon of complex numbers h (k,) runs anticlockwise around zero.

    Raises
    ------
    DataError
        If it runs through zero, where the gap is closed.
    """
    if not (np.abs(h) > np.finfo(float).tiny).all():
        raise DataError("h(k): found a zero, at which the gap is closed; allowed: loops around zero, not through it")
    return int(np.rint(np.angle(np.roll(h, -1) / h).sum() / (2 * np.pi)))


def chern_number(bloch: np.ndarray, filled: int | None = None) -> np.ndarray:
    """Return the Chern number of the `filled` lowest bands, by default the lower half, on a mesh of k points.

    Parameters
    ----------
    bloch : (…, kx, ky, n, n) complex128
        Bloch Hamiltonians, k running over [0, 2π) along both axes.

    Returns
    -------
    (…,) int64

    References
    ----------
    T. Fukui, Y. Hatsugai, H. Suzuki, J. Phys. Soc. Jpn. 74, 1674 (2005), with the sign of `toponn.tools.conventions`.
    """
    _, vectors = np.linalg.eigh(bloch)
    u = vectors[..., : bloch.shape[-1] // 2 if filled is None else filled]

    def link(axis: int) -> np.ndarray:
        return np.linalg.det(u.conj().swapaxes(-1, -2) @ np.roll(u, -1, axis=axis))

    Ux, Uy = link(-4), link(-3)
    plaquette = Ux * np.roll(Uy, -1, axis=-2) * (np.roll(Ux, -1, axis=-1) * Uy).conj()
    return np.rint(-np.angle(plaquette).sum(axis=(-2, -1)) / (2 * np.pi)).astype(int)
