"""How often independent references agree: the ceiling of every accuracy."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from toponn.convergence import open_estimates, square_of
from toponn.datasets import Dataset
from toponn.joblog import Progress
from toponn.recipes import Recipe
from toponn.statistics import wilson_interval

COLUMNS = "system shape size disorder estimator_a estimator_b n_samples agreement low high".split()
CEILING_COLUMNS = (
    "name system lattice disorder strength length n_sites estimator_a estimator_b selection n_samples agreement low "
    "high"
).split()


def reference_rows(dataset: Dataset) -> pd.DataFrame:
    """Return the agreement, with its Wilson 95 % interval, of every pair of references, rounded to integers.

    The label's estimator is the spectral localizer. ``size`` counts sites.
    """
    attributes = dataset.attributes
    estimates = {"spectral_localizer": dataset.label}
    estimates |= {name: np.rint(values) for name, values in dataset.references.items()}
    rows = []
    for a, b in combinations(estimates, 2):
        same = int((estimates[a] == estimates[b]).sum())
        about = (
            attributes["system_name"],
            attributes["shape"],
            dataset.states.positions.shape[-2],
            attributes["disorder"],
        )
        rows.append((*about, a, b, len(dataset), same / len(dataset), *wilson_interval(same, len(dataset))))
    return pd.DataFrame(rows, columns=COLUMNS)


def ceiling_rows(
    *,
    name: str,
    seed: int,
    system: str,
    parameters: Mapping[str, Any],
    disorder: str,
    strengths: Sequence[float],
    lengths: Sequence[float],
    samples: int,
    minimum_margin: float,
    lattice: str | None = None,
) -> pd.DataFrame:
    """Return the agreement of every pair of estimators at each size and strength of disorder.

    Arguments are the config's keys. Samples are not selected: ``selection`` says whether a row counts all of them or
    only those that both estimators call decided. Wilson 95 % intervals.
    """
    rows, progress = [], Progress(len(lengths) * len(strengths), "sizes and strengths")
    about = {"seed": seed, "system": system, "parameters": parameters, "lattice": lattice}
    for length in lengths:
        for strength in strengths:
            shape = square_of(system, length)
            term = {"name": disorder, "strength": strength}
            stream = f"ceiling {name} {length:g} {strength:g}"  # no two of them share their draws
            recipe = Recipe.of(**about, name=stream, shape=shape, disorder=[term], where=f"ceiling.{name}")
            found = open_estimates(recipe, samples, minimum_margin)
            fixed = (name, system, recipe.lattice.name, disorder, strength, length, len(recipe.sites))
            for a, b in combinations(found, 2):
                for selection, kept in _selections(found[a].decided & found[b].decided):
                    same = (np.rint(found[a].value) == np.rint(found[b].value))[kept]
                    share = same.mean() if len(same) else np.nan
                    interval = wilson_interval(int(same.sum()), len(same)) if len(same) else (np.nan, np.nan)
                    rows.append((*fixed, a, b, selection, len(same), share, *interval))
            progress.advance()
    return pd.DataFrame(rows, columns=CEILING_COLUMNS)


def _selections(decided: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    return ("all", np.ones(len(decided), dtype=bool)), ("decided", decided)
