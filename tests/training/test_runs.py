"""A run folder: what is written, what is read back and applied elsewhere, and what is refused."""

import csv
import json
import re
from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from toponn.data.datasets import read_dataset, write_dataset
from toponn.data.generation import generate
from toponn.data.recipes import Recipe
from toponn.generalization.evaluation import evaluate_runs, values_on
from toponn.matter.samples import Samples
from toponn.matter.states import chiral_block, chiral_occupied_states
from toponn.models.base import generators
from toponn.tools.checks import ConfigError, DataError, NotApplicable
from toponn.tools.files import read_csv, read_json, write_json
from toponn.trainability.site_tensors import learned_tensors
from toponn.training import runs
from toponn.training.protocol import Success, Training, Variant
from toponn.training.runs import train_block, write_run
from toponn.training.saved import geometry_of, load_run, load_runs
from toponn.training.views import build_model

ROOT = 21
SEEDS = [0, 1, 2]
SUCCESS = Success(split="test", balanced_accuracy=0.8)
TRAINING = Training(epochs=3, batch_size=20, learning_rate=0.01, patience=None)
OPTIONS = {
    "ring_coordinate": ("coordinate_ring", {"width": 6}),
    "ring_free": ("free_ring", {"rank": 2, "scale": 0.5}),
    "ring_exact": ("coordinate_ring", {"start": "closed_form", "width": 8}),
    "ring_free_exact": ("free_ring", {"start": "closed_form"}),
    "cnn": ("cnn", {"channels": [4]}),
    "resnet": ("resnet", {"channels": 8, "depth": 2}),
    "mlp": ("mlp", {"window": 4, "hidden": [8]}),
}
VARIANTS = {name: Variant(name, model, options, TRAINING) for name, (model, options) in OPTIONS.items()}
RINGS = {name: ("ring", model.removesuffix("_ring")) for name, (model, _) in OPTIONS.items() if "_ring" in model}
VARIANTS["loop_ridge"] = Variant("loop_ridge", "loop_ridge", {"penalties": [1e-4, 1e-2]})
RECIPES = {
    "chern": {
        "system": "qwz",
        "shape": {"name": "rectangle", "size": [5, 5]},
        "parameters": {"mass": [-3.0, 3.0]},
        "disorder": [{"name": "onsite_box", "strength": [0.0, 1.0]}],
    },
    "winding": {
        "system": "ssh",
        "shape": {"name": "segment", "size": [10]},
        "parameters": {"intracell": [0.2, 1.8], "intercell": 1.0},
        "disorder": [{"name": "bond_box", "strength": [0.0, 0.5]}],
    },
}


@pytest.fixture(scope="module")
def dataset_paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    samples = {"train": 60, "validation": 30, "test": 30}
    paths = {}
    for task, recipe in RECIPES.items():
        paths[task] = folder / f"{task}.h5"
        write_dataset(paths[task], generate(name=task, seed=ROOT, samples=samples, minimum_margin=0.1, **recipe))
    return paths


def block(paths, task: str, name: str, seeds=None, variant=None, **changes):
    seeds = seeds or ([0] if name == "loop_ridge" else SEEDS)
    arguments = dict(task=task, variant=variant or VARIANTS[name], seeds=seeds, success=SUCCESS, root=ROOT)
    return train_block(paths[task], **{**arguments, **changes})


@pytest.fixture(scope="module")
def written(dataset_paths, tmp_path_factory):
    """Return the run and its folder, trained once for each (task, model)."""
    made = {}

    def get(task: str, name: str):
        if (task, name) not in made:
            run = block(dataset_paths, task, name)
            folder = tmp_path_factory.mktemp(f"{task}_{name}")
            write_run(folder, run)
            made[task, name] = run, folder
        return made[task, name]

    return get


def header(path) -> str:
    with path.open(newline="") as file:
        return " ".join(next(csv.reader(file)))


