"""Invariants of samples, each with an integer that is left out where value, margin or gap leave it in doubt.

What is left in is not proven: near a transition, or where |C| is large, a sample may be too small for its phase, and
its local marker can lie near a wrong integer. The table of convergence says from which size on each estimator is right.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from toponn.invariants import bott, chern, localizer, sparse, winding
from toponn.matter.samples import Samples
from toponn.matter.shapes import in_window, window
from toponn.tools.checks import ConfigError, DataError, NotApplicable, refusal

CLEAR = 0.25
"""Margin, in distance of a value from the middle between two integers, from which on its integer is given."""
SPARSE_FROM = 90
"""Orbitals from which on sparse factors of one localizer are faster than its eigenvalues."""
TRUSTED_BOTT = 0.25
"""Margin of the Bott index, between 0 and 1, from which on its integer is given."""
REACH, TRUSTED = 0.7, 0.1
"""κ by default, in units of velocity over radius, and the localizer's gap, in units of velocity, that decides."""
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


def _rounded(samples: Samples, value: np.ndarray) -> Estimate:
    margin = 0.5 - np.abs(value - np.rint(value))
    decided = np.isfinite(value) & (margin >= CLEAR)
    return Estimate(value, margin, decided if samples.chiral else decided & (samples.gap > GAPLESS))


def spectral_localizer(samples: Samples, kappa: float | None = None, minimum_margin: float | None = None) -> Estimate:
    """Return the index of the odd (chains) or even (planes) spectral localizer; its gap is the margin.

    The index is that of the point deep inside the sample.

    Parameters
    ----------
    kappa
        Strength of the positions, energy over length, for all samples. Too weak a one makes every sample trivial, with
        a wide margin. By default each sample's is ``0.7 v/R``, with v the largest ``Σ_j |H_ij| (x_j − x_i)`` to one
        side along an axis and R the distance of the rim; it suits gaps about as wide as the hopping, `kappa_from_gap`
        others.
    minimum_margin
        Gap, in energy, from which on the index counts as decided; by default 0.1 v over the distance of neighbours.

    Raises
    ------
    NotApplicable
        If a chain is not chiral, or the sample is a torus.
    ConfigError
        If κ is not positive: without positions every index is zero.
    """
    if kappa is not None and not (np.isfinite(kappa) and kappa > 0):
        raise ConfigError(refusal("kappa", kappa, "positive numbers"))
    if samples.periods is not None:
        raise NotApplicable("spectral localizer: found a torus; allowed: open samples")
    where, strength, least = samples.centred[..., samples.site_of_orbital, :], kappa, minimum_margin
    if kappa is None or minimum_margin is None:
        velocity = _velocity(samples)
        least = TRUSTED * velocity / _spacing(samples) if minimum_margin is None else minimum_margin
        if kappa is None:
            radius = np.abs(where).max(axis=-2).min(axis=-1)
            scale = np.broadcast_to(REACH * velocity / np.maximum(radius, 1e-300), len(samples))
            where, strength = scale[:, None, None] * where, 1.0
    if samples.dimension == 1:
        index, margin = localizer.odd_localizer(samples.block, where[..., samples.sublattice == 0, 0], strength)
    else:
        index, margin = _even_localizer(samples, where, strength)
    return Estimate(index.astype(float), margin, margin >= least)


def _velocity(samples: Samples) -> np.ndarray:
    """Return the largest ``Σ_j |H_ij| (x_j − x_i)`` to one side along an axis, (B,), or ``Σ_j |H_ij|`` if all is 0."""
    r, size = samples.positions[..., samples.site_of_orbital, :], np.abs(samples.dense)
    found = np.zeros(len(samples))
    for x in np.moveaxis(r, -1, 0):
        step = x[..., None, :] - x[..., :, None]
        for side in (step, -step):
            found = np.maximum(found, (size * np.maximum(side, 0.0)).sum(axis=-1).max(axis=-1))
    return np.where(found > 0, found, size.sum(axis=-1).max(axis=-1))


