"""The headline: the same trained weights of every model on every test, without refitting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import (
    BLACK,
    DOUBLE_COLUMN,
    GREY,
    VERMILION,
    sequential_map,
    styled,
    variants_in_order,
)
from toponn.figures.words import KINDS, dataset_label, wrapped
from toponn.tools.tables import HOME

LOWEST = 0.2  # balanced accuracy at the pale end of the colour map, the same in every figure
LEFT_OUT_ROW = 0.34  # inches
ROW = 0.2  # inches
HEADING = 0.8  # height of a kind's name, in units of a cell
REFERENCE = 0.62  # width of the column of ceilings, in units of a cell
WIDE = 7  # most columns with room for labels of the usual size
GAP = 0.14  # sets the ceiling and kinds of tests apart, in units of a cell


def shown_number(value: float) -> str:
    """Return a share with three digits; only what is exactly 1 reads as 1.

    Examples
    --------
    >>> shown_number(0.98765), shown_number(0.9999), shown_number(1.0)
    ('0.988', '0.999', '1.000')
    """
    return f"{value:.3f}" if value == 1 else f"{min(value, 0.999):.3f}"


@figure(
    of="task",
    inputs=("generalization_summary",),
    about=("kinds", "tested_seeds", "test_sizes", "home"),
    result="models on tests",
    category="Generalization",
)
@styled
def generalization_figure(given: Given) -> Figure:
    """Draw the balanced accuracy of the variants of a task on its tests, as a matrix of coloured cells with numbers.

    Each cell holds the balanced accuracy over seeds and its 95 % interval; the column on the left holds the highest
    value that the labels allow. Tests of a kind stand together under its name. Hatched cells are tests that the model's
    encoding cannot represent; outlined ones failed.
    """
    summary, kinds = given.table("generalization_summary"), given.about["kinds"]
    looks = {name: given.looks[name] for name in variants_in_order(summary["variant"], given.looks)}
    tops, headings, height = _places([test for test in kinds if test in set(summary["test"])], kinds)
    figure = Figure(figsize=(DOUBLE_COLUMN, ROW * height + 1.2))
    axes = figure.subplots()
    _draw_cells(axes, summary, looks, tops)
    for kind, top in headings.items():
        axes.text(0, top + HEADING - 0.4, KINDS.get(kind, kind), fontweight="bold", fontsize=7, ha="left", va="center")
    axes.set_xlim(0, REFERENCE + GAP + len(looks))
    axes.set_ylim(height, 0)
    axes.set_yticks([top + 0.5 for top in tops.values()], [_row_label(summary, test, kinds[test]) for test in tops])
    axes.tick_params(length=0, pad=2, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    _add_colour_bar(figure, axes)
    return figure


def _places(tests: Sequence[str], kinds: Mapping[str, str]) -> tuple[dict[str, float], dict[str, float], float]:
    """Return the upper edge of each test's row and each kind's heading, and the total height, in units of a cell."""
    tops, headings, height = {}, {}, 0.0
    for test in tests:
        if kinds[test] != HOME and kinds[test] not in headings:
            headings[kinds[test]] = height
            height += HEADING
        tops[test] = height
        height += 1.0
    return tops, headings, height


def _draw_cells(axes: Axes, summary: pd.DataFrame, looks: Mapping[str, Look], tops: Mapping[str, float]) -> None:
    """Draw the ceiling on the left, and a column for each model."""
    rows = summary.set_index(["variant", "test"])
    names, middles = ["labels’\nceiling"], [REFERENCE / 2]
    for column, (variant, look) in enumerate(looks.items()):
        left = REFERENCE + GAP + column
        names.append(_column_label(summary[summary["variant"] == variant], look.label, narrow=len(looks) > WIDE))
        middles.append(left + 0.5)
        for test, top in tops.items():
            _draw_cell(axes, left, top, rows.loc[variant, test] if (variant, test) in rows.index else None)
    for test, top in tops.items():
        _draw_number(axes, 0.0, top, summary.loc[summary["test"] == test, "ceiling"].max())
    axes.set_xticks(middles, names, fontsize=5 if len(looks) > WIDE else 6.5)


def _column_label(of_variant: pd.DataFrame, label: str, *, narrow: bool) -> str:
    """Return a variant's label over its number of seeds (a range where tests differ), its parameters and its cost."""
    of_variant = of_variant[of_variant["status"] == "ok"]
    counts = sorted({int(count) for count in of_variant["n_seeds"]})
    name = wrapped(label, 12)
    if narrow:
        name = name.replace("wavefunction", "wave-\nfunction")
    if not counts:
        return name
    seeds = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    first = of_variant.iloc[0]
    cost = f"{int(first['n_parameters']):,} par.\n{with_prefix(first['flops'])}flop"
    between = "\n" if narrow and len(counts) > 1 else " "
    return f"{name}\n{seeds}{between}{'seed' if seeds == '1' else 'seeds'}\n{cost}"


