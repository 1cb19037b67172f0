"""The record that stands above a figure: what there is one of, which files and facts it shows, and where.

The Snakefile makes the rules of figures from the records of `toponn.figures.FIGURES` alone, which are read without
importing the files (`toponn.study.declared`); names in the call are those of this module, or literals.
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
    about : facts of the study, the methods of `toponn.study.facts.Facts` of these names
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

    def __call__(self, function: Callable) -> Callable:
        """Return the function with this record as its attribute ``record``."""
        function.record = self
        return function


figure = Record
"""Decorates the function that draws."""


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
        from toponn.tools.files import read_table  # here, because the Snakefile reads records

        table = read_table(self.files[name], name)
        column = "name" if "name" in table else "task"
        return table[table[column] == self.subject] if column in table and self.subject else table

    def arrays(self, name: str) -> "tuple[dict[str, Any], dict[str, Any]]":
        """Return the arrays and attributes of a file."""
        from toponn.tools.files import read_arrays

        (path,) = self.files[name]
        return read_arrays(path)

    def by_variant(self, name: str) -> "dict[str, dict[str, Any]]":
        """Return the arrays of a file for each variant, without the variants that have none."""
        from toponn.tools.files import read_arrays

        found = {path.stem: read_arrays(path)[0] for path in self.files[name]}
        return {variant: arrays for variant, arrays in found.items() if arrays}
