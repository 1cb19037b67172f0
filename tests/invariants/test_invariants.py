from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import unitary_group
from tolerances import agree

from toponn.invariants import chern
from toponn.invariants.bloch import chern_number, winding_number
from toponn.invariants.localizer import even_localizer, odd_localizer
from toponn.invariants.winding import (
    antisymmetric_flow,
    midgap_winding,
    product_rule,
    real_space_winding,
    switch_winding,
    winding_density,
)
from toponn.matter.disorder import bond_box, onsite_box
from toponn.matter.lattices import cut, normalised_coordinates
from toponn.matter.shapes import bulk_window, disk, rectangle, segment
from toponn.matter.states import chiral_block, chiral_occupied_states, occupied_states, projector
from toponn.matter.systems.extended_ssh import ExtendedSSH
from toponn.matter.systems.haldane import Haldane
from toponn.matter.systems.kitaev_chain import KitaevChain
from toponn.matter.systems.qwz import QWZ
from toponn.matter.systems.ssh import SSH, mean_log_box
from toponn.tools.conventions import IDENTITY, PAULI_X, PAULI_Y, PAULI_Z

QUICK = settings(max_examples=12, deadline=None, database=None, derandomize=True)


# --- Samples ----------------------------------------------------------------------------------------------


class Flake:
    """One open sample: H, P, and where its orbitals are; positions from the middle."""

    def __init__(self, system, shape, disorder=0.0, seed=0, **parameters):
        system = system()
        sites = cut(system.unit_cell, shape.inside, shape.extent)
        terms = system.terms(sites, system.connections(sites), **parameters)
        term = bond_box if system.task == "winding" else onsite_box
        self.H = term(terms, disorder, rng=np.random.default_rng(seed)).hamiltonian()
        middle = (sites.positions.min(axis=0) + sites.positions.max(axis=0)) / 2
        self.where, self.sublattice = sites.positions - middle, sites.sublattice
        self.site = np.repeat(np.arange(len(sites)), system.n_orbitals)
        self.area, self.kappa = system.unit_cell.area_per_site, system.localizer_kappa
        self.window = bulk_window(self.where)
        if system.task == "winding":
            self.h = chiral_block(self.H[None], sites.sublattice)[0]
            self.x = self.where[sites.sublattice == 0, 0]
            U, _, Vh = np.linalg.svd(self.h)
            self.q = U @ Vh
        else:
            occupied, _, level = occupied_states(self.H[None])
            self.P, self.H = projector(occupied)[0], self.H - level[0] * np.eye(len(self.H))

    def markers(self):
        return chern.local_chern_marker(self.P, self.where, self.site, self.area)

    def estimates(self):
        """Return the Chern number by four estimators, not rounded."""
        u = self.where / np.abs(self.where).max(axis=0)
        switch_x, switch_y = (1 + np.tanh(5 * u.T)) / 2
        inside = np.prod((np.tanh(8 * (u + 0.65)) - np.tanh(8 * (u - 0.65))) / 2, axis=1)
        index, _ = even_localizer(self.H[None], self.where[self.site], self.kappa)
        return {
            "marker": chern.real_space_chern(self.P, self.where, self.site, self.area, self.window),
            "sectors": chern.three_sector_chern(self.P, normalised_coordinates(self.where), self.site),
            "switch": chern.switch_chern(self.P, switch_x, switch_y, inside, self.site),
            "localizer": float(index[0]),
        }


