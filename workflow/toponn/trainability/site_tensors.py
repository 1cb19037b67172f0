"""What a ring learned: its site tensors beside those of the closed form, and how far the two overlap.

f of a rank-1 ring depends on its site tensors only through their wedge product, which no linear map of determinant one
between them changes. To be drawn side by side, learned tensors are mapped linearly onto the closed form by least
squares.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toponn.matter.samples import Samples
from toponn.models.base import finite_seeds
from toponn.models.head import predictions
from toponn.models.wedges import wedge
from toponn.tools.statistics import balanced_accuracy, median_band
from toponn.tools.tables import columns_of
from toponn.training.loop import evaluate
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


def learned_tensors(
    folders: Iterable[str | Path], dataset: Samples, seeds: Mapping[str, int] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return arrays and attributes for the figure, from the run folders of rings that started at random weights.

    Folders of other models are left out, and so are seeds that failed.

    Parameters
    ----------
    dataset : samples on which outputs are compared
    seeds : by variant how many seeds of a folder belong to the study, counted from the first; all by default

    Returns
    -------
    arrays : ``positions`` (N, d), and for each variant
        ``closed_form/<variant>`` (n, N), ``learned/<variant>`` (S, n, N) aligned, ``balanced_accuracy/<variant>`` (S,)
        on the given split, ``weight_overlap/<variant>`` (S,), cosine of learned and closed-form wedge products, and
        ``data_overlap/<variant>`` (S,), the correlation of the two outputs f over the samples (the metric of the data)
    attributes : ``tensor_names_<variant>``, ``model_<variant>`` and ``form_<variant>``
    """
    lengths = dataset.places
    arrays, attributes, samples = {"positions": lengths}, {}, None
    for folder in folders:
        run = load_run(folder)
        run = run.first((seeds or {}).get(run.variant.name, len(run.document["seeds"])))
        model, name, finite = run.model, run.variant.name, finite_seeds(run.parameters)
        readable = model.multilinear and model.closed_forms and model.start == "random"
        if not readable or not finite.any():
            continue
        parameters = {name: tensor[finite] for name, tensor in run.parameters.items()}
        samples = samples or encoded(run.variant, dataset, seeds=len(run.document["seeds"]))
        coordinates = samples.inputs["coordinates"]
        like = {name: tensor for name, tensor in parameters.items() if not name.startswith("head.")}
        exact = model.closed_form(like, lengths, dataset.area_per_place)
        exact = {name: tensor[:1] for name, tensor in exact.items()}
        learned, target = model.tensors(parameters, coordinates), model.tensors(exact, coordinates)
        value, reference = evaluate(model, parameters, samples), evaluate(model, exact, samples)
        overlap = cosine(torch.cat(list(wedge(learned)), dim=1), torch.cat(list(wedge(target)), dim=1))
        wanted = target[0, 0].numpy()
        arrays |= {
            f"closed_form/{name}": wanted,
            f"learned/{name}": aligned(learned.flatten(1, 2).numpy(), wanted),
            f"balanced_accuracy/{name}": balanced_accuracy(dataset.label, predictions(value).numpy()),
            f"weight_overlap/{name}": overlap,
            f"data_overlap/{name}": cosine(
                value - value.mean(dim=1, keepdim=True), reference - reference.mean(dim=1, keepdim=True)
            ),
        }
        names = NAMES.get((lengths.shape[1], model.form), [f"tensor {place + 1}" for place in range(model.order)])
        attributes[f"tensor_names_{name}"] = ",".join(names)
        attributes |= {f"model_{name}": model.family, f"form_{name}": model.form}
    return arrays, attributes


def site_tensor_rows(arrays: Mapping[str, np.ndarray], attributes: Mapping[str, str], task: str) -> pd.DataFrame:
    """Return medians and 10–90 % bands over seeds of the overlaps with the closed form."""
    rows = []
    for key, values in arrays.items():
        kind, _, name = key.partition("/")
        if kind in ("weight_overlap", "data_overlap"):
            about = {"task": task, "variant": name, "model": attributes[f"model_{name}"]}
            about |= {"form": attributes[f"form_{name}"], "diagnostic": kind, "size": len(arrays["positions"])}
            value, low, high = median_band(values)
            found = {"n_seeds": len(values), "value": value, "low": low, "high": high, "status": "ok"}
            rows.append(about | {"start": "random"} | found)
    return pd.DataFrame(rows, columns=columns_of("trainability", ["start"]))
