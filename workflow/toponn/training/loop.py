"""The training loop: all seeds of a block at once, each as if it were alone."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from toponn.data.encodings import is_shared
from toponn.models.base import Inputs, Model, Parameters
from toponn.models.head import TEMPERATURE, negative_log_likelihood, predictions
from toponn.tools.checks import DataError
from toponn.tools.joblog import LOGGER, Progress
from toponn.tools.seeds import stream
from toponn.tools.statistics import balanced_accuracy
from toponn.training.block import Block
from toponn.training.checkpoints import load_checkpoint, save_checkpoint

CHECKPOINT_SECONDS = 10.0
"""Least time between two checkpoints."""

TEMPERATURE_RATE = 0.02
"""Learning rate of the head's log temperature at the first step. It is the same for all models, since the temperature
is in units of the integers, whatever the scale of a model's weights."""

EVALUATION_BATCH = 200
"""Samples that are evaluated at a time."""

RECORDS = ("train_loss", "validation_loss", "validation_balanced_accuracy", "gradient_norm")
"""What the history records of every seed and epoch."""


@dataclass(frozen=True)
class Batch:
    """Samples as a model sees them: encoded inputs, and labels (B,) int64."""

    inputs: Inputs
    labels: Tensor

    def __post_init__(self) -> None:
        """Refuse labels that are no list of real numbers, and inputs of another number of samples."""
        if self.labels.ndim != 1 or self.labels.is_complex():
            found = f"{self.labels.dtype} of shape {tuple(self.labels.shape)}"
            raise DataError(f"labels: found {found}; allowed: real numbers of shape (B,)")
        for name, t in self.inputs.items():
            if not is_shared(name, t.ndim) and (t.ndim == 0 or len(t) != len(self.labels)):
                allowed = f"{len(self.labels)} samples first, as labels has"
                raise DataError(f"inputs.{name}: found shape {tuple(t.shape)}; allowed: {allowed}")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Tensor | slice) -> "Batch":
        """Return some of the samples; arrays that belong to the geometry of all are passed on as they are."""
        inputs = {name: t if is_shared(name, t.ndim) else t[rows] for name, t in self.inputs.items()}
        return Batch(inputs, self.labels[rows])

    def to(self, device: torch.device) -> "Batch":
        """Return the samples on a device."""
        return Batch({name: t.to(device) for name, t in self.inputs.items()}, self.labels.to(device))


@dataclass(frozen=True)
class Trained:
    """The outcome of training a block of S seeds.

    Attributes
    ----------
    parameters : those of every seed, of its best epoch if there is a patience, else of its last; NaN where it failed
    history : (epochs + 1, S) float64 for each of `RECORDS`; row 0 is before the first step, rows after the end of a
        seed are NaN
    epochs : (S,) int64, the last epoch of every seed
    kept : (S,) int64, the epoch whose weights `parameters` holds
    failed : (S,) bool, whether its loss or weights became infinite or NaN, which ends it in that epoch
    """

    parameters: Parameters
    history: dict[str, np.ndarray]
    epochs: np.ndarray
    kept: np.ndarray
    failed: np.ndarray


def train(
    model: Model,
    parameters: Parameters,
    training: Batch | Sequence[Batch],
    validation: Batch | Sequence[Batch],
    *,
    root: int,
    order: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    patience: int | None = None,
    device: torch.device | str = "cpu",
    checkpoint: Path | None = None,
    key: str = "",
) -> Trained:
    """Train all seeds of a block together with AdamW, a cosine schedule and the likelihood of the labels.

    Seeds share batches and nothing else: their losses are summed, so that each has the gradient of its own. A seed
    leaves the block when its loss or weights become infinite or NaN, or when its validation loss has not fallen for
    `patience` epochs.

    Parameters
    ----------
    parameters : starting values of S seeds
    training, validation : samples of one geometry, or several such groups; every batch is taken from one group, in a
        shuffled order, and the validation loss is the mean over the samples of all groups
    root, order : seed of the study, and name of the random stream that shuffles the samples; the seeds of a dataset
        share it and see the same batches
    epochs, batch_size : passes over the training samples, and samples of one step
    learning_rate : that of the first step, which falls along half a cosine towards 0
    weight_decay : decoupled weight decay of all parameters but the head's temperature
    patience : epochs without a lower validation loss after which a seed ends and goes back to its best; with None all
        epochs are run
    checkpoint : file from which an interrupted training continues, if its `key`, a digest of the work, is the same
    """
    if TEMPERATURE not in parameters:
        parameters = {**parameters, TEMPERATURE: torch.zeros(len(next(iter(parameters.values()))))}
    training, validation = grouped(training, device), grouped(validation, device)
    block = Block({name: tensor.to(device) for name, tensor in parameters.items()}, weight_decay, patience)
    history = {name: np.full((epochs + 1, len(block.failed)), np.nan) for name in RECORDS}
    done = 0
    earlier = load_checkpoint(checkpoint, key) if checkpoint else None
    if earlier:
        done, state, history = earlier
        block.restore(state)
    else:
        parts = [part for group in training for part in batches(group, batch_size)]
        steps = [gradients(model, block.leaves, part) for part in parts]
        record(history, 0, block, model, validation, *zip(*steps, strict=True))
    progress, saved = Progress(epochs, "epochs", done), time.monotonic()
    for epoch in range(done + 1, epochs + 1):
        if not len(block.running):
            break
        # Step through the shuffled samples.
        block.set_rates(learning_rate * cosine(epoch, epochs), TEMPERATURE_RATE * cosine(epoch, epochs))
        losses, norms = [], []
        for part in shuffled(training, batch_size, stream(root, "order", order, epoch)):
            loss, norm = gradients(model, block.leaves, part)
            block.step()
            losses.append(loss)
            norms.append(norm)
        # Evaluate and record; seeds that are done leave.
        record(history, epoch, block, model, validation, losses, norms)
        block.settle(epoch, epochs, *(history[name][epoch] for name in ("train_loss", "validation_loss")))
        median = np.nanmedian(history["validation_balanced_accuracy"][epoch])
        progress.advance(note=f"{len(block.running)} seeds, median validation balanced accuracy {median:.3f}")
        # Save.
        if checkpoint and (time.monotonic() - saved > CHECKPOINT_SECONDS) and len(block.running):
            save_checkpoint(checkpoint, key, epoch, block.state(), history)
            saved = time.monotonic()
    for seed in np.flatnonzero(block.failed):
        LOGGER.warning("the seed in place %d of the block went non-finite in epoch %d", seed, block.failed[seed])
    return Trained(block.final(), history, block.epochs, block.best_epoch, block.failed > 0)