CHERN_CASES = {  # literature values: SCIENCE §1 for QWZ, Haldane (1988) for the boundary
    "qwz -1": (QWZ, rectangle((10.0, 10.0)), {"mass": -1.0}, 1),
    "qwz 1": (QWZ, rectangle((10.0, 10.0)), {"mass": 1.0}, -1),
    "qwz 3": (QWZ, rectangle((10.0, 10.0)), {"mass": 3.0}, 0),
    "qwz -3, oblong": (QWZ, rectangle((12.0, 8.0)), {"mass": -3.0}, 0),
    "qwz -1, disk": (QWZ, disk(6.1), {"mass": -1.0}, 1),
    "haldane +": (Haldane, disk(6.5), {"sublattice_mass": 0.0, "t2": 0.2, "phase": -np.pi / 2}, 1),
    "haldane -": (Haldane, disk(6.5), {"sublattice_mass": 0.1, "t2": 0.2, "phase": np.pi / 2}, -1),
    "haldane 0": (Haldane, rectangle((14.0, 12.5)), {"sublattice_mass": 1.8, "t2": 0.2, "phase": 0.8}, 0),
}
WINDING_CASES = {  # |w| > |v| for SSH; for one dominant t_n of the extended chain, ν = n
    "ssh 1": (SSH, {"intracell": 0.4, "intercell": 1.0}, 1),
    "ssh 1, negative": (SSH, {"intracell": 0.4, "intercell": -1.0}, 1),
    "ssh 0": (SSH, {"intracell": 1.7, "intercell": 1.0}, 0),
    "-1": (ExtendedSSH, {"t_minus_1": 1.0, "t_0": 0.3, "t_1": -0.2, "t_2": 0.1}, -1),
    "0": (ExtendedSSH, {"t_minus_1": 0.2, "t_0": 1.0, "t_1": -0.2, "t_2": 0.1}, 0),
    "1": (ExtendedSSH, {"t_minus_1": 0.2, "t_0": -0.3, "t_1": 1.0, "t_2": 0.1}, 1),
    "2": (ExtendedSSH, {"t_minus_1": 0.1, "t_0": 0.2, "t_1": 0.3, "t_2": -1.0}, 2),
}
chern_cases = pytest.mark.parametrize(("system", "shape", "parameters", "C"), CHERN_CASES.values(), ids=CHERN_CASES)
winding_cases = pytest.mark.parametrize(("system", "parameters", "nu"), WINDING_CASES.values(), ids=WINDING_CASES)


# --- Bloch ------------------------------------------------------------------------------------------------


def mesh(n):
    k = 2 * np.pi * np.arange(n) / n
    return np.stack(np.meshgrid(k, k, indexing="ij"), axis=-1)


def qwz_vector(k, mass):
    """Return d(k) of ``H = d · σ`` of QWZ and its derivatives along kx and ky."""
    (x, y), zero = np.moveaxis(k, -1, 0), np.zeros(k.shape[:-1])
    d = np.stack([np.sin(x), np.sin(y), mass + np.cos(x) + np.cos(y)], axis=-1)
    dx = np.stack([np.cos(x), zero, -np.sin(x)], axis=-1)
    dy = np.stack([zero, np.cos(y), -np.sin(y)], axis=-1)
    return d, dx, dy


def degree(k, mass):
    """Return ∫ d·(∂x d × ∂y d)/4π|d|³: the Chern number of the *lower* band with A = i⟨u|∇u⟩, by no eigenvectors."""
    d, dx, dy = qwz_vector(k, mass)
    density = (d * np.cross(dx, dy)).sum(axis=-1) / np.linalg.norm(d, axis=-1) ** 3
    return density.sum() * (2 * np.pi / len(k)) ** 2 / (4 * np.pi)


def kubo(k, mass):
    """Return the Chern number from ``Ω = −2 Im Σ ⟨n|∂xH|m⟩⟨m|∂yH|n⟩/(E_n − E_m)²``, summed over the mesh."""
    d, dx, dy = qwz_vector(k, mass)
    pauli = np.stack([PAULI_X, PAULI_Y, PAULI_Z])
    H, Hx, Hy = (np.einsum("xyi,iab->xyab", v, pauli) for v in (d, dx, dy))
    E, V = np.linalg.eigh(H)
    low, high = V[..., 0], V[..., 1]
    x = np.einsum("xya,xyab,xyb->xy", low.conj(), Hx, high)
    y = np.einsum("xya,xyab,xyb->xy", high.conj(), Hy, low)
    curvature = -2 * (x * y).imag / (E[..., 1] - E[..., 0]) ** 2
    return curvature.sum() * (2 * np.pi / len(k)) ** 2 / (2 * np.pi)


def fukui(bloch, mesh_size, filled=1):
    """Return the Chern number by loops over plaquettes, J. Phys. Soc. Jpn. 74, 1674 (2005); sign of SCIENCE §1."""
    k = 2 * np.pi * np.arange(mesh_size) / mesh_size
    u = [[np.linalg.eigh(bloch(a, b))[1][:, :filled] for b in k] for a in k]
    total = 0.0
    for i, j in product(range(mesh_size), repeat=2):
        corners = [
            u[i][j],
            u[(i + 1) % mesh_size][j],
            u[(i + 1) % mesh_size][(j + 1) % mesh_size],
            u[i][(j + 1) % mesh_size],
        ]
        loop = 1.0 + 0j
        for here, there in zip(corners, corners[1:] + corners[:1], strict=True):
            loop *= np.linalg.det(here.conj().T @ there)
        total += np.angle(loop)
    return -total / (2 * np.pi)


