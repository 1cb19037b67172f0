"""The invariant of the infinite clean crystal behind a sample, from its bands."""

from collections.abc import Mapping

import numpy as np

from toponn.invariants.bloch import chern_number, winding_of_loop
from toponn.systems.base import LatticeSystem


def bulk_invariant(system: LatticeSystem, parameters: Mapping[str, float], mesh: int) -> int:
    """Return the winding or Chern number of the clean crystal on a mesh of this many k along each axis."""
    bloch = system.bloch(system.momenta(mesh), **parameters)
    if system.task == "winding":
        return winding_of_loop(bloch[::-1, 0, 1])  # the A–B block is h at −k
    return int(chern_number(bloch, filled_bands(system, parameters, bloch)))


def filled_bands(system: LatticeSystem, parameters: Mapping[str, float], bloch: np.ndarray) -> int:
    """Return how many of the bands (k, …, n, n) lie below the Fermi level, by default the lower half."""
    level, n = system.fermi_level(**parameters), bloch.shape[-1]
    if level is None:
        return n // 2
    return int((np.linalg.eigvalsh(bloch).reshape(-1, n).mean(axis=0) < level).sum())
