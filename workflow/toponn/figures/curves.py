"""Outcomes of training, or gradients at its start, against one condition: a line for each variant, with intervals."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import (
    BLACK,
    DOUBLE_COLUMN,
    GREY,
    SINGLE_COLUMN,
    legend_columns,
    not_measured,
    panel_letter,
    panel_letters,
    styled,
    variants_in_order,
)
from toponn.tools.checks import DataError
from toponn.tools.conventions import SIZE_UNIT
from toponn.tools.files import rows_where

COLUMNS = 3
SHIFT, WIDEST = 1.6, 12.0  # points between the markers of two variants at one place, and between the outermost
DISTANCES = {"winding": "cells", "chern": "nearest-neighbour distances"}
BOUNDS = {
    "beyond": ("^", "low", "at least: most succeed up to here"),
    "below": ("v", "high", "at most: most fail from here on"),
}
"""How a value is drawn of which only a bound is known: marker, the end of the interval where it stands, legend text."""


@figure(
    of="task",
    inputs=("trainability", "runs"),
    about=("panels", "success", "diagnosed_seeds", "options", "split_sizes", "home"),
    result="curves",
    category="Trainability",
)
@styled
def curves_figure(given: Given) -> Figure:
    """Draw the panels of the diagnostics that share this figure: values against a condition of training, or the size.

    What is not drawn against the size is that of the dataset that the task trains on.

    Raises
    ------
    DataError
        If two rows belong to one point, or one to none.
    """
    runs, trainability, task, looks = given.table("runs"), given.table("trainability"), given.subject, given.looks
    size = int(runs[runs["dataset"] == given.about["home"]]["size"].iloc[0])
    panels = [SimpleNamespace(**panel) for panel in given.about["panels"]]
    rows = [_rows_of(trainability, panel, panel.diagnostic, size, looks) for panel in panels]
    variants = variants_in_order((name for table in rows for name in table["variant"]), looks)
    if not variants:
        return not_measured()
    single = len(panels) == 1  # whose legend is one column
    height = 2.5 + 0.15 * len(variants) if single else 2.9 + 0.04 * len(variants)
    columns = min(len(panels), COLUMNS)
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(SINGLE_COLUMN if single else DOUBLE_COLUMN, height + 2.2 * (lines - 1)))
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes, panel, table, letter in zip(grid, panels, rows, panel_letters(), strict=False):
        before = _rows_of(trainability, panel, panel.before, size, looks)
        for place, variant in enumerate(variants):
            points = min(SHIFT, WIDEST / len(variants)) * (place - (len(variants) - 1) / 2)
            shift = ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)
            look = {"color": looks[variant].colour, "transform": axes.transData + shift}
            _draw_before(axes, before[before["variant"] == variant], variant, look)
            marker = looks[variant].marker
            _draw_variant(axes, table[table["variant"] == variant], variant, panel.band, {**look, "marker": marker})
        _scale(axes, panel, table)
        axes.set_xlabel(_with_units(panel.x_label, task))
        axes.set_ylabel(_with_units(panel.y_label, task))
        if len(panels) > 1:
            panel_letter(axes, letter)
    _add_legend(figure, {name: looks[name] for name in variants}, rows, panels, trainability)
    return figure


def _with_units(label: str, task: str) -> str:
    return label.replace("{size}", SIZE_UNIT[task]).replace("{distance}", DISTANCES[task])


def _rows_of(
    trainability: pd.DataFrame, panel: Any, diagnostic: str, size: int, looks: Mapping[str, Look]
) -> pd.DataFrame:
    """Return the rows of a diagnostic that a panel shows, with their places ``x``, from left to right."""
    table = trainability[(trainability["diagnostic"] == diagnostic) & (trainability["status"] == "ok")]
    if table.empty:
        return table.assign(x=0.0, name="")
    if panel.across != "size":
        table = table[table["size"] == size]
    table = rows_where(table, panel.where)
    if panel.across not in table or table[panel.across].isna().any():
        raise DataError(f"curves: found {diagnostic} without a value of {panel.across}")
    table = table.assign(**_placed(table[panel.across], panel.linear)).sort_values("x")
    twice = table[table.duplicated(["variant", "x"])]
    if len(twice):
        first = twice.iloc[0]
        found = f"{looks[first.variant].label} at {panel.across} {first.x:g} twice"
        raise DataError(f"curves: found {diagnostic} of {found}; allowed: one row each")
    return table


def _placed(found: pd.Series, linear: bool) -> dict[str, pd.Series]:
    """Return places ``x`` and their names: "all" at the right end, and 0 at the left end of a logarithmic axis."""
    numbers = pd.to_numeric(found.where(found != "all")).astype(float)
    names = numbers.map("{:g}".format).where(numbers.notna(), "all")
    x = numbers.fillna(2 * numbers.max())
    if not linear:
        x = x.where(x > 0, x[x > 0].min() / 3)
    return {"x": x, "name": names}


def _bounded(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of which only a lower bound ("beyond") or only an upper bound ("below") is known."""
    one_side = rows["high"] == np.inf if name == "beyond" else rows["low"] == 0
    end = rows[BOUNDS[name][1]]
    return rows[rows["value"].isna() & one_side & (end > 0) & np.isfinite(end)]


