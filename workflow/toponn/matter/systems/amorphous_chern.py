"""A Chern insulator that needs no crystal: two orbitals on any set of points."""

import numpy as np

from toponn.matter.lattices import Sites
from toponn.matter.systems.base import Parameter, PhasePlane, System, Terms
from toponn.tools.conventions import PAULI_X, PAULI_Y, PAULI_Z


class AmorphousChern(System):
    """Mass m σz on sites, hopping ``t(r) (σz + i cos θ σx + i sin θ σy)/2`` over a distance r < 1.4 at angle θ.

    ``t(r) = exp((1 − r)/λ)``: between nearest neighbours of the square lattice it is QWZ.

    References
    ----------
    A. Agarwala, V. B. Shenoy, Phys. Rev. Lett. 118, 236402 (2017), arXiv 1701.00374, whose hopping this is in form;
    on quasicrystals: D.-T. Tran et al., Phys. Rev. B 91, 085125 (2015).
    """

    name = "amorphous_chern"
    task = "chern"
    symmetry_class = "A"
    lattices = ("random", "ammann_beenker", "square", "triangular")
    n_orbitals = 2
    parameters = {
        "mass": Parameter(-8.0, 8.0, "hopping at distance 1", "m, which the bands invert with"),
        "decay": Parameter(0.05, 10.0, "nearest-neighbour distance", "λ, over which the hopping falls by e"),
    }
    localizer_kappa = 0.2
    refused_disorder = ("decoupled_edge",)  # the number of bonds tells no edge where it varies
    cutoff = 1.4

    def connections(self, sites: Sites) -> list[np.ndarray]:
        """Return the pairs of sites nearer than the cutoff."""
        return [sites.within(self.cutoff)[0]]

    def terms(self, sites: Sites, connections: list[np.ndarray], *, mass: float, decay: float) -> Terms:
        """Return the clean terms of one sample."""
        (pairs,) = connections
        steps = sites.displacements(pairs)
        r = np.linalg.norm(steps, axis=1)
        cos, sin = (steps / r[:, None]).T
        direction = PAULI_Z + 1j * (cos[:, None, None] * PAULI_X + sin[:, None, None] * PAULI_Y)
        return Terms(
            positions=sites.positions,
            onsite=np.repeat(mass * PAULI_Z[None], len(sites), axis=0),
            pairs=[pairs],
            vectors=[steps],
            hoppings=[np.exp((1 - r) / decay)[:, None, None] * direction / 2],
            weights=[1.0],
            vacant=np.zeros(len(sites), dtype=bool),
        )

    def phase_planes(self) -> dict[str, PhasePlane]:
        """Return the plane of mass and decay length; no boundary is known in closed form."""
        return {
            "clean": PhasePlane(
                x="parameters/mass",
                y="parameters/decay",
                x_range=(-6.0, 4.0),
                y_range=(0.2, 2.0),
                x_label="mass $m$ (hopping at distance 1)",
                y_label="decay length $\\lambda$ (distance)",
                lines=lambda: (),
                source="no closed form",
            )
        }
