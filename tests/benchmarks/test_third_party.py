"""States and labels of disordered QWZ samples: the project against bare LAPACK and against libraries that do the same.

Each way ends with the eigenstates of every sample and one integer for it. Times are those of the processor; they mean
what they say on one thread: ``OMP_NUM_THREADS=1 pytest -m benchmark -s tests/benchmarks/test_third_party.py``. Slow
ways are timed on fewer samples and scaled, as the printed line says. No time is asserted; the labels must agree.
"""

import time
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from libraries import PYBOTT_CHERN, TBKIT_CHERN, library_or_skip
from scipy.sparse import csr_matrix

from toponn.invariants.bott import bott_index
from toponn.invariants.estimates import spectral_localizer
from toponn.matter.disorder import onsite_box
from toponn.matter.lattices import Sites, cut, torus
from toponn.matter.samples import Samples
from toponn.matter.shapes import bulk_window, rectangle
from toponn.matter.states import occupied_states
from toponn.matter.systems.qwz import QWZ

pytestmark = pytest.mark.benchmark
SYSTEM = QWZ()


@dataclass(frozen=True)
class Batch:
    """Samples on one set of sites, with the middle of each gap at zero, and where their orbitals are."""

    sites: Sites
    H: np.ndarray

    @classmethod
    def of(cls, sites: Sites, count: int) -> "Batch":
        connections, matrices = SYSTEM.connections(sites), []
        for seed in range(count):
            rng = np.random.default_rng(seed)
            mass = rng.choice([-1.0, 1.0, 3.0])  # far from the transitions, so that every label is decided
            terms = onsite_box(SYSTEM.terms(sites, connections, mass=mass), 1.0, rng=rng)
            matrices.append(terms.hamiltonian())
        return cls(sites, np.stack(matrices))

    @property
    def site_of_orbital(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.sites)), SYSTEM.n_orbitals)

    @property
    def positions(self) -> np.ndarray:
        where = self.sites.positions
        return where - (where.min(axis=0) + where.max(axis=0)) / 2

    def first(self, count: int) -> "Batch":
        return Batch(self.sites, self.H[:count])


# --- Ways to states and labels ----------------------------------------------------------------------------


def by_localizer(batch):
    samples = Samples.of(batch.H, batch.sites.positions)
    assert len(samples.occupied)
    return spectral_localizer(samples, SYSTEM.localizer_kappa).value


def labels_by_localizer(batch):
    """Label without states, about a Fermi level that is known."""
    return spectral_localizer(Samples.of(batch.H, batch.sites.positions, fermi_level=0.0), SYSTEM.localizer_kappa).value


def by_bott_index(batch):
    occupied, _, _ = occupied_states(batch.H)
    return np.rint(bott_index(occupied, batch.sites.positions, batch.sites.periods, batch.site_of_orbital)[0])


def lapack_states(batch):
    torch.linalg.eigh(torch.from_numpy(batch.H))


def lapack_states_and_localizers(batch):
    """Diagonalise dense localizers too, assembled without a check."""
    lapack_states(batch)
    n, where = batch.H.shape[-1], batch.positions[batch.site_of_orbital]
    L = np.zeros((len(batch.H), 2 * n, 2 * n), dtype=complex)
    L[:, :n, :n], L[:, n:, n:] = batch.H, -batch.H
    L[:, n:, :n] = SYSTEM.localizer_kappa * np.diag(where[:, 0] + 1j * where[:, 1])
    torch.linalg.eigvalsh(torch.from_numpy(L))


def by_pybott(batch):
    """Diagonalise once, then call `bott_vect`, as PyBott asks of who wants the states too.

    It guesses the period as max(x) − min(x), one column too short; on samples with wide gaps the integer bears it.
    """
    pybott = library_or_skip("pybott")
    labels = []
    for H in batch.H:
        energies, states = np.linalg.eigh(H)
        labels.append(PYBOTT_CHERN * round(pybott.bott_vect(batch.sites.positions, states, energies, orb=2)))
    return labels


def tbkit_system(batch, H):
    """Return tbkit's system with its states; every orbital is a site."""
    tbkit = library_or_skip("tbkit")
    lattice = tbkit.Lattice([{"tag": "a", "r0": (0.0, 0.0)}], [(1.0, 0.0), (0.0, 1.0)])
    x, y = batch.positions[batch.site_of_orbital].T
    lattice.coor = np.array([(a, b, "a") for a, b in zip(x, y, strict=True)], dtype=lattice.dtype)
    lattice.sites = len(x)
    system = tbkit.System(lattice)
    system.ham = csr_matrix(H)
    system.get_eig(eigenvec=True)
    return system


def by_tbkit_bott(batch):
    tbkit, labels = library_or_skip("tbkit"), []
    for H in batch.H:
        system, where = tbkit_system(batch, H), batch.sites.positions[batch.site_of_orbital]
        labels.append(TBKIT_CHERN * round(tbkit.bott_index(system.ham, where, batch.sites.periods)))
    return labels


def by_tbkit_marker(batch):
    labels, window = [], bulk_window(batch.positions)
    for H in batch.H:
        marker = np.bincount(batch.site_of_orbital, tbkit_system(batch, H).get_local_chern_marker(area=1.0))
        labels.append(TBKIT_CHERN * round(marker[window].mean()))
    return labels


OURS = {
    "spectral localizer": by_localizer,
    "spectral localizer, labels alone": labels_by_localizer,
    "Bott index": by_bott_index,
}
BARE = {"LAPACK, states alone": lapack_states, "LAPACK, states and localizers": lapack_states_and_localizers}
THEIRS = {"PyBott": by_pybott, "tbkit, Bott index": by_tbkit_bott, "tbkit, marker": by_tbkit_marker}
ON_A_TORUS = {"Bott index", "PyBott", "tbkit, Bott index"}
FEW = 60
"""Samples of 8×8 sites on which the libraries are timed."""


def timed(way, batch, step):
    """Return the seconds per sample, in batches of `step`, and the labels."""
    if len(batch.H) > 1:
        way(batch.first(1))  # what is imported or set up once
    labels, start = [], time.process_time()
    for i in range(0, len(batch.H), step):
        found = way(Batch(batch.sites, batch.H[i : i + step]))
        labels += [] if found is None else [int(value) for value in found]
    return (time.process_time() - start) / len(batch.H), labels


@pytest.mark.parametrize(("side", "count"), [(8, 1000), (40, 1)])
def test_states_and_labels_against_bare_lapack_and_two_libraries(side, count):
    shape = rectangle((float(side), float(side)))
    opened, closed = cut(SYSTEM.unit_cell, shape.inside, shape.extent), torus(SYSTEM.unit_cell, (side, side))
    batches = {False: Batch.of(opened, count), True: Batch.of(closed, count)}
    per_sample, labels = {}, {}
    for name, way in (OURS | BARE | THEIRS).items():
        batch = batches[name in ON_A_TORUS].first(FEW if name in THEIRS else count)
        per_sample[name], labels[name] = timed(way, batch, step=50)
        scaled = "" if len(batch.H) == count else f", scaled from {len(batch.H)}"
        print(f"\n{side}x{side} x {count}, {name}: {count * per_sample[name]:.2f} s{scaled}", end="", flush=True)
    for ours in OURS:
        for other in BARE | THEIRS:
            ratio = per_sample[other] / per_sample[ours]
            print(f"\n{side}x{side}, {other} vs ours by {ours}: ratio {ratio:.2f}", end="", flush=True)
    print(flush=True)
    for name in set(labels) - set(BARE):
        assert labels[name] == labels["Bott index"][: len(labels[name])], name
