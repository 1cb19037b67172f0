"""Noise on closed-form weights, retraining, and the level at which half of the retrainings succeed."""

import numpy as np
import pandas as pd
import pytest
import stored
from scipy.special import expit

from toponn.data.datasets import read_dataset
from toponn.tools.statistics import balanced_accuracy
from toponn.trainability.basin import basin, closed_form_and_direction, noisy
from toponn.trainability.expressivity import reference_values
from toponn.trainability.half_success import half_success
from toponn.trainability.subject import Subject, seen
from toponn.training.protocol import Success, Training, Variant

LEVELS = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
TRAINING = Training(epochs=2, batch_size=20, learning_rate=1e-3, patience=None)
VARIANTS = {
    "free": Variant("ring_free", "free_ring", {}, TRAINING),
    "coordinate": Variant("ring_coordinate", "coordinate_ring", {"width": 8}, TRAINING),
    "wavefunction": Variant("ring_wavefunction", "wavefunction_ring", {"scale": 0.1}, TRAINING),
}


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    recipes = {f"ssh_{cells}": stored.chains(cells, 1.5) for cells in (10, 6)}
    samples = {"train": 40, "validation": 20, "test": 60}
    return list(stored.written(tmp_path_factory.mktemp("chains"), recipes, seed=3, samples=samples).values())


def subject_of(form: str, chains) -> Subject:
    datasets = {"home": chains[:1], "smaller": chains[1:]}
    return Subject("winding", VARIANTS[form], datasets, [], 7, Success(split="test", balanced_accuracy=0.9))


def retrainings(success, seeds: int = 20) -> pd.DataFrame:
    """Return a row for each seed and level; `success` is a function of both."""
    rows = [(seed, level, float(success(seed, level))) for seed in range(seeds) for level in [0.0, *LEVELS]]
    return pd.DataFrame(rows, columns=["seed", "noise", "success"])


