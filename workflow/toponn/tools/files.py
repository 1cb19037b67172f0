"""Files that appear whole or not at all, and say so when they are damaged.

Arrays are stored in HDF5 behind a first block of 512 bytes, HDF5's user block, which holds the SHA-256 of all that
follows. It is checked before the HDF5 library sees the file, because damaged metadata can crash or hang that library.
Nothing that is loaded is ever executed.
"""

import hashlib
import io
import json
import os
import platform
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from toponn.tools.checks import DataError
from toponn.tools.digests import METADATA, SEAL, USER_BLOCK, check_metadata, check_seal, sha256
from toponn.tools.provenance import provenance
from toponn.tools.tables import TABLES, columns_of

SCHEMA_VERSION = 1


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; the file is renamed to `path` only if the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for part in path.parent.glob(f".{path.name}.node-*.part"):
        with suppress(FileNotFoundError):  # two jobs may clear up at once
            if _is_left_behind(part):
                part.unlink()
    mark = f".{path.name}.node-{platform.node()}.{os.getpid()}."
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=mark, suffix=".part")
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


def _is_left_behind(part: Path) -> bool:
    """Return whether the writer of a temporary file is gone: of one on another computer, whether it is a day old."""
    node, pid = re.fullmatch(r".*\.node-(.*)\.(\d+)\.\w+\.part", part.name).groups()
    if node != platform.node():
        return time.time() - part.stat().st_mtime > 86400
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is another user's, hence there
        pass
    return False


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
    """Write named arrays (a name may hold a group, ``"parameters/mass"``) and root attributes as one HDF5 file.

    Arrays whose first axis is long are chunked row by row, so that one sample reads without the rest. The schema
    version, the provenance of the code and a checksum are added to the attributes.
    """
    attributes = {**attributes, "schema_version": SCHEMA_VERSION, **provenance()}
    memory = io.BytesIO()  # not the disk: on a full one, HDF5 fails again and again while it closes
    with h5py.File(memory, "w", userblock_size=USER_BLOCK) as file:
        for name, array in arrays.items():
            array = np.asarray(array)
            chunks = (1, *array.shape[1:]) if array.ndim > 1 and array.nbytes > 1 << 20 else None
            file.create_dataset(name, data=array, chunks=chunks, track_times=False)
        for name, value in attributes.items():
            file.attrs[name] = value
        file.attrs["checksum"] = _checksum(file)
    content = memory.getbuffer()
    seal = SEAL + hashlib.sha256(content[USER_BLOCK:]).hexdigest().encode()
    content[: len(seal)] = seal
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def read_arrays(path: str | Path, names: Iterable[str] | None = None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the named arrays (all by default) and the root attributes of a file of `write_arrays`.

    Raises
    ------
    DataError
        If the file is missing, is not one of `write_arrays`, is damaged, has another schema version or lacks an array.
    """
    check_seal(path)
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
        empty = [name for name in wanted if file[name].shape is None]
        if empty:
            raise DataError(f"{path}: {empty[0]}: found no data; allowed: an array; delete it and run again")
        return {name: file[name][()] for name in wanted}, dict(file.attrs)


def _array_names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return sorted(names)


def _checksum(file: h5py.File) -> str:
    """Return the SHA-256 of all arrays and attributes but those that say who wrote them."""
    total = hashlib.sha256()
    for key in sorted(set(file.attrs) - {"checksum", *provenance()}):
        total.update(f"{key}={np.asarray(file.attrs[key]).tolist()!r};".encode())
    for name in _array_names(file):
        array = np.ascontiguousarray(file[name][()])
        total.update(f"{name}{array.shape}{array.dtype};".encode())
        total.update(array.view(np.uint8).reshape(-1) if array.size else b"")
    return total.hexdigest()


def write_csv(path: str | Path, frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Write a table with exactly these columns, in this order; floats keep 10 digits.

    Beside it, in ``<name>.csv-metadata.json``, stand the columns, the number of rows, the SHA-256 of the table and the
    provenance of the code.

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
        _write_metadata(path, temporary, {"columns": columns, "rows": len(frame)})


def read_csv(path: str | Path, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Return a table of `write_csv`; empty text stays empty text, a missing number becomes NaN.

    Raises
    ------
    DataError
        If the file is damaged, cannot be read as a table or lacks one of the columns.
    """
    check_metadata(path)
    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""])  # a name may be "null"
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:  # a folder; what the parser or the text encoding refuses
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise DataError(f"{path}: not a readable table ({reason}); delete it and run again") from None
    missing = [column for column in columns or () if column not in frame.columns]
    if missing:
        raise DataError(f"{path}: the table lacks the columns {', '.join(missing)}")
    for column in ("variant", "kind", "form", "start", "disorder"):
        if column in frame.columns:
            frame[column] = frame[column].astype(object).fillna("").astype(str)
    return frame


def write_table(path: str | Path, frame: pd.DataFrame, name: str) -> None:
    """Write a table of `toponn.tools.tables.TABLES`: its columns in order, with the conditions that the frame has.

    Raises
    ------
    DataError
        If the frame lacks a column, or two rows agree in the key.
    """
    columns = columns_of(name, frame.columns)
    key = [*TABLES[name].key, *(c for c in columns if c not in TABLES[name].columns)]
    if set(key) <= set(frame.columns) and frame.duplicated(key).any():
        twice = frame[frame.duplicated(key)].iloc[0]
        found = ", ".join(f"{k} {twice[k]}" for k in key if pd.notna(twice[k]) and twice[k] != "")
        raise DataError(f"{path}: found two rows of {found}; allowed: one")
    write_csv(path, frame, columns)


def read_table(paths: str | Path | Iterable[str | Path], name: str) -> pd.DataFrame:
    """Return the rows of one or several files of a table of `toponn.tools.tables`; a condition that one lacks is NaN.

    Raises
    ------
    DataError
        If a file is damaged, cannot be read as a table or lacks a column.
    """
    wanted = TABLES[name].columns
    frames = [read_csv(path, wanted) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    frame = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
    return frame[columns_of(name, frame.columns)]


def rows_where(table: pd.DataFrame, where: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Return the rows of a table that have these words in these columns of conditions; "" is none."""
    for condition, word in where:
        if condition in table:
            found = table[condition]
            table = table[found.astype(object).where(found.notna(), "") == word]
        elif word:
            table = table[:0]
    return table


def write_json(path: str | Path, value: object) -> None:
    """Write a JSON file with sorted keys, and beside it its digest and provenance as those of a table."""
    with whole_file(path) as temporary:
        _write_text(temporary, value)
        _write_metadata(path, temporary, {})


def _write_metadata(path: str | Path, temporary: Path, about: Mapping[str, Any]) -> None:
    """Write what belongs to a file that is about to appear: first, so that no table stands beside older metadata."""
    with whole_file(f"{path}{METADATA}") as metadata:
        _write_text(metadata, {**about, "sha256": sha256(temporary), **provenance()})


def _write_text(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Return the value of a JSON file.

    Raises
    ------
    DataError
        If the file is missing, damaged, or is not JSON.
    """
    check_metadata(path)
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ValueError, RecursionError) as error:  # a folder; no UTF-8, no JSON; lists within lists
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: not a readable JSON file ({reason}); delete it and run again") from None
