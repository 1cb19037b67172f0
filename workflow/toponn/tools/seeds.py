"""Independent named streams of random numbers from one root seed.

A stream is addressed by names and indices, never by the order in which streams are asked for, so that sample 731 is the
same alone, in a batch, and on another core.
"""

import hashlib
import json

import numpy as np


def seed_sequence(root: int, *path: str | int) -> np.random.SeedSequence:
    """Return the seed sequence at `path` (names and non-negative indices) under the root seed.

    Examples
    --------
    >>> a = seed_sequence(7, "dataset", "qwz_8", 731).generate_state(1)
    >>> b = seed_sequence(7, "dataset", "qwz_8", 731).generate_state(1)
    >>> c = seed_sequence(7, "dataset", "qwz_8", 732).generate_state(1)
    >>> bool(a == b), bool(a == c)
    (True, False)
    """
    text = json.dumps([part if isinstance(part, str) else int(part) for part in path])
    words = np.frombuffer(hashlib.sha256(text.encode()).digest()[:16], dtype=np.uint32)
    return np.random.SeedSequence(root, spawn_key=tuple(int(word) for word in words))


def stream(root: int, *path: str | int) -> np.random.Generator:
    """Return the NumPy generator at `path` under the root seed."""
    return np.random.default_rng(seed_sequence(root, *path))
