import numpy as np
import pytest
import scipy.linalg
from tolerances import agree

from toponn.matter.states import (
    chiral_block,
    chiral_occupied_states,
    eigenstates,
    eigenvalues,
    occupied_states,
    polar_factor,
    projector,
    scramble_gauge,
    without_midgap_pair,
)


def hermitian_matrices(batch, n, rng, real=False):
    H = rng.normal(size=(batch, n, n)) + (0 if real else 1j * rng.normal(size=(batch, n, n)))
    return H + H.conj().swapaxes(-1, -2)


def chiral_hamiltonians(batch, cells, rng, real=True):
    """Return H of random chains in cell-major order, and the sublattice of each site."""
    h = rng.normal(size=(batch, cells, cells)) + (0 if real else 1j * rng.normal(size=(batch, cells, cells)))
    sublattice = np.tile([0, 1], cells)
    H = np.zeros((batch, 2 * cells, 2 * cells), dtype=complex)
    for b in range(batch):
        for i in range(cells):
            for j in range(cells):
                H[b, 2 * i, 2 * j + 1] = h[b, i, j]
                H[b, 2 * j + 1, 2 * i] = np.conj(h[b, i, j])
    return H, h, sublattice


# --- Eigenstates and projectors ---------------------------------------------------------------------------


@pytest.mark.parametrize("real", [True, False])
def test_the_occupied_states_are_the_lower_half_that_another_eigensolver_finds(rng, real):
    H = hermitian_matrices(5, 8, rng, real)
    occupied, gap, level = occupied_states(H)
    assert occupied.shape == (5, 4, 8)
    assert np.iscomplexobj(occupied) != real
    for b in range(5):
        E, V = np.linalg.eigh(H[b])
        expected = sum(np.outer(V[:, i], V[:, i].conj()) for i in range(4))
        assert agree(projector(occupied)[b], expected)
        assert gap[b] == pytest.approx(E[4] - E[3])
        assert level[b] == pytest.approx((E[3] + E[4]) / 2)


def test_the_projector_is_half_of_one_minus_the_sign_of_the_hamiltonian(rng):
    H = hermitian_matrices(1, 10, rng)
    occupied, _, level = occupied_states(H)
    sign = scipy.linalg.signm(H[0] - level[0] * np.eye(10))  # Newton's iteration: no eigenvectors
    assert agree(projector(occupied)[0], (np.eye(10) - sign) / 2)


@pytest.mark.parametrize("real", [True, False])
def test_a_projector_is_hermitian_idempotent_of_rank_half_and_commutes_with_the_hamiltonian(rng, real):
    H = hermitian_matrices(3, 8, rng, real)
    P = projector(occupied_states(H)[0])
    laws = [
        lambda P: agree(P, P.conj().swapaxes(-1, -2)),
        lambda P: agree(P @ P, P),
        lambda P: agree(np.trace(P, axis1=-2, axis2=-1), np.full(3, 4.0)),
        lambda P: agree(H @ P, P @ H),
    ]
    assert [law(P) for law in laws] == [True] * 4
    other = P * (1 + 0.1 * rng.normal(size=P.shape))
    assert [law(other) for law in laws] == [False] * 4, "control"


def test_eigenstates_solve_the_eigenvalue_equation_in_ascending_order(rng):
    H = hermitian_matrices(4, 7, rng)
    E, V = eigenstates(H)
    assert agree(H @ V, V * E[:, None, :])
    assert (np.diff(E, axis=1) >= 0).all()
    assert agree(eigenvalues(np.tril(H)), E), "only the lower triangle is read"


def test_a_sample_has_the_same_states_alone_as_in_a_batch(rng):
    H = hermitian_matrices(6, 8, rng)
    together = projector(occupied_states(H)[0])
    for b in range(6):
        assert agree(projector(occupied_states(H[b : b + 1])[0])[0], together[b])


# --- Chiral chains ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("real", [True, False])
def test_the_short_cut_for_chiral_chains_gives_the_states_of_the_whole_hamiltonian(rng, real):
    H, h, sublattice = chiral_hamiltonians(4, 6, rng, real)
    assert agree(chiral_block(H, sublattice), h.astype(complex))
    occupied, gap = chiral_occupied_states(h, sublattice)
    whole, whole_gap, level = occupied_states(H)
    assert agree(projector(occupied), projector(whole))
    assert agree(gap, whole_gap)
    assert agree(level, np.zeros(4))
    assert np.iscomplexobj(occupied) != real


@pytest.mark.parametrize("real", [True, False])
def test_q_is_the_unitary_polar_factor_of_h_and_the_block_of_the_flattened_hamiltonian(rng, real):
    _, h, sublattice = chiral_hamiltonians(3, 6, rng, real)
    occupied, _ = chiral_occupied_states(h, sublattice)
    q = polar_factor(occupied, sublattice)
    Q = np.eye(12) - 2 * projector(occupied)
    for b in range(3):
        assert agree(q[b], scipy.linalg.polar(h[b])[0])
        assert agree(Q[b][np.ix_(sublattice == 0, sublattice == 1)], q[b])
        assert agree(Q[b][np.ix_(sublattice == 0, sublattice == 0)], np.zeros((6, 6)))
        assert agree(q[b] @ q[b].conj().T, np.eye(6))


