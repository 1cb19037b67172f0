import numpy as np
import pytest
from libraries import PYTHTB_CHERN, PYTHTB_WINDING
from samples import SYSTEMS, mesh, on_torus
from tolerances import agree

from toponn.invariants.bloch import chern_number, winding_number
from toponn.invariants.winding import product_rule


def lower_bands(pythtb, hamiltonians):
    """Return PythTB's array of the lower half of the bands of Bloch matrices (steps, …, n, n), closed at 2π.

    The orbitals have no positions of their own, as in the project's Bloch sums: the states at 2π are those at 0.
    """
    steps, dimension, n = len(hamiltonians), hamiltonians.ndim - 2, hamiltonians.shape[-1]
    model = pythtb.tb_model(dimension, dimension, np.eye(dimension), np.zeros((n, dimension)))
    bands = pythtb.wf_array(model, [steps + 1] * dimension, nsta_arr=n // 2)
    _, vectors = np.linalg.eigh(hamiltonians)
    for k in np.ndindex(*hamiltonians.shape[:dimension]):
        bands[k if dimension > 1 else k[0]] = vectors[k][:, : n // 2].T
    for axis in range(dimension):
        bands.impose_pbc(axis, axis)
    return bands


# --- Chern number: the flux through all plaquettes of one mesh of states -----------------------------------

QWZ = {  # mass: Chern number of the continuum, None where the mesh cannot resolve the gap
    **{-3.0: 0, -2.2: 0, -1.9: 1, -1.0: 1, -0.2: 1, 0.2: -1, 1.0: -1, 1.9: -1, 2.2: 0},
    **dict.fromkeys((-2.01, -0.01, 0.003, 1.999), None),
}
HALDANE = {  # (M, t2, φ): as above; M = 3√3 t2 sin φ is 1.0392 at t2 = 0.2, φ = π/2
    (0.0, 0.2, np.pi / 2): -1,
    (0.0, 0.2, -np.pi / 2): 1,
    (0.8, 0.2, np.pi / 2): -1,
    (-0.8, 0.2, -np.pi / 2): 1,
    (1.3, 0.2, np.pi / 2): 0,
    (-1.3, 0.2, -np.pi / 2): 0,
    (0.3, 0.1, 0.9): -1,
    (0.3, -0.1, 0.9): 1,
    (1.03, 0.2, np.pi / 2): None,
    (1.05, 0.2, np.pi / 2): None,
}
CLEAN = [("qwz", {"mass": m}, C) for m, C in QWZ.items()] + [
    ("haldane", dict(zip(SYSTEMS["haldane"].parameters, values, strict=True)), C) for values, C in HALDANE.items()
]


def name_of(value):
    return ",".join(f"{x:.4g}" for x in value.values()) if isinstance(value, dict) else str(value)


@pytest.mark.parametrize(("name", "parameters", "C"), CLEAN, ids=name_of)
def test_the_berry_flux_of_the_filled_band_is_the_chern_number(pythtb, name, parameters, C):
    hamiltonians = SYSTEMS[name].bloch(mesh(12, 2), **parameters)
    found = int(chern_number(hamiltonians))
    flux = lower_bands(pythtb, hamiltonians).berry_flux() / (2 * np.pi)
    assert flux == pytest.approx(round(flux), abs=1e-9), "on a closed mesh PythTB's flux is an integer"
    assert found == PYTHTB_CHERN * round(flux)
    assert C is None or found == C


DISORDERED = {
    "qwz m=-1 W=2": ("qwz", (4, 4), {"mass": -1.0}, 2.0, 1),
    "qwz m=1 W=3": ("qwz", (4, 4), {"mass": 1.0}, 3.0, 2),
    "qwz m=-1.9 W=1": ("qwz", (4, 4), {"mass": -1.9}, 1.0, 3),
    "qwz m=2.1 W=4": ("qwz", (4, 4), {"mass": 2.1}, 4.0, 4),
    "qwz m=0.1 W=1": ("qwz", (4, 4), {"mass": 0.1}, 1.0, 5),
    "haldane M=0.3 W=2": ("haldane", (3, 3), {"sublattice_mass": 0.3, "t2": 0.2, "phase": 1.4}, 2.0, 6),
    "haldane M=1 W=1": ("haldane", (3, 3), {"sublattice_mass": 1.0, "t2": 0.2, "phase": -1.5}, 1.0, 7),
    "haldane M=1.15 W=3": ("haldane", (3, 3), {"sublattice_mass": 1.15, "t2": 0.2, "phase": 1.5}, 3.0, 8),
}


@pytest.mark.parametrize(("name", "size", "parameters", "W", "seed"), DISORDERED.values(), ids=DISORDERED)
def test_the_berry_flux_over_the_twists_of_a_disordered_torus_is_its_chern_number(
    pythtb, name, size, parameters, W, seed
):
    hamiltonians = on_torus(name, size, parameters, W, seed).twist_mesh(6)
    flux = lower_bands(pythtb, hamiltonians).berry_flux() / (2 * np.pi)
    assert int(chern_number(hamiltonians)) == PYTHTB_CHERN * round(flux)


def test_the_comparison_of_fluxes_would_see_a_turned_sign_and_a_neighbouring_phase(pythtb):
    hamiltonians = SYSTEMS["qwz"].bloch(mesh(12, 2), mass=-1.0)
    flux = round(lower_bands(pythtb, hamiltonians.conj()).berry_flux() / (2 * np.pi))
    assert int(chern_number(hamiltonians)) == -PYTHTB_CHERN * flux != 0
    flux = round(lower_bands(pythtb, SYSTEMS["qwz"].bloch(mesh(12, 2), mass=-2.5)).berry_flux() / (2 * np.pi))
    assert flux == 0


# --- Winding number: the Zak phase, and the phase along the zone without its jumps --------------------------

CHAINS = {
    **{f"ssh v={v:g}": ("ssh", {"intracell": v, "intercell": 1.0}) for v in (0.0, 0.5, 0.97, 1.03, 2.0, -0.8)},
    **{
        f"extended {hoppings}": ("extended_ssh", dict(zip(SYSTEMS["extended_ssh"].parameters, hoppings, strict=True)))
        for hoppings in (
            (1.5, 0.4, 0.2, 0.1),
            (0.2, 1.5, 0.3, 0.1),
            (0.1, 0.4, 1.3, 0.3),
            (0.1, 0.2, 0.5, 1.4),
            (1.02, 0.5, 0.0, 1.0),
            (0.98, 0.5, 0.0, 1.0),
            (-0.3, 0.6, -0.9, 1.1),
        )
    },
}
chains = pytest.mark.parametrize(("name", "parameters"), CHAINS.values(), ids=CHAINS)


def block_hoppings(parameters):
    """Return t_n by n; intracell and intercell of SSH are t_0 and t_1."""
    orders = {"t_minus_1": -1, "t_0": 0, "t_1": 1, "t_2": 2, "intracell": 0, "intercell": 1}
    return {orders[key]: t for key, t in parameters.items()}


@chains
def test_the_zak_phase_in_units_of_pi_is_the_winding_number_modulo_two(pythtb, name, parameters):
    bands = lower_bands(pythtb, SYSTEMS[name].bloch(mesh(400, 1), **parameters))
    phase = bands.berry_phase() / np.pi
    assert phase == pytest.approx(round(phase), abs=1e-6)
    assert (round(phase) - winding_number(block_hoppings(parameters))) % 2 == 0


@chains
def test_the_berry_phase_along_ever_longer_paths_in_the_zone_is_the_winding_number(pythtb, name, parameters):
    """PythTB keeps the phase of neighbouring paths continuous, and so counts all turns, not their parity alone.

    The gauge, with a positive amplitude on B, is smooth over the whole zone because h has no zero.
    """
    steps, every = 200, 4
    hamiltonians = SYSTEMS[name].bloch(mesh(steps, 1), **parameters)
    state = np.linalg.eigh(hamiltonians)[1][:, :, 0]
    state = state * np.exp(-1j * np.angle(state[:, 1:]))
    paths = pythtb.wf_array(pythtb.tb_model(1, 1, [[1.0]], [[0.0], [0.0]]), [steps // every + 1, steps + 1], nsta_arr=1)
    for row, length in enumerate(range(0, steps + 1, every)):
        for i in range(steps + 1):  # walks to k = length and stays there
            paths[row, i] = state[None, min(i, length) % steps]
    phase = paths.berry_phase(dir=1, contin=True)
    assert phase[0] == pytest.approx(0, abs=1e-9)
    assert PYTHTB_WINDING * phase[-1] / np.pi == pytest.approx(winding_number(block_hoppings(parameters)), abs=1e-6)


def test_the_phase_along_the_zone_tells_all_windings_apart():
    assert {winding_number(block_hoppings(parameters)) for _, parameters in CHAINS.values()} == {-1, 0, 1, 2}


DRAWS = ((0.5, 1, 1), (1.5, 1, 2), (1.0, 1, 6), (1.0, 1, 28), (1.0, 2, 32), (1.1, 4, 15), (1.1, 4, 32), (0.9, 4, 25))
RINGS = {f"v={v:g} W={W:g} seed={seed}": (v, W, seed) for v, W, seed in DRAWS}


@pytest.mark.parametrize(("v", "W", "seed"), RINGS.values(), ids=RINGS)
def test_the_zak_phase_of_a_disordered_ring_is_the_product_rule(pythtb, v, W, seed):
    ring = on_torus("ssh", (8,), {"intracell": v, "intercell": 1.0}, W, seed)
    A, B = (ring.sites.sublattice == s for s in (0, 1))
    h = ring.terms.hamiltonian()[np.ix_(A, B)]
    within, between = np.diagonal(h), np.roll(h, 1, axis=1).diagonal()
    assert agree(np.abs(h).sum(), np.abs(within).sum() + np.abs(between).sum())
    phase = lower_bands(pythtb, ring.twist_mesh(256)).berry_phase() / np.pi
    assert round(phase) % 2 == product_rule(within, between)


def test_the_rings_have_both_windings_and_come_near_to_the_boundary():
    found, distance = [], []
    for v, W, seed in RINGS.values():
        terms = on_torus("ssh", (8,), {"intracell": v, "intercell": 1.0}, W, seed).terms
        logs = [np.log(np.abs(hopping)).mean() for hopping in terms.hoppings]
        found.append(logs[1] > logs[0])
        distance.append(abs(logs[1] - logs[0]))
    assert len(set(found)) == 2
    assert np.median(distance) < 0.04


# --- The Hamiltonian itself: PythTB assembles it from the same table of bonds -------------------------------

TABLES = {
    "qwz": {"mass": -0.8},
    "haldane": {"sublattice_mass": 0.4, "t2": 0.2, "phase": 0.9},
    "ssh": {"intracell": 0.7, "intercell": 1.3},
    "extended_ssh": {"t_minus_1": 0.3, "t_0": -0.7, "t_1": 1.1, "t_2": 0.5},
}
tables = pytest.mark.parametrize(("name", "parameters"), TABLES.items(), ids=TABLES)


def model_of(pythtb, system, parameters):
    """Return PythTB's model of a table of bonds: all orbitals of a cell at its origin, element by element."""
    d, m = system.unit_cell.dimension, system.n_orbitals
    onsite = np.asarray(system.onsite(**parameters), complex)
    model = pythtb.tb_model(d, d, np.eye(d), np.zeros((len(onsite) * m, d)))
    assert not any((block - np.diag(np.diagonal(block))).any() for block in onsite), "PythTB takes energies on site"
    model.set_onsite(onsite.diagonal(axis1=1, axis2=2).real.ravel().tolist())
    for bond in system.bonds(**parameters):
        for a, b in np.ndindex(m, m):
            amplitude = complex(np.asarray(bond.amplitude)[a, b])  # to orbital a of the target cell, `offset` away
            row, column, R = bond.target * m + a, bond.source * m + b, [-n for n in bond.offset]
            model.set_hop(amplitude, row, column, R, mode="add", allow_conjugate_pair=True)
    return model


@tables
def test_pythtb_finds_the_same_bands_from_the_same_bonds(pythtb, name, parameters):
    system = SYSTEMS[name]
    k = np.random.default_rng(3).uniform(0, 2 * np.pi, size=(25, system.unit_cell.dimension))
    found = np.linalg.eigvalsh(system.bloch(k, **parameters))  # (k, bands)
    assert agree(found, model_of(pythtb, system, parameters).solve_all(k / (2 * np.pi)).T)


@tables
def test_pythtb_finds_the_same_levels_of_a_torus_from_the_same_bonds(pythtb, name, parameters):
    system = SYSTEMS[name]
    size = (5, 4) if system.unit_cell.dimension == 2 else (9,)
    piece = model_of(pythtb, system, parameters)
    for axis, cells in enumerate(size):
        piece = piece.cut_piece(cells, axis, glue_edgs=True)
    found = np.linalg.eigvalsh(on_torus(name, size, parameters).terms.hamiltonian())
    assert agree(found, piece.solve_all())


@pytest.mark.parametrize("name", ["qwz", "haldane"])
def test_pythtb_s_own_states_of_the_same_bonds_carry_the_same_flux(pythtb, name):
    system, parameters = SYSTEMS[name], TABLES[name]
    own = pythtb.wf_array(model_of(pythtb, system, parameters), [13, 13])
    own.solve_on_grid([0.0, 0.0])
    flux = own.berry_flux([0]) / (2 * np.pi)
    assert int(chern_number(system.bloch(mesh(12, 2), **parameters))) == PYTHTB_CHERN * round(flux) != 0
