"""The page of answers on tables whose answers are known."""

import base64
import re

import numpy as np
import pandas as pd
import pytest

from toponn.answers import COLUMNS, QUESTIONS, Tables, answers, verdict, verdicts
from toponn.answers_page import number, page

PROXY = (
    "task model form test proxy n_conflicts n_labels "
    "invariant invariant_low invariant_high proxied proxied_low proxied_high status"
).split()


def trainability(*rows):
    columns = "task model form diagnostic size condition n_seeds value low high".split()
    return pd.DataFrame([("winding", *row) for row in rows], columns=columns)


def conflicts(model, form, *shares, status="ok"):
    """Return rows of the table of proxies from (test, invariant, proxied), each ± 0.05."""
    about = ("winding", model, form)
    rows = [
        (*about, test, "edge_correlations", 40, 2, a, max(a - 0.05, 0), min(a + 0.05, 1), b, b - 0.05, b + 0.05, status)
        for test, a, b in shares
    ]
    return pd.DataFrame(rows, columns=PROXY)


def summary(*rows):
    columns = "task model form test balanced_accuracy low high status".split()
    return pd.DataFrame([("winding", *row, "ok") for row in rows], columns=columns)


def tables(train=None, proxies=None, tests=None):
    return Tables(
        trainability() if train is None else train,
        conflicts("cnn", "") if proxies is None else proxies,
        summary() if tests is None else tests,
        homes={"winding": "ssh_24"},
        sizes={"winding": 24},
        tests={"winding": ["ssh_96"]},
    )


def statement(found, text, model="ring"):
    (row,) = found[found["statement"].str.contains(text) & (found["model"] == model)].to_dict("records")
    return row


def test_a_model_that_gives_the_label_against_every_proxy_learns_the_invariant_and_one_that_gives_the_proxy_does_not():
    proxies = pd.concat(
        [
            conflicts("ring", "coordinate", ("decoupled", 0.99, 0.05), ("interface", 0.97, 0.06)),
            conflicts("cnn", "", ("decoupled", 0.99, 0.05), ("interface", 0.3, 0.7)),
            conflicts("mlp", "", ("decoupled", 0.99, 0.05), ("interface", 0.5, 0.5)),
            conflicts("resnet", "", ("decoupled", 0.9, 0.1), status="not applicable"),
        ]
    )
    found = verdicts(tables(proxies=proxies))
    assert found == {"winding": {"the invariant": ["ring,coordinate"], "a proxy": ["cnn"], "neither": ["mlp"]}}
    rows = answers(tables(proxies=proxies))
    assert list(rows.columns) == COLUMNS
    worst = statement(rows, "Least share", "cnn")
    assert (worst["value"], worst["low"], worst["high"]) == pytest.approx((0.3, 0.25, 0.35))
    assert worst["note"].startswith("learns a proxy; on interface") and "mean of 2 pairs 0.645" in worst["note"]
    most = statement(rows, "Largest share", "cnn")
    assert (most["value"], most["low"], most["high"]) == pytest.approx((0.7, 0.65, 0.75))
    assert "interface" in most["note"] and most["question"] == QUESTIONS["proxy"]


def test_tests_that_were_not_made_to_mislead_do_not_decide_what_a_model_learns():
    mixed = conflicts("ring", "free", ("ssh_24", 0.0, 1.0), ("ssh_96", 0.0, 1.0), ("decoupled", 0.99, 0.05))
    assert verdicts(tables(proxies=mixed))["winding"]["the invariant"] == ["ring,free"]


def test_a_share_of_the_proxy_that_is_not_surely_above_one_half_makes_no_proxy():
    well = summary(("cnn", "", "decoupled", 0.95, 0.9, 1.0))
    assert verdict(conflicts("cnn", "", ("decoupled", 0.45, 0.54)), well) == "neither"
    assert verdict(conflicts("cnn", "", ("decoupled", 0.4, 0.56)), well) == "a proxy"
    assert verdict(conflicts("cnn", "", ("decoupled", 0.9, 0.05)), well) == "the invariant"


def test_a_model_that_gives_one_answer_to_all_samples_of_a_proxy_test_learns_no_invariant():
    badly = summary(("cnn", "", "decoupled", 0.5, 0.45, 0.55))
    assert verdict(conflicts("cnn", "", ("interface", 1.0, 0.0)), badly) == "neither"
    of_one_label = conflicts("cnn", "", ("decoupled", 0.0, 1.0)).assign(n_labels=1)
    assert verdicts(tables(proxies=of_one_label)) == {}


def test_the_lowest_test_counts_and_proxy_tests_do_not():
    found = answers(
        tables(tests=summary(("ring", "free", "ssh_96", 0.9, 0.85, 0.97), ("ring", "free", "decoupled", 0.1, 0, 0.2)))
    )
    row = statement(found, "Lowest balanced accuracy")
    assert row["value"] == 0.9 and "solves 0 of the 1" in row["note"]


