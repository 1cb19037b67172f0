from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from by_hand import centred, haldane, qwz, sample
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tolerances import agree

from toponn.invariants import chern, inertia, localizer
from toponn.invariants import sparse as large
from toponn.invariants.chebyshev import PolynomialProjector, spectral_bounds, without_outliers
from toponn.invariants.inertia import signature_and_gap
from toponn.tools.checks import ConfigError, DataError

QUICK = settings(max_examples=12, deadline=None, database=None, derandomize=True)
TOPOLOGICAL = qwz(-1.0)

CHERN_CASES = {  # the literature's C: QWZ and Haldane's boundary, SCIENCE §1 and §8
    "qwz -1": (qwz(-1.0), (12, 12), 1.0, 1),
    "qwz 1": (qwz(1.0), (11, 13), 1.0, -1),
    "qwz 3": (qwz(3.0), (10, 10), 1.0, 0),
    "qwz -1, clean, a site on the origin": (qwz(-1.0), (9, 9), 0.0, 1),
    "qwz -1, of dense size": (qwz(-1.0), (4, 4), 0.0, 1),
    "haldane +": (haldane(0.2, 0.2, -np.pi / 2), (10, 10), 0.5, 1),
    "haldane -, zeros on the diagonal": (haldane(0.0, 0.2, np.pi / 2), (11, 11), 0.0, -1),
    "haldane 0": (haldane(1.8, 0.2, 0.8), (9, 9), 0.5, 0),
}
chern_cases = pytest.mark.parametrize(("model", "cells", "disorder", "C"), CHERN_CASES.values(), ids=CHERN_CASES)


def projector(H):
    """Return the dense projector on the states below the widest gap near zero, the middle of the gap and its width."""
    energies, V = np.linalg.eigh(H.toarray())
    near = np.flatnonzero(np.abs(energies[1:] + energies[:-1]) < 1.5)
    last = near[np.argmax(np.diff(energies)[near])]
    V = V[:, : last + 1]
    return V @ V.conj().T, energies[last : last + 2].mean(), energies[last + 1] - energies[last]


# --- Inertia ----------------------------------------------------------------------------------------------


@QUICK
@given(st.integers(0, 10_000), st.integers(65, 120), st.booleans())
def test_the_signature_and_the_gap_are_those_of_the_spectrum(seed, n, real):
    rng = np.random.default_rng(seed)
    A = sparse.random_array((n, n), density=0.04, rng=rng)
    A = A if real else A + 1j * sparse.random_array((n, n), density=0.04, rng=rng)
    A = (A + A.conj().T + sparse.diags_array(rng.normal(size=n))).tocoo()
    values = np.linalg.eigvalsh(A.toarray())
    signature, gap = signature_and_gap(A, 1.0, "A")
    assert signature == np.sign(values).sum()
    assert gap == pytest.approx(np.abs(values).min(), rel=1e-6)


@pytest.mark.parametrize("size", [40, 400])  # diagonalised, factorised
def test_a_congruence_keeps_the_signature_and_a_sign_changed_changes_it_by_two(size):
    rng = np.random.default_rng(0)
    S = sparse.eye_array(size) + sparse.random_array((size, size), density=2 / size, rng=rng) * 0.3
    D = np.where(np.arange(size) < 0.3 * size, 1.0, -1.0)
    for flipped, expected in ((0, -0.4), (1, -0.4 - 2 / size)):
        D[:flipped] = -1
        found, _ = signature_and_gap((S.T @ sparse.diags_array(D) @ S).tocoo(), 1.0, "A")
        assert found == round(expected * size)


def test_a_matrix_without_a_diagonal_needs_a_shift(monkeypatch):
    pairs = sparse.kron(sparse.eye_array(50), np.array([[0, 2.0], [2.0, 0]])).tocoo()
    assert signature_and_gap(pairs, 1.0, "A") == (0, pytest.approx(2.0))
    monkeypatch.setattr(inertia, "SHIFTS", (0.0,))  # control: pivots from beside the diagonal are found and refused
    with pytest.raises(DataError, match=r"^A: found pivots that vanish"):
        signature_and_gap(pairs, 1.0, "A")


