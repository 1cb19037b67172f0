"""`make quick` from nothing to the report: what is there afterwards, and that it is made once."""

import csv
import re

import pytest

pytestmark = pytest.mark.slow

COLUMNS = {
    "runs": "task dataset size model form seed start n_parameters epochs flops seconds train_loss "
    "validation_accuracy validation_balanced_accuracy success status",
    "search": "task dataset model form start learning_rate weight_decay seed epochs validation_loss "
    "validation_balanced_accuracy status chosen",
    "generalization": "task dataset model form seed n_parameters flops test kind n_samples accuracy "
    "balanced_accuracy mean_error ceiling status",
    "generalization_summary": "task model form n_parameters flops test kind n_seeds n_samples balanced_accuracy low "
    "high tenth mean_error error_low error_high gain gain_low gain_high ceiling status",
    "superiority": "task kind test rival hybrid plain difference low high n_tests n_seeds n_samples status",
    "left_out": "task left_out model form seed test n_samples accuracy balanced_accuracy mean_error ceiling status",
    "left_out_summary": "task left_out model form test n_seeds n_samples balanced_accuracy low high ceiling status",
    "trainability": "task model form diagnostic size condition n_seeds value low high",
    "route_costs": "route side sites seeds seconds chosen chosen_at_hand",
    "route_exponents": "task model form diagnostic size condition n_seeds value low high",
    "beyond_dense": "task model form sample seed side n_sites label margin gap order states vectors value error dense "
    "preparation seconds dense_seconds peak_mb",
    "beyond_dense_exponents": "task model form diagnostic size condition n_seeds value low high",
    "references": "system shape size disorder estimator_a estimator_b n_samples agreement low high",
    "convergence": "name system lattice parameters disorder gap exact length n_sites estimator n_samples value error "
    "worst right decided margin",
    "ceiling": "name system lattice disorder strength length n_sites estimator_a estimator_b selection n_samples "
    "agreement low high",
    "diagnostics": "task model form diagnostic size condition seed value",
    "proxies": "task model form test proxy proxy_accuracy n_samples n_conflicts n_labels n_seeds invariant "
    "invariant_low invariant_high proxied proxied_low proxied_high status",
    "answers": "question task statement model form value low high note figure",
    "interfaces": "name task model form seed draw region n_sites weight marker learned correlation value",
    "claims": "claim statement kind test measured low high verdict figure",
}
QUICK = "workflow/studies/quick.yaml"


@pytest.fixture(scope="module")
def results(finished_project):
    """Return the folder of the quick study."""
    return finished_project.root / "results/quick"


