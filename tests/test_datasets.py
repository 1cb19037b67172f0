import h5py
import numpy as np
import pytest
from tolerances import agree

from toponn import generation, recipes
from toponn.checks import ConfigError, DataError
from toponn.datasets import read_dataset, write_dataset
from toponn.generation import generate
from toponn.recipes import Recipe
from toponn.states import projector

SSH = {
    "name": "ssh_8",
    "seed": 7,
    "system": "ssh",
    "shape": {"name": "segment", "size": [8]},
    "parameters": {"intracell": [0.0, 2.0], "intercell": 1.0},
    "disorder": [{"name": "bond_box", "strength": [0.0, 1.0]}],
    "samples": {"train": 30, "validation": 10, "test": 12},
    "minimum_margin": 0.2,
}
EXTENDED = SSH | {
    "name": "extended_ssh_12",
    "system": "extended_ssh",
    "shape": {"name": "segment", "size": [12]},
    "parameters": {f"t_{n}": [-1.0, 1.0] for n in ("minus_1", "0", "1", "2")},
    "samples": {"test": 20},
}
QWZ = SSH | {
    "name": "qwz_6",
    "system": "qwz",
    "shape": {"name": "rectangle", "size": [6, 6]},
    "parameters": {"mass": [-3.0, 3.0]},
    "disorder": [{"name": "onsite_box", "strength": [0.0, 2.0]}],
    "samples": {"train": 10, "validation": 4, "test": 6},
}
HALDANE = QWZ | {
    "name": "haldane_disk",
    "system": "haldane",
    "shape": {"name": "disk", "radius": 6.5},
    "parameters": {"sublattice_mass": [-1.0, 1.0], "t2": 0.2, "phase": [-3.0, 3.0]},
    "disorder": [{"name": "onsite_box", "strength": [0.0, 1.0]}],
    "samples": {"test": 10},
}
KITAEV = SSH | {
    "name": "kitaev_12",
    "system": "kitaev_chain",
    "shape": {"name": "segment", "size": [12]},
    "parameters": {"chemical_potential": [-3.0, 3.0], "hopping": 1.0, "pairing": [0.4, 1.0]},
    "samples": {"test": 20},
}
VACANT = QWZ | {
    "name": "qwz_vacant",
    "disorder": [{"name": "vacancies", "strength": [0.0, 0.1]}],
    "samples": {"test": 12},
}
AMORPHOUS = QWZ | {
    "name": "amorphous",
    "system": "amorphous_chern",
    "parameters": {"mass": [-3.0, -1.0], "decay": 0.5},
    "disorder": [{"name": "onsite_binary", "strength": [0.0, 1.0]}],
    "samples": {"test": 10},
}
KAGOME = QWZ | {
    "name": "kagome_moved",
    "system": "kagome",
    "shape": {"name": "disk", "radius": 6.2},
    "parameters": {"phase": [0.1, 0.9], "breathing": [0.0, 2.0]},
    "disorder": [{"name": "structural_displacement", "strength": [0.0, 0.2]}],
    "samples": {"test": 10},
}
CHAINS = ("ssh_8", "extended_ssh_12", "kitaev_12")
RECIPES = {r["name"]: r for r in (SSH, EXTENDED, QWZ, HALDANE, KITAEV, VACANT, AMORPHOUS, KAGOME)}
MOVING = ("amorphous", "kagome_moved")
every = pytest.mark.parametrize("name", list(RECIPES))
OF_SAMPLES = ("label", "margin", "gap", "draw", "split", "occupied", "parameters", "disorder", "reference")


@pytest.fixture(scope="module")
def made():
    """Return each recipe's arrays and attributes."""
    return {name: generate(**recipe) for name, recipe in RECIPES.items()}


def recipe_of(entry):
    return Recipe.of(**{key: entry[key] for key in ("name", "seed", "system", "shape", "parameters", "disorder")})


def sample_arrays(arrays):
    """Return the arrays that run over samples, with the projector in place of the states."""
    named = {key: value for key, value in arrays.items() if key.split("/")[0] in OF_SAMPLES}
    own = {"positions": arrays["positions"]} if arrays["positions"].ndim == 3 else {}
    return named | own | {"occupied": projector(named["occupied"])}


