"""Spectra of the Hessian of the loss and of the neural tangent kernel."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toponn.figures.record import Given, figure
from toponn.figures.style import BLACK, BLUE, DOUBLE_COLUMN, GREY, ORANGE, not_measured, styled, variants_in_order
from toponn.figures.words import wrapped
from toponn.tools.statistics import effective_rank, median_band

Arrays = Mapping[str, np.ndarray]

COLUMNS = 4
PLACES = {
    "hessian": {
        "random": ("random weights", ORANGE),
        "trained": ("trained weights", BLUE),
        "closed_form": ("closed-form weights", BLACK),
    },
    "kernel": {"start": ("start", ORANGE), "end": ("end", BLUE)},
}
"""Labels and colours of the weights at which a spectrum is taken."""

LOWEST = {"hessian": 1e-6, "kernel": 1e-9}
"""Smallest eigenvalue that is shown, relative to the largest; below that of the Hessian the tables count it as zero."""

POINTS = 161
"""Number of curvatures at which the shares of directions are drawn."""


@figure(
    of="task",
    inputs=("arrays",),
    about=("diagnosed_seeds", "options", "split_sizes", "home"),
    result="Hessian",
    category="Trainability",
)
def hessian_figure(given: Given) -> Figure:
    """Draw the spectra of the Hessian of a task's variants."""
    return spectra(given, "hessian")


@figure(
    of="task",
    inputs=("arrays",),
    about=("diagnosed_seeds", "options", "split_sizes", "home"),
    result="tangent kernel",
    category="Trainability",
)
def kernel_figure(given: Given) -> Figure:
    """Draw the spectra of the tangent kernel of a task's variants."""
    return spectra(given, "kernel")


@styled
def spectra(given: Given, kind: str) -> Figure:
    """Return one panel a variant: the spectrum of the Hessian of the loss, or of the neural tangent kernel.

    Hessian: the share of directions whose curvature exceeds x times the largest; solid where it is positive, dashed
    where it is negative. Kernel: each eigenvalue's share of the trace, and the effective rank, the participation ratio
    ``(Σλ)²/Σλ²``. Lines are medians over seeds, bands 10–90 % of the seeds.

    The arrays are, of the Hessian, ``<at>/eigenvalues`` (S, k) and ``<at>/weights`` (S, k), nodes of a quadrature and
    their shares of directions, at ``random``, ``trained`` and, if there is one, ``closed_form``; of the kernel
    ``<at>/eigenvalues`` (S, B) at ``start`` and ``end``. Seeds with values that are not finite are left out, and so are
    variants without any other.
    """
    looks = given.looks
    finite = {variant: _finite(arrays, PLACES[kind]) for variant, arrays in given.by_variant("arrays").items()}
    variants = variants_in_order((variant for variant, found in finite.items() if found), looks)
    if not variants:
        return not_measured()
    rows = -(-len(variants) // COLUMNS)
    columns = -(-len(variants) // rows)
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.75 + (1.65 if kind == "hessian" else 1.85) * rows))
    grid = figure.subplots(rows, columns, sharex=kind == "hessian", sharey=True, squeeze=False).ravel()
    draw = _draw_hessian if kind == "hessian" else _draw_kernel
    for axes, variant in zip(grid, variants, strict=False):
        draw(axes, finite[variant], looks[variant].label)
        axes.set_xscale("log")
        axes.set_yscale("log")
    for place, axes in enumerate(grid):
        axes.set_axis_on() if place < len(variants) else axes.set_axis_off()
        axes.tick_params(labelbottom=kind == "kernel" or place + columns >= len(variants))
    _scale(grid[: len(variants)], kind)
    if kind == "hessian":
        figure.supxlabel("curvature |λ| / |λ|$_{\\mathrm{max}}$", fontsize=8)
        figure.supylabel("share of directions with more", fontsize=8)
    else:
        figure.supxlabel("index $i$", fontsize=8)
        figure.supylabel("eigenvalue $\\lambda_i$ / $\\Sigma_j\\lambda_j$", fontsize=8)
    _add_legend(figure, kind)
    return figure


def exceeding(eigenvalues: np.ndarray, weights: np.ndarray, thresholds: np.ndarray, sign: int) -> np.ndarray:
    """Return the share of directions (S, T) with ``sign · λ / |λ|max`` above each of the thresholds (T,).

    Parameters
    ----------
    eigenvalues, weights : (S, k), each with its share of the directions
    thresholds : (T,), relative to the largest |λ|
    sign : 1 for positive and −1 for negative curvature

    Examples
    --------
    >>> exceeding(np.array([[4.0, 1.0, -2.0]]), np.array([[0.2, 0.5, 0.3]]), np.array([0.1, 0.3]), 1).tolist()
    [[0.7, 0.2]]
    """
    scaled = sign * eigenvalues / np.abs(eigenvalues).max(axis=1, keepdims=True)
    above = scaled[:, None, :] > thresholds[None, :, None]  # (S, T, k)
    return (above * weights[:, None, :]).sum(axis=2) / weights.sum(axis=1, keepdims=True)


