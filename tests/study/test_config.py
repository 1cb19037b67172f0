import copy
import math
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from toponn.matter.disorder import DISORDER
from toponn.matter.shapes import SHAPE_DIMENSION, SHAPES
from toponn.matter.systems import SYSTEMS
from toponn.models import MODELS
from toponn.study import members, physics, schema
from toponn.study.declared import Declared, Option
from toponn.study.entries import SHAPE_TABLES
from toponn.study.expand import expanded
from toponn.study.read import read_study
from toponn.tools import checks
from toponn.tools.checks import ConfigError, resolve
from toponn.tools.options import Seeds
from toponn.trainability import DIAGNOSTICS, record

ROOT = Path(__file__).resolve().parents[2]
STUDIES = ROOT / "workflow" / "studies"
OVERLAYS = sorted(path for path in STUDIES.glob("*.yaml") if path.stem != "labels")


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def merged(base, overlay):
    """Merge as Snakemake does: tables merge deeply, everything else is replaced."""
    if not isinstance(overlay, dict):
        return copy.deepcopy(overlay)
    base = base if isinstance(base, dict) else {}
    return {**base, **{key: merged(base.get(key), value) for key, value in overlay.items()}}


WRITTEN = merged(load(STUDIES / "labels.yaml"), load(ROOT / "config.yaml"))
DEFAULT = expanded(WRITTEN)[0]


class GONE:
    """Stands for what is left out."""


def changed(*changes):
    """Return the default study written out, with values set, or removed where GONE, at (key, …, key, value)."""
    study = copy.deepcopy(DEFAULT)
    for *path, last, value in changes:
        place = study
        for key in path:
            place = place[key]
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return study


def refused(study):
    with pytest.raises(ConfigError, match=r"^[^\n]+: found [^\n]+; allowed: [^\n]+$") as caught:
        read_study(study)
    assert type(caught.value) is ConfigError
    assert str(caught.value).count(": found ") == 1
    return str(caught.value)


NAME = "lower-case letters, digits and _, starting with a letter, at most 64"
CNN, RING, MLP = ("models", "cnn"), ("models", "ring_free"), ("models", "mlp")
EDGE = {"name": "decoupled_edge", "strength": 1.0}
SSH, DISK = ("datasets", "ssh_24"), ("datasets", "haldane_disk")
WINDING, CHERN = ("tasks", "winding"), ("tasks", "chern")
LEFT_OUT = (*CHERN, "left_out")
FIELD = {
    **DEFAULT["ceiling"]["qwz"],
    "system": "hofstadter",
    "parameters": {"flux": 0.2, "fermi_energy": 0},
    "disorder": "bond_box",
}
MAP, SERIES, CEILING = ("maps", "qwz"), ("convergence", "qwz"), ("ceiling", "qwz")

