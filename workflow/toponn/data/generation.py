"""Draws samples from a recipe, labels them and keeps those whose label can be trusted.

A draw whose spectral localizer has a gap below the dataset's minimum margin is undecided and is left out; the file
keeps how many were, and how the references agree with and without them. Every split has draws of its own, so that its
samples are the same however many the other splits hold.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from toponn.data.recipes import Recipe
from toponn.invariants.crystals import bulk_invariant
from toponn.matter.samples import Samples
from toponn.matter.states import MIDGAP_PAIR, scramble_gauge, scramble_sites
from toponn.tools.checks import ConfigError, DataError, choose, refusal
from toponn.tools.conventions import SPLITS, STATEMENT
from toponn.tools.digests import digest
from toponn.tools.joblog import LOGGER, Progress
from toponn.tools.seeds import stream

PROXY_MESH = {"winding": 256, "chern": 24}
"""Points of k along each axis for the integer that a sample's parameters have without disorder."""

PRODUCT_RULE = "product_rule"
"""The one reference that no ring expresses; it holds for chains of nearest-neighbour bonds."""

MAX_DRAWS_PER_SAMPLE = 50

FIRST_DRAW = {split: position << 40 for position, split in enumerate(SPLITS)}
"""Draw that each split begins with; none ever reaches the next one's."""


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
    interface: Mapping[str, Any] | None = None,
    midgap_pair: str = "kept",
    site_gauge: str = "fixed",
    consensus: bool = False,
) -> Samples:
    """Return the labelled samples of a dataset, in a random gauge as they are stored; arguments are the config's keys.

    With the site gauge "scrambled" the basis of every site is rotated by a random unitary of its own, one phase on
    sites of one orbital: no invariant moves, while the entries of the projector do. With `consensus` draws of chains on
    which the product rule disagrees with the label are left out too, for tests at strong disorder, where the localizer
    alone cannot be trusted; the other references are what the rings express, and would choose in their favour.

    With the mid-gap pair "dropped" the occupied states of chains are without the one nearest to the middle of the gap,
    (B, O − 1, n); label, margin, gap and references are still those of the full state.

    Raises
    ------
    ConfigError
        If so few draws reach the minimum margin that a split would take too long, or a mid-gap pair is to be dropped
        where there is none.
    """
    settings = {"system": system, "shape": shape, "parameters": parameters, "disorder": disorder, "lattice": lattice}
    settings["interface"] = interface
    recipe = Recipe.of(name=name, seed=seed, **settings)
    without = choose(MIDGAP_PAIR, midgap_pair, f"datasets.{name}.midgap_pair")
    if midgap_pair == "dropped" and recipe.system.task != "winding":
        allowed = "kept, since only chains have a mid-gap pair"
        raise ConfigError(refusal(f"datasets.{name}.midgap_pair", midgap_pair, allowed))
    samples = {split: samples[split] for split in SPLITS if split in samples}  # whatever order they are written in
    progress = Progress(sum(samples.values()), "samples")
    parts = [decided(recipe, split, count, minimum_margin, progress, consensus) for split, count in samples.items()]
    made, seen = Samples.joined([kept for kept, _ in parts]), np.concatenate([seen for _, seen in parts], axis=1)
    states = _scrambled(recipe, without(made.occupied), made.draw, site_gauge == "scrambled")
    split = np.repeat([SPLITS.index(split) for split in samples], list(samples.values())).astype(np.int8)
    settings |= {"samples": samples, "minimum_margin": minimum_margin, "seed": seed, "midgap_pair": midgap_pair}
    settings["consensus"] = consensus
    settings["site_gauge"] = choose({"fixed": "fixed", "scrambled": "scrambled"}, site_gauge, "site_gauge")
    attributes = _attributes(recipe, made) | {
        "minimum_margin": minimum_margin,
        "midgap_pair": midgap_pair,
        "site_gauge": site_gauge,
        "consensus": consensus,
        "config_digest": digest(settings),
        **_selection(seen, minimum_margin),
    }
    attributes["system"] += " without the mid-gap pair" if midgap_pair == "dropped" else ""
    attributes["system"] += " in a scrambled site gauge" if site_gauge == "scrambled" else ""
    undecided = int((seen[2] < minimum_margin).sum())
    LOGGER.info("%s: %d of %d draws undecided and left out", attributes["system"], undecided, seen.shape[1])
    about = {"split": split, "midgap_pair": midgap_pair, "area_per_site": recipe.lattice.area_per_site}
    return replace(made, states=states, proxies=_clean_integers(recipe, made), attributes=attributes, **about)


