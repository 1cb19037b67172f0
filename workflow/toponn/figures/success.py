"""How often training succeeds, how well each seed does, and how steep the loss is at the start."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import BLACK, DOUBLE_COLUMN, GREY, PALE, panel_letter, row_note, styled, variants_in_order
from toponn.figures.words import wrapped


@figure(
    of="task",
    inputs=("trainability", "runs"),
    about=("success", "trained_seeds", "split_sizes", "home"),
    result="fraction of successful runs",
    category="Trainability",
)
@styled
def success_figure(given: Given) -> Figure:
    """Draw how often the variants of a task succeed on the dataset that it trains on, in three panels.

    Left, the success fraction with Wilson's 95 % interval; middle, the balanced accuracy of every seed on the
    validation split (filled: the run counts as a success); right, the gradient norm before the first step,
    median and 10–90 % of the seeds.
    """
    trainability, runs, looks = given.table("trainability"), given.table("runs"), given.looks
    runs = runs[runs["dataset"] == given.about["home"]]
    trainability = trainability[trainability["size"].isin(runs["size"])]
    threshold = given.about["success"]["balanced_accuracy"]
    rows = variants_in_order(runs["variant"], looks)
    drawn = {name: _drawn(looks[name], runs[runs["variant"] == name]["start"].iloc[0]) for name in rows}
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.75 + 0.3 * len(rows)))
    panels = figure.subplots(1, 3, sharey=True, width_ratios=[1.15, 1.4, 1.0])
    _draw_fraction(panels[0], drawn, trainability)
    _draw_seeds(panels[1], rows, runs, threshold, looks)
    _draw_gradient(panels[2], drawn, trainability)
    panels[0].set_yticks(range(len(rows)), [wrapped(looks[name].label, 30) for name in rows])
    panels[0].set_ylim(len(rows) - 0.45, -0.55)
    for axes, letter in zip(panels, "abc", strict=True):
        panel_letter(axes, letter)
        axes.tick_params(axis="y", length=0)
        axes.hlines(
            np.arange(len(rows)),
            0,
            1,
            transform=axes.get_yaxis_transform(),
            color=PALE,
            linewidth=0.4,
            zorder=0,
        )
    figure.align_xlabels(panels)
    _add_legend(figure, threshold)
    return figure


def _drawn(look: Look, start: str) -> dict[str, object]:
    """Return marker and colours: filled for the random start, open for the closed form."""
    filled = look.colour if start == "random" else "white"
    return {"color": look.colour, "marker": look.marker, "markerfacecolor": filled, "markersize": 5}


def _line(trainability: pd.DataFrame, diagnostic: str, variant: str) -> pd.Series | None:
    """Return the one row of the table of this diagnostic and variant, or None if the diagnostic does not apply."""
    chosen = trainability[(trainability["variant"] == variant) & (trainability["diagnostic"] == diagnostic)]
    return chosen.iloc[0] if len(chosen) and np.isfinite(chosen["value"].iloc[0]) else None


def _draw_interval(axes: Axes, height: int, line: pd.Series, look: Mapping[str, object]) -> None:
    reach = [[max(0.0, line["value"] - line["low"])], [max(0.0, line["high"] - line["value"])]]
    axes.errorbar(line["value"], height, xerr=reach, capsize=2, elinewidth=1.0, capthick=1.0, zorder=3, **look)


def _draw_fraction(axes: Axes, drawn: Mapping[str, Mapping[str, object]], trainability: pd.DataFrame) -> None:
    for height, (variant, look) in enumerate(drawn.items()):
        line = _line(trainability, "success_fraction", variant)
        if line is None:
            row_note(axes, height, "does not apply")
            continue
        _draw_interval(axes, height, line, look)
        successes, seeds = round(line["value"] * line["n_seeds"]), int(line["n_seeds"])
        axes.text(1.07, height, f"{successes}/{seeds}", ha="left", va="center", fontsize=6.5, color=GREY)
    axes.set_xlim(-0.04, 1.42)  # room for counts such as 100/100
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "", "0.5", "", "1"])
    axes.set_xlabel("success fraction")


def _draw_seeds(
    axes: Axes, rows: Sequence[str], runs: pd.DataFrame, threshold: float, looks: Mapping[str, Look]
) -> None:
    """Draw every seed, spread across the row where values lie close together, and the median as a bar."""
    width = max(float(np.ptp(runs["validation_balanced_accuracy"].dropna())), 0.01) / 50
    for height, variant in enumerate(rows):
        of_row = runs[runs["variant"] == variant].dropna(subset="validation_balanced_accuracy")
        values = of_row["validation_balanced_accuracy"].to_numpy(dtype=float)
        won = of_row["success"].astype(str).isin(("True", "1", "1.0")).to_numpy()
        look = looks[variant]
        offsets = height + swarm(values, width)
        axes.scatter(
            values,
            offsets,
            s=7,
            c=[look.colour if one else "none" for one in won],
            edgecolors=look.colour,
            marker=look.marker,
            linewidths=0.5,
            zorder=2,
            gid="seeds",
        )
        if len(values) > 1:
            axes.vlines(np.median(values), height - 0.4, height + 0.4, color=BLACK, linewidth=1.0, zorder=3)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.axvline(threshold, color=GREY, linewidth=0.7, linestyle=":", zorder=1)
    axes.set_xlabel("balanced accuracy, validation")


def swarm(values: np.ndarray, width: float, half_height: float = 0.34) -> np.ndarray:
    """Return offsets (S,) across the row that spread seeds whose values fall into one bin of this width.

    Examples
    --------
    >>> swarm(np.array([0.5, 1.0, 1.0]), width=0.1).round(2).tolist()
    [0.0, -0.06, 0.06]
    """
    offsets = np.zeros(len(values))
    if not len(values):
        return offsets
    bin_of = np.round(np.asarray(values) / width).astype(int)
    for place in np.unique(bin_of):
        inside = np.flatnonzero(bin_of == place)
        spread = min(half_height, 0.06 * (len(inside) - 1))
        offsets[inside] = np.linspace(-spread, spread, len(inside)) if len(inside) > 1 else 0.0
    return offsets


def _draw_gradient(axes: Axes, drawn: Mapping[str, Mapping[str, object]], trainability: pd.DataFrame) -> None:
    axes.set_xscale("log")
    for height, (variant, look) in enumerate(drawn.items()):
        line = _line(trainability, "initial_gradient_norm", variant)
        if line is None or line["value"] <= 0:
            row_note(axes, height, "does not apply")
        else:
            _draw_interval(axes, height, line, look)
    axes.xaxis.set_minor_formatter(NullFormatter())  # within one decade the names of minor ticks overlap
    low, high = axes.get_xlim()
    stretch = max(1.0, np.sqrt(11 * low / high))  # so that one power of ten is named
    axes.set_xlim(low / stretch, high * stretch)
    axes.set_xlabel("gradient norm at the start")


def _add_legend(figure: Figure, threshold: float) -> None:
    grey = {"color": GREY, "marker": "o", "linestyle": "none"}
    handles = [
        Line2D([], [], markersize=5, label="random start", **grey),
        Line2D([], [], markersize=5, markerfacecolor="white", label="closed-form start", **grey),
        Line2D([], [], markersize=2.6, label="seed, success", **grey),
        Line2D([], [], markersize=2.6, markerfacecolor="none", markeredgewidth=0.5, label="seed, no success", **grey),
        Line2D([], [], color=BLACK, marker="|", markersize=7, linestyle="none", label="median"),
        Line2D([], [], color=GREY, linewidth=0.7, linestyle=":", label=f"success: {threshold:g}"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1.2)
