"""The wavefunction form: a polynomial of the occupied states that is the winding number at its closed form."""

import numpy as np
import pytest
import torch

from toponn.data.encodings.occupied import occupied as encoded
from toponn.data.recipes import Recipe
from toponn.invariants.winding import midgap_winding, winding_density
from toponn.matter.lattices import normalised_coordinates
from toponn.matter.samples import Samples
from toponn.matter.shapes import bulk_window
from toponn.matter.states import polar_factor, scramble_gauge
from toponn.models import wavefunction
from toponn.models.base import as_tensors, generators
from toponn.models.head import TEMPERATURE
from toponn.models.wavefunction import TENSORS, Wavefunction
from toponn.tools.checks import ConfigError, NotApplicable

EXACT = 1e-10
ROOT = 3
LADDER = [TENSORS, ("selection", "position", "window"), ("position", "window"), ("window",)]
CHAINS = {
    "ssh": {"intracell": [0.0, 2.0], "intercell": 1.0},
    "extended_ssh": {name: [-1.0, 1.0] for name in ("t_minus_1", "t_0", "t_1", "t_2")},
    "kitaev_chain": {"chemical_potential": [-1.5, 1.5], "hopping": 1.0, "pairing": [-1.0, 1.0]},
}
FORMULAS = ("windowed_winding", "midgap_dropped")


class Chains:
    """Disordered chains of one recipe in float64: their states in a random gauge, and what the model sees of them."""

    def __init__(self, system="ssh", cells=8, samples=6, formula="windowed_winding", strength=1.0):
        self.recipe = Recipe.of(
            name="chains",
            seed=ROOT,
            system=system,
            shape={"name": "segment", "size": [cells]},
            parameters=CHAINS[system],
            disorder=[{"name": "bond_box", "strength": [0.0, strength]}],
        )
        pair = "dropped" if formula == "midgap_dropped" else "kept"
        H = np.stack([self.recipe.draw([i]).hamiltonians[0] for i in range(samples)])
        sites, self.formula, self.cells = self.recipe.sites, formula, cells
        states = Samples.of(H, sites.positions, sites.sublattice, midgap_pair=pair)
        rng = np.random.default_rng(1)
        self.occupied = np.stack([scramble_gauge(rows, rng=rng) for rows in states.occupied])
        A, B = sites.sublattice == 0, sites.sublattice == 1
        self.sublattice, self.lengths = sites.sublattice, sites.positions[A]
        self.rows = np.concatenate([self.occupied[..., A], self.occupied[..., B]], axis=-1)
        self.u = normalised_coordinates(self.lengths)

    def inputs(self, rows=None):
        return {
            "occupied": torch.from_numpy(self.rows if rows is None else rows),
            "coordinates": torch.from_numpy(self.u),
        }

    def reference(self):
        """Return the named formula by NumPy, from q or from full matrices."""
        x = self.lengths[:, 0]
        if self.formula == "midgap_dropped":
            return midgap_winding(self.occupied, x, self.sublattice)
        window = bulk_window(self.lengths)
        return winding_density(polar_factor(self.occupied, self.sublattice), x)[:, window].mean(axis=1)

    def model(self, start="random", **options):
        shapes = {"occupied": self.rows.shape[1:], "coordinates": self.u.shape}
        return Wavefunction(shapes, start=start, **({"scale": 1.0, "closed_form": self.formula} | options))

    def random(self, seeds=3, **options):
        model = self.model(**options)
        drawn = model.initial(generators(ROOT, "chains", model.form, range(seeds)))
        return model, {name: tensor.double() for name, tensor in drawn.items()}

    def exact(self, **options):
        model, like = self.random(**options)
        return model, model.closed_form(like, self.lengths, 1.0)


@pytest.fixture(scope="module")
def chains():
    """Return chains by their arguments, made once."""
    made = {}

    def get(*arguments):
        if arguments not in made:
            made[arguments] = Chains(*arguments)
        return made[arguments]

    return get


