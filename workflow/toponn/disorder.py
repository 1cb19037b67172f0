"""Random terms that act on a Hamiltonian's terms in the order in which the config lists them."""

import numpy as np

from toponn.systems.base import Terms


def onsite_box(terms: Terms, strength: float, *, rng: np.random.Generator) -> Terms:
    """Add energies uniform in [−W/2, W/2], W = `strength`, independently to every orbital; breaks chiral symmetry."""
    sites, orbitals = terms.onsite.shape[:2]
    energies = strength * rng.uniform(-0.5, 0.5, size=(sites, orbitals))
    terms.onsite = terms.onsite + energies[..., None] * np.eye(orbitals)
    return terms


def bond_box(terms: Terms, strength: float, *, rng: np.random.Generator) -> Terms:
    """Add to every bond a real number uniform in [−wW/2, wW/2]; keeps chiral symmetry of a chiral chain.

    W is `strength` and w the disorder weight of the bond's type, so that the ratio of the widths belongs to the system.
    The number multiplies the identity of the orbitals.
    """
    terms.hoppings = [
        hopping + weight * strength * rng.uniform(-0.5, 0.5, size=(len(hopping), 1, 1)) * np.eye(hopping.shape[1])
        for hopping, weight in zip(terms.hoppings, terms.weights, strict=True)
    ]
    return terms


DISORDER = {
    "onsite_box": "toponn.disorder:onsite_box",
    "bond_box": "toponn.disorder:bond_box",
}
