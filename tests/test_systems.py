import inspect
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp
from tolerances import agree

from toponn.conventions import IDENTITY, PAULI_X, PAULI_Y, PAULI_Z
from toponn.disorder import bond_box, onsite_box
from toponn.lattices import cut
from toponn.shapes import disk, rectangle, segment
from toponn.systems.base import Terms
from toponn.systems.extended_ssh import ExtendedSSH
from toponn.systems.haldane import Haldane
from toponn.systems.qwz import QWZ
from toponn.systems.ssh import SSH, mean_log_box

QUICK = settings(max_examples=40, deadline=None, database=None, derandomize=True)
CASES = {
    "ssh": (SSH, {"intracell": 0.7, "intercell": 1.3}),
    "extended_ssh": (ExtendedSSH, {"t_minus_1": 0.3, "t_0": -0.7, "t_1": 1.1, "t_2": 0.5}),
    "qwz": (QWZ, {"mass": -0.8}),
    "haldane": (Haldane, {"sublattice_mass": 0.4, "t2": 0.2, "phase": 0.9}),
}
cases = pytest.mark.parametrize(("system", "parameters"), CASES.values(), ids=CASES)


def sample(system, shape, **parameters):
    """Return the sites and the clean terms of an open sample."""
    system = system()
    sites = cut(system.lattice, shape.inside, shape.extent)
    return sites, system.terms(sites, system.connections(sites), **parameters)


def shape_of(system):
    return segment((7,)) if system.task == "winding" else rectangle((5.0, 4.0))


# --- Hamiltonians written out by hand ---------------------------------------------------------------------


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
            matrix = PAULI_Z / 2 + 1j * sigma / 2
            hoppings += [(offset, a, b, matrix[a, b]) for a in range(2) for b in range(2)]
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


@pytest.mark.parametrize("name", ["ssh", "extended_ssh", "qwz"])
def test_an_open_sample_is_the_matrix_written_out_by_hand(name):
    system, parameters = CASES[name]
    cells = (7,) if name != "qwz" else (5, 4)
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


@pytest.mark.parametrize("name", list(CASES))
def test_the_bloch_hamiltonian_is_the_fourier_transform_of_a_torus_built_by_hand(name):
    system, parameters = CASES[name]
    cells = (7,) if system.task == "winding" else (5, 4)
    k, blocks, rest = fourier_blocks(by_hand(name, cells, parameters, periodic=True), cells)
    assert rest < 1e-10
    assert agree(system().bloch(k, **parameters), blocks)
    assert not agree(system().bloch(-k, **parameters), blocks), "control: the sign of k matters"


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
    assert list(system.parameters) == list(inspect.signature(system.bonds).parameters)[1:] == list(parameters)
    for parameter in system.parameters.values():
        assert parameter.low < parameter.high
        assert parameter.unit
        assert parameter.meaning


@cases
def test_the_connections_do_not_depend_on_the_parameters(system, parameters):
    member = system()
    shape = shape_of(system)
    sites = cut(member.lattice, shape.inside, shape.extent)
    expected = [sites.neighbours(b.source, b.target, b.offset) for b in member.bonds(**parameters)]
    found = member.connections(sites)
    assert [pairs.tolist() for pairs in found] == [pairs.tolist() for pairs in expected]


# --- Disorder ---------------------------------------------------------------------------------------------


def bonds_of(terms):
    return np.concatenate([h.ravel() for h in terms.hoppings])


@cases
@pytest.mark.parametrize("term", [onsite_box, bond_box])
def test_disorder_keeps_the_matrix_hermitian_and_without_strength_changes_nothing(system, parameters, term):
    _, terms = sample(system, shape_of(system), **parameters)
    clean = terms.hamiltonian()
    same = term(terms, 0.0, rng=np.random.default_rng(0)).hamiltonian()
    assert agree(same, clean)
    H = term(terms, 1.5, rng=np.random.default_rng(0)).hamiltonian()
    assert agree(H, H.conj().T)
    assert not agree(H, clean)


def test_onsite_disorder_is_a_diagonal_box_of_the_stated_full_width_independent_per_orbital():
    _, terms = sample(QWZ, rectangle((40.0, 40.0)), mass=0.0)
    energies = onsite_box(terms, 3.0, rng=np.random.default_rng(1)).onsite
    diagonal = np.stack([energies[:, 0, 0], energies[:, 1, 1]])
    assert not energies[:, 0, 1].any()
    assert np.abs(diagonal).max() <= 1.5
    assert np.abs(diagonal).max() > 1.49
    assert diagonal.std() == pytest.approx(3 / np.sqrt(12), rel=0.03)  # of a box
    assert abs(np.corrcoef(diagonal.real)[0, 1]) < 0.08


