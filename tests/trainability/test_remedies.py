"""Alternating least squares, weights that grow with the sample, and what every remedy costs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from stored import chains, squares, written

from toponn.data.encodings.loops import triple_indices
from toponn.models.base import generators
from toponn.tools.checks import NotApplicable
from toponn.trainability import remedies as module
from toponn.trainability.alternating import (
    Loops,
    alternating,
    features,
    places,
    sweep_flops,
    swept,
    unknowns,
    with_unknowns,
)
from toponn.trainability.growing import grown, stretched
from toponn.trainability.remedies import closed_form_scale, remedies, stage_epochs
from toponn.trainability.subject import Subject, doubled, doubled_parameters, seen, squared_loss
from toponn.training.loop import Batch
from toponn.training.protocol import Success, Training, Variant
from toponn.training.runs import epoch_flops

ROOT = 7
TRAINING = Training(epochs=6, batch_size=20, learning_rate=0.01, patience=None)
RING = {"scale": 1.0, "route": "loops"}
VARIANTS = {
    "free": Variant("free", "free_ring", RING, TRAINING),
    "coordinate": Variant("coordinate", "coordinate_ring", {**RING, "width": 8}, TRAINING),
    "wavefunction": Variant("wavefunction", "wavefunction_ring", {"scale": 0.1}, TRAINING),
    "cnn": Variant("cnn", "cnn", {"channels": [4]}, TRAINING),
}
RINGS = [(dimension, form) for dimension in (1, 2) for form in ("free", "coordinate")]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    box = [{"name": "onsite_box", "strength": [0.0, 1.0]}]
    recipes = {f"ssh_{cells}": chains(cells) for cells in (6, 8, 12)}
    recipes |= {f"qwz_{side}": squares(side, disorder=box) for side in (4, 6)}
    recipes["flake"] = squares(4, disorder=box, shape={"name": "disk", "radius": 2.3})
    recipes |= {f"dropped_{cells}": chains(cells, midgap_pair="dropped") for cells in (8, 12)}
    samples = {"train": 60, "validation": 30, "test": 30}
    return written(tmp_path_factory.mktemp("datasets"), recipes, seed=3, samples=samples)


def ring(paths, dimension: int, form: str, seeds: int = 3, **changes):
    """Return a ring as it sees its dataset, and random weights."""
    path = paths["qwz_4" if dimension == 2 else "ssh_8"]
    here = seen(VARIANTS[form].changed(**changes), path, ("train", "validation"), seeds=seeds)
    return here, here.model.initial(generators(ROOT, "data", form, range(seeds)))


def closed_form(here, seeds: int = 1, seed: int = ROOT):
    like = here.model.initial(generators(seed, "data", "model", range(seeds)))
    exact = here.model.closed_form(doubled_parameters(like), here.dataset.places, here.dataset.area_per_place)
    return exact


# --- Alternating least squares ------------------------------------------------------------------------------------


def test_loops_are_expanded_to_the_antisymmetric_tensor_of_all_triples():
    loops = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 10)))
    full = np.zeros((2, 5, 5, 5))
    for place, (i, j, k) in enumerate(triple_indices(5).T):
        for turn in range(3):
            p, q, r = np.roll([i, j, k], turn)
            full[:, p, q, r], full[:, q, p, r] = loops[:, place], -loops[:, place]
    place, sign = places(5)
    i, j = np.triu_indices(5, 1)
    expected = full[:, i, j].transpose(0, 2, 1)  # (B, N, P)
    np.testing.assert_allclose(loops.numpy()[:, place] * sign.numpy(), expected)
    held = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 5)))
    expanded = Loops(loops.float(), 5, 3)
    Y = np.einsum("bijk,sk->sijb", full, held)
    np.testing.assert_allclose(expanded.contracted(held.float()), Y, atol=1e-5)
    expanded.kept = None  # made anew each time
    np.testing.assert_allclose(expanded.contracted(held.float()), Y, atol=1e-5)


def sweep_by_sweep(model, start, train, count, ridge):
    """Return the weights before the first of so many sweeps and after each."""
    loops = Loops(train.inputs["loops"], len(train.inputs["coordinates"]), model.order)
    basis, unknown, found = features(model, start, train.inputs["coordinates"]), unknowns(model, start), [start]
    for _ in range(count):
        unknown = swept(unknown, basis, loops, train.labels, ridge)
        found.append(with_unknowns(model, start, unknown))
    return found


@pytest.mark.parametrize(("dimension", "form"), RINGS)
def test_the_sweep_of_the_lowest_loss_on_validation_samples_is_kept(dimension, form, paths):
    here, start = ring(paths, dimension, form)
    train, validation = here.samples["train"], here.samples["validation"]
    ends = sweep_by_sweep(here.model, start, train, 6, 1e-3)
    losses = torch.stack([squared_loss(here.model, end, validation) for end in ends])
    best = alternating(here.model, start, train, validation, sweeps=6)
    np.testing.assert_allclose(squared_loss(here.model, best, validation), losses.min(dim=0).values, rtol=1e-3)


@pytest.mark.parametrize(("dimension", "form"), RINGS)
def test_without_a_penalty_the_loss_never_rises(dimension, form, paths):
    here, start = ring(paths, dimension, form)
    train = doubled(here.samples["train"])
    ends = sweep_by_sweep(here.model, doubled_parameters(start), train, 8, 1e-11)
    losses = torch.stack([squared_loss(here.model, end, train) for end in ends])
    assert (losses.diff(dim=0) <= 1e-6 * losses[0]).all()
    assert (losses[-1] < 0.3 * losses[0]).all()


@pytest.mark.parametrize(("dimension", "form"), RINGS)
def test_a_planted_ring_is_solved_exactly(dimension, form, paths):
    """Labels are the values of a ring that differs from the start in the tensor that is solved for first.

    A constant that is added to a site tensor would not do: f does not see it, since P² = P.
    """
    here, start = ring(paths, dimension, form)
    model, train = here.model, doubled(here.samples["train"])
    planted = {name: t[:1] for name, t in doubled_parameters(start).items()}
    labels = model.value(planted, train.inputs)[0]
    begun = {name: t.clone() for name, t in planted.items()}
    name = "site" if form == "free" else "v"
    begun[name][:, 0] = torch.from_numpy(np.random.default_rng(1).normal(size=begun[name][:, 0].shape))
    plant = Batch(train.inputs, labels)
    before, after = (squared_loss(model, end, plant) for end in sweep_by_sweep(model, begun, plant, 1, 1e-14))
    assert before > 1e-2 * labels.square().mean()
    assert after < 1e-12 * labels.square().mean()


@pytest.mark.parametrize("dimension", [1, 2])
def test_from_a_random_start_least_squares_finds_a_planted_ring(dimension, paths):
    here, start = ring(paths, dimension, "free", seeds=6)
    planted = {"site": start["site"][:1] / 2}
    plant = {split: Batch(s.inputs, here.model.value(planted, s.inputs)[0]) for split, s in here.samples.items()}
    fresh = here.model.initial(generators(ROOT + 1, "data", "free", range(6)))
    found = alternating(here.model, fresh, plant["train"], plant["validation"], sweeps=60, ridge=1e-9)
    held_out = squared_loss(here.model, found, plant["validation"])
    assert held_out.min() < 0.02 * float(plant["validation"].labels.square().mean())


def test_seeds_that_are_solved_for_apart_end_as_they_do_together(paths, monkeypatch):
    here, start = ring(paths, 2, "coordinate")
    together = alternating(here.model, start, here.samples["train"], here.samples["validation"], sweeps=2)
    monkeypatch.setattr("toponn.trainability.alternating.GROUP", 1)
    apart = alternating(here.model, start, here.samples["train"], here.samples["validation"], sweeps=2)
    apart, together = (squared_loss(here.model, end, here.samples["train"]) for end in (apart, together))
    np.testing.assert_allclose(apart, together, rtol=1e-3)


def test_sums_of_rings_are_not_solved_for(paths):
    here, start = ring(paths, 1, "free", rank=2)
    with pytest.raises(NotApplicable, match="least squares in turn are for rings of rank 1"):
        alternating(here.model, start, here.samples["train"], here.samples["validation"], sweeps=1)


def test_the_operations_of_a_sweep_are_those_of_its_products(paths):
    """A chain of 8 cells, 60 samples: two solutions of 8 unknowns. A plane of 16 sites: 3 contractions, 6 solutions."""
    here, start = ring(paths, 1, "free")
    assert sweep_flops(here.model, start, 60, 8) == 2 * (2 * 60 * 64 + 2 * 60 * 64 + 9 * 512)
    here, start = ring(paths, 2, "free")
    solution = 4 * 60 * 256 + 9 * 4096
    assert sweep_flops(here.model, start, 60, 16) == 3 * (2 * 60 * 16 * 120) + 6 * solution


# --- Growing ------------------------------------------------------------------------------------------------------


def grow(paths, form: str, small: str, large: str, **changes):
    """Return values of the closed form of small samples grown onto large ones, and of that of the large ones."""
    variant = VARIANTS[form].changed(**changes)
    here, there = (seen(variant, paths[name], ("test",), seeds=1) for name in (small, large))
    samples = doubled(there.samples["test"])
    weights = grown(closed_form(here), here, there)
    return there.model.value(weights, samples.inputs)[0], there.model.value(closed_form(there), samples.inputs)[0]


@pytest.mark.parametrize(("small", "large"), [("ssh_8", "ssh_12"), ("qwz_4", "qwz_6")])
def test_coordinate_weights_grow_by_staying_what_they_are(small, large, paths):
    found, expected = grow(paths, "coordinate", small, large)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_closed_form_of_the_full_trace_grows_exactly(paths):
    changes = {"closed_form": "midgap_dropped"}
    found, expected = grow(paths, "wavefunction", "dropped_8", "dropped_12", **changes)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    found, expected = grow(paths, "free", "dropped_8", "dropped_12", **changes)
    # both tensors scale with the normalised coordinate; the mean over cells has ends, 11/12 over 7/8
    np.testing.assert_allclose(found, expected * (7 / 8) / (11 / 12), atol=1e-6)


@pytest.mark.parametrize("form", ["wavefunction", "free"])
def test_a_closed_form_with_a_window_grows_into_one_with_softer_edges(form, paths):
    """The window of 8 cells has corners on 12; deep in a phase the winding density is that of the bulk everywhere."""
    found, expected = grow(paths, form, "ssh_8", "ssh_12")
    clear = (expected - expected.round()).abs() < 0.02
    assert clear.sum() > 8
    np.testing.assert_allclose(found[clear], expected[clear], atol=0.06)
    assert (found.round() == expected.round()).double().mean() > 0.85


def test_the_grown_window_has_the_weight_of_the_closed_form(paths):
    here, there = (seen(VARIANTS["wavefunction"], paths[name], ("test",), seeds=1) for name in ("ssh_6", "ssh_12"))
    weights, exact = grown(closed_form(here), here, there), closed_form(there)
    for name in ("selection", "contraction", "position"):
        torch.testing.assert_close(weights[name], exact[name], atol=1e-6, rtol=0)
    assert float(weights["window"].sum()) == pytest.approx(float(exact["window"].sum()))


def test_a_closed_form_in_the_plane_grows_into_one(paths):
    found, expected = grow(paths, "free", "qwz_4", "qwz_6")
    share = float(found @ expected / (expected @ expected))
    assert share == pytest.approx(1.0, abs=0.2)
    assert np.corrcoef(found, expected)[0, 1] > 0.98


def test_free_site_tensors_that_are_linear_in_the_coordinates_stay_so(paths):
    here, there = (seen(VARIANTS["free"], paths[name], ("test",), seeds=2) for name in ("qwz_4", "qwz_6"))
    u, v = (s.samples["test"].inputs["coordinates"].T for s in (here, there))
    slopes = torch.tensor([[[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]], [[-1.0, 1.0], [0.0, 0.0], [2.0, 7.0]]])
    weights = grown({"site": slopes @ u + 1}, here, there)
    torch.testing.assert_close(weights["site"], slopes @ v + 1, atol=1e-5, rtol=0)


def test_a_matrix_is_stretched_along_its_diagonals():
    centre = np.add.outer(np.arange(5), np.arange(5)) / 4 - 1
    offset = np.subtract.outer(np.arange(5), np.arange(5))
    found = stretched(torch.from_numpy((2 + centre) * (offset == -2) + np.exp(offset) * (abs(offset) < 2)), 9).numpy()
    centre, offset = np.add.outer(np.arange(9), np.arange(9)) / 8 - 1, np.subtract.outer(np.arange(9), np.arange(9))
    inside = np.clip(centre, -0.5, 0.5)  # the centres of the second diagonal of five reach so far
    np.testing.assert_allclose(found, (2 + inside) * (offset == -2) + np.exp(offset) * (abs(offset) < 2), atol=1e-12)


def test_weights_do_not_grow_off_a_grid_or_onto_no_more_sites(paths):
    flake, square = (seen(VARIANTS["free"], paths[name], ("test",), seeds=1) for name in ("flake", "qwz_6"))
    with pytest.raises(NotApplicable, match="free site tensors grow on full grids, these are .* sites of a grid of"):
        grown(closed_form(flake), flake, square)
    with pytest.raises(NotApplicable, match="weights grow onto larger samples, these have 36 after 36"):
        grown(closed_form(square), square, square)


# --- The table ----------------------------------------------------------------------------------------------------


def subject_of(paths, task: str, form: str, epochs: int = 6, **changes) -> Subject:
    names = ("ssh_12", "ssh_8", "ssh_6") if task == "winding" else ("qwz_6", "qwz_4")
    datasets: dict[str, list[Path]] = {"home": [paths[names[0]]], "smaller": [paths[name] for name in names[1:]]}
    variant = VARIANTS[form].changed(**changes).trained_by(epochs=epochs)
    return Subject(task, variant, datasets, [], ROOT, Success(split="test", balanced_accuracy=0.9), "cpu")


def applied(rows):
    """Return the remedies that were measured, and those that do not apply."""
    ok = rows["status"] == "ok"
    return rows["remedy"][ok].unique().tolist(), rows["remedy"][~ok].tolist()


REMEDIES = {
    "free": (["plain", "grown", "alternating", "rank 2", "closed-form scale"], []),
    "coordinate": (["plain", "grown", "alternating", "rank 2", "closed-form scale"], []),
    "wavefunction": (["plain", "grown", "closed-form scale"], ["alternating", "rank 2"]),
}


@pytest.mark.parametrize(
    ("task", "form"), [("chern", "free"), ("chern", "coordinate"), ("winding", "free"), ("winding", "wavefunction")]
)
def test_no_remedy_costs_more_than_plain_training(task, form, paths):
    changes = {} if form == "wavefunction" else {"route": "auto"}
    epochs = 20 if task == "winding" else 10  # a sweep costs more than six
    subject = subject_of(paths, task, form, epochs, **changes)
    rows = remedies(subject, seeds=2, ranks=[2], sweeps=2).rows
    assert applied(rows) == REMEDIES[form]
    wide = rows.pivot_table(index=["remedy", "seed"], columns="diagnostic", values="value")
    here = seen(subject.variant, subject.home, ("train",), seeds=2)
    start = here.model.initial(generators(ROOT, here.dataset.name, form, [0]))
    whole = epochs * epoch_flops(here.model, start, here.samples["train"], 20)
    np.testing.assert_allclose(wide["remedy_flops"].loc["plain"], whole)
    assert (wide["remedy_flops"] <= whole * (1 + 1e-12)).all()
    assert wide["remedy_flops"].loc["grown"].min() > 0.7 * whole
    assert ((wide["remedy_balanced_accuracy"] >= 0.9) == wide["remedy_success"]).all()


def test_a_network_has_plain_training_and_growth_alone(paths):
    rows = remedies(subject_of(paths, "chern", "cnn"), seeds=2, ranks=[2], sweeps=2).rows
    assert applied(rows) == (["plain", "grown"], ["alternating", "rank 2", "closed-form scale"])
    lacking = rows[rows["status"] != "ok"]
    assert set(lacking["diagnostic"]) == {"remedies"} and lacking["value"].isna().all()
    assert lacking["status"].iloc[-1] == "not applicable: cnn has no closed form"


def test_least_squares_solve_a_chain_that_plain_training_does_not(paths):
    rows = remedies(subject_of(paths, "winding", "free", 30), seeds=4, ranks=[], sweeps=3).rows
    mean = rows[rows["diagnostic"] == "remedy_balanced_accuracy"].groupby("remedy")["value"].mean()
    assert mean["alternating"] > 0.95 > mean["plain"]


def test_small_samples_take_at_most_a_third_of_the_cost():
    for costs in ([1.0, 16.0], [4.0, 9.0, 10.0], [15.0, 16.0], [30.0, 16.0]):
        *small, home = stage_epochs(costs, 60, 60 * costs[-1])
        spent = np.dot(small, costs[:-1])
        assert max(small) <= 30
        assert spent <= 20 * costs[-1]
        assert 59 * costs[-1] < spent + home * costs[-1] <= 60 * costs[-1]


@pytest.mark.parametrize(
    ("form", "rank"), [("free", 1), ("free", 2), ("coordinate", 1), ("coordinate", 2), ("wavefunction", 1)]
)
def test_random_weights_take_the_scale_of_the_closed_form(form, rank, paths):
    changes = {} if form == "wavefunction" else {"rank": rank}
    here = seen(VARIANTS[form].changed(**changes), paths["ssh_8"], ("train",), seeds=3)
    start = here.model.initial(generators(ROOT, "data", form, range(3)))
    scaled, exact = closed_form_scale(here, start), closed_form(here)
    if form == "wavefunction":
        for name, tensor in scaled.items():
            rms = np.sqrt(np.mean(tensor.numpy().reshape(3, -1) ** 2, axis=1))
            np.testing.assert_allclose(rms, np.sqrt(np.mean(exact[name].numpy() ** 2)), rtol=1e-4)
        return
    coordinates = here.samples["train"].inputs["coordinates"]
    rms = here.model.tensors(scaled, coordinates).square().mean(dim=-1).sqrt()  # (S, R, 2)
    wanted = here.model.tensors(exact, coordinates.double())[0, 0].square().mean(dim=-1).sqrt()
    np.testing.assert_allclose(rms, wanted.expand(3, rank, 2), rtol=1e-4)
    before = here.model.tensors(start, coordinates).flatten(0, 2)
    after = here.model.tensors(scaled, coordinates).flatten(0, 2)
    np.testing.assert_allclose(torch.cosine_similarity(before, after), 1.0, rtol=1e-5)


@pytest.mark.parametrize("task", ["winding", "chern"])
def test_a_sum_of_rings_starts_with_an_f_as_large_as_that_of_one(task, paths, monkeypatch):
    subject, starts = subject_of(paths, task, "free"), []
    here = seen(subject.variant, subject.home, ("train",), seeds=300)
    monkeypatch.setattr(module, "trained", lambda _, rings, start, epochs: (0, starts.append((rings, start))))
    module.of_rank(subject, here, 300, 1e15, rank=4)
    (rings, start), one = starts[0], here.model.initial(generators(ROOT, "data", "free", range(300)))
    sizes = [
        float(model.value(weights, here.samples["train"].inputs).square().mean().sqrt())
        for model, weights in ((rings.model, start), (here.model, one))
    ]
    assert rings.model.rank == 4
    assert 0.75 < sizes[0] / sizes[1] < 1.33, "within the scatter of 300 starts; without care it is 2"
