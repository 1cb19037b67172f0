"""What a ring's weights can be changed by without a change of f, and the copy of them that is nearest to others.

A ring of site tensors a, b, c knows of them only the wedge product a∧b∧c, which maps G between them with det G = 1
leave alone. The wavefunction form leaves more: scales and signs of its factors, and the origin of the position.
"""

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from toponn.models.base import Parameters
from toponn.models.wavefunction import DEGREES

GRID = 400
"""Points of the logarithmic grid on which the roots of `fitted_values` are bracketed."""

REACH = 12 * np.log(10)
"""How far that grid reaches below and above its middle."""


def unimodular_alignment(learned: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return site tensors of the same wedge product that lie nearest to others: ``G d``, det G = 1, least ‖G d − d*‖.

    With ``dᵀ = QR`` this is ``K Qᵀ`` for the matrix K of determinant det R nearest to ``d* Q``. K has the singular
    vectors of ``d* Q`` (von Neumann's trace inequality), and one equation gives its singular values. For two tensors a
    determinant of the wrong sign stays: f would change its sign with it. Linearly dependent tensors, whose wedge
    product is zero, are left as they are.

    Parameters
    ----------
    learned : (S, n, N) float64
    target : (n, N), or (S, n, N) for a target of each seed

    Returns
    -------
    (S, n, N) float64

    References
    ----------
    L. Mirsky, Monatsh. Math. 79, 303 (1975), for the trace inequality.
    """
    targets = np.broadcast_to(target, learned.shape)
    return np.stack([_nearest_copy(d, wanted) for d, wanted in zip(learned, targets, strict=True)])


def _nearest_copy(d: np.ndarray, target: np.ndarray) -> np.ndarray:
    Q, R = np.linalg.qr(d.T)
    determinant = np.linalg.det(R)
    if determinant == 0:
        return d
    U, sigma, Vh = np.linalg.svd(target @ Q)
    sign = np.sign(determinant * np.linalg.det(U) * np.linalg.det(Vh))
    sizes = fitted_values(sigma, np.log(np.abs(np.diag(R))).sum(), sign)
    sizes[-1] *= sign
    return (U * sizes) @ Vh @ Q.T


def fitted_values(sigma: np.ndarray, log_product: float, sign: float) -> np.ndarray:
    """Return positive numbers τ (n,) of a given product that minimise ``Σ (τ_i − σ_i)²``, the last one counted as ±τ.

    Where the sum is stationary ``τ_i(τ_i − σ_i) = μ`` for all i. All but the last τ are the larger root, or their order
    could be improved, so that the last one, t, gives μ and the others, and the product gives t.

    Parameters
    ----------
    sigma : (n,) float64, descending, not negative
    log_product : logarithm of the product of the τ
    sign : with which the last one is counted
    """

    def values(log_t: float) -> np.ndarray:
        t = np.exp(log_t)
        mu = t * (t - sign * sigma[-1])
        others = (sigma[:-1] + np.sqrt(np.maximum(sigma[:-1] ** 2 + 4 * mu, 0))) / 2
        return np.append(others, t)

    def excess(log_t: float) -> float:
        return np.log(np.maximum(values(log_t), 1e-300)).sum() - log_product

    middle = log_product / len(sigma)
    grid = np.linspace(middle - REACH, middle + REACH, GRID)
    signs = np.sign([excess(point) for point in grid])
    brackets = [grid[i : i + 2] for i in np.flatnonzero(signs[:-1] != signs[1:])]
    stationary = [values(brentq(excess, *bracket, xtol=1e-14)) for bracket in brackets]
    wanted = np.append(sigma[:-1], sign * sigma[-1])
    return min(stationary, key=lambda tau: ((tau - wanted) ** 2).sum())


def wavefunction_alignment(learned: Parameters, target: Parameters) -> Parameters:
    """Return matrices of the wavefunction form of the same f that look most like others.

    f does not change when A, B, X, W, K are multiplied by a, b, x, w, k with ``a²b²xwk² = 1``, the signs of A, B and K
    among them, nor when X is shifted by a multiple of 1. Every matrix is brought to the norm of the target's, up to one
    factor that they share and that keeps the product; signs are those of the overlap, of X and W together; X gets the
    trace of the target's. Matrices that are not trained stay as they are.

    Parameters
    ----------
    learned : of S seeds, some of ``selection`` (S, 2, n, n), ``contraction`` (S, O, O), ``position`` and ``window``
        (S, n, n)
    target : of S seeds, or of one
    """
    parts, wanted = _shifted(_factors(learned)), _shifted(_factors(target))
    degrees = {name: DEGREES.get(name, 2) for name in parts}  # A and B enter f twice each
    log_scales = {name: (_norm(wanted[name]) / _norm(part)).log() for name, part in parts.items()}
    excess = sum(degrees[name] * log_scale for name, log_scale in log_scales.items()) / sum(degrees.values())
    signs = _signs(parts, wanted)
    aligned = {name: _times(part, signs[name] * (log_scales[name] - excess).exp()) for name, part in parts.items()}
    if "position" in aligned:
        aligned["position"] = aligned["position"] + _mean_diagonal(_factors(target)["position"])
    if "A" in aligned:
        aligned["selection"] = torch.stack([aligned.pop("A"), aligned.pop("B")], dim=1)
    return {name: aligned[name] for name in learned}


def _factors(parameters: Parameters) -> Parameters:
    """Return the matrices by name, (S, …) each, A and B apart."""
    parts = dict(parameters)
    if "selection" in parts:
        parts["A"], parts["B"] = parts.pop("selection").unbind(1)
    return parts


def _shifted(parts: Parameters) -> Parameters:
    """Return the matrices with a position of trace zero."""
    if "position" not in parts:
        return parts
    return {**parts, "position": parts["position"] - _mean_diagonal(parts["position"])}


def _mean_diagonal(matrices: Tensor) -> Tensor:
    """Return the multiples of 1, (S, n, n), with the traces of matrices (S, n, n)."""
    mean = matrices.diagonal(dim1=1, dim2=2).mean(dim=1)
    return mean[:, None, None] * torch.eye(matrices.shape[-1], dtype=matrices.dtype)


def _signs(parts: Parameters, wanted: Parameters) -> Parameters:
    """Return ±1 (S,) for each matrix: of its overlap with the target's; of X and W, where both move, the same."""
    overlaps = {name: (part * wanted[name]).sum(dim=(1, 2)) / _norm(part) for name, part in parts.items()}
    signs = {name: torch.where(overlap < 0, -1.0, 1.0).to(overlap) for name, overlap in overlaps.items()}
    pair = [name for name in ("position", "window") if name in parts]
    together = sum(overlaps[name] / _norm(wanted[name]) for name in pair)
    for name in pair:
        even = torch.where(together < 0, -1.0, 1.0).to(overlaps[name])
        signs[name] = even if len(pair) == 2 else torch.ones_like(even)
    return signs


def _norm(matrices: Tensor) -> Tensor:
    return matrices.square().sum(dim=(1, 2)).sqrt()


def _times(matrices: Tensor, factors: Tensor) -> Tensor:
    return matrices * factors[:, None, None]
