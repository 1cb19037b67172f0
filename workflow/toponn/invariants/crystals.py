"""The infinite clean crystal behind a sample: its invariant and its gap, from its bands."""

from collections.abc import Mapping, Sequence

import numpy as np

from toponn.invariants.bloch import chern_number, winding_of_loop
from toponn.matter.systems.base import LatticeSystem
from toponn.tools.checks import DataError, NotApplicable

GAP_MESH = {1: 256, 2: 24}
"""Points of k along each axis for the gap of many crystals; its square root is all that is needed of it."""
CRYSTALS = 32
"""Crystals of which the typical gap is the median."""
MEASURED_GAPS = (0.2, 2.0)
"""Gaps between which the rule of `toponn.invariants.localizer.kappa_from_gap` was measured."""


def bulk_invariant(system: LatticeSystem, parameters: Mapping[str, float], mesh: int) -> int:
    """Return the winding or Chern number of the clean crystal on a mesh of this many k along each axis."""
    bloch = system.bloch(system.momenta(mesh), **parameters)
    if system.task == "winding":
        return winding_of_loop(bloch[::-1, 0, 1])  # the A–B block is h at −k
    handed = int(np.sign(np.linalg.det(np.array(system.unit_cell.vectors))))  # of the axes along which k runs
    return handed * int(chern_number(bloch, filled_bands(system, parameters, bloch)))


def filled_bands(system: LatticeSystem, parameters: Mapping[str, float], bloch: np.ndarray) -> int:
    """Return how many of the bands (k, …, n, n) lie below the Fermi level, by default the lower half."""
    level, n = system.fermi_level(**parameters), bloch.shape[-1]
    if level is None:
        return n // 2
    return int((np.linalg.eigvalsh(bloch).reshape(-1, n).mean(axis=0) < level).sum())


def gap_at_fermi_level(system: LatticeSystem, parameters: Mapping[str, float], mesh: int) -> float:
    """Return the energy between the highest filled and the lowest empty state of the clean crystal, on a mesh of k.

    It is 0 where bands overlap or the Fermi level lies in one, and NaN where all bands or none are filled.
    """
    bloch, level = system.bloch(system.momenta(mesh), **parameters), system.fermi_level(**parameters)
    filled, n = filled_bands(system, parameters, bloch), bloch.shape[-1]
    if filled in (0, n):
        return np.nan
    E = np.linalg.eigvalsh(bloch).reshape(-1, n)
    low, high = E[:, filled - 1].max(), E[:, filled].min()
    return float(high - low) if low < high and (level is None or low < level < high) else 0.0


def typical_gap(system: LatticeSystem, ranges: Mapping[str, float | Sequence[float]]) -> float:
    """Return the median gap of clean crystals spread evenly over ranges of parameters, in units of the main hopping.

    It is no less and no more than the gaps for which κ is known to follow from the gap (`MEASURED_GAPS`): a κ that is
    right at a gap of 0.28 may be wrong by a factor of ten before the index is, and close to a transition samples are
    left out by their margin anyway. Parameters at which there is no crystal, as an irrational flux, do not count.
    """
    mesh, gaps = GAP_MESH[system.unit_cell.dimension], []
    for point in spread_over(ranges, CRYSTALS):
        try:
            gaps.append(gap_at_fermi_level(system, point, mesh))
        except (DataError, NotApplicable):
            continue
    found = [gap for gap in gaps if np.isfinite(gap)]
    return float(np.clip(np.median(found or [0.0]), *MEASURED_GAPS))


def spread_over(ranges: Mapping[str, float | Sequence[float]], count: int) -> list[dict[str, float]]:
    """Return points that fill a box of parameters, each a number or [low, high], evenly: an additive recurrence.

    Nothing is drawn. Where all parameters are numbers there is one point.

    References
    ----------
    M. Roberts, "The unreasonable effectiveness of quasirandom sequences" (2018): the steps along the axes are powers of
    1/φ with φ^(d+1) = φ + 1.

    Examples
    --------
    >>> [round(point["mass"], 3) for point in spread_over({"mass": [-1, 1]}, 3)]
    [0.0, -0.764, 0.472]
    """
    intervals = [key for key, value in ranges.items() if isinstance(value, Sequence)]
    phi = 2.0
    for _ in range(60):
        phi = (1 + phi) ** (1 / (len(intervals) + 1))
    steps = {key: phi ** -(i + 1) for i, key in enumerate(intervals)}
    return [
        {
            key: _between(value, (0.5 + i * steps[key]) % 1.0) if key in steps else float(value)
            for key, value in ranges.items()
        }
        for i in range(count if intervals else 1)
    ]


def _between(ends: Sequence[float], share: float) -> float:
    return float(ends[0] + share * (ends[1] - ends[0]))
