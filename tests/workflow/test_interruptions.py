"""A study that is killed, damaged, short of disk or started twice ends with the tables of one that was left alone."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from conftest import QUICK, Project, copied

pytestmark = pytest.mark.slow

STAGES = ("datasets", "labels", "training", "trainability", "generalization", "figures", "all")
WHOLE_RUNS, SINGLE_JOBS = 4, 7
"""Kills of whole runs and of single jobs in each stage, at least; a stage may be over before."""
KILLS = 52
REDRAWN = ("figure_transfer", "figure_learning_curves", "figure_phase_map", "figure_convergence")
"""What is made once more while kills are missing: nothing is made from these figures."""
LABELS = ("maps", "convergence", "ceiling")
"""The sections of workflow/studies/labels.yaml."""


def small(study: dict) -> dict:
    """Return the quick study cut down to one task, few models, samples and epochs; every stage is in it."""
    chern = study["tasks"]["chern"]
    chern |= {"models": ["ring_coordinate", "ring_coordinate_closed_form", "mlp", "loop_ridge"], "test_seeds": {}}
    chern["tests"] |= {"sizes": ["qwz_6", "qwz_12"]}
    chern["left_out"] |= {"datasets": ["lattice_square", "lattice_honeycomb"], "models": ["ring_coordinate"]}
    chern["diagnosed"] = {"models": ["ring_coordinate"], "seeds": {}}
    for recipe in study["datasets"].values():
        recipe["samples"] = {split: min(count, 60) for split, count in recipe["samples"].items()}
    for settings in study["models"].values():
        settings.get("training", {})["epochs"] = 10
    for name, option in (("learning_rates", "factors"), ("scales", "factors"), ("basin", "noise")):
        study["trainability"][name][option] = study["trainability"][name][option][:2]
    study["trainability"]["sample_sizes"]["samples"] = [30, 60]
    one = {name: {"qwz": study[name]["qwz"]} for name in (*LABELS, "interfaces")}
    return study | one | {"study": "small", "tasks": {"chern": chern}, "block": 3}


def small_project(folder: Path) -> Project:
    """Return a copy of the project whose config, and whose studies of the labels, are the small study."""
    project = copied(folder)
    study = small(project.study(QUICK))
    labels = {name: study.pop(name) for name in LABELS}
    for path, part in (("workflow/studies/labels.yaml", labels), ("config.yaml", study)):
        (project.root / path).write_text(yaml.safe_dump(part, sort_keys=False), encoding="utf-8")
    return project


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Project:
    """Return the small study as one core makes it."""
    project = small_project(tmp_path_factory.mktemp("undisturbed"))
    run = project.snakemake("--cores", "1")
    assert run.returncode == 0, (run.stdout + run.stderr)[-20000:]
    return project


@pytest.fixture(scope="session")
def interrupted(tmp_path_factory) -> tuple[Project, Counter]:
    """Return the small study as all cores make it between kills, and how many kills of each kind there were."""
    project = small_project(tmp_path_factory.mktemp("interrupted"))
    kills, draw = Counter(), random.Random(20261125)
    for stage in STAGES:
        for _ in range(WHOLE_RUNS):
            kills["run"] += killed_run(project, draw, stage)
        kills["job"] += with_killed_jobs(project, stage, draw)
    while kills.total() < KILLS:  # where stages were over sooner
        kills["run"] += killed_run(project, draw, "--forcerun", *REDRAWN)
    run = project.snakemake("--cores", "all")
    assert run.returncode == 0, (run.stdout + run.stderr)[-20000:]
    return project, kills


def started(project: Project, *arguments: str) -> subprocess.Popen:
    """Return a call of snakemake that goes on by itself, in a process group of its own."""
    command = [sys.executable, "-m", "snakemake", "--cores", "all", *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=project.root, env=project.environment(), start_new_session=True, **quiet)


def processes(wanted: Callable[[Path], bool]) -> list[int]:
    """Return the numbers of the processes that are wanted, each by its folder under /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            if wanted(folder):
                found.append(int(folder.name))
    return found


