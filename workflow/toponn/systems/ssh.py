"""The Su-Schrieffer-Heeger chain."""

from functools import partial

import numpy as np

from toponn.lattices import CHAIN
from toponn.systems.base import Bond, Parameter, PhasePlane, System


def mean_log_box(centre: np.ndarray | float, width: np.ndarray | float) -> np.ndarray:
    """Return ``E ln|centre + width·ω|`` for ω uniform in [−½, ½], with ``x ln|x| → 0`` at x = 0.

    References
    ----------
    I. Mondragon-Shem et al., Phys. Rev. Lett. 113, 046802 (2014), the integral behind its phase boundary.

    Examples
    --------
    >>> round(float(mean_log_box(1.0, 2.0)), 12)  # ∫ ln x dx over [0, 2], halved
    -0.30685281944
    """
    centre, width = np.broadcast_arrays(np.asarray(centre, float), np.asarray(width, float))
    spread = np.where(width == 0.0, 1.0, width)
    box = (xlogy_abs(centre + width / 2) - xlogy_abs(centre - width / 2)) / spread - 1.0
    with np.errstate(divide="ignore"):
        return np.where(width == 0.0, np.log(np.abs(centre)), box)


def xlogy_abs(x: np.ndarray) -> np.ndarray:
    """Return ``x ln|x|``, zero at x = 0."""
    return x * np.log(np.abs(np.where(x == 0.0, 1.0, x)))


def _excess(intracell: float, width: float) -> float:
    return float(mean_log_box(1.0, width / 2) - mean_log_box(intracell, width))


class SSH(System):
    """Hopping v within a cell and w between cells; ν = 1 iff |w| > |v|.

    Bond disorder of width W has width W on the bonds within cells and W/2 on those between, as in the reference. The
    disordered boundary is where the zero mode delocalizes, ``E ln|w| = E ln|v|``.

    References
    ----------
    W. P. Su, J. R. Schrieffer, A. J. Heeger, Phys. Rev. Lett. 42, 1698 (1979);
    I. Mondragon-Shem et al., Phys. Rev. Lett. 113, 046802 (2014).
    """

    name = "ssh"
    task = "winding"
    symmetry_class = "BDI"
    lattice = CHAIN
    n_orbitals = 1
    parameters = {
        "intracell": Parameter(-4.0, 4.0, "intercell hopping", "v, between A and B of one cell"),
        "intercell": Parameter(-4.0, 4.0, "intercell hopping", "w, between B of a cell and A of the next"),
    }
    localizer_kappa = 0.1

    def onsite(self, **parameters: float) -> np.ndarray:
        """Return zero: chiral symmetry forbids on-site terms."""
        return np.zeros((2, 1, 1))

    def bonds(self, *, intracell: float, intercell: float) -> tuple[Bond, ...]:
        """Return the bonds B_i–A_i (v) and B_i–A_{i+1} (w)."""
        return (
            Bond("intracell", 1, 0, (0,), np.array([[intracell]]), disorder_weight=1.0),
            Bond("intercell", 1, 0, (1,), np.array([[intercell]]), disorder_weight=0.5),
        )

    def phase_plane(self) -> PhasePlane:
        """Return the plane of intracell hopping and disorder at w = 1, with the boundary of the reference."""
        from scipy.optimize import brentq  # here: the Snakefile imports this module for its parameters alone

        points = []
        grid = np.linspace(0.0, 4.0, 401)
        for width in np.linspace(0.0, 6.0, 241):
            excess = mean_log_box(1.0, width / 2) - mean_log_box(grid, width)
            crossings = np.flatnonzero(np.sign(excess[1:]) != np.sign(excess[:-1]))
            if not len(crossings):
                break
            low, high = grid[crossings[-1]], grid[crossings[-1] + 1]
            difference = partial(_excess, width=width)
            points.append((brentq(difference, low, high) if difference(low) else low, width))
        return PhasePlane(
            x="parameters/intracell",
            y="disorder/bond_box",
            x_label="intracell hopping $v/w$",
            y_label="bond disorder $W/w$",
            boundary=(np.array(points),),
            source="Mondragon-Shem et al., PRL 113, 046802",
        )
