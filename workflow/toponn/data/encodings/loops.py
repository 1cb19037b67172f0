"""Loop features: gauge-invariant products of the projector around closed paths.

Every ring with diagonal site tensors is linear in them, so that they are computed once and serve all seeds and epochs.
"""

import numpy as np

from toponn.matter.lattices import normalised_coordinates
from toponn.matter.samples import Samples
from toponn.matter.states import polar_factor, projector

BATCH_ENTRIES = 1 << 18
"""Entries of the projectors of one batch; more would leave the processor's cache."""


def loops(samples: Samples) -> dict[str, np.ndarray]:
    """Return the loop features of chains (pairs of cells) or planes (triples of sites).

    Returns
    -------
    dict with
        ``loops`` : (B, L) float32, in the order of `pair_indices` or `triple_indices`
        ``coordinates`` : (N, d) float64, normalised coordinates of the N cells (1D) or sites (2D); (B, N, d) of several
        samples in the plane with sites of their own

    Raises
    ------
    NotApplicable
        If a chain has no two sublattices of equal size.
    """
    own, n = samples.positions.ndim == 3 and len(samples) > 1, len(samples.site_of_orbital)
    coordinates = normalised_coordinates(samples.positions) if own else samples.coordinates
    if samples.dimension == 1:
        q = polar_factor(samples.occupied, samples.sublattice)
        return {"loops": pair_loops(q).astype(np.float32), "coordinates": coordinates}
    orbitals, step = n // samples.n_places, max(1, BATCH_ENTRIES // n**2)
    batches = [samples.occupied[start : start + step] for start in range(0, len(samples), step)]
    found = [triple_loops(projector(batch), orbitals).astype(np.float32) for batch in batches]
    return {"loops": np.concatenate(found), "coordinates": coordinates}


def pair_indices(n: int) -> np.ndarray:
    """Return the pairs i < j, (2, n(n−1)/2) int64, in the order of `pair_loops`."""
    return np.array(np.triu_indices(n, 1))


def triple_indices(n: int) -> np.ndarray:
    """Return the triples i < j < k, (3, n(n−1)(n−2)/6) int64, in the order of `triple_loops`.

    Examples
    --------
    >>> triple_indices(4).T.tolist()
    [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]
    """
    if n < 3:
        return np.empty((3, 0), dtype=np.int64)
    blocks = []
    for i in range(n - 2):
        j, k = np.triu_indices(n - i - 1, 1)
        blocks.append(np.stack([np.full(len(j), i), j + i + 1, k + i + 1]))
    return np.concatenate(blocks, axis=1)


def pair_loops(q: np.ndarray) -> np.ndarray:
    """Return ``|q_ij|² − |q_ji|²`` for i < j, (B, n(n−1)/2), of polar factors (B, n, n)."""
    weight = np.abs(q) ** 2
    i, j = pair_indices(q.shape[-1])
    return weight[..., i, j] - weight[..., j, i]


def triple_loops(P: np.ndarray, orbitals: int) -> np.ndarray:
    """Return ``T_ijk = Im tr(P_ij P_jk P_ki)`` over orbitals for i < j < k, (B, n(n−1)(n−2)/6) of projectors (B, m, m).

    T is antisymmetric and does not change under rotations of the basis of any site.

    References
    ----------
    Y. Zhang, E.-A. Kim, Phys. Rev. Lett. 118, 216401 (2017), for such loops as input of a classifier.
    """
    batch, size, _ = P.shape
    n = size // orbitals
    out = np.empty((batch, n * (n - 1) * (n - 2) // 6), dtype=P.real.dtype)
    start = 0
    for i in range(n - 2):
        mine, rest = slice(i * orbitals, (i + 1) * orbitals), slice((i + 1) * orbitals, size)
        # Im tr(P_ij P_jk P_ki) = Im Σ P_jk · (P_ki P_ij)ᵀ, summed over the orbitals of j and k.
        G = (P[:, rest, rest] * (P[:, rest, mine] @ P[:, mine, rest]).swapaxes(1, 2)).imag
        left = n - i - 1
        G = sum(G[:, a::orbitals, b::orbitals] for a in range(orbitals) for b in range(orbitals))
        j, k = np.triu_indices(left, 1)
        out[:, start : start + len(j)] = G[:, j, k]
        start += len(j)
    return out
