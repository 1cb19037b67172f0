"""Summaries over seeds, and hybrids beside their rivals, on evaluations whose answers are known."""

import numpy as np
import pandas as pd
import pytest

from toponn.generalization import superiority as module
from toponn.generalization.evaluation import Evaluation, by_variant, summary_row
from toponn.generalization.superiority import superiority

LABELS = np.repeat([-1, 0, 1], 50)


def evaluation(value, variant="cnn", test="t", label=LABELS, form=""):
    about = {"task": "chern", "variant": variant, "model": variant, "form": form, "test": test}
    value = None if value is None else np.asarray(value, dtype=np.float32)
    return Evaluation(about, np.arange(2 if value is None else len(value)), np.asarray(label), value)


# --- One variant on one test ------------------------------------------------------------------------------


def summary(value):
    found = evaluation(value, label=[0, 0, 1, 1])
    rows = pd.DataFrame({"seed": found.seeds}).assign(**found.scores(), kind="sizes")
    return summary_row(rows.assign(n_parameters=12, flops=1e9, ceiling=1.0), found, root=1)


def test_the_summary_is_the_mean_over_seeds():
    row = summary([[0.1, -0.3, 1.2, 0.9], [0.1, 0.3, 0.2, 1.4]])
    assert row["balanced_accuracy"] == pytest.approx((1.0 + 0.75) / 2)
    assert row["low"] < row["balanced_accuracy"] < row["high"] <= 1.0
    assert row["tenth"] == 0.75  # nine of ten seeds, here both, reach the lower
    away = np.mean([[0.1, 0.3, 0.2, 0.1], [0.1, 0.3, 0.8, 0.4]])
    assert row["mean_error"] == pytest.approx(away) and row["error_low"] < away < row["error_high"]
    assert row["gain"] == pytest.approx(np.mean([1.05, 0.8]))


def test_a_seed_that_failed_counts_as_wrong_everywhere():
    row = summary([[0.1, -0.3, 1.2, 0.9], [np.nan, 0.0, 1.0, 1.0]])
    assert row["balanced_accuracy"] == pytest.approx(0.5)
    assert row["status"] == "ok"


def test_a_model_that_cannot_run_has_no_number():
    row = summary(None)
    assert np.isnan(row["balanced_accuracy"]) and row["status"] == "not applicable" and row["n_seeds"] == 2


@pytest.mark.parametrize("value", [[[0.4, 1.2, -0.9]], None])
def test_an_evaluation_is_read_as_it_was_written(tmp_path, value):
    one = evaluation(value, label=[0, 1, -1])
    one.write(tmp_path / "t.h5")
    read = Evaluation.read(tmp_path / "t.h5")
    assert read.about == one.about and by_variant([read])["cnn"]["t"] is read
    assert all(np.array_equal(array, read.arrays()[name]) for name, array in one.arrays().items())
    assert (read.value is None) == (value is None)


# --- Hybrids beside their rivals --------------------------------------------------------------------------


def evaluations(test="haldane", **shares):
    """Return by variant one test: shares of samples, from the first on, that each seed gets right."""
    made = []
    for variant, each in shares.items():
        right = np.array([np.arange(len(LABELS)) % 50 < 50 * share for share in each])
        made.append(evaluation(np.where(right, LABELS, LABELS + 5.0), variant, test))
    return made


def compared(found, kinds, hybrids=("ring",), rivals=("cnn", "resnet")):
    names = {"hybrids": {"chern": list(hybrids)}, "rivals": {"chern": list(rivals)}}
    return superiority(by_variant(found), kinds={"chern": kinds}, **names, root=1)


THREE = {"ring": [0.9, 1.0, 1.0], "cnn": [0.3, 0.3, 0.3], "resnet": [0.5, 0.6, 0.6]}


def test_superiority_is_measured_against_the_better_rival_on_the_same_samples():
    (row, mean, over) = compared(evaluations(**THREE), {"haldane": "lattices"}).to_dict("records")
    assert row["rival"] == "resnet" and row["difference"] == pytest.approx(0.4)
    assert row["low"] < 0.4 < row["high"] < 0.6
    assert (over["kind"], over["test"], over["n_tests"]) == ("all", "all tests", 1)
    assert mean["difference"] == over["difference"] == pytest.approx(0.4)


def test_each_hybrid_has_its_own_rows_and_draws_the_same_random_numbers():
    found = evaluations(**THREE, wide=THREE["ring"])
    both = compared(found, {"haldane": "lattices"}, hybrids=("ring", "wide")).set_index("variant")
    alone = compared(found, {"haldane": "lattices"}).drop(columns="variant")
    for variant in ("ring", "wide"):
        pd.testing.assert_frame_equal(both.loc[variant].reset_index(drop=True)[alone.columns], alone, check_dtype=False)


@pytest.mark.parametrize("missing", ["hybrids", "rivals"])
def test_a_task_without_hybrids_or_without_rivals_has_no_rows(missing):
    found = compared(evaluations(**THREE), {"haldane": "lattices"}, **{missing: ()})
    assert found.empty and "difference" in found.columns


def test_pairs_that_err_on_the_same_samples_differ_less_than_each_by_itself():
    rng = np.random.default_rng(5)
    hard = rng.random((1, 400)) < 0.5
    labels = np.repeat([0, 1], 200)
    value = np.where(hard, labels + 5.0, labels).repeat(20, axis=0)
    noise = rng.random((20, 400)) < 0.02
    hybrid, rival = evaluation(value, label=labels), evaluation(np.where(noise, labels + 5.0, value), label=labels)
    drawn = module._of_test(hybrid, {"cnn": rival}, rng, {})[1]
    assert drawn.std() < 0.01  # each accuracy by itself has a deviation of 0.025


def test_the_mean_over_tests_leaves_out_home_and_where_nothing_can_run():
    found = evaluations(ring=[1.0] * 4, cnn=[0.5] * 4, resnet=[0.2] * 4)
    found += evaluations("home", ring=[1.0] * 4, cnn=[1.0] * 4, resnet=[0.2] * 4)
    found += evaluations("kagome", ring=[1.0] * 4) + [evaluation(None, rival, "kagome") for rival in ("cnn", "resnet")]
    kinds = {"home": "training data", "haldane": "lattices", "kagome": "lattices"}
    rows = compared(found, kinds).set_index("test")
    assert rows.loc["kagome", "status"] == "not applicable"
    assert rows.loc["all tests", "n_tests"] == 1 and rows.loc["all tests", "difference"] == pytest.approx(0.5)
    assert rows.loc["home", "difference"] == 0 and rows.loc["home", "low"] < 0 < rows.loc["home", "high"]
