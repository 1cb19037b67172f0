"""Fixed weights on every test: the model × test table. Nothing is refitted here."""

from collections.abc import Iterable, Mapping, Sequence
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
from toponn.statistics import balanced_accuracy, crossed_bootstrap
from toponn.training.devices import device_of
from toponn.training.loop import evaluate
from toponn.training.saved import Run, load_run
from toponn.training.views import encoded

COLUMNS = (
    "task dataset model form seed n_parameters flops test "
    "n_samples accuracy balanced_accuracy mean_error ceiling status"
).split()
SUMMARY_COLUMNS = (
    "task model form n_parameters flops test n_seeds n_samples balanced_accuracy low high ceiling status"
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
    folders: Iterable[str | Path], tests: Mapping[str, str | Path], device: str = "auto"
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return rows of the generalization table and the raw values of all blocks of one model on every test.

    Parameters
    ----------
    folders : run folders of the blocks of one model
    tests : dataset files by name; of each the test split is used, so that the training dataset may be among them
    """
    where = device_of(device)
    runs = [load_run(folder).to(where) for folder in folders]
    document = runs[0].document
    seeds = np.concatenate([run.document["seeds"] for run in runs])
    about = {key: document[key] for key in ("task", "dataset", "model", "form", "n_parameters")}
    about["flops"] = np.concatenate([run.document["flops"] for run in runs])
    frames, arrays = [], {"seeds": seeds}
    for name, path in tests.items():
        dataset = read_dataset(path, "test")
        frame = pd.DataFrame({"seed": seeds, **about, "test": name, "n_samples": len(dataset)})
        frame["ceiling"] = label_ceiling(dataset)
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


def summary_row(rows: pd.DataFrame, arrays: Mapping[str, np.ndarray], root: int) -> dict[str, Any]:
    """Return the summary of one (task, model, form, test): the mean over seeds with a 95 % interval.

    The interval is the crossed bootstrap over seeds and samples. A seed that failed counts as wrong on every sample.
    """
    first = rows.iloc[0]
    path = [first[key] for key in ("task", "model", "form", "test")]
    row = dict(zip(("task", "model", "form", "test"), path, strict=True))
    row |= {"n_parameters": int(first["n_parameters"]), "flops": float(rows["flops"].mean())}
    row |= {"n_seeds": len(rows), "n_samples": int(first["n_samples"]), "ceiling": first["ceiling"]}
    name = first["test"]
    if f"{name}/value" not in arrays:
        return row | {"balanced_accuracy": np.nan, "low": np.nan, "high": np.nan, "status": first["status"]}
    value, labels = arrays[f"{name}/value"], arrays[f"{name}/label"]
    right = (predictions(torch.from_numpy(value)).numpy() == labels) & np.isfinite(value).all(axis=1, keepdims=True)
    mean = np.mean([right[:, labels == integer].mean() for integer in np.unique(labels)])
    low, high = crossed_bootstrap(labels, right, rng=stream(root, "bootstrap", *path))
    status = "ok" if (rows["status"] == "ok").any() else "failed"
    return row | {"balanced_accuracy": mean, "low": low, "high": high, "status": status}
