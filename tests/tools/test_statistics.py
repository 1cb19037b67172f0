import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from tolerances import agree

from toponn.tools.statistics import balanced_accuracy, crossed_bootstrap, median_band, wilson_interval

QUICK = settings(max_examples=60, deadline=None, database=None, derandomize=True)


# --- Balanced accuracy ------------------------------------------------------------------------------------


def balanced_by_loops(labels, predictions):
    shares = []
    for value in sorted(set(labels)):
        right = total = 0
        for label, prediction in zip(labels, predictions, strict=True):
            total += label == value
            right += label == value == prediction
        shares.append(right / total)
    return sum(shares) / len(shares)


@QUICK
@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-3, 3)), min_size=1, max_size=30))
def test_balanced_accuracy_is_the_mean_over_classes_of_the_share_that_is_right(pairs):
    labels, predictions = np.array(pairs).T
    expected = balanced_by_loops(labels.tolist(), predictions.tolist())
    assert float(balanced_accuracy(labels, predictions)) == pytest.approx(expected)
    both = balanced_accuracy(labels, np.stack([predictions, labels]))
    assert agree(both, np.array([expected, 1.0]))


def test_a_constant_prediction_is_worth_one_over_the_number_of_classes_however_unequal_they_are():
    labels = np.array([0] * 97 + [1] * 2 + [-1])
    for guess in (0, 1, -1):
        assert float(balanced_accuracy(labels, np.full(100, guess))) == pytest.approx(1 / 3)
    assert float((labels == 0).mean()) == 0.97, "control: accuracy alone would be flattered"


# --- Wilson -----------------------------------------------------------------------------------------------


@QUICK
@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.5, 0.8, 0.95, 0.99]))
def test_wilsons_interval_is_that_of_scipy(trials, share, confidence):
    successes = round(share * trials)
    expected = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, trials, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilsons_interval_of_the_published_yardstick_and_of_the_extremes():
    low, high = wilson_interval(22, 100)  # arXiv 2406.10012: 22 of 100 networks generalized
    assert (round(low, 3), round(high, 3)) == (0.150, 0.311)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 40)[0] == 0.0
    assert wilson_interval(40, 40)[1] == 1.0
    assert 0.9 < wilson_interval(40, 40)[0] < 1


# --- The crossed bootstrap --------------------------------------------------------------------------------

LABELS = np.repeat([0, 1], [30, 20])


def outcomes(rng, spread_of_seeds, spread_of_samples, seeds=12):
    """Return right (S, B) of a logistic model with an effect of each seed and each sample."""
    seed = spread_of_seeds * rng.normal(size=(seeds, 1))
    sample = spread_of_samples * rng.normal(size=(1, len(LABELS)))
    chance = 1 / (1 + np.exp(-(1.5 + seed + sample)))
    return rng.random((seeds, len(LABELS))) < chance


def mean_balanced(right):
    return np.mean([right[:, LABELS == value].mean() for value in (0, 1)])


@pytest.mark.parametrize(("of_seeds", "of_samples"), [(1.0, 0.0), (0.0, 1.5), (0.7, 1.0)])
def test_the_crossed_bootstrap_covers_the_true_mean_about_as_often_as_it_says(of_seeds, of_samples):
    rng = np.random.default_rng(0)
    truth = np.mean([mean_balanced(outcomes(rng, of_seeds, of_samples)) for _ in range(1500)])
    covered = 0
    for _ in range(120):
        low, high = crossed_bootstrap(LABELS, outcomes(rng, of_seeds, of_samples), rng=rng, draws=300)
        covered += low <= truth <= high
    assert covered / 120 > 0.85  # says 0.95; the percentile interval of few seeds is known to be a little short


def test_the_crossed_bootstrap_is_about_as_wide_as_the_scatter_of_repeated_experiments():
    rng = np.random.default_rng(1)
    repeated = [mean_balanced(outcomes(rng, 0.7, 1.0)) for _ in range(1500)]
    widths = [np.diff(crossed_bootstrap(LABELS, outcomes(rng, 0.7, 1.0), rng=rng, draws=400))[0] for _ in range(30)]
    expected = np.diff(np.quantile(repeated, [0.025, 0.975]))[0]
    assert 0.7 * expected < np.mean(widths) < 1.6 * expected


