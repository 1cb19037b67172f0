"""By how much each hybrid beats the best of its rivals, on each test, on each kind of tests and on all."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import (
    BLACK,
    DOUBLE_COLUMN,
    GREY,
    PALE,
    SINGLE_COLUMN,
    legend_columns,
    row_note,
    styled,
    variants_in_order,
)
from toponn.figures.words import KINDS, dataset_label, wrapped

ROW = 0.16  # inches
CLAIMED = 0.15  # difference that the source paper claims


@figure(
    of="task",
    inputs=("superiority",),
    about=("kinds", "tested_seeds", "test_sizes", "home", "rivals"),
    result="hybrid minus best rival",
    category="Generalization",
    only_with="rivals",
)
@styled
def superiority_figure(given: Given) -> Figure:
    """Draw by how much the hybrids of a task beat their rivals: paired differences of balanced accuracy.

    There is a panel for each hybrid and a row for each test, with 95 % intervals. Colour and marker say which rival is
    the best on the test; black diamonds are means over tests.
    """
    paired, kinds, looks = given.table("superiority"), given.about["kinds"], given.looks
    hybrids = variants_in_order(paired["variant"], looks)
    present = dict.fromkeys(paired["test"])
    tests = [*(test for test in kinds if test in present), *(test for test in present if test not in kinds)]
    size = SINGLE_COLUMN if len(hybrids) == 1 else DOUBLE_COLUMN, ROW * len(tests) + 1.1
    figure = Figure(figsize=size)
    panels = figure.subplots(1, len(hybrids), sharey=True, squeeze=False).ravel()
    for axes, hybrid in zip(panels, hybrids, strict=True):
        rows = paired[paired["variant"] == hybrid].set_index("test").reindex(tests)
        _draw_hybrid(axes, rows, kinds, looks)
        if len(hybrids) > 1:
            axes.set_title(wrapped(looks[hybrid].label, 24), fontsize=7)
    labels = [dataset_label(test) if test in kinds else _mean_label(test, rows.loc[test]) for test in tests]
    panels[0].set_yticks(range(len(tests)), [wrapped(label, 34) for label in labels], fontsize=6.5)
    panels[0].set_ylim(len(tests) - 0.4, -0.6)
    own = looks[hybrids[0]].label if len(hybrids) == 1 else "hybrid"
    figure.supxlabel(f"balanced accuracy: {own}\nminus the best rival (dashed: claimed)", fontsize=8)
    _add_legend(figure, paired, kinds, looks)
    return figure


def _draw_hybrid(axes: Axes, rows: pd.DataFrame, kinds: Mapping[str, str], looks: Mapping[str, Look]) -> None:
    """Draw the rows of one hybrid, tests above means over tests."""
    for height, (test, row) in enumerate(rows.iterrows()):
        _draw_row(axes, height, row, looks[row["rival"]] if test in kinds and row["status"] == "ok" else None)
    axes.axhline(sum(test in kinds for test in rows.index) - 0.5, color=GREY, linewidth=0.6)
    axes.axvline(0, color=GREY, linewidth=0.6)
    axes.axvline(CLAIMED, color=GREY, linewidth=0.8, linestyle="--")
    axes.tick_params(axis="y", length=0)


def _add_legend(figure: Figure, paired: pd.DataFrame, kinds: Mapping[str, str], looks: Mapping[str, Look]) -> None:
    best = paired[paired["test"].isin(kinds) & (paired["status"] == "ok")]["rival"]
    marks = {"markersize": 4, "linestyle": ""}
    shown = [looks[name] for name in variants_in_order(best, looks)]
    names = [wrapped(look.label, 30) for look in shown]
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, label=name, **marks)
        for name, look in zip(names, shown, strict=True)
    ]
    handles.append(Line2D([], [], color=BLACK, marker="D", markersize=3.5, linestyle="", label="mean over tests"))
    style = {
        "ncols": legend_columns([handle.get_label() for handle in handles], 4, figure.get_figwidth()),
        "fontsize": 6.5,
        "title": "best rival",
        "title_fontsize": 6.5,
    }
    figure.legend(handles=handles, loc="outside upper center", **style)


def _mean_label(test: str, row: pd.Series) -> str:
    """Return the kind of tests that a mean is over, and their number."""
    name = KINDS.get(test.removeprefix("all "), test)
    return f"{name} ({int(row['n_tests'])})"


def _draw_row(axes: Axes, height: int, row: pd.Series, rival: Look | None) -> None:
    """Draw one difference with its interval, or say that there is none; `rival` is None for a mean over tests."""
    if height % 2 == 0:
        axes.axhspan(height - 0.5, height + 0.5, color=PALE, alpha=0.35, linewidth=0)
    if row["status"] != "ok":
        row_note(axes, height, "no rival can run")
        return
    look = {"color": rival.colour, "marker": rival.marker} if rival else {"color": BLACK, "marker": "D"}
    ends = [[max(row["difference"] - row["low"], 0)], [max(row["high"] - row["difference"], 0)]]
    axes.errorbar([row["difference"]], [height], xerr=ends, markersize=3.5, linewidth=0.9, capsize=1.5, **look)
