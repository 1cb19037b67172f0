"""Winograd's minimal filtering: a convolution of images with the filters of many seeds, in fewer multiplications.

A convolution is a product of polynomials, and a polynomial is given by its values at enough points, which are simply
multiplied. So the outputs of a tile of cells are ``A [(G w) ⊙ (B x)]`` along each axis, and the sum over channels is
one matrix product at each point. All seeds share the images, whose values ``B x`` are therefore computed once.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

TILE, TAPS = 4, 3
"""Cells along each axis of a tile of outputs and of a filter."""

POINTS = (0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))
"""Where polynomials are evaluated, besides infinity: rounding errors are 6 times those of the plain sum, with the
customary 0, ±1, ±2 they are 30 times."""


def transforms() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A (4, 6), G (6, 3) and B (6, 6), float64, of outputs ``y_i = Σ_k w_k x_{i+k} = A [(G w) ⊙ (B x)]``.

    Examples
    --------
    >>> A, G, B = transforms()
    >>> x, w = np.arange(6.0) ** 2, np.array([1.0, 10.0, 100.0])
    >>> np.allclose(A @ ((G @ w) * (B @ x)), np.correlate(x, w))
    True

    References
    ----------
    A. Lavin, S. Gray, arXiv 1509.09308; the choice of points: B. Barabasz et al., arXiv 1803.10986.
    """
    a = np.array(POINTS)
    others = [np.delete(a, j) for j in range(len(a))]
    norms = np.array([np.prod(a[j] - rest) for j, rest in enumerate(others)])[:, None]

    def at_points(count: int) -> np.ndarray:
        """Return the powers below `count` of all points; at infinity only the highest counts."""
        return np.concatenate([np.vander(a, count, increasing=True), np.eye(count)[-1:]])

    B = np.zeros((len(a) + 1, len(a) + 1))
    for row, roots in zip(B, [*others, a], strict=True):
        row[: len(roots) + 1] = np.poly(roots)[::-1]
    return at_points(TILE).T, at_points(TAPS) / np.concatenate([norms, [[1.0]]]), B


@dataclass(frozen=True)
class Tiles:
    """Images as the convolution reads them: at the points of overlapping tiles.

    Attributes
    ----------
    values : (points, B·tiles, C)
    filters, outputs : to the points (points, cells of a filter) and back (cells of a tile, points), all axes at once
    counts : tiles along each axis
    grid : cells along each axis
    """

    values: Tensor
    filters: Tensor
    outputs: Tensor
    counts: tuple[int, ...]
    grid: tuple[int, ...]

    @classmethod
    def of(cls, image: Tensor) -> "Tiles":
        """Return the tiles of images (B, C, *grid), zero beyond the border, for filters three cells wide."""
        grid = tuple(image.shape[2:])
        A, G, B = (torch.from_numpy(reduce(np.kron, [axis] * len(grid))).to(image) for axis in transforms())
        counts = tuple(-(-length // TILE) for length in grid)
        margins = [(1, TILE * count - length + 1) for count, length in zip(counts, grid, strict=True)]
        cut = functional.pad(image, [cells for pair in reversed(margins) for cells in pair])
        for axis in range(2, image.ndim):
            cut = cut.unfold(axis, TILE + TAPS - 1, TILE)
        values = cut.reshape(*image.shape[:2], -1, len(B)) @ B.T  # (B, C, tiles, points)
        return cls(values.permute(3, 0, 2, 1).reshape(len(B), -1, image.shape[1]), G, A, counts, grid)

    def convolved(self, weight: Tensor, bias: Tensor) -> Tensor:
        """Return (B, S·out, *grid), channels last in memory, for filters (S, out, C, *kernel) and bias (S, out)."""
        points, _, channels = self.values.shape
        filters = (self.filters @ weight.reshape(-1, self.filters.shape[1]).T).view(points, -1, channels)
        products = torch.bmm(self.values, filters.transpose(1, 2))  # (points, B·tiles, S·out)
        cells = self.outputs @ products.flatten(1)
        axes = len(self.grid)
        cells = cells.view(*(TILE,) * axes, -1, *self.counts, bias.numel())  # (*tile, B, *counts, S·out)
        places = [place for axis in range(axes) for place in (axes + 1 + axis, axis)]
        cells = cells.permute(axes, *places, -1)
        cells = cells.reshape(len(cells), *(TILE * count for count in self.counts), bias.numel())
        for axis, length in enumerate(self.grid, start=1):
            if cells.shape[axis] > length:  # a `narrow` that takes all costs its gradient a copy
                cells = cells.narrow(axis, 0, length)
        return cells.movedim(-1, 1) + bias.view(-1, *(1,) * axes)
