"""The noise on closed-form weights at which half of the retrainings still succeed."""

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from toponn.tools.statistics import wilson_interval


def half_success(frame: pd.DataFrame) -> tuple[float, float, float]:
    """Return the noise level at which half of the retrainings succeed, and the ends of its 95 % interval.

    The level lies where the share of successes, made to fall by isotonic regression, crosses one half on a straight
    line in log σ between two tried σ. No curve is assumed for the interval: it reaches from the largest σ whose share
    is surely above one half to the smallest whose share is surely below (Wilson's 95 % interval), 0 or ∞ where there is
    none. Where success breaks off within one step a fitted curve would name a level with no uncertainty at all.

    Parameters
    ----------
    frame : columns ``noise`` (σ) and ``success`` (0 or 1), a row for each retraining

    Returns
    -------
    value, low, high
        The value is NaN where success never falls below one half, or is below it from the smallest σ on.

    Examples
    --------
    >>> tried = pd.DataFrame({"noise": np.repeat([0.1, 1.0, 10.0], 20), "success": np.repeat([1, 1, 0], 20)})
    >>> [round(float(number), 2) for number in half_success(tried)]
    [3.16, 1.0, 10.0]
    """
    table = frame[frame["noise"] > 0].groupby("noise")["success"].agg(["sum", "size"])
    noise, trials = table.index.to_numpy(dtype=float), table["size"].to_numpy(dtype=float)
    share = isotonic_regression(table["sum"] / trials, weights=trials, increasing=False).x
    ends = np.array([wilson_interval(*row) for row in table.itertuples(index=False)])
    above, below = noise[ends[:, 0] > 0.5], noise[ends[:, 1] < 0.5]
    low = max(above[above < min(below, default=np.inf)], default=0.0)  # where success rises again nothing is sure
    high = min(below[below > max(above, default=0.0)], default=np.inf)
    if share[-1] >= 0.5 or share[0] < 0.5:
        return np.nan, float(low), float(high)
    after = int(np.argmax(share < 0.5))
    part = (share[after - 1] - 0.5) / (share[after - 1] - share[after])
    return float(noise[after - 1] * (noise[after] / noise[after - 1]) ** part), float(low), float(high)
