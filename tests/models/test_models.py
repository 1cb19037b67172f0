"""The ring against explicit formulas, networks against plain torch, the head, and starts that belong to one seed."""

import inspect
from itertools import combinations

import numpy as np
import pytest
import torch
from torch.func import functional_call

from toponn.data.encodings import ENCODINGS
from toponn.data.encodings.loops import pair_loops, triple_loops
from toponn.models import MODELS, wedges
from toponn.models.base import TASK_OF, as_tensors, count_parameters, generators
from toponn.models.head import INTEGERS, log_probabilities, negative_log_likelihood, predictions
from toponn.models.loop_ridge import LoopRidge
from toponn.models.ring import CoordinateRing, FreeRing, Ring
from toponn.study.declared import REQUIRED, declared_class
from toponn.tools.checks import ConfigError, NotApplicable, resolve

EXACT = 1e-10
ROOT = 11
NETWORKS = {
    "cnn": {"channels": [6, 5]},
    "resnet": {"channels": 8, "depth": 4},
    "mlp": {"window": 3, "hidden": [7, 6]},
}
RINGS = {"free": {}, "coordinate": {"width": 7}}


def rng(*path: int) -> np.random.Generator:
    return np.random.default_rng([2024, *path])


def random_projectors(count: int, n: int, *, seed: int = 0) -> np.ndarray:
    draws = rng(seed, n).normal(size=(2, count, n, n))
    Q, _ = np.linalg.qr(draws[0] + 1j * draws[1])
    return Q[..., : n // 2] @ Q[..., : n // 2].conj().swapaxes(-1, -2)


def random_unitaries(count: int, n: int, *, seed: int = 1) -> np.ndarray:
    draws = rng(seed, n).normal(size=(2, count, n, n))
    return np.linalg.qr(draws[0] + 1j * draws[1])[0]


def ring_of(form: str, order: int, sites: int, rank: int, scale: float = 1.0, width: int = 7) -> Ring:
    options = {"width": width} if form == "coordinate" else {}
    shapes = {"coordinates": (sites, order - 1)}
    return {"free": FreeRing, "coordinate": CoordinateRing}[form](shapes, rank=rank, scale=scale, **options)


def started(model, seeds=(0, 1, 2), name: str = "model") -> dict[str, torch.Tensor]:
    """Return parameters of some seeds in float64."""
    parameters = model.initial(generators(ROOT, "data", name, seeds))
    return {key: tensor.double() for key, tensor in parameters.items()}


def numpy_site_tensors(model: Ring, parameters: dict[str, torch.Tensor], u: np.ndarray) -> np.ndarray:
    """Return d (S, R, order, N) by the formulas of the documentation, one seed and one site at a time."""
    p = {key: tensor.numpy() for key, tensor in parameters.items()}
    seeds = len(next(iter(p.values())))
    if model.form == "free":
        return p["site"].reshape(seeds, model.rank, model.order, -1)
    out = np.empty((seeds, model.rank * model.order, len(u)))
    for s in range(seeds):
        for i, point in enumerate(u):
            h1 = np.tanh(p["w1"][s] @ point + p["b1"][s])
            h2 = np.tanh(p["w2"][s] @ h1 + p["b2"][s])
            out[s, :, i] = p["v"][s] @ np.concatenate([point, h1, h2]) + p["c"][s]
    return out.reshape(seeds, model.rank, model.order, len(u))


def numpy_ring(d: np.ndarray, state: np.ndarray, orbitals: int) -> np.ndarray:
    """Return f (S, B): traces of products of plain matrices in 2D, a double sum over cells in 1D."""
    f = np.zeros((len(d), len(state)))
    for (s, b), _ in np.ndenumerate(f):
        for tensors in d[s]:
            if len(tensors) == 2:
                flow = np.multiply.outer(*tensors) - np.multiply.outer(*tensors[::-1])
                f[s, b] += 0.5 * (flow * np.abs(state[b]) ** 2).sum()
            else:
                A, B, C = (np.diag(np.repeat(t, orbitals)) for t in tensors)
                P = state[b]
                f[s, b] += 4 * np.pi * np.trace(A @ P @ B @ P @ C @ P).imag
    return f


def ring_case(form: str, order: int, sites: int, rank: int, orbitals: int):
    """Return a ring with parameters, its inputs, the state behind them and the orbitals a site, all in float64."""
    model = ring_of(form, order, sites, rank)
    u = rng(2, sites, order).uniform(-1, 1, size=(sites, order - 1))
    if order == 2:
        state = random_unitaries(4, sites)
        features = pair_loops(state)
    else:
        state = random_projectors(4, sites * orbitals)
        features = triple_loops(state, orbitals)
    inputs = {"loops": torch.from_numpy(features), "coordinates": torch.from_numpy(u)}
    return model, started(model), inputs, state


RING_CASES = [
    pytest.param(form, order, sites, rank, orbitals, id=f"{form}-order{order}-N{sites}-R{rank}-m{orbitals}")
    for form in RINGS
    for order, sites, rank, orbitals in [
        (2, 3, 1, 1),
        (2, 7, 2, 1),
        (2, 12, 3, 1),
        (3, 4, 1, 2),
        (3, 6, 2, 1),
        (3, 9, 3, 2),
        (3, 10, 1, 3),
    ]
]


@pytest.mark.parametrize(("form", "order", "sites", "rank", "orbitals"), RING_CASES)
def test_loop_features_and_the_written_formula_give_one_value(form, order, sites, rank, orbitals):
    model, parameters, inputs, state = ring_case(form, order, sites, rank, orbitals)
    expected = numpy_ring(numpy_site_tensors(model, parameters, inputs["coordinates"].numpy()), state, orbitals)
    assert np.abs(expected).max() > 1e-3, "a comparison of zeros shows nothing"
    np.testing.assert_allclose(model.value(parameters, inputs).numpy(), expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize(("form", "order", "sites", "rank", "orbitals"), RING_CASES[2::4])
def test_the_comparison_of_values_notices_swapped_site_tensors(form, order, sites, rank, orbitals):
    model, parameters, inputs, state = ring_case(form, order, sites, rank, orbitals)
    d = numpy_site_tensors(model, parameters, inputs["coordinates"].numpy())
    swapped = d[:, :, [1, 0, *range(2, order)]]
    value = model.value(parameters, inputs).numpy()
    np.testing.assert_allclose(value, -numpy_ring(swapped, state, orbitals), rtol=EXACT, atol=EXACT)
    assert np.abs(value - numpy_ring(swapped, state, orbitals)).max() > 1e-3


@pytest.mark.parametrize("form", RINGS)
def test_a_change_of_basis_on_every_site_does_not_move_the_ring(form):
    sites, orbitals = 6, 2
    model, parameters, inputs, P = ring_case(form, 3, sites, 2, orbitals)
    U = np.zeros((sites * orbitals, sites * orbitals), dtype=complex)
    for i, block in enumerate(random_unitaries(sites, orbitals, seed=5)):
        U[i * orbitals : (i + 1) * orbitals, i * orbitals : (i + 1) * orbitals] = block
    rotated = {**inputs, "loops": torch.from_numpy(triple_loops(U @ P @ U.conj().T, orbitals))}
    value = model.value(parameters, inputs)
    assert torch.allclose(model.value(parameters, rotated), value, rtol=0, atol=EXACT)
    # Control: a rotation that mixes sites does move it.
    V = random_unitaries(1, sites * orbitals, seed=6)[0]
    mixed = {**inputs, "loops": torch.from_numpy(triple_loops(V @ P @ V.conj().T, orbitals))}
    assert not torch.allclose(model.value(parameters, mixed), value, rtol=0, atol=1e-3)


@pytest.mark.parametrize("order", [2, 3])
def test_a_ring_of_linearly_dependent_site_tensors_is_zero(order):
    model, parameters, inputs, _ = ring_case("free", order, 8, 1, 1)
    parameters["site"][:, 1] = -2.5 * parameters["site"][:, 0]
    assert model.value(parameters, inputs).abs().max() < EXACT


@pytest.mark.parametrize("piece", [0, 40, 1 << 18])
@pytest.mark.parametrize(("order", "sites", "rank"), [(2, 9, 2), (3, 3, 1), (3, 8, 1), (3, 8, 3)])
def test_the_wedge_in_pieces_is_the_list_of_determinants_in_lexicographic_order(monkeypatch, piece, order, sites, rank):
    monkeypatch.setattr(wedges, "PIECE", piece)
    d = rng(3).normal(size=(4, rank, order, sites))
    pieces = list(wedges.wedge(torch.from_numpy(d)))
    chosen = np.array(list(combinations(range(sites), order)))
    minors = np.linalg.det(np.moveaxis(d[..., chosen], -2, -3))  # (S, R, l, order, order)
    np.testing.assert_allclose(torch.cat(pieces, dim=1).numpy(), minors.sum(axis=1), rtol=EXACT, atol=EXACT)
    if order == 3 and sites == 8:
        assert len(pieces) == {0: 56, 40: 9, 1 << 18: 6}[piece], "the pieces do not follow PIECE"


def explicit_loop_value(d: torch.Tensor, loops: torch.Tensor) -> torch.Tensor:
    """Return Σ det · loops by torch's determinants of the list of triples."""
    triples = torch.tensor(list(combinations(range(d.shape[-1]), 3)))
    return torch.linalg.det(d[..., triples].movedim(-2, -3)).sum(dim=1) @ loops.T


@pytest.mark.parametrize("piece", [40, 1 << 18])
@pytest.mark.parametrize("rank", [1, 2])
def test_derivatives_through_loops_are_those_of_determinants_up_to_the_third(monkeypatch, piece, rank):
    monkeypatch.setattr(wedges, "PIECE", piece)
    draws = [torch.from_numpy(rng(4, k).normal(size=(2, rank, 3, 7))) for k in range(4)]
    loops = torch.from_numpy(rng(5).normal(size=(5, 35)))
    results = []
    for function in (wedges.wedge_value, explicit_loop_value):
        d = draws[0].clone().requires_grad_()
        scalar, found = function(d, loops).pow(2).sum(), []
        for direction in draws[1:]:
            (slope,) = torch.autograd.grad(scalar, d, create_graph=True)
            found.append(slope)
            scalar = (slope * direction).sum()
        results.append(found)
    for level, (ours, explicit) in enumerate(zip(*results, strict=True), 1):
        torch.testing.assert_close(ours, explicit, rtol=1e-9, atol=1e-9, msg=lambda m, k=level: f"order {k}: {m}")
    # Control: a third derivative along another direction is another one.
    assert (results[0][2] - results[1][1]).abs().max() > 1e-3


def test_a_product_of_the_second_derivatives_and_a_vector_by_transforms_is_that_of_autograd():
    model, parameters, inputs, _ = ring_case("coordinate", 3, 9, 2, 2)
    key = "w1"

    def loss(w):
        return model.value({**parameters, key: w}, inputs).square().sum()

    along = torch.from_numpy(rng(6).normal(size=tuple(parameters[key].shape)))
    _, product = torch.autograd.functional.hvp(loss, parameters[key], along)
    through = torch.func.grad(lambda w: (torch.func.grad(loss)(w) * along).sum())(parameters[key])
    torch.testing.assert_close(through, product, rtol=1e-9, atol=1e-9)
    step = 1e-5
    slopes = [torch.func.grad(loss)(parameters[key] + sign * step * along) for sign in (1, -1)]
    difference = (slopes[0] - slopes[1]) / (2 * step)
    torch.testing.assert_close(product, difference, rtol=1e-5, atol=1e-5 * float(difference.abs().max()))


def test_a_route_that_does_not_exist_is_refused_with_those_that_do():
    for route in ("auto", *Ring.encodings):
        assert FreeRing({"coordinates": (4, 1)}, route=route).route == route
    with pytest.raises(ConfigError, match="route: found 'loop'; allowed: auto, loops, occupied, projector .*'loops'"):
        FreeRing({"coordinates": (4, 1)}, route="loop")


# --- What a class declares, read from its file ------------------------------------------------------------

FACTS = (
    "role",
    "tasks",
    "encodings",
    "fixed_geometry",
    "solved",
    "twice_differentiable",
    "multilinear",
    "closed_forms",
)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_read_of_a_class_without_importing_it_is_what_it_is(name):
    declared, found = declared_class(MODELS[name]), resolve(MODELS, name, "model")
    keywords = {k: p for k, p in inspect.signature(found).parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert {key: (option.type, option.default) for key, option in declared.options.items()} == {
        key: (parameter.annotation, parameter.default) for key, parameter in keywords.items()
    }
    assert all(option.description for option in declared.options.values())
    assert not any(option.default is REQUIRED for option in declared.options.values())
    for fact in ("family", "form", *FACTS):
        assert declared.facts[fact] == getattr(found, fact), fact


@pytest.mark.parametrize("name", MODELS)
def test_every_class_is_told_by_family_and_form_and_reads_encodings_that_there_are(name):
    found = resolve(MODELS, name, "model")
    others = [resolve(MODELS, other, "model") for other in MODELS if other != name]
    assert (found.family, found.form) not in {(other.family, other.form) for other in others}
    assert found.role in ("hybrid", "rival", "convex baseline")
    assert set(found.encodings) <= set(ENCODINGS)
    assert set(found.closed_forms) <= set(found.tasks) <= set(TASK_OF.values())


def test_models_without_a_closed_form_or_a_solution_say_so():
    model = resolve(MODELS, "cnn", "model")({"image": (8, 4)})
    with pytest.raises(NotApplicable, match="^cnn has no closed form$"):
        model.closed_form({}, np.zeros((4, 1)), 1.0)
    with pytest.raises(NotApplicable, match="^cnn is trained by gradient steps, not solved$"):
        model.fit({}, torch.zeros(0), {}, torch.zeros(0))


def grid(*sizes: int) -> np.ndarray:
    axes = [np.linspace(-1, 1, size) for size in sizes]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(sizes))


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("width", [6, 16, 64])
@pytest.mark.parametrize("sizes", [(24,), (8, 8), (16, 16)], ids=str)
def test_coordinate_site_tensors_start_with_the_promised_mean_square(sizes, width, scale):
    u = torch.from_numpy(grid(*sizes)).float()
    model = ring_of("coordinate", len(sizes) + 1, len(u), rank=1, scale=scale, width=width)
    d = model.tensors(model.initial(generators(ROOT, "data", "start", range(300))), u)
    mean_square = d.square().mean(dim=(0, 1, 3)) / scale**2  # for each tensor of the ring
    assert ((mean_square > 0.7) & (mean_square < 1.3)).all(), mean_square


@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_free_site_tensors_start_with_the_promised_mean_square(scale):
    model = ring_of("free", 3, 64, rank=2, scale=scale)
    site = model.initial(generators(ROOT, "data", "start", range(100)))["site"]
    assert site.square().mean().item() / scale**2 == pytest.approx(1.0, abs=0.05)


def any_model(name: str):
    """Return a model for 2D inputs of 5×4 cells and 6 channels, or of 20 sites."""
    if name in RINGS:
        return ring_of(name, 3, 20, rank=2)
    return resolve(MODELS, name, "model")({"image": (6, 5, 4)}, stencil=1, **NETWORKS[name])


@pytest.mark.parametrize("name", [*RINGS, *NETWORKS])
def test_a_seed_starts_the_same_alone_and_in_any_block(name):
    model = any_model(name)
    block = model.initial(generators(ROOT, "data", name, range(20)))
    alone = model.initial(generators(ROOT, "data", name, [17]))
    assert block.keys() == alone.keys()
    for key in block:
        assert torch.equal(block[key][17], alone[key][0]), key
        if "norm" not in key:  # scales and shifts of normalisations start at one and zero
            assert not torch.equal(block[key][17], block[key][16]), f"{key}: two seeds are alike"
        assert block[key].dtype == torch.float32


@pytest.mark.parametrize("name", [*RINGS, *NETWORKS])
@pytest.mark.parametrize("other", [(12, "data", "m"), (11, "other", "m"), (11, "data", "n")])
def test_another_root_dataset_or_model_starts_elsewhere(name, other):
    model = any_model(name)
    here, there = (model.initial(generators(*path, [3])) for path in ((11, "data", "m"), other))
    key = max(here, key=lambda k: here[k].numel())
    assert not torch.equal(here[key], there[key])


@pytest.mark.parametrize("name", NETWORKS)
def test_making_a_network_leaves_the_global_random_numbers_alone(name):
    before = torch.random.get_rng_state()
    any_model(name).initial(generators(ROOT, "data", name, [0]))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(6, 9), (6, 5, 4)], ids=["1D", "2D"])
