"""Random terms that act on a Hamiltonian's terms in the order in which the config lists them.

All of them break translation and keep the particle number (of the Kitaev chain: of Majorana operators). `KEEPS` says
which of the other symmetries survive: chiral symmetry of a bipartite Hamiltonian, and time reversal of a real one.
"""

import numpy as np

from toponn.matter.lattices import normalised_coordinates
from toponn.matter.systems.base import Terms


def onsite_box(terms: Terms, strength: float, *, rng: np.random.Generator) -> Terms:
    """Add energies uniform in [−W/2, W/2], W = `strength`, independently to every orbital; breaks chiral symmetry."""
    sites, orbitals = terms.onsite.shape[:2]
    energies = strength * rng.uniform(-0.5, 0.5, size=(sites, orbitals))
    terms.onsite = terms.onsite + energies[..., None] * np.eye(orbitals)
    return terms


def onsite_binary(terms: Terms, strength: float, *, rng: np.random.Generator) -> Terms:
    """Add −W/2 or W/2, W = `strength`, to all orbitals of a site at once, as in an alloy; breaks chiral symmetry."""
    sites, orbitals = terms.onsite.shape[:2]
    energies = strength * (rng.integers(2, size=sites) - 0.5)
    terms.onsite = terms.onsite + energies[:, None, None] * np.eye(orbitals)
    return terms


def bond_box(terms: Terms, strength: float, *, rng: np.random.Generator) -> Terms:
    """Add to every bond a real number uniform in [−wW/2, wW/2]; keeps chiral symmetry and time reversal.

    W is `strength` and w the disorder weight of the bond's type, so that the ratio of the widths belongs to the system.
    The number multiplies the identity of the orbitals, and a bond of the system's table gets it even where its clean
    amplitude is zero.
    """
    terms.hoppings = [
        hopping + weight * strength * rng.uniform(-0.5, 0.5, size=(len(hopping), 1, 1)) * np.eye(hopping.shape[1])
        for hopping, weight in zip(terms.hoppings, terms.weights, strict=True)
    ]
    return terms


def vacancies(terms: Terms, strength: float, *, rng: np.random.Generator) -> Terms:
    """Remove every site with probability `strength`, from 0 to 1; keeps chiral symmetry and time reversal.

    A vacancy keeps its place in every array: it is cut off from the rest and never filled. The symmetries are those of
    the sites that are left.
    """
    terms.vacant = terms.vacant | (rng.uniform(size=len(terms.vacant)) < strength)
    return terms


def structural_displacement(terms: Terms, strength: float, *, rng: np.random.Generator) -> Terms:
    """Move every site by a vector uniform in [−W/2, W/2]^d, W = `strength`; keeps chiral symmetry and time reversal.

    A hopping whose length grows from r to r′ falls by exp(r − r′), lengths in nearest-neighbour distances; its matrix
    and phase stay.
    """
    shift = strength * rng.uniform(-0.5, 0.5, size=terms.positions.shape)
    terms.positions = terms.positions + shift
    for i, (pairs, vectors) in enumerate(zip(terms.pairs, terms.vectors, strict=True)):
        moved = vectors + shift[pairs[:, 1]] - shift[pairs[:, 0]]
        longer = np.linalg.norm(moved, axis=1) - np.linalg.norm(vectors, axis=1)
        terms.vectors[i] = moved
        terms.hoppings[i] = terms.hoppings[i] * np.exp(-longer)[:, None, None]
    return terms


def decoupled_edge(terms: Terms, strength: float, *, rng: np.random.Generator) -> Terms:
    """Multiply the bonds of sites at the edge by 1 − `strength`, from 0 to 1; keeps chiral symmetry and time reversal.

    Sites at the edge are those with fewer bonds than those of the middle half have. Nothing is random: at strength 1 a
    chain of either phase has an isolated zero mode at each end, and in the plane the edge states live on the next row,
    while the bulk is as it was.
    """
    ends = np.bincount(np.concatenate(terms.pairs).ravel(), minlength=len(terms.positions))
    middle = np.abs(normalised_coordinates(terms.positions)).max(axis=1) <= 0.5
    edge = ends < np.median(ends[middle])
    terms.hoppings = [
        hopping * np.where(edge[pairs].any(axis=1), 1 - strength, 1.0)[:, None, None]
        for hopping, pairs in zip(terms.hoppings, terms.pairs, strict=True)
    ]
    return terms


DISORDER = {
    "onsite_box": "toponn.matter.disorder:onsite_box",
    "onsite_binary": "toponn.matter.disorder:onsite_binary",
    "bond_box": "toponn.matter.disorder:bond_box",
    "vacancies": "toponn.matter.disorder:vacancies",
    "structural_displacement": "toponn.matter.disorder:structural_displacement",
    "decoupled_edge": "toponn.matter.disorder:decoupled_edge",
}

KEEPS = {
    "onsite_box": ("time_reversal",),
    "onsite_binary": ("time_reversal",),
    "bond_box": ("chiral", "time_reversal"),
    "vacancies": ("chiral", "time_reversal"),
    "structural_displacement": ("chiral", "time_reversal"),
    "decoupled_edge": ("chiral", "time_reversal"),
}
"""Symmetries of a clean Hamiltonian that each kind of disorder keeps in every sample; the others it breaks."""
