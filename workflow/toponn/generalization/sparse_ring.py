"""The coordinate ring on samples of 10⁴ to 10⁵ sites: its value by a stochastic trace.

With Q = 1 − P the ring is ``f = 4π Σ_r Im tr(P a Q b Q c P)``. For a random vector z of phases and y = P z, the mean of
``4π Im⟨Q a y|b|Q c y⟩`` is f. Because P reaches only so far and the site tensors vary slowly, Q a y and Q c y are
small, and so is the variance: far below that of ``Im⟨z|P a P b P c P|z⟩``.
"""

import warnings
from collections.abc import Callable

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
) -> np.ndarray:
    """Return stochastic estimates (S, V) of f; their variance is the least of the three orders of the site tensors.

    Time grows as the number of sites times the order of P times V (1 + 2 R S), memory as the number of sites.

    Parameters
    ----------
    d : (S, R, 3, N) float64, site tensors
    hamiltonian : (n, n) sparse
        Of n/N orbitals a site, orbital index fastest.
    P
        The projector on its filled states.
    vectors : V, the number of random vectors, which all seeds share
    """
    n = hamiltonian.shape[0]
    apply = _application(P)
    wide = [[_least_noisy(ring, hamiltonian) for ring in rings.repeat(n // d.shape[-1], axis=-1)] for rings in d]
    draws = np.zeros((len(d), vectors))
    size = max(1, BLOCK_BYTES // (32 * n))
    for first in range(0, vectors, size):
        block = range(first, min(first + size, vectors))
        phases = np.exp(2j * np.pi * rng.random((len(block), n))).T
        y = apply(phases)
        for s, rings in enumerate(wide):
            for a, b, c in rings:
                x = np.concatenate([a[:, None] * y, c[:, None] * y], axis=1)
                x -= apply(x)
                Q_a_y, Q_c_y = x[:, : len(block)], x[:, len(block) :]
                draws[s, block] += KAPPA[3] * np.einsum("nv,n,nv->v", Q_a_y.conj(), b, Q_c_y, optimize=False).imag
    return draws


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
