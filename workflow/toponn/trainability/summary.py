"""From the rows of single seeds to the trainability table: shares, medians or means over seeds, and fits to them."""

import numpy as np
import pandas as pd
from scipy import stats

from toponn.tools.seeds import stream
from toponn.tools.statistics import mean_interval, median_band, wilson_interval
from toponn.tools.tables import ABOUT, TABLES
from toponn.trainability.half_success import half_success

MEANS = ("gradient_variance", "start_gradient_norm")
"""Diagnostics that are summarised by their mean over the seeds rather than their median."""


def summarised(units: pd.DataFrame, root: int) -> pd.DataFrame:
    """Return a row of the trainability table for each diagnostic, size and values of the conditions.

    Shares of seeds (diagnostics that end in ``_success`` or ``_descends``) come with Wilson's 95 % interval, means with
    a bootstrap 95 % interval over seeds, all else as the median with the 10 % and 90 % quantiles of the seeds. Rows
    that say why a diagnostic does not apply stay, without numbers.

    Parameters
    ----------
    units : rows of the table of diagnostics, one for each seed
    """
    conditions = [column for column in units if column not in TABLES["diagnostics"].columns]
    applies, rows = units["status"] == "ok", []
    for key, group in units[applies].groupby([*ABOUT, "diagnostic", "size", *conditions], sort=False, dropna=False):
        task, _, model, form, diagnostic, size = key[:6]
        values, of_conditions = group["value"].to_numpy(dtype=float), dict(zip(conditions, key[6:], strict=True))
        if diagnostic.endswith(("_success", "_descends")):
            found = (values.mean(), *wilson_interval(int(values.sum()), len(values)))
        elif diagnostic in MEANS:
            names = (task, model, form, diagnostic, str(size), f"start={of_conditions['start']}")
            found = mean_interval(values, stream(root, "summary", *names))
        else:
            found = median_band(values)
        rows.append((*key, len(values), *found, "ok"))
    columns = [*ABOUT, "diagnostic", "size", *conditions, "n_seeds", "value", "low", "high", "status"]
    empty = {"n_seeds": 0, "value": np.nan, "low": np.nan, "high": np.nan}
    inapplicable = units[~applies].assign(**empty)[columns]
    return pd.concat([part for part in (pd.DataFrame(rows, columns=columns), inapplicable) if len(part)])


def power_law(sizes: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """Return the exponent of ``values ∝ sizes^exponent`` with its 95 % interval, by least squares of logarithms.

    The interval is Student's t interval for the scatter about the line, so that it is wide where there is no such law.
    It takes three sizes; with fewer all is NaN.

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
    """Return ``gradient_exponent`` of each variant: ``gradient_variance`` as a power of the sample's size."""
    rows = []
    variances = summary[(summary["diagnostic"] == "gradient_variance") & (summary["value"] > 0)]
    for key, group in variances.groupby(ABOUT, sort=False):
        sizes = group["size"].to_numpy(dtype=float)
        value, low, high = power_law(sizes, group["value"].to_numpy())
        about = dict(zip(ABOUT, key, strict=True)) | {"diagnostic": "gradient_exponent", "size": int(sizes.max())}
        about |= {"sizes": f"{sizes.min():g} to {sizes.max():g}", "n_seeds": int(group["n_seeds"].min())}
        rows.append(about | {"value": value, "low": low, "high": high, "status": "ok"})
    return pd.DataFrame(rows)


def half_success_rows(units: pd.DataFrame) -> pd.DataFrame:
    """Return ``half_success_noise`` for each variant and size: the noise at which half of the retrainings succeed.

    Where success does not fall below one half the value is missing and ``high`` is infinite.
    """
    rows = []
    basin = units[units["diagnostic"] == "basin_success"]
    for key, group in basin.groupby([*ABOUT, "size"], sort=False):
        value, low, high = half_success(group[["noise", "value"]].set_axis(["noise", "success"], axis=1))
        about = dict(zip([*ABOUT, "size"], key, strict=True)) | {"diagnostic": "half_success_noise", "status": "ok"}
        rows.append(about | {"n_seeds": group["seed"].nunique(), "value": value, "low": low, "high": high})
    return pd.DataFrame(rows)


def diagnostic_rows(units: pd.DataFrame, root: int) -> pd.DataFrame:
    """Return the rows of the trainability table made from the table of diagnostics; `root` is the seed of the study."""
    summary = summarised(units, root)
    parts = [summary, gradient_exponents(summary), half_success_rows(units)]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)
