"""`make` from nothing to the report: what is there afterwards, and that it is made once."""

import csv
import re
from collections import Counter

import pytest
from conftest import QUICK, SMALL, Project

from toponn.tools.jobcode import NO_CODE
from toponn.tools.tables import TABLES, columns_of

pytestmark = [pytest.mark.slow, pytest.mark.finished]

OF_RUNS = {"history"}
"""Tables that stand in the folders of runs alone."""
OF_RINGS = {"basin", "landscape", "remedies"}
OF_TASKS = "learning_curves success generalization"
OF_DIAGNOSED = "rates sample_sizes gradients basin pruning hessian kernel landscape remedies decoupling"
"""Kinds of figures of every task, and of those in which training is taken apart."""
OF_TRAINED = {"learning_rates", "scales", "gradients", "hessian", "kernel"}
"""Diagnostics of models with a closed form, and of those that are trained step by step."""
DIAGNOSED_UNITS = "rate scale samples clean gradient basin hessian kernel line pruned ablated remedy output residual"


@pytest.fixture(scope="module", params=["small", pytest.param("quick", marks=pytest.mark.whole)])
def name(request) -> str:
    """Return the name of a study that make has finished."""
    return request.param


@pytest.fixture(scope="module")
def project(request, name) -> Project:
    """Return the copy of the project with this study."""
    return request.getfixturevalue("finished_project" if name == "small" else "quick_project")


@pytest.fixture(scope="module")
def results(project, name):
    """Return the folder of the study."""
    return project.root / "results" / name


@pytest.fixture(scope="module")
def study(project, name):
    """Return the study."""
    return project.study(SMALL if name == "small" else QUICK)


@pytest.fixture(scope="module")
def make(project, name):
    """Return a function that calls make once more, and returns the finished call."""
    return lambda: project.command("make", f"CONFIG={SMALL}" if name == "small" else "quick")


def rows(results, table: str) -> list[dict[str, str]]:
    """Return the rows of a table of the study."""
    with (results / f"tables/{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _tests(task: dict) -> list[str]:
    """Return the tests of a task: its own dataset, the others by what they change, and those that mislead."""
    return [task["dataset"], *(test for tests in task["tests"].values() for test in tests), *task["proxies"]]


def _diagnosed(study) -> dict[str, dict]:
    """Return the tasks in which training is taken apart."""
    return {name: task for name, task in study["tasks"].items() if task["diagnosed"]["models"]}


def test_every_declared_table_is_there_and_no_other(results):
    assert {path.stem for path in (results / "tables").glob("*.csv")} == TABLES.keys() - OF_RUNS


@pytest.mark.parametrize("table", sorted(TABLES.keys() - OF_RUNS))
def test_a_table_has_its_columns_in_order_and_rows_that_its_key_tells_apart(results, table):
    with (results / f"tables/{table}.csv").open(newline="", encoding="utf-8") as file:
        header, *found = csv.reader(file)
    assert header == columns_of(table, header) and len(set(header)) == len(header)
    assert found and all(len(row) == len(header) for row in found)
    conditions = [column for column in header if column not in TABLES[table].columns]
    assert all(any(row[column] for row in rows(results, table)) for column in conditions), "conditions of no row"
    keys = Counter(tuple(row[column] for column in (*TABLES[table].key, *conditions)) for row in rows(results, table))
    assert max(keys.values()) == 1, keys.most_common(3)


def test_every_model_seed_and_test_has_its_row(results, study):
    models, tasks = study["models"], study["tasks"]
    trained = {(task["dataset"], m): models[m]["seeds"] for task in tasks.values() for m in task["models"]}
    for sizes in (task["sizes"] for task in tasks.values() if "sizes" in task):
        at_most = {m: min(models[m]["seeds"], sizes.get("seeds", models[m]["seeds"])) for m in sizes["models"]}
        trained |= {(dataset, m): at_most[m] for dataset in sizes["datasets"] for m in sizes["models"]}
    runs = rows(results, "runs")
    found = Counter((run["dataset"], run["variant"], run["seed"]) for run in runs)
    assert found == Counter((*pair, str(seed)) for pair, seeds in trained.items() for seed in range(seeds))
    assert {run["status"] for run in runs} == {"ok"}

    evaluated = rows(results, "generalization")
    assert {(row["task"], row["variant"], row["test"], row["seed"]) for row in evaluated} == {
        (name, model, test, str(seed))
        for name, task in tasks.items()
        for model in task["models"]
        if models[model].get("start") != "closed_form"
        for test in _tests(task)
        for seed in range(min(models[model]["seeds"], task["test_seeds"].get(test, models[model]["seeds"])))
    }
    folder = results / "generalization"
    for ending in ("csv", "h5"):  # one job each
        files = {tuple(path.relative_to(folder).with_suffix("").parts) for path in folder.rglob(f"*.{ending}")}
        assert files == {(row["task"], row["variant"], row["test"]) for row in evaluated}


def test_every_lattice_left_out_has_a_row_for_each_seed_and_test_or_says_why_not(results, study):
    found = rows(results, "left_out")
    parts = study["tasks"]["chern"]["left_out"]
    assert len(found) == len(parts["models"]) * len(parts["datasets"]) ** 2 * parts["seeds"]
    unseen = {(row["variant"], row["test"]) for row in found if row["status"] == "not applicable"}
    assert unseen == {(model, "lattice_random") for model in parts["models"] if model == "cnn"}
    assert all((row["balanced_accuracy"] == "") == (row["status"] == "not applicable") for row in found)


def test_every_hybrid_is_held_against_the_best_of_its_rivals_on_every_test(results, study):
    found = rows(results, "superiority")
    assert {row["variant"] for row in found} == {"ring_coordinate"}  # the other rings have weights of single sites
    assert {row["task"] for row in found} == {
        name for name, task in study["tasks"].items() if "ring_coordinate" in task["models"]
    }
    for name in {row["task"] for row in found}:
        tests = _tests(study["tasks"][name])
        single = [row for row in found if row["task"] == name and row["test"] in tests]
        assert {row["test"] for row in single} == set(tests)
        assert {row["rival"] for row in single if row["status"] == "ok"} <= {"cnn", "resnet", "mlp"}


def test_every_diagnostic_has_a_row_for_each_seed_and_an_interval_where_it_is_summed_up(results, study):
    found = {(row["task"], row["diagnostic"].split("_")[0]) for row in rows(results, "diagnostics")}
    assert {(task, kind) for task in _diagnosed(study) for kind in DIAGNOSED_UNITS.split()} <= found
    shares = [row for row in rows(results, "trainability") if row["diagnostic"].endswith("_success") and row["value"]]
    assert shares and all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in shares)


