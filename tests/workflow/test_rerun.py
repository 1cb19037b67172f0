"""A change reruns what it touches and nothing else, on the finished quick study."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

import pytest
import yaml
from conftest import QUICK, Project

pytestmark = pytest.mark.slow

HOMES = {"winding": "ssh_24", "chern": "qwz_8"}
RUN_FILES = ("weights.h5", "settings.json", "history.csv", "runs.csv")

# Which diagnostics of the quick study apply to which models, by hand.
OF_ALL = ("sample_sizes", "clean", "pruning", "ablation")
OF_TRAINED = ("learning_rates", "scales", "gradients", "hessian", "kernel")
OF_RINGS = ("basin", "landscape", "remedies")
DRAWN_FROM_ARRAYS = ("hessian", "kernel", "landscape")


def _figures(*stems: str) -> set[str]:
    return {f"figures/{stem}.{ending}" for stem in stems for ending in ("pdf", "png")}


def _both(*kinds: str) -> set[str]:
    """Return the figures of these kinds of both tasks."""
    return _figures(*(f"{kind}_{task}" for kind in kinds for task in HOMES))


# What follows from new rows of the table of trainability, of the diagnostics, from new weights of any model, and from
# new results on any test: tables hold both tasks, and the diagnostics how outputs follow the marker on the tests.
CURVES = ("rates", "sample_sizes", "gradients", "basin", "pruning")
ANSWERS = {"answers.html", "tables/answers.csv"}
CLAIMS = {"claims.html", "tables/claims.csv"}
AFTER_TRAINABILITY = {"tables/trainability.csv"} | CLAIMS | ANSWERS
AFTER_TRAINABILITY |= _both("success", "sizes", "remedies", "overlap", *CURVES)
AFTER_DIAGNOSTICS = AFTER_TRAINABILITY | {"tables/diagnostics.csv"} | _both("decoupling")
AFTER_TRAINING = AFTER_TRAINABILITY | {"tables/runs.csv"}
AFTER_TESTS = AFTER_DIAGNOSTICS | {
    "tables/generalization.csv",
    "tables/generalization_summary.csv",
    "tables/superiority.csv",
    "tables/proxies.csv",
}
AFTER_TESTS |= _both("generalization", "superiority", "transfer", "proxies")


def _proxies(*tasks: str) -> set[str]:
    return {f"trainability/{task}/{name}.csv" for task in tasks for name in ("proxies", "overlap")}


def _diagnosed(task: str, models: Iterable[str], *diagnostics: str) -> set[str]:
    """Return the files of these diagnostics of these models, and the figures that are drawn from them."""
    files = {
        f"trainability/{task}/{diagnostic}/{model}.{ending}"
        for diagnostic in diagnostics
        for model in models
        for ending in ("csv", "h5")
    }
    return files | _figures(*(f"{name}_{task}" for name in diagnostics if name in DRAWN_FROM_ARRAYS))


def _diagnoses(study: dict, *models: str) -> set[str]:
    """Return the files of all diagnostics of these models."""
    found: set[str] = set()
    for task in HOMES:
        for model in set(models) & set(study["tasks"][task]["diagnosed"]["models"]):
            entry = study["models"][model]
            names = OF_ALL + (OF_TRAINED if "training" in entry else ())
            names += OF_RINGS if entry["model"].endswith("_ring") else ()
            found |= _diagnosed(task, [model], *names)
    return found


def _runs(dataset: str, model: str, block: int = 0) -> set[str]:
    return {f"runs/{dataset}/{model}/{block}/{file}" for file in RUN_FILES}


def _search(study: dict, *models: str) -> set[str]:
    """Return the searches for the learning rates of these models, and their table, if there are any."""
    searched = [
        model
        for model in models
        if any(isinstance(study["models"][model]["training"][rate], list) for rate in ("learning_rate", "weight_decay"))
    ]
    found = {f"search/{task}/{model}.csv" for task in HOMES for model in searched}
    return found | {"tables/search.csv"} if found else set()


def _tested(study: dict, task: str) -> list[str]:
    """Return the models of a task that are put to its tests: all that start at random."""
    names = study["tasks"][task]["models"]
    return [name for name in names if study["models"][name].get("start") != "closed_form"]


def _tests(study: dict, task: str) -> list[str]:
    """Return the tests of a task: its own dataset, the others by what they change, and those that mislead."""
    parts = study["tasks"][task]
    return [parts["dataset"], *(test for tests in parts["tests"].values() for test in tests), *parts["proxies"]]


def _evaluations(task: str, models: Iterable[str], tests: Iterable[str]) -> set[str]:
    """Return the files of these models on these tests, of which each pair has its own."""
    pairs = [(model, test) for model in models for test in tests]
    return {f"generalization/{task}/{model}/{test}.{ending}" for model, test in pairs for ending in ("csv", "h5")}


def _left_out(study: dict, *models: str, changed: str = "") -> set[str]:
    """Return what is made again of the lattices left out when these models are, or only a dataset is, `changed`."""
    parts = study["tasks"]["chern"]["left_out"]
    models = tuple(model for model in models or parts["models"] if model in parts["models"])
    if not models:
        return set()
    runs = [(name, model) for name in parts["datasets"] for model in models if name != changed]
    found = {f"left_out/chern/{name}/{model}/{file}" for name, model in runs for file in RUN_FILES}
    found |= {f"left_out/chern/{model}.{ending}" for model in models for ending in ("csv", "h5")}
    return found | {"tables/left_out.csv", "tables/left_out_summary.csv"} | _figures("left_out_chern")


def _after_retraining(study: dict, *models: str, block: int = 0) -> set[str]:
    """Return what is made again when a block of models with random start is trained again in both tasks.

    Their diagnostics look at the first block.
    """
    found = AFTER_TESTS | AFTER_TRAINING | _proxies(*HOMES) | _both("learning_curves")
    for task, dataset in HOMES.items():
        found |= _evaluations(task, models, _tests(study, task))
        found |= {file for model in models for file in _runs(dataset, model, block)}
    return found


def _labels(*names: str) -> set[str]:
    """Return what is made again of the maps and the studies of convergence of these names."""
    files = {f"maps/{name}.h5" for name in names} | {f"convergence/{name}.csv" for name in names}
    figures = _figures(*(f"{kind}_{name}" for kind in ("phase_map", "convergence") for name in names))
    return files | figures | {"tables/convergence.csv"}


def _quick(project: Project) -> dict:
    """Return the overlay of the quick study as it is written."""
    return yaml.safe_load(project.text(QUICK))


@contextmanager
def _changed(project: Project, study: dict) -> Iterator[dict]:
    """Put another overlay in the place of the quick study's for a while, and return the study that it makes."""
    with project.edited(QUICK, yaml.safe_dump(study, sort_keys=False)):
        yield project.study(QUICK)


