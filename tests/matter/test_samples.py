"""The type of a sample: what slices and joins keep, what is solved and how often, and a name that parses back."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import agree

from toponn.data.datasets import read_dataset, write_dataset
from toponn.data.generation import generate
from toponn.data.recipes import Recipe
from toponn.invariants.estimates import real_space_chern, spectral_localizer
from toponn.matter.disorder import DISORDER
from toponn.matter.geometry import system_of
from toponn.matter.names import entry_of, parsed
from toponn.matter.samples import FIRST_AXIS, Samples
from toponn.matter.shapes import SHAPE_DIMENSION, mask, shape_of
from toponn.matter.states import occupied_states, projector
from toponn.matter.systems import SYSTEMS
from toponn.tools.checks import DataError
from toponn.tools.conventions import DIMENSION

BOX, BONDS = {"name": "onsite_box", "strength": [0.0, 1.0]}, {"name": "bond_box", "strength": 0.5}
CHAIN = {"system": "ssh", "shape": {"name": "segment", "size": [10]}, "disorder": [BONDS],
         "parameters": {"intracell": [1.2, 1.8], "intercell": 1.0}}  # fmt: skip
PLANE = {"system": "haldane", "shape": {"name": "disk", "radius": 3.5}, "disorder": [BOX],
         "parameters": {"sublattice_mass": [-1.0, 1.0], "t2": 0.2, "phase": -1.5}}  # fmt: skip
POINTS = {"system": "amorphous_chern", "lattice": "random", "shape": {"name": "rectangle", "size": [6, 6]},
          "parameters": {"mass": -1.0, "decay": 0.4}, "disorder": [BOX]}  # fmt: skip
ENTRIES = {"chain": CHAIN, "flake with Fermi levels": PLANE, "points of their own": POINTS}
every = pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)


@pytest.fixture
def rng():
    return np.random.default_rng(20250926)


def drawn(entry, count=5):
    return Recipe.of(name="a", seed=3, **entry).draw(range(count))


def hermitian_matrices(batch, n, rng):
    H = rng.normal(size=(batch, n, n)) + 1j * rng.normal(size=(batch, n, n))
    return H + H.conj().swapaxes(-1, -2)


def counted(monkeypatch, name):
    """Count from here on the calls of one of torch's solvers."""
    calls, solver = [], getattr(torch.linalg, name)
    monkeypatch.setattr(torch.linalg, name, lambda *given: calls.append(name) or solver(*given))
    return calls


# --- Some of them, and all together -----------------------------------------------------------------------


@every
def test_a_slice_a_list_and_a_mask_take_the_same_samples_with_all_that_is_known_of_them(entry):
    whole = replace(drawn(entry), label=np.arange(5), references={"a": np.arange(5.0)}, proxies={"b": np.ones(5)})
    for rows in ([1, 2], np.array([False, True, True, False, False]), slice(1, 3)):
        some = whole[rows]
        assert len(some) == 2 and some.draw.tolist() == some.label.tolist() == [1, 2]
        assert some.references["a"].tolist() == [1, 2] and some.attributes is whole.attributes
        assert agree(projector(some.occupied), projector(whole.occupied)[1:3])
        assert np.array_equal(some.positions, whole.positions[1:3] if whole.positions.ndim == 3 else whole.positions)
        for key, values in whole.numbers.items():
            assert np.array_equal(some.numbers[key], values[1:3])
    assert whole[3].draw.tolist() == whole[-2].draw.tolist() == [3]
    assert [one.draw[0] for one in whole] == list(range(5))


def test_every_field_that_runs_over_samples_is_among_those_that_a_slice_takes():
    whole = {"sublattice", "cell", "midgap_pair", "area_per_site", "periods", "shape", "attributes"}
    assert {field.name for field in fields(Samples)} == set(FIRST_AXIS) | whole


@every
def test_batches_joined_are_the_batch(entry):
    whole = drawn(entry)
    joined = Samples.joined([whole[:2], whole[2:3], whole[3:]])
    assert np.array_equal(joined.hamiltonians, whole.hamiltonians) and np.array_equal(joined.positions, whole.positions)
    assert np.array_equal(joined.draw, whole.draw) and agree(joined.level, whole.level)


def test_states_that_are_fewer_in_one_batch_are_padded_at_the_end():
    parts = [Samples(states=np.ones((b, filled, 4)), positions=np.zeros((4, 2))) for b, filled in ((2, 3), (1, 5))]
    joined = Samples.joined(parts).occupied
    assert joined.shape == (3, 5, 4)
    assert joined.any(axis=2).tolist() == [[True] * 3 + [False] * 2] * 2 + [[True] * 5]


# --- Solved once, by one of two ways ----------------------------------------------------------------------


