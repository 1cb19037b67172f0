import numpy as np
import pytest
from tolerances import agree

from toponn.data.recipes import Recipe
from toponn.invariants import INVARIANTS
from toponn.invariants.chern import voronoi_areas
from toponn.invariants.estimates import (
    CLEAR,
    Estimate,
    bott_index,
    product_rule,
    real_space_chern,
    real_space_winding,
    spectral_localizer,
    three_sector_chern,
)
from toponn.labels.convergence import bulk, crystal_estimates, open_estimates
from toponn.matter.lattices import HONEYCOMB, SQUARE, cut, torus
from toponn.matter.samples import Samples
from toponn.matter.shapes import disk, l_shape, rectangle, segment
from toponn.matter.states import polar_factor
from toponn.matter.systems import SYSTEMS
from toponn.matter.systems.base import LatticeSystem
from toponn.matter.systems.extended_ssh import ExtendedSSH
from toponn.matter.systems.haldane import Haldane
from toponn.matter.systems.kitaev_chain import KitaevChain
from toponn.matter.systems.qwz import QWZ
from toponn.matter.systems.ssh import SSH
from toponn.tools.checks import ConfigError, DataError, NotApplicable, resolve

CHAIN, SIDE = {"name": "segment", "size": [24]}, {"name": "rectangle", "size": [10, 10]}
HONEY, KAGOME = {"name": "disk", "radius": 8.5}, {"name": "disk", "radius": 8.2}
MAGNETIC = {"name": "rectangle", "size": [15, 15]}
FLUX = np.pi / 2
CASES = {  # system, lattice, shape, parameters, invariant: of the literature, but where there is no crystal
    "ssh 1": ("ssh", None, CHAIN, {"intracell": 0.5, "intercell": 1.0}, 1),
    "ssh 0": ("ssh", None, CHAIN, {"intracell": -1.7, "intercell": 1.0}, 0),
    "extended -1": ("extended_ssh", None, CHAIN, {"t_minus_1": 1.0, "t_0": 0.3, "t_1": -0.2, "t_2": 0.1}, -1),
    "extended 2": ("extended_ssh", None, CHAIN, {"t_minus_1": 0.1, "t_0": 0.2, "t_1": 0.3, "t_2": -1.0}, 2),
    "kitaev 1": ("kitaev_chain", None, CHAIN, {"chemical_potential": 0.5, "hopping": 1.0, "pairing": 0.8}, 1),
    "kitaev -1": ("kitaev_chain", None, CHAIN, {"chemical_potential": 0.5, "hopping": 1.0, "pairing": -0.8}, -1),
    "kitaev 0": ("kitaev_chain", None, CHAIN, {"chemical_potential": 3.0, "hopping": 1.0, "pairing": 0.8}, 0),
    "qwz 1": ("qwz", None, SIDE, {"mass": -1.0}, 1),
    "qwz -1": ("qwz", None, SIDE, {"mass": 1.0}, -1),
    "qwz 0": ("qwz", None, SIDE, {"mass": 3.0}, 0),
    "haldane -1": ("haldane", None, HONEY, {"sublattice_mass": 0.0, "t2": 0.2, "phase": FLUX}, -1),
    "haldane 1": ("haldane", None, HONEY, {"sublattice_mass": 0.1, "t2": 0.2, "phase": -FLUX}, 1),
    "haldane 0": ("haldane", None, HONEY, {"sublattice_mass": 2.0, "t2": 0.2, "phase": -FLUX}, 0),
    "higher -2": ("higher_chern", None, SIDE, {"mass": 0.5, "diagonal": 0.7}, -2),
    "higher 2": ("higher_chern", None, SIDE, {"mass": -0.5, "diagonal": -0.7}, 2),
    "higher 0": ("higher_chern", None, SIDE, {"mass": 3.0, "diagonal": 0.7}, 0),
    "kagome -1": ("kagome", None, KAGOME, {"phase": 0.5, "breathing": 1.0}, -1),
    "kagome 1": ("kagome", None, KAGOME, {"phase": -0.5, "breathing": 1.2}, 1),
    "kagome 0": ("kagome", None, KAGOME, {"phase": 0.5, "breathing": 0.1}, 0),
    "hofstadter 1": ("hofstadter", None, MAGNETIC, {"flux": 1 / 3, "fermi_energy": -1.4}, 1),
    "hofstadter -1": ("hofstadter", None, MAGNETIC, {"flux": 1 / 3, "fermi_energy": 1.4}, -1),
    "hofstadter 0": ("hofstadter", None, MAGNETIC, {"flux": 0.2, "fermi_energy": -4.3}, 0),
    "amorphous square": ("amorphous_chern", "square", SIDE, {"mass": 1.0, "decay": 0.4}, -1),
    "amorphous triangular": ("amorphous_chern", "triangular", SIDE, {"mass": -1.0, "decay": 0.4}, 1),
    "amorphous octagonal": ("amorphous_chern", "ammann_beenker", SIDE, {"mass": -1.0, "decay": 0.4}, 1),
    "amorphous random": ("amorphous_chern", "random", SIDE, {"mass": -1.0, "decay": 0.4}, 1),
    "amorphous random 0": ("amorphous_chern", "random", SIDE, {"mass": -6.0, "decay": 0.4}, 0),
}
every_case = pytest.mark.parametrize("key", list(CASES))


