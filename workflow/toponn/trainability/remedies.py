"""What helps where training from random weights fails, each remedy at the cost of plain training."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from toponn.data.datasets import read_dataset
from toponn.models.base import Model, Parameters, require
from toponn.models.head import TEMPERATURE
from toponn.tools.checks import NotApplicable
from toponn.tools.options import Annotated, Count, Ge, Seeds, Unique
from toponn.trainability.alternating import alternating, sweep_flops
from toponn.trainability.growing import grown
from toponn.trainability.record import diagnostic
from toponn.trainability.subject import (
    Measured,
    Seen,
    Subject,
    inapplicable_row,
    outcome,
    root_mean_square,
    scores,
    seen,
    seen_in_training,
    success_values,
    unit_rows,
)
from toponn.training.runs import epoch_flops, start_parameters
from toponn.training.views import build_model

SMALL_SHARE = 1 / 3
"""Largest share of the cost of plain training that training on smaller samples may take."""


class Result(NamedTuple):
    """Balanced accuracies (S,) and the floating-point operations (S,) that each seed took."""

    scores: np.ndarray
    flops: np.ndarray


@diagnostic(
    needs=("gradient", "closed form", "smaller?"),
    conditions={
        "remedy": "plain; grown, trained on smaller samples first; alternating, least squares in turn; rank R, a sum "
        "of R rings; closed-form scale, random weights as large as those of the closed form"
    },
    trainings=5,
    figure="remedies",
)
def remedies(
    subject: Subject,
    *,
    seeds: Seeds = 20,
    ranks: Annotated[Sequence[Annotated[int, Ge(2)]], Unique()] = (2,),
    sweeps: Count = 10,
) -> Measured:
    """Measure how often each remedy succeeds with no more floating-point operations than all epochs of plain training.

    Diagnostics: ``remedy_success`` (0 or 1) and ``remedy_balanced_accuracy``, both on the split on which success is
    judged, and ``remedy_flops``, the operations spent. A remedy that does not apply to the model has one row, which
    says why.

    Parameters
    ----------
    subject : of its datasets ``home`` and, where there are, ``smaller``
    seeds : number of random starts of each remedy, at most the number of seeds of the model
    ranks : numbers of rings in the sums that are tried
    sweeps : most sweeps of alternating least squares
    """
    here = seen_in_training(subject, subject.home, seeds)
    budget = subject.variant.training.epochs * epoch_cost(subject, here, start_of(subject, here, seeds))
    options: dict[str, Callable[[Subject, Seen, int, float], Result]] = {
        "plain": plain,
        "grown": from_small,
        "alternating": partial(in_turn, sweeps=sweeps),
        **{f"rank {rank}": partial(of_rank, rank=rank) for rank in ranks},
        "closed-form scale": rescaled,
    }
    rows = []
    for name, remedy in options.items():
        try:
            result = remedy(subject, here, seeds, budget)
        except NotApplicable as reason:
            rows.append(inapplicable_row(subject, here, "remedies", reason, {"remedy": name}))
            continue
        measured = {"remedy_success": success_values(subject, result.scores)}
        measured |= {"remedy_balanced_accuracy": result.scores, "remedy_flops": result.flops}
        rows.append(unit_rows(subject, here, {"remedy": name}, range(seeds), **measured))
    return Measured(pd.concat(rows, ignore_index=True), {})


def start_of(subject: Subject, here: Seen, seeds: int) -> Parameters:
    """Return the random weights that training of a model starts from."""
    return start_parameters(here.model, here.dataset, subject.root, subject.variant.name, range(seeds))


def epoch_cost(subject: Subject, here: Seen, start: Parameters) -> float:
    """Return the floating-point operations of one epoch of one seed."""
    return epoch_flops(here.model, start, here.samples["train"], subject.variant.training.batch_size)


def trained(subject: Subject, here: Seen, start: Parameters, epochs: int) -> tuple[Parameters, Result]:
    """Return the weights after training from `start`, without the head's temperature, and their scores and costs."""
    ended, held_out = outcome(subject, here, start, epochs=epochs)
    parameters = {name: tensor for name, tensor in ended.parameters.items() if name != TEMPERATURE}
    return parameters, Result(held_out, ended.epochs * epoch_cost(subject, here, start))


def plain(subject: Subject, here: Seen, seeds: int, budget: float) -> Result:
    """Return scores and costs of plain training from random weights."""
    return trained(subject, here, start_of(subject, here, seeds), subject.variant.training.epochs)[1]


def rescaled(subject: Subject, here: Seen, seeds: int, budget: float) -> Result:
    """Return scores and costs of training from random weights as large as those of the closed form."""
    start = closed_form_scale(here, start_of(subject, here, seeds))
    return trained(subject, here, start, subject.variant.training.epochs)[1]