@pytest.mark.parametrize(
    ("mass", "C"), [(-3, 0), (-2.2, 0), (-1.8, 1), (-1, 1), (-0.2, 1), (0.2, -1), (1, -1), (1.8, -1), (2.2, 0), (3, 0)]
)
def test_the_chern_number_of_qwz_is_that_of_four_formulas_and_of_the_literature(mass, C):
    k = mesh(60)
    assert chern_number(QWZ().bloch(mesh(24), mass=mass)) == C
    assert degree(k, mass) == pytest.approx(C, abs=0.01)
    assert kubo(k, mass) == pytest.approx(C, abs=0.01)

    def bloch(x, y):
        return (mass + np.cos(x) + np.cos(y)) * PAULI_Z + np.sin(x) * PAULI_X + np.sin(y) * PAULI_Y

    assert fukui(bloch, 12) == pytest.approx(C, abs=1e-9)


@QUICK
@given(st.floats(-1.5, 1.5), st.floats(-3, 3))
def test_haldane_is_topological_within_the_published_boundary_with_the_sign_of_minus_sin_phi(M, phi):
    boundary = 3 * np.sqrt(3) * 0.2 * abs(np.sin(phi))
    assume(abs(abs(M) - boundary) > 0.08)
    expected = -int(np.sign(np.sin(phi))) if abs(M) < boundary else 0
    parameters = {"sublattice_mass": M, "t2": 0.2, "phase": phi}
    assert chern_number(Haldane().bloch(mesh(27), **parameters)) == expected


def test_the_mesh_formula_of_haldane_agrees_with_a_loop_over_plaquettes():
    def bloch(x, y):  # from the text of the model: A at the origin, B by (0, 0), (0, −1), (1, −1) cells
        near = 1 + np.exp(1j * y) + np.exp(1j * (y - x))
        second = [2 * 0.2 * sum(np.cos(b - s * 1.2) for b in (x, y - x, -y)) for s in (1, -1)]
        return np.array([[0.3 + second[0], near.conjugate()], [near, -0.3 + second[1]]])

    assert fukui(bloch, 14) == pytest.approx(-1, abs=1e-9)
    assert chern_number(Haldane().bloch(mesh(14), sublattice_mass=0.3, t2=0.2, phase=1.2)) == -1


def test_the_chern_number_turns_its_sign_under_conjugation_and_under_exchange_of_axes_and_adds_over_stacked_layers():
    H = QWZ().bloch(mesh(16), mass=-1.0)
    trivial = QWZ().bloch(mesh(16), mass=-3.0)
    assert chern_number(H) == 1
    assert chern_number(H.conj()[::-1, ::-1]) == -1  # H*(−k), of the complex conjugate Hamiltonian
    assert chern_number(H.swapaxes(0, 1)) == -1
    for layers, C in (((H, H), 2), ((H, trivial), 1), ((H, H.swapaxes(0, 1)), 0)):
        stacked = np.zeros((16, 16, 4, 4), dtype=complex)
        stacked[..., :2, :2], stacked[..., 2:, 2:] = layers
        assert chern_number(stacked) == C
    assert chern_number(np.stack([H, trivial])).tolist() == [1, 0]


@QUICK
@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4))
def test_the_winding_number_counts_zeros_in_the_unit_circle_less_the_pole(hoppings):
    h = dict(zip((-1, 0, 1, 2), hoppings, strict=True))
    assume(abs(hoppings[0]) > 1e-3)
    assume(abs(hoppings[3]) > 1e-3)
    zeros = np.abs(np.roots(hoppings[::-1]))  # of z h(z), by Cauchy's argument principle
    assume(np.abs(zeros - 1).min() > 0.02)
    assert winding_number(h) == (zeros < 1).sum() - 1


def test_winding_numbers_add_for_products_and_turn_their_sign_under_conjugation():
    a, b = np.array([0.3, 1.0]), np.array([1.0, 0.2, -2.0])
    numbers = [winding_number(dict(enumerate(c))) for c in (a, b, np.convolve(a, b))]
    assert numbers == [1, 2, 3]
    assert winding_number({-n: t for n, t in enumerate(b)}) == -2
    assert [winding_number({n: 1.0}) for n in (-2, 0, 3)] == [-2, 0, 3]  # atomic limits


# --- The winding number in real space ---------------------------------------------------------------------


def flow_by_loops(q, a, b):
    total = 0.0
    for i, j in product(range(len(q)), repeat=2):
        total += 0.5 * (a[i] * b[j] - b[i] * a[j]) * abs(q[i, j]) ** 2
    return total


def density(q, x):
    """Return ``(q†[X, q])_jj`` by commutators, and its twin on the other sublattice, ``([X, q]q†)_jj``."""
    X = np.diag(x)
    commutator = X @ q - q @ X
    return np.diag(q.conj().T @ commutator).real, np.diag(commutator @ q.conj().T).real


