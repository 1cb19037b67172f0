"""Whether other ways of training a ring succeed more often than plain training, and what they cost."""

from collections.abc import Mapping
from textwrap import shorten

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import BLACK, DOUBLE_COLUMN, PALE, panel_letter, styled, variants_in_order
from toponn.tools.conventions import SIZE_UNIT

PLAIN = "plain"
PANELS = {
    "remedy_success": "success fraction",
    "remedy_balanced_accuracy": "balanced accuracy",
}
COST, NONE = "remedy_flops", "remedies"  # rows of the diagnostic `NONE` say why no remedy applies


@figure(
    of="task",
    inputs=("trainability", "runs"),
    about=("success", "diagnosed_seeds", "options", "split_sizes", "home"),
    result="other ways of training",
    category="Trainability",
    shown="models with a closed form",
)
@styled
def remedies_figure(given: Given) -> Figure:
    """Draw how well remedies work for a task's variants, at the size of the dataset that the task trains on.

    Two panels have a block of rows for each variant: left, the success fraction with Wilson's 95 % interval; right, the
    balanced accuracy, median and 10–90 % of the seeds. Beside them stands the cost of each remedy, the floating-point
    operations of training relative to plain training. A variant to which none applies has one row, which says why.
    """
    table, runs, looks = given.table("trainability"), given.table("runs"), given.looks
    table = table[table["size"].isin(runs[runs["dataset"] == given.about["home"]]["size"])]
    table = table[table["diagnostic"].isin([*PANELS, COST, NONE])]
    rows = _rows(table, looks)
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.65 + 0.19 * len(rows)))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (diagnostic, label), letter in zip(panels, PANELS.items(), "ab", strict=True):
        measured = table[table["diagnostic"] == diagnostic]
        for height, (variant, remedy) in enumerate(rows):
            if remedy:
                _draw(axes, _found(measured, variant, remedy), looks[variant], height)
        axes.set_xlabel(label)
        panel_letter(axes, letter)
        axes.tick_params(axis="y", length=0)
    _name_rows(panels[0], rows, table, given.subject, looks)
    panels[0].set_xlim(-0.04, 1.04)
    low, high = panels[1].get_xlim()
    panels[1].set_xlim(min(low, 0.9), max(high, 1.01))  # so that rounding does not fill the panel
    _write_costs(panels[1], rows, table)
    return figure


def _rows(table: pd.DataFrame, looks: Mapping[str, Look]) -> list[tuple[str, str]]:
    """Return (variant, remedy) from the top: each variant's name, with no remedy, and its remedies, plain first."""
    rows = []
    for variant in variants_in_order(table["variant"], looks):
        names = table[(table["variant"] == variant) & (table["diagnostic"] != NONE)]["remedy"].unique()
        rows += [(variant, ""), *((variant, name) for name in sorted(names, key=lambda name: name != PLAIN))]
    return rows


def _found(table: pd.DataFrame, variant: str, remedy: str) -> pd.Series | None:
    """Return the one row of a variant and remedy, or None."""
    chosen = table[(table["variant"] == variant) & (table["remedy"] == remedy)]
    return None if chosen.empty or not np.isfinite(chosen["value"].iloc[0]) else chosen.iloc[0]


def _draw(axes: Axes, row: pd.Series | None, look: Look, height: int) -> None:
    """Draw one value with its interval; plain training is the open marker."""
    axes.axhline(height, color=PALE, linewidth=0.4, zorder=0)
    if row is None:
        return
    value = row["value"]
    axes.errorbar(
        value,
        height,
        xerr=np.nan_to_num(np.maximum([[value - row["low"]], [row["high"] - value]], 0)),
        color=look.colour,
        marker=look.marker,
        markerfacecolor="white" if row["remedy"] == PLAIN else look.colour,
        markersize=4.5,
        elinewidth=0.9,
        capsize=1.8,
        zorder=3,
        gid=f"{row['diagnostic']} {row['variant']} {row['remedy']}",
    )


def _name_rows(
    axes: Axes, rows: list[tuple[str, str]], table: pd.DataFrame, task: str, looks: Mapping[str, Look]
) -> None:
    """Name the remedies at the left, and their variant, size and seeds, or why none applies, above them."""
    places = [height for height, row in enumerate(rows) if row[1]]
    axes.set_yticks(places, [rows[height][1].replace("_", " ") for height in places])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    for height, (variant, remedy) in enumerate(rows):
        if not remedy:
            label = shorten(looks[variant].label, 30, placeholder=" …")
            about = f"{label}: {_about(table[table['variant'] == variant], SIZE_UNIT[task])}"
            place = {"transform": axes.get_yaxis_transform(), "ha": "left", "va": "center", "color": BLACK}
            axes.text(0.01, height + 0.1, about, fontsize=7, fontweight="bold", **place)


def _about(mine: pd.DataFrame, unit: str) -> str:
    """Return size and seeds of a variant's rows, or why it has none."""
    tried = mine[mine["diagnostic"] != NONE]
    if tried.empty:
        return str(mine["status"].iloc[0])
    counts = sorted({int(count) for count in tried["n_seeds"]})
    seeds = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    return f"{int(tried['size'].max())} {unit}, {seeds} seeds"


def _write_costs(axes: Axes, rows: list[tuple[str, str]], table: pd.DataFrame) -> None:
    """Write the cost of each remedy relative to plain training at the right."""
    costs = table[table["diagnostic"] == COST]
    place = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center", "fontsize": 7}
    for height, (variant, remedy) in enumerate(rows):
        here, plain = _found(costs, variant, remedy), _found(costs, variant, PLAIN)
        if not remedy and (costs["variant"] == variant).any():
            axes.text(1.14, height + 0.1, "cost", color=BLACK, **place)
        elif here is not None and plain is not None and plain["value"] > 0:
            axes.text(1.14, height, f"× {here['value'] / plain['value']:.2g}", color=BLACK, **place)
