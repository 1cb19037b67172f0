"""Weights cut to low rank, and states without some of their sites: planted models of which the outcome is known."""

import itertools
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from stored import chains, squares, write_planted, written

from toponn.data.datasets import read_dataset
from toponn.matter.samples import Samples
from toponn.models import MODELS
from toponn.models.base import Model, generators
from toponn.models.closed_forms import bulk_marker
from toponn.tools.checks import NotApplicable
from toponn.tools.files import rows_where
from toponn.trainability.ablation import (
    ablation,
    ablations,
    balanced_rows,
    depths_of,
    edge_distance,
    without_sites,
)
from toponn.trainability.pruning import (
    Matrices,
    averaged,
    grid_places,
    low_rank,
    matrices_of,
    pruning,
    share_of_weight,
    weight_rank,
)
from toponn.trainability.subject import Subject, seen
from toponn.training.protocol import Success, Training, Variant

ROOT = 8
TRAINING = Training(learning_rate=0.01, epochs=1)
VARIANTS = {
    "free": Variant("free", "free_ring", {}, TRAINING),
    "wavefunction": Variant("wavefunction", "wavefunction_ring", {"scale": 0.1}, TRAINING),
    "cnn": Variant("cnn", "cnn", {"channels": [4]}, TRAINING),
    "mlp": Variant("mlp", "mlp", {"window": 3, "hidden": [6]}, TRAINING),
    "loop_ridge": Variant("loop_ridge", "loop_ridge", {"penalties": [1e-3]}),
    "one_shell": Variant("one_shell", "one_shell", {}, TRAINING),
}


class OneShell(Model):
    """Of each seed, 1 minus the weight |q_ii|² of the bonds within cells, at the depth that is the seed's weight."""

    family = "one_shell"
    encodings: ClassVar = ("occupied",)

    def __init__(self, shapes):
        self.shapes = shapes

    def initial(self, generators):
        return {"depth": torch.arange(len(generators), dtype=torch.float32)[:, None]}

    def value(self, parameters, inputs):
        A, B = inputs["occupied"].chunk(2, dim=-1)
        bond = 4 * (A * B).sum(dim=1) ** 2  # (B, L)
        cells = torch.arange(bond.shape[1])
        looked_at = torch.minimum(cells, bond.shape[1] - 1 - cells) == parameters["depth"]  # (S, L)
        return 1 - (looked_at / looked_at.sum(dim=1, keepdim=True)) @ bond.T

    def check_applicable(self, inputs):
        pass


@pytest.fixture
def one_shell(monkeypatch):
    """Make the model of one shell a member of the family."""
    monkeypatch.setitem(MODELS, "one_shell", "test_pruning_ablation:OneShell")


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """Return a small dataset of each task."""
    oblong = squares(6, shape={"name": "rectangle", "size": [6, 5]})
    recipes, folder = {"chern": oblong, "winding": chains(10, 0.2)}, tmp_path_factory.mktemp("homes")
    return written(folder, recipes, seed=ROOT, samples={"test": 40}, minimum_margin=0.2)


def subject_of(folder, path, task, name, parameters):
    """Return a subject whose trained weights are the given ones."""
    subject = Subject(
        task, VARIANTS[name], {"home": [path]}, [folder], ROOT, Success(split="test", balanced_accuracy=0.9)
    )
    here = seen(VARIANTS[name], path, ["test"], seeds=1)
    write_planted(folder, task, VARIANTS[name], here.model, parameters)
    return subject


def marker(path):
    """Return the closed form's site tensors (n, N) on the sites of a dataset."""
    return bulk_marker(read_dataset(path, "test").places, 1.0)


def values_of(rows, diagnostic, **conditions):
    return rows_where(rows[rows["diagnostic"] == diagnostic], conditions.items())["value"].to_numpy()


def accuracies(rows, kept):
    return [values_of(rows, "pruned_balanced_accuracy", kept=k) for k in kept]


# --- Pruning ----------------------------------------------------------------------------------------------


def test_pruning_keeps_the_rank_that_planted_site_tensors_have_on_the_lattice_and_less_is_not_enough(homes, tmp_path):
    window, x, y = marker(homes["chern"])
    # The same wedge product: in the first seed all matrices have rank 1, in the second x + 2y has rank 2.
    site = torch.tensor(np.stack([[window, x, y], [window, x + 2 * y, y]]), dtype=torch.float32)
    rows, arrays = pruning(subject_of(tmp_path, homes["chern"], "chern", "free", {"site": site}), seeds=5, kept=[1, 2])
    one, two, every = accuracies(rows, [1, 2, "all"])
    assert every[0] == every[1] > 0.8
    assert one.tolist() == [every[0], pytest.approx(1 / 3)]
    assert two.tolist() == every.tolist()
    np.testing.assert_allclose(values_of(rows, "weight_rank_90", kept="all"), [1, 4 / 3])
    assert rows["seed"].unique().tolist() == [0, 1]
    assert not arrays


