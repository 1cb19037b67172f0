"""From rows of every seed to the trainability table: shares, medians and means, exponents, half success."""

import numpy as np
import pandas as pd
from scipy import stats

from toponn.seeds import stream
from toponn.statistics import mean_interval, median_band, wilson_interval
from toponn.trainability import COLUMNS
from toponn.trainability.half_success import half_success

KEYS = ["task", "model", "form", "diagnostic", "size", "condition"]
MEANS = ("gradient_variance", "start_gradient_norm")
"""Diagnostics of which the mean over seeds is the quantity that is asked for."""


def summarised(units: pd.DataFrame, root: int) -> pd.DataFrame:
    """Return a row of the trainability table for each diagnostic, size and condition.

    Shares of seeds (diagnostics that end in ``_success`` or ``_descends``) come with Wilson's 95 % interval, means with
    a bootstrap 95 % interval over seeds, all else as the median with the 10 % and 90 % quantiles of the seeds.

    Parameters
    ----------
    units : rows of the table of diagnostics, one for each seed
    """
    rows = []
    for key, group in units.groupby(KEYS, sort=False):
        values, diagnostic = group["value"].to_numpy(dtype=float), key[3]
        if diagnostic.endswith(("_success", "_descends")):
            found = (values.mean(), *wilson_interval(int(values.sum()), len(values)))
        elif diagnostic in MEANS:
            found = mean_interval(values, stream(root, "summary", *map(str, key)))
        else:
            found = median_band(values)
        rows.append((*key, len(values), *found))
    return pd.DataFrame(rows, columns=[*KEYS, "n_seeds", "value", "low", "high"])[COLUMNS]


def power_law(sizes: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """Return the exponent of ``values ∝ sizes^exponent`` with its 95 % interval, by least squares of logarithms.

    The interval is Student's for the scatter about the line, so that it also covers that there is no such law.

    Examples
    --------
    >>> exponent, low, high = power_law(np.array([2.0, 4.0, 8.0]), np.array([1.0, 0.25, 0.0625]))
    >>> round(exponent, 6), round(low, 6), round(high, 6)
    (-2.0, -2.0, -2.0)
    """
    if len(sizes) < 3:
        return np.nan, np.nan, np.nan
    fit = stats.linregress(np.log(sizes), np.log(values))
    reach = stats.t.ppf(0.975, len(sizes) - 2) * fit.stderr
    return float(fit.slope), float(fit.slope - reach), float(fit.slope + reach)


def gradient_exponents(summary: pd.DataFrame) -> pd.DataFrame:
    """Return ``gradient_exponent`` of the number of cells or sites for each model, from its variances at all sizes."""
    rows = []
    variances = summary[(summary["diagnostic"] == "gradient_variance") & (summary["value"] > 0)]
    for key, group in variances.groupby(["task", "model", "form"], sort=False):
        fit = power_law(group["size"].to_numpy(dtype=float), group["value"].to_numpy())
        sizes = f"sizes={group['size'].min()} to {group['size'].max()}"
        rows.append((*key, "gradient_exponent", int(group["size"].max()), sizes, int(group["n_seeds"].min()), *fit))
    return pd.DataFrame(rows, columns=COLUMNS)


def half_success_rows(units: pd.DataFrame) -> pd.DataFrame:
    """Return ``half_success_noise`` for each model and size: the noise at which half of the retrainings succeed.

    Where success does not fall below one half the value is missing and ``high`` is infinite.
    """
    rows = []
    basin = units[units["diagnostic"] == "basin_success"]
    noise = basin["condition"].str.extract(r"noise=([^,]+)", expand=False).astype(float)
    frame = basin.assign(noise=noise, success=basin["value"])
    for key, group in frame.groupby(["task", "model", "form", "size"], sort=False):
        found = half_success(group[["noise", "success"]])
        task, model, form, size = key
        rows.append((task, model, form, "half_success_noise", size, "", group["seed"].nunique(), *found))
    return pd.DataFrame(rows, columns=COLUMNS)


def diagnostic_rows(units: pd.DataFrame, root: int) -> pd.DataFrame:
    """Return all rows of the trainability table that follow from the table of diagnostics."""
    summary = summarised(units, root)
    parts = [summary, gradient_exponents(summary), half_success_rows(units)]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)
