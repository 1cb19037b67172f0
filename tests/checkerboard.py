"""A Chern insulator on the checkerboard lattice, as a user's own file: it brings its unit cell, and names no κ."""

import numpy as np

from toponn.matter.lattices import UnitCell
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter

ONE = np.ones((1, 1))


class Checkerboard(LatticeSystem):
    """Hopping e^{±iπ/4} between the sublattices, along x and y, ±t' along the diagonals and a mass ±M.

    C = 1 where |M| < 4t', and 0 beyond.

    References
    ----------
    K. Sun, Z. Gu, H. Katsura, S. Das Sarma, Phys. Rev. Lett. 106, 236803 (2011).
    """

    name = "checkerboard"
    task = "chern"
    symmetry_class = "A"
    unit_cell = UnitCell("checkerboard", vectors=((1.0, 1.0), (1.0, -1.0)), basis=((0.0, 0.0), (1.0, 0.0)))
    n_orbitals = 1
    parameters = {
        "mass": Parameter(-4.0, 4.0, "hopping", "M, +M on A and −M on B"),
        "diagonal": Parameter(0.0, 1.0, "hopping", "t', along the diagonals"),
    }

    def onsite(self, *, mass: float, diagonal: float) -> np.ndarray:
        """Return +M on A and −M on B."""
        return mass * np.array([[[1.0]], [[-1.0]]])

    def bonds(self, *, mass: float, diagonal: float) -> tuple[Bond, ...]:
        """Return the four bonds from A to B and the two along the diagonals of each sublattice."""
        turn = np.exp(0.25j * np.pi) * ONE
        return (
            Bond("right", 0, 1, (0, 0), turn),
            Bond("left", 0, 1, (-1, -1), turn),
            Bond("up", 0, 1, (0, -1), turn.conj()),
            Bond("down", 0, 1, (-1, 0), turn.conj()),
            *(
                Bond(f"{'AB'[s]} {offset}", s, s, offset, sign * diagonal * ONE)
                for s, one in ((0, 1), (1, -1))
                for offset, sign in (((1, 0), one), ((0, 1), -one))
            ),
        )