def recipe(key, disorder=()):
    system, lattice, shape, parameters, _ = CASES[key]
    settings = {"system": system, "shape": shape, "parameters": parameters, "disorder": disorder, "lattice": lattice}
    return Recipe.of(name=key.replace(" ", "_"), seed=1, **settings)


def sample(system, shape, disorder=0.0, seed=0, **parameters):
    """Return the Hamiltonian and the sites of an open sample."""
    member = system()
    sites = cut(member.unit_cell, shape.inside, shape.extent)
    H = member.terms(sites, member.connections(sites), **parameters).hamiltonian()
    if disorder:
        H = H + np.diag(disorder * np.random.default_rng(seed).uniform(-0.5, 0.5, len(H)))
    return H, sites


# --- On every system --------------------------------------------------------------------------------------


def test_every_system_and_both_classes_of_invariants_are_among_the_cases():
    assert {case[0] for case in CASES.values()} == set(SYSTEMS)
    assert {resolve(INVARIANTS, name, "invariant").__name__ for name in INVARIANTS} >= {
        f.__name__ for f in (spectral_localizer, real_space_winding, product_rule, real_space_chern, bott_index)
    }


@every_case
def test_all_estimators_give_the_integer_of_the_literature(key):
    made, exact = recipe(key), CASES[key][4]
    found = open_estimates(made, 2 if made.lattice.drawn else 1, 0.1) | crystal_estimates(made, 1)
    expected = {"spectral_localizer"}
    expected |= {"real_space_winding"} if made.system.task == "winding" else {"real_space_chern", "three_sector_chern"}
    expected |= {"product_rule"} if key.startswith("ssh") else set()
    if isinstance(made.system, LatticeSystem):
        expected |= {"winding_number"} if made.system.task == "winding" else {"chern_number", "bott_index"}
        assert bulk(made)[1] == exact
    assert set(found) == expected
    for name, estimate in found.items():
        rough = name in ("real_space_chern", "three_sector_chern", "real_space_winding")
        assert estimate.value == pytest.approx(exact, abs=0.12 if rough else 1e-9), name
        assert estimate.integer.tolist() == [exact] * len(estimate.value), name
        assert estimate.decided.all()


GENTLE = {  # strength that keeps the gap of every case open
    "onsite_box": 0.4,
    "onsite_binary": 0.3,
    "bond_box": 0.2,
    "structural_displacement": 0.1,
}


