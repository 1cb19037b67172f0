"""What every job shares: a log file that also holds its uncaught exceptions, and progress with the time left."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger("toponn")
LOGGERS = (LOGGER, logging.getLogger("py.warnings"))


@contextmanager
def job_log(snakemake: Any) -> Iterator[logging.Logger]:
    """Send the job's messages, warnings and uncaught exception to its log file and to stderr.

    Torch is held to the rule's number of threads (it reads OMP_NUM_THREADS when it is imported), because two jobs that
    each take every core are far slower than two that take one each.
    """
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(snakemake.threads)
    path = Path(str(snakemake.log[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    handlers = [logging.FileHandler(path, mode="w"), logging.StreamHandler(sys.stderr)]
    formatter = logging.Formatter(f"%(asctime)s {snakemake.rule}: %(message)s", "%H:%M:%S")
    for handler in handlers:
        handler.setFormatter(formatter)
        for logger in LOGGERS:
            logger.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield LOGGER
    except BaseException:
        LOGGER.exception("failed")
        raise
    finally:
        for handler in handlers:
            for logger in LOGGERS:
                logger.removeHandler(handler)
            handler.close()
        logging.captureWarnings(False)


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
