"""The work of each job, and the memory and time that it may take.

Times to expect were measured on one core of a server processor, in the jobs of the default study; what a job may take
is four times as much and ten minutes. Memory beyond the libraries is counted in the largest arrays.
"""

import math
from typing import Any, NamedTuple

from toponn.matter.shapes import shape_of
from toponn.study.meaning import has_own_sites
from toponn.study.plan import Plan
from toponn.trainability.record import ROLES

START = 5.0
"""Seconds of a job before its work begins."""

UNKNOWN = 1e-6, 1
"""Seconds for each seed, epoch, sample and cell of a model whose class states no `cost`."""

OWN_SITES = 6
"""So many times longer a ring takes on samples that have sites, hence weights of the loops, of their own."""


class Cost(NamedTuple):
    """Memory in MB that a job may take, and the seconds that it is expected to."""

    mb: float
    seconds: float

    @property
    def minutes(self) -> int:
        """Time that the job may take."""
        return math.ceil(10 + 4 * self.seconds / 60)


class Limits:
    """Costs of the jobs of a study.

    Parameters
    ----------
    plan : of the study
    """

    def __init__(self, plan: Plan):
        self.plan, self.study = plan, plan.study

    # --- Sizes -------------------------------------------------------------------------------------------------------

    def orbitals_on(self, entry: Any, area: float) -> int:
        """Return an upper bound of the orbitals on so many cells of a chain, of two sites, or on an area of the plane.

        The densest points, those of the Ammann-Beenker tiling, are 1.21 a unit of area.
        """
        system = entry.family
        return math.ceil((2 * area if system.task == "winding" else 1.25 * area) * system.n_orbitals)

    def orbitals(self, entry: Any) -> int:
        """Return an upper bound of the orbitals of a sample of an entry that has a shape; holes count as filled."""
        solid = {key: value for key, value in entry.shape.model_dump().items() if key != "holes"}
        return self.orbitals_on(entry, shape_of(solid).area)

    def orbitals_at(self, entry: Any, length: float) -> int:
        """Return an upper bound of the orbitals of a segment or square of this length."""
        return self.orbitals_on(entry, length if entry.family.task == "winding" else length**2)

    def n_samples(self, dataset: str) -> int:
        """Return the number of samples in all splits of a dataset."""
        return sum(count or 0 for _, count in self.study.datasets[dataset].samples)

    def projectors_mb(self, dataset: str) -> float:
        """Return the size of a dataset's projectors, of 16 bytes an entry."""
        return self.n_samples(dataset) * self.orbitals(self.study.datasets[dataset]) ** 2 * 16 / 1e6

    @staticmethod
    def batch_mb(orbitals: int) -> float:
        """Return the size of the localizers that are solved at once: 17 MB, or two of them."""
        return max(17, 2 * (2 * orbitals) ** 2 * 16 / 1e6)

    # --- Labels and datasets ---------------------------------------------------------------------------------------

    def dataset(self, name: str) -> Cost:
        """Count all projectors twice; 0.15 ns for each sample and cubed row of its localizer."""
        cubes = self.n_samples(name) * (2 * self.orbitals(self.study.datasets[name])) ** 3
        return Cost(1000 + 2 * self.projectors_mb(name), START + cubes * 1.5e-10)

    def phase_map(self, name: str) -> Cost:
        """Count ten localizers of those solved at once; 0.06 ns for each sample and cubed row of its localizer."""
        entry = self.study.maps[name]
        n = self.orbitals(entry)
        return Cost(1000 + 10 * self.batch_mb(n), START + math.prod(entry.cells) * entry.samples * (2 * n) ** 3 * 6e-11)

    def convergence(self, name: str) -> Cost:
        """Count as `ceiling`; samples on a torus are solved all together."""
        entry = self.study.convergence[name]
        together = entry.samples * self.orbitals_at(entry, max(entry.lengths)) ** 2 * 16 / 1e6
        return self._sizes(entry, len(entry.points), together)

    def ceiling(self, name: str) -> Cost:
        """Count ten of the largest samples solved at once; 0.5 ns for each sample and its cubed number of orbitals."""
        return self._sizes(self.study.ceiling[name], len(self.study.ceiling[name].strengths), 0.0)

    def _sizes(self, entry: Any, rounds: int, together: float) -> Cost:
        orbitals = [self.orbitals_at(entry, length) for length in entry.lengths]
        seconds = START + rounds * entry.samples * sum(n**3 for n in orbitals) * 5e-10
        return Cost(1000 + 10 * max(self.batch_mb(max(orbitals)), together), seconds)

    # --- Training ----------------------------------------------------------------------------------------------------

    def work(self, dataset: str, variant: str, samples: int, epochs: int, seeds: int) -> float:
        """Return the seconds that so many seeds take to see so many samples of a dataset in each of so many epochs."""
        factor, power = self.plan.fact(variant, "cost").get(self.plan.task_of(dataset), UNKNOWN)
        return factor * (self.orbitals(self.study.datasets[dataset]) / 2) ** power * samples * epochs * seeds

    def training_seconds(self, dataset: str, variant: str, seeds: int) -> float:
        """Return what to expect of one training of so many seeds, without the start of the job."""
        sizes = self.study.datasets[dataset].samples
        samples = (sizes.train or 0) + (sizes.validation or 0)
        return self.work(dataset, variant, samples, self.study.models[variant].variant.uses, seeds)

    def training_mb(self, dataset: str) -> float:
        """Return 2 GB of libraries and network activity, and all projectors four times."""
        return 2000 + 4 * self.projectors_mb(dataset)

    def train(self, dataset: str, variant: str, block: int) -> Cost:
        """Count the training of a block of seeds."""
        seeds = len(self.plan.seed_blocks(dataset, variant)[block])
        return Cost(self.training_mb(dataset), START + self.training_seconds(dataset, variant, seeds))

    def search(self, task: str, variant: str) -> Cost:
        """Count the training of the seeds of all trials."""
        home, seeds = self.plan.home(task), self.plan.trials(variant) * self.study.search.seeds
        return Cost(self.training_mb(home), START + self.training_seconds(home, variant, seeds))

    def train_left_out(self, task: str, dataset: str, variant: str) -> Cost:
        """Count the training of all seeds on the other datasets together."""
        datasets, _, seeds = self.plan.left_out(task)
        seconds = [
            self.training_seconds(d, variant, seeds) * (OWN_SITES if has_own_sites(self.study.datasets[d]) else 1)
            for d in datasets
            if d != dataset
        ]
        return Cost(self._left_out_mb(task), START + sum(seconds))

    def _left_out_mb(self, task: str) -> float:
        return 2000 + 2 * sum(map(self.projectors_mb, self.plan.left_out(task)[0]))

    # --- Tests -------------------------------------------------------------------------------------------------------

    def test_seeds(self, task: str, variant: str, test: str) -> int:
        """Return how many seeds of a variant are put to a test."""
        seeds = self.study.models[variant].seeds
        return min(seeds, self.plan.tasks[task].test_seeds.get(test, seeds))

    def evaluate(self, task: str, variant: str, test: str) -> Cost:
        """Count one look of every seed at each sample; the projectors of the test four times."""
        count = self.study.datasets[test].samples.test
        seconds = self.work(test, variant, count, 1, self.test_seeds(task, variant, test))
        return Cost(2000 + 4 * self.projectors_mb(test), START + seconds)

    def evaluate_left_out(self, task: str) -> Cost:
        """Count 2 ms for each test sample and dataset that is left out."""
        datasets = self.plan.left_out(task)[0]
        tests = sum(self.study.datasets[name].samples.test for name in datasets)
        return Cost(self._left_out_mb(task), START + 2e-3 * tests * len(datasets))

    def proxies(self, task: str) -> Cost:
        """Count the projectors of the largest test four times."""
        return Cost(2000 + 4 * max(map(self.projectors_mb, self.plan.kinds(task))), 300)

    def interface(self, name: str) -> Cost:
        """Count sixteen matrices of the sample; 0.5 ns for each draw, seed and cubed number of orbitals."""
        entry = self.study.interfaces[name]
        n = self.orbitals(entry)
        return Cost(1000 + 16 * n**2 * 16 / 1e6, START + n**3 * entry.samples * entry.seeds * 5e-10)

    def beyond_dense(self) -> Cost:
        """Count 12 kB an orbital: the factors of H and of localizers, states of the edge and a block of vectors.

        12 ns for each orbital, column of vectors and product with H, 350 of them, 0.35 ms for each orbital where the
        projector is prepared, and three seconds a sample for dense matrices and localizers of 64² sites.
        """
        entry = self.study.beyond_dense
        orbitals = [self.orbitals_at(sample, side) for sample in entry.samples.values() for side in entry.sides]
        columns = entry.vectors * (1 + 2 * entry.seeds)
        seconds = sum(1.2e-8 * 350 * columns * n + 3.5e-4 * n + 3 for n in orbitals)
        return Cost(1000 + 0.012 * max(orbitals), START + seconds)

    # --- Diagnostics -------------------------------------------------------------------------------------------------

    def diagnose(self, task: str, diagnostic: str, variant: str) -> Cost:
        """Count as many trainings as its record says, at home and on smaller samples where it is repeated there."""
        options, record = self.plan.diagnostic_options(task, diagnostic, variant), self.plan.record(diagnostic)
        home, needs = self.plan.home(task), record.needs
        count = record.trainings if isinstance(record.trainings, float | int) else len(options[record.trainings])
        repeated = self.plan.role(task, "smaller") if "smaller?" in needs else []
        trained = sum(self.training_seconds(d, variant, options["seeds"]) for d in {home, *repeated})
        looked = [home, *repeated, *(name for need in needs if need in ROLES for name in self.plan.role(task, need))]
        return Cost(max(map(self.training_mb, looked)), 2 * START + count * trained)

    def expressivity(self, task: str) -> Cost:
        """Count the projectors of the training data eight times."""
        return Cost(2000 + 8 * self.projectors_mb(self.plan.home(task)), 150)

    # --- All of it ---------------------------------------------------------------------------------------------------

    def hours(self) -> float:
        """Return the core-hours to expect of the whole study from nothing."""
        plan, study = self.plan, self.study
        costs = [self.dataset(name) for name in plan.datasets()]
        costs += [self.phase_map(name) for name in study.maps]
        costs += [self.convergence(name) for name in study.convergence]
        costs += [self.ceiling(name) for name in study.ceiling]
        costs += [self.interface(name) for name in study.interfaces]
        costs += [self.beyond_dense()] if study.beyond_dense else []
        for dataset, variant in plan.trainings(sizes=True):
            costs += [self.train(dataset, variant, b) for b in range(len(plan.seed_blocks(dataset, variant)))]
        for task in plan.tasks:
            costs += [self.search(task, variant) for variant in plan.trained(task) if plan.trials(variant)]
            costs += [self.evaluate(task, v, test) for v in plan.tested(task) for test in plan.kinds(task)]
            datasets, variants, _ = plan.left_out(task)
            costs += [self.train_left_out(task, d, v) for d in datasets for v in variants]
            costs += [self.evaluate_left_out(task) for _ in variants]
            costs += [
                self.diagnose(task, name, v) for name in plan.diagnostics(task) for v in plan.diagnosed(task, name)
            ]
        return sum(cost.seconds for cost in costs) / 3600
