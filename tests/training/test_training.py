"""The training loop: it learns, seeds do not meet, and an interrupted training ends where an uninterrupted one does."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch

from toponn.data.datasets import write_dataset
from toponn.data.generation import generate
from toponn.models import MODELS
from toponn.models.base import generators
from toponn.models.head import TEMPERATURE, negative_log_likelihood
from toponn.tools.checks import resolve
from toponn.training import checkpoints, loop
from toponn.training.checkpoints import load_checkpoint, save_checkpoint
from toponn.training.loop import Batch, batches, evaluate, gradients, train
from toponn.training.protocol import Success, Variant
from toponn.training.runs import train_block, write_run
from toponn.training.saved import load_run

ROOT = 3
SITES, GRID, CHANNELS = 9, (4, 3), 4
OPTIONS = {
    "free": {"rank": 2},
    "coordinate": {"width": 6},
    "cnn": {"stencil": 1, "channels": [4, 4]},
    "resnet": {"stencil": 1, "channels": 8, "depth": 4},
    "mlp": {"stencil": 1, "window": 3, "hidden": [6]},
}
FEW = {"epochs": 4, "batch_size": 16, "learning_rate": 0.02, "weight_decay": 1e-3}


def is_ring(name: str) -> bool:
    return name in ("free", "coordinate")


def model_of(name: str):
    count = SITES * (SITES - 1) * (SITES - 2) // 6
    ring = {"loops": (count,), "coordinates": (SITES, 2)}
    shapes = ring if is_ring(name) else {"image": (CHANNELS, *GRID)}
    return resolve(MODELS, f"{name}_ring" if is_ring(name) else name, "model")(shapes, **OPTIONS[name])


def samples_of(name: str, count: int, seed: int) -> Batch:
    """Return samples of an easy task: the sign of a local product decides, a random ring gives the loops theirs."""
    rng = np.random.default_rng([ROOT, seed])
    labels = rng.integers(-1, 2, size=count)
    if is_ring(name):
        size = SITES * (SITES - 1) * (SITES - 2) // 6
        # The same direction for all samples, scaled by the label, in a little noise.
        direction = np.random.default_rng(ROOT).normal(size=size) / size
        loops = labels[:, None] * direction + 0.1 * rng.normal(size=(count, size)) / size
        axes = np.meshgrid(np.linspace(-1, 1, 3), np.linspace(-1, 1, 3), indexing="ij")
        inputs = {"loops": loops, "coordinates": np.stack(axes, axis=-1).reshape(-1, 2)}
    else:
        image = rng.normal(size=(count, CHANNELS, *GRID))
        image[:, 0] += labels[:, None, None]
        inputs = {"image": image}
    return Batch({key: torch.from_numpy(x).float() for key, x in inputs.items()}, torch.from_numpy(labels))


def trained(name: str, seeds=(0, 1, 2), *, poison: int | None = None, value: float = np.nan, **changes):
    """Return what a short training comes to; `poison` is the position of a seed made non-finite."""
    model = model_of(name)
    parameters = model.initial(generators(ROOT, "data", name, seeds))
    if poison is not None:
        for tensor in parameters.values():
            tensor[poison] = value
    splits = samples_of(name, 40, 1), samples_of(name, 30, 2)
    return train(model, parameters, *splits, **{"root": ROOT, "order": "data", **FEW, **changes})


def same(one, other) -> bool:
    """Return whether two results are equal to the last bit, NaN equal to NaN."""
    flat = [
        {**{k: t.numpy() for k, t in end.parameters.items()}, **end.history, "epochs": end.epochs, "failed": end.failed}
        for end in (one, other)
    ]
    return flat[0].keys() == flat[1].keys() and all(
        a.dtype == flat[1][k].dtype and np.array_equal(a, flat[1][k], equal_nan=True) for k, a in flat[0].items()
    )


@pytest.mark.parametrize("name", OPTIONS)
def test_the_loss_falls_and_the_task_is_learned(name):
    # The ring has 9 sites and 84 noisy loops only, so it is asked for less than the networks.
    history = trained(name, epochs=25).history
    first, last = history["train_loss"][0], history["train_loss"][-1]
    assert (last < 0.8 * first).all(), (first, last)
    assert (history["validation_loss"][-1] < history["validation_loss"][0]).all()
    assert np.median(history["validation_balanced_accuracy"][-1]) > 0.6


@pytest.mark.parametrize("name", ["free", "mlp"])
def test_the_history_has_a_row_before_the_first_step_and_one_after_every_epoch(name):
    end = trained(name)
    parameters, history = end.parameters, end.history
    assert set(history) == {"train_loss", "validation_loss", "validation_balanced_accuracy", "gradient_norm"}
    for record in history.values():
        assert record.shape == (FEW["epochs"] + 1, 3)
        assert np.isfinite(record).all()
    assert ((history["validation_balanced_accuracy"] >= 0) & (history["validation_balanced_accuracy"] <= 1)).all()
    assert all(len(tensor) == 3 and not tensor.requires_grad for tensor in parameters.values())
    assert parameters[TEMPERATURE].shape == (3,)


@pytest.mark.parametrize("name", ["coordinate", "cnn"])
def test_epoch_zero_records_the_start(name):
    model = model_of(name)
    start = model.initial(generators(ROOT, "data", name, [0, 1, 2]))
    start[TEMPERATURE] = torch.zeros(3)
    training, validation = samples_of(name, 40, 1), samples_of(name, 30, 2)
    history = trained(name, epochs=1).history
    loss = negative_log_likelihood(model.value(start, validation.inputs), start[TEMPERATURE], validation.labels)
    np.testing.assert_allclose(history["validation_loss"][0], loss.numpy(), rtol=1e-5)
    parts = [training[i : i + 16] for i in (0, 16, 32)]
    losses, norms = [], []
    for part in parts:
        leaves = {key: tensor.clone().requires_grad_() for key, tensor in start.items()}
        loss = negative_log_likelihood(model.value(leaves, part.inputs), leaves[TEMPERATURE], part.labels)
        per_seed = [
            torch.autograd.grad(one, [t for k, t in leaves.items() if k != TEMPERATURE], retain_graph=True)
            for one in loss
        ]
        norms.append([np.sqrt(sum(float(g[s].square().sum()) for g in grads)) for s, grads in enumerate(per_seed)])
        losses.append(loss.detach().numpy())
    np.testing.assert_allclose(history["train_loss"][0], np.mean(losses, axis=0), rtol=1e-4)
    np.testing.assert_allclose(history["gradient_norm"][0], np.mean(norms, axis=0), rtol=1e-4)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_gradient_of_a_seed_is_that_of_its_own_loss(name):
    model = model_of(name)
    start = {**model.initial(generators(ROOT, "data", name, range(3))), TEMPERATURE: torch.tensor([0.1, -0.3, 0.2])}
    part = samples_of(name, 20, 1)
    block = {key: tensor.clone().requires_grad_() for key, tensor in start.items()}
    loss, norm = gradients(model, block, part)
    for s in range(3):
        alone = {key: tensor[s : s + 1].clone().requires_grad_() for key, tensor in start.items()}
        lone_loss, lone_norm = gradients(model, alone, part)
        np.testing.assert_allclose([loss[s], norm[s]], [lone_loss[0], lone_norm[0]], rtol=1e-4)
        for key in start:
            torch.testing.assert_close(
                block[key].grad[s], alone[key].grad[0], rtol=1e-3, atol=1e-5 * (1 + float(norm[s]))
            )


def test_training_leaves_the_starting_parameters_as_they_are():
    model = model_of("free")
    parameters = model.initial(generators(ROOT, "data", "free", [0]))
    before = parameters["site"].clone()
    train(model, parameters, samples_of("free", 40, 1), samples_of("free", 30, 2), root=ROOT, order="data", **FEW)
    assert torch.equal(parameters["site"], before)
    assert list(parameters) == ["site"]


def test_the_same_training_twice_is_the_same_to_the_last_bit_and_another_order_is_not():
    assert same(trained("coordinate"), trained("coordinate"))
    assert not same(trained("coordinate"), trained("coordinate", root=ROOT + 1))
    assert not same(trained("coordinate"), trained("coordinate", order="other"))


@pytest.mark.parametrize("name", OPTIONS)
def test_a_seed_trained_alone_ends_where_it_does_in_a_block_of_twenty(name):
    block, alone = trained(name, seeds=range(20)), trained(name, seeds=[17])
    for key in block.parameters:
        of_block = block.parameters[key]
        torch.testing.assert_close(of_block[17], alone.parameters[key][0], rtol=1e-4, atol=1e-4)
        assert key == TEMPERATURE or "norm" in key or (of_block[17] - of_block[16]).abs().max() > 1e-2
    for key in ("train_loss", "validation_loss", "gradient_norm"):
        np.testing.assert_allclose(block.history[key][:, 17], alone.history[key][:, 0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30], ids=["NaN", "infinity", "overflow"])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_seed_that_is_not_finite_fails_with_its_epoch_and_does_not_move_its_neighbours(name, value):
    healthy, sick = trained(name, seeds=range(5)), trained(name, seeds=range(5), poison=2, value=value)
    rest = [0, 1, 3, 4]
    for key in healthy.parameters:  # one seed less in the block may change the order of sums, and nothing else
        torch.testing.assert_close(sick.parameters[key][rest], healthy.parameters[key][rest], rtol=1e-4, atol=1e-4)
        assert torch.isnan(sick.parameters[key][2]).all(), "no weights of a seed that failed can be used"
    for key in healthy.history:
        expected = healthy.history[key][:, rest]
        np.testing.assert_allclose(sick.history[key][:, rest], expected, rtol=1e-3, atol=1e-4)
    assert sick.failed.tolist() == [False, False, True, False, False]
    assert sick.epochs.tolist() == [4, 4, 1, 4, 4]
    assert not np.isfinite(sick.history["train_loss"][1, 2])
    assert np.isnan(sick.history["train_loss"][2:, 2]).all()


def test_a_seed_that_diverges_in_the_middle_fails_in_that_epoch(monkeypatch):
    """One seed's loss becomes infinite in the third epoch; it alone ends there."""
    seen = []

    def spoiled(history, epoch, block, *arguments):
        record(history, epoch, block, *arguments)
        seen.append(block.running.tolist())
        if epoch == 3:
            history["validation_loss"][3, 1] = np.inf

    record = loop.record
    monkeypatch.setattr(loop, "record", spoiled)
    end = trained("coordinate")
    assert end.epochs.tolist() == [4, 3, 4]
    assert end.failed.tolist() == [False, True, False]
    assert seen == [[0, 1, 2]] * 4 + [[0, 2]]


