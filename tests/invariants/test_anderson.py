"""Disorder that makes a trivial insulator topological: chains against the closed form, tori against a third party."""

import numpy as np
import pytest

from toponn.invariants.estimates import (
    bott_index,
    product_rule,
    real_space_chern,
    real_space_winding,
    spectral_localizer,
)
from toponn.matter.disorder import bond_box, onsite_box
from toponn.matter.lattices import CHAIN, SQUARE, cut, torus
from toponn.matter.samples import Samples
from toponn.matter.shapes import rectangle, segment
from toponn.matter.systems.haldane import Haldane
from toponn.matter.systems.qwz import QWZ, born_boundary
from toponn.matter.systems.ssh import SSH, mean_log_box

CELLS = 300


def chains(intracell: float, width: float, count: int, seed: int) -> Samples:
    """Return disordered SSH chains; W = `width` within cells and W/2 between, as in Mondragon-Shem et al."""
    shape = segment((CELLS,))
    sites, system = cut(CHAIN, shape.inside, shape.extent), SSH()
    connections, rng, H = system.connections(sites), np.random.default_rng(seed), []
    for _ in range(count):
        terms = system.terms(sites, connections, intracell=intracell, intercell=1.0)
        H.append(bond_box(terms, width, rng=rng).hamiltonian())
    return Samples.of(np.stack(H), sites.positions, sublattice=sites.sublattice)


def growth(intracell: float, width: float) -> float:
    """Return by how much ln|w| exceeds ln|v| on average: the inverse localization length of the zero mode."""
    return float(mean_log_box(1.0, width / 2) - mean_log_box(intracell, width))


def hopping_at(rate: float, width: float) -> float:
    """Return the intracell hopping at which ln|w| exceeds ln|v| by this on average, by bisection of the closed form."""
    low, high = 0.0, 4.0
    assert growth(low, width) > rate > growth(high, width)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if growth(middle, width) > rate else (low, middle)
    return low


# --- Chains -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [0.5, 1.5, 2.5, 3.5])
def test_the_majority_of_long_chains_flips_across_the_closed_form_boundary(width):
    # PRL 113, 046802 (2014). Two points at which the zero mode falls or grows by e in 5 cells, half a chain holds 30.
    shares = []
    for rate in (0.2, -0.2):
        samples = chains(hopping_at(rate, width), width, 10, seed=3)
        nu, rule = real_space_winding(samples).value, product_rule(samples).value
        topological = rate > 0
        assert (rule == topological).mean() >= 0.9
        assert (np.rint(nu) == topological).mean() >= 0.7
        shares.append((rule.mean(), np.rint(nu).mean()))
    assert min(shares[0]) > 0.5 > max(shares[1])


def test_strong_disorder_makes_a_clean_trivial_chain_topological_and_stronger_disorder_trivial_again():
    # SCIENCE §8: m = 1.1, t = 1. The clean parameters say 0 throughout.
    found = []
    for width in (0.0, 0.5, 2.5, 2.75, 8.0):
        samples = chains(1.1, width, 16, seed=5)
        expected = growth(1.1, width) > 0
        assert (product_rule(samples).value == expected).mean() >= 0.8
        assert (np.rint(real_space_winding(samples).value) == expected).mean() >= 0.7
        found.append(expected)
    assert found == [False, False, True, True, False]
    clean = chains(1.1, 0.0, 1, seed=5)
    assert product_rule(clean).value == 0
    assert real_space_winding(clean).value == pytest.approx(0, abs=1e-6)


def test_the_drawn_boundary_of_ssh_is_the_one_that_long_chains_flip_at():
    (line,) = SSH().phase_planes()["disorder"].boundary
    for width in (0.5, 1.5, 2.5, 3.5):
        assert np.interp(width, line[:, 1], line[:, 0]) == pytest.approx(hopping_at(0.0, width), abs=1e-3)