def decided(
    recipe: Recipe, split: str, count: int, minimum_margin: float, progress: Progress, consensus: bool = False
) -> tuple[Samples, np.ndarray]:
    """Return the first `count` samples of a split that reach the margin, and what all draws up to the last of them say.

    With `consensus` the product rule must also round to the label.

    Returns
    -------
    samples
        As from `solve`.
    seen : (3, draws) float64
        Label, main reference and margin.

    Raises
    ------
    ConfigError
        If so few draws reach the minimum margin that it would take too long.
    """
    chunks, seen, found, first = [], [], 0, FIRST_DRAW[split]
    while found < count:
        draws = recipe.batch * len(seen)
        if draws >= MAX_DRAWS_PER_SAMPLE * max(count if found else 0, 20):
            where = f"datasets.{recipe.name}.minimum_margin"
            allowed = f"a value that more than {found} of {draws} draws of the {split} split reach"
            raise ConfigError(refusal(where, minimum_margin, allowed))
        chunk = solve(recipe, range(first + draws, first + draws + recipe.batch))
        seen.append(np.stack([chunk.label, _main_reference(chunk), chunk.margin]))
        wanted = chunk.margin >= minimum_margin
        if consensus:
            wanted &= np.rint(chunk.references[PRODUCT_RULE]) == chunk.label
        wanted = np.flatnonzero(wanted)[: count - found]
        chunks.append(chunk[wanted])
        found += len(wanted)
        progress.advance(len(wanted))
    samples = Samples.joined(chunks)
    return samples, np.concatenate(seen, axis=1)[:, : int(samples.draw[-1]) - first + 1]


def solve(recipe: Recipe, indices: range) -> Samples:
    """Return draws solved and labelled, with all references that apply, and without their Hamiltonians."""
    drawn = recipe.draw(indices)
    (_, label), *others = recipe.estimates(drawn).items()
    return replace(
        drawn,
        hamiltonians=None,
        states=drawn.occupied,
        gaps=drawn.gap,
        label=label.value.astype(np.int64),
        margin=label.margin,
        references={name: estimate.value for name, estimate in others},
    )


def _main_reference(samples: Samples) -> np.ndarray:
    return next(iter(samples.references.values()))


def _scrambled(recipe: Recipe, occupied: np.ndarray, draws: np.ndarray, sites: bool) -> np.ndarray:
    """Return the states as they are stored, in a random gauge; with `sites` that of every site is random too."""
    stored = np.complex64 if sites or np.iscomplexobj(occupied) else np.float32
    out = np.empty(occupied.shape, dtype=stored)
    for row, (states, index) in enumerate(zip(occupied, draws, strict=True)):
        if sites:
            rng = stream(recipe.seed, "site gauge", recipe.name, int(index))
            states = scramble_sites(states, recipe.system.n_orbitals, rng=rng)
        out[row] = scramble_gauge(states, rng=stream(recipe.seed, "gauge", recipe.name, int(index)))
    return out


def _clean_integers(recipe: Recipe, samples: Samples) -> dict[str, np.ndarray]:
    """Return what the parameters of every sample, and of its outer region, say without disorder, of crystals.

    A model that reads the parameters instead of the state would predict these.
    """
    if not recipe.is_crystal:
        return {}
    mesh, found = PROXY_MESH[recipe.system.task], {}
    for prefix, name in (("parameters/", "clean_parameters"), ("outside/", "outside_parameters")):
        given = {key.removeprefix(prefix): array for key, array in samples.numbers.items() if key.startswith(prefix)}
        points = [dict(zip(given, map(float, row), strict=True)) for row in zip(*given.values(), strict=True)]
        if points:
            found[name] = np.array([_clean_integer(recipe, point, mesh) for point in points])
    return found


def _clean_integer(recipe: Recipe, parameters: Mapping[str, float], mesh: int) -> float:
    """Return the integer of the clean crystal, NaN where these parameters make none, as an irrational flux."""
    try:
        return float(bulk_invariant(recipe.system, parameters, mesh))
    except DataError:
        return np.nan


def _selection(seen: np.ndarray, minimum_margin: float) -> dict[str, float]:
    """Return the share of draws (3, draws) that is left out, and how label and reference agree on all of them."""
    label, reference, margin = seen
    return {
        "redrawn_fraction": float((margin < minimum_margin).mean()),
        "agreement_before_selection": float((np.rint(reference) == label).mean()),
    }


def _attributes(recipe: Recipe, samples: Samples) -> dict[str, Any]:
    system = recipe.system
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
        "localizer_kappa": recipe.kappa,
        "seed": recipe.seed,
        "n_samples": len(samples),
        "reference_agreement": float((np.rint(_main_reference(samples)) == samples.label).mean()),
    }
