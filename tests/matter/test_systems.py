import inspect
from fractions import Fraction
from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp
from tolerances import agree

from toponn.data.recipes import DISORDER
from toponn.invariants.crystals import bulk_invariant, gap_at_fermi_level
from toponn.invariants.localizer import even_localizer
from toponn.matter.lattices import SQUARE, TRIANGULAR, Sites, cut, torus
from toponn.matter.point_sets import AMMANN_BEENKER, RANDOM
from toponn.matter.shapes import disk, rectangle, segment
from toponn.matter.systems import SYSTEMS
from toponn.matter.systems.amorphous_chern import AmorphousChern
from toponn.matter.systems.base import LatticeSystem, Terms
from toponn.matter.systems.extended_ssh import ExtendedSSH
from toponn.matter.systems.haldane import Haldane
from toponn.matter.systems.higher_chern import HigherChern
from toponn.matter.systems.hofstadter import Hofstadter, diophantine
from toponn.matter.systems.kagome import Kagome
from toponn.matter.systems.kitaev_chain import KitaevChain
from toponn.matter.systems.qwz import QWZ, born_boundary
from toponn.matter.systems.ssh import SSH, mean_log_box
from toponn.tools.checks import NotApplicable, resolve
from toponn.tools.conventions import PAULI_X, PAULI_Y, PAULI_Z

QUICK = settings(max_examples=12, deadline=None, database=None, derandomize=True)
CASES = {
    "ssh": (SSH, {"intracell": 0.7, "intercell": 1.3}),
    "extended_ssh": (ExtendedSSH, {"t_minus_1": 0.3, "t_0": -0.7, "t_1": 1.1, "t_2": 0.5}),
    "kitaev_chain": (KitaevChain, {"chemical_potential": 0.6, "hopping": 1.0, "pairing": 0.4}),
    "qwz": (QWZ, {"mass": -0.8}),
    "haldane": (Haldane, {"sublattice_mass": 0.4, "t2": 0.2, "phase": 0.9}),
    "higher_chern": (HigherChern, {"mass": 0.7, "diagonal": -0.6}),
    "kagome": (Kagome, {"phase": 0.4, "breathing": 1.3}),
    "hofstadter": (Hofstadter, {"flux": 0.2, "fermi_energy": -1.0}),
    "amorphous_chern": (AmorphousChern, {"mass": -1.2, "decay": 0.6}),
}
CRYSTALS = {name: case for name, case in CASES.items() if name not in ("hofstadter", "amorphous_chern")}
cases = pytest.mark.parametrize(("system", "parameters"), CASES.values(), ids=CASES)
crystals = pytest.mark.parametrize("name", list(CRYSTALS))


def sites_of(system, shape):
    """Return the sites of an open sample; what has no unit cell of its own sits on the square lattice."""
    return cut(getattr(system, "unit_cell", SQUARE), shape.inside, shape.extent)


def sample(system, shape, **parameters):
    """Return the sites and the clean terms of an open sample."""
    system = system()
    sites = sites_of(system, shape)
    return sites, system.terms(sites, system.connections(sites), **parameters)


def shape_of(system):
    return segment((7,)) if system.task == "winding" else rectangle((5.0, 4.0))


# --- Hamiltonians written out by hand ---------------------------------------------------------------------


def between(offset, matrix):
    """Return a hopping by a matrix of two orbitals as hoppings in words."""
    return [(offset, a, b, matrix[a, b]) for a in range(2) for b in range(2)]


def by_hand(name, cells, parameters, periodic):
    """Return the matrix of a chain or square of cells, from hoppings in words; one loop over cells, none of the tables.

    Basis: cell-major, then sublattice, then orbital. A hopping is (offset, to, from, amplitude), plus its conjugate.
    """
    if name == "ssh":
        v, w = parameters["intracell"], parameters["intercell"]
        size, onsite = 2, np.zeros((2, 2))
        hoppings = [((0,), 0, 1, v), ((1,), 0, 1, w)]  # A and B of a cell; A of a cell and B of the one before
    elif name == "extended_ssh":
        size, onsite = 2, np.zeros((2, 2))
        amplitudes = {-1: "t_minus_1", 0: "t_0", 1: "t_1", 2: "t_2"}  # t_n: A of cell i with B of cell i − n
        hoppings = [((n,), 0, 1, parameters[key]) for n, key in amplitudes.items()]
    elif name == "qwz":
        size, onsite = 2, parameters["mass"] * PAULI_Z
        hoppings = []
        for offset, sigma in (((1, 0), PAULI_X), ((0, 1), PAULI_Y)):  # cos k σz + sin k σ
            hoppings += between(offset, PAULI_Z / 2 + 1j * sigma / 2)
    elif name == "kitaev_chain":
        mu, t, delta = (parameters[key] for key in ("chemical_potential", "hopping", "pairing"))
        size, onsite = 2, np.zeros((2, 2))
        hoppings = [
            ((0,), 0, 1, mu),
            ((1,), 0, 1, t + delta),
            ((-1,), 0, 1, t - delta),
        ]  # a of a site with b of another
    elif name == "higher_chern":
        size, onsite, diagonal = 2, parameters["mass"] * PAULI_Z, parameters["diagonal"]
        hoppings = between((1, 0), (PAULI_Z + PAULI_X) / 2) + between((0, 1), (PAULI_Z - PAULI_X) / 2)
        # 2λ sin kx sin ky = λ (cos(kx − ky) − cos(kx + ky))
        hoppings += between((1, 1), -diagonal * PAULI_Y / 2) + between((1, -1), diagonal * PAULI_Y / 2)
    elif name == "kagome":
        size, onsite, hop = 3, np.zeros((3, 3)), -np.exp(1j * parameters["phase"])
        hoppings = [((0, 0), to, origin, hop) for origin, to in ((0, 2), (2, 1), (1, 0))]
        up = (((1, 0), 2, 1), ((-1, 1), 1, 0), ((0, -1), 0, 2))
        hoppings += [(offset, to, origin, parameters["breathing"] * hop) for offset, origin, to in up]
    else:
        M, t2, phi = (parameters[key] for key in ("sublattice_mass", "t2", "phase"))
        size, onsite = 2, M * PAULI_Z
        hoppings = [((0, 0), 1, 0, 1.0), ((0, -1), 1, 0, 1.0), ((1, -1), 1, 0, 1.0)]
        for offset in ((1, 0), (-1, 1), (0, -1)):
            hoppings += [(offset, 0, 0, t2 * np.exp(1j * phi)), (offset, 1, 1, t2 * np.exp(-1j * phi))]
    places = list(product(*(range(c) for c in cells)))
    H = np.zeros((len(places), size, len(places), size), dtype=complex)
    for i, place in enumerate(places):
        H[i, :, i, :] += onsite
        for offset, to, origin, amplitude in hoppings:
            there = tuple(p + o for p, o in zip(place, offset, strict=True))
            if periodic:
                there = tuple(t % c for t, c in zip(there, cells, strict=True))
            if there in places:
                j = places.index(there)
                H[j, to, i, origin] += amplitude
                H[i, origin, j, to] += np.conj(amplitude)
    return H.reshape(len(places) * size, -1)


