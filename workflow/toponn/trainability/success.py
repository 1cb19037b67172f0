"""How often training succeeds, how fast, from which gradients it starts, and which diagnostics do not apply."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from toponn.tools.statistics import median_band, wilson_interval
from toponn.tools.tables import ABOUT

KEYS = ["task", "dataset", "variant", "model", "form", "start"]


def first_seeds(rows: pd.DataFrame, wanted: Iterable[tuple[str, str, int]]) -> pd.DataFrame:
    """Return the rows of the seeds that a study asks for, where blocks were trained with more.

    Parameters
    ----------
    rows : rows of the runs table or of the learning curves
    wanted : triples (dataset, variant, number of seeds)
    """
    for dataset, variant, seeds in wanted:
        rows = rows[(rows["dataset"] != dataset) | (rows["variant"] != variant) | (rows["seed"] < seeds)]
    return rows


def success_rows(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the success fraction with its Wilson 95 % interval, and the band of validation accuracies over seeds.

    Runs of one variant on datasets of different sizes give a row each.

    Parameters
    ----------
    runs : rows of the runs table, one for each seed
    """
    rows = []
    for key, group in runs.groupby(KEYS, sort=False):
        count, trials = int(group["success"].sum()), len(group)
        about = _about(key, int(group["size"].iloc[0]), trials)
        rows.append(about | _measured("success_fraction", count / trials, *wilson_interval(count, trials)))
        accuracies = median_band(group["validation_balanced_accuracy"])
        rows.append(about | _measured("validation_balanced_accuracy", *accuracies))
    return pd.DataFrame(rows)


def start_rows(histories: pd.DataFrame, sizes: Mapping[str, int], threshold: float) -> pd.DataFrame:
    """Return medians and 10–90 % bands over seeds of two numbers of the learning curves.

    ``initial_gradient_norm`` is the norm of the loss gradient before the first step, averaged over the batches of an
    epoch; ``epochs_to_threshold`` counts epochs until the validation balanced accuracy first reaches `threshold`,
    over the seeds that ever do.

    Parameters
    ----------
    histories : rows of the learning curves, one for each seed and epoch
    sizes : cells or sites of the training samples, by dataset
    """
    rows = []
    for key, group in histories.groupby(KEYS, sort=False):
        first = group.loc[group["epoch"] == 0, "gradient_norm"]
        about = _about(key, sizes[key[1]], len(first))
        rows.append(about | _measured("initial_gradient_norm", *median_band(first)))
        reached = group[group["validation_balanced_accuracy"] >= threshold].groupby("seed")["epoch"].min()
        rows.append(about | _measured("epochs_to_threshold", *median_band(reached)) | {"n_seeds": len(reached)})
    return pd.DataFrame(rows)


def not_applicable_rows(runs: pd.DataFrame, cases: Iterable[Mapping[str, str]]) -> pd.DataFrame:
    """Return a row for each diagnostic that does not apply to a variant because of what its class declares.

    Parameters
    ----------
    runs : rows of the runs table, of a variant those on its task's own dataset first
    cases : ``task``, ``variant``, ``diagnostic`` and ``reason``
    """
    homes = runs.drop_duplicates(["task", "variant"])[[*ABOUT, "size"]]
    cases = pd.DataFrame(list(cases), columns=["task", "variant", "diagnostic", "reason"])
    rows = cases.merge(homes, on=["task", "variant"])
    rows["status"] = "not applicable: " + rows.pop("reason")
    return rows.assign(n_seeds=0, value=np.nan, low=np.nan, high=np.nan)


def _about(key: tuple[str, ...], size: int, n_seeds: int) -> dict[str, object]:
    about = {name: value for name, value in zip(KEYS, key, strict=True) if name != "dataset"}
    return about | {"size": size, "n_seeds": n_seeds, "status": "ok"}


def _measured(diagnostic: str, value: float, low: float, high: float) -> dict[str, object]:
    return {"diagnostic": diagnostic, "value": value, "low": low, "high": high}
