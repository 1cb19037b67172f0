"""The loss between what a ring learned and its closed form: along straight lines, and on a plane through both.

f is a polynomial in the weights of a ring. If its degree is n, its values at n + 1 points of a line determine it on the
whole line, and its values on a grid of (n + 1)² points on the whole plane (`chebyshev`, `lagrange`).

For free and coordinate rings the line is straight in the site tensors, not in the weights. Each of its points still is
a ring of the same form: for the coordinate form the networks of both ends side by side, with an interpolated read-out.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from toponn.models.base import Model, Parameters, generators, require
from toponn.models.ring import FreeRing
from toponn.models.wavefunction import DEGREES
from toponn.tools.options import Annotated, Count, Ge, Number, Seeds
from toponn.tools.seeds import stream
from toponn.tools.statements import Statement
from toponn.trainability.alignment import unimodular_alignment, wavefunction_alignment
from toponn.trainability.curvature import flattened, unflattened
from toponn.trainability.record import diagnostic
from toponn.trainability.subject import (
    Measured,
    Seen,
    Subject,
    doubled,
    doubled_parameters,
    seen,
    squared_loss,
    trained_parameters,
    trained_seeds,
    unit_rows,
)
from toponn.training.loop import Batch, evaluate

BEYOND = 0.4
"""How far the plane reaches beyond its three points, as a share of their extent."""

LOOKS = 20
"""How often f of each sample is computed for a seed, roughly (at the nodes of a few lines), to choose a route."""

ROUNDING = 1e-9
"""A rise of the loss below this share of the largest loss, or a vector below this share of a length, is rounding."""


@dataclass(frozen=True)
class Space:
    """The space in which lines are straight: the site tensors of a tensor ring, else the weights themselves.

    Attributes
    ----------
    model : the model that computes f at points of the space; a free ring where the source is a tensor ring
    samples : float64 samples on which the loss is taken
    coordinates : (N, d) normalised coordinates of the sites, where the source's site tensors are evaluated
    source : the model whose weights are looked at
    """

    model: Model
    samples: Batch
    coordinates: Tensor | None
    source: Model

    @classmethod
    def of(cls, here: Seen, samples: Batch) -> "Space":
        """Return the space of a model, with float64 samples on which the loss is taken.

        Raises
        ------
        NotApplicable
            If f is no polynomial of known degree in its weights.
        """
        source = here.model
        require(source.degree > 0, "its value is no polynomial of a known degree in its weights")
        model = FreeRing(source.shapes, rank=source.rank) if source.multilinear else source
        return cls(model, samples, samples.inputs.get("coordinates"), source)

    def points(self, parameters: Parameters) -> Parameters:
        """Return the points of the space that belong to the weights of S seeds, in float64."""
        weights = doubled_parameters(parameters)
        if self.source.multilinear:
            return {"site": self.source.tensors(weights, self.coordinates).flatten(1, 2)}
        return weights

    def aligned(self, learned: Parameters, target: Parameters) -> Parameters:
        """Return points of the same f nearest to a target (of S seeds, or one); unchanged if no alignment is known."""
        if not self.source.multilinear:
            return wavefunction_alignment(learned, target) if set(learned) <= set(DEGREES) else learned
        rings = [tensors["site"].unflatten(1, (-1, self.model.order)).numpy() for tensors in (learned, target)]
        each = [unimodular_alignment(rings[0][:, r], rings[1][:, r]) for r in range(self.source.rank)]
        return {"site": torch.from_numpy(np.concatenate(each, axis=1))}

    def loss(self, points: Parameters) -> np.ndarray:
        """Return the loss (S,) at points."""
        with torch.no_grad():
            return squared_loss(self.model, points, self.samples).numpy()

    def values(self, points: Parameters, nodes: int) -> Tensor:
        """Return f (S, nodes, B) at points (S, nodes, …)."""
        flat = evaluate(self.model, {name: tensor.flatten(0, 1) for name, tensor in points.items()}, self.samples)
        return flat.unflatten(0, (-1, nodes))

    def line(self, start: Parameters, end: Parameters, t: np.ndarray) -> np.ndarray:
        """Return the loss (S, T) at ``(1 − t)·start + t·end``, from points of S seeds to as many, or to one."""
        nodes = chebyshev(t.min(), t.max(), self.model.degree + 1)
        points = {name: _between(tensor, end[name], torch.from_numpy(nodes)) for name, tensor in start.items()}
        f = torch.einsum("tk,skb->stb", torch.from_numpy(lagrange(nodes, t)), self.values(points, len(nodes)))
        return self.mean_square(f).numpy()

    def plane(self, origin: Parameters, axes: list[Parameters], x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the loss (Y, X) at ``origin + x·axes[0] + y·axes[1]``, all of one seed."""
        along = [chebyshev(values.min(), values.max(), self.model.degree + 1) for values in (x, y)]
        on_x, on_y = (torch.from_numpy(grid.ravel()) for grid in np.meshgrid(*along))
        points = {
            name: tensor + _stretched(on_x, axes[0][name]) + _stretched(on_y, axes[1][name])
            for name, tensor in origin.items()
        }
        f = evaluate(self.model, points, self.samples).unflatten(0, (len(along[1]), len(along[0])))  # (K, K, B)
        to_x, to_y = (torch.from_numpy(lagrange(n, values)) for n, values in zip(along, (x, y), strict=True))
        half = torch.einsum("xk,jkb->jxb", to_x, f)
        return np.stack([self.mean_square(torch.einsum("j,jxb->xb", row, half)).numpy() for row in to_y])

    def mean_square(self, f: Tensor) -> Tensor:
        """Return the loss (…) of values f (…, B), ``½⟨(f − C)²⟩`` as in `squared_loss`."""
        return 0.5 * (f - self.samples.labels).square().mean(dim=-1)


