"""What every diagnostic is given, a `Subject`, and the steps that several share: encode, train, score, tabulate."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from toponn.data.datasets import read_dataset
from toponn.matter.samples import Samples
from toponn.models.base import Model, Parameters, finite_seeds, require
from toponn.models.head import predictions
from toponn.tools.checks import NotApplicable
from toponn.tools.joblog import LOGGER
from toponn.tools.statistics import balanced_accuracy
from toponn.trainability.record import ABILITIES
from toponn.training.devices import device_of
from toponn.training.loop import Batch, Trained, evaluate, train
from toponn.training.protocol import Success, Variant
from toponn.training.saved import load_runs
from toponn.training.views import build_model, encoded, shapes_of

NO_DERIVATIVE = re.compile(r"derivative for .* is not implemented", re.DOTALL)
"""How torch says that an operation has no second derivative."""


class Measured(NamedTuple):
    """What a diagnostic returns: rows of the table of diagnostics, and arrays for its figure."""

    rows: pd.DataFrame
    arrays: dict[str, np.ndarray]


@dataclass(frozen=True)
class Subject:
    """One variant of the study on one task, with its datasets and trained runs.

    Attributes
    ----------
    task : "winding" or "chern"
    variant : with the learning rate and weight decay that the search chose
    datasets : dataset files by role: ``home``, on which the variant is trained, and those that the diagnostic needs
    folders : run folders of the variant's trained blocks, if the diagnostic needs them
    root : seed of the study
    success : when a seed counts as successful
    device : "auto", "cpu" or "cuda"
    runs : how many seeds of the folders belong to the study, counted from the first; None for all
    """

    task: str
    variant: Variant
    datasets: Mapping[str, Sequence[Path]]
    folders: Sequence[Path]
    root: int
    success: Success
    device: str = "auto"
    runs: int | None = None

    @property
    def home(self) -> Path:
        """The dataset that the variant is trained on."""
        return self.datasets["home"][0]


@dataclass(frozen=True)
class Seen:
    """Encoded splits of a dataset, and the model that is built for them.

    Attributes
    ----------
    model : built for the samples
    samples : encoded, by split
    dataset : the first of the splits, for its geometry
    """

    model: Model
    samples: Mapping[str, Batch]
    dataset: Samples

    @property
    def size(self) -> int:
        """Number of cells (1D) or sites (2D) of a sample."""
        return self.dataset.n_places

    def closed_form(self, like: Parameters) -> Parameters:
        """Return the closed form of the model on these samples, shaped and typed like `like`."""
        return self.model.closed_form(like, self.dataset.places, self.dataset.area_per_place)


def seen(variant: Variant, path: Path, splits: Sequence[str], *, seeds: int, uses: int | None = None) -> Seen:
    """Return splits of a dataset in the encoding that a variant reads, and its model for them.

    Parameters
    ----------
    seeds, uses : how many seeds are evaluated on each sample, and how often each (by default as often as in training);
        the fastest encoding depends on them

    Raises
    ------
    NotApplicable
        If its encoding cannot represent them.
    """
    uses = variant.uses if uses is None else uses
    parts = {split: read_dataset(path, split) for split in dict.fromkeys(splits)}
    samples = {split: encoded(variant, part, seeds=seeds, uses=uses) for split, part in parts.items()}
    first = next(iter(parts))
    return Seen(build_model(variant, shapes_of(samples[first])), samples, parts[first])


def seen_in_training(subject: Subject, path: Path, seeds: int) -> Seen:
    """Return the encoded splits of a dataset that training and scoring need, and the subject's model for them."""
    return seen(subject.variant, path, ("train", "validation", subject.success.split), seeds=seeds)


def doubled(samples: Batch) -> Batch:
    """Return samples in double precision."""
    return Batch({name: _double(t) for name, t in samples.inputs.items()}, samples.labels)


