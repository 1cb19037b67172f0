"""The figure of rings beyond dense matrices, and the scripts that make its tables and draw it."""

import numpy as np
import pandas as pd
import pytest
from drawn import artists, assert_fits, made, text_of
from scipy import stats

from toponn.figures.beyond_dense import ROUTE_STYLES, beyond_dense_figure
from toponn.generalization.beyond_dense import exponent_rows
from toponn.tools.tables import TABLES

SIDES = (12, 24, 96, 300)


def made_up():
    rows = []
    rng = np.random.default_rng(0)
    for name, label in (("qwz_topological", 1), ("qwz_trivial", 0)):
        for side in SIDES:
            for seed in range(4):
                row = dict.fromkeys(TABLES["beyond_dense"].columns, 0.0)
                row |= {"task": "chern", "variant": "ring_coordinate", "model": "ring", "form": "coordinate"}
                row |= {"sample": name, "seed": seed, "side": side, "n_sites": side**2, "label": label, "vectors": 8}
                row |= {"value": 1.2 * label + 0.1 * rng.normal(), "error": 0.1, "seconds": 2e-3 * side**2}
                row |= {"preparation": 1e-6 * side**3, "dense": 1.2 * label if side < 30 else np.nan}
                rows.append(row | {"dense_seconds": 1e-9 * side**6 if side < 30 else np.nan})
    table = pd.DataFrame(rows)
    return table, exponent_rows(table)


def drawn(table, exponents):
    return beyond_dense_figure(made(beyond_dense=table, beyond_dense_exponents=exponents))


@pytest.fixture(scope="module")
def figure():
    return drawn(*made_up())


def test_values_intervals_labels_and_dense_values_are_drawn(figure):
    table, _ = made_up()
    values = figure.axes[0]
    for name, rows in table.groupby("sample", sort=False):
        (dense,) = artists(values, f"{name} dense")
        assert np.isfinite(np.asarray(dense.get_offsets()[:, 1])).sum() == rows["dense"].notna().sum()
        labels = artists(values, f"{name} label")
        assert {tuple(line.get_ydata()) for line in labels} == {(rows["label"].iloc[0],) * 2}
        assert len(labels) == len(SIDES)
    line, _, (bars,) = values.containers[0]
    rows = table[table["sample"] == "qwz_topological"]
    assert line.get_ydata() == pytest.approx(rows["value"].to_numpy())
    heights = [np.ptp(bar[:, 1]) / 2 for bar in bars.get_segments()]
    assert np.array(heights) == pytest.approx(0.1 * stats.t.ppf(0.975, 7))
    assert np.abs(np.log(line.get_xdata().astype(float) / rows["n_sites"].to_numpy())).max() < 0.2


def test_costs_are_drawn_with_their_exponents(figure):
    table, exponents = made_up()
    for route in ROUTE_STYLES:
        (line,) = artists(figure.axes[1], f"{route} cost")
        assert len(line.get_xdata()) == (2 if route == "dense" else 4)
    (trace,) = artists(figure.axes[1], "trace cost")
    assert trace.get_ydata() == pytest.approx([2e-3 * side**2 for side in SIDES])
    words = " ".join(text_of(figure))
    for value in exponents["value"]:
        assert f"$N^{{{value:.2f}}}$" in words


def test_no_text_overlaps_or_leaves_the_figure(figure):
    assert_fits(figure)


def test_a_table_without_a_seed_that_trained_has_a_figure_that_says_so():
    table, exponents = made_up()
    empty = beyond_dense_figure(made(beyond_dense=table.head(0), beyond_dense_exponents=exponents.head(0)))
    assert text_of(empty) == ["no model of this study has such values"]