def test_success_against_size_is_that_of_the_largest_size_with_the_smallest_beside_it():
    rows = [
        ("ring", "wavefunction", "success_fraction", n, "start=random", 100, v, v - 0.1, v + 0.1)
        for n, v in ((24, 0.6), (6, 0.87))
    ]
    rows.append(("ring", "wavefunction", "success_fraction", 48, "start=closed_form", 100, 1.0, 0.9, 1.0))
    row = statement(answers(tables(trainability(*rows))), "Success of random starts")
    assert row["value"] == 0.6 and row["note"] == "size 24; 0.870 (0.770 to 0.970) at 6"
    assert row["figure"] == "sizes_winding"


def test_a_window_of_rates_is_where_half_of_the_seeds_succeed():
    shares = {0.1: 0.0, 0.3: 0.6, 1: 1.0, 3: 0.9, 10: 0.2}
    rows = [
        ("ring", "free", "rate_success", 24, f"factor={f:g}, learning_rate=1", 20, v, v, v) for f, v in shares.items()
    ]
    row = statement(answers(tables(trainability(*rows))), "tried values of the learning rate")
    assert (
        row["value"] == 0.0 and row["note"].startswith("at 0.1 times") and "half succeed from 0.3 to 3" in row["note"]
    )


def test_a_basin_without_an_edge_has_a_lower_bound():
    rows = [("ring", "free", "half_success_noise", 24, "", 20, np.nan, 10.0, np.inf)]
    row = statement(answers(tables(trainability(*rows))), "Relative noise")
    assert row["value"] == 10 and "at least 10" in row["note"]
    rows = [("ring", "free", "half_success_noise", 24, "", 20, 2.0, 1.0, 3.0)]
    assert statement(answers(tables(trainability(*rows))), "Relative noise")["note"] == ""


def test_the_fewest_samples_are_those_from_which_the_median_seed_solves_the_task():
    rows = [
        ("ring", "free", "samples_balanced_accuracy", 24, f"samples={n}", 20, v, v, v)
        for n, v in ((600, 0.99), (10, 0.6), (40, 0.96))
    ]
    assert statement(answers(tables(trainability(*rows))), "fewest training samples")["note"] == "with 40 samples"


def test_the_best_remedy_stands_beside_plain_training():
    rows = [
        ("ring", "free", "remedy_success", 24, f"remedy={name}", 20, v, v - 0.1, v + 0.1)
        for name, v in (("plain", 0.5), ("grown", 0.9), ("rank 2", 0.7))
    ]
    row = statement(answers(tables(trainability(*rows))), "best remedy")
    assert row["value"] == 0.9 and row["note"] == "grown; plain 0.500 (0.400 to 0.600)"


def test_the_page_holds_every_number_its_interval_and_its_figure_once(tmp_path):
    rows = [
        ("ring", "free", "remedy_success", 24, f"remedy={n}", 20, v, v - 0.1, v + 0.1)
        for n, v in (("plain", 0.5), ("grown", 0.9))
    ]
    given = tables(trainability(*rows), conflicts("cnn", "", ("decoupled", 0.1, 0.9)))
    for name in ("remedies_winding", "proxies_winding"):
        (tmp_path / f"{name}.png").write_bytes(f"PNG of {name}".encode())
    figures = {path.stem: path for path in tmp_path.iterdir()}
    html = page(answers(given), verdicts(given), figures)
    assert all(question in html for question in QUESTIONS.values())
    assert "0.900 (0.800 to 1.000)" in html and "0.100 (0.050 to 0.150)" in html
    for name in figures:
        assert html.count(f'<figure id="{name}">') == 1 and f'href="#{name}"' in html
        assert base64.b64encode(f"PNG of {name}".encode()).decode() in html
    assert not re.search(r'(src|href)="(?!data:|#)', html), "it needs no other file"
    assert "a proxy</b>: CNN" in html
    assert "<th>ring free</th><td>0.900 (0.800 to 1.000)" in html, "a row a model"


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.5, 0.4, 0.6), "0.500 (0.400 to 0.600)"),
        ((-1.5, -2.5, -0.5), "−1.5 (−2.5 to −0.5)"),
        ((1e-5, 0.0, 2e-5), "1e−05 (0.000 to 2e−05)"),
        ((10.0, 10.0, np.inf), "10 (10 to ∞)"),
        ((0.3, np.nan, np.nan), "0.300"),
        ((np.nan, np.nan, np.nan), "no value"),
    ],
)
def test_numbers_are_written_with_their_intervals(numbers, text):
    assert number(*numbers) == text
