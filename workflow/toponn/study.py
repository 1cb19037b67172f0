"""What the workflow derives from a checked study: seeds of each job, models and datasets of each task."""

import math
from collections.abc import Mapping
from typing import Any

SEARCHED = ("learning_rate", "weight_decay")
"""What a list of values may stand for, of which the validation split chooses one."""

ROLES = ("smaller", "clean", "many", "scaling")
"""Datasets of a task, beside the one that it is trained on, that diagnostics look at."""

HOME, MISLEADING, ALL = "training data", "misleading", "all"
"""Kinds of tests that a study does not name: the training dataset's own, the proxy tests, and all but the first."""

PLAIN = ("cnn", "resnet", "mlp")
"""The networks that know nothing of the invariant, which the hybrid is compared with."""

NEEDS: dict[str, tuple[str, ...]] = {
    "learning_rates": ("gradient", "runs"),
    "scales": ("gradient", "runs"),
    "sample_sizes": ("many",),
    "clean": ("clean",),
    "gradients": ("gradient", "scaling"),
    "basin": ("gradient", "closed form", "smaller"),  # at home alone where there is none
    "hessian": ("gradient", "runs"),
    "kernel": ("gradient", "runs"),
    "landscape": ("gradient", "closed form", "runs"),
    "pruning": ("runs",),
    "ablation": ("runs",),
    "remedies": ("gradient", "closed form", "smaller"),
}
"""What each diagnostic needs: a model trained by gradients or with a closed form, its trained runs, datasets."""


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
    return list(kinds_of(config, task))


def other_tests(config: Mapping[str, Any], task: str) -> list[str]:
    """Return the tests of `task` on datasets other than its own."""
    return tests_of(config, task)[1:]


def honest_tests(config: Mapping[str, Any], task: str) -> list[str]:
    """Return those of the other tests that are not made to mislead."""
    return [test for test, kind in kinds_of(config, task).items() if kind not in (HOME, MISLEADING)]


def kinds_of(config: Mapping[str, Any], task: str) -> dict[str, str]:
    """Return each test of `task` and what it changes: one of its `tests`' keys, or `HOME`, or `MISLEADING`."""
    parts = config["tasks"][task]
    kinds = {parts["dataset"]: HOME} | {test: kind for kind, tests in parts["tests"].items() for test in tests}
    return kinds | dict.fromkeys(proxies_of(config, task), MISLEADING)


def most_seeds(config: Mapping[str, Any], task: str) -> dict[str, int]:
    """Return the tests of `task` that take no more than so many seeds of every model."""
    return dict(config["tasks"][task].get("test_seeds", {}))


def proxies_of(config: Mapping[str, Any], task: str) -> list[str]:
    """Return the tests of `task` on which a proxy and the invariant disagree."""
    return list(config["tasks"][task].get("proxies", []))


def other_sizes(config: Mapping[str, Any], task: str) -> dict[str, list[str]]:
    """Return the datasets of other sizes of `task`, and the models that are trained on each."""
    parts = config["tasks"][task].get("sizes", {"datasets": [], "models": []})
    return {dataset: list(parts["models"]) for dataset in parts["datasets"]}


def left_out_parts(config: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return the datasets of `task` of which each is left out once, and the models and seeds trained on the others."""
    return config["tasks"][task].get("left_out", {"datasets": [], "models": [], "seeds": 0})


def seeds_of(config: Mapping[str, Any], task: str, dataset: str, model: str) -> int:
    """Return how many seeds of a model are trained on a dataset; at other sizes `sizes` may say fewer."""
    seeds = config["models"][model]["seeds"]
    home = config["tasks"][task]["dataset"]
    return seeds if dataset == home else min(seeds, config["tasks"][task]["sizes"].get("seeds", seeds))


def diagnosed_models(config: Mapping[str, Any], task: str, diagnostic: str) -> list[str]:
    """Return the keys of the models of `task` that a diagnostic applies to."""
    needs = NEEDS[diagnostic]
    return [
        model
        for model in config["tasks"][task].get("diagnosed", {"models": []})["models"]
        if not ("closed form" in needs and config["models"][model]["model"] != "ring")
        and not ("gradient" in needs and "training" not in config["models"][model])
        and all(task_datasets(config, task, role) for role in needs if role in ROLES and role != "smaller")
    ]


def diagnostics_of(config: Mapping[str, Any], task: str) -> list[str]:
    """Return the diagnostics that apply to some model of `task`."""
    return [name for name in config["trainability"] if diagnosed_models(config, task, name)]


def task_datasets(config: Mapping[str, Any], task: str, role: str) -> list[str]:
    """Return the datasets of a task in a role: ``home``, which its models are trained on, or one of `ROLES`."""
    found = config["tasks"][task].get("dataset" if role == "home" else role, [])
    return [found] if isinstance(found, str) else list(found)


def diagnostic_options(config: Mapping[str, Any], task: str, diagnostic: str, model: str) -> dict[str, Any]:
    """Return the study's options of a diagnostic for a model, with no more seeds than it has or is allowed."""
    options = dict(config["trainability"][diagnostic])
    most = config["tasks"][task]["diagnosed"].get("seeds", {}).get(model, options["seeds"])
    return options | {"seeds": min(options["seeds"], most, config["models"][model]["seeds"])}


def datasets_in_use(config: Mapping[str, Any]) -> list[str]:
    """Return every dataset that a task needs, once."""
    needed = [
        name
        for task in config["tasks"]
        for name in (
            *tests_of(config, task),
            *other_sizes(config, task),
            *left_out_parts(config, task)["datasets"],
            *(name for role in ROLES for name in task_datasets(config, task, role)),
        )
    ]
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
