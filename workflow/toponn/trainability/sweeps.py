"""Success under other learning rates, initial scales and numbers of training samples than the study's own."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from toponn.data.datasets import read_dataset
from toponn.models.base import Parameters
from toponn.tools.joblog import LOGGER
from toponn.tools.options import Count, Listed, Positive, Seeds
from toponn.tools.seeds import stream
from toponn.trainability.record import BALANCED, SUCCESS, Curves, Panel, diagnostic
from toponn.trainability.subject import (
    Measured,
    Seen,
    Subject,
    fitted_scores,
    outcome,
    scored_rows,
    seen_in_training,
    study_scores,
)
from toponn.training.runs import start_parameters
from toponn.training.views import build_model


@diagnostic(
    needs=("gradient", "runs"),
    conditions={
        "factor": "times the learning rate that the search chose",
        "learning_rate": "that the optimiser starts with",
    },
    trainings="factors",
    curves=Curves(
        "rates",
        (Panel("rate_success", "factor", "learning rate, relative to the chosen one", SUCCESS),),
        "success against learning rate and scale",
    ),
)
def learning_rates(
    subject: Subject, *, factors: Listed[Positive] = (0.1, 0.3, 1.0, 3.0, 10.0), seeds: Seeds = 20
) -> Measured:
    """Measure ``rate_success`` and ``rate_balanced_accuracy`` at multiples of the learning rate that the search chose.

    Training starts as in the study, with its seeds 0 to `seeds` − 1. At factor 1 the study's own runs are read.

    Parameters
    ----------
    factors : multiples of the learning rate that the search chose
    seeds : number of seeds of each model; of one that has fewer, all
    """
    here, rate = seen_in_training(subject, subject.home, seeds), subject.variant.training.learning_rate
    initial = start_parameters(here.model, here.dataset, subject.root, subject.variant.name, range(seeds))
    rows = []
    for factor in factors:
        if factor == 1:
            held_out = study_scores(subject, here, seeds)
        else:
            _, held_out = outcome(subject, here, initial, learning_rate=rate * factor)
        conditions = {"factor": factor, "learning_rate": rate * factor}
        rows.append(scored_rows(subject, here, conditions, range(seeds), "rate", held_out))
    return Measured(pd.concat(rows, ignore_index=True), {})


@diagnostic(
    needs=("gradient", "runs"),
    conditions={"scale": "times the weights at the usual random start"},
    trainings="factors",
    curves=Curves("rates", (Panel("scale_success", "scale", "initial scale, relative to the default", SUCCESS),)),
)
def scales(subject: Subject, *, factors: Listed[Positive] = (0.1, 0.3, 1.0, 3.0, 10.0), seeds: Seeds = 20) -> Measured:
    """Measure ``scale_success`` and ``scale_balanced_accuracy`` from random starts of other sizes.

    A factor multiplies a ring's option ``scale`` (the scale of its site tensors, or of f in the wavefunction form), or
    all weight matrices of a network, whose offsets stay. The random numbers are those of the study.

    Parameters
    ----------
    factors : multiples of the weights at the usual random start
    seeds : number of seeds of each model; of one that has fewer, all
    """
    here, rows = seen_in_training(subject, subject.home, seeds), []
    for factor in factors:
        if factor == 1:
            held_out = study_scores(subject, here, seeds)
        else:
            initial = scaled_start(subject, here, factor, seeds)
            _, held_out = outcome(subject, here, initial)
        rows.append(scored_rows(subject, here, {"scale": factor}, range(seeds), "scale", held_out))
    return Measured(pd.concat(rows, ignore_index=True), {})


def scaled_start(subject: Subject, here: Seen, factor: float, seeds: int) -> Parameters:
    """Return the study's random start with its scale, or its weight matrices, multiplied by `factor`."""
    variant, has_scale = subject.variant, "scale" in subject.variant.options
    scaled = variant.changed(scale=variant.options["scale"] * factor) if has_scale else variant
    model = build_model(scaled, here.model.shapes)
    initial = start_parameters(model, here.dataset, subject.root, variant.name, range(seeds))
    if has_scale:
        return initial
    return {name: t * (factor if t.ndim > 2 else 1.0) for name, t in initial.items()}  # of a matrix: S, rows, columns


@diagnostic(
    needs=("many",),
    conditions={"samples": "number of training samples"},
    trainings="samples",
    curves=Curves(
        "sample_sizes",
        (
            Panel("samples_balanced_accuracy", "samples", "training samples", BALANCED, band=True),
            Panel("samples_success", "samples", "training samples", SUCCESS),
        ),
        "accuracy against training samples",
    ),
)
def sample_sizes(
    subject: Subject, *, samples: Listed[Count] = (10, 40, 200, 2000), subsets: Count = 2, seeds: Seeds = 20
) -> Measured:
    """Measure ``samples_success`` and ``samples_balanced_accuracy`` against the number of training samples.

    Each training takes as many steps as the study's: a small subset is repeated up to the length of the study's epoch
    and shuffled anew in each, a large one gets fewer epochs. The seeds are shared out among `subsets` random subsets of
    that number, so that the spread over seeds is one over subsets too.

    Parameters
    ----------
    samples : numbers of training samples; training takes equally many steps with each
    subsets : number of random subsets of each number, among which the seeds are shared out
    seeds : number of seeds of each model; of one that has fewer, all
    """
    here = seen_in_training(subject, subject.datasets["many"][0], seeds)
    usual, rows = len(read_dataset(subject.home, "train")), []
    for count in samples:
        groups = [list(range(first, seeds, subsets)) for first in range(min(subsets, seeds))]
        held_out = np.full(seeds, np.nan)
        for subset, members in enumerate(groups):
            rng = stream(subject.root, "samples", here.dataset.name, count, subset)
            chosen = np.sort(rng.permutation(len(here.samples["train"]))[:count])
            held_out[members] = _trained_on(subject, here, chosen, usual, members)
        rows.append(scored_rows(subject, here, {"samples": count}, range(seeds), "samples", held_out))
        LOGGER.info("%d samples: median balanced accuracy %.3f", count, np.nanmedian(held_out))
    return Measured(pd.concat(rows, ignore_index=True), {})


def _trained_on(subject: Subject, here: Seen, chosen: np.ndarray, usual: int, members: Sequence[int]) -> np.ndarray:
    """Return the scores of seeds that are trained on the chosen samples, in as many steps as on `usual` samples."""
    rows = np.resize(chosen, max(usual, len(chosen)))  # repeats them up to the length of an epoch
    part = here.samples["train"][torch.from_numpy(rows)]
    if here.model.solved:
        return fitted_scores(subject, here, here.samples["train"][torch.from_numpy(chosen)])
    training = subject.variant.training
    epochs = max(1, round(training.epochs * usual / len(rows)))
    changes = {"epochs": epochs}
    if training.patience is not None:
        changes["patience"] = max(1, round(training.patience * epochs / training.epochs))
    initial = start_parameters(here.model, here.dataset, subject.root, subject.variant.name, members)
    return outcome(subject, here, initial, part, **changes)[1]
