from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.stats import kstest
from tolerances import agree

from toponn.matter.lattices import Sites
from toponn.matter.point_sets import AMMANN_BEENKER, RANDOM, AmmannBeenker, RandomPoints
from toponn.matter.shapes import disk, l_shape, mask, punctured, rectangle, triangle
from toponn.tools.checks import DataError

QUICK = settings(max_examples=12, deadline=None, database=None, derandomize=True)
SILVER = 1 + sqrt(2)
SHORT_DIAGONAL = 2 * np.sin(np.pi / 8)


def drawn(shape, seed=0, points=RANDOM, **options):
    return points.cut(shape.inside, shape.extent, np.random.default_rng(seed), **options)


def tiling(radius, pattern=AMMANN_BEENKER):
    return pattern.cut(disk(radius).inside, radius)


def nearest(positions):
    return cKDTree(positions).query(positions, k=2)[0][:, 1]


# --- Random points ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "number"),
    [
        (disk(2.0), 13),
        (disk(8.0), 201),
        (rectangle((10, 10)), 100),
        (rectangle((3.0, 41.0)), 123),
        (triangle(15.0), 97),
        (l_shape(12.0), 108),
        (punctured(disk(6), [(0, 0, 2)]), 101),
    ],
    ids=str,
)
def test_a_shape_holds_as_many_random_points_as_units_of_area_whether_or_not_it_is_given(shape, number):
    for sites in (drawn(shape), drawn(shape, area=shape.area)):
        assert len(sites) == number
        assert shape.inside(sites.positions).all()
        assert nearest(sites.positions).min() >= 0.7
        assert sites.cell is sites.sublattice is sites.periods is None


