"""The page of answers as HTML that needs no other file: numbers, intervals, and the figures that hold them."""

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

import pandas as pd

from toponn.answers import QUESTIONS, VERDICTS
from toponn.figures.style import model_style

TITLE = "Which models learn the invariant, which learn a proxy, and what makes the exact model hard or easy to train?"
PLACES = {"winding": "Chains (winding number)", "chern": "Plane (Chern number)"}
STYLE = """
body {font: 15px/1.45 sans-serif; color: #1a1a1a; max-width: 62em; margin: 2em auto; padding: 0 1em}
h1 {font-size: 1.35em} h2 {font-size: 1.15em; margin-top: 1.6em; border-bottom: 1px solid #d9d9d9}
p {margin: .5em 0} b {font-weight: 600} small, .place {color: #6e6e6e} img {max-width: 100%} figure {margin: 1.5em 0}
.short {background: #f3f6f9; padding: .6em 1em}
"""


def number(value: float, low: float, high: float) -> str:
    """Return a number with its interval, missing ends left out.

    Examples
    --------
    >>> number(0.5, 0.4, 0.6), number(12.5, 3, float("inf"))
    ('0.500 (0.400 to 0.600)', '12.5 (3 to ∞)')
    """
    largest = max(abs(part) for part in (value, low, high) if part == part and abs(part) < float("inf"))

    def written(part: float) -> str:
        if abs(part) == float("inf"):
            return "∞"
        return f"{part:.3f}" if largest < 2 and (part == 0 or abs(part) >= 1e-3) else f"{part:.3g}"

    interval = f" ({written(low)} to {written(high)})" if low == low and high == high else ""
    return f"{written(value)}{interval}".replace("-", "−")


def page(answers: pd.DataFrame, verdicts: Mapping[str, Mapping[str, list[str]]], figures: Mapping[str, Path]) -> str:
    """Return the page.

    Parameters
    ----------
    answers : rows of `toponn.answers.answers`
    verdicts : what `toponn.answers.verdicts` returned
    figures : PNG files by name, of those that the answers refer to
    """
    shown = [name for name in dict.fromkeys(answers["figure"]) if name in figures]
    places = {name: place for place, name in enumerate(shown, start=1)}
    parts = [f"<h1>{TITLE}</h1>", '<div class="short">', *_short(verdicts), "</div>"]
    for question in QUESTIONS.values():
        parts.append(f"<h2>{escape(question)}</h2>")
        mine = answers[answers["question"] == question]
        for statement, rows in mine.groupby("statement", sort=False):
            parts.append(f"<p><b>{escape(statement)}.</b><br>{'<br>'.join(_lines(rows, places))}</p>")
    for name in shown:
        data = base64.b64encode(Path(figures[name]).read_bytes()).decode()
        image = f'<img alt="{escape(name)}" src="data:image/png;base64,{data}">'
        parts.append(
            f'<figure id="{escape(name)}">{image}<figcaption>Figure {places[name]}: {name}</figcaption></figure>'
        )
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>Answers</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _short(verdicts: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
    """Return the verdicts of the proxy tests, a paragraph a task."""
    lines = []
    for task, groups in verdicts.items():
        said = [
            f"<b>{escape(text)}</b>: {', '.join(_label(*name.partition(',')[::2]) for name in groups[text]) or 'none'}"
            for text in VERDICTS
        ]
        begins = f"{PLACES[task]}. By whom they side with where a proxy and the invariant disagree, models learn"
        lines.append(f"<p>{begins} {'; '.join(said)}.</p>")
    return lines


def _lines(rows: pd.DataFrame, places: Mapping[str, int]) -> list[str]:
    """Return a line a task: each model with its number and note, and the figure."""
    lines = []
    for (task, figure), group in rows.groupby(["task", "figure"], sort=False):
        said = [
            f"{_label(row.model, row.form)} {number(row.value, row.low, row.high)}"
            + (f" <small>[{escape(row.note)}]</small>" if isinstance(row.note, str) and row.note else "")
            for row in group.itertuples()
        ]
        link = f' <a href="#{escape(figure)}">Figure {places[figure]}</a>' if figure in places else ""
        lines.append(f'<span class="place">{PLACES[task]}:</span> {"; ".join(said)}.{link}')
    return lines


def _label(model: str, form: str) -> str:
    return escape(model_style(model, form).label)
