"""Trained rings on samples too large for dense matrices: value and cost against the number of sites."""

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator
from scipy import stats

from toponn.figures.record import Given, figure
from toponn.figures.style import (
    BLACK,
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    not_measured,
    panel_letter,
    styled,
)
from toponn.figures.words import dataset_label, fitted_power, signed

ROUTE_STYLES = {
    "sparse": ("sparse, with the projector", BLUE, "o", "-"),
    "trace": ("of this the trace", SKY, "s", "--"),
    "dense": ("dense", VERMILION, "D", "-"),
}
"""Label, colour, marker and line of each way to compute f, in the order of the legend."""
SAMPLE_STYLES = ((BLUE, "o"), (ORANGE, "^"), (GREEN, "v"), (PURPLE, "P"))
SPREAD = 0.18
"""Seeds of one size are spread to either side of it by this much in the natural logarithm of the number of sites."""


@figure(
    of="",
    inputs=("beyond_dense", "beyond_dense_exponents"),
    about=("recipe",),
    result="beyond dense matrices",
    category="Generalization",
    shown="tensor rings",
    only_with="recipe",
)
@styled
def beyond_dense_figure(given: Given) -> Figure:
    """Draw f of trained rings on samples too large for dense matrices, and what it costs.

    One panel shows the values with their 95 % intervals beside labels and dense values, the other the costs.
    """
    table = given.table("beyond_dense")
    if table.empty:
        return not_measured()
    figure = Figure(figsize=(DOUBLE_COLUMN, 3.0))
    left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
    _draw_values(left, table)
    _draw_costs(right, table, given.table("beyond_dense_exponents"))
    for axes, letter in ((left, "a"), (right, "b")):
        panel_letter(axes, letter)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(table["n_sites"].min() / 1.6, table["n_sites"].max() * 1.6)
        axes.set_xlabel("number of sites")
    return figure


def _draw_values(axes: Axes, table: pd.DataFrame) -> None:
    """Draw f of every seed, with Student's 95 % interval over the random vectors that stand in for the trace."""
    handles = []
    for (name, rows), (colour, marker) in zip(table.groupby("sample", sort=False), cycle(SAMPLE_STYLES), strict=False):
        place = rows.groupby("n_sites")["seed"].rank(method="first") - 1
        count = rows.groupby("n_sites")["seed"].transform("count")
        x = rows["n_sites"] * np.exp(SPREAD * (2 * (place + 0.5) / count - 1))
        reach = stats.t.ppf(0.975, rows["vectors"] - 1) * rows["error"]
        look = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 2.5, "elinewidth": 0.6}
        axes.errorbar(x, rows["value"], yerr=reach, gid=f"{name} values", zorder=2, **look)
        axes.scatter(x, rows["dense"], s=9, marker="_", color=BLACK, linewidths=1.0, zorder=3, gid=f"{name} dense")
        labels = rows.drop_duplicates("n_sites")
        ends = labels["n_sites"].to_numpy() * np.exp([[-1.6 * SPREAD], [1.6 * SPREAD]])
        height = labels["label"].to_numpy(dtype=float)
        axes.plot(ends, [height, height], color=GREY, linewidth=0.9, zorder=1, gid=f"{name} label")
        words = f"{dataset_label(name)}, $C$ = {', '.join(map(signed, sorted({int(c) for c in height})))}"
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=3, linestyle="none", label=words))
    handles.append(Line2D([], [], color=BLACK, marker="_", linestyle="none", label="dense"))
    handles.append(Line2D([], [], color=GREY, label="spectral localizer"))
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.4 * (high - low))
    axes.legend(handles=handles, loc="upper left", ncols=2, handlelength=1.4, labelspacing=0.3)
    axes.set_ylabel("ring $f$, each trained seed")


def _draw_costs(axes: Axes, table: pd.DataFrame, exponents: pd.DataFrame) -> None:
    """Draw the seconds of each route, the mean over the samples, with the fitted power of the number of sites."""
    each = table.drop_duplicates(["sample", "n_sites"])
    each = each.assign(sparse=each["preparation"] + each["seconds"], trace=each["seconds"], dense=each["dense_seconds"])
    for route, (label, colour, marker, line) in ROUTE_STYLES.items():
        cost = each.groupby("n_sites")[route].mean().dropna()
        label += fitted_power(exponents, route)
        look = {"color": colour, "marker": marker, "linestyle": line, "linewidth": 1.0, "markerfacecolor": "white"}
        axes.plot(cost.index, cost.to_numpy(), label=label, gid=f"{route} cost", **look)
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.4)
    axes.legend(loc="upper left", handlelength=2.2, labelspacing=0.3)
    seeds = table["seed"].nunique()
    axes.set_ylabel(f"processor time per sample, {seeds} seed{'s' if seeds > 1 else ''} (s)")
