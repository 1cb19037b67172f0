"""How often training succeeds, and how well it does, against the size of the training samples."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from toponn.figures.style import DOUBLE_COLUMN, in_order, model_style, panel_letter, styled

DIAGNOSTICS = ("success_fraction", "validation_balanced_accuracy")
UNITS = {"winding": "cells", "chern": "sites"}
SHIFT = 0.012  # of the axis, so that intervals at one size stand beside each other


@styled
def sizes(trainability: pd.DataFrame, forms: Sequence[tuple[str, str, str]], task: str) -> Figure:
    """Return two panels against the number of cells or sites: success fraction, and balanced accuracy.

    Left, the success fraction with Wilson's 95 % interval over seeds; right, the balanced accuracy on the validation
    split, median and 10–90 % of the seeds.

    Parameters
    ----------
    trainability
        Rows of one task with the columns model, form, diagnostic (``success_fraction``,
        ``validation_balanced_accuracy``), size, condition (``start=random``, …), n_seeds, value, low, high.
    forms
        (model, form, start) of the models that were trained at several sizes.
    task
        Names the unit of size.
    """
    figure = Figure(figsize=(DOUBLE_COLUMN, 2.9))
    panels = figure.subplots(1, 2)
    pairs = in_order((model, form) for model, form, _ in forms)
    rows = [(model, form, start) for model, form in pairs for m, f, start in forms if (m, f) == (model, form)]
    for axes, diagnostic, letter in zip(panels, DIAGNOSTICS, "ab", strict=True):
        measured = trainability[trainability["diagnostic"] == diagnostic]
        for place, row in enumerate(rows):
            _draw_model(axes, measured, row, place - (len(rows) - 1) / 2)
        axes.set_xscale("log")
        ticks = sorted(_of(trainability, rows)["size"].unique())
        axes.set_xticks(ticks, [str(size) for size in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(f"size of the training samples ({UNITS[task]})")
        panel_letter(axes, letter)
    panels[0].set_ylim(-0.04, 1.04)
    panels[0].set_ylabel("success fraction")
    panels[1].set_ylabel("balanced accuracy, validation")
    low, high = panels[1].get_ylim()
    panels[1].set_ylim(min(low, 0.9), min(high, 1.01))  # so that rounding does not fill the panel
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(3, len(names)), handlelength=1.6)
    return figure


def _of(trainability: pd.DataFrame, rows: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """Return the success fractions of these rows."""
    found = trainability[trainability["diagnostic"] == "success_fraction"]
    keys = zip(found["model"], found["form"], found["condition"].str.removeprefix("start="), strict=True)
    return found[[key in set(rows) for key in keys]]


def _draw_model(axes: Axes, table: pd.DataFrame, row: tuple[str, str, str], place: float) -> None:
    model, form, start = row
    mine = table[(table["model"] == model) & (table["form"] == form) & (table["condition"] == f"start={start}")]
    mine = mine.sort_values("size")
    style = model_style(model, form)
    label = style.label if start == "random" else f"{style.label}; closed form"
    reach = [mine["value"] - mine["low"], mine["high"] - mine["value"]]
    axes.errorbar(
        mine["size"] * (1 + SHIFT * place),
        mine["value"],
        yerr=[part.clip(lower=0) for part in reach],
        label=label,
        color=style.colour,
        marker=style.marker,
        markerfacecolor=style.colour if start == "random" else "white",
        markersize=4.5,
        capsize=2,
        linewidth=1.0,
        elinewidth=0.8,
    )
