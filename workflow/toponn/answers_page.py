"""The page of answers as HTML that needs no other file: numbers, intervals, and the figures that hold them."""

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from toponn.answers import QUESTIONS, VERDICTS
from toponn.figures.style import in_order, model_style

TITLE = "Which models learn the invariant, which learn a proxy, and what makes the exact model hard or easy to train?"
PLACES = {"winding": "Chains (winding number)", "chern": "Plane (Chern number)"}
STYLE = """
body {font: 15px/1.45 sans-serif; color: #1a1a1a; max-width: 62em; margin: 2em auto; padding: 0 1em}
h1 {font-size: 1.35em} h2 {font-size: 1.15em; margin-top: 1.6em; border-bottom: 1px solid #d9d9d9}
h3 {font-size: 1em; margin: 1.2em 0 .3em} p {margin: .5em 0} small {color: #6e6e6e} img {max-width: 100%}
table {border-collapse: collapse; font-size: .93em} th {text-align: left; font-weight: 600; padding: .15em 1em .15em 0}
td {padding: .15em 1.2em .15em 0; vertical-align: top} tr {border-top: 1px solid #eee} figure {margin: 1.5em 0}
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
            parts.append(f"<h3>{escape(statement)}</h3>{_table(rows, places)}")
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


def _table(rows: pd.DataFrame, places: Mapping[str, int]) -> str:
    """Return one statement as a table: a row a model, a column a task with the figure that shows it."""
    figures = dict(zip(rows["task"], rows["figure"], strict=True))
    head = "".join(
        f"<th>{PLACES[task]}"
        + (f' <a href="#{escape(figure)}">Figure {places[figure]}</a>' if figure in places else "")
        + "</th>"
        for task, figure in figures.items()
    )
    cells = {(row.model, row.form, row.task): _cell(row) for row in rows.itertuples()}
    body = "".join(
        f"<tr><th>{_label(*pair)}</th>"
        + "".join(f"<td>{cells.get((*pair, task), '')}</td>" for task in figures)
        + "</tr>"
        for pair in in_order(zip(rows["model"], rows["form"], strict=True))
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"


def _cell(row: Any) -> str:
    note = f"<br><small>{escape(row.note)}</small>" if isinstance(row.note, str) and row.note else ""
    return number(row.value, row.low, row.high) + note


def _label(model: str, form: str) -> str:
    """Return the model's label without the comma, which separates models here."""
    return escape(model_style(model, form).label.replace(", ", " ", 1) if form else model_style(model, form).label)
