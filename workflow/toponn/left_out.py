"""Leave-one-lattice-out: runs that were trained on all lattices but one, on the tests of all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from toponn.generalization import evaluate_runs, summary_row

COLUMNS = ("task left_out model form seed test n_samples accuracy balanced_accuracy mean_error ceiling status").split()
SUMMARY_COLUMNS = ("task left_out model form test n_seeds n_samples balanced_accuracy low high ceiling status").split()


def evaluate_left_out(
    folders: Mapping[str, str | Path], tests: Mapping[str, str | Path], device: str = "auto"
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return rows of the table of lattices left out and the raw values of the runs of one model.

    Parameters
    ----------
    folders : by the dataset that was left out, the run folder of the training on the others
    tests : dataset files by name; all runs are put to the test splits of all
    """
    frames, arrays = [], {}
    for left_out, folder in folders.items():
        frame, values = evaluate_runs([folder], tests, device)
        frames.append(frame.assign(left_out=left_out))
        arrays |= {f"{left_out}/{name}": array for name, array in values.items()}
    return pd.concat(frames, ignore_index=True), arrays


def summary_rows(rows: pd.DataFrame, arrays: Mapping[str, np.ndarray], root: int) -> list[dict[str, Any]]:
    """Return for each lattice left out and test the mean over seeds with its 95 % interval, as `summary_row` does.

    Parameters
    ----------
    rows, arrays : of one model, as `evaluate_left_out` returns them
    root : seed of the study, from which the bootstrap descends
    """
    summary = []
    for (left_out, _), some in rows.groupby(["left_out", "test"], sort=False):
        own = {name.removeprefix(f"{left_out}/"): a for name, a in arrays.items() if name.startswith(f"{left_out}/")}
        summary.append({"left_out": left_out, **summary_row(some, own, root)})
    return summary
