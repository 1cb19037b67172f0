"""A step of the ring through loop features against one that lists the weights of all loops.

No time is asserted. ``OMP_NUM_THREADS=1 pytest -m benchmark -s tests/benchmarks/test_wedges.py``.
"""

import time

import numpy as np
import pytest
import torch

from toponn.models.base import generators
from toponn.models.ring import KAPPA, CoordinateRing, FreeRing
from toponn.models.wedges import wedge

pytestmark = pytest.mark.benchmark


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
