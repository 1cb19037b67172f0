"""What no single entry shows: that names in a study refer to something that fits where they are named."""

import math
from collections.abc import Sequence

from toponn.matter.lattices import UnitCell
from toponn.study.entries import Dataset
from toponn.study.members import ModelEntry
from toponn.study.physics import check_ceiling, check_convergence, check_dataset, check_map, check_of_the_plane
from toponn.study.settings import Study, Task
from toponn.tools.checks import ConfigError, Words, choose, refusal
from toponn.tools.conventions import SPLITS


def check_meaning(study: Study) -> None:
    """Refuse a study whose entries do not fit each other.

    Raises
    ------
    ConfigError
        At the first thing that is not allowed, in one sentence: ``key.path: found X; allowed: Y``.
    """
    for name, recipe in study.datasets.items():
        check_dataset(recipe, f"datasets.{name}")
    labels: dict[str, str] = {}
    for name, entry in study.models.items():
        label = entry.label or name.replace("_", " ")
        if label in labels:
            allowed = f"another label than that of {labels[label]}, or no figure tells them apart"
            raise ConfigError(refusal(f"models.{name}.label", label, allowed))
        labels[label] = name
    for task, parts in study.tasks:
        if parts is not None:
            _check_task(study, task, parts)
    for name, entry in study.maps.items():
        check_map(entry, f"maps.{name}")
    for name, entry in study.convergence.items():
        check_convergence(entry, f"convergence.{name}")
    for name, entry in study.ceiling.items():
        check_ceiling(entry, f"ceiling.{name}")
    for name, entry in study.interfaces.items():
        check_dataset(entry, f"interfaces.{name}")
        _check_hybrid(study, entry.model, f"interfaces.{name}.model")
        if entry.family.task != "chern":
            raise ConfigError(refusal(f"interfaces.{name}.system", entry.system, "systems in the plane"))
    if study.beyond_dense:
        _check_hybrid(study, study.beyond_dense.model, "beyond_dense.model")
        for name, sample in study.beyond_dense.samples.items():
            check_of_the_plane(sample, f"beyond_dense.samples.{name}")


# --- What follows from an entry -----------------------------------------------------------------------------


def has_own_sites(recipe: Dataset) -> bool:
    """Return whether every sample of a recipe has sites of its own."""
    displaced = any(term.name == "structural_displacement" for term in recipe.disorder)
    return displaced or recipe.family.lattice(recipe.lattice).drawn


def has_cells(recipe: Dataset) -> bool:
    """Return whether the sites of a recipe have unit cells."""
    return isinstance(recipe.family.lattice(recipe.lattice), UnitCell)


# --- Tasks --------------------------------------------------------------------------------------------------


def _check_task(study: Study, task: str, parts: Task) -> None:
    """Refuse a task whose datasets or models do not exist or do not fit it."""
    where = f"tasks.{task}"
    _check_training_dataset(study, task, parts.dataset, f"{where}.dataset")
    _check_tests(study, task, parts)
    for i, name in enumerate(parts.models):
        choose(study.models, name, f"{where}.models[{i}]")
        _check_model(study, task, name, f"{where}.models[{i}]")
        _check_window(study, parts.dataset, name)
    if not study.tested(parts):
        allowed = "at least one model with a random start, since only these are put to the tests"
        raise ConfigError(refusal(f"{where}.models", parts.models, allowed))
    _check_sizes(study, task, parts)
    _check_left_out(study, task, parts)
    _check_diagnosed(study, task, parts)
    _check_roles(study, task, parts)


def _check_tests(study: Study, task: str, parts: Task) -> None:
    """Refuse tests that do not exist, do not fit the task, or are named twice."""
    where = f"tasks.{task}"
    listed = {f"tests.{kind}": names for kind, names in parts.tests} | {"proxies": parts.proxies}
    seen: dict[str, str] = {}
    for key, names in listed.items():
        for i, name in enumerate(names):
            here = f"{where}.{key}[{i}]"
            if name == parts.dataset:
                allowed = "datasets other than the training dataset, whose test split is among the tests anyway"
                raise ConfigError(refusal(here, name, allowed))
            if name in seen:
                raise ConfigError(refusal(here, name, f"datasets that are not in {where}.{seen[name]} too"))
            _check_task_dataset(study, task, name, here, ("test",))
            seen[name] = key
    for name in parts.test_seeds:
        choose(study.datasets, name, f"{where}.test_seeds")