# --- Without the mid-gap pair -----------------------------------------------------------------------------


def ssh_chain(cells, v, w):
    """Return H (1, 2 cells, 2 cells) of a clean chain and the sublattice of each site."""
    bonds = np.where(np.arange(2 * cells - 1) % 2, w, v)
    return (np.diag(bonds, 1) + np.diag(bonds, -1))[None], np.tile([0, 1], cells)


def energies_of(occupied, H):
    return np.einsum("bon,bnm,bom->bo", occupied.conj(), H, occupied).real


@pytest.mark.parametrize("real", [True, False])
def test_the_last_filled_state_of_a_chiral_chain_is_nearest_to_the_middle_of_the_gap_by_either_route(rng, real):
    H, h, sublattice = chiral_hamiltonians(6, 7, rng, real)
    for occupied, gap, *_ in (chiral_occupied_states(h, sublattice), occupied_states(H)):
        E = energies_of(occupied, H)
        assert (np.diff(E, axis=1) > 0).all()
        assert agree(E[:, -1], -gap / 2)
        assert not (np.diff(energies_of(scramble_gauge_of(occupied, rng), H), axis=1) > 0).all(), "control"


def scramble_gauge_of(occupied, rng):
    return np.stack([scramble_gauge(states, rng=rng) for states in occupied])


@pytest.mark.parametrize("real", [True, False])
def test_the_polar_factor_without_the_mid_gap_pair_is_q_less_the_singular_vectors_of_the_smallest_value(rng, real):
    H, h, sublattice = chiral_hamiltonians(4, 6, rng, real)
    for occupied in (chiral_occupied_states(h, sublattice)[0], occupied_states(H)[0]):
        rest = without_midgap_pair(occupied)
        assert rest.shape == (4, 5, 12)
        q = polar_factor(rest, sublattice)
        for b in range(4):
            U, _, Vh = np.linalg.svd(h[b])
            assert agree(q[b], scipy.linalg.polar(h[b])[0] - np.outer(U[:, -1], Vh[-1]) + 0 * q[b])
            assert agree(q[b] @ q[b].conj().T @ q[b], q[b]), "a partial isometry"
            assert np.linalg.matrix_rank(q[b]) == 5
            assert not agree(q[b] @ q[b].conj().T, np.eye(6) + 0 * q[b]), "control: no longer unitary"


def test_states_without_the_mid_gap_pair_do_not_depend_on_which_of_it_is_filled(rng):
    H, sublattice = ssh_chain(60, 0.2, 1.0)  # its splitting is 0.2^60
    occupied, gap = chiral_occupied_states(chiral_block(H, sublattice), sublattice)
    assert gap < 1e-14
    other = occupied.copy()
    other[:, -1] *= np.where(sublattice, -1, 1)  # the chiral partner
    by_eigh, _, _ = occupied_states(H)
    expected = projector(without_midgap_pair(occupied))
    assert agree(projector(without_midgap_pair(other)), expected)
    assert agree(projector(without_midgap_pair(by_eigh)), expected)
    assert not agree(projector(other), projector(occupied)), "control: with the pair"


def test_each_sample_loses_its_own_last_state_where_they_are_not_as_many(rng):
    H = hermitian_matrices(3, 8, rng)
    filled = np.array([2, 5, 1])
    rest = without_midgap_pair(occupied_states(H, filled=filled)[0])
    assert rest.shape == (3, 4, 8)
    assert agree(projector(rest), projector(occupied_states(H, filled=filled - 1)[0]))
    assert not agree(projector(rest), projector(occupied_states(H, filled=filled)[0][:, :-1])), "control: a row for all"


# --- Gauge scrambles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("real", [True, False])
def test_a_gauge_scramble_leaves_the_projector_and_q_and_moves_the_states(rng, real):
    _, h, sublattice = chiral_hamiltonians(1, 6, rng, real)
    states = chiral_occupied_states(h, sublattice)[0][0]
    scrambled = scramble_gauge(states, rng=rng)
    assert scrambled.dtype == states.dtype
    assert agree(projector(scrambled), projector(states))
    assert agree(polar_factor(scrambled, sublattice), polar_factor(states, sublattice))
    assert agree(scrambled.conj() @ scrambled.T, np.eye(6))
    assert np.abs(scrambled - states).max() > 0.1
    mixed = rng.normal(size=(6, 6)) @ states
    assert not agree(projector(mixed), projector(states)), "control: mixing that is not unitary"


