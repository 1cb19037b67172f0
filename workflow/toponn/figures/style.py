"""The one style of all figures: sizes, 8 pt text, colours, and markers that also work without colour.

Figures are made with `matplotlib.figure.Figure`, never with pyplot: nothing is global, no display is needed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import wraps
from itertools import chain, count, product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from toponn.figures.looks import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from toponn.figures.record import Look
from toponn.tools.checks import choose
from toponn.tools.files import whole_file
from toponn.tools.provenance import provenance

SINGLE_COLUMN = 3.4  # inches
DOUBLE_COLUMN = 7.0
PNG_DPI = 300

GREY, PALE = "#6e6e6e", "#d9d9d9"


# In the order of the legends; estimators of the two tasks that correspond to each other look the same.
ESTIMATOR_STYLES = {
    "spectral_localizer": Look("spectral localizer", BLUE, "o"),
    "localizer_of_gap": Look("localizer, κ of the gap", SKY, "P"),
    "real_space_winding": Look("local winding", VERMILION, "^"),
    "real_space_chern": Look("local Chern marker", VERMILION, "^"),
    "product_rule": Look("product rule", GREEN, "s"),
    "three_sector_chern": Look("three sectors", GREEN, "s"),
    "bott_index": Look("Bott index", ORANGE, "D"),
    "winding_number": Look("winding of $h(k)$", PURPLE, "v"),
    "chern_number": Look("plaquettes in $k$", PURPLE, "v"),
}

# Integers: orange above zero, blue below, pale at zero; lightness falls by the same step (CIELAB L* 23) on either side.
INTEGER_COLOURS = {
    -3: "#073660", -2: "#246fa8", -1: "#76abd9", 0: "#e5e5e5", 1: "#dd9660", 2: "#a6540e", 3: "#5b2400",
}  # fmt: skip

# Lightness falls linearly (CIELAB L* from 95 to 26) along a path of blue, so that equal steps look equal.
SEQUENTIAL_COLOURS = [
    "#e8f2f7", "#c0ddeb", "#99c7e0", "#74b0d4", "#5299c8", "#3282b9", "#1f6aa3", "#195487", "#173f69",
]  # fmt: skip

RC = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "mathtext.fontset": "dejavusans",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "figure.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
    "text.color": BLACK,
    "axes.edgecolor": BLACK,
    "axes.labelcolor": BLACK,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "hatch.linewidth": 0.5,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.h_pad": 0.03,
    "savefig.dpi": PNG_DPI,
    "pdf.fonttype": 42,  # text stays text
    "svg.hashsalt": "toponn",
}


def styled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run `function` under this module's settings, whatever the user's own matplotlibrc says."""

    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(RC)
            return function(*args, **kwargs)

    return inside


def variants_in_order(names: Iterable[str], looks: Mapping[str, Look], where: str = "variant") -> list[str]:
    """Return the distinct variants in the order of `looks`.

    Raises
    ------
    ConfigError
        If a variant has no look.

    Examples
    --------
    >>> variants_in_order(["b", "a", "b"], {"a": Look("a", "#000000", "o"), "b": Look("b", "#ffffff", "s")})
    ['a', 'b']
    """
    distinct = set(names)
    for name in distinct:
        choose(looks, name, where)
    return [name for name in looks if name in distinct]


def estimator_style(name: str) -> Look:
    """Return label, colour and marker of an estimator.

    Raises
    ------
    ConfigError
        If the estimator has no row in `ESTIMATOR_STYLES`.
    """
    return choose(ESTIMATOR_STYLES, name, "toponn.figures.style.ESTIMATOR_STYLES")


def estimators_in_order(names: Iterable[str]) -> list[str]:
    """Return the distinct names in the order of `ESTIMATOR_STYLES`.

    Examples
    --------
    >>> estimators_in_order(["bott_index", "spectral_localizer", "bott_index"])
    ['spectral_localizer', 'bott_index']
    """
    return variants_in_order(names, ESTIMATOR_STYLES, "toponn.figures.style.ESTIMATOR_STYLES")


def integer_map() -> LinearSegmentedColormap:
    """Return the colour map for means of integers from −3 to 3; what lies beyond takes the outermost colours."""
    return LinearSegmentedColormap.from_list("toponn_integers", list(INTEGER_COLOURS.values()), N=601)


def sequential_map() -> LinearSegmentedColormap:
    """Return the colour map for quantities from bad (pale) to good (dark)."""
    return LinearSegmentedColormap.from_list("toponn_sequential", SEQUENTIAL_COLOURS)


def panel_letters() -> Iterator[str]:
    """Yield a, b, …, z, aa, ab and so on."""
    return map("".join, chain.from_iterable(product(ascii_lowercase, repeat=length) for length in count(1)))


@styled
def not_measured() -> Figure:
    """Return a figure that says that no model has such values: tables say whether none applies or all seeds failed."""
    figure = Figure(figsize=(SINGLE_COLUMN, 1.0))
    figure.text(0.5, 0.5, "no model of this study has such values", ha="center", va="center", color=GREY)
    return figure


def legend_columns(names: Sequence[str], most: int, width: float = DOUBLE_COLUMN) -> int:
    """Return the number of columns, at most `most`, in which a legend of these names fits into `width` inches.

    Examples
    --------
    >>> legend_columns(["CNN", "ResNet", "MLP"], 4), legend_columns(["a name of nearly forty characters, say"] * 4, 4)
    (3, 2)
    """
    for columns in range(min(most, len(names)), 1, -1):
        longest = [max(map(len, part)) for part in np.array_split(np.array(names, dtype=object), columns)]
        if 4.0 * sum(longest) + 25 * columns <= 72 * width:  # points of a letter; of a line, a marker and a gap
            return columns
    return 1


def row_note(axes: Axes, height: float, text: str) -> None:
    """Write why a row of a panel has no marker, in the middle of the panel."""
    look = {"ha": "center", "va": "center", "fontsize": 6.5, "color": GREY, "backgroundcolor": "white"}
    axes.text(0.5, height, text, transform=axes.get_yaxis_transform(), **look)


def panel_letter(axes: Any, letter: str) -> None:
    """Write a bold panel letter above the upper left corner of `axes`."""
    axes.set_title(letter, loc="left", fontweight="bold")


def size_axis(axes: Axes, sizes: Iterable[float]) -> None:
    """Make the x axis logarithmic, with a mark at each of the sizes and no other."""
    places = sorted(set(sizes))
    axes.set_xscale("log")
    margin = max(1.1, (places[-1] / places[0]) ** 0.05)  # for marks that stand beside each other at one size
    axes.set_xlim(places[0] / margin, places[-1] * margin)
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())


@styled
def save(figure: Figure, stem: str | Path) -> None:
    """Write `<stem>.pdf` and `<stem>.png`; both appear whole, and only once both are drawn.

    The same figure gives the same bytes on every rerun of the same code and study: no date is written, but what made it
    (`toponn.tools.provenance`) is, as keywords of the PDF and description of the PNG. Nothing but the caller holds the
    figure (pyplot does not know it), so it needs no closing.
    """
    made_by = "; ".join(f"{key} {value}" for key, value in provenance().items())
    metadata = {
        "pdf": {"CreationDate": None, "Creator": "toponn", "Producer": "toponn", "Keywords": made_by},
        "png": {"Software": None, "Description": made_by},
    }
    with ExitStack() as stack:
        for kind, entries in metadata.items():
            temporary = stack.enter_context(whole_file(f"{stem}.{kind}"))
            figure.savefig(temporary, format=kind, metadata=entries)
