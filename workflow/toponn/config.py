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
from toponn.disorder import DISORDER
from toponn.lattices import LATTICES
from toponn.models import form_of
from toponn.schema import Words, check_structure, unknown_key
from toponn.study import start_of, tested_models
from toponn.systems import SYSTEMS
from toponn.systems.base import System

SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "config.schema.json"
DIMENSION = {"winding": 1, "chern": 2}
SHAPE_DIMENSION = {"segment": 1, "rectangle": 2, "disk": 2, "triangle": 2, "l_shape": 2}
# On-site energies break the chiral symmetry that the winding number needs, a vacancy severs a chain, and cells of a
# chain have no distance that a displacement could change.
DISORDER_OF_TASK = {"winding": ("bond_box", "decoupled_edge"), "chern": tuple(DISORDER)}
ESTIMATORS_OF_TASK = {
    "winding": ("spectral_localizer", "real_space_winding", "product_rule"),
    "chern": ("spectral_localizer", "real_space_chern", "three_sector_chern"),
}
SPLITS = ("train", "validation", "test")
CLOSED_FORMS = {
    "coordinate": {1: ("switches",), 2: ("switches",)},
    "free": {1: ("windowed_winding", "midgap_dropped"), 2: ("local_marker", "three_sectors")},
    "wavefunction": {1: ("windowed_winding", "midgap_dropped")},
}
"""The formulas that a closed-form start can take, by form and dimension; the first is the default."""


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
    for name, entry in raw["maps"].items():
        _check_map(entry, f"maps.{name}")
    for name, entry in raw["convergence"].items():
        _check_convergence(entry, f"convergence.{name}")
    for name, entry in raw["ceiling"].items():
        _check_ceiling(entry, f"ceiling.{name}")
    return copy.deepcopy(dict(raw))


# --- Meaning: what the schema cannot say ------------------------------------------------------------------


def _check_dataset(recipe: Mapping[str, Any], where: str) -> None:
    """Refuse a recipe that does not fit its system."""
    system = _check_system(recipe, where)
    _check_shape(system, recipe, where)
    _check_parameters(system.parameters, recipe["parameters"], recipe["system"], f"{where}.parameters")
    _check_terms(system, recipe["disorder"], f"{where}.disorder")
    if "interface" in recipe:
        outside = recipe["interface"]["parameters"]
        _check_parameters(system.parameters, outside, recipe["system"], f"{where}.interface.parameters")
    if recipe.get("midgap_pair") == "dropped" and system.task != "winding":
        raise ConfigError(refusal(f"{where}.midgap_pair", "dropped", "kept, since only chains have a mid-gap pair"))


def _check_system(entry: Mapping[str, Any], where: str) -> Any:
    """Return the system of an entry, or refuse its name or a lattice that it does not live on."""
    system = resolve(SYSTEMS, entry["system"], f"{where}.system")
    _check_class(system, entry["system"], f"{where}.system")
    if entry.get("lattice", system.lattices[0]) not in system.lattices:
        allowed = f"{', '.join(system.lattices)}, which {entry['system']} lives on"
        raise ConfigError(refusal(f"{where}.lattice", entry["lattice"], allowed))
    return system


def _check_class(system: Any, name: str, where: str) -> None:
    """Refuse a class of a user's own file that is no complete system."""
    if not (isinstance(system, type) and issubclass(system, System)):
        raise ConfigError(refusal(where, name, "a class that derives from System"))
    missing = sorted(system.__abstractmethods__)
    missing += [key for key in System.__annotations__ if not hasattr(system, key)]
    if missing:
        raise ConfigError(refusal(where, name, f"a system that defines {', '.join(missing)}"))
    if system.task not in DIMENSION or not system.lattices or not set(system.lattices) <= set(LATTICES):
        allowed = f"a system whose task is {' or '.join(DIMENSION)} and whose lattices are among {', '.join(LATTICES)}"
        raise ConfigError(refusal(where, name, allowed))


