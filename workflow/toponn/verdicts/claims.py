"""Claims of the source paper against this project's measurements, by stated rules.

The claims are those of a summary of "Why is topology hard to learn?" (arXiv 2509.26261); the numbers are ours. A
verdict is *supported* where the whole 95 % interval lies on the claim's side of its threshold, *not supported* where it
lies wholly on the other side, and *mixed* otherwise.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from toponn.tools.conventions import SIZE_UNIT
from toponn.tools.seeds import stream
from toponn.tools.statistics import mean_interval, median_band
from toponn.tools.tables import ALL, HOME, MISLEADING, TABLES

STATEMENTS = {
    1: "the hybrid expresses the invariant exactly and differentiably",
    2: "expressivity and trainability decouple",
    3: "the hybrid beats CNN and ResNet by more than 15 points",
    4: "the hybrid generalizes across lattice geometries and system sizes",
    5: "the hybrid stays interpretable: its learned tensors can be read",
    6: "plain networks rely on dataset proxies",
}
RULES = {
    1: "The closed form is within 1e-10 of its reference invariant in double precision, and its gradient within 1e-5 "
    "of finite differences; every form counts.",
    2: "A form that holds the exact invariant is found by fewer than 90 % of random starts; every form and size "
    "counts.",
    3: "The balanced accuracy of a hybrid that runs on any size minus that of the best of its rivals on the same test, "
    "paired, exceeds 0.15; the mean over all tests of each task counts.",
    4: "The balanced accuracy of a hybrid that runs on any size is at least 0.95; tests of other sizes, shapes and "
    "lattices count, and each lattice that was left out of a training on the others.",
    5: "The wedge of the learned site tensors has a cosine of at least 0.9 with that of the closed form; and the "
    "density of f over the sites, divided by the weight read from the tensors, a correlation of at least 0.9 with the "
    "local Chern marker over two phases. Intervals are 10-90 % of the seeds; every row counts.",
    6: "A rival loses more than 0.15 of balanced accuracy, against the labels' ceiling, between its own data "
    "and a test; or it gives the proxy's integer on most samples of a proxy test where the label is another. Every "
    "row counts.",
}
"""What a row of a claim has to show to be supported, and which rows count for the claim as a whole."""
WHOLE = "whole"
"""Kind of the rows with the verdict on a claim as a whole."""
LEFT_OUT = "lattice left out"
GEOMETRY = ("sizes", "shapes", "lattices", LEFT_OUT)
EXACT, GRADIENT, MARGIN, GENERALIZES, SUCCEEDS, READABLE, SIDES = 1e-10, 1e-5, 0.15, 0.95, 0.9, 0.9, 0.5

Numbers = tuple[float, float, float]


def verdict(low: float, high: float, threshold: float) -> str:
    """Return the verdict on "the quantity exceeds the threshold" from its interval.

    Examples
    --------
    >>> verdict(0.96, 0.99, 0.95), verdict(0.5, 0.6, 0.95), verdict(0.9, 0.97, 0.95)
    ('supported', 'not supported', 'mixed')
    """
    if low >= threshold:
        return "supported"
    return "not supported" if high < threshold else "mixed"


def _row(claim: int, kind: str, variant: str, test: str, numbers: Numbers, verdict: str, figure: str) -> dict[str, Any]:
    """Return a row from the number with its interval; a row of no variant has an empty one."""
    values = (claim, STATEMENTS[claim], kind, variant, test, *numbers, verdict, figure)
    return dict(zip(TABLES["claims"].columns, values, strict=True))


def expressivity(trainability: pd.DataFrame) -> list[dict]:
    """Claim 1: the closed form is within 1e-10 of its reference, and its gradient within 1e-5 of finite differences."""
    rows = []
    limits = {"closed_form_error": EXACT, "closed_form_gradient_error": GRADIENT}
    for entry in trainability[trainability["diagnostic"].isin(limits)].itertuples():
        test = f"{entry.task}, {entry.form} as {entry.closed_form}: {entry.diagnostic}"
        decided = "supported" if entry.value <= limits[entry.diagnostic] else "not supported"
        rows.append(_row(1, "", "", test, (entry.value, np.nan, np.nan), decided, f"success_{entry.task}"))
    return rows


def decoupling(trainability: pd.DataFrame, exact: Sequence[str]) -> list[dict]:
    """Claim 2: a form that holds the exact invariant is found by fewer than 90 % of random starts."""
    table = trainability[(trainability["diagnostic"] == "success_fraction") & trainability["variant"].isin(exact)]
    rows = []
    for entry in table[table["start"] == "random"].itertuples():
        decided = verdict(1 - entry.high, 1 - entry.low, 1 - SUCCEEDS)
        where = f"{entry.task}, {entry.form or entry.variant}, {entry.size} {SIZE_UNIT[entry.task]}"
        # What is trained at several sizes is drawn against them.
        several = table[(table["task"] == entry.task) & (table["variant"] == entry.variant)]["size"].nunique() > 1
        figure = f"sizes_{entry.task}" if several else f"success_{entry.task}"
        test = f"{where}: share of random starts that succeed"
        rows.append(_row(2, "", entry.variant, test, (entry.value, entry.low, entry.high), decided, figure))
    return rows


def superiority(paired: pd.DataFrame) -> list[dict]:
    """Claim 3: the paired difference of a hybrid and its best rival exceeds 15 points.

    Rows are those of `toponn.generalization.superiority`, of each hybrid one a test, one a kind of tests and one for
    all of them.
    """
    rows = []
    for entry in paired.itertuples():
        where, text = (entry.kind, entry.variant), f"{entry.task}, {entry.test}"
        numbers, decided = (np.nan, np.nan, np.nan), "not applicable"
        if entry.status == "ok":
            text, numbers = f"{text}, against {entry.rival}", (entry.difference, entry.low, entry.high)
            decided = verdict(entry.low, entry.high, MARGIN)
        rows.append(_row(3, *where, text, numbers, decided, f"superiority_{entry.task}"))
    return rows


def _accuracy(entry: Any, kind: str, test: str, figure: str) -> dict:
    """Return the row of claim 4 for a row of a summary."""
    decided = verdict(entry.low, entry.high, GENERALIZES)
    return _row(4, kind, entry.variant, test, (entry.balanced_accuracy, entry.low, entry.high), decided, figure)


def transfer(summary: pd.DataFrame, hybrids: Sequence[str]) -> list[dict]:
    """Claim 4: a hybrid reaches 95 % balanced accuracy on each test that is not its training data's own."""
    table = summary[summary["variant"].isin(hybrids) & (summary["status"] == "ok") & (summary["kind"] != HOME)]
    return [_accuracy(entry, entry.kind, entry.test, f"generalization_{entry.task}") for entry in table.itertuples()]


