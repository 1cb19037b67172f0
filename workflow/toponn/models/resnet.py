"""A residual network."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from toponn.models.network import CONVOLUTIONS, Network, Pooled

GROUPS = 4


class Block(nn.Module):
    """``x + conv(relu(norm(conv(relu(norm(x))))))``: pre-activation, normalised by groups."""

    def __init__(self, convolution: type[nn.Module], channels: int):
        super().__init__()
        self.first_norm = nn.GroupNorm(GROUPS, channels)
        self.first = convolution(channels, channels, 3, padding=1)
        self.second_norm = nn.GroupNorm(GROUPS, channels)
        self.second = convolution(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features (B, C, *grid) to features of the same shape."""
        inner = self.first(torch.relu(self.first_norm(x)))
        return x + self.second(torch.relu(self.second_norm(inner)))


class ResNet(Network):
    """A 1-cell-wide convolution to `channels`, then depth/2 residual blocks, averaged over the grid.

    References
    ----------
    K. He et al., arXiv 1603.05027 (pre-activation blocks); Y. Wu, K. He, arXiv 1803.08494 (group normalisation).
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], *, stencil: int, channels: int, depth: int):
        self.channels, self.depth = channels, depth
        super().__init__(shapes, stencil=stencil)

    def module(self) -> nn.Module:
        """Return the stem, the blocks and the read-out."""
        convolution = CONVOLUTIONS[len(self.grid)]
        blocks = [Block(convolution, self.channels) for _ in range(self.depth // 2)]
        stem = convolution(self.channels_in, self.channels, 1)
        return Pooled(nn.Sequential(stem, *blocks, nn.ReLU()), self.channels)