def test_the_site_tensors_of_a_chain_are_one_matrix_of_rank_two(homes, tmp_path):
    site = torch.tensor(marker(homes["winding"])[None], dtype=torch.float32)
    subject = subject_of(tmp_path, homes["winding"], "winding", "free", {"site": site})
    rows, _ = pruning(subject, seeds=1, kept=[1, 2])
    one, two, every = accuracies(rows, [1, 2, "all"])
    assert one == 0.5, "the wedge product of two proportional tensors is zero"
    assert two == every > 0.9
    sigma = np.linalg.svd(site[0].numpy(), compute_uv=False) ** 2
    np.testing.assert_allclose(values_of(rows, "share_of_weight", kept=1), sigma[0] / sigma.sum(), rtol=1e-6)
    assert values_of(rows, "share_of_weight", kept=2) == pytest.approx(1.0)


def determinants(tensors):
    """Return the weights of loops, the determinants of all pairs or triples of columns in lexicographic order."""
    some = itertools.combinations(range(tensors.shape[1]), len(tensors))
    return np.array([np.linalg.det(tensors[:, list(columns)]) for columns in some])


@pytest.mark.parametrize("task", ["chern", "winding"])
def test_a_wedge_product_of_loop_weights_loses_an_equal_share_with_each_singular_value(task, homes, tmp_path):
    # Its unfolding has as many equal singular values as it has factors: each keeps that share of f.
    tensors = marker(homes[task])
    order, scale = len(tensors), {"chern": 4 * np.pi, "winding": 0.5}[task]
    weights = {"weights": torch.tensor(scale * determinants(tensors)[None], dtype=torch.float32)}
    subject = subject_of(tmp_path, homes[task], task, "loop_ridge", {**weights, "offset": torch.zeros(1)})
    matrices = matrices_of(seen(VARIANTS["loop_ridge"], homes[task], ["test"], seeds=1), weights)["weights"]
    sites = tensors.shape[1]
    assert matrices.unfolded.shape == (1, 1, sites, sites ** (order - 1))
    parts = torch.linalg.svd(matrices.unfolded, full_matrices=False)
    for k in range(1, order + 1):
        kept = matrices.folded(low_rank(*parts, k))
        share = (kept * weights["weights"]).sum() / weights["weights"].square().sum()
        assert float(share) == pytest.approx(k / order, rel=1e-4)
    rows, _ = pruning(subject, seeds=1, kept=[1, order])
    one, enough, every = accuracies(rows, [1, order, "all"])
    assert enough == every > 0.8
    assert one < every
    assert values_of(rows, "weight_rank_90", kept="all") == order


def test_the_unfolded_weights_of_loops_are_antisymmetric_and_fold_back(homes):
    rng = np.random.default_rng(0)
    for task, order in (("chern", 3), ("winding", 2)):
        here = seen(VARIANTS["loop_ridge"], homes[task], ["test"], seeds=1)
        weights = torch.tensor(rng.normal(size=(2, *here.model.shapes["loops"])), dtype=torch.float32)
        matrices = matrices_of(here, {"weights": weights, "offset": torch.zeros(2)})["weights"]
        tensor = matrices.unfolded.reshape(2, *[here.size] * order)
        assert torch.equal(tensor.transpose(1, 2), -tensor)
        assert torch.equal(tensor.transpose(1, order), -tensor)
        places = itertools.combinations(range(here.size), order)
        assert torch.equal(torch.stack([tensor[1][place] for place in places]).float(), weights[1])
        assert torch.equal(matrices.folded(matrices.unfolded), weights)


@pytest.mark.parametrize(("task", "name"), [("chern", "cnn"), ("chern", "mlp"), ("winding", "wavefunction")])
def test_the_error_of_cut_matrices_is_that_of_eckart_and_young(task, name, homes):
    here = seen(VARIANTS[name], homes[task], ["test"], seeds=1)
    parameters = here.model.initial(generators(ROOT, "x", name, range(2)))
    matrices = matrices_of(here, parameters)
    assert set(matrices) == {key for key, tensor in parameters.items() if tensor.ndim > 2}
    for key, each in matrices.items():
        parts = torch.linalg.svd(each.unfolded, full_matrices=False)
        found = each.folded(low_rank(*parts, 2)) - parameters[key]
        one = parameters[key].double().numpy()
        one = one if key == "selection" else one[:, None]  # A and B are two matrices
        tails = np.linalg.svd(one.reshape(*one.shape[:3], -1), compute_uv=False)[..., 2:]
        np.testing.assert_allclose(
            found.double().square().flatten(1).sum(1), (tails**2).sum((1, 2)), rtol=1e-4, atol=1e-9
        )
        np.testing.assert_allclose(each.folded(each.unfolded), parameters[key])