def test_all_seeds_at_once_are_a_plain_loop_over_torch_modules(name, shape):
    model = resolve(MODELS, name, "model")({"image": shape}, stencil=1, **NETWORKS[name])
    parameters = started(model, seeds=range(4), name=name)
    image = torch.from_numpy(rng(7).normal(size=(10, *shape)))
    together = model.value({**parameters, "head.log_temperature": torch.zeros(4)}, {"image": image})
    assert together.shape == (4, 10)
    with torch.random.fork_rng():
        module = model.module().double()
    for s in range(4):
        module.load_state_dict({key: tensor[s] for key, tensor in parameters.items()})
        plain = module(model.prepared(image))
        torch.testing.assert_close(together[s], plain, rtol=1e-10, atol=1e-10)
        # Control: another seed's weights are another function.
        others = {key: tensor[(s + 1) % 4] for key, tensor in parameters.items()}
        other = functional_call(module, others, (model.prepared(image),))
        assert (together[s] - other).abs().max() > 1e-6


@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_a_convolutional_network_runs_on_any_size(name):
    model = resolve(MODELS, name, "model")({"image": (6, 5, 4)}, stencil=1, **NETWORKS[name])
    parameters = started(model, name=name)
    for grid_shape in ((5, 4), (3, 3), (9, 2), (16, 16)):
        image = {"image": torch.from_numpy(rng(8).normal(size=(2, 6, *grid_shape)))}
        model.check_applicable(image)
        assert torch.isfinite(model.value(parameters, image)).all()


