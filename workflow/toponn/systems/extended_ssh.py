"""The SSH chain with hoppings to farther cells: winding numbers −1, 0, 1 and 2."""

import numpy as np

from toponn.lattices import CHAIN
from toponn.systems.base import Bond, Parameter, System


class ExtendedSSH(System):
    """``h(k) = Σ_n t_n e^{ikn}`` with n = −1, 0, 1, 2, t_n coupling A of cell i to B of cell i − n.

    References
    ----------
    J. K. Asbóth, L. Oroszlány, A. Pályi, A Short Course on Topological Insulators (Springer, 2016), ch. 1;
    B. Pérez-González et al., Phys. Rev. B 99, 035146 (2019), for the longer hoppings.
    """

    name = "extended_ssh"
    task = "winding"
    symmetry_class = "BDI"
    lattice = CHAIN
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
