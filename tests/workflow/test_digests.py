"""Nothing that was made by other code, from other input or by another config counts as current."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml
from conftest import SMALL, Project

from toponn.tools.files import read_arrays

pytestmark = pytest.mark.slow

MAP = "maps/extended_ssh.h5"
FIGURE = {f"figures/phase_map_extended_ssh.{ending}" for ending in ("pdf", "png")}
FIGURES = FIGURE | {name.replace("extended_ssh", "amorphous") for name in FIGURE}
STUDY = ("--configfile", SMALL, "--", "results/small/figures/phase_map_extended_ssh.pdf")
CHAINS = {"datasets/ssh_24.h5", "datasets/extended_ssh_24.h5", "trainability/winding/expressivity.csv"}
CNN = {f"runs/qwz_8/cnn/0/{name}" for name in ("weights.h5", "settings.json", "history.csv", "runs.csv")}
CNN |= {
    f"generalization/chern/cnn/{name}.{end}" for name in ("qwz_6", "qwz_8", "qwz_8_scrambled") for end in ("csv", "h5")
}
REFUSED = "the code is not that with which this run began; the same command runs what there is now"
CLUSTER = """
sh -c 'touch submitted; until [ -e go ]; do sleep 0.1; done; sh "$1"; echo $? > ended' job "$1" > said 2>&1 &
echo $!
"""
STATUS = 'case $(cat ended 2> /dev/null) in "") echo running;; 0) echo success;; *) echo failed;; esac\n'


def until(path: Path, run: subprocess.Popen) -> None:
    """Wait for a file that a run makes."""
    while not path.exists():
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)


def started(project: Project, *arguments: str) -> subprocess.Popen:
    """Return a call of snakemake that goes on by itself."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    given = {"cwd": project.root, "env": project.environment(), "text": True}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **given)


def edited(project: Project, path: str):
    return project.edited(path, f"{project.text(path)}\n_EDITED = True\n")


def more_cells(project: Project):
    study = yaml.safe_load(project.text(SMALL))
    study["maps"]["extended_ssh"]["cells"] = [7, 5]
    return project.edited(SMALL, yaml.safe_dump(study, sort_keys=False))


# --- Code and config that change while a run goes on -----------------------------------------------------------------


def test_a_job_does_not_run_code_that_was_edited_after_its_run_began(own_finished_project):
    own = own_finished_project
    results = own.root / "results/small"
    for path in (*(results / name for name in FIGURE), results / MAP, results / "logs/phase_map/extended_ssh.log"):
        path.unlink()
    run = started(own, "--cores", "1", *STUDY)
    until(results / "logs/phase_map/extended_ssh.log", run)
    with edited(own, "workflow/toponn/figures/phase_map.py"):
        _, said = run.communicate()
    assert f"failed: workflow/toponn/figures/phase_map.py: {REFUSED}" in said
    assert "Traceback" not in said and run.returncode == 1
    assert (results / MAP).exists() and not (results / "figures/phase_map_extended_ssh.pdf").exists()
    assert own.snakemake("--cores", "1", *STUDY).returncode == 0
    assert own.pending() == set()


def through_a_cluster(project: Project, change) -> str:
    """Make the map through a scheduler that begins once `change` was made; return what was said."""
    (project.root / "submit.sh").write_text(CLUSTER)
    (project.root / "status.sh").write_text(STATUS)
    (project.root / "results/small" / MAP).unlink()
    call = ["--workflow-profile", "profiles/generic", "--retries", "0", "--seconds-between-status-checks", "1"]
    call += ["--cluster-generic-submit-cmd", "sh submit.sh", "--cluster-generic-status-cmd", "sh status.sh"]
    run = started(project, *call, "--configfile", SMALL, "--", f"results/small/{MAP}")
    until(project.root / "submitted", run)
    with change:
        (project.root / "go").touch()
        return run.communicate()[1]


def test_nor_does_a_job_of_a_cluster_which_reads_the_snakefile_after_the_edit(own_finished_project):
    own = own_finished_project
    said = through_a_cluster(own, edited(own, "workflow/toponn/labels/phase_maps.py"))
    assert f"failed: workflow/toponn/labels/phase_maps.py: {REFUSED}" in said
    assert not (own.root / "results/small" / MAP).exists()


def test_a_job_of_a_cluster_goes_by_the_config_that_its_run_has_read(own_finished_project):
    own = own_finished_project
    through_a_cluster(own, more_cells(own))
    assert read_arrays(own.root / "results/small" / MAP)[0]["mean"].shape == (5, 6)
    assert own.pending() == set(), "and the map is as it was"


