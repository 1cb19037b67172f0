from dataclasses import replace

import numpy as np
import pytest
from libraries import TBKIT_CHERN, TBKIT_WINDING
from samples import SHAPES, SYSTEMS, mesh, on_torus, open_sample
from scipy.sparse import csr_matrix

from toponn.invariants.bloch import chern_number, winding_number
from toponn.invariants.bott import bott_index
from toponn.invariants.chern import local_chern_marker
from toponn.invariants.winding import product_rule

HALDANE = ("sublattice_mass", "t2", "phase")


def parameters_of(name, values):
    keys = {"qwz": ("mass",), "haldane": HALDANE}[name]
    return dict(zip(keys, values, strict=True))


# --- Local Chern marker: the same Hamiltonian and positions, every site -----------------------------------

FLAKES = {
    f"{name} {shape} {values} W={W:g}": (name, shape, parameters_of(name, values), W, seed)
    for seed, (name, shape, values, W) in enumerate(
        (
            ("qwz", "square", (-1.0,), 0),
            ("qwz", "square", (1.2,), 2),
            ("qwz", "square", (-1.97,), 1),
            ("qwz", "square", (2.1,), 4),
            ("qwz", "square", (3.0,), 8),
            ("qwz", "disk", (-0.5,), 3),
            ("qwz", "disk", (0.02,), 0.5),
            ("haldane", "rectangle", (0.0, 0.2, 1.57), 0),
            ("haldane", "rectangle", (0.5, 0.2, -1.2), 2),
            ("haldane", "disk", (1.03, 0.2, 1.57), 0.5),
            ("haldane", "disk", (-0.3, 0.15, 0.8), 1),
            ("haldane", "disk", (1.15, 0.2, 1.57), 4),
        )
    )
}
flakes = pytest.mark.parametrize(("name", "shape", "parameters", "W", "seed"), FLAKES.values(), ids=FLAKES)


def tbkit_markers(tbkit, sample):
    """Return tbkit's marker of every orbital, summed over those of a site; each orbital is a site to tbkit."""
    vectors = [tuple(map(float, v)) for v in sample.system.unit_cell.vectors]
    lattice = tbkit.Lattice([{"tag": "a", "r0": (0.0, 0.0)}], vectors)
    x, y = sample.of_orbitals.T
    lattice.coor = np.array([(a, b, "a") for a, b in zip(x, y, strict=True)], dtype=lattice.dtype)
    lattice.sites = len(lattice.coor)
    system = tbkit.System(lattice)
    system.ham = csr_matrix(sample.H)
    markers = system.get_local_chern_marker(e_fermi=0.0, area=sample.system.unit_cell.area_per_site)
    return np.bincount(sample.site_of_orbital, markers)


def our_markers(sample):
    area = sample.system.unit_cell.area_per_site
    return local_chern_marker(sample.P, sample.positions, sample.site_of_orbital, area)


@flakes
def test_the_local_chern_marker_is_the_same_at_every_site(tbkit, name, shape, parameters, W, seed):
    sample = open_sample(name, SHAPES[name][shape], parameters, W, seed)
    assert np.abs(our_markers(sample) - TBKIT_CHERN * tbkit_markers(tbkit, sample)).max() < 1e-8


def test_the_comparison_of_markers_would_see_a_turned_sign_other_disorder_and_moved_sites(tbkit):
    name, shape, parameters, W, seed = FLAKES["qwz disk (-0.5,) W=3"]
    sample = open_sample(name, SHAPES[name][shape], parameters, W, seed)
    theirs = TBKIT_CHERN * tbkit_markers(tbkit, sample)
    assert np.abs(our_markers(sample) + theirs).max() > 0.5
    other = open_sample(name, SHAPES[name][shape], parameters, W, seed + 1)
    assert np.abs(our_markers(other) - theirs).max() > 0.01
    stretched = replace(sample, sites=replace(sample.sites, positions=sample.sites.positions * [1.01, 1.0]))
    assert np.abs(our_markers(stretched) - theirs).max() > 0.005


