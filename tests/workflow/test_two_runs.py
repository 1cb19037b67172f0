"""One run at a time works in a results folder; what ended badly before it, or lies damaged there, does not stop it."""

import fcntl
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import SMALL, Project

pytestmark = pytest.mark.slow

MAP, FIGURE = "results/small/maps/extended_ssh.h5", "results/small/figures/phase_map_extended_ssh.pdf"
CALL = ("--cores", "1", "--configfile", SMALL)


def files(project: Project) -> dict[Path, tuple[int, bytes]]:
    found = [path for path in (project.root / "results").rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


@pytest.mark.parametrize("call", ["--touch", "--delete-all-output", f"--cleanup-metadata {MAP}"])
def test_while_a_run_holds_the_folder_what_could_change_a_file_is_refused(finished_project, call):
    made = finished_project
    before = files(made)
    with (made.root / "results/small/.running").open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = made.snakemake(*CALL, *call.split(), *([] if MAP in call else ["--", FIGURE]))
    assert run.returncode == 1
    assert "results/small: another run works on this study, process " in run.stderr.splitlines()[-1]
    assert files(made) == before


@pytest.mark.parametrize("call", ["--summary", "--delete-all-output -n"])
def test_while_a_run_holds_the_folder_one_may_look(finished_project, call):
    made = finished_project
    before = files(made)
    with (made.root / "results/small/.running").open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = made.snakemake(*CALL, *call.split(), "--", FIGURE)
    assert run.returncode == 0, run.stderr
    assert files(made) == before


def test_a_lock_of_snakemakes_own_that_a_kill_left_behind_does_not_stop_the_next_call(own_finished_project):
    own = own_finished_project
    for path in (MAP, FIGURE, "results/small/logs/phase_map/extended_ssh.log"):
        (own.root / path).unlink()
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "none", *CALL, "--", FIGURE]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=own.root, env=own.environment(), **quiet) as run:
        while not (own.root / "results/small/logs/phase_map/extended_ssh.log").exists():
            assert run.poll() is None
            time.sleep(0.02)
        run.send_signal(signal.SIGKILL)
    without = own.snakemake("--workflow-profile", "none", *CALL, "--", FIGURE)
    assert without.returncode == 1 and "It can be removed with the --unlock argument." in without.stderr
    run = own.snakemake(*CALL, "--", FIGURE)
    assert run.returncode == 0 and (own.root / FIGURE).exists(), run.stderr


@pytest.mark.parametrize("kind", ["a file", "a dangling link"])
def test_what_is_no_results_folder_ends_in_one_sentence(own_project, kind):
    own = own_project
    folder = own.root / "results/small"
    folder.parent.mkdir()
    folder.touch() if kind == "a file" else folder.symlink_to("nowhere")
    run = own.snakemake(*CALL, "--", FIGURE)
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1].startswith("results/small: found none that can be worked in (")
