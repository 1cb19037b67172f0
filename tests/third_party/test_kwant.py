import numpy as np
import pytest
from libraries import KPM_TOOLS_CHERN
from samples import SHAPES, SYSTEMS, open_sample
from scipy.sparse import csr_matrix, diags
from tolerances import agree

from toponn.invariants.chern import local_chern_marker
from toponn.matter.shapes import segment

TABLES = {
    "qwz": ({"mass": -0.8}, SHAPES["qwz"]["disk"]),
    "haldane": ({"sublattice_mass": 0.4, "t2": 0.2, "phase": 0.9}, SHAPES["haldane"]["rectangle"]),
    "ssh": ({"intracell": 0.7, "intercell": 1.3}, segment((9,))),
    "extended_ssh": ({"t_minus_1": 0.3, "t_0": -0.7, "t_1": 1.1, "t_2": 0.5}, segment((9,))),
}


@pytest.mark.parametrize(("name", "parameters", "shape"), [(n, *rest) for n, rest in TABLES.items()], ids=TABLES)
def test_kwant_assembles_the_same_matrix_of_an_open_sample_from_the_same_bonds(kwant, name, parameters, shape):
    system, sample = SYSTEMS[name], open_sample(name, shape, parameters)
    cells = sample.sites.cell
    lattice = kwant.lattice.general(system.unit_cell.vectors, system.unit_cell.basis, norbs=system.n_orbitals)
    builder = kwant.Builder()
    onsite = np.asarray(system.onsite(**parameters), complex)
    for cell, s in zip(cells, sample.sites.sublattice, strict=True):
        builder[lattice.sublattices[s](*cell)] = onsite[s]
    for bond in system.bonds(**parameters):
        kind = kwant.builder.HoppingKind(
            bond.offset, lattice.sublattices[bond.target], lattice.sublattices[bond.source]
        )
        builder[kind] = np.asarray(bond.amplitude, complex)
    finalized = builder.finalized()
    places = {(lattice.sublattices.index(site.family), *site.tag): i for i, site in enumerate(finalized.sites)}
    order = [places[s, *cell] for s, cell in zip(sample.sites.sublattice.tolist(), cells.tolist(), strict=True)]
    orbitals = (np.array(order)[:, None] * system.n_orbitals + np.arange(system.n_orbitals)).ravel()
    theirs = finalized.hamiltonian_submatrix()[np.ix_(orbitals, orbitals)]
    assert agree(sample.terms.hamiltonian(), theirs)


MARKERS = {
    "qwz m=-1": ("qwz", "square", {"mass": -1.0}, 1.0),
    "qwz m=1.3": ("qwz", "disk", {"mass": 1.3}, 1.5),
    "haldane": ("haldane", "disk", {"sublattice_mass": 0.2, "t2": 0.2, "phase": 1.4}, 1.0),
    "haldane trivial": ("haldane", "disk", {"sublattice_mass": 2.2, "t2": 0.2, "phase": 1.4}, 1.0),
}


@pytest.mark.parametrize(("name", "shape", "parameters", "W"), MARKERS.values(), ids=MARKERS)
def test_the_local_chern_marker_is_that_of_a_chebyshev_series(kpm_tools, name, shape, parameters, W):
    """A series of 2,000 moments does not resolve edge states at the Fermi level: sites in the middle are compared."""
    sample = open_sample(name, SHAPES[name][shape], parameters, W, 1)
    x, y = (diags(component) for component in sample.of_orbitals.T)
    area, m = sample.system.unit_cell.area_per_site, sample.system.n_orbitals
    ours = local_chern_marker(sample.P, sample.positions, sample.site_of_orbital, area)
    for site in np.argsort((sample.positions**2).sum(axis=1), kind="stable")[:3]:
        at_site = list(np.eye(len(sample.H), dtype=complex)[site * m : (site + 1) * m])
        settings = dict(vector_factory=at_site, num_vectors=m, mean=False, num_moments=2000, bounds=(-6.0, 6.0))
        series = kpm_tools.chern_number(csr_matrix(sample.H), x=x.dot, y=y.dot, **settings)
        assert KPM_TOOLS_CHERN * series(0.0).sum() / area == pytest.approx(ours[site], abs=1e-4)