def _changed_code(project: Project, path: str):
    """Let a file do something else for a while."""
    return project.edited(path, f"{project.text(path)}\n_EDITED = True\n")


def _reworded(project: Project, path: str, before: str, after: str):
    """Put other words in the place of some that are in a file once, for a while."""
    assert project.text(path).count(before) == 1, f"{path}: {before}"
    return project.edited(path, project.text(path).replace(before, after))


def _task_figures(project: Project, task: str) -> set[str]:
    """Return the figures of a task that are there: each knows how all models of the task look."""
    return {f"figures/{path.name}" for path in (project.root / "results/quick/figures").glob(f"*_{task}.*")}


def test_an_untouched_study_reruns_nothing(finished_project):
    assert finished_project.pending() == set()


# --- What the config says --------------------------------------------------------------------------------------------


def test_a_models_hyper_parameter_reruns_its_jobs_and_what_depends_on_them(finished_project):
    overlay = _quick(finished_project)
    overlay["models"]["cnn"] |= {"training": {"epochs": 7}}
    with _changed(finished_project, overlay) as study:
        again = _after_retraining(study, "cnn") | _search(study, "cnn")
        assert finished_project.pending() == again | _diagnoses(study, "cnn") | _left_out(study, "cnn")


def test_more_seeds_add_blocks_and_leave_the_others_and_tests_that_take_no_more_seeds(finished_project):
    overlay = _quick(finished_project)
    overlay["models"]["mlp"]["seeds"] = overlay["block"] + 2
    overlay["tasks"]["chern"]["test_seeds"] = {"qwz_12": overlay["block"]}
    with _changed(finished_project, overlay) as study:
        expected = _after_retraining(study, "mlp", block=1) - _evaluations("chern", ["mlp"], ["qwz_12"])
        assert finished_project.pending() == expected


