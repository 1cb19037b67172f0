import h5py
import numpy as np
import pytest
from stored import generated
from tolerances import agree

from toponn.data import recipes
from toponn.data.datasets import dataset_arrays, read_dataset, write_dataset
from toponn.data.generation import generate
from toponn.data.recipes import Recipe
from toponn.matter.states import polar_factor, projector
from toponn.tools.checks import ConfigError, DataError
from toponn.tools.conventions import SPLITS

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
    "samples": {"validation": 10},
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
def drawn():
    """Return each recipe's samples."""
    return {name: generate(**recipe) for name, recipe in RECIPES.items()}


@pytest.fixture(scope="module")
def made(drawn):
    """Return each recipe's arrays and attributes."""
    return {name: (dataset_arrays(samples), samples.attributes) for name, samples in drawn.items()}


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


def filled_by_hand(draw):
    """Return how many states of a draw are filled: those below its Fermi level, or half of the orbitals there are."""
    E = np.linalg.eigvalsh(draw.hamiltonians[0])
    if draw.fermi_level is not None:
        return int((E < draw.fermi_level[0]).sum())
    return len(E) // 2 if draw.filled is None else int(draw.filled[0])


def solved_by_hand(recipe, draw):
    """Return label, margin, P and gap of a draw by NumPy and Kronecker products, none of the library's invariants."""
    H, where = draw.hamiltonians[0], draw.geometry
    where = (where - (where.min(axis=0) + where.max(axis=0)) / 2)[draw.site_of_orbital]
    kappa = recipe.system.localizer_kappa
    E, V = np.linalg.eigh(H)
    filled = filled_by_hand(draw)
    P = V[:, :filled] @ V[:, :filled].conj().T
    if recipe.system.task == "winding":  # X ⊗ σz + H in the basis (A, B)
        order = np.argsort(recipe.sites.sublattice, kind="stable")
        sign = np.where(recipe.sites.sublattice == 0, 1, -1)
        L = (H + np.diag(kappa * where[:, 0] * sign))[np.ix_(order, order)]
    else:
        x, y = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])
        level = (E[filled - 1] + E[filled]) / 2 if draw.fermi_level is None else draw.fermi_level[0]
        H = H - level * np.eye(len(H))
        L = kappa * (np.kron(x, np.diag(where[:, 0])) + np.kron(y, np.diag(where[:, 1]))) + np.kron(np.diag([1, -1]), H)
    values = np.linalg.eigvalsh(L)
    return -np.sign(values).sum() / 2, np.abs(values).min(), P, E[filled] - E[filled - 1]


@every
def test_label_margin_gap_and_states_of_a_sample_are_those_of_its_hamiltonian(made, name):
    arrays, _ = made[name]
    recipe = recipe_of(RECIPES[name])
    for row in (0, 3, len(arrays["label"]) - 1):
        draw = recipe.draw([int(arrays["draw"][row])])
        label, margin, P, gap = solved_by_hand(recipe, draw)
        assert arrays["label"][row] == label
        assert arrays["margin"][row] == pytest.approx(margin, abs=1e-9)
        assert arrays["gap"][row] == pytest.approx(gap, abs=1e-9)
        if gap > 1e-3:  # a pair at zero energy fills either way, and rounding decides
            assert agree(projector(arrays["occupied"][row]), P)
        for key, (value,) in draw.numbers.items():
            assert arrays[key][row] == value
        positions = arrays["positions"]
        assert np.array_equal(positions[row] if name in MOVING else positions, draw.geometry)


