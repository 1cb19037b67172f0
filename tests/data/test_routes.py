"""The three routes of the ring: one value and one gradient, and the choice of the cheapest."""

import numpy as np
import pandas as pd
import pytest
import torch

from toponn.data.encodings.loops import pair_loops, triple_loops
from toponn.data.encodings.routes import MEMORY, costs, encoded_numbers, route
from toponn.models import ring, wedges
from toponn.models.base import as_tensors, generators
from toponn.models.ring import CoordinateRing, FreeRing, Ring
from toponn.tools.statistics import fitted_exponent
from toponn.tools.tables import TABLES, columns_of
from toponn.trainability import route_costs as costs_module
from toponn.trainability.route_costs import (
    ROUTES,
    SAMPLES,
    Slab,
    chosen,
    exponent_rows,
    measured_crossovers,
    predicted_crossovers,
    route_costs,
)

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

SQUARE = {"sites": 64, "orbitals": 128, "occupied": 64, "dimension": 2}


@pytest.mark.parametrize("memory", [0, 1e6, MEMORY, 1e15])
@pytest.mark.parametrize(("seeds", "uses", "samples"), [(1, 1, 1), (20, 1, 40), (100, 150, 600)])
def test_the_choice_is_the_cheapest_of_what_fits(seeds, uses, samples, memory):
    load = {"seeds": seeds, "uses": uses, "samples": samples}
    seconds, numbers = costs(**SQUARE, **load), encoded_numbers(64, 128, 2)
    assert set(seconds) == set(Ring.encodings)
    found = route(**SQUARE, **load, memory=memory)
    assert found == "occupied" or 4 * samples * numbers[found] <= memory
    for other in Ring.encodings:
        if other == "occupied" or 4 * samples * numbers[other] <= memory:
            assert seconds[found] <= seconds[other]


def test_loops_are_chosen_once_enough_seeds_or_uses_share_them_and_never_given_up_with_more():
    for other in ("seeds", "uses"):
        found = [
            route(**SQUARE, **{"samples": 40, "seeds": 1, "uses": 1} | {other: count}) for count in (1, 3, 10, 40, 900)
        ]
        assert found[0] == "occupied" and found[-1] == "loops"
        assert found == sorted(found, reverse=True), found


def test_the_dense_projector_is_chosen_where_most_states_are_filled():
    load = dict(sites=400, orbitals=800, dimension=2, samples=40, seeds=1, uses=50, memory=1e9)
    assert route(**load, occupied=400) == "occupied"
    assert route(**load, occupied=700) == "projector"


def test_the_bound_on_memory_counts_the_features_that_are_really_made():
    for order, name in ((2, "chain of 12 cells, real"), (3, "8 sites of 2 orbitals")):
        _, _, inputs = case(name)
        sites, orbitals = (24, 24) if order == 2 else (8, 16)
        numbers = encoded_numbers(sites, orbitals, order - 1)
        assert numbers["loops"] == inputs["loops"]["loops"][0].numel()
        assert numbers["projector"] == 2 * inputs["projector"]["projector"][0].numel()  # complex numbers


@pytest.mark.parametrize("uses", [2, 150])
def test_chains_that_are_looked_at_again_go_through_loops(uses):
    for cells in (8, 24, 200):
        load = {"sites": 2 * cells, "orbitals": 2 * cells, "occupied": cells, "samples": 600, "dimension": 1}
        assert route(**load, seeds=100, uses=uses) == "loops"


# --- The measured costs -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured():
    return route_costs((3, 4, 5), (1, 2), rng=rng(9))


def test_the_table_has_a_positive_cost_for_every_route_size_and_number_of_seeds(measured):
    assert set(measured.columns) == set(TABLES["route_costs"].columns)
    keys = {(r, s, k) for r in ROUTES for s in (3, 4, 5) for k in (1, 2)}
    assert set(zip(measured["route"], measured["side"], measured["seeds"], strict=True)) == keys
    assert len(measured) == len(keys) and (measured["seconds"] > 0).all()
    assert (measured["sites"] == measured["side"] ** 2).all()


