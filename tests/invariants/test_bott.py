import numpy as np
import pytest
from by_hand import centred, haldane, qwz, sample
from scipy import sparse
from scipy.stats import unitary_group
from tolerances import agree

from toponn.invariants.bloch import chern_number
from toponn.invariants.bott import bott_index
from toponn.invariants.localizer import even_localizer
from toponn.tools.checks import DataError

MODELS = {  # the literature's C: QWZ and Haldane's boundary, SCIENCE §1 and §8
    **{
        f"qwz {m}": (qwz(m), C) for m, C in ((-3.0, 0), (-1.8, 1), (-1.0, 1), (-0.4, 1), (0.4, -1), (1.0, -1), (2.6, 0))
    },
    "haldane +": (haldane(0.0, 0.2, -np.pi / 2), 1),
    "haldane + massive": (haldane(0.5, 0.2, -1.2), 1),
    "haldane -": (haldane(0.3, 0.2, 1.2), -1),
    "haldane 0": (haldane(1.8, 0.2, 0.8), 0),
}
models = pytest.mark.parametrize(("model", "C"), MODELS.values(), ids=MODELS)
TOPOLOGICAL, REVERSED = qwz(-1.0), qwz(1.0)


def filled(H):
    """Return the lower half of the states in rows, and the gap."""
    energies, V = np.linalg.eigh(H.toarray())
    half = len(energies) // 2
    return V[:, :half].T, energies[half] - energies[half - 1]


def torus(model, cells, disorder=0.0, seeds=(0,)):
    """Return the arguments of the index: states (B, O, n), positions, periods, site of each orbital."""
    samples = [sample(model, cells, periodic=True, disorder=disorder, seed=seed) for seed in seeds]
    _, positions, periods = samples[0]
    states = np.stack([filled(H)[0] for H, _, _ in samples])
    return states, positions, periods, np.arange(len(positions))


def bloch(model, cells):
    """Return H(k) on the momenta of the torus, from the hoppings, with ``c_k = Σ e^{−ik·cell} c_cell``."""
    k = np.stack(np.meshgrid(*(2 * np.pi * np.arange(n) / n for n in cells), indexing="ij"), axis=-1)
    H = sum(np.exp(-1j * (k @ np.array(offset)))[..., None, None] * matrix for offset, matrix in model[0])
    return H + H.conj().swapaxes(-1, -2)


def by_eigenvalues(psi, positions, periods):
    """Return ``(1/2π) Σ arg λ`` over the eigenvalues of the loop of plain projected phases, of Loring and Hastings."""
    s = positions @ np.linalg.inv(periods)
    Ux, Uy = (np.array([[(a.conj() * np.exp(2j * np.pi * x)) @ b for b in psi] for a in psi]) for x in s.T)
    return np.angle(np.linalg.eigvals(Uy @ Ux @ Uy.conj().T @ Ux.conj().T)).sum() / (2 * np.pi)


@models
@pytest.mark.parametrize("cells", [(6, 6), (9, 8), (12, 12)])
def test_on_a_clean_torus_the_index_is_the_chern_number_of_the_mesh(model, C, cells):
    index, margin = bott_index(*torus(model, cells))
    assert index == pytest.approx(C, abs=1e-9)
    assert chern_number(bloch(model, cells)) == C
    assert 0.05 < margin[0] <= 1


def test_the_index_changes_along_a_path_of_projectors_only_where_the_margin_vanishes():
    (first, r, periods, site), (last, *_) = torus(TOPOLOGICAL, (6, 6)), torus(qwz(-3.0), (6, 6))
    left, _, right = np.linalg.svd(last[0].conj() @ first[0].T)
    end = (left @ right).T @ last[0]  # the frame that is nearest to the first
    t = np.linspace(0, 1, 401)[:, None, None]
    left, sigma, right = np.linalg.svd((1 - t) * first + t * end, full_matrices=False)
    assert sigma.min() > 0.05, "the path is continuous"
    index, margin = bott_index(left @ right, r, periods, site)
    assert np.rint(index[[0, -1]]).tolist() == [1, 0]
    jumps = np.abs(np.diff(np.rint(index))) > 0
    assert np.minimum(margin[1:], margin[:-1])[jumps].max() < 0.05
    assert margin[[0, -1]].min() > 0.5
    assert np.median(margin) > 0.1


@pytest.mark.parametrize(
    ("model", "C"), [(TOPOLOGICAL, 1), (REVERSED, -1), (qwz(-3.5), 0), (haldane(0.1, 0.2, 1.5), -1)]
)
def test_on_disordered_tori_the_index_is_that_of_the_localizer_of_open_samples(model, C):
    seeds = range(4)
    index, margin = bott_index(*torus(model, (9, 9), disorder=1.5, seeds=seeds))
    for seed in seeds:
        H, r, _ = sample(model, (12, 12), disorder=1.5, seed=seed)
        localized, gap = even_localizer(H.toarray()[None], centred(r), 0.25)
        assert gap[0] > 0.2
        assert index[seed] == pytest.approx(localized[0], abs=1e-9)
    assert index == pytest.approx(C, abs=1e-9)
    assert margin.min() > 0.3