def dense(tensors, rows, seed=0):
    """Return f (B,) by full matrices and the commutator, one sample at a time."""
    (A, B), K, X, W = (tensors[name][seed].numpy() for name in TENSORS)
    values = []
    for states in rows:
        G = states.T @ K @ states.conj()
        values.append(4 * np.trace(W @ B @ G @ A @ (X @ A @ G @ B - A @ G @ B @ X)).real)
    return np.array(values)


# --- The closed form --------------------------------------------------------------------------------------


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("cells", [8, 13, 24])
@pytest.mark.parametrize("system", CHAINS)
def test_at_its_closed_form_the_value_is_the_winding_number_of_its_name(system, cells, formula, chains):
    sample = chains(system, cells, 6, formula)
    expected = sample.reference()
    assert np.abs(expected).max() > 0.5, "samples without a topological one show nothing"
    for trainable in LADDER:
        model, weights = sample.exact(trainable=trainable)
        value = model.value(weights, sample.inputs())
        assert value.dtype == torch.float64
        for seed in value.numpy():
            np.testing.assert_allclose(seed, expected, rtol=0, atol=EXACT)
    # Control: sublattices swapped, the number is another one.
    model, weights = sample.exact()
    turned = model.value(weights | {"selection": weights["selection"].flip(1)}, sample.inputs())[0].numpy()
    assert np.abs(turned - expected).max() > 0.5


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_closed_form_in_the_precision_of_training_is_the_same_formula(formula, chains):
    for cells in (12, 13, 24):
        sample = chains("ssh", cells, 6, formula)
        sites = sample.recipe.sites
        states = Samples(states=sample.occupied, positions=sites.positions, sublattice=sites.sublattice)
        model = sample.model()
        weights = model.closed_form(model.initial(generators(ROOT, "c", "m", [0])), sample.lengths, 1.0)
        assert all(tensor.dtype == torch.float32 for tensor in weights.values())
        value = model.value(weights, as_tensors(encoded(states)))[0].numpy()
        np.testing.assert_allclose(value, sample.reference(), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("intracell", "expected"), [(0.3, 1), (-0.3, 1), (2.5, 0)])
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_long_clean_chain_has_the_winding_number_of_its_phase(formula, intracell, expected, monkeypatch):
    monkeypatch.setitem(CHAINS, "ssh", {"intracell": intracell, "intercell": 1.0})
    sample = Chains("ssh", 40, 1, formula, strength=0.0)
    model, weights = sample.exact()
    assert abs(model.value(weights, sample.inputs())[0, 0] - expected) < 0.05


# --- The polynomial ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("trainable", LADDER, ids=" ".join)
def test_the_value_is_the_trace_of_full_matrices_for_any_weights_and_complex_states(trainable, chains):
    sample = chains("extended_ssh", 5)
    rng = np.random.default_rng(2)
    rows = np.stack([scramble_gauge(states.astype(complex), rng=rng) for states in sample.rows])
    rows = rows * np.exp(2j * np.pi * rng.uniform(size=rows.shape[-1]))
    model, weights = sample.random(trainable=trainable)
    _, rest = sample.exact()
    for states in (rows, sample.rows):
        value = model.value(weights, sample.inputs(states)).numpy()
        for seed in range(3):
            np.testing.assert_allclose(value[seed], dense(rest | weights, states, seed), rtol=0, atol=EXACT)
    # Control: the conjugate states are not the same.
    assert np.abs(model.value(weights, sample.inputs(rows.conj())).numpy() - value).max() > 1e-3 or len(trainable) < 3


@pytest.mark.parametrize("trainable", LADDER[1:], ids=" ".join)
def test_a_reduced_form_is_the_full_one_with_the_rest_at_the_closed_form(trainable, chains):
    sample = chains("ssh", 7)
    reduced, weights = sample.random(trainable=trainable)
    full, exact = sample.exact()
    assert set(weights) == set(trainable)
    expected = reduced.value(weights, sample.inputs())
    np.testing.assert_allclose(full.value(exact | weights, sample.inputs()), expected, rtol=0, atol=EXACT)
    # Control: with the rest elsewhere the value is another.
    other = {name: 1.1 * tensor for name, tensor in exact.items()} | weights
    assert (full.value(other, sample.inputs()) - expected).abs().max() > 1e-2


