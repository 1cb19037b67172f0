"""Trained weights carried over from smaller samples to larger ones, on which training goes on."""

import numpy as np
import torch
from scipy.interpolate import RegularGridInterpolator
from torch import Tensor

from toponn.models.base import Model, Parameters, require
from toponn.models.closed_forms import wavefunction_tensors
from toponn.models.wavefunction import DEGREES
from toponn.trainability.subject import Seen


def grown(parameters: Parameters, here: Seen, there: Seen) -> Parameters:
    """Return the weights of a model on smaller samples as weights of the same model on larger ones.

    Weights that do not belong to single sites stay as they are. Free site tensors are interpolated in normalised
    coordinates. Where they vary slowly, f is the integral of a db∧dc (on chains of a db) over the sample, which does
    not change when the sample is stretched, so that no factor is needed. What changes f is the error of taking a sum
    for the integral, a sixth from 4 to 6 sites a side. The matrices of the wavefunction form are stretched along their
    diagonals, see `stretched_operators`.

    Parameters
    ----------
    parameters : S seeds, without the head's temperature
    here, there : the model with its smaller, and with its larger samples

    Raises
    ------
    NotApplicable
        If free site tensors in the plane are not on the full grid of a rectangle, the larger sample is no larger, or
        the weights belong to sites and are neither site tensors nor matrices of the wavefunction form.
    """
    require(there.size > here.size, f"weights grow onto larger samples, these have {there.size} after {here.size}")
    if not here.model.fixed_geometry:
        return {name: tensor.clone() for name, tensor in parameters.items()}
    old, new = (seen.samples[next(iter(seen.samples))].inputs["coordinates"].double() for seen in (here, there))
    if there.model.multilinear:
        return {"site": interpolated(parameters["site"], old.numpy(), new.numpy())}
    require(set(parameters) <= set(DEGREES), "its weights belong to the sites in a way that is not known")
    return stretched_operators(parameters, there.model, old[:, 0], new[:, 0])


def interpolated(site: Tensor, old: np.ndarray, new: np.ndarray) -> Tensor:
    """Return site tensors (S, t, N) at old coordinates (N, d) interpolated linearly at new ones, (S, t, M).

    Raises
    ------
    NotApplicable
        If the old coordinates do not fill a grid.
    """
    axes = [np.unique(np.round(column, 6)) for column in old.T]
    shape = tuple(map(len, axes))
    full = np.prod(shape) == len(old)
    require(full, f"free site tensors grow on full grids, these are {len(old)} sites of a grid of {shape}")
    places = tuple(np.abs(column[:, None] - axis).argmin(axis=1) for column, axis in zip(old.T, axes, strict=True))
    values = site.double().numpy()
    grid = np.empty((*shape, *values.shape[:2]))
    grid[places] = np.moveaxis(values, -1, 0)
    if len(axes) == 1:
        found = weights(axes[0], new[:, 0]) @ grid.reshape(len(old), -1)
    else:
        found = RegularGridInterpolator(axes, grid, bounds_error=False, fill_value=None)(new).reshape(len(new), -1)
    return torch.from_numpy(found.T.reshape(*values.shape[:2], len(new)).copy()).to(site.dtype)


def stretched_operators(parameters: Parameters, model: Model, old: Tensor, new: Tensor) -> Parameters:
    """Return the matrices of the wavefunction form on a longer chain.

    Entry (i, j) of a matrix between two sublattices is taken for a function of the distance i − j, in cells, and of the
    centre (i + j)/2, in normalised coordinates, and read off at the cells of the longer chain. So the identity, the
    projectors on the sublattices, the position and windows become what they are on that chain. The contraction acts
    between occupied states, which have no place in space; there the rule keeps at least a multiple of the identity.
    At last the window is multiplied by the factor that the closed form's needs, stretched in the same way, to have the
    sum of the closed form's window on the longer chain.

    Parameters
    ----------
    model : the model on the longer chain
    old, new : normalised coordinates (L,) of the cells of the shorter and of the longer chain
    """
    states, cells = model.shapes["occupied"][0], len(new)
    found = {}
    for name, tensor in parameters.items():
        if name == "contraction":
            found[name] = stretched(tensor, states)
            continue
        blocks = stretched(tensor.unflatten(-1, (2, -1)).unflatten(-3, (2, -1)).transpose(-3, -2), cells)
        found[name] = blocks.transpose(-3, -2).flatten(-4, -3).flatten(-2, -1)
    if "window" in found:
        found["window"] = found["window"] * window_factor(model.formula, old, new, states)
    return found


def window_factor(formula: str, old: Tensor, new: Tensor, states: int) -> float:
    """Return the sum of the closed form's window on the longer chain over that of the shorter chain's, interpolated."""
    exact, short = (wavefunction_tensors(formula, u, states)["window"].diagonal()[: len(u)].numpy() for u in (new, old))
    return float(exact.sum() / np.interp(new.numpy(), old.numpy(), short).sum())


def stretched(matrices: Tensor, size: int) -> Tensor:
    """Return matrices (…, L, L) as (…, size, size): each diagonal interpolated along itself, further ones zero."""
    old = matrices.shape[-1]
    found = matrices.new_zeros(*matrices.shape[:-2], size, size)
    for offset in range(1 - old, old):
        reach = abs(offset)
        centres = [(2 * np.arange(n - reach) + reach) / (n - 1) - 1 for n in (old, size)]
        along = torch.from_numpy(weights(*centres)).to(matrices.dtype)
        found.diagonal(offset, -2, -1).copy_(matrices.diagonal(offset, -2, -1) @ along.T)
    return found


def weights(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the matrix (M, N) that interpolates values at N old points at M new ones, constant beyond the ends.

    Examples
    --------
    >>> weights(np.array([0.0, 1.0]), np.array([0.25, 2.0])).tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    return np.stack([np.interp(new, old, unit) for unit in np.eye(len(old))], axis=1)