STRUCTURE = [
    ((*LEFT_OUT, "seed", 3), "tasks.chern.left_out.seed: found an unknown key; allowed: datasets, models, seeds"),
    ((*LEFT_OUT, "seeds", GONE), "tasks.chern.left_out.seeds: found nothing; allowed: a whole number from 1"),
    (
        (*LEFT_OUT, "datasets", ["lattice_square"]),
        "left_out.datasets: found ['lattice_square']; allowed: a list of 2 or more",
    ),
    (
        (*LEFT_OUT, "datasets", 1, "lattice_square"),
        "tasks.chern.left_out.datasets: found 'lattice_square' twice; allowed: each entry once",
    ),
    (("stduy", "x"), "stduy: found an unknown key; allowed: study, seed, device, "),
    (("study", GONE), f"study: found nothing; allowed: {NAME}"),
    (("study", "../other"), f"study: found '../other'; allowed: {NAME}"),
    (("study", "quick\n"), r"study: found 'quick\n'; allowed: lower-case"),
    (("study", "x" * 65), "study: found 'xxxxx"),
    (("study", 2025), f"study: found 2025; allowed: {NAME}"),
    (("study", None), f"study: found nothing; allowed: {NAME}"),
    (
        ("seed", -1),
        "seed: found -1; allowed: a whole number from 0 up to 9223372036854775807 (did you mean 0?)",
    ),
    (("seed", 10**400), "seed: found 1000"),
    (("seed", True), "seed: found True; allowed: a whole number from 0"),
    (("block", 0), "block: found 0; allowed: a whole number from 1 (did you mean 1?)"),
    (("block", 20.0), "block: found 20.0; allowed: a whole number from 1 (did you mean 20?)"),
    (("tasks", {}), "tasks: found {}; allowed: a table with the keys winding, chern"),
    (("tasks", "winding"), "tasks: found 'winding'; allowed: a table with the keys winding, chern"),
    (("tasks", "windng", {}), "tasks.windng: found an unknown key; allowed: winding, chern"),
    (("datasets", []), "datasets: found []; allowed: recipes of datasets by name"),
    (("datasets", "../x", {}), f"datasets: found the name '../x'; allowed: {NAME}"),
    (("models", 3, {}), "models: found the key 3; allowed: keys in quotation marks"),
    (("success", "split", "tset"), "allowed: validation, test (did you mean 'test'?)"),
    (("success", "balanced_accuracy", 99), "balanced_accuracy: found 99; allowed: a number above 0 up to 1"),
    (("success", "balanced_accuracy", 0), "balanced_accuracy: found 0; allowed: a number above 0 up to 1"),
    (
        (*WINDING, "models", []),
        "tasks.winding.models: found []; allowed: a list of 1 or more, each lower-case",
    ),
    ((*WINDING, "models", "cnn"), "tasks.winding.models: found 'cnn'; allowed: a list of 1 or more"),
    ((*WINDING, "models", ["cnn", "cnn"]), "models: found 'cnn' twice; allowed: each entry once"),
    ((*WINDING, "tests", ["ssh_12"]), "tasks.winding.tests: found ["),
    (
        (*SSH, "system", "shh"),
        "datasets.ssh_24.system: found 'shh'; allowed: ssh, extended_ssh, qwz, kitaev_chain, ",
    ),
    (
        (*SSH, "shape", "name", "segmnet"),
        "shape.name: found 'segmnet'; allowed: segment, rectangle, disk, triangle, l_shape (did",
    ),
    ((*SSH, "shape", "size", 24), "shape.size: found 24; allowed: a list of 1, each a whole number from 1"),
    ((*DISK, "shape", "radius", 0), "datasets.haldane_disk.shape.radius: found 0; allowed: a number above 0"),
    ((*DISK, "shape", "radius", math.nan), "shape.radius: found nan; allowed: a number above 0"),
    (
        (*DISK, "parameters", "t2", "0.2"),
        "t2: found '0.2'; allowed: a number, or [low, high], and this is text",
    ),
    ((*DISK, "parameters", "t2", [0.1]), "parameters.t2: found [0.1]; allowed: a number, or [low, high]"),
    (
        (*DISK, "parameters", "t2", [0, "1"]),
        "parameters.t2[1]: found '1'; allowed: a number, and this is text",
    ),
    (
        (*SSH, "disorder", {}),
        "datasets.ssh_24.disorder: found {}; allowed: a list of 0 or more, each a table with",
    ),
    (
        (*SSH, "disorder", 0, "strength", -1),
        "disorder[0].strength: found -1; allowed: a number from 0, or [low",
    ),
    (
        (*SSH, "samples", {}),
        "datasets.ssh_24.samples: found {}; allowed: a table with the keys train, validation, test",
    ),
    (
        (*CNN, "model", "ccn"),
        "models.cnn.model: found 'ccn'; allowed: coordinate_ring, free_ring, wavefunction_ring, cnn, ",
    ),
    ((*CNN, "model", GONE), "models.cnn.model: found nothing; allowed: coordinate_ring, "),
    (
        (*CNN, "chanels", [3]),
        "models.cnn.chanels: found an unknown key; allowed: model, label, seeds, stencil, channels",
    ),
    (
        (*CNN, "channels", [16, 0]),
        "models.cnn.channels[1]: found 0; allowed: a whole number from 1 (did you mean 1?)",
    ),
    ((*CNN, "training", "learning_rate", "1e-3"), "where YAML reads 1e-3 as text: write 1.0e-3"),
    ((*CNN, "training", "learning_rate", "1.5e3"), "where YAML reads 1.5e3 as text: write 1.5e+3"),
    (
        (*CNN, "training", "learning_rate", "0.3"),
        "this is text: write 0.3 without quotation marks, in a --configfile",
    ),
    ((*RING, "model", "toponn.models.no:No"), "ring_free: toponn.models.no: found no such file; allowed: a file of"),
    ((*RING, "model", "toponn.models.ring:No"), "ring_free: toponn.models.ring:No: found no such class; allowed: a"),
    (
        ("models", "resnet", "depth", 3),
        "resnet.depth: found 3; allowed: an even number from 8 (did you mean 8?)",
    ),
    (
        ("models", "resnet", "depth", 9),
        "resnet.depth: found 9; allowed: an even number from 8 (did you mean 10?)",
    ),
    (
        ("models", "loop_ridge", "training", {}),
        "models.loop_ridge.training: found an unknown key; allowed: model,",
    ),
    (
        ("models", "loop_ridge", "seeds", 40),
        "models.loop_ridge.seeds: found 40; allowed: 1 (did you mean 1?)",
    ),
    ((*MAP, "cells", [3]), "maps.qwz.cells: found [3]; allowed: [columns, rows]"),
    ((*DISK, "shape", "holes", [[0, 0]]), "haldane_disk.shape.holes[0]: found [0, 0]; allowed: [x, y, radius]"),
    (
        ("models", "cnn", "training", "learning_rate", []),
        "learning_rate: found []; allowed: a number above 0, or a list",
    ),
    (("models", "cnn", "training", "learning_rate", [0.0]), "learning_rate[0]: found 0.0; allowed: a number above 0"),
    (("models", "cnn", "training", "learning_rate", 0), "learning_rate: found 0; allowed: a number above 0, or a"),
    ((*WINDING, "sizes", {"datasets": ["ssh_6"]}), "tasks.winding.sizes.models: found nothing; allowed: a list"),
]

