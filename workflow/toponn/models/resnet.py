"""A residual network."""

from collections import OrderedDict

from torch import nn

from toponn.models.base import Shapes
from toponn.models.network import CONVOLUTIONS, Network, Residual, pooled
from toponn.tools.options import Annotated, Even, Ge, MultipleOf, Told, Whole

GROUPS = 4
"""Number of groups into which a normalisation divides the channels."""


def block(convolution: type[nn.Module], channels: int) -> Residual:
    """Return ``x + conv(relu(norm(conv(relu(norm(x))))))``: pre-activation, normalised by groups."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name in ("first", "second"):
        layers[f"{name}_norm"] = nn.GroupNorm(GROUPS, channels)
        layers[f"{name}_relu"] = nn.ReLU(inplace=True)
        layers[name] = convolution(channels, channels, 3, padding=1)
    return Residual(layers)


class ResNet(Network):
    """A 1-cell-wide convolution to `channels`, then depth/2 residual blocks, averaged over the grid.

    Parameters
    ----------
    channels : output channels of every convolution
    depth : number of convolutions in the residual blocks, two in each block

    References
    ----------
    K. He et al., arXiv 1603.05027 (pre-activation blocks); Y. Wu, K. He, arXiv 1803.08494 (group normalisation).
    """

    family = "resnet"
    cost: Told = {"winding": (7e-7, 1), "chern": (1.1e-6, 1)}
    layered = True

    def __init__(
        self,
        shapes: Shapes,
        *,
        stencil: Whole = 1,
        channels: Annotated[int, Ge(8), MultipleOf(4)] = 16,
        depth: Even = 8,
    ):
        self.channels, self.depth = channels, depth
        super().__init__(shapes, stencil=stencil)

    def module(self) -> nn.Module:
        """Return the stem, the blocks and the read-out."""
        convolution = CONVOLUTIONS[len(self.grid)]
        blocks = [block(convolution, self.channels) for _ in range(self.depth // 2)]
        stem = convolution(self.channels_in, self.channels, 1)
        features = nn.Sequential(stem, *blocks, nn.ReLU(inplace=True))
        return pooled(features, self.channels)
