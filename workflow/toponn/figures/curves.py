"""What training gives, or begins with, against one condition: a line for each model, with its interval."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator
from matplotlib.transforms import ScaledTranslation, Transform

from toponn.checks import DataError, choose
from toponn.figures.style import (
    BLACK,
    DOUBLE_COLUMN,
    GREY,
    SINGLE_COLUMN,
    in_order,
    model_style,
    panel_letter,
    styled,
)

SHIFT, WIDEST = 1.6, 12.0  # points between the markers of two models at one place, and between the outermost
SIZES = {"winding": "cells", "chern": "sites"}
DISTANCES = {"winding": "cells", "chern": "nearest-neighbour distances"}
SUCCESS, BALANCED = "success fraction", "balanced accuracy"


class Panel(NamedTuple):
    """One panel: a diagnostic against a key of its condition.

    Attributes
    ----------
    diagnostic : of the rows that are drawn
    across : the key of the condition on the x axis, or ``size``
    x_label, y_label : ``{size}`` and ``{distance}`` stand for the task's units
    where : (key, value) of further conditions that rows must have
    band : whether intervals are bands rather than bars
    before : a diagnostic that is drawn dashed beside it
    linear : whether the x axis is linear
    """

    diagnostic: str
    across: str
    x_label: str
    y_label: str
    where: tuple[tuple[str, str], ...] = ()
    band: bool = False
    before: str = ""
    linear: bool = False


KINDS = {
    "rates": (
        Panel("rate_success", "factor", "learning rate, relative to the chosen one", SUCCESS),
        Panel("scale_success", "scale", "initial scale, relative to the default", SUCCESS),
    ),
    "sample_sizes": (
        Panel("samples_balanced_accuracy", "samples", "training samples", BALANCED, band=True),
        Panel("samples_success", "samples", "training samples", SUCCESS),
    ),
    "gradients": (Panel("gradient_variance", "size", "size ({size})", "variance of the gradient"),),
    "basin": (
        Panel(
            "basin_success",
            "noise",
            "relative noise $\\sigma$ on the closed form",
            "success fraction after retraining",
            before="start_balanced_accuracy",
        ),
        Panel("half_success_noise", "size", "size ({size})", "noise $\\sigma$ at half success"),
    ),
    "pruning": (
        Panel("pruned_balanced_accuracy", "kept", "kept singular values", BALANCED),
        Panel(
            "ablated_balanced_accuracy",
            "depth",
            "sites removed down to depth\n({distance})",
            BALANCED,
            where=(("removed", "outside"),),
            linear=True,
        ),
        Panel(
            "ablated_balanced_accuracy",
            "depth",
            "sites removed at depth\n({distance})",
            BALANCED,
            where=(("removed", "shell"),),
            linear=True,
        ),
    ),
}
LOGARITHMIC = ("gradient_variance", "half_success_noise")  # y axes
BOUNDS = {
    "beyond": ("^", "low", "at least: most succeed up to here"),
    "below": ("v", "high", "at most: most fail from here on"),
}
"""Marker, end of the interval at which it stands, and text of values of which only a bound is known."""


@styled
def curves(trainability: pd.DataFrame, task: str, kind: str, size: int | None = None) -> Figure:
    """Return the panels of one kind: each model's values against a condition of its training, or its size.

    Parameters
    ----------
    trainability
        Rows of one task with the columns model, form, diagnostic, size, condition (``key=value, key=value``), value,
        low, high.
    task
        Names the units.
    kind
        A key of `KINDS`.
    size
        Of the rows that are not drawn against the size; needed where there are several.

    Raises
    ------
    ConfigError
        If there is no such kind.
    DataError
        If no row belongs to the kind, or two to one point.
    """
    panels = choose(KINDS, kind, "curves")
    rows = [_rows_of(trainability, panel, panel.diagnostic, size) for panel in panels]
    pairs = in_order((row.model, row.form) for table in rows for row in table.itertuples())
    if not pairs:
        raise DataError(f"curves: found no rows of {', '.join(dict.fromkeys(p.diagnostic for p in panels))}")
    single = len(panels) == 1  # whose legend is one column
    height = 2.5 + 0.15 * len(pairs) if single else 2.9 + 0.04 * len(pairs)
    figure = Figure(figsize=(SINGLE_COLUMN if single else DOUBLE_COLUMN, height))
    grid = figure.subplots(1, len(panels), squeeze=False).ravel()
    for axes, panel, table, letter in zip(grid, panels, rows, "abc", strict=False):
        before = _rows_of(trainability, panel, panel.before, size)
        for place, pair in enumerate(pairs):
            points = min(SHIFT, WIDEST / len(pairs)) * (place - (len(pairs) - 1) / 2)
            shift = ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)
            _draw_before(axes, _of(before, pair), pair, axes.transData + shift)
            _draw_model(axes, _of(table, pair), pair, panel.band, axes.transData + shift)
        _scale(axes, panel, table)
        units = {"size": SIZES[task], "distance": DISTANCES[task]}
        axes.set_xlabel(panel.x_label.format(**units))
        axes.set_ylabel(panel.y_label)
        if len(panels) > 1:
            panel_letter(axes, letter)
    _add_legend(figure, pairs, rows, panels, trainability)
    return figure


def _rows_of(trainability: pd.DataFrame, panel: Panel, diagnostic: str, size: int | None) -> pd.DataFrame:
    """Return the rows of a diagnostic that belong into a panel, with their places ``x``, from left to right."""
    table = trainability[trainability["diagnostic"] == diagnostic]
    if size is not None and panel.across != "size":
        table = table[table["size"] == size]
    conditions = [_parsed(text) for text in table["condition"]]
    table = table.assign(x=[condition.get(panel.across) for condition in conditions])
    wanted = [all(condition.get(key) == value for key, value in panel.where) for condition in conditions]
    table = table[np.array(wanted, dtype=bool)]
    if panel.across == "size":
        table = table.assign(x=table["size"])
    if table["x"].isna().any():
        raise DataError(f"curves: found {diagnostic} without {panel.across} in its condition")
    table = table.assign(**_placed(table["x"], panel.linear)).sort_values("x")
    twice = table[table.duplicated(["model", "form", "x"])]
    if len(twice):
        first = twice.iloc[0]
        found = f"{model_style(first.model, first.form).label} at {panel.across} {first.x:g} twice"
        raise DataError(f"curves: found {diagnostic} of {found}; allowed: one row each")
    return table


def _placed(found: pd.Series, linear: bool) -> dict[str, pd.Series]:
    """Return places ``x`` and their names: "all" stands at the right end, and 0 at the left of a logarithmic axis."""
    numbers = pd.to_numeric(found.where(found != "all")).astype(float)
    names = numbers.map("{:g}".format).where(numbers.notna(), "all")
    x = numbers.fillna(2 * numbers.max())
    if not linear:
        x = x.where(x > 0, x[x > 0].min() / 3)
    return {"x": x, "name": names}


def _parsed(condition: object) -> dict[str, str]:
    """Return the keys of a condition; one that is empty reads as NaN from a file."""
    pairs = condition.split(", ") if isinstance(condition, str) else []
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def _of(table: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    return table[(table["model"] == pair[0]) & (table["form"] == pair[1])]


def _bounded(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of which only a bound is known, from below ("beyond") or from above ("below")."""
    one_side = rows["high"] == np.inf if name == "beyond" else rows["low"] == 0
    end = rows[BOUNDS[name][1]]
    return rows[rows["value"].isna() & one_side & (end > 0) & np.isfinite(end)]


