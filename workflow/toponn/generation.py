"""Draws samples from a recipe and labels them.

Draw i of a dataset descends from (seed, dataset, i) alone. A draw whose spectral localizer has a gap below the
dataset's minimum margin is undecided and is left out; the file keeps how many were, and how the references agree with
and without them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from toponn.checks import ConfigError, refusal, resolve
from toponn.conventions import SPLITS, STATEMENT
from toponn.datasets import reference_names
from toponn.disorder import DISORDER
from toponn.files import digest
from toponn.invariants import chern, winding
from toponn.invariants.localizer import even_localizer, odd_localizer
from toponn.joblog import LOGGER, Progress
from toponn.lattices import Sites, cut
from toponn.seeds import stream
from toponn.shapes import SHAPES, Shape, bulk_window
from toponn.states import (
    chiral_block,
    chiral_occupied_states,
    occupied_states,
    polar_factor,
    projector,
    scramble_gauge,
)
from toponn.systems import SYSTEMS
from toponn.systems.base import PhasePlane, System

MAX_DRAWS_PER_SAMPLE = 50
BATCH_BYTES = 1 << 24
"""Size of a batch's localizers: for larger ones, page faults cost as much as LAPACK."""


@dataclass(frozen=True)
class Recipe:
    """How samples of one dataset are drawn: a system on cut sites, ranges of parameters, and disorder in order."""

    name: str
    system: System
    shape: Shape
    sites: Sites
    connections: list[np.ndarray]
    parameters: Mapping[str, Any]
    disorder: tuple[Mapping[str, Any], ...]
    seed: int

    @classmethod
    def of(cls, *, name: str, seed: int, system: str, shape: Mapping, parameters: Mapping, disorder: list) -> "Recipe":
        """Return the recipe that a config entry names."""
        member = resolve(SYSTEMS, system, f"datasets.{name}.system")()
        arguments = {key: value for key, value in shape.items() if key != "name"}
        region = resolve(SHAPES, shape["name"], f"datasets.{name}.shape.name")(**arguments)
        sites = cut(member.lattice, region.inside, region.extent)
        _check_half_filling(sites, member.n_orbitals, str(region), f"datasets.{name}.shape")
        return cls(name, member, region, sites, member.connections(sites), parameters, tuple(disorder), seed)

    def __str__(self) -> str:
        terms = ", ".join(f"{term['name']} W={_range(term['strength'])}" for term in self.disorder)
        return f"{self.system.name}[{self.shape}{', ' + terms if terms else ''}]"

    @property
    def site_of_orbital(self) -> np.ndarray:
        """Site that each orbital sits on, (n,) int64."""
        return np.repeat(np.arange(len(self.sites)), self.system.n_orbitals)

    @property
    def centred(self) -> np.ndarray:
        """Positions (N, d) measured from the middle of the sample."""
        positions = self.sites.positions
        return positions - (positions.min(axis=0) + positions.max(axis=0)) / 2

    def draw(self, index: int) -> tuple[np.ndarray, dict[str, float]]:
        """Return the Hamiltonian of draw `index` and its numbers by dataset array name."""
        rng = stream(self.seed, "dataset", self.name, index)
        values = {key: _sampled(self.parameters[key], rng) for key in sorted(self.parameters)}
        drawn = {f"parameters/{key}": value for key, value in values.items()}
        terms = self.system.terms(self.sites, self.connections, **values)
        for term in self.disorder:
            strength = _sampled(term["strength"], rng)
            drawn[f"disorder/{term['name']}"] = strength
            terms = resolve(DISORDER, term["name"], f"datasets.{self.name}.disorder")(terms, strength, rng=rng)
        return terms.hamiltonian(), drawn


