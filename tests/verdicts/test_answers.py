"""The page of answers on tables whose answers are known."""

import base64
import re

import numpy as np
import pandas as pd
import pytest

from toponn.tools.statements import Statement
from toponn.tools.tables import TABLES
from toponn.verdicts.answers import QUESTIONS, Tables, answers, verdict, verdicts
from toponn.verdicts.answers_page import page
from toponn.verdicts.pages import number

PROXY = (
    "task variant model form test proxy n_conflicts n_labels "
    "invariant invariant_low invariant_high proxied proxied_low proxied_high status"
).split()


def trainability(*rows, variant="free", diagnostic="", status="ok", **fixed):
    """Return rows of the trainability table from dicts of size, condition and a value, or (value, low, high)."""
    made = []
    for row in rows:
        value, low, high = row["value"] if isinstance(row["value"], tuple) else (row["value"],) * 3
        made.append({"size": 24, **fixed, **row, "value": value, "low": low, "high": high})
    about = {"task": "winding", "variant": variant, "model": "ring", "form": variant, "diagnostic": diagnostic}
    return pd.DataFrame(made).assign(**about, n_seeds=20, status=status)


def conflicts(variant, *shares, status="ok"):
    """Return rows of the table of proxies from (test, invariant, proxied), each ± 0.05."""
    about = ("winding", variant, "any", "")
    rows = [
        (*about, test, "edge_correlations", 40, 2, a, max(a - 0.05, 0), min(a + 0.05, 1), b, b - 0.05, b + 0.05, status)
        for test, a, b in shares
    ]
    return pd.DataFrame(rows, columns=PROXY)


def summary(*rows):
    columns = "task variant model form test balanced_accuracy low high status".split()
    return pd.DataFrame([("winding", row[0], "any", "", *row[1:], "ok") for row in rows], columns=columns)


def tables(train=None, proxies=None, tests=None):
    return Tables(
        trainability({"value": 1.0}) if train is None else train,
        conflicts("cnn") if proxies is None else proxies,
        summary() if tests is None else tests,
        homes={"winding": "ssh_24"},
        sizes={"winding": 24},
        tests={"winding": ["ssh_96"]},
    )


def statement(found, text, variant="free"):
    (row,) = found[found["statement"].str.contains(text) & (found["variant"] == variant)].to_dict("records")
    return row


def answered(*statements, **given):
    return answers(tables(**given), statements)


def test_a_model_that_gives_the_label_against_every_proxy_learns_the_invariant_and_one_that_gives_the_proxy_does_not():
    proxies = pd.concat(
        [
            conflicts("coordinate", ("decoupled", 0.99, 0.05), ("interface", 0.97, 0.06)),
            conflicts("cnn", ("decoupled", 0.99, 0.05), ("interface", 0.3, 0.7)),
            conflicts("mlp", ("decoupled", 0.99, 0.05), ("interface", 0.5, 0.5)),
            conflicts("resnet", ("decoupled", 0.9, 0.1), status="not applicable"),
        ]
    )
    found = verdicts(tables(proxies=proxies))
    assert found == {"winding": {"the invariant": ["coordinate"], "a proxy": ["cnn"], "neither": ["mlp"]}}
    rows = answered(proxies=proxies)
    assert set(TABLES["answers"].columns) == set(rows.columns)
    worst = statement(rows, "Least share", "cnn")
    assert (worst["value"], worst["low"], worst["high"]) == pytest.approx((0.3, 0.25, 0.35))
    assert worst["note"].startswith("learns a proxy; on interface") and "mean of 2 pairs 0.645" in worst["note"]
    most = statement(rows, "Largest share", "cnn")
    assert (most["value"], most["low"], most["high"]) == pytest.approx((0.7, 0.65, 0.75))
    assert "interface" in most["note"] and most["question"] == QUESTIONS["proxy"]


def test_tests_that_were_not_made_to_mislead_do_not_decide_what_a_model_learns():
    mixed = conflicts("free", ("ssh_24", 0.0, 1.0), ("ssh_96", 0.0, 1.0), ("decoupled", 0.99, 0.05))
    assert verdicts(tables(proxies=mixed))["winding"]["the invariant"] == ["free"]


def test_a_share_of_the_proxy_that_is_not_surely_above_one_half_makes_no_proxy():
    well = summary(("cnn", "decoupled", 0.95, 0.9, 1.0))
    assert verdict(conflicts("cnn", ("decoupled", 0.45, 0.54)), well) == "neither"
    assert verdict(conflicts("cnn", ("decoupled", 0.4, 0.56)), well) == "a proxy"
    assert verdict(conflicts("cnn", ("decoupled", 0.9, 0.05)), well) == "the invariant"


def test_a_model_that_gives_one_answer_to_all_samples_of_a_proxy_test_learns_no_invariant():
    badly = summary(("cnn", "decoupled", 0.5, 0.45, 0.55))
    assert verdict(conflicts("cnn", ("interface", 1.0, 0.0)), badly) == "neither"
    of_one_label = conflicts("cnn", ("decoupled", 0.0, 1.0)).assign(n_labels=1)
    assert verdicts(tables(proxies=of_one_label)) == {}


def test_the_lowest_test_counts_and_proxy_tests_do_not():
    rows = summary(("free", "ssh_96", 0.9, 0.85, 0.97), ("free", "decoupled", 0.1, 0, 0.2))
    row = statement(answered(tests=rows), "Lowest balanced accuracy")
    assert row["value"] == 0.9 and "solves 0 of the 1" in row["note"]


