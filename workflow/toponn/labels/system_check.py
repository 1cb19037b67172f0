"""What a Hamiltonian family is, before a study uses it: bands, gap, symmetries, filling, and what estimators say.

``python -m toponn check mine:Mine`` prints it, for a class in any file that Python finds from where it is called.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from toponn.data.recipes import REFERENCES, Recipe
from toponn.invariants import estimates
from toponn.invariants.crystals import (
    GAP_MESH,
    bulk_invariant,
    filled_bands,
    gap_at_fermi_level,
    spread_over,
    typical_gap,
)
from toponn.invariants.estimates import Estimate
from toponn.labels.convergence import NO_GAP, crystal_estimates
from toponn.matter.geometry import check_class, check_geometry, half_filled_next_to, system_of
from toponn.matter.lattices import torus
from toponn.matter.systems.base import LatticeSystem, System
from toponn.matter.systems.symmetries import Symmetries, check_symmetry_class, symmetries
from toponn.tools.checks import ConfigError, DataError, NotApplicable, imported

DEFAULT_SHAPE = {"winding": {"name": "segment", "size": [24]}, "chern": {"name": "rectangle", "size": [8, 8]}}
"""By task, what samples are cut to; where it cannot be half filled, the shape next in size."""
EXPLORED = 64
"""Points of parameters, spread over their ranges, at which the crystal is looked at."""
LINE = 121
"""Points along each parameter, between which a gap that closes is looked for."""
MARGIN = 0.1
"""Gap of the localizer from which on it counts as decided."""

Point = dict[str, float]


def check_system(name: str) -> str:
    """Return the report on a system: a name of `SYSTEMS`, or ``"module:Class"``.

    Raises
    ------
    ConfigError
        If the class is wrong: it is not complete, its tables contradict each other, its bands are not those of its
        samples, a symmetry of its declared class does not hold, or it fails.
    """
    system = family(name)
    try:
        return _report(system, name)
    except (ConfigError, NotApplicable, DataError) as error:
        raise ConfigError(str(error)) from error
    except Exception as error:  # a user's own class may fail in any way
        raise ConfigError(f"{name}: it fails: {type(error).__name__}: {error}") from error


def _report(system: System, name: str) -> str:
    ranges = {key: [parameter.low, parameter.high] for key, parameter in system.parameters.items()}
    shape, filling = _shape(system)
    recipe = Recipe.of(name="check", seed=0, system=system, shape=shape, parameters=ranges, disorder=[], where=name)
    found = symmetries(system, recipe.sites, spread_over(ranges, 4)[1:])  # the middle of the ranges may be special
    check_symmetry_class(system, found)
    sections = [_heading(system), _parameters(system)]
    explored: list[tuple[Point, float, int]] = []
    if isinstance(system, LatticeSystem):
        _check_bands(system, spread_over(ranges, 4)[1])
        explored = list(_explored(system, ranges))
        sections += [_bands(system), _closings(system, ranges, explored)]
    sections += [_symmetries(system, found), filling, _kappa(recipe), _estimators(recipe, explored, ranges)]
    return "\n\n".join(sections)


def family(name: str) -> System:
    """Return the system of a name, or of ``"module:Class"``.

    Raises
    ------
    ConfigError
        If there is none, or its class is not complete.
    """
    if ":" not in name:
        return system_of(name)
    kind = imported(name, "system", "module:Class of a file that Python finds from here")
    check_class(kind, name)
    return kind()


def _heading(system: System) -> str:
    lattices = ", ".join(system.lattices)
    cell = f", {len(system.unit_cell.basis)} site(s) a cell" if isinstance(system, LatticeSystem) else ""
    return (
        f"{system.name}: {system.task} number, class {system.symmetry_class}, on {lattices}{cell}, "
        f"{system.n_orbitals} orbital(s) a site. Its class is complete and its tables fit together."
    )


def _parameters(system: System) -> str:
    middle = system.middle()
    rows = [(k, f"{p.low:g}", f"{p.high:g}", f"{middle[k]:g}", p.unit) for k, p in system.parameters.items()]
    return table(("parameter", "low", "high", "middle", "unit"), rows)


def _check_bands(system: LatticeSystem, point: Point) -> None:
    """Refuse a class whose Bloch Hamiltonian has other energies than its samples on a torus."""
    sites = torus(system.unit_cell, (6,) * system.unit_cell.dimension)
    try:
        bloch = system.bloch(system.momenta(6), **point)
        H = system.terms(sites, system.connections(sites), **point).hamiltonian()
    except (DataError, NotApplicable):  # a field that fits no such torus
        return
    ours, theirs = np.sort(np.linalg.eigvalsh(bloch), axis=None), np.linalg.eigvalsh(H)
    if ours.shape == theirs.shape and np.abs(ours - theirs).max() > 1e-8 * max(1.0, np.abs(theirs).max()):
        found = f"bands and samples on a torus whose energies differ by up to {np.abs(ours - theirs).max():.2g}"
        raise ConfigError(f"{system.name}: found {found}; allowed: bloch and terms of one Hamiltonian")


def _explored(system: LatticeSystem, ranges: Mapping[str, Sequence[float]]) -> Iterator[tuple[Point, float, int]]:
    """Yield points spread over the ranges whose crystals have a gap, with it and the invariant."""
    mesh = GAP_MESH[system.unit_cell.dimension]
    for point in spread_over(ranges, EXPLORED):
        gap = _gap(system, point, mesh)
        if gap > NO_GAP:
            yield point, gap, bulk_invariant(system, point, mesh)


def _gap(system: LatticeSystem, point: Point, mesh: int) -> float:
    """Return the gap at the Fermi level, 0 where there is none, no crystal or nothing to fill."""
    try:
        return float(np.nan_to_num(gap_at_fermi_level(system, point, mesh)))
    except (DataError, NotApplicable):
        return 0.0


def _crossed(system: LatticeSystem, point: Point) -> list[bool]:
    """Return which of the clean bands the Fermi level of the class lies in."""
    bloch = system.bloch(system.momenta(GAP_MESH[system.unit_cell.dimension]), **point)
    E, level = np.linalg.eigvalsh(bloch).reshape(-1, bloch.shape[-1]), system.fermi_level(**point)
    return [level is not None and band.min() < level < band.max() for band in E.T]


def _bands(system: LatticeSystem) -> str:
    """Return the bands in the middle of the parameters."""
    middle, mesh = system.middle(), GAP_MESH[system.unit_cell.dimension]
    bloch = system.bloch(system.momenta(mesh), **middle)
    E = np.linalg.eigvalsh(bloch).reshape(-1, bloch.shape[-1])
    filled, gap = filled_bands(system, middle, bloch), _gap(system, middle, mesh)
    crossed = _crossed(system, middle)
    words = ["partly filled" if crossed[i] else "filled" if i < filled else "" for i in range(len(crossed))]
    ends = [(_number(band.min()), _number(band.max())) for band in E.T]
    rows = [(str(i + 1), *ends[i], word) for i, word in enumerate(words)]
    said = f"gap {gap:.2f}, invariant {bulk_invariant(system, middle, mesh)}" if gap > NO_GAP else "no gap"
    return f"Bands at the middle of the parameters, {_words(middle)}: {said}\n" + table(
        ("band", "lowest", "highest", ""), rows
    )


def _closings(
    system: LatticeSystem, ranges: Mapping[str, Sequence[float]], explored: list[tuple[Point, float, int]]
) -> str:
    """Return the integers that were found, and along each parameter where the gap closes and what lies between."""
    if not explored:
        return f"No gap of {NO_GAP} at the Fermi level at any of {EXPLORED} points spread over the ranges."
    counts = {n: sum(invariant == n for *_, invariant in explored) for n in sorted({n for *_, n in explored})}
    parts = ", ".join(f"{n} at {count}" for n, count in counts.items())
    centre = max(explored, key=lambda found: (found[2] != 0, found[1]))[0]
    lines = [f"Of {EXPLORED} points spread over the ranges {len(explored)} have a gap; their invariant is {parts}."]
    lines += [f"Along each parameter through {_words(centre)}, the invariant | where the gap closes |:"]
    lines += [f"  {key}: {_along(system, centre, key, *ranges[key])}" for key in ranges]
    return "\n".join(lines)


def _along(system: LatticeSystem, centre: Point, key: str, low: float, high: float) -> str:
    """Return the integers along one parameter, and between them where the gap closes or is no gap at all."""
    mesh = GAP_MESH[system.unit_cell.dimension]
    values, step = np.linspace(low, high, LINE, retstep=True)
    gaps = np.array([_gap(system, {**centre, key: float(v)}, mesh) for v in values])
    closed, words, start = _closed(system, centre, key, values, gaps, mesh), [], low
    for first, last in [*closed, (high, high)]:
        between = (values >= start - step / 2) & (values <= first + step / 2) & (gaps > NO_GAP)
        if between.any():
            widest = {**centre, key: float(values[between][gaps[between].argmax()])}
            words.append(f"{bulk_invariant(system, widest, mesh)}")
        if (first, last) != (high, high):
            ends = [_number(end) for end in (first, last)]
            words.append(f"| {ends[0]} |" if last - first < step else f"| {' to '.join(ends)} |")
        start = last
    return " ".join(words)


def _closed(
    system: LatticeSystem, centre: Point, key: str, values: np.ndarray, gaps: np.ndarray, mesh: int
) -> list[tuple[float, float]]:
    """Return where along a line there is no gap, as intervals; a point is one of no length."""
    step = values[1] - values[0]
    found: list[tuple[float, float]] = []
    for i in range(LINE):
        if gaps[i] > gaps[max(i - 1, 0)] or gaps[i] > gaps[min(i + 1, LINE - 1)]:
            continue
        ends = max(values[i] - step, values[0]), min(values[i] + step, values[-1])
        at = minimize_scalar(lambda v: _gap(system, {**centre, key: v}, mesh), bounds=ends, method="bounded").x
        if min(gaps[i], _gap(system, {**centre, key: at}, mesh)) > NO_GAP:
            continue
        if found and at - found[-1][1] < 2 * step:
            found[-1] = (found[-1][0], at)
        else:
            found.append((at, at))
    return found


def _symmetries(system: System, found: Symmetries) -> str:
    def squared(squares: tuple[int, ...]) -> str:
        return f"yes, of square {' or '.join(f'{s:+d}' for s in squares)}" if squares else "no"

    rows = [
        ("Hermitian", "yes"),
        ("time reversal", squared(found.time_reversal)),
        ("particle-hole", squared(found.particle_hole)),
        ("chiral", "yes" + ", by signs of the sublattices" * found.sublattice if found.chiral else "no"),
        ("inversion", {True: "yes", False: "no", None: "not looked for without a torus"}[found.inversion]),
    ]
    kinds = " or ".join(found.kind)
    more = "" if system.symmetry_class in found.kind else "; disorder may break what is more than that"
    title = f"Symmetries within sites, of the clean Hamiltonian: class {kinds}, declared {system.symmetry_class}{more}"
    return title + "\n" + table(("symmetry", "holds"), rows)


def _shape(system: System) -> tuple[dict[str, Any], str]:
    """Return the shape of the samples, and what is to be said of its filling."""
    shape, where = DEFAULT_SHAPE[system.task], "default"
    level = system.fermi_level(**system.middle())
    way = "its lower half is filled" if level is None else "filled up to the class's Fermi level"
    try:
        check_geometry(system=system, shape=shape, where=where)
        return shape, f"Filling of {_text(shape)}: {way}."
    except ConfigError as error:
        other = half_filled_next_to(system.lattice(), shape, system.n_orbitals)
        if other is None:
            raise
        return other, f"Filling of {_text(shape)}: {error}\nSamples below are {_text(other)}: {way}."


def _text(shape: Mapping[str, Any]) -> str:
    return f"{shape['name']} {'x'.join(f'{side:g}' for side in shape['size'])}"


def _kappa(recipe: Recipe) -> str:
    system = recipe.system
    if not isinstance(system, LatticeSystem):
        return f"Localizer: κ = {system.localizer_kappa:g} by the class; without a unit cell no bands suggest another."
    gap, suggested = typical_gap(system, recipe.parameters), replace(recipe, system=_without_kappa(system)).kappa
    own = "the class names none" if system.localizer_kappa is None else f"the class names {system.localizer_kappa:g}"
    return (
        f"Localizer: κ = {suggested:.3g} follows from the typical gap over the ranges, {gap:.2f}, and this size; {own}."
    )


def _without_kappa(system: LatticeSystem) -> LatticeSystem:
    """Return the same family as one that names no κ."""
    return type(type(system).__name__, (type(system),), {"localizer_kappa": None})()


def _estimators(recipe: Recipe, explored: list[tuple[Point, float, int]], ranges: Mapping[str, Any]) -> str:
    """Return what each estimator says of clean samples at a few points, and how often it is the crystal's integer."""
    chosen = list(_widest_and_median(explored)) or spread_over(ranges, 4)
    found = [_said(recipe, point) for point in chosen]
    names = list(dict.fromkeys(name for said in found for name in said))
    rows = [
        (_words(point), *(_shown(said[name]) if name in said else "–" for name in names))
        for point, said in zip(chosen, found, strict=True)
    ]
    first = names[0]
    agreed = ", ".join(
        f"{name} {sum(_same(said, name, first) for said in found)} of {sum(name in said for said in found)}"
        for name in names[1:]
    )
    title = f"Estimators on clean samples, {len(recipe.sites)} sites of {recipe.shape} (in brackets: not decided)"
    return f"{title}\n{table(('parameters', *names), rows)}\nThe integer of {first}, decided: {agreed}."


