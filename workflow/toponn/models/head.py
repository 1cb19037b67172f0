"""From the value f to a distribution over integers, by its distance to each of them."""

import torch
from torch import Tensor

INTEGERS = tuple(range(-6, 7))
"""Integers that a prediction may name; a number never seen in training can still be predicted."""

TEMPERATURE = "head.log_temperature"
"""Name of log τ (S,) among the parameters of a model."""


def log_probabilities(value: Tensor, log_temperature: Tensor) -> Tensor:
    """Return ``log p(k) ∝ −(f − k)²/2τ²``, (S, B, integers), of f (S, B) and log τ (S,)."""
    integers = torch.tensor(INTEGERS, dtype=value.dtype, device=value.device)
    # −(f − k)² without f², which is the same for all k and would drown the rest in float32 where f is large.
    scores = value[..., None] * integers - 0.5 * integers**2
    return torch.log_softmax(scores * torch.exp(-2 * log_temperature)[:, None, None], dim=-1)


def negative_log_likelihood(value: Tensor, log_temperature: Tensor, labels: Tensor) -> Tensor:
    """Return the mean of −log p(label) over samples, (S,), for labels (B,) int64."""
    chosen = (labels - INTEGERS[0]).expand(value.shape)[..., None]
    return -log_probabilities(value, log_temperature).gather(-1, chosen)[..., 0].mean(dim=-1)


def predictions(value: Tensor) -> Tensor:
    """Return the most probable of `INTEGERS`, the one nearest to f, int64; where f is NaN it is 0."""
    return torch.nan_to_num(value).round().clamp(INTEGERS[0], INTEGERS[-1]).long()
