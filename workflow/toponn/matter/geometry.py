"""A system on the sites of a shape, checked without drawing, solving or importing more than NumPy.

The study checks every recipe so when it reads the config; what a class or a shape lacks is then known before any job.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from toponn.matter.lattices import LATTICES, Lattice, UnitCell
from toponn.matter.shapes import SHAPE_DIMENSION, Shape, local_coordinates, shape_of, window
from toponn.matter.systems import SYSTEMS
from toponn.matter.systems.base import Bond, LatticeSystem, System
from toponn.tools.checks import ConfigError, DataError, Words, refusal, resolve
from toponn.tools.conventions import DIMENSION

MOST_SITES = 1_000_000
"""Sites of the largest sample: polynomials of sparse Hamiltonians go so far, matrices do not."""
TRIED = 8
"""Sizes next to one that cannot be half filled, to either side, among which one that can is looked for."""


def system_of(system: str | System, where: str = "system") -> System:
    """Return the Hamiltonian family of a name, of a row ``"toponn.matter.systems.mine:Mine"``, or a family as it is.

    Raises
    ------
    ConfigError
        If there is none, its class is not complete, or its tables contradict each other.
    """
    if isinstance(system, System):
        return system
    kind = resolve(SYSTEMS, system, where)
    check_class(kind, system, where)
    return kind()


def check_class(kind: Any, name: str, where: str = "system") -> None:
    """Refuse what is no complete system, or one whose tables contradict each other.

    Raises
    ------
    ConfigError
        With one sentence that says what is missing.
    """
    if not (isinstance(kind, type) and issubclass(kind, System)):
        raise ConfigError(refusal(where, name, "a class that derives from System"))
    needed = [*System.__annotations__, *(LatticeSystem.__annotations__ if issubclass(kind, LatticeSystem) else ())]
    known = {"lattices"} if "unit_cell" in needed else set()  # those follow from the cell
    missing = sorted(kind.__abstractmethods__)
    missing += [key for key in needed if not hasattr(kind, key) and key not in known]
    if missing:
        raise ConfigError(refusal(where, name, f"a system that defines {', '.join(missing)}"))
    if kind.task not in DIMENSION:
        raise ConfigError(refusal(where, name, f"a system whose task is {' or '.join(DIMENSION)}"))
    if issubclass(kind, LatticeSystem):
        _check_unit_cell(kind, name, where)
        _check_tables(kind(), name, where)
    elif not kind.lattices or not set(kind.lattices) <= set(LATTICES):
        raise ConfigError(refusal(where, name, f"a system whose lattices are among {', '.join(LATTICES)}"))
    elif kind.localizer_kappa is None:
        raise ConfigError(refusal(where, name, "a localizer_kappa, since without a unit cell no bands give one"))


def _check_unit_cell(kind: type[LatticeSystem], name: str, where: str) -> None:
    """Refuse a cell of another dimension than the task's, that spans no space, or under another lattice's name."""
    cell, d = kind.unit_cell, DIMENSION[kind.task]
    right = isinstance(cell, UnitCell) and np.shape(cell.vectors) == (d, d) and np.shape(cell.basis)[1:] == (d,)
    if not right or not math.isfinite(cell.area_per_site) or cell.area_per_site < 1e-9:
        allowed = f"a unit_cell of {d} vectors that span the space, and basis points, of {d} numbers each"
        raise ConfigError(refusal(where, name, allowed))
    if kind.lattices != (cell.name,):
        raise ConfigError(refusal(where, name, f"no other lattices than its unit_cell's, {cell.name}"))
    if cell.name in LATTICES and resolve(LATTICES, cell.name, where) != cell:
        raise ConfigError(refusal(where, name, f"another name for its unit_cell than {cell.name}, which is a lattice"))


def _check_tables(system: LatticeSystem, name: str, where: str) -> None:
    """Refuse tables that fail, that do not fit the cell, or whose bands cannot be half filled."""
    middle = system.middle()
    try:
        onsite, bonds, level = np.asarray(system.onsite(**middle)), system.bonds(**middle), system.fermi_level(**middle)
        fitting = _fitting(system, onsite, bonds)
    except Exception as error:  # a user's own class may fail in any way
        raise ConfigError(f"{where}: found {name!r}, whose tables fail: {type(error).__name__}: {error}") from error
    bands = len(system.unit_cell.basis) * system.n_orbitals
    if fitting is None and level is None and bands % 2 and type(system).bloch is LatticeSystem.bloch:
        fitting = f"an even number of bands, which {bands} is not, to be half filled, or a class with fermi_level"
    if fitting:
        raise ConfigError(refusal(where, name, fitting))


def _fitting(system: LatticeSystem, onsite: np.ndarray, bonds: tuple[Bond, ...]) -> str | None:
    """Return what is allowed where matrices or bonds do not fit the unit cell, or None where they do."""
    n, d, sublattices = system.n_orbitals, system.unit_cell.dimension, len(system.unit_cell.basis)
    shapes, ends = {np.shape(b.amplitude) for b in bonds}, {end for b in bonds for end in (b.source, b.target)}
    ways = {(b.source, b.target, tuple(b.offset)) for b in bonds}
    if onsite.shape != (sublattices, n, n) or not shapes <= {(n, n)}:
        cell = f"{sublattices} site(s) of the unit cell {system.unit_cell.name}"
        return f"tables of {n} orbitals a site on {cell}: on-site and bond matrices {n}×{n}"
    if not np.allclose(onsite, onsite.conj().swapaxes(1, 2)):
        return "Hermitian on-site matrices"
    if not ends <= set(range(sublattices)) or {len(offset) for *_, offset in ways} - {d}:
        return f"bonds between sublattices 0 to {sublattices - 1} of cells that are {d} whole number(s) apart"
    if any(source == target and not any(offset) for source, target, offset in ways):
        return "bonds between different sites; what stays on a site is in onsite"
    if any((target, source, tuple(-step for step in offset)) in ways for source, target, offset in ways):
        return "each bond once, since its conjugate is added: found one in both directions"
    return None


def check_geometry(
    *, system: str | System, shape: Mapping[str, Any], lattice: str | None = None, where: str = "recipe"
) -> None:
    """Refuse a system, a lattice or a shape that no sample can have, at the config's place `where`.

    The shape must be of the system's dimension, hold a site, one in its middle, no more than `MOST_SITES`, and where
    the class names no Fermi level, as many sites on each sublattice, to be half filled. Sites that are drawn are
    counted by the area alone, and the middle of a shape with holes is left to the job, since finding it takes a second.

    Raises
    ------
    ConfigError
        With one sentence; of a shape that cannot be half filled, it names a size next to it that can.
    """
    member = system_of(system, f"{where}.system")
    points = member.lattice(lattice, f"{where}.lattice")
    where = f"{where}.shape"
    _check_dimension(member, shape, where)
    try:
        region, counts = _counts(points, shape, where)
    except DataError as error:
        raise no_bulk(where, shape, error) from error
    if member.fermi_level(**member.middle()) is None and not _half_filled(counts, member.n_orbitals):
        found = f"{region}, with {' and '.join(map(str, counts))} sites on its sublattices"
        allowed = "as many sites on each sublattice and an even number of orbitals, to be half filled"
        other = half_filled_next_to(points, shape, member.n_orbitals)
        cure = f"another size ({shape_of(other, measured=False)})" if other else "another shape"
        raise ConfigError(f"{where}: found {found}; allowed: {allowed}: {cure}, or fermi_level in the class")


def check_hoppings(system: System, parameters: Mapping[str, Any], disorder: Iterable[str], where: str) -> None:
    """Refuse parameters with which nothing couples one site to another, unless bond disorder does.

    Raises
    ------
    ConfigError
        With one sentence that names all parameters.
    """
    if not isinstance(system, LatticeSystem) or "bond_box" in disorder:
        return
    ends = [{key: float(np.ravel(value)[end]) for key, value in parameters.items()} for end in (0, -1)]
    if not any(np.any(bond.amplitude) for point in ends for bond in system.bonds(**point)):
        found = ", ".join(f"{key} = {value}" for key, value in parameters.items())
        allowed = "numbers with which a hopping is not zero, or bond_box disorder"
        raise ConfigError(refusal(f"{where}.parameters", Words(found), allowed))


def square_of(system: str, length: float) -> dict[str, Any]:
    """Return the entry of a system's shape of this length: a segment of cells, or a square."""
    if system_of(system).task == "winding":
        return {"name": "segment", "size": [int(length)]}
    return {"name": "rectangle", "size": [float(length), float(length)]}


