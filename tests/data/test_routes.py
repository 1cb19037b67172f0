"""The three routes of the ring: one value and one gradient, and the choice of one."""

import numpy as np
import pytest
import torch

from toponn.data.encodings.loops import pair_loops, triple_loops
from toponn.data.encodings.routes import loops_in_the_plane, route
from toponn.models import ring, wedges
from toponn.models.base import as_tensors, generators
from toponn.models.ring import CoordinateRing, FreeRing, Ring

EXACT = 1e-10


def rng(*path: int) -> np.random.Generator:
    return np.random.default_rng([77, *path])


def random_states(batch: int, filled: int, n: int, real: bool = False) -> np.ndarray:
    """Return orthonormal states (batch, filled, n), one a row."""
    draws = rng(n, filled).normal(size=(2, batch, n, n))
    return np.linalg.qr(draws[0] if real else draws[0] + 1j * draws[1])[0][:, :filled]


def chain_states(batch: int, cells: int, real: bool) -> np.ndarray:
    """Return the filled states ``(u, −v)/√2`` of chiral chains, all amplitudes on A first, in a random gauge."""
    u, v, gauge = (random_states(batch, cells, cells, real) * s for s in (1, np.exp(0.3j) if not real else -1, 1))
    states = np.concatenate([u, -v.swapaxes(1, 2)], axis=-1) / np.sqrt(2)
    return np.roll(gauge, 1, axis=1) @ states


def views(order: int, states: np.ndarray, orbitals: int) -> dict[str, np.ndarray]:
    """Return the three encodings of states by plain NumPy."""
    if order == 2:
        A, B = np.split(states, 2, axis=-1)
        state = -2 * np.einsum("boi,boj->bij", A, B.conj())
        features = pair_loops(state)
    else:
        state = np.einsum("boi,boj->bij", states, states.conj())
        features = triple_loops(state, orbitals)
    return {"loops": features, "occupied": states, "projector": state}


CASES = {
    "chain of 7 cells": (2, 7, 1, 7, False),
    "chain of 12 cells, real": (2, 12, 1, 12, True),
    "8 sites of 2 orbitals": (3, 8, 2, 8, False),
    "9 sites of 1 orbital, a third filled": (3, 9, 1, 3, False),
    "7 sites of 3 orbitals, almost full": (3, 7, 3, 18, False),
    "4 sites, none filled": (3, 4, 1, 0, False),
}


def case(name: str, form: str = "coordinate", rank: int = 2, seeds: int = 3):
    """Return a ring, its parameters and the three inputs, in double precision."""
    order, sites, orbitals, filled, real = CASES[name]
    states = chain_states(5, sites, real) if order == 2 else random_states(5, filled, sites * orbitals, real)
    u = rng(sites).uniform(-1, 1, size=(sites, order - 1))
    kind, options = {"coordinate": (CoordinateRing, {"width": 6}), "free": (FreeRing, {})}[form]
    model = kind({"coordinates": u.shape}, rank=rank, **options)
    parameters = {k: t.double() for k, t in model.initial(generators(1, "d", "m", range(seeds))).items()}
    arrays = views(order, states, orbitals)
    return model, parameters, {k: as_tensors({k: x, "coordinates": u}, torch.float64) for k, x in arrays.items()}


def value_and_gradient(model, parameters, inputs):
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in parameters.items()}
    value = model.value(leaves, inputs)
    slope = torch.from_numpy(rng(1).normal(size=tuple(value.shape)))
    (value * slope).sum().backward()
    return [value.detach(), *(leaf.grad for leaf in leaves.values())]


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("form", ["free", "coordinate"])
@pytest.mark.parametrize("name", CASES)
def test_the_three_routes_give_one_value_and_one_gradient(name, form, rank):
    model, parameters, inputs = case(name, form, rank)
    results = {route: value_and_gradient(model, parameters, inputs[route]) for route in Ring.encodings}
    expected = results["loops"]
    assert expected[0].dtype == torch.float64
    assert expected[0].abs().max() > 1e-3 or "none filled" in name, "a comparison of zeros shows nothing"
    for name_of_route, found in results.items():
        for ours, theirs in zip(found, expected, strict=True):
            scale = max(1.0, float(theirs.abs().max()))
            torch.testing.assert_close(
                ours, theirs, rtol=0, atol=EXACT * scale, msg=lambda m, r=name_of_route: f"{r}: {m}"
            )


@pytest.mark.parametrize("name", list(CASES)[:4])
def test_the_comparison_of_routes_notices_one_site_of_another_state(name):
    model, parameters, inputs = case(name)
    states = inputs["occupied"]["occupied"].clone()
    states[..., 0] *= 1.01
    changed = model.value(parameters, {**inputs["occupied"], "occupied": states})
    assert (changed - model.value(parameters, inputs["loops"])).abs().max() > 1e-4


@pytest.mark.parametrize("name", ["8 sites of 2 orbitals", "9 sites of 1 orbital, a third filled"])
def test_rows_of_zeros_after_the_occupied_states_change_nothing(name):
    model, parameters, inputs = case(name)
    states = inputs["occupied"]["occupied"]
    padded = torch.cat([states, torch.zeros_like(states[:, :4])], dim=1)
    expected = value_and_gradient(model, parameters, inputs["occupied"])
    for ours, theirs in zip(
        value_and_gradient(model, parameters, {**inputs["occupied"], "occupied": padded}), expected, strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=EXACT * max(1.0, float(theirs.abs().max())))


