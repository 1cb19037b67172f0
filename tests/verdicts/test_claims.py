"""Claims on tables whose verdicts are known."""

import numpy as np
import pandas as pd
import pytest

from toponn.verdicts import claims


def generalization(cnn, resnet, test="haldane"):
    frames = [
        pd.DataFrame({"balanced_accuracy": values}).assign(variant=name, model=name, seed=range(len(values)))
        for name, values in (("ring", [1.0] * 3), ("cnn", cnn), ("resnet", resnet))
    ]
    return pd.concat(frames).assign(task="chern", dataset="qwz", test=test, kind="lattices", ceiling=1.0, status="ok")


def paired(low, high, status="ok", kind="lattices", test="haldane"):
    row = {"task": "chern", "variant": "ring", "kind": kind, "test": test, "rival": "cnn"}
    return pd.DataFrame([{**row, "difference": (low + high) / 2, "low": low, "high": high, "status": status}])


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


def test_a_rival_that_fails_away_from_home_is_found_out_and_one_that_does_not_is_not():
    home = generalization([1.0] * 3, [0.99] * 3, test="qwz")
    away = generalization([0.33] * 3, [0.98] * 3)
    rows = claims.proxies(pd.concat([home, away]), ["cnn", "resnet"], root=1)
    verdicts = {row["test"]: (row["variant"], row["verdict"]) for row in rows}
    assert verdicts == {"cnn on haldane": ("cnn", "supported"), "resnet on haldane": ("resnet", "not supported")}


def test_decoupling_needs_random_starts_that_fail():
    columns = ["task", "variant", "form", "diagnostic", "size", "start", "value", "low", "high"]
    rows = [
        ("chern", "free", "free", "success_fraction", 64, "random", 0.2, 0.1, 0.35),
        ("chern", "ring", "coordinate", "success_fraction", 64, "random", 1.0, 0.92, 1.0),
        ("chern", "exact_free", "free", "success_fraction", 64, "closed_form", 1.0, 0.9, 1.0),
        ("chern", "cnn", "", "success_fraction", 64, "random", 0.2, 0.1, 0.35),
        ("chern", "wide", "coordinate", "success_fraction", 64, "random", 0.2, 0.1, 0.35),
    ]
    found = claims.decoupling(pd.DataFrame(rows, columns=columns), ["free", "ring", "exact_free", "wide"])
    assert [(row["variant"], row["verdict"]) for row in found] == [
        ("free", "supported"),
        ("ring", "not supported"),
        ("wide", "supported"),
    ]
    assert found[0]["test"] == "chern, free, 64 sites: share of random starts that succeed"


def test_a_rival_that_gives_the_proxys_integer_is_found_out_on_proxy_tests_alone():
    columns = "task variant test proxy n_conflicts proxied proxied_low proxied_high status n_labels".split()
    rows = [
        ("winding", "cnn", "decoupled", "edge_correlations", 40, 0.9, 0.8, 0.95, "ok", 2),
        ("winding", "mlp", "decoupled", "edge_correlations", 40, 0.2, 0.1, 0.3, "ok", 2),
        ("winding", "resnet", "decoupled", "edge_correlations", 4, np.nan, np.nan, np.nan, "no conflicts", 0),
        ("winding", "cnn", "ssh_96", "edge_correlations", 40, 0.9, 0.8, 0.95, "ok", 2),
        ("winding", "free", "decoupled", "edge_correlations", 40, 0.9, 0.8, 0.95, "ok", 2),
        ("winding", "mlp", "decoupled", "local_correlations", 40, 1.0, 0.9, 1.0, "ok", 1),
    ]
    found = claims.sided_with(pd.DataFrame(rows, columns=columns), ["cnn", "resnet", "mlp"], ["decoupled"])
    assert [(row["variant"], row["verdict"]) for row in found] == [("cnn", "supported"), ("mlp", "not supported")]
    assert found[0]["measured"] == 0.9 and found[0]["figure"] == "proxies_winding"


def test_tests_of_other_kinds_than_geometry_do_not_decide_on_the_claim_about_it():
    summary = pd.DataFrame(
        [
            ("chern", "ring", "qwz", "training data", 0.5, 0.4, 0.6, "ok"),
            ("chern", "ring", "haldane", "lattices", 0.99, 0.98, 1.0, "ok"),
            ("chern", "ring", "decoupled", "misleading", 0.5, 0.4, 0.6, "ok"),
            ("chern", "cnn", "haldane", "lattices", 0.5, 0.4, 0.6, "ok"),
        ],
        columns="task variant test kind balanced_accuracy low high status".split(),
    )
    rows = claims.transfer(summary, ["ring"])
    assert [(row["test"], row["verdict"]) for row in rows] == [
        ("haldane", "supported"),
        ("decoupled", "not supported"),
    ]
    assert claims.wholes(rows)[0]["verdict"] == "supported"


def test_a_lattice_that_was_left_out_counts_and_those_that_were_trained_on_do_not():
    columns = "task left_out variant test balanced_accuracy low high status".split()
    summary = pd.DataFrame(
        [
            ("chern", "kagome", "ring", "kagome", 0.99, 0.97, 1.0, "ok"),
            ("chern", "kagome", "ring", "square", 0.2, 0.1, 0.3, "ok"),
            ("chern", "square", "ring", "square", 0.9, 0.8, 0.94, "ok"),
            ("chern", "kagome", "cnn", "kagome", np.nan, np.nan, np.nan, "not applicable"),
        ],
        columns=columns,
    )
    rows = claims.left_out(summary, ["ring"])
    assert [(row["test"], row["verdict"]) for row in rows] == [
        ("kagome, left out", "supported"),
        ("square, left out", "not supported"),
    ]
    assert claims.wholes(rows)[0]["verdict"] == "mixed" and claims.left_out(None, ["ring"]) == []


def test_the_rings_own_marker_counts_once_for_each_draw_and_seed():
    table = pd.DataFrame({"name": "qwz", "draw": [0, 0, 0, 0], "seed": [0, 0, 1, 1], "correlation": [1, 1, 0.8, 0.8]})
    (row,) = claims.own_markers(table.assign(variant="ring"))
    assert row["measured"] == pytest.approx(0.9) and row["verdict"] == "mixed"
    assert (row["figure"], row["variant"]) == ("interface_qwz", "ring")


def test_diagnostics_that_do_not_apply_are_no_rows_of_a_claim():
    columns = "task variant form diagnostic size start closed_form value low high status".split()
    rows = [
        ("chern", "", "free", "closed_form_error", 64, "", "switches", 1e-12, np.nan, np.nan, "ok"),
        ("chern", "free", "free", "weight_overlap", 64, "", "", 0.95, 0.92, 0.97, "ok"),
        ("chern", "ring", "coordinate", "weight_overlap", 64, "", "", np.nan, np.nan, np.nan, "not applicable: no"),
    ]
    nothing = pd.DataFrame(
        columns="task dataset variant model test kind left_out ceiling balanced_accuracy status".split()
    )
    options = {"exact": ["free"], "hybrids": ["ring"], "rivals": ["cnn"], "root": 1}
    tables = pd.DataFrame(rows, columns=columns), nothing, nothing, paired(0.2, 0.4), None, None, None
    found = claims.claims_table(*tables, **options)
    assert found[found["kind"] != claims.WHOLE]["claim"].tolist() == [1, 3, 5]
    assert found["variant"].tolist() == ["", "", "", "ring", "free"]