def _finite(arrays: Arrays, places: Iterable[str]) -> dict[str, list[np.ndarray]]:
    """Return, by place, the arrays (S, k) of the seeds whose numbers are all finite and not all zero."""
    found = {}
    for at in places:
        names = [f"{at}/{name}" for name in ("eigenvalues", "weights") if f"{at}/{name}" in arrays]
        values = [np.asarray(arrays[name], dtype=float) for name in names]
        kept = np.all([np.isfinite(value).all(axis=1) & (value != 0).any(axis=1) for value in values], axis=0)
        if values and kept.any():
            found[at] = [value[kept] for value in values]
    return found


def _draw_hessian(axes: Axes, found: Mapping[str, list[np.ndarray]], label: str) -> None:
    x = np.geomspace(LOWEST["hessian"], 1, POINTS)[:-1]  # nothing is above the largest
    for at, (eigenvalues, weights) in found.items():
        for sign, dashes in ((1, "-"), (-1, (0, (3, 1.2)))):
            shares = exceeding(eigenvalues, weights, x, sign)
            _draw_quantiles(axes, x, shares, PLACES["hessian"][at][1], dashes, f"{at} {'+' if sign > 0 else '-'}")
    axes.set_title(wrapped(label, 20), loc="left")


def _draw_kernel(axes: Axes, found: Mapping[str, list[np.ndarray]], label: str) -> None:
    handles, names = [], []
    for at, (eigenvalues,) in found.items():
        eigenvalues = -np.sort(-eigenvalues, axis=1)
        shares = eigenvalues / eigenvalues.sum(axis=1, keepdims=True)
        text, colour = PLACES["kernel"][at]
        _draw_quantiles(axes, np.arange(1, shares.shape[1] + 1), shares, colour, "-", at)
        middle, low, high = median_band(effective_rank(eigenvalues))
        handles.append(Line2D([], [], color=colour))
        names.append(f"{text}: {middle:.3g} ({low:.3g}–{high:.3g})")
    above = {"loc": "lower left", "bbox_to_anchor": (0, 1.0), "borderaxespad": 0.1, "alignment": "left"}
    above |= {"borderpad": 0.1, "labelspacing": 0.15, "handlelength": 1.0}
    legend = axes.legend(handles, names, title=wrapped(label, 20), **above)
    legend.get_title().set_fontsize(8)


def _draw_quantiles(axes: Axes, x: np.ndarray, shares: np.ndarray, colour: str, dashes: object, gid: str) -> None:
    """Draw median and 10–90 % of the seeds; what is not positive has no place on a logarithmic axis."""
    low, middle, high = np.quantile(shares, [0.1, 0.5, 0.9], axis=0)
    floor = np.where(high > 0, np.clip(low, 1e-30, None), np.nan)
    look = {"alpha": 0.18, "linewidth": 0, "gid": f"band {gid}"}
    axes.fill_between(x, floor, np.where(high > 0, high, np.nan), color=colour, **look)
    axes.plot(x, np.where(middle > 0, middle, np.nan), color=colour, linestyle=dashes, linewidth=1.0, gid=gid)


def _scale(grid: np.ndarray, kind: str) -> None:
    """Begin the axes where the medians end, but never below the rounding of the eigenvalues."""
    lines = [line for axes in grid for line in axes.lines]
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in lines])
    lowest = LOWEST["kernel"] if kind == "kernel" else 1e-6
    grid[0].set_ylim(max(lowest, float(np.nanmin(values))) / 2, 2.0)
    if kind == "hessian":
        grid[0].set_xlim(LOWEST["hessian"], 1.5)


def _add_legend(figure: Figure, kind: str) -> None:
    after, band = (" of training", " (numbers: effective rank)") if kind == "kernel" else ("", "")
    handles = [Line2D([], [], color=colour, label=label + after) for label, colour in PLACES[kind].values()]
    if kind == "hessian":
        signs = {"λ > 0": "-", "λ < 0": (0, (3, 1.2))}
        handles += [Line2D([], [], color=GREY, linestyle=dashes, label=sign) for sign, dashes in signs.items()]
    handles.append(Patch(facecolor=GREY, alpha=0.3, label=f"10–90 % of the seeds{band}"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), handlelength=1.6)
