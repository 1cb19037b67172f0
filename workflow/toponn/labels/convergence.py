"""How fast each estimator comes to the integer of the infinite crystal as samples grow, at large and small gaps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from toponn.data.recipes import Recipe, batches
from toponn.invariants import estimates
from toponn.invariants.crystals import bulk_invariant, gap_at_fermi_level
from toponn.invariants.estimates import Estimate
from toponn.invariants.localizer import kappa_from_gap
from toponn.matter.geometry import square_of
from toponn.matter.lattices import torus
from toponn.matter.samples import Samples
from toponn.tools.checks import ConfigError, NotApplicable
from toponn.tools.joblog import LOGGER, Progress

MESH = {1: 4096, 2: 48}
"""Points of k along each axis; gaps that close between them look as wide as the bands' slope times their distance."""
NO_GAP = 0.05


def convergence_rows(
    *,
    name: str,
    seed: int,
    system: str,
    points: Sequence[Mapping[str, float]],
    lengths: Sequence[float],
    disorder: Sequence[Mapping[str, Any]],
    samples: int,
    minimum_margin: float,
    lattice: str | None = None,
) -> pd.DataFrame:
    """Return one row for each point of parameters, length and estimator; arguments are the config's keys.

    Returns
    -------
    The table ``convergence``, among its columns
        ``gap``: of the clean crystal at the Fermi level, energy; NaN where there is no crystal.
        ``exact``: invariant of the clean crystal; without one, that of most samples of the largest length that the
        spectral localizer calls decided.
        ``length``, ``n_sites``: cells of a chain or side of a square in nearest-neighbour distances; number of sites.
        ``value``, ``error``, ``worst``: mean value, mean and largest distance of a sample's value from ``exact``.
        ``right``: share of samples whose rounded value is ``exact``.
        ``decided``, ``margin``: share of samples that count as decided, and mean margin.
    """
    rows, progress = [], Progress(len(points) * len(lengths), "sizes")
    settings = {"name": name, "seed": seed, "system": system, "disorder": disorder, "lattice": lattice}
    for parameters in points:
        found = {}
        crystal = None
        for length in sorted(lengths, reverse=True):  # the longest first, which needs the most memory
            shape = square_of(system, length)
            recipe = Recipe.of(**settings, shape=shape, parameters=parameters, where=f"convergence.{name}")
            crystal = crystal or bulk(recipe, f"convergence.{name}.points")
            estimates_of = open_estimates(recipe, samples, minimum_margin, crystal and crystal[0])
            found[length] = (recipe, estimates_of | crystal_estimates(recipe, samples))
            progress.advance()
        recipe, largest = found[max(lengths)]
        gap, exact = crystal or (np.nan, _most_frequent(largest["spectral_localizer"]))
        about = {
            "name": name,
            "system": system,
            "lattice": recipe.lattice.name,
            "parameters": ", ".join(f"{key} = {value:g}" for key, value in parameters.items()),
            "disorder": ", ".join(f"{term['name']} W={term['strength']:g}" for term in disorder),
            "gap": gap,
            "exact": exact,
        }
        rows += [
            about | {"length": length, "n_sites": len(recipe.sites), "estimator": key} | _measured(estimate, exact)
            for length, (recipe, estimates_of) in sorted(found.items())
            for key, estimate in estimates_of.items()
        ]
        LOGGER.info("%s: gap %.3f, invariant %g", about["parameters"], gap, exact)
    return pd.DataFrame(rows)


def open_estimates(recipe: Recipe, count: int, minimum_margin: float, gap: float | None = None) -> dict[str, Estimate]:
    """Return every estimator of open samples that applies to draws 0 … count − 1 of a recipe.

    Where the gap of the bulk of a plane is given, the localizer stands there twice: with the system's own strength of
    the positions, and with one that follows from the gap.
    """
    parts = []
    for indices in batches(count, recipe.batch):
        samples = recipe.draw(indices)
        part = recipe.estimates(samples, minimum_margin)
        if gap is not None and gap > 0 and recipe.system.task == "chern":
            kappa = kappa_from_gap(gap, recipe.side / 2)
            part["localizer_of_gap"] = estimates.spectral_localizer(samples, kappa, minimum_margin)
        parts.append(part)
    return {
        key: Estimate(
            *(np.concatenate([getattr(part[key], f) for part in parts]) for f in ("value", "margin", "decided"))
        )
        for key in parts[0]
    }


def crystal_estimates(recipe: Recipe, count: int) -> dict[str, Estimate]:
    """Return the estimators that need a crystal: draws 0 … count − 1 on a torus, and a clean one on a mesh of k."""
    found: dict[str, Estimate] = {}
    if not recipe.is_crystal:
        return found
    size = np.maximum(2, np.rint(recipe.side / np.linalg.norm(recipe.system.unit_cell.vectors, axis=1)).astype(int))
    if recipe.system.task == "chern":
        try:
            found["bott_index"] = estimates.bott_index(_on_torus(recipe, tuple(size.tolist()), count))
        except NotApplicable as reason:
            LOGGER.info("%s: not on this torus: %s", recipe, reason)
    if not recipe.disorder:
        name = {"winding": "winding_number", "chern": "chern_number"}[recipe.system.task]
        value = np.array([float(bulk_invariant(recipe.system, recipe.parameters, int(size[0])))])
        found[name] = Estimate(value, np.full(1, 0.5), np.ones(1, dtype=bool))
    return found


def _on_torus(recipe: Recipe, size: tuple[int, ...], count: int) -> Samples:
    """Return draws of the recipe on a torus of this many cells."""
    sites = torus(recipe.system.unit_cell, size)
    there = replace(recipe, sites=sites, connections=recipe.system.connections(sites))
    return replace(there.draw(range(count)), periods=sites.periods, shape=None)


def bulk(recipe: Recipe, where: str = "parameters") -> tuple[float, int] | None:
    """Return the gap at the Fermi level and the invariant of the clean crystal, or None where there is no crystal.

    Raises
    ------
    ConfigError
        If the crystal has no gap there.
    """
    system, parameters = recipe.system, recipe.parameters
    if not recipe.is_crystal:
        return None
    mesh = MESH[system.unit_cell.dimension]
    gap = gap_at_fermi_level(system, parameters, mesh)
    if np.isnan(gap):
        return gap, 0
    if gap < NO_GAP:
        found = ", ".join(f"{key} = {value:g}" for key, value in parameters.items())
        raise ConfigError(
            f"{where}: found no gap at {found}; allowed: crystals with one of {NO_GAP} at the Fermi level"
        )
    return gap, bulk_invariant(system, parameters, mesh)


def _most_frequent(estimate: Estimate) -> float:
    """Return the integer that most of the decided samples have, NaN where there is none."""
    values, counts = np.unique(estimate.value[estimate.decided], return_counts=True)
    return float(values[counts.argmax()]) if len(values) else np.nan


def _measured(estimate: Estimate, exact: float) -> dict[str, float]:
    away = np.abs(estimate.value - exact)
    return {
        "n_samples": len(away),
        "value": estimate.value.mean(),
        "error": away.mean(),
        "worst": away.max(),
        "right": (np.rint(estimate.value) == exact).mean(),
        "decided": estimate.decided.mean(),
        "margin": estimate.margin.mean(),
    }