# --- Bott index of disordered tori ------------------------------------------------------------------------

TORI = {
    f"{name} {size[0]}x{size[1]} {values} W={W:g} seed={seed}": (name, size, parameters_of(name, values), W, seed)
    for name, size, values, W, seed in (
        ("qwz", (8, 8), (-1.0,), 0, 1),
        ("qwz", (8, 8), (0.7,), 2, 2),
        ("qwz", (9, 6), (-1.0,), 4, 3),
        ("qwz", (8, 8), (-1.97,), 1, 4),
        ("qwz", (8, 8), (2.1,), 3, 5),
        ("qwz", (8, 8), (2.1,), 4, 6),
        ("qwz", (8, 8), (2.1,), 6, 7),
        ("qwz", (8, 8), (-0.03,), 1, 8),
        ("haldane", (6, 6), (0.0, 0.2, 1.57), 0, 1),
        ("haldane", (7, 6), (0.4, 0.2, -1.2), 2, 2),
        ("haldane", (6, 6), (1.0, 0.2, 1.57), 1, 3),
        ("haldane", (6, 6), (1.15, 0.2, 1.57), 4, 4),
        ("haldane", (6, 6), (1.15, 0.2, 1.57), 5, 5),
        ("haldane", (6, 6), (1.4, 0.2, 1.57), 2, 6),
    )
}
tori = pytest.mark.parametrize(("name", "size", "parameters", "W", "seed"), TORI.values(), ids=TORI)


def our_bott(sample):
    value, _ = bott_index(sample.occupied[None], sample.positions, sample.sites.periods, sample.site_of_orbital)
    return value[0]


@tori
def test_the_bott_index_of_a_torus_is_the_same(tbkit, name, size, parameters, W, seed):
    sample = on_torus(name, size, parameters, W, seed)
    theirs = tbkit.bott_index(sample.H, sample.of_orbitals, sample.sites.periods, e_fermi=0.0)
    assert round(our_bott(sample)) == TBKIT_CHERN * round(theirs)
    assert our_bott(sample) == pytest.approx(TBKIT_CHERN * theirs, abs=1e-8)


def test_the_bott_indices_of_the_tori_are_not_all_alike():
    assert {round(our_bott(on_torus(*case))) for case in TORI.values()} == {-1, 0, 1}


# --- Bloch: tbkit builds H(k) from the same table of bonds -------------------------------------------------

CRYSTALS = {
    f"{name} {values}": (name, parameters_of(name, values))
    for name, values in (
        ("qwz", (-1.0,)),
        ("qwz", (0.05,)),
        ("qwz", (1.95,)),
        ("qwz", (-2.05,)),
        ("haldane", (0.2, 0.2, 1.2)),
        ("haldane", (0.3, 0.1, -0.9)),
        ("haldane", (1.02, 0.2, 1.57)),
        ("haldane", (1.06, 0.2, 1.57)),
    )
}


def crystal(tbkit, name, parameters):
    """Return tbkit's k space of a table of bonds; two orbitals at one site are the components of a spin."""
    system = SYSTEMS[name]
    cell = [{"tag": "ab"[s], "r0": tuple(map(float, r))} for s, r in enumerate(system.unit_cell.basis)]
    spin = system.n_orbitals == 2
    space = tbkit.KSpace(tbkit.Lattice(cell, [tuple(map(float, v)) for v in system.unit_cell.vectors]), spin=spin)
    onsite = np.asarray(system.onsite(**parameters), complex)
    space.set_onsite({"ab"[s]: block if spin else block.item() for s, block in enumerate(onsite)})
    hoppings = []
    for bond in system.bonds(**parameters):
        t = np.asarray(bond.amplitude, complex)
        R = tuple(-n for n in bond.offset)
        hoppings.append({"i": bond.target, "j": bond.source, "R": R, "t": t if spin else t.item()})
    space.set_hopping(hoppings)
    return space


