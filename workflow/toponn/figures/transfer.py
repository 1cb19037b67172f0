"""Fixed weights on samples of other sizes: accuracy, error of f, and the gain, f for each unit of the integer."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toponn.figures.record import Given, Look, figure
from toponn.figures.style import DOUBLE_COLUMN, GREY, legend_columns, panel_letter, size_axis, styled, variants_in_order
from toponn.tools.conventions import SIZE_UNIT

PANELS = {
    "balanced_accuracy": ("low", "high", "balanced accuracy"),
    "mean_error": ("error_low", "error_high", "mean error of $f$"),
    "gain": ("gain_low", "gain_high", "$f$ per unit of the integer"),
}
"""What each panel shows, the ends of its interval, and the label of its axis."""
SHIFT = 0.06  # relative reach to either side, so that intervals at one size stand beside each other


@figure(
    of="task",
    inputs=("generalization_summary",),
    about=("transfer_sizes", "tested_seeds", "test_sizes", "home"),
    result="accuracy on other sizes",
    category="Generalization",
    only_with="transfer_sizes",
)
@styled
def transfer_figure(given: Given) -> Figure:
    """Draw accuracy, error and gain of the variants of a task on samples of other sizes.

    The three panels have a line for each variant, whose weights are fixed, against the size of the test samples. A
    vertical line marks the size of the training samples.
    """
    summary, looks = given.table("generalization_summary"), given.looks
    sizes = given.about["transfer_sizes"]
    figure = Figure(figsize=(DOUBLE_COLUMN, 2.7))
    table = summary[summary["test"].isin(sizes) & (summary["status"] == "ok")]
    table = table.assign(size=table["test"].map(sizes)).sort_values("size", kind="stable")
    variants = variants_in_order(table["variant"], looks)
    panels = figure.subplots(1, len(PANELS))
    for axes, (name, (low, high, label)), letter in zip(panels, PANELS.items(), "abc", strict=True):
        for place, variant in enumerate(variants):
            mine = table[table["variant"] == variant]
            _draw_variant(axes, mine, looks[variant], (name, low, high), 2 * (place + 0.5) / len(variants) - 1)
        axes.axvline(sizes[given.about["home"]], color=GREY, linewidth=0.6, linestyle=":")
        size_axis(axes, sizes.values())
        axes.tick_params(axis="x", labelrotation=90, labelsize=6)
        axes.set_xlabel(f"size of the test samples ({SIZE_UNIT[given.subject]})")
        axes.set_ylabel(label)
        panel_letter(axes, letter)
    ceiling = table.groupby("size")["ceiling"].max()
    panels[0].plot(ceiling.index, ceiling, color=GREY, linewidth=0.8, linestyle="--", label="labels’ ceiling")
    panels[0].set_ylim(bottom=min(panels[0].get_ylim()[0], 0.9))  # so that rounding does not fill the panel
    panels[1].set_ylim(bottom=0)
    panels[2].axhline(1, color=GREY, linewidth=0.6)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=legend_columns(names, 4), handlelength=1.6)
    return figure


def _draw_variant(axes: Axes, mine: pd.DataFrame, look: Look, names: tuple[str, str, str], place: float) -> None:
    name, low, high = names
    reach = [(mine[name] - mine[low]).clip(lower=0), (mine[high] - mine[name]).clip(lower=0)]
    axes.errorbar(
        mine["size"] * (1 + SHIFT * place),
        mine[name],
        yerr=reach,
        markersize=3.5,
        capsize=1.5,
        linewidth=0.9,
        elinewidth=0.7,
        color=look.colour,
        marker=look.marker,
        label=look.label,
    )
