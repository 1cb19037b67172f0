"""The Chern insulator of the kagome lattice with complex nearest-neighbour hopping."""

import numpy as np

from toponn.matter.lattices import KAGOME
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter, PhasePlane


class Kagome(LatticeSystem):
    """Hopping −e^{iφ} anticlockwise around every triangle, r times as strong around those that point up; 1/3 filled.

    The lowest band has C = −sign φ where r lies between ``sin(π/3 − φ)/sin(π/3 + φ)`` and its inverse, |φ| < π/3, and
    C = 0 on either side of it: there the triangles of one kind are molecules. The flux 3φ a triangle is undone by −6φ a
    hexagon.

    References
    ----------
    K. Ohgushi, S. Murakami, N. Nagaosa, Phys. Rev. B 62, R6065 (2000), for r = 1; the boundary is where H(k) has a
    double level at a corner of the Brillouin zone.
    """

    name = "kagome"
    task = "chern"
    symmetry_class = "A"
    unit_cell = KAGOME
    n_orbitals = 1
    parameters = {
        "phase": Parameter(-np.pi, np.pi, "rad", "φ of the hopping"),
        "breathing": Parameter(0.0, 4.0, "1", "r, hopping around triangles that point up over that around the others"),
    }
    localizer_kappa = 0.2

    def onsite(self, **parameters: float) -> np.ndarray:
        """Return zero."""
        return np.zeros((3, 1, 1))

    def bonds(self, *, phase: float, breathing: float) -> tuple[Bond, ...]:
        """Return the three bonds of a triangle that points down, within a cell, and of one that points up."""
        hop = -np.exp(1j * phase) * np.ones((1, 1))
        down = [("AC", 0, 2, (0, 0)), ("CB", 2, 1, (0, 0)), ("BA", 1, 0, (0, 0))]
        up = [("CB", 2, 1, (1, 0)), ("BA", 1, 0, (-1, 1)), ("AC", 0, 2, (0, -1))]
        return (
            *(Bond(f"down {name}", source, target, offset, hop) for name, source, target, offset in down),
            *(Bond(f"up {name}", source, target, offset, breathing * hop) for name, source, target, offset in up),
        )

    def fermi_level(self, *, phase: float, breathing: float) -> float:
        """Return the middle between the lowest clean band and the others."""
        return self.hexagonal_gap_middle(phase=phase, breathing=breathing)

    def phase_planes(self) -> dict[str, PhasePlane]:
        """Return the plane of φ and r with both boundaries."""
        phase = np.linspace(-1.0, 1.0, 201)
        edge = np.sin(np.pi / 3 - phase) / np.sin(np.pi / 3 + phase)
        lines = [np.stack([phase, r], axis=1)[r < 2.5] for r in (edge, 1 / edge)]
        return {
            "clean": PhasePlane(
                x="parameters/phase",
                y="parameters/breathing",
                x_range=(-1.0, 1.0),
                y_range=(0.0, 2.0),
                x_label="phase φ (rad)",
                y_label="breathing $r$",
                lines=lambda: tuple(lines),
                source="double levels at K, K′",
            )
        }