def test_fewer_seeds_train_nothing_and_test_those_that_are_left(finished_project):
    overlay = _quick(finished_project)
    overlay["models"]["resnet"]["seeds"] = 3  # of the five of its block
    with _changed(finished_project, overlay) as study:
        again = _after_retraining(study, "resnet")
        assert finished_project.pending() == {file for file in again if not file.startswith("runs/")}


def test_a_new_variant_of_a_model_makes_its_own_files_and_those_that_show_all(finished_project):
    overlay = _quick(finished_project)
    overlay["models"]["mlp_wide"] = {"like": "mlp", "label": "MLP, wide", "hidden": [96, 96]}
    models = finished_project.study(QUICK)["tasks"]["winding"]["models"]
    overlay["tasks"]["winding"]["models"] = [*models, "mlp_wide"]
    with _changed(finished_project, overlay) as study:
        again = _runs("ssh_24", "mlp_wide") | _evaluations("winding", ["mlp_wide"], _tests(study, "winding"))
        again |= AFTER_TESTS | AFTER_TRAINING | _proxies("winding")
        assert finished_project.pending() == again | _task_figures(finished_project, "winding")


def test_what_figures_call_a_model_redraws_those_of_its_tasks_and_measures_nothing(finished_project):
    overlay = _quick(finished_project)
    overlay["models"]["ring_wavefunction"]["label"] = "ring between states"  # of chains alone
    with _changed(finished_project, overlay):
        assert finished_project.pending() == _task_figures(finished_project, "winding") | CLAIMS | ANSWERS


def test_a_test_dataset_reruns_itself_and_what_every_model_does_on_it(finished_project):
    overlay = _quick(finished_project)
    overlay["datasets"]["qwz_12"]["samples"]["test"] += 1
    with _changed(finished_project, overlay) as study:
        expected = AFTER_TESTS | {"datasets/qwz_12.h5", "tables/references.csv"} | _proxies("chern")
        expected |= _evaluations("chern", _tested(study, "chern"), ["qwz_12"])
        assert finished_project.pending() == expected | _diagnosed("chern", ["ring_coordinate", "mlp"], "gradients")


def test_a_new_test_draws_its_dataset_and_evaluates_itself_alone(finished_project):
    overlay = _quick(finished_project)
    overlay["tasks"]["winding"]["tests"]["sizes"].append("ssh_16")
    overlay["datasets"]["ssh_16"] = {"samples": {"test": 20}}
    with _changed(finished_project, overlay) as study:
        expected = AFTER_TESTS | {"datasets/ssh_16.h5", "tables/references.csv"} | _proxies("winding")
        assert finished_project.pending() == expected | _evaluations("winding", _tested(study, "winding"), ["ssh_16"])


def test_a_narrower_study_makes_its_tables_and_measures_nothing(finished_project):
    again = finished_project.pending("--config", "only=chern")
    assert {"tables/runs.csv", "tables/generalization.csv", "claims.html"} <= again
    assert {file.split("/")[0] for file in again} <= {"tables", "figures", "claims.html", "answers.html"}


def test_a_diagnostics_option_reruns_that_diagnostic_alone(finished_project):
    overlay = _quick(finished_project)
    overlay["trainability"]["kernel"]["samples"] = 30
    with _changed(finished_project, overlay):
        assert finished_project.pending() == AFTER_DIAGNOSTICS | _kernels(finished_project)


def test_a_map_of_more_cells_reruns_itself_and_its_figure_alone(finished_project):
    overlay = _quick(finished_project)
    overlay["maps"]["qwz"]["cells"] = [9, 6]
    with _changed(finished_project, overlay):
        assert finished_project.pending() == {"maps/qwz.h5"} | _figures("phase_map_qwz")


# --- What the code does ----------------------------------------------------------------------------------------------


