"""From Hamiltonians to occupied states, projectors and polar factors, batched.

Eigensolvers are torch's (MKL), which on many CPUs are several times faster than those of NumPy's wheels; this is the
only place of the physics that imports torch.
"""

import numpy as np
import torch

from toponn.tools.checks import DataError, hermitian


def is_chiral(hamiltonians: np.ndarray, sublattice: np.ndarray) -> bool:
    """Return whether no Hamiltonian (B, n, n) couples a sublattice, (n,) of 0 and 1, to itself."""
    return not any(hamiltonians[:, S][:, :, S].any() for S in (sublattice == 0, sublattice == 1))


def eigenstates(hamiltonians: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return energies (B, n), ascending, and eigenvectors (B, n, n) in columns.

    Raises
    ------
    DataError
        If a matrix is not finite or not Hermitian.
    """
    energies, vectors = torch.linalg.eigh(torch.from_numpy(hermitian(hamiltonians)))
    return energies.numpy(), vectors.numpy()


def eigenvalues(matrices: np.ndarray) -> np.ndarray:
    """Return the eigenvalues (B, n), ascending, of Hermitian matrices (B, n, n) given by their lower triangles."""
    return torch.linalg.eigvalsh(torch.from_numpy(matrices)).numpy()


def occupied_states(
    hamiltonians: np.ndarray,
    fermi_level: float | np.ndarray | None = None,
    filled: int | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the filled states, the gap above them and the Fermi level.

    Parameters
    ----------
    hamiltonians : (B, n, n)
    fermi_level : float or (B,)
        Energy below which states are filled. Without it the `filled` lowest ones are, by default the lower half, and
        the Fermi level is the middle of the gap above them.
    filled : int or (B,)

    Returns
    -------
    occupied : (B, O, n), one state a row
        O is the largest number of filled states; rows of zeros follow where a sample has fewer.
    gap : (B,) float64
        Where all states or none are filled, twice the distance of the Fermi level from them.
    fermi_level : (B,) float64
    """
    energies, vectors = eigenstates(hamiltonians)
    batch, n = energies.shape
    if fermi_level is None:
        filled = np.broadcast_to(n // 2 if filled is None else filled, batch)
        below, above = _edges(energies, filled, None)
        level = (below + above) / 2
    else:
        level = np.broadcast_to(np.asarray(fermi_level, float), batch)
        filled = (energies < level[:, None]).sum(axis=1)
        below, above = _edges(energies, filled, level)
    most = int(filled.max())
    occupied = vectors[..., :most].swapaxes(-1, -2)
    if (filled < most).any():
        occupied = occupied * (np.arange(most) < filled[:, None])[..., None]
    return occupied, above - below, level


def _edges(energies: np.ndarray, filled: np.ndarray, level: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the highest filled and the lowest empty energies (B,), mirrored at the level where there is none."""
    n, rows = energies.shape[1], np.arange(len(energies))
    below, above = energies[rows, np.maximum(filled - 1, 0)], energies[rows, np.minimum(filled, n - 1)]
    if level is not None:
        below = np.where(filled == 0, 2 * level - above, below)
        above = np.where(filled == n, 2 * level - below, above)
    return below, above


def chiral_block(hamiltonians: np.ndarray, sublattice: np.ndarray) -> np.ndarray:
    """Return h (B, cells, cells), which couples A (rows) to B (columns), of chiral chains with one orbital a site.

    Raises
    ------
    DataError
        If anything couples a sublattice to itself.
    """
    if not is_chiral(hamiltonians, sublattice):
        raise DataError(
            "hamiltonian: found terms within a sublattice; allowed: chiral chains, which couple A to B alone"
        )
    return hamiltonians[:, sublattice == 0][:, :, sublattice == 1]


def chiral_occupied_states(h: np.ndarray, sublattice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the occupied states and the gap from the block h of chiral Hamiltonians, an eighth of the work of eigh.

    With ``h = UΣV†`` the states of energy −Σ, in ascending order, are ``(u, −v)/√2`` on (A, B); the gap is twice the
    smallest Σ.
    """
    U, sigma, Vh = (x.numpy() for x in torch.linalg.svd(torch.from_numpy(h)))
    occupied = np.empty((*h.shape[:-1], len(sublattice)), dtype=h.dtype)
    occupied[..., sublattice == 0] = U.swapaxes(-1, -2) / np.sqrt(2)
    occupied[..., sublattice == 1] = -Vh.conj() / np.sqrt(2)
    return occupied, 2 * sigma[:, -1]


def without_midgap_pair(occupied: np.ndarray) -> np.ndarray:
    """Return the states (B, O − 1, n) without the last filled one of each sample, in ascending order of energy.

    Of a chiral chain that state is nearest to the middle of the gap, and its chiral partner is empty: what is left is
    determined even where the pair's splitting is below rounding and which of it is filled is not.
    """
    filled = occupied.any(axis=2).sum(axis=1)
    rest = occupied[:, :-1]
    return rest * (np.arange(rest.shape[1]) < filled[:, None] - 1)[..., None]


MIDGAP_PAIR = {"kept": lambda occupied: occupied, "dropped": without_midgap_pair}
"""What becomes of the filled state nearest to the middle of a chain's gap."""


def projector(occupied: np.ndarray) -> np.ndarray:
    """Return ``P = Σ |ψ⟩⟨ψ|`` (…, n, n) of occupied states (…, O, n)."""
    return occupied.swapaxes(-1, -2) @ occupied.conj()


def polar_factor(occupied: np.ndarray, sublattice: np.ndarray) -> np.ndarray:
    """Return ``q = −2 P_AB`` (…, cells, cells), the polar factor of h, from the occupied states of a chiral chain.

    Without the mid-gap pair it is the partial isometry ``q − uv†``, u and v the singular vectors of the smallest Σ.
    """
    A, B = occupied[..., sublattice == 0], occupied[..., sublattice == 1]
    return -2 * A.swapaxes(-1, -2) @ B.conj()


def scramble_sites(occupied: np.ndarray, orbitals: int, *, rng: np.random.Generator) -> np.ndarray:
    """Return the states (O, n) with the basis of every site rotated by a random unitary matrix of its `orbitals`.

    No invariant moves: the projector becomes ``U P U†`` with U diagonal in the sites.
    """
    sites = occupied.shape[1] // orbitals
    rotations = _haar(rng.normal(size=(sites, orbitals, orbitals)) + 1j * rng.normal(size=(sites, orbitals, orbitals)))
    rotated = np.einsum("nab,onb->ona", rotations, occupied.reshape(len(occupied), sites, orbitals))
    return rotated.reshape(occupied.shape)


def scramble_gauge(occupied: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return the states (O, n) mixed by a random unitary (real: orthogonal) matrix, uniform in the group.

    Only the projector survives, so that no model can read an eigensolver's habits of sign, phase and order. Rows of
    zeros stay.
    """
    size = int(occupied.any(axis=1).sum())
    G = rng.normal(size=(size, size))
    if np.iscomplexobj(occupied):
        G = G + 1j * rng.normal(size=(size, size))
    mixed = _haar(G) @ occupied[:size]
    return mixed if size == len(occupied) else np.concatenate([mixed, occupied[size:]])


def _haar(gaussian: np.ndarray) -> np.ndarray:
    """Return unitary matrices (…, n, n), uniform in the group, from Gaussian ones."""
    Q, R = np.linalg.qr(gaussian)
    diagonal = np.diagonal(R, axis1=-2, axis2=-1)
    return Q * (diagonal / np.abs(diagonal))[..., None, :]  # makes the distribution Haar's (Mezzadri 2007)
