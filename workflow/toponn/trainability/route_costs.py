"""What a value of the ring costs by each of its routes, against the size of the sample, and which is chosen."""

import time
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import torch

from toponn.data.encodings.loops import BATCH_ENTRIES, triple_loops
from toponn.data.encodings.routes import MEMORY, route
from toponn.matter.states import projector
from toponn.models import wedges
from toponn.models.ring import WEDGE_PIECE, of_projector, of_states, through_states
from toponn.tools.joblog import LOGGER
from toponn.tools.statistics import fitted_exponent

ROUTES = ("loops", "loops_made", "occupied", "projector")
ORBITALS = 2
SAMPLES = 40
"""Samples that are evaluated together, and share the weights of the loops."""
SLAB = 1 << 21
"""Loop features of a sample that are held in memory; larger samples read them again and again."""
AT_LEAST = 0.05
"""Seconds for which what is short is repeated."""


class Slab:
    """Loop features (B, L) of which at most `SLAB` of a sample exist: as much to read, without the memory for all."""

    def __init__(self, loops: int):
        self.held = torch.full((SAMPLES, min(loops, SLAB)), 0.01)

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, key: tuple[slice, slice]) -> torch.Tensor:
        """Return features (B, l) in the places of the second slice."""
        size = key[1].stop - key[1].start
        start = key[1].start % (self.held.shape[1] - size + 1)
        return self.held[:, start : start + size]


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call, the least of three means where it is short."""
    start = time.process_time()
    work()
    once = time.process_time() - start
    if once > AT_LEAST * 20:
        return once
    repeats, times = max(1, round(AT_LEAST / max(once, 1e-5))), []
    for _ in range(3):
        start = time.process_time()
        for _ in range(repeats):
            work()
        times.append((time.process_time() - start) / repeats)
    return min(times)


def size_costs(side: int, seeds: Iterable[int], *, rng: np.random.Generator) -> list[tuple]:
    """Return (route, side, sites, seeds, seconds) of squares of `side`² sites, two orbitals each, half of them filled.

    The states are random: what they are does not change what they cost. Through states the seeds come one by one, so
    that one is measured for all. What is made for all seeds of a sample is shared by them.
    """
    sites = side**2
    n = ORBITALS * sites
    batch = max(1, min(SAMPLES, BATCH_ENTRIES // n**2))
    psi = rng.normal(size=(batch, n // 2, 2 * n)).astype(np.float32).view(np.complex64) / np.float32(np.sqrt(2 * n))
    P = projector(psi)
    making_P = seconds(lambda: projector(psi)) / batch
    making_loops = seconds(lambda: triple_loops(P, ORBITALS)) / batch
    d = torch.from_numpy(rng.normal(size=(max(seeds), 1, 3, sites)).astype(np.float32))
    one = d[:1].repeat_interleave(ORBITALS, dim=-1)
    slab, rows = Slab(sites * (sites - 1) * (sites - 2) // 6), []
    with torch.no_grad():
        occupied, dense = (
            seconds(lambda c=c, x=x: through_states(c, one, torch.from_numpy(x))) / batch
            for c, x in ((of_states, psi), (of_projector, P))
        )
        for count in seeds:
            part = d[: min(count, max(1, WEDGE_PIECE // (3 * sites**2)))]  # the others of the seeds are like these
            loops = seconds(lambda p=part: wedges.Value.forward(*wedges.factors(p), slab)) / (len(part) * SAMPLES)
            made = (making_P + making_loops) / count
            found = (loops, loops + made, occupied, dense + making_P / count)
            rows += [(name, side, sites, count, cost) for name, cost in zip(ROUTES, found, strict=True)]
    return rows


def route_costs(sides: Iterable[int], seeds: Iterable[int], *, rng: np.random.Generator) -> pd.DataFrame:
    """Return processor seconds per seed and sample of a forward pass of a rank-1 ring in single precision.

    Returns
    -------
    DataFrame of the table ``route_costs``
        route : ``loops`` with features at hand, ``loops_made`` with features made from the occupied states for this one
        use, ``occupied``, and ``projector``, made from them likewise; chosen : whether the automatic choice takes it
        for states that are looked at once; chosen_at_hand : the same for features that are there already
    """
    rows = []
    for side in sides:
        rows += size_costs(side, tuple(seeds), rng=rng)
        LOGGER.info("side %d: %s", side, {f"{row[0]} x {row[3]}": f"{row[4]:.2e} s" for row in rows[-8:]})
    table = pd.DataFrame(rows, columns=["route", "side", "sites", "seeds", "seconds"])
    cases = list(zip(table["side"], table["seeds"], strict=True))
    once = [chosen(side, count).replace("loops", "loops_made") for side, count in cases]
    at_hand = [chosen(side, count, uses=10**6, memory=np.inf) for side, count in cases]
    table["chosen"], table["chosen_at_hand"] = table["route"] == once, table["route"] == at_hand
    return table


def chosen(side: int, seeds: int, uses: int = 1, memory: float = MEMORY) -> str:
    """Return the automatic choice for `SAMPLES` squares of `side`² sites, two orbitals each, half of them filled."""
    sites = side**2
    sizes = {"sites": sites, "orbitals": ORBITALS * sites, "occupied": ORBITALS * sites // 2, "dimension": 2}
    return route(**sizes, samples=SAMPLES, seeds=seeds, uses=uses, memory=memory)


def predicted_crossovers(seeds: int, uses: int = 1, sides: Iterable[int] = range(4, 61)) -> list[tuple[int, str]]:
    """Return the sides from which on the automatic choice is another one, with the choice."""
    choices = [(side, chosen(side, seeds, uses)) for side in sides]
    return [choices[0], *(b for a, b in zip(choices, choices[1:], strict=False) if a[1] != b[1])]


def measured_crossovers(costs: pd.DataFrame, one: str, other: str, seeds: int) -> list[float]:
    """Return the sides at which two routes cost the same, by straight lines between the logarithms."""
    table = costs[costs["seeds"] == seeds].pivot(index="side", columns="route", values="seconds")
    x, gap = np.log(table.index.to_numpy(dtype=float)), np.log(table[one] / table[other]).to_numpy()
    change = np.flatnonzero(np.sign(gap[1:]) != np.sign(gap[:-1]))
    return [float(np.exp(x[k] - gap[k] * (x[k + 1] - x[k]) / (gap[k + 1] - gap[k]))) for k in change]


def exponent_rows(costs: pd.DataFrame) -> pd.DataFrame:
    """Return a row of the trainability table for each route and number of seeds.

    The diagnostic ``cost_exponent`` is that of the number of sites, over the larger half of the sizes; its conditions
    are the route, the sides and the number of seeds, and its size is the largest number of sites.
    """
    rows = []
    for (name, seeds), group in costs.groupby(["route", "seeds"], sort=False):
        group = group.sort_values("sites")
        fit = fitted_exponent(group["sites"].to_numpy(dtype=float), group["seconds"].to_numpy())
        sides = group["side"].to_numpy()
        between = f"{sides[min(len(sides) // 2, max(0, len(sides) - 2))]} to {sides[-1]}"
        about = {"task": "chern", "variant": "", "model": "ring", "form": "", "diagnostic": "cost_exponent"}
        about |= {"size": int(group["sites"].max()), "route": name, "sides": between}
        about |= {"seeds": int(seeds), "n_seeds": int(seeds)}
        rows.append(about | dict(zip(("value", "low", "high"), fit, strict=True)) | {"status": "ok"})
    return pd.DataFrame(rows)
