"""Leave-one-lattice-out: runs that were trained on all lattices but one, on the tests of all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from toponn.generalization.evaluation import Evaluation, evaluate_runs, summary_row
from toponn.tools.tables import ABOUT


def evaluate_left_out(
    folders: Mapping[str, str | Path],
    tests: Mapping[str, str | Path],
    *,
    seeds: int | None = None,
    device: str = "auto",
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return rows of the table of lattices left out and the raw values of the runs of one variant.

    Parameters
    ----------
    folders : by the dataset that was left out, the run folder of the training on the others
    tests : dataset files by name; all runs are put to the test splits of all
    seeds : number of seeds that take part, the first ones; all without it
    """
    frames, arrays = [], {}
    for left_out, folder in folders.items():
        for test, path in tests.items():
            frame, found = evaluate_runs([folder], path, seeds=seeds, device=device)
            frames.append(frame.assign(left_out=left_out))
            arrays |= {f"{left_out}/{test}/{name}": array for name, array in found.arrays().items()}
    return pd.concat(frames, ignore_index=True), arrays


def summary_rows(rows: pd.DataFrame, arrays: Mapping[str, np.ndarray], root: int) -> list[dict[str, Any]]:
    """Return for each lattice left out and test the mean over seeds with its 95 % interval, as `summary_row` does.

    Parameters
    ----------
    rows, arrays : of one variant, as `evaluate_left_out` returns them
    root : seed of the study, from which the bootstrap descends
    """
    summary = []
    for (left_out, test), some in rows.groupby(["left_out", "test"], sort=False):
        names = {key: f"{left_out}/{test}/{key}" for key in ("seeds", "label", "value")}
        own = {key: arrays[name] for key, name in names.items() if name in arrays}
        about = {key: some.iloc[0][key] for key in [*ABOUT, "test"]}
        summary.append({"left_out": left_out, **summary_row(some, Evaluation(about, **own), root)})
    return summary
