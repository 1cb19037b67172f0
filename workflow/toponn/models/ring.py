"""The hybrid tensor-neural network: a tensor ring of the projector with trainable site tensors.

``f = κ Σ_r Im tr(D_{r1} P D_{r2} P D_{r3} P)`` in two dimensions, and its order-2 twin ``½ Σ_r Σ_ij (a_i b_j − b_i
a_j)|q_ij|²`` for chiral chains. P is the projector on the occupied states, q the polar factor of a chain, and D_{rk}
the diagonal matrix of the k-th site tensor of term r; the tensors of one term are called a, b and c. The same number
can be computed by three routes: from loop features, in which it is linear, the weights being the wedge product of the
site tensors; from occupied states; from dense projectors.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from toponn.models.base import Inputs, Model, Parameters, Shapes, require
from toponn.models.closed_forms import SITE_TENSORS, coordinate_weights, free_weights
from toponn.models.site_tensors import Coordinate, Free
from toponn.models.wedges import loop_tensors, wedge_value
from toponn.tools.checks import choose
from toponn.tools.options import Count, Number, Positive, Told

KAPPA = {2: 0.5, 3: 4 * np.pi}
"""Factor κ of the ring of order n, with which its closed forms are the invariant."""

STATE_PIECE = 1 << 17
"""Numbers of the states that are contracted at a time, so that they stay in the processor's cache."""

TENSOR_PIECE = 1 << 21
"""Numbers of the antisymmetric loop tensors that are made at a time."""

WEDGE_PIECE = 1 << 25
"""Numbers in the wedge products of pairs of site tensors, of all seeds that are contracted at a time."""


class Ring(Model):
    """A tensor ring of CP rank R over site tensors of one of the forms in `toponn.models.site_tensors`.

    Parameters
    ----------
    start : where training starts: at random weights, or at those at which the ring is the invariant
    rank : terms R of the sum of ring contractions
    scale : standard deviation of the site tensors at a random start
    noise : relative standard deviation of the noise on closed-form weights, drawn anew for each seed
    route : the encoding that it reads: loop features, occupied states or dense projectors, which give the same f in
        different computing times; ``auto`` takes the fastest
    closed_form : name of the closed form at which training starts if ``start`` is ``closed_form``; without a name the
        task's first
    """

    family = "ring"
    cost: Told = {"winding": (1.2e-9, 2), "chern": (2e-11, 3)}
    role = "hybrid"
    encodings = ("loops", "occupied", "projector")
    multilinear = True

    def __init__(
        self,
        shapes: Shapes,
        site_tensors: Coordinate | Free,
        *,
        start: str,
        rank: int,
        noise: float,
        route: str,
        formula: str | None,
    ):
        self.shapes, self.site_tensors, self.start, self.rank, self.noise = shapes, site_tensors, start, rank, noise
        dimension = shapes["coordinates"][1]
        self.order = self.degree = dimension + 1
        routes = ("auto", *self.encodings)
        self.route = choose(dict(zip(routes, routes, strict=True)), route, "route")
        self.formula = self.formula_of(dimension, formula)

    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return the parameters of random site tensors."""
        return self.site_tensors.initial(generators)

    def tensors(self, parameters: Parameters, coordinates: Tensor) -> Tensor:
        """Return the site tensors (S, R, order, N) at coordinates (N, d), or (S, R, order, B, N) at (B, N, d)."""
        values = self.site_tensors.values(parameters, coordinates.flatten(0, -2))  # (S, R·order, …·N)
        return values.unflatten(-1, coordinates.shape[:-1]).unflatten(1, (self.rank, self.order))

    def value(self, parameters: Parameters, inputs: Inputs) -> Tensor:
        """Return f (S, B) from whichever of the three encodings is among the inputs.

        Parameters
        ----------
        inputs
            ``coordinates`` (N, d) and one of

            - ``loops`` (B, L): the fastest where many seeds share the samples; in the plane every sample may have
              ``coordinates`` (B, N, d) of its own;
            - ``occupied`` (B, O, n), one state a row, rows of zeros where a sample has fewer states than O; of chains
              first all amplitudes on sublattice A, then all on B; in the plane n/N orbitals a site;
            - ``projector`` (B, n, n), of chains the polar factor q (B, N, N) instead.
        """
        d = self.tensors(parameters, inputs["coordinates"])
        if inputs["coordinates"].ndim == 3:
            return KAPPA[3] * through_loop_tensors(d, inputs["loops"])
        if "loops" in inputs:
            return KAPPA[self.order] * through_loops(d, inputs["loops"])
        if self.order == 2:
            q = inputs["projector"] if "projector" in inputs else polar_factor(inputs["occupied"])
            return KAPPA[2] * of_polar_factor(d, q)
        contraction, name = (of_states, "occupied") if "occupied" in inputs else (of_projector, "projector")
        states = inputs[name].to(inputs[name].dtype.to_complex())
        orbitals = states.shape[-1] // d.shape[-1]
        return KAPPA[3] * through_states(contraction, d.repeat_interleave(orbitals, dim=-1), states)

    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable for samples of another dimension than in training."""
        dimension = inputs["coordinates"].shape[-1]
        require(dimension + 1 == self.order, f"trained in {self.order - 1}D, the sample is {dimension}D")


