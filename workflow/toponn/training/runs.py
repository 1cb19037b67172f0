"""From a dataset file and a config entry to a run folder: weights, settings, history and a row for each seed."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from toponn.checks import DataError, NotApplicable, resolve
from toponn.datasets import Dataset, read_dataset
from toponn.encodings import ENCODINGS, SHARED
from toponn.files import digest, provenance, read_arrays, read_json, write_arrays, write_csv, write_json
from toponn.models import MODELS
from toponn.models.base import Model, Parameters, as_tensors, count_parameters, generators
from toponn.models.head import TEMPERATURE, predictions
from toponn.seeds import stream
from toponn.states import States
from toponn.statistics import balanced_accuracy
from toponn.training.loop import Samples, evaluate, train

RUN_COLUMNS = (
    "task dataset model form seed start n_parameters epochs seconds train_loss "
    "validation_accuracy validation_balanced_accuracy success status"
).split()
HISTORY_COLUMNS = (
    "task dataset model form start seed epoch train_loss validation_loss validation_balanced_accuracy gradient_norm"
).split()


def build_model(settings: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> Model:
    """Return the model that a config entry names, for inputs of the given shapes (without the axis of samples)."""
    options = {key: value for key, value in settings.items() if key not in ("model", "training")}
    member = resolve(MODELS, settings["model"], "model")
    return member({name: tuple(shape) for name, shape in shapes.items()}, **options)


def encode(settings: Mapping[str, Any], states: States) -> dict[str, np.ndarray]:
    """Return what the model of a config entry sees of the states.

    Raises
    ------
    NotApplicable
        If its encoding cannot represent them.
    """
    member = resolve(MODELS, settings["model"], "model")
    options = {"stencil": settings["stencil"]} if member.encoding == "cell_image" else {}
    return resolve(ENCODINGS, member.encoding, "encoding")(states, **options)


def encoded(settings: Mapping[str, Any], dataset: Dataset) -> Samples:
    """Return a dataset as a model sees it."""
    return Samples(as_tensors(encode(settings, dataset.states)), torch.from_numpy(dataset.label))


def geometry_of(inputs: Mapping[str, torch.Tensor]) -> str:
    """Return what identifies the sites of encoded samples, for models whose weights belong to them one by one."""
    return digest(inputs["coordinates"].double().numpy().round(4).tolist()) if "coordinates" in inputs else ""


def check_applicable(model: Model, document: Mapping[str, Any], inputs: Mapping[str, torch.Tensor]) -> None:
    """Raise NotApplicable, with the reason, if a trained model cannot run on these inputs."""
    model.check_applicable(inputs)
    if model.fixed_geometry and geometry_of(inputs) != document["geometry"]:
        raise NotApplicable("its weights belong to the sites of training one by one, the sample has others")


def start_parameters(model: Model, dataset: Dataset, root: int, name: str, seeds: Sequence[int]) -> Parameters:
    """Return the parameters before training: random, or the closed form with noise where the model starts there."""
    parameters = model.initial(generators(root, dataset.name, name, seeds))
    if model.start == "random":
        return parameters
    exact = model.closed_form(parameters, ring_lengths(dataset.states), ring_area(dataset))
    draws = [stream(root, "noise", dataset.name, name, seed) for seed in seeds]
    noise = {key: np.array([rng.normal(size=tuple(t.shape[1:])) for rng in draws]) for key, t in exact.items()}
    return {key: t * (1 + model.noise * torch.from_numpy(noise[key]).to(t.dtype)) for key, t in exact.items()}


def ring_lengths(states: States) -> np.ndarray:
    """Return the positions (N, d) behind the ring's coordinates, of cells in 1D and sites in 2D, from their middle."""
    positions = states.positions[states.sublattice == 0] if states.dimension == 1 else states.positions
    return positions - (positions.min(axis=0) + positions.max(axis=0)) / 2


def ring_area(dataset: Dataset) -> float:
    """Return the length or area that one of those positions stands for."""
    return 1.0 if dataset.states.dimension == 1 else float(dataset.attributes["area_per_site"])


