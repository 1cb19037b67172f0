"""The Haldane model on the honeycomb lattice."""

import numpy as np

from toponn.matter.lattices import HONEYCOMB
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter, PhasePlane


class Haldane(LatticeSystem):
    """Nearest-neighbour hopping 1, complex second-neighbour hopping t2 e^{±iφ}, sublattice mass ±M.

    |C| = 1 inside ``|M/t2| < 3√3 |sin φ|``, where C has the sign of −t2 sin φ in the project's convention.

    References
    ----------
    F. D. M. Haldane, Phys. Rev. Lett. 61, 2015 (1988).
    """

    name = "haldane"
    task = "chern"
    symmetry_class = "A"
    unit_cell = HONEYCOMB
    n_orbitals = 1
    parameters = {
        "sublattice_mass": Parameter(-6.0, 6.0, "nearest-neighbour hopping", "M, +M on A and −M on B"),
        "t2": Parameter(-1.0, 1.0, "nearest-neighbour hopping", "second-neighbour hopping"),
        "phase": Parameter(-2 * np.pi, 2 * np.pi, "rad", "φ of the second-neighbour hopping"),
    }
    localizer_kappa = 0.2

    def onsite(self, *, sublattice_mass: float, t2: float, phase: float) -> np.ndarray:
        """Return +M on A and −M on B."""
        return np.array([[[sublattice_mass]], [[-sublattice_mass]]])

    def bonds(self, *, sublattice_mass: float, t2: float, phase: float) -> tuple[Bond, ...]:
        """Return three bonds to nearest and three to second neighbours on each sublattice.

        Going anticlockwise around a hexagon, the second-neighbour hopping carries e^{+iφ} on either sublattice; along
        the three vectors listed, A goes anticlockwise and B clockwise.
        """
        one = np.ones((1, 1))
        near = [Bond(f"near {i}", 0, 1, offset, one) for i, offset in enumerate(((0, 0), (0, -1), (1, -1)))]
        second = [
            Bond(f"second {'AB'[s]}{i}", s, s, offset, t2 * np.exp(1j * sign * phase) * one)
            for s, sign in ((0, 1), (1, -1))
            for i, offset in enumerate(((1, 0), (-1, 1), (0, -1)))
        ]
        return (*near, *second)

    def fermi_level(self, *, sublattice_mass: float, t2: float, phase: float) -> float:
        """Return the middle between the bands of the clean crystal, wherever a sample's rim has more A than B sites."""
        return self.hexagonal_gap_middle(sublattice_mass=sublattice_mass, t2=t2, phase=phase)

    def phase_planes(self) -> dict[str, PhasePlane]:
        """Return the plane of φ and M at t2 = 0.2 with the boundary M = ±3√3 t2 sin φ."""
        phase = np.linspace(-np.pi, np.pi, 201)
        edge = 3 * np.sqrt(3) * 0.2 * np.sin(phase)
        return {
            "clean": PhasePlane(
                x="parameters/phase",
                y="parameters/sublattice_mass",
                x_range=(-np.pi, np.pi),
                y_range=(-1.5, 1.5),
                fixed={"t2": 0.2},
                x_label="phase φ (rad)",
                y_label="sublattice mass $M/t_1$",
                lines=lambda: (np.stack([phase, edge], axis=1), np.stack([phase, -edge], axis=1)),
                source="Haldane 1988",
            )
        }