class CoordinateRing(Ring):
    """A tensor ring whose site tensors are a small network of normalised coordinates; it runs on any size and lattice.

    Parameters
    ----------
    width : number of units in each of the two hidden layers
    """

    form = "coordinate"
    closed_forms: ClassVar = {"winding": ("switches",), "chern": ("switches",)}

    def __init__(
        self,
        shapes: Shapes,
        *,
        start: Literal["random", "closed_form"] = "random",
        rank: Count = 1,
        scale: Positive = 1.0,
        width: Count = 16,
        noise: Number = 0.0,
        route: Literal["auto", "loops", "occupied", "projector"] = "auto",
        closed_form: Literal["switches"] | None = None,
    ):
        _, dimension = shapes["coordinates"]
        network = Coordinate(dimension, rank * (dimension + 1), scale, width)
        super().__init__(shapes, network, start=start, rank=rank, noise=noise, route=route, formula=closed_form)

    def closed_form(self, like: Parameters, lengths: np.ndarray, area_per_site: float) -> Parameters:
        """Return weights at which the network is a smooth window and switches: no length or area enters."""
        return coordinate_weights(lengths.shape[1], like)


class FreeRing(Ring):
    """A tensor ring with one trainable number for each site and tensor."""

    form = "free"
    fixed_geometry = True
    closed_forms: ClassVar = {
        "winding": ("windowed_winding", "midgap_dropped"),
        "chern": ("local_marker", "three_sectors"),
    }

    def __init__(
        self,
        shapes: Shapes,
        *,
        start: Literal["random", "closed_form"] = "random",
        rank: Count = 1,
        scale: Positive = 1.0,
        noise: Number = 0.0,
        route: Literal["auto", "loops", "occupied", "projector"] = "auto",
        closed_form: Literal["windowed_winding", "midgap_dropped", "local_marker", "three_sectors"] | None = None,
    ):
        sites, dimension = shapes["coordinates"]
        numbers = Free(sites, rank * (dimension + 1), scale)
        super().__init__(shapes, numbers, start=start, rank=rank, noise=noise, route=route, formula=closed_form)

    def closed_form(self, like: Parameters, lengths: np.ndarray, area_per_site: float) -> Parameters:
        """Return the site tensors of its closed form, shaped and typed like `like`, all seeds alike."""
        return free_weights(SITE_TENSORS[self.formula](lengths, area_per_site), like)

    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable as `Ring` does, and for another number of sites than in training."""
        super().check_applicable(inputs)
        trained, sites = self.shapes["coordinates"][0], inputs["coordinates"].shape[-2]
        require(sites == trained, f"free site tensors on {trained} sites, the sample has {sites}")


def through_loops(d: Tensor, loops: Tensor) -> Tensor:
    """Return the ring without its factor, (S, B), of site tensors (S, R, order, N) and loop features (B, L)."""
    step = max(1, WEDGE_PIECE // (d[0].numel() * d.shape[-1]))
    return torch.cat([_remade(wedge_value, some, loops, len(d) > step) for some in d.split(step)])


def through_loop_tensors(d: Tensor, loops: Tensor) -> Tensor:
    """Return ``Σ_r Σ_ijk a_i b_j c_k T_ijk`` (S, B) of site tensors (S, R, 3, B, N) of every sample and loops (B, L).

    Here the sites, and so the wedge product of the site tensors, differ from sample to sample. To compute it for one
    sample takes longer than to contract the antisymmetric tensor T (N, N, N) with a, c and b in turn.
    """
    n = d.shape[-1]
    step = max(1, TENSOR_PIECE // n**3)
    values = []
    for some, piece in zip(d.split(step, dim=3), loops.split(step), strict=True):
        a, b, c = some.permute(2, 3, 0, 1, 4).flatten(2, 3)  # (B, S·R, N)
        two_open = (a @ loop_tensors(piece, n).flatten(2)).unflatten(-1, (n, n))  # (B, S·R, N, N)
        values.append(((two_open @ c[..., None])[..., 0] * b).sum(dim=-1))
    return torch.cat(values).unflatten(1, d.shape[:2]).sum(dim=-1).T


def through_states(contraction: Callable[[Tensor, Tensor], Tensor], d: Tensor, states: Tensor) -> Tensor:
    """Return `contraction` (S, B) of site tensors (S, R, order, n) and states (B, …, n), a few samples at a time."""
    step = max(1, STATE_PIECE // max(1, states[0].numel()))
    many = len(d) > 1 or len(states) > step
    pieces = states.split(step)
    return torch.stack([torch.cat([_remade(contraction, one, piece, many) for piece in pieces]) for one in d])


def _remade(contraction: Callable[[Tensor, Tensor], Tensor], d: Tensor, states: Tensor, again: bool) -> Tensor:
    """Return the contraction; `again`: its intermediate results are not kept but recomputed for the derivatives."""
    if again and torch.is_grad_enabled():
        return checkpoint(contraction, d, states, use_reentrant=False, preserve_rng_state=False)
    return contraction(d, states)


def polar_factor(occupied: Tensor) -> Tensor:
    """Return ``q = −2 P_AB`` (B, N, N) of the occupied states (B, O, 2N) of chains."""
    A, B = occupied.chunk(2, dim=-1)
    return -2 * A.mT @ B.conj()


def of_polar_factor(d: Tensor, q: Tensor) -> Tensor:
    """Return ``Σ_r Σ_ij (a_i b_j − b_i a_j)|q_ij|²`` (S, B) of site tensors (S, R, 2, N) and q (B, N, N)."""
    weight = q.abs() ** 2
    return torch.einsum("sri,bij,srj->sb", d[:, :, 0], weight - weight.mT, d[:, :, 1])


def of_states(d: Tensor, psi: Tensor) -> Tensor:
    """Return ``Σ_r Im tr(A_a A_b A_c)``, ``A_a = Ψ* D_a Ψᵀ``, (B,) of site tensors (R, 3, n) and states (B, O, n).

    The two Hermitian matrices A_b and A_c are computed together as ``A_b + iA_c`` and then taken apart.
    """
    total = torch.zeros(len(psi), dtype=d.dtype, device=d.device)
    for a, b, c in d:
        Aa, Az = (psi.conj() @ (weights * psi).mT for weights in (a, torch.complex(b, c)))  # (B, O, O)
        two_Ab, two_i_Ac = Az + Az.mH, Az - Az.mH
        total = total - (Aa @ two_Ab * two_i_Ac.mT).sum(dim=(-2, -1)).real / 4
    return total


def of_projector(d: Tensor, P: Tensor) -> Tensor:
    """Return ``Σ_r Im tr(D_a P D_b P D_c P)`` (B,) of site tensors (R, 3, n) and projectors (B, n, n)."""
    total = torch.zeros(len(P), dtype=d.dtype, device=d.device)
    for a, b, c in d:
        PbP = P @ (b[:, None] * P)
        total = total + torch.einsum("n,bnm,m->b", a, (PbP * P.mT).imag, c)
    return total
