"""The real workflow on a copy of the project, in a folder whose name holds a space."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from toponn.study.read import read_study
from toponn.study.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
QUICK = "workflow/studies/quick.yaml"
SMALL = "small.yaml"
"""The overlay of the small study in a copy of the project: quick.yaml, and over it tests/workflow/small.yaml."""
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".snakemake", ".hypothesis", "results", "__pycache__", "*.egg-info"
)

TIMES = {
    "runs": {"seconds"},
    "beyond_dense": {"preparation", "seconds", "dense_seconds", "peak_mb"},
    "beyond_dense_exponents": {"value", "low", "high"},
}
"""The columns of tables that hold times, or follow from them."""


@dataclass(frozen=True)
class Job:
    """What a finished job made, the project files that it loaded, and those that its parameters name."""

    rule: str
    outputs: frozenset[str]
    loaded: frozenset[str]
    named: frozenset[str]


@dataclass(frozen=True)
class Project:
    """A copy of the project, and the commands of a user in it."""

    root: Path
    watch: Path

    def environment(self) -> dict[str, str]:
        """Return the environment of a user, without that of a make that runs the tests."""
        left_out = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
        environment = {key: value for key, value in os.environ.items() if key not in left_out}
        own = {"PYTHONPATH": str(self.watch), "XDG_CACHE_HOME": str(self.watch.parent / "cache")}
        return environment | own | {"MPLCONFIGDIR": str(self.watch.parents[1] / "matplotlib")}  # to list fonts once

    def command(self, *arguments: str | Path, timeout: float | None = None) -> subprocess.CompletedProcess:
        """Return the finished command, with its output as text; fail where it takes longer than `timeout` seconds."""
        given = {"cwd": self.root, "env": self.environment(), "timeout": timeout}
        return subprocess.run(arguments, **given, capture_output=True, text=True, check=False)

    def snakemake(self, *arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess:
        """Return a finished call of snakemake."""
        return self.command(sys.executable, "-m", "snakemake", *arguments, timeout=timeout)

    def counts(self, *arguments: str) -> dict[str, int]:
        """Return how many jobs of each rule a dry run plans."""
        return planned(self.snakemake(*arguments, "-n", "-q", "rules"))

    def pending(self, *arguments: str, cause: str | None = None, overlay: str = SMALL) -> set[str]:
        """Return which files of a study would be made again, all or those with this `cause`."""
        run = self.snakemake("--summary", "--configfile", overlay, *arguments)
        assert run.returncode == 0, run.stdout + run.stderr
        rows = [line.split("\t") for line in run.stdout.splitlines()[1:] if line.count("\t") == 5]
        assert rows, run.stdout
        return {
            row[0].removeprefix(f"results/{Path(overlay).stem}/")
            for row in rows
            if row[5] == "update pending" and cause in (None, row[4])
        }

    def jobs(self) -> list[Job]:
        """Return the jobs that have been run."""
        notes = [json.loads(path.read_text()) for path in self.watch.glob("*.json")]
        return [
            Job(
                note["rule"],
                frozenset(path.removeprefix("results/small/") for path in note["outputs"]),
                frozenset(Path(path).resolve().relative_to(self.root.resolve()).as_posix() for path in note["loaded"]),
                frozenset(text.split()[0] for text in note["named"] if re.fullmatch(r"\S+\.py \w+", str(text))),
            )
            for note in notes
        ]

    def tables(self, study: str) -> dict[str, object]:
        """Return the content of each table of a study, without the columns that hold times."""
        found = {}
        for path in sorted((self.root / "results" / study / "tables").glob("*.csv")):
            found[path.stem] = path.read_bytes()
            if path.stem in TIMES:
                rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
                found[path.stem] = [{k: text for k, text in row.items() if k not in TIMES[path.stem]} for row in rows]
        return found

    def rows(self, study: str, table: str) -> list[dict[str, str]]:
        """Return the rows of a table without the columns that hold times, and without empty entries."""
        path = self.root / "results" / study / "tables" / f"{table}.csv"
        rows, times = csv.DictReader(path.read_text(encoding="utf-8").splitlines()), TIMES.get(table, ())
        return [{key: text for key, text in row.items() if text and key not in times} for row in rows]

    @contextmanager
    def edited(self, path: str, text: str) -> Iterator[None]:
        """Give a file another text for a while; then it is as it was, its time included."""
        file = self.root / path
        before, status = file.read_bytes(), file.stat()
        file.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            file.write_bytes(before)
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    def text(self, path: str) -> str:
        """Return the text of a file."""
        return (self.root / path).read_text(encoding="utf-8")

    def study(self, overlay: str | None = None) -> dict:
        """Return a study as it is checked, defaults included: labels.yaml, config.yaml and an overlay merged deeply."""
        study: dict = {}
        for path in filter(None, ("workflow/studies/labels.yaml", "config.yaml", overlay)):
            study = _merged(study, read_yaml(self.root / path))
        return read_study(study).model_dump(mode="json")


def planned(run: subprocess.CompletedProcess) -> dict[str, int]:
    """Return how many jobs of each rule a finished dry run has planned."""
    assert run.returncode == 0, run.stdout + run.stderr
    table = run.stdout.partition("Job stats:")[2]  # nothing where there is nothing to do
    rows = re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)
    return {rule: int(count) for rule, count in rows if rule not in ("total", "all")}


def _merged(below: dict, above: dict) -> dict:
    """Return `below` with the entries of `above` put over it, dictionaries entry by entry."""
    return below | {
        key: _merged(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the finished small study, so that others can run beside them."""
    for item in items:
        if "finished_project" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.finished)


