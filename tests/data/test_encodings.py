from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import ortho_group, unitary_group
from tolerances import agree

from toponn.data.encodings.cell_image import cell_image
from toponn.data.encodings.loops import loops, pair_indices, pair_loops, triple_indices, triple_loops
from toponn.data.encodings.occupied import occupied
from toponn.data.encodings.projectors import projectors
from toponn.invariants.chern import ring_trace
from toponn.invariants.winding import antisymmetric_flow
from toponn.matter.lattices import cut
from toponn.matter.samples import Samples
from toponn.matter.shapes import disk, rectangle, segment
from toponn.matter.states import chiral_occupied_states, occupied_states, projector, scramble_gauge
from toponn.matter.systems.extended_ssh import ExtendedSSH
from toponn.matter.systems.haldane import Haldane
from toponn.matter.systems.qwz import QWZ
from toponn.tools.checks import DataError, NotApplicable


@pytest.fixture
def rng():
    return np.random.default_rng(20250926)


def random_projectors(batch, n, rng):
    U = unitary_group.rvs(n, size=batch, random_state=rng)[..., : n // 2]
    return U @ U.conj().swapaxes(-1, -2)


def states_of(system, shape, batch, **parameters):
    """Return the states of samples that differ by a random diagonal, on chains by random bonds."""
    rng = np.random.default_rng(1)
    system = system()
    sites = cut(system.unit_cell, shape.inside, shape.extent)
    H = system.terms(sites, system.connections(sites), **parameters).hamiltonian()
    if system.task == "winding":
        A, B = sites.sublattice == 0, sites.sublattice == 1
        h = H[np.ix_(A, B)].real + 0.2 * rng.normal(size=(batch, A.sum(), B.sum()))
        occupied, _ = chiral_occupied_states(h, sites.sublattice)
    else:
        occupied, _, _ = occupied_states(np.stack([H + np.diag(0.5 * rng.normal(size=len(H))) for _ in range(batch)]))
    return Samples(states=occupied, positions=sites.positions, sublattice=sites.sublattice, cell=sites.cell)


STATES = {
    "chain": lambda: states_of(ExtendedSSH, segment((6,)), 3, t_minus_1=0.2, t_0=0.3, t_1=1.0, t_2=0.4),
    "square": lambda: states_of(QWZ, rectangle((4.0, 3.0)), 3, mass=-1.0),
    "honeycomb": lambda: states_of(Haldane, disk(2.7), 3, sublattice_mass=0.3, t2=0.2, phase=1.0),
}
all_states = pytest.mark.parametrize("states", [pytest.param(make(), id=name) for name, make in STATES.items()])


# --- Loop features against loops --------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 4, 7])
def test_pairs_and_triples_come_in_lexicographic_order(n):
    assert pair_indices(n).T.tolist() == [list(c) for c in combinations(range(n), 2)]
    assert triple_indices(n).T.tolist() == [list(c) for c in combinations(range(n), 3)]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_sites_have_no_triples(n):
    assert triple_indices(n).shape == (3, 0)


@pytest.mark.parametrize("orbitals", [1, 2, 3])
def test_triple_loops_are_traces_around_triangles(rng, orbitals):
    n = 5
    P = random_projectors(3, n * orbitals, rng)
    found = triple_loops(P, orbitals)
    assert found.shape == (3, 10)
    for b in range(3):
        blocks = {
            (i, j): P[b, i * orbitals : (i + 1) * orbitals, j * orbitals : (j + 1) * orbitals]
            for i, j in product(range(n), repeat=2)
        }
        for number, (i, j, k) in enumerate(combinations(range(n), 3)):
            expected = np.trace(blocks[i, j] @ blocks[j, k] @ blocks[k, i]).imag
            assert agree(found[b, number], expected)


def test_pair_loops_are_differences_of_weights(rng):
    q = unitary_group.rvs(6, size=2, random_state=rng)
    found = pair_loops(q)
    for b, (number, (i, j)) in product(range(2), enumerate(combinations(range(6), 2))):
        assert agree(found[b, number], abs(q[b, i, j]) ** 2 - abs(q[b, j, i]) ** 2)


@pytest.mark.parametrize("orbitals", [1, 2])
def test_the_ring_is_linear_in_the_triple_loops_with_the_wedge_product_as_weights(rng, orbitals):
    # SCIENCE §3: Im tr(D_a P D_b P D_c P) = Σ_{i<j<k} T_ijk det[a, b, c]; the left side knows nothing of loops.
    n = 6
    P = random_projectors(2, n * orbitals, rng)
    tensors = rng.normal(size=(3, n))
    ring = ring_trace(P, *np.repeat(tensors, orbitals, axis=1))
    weights = [np.linalg.det(tensors[:, list(triple)].T) for triple in combinations(range(n), 3)]
    assert agree(triple_loops(P, orbitals) @ weights, ring)
    assert not agree(triple_loops(P, orbitals) @ np.abs(weights), ring), "control"


def test_the_flow_is_linear_in_the_pair_loops_with_the_wedge_product_as_weights(rng):
    q = unitary_group.rvs(6, size=2, random_state=rng)
    a, b = rng.normal(size=(2, 6))
    weights = [(a[i] * b[j] - b[i] * a[j]) / 2 for i, j in combinations(range(6), 2)]
    assert agree(pair_loops(q) @ weights, antisymmetric_flow(q, a, b))


def test_triple_loops_are_antisymmetric_in_the_sites_and_turn_their_sign_under_conjugation(rng):
    P = random_projectors(2, 3, rng)[:1]
    T = triple_loops(P, 1)[0, 0]
    for order, sign in (((1, 2, 0), 1), ((2, 0, 1), 1), ((1, 0, 2), -1), ((0, 2, 1), -1)):
        assert agree(triple_loops(P[:, order][:, :, order], 1)[0, 0], sign * T)
    assert agree(triple_loops(P.conj(), 1)[0, 0], -T)


@all_states
def test_the_loop_encoding_is_the_loops_of_the_projector_with_normalised_coordinates(states):
    found = loops(states)
    orbitals = len(states.site_of_orbital) // len(states.positions)
    if states.dimension == 1:
        A, B = states.sublattice == 0, states.sublattice == 1
        q = np.stack([-2 * projector(o)[np.ix_(A, B)] for o in states.occupied])
        expected, where = pair_loops(q), states.positions[A]
    else:
        expected, where = triple_loops(projector(states.occupied), orbitals), states.positions
    assert found["loops"].dtype == np.float32
    assert agree(found["loops"], expected)
    middle = (where.max(axis=0) + where.min(axis=0)) / 2
    assert agree(found["coordinates"], 2 * (where - middle) / np.ptp(where, axis=0))


def test_pair_loops_need_as_many_a_sites_as_b_sites():
    states = STATES["chain"]()
    for sublattice in (None, np.zeros(12, dtype=int)):
        with pytest.raises(NotApplicable, match="as many A sites as B sites"):
            loops(replace(states, sublattice=sublattice))


# --- The cell image against loops -------------------------------------------------------------------------


def image_by_loops(states, stencil):
    """Return, as a dict, P[(r, α), (r + δ, β)] of the first sample by cell, δ, α, β; what is not there is left out."""
    P = projector(states.occupied[0])
    orbitals = len(states.site_of_orbital) // len(states.positions)
    place = {}
    for o, s in enumerate(states.site_of_orbital):
        place[(*states.cell[s].tolist(), int(states.sublattice[s]) * orbitals + o % orbitals)] = o
    values = {}
    for key, row in place.items():
        cell, a = key[:-1], key[-1]
        for delta in product(range(-stencil, stencil + 1), repeat=len(cell)):
            there = tuple(c + d for c, d in zip(cell, delta, strict=True))
            for b in range(max(k[-1] for k in place) + 1):
                if (*there, b) in place:
                    values[cell, delta, a, b] = P[row, place[(*there, b)]]
    return values


@all_states
@pytest.mark.parametrize("stencil", [0, 1, 2])
def test_the_cell_image_holds_the_projector_by_cell_and_displacement_and_zero_outside(states, stencil):
    expected = image_by_loops(states, stencil)
    image = cell_image(states, stencil=stencil)["image"]
    d, m = states.dimension, max(a for _, _, a, _ in expected) + 1
    grid = tuple(states.cell.max(axis=0) + 1)
    assert image.shape == (3, 2 * (2 * stencil + 1) ** d * m**2, *grid)
    assert image.dtype == np.float32
    real, imaginary = image[0].reshape(2, -1, *grid)
    deltas = list(product(range(-stencil, stencil + 1), repeat=d))
    filled = np.zeros((len(deltas), m, m, *grid), dtype=complex)
    for (cell, delta, a, b), value in expected.items():
        filled[(deltas.index(delta), a, b, *cell)] = value
    assert agree((real + 1j * imaginary).reshape(filled.shape), filled)


def test_a_cell_image_needs_cells():
    states = STATES["square"]()
    for cell, sublattice in ((None, states.sublattice), (states.cell, None)):
        with pytest.raises(NotApplicable, match="needs a lattice of unit cells"):
            cell_image(replace(states, sublattice=sublattice, cell=cell), stencil=1)


# --- Laws -------------------------------------------------------------------------------------------------

ENCODERS = {"loops": lambda s: loops(s)["loops"], "cell_image": lambda s: cell_image(s, stencil=1)["image"]}
encoders = pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)


