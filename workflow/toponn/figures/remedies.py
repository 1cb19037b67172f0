"""Whether other ways of training a ring succeed more often than plain training, and what they cost."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toponn.checks import DataError
from toponn.figures.style import BLACK, DOUBLE_COLUMN, PALE, in_order, model_style, panel_letter, styled

PLAIN = "plain"
PANELS = {
    "remedy_success": "success fraction",
    "remedy_balanced_accuracy": "balanced accuracy",
}
COST = "remedy_flops"
UNITS = {"winding": "cells", "chern": "sites"}


@styled
def remedies(trainability: pd.DataFrame, task: str) -> Figure:
    """Return two panels with a block of rows for each form of the ring, and the cost of each remedy beside them.

    Left, the success fraction with Wilson's 95 % interval; right, the balanced accuracy, median and 10–90 % of the
    seeds. The cost is the floating-point operations of training, relative to plain training.

    Parameters
    ----------
    trainability
        Rows of one task with the columns model, form, diagnostic (``remedy_success``, ``remedy_balanced_accuracy``,
        ``remedy_flops``), size, condition (``remedy=<name>``), n_seeds, value, low, high.
    task
        Names the unit of size.

    Raises
    ------
    DataError
        If there is no remedy, or a form, remedy and diagnostic twice.
    """
    table = trainability[trainability["diagnostic"].isin([*PANELS, COST])]
    table = table.assign(remedy=table["condition"].str.removeprefix("remedy="))
    if table.empty:
        raise DataError("remedies: found no rows of remedy_success")
    if table.duplicated(["model", "form", "diagnostic", "remedy"]).any():
        raise DataError("remedies: found a form and remedy twice; allowed: one row each")
    rows = _rows(table)
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.65 + 0.19 * len(rows)))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (diagnostic, label), letter in zip(panels, PANELS.items(), "ab", strict=True):
        measured = table[table["diagnostic"] == diagnostic]
        for height, (model, form, remedy) in enumerate(rows):
            if remedy:
                _draw(axes, _found(measured, model, form, remedy), (model, form), height)
        axes.set_xlabel(label)
        panel_letter(axes, letter)
        axes.tick_params(axis="y", length=0)
    _name_rows(panels[0], rows, table, task)
    panels[0].set_xlim(-0.04, 1.04)
    low, high = panels[1].get_xlim()
    panels[1].set_xlim(min(low, 0.9), max(high, 1.01))  # so that rounding does not fill the panel
    _write_costs(panels[1], rows, table)
    return figure


def _rows(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return (model, form, remedy) from the top: each form's name, with no remedy, and its remedies, plain first."""
    rows = []
    for model, form in in_order(zip(table["model"], table["form"], strict=True)):
        names = dict.fromkeys(table[(table["model"] == model) & (table["form"] == form)]["remedy"])
        rows += [(model, form, ""), *((model, form, name) for name in sorted(names, key=lambda name: name != PLAIN))]
    return rows


def _found(table: pd.DataFrame, model: str, form: str, remedy: str) -> pd.Series | None:
    """Return the one row of a form and remedy, or None."""
    chosen = table[(table["model"] == model) & (table["form"] == form) & (table["remedy"] == remedy)]
    return None if chosen.empty or not np.isfinite(chosen["value"].iloc[0]) else chosen.iloc[0]


def _draw(axes: Axes, row: pd.Series | None, pair: tuple[str, str], height: int) -> None:
    """Draw one value with its interval; plain training is the open marker."""
    axes.axhline(height, color=PALE, linewidth=0.4, zorder=0)
    if row is None:
        return
    style, value = model_style(*pair), row["value"]
    axes.errorbar(
        value,
        height,
        xerr=np.nan_to_num(np.maximum([[value - row["low"]], [row["high"] - value]], 0)),
        color=style.colour,
        marker=style.marker,
        markerfacecolor="white" if row["remedy"] == PLAIN else style.colour,
        markersize=4.5,
        elinewidth=0.9,
        capsize=1.8,
        zorder=3,
        gid=f"{row['diagnostic']} {pair[1]} {row['remedy']}",
    )


def _name_rows(axes: Axes, rows: list[tuple[str, str, str]], table: pd.DataFrame, task: str) -> None:
    """Name the remedies at the left, and their form, size and seeds above them."""
    places = [height for height, row in enumerate(rows) if row[2]]
    axes.set_yticks(places, [rows[height][2].replace("_", " ") for height in places])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    for height, (model, form, remedy) in enumerate(rows):
        if not remedy:
            mine = table[(table["model"] == model) & (table["form"] == form)]
            counts = sorted({int(count) for count in mine["n_seeds"]})
            seeds = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
            about = f"{model_style(model, form).label}: {int(mine['size'].max())} {UNITS[task]}, {seeds} seeds"
            place = {"transform": axes.get_yaxis_transform(), "ha": "left", "va": "center", "color": BLACK}
            axes.text(0.01, height + 0.1, about, fontsize=7, fontweight="bold", **place)


def _write_costs(axes: Axes, rows: list[tuple[str, str, str]], table: pd.DataFrame) -> None:
    """Write the cost of each remedy relative to plain training at the right."""
    costs = table[table["diagnostic"] == COST]
    place = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center", "fontsize": 7}
    for height, (model, form, remedy) in enumerate(rows):
        if not remedy:
            axes.text(1.14, height + 0.1, "cost", color=BLACK, **place)
            continue
        here, plain = _found(costs, model, form, remedy), _found(costs, model, form, PLAIN)
        if here is not None and plain is not None and plain["value"] > 0:
            axes.text(1.14, height, f"× {here['value'] / plain['value']:.2g}", color=BLACK, **place)
