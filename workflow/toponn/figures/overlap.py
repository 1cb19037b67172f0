"""What was learned, in the metric of the data: how outputs go with the local marker."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toponn.checks import DataError
from toponn.figures.style import DOUBLE_COLUMN, PALE, in_order, model_style, panel_letter, row_note, styled

PANELS = {
    "output_overlap": "correlation with the local marker\nover all samples",
    "residual_overlap": "correlation with the local marker\namong samples of one label",
}


@styled
def overlap(trainability: pd.DataFrame) -> Figure:
    """Return two panels over the same models: the correlation of f with the marker over all samples, and within labels.

    Markers are medians over seeds, bars the 10 % and 90 % quantiles.

    Parameters
    ----------
    trainability
        Rows of one task with the columns model, form, diagnostic (``output_overlap``, ``residual_overlap``), value, low
        and high.

    Raises
    ------
    DataError
        If there are no such rows, or one model twice.
    """
    rows = trainability[trainability["diagnostic"].isin(PANELS)]
    if rows.empty or rows.duplicated(["model", "form", "diagnostic"]).any():
        raise DataError(f"overlap: found {len(rows)} rows; allowed: one of each diagnostic a model")
    models = in_order(zip(rows["model"], rows["form"], strict=True))
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.9 + 0.24 * len(models)))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (diagnostic, label), letter in zip(panels, PANELS.items(), "ab", strict=True):
        _draw(axes, rows[rows["diagnostic"] == diagnostic], models)
        axes.set_xlabel(label)
        panel_letter(axes, letter)
    panels[0].set_yticks(range(len(models)), [model_style(*pair).label for pair in models])
    panels[0].set_ylim(len(models) - 0.5, -0.5)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, models: list[tuple[str, str]]) -> None:
    lines = rows.set_index(["model", "form"])
    for height, pair in enumerate(models):
        axes.axhline(height, color=PALE, linewidth=0.4, zorder=0)
        if pair not in lines.index or not lines.loc[pair, "value"] == lines.loc[pair, "value"]:
            row_note(axes, height, "constant within labels")
            continue
        line, style = lines.loc[pair], model_style(*pair)
        reach = [[line["value"] - line["low"]], [line["high"] - line["value"]]]
        axes.errorbar(line["value"], height, xerr=reach, color=style.colour, marker=style.marker, capsize=2)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(min(0.0, rows["low"].min()) - 0.03, 1.03)
