"""How names of datasets and systems, kinds of tests, integers and parameters are written in figures."""

import re
import textwrap

import numpy as np
import pandas as pd

from toponn.tools.tables import MISLEADING

KINDS = {
    "sizes": "other sizes",
    "shapes": "other shapes",
    "lattices": "other lattices and systems",
    "disorder": "other disorder",
    "integers": "unseen integers",
    "gauge": "another basis of every site",
    MISLEADING: "made to mislead",
}
"""What kinds of tests are called."""


def signed(label: int) -> str:
    """Return an integer with its sign and a true minus.

    Examples
    --------
    >>> signed(1), signed(0), signed(-2)
    ('+1', '0', '−2')
    """
    return f"{label:+d}".replace("-", "−") if label else "0"


def dataset_label(name: str) -> str:
    """Return a dataset's name as people write it.

    Examples
    --------
    >>> dataset_label("extended_ssh_24"), dataset_label("qwz_8_strong"), dataset_label("haldane_disk")
    ('extended SSH 24', 'QWZ 8 strong', 'Haldane disk')
    """
    written = {"ssh": "SSH", "qwz": "QWZ", "bhz": "BHZ", "haldane": "Haldane", "hofstadter": "Hofstadter"}
    written |= {"chern": "Chern", "kitaev": "Kitaev", "anderson": "Anderson"}
    return " ".join(written.get(word, word) for word in name.replace("l_shape", "L-shape").split("_"))


def system_label(name: str) -> str:
    """Return a system's name, or that of a class in a user's own file, as people write it.

    Examples
    --------
    >>> system_label("kitaev_chain"), system_label("toponn.matter.systems.mine:Mine")
    ('Kitaev chain', 'Mine')
    """
    return dataset_label(name.rpartition(":")[2])


def numbers_label(text: str) -> str:
    """Return ``name = value`` pairs as people write them, with spaces inside a pair that no line breaks at.

    Examples
    --------
    >>> numbers_label("fermi_energy = -1.4, t_minus_1 = 0, t2 = 1").replace("\N{NO-BREAK SPACE}", "~")
    'fermi~energy~=~−1.4, t₋₁~=~0, t₂~=~1'
    """
    text = re.sub(r"\bt_?(minus_)?(\d)\b", lambda t: f"t{'₋' if t[1] else ''}{chr(ord('₀') + int(t[2]))}", text)
    pairs = [pair.replace("_", " ").replace("= -", "= −") for pair in text.split(", ")]
    return ", ".join(pair.replace(" ", "\N{NO-BREAK SPACE}") for pair in pairs)


def fitted_power(exponents: pd.DataFrame, route: str) -> str:
    """Return the end of a route's label: the fitted power of N with its interval, or nothing where none was fitted.

    Parameters
    ----------
    exponents : rows of the trainability table with the column route
    """
    row = exponents[exponents["route"] == route]
    if row.empty or not np.isfinite(row["value"].iloc[0]):
        return ""
    value, low, high = (float(row[key].iloc[0]) for key in ("value", "low", "high"))
    return f": $N^{{{value:.2f}}}$" + (f" ({low:.2f}–{high:.2f})" if np.isfinite(low) else "")


def wrapped(text: str, width: int) -> str:
    r"""Return `text` in lines of at most `width` characters, broken at spaces outside formulas.

    Examples
    --------
    >>> wrapped("clean limit, $t_2 = 0.2$", 12)
    'clean limit,\n$t_2 = 0.2$'
    """
    whole = re.sub(r"\$[^$]*\$", lambda formula: formula[0].replace(" ", "\0"), text)
    return "\n".join(textwrap.wrap(whole, width, break_on_hyphens=False)).replace("\0", " ")
