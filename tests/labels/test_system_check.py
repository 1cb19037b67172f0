"""``python -m toponn check``: the symmetries of a Hamiltonian, and the report on a system."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from checkerboard import Checkerboard

from toponn.__main__ import main
from toponn.data.recipes import Recipe
from toponn.invariants.crystals import spread_over
from toponn.labels.system_check import family, table
from toponn.matter.geometry import square_of, system_of
from toponn.matter.lattices import CHAIN, SQUARE, cut
from toponn.matter.shapes import shape_of
from toponn.matter.systems import SYSTEMS
from toponn.matter.systems.base import Bond, LatticeSystem, Parameter
from toponn.matter.systems.haldane import Haldane
from toponn.matter.systems.hofstadter import Hofstadter
from toponn.matter.systems.kagome import Kagome
from toponn.matter.systems.qwz import QWZ
from toponn.matter.systems.ssh import SSH
from toponn.matter.systems.symmetries import CLASSES, check_symmetry_class, matrices, symmetries
from toponn.tools.checks import ConfigError
from toponn.tools.conventions import IDENTITY, PAULI_X, PAULI_Y, PAULI_Z

TESTS = Path(__file__).resolve().parents[1]


def found_in(system, number=3):
    """Return the symmetries of a system at points spread over its parameters."""
    ranges = {key: [parameter.low, parameter.high] for key, parameter in system.parameters.items()}
    settings = {"name": "x", "seed": 1, "disorder": [], "parameters": ranges, "system": system}
    side = 8 if system.task == "winding" else 6
    recipe = Recipe.of(**settings, shape=square_of(system, side))
    return symmetries(system, recipe.sites, spread_over(ranges, number + 1)[1:])


class Helical(LatticeSystem):
    """QWZ for spin up and its time reverse for spin down (Bernevig, Hughes, Zhang 2006), and Rashba's coupling."""

    name = "helical"
    task = "chern"
    symmetry_class = "AII"
    unit_cell = SQUARE
    n_orbitals = 4
    parameters = {key: Parameter(0.3, 2.0, "hopping", key) for key in ("mass", "shift", "rashba")}

    def onsite(self, *, mass, shift, rashba):
        return np.kron(IDENTITY, mass * PAULI_Z + shift * IDENTITY)[None]

    def bonds(self, *, mass, shift, rashba):
        x = np.kron(IDENTITY, PAULI_Z + 0.3 * IDENTITY) + 1j * np.kron(PAULI_Z, PAULI_X)
        y = np.kron(IDENTITY, PAULI_Z + 1j * PAULI_Y)
        mixed = np.kron(np.eye(2), (IDENTITY + PAULI_Z) / 2)
        along_x, along_y = 1j * np.kron(PAULI_Y, IDENTITY) @ mixed, 1j * np.kron(PAULI_X, IDENTITY) @ mixed
        return (
            Bond("x", 0, 0, (1, 0), (x + rashba * along_x) / 2),
            Bond("y", 0, 0, (0, 1), (y + rashba * along_y) / 2),
        )


class Twisted(LatticeSystem):
    """A chain with complex hoppings of two ranges: chiral, without time reversal."""

    name = "twisted"
    task = "winding"
    symmetry_class = "AIII"
    unit_cell = CHAIN
    n_orbitals = 1
    parameters = {"v": Parameter(0.2, 2.0, "w", "within a cell"), "twist": Parameter(0.2, 1.2, "rad", "phase")}

    def onsite(self, **parameters):
        return np.zeros((2, 1, 1))

    def bonds(self, *, v, twist):
        one = np.ones((1, 1))
        ranges = ((0, v), (1, 1.0), (2, 0.7 * np.exp(1j * twist)))
        return tuple(Bond(str(n), 1, 0, (n,), t * one) for n, t in ranges)


