"""Small validators whose errors are one sentence: where, what was found, what is allowed."""

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from toponn.tools.jobcode import check_row


class ConfigError(ValueError):
    """A value that a user wrote is not allowed; the message is one sentence that says where and what is."""


class DataError(ValueError):
    """A file or an array is not what it should be; the message is one sentence that says what is wrong."""


class DamagedError(DataError):
    """A file is not what was written. It is worth nothing, and can be made again.

    Parameters
    ----------
    path : of the file
    fault : what is wrong with it
    """

    def __init__(self, path: str | Path, fault: str):
        super().__init__(f"{path}: {fault}; delete it and run again")
        self.path, self.fault = Path(path), fault


class NotApplicable(ValueError):
    """An encoding or a model cannot represent this system; the message says why. Tables show it as "not applicable"."""


class Words(str):
    """Text that `refusal` shows as it is, without quotation marks."""

    __repr__ = str.__str__


def refusal(where: str, found: object, allowed: str, suggestion: object = None) -> str:
    """Return ``where: found X; allowed: Y (did you mean Z?)``."""
    hint = f" (did you mean {suggestion!r}?)" if suggestion is not None else ""
    shown = repr(found)
    shown = shown if isinstance(found, Words) or len(shown) <= 120 else shown[:117] + "..."
    return f"{where}: found {shown}; allowed: {allowed}{hint}"


def nearest(name: object, names: Iterable[str]) -> str | None:
    """Return the member of `names` that looks most like `name`, or None where nothing does."""
    folded = {known.casefold(): known for known in reversed(list(names))}
    close = difflib.get_close_matches(str(name).casefold(), list(folded)[::-1], n=1)
    return folded[close[0]] if close else None


def short(value: Any) -> str:
    """Return `value` on one line, abbreviated where it is long."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def dotted(path: tuple) -> str:
    """Return ``models.cnn.channels[1]`` for the keys and indices of `path`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += "." * bool(text) + (key if re.fullmatch(r"[\w-]{1,64}", key) else short(key))
    return text or "config"


def unknown_key(where: str, key: str, known: Iterable[str], given: Iterable[str], whose: str = "") -> str:
    """Return the sentence about a `key` that is not `known`; one not yet `given` was likely meant."""
    known = list(known)
    meant = nearest(key, [k for k in known if k not in given]) or nearest(key, known)
    return refusal(where, Words("an unknown key"), ", ".join(known) + whose, meant)


def choose(registry: Mapping[str, Any], name: str, where: str) -> Any:
    """Return ``registry[name]``.

    Raises
    ------
    ConfigError
        If `name` is not in the registry; the sentence lists the names that are.

    Examples
    --------
    >>> choose({"ssh": 1, "qwz": 2}, "qzw", "datasets.a.system")
    Traceback (most recent call last):
    toponn.tools.checks.ConfigError: datasets.a.system: found 'qzw'; allowed: ssh, qwz (did you mean 'qwz'?)
    """
    if isinstance(name, str) and name in registry:
        return registry[name]
    raise ConfigError(refusal(where, name, ", ".join(registry), nearest(name, registry)))


def row_of(registry: Mapping[str, str], name: str, where: str) -> str:
    """Return the row ``"module:attribute"`` that `name` has in a family's dict.

    A `name` that is itself a row, into a module of the same family, needs no entry in the dict.

    Raises
    ------
    ConfigError
        If there is neither.
    """
    return name if is_row(registry, name) else choose(registry, name, where)


def is_row(registry: Mapping[str, str], name: object) -> bool:
    """Return whether `name` is itself a row, into a module of the family that `registry` lists."""
    family = next(iter(registry.values())).partition(":")[0].rpartition(".")[0]
    return "." in family and isinstance(name, str) and bool(re.fullmatch(rf"{re.escape(family)}\.\w+:\w+", name))


def resolve(registry: Mapping[str, str], name: str, where: str) -> Any:
    """Import and return what the row ``name`` of a family's dict (``"module:attribute"``) points at.

    Raises
    ------
    ConfigError
        If there is no such row, or what a row outside the dict points at does not exist.
    """
    row = row_of(registry, name, where)
    check_row(name, row)
    module, attribute = row.split(":")
    if row == name:
        folder = module.rpartition(".")[0].replace(".", "/")
        return imported(name, where, f"a class in a file of workflow/{folder}")
    return getattr(importlib.import_module(module), attribute)


