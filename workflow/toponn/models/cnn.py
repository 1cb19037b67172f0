"""A plain convolutional network."""

from torch import nn

from toponn.models.base import Shapes
from toponn.models.network import CONVOLUTIONS, Network, pooled
from toponn.tools.options import Count, Several, Told, Whole


class CNN(Network):
    """Convolutions three cells wide with ReLU, averaged over the grid.

    Parameters
    ----------
    channels : output channels of the convolutions, one number for each
    """

    family = "cnn"
    cost: Told = {"winding": (2e-7, 1), "chern": (2e-7, 1)}
    layered = True

    def __init__(self, shapes: Shapes, *, stencil: Whole = 1, channels: Several[Count] = (16, 16)):
        self.channels = tuple(channels)
        super().__init__(shapes, stencil=stencil)

    def module(self) -> nn.Module:
        """Return the convolutions and the read-out."""
        convolution = CONVOLUTIONS[len(self.grid)]
        layers: list[nn.Module] = []
        for before, after in zip((self.channels_in, *self.channels), self.channels, strict=False):
            layers += [convolution(before, after, 3, padding=1), nn.ReLU(inplace=True)]
        return pooled(nn.Sequential(*layers), self.channels[-1])
