"""Where the invariant and a proxy disagree: which of the two a model sides with, and what of the marker it follows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from toponn.checks import DataError, NotApplicable
from toponn.datasets import Dataset, read_dataset
from toponn.joblog import LOGGER
from toponn.models.head import predictions as nearest_integers
from toponn.statistics import balanced_accuracy, crossed_bootstrap
from toponn.trainability import UNIT
from toponn.trainability.local_proxy import LocalProxy
from toponn.training.runs import n_places

PROXY_COLUMNS = (
    "task model form test proxy proxy_accuracy n_samples n_conflicts n_labels n_seeds "
    "invariant invariant_low invariant_high proxied proxied_low proxied_high status"
).split()
REGIONS = {"local_correlations": "bulk", "edge_correlations": "edge"}
"""Proxies that are fitted at home, and what they see."""
MARKERS = {"winding": "real_space_winding", "chern": "real_space_chern"}
"""References whose real value follows the finite size and disorder of every sample."""
FEWEST = 10
"""Conflicts below which a share says nothing."""
CONSTANT = 1e-6
"""Deviation, in units of the largest magnitude, below which single-precision values are constant."""

Predictions = Mapping[tuple[str, str], Mapping[str, np.ndarray]]
"""By model and form, the arrays of `toponn.generalization.evaluate_runs`."""


def conflicts(labels: np.ndarray, proxy: np.ndarray) -> np.ndarray:
    """Return on which samples the integer (B,) of the proxy is not the label (B,), (B,) bool."""
    return np.rint(proxy) != labels


def fitted_proxies(home: str | Path) -> dict[str, LocalProxy]:
    """Return the local proxies of a dataset by name, those that its samples have."""
    train, validation = read_dataset(home, "train"), read_dataset(home, "validation")
    found = {}
    for name, region in REGIONS.items():
        try:
            found[name] = LocalProxy.fit(train, validation, region)
        except NotApplicable as reason:
            LOGGER.info("%s: no %s: %s", train.name, name, reason)
    return found


def proxy_integers(dataset: Dataset, fitted: Mapping[str, LocalProxy]) -> dict[str, np.ndarray]:
    """Return the integers (B,) float64 of every proxy that applies to a dataset, by name."""
    found = {name: values for name, values in dataset.proxies.items() if np.isfinite(values).all()}
    for name, proxy in fitted.items():
        try:
            found[name] = proxy.predict(dataset).astype(float)
        except NotApplicable as reason:
            LOGGER.info("%s: no %s: %s", dataset.name, name, reason)
    return found


def proxy_rows(
    task: str,
    home: str | Path,
    tests: Mapping[str, str | Path],
    predictions: Predictions,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return how often models side with the label, and how often with a proxy, where the two disagree.

    Every row is one model on the samples of one test on which one proxy's integer is not the label: the shares of
    them on which the model predicts the label and on which it predicts the proxy's integer, means over seeds with
    95 % intervals over seeds and samples. As in a balanced accuracy every integer counts alike, so that a model that
    says the same of all samples does not side with whoever says it often. Where the conflicts have a single label
    (``n_labels`` counts those with at least 10 conflicts) a constant answer cannot be told from either side. The two
    need not add up to one. A seed that failed does neither.

    Parameters
    ----------
    home : the dataset that the models are trained on, and the local proxies fitted to; its test split is a test too
    tests : dataset files by the name that they have in `predictions`, which for `home` is that of its file
    predictions : by (model, form)

    Returns
    -------
    DataFrame of `PROXY_COLUMNS`
        The balanced accuracy of the proxy itself says whether it is viable there. The status is "ok", "failed" where
        every seed did, "no conflicts" where there are fewer than 10, or "not applicable" where the model cannot run;
        the shares are NaN in all but the first.

    Raises
    ------
    DataError
        If predictions are of other samples than a test holds.
    """
    fitted, rows = fitted_proxies(home), []
    for test, path in {Path(home).stem: home, **tests}.items():
        dataset = read_dataset(path, "test")
        for proxy, integers in proxy_integers(dataset, fitted).items():
            about = {"task": task, "test": test, "proxy": proxy, "n_samples": len(dataset)}
            about["proxy_accuracy"] = float(balanced_accuracy(dataset.label, np.rint(integers)))
            contradicted = dataset.label[conflicts(dataset.label, integers)]
            about["n_conflicts"] = len(contradicted)
            about["n_labels"] = int((np.unique(contradicted, return_counts=True)[1] >= FEWEST).sum())
            for (model, form), arrays in predictions.items():
                value = _values(arrays, test, dataset)
                sides = _sides(value, dataset.label, integers, rng)
                rows.append({**about, "model": model, "form": form, "n_seeds": len(arrays["seeds"]), **sides})
    return pd.DataFrame(rows, columns=PROXY_COLUMNS).sort_values(["model", "form"], kind="stable", ignore_index=True)


