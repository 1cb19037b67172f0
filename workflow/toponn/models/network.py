"""Models made of ordinary torch modules that read the cell image; all seeds of a block are computed together."""

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from toponn.models.base import Inputs, Model, Parameters, Shapes, require
from toponn.models.minimal_filtering import TAPS, Tiles
from toponn.tools.options import Whole

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}

AT_ONCE = {"cpu": 2**19, "cuda": 2**27}
"""Most numbers in one layer's output over the seeds that are computed together, by the type of device: on a processor
about the 2 MB that its cache keeps."""


class Network(Model):
    """A model made of one torch module that maps a batch of images (B, C, *grid) to values (B,).

    A rival is one file in ``toponn/models``, with a subclass that says its family and its module, and one entry of the
    config, ``model: toponn.models.transformer:Transformer``. Everything that torch can apply and differentiate will do,
    on the cell image of `toponn.data.encodings.cell_image` or on what the method `prepared` makes of it. Two things
    will not: random numbers (dropout), because a run must be repeatable, and layers that mix samples (batch
    normalisation), because then a value depends on the batch. Attributes of `toponn.models.base.Model` declare what is
    unusual: ``fixed_geometry = True`` for a module that runs on the grid of training alone, ``twice_differentiable =
    False`` where a layer has no second derivative. What a user may set are keyword arguments of the constructor, with
    types of `toponn.tools.options` and defaults, described in the docstring.

    Parameters
    ----------
    stencil : reach of the cell image, which holds P[(r, α), (r + δ, β)] for |δ| ≤ stencil in each direction

    Examples
    --------
    Attention over the cells, for samples of any size; eight seeds at once, of three samples of 4 × 4 cells:

    >>> from toponn.tools.options import Count
    >>> class Attention(nn.Module):
    ...     def __init__(self, channels, width, heads):
    ...         super().__init__()
    ...         self.cells = nn.Linear(channels, width)
    ...         self.mixing = nn.MultiheadAttention(width, heads, batch_first=True)
    ...         self.readout = nn.Linear(width, 1)
    ...
    ...     def forward(self, image):
    ...         x = self.cells(image.flatten(2).mT)  # (B, cells, width)
    ...         return self.readout((x + self.mixing(x, x, x)[0]).mean(dim=1))[:, 0]

    >>> class Transformer(Network):
    ...     family = "transformer"
    ...
    ...     def __init__(self, shapes, *, stencil: Whole = 1, width: Count = 16, heads: Count = 2):
    ...         super().__init__(shapes, stencil=stencil)
    ...         self.width, self.heads = width, heads
    ...
    ...     def module(self):
    ...         return Attention(self.channels_in, self.width, self.heads)

    >>> model = Transformer({"image": (72, 4, 4)})
    >>> parameters = model.initial([np.random.default_rng(seed) for seed in range(8)])
    >>> model.value(parameters, {"image": torch.zeros(3, 72, 4, 4)}).shape
    torch.Size([8, 3])
    """

    layered: ClassVar[bool] = False
    """Whether the module is a sequence of layers in `STACKED`, of activations and of `Mean`, which `stacked` applies to
    all seeds at once faster than `mapped` does."""

    def __init__(self, shapes: Shapes, *, stencil: Whole = 1):
        self.shapes, self.stencil = shapes, stencil
        self.channels_in, *self.grid = shapes["image"]

    @abstractmethod
    def module(self) -> nn.Module:
        """Return a freshly initialised module."""

    @cached_property
    def skeleton(self) -> nn.Module:
        """One module, used for its structure alone; the weights come from the parameters."""
        with torch.random.fork_rng(devices=[]):
            return self.module()

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
        """Return what the module reads, made from the images (B, C, *grid); by default the images themselves."""
        return image

    def value(self, parameters: Parameters, inputs: Inputs) -> Tensor:
        """Return f (S, B) from the inputs' ``image`` (B, C, *grid)."""
        weights = {name: tensor for name, tensor in parameters.items() if not name.startswith("head.")}
        image = self.prepared(inputs["image"])
        parts = groups(weights, image)
        if not self.layered:
            return torch.cat([mapped(self.skeleton, part, image) for part in parts])
        first = next(layer for layer in self.skeleton.modules() if type(layer) in STACKED)
        tiled = getattr(first, "kernel_size", (0,))[0] == TAPS
        shared = Tiles.of(image) if tiled else image
        values = [stacked(self.skeleton, part, shared) for part in parts]
        return torch.cat([part.view(len(image), -1) for part in values], dim=1).T

    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable for images of other dimension, channels or (where it is fixed) grid than in training."""
        channels, *grid = inputs["image"].shape[1:]
        require(len(grid) == len(self.grid), f"trained in {len(self.grid)}D, the sample is {len(grid)}D")
        require(channels == self.channels_in, f"trained on {self.channels_in} channels, the sample has {channels}")
        same = grid == list(self.grid) or not self.fixed_geometry
        require(same, f"trained on a grid of {self.grid} cells, the sample has {grid}")


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
        return x.movedim(1, -1).flatten(1, -2).mean(dim=1)  # channels last in memory, as its gradient then is


def pooled(features: nn.Module, channels: int) -> nn.Module:
    """Return a module that averages features over the grid, so that any size runs, and reads them out linearly."""
    parts = dict(features=features, mean=Mean(), readout=nn.Linear(channels, 1), value=nn.Flatten(0))
    return nn.Sequential(OrderedDict(parts))


def groups(parameters: Parameters, image: Tensor) -> list[Parameters]:
    """Return the parameters in groups of seeds, as many in each as `AT_ONCE` lets be computed together."""
    channels = max(tensor[0].numel() if tensor.ndim < 2 else tensor.shape[1] for tensor in parameters.values())
    seeds = max(1, AT_ONCE[image.device.type] // (len(image) * channels * image.shape[2:].numel()))
    if seeds >= len(next(iter(parameters.values()))):
        return [parameters]  # without `split`, whose gradient copies all of them
    parts = zip(*(tensor.split(seeds) for tensor in parameters.values()), strict=True)
    return [dict(zip(parameters, part, strict=True)) for part in parts]


def mapped(module: nn.Module, parameters: Parameters, image: Tensor) -> Tensor:
    """Return f (S, B) of any module with the parameters (S, ...) of S seeds, by `torch.func.vmap`.

    Attention is computed as plain matrix products, since torch's fused kernels have no second derivatives.
    """
    kinds = {name: image.dtype if t.is_floating_point() else t.dtype for name, t in module.named_buffers()}
    constant = {name: t.to(image.device, kinds[name]) for name, t in module.named_buffers()}

    def of_one_seed(weights: Parameters) -> Tensor:
        return functional_call(module, {**constant, **weights}, (image,))

    with sdpa_kernel(SDPBackend.MATH):
        return vmap(of_one_seed)(parameters).flatten(1)


def stacked(layer: nn.Module, parameters: Parameters, x: Tensor | Tiles, name: str = "") -> Tensor:
    """Apply a layer with the parameters of S seeds to the features of these seeds.

    Faster than `torch.func.vmap` of the layer, which shuffles axes between layers and normalises in several passes.

    Parameters
    ----------
    layer : used for its structure and names alone; a layer without parameters must treat all channels alike
    parameters : (S, ...), by their names in the whole module
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
    """Return (B, S·out, *grid): one grouped convolution with the filters of all seeds, each on its own channels."""
    if isinstance(x, Tiles):
        return x.convolved(weight, bias)
    convolved = {3: functional.conv1d, 4: functional.conv2d}[x.ndim]
    apart = 1 if x.shape[1] == weight.shape[2] else len(weight)
    return convolved(x, weight.flatten(0, 1), bias.flatten(), padding=layer.padding, groups=apart)


def normalisation(layer: nn.GroupNorm, weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Return (B, S·C, *grid): one group normalisation over the groups of all seeds."""
    return functional.group_norm(x, len(weight) * layer.num_groups, weight.flatten(), bias.flatten(), layer.eps)


def linear(_: nn.Linear, weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Return (B, S·out): the layer of every seed on its own features (B, S·C), or on features (B, C) that all share."""
    seeds, _, channels = weight.shape
    if x.shape[1] == channels:
        return functional.linear(x, weight.flatten(0, 1), bias.flatten())
    own = x.view(len(x), seeds, channels).transpose(0, 1)  # (S, B, C)
    return torch.baddbmm(bias[:, None], own, weight.transpose(1, 2)).transpose(0, 1).flatten(1)


STACKED = {nn.Conv1d: convolution, nn.Conv2d: convolution, nn.GroupNorm: normalisation, nn.Linear: linear}
"""Functions that apply a layer with the parameters of all seeds, by the type of the layer."""