@every
def test_occupied_states_are_orthonormal_in_single_precision_and_padded_where_a_sample_has_fewer(made, name):
    arrays, recipe = made[name][0], recipe_of(RECIPES[name])
    occupied = arrays["occupied"]
    assert occupied.dtype == (np.float32 if name in CHAINS else np.complex64)
    assert occupied.shape[2] == len(arrays["site_of_orbital"])
    counts = []
    for states, index in zip(occupied, arrays["draw"], strict=True):
        counts.append(filled_by_hand(recipe.draw([int(index)])))
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
    again, _ = generated(**RECIPES[name])
    assert np.array_equal(arrays["occupied"], again["occupied"])
    recipe = recipe_of(RECIPES[name])
    overlaps = []
    for row in (0, 1):
        H = recipe.draw([int(arrays["draw"][row])]).hamiltonians[0]
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
def test_samples_are_the_same_two_at_a_time(made, name, monkeypatch):
    monkeypatch.setattr(recipes, "BATCH_BYTES", 1)
    arrays, attributes = generated(**RECIPES[name])
    assert same_samples(arrays, made[name][0])
    assert attributes == made[name][1]


def of_split(arrays, split, count):
    """Return the first `count` samples of a split as stored, without rows of zeros that some other sample needs."""
    rows = np.flatnonzero(arrays["split"] == SPLITS.index(split))[:count]
    own = {key: values[rows] for key, values in arrays.items() if key.split("/")[0] in OF_SAMPLES}
    own |= {"positions": arrays["positions"][rows]} if arrays["positions"].ndim == 3 else {}
    return own | {"occupied": own["occupied"][:, own["occupied"].any(axis=(0, 2))]}


def identical(a, b):
    return set(a) == set(b) and all(np.array_equal(a[key], b[key]) for key in a)


@every
def test_a_larger_train_split_leaves_every_sample_of_it_and_of_the_others_as_it_was_to_the_last_bit(made, name):
    samples = RECIPES[name]["samples"]
    larger, _ = generated(**RECIPES[name] | {"samples": samples | {"train": samples.get("train", 0) + 4}})
    assert len(larger["label"]) == sum(samples.values()) + 4
    for split, count in samples.items():
        assert identical(of_split(larger, split, count), of_split(made[name][0], split, count))


@pytest.mark.parametrize("grown", SPLITS)
def test_a_larger_split_of_chains_or_one_alone_has_the_samples_that_it_had(grown):
    small = dict.fromkeys(SPLITS, 5)
    before, _ = generated(**SSH | {"samples": small})
    after, _ = generated(**SSH | {"samples": small | {grown: 9}})
    alone, _ = generated(**SSH | {"samples": {grown: 5}})
    assert identical(of_split(alone, grown, 5), of_split(before, grown, 5))
    for split in SPLITS:
        assert identical(of_split(after, split, 5), of_split(before, split, 5))
        if split != grown:
            assert not agree(of_split(before, grown, 5)["gap"], of_split(before, split, 5)["gap"]), "control"


@every
def test_no_draw_serves_two_splits(made, name):
    arrays = made[name][0]
    assert arrays["draw"].dtype == np.int64
    assert (np.diff(arrays["draw"]) > 0).all()
    assert np.array_equal(arrays["draw"] >> 40, arrays["split"])


@pytest.mark.parametrize("name", ["ssh_8", "qwz_vacant", "amorphous"])
def test_samples_are_others_under_another_name_or_seed(made, name):
    for other in ({"name": "another"}, {"seed": 8}):
        changed, _ = generated(**RECIPES[name] | other)
        assert not same_samples(changed, made[name][0])


@every
def test_a_draw_alone_is_the_draw_among_others(name):
    alone, together = (recipe_of(RECIPES[name]).draw(indices) for indices in ([11], [3, 11, 0]))
    for row, index in enumerate(together.draw):
        again = together[row]
        assert (index == 11) == np.array_equal(again.hamiltonians, alone.hamiltonians)
        assert (index == 11) == (again.numbers == alone.numbers)
        assert (index == 11) == (str(again) == str(alone))


def test_the_positions_of_a_displaced_draw_are_those_that_its_hoppings_belong_to():
    moved = {"name": "structural_displacement", "strength": 0.4}
    recipe = recipe_of(QWZ | {"disorder": [moved]})
    assert recipe.moving
    for index in (0, 3):
        draw = recipe.draw([index])
        positions = draw.geometry
        distance = np.linalg.norm(positions[:, None] - positions, axis=2)
        hopping = np.abs(draw.hamiltonians[0, ::2, ::2])  # of the first orbital: half of t(r)
        bonds = np.triu(hopping > 0, 1)
        assert bonds.sum() == 60
        assert agree(hopping[bonds], np.exp(1 - distance[bonds]) / 2)
        assert not agree(positions, recipe.sites.positions), "control"