def fourier_blocks(H, cells):
    """Return the Bloch matrices of a torus, (*cells, n, n), and what is left between different k."""
    places = np.array(list(product(*(range(c) for c in cells))))
    k = 2 * np.pi * places / np.array(cells)
    waves = np.exp(-1j * k @ places.T) / np.sqrt(len(places))  # c_k = Σ e^{−ik·cell} c_cell
    size = len(H) // len(places)
    blocks = np.einsum("kx,xayb,qy->kaqb", waves, H.reshape(len(places), size, len(places), size), waves.conj())
    diagonal = np.einsum("kakb->kab", blocks).copy()
    rest = np.abs(blocks).sum() - np.abs(diagonal).sum()
    return k, diagonal, rest


@pytest.mark.parametrize("name", ["ssh", "extended_ssh", "kitaev_chain", "qwz", "higher_chern"])
def test_an_open_sample_is_the_matrix_written_out_by_hand(name):
    system, parameters = CASES[name]
    cells = (7,) if system.task == "winding" else (5, 4)
    _, terms = sample(system, shape_of(system), **parameters)
    assert agree(terms.hamiltonian(), by_hand(name, cells, parameters, periodic=False))
    moved = {key: value + 0.1 for key, value in parameters.items()}
    assert not agree(terms.hamiltonian(), by_hand(name, cells, moved, periodic=False)), "control"


def test_a_haldane_flake_has_hoppings_by_distance_and_sense_of_rotation():
    M, t2, phi = 0.4, 0.2, 0.9
    sites, terms = sample(Haldane, disk(4.3), sublattice_mass=M, t2=t2, phase=phi)
    where, H = sites.positions, terms.hamiltonian()
    expected = np.zeros_like(H)
    for i, j in product(range(len(where)), repeat=2):
        distance = np.linalg.norm(where[i] - where[j])
        if i == j:
            expected[i, i] = M if sites.sublattice[i] == 0 else -M
        elif abs(distance - 1) < 1e-6:
            expected[i, j] = 1
        elif abs(distance - np.sqrt(3)) < 1e-6:
            # The hexagon's centre is on the left of the step j → i where it goes anticlockwise around it; a site
            # lies across, on the other side. Haldane's phase has one sense in every hexagon, for A as for B.
            step = where[i] - where[j]
            left = (where[i] + where[j]) / 2 + 0.5 * np.array([-step[1], step[0]]) / distance
            site_on_left = np.linalg.norm(where - left, axis=1).min() < 1e-6
            site_on_right = np.linalg.norm(where - (where[i] + where[j] - left), axis=1).min() < 1e-6
            if site_on_left == site_on_right:  # at the rim the site between may be cut away
                expected[i, j] = H[i, j]
            else:
                expected[i, j] = t2 * np.exp(1j * phi * (1 if site_on_right else -1))
    assert agree(H, expected)
    assert not agree(H.conj(), expected), "control"


@crystals
def test_a_torus_is_the_matrix_written_out_by_hand_and_the_bloch_hamiltonian_its_fourier_transform(name):
    system, parameters = CASES[name]
    cells = (7,) if system.task == "winding" else (5, 4)
    H = by_hand(name, cells, parameters, periodic=True)
    sites = torus(system.unit_cell, cells)
    assert agree(system().terms(sites, system().connections(sites), **parameters).hamiltonian(), H)
    k, blocks, rest = fourier_blocks(H, cells)
    assert rest < 1e-10
    assert agree(system().bloch(k, **parameters), blocks)
    inverted = agree(system().bloch(-k, **parameters), blocks)
    assert inverted == (name == "higher_chern"), "control: the sign of k matters, but to a d-wave"
    assert not agree(system().bloch(k + 0.1, **parameters), blocks), "control"


@QUICK
@given(st.floats(-4, 4), st.floats(-np.pi, np.pi), st.floats(-np.pi, np.pi))
def test_the_bloch_hamiltonian_of_qwz_is_the_published_one(mass, kx, ky):
    # Qi, Wu, Zhang, PRB 74, 085308 (2006), Eq. (6), in the form of SCIENCE §1.
    expected = (mass + np.cos(kx) + np.cos(ky)) * PAULI_Z + np.sin(kx) * PAULI_X + np.sin(ky) * PAULI_Y
    assert agree(QWZ().bloch(np.array([kx, ky]), mass=mass), expected)