def test_a_systems_module_reruns_its_datasets_and_what_depends_on_them(finished_project):
    study = finished_project.study(QUICK)
    expected = AFTER_TESTS | {"datasets/extended_ssh_24.h5", "tables/references.csv"} | _labels("extended_ssh")
    expected |= _proxies("winding") | _evaluations("winding", _tested(study, "winding"), ["extended_ssh_24"])
    with _changed_code(finished_project, "workflow/toponn/matter/systems/extended_ssh.py"):
        assert finished_project.pending() == expected


def test_a_system_of_no_dataset_reruns_the_studies_of_its_labels_alone(finished_project):
    with _changed_code(finished_project, "workflow/toponn/matter/systems/higher_chern.py"):
        assert finished_project.pending() == _labels("higher_chern")


def test_a_lattice_reruns_its_dataset_the_runs_that_see_it_and_the_studies_of_its_labels(finished_project):
    expected = _labels("amorphous", "quasicrystal") | {"datasets/lattice_random.h5", "tables/references.csv"}
    expected |= CLAIMS | _left_out(finished_project.study(QUICK), changed="lattice_random")
    # Of lattices, which are named in strings as systems are.
    with _changed_code(finished_project, "workflow/toponn/matter/point_sets.py"):
        assert finished_project.pending() == expected


def test_a_models_module_reruns_that_model_alone(finished_project):
    with _changed_code(finished_project, "workflow/toponn/models/mlp.py"):
        study = finished_project.study(QUICK)
        again = _after_retraining(study, "mlp") | _search(study, "mlp") | _diagnoses(study, "mlp")
        assert finished_project.pending() == again


def test_a_diagnostics_module_reruns_that_diagnostic_alone(finished_project):
    with _changed_code(finished_project, "workflow/toponn/trainability/kernel.py"):
        assert finished_project.pending() == AFTER_DIAGNOSTICS | _kernels(finished_project)


def _kernels(project: Project) -> set[str]:
    """Return the files of the diagnostic of the tangent kernel, made of all models that take gradient steps."""
    study, found = project.study(QUICK), set()
    for task in HOMES:
        models = [name for name in study["tasks"][task]["diagnosed"]["models"] if "training" in study["models"][name]]
        found |= _diagnosed(task, models, "kernel")
    return found


def test_the_rings_module_reruns_the_rings_alone(finished_project):
    module = "workflow/toponn/models/ring.py"
    study = finished_project.study(QUICK)
    rings = ("ring_coordinate", "ring_free")
    started = tuple(f"{ring}_closed_form" for ring in rings)
    expected = _after_retraining(study, *rings) | _search(study, *rings, *started) | _diagnoses(study, *rings)
    expected |= {file for home in HOMES.values() for model in started for file in _runs(home, model)}
    expected |= _runs("ssh_6", "ring_free") | _runs("qwz_6", "ring_coordinate")
    assert [study["tasks"][task]["sizes"]["datasets"] for task in HOMES] == [["ssh_6"], ["qwz_6"]]
    expected |= _left_out(study, "ring_coordinate")
    # Diagnostics that load the module for whatever model they look at.
    expected |= {
        output
        for job in finished_project.jobs()
        for output in job.outputs
        if job.rule == "diagnose" and module in job.loaded
    }
    expected |= {f"tables/{name}{table}.csv" for name in ("beyond_dense",) for table in ("", "_exponents")}
    expected |= _figures("beyond_dense") | _both("site_tensors")
    for name in study["interfaces"]:
        expected |= {f"interfaces/{name}.{ending}" for ending in ("csv", "h5")} | _figures(f"interface_{name}")
    expected |= {"tables/interfaces.csv"}
    for task in HOMES:
        expected |= {
            f"trainability/{task}/{file}" for file in ("expressivity.csv", "site_tensors.csv", "site_tensors.h5")
        }
    with _changed_code(finished_project, module):
        assert finished_project.pending() == expected


@pytest.mark.parametrize("module", ["statistics", "invariants/chern", "figures/style", "training/loop"])
def test_a_library_module_reruns_the_rules_whose_script_loads_it_and_no_other(finished_project, module):
    path = f"workflow/toponn/{module}.py"
    jobs = finished_project.jobs()
    rules = {job.rule for job in jobs if path in job.loaded}
    assert rules and rules != {job.rule for job in jobs}
    expected = {output for job in jobs if job.rule in rules for output in job.outputs}
    with _changed_code(finished_project, path):
        assert finished_project.pending(cause="params changed") == expected


