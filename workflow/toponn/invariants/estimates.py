"""Invariants of samples, each with an integer that is given only where it can be trusted."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from toponn.checks import ConfigError, DataError, NotApplicable, refusal
from toponn.invariants import bott, chern, localizer, sparse, strips, winding
from toponn.invariants.samples import Samples
from toponn.shapes import window

CLEAR = 0.25
"""Margin, in distance of a value from the middle between two integers, from which on its integer is given."""
SPARSE_FROM = 140
"""Orbitals from which on sparse factors of one localizer are faster than its eigenvalues."""
GAPLESS = 1e-9
"""Gap, in energy, at which the filled states of a sample without chiral symmetry are no longer defined."""


@dataclass(frozen=True)
class Estimate:
    """What an estimator says about each sample of a batch.

    Attributes
    ----------
    value : (B,) float64
        Before rounding; of the localizer already an integer.
    margin : (B,) float64
        How far the sample is from another integer: the localizer's gap (energy), or ½ less the distance of the value
        from the nearest integer.
    decided : (B,) bool
        Whether the margin, and the gap at the Fermi level, are large enough to trust the integer.
    """

    value: np.ndarray
    margin: np.ndarray
    decided: np.ndarray

    @property
    def integer(self) -> np.ma.MaskedArray:
        """The invariant, (B,) int64, masked where it is undecided."""
        return np.ma.MaskedArray(np.rint(np.nan_to_num(self.value)).astype(np.int64), mask=~self.decided)


def _rounded(samples: Samples, value: np.ndarray, margin: np.ndarray | None = None) -> Estimate:
    margin = 0.5 - np.abs(value - np.rint(value)) if margin is None else margin
    decided = np.isfinite(value) & (margin >= CLEAR)
    return Estimate(value, margin, decided if samples.chiral else decided & (samples.gap > GAPLESS))


def spectral_localizer(samples: Samples, kappa: float, minimum_margin: float = 0.1) -> Estimate:
    """Return the index of the odd (chains) or even (planes) spectral localizer; its gap is the margin.

    Parameters
    ----------
    kappa
        Strength of the positions, energy over length; see `toponn.invariants.localizer`.
    minimum_margin
        Gap, in energy, from which on the index counts as decided.

    Raises
    ------
    NotApplicable
        If a chain is not chiral, or the sample is a torus.
    ConfigError
        If κ is not positive: without positions every index is zero.
    """
    if not (np.isfinite(kappa) and kappa > 0):
        raise ConfigError(refusal("kappa", kappa, "positive numbers"))
    if samples.periods is not None:
        raise NotApplicable("spectral localizer: found a torus; allowed: open samples")
    if samples.dimension == 1:
        index, margin = localizer.odd_localizer(samples.block, samples.cells, kappa)
    else:
        index, margin = _even_localizer(samples, kappa)
    return Estimate(index.astype(float), margin, margin >= minimum_margin)


def _even_localizer(samples: Samples, kappa: float) -> tuple[np.ndarray, np.ndarray]:
    """Return index and gap of each sample of a plane, by whichever way is fastest at its size and number."""
    n, where = samples.hamiltonians.shape[-1], samples.centred[..., samples.site_of_orbital, :]
    return strips.even_localizer(
        samples.hamiltonians - samples.level[:, None, None] * np.eye(n), where, kappa, _one_by_one
    )


def _one_by_one(hamiltonians: np.ndarray, where: np.ndarray, kappa: float) -> tuple[np.ndarray, np.ndarray]:
    """Return index and gap of each sample, diagonalised or, from some size on, factorised."""
    batch, n = hamiltonians.shape[:2]
    if n < SPARSE_FROM:
        return localizer.even_localizer(hamiltonians, where, kappa)
    found = []
    for H, x in zip(hamiltonians, np.broadcast_to(where, (batch, n, 2)), strict=True):
        try:
            found.append(sparse.even_localizer(csr_array(H), x, kappa))
        except DataError:  # its gap is too small for sparse factors to tell; all eigenvalues do
            index, margin = localizer.even_localizer(H[None], x, kappa)
            found.append((index[0], margin[0]))
    index, margin = np.array(found, dtype=float).T
    return index.astype(np.int64), margin


def real_space_chern(samples: Samples, fraction: float = 0.5) -> Estimate:
    """Return the mean of the local Chern marker over the middle `fraction` of planes with open ends.

    Raises
    ------
    NotApplicable
        If the samples are chains, or lie on a torus.
    """
    _check_open_plane(samples, "local Chern marker")
    inside, site = window(samples.local, fraction), samples.site_of_orbital
    if samples.area_per_site is not None:
        area: float | np.ndarray = samples.area_per_site
    else:
        area = _mean_area(samples.positions, inside)
    value = chern.real_space_chern(samples.projector, samples.positions, site, 1.0, inside) / area
    return _rounded(samples, value)


def _mean_area(positions: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the mean area of the Voronoi cells of the sites in a window, () or (B,)."""
    if positions.ndim == 3:
        return np.array([_mean_area(*sample) for sample in zip(positions, inside, strict=True)])
    areas = chern.voronoi_areas(positions)[inside]
    if not np.isfinite(areas).all():
        raise DataError("positions: found a bulk window that reaches the rim; allowed: more sites")
    return areas.mean()


