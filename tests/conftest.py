"""What every test is held to: it leaves torch's settings and the global random numbers as it found them."""

import os
import sys
from collections.abc import Callable

# As in the workflow's jobs, and before NumPy and torch read it: small matrices are far slower on several threads.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import pytest


def _global_state() -> dict[str, object]:
    """Return by name what a test may not change; torch is asked only where something imported it already."""
    state: dict[str, object] = {"numpy's global random numbers": _numpy_stream()}
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        state["torch's default dtype"] = torch.get_default_dtype()
        state["torch's number of threads"] = torch.get_num_threads()
        state["torch's global random numbers"] = torch.random.get_rng_state().numpy().tobytes()
    return state


def _numpy_stream() -> tuple:
    """Return the state of numpy's global stream as something that compares."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 the global stream is what is guarded here
    return (name, keys.tobytes(), *rest)


@pytest.fixture
def changed_since() -> Callable[[dict[str, object]], list[str]]:
    """Return the function that names what has changed since a state; without one it names nothing."""
    return lambda before: [name for name, value in _global_state().items() if before.get(name, value) != value]


@pytest.fixture
def global_state() -> Callable[[], dict[str, object]]:
    """Return the function that reads the state."""
    return _global_state


@pytest.fixture(autouse=True)
def _leaves_no_trace(changed_since):
    """Fail a test that changes the state for those after it."""
    before = _global_state()
    yield
    changed = changed_since(before)
    assert not changed, f"the test changed {', '.join(changed)}, and leaves it so for the tests after it"
