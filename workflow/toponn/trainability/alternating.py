"""Alternating least squares: the ring is linear in each of its site tensors, so that each is solved for in turn.

With the others held, ``½⟨(f − C)²⟩`` is quadratic in one site tensor, or in the read-out of the coordinate network,
whose hidden units stay as they were drawn. In the plane ``f = κ Σ_ij a_i Y_ij b_j``, where ``Y_ij = Σ_k T_ijk c_k`` is
made once for two solutions, that of a and that of b, and so on around the three tensors.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from toponn.data.encodings.loops import triple_indices
from toponn.models.base import Parameters, require
from toponn.models.ring import KAPPA, Ring
from toponn.trainability.subject import squared_loss
from toponn.training.loop import Batch

RIDGE = 1e-3
"""Ridge penalty of each least-squares solution, in units of the mean eigenvalue of its normal matrix."""

PIECE = 1 << 24
"""Numbers of the antisymmetric tensors T_ijk that are made at a time."""
KEPT = 1 << 28
"""Most numbers of the tensors T_ijk that are kept from one sweep to the next; larger ones are made anew each time."""
GROUP = 1 << 26
"""Numbers in the matrices Y of the seeds that are solved for together."""


class Loops:
    """Loop features as antisymmetric tensors T, and their contraction with a site tensor.

    Parameters
    ----------
    loops : (B, L) loop features
    sites : number of sites N (of chains: cells)
    order : of the ring, 2 on chains and 3 in the plane
    """

    def __init__(self, loops: Tensor, sites: int, order: int):
        self.loops, self.sites, self.order = loops.T.contiguous(), sites, order
        self.i, self.j = torch.triu_indices(sites, sites, 1)
        if order == 3:
            self.place, self.sign = places(sites)
            self.kept = list(self._pieces()) if self.place.numel() * len(loops) <= KEPT else None

    def _pieces(self) -> Iterator[Tensor]:
        """Yield ``T_ijk``, (N, pairs i < j, b): k first, then the pairs, of a few samples at a time."""
        for part in self.loops.split(max(1, PIECE // self.place.numel()), dim=1):
            yield part.contiguous()[self.place].mul_(self.sign[..., None])

    def contracted(self, held: Tensor) -> Tensor:
        """Return ``Y_ij = Σ_k T_ijk c_k`` (S, N, N, B) of a held site tensor (S, N); of chains T_ij (1, N, N, B)."""
        if self.order == 2:
            return self._antisymmetric(self.loops[None])
        pieces = self._pieces() if self.kept is None else self.kept
        held = held.to(self.loops.dtype)
        pairs = [(held @ part.flatten(1)).unflatten(1, part.shape[1:]) for part in pieces]  # (S, P, b)
        return self._antisymmetric(torch.cat(pairs, dim=-1))

    def _antisymmetric(self, pairs: Tensor) -> Tensor:
        """Return matrices (S, N, N, B) from the entries (S, P, B) above their diagonals."""
        full = pairs.new_zeros(len(pairs), self.sites, self.sites, pairs.shape[-1])
        full[:, self.i, self.j] = pairs
        full[:, self.j, self.i] = -pairs
        return full


def places(sites: int) -> tuple[Tensor, Tensor]:
    """Return the loop behind each T_ijk and its sign (0 if k is i or j), (N, P) each, for every k and P pairs i < j."""
    place = torch.zeros(sites, sites, sites, dtype=torch.int64)
    sign = torch.zeros(sites, sites, sites)
    triples = torch.from_numpy(triple_indices(sites))
    for order in itertools.permutations(range(3)):
        at = tuple(triples[list(order)])
        place[at] = torch.arange(triples.shape[1])
        sign[at] = float(np.linalg.det(np.eye(3)[list(order)]))
    i, j = torch.triu_indices(sites, sites, 1)
    return place[i, j].T.contiguous(), sign[i, j].T.contiguous()


def alternating(
    model: Ring, parameters: Parameters, training: Batch, validation: Batch, *, sweeps: int, ridge: float = RIDGE
) -> Parameters:
    """Return site tensors of a rank-1 ring after so many sweeps of exact solutions, for all seeds.

    Of every seed they are those of the sweep with the lowest loss on the validation samples, or of the start.

    Parameters
    ----------
    parameters : starting values of S seeds
    sweeps : number of sweeps
    ridge : penalty of each solution, see `RIDGE`

    Raises
    ------
    NotApplicable
        If the ring is a sum of several, or the samples are not loop features.
    """
    here = model.multilinear and model.rank == 1 and "loops" in training.inputs
    require(here, "least squares in turn are for rings of rank 1 that see loop features")
    sites = len(training.inputs["coordinates"])
    loops = Loops(training.inputs["loops"], sites, model.order)
    group = max(1, GROUP // (len(training) * sites**2))
    seeds = torch.arange(len(next(iter(parameters.values())))).split(group)
    every = [
        solved(
            model, {name: t[some] for name, t in parameters.items()}, loops, training.labels, validation, sweeps, ridge
        )
        for some in seeds
    ]
    return {name: torch.cat([one[name] for one in every]) for name in parameters}


def solved(
    model: Ring, parameters: Parameters, loops: Loops, labels: Tensor, validation: Batch, sweeps: int, ridge: float
) -> Parameters:
    """Return the outcome of `alternating` for a few seeds, which are solved for together."""
    basis = features(model, parameters, validation.inputs["coordinates"])
    unknown = unknowns(model, parameters)  # (S, order, F)
    best, lowest = parameters, squared_loss(model, parameters, validation)
    for _ in range(sweeps):
        unknown = swept(unknown, basis, loops, labels, ridge)
        now = with_unknowns(model, parameters, unknown)
        loss = squared_loss(model, now, validation)
        better = loss < lowest
        lowest = torch.where(better, loss, lowest)
        best = {name: torch.where(better.reshape(-1, *[1] * (t.ndim - 1)), now[name], t) for name, t in best.items()}
    return best


def swept(unknown: Tensor, basis: Tensor, loops: Loops, labels: Tensor, ridge: float) -> Tensor:
    """Return the unknowns after one sweep.

    In a sweep each site tensor is held in turn while the two others are solved for, so that each is solved for twice;
    of a chain's two tensors each is solved for once.
    """
    order = loops.order
    for held in (2,) if order == 2 else (2, 0, 1):
        first, second = (held + 1) % 3, (held + 2) % 3
        unknown = balanced(unknown, basis)
        Y = loops.contracted(site_tensor(unknown, basis, held % order))
        for solve, other, sign in ((first, second, 1.0), (second, first, -1.0)):
            fixed = site_tensor(unknown, basis, other).to(Y.dtype)  # (S, N)
            along = (fixed[:, None, None] @ Y).squeeze(2).double()  # (S, N, B)
            design = sign * KAPPA[order] * (basis @ along)  # (S, F, B)
            unknown = unknown.clone()
            unknown[:, solve] = ridge_solution(design, labels.double(), ridge)
    return balanced(unknown, basis)


def site_tensor(unknown: Tensor, basis: Tensor, place: int) -> Tensor:
    """Return one of the site tensors (S, N) of unknowns (S, order, F) in a basis (S or 1, F, N)."""
    return (unknown[:, place, None] @ basis)[:, 0]


def ridge_solution(design: Tensor, target: Tensor, ridge: float) -> Tensor:
    """Return the ridge-regularised least-squares solutions (S, F) of ``designᵀ x = target``, in double precision."""
    values, vectors = torch.linalg.eigh(design @ design.mT)
    right = vectors.mT @ (design @ target)[..., None]  # (S, F, 1)
    scale = values.mean(dim=1, keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)
    return (vectors @ (right / (values.clamp_min(0.0) + ridge * scale)[..., None]))[..., 0]


def balanced(unknown: Tensor, basis: Tensor) -> Tensor:
    """Return the unknowns (S, order, F) of site tensors of the same product and equal norms."""
    norms = (unknown @ basis).norm(dim=-1, keepdim=True).clamp_min(1e-30)  # (S, order, 1)
    return unknown * (norms.log().mean(dim=1, keepdim=True).exp() / norms)


def features(model: Ring, parameters: Parameters, coordinates: Tensor) -> Tensor:
    """Return the basis in which site tensors are linear combinations with the coefficients `unknowns`, float64.

    Of free site tensors it is the identity (1, N, N), of the coordinate network its F features at every site (S, F, N):
    coordinates, hidden units and a constant.
    """
    if model.fixed_geometry:
        return torch.eye(len(coordinates), dtype=torch.float64)[None]
    seeds, _, hidden = parameters["v"].shape
    each = torch.eye(hidden, dtype=parameters["v"].dtype).expand(seeds, -1, -1)
    parts = model.site_tensors.values(
        {**parameters, "v": each, "c": torch.zeros_like(parameters["c"][:, :1]).expand(-1, hidden)}, coordinates
    )
    return torch.cat([parts, torch.ones_like(parts[:, :1])], dim=1).double()


def unknowns(model: Ring, parameters: Parameters) -> Tensor:
    """Return free site tensors (S, order, N), or a coordinate network's read-out (S, order, F), constant last."""
    if model.fixed_geometry:
        return parameters["site"].double()
    return torch.cat([parameters["v"], parameters["c"][..., None]], dim=-1).double()


