"""The occupied states, in a random gauge: what the wavefunction form reads, and the ring on larger samples."""

import numpy as np

from toponn.matter.samples import Samples


def occupied(samples: Samples) -> dict[str, np.ndarray]:
    """Return the occupied states and where their amplitudes live.

    Returns
    -------
    dict with
        ``occupied`` : (B, O, n) float32 or complex64, one state a row; of chains all amplitudes on A, then all on B, in
        the plane orbital fastest
        ``coordinates`` : (N, d) float64, normalised coordinates of the N cells (1D) or sites (2D)

    Raises
    ------
    NotApplicable
        If a chain has no two sublattices of equal size.
    """
    rows = samples.occupied
    if samples.dimension == 1:
        rows = np.concatenate([rows[..., sites] for sites in samples.chain_sublattices], axis=-1)
    single = np.complex64 if np.iscomplexobj(rows) else np.float32
    return {"occupied": rows.astype(single), "coordinates": samples.coordinates}
