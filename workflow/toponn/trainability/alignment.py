"""Alignment of learned weights with others: among all weights with the same f, those that lie nearest to a target.

f of a ring depends on its site tensors a, b, c only through the wedge product a∧b∧c, so that no linear map G of the
three with det G = 1 changes it. The f of the wavefunction form does not change with the scales and signs of its
matrices, as long as their product stays, nor with the origin of the position.
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
"""How far that grid of logarithms reaches below and above its middle: twelve powers of ten."""


def unimodular_alignment(learned: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the tensors ``G d``, det G = 1, that minimise ‖G d − d*‖: of the same wedge product, nearest to a target.

    This is a Procrustes problem with maps of determinant one in the place of rotations. With ``dᵀ = QR`` its solution
    is ``K Qᵀ`` for the matrix K of determinant det R nearest to ``d* Q``. K has the singular vectors of ``d* Q`` (von
    Neumann's trace inequality), and `fitted_values` gives its singular values. If ``d* Q`` has a determinant of the
    other sign, the last of them is counted as negative, since a map of determinant −1 would change the sign of f.
    Linearly dependent tensors, whose wedge product is zero, are left as they are.

    Parameters
    ----------
    learned : (S, n, N) float64, tensors d of every seed
    target : (n, N), or (S, n, N) for a target of each seed, tensors d*

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

    With the Lagrange multiplier μ of the product the sum is stationary where ``τ_i(τ_i − σ_i) = μ`` for all i. All but
    the last τ are the larger root of this equation, or two of them could be exchanged for a smaller sum. So the last
    one, t, determines μ and with it all others. That their product is the given one is then an equation for t alone,
    whose roots are bracketed and solved for.

    Parameters
    ----------
    sigma : (n,) float64, descending, not negative
    log_product : logarithm of the product of the τ
    sign : sign ±1 with which the last one is counted
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
    """Return the matrices of the wavefunction form with the same f that are most like a target's.

    f does not change when A, B, X, W, K are multiplied by a, b, x, w, k with ``a²b²xwk² = 1``, which leaves the signs
    of A, B and K free, nor when a multiple of 1 is added to X. Every matrix is scaled to the norm of the target's, up
    to one factor that all share and that restores the product. A, B and K get the sign with which they overlap with the
    target's; X and W, if both are trained, change sign together; X gets the trace of the target's. Matrices that are
    not trained stay as they are.

    Parameters
    ----------
    learned : of S seeds, some of ``selection`` (S, 2, n, n), ``contraction`` (S, O, O), ``position`` and ``window``
        (S, n, n)
    target : the same matrices of S seeds, or of one
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
    """Return the matrices by name, (S, …) each, with ``selection`` taken apart into A and B."""
    parts = dict(parameters)
    if "selection" in parts:
        parts["A"], parts["B"] = parts.pop("selection").unbind(1)
    return parts


def _shifted(parts: Parameters) -> Parameters:
    """Return the matrices after the position is shifted to trace zero."""
    if "position" not in parts:
        return parts
    return {**parts, "position": parts["position"] - _mean_diagonal(parts["position"])}


def _mean_diagonal(matrices: Tensor) -> Tensor:
    """Return the multiples of 1, (S, n, n), with the traces of matrices (S, n, n)."""
    mean = matrices.diagonal(dim1=1, dim2=2).mean(dim=1)
    return mean[:, None, None] * torch.eye(matrices.shape[-1], dtype=matrices.dtype)


def _signs(parts: Parameters, wanted: Parameters) -> Parameters:
    """Return ±1 (S,) for each matrix, the sign of its overlap with the target's; X and W share one; one alone: +1."""
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