@every
def test_samples_are_solved_once_whatever_is_asked_of_them_and_of_parts_of_them(entry, monkeypatch):
    whole = drawn(entry)
    by_eigh, by_svd = counted(monkeypatch, "eigh"), counted(monkeypatch, "svd")
    assert whole.gap.shape == whole.level.shape == (5,)
    assert whole.projector is whole.projector
    some = whole[1:3]
    assert np.array_equal(some.gap, whole.gap[1:3]) and np.array_equal(some.occupied, whole.occupied[1:3])
    assert (len(by_eigh), len(by_svd)) == ((0, 1) if entry is CHAIN else (1, 0))
    assert not np.array_equal(drawn(PLANE)[:2].gap, whole.gap[1:3]), "control"


def test_the_states_of_a_chiral_chain_are_those_of_the_whole_hamiltonian_by_the_other_way():
    chains = drawn(CHAIN)
    assert chains.chiral and np.isrealobj(chains.occupied)
    assert agree(projector(chains.occupied) + 0j, projector(occupied_states(chains.hamiltonians)[0]))
    wrong = replace(chains, sublattice=1 - chains.sublattice.clip(max=0))
    assert not wrong.chiral, "control: without two sublattices the other way is taken"
    assert agree(projector(wrong.occupied), projector(chains.occupied) + 0j)


def test_states_from_a_file_have_the_marker_of_those_that_were_drawn_and_no_hamiltonians(tmp_path):
    made = generate(name="a", seed=3, **PLANE, samples={"test": 4}, minimum_margin=0.05)
    write_dataset(tmp_path / "a.h5", made)
    stored = read_dataset(tmp_path / "a.h5")
    again = Recipe.of(name="a", seed=3, **PLANE).draw(stored.draw)
    assert np.allclose(real_space_chern(stored).value, real_space_chern(again).value, atol=1e-4)
    assert not np.allclose(real_space_chern(stored[::-1]).value, real_space_chern(again).value, atol=1e-4), "control"
    with pytest.raises(DataError, match=r"^haldane\[disk r=3\.5, onsite_box W=0\.\.1\] \(4 samples\): found no Hamilt"):
        spectral_localizer(stored)


@every
def test_places_are_centred_cells_of_a_chain_and_sites_of_the_plane(entry):
    one = drawn(entry)[2]
    assert one.n_places == len(one.places) == (10 if entry is CHAIN else one.positions.shape[-2])
    assert agree(one.places.min(axis=0), -one.places.max(axis=0))
    assert agree(np.diff(one.places, axis=0), np.diff(one.geometry[:: 2 if entry is CHAIN else 1], axis=0))
    assert one.area_per_place == (1.0 if entry is CHAIN else one.area_per_site)


def test_samples_with_positions_of_their_own_have_no_geometry_in_common():
    with pytest.raises(DataError, match="positions: found one set for each sample; allowed: batches of one geometry"):
        drawn(POINTS).places  # noqa: B018


# --- What a user has --------------------------------------------------------------------------------------


def test_states_of_a_users_chain_can_be_without_the_mid_gap_pair():
    chains = drawn(CHAIN, 3)
    H, h, where, sublattice = chains.hamiltonians, chains.block, chains.positions, chains.sublattice
    for known in ((where, sublattice), (where,)):
        whole, rest = (Samples.of(H, *known, midgap_pair=pair) for pair in ("kept", "dropped"))
        assert agree(whole.occupied, Samples.of(H, *known).occupied), "kept by default"
        assert rest.occupied.shape == (3, 9, 20)
        U, _, Vh = np.linalg.svd(h)
        pair = np.zeros((3, 20), dtype=complex)
        pair[:, sublattice == 0], pair[:, sublattice == 1] = U[:, :, -1], -Vh[:, -1]
        lost = pair[:, :, None] * pair[:, None].conj() / 2
        assert agree(projector(rest.occupied) + lost, projector(whole.occupied) + 0j)


def test_states_of_one_hamiltonian_are_a_batch_of_one(rng):
    H = hermitian_matrices(1, 8, rng)
    where = rng.normal(size=(4, 2))
    one, many = Samples.of(H[0], where), Samples.of(H, where)
    assert len(one) == len(many) == 1
    assert agree(projector(one.occupied), projector(many.occupied))
    assert one.site_of_orbital.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert one.dimension == 2


def test_a_hamiltonian_with_a_rounding_error_is_accepted(rng):
    H = hermitian_matrices(1, 6, rng)
    H[0, 0, 1] += 1e-13
    assert len(Samples.of(H, np.zeros((3, 2)))) == 1


def test_states_of_samples_with_positions_of_their_own_keep_each_with_its_sample(rng):
    H, where = hermitian_matrices(4, 6, rng), rng.normal(size=(4, 3, 2))
    states = Samples.of(H, where, fermi_level=np.array([-1.0, 0.0, 0.5, 2.0]))
    assert states.dimension == 2
    assert states.site_of_orbital.tolist() == [0, 0, 1, 1, 2, 2]
    some = states[np.array([3, 1])]
    assert np.array_equal(some.positions, where[[3, 1]])
    assert np.array_equal(states[1:3].positions, where[1:3])
    assert agree(projector(states.occupied), projector(occupied_states(H, np.array([-1.0, 0.0, 0.5, 2.0]))[0]))