def test_one_route_is_chosen_of_those_that_a_look_or_features_at_hand_allow(measured):
    for (side, seeds), rows in measured.groupby(["side", "seeds"]):
        assert rows.loc[rows["chosen"], "route"].tolist() == [chosen(side, seeds).replace("loops", "loops_made")]
        assert rows["chosen_at_hand"].sum() == 1
        assert not rows.loc[rows["chosen_at_hand"], "route"].eq("loops_made").any()


def test_loops_that_are_made_cost_more_than_loops_at_hand_and_their_making_is_shared(measured):
    table = measured.pivot(index=["side", "seeds"], columns="route", values="seconds")
    making = (table["loops_made"] - table["loops"]).unstack()
    assert (making > 0).all(axis=None)
    np.testing.assert_allclose(making[2], making[1] / 2, rtol=1e-9)


def test_the_slab_stands_for_features_of_any_number(monkeypatch):
    monkeypatch.setattr(costs_module, "SLAB", 50)
    d = torch.from_numpy(rng(5).normal(size=(2, 1, 3, 9))).float()
    assert wedges.Value.forward(*wedges.factors(d), Slab(10**9)).shape == (2, SAMPLES)
    assert Slab(10**9)[:, 10**8 : 10**8 + 7].shape == (SAMPLES, 7)
    monkeypatch.setattr(costs_module, "SLAB", 84)  # the slab is the whole list of 9 sites
    few = Slab(84)
    assert torch.equal(wedges.Value.forward(*wedges.factors(d), few), wedges.wedge_value(d, few.held))


@pytest.mark.parametrize("power", [1.0, 2.5, 3.0])
def test_the_exponent_of_a_power_law_is_found_and_its_interval_covers_it_under_noise(power):
    sites = np.array([6.0, 8, 10, 12, 16, 20, 24, 30, 40]) ** 2
    for k in range(5):
        noisy = 1e-9 * sites**power * np.exp(0.05 * rng(k).normal(size=len(sites)))
        value, low, high = fitted_exponent(sites, noisy)
        assert low < power < high and low < value < high and high - low < 0.7
    # Control: what the smaller half does has no say.
    noisy[:4] *= 100
    assert fitted_exponent(sites, noisy)[0] == value


def test_the_exponents_are_rows_of_the_trainability_table_with_their_sizes():
    sides = [6, 8, 12, 16]
    frame = pd.DataFrame(
        [(r, s, s**2, 1, 1e-9 * s**6) for r in ROUTES for s in sides], columns=list(TABLES["route_costs"].columns[:5])
    )
    rows = exponent_rows(frame)
    assert set(rows.columns) == set(columns_of("route_exponents", rows.columns))
    assert rows["route"].tolist() == list(ROUTES)
    assert set(rows["sides"]) == {"12 to 16"}
    assert rows["value"].to_numpy() == pytest.approx(3.0)
    assert (rows["size"] == 256).all() and rows["low"].isna().all(), "two points have no interval"


def test_crossovers_are_where_the_lines_meet_and_where_the_choice_changes():
    sides = np.array([4, 8, 16, 32])
    frame = pd.concat(
        pd.DataFrame({"route": name, "side": sides, "seeds": 1, "seconds": cost})
        for name, cost in (("loops_made", sides**6.0), ("occupied", 100 * sides**4.0))
    )
    assert measured_crossovers(frame, "loops_made", "occupied", 1) == pytest.approx([10.0])
    assert measured_crossovers(frame.replace({"seconds": {}}).iloc[[0, 4]], "loops_made", "occupied", 1) == []
    for seeds in (1, 20, 100):
        found = predicted_crossovers(seeds)
        assert found[0] == (4, chosen(4, seeds))
        for side, name in found[1:]:
            assert chosen(side, seeds) == name != chosen(side - 1, seeds)
