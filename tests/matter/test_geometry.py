"""Systems and shapes as the config names them: what is refused before any job, and a unit cell of a user's own."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from checkerboard import Checkerboard

from toponn.data.encodings.cell_image import cell_image
from toponn.data.generation import generate
from toponn.data.recipes import Recipe
from toponn.invariants.crystals import MEASURED_GAPS, bulk_invariant, gap_at_fermi_level, spread_over, typical_gap
from toponn.invariants.estimates import spectral_localizer
from toponn.invariants.localizer import kappa_from_gap
from toponn.matter.geometry import check_class, check_geometry, square_of, system_of
from toponn.matter.lattices import LATTICES, SQUARE, UnitCell
from toponn.matter.systems import SYSTEMS
from toponn.matter.systems.base import Bond, System
from toponn.matter.systems.kagome import Kagome
from toponn.matter.systems.qwz import QWZ
from toponn.matter.systems.ssh import SSH
from toponn.study.read import read_study
from toponn.tools.checks import ConfigError

ROOT = Path(__file__).resolve().parents[2]
SQUARE_8 = {"name": "rectangle", "size": [8, 8]}
ENTRY = {
    "name": "mine",
    "seed": 5,
    "system": Checkerboard(),
    "shape": SQUARE_8,
    "parameters": {"mass": [-4.0, 4.0], "diagonal": 0.5},
    "disorder": [],
}


# --- A unit cell that comes with the class ----------------------------------------------------------------


@pytest.fixture(scope="module")
def made():
    return generate(**ENTRY, samples={"test": 60}, minimum_margin=0.4)


def test_a_class_with_its_own_cell_and_no_kappa_makes_samples_with_the_labels_of_its_closed_form(made):
    mass, label, attributes = made.numbers["parameters/mass"], made.label, made.attributes
    assert np.array_equal(label, np.abs(mass) < 4 * 0.5)  # C = 1 where |M| < 4t'
    assert set(label.tolist()) == {0, 1}
    assert attributes["lattice"] == "checkerboard" not in LATTICES
    assert attributes["system"] == "checkerboard[rectangle 8x8]"
    assert attributes["area_per_site"] == 1
    assert np.array_equal(made.proxies["clean_parameters"], label), "the vectors of this cell are left-handed"


def test_a_cell_of_one_s_own_has_cells_and_sublattices_and_so_an_image(made):
    assert np.bincount(made.sublattice).tolist() == [32, 32]
    image = cell_image(made, stencil=1)["image"]
    assert image.shape == (60, 2 * 9 * 4, *(made.cell.max(axis=0) + 1))
    assert np.isfinite(image).all()
    assert 0 < np.abs(image).max() <= 1


def test_the_lattice_key_takes_the_name_of_the_cell_and_no_other():
    assert Checkerboard.lattices == ("checkerboard",)
    assert Recipe.of(**ENTRY, lattice="checkerboard").lattice is Checkerboard.unit_cell
    with pytest.raises(ConfigError, match=r"^datasets\.mine\.lattice: found 'square'; allowed: checkerboard, which"):
        Recipe.of(**ENTRY, lattice="square")


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_lives_on_lattices_that_are_found_by_name(name):
    system = system_of(name)
    for lattice in system.lattices:
        assert system.lattice(lattice).name == lattice
    assert system.lattice() is system.lattice(system.lattices[0])


# --- κ ----------------------------------------------------------------------------------------------------


def without_kappa(system):
    return type(system.__name__, (system,), {"localizer_kappa": None})()


def test_a_system_that_names_kappa_keeps_it_to_the_last_bit():
    recipe = Recipe.of(**ENTRY | {"system": "qwz", "parameters": {"mass": [-3.5, 3.5]}})
    assert recipe.kappa == 0.2
    sample = recipe.draw([0])
    assert recipe.estimate("spectral_localizer", sample).margin == spectral_localizer(sample, 0.2).margin


@pytest.mark.parametrize(
    ("system", "parameters", "gap", "shape", "radius"),
    [
        (QWZ, {"mass": -1.0}, 2.0, SQUARE_8, 4.0),
        (QWZ, {"mass": [-2.0, 0.0]}, 1.0, SQUARE_8, 4.0),  # the gap is twice the distance of −2 or 0
        (SSH, {"intracell": [0.0, 2.0], "intercell": 1.0}, 1.0, {"name": "segment", "size": [24]}, 12.0),
        (QWZ, {"mass": [-6.0, 6.0]}, MEASURED_GAPS[1], {"name": "disk", "radius": 6}, 6.5),
        (QWZ, {"mass": -2.001}, MEASURED_GAPS[0], {"name": "triangle", "side": 16.0}, 16.0 / np.sqrt(12.0)),
    ],
)
def test_without_one_kappa_follows_from_the_median_gap_over_the_parameters(system, parameters, gap, shape, radius):
    made = Recipe.of(**ENTRY | {"system": without_kappa(system), "shape": shape, "parameters": parameters})
    assert made.kappa == pytest.approx(kappa_from_gap(gap, radius), rel=0.05)
    again = Recipe.of(**ENTRY | {"system": without_kappa(system), "shape": shape, "parameters": parameters, "seed": 9})
    assert made.kappa == again.kappa, "nothing of it is drawn"


def test_labels_with_the_kappa_of_the_gap_are_those_with_the_class_s_own():
    disorder = [{"name": "onsite_box", "strength": [0.0, 2.0]}]
    entry = ENTRY | {"system": "qwz", "parameters": {"mass": [-3.0, 3.0]}, "disorder": disorder}
    ours, theirs = (Recipe.of(**entry | {"system": system}) for system in (without_kappa(QWZ), QWZ()))
    samples = theirs.draw(range(40))
    a, b = (made.estimate("spectral_localizer", samples, 0.2) for made in (ours, theirs))
    both = a.decided & b.decided
    assert both.sum() > 20
    assert np.array_equal(a.value[both], b.value[both])


def test_points_spread_over_a_box_leave_no_part_of_it_empty():
    points = spread_over({"a": [0, 1], "b": [2.0, 4.0], "c": 7}, 64)
    assert {point["c"] for point in points} == {7.0}
    a, b = (np.array([point[key] for point in points]) for key in "ab")
    counts, *_ = np.histogram2d(a, b, bins=4, range=[[0, 1], [2, 4]])
    assert counts.min() >= 2
    assert counts.max() <= 6
    assert len(spread_over({"a": 1.0}, 64)) == 1


def test_the_gap_is_none_where_bands_overlap_and_not_a_number_where_nothing_is_filled():
    assert gap_at_fermi_level(QWZ(), {"mass": -1.0}, 24) == pytest.approx(2.0)
    assert gap_at_fermi_level(QWZ(), {"mass": 0.0}, 24) == pytest.approx(0.0, abs=1e-12)
    hofstadter = system_of("hofstadter")
    assert np.isnan(gap_at_fermi_level(hofstadter, {"flux": 1 / 3, "fermi_energy": -4.9}, 24))
    assert gap_at_fermi_level(hofstadter, {"flux": 1 / 3, "fermi_energy": -2.1}, 24) == 0
    assert typical_gap(hofstadter, {"flux": [0.1, 0.3], "fermi_energy": 0.0}) == MEASURED_GAPS[0], "no crystal at all"


def test_the_chern_number_of_a_crystal_does_not_depend_on_the_order_of_its_vectors():
    class Turned(Checkerboard):
        cell = Checkerboard.unit_cell
        unit_cell = UnitCell("turned", cell.vectors[::-1], cell.basis)

        def bonds(self, **parameters):
            table = super().bonds(**parameters)
            return tuple(Bond(b.name, b.source, b.target, b.offset[::-1], b.amplitude) for b in table)

    for system in (Checkerboard(), Turned()):
        assert bulk_invariant(system, {"mass": 0.5, "diagonal": 0.5}, 24) == 1
        assert bulk_invariant(system, {"mass": 3.5, "diagonal": 0.5}, 24) == 0


# --- What is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "shape", "sentence"),
    [
        ("qwz", {"name": "disk", "radius": 1e300}, r"shape\.radius: found 1e\+300; allowed: numbers up to 1,000,000"),
        ("qwz", {"name": "disk", "radius": float("nan")}, r"shape\.radius: found nan; allowed: numbers up to"),
        ("ssh", {"name": "segment", "size": [10**400]}, r"shape\.size: found \[1000.*\.\.\.; allowed: numbers up to"),
        ("qwz", {"name": "rectangle", "size": [2000, 2000]}, r"found rectangle 2000x2000, .* at most 1,000,000 sites"),
        (
            "qwz",
            {"name": "rectangle", "size": [1, 900000]},
            r"at most 1,000,000 sites, not many times longer than wide",
        ),
        ("ssh", {"name": "segment", "size": [600000]}, r"found segment 600000, .* at most 1,000,000 sites"),
        ("haldane", {"name": "disk", "radius": 0.1}, r"shape: found 'disk 0.1'; allowed: shapes with sites and a bulk"),
        ("kagome", {"name": "disk", "radius": 3, "holes": [[0, 0, 4]]}, r"shapes with sites and a bulk \(.*no site"),
        ("amorphous_chern", {"name": "disk", "radius": 0.2}, r"shapes with sites and a bulk \(found room for no site"),
        ("kagome", {"name": "triangle", "side": 5.0}, r"a bulk \(positions: found no site in the middle 0.5"),
        ("qwz", {"name": "segment", "size": [9]}, r"shape\.name: found 'segment'; allowed: rectangle, disk, triangle"),
        (
            "ssh",
            {"name": "disk", "radius": 4},
            r"shape\.name: found 'disk'; allowed: segment, the shapes in 1D, where ssh lives",
        ),
    ],
)
def test_a_shape_that_no_sample_can_have_is_refused_at_once(system, shape, sentence):
    start = time.perf_counter()
    with pytest.raises(ConfigError, match=rf"^maps\.a\.{sentence}|^maps\.a\.shape: .*{sentence}"):
        check_geometry(system=system, shape=shape, where="maps.a")
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("shape", "counts", "cure"),
    [
        ({"name": "rectangle", "size": [5, 5]}, "13 and 12", r"another size \(rectangle 6x6\)"),
        (
            {"name": "rectangle", "size": [7, 7], "holes": [[0.5, 0, 1]]},
            "24 and 23",
            r"another size \(rectangle 8x8 .*\)",
        ),
        ({"name": "disk", "radius": 3.0}, "13 and 16", "another shape"),  # every disk is centred on an A site
    ],
)
def test_what_cannot_be_half_filled_is_refused_with_a_size_that_can(shape, counts, cure):
    pattern = rf"^datasets\.a\.shape: found .*, with {counts} sites on its .*: {cure}, or fermi_level in the class$"
    with pytest.raises(ConfigError, match=pattern):
        check_geometry(system=Checkerboard(), shape=shape, where="datasets.a")

    class Filled(Checkerboard):
        def fermi_level(self, **parameters):
            return 0.0

    check_geometry(system=Filled(), shape=shape)


def test_the_datasets_of_the_study_are_checked_in_well_under_half_a_second_with_numpy_alone():
    study = read_study(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
    entries = [
        {"system": e.system, "shape": e.shape.model_dump(), "lattice": e.lattice} for e in study.datasets.values()
    ]
    assert len(entries) > 40
    code = (
        "import sys, time\n"
        "from toponn.matter.geometry import check_geometry\n"
        f"entries = {entries!r}\n"
        "start = time.process_time()\n"
        "for entry in entries: check_geometry(**entry)\n"
        "assert time.process_time() - start < 0.4, time.process_time() - start\n"
        "heavy = {'torch', 'scipy', 'pandas', 'h5py', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT / "workflow")


def broken(**changes):
    return type("Broken", (Checkerboard,), {"name": "broken", **changes})


ONE = np.ones((1, 1))
BROKEN = {
    "no class": (len, "a class that derives from System"),
    "no system": (dict, "a class that derives from System"),
    "nothing defined": (
        type("Empty", (System,), {}),
        r"a system that defines connections, terms, name, task, .*lattic",
    ),
    "no cell": (
        type("NoCell", (Checkerboard.__base__,), {"onsite": 0, "bonds": 0, "name": "", "task": "chern"}),
        r"a system that defines symmetry_class, n_orbitals, parameters, unit_cell$",
    ),
    "another task": (broken(task="cern"), "a system whose task is winding or chern"),
    "flat cell": (broken(unit_cell=UnitCell("flat", ((1.0, 1.0), (1.0, 1.0)), ((0.0, 0.0),))), "vectors that span"),
    "no cell at all": (broken(unit_cell=3), "a unit_cell of 2 vectors"),
    "a taken name": (broken(unit_cell=UnitCell("kagome", SQUARE.vectors, SQUARE.basis)), "another name for its unit"),
    "other lattices": (broken(lattices=("square",)), "no other lattices than its unit_cell's, checkerboard"),
    "too many orbitals": (broken(n_orbitals=2), "tables of 2 orbitals a site on 2 .* of the unit cell checkerboard"),
    "not Hermitian": (broken(onsite=lambda self, **p: 1j * np.ones((2, 1, 1))), "Hermitian on-site matrices"),
    "fails": (broken(onsite=lambda self, *, mass: 0), r"whose tables fail: TypeError: .*unexpected keyword"),
    "beyond the cell": (
        broken(bonds=lambda self, **p: (Bond("x", 0, 2, (0, 0), ONE),)),
        "bonds between sublattices 0 to 1 of cells that are 2 whole",
    ),
    "one offset": (broken(bonds=lambda self, **p: (Bond("x", 0, 1, (0,), ONE),)), "that are 2 whole number"),
    "onto itself": (broken(bonds=lambda self, **p: (Bond("x", 0, 0, (0, 0), ONE),)), "what stays on a site is in ons"),
    "both ways": (
        broken(bonds=lambda self, **p: (Bond("x", 0, 1, (1, 0), ONE), Bond("y", 1, 0, (-1, 0), ONE))),
        "each bond once, since its conjugate is added",
    ),
    "an odd number of bands": (
        type("Odd", (Kagome,), {"fermi_level": lambda self, **p: None}),
        "an even number of bands, which 3 is not, to be half filled, or a class with fermi_level",
    ),
    "no kappa without bands": (
        type("Amorphous", (type(system_of("amorphous_chern")),), {"localizer_kappa": None}),
        "a localizer_kappa, since without a unit cell no bands give one",
    ),
    "unknown lattices": (
        type("Elsewhere", (type(system_of("amorphous_chern")),), {"lattices": ("moon",)}),
        "a system whose lattices are among chain, square",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_class_that_is_wrong_is_refused_in_one_sentence(name):
    kind, sentence = BROKEN[name]
    with pytest.raises(ConfigError, match=rf"^datasets\.a\.system: found 'mine'.*{sentence}"):
        check_class(kind, "mine", "datasets.a.system")


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_of_the_study_passes(name):
    system = system_of(name)
    check_class(type(system), name)
    length = 24 if system.task == "winding" else 8
    check_geometry(system=name, shape=square_of(name, length))