@pytest.fixture(scope="module")
def study(finished_project):
    """Return the quick study."""
    return finished_project.study(QUICK)


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_its_columns_and_rows(results, table):
    with (results / f"tables/{table}.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == COLUMNS[table].split()
    assert rows and all(len(row) == len(header) for row in rows)


def test_every_model_seed_and_test_has_its_row(results, study):
    with (results / "tables/runs.csv").open(newline="") as file:
        runs = list(csv.DictReader(file))
    trained = [m for task in study["tasks"].values() for m in task["models"]]
    sized = [task["sizes"] for task in study["tasks"].values() if "sizes" in task]
    trained += [m for sizes in sized for _ in sizes["datasets"] for m in sizes["models"]]
    assert len(runs) == sum(study["models"][m]["seeds"] for m in trained)
    assert {run["status"] for run in runs} == {"ok"}
    with (results / "tables/generalization.csv").open(newline="") as file:
        tests = {(row["task"], row["test"]) for row in csv.DictReader(file)}
    assert tests == {
        (name, test)
        for name, task in study["tasks"].items()
        for tests in ([task["dataset"]], *task["tests"].values(), task["proxies"])
        for test in tests
    }


def test_every_lattice_left_out_has_a_row_for_each_seed_and_test_or_says_why_not(results, study):
    with (results / "tables/left_out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    parts = study["tasks"]["chern"]["left_out"]
    assert len(rows) == len(parts["models"]) * len(parts["datasets"]) ** 2 * parts["seeds"]
    unseen = {(row["model"], row["test"]) for row in rows if row["status"] == "not applicable"}
    assert unseen == {("cnn", "lattice_random")}
    assert all((row["balanced_accuracy"] == "") == (row["status"] == "not applicable") for row in rows)


def test_every_diagnostic_has_a_row_for_each_seed_and_an_interval_where_it_is_summed_up(results, study):
    with (results / "tables/diagnostics.csv").open(newline="") as file:
        units = list(csv.DictReader(file))
    found = {(row["task"], row["diagnostic"].split("_")[0]) for row in units}
    kinds = "rate scale samples clean gradient basin hessian kernel line pruned ablated remedy output residual".split()
    assert {(task, kind) for task in study["tasks"] for kind in kinds} <= found
    with (results / "tables/trainability.csv").open(newline="") as file:
        shares = [row for row in csv.DictReader(file) if row["diagnostic"].endswith("_success")]
    assert shares and all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in shares)


def test_the_page_of_answers_has_every_question_with_numbers_and_figures(results):
    page = (results / "answers.html").read_text(encoding="utf-8")
    with (results / "tables/answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["question"] for row in rows} == set(re.findall(r"<h2>(.+?)</h2>", page))
    assert {row["figure"] for row in rows} == set(re.findall(r'<figure id="(.+?)">', page))


def test_every_study_of_the_labels_has_its_rows_and_maps(results, study):
    assert {path.stem for path in (results / "maps").iterdir()} == set(study["maps"])
    for section in ("convergence", "ceiling"):
        with (results / f"tables/{section}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [name for name in study[section] if name not in {row["name"] for row in rows}] == []
        lengths = {(row["name"], float(row["length"])) for row in rows}
        assert lengths == {(name, length) for name, entry in study[section].items() for length in entry["lengths"]}


def test_every_figure_is_there_as_pdf_and_png(results, study):
    tasks = study["tasks"]
    labels = {"phase_map": "maps", "convergence": "convergence", "ceiling": "ceiling", "interface": "interfaces"}
    names = {f"{kind}_{name}" for kind, section in labels.items() for name in study[section]}
    names |= {"route_costs", "beyond_dense"} | {f"sizes_{name}" for name, task in tasks.items() if "sizes" in task}
    kinds = (
        "learning_curves success generalization site_tensors rates sample_sizes gradients basin pruning hessian kernel"
    )
    kinds += " landscape remedies decoupling proxies overlap superiority transfer"
    names |= {f"{kind}_{task}" for kind in kinds.split() for task in tasks}
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
    assert len(re.findall(rf"cnn</tt> {seeds}\b", report)) >= 4 * len(drawn)
    assert "{{ snakemake" not in report


def test_a_job_leaves_a_log_and_a_benchmark(results):
    for folder, ending in (("logs", "log"), ("benchmarks", "tsv")):
        names = {
            path.relative_to(results / folder).with_suffix("").as_posix() for path in (results / folder).rglob("*.*")
        }
        assert {
            "dataset/ssh_24",
            "train/qwz_8/cnn/0",
            "train_left_out/chern/lattice_random/cnn",
            "search/chern/cnn",
            "claims_table",
            "figure_success/chern",
            "phase_map/qwz",
        } <= names, ending


def test_finished_training_leaves_no_checkpoint(results):
    assert not list(results.glob("checkpoints/**/*.h5"))


def test_a_second_make_runs_nothing_and_keeps_the_report(finished_project, results):
    before = (results / "report.html").stat().st_mtime_ns
    run = finished_project.command("make", "quick")
    assert run.returncode == 0, run.stderr
    assert "Nothing to be done" in run.stdout + run.stderr
    assert (results / "report.html").stat().st_mtime_ns == before


def test_a_changed_caption_makes_the_report_again_and_no_job(finished_project, results):
    before = (results / "report.html").stat().st_mtime_ns
    caption = "workflow/report/tables.rst"
    with finished_project.edited(caption, finished_project.text(caption) + "\nAs of today.\n"):
        run = finished_project.command("make", "quick")
    assert run.returncode == 0, run.stderr
    assert "Nothing to be done" in run.stdout + run.stderr
    assert (results / "report.html").stat().st_mtime_ns > before


def test_a_script_finds_every_file_that_it_loads_among_its_parameters(finished_project):
    jobs = finished_project.jobs()
    assert {job.rule for job in jobs} >= {"dataset", "train", "evaluate", "site_tensors", "claims_table", "phase_map"}
    unnamed = {(job.rule, path) for job in jobs for path in job.loaded - job.named}
    assert not unnamed, "an edit of these would not rerun these rules"
