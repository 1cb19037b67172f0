"""What the workflow derives from a study."""

import copy
from pathlib import Path

import yaml

from toponn import study as derived
from toponn.config import check
from toponn.models import form_of, member_of
from toponn.trainability import DIAGNOSTICS

DEFAULT = yaml.safe_load((Path(__file__).resolve().parents[1] / "config.yaml").read_text(encoding="utf-8"))


def test_blocks_hold_every_seed_once_and_more_seeds_add_blocks():
    assert derived.blocks(40, 20) == [list(range(20)), list(range(20, 40))]
    assert derived.blocks(1, 20) == [[0]]
    for n_seeds in range(1, 30):
        seeds = derived.blocks(n_seeds, 7)
        assert sum(seeds, []) == list(range(n_seeds))
        assert derived.blocks(n_seeds + 7, 7)[: n_seeds // 7] == seeds[: n_seeds // 7]


def test_models_that_start_at_the_closed_form_are_trained_but_not_tested():
    study = check(DEFAULT)
    trained, tested = derived.trained_models(study, "chern"), derived.tested_models(study, "chern")
    assert set(trained) - set(tested) == {"ring_coordinate_closed_form", "ring_free_closed_form"}
    assert "loop_ridge" in tested
    assert derived.ring_models(study, "chern") == trained[:4]
    assert [m for m in derived.ring_models(study, "winding") if m.startswith("ring_wavefunction")] == [
        model for model in derived.trained_models(study, "winding") if model.startswith("ring_wavefunction")
    ]


def test_the_training_dataset_is_the_first_of_its_tests():
    study = check(DEFAULT)
    kinds, tests = derived.kinds_of(study, "winding"), DEFAULT["tasks"]["winding"]["tests"]
    assert derived.tests_of(study, "winding") == [
        "ssh_24",
        *(name for names in tests.values() for name in names),
        *DEFAULT["tasks"]["winding"]["proxies"],
    ]
    assert kinds["ssh_24"] == derived.HOME and kinds["ssh_96"] == "sizes"
    assert kinds["ssh_24_scrambled"] == derived.MISLEADING
    assert "ssh_24_scrambled" not in derived.honest_tests(study, "winding")


def test_datasets_in_use_are_those_that_a_task_names_once():
    study = copy.deepcopy(DEFAULT)
    del study["tasks"]["winding"]
    study["tasks"]["chern"]["tests"] = {"sizes": ["qwz_6"]}
    for role in ("proxies", "sizes", "smaller", "clean", "many", "scaling", "left_out"):
        del study["tasks"]["chern"][role]
    assert derived.datasets_in_use(study) == ["qwz_8", "qwz_6"]


def test_datasets_of_other_sizes_are_in_use_and_name_the_models_that_are_trained_on_them():
    study = check(DEFAULT)
    assert "ssh_6" not in derived.tests_of(study, "winding")
    assert "ssh_6" in derived.datasets_in_use(study)
    assert derived.other_sizes(study, "winding")["ssh_6"] == DEFAULT["tasks"]["winding"]["sizes"]["models"]
    del study["tasks"]["chern"]["sizes"]
    assert derived.other_sizes(study, "chern") == {}


def test_other_sizes_may_have_fewer_seeds_and_the_task_s_own_dataset_has_all():
    study = check(DEFAULT)
    most = DEFAULT["tasks"]["chern"]["sizes"]["seeds"]
    assert derived.seeds_of(study, "chern", "qwz_10", "cnn") == most < DEFAULT["models"]["cnn"]["seeds"]
    assert derived.seeds_of(study, "chern", "qwz_8", "cnn") == DEFAULT["models"]["cnn"]["seeds"]
    assert derived.seeds_of(study, "winding", "ssh_6", "cnn") == DEFAULT["models"]["cnn"]["seeds"]


def test_a_diagnostic_applies_to_models_that_have_what_it_needs():
    study = check(DEFAULT)
    assert set(derived.NEEDS) == set(DIAGNOSTICS) == set(DEFAULT["trainability"])
    assert derived.diagnosed_models(study, "chern", "basin") == ["ring_coordinate", "ring_free"]
    assert "loop_ridge" in derived.diagnosed_models(study, "chern", "pruning")
    assert "loop_ridge" not in derived.diagnosed_models(study, "chern", "hessian")
    del study["tasks"]["chern"]["many"]
    assert derived.diagnosed_models(study, "chern", "sample_sizes") == []
    assert "sample_sizes" not in derived.diagnostics_of(study, "chern")


def test_a_diagnostic_takes_no_more_seeds_than_its_model_has_or_the_task_allows():
    study = check(DEFAULT)
    allowed = DEFAULT["tasks"]["chern"]["diagnosed"]["seeds"]["resnet"]
    assert derived.diagnostic_options(study, "chern", "clean", "resnet")["seeds"] == allowed
    assert derived.diagnostic_options(study, "chern", "clean", "loop_ridge")["seeds"] == 1
    assert derived.diagnostic_options(study, "chern", "basin", "ring_free") == DEFAULT["trainability"]["basin"]


def test_a_model_is_searched_where_a_rate_is_a_list_and_not_where_it_is_a_number():
    assert derived.is_searched({"training": {"learning_rate": [0.1], "weight_decay": 0.0}})
    assert derived.is_searched({"training": {"learning_rate": 0.1, "weight_decay": [0.0]}})
    assert not derived.is_searched({"training": {"learning_rate": 0.1, "weight_decay": 0.0}})
    assert not derived.is_searched({"model": "loop_ridge"})


def test_the_wavefunction_form_has_a_class_and_its_reduced_variants_a_name_of_their_own():
    ring = {"model": "ring", "form": "wavefunction"}
    assert (member_of(ring), form_of(ring)) == ("wavefunction", "wavefunction")
    assert form_of({**ring, "trainable": ["window", "position"]}) == "wavefunction_position_window"
    assert form_of({**ring, "trainable": ["window", "position", "contraction", "selection"]}) == "wavefunction"
    free = {"model": "ring", "form": "free"}
    assert (member_of(free), form_of(free)) == ("ring", "free")
    assert (member_of({"model": "cnn"}), form_of({"model": "cnn"})) == ("cnn", "")
