"""The ring's density: a sum over sites that is the ring, and beside its weight the local Chern marker."""

from itertools import product

import numpy as np
import pytest
import torch
from by_hand import qwz, sample
from tolerances import agree

from toponn.invariants.chern import local_chern_marker
from toponn.matter.lattices import normalised_coordinates
from toponn.models.base import generators
from toponn.models.closed_forms import coordinate_weights
from toponn.models.density import density_weight, ring_density
from toponn.models.ring import CoordinateRing, FreeRing


def coordinate_ring(rank=1, seeds=2, sites=16):
    ring = CoordinateRing({"coordinates": (sites, 2)}, rank=rank, scale=0.4, width=9)
    start = ring.initial(generators(3, "density", "ring", range(seeds)))
    return ring, {name: tensor.double() for name, tensor in start.items()}


def projector(cells, disorder=1.0, mass=-1.0):
    """Return P (n, n) and the positions of the sites of a square of QWZ."""
    H, r, _ = sample(qwz(mass), (cells, cells), disorder=disorder)
    psi = np.linalg.eigh(H.toarray())[1][:, : cells**2]
    return psi @ psi.conj().T, r[::2]


def of_loops(d, P, orbitals):
    """Return (4π/6) Σ_jk T_ijk det[d_i, d_j, d_k] of one seed and sample, written out."""
    blocks = P.reshape(len(P) // orbitals, orbitals, -1, orbitals)
    rho = np.zeros(len(blocks))
    for i, j, k in product(range(len(rho)), repeat=3):
        T = np.trace(blocks[i, :, j] @ blocks[j, :, k] @ blocks[k, :, i]).imag
        rho[i] += 4 * np.pi / 6 * T * sum(np.linalg.det(tensors[:, [i, j, k]]) for tensors in d)
    return rho


@pytest.mark.parametrize("rank", [1, 2])
def test_the_density_is_the_sum_over_loops_at_each_site_and_adds_up_to_the_ring(rank):
    ring, parameters = coordinate_ring(rank)
    samples = [projector(4, disorder) for disorder in (0.0, 2.0)]
    P = torch.from_numpy(np.stack([P for P, _ in samples]))
    u = torch.from_numpy(normalised_coordinates(samples[0][1]))
    d = ring.tensors(parameters, u)
    rho = ring_density(d, P)
    assert rho.shape == (2, 2, 16)
    assert agree(rho[1, 1], of_loops(d[1].numpy(), P[1].numpy(), 2))
    assert not agree(rho[1, 0], of_loops(d[1].numpy(), P[1].numpy(), 2)), "control"
    assert agree(rho.sum(dim=-1), ring.value(parameters, {"coordinates": u, "projector": P}))


def test_no_mixing_of_the_site_tensors_by_determinant_one_and_no_gauge_moves_the_density():
    ring, parameters = coordinate_ring()
    P, r = projector(4)
    d, P = ring.tensors(parameters, torch.from_numpy(normalised_coordinates(r))), torch.from_numpy(P)[None]
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(3, 3))
    mixing = torch.from_numpy(mixing / np.cbrt(np.linalg.det(mixing)))
    expected = ring_density(d, P)
    assert agree(ring_density(mixing @ d, P), expected)
    assert agree(ring_density(2 * mixing @ d, P), 8 * expected), "control"
    turns = torch.from_numpy(np.linalg.qr(rng.normal(size=(16, 2, 2)) + 1j * rng.normal(size=(16, 2, 2)))[0])
    U = torch.block_diag(*turns)
    assert agree(ring_density(d, U @ P @ U.mH), expected)


def test_the_weight_is_the_determinant_of_differences_in_lengths():
    ring, parameters = coordinate_ring(rank=2)
    lengths, h = np.array([3.0, 5.0]), 1e-5
    places = np.random.default_rng(2).uniform(-0.9, 0.9, size=(7, 2)) * lengths

    def tensors(x, y):
        return ring.tensors(parameters, torch.from_numpy((places + [x, y]) / lengths)).numpy()

    slopes = [(tensors(h, 0) - tensors(-h, 0)) / (2 * h), (tensors(0, h) - tensors(0, -h)) / (2 * h)]
    expected = np.linalg.det(np.stack([tensors(0, 0), *slopes], axis=-1).swapaxes(-2, -3)).sum(axis=1)
    found = density_weight(ring, parameters, torch.from_numpy(places / lengths), lengths)
    assert found.numpy() == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_weight_of_the_closed_form_adds_up_to_three_by_the_theorem_of_stokes():
    ring, parameters = coordinate_ring()
    u = (np.arange(200) + 0.5) / 100 - 1
    u = np.stack(np.meshgrid(u, u, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = coordinate_weights(2, parameters)
    omega = density_weight(ring, weights, torch.from_numpy(u), np.array([1.0, 1.0]))
    assert (omega.mean(dim=1) * 4).numpy() == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize(("mass", "C"), [(-1.0, 1), (1.0, -1), (3.0, 0)])
def test_density_over_weight_is_the_local_chern_marker_of_the_bulk(mass, C):
    ring, parameters = coordinate_ring()
    weights = coordinate_weights(2, parameters)
    P, r = projector(20, disorder=0.0, mass=mass)
    marker = local_chern_marker(P, r, np.arange(len(P)) // 2, 1.0)
    errors = []
    for zoom in (1, 2):  # as the middle of a sample twice as large, where the switches are twice as wide
        u, lengths = torch.from_numpy(normalised_coordinates(r)) / zoom, zoom * np.ptp(r, axis=0) / 2
        rho = ring_density(ring.tensors(weights, u), torch.from_numpy(P)[None])[0, 0]
        omega = density_weight(ring, weights, u, lengths)[0]
        inner = np.abs(normalised_coordinates(r)).max(axis=1) < 0.5
        heavy = (omega.abs() > 0.1 * omega.abs().max()).numpy() & inner
        assert heavy.sum() >= 16
        errors.append(np.abs((3 * rho / omega).numpy()[heavy] - marker[heavy]).max())
    assert marker[inner] == pytest.approx(C, abs=0.02)
    assert errors[1] < 0.08
    assert C == 0 or errors[1] < 0.4 * errors[0]  # as the square of the width


def test_the_weight_of_free_site_tensors_is_refused():
    ring = FreeRing({"coordinates": (16, 2)})
    with pytest.raises(ValueError, match="ring: found form 'free'"):
        density_weight(ring, {}, torch.zeros(16, 2), np.ones(2))
