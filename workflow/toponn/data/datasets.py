"""Stored datasets: the only place that knows their HDF5 layout."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from toponn.matter.samples import Samples
from toponn.matter.states import MIDGAP_PAIR
from toponn.tools.checks import DataError, choose, short
from toponn.tools.conventions import DIMENSION, SPLITS
from toponn.tools.files import read_arrays, write_arrays
from toponn.tools.statistics import balanced_accuracy

LAYOUT = {
    "label": ("B", "int64"),
    "split": ("B", "int8"),
    "occupied": ("B O n", "float32 complex64"),
    "positions": ("N d | B N d", "float64"),
    "site_of_orbital": ("n", "int64"),
    "sublattice": ("N", "int64"),
    "cell": ("N d", "int64"),
    "margin": ("B", "float64"),
    "gap": ("B", "float64"),
    "draw": ("B", "int64"),
}
"""Shapes and types of a dataset's arrays: B samples, O states, n orbitals, N sites, d dimensions."""

OPTIONAL = ("sublattice", "cell", "margin", "gap", "draw")
NUMBERS = ("parameters", "outside", "disorder")
"""Groups of numbers of each sample; of these, and of references and proxies, every array is (B,) float64."""


def dataset_arrays(samples: Samples) -> dict[str, np.ndarray]:
    """Return what a file of labelled samples holds, by the names of its arrays."""
    found = {name: getattr(samples, {"gap": "gaps"}.get(name, name)) for name in LAYOUT}
    found |= {f"reference/{name}": values for name, values in samples.references.items()}
    found |= {f"proxy/{name}": values for name, values in samples.proxies.items()} | dict(samples.numbers)
    return {name: values for name, values in found.items() if values is not None}


def write_dataset(path: str | Path, samples: Samples) -> None:
    """Write what `toponn.data.generation.generate` returned."""
    write_arrays(path, dataset_arrays(samples), samples.attributes)


def read_dataset(path: str | Path, split: str | None = None) -> Samples:
    """Return the samples of a dataset, or of one split of it ("train", "validation", "test").

    Raises
    ------
    DataError
        If the file is missing, damaged, of another schema version, or its arrays are not those of a dataset.
    """
    arrays, attributes = read_arrays(path)
    _check_attributes(attributes, path)
    _check_layout(arrays, DIMENSION[attributes["task"]], path)
    _check_values(arrays, path)
    whole = Samples(
        states=arrays["occupied"],
        gaps=arrays.get("gap"),
        numbers={name: values for name, values in arrays.items() if name.split("/")[0] in NUMBERS},
        references=_group(arrays, "reference"),
        proxies=_group(arrays, "proxy"),
        midgap_pair=attributes.get("midgap_pair", "kept"),
        area_per_site=float(attributes["area_per_site"]),
        attributes=attributes,
        **{name: arrays.get(name) for name in LAYOUT if name not in ("occupied", "gap", "site_of_orbital")},
    )
    if split is None:
        return whole
    return whole[whole.split == choose({s: i for i, s in enumerate(SPLITS)}, split, "split")]


def _group(arrays: Mapping[str, np.ndarray], group: str) -> dict[str, np.ndarray]:
    """Return the arrays of a group by their names within it."""
    return {name.removeprefix(f"{group}/"): array for name, array in arrays.items() if name.startswith(f"{group}/")}


def _check_attributes(attributes: Mapping[str, Any], path: str | Path) -> None:
    """Refuse a file that does not say what it is, on which task, and what of it the reader needs."""
    area, pair = attributes.get("area_per_site"), attributes.get("midgap_pair", "kept")
    for key, right, allowed in (
        ("name", isinstance(attributes.get("name"), str), "a text"),
        ("task", str(attributes.get("task")) in DIMENSION, " or ".join(DIMENSION)),
        ("area_per_site", isinstance(area, float | int | np.integer) and 0 < area < np.inf, "a positive number"),
        ("midgap_pair", str(pair) in MIDGAP_PAIR, " or ".join(MIDGAP_PAIR)),
    ):
        if not right:
            raise DataError(f"{path}: attribute {key}: found {short(attributes.get(key))}; allowed: {allowed}")


def _check_layout(arrays: Mapping[str, np.ndarray], dimension: int, path: str | Path) -> None:
    """Refuse arrays that are missing, of another type, or of shapes that do not agree with each other."""
    missing = [name for name in LAYOUT if name not in arrays and name not in OPTIONAL]
    if missing or not _group(arrays, "reference"):
        name = missing[0] if missing else "reference/…"
        raise DataError(f"{path}: found no array {name}; it holds: {', '.join(arrays)[:200]}; it is no dataset")
    groups = ("reference", "proxy", *NUMBERS)
    rules = LAYOUT | {name: ("B", "float64") for name in arrays if name.split("/")[0] in groups}
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
    sites, orbitals = arrays["positions"].shape[-2], arrays["occupied"].shape[-1]
    for name, count in (("split", len(SPLITS)), ("site_of_orbital", sites), ("sublattice", sites)):
        array = arrays.get(name, np.zeros(0, int))
        outside = array[(array < 0) | (array >= count)]
        if outside.size:
            raise DataError(f"{path}: {name}: found {outside[0]}; allowed: 0 to {count - 1}")
    regular = np.arange(orbitals) // max(1, orbitals // sites)
    if orbitals % sites or (arrays["site_of_orbital"] != regular).any():
        allowed = "as many orbitals on every site, in the order of the sites"
        raise DataError(f"{path}: site_of_orbital: found another order; allowed: {allowed}")


def label_ceiling(samples: Samples) -> float:
    """Return the best balanced accuracy that an independent reference reaches against the labels."""
    guesses = [np.rint(values).astype(int) for values in samples.references.values()]
    return float(max(balanced_accuracy(samples.label, guess) for guess in guesses))