MEANING = [
    (
        (*LEFT_OUT, "datasets", 1, "lattice_honeycom"),
        "left_out.datasets[1]: found 'lattice_honeycom'; allowed: ssh_6, ",
    ),
    ((*LEFT_OUT, "datasets", 1, "ssh_24"), "left_out.datasets[1]: found 'ssh_24'; allowed: datasets of chern: qwz_5, "),
    (
        (*LEFT_OUT, "datasets", 0, "qwz_12"),
        "datasets.qwz_12.samples.train: found nothing; allowed: a whole number from 1",
    ),
    (
        ("datasets", "lattice_kagome", "samples", {"train": 9, "test": 9}),
        "samples.validation: found nothing; allowed: a whole number from 1, since tasks.chern.left_out.datasets[2]",
    ),
    ((*LEFT_OUT, "models", 0, "ring_coordinat"), "tasks.chern.left_out.models[0]: found 'ring_coordinat'; allowed: "),
    (
        (*LEFT_OUT, "models", 0, "ring_coordinate_closed_form"),
        "left_out.models[0]: found 'ring_coordinate_closed_form'; allowed: ring_coordinate, ring_free, cnn, ",
    ),
    *(
        (
            (*LEFT_OUT, "models", [name]),
            f"tasks.chern.left_out.models[0]: found '{name}'; allowed: models trained by gradients that",
        )
        for name in ("ring_free", "mlp", "loop_ridge")
    ),
    (
        (*LEFT_OUT, "datasets", ["lattice_square", "lattice_quasicrystal", "lattice_random"]),
        "left_out.models[1]: found 'cnn'; allowed: models that need no unit cells, which fewer than two of",
    ),
    (
        ("models", "ring_coordinate", "route", "occupied"),
        "models.ring_coordinate.route: found 'occupied'; allowed: auto, loops, since a dataset of tasks.chern.left_out",
    ),
    (
        ("datasets", "qwz_8", "disorder", [{"name": "structural_displacement", "strength": 0.1}]),
        "tasks.chern.dataset: found 'qwz_8'; allowed: datasets whose samples share their sites, without random points",
    ),
    ((*WINDING, "sizes", "datasets", ["ssh_48"]), "datasets.ssh_48.samples.train: found nothing; allowed: a whole"),
    (
        (*WINDING, "sizes", "datasets", ["ssh_24"]),
        "sizes.datasets[0]: found 'ssh_24'; allowed: datasets of other sizes",
    ),
    (
        (*WINDING, "sizes", "models", ["resnets"]),
        "tasks.winding.sizes.models[0]: found 'resnets'; allowed: ring_coordinate, ",
    ),
    (
        (*CHERN, "models", 0, "ring_wavefunction"),
        "tasks.chern.models[0]: found 'ring_wavefunction'; allowed: models of chern: ring_coordinate, ",
    ),
    (
        ("models", "ring_free_closed_form", "closed_form", "local_marker"),
        "models.ring_free_closed_form.closed_form: found 'local_marker'; allowed: windowed_winding, midgap_dropped",
    ),
    (
        ("models", "ring_wavefunction", "closed_form", "midgap_dropped"),
        "models.ring_wavefunction.closed_form: found 'midgap_dropped'; allowed: windowed_winding, since the dataset of",
    ),
    (
        ("models", "ring_free", "closed_form", "windowed_winding"),
        "models.ring_free.closed_form: found 'windowed_winding'; allowed: none with a random start",
    ),
    (
        ("datasets", "qwz_6", "midgap_pair", "dropped"),
        "datasets.qwz_6.midgap_pair: found 'dropped'; allowed: kept, since only chains have a mid-gap pair",
    ),
    (
        ("beyond_dense", "model", "ring_free"),
        "beyond_dense.model: found 'ring_free'; allowed: hybrids of tasks.chern.models that take any size and start "
        "at random: ring_coordinate",
    ),
    (
        ("beyond_dense", "samples", "qwz_trivial", "system", "ssh"),
        "beyond_dense.samples.qwz_trivial.system: found 'ssh'; allowed: systems in the plane",
    ),
    (
        ("beyond_dense", "samples", "qwz_trivial", "parameters", {"mas": 1.0}),
        "beyond_dense.samples.qwz_trivial.parameters.mas: found an unknown key; allowed: mass",
    ),
    ((*WINDING, "dataset", "ssh24"), "tasks.winding.dataset: found 'ssh24'; allowed: ssh_6, ssh_8, "),
    ((*WINDING, "tests", "sizes", 1, "sssh_48"), "tasks.winding.tests.sizes[1]: found 'sssh_48'; allowed: ssh_6, "),
    (
        (*WINDING, "tests", "disorder", 0, "ssh_12"),
        "tests.disorder[0]: found 'ssh_12'; allowed: datasets that are not in tasks.winding.tests.sizes too",
    ),
    ((*WINDING, "proxies", 0, "ssh_12"), "proxies[0]: found 'ssh_12'; allowed: datasets that are not in tasks.winding"),
    ((*WINDING, "test_seeds", {"ssh_5": 3}), "tasks.winding.test_seeds: found 'ssh_5'; allowed: ssh_6, "),
    (
        (*WINDING, "tests", "sizes", 0, "qwz_8"),
        "tasks.winding.tests.sizes[0]: found 'qwz_8'; allowed: datasets of winding: ssh_6,",
    ),
    (
        (*CHERN, "dataset", "ssh_24"),
        "tasks.chern.dataset: found 'ssh_24'; allowed: datasets of chern: qwz_5, ",
    ),
    (
        (*CHERN, "tests", "sizes", 0, "qwz_8"),
        "tests.sizes[0]: found 'qwz_8'; allowed: datasets other than the training dataset",
    ),
    (
        (*CHERN, "dataset", "qwz_12"),
        "datasets.qwz_12.samples.train: found nothing; allowed: a whole number from 1",
    ),
    (
        ("datasets", "qwz_6", "samples", {"train": 9}),
        "datasets.qwz_6.samples.test: found nothing; allowed: a whole",
    ),
    (
        (*CHERN, "models", 0, "ring_coordinat"),
        "tasks.chern.models[0]: found 'ring_coordinat'; allowed: ring_coord",
    ),
    (
        (*CHERN, "models", ["ring_free_closed_form"]),
        "tasks.chern.models: found ['ring_free_closed_form']; allowed: at",
    ),
    (
        ("datasets", "ssh_24_interface", "interface", "parameters", "intracel", 1.0),
        "datasets.ssh_24_interface.interface.parameters.intracel: found",
    ),
    (("datasets", "ssh_24_interface", "interface", "beyond", 1.0), "interface.beyond: found 1.0; allowed: "),
    (("datasets", "ssh_24", "site_gauge", "random"), "site_gauge: found 'random'; allowed: fixed, scrambled"),
    (
        ("datasets", "qwz_8_decoupled", "disorder", 1, "strength", 1.5),
        "disorder[1].strength: found 1.5; allowed: shares of the bonds from 0 to 1",
    ),
    ((*CHERN, "clean", "ssh_24_clean"), "tasks.chern.clean: found 'ssh_24_clean'; allowed: datasets of chern"),
    (
        (*CHERN, "many", "qwz_6"),
        "tasks.chern.many: found 'qwz_6'; allowed: datasets of the system and shape of qwz_8",
    ),
    (
        (*CHERN, "proxies", ["qwz_8"]),
        "tasks.chern.proxies[0]: found 'qwz_8'; allowed: datasets other than the training",
    ),
    ((*CHERN, "proxies", ["qwz_6"]), "tasks.chern.proxies[0]: found 'qwz_6'; allowed: datasets that are not in"),
    ((*CHERN, "scaling", ["qwz"]), "tasks.chern.scaling[0]: found 'qwz'; allowed: "),
    ((*CHERN, "smaller", ["qwz_12"]), "datasets.qwz_12.samples.train: found nothing; allowed: a whole number from 1"),
    (
        (*CHERN, "diagnosed", "models", ["ring_free_closed_form"]),
        "tasks.chern.diagnosed.models[0]: found 'ring_free_closed_form'; allowed: ring_coordinate, ring_free, cnn",
    ),
    ((*CHERN, "diagnosed", "seeds", {"rnig": 3}), "tasks.chern.diagnosed.seeds: found 'rnig'; allowed: "),
    (
        ("trainability", "sample_sizes", "samples", [5000]),
        "datasets.ssh_24_many.samples.train: found 2000; allowed: at least 5000, the largest of trainability.",
    ),
    (("trainability", "basn", {}), "trainability.basn: found"),
    (("trainability", "basin", "noise", [-1.0]), "trainability.basin.noise[0]: found -1.0; allowed: "),
    (
        (*MLP, "window", 9),
        "models.mlp.window: found 9; allowed: a whole number from 1 up to 6, the shortest side of ssh_6",
    ),
    ((*MAP, "plane", "ising"), "maps.qwz.plane: found 'ising'; allowed: disorder, anderson"),
    (
        (*MAP, "estimator", "product_rule"),
        "maps.qwz.estimator: found 'product_rule'; allowed: spectral_localizer, real",
    ),
    ((*MAP, "system", "qzw"), "maps.qwz.system: found 'qzw'; allowed: ssh, extended_ssh, qwz, "),
    (
        (*MAP, "system", "toponn.matter.systems.base:Bond"),
        "found 'toponn.matter.systems.base:Bond'; allowed: a class that derives",
    ),
    ((*MAP, "system", "toponn.matter.systems.base:System"), "allowed: a system that defines connections, terms, "),
    ((*MAP, "system", "toponn.matter.systems.no:No"), "allowed: a class in a file of workflow/toponn/matter/systems"),
    ((*MAP, "system", "toponn.matter.systems.qwz:QZW"), "allowed: a class in a file of workflow/toponn/matter/systems"),
    (
        (*MAP, "system", "toponn.tools.files:write_csv"),
        "maps.qwz.system: found 'toponn.tools.files:write_csv'; allowed: ssh, ",
    ),
    ((*MAP, "lattice", "kagome"), "maps.qwz.lattice: found 'kagome'; allowed: square, which qwz lives on"),
    ((*MAP, "shape", {"name": "segment", "size": [9]}), "maps.qwz.shape.name: found 'segment'; allowed: rectangle, "),
    ((*SERIES, "points", 0, {}), "convergence.qwz.points[0].mass: found nothing; allowed: a number, or"),
    (
        (*SERIES, "points", 0, {"mass": [0, 1]}),
        "points[0].mass: found [0, 1]; allowed: a number, since this is a point",
    ),
    (
        (*SERIES, "disorder", [{"name": "onsite_box", "strength": [0, 1]}]),
        "convergence.qwz.disorder[0].strength: found [0, 1]; allowed: a number, since all",
    ),
    (
        ("convergence", "ssh", "lengths", [8.5]),
        "convergence.ssh.lengths[0]: found 8.5; allowed: whole numbers of cells",
    ),
    (
        ("ceiling", "ssh", "disorder", "vacancies"),
        "ceiling.ssh.disorder: found 'vacancies'; allowed: bond_box, decoupled_edge, which the",
    ),
    (
        (*CEILING, "disorder", "vacancies"),
        "ceiling.qwz.strengths[1]: found 1.0; allowed: shares of the sites from 0 and",
    ),
    ((*DISK, "disorder", [{"name": "vacancies", "strength": [0, 1]}]), "strength: found [0, 1]; allowed: shares of"),
    (
        (*SSH, "parameters", "intracel", 1),
        "intracel: found an unknown key; allowed: intracell, intercell, the para",
    ),
    (
        (*SSH, "parameters", "intercell", GONE),
        "parameters.intercell: found nothing; allowed: a number, or [low, high]",
    ),
    (
        (*SSH, "parameters", "intracell", [2, 0]),
        "intracell: found [2, 0]; allowed: [low, high] with low ≤ high (did",
    ),
    (
        (*SSH, "parameters", "intracell", [0, 50]),
        "intracell: found [0, 50]; allowed: numbers from -4 to 4, in units",
    ),
    (
        (*SSH, "disorder", 0, "strength", [2, 1]),
        "disorder[0].strength: found [2, 1]; allowed: [low, high] with low",
    ),
    (
        (*SSH, "disorder", 0, "name", "onsite_box"),
        "disorder[0].name: found 'onsite_box'; allowed: bond_box, decoupled_edge, which",
    ),
    (
        (*SSH, "shape", {"name": "disk", "radius": 3}),
        "ssh_24.shape.name: found 'disk'; allowed: segment, the shapes",
    ),
    (
        (*DISK, "shape", {"name": "segment", "size": [9]}),
        "shape.name: found 'segment'; allowed: rectangle, disk, triangle, l_shape, the",
    ),
    (
        (*DISK, "disorder", [{"name": "bond_box", "strength": 1}] * 2),
        "disorder[1].name: found 'bond_box' twice; all",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), STRUCTURE, ids=lambda value: str(value)[:60])
