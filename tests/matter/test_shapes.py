from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import agree

from toponn.matter.lattices import HONEYCOMB, KAGOME, LATTICES, SQUARE, TRIANGULAR, Sites, cut, normalised_coordinates
from toponn.matter.shapes import (
    SHAPES,
    bulk_window,
    counted_area,
    disk,
    l_shape,
    local_coordinates,
    mask,
    punctured,
    rectangle,
    segment,
    shape_of,
    triangle,
    window,
)
from toponn.tools.checks import ConfigError, DataError, resolve

QUICK = settings(max_examples=12, deadline=None, database=None, derandomize=True)
PLANES = [name for name in LATTICES if name != "chain"]
ARGUMENTS = {
    "segment": {"size": [24]},
    "rectangle": {"size": [11.0, 8.5]},
    "disk": {"radius": 5.2},
    "triangle": {"side": 13.0},
    "l_shape": {"size": 12.0},
}
HOLES = [[0.6, 0.3, 1.3], [-2.0, -1.5, 0.8]]
DEEP = [triangle(16), l_shape(16), punctured(disk(8), [(0, 0, 3)])]
REGIONS = {name: {"name": name, **values} for name, values in ARGUMENTS.items() if name != "segment"}
REGIONS |= {f"{name}_with_holes": {**settings, "holes": HOLES} for name, settings in REGIONS.items()}


def sites_of(name, shape):
    lattice = resolve(LATTICES, name, "lattice")
    return lattice.cut(shape.inside, shape.extent, np.random.default_rng(0) if lattice.drawn else None, shape.area)


@cache
def region(name):
    return shape_of(REGIONS[name])


def belongs(settings, x, y):
    """Return whether a point lies in a region of `REGIONS`, by the mathematics of school, and not near its border."""
    eps = 1e-6
    if settings["name"] == "rectangle":
        width, height = settings["size"]
        base = min(width / 2 - abs(x), height / 2 - abs(y))
    elif settings["name"] == "disk":
        base = settings["radius"] - np.hypot(x, y)
    elif settings["name"] == "triangle":
        corners = settings["side"] / np.sqrt(3) * np.array([[0, 1], [-np.sqrt(3) / 2, -0.5], [np.sqrt(3) / 2, -0.5]])
        sides = np.roll(corners, -1, axis=0) - corners  # counterclockwise: inside is to the left of every side
        base = min(s[0] * (y - c[1]) - s[1] * (x - c[0]) for c, s in zip(corners, sides, strict=True))
    else:
        size = settings["size"]
        a, b = x + size * (1 - np.sqrt(0.5)), y + size * (1 - np.sqrt(0.5))  # from the outer corner
        square = min(a, size - a, b, size - b)
        base = min(square, max(size / 2 - a, size / 2 - b))
    for p, q, radius in settings.get("holes", []):
        base = min(base, np.hypot(x - p, y - q) - radius)
    return None if abs(base) < eps else bool(base > 0)


def depth(shape, point, reach, rays=720, steps=4000):
    """Return the distance from a point to the first position outside, along many rays."""
    t = np.arange(1, steps + 1) * reach / steps
    turn = 2 * np.pi * np.arange(rays) / rays
    along = np.stack([np.cos(turn), np.sin(turn)], axis=-1)[:, None] * t[:, None]
    outside = ~shape.inside((along + np.array(point)).reshape(-1, 2)).reshape(rays, steps)
    return t[outside.argmax(axis=1)].min()


