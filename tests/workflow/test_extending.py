"""What a user adds is one file and one entry: a rival, another width of a model, a diagnostic, a system, a test."""

import csv
import json

import h5py
import numpy as np
import pytest
import yaml
from conftest import QUICK, ROOT, copied

RIVAL = '''"""A small transformer over the cells of the cell image."""

from torch import Tensor, nn

from toponn.models.network import Network
from toponn.tools.options import Count, Whole


class Attention(nn.Module):
    """One layer of attention between the cells, averaged over them."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.embed = nn.Linear(channels, width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.readout = nn.Linear(width, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map images (B, C, *grid) to values (B,)."""
        cells = self.embed(image.flatten(2).transpose(1, 2))
        mixed = cells + self.attention(cells, cells, cells, need_weights=False)[0]
        return self.readout(mixed.mean(dim=1)).flatten(0)


class Transformer(Network):
    """Attention between all cells of a sample.

    Parameters
    ----------
    stencil : reach of the cell image
    width : numbers that stand for a cell
    """

    family = "transformer"
    twice_differentiable = False

    def __init__(self, shapes, *, stencil: Whole = 1, width: Count = 8):
        self.width = width
        super().__init__(shapes, stencil=stencil)

    def module(self) -> nn.Module:
        """Return a freshly initialised module."""
        return Attention(self.channels_in, self.width)
'''
DIAGNOSTIC = '''"""How far the outputs of trained seeds lie apart."""

from toponn.tools.options import Count, Seeds
from toponn.trainability.record import Curves, Panel, diagnostic
from toponn.trainability.subject import Measured, Subject, seen, trained_parameters, trained_seeds, unit_rows


@diagnostic(
    needs=("runs",),
    conditions={"samples": "how many samples are looked at"},
    curves=Curves("spread", (Panel("output_spread", "samples", "samples", "spread of f"),), "spread of the outputs"),
)
def spread(subject: Subject, *, samples: Count = 20, seeds: Seeds = 2) -> Measured:
    """Return ``output_spread``, the standard deviation of f over the first samples of the validation split."""
    here = seen(subject.variant, subject.home, ["validation"], seeds=seeds)
    first = here.samples["validation"][:samples]
    value = here.model.value(trained_parameters(subject, seeds), first.inputs)
    numbers = trained_seeds(subject, seeds)
    rows = unit_rows(subject, here, {"samples": samples}, numbers, output_spread=value.std(dim=1).detach().numpy())
    return Measured(rows, {})
'''
SYSTEM = (ROOT / "tests/checkerboard.py").read_text(encoding="utf-8")
FILES = {
    "workflow/toponn/models/transformer.py": RIVAL,
    "workflow/toponn/trainability/spread.py": DIAGNOSTIC,
    "workflow/toponn/matter/systems/checkerboard.py": SYSTEM,
}
SHORT = {"epochs": 2, "learning_rate": 0.01}
CHECKERBOARD = {
    "system": "toponn.matter.systems.checkerboard:Checkerboard",
    "shape": {"name": "rectangle", "size": [8, 8]},
    "parameters": {"mass": [-4.0, 4.0], "diagonal": 0.5},
    "disorder": [],
    "samples": {"test": 20},
    "minimum_margin": 0.4,
}
TINY = {
    "study": "tiny",
    "block": 2,
    "only": ["chern", "ring_coordinate", "narrow", "transformer", "hessian", "spread"],
    "models": {
        "ring_coordinate": {"seeds": 2, "training": SHORT},
        "narrow": {"like": "ring_coordinate", "width": 8},
        "transformer": {"model": "toponn.models.transformer:Transformer", "seeds": 2, "training": SHORT},
    },
    "datasets": {
        "qwz_8": {"samples": {"train": 40, "validation": 20, "test": 20}},
        "checkerboard_8": CHECKERBOARD,
    },
    "tasks": {
        "chern": {
            "models": ["ring_coordinate", "narrow", "transformer"],
            "tests": {"sizes": None, "lattices": ["checkerboard_8"]},
            "proxies": [],
            "sizes": None,
            "left_out": None,
            "diagnosed": {"models": ["transformer"]},
        }
    },
    "trainability": {
        "hessian": {"seeds": 2, "samples": 10, "steps": 5},
        "spread": {"diagnostic": "toponn.trainability.spread:spread", "seeds": 2},
    },
    **dict.fromkeys(("maps", "convergence", "ceiling", "interfaces", "beyond_dense")),
}


def rows(project, table):
    """Return the rows of a table of the tiny study."""
    path = project.root / f"results/tiny/tables/{table}.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def written(project, study, name="mine.yaml"):
    """Write an overlay without aliases, which are refused, and return the options that name it."""
    text = yaml.safe_dump(json.loads(json.dumps(study)))
    (project.root / name).write_text(text, encoding="utf-8")
    return ("--configfile", QUICK, name)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """Return a copy of the project with the files of a user, and the finished study of these."""
    project = copied(tmp_path_factory.mktemp("extended"))
    for path, text in FILES.items():
        (project.root / path).write_text(text, encoding="utf-8")
    run = project.snakemake("--cores", "all", *written(project, TINY))
    assert run.returncode == 0, (run.stdout + run.stderr)[-8000:]
    return project