def with_states(states, occupied):
    return replace(states, states=occupied)


def rotated(states, rng):
    """Change the basis of every site at random, a phase where it has one orbital."""
    n, orbitals = len(states.positions), len(states.site_of_orbital) // len(states.positions)
    U = np.zeros((n * orbitals, n * orbitals), dtype=complex)
    for s in range(n):
        here = slice(s * orbitals, (s + 1) * orbitals)
        U[here, here] = (
            unitary_group.rvs(orbitals, random_state=rng) if orbitals > 1 else np.exp(2j * np.pi * rng.random())
        )
    return with_states(states, states.occupied @ U.T)


@all_states
@encoders
def test_a_scramble_of_the_occupied_states_moves_no_encoding(states, encode, rng):
    scrambled = np.stack([scramble_gauge(o, rng=rng) for o in states.occupied])
    assert np.abs(scrambled - states.occupied).max() > 0.1
    assert agree(encode(with_states(states, scrambled)), encode(states))
    mixed = np.stack([ortho_group.rvs(o.shape[1], random_state=rng) for o in states.occupied])
    assert not agree(encode(with_states(states, states.occupied @ mixed)), encode(states)), "control: mixing of sites"


@all_states
def test_a_change_of_basis_on_every_site_moves_the_cell_image_and_not_the_loops(states, rng):
    other = rotated(states, rng)
    assert agree(ENCODERS["loops"](other), ENCODERS["loops"](states))
    assert np.abs(ENCODERS["cell_image"](other) - ENCODERS["cell_image"](states)).max() > 0.05


