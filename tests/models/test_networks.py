"""All seeds of a network at once, against plain torch modules and against their formulas written out."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from toponn.models import MODELS, network
from toponn.models.base import Parameters, generators
from toponn.models.minimal_filtering import Tiles
from toponn.models.network import Network
from toponn.tools.checks import NotApplicable, resolve
from toponn.training.loop import Batch
from toponn.training.runs import epoch_flops

ROOT, SEEDS, SAMPLES = 13, 5, 9
EXACT = {torch.float64: 1e-12, torch.float32: 1e-5}
"""Differences beside the largest number."""

NETWORKS = {
    "cnn": {"channels": [6, 5]},
    "resnet": {"channels": 8, "depth": 4},
    "mlp": {"window": 3, "hidden": [7, 6]},
}
SHAPES = [pytest.param((6, 9), id="1D"), pytest.param((6, 5, 4), id="2D")]


def network_of(name: str, shape: tuple[int, ...]) -> Network:
    return resolve(MODELS, name, "model")({"image": shape}, stencil=1, **NETWORKS[name])


def case(name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Network, Parameters, Tensor]:
    """Return a network, leaves of some seeds and images. Norms are moved off the ones and zeros that they start at."""
    model = network_of(name, shape)
    rng = np.random.default_rng([ROOT, *shape])
    parameters = {
        key: (tensor + 0.1 * torch.from_numpy(rng.normal(size=tensor.shape))).to(dtype).requires_grad_()
        for key, tensor in model.initial(generators(ROOT, "data", name, range(SEEDS))).items()
    }
    return model, parameters, torch.from_numpy(rng.normal(size=(SAMPLES, *shape))).to(dtype)


def one_by_one(model: Network, parameters: Parameters, image: Tensor) -> Tensor:
    """Return f (S, B), a torch module for every seed."""
    seeds = range(len(next(iter(parameters.values()))))
    apart = ({key: tensor[s] for key, tensor in parameters.items()} for s in seeds)
    return torch.stack([functional_call(model.skeleton, one, (model.prepared(image),)) for one in apart])


def gradients(value: Tensor, parameters: Parameters) -> list[Tensor]:
    """Return the gradients of the sum of f² of all seeds."""
    return list(torch.autograd.grad(value.square().sum(), list(parameters.values()), create_graph=True))


def difference(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.fixture(params=[1, 2, 3, SEEDS], ids=lambda seeds: f"{seeds}at_once")
def at_once(request, monkeypatch):
    """Let so many seeds go together, whatever the network."""
    wanted = request.param

    def numbers(parameters, image):
        names = list(parameters)
        parts = zip(*(tensor.split(wanted) for tensor in parameters.values()), strict=True)
        return [dict(zip(names, part, strict=True)) for part in parts]

    monkeypatch.setattr(network, "groups", numbers)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", EXACT, ids=str)
@pytest.mark.usefixtures("at_once")
def test_values_and_gradients_of_a_block_are_those_of_a_torch_module_for_every_seed(name, shape, dtype):
    model, parameters, image = case(name, shape, dtype)
    together, apart = model.value(parameters, {"image": image}), one_by_one(model, parameters, image)
    assert together.shape == (SEEDS, SAMPLES)
    assert together.dtype == dtype
    assert difference(together, apart) < EXACT[dtype]
    # Control: seeds in another order are another function.
    assert difference(together.roll(1, dims=0), apart) > 1e-2
    for key, found, expected in zip(
        parameters, gradients(together, parameters), gradients(apart, parameters), strict=True
    ):
        assert difference(found, expected) < EXACT[dtype], key
        assert difference(found.roll(1, dims=0), expected) > 1e-2, key


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_products_with_the_hessian_are_those_of_a_torch_module_for_every_seed(name, shape):
    model, parameters, image = case(name, shape)
    rng = np.random.default_rng(ROOT)
    along = [torch.from_numpy(rng.normal(size=tensor.shape)) for tensor in parameters.values()]

    def hessian_product(value: Tensor) -> tuple[Tensor, ...]:
        slope = sum((g * v).sum() for g, v in zip(gradients(value, parameters), along, strict=True))
        return torch.autograd.grad(slope, list(parameters.values()))

    together = hessian_product(model.value(parameters, {"image": image}))
    apart = hessian_product(one_by_one(model, parameters, image))
    for key, found, expected in zip(parameters, together, apart, strict=True):
        assert difference(found, expected) < 1e-11, key
        assert difference(found.roll(1, dims=0), expected) > 1e-2, key


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_of_torch_func_is_that_of_autograd(name, shape):
    model, parameters, image = case(name, shape)
    expected = gradients(model.value(parameters, {"image": image}), parameters)
    detached = {key: tensor.detach() for key, tensor in parameters.items()}
    found = torch.func.grad(lambda p: model.value(p, {"image": image}).square().sum())(detached)
    for key, one in zip(parameters, expected, strict=True):
        assert difference(found[key], one) < EXACT[torch.float64], key


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_seed_has_no_say_in_the_values_of_the_others(name, shape):
    model, parameters, image = case(name, shape)
    value = model.value(parameters, {"image": image})
    for grad in torch.autograd.grad(value[2].square().sum(), list(parameters.values())):
        assert grad[[0, 1, 3, 4]].abs().max() == 0
        assert grad[2].abs().max() > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_seeds_go_together_in_groups_that_are_smaller_where_samples_are_more(name):
    model, parameters, _ = case(name, (6, 5, 4))
    many = {key: tensor.detach().repeat_interleave(20, dim=0) for key, tensor in parameters.items()}
    counts = []
    for samples in (1, 500, 2000, 10**7):
        image = model.prepared(torch.zeros(1, 6, 5, 4))
        parts = network.groups(many, image.expand(samples, *image.shape[1:]))
        assert all(torch.equal(torch.cat([part[key] for part in parts]), tensor) for key, tensor in many.items())
        counts.append(len(parts))
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] == 20 * SEEDS


@pytest.mark.parametrize("dtype", EXACT, ids=str)
@pytest.mark.parametrize("grid", [(1,), (4,), (24,), (1, 1), (3, 8), (8, 8), (13, 6)], ids=str)
def test_minimal_filtering_is_the_convolution_on_any_grid(grid, dtype):
    rng = np.random.default_rng([ROOT, *grid])
    image, weight, bias = (
        torch.from_numpy(rng.normal(size=size)) for size in [(4, 72, *grid), (3, 5, 72, *(3,) * len(grid)), (3, 5)]
    )
    convolved = {3: functional.conv1d, 4: functional.conv2d}[image.ndim]
    expected = convolved(image, weight.flatten(0, 1), bias.flatten(), padding=1)
    found = Tiles.of(image.to(dtype)).convolved(weight.to(dtype), bias.to(dtype))
    assert found.shape == expected.shape
    assert difference(found, expected) < EXACT[dtype]
    # Control: the axes of a filter, and its two ends, are not alike.
    if max(grid) > 1:
        flipped = Tiles.of(image.to(dtype)).convolved(weight.flip(-1 if grid[-1] > 1 else -2).to(dtype), bias.to(dtype))
        assert difference(flipped, expected) > 1e-2


# --- A user's own network ---------------------------------------------------------------------------------


class Attention(nn.Module):
    """Two layers of attention over the cells, whose places are marked by a constant that is not trained."""

    def __init__(self, channels: int):
        super().__init__()
        self.cells = nn.Linear(channels, 8)
        self.register_buffer("along", torch.linspace(-1, 1, 8))
        smooth = {"dropout": 0.0, "activation": functional.gelu, "batch_first": True}
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, **smooth), num_layers=2)
        self.temperature = nn.Parameter(torch.zeros(()))
        self.readout = nn.Linear(8, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map images (B, C, *grid) to values (B,)."""
        x = self.cells(image.flatten(2).mT)  # (B, cells, 8)
        places = torch.linspace(-1, 1, x.shape[1], dtype=x.dtype, device=x.device)[:, None]
        x = self.layers(x + torch.sin(3 * places + self.along)) * torch.exp(self.temperature)
        return self.readout(x.mean(dim=1))[:, 0]