def _check_shape(system: Any, entry: Mapping[str, Any], where: str) -> None:
    """Refuse a shape of another dimension than the system's."""
    dimension, shape = DIMENSION[system.task], entry["shape"]["name"]
    if SHAPE_DIMENSION[shape] != dimension:
        fitting = ", ".join(s for s, d in SHAPE_DIMENSION.items() if d == dimension)
        allowed = f"{fitting}, the shapes in {dimension}D, where {entry['system']} lives"
        raise ConfigError(refusal(f"{where}.shape.name", shape, allowed))


def _check_terms(system: Any, disorder: list[Mapping[str, Any]], where: str) -> None:
    """Refuse disorder that the invariant does not survive, that comes twice, or of a strength that cannot be."""
    names = [term["name"] for term in disorder]
    for i, term in enumerate(disorder):
        _check_interval(term["strength"], f"{where}[{i}].strength")
        _check_strength(term["name"], term["strength"], f"{where}[{i}].strength")
        if term["name"] in names[:i]:
            found = Words(f"{term['name']!r} twice")
            raise ConfigError(refusal(f"{where}[{i}].name", found, "each kind of disorder once"))
        _check_kind(system, term["name"], f"{where}[{i}].name")


def _check_kind(system: Any, name: str, where: str) -> None:
    kinds = [kind for kind in DISORDER_OF_TASK[system.task] if kind not in system.refused_disorder]
    if name not in kinds:
        allowed = f"{', '.join(kinds)}, which the {system.task} number survives"
        raise ConfigError(refusal(where, name, allowed))


def _check_strength(name: str, strength: float | list[float], where: str) -> None:
    strengths = strength if isinstance(strength, list) else [strength]
    if name == "vacancies" and any(s >= 1 for s in strengths):
        raise ConfigError(refusal(where, strength, "shares of the sites from 0 and below 1"))
    if name == "decoupled_edge" and any(s > 1 for s in strengths):
        raise ConfigError(refusal(where, strength, "shares of the bonds from 0 to 1"))


def _check_map(entry: Mapping[str, Any], where: str) -> None:
    """Refuse a map of a plane that its system has not."""
    system = _check_system(entry, where)
    _check_shape(system, entry, where)
    planes = system().phase_planes()
    if not planes:
        raise ConfigError(refusal(f"{where}.system", entry["system"], "systems with phase planes"))
    choose(planes, entry["plane"], f"{where}.plane")
    estimators = ESTIMATORS_OF_TASK[system.task]
    choose(dict.fromkeys(estimators), entry.get("estimator", estimators[0]), f"{where}.estimator")


def _check_convergence(entry: Mapping[str, Any], where: str) -> None:
    """Refuse points that are not of the system, or not points."""
    system = _check_system(entry, where)
    for i, point in enumerate(entry["points"]):
        _check_parameters(system.parameters, point, entry["system"], f"{where}.points[{i}]")
        for name, value in point.items():
            if isinstance(value, list):
                raise ConfigError(refusal(f"{where}.points[{i}].{name}", value, "a number, since this is a point"))
    _check_terms(system, entry["disorder"], f"{where}.disorder")
    for i, term in enumerate(entry["disorder"]):
        if isinstance(term["strength"], list):
            here = f"{where}.disorder[{i}].strength"
            raise ConfigError(refusal(here, term["strength"], "a number, since all samples have one strength"))
    _check_lengths(system, entry["lengths"], f"{where}.lengths")


def _check_ceiling(entry: Mapping[str, Any], where: str) -> None:
    """Refuse parameters or disorder that do not fit the system."""
    system = _check_system(entry, where)
    _check_parameters(system.parameters, entry["parameters"], entry["system"], f"{where}.parameters")
    _check_kind(system, entry["disorder"], f"{where}.disorder")
    for i, strength in enumerate(entry["strengths"]):
        _check_strength(entry["disorder"], strength, f"{where}.strengths[{i}]")
    _check_lengths(system, entry["lengths"], f"{where}.lengths")


