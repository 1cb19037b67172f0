"""Proxies that are planted must be found, and local ones see what they are said to see and nothing else."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from stored import of_split

from toponn.data.datasets import read_dataset, write_dataset
from toponn.data.generation import generate
from toponn.generalization.evaluation import Evaluation
from toponn.generalization.local_proxy import LocalProxy, entry_means
from toponn.generalization.proxies import conflicts, fitted_proxies, overlap_rows, proxy_rows
from toponn.matter.samples import Samples
from toponn.tools.checks import ConfigError, NotApplicable
from toponn.tools.statistics import balanced_accuracy, wilson_interval
from toponn.tools.tables import TABLES

CHAIN = {
    "seed": 4,
    "system": "ssh",
    "shape": {"name": "segment", "size": [24]},
    "parameters": {"intracell": [0.0, 2.0], "intercell": 1.0},
    "disorder": [{"name": "bond_box", "strength": [0.0, 1.0]}],
    "samples": {"train": 200, "validation": 80, "test": 100},
    "minimum_margin": 0.2,
}
FLIPPED = 40


@pytest.fixture(scope="module")
def chains():
    """Return chains whose planted proxy is wrong on the last 40 test samples."""
    made = generate(name="home", **CHAIN)
    planted = np.where(np.arange(380) < 380 - FLIPPED, made.label, 1 - made.label).astype(float)
    return replace(made, proxies={"clean_parameters": planted})


@pytest.fixture(scope="module")
def home(chains, tmp_path_factory):
    path = tmp_path_factory.mktemp("proxies") / "home.h5"
    write_dataset(path, chains)
    return path


@pytest.fixture
def test_split(chains):
    return of_split(chains, "test")


def evaluation(variant, label, value, test="home", seeds=(0, 1)):
    """Return one of a test; without a value, that of a model that cannot run."""
    about = {"task": "winding", "variant": variant, "model": "any", "form": "", "test": test}
    return Evaluation(about, np.array(seeds), label, None if value is None else np.array(value, dtype=np.float32))


def sided(home, tests=None, **evaluations):
    """Return the rows of these evaluations by variant, each by test."""
    return proxy_rows(home, tests or {}, evaluations, rng=np.random.default_rng(1))


def rows_of(home, **values):
    """Return the rows of the planted proxy, by variant."""
    label = read_dataset(home, "test").label
    rows = sided(home, **{name: {"home": evaluation(name, label, value)} for name, value in values.items()})
    assert list(rows.columns) == list(TABLES["proxies"].columns)
    return rows[rows["proxy"] == "clean_parameters"].set_index("variant")


# --- Which of the two a model sides with ------------------------------------------------------------------


def test_a_conflict_is_where_the_proxys_integer_is_not_the_label():
    assert conflicts(np.array([0, 1, -1, 2]), np.array([0.0, 0.0, -1.0, -2.0])).tolist() == [False, True, False, True]


def test_a_planted_proxy_is_found_and_so_is_the_invariant(home, test_split):
    label, proxy = test_split.label, test_split.proxies["clean_parameters"]
    conflicting = label != proxy
    counts = [int((label[conflicting] == integer).sum()) for integer in (0, 1)]
    half, other = (np.where(np.arange(100) % 2 == odd, label, proxy) for odd in (0, 1))  # each where the other does not
    values = {
        "honest": [label + 0.3, label - 0.3],
        "proxied": [proxy - 0.4, proxy + 0.4],
        "half": [half, other],
        "neither": [label + 3, label + 3],
        "seeds": [label, proxy],
        "constant": [np.zeros(100), np.zeros(100)],  # right on all conflicts of label 0, and on them alone
    }
    rows = rows_of(home, **values)
    shares = {model: tuple(rows.loc[model, ["invariant", "proxied"]]) for model in values}
    assert shares == {
        "honest": (1, 0),
        "proxied": (0, 1),
        "half": (0.5, 0.5),
        "neither": (0, 0),
        "seeds": (0.5, 0.5),
        "constant": (0.5, 0.5),
    }
    assert set(rows["n_conflicts"]) == {FLIPPED}
    assert set(rows["n_samples"]) == {100}
    assert set(rows["n_seeds"]) == {2}
    assert set(rows["status"]) == {"ok"}
    effective = 4 / sum(1 / count for count in counts)
    low, high = wilson_interval(effective, effective)
    assert rows.loc["honest", ["invariant_low", "invariant_high"]].tolist() == pytest.approx([low, high])
    assert rows.loc["proxied", ["invariant_low", "invariant_high"]].tolist() == pytest.approx([0, 1 - low])
    assert rows.loc["seeds", ["proxied_low", "proxied_high"]].tolist() == [0, 1], "both seeds may be drawn alike"


def test_the_planted_proxy_comes_with_its_own_balanced_accuracy(home, test_split):
    right, label = np.arange(100) < 60, test_split.label
    expected = (right[label == 0].mean() + right[label == 1].mean()) / 2
    assert rows_of(home, honest=[label, label]).loc["honest", "proxy_accuracy"] == pytest.approx(expected)


def test_a_seed_that_failed_sides_with_neither(home, test_split):
    label, proxy = test_split.label.astype(float), test_split.proxies["clean_parameters"]
    broken = np.where(np.arange(100) == 0, np.nan, label)  # on a sample without a conflict
    rows = rows_of(home, once=[label, broken], twice=[broken, broken], zero=[proxy, np.full(100, np.inf)])
    assert rows.loc["once", ["invariant", "proxied", "status"]].tolist() == [0.5, 0, "ok"]
    assert rows.loc["zero", ["invariant", "proxied", "status"]].tolist() == [0, 0.5, "ok"]
    assert rows.loc["twice", "status"] == "failed"
    assert rows.loc["twice", ["invariant", "proxied", "proxied_low", "invariant_high"]].isna().all()


def test_a_model_that_cannot_run_and_a_proxy_without_conflicts_come_without_numbers(home, test_split, chains):
    label = test_split.label
    one, other = (evaluation(name, label, value) for name, value in (("cnn", None), ("ring", [label, label])))
    rows = sided(home, cnn={"home": one}, ring={"home": other})
    assert set(rows["proxy"]) == {"clean_parameters", "local_correlations", "edge_correlations"}
    rows = rows.set_index(["variant", "proxy"])
    assert set(rows.loc["cnn", "status"]) == {"not applicable"}
    assert rows.loc[("ring", "local_correlations"), "n_conflicts"] < 10
    assert rows.loc[("ring", "local_correlations"), "status"] == "no conflicts"
    empty = rows[rows["status"] != "ok"]
    assert len(empty) == 5
    shares = [column for column in rows if column.startswith(("invariant", "proxied"))]
    assert empty[shares].isna().all(axis=None)


def test_a_proxy_that_a_test_does_not_have_has_no_row_there(home, chains, test_split, tmp_path):
    bare = replace(chains, cell=None, proxies={"outside_parameters": 1.0 - chains.label})
    write_dataset(tmp_path / "b.h5", bare)
    label = test_split.label
    both = {"home": evaluation("cnn", label, [label, label])}
    both["bare"] = evaluation("cnn", label, [label, 1 - label], "bare")
    rows = sided(home, {"bare": tmp_path / "b.h5"}, cnn=both)
    there = rows[rows["test"] == "bare"]
    assert there["proxy"].tolist() == ["outside_parameters"]
    assert there[["proxy_accuracy", "n_conflicts", "invariant", "proxied"]].iloc[0].tolist() == [0, 100, 0.5, 0.5]
    assert set(rows["test"]) == {"home", "bare"}


# --- What is learned in the metric of the data ------------------------------------------------------------


def overlaps(home, test_split, *values):
    one = evaluation("ring", test_split.label, values, seeds=range(5, 5 + len(values)))
    rows = overlap_rows(home, {"ring": {"home": one}})
    assert set(rows.columns) == {*TABLES["diagnostics"].columns, "reference"}
    assert set(rows["reference"]) == {"real_space_winding"} and set(rows["status"]) == {"ok"}
    assert set(rows["size"]) == {24}
    assert rows["seed"].tolist() == list(range(5, 5 + len(values))) * 2
    by = {name: group["value"].to_numpy() for name, group in rows.groupby("diagnostic")}
    return by["output_overlap"], by["residual_overlap"]


def test_the_overlap_with_the_marker_itself_is_one_and_that_of_noise_is_none(home, test_split):
    marker = test_split.references["real_space_winding"]
    noise = np.random.default_rng(3).normal(size=(2, 100))
    output, residual = overlaps(home, test_split, marker, -3 * marker + 2, noise[0], test_split.label + noise[1] / 9)
    assert output[:2] == pytest.approx([1, -1], abs=1e-5)
    assert residual[:2] == pytest.approx([1, -1], abs=1e-3)
    assert abs(output[2]) < 0.3
    assert output[3] > 0.9
    assert np.abs(residual[2:]).max() < 0.3


def test_the_residual_overlap_is_that_of_the_deviations_within_each_label(home, test_split):
    marker, label = test_split.references["real_space_winding"], test_split.label
    left = np.concatenate([marker[label == k] - marker[label == k].mean() for k in (0, 1)])
    f = np.where(label == 1, 7.0, 0.0) + marker**2
    mine = np.concatenate([f[label == k] - f[label == k].mean() for k in (0, 1)])
    output, residual = overlaps(home, test_split, f)
    assert output[0] == pytest.approx(np.corrcoef(f, marker)[0, 1], abs=1e-5)
    assert residual[0] == pytest.approx(mine @ left / np.sqrt(mine @ mine * (left @ left)), abs=1e-3)


def test_a_model_that_says_the_label_alone_has_no_residual_overlap_and_one_that_failed_has_none(home, test_split):
    label = test_split.label
    broken = np.where(np.arange(100) == 3, np.nan, 1.0 * label)
    output, residual = overlaps(home, test_split, label, label * 0.7 + 0.1, np.full(100, 0.3), broken)
    assert output[:2] == pytest.approx(np.corrcoef(label, test_split.references["real_space_winding"])[0, 1])
    assert np.isnan(output[2:]).all()
    assert np.isnan(residual).all()
    jitter = 1 + 2e-7 * np.random.default_rng(2).uniform(-1, 1, size=(5, 100))
    rounded = overlaps(home, test_split, *((1 + label) * jitter))[1]
    assert np.isnan(rounded).all(), "what rounding leaves must not be correlated"
    assert overlap_rows(home, {"cnn": {"home": evaluation("cnn", label, None)}}).empty


# --- What the local proxies see ---------------------------------------------------------------------------


def chain_states(*occupied):
    """Return states of 24 cells, A and B in turn, each sample a list of (site, site) dimers or single (site,)."""
    rows = np.zeros((len(occupied), 24, 48))
    for sample, states in enumerate(occupied):
        for row, sites in enumerate(states):
            rows[sample, row, list(sites)] = [1 / np.sqrt(len(sites)), -1 / np.sqrt(len(sites))][: len(sites)]
    cell = np.arange(48) // 2
    return Samples(states=rows, positions=cell[:, None] * 1.0, sublattice=np.arange(48) % 2, cell=cell[:, None])


def trivial(cells):
    return [(2 * i, 2 * i + 1) for i in cells]


def topological(cells):
    """Return dimers between the cells, and of the two sites that are left the first."""
    return [(2 * i + 1, 2 * i + 2) for i in cells[:-1]] + [(2 * cells[0],)]


COVERED = trivial([0, 1]) + topological(range(2, 22)) + trivial([22, 23])
NEXT_CELL, SAME_CELL = (1, 1, 0), (0, 0, 1)  # displacement and orbitals of B to the next A, and of A to B


def chain_entry(means, kind, entry):
    """Return the mean Re (0), Im (1) or square (2) of an entry (displacement, α, β)."""
    return means.reshape(-1, 3, 3, 2, 2)[:, kind, entry[0] + 1, entry[1], entry[2]]


def test_bulk_and_edge_each_see_their_own_dimers():
    states = chain_states(COVERED, trivial(range(24)), topological(range(24)))
    bulk, edge = entry_means(states, "bulk"), entry_means(states, "edge")
    assert chain_entry(bulk, 0, SAME_CELL) == pytest.approx([0, -0.5, 0])
    assert chain_entry(bulk, 0, NEXT_CELL) == pytest.approx([-0.5, 0, -0.5])
    assert chain_entry(edge, 0, SAME_CELL) == pytest.approx([-0.5, -0.5, 0])
    assert chain_entry(edge, 0, NEXT_CELL) == pytest.approx([0, 0, -0.5])  # the first cell alone has a next one
    assert chain_entry(bulk, 2, NEXT_CELL) == pytest.approx([0.25, 0, 0.25])
    assert chain_entry(edge, 1, SAME_CELL) == pytest.approx([0, 0, 0])


def test_a_topological_bulk_under_trivial_edges_is_where_the_two_proxies_part(chains, test_split):
    train, validation = of_split(chains, "train"), of_split(chains, "validation")
    hopping = np.ones(47)  # from site to site, 2i within cell i, all other ones of amplitude 1 to the next cell
    cells = np.arange(24)
    chains_by_hand = []
    for edge, bulk in ((1.8, 0.4), (1.8, 1.8), (0.4, 0.4)):
        hopping[::2] = np.where((cells < 4) | (cells > 19), edge, bulk)
        chains_by_hand.append(np.diag(hopping, 1) + np.diag(hopping, -1))
    like = test_split
    covered = Samples.of(np.array(chains_by_hand), like.positions, like.sublattice, like.cell)
    assert LocalProxy.fit(train, validation, "bulk").predict(covered).tolist() == [1, 0, 1]
    assert LocalProxy.fit(train, validation, "edge").predict(covered).tolist() == [0, 0, 1]


@pytest.mark.parametrize("region", ["bulk", "edge"])
def test_both_local_proxies_are_viable_at_home_and_blind_to_the_order_of_samples(region, chains, test_split):
    train, validation = of_split(chains, "train"), of_split(chains, "validation")
    proxy = LocalProxy.fit(train, validation, region)
    said = proxy.predict(test_split)
    assert balanced_accuracy(test_split.label, said) > 0.97
    order = np.random.default_rng(5).permutation(100)
    assert (proxy.predict(test_split[order]) == said[order]).all()
    turned = np.random.default_rng(6).permutation(200)
    assert (LocalProxy.fit(train[turned], validation, region).predict(test_split) == said).all()


def test_the_regression_is_the_ridge_solution_with_the_penalty_that_validation_prefers(chains, test_split):
    train, validation = of_split(chains, "train"), of_split(chains, "validation")
    x, held_out, new = (entry_means(split, "edge") for split in (train, validation, test_split))
    vary = x.std(axis=0) > 1e-6
    a, b, c = ((m[:, vary] - x[:, vary].mean(axis=0)) / x[:, vary].std(axis=0) for m in (x, held_out, new))
    assert 5 < vary.sum() < 36  # SSH is real, and half filled on every orbital
    errors, said, weights = {}, {}, {}
    for penalty in (1.0, 1e-1, 1e-2, 1e-3, 1e-4):
        K = (1 + a @ a.T / vary.sum()) ** 3
        shifted = K + penalty * np.trace(K) / 200 * np.eye(200)
        weights[penalty] = np.linalg.solve(shifted, train.label - train.label.mean())
        f, g = (train.label.mean() + (1 + m @ a.T / vary.sum()) ** 3 @ weights[penalty] for m in (b, c))
        errors[penalty], said[penalty] = np.mean((f - validation.label) ** 2), g
    proxy = LocalProxy.fit(train, validation, "edge")
    assert proxy.penalty == min(errors, key=errors.get)
    np.testing.assert_allclose(proxy.weights, weights[proxy.penalty], rtol=1e-6)
    assert (proxy.predict(test_split) == np.rint(said[proxy.penalty])).all()


def test_a_local_proxy_names_only_integers_seen_in_training(chains, test_split):
    train, validation = of_split(chains, "train"), of_split(chains, "validation")
    states = chain_states([(2 * i, 2 * i + 3) for i in range(23)] + [(1,)])  # winding −1, far from what was seen
    for shift in (0, 3):
        proxy = LocalProxy.fit(
            replace(train, label=train.label + shift), replace(validation, label=validation.label + shift), "bulk"
        )
        assert proxy.predict(states)[0] - shift in (0, 1)


def test_a_local_proxy_that_learned_nothing_is_at_chance(chains, test_split):
    train, validation = of_split(chains, "train"), of_split(chains, "validation")
    lots, reached = np.random.default_rng(7), []
    for _ in range(30):  # a chain has few correlations that vary, so that single lots may fall on either side
        train = replace(train, label=lots.permutation(train.label))
        validation = replace(validation, label=lots.permutation(validation.label))
        proxy = LocalProxy.fit(train, validation, "bulk")
        reached.append(balanced_accuracy(test_split.label, proxy.predict(test_split)))
    assert np.mean(reached) == pytest.approx(0.5, abs=0.12)


def test_phases_of_the_orbitals_move_the_entries_and_not_their_squares(test_split):
    states = test_split
    phases = np.exp(2j * np.pi * np.random.default_rng(8).random((len(states), 1, 48)))
    scrambled = replace(states, states=states.occupied * phases)
    for region in ("bulk", "edge"):
        before, after = (entry_means(s, region).reshape(-1, 3, 12) for s in (states, scrambled))
        assert np.abs(before - after)[:, :2].max() > 0.1
        np.testing.assert_allclose(after[:, 2], before[:, 2], atol=1e-6)


def plane_states(cells, occupied=None):
    """Return states of 2 orbitals on each of these cells of the plane; by default 3 samples of random ones."""
    cells = np.array(cells)
    rng, n = np.random.default_rng(9), 2 * len(cells)
    if occupied is None:
        mixed = rng.normal(size=(3, n, n)) + 1j * rng.normal(size=(3, n, n))
        occupied = np.linalg.qr(mixed)[0][:, : n // 2]
    return Samples(states=occupied, positions=cells * 1.0, sublattice=np.zeros(len(cells), dtype=int), cell=cells)


@pytest.mark.parametrize("hole", [[], [(2, 2)]])
def test_the_means_are_those_of_the_dense_projector_over_cells_that_are_there(hole):
    cells = [cell for cell in product(range(6), range(5)) if cell not in hole]
    edge = {(x, y) for x, y in cells if x in (0, 5) or y in (0, 4)} | (
        {(1, 2), (3, 2), (2, 1), (2, 3)} if hole else set()
    )
    middle = {(x, y) for x, y in product((2, 3), (1, 2, 3))}  # |2x/5 − 1| and |2y/4 − 1| up to one half
    states = plane_states(cells)
    for region, inside in {"edge": edge, "bulk": (middle & set(cells)) - edge}.items():
        expected = np.zeros((3, 3, 9, 2, 2))
        for b, (d, delta) in product(range(3), enumerate(product((-1, 0, 1), repeat=2))):
            P = states.occupied[b].T @ states.occupied[b].conj()
            pairs = [(r, (r[0] + delta[0], r[1] + delta[1])) for r in inside]
            there = [(2 * cells.index(r), 2 * cells.index(s)) for r, s in pairs if s in cells]
            blocks = np.array([P[i : i + 2, j : j + 2] for i, j in there])
            expected[b, :, d] = blocks.real.mean(axis=0), blocks.imag.mean(axis=0), (abs(blocks) ** 2).mean(axis=0)
        np.testing.assert_allclose(entry_means(states, region), expected.reshape(3, -1), atol=1e-6)


def test_samples_with_positions_of_their_own_are_seen_one_by_one(test_split):
    states = test_split[:5]
    moved = replace(states, positions=states.positions + np.zeros((5, 1, 1)))
    np.testing.assert_allclose(entry_means(moved, "bulk"), entry_means(states, "bulk"), atol=1e-12)


def test_a_sample_that_a_local_proxy_cannot_see_is_refused(chains, test_split):
    proxy = LocalProxy.fit(of_split(chains, "train"), of_split(chains, "validation"), "bulk")
    plane = plane_states(list(product(range(6), range(5))))
    with pytest.raises(NotApplicable, match="cells of another number of orbitals"):
        proxy.predict(plane)
    with pytest.raises(NotApplicable, match="needs a lattice of unit cells"):
        proxy.predict(replace(test_split, cell=None))
    with pytest.raises(NotApplicable, match="2 × 2 cells has none in the bulk"):
        entry_means(plane_states(list(product(range(2), range(2)))), "bulk")
    with pytest.raises(ConfigError, match="region: found 'rim'; allowed: bulk, edge"):
        entry_means(test_split, "rim")


def test_a_home_without_a_grid_of_cells_has_no_local_proxies(chains, tmp_path):
    write_dataset(tmp_path / "x.h5", replace(chains, cell=None))
    assert fitted_proxies(tmp_path / "x.h5") == {}
