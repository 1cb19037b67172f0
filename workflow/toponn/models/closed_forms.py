"""Weights at which the ring *is* the invariant.

Free site tensors take the bulk window and the positions: the mean of the local Chern marker, or of the winding density,
over the window. Coordinate site tensors take a smooth window and switch functions, so that no length or area enters
and the same weights are the invariant on every size, shape and lattice.
"""

import numpy as np
import torch

from toponn.models.base import Parameters

SWITCH, EDGE, STEEPNESS, JOIN = 5.0, 0.7, 6.0, 6.0
"""Slope of the switches, half-width and slope of the window, and slope with which 2D joins the windows of x and y."""


def bulk_marker(lengths: np.ndarray, area_per_site: float) -> np.ndarray:
    """Return free site tensors (order, N): the window, the middle half of the sample, over its area, and the positions.

    The ring knows their product alone; factors are shared so that all have the same mean square and train alike.

    Parameters
    ----------
    lengths : (N, d) float64, positions
    area_per_site : length (1D, of a cell) or area (2D, of a site)
    """
    low, high = lengths.min(axis=0), lengths.max(axis=0)
    window = (np.abs(2 * lengths - low - high) < (0.5 + 1e-9) * (high - low)).all(axis=1)
    density = window / (window.sum() * area_per_site)
    tensors = np.stack([lengths[:, 0], density] if lengths.shape[1] == 1 else [density, *lengths.T])
    sizes = np.sqrt((tensors**2).mean(axis=1, keepdims=True))
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