def copied(folder: Path) -> Project:
    """Return a copy of the project with the overlay of the small study, and with the notes of its jobs beside it."""
    shutil.copytree(ROOT, folder / "a project", ignore=NOT_COPIED)
    watch = folder / "watch"
    for name in ("fates", "taken", "met"):
        (watch / name).mkdir(parents=True)
    shutil.copy(ROOT / "tests/workflow/watch.py", watch / "sitecustomize.py")
    project = Project(folder / "a project", watch)
    small = _merged(*(read_yaml(project.root / path) for path in (QUICK, "tests/workflow/small.yaml")))
    (project.root / SMALL).write_text(yaml.safe_dump(small, sort_keys=False), encoding="utf-8")
    return project


def made(project: Project, *arguments: str) -> Project:
    """Return the project after a call of make, which finds the environment of the tests in the place of its own."""
    # Under a path with a space.
    interpreter = project.watch.parent / "an environment"
    interpreter.symlink_to(sys.prefix, target_is_directory=True)
    python = project.root / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{interpreter}/bin/{Path(sys.executable).name}" "$@"\n')
    python.chmod(0o755)
    (project.root / ".venv/installed").touch()
    run = project.command("make", *arguments)
    assert run.returncode == 0, (run.stdout + run.stderr)[-20000:]
    return project


@pytest.fixture(scope="session")
def fresh_project(tmp_path_factory) -> Project:
    """Return a copy in which nothing was run; tests leave it so."""
    return copied(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory) -> Project:
    """Return a copy in which make has finished the small study; tests leave its results as they are."""
    return made(copied(tmp_path_factory.mktemp("finished")), f"CONFIG={SMALL}")


@pytest.fixture(scope="session")
def quick_project(tmp_path_factory) -> Project:
    """Return a copy in which `make quick` was run; tests leave its results as they are."""
    return made(copied(tmp_path_factory.mktemp("quick")), "quick")


@pytest.fixture
def own_project(tmp_path) -> Project:
    """Return a copy in which nothing was run, for one test to do with as it likes."""
    return copied(tmp_path)


@pytest.fixture
def own_finished_project(finished_project, tmp_path) -> Project:
    """Return a copy of the project with the finished small study, for one test to do with as it likes."""
    project = copied(tmp_path)
    for folder in ("results", ".snakemake"):
        shutil.copytree(finished_project.root / folder, project.root / folder, symlinks=True)
    return project