def _spacing(samples: Samples) -> np.ndarray:
    """Return the mean distance of neighbours: of a chain's cells, or the side of a square that holds one site, (B,)."""
    extent = np.ptp(samples.positions, axis=-2)
    sites = samples.positions.shape[-2] / (2 if samples.dimension == 1 else 1)
    spacing = (extent.prod(axis=-1) / max(sites - 1, 1)) ** (1 / samples.dimension)
    return np.where(spacing > 0, spacing, 1.0)


def _even_localizer(samples: Samples, where: np.ndarray, kappa: float) -> tuple[np.ndarray, np.ndarray]:
    """Return index and gap of each sample of a plane, diagonalised or, from some size on, by sparse factors."""
    batch, n = samples.dense.shape[:2]
    hamiltonians = samples.dense - samples.level[:, None, None] * np.eye(n)
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

    NaN, undecided, where no site lies there, or one whose Voronoi cell reaches the rim.

    Raises
    ------
    NotApplicable
        If the samples are chains, or lie on a torus.
    """
    _check_open_plane(samples, "local Chern marker")
    inside, site = in_window(samples.local, fraction), samples.site_of_orbital
    if samples.area_per_site is not None:
        area: float | np.ndarray = samples.area_per_site
    else:
        area = _mean_area(samples.positions, inside)
    with np.errstate(invalid="ignore"):  # 0/0 where the window is empty
        value = chern.real_space_chern(samples.projector, samples.positions, site, 1.0, inside) / area
    return _rounded(samples, value)


def _mean_area(positions: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the mean area of the Voronoi cells of the sites in a window, () or (B,), NaN where it is not known."""
    if positions.ndim == 3:
        return np.array([_mean_area(*sample) for sample in zip(positions, inside, strict=True)])
    areas = chern.voronoi_areas(positions)[inside]
    return areas.mean() if len(areas) and np.isfinite(areas).all() else np.array(np.nan)


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
    return Estimate(value, margin, (margin >= TRUSTED_BOTT) & (samples.gap > GAPLESS))


def real_space_winding(samples: Samples, fraction: float = 0.5) -> Estimate:
    """Return the mean winding density over the middle `fraction` of chiral chains with open ends.

    Positions may be in any unit: the mean distance of neighbouring cells is taken as one.

    Raises
    ------
    NotApplicable
        If the samples are not chiral chains.
    """
    q, A = samples.polar_factor, samples.sublattice == 0
    x, inside = samples.centred[..., A, 0], window(samples.local[..., A, :], fraction)
    length = np.ptp(x, axis=-1, keepdims=True)
    apart = np.diff(np.sort(x, axis=-1), axis=-1) > 1e-9 * length  # cells may share a place
    steps = apart.sum(axis=-1, keepdims=True)
    spacing = length / np.maximum(steps, 1)
    return _rounded(samples, winding.real_space_winding(q, x / np.where(spacing > 0, spacing, 1.0), inside))


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
        allowed = "open chains in which each A is coupled to the B beside it and to the B before alone"
        raise NotApplicable(f"product rule: found other hoppings; allowed: {allowed}")
    v, w = np.diagonal(h, axis1=1, axis2=2), np.diagonal(h, -1, axis1=1, axis2=2)
    value = winding.product_rule(v, w).astype(float)
    # A hopping may vanish, and where both kinds do, nothing is known.
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.abs(np.log(np.abs(w)).mean(axis=1) - np.log(np.abs(v)).mean(axis=1))
    margin = steps * v.shape[1]
    return Estimate(value, margin, margin >= 1.0)


def _check_open_plane(samples: Samples, what: str) -> None:
    if samples.dimension != 2 or samples.periods is not None:
        raise NotApplicable(f"{what}: found a chain or a torus; allowed: planes with open ends")