# --- Symmetries -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "kind"),
    [
        ("ssh", "BDI"),
        ("kitaev_chain", "BDI"),
        (Twisted(), "AIII"),
        ("qwz", "D"),  # σx H* σx = −H, which on-site disorder breaks
        ("higher_chern", "C"),  # Schnyder et al. 2008: d + id is of class C, whose Chern numbers are even
        ("amorphous_chern", "D"),
        ("haldane", "A"),
        ("kagome", "A"),
        ("hofstadter", "A"),
        (Checkerboard(), "A"),
        (Helical(), "AII"),
    ],
    ids=str,
)
def test_the_class_of_a_clean_hamiltonian_is_that_of_the_literature(system, kind):
    found = found_in(system_of(system))
    assert found.kind == (kind,)
    assert found.sublattice == (kind in ("BDI", "AIII"))


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_declared_class_of_every_system_holds(name):
    check_symmetry_class(system_of(name), found_in(system_of(name)))


@pytest.mark.parametrize(
    ("system", "declared", "sentence"),
    [
        (QWZ, "AII", "found 'AII', but no time reversal of square -1; allowed: A, D"),
        (QWZ, "C", "found 'C', but no particle-hole symmetry of square -1; allowed: A, D"),
        (Haldane, "AIII", "found 'AIII', but no chiral symmetry; allowed: A$"),
        (Twisted, "BDI", "found 'BDI', but no time reversal of square .1 and no particle-hole .*; allowed: A, AIII"),
        (QWZ, "Q", "found 'Q'; allowed: A, AIII, AI, BDI"),
    ],
)
def test_a_class_whose_symmetries_do_not_hold_is_refused_with_those_that_do(system, declared, sentence):
    wrong = type("Wrong", (system,), {"symmetry_class": declared})()
    with pytest.raises(ConfigError, match=rf"^{system.name}\.symmetry_class: {sentence}"):
        check_symmetry_class(wrong, found_in(wrong))


def test_a_chain_with_terms_within_a_sublattice_has_no_winding_number():
    class Staggered(Twisted):
        symmetry_class = "A"

        def onsite(self, **parameters):
            return np.array([[[0.3]], [[-0.3]]])

    with pytest.raises(ConfigError, match="twisted: found terms within a sublattice; allowed: chains of two subl"):
        check_symmetry_class(Staggered(), found_in(Staggered()))


@pytest.mark.parametrize(("system", "inverted"), [(QWZ(), True), (SSH(), True), (Twisted(), False)])
def test_inversion_is_found_where_a_half_turn_leaves_the_crystal_alone(system, inverted):
    assert found_in(system).inversion is inverted


def test_a_mass_breaks_the_inversion_of_the_honeycomb_lattice():
    assert found_in(Haldane()).inversion is False
    massless = type("Massless", (Haldane,), {"onsite": lambda self, **p: np.zeros((2, 1, 1))})()
    assert found_in(massless).inversion is True
    assert found_in(Kagome()).inversion is False, "its two kinds of triangles differ"
    assert found_in(Hofstadter()).inversion is None, "its flux fits no torus"


def test_a_matrix_that_was_hidden_in_a_hamiltonian_is_found_again():
    sites = cut(SQUARE, shape_of({"name": "rectangle", "size": [4, 4]}).inside, 3.0)
    rng = np.random.default_rng(1)
    u = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0]
    terms = QWZ().terms(sites, QWZ().connections(sites), mass=0.7).hamiltonian()
    A = terms.reshape(16, 2, 16, 2).swapaxes(1, 2)
    (found,) = matrices([A], [u @ A @ u.conj().T], np.zeros(16, dtype=int))
    assert np.abs(np.vdot(found, u)) == pytest.approx(np.sqrt(2))
    A[0, 0] += np.diag([0.1, -0.2])
    assert not len(matrices([A], [A.conj()], np.zeros(16, dtype=int))), "control"


def test_there_are_ten_classes():
    assert len(set(CLASSES.values())) == len(CLASSES) == 10
    for name, (T, P, chiral) in CLASSES.items():
        assert bool(chiral) == (bool(T and P) or name == "AIII"), "their product is chiral"


# --- The report -------------------------------------------------------------------------------------------


