"""Ordinary torch modules on the cell image, of which the layers of all seeds of a block are applied at once."""

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import stack_module_state
from torch.nn import functional

from toponn.models.base import Inputs, Model, Parameters, require
from toponn.models.minimal_filtering import TAPS, Tiles

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}

AT_ONCE = {"cpu": 2**19, "cuda": 2**27}
"""Numbers in one layer's output, of all seeds that go together: a processor keeps about 2 MB of them in its cache."""


class Network(Model):
    """A model made of one torch module that maps a batch of images (B, C, *grid) to values (B,).

    The module is the definition; `value` applies its layers to all seeds at once, see `stacked`.
    """

    encodings = ("cell_image",)

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
        first = next(layer for layer in self.skeleton.modules() if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d))
        tiled = not isinstance(first, nn.Linear) and first.kernel_size[0] == TAPS
        shared = Tiles.of(image) if tiled else image
        parts = [stacked(self.skeleton, part, shared) for part in groups(weights, image)]
        return torch.cat([part.view(len(image), -1) for part in parts], dim=1).T

    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable for another dimension or number of orbitals a cell."""
        channels, *grid = inputs["image"].shape[1:]
        require(len(grid) == len(self.grid), f"trained in {len(self.grid)}D, the sample is {len(grid)}D")
        require(channels == self.channels_in, f"trained on {self.channels_in} channels, the sample has {channels}")


class Residual(nn.Sequential):
    """``x + inner(x)``, where the inner layers run one after the other."""

    def forward(self, x: Tensor) -> Tensor:
        """Map features (B, C, *grid) to features of the same shape."""
        return x + super().forward(x)


class Mean(nn.Module):
    """The mean over the grid."""

    def forward(self, x: Tensor) -> Tensor:
        """Map features (B, C, *grid) to (B, C)."""
        if x.is_contiguous():
            return x.flatten(2).mean(dim=2)
        return x.movedim(1, -1).flatten(1, -2).mean(dim=1)  # channels last: so its gradient lies in memory as x does


def pooled(features: nn.Module, channels: int) -> nn.Module:
    """Return features averaged over the grid and read out linearly, so that any size runs."""
    parts = dict(features=features, mean=Mean(), readout=nn.Linear(channels, 1), value=nn.Flatten(0))
    return nn.Sequential(OrderedDict(parts))


def groups(parameters: Parameters, image: Tensor) -> list[Parameters]:
    """Return the parameters of a few seeds after the other, as many as `AT_ONCE` lets go together."""
    channels = max(tensor.shape[1] for tensor in parameters.values())
    seeds = max(1, AT_ONCE[image.device.type] // (len(image) * channels * image.shape[2:].numel()))
    if seeds >= len(next(iter(parameters.values()))):
        return [parameters]  # without `split`, whose gradient copies all of them
    parts = zip(*(tensor.split(seeds) for tensor in parameters.values()), strict=True)
    return [dict(zip(parameters, part, strict=True)) for part in parts]


def stacked(layer: nn.Module, parameters: Parameters, x: Tensor | Tiles, name: str = "") -> Tensor:
    """Return what a layer with the parameters of S seeds makes of the features of these seeds.

    Faster than `torch.func.vmap` of the layer, which shuffles axes between layers and normalises in several passes.

    Parameters
    ----------
    layer : its structure and names alone are used; one without parameters must treat channels alike
    parameters : by the name in the whole module, (S, ...)
    x : (B, S·C, *grid), the channels of seed 0 first, or the image (B, C, *grid), which all seeds share
    name : of this layer, with a dot, the prefix of its parameters
    """
    if isinstance(layer, nn.Sequential):
        inner = x
        for key, part in layer.named_children():
            inner = stacked(part, parameters, inner, f"{name}{key}.")
        return x + inner if isinstance(layer, Residual) else inner
    if next(layer.parameters(), None) is None:
        return layer(x)
    return STACKED[type(layer)](layer, parameters[f"{name}weight"], parameters[f"{name}bias"], x)


def convolution(layer: nn.Conv1d | nn.Conv2d, weight: Tensor, bias: Tensor, x: Tensor | Tiles) -> Tensor:
    """Return (B, S·out, *grid): one convolution with the filters of all seeds, each on its own channels."""
    if isinstance(x, Tiles):
        return x.convolved(weight, bias)
    convolved = {3: functional.conv1d, 4: functional.conv2d}[x.ndim]
    apart = 1 if x.shape[1] == weight.shape[2] else len(weight)
    return convolved(x, weight.flatten(0, 1), bias.flatten(), padding=layer.padding, groups=apart)


def normalisation(layer: nn.GroupNorm, weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Return (B, S·C, *grid), normalised by the groups of each seed."""
    return functional.group_norm(x, len(weight) * layer.num_groups, weight.flatten(), bias.flatten(), layer.eps)


def linear(_: nn.Linear, weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Return (B, S·out)."""
    seeds, _, channels = weight.shape
    if x.shape[1] == channels:
        return functional.linear(x, weight.flatten(0, 1), bias.flatten())
    own = x.view(len(x), seeds, channels).transpose(0, 1)  # (S, B, C)
    return torch.baddbmm(bias[:, None], own, weight.transpose(1, 2)).transpose(0, 1).flatten(1)


STACKED = {nn.Conv1d: convolution, nn.Conv2d: convolution, nn.GroupNorm: normalisation, nn.Linear: linear}
