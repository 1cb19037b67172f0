"""Ridge regression on all loop features: the convex baseline, quantum loop topography."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from toponn.models.base import Inputs, Model, Parameters, Shapes, require
from toponn.models.head import predictions
from toponn.tools.options import Listed, Positive, Told


class LoopRidge(Model):
    """Ridge regression of the label on all loop features, with the penalty that makes the fewest validation errors.

    Parameters
    ----------
    penalties : penalties of the squared weights that are tried, in units of the mean squared norm of the centred
        training features

    References
    ----------
    Y. Zhang, E.-A. Kim, Phys. Rev. Lett. 118, 216401 (2017).
    """

    family = "loop_ridge"
    cost: Told = {"winding": (1e-6, 2), "chern": (2e-9, 3)}
    role = "convex baseline"
    encodings = ("loops",)
    fixed_geometry = True
    solved = True

    def __init__(self, shapes: Shapes, *, penalties: Listed[Positive] = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)):
        self.shapes, self.penalties = shapes, tuple(penalties)

    def initial(self, generators: Sequence[np.random.Generator]) -> Parameters:
        """Return zero weights: the solution does not depend on a start."""
        features = self.shapes["loops"][0]
        return {"weights": torch.zeros(len(generators), features), "offset": torch.zeros(len(generators))}

    def fit(self, train: Inputs, labels: Tensor, validation: Inputs, validation_labels: Tensor) -> Parameters:
        """Return the weights (1, L) and offset (1,) of the best penalty; ties go to the larger one."""
        X, y = train["loops"].double(), labels.double()
        centre, offset = X.mean(dim=0), y.mean()
        X = X - centre
        energies, modes = torch.linalg.eigh(X @ X.T)  # (B, B), the dual problem: there are more features than samples
        rotated = modes.T @ (y - offset)
        scale = energies.clamp(min=0).mean()
        best: tuple[float, Parameters] | None = None
        for penalty in sorted(self.penalties, reverse=True):
            weights = X.T @ (modes @ (rotated / (energies.clamp(min=0) + penalty * scale)))
            parameters = {
                "weights": weights[None].to(torch.float32),
                "offset": (offset - centre @ weights)[None].to(torch.float32),
            }
            value = self.value(parameters, validation)[0]
            # The share of errors; between equal shares the mean distance of f from the label decides.
            score = (predictions(value) != validation_labels).double().mean()
            score = float(score) + 1e-3 * float((value - validation_labels).abs().mean())
            if best is None or score < best[0]:
                best = (score, parameters)
        assert best is not None
        return best[1]

    def value(self, parameters: Parameters, inputs: Inputs) -> Tensor:
        """Return f (S, B), linear in the loops (B, L)."""
        return parameters["weights"] @ inputs["loops"].T + parameters["offset"][:, None]

    def check_applicable(self, inputs: Inputs) -> None:
        """Raise NotApplicable on samples with other loops than those of training."""
        trained, found = self.shapes["loops"][0], inputs["loops"].shape[1]
        require(trained == found, f"one weight for each of {trained} loops, the sample has {found}")