def same_samples(a, b, count=None):
    a, b = sample_arrays(a), sample_arrays(b)
    same = all(agree(a[key][:count], b[key][:count]) for key in a if key not in ("split", "margin"))
    # The localizer's gap is iterated to 1e-8 of itself, by another method in small batches than in large ones.
    return set(a) == set(b) and same and np.allclose(a["margin"][:count], b["margin"][:count], rtol=2e-8, atol=0)


# --- Each sample against its Hamiltonian ------------------------------------------------------------------


def solved_by_hand(recipe, draw):
    """Return label, margin, P and gap of a draw by NumPy and Kronecker products, none of the library's invariants."""
    H, where = draw.hamiltonian, draw.positions
    where = (where - (where.min(axis=0) + where.max(axis=0)) / 2)[recipe.site_of_orbital]
    kappa = recipe.system.localizer_kappa
    E, V = np.linalg.eigh(H)
    filled = draw.filled if draw.fermi_level is None else int((E < draw.fermi_level).sum())
    P = V[:, :filled] @ V[:, :filled].conj().T
    if recipe.system.task == "winding":  # X ⊗ σz + H in the basis (A, B)
        order = np.argsort(recipe.sites.sublattice, kind="stable")
        sign = np.where(recipe.sites.sublattice == 0, 1, -1)
        L = (H + np.diag(kappa * where[:, 0] * sign))[np.ix_(order, order)]
    else:
        x, y = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])
        level = (E[filled - 1] + E[filled]) / 2 if draw.fermi_level is None else draw.fermi_level
        H = H - level * np.eye(len(H))
        L = kappa * (np.kron(x, np.diag(where[:, 0])) + np.kron(y, np.diag(where[:, 1]))) + np.kron(np.diag([1, -1]), H)
    values = np.linalg.eigvalsh(L)
    return -np.sign(values).sum() / 2, np.abs(values).min(), P, E[filled] - E[filled - 1]


@every
def test_label_margin_gap_and_states_of_a_sample_are_those_of_its_hamiltonian(made, name):
    arrays, _ = made[name]
    recipe = recipe_of(RECIPES[name])
    for row in (0, 3, len(arrays["label"]) - 1):
        draw = recipe.draw(int(arrays["draw"][row]))
        label, margin, P, gap = solved_by_hand(recipe, draw)
        assert arrays["label"][row] == label
        assert arrays["margin"][row] == pytest.approx(margin, abs=1e-9)
        assert arrays["gap"][row] == pytest.approx(gap, abs=1e-9)
        if gap > 1e-3:  # a pair at zero energy fills either way, and rounding decides
            assert agree(projector(arrays["occupied"][row]), P)
        for key, value in draw.numbers.items():
            assert arrays[key][row] == value
        positions = arrays["positions"]
        assert np.array_equal(positions[row] if name in MOVING else positions, draw.positions)