def test_a_block_in_which_every_seed_fails_ends_at_once():
    end = trained("mlp", seeds=[0], poison=0)
    assert (end.epochs.tolist(), end.failed.tolist()) == ([1], [True])
    assert np.isnan(end.history["train_loss"][2:]).all()


def test_with_patience_a_seed_ends_at_the_weights_of_its_lowest_validation_loss():
    whole, end = trained("mlp", epochs=60), trained("mlp", epochs=60, patience=5)
    loss = end.history["validation_loss"]
    assert (end.epochs < 60).any(), "noise in 40 samples is learned by heart in 60 epochs"
    samples = samples_of("mlp", 30, 2)
    value = evaluate(model_of("mlp"), end.parameters, samples)
    at_end = negative_log_likelihood(value, end.parameters[TEMPERATURE], samples.labels)
    for seed, last in enumerate(end.epochs):
        best = 1 + np.nanargmin(loss[1 : last + 1, seed])
        np.testing.assert_allclose(at_end[seed], loss[best, seed], rtol=1e-4)
        assert (last, end.kept[seed]) == (min(best + 5, 60), best)
        assert np.isnan(loss[last + 1 :, seed]).all()
        undisturbed = whole.history["validation_loss"][: last + 1, seed]
        np.testing.assert_allclose(loss[: last + 1, seed], undisturbed, rtol=1e-2)
    assert not end.failed.any()


