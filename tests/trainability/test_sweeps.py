"""Sweeps, clean training, gradients and their summary on cases whose answers are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from stored import chains, written

from toponn.data.datasets import read_dataset
from toponn.models.base import Model
from toponn.tools.files import read_table
from toponn.tools.statistics import balanced_accuracy, mean_interval, wilson_interval
from toponn.tools.tables import TABLES
from toponn.trainability import sweeps
from toponn.trainability.clean import clean
from toponn.trainability.gradients import flat_gradients, gradients
from toponn.trainability.subject import Subject, seen_in_training, squared_loss, success_values
from toponn.trainability.summary import (
    diagnostic_rows,
    gradient_exponents,
    half_success_rows,
    power_law,
    summarised,
)
from toponn.trainability.sweeps import learning_rates, sample_sizes, scaled_start, scales
from toponn.training.loop import Batch
from toponn.training.protocol import Success, Training, Variant
from toponn.training.runs import start_parameters, train_block, write_run

ROOT, SEEDS = 5, 4
SUCCESS = Success(split="test", balanced_accuracy=0.8)
TRAINING = Training(epochs=6, batch_size=20, learning_rate=0.03, patience=None)
STILL = replace(TRAINING, learning_rate=1e-6, epochs=1)
VARIANTS = {
    "free": Variant("free", "free_ring", {"scale": 0.5, "route": "loops"}, TRAINING),
    "exact": Variant("exact", "free_ring", {"start": "closed_form"}, STILL),
    "cnn": Variant("cnn", "cnn", {"channels": [4]}, TRAINING),
    "loop_ridge": Variant("loop_ridge", "loop_ridge", {"penalties": [1e-4, 1e-2]}),
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    three = {"train": 60, "validation": 30, "test": 40}
    recipes = {"home": chains(10), "clean": chains(10, disorder=[]), "longer": chains(14)}
    recipes["many"] = chains(10, samples=three | {"train": 150})
    return written(tmp_path_factory.mktemp("sweeps"), recipes, seed=ROOT, samples=three)


@pytest.fixture(scope="module")
def folders(paths, tmp_path_factory):
    """Return the run folders of every model on `home`."""
    found = {}
    for name, variant in VARIANTS.items():
        seeds = [0] if name == "loop_ridge" else list(range(SEEDS))
        run = train_block(paths["home"], task="winding", variant=variant, seeds=seeds, success=SUCCESS, root=ROOT)
        found[name] = tmp_path_factory.mktemp(name)
        write_run(found[name], run)
    return found


@pytest.fixture
def subject(paths, folders):
    def of(name) -> Subject:
        datasets = {"home": [paths["home"]], "clean": [paths["clean"]], "many": [paths["many"]]}
        datasets["scaling"] = [paths["home"], paths["longer"]]
        return Subject("winding", VARIANTS[name], datasets, [folders[name]], ROOT, SUCCESS, "cpu")

    return of


def values(measured, diagnostic, **conditions):
    rows = measured.rows[measured.rows["diagnostic"] == diagnostic]
    for key, value in conditions.items():
        rows = rows[rows[key] == value]
    return rows.sort_values("seed")["value"].to_numpy()


# --- Learning rates and scales ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["free", "cnn"])
def test_at_the_chosen_rate_and_scale_stands_what_the_study_found(subject, folders, name):
    in_the_study = read_table(Path(folders[name]) / "runs.csv", "runs")["success"].to_numpy(dtype=float)
    rates = learning_rates(subject(name), factors=[1.0], seeds=SEEDS)
    starts = scales(subject(name), factors=[1.0], seeds=SEEDS)
    assert set(rates.rows) == {*TABLES["diagnostics"].columns, "factor", "learning_rate"}
    assert np.array_equal(values(rates, "rate_success", factor=1, learning_rate=0.03), in_the_study)
    assert np.array_equal(values(starts, "scale_success", scale=1), in_the_study)


def test_at_a_vanishing_rate_a_seed_scores_as_its_start_does(subject):
    free = subject("free")
    found = values(learning_rates(free, factors=[1e-9], seeds=SEEDS), "rate_balanced_accuracy", factor=1e-9)
    here = seen_in_training(free, free.home, SEEDS)
    start = start_parameters(here.model, here.dataset, ROOT, "free", range(SEEDS))
    f = here.model.value(start, here.samples["test"].inputs).numpy()
    assert found == pytest.approx(balanced_accuracy(here.samples["test"].labels.numpy(), np.rint(f)), abs=1e-9)


def test_a_scale_multiplies_the_site_tensors_of_a_ring_and_the_matrices_of_a_network(subject):
    for name, scaled, kept in (("free", ["site"], []), ("cnn", ["features.0.weight"], ["features.0.bias"])):
        one = subject(name)
        here = seen_in_training(one, one.home, SEEDS)
        plain = start_parameters(here.model, here.dataset, ROOT, name, range(SEEDS))
        tripled = scaled_start(one, here, 3.0, SEEDS)
        for key in scaled:
            assert torch.allclose(tripled[key], 3 * plain[key])
        for key in kept:
            assert torch.equal(tripled[key], plain[key])


# --- Numbers of samples -----------------------------------------------------------------------------------


def test_a_small_number_of_samples_is_repeated_to_an_epoch_and_a_large_one_gets_fewer(subject, monkeypatch):
    seen = []

    def spied(subject, here, initial, training=None, **changes):
        seen.append((training, changes, len(next(iter(initial.values())))))
        return None, np.full(seen[-1][2], 0.9)

    monkeypatch.setattr(sweeps, "outcome", spied)
    free = subject("free")
    free = replace(free, variant=free.variant.trained_by(patience=3))
    measured = sample_sizes(free, samples=[10, 150], subsets=2, seeds=3)
    lengths = [(len(part), len(torch.unique(part.inputs["loops"], dim=0))) for part, _, _ in seen]
    assert lengths == [(60, 10), (60, 10), (150, 150), (150, 150)]
    assert not torch.equal(seen[0][0].inputs["loops"], seen[1][0].inputs["loops"]), "subsets differ"
    assert [changes for _, changes, _ in seen[:1] + seen[-1:]] == [
        {"epochs": 6, "patience": 3},
        {"epochs": 2, "patience": 1},
    ]
    assert [count for _, _, count in seen] == [2, 1, 2, 1], "seeds are shared out among the subsets"
    assert (values(measured, "samples_balanced_accuracy", samples=10) == 0.9).all()


def test_the_labels_of_a_subset_go_with_its_samples(subject, monkeypatch):
    parts = []
    monkeypatch.setattr(sweeps, "outcome", lambda *args, **_: (parts.append(args[3]), (None, np.zeros(1)))[1])
    one = subject("free")
    sample_sizes(one, samples=[12], subsets=1, seeds=1)
    every = read_dataset(one.datasets["many"][0], "train")
    loops = {tuple(row.tolist()): label for row, label in zip(_loops(one), every.label, strict=True)}
    assert all(loops[tuple(row.tolist())] == label for row, label in zip(*_of(parts[0]), strict=True))


def _loops(one):
    return seen_in_training(one, one.datasets["many"][0], 1).samples["train"].inputs["loops"]


def _of(part: Batch):
    return part.inputs["loops"], part.labels.numpy()


def test_the_convex_model_is_solved_on_the_subset_alone(subject, monkeypatch):
    lengths, fitted = [], sweeps.fitted_scores
    monkeypatch.setattr(sweeps, "fitted_scores", lambda s, h, part: (lengths.append(len(part)), fitted(s, h, part))[1])
    measured = sample_sizes(subject("loop_ridge"), samples=[4, 150], subsets=4, seeds=1)
    assert lengths == [4, 150]
    assert values(measured, "samples_balanced_accuracy", samples=150)[0] > 0.9


# --- Clean training ---------------------------------------------------------------------------------------


def test_the_closed_form_reads_clean_and_disordered_samples_alike(subject):
    measured = clean(subject("exact"), seeds=2)
    at_home, away = (values(measured, "clean_balanced_accuracy", test=test) for test in ("clean", "home"))
    assert (at_home > 0.9).all() and (away > 0.9).all()
    assert set(measured.rows["test"]) == {"clean", "home"}


# --- Gradients --------------------------------------------------------------------------------------------


class Linear(Model):
    """``f = w · x``: its loss is a quadratic form."""

    family, encodings = "linear", ("loops",)

    def initial(self, generators):
        return {"w": torch.stack([torch.from_numpy(rng.normal(size=3)) for rng in generators])}

    def value(self, parameters, inputs):
        return parameters["w"] @ inputs["x"].T

    def check_applicable(self, inputs):
        return None


def test_the_gradient_of_a_linear_model_is_that_of_its_normal_equations():
    rng = np.random.default_rng(0)
    x, labels, w = rng.normal(size=(20, 3)), rng.integers(-1, 2, size=20), rng.normal(size=(25, 3))
    samples = Batch({"x": torch.from_numpy(x)}, torch.from_numpy(labels))
    found = flat_gradients(Linear(), {"w": torch.from_numpy(w)}, samples)
    assert found == pytest.approx((w @ x.T - labels) @ x / 20)
    loss = squared_loss(Linear(), {"w": torch.from_numpy(w)}, samples).numpy()
    assert loss == pytest.approx(0.5 * ((w @ x.T - labels) ** 2).mean(axis=1))


def test_the_variance_of_the_gradient_is_over_seeds_at_every_size(subject):
    measured = gradients(subject("cnn"), seeds=12, samples=20)
    assert sorted(measured.rows["size"].unique()) == [10, 14]
    rows = measured.rows[(measured.rows["size"] == 10) & (measured.rows["diagnostic"] == "gradient_variance")]
    one = subject("cnn")
    here = seen_in_training(one, one.home, 12)
    few = Batch({"image": here.samples["test"].inputs["image"][:20]}, here.samples["test"].labels[:20])
    g = []
    for seed in range(12):  # one at a time
        start = start_parameters(here.model, here.dataset, ROOT, "cnn", [seed])
        leaves = {name: t.clone().requires_grad_() for name, t in start.items()}
        (0.5 * (here.model.value(leaves, few.inputs)[0] - few.labels).square().mean()).backward()
        g.append(np.concatenate([leaf.grad.numpy().ravel() for leaf in leaves.values()]))
    assert rows["value"].mean() == pytest.approx(np.var(g, axis=0, ddof=1).mean(), rel=1e-4)


def test_free_weights_have_gradients_at_sizes_other_than_their_own(subject):
    measured = gradients(subject("free"), seeds=3, samples=10)
    assert sorted(measured.rows["size"].unique()) == [10, 14], "each size has a start of its own"


# --- The summary ------------------------------------------------------------------------------------------


def units(diagnostic, condition, table):
    """Return rows of the table of diagnostics from (size, value of the condition, values)."""
    frames = [
        pd.DataFrame({"seed": range(len(found)), "value": found}).assign(**{"size": size, condition: at})
        for size, at, found in table
    ]
    about = {"task": "winding", "variant": "ring_free", "model": "ring", "form": "free", "status": "ok"}
    return pd.concat(frames, ignore_index=True).assign(**about, diagnostic=diagnostic)


def test_shares_carry_wilsons_interval_and_other_diagnostics_their_quantiles():
    row = summarised(units("rate_success", "factor", [(24, 1.0, [1.0] * 22 + [0.0] * 78)]), ROOT).iloc[0]
    assert (row["value"], row["low"], row["high"]) == pytest.approx((0.22, *wilson_interval(22, 100)))
    row = summarised(units("line_barrier", "aligned", [(24, "yes", np.arange(101.0))]), ROOT).iloc[0]
    assert (row["value"], row["low"], row["high"], row["n_seeds"]) == (50, 10, 90, 101)


def test_the_mean_interval_is_that_of_the_normal_for_many_seeds():
    sample = np.random.default_rng(1).normal(3.0, 2.0, size=400)
    mean, low, high = mean_interval(sample, np.random.default_rng(2))
    reach = 1.96 * sample.std() / 20
    assert (low, high) == pytest.approx((mean - reach, mean + reach), abs=0.02)


def test_a_planted_exponent_is_found_and_scatter_widens_its_interval():
    sizes = np.array([6.0, 12, 24, 48, 96])
    table = [(int(n), "random", np.full(50, 3 * n**-1.5)) for n in sizes]
    summary = summarised(units("gradient_variance", "start", table), ROOT)
    row = gradient_exponents(summary).iloc[0]
    assert (row["value"], row["low"], row["high"]) == pytest.approx((-1.5, -1.5, -1.5))
    assert (row["size"], row["sizes"]) == (96, "6 to 96")
    _, low, high = power_law(sizes, sizes**-1.5 * np.array([1, 2, 0.5, 2, 0.5]))
    assert high - low > 0.5
    assert np.isnan(power_law(sizes[:2], sizes[:2])).all(), "two sizes have no interval"


def test_success_that_never_falls_has_no_half_and_one_that_does_has_it_between():
    never = units("basin_success", "noise", [(24, sigma, [1.0] * 20) for sigma in (0.1, 1.0, 10.0)])
    row = half_success_rows(never).iloc[0]
    assert np.isnan(row["value"]) and row["low"] == 10 and np.isinf(row["high"])
    falls = units("basin_success", "noise", [(24, 0.1, [1.0] * 20), (24, 1.0, [1.0] * 20), (24, 10.0, [0.0] * 20)])
    row = half_success_rows(falls).iloc[0]
    assert row["low"] <= row["value"] <= row["high"] and 1 < row["value"] < 10


def test_a_table_without_basins_or_gradients_has_rows_of_its_diagnostics_alone():
    table = units("rate_success", "factor", [(24, 1.0, [1.0, 0.0])])
    assert diagnostic_rows(table, ROOT)["diagnostic"].tolist() == ["rate_success"]


def test_conditions_are_told_apart_where_some_rows_have_none_and_two_variants_of_a_class_stay_two():
    kept = units("pruned_balanced_accuracy", "kept", [(24, 1, [0.5] * 3), (24, "all", [1.0] * 3)])
    scale = units("scale_success", "scale", [(24, 0.3, [1.0] * 3)])
    wider = kept.assign(variant="ring_wide", value=0.7)
    found = summarised(pd.concat([kept, scale, wider], ignore_index=True), ROOT)
    assert found[["variant", "kept", "value"]].to_numpy().tolist()[:2] == [
        ["ring_free", 1, 0.5],
        ["ring_free", "all", 1.0],
    ]
    assert found.groupby("variant").size().to_dict() == {"ring_free": 3, "ring_wide": 2}
    assert found["scale"].tolist()[2] == 0.3 and found["n_seeds"].eq(3).all()


def test_what_does_not_apply_keeps_its_reason_and_has_no_number():
    table = units("rate_success", "factor", [(24, 1.0, [1.0, 0.0])])
    reason = "not applicable: it has no closed form"
    lacking = units("basin", "factor", [(24, np.nan, [np.nan])]).assign(status=reason, seed=np.nan)
    row = diagnostic_rows(pd.concat([table, lacking], ignore_index=True), ROOT).iloc[1]
    assert (row["diagnostic"], row["n_seeds"], row["status"]) == ("basin", 0, reason)
    assert np.isnan(row["value"])


def test_a_seed_that_failed_does_not_succeed(subject):
    assert success_values(subject("free"), np.array([np.nan, 0.79, 0.8])).tolist() == [0.0, 0.0, 1.0]
