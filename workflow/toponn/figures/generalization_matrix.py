"""The headline: the same trained weights of every model on every test, without refitting."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from toponn.checks import DataError
from toponn.figures.style import (
    BLACK,
    DOUBLE_COLUMN,
    GREY,
    VERMILION,
    dataset_label,
    in_order,
    model_style,
    sequential_map,
    styled,
    wrapped,
)

TESTS_A_BLOCK = 8  # so many columns stay legible in two columns of text; more tests go into further blocks
LOWEST = 0.2  # balanced accuracy at the pale end of the colour map, the same in every figure
LEFT_OUT_ROW = 0.4  # inches
ROW = 0.43  # inches
REFERENCE = 0.62  # height of the rows of ceiling and chance, in units of a cell
GAP = 0.14  # sets the ceiling, the training dataset and chance apart, in units of a cell


def shown_number(value: float) -> str:
    """Return a share with three digits; only what is exactly 1 reads as 1.

    Examples
    --------
    >>> shown_number(0.98765), shown_number(0.9999), shown_number(1.0)
    ('0.988', '0.999', '1.000')
    """
    return f"{value:.3f}" if value == 1 else f"{min(value, 0.999):.3f}"


@styled
def generalization_matrix(
    summary: pd.DataFrame, dataset: str | None = None, chance: Mapping[str, float] | None = None
) -> Figure:
    """Return the matrix model × test as coloured cells with numbers.

    Each cell holds the balanced accuracy over seeds and its 95 % interval; the row on top holds the highest
    value that the labels allow. Hatched cells are tests that the model's encoding cannot represent; outlined
    ones failed.

    Parameters
    ----------
    summary
        Rows of one task with the columns model, form, n_parameters, flops (of the training of a seed), test,
        n_seeds, n_samples, balanced_accuracy, low, high, ceiling and status (ok, not applicable, failed); tests
        appear in the order of the rows.
    dataset
        The training dataset, drawn first and apart; without it no test is set apart.
    chance
        Test -> balanced accuracy of guessing, drawn as the last row if it is given.

    Raises
    ------
    DataError
        If the table is empty, or holds a pair of model and test twice.
    """
    if summary.empty:
        raise DataError("generalization matrix: found no rows for this task")
    if summary.duplicated(["model", "form", "test"]).any():
        raise DataError("generalization matrix: found a model and test twice; allowed: one row each")
    tests = list(dict.fromkeys(summary["test"]))
    if dataset in tests:
        tests = [dataset, *(test for test in tests if test != dataset)]
    pairs = in_order(zip(summary["model"], summary["form"], strict=True))
    blocks = [list(block) for block in np.array_split(tests, -(-len(tests) // TESTS_A_BLOCK))]
    n_rows = len(pairs) + REFERENCE * (1 + bool(chance))
    figure = Figure(figsize=(DOUBLE_COLUMN, len(blocks) * (ROW * n_rows + 0.62) + 0.6))
    all_axes = figure.subplots(len(blocks), 1, squeeze=False).ravel()
    for axes, block in zip(all_axes, blocks, strict=True):
        _draw_block(axes, summary, pairs, block, dataset, chance)
        axes.set_xlim(0, len(blocks[0]) + GAP * (dataset in tests))  # cells of one size in all blocks
    _add_colour_bar(figure, list(all_axes), with_chance=bool(chance))
    return figure


def _draw_block(
    axes: Axes,
    summary: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    tests: Sequence[str],
    dataset: str | None,
    chance: Mapping[str, float] | None,
) -> None:
    """Draw some of the tests: the ceiling on top, the models, and chance at the bottom."""
    left = {test: column + GAP * (dataset in tests and column > 0) for column, test in enumerate(tests)}
    rows = summary.set_index(["model", "form", "test"])
    names, middles = ["labels’ ceiling"], [REFERENCE / 2]
    for row, pair in enumerate(pairs):
        top = REFERENCE + GAP + row
        names.append(_row_label(summary, *pair))
        middles.append(top + 0.5)
        for test, x in left.items():
            _draw_cell(axes, x, top, rows.loc[(*pair, test)] if (*pair, test) in rows.index else None)
    bottom = REFERENCE + GAP + len(pairs)
    if chance:
        names.append("chance")
        middles.append(bottom + GAP + REFERENCE / 2)
    for test, x in left.items():
        _draw_number(axes, x, 0.0, summary.loc[summary["test"] == test, "ceiling"].max())
        if chance:
            _draw_number(axes, x, bottom + GAP, chance.get(test, np.nan))
    axes.set_yticks(middles, names)
    axes.set_ylim(bottom + (GAP + REFERENCE) * bool(chance), 0)
    axes.set_xticks([x + 0.5 for x in left.values()], [_column_label(summary, test, dataset) for test in tests])
    axes.tick_params(length=0, pad=3, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)


def _row_label(summary: pd.DataFrame, model: str, form: str) -> str:
    """Return the model's name over its number of seeds (a range where tests differ), its parameters and its cost."""
    of_model = summary[(summary["model"] == model) & (summary["form"] == form) & (summary["status"] == "ok")]
    counts = sorted({int(count) for count in of_model["n_seeds"]})
    name = model_style(model, form).label
    if not counts:
        return name
    seeds = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    first = of_model.iloc[0]
    cost = f"{int(first['n_parameters']):,} parameters\n{with_prefix(first['flops'])}flop"
    return f"{name}, {seeds} {'seed' if seeds == '1' else 'seeds'}\n{cost}"