# --- Regions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REGIONS)
def test_a_point_lies_inside_where_school_mathematics_says_so(name):
    shape, points = region(name), np.random.default_rng(1).uniform(-9, 9, size=(3000, 2))
    found = shape.inside(points)
    expected = [belongs(REGIONS[name], *point) for point in points.tolist()]
    assert all(e is None or bool(f) == e for f, e in zip(found, expected, strict=True))
    assert 300 < found.sum() < 2500
    assert (np.linalg.norm(points[found], axis=1) <= shape.extent).all()


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize("lattice", PLANES)
def test_every_lattice_fills_every_region_with_its_sites_and_no_others(lattice, name):
    settings, shape = REGIONS[name], region(name)
    sites, lattice = sites_of(lattice, shape), resolve(LATTICES, lattice, "lattice")
    assert shape.inside(sites.positions).all()
    assert all(belongs(settings, *point) in (True, None) for point in sites.positions.tolist())
    assert len(sites) * lattice.area_per_site == pytest.approx(shape.area, rel=0.15)
    if lattice.drawn:
        assert len(sites) == round(shape.area)
    else:
        # Half-open walls take some of the sites on them; whether one on a wall belongs is for the shape to say.
        everything = lattice.cut(lambda p: np.linalg.norm(p, axis=1) < 13, 13.0).positions
        verdicts = [belongs(settings, *point) for point in everything.tolist()]
        on_a_wall = everything[[verdict is None for verdict in verdicts]]
        assert len(sites) == verdicts.count(True) + int(shape.inside(on_a_wall).sum())


@QUICK
@given(st.floats(0.5, 9), st.floats(0.5, 9))
def test_a_shape_lies_within_its_extent_and_reaches_it(a, b):
    points = np.random.default_rng(0).uniform(-12, 12, size=(400, 2))
    for shape in (disk(a), rectangle((a, b)), triangle(a), l_shape(a)):
        assert (np.linalg.norm(points[shape.inside(points)], axis=1) <= shape.extent + 1e-12).all()
        ring = (shape.extent - 1e-3) * np.exp(2j * np.pi * np.arange(20000) / 20000)
        assert shape.inside(np.column_stack([ring.real, ring.imag])).any()


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (segment((24,)), "segment 24"),
        (rectangle((14.0, 12.5)), "rectangle 14x12.5"),
        (disk(6.5), "disk r=6.5"),
        (triangle(9.0), "triangle side=9"),
        (l_shape(10), "l_shape side=10"),
        (punctured(disk(6), [(0, 0, 2)]), "disk r=6 holes (0,0,2)"),
        (punctured(l_shape(9.5), [[0, 0, 1], [-0.5, 3, 0.25]]), "l_shape side=9.5 holes (0,0,1) (-0.5,3,0.25)"),
        (mask(disk(1).inside, 1, text="coin"), "coin"),
    ],
    ids=str,
)
def test_shapes_print_what_they_are(shape, text):
    assert str(shape) == text


@pytest.mark.parametrize("name", REGIONS)
def test_the_area_is_that_of_random_points_and_of_counting(name):
    shape = region(name)
    points = np.random.default_rng(2).uniform(-shape.extent, shape.extent, size=(200_000, 2))
    part = shape.inside(points).mean()
    spread = (2 * shape.extent) ** 2 * np.sqrt(part * (1 - part) / len(points))
    assert shape.area == pytest.approx((2 * shape.extent) ** 2 * part, abs=4 * spread)
    assert shape.area == pytest.approx(counted_area(shape.inside, shape.extent), rel=2e-4)


def test_the_areas_of_the_plain_shapes_are_those_of_school():
    assert disk(2).area == pytest.approx(4 * np.pi)
    assert rectangle((3, 4.5)).area == 13.5
    assert triangle(2).area == pytest.approx(np.sqrt(3))
    assert l_shape(4).area == 12
    assert segment((7,)).area == 7
    assert counted_area(segment((7,)).inside, 3.5, 1) == pytest.approx(7, rel=1e-5)


@pytest.mark.parametrize(("size", "count"), [(4, 12), (10, 75), (16, 192)])
def test_an_l_of_even_side_holds_three_quarters_of_the_square_on_the_square_lattice(size, count):
    assert len(sites_of("square", l_shape(size))) == count


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_a_triangle_on_the_triangular_lattice_holds_triangular_numbers(n):
    # Sides of 3n lattice constants: the centre is a site where the side is a multiple of three.
    assert len(sites_of("triangular", triangle(3.0 * n))) == (3 * n + 1) * (3 * n + 2) // 2


