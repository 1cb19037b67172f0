"""From dataset files and a variant to a run folder: weights, settings, history and a row for each seed."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from toponn.data.datasets import read_dataset
from toponn.matter.samples import Samples
from toponn.models.base import Model, Parameters, count_parameters, generators
from toponn.models.head import TEMPERATURE, predictions
from toponn.tools.digests import digest
from toponn.tools.files import write_arrays, write_json, write_table
from toponn.tools.joblog import LOGGER
from toponn.tools.provenance import provenance
from toponn.tools.seeds import stream
from toponn.tools.statistics import balanced_accuracy
from toponn.tools.tables import TABLES
from toponn.training.devices import device_of
from toponn.training.loop import Batch, Trained, evaluate, gradients, train
from toponn.training.protocol import Success, Variant
from toponn.training.saved import geometry_of
from toponn.training.views import build_model, groups, shapes_of


def start_parameters(model: Model, dataset: Samples, root: int, name: str, seeds: Sequence[int]) -> Parameters:
    """Return the parameters before training: random, or the closed form times 1 + noise if the model starts there."""
    parameters = model.initial(generators(root, dataset.name, name, seeds))
    if model.start == "random":
        return parameters
    exact = model.closed_form(parameters, dataset.places, dataset.area_per_place)
    draws = [stream(root, "noise", dataset.name, name, seed) for seed in seeds]
    noise = {key: np.array([rng.normal(size=tuple(t.shape[1:])) for rng in draws]) for key, t in exact.items()}
    return {key: t * (1 + model.noise * torch.from_numpy(noise[key]).to(t.dtype)) for key, t in exact.items()}


def train_block(
    dataset_paths: str | Path | Sequence[str | Path],
    *,
    task: str,
    variant: Variant,
    seeds: Sequence[int],
    success: Success,
    root: int,
    device: str = "auto",
    checkpoint: Path | None = None,
    work: str = "",
    together: str = "",
) -> dict[str, Any]:
    """Train one block of seeds of a variant on a dataset; return weights, settings, history and rows for `write_run`.

    Parameters
    ----------
    dataset_paths : one file, or several; on those of them that the model can represent it is trained together
    seeds : numbers of the seeds of the block
    success : when a seed counts as a success
    root : seed of the study
    checkpoint : file in which an interrupted training leaves its state
    work : digest of the code, so that no checkpoint is continued that other code has written
    together : name of several datasets in tables and random streams; ``trained_on`` of the settings lists those used

    Returns
    -------
    dict with
        ``parameters`` : tensors by name, S seeds first; ``document`` : settings, shapes and seeds, as JSON can hold
        them; ``history`` : losses and accuracies of every epoch; ``rows`` : of the runs table, one a seed

    Raises
    ------
    NotApplicable
        If the model can represent none of the datasets.
    """
    paths = [dataset_paths] if isinstance(dataset_paths, str | Path) else list(dataset_paths)
    names = dict.fromkeys(("train", "validation", success.split))
    splits = {split: [read_dataset(path, split) for path in paths] for split in names}
    load = {"seeds": len(seeds), "uses": variant.uses}
    samples = {split: groups(variant, parts, **load) for split, parts in splits.items()}
    used, training = list(samples["train"]), list(samples["train"].values())
    dataset = next(part for part in splits["train"] if part.name == used[0])
    dataset = replace(dataset, attributes={**dataset.attributes, "name": together or dataset.name})
    found = np.unique(np.concatenate([group.labels.numpy() for group in samples[success.split].values()]))
    if len(found) == 1:
        LOGGER.warning("the %s split has the label %d alone: any constant answer succeeds", success.split, found[0])
    samples = {split: list(seen.values()) for split, seen in samples.items()}
    model = build_model(variant, shapes_of(training[0]))
    checksums = [part.attributes["checksum"] for part in splits["train"]]
    key = digest([checksums, variant.name, variant.entry(), list(seeds), root, work])
    start = time.monotonic()
    if model.solved:
        trained, flops = fitted(model, training[0], samples["validation"][0])
    else:
        initial = start_parameters(model, dataset, root, variant.name, seeds)
        hyper = dict(asdict(variant.training), root=root, order=dataset.name, checkpoint=checkpoint, key=key)
        trained = train(model, initial, training, samples["validation"], device=device_of(device), **hyper)
        size = variant.training.batch_size
        flops = trained.epochs * sum(epoch_flops(model, initial, group, size) for group in training)
    seconds = (time.monotonic() - start) / len(seeds)
    about = {"task": task, "dataset": dataset.name, "variant": variant.name}
    about |= {"model": model.family, "form": model.form, "start": model.start}
    document = {
        **about,
        "settings": variant.entry(),
        "seeds": list(seeds),
        "shapes": shapes_of(training[0]),
        "geometry": geometry_of(training[0].inputs) if model.fixed_geometry else "",
        "trained_on": used,
        "midgap_pair": dataset.midgap_pair,
        "root": root,
        "n_parameters": count_parameters({k: t for k, t in trained.parameters.items() if k != TEMPERATURE}),
        "flops": flops.tolist(),
    }
    return {
        "parameters": trained.parameters,
        "document": document,
        "history": _history(about, seeds, trained),
        "rows": _rows(about, seeds, model, trained, samples, success).assign(
            size=dataset.n_places, n_parameters=document["n_parameters"], flops=flops, seconds=seconds
        ),
    }


def fitted(model: Model, training: Batch, validation: Batch) -> tuple[Trained, np.ndarray]:
    """Return the outcome of a model whose weights are solved for, and the floating-point operations (1,) of solving."""
    with counted() as counter:
        parameters = model.fit(training.inputs, training.labels, validation.inputs, validation.labels)
    nothing = np.zeros(1, dtype=np.int64)
    return Trained(parameters, {}, nothing, nothing, nothing > 0), np.array([float(counter.get_total_flops())])


def counted() -> FlopCounterMode:
    """Return torch's counter of the operations of products and convolutions, taught to count in-place `addmm_` too."""

    def addmm(total: torch.Size, first: torch.Size, second: torch.Size, **_: Any) -> int:
        return 2 * first[0] * first[1] * second[1]

    return FlopCounterMode(display=False, custom_mapping={torch.ops.aten.addmm_: addmm})


