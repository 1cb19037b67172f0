"""A change reruns what it touches and nothing else, on the finished quick study."""

import re
from pathlib import PurePosixPath

import pytest
import yaml

from toponn import study as derived

pytestmark = pytest.mark.slow

QUICK = "workflow/studies/quick.yaml"
TASKS = ("winding", "chern")


def _figures(*names):
    return {f"figures/{name}.{ending}" for name in names for ending in ("pdf", "png")}


def _both(*kinds):
    return _figures(*(f"{kind}_{task}" for kind in kinds for task in TASKS))


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


def _proxies(*tasks):
    return {f"trainability/{task}/{name}.csv" for task in tasks for name in ("proxies", "overlap")}


def _diagnosed(task, models, *diagnostics):
    """Return the files of these diagnostics of these models, and the figures that are drawn from them."""
    files = {
        f"trainability/{task}/{diagnostic}/{model}.{ending}"
        for diagnostic in diagnostics
        for model in models
        for ending in ("csv", "h5")
    }
    return files | _figures(*(f"{d}_{task}" for d in diagnostics if d in ("hessian", "kernel", "landscape")))


def _diagnoses(study, model):
    """Return the files of all diagnostics of a model."""
    found = set()
    for task in TASKS:
        names = [
            name for name in derived.diagnostics_of(study, task) if model in derived.diagnosed_models(study, task, name)
        ]
        found |= _diagnosed(task, [model], *names)
    return found


def _learning_curves(task):
    return {f"figures/learning_curves_{task}.pdf", f"figures/learning_curves_{task}.png"}


def _runs(dataset, model, block=0):
    files = ("weights.h5", "settings.json", "history.csv", "runs.csv")
    return {f"runs/{dataset}/{model}/{block}/{file}" for file in files}


def _search(study, model):
    """Return the searches for a model's learning rate, and their table, if there are any."""
    training = study["models"][model]["training"]
    if not any(isinstance(training[rate], list) for rate in ("learning_rate", "weight_decay")):
        return set()
    return {f"search/{task}/{model}.csv" for task in ("winding", "chern")} | {"tables/search.csv"}


def _evaluation(task, model):
    return {f"generalization/{task}/{model}.csv", f"generalization/{task}/{model}.h5"}


def _left_out(study, *models, changed=None):
    """Return what is made again of the lattices left out when these models are, or only a dataset is, `changed`."""
    parts, files = derived.left_out_parts(study, "chern"), ("weights.h5", "settings.json", "history.csv", "runs.csv")
    models = [model for model in models or parts["models"] if model in parts["models"]]
    if not models:
        return set()
    runs = [(name, model) for name in parts["datasets"] for model in models if name != changed]
    found = {f"left_out/chern/{name}/{model}/{file}" for name, model in runs for file in files}
    found |= {f"left_out/chern/{model}.{ending}" for model in models for ending in ("csv", "h5")}
    return found | {"tables/left_out.csv", "tables/left_out_summary.csv"} | _figures("left_out_chern")


def _after_retraining(model, block=0):
    """Return what is made again when a block of a model with random start is trained again in both tasks.

    Its diagnostics look at the first block.
    """
    tasks = {"winding": "ssh_24", "chern": "qwz_8"}
    return (
        AFTER_TESTS
        | AFTER_TRAINING
        | _proxies(*TASKS)
        | {
            file
            for task, dataset in tasks.items()
            for file in _runs(dataset, model, block) | _evaluation(task, model) | _learning_curves(task)
        }
    )


def _sizes(study, task):
    """Return the datasets of other sizes that a task trains on."""
    return study["tasks"][task]["sizes"]["datasets"]


def _labels(*names):
    """Return what is made again of the maps and the studies of convergence of these names."""
    files = {f"maps/{name}.h5" for name in names} | {f"convergence/{name}.csv" for name in names}
    figures = [f"figures/{kind}_{name}" for kind in ("phase_map", "convergence") for name in names]
    files |= {f"{figure}.{ending}" for figure in figures for ending in ("pdf", "png")}
    return files | {"tables/convergence.csv"}


def _with(study, **models):
    """Return the text of the quick study with changed entries of its models."""
    for name, change in models.items():
        study["models"][name] |= change
    return yaml.safe_dump(study, sort_keys=False)