def test_a_structure_that_the_schema_does_not_know_is_refused_in_one_sentence(change, sentence):
    assert sentence in refused(changed(change))


@pytest.mark.parametrize(("change", "sentence"), MEANING, ids=lambda value: str(value)[:60])
def test_a_study_that_makes_no_sense_is_refused_in_one_sentence(change, sentence):
    assert sentence in refused(changed(change))


def test_a_misspelt_key_is_reported_rather_than_the_key_that_it_leaves_missing():
    study = changed((*CNN, "channels", GONE), (*CNN, "chanels", [16]))
    assert refused(study).startswith("models.cnn.chanels: found an unknown key")
    assert refused(study).endswith("(did you mean 'channels'?)")


def test_a_key_that_an_overlay_misspells_is_recognised_beside_the_right_one():
    assert refused(changed((*CNN, "sedes", 5))).endswith("(did you mean 'seeds'?)")
    assert refused(changed(("stduy", "x"))).endswith("(did you mean 'study'?)")


def test_an_entry_whose_name_an_overlay_misspells_is_recognised():
    sentence = refused(changed(("models", "rsnet", {"seeds": 5})))
    assert sentence.startswith("models.rsnet.model: found nothing; allowed: coordinate_ring, ")
    assert sentence.endswith("(did you mean 'models.resnet'?)")
    assert "(did you mean 'datasets.qwz_8'?)" in refused(changed(("datasets", "qwz8", {"samples": {"test": 5}})))