def test_with_patience_a_seed_in_a_block_ends_in_the_epoch_in_which_it_ends_alone():
    block, alone = (trained("mlp", seeds=seeds, epochs=60, patience=5) for seeds in (range(6), [4]))
    assert block.epochs[4] == alone.epochs[0]
    assert len(set(block.epochs.tolist())) > 1
    for key, tensor in block.parameters.items():
        torch.testing.assert_close(tensor[4], alone.parameters[key][0], rtol=1e-3, atol=1e-3)


def test_a_training_with_patience_that_is_interrupted_ends_the_same(progress, tmp_path):
    settings = {"epochs": 40, "patience": 4}
    whole = trained("mlp", **settings)
    assert min(whole.epochs) < max(whole.epochs), "seeds end in different epochs"
    progress.stop_after = int(min(whole.epochs)) + 1  # one seed has left the block
    where = {"checkpoint": tmp_path / "checkpoint.h5", "key": "this work"}
    with pytest.raises(Interrupted, match="epochs"):
        trained("mlp", **settings, **where)
    progress.stop_after = None
    assert same(trained("mlp", **settings, **where), whole)


class Interrupted(RuntimeError):
    pass


class StoppingProgress(loop.Progress):
    """Counts the epochs of one training and stops it after some of them."""

    stop_after = None
    epochs = 0

    def advance(self, count: int = 1, note: str = "") -> None:
        super().advance(count, note)
        type(self).epochs += 1
        if self.done == self.stop_after:
            raise Interrupted(f"after {self.done} epochs")


