import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toponn.tools.checks import DataError
from toponn.tools.files import write_arrays, write_csv, write_json
from toponn.tools.results_folder import (
    Busy,
    damaged,
    forget_dead_runs,
    hold,
    lost,
    set_aside,
    unrecorded,
    without_targets,
)


@pytest.fixture
def folder(tmp_path):
    """Return a results folder with a dataset, a table and a document."""
    write_arrays(tmp_path / "datasets/a.h5", {"label": np.arange(400)}, {"name": "a"})
    write_csv(tmp_path / "tables/runs.csv", pd.DataFrame({"seed": [0, 1]}), ["seed"])
    write_json(tmp_path / "runs/settings.json", {"form": "free"})
    return tmp_path


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["datasets/a.h5", "tables/runs.csv", "runs/settings.json"])
def test_one_flipped_bit_is_seen_and_the_file_set_aside(folder, name):
    assert list(damaged(folder)) == []
    _flipped(folder / name)
    ((path, fault),) = damaged(folder)
    assert path == folder / name
    assert fault == f"{path}: the content does not match its checksum; delete it and run again"
    assert set_aside(path) == folder / f"{name}.damaged"
    assert list(damaged(folder)) == []


def test_a_damaged_file_is_seen_again_and_one_that_was_seen_whole_is_not_read_again(folder, monkeypatch):
    _flipped(folder / "datasets/a.h5")
    assert [path.name for path, _ in damaged(folder)] == ["a.h5"]
    assert [path.name for path, _ in damaged(folder)] == ["a.h5"]
    read = []
    monkeypatch.setattr("toponn.tools.results_folder.check_seal", read.append)
    monkeypatch.setattr("toponn.tools.results_folder.check_metadata", read.append)
    assert list(damaged(folder)) == []
    assert read == [folder / "datasets/a.h5"]
    (folder / "tables/runs.csv").touch()
    assert list(damaged(folder)) == [] and read[1:] == [folder / "tables/runs.csv"]


def test_a_table_whose_metadata_is_broken_is_damaged_and_one_without_is_believed(folder):
    beside = folder / "tables/runs.csv-metadata.json"
    beside.write_text("{")
    assert [path.name for path, _ in damaged(folder)] == ["runs.csv"]
    beside.unlink()
    assert list(damaged(folder)) == []


def test_a_file_that_cannot_be_read_is_not_damaged(folder):
    (folder / "datasets/b.h5").symlink_to("nowhere")
    assert list(damaged(folder)) == []
    (folder / "datasets/c.h5").mkdir()
    with pytest.raises(DataError, match=r"c\.h5: not a readable file \(Is a directory\)$"):
        list(damaged(folder))


def test_checkpoints_are_left_to_the_training(folder):
    write_arrays(folder / "checkpoints/a.h5", {"label": np.arange(400)}, {})
    _flipped(folder / "checkpoints/a.h5")
    assert list(damaged(folder)) == []


def test_a_folder_is_held_by_one_process_and_free_once_that_is_killed(tmp_path):
    code = "from pathlib import Path; from toponn.tools.results_folder import hold; held = hold(Path('.'))"
    command = [sys.executable, "-c", code + "; print(1, flush=True); input()"]
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, **piped) as other:
        other.stdout.readline()
        with pytest.raises(Busy, match=rf"another run works on this study, process {other.pid} on .+ since \d{{4}}-"):
            hold(tmp_path)
        other.kill()
    held, before = hold(tmp_path)
    assert before.startswith(f"process {other.pid} on ")
    with held:
        held.seek(0)
        assert held.read().startswith(f"process {os.getpid()} on ")


def test_the_locks_of_a_dead_run_go_and_those_of_another_study_stay(tmp_path):
    locks = tmp_path / "locks"
    locks.mkdir()
    (locks / "0.input.lock").write_text("results/quick/a.h5\nresults/quick/b.h5\n")
    (locks / "0.output.lock").write_text("results/quicker/a.h5\n")
    forget_dead_runs(Path("results/quick"), tmp_path, "")
    forget_dead_runs(Path("results/quick"), tmp_path, "process 7 on another computer since 2026-11-25 12:00:00\n")
    assert len(list(locks.iterdir())) == 2
    forget_dead_runs(Path("results/quick"), tmp_path, f"process 7 on {platform.node()} since 2026-11-25 12:00:00\n")
    assert [path.name for path in locks.iterdir()] == ["0.output.lock"]


def test_a_file_is_lost_only_if_snakemake_has_recorded_that_it_was_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    records = tmp_path / ".snakemake/metadata"
    records.mkdir(parents=True)
    (records / "YS5oNQ==").write_text("{}")  # a.h5
    assert lost(["a.h5", "b.h5"], Path(".snakemake")) == ["a.h5"]
    (tmp_path / "a.h5").touch()
    assert lost(["a.h5", "b.h5"], Path(".snakemake")) == []


def test_a_file_without_record_is_told_unless_it_will_be_made_again_or_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.h5", "b.h5", "c.h5"):
        (tmp_path / name).touch()
    for folder, record in (("metadata", "YS5oNQ=="), ("incomplete", "Yi5oNQ==")):  # a.h5, b.h5
        (tmp_path / ".snakemake" / folder).mkdir(parents=True)
        (tmp_path / ".snakemake" / folder / record).touch()
    assert unrecorded(["a.h5", "b.h5", "c.h5", "d.h5"], Path(".snakemake")) == ["c.h5"]


@pytest.mark.parametrize(
    ("command", "targets", "options"),
    [
        ("all --cores all", ["all"], "--cores all"),
        ("--cores all all", ["all"], "--cores all"),
        ("-k all --cores all", ["all"], "-k --cores all"),
        ("train --until train -c 2", ["train"], "--until train -c 2"),
        ("--cores 2 datasets labels -k", ["labels", "datasets"], "--cores 2 -k"),
        ("-call", [], "-call"),
    ],
)
def test_a_command_without_its_targets_keeps_the_values_of_its_options(command, targets, options):
    assert without_targets(command.split(), targets) == options.split()
