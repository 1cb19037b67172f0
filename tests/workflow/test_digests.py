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
from conftest import QUICK, Project, copied

from toponn.tools.files import read_arrays

pytestmark = pytest.mark.slow

MAP, FIGURE = "maps/ssh.h5", {"figures/phase_map_ssh.pdf", "figures/phase_map_ssh.png"}
RUN = {f"runs/qwz_8/loop_ridge/0/{name}" for name in ("weights.h5", "settings.json", "history.csv", "runs.csv")}
HALDANE = {"datasets/haldane_disk.h5"}
FEW = {f"datasets/{name}.h5" for name in ("ssh_24_clean", "haldane_disk")} | FIGURE | RUN | {"maps/kagome.h5"}
TARGETS = sorted(f"results/quick/{file}" for file in FEW)
STUDY = ("--configfile", QUICK, "--", *TARGETS)
REFUSED = "the code is not that with which this run began; the same command runs what there is now"
CLUSTER = """
sh -c 'touch submitted; until [ -e go ]; do sleep 0.1; done; sh "$1"; echo $? > ended' job "$1" > said 2>&1 &
echo $!
"""
STATUS = 'case $(cat ended 2> /dev/null) in "") echo running;; 0) echo success;; *) echo failed;; esac\n'


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Project:
    """Return a copy in which some files of the quick study were made; tests leave them as they are."""
    project = copied(tmp_path_factory.mktemp("few"))
    run = project.snakemake("--cores", "all", *STUDY)
    assert run.returncode == 0, run.stderr[-20000:]
    assert pending(project) == set()
    return project


@pytest.fixture
def own(few, tmp_path) -> Project:
    """Return a copy of these, for one test to do with as it likes."""
    shutil.copytree(few.root, tmp_path / "a project", symlinks=True)
    return Project(tmp_path / "a project", few.watch)


def pending(project: Project) -> set[str]:
    return project.pending("--", *TARGETS, overlay=QUICK)


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


def fewer_cells(project: Project):
    study = yaml.safe_load(project.text(QUICK))
    study["maps"]["ssh"]["cells"] = [4, 3]
    return project.edited(QUICK, yaml.safe_dump(study, sort_keys=False))


# --- Code and config that change while a run goes on -----------------------------------------------------------------


def test_a_job_does_not_run_code_that_was_edited_after_its_run_began(own):
    results = own.root / "results/quick"
    shutil.rmtree(results / "figures")
    for path in (results / MAP, results / "logs/phase_map/ssh.log"):
        path.unlink()
    run = started(own, "--cores", "1", *STUDY)
    until(results / "logs/phase_map/ssh.log", run)
    with edited(own, "workflow/toponn/figures/phase_map.py"):
        _, said = run.communicate()
    assert f"failed: workflow/toponn/figures/phase_map.py: {REFUSED}" in said
    assert "Traceback" not in said and run.returncode == 1
    assert (results / MAP).exists() and not (results / "figures/phase_map_ssh.pdf").exists()
    assert own.snakemake("--cores", "1", *STUDY).returncode == 0
    assert pending(own) == set()


def through_a_cluster(project: Project, change) -> str:
    """Make the map through a scheduler that begins once `change` was made; return what was said."""
    (project.root / "submit.sh").write_text(CLUSTER)
    (project.root / "status.sh").write_text(STATUS)
    (project.root / "results/quick" / MAP).unlink()
    call = ["--workflow-profile", "profiles/generic", "--retries", "0", "--seconds-between-status-checks", "1"]
    call += ["--cluster-generic-submit-cmd", "sh submit.sh", "--cluster-generic-status-cmd", "sh status.sh"]
    run = started(project, *call, "--configfile", QUICK, "--", f"results/quick/{MAP}")
    until(project.root / "submitted", run)
    with change:
        (project.root / "go").touch()
        return run.communicate()[1]


def test_nor_does_a_job_of_a_cluster_which_reads_the_snakefile_after_the_edit(own):
    said = through_a_cluster(own, edited(own, "workflow/toponn/labels/phase_maps.py"))
    assert f"failed: workflow/toponn/labels/phase_maps.py: {REFUSED}" in said
    assert not (own.root / "results/quick" / MAP).exists()


def test_a_job_of_a_cluster_goes_by_the_config_that_its_run_has_read(own):
    through_a_cluster(own, fewer_cells(own))
    assert read_arrays(own.root / "results/quick" / MAP)[0]["mean"].shape == (6, 8)
    assert pending(own) == set(), "and the map is as it was"


def test_nor_do_rules_change_under_a_job_of_a_cluster(own):
    path = "workflow/rules/datasets.smk"
    through_a_cluster(own, own.edited(path, own.text(path).replace("seed=SEED", "seed=SEED + 1")))
    said = "results/quick: the rules are not those with which this run began; the same command goes by those of now"
    assert said in (own.root / "said").read_text().splitlines()
    assert not (own.root / "results/quick" / MAP).exists()