@diagnostic(
    needs=("gradient", "closed form", "runs"),
    conditions={
        "origin": "random: the line begins at a random start, not at trained weights",
        "between": "trained: the line goes from one trained seed to the next, not to the closed form",
        "aligned": "whether its beginning is first replaced by the weights of the same f that lie nearest to its end",
        "at": "which weights: random, trained or closed_form",
    },
    figure="landscape",
    statements=(
        Statement(
            "line_barrier",
            "Barrier of the loss from a random start straight to the closed form",
            (("origin", "random"),),
        ),
        Statement(
            "line_barrier",
            "Barrier between trained and closed-form weights, aligned",
            (("aligned", "yes"), ("origin", ""), ("between", "")),
        ),
    ),
)
def landscape(
    subject: Subject,
    *,
    seeds: Seeds = 10,
    samples: Count = 200,
    points: Annotated[int, Ge(3)] = 41,
    reach: Number = 0.25,
) -> Measured:
    """Measure how high the loss rises between trained rings and their closed form, and the curves and plane behind it.

    The loss is ``½⟨(f − C)²⟩`` over the first training samples, in float64.

    Parameters
    ----------
    seeds : number of trained seeds of each model; of one that has fewer, all
    samples : number of samples, the first of the training split, that the loss is averaged over
    points : number of points on each line, and along each side of the plane
    reach : how far lines go on beyond both ends, in units of their length

    Returns
    -------
    Measured, with rows
        ``line_barrier`` : maximum over the line less the larger of its ends, from trained weights to the closed form,
            aligned and not, from a random start, and from one trained seed to the next
        ``line_descends`` : 1.0 where the loss never rises from a random start to the closed form
        ``end_loss`` : at trained weights, at the closed form and at random weights
    and arrays
        ``line/t`` (T,), from the start, 0, to the closed form, 1; ``line/aligned``, ``line/unaligned`` and
        ``line/random`` (S, T), the loss; ``plane/x`` (X,), ``plane/y`` (Y,) and ``plane/loss`` (Y, X) through the
        closed form and two trained seeds, in units of the norm of the closed form's weights; ``plane/points`` (3, 2),
        the three, of which the last is NaN where there is one seed and the second direction is random

    Raises
    ------
    NotApplicable
        If the model has no closed form, f is no polynomial in its weights, or no trained seed is finite.
    """
    here = seen(subject.variant, subject.home, ["train"], seeds=seeds, uses=LOOKS)
    trained = trained_parameters(subject, seeds)
    end = closed_form(here, trained)
    space = Space.of(here, doubled(here.samples["train"][:samples]))
    exact = space.points(end)
    learned, names = space.points(trained), trained_seeds(subject, seeds)
    drawn = here.model.initial(generators(subject.root, here.dataset.name, subject.variant.name, names))
    start = space.aligned(space.points(drawn), exact)
    near = space.aligned(learned, exact)
    lines: dict[str, tuple[dict[str, str], Parameters, Parameters]] = {
        "aligned": ({"aligned": "yes"}, near, exact),
        "unaligned": ({"aligned": "no"}, learned, exact),
        "random": ({"origin": "random", "aligned": "yes"}, start, exact),
    }
    if len(names) > 1:
        first, second = _seeds(learned, slice(0, -1)), _seeds(learned, slice(1, None))
        lines["between"] = {"between": "trained", "aligned": "yes"}, space.aligned(first, second), second
    arrays, rows = {"line/t": np.linspace(-reach, 1 + reach, points)}, []
    inside = np.linspace(0, 1, points)
    for name, (conditions, begin, end) in lines.items():
        drawn_line, between = np.split(space.line(begin, end, np.append(arrays["line/t"], inside)), [points], axis=1)
        rows.append(unit_rows(subject, here, conditions, names[: len(between)], line_barrier=barrier(between)))
        if name != "between":
            arrays[f"line/{name}"] = drawn_line
        if name == "random":
            rows.append(unit_rows(subject, here, conditions, names, line_descends=descends(between)))
    for place, where in (("trained", learned), ("random", start), ("closed_form", exact)):
        losses = space.loss(where)
        rows.append(unit_rows(subject, here, {"at": place}, names[: len(losses)], end_loss=losses))
    rng = stream(subject.root, "landscape", subject.variant.name)
    return Measured(
        pd.concat(rows, ignore_index=True), arrays | plane(space, exact, _seeds(near, slice(0, 2)), points, rng)
    )


