"""Checkpoints from which an interrupted training goes on and ends bit-identical to one that was not interrupted."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from toponn.tools.checks import DataError
from toponn.tools.files import read_arrays, write_arrays
from toponn.tools.joblog import LOGGER


def save_checkpoint(
    path: Path, key: str, epoch: int, state: Mapping[str, torch.Tensor], history: Mapping[str, np.ndarray]
) -> None:
    """Write the state after `epoch` and the history up to it; `key` is a digest of settings, seeds, data and code."""
    arrays = {f"state/{name}": tensor.detach().cpu().numpy() for name, tensor in state.items()}
    arrays |= {f"history/{name}": values for name, values in history.items()}
    write_arrays(path, arrays, {"key": key, "epoch": epoch})


def load_checkpoint(path: Path, key: str) -> tuple[int, dict[str, torch.Tensor], dict[str, np.ndarray]] | None:
    """Return (epoch, state, history) of an earlier attempt at the same work, or None where there is none to use.

    A damaged checkpoint, or one of other work, is never used; the log says so.
    """
    if not path.exists():
        return None
    try:
        arrays, attributes = read_arrays(path)
    except DataError as error:
        LOGGER.warning("starting afresh: %s", error)
        return None
    if attributes.get("key") != key or "epoch" not in attributes:
        LOGGER.info("starting afresh: the checkpoint belongs to other settings or data")
        return None
    state = {
        name[6:]: torch.from_numpy(np.asarray(array)) for name, array in arrays.items() if name.startswith("state/")
    }
    history = {name[8:]: array for name, array in arrays.items() if name.startswith("history/")}
    return int(attributes["epoch"]), state, history
