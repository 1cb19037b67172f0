"""A learned local marker: how much each site contributes to f of a trained ring, and the weight that the ring gives it.

``f = 4π Σ_{i<j<k} T_ijk det[d_i, d_j, d_k]`` depends on the site tensors only through their wedge product, and so does
the density ``ρ_i = (4π/6) Σ_jk T_ijk det[d_i, d_j, d_k]``, whose sum over the sites is f: mixing the three tensors by a
matrix of determinant 1 does not change it. Where the tensors vary little over the range of P, ``ρ_i ≈ C_i A ω_i / 3``
with the local Chern marker C_i, the area A of a site and ``ω = det[d, ∂_x d, ∂_y d]``.
"""

import numpy as np
import torch
from torch import Tensor
from torch.autograd.functional import jvp

from toponn.models.base import Parameters
from toponn.models.ring import KAPPA, Ring


def ring_density(d: Tensor, P: Tensor) -> Tensor:
    """Return the density ρ (S, B, N) of rings of order 3, whose sum over the sites is f.

    Parameters
    ----------
    d : (S, R, 3, N) float, site tensors
    P : (B, n, n) complex, projectors, n/N orbitals a site, orbital index fastest
    """
    orbitals = P.shape[-1] // d.shape[-1]
    wide = d.repeat_interleave(orbitals, dim=-1)  # (S, R, 3, n)
    density = torch.stack([torch.stack([_of_projector(one, p) for p in P]) for one in wide])  # (S, B, n)
    return KAPPA[3] / 3 * density.unflatten(-1, (-1, orbitals)).sum(dim=-1)


def _of_projector(d: Tensor, P: Tensor) -> Tensor:
    """Return ``Σ_r Im (a_i⟨i|PbPcP|i⟩ + b_i⟨i|PcPaP|i⟩ + c_i⟨i|PaPbP|i⟩)`` (n,) of d (R, 3, n) and P (n, n)."""
    total = torch.zeros(len(P), dtype=d.dtype, device=d.device)
    for a, b, c in d:
        PzP = P @ (torch.complex(b, c)[:, None] * P)  # P b P + i P c P: its Hermitian part is P b P, the rest i P c P
        PbP, PcP = (PzP + PzP.mH) / 2, (PzP - PzP.mH) / 2j
        M, L = (PbP * P.mT).imag, (PcP * P.mT).imag
        total = total + a * (M @ c) + b * (L @ a) - c * (M @ a)
    return total


def density_weight(ring: Ring, parameters: Parameters, coordinates: Tensor, lengths: np.ndarray) -> Tensor:
    """Return the weight ω = Σ_r det[d, ∂_x d, ∂_y d] (S, N) of coordinate rings of order 3, an inverse area.

    ``3 ρ / (A ω)`` is the ring's own local Chern marker, wherever ω is not small.

    Parameters
    ----------
    coordinates : (N, 2) normalised coordinates, at which the network is evaluated
    lengths : (2,) float64
        Half of the sample's extent along each axis: the length in which a coordinate grows by 1.

    Raises
    ------
    ValueError
        If the ring's site tensors are no function of coordinates in the plane.
    """
    if ring.form != "coordinate" or ring.order != 3:
        raise ValueError(f"ring: found form {ring.form!r} of order {ring.order}; allowed: coordinate rings of order 3")
    slopes = []
    for axis in range(2):
        along = torch.zeros_like(coordinates)
        along[:, axis] = 1 / float(lengths[axis])
        d, slope = jvp(lambda u: ring.tensors(parameters, u), coordinates, along)
        slopes.append(slope)
    return torch.linalg.det(torch.stack([d, *slopes], dim=-1).movedim(-2, -3)).sum(dim=1)  # (S, R, N, 3, 3)