# --- What is left out -------------------------------------------------------------------------------------


@every
def test_the_redrawn_share_and_the_agreement_before_selection_count_all_draws(made, name):
    arrays, attributes = made[name]
    drawn = {
        split: int(arrays["draw"][arrays["split"] == SPLITS.index(split)][-1]) + 1 for split in RECIPES[name]["samples"]
    }
    drawn = {split: last % (1 << 40) for split, last in drawn.items()}
    everything, _ = generated(**RECIPES[name] | {"samples": drawn, "minimum_margin": 0.0})
    first = np.repeat([SPLITS.index(split) << 40 for split in drawn], list(drawn.values()))
    assert np.array_equal(everything["draw"] - first, np.concatenate([np.arange(count) for count in drawn.values()]))
    decided = everything["margin"] >= RECIPES[name]["minimum_margin"]
    assert attributes["redrawn_fraction"] == pytest.approx(1 - decided.mean())
    assert arrays["draw"].tolist() == everything["draw"][decided].tolist()
    most = arrays["occupied"].shape[1]
    assert not everything["occupied"][decided][:, most:].any()
    kept = everything["occupied"][decided][:, :most]
    assert np.array_equal(arrays["occupied"], kept), "the scramble belongs to the draw"
    reference = next(key for key in everything if key.startswith("reference/"))
    for key, source in (("agreement_before_selection", everything), ("reference_agreement", arrays)):
        assert attributes[key] == pytest.approx((np.rint(source[reference]) == source["label"]).mean())


def test_a_margin_that_no_draw_reaches_is_refused_in_one_sentence():
    allowed = r"a value that more than 0 of 1\d{3} draws of the test split reach"
    sentence = rf"datasets\.ssh_8\.minimum_margin: found 50\.0; allowed: {allowed}"
    with pytest.raises(ConfigError, match=sentence):
        generated(**SSH | {"minimum_margin": 50.0, "shape": {"name": "segment", "size": [4]}, "samples": {"test": 2}})


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
        generated(**SSH | change)


# --- Without the mid-gap pair -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dropped():
    """Return the arrays and attributes of each recipe of chains without the mid-gap pair."""
    return {name: generated(**RECIPES[name] | {"midgap_pair": "dropped"}) for name in CHAINS}


def blocks_by_hand(name, arrays):
    """Return H's A–B block of each sample, the first sublattice of the recipe in rows."""
    recipe = recipe_of(RECIPES[name])
    A, B = (np.flatnonzero(recipe.sites.sublattice == s) for s in (0, 1))
    return [recipe.draw([int(index)]).hamiltonians[0][np.ix_(A, B)] for index in arrays["draw"]]


@pytest.mark.parametrize("name", CHAINS)
def test_without_the_mid_gap_pair_only_the_states_of_chains_and_what_is_said_of_them_differ(made, dropped, name):
    (arrays, attributes), (rest, said) = made[name], dropped[name]
    assert set(arrays) == set(rest)
    for key in set(arrays) - {"occupied"}:
        assert np.array_equal(arrays[key], rest[key]), key
    batch, filled, n = arrays["occupied"].shape
    assert rest["occupied"].shape == (batch, filled - 1, n)
    assert rest["occupied"].dtype == arrays["occupied"].dtype
    differ = {key for key in attributes | said if attributes.get(key) != said.get(key)}
    assert differ == {"midgap_pair", "system", "config_digest"}
    assert (attributes["midgap_pair"], said["midgap_pair"]) == ("kept", "dropped")
    assert said["system"] == attributes["system"] + " without the mid-gap pair"