@pytest.fixture
def progress(monkeypatch):
    """Return the class that counts epochs and can interrupt; a checkpoint is written after every epoch."""
    counting = type("Progress", (StoppingProgress,), {})
    monkeypatch.setattr(loop, "Progress", counting)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    return counting


@pytest.mark.parametrize("stop", [2, 3])
@pytest.mark.parametrize("name", ["free", "coordinate", "resnet", "mlp"])
def test_an_interrupted_training_ends_bit_identical_to_one_that_was_not(name, stop, progress, tmp_path):
    whole = trained(name)
    assert progress.epochs == 4
    where = {"checkpoint": tmp_path / "deep" / "checkpoint.h5", "key": "this work"}
    progress.epochs, progress.stop_after = 0, stop
    with pytest.raises(Interrupted, match=f"after {stop} epochs"):
        trained(name, **where)
    progress.epochs, progress.stop_after = 0, None
    resumed = trained(name, **where)
    assert progress.epochs == 4 - (stop - 1), "it did not go on from the checkpoint"
    assert same(resumed, whole)


def test_a_training_interrupted_again_and_again_ends_the_same(progress, tmp_path):
    whole = trained("coordinate")
    where = {"checkpoint": tmp_path / "checkpoint.h5", "key": "this work"}
    for stop in (2, 3, 4):
        progress.stop_after = stop
        with pytest.raises(Interrupted, match=f"after {stop} epochs"):
            trained("coordinate", **where)
    progress.stop_after = None
    assert same(trained("coordinate", **where), whole)


def test_a_resumed_training_with_a_seed_that_is_not_finite_ends_the_same(progress, tmp_path):
    whole = trained("mlp", poison=1)
    where = {"checkpoint": tmp_path / "checkpoint.h5", "key": "this work"}
    progress.stop_after = 3
    with pytest.raises(Interrupted, match="after 3 epochs"):
        trained("mlp", poison=1, **where)
    progress.stop_after = None
    assert same(trained("mlp", poison=1, **where), whole)


def interrupted_at(stop: int, progress, path) -> None:
    progress.stop_after = stop
    with pytest.raises(Interrupted, match=f"after {stop} epochs"):
        trained("free", checkpoint=path, key="this work")
    progress.epochs, progress.stop_after = 0, None


def test_the_checkpoint_of_other_work_is_not_used(progress, tmp_path):
    whole = trained("free")
    interrupted_at(3, progress, tmp_path / "checkpoint.h5")
    assert same(trained("free", checkpoint=tmp_path / "checkpoint.h5", key="other work"), whole)
    assert progress.epochs == 4


