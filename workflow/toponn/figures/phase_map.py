"""A labelled plane of parameters: the integer in each cell, where it is undecided, and the boundary that is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from toponn.figures.record import Given, figure
from toponn.figures.style import BLACK, GREY, SINGLE_COLUMN, integer_map, styled
from toponn.figures.words import numbers_label, signed, system_label, wrapped

OUTERMOST = 3  # integers beyond it share its colour
FEW = 8  # so many lines at most are drawn bold; more are the bands of a spectrum
HATCH = {"facecolor": "none", "edgecolor": GREY, "hatch": "////////", "linewidth": 0.0}
WIDTH = 58  # characters in a line of small text


@figure(
    of="map",
    inputs=("map",),
    about=("recipe", "boundary", "task"),
    result="phase diagram",
    category="Labels",
)
@styled
def phase_map_figure(given: Given) -> Figure:
    """Draw the labelled plane of one entry of ``maps``: the mean integer of the decided samples of each cell.

    All maps share the colours. Cells are hatched where fewer than half of their samples are decided, and white where
    none is. Lines are the boundary from the literature.

    The arrays are ``x`` (nx,) and ``y`` (ny,), centres of equally wide cells; ``mean`` (ny, nx), NaN where nothing is
    decided; ``decided`` (ny, nx), shares of samples; any number of ``boundary/<i>`` (points, 2). The attributes are
    ``x_label`` and ``y_label`` with units; ``system``, ``lattice``, ``shape`` and ``fixed``, the title; ``samples`` in
    a cell, ``minimum_margin`` from which on one is decided, ``boundary_source``, the legend.
    """
    arrays, attributes = given.arrays("map")
    x, y, mean, decided = (np.asarray(arrays[key], dtype=float) for key in ("x", "y", "mean", "decided"))
    lines = [arrays[f"boundary/{i}"] for i in range(sum(key.startswith("boundary/") for key in arrays))]
    rows = 2 + (len(wrapped(str(attributes["boundary_source"]), WIDTH)) > WIDTH)
    figure = Figure(figsize=(SINGLE_COLUMN, 2.55 + 0.13 * rows))
    axes = figure.subplots()
    cells = _draw_cells(axes, x, y, mean, decided)
    axes.set_title(wrapped(_title(attributes), WIDTH - 4))
    axes.set_xlabel(str(attributes["x_label"]))
    axes.set_ylabel(str(attributes["y_label"]))
    width = 1.1 if len(lines) <= FEW else 0.4
    for line in lines:
        axes.plot(line[:, 0], line[:, 1], color=BLACK, linewidth=width, solid_capstyle="butt", gid="boundary")
    _limit(axes, x, y)
    _add_colour_bar(figure, axes, cells, mean, int(attributes["samples"]))
    _add_legend(figure, attributes, width if lines else 0.0, bool((decided < 0.5).any()))
    return figure


def edges(centres: np.ndarray) -> np.ndarray:
    """Return the edges (n + 1,) of equally wide cells with these centres (n,).

    Examples
    --------
    >>> edges(np.array([0.5, 1.5])).tolist(), edges(np.array([2.0])).tolist()
    ([0.0, 1.0, 2.0], [1.5, 2.5])
    """
    width = centres[1] - centres[0] if len(centres) > 1 else 1.0
    return centres[0] + width * (np.arange(len(centres) + 1) - 0.5)


def _title(attributes: Mapping[str, Any]) -> str:
    lattice = {"chain": "", "ammann_beenker": "Ammann–Beenker"}.get(attributes["lattice"], attributes["lattice"])
    about = (
        system_label(str(attributes["system"])),
        lattice,
        str(attributes["shape"]),
        numbers_label(str(attributes["fixed"])),
    )
    return ", ".join(dict.fromkeys(filter(None, about)))


def _draw_cells(axes: Axes, x: np.ndarray, y: np.ndarray, mean: np.ndarray, decided: np.ndarray) -> QuadMesh:
    columns, rows = edges(x), edges(y)
    cells = axes.pcolormesh(
        columns,
        rows,
        np.ma.masked_invalid(mean),
        cmap=integer_map(),
        norm=Normalize(-OUTERMOST, OUTERMOST),
        edgecolors="face",  # or viewers of PDF show seams
        linewidth=0.15,
        gid="cells",
    )
    corners = [
        [(columns[i], rows[j]), (columns[i + 1], rows[j]), (columns[i + 1], rows[j + 1]), (columns[i], rows[j + 1])]
        for j, i in np.argwhere(decided < 0.5)
    ]
    axes.add_collection(PolyCollection(corners, gid="undecided", **HATCH))
    return cells


def _limit(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Let the cells, not the boundary, set the limits."""
    for centres, set_limits, axis in ((x, axes.set_xlim, axes.xaxis), (y, axes.set_ylim, axes.yaxis)):
        set_limits(edges(centres)[[0, -1]])
        axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))


def _add_colour_bar(figure: Figure, axes: Axes, cells: QuadMesh, mean: np.ndarray, samples: int) -> None:
    """Draw the part of the scale that the map uses, with a mark for each integer."""
    found = mean[np.isfinite(mean)]
    low, high = (int(np.floor(found.min())), int(np.ceil(found.max()))) if len(found) else (0, 0)
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    bar = figure.colorbar(
        cells, ax=axes, aspect=28, pad=0.02, extend=extend[low < -OUTERMOST, high > OUTERMOST], extendfrac=0.06
    )
    low, high = max(low, -OUTERMOST), min(high, OUTERMOST)
    bar.ax.set_ylim(low - 0.5 * (low == high), high + 0.5 * (low == high))
    bar.set_ticks(range(low, high + 1), labels=[signed(value) for value in range(low, high + 1)])
    bar.outline.set_linewidth(0.4)
    bar.set_label("label" if samples == 1 else "label, mean of the cell")


def _add_legend(figure: Figure, attributes: Mapping[str, Any], line_width: float, with_undecided: bool) -> None:
    handles = []
    if line_width:
        source = wrapped(str(attributes["boundary_source"]), WIDTH)
        handles.append(Line2D([], [], color=BLACK, linewidth=line_width, label=source))
    if with_undecided:
        which = "undecided" if attributes["samples"] == 1 else "fewer than half decided"
        by = attributes.get("estimator", "spectral_localizer")
        least = f"gap of the localizer < {attributes['minimum_margin']:g}"
        why = least if by == "spectral_localizer" else by.replace("_", " ")
        handles.append(Patch(label=f"{which} ({why})", **HATCH))
    if handles:
        figure.legend(handles=handles, loc="outside lower left", borderpad=0, handlelength=1.5, labelspacing=0.3)
