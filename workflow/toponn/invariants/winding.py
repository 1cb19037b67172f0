"""Winding number of chiral chains in real space.

All forms here but one read the polar factor q, (…, cells, cells), and work with open ends: a *window* keeps the ends
out, since the full trace is zero in every phase. `midgap_winding` is the full trace of states without the mid-gap pair.
"""

import numpy as np


def antisymmetric_flow(q: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return ``½ Σ_ij (a_i b_j − b_i a_j)|q_ij|²``, the order-2 ring with site tensors a and b, (…,) float64.

    With b a bulk window and a the position, it is the sum over the window of the density ``(q†[X, q])_jj``, averaged
    with its twin on the other sublattice, ``([X, q]q†)_jj``.
    """
    weight = np.abs(q) ** 2
    return 0.5 * np.einsum("...i,...ij,...j->...", first, weight - weight.swapaxes(-1, -2), second)


def winding_density(q: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return ``(q†[X, q])_jj`` of the cells j, (…, cells) float64, for positions (…, cells) in cells.

    References
    ----------
    I. Mondragon-Shem et al., Phys. Rev. Lett. 113, 046802 (2014).
    """
    steps = positions[..., :, None] - positions[..., None, :]
    return (np.abs(q) ** 2 * steps).sum(axis=-2)


def midgap_winding(occupied: np.ndarray, positions: np.ndarray, sublattice: np.ndarray) -> np.ndarray:
    """Return ``(1/L) Tr{P_B Q P_A [X, P_A Q P_B]}``, (…,) float64, of states *without* the mid-gap pair.

    The paper's formula but for its sign, which is −ν with A first in the cell. With the pair it is zero in every phase.

    Parameters
    ----------
    occupied : (…, L − 1, n), one state a row, n = 2L
    positions : (L,) float64, of the cells, in cells
    sublattice : (n,) of 0 for A and 1 for B

    References
    ----------
    arXiv 2509.26261.
    """
    P = occupied.swapaxes(-1, -2) @ occupied.conj()
    Q = np.eye(P.shape[-1]) - 2 * P
    P_A, P_B = np.diag(sublattice == 0).astype(float), np.diag(sublattice == 1).astype(float)
    X = np.zeros(len(sublattice))
    X[sublattice == 0] = X[sublattice == 1] = positions
    up, down = P_A @ Q @ P_B, P_B @ Q @ P_A
    commutator = X[:, None] * up - up * X
    return np.einsum("...ij,...ji->...", down, commutator).real / len(positions)


def real_space_winding(q: np.ndarray, positions: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Return the mean over the bulk window of the winding density, averaged over the two sublattices.

    Parameters
    ----------
    positions : (…, cells) float64, in cells
    window : (…, cells) bool

    References
    ----------
    I. Mondragon-Shem et al., Phys. Rev. Lett. 113, 046802 (2014); SCIENCE: ν = mean over bulk of (q†[X, q])_jj.
    """
    return antisymmetric_flow(q, positions, window.astype(float)) / window.sum(axis=-1)


def switch_winding(q: np.ndarray, switch: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Return the winding number as the flow through a switch, a function that climbs from 0 to 1 inside the window.

    It needs no length: the climb plays the part of the position divided by the window's length.

    References
    ----------
    A. Kitaev, Ann. Phys. 321, 2 (2006), appendix C.1 (flow of a unitary matrix), with a smooth cut.
    """
    return antisymmetric_flow(q, switch, window)


def product_rule(v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return 1 where the mean of ln|w| over the bonds between cells exceeds that of ln|v| within, else 0.

    Exact for a nearest-neighbour ring; for open chains the means make up for the missing bond.

    Parameters
    ----------
    v : (…, cells), w : (…, cells or cells − 1)
    """
    with np.errstate(divide="ignore"):  # ln 0 = −∞ is what a missing bond means
        return (np.log(np.abs(w)).mean(axis=-1) > np.log(np.abs(v)).mean(axis=-1)).astype(int)
