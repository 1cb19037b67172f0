import numpy as np
import pytest
from by_hand import centred, haldane, qwz, sample
from tolerances import agree

from toponn.data.recipes import Recipe
from toponn.invariants import localizer, strips
from toponn.invariants.estimates import spectral_localizer
from toponn.matter.samples import Samples
from toponn.tools.checks import DataError

SIDE, BENT = {"name": "rectangle", "size": [8, 8]}, {"name": "l_shape", "size": 11}
BOX = {"name": "onsite_box", "strength": [0.0, 4.0]}
HOLES = {"name": "vacancies", "strength": 0.1}
MOVED = {"name": "structural_displacement", "strength": 0.1}
CASES = {  # system, lattice, shape, parameters, disorder
    "qwz": ("qwz", None, SIDE, {"mass": [-3.0, 3.0]}, [BOX]),
    "qwz, clean": ("qwz", None, SIDE, {"mass": -1.0}, []),
    "qwz, near its transition": ("qwz", None, SIDE, {"mass": [-0.05, 0.05]}, [BOX]),
    "qwz, vacancies": ("qwz", None, SIDE, {"mass": [-2.5, 2.5]}, [BOX, HOLES]),
    "qwz, an L": ("qwz", None, BENT, {"mass": [-2.5, 2.5]}, [BOX]),
    "haldane": (
        "haldane",
        None,
        {"name": "disk", "radius": 6.5},
        {"sublattice_mass": [-1.5, 1.5], "t2": 0.2, "phase": [-3.0, 3.0]},
        [BOX],
    ),
    "kagome": (
        "kagome",
        None,
        {"name": "disk", "radius": 6.2},
        {"phase": [-1.0, 1.0], "breathing": [0.5, 1.5]},
        [BOX, HOLES],
    ),
    "hofstadter": (
        "hofstadter",
        None,
        {"name": "rectangle", "size": [12, 12]},
        {"flux": 1 / 3, "fermi_energy": [-3.0, 3.0]},
        [BOX],
    ),
    "higher": ("higher_chern", None, SIDE, {"mass": [-1.0, 1.0], "diagonal": [-0.9, 0.9]}, [BOX]),
    "random sites": ("amorphous_chern", "random", SIDE, {"mass": [-2.0, 2.0], "decay": 0.4}, [BOX]),
    "a quasicrystal": ("amorphous_chern", "ammann_beenker", SIDE, {"mass": [-2.0, 2.0], "decay": 0.4}, [BOX]),
    "sites that moved": ("amorphous_chern", "square", SIDE, {"mass": [-2.0, 2.0], "decay": 0.4}, [BOX, MOVED]),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def drawn(case, count=10):
    """Return Hamiltonians less their Fermi levels, positions of the orbitals, the system's κ, and the samples."""
    system, lattice, shape, parameters, disorder = case
    recipe = Recipe.of(
        name="a", seed=3, system=system, lattice=lattice, shape=shape, parameters=parameters, disorder=disorder
    )
    samples = recipe.draw(range(count))
    H = samples.hamiltonians - samples.level[:, None, None] * np.eye(samples.hamiltonians.shape[-1])
    return H, samples.centred[..., samples.site_of_orbital, :], recipe.system.localizer_kappa, samples


def refused(hamiltonians, positions, kappa):
    raise AssertionError(f"{len(hamiltonians)} samples were not decided by their strips")


def squares(*masses, cells=(8, 8), disorder=1.0):
    """Return QWZ Hamiltonians written out by hand, and the positions of their orbitals."""
    found = [sample(qwz(mass), cells, disorder=disorder, seed=seed) for seed, mass in enumerate(masses)]
    return np.stack([H.toarray() for H, _, _ in found]), centred(found[0][1])


def dense_localizer(H, positions, kappa):
    """Return the localizer of one sample, written out with Kronecker products."""
    X, Y = (np.diag(positions[:, i]) for i in (0, 1))
    x, y, z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])
    return kappa * (np.kron(x, X) + np.kron(y, Y)) + np.kron(z, H)


def by_strips(H, positions, kappa):
    """Return the order of rows in which the strips take the localizers, and their elimination."""
    found, n = strips.strips_of((H != 0).any(axis=0)), H.shape[-1]
    z = np.broadcast_to(kappa * (positions[..., 0] + 1j * positions[..., 1]), H.shape[:2])
    return np.concatenate([[*s, *(s + n)] for s in found]), strips.Elimination.of(H, z, found)