def test_a_misspelt_parameter_is_reported_with_the_one_that_it_leaves_missing():
    study = changed((*SSH, "parameters", {"intracel": 1.0, "intercell": 1.0}))
    assert refused(study).endswith("the parameters of ssh (did you mean 'intracell'?)")


def test_a_window_wider_than_samples_of_another_size_is_refused():
    change = [(*WINDING, "sizes", "models", ["mlp"]), ("models", "mlp", "window", 8)]
    assert "models.mlp.window: found 8; allowed: a whole number from 1 up to 6, the shortest" in refused(
        changed(*change)
    )


def test_two_models_of_one_class_in_one_task_are_two_variants():
    twin = {**DEFAULT["models"]["ring_free"], "rank": 2, "label": "free ring, rank 2"}
    study = read_study(changed(("models", "twin", twin), (*CHERN, "models", ["ring_free", "twin"])))
    assert study.tasks.chern.models == ["ring_free", "twin"]
    assert [study.models[name].variant.options["rank"] for name in ("ring_free", "twin")] == [1, 2]
    assert (study.models["twin"].variant.name, study.models["twin"].label) == ("twin", "free ring, rank 2")


@pytest.mark.parametrize("study", [{}, None, [], "config.yaml", {1: 2}], ids=repr)
def test_what_is_no_study_at_all_is_refused(study):
    assert refused(study)


def test_the_default_study_is_accepted_and_complete():
    study = read_study(WRITTEN)
    assert study == read_study(DEFAULT)
    assert study.datasets["ssh_12"].model_dump() == {
        "system": "ssh",
        "parameters": {"intracell": [0.0, 2.0], "intercell": 1.0},
        "disorder": [{"name": "bond_box", "strength": [0.0, 2.0]}],
        "shape": {"name": "segment", "size": [12]},
        "samples": {"train": 600, "validation": 300, "test": 400},
        "minimum_margin": 0.2,
        "midgap_pair": "kept",
        "site_gauge": "fixed",
        "consensus": False,
    }


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_every_overlay_of_the_project_is_accepted_over_the_default_study(overlay):
    assert read_study(merged(WRITTEN, load(overlay))).study == overlay.stem


def test_what_is_read_shares_nothing_with_what_was_given():
    study = copy.deepcopy(DEFAULT)
    read_study(study).models["cnn"].channels.append(1)
    assert study == DEFAULT
    assert read_study(study).models["cnn"].channels == [16, 16]


def test_a_variant_holds_all_its_options_and_a_diagnostic_all_of_its_own():
    study = read_study(WRITTEN)
    closed = study.models["ring_coordinate_closed_form"]
    assert (closed.seeds, closed.variant.start, closed.variant.training.epochs) == (20, "closed_form", 60)
    assert closed.variant.options == {
        "start": "closed_form",
        "rank": 1,
        "scale": 1.0,
        "width": 16,
        "noise": 0.05,
        "route": "auto",
        "closed_form": None,
    }
    assert closed.declared.facts["role"] == "hybrid"
    assert study.models["loop_ridge"].variant.training is None
    hessian = study.trainability["hessian"]
    assert (hessian.options, hessian.seeds) == ({"samples": 200, "steps": 60, "exact": 600}, 3)
    assert hessian.row == DIAGNOSTICS["hessian"]
    assert "second derivative" in hessian.record.needs


@pytest.mark.parametrize(
    "change",
    [
        (*SSH, "disorder", []),
        (*SSH, "parameters", "intracell", 0),
        (*SSH, "parameters", "intracell", [1, 1]),
        (*WINDING, "tests", {"sizes": []}),
        ("maps", {}),
        ("interfaces", {}),
        ("ceiling", {}),
        (*DISK, "shape", "holes", [[0, 0, 2]]),
        (*MAP, "system", "toponn.matter.systems.qwz:QWZ"),
        (*CNN, "stencil", 0),
        (*CNN, "training", "learning_rate", 1),
        (*CNN, "training", "patience", None),
    ],
    ids=str,
)
def test_the_edges_of_what_is_allowed_are_accepted(change):
    assert read_study(changed(change)) != read_study(DEFAULT)


