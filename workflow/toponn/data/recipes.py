"""How samples are drawn and solved: a system on cut sites, ranges of parameters, and disorder in order.

Draw i of a recipe descends from (seed, name, i) alone, so that it is the same alone, in a batch and on another core.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from toponn.invariants import estimates
from toponn.invariants.crystals import typical_gap
from toponn.invariants.estimates import Estimate
from toponn.invariants.localizer import kappa_from_gap
from toponn.matter.disorder import DISORDER
from toponn.matter.geometry import check_geometry, check_hoppings, no_bulk, system_of
from toponn.matter.lattices import Lattice, Sites, normalised_coordinates
from toponn.matter.samples import Samples
from toponn.matter.shapes import Shape, exact, local_coordinates, shape_of, window
from toponn.matter.systems.base import LatticeSystem, System, Terms
from toponn.tools.checks import DataError, NotApplicable, choose, resolve
from toponn.tools.seeds import stream

REFERENCES = {
    "winding": {
        "real_space_winding": estimates.real_space_winding,
        "product_rule": estimates.product_rule,
    },
    "chern": {
        "real_space_chern": estimates.real_space_chern,
        "three_sector_chern": estimates.three_sector_chern,
    },
}
"""Estimators of open samples, per task, that are independent of the label's."""

OF_WHOLE_SAMPLES = ("product_rule", "three_sector_chern")
"""Of these, estimators that look beyond the middle of a sample, and are none where its edge is another matter."""

BATCH_BYTES = 1 << 25
"""Size of a batch's localizers: for larger ones, page faults cost as much as LAPACK."""


