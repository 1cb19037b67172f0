"""Success under other learning rates, initial scales and numbers of training samples than the study's own."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from toponn.datasets import read_dataset
from toponn.joblog import LOGGER
from toponn.models.base import Parameters
from toponn.seeds import stream
from toponn.trainability.subject import (
    Measured,
    Seen,
    Subject,
    fitted_scores,
    outcome,
    scored_rows,
    seen,
    study_scores,
)
from toponn.training.runs import start_parameters
from toponn.training.views import build_model

SPLITS = ("train", "validation")


def at_home(subject: Subject, seeds: int) -> Seen:
    """Return what training needs of the subject's own dataset."""
    return seen(subject.settings, subject.home, (*SPLITS, subject.success["split"]), seeds=seeds)


def learning_rates(subject: Subject, *, factors: Sequence[float], seeds: int) -> Measured:
    """Return ``rate_success`` and ``rate_balanced_accuracy`` at multiples of the learning rate that the search chose.

    The same starts as in the study, seeds 0 to `seeds` − 1; at factor 1 its own runs are read, not made again.
    """
    here, rate = at_home(subject, seeds), subject.settings["training"]["learning_rate"]
    initial = start_parameters(here.model, here.dataset, subject.root, subject.name, range(seeds))
    rows = []
    for factor in factors:
        if factor == 1:
            held_out = study_scores(subject, here, seeds)
        else:
            _, held_out = outcome(subject, here, initial, learning_rate=rate * factor)
        condition = f"factor={factor:g}, learning_rate={rate * factor:g}"
        rows.append(scored_rows(subject, here, condition, range(seeds), "rate", held_out))
    return Measured(pd.concat(rows, ignore_index=True), {})


def scales(subject: Subject, *, factors: Sequence[float], seeds: int) -> Measured:
    """Return ``scale_success`` and ``scale_balanced_accuracy`` from random starts of other sizes.

    A factor multiplies the scale of a ring, of f for its wavefunction form and of the site tensors else, or all weight
    matrices of a network, whose offsets stay. Draws are those of the study.
    """
    here, rows = at_home(subject, seeds), []
    for factor in factors:
        if factor == 1:
            held_out = study_scores(subject, here, seeds)
        else:
            initial = scaled_start(subject, here, factor, seeds)
            _, held_out = outcome(subject, here, initial)
        rows.append(scored_rows(subject, here, f"scale={factor:g}", range(seeds), "scale", held_out))
    return Measured(pd.concat(rows, ignore_index=True), {})


def scaled_start(subject: Subject, here: Seen, factor: float, seeds: int) -> Parameters:
    """Return the random start of the study with weights that are `factor` times as large."""
    if "scale" in subject.settings:
        settings = {**subject.settings, "scale": subject.settings["scale"] * factor}
        model = build_model(settings, here.model.shapes)
        return start_parameters(model, here.dataset, subject.root, subject.name, range(seeds))
    initial = start_parameters(here.model, here.dataset, subject.root, subject.name, range(seeds))
    return {name: t * (factor if t.ndim > 2 else 1.0) for name, t in initial.items()}  # a matrix has two axes beside S


def sample_sizes(subject: Subject, *, samples: Sequence[int], subsets: int, seeds: int) -> Measured:
    """Return ``samples_success`` and ``samples_balanced_accuracy`` against the number of training samples.

    Every number is trained for as many steps as the study trains: a small subset is repeated to the length of the
    study's epoch and shuffled anew in each, a large one gets fewer epochs. The seeds are shared out among `subsets`
    subsets drawn without replacement, so that the spread over seeds is one over subsets too.
    """
    many = subject.datasets["many"][0]
    here = seen(subject.settings, many, (*SPLITS, subject.success["split"]), seeds=seeds)
    usual, rows = len(read_dataset(subject.home, "train")), []
    for count in samples:
        groups = [list(range(first, seeds, subsets)) for first in range(min(subsets, seeds))]
        held_out = np.full(seeds, np.nan)
        for subset, members in enumerate(groups):
            rng = stream(subject.root, "samples", here.dataset.name, count, subset)
            chosen = np.sort(rng.permutation(len(here.samples["train"]))[:count])
            held_out[members] = _trained_on(subject, here, chosen, usual, members)
        rows.append(scored_rows(subject, here, f"samples={count}", range(seeds), "samples", held_out))
        LOGGER.info("%d samples: median balanced accuracy %.3f", count, np.nanmedian(held_out))
    return Measured(pd.concat(rows, ignore_index=True), {})


def _trained_on(subject: Subject, here: Seen, chosen: np.ndarray, usual: int, members: Sequence[int]) -> np.ndarray:
    """Return the scores of seeds that are trained on the chosen samples, in the steps of `usual` ones."""
    rows = np.resize(chosen, max(usual, len(chosen)))  # repeats them up to the length of an epoch
    part = here.samples["train"].batch(torch.from_numpy(rows))
    if "training" not in subject.settings:
        return fitted_scores(subject, here, here.samples["train"].batch(torch.from_numpy(chosen)))
    training = subject.settings["training"]
    epochs = max(1, round(training["epochs"] * usual / len(rows)))
    changes = {"epochs": epochs}
    if "patience" in training:
        changes["patience"] = max(1, round(training["patience"] * epochs / training["epochs"]))
    initial = start_parameters(here.model, here.dataset, subject.root, subject.name, members)
    return outcome(subject, here, initial, part, **changes)[1]
