"""How far from its closed-form weights the hybrid network may start and still be trained back to the invariant."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toponn.models.base import Parameters, generators
from toponn.tools.options import Listed, Positive, Seeds
from toponn.tools.seeds import stream
from toponn.trainability.record import Curves, Panel, diagnostic
from toponn.trainability.subject import (
    Measured,
    Seen,
    Subject,
    outcome,
    root_mean_square,
    scores,
    seen_in_training,
    success_values,
    unit_rows,
)


@diagnostic(
    needs=("gradient", "closed form", "smaller?"),
    conditions={"noise": "root mean square of the noise over that of the tensor it is added to"},
    trainings="noise",
    curves=Curves(
        "basin",
        (
            Panel(
                "basin_success",
                "noise",
                "relative noise $\\sigma$ on the closed form",
                "success fraction after retraining",
                before="start_balanced_accuracy",
            ),
            Panel("half_success_noise", "size", "size ({size})", "noise $\\sigma$ at half success", logarithmic=True),
        ),
        "basin of attraction",
    ),
)
def basin(subject: Subject, *, noise: Listed[Positive] = (0.3, 1.0, 3.0, 10.0), seeds: Seeds = 20) -> Measured:
    """Measure how often closed-form weights with noise on them are trained back, on every size.

    Diagnostics: ``basin_success`` (0 or 1) and ``basin_balanced_accuracy`` after retraining, and
    ``start_balanced_accuracy`` before it, all on the split of the study's success.

    Parameters
    ----------
    subject : a model that has a closed form; of its datasets ``home`` and, where there are, ``smaller``
    noise : values of σ, root mean square of the noise over that of the tensor it is added to
    seeds : number of random directions of the noise, the same for every σ; at most the number of seeds of the model
    """
    paths = dict.fromkeys([subject.home, *subject.datasets.get("smaller", ())])
    rows = [row for path in paths for row in basin_rows(subject, path, noise, range(seeds))]
    return Measured(pd.concat(rows, ignore_index=True), {})


def basin_rows(subject: Subject, path: Path, noise: Sequence[float], seeds: Sequence[int]) -> list[pd.DataFrame]:
    """Return the rows of one dataset, a table for each σ."""
    here = seen_in_training(subject, path, len(seeds))
    exact, direction = closed_form_and_direction(subject, here, seeds)
    rows = []
    for sigma in noise:
        start = noisy(exact, direction, sigma)
        before = scores(here.model, start, here.samples[subject.success.split])
        _, after = outcome(subject, here, start)
        measured = {"basin_success": success_values(subject, after), "basin_balanced_accuracy": after}
        measured["start_balanced_accuracy"] = before
        rows.append(unit_rows(subject, here, {"noise": sigma}, seeds, **measured))
    return rows


def closed_form_and_direction(subject: Subject, here: Seen, seeds: Sequence[int]) -> tuple[Parameters, Parameters]:
    """Return the closed-form weights of every seed, and standard normal numbers, the direction of its noise.

    Hidden units of the coordinate form that the closed form does not read are those of the seed's random start.
    """
    dataset, name = here.dataset, subject.variant.name
    like = here.model.initial(generators(subject.root, dataset.name, name, seeds))
    exact = here.closed_form(like)
    draws = [stream(subject.root, "basin", dataset.name, name, seed) for seed in seeds]
    normal = {key: np.array([rng.normal(size=tuple(t.shape[1:])) for rng in draws]) for key, t in exact.items()}
    return exact, {key: torch.from_numpy(array).to(exact[key].dtype) for key, array in normal.items()}


def noisy(exact: Parameters, direction: Parameters, sigma: float) -> Parameters:
    """Return ``w + σ rms(w) ξ``, the root mean square taken over each tensor of each seed.

    The noise is added: if it multiplied, weights that are zero would stay zero, and most of a closed form's are.
    """
    return {key: t + sigma * root_mean_square(t) * direction[key] for key, t in exact.items()}
