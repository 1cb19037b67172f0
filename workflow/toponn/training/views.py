"""The model of a variant, and the encoded inputs that it reads of a dataset."""

import inspect
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from toponn.data.datasets import Dataset
from toponn.data.encodings import ENCODINGS, is_shared
from toponn.data.encodings.routes import route
from toponn.matter.states import States
from toponn.models import MODELS
from toponn.models.base import Model, as_tensors
from toponn.tools.checks import NotApplicable, resolve
from toponn.tools.joblog import LOGGER
from toponn.training.loop import Samples
from toponn.training.protocol import Variant


def build_model(variant: Variant, shapes: Mapping[str, Sequence[int]]) -> Model:
    """Return a variant's model for inputs of the given shapes (without the axis of samples)."""
    shapes = {name: tuple(shape) for name, shape in shapes.items()}
    return resolve(MODELS, variant.model, "model")(shapes, **variant.options)


def encode(variant: Variant, states: States, *, seeds: int = 1, uses: int = 1) -> dict[str, np.ndarray]:
    """Return the named arrays that a variant's model reads of the states.

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
        encoding = cheapest_route(states, seeds, uses) if asked == "auto" else asked
        if states.positions.ndim == 3 and len(states) > 1:
            encoding = "loops"  # the one that lets every sample have its own sites
    encoded = resolve(ENCODINGS, encoding, "encoding")
    known = set(inspect.signature(encoded).parameters) & set(variant.options)
    return encoded(states, **{key: variant.options[key] for key in known})


def cheapest_route(states: States, seeds: int, uses: int) -> str:
    """Return the encoding from which a tensor ring is evaluated fastest."""
    samples, occupied, orbitals = states.occupied.shape
    sizes = {"sites": states.positions.shape[-2], "orbitals": orbitals, "occupied": occupied, "samples": samples}
    return route(**sizes, seeds=seeds, uses=uses, dimension=states.dimension)


def encoded(variant: Variant, dataset: Dataset, *, seeds: int = 1, uses: int = 1) -> Samples:
    """Return the inputs that a variant's model reads of a dataset, and the labels."""
    arrays = encode(variant, dataset.states, seeds=seeds, uses=uses)
    return Samples(as_tensors(arrays), torch.from_numpy(dataset.label))


def shapes_of(samples: Samples) -> dict[str, list[int]]:
    """Return the shapes of a model's inputs, without the axis of samples."""
    return {name: list(t.shape if is_shared(name, t.ndim) else t.shape[1:]) for name, t in samples.inputs.items()}


def groups(variant: Variant, datasets: Sequence[Dataset], **load: int) -> dict[str, Samples]:
    """Return by name the inputs and labels of the datasets that a variant's model can represent.

    The model is built for the first of them; a dataset that this model cannot run on, such as one with another number
    of orbitals in a cell, is left out.

    Raises
    ------
    NotApplicable
        If there is none.
    """
    found: dict[str, Samples] = {}
    for dataset in datasets:
        try:
            samples = encoded(variant, dataset, **load)
            first = next(iter(found.values()), samples)
            build_model(variant, shapes_of(first)).check_applicable(samples.inputs)
        except NotApplicable as reason:
            if len(datasets) == 1:
                raise
            LOGGER.info("%s: not trained on: %s", dataset.name, reason)
        else:
            found[dataset.name] = samples
    if not found:
        names = ", ".join(dataset.name for dataset in datasets)
        raise NotApplicable(f"{variant.name} can represent none of {names}")
    return found
