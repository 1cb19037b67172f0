"""Spectrum of the Hessian at random, trained and closed-form weights: how stiff directions are, and how many lead down.

The loss has flat directions whatever the data. A rank-1 ring knows its site tensors only through their wedge
product, which maps of determinant one between them leave alone: SL(3), of 8 dimensions, in the plane and SL(2), of 3,
on chains. And since ``P² = P``, a constant added to any site tensor changes nothing. So its Hessian has 11 (5) zero
eigenvalues wherever the gradient is zero, and condition numbers are taken over what lies above `NEGLIGIBLE`.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch

from toponn.models.base import Model, Parameters, count_parameters, generators
from toponn.tools.options import Count, Seeds
from toponn.tools.seeds import stream
from toponn.tools.statements import Statement
from toponn.trainability.curvature import exact_hessian, hessian_product, lanczos
from toponn.trainability.record import diagnostic
from toponn.trainability.subject import (
    Measured,
    Seen,
    Subject,
    doubled,
    doubled_parameters,
    seen,
    squared_loss,
    trained_parameters,
    trained_seeds,
    unit_rows,
)
from toponn.training.loop import Batch

NEGLIGIBLE, STIFF = 1e-6, 1e-3
"""Sizes of an eigenvalue relative to the largest |λ|: up to `NEGLIGIBLE` it counts as zero, above `STIFF` as stiff.

`STIFF` is no smaller because most eigenvalues of a network lie within 1e-4 of zero. Sixty steps of Lanczos' method put
one or two nodes there for all of them, and on which side of zero is chance.
"""


@diagnostic(
    needs=("gradient", "second derivative", "runs"),
    conditions={
        "at": "which weights: random, trained or closed_form",
        "method": "exact, or lanczos: nodes and weights of Lanczos' method stand for eigenvalues and their shares",
    },
    figure="hessian",
    statements=(
        Statement(
            "hessian_negative_fraction", "Share of directions that lead down at a random start", (("at", "random"),)
        ),
        Statement("hessian_condition", "Condition number of the Hessian at trained weights", (("at", "trained"),)),
    ),
)
def hessian(
    subject: Subject, *, seeds: Seeds = 3, samples: Count = 200, steps: Count = 60, exact: Count = 600
) -> Measured:
    """Measure the spectrum of the Hessian of ``½⟨(f − C)²⟩`` at random, trained and closed-form weights.

    Rows, by Lanczos' method with Ritz values for eigenvalues and their weights for the share of each:

    - ``hessian_largest``, ``hessian_smallest``: the highest and the lowest eigenvalue;
    - ``hessian_negative_fraction``: share of the directions with λ below −1e-3 of the largest |λ|;
    - ``hessian_stiff_share``: share of the directions with |λ| above 1e-3 of the largest;
    - ``hessian_condition``, where the method is exact: the largest |λ| over the smallest of those above 1e-6 of it, so
      at most 1e6. Lanczos' method does not find small eigenvalues.

    A ring's spectrum has zeros of its gauge freedom, see this module.

    Parameters
    ----------
    seeds : number of seeds of each model (all, if it has fewer); there is one set of closed-form weights
    samples : number of samples, the first of the train split, that the loss is averaged over
    steps : number of steps of Lanczos' method
    exact : largest number of weights for which all eigenvalues are computed, in double precision

    Returns
    -------
    Measured
        Arrays ``<at>/eigenvalues`` (S, k) ascending and ``<at>/weights`` (S, k), of sum one.
    """
    here = seen(subject.variant, subject.home, ["train"], seeds=seeds)
    first = here.samples["train"][:samples]
    rows, arrays = [], {}
    for at, numbers, parameters in places(subject, here, seeds):
        if count_parameters(parameters) <= exact:
            method, (values, weights) = "exact", exact_spectrum(here.model, parameters, first)
        else:
            name = subject.variant.name
            draws = [stream(subject.root, "hessian", here.dataset.name, name, seed) for seed in numbers]
            method, (values, weights) = "lanczos", lanczos_spectrum(here.model, parameters, first, draws, steps)
        arrays |= {f"{at}/eigenvalues": values, f"{at}/weights": weights}
        found = spectrum_numbers(values, weights)
        if method == "lanczos":
            found.pop("hessian_condition")
        rows.append(unit_rows(subject, here, {"at": at, "method": method}, numbers, **found))
    return Measured(pd.concat(rows, ignore_index=True), arrays)


def places(subject: Subject, here: Seen, seeds: int) -> Iterator[tuple[str, list[int], Parameters]]:
    """Yield the name of a set of weights (random, trained, closed_form), the numbers of its seeds, and the weights.

    Random weights are those with which training starts, unless it starts at the closed form.
    """
    numbers = list(range(seeds))
    random = here.model.initial(generators(subject.root, here.dataset.name, subject.variant.name, numbers))
    yield "random", numbers, random
    numbers = trained_seeds(subject, seeds)
    if numbers:
        yield "trained", numbers, trained_parameters(subject, seeds)
    if here.model.closed_forms.get(subject.task):
        like = {name: tensor[:1] for name, tensor in doubled_parameters(random).items()}
        yield "closed_form", [0], here.closed_form(like)


def exact_spectrum(model: Model, parameters: Parameters, samples: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvalues of the Hessian and their weights, all 1/P, (S, P) float64 each."""
    samples = doubled(samples)
    H = exact_hessian(lambda weights: squared_loss(model, weights, samples), doubled_parameters(parameters))
    values = torch.linalg.eigvalsh(H).numpy()
    return values, np.full_like(values, 1 / values.shape[1])


def lanczos_spectrum(
    model: Model, parameters: Parameters, samples: Batch, draws: Sequence[np.random.Generator], steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return Ritz values and weights (S, m) of the Hessian, from one Gaussian vector of each seed's generator.

    The recursion is in double precision, products with the Hessian in single: their errors are 1e-6 of the largest
    eigenvalue, far below what the Ritz values resolve, and convolutions are five times faster.
    """
    single = {name: tensor.float() for name, tensor in parameters.items()}
    product = hessian_product(lambda weights: squared_loss(model, weights, samples), single)
    start = torch.from_numpy(np.array([rng.normal(size=count_parameters(parameters)) for rng in draws]))
    values, weights = lanczos(lambda vectors: product(vectors.float()).double(), start, steps)
    return values.numpy(), weights.numpy()


def spectrum_numbers(values: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return the diagnostics (S,) by name, from eigenvalues or Ritz values (S, k) and their weights, of sum one.

    Examples
    --------
    >>> found = spectrum_numbers(np.array([[-2.0, 0.0, 0.5, 8.0]]), np.full((1, 4), 0.25))
    >>> {name: float(number[0]) for name, number in found.items()}  # doctest: +NORMALIZE_WHITESPACE
    {'hessian_largest': 8.0, 'hessian_smallest': -2.0, 'hessian_negative_fraction': 0.25,
     'hessian_condition': 16.0, 'hessian_stiff_share': 0.75}
    """
    sizes = np.abs(values)
    largest = sizes.max(axis=1, keepdims=True)
    above = np.where(sizes > NEGLIGIBLE * largest, sizes, np.inf).min(axis=1)  # inf of a Hessian that is zero
    return {
        "hessian_largest": values.max(axis=1),
        "hessian_smallest": values.min(axis=1),
        "hessian_negative_fraction": np.where(values < -STIFF * largest, weights, 0).sum(axis=1),
        "hessian_condition": np.where(np.isfinite(above), largest[:, 0] / above, np.nan),
        "hessian_stiff_share": np.where(sizes > STIFF * largest, weights, 0).sum(axis=1),
    }
