"""An epoch of 100 seeds of each network as a block and as a plain loop over torch modules; no time is asserted.

Each network runs in a process of its own, whose peak memory is then its own; the two ways take turns, and the shortest
time of each counts. They mean what they say on one thread:
``OMP_NUM_THREADS=1 pytest -m benchmark -s tests/benchmarks/test_networks.py``.
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
import numpy as np
import torch
from torch.nn import functional
from toponn.checks import resolve
from toponn.models import MODELS
from toponn.models.base import generators
from toponn.models.head import INTEGERS, TEMPERATURE, negative_log_likelihood

name, options, shape, seeds, repeats = json.loads(sys.argv[1])
samples, batch, rate = 600, 50, dict(lr=1e-3, weight_decay=1e-4, fused=True)
torch.set_num_threads(1)
rng = np.random.default_rng(1)
images = torch.from_numpy(0.3 * rng.normal(size=(samples, *shape)).astype(np.float32))
labels = torch.from_numpy(rng.integers(-1, 2, size=samples))
model = resolve(MODELS, name, "model")({"image": tuple(shape)}, **options)
order = torch.from_numpy(rng.permutation(samples))
starts = model.initial(generators(1, "b", name, range(seeds)))

def optimizer(weights, temperature):
    return torch.optim.AdamW([{"params": weights}, {"params": [temperature], "weight_decay": 0.0}], **rate)

def plain():
    inputs, integers, ends = model.prepared(images), torch.tensor(INTEGERS), []
    for seed in range(seeds):
        network, log_temperature = model.module(), torch.zeros((), requires_grad=True)
        network.load_state_dict({key: tensor[seed] for key, tensor in starts.items()})
        steps = optimizer(network.parameters(), log_temperature)
        for rows in order.split(batch):
            steps.zero_grad()
            scores = -0.5 * (network(inputs[rows])[:, None] - integers).square() * torch.exp(-2 * log_temperature)
            functional.cross_entropy(scores, labels[rows] - INTEGERS[0]).backward()
            steps.step()
        ends.append(network.state_dict())
    return {key: torch.stack([end[key] for end in ends]) for key in starts}

def block():
    leaves = {key: tensor.clone().requires_grad_() for key, tensor in starts.items()}
    log_temperature = torch.zeros(seeds, requires_grad=True)
    steps = optimizer(list(leaves.values()), log_temperature)
    for rows in order.split(batch):
        steps.zero_grad()
        value = model.value(leaves, {"image": images[rows]})
        negative_log_likelihood(value, log_temperature, labels[rows]).sum().backward()
        steps.step()
    return {key: leaf.detach() for key, leaf in leaves.items()}

def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start

peaks = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20]
apart = 0.0
for work in (plain, block):  # also the turns that do not count: the first call of torch's kernels is slow
    ends = work()
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
    if work is plain:
        expected = ends
    else:
        apart = max((ends[key] - expected[key]).abs().max().item() for key in ends)
times = np.array([[seconds(plain), seconds(block)] for _ in range(repeats)]).min(axis=0)
print(f"{times[0]:.2f} s vs {times[1]:.2f} s, ratio {times[0] / times[1]:.2f}; "
      f"weights after it differ by at most {apart:.1e}; "
      f"peak memory {peaks[0]:.2f} GiB before, {peaks[1]:.2f} plain, {peaks[2]:.2f} block")
"""


@pytest.mark.parametrize("grid", SHAPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_an_epoch_of_a_block_of_seeds_against_a_plain_loop_over_them(name, grid):
    seeds, repeats = 100, 3
    arguments = json.dumps([name, NETWORKS[name], SHAPES[grid], seeds, repeats])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(LIBRARY)}
    command = [sys.executable, "-c", ALONE, arguments]
    found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    print(f"\n{name} {grid}, epoch of 600, {seeds} seeds: plain loop vs block: {found}", flush=True)
