"""Where the invariant and a proxy disagree: which of the two a model sides with, and what of the marker it follows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from toponn.data.datasets import read_dataset
from toponn.generalization.evaluation import Evaluation, Evaluations
from toponn.generalization.local_proxy import LocalProxy
from toponn.matter.samples import Samples
from toponn.tools.checks import NotApplicable
from toponn.tools.joblog import LOGGER
from toponn.tools.statistics import balanced_accuracy, crossed_bootstrap
from toponn.tools.tables import ABOUT, columns_of

REGIONS = {"local_correlations": "bulk", "edge_correlations": "edge"}
"""Proxies that are fitted at home, and what they see."""
MARKERS = {"winding": "real_space_winding", "chern": "real_space_chern"}
"""References whose real value follows the finite size and disorder of every sample."""
FEWEST = 10
"""Conflicts below which a share says nothing."""
CONSTANT = 1e-6
"""Deviation, in units of the largest magnitude, below which single-precision values are constant."""


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


def proxy_integers(dataset: Samples, fitted: Mapping[str, LocalProxy]) -> dict[str, np.ndarray]:
    """Return the integers (B,) float64 of every proxy that applies to a dataset, by name."""
    found = {name: values for name, values in dataset.proxies.items() if np.isfinite(values).all()}
    for name, proxy in fitted.items():
        try:
            found[name] = proxy.predict(dataset).astype(float)
        except NotApplicable as reason:
            LOGGER.info("%s: no %s: %s", dataset.name, name, reason)
    return found


def proxy_rows(
    home: str | Path, tests: Mapping[str, str | Path], evaluations: Evaluations, *, rng: np.random.Generator
) -> pd.DataFrame:
    """Return how often models side with the label, and how often with a proxy, where the two disagree.

    Every row is one variant on the samples of one test on which one proxy's integer is not the label: the shares of
    them on which it predicts the label and on which it predicts the proxy's integer, means over seeds with 95 %
    intervals over seeds and samples. As in a balanced accuracy every integer counts alike, so that a model that says
    the same of all samples does not side with whoever says it often. Where the conflicts have a single label
    (``n_labels`` counts those with at least 10 conflicts) a constant answer cannot be told from either side. The two
    need not add up to one. A seed that failed does neither.

    Parameters
    ----------
    home : the dataset that the models are trained on, and the local proxies fitted to; its test split is a test too
    tests : dataset files by the name that they have in `evaluations`, which for `home` is that of its file

    Returns
    -------
    DataFrame of the table ``proxies``
        The balanced accuracy of the proxy itself says whether it is viable there. The status is "ok", "failed" where
        every seed did, "no conflicts" where there are fewer than 10, or "not applicable" where the model cannot run;
        the shares are NaN in all but the first.
    """
    fitted, rows = fitted_proxies(home), []
    for test, path in {Path(home).stem: home, **tests}.items():
        dataset = read_dataset(path, "test")
        for proxy, integers in proxy_integers(dataset, fitted).items():
            about = {"proxy": proxy, "n_samples": len(dataset)}
            about["proxy_accuracy"] = float(balanced_accuracy(dataset.label, np.rint(integers)))
            contradicted = dataset.label[conflicts(dataset.label, integers)]
            about["n_conflicts"] = len(contradicted)
            about["n_labels"] = int((np.unique(contradicted, return_counts=True)[1] >= FEWEST).sum())
            for found in evaluations.values():
                evaluation = found[test]
                sides = _sides(evaluation, integers, rng)
                rows.append({**about, **evaluation.about, "n_seeds": len(evaluation.seeds), **sides})
    frame = pd.DataFrame(rows, columns=columns_of("proxies", ()))
    return frame.sort_values(["model", "form", "variant"], kind="stable", ignore_index=True)


def _sides(evaluation: Evaluation, integers: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Return the shares of the conflicts on which f gives the label and the proxy's integer (B,), and the status."""
    if evaluation.value is None:
        return {"status": "not applicable"}
    where = conflicts(evaluation.label, integers)
    if where.sum() < FEWEST:
        return {"status": "no conflicts"}
    if not evaluation.finite.any():
        return {"status": "failed"}
    sides = {"status": "ok"}
    for name, integer in (("invariant", evaluation.label[where]), ("proxied", np.rint(integers[where]))):
        agrees = (evaluation.guesses[:, where] == integer) & evaluation.finite[:, None]
        share = float(np.mean([agrees[:, integer == value].mean() for value in np.unique(integer)]))
        low, high = crossed_bootstrap(integer, agrees, rng=rng)
        sides |= {name: share, f"{name}_low": low, f"{name}_high": high}
    return sides


def overlap_rows(home: str | Path, evaluations: Evaluations) -> pd.DataFrame:
    """Return what was learned in the metric of the data: how f goes with the real-space marker over samples.

    ``output_overlap`` is the correlation of the two, ``residual_overlap`` that of what is left of them without their
    mean over the samples of each label. Every good classifier has the first; the second takes following the deviations
    of the marker from an integer, which come from finite size and disorder. It is NaN where f only says the label.

    Parameters
    ----------
    home : whose test split, under the name of its file, the models are compared on

    Returns
    -------
    DataFrame of the table ``diagnostics``
        A row for each seed, NaN where it failed; a model that is not applicable has none.
    """
    dataset, frames = read_dataset(home, "test"), []
    reference = MARKERS[dataset.task]
    within = {"output_overlap": np.zeros(len(dataset)), "residual_overlap": dataset.label}
    for found in evaluations.values():
        evaluation = found[Path(home).stem]
        if evaluation.value is None:
            continue
        about = {key: evaluation.about[key] for key in ABOUT}
        about |= {"size": dataset.n_places, "reference": reference, "status": "ok"}
        for diagnostic, labels in within.items():
            overlap = correlation(evaluation.value, dataset.references[reference], labels)
            frames.append(pd.DataFrame({**about, "seed": evaluation.seeds, "diagnostic": diagnostic, "value": overlap}))
    columns = columns_of("diagnostics", ["reference"])
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


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
