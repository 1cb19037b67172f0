"""How far the outputs of models are correlated with the local marker."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import DOUBLE_COLUMN, PALE, not_measured, panel_letter, row_note, styled, variants_in_order
from toponn.figures.words import wrapped

PANELS = {
    "output_overlap": "correlation with the local marker\nover all samples",
    "residual_overlap": "correlation with the local marker\namong samples of one label",
}


@figure(
    of="task",
    inputs=("trainability",),
    about=("proxies", "tested_seeds", "split_sizes", "home"),
    result="outputs and the local marker",
    category="Trainability",
    only_with="proxies",
)
@styled
def overlap_figure(given: Given) -> Figure:
    """Draw the correlations of a task's outputs f with the local marker: over all samples, and within labels.

    Markers are medians over seeds, bars the 10 % and 90 % quantiles.
    """
    trainability, looks = given.table("trainability"), given.looks
    rows = trainability[trainability["diagnostic"].isin(PANELS)]
    if rows.empty:
        return not_measured()
    variants = variants_in_order(rows["variant"], looks)
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.9 + 0.24 * len(variants)))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (diagnostic, label), letter in zip(panels, PANELS.items(), "ab", strict=True):
        _draw(axes, rows[rows["diagnostic"] == diagnostic], {name: looks[name] for name in variants})
        axes.set_xlabel(label)
        panel_letter(axes, letter)
    panels[0].set_yticks(range(len(variants)), [wrapped(looks[name].label, 30) for name in variants])
    panels[0].set_ylim(len(variants) - 0.5, -0.5)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    lines = rows.set_index("variant")
    for height, (variant, look) in enumerate(looks.items()):
        axes.axhline(height, color=PALE, linewidth=0.4, zorder=0)
        if variant not in lines.index or not lines.loc[variant, "value"] == lines.loc[variant, "value"]:
            row_note(axes, height, "constant within labels")
            continue
        line = lines.loc[variant]
        reach = [[line["value"] - line["low"]], [line["high"] - line["value"]]]
        axes.errorbar(line["value"], height, xerr=reach, color=look.colour, marker=look.marker, capsize=2)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(min(0.0, rows["low"].min()) - 0.03, 1.03)
