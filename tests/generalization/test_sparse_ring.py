"""The projector with states in its gap and the ring through it, against dense matrices."""

import numpy as np
import pytest
import torch
from by_hand import qwz, sample
from scipy import sparse, stats

from toponn.data.recipes import Recipe
from toponn.generalization import beyond_dense as study
from toponn.generalization import sparse_ring as module
from toponn.generalization.sparse_ring import site_tensors, sparse_ring
from toponn.invariants import filled
from toponn.invariants.filled import FilledProjector
from toponn.matter.lattices import normalised_coordinates
from toponn.models.base import generators
from toponn.models.ring import KAPPA, CoordinateRing, FreeRing, of_projector
from toponn.tools.checks import ConfigError, DataError, NotApplicable
from toponn.tools.tables import TABLES
from toponn.training.saved import Run

DISORDER = [{"name": "onsite_box", "strength": 2.0}]


def open_sample(cells=12, mass=-1.0, disorder=1.0):
    """Return H (sparse), sites and the dense projector on the lower half of the states, as many as sites."""
    H, r, _ = sample(qwz(mass), (cells, cells), disorder=disorder)
    psi = np.linalg.eigh(H.toarray())[1][:, : cells**2]
    return H, r[::2], psi @ psi.conj().T


def run_of(rank=1, seeds=3, scale=0.4, of=CoordinateRing):
    ring = of({"coordinates": (64, 2)}, rank=rank, scale=scale, **({"width": 6} if of is CoordinateRing else {}))
    names = list(range(seeds))
    about = {"variant": "narrow", "model": ring.family, "form": ring.form, "seeds": names}
    return Run(ring, ring.initial(generators(2, "sparse", "ring", names)), about)


