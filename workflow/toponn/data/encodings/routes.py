"""Which of its three encodings a tensor ring is evaluated from fastest, by a model of the costs.

The coefficients are seconds on one thread of a server processor (2 MiB of level-2 cache for two cores), in single
precision; only their ratios matter for the choice. `trainability.route_costs` measures what they predict.
"""

PRODUCT = 1.05e-11
"""A floating-point operation of a product of complex matrices."""
ENTRY = 1.0e-9
"""A complex number that is made, scaled or summed beside such a product."""
MAKE = 4.0e-9, 8.0e-9
"""A number of the outer products of which loop features are sums, in the cache and beyond it."""
CACHE = 1 << 20
"""Numbers of a projector that stay in the cache."""
WEIGHT, READ, LOOP = 1.0e-9, 2.0e-10, 3.0e-11
"""A loop's weight for a seed, its feature of a sample, and its part in the value of a seed and a sample."""
CALL = 3.0e-5
"""The calls for the loops that begin at one site, however few they are."""

BATCH = 100
"""Samples for which the weights of the loops are made once."""
MEMORY = 2 << 30
"""Bytes that the encoding of all samples may take, unless it is the occupied states, which are there anyway."""


def route(
    *,
    sites: int,
    orbitals: int,
    occupied: int,
    samples: int,
    seeds: int,
    uses: int,
    dimension: int,
    memory: float = MEMORY,
) -> str:
    """Return "loops", "occupied" or "projector", the cheapest by `costs` of those that fit into `memory` bytes.

    Parameters
    ----------
    sites, orbitals, occupied : of a sample; `orbitals` of all sites together
    samples : encoded together
    seeds : evaluated together
    uses : how often each seed sees each sample: the epochs of a training, 1 in an evaluation
    dimension : 1 or 2

    Examples
    --------
    One seed and one look at each sample are not worth the making of loops; a hundred seeds are, while they fit:

    >>> size = dict(sites=64, orbitals=128, occupied=64, dimension=2)
    >>> route(**size, samples=40, seeds=1, uses=1)
    'occupied'
    >>> route(**size, samples=600, seeds=100, uses=150)
    'loops'
    >>> route(sites=1600, orbitals=3200, occupied=1600, dimension=2, samples=40, seeds=100, uses=1)
    'occupied'
    """
    numbers = encoded_numbers(sites, orbitals, dimension)
    fits = {name: 4 * samples * count <= memory for name, count in numbers.items()} | {"occupied": True}
    seconds = costs(sites, orbitals, occupied, samples, seeds, uses, dimension)
    return min((name for name in seconds if fits[name]), key=seconds.__getitem__)


def encoded_numbers(sites: int, orbitals: int, dimension: int) -> dict[str, int]:
    """Return how many float32 numbers a sample takes as loops and as projector (of chains as polar factor)."""
    if dimension == 1:
        cells = orbitals // 2
        return {"loops": cells * (cells - 1) // 2, "projector": 2 * cells**2}
    return {"loops": sites * (sites - 1) * (sites - 2) // 6, "projector": 2 * orbitals**2}


def costs(
    sites: int, orbitals: int, occupied: int, samples: int, seeds: int, uses: int, dimension: int
) -> dict[str, float]:
    """Return by encoding the seconds that making it and all values f of a rank-1 ring take, from occupied states."""
    loops = encoded_numbers(sites, orbitals, dimension)["loops"]
    batches = samples / min(samples, BATCH)
    through_loops = loops * (batches * seeds * WEIGHT + samples * READ + samples * seeds * LOOP)
    through_loops += batches * (sites if dimension == 2 else 1) * CALL
    values = samples * seeds * uses
    if dimension == 1:
        cells = orbitals // 2
        q = 8 * PRODUCT * occupied * cells**2 + ENTRY * cells**2
        contraction = 4 * PRODUCT * cells**2 + ENTRY * cells
        return {
            "loops": samples * (q + ENTRY * loops) + uses * through_loops,
            "projector": samples * q * (1 + uses / 10) + values * contraction,
            "occupied": samples * uses * q + values * contraction,
        }
    n, O = orbitals, occupied  # noqa: E741 the alphabet of shapes
    projector = 8 * PRODUCT * O * n**2
    make = MAKE[n**2 > CACHE] * sites * n**2 / 3
    return {
        "loops": samples * (projector + make) + uses * through_loops,
        "occupied": values * (8 * PRODUCT * (2 * O**2 * n + O**3) + ENTRY * (2 * O * n + 4 * O**2)),
        "projector": samples * projector + values * (8 * PRODUCT * n**3 + ENTRY * 4 * n**2),
    }
