"""How often independent references agree: the ceiling of every accuracy."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from toponn.data.recipes import Recipe
from toponn.labels.convergence import open_estimates
from toponn.matter.geometry import square_of
from toponn.matter.samples import Samples
from toponn.tools.joblog import Progress
from toponn.tools.statistics import wilson_interval


def reference_rows(dataset: Samples) -> pd.DataFrame:
    """Return the table ``references`` of a dataset: how often each pair of them, rounded, agrees, with Wilson's 95 %.

    The label's estimator is the spectral localizer. ``size`` counts sites.
    """
    attributes = dataset.attributes
    estimates = {"spectral_localizer": dataset.label}
    estimates |= {name: np.rint(values) for name, values in dataset.references.items()}
    about = {
        "dataset": dataset.name,
        "system": attributes["system_name"],
        "shape": attributes["shape"],
        "size": dataset.positions.shape[-2],
        "disorder": attributes["disorder"],
    }
    everything = np.ones(len(dataset), dtype=bool)
    return pd.DataFrame(
        about | _agreement(a, b, estimates[a] == estimates[b], everything) for a, b in combinations(estimates, 2)
    )


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
    """Return the table ``ceiling``: the agreement of every pair of estimators at each size and strength of disorder.

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
            fixed = {"name": name, "system": system, "lattice": recipe.lattice.name, "disorder": disorder}
            fixed |= {"strength": strength, "length": length, "n_sites": len(recipe.sites)}
            for a, b in combinations(found, 2):
                same = np.rint(found[a].value) == np.rint(found[b].value)
                for selection, kept in _selections(found[a].decided & found[b].decided):
                    rows.append(fixed | {"selection": selection} | _agreement(a, b, same, kept))
            progress.advance()
    return pd.DataFrame(rows)


def _agreement(a: str, b: str, same: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
    """Return the share of the samples kept (B,) on which two estimators agree, with Wilson's interval, or NaN."""
    n, agreed = int(kept.sum()), int(same[kept].sum())
    share, (low, high) = (agreed / n, wilson_interval(agreed, n)) if n else (np.nan, (np.nan, np.nan))
    return {"estimator_a": a, "estimator_b": b, "n_samples": n, "agreement": share, "low": low, "high": high}


def _selections(decided: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    return ("all", np.ones(len(decided), dtype=bool)), ("decided", decided)
