"""The noise on closed-form weights at which half of the retrainings still find back."""

import numpy as np
import pandas as pd
from scipy.special import expit

from toponn.checks import DataError, refusal

DRAWS = 1000
NEWTON_STEPS = 60


def half_success(frame: pd.DataFrame, *, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the noise level at which half of the retrainings succeed, and the ends of its 95 % interval.

    A logistic curve that falls in log σ is fitted by maximum likelihood to all seeds and all σ > 0. The interval is a
    bootstrap over seeds, each taken with all of its σ, for a seed is one direction in the space of weights. Where a σ
    divides success from failure the curve is a step: the level is then the geometric mean of the two σ beside it, and
    the interval is no narrower than the gap between them. A level is never extrapolated.

    Parameters
    ----------
    frame : columns ``seed``, ``noise`` (σ) and ``success`` (0 or 1), a row for each retraining
    rng : of the bootstrap

    Returns
    -------
    value, low, high
        (NaN, largest σ, ∞) if the level is beyond the largest σ, as where success never falls below one half;
        (NaN, 0, smallest σ) if it is below the smallest; (NaN, 0, ∞) if success does not fall with the noise.

    Raises
    ------
    DataError
        If no noise level is above zero.
    """
    grouped = frame[frame["noise"] > 0].groupby(["seed", "noise"])["success"]
    successes, trials = (table.unstack(fill_value=0) for table in (grouped.sum(), grouped.size()))
    if not trials.size:
        raise DataError(refusal("noise", sorted(set(frame["noise"])), "levels of which at least one is above 0"))
    noise, weights = successes.columns.to_numpy(dtype=float), np.ones((1, len(successes)))
    tables = successes.to_numpy(dtype=float), trials.to_numpy(dtype=float)
    value, low, high = (float(ends[0]) for ends in levels(noise, *(weights @ table for table in tables)))
    if np.isnan(value):
        return value, low, high
    drawn = rng.multinomial(len(successes), np.full(len(successes), 1 / len(successes)), size=DRAWS)
    _, lows, highs = levels(noise, *(drawn @ table for table in tables))
    tails = {"method": "inverted_cdf"}  # infinite ends cannot be averaged
    return (
        value,
        min(low, float(np.quantile(lows, 0.025, **tails))),
        max(high, float(np.quantile(highs, 0.975, **tails))),
    )


def levels(noise: np.ndarray, successes: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the level of half success, NaN where it is not known, and the least and most that it can be, (D,) each.

    Parameters
    ----------
    noise : (L,) ascending
    successes, trials : (D, L) float64, counts of D samples
    """
    some, not_all = successes > 0, successes < trials
    last_success, first_failure = np.where(some, noise, 0.0).max(axis=1), np.where(not_all, noise, np.inf).min(axis=1)
    first_success, last_failure = np.where(some, noise, np.inf).min(axis=1), np.where(not_all, noise, 0.0).max(axis=1)
    falls, rises = last_success <= first_failure, last_failure <= first_success  # in one step
    beyond, below = (2 * successes >= trials).all(axis=1), (2 * successes < trials).all(axis=1)
    intercept, slope = logistic(np.log(noise), successes, trials, ~(falls | rises | beyond | below))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        fitted = np.where(slope < 0, np.exp(-intercept / slope), np.nan)
        value = np.where(falls, np.sqrt(last_success * first_failure), fitted)
    low, high = np.where(falls, last_success, value), np.where(falls, first_failure, value)
    unknown = np.isnan(value)
    beyond, below = beyond | (value > noise[-1]), below | (value < noise[0])
    low = np.select([beyond, below, unknown], [noise[-1], 0.0, 0.0], low)
    high = np.select([beyond, below, unknown], [np.inf, noise[0], np.inf], high)
    return np.where(beyond | below, np.nan, value), low, high


def logistic(
    log_noise: np.ndarray, successes: np.ndarray, trials: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return intercept and slope (D,) of the most likely logistic curves in log σ; of those not wanted NaN.

    Newton steps are shortened to ``log(1 + β)/β`` of their length, where β is how far they move the argument of the
    curve: with that the iteration converges from anywhere, unless the data are separable.

    References
    ----------
    T. Sun, Q. Tran-Dinh, Math. Program. 178, 145 (2019), Theorem 2 (arXiv:1703.04599).
    """
    design = np.stack([np.ones_like(log_noise), log_noise - log_noise.mean()])  # (2, L)
    found = np.full((len(successes), 2), np.nan)
    successes, trials, theta = successes[wanted], trials[wanted], np.zeros((int(wanted.sum()), 2))
    for _ in range(NEWTON_STEPS):
        share = expit(theta @ design)  # (D, L)
        slope = (successes - trials * share) @ design.T
        curvature = np.einsum("dl,al,bl->dab", trials * share * (1 - share), design, design)
        move = np.linalg.solve(curvature, slope[..., None])[..., 0]
        length = np.abs(move @ design).max(axis=1, initial=1e-12)
        theta += move * (np.log1p(length) / length)[:, None]
    found[wanted] = theta
    return found[:, 0] - found[:, 1] * log_noise.mean(), found[:, 1]