def with_prefix(value: float) -> str:
    """Return a count with three digits at most and the prefix of its power of a thousand.

    Examples
    --------
    >>> with_prefix(433), with_prefix(12_929), with_prefix(2.07e12)
    ('433 ', '12.9 k', '2.07 T')
    """
    power = min(int(np.log10(max(value, 1.0)) // 3), 4)
    return f"{value / 1000**power:.3g} " + ("", "k", "M", "G", "T")[power]


def _column_label(summary: pd.DataFrame, test: str, dataset: str | None) -> str:
    """Return the test's name, wrapped, over its number of samples."""
    samples = int(summary.loc[summary["test"] == test, "n_samples"].max())
    above = "trained on\n" if test == dataset else ""
    return f"{above}{wrapped(dataset_label(test), 12)}\nn = {samples}"


def _draw_box(axes: Axes, x: float, top: float, height: float = 1.0, **kwargs: object) -> None:
    """Draw one cell of unit width with a white rim."""
    inset = 0.02
    axes.add_patch(Rectangle((x + inset, top + inset), 1 - 2 * inset, height - 2 * inset, **{"linewidth": 0, **kwargs}))


def _colour(value: float) -> tuple[tuple[float, float, float, float], str]:
    """Return the colour of a cell and that of the text on it."""
    colour = sequential_map()(Normalize(LOWEST, 1.0, clip=True)(value))
    return colour, contrasting(colour)


def contrasting(colour: Sequence[float]) -> str:
    """Return black or white, whichever has the higher WCAG contrast on `colour`."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.06 else BLACK


@styled
def left_out_matrix(summary: pd.DataFrame) -> Figure:
    """Return for each model the matrix lattice left out of the training × lattice of the test.

    Every cell holds the balanced accuracy over seeds; the framed ones, of the lattice that the training never saw, also
    hold its 95 % interval.

    Parameters
    ----------
    summary
        Rows of one task with the columns left_out, model, form, test, n_seeds, n_samples, balanced_accuracy, low,
        high, ceiling and status (ok, not applicable, failed); lattices appear in the order of the rows.

    Raises
    ------
    DataError
        If the table is empty, or holds a model, lattice left out and test twice.
    """
    if summary.empty:
        raise DataError("left-out matrix: found no rows for this task")
    if summary.duplicated(["left_out", "model", "form", "test"]).any():
        raise DataError("left-out matrix: found a model, lattice left out and test twice; allowed: one row each")
    pairs = in_order(zip(summary["model"], summary["form"], strict=True))
    lattices = list(dict.fromkeys(summary["test"]))
    figure = Figure(figsize=(DOUBLE_COLUMN, len(pairs) * (LEFT_OUT_ROW * len(lattices) + 0.85) + 0.6))
    all_axes = figure.subplots(len(pairs), 1, squeeze=False).ravel()
    for axes, (model, form) in zip(all_axes, pairs, strict=True):
        _draw_left_out(axes, summary[(summary["model"] == model) & (summary["form"] == form)], lattices)
        axes.set_title(model_style(model, form).label + ", tested on", loc="left", pad=4)
    _add_colour_bar(figure, list(all_axes), with_chance=False)
    return figure


def _draw_left_out(axes: Axes, summary: pd.DataFrame, lattices: Sequence[str]) -> None:
    """Draw one model: a row for each lattice that was left out, a column for each test."""
    cells, left_out = summary.set_index(["left_out", "test"]), list(dict.fromkeys(summary["left_out"]))
    for top, name in enumerate(left_out):
        for x, test in enumerate(lattices):
            row = cells.loc[(name, test)].copy() if (name, test) in cells.index else None
            if row is not None and name != test:
                row["low"] = row["high"] = np.nan  # of what was trained on, the mean is enough
            _draw_cell(axes, x, top, row)
            if name == test:
                _draw_box(axes, x, top, facecolor="none", edgecolor=BLACK, linewidth=1.4, gid="left out")
    seeds, tests = summary.groupby("left_out")["n_seeds"].first(), summary.groupby("test").first()
    names = [f"without {dataset_label(name)}\n{seeds[name]} seeds" for name in left_out]
    axes.set_yticks(np.arange(len(left_out)) + 0.5, names)
    ceilings = [f"n = {tests['n_samples'][t]}, ceiling {shown_number(tests['ceiling'][t])}" for t in lattices]
    labels = [f"{dataset_label(test)}\n{below}" for test, below in zip(lattices, ceilings, strict=True)]
    axes.set_xticks(np.arange(len(lattices)) + 0.5, labels)
    axes.set_xlim(0, len(lattices))
    axes.set_ylim(len(left_out), 0)
    axes.tick_params(length=0, pad=3, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)


def _draw_cell(axes: Axes, x: float, top: float, row: pd.Series | None) -> None:
    """Draw one model on one test: number and interval, or why there is none."""
    status = "missing" if row is None else row["status"]
    if status == "ok":
        colour, text = _colour(row["balanced_accuracy"])
        _draw_box(axes, x, top, facecolor=colour, gid="cell")
        centred = {"ha": "center", "va": "center", "color": text}
        axes.text(x + 0.5, top + 0.36, shown_number(row["balanced_accuracy"]), fontsize=8.5, **centred)
        if np.isfinite([row["low"], row["high"]]).all():
            interval = f"{shown_number(row['low'])}–{shown_number(row['high'])}"
            axes.text(x + 0.5, top + 0.74, interval, fontsize=6, **centred)
        return
    words = {"not applicable": "n/a", "failed": "failed", "missing": "not run"}.get(status, status)
    if status == "failed":
        _draw_box(axes, x, top, facecolor="white", edgecolor=VERMILION, linewidth=1.2, gid="failed")
    else:
        _draw_box(axes, x, top, facecolor="#efefef", edgecolor="#c4c4c4", hatch="//////", gid=status)
    colour = VERMILION if status == "failed" else GREY
    axes.text(x + 0.5, top + 0.5, words, ha="center", va="center", color=colour,
              bbox={"facecolor": "white", "edgecolor": "none", "boxstyle": "round,pad=0.25"})  # fmt: skip


def _draw_number(axes: Axes, x: float, top: float, value: float) -> None:
    """Draw a reference value (ceiling or chance): the same colours, no interval."""
    if not np.isfinite(value):
        axes.text(x + 0.5, top + REFERENCE / 2, "–", ha="center", va="center", color=GREY)
        return
    colour, text = _colour(value)
    _draw_box(axes, x, top, REFERENCE, facecolor=colour, gid="reference")
    axes.text(x + 0.5, top + REFERENCE / 2, shown_number(value), ha="center", va="center", color=text)


def _add_colour_bar(figure: Figure, all_axes: list[Axes], *, with_chance: bool) -> None:
    """Draw the scale below the matrix, and say what chance is where no row does."""
    mappable = ScalarMappable(Normalize(LOWEST, 1.0), sequential_map())
    bar = figure.colorbar(mappable, ax=all_axes, location="bottom", shrink=0.45, aspect=38, pad=0.02, extend="min")
    bar.outline.set_visible(False)
    label = "balanced accuracy (95 % interval below it)"
    bar.set_label(label if with_chance else f"{label}; chance is 1 / number of labels in the test")
