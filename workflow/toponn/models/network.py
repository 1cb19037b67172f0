"""Ordinary torch modules on the cell image, all seeds of a block applied at once with torch.func."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from toponn.models.base import Inputs, Model, Parameters, require

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}


class Network(Model):
    """A model made of one torch module that maps a batch of images (B, C, *grid) to values (B,)."""

    encoding = "cell_image"

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], *, stencil: int):
        self.shapes, self.stencil = shapes, stencil
        self.channels_in, *self.grid = shapes["image"]
        with torch.random.fork_rng(devices=[]):
            self.skeleton = self.module()

    @abstractmethod
    def module(self) -> nn.Module:
        """Return a freshly initialised module."""

    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return the parameters of one freshly initialised module for each seed."""
        modules = []
        for rng in generators:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(rng.integers(2**63)))
                modules.append(self.module())
        parameters, _ = stack_module_state(modules)
        return {name: tensor.detach() for name, tensor in parameters.items()}

    def prepared(self, image: Tensor) -> Tensor:
        """Return what the module reads of the images; all of them by default."""
        return image

    def value(self, parameters: Parameters, inputs: Inputs) -> Tensor:
        """Return f (S, B)."""
        weights = {name: tensor for name, tensor in parameters.items() if not name.startswith("head.")}
        image = self.prepared(inputs["image"])
        return vmap(lambda one, x: functional_call(self.skeleton, one, (x,)), in_dims=(0, None))(weights, image)

    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable for another dimension or number of orbitals a cell."""
        channels, *grid = inputs["image"].shape[1:]
        require(len(grid) == len(self.grid), f"trained in {len(self.grid)}D, the sample is {len(grid)}D")
        require(channels == self.channels_in, f"trained on {self.channels_in} channels, the sample has {channels}")


class Pooled(nn.Module):
    """Convolutional features averaged over the grid and read out linearly, so that any size runs."""

    def __init__(self, features: nn.Module, channels: int):
        super().__init__()
        self.features = features
        self.readout = nn.Linear(channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map images (B, C, *grid) to values (B,)."""
        return self.readout(self.features(image).flatten(2).mean(dim=-1))[:, 0]
