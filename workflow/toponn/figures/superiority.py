"""By how much the hybrid beats the best plain network, on each test, on each kind of tests and on all."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from toponn.checks import DataError
from toponn.figures.style import BLACK, GREY, MODEL_STYLES, PALE, SINGLE_COLUMN, model_style, row_note, styled
from toponn.figures.words import KINDS, dataset_label

ROW = 0.16  # inches
CLAIMED = 0.15


@styled
def superiority(paired: pd.DataFrame, kinds: Mapping[str, str]) -> Figure:
    """Return paired differences of balanced accuracy with their 95 % intervals, a row a test.

    Colour and marker say which plain network is the best on the test; black diamonds are means over tests.

    Parameters
    ----------
    paired : rows of one task of `toponn.superiority`
    kinds : test -> what it changes, in the order of the rows

    Raises
    ------
    DataError
        If there is no row.
    """
    if paired.empty:
        raise DataError("superiority: found no rows for this task; allowed: a coordinate ring and a plain network")
    rows = paired.set_index("test")
    order = [test for test in [*kinds, *(t for t in rows.index if t not in kinds)] if test in rows.index]
    figure = Figure(figsize=(SINGLE_COLUMN, ROW * len(order) + 1.1))
    axes = figure.subplots()
    for height, test in enumerate(order):
        _draw_row(axes, height, rows.loc[test], mean=test not in kinds)
    boundary = sum(test in kinds for test in order) - 0.5
    axes.axhline(boundary, color=GREY, linewidth=0.6)
    axes.axvline(0, color=GREY, linewidth=0.6)
    axes.axvline(CLAIMED, color=GREY, linewidth=0.8, linestyle="--")
    labels = [dataset_label(test) if test in kinds else _mean_label(test, rows.loc[test]) for test in order]
    axes.set_yticks(range(len(order)), labels, fontsize=6.5)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    figure.supxlabel("balanced accuracy: coordinate ring\nminus the best plain network (dashed: claimed)", fontsize=8)
    shown = set(rows.loc[rows["status"] == "ok", "rival"])
    handles = [_handle(*key) for key in MODEL_STYLES if key[0] in shown and not key[1]]
    handles.append(Line2D([], [], color=BLACK, marker="D", markersize=3.5, linestyle="", label="mean over tests"))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles),
        fontsize=6.5,
        title="best network",
        title_fontsize=6.5,
    )
    return figure


def _handle(model: str, form: str) -> Line2D:
    style = model_style(model, form)
    return Line2D([], [], color=style.colour, marker=style.marker, markersize=4, linestyle="", label=style.label)


def _mean_label(test: str, row: pd.Series) -> str:
    """Return what a mean is over, and over how many tests."""
    name = KINDS.get(test.removeprefix("all "), test)
    return f"{name} ({int(row['n_tests'])})"


def _draw_row(axes: Axes, height: int, row: pd.Series, *, mean: bool) -> None:
    """Draw one difference with its interval, or that there is none."""
    if height % 2 == 0:
        axes.axhspan(height - 0.5, height + 0.5, color=PALE, alpha=0.35, linewidth=0)
    if row["status"] != "ok":
        row_note(axes, height, "no plain network can run")
        return
    style = model_style(row["rival"]) if not mean else None
    look = {"color": style.colour, "marker": style.marker} if style else {"color": BLACK, "marker": "D"}
    ends = [[max(row["difference"] - row["low"], 0)], [max(row["high"] - row["difference"], 0)]]
    axes.errorbar([row["difference"]], [height], xerr=ends, markersize=3.5, linewidth=0.9, capsize=1.5, **look)
