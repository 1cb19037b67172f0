"""Digests by which content is known again, and damage seen, without reading what a file holds.

The Snakefile, which every job parses anew, imports this module: it needs neither HDF5 nor pandas.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toponn.tools.checks import DamagedError, DataError

USER_BLOCK = 512
SEAL = b"toponn sha256 "
METADATA = "-metadata.json"
"""What is put to the name of a table or document for the file that holds its digest and its provenance."""


def digest(value: object) -> str:
    """Return 16 hexadecimal digits that identify a JSON-like value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_seal(path: str | Path) -> None:
    """Raise unless the file begins with the digest of the rest of it.

    Raises
    ------
    DamagedError
        If it does not.
    DataError
        If the file is not there or cannot be read.
    """
    with _told(path), Path(path).open("rb") as handle:
        seal = handle.read(USER_BLOCK)
        rest = hashlib.file_digest(handle, "sha256").hexdigest().encode()
    if not seal.startswith(SEAL):
        raise DamagedError(path, "not an HDF5 file that toponn wrote")
    if seal.rstrip(b"\0") != SEAL + rest:
        raise DamagedError(path, "the content does not match its checksum")


@contextmanager
def _told(path: str | Path) -> Iterator[None]:
    """Raise DataError, one sentence, where a file is not there or cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DataError(f"{path}: not a readable file ({error.strerror})") from None


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_metadata(path: str | Path) -> None:
    """Raise if a file is not what its metadata say; one without metadata is believed.

    Raises
    ------
    DamagedError
        If it is not.
    DataError
        If one of the two cannot be read.
    """
    beside = Path(f"{path}{METADATA}")
    with _told(beside):
        if not beside.exists():
            return
        text = beside.read_bytes()
    try:
        recorded = json.loads(text)["sha256"]
    except (ValueError, KeyError, TypeError):
        recorded = None
    with _told(path):
        found = sha256(path)
    if recorded != found:
        raise DamagedError(path, "the content does not match its checksum")
