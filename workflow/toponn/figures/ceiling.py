"""How often independent estimators agree, against the strength of the disorder and the size of the samples."""

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toponn.figures.record import Given, figure
from toponn.figures.style import (
    BLACK,
    DOUBLE_COLUMN,
    GREY,
    estimator_style,
    panel_letters,
    sequential_map,
    styled,
)

SELECTIONS = {"all": "-", "decided": (0, (3, 1.5))}
MARKERS = "osD^vP"
STRENGTHS = {
    "onsite_box": "on-site disorder $W$ (hopping)",
    "onsite_binary": "on-site binary disorder $W$ (hopping)",
    "bond_box": "bond disorder $W$ (hopping)",
    "vacancies": "vacancies (share of the sites)",
    "structural_displacement": "displacement $W$ (neighbour distance)",
}


@figure(
    of="ceiling",
    inputs=("ceiling",),
    about=("recipe", "task"),
    result="agreement of estimators",
    category="Labels",
)
@styled
def ceiling_figure(given: Given) -> Figure:
    """Draw how often the estimators of one entry of ``ceiling`` agree.

    There is one column for each pair of estimators: above their agreement, below the share that both call decided.
    Each line is one length of the samples: solid for all of them, dashed for those that both estimators call decided.
    Bands are the intervals of the table.
    """
    table = given.table("ceiling")
    pairs = list(dict.fromkeys(zip(table["estimator_a"], table["estimator_b"], strict=True)))
    lengths = sorted(set(table["length"]))
    figure = Figure(figsize=(DOUBLE_COLUMN, 3.3))
    grid = figure.subplots(2, len(pairs), sharex=True, sharey="row", squeeze=False, height_ratios=[2.2, 1])
    for (above, below), (a, b), letter in zip(grid.T, pairs, panel_letters(), strict=False):
        of_pair = table[(table["estimator_a"] == a) & (table["estimator_b"] == b)]
        for (place, length), selection in product(enumerate(lengths), SELECTIONS):
            rows = of_pair[(of_pair["length"] == length) & (of_pair["selection"] == selection)]
            _draw_agreement(above, rows.sort_values("strength"), selection, *_look(place, len(lengths)))
        for place, length in enumerate(lengths):
            _draw_share(below, of_pair[of_pair["length"] == length], *_look(place, len(lengths)))
        names = f"{estimator_style(a).label},\n{estimator_style(b).label}"
        above.set_title(rf"$\mathbf{{{letter}}}$  {names}", loc="left")
        below.set_xlabel(_strength_label(str(table["disorder"].iloc[0])))
    lowest = float(table["low"].min())
    grid[0, 0].set_ylim(min(0.5, np.floor(20 * lowest) / 20), 1.01)
    grid[1, 0].set_ylim(0, 1.03)
    grid[0, 0].set_ylabel("agreement")
    grid[1, 0].set_ylabel("share decided")
    _add_legend(figure, lengths)
    return figure


def _look(place: int, count: int) -> tuple[object, str]:
    """Return colour and marker of a length; longer samples are darker."""
    return sequential_map()(1.0 - 0.7 * (count - 1 - place) / max(count - 1, 1)), MARKERS[place % len(MARKERS)]


def _strength_label(disorder: str) -> str:
    return STRENGTHS.get(disorder, disorder.replace("_", " "))


def _draw_agreement(axes: Axes, rows: pd.DataFrame, selection: str, colour: object, marker: str) -> None:
    """Draw one length of one pair; strengths at which no sample is left have no point."""
    rows = rows[rows["n_samples"] > 0]
    strength = rows["strength"].to_numpy(dtype=float)
    filled = colour if selection == "all" else "white"
    look = {"color": colour, "marker": marker, "markersize": 3.2, "markerfacecolor": filled, "markeredgewidth": 0.7}
    axes.plot(
        strength, rows["agreement"], linestyle=SELECTIONS[selection], linewidth=1.0, zorder=3, gid=selection, **look
    )
    axes.fill_between(
        strength, rows["low"], rows["high"], color=colour, alpha=0.13, linewidth=0, zorder=1, gid="interval"
    )


def _draw_share(axes: Axes, rows: pd.DataFrame, colour: object, marker: str) -> None:
    """Draw how many of the samples of one length both estimators call decided."""
    counts = rows.pivot_table(index="strength", columns="selection", values="n_samples")
    share = (counts["decided"] / counts["all"]).sort_index()
    axes.plot(share.index, share, color=colour, marker=marker, markersize=3.2, linewidth=1.0, gid="share")


def _add_legend(figure: Figure, lengths: list[float]) -> None:
    handles: list[Line2D | Patch] = []
    for place, length in enumerate(lengths):
        colour, marker = _look(place, len(lengths))
        look = {"color": colour, "marker": marker, "markersize": 3.2, "linewidth": 1.0}
        handles.append(Line2D([], [], label=f"length {length:g}", **look))
    for selection, label in (("all", "all samples"), ("decided", "decided by both")):
        handles.append(Line2D([], [], color=BLACK, linewidth=1.0, linestyle=SELECTIONS[selection], label=label))
    handles.append(Patch(facecolor=GREY, alpha=0.3, label="95 % interval"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1.8, columnspacing=1.0)
