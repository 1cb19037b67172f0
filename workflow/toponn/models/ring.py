"""The hybrid tensor-neural network: a tensor ring of the projector with trainable site tensors.

``f = κ Σ_r Im tr(D_{r1} P D_{r2} P D_{r3} P)`` in two dimensions, and its order-2 twin ``½ Σ_r Σ_ij (a_i b_j − b_i
a_j)|q_ij|²`` for chiral chains. There are three routes to the same number: through loop features, in which both are
linear with the wedge product of the site tensors for weights; through occupied states; through dense projectors.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from toponn.checks import choose
from toponn.models.base import Inputs, Model, Parameters, require
from toponn.models.closed_forms import closed_form_of, coordinate_weights, free_site_tensors, free_weights
from toponn.models.site_tensors import Coordinate, Free
from toponn.models.wedges import loop_tensors, wedge_value

KAPPA = {2: 0.5, 3: 4 * np.pi}
"""Factor of the order-n ring, with which its closed forms are the invariant."""

STATE_PIECE = 1 << 17
"""Numbers of the states that are contracted at a time, so that they stay in the processor's cache."""

TENSOR_PIECE = 1 << 21
"""Numbers of the antisymmetric loop tensors that are made at a time."""

WEDGE_PIECE = 1 << 25
"""Numbers in the wedges of pairs of the seeds that are contracted at a time."""


class Ring(Model):
    """A tensor ring of CP rank R over free or coordinate site tensors.

    Parameters
    ----------
    form : "free" (one weight a site) or "coordinate" (a network of the normalised coordinates)
    start : "random" or "closed_form"
    rank : number of rings in the sum
    scale : standard deviation of the site tensors at a random start
    width : units of each hidden layer of the coordinate network
    noise : relative standard deviation of the noise on closed-form weights, drawn anew for each seed
    route : the encoding that it is to be shown, or "auto" for the cheapest
    closed_form : name of the closed form, by default the first of its form and dimension

    Raises
    ------
    ConfigError
        If there is no such form, route or closed form.
    """

    family = "ring"
    encodings: ClassVar = ("loops", "occupied", "projector")

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        *,
        form: str,
        start: str,
        rank: int,
        scale: float,
        width: int | None = None,
        noise: float = 0.0,
        route: str = "auto",
        closed_form: str | None = None,
    ):
        self.shapes, self.form, self.start, self.rank, self.noise = shapes, form, start, rank, noise
        self.fixed_geometry = form == "free"
        sites, dimension = shapes["coordinates"]
        self.order = dimension + 1
        forms = {
            "free": lambda: Free(sites, rank * self.order, scale),
            "coordinate": lambda: Coordinate(dimension, rank * self.order, scale, width),
        }
        self.site_tensors = choose(forms, form, "form")()
        self.route = choose({name: name for name in ("auto", *self.encodings)}, route, "route")
        self.formula, _ = closed_form_of(form, dimension, closed_form)

    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return random site tensors; `closed_form` gives the other start."""
        return self.site_tensors.initial(generators)

    def closed_form(self, like: Parameters, lengths: np.ndarray, area_per_site: float) -> Parameters:
        """Return parameters, shaped and typed like `like`, at which the ring is the invariant, all seeds alike.

        Parameters
        ----------
        lengths : (N, d) float64, positions in units of length
        area_per_site : length (1D, of a cell) or area (2D, of a site)
        """
        if self.form == "coordinate":
            return coordinate_weights(lengths.shape[1], like)
        return free_weights(free_site_tensors(self.formula, lengths, area_per_site), like)

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
            - ``occupied`` (B, O, n), one state a row, zeros where a sample has fewer; of chains all amplitudes on A,
              then all on B, and n/N orbitals a site in the plane;
            - ``projector`` (B, n, n), of chains the polar factor q (B, N, N).
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
        """Raise NotApplicable for another dimension, or for free site tensors on another number of sites."""
        sites, dimension = inputs["coordinates"].shape[-2:]
        require(dimension + 1 == self.order, f"trained in {self.order - 1}D, the sample is {dimension}D")
        trained = self.shapes["coordinates"][0]
        require(
            self.form != "free" or sites == trained,
            f"free site tensors on {trained} sites, the sample has {sites}",
        )


def through_loops(d: Tensor, loops: Tensor) -> Tensor:
    """Return the ring without its factor, (S, B), of site tensors (S, R, order, N) and loop features (B, L)."""
    step = max(1, WEDGE_PIECE // (d[0].numel() * d.shape[-1]))
    return torch.cat([_remade(wedge_value, some, loops, len(d) > step) for some in d.split(step)])


def through_loop_tensors(d: Tensor, loops: Tensor) -> Tensor:
    """Return ``Σ_r Σ_ijk a_i b_j c_k T_ijk`` (S, B) of site tensors (S, R, 3, B, N) of every sample and loops (B, L).

    Weights that belong to one sample are not worth their making: the antisymmetric T is contracted as a tensor.
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
    """Return `contraction` (S, B) of site tensors (S, R, order, n) and states (B, …, n), a piece at a time."""
    step = max(1, STATE_PIECE // max(1, states[0].numel()))
    many = len(d) > 1 or len(states) > step
    pieces = states.split(step)
    return torch.stack([torch.cat([_remade(contraction, one, piece, many) for piece in pieces]) for one in d])


def _remade(contraction: Callable[[Tensor, Tensor], Tensor], d: Tensor, states: Tensor, again: bool) -> Tensor:
    """Return the contraction; its intermediate results are made again for the derivatives."""
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

    The two Hermitian matrices A_b and A_c are made as one, ``A_b + iA_c``.
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
