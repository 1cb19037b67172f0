"""The coordinate ring on samples of 10⁴ to 10⁵ sites: its value by a stochastic trace, its density on chosen sites.

With Q = 1 − P the ring is ``f = 4π Σ_r Im tr(P a Q b Q c P)``. For a random vector z of phases and y = P z, the mean of
``4π Im⟨Q a y|b|Q c y⟩`` is f. Because P reaches only so far and the site tensors vary slowly, Q a y and Q c y are
small, and so is the variance: far below that of ``Im⟨z|P a P b P c P|z⟩``.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from scipy.linalg import eigh

from toponn.invariants.filled import FilledProjector
from toponn.matter.lattices import normalised_coordinates
from toponn.models.ring import KAPPA
from toponn.tools.checks import NotApplicable
from toponn.training.saved import Run

BLOCK_BYTES = 1 << 26
"""Size of one block of vectors that P is applied to; about six of them are held."""


@dataclass(frozen=True)
class Estimate:
    """Stochastic estimates of f.

    Attributes
    ----------
    draws : (S, V) float64
        One estimate for each seed and random vector; all seeds share the vectors.
    """

    draws: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """The means (S,) over the vectors."""
        return self.draws.mean(axis=1)

    @property
    def errors(self) -> np.ndarray:
        """The standard errors (S,) of the means, of V − 1 degrees of freedom; NaN for one vector."""
        count = self.draws.shape[1]
        return self.draws.std(axis=1, ddof=1) / np.sqrt(count) if count > 1 else np.full(len(self.draws), np.nan)


def site_tensors(run: Run, positions: np.ndarray) -> np.ndarray:
    """Return the site tensors (S, R, 3, N) float64 of a run's coordinate rings on sites at `positions` (N, 2).

    Raises
    ------
    NotApplicable
        If the run's model has none on any sites in the plane.
    """
    model = run.model
    if model.form != "coordinate" or model.order != 3:
        raise NotApplicable("sparse samples are for coordinate rings in the plane")
    double = {name: tensor.double() for name, tensor in run.parameters.items()}
    with torch.no_grad():
        return model.tensors(double, torch.from_numpy(normalised_coordinates(positions))).numpy()


def sparse_ring(
    d: np.ndarray, hamiltonian: sparse.csr_array, P: FilledProjector, *, vectors: int, rng: np.random.Generator
) -> Estimate:
    """Return stochastic estimates of f, of variance as small as one of the three orders of the site tensors gives.

    Time grows as the number of sites times the order of P times V (1 + 2 R S), memory as the number of sites.

    Parameters
    ----------
    d : (S, R, 3, N) float64, site tensors
    hamiltonian : (n, n) sparse
        Of n/N orbitals a site, orbital index fastest.
    P
        The projector on its filled states.
    vectors : V, at least 2 for an error
    """
    n = hamiltonian.shape[0]
    apply = _application(P)
    wide = [[_least_noisy(ring, hamiltonian) for ring in rings.repeat(n // d.shape[-1], axis=-1)] for rings in d]
    draws = np.zeros((len(d), vectors))
    for block in _blocks(n, vectors, copies=2):
        phases = np.exp(2j * np.pi * rng.random((len(block), n))).T
        y = apply(phases)
        for s, rings in enumerate(wide):
            for a, b, c in rings:
                x = np.concatenate([a[:, None] * y, c[:, None] * y], axis=1)
                x -= apply(x)
                Q_a_y, Q_c_y = x[:, : len(block)], x[:, len(block) :]
                draws[s, block] += KAPPA[3] * np.einsum("nv,n,nv->v", Q_a_y.conj(), b, Q_c_y, optimize=False).imag
    return Estimate(draws)


def sparse_ring_density(
    d: np.ndarray, hamiltonian: sparse.csr_array, P: FilledProjector, sites: Sequence[int]
) -> np.ndarray:
    """Return the density ρ (S, sites) of rings on chosen sites, exact to the error of P: see `models.density`.

    At each site the three tensors are turned so that two of them vanish there: then one product is enough.

    Parameters
    ----------
    d : (S, R, 3, N) float64, site tensors
    hamiltonian, P
        As for `sparse_ring`.
    sites : numbers from 0 to N − 1
    """
    n, orbitals = hamiltonian.shape[0], hamiltonian.shape[0] // d.shape[-1]
    apply = _application(P)
    density = np.zeros((len(d), len(sites)))
    columns = [(k, site * orbitals + orbital) for k, site in enumerate(sites) for orbital in range(orbitals)]
    for block in _blocks(n, len(columns), copies=1):
        at, places = np.array([columns[k] for k in block]).T
        unit = np.zeros((n, len(block)), dtype=complex)
        unit[places, np.arange(len(block))] = 1.0
        v = apply(unit)
        for s, rings in enumerate(d):
            for ring in rings:
                turned = [_turned(ring, sites[k]) for k in at]
                size = np.array([t[0, sites[k]] for k, t in zip(at, turned, strict=True)])
                b, c = (np.stack([t[row] for t in turned], axis=1).repeat(orbitals, axis=0) for row in (1, 2))
                found = np.einsum("nk,nk->k", (b * v).conj(), apply(c * v)).imag
                np.add.at(density[s], at, KAPPA[3] / 3 * size * found)
    return density


def _turned(ring: np.ndarray, site: int) -> np.ndarray:
    """Return site tensors (3, N) of the same wedge product, the last two of which vanish at a site."""
    direction = ring[:, site]
    basis, _ = np.linalg.qr(np.column_stack([direction, np.eye(3)]))
    rotation = basis[:, :3].T * np.sign(np.linalg.det(basis[:, :3]))  # of an odd number of rows
    return rotation @ ring


def _least_noisy(ring: np.ndarray, H: sparse.csr_array) -> np.ndarray:
    """Return site tensors (a, b, c), (3, n), of the same value, with which its estimate varies little.

    Neither constants added to the three nor a mixing of them by determinant 1 changes ``Im tr(P a Q b Q c P)``, but the
    variance, which is about ``Σ_i b_i² (∇a)²_i (∇c)²_i`` with differences along the bonds of H for gradients. The
    mixing makes the gradients orthogonal and equally large; the order is the best of the three cyclic ones.
    """
    ring = ring - ring.mean(axis=1, keepdims=True)
    H = H.tocoo()
    steps = np.abs(H.data) * (ring[:, H.row] - ring[:, H.col])
    try:
        mixing = eigh(ring @ ring.T, steps @ steps.T)[1].T
    except np.linalg.LinAlgError:  # of linearly dependent tensors, whose value is zero
        mixing = np.eye(3)
    mixing = mixing / np.cbrt(np.linalg.det(mixing))
    ring, steps = mixing @ ring, mixing @ steps
    slopes = np.stack([np.bincount(H.row, weights=step**2, minlength=H.shape[0]) for step in steps])
    noise = [(ring[b] ** 2 * slopes[b - 1] * slopes[b - 2]).sum() for b in range(3)]
    b = int(np.argmin(noise))
    return ring[[b - 1, b, b - 2]]


def _blocks(n: int, count: int, copies: int) -> Iterator[range]:
    size = max(1, BLOCK_BYTES // (16 * n * copies))
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def _application(P: FilledProjector) -> Callable[[np.ndarray], np.ndarray]:
    """Return v ↦ P v with torch's product of sparse and dense matrices, which for wide blocks is MKL's."""
    H = P.polynomial.doubled
    parts = (H.indptr.astype(np.int64), H.indices.astype(np.int64), H.data.astype(complex))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        A = torch.sparse_csr_tensor(*map(torch.from_numpy, parts), size=H.shape, check_invariants=False)

    def recurrence(v: np.ndarray, t: np.ndarray) -> None:
        out = torch.from_numpy(t)
        torch.addmm(out, A, torch.from_numpy(v), beta=-1, out=out)

    return lambda v: P.applied(v, recurrence)
