"""Whether models that classify clean samples also classify disordered ones: both accuracies of every seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import BLACK, DOUBLE_COLUMN, GREY, PALE, not_measured, styled, variants_in_order
from toponn.figures.words import dataset_label, wrapped
from toponn.tools.statistics import wilson_interval

COLUMNS = 5
NEAR = 0.05  # distance from the clean accuracy that counts as near


PUBLISHED = {
    "winding": {
        "source": "arXiv 2406.10012",
        "clean": [0.95, 0.97],
        "groups": [{"count": 22, "value": 0.860, "error": 0.030}, {"count": 78, "value": 0.61, "error": 0.10}],
    }
}
"""By task, another work's accuracies of networks that were trained on clean samples.

``clean`` is the range of those on clean samples. Each of the ``groups`` has ``count`` networks, their accuracy
``value`` on disordered samples, and its ``error``.
"""


@figure(
    of="task",
    inputs=("diagnostics",),
    about=("clean", "diagnosed_seeds", "split_sizes", "home"),
    result="clean against disordered",
    category="Trainability",
)
@styled
def decoupling_figure(given: Given) -> Figure:
    """Draw both accuracies of every seed that was trained on the clean samples of a task.

    There is one panel a model, trained on clean samples only: balanced accuracy on disordered against clean samples.
    Above each panel: the share of seeds whose accuracy on disordered samples is within 5 points of that on clean ones,
    or above it, with Wilson's 95 % interval. The last panel is another work's, if one is `PUBLISHED` for the task.
    """
    names, looks = (given.about["clean"], given.about["home"]), given.looks
    published = PUBLISHED.get(given.subject)
    units = given.table("diagnostics")
    units = units[units["diagnostic"] == "clean_balanced_accuracy"]
    if units.empty:
        return not_measured()
    sides = units.pivot(index=["variant", "seed"], columns="test", values="value")
    seeds = sides[list(names)].set_axis(["clean", "disordered"], axis=1).dropna().reset_index()
    if seeds.empty:
        return not_measured()
    variants = variants_in_order(seeds["variant"], looks)
    panels = len(variants) + (published is not None)
    rows = -(-panels // COLUMNS)
    columns = -(-panels // rows)
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.75 + 1.75 * rows))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    _limit(grid[0], seeds, published)
    for axes, variant in zip(grid, variants, strict=False):
        _draw_variant(axes, seeds[seeds["variant"] == variant], looks[variant])
    if published is not None:
        _draw_published(grid[len(variants)], published)
    for place, axes in enumerate(grid):
        axes.tick_params(labelbottom=place + columns >= panels)
        if place >= panels:
            axes.set_axis_off()
        else:
            _draw_guides(axes)
    figure.supxlabel(f"balanced accuracy on clean samples ({dataset_label(names[0])})", fontsize=8)
    figure.supylabel(f"on disordered samples ({dataset_label(names[1])})", fontsize=8)
    _add_legend(figure)
    return figure


def _limit(axes: Axes, seeds: pd.DataFrame, published: Mapping[str, Any] | None) -> None:
    """Let the axes, which all panels share, begin a little below the smallest value, and no higher than 0.9."""
    groups = published["groups"] if published else []
    x = float(min([0.9, seeds["clean"].min(), *(published["clean"] if published else [])]))
    y = float(min([0.9, seeds["disordered"].min(), *(group["value"] - group["error"] for group in groups)]))
    axes.set_xlim(x - 0.08 * (1.02 - x), 1 + 0.08 * (1.02 - x))
    axes.set_ylim(y - 0.06 * (1.02 - y), 1 + 0.06 * (1.02 - y))


def _draw_variant(axes: Axes, seeds: pd.DataFrame, own: Look) -> None:
    look = {"marker": own.marker, "edgecolors": own.colour, "facecolors": "none", "linewidths": 0.6}
    axes.scatter(seeds["clean"], seeds["disordered"], s=12, zorder=3, gid="seeds", **look)
    near = int((seeds["disordered"] >= seeds["clean"] - NEAR - 1e-9).sum())
    low, high = wilson_interval(near, len(seeds))
    count = "1 seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
    _title(axes, own.label, f"{count}\n{near / len(seeds):.2f} ({low:.2f}–{high:.2f})")


def _title(axes: Axes, label: str, numbers: str) -> None:
    """Write the name of a panel and below it, smaller, its numbers."""
    look = {"textcoords": "offset points", "xycoords": "axes fraction", "ha": "left", "va": "bottom"}
    axes.annotate(numbers, (0, 1), (0, 3), fontsize=7, color=GREY, linespacing=1.1, **look)
    axes.annotate(wrapped(label, 20), (0, 1), (0, 22), fontsize=8, linespacing=1.1, **look)


def _draw_published(axes: Axes, published: Mapping[str, Any]) -> None:
    """Draw the groups of networks of another work; the bar across is the range of their accuracies on clean samples."""
    low, high = published["clean"]
    total = sum(group["count"] for group in published["groups"])
    groups: Sequence[Mapping[str, Any]] = published["groups"]
    for group, filled in zip(groups, (True, *[False] * len(groups)), strict=False):
        axes.errorbar(
            (low + high) / 2,
            group["value"],
            xerr=(high - low) / 2,
            yerr=group["error"],
            color=BLACK,
            marker="o",
            markerfacecolor=BLACK if filled else "white",
            markersize=4,
            elinewidth=0.8,
            capsize=1.5,
            zorder=3,
            gid="published",
        )
        where = {"textcoords": "offset points", "ha": "left", "va": "center", "fontsize": 7}
        axes.annotate(f"{group['count']} of {total}", (high, group["value"]), (4, 0), **where)
    _title(axes, "published (accuracy)", f"{total} CNNs\n{published['source']}")


def _draw_guides(axes: Axes) -> None:
    """Draw the line of equal accuracies, and the strip in which they are near."""
    ends = np.array([0.0, 1.0])
    axes.fill_between(ends, ends - NEAR, 1.0, color=PALE, alpha=0.5, linewidth=0, zorder=0, gid="near")
    axes.plot(ends, ends, color=GREY, linewidth=0.7, linestyle="--", zorder=1, gid="equal")


def _add_legend(figure: Figure) -> None:
    share = "within 5 points of the clean accuracy, or above it; the share of seeds (95 %) stands above"
    seed = {"marker": "o", "markersize": 3.5, "markerfacecolor": "none", "linestyle": "none"}
    handles = [
        Line2D([], [], color=BLACK, label="one seed", **seed),
        Line2D([], [], color=GREY, linewidth=0.7, linestyle="--", label="equal"),
        Patch(facecolor=PALE, alpha=0.5, label=share),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, handlelength=1.6)