def _check_half_filling(sites: Sites, n_orbitals: int, shape: str, where: str) -> None:
    """Refuse shapes at which the lower half of the states is not the lower band."""
    counts = np.bincount(sites.sublattice)
    if len(set(counts)) > 1 or len(sites) * n_orbitals % 2:
        found = f"{shape}, with {' and '.join(map(str, counts))} sites on its sublattices"
        allowed = "shapes with as many sites on each sublattice and an even number of orbitals, to be half filled"
        raise ConfigError(refusal(where, found, allowed))


def _range(value: float | list[float]) -> str:
    return "..".join(f"{end:g}" for end in value) if isinstance(value, list | tuple) else f"{value:g}"


def _sampled(value: float | list[float], rng: np.random.Generator) -> float:
    return float(rng.uniform(*value)) if isinstance(value, list | tuple) else float(value)


def solve(recipe: Recipe, hamiltonians: np.ndarray) -> dict[str, np.ndarray]:
    """Return occupied states, gap, label, margin and references of Hamiltonians (B, n, n), by dataset array name."""
    sites, kappa = recipe.sites, recipe.system.localizer_kappa
    if recipe.system.task == "winding":
        h = chiral_block(hamiltonians, sites.sublattice)
        h = h.real.copy() if not h.imag.any() else h
        occupied, gap = chiral_occupied_states(h, sites.sublattice)
        x = recipe.centred[sites.sublattice == 0, 0]
        label, margin = odd_localizer(h, x, kappa)
        references = _winding_references(polar_factor(occupied, sites.sublattice), x, h)
    else:
        occupied, gap, fermi_level = occupied_states(hamiltonians)
        shifted = hamiltonians - fermi_level[:, None, None] * np.eye(hamiltonians.shape[-1])
        label, margin = even_localizer(shifted, recipe.centred[recipe.site_of_orbital], kappa)
        references = _chern_references(projector(occupied), recipe)
    named = {f"reference/{key}": value for key, value in references.items()}
    return {"occupied": occupied, "gap": gap, "label": label, "margin": margin, **named}


def _winding_references(q: np.ndarray, x: np.ndarray, h: np.ndarray) -> dict[str, np.ndarray]:
    references = {"real_space_winding": winding.real_space_winding(q, x, bulk_window(x[:, None]))}
    off = np.abs(h).sum(axis=0)
    nearest_only = not np.triu(off, 1).any() and not np.tril(off, -2).any()
    if nearest_only:
        v, w = np.diagonal(h, axis1=1, axis2=2), np.diagonal(h, -1, axis1=1, axis2=2)
        references["product_rule"] = winding.product_rule(v, w).astype(float)
    return references


