"""What a model of the config is, and what it sees of a dataset."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from toponn.checks import NotApplicable, resolve
from toponn.datasets import Dataset
from toponn.encodings import ENCODINGS, is_shared
from toponn.encodings.routes import route
from toponn.joblog import LOGGER
from toponn.models import MODELS, member_of
from toponn.models.base import Model, as_tensors
from toponn.states import States
from toponn.training.loop import Samples


def build_model(settings: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> Model:
    """Return the model that a config entry names, for inputs of the given shapes (without the axis of samples)."""
    options = {key: value for key, value in settings.items() if key not in ("model", "training")}
    member = resolve(MODELS, member_of(settings), "model")
    return member({name: tuple(shape) for name, shape in shapes.items()}, **options)


def encode(settings: Mapping[str, Any], states: States, *, seeds: int = 1, uses: int = 1) -> dict[str, np.ndarray]:
    """Return what the model of a config entry sees of the states.

    A tensor ring sees them by the route that its settings name, or by the cheapest for so many `seeds`, each of which
    looks at every sample `uses` times.

    Raises
    ------
    NotApplicable
        If its encoding cannot represent them.
    """
    member = resolve(MODELS, member_of(settings), "model")
    encoding = member.encodings[0]
    if len(member.encodings) > 1:
        asked = settings.get("route", "auto")
        encoding = cheapest_route(states, seeds, uses) if asked == "auto" else asked
        if states.positions.ndim == 3 and len(states) > 1:
            encoding = "loops"  # the one that lets every sample have its own sites
    options = {"stencil": settings["stencil"]} if encoding == "cell_image" else {}
    return resolve(ENCODINGS, encoding, "encoding")(states, **options)


def cheapest_route(states: States, seeds: int, uses: int) -> str:
    """Return the encoding from which a tensor ring is evaluated fastest."""
    samples, occupied, orbitals = states.occupied.shape
    sizes = {"sites": states.positions.shape[-2], "orbitals": orbitals, "occupied": occupied, "samples": samples}
    return route(**sizes, seeds=seeds, uses=uses, dimension=states.dimension)


def encoded(settings: Mapping[str, Any], dataset: Dataset, *, seeds: int = 1, uses: int = 1) -> Samples:
    """Return a dataset as a model sees it."""
    arrays = encode(settings, dataset.states, seeds=seeds, uses=uses)
    return Samples(as_tensors(arrays), torch.from_numpy(dataset.label))


def shapes_of(samples: Samples) -> dict[str, list[int]]:
    """Return the shapes of a model's inputs, without the axis of samples."""
    return {name: list(t.shape if is_shared(name, t.ndim) else t.shape[1:]) for name, t in samples.inputs.items()}


def groups(settings: Mapping[str, Any], datasets: Sequence[Dataset], **load: int) -> dict[str, Samples]:
    """Return datasets as a model sees them, by name: of several those that it can represent.

    The first of them decides, where it matters, how many orbitals a cell has.

    Raises
    ------
    NotApplicable
        If it can represent none.
    """
    found: dict[str, Samples] = {}
    for dataset in datasets:
        try:
            samples = encoded(settings, dataset, **load)
            first = next(iter(found.values()), samples)
            build_model(settings, shapes_of(first)).check_applicable(samples.inputs)
        except NotApplicable as reason:
            if len(datasets) == 1:
                raise
            LOGGER.info("%s: not trained on: %s", dataset.name, reason)
        else:
            found[dataset.name] = samples
    if not found:
        names = ", ".join(dataset.name for dataset in datasets)
        raise NotApplicable(f"{settings['model']} can represent none of {names}")
    return found
