"""What the workflow derives from a checked study: what is trained and tested on what, and which files that makes.

`Plan` is all that the rules ask. It knows the names of models, systems, diagnostics and figures and what they declare,
and imports none of them: the Snakefile is parsed anew by every cluster job.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from toponn.study.settings import Study, Task
from toponn.tools.tables import HOME, MISLEADING
from toponn.trainability.record import ABILITIES, ROLES


def blocks(n_seeds: int, block: int) -> list[list[int]]:
    """Return the seeds of each job; more seeds leave every full block as it is.

    Examples
    --------
    >>> blocks(5, 2)
    [[0, 1], [2, 3], [4]]
    """
    return [list(range(first, min(first + block, n_seeds))) for first in range(0, n_seeds, block)]


class Plan:
    """A study, and what follows from it.

    Parameters
    ----------
    study : checked
    root : folder under which ``results/`` lies, by default the working directory
    """

    def __init__(self, study: Study, root: Path | str = "."):
        self.study, self.root = study, Path(root)
        self.results = f"results/{study.study}"
        self.tables, self.figures = f"{self.results}/tables", f"{self.results}/figures"
        self.tasks: Mapping[str, Task] = {name: task for name, task in study.tasks if task is not None}

    # --- Models and seeds ---------------------------------------------------------------------------------------

    def fact(self, variant: str, name: str) -> Any:
        """Return what the class of a variant declares."""
        return self.study.models[variant].declared.facts[name]

    def home(self, task: str) -> str:
        """Return the dataset that the models of a task are trained on."""
        return self.tasks[task].dataset

    def trained(self, task: str) -> list[str]:
        """Return the variants that a task trains."""
        return list(self.tasks[task].models)

    def tested(self, task: str) -> list[str]:
        """Return those that are put to its tests: all that start at random."""
        return self.study.tested(self.tasks[task])

    def hybrids(self, task: str) -> list[str]:
        """Return those that hold the invariant and run on any size, which rivals are compared with."""
        return self.study.hybrids(self.tasks[task])

    def rivals(self, task: str) -> list[str]:
        """Return those that do not hold the invariant and are trained step by step."""
        return [name for name in self.tested(task) if self.fact(name, "role") == "rival"]

    def rings(self, task: str) -> list[str]:
        """Return the tested tensor rings that have site tensors to look at."""
        return [name for name in self.tested(task) if self.fact(name, "multilinear")]

    def other_sizes(self, task: str) -> dict[str, list[str]]:
        """Return the datasets of other sizes, and the variants that are trained on each."""
        sizes = self.tasks[task].sizes
        return {dataset: list(sizes.models) for dataset in sizes.datasets} if sizes and sizes.models else {}

    def n_seeds(self, task: str, dataset: str, variant: str) -> int:
        """Return how many seeds of a variant the study wants on a dataset; at other sizes `sizes` may say fewer."""
        seeds, sizes = self.study.models[variant].seeds, self.tasks[task].sizes
        return seeds if dataset == self.home(task) or not sizes.seeds else min(seeds, sizes.seeds)

    def seed_blocks(self, dataset: str, variant: str) -> list[list[int]]:
        """Return the seeds of each block; one that was trained with more seeds than are wanted keeps them.

        So a study with fewer seeds trains nothing: whoever reads runs takes the first ones.
        """
        found = blocks(self.n_seeds(self.task_of(dataset), dataset, variant), self.study.block)
        there = self._seeds_in(self.run_file(dataset, variant, len(found) - 1, "settings.json"))
        whole = there[: len(found[-1])] == found[-1] and len(there) <= self.study.block
        return [*found[:-1], there] if whole else found

    def left_out_seeds(self, task: str, dataset: str, variant: str) -> list[int]:
        """Return the seeds of a training without one dataset, which keeps what it has like a block."""
        wanted = list(range(self.left_out(task)[2]))
        there = self._seeds_in(f"{self.results}/left_out/{task}/{dataset}/{variant}/settings.json")
        return there if there[: len(wanted)] == wanted else wanted

    def _seeds_in(self, path: str) -> list[int]:
        """Return the seeds of a run that is there, none where there is no such file."""
        try:
            there = json.loads((self.root / path).read_text(encoding="utf-8"))["seeds"]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return there if isinstance(there, list) else []

    def trials(self, variant: str) -> int:
        """Return how many learning rates and weight decays of a variant there are to try, 0 where none is a list."""
        training = self.study.models[variant].variant.training
        return len(training.trials) if training and training.is_searched else 0

    # --- Datasets and tests --------------------------------------------------------------------------------------

    def task_of(self, dataset: str) -> str:
        """Return the task that the system of a dataset belongs to."""
        return self.study.datasets[dataset].family.task

    def kinds(self, task: str) -> dict[str, str]:
        """Return each test and what it changes: the training dataset's own first, by its test split."""
        parts = self.tasks[task]
        named = {test: kind for kind, tests in parts.tests for test in tests}
        return {parts.dataset: HOME} | named | dict.fromkeys(parts.proxies, MISLEADING)

    def honest(self, task: str) -> list[str]:
        """Return the tests on other datasets that are not made to mislead."""
        return [test for test, kind in self.kinds(task).items() if kind not in (HOME, MISLEADING)]

    def role(self, task: str, role: str) -> list[str]:
        """Return the datasets of a task in one of the `ROLES`."""
        found = getattr(self.tasks[task], role) or []
        return [found] if isinstance(found, str) else list(found)

    def left_out(self, task: str) -> tuple[list[str], list[str], int]:
        """Return the datasets of which each is left out once, and the variants and seeds trained on the others."""
        parts = self.tasks[task].left_out
        return (list(parts.datasets), list(parts.models), parts.seeds) if parts and parts.models else ([], [], 0)

    def datasets(self) -> list[str]:
        """Return every dataset that a task needs, once."""
        needed = [
            name
            for task in self.tasks
            for names in (
                self.kinds(task),
                self.other_sizes(task),
                self.left_out(task)[0],
                *(self.role(task, role) for role in self._roles(task)),
            )
            for name in names
        ]
        return list(dict.fromkeys(needed))

    def _roles(self, task: str) -> Iterable[str]:
        """Return the roles that some diagnostic of the task asks for."""
        needs = {need.rstrip("?") for name in self.diagnostics(task) for need in self.record(name).needs}
        return [role for role in ROLES if role in needs]

    # --- Diagnostics ---------------------------------------------------------------------------------------------

    def record(self, diagnostic: str) -> Any:
        """Return what a diagnostic declares."""
        return self.study.trainability[diagnostic].record

    def diagnostics(self, task: str) -> list[str]:
        """Return the diagnostics that the study makes and the task has datasets for."""
        if not self.tasks[task].diagnosed.models:
            return []
        return [
            name
            for name in self.study.trainability
            if all(self.role(task, need) for need in self.record(name).needs if need in ROLES)
        ]

    def obstacle(self, task: str, diagnostic: str, variant: str) -> str:
        """Return why a diagnostic does not apply to a variant, nothing where it does."""
        able = {
            "gradient": not self.fact(variant, "solved"),
            "second derivative": not self.fact(variant, "solved") and self.fact(variant, "twice_differentiable"),
            "closed form": bool(self.fact(variant, "closed_forms").get(task)),
        }
        lacking = [need for need in self.record(diagnostic).needs if not able.get(need, True)]
        return ABILITIES[lacking[0]] if lacking else ""

    def diagnosed(self, task: str, diagnostic: str) -> list[str]:
        """Return the variants that a diagnostic applies to."""
        return [v for v in self.tasks[task].diagnosed.models if not self.obstacle(task, diagnostic, v)]

    def inapplicable(self) -> list[dict[str, str]]:
        """Return task, variant, diagnostic and reason wherever a diagnostic does not apply to a diagnosed variant."""
        found = []
        for task, parts in self.tasks.items():
            for diagnostic in self.diagnostics(task):
                for variant in parts.diagnosed.models:
                    if reason := self.obstacle(task, diagnostic, variant):
                        found.append({"task": task, "variant": variant, "diagnostic": diagnostic, "reason": reason})
        return found

    def diagnostic_options(self, task: str, diagnostic: str, variant: str) -> dict[str, Any]:
        """Return the options of a diagnostic, with no more seeds than the variant has or the task allows."""
        entry = self.study.trainability[diagnostic]
        most = self.tasks[task].diagnosed.seeds.get(variant, entry.seeds)
        return {**entry.options, "seeds": min(entry.seeds, most, self.study.models[variant].seeds)}

    @cached_property
    def curves(self) -> dict[str, list[str]]:
        """The figures of curves, and the diagnostics of the study that each shows."""
        found: dict[str, list[str]] = {}
        for name in self.study.trainability:
            if self.record(name).curves:
                found.setdefault(self.record(name).curves.figure, []).append(name)
        return found

    def statements(self) -> list[dict[str, Any]]:
        """Return what single rows of diagnostics say on the page of answers, with the figure that shows each."""
        records = [self.record(name) for name in self.study.trainability]
        figures = [record.curves.figure if record.curves else record.figure for record in records]
        pairs = zip(records, figures, strict=True)
        return [{**said._asdict(), "figure": figure} for record, figure in pairs for said in record.statements]

    @property
    def beyond(self) -> Any:
        """The samples beyond dense matrices, None where the study has none."""
        return self.study.beyond_dense if self.study.beyond_dense and self.study.beyond_dense.samples else None

    def wanted_seeds(self) -> list[list[Any]]:
        """Return [dataset, variant, seeds] of every training: a block may have been trained with more."""
        found = self.trainings(sizes=True)
        return [[d, v, self.n_seeds(self.task_of(d), d, v)] for d, v in found]

    # --- Files -----------------------------------------------------------------------------------------------------

    def dataset_files(self, names: Iterable[str] | None = None) -> list[str]:
        """Return the files of these datasets, or of all that the study uses."""
        return [f"{self.results}/datasets/{name}.h5" for name in (self.datasets() if names is None else names)]

    def run_file(self, dataset: str, variant: str, block: int, name: str) -> str:
        """Return the file `name` of a block."""
        return f"{self.results}/runs/{dataset}/{variant}/{block}/{name}"

    def block_files(self, dataset: str, variant: str, name: str, seeds: int | None = None) -> list[str]:
        """Return the file `name` of the blocks of a variant on a dataset, of as many as hold its first `seeds`."""
        trained = self.n_seeds(self.task_of(dataset), dataset, variant)
        wanted = trained if seeds is None else min(seeds, trained)
        return [self.run_file(dataset, variant, b, name) for b in range(len(blocks(wanted, self.study.block)))]

    def run_files(self, name: str, tasks: Iterable[str] | None = None, sizes: bool = False) -> list[str]:
        """Return the file `name` of every block of these tasks, with `sizes` also on datasets of other sizes."""
        return [path for pair in self.trainings(tasks, sizes) for path in self.block_files(*pair, name)]

    def trainings(self, tasks: Iterable[str] | None = None, sizes: bool = False) -> list[tuple[str, str]]:
        """Return (dataset, variant) of all trainings, those at home before those of other sizes."""
        tasks = list(self.tasks if tasks is None else tasks)
        found = [(self.home(task), variant) for task in tasks for variant in self.trained(task)]
        for task in tasks if sizes else ():
            found += [(dataset, variant) for dataset, those in self.other_sizes(task).items() for variant in those]
        return found

    def search_files(self, tasks: Iterable[str] | None = None, variants: Iterable[str] | None = None) -> list[str]:
        """Return the searches for learning rates of these variants of these tasks, or of all."""
        return [
            f"{self.results}/search/{task}/{variant}.csv"
            for task in (self.tasks if tasks is None else tasks)
            for variant in (self.trained(task) if variants is None else variants)
            if self.trials(variant)
        ]

    def diagnostic_files(
        self, ending: str, tasks: Iterable[str] | None = None, names: Iterable[str] | None = None
    ) -> list[str]:
        """Return the outputs of this ending of these diagnostics, or of all, for every variant that each applies to."""
        return [
            f"{self.results}/trainability/{task}/{diagnostic}/{variant}.{ending}"
            for task in (self.tasks if tasks is None else tasks)
            for diagnostic in self.diagnostics(task)
            if names is None or diagnostic in names
            for variant in self.diagnosed(task, diagnostic)
        ]

    def evaluation_files(self, ending: str, tasks: Iterable[str] | None = None) -> list[str]:
        """Return the outputs of this ending of every tested variant on every test, variant by variant."""
        return [
            f"{self.results}/generalization/{task}/{variant}/{test}.{ending}"
            for task in (self.tasks if tasks is None else tasks)
            for variant in self.tested(task)
            for test in self.kinds(task)
        ]

    def left_out_files(self, ending: str) -> list[str]:
        """Return the outputs of this ending of every variant that is tested on datasets that were left out."""
        return [
            f"{self.results}/left_out/{task}/{variant}.{ending}"
            for task in self.tasks
            for variant in self.left_out(task)[1]
        ]

    def left_out_runs(self, task: str, variant: str, name: str) -> list[str]:
        """Return the file `name` of the runs of a variant for every dataset that is left out."""
        return [f"{self.results}/left_out/{task}/{d}/{variant}/{name}" for d in self.left_out(task)[0]]

    def task_files(self, pattern: str, tasks: Iterable[str]) -> list[str]:
        """Return a file of the folder ``trainability`` for each of these tasks."""
        return [f"{self.results}/trainability/{task}/{pattern}" for task in tasks]

    def with_hybrids(self) -> list[str]:
        """Return the tasks that train a model which holds the invariant, whose closed form is then put to the test."""
        return [t for t in self.tasks if any(self.fact(name, "role") == "hybrid" for name in self.trained(t))]

    def with_rings(self) -> list[str]:
        """Return the tasks that have rings with site tensors."""
        return [task for task in self.tasks if self.rings(task)]

    def with_proxies(self) -> list[str]:
        """Return the tasks that have proxy tests."""
        return [task for task in self.tasks if self.tasks[task].proxies]
