"""At its closed-form weights the ring is the invariant: against NumPy references, Bloch integers and labels.

On every system of the library, in a random gauge, with disorder, on squares and on other shapes.
"""

import numpy as np
import pytest
import torch

from toponn.data.datasets import read_dataset, write_dataset
from toponn.data.encodings.loops import loops, pair_loops, triple_loops
from toponn.data.generation import generate
from toponn.data.recipes import Recipe
from toponn.invariants.bloch import chern_number, winding_number
from toponn.invariants.chern import real_space_chern, switch_chern, three_sector_chern
from toponn.invariants.winding import midgap_winding, real_space_winding, switch_winding
from toponn.matter.lattices import normalised_coordinates
from toponn.matter.shapes import bulk_window
from toponn.matter.states import polar_factor, projector, scramble_gauge, without_midgap_pair
from toponn.matter.systems import SYSTEMS
from toponn.models.base import TASK_OF, as_tensors, generators
from toponn.models.closed_forms import SITE_TENSORS, WINDOWS, coordinate_weights, free_weights
from toponn.models.head import predictions
from toponn.models.ring import CoordinateRing, FreeRing, Ring
from toponn.models.wavefunction import Wavefunction
from toponn.tools.checks import ConfigError, DataError

EXACT = 1e-10
TELLING = 0.2  # formulas are compared, not phases: the middle of a triangle is not deep in its bulk
WIDTH = 9
ROOT = 5


def ring_of(form: str, coordinates: tuple[int, int], rank: int = 1) -> Ring:
    """Return a ring that starts at its closed form, for coordinates (N, d)."""
    options = {"start": "closed_form", "rank": rank}
    if form == "free":
        return FreeRing({"coordinates": coordinates}, **options)
    return CoordinateRing({"coordinates": coordinates}, width=WIDTH, **options)


def switches(u: np.ndarray) -> np.ndarray:
    """Return the site tensors of the coordinate closed form, written down a second time."""

    def climb(t):
        return (1 + np.tanh(5.0 * t)) / 2

    def plateau(t):
        return (np.tanh(6.0 * (t + 0.7)) - np.tanh(6.0 * (t - 0.7))) / 2

    if u.shape[1] == 1:
        return np.array([climb(u[:, 0]), plateau(u[:, 0])])
    window = (1 + np.tanh(6.0 * (plateau(u[:, 0]) + plateau(u[:, 1]) - 1.5))) / 2
    return np.array([window, climb(u[:, 0]), climb(u[:, 1])])


