"""A plain convolutional network."""

from collections.abc import Mapping, Sequence

from torch import nn

from toponn.models.network import CONVOLUTIONS, Network, pooled


class CNN(Network):
    """Convolutions three cells wide with ReLU, averaged over the grid.

    Parameters
    ----------
    stencil : reach of the cell image
    channels : outputs of each convolution
    """

    family = "cnn"

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], *, stencil: int, channels: Sequence[int]):
        self.channels = tuple(channels)
        super().__init__(shapes, stencil=stencil)

    def module(self) -> nn.Module:
        """Return the convolutions and the read-out."""
        convolution = CONVOLUTIONS[len(self.grid)]
        layers: list[nn.Module] = []
        for before, after in zip((self.channels_in, *self.channels), self.channels, strict=False):
            layers += [convolution(before, after, 3, padding=1), nn.ReLU(inplace=True)]
        return pooled(nn.Sequential(*layers), self.channels[-1])