def no_bulk(where: str, shape: Mapping[str, Any], error: DataError) -> ConfigError:
    """Return what is said of a shape that holds no site, or none in its middle."""
    found = " ".join(str(value) for value in shape.values())
    return ConfigError(refusal(where, found, f"shapes with sites and a bulk ({error})"))


def _check_dimension(system: System, shape: Mapping[str, Any], where: str) -> None:
    dimension, name = DIMENSION[system.task], shape.get("name")
    if SHAPE_DIMENSION.get(name, dimension) != dimension:
        fitting = ", ".join(other for other, d in SHAPE_DIMENSION.items() if d == dimension)
        allowed = f"{fitting}, the shapes in {dimension}D, where {system.name} lives"
        raise ConfigError(refusal(f"{where}.name", name, allowed))


def _counts(points: Lattice, shape: Mapping[str, Any], where: str) -> tuple[Shape, list[int]]:
    """Return the region that an entry names, and how many sites of each sublattice lie in it; refuse too many."""
    region = shape_of(shape, where, measured=False)
    around = (2 * region.extent + 4) ** region.dimension  # what `toponn.matter.lattices.cut` looks through
    if max(region.area, around / 4) > MOST_SITES * points.area_per_site:
        allowed = f"shapes of at most {MOST_SITES:,} sites, not many times longer than wide"
        raise ConfigError(f"{where}: found {region}, for {points.name} sites; allowed: {allowed}")
    if points.drawn:
        if round(region.area) < 1:
            raise DataError(f"found room for no site in {region}")
        return region, [round(region.area)]
    sites = points.cut(region.inside, region.extent)
    if not shape.get("holes"):
        window(local_coordinates(sites.positions, region))
    if sites.sublattice is None:
        return region, [len(sites)]
    return region, np.bincount(sites.sublattice, minlength=len(points.basis)).tolist()


def _half_filled(counts: list[int], n_orbitals: int) -> bool:
    return len(set(counts)) == 1 and sum(counts) * n_orbitals % 2 == 0


def half_filled_next_to(points: Lattice, shape: Mapping[str, Any], n_orbitals: int) -> dict[str, Any] | None:
    """Return the entry of the shape next in size that can be half filled, or None where there is none near."""
    for resized in _resized(shape):
        try:
            counts = _counts(points, resized, "shape")[1]
        except (ConfigError, DataError):
            continue
        if _half_filled(counts, n_orbitals):
            return resized
    return None


def _resized(shape: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the entry of a shape with all its lengths a little larger or smaller, whole numbers by whole steps."""
    lengths = {key: value for key, value in shape.items() if key not in ("name", "holes")}
    for step in (sign * count for count in range(1, TRIED + 1) for sign in (1, -1)):
        moved = {
            key: [_moved(length, step) for length in value] if isinstance(value, list | tuple) else _moved(value, step)
            for key, value in lengths.items()
        }
        if min(np.hstack(list(moved.values()))) > 0:
            yield {**shape, **moved}


def _moved(length: float, step: int) -> float:
    return length + step * (1 if isinstance(length, int) else 0.5)