@every_case
@pytest.mark.parametrize("kind", GENTLE)
def test_open_estimators_agree_on_gently_disordered_samples(key, kind):
    if CASES[key][0] in ("ssh", "extended_ssh", "kitaev_chain") and kind.startswith("onsite"):
        made = recipe(key, [{"name": kind, "strength": GENTLE[kind]}])
        with pytest.raises(NotApplicable, match="winding number: found no chiral chain; allowed: one dimension"):
            open_estimates(made, 1, 0.1)
        return
    found = open_estimates(recipe(key, [{"name": kind, "strength": GENTLE[kind]}]), 1, 0.1)
    assert len(found) >= 2
    for name, estimate in found.items():
        assert estimate.integer.tolist() == [CASES[key][4]], name


# --- What a user has --------------------------------------------------------------------------------------


def test_a_user_with_a_matrix_and_positions_alone_gets_the_invariant():
    H, sites = sample(QWZ, rectangle((10.0, 10.0)), mass=-1.0)
    bare = Samples.of(H, sites.positions)
    known = Samples.of(H, sites.positions, area_per_site=1.0, shape=rectangle((10.0, 10.0)))
    for estimator in (real_space_chern, three_sector_chern):
        assert agree(estimator(bare).value, estimator(known).value), "Voronoi cells of the square lattice are squares"
        assert estimator(bare).integer.tolist() == [1]
    listed = Samples.of(H.tolist(), sites.positions.tolist())
    assert spectral_localizer(listed, 0.2).integer.tolist() == [1]


def test_voronoi_cells_have_the_area_that_a_lattice_states():
    for cell in (SQUARE, HONEYCOMB):
        where = cut(cell, disk(6.0).inside, 6.0).positions
        inner = np.linalg.norm(where, axis=1) < 3.5
        assert agree(voronoi_areas(where)[inner], np.full(inner.sum(), cell.area_per_site))
        assert np.isinf(voronoi_areas(where)).any(), "at the rim cells have no end"


def test_a_batch_is_its_samples_with_positions_fermi_levels_and_fillings_of_their_own():
    rng = np.random.default_rng(2)
    H, sites = sample(QWZ, rectangle((7.0, 6.0)), mass=-0.9)
    Hs = np.stack([H + np.diag(rng.uniform(-0.4, 0.4, len(H))) for _ in range(3)])
    where = sites.positions + 0.05 * rng.normal(size=(3, *sites.positions.shape))
    about = [
        {},
        {"fermi_level": np.array([-0.1, 0.0, 0.2])},
        {"filled": np.array([40, 42, 44])},
    ]
    for settings in about:
        together = Samples.of(Hs, where, **settings)
        for estimator in (lambda s: spectral_localizer(s, 0.3), real_space_chern, three_sector_chern):
            found = estimator(together)
            for b in range(3):
                one = estimator(Samples.of(Hs[b], where[b], **{key: value[b] for key, value in settings.items()}))
                assert agree(found.value[b], one.value[0])
                assert agree(found.margin[b], one.margin[0])
                assert found.decided[b] == one.decided[0]


def test_a_common_shift_of_energies_and_fermi_level_changes_nothing():
    H, sites = sample(Haldane, disk(5.2), disorder=0.5, sublattice_mass=0.2, t2=0.2, phase=1.4)
    shifted = H + 3.7 * np.eye(len(H))
    for estimator in (lambda s: spectral_localizer(s, 0.2), real_space_chern, three_sector_chern):
        here = estimator(Samples.of(H, sites.positions, fermi_level=0.1))
        there = estimator(Samples.of(shifted, sites.positions, fermi_level=3.8))
        assert agree(here.value, there.value)
        assert agree(here.margin, there.margin)


