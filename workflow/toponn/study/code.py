"""The code that a job depends on, as parameters of its rule: one string a project file, and one a row of a family.

A job that works on one system, shape, model or diagnostic depends on that member's row and module and on no other's.
"""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toponn.data.encodings import ENCODINGS
from toponn.matter.disorder import DISORDER
from toponn.matter.geometry import square_of
from toponn.matter.lattices import LATTICES
from toponn.matter.shapes import SHAPES
from toponn.matter.systems import SYSTEMS
from toponn.models import MODELS
from toponn.study.codetrace import Trace
from toponn.study.plan import Plan
from toponn.tools.checks import row_of


class Code:
    """The code of the jobs of a study.

    Parameters
    ----------
    root : of the project
    plan : of the study
    known : what `Trace` knows of files already, where the run has begun
    """

    def __init__(self, root: Path, plan: Plan, known: Mapping[str, Any] | None = None):
        self.plan, self.trace = plan, Trace(root, known)
        self.of = functools.cache(self.trace.code_of)  # jobs ask for the same files again and again

    @functools.cache  # noqa: B019 one object lives as long as the process
    def member(self, script: str, name: str, row: str) -> list[str]:
        """Return a row of a family's dict, and what its module adds to the code that `script` reaches."""
        added = set(self.of(self.trace.member_module(row))) - set(self.of(script))
        return [f"{name} {row}", *sorted(added)]

    def members(self, script: str, *members: tuple[Mapping[str, str], str]) -> list[str]:
        """Return the code of several members, each a family's dict and a name in it, or a row of a user's own."""
        named = ((name, row_of(family, name, "member")) for family, name in members)
        return list(dict.fromkeys(part for name, row in named for part in self.member(script, name, row)))

    def system(self, script: str, *entries: Any) -> list[str]:
        """Return the code of all that the samples of entries of the study are made by."""
        return self.members(script, *(member for entry in entries for member in _makers(entry)))

    def model(self, script: str, *variants: str) -> list[str]:
        """Return the code of the classes of variants, and of the encodings that each can be shown."""
        found = [(MODELS, self.plan.study.models[variant].variant.model) for variant in variants]
        found += [(ENCODINGS, name) for variant in variants for name in self.plan.fact(variant, "encodings")]
        return self.members(script, *found)


def _makers(entry: Any) -> Iterator[tuple[Mapping[str, str], str]]:
    """Yield the system of an entry, its lattice, its shape, and its kinds of disorder."""
    yield SYSTEMS, entry.system
    lattice = entry.lattice or entry.family.lattices[0]
    if lattice in LATTICES:  # or it is the system's own
        yield LATTICES, lattice
    yield SHAPES, entry.shape.name if hasattr(entry, "shape") else square_of(entry.system, 1)["name"]
    terms = getattr(entry, "disorder", [])
    yield from ((DISORDER, name) for name in ([terms] if isinstance(terms, str) else [term.name for term in terms]))
    if hasattr(entry, "plane"):  # of a map, which may have a strength of disorder along an axis
        plane = entry.family().phase_planes()[entry.plane]
        yield from ((DISORDER, axis.split("/")[1]) for axis in (plane.x, plane.y) if axis.startswith("disorder/"))