@pytest.mark.parametrize("name", ["honeycomb", "kagome", "triangular"])
def test_a_triangle_of_sites_looks_the_same_after_a_third_of_a_turn(name):
    where = sites_of(name, triangle(11.0)).positions
    turn = np.array([[-0.5, np.sqrt(0.75)], [-np.sqrt(0.75), -0.5]])
    assert np.linalg.norm((where @ turn)[:, None] - where[None], axis=-1).min(axis=1).max() < 1e-9
    half = np.linalg.norm(-where[:, None] - where[None], axis=-1).min(axis=1)
    assert half.max() > 0.5, "control: not after half a turn"


# --- Holes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lattice", [SQUARE, HONEYCOMB, KAGOME, TRIANGULAR], ids=lambda lattice: lattice.name)
def test_a_hole_removes_the_sites_of_the_disk_of_its_size(lattice):
    ring, whole, hole = punctured(disk(6), [(0, 0, 2)]), disk(6), disk(2)
    counts = [len(cut(lattice, shape.inside, shape.extent)) for shape in (ring, whole, hole)]
    assert counts[0] == counts[1] - counts[2]
    assert counts[2] > 6


def test_holes_that_overlap_are_removed_once():
    two = punctured(disk(6), [(1, 0, 2), (-1, 0, 2)])
    lens = 2 * 4 * np.arccos(0.5) - np.sqrt(4 * 4 - 2**2)  # of two disks of radius 2 at distance 2
    assert two.area == pytest.approx(np.pi * 36 - (8 * np.pi - lens), rel=2e-4)
    assert not two.inside(np.array([[0.0, 0.0], [2.5, 0.0]])).any()
    again = punctured(punctured(disk(6), [(1, 0, 2)]), [(-1, 0, 2)])
    points = np.random.default_rng(0).uniform(-6, 6, size=(500, 2))
    assert np.array_equal(two.inside(points), again.inside(points))


@pytest.mark.parametrize(
    "holes",
    [
        [],
        [[0, 0]],
        [[0, 0, 0]],
        [[0, 0, -1]],
        [[0, 0, float("nan")]],
        [[0, "a", 1]],
        [0, 0, 1],
        3,
        "abc",
        [[1, 2, 3, 4]],
    ],
    ids=str,
)
def test_holes_that_are_not_two_coordinates_and_a_radius_are_refused(holes):
    with pytest.raises(ConfigError, match=r"datasets.a.shape.holes: found .*; allowed: a list of \[x, y, radius\]"):
        shape_of({"name": "disk", "radius": 5, "holes": holes}, "datasets.a.shape")


def test_holes_in_a_chain_and_holes_that_leave_nothing_are_refused():
    with pytest.raises(ConfigError, match="shape.holes: found .*; allowed: .* in a shape of two dimensions"):
        shape_of({"name": "segment", "size": [9], "holes": [[0, 0, 1]]})
    with pytest.raises(DataError, match=r"disk r=2 holes \(0,0,3\): found no room inside"):
        punctured(disk(2), [(0, 0, 3)])


# --- The point deep inside --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in REGIONS if "triangle" in name or "l_" in name or "holes" in name])
def test_the_centre_is_the_deepest_point_and_the_clearance_its_distance_from_the_boundary(name):
    shape = region(name)
    step = 2 * shape.extent / 1001
    assert depth(shape, shape.centre, 2 * shape.extent) == pytest.approx(shape.clearance, abs=1.5 * step)
    elsewhere = np.random.default_rng(3).uniform(-shape.extent, shape.extent, size=(16, 2))
    depths = [depth(shape, point, 2 * shape.extent, 90, 400) for point in elsewhere[shape.inside(elsewhere)]]
    assert max(depths) <= shape.clearance + 6 * step