def with_unknowns(model: Ring, parameters: Parameters, unknown: Tensor) -> Parameters:
    """Return the parameters with the unknowns (S, order, F) put in."""
    if model.fixed_geometry:
        return {"site": unknown.to(parameters["site"].dtype)}
    unknown = unknown.to(parameters["v"].dtype)
    return {**parameters, "v": unknown[..., :-1].contiguous(), "c": unknown[..., -1].contiguous()}


def sweep_flops(model: Ring, parameters: Parameters, samples: int, sites: int) -> float:
    """Return the floating-point operations of one sweep of one seed, counted as `epoch_flops` does: matrix products.

    A contraction takes ``2 B N P``, P = N(N − 1)/2 pairs, a solution ``2 B N²`` for its design in the site tensor,
    ``2 B N F`` for that in F features, ``2 B F²`` for the normal matrix and ``9 F³`` for its eigenvectors. In the plane
    a sweep has three contractions and six solutions, on chains two solutions.

    References
    ----------
    G. H. Golub, C. F. Van Loan, Matrix Computations (4th ed., 2013), § 8.3, for the eigenvectors.
    """
    count = unknowns(model, parameters).shape[-1]
    projected = 0 if model.fixed_geometry else 2 * samples * sites * count
    solution = 2 * samples * sites**2 + projected + 2 * samples * count**2 + 9 * count**3
    contraction = 2 * samples * sites * (sites * (sites - 1) // 2)
    return float(2 * solution if model.order == 2 else 3 * contraction + 6 * solution)
