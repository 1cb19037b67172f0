"""The neural tangent kernel, which says how gradient descent changes f on all samples, before and after training."""

import numpy as np
import pandas as pd
import torch

from toponn.tools.options import Count, Seeds
from toponn.tools.statements import Statement
from toponn.tools.statistics import effective_rank
from toponn.trainability.curvature import tangent_kernel
from toponn.trainability.record import diagnostic
from toponn.trainability.subject import (
    Measured,
    Subject,
    doubled,
    doubled_parameters,
    seen,
    trained_parameters,
    trained_seeds,
    unit_rows,
)
from toponn.training.runs import start_parameters


@diagnostic(
    needs=("gradient", "runs"),
    conditions={"at": "start or end of training"},
    figure="kernel",
    statements=(
        Statement("kernel_effective_rank", "Effective rank of the tangent kernel at the start", (("at", "start"),)),
    ),
)
def kernel(subject: Subject, *, seeds: Seeds = 5, samples: Count = 100) -> Measured:
    """Measure the spectrum of the tangent kernel at the start and at the end of training, of the same seeds.

    Rows:

    - ``kernel_effective_rank``: participation ratio of the eigenvalues, between 1 and the number of samples;
    - ``kernel_largest_share``: the largest eigenvalue over their sum;
    - ``kernel_alignment``: the cosine between the kernel and that of the labels, see `centred_alignment`.

    Parameters
    ----------
    seeds : number of seeds of each model, the first of those that did not fail; of one that has fewer, all
    samples : number of samples, the first of the train split, between which the kernel is computed

    Returns
    -------
    Measured
        Arrays ``<at>/eigenvalues`` (S, B) descending.
    """
    here = seen(subject.variant, subject.home, ["train"], seeds=seeds)
    first = doubled(here.samples["train"][:samples])
    end, numbers = trained_parameters(subject, seeds), trained_seeds(subject, seeds)
    start = start_parameters(here.model, here.dataset, subject.root, subject.variant.name, numbers)
    rows, arrays = [], {}
    for at, parameters in {"start": start, "end": end}.items():
        K = tangent_kernel(here.model, doubled_parameters(parameters), first)
        values = torch.linalg.eigvalsh(K).flip(1).numpy()
        arrays[f"{at}/eigenvalues"] = values
        found = {
            "kernel_effective_rank": effective_rank(values),
            "kernel_largest_share": quotient(values[:, 0], values.sum(axis=1)),
            "kernel_alignment": centred_alignment(K.numpy(), first.labels.numpy()),
        }
        rows.append(unit_rows(subject, here, {"at": at}, numbers, **found))
    return Measured(pd.concat(rows, ignore_index=True), arrays)


def centred_alignment(K: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the cosine between kernels (S, B, B) and that of the labels (B,), ``yyᵀ``, without their means, (S,).

    It is NaN where a kernel is zero or all labels are the same.

    Examples
    --------
    >>> y = np.array([0, 1, 1, 3])
    >>> centred_alignment(np.stack([np.outer(y, y), np.eye(4)]), y).round(6)
    array([1.     , 0.57735])

    References
    ----------
    C. Cortes, M. Mohri, A. Rostamizadeh, J. Mach. Learn. Res. 13, 795 (2012), Definition 4.
    """
    y = labels - labels.mean()
    centred = K - K.mean(axis=1, keepdims=True) - K.mean(axis=2, keepdims=True) + K.mean(axis=(1, 2), keepdims=True)
    return quotient(np.einsum("b,sbc,c->s", y, centred, y), np.linalg.norm(centred, axis=(1, 2)) * (y @ y))


def quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return above/below (S,), NaN where `below` is zero."""
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
