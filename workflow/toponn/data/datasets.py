"""Stored datasets: the only place that knows their HDF5 layout."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toponn.matter.states import States
from toponn.tools.checks import DataError, choose
from toponn.tools.conventions import DIMENSION, SPLITS
from toponn.tools.files import read_arrays, write_arrays
from toponn.tools.statistics import balanced_accuracy


@dataclass(frozen=True)
class Dataset:
    """Samples of one recipe, or of one split of it.

    Attributes
    ----------
    name, task : str
    states : States of B samples
    label : (B,) int64, from the spectral localizer
    references : per independent estimator, (B,) float64, not rounded
    proxies : integers (B,) float64 that one could take for the label: those of ``clean_parameters`` without disorder,
        and of samples with an interface of their ``outside_parameters``
    """

    name: str
    task: str
    states: States
    label: np.ndarray
    references: Mapping[str, np.ndarray]
    attributes: Mapping[str, Any]
    proxies: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)


LAYOUT = {
    "label": ("B", "int64"),
    "split": ("B", "int8"),
    "occupied": ("B O n", "float32 complex64"),
    "positions": ("N d | B N d", "float64"),
    "site_of_orbital": ("n", "int64"),
    "sublattice": ("N", "int64"),
    "cell": ("N d", "int64"),
}
"""Shapes and types of a dataset's arrays: B samples, O states, n orbitals, N sites, d dimensions. Of the groups
`OF_SAMPLES` every array is (B,) float64."""

OPTIONAL = ("sublattice", "cell")
OF_SAMPLES = ("reference", "proxy")


def reference_names(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Return the names of the arrays that hold independent references, the first of them the main one."""
    return [key for key in arrays if key.startswith("reference/")]


def write_dataset(path: str | Path, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
    """Write what `toponn.data.generation.generate` returned."""
    write_arrays(path, arrays, attributes)


def read_dataset(path: str | Path, split: str | None = None) -> Dataset:
    """Return a dataset, or one split of it ("train", "validation", "test").

    Raises
    ------
    DataError
        If the file is missing, damaged, of another schema version, or its arrays are not those of a dataset.
    """
    arrays, attributes = read_arrays(path)
    _check_attributes(attributes, path)
    _check_layout(arrays, DIMENSION[attributes["task"]], path)
    _check_values(arrays, path)
    return dataset_of(arrays, attributes, split)


def _check_attributes(attributes: Mapping[str, Any], path: str | Path) -> None:
    """Refuse a file that does not say what it is and on which task."""
    for key, allowed in (("name", "a text"), ("task", " or ".join(DIMENSION))):
        found = attributes.get(key)
        if not isinstance(found, str) or (key == "task" and found not in DIMENSION):
            shown = "nothing" if found is None else repr(found)[:60]
            raise DataError(f"{path}: attribute {key}: found {shown}; allowed: {allowed}")


def _check_layout(arrays: Mapping[str, np.ndarray], dimension: int, path: str | Path) -> None:
    """Refuse arrays that are missing, of another type, or of shapes that do not agree with each other."""
    missing = [name for name in LAYOUT if name not in arrays and name not in OPTIONAL]
    if missing or not reference_names(arrays):
        name = missing[0] if missing else "reference/…"
        raise DataError(f"{path}: found no array {name}; it holds: {', '.join(arrays)[:200]}; it is no dataset")
    rules = LAYOUT | {name: ("B", "float64") for name in arrays if name.split("/")[0] in OF_SAMPLES}
    known = {"d": dimension}
    for name, (shapes, types) in rules.items():
        if name not in arrays:
            continue
        array = arrays[name]
        if array.dtype.str not in [np.dtype(kind).str for kind in types.split()]:
            found = array.dtype.name[:60] + ("" if array.dtype.isnative else " of another byte order")
            raise DataError(f"{path}: {name}: found type {found}; allowed: {types.replace(' ', ' or ')}")
        axes = next((s.split() for s in shapes.split(" | ") if len(s.split()) == array.ndim), None)
        sizes = dict(zip(axes or (), array.shape, strict=True)) if axes else {}
        if axes is None or any(known.setdefault(axis, size) != size for axis, size in sizes.items()):
            wanted = ", ".join(f"{axis} = {known[axis]}" for axis in dict.fromkeys(shapes.split()) if axis in known)
            allowed = " or ".join(
                f"({', '.join(kind.split())})" for kind in shapes.split(" | ")
            ) + f" with {wanted}" * bool(wanted)
            raise DataError(f"{path}: {name}: found shape {array.shape}; allowed: {allowed}")
    empty = next((axis for axis in "BNn" if known[axis] == 0), None)
    if empty:
        found = {"B": "no samples", "N": "no sites", "n": "no orbitals"}[empty]
        raise DataError(f"{path}: found {found}; allowed: at least one")


def _check_values(arrays: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Refuse numbers that are not finite, and places outside of what they point into."""
    for name in ("occupied", "positions"):
        if not np.isfinite(arrays[name]).all():
            raise DataError(f"{path}: {name}: found entries that are not finite; allowed: finite numbers")
    sites = arrays["positions"].shape[-2]
    for name, count in (("split", len(SPLITS)), ("site_of_orbital", sites), ("sublattice", sites)):
        array = arrays.get(name, np.zeros(0, int))
        outside = array[(array < 0) | (array >= count)]
        if outside.size:
            raise DataError(f"{path}: {name}: found {outside[0]}; allowed: 0 to {count - 1}")


def dataset_of(arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any], split: str | None = None) -> Dataset:
    """Return a dataset, or one split of it, from what `toponn.data.generation.generate` returned or a file holds."""
    wanted = (
        slice(None)
        if split is None
        else arrays["split"] == choose({s: i for i, s in enumerate(SPLITS)}, split, "split")
    )
    states = States(
        occupied=arrays["occupied"][wanted],
        positions=arrays["positions"][wanted] if arrays["positions"].ndim == 3 else arrays["positions"],
        site_of_orbital=arrays["site_of_orbital"],
        sublattice=arrays.get("sublattice"),
        cell=arrays.get("cell"),
    )
    references = {key.split("/")[1]: arrays[key][wanted] for key in reference_names(arrays)}
    proxies = {key.split("/")[1]: values[wanted] for key, values in arrays.items() if key.startswith("proxy/")}
    label = arrays["label"][wanted]
    return Dataset(attributes["name"], attributes["task"], states, label, references, attributes, proxies)


def label_ceiling(dataset: Dataset) -> float:
    """Return the best balanced accuracy that an independent reference reaches against the labels."""
    guesses = [np.rint(values).astype(int) for values in dataset.references.values()]
    return float(max(balanced_accuracy(dataset.label, guess) for guess in guesses))


def ring_area(dataset: Dataset) -> float:
    """Return the length or area that one of those positions stands for."""
    return 1.0 if dataset.states.dimension == 1 else float(dataset.attributes["area_per_site"])
