"""One run at a time works in a results folder; what ended badly before it, or lies damaged there, does not stop it."""

import fcntl
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import QUICK, Project, copied

pytestmark = pytest.mark.slow

MAP, FIGURE = "results/quick/maps/ssh.h5", "results/quick/figures/phase_map_ssh.pdf"
CALL = ("--cores", "1", "--configfile", QUICK)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Project:
    """Return a copy in which one map was made, and its figure; tests leave it so."""
    project = copied(tmp_path_factory.mktemp("made"))
    run = project.snakemake(*CALL, "--", FIGURE)
    assert run.returncode == 0, run.stderr
    return project


@pytest.fixture
def own(made, tmp_path) -> Project:
    """Return a copy of it, for one test to do with as it likes."""
    shutil.copytree(made.root, tmp_path / "a project")
    return Project(tmp_path / "a project", made.watch)


def files(project: Project) -> dict[Path, tuple[int, bytes]]:
    found = [path for path in (project.root / "results").rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


@pytest.mark.parametrize("call", ["--forceall --touch", "--delete-all-output", f"--cleanup-metadata {MAP}"])
def test_while_a_run_holds_the_folder_what_could_change_a_file_is_refused(made, call):
    before = files(made)
    with (made.root / "results/quick/.running").open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = made.snakemake(*CALL, *call.split(), *([] if MAP in call else ["--", FIGURE]))
    assert run.returncode == 1
    assert "results/quick: another run works on this study, process " in run.stderr.splitlines()[-1]
    assert files(made) == before


@pytest.mark.parametrize("call", ["--dry-run --forceall", "--delete-all-output -n"])
def test_while_a_run_holds_the_folder_one_may_look(made, call):
    before = files(made)
    with (made.root / "results/quick/.running").open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = made.snakemake(*CALL, *call.split(), "--", FIGURE)
    assert run.returncode == 0, run.stderr
    assert files(made) == before


def test_a_lock_of_snakemakes_own_that_a_kill_left_behind_does_not_stop_the_next_call(own):
    for path in (MAP, FIGURE, "results/quick/logs/phase_map/ssh.log"):
        (own.root / path).unlink()
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "none", *CALL, "--", FIGURE]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=own.root, env=own.environment(), **quiet) as run:
        while not (own.root / "results/quick/logs/phase_map/ssh.log").exists():
            assert run.poll() is None
            time.sleep(0.02)
        run.send_signal(signal.SIGKILL)
    without = own.snakemake("--workflow-profile", "none", *CALL, "--", FIGURE)
    assert without.returncode == 1 and "It can be removed with the --unlock argument." in without.stderr
    run = own.snakemake(*CALL, "--", FIGURE)
    assert run.returncode == 0 and (own.root / FIGURE).exists(), run.stderr


@pytest.mark.parametrize("kind", ["a file", "a dangling link"])
def test_what_is_no_results_folder_ends_in_one_sentence(own, kind):
    folder = own.root / "results/quick"
    shutil.rmtree(folder)
    folder.touch() if kind == "a file" else folder.symlink_to("nowhere")
    run = own.snakemake(*CALL, "--", FIGURE)
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1].startswith("results/quick: found none that can be worked in (")
