"""Labels, colours and markers of the variants of a study, given out by their places in it."""

import colorsys
from collections.abc import Iterable

from toponn.figures.record import Look

# Okabe and Ito's palette, distinguishable with every common colour blindness (jfly.uni-koeln.de/color).
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = (
    "#1a1a1a", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
COLOURS = (BLUE, SKY, BLACK, VERMILION, ORANGE, GREEN, PURPLE, "#8C510A", "#01665E", "#B2182B")
"""Colours of the model classes, in the order in which they first appear; further ones go round the circle of hues."""
PALER = (0.0, 0.22, 0.42, 0.61)
"""How far towards white the variants of one class go; the fifth looks like the first again, but for its marker."""
MARKERS, FURTHER = "osX^vDP", "<>ph*d8H"
"""Markers of the first variant of each class, and of all further variants."""


def looks(variants: Iterable[tuple[str, str, str]]) -> dict[str, Look]:
    """Return how each variant of a study looks in every figure; entries that are added at the end change no other.

    A class has a colour and a marker of its own. Its further variants have other markers, and paler shades.

    Parameters
    ----------
    variants
        (name, label, model) of all entries under ``models``, in their order.

    Examples
    --------
    >>> found = looks([("narrow", "CNN", "cnn"), ("wide", "CNN, wide", "cnn"), ("mlp", "MLP", "mlp")])
    >>> [look.marker for look in found.values()], found["mlp"]
    (['o', '<', 's'], Look(label='MLP', colour='#56B4E9', marker='s'))
    """
    members: dict[str, int] = {}  # number of variants of each class so far
    found = {}
    for name, label, model in variants:
        rank = members.setdefault(model, 0)
        place, further = list(members).index(model), sum(members.values()) - len(members)  # `further` is for rank > 0
        marker = FURTHER[further % len(FURTHER)] if rank else MARKERS[place % len(MARKERS)]
        found[name] = Look(label, _paler(_colour(place), PALER[rank % len(PALER)]), marker)
        members[model] += 1
    return found


def _colour(place: int) -> str:
    """Return the colour of a class; beyond the palette hues go by the golden section, so that no two are close."""
    if place < len(COLOURS):
        return COLOURS[place]
    return _hexadecimal(colorsys.hls_to_rgb(0.618034 * place % 1.0, 0.4, 0.65))


def _paler(colour: str, share: float) -> str:
    """Return a colour that is mixed with this share of white."""
    if not share:
        return colour
    channels = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return _hexadecimal(channel + share * (1 - channel) for channel in channels)


def _hexadecimal(channels: Iterable[float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02X}" for channel in channels)
