"""The hybrid network in its wavefunction form: everything between the occupied states of a chain can be trained.

``f = 4 Re [Tr{BWB G AXA G} − Tr{BXWB G AA G}]`` with ``G = Ψᵀ K Ψ*`` of the occupied states Ψ, a polynomial of fourth
order in their amplitudes. At its closed form A and B select the sublattices, X is the position, W the window and K = 1:
then G = P and ``f = Σ_ij w_j (x_i − x_j)|q_ij|²``, the real-space winding number. With any K that is no multiple of 1
f depends on the gauge, the basis that was chosen for the occupied states.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from toponn.models.base import Inputs, Model, Parameters, Shapes, require
from toponn.models.closed_forms import wavefunction_tensors
from toponn.models.site_tensors import gaussian
from toponn.tools.checks import ConfigError, choose, refusal
from toponn.tools.options import Listed, Number, Positive, Told

TENSORS = ("selection", "contraction", "position", "window")
"""The matrices that can be trained: A and B, K, X and W of the formula above."""

CHUNK = 1 << 21
"""Numbers in the largest array of the seeds that are computed together, so that it stays in the processor's cache."""

DEGREES = {"selection": 4, "contraction": 2, "position": 1, "window": 1}
"""Degree of f in each of them."""

INTRACELL = tuple((i + 0.5) / 8 for i in range(16))
"""Intracell hoppings, in units of the intercell hopping, of the clean SSH chains by which a random start is scaled."""


class Wavefunction(Model):
    """Trainable matrices between the occupied states of chains of L cells, n = 2L orbitals, all of A before all of B.

    Parameters
    ----------
    start : where training starts: at random weights, or at those at which f is the invariant
    scale : root mean square of f over clean chains of both phases at a random start, for every seed
    trainable : which matrices are trained: the selection of the sublattices, the contraction over the bands, the
        position, the window; the others are held at their closed form
    noise : relative standard deviation of the noise on closed-form weights, drawn anew for each seed
    closed_form : name of the closed form of matrices that are not trained, and of a start there: ``midgap_dropped`` for
        states without the mid-gap pair, else ``windowed_winding``, the default

    Raises
    ------
    NotApplicable
        If the inputs are not of a chain.
    ConfigError
        If nothing is trainable, a name is unknown, or a pair that the closed form leaves out is among the states.
    """

    family = "ring"
    cost: Told = {"winding": (1.4e-9, 3)}
    form = "wavefunction"
    role = "hybrid"
    tasks = ("winding",)
    encodings = ("occupied",)
    fixed_geometry = True
    closed_forms: ClassVar = {"winding": ("windowed_winding", "midgap_dropped")}

    def __init__(
        self,
        shapes: Shapes,
        *,
        start: Literal["random", "closed_form"] = "random",
        scale: Positive = 1.0,
        trainable: Listed[Literal["selection", "contraction", "position", "window"]] = TENSORS,
        noise: Number = 0.0,
        closed_form: Literal["windowed_winding", "midgap_dropped"] | None = None,
    ):
        self.shapes, self.start, self.scale, self.noise = shapes, start, scale, noise
        states, orbitals = shapes["occupied"]
        cells, dimension = shapes["coordinates"]
        require(dimension == 1 and orbitals == 2 * cells, "the wavefunction form reads chains of two sites a cell")
        for name in trainable:
            choose(DEGREES, name, "trainable")
        self.trainable = tuple(name for name in TENSORS if name in trainable)
        if not self.trainable:
            raise ConfigError(refusal("trainable", list(trainable), f"at least one of {', '.join(TENSORS)}"))
        if self.trainable != TENSORS:
            self.form = "_".join(["wavefunction", *self.trainable])
        self.degree = sum(DEGREES[name] for name in self.trainable)
        self.formula = self.formula_of(dimension, closed_form)
        if self.formula == "midgap_dropped" and states >= cells:
            allowed = f"windowed_winding, since the {states} states of {cells} cells have their mid-gap pair"
            raise ConfigError(refusal("closed_form", self.formula, allowed))

    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return Gaussian matrices, each seed scaled by a factor that all trainable ones share.

        The factor makes the root mean square of f over clean chains equal to `scale`, whichever of them are trainable.
        """
        states, n = self.shapes["occupied"]
        sizes = {"selection": (2, n, n), "contraction": (states, states), "position": (n, n), "window": (n, n)}
        drawn = {t: gaussian(generators, *sizes[t], deviation=1 / math.sqrt(sizes[t][-1])) for t in self.trainable}
        f = self.value(drawn, clean_chains(n // 2, states))
        factor = (self.scale / f.square().mean(dim=1).sqrt()) ** (1 / self.degree)  # (S,)
        return {name: t * factor.reshape(-1, *[1] * (t.ndim - 1)) for name, t in drawn.items()}

    def closed_form(self, like: Parameters, lengths: np.ndarray, area_per_site: float) -> Parameters:
        """Return the trainable matrices of its closed form, which depend on the number of cells but on no length."""
        x = torch.from_numpy(lengths[:, 0])
        exact = self._exact((2 * x - x.max() - x.min()) / (x.max() - x.min()))
        return {name: exact[name].to(like[name]).expand_as(like[name]).clone() for name in self.trainable}

    def _exact(self, u: Tensor) -> Parameters:
        return wavefunction_tensors(self.formula, u, self.shapes["occupied"][0])

    def value(self, parameters: Parameters, inputs: Inputs) -> Tensor:
        """Return f (S, B) of occupied states (B, O, n), real or complex."""
        states = inputs["occupied"]
        exact = self._exact(inputs["coordinates"][:, 0].to(states.real.dtype))
        seeds = len(parameters[self.trainable[0]])
        tensors = {name: parameters.get(name, exact[name][None]) for name in TENSORS}  # (S or 1, …)
        between = sandwiches(tensors["selection"], tensors["position"], tensors["window"])
        between = between.to(states.dtype).expand(seeds, -1, -1, -1)  # (S, 4, n, n)
        group = max(1, CHUNK // (4 * states.numel()))
        if "contraction" not in parameters:  # K = 1
            return torch.cat([quartic(states, M, None) for M in between.split(group)])
        contraction = tensors["contraction"].to(states.dtype)
        pairs = zip(between.split(group), contraction.split(group), strict=True)
        return torch.cat([quartic(states, M, K) for M, K in pairs])

    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable in the plane, and on another number of cells, orbitals or occupied states."""
        cells, dimension = inputs["coordinates"].shape
        require(dimension == 1, f"trained on chains, the sample is {dimension}D")
        trained = self.shapes["coordinates"][0]
        require(cells == trained, f"matrices for chains of {trained} cells, the sample has {cells}")
        trained, found = tuple(self.shapes["occupied"]), tuple(inputs["occupied"].shape[1:])
        require(
            found == trained, "matrices for {} states of {} orbitals, the sample has {} of {}".format(*trained, *found)
        )


