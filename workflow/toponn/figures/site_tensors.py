"""What the ring learned: its site tensors on the lattice, beside those of the closed form."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.spatial import cKDTree

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import BLACK, DOUBLE_COLUMN, GREY, not_measured, styled, variants_in_order
from toponn.tools.checks import DataError

AT_MOST_SIDE_BY_SIDE = 6  # columns of lattices; more tensors put the rings below each other
DASHES = (0, (4, 1.5))
DIVERGING = "RdBu_r"  # white at zero; red and blue stay apart with every common colour blindness


@figure(
    of="task",
    inputs=("site_tensors",),
    about=("block_seeds", "split_sizes", "home"),
    result="learned site tensors",
    category="Trainability",
    shown="tensor rings",
    only_with="block_seeds",
)
def site_tensors_figure(given: Given) -> Figure:
    """Draw the site tensors of a task's rings."""
    return site_tensors(*given.arrays("site_tensors"), given.looks)


@styled
def site_tensors(arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any], looks: Mapping[str, Look]) -> Figure:
    """Return a figure of the site tensors of each ring: those of its closed form, and those learned from random starts.

    On a lattice (d = 2) the closed form stands over the seed of median balanced accuracy, on one colour scale
    a tensor; on a chain (d = 1) all seeds are lines, the median seed is bold, and the closed form is dashed.

    Parameters
    ----------
    arrays
        ``positions`` (sites, d) and, per variant, ``closed_form/<variant>`` (tensors, sites), ``learned/<variant>``
        (seeds, tensors, sites), already mapped linearly onto the closed form, and
        ``balanced_accuracy/<variant>`` (seeds,).
    attributes
        ``tensor_names_<variant>``, the tensors' names with commas between them.
    looks
        By variant.

    Raises
    ------
    DataError
        If d is neither 1 nor 2, or tensors, sites and names do not match in number.
    """
    positions = np.asarray(arrays["positions"], dtype=float)
    rings = variants_in_order((name.split("/")[1] for name in arrays if name.startswith("learned/")), looks)
    if positions.ndim != 2 or positions.shape[1] not in (1, 2):
        raise DataError(f"site tensors: found positions {positions.shape}; allowed: (n, 1 or 2)")
    if not rings:
        return not_measured()
    draw = _draw_chain if positions.shape[1] == 1 else _draw_lattice
    counts = []
    for name in rings:
        closed, learned = arrays[f"closed_form/{name}"], arrays[f"learned/{name}"]
        if not closed.shape[-1] == learned.shape[-1] == len(positions):
            raise DataError(f"site tensors: {name} has other sites than the {len(positions)} positions")
        if len(_names(attributes, name)) != len(closed):
            raise DataError(f"site tensors: {name} has {len(closed)} tensors and {len(_names(attributes, name))} names")
        counts.append(len(closed))
    figure, parts = _parts(counts, positions.shape[1])
    for part, name in zip(parts, rings, strict=True):
        seed, look = median_seed(arrays[f"balanced_accuracy/{name}"]), looks[name]
        tensors = arrays[f"closed_form/{name}"], arrays[f"learned/{name}"]
        draw(part, positions, *tensors, seed, _names(attributes, name), look.colour)
        part.suptitle(_title(look.label, arrays[f"balanced_accuracy/{name}"], seed), color=BLACK)
    if positions.shape[1] == 1:
        _add_chain_legend(figure)
    return figure