def _draw_variant(axes: Axes, rows: pd.DataFrame, name: str, band: bool, look: Mapping[str, Any]) -> None:
    """Draw one variant, and triangles at the bounds of what lies beyond the range that was tried."""
    place = {key: look[key] for key in ("color", "transform")}
    for bound, (marker, end, _) in BOUNDS.items():
        bounded = _bounded(rows, bound)
        triangle = {"markersize": 5, "markerfacecolor": "none", "linestyle": "none", "gid": f"{bound} {name}"}
        axes.plot(bounded["x"], bounded[end], marker=marker, **place, **triangle)
    rows = rows[np.isfinite(rows["value"])]
    x, value, low, high = (rows[key].to_numpy(dtype=float) for key in ("x", "value", "low", "high"))
    line = {"markersize": 4, "linewidth": 0.8, "markeredgewidth": 0.5, "gid": name}
    if band:
        axes.fill_between(x, low, high, **place, alpha=0.13, linewidth=0, gid=f"band {name}")
        axes.plot(x, value, **look, **line)
    elif len(x):
        # what has no interval (NaN) gets no bar; one without end goes on beyond the axes
        reach = np.nan_to_num(np.maximum([value - low, high - value], 0), posinf=1e6)
        axes.errorbar(x, value, yerr=reach, **look, **line, elinewidth=0.7, capsize=1.5, capthick=0.7)


def _draw_before(axes: Axes, rows: pd.DataFrame, name: str, look: Mapping[str, Any]) -> None:
    """Draw what the variant scores before it is trained, if the panel shows it."""
    if rows.empty:
        return
    axes.fill_between(rows["x"], rows["low"], rows["high"], **look, alpha=0.08, linewidth=0, gid=f"band {name}")
    axes.plot(rows["x"], rows["value"], **look, linestyle=(0, (3, 1.5)), linewidth=0.7, gid=f"before {name}")


def _scale(axes: Axes, panel: Any, table: pd.DataFrame) -> None:
    """Put marks at the places that were measured, as many as have room."""
    _limit(axes, panel, table)
    if table.empty:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color=GREY)
        axes.set_xticks([])
        return
    places = np.unique(table["x"])
    positions = places if panel.linear else np.log(places)
    width = max(np.ptp(positions), 0.1)
    left, right = positions[0] - 0.06 * width, positions[-1] + 0.06 * width
    if not panel.linear:
        axes.set_xscale("log")
        left, right = np.exp([left, right])
    axes.set_xlim(left, right)
    marked, least = [len(places) - 1], 0.11 if panel.linear or len(places) < 9 else 0.13
    for k in range(len(places) - 2, -1, -1):
        if positions[marked[-1]] - positions[k] > least * width:
            marked.append(k)
    names = table.drop_duplicates("x")["name"].tolist()  # as many as places, and in their order
    axes.xaxis.set_major_locator(FixedLocator([places[k] for k in sorted(marked)]))
    axes.xaxis.set_major_formatter(lambda x, _: names[int(np.abs(places - x).argmin())])
    axes.xaxis.set_minor_locator(NullLocator())


def _limit(axes: Axes, panel: Any, table: pd.DataFrame) -> None:
    """Let the values and the ends of their intervals set the y axis."""
    numbers = table[["value", "low", "high"]].to_numpy(dtype=float)
    numbers = numbers[np.isfinite(numbers) & (numbers > 0 if panel.logarithmic else True)]
    if panel.logarithmic:
        axes.set_yscale("log", nonpositive="clip")
        if len(numbers):
            axes.set_ylim(numbers.min() / 1.5, numbers.max() * 1.5)
    elif panel.diagnostic.endswith("_success") or not len(numbers):
        axes.set_ylim(-0.04, 1.04)
    else:
        margin = 0.04 * max(float(np.ptp(numbers)), 0.01)
        axes.set_ylim(numbers.min() - margin, numbers.max() + margin)


def _add_legend(
    figure: Figure,
    looks: Mapping[str, Look],
    rows: Sequence[pd.DataFrame],
    panels: Sequence[Any],
    trainability: pd.DataFrame,
) -> None:
    """Name the variants, with the exponents of their gradients where those are drawn."""
    exponents = trainability[trainability["diagnostic"] == "gradient_exponent"]
    with_exponents = panels[0].diagnostic == "gradient_variance"
    handles, names = [], []
    for variant, look in looks.items():
        handles.append(Line2D([], [], color=look.colour, marker=look.marker, markersize=4, linewidth=0.8))
        fitted = exponents[exponents["variant"] == variant]
        names.append(look.label + (_exponent(fitted) if with_exponents else ""))
    if any(panel.before for panel in panels):
        handles.append(Line2D([], [], color=BLACK, linewidth=0.7, linestyle=(0, (3, 1.5))))
        names.append("before retraining: balanced accuracy")
    for name, (marker, _, text) in BOUNDS.items():
        if any(len(_bounded(table, name)) for table in rows):
            handles.append(Line2D([], [], color=BLACK, marker=marker, markerfacecolor="none", linestyle="none"))
            names.append(text)
    columns = 1 if with_exponents else legend_columns(names, 4, figure.get_figwidth())
    figure.legend(handles, names, loc="outside lower center", ncols=columns, handlelength=1.6)


def _exponent(rows: pd.DataFrame) -> str:
    """Return a fitted exponent with its 95 % interval for the legend, or nothing where none was fitted."""
    if rows.empty or not np.isfinite(rows["value"].iloc[0]):
        return ""
    value, low, high = (f"{rows[key].iloc[0]:.1f}".replace("-", "−") for key in ("value", "low", "high"))
    return f": {value} ({low}, {high})"
