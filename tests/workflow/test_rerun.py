"""A change reruns what it touches and nothing else, on the finished small study."""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import yaml
from conftest import SMALL, Project

from toponn.study.yaml_files import read_yaml

pytestmark = pytest.mark.slow

HOMES = {"winding": "ssh_24", "chern": "qwz_8"}
RUN_FILES = ("weights.h5", "settings.json", "history.csv", "runs.csv")

# On squares alone training is taken apart, rings of any size are trained, and other sizes and proxies are tested.
ON_SQUARES = "sizes remedies decoupling superiority site_tensors rates sample_sizes gradients basin pruning".split()
ON_SQUARES += "hessian kernel transfer proxies overlap".split()

# Which diagnostics apply to which models, by hand.
OF_ALL = ("sample_sizes", "clean", "pruning", "ablation")
OF_TRAINED = ("learning_rates", "scales", "gradients", "hessian", "kernel")
OF_RINGS = ("basin", "landscape", "remedies")
DRAWN_FROM_ARRAYS = ("hessian", "kernel", "landscape")


def _figures(*stems: str) -> set[str]:
    return {f"figures/{stem}.{ending}" for stem in stems for ending in ("pdf", "png")}


def _both(*kinds: str) -> set[str]:
    """Return the figures of these kinds of both tasks, or of the one that has them."""
    tasks = {kind: ["chern"] if kind in ON_SQUARES else HOMES for kind in kinds}
    return _figures(*(f"{kind}_{task}" for kind in kinds for task in tasks[kind]))


# What follows from new rows of the table of trainability, of the diagnostics, from new weights of any model, and from
# new results on any test: tables hold both tasks, and the diagnostics how outputs follow the marker on the tests.
CURVES = ("rates", "sample_sizes", "gradients", "basin", "pruning")
ANSWERS = {"answers.html", "tables/answers.csv"}
CLAIMS = {"claims.html", "tables/claims.csv"}
AFTER_TRAINABILITY = {"tables/trainability.csv"} | CLAIMS | ANSWERS
AFTER_TRAINABILITY |= _both("success", "sizes", "remedies", "overlap", *CURVES)
AFTER_DIAGNOSTICS = AFTER_TRAINABILITY | {"tables/diagnostics.csv"} | _both("decoupling")
AFTER_TRAINING = AFTER_TRAINABILITY | {"tables/runs.csv"}
AFTER_CHAINS = {f"tables/{name}.csv" for name in ("generalization", "generalization_summary", "superiority")}
AFTER_CHAINS |= CLAIMS | ANSWERS | _both("generalization", "superiority", "transfer")
AFTER_SQUARES = AFTER_CHAINS | AFTER_DIAGNOSTICS | {"tables/proxies.csv"} | _both("proxies")
PROXIES = {f"trainability/chern/{name}.csv" for name in ("proxies", "overlap")}
KERNELS = {f"trainability/chern/kernel/ring_coordinate.{ending}" for ending in ("csv", "h5")} | _figures("kernel_chern")


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
    rates = ("learning_rate", "weight_decay")
    found = {
        f"search/{task}/{model}.csv"
        for task in HOMES
        for model in set(models) & set(study["tasks"][task]["models"])
        if any(isinstance(study["models"][model]["training"][rate], list) for rate in rates)
    }
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
    """Return what is made again when a block of models with random start is trained again.

    Their diagnostics look at the first block.
    """
    found = AFTER_CHAINS | AFTER_TRAINING
    for task, dataset in HOMES.items():
        if trained := set(models) & set(study["tasks"][task]["models"]):
            found |= _figures(f"learning_curves_{task}") | (PROXIES | AFTER_SQUARES if task == "chern" else set())
            found |= _evaluations(task, trained, _tests(study, task))
            found |= {file for model in trained for file in _runs(dataset, model, block)}
    return found


def _labels(study: dict, *names: str) -> set[str]:
    """Return what is made again of the maps and the studies of convergence of these names."""
    maps, convergence = ([name for name in names if name in study[part]] for part in ("maps", "convergence"))
    files = {f"maps/{name}.h5" for name in maps} | {f"convergence/{name}.csv" for name in convergence}
    figures = [f"phase_map_{name}" for name in maps] + [f"convergence_{name}" for name in convergence]
    return files | _figures(*figures) | ({"tables/convergence.csv"} if convergence else set())


def _small(project: Project) -> dict:
    """Return the overlay of the small study as it is written."""
    return read_yaml(project.root / SMALL)


