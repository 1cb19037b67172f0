"""From Hamiltonians to occupied states, projectors and polar factors, batched.

Eigensolvers are torch's (MKL), which on many CPUs are several times faster than those of NumPy's wheels; this is the
only place of the physics that imports torch.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from toponn.tools.checks import DataError, NotApplicable, choose, hermitian, numbers, refusal, whole_numbers


@dataclass(frozen=True)
class States:
    """The occupied states of a batch of samples of one geometry: all that a model may look at.

    Attributes
    ----------
    occupied : (B, O, n) float or complex, one state a row
        Rows of zeros follow where a sample has fewer filled states than another.
    positions : (N, d) or, where every sample has its own, (B, N, d) float64
    site_of_orbital : (n,) int64
    sublattice : (N,) int64, or None where the lattice has none
    cell : (N, d) int64, or None where there is no grid of cells
    """

    occupied: np.ndarray
    positions: np.ndarray
    site_of_orbital: np.ndarray
    sublattice: np.ndarray | None = None
    cell: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.occupied)

    def __getitem__(self, samples: slice | np.ndarray) -> "States":
        """Return the states of some of the samples."""
        own = self.positions.ndim == 3
        return replace(
            self, occupied=self.occupied[samples], positions=self.positions[samples] if own else self.positions
        )

    @property
    def geometry(self) -> np.ndarray:
        """Positions (N, d) that all samples share.

        Raises
        ------
        DataError
            If there is more than one sample and each has its own.
        """
        if self.positions.ndim == 2:
            return self.positions
        if len(self.positions) > 1:
            raise DataError("positions: found one set for each sample; allowed: batches of one geometry")
        return self.positions[0]

    @property
    def dimension(self) -> int:
        """Number of space dimensions."""
        return self.positions.shape[-1]

    @classmethod
    def of_hamiltonian(
        cls,
        hamiltonians: np.ndarray,
        positions: np.ndarray,
        sublattice: np.ndarray | None = None,
        cell: np.ndarray | None = None,
        fermi_level: float | np.ndarray | None = None,
        midgap_pair: str = "kept",
    ) -> "States":
        """Return the filled states of Hamiltonians (B, n, n) or (n, n) on sites at `positions` (N, d) or (B, N, d).

        Those below the Fermi level are filled, without it the lower half; of chains, with the mid-gap pair "dropped",
        all but the highest of them.

        A chiral chain (one orbital a site, `sublattice` given, nothing within a sublattice) is solved through its block
        h, because eigh may return end states below its rounding on one sublattice each, and q is then not unitary.

        Raises
        ------
        DataError
            If a matrix is not finite or not Hermitian, n is not a multiple of N, or a mid-gap pair is to be dropped of
            anything but chains.
        ConfigError
            If `midgap_pair` is neither "kept" nor "dropped".
        """
        without = choose(MIDGAP_PAIR, midgap_pair, "midgap_pair")
        hamiltonians = numbers(hamiltonians, "hamiltonian", "(n, n) or (B, n, n)", (2, 3), keep=True)
        hamiltonians = hamiltonians[None] if hamiltonians.ndim == 2 else hamiltonians
        positions = numbers(positions, "positions", "(N, d) or (B, N, d)", (2, 3))
        batch, n, sites = len(hamiltonians), hamiltonians.shape[-1], positions.shape[-2]
        if positions.shape[-1] not in (1, 2) or (positions.ndim == 3 and len(positions) != batch):
            allowed = f"(N, d) or ({batch}, N, d) with d = 1 or 2"
            raise DataError(f"positions: found shape {positions.shape}; allowed: {allowed}")
        sublattice, cell = (
            None if array is None else whole_numbers(array, name, shape)
            for array, name, shape in (
                (sublattice, "sublattice", (sites,)),
                (cell, "cell", (sites, positions.shape[-1])),
            )
        )
        if fermi_level is not None:
            fermi_level = numbers(fermi_level, "fermi_level", f"() or ({batch},)", (0, 1))
            if fermi_level.shape not in ((), (batch,)):
                raise DataError(f"fermi_level: found shape {fermi_level.shape}; allowed: () or ({batch},)")
        if n % sites:
            raise DataError(f"hamiltonian: found {n} orbitals on {sites} sites; allowed: the same number on every site")
        if midgap_pair == "dropped" and positions.shape[-1] != 1:
            raise DataError(refusal("midgap_pair", midgap_pair, "kept, since only chains have a mid-gap pair"))
        if not np.any(fermi_level) and sublattice is not None and is_chiral_chain(hamiltonians, positions, sublattice):
            occupied, _ = chiral_occupied_states(chiral_block(hermitian(hamiltonians), sublattice), sublattice)
        else:
            occupied, _, _ = occupied_states(hamiltonians, fermi_level)
        return cls(without(occupied), positions, np.arange(n) // (n // sites), sublattice, cell)


def is_chiral_chain(hamiltonians: np.ndarray, positions: np.ndarray, sublattice: np.ndarray) -> bool:
    """Return whether these are chains of one orbital a site whose sublattices, as large, couple to each other alone."""
    balanced = (sublattice == 0).sum() == (sublattice == 1).sum()
    one_orbital = hamiltonians.shape[-1] == positions.shape[-2]
    return positions.shape[-1] == 1 and one_orbital and balanced and is_chiral(hamiltonians, sublattice)


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


def chain_sublattices(states: States) -> tuple[np.ndarray, np.ndarray]:
    """Return which sites of a chain belong to A and to B, (N,) bool each.

    Raises
    ------
    NotApplicable
        If they are not two sublattices of equal size.
    """
    if states.sublattice is None or (states.sublattice == 0).sum() != (states.sublattice == 1).sum():
        raise NotApplicable("a winding number needs a chiral chain with as many A sites as B sites")
    return states.sublattice == 0, states.sublattice == 1


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


def ring_lengths(states: States) -> np.ndarray:
    """Return the positions (N, d) behind the ring's coordinates, of cells in 1D and sites in 2D, from their middle."""
    positions = states.geometry[states.sublattice == 0] if states.dimension == 1 else states.geometry
    return positions - (positions.min(axis=0) + positions.max(axis=0)) / 2


def n_places(states: States) -> int:
    """Return the number of cells of a chain or of sites in the plane."""
    return states.positions.shape[-2] if states.dimension == 2 else len(ring_lengths(states))