def test_the_flow_is_the_double_sum_over_cells():
    rng = np.random.default_rng(1)
    q = unitary_group.rvs(7, size=3, random_state=rng)
    a, b = rng.normal(size=(2, 7))
    found = antisymmetric_flow(q, a, b)
    assert agree(found, np.array([flow_by_loops(one, a, b) for one in q]))
    assert agree(antisymmetric_flow(q, b, a), -found)
    assert agree(antisymmetric_flow(q, a, a), np.zeros(3))


@winding_cases
def test_the_real_space_winding_is_the_winding_number(system, parameters, nu):
    chain = Flake(system, segment((40,)), **parameters)
    window = bulk_window(chain.x[:, None])
    found = real_space_winding(chain.q, chain.x, window)
    assert found == pytest.approx(nu, abs=0.02)
    left, right = density(chain.q, chain.x)
    assert found == pytest.approx((left[window].mean() + right[window].mean()) / 2, abs=1e-10)
    x = np.arange(40.0)  # another origin
    assert real_space_winding(chain.q, x, window) == pytest.approx(found, abs=1e-10)


@winding_cases
def test_four_estimators_of_the_winding_number_agree_on_disordered_chains(system, parameters, nu):
    for seed in range(3):
        chain = Flake(system, segment((40,)), disorder=0.4, seed=seed, **parameters)
        window = bulk_window(chain.x[:, None])
        u = chain.x / chain.x.max()
        smooth = (np.tanh(8 * (u + 0.65)) - np.tanh(8 * (u - 0.65))) / 2
        index, margin = odd_localizer(chain.h[None], chain.x, chain.kappa)
        assert margin[0] > 0.2
        assert index[0] == nu
        assert real_space_winding(chain.q, chain.x, window) == pytest.approx(nu, abs=0.2)
        assert switch_winding(chain.q, (1 + np.tanh(5 * u)) / 2, smooth) == pytest.approx(nu, abs=0.1)
        if system is SSH:
            v, w = np.diag(chain.h), np.diag(chain.h, -1)
            assert product_rule(v, w) == nu


@winding_cases
def test_the_full_trace_over_an_open_chain_is_zero_in_every_phase(system, parameters, nu):
    # SCIENCE, trap 1: rows and columns of a unitary matrix are normalised.
    chain = Flake(system, segment((20,)), **parameters)
    everywhere = np.ones(20, dtype=bool)
    assert real_space_winding(chain.q, chain.x, everywhere) == pytest.approx(0, abs=1e-12)
    window = bulk_window(chain.x[:, None])
    assert real_space_winding(chain.q, chain.x, window) == pytest.approx(nu, abs=0.2), "control"


def test_the_real_space_winding_adds_over_chains_and_turns_its_sign_when_sublattices_or_ends_are_exchanged():
    a, b = (
        Flake(SSH, segment((40,)), intracell=0.4, intercell=1.0),
        Flake(ExtendedSSH, segment((40,)), **WINDING_CASES["2"][1]),
    )
    window = bulk_window(a.x[:, None])
    one, two = (real_space_winding(chain.q, chain.x, window) for chain in (a, b))
    both = np.zeros((80, 80), dtype=complex)
    both[:40, :40], both[40:, 40:] = a.q, b.q
    sum_ = real_space_winding(both, np.tile(a.x, 2), np.tile(window, 2)) * 2  # a mean over twice the cells
    assert sum_ == pytest.approx(one + two, abs=1e-10)
    assert real_space_winding(a.q.conj().T, a.x, window) == pytest.approx(-one, abs=1e-10)
    assert real_space_winding(a.q[::-1, ::-1], a.x, window) == pytest.approx(-one, abs=1e-10)
    assert real_space_winding(np.eye(40), a.x, window) == 0


def test_a_phase_on_every_site_does_not_move_the_real_space_winding():
    chain = Flake(SSH, segment((20,)), disorder=0.5, intracell=0.6, intercell=1.0)
    window = bulk_window(chain.x[:, None])
    rng = np.random.default_rng(2)
    A, B = (np.diag(np.exp(2j * np.pi * rng.random(20))) for _ in range(2))
    expected = real_space_winding(chain.q, chain.x, window)
    assert agree(real_space_winding(A @ chain.q @ B, chain.x, window), expected)
    mixed = unitary_group.rvs(20, random_state=rng) @ chain.q
    assert not agree(real_space_winding(mixed, chain.x, window), expected), "control: mixing of sites"