def _check_lengths(system: Any, lengths: list[float], where: str) -> None:
    """Refuse a chain with part of a cell."""
    for i, length in enumerate(lengths):
        if DIMENSION[system.task] == 1 and length != int(length):
            raise ConfigError(refusal(f"{where}[{i}]", length, "whole numbers of cells"))


def _check_parameters(parameters: Mapping[str, Any], given: Mapping[str, Any], name_of: str, where: str) -> None:
    """Refuse parameters that the system lacks, parameters that are not given, and intervals that are none."""
    known = ", ".join(parameters)
    for name in given:
        if name not in parameters:
            whose = f", the parameters of {name_of}"
            raise ConfigError(unknown_key(f"{where}.{name}", name, list(parameters), given, whose))
    for name in parameters:
        if name not in given:
            allowed = f"a number, or [low, high], since {name_of} has the parameters {known}"
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
    _check_training_dataset(raw, task, parts["dataset"], f"{where}.dataset")
    for key in ("tests", "proxies"):
        for i, name in enumerate(parts.get(key, [])):
            here = f"{where}.{key}[{i}]"
            if name == parts["dataset"]:
                allowed = "datasets other than the training dataset, whose test split is among the tests anyway"
                raise ConfigError(refusal(here, name, allowed))
            if key == "proxies" and name in parts["tests"]:
                raise ConfigError(refusal(here, name, f"datasets that are not among {where}.tests too"))
            _check_task_dataset(raw, task, name, here, ("test",))
    rows: dict[tuple, str] = {}
    for i, name in enumerate(parts["models"]):
        settings = choose(raw["models"], name, f"{where}.models[{i}]")
        row = (settings["model"], form_of(settings), start_of(settings))
        if row in rows:
            allowed = f"another (model, form, start) than {rows[row]!r} has, or no table tells them apart"
            raise ConfigError(refusal(f"{where}.models[{i}]", name, allowed))
        rows[row] = name
        _check_start(settings, f"models.{name}")
        _check_form(settings, task, raw["datasets"][parts["dataset"]], f"models.{name}")
        _check_window(raw["datasets"][parts["dataset"]], parts["dataset"], settings, f"models.{name}.window")
    if not tested_models(raw, task):
        allowed = "at least one model with a random start, since only these are put to the tests"
        raise ConfigError(refusal(f"{where}.models", parts["models"], allowed))
    _check_sizes(raw, task, f"{where}.sizes")
    _check_diagnosed(raw, task, where)


def _check_diagnosed(raw: Mapping[str, Any], task: str, where: str) -> None:
    """Refuse models that the task does not train from a random start, and datasets that diagnostics cannot use."""
    parts = raw["tasks"][task]
    for i, name in enumerate(parts.get("diagnosed", {"models": []})["models"]):
        choose(dict.fromkeys(tested_models(raw, task)), name, f"{where}.diagnosed.models[{i}]")
    for name in parts.get("diagnosed", {}).get("seeds", {}):
        choose(raw["models"], name, f"{where}.diagnosed.seeds")
    home = raw["datasets"][parts["dataset"]]
    for role in ("clean", "many"):
        if role not in parts:
            continue
        _check_training_dataset(raw, task, parts[role], f"{where}.{role}")
        same = all(raw["datasets"][parts[role]].get(key) == home.get(key) for key in ("system", "lattice", "shape"))
        if not same:
            allowed = f"datasets of the system and shape of {parts['dataset']}"
            raise ConfigError(refusal(f"{where}.{role}", parts[role], allowed))
    most = max(raw["trainability"].get("sample_sizes", {}).get("samples", [0]))
    if "many" in parts and raw["datasets"][parts["many"]]["samples"]["train"] < most:
        found = raw["datasets"][parts["many"]]["samples"]["train"]
        allowed = f"at least {most}, the largest of trainability.sample_sizes.samples"
        raise ConfigError(refusal(f"datasets.{parts['many']}.samples.train", found, allowed))
    for i, name in enumerate(parts.get("smaller", [])):
        _check_training_dataset(raw, task, name, f"{where}.smaller[{i}]")
    for i, name in enumerate(parts.get("scaling", [])):
        _check_task_dataset(raw, task, name, f"{where}.scaling[{i}]", ("test",))