@pytest.mark.parametrize("route", ["occupied", "projector"])
def test_real_states_of_the_plane_have_no_chern_number_and_no_gradient(route):
    model, parameters, _ = case("8 sites of 2 orbitals")
    arrays = views(3, random_states(5, 8, 16, real=True), 2)
    u = torch.from_numpy(rng(8).uniform(-1, 1, size=(8, 2)))
    inputs = {route: torch.from_numpy(arrays[route]), "coordinates": u}
    assert not inputs[route].is_complex()
    for found in value_and_gradient(model, parameters, inputs):
        assert found.abs().max() < EXACT * 10


@pytest.mark.parametrize(
    "name", ["chain of 12 cells, real", "8 sites of 2 orbitals", "7 sites of 3 orbitals, almost full"]
)
@pytest.mark.parametrize("route", Ring.encodings)
def test_neither_value_nor_gradient_depends_on_the_pieces(monkeypatch, name, route):
    model, parameters, inputs = case(name)
    whole = value_and_gradient(model, parameters, inputs[route])
    for module, constant, size in ((ring, "STATE_PIECE", 300), (ring, "WEDGE_PIECE", 1), (wedges, "PIECE", 20)):
        monkeypatch.setattr(module, constant, size)
    for ours, theirs in zip(value_and_gradient(model, parameters, inputs[route]), whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=EXACT * max(1.0, float(theirs.abs().max())))


@pytest.mark.parametrize("route", Ring.encodings)
@pytest.mark.parametrize("name", ["chain of 7 cells", "8 sites of 2 orbitals"])
def test_second_derivatives_exist_by_every_route_and_are_those_of_finite_differences(monkeypatch, name, route):
    monkeypatch.setattr(ring, "WEDGE_PIECE", 1)  # every seed in a piece of its own
    model, parameters, inputs = case(name, "free", 1, seeds=2)
    site = parameters["site"].requires_grad_()
    along = torch.from_numpy(rng(3).normal(size=tuple(site.shape)))

    def slope(at):
        scalar = model.value({"site": at}, inputs[route]).square().sum()
        return torch.autograd.grad(scalar, at, create_graph=True)[0]

    (product,) = torch.autograd.grad((slope(site) * along).sum(), site)
    step = 1e-5
    difference = (slope(site + step * along) - slope(site - step * along)) / (2 * step)
    torch.testing.assert_close(product, difference.detach(), rtol=1e-5, atol=1e-5 * float(product.abs().max()))


@pytest.mark.parametrize("route", Ring.encodings)
@pytest.mark.parametrize("name", ["chain of 7 cells", "8 sites of 2 orbitals"])
def test_every_seed_is_evaluated_as_if_it_were_alone(name, route):
    model, parameters, inputs = case(name)
    together = model.value(parameters, inputs[route])
    for s in range(3):
        alone = model.value({k: t[s : s + 1] for k, t in parameters.items()}, inputs[route])
        torch.testing.assert_close(together[s : s + 1], alone, rtol=0, atol=EXACT * 100)


@pytest.mark.parametrize("route", Ring.encodings)
@pytest.mark.parametrize("name", ["chain of 12 cells, real", "8 sites of 2 orbitals"])
def test_single_precision_stays_single_and_near_the_double_value(name, route):
    model, parameters, inputs = case(name)
    single = as_tensors({k: t.numpy() for k, t in inputs[route].items()})
    value = model.value({k: t.float() for k, t in parameters.items()}, single)
    expected = model.value(parameters, inputs[route])
    assert value.dtype == torch.float32
    assert (value - expected).abs().max() < 1e-4 * max(1.0, float(expected.abs().max()))


# --- The choice -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "chosen"),
    [  # sites, orbitals, samples, seeds, uses, dimension
        ((64, 128, 600, 50, 60, 2), "loops"),  # a training of the default study
        ((64, 128, 300, 3, 360, 2), "loops"),  # a search
        ((64, 128, 40, 5, 1, 2), "occupied"),  # a test of the quick study
        ((64, 128, 40, 20, 1, 2), "loops"),
        ((256, 256, 40, 20, 1, 2), "occupied"),  # of one orbital a site
        ((256, 512, 200, 20, 60, 2), "occupied"),  # loops of 2 GB
        ((576, 1152, 40, 100, 1, 2), "occupied"),
        ((48, 48, 600, 50, 60, 1), "loops"),
        ((48, 48, 300, 5, 30, 1), "projector"),
        ((48, 48, 40, 5, 1, 1), "occupied"),
        ((48, 48, 40, 100, 1, 1), "loops"),
        ((800, 800, 40, 20, 1, 1), "occupied"),  # few samples share the weights of the loops
    ],
)
def test_the_route_is_the_one_that_was_measured_to_be_the_cheapest(work, chosen):
    names = ("sites", "orbitals", "samples", "seeds", "uses", "dimension")
    assert route(**dict(zip(names, work, strict=True))) == chosen


@pytest.mark.parametrize(("dimension", "sites", "orbitals"), [(1, 48, 48), (2, 64, 128)])
def test_loops_are_chosen_once_enough_seeds_or_uses_share_them_and_never_given_up_with_more(dimension, sites, orbitals):
    size = {"dimension": dimension, "sites": sites, "orbitals": orbitals, "samples": 400}
    for other, counts in (("seeds", (1, 3, 10, 40, 900)), ("uses", (1, 3, 10, 40, 900))):
        seeds = 1 if dimension == 2 else 9
        found = [route(**size, **{"seeds": seeds, "uses": 1} | {other: count}) == "loops" for count in counts]
        assert not found[0] and found[-1]
        assert found == sorted(found), found


def test_the_bound_on_memory_counts_the_features_that_are_really_made():
    assert loops_in_the_plane(8) == case("8 sites of 2 orbitals")[2]["loops"]["loops"][0].numel()
