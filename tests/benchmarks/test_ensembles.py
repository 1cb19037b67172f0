"""A hundred rings of 8×8 sites trained to convergence at once, against one at a time on dense projectors.

Run alone and on one thread: ``OMP_NUM_THREADS=1 pytest -m benchmark -s tests/benchmarks/test_ensembles.py``.
"""

import resource
import time
from dataclasses import asdict

import pytest
import torch
from stored import of_split

from toponn.data.generation import generate
from toponn.matter.states import projector
from toponn.models.base import generators
from toponn.models.head import predictions
from toponn.tools.statistics import balanced_accuracy, wilson_interval
from toponn.training.loop import evaluate, train
from toponn.training.protocol import Training, Variant
from toponn.training.views import build_model, encoded, shapes_of

pytestmark = pytest.mark.benchmark
ROOT, SEEDS, SUCCESS = 1, 100, 0.99
TRAINING = Training(learning_rate=0.01)
VARIANTS = {
    "ring_coordinate": Variant("ring_coordinate", "coordinate_ring", {}, TRAINING),
    "ring_free": Variant("ring_free", "free_ring", {}, Training(learning_rate=0.03)),
}
RECIPE = {
    "system": "qwz",
    "shape": {"name": "rectangle", "size": [8, 8]},
    "parameters": {"mass": [-3.5, 3.5]},
    "disorder": [{"name": "onsite_box", "strength": [0.0, 4.0]}],
    "samples": {"train": 600, "validation": 300, "test": 400},
    "minimum_margin": 0.2,
}
"""The default study's disordered QWZ squares."""


@pytest.fixture(scope="module")
def splits():
    """Return the recipe's samples, split by split."""
    made = generate(name="qwz_8", seed=ROOT, **RECIPE)
    return {split: of_split(made, split) for split in ("train", "validation", "test")}


def plain_epoch(name: str, splits) -> float:
    """Return the seconds that one epoch of one seed takes in ordinary PyTorch: a module, AdamW, dense projectors."""
    variant = VARIANTS[name]
    samples = encoded(variant, splits["train"], seeds=1, uses=60)
    model = build_model(variant, shapes_of(samples))
    start = model.initial(generators(ROOT, "qwz_8", name, [0]))
    weights = torch.nn.ParameterDict({key: torch.nn.Parameter(tensor) for key, tensor in start.items()})
    optimizer = torch.optim.AdamW(weights.parameters(), lr=variant.training.learning_rate)
    P = torch.from_numpy(projector(splits["train"].occupied))
    batch = variant.training.batch_size
    u = samples.inputs["coordinates"]

    def epoch():
        for rows in torch.randperm(len(P), generator=torch.Generator().manual_seed(ROOT)).split(batch):
            a, b, c = model.tensors(weights, u)[0, 0].repeat_interleave(2, dim=-1)
            left = (a[:, None] * P[rows]) @ (b[:, None] * P[rows])
            f = 4 * torch.pi * (left * (c[:, None] * P[rows]).mT).sum(dim=(-2, -1)).imag
            optimizer.zero_grad()
            (f - samples.labels[rows]).square().mean().backward()
            optimizer.step()

    epoch()
    before = time.process_time()
    epoch()
    return time.process_time() - before


@pytest.mark.parametrize("name", VARIANTS)
def test_a_hundred_seeds_to_convergence_against_one_at_a_time(name, splits):
    variant = VARIANTS[name]
    before, clock = time.process_time(), time.monotonic()
    samples = {split: encoded(variant, part, seeds=SEEDS, uses=60) for split, part in splits.items()}
    model = build_model(variant, shapes_of(samples["train"]))
    start = model.initial(generators(ROOT, "qwz_8", name, range(SEEDS)))
    hyper = {"root": ROOT, "order": "qwz_8", **asdict(variant.training)}
    trained = train(model, start, samples["train"], samples["validation"], **hyper)
    seconds, wall = time.process_time() - before, time.monotonic() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    guesses = predictions(evaluate(model, trained.parameters, samples["test"])).numpy()
    scores = balanced_accuracy(samples["test"].labels.numpy(), guesses)
    count = int((scores >= SUCCESS).sum())
    low, high = wilson_interval(count, SEEDS)
    plain = plain_epoch(name, splits) * trained.epochs.mean()
    print(f"\n{name} 8x8, {SEEDS} seeds, 600 samples: {seconds:.1f} s of CPU, {wall:.1f} s on the clock,", end=" ")
    print(f"peak memory of the process {peak:.2f} GiB, {trained.epochs.mean():.1f} epochs a seed")
    print(f"  {count} of {SEEDS} reach {SUCCESS:g} on the test split ({low:.3f}–{high:.3f})")
    print(f"  seeds per second against a plain loop on dense P ({plain:.1f} s a seed): {plain * SEEDS / seconds:.0f}x")
