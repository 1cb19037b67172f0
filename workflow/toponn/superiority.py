"""By how much the hybrid beats the best plain network, test by test and over all tests: paired differences.

On each test the rival is the plain network of the highest mean balanced accuracy there, the strictest choice. Both are
seen on the same samples, and seed k of the one beside seed k of the other, as many as both have. Seeds are drawn with
replacement once for all tests, samples within their class and test. As a bootstrap sees nothing where two models make
no errors, or all, the interval of a test is never narrower than Newcombe's, made of both accuracies' Wilson intervals
for the effective number of samples; that over tests is never narrower than theirs added in squares.

References
----------
R. G. Newcombe, Stat. Med. 17, 873 (1998), method 10.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from toponn.generalization import correct
from toponn.seeds import stream
from toponn.statistics import class_mean, crossed_draws, effective_number, resampled, wilson_interval
from toponn.study import ALL, HOME, PLAIN

COLUMNS = "task kind test rival hybrid plain difference low high n_tests n_seeds n_samples status".split()
HYBRID = "ring", "coordinate"
DRAWS = 2000
"""Of the bootstrap."""

Predictions = Mapping[tuple[str, str], Mapping[str, np.ndarray]]
"""By model and form, the arrays of `toponn.generalization.evaluate_runs`."""


def paired_rows(task: str, kinds: Mapping[str, str], predictions: Predictions, root: int) -> list[dict[str, Any]]:
    """Return a row for each test of a task, for each kind of tests and for all of them.

    Where the hybrid or every plain network cannot run the status is "not applicable", and means over tests leave the
    test out.

    Parameters
    ----------
    kinds : what each test changes, by name
    """
    if HYBRID not in predictions or not any((name, "") in predictions for name in PLAIN):
        return []
    rng, weights = stream(root, "superiority", task), {}
    rows, draws = [], {}
    for test, kind in kinds.items():
        row, draws[test] = _of_test(test, predictions, rng, weights)
        rows.append({"task": task, "kind": kind, "test": test, "n_tests": 1, **row})
    return rows + list(_over_tests(task, rows, draws))


def _of_test(
    test: str, predictions: Predictions, rng: np.random.Generator, weights: dict[int, np.ndarray]
) -> tuple[dict[str, Any], np.ndarray | None]:
    """Return the numbers of one test and its bootstrap draws; `weights` holds the draws of so many seeds."""
    able = {name: predictions[name, ""] for name in PLAIN if f"{test}/value" in predictions.get((name, ""), {})}
    if f"{test}/value" not in predictions[HYBRID] or not able:
        return {"status": "not applicable"}, None
    right = {name: correct(arrays, test)[1] for name, arrays in able.items()}
    labels, mine = correct(predictions[HYBRID], test)
    rival = max(right, key=lambda name: class_mean(labels, right[name]))
    seeds = min(len(mine), len(right[rival]))
    mine, other = mine[:seeds], right[rival][:seeds]
    difference = mine.astype(float) - other
    if seeds not in weights:
        weights[seeds] = resampled(seeds, rng, DRAWS)
    drawn = crossed_draws(labels, difference, weights[seeds], rng=rng)
    hybrid, plain = class_mean(labels, mine), class_mean(labels, other)
    low, high = newcombe(hybrid, plain, effective_number(labels))
    boot = np.percentile(drawn, [2.5, 97.5])
    row = {"rival": rival, "hybrid": hybrid, "plain": plain, "difference": hybrid - plain, "status": "ok"}
    row |= {"low": min(low, boot[0]), "high": max(high, boot[1]), "n_seeds": seeds, "n_samples": len(labels)}
    return row, drawn


def newcombe(first: float, second: float, number: float) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two shares, each of so many trials.

    Examples
    --------
    >>> print("{:.3f} {:.3f}".format(*newcombe(1.0, 1.0, 200)))
    -0.019 0.019
    """
    (l1, u1), (l2, u2) = (wilson_interval(share * number, number) for share in (first, second))
    difference = first - second
    below, above = np.hypot(first - l1, u2 - second), np.hypot(u1 - first, second - l2)
    return float(difference - below), float(difference + above)


def _over_tests(
    task: str, rows: Sequence[Mapping[str, Any]], draws: Mapping[str, np.ndarray | None]
) -> Iterator[dict[str, Any]]:
    """Yield the means over the tests of each kind and over all of them, without the training data's own."""
    away = [row for row in rows if row["kind"] != HOME]
    groups = {kind: [row for row in away if row["kind"] == kind] for kind in dict.fromkeys(r["kind"] for r in away)}
    for kind, mine in (groups | {ALL: away}).items():
        row = {"task": task, "kind": kind, "test": f"all {kind}" if kind != ALL else "all tests"}
        counted = pd.DataFrame([r for r in mine if r["status"] == "ok"])
        if counted.empty:
            yield row | {"n_tests": 0, "status": "not applicable"}
            continue
        means = {key: float(counted[key].mean()) for key in ("hybrid", "plain", "difference")}
        low, high = np.percentile(np.mean([draws[test] for test in counted["test"]], axis=0), [2.5, 97.5])
        middle, n = means["difference"], len(counted)
        below = np.sqrt(((counted["difference"] - counted["low"]) ** 2).sum()) / n
        above = np.sqrt(((counted["high"] - counted["difference"]) ** 2).sum()) / n
        interval = {"low": min(low, middle - below), "high": max(high, middle + above)}
        sizes = {"n_seeds": int(counted["n_seeds"].min()), "n_samples": int(counted["n_samples"].sum())}
        yield row | means | interval | sizes | {"n_tests": n, "rival": "best of each test", "status": "ok"}