@pytest.mark.parametrize("disorder", [0.0, 2.0, 5.0, 9.0])
def test_it_is_the_sum_of_the_phases_of_the_plain_loop_where_its_margin_says_that_it_is_decided(disorder):
    arguments = torus(qwz(-1.6), (6, 6), disorder=disorder, seeds=range(5))
    index, margin = bott_index(*arguments)
    assert np.abs(index - np.rint(index)).max() < 1e-9
    for psi, found, trust in zip(arguments[0], index, margin, strict=True):
        if trust > 0.05:
            assert by_eigenvalues(psi, *arguments[1:3]) == pytest.approx(found, abs=1e-9)


def test_the_averages_over_disorder_are_those_of_a_third_party():
    # SCIENCE §8: QWZ m = 2.1 on 10×10 cells, 20 samples: 0, -0.75, -1 at W = 1, 2, 3; an Anderson insulator.
    averages = [bott_index(*torus(qwz(2.1), (10, 10), disorder=W, seeds=range(12)))[0].mean() for W in (1.0, 3.0, 4.0)]
    assert averages[0] == pytest.approx(0, abs=0.2)
    assert averages[1:] == pytest.approx([-1, -1], abs=0.2)


def test_a_change_of_basis_of_the_filled_states_and_phases_of_the_orbitals_do_not_move_it():
    rng = np.random.default_rng(0)
    psi, *where = torus(TOPOLOGICAL, (7, 6), disorder=1.0)
    index, margin = bott_index(psi, *where)
    scrambled = unitary_group.rvs(psi.shape[1], random_state=rng) @ psi
    phases = np.exp(2j * np.pi * rng.random(psi.shape[2]))
    for other in (scrambled, psi * phases, scrambled.astype(np.complex64)):
        again, trust = bott_index(other, *where)
        assert agree(trust.astype(other.real.dtype), margin)
        assert again == pytest.approx(index, abs=1e-9)
    mixed = scrambled @ unitary_group.rvs(psi.shape[2], random_state=rng)
    assert abs(bott_index(mixed, *where)[1][0] - margin[0]) > 0.05, "control: orbitals of different places are mixed"


def test_its_sign_turns_under_conjugation_and_under_a_mirror_but_not_with_the_names_of_the_periods():
    psi, r, periods, site = torus(TOPOLOGICAL, (7, 6))
    assert bott_index(psi, r, periods, site)[0] == pytest.approx(1)
    assert bott_index(psi.conj(), r, periods, site)[0] == pytest.approx(-1)
    assert bott_index(psi, r[:, ::-1], periods[::-1, ::-1], site)[0] == pytest.approx(-1)
    for same in (periods * [[1], [-1]], periods[::-1], -periods):  # the torus is the same, whoever names its vectors
        assert bott_index(psi, r, same, site)[0] == pytest.approx(1)
    empty = np.linalg.svd(psi[0])[2][psi.shape[1] :].conj()  # the states above the gap: C of all of them is zero
    assert bott_index(empty[None].conj(), r, periods, site)[0] == pytest.approx(-1)


@pytest.mark.parametrize(
    ("layers", "C"), [((TOPOLOGICAL, TOPOLOGICAL), 2), ((REVERSED, REVERSED), -2), ((TOPOLOGICAL, REVERSED), 0)]
)
def test_it_adds_over_stacked_layers(layers, C):
    parts = [torus(model, (7, 7)) for model in layers]
    filled_, orbitals = parts[0][0].shape[1:]
    psi = np.zeros((1, 2 * filled_, 2 * orbitals), dtype=complex)
    psi[:, :filled_, :orbitals], psi[:, filled_:, orbitals:] = parts[0][0], parts[1][0]
    psi = unitary_group.rvs(2 * filled_, random_state=np.random.default_rng(1)) @ psi
    index, margin = bott_index(psi, *parts[0][1:3], np.tile(parts[0][3], 2))
    assert index == pytest.approx(C, abs=1e-9)
    assert agree(margin, np.min([bott_index(*part)[1] for part in parts], axis=0))


def test_an_atomic_limit_has_index_zero_and_margin_one():
    _, r, periods, site = torus(TOPOLOGICAL, (5, 5))
    psi = np.eye(50)[::2][None]
    assert agree(np.array(bott_index(psi, r, periods, site)), np.array([[0.0], [1.0]]))


def test_positions_may_be_moved_together_or_by_periods_but_not_at_random():
    psi, r, periods, site = torus(haldane(0.2, 0.2, -1.5), (7, 6), disorder=0.5)
    expected = bott_index(psi, r, periods, site)
    rng = np.random.default_rng(2)
    around = rng.integers(-2, 3, size=(len(r), 2)) @ periods
    for moved in (r + [0.3, -5.1], r + around):
        assert agree(np.array(bott_index(psi, moved, periods, site)), np.array(expected))
    assert bott_index(psi, rng.permutation(r), periods, site)[1][0] < expected[1][0] / 2, "control"


