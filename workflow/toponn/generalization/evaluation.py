"""Fixed weights on every test: the variant × test table. Nothing is refitted here."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from toponn.data.datasets import label_ceiling, read_dataset
from toponn.matter.samples import Samples
from toponn.models.head import predictions
from toponn.tools.checks import NotApplicable
from toponn.tools.files import read_arrays, write_arrays
from toponn.tools.joblog import LOGGER, Progress
from toponn.tools.seeds import stream
from toponn.tools.statistics import (
    balanced_accuracy,
    class_mean,
    crossed_bootstrap,
    crossed_draws,
    median_band,
    resampled,
)
from toponn.tools.tables import ABOUT, columns_of
from toponn.training.devices import device_of
from toponn.training.loop import evaluate
from toponn.training.saved import Run, load_runs
from toponn.training.views import encoded

SAMPLES_AT_ONCE = 40


@dataclass(frozen=True)
class Evaluation:
    """f of the seeds of one variant on the test split of one dataset.

    Attributes
    ----------
    about : task, variant, model, form and test, as tables name them
    seeds : (S,) int64
    label : (B,) int64
    value : (S, B) float32, None where the model cannot represent the samples
    """

    about: Mapping[str, str]
    seeds: np.ndarray
    label: np.ndarray
    value: np.ndarray | None = None

    @property
    def finite(self) -> np.ndarray:
        """Which seeds did not fail, (S,) bool."""
        return np.isfinite(self.value).all(axis=1)

    @property
    def guesses(self) -> np.ndarray:
        """The integers (S, B) that f rounds to."""
        return predictions(torch.from_numpy(self.value)).numpy()

    @property
    def right(self) -> np.ndarray:
        """Which samples f rounds to the label of, (S, B) bool; seeds that failed have none."""
        return (self.guesses == self.label) & self.finite[:, None]

    def scores(self) -> dict[str, Any]:
        """Return accuracy, balanced accuracy, mean |f − label| and status of each seed."""
        if self.value is None:
            nothing = dict.fromkeys(("accuracy", "balanced_accuracy", "mean_error"), np.nan)
            return {**nothing, "status": "not applicable"}
        return {
            "accuracy": np.where(self.finite, (self.guesses == self.label).mean(axis=1), np.nan),
            "balanced_accuracy": np.where(self.finite, balanced_accuracy(self.label, self.guesses), np.nan),
            "mean_error": np.abs(self.value - self.label).mean(axis=1),
            "status": np.where(self.finite, "ok", "failed"),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return its arrays by name, without ``value`` where there is none."""
        named = {"seeds": self.seeds, "label": self.label, "value": self.value}
        return {name: array for name, array in named.items() if array is not None}

    def write(self, path: str | Path) -> None:
        """Write it to an HDF5 file."""
        write_arrays(path, self.arrays(), self.about)

    @classmethod
    def read(cls, path: str | Path) -> "Evaluation":
        """Return what `write` wrote."""
        arrays, attributes = read_arrays(path)
        return cls({key: attributes[key] for key in [*ABOUT, "test"]}, **arrays)


Evaluations = Mapping[str, Mapping[str, Evaluation]]
"""By variant and test."""


def by_variant(evaluations: Iterable[Evaluation]) -> Evaluations:
    """Return evaluations by variant and test, in the order given."""
    found: dict[str, dict[str, Evaluation]] = defaultdict(dict)
    for evaluation in evaluations:
        found[evaluation.about["variant"]][evaluation.about["test"]] = evaluation
    return found


def values_on(runs: Sequence[Run], dataset: Samples, device: torch.device) -> np.ndarray:
    """Return f (seeds of all runs, samples) of loaded runs on a dataset, encoding a few samples at a time.

    Raises
    ------
    NotApplicable
        If the model cannot represent the dataset's samples.
    """
    variant, columns = runs[0].variant, []
    n_seeds = sum(len(run.document["seeds"]) for run in runs)
    progress = Progress(len(dataset), "samples")
    runs[0].check_sites(dataset.n_places)
    for part in dataset.parts(SAMPLES_AT_ONCE):
        batch = encoded(variant, part, seeds=n_seeds)
        runs[0].check_applicable(batch.inputs, dataset.midgap_pair)
        batch = batch.to(device)
        columns.append(torch.cat([evaluate(run.model, run.parameters, batch) for run in runs]).cpu())
        progress.advance(len(part))
    return torch.cat(columns, dim=1).numpy()


