"""How often training succeeds, how fast, and from which gradients it starts."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from toponn.statistics import median_band, wilson_interval
from toponn.trainability import COLUMNS

KEYS = ["task", "dataset", "model", "form", "start"]


def success_rows(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the success fraction with its Wilson 95 % interval, and the band of validation accuracies over seeds.

    Runs of one model on datasets of different sizes give a row each.

    Parameters
    ----------
    runs : rows of the runs table, one for each seed
    """
    rows = []
    for (task, _, model, form, start), group in runs.groupby(KEYS, sort=False):
        count, trials = int(group["success"].sum()), len(group)
        low, high = wilson_interval(count, trials)
        row = (task, model, form, int(group["size"].iloc[0]), f"start={start}", trials)
        rows.append(_row(*row, "success_fraction", count / trials, low, high))
        rows.append(_row(*row, "validation_balanced_accuracy", *median_band(group["validation_balanced_accuracy"])))
    return pd.DataFrame(rows, columns=COLUMNS)


def start_rows(histories: pd.DataFrame, sizes: Mapping[str, int], threshold: float) -> pd.DataFrame:
    """Return medians and 10–90 % bands over seeds of what the learning curves say.

    ``initial_gradient_norm`` is the norm of the loss gradient before the first step, averaged over the batches of an
    epoch; ``epochs_to_threshold`` counts epochs until the validation balanced accuracy first reaches `threshold`,
    over the seeds that ever do.

    Parameters
    ----------
    histories : rows of the learning curves, one for each seed and epoch
    sizes : cells or sites of the training samples, by dataset
    """
    rows = []
    for (task, dataset, model, form, start), group in histories.groupby(KEYS, sort=False):
        row = (task, model, form, sizes[dataset], f"start={start}")
        first = group.loc[group["epoch"] == 0, "gradient_norm"]
        rows.append(_row(*row, len(first), "initial_gradient_norm", *median_band(first)))
        reached = group[group["validation_balanced_accuracy"] >= threshold].groupby("seed")["epoch"].min()
        rows.append(_row(*row, len(reached), "epochs_to_threshold", *median_band(reached)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(
    task: str,
    model: str,
    form: str,
    size: int,
    condition: str,
    n_seeds: int,
    diagnostic: str,
    value: float,
    low: float = np.nan,
    high: float = np.nan,
) -> dict[str, object]:
    values = (task, model, form, diagnostic, size, condition, n_seeds, value, low, high)
    return dict(zip(COLUMNS, values, strict=True))