def train_block(
    dataset_path: str | Path,
    *,
    task: str,
    name: str,
    settings: Mapping[str, Any],
    seeds: Sequence[int],
    success: Mapping[str, Any],
    root: int,
    checkpoint: Path | None = None,
    work: str = "",
) -> dict[str, Any]:
    """Train one block of seeds of a model on a dataset; return weights, settings, history and rows for `write_run`.

    `work` tells the checkpoint of this work from one of the same settings under other code.
    """
    splits = {split: read_dataset(dataset_path, split) for split in ("train", "validation", success["split"])}
    dataset = splits["train"]
    samples = {split: encoded(settings, part) for split, part in splits.items()}
    shapes = {key: list(t.shape if key in SHARED else t.shape[1:]) for key, t in samples["train"].inputs.items()}
    model = build_model(settings, shapes)
    start = time.monotonic()
    if hasattr(model, "fit"):
        parts = (
            samples["train"].inputs,
            samples["train"].labels,
            samples["validation"].inputs,
            samples["validation"].labels,
        )
        parameters, history = model.fit(*parts), {}
    else:
        initial = start_parameters(model, dataset, root, name, seeds)
        key = digest([dataset.attributes["checksum"], name, dict(settings), list(seeds), root, work])
        hyper = dict(settings["training"], root=root, order=dataset.name, checkpoint=checkpoint, key=key)
        parameters, history = train(model, initial, samples["train"], samples["validation"], **hyper)
    seconds = (time.monotonic() - start) / len(seeds)
    about = {
        "task": task,
        "dataset": dataset.name,
        "model": settings["model"],
        "form": model.form,
        "start": model.start,
    }
    scores = {split: _score(model, parameters, samples[split]) for split in ("validation", success["split"])}
    rows = pd.DataFrame({"seed": list(seeds), **about})
    rows["n_parameters"] = count_parameters({k: t for k, t in parameters.items() if k != TEMPERATURE})
    rows["epochs"] = settings["training"]["epochs"] if history else 0
    rows["seconds"] = seconds
    rows["train_loss"] = history["train_loss"][-1] if history else np.nan
    rows["validation_accuracy"], rows["validation_balanced_accuracy"], _ = scores["validation"]
    _, held_out, finite = scores[success["split"]]
    rows["success"] = finite & (held_out >= success["balanced_accuracy"])
    rows["status"] = np.where(finite, "ok", "failed")
    document = {
        **about,
        "name": name,
        "settings": dict(settings),
        "seeds": list(seeds),
        "shapes": shapes,
        "geometry": geometry_of(samples["train"].inputs),
        "root": root,
    }
    return {
        "parameters": parameters,
        "document": document,
        "history": _history(about, seeds, history),
        "rows": rows,
    }


def _score(model: Model, parameters: Parameters, samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    value, labels = evaluate(model, parameters, samples), samples.labels.numpy()
    guesses = predictions(value).numpy()
    return (
        (guesses == labels).mean(axis=1),
        balanced_accuracy(labels, guesses),
        torch.isfinite(value).all(dim=1).numpy(),
    )


def _history(about: Mapping[str, str], seeds: Sequence[int], records: Mapping[str, np.ndarray]) -> pd.DataFrame:
    if not records:
        return pd.DataFrame(columns=HISTORY_COLUMNS)
    epochs, count = next(iter(records.values())).shape
    frame = pd.DataFrame({name: values.ravel() for name, values in records.items()})
    frame["epoch"], frame["seed"] = np.repeat(np.arange(epochs), count), np.tile(seeds, epochs)
    return frame.assign(**about)


def write_run(folder: Path, run: Mapping[str, Any]) -> None:
    """Write `weights.h5`, `settings.json`, `history.csv` and `runs.csv`."""
    weights = {name: tensor.numpy() for name, tensor in run["parameters"].items()}
    write_arrays(folder / "weights.h5", weights, {"settings_digest": digest(run["document"])})
    write_csv(folder / "history.csv", run["history"], HISTORY_COLUMNS)
    write_csv(folder / "runs.csv", run["rows"], RUN_COLUMNS)
    write_json(folder / "settings.json", {**run["document"], "provenance": provenance()})


def load_run(folder: str | Path) -> tuple[Model, Parameters, dict[str, Any]]:
    """Return the model, its trained parameters and the settings document of a run folder.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the weights belong to other settings.
    """
    folder = Path(folder)
    document = read_json(folder / "settings.json")
    document.pop("provenance", None)
    arrays, attributes = read_arrays(folder / "weights.h5")
    if attributes.get("settings_digest") != digest(document):
        raise DataError(f"{folder}: weights.h5 belongs to other settings than settings.json; delete both and run again")
    return build_model(document["settings"], document["shapes"]), as_tensors(arrays), document


def apply_run(folder: str | Path, states: States) -> np.ndarray:
    """Return the values f (S, B) of all trained seeds of a run folder on states (B samples); round them to predict."""
    model, parameters, document = load_run(folder)
    inputs = as_tensors(encode(document["settings"], states))
    check_applicable(model, document, inputs)
    return evaluate(model, parameters, Samples(inputs, torch.zeros(len(states), dtype=torch.int64))).numpy()
