"""Samples that the project and a library are both given, as arrays: Hamiltonian, positions, and where orbitals sit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from toponn.matter.disorder import bond_box, onsite_box
from toponn.matter.lattices import Sites, cut, torus
from toponn.matter.shapes import Shape, disk, rectangle
from toponn.matter.states import occupied_states, projector
from toponn.matter.systems.base import LatticeSystem, Terms
from toponn.matter.systems.extended_ssh import ExtendedSSH
from toponn.matter.systems.haldane import Haldane
from toponn.matter.systems.qwz import QWZ
from toponn.matter.systems.ssh import SSH

SYSTEMS = {"qwz": QWZ(), "haldane": Haldane(), "ssh": SSH(), "extended_ssh": ExtendedSSH()}
SHAPES = {
    "qwz": {"square": rectangle((8.0, 8.0)), "disk": disk(4.6)},
    "haldane": {"rectangle": rectangle((12.0, 10.0)), "disk": disk(5.5)},
}


@dataclass(frozen=True)
class Drawn:
    """One sample of a system: its sites, its terms with the disorder in them, and what follows from them."""

    system: LatticeSystem
    sites: Sites
    terms: Terms

    @cached_property
    def H(self) -> np.ndarray:
        """Hamiltonian, (n, n) complex128, with the middle of the gap above half filling at zero."""
        H = self.terms.hamiltonian()
        return H - occupied_states(H[None])[2][0] * np.eye(len(H))

    @cached_property
    def occupied(self) -> np.ndarray:
        """The lower half of the states, (n/2, n), one a row."""
        return occupied_states(self.H[None])[0][0]

    @cached_property
    def P(self) -> np.ndarray:
        """Their projector, (n, n)."""
        return projector(self.occupied)

    @property
    def gap(self) -> float:
        """Gap above the lower half of the states."""
        return float(occupied_states(self.H[None])[1][0])

    @property
    def site_of_orbital(self) -> np.ndarray:
        """Site that each orbital sits on, (n,)."""
        return np.repeat(np.arange(len(self.sites)), self.system.n_orbitals)

    @property
    def positions(self) -> np.ndarray:
        """Positions of the sites from the middle of the sample, (N, 2)."""
        where = self.sites.positions
        return where - (where.min(axis=0) + where.max(axis=0)) / 2

    @property
    def of_orbitals(self) -> np.ndarray:
        """Positions of the orbitals from the middle of the sample, (n, 2)."""
        return self.positions[self.site_of_orbital]

    def twisted(self, angles: np.ndarray) -> np.ndarray:
        """Return the torus' Hamiltonian with a bond that goes around it along period a multiplied by e^{−iθ_a}, (n, n).

        It is the Bloch Hamiltonian of the crystal whose unit cell is the whole sample, at k = θ.
        """
        hoppings = []
        for pairs, vectors, hopping in zip(self.terms.pairs, self.terms.vectors, self.terms.hoppings, strict=True):
            source, target = pairs.T
            beyond = self.sites.positions[source] + vectors - self.sites.positions[target]
            turns = np.rint(beyond @ np.linalg.inv(self.sites.periods))
            hoppings.append(hopping * np.exp(-1j * (turns @ angles))[:, None, None])
        return replace(self.terms, hoppings=hoppings).hamiltonian()

    def twist_mesh(self, steps: int) -> np.ndarray:
        """Return the twisted Hamiltonians on a mesh of angles, (steps, …, n, n)."""
        angles = mesh(steps, self.sites.positions.shape[1])
        return np.stack([self.twisted(k) for k in angles.reshape(-1, angles.shape[-1])]).reshape(
            *angles.shape[:-1], *self.H.shape
        )


def mesh(steps: int, dimension: int) -> np.ndarray:
    """Return a mesh of [0, 2π)^dimension, (steps, …, dimension)."""
    axis = 2 * np.pi * np.arange(steps) / steps
    return np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), axis=-1)


def drawn(name: str, sites: Sites, parameters: Mapping[str, float], disorder: float, seed: int) -> Drawn:
    """Return a sample on given sites with box disorder: of the bonds of chains, on site elsewhere."""
    system = SYSTEMS[name]
    terms = system.terms(sites, system.connections(sites), **parameters)
    term = bond_box if system.task == "winding" else onsite_box
    return Drawn(system, sites, term(terms, disorder, rng=np.random.default_rng(seed)))


def on_torus(
    name: str, size: tuple[int, ...], parameters: Mapping[str, float], disorder: float = 0.0, seed: int = 0
) -> Drawn:
    """Return a periodic sample of `size` cells."""
    return drawn(name, torus(SYSTEMS[name].unit_cell, size), parameters, disorder, seed)


def open_sample(
    name: str, shape: Shape, parameters: Mapping[str, float], disorder: float = 0.0, seed: int = 0
) -> Drawn:
    """Return a sample with open ends."""
    sites = cut(SYSTEMS[name].unit_cell, shape.inside, shape.extent)
    return drawn(name, sites, parameters, disorder, seed)
