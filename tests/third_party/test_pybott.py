from dataclasses import replace

import numpy as np
import pytest
from libraries import PYBOTT_CHERN
from samples import SHAPES, on_torus, open_sample

from toponn.invariants.bott import bott_index
from toponn.invariants.localizer import even_localizer

HALDANE = ("sublattice_mass", "t2", "phase")
TORI = {
    f"{name} {size[0]}x{size[1]} {values} W={W:g} seed={seed}": (
        name,
        size,
        dict(zip({"qwz": ("mass",), "haldane": HALDANE}[name], values, strict=True)),
        W,
        seed,
    )
    for name, size, values, W, seed in (
        ("qwz", (6, 6), (-1.0,), 0, 1),
        ("qwz", (8, 8), (1.4,), 2, 2),
        ("qwz", (8, 7), (-0.6,), 4, 3),
        ("qwz", (8, 8), (2.05,), 1, 4),
        ("qwz", (8, 8), (2.1,), 3, 5),
        ("qwz", (8, 8), (2.1,), 5, 6),
        ("qwz", (8, 8), (-3.0,), 2, 7),
        ("qwz", (8, 8), (0.04,), 2, 8),
        ("haldane", (6, 6), (0.0, 0.2, 1.57), 0, 1),
        ("haldane", (8, 6), (0.3, 0.2, -1.3), 2, 2),
        ("haldane", (7, 7), (1.02, 0.2, 1.57), 0.5, 3),
        ("haldane", (6, 6), (1.15, 0.2, 1.57), 3, 4),
        ("haldane", (6, 6), (1.15, 0.2, 1.57), 4, 5),
        ("haldane", (6, 6), (2.0, 0.2, 1.57), 2, 6),
    )
}
tori = pytest.mark.parametrize(("name", "size", "parameters", "W", "seed"), TORI.values(), ids=TORI)


def our_bott(sample, states=None):
    """Return the value and the margin for some states, by default the lower half."""
    states = sample.occupied if states is None else states
    value, margin = bott_index(states[None], sample.positions, sample.sites.periods, sample.site_of_orbital)
    return value[0], margin[0]


def reduced(sample):
    """Return the positions of the sites in units of the periods: the torus has sides of 1 along both axes."""
    return sample.positions @ np.linalg.inv(sample.sites.periods)


def with_corners(sample):
    """Return positions and Hamiltonian with two empty orbitals more, far above the rest and tied to nothing.

    PyBott takes the period of the torus as max(x) − min(x): the extra sites sit a whole period apart.
    """
    where = reduced(sample)[sample.site_of_orbital]
    low, n = where.min(axis=0), len(sample.H)
    H = np.zeros((n + 2, n + 2), dtype=complex)
    H[:n, :n] = sample.H
    H[n:, n:] = 1e3 * np.eye(2)
    return np.concatenate([where, [low, low + 1]]), H


@tori
@pytest.mark.parametrize("dagger", [True, False], ids=["dagger", "inverse"])
def test_the_bott_index_of_a_torus_is_the_same(pybott, name, size, parameters, W, seed, dagger):
    from pybott.bott import bott_matrix

    sample = on_torus(name, size, parameters, W, seed)
    energies, states = np.linalg.eigh(sample.H)
    filled = int((energies < 0).sum())
    assert filled == len(sample.occupied)
    U, V = pybott.compute_uv(reduced(sample), states, filled, sample.system.n_orbitals, lx=1.0, ly=1.0)
    theirs = bott_matrix(U, V, dagger=dagger)
    ours, _ = our_bott(sample)
    assert round(ours) == PYBOTT_CHERN * round(theirs)
    assert ours == pytest.approx(PYBOTT_CHERN * theirs, abs=1e-8)


def test_the_bott_indices_of_the_tori_are_not_all_alike():
    assert {round(our_bott(on_torus(*case))[0]) for case in TORI.values()} == {-1, 0, 1}


RECOMMENDED = ["qwz 8x8 (1.4,) W=2 seed=2", "qwz 8x7 (-0.6,) W=4 seed=3", "haldane 8x6 (0.3, 0.2, -1.3) W=2 seed=2"]


@pytest.mark.parametrize("case", RECOMMENDED)
def test_pybott_s_one_call_agrees_once_it_is_told_the_period(pybott, case):
    sample = on_torus(*TORI[case])
    theirs = pybott.bott(*with_corners(sample), fermi_energy=0.0)
    assert round(our_bott(sample)[0]) == PYBOTT_CHERN * round(theirs) != 0


