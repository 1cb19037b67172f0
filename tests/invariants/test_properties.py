"""Laws of the estimators on samples that hypothesis draws: what must not move, what turns its sign, what adds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag
from scipy.stats import unitary_group

from toponn.invariants.estimates import (
    Estimate,
    bott_index,
    real_space_chern,
    real_space_winding,
    spectral_localizer,
    three_sector_chern,
)
from toponn.matter.lattices import CHAIN, HONEYCOMB, SQUARE, cut, torus
from toponn.matter.samples import Samples
from toponn.matter.shapes import disk, rectangle, segment
from toponn.matter.systems.amorphous_chern import AmorphousChern
from toponn.matter.systems.extended_ssh import ExtendedSSH
from toponn.matter.systems.haldane import Haldane
from toponn.matter.systems.hofstadter import Hofstadter
from toponn.matter.systems.qwz import QWZ

LAWS = settings(max_examples=10, deadline=None, database=None, derandomize=True)
EXACT = 1e-8
KAPPA = 0.25


@dataclass(frozen=True)
class Case:
    """A sample of a few dozen sites that is not solved yet; laws change it and solve it again."""

    H: np.ndarray
    positions: np.ndarray
    sublattice: np.ndarray | None = None
    periods: np.ndarray | None = None

    @property
    def orbitals(self) -> int:
        return len(self.H) // len(self.positions)

    def solved(self, **changes) -> Samples:
        known = {"sublattice": self.sublattice, "periods": self.periods} | changes
        H, positions = known.pop("H", self.H), known.pop("positions", self.positions)
        return Samples.of(H, positions, **known)


def localizer(samples: Samples) -> Estimate:
    return spectral_localizer(samples, KAPPA if samples.dimension == 2 else 0.1)


OPEN: dict[str, Callable[[Samples], Estimate]] = {
    "localizer": localizer,
    "marker": real_space_chern,
    "sectors": three_sector_chern,
}
CHAINS: dict[str, Callable[[Samples], Estimate]] = {"localizer": localizer, "winding": real_space_winding}
INDICES = ("localizer", "Bott")
"""Estimators that are integers before rounding."""


def estimators(case: Case) -> dict[str, Callable[[Samples], Estimate]]:
    if case.periods is not None:
        return {"Bott": bott_index}
    return OPEN if case.positions.shape[1] == 2 else CHAINS


def made(system, sites, noise: float, seed: int, **parameters) -> Case:
    member = system()
    terms = member.terms(sites, member.connections(sites), **parameters)
    H = terms.hamiltonian()
    rng = np.random.default_rng(seed)
    if member.task == "winding":
        A, B = sites.sublattice == 0, sites.sublattice == 1
        h = H[np.ix_(A, B)].real + noise * np.diag(rng.uniform(-0.5, 0.5, A.sum()))
        H = np.zeros_like(H)
        H[np.ix_(A, B)], H[np.ix_(B, A)] = h, h.T
        return Case(H, sites.positions, sites.sublattice)
    return Case(H + np.diag(noise * rng.uniform(-0.5, 0.5, len(H))), sites.positions, None, sites.periods)


def inside(cell, shape):
    return cut(cell, shape.inside, shape.extent)


GROUND = {
    "square": inside(SQUARE, rectangle((8.0, 8.0))),
    "flake": inside(HONEYCOMB, disk(4.6)),
    "points": inside(SQUARE, disk(4.6)),
    "torus": torus(SQUARE, (6, 6)),
    "magnetic": torus(SQUARE, (6, 6)),
    "chain": inside(CHAIN, segment((20,))),
}
KINDS = list(GROUND)
kinds = pytest.mark.parametrize("kind", KINDS)


@st.composite
def cases(draw, kind: str) -> Case:
    """Draw a sample with a clear margin, of any invariant that its family has."""
    noise, seed = draw(st.floats(0, 0.6)), draw(st.integers(0, 1000))
    sites, mass = GROUND[kind], st.floats(0.5, 1.5) | st.floats(-1.5, -0.5) | st.floats(2.8, 3.5)
    if kind in ("square", "torus"):
        case = made(QWZ, sites, noise, seed, mass=draw(mass))
    elif kind == "points":
        case = made(AmorphousChern, sites, noise, seed, mass=draw(mass), decay=0.5)
    elif kind == "flake":
        phase = draw(st.floats(1.2, 1.9)) * draw(st.sampled_from([-1, 1]))
        M = draw(st.floats(-0.2, 0.2) | st.floats(1.8, 2.2))
        case = made(Haldane, sites, noise, seed, sublattice_mass=M, t2=0.2, phase=phase)
    elif kind == "magnetic":
        flux = draw(st.sampled_from([-1, 1])) / 3
        case = made(Hofstadter, sites, noise / 2, seed, flux=flux, fermi_energy=0.0)
    else:
        n = draw(st.sampled_from(list(ExtendedSSH.parameters)))
        hoppings = {key: draw(st.floats(-0.2, 0.2)) for key in ExtendedSSH.parameters} | {n: 1.0}
        case = made(ExtendedSSH, sites, noise, seed, **hoppings)
    return case


def filling(kind: str, case: Case) -> dict:
    """Return what is filled where it is not half: the lowest third of the magnetic bands."""
    return {"filled": len(case.H) // 3} if kind == "magnetic" else {}


def compare(kind: str, case: Case, sign: float = 1, within: float = EXACT, case_filling=None, **changes) -> None:
    """Assert that every estimator turns to `sign` times its value when something about a sample changes."""
    fill = filling(kind, case)
    before, after = case.solved(**fill), case.solved(**({**fill, **(case_filling or {})} | changes))
    for name, estimator in estimators(case).items():
        was, now = estimator(before), estimator(after)
        tolerance = EXACT if name in INDICES else within
        assert now.value == pytest.approx(sign * was.value, abs=tolerance), name
        if name == "localizer" or (name == "Bott" and case_filling is None):  # Bott's margin is of the filled states
            assert now.margin == pytest.approx(was.margin, abs=1e-6), name


def local_unitary(case: Case, seed: int, mixing: bool) -> np.ndarray:
    """Return a random U(1) on every site, or U(m) with `mixing` of its orbitals."""
    rng = np.random.default_rng(seed)
    m = case.orbitals
    phases = np.exp(2j * np.pi * rng.random(len(case.positions)))
    mix = [unitary_group.rvs(m, random_state=rng) if mixing and m > 1 else np.eye(m) for _ in phases]
    return block_diag(*[phase * U for phase, U in zip(phases, mix, strict=True)])


# --- What does not move -----------------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize("mixing", [False, True], ids=["U(1)", "U(m)"])
@LAWS
@given(data=st.data(), seed=st.integers(0, 999))
def test_a_change_of_basis_on_every_site_moves_no_invariant(kind, mixing, data, seed):
    case = data.draw(cases(kind))
    U = local_unitary(case, seed, mixing)
    assert np.abs(U @ case.H @ U.conj().T - case.H).max() > 0.1
    compare(kind, case, H=U @ case.H @ U.conj().T)


@kinds
@LAWS
@given(data=st.data(), x=st.floats(-30, 30), y=st.floats(-30, 30))
def test_a_translation_of_all_sites_moves_no_invariant(kind, data, x, y):
    case = data.draw(cases(kind))
    compare(kind, case, positions=case.positions + np.array([x, y])[: case.positions.shape[1]])


@kinds
@LAWS
@given(data=st.data(), seed=st.integers(0, 999))
def test_the_order_of_sites_moves_no_invariant(kind, data, seed):
    case = data.draw(cases(kind))
    sites = np.random.default_rng(seed).permutation(len(case.positions))
    orbitals = (sites[:, None] * case.orbitals + np.arange(case.orbitals)).ravel()
    changes = {"H": case.H[np.ix_(orbitals, orbitals)], "positions": case.positions[sites]}
    if case.sublattice is not None:  # blocks pair A and B by order, so both are reordered alike
        cells = np.random.default_rng(seed).permutation(len(sites) // 2)
        orbitals = (2 * cells[:, None] + [0, 1]).ravel()
        changes = {"H": case.H[np.ix_(orbitals, orbitals)], "positions": case.positions[orbitals]}
    compare(kind, case, **changes)


def turned(positions: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return positions @ np.array([[c, s], [-s, c]])


@pytest.mark.parametrize("kind", ["square", "flake", "points"])
@LAWS
@given(data=st.data(), quarters=st.integers(1, 3))
def test_a_quarter_turn_of_the_positions_with_the_hamiltonian_kept_moves_no_index_or_marker(kind, data, quarters):
    case = data.draw(cases(kind))
    before = case.solved()
    after = case.solved(positions=turned(case.positions, quarters * np.pi / 2))
    assert localizer(after).value == localizer(before).value
    assert real_space_chern(after).value == pytest.approx(real_space_chern(before).value, abs=EXACT)
    # The three sectors begin at a fixed angle: only what is quantized is the same.
    assert three_sector_chern(after).value == pytest.approx(three_sector_chern(before).value, abs=0.35)


@pytest.mark.parametrize("kind", ["flake", "points"])
@LAWS
@given(data=st.data(), angle=st.floats(0, 2 * np.pi))
def test_any_turn_of_the_positions_of_a_disk_keeps_the_index_and_nearly_the_marker(kind, data, angle):
    case = data.draw(cases(kind))
    middle = (case.positions.min(axis=0) + case.positions.max(axis=0)) / 2
    case = Case(case.H, case.positions - middle)
    before, after = case.solved(), case.solved(positions=turned(case.positions, angle))
    # The localizer is taken about the middle of the bounding box, which turns by less than a bond.
    assert localizer(after).integer.tolist() == localizer(before).integer.tolist()
    # The window is a square that turns against the sample: it takes in other sites.
    area = HONEYCOMB.area_per_site if kind == "flake" else 1.0
    values = [real_space_chern(case.solved(positions=s.positions, area_per_site=area)).value for s in (before, after)]
    assert values[1] == pytest.approx(values[0], abs=0.15)


# --- What turns its sign, what adds, what is zero ---------------------------------------------------------


@pytest.mark.parametrize("kind", ["square", "flake", "points", "torus", "magnetic"])
@LAWS
@given(data=st.data())
def test_time_reversal_turns_the_sign_of_every_chern_number(kind, data):
    case = data.draw(cases(kind))
    compare(kind, case, sign=-1, H=case.H.conj())


@pytest.mark.parametrize("kind", ["square", "flake", "points", "torus", "magnetic"])
@LAWS
@given(data=st.data())
def test_a_mirror_turns_the_sign_of_every_chern_number(kind, data):
    case = data.draw(cases(kind))
    mirrored = case.positions * [-1.0, 1.0]
    fill = filling(kind, case)
    for name, estimator in estimators(case).items():
        was, now = estimator(case.solved(**fill)), estimator(case.solved(positions=mirrored, **fill))
        within = 0.35 if name == "sectors" else EXACT  # whose sectors begin at an angle that has no mirror image
        assert now.value == pytest.approx(-was.value, abs=within), name


@LAWS
@given(data=st.data())
def test_exchanging_the_sublattices_or_the_ends_of_a_chain_turns_the_sign_of_its_winding(data):
    case = data.draw(cases("chain"))
    compare("chain", case, sign=-1, sublattice=1 - case.sublattice)
    compare("chain", case, sign=-1, positions=-case.positions)


@kinds
@LAWS
@given(data=st.data())
def test_filling_the_upper_states_instead_of_the_lower_turns_the_sign_of_a_chern_number(kind, data):
    case = data.draw(cases(kind))
    if kind == "chain":  # of a chiral chain H → −H is a change of basis
        compare(kind, case, H=-case.H)
    else:
        rest = {"filled": len(case.H) - filling(kind, case).get("filled", len(case.H) // 2)}
        compare(kind, case, sign=-1, H=-case.H, case_filling=rest)


def stacked(one: Case, other: Case) -> Case:
    """Return both on the same sites: the orbitals of one beside those of the other, or two chains side by side."""
    if one.sublattice is not None:
        sublattice = np.concatenate([one.sublattice, other.sublattice])
        return Case(block_diag(one.H, other.H), np.concatenate([one.positions, other.positions]), sublattice)
    n, m = len(one.positions), one.orbitals
    H = np.zeros((n, 2, m, n, 2, m), dtype=complex)
    H[:, 0, :, :, 0], H[:, 1, :, :, 1] = (c.H.reshape(n, m, n, m) for c in (one, other))
    return Case(H.reshape(2 * n * m, -1), one.positions, None, one.periods)


@kinds
@LAWS
@given(data=st.data())
def test_invariants_add_over_stacked_samples(kind, data):
    one, other = data.draw(cases(kind)), data.draw(cases(kind))
    levels = [c.solved(**filling(kind, c)).level[0] for c in (one, other)]
    one, other = (
        Case(c.H - level * np.eye(len(c.H)), c.positions, c.sublattice, c.periods)
        for c, level in zip((one, other), levels, strict=True)
    )
    together = stacked(one, other)
    level = {} if kind == "chain" else {"fermi_level": 0.0}
    for name, estimator in estimators(one).items():
        parts = [estimator(c.solved(**level)) for c in (one, other)]
        found = estimator(together.solved(**level))
        copies = 2 if name == "winding" else 1  # a mean over twice the cells
        assert copies * found.value == pytest.approx(sum(part.value for part in parts), abs=EXACT), name
        if name in INDICES:
            assert found.margin == pytest.approx(np.minimum(*(part.margin for part in parts)), abs=1e-6)


@kinds
@LAWS
@given(seed=st.integers(0, 999))
def test_every_atomic_limit_is_zero(kind, seed):
    rng = np.random.default_rng(seed)
    sites = GROUND[kind]
    if kind == "chain":
        v = rng.uniform(0.5, 2, size=20) * rng.choice([-1, 1], size=20)
        H = np.zeros((40, 40))
        H[np.arange(0, 40, 2), np.arange(1, 40, 2)] = H[np.arange(1, 40, 2), np.arange(0, 40, 2)] = v
    else:
        energies = rng.choice([-1.0, 1.0], size=(len(sites), 2)) * rng.uniform(0.5, 2, size=(len(sites), 2))
        local = [unitary_group.rvs(2, random_state=rng) for _ in range(len(sites))]
        H = block_diag(*[U @ np.diag(e) @ U.conj().T for U, e in zip(local, energies, strict=True)])
    case = Case(H, sites.positions, sites.sublattice if kind == "chain" else None, sites.periods)
    for name, estimator in estimators(case).items():
        found = estimator(case.solved() if kind == "chain" else case.solved(fermi_level=0.0))
        assert found.value == pytest.approx(0, abs=1e-10), name
        assert found.decided.all(), name


# --- Stability --------------------------------------------------------------------------------------------


def perturbation(case: Case, seed: int) -> np.ndarray:
    """Return a random Hermitian matrix of norm 1, which of a chain couples A to B alone."""
    rng = np.random.default_rng(seed)
    V = rng.normal(size=case.H.shape)
    if case.sublattice is None:
        V = V + 1j * rng.normal(size=case.H.shape)
    V = V + V.conj().T
    if case.sublattice is not None:
        V = np.where(case.sublattice[:, None] == case.sublattice, 0, V)
    if seed % 2:  # a single direction, which can act on one state with all its norm
        v = np.linalg.eigh(V)[1][:, 0]
        V = np.outer(v, v.conj())
        V = V if case.sublattice is None else np.where(case.sublattice[:, None] == case.sublattice, 0, V)
    return V / np.linalg.norm(V, 2)


@pytest.mark.parametrize("kind", ["square", "flake", "points", "chain"])
@LAWS
@given(data=st.data(), seed=st.integers(0, 999), part=st.floats(0.05, 0.999))
def test_no_perturbation_smaller_than_its_margin_changes_the_localizer_s_index(kind, data, seed, part):
    case = data.draw(cases(kind))
    level = {} if kind == "chain" else {"fermi_level": 0.0}
    was = localizer(case.solved(**level))
    now = localizer(case.solved(H=case.H + part * was.margin[0] * perturbation(case, seed), **level))
    assert now.value == was.value
    assert now.margin[0] >= (1 - part) * was.margin[0] - 1e-9, "a gap moves by no more than the norm (Weyl)"


def test_a_perturbation_larger_than_the_margin_can_change_the_localizer_s_index():
    # The control of the law above: at a topological sample, push all states above the Fermi level.
    case = made(QWZ, GROUND["square"], 0.3, 1, mass=-1.0)
    was = localizer(case.solved(fermi_level=0.0))
    assert was.value == 1
    now = localizer(case.solved(H=case.H + 8 * was.margin[0] * np.eye(len(case.H)), fermi_level=0.0))
    assert now.value == 0


@kinds
@LAWS
@given(data=st.data(), seed=st.integers(0, 999))
def test_a_small_perturbation_keeps_every_decided_integer(kind, data, seed):
    case = data.draw(cases(kind))
    fill = filling(kind, case)
    before = case.solved(**fill)
    after = case.solved(H=case.H + 0.02 * perturbation(case, seed), **fill)
    assume(kind == "chain" or before.gap[0] > 0.05)
    decided = 0
    for name, estimator in estimators(case).items():
        was, now = estimator(before), estimator(after)
        if was.decided[0] and now.decided[0]:
            assert now.integer.tolist() == was.integer.tolist(), name
            decided += 1
    assert decided or kind == "flake"