def test_of_a_shape_with_its_bulk_off_the_middle_the_shape_says_where_to_look():
    H, sites = sample(QWZ, l_shape(16.0), mass=-1.0)
    with_shape = Samples.of(H, sites.positions, area_per_site=1.0, shape=l_shape(16.0))
    for estimator in (real_space_chern, three_sector_chern, lambda s: spectral_localizer(s, 0.2)):
        assert estimator(with_shape).integer.tolist() == [1]
    assert real_space_chern(with_shape).value == pytest.approx(1, abs=0.03)
    without = Samples.of(H, sites.positions, area_per_site=1.0)
    assert abs(real_space_chern(without).value[0] - 1) > 0.05, "control: the middle of the box lies at the inner corner"


def test_end_states_below_rounding_do_not_spoil_the_winding_of_a_long_chain():
    for system, parameters, nu in (
        (SSH, {"intracell": 1e-3, "intercell": 1.0}, 1),
        (ExtendedSSH, {"t_minus_1": 0.0, "t_0": 0.0, "t_1": 0.01, "t_2": 1.0}, 2),
        (KitaevChain, {"chemical_potential": 0.0, "hopping": 1.0, "pairing": -1.0}, -1),
    ):
        H, sites = sample(system, segment((60,)), **parameters)
        for level in (None, 0.0):
            one = Samples.of(H, sites.positions, sublattice=sites.sublattice, fermi_level=level)
            assert real_space_winding(one).value == pytest.approx(nu, abs=1e-2)
            q = one.polar_factor[0]
            assert agree(q @ q.conj().T, np.eye(60) * (1 + 0 * q[0, 0]))


def test_the_bott_index_of_a_disordered_torus_is_the_localizer_s_index_of_the_open_sample():
    for mass, C in ((-1.2, 1), (0.9, -1), (2.9, 0)):
        sites = torus(SQUARE, (9, 9))
        system = QWZ()
        H = system.terms(sites, system.connections(sites), mass=mass).hamiltonian()
        noise = np.diag(np.random.default_rng(1).uniform(-0.5, 0.5, len(H)))
        on_torus = Samples.of(H + noise, sites.positions, periods=sites.periods)
        open_H, open_sites = sample(QWZ, rectangle((9.0, 9.0)), mass=mass)
        assert bott_index(on_torus).integer.tolist() == [C]
        assert spectral_localizer(Samples.of(open_H + noise, open_sites.positions), 0.2).integer.tolist() == [C]


# --- Undecided --------------------------------------------------------------------------------------------


def test_the_integer_is_masked_exactly_where_it_is_undecided():
    estimate = Estimate(np.array([0.9, 1.6, np.nan]), np.array([0.4, 0.1, 0.0]), np.array([True, False, False]))
    assert estimate.integer.tolist() == [1, None, None]
    assert estimate.integer.mask.tolist() == [False, True, True]
    assert estimate.integer.dtype == np.int64


def test_where_the_gap_at_the_fermi_level_is_closed_the_projector_s_estimators_are_undecided():
    sites = torus(SQUARE, (8, 8))
    system = QWZ()
    for mass, closed in ((-2.0, True), (0.0, True), (2.0, True), (1.0, False)):
        H = system.terms(sites, system.connections(sites), mass=mass).hamiltonian()
        samples = Samples.of(H, sites.positions, periods=sites.periods)
        assert (samples.gap[0] < 1e-9) == closed
        assert bott_index(samples).decided.tolist() == [not closed]
        assert bott_index(samples).integer.tolist() == [None if closed else -1]
    flat = Samples.of(np.zeros((50, 50)), cut(SQUARE, rectangle((5.0, 5.0)).inside, 4.0).positions)
    for estimator in (real_space_chern, three_sector_chern):
        assert estimator(flat).integer.tolist() == [None]


