"""Weights at which the hybrid network *is* the invariant, by the names that its classes declare in ``closed_forms``.

Free site tensors take a bulk window and the positions (the mean of the local Chern marker, or of the winding density,
over the window), three sectors, or the whole chain where its mid-gap pair is left out of the states. Coordinate site
tensors take a smooth window and switch functions, so that no length or area enters and the same weights are the
invariant on every size, shape and lattice. The wavefunction form takes the matrices of the paper's formula.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from toponn.models.base import Parameters
from toponn.tools.checks import DataError

SWITCH, EDGE, STEEPNESS, JOIN = 5.0, 0.7, 6.0, 6.0
"""Slope of the switches, half-width and slope of the window, and slope with which 2D joins the windows of x and y."""

CUTOFF, ANGLE = 0.8, 0.1
"""Normalised coordinate at which the three sectors end, and where the first begins, in rad."""

TOUCHING = 1e-9
"""Normalised coordinates that differ by less are equal."""


def bulk_marker(lengths: np.ndarray, area_per_site: float) -> np.ndarray:
    """Return free site tensors (order, N): the window, the middle half of the sample, over its area, and the positions.

    Parameters
    ----------
    lengths : (N, d) float64, positions
    area_per_site : length (1D, of a cell) or area (2D, of a site)
    """
    window = (np.abs(normalised(lengths)) < 0.5 + TOUCHING).all(axis=1)
    density = window / (max(window.sum(), 1) * area_per_site)
    return _shared(np.stack([lengths[:, 0], density] if lengths.shape[1] == 1 else [density, *lengths.T]))


def whole_chain(lengths: np.ndarray, area_per_site: float) -> np.ndarray:
    """Return free site tensors (2, N) of the paper's full trace, for states without the mid-gap pair.

    The weight is 2/L, not 1/L: the average over both sublattices, which the ring takes, leaves out the terms x_j w_j,
    and those are half of this trace.
    """
    density = np.full(len(lengths), 2 / (len(lengths) * area_per_site))
    return _shared(np.stack([lengths[:, 0], density]))


def three_sectors(lengths: np.ndarray, area_per_site: float) -> np.ndarray:
    """Return free site tensors (3, N): the indicators of three sectors about the middle, times 6 in their product.

    Kitaev's sum has the factor 24π where the ring has 4π.

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
    """Return tensors of the same product, all that the ring knows of them, and equal mean squares, to train alike.

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
    """Return coordinate site tensors (order, N) at normalised coordinates (N, d): in 1D (Λ, w), in 2D (w, Λx, Λy)."""
    climb = 0.5 * (1 + np.tanh(SWITCH * u))
    plateau = 0.5 * (np.tanh(STEEPNESS * (u + EDGE)) - np.tanh(STEEPNESS * (u - EDGE)))
    if u.shape[1] == 1:
        return np.stack([climb[:, 0], plateau[:, 0]])
    return np.stack([0.5 * (1 + np.tanh(JOIN * (plateau.sum(axis=1) - 1.5))), climb[:, 0], climb[:, 1]])


def free_weights(site_tensors: np.ndarray, like: Parameters) -> Parameters:
    """Return parameters of free site tensors, all seeds alike; rings beyond the first are zero."""
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
    first = dimension  # the columns of v run over u, then the first layer, then the second
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
    """Return the weight (L,) of the middle half of a chain, for positions in cells at normalised coordinates u (L,)."""
    window = (u.abs() < 0.5 + 1e-6).to(u.dtype)  # u may have come through float32
    return window / window.sum() * (len(u) - 1) / 2


def chain_weights(u: Tensor) -> Tensor:
    """Return the weight (L,) of the whole chain, for positions in cells at normalised coordinates u (L,)."""
    return torch.full_like(u, (len(u) - 1) / (2 * len(u)))


WINDOWS: dict[str, Callable[[Tensor], Tensor]] = {"windowed_winding": bulk_weights, "midgap_dropped": chain_weights}
"""What makes the window (L,) of the wavefunction form of normalised coordinates (L,)."""


def wavefunction_tensors(name: str, u: Tensor, states: int) -> Parameters:
    """Return the matrices of the wavefunction form at its closed form, without an axis of seeds, in the type of u.

    Parameters
    ----------
    name : of the closed form, a row of `WINDOWS`
    u : (L,) normalised coordinates of the cells
    states : O, number of occupied states

    Returns
    -------
    ``selection`` (2, n, n), on A and on B, ``contraction`` (O, O), ``position`` and ``window`` (n, n), n = 2L
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
"""What makes the free site tensors (order, N) of positions (N, d) and the length or area of a site."""
