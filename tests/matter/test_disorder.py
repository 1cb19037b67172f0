import numpy as np
import pytest
from scipy.stats import kstest
from tolerances import agree

from toponn.data.recipes import Recipe
from toponn.invariants.estimates import real_space_chern, spectral_localizer, three_sector_chern
from toponn.matter.disorder import (
    DISORDER,
    KEEPS,
    bond_box,
    onsite_binary,
    onsite_box,
    structural_displacement,
    vacancies,
)
from toponn.matter.lattices import HONEYCOMB, SQUARE, cut, torus
from toponn.matter.samples import Samples
from toponn.matter.shapes import disk, rectangle, segment
from toponn.matter.systems import SYSTEMS
from toponn.matter.systems.amorphous_chern import AmorphousChern
from toponn.matter.systems.base import VACANT_ENERGY
from toponn.matter.systems.haldane import Haldane
from toponn.matter.systems.kitaev_chain import KitaevChain
from toponn.matter.systems.qwz import QWZ
from toponn.matter.systems.ssh import SSH
from toponn.tools.checks import resolve
from toponn.tools.conventions import IDENTITY, PAULI_Z

EVERY = {name: resolve(DISORDER, name, "disorder") for name in DISORDER}
every = pytest.mark.parametrize("term", EVERY.values(), ids=EVERY)
SYSTEM = {name: resolve(SYSTEMS, name, "system") for name in SYSTEMS}
each_system = pytest.mark.parametrize("system", SYSTEM.values(), ids=SYSTEM)
STRENGTH = {"vacancies": 0.3}
"""Of a sample that is clearly disordered; 1 where nothing else is said."""


def middle(system):
    """Return parameters off the middle of their ranges, where nothing vanishes; a flux of 1/5 fits on a torus."""
    values = {name: p.low + 0.62 * (p.high - p.low) for name, p in system.parameters.items()}
    return values | ({"flux": 0.2} if "flux" in values else {})


def terms_of(system, shape=None, **parameters):
    """Return the sites and the clean terms of an open sample."""
    system = system()
    shape = shape or (segment((7,)) if system.task == "winding" else rectangle((6.0, 5.0)))
    sites = cut(getattr(system, "unit_cell", SQUARE), shape.inside, shape.extent)
    return sites, system.terms(sites, system.connections(sites), **(parameters or middle(system)))


def drawn(term, system, seed, strength=None, shape=None, **parameters):
    """Return the Hamiltonian of one sample."""
    _, terms = terms_of(system, shape, **parameters)
    strength = STRENGTH.get(term.__name__, 1.0) if strength is None else strength
    return term(terms, strength, rng=np.random.default_rng(seed)).hamiltonian()


# --- Laws of every kind -----------------------------------------------------------------------------------


def test_every_kind_states_what_it_keeps_under_the_name_of_its_function():
    assert list(KEEPS) == list(DISORDER)
    assert {name: term.__name__ for name, term in EVERY.items()} == {name: name for name in DISORDER}
    assert {word for kept in KEEPS.values() for word in kept} == {"chiral", "time_reversal"}


@each_system
@every
def test_disorder_keeps_the_matrix_hermitian_and_without_strength_changes_nothing(system, term):
    _, terms = terms_of(system)
    clean = terms.hamiltonian()
    same = term(terms, 0.0, rng=np.random.default_rng(0))
    assert agree(same.hamiltonian(), clean)
    assert agree(same.positions, terms_of(system)[1].positions)
    H = drawn(term, system, 0)
    assert H.shape == clean.shape
    assert agree(H, H.conj().T)
    assert not agree(H, clean)


