"""Ceilings, references and trainability on cases whose answers are known."""

import numpy as np
import pandas as pd
import pytest
import torch

from toponn.data.datasets import label_ceiling
from toponn.labels.references import reference_rows
from toponn.matter.samples import Samples
from toponn.models.wedges import wedge
from toponn.study.declared import REQUIRED, declared_function
from toponn.tools.checks import resolve
from toponn.tools.files import read_table, rows_where, write_table
from toponn.trainability import DIAGNOSTICS, record
from toponn.trainability.site_tensors import aligned, cosine, site_tensor_rows
from toponn.trainability.success import first_seeds, not_applicable_rows, start_rows, success_rows

ABOUT = {"task": "winding", "variant": "ring_free", "model": "ring", "form": "free", "start": "random"}


def toy_dataset(label, **references):
    attributes = {
        "name": "toy",
        "system": "qwz[disk r=2, onsite_box W=1]",
        "system_name": "qwz",
        "shape": "disk r=2",
        "disorder": "onsite_box W=1",
    }
    about = {"label": np.array(label), "references": references, "attributes": attributes}
    return Samples(states=np.zeros((len(label), 1, 2)), positions=np.zeros((2, 2)), **about)


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


def test_success_fractions_carry_wilsons_interval():
    runs = pd.DataFrame({"success": [True] * 22 + [False] * 78, "validation_balanced_accuracy": 0.9})
    runs = runs.assign(dataset="ssh_24", size=24, **ABOUT)
    row = success_rows(runs).set_index("diagnostic").loc["success_fraction"]
    # Wilson's interval for 22 of 100, by the textbook formula.
    assert (row["value"], row["n_seeds"]) == (0.22, 100)
    assert (row["low"], row["high"]) == pytest.approx((0.15, 0.3107), abs=1e-3)


def test_runs_on_samples_of_different_sizes_are_counted_apart():
    runs = pd.DataFrame({"success": [True, True, False], "dataset": ["ssh_8", "ssh_8", "ssh_24"], "size": [8, 8, 24]})
    runs = runs.assign(validation_balanced_accuracy=0.9, **ABOUT)
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
    ).assign(dataset="ssh_24", **ABOUT)
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


def test_a_table_of_site_tensors_without_a_ring_whose_seeds_are_finite_has_its_columns_and_no_row(tmp_path):
    rows = site_tensor_rows({"positions": np.zeros((24, 1))}, {}, "winding")
    write_table(tmp_path / "site.csv", rows, "trainability")
    assert read_table(tmp_path / "site.csv", "trainability").empty


def test_two_widths_of_one_class_are_two_rows_of_one_table_and_what_does_not_apply_says_why(tmp_path):
    runs = pd.DataFrame({"success": [True, False], "seed": [0, 1], "validation_balanced_accuracy": [0.9, 0.6]})
    both = [runs.assign(dataset="ssh_24", size=24, **{**ABOUT, "variant": name}) for name in ("narrow", "wide")]
    other = both[0].assign(dataset="ssh_6", size=6)
    table = pd.concat([*both, other], ignore_index=True)
    reason = {"task": "winding", "variant": "wide", "diagnostic": "hessian", "reason": "it has no patience"}
    tensors = {"positions": np.zeros((24, 1)), "weight_overlap/wide": np.array([0.9, 1.0])}
    overlaps = site_tensor_rows(tensors, {"model_wide": "ring", "form_wide": "free"}, "winding")
    rows = pd.concat([success_rows(table), overlaps, not_applicable_rows(table, [reason])], ignore_index=True)
    write_table(tmp_path / "trainability.csv", rows, "trainability")
    read = read_table(tmp_path / "trainability.csv", "trainability")
    shares = read[read["diagnostic"] == "success_fraction"]
    assert shares[["variant", "size", "value"]].to_numpy().tolist() == [
        ["narrow", 24, 0.5],
        ["wide", 24, 0.5],
        ["narrow", 6, 0.5],
    ]
    last = read.iloc[-1]
    assert (last["diagnostic"], last["size"], last["n_seeds"]) == ("hessian", 24, 0) and np.isnan(last["value"])
    assert last["status"] == "not applicable: it has no patience"
    assert (rows_where(read, [("start", "random")])["status"] == "ok").all()
    assert rows_where(read, [("start", "")])["diagnostic"].tolist() == ["hessian"]
    assert rows_where(read, [("noise", "")]).equals(read) and rows_where(read, [("noise", "loud")]).empty


def test_seeds_beyond_those_of_the_study_are_not_counted():
    rows = pd.DataFrame({"dataset": ["a"] * 4 + ["b"], "variant": ["x", "x", "x", "y", "x"], "seed": [0, 1, 2, 2, 2]})
    found = first_seeds(rows, [("a", "x", 2)])
    assert found.to_numpy().tolist() == [["a", "x", 0], ["a", "x", 1], ["a", "y", 2], ["b", "x", 2]]


@pytest.mark.parametrize("name", DIAGNOSTICS)
def test_a_diagnostic_says_the_same_of_itself_to_the_study_and_to_the_job(name):
    declared = declared_function(DIAGNOSTICS[name], record)
    assert declared.record == resolve(DIAGNOSTICS, name, "trainability").record
    assert "seeds" in declared.options
    for option in declared.options.values():
        assert option.default is not REQUIRED and option.description
    drawn = declared.record.curves.panels if declared.record.curves else ()
    conditions = {"size", *declared.record.conditions}
    for panel in drawn:
        assert {panel.across, *dict(panel.where)} <= conditions
    for statement in declared.record.statements:
        assert set(dict(statement.where)) <= conditions
    assert bool(declared.record.curves) != bool(declared.record.figure)