# --- Against all eigenvalues ------------------------------------------------------------------------------


@every_case
def test_index_and_gap_are_those_of_all_eigenvalues(case):
    H, where, kappa, _ = drawn(case)
    index, margin = strips.even_localizer(H, where, kappa, refused)
    expected, gap = localizer.even_localizer(H, where, kappa)
    assert index.dtype == np.int64
    assert np.array_equal(index, expected)
    assert margin == pytest.approx(gap, rel=1e-8)
    assert strips.even_localizer(H, where, 1.3 * kappa, refused)[1] != pytest.approx(gap, rel=1e-3), "control"


def test_the_cases_hold_several_phases_and_small_gaps():
    found = [localizer.even_localizer(*drawn(case)[:3]) for case in CASES.values()]
    assert {-2, -1, 0, 1, 2} <= set(np.concatenate([index for index, _ in found]).tolist())
    assert min(margin.min() for _, margin in found) < 0.02


@pytest.mark.parametrize(("mass", "C"), [(-1.0, 1), (1.0, -1), (3.0, 0)])
def test_squares_by_hand_have_the_chern_number_of_the_literature(mass, C):
    H, where = squares(*[mass] * 8, cells=(9, 8))
    assert (strips.even_localizer(H, where, 0.3, refused)[0] == C).all()
    assert (strips.even_localizer(H.conj(), where, 0.3, refused)[0] == -C).all()
    assert (strips.even_localizer(H, where[:, ::-1], 0.3, refused)[0] == -C).all()


def test_an_index_and_a_gap_next_to_a_change_of_sign_are_right():
    # A shift of the energy by the lowest level of the localizer between two indices, found by halving, closes its gap.
    H, where = squares(*[-1.0] * 8, cells=(7, 6), disorder=2.0)
    low, high = np.zeros(8), np.full(8, 6.0)
    index = localizer.even_localizer(H, where, 0.3)[0]
    assert (index == 1).all()

    def shifted(levels):
        return H - levels[:, None, None] * np.eye(H.shape[-1])

    asked = []

    def otherwise(hamiltonians, *geometry):
        asked.extend(hamiltonians)
        return localizer.even_localizer(hamiltonians, *geometry)

    for _ in range(45):
        middle = (low + high) / 2
        same = localizer.even_localizer(shifted(middle), where, 0.3)[0] == index
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    for margin, side in [(m, s) for m in (1e-2, 1e-4, 1e-6) for s in (low - m, high + m)]:
        expected, gap = localizer.even_localizer(shifted(side), where, 0.3)
        asked.clear()
        found, found_gap = strips.even_localizer(shifted(side), where, 0.3, otherwise)
        assert len(asked) <= 2 or margin < 1e-3, "most are decided by their strips"
        assert (gap < 2 * margin).all()
        assert np.array_equal(found, expected)
        assert found_gap == pytest.approx(gap, rel=1e-8, abs=1e-13)


def test_a_batch_is_its_samples_one_by_one(monkeypatch):
    monkeypatch.setattr(strips, "FEWEST", 1)
    for key in ("qwz, vacancies", "random sites"):
        H, where, kappa, _ = drawn(CASES[key])
        index, margin = strips.even_localizer(H, where, kappa, refused)
        for i in range(len(H)):
            mine = where[i : i + 1] if where.ndim == 3 else where
            alone = strips.even_localizer(H[i : i + 1], mine, kappa, refused)
            assert alone[0] == index[i]
            assert alone[1] == pytest.approx(margin[i], rel=1e-8)
        monkeypatch.setattr(strips, "BATCH", 3)
        parts = strips.even_localizer(H, where, kappa, refused)
        assert np.array_equal(parts[0], index)
        assert parts[1] == pytest.approx(margin, rel=1e-8)


def test_two_calls_give_the_same_to_the_last_bit():
    H, where = squares(*np.linspace(-2, 2, 8))
    first, second = (strips.even_localizer(H, where, 0.3, refused) for _ in range(2))
    assert first[1].tobytes() == second[1].tobytes()


@every_case
def test_the_label_of_planes_is_that_of_all_eigenvalues_whatever_the_way(case, monkeypatch):
    *_, kappa, samples = drawn(case)
    found = {}
    for fewest, sparse_from in ((1, 10**9), (10**9, 10**9), (10**9, 1)):
        monkeypatch.setattr(strips, "FEWEST", fewest)
        monkeypatch.setattr("toponn.invariants.estimates.SPARSE_FROM", sparse_from)
        found[fewest, sparse_from] = spectral_localizer(samples, kappa)
    first, *others = found.values()
    for other in others:
        assert np.array_equal(first.value, other.value)
        assert first.margin == pytest.approx(other.margin, rel=1e-6)


