"""A fully connected network on a fixed window in the centre of the sample."""

from torch import Tensor, nn

from toponn.models.base import Inputs, Shapes, require
from toponn.models.network import Network
from toponn.tools.options import Count, Several, Told, Whole


class MLP(Network):
    """Dense layers with ReLU on the cells of the central window.

    Parameters
    ----------
    window : side of the window in the centre of the sample, in cells
    hidden : numbers of units of the hidden layers
    """

    family = "mlp"
    cost: Told = {"winding": (1e-7, 1), "chern": (2e-7, 1)}
    layered = True

    def __init__(self, shapes: Shapes, *, stencil: Whole = 1, window: Count = 6, hidden: Several[Count] = (64, 64)):
        self.window, self.hidden = window, tuple(hidden)
        super().__init__(shapes, stencil=stencil)

    def module(self) -> nn.Module:
        """Return the dense layers."""
        sizes = (self.channels_in * self.window ** len(self.grid), *self.hidden)
        layers: list[nn.Module] = []
        for before, after in zip(sizes, self.hidden, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU(inplace=True)]
        return nn.Sequential(nn.Flatten(1), *layers, nn.Linear(sizes[-1], 1), nn.Flatten(0))

    def prepared(self, image: Tensor) -> Tensor:
        """Return the central window of the images (B, C·cells)."""
        for axis, length in enumerate(image.shape[2:], start=2):
            image = image.narrow(axis, (length - self.window) // 2, self.window)
        return image.flatten(1)

    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable as `Network` does, and for samples smaller than the window."""
        super().check_applicable(inputs)
        grid = tuple(inputs["image"].shape[2:])
        require(min(grid) >= self.window, f"the window takes {self.window} cells, the sample has {min(grid)}")