@pytest.mark.slow
def test_a_users_model_is_a_rival_wherever_rivals_are_found(extended):
    assert "transformer" in {row["rival"] for row in rows(extended, "superiority")}
    sixth = {row["variant"] for row in rows(extended, "claims") if row["claim"] == "6"}
    assert "transformer" in sixth and "ring_coordinate" not in sixth


@pytest.mark.slow
def test_two_widths_of_one_class_are_two_rows_everywhere(extended):
    for table in ("runs", "generalization_summary", "superiority", "trainability"):
        assert {"ring_coordinate", "narrow"} <= {row["variant"] for row in rows(extended, table)}, table
    parameters = {row["variant"]: row["n_parameters"] for row in rows(extended, "runs")}
    assert int(parameters["narrow"]) < int(parameters["ring_coordinate"])


@pytest.mark.slow
def test_samples_of_a_users_system_are_labelled_and_tested_on(extended):
    with h5py.File(extended.root / "results/tiny/datasets/checkerboard_8.h5") as file:
        mass, label = file["parameters/mass"][()], file["label"][()]
        assert file.attrs["lattice"] == "checkerboard"
    assert len(label) == 20 and np.array_equal(label, np.abs(mass) < 4 * 0.5)  # C = 1 where |M| < 4t'
    assert set(label.tolist()) == {0, 1}
    # The labels agree with references that know nothing of the localizer.
    agreement = [float(row["agreement"]) for row in rows(extended, "references") if row["system"] == "checkerboard"]
    assert agreement and min(agreement) > 0.7
    tested = [row for row in rows(extended, "generalization") if row["test"] == "checkerboard_8"]
    assert {row["variant"] for row in tested if row["status"] == "ok"} == {"ring_coordinate", "narrow", "transformer"}


@pytest.mark.slow
def test_a_users_diagnostic_has_rows_and_a_figure_and_what_does_not_apply_says_why(extended):
    diagnosed = [row for row in rows(extended, "trainability") if row["diagnostic"] == "output_spread"]
    assert {row["variant"] for row in diagnosed} == {"transformer"}
    assert all(float(row["samples"]) == 20 for row in diagnosed)
    assert (extended.root / "results/tiny/figures/spread_chern.pdf").is_file()
    said = {(row["variant"], row["diagnostic"], row["status"]) for row in rows(extended, "trainability")}
    assert ("transformer", "hessian", "not applicable: its second derivatives are not available") in said


@pytest.mark.slow
def test_what_is_added_later_makes_itself_and_an_edit_of_a_users_file_what_depends_on_it(extended):
    study = written(extended, TINY)
    assert extended.counts(*study) == {}
    # A new width trains and tests itself; nothing of the others is made again but the tables and figures that show all.
    wider = {**TINY, "models": {**TINY["models"], "wide": {"like": "ring_coordinate", "width": 24}}}
    wider["only"] = [*TINY["only"], "wide"]
    chern = TINY["tasks"]["chern"]
    wider["tasks"] = {"chern": {**chern, "models": [*chern["models"], "wide"]}}
    assert measured(extended.counts(*written(extended, wider, "wider.yaml"))) == {"train": 1, "evaluate": 2} | READ_OFF
    with extended.edited("workflow/toponn/matter/systems/checkerboard.py", SYSTEM.replace("turn.conj()", "1.0 * turn")):
        assert measured(extended.counts(*study)) == {"dataset": 1, "evaluate": 3}


READ_OFF = {"site_tensors": 1}
"""The job that reads off what all rings have learned."""


def measured(plan):
    """Return the jobs of a plan that measure something."""
    return {rule: count for rule, count in plan.items() if not rule.startswith("figure_") and "table" not in rule}


@pytest.mark.parametrize(
    ("shape", "files", "says"),
    [
        ([8, 8], (), f"system: found '{CHECKERBOARD['system']}'; allowed: a class in a file of"),
        ([5, 5], FILES, "shape: found rectangle 5x5, with 13 and 12 sites on its sublattices"),
    ],
)
def test_a_system_without_a_file_and_a_size_without_half_filling_are_refused_in_one_sentence(
    own_project, shape, files, says
):
    for path in files:
        (own_project.root / path).write_text(FILES[path], encoding="utf-8")
    entry = CHECKERBOARD | {"shape": {"name": "rectangle", "size": shape}}
    run = own_project.snakemake("-n", *written(own_project, {"datasets": {"checkerboard_8": entry}}))
    assert run.returncode == 1 and f"datasets.checkerboard_8.{says}" in run.stderr, run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_only_narrows_a_study_to_the_jobs_that_it_needs(fresh_project):
    chern = fresh_project.counts("--configfile", QUICK, "--config", "only=chern")
    study = fresh_project.study(QUICK)
    assert chern["search"] == 2 and chern["expressivity"] == 1
    assert chern["phase_map"] == 8 and chern["figure_generalization"] == 1
    hessian = fresh_project.counts("--configfile", QUICK, "--config", "only=[chern,ring_coordinate,hessian]")
    assert hessian["diagnose"] == 1 and hessian["figure_hessian"] == 1
    assert hessian["train"] == 2 and "train_left_out" in hessian and hessian["search"] == 1
    tests = sum(map(len, study["tasks"]["chern"]["tests"].values())) + len(study["tasks"]["chern"]["proxies"]) + 1
    assert hessian["evaluate"] == tests
