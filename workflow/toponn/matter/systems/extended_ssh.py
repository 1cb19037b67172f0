"""The SSH chain with hoppings to farther cells: winding numbers −1, 0, 1 and 2."""

import numpy as np

from toponn.matter.lattices import CHAIN
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter, PhasePlane


class ExtendedSSH(LatticeSystem):
    """``h(k) = Σ_n t_n e^{ikn}`` with n = −1, 0, 1, 2, t_n coupling A of cell i to B of cell i − n.

    References
    ----------
    J. K. Asbóth, L. Oroszlány, A. Pályi, A Short Course on Topological Insulators (Springer, 2016), ch. 1;
    B. Pérez-González et al., Phys. Rev. B 99, 035146 (2019), for the longer hoppings.
    """

    name = "extended_ssh"
    task = "winding"
    symmetry_class = "BDI"
    unit_cell = CHAIN
    n_orbitals = 1
    parameters = {
        name: Parameter(-4.0, 4.0, "unit hopping", f"between A of cell i and B of cell i {-n:+d}")
        for name, n in (("t_minus_1", -1), ("t_0", 0), ("t_1", 1), ("t_2", 2))
    }
    localizer_kappa = 0.1

    def onsite(self, **parameters: float) -> np.ndarray:
        """Return zero: chiral symmetry forbids on-site terms."""
        return np.zeros((2, 1, 1))

    def bonds(self, *, t_minus_1: float, t_0: float, t_1: float, t_2: float) -> tuple[Bond, ...]:
        """Return the four bonds from B to A."""
        hoppings = {-1: t_minus_1, 0: t_0, 1: t_1, 2: t_2}
        return tuple(Bond(f"t_{n}", 1, 0, (n,), np.array([[t]])) for n, t in hoppings.items())

    def phase_planes(self) -> dict[str, PhasePlane]:
        """Return the plane of t_1 and t_2 at t_0 = 1, t_−1 = 0: h(k) vanishes at k = 0, at π, or at a pair of k."""
        t1, half = np.array([-3.0, 3.0]), np.array([-2.0, 2.0])
        return {
            "clean": PhasePlane(
                x="parameters/t_1",
                y="parameters/t_2",
                x_range=(-3.0, 3.0),
                y_range=(-3.0, 3.0),
                fixed={"t_minus_1": 0.0, "t_0": 1.0},
                x_label="hopping $t_1/t_0$",
                y_label="hopping $t_2/t_0$",
                lines=lambda: (
                    np.stack([t1, -1 - t1], axis=1),
                    np.stack([t1, -1 + t1], axis=1),
                    np.stack([half, np.ones(2)], axis=1),
                ),
                source="zeros of $h(k)$",
            )
        }