def test_the_mlp_reads_the_central_window_and_nothing_else():
    model = any_model("mlp")
    parameters = started(model, name="mlp")
    image = torch.from_numpy(rng(9).normal(size=(2, 6, 9, 7)))
    small = model.value(parameters, {"image": image[:, :, 3:6, 2:5]})
    assert torch.equal(model.value(parameters, {"image": image}), small)


def inapplicable():
    def image(*shape):
        return {"image": torch.zeros(1, *shape)}

    def sites(count, dimension):
        return {"loops": torch.zeros(1, 1), "coordinates": torch.zeros(count, dimension)}

    ridge = LoopRidge({"loops": (10,), "coordinates": (5, 1)}, penalties=[0.1])
    for name in NETWORKS:
        yield name, any_model(name), image(8, 5, 4), "trained on 6 channels, the sample has 8"
        yield name, any_model(name), image(6, 9), "trained in 2D, the sample is 1D"
    yield "mlp", any_model("mlp"), image(6, 9, 2), "the window takes 3 cells, the sample has 2"
    yield "free", any_model("free"), sites(21, 2), "free site tensors on 20 sites, the sample has 21"
    for name in RINGS:
        yield name, any_model(name), sites(20, 1), "trained in 2D, the sample is 1D"
    yield "loop_ridge", ridge, {"loops": torch.zeros(1, 15)}, "one weight for each of 10 loops, the sample has 15"


