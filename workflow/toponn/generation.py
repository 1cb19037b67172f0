"""Draws samples from a recipe, labels them and keeps those whose label can be trusted.

A draw whose spectral localizer has a gap below the dataset's minimum margin is undecided and is left out; the file
keeps how many were, and how the references agree with and without them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from toponn.checks import ConfigError, refusal
from toponn.conventions import SPLITS, STATEMENT
from toponn.datasets import reference_names
from toponn.files import digest
from toponn.joblog import LOGGER, Progress
from toponn.recipes import Recipe
from toponn.seeds import stream
from toponn.states import scramble_gauge

MAX_DRAWS_PER_SAMPLE = 50


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
    lattice: str | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and attributes of a dataset, ready for `write_dataset`; arguments are the config's keys.

    Raises
    ------
    ConfigError
        If so few draws reach the minimum margin that the dataset would take too long.
    """
    settings = {"system": system, "shape": shape, "parameters": parameters, "disorder": disorder, "lattice": lattice}
    recipe = Recipe.of(name=name, seed=seed, **settings)
    samples = {split: samples[split] for split in SPLITS if split in samples}  # whatever order they are written in
    total = sum(samples.values())
    progress, kept, draws = Progress(total, "samples"), [], 0
    before: list[tuple[np.ndarray, ...]] = []
    while sum(len(chunk["label"]) for chunk in kept) < total:
        found = sum(len(chunk["label"]) for chunk in kept)
        if draws >= MAX_DRAWS_PER_SAMPLE * max(total if found else 0, 20):
            where = f"datasets.{name}.minimum_margin"
            raise ConfigError(refusal(where, minimum_margin, f"a value that more than {found} of {draws} draws reach"))
        chunk = solve(recipe, range(draws, draws + recipe.batch))
        draws += recipe.batch
        before.append((chunk["label"], chunk[reference_names(chunk)[0]], chunk["margin"]))
        decided = chunk["margin"] >= minimum_margin
        kept.append({key: value[decided] for key, value in chunk.items()})
        progress.advance(min(int(decided.sum()), total - progress.done))
    arrays = {key: _joined([chunk[key] for chunk in kept])[:total] for key in kept[0]}
    last = int(arrays["draw"][-1]) + 1
    label, reference, margin = (np.concatenate(parts)[:last] for parts in zip(*before, strict=True))
    arrays |= _geometry(recipe, arrays)
    arrays["split"] = np.repeat([SPLITS.index(split) for split in samples], list(samples.values())).astype(np.int8)
    arrays["occupied"] = _scrambled(recipe, arrays["occupied"], arrays["draw"])
    attributes = _attributes(recipe, arrays) | {
        "minimum_margin": minimum_margin,
        "redrawn_fraction": float((margin < minimum_margin).mean()),
        "agreement_before_selection": float((np.rint(reference) == label).mean()),
        "config_digest": digest({**settings, "samples": samples, "minimum_margin": minimum_margin, "seed": seed}),
    }
    LOGGER.info("%s: %d of %d draws undecided and left out", recipe, int((margin < minimum_margin).sum()), last)
    return arrays, attributes


def solve(recipe: Recipe, indices: range) -> dict[str, np.ndarray]:
    """Return draws `indices` solved, by dataset array name: states, gap, label, margin, references and numbers."""
    draws = [recipe.draw(index) for index in indices]
    samples = recipe.samples(draws)
    (_, label), *references = recipe.estimates(samples).items()
    chunk = {
        "occupied": samples.occupied,
        "gap": samples.gap,
        "label": label.value.astype(np.int64),
        "margin": label.margin,
        **{f"reference/{name}": estimate.value for name, estimate in references},
        **{key: np.array([draw.numbers[key] for draw in draws]) for key in draws[0].numbers},
        "draw": np.array(indices),
    }
    return chunk | ({"positions": samples.positions} if recipe.moving else {})


def _joined(chunks: list[np.ndarray]) -> np.ndarray:
    """Return chunks (B, …) as one array, rows of zeros making up for states that are fewer in one chunk."""
    if chunks[0].ndim < 3:
        return np.concatenate(chunks)
    most = max(chunk.shape[1] for chunk in chunks)
    return np.concatenate([np.pad(chunk, ((0, 0), (0, most - chunk.shape[1]), (0, 0))) for chunk in chunks])


def _scrambled(recipe: Recipe, occupied: np.ndarray, draws: np.ndarray) -> np.ndarray:
    stored = np.complex64 if np.iscomplexobj(occupied) else np.float32
    out = np.empty(occupied.shape, dtype=stored)
    for row, (states, index) in enumerate(zip(occupied, draws, strict=True)):
        out[row] = scramble_gauge(states, rng=stream(recipe.seed, "gauge", recipe.name, int(index)))
    return out


def _geometry(recipe: Recipe, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    sites = recipe.sites
    geometry = {
        "positions": arrays.get("positions", sites.positions),
        "cell": sites.cell,
        "sublattice": sites.sublattice,
        "site_of_orbital": recipe.site_of_orbital,
    }
    return {key: value for key, value in geometry.items() if value is not None}


def _attributes(recipe: Recipe, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    system = recipe.system
    reference = arrays[reference_names(arrays)[0]]
    units = {f"unit_{key}": parameter.unit for key, parameter in system.parameters.items()}
    return {
        **STATEMENT,
        **units,
        "name": recipe.name,
        "system": str(recipe),
        "system_name": system.name,
        "lattice": recipe.lattice.name,
        "shape": str(recipe.shape),
        "disorder": recipe.disorder_text,
        "task": system.task,
        "symmetry_class": system.symmetry_class,
        "area_per_site": recipe.lattice.area_per_site,
        "localizer_kappa": system.localizer_kappa,
        "seed": recipe.seed,
        "n_samples": len(reference),
        "reference_agreement": float((np.rint(reference) == arrays["label"]).mean()),
    }
