"""Where a model looks: what it still classifies when sites at some depths below the edge are taken out of the state."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.spatial import ConvexHull

from toponn.data.datasets import read_dataset
from toponn.matter.samples import Samples
from toponn.tools.options import Count, Seeds
from toponn.trainability.record import BALANCED, Curves, Panel, diagnostic
from toponn.trainability.subject import Measured, Seen, Subject, scores, trained_parameters, trained_seeds, unit_rows
from toponn.training.views import build_model, encoded, shapes_of

DEPTHS = 8
"""Largest number of depths that are measured."""

TOUCHING = 1e-9
"""Distances to the edge that differ by less are equal."""


@diagnostic(
    needs=("runs",),
    conditions={
        "removed": "shell: the sites at this depth; outside: all nearer to the edge; inside: those and all deeper",
        "depth": "distance to the edge, in nearest-neighbour distances or cells, rounded down",
    },
    curves=Curves(
        "pruning",
        (
            Panel(
                "ablated_balanced_accuracy",
                "depth",
                "sites removed down to depth\n({distance})",
                BALANCED,
                where=(("removed", "outside"),),
                linear=True,
            ),
            Panel(
                "ablated_balanced_accuracy",
                "depth",
                "sites removed at depth\n({distance})",
                BALANCED,
                where=(("removed", "shell"),),
                linear=True,
            ),
        ),
    ),
)
def ablation(subject: Subject, *, seeds: Seeds = 20, samples: Count = 200) -> Measured:
    """Measure the balanced accuracy of trained models on states without the sites of some shells.

    The amplitudes of all occupied states are set to zero there: with the projector Π on the other sites P becomes ΠPΠ,
    and the states are not normalised again. A shell is all sites of one depth: their distance to the convex hull in
    nearest-neighbour distances, rounded down, or the number of cells to the nearer end of a chain.

    Parameters
    ----------
    seeds : number of trained seeds of each model; of one that has fewer, all
    samples : at most so many samples of the split on which success is judged, equally many of each label as far as
        there are enough

    Returns
    -------
    Measured, with rows ``ablated_balanced_accuracy``: without one shell, without all shells nearer to the edge than one
    (with depth 0 nothing is removed), and without one shell and all that lie deeper

    Raises
    ------
    NotApplicable
        If no trained seed is finite.
    """
    trained = trained_parameters(subject, seeds)
    names = trained_seeds(subject, seeds)
    whole = read_dataset(subject.home, subject.success.split)
    rows = balanced_rows(whole.label, samples)
    part = whole[rows]
    model = build_model(subject.variant, shapes_of(encoded(subject.variant, part, seeds=len(names))))
    measured: dict[bytes, np.ndarray] = {}  # by what is removed, since some conditions are the same
    tables = []
    for conditions, removed in ablations(edge_distance(part.geometry)):
        key = removed.tobytes()
        if key not in measured:
            left = encoded(subject.variant, without_sites(part, removed), seeds=len(names))
            measured[key] = scores(model, trained, left)
        here, values = Seen(model, {}, part), {"ablated_balanced_accuracy": measured[key]}
        tables.append(unit_rows(subject, here, conditions, names, **values))
    return Measured(pd.concat(tables, ignore_index=True), {})


def ablations(depth: np.ndarray) -> Iterator[tuple[dict[str, str | int], np.ndarray]]:
    """Yield conditions and the sites (N,) bool that they remove, of sites at depths (N,) int64."""
    for d in depths_of(int(depth.max())):
        yield {"removed": "shell", "depth": d}, depth == d
        yield {"removed": "outside", "depth": d}, depth < d
        yield {"removed": "inside", "depth": d}, depth >= d


def depths_of(deepest: int) -> list[int]:
    """Return the depths to measure: all if they are few, else some that lie closer to each other near the edge.

    Examples
    --------
    >>> depths_of(3), depths_of(11)
    ([0, 1, 2, 3], [0, 1, 2, 3, 5, 7, 11])
    """
    if deepest < DEPTHS:
        return list(range(deepest + 1))
    return [0, *np.unique(np.rint(np.geomspace(1, deepest, DEPTHS - 1)).astype(int)).tolist()]


def edge_distance(positions: np.ndarray) -> np.ndarray:
    """Return the distances (N,) of positions (N, d) to their convex hull, rounded down, int64.

    Examples
    --------
    >>> edge_distance(np.arange(5.0)[:, None]).tolist()
    [0, 1, 2, 1, 0]
    """
    if positions.shape[1] == 1:
        x = positions[:, 0]
        distance = np.minimum(x - x.min(), x.max() - x)
    else:
        planes = ConvexHull(positions).equations  # outward normals and offsets, n·x + b = 0 on the hull
        distance = -(positions @ planes[:, :-1].T + planes[:, -1]).max(axis=1)
    return np.floor(distance + TOUCHING).astype(np.int64)


def without_sites(samples: Samples, removed: np.ndarray) -> Samples:
    """Return samples whose occupied states have no amplitude on removed sites (N,) bool."""
    left = np.where(removed[samples.site_of_orbital], 0, samples.occupied).astype(samples.occupied.dtype)
    return replace(samples, states=left)


def balanced_rows(labels: np.ndarray, samples: int) -> np.ndarray:
    """Return at most `samples` row numbers of labels (B,), ascending: the first ones, equally many of each label.

    A label that has fewer rows is filled up by the others.

    Examples
    --------
    >>> balanced_rows(np.array([0, 0, 0, 0, 1, 1]), 4).tolist()
    [0, 1, 4, 5]
    """
    place = np.zeros(len(labels), dtype=np.int64)  # the rank of a row among those of its label
    for label in np.unique(labels):
        same = labels == label
        place[same] = np.arange(same.sum())
    return np.sort(np.argsort(place, kind="stable")[:samples])
