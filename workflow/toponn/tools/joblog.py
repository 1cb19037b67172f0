"""What every job shares: a log file that also holds its uncaught exceptions, and progress with the time left."""

import errno
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from toponn.tools.jobcode import CodeError, changed, held_to
from toponn.tools.provenance import provenance

LOGGER = logging.getLogger("toponn")
LOGGERS = (LOGGER, logging.getLogger("py.warnings"))
RUN = "TOPONN_RUN"
"""The environment variable in which a snakemake tells its jobs who it is, as `whoami` says it."""


@contextmanager
def job_log(snakemake: Any) -> Iterator[logging.Logger]:
    """Send the job's messages, warnings and uncaught exception to its log file and to stderr.

    An error that a user can mend is one sentence and exit code 1, any other has its traceback. The job ends with the
    snakemake that started it, and runs the code that its parameters name or none: what it imports, it imports within.
    """
    die_with(os.environ.get(RUN, ""))
    provenance()  # of the code as it is loaded, which may have been changed by the time of the first file
    path = Path(str(snakemake.log[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.raiseExceptions = False  # a log that cannot be written, as on a full disk, is no reason to fail
    handlers = [logging.FileHandler(path, mode="w"), logging.StreamHandler(sys.stderr)]
    formatter = logging.Formatter(f"%(asctime)s {snakemake.rule}: %(message)s", "%H:%M:%S")
    for handler in handlers:
        handler.setFormatter(formatter)
        for logger in LOGGERS:
            logger.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        parameters = getattr(snakemake, "params", ())
        with held_to(parameters):
            _check_columns(getattr(parameters, "columns", {}))
            yield LOGGER
    except BaseException as error:
        sentence = _sentence(error)
        if sentence is None:
            LOGGER.exception("failed")
            raise
        LOGGER.error("failed: %s", sentence)
        sys.exit(1)
    finally:
        for handler in handlers:
            for logger in LOGGERS:
                logger.removeHandler(handler)
            with suppress(OSError):
                handler.close()
        logging.captureWarnings(False)
        logging.raiseExceptions = True


def _check_columns(told: Mapping[str, Sequence[str]]) -> None:
    """Refuse columns of tables that are not those of the parameters: they are no code of a job."""
    if told:
        from toponn.tools.tables import TABLES

        for name, columns in told.items():
            if list(columns) not in (list(TABLES[name].columns), sorted(TABLES[name].columns)):
                raise CodeError(changed(f"the columns of {name}"))


def _sentence(error: BaseException) -> str | None:
    """Return what a user is told of an error that is not the code's own, or None of one that is."""
    if isinstance(error, CodeError):
        return str(error)
    from toponn.tools.checks import ConfigError, DamagedError, DataError, NotApplicable  # part of the job's code

    if isinstance(error, DamagedError):
        return _set_aside(error)
    if isinstance(error, ConfigError | DataError | NotApplicable):
        return str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory; let fewer jobs run at once, or on a cluster ask for more (--set-resources)"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}no space is left on the disk; make some, and the same command goes on from here"
    return None


def _set_aside(error: Any) -> str:
    """Rename the damaged file that a job has met, so that it is missing and made again; return what a user is told."""
    kept = error.path.with_name(f"{error.path.name}.damaged")
    try:
        error.path.replace(kept)
    except OSError:
        return str(error)
    return f"{error.path}: {error.fault}; it is kept as {kept.name}, and the same command makes it anew"


def whoami() -> str:
    """Return the number of this process, and the container in which that is its number; nothing but on Linux."""
    try:
        return f"{os.getpid()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def die_with(run: str) -> None:
    """Kill this process once the process `run`, which `whoami` named, is gone, or if that is gone already.

    After ``kill -9`` of snakemake its jobs would go on as orphans, and write beside those of the next call. (A signal
    on the death of the parent, PR_SET_PDEATHSIG, does not help: between the two is a shell, which goes on.) Where the
    system cannot say when a process ends (it takes Linux), or in another container, they do go on.
    """
    pid, _, container = run.partition(" ")
    if not hasattr(os, "pidfd_open") or container != whoami().partition(" ")[2]:
        return
    ended = select.poll()
    try:
        ended.register(os.pidfd_open(int(pid)), select.POLLIN)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGKILL)
    except OSError:  # an old kernel, or a sandbox that forbids it
        return

    def wait() -> None:
        ended.poll()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


class Progress:
    """Reports how far long work has come, at most once in `interval` seconds.

    Parameters
    ----------
    total
        Number of units (samples, epochs) of the whole work.
    unit
        Their name in the plural.
    done
        How many were done before, as after a restart.
    """

    def __init__(self, total: int, unit: str, done: int = 0, interval: float = 5.0):
        self.total, self.unit, self.interval = total, unit, interval
        self.done = self.begun_at = done
        self.start = self.last = time.monotonic()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count `count` more units, and log the rate and the time left when it is time to."""
        self.done += count
        now = time.monotonic()
        if now - self.last < self.interval and self.done < self.total:
            return
        self.last = now
        rate = (self.done - self.begun_at) / max(now - self.start, 1e-9)
        left = (self.total - self.done) / max(rate, 1e-9)
        LOGGER.info(
            "%d/%d %s, %.1f/s, %.0f s left%s",
            self.done,
            self.total,
            self.unit,
            rate,
            left,
            f", {note}" if note else "",
        )