def with_prefix(value: float) -> str:
    """Return a count with three digits at most and the prefix of its power of a thousand.

    Examples
    --------
    >>> with_prefix(433), with_prefix(12_929), with_prefix(2.07e12)
    ('433 ', '12.9 k', '2.07 T')
    """
    power = min(int(np.log10(max(value, 1.0)) // 3), 4)
    return f"{value / 1000**power:.3g} " + ("", "k", "M", "G", "T")[power]


def _row_label(summary: pd.DataFrame, test: str, kind: str) -> str:
    """Return the test's name and its number of samples."""
    samples = int(summary.loc[summary["test"] == test, "n_samples"].max())
    return wrapped(f"{'trained on ' if kind == HOME else ''}{dataset_label(test)} ({samples})", 34)


def _draw_box(axes: Axes, x: float, top: float, width: float = 1.0, **kwargs: object) -> None:
    """Draw one cell of unit height with a white rim."""
    inset = 0.02
    axes.add_patch(Rectangle((x + inset, top + inset), width - 2 * inset, 1 - 2 * inset, **{"linewidth": 0, **kwargs}))


def _colour(value: float) -> tuple[tuple[float, float, float, float], str]:
    """Return the colour of a cell and that of the text on it."""
    colour = sequential_map()(Normalize(LOWEST, 1.0, clip=True)(value))
    return colour, contrasting(colour)


def contrasting(colour: Sequence[float]) -> str:
    """Return black or white, whichever has the higher WCAG contrast on `colour`."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.06 else BLACK


@figure(
    of="task",
    inputs=("left_out_summary",),
    about=("left_out", "left_out_sizes", "home"),
    result="lattices left out",
    category="Generalization",
    shown="models trained on the others",
    only_with="left_out",
)
@styled
def left_out_figure(given: Given) -> Figure:
    """Draw the balanced accuracy of the variants of a task on lattices that their training never saw.

    There is a matrix for each variant: a row for each lattice left out of the training, a column for that of the test,
    in the order of the rows. Every cell holds the balanced accuracy over seeds; the framed ones, of the lattice that
    the training never saw, also hold its 95 % interval.
    """
    summary, looks = given.table("left_out_summary"), given.looks
    variants = variants_in_order(summary["variant"], looks)
    lattices = list(dict.fromkeys(summary["test"]))
    figure = Figure(figsize=(DOUBLE_COLUMN, len(variants) * (LEFT_OUT_ROW * len(lattices) + 0.85) + 0.6))
    all_axes = figure.subplots(len(variants), 1, squeeze=False).ravel()
    for axes, variant in zip(all_axes, variants, strict=True):
        _draw_left_out(axes, summary[summary["variant"] == variant], lattices)
        axes.set_title(f"{looks[variant].label}, tested on", loc="left", pad=4)
    _add_colour_bar(figure, list(all_axes))
    return figure


def _draw_left_out(axes: Axes, summary: pd.DataFrame, lattices: Sequence[str]) -> None:
    """Draw one variant: a row for each lattice that was left out, a column for each test."""
    cells, left_out = summary.set_index(["left_out", "test"]), list(dict.fromkeys(summary["left_out"]))
    for top, name in enumerate(left_out):
        for x, test in enumerate(lattices):
            row = cells.loc[(name, test)].copy() if (name, test) in cells.index else None
            if row is not None and name != test:
                row["low"] = row["high"] = np.nan  # no interval for lattices that were trained on
            _draw_cell(axes, x, top, row)
            if name == test:
                _draw_box(axes, x, top, facecolor="none", edgecolor=BLACK, linewidth=1.4, gid="left out")
    seeds, tests = summary.groupby("left_out")["n_seeds"].first(), summary.groupby("test").first()
    names = [f"{wrapped(f'without {dataset_label(name)}', 34)}\n{seeds[name]} seeds" for name in left_out]
    axes.set_yticks(np.arange(len(left_out)) + 0.5, names)
    ceilings = [f"n = {tests['n_samples'][t]}, ceiling {shown_number(tests['ceiling'][t])}" for t in lattices]
    labels = [f"{dataset_label(test)}\n{below}" for test, below in zip(lattices, ceilings, strict=True)]
    axes.set_xticks(np.arange(len(lattices)) + 0.5, labels)
    axes.set_xlim(0, len(lattices))
    axes.set_ylim(len(left_out), 0)
    axes.tick_params(length=0, pad=3, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)


def _draw_cell(axes: Axes, x: float, top: float, row: pd.Series | None) -> None:
    """Draw one variant on one test: number and interval, or why there is none."""
    status = "missing" if row is None else row["status"]
    if status == "ok":
        colour, text = _colour(row["balanced_accuracy"])
        _draw_box(axes, x, top, facecolor=colour, gid="cell")
        centred = {"ha": "center", "va": "center", "color": text}
        axes.text(x + 0.5, top + 0.34, shown_number(row["balanced_accuracy"]), fontsize=7, **centred)
        if np.isfinite([row["low"], row["high"]]).all():
            interval = f"{shown_number(row['low'])}–{shown_number(row['high'])}"
            axes.text(x + 0.5, top + 0.79, interval, fontsize=4.6, **centred)
        return
    words = {"not applicable": "n/a", "failed": "failed", "missing": "not run"}.get(status, status)
    if status == "failed":
        _draw_box(axes, x, top, facecolor="white", edgecolor=VERMILION, linewidth=1.2, gid="failed")
    else:
        _draw_box(axes, x, top, facecolor="#efefef", edgecolor="#c4c4c4", hatch="//////", gid=status)
    colour = VERMILION if status == "failed" else GREY
    axes.text(x + 0.5, top + 0.5, words, ha="center", va="center", color=colour, fontsize=6,
              bbox={"facecolor": "white", "edgecolor": "none", "boxstyle": "round,pad=0.1"})  # fmt: skip


def _draw_number(axes: Axes, x: float, top: float, value: float) -> None:
    """Draw a test's ceiling, in the colours of the cells and without an interval."""
    look = {"ha": "center", "va": "center", "fontsize": 6.5}
    if not np.isfinite(value):
        axes.text(x + REFERENCE / 2, top + 0.5, "–", color=GREY, **look)
        return
    colour, text = _colour(value)
    _draw_box(axes, x, top, REFERENCE, facecolor=colour, gid="reference")
    axes.text(x + REFERENCE / 2, top + 0.5, shown_number(value), color=text, **look)


def _add_colour_bar(figure: Figure, axes: Any) -> None:
    """Draw the scale below the matrix, and say what chance is."""
    mappable = ScalarMappable(Normalize(LOWEST, 1.0), sequential_map())
    bar = figure.colorbar(mappable, ax=axes, location="bottom", shrink=0.6, aspect=38, pad=0.01, extend="min")
    bar.outline.set_visible(False)
    bar.set_label("balanced accuracy (95 % interval below it); chance is 1 / number of labels in the test")
