"""Units, orderings, Pauli matrices and signs, stated once.

Energies are in units of the main hopping, lengths in units of the nearest-neighbour distance, except that chains
measure positions in cells. A *site* is a lattice position that carries ``n_orbitals`` orbitals; matrices run over
sites and orbitals with the orbital index fastest. The lower half of the spectrum is filled.

Projector and flattened Hamiltonian are ``P = Σ_occupied |ψ⟩⟨ψ|`` and ``Q = 1 − 2P``. A chiral chain has
``H = [[0, h], [h†, 0]]`` in the (A, B) sublattice basis; ``q`` is the unitary polar factor of ``h``.

Signs: ``ν`` is the winding of ``h(k) = Σ_n t_n e^{ikn}``, with ``t_n`` coupling A of cell i to B of cell i − n, so that
SSH with ``|w| > |v|`` has ν = 1. The Chern number is ``C = (1/2π)∫d²k (∂_x A_y − ∂_y A_x)``, ``A = i⟨u|∇_k u⟩``, over
the filled bands with right-handed axes, so that QWZ has C = +1 for −2 < m < 0 and −1 for 0 < m < 2.
"""

import numpy as np

IDENTITY = np.eye(2, dtype=complex)
PAULI_X = np.array([[0, 1], [1, 0]], dtype=complex)
PAULI_Y = np.array([[0, -1j], [1j, 0]], dtype=complex)
PAULI_Z = np.array([[1, 0], [0, -1]], dtype=complex)

DIMENSION = {"winding": 1, "chern": 2}
"""Number of space dimensions of each task."""

SIZE_UNIT = {"winding": "cells", "chern": "sites"}
"""What the size of a sample counts."""

SPLITS = ("train", "validation", "test")
"""Names of the splits; a dataset file stores their positions in this tuple."""

STATEMENT = {
    "energy_unit": "main hopping",
    "length_unit": "nearest-neighbour distance (chains: cells)",
    "ordering": "site-major, orbital index fastest",
    "filling": "lower half of the spectrum",
    "winding_sign": "h(k) = sum_n t_n exp(ikn), t_n couples A of cell i to B of cell i-n",
    "chern_sign": "C = (1/2pi) int d2k (dx Ay - dy Ax), A = i<u|grad u>, filled bands",
}
"""What a dataset file says about itself."""
