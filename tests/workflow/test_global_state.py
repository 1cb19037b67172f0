"""The guard in tests/conftest.py sees what it guards against."""

import numpy as np
import torch


def test_a_change_of_torchs_settings_is_seen(global_state, changed_since):
    before, threads = global_state(), torch.get_num_threads()
    try:
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(threads + 1)
        assert changed_since(before) == ["torch's default dtype", "torch's number of threads"]
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(threads)
    assert changed_since(before) == []


def test_a_draw_from_the_global_streams_is_seen(global_state, changed_since):
    before, stream, legacy = global_state(), torch.random.get_rng_state(), np.random.get_state()  # noqa: NPY002
    try:
        torch.rand(1)
        np.random.random()  # noqa: NPY002
        assert changed_since(before) == ["numpy's global random numbers", "torch's global random numbers"]
    finally:
        torch.random.set_rng_state(stream)
        np.random.set_state(legacy)  # noqa: NPY002
    assert changed_since(before) == []
