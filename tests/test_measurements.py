"""Generalization, trainability, references and claims on cases whose answers are known."""

import numpy as np
import pandas as pd
import pytest
import torch

from toponn import claims, superiority
from toponn.datasets import Dataset
from toponn.generalization import label_ceiling, summary_row
from toponn.models.wedges import wedge
from toponn.references import reference_rows
from toponn.states import States
from toponn.trainability.site_tensors import aligned, cosine
from toponn.trainability.success import start_rows, success_rows


def toy_dataset(label, **references):
    states = States(np.zeros((len(label), 1, 2)), np.zeros((2, 2)), np.arange(2))
    attributes = {
        "system": "qwz[disk r=2, onsite_box W=1]",
        "system_name": "qwz",
        "shape": "disk r=2",
        "disorder": "onsite_box W=1",
    }
    return Dataset("toy", "chern", states, np.array(label), references, attributes)


def test_the_ceiling_is_the_best_reference():
    label = [0, 0, 0, 1]
    never_topological, one_mistake = np.zeros(4), np.array([0.1, 0.2, 0.9, 0.8])
    assert label_ceiling(toy_dataset(label, a=never_topological)) == 0.5
    assert label_ceiling(toy_dataset(label, a=never_topological, b=one_mistake)) == pytest.approx(5 / 6)


def test_references_are_compared_in_pairs_with_their_disorder():
    table = reference_rows(toy_dataset([0, 0, 1, 1], a=np.array([0.2, 0.4, 0.9, 0.1]), b=np.array([0.0, 0, 0, 0])))
    agreement = table.set_index(["estimator_a", "estimator_b"])["agreement"]
    assert agreement["spectral_localizer", "a"] == 0.75
    assert agreement["spectral_localizer", "b"] == 0.5
    assert agreement["a", "b"] == 0.75
    assert set(table["disorder"]) == {"onsite_box W=1"}


def summary(value, status="ok"):
    labels = np.array([0, 0, 1, 1])
    rows = pd.DataFrame([{"task": "chern", "model": "cnn", "form": "", "test": "t", "kind": "sizes"}] * 2).assign(
        balanced_accuracy=[1.0, 0.75], n_samples=4, n_parameters=12, flops=1e9, ceiling=1.0, status=status
    )
    arrays = {} if value is None else {"t/value": np.array(value), "t/label": labels}
    return summary_row(rows, arrays, root=1)


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
    row = summary(None, "not applicable")
    assert np.isnan(row["balanced_accuracy"]) and row["status"] == "not applicable" and row["n_seeds"] == 2


def test_success_fractions_carry_wilsons_interval():
    runs = pd.DataFrame({"success": [True] * 22 + [False] * 78, "validation_balanced_accuracy": 0.9})
    runs = runs.assign(task="winding", dataset="ssh_24", size=24, model="ring", form="free", start="random")
    row = success_rows(runs).set_index("diagnostic").loc["success_fraction"]
    # Wilson's interval for 22 of 100, by the textbook formula.
    assert (row["value"], row["n_seeds"]) == (0.22, 100)
    assert (row["low"], row["high"]) == pytest.approx((0.15, 0.3107), abs=1e-3)


def test_runs_on_samples_of_different_sizes_are_counted_apart():
    runs = pd.DataFrame({"success": [True, True, False], "dataset": ["ssh_8", "ssh_8", "ssh_24"], "size": [8, 8, 24]})
    runs = runs.assign(validation_balanced_accuracy=0.9, task="winding", model="ring", form="free", start="random")
    rows = success_rows(runs).query("diagnostic == 'success_fraction'")
    assert rows[["size", "n_seeds", "value"]].to_numpy().tolist() == [[8, 2, 1.0], [24, 1, 0.0]]


def test_epochs_to_the_threshold_count_only_seeds_that_reach_it():
    frame = pd.DataFrame(
        {
            "seed": [0, 1, 0, 1, 0, 1],
            "epoch": [0, 0, 1, 1, 2, 2],
            "validation_balanced_accuracy": [0.5, 0.5, 0.995, 0.6, 0.97, 0.7],
            "gradient_norm": [1.0, 3.0, 9.0, 9.0, 9.0, 9.0],
        }
    ).assign(task="winding", dataset="ssh_24", model="ring", form="free", start="random")
    rows = start_rows(frame, {"ssh_24": 24}, 0.99).set_index("diagnostic")
    assert (rows.loc["epochs_to_threshold", "value"], rows.loc["epochs_to_threshold", "n_seeds"]) == (1, 1)
    assert rows.loc["initial_gradient_norm", "value"] == 2.0


def test_alignment_finds_a_planted_linear_map_and_cannot_find_what_is_not_there():
    rng = np.random.default_rng(0)
    target = rng.normal(size=(3, 40))
    mixed = np.linalg.inv(rng.normal(size=(3, 3))) @ target
    noise = rng.normal(size=(3, 40))
    found = aligned(np.stack([mixed, noise]), target)
    assert np.allclose(found[0], target)
    assert np.abs(found[1] - target).mean() > 0.5