# --- Strips and elimination -------------------------------------------------------------------------------


@every_case
def test_strips_hold_every_orbital_once_and_hoppings_reach_the_next_one_at_most(case):
    pattern = (drawn(case, 3)[0] != 0).any(axis=0)
    found = strips.strips_of(pattern)
    assert sorted(np.concatenate(found)) == list(range(len(pattern)))
    strip = np.empty(len(pattern), dtype=int)
    for i, orbitals in enumerate(found):
        strip[orbitals] = i
    rows, columns = np.nonzero(pattern)
    assert np.abs(strip[rows] - strip[columns]).max() == 1
    assert max(map(len, found)) < len(pattern) / 3


def test_strips_of_a_square_are_its_diagonals():
    H, _ = squares(-1.0, cells=(12, 12))
    assert max(map(len, strips.strips_of(H[0] != 0))) <= 2 * 12
    apart = np.eye(40, dtype=bool)  # atoms that do not couple: any order will do
    assert sorted(np.concatenate(strips.strips_of(apart))) == list(range(40))


def test_the_elimination_solves_the_localizer_and_bounds_its_rounding():
    H, where = squares(-1.0, 0.9, 2.9, disorder=2.0)
    order, eliminated = by_strips(H, where, 0.3)
    b = np.random.default_rng(1).normal(size=(3, 256)) + 0j
    for i in range(3):
        L = dense_localizer(H[i], where, 0.3)[np.ix_(order, order)]
        assert agree(eliminated.applied(b)[i], L @ b[i])
        assert agree(eliminated.solved(b)[i], np.linalg.solve(L, b[i]))
        assert eliminated.signature[i] == np.sign(np.linalg.eigvalsh(L)).sum()
        blocks = np.zeros_like(L), np.eye(len(L), dtype=complex)
        low = 0
        for k, G in enumerate(eliminated.inverse):
            high = low + G.shape[-1]
            blocks[0][low:high, low:high] = np.linalg.inv(G[i])
            if k:
                blocks[1][low:high, low - eliminated.inverse[k - 1].shape[-1] : low] = eliminated.lower[k - 1][i]
            low = high
        S, U = blocks
        assert np.linalg.norm(U @ S @ U.conj().T - L, 2) < 10 * eliminated.rounding[i] < 1e-8


def test_the_error_of_the_gap_is_no_smaller_than_its_distance_from_the_spectrum(monkeypatch):
    H, where = squares(*np.linspace(-2.2, 2.2, 12), disorder=2.0)
    expected = localizer.even_localizer(H, where, 0.3)[1]
    for steps in (12, 16, 20, 80):
        monkeypatch.setattr(strips, "STEPS", steps)
        margin, error = by_strips(H, where, 0.3)[1].gap()
        assert (np.abs(margin - expected) <= error + 1e-12).all()
        assert (error > 0).all()
    assert (error < 1e-8 * margin).all()


def test_factors_that_are_not_those_of_the_localizer_are_noticed_by_the_error_of_the_gap():
    H, where = squares(-1.0, 0.9, 2.9, disorder=2.0)
    _, eliminated = by_strips(H, where, 0.3)
    margin, error = eliminated.gap()
    assert (error < 1e-8 * margin).all()
    eliminated.inverse[3][1] *= 1 + 1e-5
    margin, error = eliminated.gap()
    assert (error > 1e-8 * margin).tolist() == [False, True, False]


# --- What strips cannot decide ----------------------------------------------------------------------------


def test_samples_without_a_gap_are_diagonalised_and_not_guessed():
    H, where = squares(*[-1.0, 0.0, 0.5, 0.0, 1.0, 2.0, 0.0, 3.0], cells=(9, 9), disorder=0.0)
    singular = localizer.even_localizer(H, where, 0.3)[1] < 1e-9  # at the transition, about a site: a zero mode
    assert singular.sum() >= 3
    asked = []

    def otherwise(hamiltonians, positions, kappa):
        asked.append(hamiltonians)
        return localizer.even_localizer(hamiltonians, positions, kappa)

    index, margin = strips.even_localizer(H, where, 0.3, otherwise)
    expected, gap = localizer.even_localizer(H, where, 0.3)
    assert len(asked) == 1
    assert np.array_equal(asked[0], H[singular])
    assert np.array_equal(index[~singular], expected[~singular])
    assert margin == pytest.approx(gap, rel=1e-8, abs=1e-12)


