"""The decorator of a diagnostic, a record of what it needs and costs, and of what its rows, figure and sentences are.

A user's own diagnostic is one file with one function under `diagnostic`, and one entry of the config::

    @diagnostic(
        needs=("gradient", "runs"),
        conditions={"factor": "times the learning rate of the search"},
        trainings="factors",
        curves=Curves("rates", (Panel("rate_success", "factor", "learning rate", SUCCESS),), "success against rates"),
    )
    def learning_rates(subject: Subject, *, factors: Listed[Positive] = (0.3, 1.0), seeds: Seeds = 20) -> Measured: ...

The study reads the record from the file (`toponn.study.declared`), without importing it. So the call may contain only
literals and names of this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from toponn.tools.statements import Statement

SUCCESS, BALANCED = "success fraction", "balanced accuracy"
ABILITIES = {
    "gradient": "it is solved, not trained by gradient steps",
    "second derivative": "its second derivatives are not available",
    "closed form": "it has no closed form",
}
"""What a diagnostic may need of a model, and why it does not apply to one that lacks it."""

ROLES = ("smaller", "clean", "many", "scaling")
"""Datasets of a task that a diagnostic may need, beside the one that models are trained on."""


class Panel(NamedTuple):
    """One panel of a figure of curves: a measured quantity against a condition.

    Attributes
    ----------
    diagnostic : name of the diagnostic whose rows are drawn
    across : the condition on the x axis, or ``size``
    x_label, y_label : labels of the axes, in which ``{size}`` and ``{distance}`` stand for the task's units
    where : pairs (condition, value) that the rows must have, see `toponn.tools.files.rows_where`
    band : whether intervals are drawn as bands rather than bars
    before : name of a diagnostic, such as the same quantity before training, that is drawn dashed beside it
    linear : whether the x axis is linear
    logarithmic : whether the y axis is logarithmic
    """

    diagnostic: str
    across: str
    x_label: str
    y_label: str
    where: tuple[tuple[str, str], ...] = ()
    band: bool = False
    before: str = ""
    linear: bool = False
    logarithmic: bool = False


class Curves(NamedTuple):
    """A figure of curves; diagnostics that name the same figure share it, in the order of the family.

    Attributes
    ----------
    figure : name of the figure
    panels : the panels of this diagnostic
    title : what the report calls the figure
    """

    figure: str
    panels: tuple[Panel, ...]
    title: str = ""


@dataclass(frozen=True)
class Record:
    """What a diagnostic declares.

    Attributes
    ----------
    needs : what it cannot do without: abilities of the model (`ABILITIES`), the study's trained ``runs``, datasets
        (`ROLES`; with a question mark, as in ``smaller?``, they are used if the study has them)
    conditions : the columns of its rows that say under which condition they were measured, and what each means
    trainings : how many trainings of a model it takes as long as: a number, or the name of the option that is a list
        of so many values; the time limits of jobs follow from it
    curves : its figure, if that is one of curves
    figure : or the name of a figure of its own in `toponn.figures.FIGURES`
    statements : the sentences of the page of answers that are made from its rows
    """

    needs: tuple[str, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)
    trainings: float | str = 0.3
    curves: Curves | None = None
    figure: str = ""
    statements: tuple[Statement, ...] = ()

    def __call__(self, function: Callable) -> Callable:
        """Return the function with this record as its attribute ``record``."""
        function.record = self
        return function


diagnostic = Record
"""The name under which `Record` decorates the function that measures."""