def doubled_parameters(parameters: Parameters) -> Parameters:
    """Return parameters of the model, without the head's temperature, in double precision."""
    return {name: _double(t) for name, t in parameters.items() if not name.startswith("head.")}


def _double(tensor: Tensor) -> Tensor:
    if tensor.is_complex():
        return tensor.to(torch.complex128)
    return tensor.double() if tensor.is_floating_point() else tensor


def squared_loss(model: Model, parameters: Parameters, samples: Batch) -> Tensor:
    """Return ``½⟨(f − C)²⟩`` (S,): the loss of training, up to a constant, at the temperature τ = 1 of every start.

    ``−log p(C) = (f − C)²/2τ² + log Z(f)``, and by Poisson's summation log Z over all integers is constant to within
    ``2 exp(−2π²τ²)``, which is 5e-9 at τ = 1.
    """
    return 0.5 * (model.value(parameters, samples.inputs) - samples.labels).square().mean(dim=1)


def study_runs(subject: Subject) -> tuple[list[int], Parameters]:
    """Return the numbers of the study's seeds and their trained weights (S, …), without the head's temperature.

    The weights of a seed that failed are NaN.
    """
    runs = load_runs(subject.folders, seeds=subject.runs)
    numbers = [seed for run in runs for seed in run.document["seeds"]]
    names = [name for run in runs[:1] for name in run.parameters if not name.startswith("head.")]
    return numbers, {name: torch.cat([run.parameters[name] for run in runs]) for name in names}


def trained_parameters(subject: Subject, seeds: int) -> Parameters:
    """Return the trained weights of the first `seeds` seeds that did not fail, without the head's temperature.

    Raises
    ------
    NotApplicable
        If all failed.
    """
    _, every = study_runs(subject)
    finite = torch.nonzero(finite_seeds(every)).flatten()[:seeds]
    require(len(finite) > 0, "no trained seed has finite weights")
    return {name: tensor[finite] for name, tensor in every.items()}


def trained_seeds(subject: Subject, seeds: int) -> list[int]:
    """Return the numbers of the seeds whose weights `trained_parameters` returns."""
    numbers, every = study_runs(subject)
    return np.array(numbers)[finite_seeds(every).numpy()][:seeds].tolist() if numbers else []


def study_scores(subject: Subject, here: Seen, seeds: int) -> np.ndarray:
    """Return the scores (S,) of the first `seeds` seeds of the study on the split of success, NaN where one failed."""
    parameters = {name: tensor[:seeds] for name, tensor in study_runs(subject)[1].items()}
    return scores(here.model, parameters, here.samples[subject.success.split])


def scores(model: Model, parameters: Parameters, samples: Batch) -> np.ndarray:
    """Return the balanced accuracy (S,) of every seed, NaN where one gives values that are not finite."""
    value = evaluate(model, parameters, samples).cpu()
    right = balanced_accuracy(samples.labels.cpu().numpy(), predictions(value).numpy())
    return np.where(torch.isfinite(value).all(dim=1).numpy(), right, np.nan)


def outcome(
    subject: Subject, here: Seen, initial: Parameters, training: Batch | None = None, **changes: Any
) -> tuple[Trained, np.ndarray]:
    """Train from `initial` with the subject's own settings, or some of them changed; return the outcome and its scores.

    Parameters
    ----------
    here : the model, and the splits ``train`` (unless `training` is given), ``validation`` and that of the success
    initial : starting values of S seeds
    training : samples to train on instead of the split ``train``
    changes : settings of `toponn.training.protocol.Training` that differ from the variant's

    Returns
    -------
    trained : Trained
    scores : (S,) balanced accuracy on the split of success, NaN where a seed failed
    """
    hyper = asdict(replace(subject.variant.training, **changes))
    order = {"root": subject.root, "order": here.dataset.name, "device": device_of(subject.device)}
    samples = here.samples["train"] if training is None else training
    trained = train(here.model, initial, samples, here.samples["validation"], **hyper, **order)
    held_out = scores(here.model, trained.parameters, here.samples[subject.success.split])
    return trained, np.where(trained.failed, np.nan, held_out)


