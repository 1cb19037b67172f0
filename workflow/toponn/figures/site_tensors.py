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

from toponn.figures.record import Given, figure
from toponn.figures.style import BLACK, DOUBLE_COLUMN, GREY, not_measured, styled, variants_in_order

Arrays = Mapping[str, np.ndarray]

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
@styled
def site_tensors_figure(given: Given) -> Figure:
    """Draw the site tensors of a task's rings: those of the closed form, and those learned from random starts.

    On a lattice (d = 2) the closed form stands over the seed of median balanced accuracy, on one colour scale
    a tensor; on a chain (d = 1) all seeds are lines, the median seed is bold, and the closed form is dashed.

    The arrays are ``positions`` (sites, d) and, per variant, ``closed_form/<variant>`` (tensors, sites),
    ``learned/<variant>`` (seeds, tensors, sites), already mapped linearly onto the closed form, and
    ``balanced_accuracy/<variant>`` (seeds,); the attributes are ``tensor_names_<variant>``, the tensors' names with
    commas between them.
    """
    (arrays, attributes), looks = given.arrays("site_tensors"), given.looks
    positions = np.asarray(arrays["positions"], dtype=float)
    rings = variants_in_order((name.split("/")[1] for name in arrays if name.startswith("learned/")), looks)
    if not rings:
        return not_measured()
    draw = _draw_chain if positions.shape[1] == 1 else _draw_lattice
    figure, parts = _parts([len(arrays[f"closed_form/{name}"]) for name in rings], positions.shape[1])
    for part, name in zip(parts, rings, strict=True):
        draw(part, arrays, name, _names(attributes, name), looks[name].colour)
        part.suptitle(_title(looks[name].label, arrays[f"balanced_accuracy/{name}"]), color=BLACK)
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


def _of_ring(arrays: Arrays, ring: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return the positions, a ring's tensors of the closed form and learned ones, and its median seed."""
    seed = median_seed(arrays[f"balanced_accuracy/{ring}"])
    return np.asarray(arrays["positions"], dtype=float), arrays[f"closed_form/{ring}"], arrays[f"learned/{ring}"], seed


def _title(label: str, balanced_accuracy: np.ndarray) -> str:
    """Return the ring's name over the number of seeds and what the median seed reached."""
    count = len(balanced_accuracy)
    seeds = "1 seed" if count == 1 else f"{count} seeds"
    return f"{label}\nmedian of {seeds}, balanced accuracy {balanced_accuracy[median_seed(balanced_accuracy)]:.3f}"


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


def _draw_chain(part: SubFigure, arrays: Arrays, ring: str, names: list[str], colour: str) -> None:
    """Draw each tensor against the position along the chain: all seeds, the median seed, the closed form."""
    positions, closed, learned, seed = _of_ring(arrays, ring)
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
        Line2D([], [], color=BLACK, linewidth=0.9, linestyle=DASHES, label="closed form"),
        Line2D([], [], color=GREY, linewidth=1.5, label="learned, median seed"),
        Line2D([], [], color=GREY, linewidth=0.5, alpha=0.6, label="learned, every seed"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _draw_lattice(part: SubFigure, arrays: Arrays, ring: str, names: list[str], colour: str) -> None:
    """Draw the closed form over the median seed, one column and one colour scale a tensor."""
    positions, closed, learned, seed = _of_ring(arrays, ring)
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