def jobs_of(project: Project) -> list[int]:
    """Return the process numbers of the scripts that are running in a project."""
    scripts = f"{project.root}/.snakemake/scripts/".encode()
    return processes(lambda p: any(word.startswith(scripts) for word in (p / "cmdline").read_bytes().split(b"\0")))


def processes_in(project: Project) -> list[int]:
    """Return the process numbers of all that works in a project's folder."""
    return processes(lambda p: (p / "cwd").readlink() == project.root)


def until_a_job_runs(project: Project, run: subprocess.Popen) -> bool:
    """Wait for the first job; return whether there is one, for a run may have nothing to do."""
    while run.poll() is None:
        if jobs_of(project):
            return True
        time.sleep(0.05)
    return False


def killed_run(project: Project, draw: random.Random, *arguments: str) -> int:
    """Kill a run at a random moment of its work, by turns snakemake alone and all its processes at once."""
    run = started(project, *arguments)
    if until_a_job_runs(project, run):
        time.sleep(draw.uniform(0, 3))
    if run.poll() is not None:
        return 0
    if draw.random() < 0.5:
        run.kill()
    else:
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 30  # a job that is just starting ends once it has loaded its modules
    while jobs_of(project):
        assert time.monotonic() < deadline, "jobs go on after their snakemake was killed"
        time.sleep(0.05)
    return 1