def _widest_and_median(explored: list[tuple[Point, float, int]]) -> Iterator[Point]:
    """Yield for each integer the points at which its gap is widest and in the middle of what it is."""
    for n in sorted({n for *_, n in explored}):
        ordered = sorted((found for found in explored if found[2] == n), key=lambda found: -found[1])
        yield from (point for point, *_ in ordered[:: max(1, len(ordered) // 2)][:2])


def _said(recipe: Recipe, point: Point) -> dict[str, Estimate]:
    """Return what each estimator that applies says of draw 0 at a point, the crystal's integer first."""
    there = replace(recipe, parameters=point)
    try:
        found = dict(reversed(crystal_estimates(there, 1).items()))
        system = recipe.system
        closed = found and gap_at_fermi_level(system, point, GAP_MESH[system.unit_cell.dimension]) <= NO_GAP
        if closed or (found and any(_crossed(system, point))):  # where no integer is defined
            found = {name: replace(said, decided=np.zeros_like(said.decided)) for name, said in found.items()}
    except DataError:  # no crystal, as at an irrational flux
        found = {}
    samples = there.draw([0])
    found["spectral_localizer"] = estimates.spectral_localizer(samples, recipe.kappa, MARGIN)
    for name in REFERENCES[recipe.system.task]:
        try:
            found[name] = there.estimate(name, samples)
        except NotApplicable:
            continue
    return found


def _same(said: Mapping[str, Estimate], name: str, first: str) -> bool:
    if name not in said or first not in said:
        return False
    return bool(said[name].decided[0] and np.rint(said[name].value[0]) == np.rint(said[first].value[0]))


def _shown(estimate: Estimate) -> str:
    text = _number(estimate.value[0])
    return text if estimate.decided[0] else f"({text})"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00")


def _words(point: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {_number(value)}" for key, value in point.items())


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text under a header, in columns as wide as their widest entry."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  " + "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    )
