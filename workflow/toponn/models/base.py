"""The interface of a model: named tensors in, one real value f for every seed and sample out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from toponn.tools.checks import NotApplicable, choose
from toponn.tools.conventions import DIMENSION
from toponn.tools.options import Told
from toponn.tools.seeds import seed_sequence

Parameters = dict[str, Tensor]
"""Named tensors whose first axis runs over the S seeds of a block."""

Inputs = Mapping[str, Tensor]
"""Named tensors of one encoding: the B samples run over the first axis, but not of what all share (``coordinates``)."""


Shapes = Mapping[str, tuple[int, ...]]
"""Shapes of a model's inputs by name, without the axis of samples."""

TASK_OF = {dimension: task for task, dimension in DIMENSION.items()}
"""The task by the dimension of its samples: "winding" for chains, "chern" for samples in the plane."""


class Model(ABC):
    """A map from inputs to a real value f for every seed and sample; all seeds of a block are computed together.

    A subclass says what it is in class attributes with literal values, which the study reads from the source code,
    without importing the file (`toponn.study.declared`).
    Its constructor takes the shapes of its training inputs and, as keywords with types of `toponn.tools.options` and
    defaults, what a user may set under the model's key in the config::

        def __init__(self, shapes: Shapes, *, width: Count = 16, route: Literal["auto", "loops"] = "auto"): ...

    A keyword ``start: Literal["random", "closed_form"] = "random"`` lets training start at a closed form, whose weights
    are multiplied by 1 + ``noise`` times normal numbers. A rival made of torch layers needs less code: see
    `toponn.models.network.Network`.
    """

    family: ClassVar[str]
    """Name of the architecture in tables, column ``model``; the forms of one architecture share it."""
    form: str = ""
    """Name of the parametrisation where a family has several, column ``form``; else empty."""
    role: ClassVar[str] = "rival"
    """"hybrid" (contains the invariant), "rival" (does not), or "convex baseline" (has one solution)."""
    tasks: ClassVar[tuple[str, ...]] = ("winding", "chern")
    """The tasks that it can be trained on."""
    encodings: ClassVar[tuple[str, ...]] = ("cell_image",)
    """Encodings that it can read, rows of `toponn.data.encodings.ENCODINGS`; each of them is enough by itself.

    Of several it reads the one that an option ``route`` names, or the one from which it is computed fastest. An option
    of an encoding, such as ``stencil``, is an option of the model under the same name.
    """
    fixed_geometry: ClassVar[bool] = False
    """Whether the weights belong to the sites of training one by one, so that they mean nothing on others."""
    solved: ClassVar[bool] = False
    """Whether `fit` computes its weights directly, instead of training by gradient steps."""
    twice_differentiable: ClassVar[bool] = True
    """Whether torch has second derivatives of all its operations."""
    multilinear: ClassVar[bool] = False
    """Whether it is a tensor ring: linear in each of the site tensors that its method ``tensors`` returns."""
    closed_forms: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """By task the names of its closed forms, weights at which f is the invariant; the first is the default."""
    cost: Told = {}
    """By task a factor c and a power p: on one core a seed trains c·N^p seconds for each epoch and each sample of N
    cells or sites. The study takes the time limits of jobs from it."""
    start: str = "random"
    noise: float = 0.0
    degree: int = 0
    """Degree of f as a polynomial in the weights (of a tensor ring: in its site tensors); 0 if f is no polynomial."""
    shapes: Shapes

    @abstractmethod
    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return the parameters of a random start, one seed for each generator."""

    @abstractmethod
    def value(self, parameters: Parameters, inputs: Inputs) -> Tensor:
        """Return the values f (S, B) of every seed on every sample."""

    @abstractmethod
    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable, with the reason, if this model cannot run on these inputs."""

    def closed_form(self, like: Parameters, lengths: np.ndarray, area_per_site: float) -> Parameters:
        """Return parameters at which f is the invariant, the same for all seeds.

        Parameters
        ----------
        like : parameters of S seeds, whose shapes and types the result has
        lengths : (N, d) float64, positions of the sites in nearest-neighbour distances, of a chain's cells in cells
        area_per_site : area of a site in the same unit squared; of chains the length of a cell

        Raises
        ------
        NotApplicable
            If the model has none.
        """
        raise NotApplicable(f"{self.family} has no closed form")

    def fit(self, train: Inputs, labels: Tensor, validation: Inputs, validation_labels: Tensor) -> Parameters:
        """Return the weights of one seed of a model that is `solved`; labels are (B,) int64.

        Raises
        ------
        NotApplicable
            If it is trained by gradient steps.
        """
        raise NotApplicable(f"{self.family} is trained by gradient steps, not solved")

    def formula_of(self, dimension: int, name: str | None) -> str:
        """Return `name` if a closed form in so many dimensions is called so, or the default one's name for None.

        Raises
        ------
        ConfigError
            If no closed form there has this name.
        """
        known = self.closed_forms[TASK_OF[dimension]]
        return known[0] if name is None else choose({each: each for each in known}, name, "closed_form")


def require(condition: bool, reason: str) -> None:
    """Raise NotApplicable with the reason unless the condition holds."""
    if not condition:
        raise NotApplicable(reason)


def generators(root: int, dataset: str, model: str, seeds: Sequence[int]) -> list[np.random.Generator]:
    """Return the random generator of each seed of a model on a dataset; it does not depend on the block of the seed."""
    return [np.random.default_rng(seed_sequence(root, "initial", dataset, model, seed)) for seed in seeds]


def count_parameters(parameters: Parameters) -> int:
    """Return how many trainable numbers one seed has."""
    return sum(tensor[0].numel() for tensor in parameters.values())


def finite_seeds(parameters: Parameters) -> Tensor:
    """Return which seeds have finite weights throughout, (S,) bool; the weights of a seed that failed are NaN."""
    return torch.stack([t.isfinite().reshape(len(t), -1).all(dim=1) for t in parameters.values()]).all(dim=0)


def as_tensors(arrays: Mapping[str, np.ndarray], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return arrays as tensors, real and complex numbers in the precision of `dtype` and integers as they are."""
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    types = {True: dtype.to_complex(), False: dtype}
    return {
        name: t.to(types[t.is_complex()]) if t.is_floating_point() or t.is_complex() else t
        for name, t in tensors.items()
    }