def test_a_gauge_scramble_is_determined_by_its_stream():
    states = np.eye(4, 8)
    a, b, c = (scramble_gauge(states, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not agree(a, c)


def unitaries(draws, n, rng, real, mix):
    identity = np.eye(n) if real else np.eye(n, dtype=complex)
    return np.stack([mix(identity, rng) for _ in range(draws)])


def without_phases(states, rng):
    """Mix by the Q of a QR decomposition as LAPACK returns it, which is not uniform."""
    G = rng.normal(size=states.shape)
    G = G + 1j * rng.normal(size=states.shape) if np.iscomplexobj(states) else G
    return np.linalg.qr(G)[0] @ states


def is_haar(U):
    """Return whether moments of U are those of the group: Diaconis and Shahshahani, J. Appl. Prob. 31A, 49 (1994)."""
    draws, n, _ = U.shape
    trace = np.trace(U, axis1=1, axis2=2)
    error = 5 / np.sqrt(draws)
    fourth = 2 / (n * (n + 1)) if np.iscomplexobj(U) else 3 / (n * (n + 2))
    return bool(
        abs(trace.mean()) < error  # E tr U = 0
        and abs((np.abs(trace) ** 2).mean() - 1) < 1.5 * error  # E |tr U|² = 1
        and abs((np.abs(U[:, 0, 0]) ** 4).mean() - fourth) < error * fourth * 2
    )


@pytest.mark.parametrize("real", [True, False])
def test_a_gauge_scramble_is_uniform_in_the_group(real):
    U = unitaries(2500, 3, np.random.default_rng(3), real, lambda states, rng: scramble_gauge(states, rng=rng))
    assert is_haar(U)
    assert not is_haar(unitaries(2500, 3, np.random.default_rng(3), real, without_phases)), "control"


# --- Filling ----------------------------------------------------------------------------------------------


def test_states_below_the_fermi_level_are_filled_and_rows_of_zeros_follow_where_a_sample_has_fewer(rng):
    H = hermitian_matrices(5, 8, rng)
    for level in (0.4, np.linspace(-3.0, 3.0, 5)):
        occupied, gap, found = occupied_states(H, fermi_level=level)
        levels = np.broadcast_to(level, 5)
        assert agree(found, levels)
        counts = []
        for b in range(5):
            E, V = np.linalg.eigh(H[b])
            below = E < levels[b]
            counts.append(int(below.sum()))
            assert agree(projector(occupied)[b], V[:, below] @ V[:, below].conj().T)
            assert occupied[b].any(axis=1).tolist() == [row < counts[b] for row in range(occupied.shape[1])]
            edges = E[below].max(initial=-np.inf), E[~below].min(initial=np.inf)
            assert gap[b] == pytest.approx(edges[1] - edges[0], abs=1e-10)
        assert occupied.shape[1] == max(counts)
        assert len(set(counts)) > 1, "control: samples that differ"


def test_the_stated_number_of_states_is_filled_and_the_fermi_level_is_the_middle_of_the_gap_above(rng):
    H = hermitian_matrices(3, 8, rng)
    E = np.linalg.eigvalsh(H)
    for filled in (3, np.array([2, 5, 4])):
        occupied, gap, level = occupied_states(H, filled=filled)
        counts = np.broadcast_to(filled, 3)
        assert [int(states.any(axis=1).sum()) for states in occupied] == counts.tolist()
        for b, count in enumerate(counts):
            assert gap[b] == pytest.approx(E[b, count] - E[b, count - 1])
            assert level[b] == pytest.approx((E[b, count] + E[b, count - 1]) / 2)
            assert agree(projector(occupied[b]), projector(occupied_states(H[b : b + 1], level[b])[0][0]))


def test_with_everything_or_nothing_filled_the_gap_is_twice_the_distance_of_the_fermi_level(rng):
    H = hermitian_matrices(1, 6, rng)
    E = np.linalg.eigvalsh(H)[0]
    occupied, gap, _ = occupied_states(H, fermi_level=E[-1] + 0.7)
    assert agree(projector(occupied)[0], np.eye(6) + 0j)
    assert gap[0] == pytest.approx(1.4)
    occupied, gap, _ = occupied_states(H, fermi_level=E[0] - 0.2)
    assert occupied.shape == (1, 0, 6)
    assert gap[0] == pytest.approx(0.4)
    assert not projector(occupied).any()


def test_a_gauge_scramble_leaves_rows_of_zeros_where_they_are(rng):
    H = hermitian_matrices(2, 8, rng)
    occupied, _, _ = occupied_states(H, filled=np.array([2, 5]))
    scrambled = scramble_gauge(occupied[0], rng=rng)
    assert scrambled.shape == occupied[0].shape
    assert not scrambled[2:].any()
    assert agree(projector(scrambled), projector(occupied[0]))
    assert np.abs(scrambled[:2] - occupied[0, :2]).max() > 0.05


@pytest.fixture
def rng():
    return np.random.default_rng(20250926)
