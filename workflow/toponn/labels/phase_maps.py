"""Labelled maps of a system over two parameters: what an estimator says, cell by cell, undecided ones too."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from toponn.data.recipes import Recipe, batches
from toponn.matter.geometry import system_of
from toponn.matter.samples import Samples
from toponn.matter.systems.base import PhasePlane
from toponn.tools.checks import choose
from toponn.tools.joblog import Progress


def phase_map(
    *,
    name: str,
    seed: int,
    system: str,
    plane: str,
    shape: Mapping[str, Any],
    cells: tuple[int, int],
    samples: int,
    minimum_margin: float,
    lattice: str | None = None,
    estimator: str = "spectral_localizer",
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and attributes of a map over one of a system's phase planes; arguments are the config's keys.

    `minimum_margin` is that of the spectral localizer; the other estimators of open samples say themselves what is
    decided.

    Returns
    -------
    arrays
        ``x`` (nx,) and ``y`` (ny,): centres of the cells; ``mean`` (ny, nx) float64: mean label over the decided
        samples, NaN where there is none; ``label`` (ny, nx) int64: the most frequent one among them, 0 there;
        ``decided`` (ny, nx) float64: their share; ``boundary/<i>`` (points, 2): the literature's lines.
    attributes
        Labels of the axes, the source of the lines, and the map's settings.
    """
    where = f"maps.{name}"
    member = system_of(system, f"{where}.system")
    drawn = choose(member.phase_planes(), plane, f"{where}.plane")
    ranges = _parameters(drawn, {drawn.x: list(drawn.x_range), drawn.y: list(drawn.y_range)})
    settings = {"name": name, "seed": seed, "shape": shape, "lattice": lattice, "where": where}
    recipe = Recipe.of(**settings, system=member, parameters=ranges, disorder=[])
    x, y = (_centres(*limits, n) for limits, n in zip((drawn.x_range, drawn.y_range), cells, strict=True))
    spots = [_at(recipe, drawn, {drawn.x: float(a), drawn.y: float(b)}) for b in y for a in x]
    total = len(spots) * samples
    labels, decided = np.empty(total, dtype=np.int64), np.empty(total, dtype=bool)
    progress = Progress(total, "samples")
    for indices in batches(total, recipe.batch):
        batch = Samples.joined([spots[i // samples].draw([i]) for i in indices])
        found = recipe.estimate(estimator, batch, minimum_margin)
        labels[indices], decided[indices] = found.integer.filled(0), found.decided
        progress.advance(len(indices))
    decided = decided.reshape(len(spots), samples)
    mean, label = _summary(labels.reshape(decided.shape), decided)
    grid = (len(y), len(x))
    arrays = {"x": x, "y": y, "mean": mean.reshape(grid), "label": label.reshape(grid)}
    arrays["decided"] = decided.mean(axis=1).reshape(grid)
    arrays |= {f"boundary/{i}": line for i, line in enumerate(drawn.boundary)}
    attributes = {
        "name": name,
        "system": system,
        "plane": plane,
        "estimator": estimator,
        "lattice": recipe.lattice.name,
        "shape": str(recipe.shape),
        "n_sites": len(recipe.sites),
        "samples": samples,
        "minimum_margin": minimum_margin,
        "localizer_kappa": recipe.kappa,
        "x_label": drawn.x_label,
        "y_label": drawn.y_label,
        "boundary_source": drawn.source,
        "fixed": ", ".join(f"{key} = {value:g}" for key, value in drawn.fixed.items()),
        "seed": seed,
    }
    return arrays, attributes


def _centres(low: float, high: float, n: int) -> np.ndarray:
    return low + (high - low) * (np.arange(n) + 0.5) / n


def _at(recipe: Recipe, plane: PhasePlane, numbers: Mapping[str, float]) -> Recipe:
    """Return the recipe with the numbers of one cell of the plane."""
    terms = [{"name": k.split("/")[1], "strength": v} for k, v in numbers.items() if k.startswith("disorder/")]
    return replace(recipe, parameters=_parameters(plane, numbers), disorder=tuple(terms))


def _parameters(plane: PhasePlane, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters among the numbers of a plane, beside those that it holds fixed."""
    return {**plane.fixed, **{k.split("/")[1]: v for k, v in numbers.items() if k.startswith("parameters/")}}


def _summary(labels: np.ndarray, decided: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (NaN where nothing is decided) and the most frequent label of each row's decided samples."""
    count = decided.sum(axis=1)
    mean = np.where(count > 0, (labels * decided).sum(axis=1) / np.maximum(count, 1), np.nan)
    values = np.unique(labels)
    votes = ((labels[..., None] == values) & decided[..., None]).sum(axis=1)  # (cells, values)
    return mean, np.where(count > 0, values[votes.argmax(axis=1)], 0)
