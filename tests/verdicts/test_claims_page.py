"""The page of claims: every rule, every verdict, every row with a link to its figure."""

import pandas as pd
import pytest
from jinja2 import UndefinedError

from toponn.tools.tables import TABLES
from toponn.verdicts.claims import STATEMENTS
from toponn.verdicts.claims_page import page
from toponn.verdicts.pages import filled

ROWS = [
    (3, "whole", "", "2 rows that count: the share that is supported", 0.5, float("nan"), float("nan"), "mixed", "a"),
    (3, "lattices", "ring", "chern, haldane <disk>, against cnn", 0.6, 0.5, 0.7, "supported", "a"),
    (3, "all", "wide", "chern, all tests", 0.1, 0.0, 0.2, "mixed", "b"),
]
LABELS = {"ring": "ring", "wide": "ring, wide"}


def claims():
    rows = [(claim, STATEMENTS[claim], *rest) for claim, *rest in ROWS]
    return pd.DataFrame(rows, columns=TABLES["claims"].columns)


def test_the_page_has_the_rule_the_verdict_as_a_whole_and_every_row_with_its_figure(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"png")
    text = " ".join(page(claims(), {name: tmp_path / f"{name}.png" for name in "ab"}, LABELS).split())
    assert "<td>ring, wide</td>" in text
    assert "paired, exceeds 0.15" in text and "<b>Mixed</b> (of the 2 rows that count" in text
    assert "All rows: 1 supported, 1 mixed." in text
    assert "haldane &lt;disk&gt;" in text and "0.600 (0.500 to 0.700)" in text
    assert text.count('<a href="#') == text.count("<figure id=") == 2


def test_a_row_whose_figure_is_not_there_has_no_link():
    text = page(claims(), {}, LABELS)
    assert "<a href" not in text and "<figure" not in text


def test_a_template_that_names_what_is_not_given_is_an_error_and_not_a_gap():
    with pytest.raises(UndefinedError, match="'answer' is undefined"):
        filled('{% extends "frame" %}{% block body %}{{ answer }}{% endblock %}', [], {}, name="A", title="B")
