"""Leave-one-lattice-out: training on several lattices together, tests on the one that was left out."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from drawn import Made
from stored import written

from toponn.data.datasets import read_dataset
from toponn.data.encodings.loops import loops, triple_indices
from toponn.figures.generalization_matrix import left_out_figure
from toponn.figures.looks import looks
from toponn.generalization.left_out import evaluate_left_out, summary_rows
from toponn.models.base import as_tensors, generators
from toponn.models.head import TEMPERATURE, negative_log_likelihood
from toponn.models.wedges import loop_tensors
from toponn.tools.checks import NotApplicable
from toponn.tools.seeds import stream
from toponn.tools.tables import TABLES
from toponn.training import loop
from toponn.training.loop import Batch, batches, evaluate, gradients, shuffled, train
from toponn.training.protocol import Success, Training, Variant
from toponn.training.runs import train_block, write_run
from toponn.training.saved import load_run
from toponn.training.views import build_model, encoded, groups

ROOT, SEEDS = 5, [0, 1, 2]
TRAINING = Training(epochs=3, batch_size=16, learning_rate=0.02, weight_decay=1e-3, patience=None)
RING = Variant("ring", "coordinate_ring", {"rank": 2, "width": 6}, TRAINING)
CNN = Variant("cnn", "cnn", {"channels": [4]}, TRAINING)
VARIANTS = {"ring": RING, "cnn": CNN}
LOOKS = looks([(name, name, variant.model) for name, variant in VARIANTS.items()])
SUCCESS = Success(split="test", balanced_accuracy=0.9)
BOX = [{"name": "onsite_box", "strength": [0.0, 1.0]}]
RECIPES = {
    "square": {"system": "qwz", "shape": {"name": "rectangle", "size": [5, 5]}, "parameters": {"mass": [-3.0, 3.0]}},
    "honeycomb": {
        "system": "haldane",
        "shape": {"name": "rectangle", "size": [6.5, 6.5]},
        "parameters": {"sublattice_mass": [-1.0, 1.0], "t2": 0.3, "phase": [-3.0, 3.0]},
    },
    "kagome": {
        "system": "kagome",
        "shape": {"name": "rectangle", "size": [6.5, 6.5]},
        "parameters": {"phase": [-1.0, 1.0], "breathing": [0.2, 1.8]},
    },
    "points": {
        "system": "amorphous_chern",
        "lattice": "random",
        "shape": {"name": "rectangle", "size": [5.0, 5.0]},
        "parameters": {"mass": [-3.5, 0.5], "decay": 0.8},
    },
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    samples = {"train": 36, "validation": 20, "test": 20}
    return written(tmp_path_factory.mktemp("lattices"), RECIPES, seed=ROOT, samples=samples, disorder=BOX)


@pytest.fixture(scope="module")
def views(paths):
    """Return by split the loops of each lattice."""
    return {
        split: groups(
            RING.changed(route="loops"), [read_dataset(path, split) for path in paths.values()], seeds=3, uses=50
        )
        for split in ("train", "validation")
    }


def without(name, paths):
    return [path for other, path in paths.items() if other != name]


def block(paths, left_out, model="ring", **changes):
    arguments = dict(task="chern", variant=VARIANTS[model], seeds=SEEDS, root=ROOT, success=SUCCESS)
    arguments |= dict(together=f"without_{left_out}")
    return train_block(without(left_out, paths), **{**arguments, **changes})


def start_of(model):
    return {**model.initial(generators(ROOT, "data", "ring", SEEDS)), TEMPERATURE: torch.zeros(len(SEEDS))}


def ring_for(samples):
    shapes = {"coordinates": (samples.inputs["coordinates"].shape[-2], 2), "loops": samples.inputs["loops"].shape[1:]}
    return build_model(RING, shapes)


def fitted(training, validation, **changes):
    one = training if isinstance(training, Batch) else training[0]
    model = ring_for(one)
    start = model.initial(generators(ROOT, "data", "ring", SEEDS))
    return train(model, start, training, validation, **{"root": ROOT, "order": "data", **asdict(TRAINING), **changes})


def same(one, other) -> bool:
    equal = all(torch.equal(tensor, other.parameters[name]) for name, tensor in one.parameters.items())
    return equal and all(np.array_equal(one.history[name], other.history[name]) for name in one.history)


def lattices(views, split, *names):
    return [views[split][name] for name in names]


# --- Loops where every sample has its own sites -----------------------------------------------------------


def test_loop_features_written_out_are_antisymmetric_and_zero_where_two_sites_meet():
    n = 6
    i, j, k = triple_indices(n)
    features = torch.from_numpy(np.random.default_rng(ROOT).normal(size=(2, len(i)))).float()
    T = loop_tensors(features, n)
    assert torch.equal(T[:, i, j, k], features)
    for swapped in (T.transpose(1, 2), T.transpose(2, 3), T.transpose(1, 3)):
        assert torch.equal(swapped, -T)


def test_samples_with_their_own_sites_have_the_values_and_gradients_that_each_has_alone(paths):
    dataset, alone = read_dataset(paths["points"], "train"), []
    together = encoded(RING, dataset, seeds=3, uses=50)
    assert together.inputs["coordinates"].shape == (36, 25, 2)
    together = together[:8]
    for b in range(8):
        arrays = as_tensors(loops(dataset[b]))
        assert arrays["coordinates"].shape == (25, 2)
        alone.append(Batch(arrays, together.labels[b : b + 1]))
    model = ring_for(together)
    leaves = {name: tensor.requires_grad_() for name, tensor in start_of(model).items()}
    with torch.no_grad():
        one_by_one = torch.cat([model.value(leaves, sample.inputs) for sample in alone], dim=1)
        torch.testing.assert_close(model.value(leaves, together.inputs), one_by_one, rtol=1e-4, atol=1e-5)
    losses = np.mean([gradients(model, leaves, sample)[0] for sample in alone], axis=0)
    total = {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
    for sample in alone:
        gradients(model, leaves, sample)
        for name, leaf in leaves.items():
            total[name] += leaf.grad / len(alone)
    loss, _ = gradients(model, leaves, together)
    np.testing.assert_allclose(loss, losses, rtol=1e-4)
    largest = max(slope.abs().max().item() for slope in total.values())
    for name, leaf in leaves.items():
        torch.testing.assert_close(leaf.grad, total[name], rtol=1e-3, atol=1e-5 * largest)


# --- The loop on several groups ---------------------------------------------------------------------------


def test_one_group_is_trained_bit_for_bit_as_samples_alone_are(views):
    (training,), (validation,) = (lattices(views, split, "square") for split in ("train", "validation"))
    assert same(fitted(training, validation), fitted([training], [validation]))


def test_batches_of_one_group_are_those_of_its_shuffled_samples(views):
    (group,) = lattices(views, "train", "square")
    rows = torch.from_numpy(stream(ROOT, "order", "data", 1).permutation(len(group)))
    expected = batches(group[rows], 16)
    found = list(shuffled([group], 16, stream(ROOT, "order", "data", 1)))
    assert [part.labels.tolist() for part in found] == [part.labels.tolist() for part in expected]
    assert all(torch.equal(a.inputs["loops"], b.inputs["loops"]) for a, b in zip(found, expected, strict=True))


def test_an_epoch_over_several_groups_sees_every_sample_once_in_batches_of_one_geometry(views):
    some = lattices(views, "train", "square", "honeycomb", "points")
    parts = list(shuffled(some, 16, stream(ROOT, "order", "data", 1)))
    assert sorted(map(len, parts)) == sorted([16, 16, 4] * 3)
    for group in some:
        mine = [part for part in parts if part.inputs["loops"].shape[1:] == group.inputs["loops"].shape[1:]]
        mine = [part for part in mine if part.inputs["coordinates"].ndim == group.inputs["coordinates"].ndim]
        seen = torch.cat([part.inputs["loops"][:, :5] for part in mine])
        assert sorted(seen.tolist()) == sorted(group.inputs["loops"][:, :5].tolist())
    kinds = [part.inputs["coordinates"].shape for part in parts]
    assert kinds != sorted(kinds) and kinds != sorted(kinds, reverse=True), "batches of the groups are interleaved"


def test_the_first_step_follows_the_gradient_of_the_batch_that_comes_first(views):
    some = lattices(views, "train", "square", "points")
    model = ring_for(some[0])
    first = next(shuffled(some, 100, stream(ROOT, "order", "data", 1)))
    leaves = {name: tensor.requires_grad_() for name, tensor in start_of(model).items()}
    loss = negative_log_likelihood(model.value(leaves, first.inputs), leaves[TEMPERATURE], first.labels)
    slope = torch.autograd.grad(loss.sum(), leaves["v"])[0]
    gradients(model, leaves, first)
    torch.testing.assert_close(leaves["v"].grad, slope)
    # The record before the first step holds the mean over the batches of all groups.
    history = fitted(some, some, batch_size=100, epochs=1).history
    by_hand = [gradients(model, leaves, group) for group in some]
    for name, values in zip(("train_loss", "gradient_norm"), zip(*by_hand, strict=True), strict=True):
        np.testing.assert_allclose(history[name][0], np.mean(values, axis=0), rtol=1e-5)


def test_validation_counts_all_samples_of_all_groups_alike(views):
    training, held_out = lattices(views, "train", "square"), lattices(views, "validation", "square", "points")
    held_out[1] = held_out[1][:7]
    model = ring_for(training[0])
    start = start_of(model)
    losses = [
        negative_log_likelihood(evaluate(model, start, group), start[TEMPERATURE], group.labels) for group in held_out
    ]
    expected = (20 * losses[0] + 7 * losses[1]) / 27
    np.testing.assert_allclose(fitted(training, held_out).history["validation_loss"][0], expected, rtol=1e-5)


def test_training_on_several_groups_is_deterministic_and_its_order_descends_from_the_seed(views):
    splits = [lattices(views, split, "square", "points") for split in ("train", "validation")]
    once = fitted(*splits)
    assert same(once, fitted(*splits))
    assert not same(once, fitted(*splits, root=ROOT + 1))


def test_an_interrupted_training_on_several_groups_ends_where_an_uninterrupted_one_does(views, tmp_path, monkeypatch):
    class Interrupted(loop.Progress):
        def advance(self, count=1, note=""):
            super().advance(count, note)
            if self.done == 3:
                raise KeyboardInterrupt

    splits = [lattices(views, split, "square", "points") for split in ("train", "validation")]
    whole, where = fitted(*splits, epochs=5), {"checkpoint": tmp_path / "c.h5", "key": "work"}
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "Progress", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            fitted(*splits, epochs=5, **where)
    assert (tmp_path / "c.h5").exists()
    assert same(whole, fitted(*splits, epochs=5, **where))


# --- Runs, tests and figure -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(paths, tmp_path_factory):
    """Return by (model, lattice left out) the run and its folder."""
    made = {}
    for model, left_out in (("ring", "points"), ("ring", "square"), ("cnn", "square"), ("cnn", "points")):
        folder = tmp_path_factory.mktemp(f"{model}_{left_out}")
        made[model, left_out] = block(paths, left_out, model), folder
        write_run(folder, made[model, left_out][0])
    return made


def test_a_run_says_what_it_was_trained_on_and_loads_without_the_workflow(runs, paths):
    run, folder = runs["ring", "square"]
    document = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    assert document["dataset"] == "without_square"
    assert document["trained_on"] == ["honeycomb", "kagome", "points"]
    loaded = load_run(folder)
    states = read_dataset(paths["square"], "test")
    assert loaded.values(states).shape == (len(SEEDS), 20)
    assert set(run["rows"]["dataset"]) == {"without_square"}


def test_a_network_is_trained_on_those_that_have_cells_of_as_many_orbitals_as_the_first(runs):
    assert runs["cnn", "points"][0]["document"]["trained_on"] == ["square", "honeycomb"]
    assert runs["cnn", "square"][0]["document"]["trained_on"] == ["honeycomb"]


def test_a_network_that_can_represent_none_of_the_others_is_refused(paths):
    with pytest.raises(NotApplicable, match="cnn can represent none of points, points"):
        groups(CNN, [read_dataset(paths["points"], "train")] * 2)


def test_the_training_reads_no_file_of_the_lattice_that_is_left_out(paths, tmp_path):
    others = {name: path for name, path in paths.items() if name != "square"}
    assert block({**others, "square": tmp_path / "there is none.h5"}, "square")["document"]["trained_on"] == [*others]


def test_the_seeds_of_a_run_depend_on_which_lattice_is_left_out(runs):
    one, other = (runs["ring", name][0]["parameters"] for name in ("points", "square"))
    assert not torch.equal(one["w1"], other["w1"])


@pytest.fixture(scope="module")
def tested(runs, paths):
    """Return by model the rows and values of all lattices that are left out."""
    return {
        model: evaluate_left_out({name: runs[model, name][1] for name in ("points", "square")}, paths, device="cpu")
        for model in VARIANTS
    }


def test_every_seed_lattice_left_out_and_test_has_a_row(tested):
    table, arrays = tested["ring"]
    assert set(TABLES["left_out"].columns) <= set(table.columns)
    assert len(table) == len(table.groupby(["left_out", "test", "seed"])) == 2 * len(RECIPES) * len(SEEDS)
    assert set(table["status"]) == {"ok"}
    assert arrays["points/square/value"].shape == (len(SEEDS), 20)


def test_what_a_network_cannot_see_is_not_applicable_and_has_no_number(tested):
    table, _ = tested["cnn"]
    status = table.groupby(["left_out", "test"])["status"].first()
    for left_out in ("points", "square"):
        assert status[left_out].to_dict() == {
            "square": "ok",
            "honeycomb": "ok",
            "kagome": "not applicable",
            "points": "not applicable",
        }
    assert table.loc[table["status"] != "ok", "balanced_accuracy"].isna().all()


def test_the_summary_is_the_mean_over_seeds_within_its_interval(tested):
    table, arrays = tested["ring"]
    rows = summary_rows(table, arrays, ROOT)
    assert len(rows) == 2 * len(RECIPES) and all(set(TABLES["left_out_summary"].columns) <= row.keys() for row in rows)
    for row in rows:
        mine = table[(table["left_out"] == row["left_out"]) & (table["test"] == row["test"])]
        assert row["balanced_accuracy"] == pytest.approx(mine["balanced_accuracy"].mean())
        assert row["low"] <= row["balanced_accuracy"] <= row["high"]
        assert row["n_seeds"] == len(SEEDS)


def test_the_figure_frames_the_lattice_left_out_and_hatches_what_cannot_be_seen(tested):
    summary = pd.DataFrame([row for table, arrays in tested.values() for row in summary_rows(table, arrays, ROOT)])
    figure = left_out_figure(Made("chern", {"left_out_summary": summary}, {}, LOOKS))
    patches = [[patch.get_gid() for patch in axes.patches] for axes in figure.axes[:2]]
    assert [gids.count("left out") for gids in patches] == [2, 2]
    assert sorted(gids.count("not applicable") for gids in patches) == [0, 4]
    assert sorted(gids.count("cell") for gids in patches) == [4, 8]
    intervals = [text.get_text() for axes in figure.axes[:2] for text in axes.texts if "–" in text.get_text()]
    assert len(intervals) == 3, "of what was left out and can be seen"


def test_a_run_on_one_dataset_is_the_same_by_itself_and_as_a_list(paths):
    arguments = dict(task="chern", variant=RING, seeds=SEEDS, root=ROOT, success=SUCCESS)
    one, other = (train_block(given, **arguments) for given in (paths["square"], [paths["square"]]))
    assert all(torch.equal(tensor, other["parameters"][name]) for name, tensor in one["parameters"].items())
    assert one["document"] == other["document"] and one["document"]["trained_on"] == ["square"]


def test_a_view_of_one_dataset_that_cannot_be_represented_is_refused_as_before(paths):
    dataset = read_dataset(paths["points"], "train")
    with pytest.raises(NotApplicable, match="a cell image needs a lattice of unit cells"):
        groups(CNN, [dataset])