@pytest.mark.parametrize(
    ("model", "inputs", "reason"),
    [pytest.param(m, i, r, id=f"{n}: {r}") for n, m, i, r in inapplicable()],
)
def test_a_model_says_why_it_cannot_run_on_a_sample(model, inputs, reason):
    with pytest.raises(NotApplicable, match=f"^{reason}$"):
        model.check_applicable(inputs)


def test_models_accept_the_samples_that_they_can_run_on():
    for name in NETWORKS:
        any_model(name).check_applicable({"image": torch.zeros(1, 6, 5, 4)})
    any_model("free").check_applicable({"loops": torch.zeros(1, 1), "coordinates": torch.zeros(20, 2)})
    any_model("coordinate").check_applicable({"loops": torch.zeros(1, 1), "coordinates": torch.zeros(99, 2)})


def test_parameters_are_counted_for_one_seed():
    model = ring_of("coordinate", 3, 20, rank=2, width=7)
    parameters = model.initial(generators(ROOT, "data", "m", range(5)))
    assert count_parameters(parameters) == 7 * 2 + 7 + 7 * 7 + 7 + 6 * (2 + 14) + 6
    free = ring_of("free", 2, 20, rank=3)
    assert count_parameters(free.initial(generators(ROOT, "data", "m", range(5)))) == 3 * 2 * 20