def test_the_product_rule_is_the_winding_of_a_disordered_ring():
    # det h(φ) = Π v − (−1)^N e^{iφ} Π w for a twist φ of a nearest-neighbour ring of N cells.
    rng = np.random.default_rng(3)
    for _ in range(20):
        v, w = rng.uniform(-2, 2, size=(2, 5))
        phases = np.exp(2j * np.pi * np.arange(65) / 64)
        h = np.array([np.diag(v) + np.diag(w[:-1], -1) + np.diag([w[-1] * z], 4) for z in phases])
        determinant = np.linalg.det(h)
        winding = np.angle(determinant[1:] / determinant[:-1]).sum() / (2 * np.pi)
        assert product_rule(v, w) == round(winding)


@pytest.mark.parametrize("width", [0.5, 2.0, 3.0, 4.0, 6.0])
@pytest.mark.parametrize("v", [0.5, 1.1, 1.6])
def test_the_product_rule_of_a_long_chain_follows_the_published_boundary(v, width):
    # PRL 113, 046802: topological where E ln|w| > E ln|v|; widths W within and W/2 between cells.
    excess = float(mean_log_box(1.0, width / 2) - mean_log_box(v, width))
    chain = 20_000
    if abs(excess) > 5 * 1.5 / np.sqrt(chain):
        rng = np.random.default_rng(4)
        bonds = v + width * rng.uniform(-0.5, 0.5, chain), 1 + width / 2 * rng.uniform(-0.5, 0.5, chain)
        assert product_rule(*bonds) == (excess > 0)


# --- The Chern number in real space -----------------------------------------------------------------------