def test_the_overlap_of_wedges_does_not_see_maps_of_determinant_one():
    generator = torch.Generator().manual_seed(0)
    tensors = torch.randn(1, 1, 3, 12, generator=generator, dtype=torch.float64)
    G = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    G = G / torch.linalg.det(G).abs() ** (1 / 3) * torch.linalg.det(G).sign()
    other = torch.randn(1, 1, 3, 12, generator=generator, dtype=torch.float64)
    w, same, different = (torch.cat(list(wedge(t)), dim=1) for t in (tensors, G @ tensors, other))
    assert cosine(same, w) == pytest.approx(1.0)
    assert abs(cosine(different, w)) < 0.9


LABELS = np.repeat([-1, 0, 1], 50)


def generalization(ring, cnn, resnet, test="haldane"):
    frames = [
        pd.DataFrame({"balanced_accuracy": values}).assign(model=model, form=form, seed=range(len(values)))
        for model, form, values in (("ring", "coordinate", ring), ("cnn", "", cnn), ("resnet", "", resnet))
    ]
    return pd.concat(frames).assign(task="chern", dataset="qwz", test=test, kind="lattices", ceiling=1.0, status="ok")


def predictions(ring, cnn, resnet, labels=LABELS, test="haldane"):
    """Return arrays as of evaluate_runs: shares of samples, from the first on, that each seed gets right."""
    made = {}
    for model, form, shares in (("ring", "coordinate", ring), ("cnn", "", cnn), ("resnet", "", resnet)):
        right = np.array([np.arange(len(labels)) % 50 < 50 * share for share in shares])
        made[model, form] = {f"{test}/label": labels, f"{test}/value": np.where(right, labels, labels + 5.0)}
    return made


def test_superiority_is_measured_against_the_better_network_on_the_same_samples():
    seen = predictions([0.9, 1.0, 1.0], [0.3, 0.3, 0.3], [0.5, 0.6, 0.6])
    (row, mean, over) = superiority.paired_rows("chern", {"haldane": "lattices"}, seen, root=1)
    assert row["rival"] == "resnet" and row["difference"] == pytest.approx(0.4)
    assert row["low"] < 0.4 < row["high"] < 0.6
    assert (over["kind"], over["test"], over["n_tests"]) == ("all", "all tests", 1)
    assert mean["difference"] == over["difference"] == pytest.approx(0.4)


def test_pairs_that_err_on_the_same_samples_differ_less_than_each_by_itself():
    rng = np.random.default_rng(5)
    hard = rng.random((1, 400)) < 0.5
    labels = np.repeat([0, 1], 200)
    value = np.where(hard, labels + 5.0, labels).repeat(20, axis=0)
    noise = rng.random((20, 400)) < 0.02
    seen = {
        ("ring", "coordinate"): {"t/label": labels, "t/value": value},
        ("cnn", ""): {"t/label": labels, "t/value": np.where(noise, labels + 5.0, value)},
    }
    drawn = superiority._of_test("t", seen, rng, {})[1]
    assert drawn.std() < 0.01  # each accuracy by itself has a deviation of 0.025


def test_the_mean_over_tests_leaves_out_home_and_where_nothing_can_run():
    seen = predictions([1.0] * 4, [0.5] * 4, [0.2] * 4)
    for key, arrays in predictions([1.0] * 4, [1.0] * 4, [0.2] * 4, test="home").items():
        seen[key] |= arrays
    seen["ring", "coordinate"] |= {"kagome/label": LABELS, "kagome/value": LABELS[None] * 1.0}
    kinds = {"home": "training data", "haldane": "lattices", "kagome": "lattices"}
    rows = {row["test"]: row for row in superiority.paired_rows("chern", kinds, seen, root=1)}
    assert rows["kagome"]["status"] == "not applicable"
    assert rows["all tests"]["n_tests"] == 1 and rows["all tests"]["difference"] == pytest.approx(0.5)
    assert rows["home"]["difference"] == 0 and rows["home"]["low"] < 0 < rows["home"]["high"]


def paired(low, high, status="ok", kind="lattices", test="haldane"):
    row = {"task": "chern", "kind": kind, "test": test, "rival": "cnn", "difference": (low + high) / 2}
    return pd.DataFrame([{**row, "low": low, "high": high, "status": status}])


def test_a_lead_of_less_than_15_points_is_not_support():
    verdicts = [claims.superiority(paired(*ends))[0]["verdict"] for ends in ((0.2, 0.4), (0.0, 0.1), (0.1, 0.2))]
    assert verdicts == ["supported", "not supported", "mixed"]
    assert claims.superiority(paired(0.2, 0.4, "not applicable"))[0]["verdict"] == "not applicable"


def test_a_claim_as_a_whole_is_mixed_unless_all_rows_that_count_agree():
    rows = claims.superiority(pd.concat([paired(0.0, 0.1), paired(0.2, 0.4, kind="all", test="all tests")]))
    (whole,) = claims.wholes(rows)
    assert (whole["claim"], whole["verdict"], whole["measured"]) == (3, "supported", 1.0)
    rows += claims.superiority(paired(0.0, 0.1, kind="all", test="all tests"))
    assert claims.wholes(rows)[0]["verdict"] == "mixed"