def epoch_flops(model: Model, parameters: Parameters, training: Batch, batch_size: int) -> float:
    """Return the floating-point operations of one epoch of one seed: of products and convolutions, both ways."""
    one = {name: tensor[:1].clone().requires_grad_() for name, tensor in parameters.items()}
    one.setdefault(TEMPERATURE, torch.zeros(1, requires_grad=True))
    with counted() as counter:
        gradients(model, one, training[:batch_size])
    return float(counter.get_total_flops()) * math.ceil(len(training) / batch_size)


def _rows(
    about: Mapping[str, str],
    seeds: Sequence[int],
    model: Model,
    trained: Trained,
    samples: Mapping[str, Sequence[Batch]],
    success: Success,
) -> pd.DataFrame:
    """Return a row of the runs table for each seed, without its costs."""
    rows = pd.DataFrame({"seed": list(seeds), **about})
    rows["epochs"] = trained.epochs
    kept = trained.kept, np.arange(len(seeds))
    rows["train_loss"] = trained.history["train_loss"][kept] if trained.history else np.nan
    accuracy, balanced, _ = _score(model, trained.parameters, samples["validation"])
    rows["validation_accuracy"], rows["validation_balanced_accuracy"] = accuracy, balanced
    _, held_out, finite = _score(model, trained.parameters, samples[success.split])
    finite &= ~trained.failed
    rows["success"] = finite & (held_out >= success.balanced_accuracy)
    rows["status"] = np.where(finite, "ok", "failed")
    return rows


def _score(model: Model, parameters: Parameters, samples: Sequence[Batch]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return accuracy and balanced accuracy (S,), NaN where f is not always finite, and where it is (S,) bool."""
    value = torch.cat([evaluate(model, parameters, group) for group in samples], dim=1)
    labels = torch.cat([group.labels for group in samples]).numpy()
    guesses, finite = predictions(value).numpy(), torch.isfinite(value).all(dim=1).numpy()
    scores = (guesses == labels).mean(axis=1), balanced_accuracy(labels, guesses)
    return *(np.where(finite, score, np.nan) for score in scores), finite


def _history(about: Mapping[str, str], seeds: Sequence[int], trained: Trained) -> pd.DataFrame:
    records, last = trained.history, trained.epochs
    if not records:
        return pd.DataFrame(columns=TABLES["history"].columns)
    epochs, count = next(iter(records.values())).shape
    frame = pd.DataFrame({name: values.ravel() for name, values in records.items()})
    frame["epoch"], frame["seed"] = np.repeat(np.arange(epochs), count), np.tile(seeds, epochs)
    ended = frame["epoch"] > np.tile(last, epochs)
    return frame[~ended].assign(**about)


def write_run(folder: Path, run: Mapping[str, Any]) -> None:
    """Write what `train_block` returned as `weights.h5`, `settings.json`, `history.csv` and `runs.csv`."""
    weights = {name: tensor.numpy() for name, tensor in run["parameters"].items()}
    write_arrays(folder / "weights.h5", weights, {"settings_digest": digest(run["document"])})
    write_table(folder / "history.csv", run["history"], "history")
    write_table(folder / "runs.csv", run["rows"], "runs")
    write_json(folder / "settings.json", {**run["document"], "provenance": provenance()})