def _check_sizes(study: Study, task: str, parts: Task) -> None:
    """Refuse models that the task does not train, and datasets of a size that the figure already has."""
    if parts.sizes is None:
        return
    where, shapes = f"tasks.{task}.sizes", [study.datasets[parts.dataset].shape]
    for i, name in enumerate(parts.sizes.models):
        choose(dict.fromkeys(parts.models), name, f"{where}.models[{i}]")
    for i, name in enumerate(parts.sizes.datasets):
        here = f"{where}.datasets[{i}]"
        _check_training_dataset(study, task, name, here)
        if study.datasets[name].shape in shapes:
            raise ConfigError(refusal(here, name, f"datasets of other sizes than {parts.dataset} and each other"))
        shapes.append(study.datasets[name].shape)
        for model in parts.sizes.models:
            _check_closed_form(study, task, name, model)
            _check_window(study, name, model)


def _check_left_out(study: Study, task: str, parts: Task) -> None:
    """Refuse datasets without all splits, and models that cannot be trained on several lattices together."""
    if parts.left_out is None:
        return
    where = f"tasks.{task}.left_out"
    for i, name in enumerate(parts.left_out.datasets):
        _check_task_dataset(study, task, name, f"{where}.datasets[{i}]", SPLITS)
    recipes = [study.datasets[name] for name in parts.left_out.datasets]
    tested = dict.fromkeys(study.tested(parts))
    for i, name in enumerate(parts.left_out.models):
        here = f"{where}.models[{i}]"
        choose(tested, name, here)  # whose learning rate the task's dataset chose
        entry = study.models[name]
        facts = entry.declared.facts
        if facts["fixed_geometry"] or facts["solved"] or "window" in entry.declared.options:
            raise ConfigError(refusal(here, name, "models trained by gradients that take samples of any size"))
        if facts["encodings"] == ("cell_image",) and sum(map(has_cells, recipes)) < 2:
            allowed = f"models that need no unit cells, which fewer than two of {where}.datasets have"
            raise ConfigError(refusal(here, name, allowed))
        route = entry.variant.options.get("route", "auto")
        if route not in ("auto", "loops") and any(map(has_own_sites, recipes)):
            allowed = f"auto, loops, since a dataset of {where} has other sites in every sample"
            raise ConfigError(refusal(f"models.{name}.route", route, allowed))


def _check_diagnosed(study: Study, task: str, parts: Task) -> None:
    """Refuse models that the task does not train from a random start."""
    where = f"tasks.{task}.diagnosed"
    for i, name in enumerate(parts.diagnosed.models):
        choose(dict.fromkeys(study.tested(parts)), name, f"{where}.models[{i}]")
    for name in parts.diagnosed.seeds:
        choose(study.models, name, f"{where}.seeds")


def _check_roles(study: Study, task: str, parts: Task) -> None:
    """Refuse datasets that diagnostics cannot use in the role in which they are named."""
    where, home = f"tasks.{task}", study.datasets[parts.dataset]
    for role, name in (("clean", parts.clean), ("many", parts.many)):
        if name is None:
            continue
        _check_training_dataset(study, task, name, f"{where}.{role}")
        recipe = study.datasets[name]
        if name == parts.dataset:
            raise ConfigError(refusal(f"{where}.{role}", name, "datasets other than the task's own"))
        if role == "clean" and recipe.disorder:
            raise ConfigError(refusal(f"{where}.clean", name, "datasets whose disorder is []"))
        if (recipe.system, recipe.lattice, recipe.shape) != (home.system, home.lattice, home.shape):
            raise ConfigError(refusal(f"{where}.{role}", name, f"datasets of the system and shape of {parts.dataset}"))
    _check_many(study, parts)
    for role, names, seen, splits in (
        ("smaller", parts.smaller, [home.shape], SPLITS),
        ("scaling", parts.scaling, [], ("test",)),
    ):
        for i, name in enumerate(names):
            _check_task_dataset(study, task, name, f"{where}.{role}[{i}]", splits)
            recipe = study.datasets[name]
            if recipe.shape in seen or recipe.system != home.system:
                allowed = f"datasets of {home.system}, each of another size, since the tables tell them apart by it"
                raise ConfigError(refusal(f"{where}.{role}[{i}]", name, allowed))
            seen = [*seen, recipe.shape]


def _check_many(study: Study, parts: Task) -> None:
    """Refuse fewer training samples than sample complexity is measured up to."""
    sample_sizes = study.trainability.get("sample_sizes")
    if parts.many is None or sample_sizes is None:
        return
    found, most = study.datasets[parts.many].samples.train, max(sample_sizes.options["samples"])
    if found < most:
        allowed = f"at least {most}, the largest of trainability.sample_sizes.samples"
        raise ConfigError(refusal(f"datasets.{parts.many}.samples.train", found, allowed))


