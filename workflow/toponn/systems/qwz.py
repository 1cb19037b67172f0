"""The Qi-Wu-Zhang model of a Chern insulator."""

import numpy as np

from toponn.conventions import PAULI_X, PAULI_Y, PAULI_Z
from toponn.lattices import SQUARE
from toponn.systems.base import Bond, Parameter, PhasePlane, System


class QWZ(System):
    """``H(k) = (m + cos kx + cos ky)σz + sin kx σx + sin ky σy``; C = +1 for −2 < m < 0, −1 for 0 < m < 2, else 0.

    References
    ----------
    X.-L. Qi, Y.-S. Wu, S.-C. Zhang, Phys. Rev. B 74, 085308 (2006).
    """

    name = "qwz"
    task = "chern"
    symmetry_class = "A"
    lattice = SQUARE
    n_orbitals = 2
    parameters = {"mass": Parameter(-6.0, 6.0, "hopping", "m, which the bands invert with")}
    localizer_kappa = 0.2

    def onsite(self, *, mass: float) -> np.ndarray:
        """Return m σz."""
        return mass * PAULI_Z[None]

    def bonds(self, *, mass: float) -> tuple[Bond, ...]:
        """Return the bonds along x and y."""
        return (
            Bond("x", 0, 0, (1, 0), (PAULI_Z + 1j * PAULI_X) / 2),
            Bond("y", 0, 0, (0, 1), (PAULI_Z + 1j * PAULI_Y) / 2),
        )

    def phase_plane(self) -> PhasePlane:
        """Return the plane of mass and disorder with the clean boundaries m = −2, 0, 2."""
        heights = np.array([0.0, 8.0])
        return PhasePlane(
            x="parameters/mass",
            y="disorder/onsite_box",
            x_label="mass $m$ (hopping)",
            y_label="on-site disorder $W$ (hopping)",
            boundary=tuple(np.stack([np.full(2, m), heights], axis=1) for m in (-2.0, 0.0, 2.0)),
            source="clean limit: Qi, Wu, Zhang, PRB 74, 085308",
        )
