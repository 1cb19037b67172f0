"""The convolution of one batch of images with the filters of many seeds, with fewer multiplications than its sum has.

A polynomial is its values at enough points; products of polynomials are products of these values. So the outputs of a
tile are ``A [(G w) ⊙ (B x)]`` along each axis, and a sum over channels is one matrix product at each point. Going to
the points and back costs what it saves for one network; here all seeds share the images, and so the way there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

POINTS = {1: (), 3: (0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))}
"""Where polynomials are evaluated, besides infinity, by the cells that a filter spans; of several sets of points those
whose rounding errors are the smallest, 6 times those of the plain sum."""


def transforms(taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A (tile, points), G (points, taps) and B (points, tile + taps − 1), float64.

    They give a tile of outputs ``y_i = Σ_k w_k x_{i+k}`` as ``A [(G w) ⊙ (B x)]``.

    Examples
    --------
    >>> A, G, B = transforms(3)
    >>> x, w = np.arange(6.0) ** 2, np.array([1.0, 10.0, 100.0])
    >>> np.allclose(A @ ((G @ w) * (B @ x)), np.correlate(x, w))
    True

    References
    ----------
    A. Lavin, S. Gray, arXiv 1509.09308; the choice of points: B. Barabasz et al., arXiv 1803.10986.
    """
    a = np.array(POINTS[taps])
    tile = len(a) - taps + 2
    others = [np.delete(a, j) for j in range(len(a))]
    norms = np.array([np.prod(a[j] - rest) for j, rest in enumerate(others)]).reshape(-1, 1)

    def at_points(count: int, norms: np.ndarray | float = 1.0) -> np.ndarray:
        return np.concatenate([np.vander(a, count, increasing=True) / norms, np.eye(count)[-1:]])

    B = np.zeros((len(a) + 1, len(a) + 1))
    for row, roots in zip(B, [*others, a], strict=True):
        coefficients = np.atleast_1d(np.poly(roots))[::-1]
        row[: len(coefficients)] = coefficients
    return at_points(tile).T, at_points(taps, norms), B


@dataclass(frozen=True)
class Tiles:
    """Images as the convolution reads them: at the points of overlapping tiles.

    Attributes
    ----------
    values : (points, B·tiles, C)
    filters, outputs : to the points (points, taps) and back (cells of a tile, points), all axes at once
    batch, counts, grid : images B, tiles along each axis, cells along each axis
    """

    values: Tensor
    filters: Tensor
    outputs: Tensor
    batch: int
    counts: tuple[int, ...]
    grid: tuple[int, ...]

    def __len__(self) -> int:
        return self.batch

    @classmethod
    def of(cls, image: Tensor, kernel: Sequence[int]) -> "Tiles":
        """Return the tiles of images (B, C, *grid) for filters that span `kernel` cells, zero beyond the border."""
        axes = [transforms(taps) for taps in kernel]
        A, G, B = (torch.from_numpy(reduce(np.kron, axis)).to(image) for axis in zip(*axes, strict=True))
        grid, tiles = tuple(image.shape[2:]), [len(axis[0]) for axis in axes]
        counts = tuple(-(-length // tile) for length, tile in zip(grid, tiles, strict=True))
        margins = []
        for length, tile, count, taps in zip(grid, tiles, counts, kernel, strict=True):
            margins = [taps // 2, tile * count - length + taps // 2, *margins]  # of the last axis first
        cut = functional.pad(image, margins)
        for axis, (tile, taps) in enumerate(zip(tiles, kernel, strict=True), start=2):
            cut = cut.unfold(axis, tile + taps - 1, tile)
        values = cut.reshape(*image.shape[:2], -1, len(B)) @ B.T  # (B, C, tiles, points)
        values = values.permute(3, 0, 2, 1).reshape(len(B), -1, image.shape[1])
        return cls(values, G, A, len(image), counts, grid)

    def convolved(self, weight: Tensor, bias: Tensor) -> Tensor:
        """Return (B, S·out, *grid), channels last in memory, for filters (S, out, C, *kernel) and bias (S, out)."""
        weight, bias = weight.flatten(0, 1), bias.flatten()
        filters = (self.filters @ weight.flatten(2).flatten(0, 1).T).view(len(self.values), *weight.shape[:2])
        products = torch.bmm(self.values, filters.transpose(1, 2))  # (points, B·tiles, S·out)
        cells = self.outputs @ products.flatten(1)
        axes, tile = len(self.grid), round(len(cells) ** (1 / len(self.grid)))
        cells = cells.view(*(tile,) * axes, self.batch, *self.counts, len(bias))
        order = [axes, *(place for axis in range(axes) for place in (axes + 1 + axis, axis)), 2 * axes + 1]
        cells = cells.permute(order).reshape(self.batch, *(tile * count for count in self.counts), len(bias))
        for axis, length in enumerate(self.grid, start=1):
            cells = cells.narrow(axis, 0, length)
        return (cells + bias).movedim(-1, 1)