def test_a_strip_whose_own_localizer_is_singular_is_diagonalised():
    # An atom of zero energy at the origin that nothing couples: exactly singular, though the rest is not.
    H, where = squares(*[-1.0] * 8)
    H[2, :2], H[2, :, :2] = 0, 0
    H[5, :1], H[5, :, :1] = 0, 0
    where = where - where[0]
    order, eliminated = by_strips(H, where, 0.3)
    assert np.array_equal(np.isinf(eliminated.rounding), np.isin(np.arange(8), [2, 5]))
    found, expected = strips.even_localizer(H, where, 0.3), localizer.even_localizer(H, where, 0.3)
    others = ~np.isin(np.arange(8), [2, 5])
    assert np.array_equal(found[0][others], expected[0][others])
    assert found[1] == pytest.approx(expected[1], rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("setting", [{"STEPS": 8}, {"ACCURATE": 0.0}, {"SAFETY": 1e12}])
def test_a_search_or_factors_that_are_not_good_enough_are_noticed(setting, monkeypatch):
    H, where = squares(*np.linspace(-2, 2, 8))
    strips.even_localizer(H, where, 0.3, refused)
    for name, value in setting.items():
        monkeypatch.setattr(strips, name, value)
    with pytest.raises(AssertionError, match="samples were not decided"):
        strips.even_localizer(H, where, 0.3, refused)
    found, expected = strips.even_localizer(H, where, 0.3), localizer.even_localizer(H, where, 0.3)
    assert np.array_equal(found[0], expected[0])
    assert agree(found[1], expected[1])


def test_positions_of_its_own_go_with_a_sample_that_is_diagonalised():
    H, where = squares(*np.linspace(-2, 2, 9), cells=(9, 9), disorder=0.0)
    own = where + 0.05 * np.random.default_rng(2).normal(size=(9, *where.shape))
    own[4] = where  # clean, at the transition and about a site
    assert localizer.even_localizer(H[4:5], own[4:5], 0.3)[1] < 1e-9
    found, expected = strips.even_localizer(H, own, 0.3), localizer.even_localizer(H, own, 0.3)
    assert np.array_equal(np.delete(found[0], 4), np.delete(expected[0], 4))
    assert found[1] == pytest.approx(expected[1], rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("why", ["few", "small", "large", "wide"])
def test_where_nothing_is_gained_the_other_way_is_taken(why, monkeypatch):
    H, where = squares(*[-1.0] * 8)
    if why == "few":
        H = H[:3]
    if why == "wide":
        H = H + 1e-3 * np.ones((128, 128))
    if why in ("small", "large"):
        monkeypatch.setattr(strips, *{"small": ("SMALLEST", 129), "large": ("LARGEST", 127)}[why])
    with pytest.raises(AssertionError, match="samples were not decided"):
        strips.even_localizer(H, where, 0.3, refused)
    assert np.array_equal(strips.even_localizer(H, where, 0.3)[0], localizer.even_localizer(H, where, 0.3)[0])


def test_skew_matrices_are_refused():
    H, where = squares(*[-1.0] * 8)
    H[3, 0, 9] += 1e-3
    with pytest.raises(DataError, match=r"hamiltonian: found \|H - H†\| up to 1.0e-03; allowed: Hermitian"):
        strips.even_localizer(H, where, 0.3)


def test_real_hamiltonians_far_from_any_transition_are_taken_too():
    H = np.stack([np.real(sample(haldane(m, 0.0, 0.0), (8, 8), disorder=1.0)[0].toarray()) for m in np.arange(1, 9.0)])
    assert H.dtype == float
    where = centred(sample(haldane(0.0, 0.0, 0.0), (8, 8))[1])
    found, expected = strips.even_localizer(H, where, 0.2, refused), localizer.even_localizer(H, where, 0.2)
    assert np.array_equal(found[0], expected[0])
    assert found[1] == pytest.approx(expected[1], rel=1e-8)


def test_samples_without_disorder_are_those_of_the_batch_repeated():
    H, where = squares(*[-1.0] * 40, disorder=0.0)
    samples = Samples.of(H, where[::2])
    estimate = spectral_localizer(samples, 0.3)
    assert (estimate.integer == 1).all()
    assert np.ptp(estimate.margin) < 1e-9
