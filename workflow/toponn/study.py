"""What the workflow derives from a checked study: seeds of each job, models and datasets of each task."""

import math
from collections.abc import Mapping
from typing import Any

SEARCHED = ("learning_rate", "weight_decay")
"""What a list of values may stand for, of which the validation split chooses one."""


def blocks(n_seeds: int, block: int) -> list[list[int]]:
    """Return the seeds of each job; more seeds leave every full block as it is.

    Examples
    --------
    >>> blocks(5, 2)
    [[0, 1], [2, 3], [4]]
    """
    return [list(range(first, min(first + block, n_seeds))) for first in range(0, n_seeds, block)]


def trained_models(config: Mapping[str, Any], task: str) -> list[str]:
    """Return the keys of the models that are trained for `task`."""
    return list(config["tasks"][task]["models"])


def tested_models(config: Mapping[str, Any], task: str) -> list[str]:
    """Return the keys of the models of `task` that are put to its tests: those with a random start."""
    return [m for m in trained_models(config, task) if start_of(config["models"][m]) == "random"]


def ring_models(config: Mapping[str, Any], task: str) -> list[str]:
    """Return the keys of the tensor rings among the models of `task`."""
    return [m for m in trained_models(config, task) if config["models"][m]["model"] == "ring"]


def tests_of(config: Mapping[str, Any], task: str) -> list[str]:
    """Return the datasets that the weights of `task` are tested on: its own first, by its test split."""
    return [config["tasks"][task]["dataset"], *config["tasks"][task]["tests"]]


def other_sizes(config: Mapping[str, Any], task: str) -> dict[str, list[str]]:
    """Return the datasets of other sizes of `task`, and the models that are trained on each."""
    parts = config["tasks"][task].get("sizes", {"datasets": [], "models": []})
    return {dataset: list(parts["models"]) for dataset in parts["datasets"]}


def datasets_in_use(config: Mapping[str, Any]) -> list[str]:
    """Return every dataset that a task needs, once."""
    needed = (name for task in config["tasks"] for name in (*tests_of(config, task), *other_sizes(config, task)))
    return list(dict.fromkeys(needed))


def is_searched(settings: Mapping[str, Any]) -> bool:
    """Return whether the learning rate or weight decay of a model is yet to be chosen."""
    training = settings.get("training", {})
    return any(isinstance(training.get(key), list) for key in SEARCHED)


def n_trials(settings: Mapping[str, Any]) -> int:
    """Return how many combinations of the learning rates and weight decays of a model there are to try."""
    tried = [settings["training"][key] for key in SEARCHED]
    return math.prod(len(values) if isinstance(values, list) else 1 for values in tried)


def start_of(settings: Mapping[str, Any]) -> str:
    """Return where a model with these settings starts; models without the choice start at random."""
    return settings.get("start", "random")