@QUICK
@given(st.floats(-2, 2), st.floats(-np.pi, np.pi), st.floats(-3, 3), st.floats(-3, 3))
def test_the_bands_of_haldane_are_the_published_ones(M, phi, kx, ky):
    # Haldane, PRL 61, 2015 (1988), Eq. (1): E = 2 t2 cos φ Σ cos k·b ± |d|, with
    # d = (Σ cos k·a, Σ sin k·a, M ± 2 t2 sin φ Σ sin k·b); the sign is that of the sense of rotation.
    t2, k = 0.2, np.array([kx, ky])
    lattice = np.array([[np.sqrt(3), 0.0], [np.sqrt(3) / 2, 1.5]])
    a = np.array([[0, 1], [-np.sqrt(3) / 2, -0.5], [np.sqrt(3) / 2, -0.5]]) @ k
    b = np.array([[np.sqrt(3), 0], [-np.sqrt(3) / 2, 1.5], [-np.sqrt(3) / 2, -1.5]]) @ k
    d = np.array([np.cos(a).sum(), np.sin(a).sum(), M + 2 * t2 * np.sin(phi) * np.sin(b).sum()])
    middle = 2 * t2 * np.cos(phi) * np.cos(b).sum()
    expected = middle + np.linalg.norm(d) * np.array([-1, 1])
    found = np.linalg.eigvalsh(Haldane().bloch(lattice @ k, sublattice_mass=M, t2=t2, phase=phi))
    assert agree(found, expected)


@QUICK
@given(st.floats(-2, 2), st.floats(-1, 1), st.floats(-np.pi, np.pi))
def test_the_direct_gaps_of_haldane_at_the_two_corners_are_the_published_ones(M, t2, phi):
    corner = 2 * np.pi / 3 * np.array([-1, 1])  # in units of the reciprocal vectors over 2π
    E = np.linalg.eigvalsh(Haldane().bloch(np.stack([corner, -corner]), sublattice_mass=M, t2=t2, phase=phi))
    gaps = 2 * np.abs(M + np.array([-1, 1]) * 3 * np.sqrt(3) * t2 * np.sin(phi))  # SCIENCE §8
    assert agree(E[:, 1] - E[:, 0], gaps)


# --- Kitaev chain -----------------------------------------------------------------------------------------


def ladder_operators(sites):
    """Return the fermions c_j of a chain as matrices (2^sites, 2^sites), by Jordan and Wigner."""
    lower, sign, one = np.array([[0.0, 1.0], [0.0, 0.0]]), np.diag([1.0, -1.0]), np.eye(2)
    operators = []
    for j in range(sites):
        c = np.eye(1)
        for factor in [sign] * j + [lower] + [one] * (sites - j - 1):
            c = np.kron(c, factor)
        operators.append(c)
    return operators


@QUICK
@given(st.floats(-3, 3), st.floats(-2, 2), st.floats(-2, 2))
def test_the_kitaev_chain_has_the_quasiparticles_of_the_published_many_body_hamiltonian(mu, t, delta):
    # Kitaev (2001), Eq. (6), written with the library's signs, as a matrix on 2^4 states.
    c = ladder_operators(4)
    many = sum(-mu * (a.T @ a - np.eye(16) / 2) for a in c)
    for here, there in pairwise(c):
        term = -t * there.T @ here + delta * there @ here
        many = many + term + term.T
    parameters = {"chemical_potential": mu, "hopping": t, "pairing": delta}
    _, terms = sample(KitaevChain, segment((4,)), **parameters)
    single = np.linalg.eigvalsh(terms.hamiltonian())[4:]
    filled = [sum(signs) / 2 for signs in product(*((-e, e) for e in single))]
    assert agree(np.linalg.eigvalsh(many), np.sort(filled))
    # The same in the basis (c, c†): Bogoliubov and de Gennes.
    A = -mu * np.eye(4) - t * (np.eye(4, k=1) + np.eye(4, k=-1))
    D = delta * (np.eye(4, k=1) - np.eye(4, k=-1))
    assert agree(np.linalg.eigvalsh(np.block([[A, D], [D.T, -A]])), np.linalg.eigvalsh(terms.hamiltonian()))


@QUICK
@given(st.floats(-4, 4), st.floats(-2, 2), st.floats(-2, 2))
def test_the_parity_of_the_kitaev_chain_s_winding_is_the_pfaffian_invariant(mu, t, delta):
    # Kitaev (2001), Eq. (27): Majorana ends where Pf A(0) Pf A(π) < 0, that is (−2t − μ)(2t − μ) < 0: |μ| < 2|t|.
    assume(min(abs(abs(mu) - 2 * abs(t)), abs(delta), abs(t)) > 0.05)
    nu = bulk_invariant(KitaevChain(), {"chemical_potential": mu, "hopping": t, "pairing": delta}, 512)
    assert (nu % 2 == 1) == ((-2 * t - mu) * (2 * t - mu) < 0)
    assert nu == (np.sign(delta / t) if abs(mu) < 2 * abs(t) else 0)


def test_an_open_kitaev_chain_has_a_majorana_mode_at_each_end_in_the_topological_phase_alone():
    for mu, count in ((0.5, 2), (1.5, 2), (2.5, 0), (-3.0, 0)):
        _, terms = sample(KitaevChain, segment((60,)), chemical_potential=mu, hopping=1.0, pairing=0.8)
        E = np.abs(np.linalg.eigvalsh(terms.hamiltonian()))
        assert (E < 1e-3).sum() == count
        assert np.sort(E)[count] > 0.1


# --- Planes without a hand-written matrix -----------------------------------------------------------------


def degree(vector, mesh=120):
    """Return ∫ d·(∂x d × ∂y d)/4π|d|³ over the zone of ``H = d · σ``: the Chern number of the lower band."""
    k = 2 * np.pi * (np.arange(mesh) + 0.5) / mesh
    x, y = np.meshgrid(k, k, indexing="ij")
    step = 1e-4
    d = vector(x, y)
    dx = (vector(x + step, y) - vector(x - step, y)) / (2 * step)
    dy = (vector(x, y + step) - vector(x, y - step)) / (2 * step)
    density = (d * np.cross(dx, dy, axis=0)).sum(axis=0) / np.linalg.norm(d, axis=0) ** 3
    return density.sum() * (2 * np.pi / mesh) ** 2 / (4 * np.pi)