def test_nor_do_rules_change_under_a_job_of_a_cluster(own_finished_project):
    own = own_finished_project
    path = "workflow/rules/datasets.smk"
    through_a_cluster(own, own.edited(path, own.text(path).replace("seed=SEED", "seed=SEED + 1")))
    said = "results/small: the rules are not those with which this run began; the same command goes by those of now"
    assert said in (own.root / "said").read_text().splitlines()
    assert not (own.root / "results/small" / MAP).exists()


# --- Rows of families ------------------------------------------------------------------------------------------------


@contextmanager
def redirected(project: Project, family: str, row: str):
    """Let a row of a family lead to a copy of its module for a while; then all is as it was, the folder's time too."""
    path, stem = f"workflow/toponn/{family}.py", row.partition(":")[0]
    other, text = (project.root / path).with_name(f"other_{stem}.py"), project.text(path)
    times = other.parent.stat()
    shutil.copy(other.with_name(f"{stem}.py"), other)
    assert text.count(f'.{row}"') == 1
    try:
        with project.edited(path, text.replace(f'.{row}"', f'.{row.replace(f"{stem}:", f"other_{stem}:")}"')):
            yield
    finally:
        other.unlink()
        os.utime(other.parent, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    ("rows", "again"),
    [
        ({"shapes:l_shape": "shapes", "disorder:vacancies": "disorder"}, set()),
        ({"shapes:disk": "shapes"}, {"maps/amorphous.h5"}),
        ({"shapes:segment": "shapes"}, CHAINS | {MAP}),
        (
            {
                "disorder:bond_box": "disorder",
                "higher_chern:HigherChern": "systems/__init__",
                "point_sets:RANDOM": "lattices",
            },
            CHAINS | {"convergence/higher_chern.csv", "datasets/lattice_random.h5", "maps/amorphous.h5"},
        ),
    ],
)
def test_rows_of_matter_that_lead_to_another_module_rerun_the_jobs_that_use_the_member(finished_project, rows, again):
    with ExitStack() as edits:
        for row, family in rows.items():
            edits.enter_context(redirected(finished_project, f"matter/{family}", row))
        assert finished_project.pending(cause="params changed") == again


def test_so_do_rows_of_models_and_figures_and_rows_of_estimators_that_no_job_names_rerun_nothing(finished_project):
    with (
        redirected(finished_project, "models/__init__", "cnn:CNN"),
        redirected(finished_project, "figures/__init__", "phase_map:phase_map_figure"),
        redirected(finished_project, "invariants/__init__", "estimates:bott_index"),
    ):
        assert finished_project.pending(cause="params changed") == CNN | FIGURES


# --- What is no code -------------------------------------------------------------------------------------------------


def test_what_a_job_logs_and_what_made_a_file_is_no_code_of_a_job(finished_project):
    tools = "workflow/toponn/tools"
    with edited(finished_project, f"{tools}/joblog.py"), edited(finished_project, f"{tools}/provenance.py"):
        assert finished_project.pending() == set()


# --- Clocks, links, and reports that are cut -------------------------------------------------------------------------


@pytest.mark.parametrize("linked", [False, True], ids=["", "linked folders"])
def test_a_file_of_the_future_is_made_again_when_what_it_was_made_from_has_changed(own_finished_project, linked):
    own = own_finished_project
    results = own.root / "results/small"
    for name in ("figures", "maps") if linked else ():
        (results / name).rename(own.root / name)
        (results / name).symlink_to(own.root / name, target_is_directory=True)
    ahead = time.time() + 3600  # as of a node whose clock is an hour ahead
    for name in (*FIGURE, "benchmarks/figure_phase_map/phase_map_extended_ssh.tsv"):  # all that the job has made
        os.utime(results / name, (ahead, ahead))
    maps = "workflow/toponn/labels/phase_maps.py"  # no code of figures
    with own.edited(maps, own.text(maps).replace(".integer.filled(0)", ".integer.filled(0) + 1")):
        run = own.snakemake("--cores", "1", "--configfile", SMALL, "--", f"results/small/{MAP}")
        assert run.returncode == 0, run.stderr
        again = own.pending()
    assert FIGURE <= again and MAP not in again


PYTHON = """#!/bin/sh
# Stands for .venv/bin/python, and makes a report as snakemake does.
while [ $# -gt 0 ]; do [ "$1" = --report ] && printf '<html>\\n</html>\\n' > "$2"; shift; done
"""


def test_a_report_that_was_cut_is_not_taken_for_finished(own_finished_project):
    own = own_finished_project
    python, report = own.root / ".venv/bin/python", own.root / "results/small/report.html"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    (own.root / ".venv/installed").touch()
    report.unlink()
    make = ("make", "report", f"CONFIG={SMALL}")
    assert "The report is" in own.command(*make).stdout
    assert own.command(*make).stdout == ""
    report.write_text("<html>\n")  # of a `snakemake --report` that was killed
    assert "The report is" in own.command(*make).stdout
    assert report.read_text() == "<html>\n</html>\n"