class Transformer(Network):
    """A rival as a user writes it."""

    family = "transformer"

    def module(self) -> nn.Module:
        """Return the layers."""
        return Attention(self.channels_in)


def attention(shape: tuple[int, ...], dtype: torch.dtype = torch.float64):
    """Return what `case` returns, of the user's own network."""
    model, (_, _, image) = Transformer({"image": shape}), case("cnn", shape, dtype)
    drawn = model.initial(generators(ROOT, "data", "transformer", range(SEEDS)))
    return model, {key: tensor.to(dtype).requires_grad_() for key, tensor in drawn.items()}, image


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", EXACT, ids=str)
@pytest.mark.usefixtures("at_once")
def test_all_seeds_of_a_users_own_network_are_its_module_for_every_seed(shape, dtype):
    model, parameters, image = attention(shape, dtype)
    together, apart = model.value(parameters, {"image": image}), []
    for seed in range(SEEDS):
        with torch.random.fork_rng(devices=[]):
            module = model.module().to(dtype)
        module.load_state_dict({key: tensor[seed] for key, tensor in parameters.items()}, strict=False)
        apart.append((module, module(image)))
    values = torch.stack([value for _, value in apart])
    assert together.shape == (SEEDS, SAMPLES)
    assert difference(together, values) < EXACT[dtype]
    assert difference(together.roll(1, dims=0), values) > 1e-2, "control: seeds in another order"
    values.square().sum().backward()
    for key, found in zip(parameters, gradients(together, parameters), strict=True):
        expected = torch.stack([module.get_parameter(key).grad for module, _ in apart])
        assert (found - expected).abs().max() < 100 * EXACT[dtype], key
    with torch.no_grad():
        assert difference(model.value(parameters, {"image": image}), values) < EXACT[dtype]


