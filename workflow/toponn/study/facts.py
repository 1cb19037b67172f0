"""Figures of a study: which there are, from which files, and the facts that drawings and captions need.

Facts are the methods of `Facts` that the ``about`` of a figure's record names; their argument is what the figure is
of, a `Shown`.
"""

import math
from functools import cache, cached_property
from typing import Any, NamedTuple

from toponn.figures import FIGURES, record
from toponn.figures.looks import looks
from toponn.study.declared import declared_function
from toponn.study.plan import Plan
from toponn.tools.checks import ConfigError, refusal

SECTIONS = {"map": "maps", "convergence": "convergence", "ceiling": "ceiling", "interface": "interfaces"}
"""The section of the study whose entries a figure is of."""


class Shown(NamedTuple):
    """A figure: its kind, which its file begins with, the subject that it is of, and the row that draws it."""

    kind: str
    subject: str
    row: str

    @property
    def stem(self) -> str:
        """Name of its files."""
        return f"{self.kind}_{self.subject}" if self.subject else self.kind


class Facts:
    """What the figures of a study are made from.

    Parameters
    ----------
    plan : of the study
    """

    def __init__(self, plan: Plan):
        self.plan, self.study = plan, plan.study
        self.figures = cache(self._figures)

    # --- Which figures there are -----------------------------------------------------------------------------------

    @staticmethod
    def record(row: str) -> record.Record:
        """Return what a figure declares."""
        return declared_function(row, record).record

    @cached_property
    def rows(self) -> dict[str, str]:
        """The kinds of figures and their rows; those of curves are called by the names in the diagnostics' records."""
        rows = {kind: row for kind, row in FIGURES.items() if kind != "curves"}
        return rows | dict.fromkeys(self.plan.curves, FIGURES["curves"])

    def check_figures(self) -> None:
        """Refuse diagnostics that draw over a figure of another kind, or name one that does not exist.

        Raises
        ------
        ConfigError
            At the first of them.
        """
        for name in self.study.trainability:
            curves, own = self.plan.record(name).curves, self.plan.record(name).figure
            if curves and curves.figure in FIGURES:
                allowed = "figures of curves with other names than the figures that there are"
                raise ConfigError(refusal(f"trainability.{name}", curves.figure, allowed))
            if own and own not in FIGURES:
                raise ConfigError(refusal(f"trainability.{name}", own, f"figures among {', '.join(FIGURES)}"))

    @cached_property
    def diagnosed(self) -> dict[str, list[str]]:
        """The kinds of figures that diagnostics name, and which these are."""
        found = {figure: list(names) for figure, names in self.plan.curves.items()}
        for name in self.study.trainability:
            if self.plan.record(name).figure:
                found.setdefault(self.plan.record(name).figure, []).append(name)
        return found

    def _figures(self, kind: str) -> list[Shown]:
        """Return the figures of a kind: one for each subject for which all its files and facts are there."""
        row = self.rows[kind]
        of, only_with = self.record(row).of, self.record(row).only_with
        subjects = getattr(self.study, SECTIONS[of]) if of in SECTIONS else self.plan.tasks if of else [""]
        shown = [Shown(kind, subject, row) for subject in subjects]
        return [
            one for one in shown if all(self.inputs(one).values()) and (not only_with or getattr(self, only_with)(one))
        ]

    def figure_stems(self, kinds: tuple[str, ...] = ()) -> list[str]:
        """Return the names of the files of figures of these kinds, or of all."""
        names = [kind for kind in kinds or self.rows if kind in self.rows]
        return [shown.stem for kind in names for shown in self.figures(kind)]

    def inputs(self, shown: Shown) -> dict[str, list[str]]:
        """Return the files that a figure is drawn from, by the names of its record; an empty list if there is none."""
        return {name: self._files(shown, name) for name in self.record(shown.row).inputs}

    def _files(self, shown: Shown, name: str) -> list[str]:
        results, subject = self.plan.results, shown.subject
        diagnostics = self.diagnosed.get(shown.kind, [])
        looks_at = "diagnosed_seeds" in self.record(shown.row).about  # at models that diagnostics were applied to
        if looks_at and not any(self.plan.diagnosed(subject, name) for name in self._made(shown)):
            return []
        special = {
            "map": lambda: [f"{results}/maps/{subject}.h5"],
            "markers": lambda: [f"{results}/interfaces/{subject}.h5"],
            "site_tensors": lambda: self.plan.task_files(
                "site_tensors.h5", [subject] if self.plan.rings(subject) else []
            ),
            "arrays": lambda: self.plan.diagnostic_files("h5", [subject], diagnostics),
            "history": lambda: self.plan.run_files("history.csv", [subject]),
            "convergence": lambda: [f"{results}/convergence/{subject}.csv"],
            "ceiling": lambda: [f"{results}/ceiling/{subject}.csv"],
        }
        if name in special:
            return special[name]()
        if name == "interfaces" and subject in self.study.interfaces:
            return [f"{results}/interfaces/{subject}.csv"]
        return [f"{self.plan.tables}/{name}.csv"]

    def _made(self, shown: Shown) -> list[str]:
        """Return the diagnostics of a figure that the study makes of its task."""
        return [n for n in self.diagnosed.get(shown.kind, []) if n in self.plan.diagnostics(shown.subject)]

    def title(self, shown: Shown) -> str:
        """Return what the report calls a figure."""
        titles = [self.plan.record(name).curves.title for name in self.plan.curves.get(shown.kind, [])]
        return next(filter(None, titles), self.record(shown.row).result)

    def place(self, shown: Shown) -> str:
        """Return under which heading of its category the report shows a figure: its task, or that of its system."""
        of = self.record(shown.row).of
        return shown.subject if of == "task" else "chern" if not of else self.task(shown)

    def labels(self, shown: Shown) -> dict[str, str]:
        """Return what the report calls a figure, and whose results it says that it shows."""
        of = self.record(shown.row).of
        return {"result": self.title(shown), "of": shown.subject if of in SECTIONS else self.record(shown.row).shown}

    def about(self, shown: Shown) -> dict[str, Any]:
        """Return the facts that a figure's record names."""
        return {name: getattr(self, name)(shown) for name in self.record(shown.row).about}

    @cached_property
    def looks(self) -> dict[str, list[str]]:
        """Label, colour and marker of every variant of the study, by their places in it."""
        entries = [
            (name, entry.label or name.replace("_", " "), entry.variant.model)
            for name, entry in self.study.models.items()
        ]
        return {name: list(look) for name, look in looks(entries).items()}

    def shown_looks(self, shown: Shown) -> dict[str, list[str]]:
        """Return the looks of the variants that a figure can show, so that those of other tasks change no figure."""
        if self.record(shown.row).of == "task":
            names = self.plan.trained(shown.subject)
        else:
            names = filter(None, [getattr(self.entry(shown), "model", None)])
        return {name: self.looks[name] for name in names}

    def front_page(self) -> dict[str, Any]:
        """Return what the report's first page says of the study."""
        plan, study, tasks = self.plan, self.study, {}
        for task, parts in plan.tasks.items():
            seeds = {name: study.models[name].seeds for name in plan.trained(task)}
            tasks[task] = {"home": plan.home(task), "tests": parts.tests.model_dump(), "seeds": seeds}
        counts = {section: len(getattr(study, section)) for section in ("maps", "convergence", "ceiling")}
        about = {"name": study.study, "seed": study.seed, "success": study.success.model_dump()}
        return {**about, "tasks": tasks, **counts}

    # --- Facts -----------------------------------------------------------------------------------------------------

    def home(self, shown: Shown) -> str:
        """Return the dataset that the task trains on."""
        return self.plan.home(shown.subject if shown.subject in self.plan.tasks else "chern")

    def entry(self, shown: Shown) -> Any:
        """Return the entry of the study that a figure is of."""
        section = SECTIONS.get(self.record(shown.row).of)
        return getattr(self.study, section)[shown.subject] if section else self.plan.beyond

    def task(self, shown: Shown) -> str:
        """Return the task of the system of an entry."""
        return self.entry(shown).family.task

    def recipe(self, shown: Shown) -> dict[str, Any]:
        """Return the entry as plain values."""
        entry = self.entry(shown)
        return entry.model_dump() if entry else {}

    def boundary(self, shown: Shown) -> str:
        """Return where the lines of a map are from."""
        entry = self.entry(shown)
        return entry.family().phase_planes()[entry.plane].source

    def success(self, shown: Shown) -> dict[str, Any]:
        """Return the split and the balanced accuracy of a success."""
        return self.study.success.model_dump()

    def kinds(self, shown: Shown) -> dict[str, str]:
        """Return each test and what it changes."""
        return self.plan.kinds(shown.subject)

    def proxies(self, shown: Shown) -> list[str]:
        """Return the tests on which a proxy and the invariant disagree."""
        return list(self.plan.tasks[shown.subject].proxies)

    def clean(self, shown: Shown) -> str:
        """Return the dataset without disorder."""
        return self.plan.tasks[shown.subject].clean

    def rivals(self, shown: Shown) -> list[str]:
        """Return the variants that do not hold the invariant, if the task has a hybrid to compare them with."""
        return self.plan.rivals(shown.subject) if self.plan.hybrids(shown.subject) else []

    def sizes(self, shown: Shown) -> dict[str, Any]:
        """Return the datasets, variants and most seeds of the trainings at other sizes, if there are any."""
        parts = self.plan.tasks[shown.subject].sizes
        if not self.plan.other_sizes(shown.subject):
            return {}
        return {"datasets": list(parts.datasets), "variants": list(parts.models), "seeds": parts.seeds}

    def left_out(self, shown: Shown) -> dict[str, Any]:
        """Return the datasets, variants and seeds of the trainings without one dataset, if there are any."""
        datasets, variants, seeds = self.plan.left_out(shown.subject)
        return {"datasets": datasets, "variants": variants, "seeds": seeds} if variants else {}

    def split_sizes(self, shown: Shown) -> dict[str, int]:
        """Return the number of samples in each split of the dataset that the task trains on."""
        return self._splits(self.home(shown))

    def _splits(self, dataset: str) -> dict[str, int]:
        return {split: count for split, count in self.study.datasets[dataset].samples if count}

    def test_sizes(self, shown: Shown) -> dict[str, int]:
        """Return the number of samples of each test of the task."""
        return {test: self.study.datasets[test].samples.test for test in self.plan.kinds(shown.subject)}

    def left_out_sizes(self, shown: Shown) -> dict[str, dict[str, int]]:
        """Return the number of samples in each split of the datasets that are left out."""
        return {name: self._splits(name) for name in self.plan.left_out(shown.subject)[0]}

    def transfer_sizes(self, shown: Shown) -> dict[str, int]:
        """Return the cells or sites of the training dataset and of the tests that differ from it in size alone."""
        tests = self.plan.tasks[shown.subject].tests.sizes
        names = [self.home(shown), *tests] if tests else []
        return {name: math.prod(self.study.datasets[name].shape.size) for name in names}

    def trained_seeds(self, shown: Shown) -> dict[str, int]:
        """Return the number of seeds of each trained variant."""
        return {name: self.study.models[name].seeds for name in self.plan.trained(shown.subject)}

    def stepwise(self, shown: Shown) -> list[str]:
        """Return the trained variants that are trained over epochs, not solved."""
        return [name for name in self.plan.trained(shown.subject) if not self.plan.fact(name, "solved")]

    def tested_seeds(self, shown: Shown) -> dict[str, int]:
        """Return the number of seeds of each tested variant."""
        return {name: self.study.models[name].seeds for name in self.plan.tested(shown.subject)}

    def block_seeds(self, shown: Shown) -> dict[str, int]:
        """Return the number of seeds in the first block of each tested ring with site tensors."""
        return {name: min(self.study.models[name].seeds, self.study.block) for name in self.plan.rings(shown.subject)}

    def diagnosed_seeds(self, shown: Shown) -> dict[str, int]:
        """Return how many seeds of each variant the diagnostics of a figure look at, the most of theirs."""
        found: dict[str, int] = {}
        for name in self._made(shown):
            for variant in self.plan.diagnosed(shown.subject, name):
                seeds = self.plan.diagnostic_options(shown.subject, name, variant)["seeds"]
                found[variant] = max(seeds, found.get(variant, 0))
        return {
            variant: found[variant] for variant in self.plan.tasks[shown.subject].diagnosed.models if variant in found
        }

    def options(self, shown: Shown) -> dict[str, Any]:
        """Return the options of the diagnostics of a figure other than their seeds."""
        return {
            key: value for name in self._made(shown) for key, value in self.study.trainability[name].options.items()
        }

    def panels(self, shown: Shown) -> list[dict[str, Any]]:
        """Return the panels of the diagnostics of a figure of curves."""
        return [panel._asdict() for name in self._made(shown) for panel in self.plan.record(name).curves.panels]
