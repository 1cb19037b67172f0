"""How steep the loss is at a random start, against the size of the samples."""

import numpy as np
import pandas as pd
import torch

from toponn.data.datasets import read_dataset
from toponn.models.base import Model, Parameters, require
from toponn.tools.checks import NotApplicable
from toponn.tools.joblog import LOGGER
from toponn.tools.options import Count, Seeds
from toponn.tools.statements import Statement
from toponn.trainability.record import Curves, Panel, diagnostic
from toponn.trainability.subject import Measured, Seen, Subject, squared_loss, unit_rows
from toponn.training.loop import Batch
from toponn.training.runs import start_parameters
from toponn.training.views import build_model, encoded, shapes_of

AT_ONCE = 10
"""Seeds that are differentiated together; more would need too much memory for the largest samples."""


@diagnostic(
    needs=("gradient", "scaling"),
    conditions={
        "start": "random: the weights with which training starts",
        "sizes": "smallest and largest size of which the exponent is one",
    },
    curves=Curves(
        "gradients",
        (Panel("gradient_variance", "size", "size ({size})", "variance of the gradient", logarithmic=True),),
        "gradients at the start against size",
    ),
    statements=(
        Statement("gradient_exponent", "Exponent of the gradient's variance at the start in the size", home=False),
    ),
)
def gradients(subject: Subject, *, seeds: Seeds = 100, samples: Count = 100) -> Measured:
    """Measure ``gradient_variance`` and ``start_gradient_norm`` at the study's random starts, on samples of all sizes.

    The loss is ``½⟨(f − C)²⟩`` on the first samples of each test split. ``gradient_variance`` of a seed is its squared
    deviation from the mean gradient of all seeds, averaged over the weights and times S/(S − 1), so that the mean over
    the S seeds is the unbiased variance of a component of the gradient.

    Parameters
    ----------
    seeds : number of seeds of each model; of one that has fewer, all
    samples : number of samples that the loss is averaged over

    Raises
    ------
    NotApplicable
        If the model runs on none of the sizes.

    References
    ----------
    J. McClean et al., Nat. Commun. 9, 4812 (2018), for this variance against size as the sign of a barren plateau.
    """
    rows = []
    for path in subject.datasets["scaling"]:
        dataset = read_dataset(path, "test")
        part = dataset[:samples]
        try:
            few = encoded(subject.variant, part, seeds=seeds)
            here = Seen(build_model(subject.variant, shapes_of(few)), {"test": few}, part)
            here.model.check_applicable(few.inputs)
        except NotApplicable as reason:
            LOGGER.info("%s: not applicable: %s", dataset.name, reason)
            continue
        initial = start_parameters(here.model, dataset, subject.root, subject.variant.name, range(seeds))
        g = flat_gradients(here.model, initial, few)
        values = {"gradient_variance": deviations(g), "start_gradient_norm": np.linalg.norm(g, axis=1)}
        rows.append(unit_rows(subject, here, {"start": "random"}, range(seeds), **values))
        LOGGER.info("%s: variance %.3g", dataset.name, values["gradient_variance"].mean())
    require(bool(rows), "it runs on none of the sizes")
    return Measured(pd.concat(rows, ignore_index=True), {})


def flat_gradients(model: Model, parameters: Parameters, samples: Batch) -> np.ndarray:
    """Return the gradient of the loss with respect to all weights of every seed, (S, P) float64."""
    count = len(next(iter(parameters.values())))
    parts = []
    for first in range(0, count, AT_ONCE):
        leaves = {name: t[first : first + AT_ONCE].clone().requires_grad_() for name, t in parameters.items()}
        loss = squared_loss(model, leaves, samples).sum()
        parts.append(torch.cat([g.flatten(1) for g in torch.autograd.grad(loss, list(leaves.values()))], dim=1))
    return torch.cat(parts).double().numpy()


def deviations(gradients: np.ndarray) -> np.ndarray:
    """Return each seed's squared deviation (S,) from the mean gradient, averaged over the weights, times S/(S − 1).

    Their mean over the seeds is the unbiased variance of a component of the gradient.

    Examples
    --------
    >>> g = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0]])
    >>> float(deviations(g).mean()) == float(g.var(axis=0, ddof=1).mean())
    True
    """
    count = len(gradients)
    away = (gradients - gradients.mean(axis=0)) ** 2
    return away.mean(axis=1) * count / max(count - 1, 1)