def test_a_users_own_network_has_second_derivatives_through_its_attention():
    model, parameters, image = attention((6, 5, 4))
    names = list(parameters)

    def loss(*tensors: Tensor) -> Tensor:
        return model.value(dict(zip(names, tensors, strict=True)), {"image": image}).square().mean()

    leaves = tuple(tensor.detach() for tensor in parameters.values())
    rng = np.random.default_rng(ROOT)
    along = tuple(torch.from_numpy(rng.normal(size=tuple(tensor.shape))) for tensor in leaves)
    _, product = torch.autograd.functional.hvp(loss, leaves, along)
    step, slopes = 1e-5, []
    for sign in (1, -1):
        moved = [(leaf + sign * step * v).requires_grad_() for leaf, v in zip(leaves, along, strict=True)]
        slopes.append(torch.autograd.grad(loss(*moved), moved))
    for name, found, up, down in zip(names, product, *slopes, strict=True):
        expected = (up - down) / (2 * step)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


def test_the_operations_of_a_users_own_network_are_those_of_its_matrix_products():
    model, _, _ = attention((6, 5, 4))
    samples = Batch({"image": torch.zeros(30, 6, 5, 4)}, torch.zeros(30, dtype=torch.int64))
    start = model.initial(generators(ROOT, "data", "transformer", [0]))
    first, cells = 30 * 20 * 6 * 8, 30 * 20
    layers = 2 * cells * (8 * 24 + 8 * 8 + 2 * 8 * 12 + 2 * 20 * 8) + 30 * 8
    assert epoch_flops(model, start, samples, 10) == 2 * (3 * layers + 2 * first)  # the image needs no gradient


def test_a_users_own_network_that_belongs_to_its_grid_is_not_applicable_on_another():
    class Fixed(Transformer):
        """The same, but for one grid."""

        fixed_geometry = True

    larger = {"image": torch.zeros(1, 6, 5, 5)}
    Transformer({"image": (6, 5, 4)}).check_applicable(larger)
    with pytest.raises(NotApplicable, match=r"^trained on a grid of \[5, 4\] cells, the sample has \[5, 5\]$"):
        Fixed({"image": (6, 5, 4)}).check_applicable(larger)


