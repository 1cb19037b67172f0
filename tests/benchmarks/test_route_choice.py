"""What the routes of the ring cost on this machine, and how far the automatic choice is from the fastest.

No time is asserted. ``OMP_NUM_THREADS=1 pytest -m benchmark -s tests/benchmarks/test_route_choice.py``.
"""

import time

import numpy as np
import pytest
import torch

from toponn.models.base import generators
from toponn.models.ring import KAPPA, CoordinateRing, FreeRing
from toponn.models.wedges import wedge
from toponn.trainability.route_costs import (
    exponent_rows,
    measured_crossovers,
    predicted_crossovers,
    route_costs,
)

pytestmark = pytest.mark.benchmark


def test_the_chosen_route_against_the_fastest_at_each_size():
    costs = route_costs((6, 8, 10, 12, 16, 20, 24), (1, 20), rng=np.random.default_rng(1))
    for (seeds, side), rows in costs[costs["route"] != "loops"].groupby(["seeds", "side"]):
        fastest, mine = rows.loc[rows["seconds"].idxmin()], rows[rows["chosen"]].iloc[0]
        ratio = mine["seconds"] / fastest["seconds"]
        print(f"\n{seeds} seeds, side {side}: {mine['route']} vs {fastest['route']}, ratio {ratio:.2f}", end="")
    for seeds in (1, 20):
        for one in ("loops", "loops_made"):
            found = ", ".join(f"{side:.1f}" for side in measured_crossovers(costs, one, "occupied", seeds)) or "none"
            print(f"\n{seeds} seeds: {one} and occupied cost the same at side {found}", end="")
        print(f"\n{seeds} seeds, one look: predicted {predicted_crossovers(seeds)}", end="")
    print("\n" + exponent_rows(costs)[["route", "n_seeds", "value", "low", "high"]].to_string())


@pytest.mark.parametrize("seeds", [20, 100])
@pytest.mark.parametrize("form", ["coordinate", "free"])
def test_a_step_through_loops_against_one_that_lists_all_weights(form, seeds):
    sites, samples = 64, 100
    rng = np.random.default_rng(1)
    loops = torch.from_numpy(rng.normal(size=(samples, sites * (sites - 1) * (sites - 2) // 6)).astype(np.float32))
    u = torch.from_numpy(rng.uniform(-1, 1, size=(sites, 2)).astype(np.float32))
    model = {"coordinate": CoordinateRing, "free": FreeRing}[form]({"coordinates": (sites, 2)})
    parameters = model.initial(generators(1, "b", "ring", range(seeds)))

    def listed(leaves):
        return KAPPA[3] * torch.cat(list(wedge(model.tensors(leaves, u))), dim=1) @ loops.T

    def pieced(leaves):
        return model.value(leaves, {"loops": loops, "coordinates": u})

    def step(value):
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in parameters.items()}
        start = time.process_time()
        value(leaves).square().mean().backward()
        return time.process_time() - start

    times = np.array([[step(listed), step(pieced)] for _ in range(9)])  # side by side, since machines are not steady
    one, other = 1e3 * np.median(times, axis=0)
    product = torch.ones(seeds, loops.shape[1])
    start = time.process_time()
    for _ in range(3):
        (product @ loops.T) @ loops
    floor = 1e3 * (time.process_time() - start) / 3
    print(f"\n{form}, {seeds} seeds: {one:.1f} ms vs {other:.1f} ms, ratio {one / other:.2f}; products {floor:.1f} ms")