@contextmanager
def _changed(project: Project, study: dict) -> Iterator[dict]:
    """Put another overlay in the place of the small study's for a while, and return the study that it makes."""
    with project.edited(SMALL, yaml.safe_dump(study, sort_keys=False)):
        yield project.study(SMALL)


def _changed_code(project: Project, path: str):
    """Let a file do something else for a while."""
    return project.edited(path, f"{project.text(path)}\n_EDITED = True\n")


def _reworded(project: Project, path: str, before: str, after: str):
    """Put other words in the place of some that are in a file once, for a while."""
    assert project.text(path).count(before) == 1, f"{path}: {before}"
    return project.edited(path, project.text(path).replace(before, after))


def _task_figures(project: Project, task: str) -> set[str]:
    """Return the figures of a task that are there: each knows how all models of the task look."""
    return {f"figures/{path.name}" for path in (project.root / "results/small/figures").glob(f"*_{task}.*")}


def test_an_untouched_study_reruns_nothing(finished_project):
    assert finished_project.pending() == set()


# --- What the config says --------------------------------------------------------------------------------------------


def test_a_models_hyper_parameter_reruns_its_jobs_and_what_depends_on_them(finished_project):
    overlay = _small(finished_project)
    overlay["models"]["cnn"] |= {"training": {"epochs": 7}}
    with _changed(finished_project, overlay) as study:
        again = _after_retraining(study, "cnn") | _search(study, "cnn")
        assert finished_project.pending() == again


def test_more_seeds_add_blocks_and_leave_the_others_and_tests_that_take_no_more_seeds(finished_project):
    overlay = _small(finished_project)
    overlay["models"]["cnn"]["seeds"] = overlay["block"] + 2
    overlay["tasks"]["chern"]["test_seeds"] = {"qwz_6": overlay["block"]}
    with _changed(finished_project, overlay) as study:
        expected = _after_retraining(study, "cnn", block=1) - _evaluations("chern", ["cnn"], ["qwz_6"])
        expected |= _evaluations("chern", ["ring_coordinate"], ["qwz_6"])  # which had three
        assert finished_project.pending() == expected


def test_fewer_seeds_train_nothing_and_test_those_that_are_left(finished_project):
    overlay = _small(finished_project)
    overlay["models"]["cnn"]["seeds"] = 1  # of the two of its block
    with _changed(finished_project, overlay) as study:
        again = _after_retraining(study, "cnn")
        assert finished_project.pending() == {file for file in again if not file.startswith("runs/")}


def test_a_new_variant_of_a_model_makes_its_own_files_and_those_that_show_all(finished_project):
    overlay = _small(finished_project)
    overlay["models"]["window"] = {"like": "ring_wavefunction", "label": "window", "trainable": ["window"]}
    overlay["tasks"]["winding"]["models"] = [*overlay["tasks"]["winding"]["models"], "window"]
    with _changed(finished_project, overlay) as study:
        again = _runs("ssh_24", "window") | _evaluations("winding", ["window"], _tests(study, "winding"))
        again |= AFTER_CHAINS | AFTER_TRAINING
        assert finished_project.pending() == again | _task_figures(finished_project, "winding")


def test_what_figures_call_a_model_redraws_those_of_its_tasks_and_measures_nothing(finished_project):
    overlay = _small(finished_project)
    overlay["models"]["ring_wavefunction"]["label"] = "ring between states"  # of chains alone
    with _changed(finished_project, overlay):
        assert finished_project.pending() == _task_figures(finished_project, "winding") | CLAIMS | ANSWERS


def test_a_dataset_reruns_itself_and_what_every_model_does_on_it(finished_project):
    overlay = _small(finished_project)
    overlay["datasets"]["extended_ssh_24"]["samples"]["test"] += 1  # a test
    overlay["datasets"]["qwz_8_clean"]["samples"]["train"] += 1  # what diagnostics train on
    with _changed(finished_project, overlay) as study:
        expected = AFTER_CHAINS | AFTER_DIAGNOSTICS | {"tables/references.csv"}
        expected |= {f"datasets/{name}.h5" for name in ("extended_ssh_24", "qwz_8_clean")}
        expected |= _evaluations("winding", _tested(study, "winding"), ["extended_ssh_24"])
        expected |= _diagnosed("chern", ["ring_coordinate"], "clean", "sample_sizes")
        assert finished_project.pending() == expected


