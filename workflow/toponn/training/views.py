"""What a model of the config is, and what it sees of a dataset."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from toponn.checks import resolve
from toponn.datasets import Dataset
from toponn.encodings import ENCODINGS
from toponn.encodings.routes import route
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
