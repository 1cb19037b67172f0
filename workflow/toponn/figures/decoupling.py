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
from toponn.tools.checks import DataError
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
"""By task, published accuracies of networks that were trained on clean samples, on clean and on disordered ones."""


@figure(
    of="task",
    inputs=("diagnostics",),
    about=("clean", "diagnosed_seeds", "split_sizes", "home"),
    result="clean against disordered",
    category="Trainability",
)
def decoupling_figure(given: Given) -> Figure:
    """Draw both accuracies of every seed that was trained on the clean samples of a task."""
    names = given.about["clean"], given.about["home"]
    units = given.table("diagnostics")
    units = units[units["diagnostic"] == "clean_balanced_accuracy"]
    return decoupling(units, names, given.looks, PUBLISHED.get(given.subject)) if len(units) else not_measured()


@styled
def decoupling(
    units: pd.DataFrame,
    names: tuple[str, str],
    looks: Mapping[str, Look],
    published: Mapping[str, Any] | None = None,
) -> Figure:
    """Return one panel a model, trained on clean samples only: balanced accuracy on disordered against clean samples.

    Above each panel: the share of seeds whose accuracy on disordered samples is within 5 points of that on clean ones,
    or above it, with Wilson's 95 % interval.

    Parameters
    ----------
    units
        Rows of one task with the diagnostic ``clean_balanced_accuracy``, one for each seed, and the columns variant,
        test, seed, value.
    names
        Of the clean and of the disordered dataset.
    looks
        By variant.
    published
        A panel of another work: ``source``; ``clean``, the range (low, high) of its accuracies on clean samples; and
        ``groups``, each with ``count`` networks, their accuracy ``value`` on disordered samples, and its ``error``.

    Raises
    ------
    DataError
        If a seed has a value twice.
    """
    seeds = _pairs_of_values(units, names)
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


def _pairs_of_values(units: pd.DataFrame, names: tuple[str, str]) -> pd.DataFrame:
    """Return the seeds that have both values, with the columns variant, seed, clean and disordered."""
    key = ["variant", "seed"]
    sides = []
    for column, name in zip(("clean", "disordered"), names, strict=True):
        side = units[units["test"] == name]
        if side.duplicated(key).any():
            raise DataError(f"decoupling: found a seed twice on {name}; allowed: one row each")
        sides.append(side[[*key, "value"]].rename(columns={"value": column}))
    return sides[0].merge(sides[1], on=key).dropna(subset=["clean", "disordered"])


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
    handles = [
        Line2D([], [], color=BLACK, marker="o", markersize=3.5, markerfacecolor="none", linestyle="none"),
        Line2D([], [], color=GREY, linewidth=0.7, linestyle="--"),
        Patch(facecolor=PALE, alpha=0.5),
    ]
    share = "within 5 points of the clean accuracy, or above it; the share of seeds (95 %) stands above"
    figure.legend(handles, ["one seed", "equal", share], loc="outside upper center", ncols=3, handlelength=1.6)