def test_a_new_test_draws_its_dataset_and_evaluates_itself_alone(finished_project):
    overlay = _small(finished_project)
    overlay["tasks"]["winding"]["tests"]["integers"].append("ssh_16")
    overlay["datasets"]["ssh_16"] = {"samples": {"test": 20}}
    with _changed(finished_project, overlay) as study:
        expected = AFTER_CHAINS | {"datasets/ssh_16.h5", "tables/references.csv"}
        assert finished_project.pending() == expected | _evaluations("winding", _tested(study, "winding"), ["ssh_16"])


def test_a_narrower_study_makes_its_tables_and_measures_nothing(finished_project):
    again = finished_project.pending("--config", "only=chern")
    assert {"tables/runs.csv", "tables/generalization.csv", "claims.html"} <= again
    assert {file.split("/")[0] for file in again} <= {"tables", "figures", "claims.html", "answers.html"}


def test_a_diagnostics_option_and_the_cells_of_a_map_rerun_that_diagnostic_and_that_map_alone(finished_project):
    overlay = _small(finished_project)
    overlay["trainability"]["kernel"]["samples"] = 30
    overlay["maps"]["amorphous"]["cells"] = [5, 3]
    with _changed(finished_project, overlay):
        expected = AFTER_DIAGNOSTICS | KERNELS | {"maps/amorphous.h5"} | _figures("phase_map_amorphous")
        assert finished_project.pending() == expected


# --- What the code does ----------------------------------------------------------------------------------------------


def test_a_systems_module_reruns_its_datasets_and_labels_and_what_depends_on_them(finished_project):
    study = finished_project.study(SMALL)
    expected = AFTER_CHAINS | {"datasets/extended_ssh_24.h5", "tables/references.csv"} | _labels(study, "extended_ssh")
    expected |= _evaluations("winding", _tested(study, "winding"), ["extended_ssh_24"]) | _labels(study, "higher_chern")
    with (
        _changed_code(finished_project, "workflow/toponn/matter/systems/extended_ssh.py"),
        _changed_code(finished_project, "workflow/toponn/matter/systems/higher_chern.py"),  # of no dataset
    ):
        assert finished_project.pending() == expected


def test_a_lattice_reruns_its_dataset_the_runs_that_see_it_and_the_studies_of_its_labels(finished_project):
    study = finished_project.study(SMALL)
    expected = _labels(study, "amorphous") | {"datasets/lattice_random.h5", "tables/references.csv"}
    expected |= CLAIMS | _left_out(study, changed="lattice_random")
    # Of lattices, which are named in strings as systems are.
    with _changed_code(finished_project, "workflow/toponn/matter/point_sets.py"):
        assert finished_project.pending() == expected


def test_the_modules_of_a_model_and_of_a_diagnostic_rerun_these_alone(finished_project):
    study = finished_project.study(SMALL)
    with (
        _changed_code(finished_project, "workflow/toponn/models/cnn.py"),
        _changed_code(finished_project, "workflow/toponn/trainability/kernel.py"),
    ):
        again = _after_retraining(study, "cnn") | _search(study, "cnn")
        assert finished_project.pending() == again | AFTER_DIAGNOSTICS | KERNELS


def test_the_rings_module_reruns_the_rings_alone(finished_project):
    module = "workflow/toponn/models/ring.py"
    study = finished_project.study(SMALL)
    expected = _after_retraining(study, "ring_coordinate") | _diagnoses(study, "ring_coordinate")
    expected |= _search(study, "ring_coordinate") | _left_out(study, "ring_coordinate")
    expected |= _runs("qwz_8", "ring_coordinate", 1) | _runs("qwz_6", "ring_coordinate")
    expected |= _runs("qwz_8", "ring_free_closed_form")
    # Diagnostics that load the module for whatever model they look at.
    expected |= {
        output
        for job in finished_project.jobs()
        for output in job.outputs
        if job.rule == "diagnose" and module in job.loaded
    }
    expected |= {f"tables/{name}.csv" for name in ("beyond_dense", "beyond_dense_exponents", "interfaces")}
    expected |= _figures("beyond_dense", "interface_qwz") | _both("site_tensors")
    expected |= {"interfaces/qwz.csv", "interfaces/qwz.h5"} | {
        f"trainability/{task}/expressivity.csv" for task in HOMES
    }
    expected |= {f"trainability/chern/site_tensors.{ending}" for ending in ("csv", "h5")}
    with _changed_code(finished_project, module):
        assert finished_project.pending() == expected


