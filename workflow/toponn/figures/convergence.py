"""How far each estimator is from the integer of the infinite crystal, against the size of the samples."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from toponn.figures.record import Given, figure
from toponn.figures.style import (
    BLACK,
    DOUBLE_COLUMN,
    GREY,
    PALE,
    estimator_style,
    estimators_in_order,
    panel_letters,
    size_axis,
    styled,
)
from toponn.figures.words import numbers_label, signed, wrapped

ROUNDING = 1e-12
"""Smaller errors are rounding errors; they are drawn as exact, in a strip below the axis of errors."""
STRIP = 0.07
"""Distance between estimators in that strip, so that none hides another, as a share of the height of the axis above."""
CRYSTAL_ALONE = {"bott_index", "winding_number", "chern_number"}
"""Estimators for periodic samples alone: where one of them is among the rows, the system is a crystal."""
AXES = {"winding": ("length (cells)", "ν"), "chern": ("side (neighbour distances)", "C")}


@figure(
    of="convergence",
    inputs=("convergence",),
    about=("recipe", "task"),
    result="error against size",
    category="Labels",
)
@styled
def convergence_figure(given: Given) -> Figure:
    """Draw the errors of the estimators of one entry of ``convergence``.

    There is one panel for each point of parameters: the mean error of every estimator over samples of each size, in the
    order of the rows. Whiskers reach to the sample that is farthest off. Markers are filled where at least half of the
    samples are decided, and crossed where fewer than half round to the right integer.
    """
    table, task = given.table("convergence"), given.about["task"]
    names = estimators_in_order(table["estimator"])
    points = list(dict.fromkeys(table["parameters"]))
    columns = 2 if len(points) == 4 else min(3, len(points))
    rows = -(-len(points) // columns)
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.4 + 2.25 * rows))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    floor, places = _strip(table, names)
    for axes, point, letter in zip(grid, points, panel_letters(), strict=False):
        of_point = table[table["parameters"] == point]
        for name in names:
            _draw_estimator(axes, of_point[of_point["estimator"] == name], name, places.get(name, floor))
        axes.axhline(floor, color=PALE, linewidth=0.7, zorder=0)
        axes.set_title(rf"$\mathbf{{{letter}}}$  {_title(of_point, task, 100 // columns)}", loc="left")
    for position, axes in enumerate(grid):
        bare = position >= len(points)
        axes.set_axis_off() if bare else axes.tick_params(labelbottom=position + columns >= len(points))
        axes.set_xlabel(AXES[task][0] if position + columns >= len(points) else "")
    _scale(grid[0], table, floor, places)
    figure.supylabel("distance from the integer", fontsize=8)
    _add_legend(figure, names)
    return figure


def _strip(table: pd.DataFrame, names: list[str]) -> tuple[float, dict[str, float]]:
    """Return the lower end of the axis of errors, a power of ten, and the heights below it of exact estimators."""
    errors = table["error"][table["error"] >= ROUNDING]
    exact = set(table["estimator"][table["error"] < ROUNDING])
    names = [name for name in names if name in exact]
    floor = 10.0 ** min(np.floor(np.log10(errors.min())) if len(errors) else 0, -3)
    return floor, {name: floor ** (1 + STRIP * (level + 1)) for level, name in enumerate(names)}


def _title(rows: pd.DataFrame, task: str, width: int) -> str:
    """Return the panel's title: its parameters, and the gap and the integer against which errors are measured."""
    first = rows.iloc[0]
    integer = f"{AXES[task][1]} = {signed(int(first['exact']))}"
    if np.isfinite(first["gap"]):
        against = f"gap {first['gap']:.2g} (hopping), {integer}"
    elif CRYSTAL_ALONE & set(rows["estimator"]):
        against = f"no band is filled, or all are: {integer}"
    else:
        against = f"{integer} by the largest localizer"
    return f"{wrapped(numbers_label(str(first['parameters'])), width)}\n{against}"


def _draw_estimator(axes: Axes, rows: pd.DataFrame, name: str, place: float) -> None:
    """Draw one estimator; errors that rounding explains lie at `place`."""
    rows = rows[np.isfinite(rows["error"])].sort_values("length")
    if rows.empty:
        return
    length, error, worst = (rows[key].to_numpy(dtype=float) for key in ("length", "error", "worst"))
    _, colour, marker = estimator_style(name)
    shown, farthest = (np.where(values < ROUNDING, place, values) for values in (error, worst))
    axes.plot(length, shown, color=colour, linewidth=0.9, zorder=2, gid=name)
    axes.vlines(length, shown, farthest, color=colour, linewidth=0.7, zorder=1, gid="worst")
    filled = rows["decided"].to_numpy(dtype=float) >= 0.5
    look = {"marker": marker, "s": 16, "edgecolors": colour, "linewidths": 0.8, "zorder": 3}
    axes.scatter(length, shown, c=[colour if one else "white" for one in filled], gid=f"{name} markers", **look)
    wrong = rows["right"].to_numpy(dtype=float) < 0.5
    axes.scatter(length[wrong], shown[wrong], marker="x", c=BLACK, s=22, linewidths=0.8, zorder=4, gid="wrong")


def _scale(axes: Axes, table: pd.DataFrame, floor: float, places: dict[str, float]) -> None:
    """Put marks at the lengths and at some decades, and name the strip below them."""
    size_axis(axes, table["length"])
    axes.set_yscale("log")
    lowest, highest = min(places.values(), default=floor), max(places.values(), default=floor)
    axes.set_ylim(lowest * floor**STRIP, 3 * max(1.0, float(table["worst"].max())))
    decades = range(0, round(np.log10(floor)) - 1, -1 if floor > 1e-5 else -3 if floor < 1e-8 else -2)
    marks = [10.0**decade for decade in decades]
    middle = [float(np.sqrt(lowest * highest))] if places else []
    axes.yaxis.set_major_locator(FixedLocator([*marks, *middle]))
    names = {mark: rf"$10^{{{decade}}}$".replace("-", "−") for mark, decade in zip(marks, decades, strict=True)}
    axes.yaxis.set_major_formatter(lambda value, _: names.get(value, "exact"))
    axes.yaxis.set_minor_locator(NullLocator())


def _add_legend(figure: Figure, names: list[str]) -> None:
    handles = []
    for name in names:
        label, colour, marker = estimator_style(name)
        handles.append(Line2D([], [], color=colour, marker=marker, linewidth=0.9, label=label))
    open_marker = {"markerfacecolor": "white", "color": GREY, "marker": "o", "linestyle": "none"}
    handles.append(Line2D([], [], label="undecided", **open_marker))
    handles.append(Line2D([], [], color=BLACK, marker="x", linestyle="none", label="wrong integer"))
    columns = len(handles) if len(handles) <= 6 else -(-len(handles) // 2)  # more do not fit in one row
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=1.6, columnspacing=1.0)
