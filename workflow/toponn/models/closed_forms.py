"""Weights at which the hybrid network *is* the invariant, by the names that its classes declare in ``closed_forms``.

Free site tensors have three kinds of closed forms. With a bulk window and the positions f is the mean of the local
Chern marker, or of the winding density, over the window. With the indicators of three sectors it is Kitaev's formula.
With a constant window on the whole chain it is the full trace of arXiv 2509.26261, which needs states without the pair
of mid-gap states. Coordinate site tensors become a smooth window and switch functions (smooth steps from 0 to 1): no
length or area enters, and the same weights are the invariant on every size, shape and lattice. The matrices of the
wavefunction form become those of the formula of arXiv 2509.26261.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from toponn.models.base import Parameters
from toponn.tools.checks import DataError

SWITCH, EDGE, STEEPNESS, JOIN = 5.0, 0.7, 6.0, 6.0
"""In normalised coordinates: slope of the switch functions, half-width and slope of the windows of x and of y, and the
slope of the step that is 1 where both of these windows are."""

CUTOFF, ANGLE = 0.8, 0.1
"""The three sectors end where a normalised coordinate is ±`CUTOFF`; the first begins at the angle `ANGLE` in rad."""

TOUCHING = 1e-9
"""Normalised coordinates that differ by less count as equal."""


def bulk_marker(lengths: np.ndarray, area_per_site: float) -> np.ndarray:
    """Return free site tensors (order, N) at which f is the mean local marker of the middle half of the sample.

    Up to their scales they are the positions and a window, which is 1 over the area of the middle half there and 0
    elsewhere: (x, window) on chains, (window, x, y) in the plane.

    Parameters
    ----------
    lengths : (N, d) float64, positions
    area_per_site : length (1D, of a cell) or area (2D, of a site)

    References
    ----------
    R. Bianco, R. Resta, Phys. Rev. B 84, 241106 (2011); I. Mondragon-Shem et al., Phys. Rev. Lett. 113, 046802 (2014).
    """
    window = (np.abs(normalised(lengths)) < 0.5 + TOUCHING).all(axis=1)
    density = window / (max(window.sum(), 1) * area_per_site)
    return _shared(np.stack([lengths[:, 0], density] if lengths.shape[1] == 1 else [density, *lengths.T]))


def whole_chain(lengths: np.ndarray, area_per_site: float) -> np.ndarray:
    """Return free site tensors (2, N) at which f is the full trace over a chain, for states without the mid-gap pair.

    The window w is 2/L, not 1/L. The ring, antisymmetric in x and w, leaves out the terms of the trace with
    ``x_i w_i − x_j w_j``. They add up to zero where q is unitary; without the mid-gap pair they are half of the trace.

    References
    ----------
    arXiv 2509.26261.
    """
    density = np.full(len(lengths), 2 / (len(lengths) * area_per_site))
    return _shared(np.stack([lengths[:, 0], density]))


def three_sectors(lengths: np.ndarray, area_per_site: float) -> np.ndarray:
    """Return free site tensors (3, N) of Kitaev's formula: the indicators of three sectors around the middle.

    Each is multiplied by the cube root of 6, since Kitaev's sum has the factor 24π where the ring has 4π.

    References
    ----------
    A. Kitaev, Ann. Phys. 321, 2 (2006), Eq. (125).
    """
    u = normalised(lengths)
    u = np.where(np.abs(u) < TOUCHING, 0.0, u)
    inside = (np.abs(u) < CUTOFF - TOUCHING).all(axis=1)
    turn = np.mod(np.arctan2(u[:, 1], u[:, 0]) - ANGLE, 2 * np.pi)
    return _shared(np.stack([inside & (turn // (2 * np.pi / 3) == sector) for sector in range(3)]) * 6 ** (1 / 3))


def normalised(lengths: np.ndarray) -> np.ndarray:
    """Return positions (N, d) shifted and stretched along each axis to fill [−1, 1]^d."""
    low, high = lengths.min(axis=0), lengths.max(axis=0)
    return (2 * lengths - low - high) / np.where(high > low, high - low, 1.0)


def _shared(tensors: np.ndarray) -> np.ndarray:
    """Scale tensors (order, N) to equal mean squares, so that they train equally fast, and keep the product of scales.

    f depends on the scales only through their product.

    Raises
    ------
    DataError
        If one of them is zero everywhere.
    """
    sizes = np.sqrt((tensors**2).mean(axis=1, keepdims=True))
    if not sizes.all():
        raise DataError(f"positions: found {tensors.shape[1]} sites, too few for a bulk; allowed: more sites")
    return tensors * (np.exp(np.log(sizes).mean()) / sizes)


def switches(u: np.ndarray) -> np.ndarray:
    """Return the window w and switch functions Λ at normalised coordinates (N, d): in 1D (Λ, w), in 2D (w, Λx, Λy).

    A switch function climbs from 0 to 1 across the middle of the sample, the window falls from 1 to 0 before its edge.

    References
    ----------
    J. E. Avron, R. Seiler, B. Simon, Commun. Math. Phys. 159, 399 (1994);
    A. Elgart, G. M. Graf, J. H. Schenker, Commun. Math. Phys. 259, 185 (2005).
    """
    climb = 0.5 * (1 + np.tanh(SWITCH * u))
    plateau = 0.5 * (np.tanh(STEEPNESS * (u + EDGE)) - np.tanh(STEEPNESS * (u - EDGE)))
    if u.shape[1] == 1:
        return np.stack([climb[:, 0], plateau[:, 0]])
    return np.stack([0.5 * (1 + np.tanh(JOIN * (plateau.sum(axis=1) - 1.5))), climb[:, 0], climb[:, 1]])


def free_weights(site_tensors: np.ndarray, like: Parameters) -> Parameters:
    """Return parameters that hold site tensors (order, N), the same for all seeds; a sum's further rings are zero."""
    site = torch.zeros_like(like["site"])
    site[:, : len(site_tensors)] = torch.from_numpy(site_tensors).to(site.dtype)
    return {"site": site}