EVERY = [(task, name) for task in RECIPES for name in VARIANTS]


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_a_run_reads_back_as_it_was_written_and_gives_the_same_values(task, name, written, dataset_paths):
    run, folder = written(task, name)
    saved = load_run(folder)
    model, parameters, document = saved.model, saved.parameters, saved.document
    assert document == json.loads(json.dumps(run["document"]))
    assert parameters.keys() == run["parameters"].keys()
    assert all(torch.equal(parameters[key], tensor) for key, tensor in run["parameters"].items())
    assert saved.variant == VARIANTS[name]
    assert model.start == VARIANTS[name].start
    dataset = read_dataset(dataset_paths[task], "test")
    values = load_run(folder).values(dataset)
    assert values.shape == (len(run["rows"]), 30)
    right = np.rint(values) == dataset.label
    balanced = np.mean([right[:, dataset.label == k].mean(axis=1) for k in np.unique(dataset.label)], axis=0)
    assert (run["rows"]["success"] == (balanced >= SUCCESS.balanced_accuracy)).all()
    validation = read_dataset(dataset_paths[task], "validation")
    right = np.rint(load_run(folder).values(validation)) == validation.label
    np.testing.assert_allclose(run["rows"]["validation_accuracy"], right.mean(axis=1))


@pytest.mark.parametrize(("task", "name"), [("chern", "ring_free"), ("winding", "cnn"), ("chern", "loop_ridge")])
def test_the_columns_of_the_tables_are_fixed(task, name, written):
    _, folder = written(task, name)
    assert header(folder / "runs.csv") == (
        "task dataset size variant model form seed start n_parameters epochs flops seconds train_loss "
        "validation_accuracy validation_balanced_accuracy success status"
    )
    assert header(folder / "history.csv") == (
        "task dataset variant model form start seed epoch train_loss validation_loss validation_balanced_accuracy "
        "gradient_norm"
    )
    documents = ("history.csv", "runs.csv", "settings.json")
    beside = [f"{name}-metadata.json" for name in documents]
    assert {path.name for path in folder.iterdir()} == {*documents, *beside, "weights.h5"}


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_a_run_has_a_row_for_each_seed_and_a_history_row_for_each_seed_and_epoch(task, name, written):
    run, folder = written(task, name)
    rows, history = read_csv(folder / "runs.csv"), read_csv(folder / "history.csv")
    variant = VARIANTS[name]
    assert rows["seed"].tolist() == run["document"]["seeds"]
    assert set(rows["task"]) == {task}
    assert set(rows["dataset"]) == {task}
    assert set(rows["variant"]) == {name}
    assert [set(rows["model"]), set(rows["form"])] == [{each} for each in RINGS.get(name, (name, ""))]
    assert set(rows["start"]) == {variant.start}
    assert set(rows["status"]) == {"ok"}
    assert (rows["n_parameters"] > 0).all()
    assert (rows["seconds"] > 0).all()
    assert set(rows["size"]) == {25 if task == "chern" else 10}
    assert (rows["flops"] > 0).all()
    if name == "loop_ridge":
        assert rows["epochs"].tolist() == [0]
        assert history.empty
        return
    assert history[["epoch", "seed"]].to_numpy().tolist() == [[e, s] for e in range(4) for s in SEEDS]
    last = history[history["epoch"] == 3].set_index("seed")
    np.testing.assert_allclose(rows["train_loss"], last["train_loss"].loc[rows["seed"]])
    np.testing.assert_allclose(
        rows["validation_balanced_accuracy"], last["validation_balanced_accuracy"].loc[rows["seed"]]
    )


@pytest.mark.parametrize("task", RECIPES)
@pytest.mark.parametrize("name", ["ring_exact", "ring_free_exact"])
def test_a_closed_form_start_is_right_before_the_first_step(task, name, written):
    _, folder = written(task, name)
    history = read_csv(folder / "history.csv")
    start = history[history["epoch"] == 0]["validation_balanced_accuracy"]
    # Five by five sites and ten cells are small, and the references themselves differ there.
    assert (start > (0.75 if task == "chern" else 0.9)).all(), start.tolist()
    assert start.nunique() == 1, "all seeds start at one function"


@pytest.mark.parametrize("name", ["ring_coordinate", "cnn"])
def test_a_block_starts_where_the_generators_of_its_seeds_say(name, dataset_paths, monkeypatch):
    taken = {}
    variant = VARIANTS[name].trained_by(epochs=1)
    real = runs.train

    def spy(model, parameters, *arguments, **options):
        taken.update({key: tensor.clone() for key, tensor in parameters.items()})
        return real(model, parameters, *arguments, **options)

    monkeypatch.setattr(runs, "train", spy)
    run = block(dataset_paths, "winding", name, seeds=[4, 9], variant=variant)
    expected = build_model(variant, run["document"]["shapes"]).initial(generators(ROOT, "winding", name, [4, 9]))
    assert all(torch.equal(taken[key], expected[key]) for key in expected)