def test_seeds_that_differ_widen_the_interval_more_than_samples_alone():
    rng = np.random.default_rng(2)
    right = np.zeros((10, len(LABELS)), dtype=bool)
    right[:5] = True  # half of the trainings succeed on everything
    low, high = crossed_bootstrap(LABELS, right, rng=rng)
    assert low < 0.25
    assert high > 0.75
    alike = np.tile(np.arange(len(LABELS)) % 2 == 0, (10, 1))  # every seed alike, half of the samples right
    narrow = crossed_bootstrap(LABELS, alike, rng=rng)
    assert narrow[1] - narrow[0] < 0.4


def bootstrap_by_loops(labels, right, rng, draws, draw_samples=True):
    """Return quantiles of balanced accuracies of tables whose rows, and columns within a class, are drawn anew."""
    values = []
    for _ in range(draws):
        rows = rng.integers(len(right), size=len(right))
        shares = []
        for value in (0, 1):
            columns = np.flatnonzero(labels == value)
            columns = rng.choice(columns, size=len(columns)) if draw_samples else columns
            shares.append(right[rows][:, columns].mean())
        values.append(np.mean(shares))
    return np.quantile(values, [0.025, 0.975])


def test_the_crossed_bootstrap_draws_rows_and_columns_of_the_table_anew():
    rng = np.random.default_rng(9)
    right = rng.random((6, len(LABELS))) < np.repeat([[0.95], [0.05]], 3, axis=0)
    right[:, ::4] = True  # easy samples
    right[:, 1::4] = False  # hard ones
    found = crossed_bootstrap(LABELS, right, rng=rng, draws=4000)
    assert found == pytest.approx(bootstrap_by_loops(LABELS, right, rng, 4000), abs=0.015)
    seeds_only = bootstrap_by_loops(LABELS, right, rng, 2000, draw_samples=False)
    assert found != pytest.approx(seeds_only, abs=0.015), "control"


def test_the_crossed_bootstrap_of_one_seed_keeps_the_scatter_of_the_samples():
    rng = np.random.default_rng(3)
    right = np.arange(len(LABELS))[None] % 4 > 0
    low, high = crossed_bootstrap(LABELS, right, rng=rng)
    assert low < right.mean() < high
    assert 0.15 < high - low < 0.35  # 1.96 · 2 · √(p(1−p)/n), n about 50


def wilson_by_roots(share, trials, z=1.959963984540054):
    """Return the shares p at which ``(share − p)² = z² p (1 − p)/trials``."""
    return np.sort(np.roots([1 + z**2 / trials, -2 * share - z**2 / trials, share**2]).real)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_where_nothing_varies_wilsons_interval_alone_gives_the_width(share):
    right = {0.0: np.zeros_like(LABELS), 0.5: LABELS == 0, 1.0: np.ones_like(LABELS)}[share].astype(bool)
    found = crossed_bootstrap(LABELS, np.tile(right, (5, 1)), rng=np.random.default_rng(4))
    effective = 4 / (1 / 30 + 1 / 20)  # the variance of a mean of two classes of 30 and 20 is that of 48 samples
    assert found == pytest.approx(tuple(wilson_by_roots(share, effective)), abs=1e-7)


def test_the_interval_always_holds_wilsons():
    rng = np.random.default_rng(8)
    for chance in (0.02, 0.3, 0.9, 0.99):
        right = rng.random((6, len(LABELS))) < chance
        low, high = crossed_bootstrap(LABELS, right, rng=rng, draws=200)
        wilson = wilson_by_roots(mean_balanced(right), 48.0)
        assert low <= wilson[0] + 1e-7
        assert high >= wilson[1] - 1e-7


def test_the_crossed_bootstrap_is_determined_by_its_stream_and_narrows_with_its_confidence():
    right = outcomes(np.random.default_rng(5), 0.7, 1.0)
    one, same, half = (
        crossed_bootstrap(LABELS, right, rng=np.random.default_rng(6), confidence=c) for c in (0.95, 0.95, 0.5)
    )
    assert one == same
    assert one[0] < half[0] < half[1] < one[1]


# --- Median and band --------------------------------------------------------------------------------------


def test_the_median_stands_between_the_deciles_of_the_finite_values():
    values = np.random.default_rng(7).permutation(np.arange(101.0))
    assert median_band(values) == (50, 10, 90)
    assert median_band(np.concatenate([values, [np.nan, np.inf, -np.inf]])) == (50, 10, 90)
    assert median_band(np.array([3.0])) == (3, 3, 3)
    assert np.isnan(median_band(np.array([np.nan]))).all()
    assert np.isnan(median_band(np.array([]))).all()
