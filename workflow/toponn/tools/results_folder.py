"""The results folder of a study: one run at a time works in it, and what is damaged there is set aside."""

import fcntl
import json
import os
import platform
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from toponn.tools.checks import DamagedError
from toponn.tools.digests import METADATA, check_metadata, check_seal


class Busy(RuntimeError):
    """Another run is working in the folder; the message is one sentence that says which."""


def hold(folder: Path) -> tuple[TextIO | None, str]:
    """Return the open lock of a folder, and what its last holder wrote into it.

    The lock is held until the file is closed or the process ends, however it ends. It is None where the file system
    knows no locks: Snakemake's own must do there.

    Raises
    ------
    Busy
        If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / ".running").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with lock:
            lock.seek(0)
            who = lock.read().strip() or "a process that is just starting"
        raise Busy(f"{folder}: another run works on this study, {who}; wait for its end, or stop it first") from None
    except OSError:
        lock.close()
        return None, ""
    lock.seek(0)
    before = lock.read()
    with suppress(OSError):  # a full disk: the lock holds without these words
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {platform.node()} since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        lock.flush()
    return lock, before


def forget_dead_runs(folder: Path, snakemake: Path, before: str) -> None:
    """Remove Snakemake's locks of files in `folder`: whoever holds the folder knows that their run was killed.

    Those of a run on another computer, by what its holder wrote `before`, stay: not every file system shares its locks.
    """
    if f" on {platform.node()} since " not in before:
        return
    for lock in (snakemake / "locks").glob("*.lock"):
        if f"\n{folder}/" in "\n" + lock.read_text(encoding="utf-8"):
            lock.unlink(missing_ok=True)


def damaged(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file whose content is not what was written, and a sentence about it.

    A file is read once: after that, while its size and the times of its last changes stay, it is believed. What reads
    it tests it again.

    Raises
    ------
    DataError
        If a file cannot be read, which does not make it damaged.
    """
    record = folder / ".verified.json"
    try:
        verified = {tuple(entry) for entry in json.loads(record.read_text(encoding="utf-8"))}
    except (OSError, ValueError, TypeError):
        verified = set()
    # Training tests its checkpoints itself.
    sealed = [path for path in folder.rglob("*.h5") if "checkpoints" not in path.parts]
    tables = [path.with_name(path.name.removesuffix(METADATA)) for path in folder.rglob(f"*{METADATA}")]
    checks = {path: check_seal for path in sealed} | {path: check_metadata for path in tables}
    checks = {path: check for path, check in checks.items() if path.exists()}
    stamps = {path: _stamp(path) for path in checks}
    with ThreadPoolExecutor() as pool:
        faults = {
            path: pool.submit(_fault, check, path) for path, check in checks.items() if stamps[path] not in verified
        }
    broken = {path: fault.result() for path, fault in faults.items() if fault.result()}
    with suppress(OSError):
        record.write_text(json.dumps([stamp for path, stamp in stamps.items() if path not in broken]), encoding="utf-8")
    yield from broken.items()


def _stamp(path: Path) -> tuple[str, int, int, int]:
    """Return what is another after any change of a file."""
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _fault(check: Callable[[Path], None], path: Path) -> str:
    """Return the sentence about a damaged file, nothing about a whole one."""
    try:
        check(path)
    except DamagedError as error:
        return str(error)
    return ""


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that it is made again and can still be looked at; return its new name."""
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    return aside


def lost(files: Iterable[str], snakemake: Path) -> list[str]:
    """Return which of these files are gone though Snakemake's records say that they were made."""
    records = snakemake / "metadata"
    return [name for name in files if not Path(name).exists() and _record(records, name).exists()]


def unrecorded(files: Iterable[str], snakemake: Path) -> list[str]:
    """Return which of these files are there without a record of how they were made.

    Jobs of a cluster that end after their snakemake leave such files: it would have written the records.
    """
    records = snakemake / "metadata"
    unfinished = snakemake / "incomplete"  # which Snakemake makes again
    return [
        name
        for name in files
        if Path(name).exists() and not _record(records, name).exists() and not _record(unfinished, name).exists()
    ]


def without_targets(words: Sequence[str], targets: Iterable[str]) -> list[str]:
    """Return the words of a snakemake command without its targets; a word may also be the value of an option.

    Examples
    --------
    >>> without_targets(["all", "--cores", "all", "-k"], ["all"])
    ['--cores', 'all', '-k']
    """
    words = list(words)
    for target in targets:
        places = [place for place, word in enumerate(words) if word == target]
        places = [place for place in places if place == 0 or words[place - 1] not in ("--cores", "-c")]
        places.sort(key=lambda place: (place > 0 and words[place - 1].startswith("-"), -place))
        if places:
            del words[places[0]]
    return words


def _record(records: Path, name: str) -> Path:
    """Return where Snakemake keeps a record of a file."""
    return records / urlsafe_b64encode(name.encode()).decode()
