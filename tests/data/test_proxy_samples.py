"""Samples on which a proxy and the invariant disagree: interfaces, decoupled edges, scrambled site gauges."""

import numpy as np
import pytest
from stored import generated

from toponn.data.encodings.cell_image import cell_image
from toponn.data.encodings.loops import loops
from toponn.data.generation import generate
from toponn.data.recipes import Recipe
from toponn.invariants.crystals import bulk_invariant
from toponn.matter.disorder import decoupled_edge
from toponn.matter.lattices import cut
from toponn.matter.shapes import rectangle, segment
from toponn.matter.states import projector, scramble_sites
from toponn.matter.systems.qwz import QWZ
from toponn.matter.systems.ssh import SSH
from toponn.tools.checks import ConfigError

CHAIN = {
    "seed": 3,
    "system": "ssh",
    "shape": {"name": "segment", "size": [16]},
    "parameters": {"intracell": [0.0, 2.0], "intercell": 1.0},
    "disorder": [],
    "samples": {"test": 20},
    "minimum_margin": 0.2,
}
SQUARE = CHAIN | {"system": "qwz", "shape": {"name": "rectangle", "size": [8, 8]}, "parameters": {"mass": [-3.5, 3.5]}}


def terms_of(system, shape, **parameters):
    sites = cut(system.unit_cell, shape.inside, shape.extent)
    return sites, system.terms(sites, system.connections(sites), **parameters)


# --- The edge ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("intracell", [0.5, 1.5])
def test_a_chain_with_decoupled_ends_has_a_zero_mode_on_each_end_site_in_either_phase(intracell):
    _, terms = terms_of(SSH(), segment((8,)), intracell=intracell, intercell=1.0)
    H = decoupled_edge(terms, 1.0, rng=np.random.default_rng(0)).hamiltonian()
    assert not H[0].any() and not H[-1].any()
    zero = np.abs(np.linalg.eigvalsh(H)) < 1e-12
    assert zero.sum() == 2
    untouched = terms_of(SSH(), segment((8,)), intracell=intracell, intercell=1.0)[1].hamiltonian()
    assert np.array_equal(H[2:-2, 2:-2], untouched[2:-2, 2:-2])


def test_in_the_plane_only_the_rim_is_decoupled_and_half_a_strength_halves_its_bonds():
    sites, terms = terms_of(QWZ(), rectangle((5.0, 5.0)), mass=-1.0)
    clean = terms.hamiltonian()
    half = decoupled_edge(terms, 0.5, rng=np.random.default_rng(0)).hamiltonian()
    rim = np.repeat((np.abs(sites.positions - sites.positions.mean(axis=0)).max(axis=1) > 1.5), 2)
    inner = ~rim
    assert rim.sum() == 2 * 16
    assert np.array_equal(half[np.ix_(inner, inner)], clean[np.ix_(inner, inner)])
    assert np.allclose(half[np.ix_(rim, inner)], 0.5 * clean[np.ix_(rim, inner)])


# --- Interfaces -------------------------------------------------------------------------------------------


def test_an_interface_has_the_one_hamiltonian_inside_the_other_outside_and_the_mean_between():
    recipe = CHAIN | {"parameters": {"intracell": 0.3, "intercell": 1.0}}
    entry = {key: recipe[key] for key in ("seed", "system", "shape", "parameters", "disorder")}
    inner = {"beyond": 0.6, "parameters": {"intracell": 1.8, "intercell": 0.5}}
    H = Recipe.of(name="x", interface=inner, **entry).draw([0]).hamiltonians[0].real
    cells = np.abs((np.arange(16) - 7.5) / 7.5) > 0.6
    intracell = np.array([H[2 * i, 2 * i + 1] for i in range(16)])
    intercell = np.array([H[2 * i + 1, 2 * i + 2] for i in range(15)])
    assert np.allclose(intracell, np.where(cells, 1.8, 0.3))
    between = (cells[:-1].astype(float) + cells[1:]) / 2
    assert np.allclose(intercell, 1.0 - 0.5 * between)


