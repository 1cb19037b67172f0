"""Noise on closed-form weights, retraining, and the level at which half of the retrainings succeed."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from toponn.checks import DataError
from toponn.datasets import read_dataset, write_dataset
from toponn.generation import generate
from toponn.statistics import balanced_accuracy
from toponn.trainability.basin import basin, closed_form_and_direction, noisy
from toponn.trainability.expressivity import reference_values
from toponn.trainability.half_success import half_success
from toponn.trainability.subject import Subject, seen

LEVELS = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
TRAINING = {"epochs": 2, "batch_size": 20, "learning_rate": 1e-3, "weight_decay": 0.0}
SETTINGS = {
    "free": {"model": "ring", "form": "free", "start": "random", "rank": 1, "scale": 1.0},
    "coordinate": {"model": "ring", "form": "coordinate", "start": "random", "rank": 1, "scale": 1.0, "width": 8},
    "wavefunction": {"model": "ring", "form": "wavefunction", "start": "random", "scale": 0.1},
}


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chains")
    recipe = {
        "system": "ssh",
        "parameters": {"intracell": [0.2, 1.8], "intercell": 1.0},
        "disorder": [{"name": "bond_box", "strength": [0.0, 1.5]}],
        "samples": {"train": 40, "validation": 20, "test": 60},
        "minimum_margin": 0.1,
    }
    paths = []
    for cells in (10, 6):
        paths.append(folder / f"ssh_{cells}.h5")
        shape = {"name": "segment", "size": [cells]}
        write_dataset(paths[-1], *generate(name=f"ssh_{cells}", seed=3, shape=shape, **recipe))
    return paths


def subject_of(form: str, chains) -> Subject:
    settings = {**SETTINGS[form], "training": TRAINING}
    datasets = {"home": chains[:1], "smaller": chains[1:]}
    return Subject("winding", f"ring_{form}", settings, datasets, [], 7, {"split": "test", "balanced_accuracy": 0.9})


def retrainings(success, seeds: int = 20) -> pd.DataFrame:
    """Return a row for each seed and level; `success` is a function of both."""
    rows = [(seed, level, float(success(seed, level))) for seed in range(seeds) for level in [0.0, *LEVELS]]
    return pd.DataFrame(rows, columns=["seed", "noise", "success"])


def planted(seed: int, half: float, slope: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return retrainings(lambda _, level: level == 0 or rng.random() < expit(-slope * np.log(level / half)), seeds=40)


@pytest.mark.parametrize("form", SETTINGS)
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
    seeds = rows.groupby(["diagnostic", "size", "condition"])["seed"].apply(tuple)
    assert len(seeds) == 3 * 2 * 2
    assert set(seeds) == {(0, 1, 2)}
    assert set(rows["condition"]) == {"noise=0.1", "noise=3"}
    wide = rows.pivot_table(index=["size", "condition", "seed"], columns="diagnostic", values="value")
    assert ((wide["basin_balanced_accuracy"] >= 0.9) == wide["basin_success"]).all()
    near, far = (wide.xs(f"noise={level}", level="condition")["start_balanced_accuracy"] for level in ("0.1", "3"))
    assert near.mean() > far.mean() + 0.1


@pytest.mark.parametrize("form", SETTINGS)
def test_noise_is_added_in_one_direction_a_seed_with_the_root_mean_square_of_each_tensor(form, chains):
    subject = subject_of(form, chains)
    here = seen(subject.settings, chains[0], ("train",), seeds=3)
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
    inside, errors, reaches = 0, [], []
    for seed in range(40):
        value, low, high = half_success(planted(seed, half=0.3, slope=3.0), rng=np.random.default_rng(seed))
        assert low <= value <= high
        inside += low <= 0.3 <= high
        errors.append(np.log(value / 0.3))
        reaches.append((np.log(value / low), np.log(high / value)))
    assert abs(np.mean(errors)) < 0.05
    assert 34 <= inside <= 40, "the interval is one of 95 %"
    np.testing.assert_allclose(np.mean(reaches, axis=0) / np.std(errors), 1.96, atol=0.5)


def test_the_fitted_curve_is_the_most_likely_one():
    """Against a search over a grid of all curves."""
    frame = planted(5, half=0.4, slope=2.0)
    value, _, _ = half_success(frame, rng=np.random.default_rng(0))
    data = frame[frame["noise"] > 0]
    halves, slopes = np.meshgrid(np.linspace(0.2, 0.8, 241), np.linspace(0.5, 6.0, 111), indexing="ij")
    argument = -slopes[..., None] * np.log(data["noise"].to_numpy() / halves[..., None])
    likelihood = np.where(data["success"] == 1, np.log(expit(argument)), np.log(expit(-argument))).sum(axis=-1)
    assert value == pytest.approx(halves.ravel()[likelihood.argmax()], abs=0.01)


def test_seeds_that_are_alike_in_all_their_levels_leave_the_interval_wide():
    """Half of the directions are twice as hard as the others: each level counts forty rows of twenty seeds."""
    frame = retrainings(lambda seed, level: level < (0.15 if seed % 2 else 0.7), seeds=10)
    alike = pd.concat([frame.assign(seed=frame["seed"] + 10 * copy) for copy in range(4)])
    one, four = (half_success(f, rng=np.random.default_rng(1)) for f in (frame, alike))
    assert one[0] == pytest.approx(four[0], rel=1e-6)
    width = [np.log(high / low) for _, low, high in (one, four)]
    assert 1.5 < width[0] / width[1] < 3.0


def test_where_a_level_divides_success_from_failure_the_curve_is_a_step():
    value, low, high = half_success(retrainings(lambda _, level: level < 0.3), rng=np.random.default_rng(0))
    assert (value, low, high) == (pytest.approx(np.sqrt(0.2 * 0.5)), 0.2, 0.5)
    mixed = retrainings(lambda seed, level: level < 0.2 or (level == 0.2 and seed < 7))
    assert half_success(mixed, rng=np.random.default_rng(0))[0] == pytest.approx(0.2)


def test_a_level_beyond_the_largest_or_below_the_smallest_noise_is_said_to_be_so():
    rng = np.random.default_rng(0)
    np.testing.assert_equal(half_success(retrainings(lambda *_: True), rng=rng), (np.nan, 2.0, np.inf))
    often = retrainings(lambda seed, level: level < 1 or seed < 12)
    np.testing.assert_equal(half_success(often, rng=rng), (np.nan, 2.0, np.inf))
    np.testing.assert_equal(half_success(retrainings(lambda _, level: level == 0), rng=rng), (np.nan, 0.0, 0.05))
    seldom = retrainings(lambda seed, level: level == 0 or seed < 8)
    np.testing.assert_equal(half_success(seldom, rng=rng), (np.nan, 0.0, 0.05))


def test_success_that_rises_with_the_noise_has_no_level():
    rising = retrainings(lambda _, level: level > 0.3)
    np.testing.assert_equal(half_success(rising, rng=np.random.default_rng(0)), (np.nan, 0.0, np.inf))
    mostly = retrainings(lambda seed, level: (level > 0.3) == (seed < 15))
    np.testing.assert_equal(half_success(mostly, rng=np.random.default_rng(0)), (np.nan, 0.0, np.inf))


def test_noise_of_zero_alone_is_refused():
    frame = retrainings(lambda *_: True)
    with pytest.raises(DataError, match=r"noise: found \[0.0\]; allowed: levels of which at least one is above 0"):
        half_success(frame[frame["noise"] == 0], rng=np.random.default_rng(0))