@QUICK
@given(st.floats(-4, 4), st.floats(-2, 2), st.floats(-np.pi, np.pi), st.floats(-np.pi, np.pi))
def test_the_bloch_hamiltonian_of_higher_chern_is_the_published_one(mass, diagonal, kx, ky):
    expected = (mass + np.cos(kx) + np.cos(ky)) * PAULI_Z + (np.cos(kx) - np.cos(ky)) * PAULI_X
    expected = expected + 2 * diagonal * np.sin(kx) * np.sin(ky) * PAULI_Y
    assert agree(HigherChern().bloch(np.array([kx, ky]), mass=mass, diagonal=diagonal), expected)


@pytest.mark.parametrize(("mass", "diagonal"), list(product((-3.0, -1.6, 0.3, 1.5, 2.6), (-0.8, 0.5, 1.5))))
def test_higher_chern_wraps_the_sphere_twice_within_the_stated_boundary(mass, diagonal):
    def vector(x, y):
        return np.stack([np.cos(x) - np.cos(y), 2 * diagonal * np.sin(x) * np.sin(y), mass + np.cos(x) + np.cos(y)])

    expected = -2 * int(np.sign(diagonal)) if abs(mass) < 2 else 0
    assert degree(vector) == pytest.approx(expected, abs=0.05)
    assert bulk_invariant(HigherChern(), {"mass": mass, "diagonal": diagonal}, 24) == expected


@QUICK
@given(st.floats(-3, 3), st.floats(0.1, 3))
def test_the_bands_of_kagome_at_the_centre_and_the_corners_of_the_zone_are_the_published_ones(phi, r):
    # There H is a sum of circulants: Σ_n e^{iθ} + c.c. with θ a third of a turn apart from level to level.
    third = 2 * np.pi / 3
    n = third * np.arange(3)
    corner = np.array([third, -third])
    for k, turn in ((np.zeros(2), 0.0), (corner, -third), (-corner, third)):
        expected = -2 * np.cos(phi + n) - 2 * r * np.cos(phi + n + turn)
        found = np.linalg.eigvalsh(Kagome().bloch(k, phase=phi, breathing=r))
        assert agree(found, np.sort(expected))


@QUICK
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_the_bands_of_kagome_without_phase_are_the_published_ones_one_of_them_flat(kx, ky):
    # H.-M. Guo, M. Franz, PRB 80, 113102 (2009), Eq. (3): E = −t[1 ± √(4A − 3)], 2t, with A = Σ cos²(k·a).
    vectors = np.array(Kagome.unit_cell.vectors)
    halves = np.array([vectors[0], vectors[1], vectors[1] - vectors[0]]) / 2 @ [kx, ky]
    root = np.sqrt(max(4 * (np.cos(halves) ** 2).sum() - 3, 0))
    found = np.linalg.eigvalsh(Kagome().bloch(vectors @ [kx, ky], phase=0.0, breathing=1.0))
    assert found == pytest.approx([-1 - root, -1 + root, 2.0], abs=1e-7)  # a root of rounding where it vanishes
    assert found[1] <= 2 + 1e-9


@QUICK
@given(st.floats(-1.0, 1.0), st.floats(0.05, 3))
def test_kagome_is_topological_between_the_stated_boundaries_with_the_sign_of_minus_phi(phi, r):
    edge = np.sin(np.pi / 3 - phi) / np.sin(np.pi / 3 + phi)
    low, high = sorted((edge, 1 / edge))
    assume(min(abs(r - low), abs(r - high), abs(phi)) > 0.04)
    expected = -int(np.sign(phi)) if low < r < high else 0
    assert bulk_invariant(Kagome(), {"phase": phi, "breathing": r}, 36) == expected


def flux_around(H, sites):
    """Return the phase of the product of hoppings around a loop of sites, each from one to the next."""
    product_ = 1.0 + 0j
    for here, there in zip(sites, (*sites[1:], sites[0]), strict=True):
        product_ *= H[there, here]
    assert abs(product_) > 1e-12
    return float(np.angle(product_))


def loops_about(positions, centre, radius):
    """Return the sites at this distance from a point, anticlockwise."""
    way = positions - centre
    near = np.flatnonzero(np.abs(np.linalg.norm(way, axis=1) - radius) < 1e-6)
    return near[np.argsort(np.arctan2(*way[near].T[::-1]))]


@pytest.mark.parametrize("phi", [0.3, -0.5])
def test_the_flux_of_kagome_is_three_phi_a_triangle_and_is_undone_by_the_hexagons(phi):
    sites, terms = sample(Kagome, disk(5.3), phase=phi, breathing=0.7)
    H, where = -terms.hamiltonian(), sites.positions
    triangles = hexagons = 0
    near = np.abs(np.linalg.norm(where[:, None] - where, axis=2) - 1) < 1e-6
    for i, j, k in permutations(range(len(where)), 3):
        if i < j and i < k and near[i, j] and near[j, k] and near[k, i]:
            if np.linalg.det([where[j] - where[i], where[k] - where[i]]) > 0:  # anticlockwise
                assert flux_around(H, (i, j, k)) == pytest.approx(3 * phi, abs=1e-10)
                triangles += 1
    vectors = np.array(Kagome.unit_cell.vectors)
    for a, b in product(range(-1, 2), repeat=2):
        ring = loops_about(where, np.array([a, b]) @ vectors, 1.0)
        if len(ring) == 6:
            assert np.exp(1j * flux_around(H, tuple(ring))) == pytest.approx(np.exp(-6j * phi), abs=1e-10)
            hexagons += 1
    assert triangles > 20
    assert hexagons >= 7


# --- Hofstadter -------------------------------------------------------------------------------------------


def harper_bands(p, q, rows, columns):
    """Return all levels of the torus of rows × (q·columns) cells from Harper's equation, by a loop over momenta."""
    levels = []
    for kx, ky in product(2 * np.pi * np.arange(columns) / columns, 2 * np.pi * np.arange(rows) / rows):
        H = np.diag([2 * np.cos(ky + 2 * np.pi * p / q * j) for j in range(q)]).astype(complex)
        for j in range(q):  # ψ_{j+1} + ψ_{j−1} + 2 cos(ky + 2π p j/q) ψ_j = E ψ_j, with ψ_{j+q} = e^{ikx} ψ_j
            step = np.exp(1j * kx) if j == q - 1 else 1.0
            H[j, (j + 1) % q] += step
            H[(j + 1) % q, j] += np.conj(step)
        levels.extend(np.linalg.eigvalsh(H))
    return np.sort(levels)


