"""Checks of single entries of a study: that a recipe, a map or a study of labels fits its system.

Each refuses with one sentence, ``key.path: found X; allowed: Y``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from toponn.matter.disorder import DISORDER
from toponn.matter.geometry import check_geometry, check_hoppings, system_of
from toponn.study.entries import Ceiling, Convergence, Dataset, Disorder, Interface, Map, OfSystem, Sample
from toponn.tools.checks import ConfigError, Words, choose, refusal, unknown_key
from toponn.tools.conventions import DIMENSION

# On-site energies break the chiral symmetry that the winding number needs, a vacancy severs a chain, and cells of a
# chain have no distance that a displacement could change.
DISORDER_OF_TASK = {"winding": ("bond_box", "decoupled_edge"), "chern": tuple(DISORDER)}
ESTIMATORS_OF_TASK = {
    "winding": ("spectral_localizer", "real_space_winding", "product_rule"),
    "chern": ("spectral_localizer", "real_space_chern", "three_sector_chern"),
}


def check_dataset(recipe: Dataset | Interface, where: str) -> None:
    """Refuse a recipe that does not fit its system, or whose shape no sample can have."""
    system = _check_sample(recipe, where)
    check_geometry(system=system, shape=recipe.shape.model_dump(), lattice=recipe.lattice, where=where)
    check_hoppings(system, recipe.parameters, [term.name for term in recipe.disorder], where)
    if recipe.interface:
        outside = recipe.interface.parameters
        _check_parameters(system.parameters, outside, recipe.system, f"{where}.interface.parameters")
    if isinstance(recipe, Interface):
        return
    if recipe.consensus and (recipe.system != "ssh" or recipe.interface):
        allowed = "false, since only the product rule of homogeneous ssh chains is independent of what rings express"
        raise ConfigError(refusal(f"{where}.consensus", True, allowed))
    if recipe.midgap_pair == "dropped" and system.task != "winding":
        raise ConfigError(refusal(f"{where}.midgap_pair", "dropped", "kept, since only chains have a mid-gap pair"))


def check_map(entry: Map, where: str) -> None:
    """Refuse a map of a plane that its system has not."""
    system = _check_system(entry, where)
    check_geometry(system=system, shape=entry.shape.model_dump(), lattice=entry.lattice, where=where)
    planes = system.phase_planes()
    if not planes:
        raise ConfigError(refusal(f"{where}.system", entry.system, "systems with phase planes"))
    choose(planes, entry.plane, f"{where}.plane")
    choose(dict.fromkeys(ESTIMATORS_OF_TASK[system.task]), entry.estimator, f"{where}.estimator")


def check_convergence(entry: Convergence, where: str) -> None:
    """Refuse points that are not of the system, or not points."""
    system = _check_system(entry, where)
    for i, point in enumerate(entry.points):
        _check_parameters(system.parameters, point, entry.system, f"{where}.points[{i}]")
        for name, value in point.items():
            if isinstance(value, list):
                raise ConfigError(refusal(f"{where}.points[{i}].{name}", value, "a number, since this is a point"))
    _check_terms(system, entry.disorder, f"{where}.disorder")
    for i, term in enumerate(entry.disorder):
        if isinstance(term.strength, list):
            here = f"{where}.disorder[{i}].strength"
            raise ConfigError(refusal(here, term.strength, "a number, since all samples have one strength"))
    _check_lengths(system, entry.lengths, f"{where}.lengths")


def check_ceiling(entry: Ceiling, where: str) -> None:
    """Refuse parameters or disorder that do not fit the system."""
    system = _check_system(entry, where)
    _check_parameters(system.parameters, entry.parameters, entry.system, f"{where}.parameters")
    _check_kind(system, entry.disorder, f"{where}.disorder")
    for i, strength in enumerate(entry.strengths):
        _check_strength(entry.disorder, strength, f"{where}.strengths[{i}]")
    _check_lengths(system, entry.lengths, f"{where}.lengths")


def check_of_the_plane(entry: Sample, where: str) -> None:
    """Refuse a sample that is not of the plane, or whose parameters or disorder do not fit its system."""
    if DIMENSION[_check_system(entry, where).task] != 2:
        raise ConfigError(refusal(f"{where}.system", entry.system, "systems in the plane"))
    _check_sample(entry, where)


def _check_sample(entry: Sample, where: str) -> Any:
    """Return the system of an entry whose lattice, parameters and disorder are its own."""
    system = _check_system(entry, where)
    _check_parameters(system.parameters, entry.parameters, entry.system, f"{where}.parameters")
    _check_terms(system, entry.disorder, f"{where}.disorder")
    return system


def _check_system(entry: OfSystem, where: str) -> Any:
    """Return the system of an entry, or refuse its name or a lattice that it does not live on."""
    system = system_of(entry.system, f"{where}.system")
    system.lattice(entry.lattice, f"{where}.lattice")
    return system


def _check_terms(system: Any, disorder: Sequence[Disorder], where: str) -> None:
    """Refuse disorder that the invariant does not survive, that comes twice, or of a strength that cannot be."""
    names = [term.name for term in disorder]
    for i, term in enumerate(disorder):
        _check_interval(term.strength, f"{where}[{i}].strength")
        _check_strength(term.name, term.strength, f"{where}[{i}].strength")
        if term.name in names[:i]:
            found = Words(f"{term.name!r} twice")
            raise ConfigError(refusal(f"{where}[{i}].name", found, "each kind of disorder once"))
        _check_kind(system, term.name, f"{where}[{i}].name")
        if term.name == "decoupled_edge" and i < len(disorder) - 1:
            allowed = "decoupled_edge last, after what changes bonds"
            raise ConfigError(refusal(f"{where}[{i}].name", term.name, allowed))


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


def _check_lengths(system: Any, lengths: Sequence[float], where: str) -> None:
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
            raise ConfigError(unknown_key(f"{where}.{name}", name, parameters, given, whose))
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
