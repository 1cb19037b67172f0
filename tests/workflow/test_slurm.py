"""The profiles of clusters on real jobs: a Slurm of one node, and a scheduler of three lines of shell."""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import QUICK, SMALL

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "slurm"
DATASET, OTHER = (f"results/small/datasets/{name}.h5" for name in ("extended_ssh_24", "ssh_24"))
HURRY = ["--seconds-between-status-checks", "2", "--configfile", SMALL]  # of jobs that are short
SLURM = ["--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2", *HURRY]
GENERIC = ["--workflow-profile", "profiles/generic", *HURRY]


@dataclass(frozen=True)
class Cluster:
    """A running Slurm, and commands that see it."""

    process: int

    def inside(self, folder: Path, *command: str) -> list[str]:
        """Return a command as one that runs where /etc/slurm is that of this cluster."""
        # Not its own --wd: that folder would be one of the mounts outside, and renames across them fail.
        go = ["sh", "-c", 'cd "$0" && exec "$@"', str(folder)]
        return ["nsenter", f"--target={self.process}", "--mount", *go, *command]

    def output(self, *command: str) -> str:
        """Return what a command of Slurm prints."""
        return subprocess.run(self.inside(Path("/"), *command), capture_output=True, text=True, check=True).stdout

    def snakemake(self, project, *arguments: str) -> subprocess.CompletedProcess:
        """Return a finished call of snakemake."""
        return project.command(*self.inside(project.root, sys.executable, "-m", "snakemake", *arguments))

    def jobs(self, states: str = "all") -> dict[int, int]:
        """Return the memory in MB that each job of the cluster asked for, those that have ended among them."""
        rows = self.output("squeue", f"--states={states}", "--noheader", "--format=%i %m").split()
        sizes = [float(size[:-1]) * {"M": 1, "G": 1024}[size[-1]] for size in rows[1::2]]
        return dict(zip(map(int, rows[::2]), map(round, sizes), strict=True))

    def cancel_next(self) -> int:
        """Cancel the next job that is submitted once it runs, and return its number."""
        known, limit = self.jobs().keys(), time.monotonic() + 60
        while time.monotonic() < limit:
            if new := self.jobs("running").keys() - known:
                self.output("scancel", str(min(new)))
                return min(new)
            time.sleep(0.2)
        raise TimeoutError("no job ran within a minute")