def test_a_study_of_chains_alone_is_accepted():
    study = read_study(changed(("tasks", "chern", GONE)))
    assert (study.tasks.chern, study.interfaces, study.beyond_dense) == (None, {}, None)
    assert set(study.maps) == {"ssh", "ssh_product_rule", "extended_ssh", "kitaev_chain"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("interfaces", "qwz", "model", "cnn"), "interfaces.qwz.model: found 'cnn'; allowed: hybrids"),
        (("interfaces", "qwz", "interface", "beyond", 1), "interfaces.qwz.interface.beyond: found 1; allowed: "),
        (("interfaces", "qwz", "seeds", 0), "interfaces.qwz.seeds: found 0; allowed: "),
        (("interfaces", "qwz", "interface", GONE), "interfaces.qwz.interface: found nothing; allowed: "),
        (
            ("interfaces", "qwz", "parameters", {"mas": 1}),
            "interfaces.qwz.parameters.mas: found an unknown key; allowed",
        ),
    ],
)
def test_an_interface_that_cannot_be_looked_at_is_refused(change, sentence):
    assert sentence in refused(changed(change))


# --- Values that are easily mistyped --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ((*SSH, "consensus", "yes"), "datasets.ssh_24.consensus: found 'yes'; allowed: true, false"),
        (("seed", "1e3"), "9223372036854775807, where YAML reads 1e3 as text: write 1000"),
        ((*CNN, "seeds", 10_000_000), "models.cnn.seeds: found 10000000; allowed: a whole number from 1 up to 100000"),
        (("search", "seeds", 10**30), "search.seeds: found 1000000000"),
        (
            (*DISK, "shape", {"name": "disk", "radius": 1.4}),
            "found 'disk 1.4'; allowed: shapes with sites and a bulk (",
        ),
        (
            (*DISK, "shape", {"name": "disk", "radius": 0.2}),
            "datasets.haldane_disk.shape: found 'disk 0.2'; allowed: shapes with sites",
        ),
        (("trainability", "spread", {"diagnostic": "toponn.trainability.no:f"}), "trainability.spread: toponn."),
        (("trainability", "spread", {"diagnostic": "spraed"}), "spread.diagnostic: found 'spraed'; allowed: learning_"),
    ],
)
def test_what_is_easily_mistyped_is_refused_at_once(change, sentence):
    assert sentence in refused_anyhow(changed(change))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["seeds", "row"], "found the option row; allowed: other names than the entry's own"),
        (["samples"], "found no option seeds; allowed: a function that takes how many"),
    ],
)
def test_a_users_own_diagnostic_takes_seeds_and_no_option_that_its_entry_has_already(options, sentence, monkeypatch):
    row = f"toponn.trainability.mine:{options[0]}"
    declared = Declared(row, "", dict.fromkeys(options, Option(int)))
    monkeypatch.setattr(members, "declared_function", lambda *_: declared)
    with pytest.raises(ConfigError, match=f"^{row}: {sentence}"):
        members.diagnostic_table(row)


def refused_anyhow(study):
    with pytest.raises(ConfigError, match="found") as caught:
        read_study(study)
    return str(caught.value)


# --- The short form ---------------------------------------------------------------------------------------------------


def short(**tables):
    """Return the datasets of a study of these tables, written out."""
    return expanded(tables)[0]["datasets"]


QWZ = {"system": "qwz", "parameters": {"mass": 1.0}}


def test_an_entry_like_another_has_its_keys_but_for_those_that_it_gives_whole():
    base = {**QWZ, "size": 8, "samples": {"train": 3, "test": 4}}
    found = short(datasets={"a": base, "b": {"like": "c", "samples": {"test": 5}}, "c": {"like": "a", "size": 6}})
    assert found["a"]["shape"] == {"name": "rectangle", "size": [8, 8]}
    assert found["b"] == {**QWZ, "shape": {"name": "rectangle", "size": [6, 6]}, "samples": {"test": 5}}
    found["b"]["parameters"]["mass"] = 2.0
    assert found["a"]["parameters"] == {"mass": 1.0}, "entries share nothing"


def test_a_shape_takes_the_place_of_a_size_and_a_size_that_of_a_shape():
    disk = {"name": "disk", "radius": 5.0}
    found = short(datasets={"a": {**QWZ, "size": 8}, "b": {"like": "a", "shape": disk}, "c": {"like": "b", "size": 3}})
    assert [found[name]["shape"]["name"] for name in "abc"] == ["rectangle", "disk", "rectangle"]


def test_a_list_of_sizes_makes_a_family_of_which_entries_say_what_differs():
    chain = {"system": "ssh", "sizes": [6, 8, 12], "samples": {"test": 1}}
    entries = {"ssh": chain, "ssh_8": {"samples": {"test": 2}}, "ssh_12": None, "other": {"like": "ssh_8", "size": 7}}
    found = short(datasets=entries)
    assert list(found) == ["ssh_6", "ssh_8", "other"]
    assert [entry["shape"]["size"] for entry in found.values()] == [[6], [8], [7]]
    assert [entry["samples"]["test"] for entry in found.values()] == [1, 2, 2]


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        (
            {"a": {"like": "b"}, "b": {"like": "a"}},
            "datasets.b.like: found 'a'; allowed: an entry that is not like this",
        ),
        ({"a": {"like": "a"}}, "datasets.a.like: found 'a'; allowed: another entry"),
        (
            {"qwz_8": QWZ, "a": {"like": "qzw_8"}},
            "found 'qzw_8'; allowed: another entry: qwz_8 (did you mean 'qwz_8'?)",
        ),
        ({"a": {**QWZ, "sizes": [8, 8]}}, "datasets.a.sizes: found [8, 8]; allowed: a list of 1 or more whole numbers"),
        ({"a": {**QWZ, "size": 0}}, "datasets.a.size: found 0; allowed: a number above 0"),
        ({"a": {"system": "ssh", "size": 2.5}}, "datasets.a.size: found 2.5; allowed: a whole number of cells from 1"),
        ({"a": {**QWZ, "size": 3, "shape": {}}}, "datasets.a.shape: found a shape beside a size; allowed: one of the"),
        ({"a": {"system": "qqz", "size": 3}}, "datasets.a.system: found 'qqz'; allowed: ssh, extended_ssh, "),
    ],
)
def test_a_short_form_that_leads_nowhere_is_refused(entries, sentence):
    with pytest.raises(ConfigError, match="found") as caught:
        expanded({"datasets": entries})
    assert sentence in str(caught.value)


