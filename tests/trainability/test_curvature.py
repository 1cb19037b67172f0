"""Curvature and kernels against matrices that are known: planted spectra, models linear in their weights, a gauge."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
from stored import chains, squares, written

from toponn.data.datasets import read_dataset
from toponn.models import MODELS
from toponn.models.base import Model, as_tensors, generators
from toponn.tools.checks import NotApplicable, resolve
from toponn.tools.statistics import effective_rank
from toponn.trainability.curvature import (
    exact_hessian,
    flattened,
    hessian_product,
    jacobian,
    lanczos,
    tangent_kernel,
    unflattened,
)
from toponn.trainability.hessian import hessian, spectrum_numbers
from toponn.trainability.kernel import centred_alignment, kernel
from toponn.trainability.subject import Measured, Subject, diagnosed, squared_loss, trained_seeds
from toponn.training.loop import Batch, train
from toponn.training.protocol import Success, Training, Variant
from toponn.training.runs import train_block, write_run
from toponn.training.views import encode

ROOT = 17
SUCCESS = Success(split="test", balanced_accuracy=0.8)
TRAINING = Training(epochs=2, batch_size=20, learning_rate=0.01, patience=None)
FREE = Variant("subject", "free_ring", {"route": "loops"}, TRAINING)
CNN = Variant("subject", "cnn", {"channels": [4]}, TRAINING)
MODEL_OPTIONS = {
    "ring_free_loops": ("free_ring", {"rank": 2}),
    "ring_coordinate_loops": ("coordinate_ring", {"width": 6}),
    "ring_free_occupied": ("free_ring", {}),
    "wavefunction": ("wavefunction_ring", {"scale": 0.5}),
    "cnn": ("cnn", {"stencil": 1, "channels": [4, 4]}),
    "resnet": ("resnet", {"stencil": 1, "channels": 4, "depth": 2}),
    "mlp": ("mlp", {"stencil": 1, "window": 3, "hidden": [6]}),
}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    strong = [{"name": "onsite_box", "strength": [0.0, 4.0]}]
    few, many = ({"train": count, "validation": 20, "test": 20} for count in (60, 120))
    planes = squares(5, parameters={"mass": [-3.5, 3.5]}, disorder=strong, samples=many)
    recipes = {"chern": planes, "winding": chains(8, samples=few)}
    return written(tmp_path_factory.mktemp("datasets"), recipes, seed=ROOT)


class Linear(Model):
    """``f = Φ w``: its Hessian is ``ΦᵀΦ/B`` and its tangent kernel ``ΦΦᵀ``, wherever the weights are."""

    family = "linear"
    encodings = ("features",)

    def initial(self, generators):
        P = self.shapes["features"][0]
        w = np.array([rng.normal(size=P) for rng in generators])
        return as_tensors({"first": w[:, :2], "second": w[:, 2:, None]}, torch.float64)

    def value(self, parameters, inputs):
        first, second = parameters["first"], parameters["second"][..., 0]
        return torch.cat([first, second], dim=1) @ inputs["features"].T

    def check_applicable(self, inputs):
        pass


def linear(samples: int, P: int):
    """Return a linear model, its weights of three seeds, samples and Φ (B, P)."""
    rng = np.random.default_rng([ROOT, samples, P])
    phi = rng.normal(size=(samples, P)) * 0.7 ** np.arange(P)
    model = Linear()
    model.shapes = {"features": (P,)}
    given = Batch({"features": torch.from_numpy(phi)}, torch.from_numpy(rng.integers(-1, 2, size=samples)))
    return model, model.initial(generators(ROOT, "data", "linear", [0, 1, 2])), given, phi


def planted(spectrum, seeds: int):
    """Return the products with symmetric matrices of one spectrum in a basis of each seed's own, and random starts."""
    rng = np.random.default_rng([ROOT, len(spectrum)])
    bases = [np.linalg.qr(rng.normal(size=(len(spectrum), len(spectrum))))[0] for _ in range(seeds)]
    H = torch.from_numpy(np.array([Q * np.array(spectrum) @ Q.T for Q in bases]))
    start = torch.from_numpy(rng.normal(size=(seeds, len(spectrum))))
    return lambda vectors: (H @ vectors[..., None])[..., 0], start, bases