def test_the_gauge_of_the_states_is_seen_through_the_contraction_alone(chains):
    sample = chains("ssh", 6)
    rng = np.random.default_rng(4)
    turned = np.stack([scramble_gauge(states, rng=rng) for states in sample.rows])
    cases = [(sample.random(trainable=t), 0) for t in LADDER[1:]]
    cases += [(sample.random(), 1), (sample.random(trainable=("contraction",)), 1), (sample.exact(), 0)]
    for (model, weights), moves in cases:
        moved = model.value(weights, sample.inputs(turned)) - model.value(weights, sample.inputs())
        assert (moved.abs().max() > 0.05) if moves else (moved.abs().max() < EXACT), model.form


def test_rows_of_zeros_and_random_phases_of_sites_do_not_move_the_closed_form(chains):
    sample = chains("ssh", 8)
    model, weights = sample.exact()
    phases = np.exp(2j * np.pi * np.random.default_rng(5).uniform(size=sample.rows.shape[-1]))
    value = model.value(weights, sample.inputs(sample.rows * phases))[0]
    np.testing.assert_allclose(value, sample.reference(), rtol=0, atol=EXACT)
    padded = np.concatenate([sample.rows, np.zeros_like(sample.rows[:, :1])], axis=1)
    wider = {"contraction": torch.eye(padded.shape[1], dtype=torch.float64).expand(3, -1, -1)}
    np.testing.assert_allclose(
        model.value(weights | wider, sample.inputs(padded))[0], sample.reference(), rtol=0, atol=EXACT
    )


def test_the_value_does_not_depend_on_how_seeds_are_grouped(chains, monkeypatch):
    sample = chains("ssh", 6)
    model, weights = sample.random(seeds=5)
    together = model.value(weights, sample.inputs())
    monkeypatch.setattr(wavefunction, "CHUNK", 2 * 4 * sample.rows.size)
    np.testing.assert_allclose(model.value(weights, sample.inputs()), together, rtol=0, atol=EXACT)


@pytest.mark.parametrize("trainable", LADDER, ids=" ".join)
@pytest.mark.parametrize("start", ["random", "closed form"])
def test_gradients_of_the_value_agree_with_finite_differences(start, trainable, chains):
    sample = chains("ssh", 3, 2)
    model, weights = (sample.random if start == "random" else sample.exact)(seeds=2, trainable=trainable)
    names = list(weights)

    def value(*tensors):
        return model.value(dict(zip(names, tensors, strict=True)), sample.inputs())

    leaves = [weights[name].clone().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(value, leaves, eps=1e-6, atol=1e-6, rtol=1e-5)


def test_the_value_can_be_differentiated_twice(chains):
    sample = chains("ssh", 3, 2)
    model, weights = sample.random(seeds=1, trainable=("contraction", "window"))
    leaves = [weights[name].clone().requires_grad_() for name in weights]

    def value(*tensors):
        return model.value(dict(zip(weights, tensors, strict=True)), sample.inputs())

    with torch.random.fork_rng():  # the check draws directions
        assert torch.autograd.gradgradcheck(value, leaves, atol=1e-6)


# --- Seeds and starts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("trainable", LADDER, ids=" ".join)
def test_every_seed_of_a_block_is_as_if_it_were_alone(trainable, chains):
    sample = chains("ssh", 6)
    model, block = sample.random(seeds=3, trainable=trainable)
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in block.items()}
    value = model.value(leaves | {TEMPERATURE: torch.zeros(3)}, sample.inputs())
    for seed in range(3):
        alone = model.initial(generators(ROOT, "chains", model.form, [seed]))
        for name, tensor in alone.items():
            np.testing.assert_allclose(tensor[0].double(), block[name][seed], rtol=1e-5, atol=1e-7)
        found = model.value({name: tensor[[seed]] for name, tensor in block.items()}, sample.inputs())[0]
        np.testing.assert_allclose(found, value[seed].detach(), rtol=0, atol=EXACT)
    value[1].sum().backward()
    for leaf in leaves.values():
        assert not leaf.grad[[0, 2]].any()
        assert leaf.grad[1].any()  # control


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("trainable", LADDER, ids=" ".join)
def test_a_random_start_spreads_values_of_disordered_chains_by_the_scale(trainable, formula, chains):
    for cells in (8, 16, 32):
        sample = chains("ssh", cells, 12, formula, 2.0)
        inputs = as_tensors({name: tensor.numpy() for name, tensor in sample.inputs().items()})
        for scale in (0.1, 1.0):
            model = sample.model(trainable=trainable, scale=scale)
            value = model.value(model.initial(generators(ROOT, "scale", model.form, range(16))), inputs)
            assert scale / 2 < value.std() < 2 * scale, f"{cells} cells"