def left_out(summary: pd.DataFrame | None, hybrids: Sequence[str]) -> list[dict]:
    """Claim 4: trained on all lattices but one, a hybrid reaches 95 % balanced accuracy on that one."""
    if summary is None:
        return []
    table = summary[summary["variant"].isin(hybrids) & (summary["left_out"] == summary["test"])]
    return [
        _accuracy(entry, LEFT_OUT, f"{entry.test}, left out", f"left_out_{entry.task}")
        for entry in table[table["status"] == "ok"].itertuples()
    ]


def interpretability(trainability: pd.DataFrame) -> list[dict]:
    """Claim 5: the wedge of the learned tensors points along the closed form's (cosine 0.9), with its 10–90 % band."""
    rows = []
    for entry in trainability[trainability["diagnostic"] == "weight_overlap"].itertuples():
        decided = verdict(entry.low, entry.high, READABLE)
        test = f"{entry.task}, {entry.form or entry.variant}: cosine with the closed form"
        numbers = entry.value, entry.low, entry.high
        rows.append(_row(5, "", entry.variant, test, numbers, decided, f"site_tensors_{entry.task}"))
    return rows


def own_markers(interfaces: pd.DataFrame | None) -> list[dict]:
    """Claim 5: the ring's own local marker goes with the local Chern marker over two phases (correlation 0.9)."""
    rows = []
    for name, table in interfaces.groupby("name", sort=False) if interfaces is not None else ():
        middle, low, high = median_band(table.groupby(["draw", "seed"])["correlation"].first().to_numpy())
        text = f"{name}: correlation over the sites of the ring's own marker with the local Chern marker"
        decided = verdict(low, high, READABLE)
        rows.append(_row(5, "", table["variant"].iloc[0], text, (middle, low, high), decided, f"interface_{name}"))
    return rows


