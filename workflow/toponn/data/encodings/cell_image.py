"""The cell image: the projector near its diagonal, laid out on the grid of unit cells as an image with channels."""

from itertools import product

import numpy as np

from toponn.matter.samples import Samples
from toponn.matter.states import projector
from toponn.tools.checks import NotApplicable


def cell_image(samples: Samples, *, stencil: int = 1) -> dict[str, np.ndarray]:
    """Return Re and Im of ``P[(r, α), (r + δ, β)]`` for all cells r and displacements δ with |δ_i| ≤ `stencil`.

    Entries that touch a cell or orbital outside the sample are zero. The image is not gauge-invariant: a change of
    basis on a site moves it though no observable moves.

    Returns
    -------
    dict with ``image`` : (B, C, *grid) float32, C = 2 (2·stencil + 1)^d m², m orbitals a cell

    Raises
    ------
    NotApplicable
        If the sample has no grid of cells.
    """
    if samples.cell is None or samples.sublattice is None:
        raise NotApplicable("a cell image needs a lattice of unit cells")
    rows, columns = _pairs(samples, stencil)
    outside = rows < 0
    images = np.empty((len(samples), 2, *rows.shape), dtype=np.float32)
    for b in range(len(samples)):  # one by one: the projectors of all samples need far more memory than their images
        entries = projector(samples.occupied[b])[rows, columns]
        entries[outside] = 0
        images[b, 0], images[b, 1] = entries.real, entries.imag
    grid = rows.shape[1:]
    return {"image": images.reshape(len(samples), -1, *grid)}


def _pairs(samples: Samples, stencil: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the orbitals (row, column) of P behind every entry, (C/2, *grid) int64 each, −1 where there is none."""
    orbitals_per_site = len(samples.site_of_orbital) // samples.positions.shape[-2]
    slot = samples.sublattice[samples.site_of_orbital] * orbitals_per_site
    slot = slot + np.arange(len(slot)) % orbitals_per_site
    per_cell = int(samples.sublattice.max() + 1) * orbitals_per_site
    cell = samples.cell[samples.site_of_orbital]
    grid = tuple(samples.cell.max(axis=0) + 1)
    table = np.full((per_cell, *(length + 2 * stencil for length in grid)), -1)
    table[(slot, *(cell + stencil).T)] = np.arange(len(slot))

    def shifted(index: int, delta: tuple[int, ...]) -> np.ndarray:
        window = tuple(slice(stencil + d, stencil + d + length) for d, length in zip(delta, grid, strict=True))
        return table[(index, *window)]

    here = (0,) * len(grid)
    deltas = list(product(range(-stencil, stencil + 1), repeat=len(grid)))
    keys = [(a, b, delta) for delta in deltas for a in range(per_cell) for b in range(per_cell)]
    rows = np.stack([shifted(a, here) for a, _, _ in keys])
    columns = np.stack([shifted(b, delta) for _, b, delta in keys])
    missing = (rows < 0) | (columns < 0)
    return np.where(missing, -1, rows), np.where(missing, -1, columns)
