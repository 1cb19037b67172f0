"""The figure of the costs of the ring's routes: what is drawn is what stands in the tables."""

import numpy as np
import pandas as pd
import pytest
from drawn import artists, clipped, overlaps, text_of

from toponn.figures.route_costs import ROUTE_STYLES, route_costs
from toponn.figures.style import DOUBLE_COLUMN
from toponn.tools.checks import DataError

SIDES = np.array([6, 8, 12, 24, 40])


def made_up(seeds=(1, 20)):
    """Return costs, with another choice at the two largest sizes of many seeds, and exponents."""
    rows, exponents = [], []
    for count in seeds:
        for level, name in enumerate(ROUTE_STYLES):
            late = (SIDES >= 24) | (count == 1)
            chosen = late if name == "occupied" else ~late & (name == "loops_made")
            seconds = 1e-11 * (1 + level) * SIDES**6.0 / count**0.5
            rows.append(
                pd.DataFrame(
                    {
                        "route": name,
                        "side": SIDES,
                        "sites": SIDES**2,
                        "seeds": count,
                        "seconds": seconds,
                        "chosen": chosen,
                    }
                )
            )
            exponents.append((name, "12 to 40", count, 3.0 + level / 10, 2.9, 3.3))
    return pd.concat(rows), pd.DataFrame(exponents, columns=["route", "sides", "n_seeds", "value", "low", "high"])


@pytest.fixture(scope="module")
def figure():
    return route_costs(*made_up())


def test_every_cost_is_drawn_at_its_value_one_panel_for_each_number_of_seeds(figure):
    costs, _ = made_up()
    assert [axes.get_title() for axes in figure.axes] == ["1 seed", "20 seeds at once"]
    for axes, count in zip(figure.axes, (1, 20), strict=True):
        for name in ROUTE_STYLES:
            rows = costs[(costs["seeds"] == count) & (costs["route"] == name)]
            (line,) = artists(axes, name)
            assert np.array_equal(line.get_xdata(), rows["side"])
            np.testing.assert_allclose(line.get_ydata(), rows["seconds"])


def test_markers_are_filled_where_the_route_is_chosen_and_a_line_lies_where_the_choice_changes(figure):
    costs, _ = made_up()
    for axes, count in zip(figure.axes, (1, 20), strict=True):
        for name in ROUTE_STYLES:
            (points,) = artists(axes, f"{name} markers")
            filled = ~(points.get_facecolors()[:, :3] == 1).all(axis=1)
            rows = costs[(costs["seeds"] == count) & (costs["route"] == name)]
            assert filled.tolist() == rows["chosen"].tolist()
    assert artists(figure.axes[0], "change") == []
    (line,) = artists(figure.axes[1], "change")
    assert 12 < line.get_xdata()[0] < 24


def test_a_legend_gives_each_exponent_and_its_interval(figure):
    words = " ".join(text_of(figure))
    for level in range(4):
        assert f"$N^{{{3 + level / 10:.2f}}}$ (2.90–3.30)" in words


def test_an_exponent_of_two_sizes_has_no_interval_and_shows_none():
    costs, exponents = made_up()
    words = " ".join(text_of(route_costs(costs, exponents.assign(low=np.nan, high=np.nan))))
    assert "$N^{3.00}$" in words and "nan" not in words


def test_no_text_overlaps_or_leaves_the_figure(figure):
    assert figure.get_size_inches()[0] == DOUBLE_COLUMN
    assert overlaps(figure) == [] and clipped(figure) == []


def test_routes_differ_in_colour_and_in_marker():
    _, colours, markers, _ = zip(*ROUTE_STYLES.values(), strict=True)
    assert len(set(colours)) == len(set(markers)) == len(ROUTE_STYLES)


def test_costs_without_rows_or_with_the_same_row_twice_are_refused():
    costs, exponents = made_up()
    with pytest.raises(DataError, match="route_costs: found no rows"):
        route_costs(costs.head(0), exponents)
    with pytest.raises(DataError, match="found two rows of one route, side, seeds; allowed: one"):
        route_costs(pd.concat([costs, costs.head(1)]), exponents)
