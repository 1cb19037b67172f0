"""The loss between trained rings and their closed form, and the weights of the same f that it is measured from."""

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.polynomial import Chebyshev
from scipy.linalg import expm
from scipy.optimize import minimize
from stored import chains, squares, write_planted, written

from toponn.data.datasets import read_dataset
from toponn.models.base import generators
from toponn.models.ring import CoordinateRing
from toponn.models.wavefunction import Wavefunction
from toponn.tools.checks import NotApplicable
from toponn.tools.files import rows_where
from toponn.trainability.alignment import fitted_values, unimodular_alignment, wavefunction_alignment
from toponn.trainability.landscape import Space, barrier, chebyshev, closed_form, descends, lagrange, landscape
from toponn.trainability.subject import Subject, doubled, seen
from toponn.training.protocol import Success, Training, Variant

ROOT = 5
OPTIONS = {"seeds": 3, "samples": 20, "points": 31, "reach": 0.5}
TRAINING = Training(learning_rate=0.01, epochs=1)
WIDTH = 7
VARIANTS = {
    "free": Variant("free", "free_ring", {}, TRAINING),
    "coordinate": Variant("coordinate", "coordinate_ring", {"width": WIDTH}, TRAINING),
    "wavefunction": Variant("wavefunction", "wavefunction_ring", {"scale": 0.1}, TRAINING),
    "cnn": Variant("cnn", "cnn", {"channels": [4]}, TRAINING),
}
RINGS = [("chern", "free"), ("chern", "coordinate"), ("winding", "free"), ("winding", "coordinate")]
RINGS += [("winding", "wavefunction")]


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """Return a small dataset of each task."""
    recipes = {"chern": squares(4), "winding": chains(8)}
    return written(tmp_path_factory.mktemp("homes"), recipes, seed=ROOT, samples={"train": 30})


def unimodular(rng, n, size=0.7):
    G = rng.normal(size=(n, n)) * size
    return expm(G - np.trace(G) / n * np.eye(n))


def wedges(d):
    """Return the determinants of all columns of (n, N), n at a time."""
    return np.array([np.linalg.det(d[:, list(some)]) for some in itertools.combinations(range(d.shape[1]), len(d))])


def copies(form, exact, count=3):
    """Return other weights of the same f, of so many seeds; on the straight line from the first f is zero halfway."""
    rng = np.random.default_rng(2)
    if form == "wavefunction":
        opposite = {**exact, "selection": -exact["selection"]}
        return stacked([opposite, *(gauge_copy(exact, rng) for _ in range(count - 1))])
    order = {"free": "site", "coordinate": "v"}[form]
    n = exact[order].shape[1]
    half_turn = np.diag([-1.0, -1.0, 1.0][:n])
    G = torch.from_numpy(np.stack([half_turn, *(unimodular(rng, n) for _ in range(count - 1))]))
    mixed = {order: G @ exact[order]}
    if form == "coordinate":
        mixed["c"] = (G @ exact["c"][..., None])[..., 0]
    return {name: mixed.get(name, tensor.expand(count, *tensor.shape[1:])) for name, tensor in exact.items()}


def gauge_copy(exact, rng):
    """Return matrices (1, …) of the same f as others: A, B, X, W, K times a, b, x, w, k with a²b²xwk² = 1."""
    a, b, x, k = np.exp(rng.normal(size=4) / 2) * rng.choice([-1, 1], size=4)
    w = 1 / (a**2 * b**2 * x * k**2)
    moved = exact["position"] + rng.normal() * torch.eye(exact["position"].shape[-1], dtype=torch.float64)
    selection = exact["selection"] * torch.tensor([a, b], dtype=torch.float64)[:, None, None]
    factors = {"contraction": k * exact["contraction"], "position": x * moved, "window": w * exact["window"]}
    return {"selection": selection, **factors}


def stacked(parameters):
    return {name: torch.cat([each[name] for each in parameters]) for name in parameters[0]}


def subject_of(folder, path, task, name, parameters=None):
    """Return a subject whose trained weights are the given ones, with its view of the training samples."""
    variant = VARIANTS[name]
    subject = Subject(
        task, variant, {"home": [path]}, [folder], ROOT, Success(split="validation", balanced_accuracy=0.9)
    )
    here = seen(variant, path, ["train"], seeds=1)
    if parameters is None:
        drawn = here.model.initial(generators(ROOT, "anything", name, range(3)))
        parameters = copies(name, closed_form(here, drawn)) if here.model.closed_forms else drawn
    write_planted(folder, task, variant, here.model, parameters)
    return subject, here, parameters