def test_arrays_become_tensors_of_one_real_type_and_integers_stay():
    arrays = {"x": np.ones((2, 3))[:, ::2], "k": np.arange(3, dtype=np.int8)}
    tensors = as_tensors(arrays)
    assert tensors["x"].dtype == torch.float32
    assert tensors["k"].dtype == torch.int8
    assert as_tensors(arrays, torch.float64)["x"].dtype == torch.float64


def ridge_problem(samples: int = 30, features: int = 50):
    draws = rng(10)
    X = draws.normal(size=(samples, features)) + 0.7
    y = np.rint(X[:, :5].sum(axis=1) / 2).astype(np.int64)
    Xv = draws.normal(size=(40, features)) + 0.7
    yv = np.rint(Xv[:, :5].sum(axis=1) / 2).astype(np.int64)
    return X, y, Xv, yv


def ridge_by_least_squares(X: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Minimise ``|Xw + b − y|² + λ|w|²``, b not penalised, λ = penalty · mean squared norm of centred rows."""
    shrink = penalty * np.square(X - X.mean(axis=0)).sum(axis=1).mean()
    samples, features = X.shape
    augmented = np.zeros((samples + features, features + 1))
    augmented[:samples, :features], augmented[:samples, -1] = X, 1
    augmented[samples:, :features] = np.sqrt(shrink) * np.eye(features)
    solution = np.linalg.lstsq(augmented, np.concatenate([y, np.zeros(features)]), rcond=None)[0]
    return solution[:-1], solution[-1]


def fitted(X, y, Xv, yv, penalties):
    model = LoopRidge({"loops": (X.shape[1],)}, penalties=penalties)
    train, validation = ({"loops": torch.from_numpy(x).float()} for x in (X, Xv))
    return model.fit(train, torch.from_numpy(y), validation, torch.from_numpy(yv))


@pytest.mark.parametrize("penalty", [1e-3, 1e-2, 1.0])
@pytest.mark.parametrize("samples", [30, 80], ids=["fewer samples than loops", "more samples than loops"])
def test_loop_ridge_is_the_least_squares_solution_with_a_penalty(penalty, samples):
    X, y, Xv, yv = ridge_problem(samples=samples)
    parameters = fitted(X, y, Xv, yv, [penalty])
    weights, offset = ridge_by_least_squares(X, y, penalty)
    assert parameters["weights"].shape == (1, X.shape[1])
    np.testing.assert_allclose(parameters["weights"][0].numpy(), weights, rtol=1e-4, atol=1e-5 * np.abs(weights).max())
    np.testing.assert_allclose(parameters["offset"].numpy(), [offset], rtol=1e-4, atol=1e-5)
    # Control: a few times the penalty is another solution.
    assert np.abs(weights - ridge_by_least_squares(X, y, 5 * penalty)[0]).max() > 1e-3 * np.abs(weights).max()


def test_loop_ridge_takes_the_penalty_with_the_fewest_validation_errors():
    X, y, Xv, yv = ridge_problem(samples=60)
    penalties = [1e-2, 1.0, 1e2]
    errors = {}
    for penalty in penalties:
        weights, offset = ridge_by_least_squares(X, y, penalty)
        errors[penalty] = (np.rint(Xv @ weights + offset) != yv).mean()
    best = min(errors, key=errors.get)
    assert sorted(errors.values())[0] < sorted(errors.values())[1], "the choice must not be a tie"
    parameters = fitted(X, y, Xv, yv, penalties)
    expected = fitted(X, y, Xv, yv, [best])
    assert torch.equal(parameters["weights"], expected["weights"])


def test_loop_ridge_is_a_linear_map_for_every_seed():
    model = LoopRidge({"loops": (3,)}, penalties=[1.0])
    parameters = {"weights": torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]]), "offset": torch.tensor([0.5, -1.0])}
    value = model.value(parameters, {"loops": torch.tensor([[1.0, 1.0, 1.0], [2.0, 0.0, 4.0]])})
    assert value.tolist() == [[6.5, 14.5], [0.0, 3.0]]


VALUES = torch.tensor([[-0.49, 0.51, 1.4, 2.2, -3.3, 5.6], [0.0, -1.0, 1.01, -5.51, 40.0, -1e4]], dtype=torch.float64)


@pytest.mark.parametrize("temperature", [-4.0, -1.0, 0.0, 1.5])
def test_the_head_is_a_distribution_whose_mode_is_the_nearest_integer(temperature):
    log_p = log_probabilities(VALUES, torch.full((2,), temperature, dtype=torch.float64))
    assert log_p.shape == (2, 6, len(INTEGERS))
    np.testing.assert_allclose(log_p.exp().sum(dim=-1).numpy(), 1.0, rtol=1e-12)
    nearest = np.clip(np.rint(VALUES.numpy()), min(INTEGERS), max(INTEGERS))
    assert (np.array(INTEGERS)[log_p.argmax(dim=-1).numpy()] == nearest).all()
    assert (predictions(VALUES).numpy() == nearest).all()


def test_probabilities_fall_with_the_square_of_the_distance_over_the_seed_s_own_temperature():
    log_temperature = torch.tensor([0.3, -0.7], dtype=torch.float64)
    log_p = log_probabilities(torch.tensor([[0.25], [0.25]], dtype=torch.float64), log_temperature).numpy()
    k = np.array(INTEGERS)
    for s, tau in enumerate(np.exp(log_temperature.numpy())):
        weights = np.exp(-((0.25 - k) ** 2) / (2 * tau**2))
        np.testing.assert_allclose(log_p[s, 0], np.log(weights / weights.sum()), rtol=1e-10)


def test_the_loss_is_the_mean_of_minus_log_p_of_the_label():
    log_temperature = torch.tensor([0.1, -0.2], dtype=torch.float64)
    labels = torch.tensor([0, 1, 1, 2, -3, -6])
    loss = negative_log_likelihood(VALUES, log_temperature, labels)
    log_p = log_probabilities(VALUES, log_temperature)
    for s in range(2):
        by_hand = -np.mean([log_p[s, b, INTEGERS.index(int(label))] for b, label in enumerate(labels)])
        assert loss[s].item() == pytest.approx(by_hand, rel=1e-12)


def test_an_integer_that_no_training_label_names_can_be_predicted():
    assert predictions(torch.tensor([[2.1, -2.4, 3.7]])).tolist() == [[2, -2, 4]]
    log_p = log_probabilities(torch.tensor([[2.1]]), torch.zeros(1))
    assert INTEGERS[int(log_p.argmax())] == 2


def test_predictions_of_values_that_are_not_finite_are_integers_of_the_head():
    value = torch.tensor([[torch.nan, torch.inf, -torch.inf, 3e38, -1e30]])
    found = predictions(value)
    assert found.dtype == torch.int64
    assert found.tolist() == [[0, INTEGERS[-1], INTEGERS[0], INTEGERS[-1], INTEGERS[0]]]


@pytest.mark.parametrize("far", [50.0, 1e3, 1e6])
def test_far_from_all_integers_the_nearest_one_wins_and_the_gradient_leads_back(far):
    value = torch.tensor([[far, -far]], requires_grad=True)
    log_p = log_probabilities(value, torch.zeros(1))
    assert [INTEGERS[int(k)] for k in log_p.argmax(dim=-1)[0]] == [INTEGERS[-1], INTEGERS[0]]
    assert predictions(value).tolist() == [[INTEGERS[-1], INTEGERS[0]]]
    negative_log_likelihood(value, torch.zeros(1), torch.tensor([1, 1])).sum().backward()
    # d(−log p)/df = (nearest − label)/τ² far from all integers, averaged over the two samples.
    np.testing.assert_allclose(value.grad.numpy(), [[(6 - 1) / 2, (-6 - 1) / 2]], rtol=1e-2)


def test_one_value_that_is_not_finite_leaves_the_other_probabilities_alone():
    value = torch.tensor([[0.3, torch.nan, 1.2], [0.3, torch.inf, 1.2]])
    log_p = log_probabilities(value, torch.zeros(2))
    expected = log_probabilities(torch.tensor([[0.3, 1.2]]), torch.zeros(1))
    assert torch.equal(log_p[:, [0, 2]], expected.expand(2, -1, -1))
    assert not torch.isfinite(log_p[:, 1]).any()
