"""A user's own system is one new file and one entry of the study: no row elsewhere, and nothing else reruns."""

import re

import h5py
import numpy as np
import yaml

FILE = "workflow/toponn/systems/p_wave.py"
SYSTEM = '''"""A superconductor with pairing p_x + i p_y on the square lattice."""

import numpy as np

from toponn.conventions import PAULI_X, PAULI_Y, PAULI_Z
from toponn.lattices import SQUARE
from toponn.systems.base import Bond, LatticeSystem, Parameter


class PWave(LatticeSystem):
    """``H(k) = −(μ + 2 cos kx + 2 cos ky)τz + Δ(sin kx τx + sin ky τy)`` of spinless electrons and holes."""

    name = "p_wave"
    task = "chern"
    symmetry_class = "D"
    lattices = ("square",)
    unit_cell = SQUARE
    n_orbitals = 2
    parameters = {
        "chemical_potential": Parameter(-8.0, 8.0, "hopping", "μ"),
        "pairing": Parameter(-2.0, 2.0, "hopping", "Δ"),
    }
    localizer_kappa = 0.3

    def onsite(self, *, chemical_potential: float, pairing: float) -> np.ndarray:
        """Return −μ τz."""
        return -chemical_potential * PAULI_Z[None]

    def bonds(self, *, chemical_potential: float, pairing: float) -> tuple[Bond, ...]:
        """Return the bonds along x and y."""
        return (
            Bond("x", 0, 0, (1, 0), -PAULI_Z + 0.5j * pairing * PAULI_X),
            Bond("y", 0, 0, (0, 1), -PAULI_Z + 0.5j * pairing * PAULI_Y),
        )
'''
ENTRY = {
    "system": "toponn.systems.p_wave:PWave",
    "shape": {"name": "rectangle", "size": [8, 8]},
    "parameters": {"chemical_potential": [-6.0, 6.0], "pairing": 1.0},
    "disorder": [],
    "samples": {"test": 24},
    "minimum_margin": 0.4,
}
FILES = ["results/default/datasets/p_wave_8.h5", "results/default/datasets/qwz_6.h5"]


def test_one_file_and_one_entry_make_a_dataset_that_alone_depends_on_that_file(own_project):
    (own_project.root / FILE).write_text(SYSTEM, encoding="utf-8")
    overlay = {"datasets": {"p_wave_8": ENTRY, "qwz_6": {"samples": {"test": 4}}}}
    (own_project.root / "mine.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    arguments = ("--cores", "1", *FILES, "--configfile", "mine.yaml")
    run = own_project.snakemake(*arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    with h5py.File(own_project.root / FILES[0]) as file:
        mu, label = file["parameters/chemical_potential"][()], file["label"][()]
    # d_z changes its sign against QWZ's, and with it the Chern number.
    assert len(label) == 24 and np.array_equal(label, np.where(np.abs(mu) < 4, np.sign(mu), 0))
    assert set(label.tolist()) == {-1, 0, 1}

    def planned():
        again = own_project.snakemake(*arguments, "-n")
        assert again.returncode == 0, again.stderr
        return re.findall(r"Drawing and labelling the samples of (\w+)", again.stdout + again.stderr)

    assert planned() == []
    with own_project.edited(FILE, SYSTEM.replace("-PAULI_Z", "-1.0 * PAULI_Z")):
        assert planned() == ["p_wave_8"]


def test_a_system_that_no_file_has_is_refused_in_one_sentence(own_project):
    entry = ENTRY | {"system": "toponn.systems.p_wave:PWave"}
    (own_project.root / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"p_wave_8": entry}}), encoding="utf-8")
    run = own_project.snakemake("-n", FILES[0], "--configfile", "mine.yaml")
    assert run.returncode == 1
    assert "datasets.p_wave_8.system: found 'toponn.systems.p_wave:PWave'; allowed: a class in a file" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