@pytest.mark.parametrize("name", ["triangle", "l_shape"])
def test_the_centre_found_on_the_grid_is_the_one_of_the_closed_form(name):
    exact = shape_of(REGIONS[name])
    measured = mask(exact.inside, exact.extent)
    step = 2 * exact.extent / 1001
    assert np.abs(measured.centre).max() <= 2 * step
    assert exact.centre == (0, 0)
    assert measured.clearance == pytest.approx(exact.clearance, abs=1.5 * step)


def test_of_equally_deep_points_the_centre_is_one_nearest_to_the_centre_before():
    ring = punctured(disk(6), [(0, 0, 2)])
    assert np.linalg.norm(ring.centre) == pytest.approx(4, abs=0.05)
    assert ring.clearance == pytest.approx(2, abs=0.03)
    long = mask(rectangle((12, 2)).inside, 7)
    assert long.centre == (0, 0), "all of the middle line is as deep"
    assert punctured(disk(6), [(0, 0, 2)]).centre == ring.centre
    left = punctured(l_shape(12), [(20, 20, 1)])
    assert np.abs(left.centre).max() < 0.05, "a hole elsewhere leaves the centre where it was"


def test_boxes_and_disks_have_no_centre_of_their_own():
    for shape in (segment((5,)), rectangle((4, 3)), disk(3)):
        assert shape.centre is shape.clearance is None


def test_a_mask_in_one_dimension_has_a_centre_too():
    shape = mask(lambda x: (x[:, 0] > -1) & (x[:, 0] < 3), 5, dimension=1)
    assert shape.centre == pytest.approx((1.0,), abs=1e-3)
    assert shape.clearance == pytest.approx(2, abs=1e-3)
    assert shape.area == pytest.approx(4, abs=1e-3)


# --- Masks and config entries -----------------------------------------------------------------------------


def test_a_mask_is_cut_off_at_its_extent():
    shape = mask(lambda p: p[:, 0] > 0, 4.0, text="half plane")
    assert shape.area == pytest.approx(8 * np.pi, rel=2e-4)
    sites = cut(SQUARE, shape.inside, shape.extent)
    assert (np.linalg.norm(sites.positions, axis=1) <= 4).all()
    assert (sites.positions[:, 0] > 0).all()


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda p: p[:, 0], r"float64 \(1002001,\)"),
        (lambda p: p > 0, r"bool \(1002001, 2\)"),
        (lambda p: True, "bool for"),
        (lambda p: [True] * len(p), "list for"),
        (lambda p: np.ones(3, dtype=bool), r"bool \(3,\)"),
    ],
)
def test_a_mask_that_gives_no_truth_value_for_each_position_is_refused(function, found):
    with pytest.raises(DataError, match=rf"blob: found {found}.*; allowed: an array \(N,\) of bool"):
        mask(function, 3, text="blob")


def test_a_mask_that_is_nowhere_true_is_refused():
    with pytest.raises(DataError, match="mask: found no room inside; allowed: a region that holds at least one"):
        mask(lambda p: np.zeros(len(p), dtype=bool), 3)