# --- The modules against their formulas -------------------------------------------------------------------


def by_hand(name: str, p: Parameters, x: Tensor) -> Tensor:
    """Return f (B,) of one seed, the network of `NETWORKS` written out."""
    convolved = {3: functional.conv1d, 4: functional.conv2d}[x.ndim]

    def conv(key: str, x: Tensor, padding: int = 1) -> Tensor:
        return convolved(x, p[f"{key}.weight"], p[f"{key}.bias"], padding=padding)

    def normalised(key: str, x: Tensor) -> Tensor:
        apart = x.reshape(len(x), 4, -1)
        variance, mean = torch.var_mean(apart, dim=-1, correction=0, keepdim=True)
        ones = (-1, *(1,) * (x.ndim - 2))
        scaled = ((apart - mean) / torch.sqrt(variance + 1e-5)).reshape(x.shape)
        return scaled * p[f"{key}.weight"].reshape(ones) + p[f"{key}.bias"].reshape(ones)

    def readout(x: Tensor) -> Tensor:
        return x.flatten(2).mean(dim=2) @ p["readout.weight"][0] + p["readout.bias"]

    if name == "cnn":
        return readout(torch.relu(conv("features.2", torch.relu(conv("features.0", x)))))
    if name == "resnet":
        x = conv("features.0", x, padding=0)
        for i in (1, 2):
            inner = conv(f"features.{i}.first", torch.relu(normalised(f"features.{i}.first_norm", x)))
            x = x + conv(f"features.{i}.second", torch.relu(normalised(f"features.{i}.second_norm", inner)))
        return readout(torch.relu(x))
    x = x[:, :, 3:6].flatten(1) if x.ndim == 3 else x[:, :, 1:4, 0:3].flatten(1)
    for i in (1, 3):
        x = torch.relu(x @ p[f"{i}.weight"].T + p[f"{i}.bias"])
    return x @ p["5.weight"][0] + p["5.bias"]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_network_is_its_formula_written_out(name, shape):
    model, parameters, image = case(name, shape)
    value = model.value(parameters, {"image": image})
    for s in range(SEEDS):
        one = {key: tensor[s] for key, tensor in parameters.items()}
        assert difference(value[s], by_hand(name, one, image)) < EXACT[torch.float64]
        # Control: the formula notices what becomes of one bias of the first layer.
        first = next(key for key in one if key.endswith("bias"))
        assert difference(value[s], by_hand(name, one | {first: one[first] + 0.1}, image)) > 1e-4


def test_a_network_starts_as_torch_s_layers_do_one_after_the_other():
    start = network_of("cnn", (6, 5, 4)).initial(generators(ROOT, "data", "cnn", [3]))
    (rng,) = generators(ROOT, "data", "cnn", [3])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63)))
        layers = {"features.0": nn.Conv2d(6, 6, 3), "features.2": nn.Conv2d(6, 5, 3), "readout": nn.Linear(5, 1)}
    expected = {f"{name}.{key}": t for name, layer in layers.items() for key, t in layer.named_parameters()}
    assert start.keys() == expected.keys()
    assert all(torch.equal(start[key][0], expected[key]) for key in expected)


NAMES = {
    "cnn": ["features.0", "features.2", "readout"],
    "resnet": [
        "features.0",
        *(f"features.{i}.{part}" for i in (1, 2) for part in ("first_norm", "first", "second_norm", "second")),
        "readout",
    ],
    "mlp": ["1", "3", "5"],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_names_of_the_parameters_are_those_of_older_files_of_weights(name):
    start = network_of(name, (6, 5, 4)).initial(generators(ROOT, "data", name, [0]))
    assert list(start) == [f"{layer}.{kind}" for layer in NAMES[name] for kind in ("weight", "bias")]