@each_system
@every
def test_disorder_is_determined_by_its_stream(system, term):
    first, again, other = (drawn(term, system, seed) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (term.__name__ == "decoupled_edge"), "at the edge nothing is random"


@every
def test_disorder_does_not_touch_the_clean_terms_that_another_sample_shares(term):
    # Recipes share sites and connections between draws.
    sites, terms = terms_of(QWZ)
    positions, pairs = sites.positions.copy(), [p.copy() for p in terms.pairs]
    changed = term(terms, 0.4, rng=np.random.default_rng(1))
    assert np.array_equal(sites.positions, positions)
    assert [p.tolist() for p in changed.pairs] == [p.tolist() for p in pairs]


# --- Symmetries -------------------------------------------------------------------------------------------


def chain():
    sites, terms = terms_of(SSH, segment((10,)), intracell=0.7, intercell=1.0)
    return terms, np.where(sites.sublattice == 0, 1.0, -1.0)


def majoranas():
    sites, terms = terms_of(KitaevChain, segment((10,)), chemical_potential=0.5, hopping=1.0, pairing=0.4)
    return terms, np.where(sites.sublattice == 0, 1.0, -1.0)


def graphene():
    sites, terms = terms_of(Haldane, disk(3.7), sublattice_mass=0.0, t2=0.0, phase=0.0)
    # Without its bonds between second neighbours, which disorder would act on: a bipartite table of bonds.
    terms.pairs, terms.vectors, terms.hoppings, terms.weights = (
        kind[:3] for kind in (terms.pairs, terms.vectors, terms.hoppings, terms.weights)
    )
    return terms, np.where(sites.sublattice == 0, 1.0, -1.0)


def square():
    _, terms = terms_of(SYSTEM["hofstadter"], rectangle((6.0, 5.0)), flux=0.0, fermi_energy=0.0)
    return terms, (-1.0) ** np.rint(terms.positions - terms.positions.min(axis=0)).sum(axis=1)


BIPARTITE = {"SSH": chain, "Kitaev": majoranas, "honeycomb": graphene, "square": square}


@every
@pytest.mark.parametrize("make", BIPARTITE.values(), ids=BIPARTITE)
def test_a_kind_keeps_chiral_symmetry_and_time_reversal_in_every_sample_or_breaks_it(term, make):
    strength = STRENGTH.get(term.__name__, 1.0)
    clean, sign = make()
    H = clean.hamiltonian()
    assert agree(sign[:, None] * H * sign, -H), "the clean one is chiral"
    assert not H.imag.any(), "and real"
    kept = {"chiral": [], "time_reversal": []}
    for seed in range(8):
        terms, _ = make()
        terms = term(terms, strength, rng=np.random.default_rng(seed))
        H = terms.hamiltonian() - np.diag(np.where(terms.vacant, VACANT_ENERGY, 0.0))  # a vacancy is no orbital
        kept["chiral"].append(agree(sign[:, None] * H * sign, -H))
        kept["time_reversal"].append(not H.imag.any())
    for symmetry, found in kept.items():
        expected = symmetry in KEEPS[term.__name__]
        assert found == [expected] * 8, symmetry


# --- On-site terms ----------------------------------------------------------------------------------------


def test_onsite_disorder_is_a_diagonal_box_of_the_stated_full_width_independent_per_orbital():
    _, terms = terms_of(QWZ, rectangle((40.0, 40.0)), mass=0.0)
    energies = onsite_box(terms, 3.0, rng=np.random.default_rng(1)).onsite
    diagonal = np.stack([energies[:, 0, 0], energies[:, 1, 1]])
    assert not energies[:, 0, 1].any()
    assert not diagonal.imag.any()
    assert np.abs(diagonal).max() <= 1.5
    for orbital in diagonal.real:
        assert kstest(orbital, "uniform", args=(-1.5, 3.0)).pvalue > 1e-3
        assert kstest(orbital, "uniform", args=(-1.2, 2.4)).pvalue < 1e-3, "control"
        assert abs(np.corrcoef(orbital[1:], orbital[:-1])[0, 1]) < 0.08
    assert abs(np.corrcoef(diagonal.real)[0, 1]) < 0.08


def test_binary_disorder_raises_or_lowers_all_orbitals_of_a_site_alike_with_equal_chances():
    _, terms = terms_of(QWZ, rectangle((50.0, 50.0)), mass=0.0)
    energies = onsite_binary(terms, 3.0, rng=np.random.default_rng(1)).onsite
    assert agree(energies, energies[:, :1, :1] * IDENTITY)
    values = energies[:, 0, 0].real
    assert sorted(set(values)) == [-1.5, 1.5]
    assert abs(values.mean()) < 4 * 1.5 / np.sqrt(len(values))
    grid = values.reshape(50, 50)
    for moved in (grid[1:] * grid[:-1], grid[:, 1:] * grid[:, :-1]):
        assert abs(moved.mean() / 2.25) < 4 / np.sqrt(moved.size), "neighbours are independent"


# --- Bonds ------------------------------------------------------------------------------------------------


def test_bond_disorder_of_ssh_is_half_as_wide_between_cells_as_within():
    # Mondragon-Shem et al., PRL 113, 046802 (2014): t_n = 1 + W1 ω, m_n = m + W2 ω′, the diagram for W2 = 2 W1 = W.
    _, terms = terms_of(SSH, segment((4000,)), intracell=0.5, intercell=1.0)
    v, w = (h.ravel() for h in bond_box(terms, 2.0, rng=np.random.default_rng(2)).hoppings)
    for values, centre, width in ((v, 0.5, 2.0), (w, 1.0, 1.0)):
        assert not values.imag.any()
        assert np.abs(values - centre).max() <= width / 2
        assert kstest(values.real, "uniform", args=(centre - width / 2, width)).pvalue > 1e-3
    assert abs(np.corrcoef(v.real[1:], w.real)[0, 1]) < 0.06


def test_bond_disorder_of_the_kitaev_chain_is_disorder_of_the_chemical_potential_alone():
    _, terms = terms_of(KitaevChain, segment((3000,)), chemical_potential=0.5, hopping=1.0, pairing=0.4)
    mu, forward, backward = (h.ravel().real for h in bond_box(terms, 2.0, rng=np.random.default_rng(2)).hoppings)
    assert kstest(mu, "uniform", args=(-0.5, 2.0)).pvalue > 1e-3
    assert set(forward) == {1.4}
    assert set(backward) == {0.6}


def test_bond_disorder_adds_a_real_number_times_the_identity_of_the_orbitals():
    _, terms = terms_of(QWZ, rectangle((5.0, 5.0)), mass=0.0)
    before = [h.copy() for h in terms.hoppings]
    after = bond_box(terms, 1.0, rng=np.random.default_rng(4)).hoppings
    for old, new in zip(before, after, strict=True):
        change = new - old
        assert agree(change, change[:, :1, :1].real * IDENTITY)
        assert len(np.unique(change[:, 0, 0])) == len(change)


# --- Vacancies --------------------------------------------------------------------------------------------


def test_every_site_is_missing_with_the_stated_probability_independently():
    _, terms = terms_of(QWZ, rectangle((60.0, 60.0)), mass=0.0)
    gone = vacancies(terms, 0.3, rng=np.random.default_rng(1)).vacant
    assert gone.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / gone.size))
    grid = gone.reshape(60, 60)
    assert (grid[1:] & grid[:-1]).mean() == pytest.approx(0.09, abs=0.02)
    _, terms = terms_of(QWZ, mass=0.0)
    assert vacancies(terms, 1.0, rng=np.random.default_rng(1)).vacant.all()


