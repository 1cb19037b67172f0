"""The loss between learned weights and the closed form: along straight lines, and on a plane through three points."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from toponn.figures.record import Given, figure
from toponn.figures.style import (
    BLACK,
    DOUBLE_COLUMN,
    GREY,
    PALE,
    VERMILION,
    not_measured,
    sequential_map,
    styled,
    variants_in_order,
)
from toponn.figures.words import wrapped

LOSS = "loss $\\frac{1}{2}\\langle(f-C)^2\\rangle$"
LINES = {
    "aligned": ("from trained weights, aligned", "-", 1.3),
    "unaligned": ("from trained weights as they are", (0, (3, 1.2)), 1.1),
    "random": ("from a random start, aligned", (0, (1, 1)), 1.3),
}
"""Label, dashes and width of each line of medians, in the order of the legend."""

ALONE = 3  # so many variants at most have rows of their own; more stand two in a row


@figure(
    of="task",
    inputs=("arrays",),
    about=("diagnosed_seeds", "options", "split_sizes", "home"),
    result="loss along lines and planes",
    category="Trainability",
    shown="models with a closed form",
)
@styled
def landscape_figure(given: Given) -> Figure:
    """Draw the loss of a task's variants along the line to their closed form, and on a plane: two panels for each.

    The arrays of a variant are ``line/t`` (T,), 0 at the start and 1 at the closed form; ``line/aligned``,
    ``line/unaligned`` and ``line/random`` (S, T), losses of every seed; ``plane/x`` (X,), ``plane/y`` (Y,) and
    ``plane/loss`` (Y, X), in units of the norm of the closed form's weights; ``plane/points`` (3, 2), the closed
    form and two trained seeds, NaN where there is none.
    """
    arrays_by_variant, looks = given.by_variant("arrays"), given.looks
    variants = variants_in_order(arrays_by_variant, looks)
    if not variants:
        return not_measured()
    abreast = 1 if len(variants) <= ALONE else 2
    rows = -(-len(variants) // abreast)
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.5 + (2.2 if abreast == 1 else 2.0) * rows))
    grid = figure.subplots(rows, 2 * abreast, squeeze=False).reshape(-1, 2)
    for (left, right), variant in zip(grid, variants, strict=False):
        arrays, look = arrays_by_variant[variant], looks[variant]
        _draw_line(left, arrays, look.colour)
        _draw_plane(figure, right, arrays)
        for axes in (left, right):
            axes.set_xlabel(wrapped(axes.get_xlabel(), 17 if abreast == 2 else 40))
        left.set_title(look.label, loc="left")
    for left, right in grid[len(variants) :]:
        left.set_axis_off()
        right.set_axis_off()
    _add_legend(figure)
    return figure


def _draw_line(axes: Axes, arrays: Mapping[str, np.ndarray], own: str) -> None:
    """Draw the loss of every seed along the line, and the median over the seeds."""
    t = np.asarray(arrays["line/t"], dtype=float)
    for name, (_, dashes, width) in LINES.items():
        if f"line/{name}" not in arrays:
            continue
        losses = np.ma.masked_invalid(np.atleast_2d(np.asarray(arrays[f"line/{name}"], dtype=float)))
        colour = {"aligned": own, "unaligned": GREY, "random": VERMILION}[name]
        axes.plot(t, losses.T, color=colour, linestyle=dashes, linewidth=0.4, alpha=0.3, zorder=1, gid=f"seed {name}")
        middle = np.ma.median(losses, axis=0)
        axes.plot(t, middle, color=colour, linestyle=dashes, linewidth=width, zorder=2, gid=f"median {name}")
    axes.set_yscale("log")
    for end in (0, 1):
        axes.axvline(end, color=PALE, linewidth=0.6, zorder=0)
    axes.set_xlim(t[0], t[-1])
    axes.set_xlabel("$t$ (0: start, 1: closed form)")
    axes.set_ylabel(LOSS)


def _draw_plane(figure: Figure, axes: Axes, arrays: Mapping[str, np.ndarray]) -> None:
    """Draw the contours of the logarithm of the loss, and the three points that span the plane."""
    x, y, loss = (np.asarray(arrays[f"plane/{key}"], dtype=float) for key in ("x", "y", "loss"))
    logarithm = np.ma.log10(np.ma.masked_invalid(loss))
    contours = axes.contourf(x, y, logarithm, levels=10, cmap=sequential_map())
    contours.set(gid="plane", edgecolor="face", linewidth=0.15)  # or viewers of PDF show seams
    points = np.asarray(arrays["plane/points"], dtype=float)
    look = {"zorder": 3, "linestyle": "none", "markeredgecolor": "white", "markeredgewidth": 0.6, "clip_on": False}
    axes.plot(*points[:1].T, marker="*", color=BLACK, markersize=9, gid="closed form", **look)
    axes.plot(*points[1:].T, marker="o", color=VERMILION, markersize=5.5, gid="trained", **look)
    bar = figure.colorbar(contours, ax=axes, aspect=20, pad=0.03)
    bar.locator = MaxNLocator(5)
    bar.outline.set_linewidth(0.4)
    bar.set_label(f"log$_{{10}}$ of the {LOSS}", fontsize=7)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("$x$ (norms of the closed form)")
    axes.set_ylabel("$y$ (same unit)")


def _add_legend(figure: Figure) -> None:
    colours = {"aligned": BLACK, "unaligned": GREY, "random": VERMILION}
    handles = [
        Line2D([], [], color=colours[name], linestyle=dashes, linewidth=width, label=label)
        for name, (label, dashes, width) in LINES.items()
    ]
    edge = {"linestyle": "none", "markeredgecolor": "white", "markeredgewidth": 0.6}
    handles += [
        Line2D([], [], color=GREY, linewidth=0.4, label="thin: every seed"),
        Line2D([], [], marker="*", color=BLACK, markersize=9, label="closed form", **edge),
        Line2D([], [], marker="o", color=VERMILION, markersize=5.5, label="trained", **edge),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, handlelength=2.2)
