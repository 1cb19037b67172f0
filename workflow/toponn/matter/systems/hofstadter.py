"""The Hofstadter model: one orbital on the square lattice in a magnetic field."""

from fractions import Fraction

import numpy as np

from toponn.matter.lattices import SQUARE, Sites
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter, PhasePlane, Terms
from toponn.tools.checks import DataError, NotApplicable


def diophantine(p: int, q: int, r: int) -> int:
    """Return the Chern number t of the r lowest of the q bands at flux p/q, from ``r = q s + p t``, |t| ≤ q/2.

    References
    ----------
    D. J. Thouless, M. Kohmoto, M. P. Nightingale, M. den Nijs, Phys. Rev. Lett. 49, 405 (1982), Eq. (12).

    Examples
    --------
    >>> diophantine(1, 3, 1), diophantine(1, 3, 2), diophantine(2, 5, 1)
    (1, -1, -2)
    """
    (t,) = (t for t in range(-(q // 2) + (q % 2 == 0), q // 2 + 1) if (r - p * t) % q == 0)
    return t


class Hofstadter(LatticeSystem):
    """Hopping 1 between nearest neighbours in a flux of `flux` quanta a plaquette, filled up to `fermi_energy`.

    In the gap above the r lowest of the q bands at flux p/q, C is the t of `diophantine`.

    References
    ----------
    D. R. Hofstadter, Phys. Rev. B 14, 2239 (1976).
    """

    name = "hofstadter"
    task = "chern"
    symmetry_class = "A"
    unit_cell = SQUARE
    n_orbitals = 1
    parameters = {
        "flux": Parameter(-0.5, 0.5, "flux quanta", "magnetic flux through a plaquette"),
        "fermi_energy": Parameter(-5.0, 5.0, "hopping", "energy up to which states are filled"),
    }
    localizer_kappa = 0.14
    refused_disorder = ("bond_box",)  # a real number beside a phase would depend on the gauge

    def onsite(self, **parameters: float) -> np.ndarray:
        """Return zero."""
        return np.zeros((1, 1, 1))

    def bonds(self, **parameters: float) -> tuple[Bond, ...]:
        """Return the bonds along x and y without the field, which `terms` and `bloch` put in."""
        return Bond("x", 0, 0, (1, 0), np.ones((1, 1))), Bond("y", 0, 0, (0, 1), np.ones((1, 1)))

    def terms(self, sites: Sites, connections: list[np.ndarray], *, flux: float, fermi_energy: float) -> Terms:
        """Return the terms in the Landau gauge.

        Raises
        ------
        NotApplicable
            If the sites lie on a torus through which no whole number of flux quanta leads along x.
        """
        if sites.size is not None and abs(flux * sites.size[0] - round(flux * sites.size[0])) > 1e-9:
            allowed = "a whole number of flux quanta times cells along x"
            raise NotApplicable(
                f"hofstadter: found flux {flux:g} on a torus {sites.size[0]} cells wide; allowed: {allowed}"
            )
        terms = super().terms(sites, connections, flux=flux, fermi_energy=fermi_energy)
        column = sites.cell[connections[1][:, 0], 0]
        terms.hoppings[1] = terms.hoppings[1] * np.exp(-2j * np.pi * flux * column)[:, None, None]
        return terms

    def fermi_level(self, *, flux: float, fermi_energy: float) -> float:
        """Return the Fermi energy."""
        return fermi_energy

    def bloch(self, k: np.ndarray, *, flux: float, fermi_energy: float) -> np.ndarray:
        """Return the Harper matrices (…, q, q) of the magnetic unit cell, q cells along x, at the rational flux p/q.

        k is in units of the reciprocal vectors over 2π of the magnetic cell.

        Raises
        ------
        DataError
            If the flux is not such a fraction.
        """
        q = Fraction(flux).limit_denominator(64).denominator
        if abs(flux * q - round(flux * q)) > 1e-9:
            raise DataError(f"flux: found {flux:g}; allowed for a crystal: p/q with q up to 64")
        kx, ky = k[..., 0], k[..., 1]
        H = np.zeros((*k.shape[:-1], q, q), dtype=complex)
        for j in range(q):
            H[..., j, j] += 2 * np.cos(ky + 2 * np.pi * flux * j)
            hop = np.exp(-1j * kx) if j == q - 1 else 1.0
            H[..., (j + 1) % q, j] += hop
            H[..., j, (j + 1) % q] += np.conj(hop)
        return H

    def phase_planes(self) -> dict[str, PhasePlane]:
        """Return the plane of flux and energy: Hofstadter's butterfly, its bands drawn at small denominators."""
        return {
            "butterfly": PhasePlane(
                x="parameters/flux",
                y="parameters/fermi_energy",
                x_range=(-0.5, 0.5),
                y_range=(-4.5, 4.5),
                x_label="flux a plaquette (flux quanta)",
                y_label="Fermi energy (hopping)",
                lines=self._butterfly,
                source="bands at p/q, q < 10 (Hofstadter 1976)",
            )
        }

    def _butterfly(self) -> tuple[np.ndarray, ...]:
        fluxes = sorted({Fraction(p, q) for q in range(2, 10) for p in range(-(q // 2), q // 2 + 1)})
        return tuple(band for flux in fluxes for band in self._bands(flux))

    def _bands(self, flux: Fraction) -> list[np.ndarray]:
        """Return each band as a vertical line in the plane of flux and energy.

        The levels depend on k through cos kx and cos(q ky) alone (W. G. Chambers, Phys. Rev. 140, A135 (1965)).
        """
        k = np.array([(kx, ky) for kx in (0, np.pi) for ky in (0, np.pi / flux.denominator)])
        E = np.linalg.eigvalsh(self.bloch(k, flux=float(flux), fermi_energy=0.0))
        return [
            np.array([[flux, low], [flux, high]], dtype=float) for low, high in zip(E.min(0), E.max(0), strict=True)
        ]
