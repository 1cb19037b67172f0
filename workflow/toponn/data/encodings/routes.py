"""From which of its three encodings a tensor ring is evaluated.

All three give the same value. Loop features take long to make and are then shared by all seeds and epochs; occupied
states are there already, but every value costs products of matrices. So loops pay where each sample is looked at often.
"""

MEMORY = 2 << 30
"""Bytes that the loop features of all samples may take."""


def route(*, sites: int, orbitals: int, samples: int, seeds: int, uses: int, dimension: int) -> str:
    """Return "loops", "occupied" or "projector".

    The bounds lie where the costs cross that were measured on one core of a server processor.

    Parameters
    ----------
    sites, orbitals : of a sample; `orbitals` of all sites together
    samples : encoded together
    seeds : evaluated together
    uses : how often each seed sees each sample: the epochs of a training, 1 in an evaluation
    dimension : 1 or 2

    Examples
    --------
    One seed and one look at each sample are not worth the making of loops; a hundred seeds are, while they fit:

    >>> size = dict(sites=64, orbitals=128, dimension=2)
    >>> route(**size, samples=40, seeds=1, uses=1)
    'occupied'
    >>> route(**size, samples=600, seeds=100, uses=150)
    'loops'
    >>> route(sites=1600, orbitals=3200, dimension=2, samples=40, seeds=100, uses=1)
    'occupied'
    """
    if dimension == 2:
        fits = 4 * samples * loops_in_the_plane(sites) <= MEMORY
        return "loops" if fits and seeds * uses * orbitals > 20 * sites else "occupied"
    cells = orbitals // 2
    if uses == 1:
        return "loops" if seeds * cells > 400 and seeds * samples > 2000 else "occupied"
    return "loops" if seeds * cells > 200 else "projector"  # of chains this is q, which is made once for all uses


def loops_in_the_plane(sites: int) -> int:
    """Return the number of loop features of a sample in the plane: one for every three sites."""
    return sites * (sites - 1) * (sites - 2) // 6