def test_the_label_of_an_interface_is_that_of_the_middle_and_the_proxies_are_those_of_both_regions():
    other = {"beyond": 0.75, "parameters": CHAIN["parameters"]}
    arrays, attributes = generated(name="interface", **CHAIN | {"samples": {"test": 60}}, interface=other)
    inside, outside = arrays["parameters/intracell"], arrays["outside/intracell"]
    assert np.array_equal(arrays["proxy/clean_parameters"], (inside < 1).astype(float))
    assert np.array_equal(arrays["proxy/outside_parameters"], (outside < 1).astype(float))
    assert (arrays["label"] == (inside < 1)).all()
    assert 0.2 < (arrays["label"] != arrays["proxy/outside_parameters"]).mean() < 0.8
    assert "interface at 0.75" in attributes["system"]
    assert "reference/product_rule" not in arrays, "it looks at the whole chain"
    proxies = {key for key in arrays if key.startswith("proxy/")}
    assert proxies == {"proxy/clean_parameters", "proxy/outside_parameters"}


def test_without_an_interface_a_recipe_draws_what_it_drew():
    plain, _ = generated(name="x", **CHAIN)
    same, _ = generated(name="x", **CHAIN, interface=None, site_gauge="fixed")
    assert all(np.array_equal(plain[key], same[key]) for key in plain)


# --- The gauge of the sites -------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", [CHAIN, SQUARE], ids=["chain", "square"])
def test_a_scrambled_site_gauge_moves_the_projector_and_no_loop_label_or_reference(recipe):
    fixed, about = generated(name="x", **recipe)
    scrambled, said = generated(name="x", **recipe, site_gauge="scrambled")
    for key in fixed:
        if key != "occupied":
            assert np.array_equal(fixed[key], scrambled[key]), key
    before, after = (generate(name="x", **recipe, site_gauge=gauge) for gauge in ("fixed", "scrambled"))
    assert np.allclose(loops(before)["loops"], loops(after)["loops"], atol=1e-6)
    change = np.abs(projector(before.occupied) - projector(after.occupied)).max()
    assert change > 0.1
    assert np.abs(cell_image(before, stencil=1)["image"] - cell_image(after, stencil=1)["image"]).max() > 0.1
    assert "scrambled" in said["system"] and "scrambled" not in about["system"]


def test_the_rotations_of_the_sites_are_unitary_and_act_within_each_site():
    rng = np.random.default_rng(0)
    states = np.linalg.qr(rng.normal(size=(12, 12)) + 1j * rng.normal(size=(12, 12)))[0][:5]
    moved = scramble_sites(states, 2, rng=np.random.default_rng(1))
    U = moved.T @ np.linalg.pinv(states.T)  # on the span of the states
    full = scramble_sites(np.eye(12), 2, rng=np.random.default_rng(1)).T
    assert np.allclose(full @ full.conj().T, np.eye(12))
    blocks = full.reshape(6, 2, 6, 2).swapaxes(1, 2)
    assert not blocks[~np.eye(6, dtype=bool)].any()
    assert np.allclose(U @ states.T, full @ states.T)


# --- What the clean crystal says --------------------------------------------------------------------------


def test_consensus_leaves_out_draws_on_which_the_product_rule_disagrees():
    strong = CHAIN | {"disorder": [{"name": "bond_box", "strength": [2.0, 3.0]}], "samples": {"test": 40}}
    for consensus in (False, True):
        arrays, _ = generated(name="x", **strong, consensus=consensus)
        agree = arrays["reference/product_rule"] == arrays["label"]
        assert agree.all() == consensus


def test_parameters_that_make_no_crystal_have_no_clean_integer():
    hofstadter = SQUARE | {"system": "hofstadter", "parameters": {"flux": [0.21, 0.24], "fermi_energy": -2.1}}
    arrays, _ = generated(name="x", **hofstadter | {"samples": {"test": 4}, "minimum_margin": 0.0})
    assert np.isnan(arrays["proxy/clean_parameters"]).all()


def test_the_clean_integer_of_a_sample_is_that_of_its_bands():
    arrays, _ = generated(name="x", **SQUARE | {"disorder": [{"name": "onsite_box", "strength": 4.0}]})
    mass = arrays["parameters/mass"]
    literature = np.where(np.abs(mass) < 2, -np.sign(mass), 0.0)
    clear = np.abs(np.abs(mass) - 2) > 0.05
    assert np.array_equal(arrays["proxy/clean_parameters"][clear], literature[clear])
    assert bulk_invariant(QWZ(), {"mass": -1.0}, 24) == 1


def test_a_site_gauge_that_there_is_not_is_refused_in_one_sentence():
    with pytest.raises(ConfigError, match="site_gauge: found 'scrmbled'; allowed: fixed, scrambled"):
        generate(name="x", **CHAIN, site_gauge="scrmbled")