def test_an_error_names_the_entry_in_which_the_key_is_written():
    study = merged(WRITTEN, {"datasets": {"ssh": {"parameters": {"intracel": 1.0}}}})
    assert refused(study).startswith("datasets.ssh.parameters.intracel: found an unknown key")
    study = merged(WRITTEN, {"datasets": {"qwz_disk": {"samples": {"test": 0}}}})
    assert refused(study).startswith("datasets.qwz_disk.samples.test: found 0")


def test_what_is_null_is_as_if_it_were_not_there_but_for_patience():
    removed = {
        "tasks": {"winding": None},
        "datasets": {"qwz_40": None},
        "maps": {"haldane": None},
        "beyond_dense": None,
    }
    fitted = {"cnn": {"training": {"patience": None}}}
    study = read_study(merged(WRITTEN, {**removed, "models": fitted, "trainability": {"basin": None}}))
    assert (study.tasks.winding, study.beyond_dense) == (None, None)
    assert not {"qwz_40"} & set(study.datasets) and not {"haldane", "ssh"} & set(study.maps)
    assert "basin" not in study.trainability
    assert study.models["cnn"].variant.training.patience is None
    assert study.models["resnet"].variant.training.patience == 20


# --- What is left of a study -----------------------------------------------------------------------------------------


def narrowed(only):
    return read_study(merged(WRITTEN, {"only": only}))


@pytest.mark.parametrize("only", ["chern", ["chern"], {"tasks": "chern"}, {"tasks": ["chern"]}], ids=str)
def test_one_task_is_left_with_all_that_is_its_own(only):
    study = narrowed(only)
    assert study.tasks.winding is None
    assert study.tasks.chern == read_study(WRITTEN).tasks.chern
    assert set(study.ceiling) == {"qwz", "haldane"} and not {"ssh", "kitaev_chain"} & set(study.convergence)
    assert set(study.interfaces) == {"qwz", "haldane"} and study.beyond_dense


def test_models_that_are_not_left_are_pruned_wherever_they_are_named():
    study = narrowed(["ring_free", "cnn", "gradients"])
    for task in (study.tasks.winding, study.tasks.chern):
        assert task.models == task.sizes.models == task.diagnosed.models == ["ring_free", "cnn"]
    assert study.tasks.winding.diagnosed.seeds == {}
    assert study.tasks.chern.left_out.models == ["cnn"]
    assert (study.interfaces, study.beyond_dense, list(study.trainability)) == ({}, None, ["gradients"])


def test_a_task_of_which_no_model_is_left_goes_too():
    study = narrowed("ring_wavefunction")
    assert (study.tasks.chern, study.tasks.winding.models) == (None, ["ring_wavefunction"])
    assert narrowed({"models": "ring_coordinate", "tasks": "winding"}).tasks.chern is None


def test_so_are_models_that_a_task_no_longer_lists():
    study = read_study(merged(WRITTEN, {"tasks": {"chern": {"models": ["ring_free"]}}})).tasks.chern
    assert (study.left_out, study.sizes.models, study.diagnosed.seeds) == (None, ["ring_free"], {"ring_free": 20})


@pytest.mark.parametrize("name", [*DEFAULT["tasks"], *DEFAULT["models"], *DEFAULT["trainability"]])
def test_any_one_name_leaves_a_study_if_some_model_of_it_can_be_tested(name):
    if name.endswith("closed_form"):
        with pytest.raises(ConfigError, match=f"only: found '{name}'; allowed: names that leave a task a model with a"):
            narrowed(name)
    else:
        narrowed(name)


@pytest.mark.parametrize(
    ("only", "sentence"),
    [
        ("chren", "only: found 'chren'; allowed: names among winding, chern, ring_coordinate, "),
        ("chren", "(did you mean 'chern'?)"),
        (["cnn", "rsnet"], "only: found 'rsnet'; allowed: "),
        (
            {"task": "chern"},
            "only.task: found an unknown key; allowed: tasks, models, diagnostics (did you mean 'tasks'?)",
        ),
        ({"tasks": "cnn"}, "only.tasks: found 'cnn'; allowed: names among winding, chern"),
        (3, "only: found 3; allowed: "),
        ([], "only: found []; allowed: "),
    ],
    ids=str,
)
def test_what_is_left_of_a_study_must_be_there(only, sentence):
    assert sentence in refused(merged(WRITTEN, {"only": only}))


# --- The schema ------------------------------------------------------------------------------------------------------


def properties(rule):
    """Yield the keys and rules of all tables in a schema."""
    if isinstance(rule, dict):
        yield from rule.get("properties", {}).items()
    for part in rule.values() if isinstance(rule, dict) else rule if isinstance(rule, list) else ():
        yield from properties(part)


