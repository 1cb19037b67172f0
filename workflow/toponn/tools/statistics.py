"""Accuracies and the intervals that stand beside them."""

import numpy as np
from scipy.special import ndtri


def balanced_accuracy(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return the mean over the classes that occur of the share of their samples that is predicted right.

    Parameters
    ----------
    labels : (B,) integers
    predictions : (…, B) integers

    Returns
    -------
    (…,) float64

    Examples
    --------
    >>> float(balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])))
    0.5
    """
    right = np.asarray(predictions) == labels
    return np.mean([right[..., labels == value].mean(axis=-1) for value in np.unique(labels)], axis=0)


def wilson_interval(successes: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval for a fraction; the numbers may be effective ones and need not be whole.

    References
    ----------
    E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927).

    Examples
    --------
    >>> low, high = wilson_interval(22, 100)
    >>> print(f"{low:.3f} {high:.3f}")
    0.150 0.311
    """
    if trials == 0:
        return 0.0, 1.0
    z = ndtri(0.5 + confidence / 2)
    fraction = successes / trials
    centre = (fraction + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(fraction * (1 - fraction) / trials + z**2 / (4 * trials**2))
    # At 0 and at 1 the exact end is 0 or 1; rounding must not leave it a hair off.
    low = 0.0 if successes == 0 else float(centre - half)
    high = 1.0 if successes == trials else float(centre + half)
    return low, high


def crossed_bootstrap(
    labels: np.ndarray,
    right: np.ndarray,
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile interval of the mean balanced accuracy over seeds *and* samples.

    Seeds and samples are both drawn with replacement, independently, so that the interval covers another training as
    well as another test set (the crossed, or pigeonhole, bootstrap). Samples are drawn within their class, which keeps
    every class present. Near 0 and 1 a bootstrap sees too few errors to resample; the interval therefore always holds
    Wilson's for the effective number of samples, ``K² / Σ 1/n_c`` for K classes of n_c samples.

    Parameters
    ----------
    labels : (B,) integers
    right : (S, B) bool
        Whether seed s classifies sample b correctly.

    References
    ----------
    A. B. Owen, Ann. Appl. Stat. 1, 386 (2007).
    """
    total = crossed_draws(labels, right, resampled(len(right), rng, draws), rng=rng)
    tail = 50 * (1 - confidence)
    low, high = np.percentile(total, [tail, 100 - tail])
    mean, effective = class_mean(labels, right), effective_number(labels)
    wilson = wilson_interval(mean * effective, effective, confidence)
    return float(min(low, wilson[0])), float(max(high, wilson[1]))


def resampled(count: int, rng: np.random.Generator, draws: int = 2000) -> np.ndarray:
    """Return the weights (draws, count) of `count` things that are drawn with replacement; each row sums to 1."""
    return rng.multinomial(count, np.full(count, 1 / count), size=draws) / count


def crossed_draws(
    labels: np.ndarray, values: np.ndarray, seed_weights: np.ndarray, *, rng: np.random.Generator
) -> np.ndarray:
    """Return bootstrap draws (draws,) of the mean of values over seeds, samples within a class, and classes.

    Parameters
    ----------
    labels : (B,) integers
    values : (S, B), such as whether seed s classifies sample b correctly, or a difference of two such tables
    seed_weights : (draws, S), as from `resampled`; shared by several calls, seeds are drawn once for all of them
    """
    total, classes = np.zeros(len(seed_weights)), np.unique(labels)
    for value in classes:
        inside = values[:, labels == value].astype(float)  # (S, b)
        sample_weights = resampled(inside.shape[1], rng, len(seed_weights))
        total += np.einsum("ds,sb,db->d", seed_weights, inside, sample_weights, optimize=True)
    return total / len(classes)


def class_mean(labels: np.ndarray, values: np.ndarray) -> float:
    """Return the mean of values (S, B) over seeds, samples within a class, and classes that occur in labels (B,)."""
    return float(np.mean([values[:, labels == value].mean() for value in np.unique(labels)]))


def effective_number(labels: np.ndarray) -> float:
    """Return the number of samples, ``K² / Σ 1/n_c``, whose mean is as sure as that over K classes of n_c samples."""
    counts = np.unique(labels, return_counts=True)[1]
    return float(len(counts) ** 2 / (1 / counts).sum())


def mean_interval(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the mean of values (S,) and its bootstrap 95 % interval over seeds."""
    means = rng.choice(values, size=(2000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def median_band(values: np.ndarray) -> tuple[float, float, float]:
    """Return the median and the 10 % and 90 % quantiles of the finite values (NaN where there is none)."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return np.nan, np.nan, np.nan
    low, middle, high = np.quantile(finite, [0.1, 0.5, 0.9])
    return float(middle), float(low), float(high)


def effective_rank(eigenvalues: np.ndarray) -> np.ndarray:
    """Return the participation ratio ``(Σλ)²/Σλ²`` (S,) of spectra (S, k): the number of eigenvalues that count.

    Examples
    --------
    >>> effective_rank(np.array([[1.0, 1.0, 1.0, 0.0], [5.0, 0.0, 0.0, 0.0]]))
    array([3., 1.])
    """
    largest = np.abs(eigenvalues).max(axis=1, keepdims=True)
    shares = np.divide(eigenvalues, largest, out=np.full_like(eigenvalues, np.nan), where=largest > 0)
    return shares.sum(axis=1) ** 2 / (shares**2).sum(axis=1)


def fitted_exponent(sites: np.ndarray, cost: np.ndarray) -> tuple[float, float, float]:
    """Return k of ``cost ∝ sites^k`` and its 95 % interval, by least squares of logarithms over the larger half.

    Without three sizes there is no interval, without two no exponent (NaN).

    Examples
    --------
    >>> sites = np.array([4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
    >>> [round(k, 6) for k in fitted_exponent(sites, 1e-9 * sites**3)]
    [3.0, 3.0, 3.0]
    """
    from scipy import stats  # here, because it takes most of a second

    if len(sites) < 2:
        return np.nan, np.nan, np.nan
    order = np.argsort(sites)[min(len(sites) // 2, len(sites) - 2) :]
    fit = stats.linregress(np.log(sites[order]), np.log(cost[order]))
    reach = stats.t.ppf(0.975, len(order) - 2) * fit.stderr if len(order) > 2 else np.nan
    return float(fit.slope), float(fit.slope - reach), float(fit.slope + reach)
