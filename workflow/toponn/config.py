"""The YAML of a study, checked at the door: `check` refuses with one sentence.

The schema in ``workflow/schemas`` says which keys and values exist; this module and `config_entries` add what a
schema cannot say: that names refer to something, that a recipe fits its system, and that the tables can tell the
models of a task apart. Everything after the door takes plain keyword arguments. The Snakefile is parsed anew by
every job, so that nothing slow is imported here.
"""

import copy
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toponn.checks import ConfigError, choose, refusal, resolve
from toponn.config_entries import (
    DIMENSION,
    check_beyond_sample,
    check_ceiling,
    check_convergence,
    check_dataset,
    check_map,
)
from toponn.lattices import LATTICES, UnitCell
from toponn.models import form_of
from toponn.schema import Words, check_structure
from toponn.study import left_out_parts, start_of, tested_models
from toponn.systems import SYSTEMS

SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "config.schema.json"
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
        check_dataset(recipe, f"datasets.{name}")
    for task, parts in raw["tasks"].items():
        _check_task(raw, task, parts)
    for name, entry in raw["maps"].items():
        check_map(entry, f"maps.{name}")
    for name, entry in raw["convergence"].items():
        check_convergence(entry, f"convergence.{name}")
    for name, entry in raw["ceiling"].items():
        check_ceiling(entry, f"ceiling.{name}")
    for name, entry in raw["interfaces"].items() if "chern" in raw["tasks"] else ():
        _check_interface(raw, entry, f"interfaces.{name}")
    if "chern" in raw["tasks"] and raw.get("beyond_dense", {}).get("samples"):
        _check_beyond(raw, raw["beyond_dense"])
    return copy.deepcopy(dict(raw))


# --- Meaning: what the schema cannot say ------------------------------------------------------------------


def _check_task(raw: Mapping[str, Any], task: str, parts: Mapping[str, Any]) -> None:
    """Refuse a task whose datasets or models do not exist, do not fit it, or cannot be told apart."""
    where = f"tasks.{task}"
    _check_training_dataset(raw, task, parts["dataset"], f"{where}.dataset")
    _check_tests(raw, task, where)
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
    _check_left_out(raw, task, f"{where}.left_out")
    _check_diagnosed(raw, task, where)


def _check_tests(raw: Mapping[str, Any], task: str, where: str) -> None:
    """Refuse tests that do not exist, do not fit the task, or are named twice."""
    parts = raw["tasks"][task]
    listed = {f"tests.{kind}": names for kind, names in parts["tests"].items()} | {"proxies": parts.get("proxies", [])}
    seen: dict[str, str] = {}
    for key, names in listed.items():
        for i, name in enumerate(names):
            here = f"{where}.{key}[{i}]"
            if name == parts["dataset"]:
                allowed = "datasets other than the training dataset, whose test split is among the tests anyway"
                raise ConfigError(refusal(here, name, allowed))
            if name in seen:
                raise ConfigError(refusal(here, name, f"datasets that are not in {where}.{seen[name]} too"))
            _check_task_dataset(raw, task, name, here, ("test",))
            seen[name] = key
    for name in parts.get("test_seeds", {}):
        choose(raw["datasets"], name, f"{where}.test_seeds")


def _check_interface(raw: Mapping[str, Any], entry: Mapping[str, Any], where: str) -> None:
    """Refuse two phases that no recipe makes in the plane, and models that are no coordinate ring of it."""
    check_dataset(entry, where)
    _check_hybrid(raw, entry["model"], f"{where}.model")
    if _task_of(entry) != "chern":
        raise ConfigError(refusal(f"{where}.system", entry["system"], "systems in the plane"))


