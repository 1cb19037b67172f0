"""A sentence of the page of answers that is read off one row of the table of diagnostics."""

from typing import NamedTuple


class Statement(NamedTuple):
    """A sentence of the page of answers that is one row of a diagnostic.

    Attributes
    ----------
    diagnostic : of the row
    text : the statement
    where : (condition, value) that the row must have, see `toponn.tools.files.rows_where`
    home : whether only rows of the size that the task trains on count
    """

    diagnostic: str
    text: str
    where: tuple[tuple[str, str], ...] = ()
    home: bool = True
