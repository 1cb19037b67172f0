"""The even localizer of many samples at once, strip by strip.

Hoppings reach from a strip of a sample to the next one alone, so that the localizer is block tridiagonal. Its blocks,
eliminated one after the other for all samples of a batch together, leave as many positive and negative eigenvalues as
the localizer has (Haynsworth), at the cost of matrices as wide as the sample and not as large as its area. The same
blocks, applied as an inverse, give the eigenvalue nearest zero.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

from toponn.invariants import localizer
from toponn.invariants.inertia import SAFETY
from toponn.matter.states import eigenstates, eigenvalues
from toponn.tools.checks import hermitian

BATCH = 32
"""Samples eliminated at once."""
NARROWEST = 10
"""Orbitals up to which strips are joined: smaller matrices cost their calls alone."""
FEWEST, SMALLEST, LARGEST, WIDEST = 8, 80, 260, 1 / 3
"""Bounds within which the strips are used: at least so many samples, between so many orbitals, and in the widest strip
no more than this share of them. Elsewhere diagonalisation or sparse factors are faster."""
STEPS = 80
"""Powers of the inverse after which the search for the eigenvalue nearest zero ends; the rest is diagonalised."""
CHECKED = 4
"""Steps of Lanczos between two computations of the error."""
PRECISION = 3e-9
"""Error of the gap, in units of the gap, with which it ends."""
ACCURATE = 1e-8
"""Error of the gap, with that of the factors, in units of the gap, up to which it counts."""

Localizer = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray]]


def even_localizer(
    hamiltonians: np.ndarray, positions: np.ndarray, kappa: float, otherwise: Localizer = localizer.even_localizer
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `toponn.invariants.localizer.even_localizer` returns, several times faster where hoppings are short.

    Samples whose elimination or search leaves a doubt, among them all without a gap, are left to `otherwise`; so are
    all where nothing is gained.

    Parameters
    ----------
    hamiltonians : (B, n, n) complex128
        With the Fermi level at zero. All samples share the strips, in which whatever couples in one of them is held
        together.
    positions : (n, 2) or (B, n, 2) float64
        Of the orbitals, measured from the point about which the index is taken.
    otherwise
        Another even localizer, with these arguments.

    Returns
    -------
    index : (B,) int64
    margin : (B,) float64, energy

    References
    ----------
    E. V. Haynsworth, Linear Algebra Appl. 1, 73 (1968): signatures of a block and of its Schur complement add up.
    """
    H, n = hermitian(hamiltonians), hamiltonians.shape[-1]
    if len(H) < FEWEST or not SMALLEST <= n <= LARGEST:
        return otherwise(H, positions, kappa)
    strips = strips_of((H != 0).any(axis=0))
    if max(map(len, strips)) > WIDEST * n:
        return otherwise(H, positions, kappa)
    z = np.broadcast_to(kappa * (positions[..., 0] + 1j * positions[..., 1]), H.shape[:2])
    index, margin = np.zeros(len(H), dtype=np.int64), np.zeros(len(H))
    decided = np.zeros(len(H), dtype=bool)
    for first in range(0, len(H), BATCH):
        part = slice(first, first + BATCH)
        eliminated = Elimination.of(H[part], z[part], strips)
        index[part] = -eliminated.signature // 2
        margin[part], error = eliminated.gap()
        decided[part] = (error <= ACCURATE * margin[part]) & (margin[part] > SAFETY * eliminated.rounding)
    if not decided.all():
        where = positions[~decided] if positions.ndim == 3 else positions
        index[~decided], margin[~decided] = otherwise(H[~decided], where, kappa)
    return index, margin


def strips_of(pattern: np.ndarray) -> list[np.ndarray]:
    """Return the orbitals of each strip, in an order in which a strip couples to itself and its neighbours alone.

    The strips are the sets at equal distance, in hoppings, from an orbital at the rim: on a square its diagonals.

    Parameters
    ----------
    pattern : (n, n) bool, symmetric
        Which orbitals couple.
    """
    graph = csr_array(pattern)
    _, part = connected_components(graph, directed=False)
    one = np.unique(part, return_index=True)[1]  # of each part; linked, they make one part of all
    links = csr_array((np.ones(len(one) - 1, dtype=bool), (one[:-1], one[1:])), shape=graph.shape)
    graph = graph + links + links.T
    best, cost = np.zeros(len(pattern), dtype=int), np.inf
    start = 0
    for _ in range(4):  # from each orbital to the one farthest from it, which soon is a corner
        distance = shortest_path(graph, directed=False, unweighted=True, indices=start).astype(int)
        if (found := (np.bincount(distance) ** 3).sum()) < cost:
            best, cost = distance, found
        start = int(distance.argmax())
    strips: list[np.ndarray] = []
    for level in range(best.max() + 1):
        orbitals = np.flatnonzero(best == level)
        if strips and len(strips[-1]) + len(orbitals) <= NARROWEST:
            strips[-1] = np.concatenate([strips[-1], orbitals])
        else:
            strips.append(orbitals)
    return strips