@every
def test_occupied_states_are_orthonormal_in_single_precision_and_padded_where_a_sample_has_fewer(made, name):
    arrays, recipe = made[name][0], recipe_of(RECIPES[name])
    occupied = arrays["occupied"]
    assert occupied.dtype == (np.float32 if name in CHAINS else np.complex64)
    assert occupied.shape[2] == len(arrays["site_of_orbital"])
    counts = []
    for states, index in zip(occupied, arrays["draw"], strict=True):
        draw = recipe.draw(int(index))
        E = np.linalg.eigvalsh(draw.hamiltonian)
        counts.append(draw.filled if draw.fermi_level is None else int((E < draw.fermi_level).sum()))
        overlap = states.conj() @ states.T
        assert agree(overlap, np.diag(np.arange(len(states)) < counts[-1]).astype(occupied.dtype))
    assert (len(set(counts)) > 1) == (name in ("haldane_disk", "qwz_vacant", "kagome_moved"))
    if len(set(counts)) == 1:
        assert occupied.shape[1] == counts[0]
    if name in (*CHAINS, "qwz_6", "amorphous"):
        assert set(counts) == {occupied.shape[2] // 2}


@every
def test_the_stored_states_are_scrambled_alike_each_time_and_differently_for_each_sample(made, name):
    arrays, _ = made[name]
    again, _ = generate(**RECIPES[name])
    assert np.array_equal(arrays["occupied"], again["occupied"])
    recipe = recipe_of(RECIPES[name])
    overlaps = []
    for row in (0, 1):
        H = recipe.draw(int(arrays["draw"][row])).hamiltonian
        states = arrays["occupied"][row][arrays["occupied"][row].any(axis=1)]
        V = np.linalg.eigh(H)[1][:, : len(states)]
        overlaps.append(states.conj() @ V)
        assert np.abs(np.abs(overlaps[row]) - np.eye(len(V.T))).max() > 0.3, "no longer eigenstates"
    assert overlaps[0].shape != overlaps[1].shape or not agree(*overlaps)


@every
def test_every_sample_reaches_the_margin_and_its_numbers_lie_in_their_ranges(made, name):
    arrays, _ = made[name]
    recipe = RECIPES[name]
    assert (arrays["margin"] >= recipe["minimum_margin"]).all()
    ranges = {f"parameters/{key}": value for key, value in recipe["parameters"].items()}
    ranges |= {f"disorder/{term['name']}": term["strength"] for term in recipe["disorder"]}
    for key, value in ranges.items():
        low, high = value if isinstance(value, list) else (value, value)
        assert (arrays[key] >= low).all()
        assert (arrays[key] <= high).all()
        assert (np.ptp(arrays[key]) > 0.2 * (high - low)) or low == high


# --- One sample is one draw -------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("batch_bytes", [1, 1 << 30], ids=["two at a time", "many at a time"])
def test_samples_are_the_same_in_batches_of_another_size(made, name, batch_bytes, monkeypatch):
    monkeypatch.setattr(recipes, "BATCH_BYTES", batch_bytes)
    arrays, attributes = generate(**RECIPES[name])
    assert same_samples(arrays, made[name][0])
    assert attributes == made[name][1]


@every
def test_samples_are_the_same_in_a_larger_dataset_and_others_under_another_name_or_seed(made, name):
    total = len(made[name][0]["label"])
    larger, _ = generate(**RECIPES[name] | {"samples": {"test": total + 7}})
    assert same_samples(larger, made[name][0], total)
    for other in ({"name": "another"}, {"seed": 8}):
        changed, _ = generate(**RECIPES[name] | other)
        assert not same_samples(changed, made[name][0])


@every
def test_a_draw_alone_is_the_draw_among_others(name):
    alone = recipe_of(RECIPES[name]).draw(11)
    recipe = recipe_of(RECIPES[name])
    for index in (3, 11, 0):
        again = recipe.draw(index)
        assert (index == 11) == np.array_equal(again.hamiltonian, alone.hamiltonian)
        assert (index == 11) == (again.numbers == alone.numbers)


def test_the_positions_of_a_displaced_draw_are_those_that_its_hoppings_belong_to():
    moved = {"name": "structural_displacement", "strength": 0.4}
    recipe = recipe_of(QWZ | {"disorder": [moved]})
    assert recipe.moving
    for index in (0, 3):
        draw = recipe.draw(index)
        distance = np.linalg.norm(draw.positions[:, None] - draw.positions, axis=2)
        hopping = np.abs(draw.hamiltonian[::2, ::2])  # of the first orbital: half of t(r)
        bonds = np.triu(hopping > 0, 1)
        assert bonds.sum() == 60
        assert agree(hopping[bonds], np.exp(1 - distance[bonds]) / 2)
        assert not agree(draw.positions, recipe.sites.positions), "control"


def test_chunks_with_fewer_filled_states_are_padded_at_the_end():
    chunks = [np.ones((2, 3, 4)), np.ones((1, 5, 4))]
    joined = generation._joined(chunks)
    assert joined.shape == (3, 5, 4)
    assert joined.any(axis=2).tolist() == [[True] * 3 + [False] * 2] * 2 + [[True] * 5]


# --- What is left out -------------------------------------------------------------------------------------


@every
def test_the_redrawn_share_and_the_agreement_before_selection_count_all_draws(made, name):
    arrays, attributes = made[name]
    last = int(arrays["draw"][-1]) + 1
    everything, _ = generate(**RECIPES[name] | {"samples": {"test": last}, "minimum_margin": 0.0})
    assert everything["draw"].tolist() == list(range(last))
    decided = everything["margin"] >= RECIPES[name]["minimum_margin"]
    assert attributes["redrawn_fraction"] == pytest.approx(1 - decided.mean())
    assert arrays["draw"].tolist() == np.flatnonzero(decided).tolist()
    most = arrays["occupied"].shape[1]
    assert not everything["occupied"][decided][:, most:].any()
    kept = everything["occupied"][decided][:, :most]
    assert np.array_equal(arrays["occupied"], kept), "the scramble belongs to the draw"
    reference = next(key for key in everything if key.startswith("reference/"))
    for key, source in (("agreement_before_selection", everything), ("reference_agreement", arrays)):
        assert attributes[key] == pytest.approx((np.rint(source[reference]) == source["label"]).mean())


def test_a_margin_that_no_draw_reaches_is_refused_in_one_sentence():
    sentence = r"datasets\.ssh_8\.minimum_margin: found 50\.0; allowed: a value that more than 0 of \d+ draws reach"
    with pytest.raises(ConfigError, match=sentence):
        generate(**SSH | {"minimum_margin": 50.0, "shape": {"name": "segment", "size": [4]}, "samples": {"test": 2}})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"system": "sshh"}, r"datasets\.ssh_8\.system: found 'sshh'; allowed: ssh, .* \(did you mean 'ssh'\?\)"),
        ({"shape": {"name": "disc", "radius": 3.0}}, r"datasets\.ssh_8\.shape\.name: found 'disc'; allowed: segment"),
        ({"disorder": [{"name": "bonds", "strength": 1.0}]}, r"datasets\.ssh_8\.disorder: found 'bonds'; allowed: "),
    ],
)
def test_an_unknown_name_in_a_recipe_is_refused_in_one_sentence(change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        generate(**SSH | change)


# --- Labels -----------------------------------------------------------------------------------------------


def test_the_labels_of_disordered_ssh_are_mostly_those_of_the_product_rule(made):
    longer = SSH | {"shape": {"name": "segment", "size": [24]}, "samples": {"test": 150}}
    arrays, _ = generate(**longer)
    recipe = recipe_of(longer)
    by_hand = []
    for index in arrays["draw"]:
        H = recipe.draw(int(index)).hamiltonian
        bonds = np.abs(np.diag(H, 1))  # v and w in turn along the chain
        by_hand.append(np.log(bonds[1::2]).mean() > np.log(bonds[::2]).mean())
    assert np.array_equal(arrays["reference/product_rule"], by_hand)
    assert (arrays["label"] == by_hand).mean() > 0.97
    assert set(arrays["label"]) == {0, 1}
    assert "reference/product_rule" not in made["extended_ssh_12"][0], "no such rule for longer hoppings"


@pytest.mark.parametrize("name", ["qwz_6", "haldane_disk", "extended_ssh_12"])
def test_the_labels_are_mostly_those_of_the_real_space_references(made, name):
    arrays, _ = made[name]
    for key in arrays:
        if key.startswith("reference/"):
            assert (np.rint(arrays[key]) == arrays["label"]).mean() >= 0.85
    assert len(set(arrays["label"])) > 1


def test_the_labels_of_clean_samples_are_those_of_the_literature():
    clean = {"disorder": [], "samples": {"test": 30}}
    arrays, _ = generate(**QWZ | clean)
    mass = arrays["parameters/mass"]
    clear = np.abs(np.abs(mass) - 2) > 0.05  # a localizer of six cells moves the boundary inwards
    assert clear.mean() > 0.8
    assert np.array_equal(arrays["label"][clear], np.where(np.abs(mass) < 2, -np.sign(mass), 0)[clear])
    arrays, _ = generate(**HALDANE | clean | {"shape": {"name": "disk", "radius": 6.5}})
    M, phi = arrays["parameters/sublattice_mass"], arrays["parameters/phase"]
    inside = np.abs(M) < 3 * np.sqrt(3) * 0.2 * np.abs(np.sin(phi))
    assert np.array_equal(arrays["label"], np.where(inside, -np.sign(np.sin(phi)), 0))
    arrays, _ = generate(**SSH | clean | {"shape": {"name": "segment", "size": [24]}})
    assert np.array_equal(arrays["label"], arrays["parameters/intracell"] < 1)


# --- Files ------------------------------------------------------------------------------------------------


@every
def test_a_dataset_comes_back_from_its_file_whole_and_by_split(made, name, tmp_path):
    arrays, attributes = made[name]
    path = tmp_path / f"{name}.h5"
    write_dataset(path, arrays, attributes)
    whole = read_dataset(path)
    assert (whole.name, whole.task, len(whole)) == (name, attributes["task"], len(arrays["label"]))
    assert np.array_equal(whole.label, arrays["label"])
    for key in ("occupied", "positions", "site_of_orbital", "sublattice", "cell"):
        stored = getattr(whole.states, key)
        assert (stored is None) == (key not in arrays)
        assert stored is None or np.array_equal(stored, arrays[key])
    assert {f"reference/{key}" for key in whole.references} == {key for key in arrays if key.startswith("reference/")}
    start = 0
    for split, count in RECIPES[name]["samples"].items():
        part = read_dataset(path, split)
        assert len(part) == len(part.states) == count
        assert np.array_equal(part.label, arrays["label"][start : start + count])
        assert np.array_equal(part.states.occupied, arrays["occupied"][start : start + count])
        own = arrays["positions"][start : start + count] if name in MOVING else arrays["positions"]
        assert np.array_equal(part.states.positions, own)
        for key, values in part.references.items():
            assert np.array_equal(values, arrays[f"reference/{key}"][start : start + count])
        start += count
    assert start == len(whole)


@every
def test_a_file_says_what_it_holds(made, name):
    arrays, attributes = made[name]
    total = len(arrays["label"])
    assert attributes["n_samples"] == total
    assert {"unit_" + key.split("/")[1] for key in arrays if key.startswith("parameters/")} <= set(attributes)
    assert {"energy_unit", "winding_sign", "chern_sign", "config_digest", "seed", "symmetry_class"} <= set(attributes)
    for key, values in arrays.items():
        of_geometry = key in ("positions", "cell", "sublattice", "site_of_orbital") or key.startswith("boundary/")
        assert of_geometry or len(values) == total
    recipe = RECIPES[name]
    assert attributes["system"].startswith(f"{recipe['system']}[{recipe['shape']['name']}")
    assert f"{recipe['disorder'][0]['name']} W=" in attributes["system"]


def test_the_digest_of_the_settings_changes_with_any_of_them(made):
    found = {made["ssh_8"][1]["config_digest"]}
    for change in ({"seed": 8}, {"minimum_margin": 0.3}, {"samples": {"test": 52}}, {"disorder": []}):
        found.add(generate(**SSH | change)[1]["config_digest"])
    assert len(found) == 5


def test_an_unknown_split_and_a_damaged_file_are_refused_in_one_sentence(made, tmp_path):
    path = tmp_path / "a.h5"
    write_dataset(path, *made["ssh_8"])
    with pytest.raises(ConfigError, match=r"split: found 'tests'; allowed: train, validation, test"):
        read_dataset(path, "tests")
    with h5py.File(path, "r+") as file:
        file["label"][0] = 3
    with pytest.raises(DataError, match=r"a\.h5: the content does not match its checksum"):
        read_dataset(path)
    with pytest.raises(DataError, match=r"b\.h5: there is no such file"):
        read_dataset(tmp_path / "b.h5")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"name": "disk", "radius": 0.3}, "found no site"),
        ({"name": "triangle", "side": 5.0}, "found no site in the middle 0.5"),
        ({"name": "disk", "radius": 3.0, "holes": [[0, 0, 4]]}, "found no room inside"),
    ],
)
def test_a_shape_without_a_bulk_is_refused_by_its_key_before_any_work(shape, reason):
    recipe = {"name": "small", "seed": 1, "system": "kagome", "parameters": {"phase": 0.3, "breathing": 1.0}}
    with pytest.raises(ConfigError, match=rf"^datasets\.small\.shape: found .*; allowed: shapes with sites.*{reason}"):
        Recipe.of(**recipe, shape=shape, disorder=[])
