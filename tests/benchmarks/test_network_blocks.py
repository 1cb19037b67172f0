"""An epoch of 100 seeds of each network in blocks and in a plain loop over torch modules; no time is asserted.

The plain loop is timed with torch's AdamW as it comes and with its fused kernel, which blocks use; blocks hold 50
seeds, as the study's, or all 100. Each network runs in a process of its own, whose peak memory is then its own; the
ways take turns, and the shortest time of each counts. They mean what they say on one thread:
``OMP_NUM_THREADS=1 pytest -m benchmark -s tests/benchmarks/test_network_blocks.py``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark
LIBRARY = Path(__file__).resolve().parents[2] / "workflow"

NETWORKS = {
    "cnn": {"stencil": 1, "channels": [16, 16]},
    "mlp": {"stencil": 1, "window": 6, "hidden": [64, 64]},
    "resnet": {"stencil": 1, "channels": 16, "depth": 8},
}
SHAPES = {"8x8": (72, 8, 8), "24": (24, 24)}

ALONE = """
import json, resource, sys, time
from functools import partial
import numpy as np
import torch
from torch.nn import functional
from toponn.tools.checks import resolve
from toponn.models import MODELS
from toponn.models.base import generators
from toponn.models.head import INTEGERS, TEMPERATURE, negative_log_likelihood

name, options, shape, seeds, repeats = json.loads(sys.argv[1])
samples, batch = 600, 50
torch.set_num_threads(1)
rng = np.random.default_rng(1)
images = torch.from_numpy(0.3 * rng.normal(size=(samples, *shape)).astype(np.float32))
labels = torch.from_numpy(rng.integers(-1, 2, size=samples))
model = resolve(MODELS, name, "model")({"image": tuple(shape)}, **options)
order = torch.from_numpy(rng.permutation(samples))
starts = model.initial(generators(1, "b", name, range(seeds)))

def optimizer(weights, temperature, fused):
    groups = [{"params": weights}, {"params": [temperature], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, weight_decay=1e-4, fused=fused)

def plain(fused=None):
    inputs, integers, ends = model.prepared(images), torch.tensor(INTEGERS), []
    for seed in range(seeds):
        network, log_temperature = model.module(), torch.zeros((), requires_grad=True)
        network.load_state_dict({key: tensor[seed] for key, tensor in starts.items()})
        steps = optimizer(network.parameters(), log_temperature, fused)
        for rows in order.split(batch):
            steps.zero_grad()
            scores = -0.5 * (network(inputs[rows])[:, None] - integers).square() * torch.exp(-2 * log_temperature)
            functional.cross_entropy(scores, labels[rows] - INTEGERS[0]).backward()
            steps.step()
        ends.append(network.state_dict())
    return {key: torch.stack([end[key] for end in ends]) for key in starts}

def in_blocks(size):
    ends = []
    for first in range(0, seeds, size):
        leaves = {key: tensor[first : first + size].clone().requires_grad_() for key, tensor in starts.items()}
        log_temperature = torch.zeros(size, requires_grad=True)
        steps = optimizer(list(leaves.values()), log_temperature, True)
        for rows in order.split(batch):
            steps.zero_grad()
            value = model.value(leaves, {"image": images[rows]})
            negative_log_likelihood(value, log_temperature, labels[rows]).sum().backward()
            steps.step()
        ends.append({key: leaf.detach() for key, leaf in leaves.items()})
    return {key: torch.cat([end[key] for end in ends]) for key in starts}

ways = [plain, partial(plain, fused=True), partial(in_blocks, 50), partial(in_blocks, 100)]
peaks, ends, times = [], [], []
for way in ways:  # these turns do not count: the first call of torch's kernels is slow
    ends.append(way())
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
for _ in range(repeats):
    for way in ways:
        start = time.process_time()
        way()
        times.append(time.process_time() - start)
usual, fused, fifty, hundred = np.reshape(times, (repeats, -1)).min(axis=0)
apart = max((ends[2][key] - ends[0][key]).abs().max().item() for key in starts)
print(f"plain loop {usual:.2f} s, with fused AdamW {fused:.2f} s; "
      f"blocks of 50 {fifty:.2f} s, ratios {usual / fifty:.2f} and {fused / fifty:.2f}; "
      f"of 100 {hundred:.2f} s, {usual / hundred:.2f} and {fused / hundred:.2f}; "
      f"peak memory {peaks[0]:.2f} GiB, {peaks[2]:.2f}, {peaks[3]:.2f}; weights then differ by {apart:.0e} at most")
"""


@pytest.mark.parametrize("grid", SHAPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_an_epoch_of_blocks_of_seeds_against_a_plain_loop_over_them(name, grid):
    seeds, repeats = 100, 3
    arguments = json.dumps([name, NETWORKS[name], SHAPES[grid], seeds, repeats])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(LIBRARY)}
    command = [sys.executable, "-c", ALONE, arguments]
    found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    print(f"\n{name} {grid}, epoch of 600, {seeds} seeds: {found}", flush=True)