def test_the_stored_schema_is_current():
    assert schema.PATH.read_text(encoding="utf-8") == schema.written(), "run python -m toponn.study.schema"


def test_the_schema_describes_every_key_and_gives_its_default():
    made = schema.schema()
    described = {**made["properties"], **dict(properties(made["$defs"]))}
    assert [key for key, rule in described.items() if "description" not in rule and "$ref" not in str(rule)] == []
    entries = made["properties"]["models"]["anyOf"][0]["additionalProperties"]["anyOf"][0]["anyOf"]
    cnn = next(e["properties"] for e in entries if e["properties"]["model"].get("const") == "cnn")
    assert (cnn["channels"]["default"], cnn["like"]["anyOf"][0]) == ([16, 16], {"type": "string"})
    assert "cells in each direction" not in cnn["stencil"]["description"]
    assert cnn["stencil"]["description"]


def test_the_schema_names_the_members_of_the_families():
    made = schema.schema()
    entries = made["properties"]["models"]["anyOf"][0]["additionalProperties"]["anyOf"][0]["anyOf"]
    assert [e["properties"]["model"].get("const") for e in entries] == [*MODELS, None], "and rows of a user's own"
    assert list(made["properties"]["trainability"]["anyOf"][0]["properties"]) == list(DIAGNOSTICS)
    assert set(SHAPE_TABLES) == set(SHAPES) == set(SHAPE_DIMENSION)


def test_the_estimators_that_a_map_may_name_are_those_of_the_recipes():
    references = import_module("toponn.data.recipes").REFERENCES
    assert {task: ("spectral_localizer", *names) for task, names in references.items()} == physics.ESTIMATORS_OF_TASK


def test_the_kinds_of_disorder_are_those_of_the_tasks_and_their_tasks_those_of_the_systems():
    assert {resolve(SYSTEMS, name, "system").task for name in SYSTEMS} == set(physics.DISORDER_OF_TASK)
    assert set().union(*physics.DISORDER_OF_TASK.values()) == set(DISORDER)


def test_checking_a_study_imports_neither_torch_nor_pandas():
    code = (
        "import sys, yaml; from toponn.study.read import read_study; import toponn.study.codetrace;"
        "read_study(yaml.safe_load(open(sys.argv[1], encoding='utf-8')));"
        "sys.exit(' '.join({'torch', 'pandas', 'h5py', 'matplotlib'} & set(sys.modules)) or None)"
    )
    path = str(Path(checks.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "config.yaml")],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert (done.stderr.strip(), done.returncode) == ("", 0)


def test_a_name_of_two_kinds_is_ambiguous_in_only_and_its_table_is_not():
    twin = ("models", "chern", {"like": "cnn"})
    sentence = "only: found 'chern'; allowed: only: {tasks: chern} or only: {models: chern}, since it is a name of both"
    assert refused(changed(twin, ("only", "chern"))) == sentence
    assert read_study(changed(twin, ("only", {"tasks": "chern"}))).tasks.winding is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("models", "x", {"like": "cnn", "label": "CNN"}), "models.x.label: found 'CNN'; allowed: another label than"),
        (("models", "x", {"like": "cnn", "label": "a $x"}), "models.x.label: found 'a $x'; allowed: up to 40"),
        (("onyl", "chern"), "onyl: found an unknown key; allowed: study, "),
        (
            ("models", "x", {"model": "toponn.models.network:Network"}),
            "toponn.models.network:Network: found a class without module; allowed: a model, which derives from",
        ),
        (
            ("models", "x", {"model": "toponn.models.network:Residual"}),
            "toponn.models.network:Residual: found a class without family; allowed: a model",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_a_user_adds_wrongly_is_refused_in_one_sentence(change, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        read_study(changed(change))


def test_an_entry_like_a_family_needs_a_size():
    short = merged(load(ROOT / "config.yaml"), {"datasets": {"a": {"like": "qwz"}}})
    with pytest.raises(ConfigError, match=r"datasets\.a\.like: found 'qwz'; allowed: a dataset of this family \(qwz_5"):
        read_study(short)
    short["datasets"]["a"]["size"] = 11
    assert read_study(short).datasets["a"].shape.size == [11, 11]


def test_what_null_removes_goes_from_the_lists_that_name_it_and_the_training_dataset_is_missed():
    study = read_study(changed(("models", "cnn", None), ("datasets", "qwz_6", None)))
    assert "cnn" not in study.tasks.chern.models and "cnn" not in study.tasks.chern.left_out.models
    assert "qwz_6" not in study.tasks.chern.tests.sizes
    assert "tasks.chern.dataset: found 'qwz_8'" in refused(changed(("datasets", "qwz_8", None)))


RECORDS = [
    ({"needs": ("run",)}, "needs: found 'run'; allowed: clean, "),
    ({"trainings": "nope"}, "trainings: found 'nope'; allowed: seeds"),
    ({"conditions": {"variant": "x"}}, "conditions: found 'variant'; allowed: names that are no columns of the tables"),
    (
        {"curves": record.Curves("c", (record.Panel("d", "sampels", "x", "y"),))},
        "curves: found 'sampels'; allowed: size",
    ),
    ({"statements": (record.Statement("d", "text", (("at", "start"),)),)}, "statements: found 'at'; allowed: size"),
]


@pytest.mark.parametrize(("fields", "sentence"), RECORDS, ids=[sentence[:20] for _, sentence in RECORDS])
def test_a_record_that_names_what_there_is_not_is_refused(fields, sentence):
    said = Declared("toponn.trainability.x:x", "", {"seeds": Option(Seeds, 2)}, record=record.Record(**fields))
    with pytest.raises(ConfigError, match=re.escape(f"toponn.trainability.x:x: {sentence}")):
        members._check_record(said)