@pytest.mark.parametrize(("p", "q", "columns", "rows"), [(1, 3, 3, 5), (2, 5, 1, 4), (-1, 4, 2, 3), (0, 1, 5, 4)])
def test_the_torus_of_hofstadter_has_the_levels_of_harper_s_equation(p, q, columns, rows):
    parameters = {"flux": p / q, "fermi_energy": 0.0}
    sites = torus(SQUARE, (q * columns, rows))
    system = Hofstadter()
    H = system.terms(sites, system.connections(sites), **parameters).hamiltonian()
    found = np.linalg.eigvalsh(H)
    assert agree(found, harper_bands(p, q, rows, columns))
    k = np.array(list(product(2 * np.pi * np.arange(columns) / columns, 2 * np.pi * np.arange(rows) / rows)))
    assert agree(np.sort(np.linalg.eigvalsh(system.bloch(k, **parameters)).ravel()), found)
    if p:
        assert not agree(found, harper_bands(0, q, rows, columns)), "control"


def test_every_plaquette_of_hofstadter_holds_the_same_flux_in_a_sample_and_across_the_border_of_a_torus():
    flux = 0.25
    system = Hofstadter()
    for sites in (cut(SQUARE, disk(4.3).inside, 4.3), torus(SQUARE, (4, 5))):
        H = system.terms(sites, system.connections(sites), flux=flux, fermi_energy=0.0).hamiltonian()
        place = {tuple(cell): i for i, cell in enumerate(sites.cell.tolist())}
        plaquettes = 0
        for x, y in place:
            corners = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)]
            if sites.size is not None:
                corners = [(a % sites.size[0], b % sites.size[1]) for a, b in corners]
            if all(corner in place for corner in corners):
                assert flux_around(H, [place[c] for c in corners]) == pytest.approx(-2 * np.pi * flux, abs=1e-10)
                plaquettes += 1
        assert plaquettes >= 20


def test_a_flux_that_does_not_fit_on_the_torus_is_refused():
    sites = torus(SQUARE, (4, 5))
    system = Hofstadter()
    sentence = "hofstadter: found flux 0.333333 on a torus 4 cells wide; allowed: a whole number of flux quanta times"
    with pytest.raises(NotApplicable, match=sentence):
        system.terms(sites, system.connections(sites), flux=1 / 3, fermi_energy=0.0)


