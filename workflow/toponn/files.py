"""Files that appear whole or not at all, and say so when they are damaged.

Arrays are stored in HDF5 behind a first block of 512 bytes, HDF5's user block, which holds the SHA-256 of all that
follows. It is checked before the HDF5 library sees the file, because damaged metadata can crash or hang that library.
Nothing that is loaded is ever executed.
"""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from toponn.checks import DataError

SCHEMA_VERSION = 1
USER_BLOCK = 512
SEAL = b"toponn sha256 "


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; the file is renamed to `path` only if the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left_behind in path.parent.glob(f".{path.name}.*.part"):  # by a writer that was killed
        left_behind.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def digest(value: object) -> str:
    """Return 16 hexadecimal digits that identify a JSON-like value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def provenance() -> dict[str, str]:
    """Return the library version and the git commit of the code that is running ("unknown" outside a checkout)."""
    try:
        library = version("toponn")
    except PackageNotFoundError:
        library = "unknown"
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        commit = "unknown"
    return {"library_version": library, "git_commit": commit}


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
    """Write named arrays (a name may hold a group, ``"parameters/mass"``) and root attributes as one HDF5 file.

    Arrays whose first axis is long are chunked row by row, so that one sample reads without the rest. The schema
    version, the provenance of the code and a checksum are added to the attributes.
    """
    attributes = {**attributes, "schema_version": SCHEMA_VERSION, **provenance()}
    with whole_file(path) as temporary:
        with h5py.File(temporary, "w", userblock_size=USER_BLOCK) as file:
            for name, array in arrays.items():
                array = np.asarray(array)
                chunks = (1, *array.shape[1:]) if array.ndim > 1 and array.nbytes > 1 << 20 else None
                file.create_dataset(name, data=array, chunks=chunks, track_times=False)
            for name, value in attributes.items():
                file.attrs[name] = value
            file.attrs["checksum"] = _checksum(file)
        with temporary.open("r+b") as handle:
            handle.seek(USER_BLOCK)
            seal = SEAL + hashlib.file_digest(handle, "sha256").hexdigest().encode()
            handle.seek(0)
            handle.write(seal)


def read_arrays(path: str | Path, names: Iterable[str] | None = None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the named arrays (all by default) and the root attributes of a file of `write_arrays`.

    Raises
    ------
    DataError
        If the file is missing, is not one of `write_arrays`, is damaged, has another schema version or lacks an array.
    """
    _check_seal(path)
    try:
        return _read_sealed(path, names)
    except DataError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError) as error:  # whatever HDF5 makes of it
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a readable HDF5 file ({reason}); delete it and run again") from None


def _read_sealed(path: str | Path, names: Iterable[str] | None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return what `read_arrays` returns, of a file whose digest is right."""
    with h5py.File(path, "r") as file:
        found = file.attrs.get("schema_version")
        if not isinstance(found, int | np.integer) or found != SCHEMA_VERSION:
            found = "nothing" if found is None else str(found)[:60]
            raise DataError(f"{path}: found schema version {found}; allowed: {SCHEMA_VERSION}; delete it and run again")
        present = _array_names(file)
        claimed, stored = sum(file[name].nbytes for name in present), Path(path).stat().st_size
        if claimed > stored:  # nothing is compressed: such a file could ask for any amount of memory
            raise DataError(f"{path}: found arrays of {claimed} bytes in a file of {stored}; delete it and run again")
        wanted = present if names is None else list(names)
        missing = [name for name in wanted if name not in present]
        if missing:
            raise DataError(f"{path}: found no array {missing[0]!r}; it holds: {', '.join(present)[:200]}")
        return {name: file[name][()] for name in wanted}, dict(file.attrs)


def _check_seal(path: str | Path) -> None:
    """Raise DataError unless the file begins with the digest of the rest of it."""
    try:
        with Path(path).open("rb") as handle:
            seal = handle.read(USER_BLOCK)
            rest = hashlib.file_digest(handle, "sha256").hexdigest().encode()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DataError(f"{path}: not a readable file ({error.strerror})") from None
    if not seal.startswith(SEAL):
        raise DataError(f"{path}: not an HDF5 file that toponn wrote; delete it and run again")
    if seal.rstrip(b"\0") != SEAL + rest:
        raise DataError(f"{path}: the content does not match its checksum; delete it and run again")


def read_attributes(path: str | Path) -> dict[str, Any]:
    """Return the root attributes of a file of `write_arrays`, without reading its arrays."""
    return read_arrays(path, names=())[1]


def _array_names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return sorted(names)


def _checksum(file: h5py.File) -> str:
    """Return the SHA-256 of all arrays and attributes but the checksum itself."""
    total = hashlib.sha256()
    for key in sorted(set(file.attrs) - {"checksum"}):
        total.update(f"{key}={np.asarray(file.attrs[key]).tolist()!r};".encode())
    for name in _array_names(file):
        array = np.ascontiguousarray(file[name][()])
        total.update(f"{name}{array.shape}{array.dtype};".encode())
        total.update(array.view(np.uint8).reshape(-1) if array.size else b"")
    return total.hexdigest()


def write_csv(path: str | Path, frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Write a table with exactly these columns, in this order; floats keep 10 digits.

    Raises
    ------
    DataError
        If the table lacks one of the columns.
    """
    columns = list(columns)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(f"{path}: the table lacks the columns {', '.join(missing)}")
    with whole_file(path) as temporary:
        frame[columns].to_csv(temporary, index=False, float_format="%.10g", lineterminator="\n")


def read_csv(path: str | Path, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Return a table of `write_csv`; empty text stays empty text, a missing number becomes NaN.

    Raises
    ------
    DataError
        If the file cannot be read as a table or lacks one of the columns.
    """
    try:
        frame = pd.read_csv(path)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:  # a folder; what the parser or the text encoding refuses
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise DataError(f"{path}: not a readable table ({reason}); delete it and run again") from None
    missing = [column for column in columns or () if column not in frame.columns]
    if missing:
        raise DataError(f"{path}: the table lacks the columns {', '.join(missing)}")
    for column in ("form", "condition", "start", "disorder"):
        if column in frame.columns:
            frame[column] = frame[column].astype(object).fillna("").astype(str)
    return frame


def read_tables(paths: Iterable[str | Path], columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Return the rows of several tables of the same columns, in the order given."""
    columns = None if columns is None else list(columns)
    frames = [read_csv(path, columns) for path in paths]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def write_json(path: str | Path, value: object) -> None:
    """Write a JSON file with sorted keys."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Return the value of a JSON file.

    Raises
    ------
    DataError
        If the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ValueError, RecursionError) as error:  # a folder; no UTF-8, no JSON; lists within lists
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: not a readable JSON file ({reason}); delete it and run again") from None
