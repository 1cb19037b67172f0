"""How far two computations of one number may lie apart, by the type that the numbers are stored in."""

import numpy as np

TOLERANCE = {"float64": 1e-10, "complex128": 1e-10, "float32": 1e-5, "complex64": 1e-5}
"""Absolute, for numbers of the order of one; integers and truth values must be equal."""


def tolerance(*arrays):
    """Return the tolerance of the coarsest type among the arrays."""
    return max(TOLERANCE.get(np.asarray(array).dtype.name, 0.0) for array in arrays)


def agree(found, expected):
    """Return whether two arrays of one shape agree within the tolerance of their coarsest type."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return False
    if not found.size:
        return True
    scale = max(1.0, float(np.abs(expected).max()))
    return bool((np.abs(found - expected) <= scale * tolerance(found, expected)).all())
