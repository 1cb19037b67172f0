"""By how much a hybrid beats the best of its rivals, test by test and over all tests: paired differences.

On each test the rival is the one of the highest mean balanced accuracy there, the strictest choice. Both are seen on
the same samples, and seed k of the one beside seed k of the other, as many as both have. Seeds are drawn with
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

from toponn.generalization.evaluation import Evaluation, Evaluations
from toponn.tools.seeds import stream
from toponn.tools.statistics import class_mean, crossed_draws, effective_number, resampled, wilson_interval
from toponn.tools.tables import ALL, HOME, columns_of

DRAWS = 2000
"""Of the bootstrap."""


def superiority(
    evaluations: Evaluations,
    *,
    kinds: Mapping[str, Mapping[str, str]],
    hybrids: Mapping[str, Sequence[str]],
    rivals: Mapping[str, Sequence[str]],
    root: int,
) -> pd.DataFrame:
    """Return for each hybrid a row for each test of a task, for each kind of tests and for all of them.

    Where the hybrid or every rival cannot run the status is "not applicable", and means over tests leave the test out.
    A task without hybrids or without rivals has no rows.

    Parameters
    ----------
    kinds : by task, what each test changes, by name
    hybrids, rivals : by task, names of variants
    root : seed of the study, from which the bootstrap descends
    """
    rows = [
        row
        for task, tests in kinds.items()
        for hybrid in (hybrids[task] if rivals[task] else ())
        for row in _of_hybrid(task, hybrid, tests, evaluations, rivals[task], root)
    ]
    return pd.DataFrame(rows, columns=columns_of("superiority", ()))


def _of_hybrid(
    task: str, hybrid: str, kinds: Mapping[str, str], evaluations: Evaluations, rivals: Sequence[str], root: int
) -> list[dict[str, Any]]:
    """Return the rows of one hybrid; all of them draw the same random numbers."""
    rng, weights = stream(root, "superiority", task), {}
    rows, draws = [], {}
    for test, kind in kinds.items():
        others = {name: evaluations[name][test] for name in rivals}
        row, draws[test] = _of_test(evaluations[hybrid][test], others, rng, weights)
        rows.append({"task": task, "kind": kind, "test": test, "n_tests": 1, **row})
    return [{**row, "variant": hybrid} for row in [*rows, *_over_tests(task, rows, draws)]]


def _of_test(
    hybrid: Evaluation, rivals: Mapping[str, Evaluation], rng: np.random.Generator, weights: dict[int, np.ndarray]
) -> tuple[dict[str, Any], np.ndarray | None]:
    """Return the numbers of one test and its bootstrap draws; `weights` holds the draws of so many seeds."""
    right = {name: other.right for name, other in rivals.items() if other.value is not None}
    if hybrid.value is None or not right:
        return {"status": "not applicable"}, None
    labels, mine = hybrid.label, hybrid.right
    rival = max(right, key=lambda name: class_mean(labels, right[name]))
    seeds = min(len(mine), len(right[rival]))
    mine, other = mine[:seeds], right[rival][:seeds]
    difference = mine.astype(float) - other
    if seeds not in weights:
        weights[seeds] = resampled(seeds, rng, DRAWS)
    drawn = crossed_draws(labels, difference, weights[seeds], rng=rng)
    shares = class_mean(labels, mine), class_mean(labels, other)
    low, high = newcombe(*shares, effective_number(labels))
    boot = np.percentile(drawn, [2.5, 97.5])
    row = {"rival": rival, "hybrid": shares[0], "plain": shares[1], "difference": shares[0] - shares[1], "status": "ok"}
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