def test_a_value_near_the_middle_between_integers_is_undecided():
    values = []
    for v in np.linspace(0.7, 1.3, 25):
        H, sites = sample(SSH, segment((12,)), intracell=float(v), intercell=1.0)
        found = real_space_winding(Samples.of(H, sites.positions, sublattice=sites.sublattice))
        distance = abs(found.value[0] - np.rint(found.value[0]))
        assert found.margin[0] == pytest.approx(0.5 - distance)
        assert found.decided[0] == (0.5 - distance >= CLEAR)
        values.append(found.integer[0])
    assert values[0] == 1
    assert values[-1] == 0
    assert any(value is np.ma.masked for value in values)


@pytest.mark.parametrize("minimum_margin", [0.05, 0.1, 0.3])
def test_a_localizer_whose_gap_is_smaller_than_the_margin_is_undecided(minimum_margin):
    decided = []
    for mass in np.linspace(1.4, 2.6, 13):
        H, sites = sample(QWZ, rectangle((7.0, 7.0)), mass=float(mass))
        found = spectral_localizer(Samples.of(H, sites.positions), 0.2, minimum_margin)
        assert found.decided[0] == (found.margin[0] >= minimum_margin)
        if found.decided[0] and minimum_margin >= 0.1:
            assert found.integer[0] == (-1 if mass < 2 else 0)
        decided.append(bool(found.decided[0]))
    assert decided[0]
    assert decided[-1]
    assert not all(decided)


def test_the_product_rule_knows_how_clear_its_answer_is():
    for v, decided in ((0.5, True), (0.99, False), (2.0, True)):
        H, sites = sample(SSH, segment((20,)), intracell=v, intercell=1.0)
        found = product_rule(Samples.of(H, sites.positions, sublattice=sites.sublattice))
        assert found.margin[0] == pytest.approx(20 * abs(np.log(v)), rel=1e-9)
        assert found.decided[0] == decided
        assert found.value[0] == (v < 1)
    H, sites = sample(SSH, segment((6,)), intracell=0.0, intercell=1.0)
    cut_off = product_rule(Samples.of(H, sites.positions, sublattice=sites.sublattice))
    assert cut_off.integer.tolist() == [1], "no hopping within cells: fully dimerized"
    nothing = product_rule(Samples.of(0 * H, sites.positions, sublattice=sites.sublattice))
    assert nothing.integer.tolist() == [None]


# --- Refused in one sentence ------------------------------------------------------------------------------


def hermitian_matrix(n):
    rng = np.random.default_rng(3)
    H = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    return H + H.conj().T


GRID = cut(SQUARE, rectangle((4.0, 4.0)).inside, 3.0).positions
LINE = np.repeat(np.arange(4.0), 2)[:, None]
AB = np.tile([0, 1], 4)


def test_estimators_say_which_samples_they_are_for():
    plane = Samples.of(hermitian_matrix(16), GRID)
    wrapped = Samples.of(hermitian_matrix(16), GRID, periods=4 * np.eye(2))
    H, sites = sample(SSH, segment((4,)), intracell=0.5, intercell=1.0)
    chain = Samples.of(H, sites.positions, sublattice=sites.sublattice)
    farther, _ = sample(ExtendedSSH, segment((4,)), t_minus_1=0.1, t_0=0.2, t_1=0.3, t_2=1.0)
    refusals = [
        (lambda: spectral_localizer(wrapped, 0.2), "spectral localizer: found a torus; allowed: open samples"),
        (lambda: real_space_chern(wrapped), "local Chern marker: found a chain or a torus; allowed: planes with open"),
        (lambda: three_sector_chern(wrapped), "three sectors: found a chain or a torus; allowed: planes with open"),
        (lambda: real_space_chern(chain), "local Chern marker: found a chain or a torus"),
        (lambda: bott_index(plane), "Bott index: found open ends; allowed: planes on a torus"),
        (lambda: bott_index(chain), "Bott index: found open ends; allowed: planes on a torus"),
        (lambda: real_space_winding(plane), "winding number: found no chiral chain; allowed: one dimension"),
        (
            lambda: product_rule(Samples.of(farther, sites.positions, sublattice=sites.sublattice)),
            "product rule: found other hoppings; allowed: open chains in which each A is coupled to the B beside it",
        ),
    ]
    for apply, sentence in refusals:
        with pytest.raises(NotApplicable, match=sentence):
            apply()


