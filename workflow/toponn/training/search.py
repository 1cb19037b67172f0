"""The learning rate and weight decay of a model, chosen on the validation split among a few."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from toponn.datasets import read_dataset
from toponn.joblog import LOGGER
from toponn.training.devices import device_of
from toponn.training.loop import train
from toponn.training.runs import start_parameters
from toponn.training.views import build_model, encoded, shapes_of

COLUMNS = (
    "task dataset model form start learning_rate weight_decay seed epochs "
    "validation_loss validation_balanced_accuracy status chosen"
).split()
SEARCHED = ("learning_rate", "weight_decay")


def trials(training: Mapping[str, Any]) -> list[dict[str, float]]:
    """Return every combination of the values that are given as lists.

    Examples
    --------
    >>> trials({"epochs": 60, "learning_rate": [0.01, 0.03], "weight_decay": 0.0})
    [{'learning_rate': 0.01, 'weight_decay': 0.0}, {'learning_rate': 0.03, 'weight_decay': 0.0}]
    """
    values = [training[key] if isinstance(training[key], list) else [training[key]] for key in SEARCHED]
    return [dict(zip(SEARCHED, pair, strict=True)) for pair in product(*values)]


def search(
    dataset_path: str | Path,
    *,
    task: str,
    name: str,
    settings: Mapping[str, Any],
    seeds: int,
    root: int,
    device: str = "auto",
) -> pd.DataFrame:
    """Return one row for each trial and seed, those of the best trial `chosen`; no test split is read.

    Seeds of the search are its own: none of them is a seed of the study.

    Parameters
    ----------
    settings : of the model; lists of `training.learning_rate` and `training.weight_decay` are tried
    seeds : number of seeds of each trial
    """
    training, validation = (read_dataset(dataset_path, split) for split in ("train", "validation"))
    load = {"seeds": seeds, "uses": settings["training"]["epochs"] * len(trials(settings["training"]))}
    samples, held_out = (encoded(settings, part, **load) for part in (training, validation))
    model = build_model(settings, shapes_of(samples))
    initial = start_parameters(model, training, root, f"{name}/search", range(seeds))
    frames = []
    for trial in trials(settings["training"]):
        hyper = {**settings["training"], **trial, "root": root, "order": f"{training.name}/search"}
        trained = train(model, initial, samples, held_out, device=device_of(device), **hyper)
        frame = pd.DataFrame({**trial, "seed": range(seeds), "epochs": trained.epochs})
        frame["status"] = np.where(trained.failed, "failed", "ok")
        for record in ("validation_loss", "validation_balanced_accuracy"):
            frame[record] = trained.history[record][trained.kept, np.arange(seeds)]
        LOGGER.info("%s: mean validation balanced accuracy %.3f", trial, frame["validation_balanced_accuracy"].mean())
        frames.append(frame.assign(trial=len(frames)))
    rows = pd.concat(frames, ignore_index=True)
    rows["chosen"] = rows["trial"] == best_trial(rows)
    return rows.assign(task=task, dataset=training.name, model=model.family, form=model.form, start=model.start)


def best_trial(rows: pd.DataFrame) -> int:
    """Return the trial with the highest mean validation balanced accuracy, of equals the one with the lowest loss.

    A seed that failed counts as zero accuracy and infinite loss.
    """
    failed = rows["status"] == "failed"
    scores = pd.DataFrame(
        {
            "trial": rows["trial"],
            "accuracy": rows["validation_balanced_accuracy"].mask(failed, 0.0),
            "loss": rows["validation_loss"].mask(failed, np.inf),
        }
    )
    means = scores.groupby("trial").mean().sort_values(["accuracy", "loss"], ascending=[False, True], kind="stable")
    return int(means.index[0])


def settled(settings: Mapping[str, Any], rows: pd.DataFrame) -> dict[str, Any]:
    """Return the settings with the values that a search chose in place of lists."""
    chosen = rows[rows["chosen"]].iloc[0]
    return {**settings, "training": {**settings["training"], **{key: float(chosen[key]) for key in SEARCHED}}}
