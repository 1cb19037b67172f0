"""Whether a model follows the invariant or a proxy on samples where the two disagree."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import BLACK, DOUBLE_COLUMN, GREY, PALE, not_measured, styled, variants_in_order
from toponn.figures.words import dataset_label, wrapped

COLUMNS, MANY, COLUMNS_OF_MANY = 4, 8, 6  # of more than eight groups six stand in a row
APART = 0.17  # distance of the two markers of a row from its middle
SIDES = {"invariant": -APART, "proxied": APART}


@figure(
    of="task",
    inputs=("proxies",),
    about=("proxies", "tested_seeds", "split_sizes", "home"),
    result="invariant or proxy",
    category="Trainability",
    only_with="proxies",
)
@styled
def proxies_figure(given: Given) -> Figure:
    """Draw how often the variants of a task follow the invariant or the proxy on its proxy tests.

    There is one panel for each test and proxy: the shares of conflicting samples on which a model follows either.
    Filled markers: the label of the model is that of the invariant; open: that of the proxy. Bars are 95 % intervals.
    A proxy that hardly ever contradicts the label gets no panel; the table says how often it does.
    """
    table, looks = given.table("proxies"), given.looks
    table = table[table["test"].isin(given.about["proxies"])]
    telling = table.groupby(["test", "proxy"]).filter(lambda rows: (rows["status"] == "ok").any())
    table = telling if len(telling) else table
    if table.empty:
        return not_measured()
    groups = list(dict.fromkeys(zip(table["test"], table["proxy"], strict=True)))
    variants = variants_in_order(table["variant"], looks)
    columns = min(COLUMNS if len(groups) <= MANY else COLUMNS_OF_MANY, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.55 + (0.62 + (0.2 if rows < 3 else 0.16) * len(variants)) * rows))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (test, proxy) in zip(grid, groups, strict=False):
        group = table[(table["test"] == test) & (table["proxy"] == proxy)]
        for height, variant in enumerate(variants):
            _draw_row(axes, group[group["variant"] == variant], looks[variant], height)
        axes.set_title(_title(test, proxy, group, 24 if columns <= COLUMNS else 18), loc="left", fontsize=7)
    grid[0].set_yticks(range(len(variants)), [wrapped(looks[name].label, 30) for name in variants])
    grid[0].set_ylim(len(variants) - 0.5, -0.5)
    grid[0].set_xlim(-0.04, 1.04)
    grid[0].set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    for place, axes in enumerate(grid):
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelbottom=place + columns >= len(groups))
        if place >= len(groups):
            axes.set_axis_off()
    figure.supxlabel("share of the conflicting samples", fontsize=8)
    _add_legend(figure)
    return figure


def _title(test: str, proxy: str, group: pd.DataFrame, width: int) -> str:
    """Return a panel's title: the test, the proxy, and the number of samples on which it contradicts the invariant."""
    count = group["n_conflicts"].max()
    conflicts = "0 conflicts" if not count > 0 else "1 conflict" if count == 1 else f"{int(count)} conflicts"
    conflicts = f"{int(count)}, one label" if count > 1 and group["n_labels"].max() == 1 else conflicts
    return f"{wrapped(dataset_label(test), width)}\n{wrapped(proxy.replace('_', ' '), width)}\n{conflicts}"


def _draw_row(axes: Axes, rows: pd.DataFrame, look: Look, height: int) -> None:
    """Draw both shares of one variant in one panel, or why it has none."""
    axes.axhline(height, color=PALE, linewidth=0.4, zorder=0)
    status = rows["status"].iloc[0] if len(rows) else "not run"
    if status != "ok":
        few = status == "no conflicts" and rows["n_conflicts"].iloc[0] > 0
        text = "too few" if few else status
        small = {"ha": "center", "va": "center", "fontsize": 6.5, "color": GREY, "backgroundcolor": "white"}
        axes.text(0.5, height, text, **small).get_bbox_patch().set_boxstyle("square", pad=0.1)
        return
    row = rows.iloc[0]
    for side, offset in SIDES.items():
        value, low, high = (float(row[key]) for key in (side, f"{side}_low", f"{side}_high"))
        reach = np.nan_to_num(np.maximum([[value - low], [high - value]], 0))
        axes.errorbar(
            value,
            height + offset,
            xerr=reach,
            color=look.colour,
            marker=look.marker,
            markerfacecolor=look.colour if side == "invariant" else "white",
            markersize=4,
            elinewidth=0.8,
            capsize=1.3,
            zorder=3,
            gid=side,
        )


def _add_legend(figure: Figure) -> None:
    grey = {"color": BLACK, "marker": "o", "linestyle": "none", "markersize": 4}
    handles = [
        Line2D([], [], label="model sides with the invariant", **grey),
        Line2D([], [], label="with the proxy", markerfacecolor="white", **grey),
        Line2D([], [], label="95 % interval", color=BLACK),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, handlelength=1.2)
