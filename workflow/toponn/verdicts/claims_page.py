"""The claims of the source paper as one page: rule, verdict, every row that decides, and the figure that shows it."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from toponn.verdicts import pages
from toponn.verdicts.claims import RULES, WHOLE
from toponn.verdicts.pages import document, number

TITLE = "Which claims of “Why is topology hard to learn?” hold in this study?"
GENERAL = (
    "A row is <b>supported</b> where the whole 95 % interval lies on the claim's side of its threshold, <b>not "
    "supported</b> where it lies wholly on the other side, and <b>mixed</b> otherwise; a claim as a whole is supported "
    "where all rows that count are, not supported where all of them are not, and mixed otherwise. The claims are those "
    "of a summary of the paper (arXiv 2509.26261); the numbers are this study's."
)


def page(claims: pd.DataFrame, figures: Mapping[str, Path], labels: Mapping[str, str]) -> str:
    """Return the page.

    Parameters
    ----------
    claims : rows of `toponn.verdicts.claims.claims_table`
    figures : PNG files by name, of those that the rows refer to
    labels : what figures call the variants, by name
    """
    places = pages.numbered(claims["figure"], figures)
    whole = claims[claims["kind"] == WHOLE].set_index("claim")
    lines = "".join(
        f"<tr><td>{claim}</td><td>{escape(row['statement'])}</td><td><b>{row['verdict']}</b></td></tr>"
        for claim, row in whole.iterrows()
    )
    parts = [f"<h1>{TITLE}</h1>", f'<div class="short"><table>{lines}</table></div>', f"<p>{GENERAL}</p>"]
    for claim, rows in claims[claims["kind"] != WHOLE].groupby("claim", sort=True):
        parts.append(f"<h2>{claim}. {escape(rows['statement'].iloc[0])}</h2><p>{escape(RULES[claim])}</p>")
        if claim in whole.index:
            row = whole.loc[claim]
            counted = f"of the {row['test']}: {row['measured']:.2f}"
            parts.append(f"<p><b>{row['verdict'].capitalize()}</b> ({counted}). All rows: {_tally(rows)}.</p>")
        body = "".join(_line(row, places, labels) for row in rows.itertuples())
        columns = ("kind", "model", "what", "measured (95 % interval)", "verdict", "")
        head = f"<tr>{''.join(f'<th>{name}</th>' for name in columns)}</tr>"
        parts.append(f"<details><summary>{len(rows)} rows</summary><table>{head}{body}</table></details>")
    return document("Claims", parts + pages.figures(places, figures))


def _tally(rows: pd.DataFrame) -> str:
    """Return how many rows have each verdict."""
    return ", ".join(f"{count} {verdict}" for verdict, count in rows["verdict"].value_counts(sort=False).items())


def _line(row: Any, places: Mapping[str, int], labels: Mapping[str, str]) -> str:
    label = labels.get(row.variant, "")
    cells = (*map(escape, (row.kind, label, row.test)), number(row.measured, row.low, row.high), row.verdict)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in (*cells, pages.link(row.figure, places))) + "</tr>"
