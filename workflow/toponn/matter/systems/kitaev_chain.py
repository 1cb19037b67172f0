"""The Kitaev chain, a p-wave superconductor, in the basis of its Majorana operators."""

import numpy as np

from toponn.matter.lattices import CHAIN
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter, PhasePlane


class KitaevChain(LatticeSystem):
    """``H = Σ_j −μ(c†_j c_j − ½) − t(c†_{j+1} c_j + h.c.) + Δ(c_{j+1} c_j + h.c.)`` with real Δ.

    With ``c_j = (a_j + i b_j)/2`` the Majorana operators a_j and b_j are the sublattices A and B of a chiral chain with
    ``h(k) = μ + (t + Δ)e^{ik} + (t − Δ)e^{−ik}`` up to a sign: ν = sign(Δ/t) where |μ| < 2|t| and Δ ≠ 0, else 0.
    Energies are those of the quasiparticles. Bond disorder acts on the coupling of a_j to b_j alone: it is disorder of
    the chemical potential, which keeps the class.

    References
    ----------
    A. Yu. Kitaev, Phys.-Usp. 44, 131 (2001), arXiv cond-mat/0010440, Eqs. (6), (7).
    """

    name = "kitaev_chain"
    task = "winding"
    symmetry_class = "BDI"
    unit_cell = CHAIN
    n_orbitals = 1
    parameters = {
        "chemical_potential": Parameter(-6.0, 6.0, "hopping", "μ"),
        "hopping": Parameter(-2.0, 2.0, "hopping", "t, between neighbouring sites"),
        "pairing": Parameter(-2.0, 2.0, "hopping", "Δ, between neighbouring sites"),
    }
    localizer_kappa = 0.1

    def onsite(self, **parameters: float) -> np.ndarray:
        """Return zero: a Majorana operator squares to a number."""
        return np.zeros((2, 1, 1))

    def bonds(self, *, chemical_potential: float, hopping: float, pairing: float) -> tuple[Bond, ...]:
        """Return the couplings of b to a within a site and to the sites after and before it."""
        return (
            Bond("chemical potential", 1, 0, (0,), np.array([[chemical_potential]]), disorder_weight=1.0),
            Bond("forward", 1, 0, (1,), np.array([[hopping + pairing]]), disorder_weight=0.0),
            Bond("backward", 1, 0, (-1,), np.array([[hopping - pairing]]), disorder_weight=0.0),
        )

    def phase_planes(self) -> dict[str, PhasePlane]:
        """Return the plane of μ and Δ at t = 1, with the boundaries |μ| = 2t and Δ = 0."""
        ends = np.array([-1.0, 1.0])
        return {
            "clean": PhasePlane(
                x="parameters/chemical_potential",
                y="parameters/pairing",
                x_range=(-4.0, 4.0),
                y_range=(-1.0, 1.0),
                fixed={"hopping": 1.0},
                x_label="chemical potential $\\mu/t$",
                y_label="pairing $\\Delta/t$",
                lines=lambda: (
                    np.stack([np.full(2, -2.0), ends], axis=1),
                    np.stack([np.full(2, 2.0), ends], axis=1),
                    np.stack([2 * ends, np.zeros(2)], axis=1),
                ),
                source="Kitaev 2001",
            )
        }
