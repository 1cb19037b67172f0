"""The YAML of a study, checked at the door: `check` refuses with one sentence.

The schema in ``workflow/schemas`` says which keys and values exist; this module adds what a schema cannot
say: that names refer to something, that a recipe fits its system, and that the tables can tell the models
of a task apart. Everything after the door takes plain keyword arguments. The Snakefile is parsed anew by
every job, so that nothing slow is imported here.
"""

import copy
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toponn.checks import ConfigError, choose, refusal, resolve
from toponn.schema import Words, check_structure, unknown_key
from toponn.systems import SYSTEMS

SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "config.schema.json"
DIMENSION = {"winding": 1, "chern": 2}
SHAPE_DIMENSION = {"segment": 1, "rectangle": 2, "disk": 2}
# On-site energies break the chiral symmetry that the winding number needs.
DISORDER_OF_TASK = {"winding": ("bond_box",), "chern": ("onsite_box", "bond_box")}
SPLITS = ("train", "validation", "test")


def check(raw: Mapping[str, Any], schema_path: Path = SCHEMA) -> dict[str, Any]:
    """Return a copy of the study `raw` that a user wrote, if it is one.

    Parameters
    ----------
    raw
        The configuration as the YAML files and the command line deliver it.
    schema_path
        The JSON schema to check it against.

    Raises
    ------
    ConfigError
        At the first thing that is not allowed, in one sentence:
        ``key.path: found X; allowed: Y (did you mean 'Z'?)``.
    """
    check_structure(raw, json.loads(schema_path.read_text(encoding="utf-8")))
    for name, recipe in raw["datasets"].items():
        _check_dataset(recipe, f"datasets.{name}")
    for task, parts in raw["tasks"].items():
        _check_task(raw, task, parts)
    for i, dataset in enumerate(raw["figures"]["phase_diagrams"]):
        choose(raw["datasets"], dataset, f"figures.phase_diagrams[{i}]")
    return copy.deepcopy(dict(raw))


# --- What the workflow derives from a checked study -------------------------------------------------------


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


def datasets_in_use(config: Mapping[str, Any]) -> list[str]:
    """Return every dataset that a task or a figure needs, once."""
    used = [name for task in config["tasks"] for name in tests_of(config, task)]
    return list(dict.fromkeys(used + list(config["figures"]["phase_diagrams"])))


def start_of(settings: Mapping[str, Any]) -> str:
    """Return where a model with these settings starts; models without the choice start at random."""
    return settings.get("start", "random")


# --- Meaning: what the schema cannot say ------------------------------------------------------------------


def _check_dataset(recipe: Mapping[str, Any], where: str) -> None:
    """Refuse a recipe that does not fit its system."""
    system = resolve(SYSTEMS, recipe["system"], f"{where}.system")
    dimension, shape = DIMENSION[system.task], recipe["shape"]["name"]
    if SHAPE_DIMENSION[shape] != dimension:
        fitting = ", ".join(s for s, d in SHAPE_DIMENSION.items() if d == dimension)
        allowed = f"{fitting}, the shapes in {dimension}D, where {recipe['system']} lives"
        raise ConfigError(refusal(f"{where}.shape.name", shape, allowed))
    _check_parameters(system.parameters, recipe, f"{where}.parameters")
    names = [term["name"] for term in recipe["disorder"]]
    for i, term in enumerate(recipe["disorder"]):
        _check_interval(term["strength"], f"{where}.disorder[{i}].strength")
        if term["name"] in names[:i]:
            found = Words(f"{term['name']!r} twice")
            raise ConfigError(refusal(f"{where}.disorder[{i}].name", found, "each kind of disorder once"))
        if term["name"] not in DISORDER_OF_TASK[system.task]:
            allowed = f"{', '.join(DISORDER_OF_TASK[system.task])}, which the {system.task} number survives"
            raise ConfigError(refusal(f"{where}.disorder[{i}].name", term["name"], allowed))


