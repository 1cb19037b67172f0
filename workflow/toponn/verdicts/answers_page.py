"""The page of answers as HTML that needs no other file: numbers, intervals, and the figures that hold them."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from toponn.verdicts import pages
from toponn.verdicts.answers import QUESTIONS, VERDICTS
from toponn.verdicts.pages import document, number

TITLE = "Which models learn the invariant, which learn a proxy, and what makes the exact model hard or easy to train?"
PLACES = {"winding": "Chains (winding number)", "chern": "Plane (Chern number)"}


def page(
    answers: pd.DataFrame,
    verdicts: Mapping[str, Mapping[str, list[str]]],
    figures: Mapping[str, Path],
    labels: Mapping[str, str],
) -> str:
    """Return the page.

    Parameters
    ----------
    answers : rows of `toponn.verdicts.answers.answers`
    verdicts : what `toponn.verdicts.answers.verdicts` returned
    figures : PNG files by name, of those that the answers refer to
    labels : what figures call the variants, by name in the order in which they show them
    """
    # Here commas separate models.
    labels = {name: escape(label.replace(", ", " ", 1)) for name, label in labels.items()}
    places = pages.numbered(answers["figure"], figures)
    parts = [f"<h1>{TITLE}</h1>", '<div class="short">', *_short(verdicts, labels), "</div>"]
    for question in QUESTIONS.values():
        parts.append(f"<h2>{escape(question)}</h2>")
        mine = answers[answers["question"] == question]
        parts += [] if len(mine) else ["<p>Nothing was measured in this study that answers this.</p>"]
        for statement, rows in mine.groupby("statement", sort=False):
            parts.append(f"<h3>{escape(statement)}</h3>{_table(rows, places, labels)}")
    return document("Answers", parts + pages.figures(places, figures))


def _short(verdicts: Mapping[str, Mapping[str, list[str]]], labels: Mapping[str, str]) -> list[str]:
    """Return the verdicts of the proxy tests, a paragraph a task."""
    lines = []
    for task, groups in verdicts.items():
        said = [
            f"<b>{escape(text)}</b>: {', '.join(labels[name] for name in groups[text]) or 'none'}" for text in VERDICTS
        ]
        begins = f"{PLACES[task]}. By whom they side with where a proxy and the invariant disagree, models learn"
        lines.append(f"<p>{begins} {'; '.join(said)}.</p>")
    return lines


def _table(rows: pd.DataFrame, places: Mapping[str, int], labels: Mapping[str, str]) -> str:
    """Return one statement as a table: a row a model, a column a task with the figure that shows it."""
    figures = dict(zip(rows["task"], rows["figure"], strict=True))
    head = "".join(
        f"<th>{' '.join(filter(None, (PLACES[task], pages.link(figure, places))))}</th>"
        for task, figure in figures.items()
    )
    cells = {(row.variant, row.task): _cell(row) for row in rows.itertuples()}
    named = {name: label for name, label in labels.items() if name in set(rows["variant"])}
    body = "".join(
        f"<tr><th>{label}</th>" + "".join(f"<td>{cells.get((name, task), '')}</td>" for task in figures) + "</tr>"
        for name, label in named.items()
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"


def _cell(row: Any) -> str:
    note = f"<br><small>{escape(row.note)}</small>" if isinstance(row.note, str) and row.note else ""
    return number(row.value, row.low, row.high) + note