def coordinate_weights(dimension: int, like: Parameters) -> Parameters:
    """Return parameters of the coordinate network at which its site tensors are `switches`.

    Units that the closed form does not need keep their random weights and are read out with weight zero.

    Raises
    ------
    ValueError
        If the network has fewer hidden units than the closed form takes (3 in 1D, 6 in 2D).
    """
    need = 3 * dimension
    width = like["w1"].shape[1]
    if width < need:
        raise ValueError(
            f"width: found {width}; allowed: at least {need} hidden units for the closed form in {dimension}D"
        )
    weights = {name: tensor.clone() for name, tensor in like.items()}
    w1, b1, w2, b2, v, c = (weights[name] for name in ("w1", "b1", "w2", "b2", "v", "c"))
    w1[:, :need], b1[:, :need], v[:], c[:] = 0, 0, 0, 0
    for axis in range(dimension):
        switch, rise, fall = 3 * axis, 3 * axis + 1, 3 * axis + 2
        w1[:, switch, axis] = SWITCH
        w1[:, [rise, fall], axis] = STEEPNESS
        b1[:, rise], b1[:, fall] = STEEPNESS * EDGE, -STEEPNESS * EDGE
    first = dimension  # the columns of v multiply u, then the units of the first hidden layer, then of the second
    if dimension == 1:
        v[:, 0, first], c[:, 0] = 0.5, 0.5
        v[:, 1, first + 1], v[:, 1, first + 2] = 0.5, -0.5
        return weights
    w2[:, 0], b2[:, 0] = 0, -1.5 * JOIN
    w2[:, 0, [1, 4]], w2[:, 0, [2, 5]] = 0.5 * JOIN, -0.5 * JOIN
    v[:, 0, first + width], c[:, 0] = 0.5, 0.5
    for axis in range(2):
        v[:, 1 + axis, first + 3 * axis], c[:, 1 + axis] = 0.5, 0.5
    return weights


def bulk_weights(u: Tensor) -> Tensor:
    """Return the window (L,) that is constant on the middle half of a chain, at normalised coordinates u (L,) of cells.

    Its sum is (L − 1)/2, the number of cells in a unit of u, and not 1, because the position matrix holds u.
    """
    window = (u.abs() < 0.5 + 1e-6).to(u.dtype)  # u may have come through float32
    return window / window.sum() * (len(u) - 1) / 2


def chain_weights(u: Tensor) -> Tensor:
    """Return the window (L,) that is constant on the whole chain, of the same sum as that of `bulk_weights`."""
    return torch.full_like(u, (len(u) - 1) / (2 * len(u)))


WINDOWS: dict[str, Callable[[Tensor], Tensor]] = {"windowed_winding": bulk_weights, "midgap_dropped": chain_weights}
"""By closed form, the function from normalised coordinates (L,) to the window (L,) of the wavefunction form."""


def wavefunction_tensors(name: str, u: Tensor, states: int) -> Parameters:
    """Return the matrices of the wavefunction form at its closed form, without an axis of seeds, in the type of u.

    Parameters
    ----------
    name : name of the closed form, a row of `WINDOWS`
    u : (L,) normalised coordinates of the cells
    states : O, number of occupied states

    Returns
    -------
    ``selection`` (2, n, n), the projectors on A and on B, ``contraction`` (O, O), ``position`` and ``window``
    (n, n), for n = 2L orbitals
    """
    on_A = torch.cat([torch.ones_like(u), torch.zeros_like(u)])
    return {
        "selection": torch.diag_embed(torch.stack([on_A, 1 - on_A])),
        "contraction": torch.eye(states, dtype=u.dtype, device=u.device),
        "position": torch.diag(u.repeat(2)),
        "window": torch.diag(WINDOWS[name](u).repeat(2)),
    }


SITE_TENSORS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "windowed_winding": bulk_marker,
    "midgap_dropped": whole_chain,
    "local_marker": bulk_marker,
    "three_sectors": three_sectors,
}
"""By closed form, the function from positions (N, d) and length or area of a site to free site tensors (order, N)."""