def closed_form(here: Seen, like: Parameters) -> Parameters:
    """Return the weights of the closed form in float64, of one seed, shaped as those of trained seeds."""
    one = {name: tensor[:1] for name, tensor in doubled_parameters(like).items()}
    return here.closed_form(one)


def barrier(losses: np.ndarray) -> np.ndarray:
    """Return the maximum over a line less the larger of its ends, (S,) of losses (S, T) from one end to the other.

    Examples
    --------
    >>> barrier(np.array([[1.0, 3.0, 2.0], [2.0, 1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    return losses.max(axis=1) - losses[:, [0, -1]].max(axis=1)


def descends(losses: np.ndarray) -> np.ndarray:
    """Return 1.0 where losses (S, T) never rise along the line, else 0.0, (S,)."""
    rise = np.diff(losses, axis=1).max(axis=1)
    return (rise <= ROUNDING * losses.max(axis=1)).astype(float)


def plane(
    space: Space, exact: Parameters, near: Parameters, points: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return the arrays of the plane through the closed form and two trained seeds, aligned; see `landscape`."""
    exact, near = (dict(sorted(weights.items())) for weights in (exact, near))
    origin, ends = flattened(exact), flattened(near)
    unit = float(origin.norm())
    axes = orthonormal([end - origin[0] for end in ends], rng) * unit  # (2, P)
    places = np.full((3, 2), np.nan)
    places[0] = 0
    places[1 : len(ends) + 1] = ((ends - origin) @ axes.T / unit**2).numpy()
    low, high = np.nanmin(places, axis=0), np.nanmax(places, axis=0)
    extent = high - low
    extent = np.where(extent > ROUNDING * extent.max(), extent, extent.max() or 1.0)  # three points on a line
    x, y = np.linspace(low - BEYOND * extent, high + BEYOND * extent, points).T
    loss = space.plane(exact, [unflattened(axis[None], exact) for axis in axes], x, y)
    return {"plane/x": x, "plane/y": y, "plane/loss": loss, "plane/points": places}


def orthonormal(directions: list[Tensor], rng: np.random.Generator) -> Tensor:
    """Return two orthonormal vectors (2, P): directions (P,) by Gram-Schmidt, random ones where these are too few."""
    drawn = [torch.from_numpy(rng.normal(size=len(directions[0]))) for _ in range(2)]
    axes: list[Tensor] = []
    for vector in [*directions, *drawn]:
        rest = vector - sum((axis * (axis @ vector) for axis in axes), torch.zeros_like(vector))
        if len(axes) < 2 and rest.norm() > ROUNDING * vector.norm():
            axes.append(rest / rest.norm())
    return torch.stack(axes)


def chebyshev(low: float, high: float, count: int) -> np.ndarray:
    """Return the Chebyshev nodes (count,) between two bounds, where polynomial interpolation is well conditioned."""
    angles = np.pi * (np.arange(count) + 0.5) / count
    return (low + high) / 2 - (high - low) / 2 * np.cos(angles)


def lagrange(nodes: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return Lagrange's matrix (T, K) from values of a polynomial of degree K − 1 at nodes (K,) to those at t (T,).

    Examples
    --------
    >>> lagrange(np.array([0.0, 1.0]), np.array([0.25])).tolist()
    [[0.75, 0.25]]
    """
    rest = ~np.eye(len(nodes), dtype=bool)
    above = np.where(rest, t[:, None, None] - nodes, 1.0).prod(axis=2)  # (T, K)
    return above / np.where(rest, nodes[:, None] - nodes, 1.0).prod(axis=1)


def _seeds(points: Parameters, which: slice) -> Parameters:
    return {name: tensor[which] for name, tensor in points.items()}


def _between(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Return ``(1 − t)·start + t·end`` (S, T, …) of (S, …) and (S or 1, …)."""
    t = t.reshape(-1, *[1] * (start.ndim - 1))
    return (1 - t) * start[:, None] + t * end[:, None]


def _stretched(factors: Tensor, axis: Tensor) -> Tensor:
    """Return multiples (K, …) of one direction (1, …)."""
    return factors.reshape(-1, *[1] * (axis.ndim - 1)) * axis