def _check_hybrid(raw: Mapping[str, Any], model: str, where: str) -> None:
    """Refuse a model that is no coordinate ring which the task chern trains from a random start."""
    rings = [name for name in tested_models(raw, "chern") if form_of(raw["models"][name]) == "coordinate"]
    if model not in rings:
        allowed = f"coordinate rings of tasks.chern.models with a random start: {', '.join(rings) or 'there is none'}"
        raise ConfigError(refusal(where, model, allowed))


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
        if parts[role] == parts["dataset"]:
            raise ConfigError(refusal(f"{where}.{role}", parts[role], "datasets other than the task's own"))
        if role == "clean" and raw["datasets"][parts[role]]["disorder"]:
            raise ConfigError(refusal(f"{where}.clean", parts[role], "datasets whose disorder is []"))
        same = all(raw["datasets"][parts[role]].get(key) == home.get(key) for key in ("system", "lattice", "shape"))
        if not same:
            allowed = f"datasets of the system and shape of {parts['dataset']}"
            raise ConfigError(refusal(f"{where}.{role}", parts[role], allowed))
    most = max(raw["trainability"].get("sample_sizes", {}).get("samples", [0]))
    if "many" in parts and raw["datasets"][parts["many"]]["samples"]["train"] < most:
        found = raw["datasets"][parts["many"]]["samples"]["train"]
        allowed = f"at least {most}, the largest of trainability.sample_sizes.samples"
        raise ConfigError(refusal(f"datasets.{parts['many']}.samples.train", found, allowed))
    for role in ("smaller", "scaling"):
        shapes = [home["shape"]] if role == "smaller" else []
        for i, name in enumerate(parts.get(role, [])):
            here = f"{where}.{role}[{i}]"
            _check_task_dataset(raw, task, name, here, SPLITS if role == "smaller" else ("test",))
            recipe = raw["datasets"][name]
            if recipe["shape"] in shapes or recipe["system"] != home["system"]:
                allowed = f"datasets of {home['system']}, each of another size, since the tables tell them apart by it"
                raise ConfigError(refusal(here, name, allowed))
            shapes.append(recipe["shape"])


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


def _check_left_out(raw: Mapping[str, Any], task: str, where: str) -> None:
    """Refuse datasets without all splits, and models that cannot be trained on several lattices together."""
    parts = left_out_parts(raw, task)
    recipes = {}
    for i, name in enumerate(parts["datasets"]):
        _check_task_dataset(raw, task, name, f"{where}.datasets[{i}]", SPLITS)
        recipes[name] = raw["datasets"][name]
    for i, name in enumerate(parts["models"]):
        here = f"{where}.models[{i}]"
        choose(dict.fromkeys(tested_models(raw, task)), name, here)  # whose learning rate the task's dataset chose
        settings = raw["models"][name]
        if not (settings["model"] in ("cnn", "resnet") or settings.get("form") == "coordinate"):
            allowed = "tensor rings of the form coordinate, cnn, resnet: models trained by gradients that take any size"
            raise ConfigError(refusal(here, name, allowed))
        crystals = [key for key, recipe in recipes.items() if has_cells(recipe)]
        if settings["model"] != "ring" and len(crystals) < 2:
            allowed = f"models that need no unit cells, which fewer than two of {where}.datasets have"
            raise ConfigError(refusal(here, name, allowed))
        if settings.get("route", "auto") not in ("auto", "loops") and any(map(has_own_sites, recipes.values())):
            allowed = f"auto, loops, since a dataset of {where} has other sites in every sample"
            raise ConfigError(refusal(f"models.{name}.route", settings["route"], allowed))


def _check_beyond(raw: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
    """Refuse a model that is no coordinate ring of the plane, and samples that are not of it."""
    _check_hybrid(raw, entry["model"], "beyond_dense.model")
    for name, sample in entry["samples"].items():
        check_beyond_sample(sample, f"beyond_dense.samples.{name}")


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
    if has_own_sites(raw["datasets"][name]):
        allowed = "datasets whose samples share their sites, without random points or structural_displacement"
        raise ConfigError(refusal(where, name, allowed))


def lattice_of(recipe: Mapping[str, Any]) -> str:
    """Return the lattice of a checked recipe."""
    return recipe.get("lattice", resolve(SYSTEMS, recipe["system"], "system").lattices[0])


def has_own_sites(recipe: Mapping[str, Any]) -> bool:
    """Return whether every sample of a checked recipe has sites of its own."""
    displaced = any(term["name"] == "structural_displacement" for term in recipe["disorder"])
    return lattice_of(recipe) == "random" or displaced


def has_cells(recipe: Mapping[str, Any]) -> bool:
    """Return whether the sites of a checked recipe have unit cells."""
    return isinstance(resolve(LATTICES, lattice_of(recipe), "lattice"), UnitCell)


def _task_of(recipe: Mapping[str, Any]) -> str:
    """Return the task that the system of a checked recipe belongs to."""
    return resolve(SYSTEMS, recipe["system"], "system").task


def _check_window(recipe: Mapping[str, Any], dataset: str, settings: Mapping[str, Any], where: str) -> None:
    """Refuse a window that is wider than the samples that its model is trained on."""
    sides = recipe["shape"].get("size")
    if sides is not None and settings.get("window", 0) > min(sides):
        allowed = f"a whole number from 1 up to {math.floor(min(sides))}, the shortest side of {dataset}"
        raise ConfigError(refusal(where, settings["window"], allowed))