ALIGNED = {"aligned": "yes", "origin": "", "between": ""}
UNALIGNED = ALIGNED | {"aligned": "no"}
FROM_RANDOM, BETWEEN = ALIGNED | {"origin": "random"}, ALIGNED | {"between": "trained"}


def values_of(rows, diagnostic, **conditions):
    return rows_where(rows[rows["diagnostic"] == diagnostic], conditions.items())["value"].to_numpy()


# --- Alignment --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3])
def test_alignment_undoes_a_planted_map_of_determinant_one(n):
    rng = np.random.default_rng(0)
    target = rng.normal(size=(n, 12))
    learned = np.stack([unimodular(rng, n) @ target for _ in range(4)])
    assert np.abs(learned - target).max() > 0.5
    np.testing.assert_allclose(unimodular_alignment(learned, target), np.stack([target] * 4), atol=1e-9)


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("size", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_alignment_keeps_the_wedge_product_and_no_descent_finds_a_nearer_copy(n, size, sign):
    rng = np.random.default_rng(n)
    target = rng.normal(size=(n, 9))
    flip = np.diag([sign, *[1] * (n - 1)])
    learned = size * (flip @ unimodular(rng, n) @ target + 0.3 * rng.normal(size=(n, 9)))
    aligned = unimodular_alignment(learned[None], target)[0]
    np.testing.assert_allclose(wedges(aligned), wedges(learned), rtol=1e-7, atol=1e-9 * size**n)

    def distance(entries):
        A = entries.reshape(n, n)
        return ((expm(A - np.trace(A) / n * np.eye(n)) @ aligned - target) ** 2).sum()

    least = distance(np.zeros(n * n))
    starts = [rng.normal(size=n * n) * scale for scale in (0.3, 1.0)]
    found = min(minimize(distance, start, method="BFGS").fun for start in starts)
    assert least <= found * (1 + 1e-6) + 1e-9
    assert np.linalg.norm(aligned - target) <= np.linalg.norm(learned - target) + 1e-9


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("product", [1e-3, 0.135, 0.2, 1.0, 30.0])  # 0.135: three stationary points with [1, 1, 1]
def test_fitted_values_are_the_nearest_of_a_given_product(sign, product):
    for sigma in ([2.0, 0.7], [1.0, 1.0], [1.0, 1.0, 1.0], [1.2, 1.1, 1.0], [3.0, 0.5, 0.0]):
        sigma = np.array(sigma)
        wanted = np.append(sigma[:-1], sign * sigma[-1])
        tau = fitted_values(sigma, math.log(product), sign)
        np.testing.assert_allclose(tau.prod(), product)
        free = np.exp(np.linspace(-9, 3, 801))
        others = np.stack(np.meshgrid(*[free] * (len(sigma) - 1), indexing="ij"), axis=-1).reshape(-1, len(sigma) - 1)
        every = np.column_stack([others, product / others.prod(axis=1)])
        best = ((every - wanted) ** 2).sum(axis=1).min()
        assert ((tau - wanted) ** 2).sum() <= best + 1e-9


def test_linearly_dependent_tensors_stay_as_they_are():
    d = np.array([[[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]]])
    np.testing.assert_array_equal(unimodular_alignment(d, np.ones((2, 3))), d)


def wavefunction_case(homes, seeds=3):
    here = seen(VARIANTS["wavefunction"], homes["winding"], ["train"], seeds=1)
    drawn = here.model.initial(generators(ROOT, "case", "wavefunction", range(seeds)))
    return here, doubled(here.samples["train"]), {name: tensor.double() for name, tensor in drawn.items()}


def test_the_wavefunction_form_keeps_f_under_scales_signs_and_shifts_and_is_aligned_to_undo_them(homes):
    here, samples, drawn = wavefunction_case(homes)
    exact = closed_form(here, drawn)
    moved = copies("wavefunction", exact)
    reference = here.model.value(exact, samples.inputs)
    for parameters in (moved, wavefunction_alignment(moved, exact)):
        f = here.model.value(parameters, samples.inputs)
        np.testing.assert_allclose(f.numpy(), reference.expand_as(f).numpy(), atol=1e-9)
    wrong = here.model.value({**moved, "contraction": moved["contraction"] * 1.1}, samples.inputs)
    assert (wrong - reference).abs().max() > 0.1
    for name, tensor in wavefunction_alignment(moved, exact).items():
        np.testing.assert_allclose(tensor.numpy(), exact[name].expand_as(tensor).numpy(), atol=1e-9)


@pytest.mark.parametrize("trainable", [["selection", "position", "window"], ["position", "window"], ["window"]])
def test_alignment_of_a_reduced_wavefunction_form_keeps_f(trainable, homes):
    here, samples, drawn = wavefunction_case(homes)
    model = Wavefunction(here.model.shapes, start="random", scale=0.1, trainable=trainable)
    part = {name: drawn[name] for name in trainable}
    target = closed_form(here, drawn)
    aligned = wavefunction_alignment(part, {name: target[name] for name in trainable})
    f, before = (model.value(parameters, samples.inputs).numpy() for parameters in (aligned, part))
    np.testing.assert_allclose(f, before, rtol=1e-9, atol=1e-9 * np.abs(before).max())
    if len(trainable) > 1:
        sizes = [aligned[name].flatten(1).norm(dim=1) / target[name].flatten(1).norm(dim=1) for name in trainable[-1:]]
        assert all(np.ptp(size.numpy() / sizes[0].numpy()) < 1e-9 for size in sizes)


# --- Lines ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "name"), RINGS)
def test_the_line_between_two_copies_of_the_closed_form_has_a_barrier_only_before_alignment(
    task, name, homes, tmp_path
):
    subject, _, _ = subject_of(tmp_path, homes[task], task, name)
    rows, arrays = landscape(subject, **OPTIONS)
    exact = values_of(rows, "end_loss", at="closed_form")
    labels = read_dataset(homes[task], "train").label[:20]
    # Two of the site tensors, or both selections, have the opposite sign: halfway f = 0, and the loss is that of f = 0.
    np.testing.assert_allclose(
        values_of(rows, "line_barrier", **UNALIGNED)[0], 0.5 * np.mean(labels**2) - exact[0], rtol=1e-4
    )
    assert values_of(rows, "line_barrier", **ALIGNED).max() < 1e-5
    assert values_of(rows, "line_barrier", **BETWEEN).max() < 1e-5
    assert len(exact) == 1
    np.testing.assert_allclose(values_of(rows, "end_loss", at="trained"), exact[0], rtol=1e-4)
    # After alignment trained weights are the closed form, and the line is a point.
    np.testing.assert_allclose(arrays["line/aligned"], exact[0], rtol=1e-4)
    assert arrays["line/t"][[0, -1]].tolist() == [-0.5, 1.5]
    assert {key: array.shape for key, array in arrays.items()} == {
        "line/t": (31,),
        "line/aligned": (3, 31),
        "line/unaligned": (3, 31),
        "line/random": (3, 31),
        "plane/x": (31,),
        "plane/y": (31,),
        "plane/loss": (31, 31),
        "plane/points": (3, 2),
    }


def random_case(homes, tmp_path, task, name, seeds=2):
    """Return a subject with random trained weights, its closed form and its view."""
    _, here, _ = subject_of(tmp_path, homes[task], task, name)
    drawn = here.model.initial(generators(ROOT, "trained", name, range(seeds)))
    subject, here, trained = subject_of(tmp_path, homes[task], task, name, drawn)
    return subject, here, {key: tensor.double() for key, tensor in trained.items()}


@pytest.mark.parametrize(("task", "name"), RINGS)
def test_the_loss_on_the_unaligned_line_is_that_of_weights_in_between(task, name, homes, tmp_path):
    subject, here, trained = random_case(homes, tmp_path, task, name)
    _, arrays = landscape(subject, **OPTIONS)
    exact, samples = closed_form(here, trained), doubled(here.samples["train"][:20])
    for place in (0, 11, 24):
        t = arrays["line/t"][place]
        if name == "coordinate":  # two networks side by side, whose read-outs are weighted
            f = side_by_side(here, trained, exact, t, samples)
        else:
            between = {key: (1 - t) * trained[key] + t * exact[key] for key in trained}
            f = here.model.value(between, samples.inputs)
        loss = 0.5 * ((f - samples.labels) ** 2).mean(dim=1)
        np.testing.assert_allclose(arrays["line/unaligned"][:, place], loss.numpy(), rtol=1e-6)


def test_barriers_between_seeds_and_from_a_random_start_are_those_of_aligned_tensors_in_between(homes, tmp_path):
    subject, here, trained = random_case(homes, tmp_path, "winding", "free", seeds=6)
    rows, _ = landscape(subject, **{**OPTIONS, "seeds": 6})
    samples = doubled(here.samples["train"][:20])
    target = closed_form(here, trained)["site"].numpy()

    def losses(start, end):
        t = np.linspace(0, 1, OPTIONS["points"])[:, None, None]
        f = here.model.value({"site": torch.from_numpy((1 - t) * start + t * end)}, samples.inputs)
        return 0.5 * ((f - samples.labels) ** 2).mean(dim=1).numpy()

    learned = trained["site"].numpy()
    pairs = zip(learned[:-1], learned[1:], strict=True)
    lines = np.stack([losses(unimodular_alignment(first[None], second)[0], second) for first, second in pairs])
    found = values_of(rows, "line_barrier", **BETWEEN)
    np.testing.assert_allclose(found, lines.max(axis=1) - lines[:, [0, -1]].max(axis=1), rtol=1e-6, atol=1e-9)
    assert found.max() > 0.01
    drawn = here.model.initial(generators(ROOT, "winding", "free", range(6)))["site"].double().numpy()
    lines = np.stack([losses(one, target[0]) for one in unimodular_alignment(drawn, target[0])])
    found = values_of(rows, "line_barrier", **FROM_RANDOM)
    np.testing.assert_allclose(found, lines.max(axis=1) - lines[:, [0, -1]].max(axis=1), rtol=1e-6, atol=1e-9)
    found = values_of(rows, "line_descends", **FROM_RANDOM)
    assert found.tolist() == (np.diff(lines, axis=1) < 1e-9).all(axis=1).astype(float).tolist()
    np.testing.assert_allclose(values_of(rows, "end_loss", at="random"), lines[:, 0], rtol=1e-6)


def side_by_side(here, trained, exact, t, samples):
    """Return f of a coordinate network of twice the width, whose halves are two networks."""
    d, h, count = here.model.order - 1, WIDTH, len(trained["c"])
    one = {key: tensor.expand(count, *tensor.shape[1:]) for key, tensor in exact.items()}
    joined = {key: torch.cat([trained[key], one[key]], dim=1) for key in ("w1", "b1", "b2")}
    empty = torch.zeros_like(trained["w2"])
    upper, lower = torch.cat([trained["w2"], empty], dim=2), torch.cat([empty, one["w2"]], dim=2)
    joined["w2"] = torch.cat([upper, lower], dim=1)
    u, first, second = zip(*(v.split([d, h, h], dim=2) for v in ((1 - t) * trained["v"], t * one["v"])), strict=True)
    joined["v"] = torch.cat([u[0] + u[1], *first, *second], dim=2)
    joined["c"] = (1 - t) * trained["c"] + t * one["c"]
    wide = CoordinateRing(here.model.shapes, width=2 * h)
    return wide.value(joined, samples.inputs)


def test_the_loss_on_a_line_of_the_plane_ring_is_that_of_dense_projectors(homes, tmp_path):
    subject, here, trained = random_case(homes, tmp_path, "chern", "free")
    _, arrays = landscape(subject, **OPTIONS)
    dataset = read_dataset(homes["chern"], "train")
    psi, labels = dataset.occupied[:20].astype(complex), dataset.label[:20]
    P = psi.swapaxes(1, 2) @ psi.conj()
    exact, t = closed_form(here, trained)["site"][0].numpy(), arrays["line/t"][5]
    a, b, c = ((1 - t) * trained["site"][1].numpy() + t * exact).repeat(2, axis=1)
    f = [4 * np.pi * np.trace(np.diag(a) @ p @ np.diag(b) @ p @ np.diag(c) @ p).imag for p in P]
    np.testing.assert_allclose(arrays["line/unaligned"][1, 5], 0.5 * np.mean((f - labels) ** 2), rtol=1e-5)


def polynomial_at(places, x, y, values, degree):
    """Return at places (K, 2) the polynomial of x and y that values (Y, X) belong to."""
    rows = np.array([Chebyshev.fit(x, row, degree)(places[:, 0]) for row in values])  # (Y, K)
    columns = [Chebyshev.fit(y, column, degree) for column in rows.T]
    return [fit(place[1]) for fit, place in zip(columns, places, strict=True)]


def test_the_plane_passes_through_the_closed_form_and_two_trained_seeds(homes, tmp_path):
    for task, name in RINGS:
        subject, _, _ = random_case(homes, tmp_path, task, name)
        rows, arrays = landscape(subject, **{**OPTIONS, "points": 61})
        degree = 2 * {"chern": 3, "winding": 2}[task] if name != "wavefunction" else 16
        found = polynomial_at(
            arrays["plane/points"], arrays["plane/x"], arrays["plane/y"], arrays["plane/loss"], degree
        )
        ends = [*values_of(rows, "end_loss", at="closed_form"), *values_of(rows, "end_loss", at="trained")]
        np.testing.assert_allclose(found, ends, rtol=1e-6)
        assert arrays["plane/points"][0].tolist() == [0, 0]
        assert abs(arrays["plane/points"][1, 1]) < 1e-9


def test_distances_in_the_plane_are_those_of_aligned_weights(homes, tmp_path):
    subject, here, trained = random_case(homes, tmp_path, "winding", "free")
    _, arrays = landscape(subject, **OPTIONS)
    target = closed_form(here, trained)["site"][0].numpy()
    aligned = unimodular_alignment(trained["site"].numpy(), target)
    closed, first, second = arrays["plane/points"] * np.linalg.norm(target)
    np.testing.assert_allclose(np.linalg.norm(first - closed), np.linalg.norm(aligned[0] - target))
    np.testing.assert_allclose(np.linalg.norm(second - closed), np.linalg.norm(aligned[1] - target))
    np.testing.assert_allclose(np.linalg.norm(second - first), np.linalg.norm(aligned[1] - aligned[0]))


def test_with_one_usable_seed_the_plane_has_a_random_direction_and_there_is_no_pair(homes, tmp_path):
    _, here, _ = subject_of(tmp_path, homes["winding"], "winding", "free")
    drawn = here.model.initial(generators(ROOT, "trained", "free", range(2)))
    drawn["site"][0] = torch.nan
    subject, _, _ = subject_of(tmp_path, homes["winding"], "winding", "free", drawn)
    rows, arrays = landscape(subject, **OPTIONS)
    assert len(values_of(rows, "line_barrier", **ALIGNED)) == 1
    assert "between" not in rows
    assert np.isnan(arrays["plane/points"]).tolist() == [[False, False], [False, False], [True, True]]
    assert np.isfinite(arrays["plane/loss"]).all()
    assert np.ptp(arrays["plane/loss"], axis=0).min() > 0


def test_the_landscape_is_of_rings_with_a_finite_seed_alone(homes, tmp_path):
    subject, _, _ = subject_of(tmp_path, homes["chern"], "chern", "cnn")
    with pytest.raises(NotApplicable, match="cnn has no closed form"):
        landscape(subject, **OPTIONS)
    _, here, _ = subject_of(tmp_path, homes["winding"], "winding", "free")
    lost = {"site": torch.full((2, *here.model.initial(generators(0, "", "", [0]))["site"].shape[1:]), torch.nan)}
    subject, _, _ = subject_of(tmp_path, homes["winding"], "winding", "free", lost)
    with pytest.raises(NotApplicable, match="no trained seed has finite weights"):
        landscape(subject, **OPTIONS)


def test_barriers_and_descents_of_drawn_curves():
    curves = np.array([[3.0, 2.0, 1.0], [1.0, 5.0, 2.0], [0.0, 1.0, 2.0], [2.0, 2.0, 1.0]])
    assert barrier(curves).tolist() == [0.0, 3.0, 0.0, 0.0]
    assert descends(curves).tolist() == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("degree", [2, 3, 8])
def test_a_polynomial_is_known_everywhere_from_its_values_at_the_nodes(degree):
    polynomial = np.polynomial.Polynomial(np.random.default_rng(degree).normal(size=degree + 1))
    nodes, t = chebyshev(-0.5, 1.5, degree + 1), np.linspace(-0.5, 1.5, 17)
    assert len(set(nodes)) == degree + 1
    np.testing.assert_allclose(lagrange(nodes, t) @ polynomial(nodes), polynomial(t), atol=1e-10)


def test_a_ring_of_higher_rank_is_aligned_ring_by_ring(homes):
    here = seen(VARIANTS["free"].changed(rank=2), homes["chern"], ["train"], seeds=1)
    samples = doubled(here.samples["train"])
    space = Space.of(here, samples)
    learned = space.points(here.model.initial(generators(ROOT, "rank", "free", range(2))))
    exact = space.points(closed_form(here, learned))
    aligned = space.aligned(learned, exact)
    f, before = (here.model.value(points, samples.inputs).numpy() for points in (aligned, learned))
    np.testing.assert_allclose(f, before, rtol=1e-8, atol=1e-8)
    assert (aligned["site"] - exact["site"]).norm() < (learned["site"] - exact["site"]).norm()