def test_success_against_size_is_that_of_the_largest_size_with_the_smallest_beside_it():
    rows = [{"size": n, "start": "random", "value": (v, v - 0.1, v + 0.1)} for n, v in ((24, 0.6), (6, 0.87))]
    rows.append({"size": 48, "start": "closed_form", "value": (1.0, 0.9, 1.0)})
    row = statement(answered(train=trainability(*rows, diagnostic="success_fraction")), "Success of random starts")
    assert row["value"] == 0.6 and row["note"] == "size 24; 0.870 (0.770 to 0.970) at 6"
    assert row["figure"] == "sizes_winding"


def test_a_window_of_rates_is_where_half_of_the_seeds_succeed():
    shares = {0.1: 0.0, 0.3: 0.6, 1: 1.0, 3: 0.9, 10: 0.2}
    rows = trainability(*({"factor": f, "value": v} for f, v in shares.items()), diagnostic="rate_success")
    row = statement(answered(train=rows), "tried values of the learning rate")
    assert row["value"] == 0.0 and row["note"].startswith("at 0.1 times")
    assert "half succeed from 0.3 to 3" in row["note"]


@pytest.mark.parametrize(
    ("measured", "value", "note"), [((np.nan, 10.0, np.inf), 10, "at least 10"), ((2.0, 1.0, 3.0), 2, "")]
)
def test_a_basin_without_an_edge_has_a_lower_bound(measured, value, note):
    row = statement(
        answered(train=trainability({"value": measured}, diagnostic="half_success_noise")), "Relative noise"
    )
    assert (row["value"], row["note"]) == (value, note)


def test_the_fewest_samples_are_those_from_which_the_median_seed_solves_the_task():
    rows = [{"samples": n, "value": v} for n, v in (("600", 0.99), ("10", 0.6), ("40", 0.96))]  # beside words, as read
    found = answered(train=trainability(*rows, diagnostic="samples_balanced_accuracy"))
    assert statement(found, "fewest training samples")["note"] == "with 40 samples"


REMEDIES = trainability(
    *(
        {"remedy": name, "value": (v, v - 0.1, v + 0.1)}
        for name, v in (("plain", 0.5), ("grown", 0.9), ("rank 2", 0.7))
    ),
    diagnostic="remedy_success",
)


def test_the_best_remedy_stands_beside_plain_training():
    row = statement(answered(train=REMEDIES), "best remedy")
    assert row["value"] == 0.9 and row["note"] == "grown; plain 0.500 (0.400 to 0.600)"


def test_a_model_of_which_no_seed_trained_on_clean_samples_has_no_row_of_that():
    def found(*values):
        rows = ({"test": test, "value": value} for test, value in zip(("ssh_24_clean", "ssh_24"), values, strict=True))
        return answered(train=trainability(*rows, diagnostic="clean_balanced_accuracy"))

    assert statement(found(1.0, 0.9), "after training on clean ones")["note"] == "1.000 on clean ones; 20 seeds"
    assert found(np.nan, np.nan).empty


def test_a_statement_of_a_diagnostic_is_the_row_that_has_its_conditions():
    rows = [
        {"size": n, "at": at, "value": v} for n, at, v in ((6, "random", 1.0), (24, "start", 2.0), (24, "random", 3.0))
    ]
    train = trainability(*rows, {"at": "random", "value": 4.0}, diagnostic="spread")
    at_home = Statement("spread", "How far it spreads", (("at", "random"),))
    row = statement(answered(("spectra", at_home), train=train), "How far it spreads")
    assert (row["value"], row["figure"], row["question"]) == (3.0, "spectra_winding", QUESTIONS["training"])
    without = at_home._replace(where=(("at", ""), ("between", "")))
    assert answered(("spectra", without), train=train).empty
    unconditional = trainability({"at": np.nan, "value": 5.0}, diagnostic="spread")
    found = answered(("spectra", without), train=pd.concat([train, unconditional]))
    assert statement(found, "How far it spreads")["value"] == 5.0
    anywhere = at_home._replace(home=False)
    assert statement(answered(("spectra", anywhere), train=train), "How far it spreads")["value"] == 1.0
    assert answered(("spectra", at_home), train=train.assign(status="not applicable: it is solved")).empty


def test_two_variants_of_one_class_are_two_rows():
    both = pd.concat([conflicts("narrow", ("decoupled", 0.99, 0.05)), conflicts("wide", ("decoupled", 0.2, 0.8))])
    rows = answered(proxies=both)
    assert statement(rows, "Least share", "narrow")["value"] == 0.99
    assert statement(rows, "Least share", "wide")["value"] == 0.2


def test_the_page_holds_every_number_its_interval_and_its_figure_once(tmp_path):
    given = tables(REMEDIES, conflicts("cnn", ("decoupled", 0.1, 0.9)))
    for name in ("remedies_winding", "proxies_winding"):
        (tmp_path / f"{name}.png").write_bytes(f"PNG of {name}".encode())
    figures = {path.stem: path for path in tmp_path.iterdir()}
    labels = {"cnn": "CNN <wide>", "free": "ring, free"}
    html = " ".join(page(answers(given, []), verdicts(given), figures, labels).split())
    assert all(question in html for question in QUESTIONS.values())
    assert "0.900 (0.800 to 1.000)" in html and "0.100 (0.050 to 0.150)" in html
    for name in figures:
        assert html.count(f'<figure id="{name}">') == 1 and f'href="#{name}"' in html
        assert base64.b64encode(f"PNG of {name}".encode()).decode() in html
    assert not re.search(r'(src|href)="(?!data:|#)', html), "it needs no other file"
    assert "a proxy</b>: CNN &lt;wide&gt;" in html
    assert "<th>ring free</th> <td>0.900 (0.800 to 1.000)" in html, "a row a model"


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