def test_the_closed_form_keeps_types_and_shapes_and_is_the_same_for_all_seeds(chains):
    sample = chains("ssh", 6)
    model, like = sample.random(trainable=("window", "selection"))
    weights = model.closed_form(like, sample.lengths, 1.0)
    assert set(weights) == {"selection", "window"}
    for name, tensor in weights.items():
        assert tensor.shape == like[name].shape and tensor.dtype == like[name].dtype
        assert (tensor == tensor[:1]).all()
        tensor[0] = 7.0  # seeds have memory of their own
        assert (tensor[1] != 7.0).all()


# --- What it is called, and what it refuses ---------------------------------------------------------------


def test_the_form_is_named_after_what_is_trained_in_a_fixed_order(chains):
    sample = chains("ssh", 6)
    assert sample.model().form == "wavefunction"
    assert sample.model(trainable=("window", "position")).form == "wavefunction_position_window"
    assert len({sample.model(trainable=trainable).form for trainable in LADDER}) == len(LADDER)
    assert Wavefunction.family == "ring" and Wavefunction.fixed_geometry


def test_what_is_not_there_is_refused_in_one_sentence(chains):
    sample = chains("ssh", 6)
    with pytest.raises(ConfigError, match=r"^trainable: found 'positon'; allowed: .*\(did you mean 'position'\?\)$"):
        sample.model(trainable=("positon",))
    with pytest.raises(ConfigError, match=r"^trainable: found \[\]; allowed: at least one of selection, contraction"):
        sample.model(trainable=())
    with pytest.raises(ConfigError, match="^closed_form: found 'switches'; allowed: windowed_winding, midgap_dropped"):
        sample.model(closed_form="switches")
    with pytest.raises(ConfigError, match="^closed_form: found 'midgap_dropped'; allowed: windowed_winding, since"):
        sample.model(closed_form="midgap_dropped")


def test_samples_that_the_matrices_do_not_fit_are_not_applicable(chains):
    sample = chains("ssh", 6)
    model = sample.model()
    model.check_applicable(sample.inputs())
    with pytest.raises(NotApplicable, match="chains of 6 cells, the sample has 8"):
        model.check_applicable(chains("ssh", 8).inputs())
    with pytest.raises(NotApplicable, match="for 6 states of 12 orbitals, the sample has 5 of 12"):
        model.check_applicable(chains("ssh", 6, 6, "midgap_dropped").inputs())
    plane = {"occupied": torch.zeros(1, 6, 12), "coordinates": torch.zeros(6, 2)}
    with pytest.raises(NotApplicable, match="trained on chains, the sample is 2D"):
        model.check_applicable(plane)
    with pytest.raises(NotApplicable, match="reads chains of two sites a cell"):
        Wavefunction({"occupied": (6, 12), "coordinates": (6, 2)}, start="random", scale=1.0)
