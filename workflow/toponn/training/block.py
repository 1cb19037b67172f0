"""The seeds of a block while they train: which still run, at which epoch the others ended, and which failed."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from toponn.models.base import Parameters, finite_seeds
from toponn.models.head import TEMPERATURE

ARRAYS = ("running", "best", "best_epoch", "epochs", "failed")
"""NumPy attributes of a block, with an entry for each (running) seed; a checkpoint holds them beside the tensors."""


class Block:
    """Stacked parameters of the seeds that still train, their optimizer, and what became of the others.

    AdamW updates each number by its own gradient alone, so that seeds can share an optimizer and not affect each other.

    Parameters
    ----------
    parameters : of all S seeds
    weight_decay : decoupled weight decay (AdamW) of all parameters but the head's temperature
    patience : epochs without a lower validation loss after which a seed ends and goes back to its best weights; with
        None it runs to the last epoch and keeps the weights of that
    """

    def __init__(self, parameters: Parameters, weight_decay: float, patience: int | None):
        self.weight_decay, self.patience = weight_decay, patience
        count = len(next(iter(parameters.values())))
        self.kept = {name: tensor.clone() for name, tensor in parameters.items()}
        self.best, self.best_epoch = np.full(count, np.inf), np.zeros(count, dtype=np.int64)
        self.epochs, self.failed = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self._run(np.arange(count), parameters)

    def _run(self, running: np.ndarray, parameters: Parameters, state: Mapping[str, Mapping] | None = None) -> None:
        """Continue with the seeds `running`: their parameters, and a new AdamW with the state given by parameter."""
        self.running = running
        self.leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in parameters.items()}
        weights = [leaf for name, leaf in self.leaves.items() if name != TEMPERATURE]
        groups = [{"params": weights}, {"params": [self.leaves[TEMPERATURE]], "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=self.weight_decay, fused=True)
        for name, entries in (state or {}).items():
            self.optimizer.state[self.leaves[name]] = dict(entries)

    def set_rates(self, weights: float, temperature: float) -> None:
        """Set the learning rates of the next steps: of the model's weights, and of the head's temperature."""
        for group, rate in zip(self.optimizer.param_groups, (weights, temperature), strict=True):
            group["lr"] = rate

    def step(self) -> None:
        """Move all seeds along the gradients that their leaves hold."""
        self.optimizer.step()

    def settle(self, epoch: int, last: int, train_loss: np.ndarray, validation_loss: np.ndarray) -> None:
        """Record an epoch, and take out the seeds that failed or did not improve for `patience` epochs, at the end all.

        Parameters
        ----------
        epoch, last : this epoch and the last one, from 1
        train_loss, validation_loss : (S,) float64, of all seeds that the block began with
        """
        at = self.running
        self.epochs[at] = epoch
        finite = np.isfinite(train_loss[at]) & np.isfinite(validation_loss[at])
        finite &= finite_seeds(self.leaves).cpu().numpy()
        self.failed[at[~finite]] = epoch
        better = finite & ((validation_loss[at] < self.best[at]) | (self.patience is None))
        self.best[at[better]], self.best_epoch[at[better]] = validation_loss[at[better]], epoch
        stale = epoch - self.best_epoch[at] >= (np.inf if self.patience is None else self.patience)
        for name, leaf in self.leaves.items():
            if self.patience is not None or epoch == last:
                self.kept[name][at[better]] = leaf.detach()[better]
            self.kept[name][at[~finite]] = torch.nan
        stay = finite & ~stale & (epoch < last)
        if not stay.all():
            self._keep(stay)

    def _keep(self, stay: np.ndarray) -> None:
        parameters = {name: leaf.detach()[stay] for name, leaf in self.leaves.items()}
        state = {
            name: {key: value[stay] if value.ndim else value for key, value in self.optimizer.state[leaf].items()}
            for name, leaf in self.leaves.items()
        }
        self._run(self.running[stay], parameters, state)

    def final(self) -> Parameters:
        """Return the parameters of all S seeds, on the CPU."""
        return {name: tensor.cpu() for name, tensor in self.kept.items()}

    def state(self) -> dict[str, Tensor]:
        """Return copies of all that a later `restore` needs, by name."""
        state = {f"kept/{name}": tensor.clone() for name, tensor in self.kept.items()}
        for name in ARRAYS:
            state[name] = torch.from_numpy(getattr(self, name).copy())
        for name, leaf in self.leaves.items():
            state[f"parameter/{name}"] = leaf.detach().clone()
            for key, value in self.optimizer.state[leaf].items():
                state[f"optimizer/{key}/{name}"] = value.clone()
        return state

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned."""
        device = next(iter(self.kept.values())).device
        for name in ARRAYS:
            setattr(self, name, state[name].numpy().copy())
        self.kept = {name: state[f"kept/{name}"].to(device) for name in self.kept}
        moments: dict[str, dict[str, Tensor]] = {name: {} for name in self.leaves}
        for entry, value in state.items():
            if entry.startswith("optimizer/"):
                _, key, name = entry.split("/", 2)
                moments[name][key] = value.to(device)
        self._run(self.running, {name: state[f"parameter/{name}"].to(device) for name in self.leaves}, moments)