def _quick(project):
    return yaml.safe_load(project.text(QUICK))


def test_an_untouched_study_reruns_nothing(finished_project):
    assert finished_project.pending() == set()


def test_a_models_hyper_parameter_reruns_its_jobs_and_what_depends_on_them(finished_project):
    text = _with(_quick(finished_project), cnn={"training": {"epochs": 7}})
    with finished_project.edited(QUICK, text):
        study = finished_project.study(QUICK)
        again = _after_retraining("cnn") | _search(study, "cnn") | _diagnoses(study, "cnn") | _left_out(study, "cnn")
        assert finished_project.pending() == again


def test_more_seeds_add_blocks_and_leave_the_others(finished_project):
    study = _quick(finished_project)
    text = _with(study, mlp={"seeds": study["block"] + 2})
    with finished_project.edited(QUICK, text):
        assert finished_project.pending() == _after_retraining("mlp", block=1)


def test_a_test_dataset_reruns_itself_and_the_tests_of_its_task(finished_project):
    study = _quick(finished_project)
    study["datasets"]["qwz_12"]["samples"]["test"] += 1
    models = ("ring_coordinate", "ring_free", "cnn", "resnet", "mlp", "loop_ridge")
    expected = AFTER_TESTS | {"datasets/qwz_12.h5", "tables/references.csv"} | _proxies("chern")
    expected |= _diagnosed("chern", ["ring_coordinate", "mlp"], "gradients")
    with finished_project.edited(QUICK, yaml.safe_dump(study, sort_keys=False)):
        assert finished_project.pending() == expected.union(*(_evaluation("chern", m) for m in models))


def test_a_systems_module_reruns_its_datasets_and_what_depends_on_them(finished_project):
    module = "workflow/toponn/systems/extended_ssh.py"
    models = finished_project.study(QUICK)["tasks"]["winding"]["models"]
    models = [model for model in models if not model.endswith("closed_form")]
    expected = AFTER_TESTS | {"datasets/extended_ssh_24.h5", "tables/references.csv"} | _labels("extended_ssh")
    expected |= _proxies("winding")
    with finished_project.edited(module, finished_project.text(module) + "\n_EDITED = True\n"):
        assert finished_project.pending() == expected.union(*(_evaluation("winding", m) for m in models))


def test_a_system_of_no_dataset_reruns_the_studies_of_its_labels_alone(finished_project):
    path = "workflow/toponn/systems/higher_chern.py"
    with finished_project.edited(path, finished_project.text(path) + "\n_EDITED = True\n"):
        assert finished_project.pending() == _labels("higher_chern")


def test_a_lattice_reruns_its_dataset_the_runs_that_see_it_and_the_studies_of_its_labels(finished_project):
    path = "workflow/toponn/point_sets.py"  # of lattices, which are named in strings as systems are
    expected = _labels("amorphous", "quasicrystal") | {"datasets/lattice_random.h5", "tables/references.csv"}
    expected |= CLAIMS | _left_out(finished_project.study(QUICK), changed="lattice_random")
    with finished_project.edited(path, finished_project.text(path) + "\n_EDITED = True\n"):
        assert finished_project.pending() == expected


def test_a_map_of_more_cells_reruns_itself_and_its_figure_alone(finished_project):
    study = _quick(finished_project)
    study["maps"]["ssh"]["cells"] = [9, 6]
    with finished_project.edited(QUICK, yaml.safe_dump(study, sort_keys=False)):
        assert finished_project.pending() == {"maps/ssh.h5", "figures/phase_map_ssh.pdf", "figures/phase_map_ssh.png"}


def test_a_models_module_reruns_that_model_alone(finished_project):
    module = "workflow/toponn/models/mlp.py"
    with finished_project.edited(module, finished_project.text(module) + "\n_EDITED = True\n"):
        study = finished_project.study(QUICK)
        again = _after_retraining("mlp") | _search(study, "mlp") | _diagnoses(study, "mlp")
        assert finished_project.pending() == again