def median_seed(balanced_accuracy: np.ndarray) -> int:
    """Return the index of the seed with the median value, the lower one of two; seeds without a value come last.

    Examples
    --------
    >>> median_seed(np.array([0.9, 0.5, 1.0]))
    0
    """
    values = np.asarray(balanced_accuracy, dtype=float)
    order = np.argsort(values, kind="stable")
    return int(order[(max(1, int(np.isfinite(values).sum())) - 1) // 2])


def _names(attributes: Mapping[str, Any], variant: str) -> list[str]:
    return [name.strip() for name in str(attributes[f"tensor_names_{variant}"]).split(",")]


def _title(label: str, balanced_accuracy: np.ndarray, seed: int) -> str:
    """Return the ring's name over the number of seeds and what the median seed reached."""
    count = len(balanced_accuracy)
    seeds = "1 seed" if count == 1 else f"{count} seeds"
    return f"{label}\nmedian of {seeds}, balanced accuracy {balanced_accuracy[seed]:.3f}"


def _parts(counts: list[int], dimension: int) -> tuple[Figure, list[SubFigure]]:
    """Return the figure and a part of it for each ring: side by side while the columns fit, else below each other."""
    height = 2.1 if dimension == 1 else 2.95
    if sum(counts) <= AT_MOST_SIDE_BY_SIDE:
        figure = Figure(figsize=(DOUBLE_COLUMN, height))
        made = figure.subfigures(1, len(counts), width_ratios=counts, squeeze=False)
    else:
        figure = Figure(figsize=(DOUBLE_COLUMN, height * len(counts)))
        made = figure.subfigures(len(counts), 1, squeeze=False)
    return figure, list(made.ravel())


def _draw_chain(
    part: SubFigure,
    positions: np.ndarray,
    closed: np.ndarray,
    learned: np.ndarray,
    seed: int,
    names: list[str],
    colour: str,
) -> None:
    """Draw each tensor against the position along the chain: all seeds, the median seed, the closed form."""
    order = np.argsort(positions[:, 0], kind="stable")
    x = positions[order, 0]
    panels = part.subplots(1, len(closed), squeeze=False).ravel()
    for tensor, (axes, name) in enumerate(zip(panels, names, strict=True)):
        axes.axhline(0, color=GREY, linewidth=0.4, zorder=0)
        axes.plot(x, learned[:, tensor, order].T, color=colour, alpha=0.25, linewidth=0.5, gid="seed")
        axes.plot(x, learned[seed, tensor, order], color=colour, linewidth=1.5, gid="median")
        axes.plot(x, closed[tensor, order], color=BLACK, linewidth=0.9, linestyle=DASHES, gid="closed form")
        axes.set_title(name)
        axes.set_xlabel("cell")
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def _add_chain_legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=BLACK, linewidth=0.9, linestyle=DASHES),
        Line2D([], [], color=GREY, linewidth=1.5),
        Line2D([], [], color=GREY, linewidth=0.5, alpha=0.6),
    ]
    names = ["closed form", "learned, median seed", "learned, every seed"]
    figure.legend(handles, names, loc="outside lower center", ncols=3)


def _draw_lattice(
    part: SubFigure,
    positions: np.ndarray,
    closed: np.ndarray,
    learned: np.ndarray,
    seed: int,
    names: list[str],
    colour: str,
) -> None:
    """Draw the closed form over the median seed, one column and one colour scale a tensor."""
    panels = part.subplots(2, len(closed), squeeze=False)
    for tensor, name in enumerate(names):
        largest = max(np.abs(closed[tensor]).max(), np.abs(learned[seed, tensor]).max(), 1e-12)
        norm = Normalize(-largest, largest)
        for axes, values in zip(panels[:, tensor], (closed[tensor], learned[seed, tensor]), strict=True):
            _draw_sites(axes, positions, values, norm)
        panels[0, tensor].set_title(name)
        mappable = ScalarMappable(norm, DIVERGING)
        bar = part.colorbar(mappable, ax=list(panels[:, tensor]), location="bottom", shrink=0.8, aspect=14, pad=0.03)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=6)
        step = float(f"{0.75 * largest:.1g}")
        bar.set_ticks([-step, 0, step], labels=[f"{tick:g}".replace("-", "−") for tick in (-step, 0, step)])
    for axes, name in zip(panels[:, 0], ("closed form", "learned, median"), strict=True):
        axes.set_ylabel(name)


def _draw_sites(axes: Axes, positions: np.ndarray, values: np.ndarray, norm: Normalize) -> None:
    """Draw every site as a disk that nearly touches its nearest neighbour."""
    distance = cKDTree(positions).query(positions, k=2)[0][:, 1].min() if len(positions) > 1 else 1.0
    disks = EllipseCollection(
        np.full(len(positions), 0.94 * distance),
        np.full(len(positions), 0.94 * distance),
        np.zeros(len(positions)),
        units="xy",
        offsets=positions,
        offset_transform=axes.transData,
        array=values,
        cmap=DIVERGING,
        norm=norm,
        edgecolors="#9a9a9a",
        linewidths=0.25,
    )
    axes.add_collection(disks)
    low, high = positions.min(axis=0) - 0.7 * distance, positions.max(axis=0) + 0.7 * distance
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