def three_sector_chern(samples: Samples) -> Estimate:
    """Return Kitaev's sum over three sectors in the bulk of planes with open ends.

    Raises
    ------
    NotApplicable
        If the samples are chains, or lie on a torus.
    """
    _check_open_plane(samples, "three sectors")
    return _rounded(samples, chern.three_sector_chern(samples.projector, samples.local, samples.site_of_orbital))


def bott_index(samples: Samples) -> Estimate:
    """Return the Bott index of samples on a torus.

    Raises
    ------
    NotApplicable
        If the samples have open ends, where the index is zero in every phase.
    """
    if samples.periods is None or samples.dimension != 2:
        raise NotApplicable("Bott index: found open ends; allowed: planes on a torus")
    value, margin = bott.bott_index(samples.occupied, samples.positions, samples.periods, samples.site_of_orbital)
    return _rounded(samples, value, margin)


def real_space_winding(samples: Samples, fraction: float = 0.5) -> Estimate:
    """Return the mean winding density over the middle `fraction` of chiral chains with open ends.

    Raises
    ------
    NotApplicable
        If the samples are not chiral chains.
    """
    q, x = samples.polar_factor, samples.cells
    inside = window(samples.local[..., samples.sublattice == 0, :], fraction)
    return _rounded(samples, winding.real_space_winding(q, x, inside))


def product_rule(samples: Samples) -> Estimate:
    """Return 1 where hoppings between cells exceed those within in their geometric mean, else 0.

    The margin is the logarithm by which the zero mode falls along the chain; decided from a factor of e on.

    Raises
    ------
    NotApplicable
        If the samples are not chiral chains, or have hoppings other than between a B and the next A or the A beside it.
    """
    h = samples.block
    off = np.abs(h).sum(axis=0)
    if np.triu(off, 1).any() or np.tril(off, -2).any():
        raise NotApplicable("product rule: found farther hoppings; allowed: chains with hoppings to neighbours alone")
    v, w = np.diagonal(h, axis1=1, axis2=2), np.diagonal(h, -1, axis1=1, axis2=2)
    value = winding.product_rule(v, w).astype(float)
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # a hopping may vanish, and where both kinds do, nothing is known
        steps = np.abs(np.log(np.abs(w)).mean(axis=1) - np.log(np.abs(v)).mean(axis=1))
    margin = steps * v.shape[1]
    return Estimate(value, margin, margin >= 1.0)


def _check_open_plane(samples: Samples, what: str) -> None:
    if samples.dimension != 2 or samples.periods is not None:
        raise NotApplicable(f"{what}: found a chain or a torus; allowed: planes with open ends")