def test_a_planted_layer_of_rank_two_bears_the_cut_to_two_and_not_to_one(homes, tmp_path):
    here = seen(VARIANTS["mlp"], homes["chern"], ["test"], seeds=1)
    parameters = here.model.initial(generators(ROOT, "x", "mlp", range(3)))
    name = next(key for key in parameters if key.endswith("weight"))
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(3, *parameters[name].shape[1:2], 2)), rng.normal(size=(3, 2, parameters[name].shape[2]))
    planted = {**parameters, name: torch.tensor(factors[0] @ factors[1], dtype=torch.float32)}
    planted = {key: tensor * (2.0 if key.endswith("weight") else 1.0) for key, tensor in planted.items()}
    rows, _ = pruning(subject_of(tmp_path, homes["chern"], "chern", "mlp", planted), seeds=3, kept=[1, 2])
    one, two, every = accuracies(rows, [1, 2, "all"])
    np.testing.assert_array_equal(two, every)
    assert (one != every).any()


def test_shares_and_ranks_of_planted_singular_values():
    squares = torch.tensor([[[8.0, 1.0, 1.0], [9.0, 1.0, 0.0], [0.0, 0.0, 0.0]]], dtype=torch.float64)
    assert weight_rank(squares).tolist() == [[2.0, 1.0, 0.0]]
    np.testing.assert_allclose(share_of_weight(squares, 1), [[0.8, 0.9, 1.0]])
    np.testing.assert_allclose(share_of_weight(squares, 2), [[0.9, 1.0, 1.0]])
    assert averaged([weight_rank(squares), weight_rank(squares[:, :1])]).tolist() == [5 / 4]


def test_sites_have_places_on_a_lattice_only_where_they_fill_a_rectangle(homes):
    chern, winding = (read_dataset(homes[task], "test") for task in ("chern", "winding"))
    row, column = grid_places(chern)
    assert (row.max(), column.max()) == (5, 4)
    np.testing.assert_array_equal(row - row[0], chern.positions[:, 0] - chern.positions[0, 0])
    np.testing.assert_array_equal(column - column[0], chern.positions[:, 1] - chern.positions[0, 1])
    assert grid_places(winding) is None
    assert grid_places(replace(chern, cell=None)) is None
    hole = replace(chern, cell=chern.cell[1:], positions=chern.positions[1:])
    assert grid_places(hole) is None


def test_a_rectangle_of_sites_in_any_order_is_laid_out_as_it_lies(homes):
    order = np.random.default_rng(0).permutation(30)
    states = Samples(states=np.zeros((1, 1, 60)), positions=np.zeros((30, 2)))
    cell = np.stack(np.divmod(order, 5), axis=1) + [3, -7]
    row, column = grid_places(replace(states, cell=cell))
    site = torch.tensor(order, dtype=torch.float32)[None, None]
    every = torch.from_numpy((row * 5 + column)[None])
    matrix = Matrices.placed(site, every, (1, 6, 5), torch.ones(1, 1)).unfolded[0, 0]
    np.testing.assert_array_equal(matrix, np.arange(30).reshape(6, 5))


# --- Ablation ---------------------------------------------------------------------------------------------


def test_a_model_of_one_shell_fails_exactly_where_that_shell_is_removed(homes, tmp_path, one_shell):
    depths = torch.arange(5, dtype=torch.float32)[:, None]
    subject = subject_of(tmp_path, homes["winding"], "winding", "one_shell", {"depth": depths})
    rows, arrays = ablation(subject, seeds=5, samples=40)
    assert set(rows["diagnostic"]) == {"ablated_balanced_accuracy"}
    assert not arrays
    whole = values_of(rows, "ablated_balanced_accuracy", removed="outside", depth=0)
    assert (whole > 0.85).all(), "each shell tells the phases apart"
    for d in range(5):
        lost = {"shell": np.arange(5) == d, "outside": np.arange(5) < d, "inside": np.arange(5) >= d}
        for what, gone in lost.items():
            found = values_of(rows, "ablated_balanced_accuracy", removed=what, depth=d)
            assert found.tolist() == np.where(gone, 0.5, whole).tolist(), (what, d)


