import errno
import hashlib
import json
import logging
import os
import platform
import re
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toponn.tools.checks import ConfigError, DataError, choose, resolve
from toponn.tools.digests import digest
from toponn.tools.files import (
    SCHEMA_VERSION,
    read_arrays,
    read_csv,
    read_json,
    whole_file,
    write_arrays,
    write_csv,
    write_json,
)
from toponn.tools.joblog import LOGGER, Progress, die_with, job_log
from toponn.tools.provenance import provenance
from toponn.tools.tables import TABLES

QUICK = settings(max_examples=15, deadline=None, database=None, derandomize=True)
ARRAYS = {
    "occupied": np.random.default_rng(0).normal(size=(4, 3, 6)).astype(np.complex64),
    "parameters/mass": np.arange(4.0) / 7,
    "label": np.array([0, 1, -1, 0]),
    "split": np.array([0, 0, 1, 2], dtype=np.int8),
    "decided": np.array([True, False, True, True]),
    "empty": np.empty((0, 2)),
    "scalar": np.float64(0.1),
}
ATTRIBUTES = {"system": "qwz[rectangle 8x8, onsite_box W=0..4]", "minimum_margin": 0.2, "seed": 7}


def one_sentence(error):
    """Return whether an error's message is one line of at most some hundred characters that names the file."""
    return "\n" not in str(error.value) and "h5" in str(error.value)


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "study" / "a.h5"
    write_arrays(path, ARRAYS, ATTRIBUTES)
    return path


# --- Whole or not at all ----------------------------------------------------------------------------------