# --- Datasets and models of a task --------------------------------------------------------------------------


def _check_task_dataset(study: Study, task: str, name: str, where: str, splits: Sequence[str]) -> None:
    """Refuse a dataset that does not exist, belongs to another task, or lacks one of `splits`."""
    recipe = choose(study.datasets, name, where)
    if recipe.family.task != task:
        fitting = [key for key, other in study.datasets.items() if other.family.task == task]
        raise ConfigError(refusal(where, name, f"datasets of {task}: {', '.join(fitting) or 'none is defined'}"))
    for split in splits:
        if getattr(recipe.samples, split) is None:
            allowed = f"a whole number from 1, since {where} uses this split"
            raise ConfigError(refusal(f"datasets.{name}.samples.{split}", Words("nothing"), allowed))


def _check_training_dataset(study: Study, task: str, name: str, where: str) -> None:
    """Refuse a dataset that models of the task cannot be trained on: all its samples have one geometry."""
    _check_task_dataset(study, task, name, where, SPLITS)
    if has_own_sites(study.datasets[name]):
        allowed = "datasets whose samples share their sites, without random points or structural_displacement"
        raise ConfigError(refusal(where, name, allowed))


def _check_model(study: Study, task: str, name: str, where: str) -> None:
    """Refuse a model of another task, noise on a random start, and seeds that would all be the same run."""
    entry = study.models[name]
    if task not in entry.declared.facts["tasks"]:
        fitting = [key for key, other in study.models.items() if task in other.declared.facts["tasks"]]
        raise ConfigError(refusal(where, name, f"models of {task}: {', '.join(fitting) or 'none is defined'}"))
    noise, start = entry.variant.options.get("noise"), entry.variant.start
    if start == "random" and noise:
        allowed = "no noise on a random start, since it is random"
        raise ConfigError(refusal(f"models.{name}.noise", noise, allowed))
    if start == "closed_form" and not noise and entry.seeds > 1:
        allowed = "1 from a closed form without noise, since all seeds would be one run"
        raise ConfigError(refusal(f"models.{name}.seeds", entry.seeds, allowed))
    _check_closed_form(study, task, getattr(study.tasks, task).dataset, name)


def _check_closed_form(study: Study, task: str, dataset: str, name: str) -> None:
    """Refuse a closed form that the task has not, that nothing takes, or that the states of a dataset do not fit."""
    entry = study.models[name]
    found, where = entry.variant.options.get("closed_form"), f"models.{name}.closed_form"
    names = entry.declared.facts["closed_forms"].get(task, ())
    if entry.variant.start == "closed_form" and not names:
        raise ConfigError(
            refusal(f"models.{name}.start", "closed_form", f"random, since it has no closed form in {task}")
        )
    if found is None:
        return
    choose(dict.fromkeys(names), found, where)
    if not _takes_closed_form(entry):
        raise ConfigError(refusal(where, found, "none with a random start"))
    if found == "midgap_dropped" and study.datasets[dataset].midgap_pair != "dropped":
        allowed = "windowed_winding, since the dataset of its task keeps the mid-gap pair"
        raise ConfigError(refusal(where, found, allowed))


def _takes_closed_form(entry: ModelEntry) -> bool:
    """Return whether training starts at a closed form, or holds there what is not trained."""
    return entry.variant.start == "closed_form" or "trainable" in entry.declared.options


def _check_window(study: Study, dataset: str, name: str) -> None:
    """Refuse a window that is wider than the samples that its model is trained on."""
    sides = getattr(study.datasets[dataset].shape, "size", None)
    window = study.models[name].variant.options.get("window", 0)
    if isinstance(sides, list) and window > min(sides):
        allowed = f"a whole number from 1 up to {math.floor(min(sides))}, the shortest side of {dataset}"
        raise ConfigError(refusal(f"models.{name}.window", window, allowed))


def _check_hybrid(study: Study, name: str, where: str) -> None:
    """Refuse a model that is no hybrid for any size which the task chern trains from a random start."""
    fitting = study.hybrids(study.tasks.chern)
    if name not in fitting:
        known = ", ".join(fitting) or "there is none"
        allowed = f"hybrids of tasks.chern.models that take any size and start at random: {known}"
        raise ConfigError(refusal(where, name, allowed))
