"""Stored datasets: the only place that knows their HDF5 layout."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toponn.checks import choose
from toponn.conventions import SPLITS
from toponn.files import read_arrays, write_arrays
from toponn.states import States


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


def reference_names(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Return the names of the arrays that hold independent references, the first of them the main one."""
    return [key for key in arrays if key.startswith("reference/")]


def write_dataset(path: str | Path, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
    """Write what `toponn.generation.generate` returned."""
    write_arrays(path, arrays, attributes)


def read_dataset(path: str | Path, split: str | None = None) -> Dataset:
    """Return a dataset, or one split of it ("train", "validation", "test").

    Raises
    ------
    DataError
        If the file is missing, damaged, or of another schema version.
    """
    return dataset_of(*read_arrays(path), split)


def dataset_of(arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any], split: str | None = None) -> Dataset:
    """Return a dataset, or one split of it, from what `toponn.generation.generate` returned or a file holds."""
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
