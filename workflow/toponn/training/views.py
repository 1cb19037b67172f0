"""The model of a variant, and the encoded inputs that it reads of a dataset."""

import inspect
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from toponn.data.encodings import ENCODINGS, is_shared
from toponn.data.encodings.routes import route
from toponn.matter.samples import Samples
from toponn.models import MODELS
from toponn.models.base import Model, as_tensors
from toponn.tools.checks import NotApplicable, resolve
from toponn.tools.joblog import LOGGER
from toponn.training.loop import Batch
from toponn.training.protocol import Variant


def build_model(variant: Variant, shapes: Mapping[str, Sequence[int]]) -> Model:
    """Return a variant's model for inputs of the given shapes (without the axis of samples)."""
    shapes = {name: tuple(shape) for name, shape in shapes.items()}
    return resolve(MODELS, variant.model, "model")(shapes, **variant.options)


def encode(variant: Variant, samples: Samples, *, seeds: int = 1, uses: int = 1) -> dict[str, np.ndarray]:
    """Return the named arrays that a variant's model reads of samples.

    Where its class reads several encodings, they are of the one which its option ``route`` names, or of the one from
    which so many `seeds` are evaluated fastest, each of them `uses` times on every sample.

    Raises
    ------
    NotApplicable
        If its encoding cannot represent them.
    """
    encoding, *others = resolve(MODELS, variant.model, "model").encodings
    if others:
        asked = variant.options.get("route", "auto")
        encoding = cheapest_route(samples, seeds, uses) if asked == "auto" else asked
        if samples.positions.ndim == 3 and len(samples) > 1:
            encoding = "loops"  # the one that lets every sample have its own sites
    encoded = resolve(ENCODINGS, encoding, "encoding")
    known = set(inspect.signature(encoded).parameters) & set(variant.options)
    return encoded(samples, **{key: variant.options[key] for key in known})


def cheapest_route(samples: Samples, seeds: int, uses: int) -> str:
    """Return the encoding from which a tensor ring is evaluated fastest."""
    count, _, orbitals = samples.occupied.shape
    sizes = {"sites": samples.positions.shape[-2], "orbitals": orbitals, "samples": count}
    return route(**sizes, seeds=seeds, uses=uses, dimension=samples.dimension)


def encoded(variant: Variant, samples: Samples, *, seeds: int = 1, uses: int = 1) -> Batch:
    """Return the inputs that a variant's model reads of labelled samples, and the labels."""
    return Batch(as_tensors(encode(variant, samples, seeds=seeds, uses=uses)), torch.from_numpy(samples.label))


def shapes_of(batch: Batch) -> dict[str, list[int]]:
    """Return the shapes of a model's inputs, without the axis of samples."""
    return {name: list(t.shape if is_shared(name, t.ndim) else t.shape[1:]) for name, t in batch.inputs.items()}


def groups(variant: Variant, datasets: Sequence[Samples], **load: int) -> dict[str, Batch]:
    """Return by name the inputs and labels of the datasets that a variant's model can represent.

    The model is built for the first of them; a dataset that this model cannot run on, such as one with another number
    of orbitals in a cell, is left out.

    Raises
    ------
    NotApplicable
        If there is none.
    """
    found: dict[str, Batch] = {}
    for dataset in datasets:
        try:
            batch = encoded(variant, dataset, **load)
            first = next(iter(found.values()), batch)
            build_model(variant, shapes_of(first)).check_applicable(batch.inputs)
        except NotApplicable as reason:
            if len(datasets) == 1:
                raise
            LOGGER.info("%s: not trained on: %s", dataset.name, reason)
        else:
            found[dataset.name] = batch
    if not found:
        names = ", ".join(dataset.name for dataset in datasets)
        raise NotApplicable(f"{variant.name} can represent none of {names}")
    return found
