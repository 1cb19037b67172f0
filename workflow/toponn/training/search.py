"""The learning rate and weight decay of a model: of a few that are tried the validation split decides which is best."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from toponn.data.datasets import read_dataset
from toponn.tools.joblog import LOGGER
from toponn.training.devices import device_of
from toponn.training.loop import train
from toponn.training.protocol import SEARCHED, Variant
from toponn.training.runs import start_parameters
from toponn.training.views import build_model, encoded, shapes_of


def search(
    dataset_path: str | Path, *, task: str, variant: Variant, seeds: int, root: int, device: str = "auto"
) -> pd.DataFrame:
    """Return one row for each trial and seed; rows of the best trial are True in the column ``chosen``.

    No test split is read, and none of the search's random starts is one of the study's.

    Parameters
    ----------
    variant : the variant whose training lists the learning rates and weight decays to be tried
    seeds : number of seeds of each trial
    root : seed of the study
    """
    training, validation = (read_dataset(dataset_path, split) for split in ("train", "validation"))
    load = {"seeds": seeds, "uses": variant.uses * len(variant.training.trials)}
    samples, held_out = (encoded(variant, part, **load) for part in (training, validation))
    model = build_model(variant, shapes_of(samples))
    initial = start_parameters(model, training, root, f"{variant.name}/search", range(seeds))
    frames = []
    for trial in variant.training.trials:
        hyper = {**asdict(variant.training), **trial, "root": root, "order": f"{training.name}/search"}
        trained = train(model, initial, samples, held_out, device=device_of(device), **hyper)
        frame = pd.DataFrame({**trial, "seed": range(seeds), "epochs": trained.epochs})
        frame["status"] = np.where(trained.failed, "failed", "ok")
        for record in ("validation_loss", "validation_balanced_accuracy"):
            frame[record] = trained.history[record][trained.kept, np.arange(seeds)]
        LOGGER.info("%s: mean validation balanced accuracy %.3f", trial, frame["validation_balanced_accuracy"].mean())
        frames.append(frame.assign(trial=len(frames)))
    rows = pd.concat(frames, ignore_index=True)
    rows["chosen"] = rows["trial"] == best_trial(rows)
    about = {"task": task, "dataset": training.name, "variant": variant.name}
    return rows.assign(**about, model=model.family, form=model.form, start=model.start)


def best_trial(rows: pd.DataFrame) -> int:
    """Return the number of the trial with the highest mean validation balanced accuracy, of equals the lowest loss.

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


def settled(variant: Variant, rows: pd.DataFrame) -> Variant:
    """Return the variant with the chosen values of a search's rows in the place of lists."""
    chosen = rows[rows["chosen"]].iloc[0]
    return variant.trained_by(**{key: float(chosen[key]) for key in SEARCHED})
