"""Samples written out from the text of the models, as sparse matrices of any size, with nothing from the library."""

import numpy as np
from scipy import sparse

X = np.array([[0, 1], [1, 0]], dtype=complex)
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1.0, -1.0]).astype(complex)


def qwz(mass):
    """Return the hoppings (offset, matrix), each to be added with its conjugate, the lattice vectors and the basis."""
    hoppings = [((0, 0), mass * Z / 2), ((1, 0), (Z + 1j * X) / 2), ((0, 1), (Z + 1j * Y) / 2)]
    return hoppings, np.eye(2), np.zeros((2, 2))


def haldane(mass, t2, phase):
    near = np.array([[0, 0], [1, 0]])  # from A to B
    second = t2 * np.diag([np.exp(1j * phase), np.exp(-1j * phase)])
    hoppings = [((0, 0), mass * Z / 2 + near), ((0, -1), near), ((1, -1), near)]
    hoppings += [(offset, second) for offset in ((1, 0), (-1, 1), (0, -1))]
    root = np.sqrt(3.0)
    return hoppings, np.array([[root, 0], [root / 2, 1.5]]), np.array([[root / 2, -0.5], [root / 2, 0.5]])


def shift(size, by, periodic):
    """Return the matrix that moves cell i to cell i + by of a chain or a ring."""
    wrapped = (
        sparse.eye_array(size, k=(size if by > 0 else -size) - by) if periodic and by else 0 * sparse.eye_array(size)
    )
    return sparse.eye_array(size, k=-by) + wrapped


def sample(model, cells, *, periodic=False, disorder=0.0, seed=0):
    """Return H (sparse), the positions of the orbitals, and the vectors around the torus.

    Orbitals run over cells and, fastest, over the two of a cell; `disorder` is the full width of the on-site box.
    """
    hoppings, vectors, basis = model
    H = 0
    for (a, b), matrix in hoppings:
        H = H + sparse.kron(sparse.kron(shift(cells[0], a, periodic), shift(cells[1], b, periodic)), matrix)
    energies = disorder * np.random.default_rng(seed).uniform(-0.5, 0.5, size=H.shape[0])
    H = (H + H.conj().T + sparse.diags_array(energies)).tocsr()
    origins = np.stack(np.meshgrid(*map(np.arange, cells), indexing="ij"), axis=-1).reshape(-1, 1, 2) @ vectors
    return H, (origins + basis).reshape(-1, 2), vectors * np.array(cells)[:, None]


def centred(positions):
    return positions - positions.mean(axis=0)
