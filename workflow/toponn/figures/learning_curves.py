"""How the balanced accuracy on the validation split grows with the epochs, for every seed."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toponn.checks import DataError
from toponn.figures.style import BLACK, DOUBLE_COLUMN, GREY, in_order, model_style, styled

COLUMNS = 3
NEUTRAL = "#5b7083"  # stands for every model's colour in the legend


@styled
def learning_curves(
    history: pd.DataFrame, threshold: float, without_epochs: tuple[str, ...] = ("loop_ridge",)
) -> Figure:
    """Return one panel a model: median over seeds, 10–90 % band, and every seed as a faint line.

    Parameters
    ----------
    history
        One row an epoch, with the columns model, form, start, seed, epoch and validation_balanced_accuracy.
    threshold
        The balanced accuracy from which a run counts as a success, drawn as a line.
    without_epochs
        Models that are solved rather than trained; they are left out, and the figure says so.

    Raises
    ------
    DataError
        If no model of the history was trained over epochs.
    """
    pairs = in_order(zip(history["model"], history["form"], strict=True))
    shown = [pair for pair in pairs if pair[0] not in without_epochs]
    if not shown:
        raise DataError("learning curves: found no model that was trained over epochs")
    rows = -(-(len(shown) + 1) // COLUMNS)  # one place more for the legend
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.35 + 1.75 * rows))
    grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (model, form), letter in zip(grid, shown, "abcdefghijklmnopqrstuvwxyz", strict=False):
        of_model = history[(history["model"] == model) & (history["form"] == form)]
        _draw_model(axes, of_model, model, form, threshold)
        axes.set_title(rf"$\mathbf{{{letter}}}$  {model_style(model, form).label}", loc="left")
    for position, axes in enumerate(grid):
        axes.tick_params(labelbottom=position + COLUMNS >= len(shown))
    left_out = [model_style(name).label for name in without_epochs]
    _draw_legend(grid[len(shown)], threshold, left_out)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    grid[0].set_ylim(_lowest(history) - 0.02, 1.02)
    figure.supxlabel("epoch", fontsize=8)
    figure.supylabel("balanced accuracy, validation", fontsize=8)
    return figure


def _lowest(history: pd.DataFrame) -> float:
    """Return where the axis begins: at the smallest value of all, so that no seed is cut off."""
    values = history["validation_balanced_accuracy"]
    return float(min(values.min(), 0.9)) if values.notna().any() else 0.0


def _draw_model(axes: Axes, history: pd.DataFrame, model: str, form: str, threshold: float) -> None:
    """Draw the seeds of one model from each start."""
    counts = []
    for start in ("random", "closed_form"):
        of_start = history[history["start"] == start]
        if of_start.empty:
            continue
        curves = of_start.pivot_table(
            index="epoch", columns="seed", values="validation_balanced_accuracy", dropna=False
        ).ffill()  # a seed that has ended stays where it was
        colour = model_style(model, form).colour if start == "random" else BLACK
        dashes = "-" if start == "random" else (0, (4, 1.5))
        axes.plot(curves.index, curves, color=colour, alpha=0.15, linewidth=0.4, zorder=1, gid="seed")
        low, middle, high = curves.quantile([0.1, 0.5, 0.9], axis=1).to_numpy()
        axes.fill_between(curves.index, low, high, color=colour, alpha=0.22, linewidth=0, zorder=2)
        axes.plot(curves.index, middle, color=colour, linestyle=dashes, zorder=3, gid="median")
        counts.append(curves.shape[1])
    axes.axhline(threshold, color=GREY, linewidth=0.7, linestyle=":", zorder=2.5, gid="threshold")
    seeds = "1 seed" if counts == [1] else f"{' + '.join(str(count) for count in counts)} seeds"
    axes.set_title(seeds, loc="right", fontsize=7, color=GREY)


def _draw_legend(axes: Axes, threshold: float, left_out: list[str]) -> None:
    """Say in the free place what the lines are and which models have none."""
    handles = [
        Line2D([], [], color=NEUTRAL),
        Line2D([], [], color=BLACK, linestyle=(0, (4, 1.5))),
        Patch(facecolor=NEUTRAL, alpha=0.3),
        Line2D([], [], color=NEUTRAL, alpha=0.5, linewidth=0.5),
        Line2D([], [], color=GREY, linewidth=0.7, linestyle=":"),
    ]
    names = [
        "median, random start",
        "median, closed-form start",
        "10–90 % of the seeds",
        "one seed",
        f"success: {threshold:g}",
    ]
    notes = ["n + m seeds: n from the random,\nm from the closed-form start"]
    if left_out:
        notes.append(f"not shown, solved without epochs:\n{', '.join(left_out)}")
    handles += [Line2D([], [], linestyle="none")] * len(notes)
    names += notes
    axes.legend(handles, names, loc="center left", bbox_to_anchor=(0.0, 0.5), borderaxespad=0, handlelength=1.8)
