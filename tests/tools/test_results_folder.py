import errno
import fcntl
import os
import subprocess
import sys
import time

import pytest

from toponn.tools.checks import DataError
from toponn.tools.results_folder import hold, read_begun, undo_times_ahead, write_begun

HOLDING = "from pathlib import Path; from toponn.tools.results_folder import hold; held = hold(Path('.'))"


def refused(folder, says):
    with pytest.raises(DataError, match=says) as caught:
        hold(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_is_held_by_one_process_and_free_once_that_is_killed(tmp_path):
    command = [sys.executable, "-c", f"{HOLDING}; print(1, flush=True); input()"]
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, **piped) as other:
        other.stdout.readline()
        refused(tmp_path, rf"another run works on this study, process {other.pid} on .+ since \d{{4}}-.+; wait for its")
        (tmp_path / "link").symlink_to(tmp_path)
        refused(tmp_path / "link", f"process {other.pid}")
        other.kill()
    hold(tmp_path).close()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0\n" * 999, b"process 7\nprocess 8"])
def test_odd_bytes_in_the_lock_are_no_riddle(tmp_path, content):
    with (tmp_path / ".running").open("wb") as lock:
        lock.write(content)
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(tmp_path, "another run works on this study, a process that is just starting; wait for its end$")
    with hold(tmp_path):
        assert (tmp_path / ".running").read_text().startswith(f"process {os.getpid()} on ")


@pytest.mark.parametrize("kind", ["file", "dangling link", "below a file", "lock is a folder", "may not be written to"])
def test_a_folder_in_which_nothing_can_be_written_is_refused(tmp_path, monkeypatch, kind):
    folder = tmp_path / "quick"
    if kind == "file":
        folder.touch()
    elif kind == "dangling link":
        folder.symlink_to("nowhere")
    elif kind == "below a file":
        (tmp_path / "results").touch()
        folder = tmp_path / "results/quick"
    elif kind == "lock is a folder":
        (folder / ".running").mkdir(parents=True)
    else:  # root may write anywhere

        def open_(*_):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr("pathlib.Path.open", open_)
    refused(folder, r"quick: found none that can be worked in \(.+\); allowed: a folder that may be written to; make")


def test_a_file_system_without_locks_is_told_and_used(tmp_path, monkeypatch, capsys):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    hold(tmp_path).close()
    assert capsys.readouterr().err.endswith("knows no locks; let no second run work here meanwhile\n")


def test_times_ahead_of_now_become_now_behind_links_too_and_others_stay(tmp_path):
    elsewhere, results = tmp_path / "elsewhere", tmp_path / "results"
    elsewhere.mkdir()
    results.mkdir()
    (results / "maps").symlink_to(elsewhere)
    (elsewhere / "around").symlink_to(results)
    now = time.time()
    for folder in (elsewhere, results):
        for name, at in (("old", now - 7200), ("ahead", now + 3600)):
            (folder / name).touch()
            os.utime(folder / name, (at, at))
    (results / "link").symlink_to("ahead")
    os.utime(results / "link", (now + 3600, now + 3600), follow_symlinks=False)
    with hold(results) as lock:
        undo_times_ahead(results, lock)
    for folder in (elsewhere, results):
        assert now - 1 < (folder / "ahead").stat().st_mtime <= time.time()
        assert (folder / "old").stat().st_mtime == pytest.approx(now - 7200)
    assert (results / "link").lstat().st_mtime <= time.time()


def test_a_job_goes_by_what_its_run_has_read_and_by_no_other_rules(tmp_path):
    begun = {"config": {"seed": 1}, "code": {"a.py": ["0", []]}, "rules": "abc"}
    with pytest.raises(DataError, match="found no record of the run of this job"):
        read_begun(tmp_path, "abc")
    write_begun(tmp_path, begun)
    assert read_begun(tmp_path, "abc") == begun
    with pytest.raises(DataError, match="the rules are not those with which this run began; the same command goes by"):
        read_begun(tmp_path, "abd")
