"""Fixed weights on every test: the model × test table. Nothing is refitted here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from toponn.checks import NotApplicable
from toponn.datasets import Dataset, read_dataset
from toponn.joblog import LOGGER, Progress
from toponn.models.head import predictions
from toponn.seeds import stream
from toponn.statistics import balanced_accuracy, class_mean, crossed_bootstrap, crossed_draws, median_band, resampled
from toponn.training.devices import device_of
from toponn.training.loop import evaluate
from toponn.training.runs import n_places
from toponn.training.saved import Run, load_run
from toponn.training.views import encoded

COLUMNS = (
    "task dataset model form seed n_parameters flops test kind "
    "n_samples accuracy balanced_accuracy mean_error ceiling status"
).split()
SUMMARY_COLUMNS = (
    "task model form n_parameters flops test kind n_seeds n_samples balanced_accuracy low high tenth "
    "mean_error error_low error_high gain gain_low gain_high ceiling status"
).split()
SAMPLES_AT_ONCE = 40


def label_ceiling(dataset: Dataset) -> float:
    """Return the best balanced accuracy that an independent reference reaches against the labels."""
    guesses = [np.rint(values).astype(int) for values in dataset.references.values()]
    return float(max(balanced_accuracy(dataset.label, guess) for guess in guesses))


def values_on(runs: Sequence[Run], dataset: Dataset, device: torch.device) -> np.ndarray:
    """Return f (seeds of all runs, samples) of loaded runs on a dataset, encoding a few samples at a time.

    Raises
    ------
    NotApplicable
        If the model cannot represent the dataset's samples.
    """
    settings, columns = runs[0].document["settings"], []
    n_seeds = sum(len(run.document["seeds"]) for run in runs)
    progress = Progress(len(dataset), "samples")
    runs[0].check_sites(n_places(dataset.states))
    at_once = 1 if dataset.states.positions.ndim == 3 else SAMPLES_AT_ONCE  # a batch has one geometry
    for start in range(0, len(dataset), at_once):
        rows = slice(start, start + at_once)
        part = Dataset(dataset.name, dataset.task, dataset.states[rows], dataset.label[rows], {}, dataset.attributes)
        samples = encoded(settings, part, seeds=n_seeds)
        runs[0].check_applicable(samples.inputs, dataset.attributes.get("midgap_pair", "kept"))
        samples = samples.to(device)
        columns.append(torch.cat([evaluate(run.model, run.parameters, samples) for run in runs]).cpu())
        progress.advance(len(part))
    return torch.cat(columns, dim=1).numpy()


def evaluate_runs(
    folders: Iterable[str | Path],
    tests: Mapping[str, str | Path],
    device: str = "auto",
    *,
    kinds: Mapping[str, str] | None = None,
    most_seeds: Mapping[str, int] | None = None,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return rows of the generalization table and the raw values of all blocks of one model on every test.

    Parameters
    ----------
    folders : run folders of the blocks of one model
    tests : dataset files by name; of each the test split is used, so that the training dataset may be among them
    kinds : what each test changes, by name
    most_seeds : of some tests, by name, the number of seeds that they take, the first ones
    """
    where = device_of(device)
    every = [load_run(folder).to(where) for folder in folders]
    document = every[0].document
    arrays = {"seeds": np.concatenate([run.document["seeds"] for run in every])}
    about = {key: document[key] for key in ("task", "dataset", "model", "form", "n_parameters")}
    frames = []
    for name, path in tests.items():
        dataset = read_dataset(path, "test")
        runs = list(first_seeds(every, (most_seeds or {}).get(name)))
        seeds = np.concatenate([run.document["seeds"] for run in runs])
        about["flops"] = np.concatenate([run.document["flops"] for run in runs])
        frame = pd.DataFrame({"seed": seeds, **about, "test": name, "n_samples": len(dataset)})
        frame["kind"], frame["ceiling"] = (kinds or {}).get(name, ""), label_ceiling(dataset)
        arrays[f"{name}/label"] = dataset.label
        arrays[f"{name}/reference"] = next(iter(dataset.references.values()))
        try:
            value = values_on(runs, dataset, where)
        except NotApplicable as reason:
            LOGGER.info("%s: not applicable: %s", name, reason)
            frame[["accuracy", "balanced_accuracy", "mean_error"]] = np.nan
            frame["status"] = "not applicable"
        else:
            arrays[f"{name}/value"] = value
            guesses, finite = predictions(torch.from_numpy(value)).numpy(), np.isfinite(value).all(axis=1)
            frame["accuracy"] = np.where(finite, (guesses == dataset.label).mean(axis=1), np.nan)
            frame["balanced_accuracy"] = np.where(finite, balanced_accuracy(dataset.label, guesses), np.nan)
            frame["mean_error"] = np.abs(value - dataset.label).mean(axis=1)
            frame["status"] = np.where(finite, "ok", "failed")
            LOGGER.info("%s: mean balanced accuracy %.3f", name, frame["balanced_accuracy"].mean())
        frames.append(frame)
    return pd.concat(frames, ignore_index=True), arrays