def test_bond_disorder_of_ssh_is_half_as_wide_between_cells_as_within():
    # Mondragon-Shem et al., PRL 113, 046802 (2014): t_n = 1 + W1 ω, m_n = m + W2 ω′, the diagram for W2 = 2 W1 = W.
    _, terms = sample(SSH, segment((4000,)), intracell=0.5, intercell=1.0)
    v, w = (h.ravel() for h in bond_box(terms, 2.0, rng=np.random.default_rng(2)).hoppings)
    for values, centre, width in ((v, 0.5, 2.0), (w, 1.0, 1.0)):
        assert not values.imag.any()
        assert np.abs(values - centre).max() <= width / 2
        assert values.real.std() == pytest.approx(width / np.sqrt(12), rel=0.03)
        assert values.real.mean() == pytest.approx(centre, abs=0.04)
    assert abs(np.corrcoef(v.real[1:], w.real)[0, 1]) < 0.06


def test_bond_disorder_keeps_chiral_symmetry_and_onsite_disorder_breaks_it():
    gamma = np.kron(np.eye(7), PAULI_Z)
    for term, kept in ((bond_box, True), (onsite_box, False)):
        _, terms = sample(SSH, segment((7,)), intracell=0.7, intercell=1.0)
        H = term(terms, 1.0, rng=np.random.default_rng(3)).hamiltonian()
        assert agree(gamma @ H @ gamma, -H) == kept


def test_bond_disorder_adds_a_real_number_times_the_identity_of_the_orbitals():
    _, terms = sample(QWZ, rectangle((5.0, 5.0)), mass=0.0)
    before = [h.copy() for h in terms.hoppings]
    after = bond_box(terms, 1.0, rng=np.random.default_rng(4)).hoppings
    for old, new in zip(before, after, strict=True):
        change = new - old
        assert agree(change, change[:, :1, :1].real * IDENTITY)
        assert len(np.unique(change[:, 0, 0])) == len(change)


def test_disorder_is_determined_by_its_stream():
    drawn = []
    for seed in (5, 5, 6):
        _, terms = sample(QWZ, rectangle((4.0, 4.0)), mass=0.0)
        drawn.append(onsite_box(terms, 1.0, rng=np.random.default_rng(seed)).hamiltonian())
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_terms_of_two_bonds_between_the_same_sites_add_up():
    one = np.ones((1, 1, 1), dtype=complex)
    pair = np.array([[0, 1]])
    terms = Terms(np.zeros((2, 1, 1), complex), [pair, pair[:, ::-1]], [one * 1j, one * 2.0], [1.0, 1.0])
    assert agree(terms.hamiltonian(), np.array([[0, 2 - 1j], [2 + 1j, 0]]))


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
    (line,) = SSH().phase_plane().boundary
    assert line[0] == pytest.approx([1.0, 0.0])  # clean: v = w
    for v, width in line[10::12]:
        assert average_log(1.0, width / 2) == pytest.approx(average_log(v, width), abs=1e-5)
    assert np.diff(line[:, 1]).min() > 0


def test_disorder_makes_a_clean_trivial_chain_topological_as_published():
    # Mondragon-Shem et al. (2014); Meier et al., Science 362, 929 (2018): topological Anderson insulator at m > t.
    (line,) = SSH().phase_plane().boundary
    strengths = line[line[:, 0] > 1.1, 1]
    assert 0 < strengths.min() < strengths.max() < line[-1, 1]
    for width, topological in ((0.0, False), (float(strengths.mean()), True), (8.0, False)):
        assert (average_log(1.0, width / 2) > average_log(1.1, width)) == topological


def test_the_drawn_boundaries_of_haldane_are_where_a_gap_closes():
    plane = Haldane().phase_plane()
    corner = 2 * np.pi / 3 * np.array([[-1, 1], [1, -1]])
    for line in plane.boundary:
        for phase, mass in line[::20]:
            E = np.linalg.eigvalsh(Haldane().bloch(corner, sublattice_mass=mass, t2=0.2, phase=phase))
            assert (E[:, 1] - E[:, 0]).min() == pytest.approx(0, abs=1e-10)


def test_the_drawn_boundaries_of_qwz_are_where_the_clean_gap_closes():
    momenta = np.pi * np.array(list(product(range(2), repeat=2)))
    masses = [line[0, 0] for line in QWZ().phase_plane().boundary]
    assert masses == [-2, 0, 2]
    for mass in masses:
        E = np.linalg.eigvalsh(QWZ().bloch(momenta, mass=mass))
        assert np.abs(E).min() == pytest.approx(0, abs=1e-12)


def test_a_system_whose_diagram_does_not_fit_in_a_plane_draws_none():
    assert ExtendedSSH().phase_plane() is None
