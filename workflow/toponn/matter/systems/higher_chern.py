"""A two-band Chern insulator with C = ±2 on the square lattice."""

import numpy as np

from toponn.matter.lattices import SQUARE
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter, PhasePlane
from toponn.tools.conventions import PAULI_X, PAULI_Y, PAULI_Z


class HigherChern(LatticeSystem):
    """``H(k) = (m + cos kx + cos ky)σz + (cos kx − cos ky)σx + 2λ sin kx sin ky σy``.

    C = −2 sign λ where |m| < 2, and 0 elsewhere. The in-plane part winds twice around k = 0 and (π, π), as a d-wave
    does, where QWZ winds once.

    References
    ----------
    X.-L. Qi, Y.-S. Wu, S.-C. Zhang, Phys. Rev. B 74, 085308 (2006), for the family;
    D. Sticlet et al., Phys. Rev. B 85, 165456 (2012), for two bands of any Chern number.
    """

    name = "higher_chern"
    task = "chern"
    symmetry_class = "A"
    unit_cell = SQUARE
    n_orbitals = 2
    parameters = {
        "mass": Parameter(-6.0, 6.0, "hopping", "m, which the bands invert with"),
        "diagonal": Parameter(-2.0, 2.0, "hopping", "λ, hopping along the diagonals"),
    }
    localizer_kappa = 0.2

    def onsite(self, *, mass: float, diagonal: float) -> np.ndarray:
        """Return m σz."""
        return mass * PAULI_Z[None]

    def bonds(self, *, mass: float, diagonal: float) -> tuple[Bond, ...]:
        """Return the bonds along x, y and the two diagonals."""
        return (
            Bond("x", 0, 0, (1, 0), (PAULI_Z + PAULI_X) / 2),
            Bond("y", 0, 0, (0, 1), (PAULI_Z - PAULI_X) / 2),
            Bond("diagonal", 0, 0, (1, 1), -diagonal * PAULI_Y / 2),
            Bond("antidiagonal", 0, 0, (1, -1), diagonal * PAULI_Y / 2),
        )

    def phase_planes(self) -> dict[str, PhasePlane]:
        """Return the plane of m and λ, with the boundaries |m| = 2 and λ = 0."""
        ends = np.array([-1.0, 1.0])
        return {
            "clean": PhasePlane(
                x="parameters/mass",
                y="parameters/diagonal",
                x_range=(-3.5, 3.5),
                y_range=(-1.0, 1.0),
                x_label="mass $m$ (hopping)",
                y_label="diagonal hopping $\\lambda$ (hopping)",
                lines=lambda: (
                    np.stack([np.full(2, -2.0), ends], axis=1),
                    np.stack([np.full(2, 2.0), ends], axis=1),
                    np.stack([2 * ends, np.zeros(2)], axis=1),
                ),
                source="zeros of $H(k)$",
            )
        }
