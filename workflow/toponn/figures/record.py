"""The decorator of a figure: a record of what it is drawn from, how many there are, and where the report shows it.

The Snakefile makes the rules of figures from the records of `toponn.figures.FIGURES` alone, which are read without
importing the files (`toponn.study.declared`). So the call may contain only literals and names of this module.
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
"""Files that are no tables, by the names under which `Record.inputs` asks for them."""


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
    of : what has a figure of its own: every ``task``, every entry of the study that is a ``map``, ``convergence``,
        ``ceiling`` or ``interface``, or, if empty, the whole study
    inputs : names of the tables that it is drawn from (`Given.table` returns its part of them) or of `FILES`
    about : names of the facts of the study that it needs, methods of `toponn.study.facts.Facts`
    result : what the report calls it; figures of curves are called by the diagnostics' records
    category : the report's category that it is shown in
    shown : whose results it shows, in the words of the report; for figures of an entry the report names the entry
    only_with : name of a fact that must not be empty for the figure to exist
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
"""The name under which `Record` decorates the function that draws."""


@dataclass(frozen=True)
class Given:
    """What a figure is drawn from.

    Attributes
    ----------
    subject : name of the task or entry that it is of, empty for the whole study
    files : paths by the names of the record's ``inputs``
    about : facts by the names of the record's ``about``
    looks : by variant, in the order in which figures show them
    """

    subject: str
    files: Mapping[str, list[Path]]
    about: Mapping[str, Any]
    looks: Mapping[str, Look]

    def table(self, name: str) -> "pd.DataFrame":
        """Return the rows of a table that belong to the task or entry of the figure."""
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
        """Return the arrays of each variant's file, without the variants whose file has none."""
        from toponn.tools.files import read_arrays

        found = {path.stem: read_arrays(path)[0] for path in self.files[name]}
        return {variant: arrays for variant, arrays in found.items() if arrays}
