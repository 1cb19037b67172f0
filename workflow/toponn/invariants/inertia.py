"""Signature and smallest eigenvalue of a large sparse Hermitian matrix, without its spectrum.

Sylvester's law of inertia: a factorisation ``A = U†DU`` has as many positive and negative numbers in D as A has
eigenvalues of either sign. The same factors, applied as an inverse, give the eigenvalue nearest zero.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, SuperLU, eigsh, splu

from toponn.tools.checks import DataError

SHIFTS = (0.0, 1e-8, 1e-6)
"""Shifts of the matrix, in units of `scale`, tried in turn where pivots of the one before vanish or cost precision."""

SAFETY = 10.0
"""A signature counts only where the gap exceeds its uncertainty, shift or error of the factors, this many times."""

PRECISION = 1e-6
"""Uncertainty over gap with which the search for a better shift ends."""

DENSE = 64
"""Matrices up to this size are diagonalised."""


def signature_and_gap(A: sparse.coo_array, scale: float, where: str) -> tuple[int, float]:
    """Return the number of positive less that of negative eigenvalues, and the smallest absolute eigenvalue.

    The cost is that of a sparse factorisation: for samples in the plane, N^{3/2} in time and N ln N in memory.

    Parameters
    ----------
    A : (n, n), Hermitian
    scale
        A typical entry, in units of which the matrix may be shifted.
    where
        What the matrix is called in an error.

    Raises
    ------
    DataError
        If the gap is so small, or the pivots are so bad, that rounding could turn a sign.
    """
    if A.shape[0] <= DENSE:
        values = np.linalg.eigvalsh(A.toarray())
        gap, error = float(np.abs(values).min()), np.finfo(float).eps * float(np.abs(values).sum())
        if gap > SAFETY * error:
            return int(np.sign(values).sum()), gap
        raise DataError(_undecided(where, gap, error))
    A, best = with_diagonal(A), None
    for shift in scale * np.array(SHIFTS):
        factors = factorised(A, shift)
        if factors is None:
            continue
        # Both triangles are copied for the sake of one diagonal; twice the memory of the factors is the peak.
        signature = int(np.sign(factors.U.diagonal().real).sum())
        gap, error = _gap(A, factors, shift, where)
        error = max(error, shift)
        if best is None or error * best[1] < best[2] * gap:
            best = signature, gap, error
        if error < PRECISION * gap:
            break
    if best is None:
        raise DataError(f"{where}: found pivots that vanish; allowed: matrices that are not singular")
    signature, gap, error = best
    if gap > SAFETY * error:
        return signature, gap
    raise DataError(_undecided(where, gap, error))


def random_start(matrix: sparse.sparray) -> np.ndarray:
    """Return a random vector, (n,), the same at every call: no result depends on the global random numbers."""
    return np.random.default_rng(0).normal(size=matrix.shape[0]).astype(matrix.dtype)


def _undecided(where: str, gap: float, error: float) -> str:
    return f"{where}: found a gap of {gap:.1e} known to {error:.1e}; allowed: gaps that decide the signature"


def with_diagonal(A: sparse.coo_array) -> sparse.csc_array:
    """Return the matrix with all of its diagonal stored, zero or not: that is where the pivots are."""
    everywhere = np.arange(A.shape[0])
    rows, columns = (np.concatenate([index, everywhere]) for index in (A.row, A.col))
    data = np.concatenate([A.data, np.zeros(A.shape[0])])
    return sparse.coo_array((data, (rows, columns)), shape=A.shape).tocsc()


def factorised(A: sparse.csc_array, shift: float) -> SuperLU | None:
    """Return factors of A − shift with all pivots on the diagonal: a congruence. None where one vanishes."""
    shifted = A.copy()
    on_diagonal = A.indices == np.repeat(np.arange(A.shape[0], dtype=A.indices.dtype), np.diff(A.indptr))
    shifted.data[on_diagonal] -= shift
    try:
        factors = splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})
    except RuntimeError:  # exactly singular
        return None
    if not np.array_equal(factors.perm_r, factors.perm_c):
        return None  # a pivot from beside the diagonal: the signs of D are not those of the eigenvalues
    D = factors.U.diagonal()
    sound = np.isfinite(D) & (D != 0) & (np.abs(D.imag) <= 1e-6 * np.abs(D))
    return factors if sound.all() else None


def _gap(A: sparse.csc_array, factors: SuperLU, shift: float, where: str) -> tuple[float, float]:
    """Return the smallest absolute eigenvalue of A and the error of the factors where it matters.

    The factors are exact for a matrix A + E, whose signature is that of A if E is smaller than the gap. E is measured
    on the solution for the lowest eigenvector, where it could turn a sign, and on that for a random vector.
    """
    inverse = LinearOperator(A.shape, matvec=factors.solve, dtype=A.dtype)
    start = random_start(A)
    try:
        values, vectors = eigsh(A, k=1, sigma=shift, OPinv=inverse, v0=start, tol=1e-8, maxiter=200)
    except ArpackNoConvergence as failure:
        raise DataError(f"{where}: found no eigenvalue nearest zero; allowed: matrices with a gap") from failure
    error = 0.0
    for b in (vectors[:, 0].astype(A.dtype), start):
        x = factors.solve(b)
        error = max(error, float(np.linalg.norm(A @ x - shift * x - b) / np.linalg.norm(x)))
    return float(np.abs(values[0])), error