class Geometry:
    """Samples of one recipe in float64: the state, what the ring sees of it, and where its sites are.

    Where every sample has positions of its own there is one sample, the draw `first`.
    """

    def __init__(self, system, shape, parameters, disorder, samples=4, lattice=None, first=0):
        self.recipe = Recipe.of(
            name="closed",
            seed=ROOT,
            system=system,
            shape=shape,
            parameters=parameters,
            disorder=disorder,
            lattice=lattice,
        )
        solved = self.recipe.draw(range(first, first + (1 if self.recipe.moving else samples)))
        rng = np.random.default_rng(ROOT)
        self.occupied = np.stack([scramble_gauge(rows, rng=rng) for rows in solved.occupied])
        self.midgap_dropped = without_midgap_pair(solved.occupied)
        self.positions, self.orbitals = solved.geometry, solved.site_of_orbital
        self.sublattice, self.area = self.recipe.sites.sublattice, self.recipe.lattice.area_per_site
        if self.recipe.system.task == "winding":
            self.positions, self.area = self.positions[self.sublattice == 0], 1.0
        self.state, features = self.seen(self.occupied)
        self.u = normalised_coordinates(self.positions)
        self.inputs = {"loops": torch.from_numpy(features), "coordinates": torch.from_numpy(self.u)}

    def seen(self, occupied: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return q or P, and the loop features, of occupied states."""
        if self.recipe.system.task == "winding":
            q = polar_factor(occupied, self.sublattice)
            return q, pair_loops(q)
        P = projector(occupied)
        return P, triple_loops(P, self.recipe.system.n_orbitals)

    @property
    def dimension(self) -> int:
        return self.u.shape[1]

    def switch_reference(self) -> np.ndarray:
        d = switches(self.u)
        if self.dimension == 1:
            return switch_winding(self.state, d[0], d[1])
        return switch_chern(self.state, d[1], d[2], d[0], self.orbitals)

    def window_reference(self) -> np.ndarray:
        window = bulk_window(self.positions)
        if self.dimension == 1:
            return real_space_winding(self.state, self.positions[:, 0], window)
        return real_space_chern(self.state, self.positions, self.orbitals, self.area, window)

    def sector_reference(self) -> np.ndarray:
        return three_sector_chern(self.state, self.u, self.orbitals)

    def midgap_reference(self) -> np.ndarray:
        return midgap_winding(self.midgap_dropped, self.positions[:, 0], self.sublattice)

    def ring(self, form: str, rank: int = 1) -> Ring:
        return ring_of(form, self.u.shape, rank)

    def weights(self, form: str, rank: int = 1, seeds: int = 2) -> dict[str, torch.Tensor]:
        model = self.ring(form, rank)
        like = model.initial(generators(ROOT, "closed", form, range(seeds)))
        like = {name: tensor.double() for name, tensor in like.items()}
        return model.closed_form(like, self.positions, self.area)


def onsite(strength: float) -> list:
    return [{"name": "onsite_box", "strength": [0.0, strength]}]


def bonds(strength: float) -> list:
    return [{"name": "bond_box", "strength": [0.0, strength]}]


def disk(radius: float) -> dict:
    return {"name": "disk", "radius": radius}


def box(*size: float) -> dict:
    return {"name": "segment" if len(size) == 1 else "rectangle", "size": list(size)}


def square(size: int, disorder: float = 2.0) -> Geometry:
    return Geometry("qwz", box(size, size), {"mass": [-3.0, 3.0]}, onsite(disorder))


def chain(cells: int) -> Geometry:
    return Geometry("ssh", box(cells), {"intracell": [0.2, 1.8], "intercell": 1.0}, bonds(1.0))


QWZ = {"mass": [-3.0, 3.0]}
HALDANE = {"sublattice_mass": [-1.0, 1.0], "t2": 0.2, "phase": [-3.0, 3.0]}
KAGOME = {"phase": [-0.8, 0.8], "breathing": [0.5, 1.5]}
HOFSTADTER = {"flux": [0.2, 0.34], "fermi_energy": [-2.2, -1.4]}
HIGHER = {"mass": [-1.5, 1.5], "diagonal": [-1.0, 1.0]}
AMORPHOUS = {"mass": [-2.0, -1.0], "decay": 0.8}
EXTENDED = {name: [-1.0, 1.0] for name in ("t_minus_1", "t_0", "t_1", "t_2")}
KITAEV = {"chemical_potential": [-1.5, 1.5], "hopping": 1.0, "pairing": [-1.0, 1.0]}
VACANT = [{"name": "vacancies", "strength": 0.05}]
MOVED = [{"name": "structural_displacement", "strength": 0.2}]

SAMPLES = {
    "QWZ 6x6": lambda: square(6),
    "QWZ 8x8": lambda: square(8),
    "QWZ 9x9": lambda: square(9),
    "QWZ triangle": lambda: Geometry("qwz", {"name": "triangle", "side": 12.0}, QWZ, onsite(2.0)),
    "QWZ L": lambda: Geometry("qwz", {"name": "l_shape", "size": 9.0}, QWZ, onsite(2.0)),
    "QWZ vacancies": lambda: Geometry("qwz", box(8, 7), {"mass": [-1.5, -0.5]}, VACANT),
    "QWZ moved sites": lambda: Geometry("qwz", disk(4.0), {"mass": [-1.5, -0.5]}, MOVED),
    "Haldane disk": lambda: Geometry("haldane", disk(5.2), HALDANE, onsite(1.0)),
    "Haldane rectangle": lambda: Geometry("haldane", box(10.0, 9.0), HALDANE, onsite(1.0)),
    "kagome disk": lambda: Geometry("kagome", disk(4.5), KAGOME, onsite(0.5), samples=8),
    "Hofstadter 9x8": lambda: Geometry("hofstadter", box(9, 8), HOFSTADTER, onsite(0.5)),
    "higher Chern disk": lambda: Geometry("higher_chern", disk(4.5), HIGHER, onsite(1.0)),
    "amorphous square": lambda: Geometry("amorphous_chern", box(7, 7), AMORPHOUS, onsite(1.0), lattice="square"),
    "triangular disk": lambda: Geometry("amorphous_chern", disk(4.2), AMORPHOUS, onsite(1.0), lattice="triangular"),
    "quasicrystal disk": lambda: Geometry(
        "amorphous_chern", disk(4.2), AMORPHOUS, onsite(1.0), lattice="ammann_beenker"
    ),
    "random disk": lambda: Geometry("amorphous_chern", disk(4.2), AMORPHOUS, onsite(0.5), lattice="random"),
    "random disk, another": lambda: Geometry(
        "amorphous_chern", disk(4.2), AMORPHOUS, onsite(0.5), lattice="random", first=3
    ),
    "SSH 12": lambda: chain(12),
    "SSH 13": lambda: chain(13),
    "SSH 24": lambda: chain(24),
    "extended SSH 16": lambda: Geometry("extended_ssh", box(16), EXTENDED, bonds(0.5), samples=8),
    "extended SSH 24": lambda: Geometry("extended_ssh", box(24), EXTENDED, bonds(0.5), samples=8),
    "Kitaev 16": lambda: Geometry("kitaev_chain", box(16), KITAEV, bonds(0.5), samples=8),
}


def test_the_samples_show_every_system_of_the_library():
    assert {make().recipe.system.name for make in SAMPLES.values()} == set(SYSTEMS)


@pytest.fixture(scope="module")
def geometry():
    """Return a sample by name, made once."""
    made = {}

    def get(name: str) -> Geometry:
        return made.setdefault(name, None) or made.update({name: SAMPLES[name]()}) or made[name]

    return get


@pytest.fixture(scope="module")
def one_set_of_weights():
    """Return coordinate weights of each dimension that saw no geometry at all."""
    weights = {}
    for dimension in (1, 2):
        model = ring_of("coordinate", (1, dimension))
        like = model.initial(generators(ROOT, "none", "ring", range(2)))
        weights[dimension] = coordinate_weights(dimension, {name: t.double() for name, t in like.items()})
    return weights


@pytest.mark.parametrize("name", SAMPLES)
def test_one_set_of_coordinate_weights_is_the_switch_formula_on_every_sample(name, geometry, one_set_of_weights):
    sample = geometry(name)
    model, weights = sample.ring("coordinate"), one_set_of_weights[sample.dimension]
    expected = sample.switch_reference()
    assert np.abs(expected).max() > TELLING, "a sample without a topological draw shows nothing"
    dense = {"projector": torch.from_numpy(sample.state), "coordinates": sample.inputs["coordinates"]}
    for value in (model.value(weights, sample.inputs), model.value(weights, dense)):
        assert value.dtype == torch.float64
        for seed in value.numpy():
            np.testing.assert_allclose(seed, expected, rtol=0, atol=EXACT)


REFERENCES = {
    "local_marker": Geometry.window_reference,
    "three_sectors": Geometry.sector_reference,
    "windowed_winding": Geometry.window_reference,
    "midgap_dropped": Geometry.midgap_reference,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_free_closed_form_weights_are_the_reference_of_their_name(name, geometry):
    sample = geometry(name)
    for formula in FreeRing.closed_forms[TASK_OF[sample.dimension]]:
        expected = REFERENCES[formula](sample)
        assert np.abs(expected).max() > TELLING, "a sample without a topological draw shows nothing"
        loops = sample.seen(sample.midgap_dropped)[1] if formula == "midgap_dropped" else sample.inputs["loops"]
        inputs = sample.inputs | {"loops": torch.as_tensor(loops)}
        site_tensors = SITE_TENSORS[formula](sample.positions, sample.area)
        sizes = (site_tensors**2).mean(axis=1)
        np.testing.assert_allclose(sizes, sizes[0], rtol=1e-12)
        for rank in (1, 2, 3):
            weights = free_weights(site_tensors, sample.weights("free", rank))
            for seed in sample.ring("free", rank).value(weights, inputs).numpy():
                np.testing.assert_allclose(seed, expected, rtol=0, atol=EXACT, err_msg=formula)
        # Control: the reference of the other name is another number.
        (other,) = set(FreeRing.closed_forms[TASK_OF[sample.dimension]]) - {formula}
        assert np.abs(REFERENCES[other](sample) - expected).max() > 1e-3


def test_with_the_midgap_pair_the_whole_chain_has_no_winding(geometry):
    sample = geometry("SSH 24")
    site_tensors = SITE_TENSORS["midgap_dropped"](sample.positions, sample.area)
    weights = free_weights(site_tensors, sample.weights("free"))
    assert sample.ring("free").value(weights, sample.inputs).abs().max() < EXACT


def test_every_closed_form_that_a_class_declares_can_be_made():
    assert set(SITE_TENSORS) == {name for names in FreeRing.closed_forms.values() for name in names}
    assert set(WINDOWS) == set(Wavefunction.closed_forms["winding"])


def test_closed_forms_that_do_not_exist_are_refused_and_the_first_is_the_default():
    assert FreeRing({"coordinates": (4, 2)}).formula == "local_marker"
    assert FreeRing({"coordinates": (4, 1)}).formula == "windowed_winding"
    with pytest.raises(ConfigError, match="^closed_form: found 'midgap_dropped'; allowed: local_marker, three_sectors"):
        FreeRing({"coordinates": (4, 2)}, closed_form="midgap_dropped")
    with pytest.raises(DataError, match="^positions: found 4 sites, too few for a bulk; allowed: more sites$"):
        SITE_TENSORS["three_sectors"](np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0]), axis=-1).reshape(-1, 2), 1.0)


@pytest.mark.parametrize("name", ["QWZ 6x6", "SSH 12"])
def test_coordinate_closed_form_weights_leave_further_rings_empty(name, geometry):
    sample = geometry(name)
    value = sample.ring("coordinate", 3).value(sample.weights("coordinate", 3), sample.inputs)
    np.testing.assert_allclose(value.numpy()[0], sample.switch_reference(), rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_closed_form_in_the_precision_of_training_is_the_same_formula(name, geometry):
    """Training holds coordinates and weights in float32; the window must not lose its edge to rounding."""
    sample = geometry(name)
    inputs = as_tensors({key: tensor.numpy() for key, tensor in sample.inputs.items()})
    for form, expected in (("coordinate", sample.switch_reference()), ("free", sample.window_reference())):
        model = sample.ring(form)
        like = model.initial(generators(ROOT, "closed", form, [0]))
        weights = model.closed_form(like, sample.positions, sample.area)
        assert all(tensor.dtype == torch.float32 for tensor in weights.values())
        np.testing.assert_allclose(model.value(weights, inputs)[0].numpy(), expected, rtol=0, atol=1e-4)


def swapped(weights: dict[str, torch.Tensor], form: str) -> dict[str, torch.Tensor]:
    """Return the weights with the last two site tensors swapped (in 1D: both)."""
    out = {name: tensor.clone() for name, tensor in weights.items()}
    for name in ("site",) if form == "free" else ("v", "c"):
        out[name][:, [-2, -1]] = weights[name][:, [-1, -2]]
    return out


@pytest.mark.parametrize("form", ["free", "coordinate"])
@pytest.mark.parametrize("name", ["QWZ 6x6", "Haldane disk", "SSH 12", "extended SSH 16"])
def test_swapped_tensors_and_a_wrong_sign_fail_the_comparison(name, form, geometry):
    sample = geometry(name)
    model, weights = sample.ring(form), sample.weights(form)
    expected = sample.switch_reference() if form == "coordinate" else sample.window_reference()
    turned = model.value(swapped(weights, form), sample.inputs).numpy()
    np.testing.assert_allclose(turned[0], -expected, rtol=0, atol=EXACT)
    assert np.abs(turned - expected).max() > 0.5
    wrong = {key: tensor.clone() for key, tensor in weights.items()}
    key = "site" if form == "free" else "b1"
    wrong[key][:, 1] *= -1  # a tensor of the window or a position; the edge of the window
    assert np.abs(model.value(wrong, sample.inputs).numpy() - expected).max() > 1e-3


def test_a_coordinate_network_too_narrow_for_the_closed_form_is_refused():
    for dimension, need in ((1, 3), (2, 6)):
        for width in (need - 1, need):
            model = CoordinateRing({"coordinates": (4, dimension)}, width=width)
            like = model.initial(generators(ROOT, "d", "m", [0]))
            if width == need:
                coordinate_weights(dimension, like)
                continue
            with pytest.raises(ValueError, match=f"width: found {width}; allowed: at least {need} hidden units"):
                coordinate_weights(dimension, like)


def bloch_chern(geometry: Geometry, **parameters: float) -> int:
    k = 2 * np.pi * np.arange(24) / 24
    mesh = np.stack(np.meshgrid(k, k, indexing="ij"), axis=-1)
    return int(chern_number(geometry.recipe.system.bloch(mesh, **parameters)))


def qwz_clean():
    for size in (6, 8, 10):
        for mass in (-3.0, -1.0, 1.0, 3.0):
            yield "qwz", {"name": "rectangle", "size": [size, size]}, {"mass": mass}


def haldane_clean():
    for shape in ({"name": "disk", "radius": 6.5}, {"name": "rectangle", "size": [14.0, 12.5]}):
        for mass, phase in ((0.0, np.pi / 2), (0.0, -np.pi / 2), (2.5, np.pi / 2), (0.2, 1.3)):
            yield "haldane", shape, {"sublattice_mass": mass, "t2": 0.2, "phase": phase}


def chains_clean():
    for cells in (12, 24, 48):
        for intracell in (0.3, -0.3, 2.5):
            yield "ssh", {"name": "segment", "size": [cells]}, {"intracell": intracell, "intercell": 1.0}
        for n in (-1, 0, 1, 2):
            hoppings = {name: 0.15 for name in ("t_minus_1", "t_0", "t_1", "t_2")}
            hoppings[{-1: "t_minus_1", 0: "t_0", 1: "t_1", 2: "t_2"}[n]] = -1.0
            yield "extended_ssh", {"name": "segment", "size": [cells]}, hoppings


CLEAN = [*qwz_clean(), *haldane_clean(), *chains_clean()]


@pytest.mark.parametrize(
    ("system", "shape", "parameters"),
    [pytest.param(*case, id=f"{case[0]} {case[1]} {case[2]}") for case in CLEAN],
)
def test_rounding_gives_the_bloch_invariant_of_clean_gapped_samples(system, shape, parameters):
    sample = Geometry(system, shape, parameters, disorder=[], samples=1)
    if sample.dimension == 1:
        names = {"ssh": {0: "intracell", 1: "intercell"}}
        names["extended_ssh"] = {-1: "t_minus_1", 0: "t_0", 1: "t_1", 2: "t_2"}
        exact = winding_number({n: parameters[name] for n, name in names[system].items()})
    else:
        exact = bloch_chern(sample, **parameters)
    for form in ("coordinate", "free"):
        value = sample.ring(form).value(sample.weights(form, seeds=1), sample.inputs)
        assert predictions(value).item() == exact, f"{form}: {value.item():.3f}, Bloch {exact}"


def test_the_clean_samples_show_every_integer():
    found = set()
    for system, shape, parameters in CLEAN:
        if system == "extended_ssh":
            found.add(
                winding_number(
                    {-1: parameters["t_minus_1"], 0: parameters["t_0"], 1: parameters["t_1"], 2: parameters["t_2"]}
                )
            )
        elif system != "ssh":
            sample = Geometry(
                system,
                {"name": shape["name"], **({"radius": 2.0} if "radius" in shape else {"size": [4.0, 4.5]})},
                parameters,
                [],
                1,
            )
            found.add((system, bloch_chern(sample, **parameters)))
    assert found == {-1, 0, 1, 2} | {(s, c) for s in ("qwz", "haldane") for c in (-1, 0, 1)}


SMALL = {"chern": lambda: square(4), "winding": lambda: chain(7)}


@pytest.mark.parametrize("start", ["closed form", "random"])
@pytest.mark.parametrize("form", ["free", "coordinate"])
@pytest.mark.parametrize("task", SMALL)
def test_gradients_of_the_value_agree_with_finite_differences(task, form, start):
    sample = SMALL[task]()
    model = sample.ring(form)
    if start == "closed form":
        weights = sample.weights(form, seeds=1)
    else:
        initial = model.initial(generators(ROOT, "gradient", form, [0]))
        weights = {name: tensor.double() for name, tensor in initial.items()}
    names = list(weights)

    def value(*tensors):
        return model.value(dict(zip(names, tensors, strict=True)), sample.inputs)

    leaves = [weights[name].clone().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(value, leaves, eps=1e-6, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("task", SMALL)
def test_the_value_is_differentiable_in_the_state_too(task):
    sample = square(3) if task == "chern" else chain(7)
    model, weights = sample.ring("coordinate"), sample.weights("coordinate", seeds=1)
    state = torch.from_numpy(sample.state[:1]).clone().requires_grad_()

    def value(P):
        return model.value(weights, {"projector": P, "coordinates": sample.inputs["coordinates"]})

    assert torch.autograd.gradcheck(value, state, eps=1e-6, atol=1e-6, rtol=1e-5)


RECIPES = {
    "chern": {
        "system": "qwz",
        "shape": {"name": "rectangle", "size": [8, 8]},
        "parameters": {"mass": [-3.5, 3.5]},
        "disorder": [{"name": "onsite_box", "strength": [0.0, 3.0]}],
    },
    "winding": {
        "system": "ssh",
        "shape": {"name": "segment", "size": [24]},
        "parameters": {"intracell": [0.0, 2.0], "intercell": 1.0},
        "disorder": [{"name": "bond_box", "strength": [0.0, 1.0]}],
    },
}


@pytest.mark.parametrize("task", RECIPES)
def test_an_exact_start_classifies_the_validation_split_at_the_labels_ceiling(task, tmp_path):
    path = tmp_path / "small.h5"
    samples = {"train": 2, "validation": 62}
    write_dataset(path, generate(name="small", seed=ROOT, samples=samples, minimum_margin=0.2, **RECIPES[task]))
    dataset = read_dataset(path, "validation")
    reference = dataset.references["real_space_chern" if task == "chern" else "real_space_winding"]
    ceiling = (np.rint(reference) == dataset.label).mean()
    assert len(np.unique(dataset.label)) > 1
    inputs = as_tensors(loops(dataset))
    dimension = dataset.dimension
    positions = dataset.positions[dataset.sublattice == 0]
    area = 1.0 if dimension == 1 else float(dataset.attributes["area_per_site"])
    for form in ("free", "coordinate"):
        model = ring_of(form, tuple(inputs["coordinates"].shape))
        like = model.initial(generators(ROOT, "small", form, range(2)))
        weights = model.closed_form(like, positions, area)
        guesses = predictions(model.value(weights, inputs)).numpy()
        accuracy = (guesses == dataset.label).mean(axis=1)
        if form == "free":  # the same formula as the reference, so the same answers but for a tie of rounding
            assert (guesses == np.rint(reference)).mean() > 0.99
        assert (accuracy >= ceiling - 0.02).all(), f"{form}: {accuracy}, ceiling {ceiling}"
        print(f"{task} {form}: accuracy {accuracy[0]:.3f}, ceiling {ceiling:.3f}")
        # Control: the opposite orientation is wrong wherever the label is not zero.
        turned = predictions(model.value(swapped(weights, form), inputs)).numpy()
        assert (turned[:, dataset.label != 0] == dataset.label[dataset.label != 0]).mean() < 0.05
