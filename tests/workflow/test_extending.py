"""What a user adds is one file and one entry: a rival, another width of a model, a diagnostic, a system, a test."""

import csv
import json

import pytest
import yaml

QUICK = "workflow/studies/quick.yaml"
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
SYSTEM = '''"""QWZ with a staggered mass: a unit cell of two sites, A and B, on a checkerboard."""

import numpy as np

from toponn.tools.conventions import PAULI_X, PAULI_Y, PAULI_Z
from toponn.matter.lattices import UnitCell
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter

CHECKERBOARD = UnitCell("checkerboard", vectors=((1.0, 1.0), (1.0, -1.0)), basis=((0.0, 0.0), (1.0, 0.0)))


class Staggered(LatticeSystem):
    """``(m ± δ) σz`` on A and B, hopping of QWZ between them: QWZ's integers while δ is small."""

    name = "staggered"
    task = "chern"
    symmetry_class = "A"
    unit_cell = CHECKERBOARD
    n_orbitals = 2
    parameters = {
        "mass": Parameter(-4.0, 4.0, "hopping", "m"),
        "staggering": Parameter(-1.0, 1.0, "hopping", "δ"),
    }

    def onsite(self, *, mass: float, staggering: float) -> np.ndarray:
        """Return (m + δ) σz on A and (m − δ) σz on B."""
        return np.stack([(mass + staggering) * PAULI_Z, (mass - staggering) * PAULI_Z])

    def bonds(self, *, mass: float, staggering: float) -> tuple[Bond, ...]:
        """Return the bonds along x and y that begin on A, and those that begin on B."""
        x, y = (PAULI_Z + 1j * PAULI_X) / 2, (PAULI_Z + 1j * PAULI_Y) / 2
        return (
            Bond("x from A", 0, 1, (0, 0), x),
            Bond("x from B", 1, 0, (1, 1), x),
            Bond("y from A", 0, 1, (0, -1), y),
            Bond("y from B", 1, 0, (1, 0), y),
        )
'''
FILES = {
    "models/transformer.py": RIVAL,
    "trainability/spread.py": DIAGNOSTIC,
    "systems/staggered.py": SYSTEM,
}
SHORT = {"epochs": 2, "learning_rate": 0.01}
TINY = {
    "study": "tiny",
    "block": 2,
    "only": ["chern", "ring_coordinate", "narrow", "cnn", "transformer", "hessian", "spread"],
    "models": {
        "ring_coordinate": {"seeds": 2, "training": SHORT},
        "cnn": {"seeds": 2, "training": SHORT},
        "narrow": {"like": "ring_coordinate", "width": 8},
        "transformer": {"model": "toponn.models.transformer:Transformer", "seeds": 2, "training": SHORT},
    },
    "datasets": {
        "qwz_8": {"samples": {"train": 40, "validation": 20, "test": 20}},
        "staggered": {
            "system": "toponn.matter.systems.staggered:Staggered",
            "shape": {"name": "rectangle", "size": [8, 8]},
            "parameters": {"mass": [-3.5, 3.5], "staggering": [-0.5, 0.5]},
            "samples": {"test": 20},
        },
        **dict.fromkeys(
            ("lattice_square", "lattice_honeycomb"), {"samples": {"train": 20, "validation": 10, "test": 10}}
        ),
    },
    "tasks": {
        "chern": {
            "models": ["ring_coordinate", "narrow", "cnn", "transformer"],
            "tests": {"sizes": ["qwz_6"], "lattices": ["staggered"]},
            "proxies": [],
            "sizes": None,
            "left_out": {
                "datasets": ["lattice_square", "lattice_honeycomb"],
                "models": ["ring_coordinate", "transformer"],
                "seeds": 2,
            },
            "diagnosed": {"models": ["ring_coordinate", "transformer"]},
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


def added(project, study=TINY):
    """Add the files of a user and an overlay to a project."""
    for name, text in FILES.items():
        (project.root / "workflow/toponn" / name).write_text(text, encoding="utf-8")
    written = json.loads(json.dumps(study))  # equal parts are written out each time: aliases are refused
    (project.root / "mine.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    return ("--configfile", QUICK, "mine.yaml")


@pytest.mark.slow
def test_one_file_and_one_entry_each_add_a_rival_widths_a_diagnostic_and_a_system(own_project):
    study = added(own_project)
    run = own_project.snakemake("--cores", "all", *study)
    assert run.returncode == 0, (run.stdout + run.stderr)[-8000:]

    # The user's model is a rival wherever rivals are found.
    assert "transformer" in {row["rival"] for row in rows(own_project, "superiority")} | {
        row["variant"] for row in rows(own_project, "left_out_summary")
    }
    assert {"ring_coordinate", "transformer"} == {row["variant"] for row in rows(own_project, "left_out_summary")}
    sixth = {row["variant"] for row in rows(own_project, "claims") if row["claim"] == "6"}
    assert {"cnn", "transformer"} <= sixth and "ring_coordinate" not in sixth

    # Two widths of one class are two rows everywhere.
    for table in ("runs", "generalization_summary", "superiority", "trainability"):
        assert {"ring_coordinate", "narrow"} <= {row["variant"] for row in rows(own_project, table)}, table
    parameters = {row["variant"]: row["n_parameters"] for row in rows(own_project, "runs")}
    assert int(parameters["narrow"]) < int(parameters["ring_coordinate"])

    # The system's samples are tested on; the labels agree with references that know nothing of the localizer.
    agreement = [float(row["agreement"]) for row in rows(own_project, "references") if row["system"] == "staggered"]
    assert agreement and min(agreement) > 0.7
    tested = [row for row in rows(own_project, "generalization") if row["test"] == "staggered"]
    assert {row["variant"] for row in tested if row["status"] == "ok"} == {"ring_coordinate", "narrow"}

    # The diagnostic has its rows and its figure; what does not apply says so, and why.
    diagnosed = [row for row in rows(own_project, "trainability") if row["diagnostic"] == "output_spread"]
    assert {row["variant"] for row in diagnosed} == {"ring_coordinate", "transformer"}
    assert all(float(row["samples"]) == 20 for row in diagnosed)
    assert (own_project.root / "results/tiny/figures/spread_chern.pdf").is_file()
    said = {(row["variant"], row["diagnostic"], row["status"]) for row in rows(own_project, "trainability")}
    assert ("transformer", "hessian", "not applicable: its second derivatives are not available") in said

    assert own_project.counts(*study) == {}
    # A new width trains and tests itself; nothing of the others is made again but the tables and figures that show all.
    wider = {**TINY, "models": {**TINY["models"], "wide": {"like": "ring_coordinate", "width": 24}}}
    wider["only"] = [*TINY["only"], "wide"]
    chern = TINY["tasks"]["chern"]
    wider["tasks"] = {"chern": {**chern, "models": [*chern["models"], "wide"]}}
    more = own_project.counts(*added(own_project, wider))
    heavy = {rule: count for rule, count in more.items() if not rule.startswith("figure_") and "table" not in rule}
    assert heavy == {"train": 1, "evaluate": 3, "site_tensors": 1}


def test_only_narrows_a_study_to_the_jobs_that_it_needs(fresh_project):
    whole = fresh_project.counts("--configfile", QUICK)
    chern = fresh_project.counts("--configfile", QUICK, "--config", "only=chern")
    study = fresh_project.study(QUICK)
    assert chern["search"] < whole["search"] and chern["expressivity"] == 1
    assert chern["phase_map"] == 8 and chern["figure_generalization"] == 1
    one = fresh_project.counts("--configfile", QUICK, "--config", "only=[chern,ring_coordinate]")
    assert one["train"] == 2 and "train_left_out" in one and one["search"] == 1
    tests = sum(map(len, study["tasks"]["chern"]["tests"].values())) + len(study["tasks"]["chern"]["proxies"]) + 1
    assert one["evaluate"] == tests
    hessian = fresh_project.counts("--configfile", QUICK, "--config", "only=[chern,ring_coordinate,hessian]")
    assert hessian["diagnose"] == 1 and hessian["figure_hessian"] == 1


@pytest.mark.slow
def test_a_new_test_evaluates_itself_alone_and_fewer_seeds_train_nothing(finished_project):
    study = finished_project.study(QUICK)
    tests = study["tasks"]["winding"]["tests"]
    change = {"tasks": {"winding": {"tests": {"sizes": [*tests["sizes"], "ssh_16"]}}}}
    change["datasets"] = {"ssh_16": {"samples": {"test": 20}}}
    path = finished_project.root / "one_more.yaml"
    path.write_text(yaml.safe_dump(change), encoding="utf-8")
    plan = finished_project.counts("--configfile", QUICK, path.name)
    starts_at_random = [m for m in study["tasks"]["winding"]["models"] if "closed_form" not in m]
    assert plan["dataset"] == 1 and plan["evaluate"] == len(starts_at_random)
    assert not {"train", "search", "diagnose", "train_left_out", "evaluate_left_out"} & plan.keys()
    path.write_text(yaml.safe_dump({"models": {"cnn": {"seeds": 3}}}), encoding="utf-8")
    plan = finished_project.counts("--configfile", QUICK, path.name)
    path.unlink()
    assert not {"train", "search", "dataset", "train_left_out"} & plan.keys() and plan["evaluate"] > 0
