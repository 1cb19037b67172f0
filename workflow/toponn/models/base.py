"""What the training loop and the tests need of a model: arrays in, one value for every seed and sample out."""

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
"""Named tensors of one encoding; those of samples have the B samples first."""


Shapes = Mapping[str, tuple[int, ...]]
"""Of a model's inputs, by name, without the axis of samples."""

TASK_OF = {dimension: task for task, dimension in DIMENSION.items()}
"""The task of chains and that of samples in the plane, by dimension."""


class Model(ABC):
    """A map from inputs to a real value f for every seed and sample; all seeds of a block are computed together.

    A subclass says in literals what it is; the study reads them without importing the file (`toponn.study.declared`).
    Its constructor takes the shapes of its training inputs and, as keywords with types of `toponn.tools.options` and
    defaults, what a user may set under the model's key in the config::

        def __init__(self, shapes: Shapes, *, width: Count = 16, route: Literal["auto", "loops"] = "auto"): ...

    A keyword ``start: Literal["random", "closed_form"] = "random"`` lets training start at a closed form, and
    ``noise`` goes with it. A rival of torch layers needs less: see `toponn.models.network.Network`.
    """

    family: ClassVar[str]
    """What tables call models of this class: the column ``model``."""
    form: str = ""
    """Which of several parametrisations of one family it is."""
    role: ClassVar[str] = "rival"
    """"hybrid" (contains the invariant), "rival" (does not), or "convex baseline" (has one solution)."""
    tasks: ClassVar[tuple[str, ...]] = ("winding", "chern")
    """Where it can be trained."""
    encodings: ClassVar[tuple[str, ...]] = ("cell_image",)
    """What it can be shown, rows of `toponn.data.encodings.ENCODINGS`, each enough by itself.

    Of several the cheapest is taken, or the one that an option ``route`` names. An option of an encoding, such as
    ``stencil``, is an option of the model under the same name.
    """
    fixed_geometry: ClassVar[bool] = False
    """Whether the weights belong to the sites of training one by one, so that they mean nothing on others."""
    solved: ClassVar[bool] = False
    """Whether `fit` gives its weights, instead of training by gradient steps."""
    twice_differentiable: ClassVar[bool] = True
    """Whether torch has second derivatives of all its operations."""
    multilinear: ClassVar[bool] = False
    """Whether it is a tensor ring: linear in each of the site tensors that its method ``tensors`` returns."""
    closed_forms: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """By task the names of the weights at which it is the invariant; the first is the default."""
    cost: Told = {}
    """By task the seconds for each seed, epoch and sample on one core: a factor, and the power of the number of cells
    or sites that goes with it. They only say what to expect of a job."""
    start: str = "random"
    noise: float = 0.0
    degree: int = 0
    """Of f as a polynomial in its weights, of a tensor ring in its site tensors; 0 if it is none."""
    shapes: Shapes

    @abstractmethod
    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return parameters at the start of training, one seed for each generator."""

    @abstractmethod
    def value(self, parameters: Parameters, inputs: Inputs) -> Tensor:
        """Return f (S, B)."""

    @abstractmethod
    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable, with the reason, if this model cannot run on these inputs."""

    def closed_form(self, like: Parameters, lengths: np.ndarray, area_per_site: float) -> Parameters:
        """Return parameters, shaped and typed like `like`, at which f is the invariant, all seeds alike.

        Parameters
        ----------
        lengths : (N, d) float64, positions of the sites (1D: of the cells) in units of length
        area_per_site : length (1D, of a cell) or area (2D, of a site)

        Raises
        ------
        NotApplicable
            If the model has none.
        """
        raise NotApplicable(f"{self.family} has no closed form")

    def fit(self, train: Inputs, labels: Tensor, validation: Inputs, validation_labels: Tensor) -> Parameters:
        """Return the weights of one seed, of a model that is solved.

        Raises
        ------
        NotApplicable
            If it is trained by gradient steps.
        """
        raise NotApplicable(f"{self.family} is trained by gradient steps, not solved")

    def formula_of(self, dimension: int, name: str | None) -> str:
        """Return the name of its closed form in d dimensions, the default for None.

        Raises
        ------
        ConfigError
            If it has no such closed form there.
        """
        known = self.closed_forms[TASK_OF[dimension]]
        return known[0] if name is None else choose({each: each for each in known}, name, "closed_form")


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