@all_states
@encoders
def test_a_sample_is_encoded_alike_alone_and_in_a_batch(states, encode):
    together = encode(states)
    for b in range(3):
        assert agree(encode(states[b : b + 1])[0], together[b])
    assert not agree(together[0], together[1]), "control"


def test_many_samples_are_encoded_as_few(monkeypatch):
    states = STATES["square"]()
    expected = loops(states)["loops"]
    monkeypatch.setattr("toponn.data.encodings.loops.BATCH_ENTRIES", 1)
    assert np.array_equal(loops(states)["loops"], expected)


@all_states
@encoders
def test_encodings_do_not_depend_on_where_the_sample_lies(states, encode):
    moved = replace(states, positions=states.positions + 7.5)
    assert np.array_equal(encode(moved), encode(states))
    assert agree(loops(moved)["coordinates"], loops(states)["coordinates"])


@pytest.mark.parametrize("encode", [occupied, projectors])
def test_states_and_projectors_are_encoded_on_one_set_of_sites_alone_and_loops_on_any(encode):
    states = STATES["square"]()
    moved = replace(states, positions=states.positions + np.zeros((3, 1, 1)))
    assert loops(moved)["coordinates"].shape == (3, 12, 2)
    assert encode(moved[:1])["coordinates"].shape == encode(states)["coordinates"].shape == (12, 2)
    with pytest.raises(DataError, match="positions: found one set for each sample; allowed: batches of one geometry"):
        encode(moved)
