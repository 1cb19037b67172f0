"""What the workflow derives from a study."""

import json
from pathlib import Path

import pytest
import yaml

from toponn.study.facts import Facts
from toponn.study.limits import Limits
from toponn.study.plan import Plan, blocks
from toponn.study.read import read_study
from toponn.tools.tables import HOME, MISLEADING
from toponn.trainability import DIAGNOSTICS

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [(ROOT / path).read_text(encoding="utf-8") for path in ("workflow/studies/labels.yaml", "config.yaml")]


def raw():
    """Return the default study as YAML reads it."""
    return {key: part for text in TEXTS for key, part in yaml.load(text, Loader=yaml.CSafeLoader).items()}


def plan(**changes):
    """Return the plan of the default study, with keys of the task chern changed."""
    study = raw()
    study["tasks"]["chern"] = {**study["tasks"]["chern"], **changes}
    return Plan(read_study(study))


@pytest.fixture(scope="module")
def default():
    return plan()


def test_blocks_hold_every_seed_once_and_more_seeds_add_blocks():
    assert blocks(40, 20) == [list(range(20)), list(range(20, 40))]
    assert blocks(1, 20) == [[0]]
    for n_seeds in range(1, 30):
        seeds = blocks(n_seeds, 7)
        assert sum(seeds, []) == list(range(n_seeds))
        assert blocks(n_seeds + 7, 7)[: n_seeds // 7] == seeds[: n_seeds // 7]


def test_who_asks_for_more_seeds_than_are_trained_is_given_those_that_there_are(default):
    few, many = (default.block_files("qwz_8", "cnn", "runs.csv", seeds) for seeds in (51, 10_000))
    assert len(few) == 2 and many == default.block_files("qwz_8", "cnn", "runs.csv")


def test_a_block_that_was_trained_with_more_seeds_keeps_them_and_other_numbers_do_not_count(tmp_path):
    study = raw()
    study["models"]["cnn"]["seeds"] = 60
    few = Plan(read_study(study), tmp_path)
    path = tmp_path / few.run_file("qwz_8", "cnn", 1, "settings.json")
    path.parent.mkdir(parents=True)
    assert few.seed_blocks("qwz_8", "cnn")[1] == list(range(50, 60))
    for there, kept in ((range(50, 100), 50), (range(50, 55), 10), (range(40, 90), 10), (range(50, 120), 10)):
        path.write_text(json.dumps({"seeds": list(there)}))
        assert len(few.seed_blocks("qwz_8", "cnn")[1]) == kept
    path.write_text("[1, 2]")
    assert len(few.seed_blocks("qwz_8", "cnn")[1]) == 10
    path.write_text("half of a fi")
    assert few.seed_blocks("qwz_8", "cnn")[1] == list(range(50, 60))
    assert ["qwz_8", "cnn", 60] in few.wanted_seeds()


def test_a_training_without_a_lattice_keeps_its_seeds_like_a_block(tmp_path):
    few = Plan(read_study(raw()), tmp_path)
    path = tmp_path / f"{few.results}/left_out/chern/lattice_square/cnn/settings.json"
    path.parent.mkdir(parents=True)
    assert few.left_out_seeds("chern", "lattice_square", "cnn") == list(range(20))
    path.write_text(json.dumps({"seeds": list(range(30))}))
    assert few.left_out_seeds("chern", "lattice_square", "cnn") == list(range(30))
    assert few.left_out_seeds("chern", "lattice_kagome", "cnn") == list(range(20))


def test_models_that_start_at_the_closed_form_are_trained_but_not_tested(default):
    trained, tested = default.trained("chern"), default.tested("chern")
    assert set(trained) - set(tested) == {"ring_coordinate_closed_form", "ring_free_closed_form"}
    assert "loop_ridge" in tested


def test_hybrids_rivals_and_rings_are_found_by_what_their_classes_declare(default):
    assert default.hybrids("chern") == default.hybrids("winding") == ["ring_coordinate"]
    assert default.rivals("chern") == ["cnn", "resnet", "mlp"]
    assert default.rings("winding") == ["ring_coordinate", "ring_free"]


def test_the_training_dataset_is_the_first_of_its_tests(default):
    kinds, tests = default.kinds("winding"), raw()["tasks"]["winding"]["tests"]
    listed = [name for names in tests.values() for name in names]
    assert list(kinds) == ["ssh_24", *listed, *raw()["tasks"]["winding"]["proxies"]]
    assert kinds["ssh_24"] == HOME and kinds["ssh_96"] == "sizes" and kinds["ssh_24_scrambled"] == MISLEADING
    assert "ssh_24_scrambled" not in default.honest("winding")


def test_datasets_in_use_are_those_that_the_study_looks_at_once():
    few = dict.fromkeys(("proxies", "sizes", "smaller", "clean", "many", "scaling", "left_out"))
    chern = plan(tests={"sizes": ["qwz_6"]}, **few, diagnosed={"models": []})
    assert [name for name in chern.datasets() if chern.task_of(name) == "chern"] == ["qwz_8", "qwz_6"]
    # A dataset for a diagnostic that no model is put to is not made.
    assert "qwz_8_many" not in plan(diagnosed={"models": []}).datasets() and "qwz_8_many" in plan().datasets()


def test_other_sizes_may_have_fewer_seeds_and_the_task_s_own_dataset_has_all(default):
    most, sized = raw()["tasks"]["chern"]["sizes"]["seeds"], default.other_sizes("winding")
    assert "ssh_6" not in default.kinds("winding") and sized["ssh_6"] == raw()["tasks"]["winding"]["sizes"]["models"]
    assert default.n_seeds("chern", "qwz_10", "cnn") == most < default.n_seeds("chern", "qwz_8", "cnn") == 100
    assert default.n_seeds("winding", "ssh_6", "cnn") == 100
    assert plan(sizes=None).other_sizes("chern") == {}


def test_a_diagnostic_applies_to_models_that_have_what_it_needs_and_says_why_it_does_not(default):
    assert set(default.study.trainability) == set(DIAGNOSTICS)
    assert default.diagnosed("chern", "basin") == ["ring_coordinate", "ring_free"]
    assert "loop_ridge" in default.diagnosed("chern", "pruning")
    assert "loop_ridge" not in default.diagnosed("chern", "hessian")
    reasons = {(r["variant"], r["diagnostic"]): r["reason"] for r in default.inapplicable() if r["task"] == "chern"}
    assert reasons["cnn", "basin"] == "it has no closed form"
    assert reasons["loop_ridge", "hessian"] == "it is solved, not trained by gradient steps"
    assert "sample_sizes" not in plan(many=None).diagnostics("chern")


def test_a_diagnostic_takes_no_more_seeds_than_its_model_has_or_the_task_allows(default):
    allowed = raw()["tasks"]["chern"]["diagnosed"]["seeds"]["resnet"]
    assert default.diagnostic_options("chern", "clean", "resnet")["seeds"] == allowed
    assert default.diagnostic_options("chern", "clean", "loop_ridge")["seeds"] == 1
    entry = default.study.trainability["basin"]
    assert default.diagnostic_options("chern", "basin", "ring_free") == {**entry.options, "seeds": entry.seeds}


def test_a_model_is_searched_where_a_rate_is_a_list(default):
    assert default.trials("cnn") == 6 and default.trials("ring_free_closed_form") == default.trials("loop_ridge") == 0


def test_every_figure_of_the_default_study_has_files_facts_and_one_name(default):
    facts = Facts(default)
    stems = facts.figure_stems()
    assert len(stems) == len(set(stems)) and {"basin_winding", "hessian_chern"} <= set(stems)
    for kind in facts.rows:
        for shown in facts.figures(kind):
            assert all(facts.inputs(shown).values()) and facts.labels(shown)["result"]
            json.dumps(facts.about(shown))


def test_costs_grow_with_the_work(default):
    limits = Limits(default)
    assert limits.dataset("qwz_24").seconds > limits.dataset("qwz_5").seconds
    assert limits.train("qwz_8", "resnet", 0).seconds > limits.train("qwz_8", "mlp", 0).seconds / 10
    assert limits.evaluate("chern", "cnn", "qwz_24").mb > limits.evaluate("chern", "cnn", "qwz_5").mb
    assert 1 < limits.hours() < 20