def test_the_loop_of_pybott_s_one_call_is_another_where_it_guesses_the_period(pybott):
    sample = on_torus(*TORI["qwz 8x8 (1.4,) W=2 seed=2"])
    states = np.linalg.eigh(sample.H)[1]
    guessed, told = (
        pybott.compute_uv(reduced(sample), states, 64, 2, **periods)[0] for periods in ({}, {"lx": 1.0, "ly": 1.0})
    )
    assert np.abs(guessed - told).max() > 0.1


def test_the_comparison_of_bott_indices_would_see_a_turned_sign_and_another_filling(pybott):
    sample = on_torus(*TORI["haldane 8x6 (0.3, 0.2, -1.3) W=2 seed=2"])
    where, H = with_corners(sample)
    ours = round(our_bott(sample)[0])
    assert ours == -PYBOTT_CHERN * round(pybott.bott(where, H.conj(), fermi_energy=0.0)) != 0
    assert round(pybott.bott(where, H, fermi_energy=50.0)) == 0, "with all states filled nothing is topological"


@pytest.mark.parametrize("dagger", [True, False], ids=["dagger", "inverse"])
def test_the_bott_index_is_the_same_at_every_filling_at_which_it_is_decided(pybott, capfd, dagger):
    sample = on_torus("haldane", (8, 8), {"sublattice_mass": 0.3, "t2": 0.2, "phase": 1.3}, 2.0, 2)
    theirs = list(pybott.all_bott(*with_corners(sample), dagger=dagger).values())  # by number of states below
    capfd.readouterr()  # its progress bar
    states, compared = np.linalg.eigh(sample.H)[1], []
    for filled in range(1, len(sample.H)):
        ours, margin = our_bott(sample, states[:, :filled].T)
        if margin > 0.1:
            compared.append(round(ours))
            assert compared[-1] == PYBOTT_CHERN * round(theirs[filled]), filled
    assert len(compared) > len(sample.H) / 2
    assert set(compared) == {-1, 0}


GAPPED = {
    "qwz square": ("qwz", "square", (10, 10), {"mass": -1.0}, 1.0),
    "qwz square -": ("qwz", "square", (10, 10), {"mass": 1.2}, 1.5),
    "qwz disk": ("qwz", "disk", (9, 9), {"mass": -0.7}, 1.0),
    "qwz square trivial": ("qwz", "square", (8, 8), {"mass": 3.0}, 2.0),
    "haldane rectangle": ("haldane", "rectangle", (7, 7), {"sublattice_mass": 0.0, "t2": 0.2, "phase": 1.5}, 1.0),
    "haldane disk": ("haldane", "disk", (7, 7), {"sublattice_mass": 0.2, "t2": 0.2, "phase": -1.5}, 0.8),
    "haldane disk trivial": ("haldane", "disk", (6, 6), {"sublattice_mass": 2.2, "t2": 0.2, "phase": 1.5}, 1.0),
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("name", "shape", "size", "parameters", "W"), GAPPED.values(), ids=GAPPED)
def test_the_localizer_of_a_gapped_flake_is_pybott_s_index_of_a_torus_of_the_same_disorder(
    pybott, name, shape, size, parameters, W, seed
):
    flake = open_sample(name, SHAPES[name][shape], parameters, W, seed)
    index, margin = even_localizer(flake.H[None], flake.of_orbitals, flake.system.localizer_kappa)
    torus = on_torus(name, size, parameters, W, seed)
    assert min(margin[0], torus.gap) > 0.15, "both are decided"
    assert index[0] == PYBOTT_CHERN * round(pybott.bott(*with_corners(torus), fermi_energy=0.0))


@pytest.mark.parametrize("case", ["qwz 6x6 (-1.0,) W=0 seed=1", "haldane 6x6 (1.15, 0.2, 1.57) W=3 seed=4"])
def test_the_spin_bott_index_of_two_copies_that_are_conjugates_is_half_their_difference(pybott, case):
    up = on_torus(*TORI[case])
    down = replace(up, terms=replace(up.terms))
    down.__dict__["H"] = up.H.conj()
    (where, H), (_, conjugate) = with_corners(up), with_corners(down)
    n = len(H)
    both = np.zeros((2 * n, 2 * n), dtype=complex)
    both[:n, :n], both[n:, n:] = H, conjugate
    energies, states = np.linalg.eigh(both)
    spin = np.diag(np.repeat([1.0, -1.0], n))
    theirs = pybott.spin_bott(np.tile(where, (2, 1)), energies, states.T, spin, fermi_energy=0.0)
    assert round(theirs) == PYBOTT_CHERN * round((our_bott(up)[0] - our_bott(down)[0]) / 2)