def _check_sizes(raw: Mapping[str, Any], task: str, where: str) -> None:
    """Refuse models that the task does not train, and datasets of a size that the figure already has."""
    parts = raw["tasks"][task].get("sizes", {"datasets": [], "models": []})
    for i, name in enumerate(parts["models"]):
        choose(dict.fromkeys(raw["tasks"][task]["models"]), name, f"{where}.models[{i}]")
    shapes = [raw["datasets"][raw["tasks"][task]["dataset"]]["shape"]]
    for i, name in enumerate(parts["datasets"]):
        here = f"{where}.datasets[{i}]"
        _check_training_dataset(raw, task, name, here)
        if raw["datasets"][name]["shape"] in shapes:
            allowed = f"datasets of other sizes than {raw['tasks'][task]['dataset']} and each other"
            raise ConfigError(refusal(here, name, allowed))
        shapes.append(raw["datasets"][name]["shape"])
        for model in parts["models"]:
            _check_form(raw["models"][model], task, raw["datasets"][name], f"models.{model}")
            _check_window(raw["datasets"][name], name, raw["models"][model], f"models.{model}.window")


def _check_form(settings: Mapping[str, Any], task: str, recipe: Mapping[str, Any], where: str) -> None:
    """Refuse a form or a closed form that the task has not."""
    form = settings.get("form", "")
    if form == "wavefunction" and task != "winding":
        raise ConfigError(refusal(f"{where}.form", form, f"coordinate, free, the forms of {task}"))
    if "closed_form" in settings:
        names = CLOSED_FORMS.get(form, {}).get(DIMENSION[task], ())
        choose(dict.fromkeys(names), settings["closed_form"], f"{where}.closed_form")
        if start_of(settings) == "random" and form != "wavefunction":
            allowed = "none with a random start"
            raise ConfigError(refusal(f"{where}.closed_form", settings["closed_form"], allowed))
    if settings.get("closed_form") == "midgap_dropped" and recipe.get("midgap_pair") != "dropped":
        allowed = "windowed_winding, since the dataset of its task keeps the mid-gap pair"
        raise ConfigError(refusal(f"{where}.closed_form", "midgap_dropped", allowed))


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


def _check_training_dataset(raw: Mapping[str, Any], task: str, name: str, where: str) -> None:
    """Refuse a dataset that models of the task cannot be trained on: all its samples have one geometry."""
    _check_task_dataset(raw, task, name, where, SPLITS)
    recipe = raw["datasets"][name]
    lattice = recipe.get("lattice", resolve(SYSTEMS, recipe["system"], "system").lattices[0])
    if lattice == "random" or any(term["name"] == "structural_displacement" for term in recipe["disorder"]):
        allowed = "datasets whose samples share their sites, without random points or structural_displacement"
        raise ConfigError(refusal(where, name, allowed))


def _task_of(recipe: Mapping[str, Any]) -> str:
    """Return the task that the system of a checked recipe belongs to."""
    return resolve(SYSTEMS, recipe["system"], "system").task


def _check_window(recipe: Mapping[str, Any], dataset: str, settings: Mapping[str, Any], where: str) -> None:
    """Refuse a window that is wider than the samples that its model is trained on."""
    sides = recipe["shape"].get("size")
    if sides is not None and settings.get("window", 0) > min(sides):
        allowed = f"a whole number from 1 up to {math.floor(min(sides))}, the shortest side of {dataset}"
        raise ConfigError(refusal(where, settings["window"], allowed))