def test_what_does_not_apply_to_a_model_has_a_row_that_says_why(results, study):
    found = [row for row in rows(results, "trainability") if row["status"] != "ok"]
    assert all((row["value"], row["n_seeds"]) == ("", "0") for row in found)
    expected = set()
    for task, parts in _diagnosed(study).items():
        for model in parts["diagnosed"]["models"]:
            entry, reason, names = study["models"][model], "it has no closed form", OF_RINGS
            if "training" not in entry:
                reason, names = "it is solved, not trained by gradient steps", OF_RINGS | OF_TRAINED
            if not entry["model"].endswith("_ring"):
                expected |= {(task, model, name, f"not applicable: {reason}") for name in names}
    assert expected <= {tuple(row[key] for key in ("task", "variant", "diagnostic", "status")) for row in found}


def test_the_page_of_answers_has_every_question_with_numbers_and_figures(results):
    page = (results / "answers.html").read_text(encoding="utf-8")
    found = rows(results, "answers")
    assert {row["question"] for row in found} == set(re.findall(r"<h2>(.+?)</h2>", page))
    assert {row["figure"] for row in found} == set(re.findall(r'<figure id="(.+?)">', page))


def test_every_study_of_the_labels_has_its_rows_and_maps(results, study):
    assert {path.stem for path in (results / "maps").iterdir()} == set(study["maps"])
    for section in ("convergence", "ceiling"):
        found = rows(results, section)
        assert [name for name in study[section] if name not in {row["name"] for row in found}] == []
        lengths = {(row["name"], float(row["length"])) for row in found}
        assert lengths == {(name, length) for name, entry in study[section].items() for length in entry["lengths"]}