def planted(seed: int, half: float, slope: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return retrainings(lambda _, level: level == 0 or rng.random() < expit(-slope * np.log(level / half)), seeds=40)


@pytest.mark.parametrize("form", VARIANTS)
def test_without_noise_a_start_has_the_accuracy_of_the_reference_formula(form, chains):
    rows = basin(subject_of(form, chains), noise=[0.0], seeds=2).rows
    assert set(rows["size"]) == {10, 6}
    formula = "switches" if form == "coordinate" else "windowed_winding"
    for path, size in zip(chains, (10, 6), strict=True):
        part = read_dataset(path, "test")
        expected = balanced_accuracy(part.label, np.rint(reference_values(form, formula, part)))
        found = rows[(rows["diagnostic"] == "start_balanced_accuracy") & (rows["size"] == size)]["value"]
        np.testing.assert_allclose(found, expected)


def test_every_seed_has_a_row_for_each_level_size_and_diagnostic(chains):
    rows = basin(subject_of("free", chains), noise=[0.1, 3.0], seeds=3).rows
    seeds = rows.groupby(["diagnostic", "size", "noise"])["seed"].apply(tuple)
    assert len(seeds) == 3 * 2 * 2
    assert set(seeds) == {(0, 1, 2)}
    assert set(rows["noise"]) == {0.1, 3.0}
    wide = rows.pivot_table(index=["size", "noise", "seed"], columns="diagnostic", values="value")
    assert ((wide["basin_balanced_accuracy"] >= 0.9) == wide["basin_success"]).all()
    near, far = (wide.xs(level, level="noise")["start_balanced_accuracy"] for level in (0.1, 3.0))
    assert near.mean() > far.mean() + 0.1


@pytest.mark.parametrize("form", VARIANTS)
def test_noise_is_added_in_one_direction_a_seed_with_the_root_mean_square_of_each_tensor(form, chains):
    subject = subject_of(form, chains)
    here = seen(subject.variant, chains[0], ("train",), seeds=3)
    exact, direction = closed_form_and_direction(subject, here, [0, 1, 2])
    small, large = (noisy(exact, direction, sigma) for sigma in (0.5, 2.0))
    for name, tensor in exact.items():
        moved = [(start[name] - tensor).double().numpy() for start in (small, large)]
        np.testing.assert_allclose(moved[1], 4 * moved[0], atol=1e-4 * np.abs(moved[1]).max())
        rms = np.sqrt((tensor.double().numpy().reshape(3, -1) ** 2).mean(axis=1))
        noise = moved[1].reshape(3, -1) / (2.0 * rms[:, None])
        count = noise.shape[1]
        assert np.abs((noise**2).mean(axis=1) - 1).max() < 6 * np.sqrt(2 / count), name
        assert np.abs(noise).min() > 0, "weights that are zero move too"
        assert not np.allclose(noise[0], noise[1])
    again, other = (closed_form_and_direction(subject, here, seeds)[1] for seeds in ([1], [5]))
    assert all((again[name][0] == direction[name][1]).all() for name in exact), "a seed is a direction of its own"
    assert all((other[name][0] != direction[name][1]).any() for name in exact)


def test_the_level_of_half_success_of_a_planted_curve_is_found_within_its_interval():
    found = np.array([half_success(planted(seed, half=0.3, slope=3.0)) for seed in range(30)])
    value, low, high = found.T
    assert np.median(value) == pytest.approx(0.3, rel=0.1)
    assert ((low <= 0.3) & (high >= 0.3)).mean() >= 0.95
    assert (low <= value).all() and (value <= high).all()


def test_the_level_lies_on_a_straight_line_in_the_logarithm_between_the_levels_beside_it():
    frame = retrainings(lambda seed, level: level < 0.2 or (level == 0.2 and seed < 16) or (level == 0.5 and seed < 4))
    value, low, high = half_success(frame)
    assert value == pytest.approx(np.sqrt(0.2 * 0.5)), "shares 0.8 and 0.2"
    assert (low, high) == (0.2, 0.5), "Wilson: 0.58 to 0.92, and 0.08 to 0.42"


def test_a_share_that_is_not_surely_below_one_half_does_not_end_the_interval():
    frame = retrainings(lambda seed, level: level < 0.2 or (level == 0.2 and seed < 6))  # 0.3, Wilson 0.15 to 0.52
    value, low, high = half_success(frame)
    assert (low, high) == (0.1, 0.5) and 0.1 < value < 0.2


def test_where_success_falls_and_rises_again_the_interval_holds_the_level_and_all_that_is_not_sure():
    counts = {0.05: 20, 0.1: 3, 0.2: 18}
    value, low, high = half_success(retrainings(lambda seed, level: seed < counts.get(level, 20 if level == 0 else 0)))
    assert (low, high) == (0.05, 0.5) and low < value < high


def test_where_a_level_divides_success_from_failure_the_interval_is_the_gap():
    value, low, high = half_success(retrainings(lambda _, level: level < 0.3))
    assert value == pytest.approx(np.sqrt(0.2 * 0.5)) and (low, high) == (0.2, 0.5)


def test_a_level_beyond_the_largest_or_below_the_smallest_noise_is_said_to_be_so():
    np.testing.assert_equal(half_success(retrainings(lambda *_: True)), (np.nan, 2.0, np.inf))
    often = retrainings(lambda seed, level: level < 2.0 or seed < 12)  # 0.6 at the largest is not surely above one half
    np.testing.assert_equal(half_success(often), (np.nan, 1.0, np.inf))
    np.testing.assert_equal(half_success(retrainings(lambda _, level: level == 0)), (np.nan, 0.0, 0.05))


def test_a_share_that_rises_for_once_is_evened_out():
    frame = retrainings(lambda seed, level: seed < {0.1: 8, 0.2: 16}.get(level, 20 if level < 0.3 else 0))
    assert half_success(frame)[0] == pytest.approx(half_success(retrainings(lambda seed, level: (
        seed < {0.1: 12, 0.2: 12}.get(level, 20 if level < 0.3 else 0))))[0])  # fmt: skip