def of_rank(subject: Subject, here: Seen, seeds: int, budget: float, *, rank: int) -> Result:
    """Return scores and costs of a sum of `rank` rings, trained for as many epochs as the budget allows.

    Site tensors start smaller, so that f is as large at the start as that of one ring and the rank alone is changed.

    Raises
    ------
    NotApplicable
        If the model is no tensor ring, or one epoch costs more than the budget.
    """
    require(here.model.multilinear, f"{here.model.form or here.model.family} is no sum of rings")
    scale = subject.variant.options["scale"] * rank ** (-1 / (2 * here.model.order))
    model = build_model(subject.variant.changed(rank=rank, scale=scale), here.model.shapes)
    rings = Seen(model, here.samples, here.dataset)
    start = start_of(subject, rings, seeds)
    epochs = int(budget / epoch_cost(subject, rings, start))
    require(epochs > 0, f"an epoch of rank {rank} costs more than plain training")
    return trained(subject, rings, start, epochs)[1]


def in_turn(subject: Subject, here: Seen, seeds: int, budget: float, *, sweeps: int) -> Result:
    """Return scores and costs of alternating least squares, which reads loop features whatever route training takes.

    Raises
    ------
    NotApplicable
        If the model is no tensor ring, or one sweep costs more than the budget.
    """
    require(here.model.multilinear, "only rings are linear in each of their site tensors")
    if "loops" not in here.samples["train"].inputs:
        here = seen(subject.variant.changed(route="loops"), subject.home, tuple(here.samples), seeds=seeds)
    start = start_of(subject, here, seeds)
    one = sweep_flops(here.model, start, len(here.samples["train"]), here.size)
    sweeps = min(sweeps, int(budget / one))
    require(sweeps > 0, "a sweep costs more than plain training")
    found = alternating(here.model, start, here.samples["train"], here.samples["validation"], sweeps=sweeps)
    held_out = scores(here.model, found, here.samples[subject.success.split])
    return Result(held_out, np.full(seeds, sweeps * one))


def from_small(subject: Subject, home: Seen, seeds: int, budget: float) -> Result:
    """Return scores and costs of training on smaller samples first, then on the task's own with the rest of the budget.

    Raises
    ------
    NotApplicable
        If there are no smaller samples.
    """
    stages = [seen_in_training(subject, path, seeds) for path in smaller(subject, home)]
    require(len(stages) > 0, "there are no smaller samples")
    costs = [epoch_cost(subject, here, start_of(subject, here, seeds)) for here in [*stages, home]]
    plan = stage_epochs(costs, subject.variant.training.epochs, budget)
    before, parameters, flops = None, None, np.zeros(seeds)
    for here, epochs in zip([*stages, home], plan, strict=True):
        if epochs:
            start = start_of(subject, here, seeds) if before is None else grown(parameters, before, here)
            parameters, result = trained(subject, here, start, epochs)
            before, flops = here, flops + result.flops
    return Result(result.scores, flops)


def smaller(subject: Subject, home: Seen) -> list[Path]:
    """Return the datasets of smaller samples than those of the task's own dataset, the smallest first."""
    sizes = {path: read_dataset(path).n_places for path in subject.datasets.get("smaller", ())}
    return sorted((path for path in sizes if sizes[path] < home.size), key=sizes.__getitem__)


def stage_epochs(costs: Sequence[float], epochs: int, budget: float) -> list[int]:
    """Return the number of epochs on each size, of which the last is that of the task's own dataset.

    On each smaller size it is half of the epochs of plain training, or less if that took more than `SMALL_SHARE` of
    the budget; on the last as many as the rest of the budget pays.

    Parameters
    ----------
    costs : operations of one epoch on each size
    epochs : those of plain training
    budget : operations that all epochs together may take

    Examples
    --------
    >>> stage_epochs([1.0, 4.0, 16.0], 60, 960.0)
    [30, 30, 50]
    >>> stage_epochs([8.0, 16.0], 60, 960.0)
    [30, 45]
    >>> stage_epochs([12.0, 16.0], 60, 960.0)
    [26, 40]
    """
    half = epochs // 2
    share = min(1.0, SMALL_SHARE * budget / max(half * sum(costs[:-1]), 1.0))
    first = [int(half * share)] * (len(costs) - 1)
    spent = sum(count * cost for count, cost in zip(first, costs[:-1], strict=True))
    return [*first, int((budget - spent) / costs[-1])]


def closed_form_scale(here: Seen, start: Parameters) -> Parameters:
    """Return random weights, scaled so that the factors of f have the root mean squares of those of the closed form.

    The factors are the site tensors of a ring (those of a coordinate network are scaled by its read-out) and the
    matrices of the wavefunction form. In a sum of rings all get the scale of the closed form's one ring.

    Raises
    ------
    NotApplicable
        If the model has no closed form.
    """
    model: Model = here.model
    exact = here.closed_form(start)
    if not model.multilinear:
        return {name: t * root_mean_square(exact[name]) / root_mean_square(t) for name, t in start.items()}
    coordinates = here.samples["train"].inputs["coordinates"]
    wanted, found = (model.tensors(parameters, coordinates) for parameters in (exact, start))  # (S, R, order, N)
    factor = root_mean_square(wanted[:, :1], 3) / root_mean_square(found, 3)
    factor = factor.flatten(1, 2)  # (S, R·order, 1)
    if set(start) == {"site"}:
        return {"site": start["site"] * factor}
    require({"v", "c"} <= set(start), "it is not known which of its weights scale the site tensors")
    return {**start, "v": start["v"] * factor, "c": start["c"] * factor[..., 0]}