def _draw_model(axes: Axes, rows: pd.DataFrame, pair: tuple[str, str], band: bool, place: Transform) -> None:
    """Draw one model, and triangles at the bounds of what lies beyond the range that was tried."""
    style = model_style(*pair)
    label = ",".join(pair).strip(",")
    look = {"color": style.colour, "transform": place}
    for name, (marker, end, _) in BOUNDS.items():
        bounded = _bounded(rows, name)
        triangle = {"markersize": 5, "markerfacecolor": "none", "linestyle": "none", "gid": f"{name} {label}"}
        axes.plot(bounded["x"], bounded[end], marker=marker, **look, **triangle)
    rows = rows[np.isfinite(rows["value"])]
    x, value, low, high = (rows[key].to_numpy(dtype=float) for key in ("x", "value", "low", "high"))
    line = {"marker": style.marker, "markersize": 4, "linewidth": 0.8, "markeredgewidth": 0.5, "gid": label}
    if band:
        axes.fill_between(x, low, high, **look, alpha=0.13, linewidth=0, gid=f"band {label}")
        axes.plot(x, value, **look, **line)
    elif len(x):
        # what has no interval (NaN) gets no bar; one without end goes on beyond the axes
        reach = np.nan_to_num(np.maximum([value - low, high - value], 0), posinf=1e6)
        axes.errorbar(x, value, yerr=reach, **look, **line, elinewidth=0.7, capsize=1.5, capthick=0.7)