def dense_ring(d, P):
    """Return f (S,) of site tensors (S, R, 3, N) from the dense projector, written down a second time."""
    wide = d.repeat(len(P) // d.shape[-1], axis=-1)
    values = [[np.trace(a[:, None] * P @ (b[:, None] * P) @ (c[:, None] * P)).imag for a, b, c in s] for s in wide]
    return 4 * np.pi * np.sum(values, axis=1)


# --- The projector ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("few", [0.1, 0.0])  # states in the window by Lanczos, and by diagonalisation
@pytest.mark.parametrize(("mass", "window"), [(-1.0, 0.4), (-1.0, 0.15), (3.0, 0.3)])
def test_the_projector_is_sharp_whatever_states_lie_in_the_gap(monkeypatch, few, mass, window):
    monkeypatch.setattr(filled, "FEW", few)
    H, _, P = open_sample(10, mass=mass)
    n, energies = 100, np.linalg.eigvalsh(H.toarray())
    found = FilledProjector.of(H, 0.0, window, filled=n, error=1e-7)
    inside = energies[np.abs(energies) < window]
    assert found.energies == pytest.approx(inside, abs=1e-9) and (mass == 3.0) == (not len(inside))
    assert np.linalg.norm(found.applied(np.eye(2 * n)) - P, 2) < 1e-7
    smooth = np.linalg.norm(found.polynomial.applied(np.eye(2 * n)) - P, 2)
    assert (smooth > 1e-3) == bool(len(inside)), "control: without the states"
    if len(inside):
        above, below = np.clip(energies[[n, n - 1]], -window, window)  # of levels outside, the end is known
        assert found.gap == pytest.approx(above - below)


def test_filled_states_are_counted_or_lie_below_the_fermi_level():
    H, _, _ = open_sample()
    energies, psi = np.linalg.eigh(H.toarray())
    level = (energies[145] + energies[146]) / 2
    for options in ({"fermi_level": 0.0, "filled": 146}, {"fermi_level": level}):
        found = FilledProjector.of(H, options.pop("fermi_level"), 0.3, **options)
        assert np.abs(found.applied(psi) - psi * (np.arange(288) < 146)).max() < 1e-6
    with pytest.raises(DataError, match="filled: found 20 of 288; allowed: 1"):
        FilledProjector.of(H, 0.0, 0.3, filled=20)
    with pytest.raises(ConfigError, match="window: found 0; allowed: positive numbers"):
        FilledProjector.of(H, 0.0, 0)


def test_a_state_of_the_window_that_the_search_misses_is_noticed(monkeypatch):
    H, _, _ = open_sample()
    search = filled._nearest

    def one_missed(H, energy, count):
        energies, states = search(H, energy, count + 1)
        return energies[1:], states[:, 1:]

    monkeypatch.setattr(filled, "_nearest", one_missed)
    with pytest.raises(DataError, match="found fewer than .* levels in the window"):
        FilledProjector.of(H, energies_between(H), 0.25)


def energies_between(H):
    """Return a Fermi level nearer to the levels below than to those above, so that the next beyond lie above."""
    energies = np.linalg.eigvalsh(H.toarray())
    inside = energies[np.abs(energies) < 0.3]
    return inside.mean() - 0.02


def test_vacancies_far_above_the_bands_change_neither_the_projector_nor_the_order():
    H, _, _ = open_sample(10, disorder=0.0)
    holes = np.zeros(200)
    holes[[44, 45, 90, 91]] = 1
    cut = sparse.diags_array(1 - holes)
    H = (cut @ H @ cut + 100 * sparse.diags_array(holes)).tocsr()
    P = FilledProjector.of(H, 0.0, 0.3, filled=98)
    energies, psi = np.linalg.eigh(H.toarray())
    assert np.abs(P.applied(psi) - psi * (np.arange(200) < 98)).max() < 1e-6
    assert P.order < 500


# --- The ring ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("mass", [-1.0, 3.0])
def test_the_stochastic_trace_is_the_dense_ring_within_its_error_bar(mass, rank):
    H, r, P = open_sample(10, mass=mass)
    d = site_tensors(run_of(rank), r)
    sharp = FilledProjector.of(H, 0.0, 0.5, filled=100)
    found = sparse_ring(d, H, sharp, vectors=120, rng=np.random.default_rng(1))
    expected = dense_ring(d, P)
    assert found.shape == (3, 120)
    values, errors = found.mean(axis=1), stats.sem(found, axis=1)
    assert np.abs((values - expected) / errors).max() < 4
    if mass < 0:
        assert np.abs(expected / errors).max() > 10, "control: the errors are far smaller than the values"
        assert np.abs((values + expected) / errors).max() > 10, "control: the sign"


def test_the_estimate_varies_less_than_a_plain_trace():
    H, r, P = open_sample(10)
    d = site_tensors(run_of(seeds=4), r)
    found = sparse_ring(d, H, FilledProjector.of(H, 0.0, 0.5, filled=100), vectors=60, rng=np.random.default_rng(1))
    rng = np.random.default_rng(2)
    z = np.exp(2j * np.pi * rng.random((200, 60)))
    for s, ((a, b, c),) in enumerate(d.repeat(2, axis=-1)):
        PaPbPcP = (P * a) @ (P * b) @ (P * c) @ P
        plain = 4 * np.pi * np.einsum("nv,nm,mv->v", z.conj(), PaPbPcP, z, optimize=True).imag
        assert found[s].std() < 0.7 * plain.std()


def test_blocks_do_not_move_the_estimate_and_streams_do(monkeypatch):
    H, r, _ = open_sample(8)
    d, P = site_tensors(run_of(), r), FilledProjector.of(H, 0.0, 0.5)
    whole = sparse_ring(d, H, P, vectors=4, rng=np.random.default_rng(1))
    again = sparse_ring(d, H, P, vectors=4, rng=np.random.default_rng(1))
    assert np.array_equal(whole, again)
    other = sparse_ring(d, H, P, vectors=4, rng=np.random.default_rng(2))
    assert not np.allclose(whole, other)
    monkeypatch.setattr(module, "BLOCK_BYTES", 1)
    pieces = sparse_ring(d, H, P, vectors=4, rng=np.random.default_rng(1))
    assert pieces == pytest.approx(whole, abs=1e-9)


def test_a_ring_of_linearly_dependent_site_tensors_is_zero():
    H, r, _ = open_sample(8)
    d = site_tensors(run_of(), r)
    d[:, :, 2] = d[:, :, 0] - 2 * d[:, :, 1]
    found = sparse_ring(d, H, FilledProjector.of(H, 0.0, 0.5), vectors=100, rng=np.random.default_rng(1))
    values, errors = found.mean(axis=1), stats.sem(found, axis=1)
    assert np.abs(values / errors).max() < 4 or np.abs(values).max() < 1e-6


def test_site_tensors_are_those_of_the_model_in_double_precision_and_of_coordinate_rings_alone():
    _, r, P = open_sample(6)
    run = run_of()
    u = torch.from_numpy(normalised_coordinates(r)).float()
    assert site_tensors(run, r).dtype == np.float64
    assert site_tensors(run, r) == pytest.approx(run.model.tensors(run.parameters, u).numpy(), abs=1e-5)
    d = torch.from_numpy(site_tensors(run, r)[0]).repeat_interleave(2, dim=-1)
    assert dense_ring(site_tensors(run, r), P)[0] == pytest.approx(
        float(KAPPA[3] * of_projector(d, torch.from_numpy(P)[None])), abs=1e-10
    )
    with pytest.raises(NotApplicable, match="sparse samples are for coordinate rings in the plane"):
        site_tensors(run_of(of=FreeRing), r)


# --- Draws and the study ----------------------------------------------------------------------------------


@pytest.mark.parametrize("disorder", [[], DISORDER, [{"name": "vacancies", "strength": 0.1}]])
def test_a_sparse_draw_is_the_draw(disorder):
    recipe = Recipe.of(
        name="x", seed=3, system="qwz", shape={"name": "rectangle", "size": [7, 6]}, parameters={"mass": [-2.0, 2.0]},
        disorder=disorder,
    )  # fmt: skip
    dense, thin = recipe.draw([4, 9]), recipe.draw([4, 9], sparse=True)
    assert thin.hamiltonians.shape == (2,) and np.array_equal(thin[1:].hamiltonians[0].toarray(), dense.hamiltonians[1])
    assert np.array_equal(thin.dense, dense.hamiltonians) and np.array_equal(thin.occupied, dense.occupied)
    assert (thin.filled.tolist(), thin.fermi_level) == (dense.filled.tolist(), dense.fermi_level)
    assert all(np.array_equal(thin.numbers[key], dense.numbers[key]) for key in dense.numbers)
    assert np.array_equal(thin.positions, dense.positions)


@pytest.fixture(scope="module")
def table():
    run = run_of(seeds=4, scale=1.0)
    run.parameters["c"][1] = np.nan  # a seed that failed
    samples = {
        "one": {"system": "qwz", "parameters": {"mass": -1.0}, "disorder": DISORDER},
        "none": {"system": "haldane", "parameters": {"sublattice_mass": 2.0, "t2": 0.1, "phase": 1.5}, "disorder": []},
    }
    return study.beyond_dense(run, seed=1, seeds=2, vectors=6, sides=[14, 10], samples=samples)


def test_the_study_has_a_row_for_each_seed_that_trained_sample_and_side(table):
    assert list(table.columns) == list(TABLES["beyond_dense"].columns) and set(table["variant"]) == {"narrow"}
    rows = table.groupby(["sample", "side"], sort=False)["seed"].apply(list).to_dict()
    assert rows == {(name, side): [0, 2] for name in ("one", "none") for side in (10, 14)}
    assert set(table.loc[table["sample"] == "one", "label"]) == {1}
    assert set(table.loc[table["sample"] == "none", "label"]) == {0}
    assert (table.loc[table["sample"] == "one", "n_sites"] == table.loc[table["sample"] == "one", "side"] ** 2).all()


def test_a_ring_of_which_no_seed_trained_has_no_rows_and_no_exponents():
    run = run_of(seeds=2)
    run.parameters["c"][:] = np.nan
    sample = {"system": "qwz", "parameters": {"mass": -1.0}, "disorder": []}
    found = study.beyond_dense(run, seed=1, seeds=2, vectors=2, sides=[6], samples={"one": sample})
    assert found.empty and study.exponent_rows(found).empty


def test_values_of_the_study_agree_with_dense_matrices_within_their_error_bars(table):
    off = ((table["value"] - table["dense"]) / table["error"]).abs()
    assert off.max() < stats.t.ppf(1 - 1e-4, 5)
    assert (table[["preparation", "seconds", "dense_seconds", "peak_mb", "order"]] > 0).all(axis=None)


def test_samples_too_large_are_left_to_the_sparse_route_and_their_label_to_the_middle(monkeypatch):
    monkeypatch.setattr(study, "DENSE_SIDE", 10)
    monkeypatch.setattr(study, "LABEL_SIDE", 10)
    recipe = {"system": "qwz", "parameters": {"mass": 1.0}, "disorder": DISORDER}
    found = study.beyond_dense(run_of(), seed=1, seeds=1, vectors=2, sides=[10, 14], samples={"x": recipe})
    assert found["dense"].isna().tolist() == found["dense_seconds"].isna().tolist() == [False, True]
    assert found["label"].tolist() == [-1, -1]
    rows = study.exponent_rows(found)
    assert rows["route"].tolist() == ["sparse", "trace", "dense"]


def test_exponents_are_those_of_the_times_of_each_route(table):
    sides = np.array([10, 20, 40, 80])
    rows = [
        replace_row(table.iloc[0], sample=name, side=side, n_sites=side**2, preparation=0.0, seconds=share * side**2.0,
                    dense_seconds=share * side**6.0 if side < 80 else np.nan)
        for name, share in (("one", 1.0), ("none", 3.0)) for side in sides
    ]  # fmt: skip
    found = study.exponent_rows(type(table)(rows)).set_index(["route", "sides"])["value"]
    assert found.to_dict() == {
        ("sparse", "40 to 80"): pytest.approx(1.0),
        ("trace", "40 to 80"): pytest.approx(1.0),
        ("dense", "20 to 40"): pytest.approx(3.0),
    }


def replace_row(row, **changes):
    return row.to_dict() | changes
