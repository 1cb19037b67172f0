"""What a value of the ring costs by each route against the size of the sample, and which route is chosen."""

from string import ascii_lowercase

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from toponn.figures.record import Given, figure
from toponn.figures.style import (
    BLACK,
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    GREY,
    SKY,
    VERMILION,
    check_rows,
    panel_letter,
    size_axis,
    styled,
)
from toponn.figures.words import fitted_power

ROUTE_STYLES = {
    "loops": ("loops, at hand", SKY, "s", "--"),
    "loops_made": ("loops, made for one use", BLUE, "o", "-"),
    "occupied": ("occupied states", GREEN, "^", "-"),
    "projector": ("dense projector", VERMILION, "D", "-"),
}
"""Label, colour, marker and line, in the order of the legends."""


@figure(
    of="",
    inputs=("route_costs", "route_exponents"),
    result="cost against size",
    category="Trainability",
    shown="tensor rings",
    only_with="route_costs",
)
def route_costs_figure(given: Given) -> Figure:
    """Return the costs of the routes of the ring."""
    return route_costs(given.table("route_costs"), given.table("route_exponents"))


@styled
def route_costs(costs: pd.DataFrame, exponents: pd.DataFrame) -> Figure:
    """Return a panel for each number of seeds: cost per seed and sample of every route, on logarithmic axes.

    Filled markers are the automatic choice for states that are looked at once, and dotted lines lie where it changes.
    Legends give the exponents in the number of sites.

    Parameters
    ----------
    costs
        Rows with the columns route, side, sites, seeds, seconds and chosen.
    exponents
        Rows of the trainability table with the diagnostic cost_exponent and the column route.

    Raises
    ------
    DataError
        If there are no costs, or a route, side and number of seeds twice.
    """
    check_rows(costs, "route_costs", ["route", "side", "seeds"])
    counts = sorted(set(costs["seeds"]))
    figure = Figure(figsize=(DOUBLE_COLUMN, 3.1))
    grid = figure.subplots(1, len(counts), sharex=True, sharey=True, squeeze=False).ravel()
    for axes, count, letter in zip(grid, counts, ascii_lowercase, strict=False):
        rows = costs[costs["seeds"] == count]
        for name in ROUTE_STYLES:
            _draw_route(axes, rows[rows["route"] == name].sort_values("sites"), name)
        _mark_changes(axes, rows)
        panel_letter(axes, letter)
        axes.set_title("1 seed" if count == 1 else f"{count} seeds at once")
        _add_legend(axes, exponents[exponents["n_seeds"] == count])
    _scale(grid[0], costs)
    grid[0].set_ylabel("processor time per seed and sample (s)")
    figure.supxlabel("side of the square of $N$ sites", fontsize=8)
    return figure


def _draw_route(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    """Draw one route; markers are filled where it is chosen."""
    _, colour, marker, line = ROUTE_STYLES[name]
    side, seconds = rows["side"].to_numpy(dtype=float), rows["seconds"].to_numpy(dtype=float)
    axes.plot(side, seconds, color=colour, linestyle=line, linewidth=1.0, zorder=2, gid=name)
    filled = [colour if chosen else "white" for chosen in rows["chosen"]]
    look = {"marker": marker, "s": 18, "edgecolors": colour, "linewidths": 0.9, "zorder": 3}
    axes.scatter(side, seconds, c=filled, gid=f"{name} markers", **look)


def _mark_changes(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw a dotted line between two sizes of which each has another choice."""
    chosen = rows[rows["chosen"].astype(bool)].sort_values("side")
    side, route = chosen["side"].to_numpy(dtype=float), chosen["route"].to_numpy()
    for k in np.flatnonzero(route[1:] != route[:-1]):
        x, top = np.sqrt(side[k] * side[k + 1]), float(rows["seconds"].max())
        axes.plot([x, x], [1e-12, top], color=GREY, linestyle=":", linewidth=0.9, zorder=1, gid="change")


def _scale(axes: Axes, costs: pd.DataFrame) -> None:
    """Put marks at the sides and decades, and leave room above the lines for the legends."""
    size_axis(axes, costs["side"])
    axes.set_yscale("log")
    low, high = float(costs["seconds"].min()), float(costs["seconds"].max())
    axes.set_ylim(low / 2, high * (high / low) ** 0.4)
    decades = range(int(np.ceil(np.log10(low / 2))), int(np.floor(np.log10(high))) + 1)
    axes.yaxis.set_major_locator(FixedLocator([10.0**k for k in decades][:: 1 if len(decades) < 6 else 2]))
    axes.yaxis.set_minor_locator(NullLocator())


def _add_legend(axes: Axes, exponents: pd.DataFrame) -> None:
    """Name the routes with their exponents and 95 % intervals."""
    handles, labels = [], []
    for name, (label, colour, marker, line) in ROUTE_STYLES.items():
        label += fitted_power(exponents, name)
        look = {"color": colour, "marker": marker, "linestyle": line, "linewidth": 1.0, "markerfacecolor": "white"}
        handles.append(Line2D([], [], **look))
        labels.append(label)
    handles.append(Line2D([], [], color=BLACK, marker="o", linestyle="none"))
    labels.append("filled: chosen automatically")
    axes.legend(handles, labels, loc="upper left", handlelength=2.2, labelspacing=0.3)
