"""Checks of single entries of a study: that a recipe, a map or a study of labels fits its system.

Each refuses with one sentence, ``key.path: found X; allowed: Y``.
"""

from collections.abc import Mapping
from typing import Any

from toponn.checks import ConfigError, choose, refusal, resolve
from toponn.disorder import DISORDER
from toponn.lattices import LATTICES
from toponn.schema import Words, unknown_key
from toponn.systems import SYSTEMS
from toponn.systems.base import System

DIMENSION = {"winding": 1, "chern": 2}
SHAPE_DIMENSION = {"segment": 1, "rectangle": 2, "disk": 2, "triangle": 2, "l_shape": 2}
# On-site energies break the chiral symmetry that the winding number needs, a vacancy severs a chain, and cells of a
# chain have no distance that a displacement could change.
DISORDER_OF_TASK = {"winding": ("bond_box", "decoupled_edge"), "chern": tuple(DISORDER)}
ESTIMATORS_OF_TASK = {
    "winding": ("spectral_localizer", "real_space_winding", "product_rule"),
    "chern": ("spectral_localizer", "real_space_chern", "three_sector_chern"),
}


def check_dataset(recipe: Mapping[str, Any], where: str) -> None:
    """Refuse a recipe that does not fit its system."""
    system = _check_system(recipe, where)
    _check_shape(system, recipe, where)
    _check_parameters(system.parameters, recipe["parameters"], recipe["system"], f"{where}.parameters")
    _check_terms(system, recipe["disorder"], f"{where}.disorder")
    if recipe.get("consensus") and (recipe["system"] != "ssh" or "interface" in recipe):
        allowed = "false, since only the product rule of homogeneous ssh chains is independent of what rings express"
        raise ConfigError(refusal(f"{where}.consensus", True, allowed))
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
        if term["name"] == "decoupled_edge" and i < len(disorder) - 1:
            raise ConfigError(
                refusal(f"{where}[{i}].name", term["name"], "decoupled_edge last, after what changes bonds")
            )


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


def check_map(entry: Mapping[str, Any], where: str) -> None:
    """Refuse a map of a plane that its system has not."""
    system = _check_system(entry, where)
    _check_shape(system, entry, where)
    planes = system().phase_planes()
    if not planes:
        raise ConfigError(refusal(f"{where}.system", entry["system"], "systems with phase planes"))
    choose(planes, entry["plane"], f"{where}.plane")
    estimators = ESTIMATORS_OF_TASK[system.task]
    choose(dict.fromkeys(estimators), entry.get("estimator", estimators[0]), f"{where}.estimator")


def check_convergence(entry: Mapping[str, Any], where: str) -> None:
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


def check_ceiling(entry: Mapping[str, Any], where: str) -> None:
    """Refuse parameters or disorder that do not fit the system."""
    system = _check_system(entry, where)
    _check_parameters(system.parameters, entry["parameters"], entry["system"], f"{where}.parameters")
    _check_kind(system, entry["disorder"], f"{where}.disorder")
    for i, strength in enumerate(entry["strengths"]):
        _check_strength(entry["disorder"], strength, f"{where}.strengths[{i}]")
    _check_lengths(system, entry["lengths"], f"{where}.lengths")


def check_beyond_sample(entry: Mapping[str, Any], where: str) -> None:
    """Refuse a sample that is not of the plane, or whose parameters or disorder do not fit its system."""
    system = _check_system(entry, where)
    if DIMENSION[system.task] != 2:
        raise ConfigError(refusal(f"{where}.system", entry["system"], "systems in the plane"))
    _check_parameters(system.parameters, entry["parameters"], entry["system"], f"{where}.parameters")
    _check_terms(system, entry["disorder"], f"{where}.disorder")


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