def _draw_before(axes: Axes, rows: pd.DataFrame, pair: tuple[str, str], place: Transform) -> None:
    """Draw what the model scores before it is trained, if the panel shows it."""
    if rows.empty:
        return
    look = {"color": model_style(*pair).colour, "transform": place}
    label = ",".join(pair).strip(",")
    axes.fill_between(rows["x"], rows["low"], rows["high"], **look, alpha=0.08, linewidth=0, gid=f"band {label}")
    axes.plot(rows["x"], rows["value"], **look, linestyle=(0, (3, 1.5)), linewidth=0.7, gid=f"before {label}")


def _scale(axes: Axes, panel: Panel, table: pd.DataFrame) -> None:
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


def _limit(axes: Axes, panel: Panel, table: pd.DataFrame) -> None:
    """Let the values and the ends of their intervals set the y axis."""
    numbers = table[["value", "low", "high"]].to_numpy(dtype=float)
    numbers = numbers[np.isfinite(numbers) & (numbers > 0 if panel.diagnostic in LOGARITHMIC else True)]
    if panel.diagnostic in LOGARITHMIC:
        axes.set_yscale("log", nonpositive="clip")
        if len(numbers):
            axes.set_ylim(numbers.min() / 1.5, numbers.max() * 1.5)
    elif SUCCESS in panel.y_label or not len(numbers):
        axes.set_ylim(-0.04, 1.04)
    else:
        margin = 0.04 * max(float(np.ptp(numbers)), 0.01)
        axes.set_ylim(numbers.min() - margin, numbers.max() + margin)


def _add_legend(
    figure: Figure,
    pairs: list[tuple[str, str]],
    rows: list[pd.DataFrame],
    panels: tuple[Panel, ...],
    trainability: pd.DataFrame,
) -> None:
    """Name the models, with the exponents of their gradients where those are drawn."""
    exponents = trainability[trainability["diagnostic"] == "gradient_exponent"]
    with_exponents = panels[0].diagnostic == "gradient_variance"
    handles, names = [], []
    for pair in pairs:
        style = model_style(*pair)
        handles.append(Line2D([], [], color=style.colour, marker=style.marker, markersize=4, linewidth=0.8))
        names.append(style.label + (_exponent(_of(exponents, pair)) if with_exponents else ""))
    if any(panel.before for panel in panels):
        handles.append(Line2D([], [], color=BLACK, linewidth=0.7, linestyle=(0, (3, 1.5))))
        names.append("before retraining: balanced accuracy")
    for name, (marker, _, text) in BOUNDS.items():
        if any(len(_bounded(table, name)) for table in rows):
            handles.append(Line2D([], [], color=BLACK, marker=marker, markerfacecolor="none", linestyle="none"))
            names.append(text)
    columns = 1 if with_exponents else min(4, len(names))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, handlelength=1.6)


def _exponent(rows: pd.DataFrame) -> str:
    """Return a fitted exponent with its 95 % interval for the legend, or nothing where none was fitted."""
    if len(rows) > 1:
        raise DataError(f"curves: found {len(rows)} exponents of {rows['model'].iloc[0]}; allowed: one")
    if rows.empty or not np.isfinite(rows["value"].iloc[0]):
        return ""
    value, low, high = (f"{rows[key].iloc[0]:.1f}".replace("-", "−") for key in ("value", "low", "high"))
    return f": {value} ({low}, {high})"