def test_a_file_appears_when_its_block_ends_and_not_before(tmp_path):
    path = tmp_path / "new" / "table.csv"
    with whole_file(path) as temporary:
        temporary.write_text("content")
        assert temporary.parent == path.parent, "renaming within one folder is atomic"
        assert not path.exists()
    assert path.read_text() == "content"
    assert [p.name for p in path.parent.iterdir()] == ["table.csv"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "error", [ValueError("bad"), KeyboardInterrupt("stop"), OSError(errno.ENOSPC, "No space left")]
)
def test_an_error_leaves_the_old_content_and_nothing_else_behind(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(type(error), match=re.escape(str(error))), whole_file(path) as temporary:
        temporary.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_writer_that_fails_leaves_no_file(tmp_path):
    for write, value in ((write_json, {"a": object()}), (write_arrays, {"a": np.array([object()])})):
        with pytest.raises(TypeError, match="serializable|conversion|dtype"):
            write(tmp_path / "x", value, *([{}] if write is write_arrays else []))
    assert not list(tmp_path.iterdir())


def test_a_killed_writer_leaves_the_old_content(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[1]")
    code = (
        "import os, signal, sys\nfrom toponn.tools.files import whole_file\n"
        "with whole_file(sys.argv[1]) as t:\n    t.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert read_json(path) == [1]


# --- Arrays -----------------------------------------------------------------------------------------------


def test_arrays_come_back_as_they_were_with_types_groups_and_attributes(stored):
    arrays, attributes = read_arrays(stored)
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert np.array_equal(arrays[name], array)
    assert ATTRIBUTES.items() <= attributes.items()
    assert attributes["schema_version"] == SCHEMA_VERSION
    assert {"git_commit", "library_version", "checksum"} <= set(attributes)


def test_some_arrays_can_be_read_without_the_rest(stored):
    arrays, _ = read_arrays(stored, names=["label", "parameters/mass"])
    assert list(arrays) == ["label", "parameters/mass"]
    assert read_arrays(stored, names=())[1]["system"] == ATTRIBUTES["system"]


def test_a_sample_of_a_large_array_lies_in_its_own_chunk(tmp_path):
    write_arrays(tmp_path / "a.h5", {"big": np.zeros((40, 50, 100)), "small": np.zeros((3, 2))}, {})
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["big"].chunks == (1, 50, 100)
        assert file["small"].chunks is None


def test_the_same_arrays_make_the_same_bytes(tmp_path):
    for name in "ab":
        write_arrays(tmp_path / name, ARRAYS, ATTRIBUTES)
        time.sleep(1.05)  # HDF5 knows times to the second
    digests = {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in "ab"}
    assert len(digests) == 1


def edited(path, edit):
    """Change a file through HDF5, without mending its checksum."""
    with h5py.File(path, "r+") as file:
        edit(file)


@pytest.mark.parametrize(
    "edit",
    [
        lambda f: f["label"].write_direct(np.array([0, 1, -1, 1])),
        lambda f: f.attrs.__setitem__("minimum_margin", 0.3),
        lambda f: f.attrs.__setitem__("new", 1),
        lambda f: f.__delitem__("split"),
        lambda f: f.move("label", "labels"),
        lambda f: f.create_dataset("more", data=np.zeros(2)),
        lambda f: f.attrs.__delitem__("checksum"),
    ],
    ids=["value", "attribute", "new attribute", "deleted", "renamed", "added", "no checksum"],
)
def test_a_changed_file_does_not_match_its_checksum(stored, edit):
    edited(stored, edit)
    with pytest.raises(DataError, match="does not match its checksum; delete it and run again") as error:
        read_arrays(stored)
    assert one_sentence(error)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused_in_one_sentence(stored, share):
    content = stored.read_bytes()
    stored.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"(not an HDF5 file|does not match its).*; delete it and run again") as error:
        read_arrays(stored)
    assert one_sentence(error)


def test_a_file_of_another_schema_version_is_refused_in_one_sentence(stored):
    with pytest.MonkeyPatch.context() as later:
        later.setattr("toponn.tools.files.SCHEMA_VERSION", SCHEMA_VERSION + 1)
        write_arrays(stored, {"label": ARRAYS["label"]}, ATTRIBUTES)
    message = rf"a\.h5: found schema version {SCHEMA_VERSION + 1}; allowed: {SCHEMA_VERSION}; delete it and run again"
    for read in (read_arrays, partial(read_arrays, names=())):
        with pytest.raises(DataError, match=message):
            read(stored)
    with h5py.File(stored, "w"):
        pass
    with pytest.raises(DataError, match="not an HDF5 file that toponn wrote"):
        read_arrays(stored)


def test_a_missing_array_is_refused_with_the_names_that_there_are(stored):
    with pytest.raises(DataError, match=r"found no array 'labels'; it holds: .*label, occupied") as error:
        read_arrays(stored, names=["label", "labels"])
    assert one_sentence(error)


def test_a_missing_file_and_a_file_of_text_are_refused_in_one_sentence(tmp_path):
    for read in (read_arrays, read_csv, read_json):
        with pytest.raises(DataError, match=r"none\.h5: there is no such file"):
            read(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no arrays here")
    with pytest.raises(DataError, match=r"text\.h5: not an HDF5 file that toponn wrote"):
        read_arrays(tmp_path / "text.h5")


# --- Tables and JSON --------------------------------------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "task": ["winding", "chern"],
        "form": ["", "free"],
        "seed": [0, 12],
        "accuracy": [0.123456789012, np.nan],
        "success": [True, False],
        "extra": [1, 2],
    }
)
COLUMNS = ["task", "seed", "form", "accuracy", "success"]


def test_a_table_has_its_columns_in_order_and_comes_back_with_empty_text_and_missing_numbers(tmp_path):
    write_csv(tmp_path / "t.csv", TABLE, COLUMNS)
    text = (tmp_path / "t.csv").read_bytes().decode()
    assert text.splitlines()[0] == "task,seed,form,accuracy,success"
    assert "\r" not in text
    found = read_csv(tmp_path / "t.csv", COLUMNS)
    assert found["form"].tolist() == ["", "free"]
    assert found["accuracy"][0] == pytest.approx(0.123456789012, rel=1e-9)
    assert np.isnan(found["accuracy"][1])
    assert found["success"].tolist() == [True, False]
    assert found["seed"].tolist() == [0, 12]


def test_a_table_without_a_column_is_refused_when_written_and_when_read(tmp_path):
    with pytest.raises(DataError, match=r"t\.csv: the table lacks the columns model, seed2"):
        write_csv(tmp_path / "t.csv", TABLE, [*COLUMNS, "model", "seed2"])
    assert not list(tmp_path.iterdir())
    write_csv(tmp_path / "t.csv", TABLE, COLUMNS)
    with pytest.raises(DataError, match=r"t\.csv: the table lacks the columns extra"):
        read_csv(tmp_path / "t.csv", ["extra"])


@pytest.mark.parametrize(
    "content", [b"", b'a,b\n"1,2\n3,4,5', b"a,b\n\xff\xfe,1\n"], ids=["empty", "ragged", "no text"]
)
def test_a_damaged_table_is_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.csv: not a readable table .*; delete it and run again"):
        read_csv(tmp_path / "t.csv")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@QUICK
@given(st.dictionaries(st.text(max_size=4), json_values, max_size=4))
def test_json_comes_back_and_a_digest_does_not_know_the_order_of_keys(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "value.json"
    write_json(path, value)
    assert read_json(path) == value
    assert digest(value) == digest(dict(reversed(value.items())))
    assert digest(value) != digest({**value, "one more key": 0})
    assert len(digest(value)) == 16


def test_damaged_json_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1')
    with pytest.raises(DataError, match=r"a\.json: not a readable JSON file .*; delete it and run again"):
        read_json(tmp_path / "a.json")
    write_json(tmp_path / "b.json", {"ü": 1, "a": 2})
    assert json.loads((tmp_path / "b.json").read_text(encoding="utf-8")) == {"a": 2, "ü": 1}


def test_the_provenance_names_the_commit_of_the_code_where_there_is_one():
    root = Path(__file__).parents[2]
    git = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert provenance()["git_commit"].removesuffix("-dirty") == (
        git.stdout.strip() if git.returncode == 0 else "unknown"
    )


# --- Names in the config ----------------------------------------------------------------------------------


def test_an_unknown_name_is_refused_with_the_allowed_ones_and_the_nearest():
    registry = {"ssh": "toponn.matter.systems.ssh:SSH", "qwz": "toponn.matter.systems.qwz:QWZ"}
    with pytest.raises(
        ConfigError, match=r"datasets\.a\.system: found 'qz'; allowed: ssh, qwz \(did you mean 'qwz'\?\)"
    ):
        choose(registry, "qz", "datasets.a.system")
    with pytest.raises(ConfigError, match=r"x: found \['ssh'\]; allowed: ssh, qwz"):
        choose(registry, ["ssh"], "x")
    assert resolve(registry, "ssh", "x").__name__ == "SSH"


# --- Log files of jobs ------------------------------------------------------------------------------------


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    level = LOGGER.level
    yield SimpleNamespace(threads=1, log=[tmp_path / "logs" / "job.log"], rule="train")
    logging.captureWarnings(False)
    LOGGER.setLevel(level)


def test_a_jobs_messages_go_to_its_log_and_its_handlers_leave_with_it(job):
    before = list(LOGGER.handlers)
    with job_log(job) as log:
        log.info("halfway")
    assert "train: halfway" in job.log[0].read_text()
    assert LOGGER.handlers == before


def test_an_uncaught_exception_goes_to_the_jobs_log_and_on(job):
    with pytest.raises(ValueError, match="no such phase"), job_log(job):
        raise ValueError("no such phase")
    text = job.log[0].read_text()
    assert "Traceback" in text
    assert "no such phase" in text


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (DataError("a.h5: there is no such file"), "failed: a.h5: there is no such file"),
        (ConfigError("block: found 0; allowed: a whole number from 1"), "failed: block: found 0; allowed: a whole"),
        (OSError(errno.ENOSPC, "No space left on device", "a.h5"), "failed: a.h5: no space is left on the disk; make"),
        (MemoryError(), "failed: there is not enough memory; "),
    ],
)
def test_an_error_that_a_user_can_mend_is_a_sentence_and_exit_code_1(job, capsys, error, says):
    with pytest.raises(SystemExit, match="1"), job_log(job):
        raise error
    for text in (job.log[0].read_text(), capsys.readouterr().err):
        (line,) = text.splitlines()
        assert says in line