def test_a_script_reruns_its_own_rule(finished_project):
    with _changed_code(finished_project, "scripts/references_table.py"):
        assert finished_project.pending() == {"tables/references.csv"} | CLAIMS


def test_the_script_of_all_tables_that_are_joined_reruns_these(finished_project):
    joined = {f"tables/{name}.csv" for name in ("runs", "search", "convergence", "ceiling", "diagnostics", "proxies")}
    with _changed_code(finished_project, "scripts/join_tables.py"):
        again = finished_project.pending(cause="params changed")
        assert again == joined | {"tables/interfaces.csv"}


@pytest.mark.parametrize(
    ("module", "kinds", "pages"),
    [
        ("transfer", ("transfer",), set()),
        ("curves", CURVES, ANSWERS),
        ("spectra", ("hessian", "kernel"), ANSWERS),
        ("superiority", ("superiority",), CLAIMS),
    ],
)
def test_a_figures_module_redraws_that_figure_alone_and_the_page_that_shows_it(finished_project, module, kinds, pages):
    drawn = {f"figures/{kind}_{task}.{end}" for kind in kinds for task in HOMES for end in ("pdf", "png")}
    there = {f"figures/{path.name}" for path in (finished_project.root / "results/quick/figures").iterdir()}
    assert drawn & there
    with _changed_code(finished_project, f"workflow/toponn/figures/{module}.py"):
        assert finished_project.pending() == drawn & there | pages


# --- What rules tell by parameters, and what is only said -------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        # A meaning, which captions of the report show.
        ("workflow/toponn/tools/tables.py", "what was measured", "a number that was measured"),
        # Records: of a diagnostic what a condition is, of a figure what the report calls it.
        ("workflow/toponn/trainability/clean.py", "the clean one, or the one", "the one without disorder, or the one"),
        ("workflow/toponn/figures/transfer.py", "accuracy on other sizes", "accuracy against size"),
        # What a model costs, by which rules ask for memory and time.
        ("workflow/toponn/models/mlp.py", '"winding": (1e-7, 1)', '"winding": (2e-7, 1)'),
    ],
)
def test_a_declaration_that_no_job_is_told_reruns_nothing(finished_project, path, before, after):
    with _reworded(finished_project, path, before, after):
        assert finished_project.pending() == set()


def test_a_record_that_jobs_are_told_reruns_these(finished_project):
    record = "workflow/toponn/trainability/pruning.py"
    (label,) = re.findall(r'Panel\("\w+", "kept", "([^"]+)"', finished_project.text(record))
    with _reworded(finished_project, record, f'"{label}"', f'"{label}, at most"'):
        assert finished_project.pending() == _both("pruning") | ANSWERS


def test_the_order_of_a_tables_columns_reruns_the_jobs_that_write_it(finished_project):
    with _reworded(
        finished_project, "workflow/toponn/tools/tables.py", '"claim statement kind', '"claim kind statement'
    ):
        assert finished_project.pending() == CLAIMS


@pytest.mark.parametrize(
    "path", ["workflow/toponn/tools/files.py", "workflow/toponn/matter/systems/qwz.py", "scripts/train.py"]
)
def test_a_comment_a_docstring_and_a_new_time_stamp_rerun_nothing(finished_project, path):
    text = finished_project.text(path)
    reworded = re.sub(r'^"""', '"""Reworded. ', text, count=1)
    assert reworded != text
    with finished_project.edited(path, reworded + "\n\n# A comment.\n"):
        assert finished_project.pending() == set()
    (finished_project.root / path).touch()
    assert finished_project.pending() == set()


def test_a_new_time_stamp_of_the_study_reruns_nothing(finished_project):
    for path in ("config.yaml", "workflow/studies/labels.yaml", QUICK, "Snakefile", "envs/toponn.yaml"):
        (finished_project.root / PurePosixPath(path)).touch()
    assert finished_project.pending() == set()