def test_a_second_removal_keeps_the_vacancies_of_the_first():
    _, terms = terms_of(QWZ, mass=0.0)
    first = vacancies(terms, 0.3, rng=np.random.default_rng(1)).vacant.copy()
    both = vacancies(terms, 0.3, rng=np.random.default_rng(2)).vacant
    assert both[first].all()
    assert both.sum() > first.sum()


HOLES = {
    "qwz": (QWZ, rectangle((9.0, 9.0)), {"mass": -1.0}),
    "haldane": (Haldane, disk(6.0), {"sublattice_mass": 0.1, "t2": 0.2, "phase": 1.4}),
    "amorphous": (AmorphousChern, rectangle((9.0, 9.0)), {"mass": -1.0, "decay": 0.4}),
}


@pytest.mark.parametrize(("system", "shape", "parameters"), HOLES.values(), ids=HOLES)
def test_a_sample_with_vacancies_is_the_sample_without_those_sites(system, shape, parameters):
    sites, terms = terms_of(system, shape, **parameters)
    whole = terms.hamiltonian()
    terms = vacancies(terms, 0.08, rng=np.random.default_rng(2))
    terms.vacant[np.linalg.norm(sites.positions, axis=1).argmax()] = True  # one at the rim
    corner = terms.positions.min(axis=0), terms.positions.max(axis=0)
    left = ~terms.vacant
    orbitals = np.repeat(left, system.n_orbitals)
    smaller, H = whole[np.ix_(orbitals, orbitals)], terms.hamiltonian()
    assert 3 <= terms.vacant.sum() < 20
    assert agree(H[np.ix_(orbitals, orbitals)], smaller)
    assert agree(H[np.ix_(~orbitals, ~orbitals)], VACANT_ENERGY * np.eye((~orbitals).sum()))
    assert not H[np.ix_(orbitals, ~orbitals)].any()
    assert agree(np.linalg.eigvalsh(H)[: orbitals.sum()], np.linalg.eigvalsh(smaller))

    level = system().fermi_level(**parameters)
    filled = orbitals.sum() // 2
    about = {"fermi_level": level, "filled": filled if level is None else None, "area_per_site": 1.0}
    with_holes = Samples.of(H, sites.positions, **about)
    deleted = Samples.of(smaller, sites.positions[left], **about)
    P = with_holes.projector[0]
    assert agree(P[np.ix_(orbitals, orbitals)], deleted.projector[0])
    assert np.abs(P[:, ~orbitals]).max() < 1e-12, "a vacancy holds nothing"
    assert agree(with_holes.level, deleted.level)
    assert agree(np.minimum(with_holes.gap, 5.0), np.minimum(deleted.gap, 5.0))
    # Estimators of both about one point: a bounding box that the vacancies do not move.
    same_box = np.array_equal(sites.positions[left].min(axis=0), corner[0]) and np.array_equal(
        sites.positions[left].max(axis=0), corner[1]
    )
    assert same_box, "this sample lost no outermost row"
    ours, theirs = (spectral_localizer(s, system.localizer_kappa) for s in (with_holes, deleted))
    assert ours.value == theirs.value
    assert agree(ours.margin, theirs.margin)
    assert abs(ours.value[0]) == 1
    inside = (np.abs(with_holes.local) < 0.5 + 1e-9).all(axis=1)
    share = inside.sum() / (inside & left).sum()  # the mean counts a vacancy as a site with nothing on it
    assert agree(real_space_chern(with_holes).value * share, real_space_chern(deleted).value)
    assert agree(three_sector_chern(with_holes).value, three_sector_chern(deleted).value)