@pytest.mark.parametrize("name", SHAPES)
def test_a_config_entry_gives_the_shape_of_its_name_and_arguments(name):
    found = shape_of({"name": name, **ARGUMENTS[name]})
    expected = resolve(SHAPES, name, "shape")(**ARGUMENTS[name])
    points = np.random.default_rng(0).uniform(-9, 9, size=(300, found.dimension))
    assert str(found) == str(expected)
    assert found.text.startswith(name)
    assert np.array_equal(found.inside(points), expected.inside(points))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"name": "disc", "radius": 3}, r"shape.name: found 'disc'; allowed: .* \(did you mean 'disk'\?\)"),
        ({"radius": 3}, "shape.name: found None; allowed: segment, rectangle"),
        ({"name": "disk", "side": 3}, "shape: found 'side'; allowed: radius and, where there are any, holes"),
        ({"name": "disk"}, "shape: found ''; allowed: radius and"),
        ({"name": "disk", "radius": 1.0e300}, r"shape\.radius: found 1e\+300; allowed: numbers up to 1,000,000"),
        ({"name": "rectangle", "size": [3, 1.0e300]}, r"shape\.size: found \[3, 1e\+300\]; allowed: numbers up to"),
        ({"name": "l_shape", "size": 3, "radius": 2}, "shape: found 'size, radius'; allowed: size and"),
    ],
)
def test_a_config_entry_that_names_no_shape_is_refused_in_one_sentence(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        shape_of(settings)


# --- Coordinates and the bulk -----------------------------------------------------------------------------


@pytest.mark.parametrize(("cells", "expected"), [(8, [2, 3, 4, 5]), (5, [1, 2, 3]), (24, list(range(6, 18)))])
def test_the_bulk_window_of_a_chain_is_its_middle_half(cells, expected):
    where = np.arange(cells)[:, None] - 3.7
    assert np.flatnonzero(bulk_window(where)).tolist() == expected
    assert bulk_window(where, 1.0).all()


def test_the_bulk_window_of_a_plane_is_the_middle_along_both_axes():
    where = cut(SQUARE, rectangle((8.0, 6.0)).inside, 6.0).positions + [5.0, 9.0]
    middle = bulk_window(where)
    x, y = where.T - where.T.mean(axis=1, keepdims=True)
    assert np.array_equal(middle, (np.abs(x) <= 1.75) & (np.abs(y) <= 1.25))


@pytest.mark.parametrize("shape", [None, disk(5), rectangle((9, 8))], ids=str)
def test_without_a_centre_local_coordinates_are_the_normalised_ones(shape):
    where = np.random.default_rng(0).uniform(-3, 9, size=(3, 30, 2))
    assert np.array_equal(local_coordinates(where, shape), normalised_coordinates(where))
    assert np.array_equal(window(local_coordinates(where, shape)), bulk_window(where))


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("shape", DEEP, ids=str)
def test_the_bulk_of_a_shape_with_a_centre_lies_deep_inside(name, shape):
    where = sites_of(name, shape).positions
    u = local_coordinates(where, shape)
    assert agree(u * 0.8 * shape.clearance + shape.centre, where)
    bulk = where[window(u)]
    assert len(bulk) >= 2
    # |u| ≤ 1/2 on both axes is a square whose corners are 0.57 clearances from the centre.
    assert min(depth(shape, point, 2 * shape.extent, 60, 200) for point in bulk) > 0.4 * shape.clearance
    usual = where[bulk_window(where)]
    if "disk" not in str(shape):
        assert min(depth(shape, point, 2 * shape.extent, 60, 200) for point in usual) < 0.2 * shape.clearance, "control"


def test_windows_of_many_samples_are_those_of_each():
    where = np.random.default_rng(0).uniform(-5, 3, size=(4, 3, 50, 2))
    found = bulk_window(where, 0.4)
    assert found.shape == (4, 3, 50)
    for i, j in np.ndindex(4, 3):
        assert np.array_equal(found[i, j], bulk_window(where[i, j], 0.4))
    shape = triangle(16)
    assert np.array_equal(local_coordinates(where, shape)[2, 1], local_coordinates(where[2, 1], shape))


def test_a_sample_without_a_site_in_its_middle_is_refused_also_among_others():
    corners = np.array([[-1.0, -1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]])
    with pytest.raises(DataError, match="positions: found no site in the middle 0.5 of 4 sites; allowed: more sites"):
        bulk_window(corners)
    middle = np.array([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [-1.0, 1.0]])
    assert bulk_window(middle).tolist() == [False, False, True, False]
    with pytest.raises(DataError, match="positions: found no site in the middle 0.5 of 4 sites"):
        bulk_window(np.stack([middle, corners]))


def test_sites_of_a_shape_keep_their_distances():
    # The tree on a sample with a hole knows nothing of the hole: bonds by distance, not by region.
    ring = sites_of("ammann_beenker", punctured(disk(7), [(0, 0, 2)]))
    pairs, displacement = Sites(ring.positions).within(1.0)
    assert agree(displacement, ring.positions[pairs[:, 1]] - ring.positions[pairs[:, 0]])