@pytest.mark.parametrize("damage", ["flipped", "cut short", "empty", "not HDF5"])
def test_a_damaged_checkpoint_is_not_used_and_the_log_says_so(damage, progress, tmp_path, caplog):
    whole, path = trained("free"), tmp_path / "checkpoint.h5"
    interrupted_at(3, progress, path)
    content = bytearray(path.read_bytes())
    weights = load_checkpoint(path, "this work")[1]["parameter/site"].numpy().tobytes()  # the first copy in the file
    position = bytes(content).index(weights[:64])
    content[position] ^= 1
    changed = {"flipped": content, "cut short": content[: len(content) // 2], "empty": b"", "not HDF5": b"no" * 500}
    path.write_bytes(changed[damage])
    with caplog.at_level("WARNING", logger="toponn"):
        assert same(trained("free", checkpoint=path, key="this work"), whole)
    assert progress.epochs == 4
    assert "starting afresh" in caplog.text


def test_a_missing_checkpoint_is_nothing_to_go_on_from(tmp_path):
    assert load_checkpoint(tmp_path / "none.h5", "key") is None


def test_a_checkpoint_reads_back_as_it_was_written(tmp_path):
    state = {
        "parameter/w.1": torch.randn(3, 2, generator=torch.Generator().manual_seed(1)),
        "optimizer/step/w.1": torch.tensor(7.0),
        "optimizer/exp_avg/head.log_temperature": torch.tensor([1.0, torch.nan, torch.inf]),
    }
    history = {"train_loss": np.arange(6, dtype=np.float32).reshape(2, 3), "gradient_norm": np.full((2, 3), np.nan)}
    save_checkpoint(tmp_path / "c.h5", "key", 5, state, history)
    epoch, read_state, read_history = load_checkpoint(tmp_path / "c.h5", "key")
    assert epoch == 5
    assert read_state.keys() == state.keys()
    assert read_history.keys() == history.keys()
    for name, tensor in state.items():
        assert read_state[name].shape == tensor.shape
        assert read_state[name].dtype == tensor.dtype
        assert np.array_equal(read_state[name], tensor, equal_nan=True)
    for name, record in history.items():
        assert record.dtype == read_history[name].dtype
        assert np.array_equal(record, read_history[name], equal_nan=True)


def test_a_training_that_is_not_interrupted_writes_no_more_often_than_the_interval(monkeypatch, tmp_path):
    written = []
    monkeypatch.setattr(loop, "save_checkpoint", lambda *arguments: written.append(arguments[2]))
    trained("free", checkpoint=tmp_path / "c.h5", key="k")
    assert written == [], "four short epochs need no checkpoint"
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    trained("free", checkpoint=tmp_path / "c.h5", key="k")
    assert written == [1, 2, 3], "after the last epoch the results themselves are written"


def test_batches_hold_every_sample_once_and_share_the_geometry():
    samples = samples_of("free", 11, 1)
    parts = batches(samples, 4)
    assert [len(part) for part in parts] == [4, 4, 3]
    assert torch.equal(torch.cat([part.labels for part in parts]), samples.labels)
    assert torch.equal(torch.cat([part.inputs["loops"] for part in parts]), samples.inputs["loops"])
    assert all(part.inputs["coordinates"] is samples.inputs["coordinates"] for part in parts)


def test_evaluation_in_pieces_is_evaluation_at_once(monkeypatch):
    model, samples = model_of("cnn"), samples_of("cnn", 30, 1)
    parameters = model.initial(generators(ROOT, "data", "cnn", [0, 1]))
    whole = evaluate(model, parameters, samples)
    assert whole.shape == (2, 30)
    monkeypatch.setattr(loop, "EVALUATION_BATCH", 7)
    torch.testing.assert_close(evaluate(model, parameters, samples), whole, rtol=1e-5, atol=1e-6)


KILLED = """
    import json, sys, time
    from pathlib import Path
    from toponn.training import loop
    from toponn.training.protocol import Success, Variant
    from toponn.training.runs import train_block

    class Slow(loop.Progress):
        def advance(self, count=1, note=""):
            super().advance(count, note)
            time.sleep(0.1)  # so that the kill falls in the middle of the training

    loop.Progress, loop.CHECKPOINT_SECONDS = Slow, -1.0
    arguments = json.loads(sys.argv[1])
    arguments["checkpoint"] = Path(arguments["checkpoint"])
    variant, success = Variant.of(**arguments.pop("variant")), Success(**arguments.pop("success"))
    train_block(**arguments, variant=variant, success=success)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model"), [("coordinate", "coordinate_ring"), ("resnet", "resnet")])
def test_a_job_killed_in_the_middle_of_training_goes_on_and_ends_bit_identical(name, model, tmp_path, progress):
    recipe = {
        "system": "ssh",
        "shape": {"name": "segment", "size": [10]},
        "parameters": {"intracell": [0.2, 1.8], "intercell": 1.0},
        "disorder": [],
        "samples": {"train": 40, "validation": 20},
        "minimum_margin": 0.1,
    }
    write_dataset(tmp_path / "chain.h5", generate(name="chain", seed=ROOT, **recipe))
    checkpoint = tmp_path / "checkpoints" / "0.h5"
    arguments = {
        "dataset_paths": str(tmp_path / "chain.h5"),
        "task": "winding",
        "variant": {"name": name, "entry": {"model": model, **OPTIONS[name], "training": {**FEW, "epochs": 24}}},
        "seeds": [0, 1, 2],
        "success": {"split": "validation", "balanced_accuracy": 0.9},
        "root": ROOT,
        "checkpoint": str(checkpoint),
    }
    threads = str(torch.get_num_threads())
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-c", textwrap.dedent(KILLED), json.dumps(arguments)]
    with subprocess.Popen(command, env=environment) as job:
        deadline = time.monotonic() + 60
        while not checkpoint.exists() and job.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        job.send_signal(signal.SIGKILL)
        assert job.wait() == -signal.SIGKILL, "the job ended before it was killed"
    done = checkpoints.read_arrays(checkpoint)[1]["epoch"]
    assert 1 <= done < 23
    arguments |= {"variant": Variant.of(**arguments["variant"]), "success": Success(**arguments["success"])}
    resumed = train_block(**{**arguments, "checkpoint": checkpoint})
    assert progress.epochs == 24 - done
    whole = train_block(**{**arguments, "checkpoint": None})
    write_run(tmp_path / "resumed", resumed)
    write_run(tmp_path / "whole", whole)
    assert (tmp_path / "resumed/history.csv").read_bytes() == (tmp_path / "whole/history.csv").read_bytes()
    one, other = (load_run(tmp_path / folder).parameters for folder in ("resumed", "whole"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
