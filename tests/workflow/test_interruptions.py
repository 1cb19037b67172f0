"""A study that is killed, damaged, short of disk or started twice ends with the tables of one that was left alone."""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from conftest import SMALL, Project, copied

pytestmark = pytest.mark.slow

STUDY = ("--cores", "all", "--configfile", SMALL)
JOBS = {
    "dataset": "KILL 1, TERM 0.6s, KILL end, INT 0.9s",
    "phase_map": "KILL 1",
    "convergence": "TERM start",
    "ceiling": "KILL 0.5s",
    "search": "KILL 1",
    "train": "KILL 2, KILL 4, TERM 1, KILL end, KILL start, INT 1.2s, KILL 0.9s",
    "expressivity": "KILL end",
    "diagnose": "KILL 1, KILL 2, TERM start, KILL 3, INT start, KILL start, KILL end, TERM 1.2s, KILL 0.3s",
    "site_tensors": "KILL 2",
    "proxies": "KILL 2",
    "evaluate": "KILL 1, KILL 2, TERM end, KILL start, KILL 0.8s, INT 0.4s",
    "evaluate_left_out": "KILL 2",
    "interface": "TERM 2",
    "beyond_dense": "KILL 1.0s",
    "join_tables": "KILL 1, KILL end, TERM start",
    "references_table": "KILL 1",
    "generalization_table": "KILL 3",
    "left_out_table": "KILL 2",
    "trainability_table": "KILL end",
    "claims_table": "KILL 2",
    "answers": "KILL 1",
    "figure": "KILL 1, TERM 2, KILL 2, INT start, KILL end, TERM start, KILL start, KILL 1, KILL 2, TERM 1, KILL 0.7s",
}
"""By script the signals that kill its jobs, and when: before the nth file is in its place, in seconds, at the end."""
RUNS = """dataset run KILL 1, dataset group INT start, dataset run TERM end, search group KILL 1, train run KILL 3,
train group TERM 0.5s, diagnose run INT 1, evaluate run KILL 2, diagnose group KILL end, figure run KILL start,
join_tables run KILL 1, figure group KILL 2"""
"""The job in which the run is killed, snakemake alone or all its processes, and when."""


def started(project: Project, *arguments: str) -> subprocess.Popen:
    """Return a call of snakemake that goes on by itself, in a process group of its own."""
    command = [sys.executable, "-m", "snakemake", *STUDY, *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=project.root, env=project.environment(), start_new_session=True, **quiet)


def ready(project: Project, script: str, fate: str, number: int) -> None:
    """Lay a fate ready for the jobs of a script."""
    part = project.watch / "fate"
    part.write_text(fate)
    part.rename(project.watch / "fates" / f"{script}-{number:03}")


def ended(project: Project) -> int:
    """Return how a call of snakemake ends, after which fates that found their job dead already wait for another."""
    code = started(project).wait(900)
    for path in (project.watch / "taken").iterdir():
        path.rename(project.watch / "fates" / path.name)
    return code


def wait_until(condition, seconds: float = 60.0) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def interrupted(finished_project, tmp_path_factory) -> Project:
    """Return the small study as all cores make it when one call after another is killed, and its jobs are.

    It asks for the finished study so that all its tests run in the process that has that, and it is made once.
    """
    project, numbers = copied(tmp_path_factory.mktemp("interrupted")), count(100)
    for script, fates in JOBS.items():
        for fate in fates.split(", "):
            ready(project, script, f"job {fate}", next(numbers))
    for number, fate in enumerate(RUNS.replace("\n", " ").split(", ")):  # which jobs take before their own fates
        ready(project, *fate.split(" ", 1), number)
    for _ in range(40):
        if ended(project) == 0:
            for path in (project.watch / "fates").iterdir():  # of a stage that ended before it had as many jobs
                path.unlink()
            return project
    raise AssertionError("the same command does not finish")


def met(project: Project) -> list[tuple[str, ...]]:
    """Return the fates that came true: script, victim, signal and moment."""
    return [(path.name.split("-")[0], *path.read_text().split()) for path in (project.watch / "met").iterdir()]


def test_fifty_kills_in_all_stages_leave_the_tables_of_a_run_that_was_left_alone(finished_project, interrupted):
    kills = met(interrupted)
    assert len(kills) >= 50, sorted(path.name for path in (interrupted.watch / "met").iterdir())
    assert {script for script, *_ in kills} == {path.stem for path in (interrupted.root / "scripts").glob("*.py")}
    assert Counter(victim for _, victim, *_ in kills).keys() == {"job", "run", "group"}
    assert sum(victim != "job" for _, victim, *_ in kills) >= 10
    expected = finished_project.tables("small")
    assert len(expected) > 10
    assert interrupted.tables("small") == expected


