"""A user's own system is one new file and one entry of the study: no row elsewhere, and nothing else reruns."""

import re
from pathlib import Path

import h5py
import numpy as np
import yaml

ROOT = Path(__file__).parents[2]
FILE = "workflow/toponn/matter/systems/checkerboard.py"
SYSTEM = (ROOT / "tests" / "checkerboard.py").read_text(encoding="utf-8")
ENTRY = {
    "system": "toponn.matter.systems.checkerboard:Checkerboard",
    "shape": {"name": "rectangle", "size": [8, 8]},
    "parameters": {"mass": [-4.0, 4.0], "diagonal": 0.5},
    "disorder": [],
    "samples": {"test": 24},
    "minimum_margin": 0.4,
}
FILES = ["results/default/datasets/checkerboard_8.h5", "results/default/datasets/qwz_6.h5"]


def write_study(project, datasets):
    (project.root / "mine.yaml").write_text(yaml.safe_dump({"datasets": datasets}), encoding="utf-8")


def refusal(project, entry):
    """Return what a dry run with this dataset says, which it refuses without a traceback."""
    write_study(project, {"checkerboard_8": entry})
    run = project.snakemake("-n", FILES[0], "--configfile", "mine.yaml")
    assert run.returncode == 1
    assert "Traceback" not in run.stdout + run.stderr
    return run.stderr


def test_one_file_and_one_entry_make_a_dataset_that_alone_depends_on_that_file(own_project):
    (own_project.root / FILE).write_text(SYSTEM, encoding="utf-8")
    write_study(
        own_project, {"checkerboard_8": ENTRY, "qwz_6": {"samples": dict.fromkeys(("train", "validation", "test"), 4)}}
    )
    arguments = ("--cores", "1", *FILES, "--configfile", "mine.yaml")
    run = own_project.snakemake(*arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    with h5py.File(own_project.root / FILES[0]) as file:
        mass, label = file["parameters/mass"][()], file["label"][()]
        assert file.attrs["lattice"] == "checkerboard"
    assert len(label) == 24 and np.array_equal(label, np.abs(mass) < 4 * 0.5)  # C = 1 where |M| < 4t'
    assert set(label.tolist()) == {0, 1}

    def planned():
        again = own_project.snakemake(*arguments, "-n")
        assert again.returncode == 0, again.stderr
        return re.findall(r"Drawing and labelling the samples of (\w+)", again.stdout + again.stderr)

    assert planned() == []
    with own_project.edited(FILE, SYSTEM.replace("turn.conj()", "1.0 * turn.conj()")):
        assert planned() == ["checkerboard_8"]


def test_a_system_that_no_file_has_is_refused_in_one_sentence(own_project):
    said = refusal(own_project, ENTRY)
    assert f"datasets.checkerboard_8.system: found '{ENTRY['system']}'; allowed: a class in a file of" in said


def test_a_size_that_cannot_be_half_filled_is_refused_before_any_job(own_project):
    (own_project.root / FILE).write_text(SYSTEM, encoding="utf-8")
    entry = ENTRY | {"shape": {"name": "rectangle", "size": [5, 5]}}
    said = refusal(own_project, entry)
    assert "datasets.checkerboard_8.shape: found rectangle 5x5, with 13 and 12 sites on its sublattices" in said
    assert "another size (rectangle 6x6), or fermi_level in the class" in said
