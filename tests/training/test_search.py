"""The search for a learning rate reads no test split, takes none of the study's seeds and chooses by a stated rule."""

import numpy as np
import pandas as pd
import pytest

from toponn.data.datasets import read_dataset, write_dataset
from toponn.data.generation import generate
from toponn.tools.tables import TABLES
from toponn.training import search as module
from toponn.training.protocol import Training, Variant
from toponn.training.runs import start_parameters
from toponn.training.search import best_trial, search, settled

ROOT = 8
TRAINING = Training(epochs=4, batch_size=20, learning_rate=[1e-6, 0.05], weight_decay=[0.0, 0.1], patience=None)
VARIANT = Variant("free", "free_ring", {}, TRAINING)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    recipe = {
        "system": "ssh",
        "shape": {"name": "segment", "size": [10]},
        "parameters": {"intracell": [0.2, 1.8], "intercell": 1.0},
        "disorder": [],
        "samples": {"train": 60, "validation": 40},  # there is no test split to read
        "minimum_margin": 0.1,
    }
    path = tmp_path_factory.mktemp("datasets") / "chain.h5"
    write_dataset(path, generate(name="chain", seed=ROOT, **recipe))
    return path


def searched(path, **changes):
    arguments = {"task": "winding", "variant": VARIANT, "seeds": 3, "root": ROOT}
    return search(path, **{**arguments, **changes})


def test_every_trial_has_a_row_for_each_seed_and_one_trial_is_chosen(path):
    rows = searched(path)
    assert set(rows.columns) == {*TABLES["search"].columns, "trial"}
    assert len(rows) == 4 * 3
    assert rows.groupby(["learning_rate", "weight_decay"])["seed"].apply(list).tolist() == [[0, 1, 2]] * 4
    assert rows["chosen"].sum() == 3
    chosen = rows[rows["chosen"]]
    assert chosen["learning_rate"].unique().tolist() == [0.05], "at 1e-6 nothing is learned in four epochs"
    assert np.isfinite(rows["validation_loss"]).all()


def test_the_search_is_the_same_when_run_again(path):
    pd.testing.assert_frame_equal(searched(path), searched(path))


def test_no_seed_of_the_search_starts_where_a_seed_of_the_study_does(path, monkeypatch):
    taken = []
    real = module.train

    def spy(model, start, *arguments, **options):
        taken.append(start)
        return real(model, start, *arguments, **options)

    monkeypatch.setattr(module, "train", spy)
    searched(path)
    model = module.build_model(VARIANT, {"loops": (45,), "coordinates": (10, 1)})
    study = start_parameters(model, read_dataset(path, "train"), ROOT, "free", range(3))
    assert all((start["site"] != study["site"]).all() for start in taken)
    assert all((start["site"] == taken[0]["site"]).all() for start in taken), "all trials start alike"


def table(*rows):
    return pd.DataFrame(rows, columns=["trial", "validation_balanced_accuracy", "validation_loss", "status"])


def test_the_highest_mean_accuracy_is_chosen_and_of_equals_the_lowest_loss():
    assert best_trial(table((0, 0.9, 0.1, "ok"), (1, 0.95, 0.9, "ok"), (1, 0.93, 0.9, "ok"))) == 1
    assert best_trial(table((0, 0.9, 0.3, "ok"), (1, 0.9, 0.2, "ok"), (2, 0.8, 0.1, "ok"))) == 1
    assert best_trial(table((0, 0.9, 0.2, "ok"), (1, 0.9, 0.2, "ok"))) == 0, "the first of equals in all"


def test_a_seed_that_failed_counts_as_no_accuracy_at_all():
    failed = (1, 1.0, np.nan, "failed")
    assert best_trial(table((0, 0.6, 1.0, "ok"), (0, 0.6, 1.0, "ok"), (1, 1.0, 0.1, "ok"), failed)) == 0
    assert best_trial(table((0, 0.4, 1.0, "ok"), (0, 0.4, 1.0, "ok"), (1, 1.0, 0.1, "ok"), failed)) == 1


def test_with_patience_a_trial_is_judged_by_the_epoch_whose_weights_are_kept(path):
    few = VARIANT.trained_by(epochs=12, learning_rate=[0.5], weight_decay=0.0)
    patient, whole = searched(path, variant=few.trained_by(patience=1)), searched(path, variant=few)
    assert (patient["epochs"] < 12).any()
    assert (patient["validation_loss"] != whole["validation_loss"]).any()
    assert np.isfinite(patient["validation_loss"]).all()


def test_the_chosen_values_take_the_place_of_the_lists_and_nothing_else_changes(path):
    rows = searched(path)
    variant = settled(VARIANT, rows)
    chosen = {key: rows[rows["chosen"]].iloc[0][key] for key in ("learning_rate", "weight_decay")}
    assert variant == VARIANT.trained_by(**chosen)
    assert variant.training.trials == [chosen]
    assert VARIANT.training.is_searched and not variant.training.is_searched, "the study's own entry is left alone"