def test_a_removed_site_leaves_the_projector_between_the_others_alone(homes):
    dataset = read_dataset(homes["chern"], "test")
    removed = edge_distance(dataset.geometry) == 1
    left = without_sites(dataset, removed)
    P, cut = (s.occupied.swapaxes(1, 2) @ s.occupied.conj() for s in (dataset, left))
    stays = ~removed.repeat(2)
    np.testing.assert_allclose(cut, P * stays[:, None] * stays, atol=1e-6)
    assert left.occupied.dtype == dataset.occupied.dtype


def test_shells_are_counted_from_the_sides_of_a_square_and_the_ends_of_a_chain(homes):
    square = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    assert np.bincount(edge_distance(square)).tolist() == [28, 20, 12, 4]
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    np.testing.assert_array_equal(edge_distance(square @ turn), edge_distance(square))
    chain = read_dataset(homes["winding"], "test").geometry  # A and B of a cell lie together
    assert np.bincount(edge_distance(chain)).tolist() == [4] * 5
    triangle = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [2.0, 2.5], [1.5, 3.0]])
    assert edge_distance(triangle).tolist() == [0, 0, 0, 1, 1]  # from the slanted side 1.06


def test_few_depths_are_measured_and_the_edge_and_the_middle_are_among_them():
    assert depths_of(4) == [0, 1, 2, 3, 4]
    for deepest in (8, 11, 23, 47, 199):
        depths = depths_of(deepest)
        assert len(depths) <= 8
        assert depths[:3] == [0, 1, 2]
        assert depths[-1] == deepest
        assert depths == sorted(set(depths))
    gone = {(c["removed"], c["depth"]): sites.tolist() for c, sites in ablations(np.array([0, 1, 2, 1, 0]))}
    assert gone["shell", 1] == [False, True, False, True, False]
    assert gone["outside", 2] == [True, True, False, True, True]
    assert gone["inside", 1] == [False, True, True, True, False]


def test_the_first_samples_of_each_label_are_taken():
    labels = np.array([0, 0, 0, 0, 1, -1, 1, 0, -1, 1, 1])
    assert balanced_rows(labels, 6).tolist() == [0, 1, 4, 5, 6, 8]
    assert balanced_rows(labels, 8).tolist() == [0, 1, 2, 4, 5, 6, 8, 9]
    assert balanced_rows(labels, 100).tolist() == list(range(11))


def test_only_so_many_samples_are_looked_at(homes, tmp_path, one_shell):
    depths = torch.zeros(1, 1)
    subject = subject_of(tmp_path, homes["winding"], "winding", "one_shell", {"depth": depths})
    dataset = read_dataset(homes["winding"], "test")
    rows, _ = ablation(subject, seeds=1, samples=6)
    some = balanced_rows(dataset.label, 6)
    psi = dataset.occupied[some]
    A, B = (psi[..., dataset.sublattice == side] for side in (0, 1))
    bond = 4 * (A * B).sum(axis=1)[:, [0, -1]] ** 2
    right = np.rint(1 - bond.mean(axis=1)) == dataset.label[some]
    expected = np.mean([right[dataset.label[some] == label].mean() for label in (0, 1)])
    assert values_of(rows, "ablated_balanced_accuracy", removed="outside", depth=0) == pytest.approx(expected)


def test_a_ring_in_the_plane_needs_no_site_on_which_its_tensors_are_zero(homes, tmp_path):
    window, x, y = marker(homes["chern"])
    middle = edge_distance(read_dataset(homes["chern"], "test").geometry) >= 1
    site = torch.tensor(np.stack([2 * window * middle, x * middle, y * middle])[None], dtype=torch.float32)
    subject = subject_of(tmp_path, homes["chern"], "chern", "free", {"site": site})
    rows, _ = ablation(subject, seeds=1, samples=40)
    whole, edge = (values_of(rows, "ablated_balanced_accuracy", removed="outside", depth=d) for d in (0, 1))
    assert whole == edge > 1 / 3
    assert values_of(rows, "ablated_balanced_accuracy", removed="inside", depth=1) == pytest.approx(1 / 3)


def test_a_model_none_of_whose_seeds_is_finite_is_not_applicable(homes, tmp_path):
    site = torch.full((2, 2, 10), torch.nan)
    subject = subject_of(tmp_path, homes["winding"], "winding", "free", {"site": site})
    with pytest.raises(NotApplicable, match="no trained seed has finite weights"):
        pruning(subject, seeds=2, kept=[1])
    with pytest.raises(NotApplicable, match="no trained seed has finite weights"):
        ablation(subject, seeds=2, samples=10)