def first_seeds(runs: Iterable[Run], most: int | None) -> Iterator[Run]:
    """Yield runs that together hold the first `most` seeds of these, or all of them."""
    left = np.inf if most is None else most
    for run in runs:
        count = int(min(left, len(run.document["seeds"])))
        if count:
            yield run.first(count)
        left -= count


def correct(arrays: Mapping[str, np.ndarray], test: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels (B,) of a test and which of them f rounds to, (S, B) bool; seeds that failed have none."""
    value, labels = arrays[f"{test}/value"], arrays[f"{test}/label"]
    guesses = predictions(torch.from_numpy(value)).numpy()
    return labels, (guesses == labels) & np.isfinite(value).all(axis=1, keepdims=True)


def summary_row(rows: pd.DataFrame, arrays: Mapping[str, np.ndarray], root: int) -> dict[str, Any]:
    """Return the summary of one (task, model, form, test): means over seeds with their 95 % intervals.

    Intervals are crossed bootstraps over seeds and samples. A seed that failed counts as wrong on every sample, and is
    left out of ``mean_error``, the mean of |f − label| (classes count alike). ``tenth`` is the balanced accuracy that
    nine of ten seeds reach; ``gain`` the mean of f/label over samples whose label is not 0, the median seed's with the
    10 and 90 % quantiles over seeds.
    """
    first = rows.iloc[0]
    path = [first[key] for key in ("task", "model", "form", "test")]
    row = dict(zip(("task", "model", "form", "test"), path, strict=True)) | {"kind": first.get("kind", "")}
    row |= {"n_parameters": int(first["n_parameters"]), "flops": float(rows["flops"].mean())}
    row |= {"n_seeds": len(rows), "n_samples": int(first["n_samples"]), "ceiling": first["ceiling"]}
    name = first["test"]
    if f"{name}/value" not in arrays:
        return dict.fromkeys(SUMMARY_COLUMNS, np.nan) | row | {"status": first["status"]}
    (labels, right), rng = correct(arrays, name), stream(root, "bootstrap", *path)
    low, high = crossed_bootstrap(labels, right, rng=rng)
    row |= {"balanced_accuracy": class_mean(labels, right), "low": low, "high": high}
    row["tenth"] = float(np.quantile(rows["balanced_accuracy"].fillna(0.0), 0.1, method="lower"))
    row["status"] = "ok" if (rows["status"] == "ok").any() else "failed"
    row |= dict(zip(("mean_error", "error_low", "error_high"), error(arrays, name, rng), strict=True))
    return row | dict(zip(("gain", "gain_low", "gain_high"), gain(arrays, name), strict=True))


def gain(arrays: Mapping[str, np.ndarray], test: str) -> tuple[float, float, float]:
    """Return the median over seeds of the mean of f/label where the label is not 0, and its 10 and 90 % quantiles."""
    value, labels = arrays[f"{test}/value"], arrays[f"{test}/label"]
    where = labels != 0
    return median_band((value[:, where] / labels[where]).mean(axis=1) if where.any() else np.empty(0))


def error(arrays: Mapping[str, np.ndarray], test: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the mean of |f − label| over the seeds that did not fail, classes alike, and its crossed bootstrap."""
    value, labels = arrays[f"{test}/value"], arrays[f"{test}/label"]
    away = np.abs(value - labels)[np.isfinite(value).all(axis=1)]
    if not len(away):
        return np.nan, np.nan, np.nan
    low, high = np.percentile(crossed_draws(labels, away, resampled(len(away), rng), rng=rng), [2.5, 97.5])
    return class_mean(labels, away), float(low), float(high)
