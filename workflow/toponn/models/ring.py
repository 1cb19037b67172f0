"""The hybrid tensor-neural network: a tensor ring of the projector with trainable site tensors.

``f = κ Σ_r Im tr(D_{r1} P D_{r2} P D_{r3} P)`` in two dimensions, and its order-2 twin ``½ Σ_r Σ_ij (a_i b_j − b_i
a_j)|q_ij|²`` for chiral chains. Both are linear in the loop features, with weights that are the wedge product of the
site tensors.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from toponn.checks import choose
from toponn.models.base import Inputs, Model, Parameters, require
from toponn.models.closed_forms import bulk_marker, coordinate_weights, free_weights
from toponn.models.site_tensors import Coordinate, Free

KAPPA = {2: 0.5, 3: 4 * np.pi}
"""Factor of the order-n ring, with which its closed forms are the invariant."""

CHUNK = 1 << 23
"""Numbers in one piece of the ring's weights; larger samples are contracted piece by piece."""


class Ring(Model):
    """A tensor ring of CP rank R over free or coordinate site tensors.

    Parameters
    ----------
    form : "free" (one weight a site) or "coordinate" (a network of the normalised coordinates)
    start : "random" or "closed_form"
    rank : number of rings in the sum
    scale : standard deviation of the site tensors at a random start
    width : units of each hidden layer of the coordinate network
    noise : relative standard deviation of the noise on closed-form weights, drawn anew for each seed
    """

    encoding = "loops"

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        *,
        form: str,
        start: str,
        rank: int,
        scale: float,
        width: int | None = None,
        noise: float = 0.0,
    ):
        self.shapes, self.form, self.start, self.rank, self.noise = shapes, form, start, rank, noise
        self.fixed_geometry = form == "free"
        sites, dimension = shapes["coordinates"]
        self.order = dimension + 1
        forms = {
            "free": lambda: Free(sites, rank * self.order, scale),
            "coordinate": lambda: Coordinate(dimension, rank * self.order, scale, width),
        }
        self.site_tensors = choose(forms, form, "form")()

    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return random site tensors; `closed_form` gives the other start."""
        return self.site_tensors.initial(generators)

    def closed_form(self, like: Parameters, lengths: np.ndarray, area_per_site: float) -> Parameters:
        """Return parameters, shaped and typed like `like`, at which the ring is the invariant, all seeds alike.

        Parameters
        ----------
        lengths : (N, d) float64, positions in units of length
        area_per_site : length (1D, of a cell) or area (2D, of a site)
        """
        if self.form == "coordinate":
            return coordinate_weights(lengths.shape[1], like)
        return free_weights(bulk_marker(lengths, area_per_site), like)

    def tensors(self, parameters: Parameters, coordinates: Tensor) -> Tensor:
        """Return the site tensors (S, R, order, N)."""
        values = self.site_tensors.values(parameters, coordinates)  # (S, R·order, N)
        return values.unflatten(1, (self.rank, self.order))

    def value(self, parameters: Parameters, inputs: Inputs) -> Tensor:
        """Return f (S, B) through the loop features, the cheapest route when many seeds share the samples."""
        d = self.tensors(parameters, inputs["coordinates"])
        loops = inputs["loops"]
        total = torch.zeros(d.shape[0], len(loops), dtype=d.dtype, device=d.device)
        start = 0
        for weights in wedge(d):  # (S, l)
            total = total + weights @ loops[:, start : start + weights.shape[1]].T
            start += weights.shape[1]
        return KAPPA[self.order] * total

    def value_from_projectors(self, parameters: Parameters, coordinates: Tensor, P: Tensor, orbitals: int) -> Tensor:
        """Return f (S, B) by dense products of projectors P (B, n, n): the textbook formula, without loop features.

        For chains P is the polar factor q (B, cells, cells) and `orbitals` is 1.
        """
        d = self.tensors(parameters, coordinates).repeat_interleave(orbitals, dim=-1)  # (S, R, order, n)
        values = []
        for seed in d:
            total = 0.0
            for site_tensors in seed:
                if self.order == 2:
                    a, b = site_tensors
                    weight = P.abs() ** 2
                    total = total + torch.einsum("i,bij,j->b", a, weight - weight.mT, b)
                else:
                    a, b, c = (t.to(P.dtype) for t in site_tensors)
                    left = (a[:, None] * P) @ (b[:, None] * P)
                    total = total + (left * (c[:, None] * P).mT).sum(dim=(-2, -1)).imag
            values.append(KAPPA[self.order] * total)
        return torch.stack(values)

    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable for another dimension, or for free site tensors on another number of sites."""
        sites, dimension = inputs["coordinates"].shape
        require(dimension + 1 == self.order, f"trained in {self.order - 1}D, the sample is {dimension}D")
        trained = self.shapes["coordinates"][0]
        require(
            self.form != "free" or sites == trained,
            f"free site tensors on {trained} sites, the sample has {sites}",
        )


def wedge(d: Tensor) -> Iterator[Tensor]:
    """Yield the wedge product of site tensors (S, R, order, N), summed over R, in pieces (S, l).

    Concatenated, the pieces run over i < j or i < j < k in lexicographic order, as loop features do. For three tensors
    ``a∧b∧c`` is built from the wedges of pairs, whose indices j, k > i lie together at the end of the list of pairs.
    """
    n = d.shape[-1]
    j, k = torch.triu_indices(n, n, 1, device=d.device)
    if d.shape[-2] == 2:
        a, b = d.unbind(-2)
        yield (a[..., j] * b[..., k] - b[..., j] * a[..., k]).sum(dim=1)
        return
    at_j, at_k = d[..., j], d[..., k]
    pairs = at_j.roll(-1, dims=-2) * at_k.roll(-2, dims=-2) - at_j.roll(-2, dims=-2) * at_k.roll(-1, dims=-2)
    pieces, size = [], 0
    for i in range(n - 2):
        first = (i + 1) * n - (i + 1) * (i + 2) // 2  # the first pair with j > i
        pieces.append(torch.einsum("srt,srtp->sp", d[..., i], pairs[..., first:]))
        size += pieces[-1].numel()
        if size > CHUNK:
            yield torch.cat(pieces, dim=1)
            pieces, size = [], 0
    if pieces:
        yield torch.cat(pieces, dim=1)