@pytest.mark.parametrize("name", CHAINS)
def test_the_polar_factor_without_the_mid_gap_pair_is_the_partial_isometry_that_an_svd_gives(made, dropped, name):
    rest, apart = dropped[name][0], []
    for row, h in enumerate(blocks_by_hand(name, rest)):
        u, sigma, vh = np.linalg.svd(h)
        apart.append(sigma[-2] - sigma[-1])
        if apart[-1] > 1e-3:  # else either of two states may be the nearest
            q = polar_factor(rest["occupied"][row], rest["sublattice"])
            assert agree(q, (u[:, :-1] @ vh[:-1]).real.astype(np.float32))
            whole = polar_factor(made[name][0]["occupied"][row], rest["sublattice"])
            assert not agree(q, whole), "control: with the pair"
    assert np.mean(np.array(apart) > 1e-3) > 0.9


@pytest.mark.parametrize("name", CHAINS)
def test_the_trace_over_a_whole_open_chain_is_zero_with_the_mid_gap_pair_and_the_distance_between_its_ends_without(
    made, dropped, name
):
    # Tr(q†[X, q]) of a unitary q vanishes; without the pair it is ⟨v|X|v⟩ − ⟨u|X|u⟩.
    (whole, _), (rest, _) = made[name], dropped[name]
    x = np.arange(whole["occupied"].shape[1])

    def traces(arrays):
        weight = np.abs(polar_factor(arrays["occupied"].astype(float), arrays["sublattice"])) ** 2
        return np.einsum("bij,i->b", weight, x) - np.einsum("bij,j->b", weight, x)

    u, sigma, vh = np.linalg.svd(np.stack(blocks_by_hand(name, rest)))
    distance = np.abs(vh[:, -1]) ** 2 @ x - np.abs(u[:, :, -1]) ** 2 @ x
    alone = sigma[:, -2] - sigma[:, -1] > 1e-3
    assert np.allclose(traces(whole), 0, atol=1e-3)
    assert np.allclose(traces(rest)[alone], distance[alone], atol=1e-3)
    assert np.abs(distance[alone]).max() > 0.5 * len(x), "control: a pair at the ends"


@pytest.mark.parametrize("name", CHAINS)
def test_states_without_the_mid_gap_pair_are_orthonormal_and_scrambled(dropped, name):
    rest, _ = dropped[name]
    for states, h in zip(rest["occupied"], blocks_by_hand(name, rest), strict=True):
        assert agree(states @ states.T, np.eye(len(states), dtype=np.float32))
        u = np.linalg.svd(h)[0].real[:, :-1]
        overlap = np.sqrt(2) * states[:, rest["sublattice"] == 0] @ u
        assert np.abs(np.abs(overlap) - np.eye(len(u.T))).max() > 0.3, "no longer eigenstates"


@pytest.mark.parametrize(
    ("recipe", "value", "sentence"),
    [
        (QWZ, "dropped", "found 'dropped'; allowed: kept, since only chains have a mid-gap pair"),
        (SSH, "drop", r"found 'drop'; allowed: kept, dropped \(did you mean 'dropped'\?\)"),
    ],
    ids=["plane", "unknown"],
)
def test_a_mid_gap_pair_that_there_is_not_is_refused_in_one_sentence(recipe, value, sentence):
    with pytest.raises(ConfigError, match=rf"^datasets\.{recipe['name']}\.midgap_pair: {sentence}$"):
        generated(**recipe | {"midgap_pair": value})


# --- Labels -----------------------------------------------------------------------------------------------