@pytest.mark.parametrize("size", [30, 300])
def test_a_signature_that_rounding_could_turn_is_refused(size):
    D = np.linspace(-1, 1, size)
    D[size // 3] = 1e-15
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))[0]
    A = rotation @ np.diag(D) @ rotation.T
    with pytest.raises(DataError, match="A: found a gap of .* allowed: gaps that decide"):
        signature_and_gap(sparse.coo_array((A + A.T) / 2), 1.0, "A")
    D[size // 3] = 1e-3  # control
    A = rotation @ np.diag(D) @ rotation.T
    assert signature_and_gap(sparse.coo_array((A + A.T) / 2), 1.0, "A")[1] == pytest.approx(1e-3)


def test_bad_pivots_are_noticed_by_the_error_of_the_factors(monkeypatch):
    # One pivot of 1e-15 loses everything that is beside it: the next shift must be taken.
    A = sparse.kron(sparse.eye_array(50), np.array([[1e-15, 1.0], [1.0, 0.3]])).tocoo()
    A = (A + sparse.diags_array(np.full(99, 0.1), offsets=1) + sparse.diags_array(np.full(99, 0.1), offsets=-1)).tocoo()
    values = np.linalg.eigvalsh(A.toarray())
    assert signature_and_gap(A, 1.0, "A") == (np.sign(values).sum(), pytest.approx(np.abs(values).min(), rel=1e-5))


# --- Localizers -------------------------------------------------------------------------------------------


@chern_cases
def test_the_even_localizer_is_the_dense_one_and_the_chern_number(model, cells, disorder, C):
    H, r, _ = sample(model, cells, disorder=disorder)
    r = centred(r)
    index, margin = large.even_localizer(H, r, 0.25)
    dense_index, dense_margin = localizer.even_localizer(H.toarray()[None], r, 0.25)
    assert index == dense_index[0] == C
    assert margin == pytest.approx(dense_margin[0], rel=1e-6)
    assert isinstance(index, int)
    assert large.even_localizer(H.conj(), r, 0.25)[0] == -C
    assert large.even_localizer(H, r[:, ::-1], 0.25)[0] == -C
    assert large.even_localizer(H, r, 0.5)[1] != pytest.approx(dense_margin[0], rel=1e-6), "control"


def test_the_fermi_level_is_taken_off_the_hamiltonian():
    H, r, _ = sample(TOPOLOGICAL, (12, 12), disorder=1.0)
    expected = large.even_localizer(H, centred(r), 0.2)
    moved = H + 0.7 * sparse.eye_array(H.shape[0])
    assert large.even_localizer(moved, centred(r), 0.2, fermi_level=0.7) == pytest.approx(expected, rel=1e-8)
    assert large.even_localizer(moved, centred(r), 0.2, fermi_level=9.0)[0] == 0  # everything is filled


@pytest.mark.parametrize(("hoppings", "nu"), [((0.4, 1.0, 0), 1), ((1.7, 1.0, 0), 0), ((0.3, 0.2, -1.2), 2)])
@pytest.mark.parametrize("cells", [24, 150])
def test_the_odd_localizer_is_the_dense_one_and_the_winding_number(hoppings, nu, cells):
    rng = np.random.default_rng(1)
    h = sum(
        sparse.diags_array(t + 0.2 * rng.uniform(-0.5, 0.5, size=cells - n), offsets=-n) for n, t in enumerate(hoppings)
    )
    x = np.arange(cells) - (cells - 1) / 2
    index, margin = large.odd_localizer(h, x, 0.1)
    dense_index, dense_margin = localizer.odd_localizer(h.toarray()[None], x, 0.1)
    assert index == dense_index[0] == nu
    assert margin == pytest.approx(dense_margin[0], rel=1e-6)
    assert large.odd_localizer(h.T, x, 0.1)[0] == -nu


def test_a_sample_of_thousands_of_orbitals_has_the_index_and_the_gap_of_its_middle():
    # The localizer's gap about a bulk point is decided near that point: more sample around it does not move it.
    margins = []
    for size in (30, 60):
        H, r, _ = sample(TOPOLOGICAL, (size, size))
        index, margin = large.even_localizer(H, centred(r), 0.2)
        assert index == 1
        margins.append(margin)
    assert margins[0] == pytest.approx(margins[1], rel=1e-3)
    H, r, _ = sample(qwz(-3.0), (60, 60), disorder=1.0)
    assert large.even_localizer(H, centred(r), 0.2)[0] == 0


def test_two_calls_give_the_same_to_the_last_bit():
    H, r, _ = sample(TOPOLOGICAL, (10, 10), disorder=1.0)
    first, second = (large.even_localizer(H, centred(r), 0.2) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("cells", [(5, 5), (13, 13)])
def test_a_localizer_without_a_gap_is_refused_and_not_guessed(cells):
    H, r, _ = sample(qwz(0.0), cells)  # at the transition, about a site: an exact zero mode
    with pytest.raises(DataError, match="^localizer: found .* allowed"):
        large.even_localizer(H, centred(r), 0.2)


# --- Marker -----------------------------------------------------------------------------------------------


@chern_cases
@pytest.mark.parametrize("tolerance", [100.0, 1e-3, 1e-7])
def test_the_marker_is_the_dense_one_within_the_tolerance(model, cells, disorder, C, tolerance):
    H, r, _ = sample(model, cells, disorder=disorder)
    P, level, gap = projector(H)
    site = np.arange(len(r)) // 2
    places = r[::2]  # two orbitals a site: what a cell of Haldane holds is added up at its A site
    expected = chern.local_chern_marker(P, places, site, 1.5)
    chosen = np.argsort(np.linalg.norm(centred(places), axis=1))[[0, 5, -1]]
    options = dict(fermi_level=level, tolerance=tolerance)
    found = large.local_chern_marker(H, places, site, 1.5, chosen, gap=gap, **options)
    assert found == pytest.approx(expected[chosen], abs=tolerance)
    if tolerance < 1:
        assert found[0] == pytest.approx(C * np.abs(np.linalg.det(model[1])) / 1.5, abs=0.1)


def test_a_gap_that_is_not_there_costs_the_tolerance():
    H, r, _ = sample(TOPOLOGICAL, (8, 8), disorder=1.0)
    P, level, gap = projector(H)
    expected = chern.local_chern_marker(P, r, np.arange(128), 1.0)
    chosen = [0, 1, 9, 60, 127]
    for claimed, holds in ((gap, True), (gap / 3, True), (30 * gap, False)):
        found = large.local_chern_marker(H, r, np.arange(128), 1.0, chosen, fermi_level=level, gap=claimed)
        assert (np.abs(found - expected[chosen]).max() < 1e-6) == holds


@pytest.mark.parametrize("error", [1e-3, 1e-8, 1e-12])
@pytest.mark.parametrize("level", [-2.0, 0.0, 0.9])
def test_the_polynomial_is_the_projector_within_its_bound(error, level):
    rng = np.random.default_rng(3)
    energies = np.concatenate([rng.uniform(-3, level - 0.1, 60), rng.uniform(level + 0.1, 5, 60), [-3, level - 0.1, 5]])
    P = PolynomialProjector.below(sparse.diags_array(energies).tocsr(), level, 0.2, error, (-3.1, 5.2))
    found = P.applied(np.eye(len(energies)))
    assert np.abs(found - np.diag(energies < level)).max() <= error + 1e-13
    shorter = replace(P, coefficients=P.coefficients[: len(P.coefficients) // 2])
    assert np.abs(shorter.applied(np.eye(len(energies))) - np.diag(energies < level)).max() > error, "control"


def test_the_order_grows_with_the_inverse_gap_and_the_logarithm_of_the_tolerance():
    H, _, _ = sample(TOPOLOGICAL, (8, 8))

    def order(gap, error):
        return len(PolynomialProjector.below(H, 0.0, gap, error, (-4.0, 4.0)).coefficients)

    assert order(0.1, 1e-6) == pytest.approx(4 * order(0.4, 1e-6), rel=0.15)
    steps = [order(0.2, error) for error in (1e-4, 1e-6, 1e-8, 1e-10)]
    assert all(0 < b - a < 0.6 * steps[0] for a, b in pairwise(steps))


def test_the_bulk_marker_of_a_large_disordered_sample_is_the_chern_number_whatever_its_edge_states():
    H, r, _ = sample(TOPOLOGICAL, (40, 40), disorder=1.0)
    site, places = np.arange(3200) // 2, r[::2]
    middle = np.flatnonzero(np.abs(centred(places)).max(axis=1) < 2)
    found = large.local_chern_marker(H, places, site, 1.0, middle, fermi_level=0.0, gap=1.0, tolerance=1e-4)
    assert found.mean() == pytest.approx(1, abs=0.02)
    mirrored = large.local_chern_marker(H, places[:, ::-1], site, 1.0, middle[:3], fermi_level=0.0, gap=1.0)
    assert mirrored == pytest.approx(-found[:3], abs=1e-6)


def test_neither_blocks_nor_order_nor_origin_nor_the_zero_of_energy_move_the_marker(monkeypatch):
    H, r, _ = sample(qwz(1.0), (10, 10), disorder=0.5)
    site, places = np.arange(200) // 2, r[::2]

    def marker(H=H, places=places, sites=(44, 45, 0), level=0.0, **options):
        return large.local_chern_marker(H, places, site, 1.0, sites, fermi_level=level, gap=0.3, **options)

    expected = marker()
    assert marker(sites=(0, 44, 45, 44)) == pytest.approx(expected[[2, 0, 1, 0]], abs=1e-12)
    assert marker(sites=()).shape == (0,)
    assert marker(places=places + [50.0, -20.0]) == pytest.approx(expected, abs=1e-9)
    assert marker(H=H + 2 * sparse.eye_array(200), level=2.0) == pytest.approx(expected, abs=1e-6)
    assert marker(bounds=(-5.0, 6.0)) == pytest.approx(expected, abs=1e-6)
    monkeypatch.setattr(large, "BATCH_BYTES", 1)
    assert marker() == pytest.approx(expected, abs=1e-12)


def test_vacancies_far_above_the_bands_do_not_move_the_marker_nor_widen_the_spectrum():
    H, r, _ = sample(TOPOLOGICAL, (10, 10))
    kept = np.random.default_rng(4).random(200) > 0.1
    cut = sparse.diags_array(kept.astype(float))
    holes = (cut @ H @ cut + 100 * sparse.diags_array(1.0 - kept)).tocsr()
    site = np.flatnonzero(kept)[80]
    P, level, gap = projector(holes)
    near = without_outliers(holes, level, gap)
    assert np.abs(np.linalg.eigvalsh(near.toarray())).max() < 4
    energies, V = np.linalg.eigh(near.toarray())
    assert agree((V * (energies < level)) @ V.conj().T, P)
    assert agree(without_outliers(H, level, gap).toarray(), H.toarray()), "nothing else is moved"
    options = dict(fermi_level=level, gap=gap)
    found = large.local_chern_marker(holes, r, np.arange(200), 1.0, [site], bounds=(-4.0, 4.0), **options)
    rest = H[kept][:, kept]
    expected = large.local_chern_marker(rest, r[kept], np.arange(kept.sum()), 1.0, [80], **options)
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_bounds_enclose_the_spectrum():
    for model, cells, disorder in (
        (TOPOLOGICAL, (4, 4), 0.0),
        (TOPOLOGICAL, (12, 12), 3.0),
        (haldane(1, 0.2, 1), (9, 9), 0),
    ):
        H, _, _ = sample(model, cells, disorder=disorder)
        low, high = spectral_bounds(H)
        energies = np.linalg.eigvalsh(H.toarray())
        assert low < energies[0]
        assert energies[-1] < high
        assert high - low < 1.1 * (energies[-1] - energies[0])


# --- Errors -----------------------------------------------------------------------------------------------

H8, R8, _ = sample(TOPOLOGICAL, (8, 8))
SKEW = H8 + sparse.coo_array(([1e-3], ([3], [70])), shape=H8.shape)
NOT_FINITE = H8 + sparse.diags_array(np.where(np.arange(128) == 7, np.nan, 0.0))

LOCALIZER_ERRORS = {
    "dense": (dict(hamiltonian=H8.toarray()), DataError, "hamiltonian: found ndarray; allowed: a sparse matrix"),
    "oblong": (dict(hamiltonian=H8[:50]), DataError, r"hamiltonian: found shape \(50, 128\); allowed: square"),
    "skew": (dict(hamiltonian=SKEW), DataError, r"hamiltonian: found \|H - H†\| up to 1.0e-03; allowed: Hermitian"),
    "not finite": (dict(hamiltonian=NOT_FINITE), DataError, "hamiltonian: found entries that are not finite"),
    "positions": (dict(positions=R8[:5]), DataError, r"positions: found shape \(5, 2\); allowed: .* \(128, 2\)"),
    "nan": (dict(positions=R8 * np.nan), DataError, "positions: found .* finite numbers"),
    "kappa": (dict(kappa=-1.0), ConfigError, "kappa: found -1.0; allowed: positive numbers"),
}
MARKER_ERRORS = {
    "dense": (dict(hamiltonian=H8.toarray()), DataError, "hamiltonian: found ndarray"),
    "skew": (dict(hamiltonian=SKEW), DataError, r"hamiltonian: found \|H - H†\|"),
    "positions": (dict(positions=R8[:, :1]), DataError, r"positions: found shape \(128, 1\); allowed"),
    "orbitals": (
        dict(site_of_orbital=np.arange(5)),
        DataError,
        r"site_of_orbital: found shape \(5,\); allowed: \(128,\)",
    ),
    "site": (dict(sites=[3, 128]), DataError, "sites: found 3 to 128; allowed: 0 to 127"),
    "owner": (
        dict(site_of_orbital=np.arange(128) + 1),
        DataError,
        "site_of_orbital: found 1 to 128; allowed: 0 to 127",
    ),
    "gap": (dict(gap=0.0), ConfigError, "gap: found 0.0; allowed: positive numbers"),
    "tiny gap": (
        dict(gap=1e-6, tolerance=1.0),
        ConfigError,
        "gap: found 1e-06; allowed: a larger part of the band width",
    ),
    "area": (dict(area_per_site=np.nan), ConfigError, "area_per_site: found nan; allowed: positive"),
    "tolerance": (dict(tolerance=1e-13), ConfigError, "tolerance: found 1e-13; allowed: from .* for this sample"),
    "bounds apart": (dict(bounds=(1.0, 4.0)), ConfigError, r"bounds: found \(1.0, 4.0\); allowed: an interval around"),
    "bounds too narrow": (dict(bounds=(-2.0, 2.0)), DataError, "bounds: found levels of the Hamiltonian outside"),
    "bounds a little narrow": (dict(bounds=(-2.7, 4.0), gap=0.02), DataError, "bounds: found levels"),
}


@pytest.mark.parametrize(("wrong", "error", "message"), LOCALIZER_ERRORS.values(), ids=LOCALIZER_ERRORS)
def test_the_localizer_refuses_in_one_sentence(wrong, error, message):
    with pytest.raises(error, match=message):
        large.even_localizer(**dict(hamiltonian=H8, positions=R8, kappa=0.2) | wrong)


def test_the_odd_localizer_refuses_in_one_sentence():
    with pytest.raises(DataError, match=r"h: found shape \(3, 4\)"):
        large.odd_localizer(sparse.csr_array((3, 4)), np.zeros(3), 0.1)
    with pytest.raises(DataError, match=r"positions: found shape \(4,\)"):
        large.odd_localizer(sparse.csr_array((3, 3)), np.zeros(4), 0.1)


@pytest.mark.parametrize(("wrong", "error", "message"), MARKER_ERRORS.values(), ids=MARKER_ERRORS)
def test_the_marker_refuses_in_one_sentence(wrong, error, message):
    arguments = dict(hamiltonian=H8, positions=R8, site_of_orbital=np.arange(128), area_per_site=1.0, sites=[60])
    with pytest.raises(error, match=message):
        large.local_chern_marker(**arguments | dict(fermi_level=0.0, gap=0.2) | wrong)