def test_one_state_of_the_generator_gives_one_set_and_another_gives_another():
    a, b, c = (drawn(disk(6), seed).positions for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    rng = np.random.default_rng(1)
    first, second = (RANDOM.cut(disk(6).inside, 6.0, rng).positions for _ in range(2))
    assert np.array_equal(first, a)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("points", [RANDOM, AMMANN_BEENKER], ids=lambda p: p.name)
def test_sites_without_cells_are_ordered_from_left_to_right(points):
    where = points.cut(disk(9).inside, 9.0, np.random.default_rng(0)).positions
    assert where.tolist() == sorted(where.tolist())


@QUICK
@given(st.integers(0, 10**6), st.integers(1, 60), st.floats(0.1, 2.5))
def test_the_points_that_stay_are_those_of_dropping_them_one_by_one(seed, count, distance):
    # Random sequential addition, in a loop: the rounds of the library must settle every conflict in this order.
    rng = np.random.default_rng(seed)
    before = drawn(disk(3), seed, RandomPoints(distance), area=3).positions
    candidates = rng.uniform(-3, 3, size=(count, 2))
    kept = list(before)
    for candidate in candidates:
        if all(np.linalg.norm(candidate - point) >= distance for point in kept):
            kept.append(candidate)
    assert np.array_equal(RandomPoints(distance)._added(before, candidates), np.array(kept))


def test_without_a_minimum_distance_the_points_are_completely_random():
    # Distances to the nearest of a Poisson process of density 1: P(> r) = exp(−π r²), away from the walls.
    where = drawn(rectangle((80, 80)), points=RandomPoints(0.0)).positions
    middle = (np.abs(where) < 37).all(axis=1)
    law = kstest(nearest(where)[middle], lambda r: 1 - np.exp(-np.pi * np.asarray(r) ** 2))
    assert law.statistic < 0.03
    apart = nearest(drawn(rectangle((80, 80))).positions)
    assert kstest(apart, lambda r: 1 - np.exp(-np.pi * np.asarray(r) ** 2)).statistic > 0.3, "control"


@pytest.mark.parametrize("distance", [0.0, 0.7, 0.8])
def test_random_points_fill_a_square_evenly(distance):
    where = np.concatenate([drawn(rectangle((9, 9)), s, RandomPoints(distance), area=81).positions for s in range(80)])
    counts, _, _ = np.histogram2d(*where.T, bins=3, range=[[-4.5, 4.5]] * 2)
    # Where points keep a distance the walls attract them: a site there excludes others from less of the square.
    assert np.abs(counts / (80 * 9) - 1).max() < 0.15
    assert where.mean(axis=0) == pytest.approx([0, 0], abs=0.15)


def test_ten_thousand_points_keep_their_distance():
    sites = drawn(disk(56.42), area=10_000.4)
    assert len(sites) == 10_000
    assert nearest(sites.positions).min() >= 0.7
    assert len(sites.within(0.7)[0]) == 0
    assert len(sites.within(0.75)[0]) > 100


def test_random_points_without_a_generator_are_refused():
    with pytest.raises(TypeError, match="rng: found None; allowed: a numpy Generator, for the random point set is"):
        RANDOM.cut(disk(5).inside, 5.0)


@pytest.mark.parametrize("points", [RANDOM, AMMANN_BEENKER], ids=lambda p: p.name)
def test_a_shape_without_room_for_a_site_is_refused(points):
    tiny = mask(lambda p: np.linalg.norm(p - [0.31, 0.17], axis=1) < 0.05, 0.5)
    with pytest.raises(DataError, match=f"shape: found no site of the {points.name} point set inside; allowed: at"):
        points.cut(tiny.inside, tiny.extent, np.random.default_rng(0))


def test_points_that_do_not_fit_are_refused_after_a_stated_number_of_tries():
    # Above 0.83 disks of that diameter jam before there is one for each unit of area.
    with pytest.raises(DataError, match="shape: found room for .* of 201 sites at distance 0.95 in 2.* tries; allowed"):
        drawn(disk(8), points=RandomPoints(0.95))


# --- Ammann-Beenker ---------------------------------------------------------------------------------------


def looped_tiling(radius, shift):
    """Return the sites by the definition: points of Z⁴ in the box, projected with cosines, in the hull of the cube."""
    turns = np.arange(4) * np.pi / 4
    here, there = (np.stack([np.cos(k * turns), np.sin(k * turns)], axis=-1) for k in (1, 3))
    reach = int(radius / 2) + 2
    box = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    box = box[np.linalg.norm(box @ here, axis=1) <= radius]
    corners = np.exp(1j * (np.arange(8) + 0.5) * np.pi / 4) / (2 * np.sin(np.pi / 8))  # edges of length 1
    edges = np.roll(corners, -1) - corners
    window = (box @ there + shift) @ [1, 1j]
    inside = ((edges.conj() * (window[:, None] - corners)).imag > 0).all(axis=1)
    return box[inside] @ here


@pytest.mark.parametrize("shift", [(0.13, 0.07), (0.0, 0.0), (-0.41, 0.33), (2.6, -1.9)])
@pytest.mark.parametrize("radius", [1.5, 6.0, 11.3])
def test_the_tiling_is_the_one_of_a_loop_over_all_of_the_box(radius, shift):
    found, expected = tiling(radius, AmmannBeenker(shift)).positions, looped_tiling(radius, shift)
    assert len(found) == len(expected)
    assert cKDTree(expected).query(found)[0].max() < 1e-9


@pytest.mark.parametrize("shift", [AMMANN_BEENKER.shift, (0.0, 0.0)])
def test_no_site_of_the_tiling_comes_or_goes_when_the_window_moves_a_little(shift):
    # On the window's border a site would be a matter of rounding.
    here = tiling(60, AmmannBeenker(shift)).positions
    for turn in range(8):
        nudge = 1e-7 * np.array([np.cos(turn * np.pi / 4 + 0.1), np.sin(turn * np.pi / 4 + 0.1)])
        assert np.array_equal(tiling(60, AmmannBeenker((shift[0] + nudge[0], shift[1] + nudge[1]))).positions, here)
    border = 0.5 + sqrt(0.5)  # the origin of Z⁴ is then on an edge of the window
    a, b = (tiling(60, AmmannBeenker((border + e, 0.013))).positions for e in (-1e-7, 1e-7))
    assert len(a) != len(b) or not np.array_equal(a, b), "control"


def test_the_area_of_a_site_is_that_of_window_and_lattice_and_of_counting():
    turns = np.arange(4) * np.pi / 4
    both = np.stack([np.cos(turns), np.sin(turns), np.cos(3 * turns), np.sin(3 * turns)], axis=-1)
    octagon = 8 * 0.25 / np.tan(np.pi / 8)  # eight triangles on edges of length 1
    assert AMMANN_BEENKER.area_per_site == pytest.approx(abs(np.linalg.det(both)) / octagon)
    assert AMMANN_BEENKER.area_per_site == pytest.approx(2 / SILVER)
    for radius, accuracy in ((60, 3e-3), (200, 5e-4)):
        assert len(tiling(radius)) * 2 / SILVER == pytest.approx(np.pi * radius**2, rel=accuracy)


def test_no_two_sites_of_the_tiling_are_nearer_than_the_short_diagonal_of_a_rhombus():
    where = tiling(40).positions
    assert nearest(where).min() == pytest.approx(SHORT_DIAGONAL, abs=1e-9)
    lengths = np.linalg.norm(Sites(where).within(1.42)[1], axis=1)
    # Short diagonals, edges, and diagonals of squares: no other distance is as short.
    assert agree(np.unique(lengths.round(9)), np.array([SHORT_DIAGONAL, 1, sqrt(2)]).round(9))


def test_edges_point_in_eight_directions_equally_often():
    pairs, displacement = tiling(60).within(1.0)
    edges = displacement[np.abs(np.linalg.norm(displacement, axis=1) - 1) < 1e-9]
    turn = np.degrees(np.arctan2(edges[:, 1], edges[:, 0])) % 180 / 45
    assert agree(turn, np.rint(turn))
    counts = np.bincount(np.rint(turn).astype(int) % 4)
    assert counts / counts.mean() == pytest.approx(np.ones(4), abs=0.01)


def test_edges_meet_at_a_site_as_often_as_the_windows_regions_are_large():
    radius = 150
    sites = tiling(radius)
    pairs, displacement = sites.within(1.0)
    edges = pairs[np.abs(np.linalg.norm(displacement, axis=1) - 1) < 1e-9]
    bulk = np.linalg.norm(sites.positions, axis=1) < radius - 1.5
    degree = np.bincount(edges.ravel(), minlength=len(sites))[bulk]
    assert set(degree) == {3, 4, 5, 6, 7, 8}
    share = np.bincount(degree) / len(degree)
    expected = {3: 1 / SILVER, 4: 2 / SILVER**2, 5: 2 / SILVER**3, 6: 2 / SILVER**4, 7: SILVER**-5, 8: SILVER**-4}
    for number, part in expected.items():
        assert share[number] == pytest.approx(part, abs=1.5e-3), number
    assert sum(expected.values()) == pytest.approx(1)
    # Faces have four edges, each shared by two: Euler's formula leaves four edges to a site.
    assert degree.mean() == pytest.approx(4, abs=4e-3)


@pytest.mark.parametrize("shift", [(0.0, 0.0), AMMANN_BEENKER.shift])
def test_a_window_in_the_middle_gives_eightfold_symmetry_about_the_origin_and_one_beside_it_none(shift):
    where = tiling(20, AmmannBeenker(shift)).positions
    turn = np.array([[sqrt(0.5), sqrt(0.5)], [-sqrt(0.5), sqrt(0.5)]])
    missed = cKDTree(where).query(where @ turn)[0] > 1e-6
    assert missed.any() == (shift != (0.0, 0.0))


@pytest.mark.parametrize(("factor", "holds"), [(SILVER, True), (2.0, False), (SILVER - 1, False)])
def test_stretched_by_the_silver_mean_the_tiling_is_part_of_itself(factor, holds):
    pattern = AmmannBeenker((0.0, 0.0))
    small, large = tiling(12, pattern).positions, tiling(12 * factor + 1, pattern).positions
    missed = cKDTree(large).query(small * factor)[0] > 1e-6
    assert missed.any() != holds


def test_the_tiling_needs_no_generator_and_is_the_same_with_one():
    shape = rectangle((14, 9))
    plain = AMMANN_BEENKER.cut(shape.inside, shape.extent).positions
    given_one = AMMANN_BEENKER.cut(shape.inside, shape.extent, np.random.default_rng(0), shape.area).positions
    assert np.array_equal(plain, given_one)
    larger = tiling(20).positions
    assert np.array_equal(plain, larger[shape.inside(larger)]), "a smaller shape holds a part of the larger one's"
