"""The results folder of a study: one run at a time works in it, and its jobs go by what that run has read."""

import errno
import fcntl
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from toponn.tools.checks import DataError

BEGUN = ".begun.json"
"""What the run has read: the config, and the code of every file."""
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def hold(folder: Path) -> BinaryIO:
    """Return the lock of a folder, which is held until the file is closed or the process ends, however it ends.

    Where the file system knows no locks, a sentence says so and nothing is held.

    Raises
    ------
    DataError
        If another process holds it, or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".running").open("ab+")
    except OSError as error:
        allowed = "a folder that may be written to; make it one, or give the study another name"
        raise DataError(f"{folder}: found none that can be worked in ({error.strerror}); allowed: {allowed}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataError(f"{folder}: another run works on this study, {_holder(lock)}; wait for its end") from None
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        print(f"{folder}: this file system knows no locks; let no second run work here meanwhile", file=sys.stderr)
    with suppress(OSError):  # a full disk: the lock holds without these words
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {platform.node()} since {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
        lock.flush()
    return lock


def _holder(lock: BinaryIO) -> str:
    """Return what the holder of a lock wrote into it."""
    with lock:
        lock.seek(0)
        text = lock.read(200).decode(errors="replace").strip()
    return text if text.startswith("process ") and text.isprintable() else "a process that is just starting"


def undo_times_ahead(folder: Path, lock: BinaryIO) -> None:
    """Give files whose last change lies ahead of now the present time.

    Snakemake makes a file again if an input is younger and has another content. Where a clock ran ahead, as that of a
    node of a cluster, a file would seem younger than inputs that are made after it. The present time is that of the
    file system, at which `lock` is touched.
    """
    os.utime(lock.fileno())
    now = os.fstat(lock.fileno()).st_mtime_ns
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        if (real := Path(place).resolve()) in seen:  # a link to a folder around it
            folders.clear()
            continue
        seen.add(real)
        for path in (Path(place, name) for name in files):
            for follow in (True, False):  # of a link, both are compared
                with suppress(OSError):
                    if path.stat(follow_symlinks=follow).st_mtime_ns > now:
                        os.utime(path, ns=(now, now), follow_symlinks=follow)


def write_begun(folder: Path, begun: dict[str, Any]) -> None:
    """Write what a run has read, for its jobs on other computers, which read the Snakefile once more."""
    part = folder / f"{BEGUN}.part"
    part.write_text(json.dumps(begun), encoding="utf-8")
    part.replace(folder / BEGUN)


def read_begun(folder: Path, rules: str) -> dict[str, Any]:
    """Return what the run of a job has read.

    Raises
    ------
    DataError
        If that is not there, or the digest of the rules is another by now.
    """
    try:
        begun = json.loads((folder / BEGUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / BEGUN}: found no record of the run of this job ({error})") from None
    if begun["rules"] != rules:
        raise DataError(
            f"{folder}: the rules are not those with which this run began; the same command goes by those of now"
        )
    return begun


def digest_of_files(paths: Iterable[Path]) -> str:
    """Return a digest of the content of files, in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.read_bytes())
    return total.hexdigest()
