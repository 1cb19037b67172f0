"""Times and memory of the sparse invariants and of the Bott index; nothing is asserted about them.

Each large size runs in a process of its own, whose peak memory is then its own; they mean what they say on one
thread: ``OMP_NUM_THREADS=1 pytest -m benchmark -s tests/benchmarks/test_large.py``.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from by_hand import centred, qwz, sample

from toponn.generalization.sparse_ring import sparse_ring
from toponn.invariants import localizer, sparse
from toponn.invariants.bott import bott_index
from toponn.invariants.filled import FilledProjector
from toponn.matter.states import occupied_states
from toponn.models.ring import KAPPA, of_states

pytestmark = pytest.mark.benchmark
TESTS = Path(__file__).resolve().parents[1]

ALONE = """
import resource, sys, time
import numpy as np
from by_hand import centred, qwz, sample
from toponn.invariants import sparse

size, what = int(sys.argv[1]), sys.argv[2]
H, r, _ = sample(qwz(-1.0), (size, size), disorder=1.0)
r, start = centred(r), time.process_time()
if what == "localizer":
    index, gap = sparse.even_localizer(H, r, 0.2)
    assert index == 1
    found = f"C = {index}, gap {gap:.6f}"
else:
    site = np.arange(len(r)) // 2
    middle = np.argsort(np.linalg.norm(r[::2], axis=1))[:4]
    marker = sparse.local_chern_marker(H, r[::2], site, 1.0, middle, fermi_level=0.0, gap=1.0)
    assert abs(marker.mean() - 1) < 0.1
    found = f"four sites, mean {marker.mean():.6f}"
seconds, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"{what} {size}x{size} ({len(r)} orbitals): {found}, {seconds:.2f} s, peak {peak:.2f} GiB")
"""


def alone(*arguments: object) -> str:
    """Return what the program says in a fresh process on one thread."""
    library = TESTS.parent / "workflow"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(map(str, (library, TESTS)))}
    command = [sys.executable, "-c", ALONE, *map(str, arguments)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("size", [100, 224])
@pytest.mark.parametrize("what", ["localizer", "marker"])
def test_a_large_disordered_sample_in_seconds_and_memory(what, size):
    print(f"\n{alone(size, what)}", flush=True)


@pytest.mark.parametrize("size", [4, 6, 8, 12, 16, 24])
def test_the_dense_localizer_against_the_sparse_one(size):
    H, r, _ = sample(qwz(-1.0), (size, size), disorder=1.0)
    dense, r = H.toarray()[None], centred(r)

    def timed(work):
        start = time.process_time()
        return work(), time.process_time() - start

    (index, gap), first = timed(lambda: localizer.even_localizer(dense, r, 0.2))
    (sparse_index, sparse_gap), second = timed(lambda: sparse.even_localizer(H, r, 0.2))
    assert (index[0], pytest.approx(gap[0], rel=1e-6)) == (sparse_index, sparse_gap)
    print(f"\nlocalizer {size}x{size}: dense {first:.4f} s vs sparse {second:.4f} s, ratio {first / second:.2f}")


def test_the_bott_index_against_the_eigenproblem_of_its_samples():
    count = 100
    samples = [sample(qwz(-1.0), (8, 8), periodic=True, disorder=2.0, seed=seed) for seed in range(count)]
    H, (_, r, periods) = np.stack([one.toarray() for one, _, _ in samples]), samples[0]
    start = time.process_time()
    occupied, _, _ = occupied_states(H)
    middle = time.process_time()
    bott_index(occupied, r, periods, np.arange(128))
    first, second = time.process_time() - middle, middle - start
    print(f"\nBott index 8x8 x {count}: {first:.3f} s vs eigh of the Hamiltonians {second:.3f} s, {first / second:.2f}")


@pytest.mark.parametrize("size", [12, 24])
def test_the_ring_through_the_sparse_projector_against_dense_states(size):
    H, r, _ = sample(qwz(-1.0), (size, size), disorder=1.0)
    rng = np.random.default_rng(0)
    d = np.stack([r[::2].T[0], r[::2].T[1], rng.normal(size=size**2)]) / size + rng.normal(size=(4, 1, 3, 1))

    def dense():
        psi = torch.from_numpy(occupied_states(H.toarray()[None])[0])
        wide = torch.from_numpy(d).repeat_interleave(2, dim=-1)
        return [KAPPA[3] * of_states(rings, psi).item() for rings in wide]

    def thin():
        P = FilledProjector.of(H, 0.0, 0.25, filled=size**2)
        return sparse_ring(d, H, P, vectors=8, rng=rng)

    start = time.process_time()
    exact = dense()
    first, start = time.process_time() - start, time.process_time()
    found = thin()
    second = time.process_time() - start
    off = np.abs(found.values - exact) / found.errors
    print(f"\nring {size}x{size}: dense {first:.3f} s vs sparse {second:.3f} s, ratio {first / second:.2f}, off {off}")