def test_the_labels_of_disordered_ssh_are_mostly_those_of_the_product_rule(made):
    longer = SSH | {"shape": {"name": "segment", "size": [24]}, "samples": {"test": 150}}
    arrays, _ = generated(**longer)
    recipe = recipe_of(longer)
    by_hand = []
    for index in arrays["draw"]:
        H = recipe.draw([int(index)]).hamiltonians[0]
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
    arrays, _ = generated(**QWZ | clean)
    mass = arrays["parameters/mass"]
    clear = np.abs(np.abs(mass) - 2) > 0.05  # a localizer of six cells moves the boundary inwards
    assert clear.mean() > 0.8
    assert np.array_equal(arrays["label"][clear], np.where(np.abs(mass) < 2, -np.sign(mass), 0)[clear])
    arrays, _ = generated(**HALDANE | clean | {"shape": {"name": "disk", "radius": 6.5}})
    M, phi = arrays["parameters/sublattice_mass"], arrays["parameters/phase"]
    inside = np.abs(M) < 3 * np.sqrt(3) * 0.2 * np.abs(np.sin(phi))
    assert np.array_equal(arrays["label"], np.where(inside, -np.sign(np.sin(phi)), 0))
    arrays, _ = generated(**SSH | clean | {"shape": {"name": "segment", "size": [24]}})
    assert np.array_equal(arrays["label"], arrays["parameters/intracell"] < 1)


# --- Files ------------------------------------------------------------------------------------------------


@every
def test_a_dataset_comes_back_from_its_file_whole_and_by_split(drawn, made, name, tmp_path):
    arrays, attributes = made[name]
    path = tmp_path / f"{name}.h5"
    write_dataset(path, drawn[name])
    whole = read_dataset(path)
    again = dataset_arrays(whole)
    assert set(again) == set(arrays) and all(np.array_equal(again[key], arrays[key]) for key in arrays)
    assert (str(whole), str(whole[3])) == (str(drawn[name]), str(drawn[name][3]))
    assert (whole.name, whole.task, len(whole)) == (name, attributes["task"], len(arrays["label"]))
    assert np.array_equal(whole.label, arrays["label"])
    assert {f"reference/{key}" for key in whole.references} == {key for key in arrays if key.startswith("reference/")}
    start = 0
    for split, count in RECIPES[name]["samples"].items():
        part = read_dataset(path, split)
        assert len(part) == count
        assert np.array_equal(part.label, arrays["label"][start : start + count])
        assert np.array_equal(part.occupied, arrays["occupied"][start : start + count])
        own = arrays["positions"][start : start + count] if name in MOVING else arrays["positions"]
        assert np.array_equal(part.positions, own)
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
    for change in (
        {"seed": 8},
        {"minimum_margin": 0.3},
        {"samples": {"test": 52}},
        {"disorder": []},
        {"midgap_pair": "dropped"},
    ):
        found.add(generated(**SSH | change)[1]["config_digest"])
    assert len(found) == 6


def test_an_unknown_split_and_a_damaged_file_are_refused_in_one_sentence(drawn, tmp_path):
    path = tmp_path / "a.h5"
    write_dataset(path, drawn["ssh_8"])
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
        ({"name": "disk", "radius": 3.0, "holes": [[0, 0, 4]]}, "found no site"),
    ],
)
def test_a_shape_without_a_bulk_is_refused_by_its_key_before_any_work(shape, reason):
    recipe = {"name": "small", "seed": 1, "system": "kagome", "parameters": {"phase": 0.3, "breathing": 1.0}}
    with pytest.raises(ConfigError, match=rf"^datasets\.small\.shape: found .*; allowed: shapes with sites.*{reason}"):
        Recipe.of(**recipe, shape=shape, disorder=[])


def test_chains_without_any_hopping_are_refused_by_their_key_unless_disorder_brings_one():
    nothing = {"parameters": {"intracell": 0.0, "intercell": [0.0, 0.0]}, "minimum_margin": 0.0}
    found = r"datasets\.ssh_8\.parameters: found intracell = 0\.0, intercell = \[0\.0, 0\.0\]"
    with pytest.raises(ConfigError, match=rf"^{found}; allowed: numbers with which a hopping is not zero, or bond_box"):
        generate(**SSH | nothing | {"disorder": []})
    made = generate(**SSH | nothing | {"disorder": [{"name": "bond_box", "strength": 1.0}]})
    assert np.isnan(made.proxies["clean_parameters"]).all(), "no crystal stands behind them"
    assert len(generate(**SSH | {"parameters": {"intracell": 0.0, "intercell": 1.0}, "disorder": []})) == 52, "control"