def test_library_modules_rerun_the_rules_whose_script_loads_them_and_no_other(finished_project):
    modules = ("tools/statistics", "invariants/chern", "figures/style", "training/loop")
    paths = {f"workflow/toponn/{module}.py" for module in modules}
    jobs = finished_project.jobs()
    rules = {path: {job.rule for job in jobs if path in job.loaded} for path in paths}
    every = {job.rule for job in jobs}
    assert all(found and found != every for found in rules.values())
    for some in (("tools/statistics", "figures/style"), ("invariants/chern", "training/loop")):
        edited = [f"workflow/toponn/{module}.py" for module in some]
        again = set().union(*(rules[path] for path in edited))
        assert again != every
        with ExitStack() as edits:
            for path in edited:
                edits.enter_context(_changed_code(finished_project, path))
            expected = {output for job in jobs if job.rule in again for output in job.outputs}
            assert finished_project.pending(cause="params changed") == expected


def test_scripts_rerun_their_own_rules(finished_project):
    joined = {"runs", "search", "convergence", "ceiling", "diagnostics", "proxies", "interfaces"}
    with (
        _changed_code(finished_project, "scripts/references_table.py"),
        _changed_code(finished_project, "scripts/join_tables.py"),
    ):
        again = finished_project.pending(cause="params changed")
        assert again == {f"tables/{name}.csv" for name in joined | {"references"}}


def test_figures_modules_redraw_their_figures_alone_and_the_pages_that_show_them(finished_project):
    modules = {"transfer": ("transfer",), "curves": CURVES, "spectra": ("hessian", "kernel")}
    with ExitStack() as edits:
        for module in modules:
            edits.enter_context(_changed_code(finished_project, f"workflow/toponn/figures/{module}.py"))
        drawn = _both(*(kind for kinds in modules.values() for kind in kinds))
        assert finished_project.pending() == drawn | ANSWERS
    with _changed_code(finished_project, "workflow/toponn/figures/superiority.py"):
        assert finished_project.pending() == _both("superiority") | CLAIMS


# --- What rules tell by parameters, and what is only said -------------------------------------------------------------


DECLARATIONS = {
    # A meaning, which captions of the report show.
    "workflow/toponn/tools/tables.py": ("what was measured", "a number that was measured"),
    # Records: of a diagnostic what a condition is, of a figure what the report calls it.
    "workflow/toponn/trainability/clean.py": ("the clean one, or the one", "the one without disorder, or the one"),
    "workflow/toponn/figures/transfer.py": ("accuracy on other sizes", "accuracy against size"),
    # What a model costs, by which rules ask for memory and time.
    "workflow/toponn/models/mlp.py": ('"winding": (1e-7, 1)', '"winding": (2e-7, 1)'),
}


def test_declarations_that_no_job_is_told_rerun_nothing(finished_project):
    with ExitStack() as edits:
        for path, (before, after) in DECLARATIONS.items():
            edits.enter_context(_reworded(finished_project, path, before, after))
        assert finished_project.pending() == set()


def test_a_record_and_an_order_of_columns_that_jobs_are_told_rerun_these(finished_project):
    record = "workflow/toponn/trainability/pruning.py"
    (label,) = re.findall(r'Panel\("\w+", "kept", "([^"]+)"', finished_project.text(record))
    tables = "workflow/toponn/tools/tables.py"
    with (
        _reworded(finished_project, record, f'"{label}"', f'"{label}, at most"'),
        _reworded(finished_project, tables, '"claim statement kind', '"claim kind statement'),
    ):
        assert finished_project.pending() == _both("pruning") | ANSWERS | CLAIMS


def test_comments_docstrings_and_new_time_stamps_rerun_nothing(finished_project):
    paths = ("workflow/toponn/tools/files.py", "workflow/toponn/matter/systems/qwz.py", "scripts/train.py")
    with ExitStack() as edits:
        for path in paths:
            text = finished_project.text(path)
            reworded = re.sub(r'^"""', '"""Reworded. ', text, count=1)
            assert reworded != text
            edits.enter_context(finished_project.edited(path, f"{reworded}\n\n# A comment.\n"))
        assert finished_project.pending() == set()
    for path in (*paths, "config.yaml", "workflow/studies/labels.yaml", SMALL, "Snakefile", "envs/toponn.yaml"):
        (finished_project.root / path).touch()
    assert finished_project.pending() == set()