def test_orbitals_share_the_position_of_their_site():
    psi, r, periods, site = torus(TOPOLOGICAL, (6, 6))
    assert agree(np.array(bott_index(psi, r[::2], periods, site // 2)), np.array(bott_index(psi, r, periods, site)))


def test_a_batch_is_its_samples_one_by_one_whatever_the_chunk(monkeypatch):
    psi, r, periods, site = torus(qwz(-1.7), (6, 6), disorder=3.0, seeds=range(7))
    places = r + np.random.default_rng(3).uniform(-0.1, 0.1, size=(7, *r.shape))
    index, margin = bott_index(psi, places, periods, site)
    monkeypatch.setattr("toponn.invariants.bott.CHUNK_BYTES", 3 * 16 * psi[0].size)
    assert agree(np.array(bott_index(psi, places, periods, site)), np.array([index, margin]))
    for i in range(7):
        one = bott_index(psi[i : i + 1], places[i], periods, site)
        assert agree(np.array(one), np.array([index[i : i + 1], margin[i : i + 1]]))
    assert bott_index(psi[:0], r, periods, site)[0].shape == (0,)
    assert np.ptp(margin) > 0.01, "control: the samples differ"


def test_rows_of_zeros_contribute_nothing():
    psi, *where = torus(TOPOLOGICAL, (6, 6), disorder=2.0, seeds=range(3))
    expected = np.array(bott_index(psi, *where))
    padded = np.insert(psi, [0, 5, 36, 36], 0.0, axis=1)
    assert agree(np.array(bott_index(padded, *where)), expected)
    fewer = psi.copy()
    fewer[1, 4:] = 0  # samples of one batch may be filled differently
    assert agree(np.array(bott_index(fewer, *where))[:, [0, 2]], expected[:, [0, 2]])
    assert agree(np.array(bott_index(psi[:, :0], *where)), np.array([[0.0] * 3, [1.0] * 3]))


def test_a_singular_translation_is_undecided_and_does_not_fail():
    # One state spread evenly over a ring: ⟨ψ|exp(2πi s)|ψ⟩ = 0.
    _, r, periods, site = torus(TOPOLOGICAL, (6, 6))
    index, margin = bott_index(np.full((1, 1, 72), 72**-0.5), r, periods, site)
    assert np.isfinite(index).all()
    assert margin[0] == 0


def test_translations_that_anticommute_are_undecided():
    # Eight orbitals see two states along ±z and ±x; what they add to the other axis cancels: U_x = Z/2, U_y = X/2.
    up, right = np.eye(2), np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    psi = np.concatenate([np.repeat(up, 2, axis=1), np.repeat(right, 2, axis=1)], axis=1)[None] / 2
    one, other = np.array([0.0, 0.0, 0.5, 0.5]), np.array([0.25, 0.75, 0.25, 0.75])
    positions = np.concatenate([np.stack([one, other], axis=1), np.stack([other, one], axis=1)])
    index, margin = bott_index(psi, positions, np.eye(2), np.arange(8))
    assert margin[0] < 1e-6
    assert np.isfinite(index).all()
    moved = bott_index(psi, positions + 0.1 * (positions > 0.3), np.eye(2), np.arange(8))
    assert moved[1][0] > 0.01, "control"


ERRORS = {
    "shape": (lambda a: (a[0][0], *a[1:]), r"occupied: found shape \(9, 18\)"),
    "orbitals": (lambda a: (*a[:3], a[3][:4]), r"occupied: found shape .* and site_of_orbital \(4,\); allowed"),
    "positions": (lambda a: (a[0], a[1][:, :1], *a[2:]), r"positions: found shape \(18, 1\); allowed: finite"),
    "batch": (lambda a: (a[0], np.stack([a[1]] * 3), *a[2:]), r"positions: found shape \(3, 18, 2\); allowed"),
    "nan": (lambda a: (a[0], a[1] * np.nan, *a[2:]), "positions: found .* finite numbers"),
    "periods": (lambda a: (*a[:2], np.ones((2, 2)), a[3]), "periods: found .*; allowed: two vectors"),
    "norm": (lambda a: (2 * a[0], *a[1:]), "occupied: found overlaps off by 3.0e.00; allowed: orthonormal"),
    "nan states": (lambda a: (a[0] * np.nan, *a[1:]), "occupied: found overlaps off by nan"),
    "twice": (lambda a: (a[0][:, [0, 0, 1]], *a[1:]), "occupied: found overlaps off by 1.0e.00"),
}


@pytest.mark.parametrize(("wrong", "message"), ERRORS.values(), ids=ERRORS)
def test_it_refuses_in_one_sentence(wrong, message):
    with pytest.raises(DataError, match=message):
        bott_index(*wrong(torus(TOPOLOGICAL, (3, 3))))


def test_a_torus_by_hand_has_the_bands_of_its_bloch_hamiltonian():
    for model in (TOPOLOGICAL, haldane(0.4, 0.2, 0.9)):
        H, _, _ = sample(model, (5, 4), periodic=True)
        assert sparse.issparse(H)
        expected = np.linalg.eigvalsh(bloch(model, (5, 4))).ravel()
        assert agree(np.linalg.eigvalsh(H.toarray()), np.sort(expected))