def test_a_draw_with_vacancies_fills_half_of_the_orbitals_that_are_there():
    term = {"name": "vacancies", "strength": 0.1}
    recipe = Recipe.of(
        name="holes",
        seed=3,
        system="qwz",
        shape={"name": "rectangle", "size": [8, 8]},
        parameters={"mass": -1.0},
        disorder=[term],
    )
    counts = set()
    for index in range(6):
        draw = recipe.draw([index])
        gone = int((np.diagonal(draw.hamiltonians[0]).real == VACANT_ENERGY).sum()) // 2
        assert draw.filled[0] == 64 - gone
        assert draw.occupied[0].any(axis=1).sum() == 64 - gone
        counts.add(gone)
    assert len(counts) > 2


# --- Displacement -----------------------------------------------------------------------------------------

LATTICES = {
    "square": (QWZ, SQUARE, {"mass": -1.0}),
    "honeycomb": (Haldane, HONEYCOMB, {"sublattice_mass": 0.3, "t2": 0.2, "phase": 0.9}),
}


@pytest.mark.parametrize("closed", [False, True], ids=["open", "torus"])
@pytest.mark.parametrize(("system", "unit_cell", "parameters"), LATTICES.values(), ids=LATTICES)
def test_a_hopping_falls_by_the_exponential_of_what_its_bond_gained_in_length(system, unit_cell, parameters, closed):
    shape = rectangle((7.0, 6.0))
    sites = torus(unit_cell, (5, 5)) if closed else cut(unit_cell, shape.inside, shape.extent)
    clean = system().terms(sites, system().connections(sites), **parameters)
    moved = system().terms(sites, system().connections(sites), **parameters)
    moved = structural_displacement(moved, 0.4, rng=np.random.default_rng(3))
    shift = moved.positions - sites.positions
    for i, pairs in enumerate(clean.pairs):
        for (a, b), vector, old, new, now in zip(
            pairs, clean.vectors[i], clean.hoppings[i], moved.hoppings[i], moved.vectors[i], strict=True
        ):
            length = np.linalg.norm(vector + shift[b] - shift[a])
            assert agree(new, old * np.exp(np.linalg.norm(vector) - length))
            assert agree(now, vector + shift[b] - shift[a])
    assert agree(moved.onsite, clean.onsite)