def test_the_report_says_bands_gap_symmetries_filling_kappa_and_what_estimators_say(capsys):
    assert main(["check", "checkerboard:Checkerboard"]) == 0
    said = capsys.readouterr().out
    assert "checkerboard: chern number, class A, on checkerboard, 2 site(s) a cell, 1 orbital(s) a site." in said
    assert "Bands at the middle of the parameters, mass 0.00, diagonal 0.50: gap 4.00, invariant 1" in said
    assert "  mass: 0 | -3.92 | 1 | 3.92 | 0" in said  # |M| = 4t'
    assert "  time reversal  no" in said
    assert "Filling of rectangle 8x8: its lower half is filled." in said
    assert "κ = 0.247 follows from the typical gap over the ranges, 2.00, and this size; the class names none." in said
    assert "The integer of chern_number, decided: bott_index 4 of 4, spectral_localizer 4 of 4" in said


def test_the_report_on_a_chain_names_its_transitions_and_every_estimator(capsys):
    assert main(["check", "ssh"]) == 0
    said = capsys.readouterr().out
    assert "  intracell: 0 | -3.85 | 1 | 3.85 | 0" in said  # through intercell 3.85
    assert "the class names 0.1." in said
    for estimator in ("spectral_localizer", "real_space_winding", "product_rule"):
        assert f"{estimator} 4 of 4" in said


CHANGES = {
    "another symmetry": ('"A"', '"AI"', "checkerboard.symmetry_class: found 'AI', but no time reversal of square +1"),
    "another cell": ("basis=((0.0, 0.0), (1.0, 0.0))", "basis=((0.0, 0.0),)", "bond matrices 1×1"),
    "a missing method": ("def bonds", "def bindings", "allowed: a system that defines bonds"),
    "a missing import": ("import numpy as np", "import numpy as np, nowhere", "whose file imports nowhere"),
    "a slip": ("import numpy as np", "import numpy as np, 3", "whose file fails: SyntaxError"),
    "other bands": (
        "    def onsite(",
        "    def bloch(self, k, **p):\n        return 2 * super().bloch(k, **p)\n\n    def onsite(",
        "checkerboard: found bands and samples on a torus whose energies differ by up to",
    ),
    "a failure": (
        "        turn =",
        "        if diagonal > 0.8:\n            raise OverflowError('far')\n        turn =",
        ": it fails: OverflowError: far",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_class_that_is_wrong_ends_with_one_sentence_and_exit_code_one(name, tmp_path, monkeypatch, capsys):
    old, new, sentence = CHANGES[name]
    text = (TESTS / "checkerboard.py").read_text(encoding="utf-8")
    assert old in text
    module = f"mine_{list(CHANGES).index(name)}"
    (tmp_path / f"{module}.py").write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["check", f"{module}:Checkerboard"]) == 1
    streams = capsys.readouterr()
    assert sentence in streams.err
    assert streams.err.count("\n") == 1
    assert not streams.out


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("qzw", "found 'qzw'; allowed: .*did you mean 'qwz'"),
        ("nowhere:Mine", "found 'nowhere:Mine'; allowed: module:Class of a file that Python finds from here"),
        ("checkerboard:Mine", "found 'checkerboard:Mine'; allowed: module:Class of a file that Python finds from here"),
        ("checkerboard:ONE", "found 'checkerboard:ONE'; allowed: a class that derives from System"),
        (":", "found ':'; allowed: module:Class"),
    ],
)
def test_a_name_that_is_no_system_is_refused(name, sentence):
    with pytest.raises(ConfigError, match=f"^system: {sentence}"):
        family(name)


def test_the_command_runs_from_where_a_user_s_file_is():
    command = [sys.executable, "-m", "toponn", "check", "checkerboard:Nothing"]
    environment = {"PYTHONPATH": str(TESTS.parent / "workflow"), "PATH": ""}
    run = subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("system: found 'checkerboard:Nothing'; allowed: module:Class")
    assert "Traceback" not in run.stderr


def test_columns_are_as_wide_as_their_widest_entry():
    assert table(("a", "b"), [("long", "1"), ("x", "")]) == "  a     b\n  long  1\n  x"