def test_the_localizer_agrees_with_the_product_rule_on_the_anderson_insulator_wherever_both_are_decided():
    samples = chains(1.1, 2.75, 12, seed=6)
    rule = product_rule(samples)
    for kappa in (0.003, 0.01):
        index = spectral_localizer(samples, kappa, minimum_margin=0.005)
        both = rule.decided & index.decided
        assert both.sum() >= 5
        assert (index.value[both] == rule.value[both]).mean() >= 0.8


# --- Planes -----------------------------------------------------------------------------------------------

THIRD_PARTY = {  # averages of 20 samples of 10 × 10 cells on a torus; SCIENCE §8
    "qwz": (QWZ, {"mass": 2.1}, {1: 0.0, 2: -0.75, 3: -1.0, 4: -1.0, 5: -0.95, 6: -0.5, 7: 0.0}),
    "haldane": (
        Haldane,
        {"sublattice_mass": 1.15, "t2": 0.2, "phase": np.pi / 2},
        {2: -0.15, 3: -0.65, 4: -0.90, 5: -0.90, 6: -0.5},
    ),
}
POINTS = [(name, width) for name, (_, _, means) in THIRD_PARTY.items() for width in means]


def tori(system, width: float, count: int, seed: int, **parameters) -> Samples:
    """Return half filled samples of 10 × 10 cells on a torus with on-site disorder independent for each orbital."""
    member = system()
    sites = torus(member.unit_cell, (10, 10))
    connections, rng, H = member.connections(sites), np.random.default_rng(seed), []
    for _ in range(count):
        H.append(onsite_box(member.terms(sites, connections, **parameters), width, rng=rng).hamiltonian())
    return Samples.of(np.stack(H), sites.positions, periods=sites.periods, filled=len(H[0]) // 2)


@pytest.mark.parametrize(("name", "width"), POINTS)
def test_the_average_bott_index_of_disordered_tori_is_that_of_a_third_party(name, width):
    system, parameters, means = THIRD_PARTY[name]
    count = 20
    index = np.rint(bott_index(tori(system, float(width), count, seed=width, **parameters)).value)
    assert set(index) <= {-1.0, 0.0, 1.0}
    # Both are means of 20 draws of 0 or −1: three standard deviations of their difference, never below two draws.
    p = np.clip(abs(means[width]), 0.05, 0.95)
    assert index.mean() == pytest.approx(means[width], abs=3 * np.sqrt(p * (1 - p) * 2 / count))


@pytest.mark.parametrize("name", THIRD_PARTY)
def test_the_clean_torus_is_trivial_where_disorder_makes_it_topological(name):
    system, parameters, means = THIRD_PARTY[name]
    assert bott_index(tori(system, 0.0, 1, seed=0, **parameters)).integer.tolist() == [0]
    assert min(means.values()) <= -0.9, "control: not so with disorder"


def test_the_anderson_insulator_of_qwz_begins_near_the_first_born_boundary():
    masses, widths = born_boundary(np.linspace(0.0, 3.0, 31)).T
    onset = np.interp(2.1, masses, widths)
    assert onset == pytest.approx(1.71, abs=0.01)
    before, after = (bott_index(tori(QWZ, onset + step, 20, seed=8, mass=2.1)).value.mean() for step in (-1.0, 1.0))
    assert before > -0.25
    assert after < -0.75


def test_open_samples_of_the_anderson_insulator_of_qwz_show_it_too():
    shape = rectangle((14.0, 14.0))
    sites, system = cut(SQUARE, shape.inside, shape.extent), QWZ()
    connections, rng = system.connections(sites), np.random.default_rng(9)
    means = {}
    for width in (0.0, 4.0):
        H = [
            onsite_box(system.terms(sites, connections, mass=2.1), width, rng=rng).hamiltonian()
            for _ in range(1 if width == 0 else 8)
        ]
        samples = Samples.of(np.stack(H), sites.positions, filled=len(sites), area_per_site=1.0)
        means[width] = real_space_chern(samples).value.mean(), spectral_localizer(samples, 0.2).value.mean()
    assert means[0.0][0] == pytest.approx(0, abs=0.2)
    assert means[0.0][1] == 0
    assert means[4.0][0] < -0.6
    assert means[4.0][1] <= -0.5