def test_a_network_that_fails_away_from_home_is_found_out_and_one_that_does_not_is_not():
    home = generalization([1.0] * 3, [1.0] * 3, [0.99] * 3, test="qwz")
    away = generalization([1.0] * 3, [0.33] * 3, [0.98] * 3)
    verdicts = {row["test"]: row["verdict"] for row in claims.proxies(pd.concat([home, away]), root=1)}
    assert verdicts == {"cnn on haldane": "supported", "resnet on haldane": "not supported"}


def test_decoupling_needs_random_starts_that_fail():
    columns = ["task", "model", "form", "diagnostic", "size", "condition", "value", "low", "high"]
    rows = [
        ("chern", "ring", "free", "success_fraction", 64, "start=random", 0.2, 0.1, 0.35),
        ("chern", "ring", "coordinate", "success_fraction", 64, "start=random", 1.0, 0.92, 1.0),
        ("chern", "ring", "free", "success_fraction", 64, "start=closed_form", 1.0, 0.9, 1.0),
    ]
    found = claims.decoupling(pd.DataFrame(rows, columns=columns))
    assert [row["verdict"] for row in found] == ["supported", "not supported"]
    assert found[0]["test"] == "chern, free, 64 sites: share of random starts that succeed"


def test_a_plain_network_that_gives_the_proxys_integer_is_found_out_on_proxy_tests_alone():
    columns = "task model form test proxy n_conflicts proxied proxied_low proxied_high status n_labels".split()
    rows = [
        ("winding", "cnn", "", "decoupled", "edge_correlations", 40, 0.9, 0.8, 0.95, "ok", 2),
        ("winding", "mlp", "", "decoupled", "edge_correlations", 40, 0.2, 0.1, 0.3, "ok", 2),
        ("winding", "resnet", "", "decoupled", "edge_correlations", 4, np.nan, np.nan, np.nan, "no conflicts", 0),
        ("winding", "cnn", "", "ssh_96", "edge_correlations", 40, 0.9, 0.8, 0.95, "ok", 2),
        ("winding", "ring", "free", "decoupled", "edge_correlations", 40, 0.9, 0.8, 0.95, "ok", 2),
        ("winding", "mlp", "", "decoupled", "local_correlations", 40, 1.0, 0.9, 1.0, "ok", 1),
    ]
    found = claims.sided_with(pd.DataFrame(rows, columns=columns), ["decoupled"])
    assert [(row["test"].split()[0], row["verdict"]) for row in found] == [
        ("cnn", "supported"),
        ("mlp", "not supported"),
    ]
    assert found[0]["measured"] == 0.9 and found[0]["figure"] == "proxies_winding"


def test_tests_of_other_kinds_than_geometry_do_not_decide_on_the_claim_about_it():
    summary = pd.DataFrame(
        [
            ("chern", "ring", "coordinate", "qwz", "training data", 0.5, 0.4, 0.6, "ok"),
            ("chern", "ring", "coordinate", "haldane", "lattices", 0.99, 0.98, 1.0, "ok"),
            ("chern", "ring", "coordinate", "decoupled", "misleading", 0.5, 0.4, 0.6, "ok"),
        ],
        columns="task model form test kind balanced_accuracy low high status".split(),
    )
    rows = claims.transfer(summary)
    assert [(row["test"], row["verdict"]) for row in rows] == [
        ("haldane", "supported"),
        ("decoupled", "not supported"),
    ]
    assert claims.wholes(rows)[0]["verdict"] == "supported"


def test_a_lattice_that_was_left_out_counts_and_those_that_were_trained_on_do_not():
    columns = "task left_out model form test balanced_accuracy low high status".split()
    summary = pd.DataFrame(
        [
            ("chern", "kagome", "ring", "coordinate", "kagome", 0.99, 0.97, 1.0, "ok"),
            ("chern", "kagome", "ring", "coordinate", "square", 0.2, 0.1, 0.3, "ok"),
            ("chern", "square", "ring", "coordinate", "square", 0.9, 0.8, 0.94, "ok"),
            ("chern", "kagome", "cnn", "", "kagome", np.nan, np.nan, np.nan, "not applicable"),
        ],
        columns=columns,
    )
    rows = claims.left_out(summary)
    assert [(row["test"], row["verdict"]) for row in rows] == [
        ("kagome, left out", "supported"),
        ("square, left out", "not supported"),
    ]
    assert claims.wholes(rows)[0]["verdict"] == "mixed" and claims.left_out(None) == []


def test_the_rings_own_marker_counts_once_for_each_draw_and_seed():
    table = pd.DataFrame({"name": "qwz", "draw": [0, 0, 0, 0], "seed": [0, 0, 1, 1], "correlation": [1, 1, 0.8, 0.8]})
    (row,) = claims.own_markers(table)
    assert row["measured"] == pytest.approx(0.9) and row["verdict"] == "mixed"
    assert row["figure"] == "interface_qwz"
