"""Ratios of times on this machine; each line is ``name: x s vs y s, ratio``. No time is asserted.

Times are those of the processor, which others on the machine disturb less than the clock on the wall; they mean what
they say on one thread: ``OMP_NUM_THREADS=1 pytest -m benchmark -s tests/benchmarks``.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from toponn.data.encodings.loops import loops
from toponn.data.generation import generate
from toponn.data.recipes import Recipe
from toponn.matter.samples import Samples
from toponn.matter.states import occupied_states, projector
from toponn.models import MODELS
from toponn.models.base import generators
from toponn.models.ring import CoordinateRing
from toponn.tools.checks import resolve
from toponn.training.loop import Batch, train

pytestmark = pytest.mark.benchmark
ROOT = 1


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of several times."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def report(name: str, first: float, second: float) -> None:
    print(f"\n{name}: {first:.3f} s vs {second:.3f} s, ratio {first / second:.2f}", flush=True)


DATASETS = {
    "qwz_8": ("qwz", {"name": "rectangle", "size": [8, 8]}, {"mass": [-3.5, 3.5]}, "onsite_box", 128),
    "qwz_16": ("qwz", {"name": "rectangle", "size": [16, 16]}, {"mass": [-3.5, 3.5]}, "onsite_box", 6),
    "ssh_24": ("ssh", {"name": "segment", "size": [24]}, {"intracell": [0.0, 2.0], "intercell": 1.0}, "bond_box", 768),
    "ssh_96": ("ssh", {"name": "segment", "size": [96]}, {"intracell": [0.0, 2.0], "intercell": 1.0}, "bond_box", 140),
}


@pytest.mark.parametrize("name", DATASETS)
def test_generating_a_dataset_against_the_bare_time_of_its_eigenproblems(name, monkeypatch):
    system, shape, parameters, disorder, count = DATASETS[name]
    settings = dict(system=system, shape=shape, parameters=parameters, disorder=[{"name": disorder, "strength": 2.0}])
    recipe = Recipe.of(name=name, seed=ROOT, **settings)
    calls = eigenproblems(monkeypatch)

    def whole():
        generate(name=name, seed=ROOT, samples={"test": count}, minimum_margin=0.0, **settings)

    whole()
    problems = list(calls)
    assert sum(len(matrices) for kind, matrices in problems if kind == "eigvalsh") >= count
    monkeypatch.undo()

    def bare():
        for kind, matrices in problems:
            getattr(torch.linalg, kind)(matrices)

    report(f"dataset {recipe} x {count}, generation vs bare LAPACK", seconds(whole, 2), seconds(bare, 2))


def eigenproblems(monkeypatch) -> list[tuple[str, torch.Tensor]]:
    """Return the list to which every matrix goes that LAPACK is given."""
    calls = []

    def recorded(kind, solve, matrices, *arguments, **options):
        calls.append((kind, matrices.clone()))
        return solve(matrices, *arguments, **options)

    for kind in ("eigh", "eigvalsh", "svd"):
        monkeypatch.setattr(torch.linalg, kind, partial(recorded, kind, getattr(torch.linalg, kind)))
    return calls


def qwz_states(count: int):
    """Return disordered QWZ samples of 8×8 sites, and one label each."""
    settings = dict(system="qwz", shape={"name": "rectangle", "size": [8, 8]}, parameters={"mass": [-3.5, 3.5]})
    recipe = Recipe.of(name="b", seed=ROOT, disorder=[{"name": "onsite_box", "strength": 2.0}], **settings)
    H = np.stack([recipe.draw([i]).hamiltonians[0] for i in range(count)])
    sites = recipe.sites
    occupied = occupied_states(H)[0].astype(np.complex64)
    return Samples(states=occupied, positions=sites.positions, sublattice=sites.sublattice, cell=sites.cell)


def test_the_ring_s_block_of_seeds_against_one_seed_at_a_time_on_dense_projectors():
    seeds, samples, batch = 20, 600, 100
    states = qwz_states(samples)
    start = time.process_time()
    features = loops(states)
    features_time = time.process_time() - start
    u = torch.from_numpy(features["coordinates"]).float()
    T = torch.from_numpy(features["loops"])
    P = torch.from_numpy(projector(states.occupied))
    model = CoordinateRing({"coordinates": (64, 2)})
    parameters = model.initial(generators(ROOT, "b", "ring", range(seeds)))

    def block_epoch():
        for i in range(0, samples, batch):
            leaves = {name: tensor.clone().requires_grad_() for name, tensor in parameters.items()}
            model.value(leaves, {"loops": T[i : i + batch], "coordinates": u}).square().mean().backward()

    def dense_epoch_of_one_seed():
        for i in range(0, samples, batch):
            leaves = {name: tensor[:1].clone().requires_grad_() for name, tensor in parameters.items()}
            model.value(leaves, {"projector": P[i : i + batch], "coordinates": u}).square().mean().backward()

    block, one = seconds(block_epoch), seconds(dense_epoch_of_one_seed, 2)
    report(f"ring 8x8, epoch of {samples}: {seeds} seeds one at a time on dense P vs as a block", seeds * one, block)
    report("  the same per epoch of one seed: dense vs its share of the block", one, block / seeds)
    report(f"  loop features of the {samples} samples, once, vs one epoch of the block", features_time, block)
    torch.testing.assert_close(
        model.value({k: t[:1] for k, t in parameters.items()}, {"loops": T[:5], "coordinates": u}),
        model.value({k: t[:1] for k, t in parameters.items()}, {"projector": P[:5], "coordinates": u}),
        rtol=1e-3,
        atol=1e-3,
    )


NETWORKS = {
    "cnn": {"stencil": 1, "channels": [16, 16]},
}


@pytest.mark.parametrize("name", ["ring", "cnn"])
def test_the_training_loop_against_its_bare_gradients(name):
    """How much the loop's own work (shuffles, records, the optimizer) costs beside forward and backward."""
    seeds, samples, epochs = 20, 600, 2
    rng = np.random.default_rng(ROOT)
    if name == "ring":
        sites = 64
        count = sites * (sites - 1) * (sites - 2) // 6
        data = {"loops": rng.normal(size=(samples, count)), "coordinates": rng.uniform(-1, 1, size=(sites, 2))}
        model = CoordinateRing({"coordinates": (sites, 2)})
    else:
        data = {"image": rng.normal(size=(samples, 72, 8, 8))}
        model = resolve(MODELS, name, "model")({"image": (72, 8, 8)}, **NETWORKS[name])
    inputs = {key: torch.from_numpy(array.astype(np.float32)) for key, array in data.items()}
    labels = torch.from_numpy(rng.integers(-1, 2, size=samples))
    whole = Batch(inputs, labels)
    few = whole[:100]
    parameters = model.initial(generators(ROOT, "b", name, range(seeds)))
    settings = dict(root=ROOT, order="b", batch_size=100, learning_rate=1e-3, weight_decay=0.0)

    def trained(count: int):
        return seconds(lambda: train(model, parameters, whole, few, epochs=count, **settings), 2)

    def bare():
        for i in range(0, samples, 100):
            part = whole[i : i + 100]
            leaves = {key: tensor.clone().requires_grad_() for key, tensor in parameters.items()}
            model.value(leaves, part.inputs).square().sum().backward()

    per_epoch = (trained(1 + epochs) - trained(1)) / epochs
    report(f"{name} 8x8, {seeds} seeds: one epoch of `train` vs its forward and backward", per_epoch, seconds(bare, 2))