def test_sites_move_uniformly_in_a_square_of_the_stated_side_independently():
    _, terms = terms_of(QWZ, rectangle((40.0, 40.0)), mass=0.0)
    before = terms.positions.copy()
    shift = structural_displacement(terms, 0.6, rng=np.random.default_rng(3)).positions - before
    for along in shift.T:
        assert np.abs(along).max() <= 0.3
        assert kstest(along, "uniform", args=(-0.3, 0.6)).pvalue > 1e-3
        assert abs(np.corrcoef(along[1:], along[:-1])[0, 1]) < 0.08
    assert abs(np.corrcoef(shift.T)[0, 1]) < 0.08


def test_displacements_add_up_to_the_hopping_at_the_last_positions():
    sites, terms = terms_of(QWZ, rectangle((6.0, 6.0)), mass=-1.0)
    clean = [h.copy() for h in terms.hoppings]
    rng = np.random.default_rng(4)
    for _ in range(2):
        terms = structural_displacement(terms, 0.3, rng=rng)
    for pairs, old, new in zip(terms.pairs, clean, terms.hoppings, strict=True):
        length = np.linalg.norm(terms.positions[pairs[:, 1]] - terms.positions[pairs[:, 0]], axis=1)
        assert agree(new, old * np.exp(1 - length)[:, None, None])


def test_on_an_amorphous_set_a_displacement_is_that_of_its_own_law_where_hopping_falls_by_e_in_a_distance():
    # There t(r) = exp(1 − r) already at λ = 1; the directions of the clean bonds stay.
    sites, terms = terms_of(AmorphousChern, rectangle((6.0, 6.0)), mass=-1.0, decay=1.0)
    terms = structural_displacement(terms, 0.2, rng=np.random.default_rng(5))
    (pairs,), (hoppings,) = terms.pairs, terms.hoppings
    way = sites.positions[pairs[:, 1]] - sites.positions[pairs[:, 0]]
    length = np.linalg.norm(terms.positions[pairs[:, 1]] - terms.positions[pairs[:, 0]], axis=1)
    assert agree(hoppings[:, 0, 0], np.exp(1 - length) / 2 + 0j)
    assert agree(np.abs(hoppings[:, 1, 0]), np.exp(1 - length) / 2)
    assert agree(np.angle(hoppings[:, 1, 0]) * 1.0, np.angle(1j * (way[:, 0] + 1j * way[:, 1])))
    assert agree(PAULI_Z @ terms.onsite, np.broadcast_to(-IDENTITY, terms.onsite.shape))
