"""Two phases in one sample: the local Chern marker, the rings' own local marker, and the rings' weight of each site."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import Colormap, Normalize, to_rgba
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import (
    BLACK,
    DOUBLE_COLUMN,
    GREY,
    PALE,
    VERMILION,
    integer_map,
    not_measured,
    panel_letter,
    styled,
)

LARGEST = 3.0  # markers beyond it take its colour
STRIP = 0.15  # half-width, in normalised coordinates, of the strip that profiles are averaged over
COVERED = 0.5  # share of the seeds that must have a marker at a site for their median to be drawn


@figure(
    of="interface",
    inputs=("interfaces", "markers"),
    about=("recipe", "home"),
    result="local markers",
    category="Generalization",
)
@styled
def interface_figure(given: Given) -> Figure:
    """Draw the markers of the first sample of an entry of ``interfaces``: three maps, and profiles along a strip.

    The arrays are ``positions`` (N, 2); ``marker`` (N,), the local Chern marker; ``learned`` (S, N), the rings' own
    marker, NaN where a ring's weight is too small for one; ``weight`` (S, N), in units of its root mean square, NaN of
    a seed that failed. The title sums up the rows of all draws and seeds.
    """
    arrays, attributes = given.arrays("markers")
    finite = np.isfinite(arrays["weight"]).all(axis=1)  # the seeds that did not fail
    if not finite.any():
        return not_measured()
    arrays = {**arrays, "learned": arrays["learned"][finite], "weight": arrays["weight"][finite]}
    r, learned = np.asarray(arrays["positions"]), arrays["learned"]
    half = (r.max(axis=0) - r.min(axis=0)) / 2
    middle = (r.max(axis=0) + r.min(axis=0)) / 2
    covered = np.isfinite(learned).mean(axis=0) >= COVERED
    own = np.full(len(r), np.nan)
    own[covered] = np.nanmedian(learned[:, covered], axis=0)
    figure = Figure(figsize=(DOUBLE_COLUMN, 4.5))
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.25, 1])
    panels = upper.subplots(1, 3, sharey=True)
    scale = Normalize(-LARGEST, LARGEST)
    weight = np.median(arrays["weight"], axis=0)
    most = max(float(np.abs(weight).max()), 1e-9)
    look = Normalize(-most, most)
    drawn = (
        ("local Chern marker", arrays["marker"], integer_map(), scale),
        ("ring’s own marker, median", own, integer_map(), scale),
        ("ring’s weight, median", weight, integer_map(), look),
    )
    for axes, (title, values, colours, norm), letter in zip(panels, drawn, "abc", strict=True):
        _draw_sites(axes, r, values, colours, norm)
        _draw_interface(axes, middle, half * attributes["beyond"])
        axes.set_title(title)
        panel_letter(axes, letter)
        axes.set_xlabel("x (distance)")
    panels[0].set_ylabel("y (distance)")
    upper.colorbar(ScalarMappable(scale, integer_map()), ax=panels[:2], shrink=0.8, label="marker", extend="both")
    upper.colorbar(ScalarMappable(look, integer_map()), ax=panels[2], shrink=0.8, label="weight (rms)")
    axes = lower.subplots()
    strip = np.abs(r[:, 1] - middle[1]) <= STRIP * half[1]
    _draw_profiles(axes, r, arrays, strip, given.looks[attributes["variant"]])
    for side in (-1, 1):
        axes.axvline(middle[0] + side * half[0] * attributes["beyond"], color=GREY, linewidth=0.8, linestyle="--")
    axes.set_title(_summed_up(given.table("interfaces")))
    panel_letter(axes, "d")
    axes.set_xlabel(f"x (distance); mean over |y| ≤ {STRIP * half[1]:.1f}")
    axes.set_ylabel("marker")
    lower.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _draw_sites(axes: Axes, r: np.ndarray, values: np.ndarray, colours: Colormap, norm: Normalize) -> None:
    """Draw a disk for every site, open where there is no value."""
    nearest = float(np.median(cKDTree(r).query(r, k=2)[0][:, 1]))
    rows = {"offsets": r, "transOffset": axes.transData, "units": "xy"}
    size = np.full(len(r), 0.92 * nearest)
    faces = colours(norm(np.nan_to_num(values)))
    faces[~np.isfinite(values)] = (1, 1, 1, 1)
    edges = np.where(np.isfinite(values)[:, None], faces, np.array(to_rgba(PALE)))
    axes.add_collection(
        EllipseCollection(size, size, np.zeros(len(r)), facecolors=faces, edgecolors=edges, linewidths=0.4, **rows)
    )
    axes.set_xlim(r[:, 0].min() - nearest, r[:, 0].max() + nearest)
    axes.set_ylim(r[:, 1].min() - nearest, r[:, 1].max() + nearest)
    axes.set_aspect("equal")


def _draw_interface(axes: Axes, middle: np.ndarray, reach: np.ndarray) -> None:
    """Draw the border between the two phases."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * reach + middle
    axes.plot(*corners.T, color=BLACK, linewidth=0.8, linestyle="--")


def _draw_profiles(axes: Axes, r: np.ndarray, arrays: Mapping[str, np.ndarray], strip: np.ndarray, look: Look) -> None:
    """Draw both markers along x, averaged over a strip: the local Chern marker, and median and band over seeds."""
    columns = np.unique(np.round(r[strip, 0], 6))
    where = [strip & (np.abs(r[:, 0] - x) < 1e-5) for x in columns]
    marker = [arrays["marker"][sites].mean() for sites in where]
    seen = np.array([_mean(arrays["learned"][:, sites]) for sites in where])  # (columns, S)
    enough = np.isfinite(seen).mean(axis=1) >= COVERED
    low, middle, high = (np.full(len(columns), np.nan) for _ in range(3))
    low[enough], middle[enough], high[enough] = np.nanquantile(seen[enough], [0.1, 0.5, 0.9], axis=1)
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.plot(columns, marker, color=VERMILION, marker="^", markersize=3.5, label="local Chern marker")
    axes.plot(
        columns,
        middle,
        color=look.colour,
        marker=look.marker,
        markersize=3.5,
        label="the ring’s own, median and 10–90 % of seeds",
    )
    axes.fill_between(columns, low, high, color=look.colour, alpha=0.25, linewidth=0)
    axes.set_ylim(-LARGEST, LARGEST)


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean (S,) over the finite of values (S, n), NaN where fewer than half are."""
    finite = np.isfinite(values)
    enough = finite.mean(axis=1) >= 0.5
    mean = np.where(finite, values, 0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1)
    return np.where(enough, mean, np.nan)


def _summed_up(rows: pd.DataFrame) -> str:
    """Return a line of text with the mean of both markers in each region, over all draws and seeds."""
    means = rows.groupby("region", sort=False)[["learned", "marker"]].mean()
    parts = [
        f"{region}: own {row.learned:+.2f}, local Chern {row.marker:+.2f}"
        if np.isfinite(row.marker)
        else f"{region}: no site far enough from border and edge"
        for region, row in means.iterrows()
    ]
    return "; ".join(parts).replace("-", "−")