def cosine(epoch: int, epochs: int) -> float:
    """Return the factor of the learning rates in an epoch, which falls from 1 in the first along half a cosine to 0."""
    return 0.5 * (1 + float(np.cos(np.pi * (epoch - 1) / epochs)))


def grouped(samples: Batch | Sequence[Batch], device: torch.device | str) -> list[Batch]:
    """Return samples as a list of groups of one geometry each, on a device."""
    groups = [samples] if isinstance(samples, Batch) else samples
    return [group.to(device) for group in groups]


def shuffled(groups: Sequence[Batch], size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield batches of at most `size` samples of one group each: samples are shuffled, then batches across groups."""
    rows = [rng.permutation(len(group)) for group in groups]
    parts = [(k, some[start : start + size]) for k, some in enumerate(rows) for start in range(0, len(some), size)]
    for place in rng.permutation(len(parts)) if len(groups) > 1 else range(len(parts)):
        k, some = parts[place]
        yield groups[k][torch.from_numpy(some).to(groups[k].labels.device)]


def batches(samples: Batch, size: int) -> list[Batch]:
    """Return consecutive batches of `size` samples; the last may be smaller."""
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def gradients(model: Model, leaves: Parameters, part: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Set the gradients of the loss on one batch; return the loss and the norm of the gradient, (S,) each.

    The norm is over the model's parameters without the head's temperature.
    """
    for leaf in leaves.values():
        leaf.grad = None
    loss = negative_log_likelihood(model.value(leaves, part.inputs), leaves[TEMPERATURE], part.labels)
    loss.sum().backward()
    squares = [t.grad.reshape(len(t), -1).square().sum(dim=1) for name, t in leaves.items() if name != TEMPERATURE]
    return loss.detach().cpu().numpy(), torch.stack(squares).sum(dim=0).sqrt().cpu().numpy()


def record(
    history: dict[str, np.ndarray],
    epoch: int,
    block: Block,
    model: Model,
    validation: Sequence[Batch],
    losses: Sequence[np.ndarray],
    norms: Sequence[np.ndarray],
) -> None:
    """Write the row of one epoch: means of loss and gradient norm over its batches, loss and accuracy in validation."""
    value = torch.cat([evaluate(model, block.leaves, group) for group in validation], dim=1)
    labels = torch.cat([group.labels for group in validation])
    with torch.no_grad():
        loss = negative_log_likelihood(value, block.leaves[TEMPERATURE], labels)
    row = epoch, block.running
    history["train_loss"][row] = np.mean(losses, axis=0)  # batches count alike, as they do in the steps
    history["gradient_norm"][row] = np.mean(norms, axis=0)
    history["validation_loss"][row] = loss.cpu().numpy()
    guesses = predictions(value).cpu().numpy()
    history["validation_balanced_accuracy"][row] = balanced_accuracy(labels.cpu().numpy(), guesses)


def evaluate(model: Model, parameters: Parameters, samples: Batch) -> Tensor:
    """Return f (S, B) without gradients, a few samples at a time."""
    with torch.no_grad():
        return torch.cat([model.value(parameters, part.inputs) for part in batches(samples, EVALUATION_BATCH)], dim=1)
