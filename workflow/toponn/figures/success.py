"""How often training succeeds, how well each seed does, and how steep the loss is at the start."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from toponn.figures.style import BLACK, DOUBLE_COLUMN, GREY, PALE, in_order, model_style, panel_letter, row_note, styled

STARTS = {"random": "random start", "closed_form": "closed-form start"}


@styled
def success(trainability: pd.DataFrame, runs: pd.DataFrame, threshold: float) -> Figure:
    """Return three panels over the same rows (model, form, start).

    Left, the success fraction with Wilson's 95 % interval; middle, the balanced accuracy of every seed on the
    validation split (filled: the run counts as a success); right, the gradient norm before the first step,
    median and 10–90 % of the seeds.

    Parameters
    ----------
    trainability
        Rows of one task with the columns model, form, diagnostic (``success_fraction``,
        ``initial_gradient_norm``), condition (``start=random``, ``start=closed_form``), n_seeds, value, low,
        high.
    runs
        Rows of the same task with the columns model, form, start, validation_balanced_accuracy, success.
    threshold
        The balanced accuracy from which a run counts as a success.
    """
    rows = _rows(runs)
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.75 + 0.3 * len(rows)))
    panels = figure.subplots(1, 3, sharey=True, width_ratios=[1.15, 1.4, 1.0])
    _draw_fraction(panels[0], rows, trainability)
    _draw_seeds(panels[1], rows, runs, threshold)
    _draw_gradient(panels[2], rows, trainability)
    panels[0].set_yticks(range(len(rows)), [_row_label(*row) for row in rows])
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


def _rows(runs: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return (model, form, start) in the order in which they are drawn, from the top."""
    present = set(zip(runs["model"], runs["form"], runs["start"], strict=True))
    pairs = in_order((model, form) for model, form, _ in present)
    return [(*pair, start) for pair in pairs for start in STARTS if (*pair, start) in present]


def _row_label(model: str, form: str, start: str) -> str:
    label = model_style(model, form).label
    return label if start == "random" else f"{label}; closed form"


def _look(model: str, form: str, start: str) -> dict[str, object]:
    """Return marker and colours: filled for the random start, open for the closed form."""
    style = model_style(model, form)
    return {
        "color": style.colour,
        "marker": style.marker,
        "markerfacecolor": style.colour if start == "random" else "white",
        "markersize": 5,
    }


def _diagnostic(trainability: pd.DataFrame, diagnostic: str, row: tuple[str, str, str]) -> pd.Series | None:
    """Return the one line of the table for this row of the figure, or None where it does not apply."""
    model, form, start = row
    chosen = trainability[
        (trainability["model"] == model)
        & (trainability["form"] == form)
        & (trainability["diagnostic"] == diagnostic)
        & (trainability["condition"] == f"start={start}")
    ]
    if chosen.empty or not np.isfinite(chosen["value"].iloc[0]):
        return None
    return chosen.iloc[0]


def _draw_interval(axes: Axes, height: int, line: pd.Series, row: tuple[str, str, str]) -> None:
    reach = [[max(0.0, line["value"] - line["low"])], [max(0.0, line["high"] - line["value"])]]
    axes.errorbar(line["value"], height, xerr=reach, capsize=2, elinewidth=1.0, capthick=1.0, zorder=3, **_look(*row))


def _draw_fraction(axes: Axes, rows: list[tuple[str, str, str]], trainability: pd.DataFrame) -> None:
    for height, row in enumerate(rows):
        line = _diagnostic(trainability, "success_fraction", row)
        if line is None:
            row_note(axes, height, "does not apply")
            continue
        _draw_interval(axes, height, line, row)
        successes, seeds = round(line["value"] * line["n_seeds"]), int(line["n_seeds"])
        axes.text(1.07, height, f"{successes}/{seeds}", ha="left", va="center", fontsize=6.5, color=GREY)
    axes.set_xlim(-0.04, 1.42)  # room for counts such as 100/100
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "", "0.5", "", "1"])
    axes.set_xlabel("success fraction")


def _draw_seeds(axes: Axes, rows: list[tuple[str, str, str]], runs: pd.DataFrame, threshold: float) -> None:
    """Draw every seed, spread across the row where values lie close together, and the median as a bar."""
    width = max(float(np.ptp(runs["validation_balanced_accuracy"].dropna())), 0.01) / 50
    for height, (model, form, start) in enumerate(rows):
        of_row = runs[(runs["model"] == model) & (runs["form"] == form) & (runs["start"] == start)]
        of_row = of_row.dropna(subset="validation_balanced_accuracy")
        values = of_row["validation_balanced_accuracy"].to_numpy(dtype=float)
        won = of_row["success"].astype(str).isin(("True", "1", "1.0")).to_numpy()
        style = model_style(model, form)
        offsets = height + swarm(values, width)
        axes.scatter(
            values,
            offsets,
            s=7,
            c=[style.colour if one else "none" for one in won],
            edgecolors=style.colour,
            marker=style.marker,
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
    """Return offsets (S,) that set seeds whose values fall in one bin of `width` beside each other.

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


def _draw_gradient(axes: Axes, rows: list[tuple[str, str, str]], trainability: pd.DataFrame) -> None:
    axes.set_xscale("log")
    for height, row in enumerate(rows):
        line = _diagnostic(trainability, "initial_gradient_norm", row)
        if line is None or line["value"] <= 0:
            row_note(axes, height, "does not apply")
        else:
            _draw_interval(axes, height, line, row)
    axes.set_xlabel("gradient norm at the start")


def _add_legend(figure: Figure, threshold: float) -> None:
    grey = {"color": GREY, "marker": "o", "linestyle": "none"}
    handles = [
        Line2D([], [], markersize=5, **grey),
        Line2D([], [], markersize=5, markerfacecolor="white", **grey),
        Line2D([], [], markersize=2.6, **grey),
        Line2D([], [], markersize=2.6, markerfacecolor="none", markeredgewidth=0.5, **grey),
        Line2D([], [], color=BLACK, marker="|", markersize=7, linestyle="none"),
        Line2D([], [], color=GREY, linewidth=0.7, linestyle=":"),
    ]
    names = [*STARTS.values(), "seed, success", "seed, no success", "median", f"success: {threshold:g}"]
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), handlelength=1.2)