@pytest.mark.parametrize(("name", "parameters"), CRYSTALS.values(), ids=CRYSTALS)
def test_the_chern_number_of_tbkit_s_own_crystal_of_the_same_bonds_is_the_same(tbkit, name, parameters):
    space, k = crystal(tbkit, name, parameters), mesh(24, 2)
    theirs = space.chern_number(0, nk=24)
    assert int(chern_number(SYSTEMS[name].bloch(k, **parameters))) == TBKIT_CHERN * round(theirs)
    ours = np.linalg.eigvalsh(SYSTEMS[name].bloch(k, **parameters)).reshape(-1, 2)
    assert np.abs(np.sort(ours, axis=0) - np.sort(space.mesh_bands(24).reshape(-1, 2), axis=0)).max() < 1e-10


# --- Winding number: the block of a chiral chain as a one-way chain ----------------------------------------

BLOCKS = {
    str(hoppings): hoppings
    for hoppings in (
        {0: 0.5, 1: 1.0},
        {0: 1.0, 1: 0.98},
        {0: 1.0, 1: 1.02},
        {-1: 1.5, 0: 0.4, 1: 0.2, 2: 0.1},
        {-1: 1.01, 0: 0.5, 2: 1.0},
        {-1: 0.99, 0: 0.5, 2: 1.0},
        {-1: 0.1, 0: 0.2, 1: 0.5, 2: 1.4},
        {-1: -0.3, 0: 0.6, 1: -0.9, 2: 1.1},
    )
}


@pytest.mark.parametrize("hoppings", BLOCKS.values(), ids=BLOCKS)
def test_the_winding_of_the_block_is_the_spectral_winding_of_the_one_way_chain(tbkit, hoppings):
    chain = tbkit.KSpace(tbkit.Lattice([{"tag": "a", "r0": (0.0, 0.0)}], [(1.0, 0.0)]))
    chain.set_onsite({"a": hoppings[0]})
    chain.set_hopping([{"i": 0, "j": 0, "R": (n,), "t": t} for n, t in hoppings.items() if n], hermitian=False)
    theirs = chain.spectral_winding(0.0, nk=2000)
    assert theirs == pytest.approx(round(theirs), abs=1e-9)
    assert winding_number(hoppings) == TBKIT_WINDING * round(theirs)


def test_the_blocks_have_four_windings():
    assert {winding_number(hoppings) for hoppings in BLOCKS.values()} == {-1, 0, 1, 2}


DRAWS = ((0.5, 1, 1), (1.1, 4, 15), (1.0, 2, 32), (1.4, 2, 3))
RINGS = {f"v={v:g} W={W:g} seed={seed}": (v, W, seed) for v, W, seed in DRAWS}


@pytest.mark.parametrize(("v", "W", "seed"), RINGS.values(), ids=RINGS)
def test_the_spectral_winding_of_a_disordered_ring_s_block_is_the_product_rule(tbkit, v, W, seed):
    cells = 8  # a tag of one letter for each
    ring = on_torus("ssh", (cells,), {"intracell": v, "intercell": 1.0}, W, seed)
    A, B = (ring.sites.sublattice == s for s in (0, 1))
    h = ring.terms.hamiltonian()[np.ix_(A, B)]
    within, between = np.diagonal(h), np.roll(h, 1, axis=1).diagonal()  # A of a cell with B of the one before
    tags = "abcdefgh"
    chain = tbkit.KSpace(
        tbkit.Lattice([{"tag": tag, "r0": (0.1 * i, 0.0)} for i, tag in enumerate(tags)], [(1.0, 0.0)])
    )
    chain.set_onsite(dict(zip(tags, within, strict=True)))
    hoppings = [{"i": i, "j": (i - 1) % cells, "R": (int(i == 0),), "t": between[i]} for i in range(cells)]
    chain.set_hopping(hoppings, hermitian=False)
    theirs = chain.spectral_winding(0.0, nk=2000)
    assert product_rule(within, between) == TBKIT_WINDING * round(theirs)
