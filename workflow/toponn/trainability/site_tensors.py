"""What the ring learned: its site tensors beside those of the closed form.

A rank-1 ring depends on its site tensors only through their wedge product, which a linear map of determinant one
between them leaves alone. To be drawn side by side, learned tensors are mapped linearly onto the closed form by least
squares.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toponn.datasets import Dataset
from toponn.models.base import finite_seeds
from toponn.models.head import predictions
from toponn.models.ring import Ring
from toponn.models.wedges import wedge
from toponn.statistics import balanced_accuracy, median_band
from toponn.trainability import COLUMNS
from toponn.training.loop import evaluate
from toponn.training.runs import ring_area, ring_lengths
from toponn.training.saved import load_run
from toponn.training.views import encoded

NAMES = {
    (1, "free"): ("position", "window"),
    (1, "coordinate"): ("switch", "window"),
    (2, "free"): ("window", "x", "y"),
    (2, "coordinate"): ("window", "switch x", "switch y"),
}


def aligned(learned: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return learned tensors (S, K, N) mapped linearly onto target tensors (n, N) by least squares, (S, n, N)."""
    return np.stack([(np.linalg.lstsq(tensors.T, target.T, rcond=None)[0].T @ tensors) for tensors in learned])


def cosine(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Return the cosine between rows of (S, L) and (1, L), (S,) float64."""
    return torch.nn.functional.cosine_similarity(first.double(), second.double(), dim=1).numpy()


def learned_tensors(folders: Iterable[str | Path], dataset: Dataset) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return arrays and attributes for the figure, from run folders of rings with a random start.

    Others are left out, and so are seeds that failed.

    Returns
    -------
    arrays : ``positions`` (N, d), and for each form
        ``closed_form/<form>`` (n, N), ``learned/<form>`` (S, n, N) aligned, ``balanced_accuracy/<form>`` (S,) on the
        given split, ``weight_overlap/<form>`` (S,), cosine of learned and closed-form wedge products, and
        ``data_overlap/<form>`` (S,), the correlation of the two outputs f over the samples (the metric of the data)
    attributes : ``tensor_names_<form>``
    """
    lengths = ring_lengths(dataset.states)
    arrays, attributes, samples = {"positions": lengths}, {}, None
    for folder in folders:
        run = load_run(folder)
        model, finite = run.model, finite_seeds(run.parameters)
        if not isinstance(model, Ring) or model.start != "random" or not finite.any():
            continue
        parameters = {name: tensor[finite] for name, tensor in run.parameters.items()}
        samples = samples or encoded(run.document["settings"], dataset, seeds=len(run.document["seeds"]))
        coordinates = samples.inputs["coordinates"]
        like = {name: tensor for name, tensor in parameters.items() if not name.startswith("head.")}
        exact = model.closed_form(like, lengths, ring_area(dataset))
        exact = {name: tensor[:1] for name, tensor in exact.items()}
        learned, target = model.tensors(parameters, coordinates), model.tensors(exact, coordinates)
        value, reference = evaluate(model, parameters, samples), evaluate(model, exact, samples)
        overlap = cosine(torch.cat(list(wedge(learned)), dim=1), torch.cat(list(wedge(target)), dim=1))
        form, wanted = model.form, target[0, 0].numpy()
        arrays |= {
            f"closed_form/{form}": wanted,
            f"learned/{form}": aligned(learned.flatten(1, 2).numpy(), wanted),
            f"balanced_accuracy/{form}": balanced_accuracy(dataset.label, predictions(value).numpy()),
            f"weight_overlap/{form}": overlap,
            f"data_overlap/{form}": cosine(
                value - value.mean(dim=1, keepdim=True), reference - reference.mean(dim=1, keepdim=True)
            ),
        }
        attributes[f"tensor_names_{form}"] = ",".join(NAMES[lengths.shape[1], form])
    return arrays, attributes


def site_tensor_rows(arrays: dict[str, np.ndarray], task: str) -> pd.DataFrame:
    """Return medians and 10–90 % bands over seeds of the overlaps with the closed form."""
    rows = []
    for name, values in arrays.items():
        kind, _, form = name.partition("/")
        if kind in ("weight_overlap", "data_overlap"):
            size = len(arrays["positions"])
            rows.append((task, "ring", form, kind, size, "start=random", len(values), *median_band(values)))
    return pd.DataFrame(rows, columns=COLUMNS)
