"""Pages of HTML that need no other file: their style, numbers with intervals, and figures inside."""

import base64
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from toponn.tools.provenance import provenance

STYLE = """
body {font: 15px/1.45 sans-serif; color: #1a1a1a; max-width: 62em; margin: 2em auto; padding: 0 1em}
h1 {font-size: 1.35em} h2 {font-size: 1.15em; margin-top: 1.6em; border-bottom: 1px solid #d9d9d9}
h3 {font-size: 1em; margin: 1.2em 0 .3em} p {margin: .5em 0} small {color: #6e6e6e} img {max-width: 100%}
table {border-collapse: collapse; font-size: .93em} th {text-align: left; font-weight: 600; padding: .15em 1em .15em 0}
td {padding: .15em 1.2em .15em 0; vertical-align: top} tr {border-top: 1px solid #eee} figure {margin: 1.5em 0}
footer {margin-top: 2em; color: #6e6e6e; font-size: .85em}
.short {background: #f3f6f9; padding: .6em 1em}
"""


def number(value: float, low: float, high: float) -> str:
    """Return a number with its interval, missing ends left out.

    Examples
    --------
    >>> number(0.5, 0.4, 0.6), number(12.5, 3, float("inf"))
    ('0.500 (0.400 to 0.600)', '12.5 (3 to ∞)')
    """
    if value != value:
        return "no value"
    largest = max((abs(part) for part in (value, low, high) if abs(part) < float("inf")), default=0.0)

    def written(part: float) -> str:
        if abs(part) == float("inf"):
            return "∞"
        return f"{part:.3f}" if largest < 2 and (part == 0 or abs(part) >= 1e-3) else f"{part:.3g}"

    interval = f" ({written(low)} to {written(high)})" if low == low and high == high else ""
    return f"{written(value)}{interval}".replace("-", "−")


def numbered(names: Iterable[str], files: Mapping[str, Path]) -> dict[str, int]:
    """Return the number of each figure that there is, in the order in which they are first named."""
    shown = [name for name in dict.fromkeys(names) if name in files]
    return {name: place for place, name in enumerate(shown, start=1)}


def link(name: str, places: Mapping[str, int]) -> str:
    """Return a link to a figure by its number, nothing where there is none."""
    return f'<a href="#{escape(name)}">Figure {places[name]}</a>' if name in places else ""


def figures(places: Mapping[str, int], files: Mapping[str, Path]) -> list[str]:
    """Return figures with their numbers, from PNG files."""
    parts = []
    for name, place in places.items():
        data = base64.b64encode(Path(files[name]).read_bytes()).decode()
        image = f'<img alt="{escape(name)}" src="data:image/png;base64,{data}">'
        parts.append(f'<figure id="{escape(name)}">{image}<figcaption>Figure {place}: {name}</figcaption></figure>')
    return parts


def document(title: str, parts: Iterable[str]) -> str:
    """Return a whole page with this title in the browser; its last line says what made it."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    made_by = "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in provenance().items())
    body = "\n".join([*parts, f"<footer>{escape(made_by)}</footer>"])
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'
