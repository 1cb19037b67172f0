"""The dense projector, or of chains the polar factor: the textbook route of the ring."""

import numpy as np

from toponn.matter.samples import Samples
from toponn.matter.states import polar_factor, projector


def projectors(samples: Samples) -> dict[str, np.ndarray]:
    """Return the projectors of the plane, or the polar factors of chains.

    Returns
    -------
    dict with
        ``projector`` : (B, n, n) float32 or complex64, orbital fastest; of chains q (B, cells, cells)
        ``coordinates`` : (N, d) float64, normalised coordinates of the N cells (1D) or sites (2D)

    Raises
    ------
    NotApplicable
        If a chain has no two sublattices of equal size.
    """
    coordinates, psi = samples.coordinates, samples.occupied
    P = polar_factor(psi, samples.sublattice) if samples.dimension == 1 else projector(psi)
    return {"projector": P.astype(np.complex64 if np.iscomplexobj(psi) else np.float32), "coordinates": coordinates}
