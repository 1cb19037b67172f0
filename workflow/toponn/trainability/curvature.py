"""The Hessian of the loss, exactly for few weights and by Lanczos' method for many, and the neural tangent kernel.

Products of the Hessian with a vector are made by differentiating twice in reverse mode, since the ring's own derivative
rules (`toponn.models.wedges`) have no forward mode. They use ``torch.autograd``, since ``torch.func`` refuses the
gradient checkpoints of a ring.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from toponn.models.base import Model, Parameters, count_parameters
from toponn.training.loop import Batch

COPIES = 64
"""Seeds and columns of a Hessian that are computed together: more columns at a time share one pass over the samples."""

BREAKDOWN = 1e-10
"""A residual of Lanczos' method below this share of the largest element of its matrix is rounding alone."""

JACOBIAN = 1 << 25
"""Numbers of the Jacobians that are held at a time, 256 MB in double precision."""

Loss = Callable[[Parameters], Tensor]
"""A function from parameters of S seeds to losses (S,), each of which depends on its own seed's parameters alone."""


def flattened(parameters: Parameters) -> Tensor:
    """Return the parameters of every seed as one vector, (S, P), in their own order."""
    return torch.cat([tensor.reshape(len(tensor), -1) for tensor in parameters.values()], dim=1)


def unflattened(vectors: Tensor, like: Parameters) -> Parameters:
    """Return vectors (S, P) as tensors that are named and shaped as parameters."""
    parts = vectors.split([tensor[0].numel() for tensor in like.values()], dim=1)
    parts = [part.contiguous() for part in parts]  # the networks take views of their weights
    return {name: part.view(-1, *like[name].shape[1:]) for name, part in zip(like, parts, strict=True)}


def hessian_product(loss: Loss, parameters: Parameters) -> Callable[[Tensor], Tensor]:
    """Return the map of vectors (S, P) to the products (S, P) of each seed's Hessian with its own.

    The gradient is made once and its graph is kept, so that a product is one more derivative.
    """
    leaves = [tensor.detach().clone().requires_grad_() for tensor in parameters.values()]
    named = dict(zip(parameters, leaves, strict=True))
    slopes = torch.autograd.grad(loss(named).sum(), leaves, create_graph=True, materialize_grads=True)

    def product(vectors: Tensor) -> Tensor:
        along = list(unflattened(vectors, named).values())
        parts = torch.autograd.grad(slopes, leaves, along, retain_graph=True, materialize_grads=True)
        return flattened(dict(zip(named, parts, strict=True)))

    return product


