"""Chern number of disordered samples on a torus: the Bott index of the projected translations of momentum."""

import numpy as np

from toponn.matter.states import eigenstates, eigenvalues
from toponn.tools.checks import DataError

CHUNK_BYTES = 2**22
"""Of the states that are multiplied at once: few enough to stay in the processor's cache."""


def bott_index(
    occupied: np.ndarray, positions: np.ndarray, periods: np.ndarray, site_of_orbital: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``C = (1/2π) Im tr log(U_y U_x U_y† U_x†)`` of samples with periodic boundaries, and its margin.

    U_a is the unitary polar factor of ``Ψ* exp(2πi s_a) Ψ^T``, O×O, with s_a the reduced coordinates along the torus:
    what is left of a translation of momentum within the filled states. On a clean torus the value is the Chern number
    of Fukui, Hatsugai and Suzuki on the mesh of the torus's momenta. It means nothing on a sample with open ends.

    Parameters
    ----------
    occupied : (B, O, n) float or complex
        Orthonormal states, one a row; rows of zeros are padding and contribute nothing.
    positions : (N, 2) or (B, N, 2) float64
    periods : (2, 2) float64
        The two vectors that lead around the torus, one a row, in either order. Positions may differ by
        multiples of them.
    site_of_orbital : (n,) int64

    Returns
    -------
    index : (B,) float64
        An integer up to rounding, but where the margin is zero.
    margin : (B,) float64
        Between 0, undecided, and 1: the smaller of the least singular value of the U_a before they are made unitary,
        and of the distance of the eigenphases of the loop from ±π, over π. While the projector and the positions move
        continuously, the index can change only where it vanishes; a gap that closes at a momentum of a small torus
        moves the projector by a jump, and is to be looked at beside it.

    Raises
    ------
    DataError
        If shapes do not match, numbers are not finite, states are not orthonormal or the periods span no area.

    References
    ----------
    T. A. Loring, M. B. Hastings, EPL 92, 67004 (2010), arXiv 1005.4883.
    """
    occupied, s = np.asarray(occupied), _reduced(occupied, positions, periods, site_of_orbital)
    index, margin = np.zeros(len(occupied)), np.ones(len(occupied))
    handed = np.sign(np.linalg.det(np.asarray(periods, dtype=float)))
    if not occupied.shape[1]:
        return index, margin
    step = max(1, CHUNK_BYTES // (16 * occupied[0].size)) if len(occupied) else 1
    for start in range(0, len(occupied), step):
        chunk = slice(start, start + step)
        psi = occupied[chunk].astype(complex)
        padding = _padding(psi)
        (Ux, smallest_x), (Uy, smallest_y) = (_translation(psi, padding, s[chunk, :, axis]) for axis in range(2))
        phases = _eigenphases(Uy @ Ux @ (Ux @ Uy).conj().swapaxes(1, 2))
        index[chunk] = handed * phases.sum(axis=1) / (2 * np.pi)
        from_branch = 1 - np.abs(phases).max(axis=1) / np.pi
        margin[chunk] = np.clip(np.min([from_branch, smallest_x, smallest_y], axis=0), 0.0, 1.0)
    return index, margin


def _translation(psi: np.ndarray, padding: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the polar factor of ``Ψ* exp(2πi s) Ψ^T`` (B, O, O) and the least singular value (B,).

    Padding is given the identity, which adds an eigenphase 0 of the loop.
    """
    U = (psi.conj() * np.exp(2j * np.pi * s)[:, None]) @ psi.swapaxes(1, 2) + padding[..., None] * np.eye(len(psi[0]))
    # U (U†U)^{-1/2}: half the time of an SVD. Where a singular value is lost in rounding, the margin is zero with it.
    squares, V = eigenstates(U.conj().swapaxes(1, 2) @ U)
    sigma = np.sqrt(np.maximum(squares, 1e-14))
    return U @ (V / sigma[:, None]) @ V.conj().swapaxes(1, 2), np.where(squares[:, 0] > 1e-14, sigma[:, 0], 0.0)


def _eigenphases(W: np.ndarray) -> np.ndarray:
    """Return the phases (B, O) of the eigenvalues of unitary matrices.

    A Hermitian eigenproblem of the Cayley transform ``i(1 − W)(1 + W)⁻¹``, whose eigenvalues are tan(φ/2), is many
    times faster than a general one, and exact but for phases about ±π, which the margin reports.
    """
    one = np.eye(W.shape[-1])
    # The tiny number moves no phase by more than rounding, and lets the inverse of an eigenvalue −1 exist.
    cayley = 1j * (2 * np.linalg.inv((1 + 1e-14) * one + W) - one)
    return 2 * np.arctan(eigenvalues((cayley + cayley.conj().swapaxes(1, 2)) / 2))


def _padding(psi: np.ndarray) -> np.ndarray:
    """Return which rows (B, O) hold zeros and no state."""
    overlaps = psi.conj() @ psi.swapaxes(1, 2)
    empty = ~psi.any(axis=2)
    error = np.abs(overlaps + empty[..., None] * np.eye(psi.shape[1]) - np.eye(psi.shape[1])).max()
    if not error < 1e-4:  # single precision, as states are stored in
        raise DataError(f"occupied: found overlaps off by {error:.1e}; allowed: orthonormal states in rows")
    return empty


def _reduced(
    occupied: np.ndarray, positions: np.ndarray, periods: np.ndarray, site_of_orbital: np.ndarray
) -> np.ndarray:
    """Return the coordinates (B, n, 2) of the orbitals in units of the periods."""
    shape, r, T = np.shape(occupied), np.asarray(positions, dtype=float), np.asarray(periods, dtype=float)
    if len(shape) != 3 or np.shape(site_of_orbital) != shape[2:]:
        found = f"shape {shape} and site_of_orbital {np.shape(site_of_orbital)}"
        raise DataError(f"occupied: found {found}; allowed: (B, O, n) and (n,)")
    if r.ndim not in (2, 3) or r.shape[-1] != 2 or r.shape[:-2] not in ((), shape[:1]) or not np.isfinite(r).all():
        raise DataError(f"positions: found shape {r.shape}; allowed: finite numbers, (N, 2) or (B, N, 2)")
    if T.shape != (2, 2) or not np.isfinite(T).all() or abs(np.linalg.det(T)) <= 1e-12 * np.abs(T).max() ** 2:
        raise DataError(f"periods: found {T.tolist()}; allowed: two vectors in rows that span an area")
    s = (r @ np.linalg.inv(T))[..., site_of_orbital, :]
    return np.broadcast_to(s, (shape[0], *s.shape[-2:]))
