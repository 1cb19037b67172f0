"""The record that stands above a figure: what there is one of, which files and facts it shows, and where.

The Snakefile makes the rules of figures from the records of `toponn.figures.FIGURES` alone, which are read without
importing the files (`toponn.declared`); names in the call are those of this module, or literals.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

FILES = {
    "map": "arrays of a labelled plane",
    "markers": "arrays of an interface",
    "site_tensors": "arrays of a task's rings",
    "arrays": "arrays of the diagnostics whose figure it is, a file for each variant, ``<variant>.h5``",
}
"""Files that are no tables, by the names that `Record.inputs` has for them."""

ABOUT = {
    "home": "the dataset that the task trains on",
    "task": "of the system of an entry",
    "recipe": "the entry of the study that it is of, as plain values",
    "boundary": "where the lines of a map are from",
    "success": "``split`` and ``balanced_accuracy`` of a success",
    "kinds": "test -> what it changes, in the order of the study",
    "proxies": "the tests on which a proxy and the invariant disagree",
    "clean": "the dataset without disorder",
    "sizes": "``datasets``, ``variants`` and ``seeds``, at most so many or None, of the trainings at other sizes",
    "rivals": "tested variants that do not hold the invariant, if the task has a hybrid to compare them with",
    "left_out": "``datasets``, ``variants`` and ``seeds`` of the trainings without one dataset",
    "split_sizes": "split -> number of samples of ``home``",
    "test_sizes": "test -> number of samples",
    "left_out_sizes": "dataset that is left out -> split -> number of samples",
    "transfer_sizes": "``home`` and the tests that differ from it in size alone -> cells or sites",
    "trained_seeds": "trained variant -> number of seeds",
    "tested_seeds": "tested variant -> number of seeds",
    "block_seeds": "tested ring with site tensors -> number of seeds of its first block",
    "diagnosed_seeds": "diagnosed variant -> number of seeds, the most of the diagnostics whose figure it is",
    "options": "options other than seeds of the diagnostics whose figure it is",
    "panels": "those of the diagnostics whose figure it is, as mappings",
}
"""Facts of the study that a drawing or its caption needs, by the names that `Record.about` has for them."""


class Look(NamedTuple):
    """How one variant looks in every figure."""

    label: str
    colour: str
    marker: str


@dataclass(frozen=True)
class Record:
    """What a figure declares.

    Attributes
    ----------
    of : what there is one figure of: ``task``, an entry of ``map``, ``convergence``, ``ceiling`` or ``interface``, or
        nothing, for one of the whole study
    inputs : tables by name, of an entry its part of them, or `FILES`
    about : names of `ABOUT`
    result : what the report calls it; of curves the diagnostics say it
    category : where the report shows it
    shown : whose results the report says that it shows; of an entry the entry's
    only_with : a fact without which there is no such figure
    """

    of: str
    inputs: tuple[str, ...]
    result: str
    category: str
    about: tuple[str, ...] = ()
    shown: str = "all models"
    only_with: str = ""


class figure:  # noqa: N801 a decorator
    """Keep a `Record` of these fields beside the function that draws, as its attribute ``record``."""

    def __init__(self, **fields: Any):
        self.record = Record(**fields)

    def __call__(self, function: Callable) -> Callable:
        """Return the function with its record."""
        function.record = self.record
        return function


@dataclass(frozen=True)
class Given:
    """What a figure is drawn from.

    Attributes
    ----------
    subject : the task or entry that it is of
    files : paths by the names of the record's ``inputs``
    about : facts by the names of the record's ``about``
    looks : by variant, in the order in which figures show them
    """

    subject: str
    files: Mapping[str, list[Path]]
    about: Mapping[str, Any]
    looks: Mapping[str, Look]

    def table(self, name: str) -> "pd.DataFrame":
        """Return a table, of what the figure is of alone."""
        from toponn.files import read_table  # here, because the Snakefile reads records

        table = read_table(self.files[name], name)
        column = "name" if "name" in table else "task"
        return table[table[column] == self.subject] if column in table and self.subject else table

    def arrays(self, name: str) -> "tuple[dict[str, Any], dict[str, Any]]":
        """Return the arrays and attributes of a file."""
        from toponn.files import read_arrays

        (path,) = self.files[name]
        return read_arrays(path)

    def by_variant(self, name: str) -> "dict[str, dict[str, Any]]":
        """Return the arrays of a file for each variant, without the variants that have none."""
        from toponn.files import read_arrays

        found = {path.stem: read_arrays(path)[0] for path in self.files[name]}
        return {variant: arrays for variant, arrays in found.items() if arrays}