# --- Rows of families ------------------------------------------------------------------------------------------------


SHAPES, DISORDER, SYSTEMS, ENCODINGS, FIGURES = (
    f"{folder}.py"
    for folder in (
        "matter/shapes",
        "matter/disorder",
        "matter/systems/__init__",
        "data/encodings/__init__",
        "figures/__init__",
    )
)


@contextmanager
def redirected(project, family, row):
    """Let a row of a family lead to another module of the same content for a while."""
    path, stem = f"workflow/toponn/{family}", row.partition(":")[0].rpartition(".")[2]
    folder = (project.root / path).parent
    other = folder / f"other_{stem}.py"
    own_class = stem == "lattices"  # which would not equal the cell of the system
    other.write_text(
        "from toponn.matter.lattices import KAGOME\n" if own_class else (folder / f"{stem}.py").read_text()
    )
    try:
        assert project.text(path).count(f'{row}"') == 1
        with project.edited(
            path, project.text(path).replace(f'{row}"', f'{row.replace(f"{stem}:", f"other_{stem}:")}"')
        ):
            yield
    finally:
        other.unlink()


@pytest.mark.parametrize(
    ("rows", "again"),
    [
        ({"shapes:l_shape": SHAPES, "estimates:bott_index": "invariants/__init__.py"}, set()),
        (
            {"shapes:disk": SHAPES, "figures.phase_map:phase_map_figure": FIGURES},
            {"datasets/haldane_disk.h5", "maps/kagome.h5"} | FIGURE,
        ),
        (
            {"shapes:segment": SHAPES, "systems.haldane:Haldane": SYSTEMS},
            {"datasets/ssh_24_clean.h5", "datasets/haldane_disk.h5", MAP} | FIGURE,
        ),
        ({"disorder:bond_box": DISORDER, "lattices:KAGOME": "matter/lattices.py"}, {MAP, "maps/kagome.h5"} | FIGURE),
        ({"disorder:onsite_box": DISORDER}, {"datasets/qwz_8.h5"} | HALDANE | RUN),
        ({"encodings.loops:loops": ENCODINGS}, RUN),
        ({"models.loop_ridge:LoopRidge": "models/__init__.py", "systems.haldane:Haldane": SYSTEMS}, RUN | HALDANE),
    ],
)
def test_rows_that_lead_to_another_module_rerun_the_jobs_that_use_the_member_and_no_other(few, rows, again):
    with ExitStack() as edits:
        for row, family in rows.items():
            edits.enter_context(redirected(few, family, row))
        assert pending(few) == again


# --- What is no code -------------------------------------------------------------------------------------------------


def test_what_a_job_logs_and_what_made_a_file_is_no_code_of_a_job(few):
    with edited(few, "workflow/toponn/tools/joblog.py"), edited(few, "workflow/toponn/tools/provenance.py"):
        assert pending(few) == set()


# --- Clocks, links, and reports that are cut -------------------------------------------------------------------------


@pytest.mark.parametrize("linked", [False, True], ids=["", "linked folders"])
def test_a_file_of_the_future_is_made_again_when_what_it_was_made_from_has_changed(own, linked):
    results = own.root / "results/quick"
    for name in ("figures", "maps") if linked else ():
        (results / name).rename(own.root / name)
        (results / name).symlink_to(own.root / name, target_is_directory=True)
    ahead = time.time() + 3600  # as of a node whose clock is an hour ahead
    for name in FIGURE:
        os.utime(results / name, (ahead, ahead))
    maps = "workflow/toponn/labels/phase_maps.py"  # no code of figures
    with own.edited(maps, own.text(maps).replace(".integer.filled(0)", ".integer.filled(0) + 1")):
        run = own.snakemake("--cores", "1", "--configfile", QUICK, "--", f"results/quick/{MAP}")
        assert run.returncode == 0, run.stderr
        assert pending(own) == FIGURE


PYTHON = """#!/bin/sh
# Stands for .venv/bin/python, and makes a report as snakemake does.
while [ $# -gt 0 ]; do [ "$1" = --report ] && printf '<html>\\n</html>\\n' > "$2"; shift; done
"""


def test_a_report_that_was_cut_is_not_taken_for_finished(own):
    python, report = own.root / ".venv/bin/python", own.root / "results/quick/report.html"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    (own.root / ".venv/installed").touch()
    (own.root / "results/quick/tables").mkdir()
    make = ("make", "report", f"CONFIG={QUICK}")
    assert "The report is" in own.command(*make).stdout
    assert own.command(*make).stdout == ""
    report.write_text("<html>\n")  # of a `snakemake --report` that was killed
    assert "The report is" in own.command(*make).stdout
    assert report.read_text() == "<html>\n</html>\n"
