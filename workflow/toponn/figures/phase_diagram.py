"""Where in the phase diagram the samples lie, and what their labels are."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from toponn.checks import DataError
from toponn.figures.style import BLACK, GREY, SINGLE_COLUMN, label_style, signed, styled, wrapped

SMALLEST, LARGEST = 1.5, 22.0  # areas of the markers in pt², at margin 0 and at the largest margin


def marker_area(margin: np.ndarray | float, largest: float) -> np.ndarray | float:
    """Return the marker's area in pt² for a margin; the area grows linearly with the margin.

    Examples
    --------
    >>> marker_area(0.0, 2.0), marker_area(2.0, 2.0)
    (1.5, 22.0)
    """
    return SMALLEST + (LARGEST - SMALLEST) * margin / largest


@styled
def phase_diagram(arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> Figure:
    """Return the samples of a dataset in the plane of two of its parameters.

    Colour and marker give the label, the marker's area the label's margin; lines are the boundary known from
    the literature.

    Parameters
    ----------
    arrays
        ``label`` (samples,) integers, ``margin`` (samples,) in units of the energy, the two arrays (samples,)
        that the attributes name, and any number of ``boundary/<i>`` (k, 2), each a line in the same plane.
    attributes
        ``phase_x`` and ``phase_y``, the names of the arrays on the axes; ``phase_x_label`` and
        ``phase_y_label`` with units; ``system``, the title; ``boundary_source``, who found the boundary.

    Raises
    ------
    DataError
        If the system names no plane, or an array has another number of samples than the labels.
    """
    if "phase_x" not in attributes:
        system = attributes["system"]
        raise DataError(f"phase diagram: found no plane for {system}; allowed: systems with a phase_plane")
    x, y = (np.asarray(arrays[str(attributes[key])], dtype=float) for key in ("phase_x", "phase_y"))
    label, margin = np.asarray(arrays["label"]), np.asarray(arrays["margin"], dtype=float)
    if not len(x) == len(y) == len(label) == len(margin):
        raise DataError(
            f"phase diagram: found {len(x)}, {len(y)}, {len(label)} and {len(margin)} samples; allowed: equal"
        )
    boundaries = [arrays[name] for name in sorted(arrays) if name.startswith("boundary/")]

    lines = 2 if len(np.unique(label)) <= 3 else 3  # of the legend: its title and one or two rows
    figure = Figure(figsize=(SINGLE_COLUMN, 3.3 + 0.15 * lines))
    header, axes = figure.subplots(2, 1, height_ratios=[0.13 * lines, 2.4])
    header.set_axis_off()
    header.set_title(wrapped(str(attributes["system"]), 54))
    _add_legends(header, label, float(margin.max(initial=0.0)))
    _draw_samples(axes, x, y, label, margin)
    _limit(axes, x, y)
    axes.set_xlabel(str(attributes["phase_x_label"]))
    axes.set_ylabel(str(attributes["phase_y_label"]))
    for line in boundaries:
        axes.plot(line[:, 0], line[:, 1], color=BLACK, linewidth=1.1, zorder=3, gid="boundary")
    if boundaries:
        source = wrapped(f"boundary ({attributes['boundary_source']})", 54)
        handle = Line2D([], [], color=BLACK, linewidth=1.1)
        figure.legend([handle], [source], loc="outside lower center", borderpad=0, handlelength=1.5)
    return figure


def _draw_samples(axes: Axes, x: np.ndarray, y: np.ndarray, label: np.ndarray, margin: np.ndarray) -> None:
    """Draw one collection a label; the large markers first, so that the undecided ones stay visible."""
    largest = max(float(margin.max(initial=0.0)), 1e-12)
    for value in np.unique(label):
        rows = np.flatnonzero(label == value)
        rows = rows[np.argsort(-margin[rows], kind="stable")]
        colour, marker = label_style(value)
        axes.scatter(
            x[rows],
            y[rows],
            s=marker_area(margin[rows], largest),
            c=colour,
            marker=marker,
            alpha=0.8,
            linewidths=0.25,
            edgecolors="white",
            zorder=2,
            gid=f"label {value}",
        )


def _limit(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Let the samples, not the boundary, set the limits."""
    for values, set_limits, axis in ((x, axes.set_xlim, axes.xaxis), (y, axes.set_ylim, axes.yaxis)):
        pad = 0.03 * (np.ptp(values) or 1.0)
        set_limits(values.min() - pad, values.max() + pad)
        axis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))


def _add_legends(axes: Axes, label: np.ndarray, largest: float) -> None:
    """Write in the strip above the diagram what the colours and the areas mean."""

    def handle(colour: str, marker: str, area: float) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="none",
            color=colour,
            marker=marker,
            markersize=math.sqrt(area),
            markeredgewidth=0,
        )

    look = {
        "ncols": 3,
        "borderpad": 0,
        "borderaxespad": 0,
        "handlelength": 0.9,
        "columnspacing": 0.9,
        "title_fontsize": 7,
    }
    values = [int(value) for value in np.unique(label)]
    handles = [handle(*label_style(value), 18.0) for value in values]
    names = [f"{signed(value)} ({int((label == value).sum())})" for value in values]
    columns = len(values) if len(values) <= 3 else math.ceil(len(values) / 2)
    labels = axes.legend(
        handles,
        names,
        loc="upper left",
        title="label (samples)",
        alignment="left",
        **{**look, "ncols": columns},
    )
    axes.add_artist(labels)
    sizes = [float(f"{largest * share:.2g}") for share in (0.2, 0.5, 1.0)]
    handles = [handle(GREY, "o", float(marker_area(size, largest or 1.0))) for size in sizes]
    axes.legend(
        handles,
        [f"{size:g}" for size in sizes],
        loc="upper right",
        title="margin (energy)",
        alignment="left",
        **look,
    )