def exact_hessian(loss: Loss, parameters: Parameters) -> Tensor:
    """Return the Hessian (S, P, P) of every seed, from its products with the P unit vectors."""
    seeds, P = flattened(parameters).shape
    rows = []
    for units in torch.eye(P, dtype=flattened(parameters).dtype).split(max(1, COPIES // seeds)):
        copies = {name: tensor.repeat_interleave(len(units), dim=0) for name, tensor in parameters.items()}
        products = hessian_product(loss, copies)(units.repeat(seeds, 1))  # (S·rows, P), the rows of seed 0 first
        rows.append(products.view(seeds, len(units), P))
    H = torch.cat(rows, dim=1)
    return (H + H.mT) / 2


def lanczos(product: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return the nodes and weights of a stochastic Lanczos quadrature of the spectral density of symmetric matrices.

    The largest and smallest nodes (Ritz values) approach the extreme eigenvalues from within. The mean over start
    vectors of the weight of an interval is the share of the eigenvalues in it.

    Parameters
    ----------
    product : function that multiplies the matrix of each seed with a vector of its own, (S, P) to (S, P)
    start : (S, P) random vectors
    steps : largest number of steps; a seed takes fewer if its Krylov space is exhausted before, and then the nodes are
        eigenvalues

    Returns
    -------
    values : (S, m) ascending, ``m = min(steps, P)``; an exhausted seed repeats its largest
    weights : (S, m), of sum one; repeated values have none

    References
    ----------
    B. Ghorbani, S. Krishnan, Y. Xiao, arXiv 1901.10159, Algorithm 1.
    """
    return quadrature(*tridiagonal(product, start, min(steps, start.shape[1])))


def tridiagonal(product: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return symmetric matrices in the bases of their Krylov spaces, where they are tridiagonal, by Lanczos' method.

    Every new vector is orthogonalised against all before it.

    Returns
    -------
    diagonal, beside : (S, steps), elements on the diagonal and next to it; the last one next to it is zero
    dimension : (S,) int64, dimension of the Krylov space, below `steps` where it was exhausted
    """
    diagonal, beside = start.new_zeros(2, len(start), steps)
    basis = start.new_zeros(len(start), steps, start.shape[1])
    basis[:, 0] = start / start.norm(dim=1, keepdim=True)
    dimension, scale = torch.full((len(start),), steps), start.new_zeros(len(start))
    for j in range(steps):
        residual = product(basis[:, j])
        diagonal[:, j] = (residual * basis[:, j]).sum(dim=1)
        spanned = basis[:, : j + 1]
        for _ in range(2):  # once would leave rounding errors in proportion to what is subtracted
            residual = residual - (spanned.mT @ (spanned @ residual[..., None]))[..., 0]
        length = residual.norm(dim=1)
        scale = torch.maximum(scale, torch.maximum(diagonal[:, j].abs(), length))
        dimension[(length <= BREAKDOWN * scale) & (dimension > j)] = j + 1
        going = dimension > j + 1
        if j + 1 == steps or not going.any():
            break
        beside[going, j] = length[going]
        basis[going, j + 1] = residual[going] / length[going, None]
    return diagonal, beside, dimension


def quadrature(diagonal: Tensor, beside: Tensor, dimension: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues of tridiagonal matrices and their weights, squared first elements of eigenvectors, (S, m)."""
    values, weights = torch.zeros_like(diagonal), torch.zeros_like(diagonal)
    for seed, m in enumerate(dimension.tolist()):
        off = beside[seed, : m - 1]
        T = torch.diag(diagonal[seed, :m]) + torch.diag(off, 1) + torch.diag(off, -1)
        nodes, vectors = torch.linalg.eigh(T)
        values[seed], weights[seed, :m] = nodes[-1], vectors[0].square()
        values[seed, :m] = nodes
    return values, weights / weights.sum(dim=1, keepdim=True)


def tangent_kernel(model: Model, parameters: Parameters, samples: Batch) -> Tensor:
    """Return the neural tangent kernel ``K_bb' = Σ_p ∂f_b/∂θ_p ∂f_b'/∂θ_p`` (S, B, B) of every seed.

    A small step of gradient descent changes f on the samples by −K times the derivative of the loss with respect to f,
    times the learning rate.

    References
    ----------
    A. Jacot, F. Gabriel, C. Hongler, arXiv 1806.07572, Eq. (2).
    """
    together = max(1, JACOBIAN // (len(samples) * count_parameters(parameters)))
    groups = zip(*(tensor.split(together) for tensor in parameters.values()), strict=True)
    kernels = []
    for group in groups:
        J = jacobian(model, dict(zip(parameters, group, strict=True)), samples)
        kernels.append(J @ J.mT)
    return torch.cat(kernels)


def jacobian(model: Model, parameters: Parameters, samples: Batch) -> Tensor:
    """Return the derivatives ``∂f_b/∂θ_p`` (S, B, P) of f on every sample with respect to every weight."""
    leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in parameters.items()}
    first = next(iter(leaves.values()))
    J = first.new_empty(len(first), len(samples), count_parameters(leaves))
    for b in range(len(samples)):
        value = model.value(leaves, samples[b : b + 1].inputs).sum()
        slopes = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
        J[:, b] = flattened(dict(zip(leaves, slopes, strict=True)))
    return J
