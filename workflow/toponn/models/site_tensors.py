"""Site tensors of the ring: one weight a site, or a small network of the site's normalised coordinates."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from toponn.models.base import Parameters


def gaussian(generators: Sequence[np.random.Generator], *shape: int, deviation: float) -> Tensor:
    """Return normal numbers (S, *shape) float32 of mean zero, those of each seed from its own generator."""
    draws = [rng.normal(scale=deviation, size=shape) for rng in generators]
    return torch.from_numpy(np.array(draws, dtype=np.float32))


class Free:
    """One trainable number for each site and tensor, drawn with standard deviation `scale`."""

    def __init__(self, sites: int, tensors: int, scale: float):
        self.sites, self.tensors, self.scale = sites, tensors, scale

    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return ``{"site": (S, tensors, N)}``."""
        return {"site": gaussian(generators, self.tensors, self.sites, deviation=self.scale)}

    def values(self, parameters: Parameters, coordinates: Tensor) -> Tensor:
        """Return the site tensors (S, tensors, N), which do not depend on the coordinates."""
        return parameters["site"]


class Coordinate:
    """Site tensors as a small network of the normalised coordinates u of a site, for samples of any size or lattice.

    ``d(u) = V [u, h1, h2] + c`` with the hidden layers ``h1 = tanh(W1 u + b1)`` and ``h2 = tanh(W2 h1 + b2)``. At a
    random start the mean square of d over the sites is close to `scale` squared.
    """

    def __init__(self, dimension: int, tensors: int, scale: float, width: int):
        self.dimension, self.tensors, self.scale, self.width = dimension, tensors, scale, width

    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return weights of the two hidden layers and the read-out, stacked over seeds."""
        d, h, t = self.dimension, self.width, self.tensors
        # ⟨u²⟩ ≈ 1/3 for each coordinate; tanh units of the two layers have ⟨h²⟩ ≈ 0.6 and 0.4 with these deviations.
        features = d / 3 + 1.0 * h + 1.0
        return {
            "w1": gaussian(generators, h, d, deviation=2.0),
            "b1": gaussian(generators, h, deviation=1.0),
            "w2": gaussian(generators, h, h, deviation=1.0 / np.sqrt(h)),
            "b2": gaussian(generators, h, deviation=0.5),
            "v": gaussian(generators, t, d + 2 * h, deviation=self.scale / np.sqrt(features)),
            "c": gaussian(generators, t, deviation=self.scale / np.sqrt(features)),
        }

    def values(self, parameters: Parameters, coordinates: Tensor) -> Tensor:
        """Return the site tensors (S, tensors, N) at coordinates (N, d)."""
        u = coordinates.T.expand(len(parameters["w1"]), -1, -1)  # (S, d, N)
        h1 = torch.tanh(torch.baddbmm(parameters["b1"][..., None], parameters["w1"], u))
        h2 = torch.tanh(torch.baddbmm(parameters["b2"][..., None], parameters["w2"], h1))
        return torch.baddbmm(parameters["c"][..., None], parameters["v"], torch.cat([u, h1, h2], dim=1))