def random_projector(n, rng):
    U = unitary_group.rvs(n, random_state=rng)[:, : n // 2]
    return U @ U.conj().T


def marker_by_commutators(P, where, site, area):
    """Return ``−(2πi/A) ⟨r|[PXP, PYP]|r⟩`` summed over the orbitals of each site, Bianco and Resta (2011)."""
    X, Y = (np.diag(where[site, axis]) for axis in (0, 1))
    A, B = P @ X @ P, P @ Y @ P
    diagonal = np.diag(-2j * np.pi / area * (A @ B - B @ A)).real
    return np.array([diagonal[site == s].sum() for s in range(len(where))])


def sectors_by_loops(P, where, cutoff, angle):
    """Return Kitaev's sum with one orbital a site, ``12πi Σ (P_jk P_kl P_lj − P_jl P_lk P_kj)``, −1 for his sign."""
    low, high = where.min(axis=0), where.max(axis=0)
    u = 2 * (where - low) / (high - low) - 1
    groups = [[], [], []]
    for i, (x, y) in enumerate(u):
        if max(abs(x), abs(y)) < cutoff:
            groups[int(((np.arctan2(y, x) - angle) % (2 * np.pi)) // (2 * np.pi / 3))].append(i)
    total = 0.0
    for j, k, m in product(*groups):
        total += P[j, k] * P[k, m] * P[m, j] - P[j, m] * P[m, k] * P[k, j]
    return (-12j * np.pi * total).real


def test_the_ring_trace_is_the_trace_of_six_matrices_and_antisymmetric():
    rng = np.random.default_rng(5)
    P = np.stack([random_projector(8, rng) for _ in range(3)])
    a, b, c = rng.normal(size=(3, 8))
    found = chern.ring_trace(P, a, b, c)
    expected = [np.trace(np.diag(a) @ p @ np.diag(b) @ p @ np.diag(c) @ p).imag for p in P]
    assert agree(found, np.array(expected))
    assert agree(chern.ring_trace(P, b, c, a), found)
    assert agree(chern.ring_trace(P, b, a, c), -found)
    assert agree(chern.ring_trace(P, a, a, c), np.zeros(3))
    assert agree(chern.ring_trace(P.conj(), a, b, c), -found)


def test_the_local_chern_marker_is_a_commutator_and_the_sectors_a_sum_over_triples():
    rng = np.random.default_rng(6)
    where = rng.uniform(-1, 1, size=(14, 2))
    single, u = np.arange(14), normalised_coordinates(where)
    P = random_projector(14, rng)
    for angle in (0.1, 1.3):
        expected = sectors_by_loops(P, where, 0.8, angle)
        assert abs(expected) > 0.05, "no sector is empty"
        assert chern.three_sector_chern(P, u, single, angle=angle) == pytest.approx(expected, abs=1e-10)
    double = np.repeat(single, 2)
    P = random_projector(28, rng)
    assert agree(chern.local_chern_marker(P, where, double, 0.7), marker_by_commutators(P, where, double, 0.7))
    batch = chern.local_chern_marker(np.stack([P, P.conj()]), where, double, 0.7)
    assert agree(batch[1], -batch[0])


@chern_cases
def test_four_estimators_of_the_chern_number_agree_with_the_literature_on_clean_and_disordered_samples(
    system, shape, parameters, C
):
    for disorder in (0.0, 0.8):
        flake = Flake(system, shape, disorder=disorder, seed=1, **parameters)
        found = flake.estimates()
        assert found["localizer"] == C
        assert found["marker"] == pytest.approx(C, abs=0.15)
        assert found["sectors"] == pytest.approx(C, abs=0.15)
        assert found["switch"] == pytest.approx(C, abs=0.3)
        assert {round(value) for value in found.values()} == {C}


def test_the_estimators_converge_to_the_integer_as_the_sample_grows():
    errors = []
    for side in (6.0, 10.0, 14.0):
        found = Flake(QWZ, rectangle((side, side)), mass=-1.0).estimates()
        errors.append([abs(found[key] - 1) for key in ("marker", "sectors", "switch")])
    assert (np.array(errors[2]) < [1e-3, 1e-3, 0.05]).all()  # a smooth window of finite slope costs some of the flow
    assert (np.array(errors[2]) < np.array(errors[0])).all()


@chern_cases
def test_the_full_trace_over_an_open_sample_is_zero_in_every_phase(system, shape, parameters, C):
    # SCIENCE, traps 1 and 2: only a bulk window, or sectors cut off inside the sample, see the phase.
    flake = Flake(system, shape, **parameters)
    assert flake.markers().sum() == pytest.approx(0, abs=1e-8)
    whole = chern.three_sector_chern(flake.P, normalised_coordinates(flake.where), flake.site, cutoff=1.1)
    assert whole == pytest.approx(0, abs=1e-8)
    assert round(float(flake.markers()[flake.window].mean())) == C, "control"


def moved_by(flake, P=None, where=None):
    """Return how far the three real-space forms move when P or the positions are replaced."""
    P, where = flake.P if P is None else P, flake.where if where is None else where
    values = []
    for projected, positions in ((flake.P, flake.where), (P, where)):
        values.append(
            np.concatenate(
                [
                    chern.local_chern_marker(projected, positions, flake.site, flake.area),
                    [chern.three_sector_chern(projected, normalised_coordinates(positions), flake.site)],
                    [chern.real_space_chern(projected, positions, flake.site, flake.area, flake.window)],
                ]
            )
        )
    return np.abs(values[1] - values[0]).max()


@pytest.fixture(scope="module")
def disordered():
    return Flake(QWZ, rectangle((7.0, 6.0)), disorder=1.0, seed=2, mass=-0.9)


def test_a_change_of_basis_on_every_site_moves_no_form_of_the_chern_number(disordered):
    rng = np.random.default_rng(7)
    n = len(disordered.P)
    local = np.zeros((n, n), dtype=complex)
    for s in range(n // 2):
        local[2 * s : 2 * s + 2, 2 * s : 2 * s + 2] = unitary_group.rvs(2, random_state=rng)
    assert moved_by(disordered, P=local @ disordered.P @ local.conj().T) < 1e-9
    mixing = np.roll(local, 1, axis=0)  # orbitals of neighbouring sites exchanged
    assert moved_by(disordered, P=mixing @ disordered.P @ mixing.conj().T) > 1e-2, "control"


def test_a_translation_of_the_sample_moves_no_form_of_the_chern_number(disordered):
    assert moved_by(disordered, where=disordered.where + [13.0, -4.5]) < 1e-8
    assert moved_by(disordered, where=disordered.where * [2.0, 1.0]) > 1e-2, "control"


@chern_cases
def test_the_chern_number_turns_its_sign_under_complex_conjugation_and_in_a_mirror(system, shape, parameters, C):
    flake = Flake(system, shape, disorder=0.5, **parameters)
    forward = flake.estimates()
    flake.P, flake.H = flake.P.conj(), flake.H.conj()
    for key, value in flake.estimates().items():
        assert value == pytest.approx(-forward[key], abs=1e-8)
    flake.where = flake.where * [-1.0, 1.0]
    twice = flake.estimates()
    for key in ("marker", "switch", "localizer"):  # the sectors begin at an angle that has no mirror image
        assert twice[key] == pytest.approx(forward[key], abs=1e-8)


def test_the_chern_number_adds_over_stacked_layers_and_is_zero_in_the_atomic_limit():
    one, other = Flake(QWZ, rectangle((6.0, 6.0)), mass=-1.0), Flake(QWZ, rectangle((6.0, 6.0)), mass=-0.5)
    n = len(one.P)
    stacked = np.zeros((2 * n, 2 * n), dtype=complex)
    stacked[:n, :n], stacked[n:, n:] = one.P, other.P
    site = np.tile(one.site, 2)
    together = chern.local_chern_marker(stacked, one.where, site, one.area)
    assert agree(together, one.markers() + other.markers())
    H = np.zeros_like(stacked)
    H[:n, :n], H[n:, n:] = one.H, other.H
    assert even_localizer(H[None], one.where[site], 0.4)[0] == 2
    atomic = np.diag(np.tile([1.0, 0.0], n // 2)).astype(complex)
    assert not chern.local_chern_marker(atomic, one.where, one.site, one.area).any()
    assert chern.three_sector_chern(atomic, normalised_coordinates(one.where), one.site) == 0


# --- Spectral localizers ----------------------------------------------------------------------------------


def signature(L):
    """Return −½ Sig and the smallest absolute eigenvalue, by NumPy."""
    assert agree(L, L.conj().T)
    values = np.linalg.eigvalsh(L)
    return -np.sign(values).sum() / 2, np.abs(values).min()


def test_the_localizers_are_the_matrices_built_by_kronecker_products():
    rng = np.random.default_rng(8)
    H = rng.normal(size=(4, 10, 10)) + 1j * rng.normal(size=(4, 10, 10))
    H = H + H.conj().swapaxes(1, 2)
    where = rng.normal(size=(10, 2))
    index, margin = even_localizer(H, where, 0.7)
    for b in range(4):
        L = 0.7 * (np.kron(PAULI_X, np.diag(where[:, 0])) + np.kron(PAULI_Y, np.diag(where[:, 1]))) + np.kron(
            PAULI_Z, H[b]
        )
        assert (index[b], margin[b]) == pytest.approx(signature(L), abs=1e-10)
    h = H[:, :5, 5:]
    index, margin = odd_localizer(h, where[:5, 0], 0.7)
    raising = (PAULI_X + 1j * PAULI_Y) / 2
    for b in range(4):
        L = np.kron(PAULI_Z, 0.7 * np.diag(where[:5, 0])) + np.kron(raising, h[b]) + np.kron(raising.T, h[b].conj().T)
        assert (index[b], margin[b]) == pytest.approx(signature(L), abs=1e-10)
    assert len(set(index.tolist())) > 1 or np.ptp(margin) > 0


@pytest.mark.parametrize("mass", [-3.2, -2.5, -1.5, -1.2, -0.8, -0.4, 0.4, 0.8, 1.2, 1.5, 2.5, 3.2])
def test_the_localizer_of_clean_qwz_squares_is_the_bloch_number_at_many_gaps(mass):
    C = chern_number(QWZ().bloch(mesh(24), mass=mass))
    for side in (6.0, 9.0):
        flake = Flake(QWZ, rectangle((side, side)), mass=mass)
        index, margin = even_localizer(flake.H[None], flake.where[flake.site], flake.kappa)
        assert index[0] == C
        assert margin[0] > 0.2


@QUICK
@given(st.floats(-1.5, 1.5), st.floats(-3, 3))
def test_the_localizer_of_clean_haldane_disks_is_the_bloch_number_wherever_it_is_decided(M, phi):
    parameters = {"sublattice_mass": M, "t2": 0.2, "phase": phi}
    flake = Flake(Haldane, disk(6.5), **parameters)
    index, margin = even_localizer(flake.H[None], flake.where[flake.site], flake.kappa)
    assume(margin[0] > 0.2)
    assert index[0] == chern_number(Haldane().bloch(mesh(30), **parameters))


@QUICK
@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4))
def test_the_localizer_of_clean_chains_is_the_bloch_number_wherever_it_is_decided(hoppings):
    h = dict(zip((-1, 0, 1, 2), hoppings, strict=True))
    chain = Flake(ExtendedSSH, segment((24,)), **dict(zip(ExtendedSSH.parameters, hoppings, strict=True)))
    index, margin = odd_localizer(chain.h[None], chain.x, chain.kappa)
    assume(margin[0] > 0.2)
    assert index[0] == winding_number(h)


def test_the_margin_is_the_size_of_the_smallest_perturbation_that_can_change_the_index(disordered):
    rng = np.random.default_rng(9)
    place = disordered.where[disordered.site]
    index, margin = even_localizer(disordered.H[None], place, 0.4)
    for _ in range(5):
        change = rng.normal(size=disordered.H.shape) + 1j * rng.normal(size=disordered.H.shape)
        change = change + change.conj().T
        change = change / np.linalg.norm(change, 2)
        near, left = even_localizer((disordered.H + 0.99 * margin[0] * change)[None], place, 0.4)
        assert near[0] == index[0]
        assert left[0] >= 0.009 * margin[0]
    everything, _ = even_localizer((disordered.H + 20 * np.eye(len(place)))[None], place, 0.4)
    assert everything[0] == 0 != index[0], "control: with the Fermi level far away nothing is topological"


def test_the_odd_localizer_turns_its_sign_under_exchange_of_sublattices_and_adds_over_chains():
    a = Flake(SSH, segment((20,)), intracell=0.4, intercell=1.0)
    b = Flake(ExtendedSSH, segment((20,)), **WINDING_CASES["2"][1])
    both = np.zeros((40, 40), dtype=complex)
    both[:20, :20], both[20:, 20:] = a.h, b.h
    assert odd_localizer(both[None], np.tile(a.x, 2), 0.1)[0] == 3
    assert odd_localizer(a.h.conj().T[None], a.x, 0.1)[0] == -1
    assert odd_localizer(np.stack([a.h, b.h]), a.x, 0.1)[0].tolist() == [1, 2]


def test_the_conventions_are_the_pauli_algebra():
    for a, b, c in ((PAULI_X, PAULI_Y, PAULI_Z), (PAULI_Y, PAULI_Z, PAULI_X), (PAULI_Z, PAULI_X, PAULI_Y)):
        assert agree(a @ b, 1j * c)
        assert agree(a @ a, IDENTITY)


# --- The winding density, and the full trace without the mid-gap pair -------------------------------------


CHIRAL = {  # system, parameters, disorder
    "ssh": (SSH, {"intracell": 0.6, "intercell": 1.0}, 0.8),
    "ssh trivial": (SSH, {"intracell": 1.4, "intercell": 1.0}, 0.8),
    "extended 2": (ExtendedSSH, {"t_minus_1": 0.1, "t_0": 0.2, "t_1": 0.3, "t_2": -1.0}, 0.3),
    "kitaev": (KitaevChain, {"chemical_potential": 0.7, "hopping": 1.0, "pairing": -0.6}, 0.5),
}
chiral_samples = pytest.mark.parametrize(("system", "parameters", "disorder"), CHIRAL.values(), ids=CHIRAL)


@chiral_samples
def test_the_winding_density_is_the_diagonal_of_the_commutator(system, parameters, disorder):
    flake = Flake(system, segment((14,)), disorder=disorder, seed=3, **parameters)
    q, X = flake.q, np.diag(flake.x)
    density = winding_density(q, flake.x)
    assert agree(density, np.diag(q.conj().T @ (X @ q - q @ X)).real)
    twin = np.diag((X @ q - q @ X) @ q.conj().T).real  # on the other sublattice
    window = flake.window[flake.sublattice == 0]
    mean = (density + twin)[window].mean() / 2
    assert agree(mean, real_space_winding(q, flake.x, window))
    assert agree(winding_density(np.stack([q, q.T]), flake.x)[0], density)
    assert abs(density.sum()) < 1e-9  # with the ends it is zero in every phase
    assert not agree(winding_density(q.T, flake.x), density)  # control


@chiral_samples
@pytest.mark.parametrize("cells", [8, 13, 24])
def test_without_the_midgap_pair_the_full_trace_is_what_this_pair_carries(cells, system, parameters, disorder):
    flake = Flake(system, segment((cells,)), disorder=disorder, seed=5, **parameters)
    U, _, Vh = np.linalg.svd(flake.h)
    u, v = np.abs(U[:, -1]) ** 2, np.abs(Vh[-1]) ** 2  # the pair, on A and on B
    edge = (v - u) @ flake.x / cells
    occupied = chiral_occupied_states(flake.h[None], flake.sublattice)[0]
    rng = np.random.default_rng(0)
    gauge = unitary_group.rvs(cells - 1, random_state=rng)
    for states in (occupied[:, :-1], gauge @ occupied[:, :-1]):
        assert agree(midgap_winding(states, flake.x, flake.sublattice), np.array([edge]))
        assert agree(midgap_winding(states, flake.x + 7.0, flake.sublattice), np.array([edge]))  # no origin
    assert agree(midgap_winding(occupied[0, :-1], flake.x, flake.sublattice), edge)
    assert abs(midgap_winding(occupied, flake.x, flake.sublattice)[0]) < 1e-9  # control: SCIENCE, trap 1


@pytest.mark.parametrize("cells", [16, 48])
@winding_cases
def test_without_the_midgap_pair_the_full_trace_tells_one_pair_of_ends_from_none(system, parameters, nu, cells):
    flake = Flake(system, segment((cells,)), **parameters)
    occupied = chiral_occupied_states(flake.h[None], flake.sublattice)[0][:, :-1]
    found = midgap_winding(occupied, flake.x, flake.sublattice)[0]
    assert abs(found - np.sign(nu)) < (0.3 if cells == 16 else 0.1)  # a second pair stays: ν = 2 reads 1
