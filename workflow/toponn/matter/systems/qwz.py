"""The Qi-Wu-Zhang model of a Chern insulator."""

import numpy as np

from toponn.matter.lattices import SQUARE
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter, PhasePlane
from toponn.tools.conventions import PAULI_X, PAULI_Y, PAULI_Z


def born_boundary(widths: np.ndarray, mesh: int = 200) -> np.ndarray:
    """Return the masses near 2 at which on-site box disorder of these widths closes the gap, (points, 2) float64.

    In the first Born approximation, at zero energy, the self-energy of box disorder of width W is
    ``−(W²/12) ∫d²k/(2π)² H(k)/E(k)²``; its σz part shifts the mass, and the gap closes where the shifted mass is 2.

    References
    ----------
    C. W. Groth et al., Phys. Rev. Lett. 103, 196805 (2009), Eq. (4).

    Examples
    --------
    >>> m, W = born_boundary(np.array([1.71])).T
    >>> round(float(m[0]), 2)
    2.1
    """
    from scipy.optimize import brentq  # here, because the Snakefile imports the systems

    k = 2 * np.pi * (np.arange(mesh) + 0.5) / mesh
    kx, ky = np.meshgrid(k, k)

    def shifted(mass: float, width: float) -> float:
        dz = mass + np.cos(kx) + np.cos(ky)
        return mass - width**2 / 12 * float((dz / (dz**2 + np.sin(kx) ** 2 + np.sin(ky) ** 2)).mean())

    masses = [brentq(lambda m, W=W: shifted(m, W) - 2.0, 1.0, 6.0) if W else 2.0 for W in widths]
    return np.stack([np.array(masses), widths], axis=1)


class QWZ(LatticeSystem):
    """``H(k) = (m + cos kx + cos ky)σz + sin kx σx + sin ky σy``; C = +1 for −2 < m < 0, −1 for 0 < m < 2, else 0.

    References
    ----------
    X.-L. Qi, Y.-S. Wu, S.-C. Zhang, Phys. Rev. B 74, 085308 (2006).
    """

    name = "qwz"
    task = "chern"
    symmetry_class = "A"
    unit_cell = SQUARE
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

    def phase_planes(self) -> dict[str, PhasePlane]:
        """Return the plane of mass and disorder, and its part where disorder makes a trivial insulator topological."""
        heights = np.array([0.0, 8.0])
        axes = {
            "x": "parameters/mass",
            "y": "disorder/onsite_box",
            "x_label": "mass $m$ (hopping)",
            "y_label": "on-site disorder $W$ (hopping)",
        }
        clean = tuple(np.stack([np.full(2, m), heights], axis=1) for m in (-2.0, 0.0, 2.0))
        return {
            "disorder": PhasePlane(
                **axes, x_range=(-3.5, 3.5), y_range=(0.0, 8.0), lines=lambda: clean, source="clean: Qi, Wu, Zhang 2006"
            ),
            "anderson": PhasePlane(
                **axes,
                x_range=(1.6, 2.8),
                y_range=(0.0, 8.0),
                lines=lambda: (clean[2], born_boundary(np.linspace(0.0, 5.0, 51))),
                source="clean, and first Born (Groth et al. 2009)",
            ),
        }