def _chern_references(P: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
    where, orbitals = recipe.sites.positions, recipe.site_of_orbital
    area = recipe.system.lattice.area_per_site
    return {
        "real_space_chern": chern.real_space_chern(P, where, orbitals, area, bulk_window(where)),
        "three_sector_chern": chern.three_sector_chern(P, where, orbitals),
    }


def generate(
    *,
    name: str,
    seed: int,
    system: str,
    shape: Mapping[str, Any],
    parameters: Mapping[str, Any],
    disorder: list[Mapping[str, Any]],
    samples: Mapping[str, int],
    minimum_margin: float,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and attributes of a dataset, ready for `write_dataset`; arguments are the config's keys.

    Raises
    ------
    ConfigError
        If so few draws reach the minimum margin that the dataset would take too long.
    """
    settings = {"system": system, "shape": shape, "parameters": parameters, "disorder": disorder}
    recipe = Recipe.of(name=name, seed=seed, **settings)
    total = sum(samples.values())
    batch = int(np.clip(BATCH_BYTES // (64 * (recipe.system.n_orbitals * len(recipe.sites)) ** 2), 2, 128))
    progress, kept, draws = Progress(total, "samples"), [], 0
    before: list[tuple[np.ndarray, ...]] = []
    while sum(len(chunk["label"]) for chunk in kept) < total:
        if draws >= MAX_DRAWS_PER_SAMPLE * max(total, 20):
            found = sum(len(chunk["label"]) for chunk in kept)
            where = f"datasets.{name}.minimum_margin"
            raise ConfigError(refusal(where, minimum_margin, f"a value that more than {found} of {draws} draws reach"))
        chunk = _solved_draws(recipe, range(draws, draws + batch))
        draws += batch
        before.append((chunk["label"], chunk[reference_names(chunk)[0]], chunk["margin"]))
        decided = chunk["margin"] >= minimum_margin
        kept.append({key: value[decided] for key, value in chunk.items()})
        progress.advance(min(int(decided.sum()), total - progress.done))
    arrays = {key: np.concatenate([chunk[key] for chunk in kept])[:total] for key in kept[0]}
    last = int(arrays["draw"][-1]) + 1
    label, reference, margin = (np.concatenate(parts)[:last] for parts in zip(*before, strict=True))
    plane = recipe.system.phase_plane()
    arrays |= _geometry(recipe, plane)
    arrays["split"] = np.repeat([SPLITS.index(split) for split in samples], list(samples.values())).astype(np.int8)
    arrays["occupied"] = _scrambled(recipe, arrays["occupied"], arrays["draw"])
    attributes = _attributes(recipe, plane, arrays) | {
        "minimum_margin": minimum_margin,
        "redrawn_fraction": float((margin < minimum_margin).mean()),
        "agreement_before_selection": float((np.rint(reference) == label).mean()),
        "config_digest": digest({**settings, "samples": samples, "minimum_margin": minimum_margin, "seed": seed}),
    }
    LOGGER.info("%s: %d of %d draws undecided and left out", recipe, int((margin < minimum_margin).sum()), last)
    return arrays, attributes


def _solved_draws(recipe: Recipe, indices: range) -> dict[str, np.ndarray]:
    hamiltonians, numbers = zip(*(recipe.draw(index) for index in indices), strict=True)
    chunk = solve(recipe, np.stack(hamiltonians))
    chunk |= {key: np.array([drawn[key] for drawn in numbers]) for key in numbers[0]}
    chunk["draw"] = np.array(indices)
    return chunk


def _scrambled(recipe: Recipe, occupied: np.ndarray, draws: np.ndarray) -> np.ndarray:
    stored = np.complex64 if np.iscomplexobj(occupied) else np.float32
    out = np.empty(occupied.shape, dtype=stored)
    for row, (states, index) in enumerate(zip(occupied, draws, strict=True)):
        out[row] = scramble_gauge(states, rng=stream(recipe.seed, "gauge", recipe.name, int(index)))
    return out


def _geometry(recipe: Recipe, plane: PhasePlane | None) -> dict[str, np.ndarray]:
    sites = recipe.sites
    return {
        "positions": sites.positions,
        "cell": sites.cell,
        "sublattice": sites.sublattice,
        "site_of_orbital": recipe.site_of_orbital,
        **({f"boundary/{i}": line for i, line in enumerate(plane.boundary)} if plane else {}),
    }


def _attributes(recipe: Recipe, plane: PhasePlane | None, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    system = recipe.system
    reference = arrays[reference_names(arrays)[0]]
    about_plane = (
        {
            "phase_x": plane.x,
            "phase_y": plane.y,
            "phase_x_label": plane.x_label,
            "phase_y_label": plane.y_label,
            "boundary_source": plane.source,
        }
        if plane
        else {}
    )
    units = {f"unit_{key}": parameter.unit for key, parameter in system.parameters.items()}
    return {
        **STATEMENT,
        **about_plane,
        **units,
        "name": recipe.name,
        "system": str(recipe),
        "system_name": system.name,
        "shape": str(recipe.shape),
        "task": system.task,
        "symmetry_class": system.symmetry_class,
        "area_per_site": system.lattice.area_per_site,
        "localizer_kappa": system.localizer_kappa,
        "seed": recipe.seed,
        "n_samples": len(reference),
        "reference_agreement": float((np.rint(reference) == arrays["label"]).mean()),
    }
