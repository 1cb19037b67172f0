"""Types of what a user may set: numbers with their bounds, in the words in which errors and the reference name them.

The signature of a model or of a diagnostic is the one place that says which options it has. The study reads it without
importing the file (`toponn.study.declared`), makes the config's schema from it and refuses all else; the job calls it.
So an option is written once, as a keyword with one of these types and, where it has one, its default::

    def __init__(self, shapes, *, stencil: Whole = 1, channels: Listed[Count] = (16, 16)): ...
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Len, Lt, MultipleOf

__all__ = [
    "Annotated",
    "Count",
    "Even",
    "Ge",
    "Gt",
    "Le",
    "Len",
    "Listed",
    "Literal",
    "Lt",
    "MultipleOf",
    "Number",
    "OneOrMore",
    "Positive",
    "Seeds",
    "Several",
    "Share",
    "Told",
    "Unique",
    "Whole",
    "Width",
]

Told = Any
"""Annotates declarations that are no code of a job: the rules tell it by parameters what it needs of them."""

MOST_SEEDS = 100_000
"""Seeds of one model that a study may ask for; more are a slip of the keyboard."""


@dataclass(frozen=True)
class Unique:
    """Says of a list that no entry may come twice."""


Item = TypeVar("Item")

Whole = Annotated[int, Ge(0)]
"""A whole number from 0."""
Count = Annotated[int, Ge(1)]
"""A whole number from 1."""
Seeds = Annotated[int, Ge(1), Le(MOST_SEEDS)]
"""A number of seeds."""
Width = Annotated[int, Ge(6)]
"""Hidden units, of which the closed form of a coordinate network in the plane takes six."""
Even = Annotated[int, MultipleOf(2), Ge(8)]
"""An even number from 8."""
Number = Annotated[float, Ge(0)]
"""A number from 0."""
Positive = Annotated[float, Gt(0)]
"""A number above 0."""
Share = Annotated[float, Gt(0), Le(1)]
"""A number above 0 up to 1."""
Listed = Annotated[Sequence[Item], Len(1), Unique()]
"""A list of at least one entry, each once."""
Several = Annotated[Sequence[Item], Len(1)]
"""A list of at least one entry, in order."""
OneOrMore = Item | Annotated[Sequence[Item], Len(1), Unique()]
"""A value, or a list of values, of which the validation split chooses one."""