def fitted_parameters(here: Seen, training: Batch) -> Parameters:
    """Return the weights, of one seed, of a model that is solved rather than trained, for these training samples."""
    held_out = here.samples["validation"]
    return here.model.fit(training.inputs, training.labels, held_out.inputs, held_out.labels)


def fitted_scores(subject: Subject, here: Seen, training: Batch) -> np.ndarray:
    """Return the score (1,) on the split of success of a model that is solved for these training samples."""
    return scores(here.model, fitted_parameters(here, training), here.samples[subject.success.split])


def unit_rows(
    subject: Subject, here: Seen, conditions: Mapping[str, Any], seeds: Sequence[float], **diagnostics: np.ndarray
) -> pd.DataFrame:
    """Return rows of the table of diagnostics, one for each seed and diagnostic.

    Parameters
    ----------
    conditions : the conditions under which the values were measured, by column
    seeds : numbers of the S seeds
    diagnostics : values (S,) by name of the diagnostic
    """
    about = {"task": subject.task, "variant": subject.variant.name, "model": here.model.family}
    about |= {"form": here.model.form, "size": here.size, **conditions, "status": "ok"}
    parts = [
        pd.DataFrame({"seed": list(seeds), "value": np.asarray(values, dtype=float)}).assign(diagnostic=name, **about)
        for name, values in diagnostics.items()
    ]
    return pd.concat(parts, ignore_index=True)


def scored_rows(
    subject: Subject, here: Seen, conditions: Mapping[str, Any], seeds: Sequence[int], kind: str, scores: np.ndarray
) -> pd.DataFrame:
    """Return rows ``<kind>_success`` and ``<kind>_balanced_accuracy`` of scores (S,), NaN where a seed failed."""
    values = {f"{kind}_success": success_values(subject, scores), f"{kind}_balanced_accuracy": scores}
    return unit_rows(subject, here, conditions, seeds, **values)


def root_mean_square(tensor: Tensor, first: int = 1) -> Tensor:
    """Return the root mean square over the axes from `first` on, which are kept with length one."""
    return tensor.square().mean(dim=tuple(range(first, tensor.ndim)), keepdim=True).sqrt()


def success_values(subject: Subject, scores: np.ndarray) -> np.ndarray:
    """Return 1.0 for scores (S,) of seeds that succeed and 0.0 for others, those of failed seeds (NaN) among them."""
    return (np.nan_to_num(scores) >= subject.success.balanced_accuracy).astype(float)


def inapplicable_row(
    subject: Subject, here: Seen, diagnostic: str, reason: object, conditions: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return the one row, without seed or value, that says why a diagnostic does not apply under these conditions."""
    LOGGER.info("%s %s: not applicable: %s", diagnostic, dict(conditions or {}), reason)
    row = unit_rows(subject, here, conditions or {}, [np.nan], **{diagnostic: np.array([np.nan])})
    return row.assign(status=f"not applicable: {reason}")


def diagnosed(name: str, diagnostic: Callable[..., Measured], subject: Subject, **options: Any) -> Measured:
    """Return what a diagnostic measures; one row with the reason where it does not apply, so that the study goes on.

    Parameters
    ----------
    name : its key in the study
    options : options of the diagnostic
    """
    try:
        return diagnostic(subject, **options)
    except NotApplicable as error:
        reason = str(error)
    except RuntimeError as error:
        if not NO_DERIVATIVE.search(str(error)):
            raise
        LOGGER.info("%s", error)
        reason = ABILITIES["second derivative"]
    here = seen(subject.variant, subject.home, ["validation"], seeds=1, uses=1)
    return Measured(inapplicable_row(subject, here, name, reason), {})