def test_a_chiral_chain_with_a_fermi_level_of_its_own_is_filled_up_to_it():
    chain = drawn(CHAIN, 1)
    H, where, sublattice = chain.hamiltonians, chain.positions, chain.sublattice
    level = float(np.linalg.eigvalsh(H)[0, 11:13].mean())
    states = Samples.of(H, where, sublattice, fermi_level=level)
    assert states.occupied.shape == (1, 12, 20)
    assert Samples.of(H, where, sublattice).occupied.shape == (1, 10, 20)


# --- A name that parses back ------------------------------------------------------------------------------

NUMBER = st.integers(1, 40) | st.floats(1e-3, 1e3) | st.sampled_from([0.1 + 0.2, 1e-20, 123456.789])
LENGTHS = {"segment": ("size", 1), "rectangle": ("size", 2), "disk": ("radius", 0), "triangle": ("side", 0)}
LENGTHS |= {"l_shape": ("size", 0)}


@st.composite
def outlines(draw, dimension):
    name = draw(st.sampled_from([name for name, d in SHAPE_DIMENSION.items() if d == dimension]))
    key, sides = LENGTHS[name]
    entry = {"name": name, key: [draw(NUMBER) for _ in range(sides)] if sides else draw(NUMBER)}
    holes = st.lists(st.tuples(st.floats(-9, 9), st.integers(-9, 9), NUMBER).map(list), min_size=1, max_size=3)
    return entry | ({"holes": draw(holes)} if dimension == 2 and draw(st.booleans()) else {})


@st.composite
def origins(draw):
    """Draw a recipe, all but its parameters, and the number of a draw."""
    system = system_of(draw(st.sampled_from(sorted(SYSTEMS))))
    strength = NUMBER | st.tuples(st.floats(-2, 2), NUMBER).map(list)
    terms = st.fixed_dictionaries({"name": st.sampled_from(sorted(DISORDER)), "strength": strength})
    lattice = draw(st.sampled_from(system.lattices))
    return {
        "system": system.name,
        "shape": draw(outlines(DIMENSION[system.task])),
        "lattice": None if lattice == system.lattices[0] else lattice,
        "disorder": draw(st.lists(terms, max_size=3)),
        "interface": draw(st.none() | st.fixed_dictionaries({"beyond": st.floats(0.01, 0.99)})),
        "midgap_pair": draw(st.sampled_from(["kept", "dropped"])),
        "site_gauge": draw(st.sampled_from(["fixed", "scrambled"])),
        "draw": draw(st.none() | st.integers(0, 2**42)),
    }


def named(origin):
    """Return a sample that prints as a recipe with these keys does, though nothing is cut or drawn."""
    system = system_of(origin["system"])
    region = shape_of(origin["shape"], measured=False)
    about = {"parameters": {}, "disorder": tuple(origin["disorder"]), "seed": 0, "interface": origin["interface"]}
    text = str(Recipe("a", system, system.lattice(origin["lattice"]), region, None, [], **about))
    text += " without the mid-gap pair" * (origin["midgap_pair"] == "dropped")
    text += " in a scrambled site gauge" * (origin["site_gauge"] == "scrambled")
    draw = np.array([0, 1] if origin["draw"] is None else [origin["draw"]])
    return Samples(positions=np.zeros((1, 2)), draw=draw, attributes={"system": text})


@settings(max_examples=100, deadline=None, derandomize=True)
@given(origins())
def test_what_a_sample_prints_parses_back(origin):
    sample = named(origin)
    assert parsed(str(sample)) == origin
    assert parsed(str(Samples(**vars(sample) | {"draw": np.arange(3)}))) == origin | {"draw": None}
    assert len(str(sample).splitlines()) == 1


def test_samples_print_as_their_recipe_with_their_number_or_how_many_they_are():
    flakes = drawn(PLANE, 40)
    assert str(flakes[31]) == repr(flakes[31]) == "haldane[disk r=3.5, onsite_box W=0..1]#31"
    assert str(flakes) == "haldane[disk r=3.5, onsite_box W=0..1] (40 samples)"
    quasicrystal = drawn({**POINTS, "lattice": "ammann_beenker"})
    assert str(quasicrystal[0]) == "amorphous_chern[rectangle 6x6, ammann_beenker, onsite_box W=0..1]#0"
    assert str(Samples.of(np.eye(4), np.zeros((2, 2)))) == "unnamed[2 sites] (1 samples)"


@pytest.mark.parametrize("text", ["", "haldane", "haldane[]", "haldane[disk r=3]#x", "[disk r=3]", "unnamed[2 sites]"])
def test_a_text_that_is_no_sample_is_refused_in_one_sentence(text):
    with pytest.raises(DataError, match=r"(sample|shape): found '.*'; allowed: a text as "):
        parsed(text)


def test_a_shape_that_no_entry_makes_is_refused():
    cut = mask(lambda positions: positions[:, 0] > 0, 3.0, text="half disk")
    with pytest.raises(DataError, match="shape: found 'half disk'; allowed: a text as disk r=6 or rectangle 8x6"):
        entry_of(str(cut))