def test_figures_drawn_between_kills_have_the_same_bytes(finished_project, interrupted):
    ours, theirs = (
        {path.name: path.read_bytes() for path in (project.root / "results/small/figures").iterdir()}
        for project in (interrupted, finished_project)
    )
    assert len(ours) > 40 and ours.keys() == theirs.keys()
    with_times = {"beyond_dense.pdf", "beyond_dense.png"}
    assert [name for name in sorted(ours) if ours[name] != theirs[name] and name not in with_times] == []


def test_no_job_that_was_done_is_done_again_after_a_kill(interrupted):
    done = Counter(job.outputs for job in interrupted.jobs())
    again = sum(times - 1 for times in done.values())
    # What was running when its snakemake was killed may have ended without anyone taking note of it.
    kills = sum(victim != "job" for _, victim, *_ in met(interrupted))
    assert again <= kills * os.cpu_count(), [sorted(files)[0] for files, times in done.items() if times > 1]


def test_nothing_half_written_is_left(interrupted):
    for pattern in ("*.part", "checkpoints/**/*.h5", "*.damaged"):
        assert not list((interrupted.root / "results").rglob(pattern))


def test_a_second_run_is_refused_at_once_and_a_killed_one_leaves_nothing_to_unlock(interrupted):
    project, figure = interrupted, interrupted.root / "results/small/figures/ceiling_qwz.pdf"
    figure.unlink()
    ready(project, "figure", "job HOLD start", 0)
    first = started(project)
    try:
        wait_until(lambda: ("figure", "job", "HOLD", "start") in met(project))
        second = project.snakemake(*STUDY)
        assert second.returncode == 1
        assert f"results/small: another run works on this study, process {first.pid} on " in second.stderr
        assert "Traceback" not in second.stderr and not figure.exists()
    finally:
        first.kill()
        first.wait()
    again = project.snakemake(*STUDY)
    assert again.returncode == 0 and figure.exists(), again.stderr[-20000:]


def test_damaged_and_lost_files_are_made_anew_and_never_used(finished_project, own_finished_project):
    project, results = own_finished_project, own_finished_project.root / "results/small"
    flipped = results / "datasets/extended_ssh_24.h5"
    cut = results / "runs/ssh_24/ring_wavefunction/0/weights.h5"
    reworded = results / "runs/qwz_8/cnn/0/settings.json"
    table = results / "trainability/chern/kernel/ring_coordinate.csv"
    lost = results / "generalization/chern/cnn/qwz_6.csv"
    tables = ("runs", "generalization", "diagnostics")
    call = (*STUDY, "--", *(f"results/small/tables/{name}.csv" for name in tables))
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    os.truncate(cut, cut.stat().st_size // 2)
    reworded.write_text(reworded.read_text().replace('"cnn"', '"mlp"', 1))
    table.write_text(table.read_text().replace("0.", "1.", 1))
    lost.unlink()
    said = ""
    for _ in range(4):  # a job stops at the first file that is damaged, and what follows from it waits
        run = project.snakemake(*call)
        said += run.stderr
        if run.returncode == 0:
            break
    assert run.returncode == 0, said[-20000:]
    assert "Traceback" not in said
    for path in (flipped, cut, reworded, table):
        name = f"{path.relative_to(project.root)}"
        assert f"{name}: the content does not match its checksum; it is kept as {path.name}.damaged" in said, said
        assert path.with_name(f"{path.name}.damaged").exists()
    assert project.tables("small") == finished_project.tables("small")


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a file system of two megabytes for a while."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_jobs_in_a_sentence_and_the_next_call_goes_on(finished_project, own_project):
    results, study = own_project.root / "results", finished_project.root / "results/small/datasets"
    wanted = [f"results/small/datasets/{name}.h5" for name in ("ssh_24", "qwz_8", "qwz_8_clean", "lattice_square")]
    with small_disk(results):
        run = own_project.snakemake(*STUDY, "--", *wanted)
        assert run.returncode == 1
        assert "no space is left on the disk; make some, and the same command goes on from here" in run.stderr
        assert "Traceback" not in run.stderr
        assert any((own_project.root / path).exists() for path in wanted)
        subprocess.run(["mount", "-o", "remount,size=100m", str(results)], check=True)
        again = own_project.snakemake(*STUDY, "--", *wanted)
        assert again.returncode == 0, again.stderr[-20000:]
        for path in wanted:
            assert (own_project.root / path).read_bytes() == (study / Path(path).name).read_bytes(), path