def test_a_job_that_reads_a_damaged_file_sets_it_aside_and_says_what_to_type(job, tmp_path, capsys):
    write_json(tmp_path / "a.json", {"seed": 10})
    (tmp_path / "a.json").write_text('{"seed": 11}')
    with pytest.raises(SystemExit, match="1"), job_log(job):
        read_json(tmp_path / "a.json")
    (line,) = capsys.readouterr().err.splitlines()
    fault = "the content does not match its checksum; it is kept as a.json.damaged, and the same command makes it anew"
    assert line.endswith(f"train: failed: {tmp_path}/a.json: {fault}")
    assert not (tmp_path / "a.json").exists() and (tmp_path / "a.json.damaged").read_text() == '{"seed": 11}'


def test_a_job_whose_tables_have_other_columns_than_its_parameters_is_refused(job, capsys):
    columns = list(TABLES["ceiling"].columns)
    for told in (columns, sorted(columns)):
        job.params = type("Params", (list,), {"columns": {"ceiling": told}})()
        with job_log(job):
            pass
    job.params.columns["ceiling"] = columns[::-1]
    with pytest.raises(SystemExit, match="1"), job_log(job):
        pass
    assert "train: failed: the columns of ceiling: the code is not that with which" in capsys.readouterr().err


DYING = """
import os, subprocess, sys, time
from toponn.tools.joblog import die_with, whoami
if len(sys.argv) == 1:  # as snakemake starts a job, with a shell between
    subprocess.run(["sh", "-c", f"{sys.executable} {__file__} '{whoami()}'; true"])
else:
    print(os.getpid(), flush=True)
    sys.stdin.readline()
    die_with(sys.argv[1])
    print("alive", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells when a process ends")
@pytest.mark.parametrize("soon", [True, False], ids=["before it looks", "later"])
def test_a_job_ends_with_the_snakemake_that_started_it(tmp_path, soon):
    (tmp_path / "job.py").write_text(DYING)
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, str(tmp_path / "job.py")], **piped) as run:
        job = int(run.stdout.readline())
        if soon:
            run.kill()
            run.wait()
        print(file=run.stdin, flush=True)
        if not soon:
            assert run.stdout.readline() == "alive\n"
            run.kill()
        assert run.stdout.read() == ""  # it ends when the last process that holds it has
    assert job not in _running()


def test_a_job_in_another_container_or_without_a_snakemake_goes_on():
    die_with("")
    die_with(f"{os.getpid()} pid:[1]")


def _running() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def test_parts_of_files_of_killed_writers_are_cleared_away_and_those_of_living_ones_stay(tmp_path):
    node = platform.node()
    dead = subprocess.Popen(["true"])
    dead.wait()
    names = {f"node-{node}.{dead.pid}.x1": False, f"node-{node}.{os.getpid()}.x2": True, "node-elsewhere.1.x3": True}
    parts = {tmp_path / f".a.json.{name}.part": stays for name, stays in names.items()}
    for part in parts:
        part.touch()
    write_json(tmp_path / "a.json", {})
    assert {part: part.exists() for part in parts} == parts


def test_a_damaged_table_or_document_is_refused_and_one_without_metadata_is_believed(tmp_path):
    write_csv(tmp_path / "a.csv", pd.DataFrame({"seed": [10]}), ["seed"])
    write_json(tmp_path / "a.json", {"seed": 10})
    for name, read in (("a.csv", read_csv), ("a.json", read_json)):
        path = tmp_path / name
        path.write_text(path.read_text().replace("10", "11"))
        with pytest.raises(DataError, match=rf"{name}: the content does not match its checksum; delete it and run"):
            read(path)
        (tmp_path / f"{name}-metadata.json").unlink()
        assert read(path) is not None


def test_a_warning_goes_to_the_jobs_log(job):
    with job_log(job), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("the margin is small", stacklevel=1)
    assert "the margin is small" in job.log[0].read_text()


def test_progress_is_logged_at_most_once_in_its_interval_and_at_the_end(caplog):
    with caplog.at_level(logging.INFO, logger=LOGGER.name):
        progress = Progress(3, "samples", interval=1000.0)
        for _ in range(3):
            progress.advance()
    assert [record.getMessage().split(",")[0] for record in caplog.records] == ["3/3 samples"]
