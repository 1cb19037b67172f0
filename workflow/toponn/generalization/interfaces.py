"""Two phases in one sample: the ring's density over the sites beside the local Chern marker.

The density of the ring divided by the weight that the ring has at a site, `toponn.models.density`, is a local marker of
the ring's own; it needs no second training.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from toponn.data.encodings.projectors import projectors
from toponn.data.recipes import Recipe
from toponn.invariants.chern import local_chern_marker
from toponn.matter.lattices import normalised_coordinates
from toponn.matter.samples import Samples
from toponn.models.density import density_weight, ring_density
from toponn.tools.tables import ABOUT
from toponn.training.saved import Run, load_runs

VISIBLE = 0.05
"""Share of a ring's largest weight below which a site is not looked at: its own marker is not defined there."""
AWAY = 2.0
"""Nearest-neighbour distances from the interface and the edge at which a region begins."""


def interface(
    folders: Sequence[str | Path],
    *,
    name: str,
    seed: int,
    seeds: int,
    samples: int,
    **recipe: Any,
) -> tuple[pd.DataFrame, dict[str, np.ndarray], dict[str, Any]]:
    """Return a row for each draw, seed and region, and the arrays and attributes of the first draw.

    Parameters
    ----------
    folders : run folders of the blocks of a variant of `toponn.models.ring:CoordinateRing`
    seeds : how many of its seeds, the first ones
    recipe : system, shape, parameters, disorder and interface, as of a dataset

    Returns
    -------
    rows
        ``learned`` is the mean of the ring's own local marker and ``marker`` that of the local Chern marker over the
        sites of the region that the ring sees, both weighted with its weight; ``weight`` is the region's part in the
        sum of the magnitudes of the ring's weights, ``correlation`` that of the two markers over the sites of both
        regions, ``value`` the ring.
    arrays
        ``positions`` (N, 2), ``marker`` (N,), ``learned`` (S, N), NaN where the ring does not see, ``weight`` (S, N),
        in units of its root mean square over the sites.
    """
    drawn = Recipe.of(name=name, seed=seed, where=f"interfaces.{name}", **recipe)
    runs = load_runs(folders, seeds=seeds)
    frames, arrays = [], {}
    for index in range(samples):
        found = local_markers(runs, drawn.draw([index]), drawn.lattice.area_per_site)
        frames.append(_rows(found, recipe["interface"]["beyond"]).assign(name=name, draw=index))
        arrays = arrays or found
    about = {key: runs[0].document[key] for key in ABOUT}
    kept = {key: arrays[key] for key in ("positions", "marker", "learned", "weight")}
    attributes = {"name": name, "system": str(drawn), "beyond": recipe["interface"]["beyond"], **about}
    return pd.concat(frames, ignore_index=True).assign(**about), kept, attributes


def local_markers(runs: Sequence[Run], sample: Samples, area_per_site: float) -> dict[str, np.ndarray]:
    """Return the local Chern marker of one sample, and the rings' own; arrays as of `interface`, and ``value`` (S,)."""
    positions, P = sample.geometry, sample.projector
    coordinates = torch.from_numpy(projectors(sample)["coordinates"])
    half = (positions.max(axis=0) - positions.min(axis=0)) / 2
    density, weight = [], []
    for run in runs:
        parameters = {name: tensor.double() for name, tensor in run.parameters.items()}
        tensors = run.model.tensors(parameters, coordinates)
        density.append(ring_density(tensors, torch.from_numpy(P))[:, 0].numpy())
        weight.append(density_weight(run.model, parameters, coordinates, half).numpy())
    rho, omega = np.concatenate(density), np.concatenate(weight)
    seen = np.abs(omega) > VISIBLE * np.abs(omega).max(axis=1, keepdims=True)
    learned = np.divide(3 * rho, area_per_site * omega, out=np.full(rho.shape, np.nan), where=seen)
    return {
        "positions": positions,
        "marker": local_chern_marker(P, positions, sample.site_of_orbital, area_per_site)[0],
        "learned": learned,
        "weight": omega / np.sqrt((omega**2).mean(axis=1, keepdims=True)),
        "value": rho.sum(axis=1),
        "seeds": np.concatenate([run.document["seeds"] for run in runs]),
    }


def regions(positions: np.ndarray, beyond: float) -> dict[str, np.ndarray]:
    """Return which sites (N,) lie inside and outside the interface, `AWAY` from it and from the edge."""
    u, half = normalised_coordinates(positions), (positions.max(axis=0) - positions.min(axis=0)) / 2
    reach, out = AWAY / half.min(), np.abs(u).max(axis=1).round(9)
    return {"inside": out <= beyond - reach, "outside": (out >= beyond + reach) & (out <= 1 - reach)}


def _rows(found: Mapping[str, np.ndarray], beyond: float) -> pd.DataFrame:
    """Return the rows of one draw."""
    rows, inside_of = [], regions(found["positions"], beyond)
    for place, seed in enumerate(found["seeds"]):
        learned, omega, marker = found["learned"][place], found["weight"][place], found["marker"]
        parts = {name: inside & np.isfinite(learned) for name, inside in inside_of.items()}
        both = np.any(list(parts.values()), axis=0)
        shared = {"seed": seed, "value": found["value"][place]}
        shared["correlation"] = float(np.corrcoef(learned[both], marker[both])[0, 1])
        for region, here in parts.items():
            share = {"region": region, "n_sites": int(here.sum())}
            share["weight"] = float(np.abs(omega[here]).sum() / np.abs(omega).sum())
            means = {"marker": np.nan, "learned": np.nan}
            if here.any():
                weights = np.abs(omega[here])
                means = {"marker": np.average(marker[here], weights=weights)}
                means |= {"learned": np.average(learned[here], weights=weights)}
            rows.append({**shared, **share, **means})
    return pd.DataFrame(rows)
