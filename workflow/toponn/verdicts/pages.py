"""Pages of HTML that need no other file: the frame of both, numbers with intervals, and figures inside.

The templates stand in Python modules, so that a job that fills one is made again when it changes.
"""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from toponn.tools.provenance import provenance

FRAME = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ name }}</title><style>
body {font: 15px/1.45 sans-serif; color: #1a1a1a; max-width: 62em; margin: 2em auto; padding: 0 1em}
h1 {font-size: 1.35em} h2 {font-size: 1.15em; margin-top: 1.6em; border-bottom: 1px solid #d9d9d9}
h3 {font-size: 1em; margin: 1.2em 0 .3em} p {margin: .5em 0} small {color: #6e6e6e} img {max-width: 100%}
table {border-collapse: collapse; font-size: .93em} th {text-align: left; font-weight: 600; padding: .15em 1em .15em 0}
td {padding: .15em 1.2em .15em 0; vertical-align: top} tr {border-top: 1px solid #eee} figure {margin: 1.5em 0}
footer {margin-top: 2em; color: #6e6e6e; font-size: .85em}
.short {background: #f3f6f9; padding: .6em 1em}
</style></head><body>
<h1>{{ title }}</h1>
{% block body required %}{% endblock %}
{% for figure, place in places.items() %}
<figure id="{{ figure }}"><img alt="{{ figure }}" src="data:image/png;base64,{{ images[figure] }}">
<figcaption>Figure {{ place }}: {{ figure }}</figcaption></figure>
{% endfor %}
<footer>{% for key, value in made_by.items() %}{{ key.replace("_", " ") }} {{ value }}{{ "; " if not loop.last }}
{%- endfor %}</footer>
</body></html>
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


def filled(template: str, named: Iterable[str], figures: Mapping[str, Path], **given: Any) -> str:
    """Return a page: a template that extends the frame, filled with what is `given`.

    Parameters
    ----------
    named : figures in the order in which the page names them; those that there are get numbers in this order
    figures : PNG files by name
    """
    places = {name: i for i, name in enumerate((n for n in dict.fromkeys(named) if n in figures), start=1)}
    images = {name: base64.b64encode(Path(figures[name]).read_bytes()).decode() for name in places}
    loader = DictLoader({"frame": FRAME, "page": template})
    jinja = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return jinja.get_template("page").render(**given, places=places, images=images, number=number, made_by=provenance())