def share_below(values, weights, bound):
    return np.where(np.asarray(values) < bound, np.asarray(weights), 0).sum(axis=1)


# --- Products with the Hessian ----------------------------------------------------------------------------


def test_vectors_become_parameters_in_their_places_and_vectors_again():
    like = {"a": torch.zeros(2, 3, 2), "b": torch.zeros(2), "c": torch.zeros(2, 1)}
    vectors = torch.arange(16.0).reshape(2, 8)
    parts = unflattened(vectors, like)
    assert parts["a"][1].tolist() == [[8, 9], [10, 11], [12, 13]]
    assert parts["b"].tolist() == [6, 14]
    assert parts["c"].tolist() == [[7], [15]]
    assert torch.equal(flattened(parts), vectors)


def test_the_hessian_of_a_linear_model_is_that_of_least_squares():
    model, weights, given, phi = linear(30, 70)  # more columns than go together
    H = exact_hessian(lambda parameters: squared_loss(model, parameters, given), weights)
    np.testing.assert_allclose(H.numpy(), np.broadcast_to(phi.T @ phi / 30, H.shape), atol=1e-13)


def made(name: str):
    """Return a model, weights of three seeds and samples, float64, of random numbers."""
    rng = np.random.default_rng([ROOT, 3])
    family, options = MODEL_OPTIONS[name]
    axes = np.stack(np.meshgrid(np.linspace(-1, 1, 3), np.linspace(-1, 1, 3), indexing="ij"), -1).reshape(-1, 2)
    if name.endswith("loops"):
        inputs = {"loops": rng.normal(size=(10, 84)), "coordinates": axes}
    elif name.endswith("occupied"):
        inputs = {"occupied": rng.normal(size=(10, 5, 18)) + 1j * rng.normal(size=(10, 5, 18)), "coordinates": axes}
    elif name == "wavefunction":
        inputs = {"occupied": rng.normal(size=(10, 3, 6)), "coordinates": np.linspace(-1, 1, 3)[:, None]}
    else:
        inputs = {"image": rng.normal(size=(10, 3, 5, 6))}
    given = Batch(as_tensors(inputs, torch.float64), torch.from_numpy(rng.integers(-1, 2, size=10)))
    shapes = {key: tuple(t.shape if key == "coordinates" else t.shape[1:]) for key, t in given.inputs.items()}
    model = resolve(MODELS, family, "model")(shapes, **options)
    weights = model.initial(generators(ROOT, "data", name, [0, 1, 2]))
    return model, {key: t.double() for key, t in weights.items()}, given


