"""The training loop: all seeds of a block at once."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from toponn.encodings import SHARED
from toponn.joblog import Progress
from toponn.models.base import Inputs, Model, Parameters
from toponn.models.head import TEMPERATURE, negative_log_likelihood, predictions
from toponn.seeds import stream
from toponn.statistics import balanced_accuracy
from toponn.training.checkpoints import load_checkpoint, save_checkpoint

CHECKPOINT_SECONDS = 10.0
TEMPERATURE_RATE = 0.02
"""Learning rate of the head's temperature, the same for all models: its scale does not depend on theirs."""

EVALUATION_BATCH = 200


@dataclass(frozen=True)
class Samples:
    """Encoded inputs and labels (B,) int64 of one split."""

    inputs: Inputs
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: Tensor | slice) -> "Samples":
        """Return some of the samples; arrays that belong to the geometry are passed on as they are."""
        inputs = {name: t if name in SHARED else t[rows] for name, t in self.inputs.items()}
        return Samples(inputs, self.labels[rows])


@dataclass
class History:
    """Per-epoch records, each (epochs + 1, S): epoch 0 is before the first step."""

    train_loss: list[np.ndarray] = field(default_factory=list)
    validation_loss: list[np.ndarray] = field(default_factory=list)
    validation_balanced_accuracy: list[np.ndarray] = field(default_factory=list)
    gradient_norm: list[np.ndarray] = field(default_factory=list)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the records as arrays."""
        return {name: np.array(rows) for name, rows in vars(self).items()}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "History":
        """Return the history that `arrays` returned."""
        return cls(**{name: list(rows) for name, rows in arrays.items()})


def train(
    model: Model,
    parameters: Parameters,
    training: Samples,
    validation: Samples,
    *,
    root: int,
    order: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    checkpoint: Path | None = None,
    key: str = "",
) -> tuple[Parameters, dict[str, np.ndarray]]:
    """Train stacked parameters by AdamW on −log p(label), and return them with the history.

    The learning rate falls to zero along a cosine. Samples are shuffled anew every epoch from the stream
    (`root`, "order", `order`, epoch), which does not depend on the block: seeds differ by their start alone, and a
    seed that goes non-finite leaves its neighbours untouched because nothing mixes seeds.

    Parameters
    ----------
    parameters : tensors (S, …); they are copied
    order : name of the stream of shuffles
    checkpoint, key : where progress is kept, and what identifies this work
    """
    # Prepare: leaves, optimizer, and whatever an interrupted attempt left.
    parameters = {**parameters, TEMPERATURE: torch.zeros(len(next(iter(parameters.values()))))}
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in parameters.items()}
    weights = [leaf for name, leaf in leaves.items() if name != TEMPERATURE]
    groups = [{"params": weights}, {"params": [leaves[TEMPERATURE]], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, weight_decay=weight_decay)
    rates = (learning_rate, TEMPERATURE_RATE)
    history, done = History(), 0
    earlier = load_checkpoint(checkpoint, key) if checkpoint else None
    if earlier:
        done, state, records = earlier
        restore(leaves, optimizer, state)
        history = History.of(records)
    else:
        losses, norms = zip(*(gradients(model, leaves, part) for part in batches(training, batch_size)), strict=True)
        record(history, model, leaves, validation, losses, norms)
    progress, saved = Progress(epochs, "epochs", done), time.monotonic()
    for epoch in range(done + 1, epochs + 1):
        # Step through the shuffled samples.
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * 0.5 * (1 + np.cos(np.pi * (epoch - 1) / epochs))
        losses, norms = [], []
        rows = torch.from_numpy(stream(root, "order", order, epoch).permutation(len(training)))
        for part in batches(training.batch(rows), batch_size):
            loss, norm = gradients(model, leaves, part)
            optimizer.step()
            losses.append(loss)
            norms.append(norm)
        # Evaluate and record.
        record(history, model, leaves, validation, losses, norms)
        median = np.median(history.validation_balanced_accuracy[-1])
        progress.advance(note=f"median validation balanced accuracy {median:.3f}")
        # Save.
        if checkpoint and (time.monotonic() - saved > CHECKPOINT_SECONDS) and epoch < epochs:
            save_checkpoint(checkpoint, key, epoch, snapshot(leaves, optimizer), history.arrays())
            saved = time.monotonic()
    return {name: leaf.detach() for name, leaf in leaves.items()}, history.arrays()


def batches(samples: Samples, size: int) -> list[Samples]:
    """Return consecutive batches of `size` samples; the last may be smaller."""
    return [samples.batch(slice(start, start + size)) for start in range(0, len(samples), size)]


def gradients(model: Model, leaves: Parameters, part: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Set the gradients of the loss on one batch; return the loss and the norm of the gradient, (S,) each.

    The norm is over the model's parameters without the head's temperature.
    """
    for leaf in leaves.values():
        leaf.grad = None
    loss = negative_log_likelihood(model.value(leaves, part.inputs), leaves[TEMPERATURE], part.labels)
    loss.sum().backward()
    squares = [leaf.grad.flatten(1).square().sum(dim=1) for name, leaf in leaves.items() if name != TEMPERATURE]
    return loss.detach().numpy(), torch.stack(squares).sum(dim=0).sqrt().numpy()


def record(
    history: History,
    model: Model,
    leaves: Parameters,
    validation: Samples,
    losses: list[np.ndarray],
    norms: list[np.ndarray],
) -> None:
    """Append one epoch: mean loss and gradient norm over its batches, and the validation split."""
    value = evaluate(model, leaves, validation)
    with torch.no_grad():
        loss = negative_log_likelihood(value, leaves[TEMPERATURE], validation.labels)
    history.train_loss.append(np.mean(losses, axis=0))  # batches count alike, as they do in the steps
    history.gradient_norm.append(np.mean(norms, axis=0))
    history.validation_loss.append(loss.numpy())
    guesses = predictions(value).numpy()
    history.validation_balanced_accuracy.append(balanced_accuracy(validation.labels.numpy(), guesses))


def evaluate(model: Model, parameters: Parameters, samples: Samples) -> Tensor:
    """Return f (S, B) without gradients, a few samples at a time."""
    with torch.no_grad():
        return torch.cat([model.value(parameters, part.inputs) for part in batches(samples, EVALUATION_BATCH)], dim=1)


def snapshot(leaves: Parameters, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return copies of the parameters and of the optimizer's state, by name."""
    state = {f"parameter/{name}": leaf.detach().clone() for name, leaf in leaves.items()}
    for name, leaf in leaves.items():
        for key, value in optimizer.state[leaf].items():
            state[f"optimizer/{key}/{name}"] = torch.as_tensor(value).clone()
    return state


def restore(leaves: Parameters, optimizer: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Put a `snapshot` back."""
    with torch.no_grad():
        for name, leaf in leaves.items():
            leaf.copy_(state[f"parameter/{name}"])
            optimizer.state[leaf] = {
                key.split("/")[1]: value.clone()
                for key, value in state.items()
                if key.startswith("optimizer/") and key.split("/", 2)[2] == name
            }