def sandwiches(selection: Tensor, position: Tensor, window: Tensor) -> Tensor:
    """Return BWB, AXA, BXWB and AA, (S, 4, n, n), of (A, B) (S or 1, 2, n, n), X and W (S or 1, n, n)."""
    A, B = selection.unbind(1)
    return torch.stack(torch.broadcast_tensors(B @ window @ B, A @ position @ A, B @ position @ window @ B, A @ A), 1)


def quartic(states: Tensor, between: Tensor, contraction: Tensor | None) -> Tensor:
    """Return ``4 Re [Tr{M1 G M2 G} − Tr{M3 G M4 G}]``, ``G = Ψᵀ K Ψ*``, (S, B).

    By way of ``a = Ψ* M Ψᵀ``, (O, O), since ``Tr{M G M′ G} = Tr{a K a′ K}``; G, (n, n) for each seed and sample, is
    never formed.

    Parameters
    ----------
    states : (B, O, n)
    between : (S, 4, n, n), M1 to M4
    contraction : K (S, O, O), or None for 1
    """
    (B, filled, n), S = states.shape, len(between)
    right = between.permute(2, 0, 1, 3).reshape(n, S * 4 * n)
    half = (states.conj().reshape(B * filled, n) @ right).view(B, filled * S * 4, n)
    a = torch.bmm(half, states.mT).view(B, filled, S, 4, filled).permute(2, 3, 0, 1, 4)  # (S, 4, B, O, O)
    if contraction is not None:
        a = (a.reshape(S, 4 * B * filled, filled) @ contraction).view(S, 4, B, filled, filled)
    first, second, third, fourth = a.unbind(1)
    return 4 * ((first * second.mT).sum(dim=(-2, -1)) - (third * fourth.mT).sum(dim=(-2, -1))).real


def clean_chains(cells: int, states: int) -> dict[str, Tensor]:
    """Return inputs that hold the occupied states of clean SSH chains of both phases, a chain for each of `INTRACELL`.

    Of ``occupied`` (B, states, 2·cells) float32 the mid-gap state is the last, absent if `states` is below `cells`.
    """
    h = np.multiply.outer(INTRACELL, np.eye(cells)) + np.eye(cells, k=-1)
    U, _, Vh = np.linalg.svd(h)
    rows = np.concatenate([U.swapaxes(-1, -2), -Vh], axis=-1)[:, :states] / math.sqrt(2)
    u = torch.linspace(-1, 1, cells, dtype=torch.float64)[:, None]
    return {"occupied": torch.from_numpy(rows.astype(np.float32)), "coordinates": u}