@pytest.mark.parametrize("name", MODEL_OPTIONS)
def test_products_with_the_hessian_are_differences_of_gradients_for_every_model_and_seed(name):
    model, weights, given = made(name)
    scale = torch.tensor([1.0, 0.0, -2.0], dtype=torch.float64)[:, None]  # seeds do not meet
    along = torch.randn(flattened(weights).shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def gradient(step):
        moved = unflattened(flattened(weights) + step * scale * along, weights)
        leaves = {key: t.clone().requires_grad_() for key, t in moved.items()}
        squared_loss(model, leaves, given).sum().backward()
        return flattened({key: leaf.grad for key, leaf in leaves.items()})

    found = hessian_product(lambda parameters: squared_loss(model, parameters, given), weights)(scale * along)
    expected = (gradient(1e-7) - gradient(-1e-7)) / 2e-7  # with no kink of a ReLU in between, unlike at 1e-6
    assert expected[0].abs().max() > 1e-3
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("name", ["ring_free_loops", "ring_coordinate_loops"])
def test_products_with_the_hessian_one_after_the_other_are_its_columns_together(name):
    model, weights, given = made(name)

    def loss(parameters):
        return squared_loss(model, parameters, given)

    H, product = exact_hessian(loss, weights), hessian_product(loss, weights)
    for place in (0, 5, H.shape[1] - 1):
        unit = torch.eye(H.shape[1], dtype=torch.float64)[place].repeat(3, 1)
        np.testing.assert_allclose(H[:, place].numpy(), product(unit).numpy(), atol=1e-10 * float(H.abs().max()))


# --- Lanczos' method --------------------------------------------------------------------------------------


def test_as_many_steps_as_dimensions_give_the_spectrum_and_the_overlaps_with_the_start():
    spectrum = [-3.0, -0.5, 0.1, 1.0, 4.0, 7.5]
    product, start, bases = planted(spectrum, 3)
    values, weights = lanczos(product, start, 50)
    np.testing.assert_allclose(values.numpy(), np.broadcast_to(spectrum, (3, 6)), atol=1e-12)
    unit = start.numpy() / np.linalg.norm(start.numpy(), axis=1, keepdims=True)
    expected = np.array([(Q.T @ q) ** 2 for Q, q in zip(bases, unit, strict=True)])
    np.testing.assert_allclose(weights.numpy(), expected, atol=1e-12)


def test_an_exhausted_krylov_space_ends_one_seed_and_leaves_the_others_alone():
    product, start, bases = planted([-1.0, 2.0, 2.0, 2.0, 2.0, 5.0, 6.0, 9.0], 3)
    start[1] = torch.from_numpy(bases[1][:, 0] + 2 * bases[1][:, 5])  # of λ = −1 and 5 alone
    start[2] = torch.from_numpy(bases[2][:, 7])
    values, weights = lanczos(product, start, 8)
    np.testing.assert_allclose(values[0, :5].numpy(), [-1, 2, 5, 6, 9], atol=1e-10)  # once each, however degenerate
    np.testing.assert_allclose(values[1].numpy(), [-1, *[5] * 7], atol=1e-12)
    np.testing.assert_allclose(weights[1].numpy(), [0.2, 0.8, *[0] * 6], atol=1e-12)
    np.testing.assert_allclose(values[2].numpy(), [9] * 8, atol=1e-12)
    np.testing.assert_allclose(weights[2].numpy(), [1, *[0] * 7], atol=1e-12)
    np.testing.assert_allclose(weights.sum(dim=1).numpy(), 1, atol=1e-14)


def test_a_matrix_of_zeros_has_the_one_eigenvalue_zero():
    values, weights = lanczos(torch.zeros_like, torch.ones(2, 5, dtype=torch.float64), 3)
    assert not values.any()
    assert weights.tolist() == [[1, 0, 0]] * 2


def test_one_negative_direction_among_many_is_found_with_its_curvature():
    spectrum = np.concatenate([[-0.8], np.linspace(0.0, 0.5, 497), [3.0, 10.0]])
    product, start, _ = planted(spectrum, 2)
    values, weights = (t.numpy() for t in lanczos(product, start, 40))
    found = spectrum_numbers(values, weights)
    np.testing.assert_allclose(found["hessian_smallest"], -0.8, atol=1e-8)
    np.testing.assert_allclose(found["hessian_largest"], 10, atol=1e-8)
    assert ((found["hessian_negative_fraction"] > 0) & (found["hessian_negative_fraction"] < 0.02)).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose((values * weights).sum(axis=1), spectrum.mean(), atol=0.15)


def test_without_a_loss_of_orthogonality_no_eigenvalue_appears_twice():
    # Without reorthogonalisation the large, well separated eigenvalues come back as ghosts after some tens of steps.
    spectrum = np.concatenate([np.linspace(0, 1, 190), 10.0 ** np.arange(1, 5)])
    product, start, _ = planted(spectrum, 1)
    values, _ = lanczos(product, start, 80)
    assert (values[0] > 5).sum() == 4


def over_starts(product, starts, steps):
    """Return the nodes and weights of the mean of the densities from several start vectors of each seed."""
    parts = [lanczos(product, start, steps) for start in starts]
    values, weights = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
    return values, weights / len(starts)


def test_shares_of_the_spectrum_come_closer_with_more_starts():
    spectrum = np.concatenate([np.linspace(-3, -1, 60), np.linspace(1, 5, 140)])
    product, _, _ = planted(spectrum, 2)
    starts = torch.randn(40, 2, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    values, weights = over_starts(product, starts, 12)
    assert values.shape == weights.shape == (2, 480)
    np.testing.assert_allclose(weights.sum(dim=1).numpy(), 1, atol=1e-12)
    np.testing.assert_allclose(share_below(values, weights, 0.0), 0.3, atol=0.02)


# --- The spectrum of a ring -------------------------------------------------------------------------------


def subject_of(paths, task: str, variant, folders=()) -> Subject:
    return Subject(task, variant, {"home": [paths[task]]}, folders, ROOT, SUCCESS)


def folders_of(paths, task: str, variant, place, blocks=((0, 1), (2, 3)), broken=()):
    """Train blocks of seeds and write their run folders; the seeds in `broken` are made to have failed."""
    for seeds in blocks:
        run = train_block(paths[task], task=task, variant=variant, seeds=list(seeds), success=SUCCESS, root=ROOT)
        for tensor in run["parameters"].values():
            tensor[[seed in broken for seed in seeds]] = torch.nan
        write_run(place / f"{seeds[0]}", run)
    return [place / f"{seeds[0]}" for seeds in blocks]


def tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return by place a table with a row for each seed and a column for each diagnostic."""
    return {at: part.pivot(index="seed", columns="diagnostic", values="value") for at, part in rows.groupby("at")}


def test_the_hessian_of_a_ring_by_lanczos_has_the_extremes_and_the_negative_share_of_the_exact_one(datasets):
    subject = subject_of(datasets, "chern", FREE)
    options = dict(seeds=3, samples=30)
    exact, lanczos_ = (hessian(subject, **options, steps=75, exact=bound) for bound in (75, 74))
    for measured, method in ((exact, "exact"), (lanczos_, "lanczos")):
        assert measured.rows["at"].unique().tolist() == ["random", "closed_form"]
        assert set(measured.rows["method"]) == {method}
    for at, table in tables(exact.rows).items():
        other = tables(lanczos_.rows)[at]
        for name in ("hessian_largest", "hessian_smallest"):
            np.testing.assert_allclose(other[name], table[name], rtol=1e-4)
        # The weight of a share p of P directions along one Gaussian vector has the variance 2p(1 − p)/P.
        share = table["hessian_negative_fraction"]
        deviation = np.sqrt(2 * share * (1 - share) / 75)
        assert ((other["hessian_negative_fraction"] - share).abs() < 3.5 * deviation).all(), at
    assert (tables(exact.rows)["random"]["hessian_negative_fraction"] > 0.3).all()  # a saddle
    for measured in (exact, lanczos_):
        for at, count in (("random", 3), ("closed_form", 1)):
            assert measured.arrays[f"{at}/eigenvalues"].shape == measured.arrays[f"{at}/weights"].shape == (count, 75)
            np.testing.assert_allclose(measured.arrays[f"{at}/weights"].sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("name", ["ring_free_loops", "ring_coordinate_loops"])
def test_shares_of_the_spectrum_of_a_ring_over_many_starts_are_those_of_its_eigenvalues(name):
    model, weights, given = made(name)

    def loss(parameters):
        return squared_loss(model, parameters, given)

    H = exact_hessian(loss, weights)
    exact = torch.linalg.eigvalsh(H).numpy()
    seeds, P = exact.shape
    starts = torch.randn(16, seeds, P, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    values, weight = (t.numpy() for t in over_starts(lambda vectors: (H @ vectors[..., None])[..., 0], starts, P))
    expected = spectrum_numbers(exact, np.full(exact.shape, 1 / P))
    found = spectrum_numbers(values, weight)
    for key in ("hessian_negative_fraction", "hessian_stiff_share"):
        np.testing.assert_allclose(found[key], expected[key], atol=0.07)
    for key in ("hessian_largest", "hessian_smallest"):
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-9)
    assert (expected["hessian_negative_fraction"] > 0.1).all()


def ring_at_closed_form(dataset, features: str):
    """Return a free ring at its closed form and samples, labelled with its own values, so that the gradient is zero."""
    lengths = dataset.places
    sites = len(lengths)
    loops = sites * (sites - 1) * (sites - 2) // 6
    if features == "random":
        inputs = {"loops": np.random.default_rng(ROOT).normal(size=(100, loops))}
    else:
        inputs = encode(FREE, dataset)
    given = as_tensors({**inputs, "coordinates": lengths}, torch.float64)
    shapes = {name: tuple(t.shape if name == "coordinates" else t.shape[1:]) for name, t in given.items()}
    model = resolve(MODELS, "free_ring", "model")(shapes)
    like = {"site": torch.zeros(1, 3, sites, dtype=torch.float64)}
    weights = model.closed_form(like, lengths, dataset.area_per_place)
    return model, weights, Batch(given, model.value(weights, given)[0])


@pytest.mark.parametrize(("features", "gauge"), [("random", 8), ("of projectors", 11)])
def test_a_ring_at_its_closed_form_is_flat_along_its_gauge_and_along_nothing_else(features, gauge, datasets):
    # dim SL(3) = 8; of a projector the loops sum to zero at each site, so that three constants are free besides.
    model, weights, given = ring_at_closed_form(read_dataset(datasets["chern"], "train"), features)
    H = exact_hessian(lambda parameters: squared_loss(model, parameters, given), weights)
    sizes = torch.linalg.eigvalsh(H)[0].abs().sort().values / H.abs().max()
    assert (sizes[:gauge] < 1e-10).all()
    assert sizes[gauge] > 1e-8


def test_rows_and_arrays_name_the_seeds_that_were_trained(datasets, tmp_path):
    folders = folders_of(datasets, "winding", FREE, tmp_path, broken=[1])
    subject = subject_of(datasets, "winding", FREE, folders)
    assert trained_seeds(subject, 3) == [0, 2, 3]
    assert trained_seeds(subject, 2) == [0, 2]
    assert trained_seeds(replace(subject, runs=3), 3) == [0, 2], "the fourth is none of the study's"
    measured = hessian(subject, seeds=2, samples=30, steps=5, exact=100)
    found = tables(measured.rows)
    assert {at: list(table.index) for at, table in found.items()} == {
        "random": [0, 1],
        "trained": [0, 2],
        "closed_form": [0],
    }
    assert set(measured.rows["size"]) == {8}
    assert measured.rows["value"].notna().all()
    for at, table in found.items():
        values = measured.arrays[f"{at}/eigenvalues"]
        np.testing.assert_array_equal(table["hessian_smallest"], values[:, 0])
        np.testing.assert_array_equal(table["hessian_largest"], values[:, -1])


def test_a_network_has_no_closed_form_and_a_spectrum_by_lanczos(datasets):
    measured = hessian(subject_of(datasets, "winding", CNN), seeds=2, samples=20, steps=15, exact=10)
    assert set(measured.rows["at"]) == {"random"} and set(measured.rows["method"]) == {"lanczos"}
    assert set(measured.rows["diagnostic"]) == {
        "hessian_largest",
        "hessian_smallest",
        "hessian_negative_fraction",
        "hessian_stiff_share",
    }
    exact = hessian(subject_of(datasets, "winding", CNN), seeds=2, samples=20, steps=15, exact=10_000)
    for name in ("hessian_largest", "hessian_smallest"):
        np.testing.assert_allclose(
            tables(measured.rows)["random"][name], tables(exact.rows)["random"][name], rtol=1e-3, atol=1e-3
        )


class Attention(Model):
    """``f``, the mean of one head of attention, of whose fused kernel torch has first derivatives alone."""

    family, encodings = "attention", ("projector",)

    def __init__(self, shapes):
        self.shapes = shapes

    def initial(self, generators):
        return {"w": torch.tensor([[rng.normal()] for rng in generators], dtype=torch.float32)}

    def value(self, parameters, inputs):
        x = inputs["projector"][:, None]  # (B, 1, N, N), one head
        heads = [torch.nn.functional.scaled_dot_product_attention(w * x, x, x) for w in parameters["w"]]
        return torch.stack(heads).mean(dim=(2, 3, 4))

    def check_applicable(self, inputs):
        pass


def test_a_model_without_second_derivatives_has_one_row_that_says_so(datasets, monkeypatch):
    monkeypatch.setitem(MODELS, "attention", "test_curvature:Attention")
    subject = subject_of(datasets, "winding", Variant("one head", "attention", {}, TRAINING))
    rows, arrays = diagnosed("hessian", hessian, subject, seeds=2, samples=10, steps=3, exact=1)
    (row,) = rows.to_dict("records")
    assert row["status"] == "not applicable: its second derivatives are not available"
    assert (row["diagnostic"], row["variant"], row["model"], row["size"]) == ("hessian", "one head", "attention", 8)
    assert np.isnan(row["value"]) and np.isnan(row["seed"]) and not arrays


def test_a_diagnostic_that_does_not_apply_has_a_row_and_one_that_fails_fails(datasets):
    def refuses(subject, *, seeds):
        raise NotApplicable("it is too small")

    def fails(subject, *, seeds):
        raise RuntimeError("out of memory")

    subject = subject_of(datasets, "winding", FREE)
    found = diagnosed("spread", refuses, subject, seeds=1)
    assert isinstance(found, Measured) and found.rows["status"].tolist() == ["not applicable: it is too small"]
    with pytest.raises(RuntimeError, match="out of memory"):
        diagnosed("spread", fails, subject, seeds=1)


def test_the_condition_number_leaves_out_what_is_zero_and_a_flat_loss_has_none():
    spectrum = np.array([[-4.0, -1e-7, 0.0, 1e-3, 2.0], [0.0] * 5])
    found = spectrum_numbers(spectrum, np.full((2, 5), 0.2))
    assert found["hessian_condition"][0] == pytest.approx(4e3)
    assert np.isnan(found["hessian_condition"][1])
    np.testing.assert_allclose(found["hessian_negative_fraction"], [0.2, 0])
    np.testing.assert_allclose(found["hessian_stiff_share"], [0.4, 0])


# --- Tangent kernels --------------------------------------------------------------------------------------


def test_the_kernel_of_a_linear_model_is_that_of_its_features_and_training_leaves_it_there():
    model, weights, given, phi = linear(25, 12)
    trained = train(
        model, weights, given, given, root=ROOT, order="data", **asdict(replace(TRAINING, learning_rate=0.1))
    )
    after = {name: trained.parameters[name] for name in weights}
    assert all((after[name] - weights[name]).abs().max() > 0.1 for name in weights)
    for parameters in (weights, after):
        K = tangent_kernel(model, parameters, given)
        np.testing.assert_allclose(K.numpy(), np.broadcast_to(phi @ phi.T, (3, 25, 25)), atol=1e-12)


@pytest.mark.parametrize("name", MODEL_OPTIONS)
def test_gradients_of_the_values_are_differences_of_them_for_every_model_and_seed(name):
    model, weights, given = made(name)
    along = torch.randn(flattened(weights).shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def value(step):
        return model.value(unflattened(flattened(weights) + step * along, weights), given.inputs)

    expected = ((value(1e-6) - value(-1e-6)) / 2e-6).detach().numpy()
    found = (jacobian(model, weights, given) @ along[..., None])[..., 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_a_bound_on_memory_takes_seeds_one_after_the_other_and_changes_nothing(monkeypatch):
    model, weights, given, phi = linear(25, 12)
    monkeypatch.setattr("toponn.trainability.curvature.JACOBIAN", 1)
    K = tangent_kernel(model, weights, given)
    np.testing.assert_allclose(K.numpy(), np.broadcast_to(phi @ phi.T, (3, 25, 25)), atol=1e-12)


def test_the_effective_rank_counts_equal_eigenvalues_and_leaves_out_those_that_are_zero():
    spectra = np.array([[2.0] * 4, [3.0, 3.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [3.0, 1.0, 0.0, 0.0]])
    np.testing.assert_allclose(effective_rank(spectra), [4, 2, 1, 16 / 10])
    assert np.isnan(effective_rank(np.zeros((1, 4)))).all()


def test_the_alignment_is_one_for_the_kernel_of_the_labels_whatever_is_added_and_zero_for_one_that_is_across():
    y = np.array([-1, 0, 1, 1, -1])
    across = np.array([1.0, -2.0, 1.0, 0.0, 0.0])  # of mean zero
    across -= (across @ (y - y.mean())) / ((y - y.mean()) @ (y - y.mean())) * (y - y.mean())
    K = np.stack([3 * np.outer(y, y) + 7, np.outer(across, across) + 2, np.outer(y + 5, y + 5), np.zeros((5, 5))])
    found = centred_alignment(K, y)
    np.testing.assert_allclose(found[:3], [1, 0, 1], atol=1e-12)
    assert np.isnan(found[3])
    assert np.isnan(centred_alignment(K, np.ones(5))).all()


def test_the_kernel_is_measured_before_and_after_training_on_the_same_seeds(datasets, tmp_path):
    folders = folders_of(datasets, "winding", FREE, tmp_path, broken=[1])
    measured = kernel(subject_of(datasets, "winding", FREE, folders), seeds=3, samples=25)
    found = tables(measured.rows)
    assert {at: list(table.index) for at, table in found.items()} == {"start": [0, 2, 3], "end": [0, 2, 3]}
    dataset = read_dataset(datasets["winding"], "train")
    for at, table in found.items():
        values = measured.arrays[f"{at}/eigenvalues"]
        assert values.shape == (3, 25)
        assert (np.diff(values, axis=1) <= 0).all()
        np.testing.assert_allclose(table["kernel_largest_share"], values[:, 0] / values.sum(axis=1))
        assert table["kernel_effective_rank"].between(1, 25).all()
        assert table["kernel_alignment"].between(0, 1).all()
    # f = ½ Σ (a_i b_j − b_i a_j)|q_ij|², so that its slopes are (w b, −w a) with w = (|q|² − |q|²ᵀ)/2.
    occupied = dataset.occupied[:25].astype(complex)
    A, B = (occupied[..., dataset.sublattice == side] for side in (0, 1))
    size = np.abs(2 * A.swapaxes(-1, -2) @ B.conj()) ** 2
    w = (size - size.swapaxes(-1, -2)) / 2
    for row, seed in enumerate([0, 2, 3]):
        a, b = generators(ROOT, "winding", "subject", [seed])[0].normal(size=(2, 8))
        J = np.concatenate([w @ b, -(w @ a)], axis=1)
        trace = (J**2).sum()
        np.testing.assert_allclose(measured.arrays["start/eigenvalues"][row].sum(), trace, rtol=1e-5)
    assert not np.allclose(measured.arrays["start/eigenvalues"], measured.arrays["end/eigenvalues"], rtol=1e-3)