def test_every_figure_is_there_as_pdf_and_png(results, study):
    tasks = study["tasks"]
    labels = {"phase_map": "maps", "convergence": "convergence", "ceiling": "ceiling", "interface": "interfaces"}
    names = {f"{kind}_{name}" for kind, section in labels.items() for name in study[section]}
    names |= {"beyond_dense"} | {f"sizes_{name}" for name, task in tasks.items() if "sizes" in task}
    names |= {f"{kind}_{task}" for kind in OF_TASKS.split() for task in tasks}
    names |= {f"{kind}_{task}" for kind in OF_DIAGNOSED.split() for task in _diagnosed(study)}
    names |= {f"{kind}_{name}" for kind in ("proxies", "overlap") for name, task in tasks.items() if task["proxies"]}
    names |= {f"transfer_{name}" for name, task in tasks.items() if task["tests"]["sizes"]}
    names |= {f"superiority_{name}" for name, task in tasks.items() if "ring_coordinate" in task["models"]}
    rings = {"ring_coordinate", "ring_free"}
    names |= {f"site_tensors_{name}" for name, task in tasks.items() if rings & set(task["models"])}
    names |= {f"left_out_{name}" for name, task in tasks.items() if "left_out" in task}
    assert {path.stem for path in (results / "figures").iterdir()} == names
    for name in names:
        pdf, png = ((results / f"figures/{name}.{ending}").read_bytes() for ending in ("pdf", "png"))
        assert pdf.startswith(b"%PDF") and png.startswith(b"\x89PNG")
        assert min(len(pdf), len(png)) > 2000


def test_the_report_holds_every_category_figure_and_caption(results, study):
    report = (results / "report.html").read_text(encoding="utf-8")
    for category in ("Datasets", "Labels", "Training", "Trainability", "Generalization", "Claims", "Answers"):
        assert f'"{category}"' in report
    for figure in (results / "figures").glob("*.png"):
        assert figure.name in report
    # Captions are filled: they say how many seeds of each model a figure shows.
    seeds = study["models"]["cnn"]["seeds"]
    drawn = [task for task in study["tasks"].values() if "cnn" in task["models"]]
    assert drawn and len(re.findall(rf"cnn</tt> {seeds}\b", report)) >= 4 * len(drawn)
    assert "{{ snakemake" not in report


def test_a_job_leaves_a_log_and_a_benchmark(results):
    for folder, ending in (("logs", "log"), ("benchmarks", "tsv")):
        names = {
            path.relative_to(results / folder).with_suffix("").as_posix() for path in (results / folder).rglob("*.*")
        }
        assert {
            "dataset/ssh_24",
            "train/qwz_8/cnn/0",
            "train_left_out/chern/lattice_random/ring_coordinate",
            "search/chern/ring_coordinate",
            "evaluate/chern/cnn/qwz_6",
            "diagnose/chern/kernel/ring_coordinate",
            "claims_table",
            "runs_table",
            "figure_success/success_chern",
            "phase_map/amorphous",
        } <= names, ending


def test_finished_training_leaves_no_checkpoint(results):
    assert not list(results.glob("checkpoints/**/*.h5"))


def test_a_second_make_runs_nothing_and_keeps_the_report(make, results):
    before = (results / "report.html").stat().st_mtime_ns
    run = make()
    assert run.returncode == 0, run.stderr
    assert "Nothing to be done" in run.stdout + run.stderr
    assert (results / "report.html").stat().st_mtime_ns == before


def test_changed_captions_make_the_report_again_and_no_job(make, project, results):
    before = (results / "report.html").stat().st_mtime_ns
    caption, meanings = "workflow/report/tables.rst", "workflow/toponn/tools/tables.py"
    with (
        project.edited(caption, f"{project.text(caption)}\nAs of today.\n"),
        project.edited(meanings, f"{project.text(meanings)}\n\n# Whose meanings of columns captions show.\n"),
    ):
        run = make()
    assert run.returncode == 0, run.stderr
    assert "Nothing to be done" in run.stdout + run.stderr
    assert (results / "report.html").stat().st_mtime_ns > before


def test_a_script_finds_every_file_that_it_loads_among_its_parameters(project):
    jobs = project.jobs()
    rules = {"dataset", "train", "evaluate", "diagnose", "site_tensors", "claims_table", "phase_map", "runs_table"}
    assert {job.rule for job in jobs} >= rules | {"figure_success", "figure_rates"}
    unnamed = {(job.rule, path) for job in jobs for path in job.loaded - job.named - set(NO_CODE)}
    assert not unnamed, "an edit of these would not rerun these rules"