@dataclass(frozen=True)
class Elimination:
    """The localizers of a batch as ``U S U†``: a congruence, with S block diagonal, and U one but for blocks below.

    Attributes
    ----------
    diagonal : list of (B, 2s, 2s) complex128
        Blocks of the localizer, one for each strip of s orbitals.
    coupling : list of (B, 2s, 2s') complex128
        Blocks beside the diagonal, from each strip to the one before it.
    inverse : list of (B, 2s, 2s) complex128
        Of the blocks of S.
    lower : list of (B, 2s, 2s') complex128
        Blocks of U, each just below its diagonal.
    signature : (B,) int64
    rounding : (B,) float64
        Bound, in energy, on what rounding changed in the matrix whose signature this is; infinite where S is singular.
    """

    diagonal: list[np.ndarray]
    coupling: list[np.ndarray]
    inverse: list[np.ndarray]
    lower: list[np.ndarray]
    signature: np.ndarray
    rounding: np.ndarray

    @classmethod
    def of(cls, H: np.ndarray, z: np.ndarray, strips: list[np.ndarray]) -> "Elimination":
        """Eliminate strip after strip of the localizers of H (B, n, n) and of κ(x + iy), which is z (B, n)."""
        diagonal = [_localizer(H[:, s[:, None], s], z[:, s]) for s in strips]
        coupling = [_coupling(H[:, s[:, None], t]) for t, s in zip(strips[:-1], strips[1:], strict=True)]
        inverse, lower = [], []
        signature, rounding = np.zeros(len(H), dtype=np.int64), np.zeros(len(H))
        S = diagonal[0]
        for i in range(len(strips)):
            values = eigenvalues(S)
            smallest, largest = np.abs(values).min(axis=1), np.abs(values).max(axis=1)
            signature += np.sign(values).astype(np.int64).sum(axis=1)
            singular = ~(smallest > np.finfo(float).eps * largest)  # one takes its place, and the sample never counts
            smallest = np.where(singular, 1.0, smallest)
            doubt = np.where(singular, np.inf, S.shape[-1] * np.finfo(float).eps * largest)
            S = np.where(singular[:, None, None], np.eye(S.shape[-1]), S) if singular.any() else S
            inverse.append(_hermitian_part(np.linalg.inv(S)))
            if i < len(coupling):
                C = coupling[i]
                lower.append(C @ inverse[i])
                S = _hermitian_part(diagonal[i + 1] - lower[i] @ C.conj().swapaxes(-1, -2))
                size = np.abs(C)
                reach = np.sqrt(size.sum(axis=1).max(axis=1) * size.sum(axis=2).max(axis=1)) / smallest
                doubt = doubt * (1 + reach + reach**2)
            rounding = np.maximum(rounding, doubt)
        return cls(diagonal, coupling, inverse, lower, signature, rounding)

    def __getitem__(self, samples: np.ndarray) -> "Elimination":
        """Return the eliminations of some of the samples."""
        blocks = ([A[samples] for A in part] for part in (self.diagonal, self.coupling, self.inverse, self.lower))
        return Elimination(*blocks, self.signature[samples], self.rounding[samples])

    def gap(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest absolute eigenvalue of each localizer and its error, both (B,) in energy, by Lanczos.

        The inverse that is applied is exact for a localizer not quite this one; how far off, is measured where it
        matters, on the lowest eigenvector, and where it is typical, on the first vector.
        """
        size = sum(D.shape[-1] for D in self.diagonal)
        start = np.random.default_rng(0).normal(size=size).astype(complex)  # the same at every call
        margin, error = np.zeros(len(self.signature)), np.full(len(self.signature), np.inf)
        rest, left = self, np.arange(len(margin))
        basis = np.zeros((len(left), STEPS + 1, size), dtype=complex)
        basis[:, 0] = start / np.linalg.norm(start)
        T = np.zeros((len(left), STEPS + 1, STEPS + 1))
        for step in range(1, STEPS + 1):
            rest._lengthen(basis, T, step)
            if step % CHECKED and step < STEPS:
                continue
            value, lowest, relative = _largest(T[:, :step, :step], T[:, step, step - 1])
            done = relative <= PRECISION
            if step < STEPS and 2 * done.sum() < len(done):
                continue
            vector = (lowest[:, None] @ basis[:, :step])[:, 0]
            margin[left] = 1 / value
            error[left] = margin[left] * relative + np.maximum(rest._residual(vector), rest._residual(basis[:, 0]))
            if done.all():
                break
            rest, left, basis, T = rest[~done], left[~done], basis[~done], T[~done]
        return margin, error

    def _lengthen(self, basis: np.ndarray, T: np.ndarray, step: int) -> None:
        """Add to a basis (B, k, 2n) of orthonormal rows its next one, and to T what the inverse does to the last."""
        old = basis[:, :step]
        new = self.solved(old[:, -1])
        T[:, step - 1, step - 1] = (old[:, -1].conj() * new).sum(axis=1).real
        for _ in range(2):  # once more for rounding
            new = new - ((old @ new.conj()[..., None]).conj().swapaxes(-1, -2) @ old)[:, 0]
        length = np.linalg.norm(new, axis=1)
        T[:, step, step - 1] = T[:, step - 1, step] = length
        basis[:, step] = new / np.maximum(length, np.finfo(float).tiny)[:, None]

    def solved(self, b: np.ndarray) -> np.ndarray:
        """Return L⁻¹ b of vectors b (B, 2n), orbitals in the order of the strips, both halves of one together."""
        y = self._split(b[..., None])
        for i, W in enumerate(self.lower):
            y[i + 1] = y[i + 1] - W @ y[i]
        x = [G @ part for G, part in zip(self.inverse, y, strict=True)]
        for i in reversed(range(len(self.lower))):
            x[i] = x[i] - _adjoint_times(self.lower[i], x[i + 1])
        return np.concatenate(x, axis=1)[..., 0]

    def applied(self, x: np.ndarray) -> np.ndarray:
        """Return L x of vectors x (B, 2n)."""
        parts = self._split(x[..., None])
        found = [D @ part for D, part in zip(self.diagonal, parts, strict=True)]
        for i, C in enumerate(self.coupling):
            found[i + 1] = found[i + 1] + C @ parts[i]
            found[i] = found[i] + _adjoint_times(C, parts[i + 1])
        return np.concatenate(found, axis=1)[..., 0]

    def _split(self, x: np.ndarray) -> list[np.ndarray]:
        ends = np.cumsum([D.shape[-1] for D in self.diagonal])
        return [x[:, low:high] for low, high in zip([0, *ends[:-1]], ends, strict=True)]

    def _residual(self, b: np.ndarray) -> np.ndarray:
        """Return ‖L x − b‖ / ‖x‖ of what solves L x = b (B, 2n): an energy, (B,)."""
        x = self.solved(b)
        return np.linalg.norm(self.applied(x) - b, axis=1) / np.linalg.norm(x, axis=1)


def _localizer(H: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return [[H, z̄], [z, −H]] of a strip, (B, 2s, 2s)."""
    Z = z[..., None] * np.eye(H.shape[-1])
    return np.block([[H, Z.conj()], [Z, -H]])


def _coupling(H: np.ndarray) -> np.ndarray:
    """Return [[H, 0], [0, −H]], (B, 2s, 2s'), of the hoppings from a strip to the one before it."""
    nothing = np.zeros_like(H)
    return np.block([[H, nothing], [nothing, -H]])


def _hermitian_part(A: np.ndarray) -> np.ndarray:
    return (A + A.conj().swapaxes(-1, -2)) / 2


def _adjoint_times(A: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return A† x of vectors x (B, k, 1)."""
    return (x.conj().swapaxes(-1, -2) @ A).conj().swapaxes(-1, -2)


def _largest(T: np.ndarray, beyond: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the largest absolute eigenvalue (B,) of T (B, k, k), its vector (B, k), and its relative error (B,).

    The error of the first j values is at most the sum of their squared residuals over the distance to the next one
    (Kato, Temple); the best j serves where levels lie close to each other.

    Parameters
    ----------
    beyond : (B,) float64
        What couples the last vector to the next one.
    """
    values, vectors = eigenstates(T)
    order = np.argsort(-np.abs(values), axis=1)
    size = np.take_along_axis(np.abs(values), order, axis=1)
    residual = beyond[:, None] * np.abs(np.take_along_axis(vectors[:, -1], order, axis=1))
    bounds = np.cumsum(residual**2, axis=1)[:, :-1] / np.maximum(-np.diff(size, axis=1), np.finfo(float).tiny)
    error = np.minimum(bounds.min(axis=1), residual[:, 0])
    lowest = np.take_along_axis(vectors, order[:, None, :1], axis=2)[..., 0]
    return size[:, 0], lowest, error / size[:, 0]
