import numpy as np
import pytest

from toponn.data.recipes import Recipe
from toponn.invariants.bloch import chern_number
from toponn.invariants.crystals import bulk_invariant, filled_bands
from toponn.invariants.estimates import spectral_localizer
from toponn.invariants.localizer import kappa_from_gap
from toponn.labels.convergence import bulk, convergence_rows, crystal_estimates, open_estimates
from toponn.matter.geometry import square_of
from toponn.matter.systems.haldane import Haldane
from toponn.matter.systems.hofstadter import Hofstadter
from toponn.matter.systems.kagome import Kagome
from toponn.matter.systems.kitaev_chain import KitaevChain
from toponn.matter.systems.qwz import QWZ
from toponn.matter.systems.ssh import SSH
from toponn.tools.checks import ConfigError
from toponn.tools.tables import TABLES

ENTRY = {
    "name": "qwz_sizes",
    "seed": 4,
    "system": "qwz",
    "points": [{"mass": -1.0}, {"mass": -1.8}, {"mass": 3.0}],
    "lengths": [6, 10, 14],
    "disorder": [],
    "samples": 1,
    "minimum_margin": 0.1,
}


def recipe(system, length, parameters, disorder=(), lattice=None):
    shape = square_of(system, length)
    settings = {"system": system, "shape": shape, "parameters": parameters, "disorder": disorder, "lattice": lattice}
    return Recipe.of(name="c", seed=4, **settings)


@pytest.fixture(scope="module")
def rows():
    return convergence_rows(**ENTRY)


def test_there_is_one_row_for_each_point_length_and_estimator(rows):
    assert set(rows.columns) == set(TABLES["convergence"].columns)
    estimators = {"spectral_localizer", "localizer_of_gap", "real_space_chern", "three_sector_chern"}
    estimators |= {"bott_index", "chern_number"}
    assert set(rows["estimator"]) == estimators
    assert not rows.duplicated(["parameters", "length", "estimator"]).any()
    assert len(rows) == 3 * 3 * len(estimators)
    assert rows.groupby("length")["n_sites"].first().to_dict() == {6.0: 36, 10.0: 100, 14.0: 196}


def test_gap_and_invariant_of_the_crystal_are_those_of_the_literature(rows):
    # QWZ: the clean gap is 2 min(|m|, |2 − |m||), and C = −sign m where |m| < 2.
    found = rows.groupby("parameters")[["gap", "exact"]].first()
    for mass, (gap, C) in {-1.0: (2.0, 1), -1.8: (0.4, 1), 3.0: (2.0, 0)}.items():
        assert found.loc[f"mass = {mass:g}", "gap"] == pytest.approx(gap, abs=1e-10)
        assert found.loc[f"mass = {mass:g}", "exact"] == C


def test_errors_fall_with_size_where_the_gap_is_large_and_slowly_where_it_is_small(rows):
    # SCIENCE §9: with a gap of 2 the marker is within 1e-3 at 10 × 10, with 0.3 to 0.4 it is far off at 16 × 16.
    error = rows.set_index(["parameters", "estimator", "length"])["error"].sort_index()
    for estimator in ("real_space_chern", "three_sector_chern"):
        large, small = (error.loc[point, estimator] for point in ("mass = -1", "mass = -1.8"))
        assert (np.diff(large.to_numpy()) < 0).all()
        assert large.loc[14] < 1e-3
        assert small.loc[14] > 0.05
    for estimator in ("bott_index", "chern_number"):
        assert (error.xs(estimator, level="estimator") < 1e-9).all()


def test_a_row_is_the_summary_of_its_estimates():
    disorder = [{"name": "onsite_box", "strength": 3.0}]
    entry = ENTRY | {"points": [{"mass": -1.6}], "lengths": [6], "disorder": disorder, "samples": 12}
    rows = convergence_rows(**entry).set_index("estimator")
    made = Recipe.of(
        name="qwz_sizes", seed=4, system="qwz", shape=square_of("qwz", 6), parameters={"mass": -1.6}, disorder=disorder
    )
    for name, estimate in open_estimates(made, 12, 0.1).items():
        row = rows.loc[name]
        assert row["n_samples"] == 12
        assert row["value"] == pytest.approx(estimate.value.mean())
        assert row["error"] == pytest.approx(np.abs(estimate.value - 1).mean())
        assert row["worst"] == pytest.approx(np.abs(estimate.value - 1).max())
        assert row["right"] == pytest.approx((np.rint(estimate.value) == 1).mean())
        assert row["decided"] == pytest.approx(estimate.decided.mean())
        assert row["margin"] == pytest.approx(estimate.margin.mean())
    assert 0 < rows.loc["real_space_chern", "error"] < 1
    assert "chern_number" not in rows.index, "with disorder there is no crystal"
    assert "bott_index" in rows.index


def test_without_a_crystal_the_invariant_is_the_localizer_s_at_the_largest_length():
    entry = ENTRY | {"system": "amorphous_chern", "points": [{"mass": -1.0, "decay": 0.4}], "lengths": [10, 6]}
    rows = convergence_rows(**entry | {"samples": 3})
    assert rows["gap"].isna().all()
    assert set(rows["exact"]) == {1}
    assert set(rows["lattice"]) == {"random"}
    assert set(rows["estimator"]) == {"spectral_localizer", "real_space_chern", "three_sector_chern"}


