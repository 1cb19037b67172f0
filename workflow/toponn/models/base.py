"""What the training loop and the tests need of a model: arrays in, one value for every seed and sample out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from toponn.checks import NotApplicable
from toponn.seeds import seed_sequence

Parameters = dict[str, Tensor]
"""Named tensors whose first axis runs over the S seeds of a block."""

Inputs = Mapping[str, Tensor]
"""Named tensors of one encoding; those of samples have the B samples first."""


class Model(ABC):
    """A map from inputs to a real value f for every seed and sample; all seeds of a block are computed together.

    A model is built for the shapes of its training inputs: `shapes` maps an input's name to its shape without the
    axis of samples.
    """

    family: ClassVar[str]
    """The model's name in the tables."""
    encodings: ClassVar[tuple[str, ...]]
    """What it can be shown, each enough by itself; the first is the one that is always at hand."""
    form: str = ""
    start: str = "random"
    fixed_geometry: bool = False
    """Whether the weights belong to the sites of training one by one, so that they mean nothing on others."""
    shapes: Mapping[str, tuple[int, ...]]

    @abstractmethod
    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return parameters at the start of training, one seed for each generator."""

    @abstractmethod
    def value(self, parameters: Parameters, inputs: Inputs) -> Tensor:
        """Return f (S, B)."""

    @abstractmethod
    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable, with the reason, if this model cannot run on these inputs."""


def require(condition: bool, reason: str) -> None:
    """Raise NotApplicable with the reason unless the condition holds."""
    if not condition:
        raise NotApplicable(reason)


def generators(root: int, dataset: str, model: str, seeds: Sequence[int]) -> list[np.random.Generator]:
    """Return the generator of each seed of a model on a dataset; it depends on that seed alone, not on its block."""
    return [np.random.default_rng(seed_sequence(root, "initial", dataset, model, seed)) for seed in seeds]


def count_parameters(parameters: Parameters) -> int:
    """Return the number of trainable numbers of one seed."""
    return sum(tensor[0].numel() for tensor in parameters.values())


def finite_seeds(parameters: Parameters) -> Tensor:
    """Return which seeds have finite weights throughout, (S,) bool; those of a seed that failed are NaN."""
    return torch.stack([t.isfinite().reshape(len(t), -1).all(dim=1) for t in parameters.values()]).all(dim=0)


def as_tensors(arrays: Mapping[str, np.ndarray], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return arrays as tensors, real and complex numbers in the precision of `dtype` and integers as they are."""
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    types = {True: dtype.to_complex(), False: dtype}
    return {
        name: t.to(types[t.is_complex()]) if t.is_floating_point() or t.is_complex() else t
        for name, t in tensors.items()
    }