def evaluate_runs(
    folders: Iterable[str | Path],
    path: str | Path,
    *,
    kind: str = "",
    seeds: int | None = None,
    device: str = "auto",
) -> tuple[pd.DataFrame, Evaluation]:
    """Return rows of the generalization table and the raw values of all blocks of one variant on one test.

    Parameters
    ----------
    folders : run folders of the blocks
    path : the dataset, of which the test split is used, so that it may be the one of training
    kind : what the test changes
    seeds : number of seeds that take part, the first ones; all without it
    """
    where, dataset = device_of(device), read_dataset(path, "test")
    runs = [run.to(where) for run in load_runs(folders, seeds=seeds)]
    document, test = runs[0].document, Path(path).stem
    about = {key: document[key] for key in ABOUT} | {"test": test}
    numbers, flops = (np.concatenate([run.document[key] for run in runs]) for key in ("seeds", "flops"))
    try:
        value = values_on(runs, dataset, where)
    except NotApplicable as reason:
        LOGGER.info("%s: not applicable: %s", test, reason)
        value = None
    found = Evaluation(about, numbers, dataset.label, value)
    frame = pd.DataFrame({"seed": numbers, "flops": flops, **about, "kind": kind, "n_samples": len(dataset)})
    trained = {key: document[key] for key in ("dataset", "n_parameters")}
    frame = frame.assign(**trained, ceiling=label_ceiling(dataset), **found.scores())
    LOGGER.info("%s: mean balanced accuracy %.3f", test, frame["balanced_accuracy"].mean())
    return frame, found


def summary_row(rows: pd.DataFrame, evaluation: Evaluation, root: int) -> dict[str, Any]:
    """Return the summary of a variant on a test: means over seeds with their 95 % intervals.

    Intervals are crossed bootstraps over seeds and samples. A seed that failed counts as wrong on every sample, and is
    left out of ``mean_error``, the mean of |f − label| (classes count alike). ``tenth`` is the balanced accuracy that
    nine of ten seeds reach; ``gain`` the mean of f/label over samples whose label is not 0, the median seed's with the
    10 and 90 % quantiles over seeds.

    Parameters
    ----------
    rows : of the generalization table, those of the variant on the test
    root : seed of the study, from which the bootstrap descends
    """
    first, about = rows.iloc[0], evaluation.about
    row = {**about, "ceiling": first["ceiling"], "n_samples": len(evaluation.label), "n_seeds": len(rows)}
    row |= {key: first[key] for key in ("kind", "n_parameters") if key in rows}  # not where a lattice was left out
    row |= {"flops": float(rows["flops"].mean())} if "flops" in rows else {}
    if evaluation.value is None:
        nothing = dict.fromkeys(columns_of("generalization_summary", ()), np.nan)
        return {**nothing, **row, "status": first["status"]}
    labels, right = evaluation.label, evaluation.right
    rng = stream(root, "bootstrap", *(about[key] for key in ("task", "model", "form", "test")))
    low, high = crossed_bootstrap(labels, right, rng=rng)
    row |= {"balanced_accuracy": class_mean(labels, right), "low": low, "high": high}
    row["tenth"] = float(np.quantile(rows["balanced_accuracy"].fillna(0.0), 0.1, method="lower"))
    row["status"] = "ok" if (rows["status"] == "ok").any() else "failed"
    row |= dict(zip(("mean_error", "error_low", "error_high"), error(evaluation, rng), strict=True))
    return row | dict(zip(("gain", "gain_low", "gain_high"), gain(evaluation), strict=True))


def gain(evaluation: Evaluation) -> tuple[float, float, float]:
    """Return the median over seeds of the mean of f/label where the label is not 0, and its 10 and 90 % quantiles."""
    where = evaluation.label != 0
    each = evaluation.value[:, where] / evaluation.label[where]
    return median_band(each.mean(axis=1) if where.any() else np.empty(0))


def error(evaluation: Evaluation, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the mean of |f − label| over the seeds that did not fail, classes alike, and its crossed bootstrap."""
    labels = evaluation.label
    away = np.abs(evaluation.value - labels)[evaluation.finite]
    if not len(away):
        return np.nan, np.nan, np.nan
    low, high = np.percentile(crossed_draws(labels, away, resampled(len(away), rng), rng=rng), [2.5, 97.5])
    return class_mean(labels, away), float(low), float(high)
