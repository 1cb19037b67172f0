"""What local correlations, or the edge, say about the integer: a classifier that never closes a loop."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import binary_erosion

from toponn.data.encodings.cell_image import cell_image
from toponn.matter.lattices import normalised_coordinates
from toponn.matter.samples import Samples
from toponn.matter.shapes import in_window
from toponn.tools.checks import NotApplicable, choose

PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)
"""Of the ridge, in units of the mean diagonal of the kernel matrix."""
CONSTANT = 1e-6
"""Spread below which a mean of single-precision entries is constant."""
SAMPLES_AT_ONCE = 40


def entry_means(samples: Samples, region: str) -> np.ndarray:
    """Return correlations between cells next to each other, averaged over the bulk or the edge of every sample.

    They are the means of ``Re P``, ``Im P`` and ``|P|²`` of the entries ``P[(r, α), (r + δ, β)]`` with |δ_i| ≤ 1, over
    the cells r of the region for which the entry exists. A phase of an orbital moves the first two and not the last,
    which is a loop along one bond and back.

    Parameters
    ----------
    region : "bulk" or "edge"

    Returns
    -------
    (B, 3·3^d m²) float64, m orbitals a cell
        All Re, then all Im, then all squares, each by displacement and then by orbitals (α, β); 0 where no cell of the
        region has the entry.

    Raises
    ------
    NotApplicable
        If a sample has no grid of cells, or no cell in the region.
    """
    return np.concatenate([_entry_means(part, region) for part in samples.parts(SAMPLES_AT_ONCE)])


def _entry_means(samples: Samples, region: str) -> np.ndarray:
    image = cell_image(samples, stencil=1)["image"].astype(float)
    # The image of a state whose projector has no zeros is 1 where an entry exists.
    ones = replace(samples[:1], states=np.ones((1, 1, samples.occupied.shape[-1])))
    present = np.split(cell_image(ones, stencil=1)["image"][0], 2)[0] > 0  # (K, *grid)
    counted = present & region_cells(samples, present, region)
    cells = counted.reshape(len(counted), -1)
    parts = image.reshape(len(image), 2, *cells.shape)  # (B, Re and Im, K, cells)
    entries = np.concatenate([parts, (parts**2).sum(axis=1, keepdims=True)], axis=1)
    means = (entries * cells).sum(axis=-1) / np.maximum(cells.sum(axis=-1), 1)
    return means.reshape(len(image), -1)


def region_cells(samples: Samples, present: np.ndarray, region: str) -> np.ndarray:
    """Return which cells of the grid are in the region, (*grid) bool.

    The edge are cells that lack an orbital, or have a neighbour along an axis of the grid that does or is not there: of
    a full grid the first and last along any axis. The bulk are the others whose sites all have normalised coordinates
    up to one half.

    Parameters
    ----------
    present : (K, *grid) bool
        Whether an entry of the cell image exists.

    Raises
    ------
    NotApplicable
        If there are none.
    """
    within = present.reshape(3**samples.dimension, -1, *present.shape[1:])[3**samples.dimension // 2]  # δ = 0
    inner = binary_erosion(within.all(axis=0))
    middle = np.ones(present.shape[1:], dtype=bool)
    middle[tuple(samples.cell[~in_window(normalised_coordinates(samples.geometry))].T)] = False
    found = choose({"bulk": inner & middle, "edge": within.any(axis=0) & ~inner}, region, "region")
    if not found.any():
        raise NotApplicable(f"a sample of {' × '.join(map(str, found.shape))} cells has none in the {region}")
    return found


@dataclass(frozen=True)
class LocalProxy:
    """Kernel ridge regression, cubic in the entry means of a region; its class is the nearest integer seen in training.

    It is a proxy by construction. From each place it sees single entries of P and their squares, never a product of P
    along two different bonds that meet, so that no loop around an area is closed. The products that the cubic kernel
    makes are of means over the region: of a clean crystal in a fixed gauge they say what its Bloch projector, cut off
    at neighbouring cells, says, but never how P at one place fits to P at another. On other lattices it extrapolates.
    On chains, whose winding number is of second order in P, the means of squares are that number itself, cut off at
    neighbouring cells: what it cannot see there are longer hoppings.

    Attributes
    ----------
    region : "bulk" or "edge"
    middle, spread : (F,) mean and standard deviation of the entry means, the latter infinite where they are constant
    support : (n, F) entry means of the train split, standardised
    weights : (n,) float64
    offset : mean label of the train split
    classes : smallest and largest label of the train split
    penalty : one of `PENALTIES`, that with the smallest squared error on the validation split
    """

    region: str
    middle: np.ndarray
    spread: np.ndarray
    support: np.ndarray
    weights: np.ndarray
    offset: float
    classes: tuple[int, int]
    penalty: float

    @classmethod
    def fit(cls, train: Samples, validation: Samples, region: str) -> "LocalProxy":
        """Return the proxy of the labels of the train split.

        Raises
        ------
        NotApplicable
            If the samples have no grid of cells, or no cell in the region.
        """
        means = entry_means(train, region)
        deviation = means.std(axis=0)
        spread = np.where(deviation > CONSTANT, deviation, np.inf)
        middle, offset = means.mean(axis=0), float(train.label.mean())
        support = (means - middle) / spread
        classes = int(train.label.min()), int(train.label.max())
        values, vectors = np.linalg.eigh(_kernel(support, support, spread))
        projected = vectors.T @ (train.label - offset)
        held_out, proxies, errors = entry_means(validation, region), [], []
        for penalty in PENALTIES:
            weights = vectors @ (projected / (np.maximum(values, 0) + penalty * values.mean()))
            proxy = cls(region, middle, spread, support, weights, offset, classes, penalty)
            errors.append(((proxy._values(held_out) - validation.label) ** 2).mean())
            proxies.append(proxy)
        return proxies[int(np.argmin(errors))]

    def predict(self, samples: Samples) -> np.ndarray:
        """Return the proxy's integers (B,) int64.

        Raises
        ------
        NotApplicable
            If the samples have no grid of cells, none in the region, or cells of another number of orbitals.
        """
        means = entry_means(samples, self.region)
        if means.shape[1] != len(self.middle):
            raise NotApplicable("the local proxy was fitted to cells of another number of orbitals")
        return np.rint(self._values(means)).clip(*self.classes).astype(np.int64)

    def _values(self, means: np.ndarray) -> np.ndarray:
        standard = (means - self.middle) / self.spread
        return self.offset + _kernel(standard, self.support, self.spread) @ self.weights


def _kernel(first: np.ndarray, second: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return ``(1 + x·y/F)³`` of F standardised entry means that vary."""
    return (1 + first @ second.T / max(1, np.isfinite(spread).sum())) ** 3
