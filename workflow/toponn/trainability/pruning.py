"""How much of its trained weights a model needs: what it still classifies when its matrices are cut to low rank."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from toponn.data.encodings.loops import pair_indices, triple_indices
from toponn.matter.samples import Samples
from toponn.models.base import Parameters, require
from toponn.tools.options import Count, Listed, Seeds
from toponn.trainability.record import BALANCED, Curves, Panel, diagnostic
from toponn.trainability.subject import (
    Measured,
    Seen,
    Subject,
    scores,
    seen,
    trained_parameters,
    trained_seeds,
    unit_rows,
)

SHARE = 0.9
"""Share of the squared singular values by which `weight_rank` counts."""


@dataclass(frozen=True)
class Matrices:
    """One weight tensor as matrices.

    Attributes
    ----------
    unfolded : (S, M, rows, columns) float64, M matrices of each seed
    shape : shape of the tensor, (S, …)
    places : where its numbers lie in the flattened matrices of a seed, (copies, numbers) int64; several copies, as in
        an antisymmetric tensor, are averaged when it is folded back
    signs : (copies, 1) float64, sign of each copy
    """

    unfolded: Tensor
    shape: torch.Size
    places: Tensor
    signs: Tensor

    @classmethod
    def of(cls, weights: Tensor, count: int, rows: int) -> "Matrices":
        """Return weights (S, …), in their order, as `count` matrices of `rows` rows."""
        numbers = torch.arange(weights[0].numel())
        return cls.placed(weights, numbers[None], (count, rows, len(numbers) // (count * rows)), torch.ones(1, 1))

    @classmethod
    def placed(cls, weights: Tensor, places: Tensor, size: tuple[int, int, int], signs: Tensor) -> "Matrices":
        """Return weights (S, …) put at `places` of matrices of the given size (M, rows, columns), zero elsewhere."""
        flat = weights.flatten(1).double()
        signs = signs.double()
        unfolded = flat.new_zeros(len(flat), int(np.prod(size)))
        unfolded[:, places.flatten()] = (signs * flat[:, None]).flatten(1)
        return cls(unfolded.unflatten(1, size), weights.shape, places, signs)

    def folded(self, unfolded: Tensor) -> Tensor:
        """Return the weight tensor (S, …), float32, whose matrices these are."""
        copies = unfolded.flatten(1)[:, self.places] * self.signs  # (S, copies, numbers)
        return copies.mean(dim=1).reshape(self.shape).float()


@diagnostic(
    needs=("runs",),
    conditions={"kept": "singular values that are kept of every weight matrix: a number, or all"},
    curves=Curves(
        "pruning",
        (Panel("pruned_balanced_accuracy", "kept", "kept singular values", BALANCED),),
        "pruned weights and removed sites",
    ),
)
def pruning(
    subject: Subject, *, seeds: Seeds = 20, kept: Listed[Count] = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
) -> Measured:
    """Measure the balanced accuracy of trained models all of whose matrices are cut to their largest singular values.

    A matrix is a weight tensor of at least two axes, its first axis against the others. In the wavefunction form the
    two selections are two matrices. In free rings each site tensor is one matrix over the lattice, rows × columns, if
    the sites fill a grid of cells; else all site tensors together are one (tensors, N). Its rank depends on how the
    tensors of a ring are mixed, though f does not. In the loop regression the weights are an antisymmetric tensor over
    sites, its first axis against the others, which is made antisymmetric again after it is cut.

    Parameters
    ----------
    seeds : number of trained seeds of each model; of one that has fewer, all
    kept : numbers of singular values that are kept of every weight matrix; the full rank is measured too

    Returns
    -------
    Measured, with rows
        ``pruned_balanced_accuracy`` and ``share_of_weight``, the kept share of the squared singular values averaged
        over the matrices
        ``weight_rank_90`` : smallest number of singular values that hold 90 % of the squares, averaged over the
        matrices

    Raises
    ------
    NotApplicable
        If no trained seed is finite, or none of the weights are matrices.

    References
    ----------
    C. Eckart, G. Young, Psychometrika 1, 211 (1936): no matrix of rank k is nearer than the k largest singular values.
    """
    trained = trained_parameters(subject, seeds)
    names = trained_seeds(subject, seeds)
    split = subject.success.split
    here = seen(subject.variant, subject.home, [split], seeds=seeds, uses=len(kept) + 1)
    matrices = matrices_of(here, trained)
    parts = {name: torch.linalg.svd(each.unfolded, full_matrices=False) for name, each in matrices.items()}
    squares = [part.S.square() for part in parts.values()]
    rows = []
    for k in sorted(set(kept)):
        pruned = {name: matrices[name].folded(low_rank(*part, k)) for name, part in parts.items()}
        held = {"pruned_balanced_accuracy": scores(here.model, {**trained, **pruned}, here.samples[split])}
        held["share_of_weight"] = averaged([share_of_weight(each, k) for each in squares])
        rows.append(unit_rows(subject, here, {"kept": k}, names, **held))
    whole = {"pruned_balanced_accuracy": scores(here.model, trained, here.samples[split])}
    whole |= {"share_of_weight": np.ones(len(names)), "weight_rank_90": averaged([weight_rank(s) for s in squares])}
    rows.append(unit_rows(subject, here, {"kept": "all"}, names, **whole))
    return Measured(pd.concat(rows, ignore_index=True), {})


def low_rank(U: Tensor, sigma: Tensor, Vh: Tensor, k: int) -> Tensor:
    """Return the best approximation of rank k of matrices (…, rows, columns) given by their singular values."""
    return (U[..., :k] * sigma[..., None, :k]) @ Vh[..., :k, :]


def share_of_weight(squares: Tensor, k: int) -> Tensor:
    """Return the share of the k largest of squared singular values (S, M, K), (S, M); of a zero matrix it is 1."""
    total = squares.sum(dim=-1)
    return torch.where(total > 0, squares[..., :k].sum(dim=-1) / total.clamp(min=1e-300), 1.0)


def weight_rank(squares: Tensor) -> Tensor:
    """Return how many of the largest squared singular values (S, M, K) hold `SHARE` of their sum, (S, M)."""
    held = squares.cumsum(dim=-1) - squares  # the sum of those before each
    return (held < SHARE * squares.sum(dim=-1, keepdim=True) * (1 - 1e-12)).sum(dim=-1).double()


def averaged(values: Sequence[Tensor]) -> np.ndarray:
    """Return the mean (S,) over all matrices of values (S, M) of each tensor."""
    return torch.cat(list(values), dim=1).mean(dim=1).numpy()


def matrices_of(here: Seen, parameters: Parameters) -> dict[str, Matrices]:
    """Return the weight tensors of S seeds that are matrices, by name; see `pruning`.

    Raises
    ------
    NotApplicable
        If there is none.
    """
    found, loops = {}, here.model.shapes.get("loops")
    has_site_tensors = here.model.multilinear and here.model.fixed_geometry
    for name, weights in parameters.items():
        if weights.shape[1:] == loops:
            found[name] = _antisymmetric(weights, here.size, here.dataset.dimension + 1)
        elif has_site_tensors:
            found[name] = _on_lattice(weights, grid_places(here.dataset))
        elif name == "selection" and weights.ndim == 4:
            found[name] = Matrices.of(weights, *weights.shape[1:3])
        elif weights.ndim > 2 and weights.numel():
            found[name] = Matrices.of(weights, 1, weights.shape[1])
    require(bool(found), "none of its weights are matrices")
    return found


def _antisymmetric(weights: Tensor, sites: int, order: int) -> Matrices:
    """Return the weights (S, L) of loops as an antisymmetric tensor (N, N^(order − 1))."""
    loops = torch.from_numpy(pair_indices(sites) if order == 2 else triple_indices(sites))
    powers = sites ** torch.arange(order - 1, -1, -1)
    orders = list(permutations(range(order)))
    places = torch.stack([(loops[list(p)] * powers[:, None]).sum(dim=0) for p in orders])
    signs = torch.tensor([[round(float(np.linalg.det(np.eye(order)[list(p)])))] for p in orders])
    return Matrices.placed(weights, places, (1, sites, sites ** (order - 1)), signs)


def _on_lattice(site: Tensor, places: np.ndarray | None) -> Matrices:
    """Return site tensors (S, tensors, N) as matrices over the lattice, or without places in it as one matrix."""
    tensors, sites = site.shape[1:]
    if places is None:
        return Matrices.of(site, 1, tensors)
    row, column = places
    size = (tensors, int(row.max()) + 1, int(column.max()) + 1)
    every = np.arange(tensors)[:, None] * sites + row * size[2] + column
    return Matrices.placed(site, torch.from_numpy(every.reshape(1, -1)), size, torch.ones(1, 1))


def grid_places(samples: Samples) -> np.ndarray | None:
    """Return the row and column (2, N) of each site where the sites fill a rectangle of cells one by one, else None."""
    cell = samples.cell
    if cell is None or cell.shape[1] != 2 or len(cell) != samples.n_places:
        return None
    places = (cell - cell.min(axis=0)).T
    rows, columns = places.max(axis=1) + 1
    full = rows * columns == len(cell) == len(np.unique(places[0] * columns + places[1]))
    return places if full else None