@dataclass(frozen=True)
class Recipe:
    """How samples of one dataset are drawn.

    Attributes
    ----------
    sites
        Those of every sample; on a lattice that is drawn anew for each, those of draw 0.
    interface
        ``beyond``, a normalised coordinate, and ``parameters``, those of all sites with a coordinate farther out.
    """

    name: str
    system: System
    lattice: Lattice
    shape: Shape
    sites: Sites
    connections: list[np.ndarray]
    parameters: Mapping[str, Any]
    disorder: tuple[Mapping[str, Any], ...]
    seed: int
    interface: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls,
        *,
        name: str,
        seed: int,
        system: str | System,
        shape: Mapping[str, Any],
        parameters: Mapping[str, Any],
        disorder: Sequence[Mapping[str, Any]],
        lattice: str | None = None,
        interface: Mapping[str, Any] | None = None,
        where: str | None = None,
    ) -> "Recipe":
        """Return the recipe that the config entry at `where` names, by default the dataset `name`."""
        where = where or f"datasets.{name}"
        member = system_of(system, f"{where}.system")
        check_geometry(system=member, shape=shape, lattice=lattice, where=where)
        points, region = member.lattice(lattice), shape_of(shape, f"{where}.shape")
        try:
            sites = _cut(points, region, seed, name, 0)
            window(local_coordinates(sites.positions, region))
        except DataError as error:
            raise no_bulk(f"{where}.shape", shape, error) from error
        check_hoppings(member, parameters, [term["name"] for term in disorder], where)
        geometry = (member, points, region, sites, member.connections(sites))
        return cls(name, *geometry, parameters, tuple(disorder), seed, interface)

    def __str__(self) -> str:
        parts = [str(self.shape)]
        parts += [] if self.lattice.name == self.system.lattices[0] else [self.lattice.name]
        parts += [f"interface at {exact(self.interface['beyond'])}"] if self.interface else []
        return f"{self.system.name}[{', '.join([*parts, *filter(None, [self.disorder_text])])}]"

    @property
    def disorder_text(self) -> str:
        """The kinds of disorder and their strengths."""
        return ", ".join(f"{term['name']} W={_range(term['strength'])}" for term in self.disorder)

    @property
    def side(self) -> float:
        """Side of the square of the shape's area, or the length of a chain."""
        return float(self.shape.area ** (1 / self.shape.dimension))

    @property
    def is_crystal(self) -> bool:
        """Whether the sites are cut from the unit cell that the system's table of bonds is for."""
        return isinstance(self.system, LatticeSystem)

    @cached_property
    def kappa(self) -> float:
        """Strength of the positions in the spectral localizer: the system's, or from the gap of its clean crystals.

        That gap is the median over the recipe's own range of parameters, one number for all its samples.
        """
        if self.system.localizer_kappa is not None:
            return self.system.localizer_kappa
        middle = self.shape.clearance or (np.ptp(self.sites.positions, axis=0).min() + 1) / 2
        return kappa_from_gap(typical_gap(self.system, self.parameters), float(middle))

    @property
    def moving(self) -> bool:
        """Whether every sample has positions of its own."""
        return self.lattice.drawn or any(term["name"] == "structural_displacement" for term in self.disorder)

    @property
    def has_another_edge(self) -> bool:
        """Whether the edge of a sample is made otherwise than its middle, which the label is for."""
        return self.interface is not None or any(term["name"] == "decoupled_edge" for term in self.disorder)

    @property
    def batch(self) -> int:
        """Number of samples that are best solved at once."""
        return int(np.clip(BATCH_BYTES // (64 * (self.system.n_orbitals * len(self.sites)) ** 2), 2, 128))

    def draw(self, indices: Sequence[int], *, sparse: bool = False) -> Samples:
        """Return some of its draws as one batch; with `sparse` the Hamiltonians are SciPy's, of any size."""
        about = {"name": self.name, "system": str(self)}
        return replace(Samples.joined([self._drawn(index, sparse) for index in indices]), attributes=about)

    def _drawn(self, index: int, sparse: bool) -> Samples:
        """Return one draw; of planes, half of the orbitals that are there are filled where no Fermi level is given."""
        terms, numbers, fermi_level = self._terms(index)
        half = int((~terms.vacant).sum()) * self.system.n_orbitals // 2
        return Samples(
            positions=terms.positions[None] if self.moving else self.sites.positions,
            hamiltonians=np.array([terms.sparse_hamiltonian()]) if sparse else terms.hamiltonian()[None],
            sublattice=self.sites.sublattice,
            cell=self.sites.cell,
            fermi_level=None if fermi_level is None else np.array([fermi_level], dtype=float),
            filled=None if self.system.task == "winding" else np.array([half]),
            area_per_site=None if self.sites.cell is None else self.lattice.area_per_site,
            shape=self.shape,
            numbers={key: np.array([value]) for key, value in numbers.items()},
            draw=np.array([index], dtype=np.int64),
        )

    def _terms(self, index: int) -> tuple[Terms, dict[str, float], float | None]:
        """Return the terms of the Hamiltonian of draw `index`, its numbers and its Fermi level."""
        rng = stream(self.seed, "dataset", self.name, index)
        values = {key: _sampled(self.parameters[key], rng) for key in sorted(self.parameters)}
        numbers = {f"parameters/{key}": value for key, value in values.items()}
        sites, connections = self.sites, self.connections
        if self.lattice.drawn and index:
            sites = _cut(self.lattice, self.shape, self.seed, self.name, index)
            connections = self.system.connections(sites)
        terms = self.system.terms(sites, connections, **values)
        if self.interface:
            outside = {key: _sampled(value, rng) for key, value in sorted(self.interface["parameters"].items())}
            numbers |= {f"outside/{key}": value for key, value in outside.items()}
            beyond = np.abs(normalised_coordinates(sites.positions)).max(axis=1) > self.interface["beyond"]
            terms = terms.beside(self.system.terms(sites, connections, **outside), beyond)
        for term in self.disorder:
            strength = _sampled(term["strength"], rng)
            numbers[f"disorder/{term['name']}"] = strength
            terms = resolve(DISORDER, term["name"], f"datasets.{self.name}.disorder")(terms, strength, rng=rng)
        return terms, numbers, self.system.fermi_level(**values)

    def estimate(self, name: str, samples: Samples, minimum_margin: float = 0.1) -> Estimate:
        """Return what one estimator says about open samples, the label's or a reference."""
        if name == "spectral_localizer":
            return estimates.spectral_localizer(samples, self.kappa, minimum_margin)
        return choose(REFERENCES[self.system.task], name, "estimator")(samples)

    def estimates(self, samples: Samples, minimum_margin: float = 0.1) -> dict[str, Estimate]:
        """Return what the label's estimator, first, and all references that apply say about open samples."""
        found = {"spectral_localizer": self.estimate("spectral_localizer", samples, minimum_margin)}
        for name in REFERENCES[self.system.task]:
            if name in OF_WHOLE_SAMPLES and self.has_another_edge:
                continue
            try:
                found[name] = self.estimate(name, samples, minimum_margin)
            except NotApplicable:
                continue
        return found


def batches(count: int, size: int, start: int = 0) -> Iterator[range]:
    """Yield the numbers from `start` to `start + count` in ranges of at most `size`."""
    for first in range(start, start + count, size):
        yield range(first, min(first + size, start + count))


def _cut(lattice: Any, shape: Shape, seed: int, name: str, index: int) -> Sites:
    if lattice.drawn:
        return lattice.cut(shape.inside, shape.extent, rng=stream(seed, "sites", name, index), area=shape.area)
    return lattice.cut(shape.inside, shape.extent)


def _range(value: float | list[float]) -> str:
    return "..".join(map(exact, value)) if isinstance(value, list | tuple) else exact(value)


def _sampled(value: float | list[float], rng: np.random.Generator) -> float:
    return float(rng.uniform(*value)) if isinstance(value, list | tuple) else float(value)
