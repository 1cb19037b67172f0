"""The code that a job depends on, as parameters of its rule: one string a project file, and rows of families.

A job that works on one system, model or diagnostic depends on that member's module and on no other's.
"""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toponn.data.encodings import ENCODINGS
from toponn.matter.lattices import LATTICES
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
    """

    def __init__(self, root: Path, plan: Plan):
        self.plan, self.trace = plan, Trace(root)
        self.of = functools.cache(self.trace.code_of)  # jobs ask for the same files again and again

    @functools.cache  # noqa: B019 one object lives as long as the process
    def member(self, script: str, row: str) -> list[str]:
        """Return a row of a family's dict, and what its module adds to the code that `script` reaches."""
        return [row, *sorted(set(self.of(self.trace.member_module(row))) - set(self.of(script)))]

    def system(self, script: str, *entries: Any) -> list[str]:
        """Return the code of the systems that entries of the study name, and of the lattices that they live on."""
        found: dict[str, None] = {}
        for entry in entries:
            rows = [row_of(SYSTEMS, entry.system, "system")]
            lattice = entry.lattice or entry.family.lattices[0]
            rows += [LATTICES[lattice]] if lattice in LATTICES else []
            found |= dict.fromkeys(part for row in rows for part in self.member(script, row))
        return list(found)

    def model(self, script: str, *variants: str) -> list[str]:
        """Return the code of the classes of variants, and of the encodings that each can be shown."""
        found: dict[str, None] = {}
        for variant in variants:
            rows = [row_of(MODELS, self.plan.study.models[variant].variant.model, "model")]
            rows += [ENCODINGS[name] for name in self.plan.fact(variant, "encodings")]
            found |= dict.fromkeys(part for row in rows for part in self.member(script, row))
        return list(found)

    def rows(self, script: str, rows: Iterable[str]) -> list[str]:
        """Return the code of several members."""
        return list(dict.fromkeys(part for row in rows for part in self.member(script, row)))
