"""How the balanced accuracy on the validation split grows with the epochs, for every seed."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toponn.figures.record import Given, figure
from toponn.figures.style import BLACK, DOUBLE_COLUMN, GREY, panel_letters, styled, variants_in_order
from toponn.figures.words import wrapped

COLUMNS = 3
NEUTRAL = "#5b7083"  # stands for every model's colour in the legend


@figure(
    of="task",
    inputs=("history",),
    about=("success", "trained_seeds", "split_sizes", "home"),
    result="learning curves",
    category="Training",
    only_with="stepwise",
)
@styled
def learning_curves_figure(given: Given) -> Figure:
    """Draw the learning curves of the study's seeds, for the variants of a task that are trained over epochs.

    There is one panel a variant: median over seeds, 10–90 % band, and every seed as a faint line. The figure says which
    variants it does not show, since they are solved rather than trained.
    """
    history, seeds, looks = given.table("history"), given.about["trained_seeds"], given.looks
    history = history[history["seed"] < history["variant"].map(seeds)]  # a block may hold more seeds
    threshold = given.about["success"]["balanced_accuracy"]
    shown = variants_in_order(history["variant"], looks)
    rows = -(-(len(shown) + 1) // COLUMNS)  # one place more for the legend
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.35 + 1.75 * rows))
    grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, variant, letter in zip(grid, shown, panel_letters(), strict=False):
        _draw_variant(axes, history[history["variant"] == variant], looks[variant].colour, threshold)
        axes.set_title(rf"$\mathbf{{{letter}}}$  {wrapped(looks[variant].label, 28)}", loc="left")
    for position, axes in enumerate(grid):
        axes.tick_params(labelbottom=position + COLUMNS >= len(shown))
    _draw_legend(grid[len(shown)], threshold, [looks[name].label for name in seeds if name not in shown])
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    grid[0].set_ylim(_lowest(history) - 0.02, 1.02)
    figure.supxlabel("epoch", fontsize=8)
    figure.supylabel("balanced accuracy, validation", fontsize=8)
    return figure


def _lowest(history: pd.DataFrame) -> float:
    """Return the lower end of the axis: the smallest value of all, so that no seed is cut off, and at most 0.9."""
    values = history["validation_balanced_accuracy"]
    return float(min(values.min(), 0.9)) if values.notna().any() else 0.0


def _draw_variant(axes: Axes, history: pd.DataFrame, own: str, threshold: float) -> None:
    """Draw the seeds of one variant: solid in its own colour from random starts, else dashed in black."""
    colour, dashes = (own, "-") if history["start"].iloc[0] == "random" else (BLACK, (0, (4, 1.5)))
    curves = history.pivot_table(
        index="epoch", columns="seed", values="validation_balanced_accuracy", dropna=False
    ).ffill()  # a seed that has ended stays where it was
    axes.plot(curves.index, curves, color=colour, alpha=0.15, linewidth=0.4, zorder=1, gid="seed")
    low, middle, high = curves.quantile([0.1, 0.5, 0.9], axis=1).to_numpy()
    axes.fill_between(curves.index, low, high, color=colour, alpha=0.22, linewidth=0, zorder=2)
    axes.plot(curves.index, middle, color=colour, linestyle=dashes, zorder=3, gid="median")
    axes.axhline(threshold, color=GREY, linewidth=0.7, linestyle=":", zorder=2.5, gid="threshold")
    seeds = "1 seed" if curves.shape[1] == 1 else f"{curves.shape[1]} seeds"
    axes.set_title(seeds, loc="right", fontsize=7, color=GREY)


def _draw_legend(axes: Axes, threshold: float, left_out: Sequence[str]) -> None:
    """Say in a free panel what the lines are, and which variants have none."""
    handles = [
        Line2D([], [], color=NEUTRAL, label="median, random start"),
        Line2D([], [], color=BLACK, linestyle=(0, (4, 1.5)), label="median, closed-form start"),
        Patch(facecolor=NEUTRAL, alpha=0.3, label="10–90 % of the seeds"),
        Line2D([], [], color=NEUTRAL, alpha=0.5, linewidth=0.5, label="one seed"),
        Line2D([], [], color=GREY, linewidth=0.7, linestyle=":", label=f"success: {threshold:g}"),
    ]
    if left_out:
        note = f"not shown, solved without epochs:\n{wrapped(', '.join(left_out), 34)}"
        handles.append(Line2D([], [], linestyle="none", label=note))
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(0.0, 0.5), borderaxespad=0, handlelength=1.8)