def test_a_diagnostics_module_reruns_that_diagnostic_alone(finished_project):
    module = "workflow/toponn/trainability/kernel.py"
    study = finished_project.study(QUICK)
    expected = AFTER_DIAGNOSTICS.union(
        *(_diagnosed(task, derived.diagnosed_models(study, task, "kernel"), "kernel") for task in TASKS)
    )
    with finished_project.edited(module, finished_project.text(module) + "\n_EDITED = True\n"):
        assert finished_project.pending() == expected


def test_the_rings_module_reruns_the_rings_alone(finished_project):
    module = "workflow/toponn/models/ring.py"
    tasks, study = {"winding": "ssh_24", "chern": "qwz_8"}, finished_project.study(QUICK)
    expected = AFTER_TESTS | AFTER_TRAINING | _proxies(*TASKS)
    expected |= _runs("ssh_6", "ring_free") | _runs("qwz_6", "ring_coordinate")
    assert _sizes(study, "winding") + _sizes(study, "chern") == ["ssh_6", "qwz_6"]
    expected |= _diagnoses(study, "ring_free") | _diagnoses(study, "ring_coordinate")
    expected |= _left_out(study, "ring_coordinate")
    # Diagnostics that load the module for whatever model they look at.
    expected |= {
        output
        for job in finished_project.jobs()
        for output in job.outputs
        if job.rule == "diagnose" and module in job.loaded
    }
    expected |= {"tables/beyond_dense.csv", "tables/beyond_dense_exponents.csv"} | _figures("beyond_dense")
    for name in study["interfaces"]:
        expected |= {f"interfaces/{name}.{ending}" for ending in ("csv", "h5")} | _figures(f"interface_{name}")
    expected |= {"tables/interfaces.csv"}
    for task, dataset in tasks.items():
        expected |= {f"tables/route_{table}.csv" for table in ("costs", "exponents")} | _figures("route_costs")
        for form in ("ring_coordinate", "ring_free"):
            expected |= _runs(dataset, form) | _runs(dataset, f"{form}_closed_form") | _evaluation(task, form)
            expected |= _search(study, form) | _search(study, f"{form}_closed_form")
        diagnostics = ("expressivity.csv", "site_tensors.csv", "site_tensors.h5")
        expected |= _learning_curves(task) | {f"trainability/{task}/{file}" for file in diagnostics}
        expected |= _figures(f"site_tensors_{task}")
    with finished_project.edited(module, finished_project.text(module) + "\n_EDITED = True\n"):
        assert finished_project.pending() == expected


@pytest.mark.parametrize("module", ["statistics", "invariants/chern", "figures/style", "training/loop"])
def test_a_library_module_reruns_the_rules_whose_script_loads_it_and_no_other(finished_project, module):
    path = f"workflow/toponn/{module}.py"
    jobs = finished_project.jobs()
    rules = {job.rule for job in jobs if path in job.loaded}
    assert rules and rules != {job.rule for job in jobs}
    expected = {output for job in jobs if job.rule in rules for output in job.outputs}
    with finished_project.edited(path, finished_project.text(path) + "\n_EDITED = True\n"):
        assert finished_project.pending(cause="params changed") == expected


def test_a_script_reruns_its_own_rule(finished_project):
    path = "scripts/references_table.py"
    with finished_project.edited(path, finished_project.text(path) + "\n_EDITED = True\n"):
        assert finished_project.pending() == {"tables/references.csv"} | CLAIMS


@pytest.mark.parametrize("path", ["workflow/toponn/files.py", "workflow/toponn/systems/qwz.py", "scripts/train.py"])
def test_a_comment_a_docstring_and_a_new_time_stamp_rerun_nothing(finished_project, path):
    text = finished_project.text(path)
    reworded = re.sub(r'^"""', '"""Reworded. ', text, count=1)
    assert reworded != text
    with finished_project.edited(path, reworded + "\n\n# A comment.\n"):
        assert finished_project.pending() == set()
    (finished_project.root / path).touch()
    assert finished_project.pending() == set()


def test_a_new_time_stamp_of_the_study_reruns_nothing(finished_project):
    for path in ("config.yaml", QUICK, "Snakefile", "envs/toponn.yaml"):
        (finished_project.root / PurePosixPath(path)).touch()
    assert finished_project.pending() == set()
