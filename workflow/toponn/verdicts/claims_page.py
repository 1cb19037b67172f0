"""The claims of the source paper as one page: rule, verdict, every row that decides, and the figure that shows it."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from toponn.verdicts.claims import RULES, WHOLE
from toponn.verdicts.pages import filled

TITLE = "Which claims of “Why is topology hard to learn?” hold in this study?"
PAGE = """{% extends "frame" %}
{% block body %}
<div class="short"><table>
{% for claim, row in whole.items() %}
<tr><td>{{ claim }}</td><td>{{ row.statement }}</td><td><b>{{ row.verdict }}</b></td></tr>
{% endfor %}
</table></div>
<p>A row is <b>supported</b> where the whole 95 % interval lies on the claim's side of its threshold, <b>not
supported</b> where it lies wholly on the other side, and <b>mixed</b> otherwise; a claim as a whole is supported where
all rows that count are, not supported where all of them are not, and mixed otherwise. The claims are those of a summary
of the paper (arXiv 2509.26261); the numbers are this study's.</p>
{% for claim, rows in parts.items() %}
<h2>{{ claim }}. {{ rows[0].statement }}</h2><p>{{ rules[claim] }}</p>
{% if claim in whole %}{% set row = whole[claim] %}
<p><b>{{ row.verdict.capitalize() }}</b> (of the {{ row.test }}: {{ "%.2f" % row.measured }}). All rows:
{% for verdict in rows | map(attribute="verdict") | unique %}
{{ rows | selectattr("verdict", "eq", verdict) | list | length }} {{ verdict }}{{ ", " if not loop.last else "." }}
{%- endfor %}</p>
{% endif %}
<details><summary>{{ rows | length }} rows</summary><table>
<tr><th>kind</th><th>model</th><th>what</th><th>measured (95 % interval)</th><th>verdict</th><th></th></tr>
{% for row in rows %}
<tr><td>{{ row.kind }}</td><td>{{ labels.get(row.variant, "") }}</td><td>{{ row.test }}</td>
<td>{{ number(row.measured, row.low, row.high) }}</td><td>{{ row.verdict }}</td>
<td>{% if row.figure in places %}<a href="#{{ row.figure }}">Figure {{ places[row.figure] }}</a>{% endif %}</td></tr>
{% endfor %}
</table></details>
{% endfor %}
{% endblock %}
"""


def page(claims: pd.DataFrame, figures: Mapping[str, Path], labels: Mapping[str, str]) -> str:
    """Return the page.

    Parameters
    ----------
    claims : rows of `toponn.verdicts.claims.claims_table`
    figures : PNG files by name, of those that the rows refer to
    labels : what figures call the variants, by name
    """
    whole = {row.claim: row for row in claims.itertuples() if row.kind == WHOLE}
    decided = claims[claims["kind"] != WHOLE].groupby("claim", sort=True)
    parts = {claim: list(rows.itertuples()) for claim, rows in decided}
    given = {"whole": whole, "parts": parts, "rules": RULES, "labels": labels}
    return filled(PAGE, claims["figure"], figures, name="Claims", title=TITLE, **given)
