"""What a variant's model is, and what it sees of a dataset."""

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
    """Return what a variant sees of the states.

    Where its class reads several encodings, that is the one which its option ``route`` names, or the cheapest for so
    many `seeds`, each of which looks at every sample `uses` times.

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
    samples, _, orbitals = states.occupied.shape
    sizes = {"sites": states.positions.shape[-2], "orbitals": orbitals, "samples": samples}
    return route(**sizes, seeds=seeds, uses=uses, dimension=states.dimension)


def encoded(variant: Variant, dataset: Dataset, *, seeds: int = 1, uses: int = 1) -> Samples:
    """Return a dataset as a variant sees it."""
    arrays = encode(variant, dataset.states, seeds=seeds, uses=uses)
    return Samples(as_tensors(arrays), torch.from_numpy(dataset.label))


def shapes_of(samples: Samples) -> dict[str, list[int]]:
    """Return the shapes of a model's inputs, without the axis of samples."""
    return {name: list(t.shape if is_shared(name, t.ndim) else t.shape[1:]) for name, t in samples.inputs.items()}


def groups(variant: Variant, datasets: Sequence[Dataset], **load: int) -> dict[str, Samples]:
    """Return datasets as a variant sees them, by name: of several those that it can represent.

    The first of them decides, where it matters, how many orbitals a cell has.

    Raises
    ------
    NotApplicable
        If it can represent none.
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