@pytest.mark.parametrize(
    "settings",
    [{"sublattice": None}, {"sublattice": np.tile([0, 2], 4)}, {"sublattice": np.repeat([0, 1], 4)},
     {"sublattice": AB, "fermi_level": 0.3}, {"sublattice": AB, "filled": 3}],
    ids=["without sublattices", "of other names", "that couple within", "off zero energy", "not half filled"],
)  # fmt: skip
@pytest.mark.parametrize(
    "estimator",
    [real_space_winding, product_rule, lambda s: spectral_localizer(s, 0.1)],
    ids=["q", "rule", "localizer"],
)
def test_a_chain_that_is_not_chiral_and_half_filled_has_no_winding_number(settings, estimator):
    H, sites = sample(SSH, segment((4,)), intracell=0.5, intercell=1.0)
    with pytest.raises(
        NotApplicable, match="winding number: found no chiral chain; allowed: .* the Fermi level at zero"
    ):
        estimator(Samples.of(H, sites.positions, **settings))


def test_a_term_within_a_sublattice_however_small_leaves_no_winding_number():
    H, sites = sample(SSH, segment((4,)), intracell=0.5, intercell=1.0)
    H[2, 4] = H[4, 2] = 1e-3
    with pytest.raises(NotApplicable, match="no term within a sublattice, and the Fermi level at zero"):
        real_space_winding(Samples.of(H, sites.positions, sublattice=sites.sublattice))


@pytest.mark.parametrize("kappa", [0.0, -0.2, np.nan, np.inf])
def test_a_localizer_without_positive_kappa_is_refused(kappa):
    with pytest.raises(ConfigError, match=f"kappa: found {kappa}; allowed: positive numbers"):
        spectral_localizer(Samples.of(hermitian_matrix(16), GRID), kappa)


def test_samples_without_a_bulk_are_refused():
    with pytest.raises(DataError, match="positions: found 3 sites without cells; allowed: four, not on a line"):
        real_space_chern(Samples.of(hermitian_matrix(3), GRID[:3]))
    for fraction in (0.1, 1.0):  # no site in the window; cells that reach the rim
        estimate = real_space_chern(Samples.of(hermitian_matrix(16), GRID), fraction=fraction)
        assert np.isnan(estimate.value).all()
        assert estimate.integer.mask.all()


@pytest.mark.parametrize("unit", [1.0, 100.0, 0.01])
@pytest.mark.parametrize("length", [1.0, 2.46])
def test_by_default_the_localizer_depends_on_no_unit_of_energy_or_length(unit, length):
    for mass, C in ((-1.0, 1), (1.0, -1), (3.0, 0)):
        H, sites = sample(QWZ, rectangle((8.0, 8.0)), disorder=0.5, mass=mass)
        estimate = spectral_localizer(Samples.of(unit * H, length * sites.positions))
        assert estimate.integer.tolist() == [C]
    H, sites = sample(QWZ, rectangle((8.0, 8.0)), disorder=0.5, mass=-1.0)
    weak = Samples.of(100 * H, sites.positions)
    assert spectral_localizer(weak, kappa=0.2).integer.tolist() == [None]
    forced = spectral_localizer(weak, kappa=0.2, minimum_margin=0.1)
    assert forced.integer.tolist() == [0], "control: positions that are far too weak make every sample trivial"
    for v, nu in ((0.4, 1), (1.8, 0)):
        H, sites = sample(SSH, segment((24,)), intracell=v, intercell=1.0)
        chain = Samples.of(unit * H, length * sites.positions, sublattice=sites.sublattice)
        assert spectral_localizer(chain).integer.tolist() == real_space_winding(chain).integer.tolist() == [nu]