FLUXES = sorted({Fraction(p, q) for q in range(2, 10) for p in range(-q // 2, q // 2 + 1) if p and abs(2 * p) <= q})


@pytest.mark.parametrize("flux", FLUXES, ids=str)
def test_the_chern_number_in_every_gap_of_hofstadter_solves_the_diophantine_equation(flux):
    p, q = flux.numerator, flux.denominator
    system = Hofstadter()
    k = 2 * np.pi * np.arange(12) / 12
    mesh = np.stack(np.meshgrid(k, k, indexing="ij"), axis=-1)
    E = np.linalg.eigvalsh(system.bloch(mesh, flux=p / q, fermi_energy=0.0)).reshape(-1, q)
    for r in range(1, q):
        below, above = E[:, r - 1].max(), E[:, r].min()
        if q % 2 == 0 and r == q // 2:
            assert below == pytest.approx(above, abs=0.3), "of an even number of bands, the middle two touch"
            continue
        t = diophantine(p, q, r)
        assert (r - p * t) % q == 0
        assert abs(t) <= q / 2
        found = bulk_invariant(system, {"flux": p / q, "fermi_energy": float((below + above) / 2)}, 24)
        assert found == t
        assert diophantine(-p, q, r) == -t
    assert [diophantine(1, 3, 1), diophantine(2, 5, 1)] == [1, -2]  # SCIENCE §8


def test_the_chern_numbers_of_hofstadter_are_those_of_an_open_sample():
    for flux, energy, C in ((1 / 3, -1.4, 1), (1 / 3, 1.4, -1), (-1 / 3, -1.4, -1), (1 / 4, -1.9, 1), (1 / 3, -3.5, 0)):
        sites, terms = sample(Hofstadter, rectangle((15.0, 15.0)), flux=flux, fermi_energy=energy)
        H = terms.hamiltonian() - energy * np.eye(len(sites))
        middle = sites.positions - sites.positions.mean(axis=0)
        assert even_localizer(H[None], middle, Hofstadter.localizer_kappa)[0] == C


# --- Without a crystal ------------------------------------------------------------------------------------


def by_distance(sites, mass, decay, cutoff=1.4):
    """Return the matrix of the amorphous insulator by a loop over all pairs of sites."""
    n = len(sites)
    H = np.zeros((n, 2, n, 2), dtype=complex)
    for i, j in product(range(n), repeat=2):
        way = sites.positions[i] - sites.positions[j]
        r = np.linalg.norm(way)
        if i == j:
            H[i, :, i, :] = mass * PAULI_Z
        elif r <= cutoff:
            turn = 1j * (way[0] / r * PAULI_X + way[1] / r * PAULI_Y)
            H[i, :, j, :] = np.exp((1 - r) / decay) * (PAULI_Z + turn) / 2
    return H.reshape(2 * n, 2 * n)


def point_sets():
    shape = disk(4.2)
    yield "random", RANDOM.cut(shape.inside, shape.extent, rng=np.random.default_rng(3))
    yield "ammann_beenker", AMMANN_BEENKER.cut(shape.inside, shape.extent)
    yield "triangular", cut(TRIANGULAR, shape.inside, shape.extent)


@pytest.mark.parametrize("sites", [pytest.param(sites, id=name) for name, sites in point_sets()])
def test_the_amorphous_insulator_hops_by_distance_and_direction_on_any_points(sites: Sites):
    system = AmorphousChern()
    terms = system.terms(sites, system.connections(sites), mass=-1.2, decay=0.6)
    assert agree(terms.hamiltonian(), by_distance(sites, -1.2, 0.6))
    assert not agree(terms.hamiltonian(), by_distance(sites, -1.2, 0.6, cutoff=0.9)), "control"


@pytest.mark.parametrize("decay", [0.05, 0.4, 10.0])
def test_on_the_square_lattice_the_amorphous_insulator_is_qwz(decay):
    _, here = sample(AmorphousChern, disk(4.2), mass=-0.7, decay=decay)
    _, there = sample(QWZ, disk(4.2), mass=-0.7)
    assert agree(here.hamiltonian(), there.hamiltonian())
    sites = torus(SQUARE, (6, 5))
    on_torus = [
        system.terms(sites, system.connections(sites), **parameters).hamiltonian()
        for system, parameters in ((AmorphousChern(), {"mass": -0.7, "decay": decay}), (QWZ(), {"mass": -0.7}))
    ]
    assert agree(*on_torus)


# --- Filling ----------------------------------------------------------------------------------------------

FERMI = {
    "haldane": {"sublattice_mass": st.floats(-2, 2), "t2": st.floats(-0.3, 0.3), "phase": st.floats(-np.pi, np.pi)},
    "kagome": {"phase": st.floats(-np.pi, np.pi), "breathing": st.floats(0.05, 4)},
}


def band_edges(system, mesh, **parameters):
    """Return the highest energy of the lowest clean band and the lowest of the others."""
    E = np.linalg.eigvalsh(system.bloch(system.momenta(mesh), **parameters))
    return E[..., 0].max(), E[..., 1].min()


@pytest.mark.parametrize("name", FERMI)
@QUICK
@given(data=st.data())
def test_the_fermi_level_lies_between_the_lowest_clean_band_and_the_next(name, data):
    system = CASES[name][0]()
    parameters = {key: data.draw(values) for key, values in FERMI[name].items()}
    low, high = band_edges(system, 24, **parameters)
    assume(high - low > 0.05)
    assert low < system.fermi_level(**parameters) < high


def test_the_gap_is_that_of_closed_forms():
    for mass in (-3.0, -1.2, 0.5, 2.4):  # QWZ: it is at (0, 0), (0, π) or (π, π)
        half = min(abs(mass), abs(abs(mass) - 2))
        assert gap_at_fermi_level(QWZ(), {"mass": mass}, 48) == pytest.approx(2 * half, abs=1e-10)
        assert band_edges(QWZ(), 48, mass=mass) == pytest.approx((-half, half), abs=1e-10)
    chain = {"intracell": 0.4, "intercell": 1.0}
    assert gap_at_fermi_level(SSH(), chain, 48) == pytest.approx(1.2, abs=1e-10)
    assert band_edges(SSH(), 48, **chain) == pytest.approx((-0.6, 0.6), abs=1e-10)


# --- Every system -----------------------------------------------------------------------------------------


@cases
def test_the_open_hamiltonian_is_hermitian_and_has_the_stated_symmetry(system, parameters):
    _, terms = sample(system, shape_of(system), **parameters)
    H = terms.hamiltonian()
    assert agree(H, H.conj().T)
    chiral = PAULI_Z if system.symmetry_class == "BDI" else None
    if chiral is not None:
        gamma = np.kron(np.eye(len(H) // 2), chiral)
        assert agree(gamma @ H @ gamma, -H)
        assert not H.imag.any()
        broken = H + 0.1 * np.eye(len(H))
        assert not agree(gamma @ broken @ gamma, -broken), "control"


def test_time_reversal_turns_the_phase_of_haldane_around():
    _, terms = sample(Haldane, disk(4.3), sublattice_mass=0.4, t2=0.2, phase=0.9)
    _, turned = sample(Haldane, disk(4.3), sublattice_mass=0.4, t2=0.2, phase=-0.9)
    assert agree(terms.hamiltonian().conj(), turned.hamiltonian())


@cases
def test_the_stated_parameters_are_those_that_the_hamiltonian_takes(system, parameters):
    assert list(system.parameters) == list(parameters)
    table = system.bonds if "bonds" in vars(system) and system is not Hofstadter else system.terms
    names = [p.name for p in inspect.signature(table).parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert names == list(parameters)
    for parameter in system.parameters.values():
        assert parameter.low < parameter.high
        assert parameter.unit
        assert parameter.meaning


@cases
def test_the_connections_do_not_depend_on_the_parameters(system, parameters):
    member = system()
    shape = shape_of(system)
    sites = sites_of(member, shape)
    found = [pairs.tolist() for pairs in member.connections(sites)]
    terms = member.terms(sites, member.connections(sites), **parameters)
    assert [pairs.tolist() for pairs in terms.pairs] == found
    if isinstance(member, LatticeSystem):
        expected = [sites.neighbours(b.source, b.target, b.offset) for b in member.bonds(**parameters)]
        assert [pairs.tolist() for pairs in expected] == found
    H = (
        np.abs(terms.hamiltonian())
        .reshape(len(sites), member.n_orbitals, len(sites), member.n_orbitals)
        .sum(axis=(1, 3))
    )
    connected = {(min(pair), max(pair)) for pairs in found for pair in pairs}
    assert connected == {(i, j) for i, j in zip(*np.nonzero(H), strict=True) if i < j}


def test_terms_of_two_bonds_between_the_same_sites_add_up():
    one = np.ones((1, 1, 1), dtype=complex)
    pair = np.array([[0, 1]])
    terms = Terms(
        positions=np.zeros((2, 1)),
        onsite=np.zeros((2, 1, 1), complex),
        pairs=[pair, pair[:, ::-1]],
        vectors=[np.ones((1, 1)), -np.ones((1, 1))],
        hoppings=[one * 1j, one * 2.0],
        weights=[1.0, 1.0],
        vacant=np.zeros(2, dtype=bool),
    )
    for H in (terms.hamiltonian(), terms.sparse_hamiltonian().toarray()):
        assert agree(H, np.array([[0, 2 - 1j], [2 + 1j, 0]]))


@cases
@pytest.mark.parametrize("disorder", [None, *DISORDER])
def test_the_sparse_hamiltonian_is_the_dense_one(system, parameters, disorder):
    _, terms = sample(system, shape_of(system), **parameters)
    if disorder is not None:
        terms = resolve(DISORDER, disorder, "disorder")(terms, 0.3, rng=np.random.default_rng(1))
    sparse = terms.sparse_hamiltonian()
    assert agree(sparse.toarray(), terms.hamiltonian())
    assert sparse.nnz < sparse.shape[0] ** 2
    terms.onsite = terms.onsite + 0.1
    assert not agree(sparse.toarray(), terms.hamiltonian()), "control"


@cases
def test_the_vectors_of_bonds_lead_from_site_to_site_and_on_a_torus_to_the_nearest_image(system, parameters):
    member = system()
    open_sites = sites_of(member, shape_of(system))
    cell = getattr(member, "unit_cell", SQUARE)
    for sites in (open_sites, torus(cell, (5,) if system.task == "winding" else (5, 5))):
        terms = member.terms(sites, member.connections(sites), **parameters)
        assert np.array_equal(terms.positions, sites.positions)
        assert not terms.vacant.any()
        for pairs, vectors in zip(terms.pairs, terms.vectors, strict=True):
            way = sites.positions[pairs[:, 1]] - sites.positions[pairs[:, 0]] - vectors
            if sites.periods is None:
                assert agree(way, np.zeros_like(way))
            else:
                around = way @ np.linalg.inv(sites.periods)
                assert agree(around, np.rint(around))


# --- Literature boundaries --------------------------------------------------------------------------------


def average_log(centre, width):
    """Return E ln|centre + width ω| by quadrature, split at the singular point."""
    if width == 0:
        return np.log(abs(centre))
    zero = -centre / width
    ends = [-0.5, zero, 0.5] if -0.5 < zero < 0.5 else [-0.5, 0.5]
    parts = zip(ends[:-1], ends[1:], strict=True)
    # mpmath's tanh-sinh quadrature takes singular ends; SciPy's quad does not.
    return float(sum(mp.quad(lambda omega: mp.log(abs(centre + width * omega)), part) for part in parts))


@QUICK
@given(st.floats(-3, 3), st.floats(0.05, 6))
def test_the_average_logarithm_over_a_box_is_the_integral(centre, width):
    # Ends closer than this to the singular point are beyond the quadrature, not beyond the formula.
    if min(abs(abs(centre) - width / 2), abs(centre)) > 1e-3:
        assert float(mean_log_box(centre, width)) == pytest.approx(average_log(centre, width), abs=1e-6)


def test_the_average_logarithm_is_right_where_the_box_vanishes_ends_at_zero_or_is_centred_on_it():
    assert float(mean_log_box(1.7, 0.0)) == pytest.approx(np.log(1.7), abs=1e-12)
    assert float(mean_log_box(0.8, 1.6)) == pytest.approx(np.log(1.6) - 1, abs=1e-12)  # ∫₀¹ ln(ax) dx
    assert float(mean_log_box(0.0, 3.0)) == pytest.approx(np.log(1.5) - 1, abs=1e-12)
    assert float(mean_log_box(0.0, 0.0)) == -np.inf
    assert agree(mean_log_box(np.array([0.3, -0.3]), 1.0), np.full(2, mean_log_box(0.3, 1.0)))


def test_on_the_drawn_boundary_of_ssh_the_average_logarithms_of_both_bonds_are_equal():
    (line,) = SSH().phase_planes()["disorder"].boundary
    assert line[0] == pytest.approx([1.0, 0.0])  # clean: v = w
    for v, width in line[10::12]:
        assert average_log(1.0, width / 2) == pytest.approx(average_log(v, width), abs=1e-5)
    assert np.diff(line[:, 1]).min() > 0


def test_disorder_makes_a_clean_trivial_chain_topological_as_published():
    # Mondragon-Shem et al. (2014); Meier et al., Science 362, 929 (2018): topological Anderson insulator at m > t.
    (line,) = SSH().phase_planes()["disorder"].boundary
    strengths = line[line[:, 0] > 1.1, 1]
    assert 0 < strengths.min() < strengths.max() < line[-1, 1]
    for width, topological in ((0.0, False), (float(strengths.mean()), True), (8.0, False)):
        assert (average_log(1.0, width / 2) > average_log(1.1, width)) == topological


def test_the_drawn_boundaries_of_haldane_are_where_a_gap_closes():
    plane = Haldane().phase_planes()["clean"]
    corner = 2 * np.pi / 3 * np.array([[-1, 1], [1, -1]])
    for line in plane.boundary:
        for phase, mass in line[::20]:
            E = np.linalg.eigvalsh(Haldane().bloch(corner, sublattice_mass=mass, t2=0.2, phase=phase))
            assert (E[:, 1] - E[:, 0]).min() == pytest.approx(0, abs=1e-10)


def test_the_drawn_boundaries_of_qwz_are_where_the_clean_gap_closes():
    momenta = np.pi * np.array(list(product(range(2), repeat=2)))
    masses = [line[0, 0] for line in QWZ().phase_planes()["disorder"].boundary]
    assert masses == [-2, 0, 2]
    for mass in masses:
        E = np.linalg.eigvalsh(QWZ().bloch(momenta, mass=mass))
        assert np.abs(E).min() == pytest.approx(0, abs=1e-12)


def test_the_born_boundary_of_qwz_starts_at_the_clean_one_and_has_its_published_onset():
    # SCIENCE §8: at m = 2.1 the first Born approximation puts the onset of the topological phase at W = 1.71.
    masses, widths = born_boundary(np.linspace(0.0, 3.0, 31)).T
    assert masses[0] == 2.0
    assert np.diff(masses).min() > 0
    assert np.interp(2.1, masses, widths) == pytest.approx(1.71, abs=0.01)
    k = 2 * np.pi * (np.arange(200) + 0.5) / 200
    H = QWZ().bloch(np.stack(np.meshgrid(k, k, indexing="ij"), axis=-1), mass=2.1)
    shift = -(1.71**2) / 12 * np.linalg.inv(H).mean(axis=(0, 1))  # −(W²/12) ∫ H/E², for H⁻¹ = H/E²
    assert 2.1 + shift[0, 0].real == pytest.approx(2.0, abs=2e-3)


PLANES = {
    f"{name}-{key}": (resolve(SYSTEMS, name, "system")(), plane)
    for name in SYSTEMS
    for key, plane in resolve(SYSTEMS, name, "system")().phase_planes().items()
}
planes = pytest.mark.parametrize(("system", "plane"), PLANES.values(), ids=PLANES)


def test_every_system_is_tested_under_its_name_and_draws_a_phase_plane():
    assert list(CASES) and set(CASES) == set(SYSTEMS)
    for name in SYSTEMS:
        assert resolve(SYSTEMS, name, "system") is CASES[name][0]
        assert CASES[name][0].name == name
        assert CASES[name][0]().phase_planes()


@planes
def test_the_axes_of_a_phase_plane_are_numbers_of_the_system_within_their_ranges(system, plane):
    kinds = [axis.split("/") for axis in (plane.x, plane.y)]
    assert {kind for kind, _ in kinds} <= {"parameters", "disorder"}
    free = [name for kind, name in kinds if kind == "parameters"]
    assert sorted([*free, *plane.fixed]) == sorted(system.parameters), "every parameter has one value in the plane"
    for (kind, name), limits in zip(kinds, (plane.x_range, plane.y_range), strict=True):
        assert limits[0] < limits[1]
        if kind == "parameters":
            assert system.parameters[name].low <= limits[0]
            assert limits[1] <= system.parameters[name].high
        else:
            assert name in DISORDER
            assert limits[0] >= 0
    for name, value in plane.fixed.items():
        assert system.parameters[name].low <= value <= system.parameters[name].high
    assert plane.x_label
    assert plane.y_label
    assert plane.source
    for line in plane.boundary:
        assert line.shape[1] == 2
        assert np.isfinite(line).all()


def sides(plane, step=0.012):
    """Yield points on both sides of each line, in the middle of its pieces, and how near each is to another line."""
    scale = np.array([np.ptp(plane.x_range), np.ptp(plane.y_range)])
    low, high = np.array([plane.x_range, plane.y_range]).T
    lines = [line / scale for line in plane.boundary]
    for i, line in enumerate(lines):
        others = [_dense(other) for j, other in enumerate(lines) if j != i]
        where = _dense(line)[4::9]
        along = np.gradient(_dense(line), axis=0)[4::9]
        normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1)[:, None]
        for point, n in zip(where, normal, strict=True):
            room = min([np.linalg.norm(other - point, axis=1).min() for other in others], default=1.0)
            pair = np.array([point - step * n, point + step * n]) * scale
            if room > 4 * step and ((pair > low) & (pair < high)).all():
                yield i, pair


def _dense(line, points=90):
    """Return points evenly spaced along a polyline."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0.0, length[-1], points)
    return np.stack([np.interp(at, length, line[:, axis]) for axis in range(2)], axis=1)


CLEAN = [key for key, (_, plane) in PLANES.items() if "disorder" not in plane.y and plane.boundary]


@pytest.mark.parametrize("key", [key for key in CLEAN if "hofstadter" not in key])
def test_the_boundaries_of_a_clean_phase_plane_separate_different_integers(key):
    system, plane = PLANES[key]
    names = [axis.split("/")[1] for axis in (plane.x, plane.y)]
    seen = set()
    for line, pair in sides(plane):
        one, other = (
            bulk_invariant(
                system,
                {**plane.fixed, **dict(zip(names, point.tolist(), strict=True))},
                240 if len(system.unit_cell.vectors) == 1 else 60,
            )
            for point in pair
        )
        assert one != other, f"line {line} at {pair}: {one} on both sides"
        seen.add(line)
    assert seen == set(range(len(plane.boundary))), "every line was crossed"


def test_the_bands_of_the_butterfly_separate_gaps_with_different_integers():
    system, plane = PLANES["hofstadter-butterfly"]
    by_flux = {}
    for line in plane.boundary:
        assert line[0, 0] == line[1, 0]
        by_flux.setdefault(float(line[0, 0]), []).append(line[:, 1])
    assert len(by_flux) == 29
    assert len(by_flux.pop(0.0)) == 1, "one band, which crosses from nothing to nothing"
    crossed = 0
    k = 2 * np.pi * np.arange(24) / 24
    mesh = np.stack(np.meshgrid(k, k / 24, indexing="ij"), axis=-1)
    for flux, bands in by_flux.items():
        bands, q = np.array(bands), len(bands)
        E = np.linalg.eigvalsh(system.bloch(mesh * [1, 24 / q], flux=flux, fermi_energy=0.0)).reshape(-1, q)
        assert agree(bands, np.stack([E.min(axis=0), E.max(axis=0)], axis=1)), f"edges at {flux:g}, on a mesh of k"
        numbers = [0]
        for low, high in zip(bands[:-1, 1], bands[1:, 0], strict=True):
            parameters = {"flux": flux, "fermi_energy": float((low + high) / 2)}
            numbers.append(bulk_invariant(system, parameters, 12) if high - low > 0.02 else None)
        for below, above in pairwise([*numbers, 0]):
            if below is not None and above is not None:
                assert below != above
                crossed += 1
    assert crossed > 120


def test_the_clean_end_of_the_disordered_boundaries_separates_different_integers():
    for mass in (-2.0, 0.0, 2.0):
        numbers = [bulk_invariant(QWZ(), {"mass": mass + side}, 60) for side in (-0.1, 0.1)]
        assert numbers[0] != numbers[1]
    for v, nu in ((0.95, 1), (1.05, 0)):
        assert bulk_invariant(SSH(), {"intracell": v, "intercell": 1.0}, 256) == nu