def _check_parameters(parameters: Mapping[str, Any], recipe: Mapping[str, Any], where: str) -> None:
    """Refuse parameters that the system lacks, parameters that are not given, and intervals that are none."""
    known, given = ", ".join(parameters), recipe["parameters"]
    for name in given:
        if name not in parameters:
            whose = f", the parameters of {recipe['system']}"
            raise ConfigError(unknown_key(f"{where}.{name}", name, list(parameters), given, whose))
    for name in parameters:
        if name not in given:
            allowed = f"a number, or [low, high], since {recipe['system']} has the parameters {known}"
            raise ConfigError(refusal(f"{where}.{name}", Words("nothing"), allowed))
        _check_interval(given[name], f"{where}.{name}")
        low, high, values = parameters[name].low, parameters[name].high, given[name]
        if any(not low <= v <= high for v in (values if isinstance(values, list) else [values])):
            allowed = f"numbers from {low:g} to {high:g}, in units of {parameters[name].unit}"
            raise ConfigError(refusal(f"{where}.{name}", values, allowed))


def _check_interval(value: float | list[float], where: str) -> None:
    """Refuse an interval that ends before it begins."""
    if isinstance(value, list) and value[0] > value[1]:
        raise ConfigError(refusal(where, value, "[low, high] with low ≤ high", value[::-1]))


def _check_task(raw: Mapping[str, Any], task: str, parts: Mapping[str, Any]) -> None:
    """Refuse a task whose datasets or models do not exist, do not fit it, or cannot be told apart."""
    where = f"tasks.{task}"
    _check_task_dataset(raw, task, parts["dataset"], f"{where}.dataset", SPLITS)
    for i, name in enumerate(parts["tests"]):
        here = f"{where}.tests[{i}]"
        if name == parts["dataset"]:
            allowed = "datasets other than the training dataset, whose test split is among the tests anyway"
            raise ConfigError(refusal(here, name, allowed))
        _check_task_dataset(raw, task, name, here, ("test",))
    rows: dict[tuple, str] = {}
    for i, name in enumerate(parts["models"]):
        settings = choose(raw["models"], name, f"{where}.models[{i}]")
        row = (settings["model"], settings.get("form", ""), start_of(settings))
        if row in rows:
            allowed = f"another (model, form, start) than {rows[row]!r} has, or no table tells them apart"
            raise ConfigError(refusal(f"{where}.models[{i}]", name, allowed))
        rows[row] = name
        _check_start(settings, f"models.{name}")
        _check_window(raw["datasets"][parts["dataset"]], parts["dataset"], settings, f"models.{name}.window")
    if not tested_models(raw, task):
        allowed = "at least one model with a random start, since only these are put to the tests"
        raise ConfigError(refusal(f"{where}.models", parts["models"], allowed))


def _check_start(settings: Mapping[str, Any], where: str) -> None:
    """Refuse noise on a random start, and seeds that would all be the same run."""
    noise = settings.get("noise", 0.0)
    if start_of(settings) == "random" and "noise" in settings:
        raise ConfigError(refusal(f"{where}.noise", noise, "no noise on a random start, since it is random"))
    if start_of(settings) == "closed_form" and not noise and settings["seeds"] > 1:
        allowed = "1 from a closed form without noise, since all seeds would be one run"
        raise ConfigError(refusal(f"{where}.seeds", settings["seeds"], allowed))


def _check_task_dataset(raw: Mapping[str, Any], task: str, name: str, where: str, splits: tuple[str, ...]) -> None:
    """Refuse a dataset that does not exist, belongs to another task, or lacks one of `splits`."""
    recipe = choose(raw["datasets"], name, where)
    if _task_of(recipe) != task:
        fitting = [key for key, other in raw["datasets"].items() if _task_of(other) == task]
        allowed = f"datasets of {task}: {', '.join(fitting) or 'none is defined'}"
        raise ConfigError(refusal(where, name, allowed))
    for split in splits:
        if split not in recipe["samples"]:
            allowed = f"a whole number from 1, since {where} uses this split"
            raise ConfigError(refusal(f"datasets.{name}.samples.{split}", Words("nothing"), allowed))


def _task_of(recipe: Mapping[str, Any]) -> str:
    """Return the task that the system of a checked recipe belongs to."""
    return resolve(SYSTEMS, recipe["system"], "system").task


def _check_window(recipe: Mapping[str, Any], dataset: str, settings: Mapping[str, Any], where: str) -> None:
    """Refuse a window that is wider than the samples that its model is trained on."""
    sides = recipe["shape"].get("size")
    if sides is not None and settings.get("window", 0) > min(sides):
        allowed = f"a whole number from 1 up to {math.floor(min(sides))}, the shortest side of {dataset}"
        raise ConfigError(refusal(where, settings["window"], allowed))