def with_killed_jobs(project: Project, stage: str, draw: random.Random) -> int:
    """Let a run come to its end, but for some of its jobs, which are killed at random moments."""
    run, killed, seen = started(project, stage), 0, set()
    while run.poll() is None:
        for job in set(jobs_of(project)) - seen:
            seen.add(job)
            if killed < SINGLE_JOBS and draw.random() < 0.7:
                time.sleep(draw.uniform(0, 1))
                try:
                    os.kill(job, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                killed += 1
        time.sleep(0.05)
    return killed


def test_fifty_kills_leave_the_tables_of_a_run_on_one_core_that_was_left_alone(undisturbed, interrupted):
    project, kills = interrupted
    assert kills.total() >= 50, kills
    assert min(kills.values()) >= 10, kills
    expected = undisturbed.tables("small")
    assert len(expected) > 10
    assert project.tables("small") == expected


def test_no_job_that_was_done_is_done_again_after_a_kill(interrupted):
    project, kills = interrupted
    done = Counter(job.outputs for job in project.jobs() if job.rule not in REDRAWN)
    again = sum(count - 1 for count in done.values())
    # What was running when its snakemake was killed may have ended without anyone taking note of it.
    assert again <= kills["run"] * os.cpu_count(), [sorted(files)[0] for files, count in done.items() if count > 1]


def test_nothing_half_written_is_left(interrupted):
    project, _ = interrupted
    assert not list((project.root / "results").rglob("*.part"))
    assert not list((project.root / "results").rglob("checkpoints/**/*.h5"))
    assert not list((project.root / "results").rglob("*.damaged"))


def test_damaged_and_lost_files_are_made_again_and_nothing_that_was_made_from_them(undisturbed, interrupted):
    project, _ = interrupted
    results = project.root / "results/small"
    flipped, cut, reworded, lost, table = (
        results / "datasets/qwz_8.h5",
        results / "runs/qwz_8/mlp/0/weights.h5",
        results / "runs/qwz_8/ring_coordinate/1/settings.json",
        results / "trainability/chern/kernel/ring_coordinate.csv",
        results / "generalization/chern/mlp/qwz_12.csv",
    )
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    os.truncate(cut, cut.stat().st_size // 2)
    reworded.write_text(reworded.read_text().replace('"ring"', '"rung"', 1))
    lost.unlink()
    table.write_text(table.read_text().replace("0.", "1.", 1))
    before = Counter((job.rule, job.outputs) for job in project.jobs())
    run = project.snakemake("--cores", "all")
    assert run.returncode == 0, run.stderr[-20000:]
    again = Counter((job.rule, job.outputs) for job in project.jobs()) - before
    for path in (flipped, cut, reworded, table):
        told = f"{path.relative_to(project.root)}: the content does not match its checksum; kept as {path.name}.damaged"
        assert told in run.stderr
        path.with_name(f"{path.name}.damaged").unlink()
    assert project.tables("small") == undisturbed.tables("small")
    # And tables and figures, since a run tells how long it took.
    heavy = [(rule, files) for rule, files in again.elements() if not re.match("figure_|answers|.*_table", rule)]
    assert Counter(rule for rule, _ in heavy) == {"dataset": 1, "train": 2, "evaluate": 1, "diagnose": 1}
    made = {project.root / file for _, files in heavy for file in files}
    assert {flipped, cut, reworded, lost, table} <= made


def test_a_job_that_fails_does_not_keep_the_rest_from_being_made(own_project):
    wanted, other = "results/quick/datasets/ssh_6.h5", "results/quick/datasets/ssh_24.h5"
    study = ("--cores", "all", "--configfile", QUICK)
    assert own_project.snakemake(wanted, *study).returncode == 0
    (own_project.root / wanted).unlink()  # and from now on it cannot be made
    script = "scripts/dataset.py"
    with own_project.edited(script, f"assert snakemake.wildcards.dataset != 'ssh_6'\n{own_project.text(script)}"):
        run = own_project.snakemake(other, *study)
    assert f"Making again first: {wanted}" in run.stderr
    assert run.returncode == 0 and (own_project.root / other).exists(), run.stderr[-20000:]


def test_a_kill_while_lost_files_are_made_again_ends_all_that_the_run_had_started(own_project):
    dataset = "results/quick/datasets/ssh_6.h5"
    study = (dataset, "--configfile", QUICK)
    assert own_project.snakemake("--cores", "all", *study).returncode == 0
    (own_project.root / dataset).unlink()
    run = started(own_project, *study)
    assert until_a_job_runs(own_project, run)
    assert len(processes_in(own_project)) >= 3, "the run, the one that repairs, and its job"
    run.kill()
    run.wait()
    deadline = time.monotonic() + 30
    while processes_in(own_project):
        assert time.monotonic() < deadline, "something goes on after its snakemake was killed"
        time.sleep(0.05)
    assert not (own_project.root / dataset).exists(), "what goes on makes it"
    assert own_project.snakemake("--cores", "all", *study).returncode == 0
    assert (own_project.root / dataset).exists()


def test_a_full_disk_ends_jobs_in_a_sentence_and_the_next_call_goes_on(undisturbed, tmp_path):
    project = small_project(tmp_path)
    (project.root / "results").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(project.root / "results")]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        run = project.snakemake("datasets", "--cores", "all")
        assert run.returncode == 1
        assert "no space is left on the disk; make some, and the same command goes on from here" in run.stderr
        assert "Traceback" not in run.stderr
        made = {path.name for path in (project.root / "results").rglob("*.h5")}
        subprocess.run(["mount", "-o", "remount,size=500m", str(project.root / "results")], check=True)
        again = project.snakemake("datasets", "--cores", "all")
        assert again.returncode == 0, again.stderr[-20000:]
        ours, theirs = (p.root / "results/small/datasets" for p in (project, undisturbed))
        assert made < {path.name for path in ours.glob("*.h5")}
        for path in ours.glob("*.h5"):
            assert path.read_bytes() == (theirs / path.name).read_bytes(), path.name
    finally:
        subprocess.run(["umount", str(project.root / "results")], check=True)


def test_a_second_run_in_the_same_folder_says_so_and_stops(interrupted):
    project, _ = interrupted
    drawn = sorted((project.root / "results/small/figures").glob("*.pdf"))[:16]
    for path in drawn:  # work for longer than the second call takes to begin
        path.unlink()
    first = started(project)
    assert until_a_job_runs(project, first)
    second = project.snakemake("--cores", "1")
    ended = first.wait()
    sentence = second.stderr.splitlines()[-1]
    assert second.returncode == 1
    assert f"results/small: another run works on this study, process {first.pid} on " in sentence
    assert ended == 0 and len(drawn) == 16 and all(path.exists() for path in drawn)
