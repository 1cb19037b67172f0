"""Trained coordinate rings on samples beyond dense matrices: value, error bar and cost against the number of sites."""

import resource
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from toponn.data.recipes import Recipe
from toponn.generalization.sparse_ring import site_tensors, sparse_ring
from toponn.invariants.filled import FilledProjector
from toponn.invariants.sparse import even_localizer
from toponn.matter.samples import Samples
from toponn.models.base import finite_seeds
from toponn.models.ring import KAPPA, of_states
from toponn.tools.joblog import LOGGER
from toponn.tools.seeds import stream
from toponn.tools.statistics import fitted_exponent
from toponn.tools.tables import ABOUT, columns_of
from toponn.training.saved import Run

WINDOW = 0.25
"""Distance from the Fermi level, in units of the hopping, within which states are computed one by one."""
DENSE_SIDE = 24
"""Side of the largest samples that are evaluated through dense matrices too."""
LABEL_SIDE = 64
"""Side of the part about the middle that the label is taken from: the index is local, and so is its margin."""
ROUTES = {"sparse": ("preparation", "seconds"), "trace": ("seconds",), "dense": ("dense_seconds",)}
"""Routes whose exponents are fitted, and the columns of the time that each takes."""


def beyond_dense(
    run: Run,
    *,
    seed: int,
    seeds: int,
    vectors: int,
    sides: Iterable[int],
    samples: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Return f of the first trained seeds on one square sample of every recipe and side.

    Parameters
    ----------
    run
        Coordinate rings in the plane; seeds that failed are left out, and where all did there is no row.
    seed
        Of the study: samples and random vectors descend from it.
    vectors
        Random vectors of the stochastic trace.
    samples
        By name: ``system``, ``parameters`` and ``disorder`` of a recipe.

    Returns
    -------
    DataFrame, a row a seed, sample and side
        label, margin : from the spectral localizer about the middle, of at most `LABEL_SIDE`² sites; gap : between the
        highest filled level and the next, as far as `FilledProjector` knows; order : of the polynomial; states : number
        of those computed one by one; value, error : mean and standard error over the random vectors; dense : the value
        from the occupied states, up to `DENSE_SIDE`; preparation : processor seconds of the sample and its projector,
        seconds : of the trace, and dense_seconds : of the dense route, for all seeds together; peak_mb : the largest
        memory of the process so far
    """
    kept = np.flatnonzero(finite_seeds(run.parameters).numpy())[:seeds]
    run = Run(run.model, {name: tensor[kept] for name, tensor in run.parameters.items()}, run.document)
    rows = []
    for name, recipe in samples.items():
        for side in sorted(sides) if len(kept) else ():
            square = {"name": "rectangle", "size": [side, side]}
            where = Recipe.of(name=f"{name}_{side}", seed=seed, shape=square, where=f"beyond_dense.{name}", **recipe)
            found = _sample(run, where, vectors, stream(seed, "beyond_dense", name, side))
            numbers = [run.document["seeds"][k] for k in kept]
            about = {key: run.document[key] for key in ("variant", "model", "form")}
            fixed = {"sample": name, "side": side, "task": where.system.task, **about}
            rows += [fixed | {"seed": number} | row for number, row in zip(numbers, found, strict=True)]
            LOGGER.info("%s, side %d: %s", name, side, {k: v for k, v in rows[-1].items() if k not in fixed})
    return pd.DataFrame(rows, columns=columns_of("beyond_dense", ()))


def _sample(run: Run, recipe: Recipe, vectors: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield the row of each seed on draw 0 of a recipe, without the names."""
    start = time.process_time()
    sample = recipe.draw([0], sparse=True)
    (H,), given = sample.hamiltonians, sample.fermi_level is not None
    level = float(sample.fermi_level[0]) if given else 0.0
    P = FilledProjector.of(H, level, WINDOW, filled=None if given else int(sample.filled[0]))
    prepared = time.process_time()
    d = site_tensors(run, sample.geometry)
    draws = sparse_ring(d, H, P, vectors=vectors, rng=rng)
    ended = time.process_time()
    dense = np.full(len(d), np.nan)
    if len(recipe.sites) <= DENSE_SIDE**2:
        dense = _dense(d, sample)
    dense_seconds = time.process_time() - ended if np.isfinite(dense).any() else np.nan
    label, margin = _label(recipe, sample, level)
    common = {
        "n_sites": len(recipe.sites),
        "label": label,
        "margin": margin,
        "gap": P.gap,
        "order": P.order,
        "states": len(P.energies),
        "vectors": vectors,
        "preparation": prepared - start,
        "seconds": ended - prepared,
        "dense_seconds": dense_seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,  # in kB on Linux
    }
    errors = draws.std(axis=1, ddof=1) / np.sqrt(vectors)
    for value, error, exact in zip(draws.mean(axis=1), errors, dense, strict=True):
        yield common | {"value": value, "error": error, "dense": exact}


def _dense(d: np.ndarray, sample: Samples) -> np.ndarray:
    """Return f (S,) through the occupied states of the dense Hamiltonian in double precision."""
    psi = torch.from_numpy(sample.occupied.astype(complex))
    wide = torch.from_numpy(d).repeat_interleave(psi.shape[-1] // d.shape[-1], dim=-1)
    return KAPPA[3] * torch.cat([of_states(rings, psi) for rings in wide]).numpy()


def _label(recipe: Recipe, sample: Samples, level: float) -> tuple[int, float]:
    """Return the index and the gap of the spectral localizer about the middle of a sample."""
    r = sample.places[sample.site_of_orbital]
    near = np.flatnonzero((np.abs(r) < LABEL_SIDE / 2).all(axis=1))
    return even_localizer(sample.hamiltonians[0][near][:, near], r[near], recipe.kappa, level)


def exponent_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row of the trainability table for the cost of each route, over the larger half of the sizes.

    The diagnostic ``sparse_cost_exponent`` is that of the number of sites. Its route is ``sparse``, all that a sample
    takes, ``trace``, the part of it after the projector is there, or ``dense``; the time is the mean over the samples
    of a size.
    """
    rows = []
    for route in ROUTES:
        cost = cost_of(table, route)
        if len(cost):
            sites, sides = cost["n_sites"].to_numpy(dtype=float), cost["side"].to_numpy()
            first = sides[min(len(sides) // 2, max(0, len(sides) - 2))]
            row = {key: table[key].iloc[0] for key in ABOUT}
            row |= {"diagnostic": "sparse_cost_exponent", "size": int(sites[-1]), "route": route, "status": "ok"}
            row |= {"sides": f"{first} to {sides[-1]}", "n_seeds": int(table["seed"].nunique())}
            fit = fitted_exponent(sites, cost["cost"].to_numpy())
            rows.append(row | dict(zip(("value", "low", "high"), fit, strict=True)))
    return pd.DataFrame(rows, columns=columns_of("beyond_dense_exponents", ("route", "sides")))


def cost_of(table: pd.DataFrame, route: str) -> pd.DataFrame:
    """Return side, n_sites and cost, in seconds a sample, of a route, ascending, the mean over the samples."""
    each = table.drop_duplicates(["sample", "side"])
    each = each.assign(cost=each[list(ROUTES[route])].sum(axis=1, skipna=False)).dropna(subset="cost")
    return each.groupby(["side", "n_sites"], as_index=False)["cost"].mean().sort_values("n_sites")
