"""How often training succeeds, and how well it does, against the size of the training samples."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import DOUBLE_COLUMN, legend_columns, panel_letter, styled, variants_in_order
from toponn.tools.conventions import SIZE_UNIT

DIAGNOSTICS = ("success_fraction", "validation_balanced_accuracy")
SHIFT = 0.012  # relative shift of a variant, so that intervals at one size stand beside each other


@figure(
    of="task",
    inputs=("trainability",),
    about=("success", "sizes", "trained_seeds", "split_sizes", "home"),
    result="success against size",
    category="Trainability",
    shown="models trained anew",
    only_with="sizes",
)
@styled
def sizes_figure(given: Given) -> Figure:
    """Draw how often the variants that a task trains at several sizes succeed, against the number of cells or sites.

    Left, the success fraction with Wilson's 95 % interval over seeds; right, the balanced accuracy on the validation
    split, median and 10–90 % of the seeds.
    """
    trainability, looks = given.table("trainability"), given.looks
    figure = Figure(figsize=(DOUBLE_COLUMN, 2.9))
    panels = figure.subplots(1, 2)
    rows = variants_in_order(given.about["sizes"]["variants"], looks)
    trainability = trainability[trainability["variant"].isin(rows)]
    for axes, diagnostic, letter in zip(panels, DIAGNOSTICS, "ab", strict=True):
        measured = trainability[trainability["diagnostic"] == diagnostic]
        for place, variant in enumerate(rows):
            mine = measured[measured["variant"] == variant].sort_values("size")
            _draw_variant(axes, mine, looks[variant], place - (len(rows) - 1) / 2)
        axes.set_xscale("log")
        ticks = sorted(measured["size"].unique())
        axes.set_xticks(ticks, [str(size) for size in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(f"size of the training samples ({SIZE_UNIT[given.subject]})")
        panel_letter(axes, letter)
    panels[0].set_ylim(-0.04, 1.04)
    panels[0].set_ylabel("success fraction")
    panels[1].set_ylabel("balanced accuracy, validation")
    low, high = panels[1].get_ylim()
    panels[1].set_ylim(min(low, 0.9), min(high, 1.01))  # so that rounding does not fill the panel
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=legend_columns(names, 3), handlelength=1.6)
    return figure


def _draw_variant(axes: Axes, mine: pd.DataFrame, look: Look, place: float) -> None:
    reach = [mine["value"] - mine["low"], mine["high"] - mine["value"]]
    axes.errorbar(
        mine["size"] * (1 + SHIFT * place),
        mine["value"],
        yerr=[part.clip(lower=0) for part in reach],
        label=look.label,
        color=look.colour,
        marker=look.marker,
        markerfacecolor="white" if (mine["start"] == "closed_form").any() else look.colour,
        markersize=4.5,
        capsize=2,
        linewidth=1.0,
        elinewidth=0.8,
    )