def test_a_sample_has_the_same_default_alone_and_in_a_batch():
    parts = [sample(QWZ, rectangle((7.0, 7.0)), disorder=0.5, mass=mass) for mass in (-1.0, 3.0, 1.2)]
    where = parts[0][1].positions
    batch = spectral_localizer(Samples.of(np.stack([H for H, _ in parts]), where))
    alone = [spectral_localizer(Samples.of(H, where)) for H, _ in parts]
    assert batch.value.tolist() == [one.value[0] for one in alone]
    assert np.allclose(batch.margin, [one.margin[0] for one in alone], rtol=1e-7, atol=0)


def test_integer_and_reversed_arrays_are_samples_too():
    H, sites = sample(QWZ, rectangle((5.0, 5.0)), mass=-1.0)
    expected = three_sector_chern(Samples.of(H, sites.positions)).value
    backwards = np.ascontiguousarray(H[::-1, ::-1])[::-1, ::-1]
    assert agree(three_sector_chern(Samples.of(backwards, sites.positions)).value, expected)
    whole = np.diag(np.r_[np.full(8, -1), np.full(8, 1)])
    assert three_sector_chern(Samples.of(whole, GRID)).value == 0


def test_states_of_a_chain_are_the_same_with_its_fermi_level_at_zero():
    H, sites = sample(SSH, segment((24,)), intracell=0.1, intercell=1.0)
    for level in (None, 0.0):
        states = Samples.of(H, sites.positions, sites.sublattice, fermi_level=level)
        q = polar_factor(states.occupied, sites.sublattice)[0]
        assert agree(q @ q.conj().T, np.eye(24))


def test_rounding_does_not_decide_which_sector_a_site_at_the_centre_or_on_the_cutoff_belongs_to():
    H, sites = sample(QWZ, rectangle((11.0, 11.0)), disorder=0.5, mass=-0.9)  # u = 0 and ±0.8 are sites
    expected = three_sector_chern(Samples.of(H, sites.positions)).value
    for shift in ([0.1, -0.3], [1e-3, 7.7], [-13.1, 0.7]):
        assert agree(three_sector_chern(Samples.of(H, sites.positions + shift)).value, expected)


def test_chains_with_positions_of_their_own_are_each_the_chain_alone():
    rng = np.random.default_rng(4)
    H, sites = sample(SSH, segment((16,)), intracell=0.4, intercell=1.0)
    where = sites.positions + 0.1 * rng.normal(size=(3, *sites.positions.shape))
    for estimator in (real_space_winding, lambda s: spectral_localizer(s, 0.1)):
        found = estimator(Samples.of(np.stack([H] * 3), where, sublattice=sites.sublattice))
        alone = [estimator(Samples.of(H, one, sublattice=sites.sublattice)).value[0] for one in where]
        assert agree(found.value, np.array(alone))
        assert found.integer.tolist() == [1] * 3


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_the_localizer_of_large_planes_is_factorised_as_that_of_small_ones_is_diagonalised(noise, monkeypatch):
    cases_ = [(QWZ, rectangle((8.0, 7.0)), {"mass": m}) for m in (-1.2, 0.9, 3.0)]
    cases_ += [(Haldane, disk(5.2), {"sublattice_mass": 0.1, "t2": 0.2, "phase": -1.4})]
    for system, shape, parameters in cases_:
        H, sites = sample(system, shape, disorder=noise, **parameters)
        samples = Samples.of(np.stack([H, H + 0.1 * np.eye(len(H))]), sites.positions, fermi_level=np.array([0.0, 0.2]))
        found = {}
        for size in (1, 10**9):
            monkeypatch.setattr("toponn.invariants.estimates.SPARSE_FROM", size)
            found[size] = spectral_localizer(samples, 0.25)
        assert np.array_equal(found[1].value, found[10**9].value)
        assert found[1].margin == pytest.approx(found[10**9].margin, rel=1e-6)
