"""Winding number of chiral chains in real space.

All forms here read the polar factor q, (…, cells, cells), and work with open ends: a *window* keeps the ends out, since
the full trace is zero in every phase.
"""

import numpy as np


def antisymmetric_flow(q: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return ``½ Σ_ij (a_i b_j − b_i a_j)|q_ij|²``, the order-2 ring with site tensors a and b, (…,) float64.

    With b a bulk window and a the position, it is the sum over the window of the density ``(q†[X, q])_jj``, averaged
    with its twin on the other sublattice, ``([X, q]q†)_jj``.
    """
    weight = np.abs(q) ** 2
    return 0.5 * np.einsum("...i,...ij,...j->...", first, weight - weight.swapaxes(-1, -2), second)


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