@pytest.mark.parametrize(("asked", "held"), [(None, [3, 3]), (7, [3, 3]), (4, [3, 1]), (3, [3]), (2, [2])])
def test_blocks_with_more_seeds_than_a_study_asks_for_give_their_first_ones(asked, held, written):
    _, folder = written("winding", "ring_free")
    runs = load_runs([folder, folder], seeds=asked)
    assert [len(run.document["seeds"]) for run in runs] == held
    assert [len(run.document["flops"]) for run in runs] == held
    last = runs[-1]
    assert torch.equal(last.parameters["site"], load_run(folder).parameters["site"][: held[-1]])


def raw(recipe_of: dict, count: int = 3):
    """Return Hamiltonians and the sites they live on, as somebody outside the workflow has them."""
    recipe = Recipe.of(name="raw", seed=ROOT, **recipe_of)
    return np.stack([recipe.draw([i]).hamiltonians[0] for i in range(count)]), recipe.sites


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_a_run_applies_to_a_raw_hamiltonian_with_its_positions(task, name, written):
    _, folder = written(task, name)
    H, sites = raw(RECIPES[task])
    values = load_run(folder)(H, sites.positions, sublattice=sites.sublattice, cell=sites.cell)
    assert values.shape[1] == 3
    assert np.isfinite(values).all()
    states = Samples.of(H, sites.positions, sublattice=sites.sublattice, cell=sites.cell)
    assert np.array_equal(load_run(folder).values(states), values)
    one = load_run(folder)(H[1], sites.positions, sublattice=sites.sublattice, cell=sites.cell)
    np.testing.assert_allclose(one[:, 0], values[:, 1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("intracell", [0.0, 1e-3, 0.5, 1.5])
def test_a_raw_chain_has_the_value_that_the_same_chain_has_in_a_dataset(intracell, written):
    """Deep in the phase the end states split by less than rounding, and an eigensolver returns them unpaired."""
    _, folder = written("winding", "ring_coordinate")
    clean = {"parameters": {"intracell": intracell, "intercell": 1.0}, "disorder": []}
    H, sites = raw({**RECIPES["winding"], **clean}, count=1)
    described = (sites.positions, sites.sublattice, sites.cell)
    occupied, _ = chiral_occupied_states(chiral_block(H, sites.sublattice), sites.sublattice)
    stored = replace(Samples.of(H, *described), states=occupied)
    values = load_run(folder).values(Samples.of(H, *described))
    np.testing.assert_allclose(values, load_run(folder).values(stored), rtol=1e-3, atol=1e-4)


def test_the_closed_form_run_finds_the_invariants_of_raw_hamiltonians_of_other_sizes_and_lattices(
    dataset_paths, tmp_path
):
    none = VARIANTS["ring_exact"].trained_by(epochs=1, learning_rate=1e-9)
    write_run(tmp_path / "chern", block(dataset_paths, "chern", "ring_exact", variant=none))
    write_run(tmp_path / "winding", block(dataset_paths, "winding", "ring_exact", variant=none))
    square = {"name": "rectangle", "size": [9, 9]}
    flake = {"sublattice_mass": 0.0, "t2": 0.2, "phase": -np.pi / 2}
    chain = {"name": "segment", "size": [20]}
    cases = [
        ("chern", "qwz", square, {"mass": -1.0}, 1),
        ("chern", "qwz", square, {"mass": 1.0}, -1),
        ("chern", "qwz", square, {"mass": 3.0}, 0),
        ("chern", "haldane", {"name": "disk", "radius": 6.5}, flake, 1),
        ("winding", "ssh", chain, {"intracell": 0.5, "intercell": 1.0}, 1),
        ("winding", "extended_ssh", chain, {"t_minus_1": 1.0, "t_0": 0.3, "t_1": 0.0, "t_2": 0.1}, -1),
        ("winding", "extended_ssh", chain, {"t_minus_1": 0.1, "t_0": 0.0, "t_1": 0.3, "t_2": 1.0}, 2),
    ]
    for task, system, shape, parameters, exact in cases:
        H, sites = raw({"system": system, "shape": shape, "parameters": parameters, "disorder": []}, count=1)
        states = Samples.of(H, sites.positions, sites.sublattice, sites.cell)
        values = load_run(tmp_path / task).values(states)
        assert (np.rint(values) == exact).all(), f"{system} {parameters}: {values.ravel()}, exact {exact}"


def test_a_run_says_why_it_cannot_be_applied(written):
    H, sites = raw({**RECIPES["chern"], "shape": {"name": "rectangle", "size": [6, 6]}})
    larger = Samples.of(H, sites.positions, sites.sublattice, sites.cell)
    H, sites = raw(RECIPES["winding"])
    chain = Samples.of(H, sites.positions, sites.sublattice, sites.cell)
    no_cells = Samples.of(H, sites.positions, sites.sublattice)
    refused = [
        ("ring_free", larger, "free site tensors on 25 sites, the sample has 36"),
        ("loop_ridge", larger, "one weight for each of 2300 loops, the sample has 7140"),
        ("ring_coordinate", chain, "trained in 2D, the sample is 1D"),
        ("cnn", chain, "trained in 2D, the sample is 1D"),
        ("cnn", no_cells, "a cell image needs a lattice of unit cells"),
    ]
    for name, states, reason in refused:
        with pytest.raises(NotApplicable, match=reason):
            load_run(written("chern", name)[1]).values(states)


def copied(folder, tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def test_weights_of_other_settings_are_refused(written, dataset_paths, tmp_path):
    folder = copied(written("winding", "ring_free")[1], tmp_path)
    other = VARIANTS["ring_free"].trained_by(learning_rate=0.02)
    write_run(tmp_path / "other", block(dataset_paths, "winding", "ring_free", variant=other))
    load_run(folder)
    (folder / "weights.h5").write_bytes((tmp_path / "other/weights.h5").read_bytes())
    sentence = "weights.h5 belongs to other settings than settings.json; delete both and run again"
    with pytest.raises(DataError, match=sentence):
        load_run(folder)


@pytest.mark.parametrize("change", [{"seeds": [5, 6, 7]}, {"root": 1}, {"variant": "x"}])
def test_an_edited_settings_file_is_refused(change, written, tmp_path):
    folder = copied(written("winding", "ring_free")[1], tmp_path)
    write_json(folder / "settings.json", {**read_json(folder / "settings.json"), **change})
    with pytest.raises(DataError, match="belongs to other settings"):
        load_run(folder)


def test_another_version_of_the_code_reads_the_run(written, tmp_path):
    folder = copied(written("winding", "ring_free")[1], tmp_path)
    document = read_json(folder / "settings.json")
    assert set(document["provenance"]) == {"config_digest", "library_version", "git_commit", "environment"}
    document["provenance"] = {"library_version": "9.9", "git_commit": "0" * 40}
    write_json(folder / "settings.json", document)
    load_run(folder)


def test_a_flipped_byte_of_the_weights_is_refused(written, tmp_path):
    folder = copied(written("winding", "ring_free")[1], tmp_path)
    with h5py.File(folder / "weights.h5") as file:
        offset = file["site"].id.get_offset()
    content = bytearray((folder / "weights.h5").read_bytes())
    content[offset + 5] ^= 1
    (folder / "weights.h5").write_bytes(content)
    with pytest.raises(DataError, match="the content does not match its checksum; delete it and run again"):
        load_run(folder)


@pytest.mark.parametrize(
    ("name", "broken"),
    [("weights.h5", "not an HDF5 file"), ("settings.json", "the content does not match its checksum")],
)
def test_a_missing_or_broken_file_is_named(name, broken, written, tmp_path):
    folder = copied(written("winding", "ring_free")[1], tmp_path)
    (folder / name).write_bytes(b"{ no")
    with pytest.raises(DataError, match=f"{re.escape(str(folder / name))}: {broken}"):
        load_run(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{re.escape(str(folder / name))}: there is no such file"):
        load_run(folder)


@pytest.mark.parametrize("name", ["ring_coordinate", "resnet"])
def test_a_seed_that_fails_is_recorded_as_failed_and_its_neighbours_are_as_ever(
    name, dataset_paths, monkeypatch, tmp_path
):
    healthy = block(dataset_paths, "winding", name)
    start = runs.start_parameters

    def poisoned(*arguments):
        parameters = start(*arguments)
        for tensor in parameters.values():
            tensor[1] = torch.nan
        return parameters

    monkeypatch.setattr(runs, "start_parameters", poisoned)
    sick = block(dataset_paths, "winding", name)
    assert sick["rows"]["status"].tolist() == ["ok", "failed", "ok"]
    assert not sick["rows"]["success"][1]
    assert sick["rows"]["epochs"].tolist() == [3, 1, 3], "the epoch in which it went non-finite"
    assert np.isnan(sick["rows"][["validation_accuracy", "validation_balanced_accuracy"]].to_numpy()[1]).all()
    timeless = healthy["rows"].drop(columns="seconds"), sick["rows"].drop(columns="seconds")
    neighbours = [table.drop(index=1) for table in timeless]
    pd.testing.assert_frame_equal(*neighbours, rtol=1e-4)
    # Values, not weights: along a direction that f does not see, Adam makes whole steps of rounding errors.
    states = read_dataset(dataset_paths["winding"], "test")
    for folder, run in (("healthy", healthy), ("sick", sick)):
        write_run(tmp_path / folder, run)
    values = [load_run(tmp_path / folder).values(states)[[0, 2]] for folder in ("healthy", "sick")]
    np.testing.assert_allclose(*values, rtol=1e-3, atol=1e-4)
    history = sick["history"]
    assert history[history["seed"] == 1]["epoch"].tolist() == [0, 1]


def test_success_is_judged_on_the_split_and_at_the_bar_of_the_study(dataset_paths, written):
    run, folder = written("winding", "ring_exact")
    rates = {}
    for split in ("validation", "test"):
        part = read_dataset(dataset_paths["winding"], split)
        right = np.rint(load_run(folder).values(part)) == part.label
        rates[split] = np.mean([right[:, part.label == k].mean(axis=1) for k in np.unique(part.label)], axis=0)
    for split, rate in rates.items():
        for bar in (float(rate.min()), float(rate.max()) + 1e-9):
            again = block(dataset_paths, "winding", "ring_exact", success=Success(split=split, balanced_accuracy=bar))
            assert again["rows"]["success"].tolist() == (rate >= bar).tolist()


def test_a_model_that_does_not_exist_is_refused_with_the_nearest_name(dataset_paths):
    with pytest.raises(
        ConfigError, match="model: found 'free_rnig'; allowed: coordinate_ring, free_ring, .*'free_ring'"
    ):
        block(dataset_paths, "winding", "rnig", variant=replace(VARIANTS["ring_free"], model="free_rnig"))


def test_the_operations_of_a_training_are_those_of_its_matrix_products(dataset_paths):
    """An MLP of one hidden layer: 2 b m n operations a product, and twice as many back but for the input."""
    run = block(dataset_paths, "winding", "mlp")
    inputs = 4 * run["document"]["shapes"]["image"][0]
    layers = 60 * 2 * (inputs * 8 * 2 + 8 * 1 * 3)  # the gradient of the input is not needed
    assert set(run["rows"]["flops"]) == {3 * layers}


def test_the_device_that_is_not_there_is_refused_before_anything_is_done(dataset_paths):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ConfigError, match="device: found 'cuda'; allowed: auto or cpu, since torch finds no CUDA"):
        block(dataset_paths, "winding", "mlp", device="cuda")


@pytest.mark.parametrize("name", ["ring_coordinate", "ring_free", "cnn", "mlp"])
def test_a_training_on_cuda_ends_where_one_on_the_processor_does(name, dataset_paths, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    here, there = (block(dataset_paths, "chern", name, device=device) for device in ("cpu", "cuda"))
    for key, tensor in here["parameters"].items():
        assert there["parameters"][key].device.type == "cpu", "weights are saved from the processor's memory"
        torch.testing.assert_close(there["parameters"][key], tensor, rtol=1e-2, atol=1e-3)
    write_run(tmp_path, there)
    states = read_dataset(dataset_paths["chern"], "test")
    run = load_run(tmp_path)
    np.testing.assert_allclose(run.values(states, "cuda"), run.values(states, "cpu"), rtol=1e-3, atol=1e-3)


@pytest.fixture
def one_sick_run(dataset_paths, monkeypatch, tmp_path):
    """Return the folder of a free ring of three seeds of which the second fails at once."""
    start = runs.start_parameters

    def poisoned(*arguments):
        parameters = start(*arguments)
        parameters["site"][1] = torch.nan
        return parameters

    monkeypatch.setattr(runs, "start_parameters", poisoned)
    write_run(tmp_path / "run", block(dataset_paths, "chern", "ring_free"))
    return tmp_path / "run"


def test_a_seed_that_failed_has_no_accuracy_on_any_test_and_no_site_tensors(one_sick_run, dataset_paths):
    table, _ = evaluate_runs([one_sick_run], dataset_paths["chern"])
    assert table["status"].tolist() == ["ok", "failed", "ok"]
    assert table["balanced_accuracy"].isna().tolist() == [False, True, False]
    arrays, _ = learned_tensors([one_sick_run], read_dataset(dataset_paths["chern"], "validation"))
    assert arrays["learned/ring_free"].shape == (2, 3, 25)
    assert np.isfinite(arrays["learned/ring_free"]).all()


def test_runs_are_evaluated_on_the_test_split_and_no_other(written, dataset_paths):
    _, folder = written("chern", "ring_coordinate")
    _, found = evaluate_runs([folder], dataset_paths["chern"])
    test = read_dataset(dataset_paths["chern"], "test")
    np.testing.assert_array_equal(found.label, test.label)
    np.testing.assert_allclose(found.value, load_run(folder).values(test), rtol=1e-3, atol=1e-4)


def test_free_weights_are_refused_on_as_many_sites_in_other_places(written):
    H, sites = raw(RECIPES["chern"])
    _, folder = written("chern", "ring_free")
    load_run(folder)(H, sites.positions)
    load_run(folder)(H, 2 * sites.positions + 1)  # a shift and a change of units are no other places
    with pytest.raises(NotApplicable, match="belong to the sites of training one by one, the sample has others"):
        load_run(folder)(H, sites.positions * [1.0, 1.0] + 0.3 * sites.positions[:, ::-1] ** 2)


def test_the_middle_of_a_chain_is_the_same_place_wherever_the_chain_lies(written, dataset_paths):
    odd = torch.linspace(-1, 1, 9)[:, None]
    nearly = odd - torch.tensor(1e-9) * (odd.abs() < 1e-6)
    assert geometry_of({"coordinates": odd}) == geometry_of({"coordinates": nearly})


def test_a_run_sees_chains_as_those_of_its_training_without_their_mid_gap_pair(tmp_path):
    samples = {"train": 40, "validation": 20, "test": 20}
    for pair in ("dropped", "kept"):
        made = generate(
            name="chain", seed=ROOT, samples=samples, minimum_margin=0.1, midgap_pair=pair, **RECIPES["winding"]
        )
        write_dataset(tmp_path / f"{pair}.h5", made)
    variant = VARIANTS["ring_free_exact"].changed(closed_form="midgap_dropped")
    variant = variant.trained_by(epochs=1, learning_rate=1e-9)
    run = block({"winding": tmp_path / "dropped.h5"}, "winding", "ring_free_exact", variant=variant)
    write_run(tmp_path / "run", run)
    clean = {"parameters": {"intracell": 0.2, "intercell": 1.0}, "disorder": []}
    H, sites = raw({**RECIPES["winding"], **clean}, count=1)
    assert load_run(tmp_path / "run")(H, sites.positions, sublattice=sites.sublattice).min() > 0.7
    for pair, status in (("dropped", "ok"), ("kept", "not applicable")):
        table, _ = evaluate_runs([tmp_path / "run"], tmp_path / f"{pair}.h5")
        assert set(table["status"]) == {status}


def test_a_sample_of_another_size_is_refused_before_its_loops_are_made(written, dataset_paths, monkeypatch):
    _, folder = written("chern", "ring_free")
    dataset = read_dataset(dataset_paths["chern"], "test")
    few = replace(dataset, positions=dataset.positions[:-1])
    monkeypatch.setattr("toponn.generalization.evaluation.encoded", None)
    with pytest.raises(NotApplicable, match="its weights belong to"):
        values_on([load_run(folder)], few, torch.device("cpu"))