def imported(row: str, where: str, allowed: str) -> Any:
    """Import and return what a user's own ``"module:attribute"`` points at.

    Raises
    ------
    ConfigError
        If it does not exist, or its file fails.
    """
    module, _, attribute = row.partition(":")
    wrong = ConfigError(refusal(where, row, allowed))
    if not module:
        raise wrong
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in (module, module.partition(".")[0]):
            missing = f"whose file imports {error.name}, which is not there"
            raise ConfigError(f"{where}: found {row!r}, {missing}") from error
        raise wrong from error
    except Exception as error:  # a user's own file may fail in any way
        raise ConfigError(f"{where}: found {row!r}, whose file fails: {type(error).__name__}: {error}") from error
    if not hasattr(found, attribute):
        names = [name for name, value in vars(found).items() if isinstance(value, type) and value.__module__ == module]
        meant = nearest(attribute, names)
        raise ConfigError(refusal(where, row, allowed, f"{module}:{meant}" if meant else None))
    return getattr(found, attribute)


def hermitian(matrices: np.ndarray, name: str = "hamiltonian", tolerance: float = 1e-10) -> np.ndarray:
    """Return `matrices` of shape (…, n, n) if they are finite and Hermitian.

    Raises
    ------
    DataError
        If the last two axes differ, an entry is not finite, or ``H ≠ H†`` beyond `tolerance` times the largest entry.
    """
    if matrices.ndim < 2 or matrices.shape[-1] != matrices.shape[-2]:
        raise DataError(f"{name}: found shape {matrices.shape}; allowed: square matrices (…, n, n)")
    adjoint = matrices.conj().swapaxes(-1, -2)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(matrices.sum())
    if finite and np.array_equal(matrices, adjoint):
        return matrices  # as assembled from bonds and their conjugates, to the last bit
    if not np.isfinite(matrices).all():
        raise DataError(f"{name}: found entries that are not finite; allowed: finite numbers")
    asymmetry = np.abs(matrices - adjoint).max(initial=0.0)
    if asymmetry > tolerance * max(1.0, np.abs(matrices).max(initial=0.0)):
        raise DataError(f"{name}: found |H - H†| up to {asymmetry:.1e}; allowed: Hermitian matrices")
    return matrices


def numbers(values: Any, name: str, shapes: str, axes: tuple[int, ...], *, keep: bool = False) -> np.ndarray:
    """Return `values` as finite float64, or where they may be complex (`keep`) in a precision that torch has.

    Raises
    ------
    DataError
        If they are no array of numbers with so many axes, are empty, or, unless `keep`, not finite.
    """
    array = _array(values, name, shapes)
    if array.dtype.kind not in ("biufc" if keep else "biuf"):
        raise DataError(f"{name}: found type {array.dtype.name}; allowed: {'' if keep else 'real '}numbers")
    if array.ndim not in axes or array.size == 0:
        raise DataError(f"{name}: found shape {array.shape}; allowed: {shapes}, not empty")
    kept = (np.dtype(kind) for kind in ("float32", "float64", "complex64", "complex128"))
    if not keep or array.dtype not in kept:  # whole, half, long double or of another byte order
        array = array.astype(complex if array.dtype.kind == "c" else float)
    if not keep and not np.isfinite(array).all():
        raise DataError(f"{name}: found entries that are not finite; allowed: finite numbers")
    return array


def whole_numbers(values: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return `values` as an array of whole numbers.

    Raises
    ------
    DataError
        If they are none of this shape.
    """
    array = _array(values, name, str(shape))
    if array.shape != shape:
        raise DataError(f"{name}: found shape {array.shape}; allowed: {shape}")
    if array.dtype.kind not in "iub":
        raise DataError(f"{name}: found type {array.dtype.name}; allowed: whole numbers")
    return array


def _array(values: Any, name: str, shapes: str) -> np.ndarray:
    """Return `values` as an array, which rows of different lengths are not."""
    try:
        return np.asarray(values)
    except ValueError:
        raise DataError(f"{name}: found rows of different lengths; allowed: shape {shapes}") from None