def proxies(generalization: pd.DataFrame, rivals: Sequence[str], root: int) -> list[dict]:
    """Claim 6: a rival loses more than 15 points, against the ceiling, between its own data and a test.

    The loss is measured seed by seed as (ceiling − accuracy) on the test minus the same on the training dataset's test
    split. It says that the rival learned something else than the invariant, not what.
    """
    table = generalization[generalization["variant"].isin(rivals) & (generalization["status"] != "not applicable")]
    table = table.assign(shortfall=table["ceiling"] - table["balanced_accuracy"].fillna(0.0))
    rows = []
    for (task, variant, model), own in table.groupby(["task", "variant", "model"], sort=False):
        at_home = own[own["test"] == own["dataset"]].set_index("seed")["shortfall"]
        for (test, kind), away in own[own["test"] != own["dataset"]].groupby(["test", "kind"], sort=False):
            loss = (away.set_index("seed")["shortfall"] - at_home).dropna().to_numpy()
            numbers = mean_interval(loss, stream(root, "proxies", task, model, test))
            decided = verdict(*numbers[1:], MARGIN)
            rows.append(_row(6, kind, variant, f"{variant} on {test}", numbers, decided, f"generalization_{task}"))
    return rows


def sided_with(proxies: pd.DataFrame, rivals: Sequence[str], proxy_tests: Sequence[str]) -> list[dict]:
    """Claim 6: on a proxy test a rival gives the proxy's integer on most samples where the label is another.

    Conflicts with a single label are left out: there a constant answer would do.
    """
    rows = []
    table = proxies[proxies["variant"].isin(rivals) & (proxies["status"] == "ok") & proxies["test"].isin(proxy_tests)]
    for entry in table[table["n_labels"] > 1].itertuples():
        decided = verdict(entry.proxied_low, entry.proxied_high, SIDES)
        test = f"{entry.variant} on {entry.test}: share of {int(entry.n_conflicts)} conflicts that go to {entry.proxy}"
        numbers = entry.proxied, entry.proxied_low, entry.proxied_high
        rows.append(_row(6, MISLEADING, entry.variant, test, numbers, decided, f"proxies_{entry.task}"))
    return rows


def claims_table(
    trainability: pd.DataFrame,
    generalization: pd.DataFrame,
    summary: pd.DataFrame,
    paired: pd.DataFrame,
    proxies_table: pd.DataFrame | None,
    left_out_summary: pd.DataFrame | None,
    interfaces: pd.DataFrame | None,
    *,
    exact: Sequence[str],
    hybrids: Sequence[str],
    rivals: Sequence[str],
    root: int,
) -> pd.DataFrame:
    """Return one row for each claim as a whole, then one for each test that decides on it.

    Parameters
    ----------
    exact : variants that hold the exact invariant
    hybrids : those of them that run on any size and start at random, which are compared with the rivals
    rivals : variants that do not hold it
    root : seed of the study, from which bootstraps descend
    """
    measured = trainability[trainability["status"] == "ok"]
    rows = expressivity(measured) + decoupling(measured, exact) + superiority(paired)
    rows += transfer(summary, hybrids) + left_out(left_out_summary, hybrids)
    rows += interpretability(measured) + own_markers(interfaces) + proxies(generalization, rivals, root)
    if proxies_table is not None:
        proxy_tests = list(summary[summary["kind"] == MISLEADING]["test"].unique())
        rows += sided_with(proxies_table, rivals, proxy_tests)
    return pd.DataFrame(wholes(rows) + rows, columns=TABLES["claims"].columns)


def wholes(rows: list[dict]) -> list[dict]:
    """Return the verdict on each claim as a whole, from its rows that count, by `RULES`.

    A claim is supported where all rows that count are, not supported where none is, and mixed otherwise. Its number is
    the share of them that are.
    """
    found = []
    for claim in STATEMENTS:
        counted = [row for row in rows if row["claim"] == claim and row["verdict"] != "not applicable" and counts(row)]
        if counted:
            share = np.mean([row["verdict"] == "supported" for row in counted])
            contradicted = all(row["verdict"] == "not supported" for row in counted)
            decided = "supported" if share == 1 else "not supported" if contradicted else "mixed"
            text = f"{len(counted)} rows that count: the share that is supported"
            numbers = float(share), np.nan, np.nan
            found.append(_row(claim, WHOLE, "", text, numbers, decided, counted[0]["figure"]))
    return found


def counts(row: dict) -> bool:
    """Return whether a row is among those that decide on its claim as a whole."""
    if row["claim"] == 3:
        return row["kind"] == ALL
    return row["claim"] != 4 or row["kind"] in GEOMETRY