def test_with_a_gap_the_localizer_stands_twice_the_second_time_with_the_strength_that_follows_from_it():
    made = recipe("qwz", 10, {"mass": -1.7})
    assert "localizer_of_gap" not in open_estimates(made, 1, 0.1)
    found = open_estimates(made, 1, 0.1, gap=0.6)
    samples = made.draw([0])
    for name, kappa in (("spectral_localizer", 0.2), ("localizer_of_gap", kappa_from_gap(0.6, 5.0))):
        alone = spectral_localizer(samples, kappa)
        assert found[name].value == alone.value == 1
        assert found[name].margin == pytest.approx(alone.margin)
    assert found["localizer_of_gap"].margin > found["spectral_localizer"].margin
    chain = recipe("ssh", 10, {"intracell": 0.4, "intercell": 1.0})
    assert "localizer_of_gap" not in open_estimates(chain, 1, 0.1, gap=1.2)


def test_draws_do_not_depend_on_how_many_are_solved():
    made = recipe("qwz", 6, {"mass": -1.0}, [{"name": "onsite_box", "strength": 2.0}])
    few, many = open_estimates(made, 3, 0.1), open_estimates(made, 9, 0.1)
    for name in few:
        assert few[name].value == pytest.approx(many[name].value[:3], abs=1e-10)


# --- Crystals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "parameters", "gap", "invariant"),
    [
        (SSH, {"intracell": 0.4, "intercell": 1.0}, 1.2, 1),  # 2 ||v| − |w||
        (SSH, {"intracell": -1.5, "intercell": 1.0}, 1.0, 0),
        (KitaevChain, {"chemical_potential": 3.0, "hopping": 1.0, "pairing": 0.7}, 2.0, 0),  # 2 (|μ| − 2t)
        (QWZ, {"mass": 0.5}, 1.0, -1),
        (Haldane, {"sublattice_mass": 0.0, "t2": 0.1, "phase": -np.pi / 2}, 6 * np.sqrt(3) * 0.1, 1),
        (Kagome, {"phase": 0.0, "breathing": 0.2}, 2.4, 0),  # 3 (1 − r), at the corners of the zone
    ],
)
def test_the_gap_and_the_invariant_of_a_crystal_are_closed_forms(system, parameters, gap, invariant):
    found = bulk(recipe(system.name, 8, parameters))
    assert found == (pytest.approx(gap, abs=1e-9), invariant)


def test_bands_below_the_fermi_level_are_filled_and_half_of_them_without_one():
    k = 2 * np.pi * np.arange(12) / 12
    mesh = np.stack(np.meshgrid(k, k, indexing="ij"), axis=-1)
    assert filled_bands(QWZ(), {"mass": -1.0}, QWZ().bloch(mesh, mass=-1.0)) == 1
    kagome = {"phase": 0.4, "breathing": 1.0}
    assert filled_bands(Kagome(), kagome, Kagome().bloch(mesh, **kagome)) == 1
    for energy, filled, C in ((-3.5, 0, 0), (-1.4, 1, 1), (1.4, 2, -1), (3.5, 3, 0)):
        magnetic = {"flux": 1 / 3, "fermi_energy": energy}
        bloch = Hofstadter().bloch(mesh, **magnetic)
        assert filled_bands(Hofstadter(), magnetic, bloch) == filled
        assert bulk_invariant(Hofstadter(), magnetic, 12) == C
        assert chern_number(bloch, filled) == C


def test_a_crystal_completely_filled_or_empty_has_no_gap_and_is_trivial():
    for energy in (-4.9, 4.9):
        gap, invariant = bulk(recipe("hofstadter", 6, {"flux": 1 / 3, "fermi_energy": energy}))
        assert np.isnan(gap)
        assert invariant == 0


def test_a_flux_that_does_not_fit_on_the_torus_leaves_out_the_bott_index_alone():
    parameters = {"flux": 1 / 3, "fermi_energy": -1.4}
    assert set(crystal_estimates(recipe("hofstadter", 9, parameters), 1)) == {"bott_index", "chern_number"}
    assert set(crystal_estimates(recipe("hofstadter", 10, parameters), 1)) == {"chern_number"}


def test_the_bott_index_of_a_recipe_is_that_of_its_draws_on_a_torus_of_the_same_extent():
    disorder = [{"name": "onsite_box", "strength": 2.0}, {"name": "vacancies", "strength": 0.05}]
    made = recipe("qwz", 8, {"mass": -1.0}, disorder)
    found = crystal_estimates(made, 4)["bott_index"]
    assert found.value == pytest.approx(np.ones(4), abs=1e-9)
    assert set(crystal_estimates(recipe("ssh", 8, {"intracell": 0.4, "intercell": 1.0}), 1)) == {"winding_number"}
    assert not crystal_estimates(recipe("amorphous_chern", 6, {"mass": -1.0, "decay": 0.4}), 1)


@pytest.mark.parametrize(
    ("system", "point"),
    [
        ("qwz", {"mass": 2.0}),
        ("kitaev_chain", {"chemical_potential": 2.0, "hopping": 1.0, "pairing": 0.0}),
        ("hofstadter", {"flux": 1 / 3, "fermi_energy": -2.1}),  # inside the lowest band
    ],
)
def test_a_crystal_without_a_gap_at_the_fermi_level_is_refused_in_one_sentence(system, point):
    settings = {"name": "x", "seed": 1, "system": system, "points": [point], "lengths": [9], "disorder": []}
    with pytest.raises(
        ConfigError, match=r"convergence\.x\.points: found no gap at .*; allowed: crystals with one of 0.05"
    ):
        convergence_rows(**settings, samples=1, minimum_margin=0.1)
