"""The page of answers as HTML that needs no other file: numbers, intervals, and the figures that hold them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from toponn.verdicts.answers import QUESTIONS, VERDICTS
from toponn.verdicts.pages import filled

TITLE = "Which models learn the invariant, which learn a proxy, and what makes the exact model hard or easy to train?"
TASKS = {"winding": "Chains (winding number)", "chern": "Plane (Chern number)"}
PAGE = """{% extends "frame" %}
{% block body %}
<div class="short">
{% for task, groups in verdicts.items() %}
<p>{{ tasks[task] }}. By whom they side with where a proxy and the invariant disagree, models learn
{% for text in texts %}
<b>{{ text }}</b>: {% for name in groups[text] %}{{ labels[name] }}{{ ", " if not loop.last }}{% else %}none{% endfor %}
{{- "; " if not loop.last else "." }}
{% endfor %}
</p>
{% endfor %}
</div>
{% for question, statements in questions.items() %}
<h2>{{ question }}</h2>
{% for statement, (figures, rows) in statements.items() %}
<h3>{{ statement }}</h3>
<table>
<tr><th></th>
{% for task, figure in figures.items() %}
<th>{{ tasks[task] }}{% if figure in places %} <a href="#{{ figure }}">Figure {{ places[figure] }}</a>{% endif %}</th>
{% endfor %}
</tr>
{% for name, label in labels.items() if name in rows %}
<tr><th>{{ label }}</th>
{% for task in figures %}
<td>{% if task in rows[name] %}{% set row = rows[name][task] %}{{ number(row.value, row.low, row.high) }}
{%- if row.note is string and row.note %}<br><small>{{ row.note }}</small>{% endif %}{% endif %}</td>
{% endfor %}
</tr>
{% endfor %}
</table>
{% else %}
<p>Nothing was measured in this study that answers this.</p>
{% endfor %}
{% endfor %}
{% endblock %}
"""


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
    questions: dict[str, dict] = {question: {} for question in QUESTIONS.values()}
    for row in answers.itertuples():  # by statement the figure of each task, and by variant and task the rows
        shown, rows = questions[row.question].setdefault(row.statement, ({}, {}))
        shown[row.task] = row.figure
        rows.setdefault(row.variant, {})[row.task] = row
    labels = {name: label.replace(", ", " ", 1) for name, label in labels.items()}  # here commas separate models
    given = {"tasks": TASKS, "texts": VERDICTS, "verdicts": verdicts, "questions": questions, "labels": labels}
    return filled(PAGE, answers["figure"], figures, name="Answers", title=TITLE, **given)
