"""The Su-Schrieffer-Heeger chain."""

import numpy as np

from toponn.matter.lattices import CHAIN
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter, PhasePlane


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


def disordered_boundary(widths: np.ndarray) -> np.ndarray:
    """Return the largest v, at w = 1, up to which chains with bond disorder of these widths are topological.

    Returns
    -------
    (points, 2) float64: v and W, where ``E ln|w| = E ln|v|``.
    """
    grid = np.linspace(0.0, 4.0, 401)[:, None]
    outside = mean_log_box(1.0, widths / 2) < mean_log_box(grid, widths)  # (v, W): trivial
    last_inside = len(grid) - 1 - np.argmax(~outside[::-1], axis=0)
    low, high = grid[last_inside, 0], grid[last_inside + 1, 0]
    for _ in range(50):  # bisection, all widths at once
        middle = (low + high) / 2
        trivial = mean_log_box(1.0, widths / 2) < mean_log_box(middle, widths)
        low, high = np.where(trivial, low, middle), np.where(trivial, middle, high)
    return np.stack([low, widths], axis=1)


class SSH(LatticeSystem):
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
    unit_cell = CHAIN
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

    def phase_planes(self) -> dict[str, PhasePlane]:
        """Return the plane of intracell hopping and disorder at w = 1, with the boundary of the reference.

        Where the boundary bends beyond v = 1, disorder makes a trivial chain topological.
        """
        return {
            "disorder": PhasePlane(
                x="parameters/intracell",
                y="disorder/bond_box",
                x_range=(0.0, 2.0),
                y_range=(0.0, 4.0),
                fixed={"intercell": 1.0},
                x_label="intracell hopping $v/w$",
                y_label="bond disorder $W/w$",
                lines=lambda: (disordered_boundary(np.linspace(0.0, 4.0, 161)),),
                source="Mondragon-Shem et al. 2014",
            )
        }
