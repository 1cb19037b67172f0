"""Wedge products of site tensors, and the value of a ring: linear in loop features, with these products for weights.

In the plane ``Σ_{i<j<k} (a∧b∧c)_ijk T_ijk`` is bilinear in the site tensors at i and in the wedges of pairs at
j, k > i, which lie together at the end of the list of pairs. Weights are made for one i after the other and used at
once, so that they stay in the processor's cache; `Value` and `Slopes` compute the derivatives in the same way. Where
every sample has sites, hence weights, of its own, the features are written out as the antisymmetric tensors T instead.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor

PIECE = 1 << 18
"""Most weights, of all seeds together, that are computed at a time."""


def wedge(d: Tensor) -> Iterator[Tensor]:
    """Yield the wedge product of site tensors (S, R, order, N), summed over R, in pieces (S, l).

    Concatenated, the pieces run over i < j or i < j < k in lexicographic order, as loop features do.
    """
    if d.shape[-2] == 2:
        yield pair_wedge(d)
        return
    first, rest = factors(d)
    for i, pairs, _ in pieces(first):
        yield weights(first[..., i], rest[..., pairs])


def wedge_value(d: Tensor, loops: Tensor) -> Tensor:
    """Return ``Σ wedge · loops`` (S, B) of site tensors (S, R, order, N) and loop features (B, L).

    It has derivatives of every order with respect to the site tensors, and none with respect to the features.
    """
    if d.shape[-2] == 2:
        return pair_wedge(d) @ loops.T
    return Value.apply(*factors(d), loops)


def pair_wedge(d: Tensor) -> Tensor:
    """Return ``a_i b_j − b_i a_j`` for i < j, summed over R, (S, N(N−1)/2), of site tensors (S, R, 2, N)."""
    i, j = torch.triu_indices(d.shape[-1], d.shape[-1], 1, device=d.device)
    a, b = d.unbind(-2)
    return (a[..., i] * b[..., j] - b[..., i] * a[..., j]).sum(dim=1)


def factors(d: Tensor) -> tuple[Tensor, Tensor]:
    """Return a, b, c (S, 3R, N) and b∧c, c∧a, a∧b for j < k (S, 3R, N(N−1)/2) of site tensors (S, R, 3, N)."""
    n = d.shape[-1]
    j, k = torch.triu_indices(n, n, 1, device=d.device)
    b, c = d[..., [1, 2, 0], :], d[..., [2, 0, 1], :]
    all_pairs = torch.stack([b, c], dim=-1) @ torch.stack([c, -b], dim=-2)  # (S, R, 3, N, N)
    rest = all_pairs.flatten(-2).index_select(-1, j * n + k)
    return d.flatten(1, 2), rest.flatten(1, 2)


def pieces(first: Tensor) -> Iterator[tuple[int, slice, slice]]:
    """Yield i, a slice of the pairs j < k beyond it and of the loops (i, j, k), for `PIECE` weights at a time."""
    n, most = first.shape[-1], max(1, PIECE // len(first))
    last, place = n * (n - 1) // 2, 0
    for i in range(n - 2):
        for low in range((i + 1) * n - (i + 1) * (i + 2) // 2, last, most):  # from the first pair with j > i
            high = min(low + most, last)
            yield i, slice(low, high), slice(place, place + high - low)
            place += high - low


def weights(at_i: Tensor, rest: Tensor) -> Tensor:
    """Return ``a_i (b∧c)_jk + b_i (c∧a)_jk + c_i (a∧b)_jk``, summed over R, (S, p) of (S, 3R) and (S, 3R, p)."""
    total = at_i[:, 0, None] * rest[:, 0]
    for t in range(1, at_i.shape[1]):
        total = total.addcmul_(at_i[:, t, None], rest[:, t])
    return total


class Value(torch.autograd.Function):
    """``Σ wedge · loops``, bilinear in the two factors. Its derivatives are `Slopes`."""

    @staticmethod
    def forward(first: Tensor, rest: Tensor, loops: Tensor) -> Tensor:
        """Return the value (S, B)."""
        total = first.new_zeros(len(first), len(loops))
        for i, pairs, places in pieces(first):
            total.addmm_(weights(first[..., i], rest[..., pairs]), loops[:, places].T)
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        """Keep what the derivatives are made of."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple:
        """Return the derivatives of ``Σ slope · value``."""
        return *Slopes.apply(*ctx.saved_tensors, slope), None


class Slopes(torch.autograd.Function):
    """Derivatives of ``Σ slope · value`` in the two factors: each is linear in the other factor and in the slope."""

    @staticmethod
    def forward(first: Tensor, rest: Tensor, loops: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        """Return the derivatives, shaped as the factors."""
        of_first, of_rest = torch.zeros_like(first), torch.zeros_like(rest)
        for i, pairs, places in pieces(first):
            of_weights = (slope @ loops[:, places])[:, None]  # (S, 1, p)
            of_first[..., i] += (rest[..., pairs] * of_weights).sum(dim=-1)
            of_rest[..., pairs].addcmul_(first[..., i, None], of_weights)
        return of_first, of_rest

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
        """Keep what the second derivatives are made of."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, first_along: Tensor, rest_along: Tensor) -> tuple:
        """Return the derivatives of ``Σ first_along · of_first + Σ rest_along · of_rest``, linear in every factor."""
        first, rest, loops, slope = ctx.saved_tensors
        of_slope = Value.apply(first_along, rest, loops) + Value.apply(first, rest_along, loops)
        return *Slopes.apply(first_along, rest_along, loops, slope), None, of_slope


def loop_tensors(loops: Tensor, n: int) -> Tensor:
    """Return the antisymmetric tensors T_ijk (B, n, n, n) of the loop features (B, L) of n sites."""
    places, signs = (entries.to(loops.device) for entries in tensor_entries(n))
    return loops.index_select(1, places).mul_(signs).unflatten(1, (n, n, n))


@cache
def tensor_entries(n: int) -> tuple[Tensor, Tensor]:
    """Return the loop feature behind every entry of T, (n³,) int64, and its sign, (n³,) float32, 0 on the diagonals."""
    triples = torch.combinations(torch.arange(n), 3)  # in the order of the features
    places, signs = torch.zeros(n, n, n, dtype=torch.int64), torch.zeros(n, n, n)
    for sign, orders in ((1, ((0, 1, 2), (1, 2, 0), (2, 0, 1))), (-1, ((1, 0, 2), (0, 2, 1), (2, 1, 0)))):
        for order in orders:
            entry = tuple(triples[:, axis] for axis in order)
            places[entry], signs[entry] = torch.arange(len(triples)), sign
    return places.flatten(), signs.flatten()