def _install() -> None:
    """Install Slurm where it is missing, or skip with the reason why it cannot be had."""
    if os.geteuid() != 0:
        pytest.skip("a test cluster takes root")
    with (Path(tempfile.gettempdir()) / "toponn-install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another pytest may be at it
        if all(map(shutil.which, ("slurmctld", "slurmd", "sbatch", "munged"))):
            return
        if not shutil.which("apt-get"):
            pytest.skip("Slurm is not installed, and there is no apt-get")
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = "apt-get install -y --no-install-recommends slurm-wlm munge"
        command = ["sh", "-c", f"{install} || (apt-get update && {install})"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            pytest.skip(f"Slurm cannot be installed: {run.stderr.strip()[-200:]}")


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """Start a Slurm of one node. Its /etc/slurm is seen by its own processes alone."""
    _install()
    folder = Path(tempfile.mkdtemp(prefix="slurm"))  # munge takes no folder like pytest's, which root alone may enter
    folder.chmod(0o755)
    (folder / "etc").mkdir()
    mount = f"mount --make-rprivate / && mount --bind '{folder}/etc' /etc/slurm"
    if subprocess.run(["unshare", "--mount", "sh", "-c", mount], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine refuses private mounts")
    start = f"{mount} && bash '{HERE}/up.sh' '{folder}' && echo up && exec sleep infinity"
    command = ["unshare", "--mount", "bash", "-c", start]
    with socket.socket() as one, socket.socket() as other:  # two free ports, beside a cluster that may be there
        for free in (one, other):
            free.bind(("127.0.0.1", 0))
        ports = {"SLURMCTLD_PORT": str(one.getsockname()[1]), "SLURMD_PORT": str(other.getsockname()[1])}
    shell = subprocess.Popen(command, env=os.environ | ports, stdout=subprocess.PIPE, text=True)
    try:
        if shell.stdout.readline() != "up\n":
            pytest.fail("Slurm did not start")
        yield Cluster(shell.pid)
    finally:
        subprocess.run(["bash", f"{HERE}/down.sh", folder], check=False)
        shell.send_signal(signal.SIGTERM)
        shell.wait()
        shell.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)


FEW = """
only: [chern, ring_coordinate, cnn, kernel, pruning]
tasks: {chern: {proxies: [], sizes: null}}
maps: null
ceiling: null
interfaces: null
beyond_dense: null
"""
"""A part of the small study, with a job of nearly every group of rules that clusters run."""


def test_a_part_of_the_small_study_gives_the_same_rows_through_slurm(finished_project, own_project, slurm):
    (own_project.root / "few.yaml").write_text(FEW, encoding="utf-8")
    tables = ("runs", "search", "generalization", "generalization_summary", "left_out_summary", "diagnostics")
    call = (*SLURM, "few.yaml", "--", *(f"results/small/tables/{table}.csv" for table in tables))
    run = slurm.snakemake(own_project, *call)
    assert run.returncode == 0, (run.stdout + run.stderr)[-20000:]
    assert 0 < len(re.findall("has been submitted with SLURM jobid", run.stderr)) < 20, "small jobs travel together"
    for table in tables:
        few, whole = (each.rows("small", table) for each in (own_project, finished_project))
        assert few and not [row for row in few if row not in whole], table
    assert "Nothing to be done" in slurm.snakemake(own_project, *call).stderr


@pytest.mark.whole
def test_the_quick_study_gives_the_same_tables_through_slurm(quick_project, own_project, slurm):
    run = slurm.snakemake(own_project, *SLURM[:-1], QUICK)
    assert run.returncode == 0, (run.stdout + run.stderr)[-20000:]
    # Small jobs travelled together: of the whole study 238 are not local, of which 33 are trainings and searches.
    assert 0 < len(re.findall("has been submitted with SLURM jobid", run.stderr)) < 60
    one, other = (set((each.root / "results/quick/tables").glob("*")) for each in (own_project, quick_project))
    assert {path.name for path in one} == {path.name for path in other}
    assert own_project.tables("quick") == quick_project.tables("quick")
    assert "Nothing to be done" in slurm.snakemake(own_project, *SLURM[:-1], QUICK).stderr


def finished(project, run: subprocess.CompletedProcess, *files: str) -> bool:
    """Return whether a run has come to its end and made these files, and print what it said if it has not."""
    print(run.stdout, run.stderr)
    return run.returncode == 0 and all((project.root / name).exists() for name in files or [DATASET])


def test_a_cancelled_job_is_tried_again_with_twice_the_memory(own_project, slurm):
    with ThreadPoolExecutor() as pool:
        cancelled = pool.submit(slurm.cancel_next)
        run = slurm.snakemake(own_project, *SLURM, "--", DATASET)
    assert finished(own_project, run)
    jobs = slurm.jobs()
    assert jobs[cancelled.result() + 1] == 2 * jobs[cancelled.result()]


def test_a_cancelled_job_that_is_not_tried_again_fails_the_run_and_the_next_call_finishes(own_project, slurm):
    with ThreadPoolExecutor() as pool:
        pool.submit(slurm.cancel_next)
        run = slurm.snakemake(own_project, *SLURM, "--retries", "0", "--", DATASET)
    assert run.returncode != 0 and not (own_project.root / DATASET).exists()
    # A group of jobs of which one asks for a graphics card asks for one.
    run = slurm.snakemake(own_project, *SLURM, "--set-resources", "dataset:gpu=1", "--", DATASET, OTHER)
    assert finished(own_project, run, DATASET, OTHER)
    assert re.search(r"TresPerJob=\S*gpu:1\b", slurm.output("scontrol", "show", "job", str(max(slurm.jobs()))))


def test_the_generic_profile_submits_to_slurm_as_it_stands(own_project, slurm):
    before = len(slurm.jobs())
    assert finished(own_project, slurm.snakemake(own_project, *GENERIC, "--", DATASET))
    assert len(slurm.jobs()) == before + 1


def test_the_generic_profile_runs_through_any_submit_command(own_project):
    # A scheduler: the number of a process is the name of its job, and a file tells how it ended.
    ended = 'mkdir -p ended; sh -c \'sh "$1"; echo $? > ended/$$\' job "$1" > /dev/null 2>&1 & echo $!\n'
    (own_project.root / "submit.sh").write_text(ended)
    status = 'case $(cat "ended/$1" 2> /dev/null) in "") echo running;; 0) echo success;; *) echo failed;; esac\n'
    (own_project.root / "status.sh").write_text(status)
    commands = ["--cluster-generic-submit-cmd", "sh submit.sh", "--cluster-generic-status-cmd", "sh status.sh"]
    assert finished(own_project, own_project.snakemake(*commands, *GENERIC, "--", DATASET))
    assert [path.read_text() for path in (own_project.root / "ended").iterdir()] == ["0\n"]


@pytest.mark.parametrize(
    ("command", "answer", "status"),
    [
        ("bjobs", "PEND", "running"),
        ("bjobs", "DONE", "success"),
        ("bjobs", "EXIT", "failed"),
        ("qstat", "    job_state = R", "running"),
        ("qstat", "    job_state = F\n    Exit_status = 0", "success"),
        ("qstat", "    job_state = F\n    Exit_status = 271", "failed"),
        ("bjobs", "Cannot connect to LSF. Please wait ...", "running"),
        ("bjobs", "Job <7> is not found", "failed"),
        ("qstat", "qstat: cannot connect to server", "running"),
        ("qstat", "qstat: Unknown Job Id 7", "failed"),
        ("scontrol", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)", "running"),
        ("scontrol", "slurm_load_jobs error: Invalid job id specified", "failed"),
        ("qacct", "", "running"),
        ("qacct", "failed       0\nexit_status  0", "success"),
        ("qacct", "failed       0\nexit_status  1", "failed"),
        ("qacct", "failed       100 : assumedly after job\nexit_status  137                  (Killed)", "failed"),
        ("scontrol", "JobId=7 JobName=toponn JobState=PENDING Reason=None", "running"),
        ("scontrol", "JobId=7 JobName=toponn JobState=COMPLETED Reason=None", "success"),
        ("scontrol", "JobId=7 JobName=toponn JobState=OUT_OF_MEMORY Reason=None", "failed"),
    ],
)
def test_the_status_of_a_job_is_read_from_whichever_scheduler_is_there(tmp_path, command, answer, status):
    for name in ("sh", "sed", "cat", "grep"):
        (tmp_path / name).symlink_to(shutil.which(name))
    for name, script in ((command, f"cat <<'END'\n{answer}\nEND\n"), ("qstat", "exit 1\n")):  # gone, to Gridengine
        if not (tmp_path / name).exists():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}")
            (tmp_path / name).chmod(0o755)
    script = HERE.parents[2] / "profiles/generic/status.sh"
    run = subprocess.run(
        [tmp_path / "sh", script, "7"], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert run.stdout == f"{status}\n"