def _values(arrays: Mapping[str, np.ndarray], test: str, dataset: Dataset) -> np.ndarray | None:
    """Return f (S, B) of a model on a test, None where it is not applicable."""
    if not np.array_equal(arrays[f"{test}/label"], dataset.label):
        raise DataError(f"{test}: found predictions for other labels than the dataset's; evaluate the models again")
    return arrays.get(f"{test}/value")


def _sides(
    value: np.ndarray | None, labels: np.ndarray, integers: np.ndarray, rng: np.random.Generator
) -> dict[str, Any]:
    """Return the shares of the conflicts on which f (S, B) gives the label and the proxy's integer, and the status."""
    if value is None:
        return {"status": "not applicable"}
    where = conflicts(labels, integers)
    if where.sum() < FEWEST:
        return {"status": "no conflicts"}
    finite = np.isfinite(value).all(axis=1)
    if not finite.any():
        return {"status": "failed"}
    guesses = nearest_integers(torch.from_numpy(value)).numpy()[:, where]
    sides = {"status": "ok"}
    for name, integer in (("invariant", labels[where]), ("proxied", np.rint(integers[where]))):
        agrees = (guesses == integer) & finite[:, None]
        share = float(np.mean([agrees[:, integer == value].mean() for value in np.unique(integer)]))
        low, high = crossed_bootstrap(integer, agrees, rng=rng)
        sides |= {name: share, f"{name}_low": low, f"{name}_high": high}
    return sides


def overlap_rows(task: str, home: str | Path, predictions: Predictions) -> pd.DataFrame:
    """Return what was learned in the metric of the data: how f goes with the real-space marker over samples.

    ``output_overlap`` is the correlation of the two, ``residual_overlap`` that of what is left of them without their
    mean over the samples of each label. Every good classifier has the first; the second takes following the deviations
    of the marker from an integer, which come from finite size and disorder. It is NaN where f only says the label.

    Parameters
    ----------
    home : whose test split, under the name of its file, the models are compared on
    predictions : by (model, form)

    Returns
    -------
    DataFrame of `trainability.UNIT`
        A row for each seed, NaN where it failed; a model that is not applicable has none.
    """
    dataset, test, reference = read_dataset(home, "test"), Path(home).stem, MARKERS[task]
    about = {"task": task, "size": n_places(dataset.states), "condition": f"reference={reference}"}
    within = {"output_overlap": np.zeros(len(dataset)), "residual_overlap": dataset.label}
    frames = []
    for (model, form), arrays in predictions.items():
        value = _values(arrays, test, dataset)
        if value is None:
            continue
        about |= {"model": model, "form": form, "seed": arrays["seeds"]}
        for diagnostic, labels in within.items():
            overlap = correlation(value, dataset.references[reference], labels)
            frames.append(pd.DataFrame({**about, "diagnostic": diagnostic, "value": overlap})[UNIT])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=UNIT)


def correlation(value: np.ndarray, reference: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the correlation (S,) of f (S, B) and a reference (B,) that is left within labels (B,).

    NaN where f is not finite, or where one of the two is constant within the labels.
    """
    first, second = _within(np.asarray(value, dtype=float), labels), _within(reference[None], labels)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.divide((first * second).sum(axis=1), norms, out=np.full(len(first), np.nan), where=norms > 0)


def _within(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return values (S, B) minus their mean over samples of the same label; zeros where only rounding is left."""
    left = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, 0.0)
    scale = np.abs(left).max(axis=1, keepdims=True)
    for label in np.unique(labels):
        left[:, labels == label] -= left[:, labels == label].mean(axis=1, keepdims=True)
    return np.where(np.abs(left).max(axis=1, keepdims=True) > CONSTANT * scale, left, 0.0)
