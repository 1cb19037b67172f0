from itertools import product
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import agree

from toponn.checks import DataError, resolve
from toponn.lattices import CHAIN, HONEYCOMB, SQUARE, cut, normalised_coordinates
from toponn.shapes import SHAPES, bulk_window, disk, rectangle, segment
from toponn.systems.haldane import Haldane

QUICK = settings(max_examples=30, deadline=None, database=None, derandomize=True)


def sites_of(lattice, shape):
    return cut(lattice, shape.inside, shape.extent)


def distances(positions):
    return np.linalg.norm(positions[:, None] - positions[None], axis=-1)


# --- Facts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lattice", "shells"),
    [(SQUARE, [(1, 4), (np.sqrt(2), 4), (2, 4)]), (HONEYCOMB, [(1, 3), (np.sqrt(3), 6), (2, 3), (np.sqrt(7), 6)])],
    ids=["square", "honeycomb"],
)
def test_a_bulk_site_has_the_coordination_numbers_of_its_lattice(lattice, shells):
    where = sites_of(lattice, disk(7.7)).positions
    bulk = np.flatnonzero(np.linalg.norm(where, axis=1) < 4)
    for radius, number in shells:
        count = (np.abs(distances(where)[bulk] - radius) < 1e-9).sum(axis=1)
        assert set(count) == {number}


@pytest.mark.parametrize(
    ("lattice", "area"),
    [(CHAIN, 0.5), (SQUARE, 1.0), (HONEYCOMB, 3 * np.sqrt(3) / 4)],
    ids=lambda x: getattr(x, "name", ""),
)
def test_the_area_of_a_site_is_that_of_the_literature_and_of_counting(lattice, area):
    assert lattice.area_per_site == pytest.approx(area)
    if lattice.dimension == 2:
        assert len(sites_of(lattice, disk(30.3))) * area == pytest.approx(np.pi * 30.3**2, rel=0.01)


def test_the_honeycomb_has_a_hexagon_around_the_origin_and_neighbours_on_the_other_sublattice():
    sites = sites_of(HONEYCOMB, disk(5.3))
    where = sites.positions
    assert (np.abs(np.linalg.norm(where, axis=1) - 1) < 1e-9).sum() == 6
    assert np.linalg.norm(where, axis=1).min() > 0.99
    near = np.abs(distances(where) - 1) < 1e-9
    assert (sites.sublattice[np.nonzero(near)[0]] != sites.sublattice[np.nonzero(near)[1]]).all()


@pytest.mark.parametrize("radius", [1.0, 2.0, 2.3, 3.1, 4.0, 5.0, 6.5, 7.0, 8.9])
def test_a_honeycomb_disk_holds_as_many_a_sites_as_b_sites(radius):
    sublattice = sites_of(HONEYCOMB, disk(radius)).sublattice
    assert (sublattice == 0).sum() == (sublattice == 1).sum()


@pytest.mark.parametrize("size", [(14.0, 12.5), (9.0, 7.5), (10.3, 11.5)])
def test_a_honeycomb_rectangle_holds_as_many_a_sites_as_b_sites(size):
    sublattice = sites_of(HONEYCOMB, rectangle(size)).sublattice
    assert (sublattice == 0).sum() == (sublattice == 1).sum()


def test_every_honeycomb_sample_of_the_study_is_half_filled_by_its_lower_band():
    # With another number of A than of B sites the middle of the spectrum lies within a band, and no margin says so.
    config = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text(encoding="utf-8"))
    shapes = [recipe["shape"] for recipe in config["datasets"].values() if recipe["system"] == "haldane"]
    assert shapes
    for shape in shapes:
        region = resolve(SHAPES, shape["name"], "shape")(**{k: v for k, v in shape.items() if k != "name"})
        sublattice = sites_of(HONEYCOMB, region).sublattice
        assert (sublattice == 0).sum() == (sublattice == 1).sum(), region


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (7, 3), (8, 6), (5, 12)])
def test_a_rectangle_of_whole_sides_holds_sides_times_sides_sites_of_the_square_lattice(size):
    sites = sites_of(SQUARE, rectangle(tuple(map(float, size))))
    assert len(sites) == size[0] * size[1]
    assert (sites.cell.max(axis=0) + 1 == size).all()


@pytest.mark.parametrize("cells", [1, 2, 7, 24])
def test_a_segment_holds_its_number_of_cells_with_both_sublattices_at_one_place(cells):
    sites = sites_of(CHAIN, segment((cells,)))
    assert len(sites) == 2 * cells
    assert sites.sublattice.tolist() == [0, 1] * cells
    assert sites.cell[:, 0].tolist() == [i for i in range(cells) for _ in range(2)]
    assert np.array_equal(sites.positions[::2], sites.positions[1::2])
    assert np.allclose(np.diff(sites.positions[::2, 0]), 1)


# --- The builder against loops ----------------------------------------------------------------------------


@QUICK
@given(st.sampled_from([SQUARE, HONEYCOMB]), st.floats(1.05, 9.0))
def test_cutting_finds_every_site_that_a_loop_over_far_more_cells_finds(lattice, radius):
    vectors, basis = np.array(lattice.vectors), np.array(lattice.basis)
    found = sites_of(lattice, disk(radius))
    expected = [
        (*(np.array(cell) @ vectors + point), s)
        for cell in product(range(-14, 15), repeat=2)
        for s, point in enumerate(basis)
        if ((np.array(cell) @ vectors + point) ** 2).sum() <= radius**2
    ]
    edge = np.abs(np.linalg.norm(np.array(expected)[:, :2], axis=1) - radius).min()
    if edge > 1e-9:
        assert agree(np.column_stack([found.positions, found.sublattice]), np.array(expected))


@pytest.mark.parametrize("lattice", [SQUARE, HONEYCOMB], ids=["square", "honeycomb"])
def test_positions_are_those_of_cell_and_sublattice_and_the_cells_start_at_zero(lattice):
    sites = sites_of(lattice, rectangle((9.2, 7.1)))
    built = sites.cell @ np.array(lattice.vectors) + np.array(lattice.basis)[sites.sublattice]
    shift = sites.positions - built
    assert np.ptp(shift, axis=0) == pytest.approx(0, abs=1e-12)
    assert sites.cell.min(axis=0).tolist() == [0, 0]
    keys = [(*cell, s) for cell, s in zip(sites.cell.tolist(), sites.sublattice.tolist(), strict=True)]
    assert keys == sorted(keys), "ordered by cell, then sublattice"
    assert len(set(keys)) == len(keys)


def test_the_bonds_of_haldane_connect_exactly_the_sites_at_their_distance():
    sites = sites_of(HONEYCOMB, disk(5.2))
    connections = Haldane().connections(sites)
    for lengths, pairs in ((1.0, connections[:3]), (np.sqrt(3), connections[3:])):
        found = sorted(tuple(sorted(pair)) for group in pairs for pair in group.tolist())
        i, j = np.nonzero(np.triu(np.abs(distances(sites.positions) - lengths) < 1e-9))
        assert found == sorted(zip(i.tolist(), j.tolist(), strict=True))


def test_a_shape_that_holds_no_site_is_refused_in_one_sentence():
    with pytest.raises(DataError, match="found no site of the honeycomb lattice inside; allowed: at least one"):
        sites_of(HONEYCOMB, disk(0.5))


# --- Shapes and coordinates -------------------------------------------------------------------------------


@QUICK
@given(st.floats(0.5, 9), st.floats(0.5, 9))
def test_a_shape_lies_within_its_extent(a, b):
    points = np.random.default_rng(0).uniform(-12, 12, size=(400, 2))
    for shape in (disk(a), rectangle((a, b))):
        assert (np.linalg.norm(points[shape.inside(points)], axis=1) <= shape.extent + 1e-12).all()


def test_shapes_print_what_they_are():
    assert [str(s) for s in (segment((24,)), rectangle((14.0, 12.5)), disk(6.5))] == [
        "segment 24",
        "rectangle 14x12.5",
        "disk r=6.5",
    ]


def test_normalised_coordinates_fill_the_cube_whatever_the_place_and_size_of_the_sample():
    where = sites_of(HONEYCOMB, disk(5.2)).positions
    u = normalised_coordinates(where)
    assert agree(u.min(axis=0), -np.ones(2))
    assert agree(u.max(axis=0), np.ones(2))
    assert agree(normalised_coordinates(where * [2.0, 5.0] + [3.0, -7.0]), u)
    assert not agree(normalised_coordinates(where * [-1.0, 1.0]), u), "control: a mirror is another sample"
    middle = (where.min(axis=0) + where.max(axis=0)) / 2
    assert agree(u, 2 * (where - middle) / np.ptp(where, axis=0))


def test_normalised_coordinates_of_one_site_are_zero():
    assert normalised_coordinates(np.array([[3.0, 4.0]])).tolist() == [[0, 0]]


@pytest.mark.parametrize(("cells", "expected"), [(8, [2, 3, 4, 5]), (5, [1, 2, 3]), (24, list(range(6, 18)))])
def test_the_bulk_window_of_a_chain_is_its_middle_half(cells, expected):
    where = np.arange(cells)[:, None] - 3.7
    assert np.flatnonzero(bulk_window(where)).tolist() == expected
    assert bulk_window(where, 1.0).all()


def test_the_bulk_window_of_a_plane_is_the_middle_along_both_axes():
    where = sites_of(SQUARE, rectangle((8.0, 6.0))).positions + [5.0, 9.0]
    window = bulk_window(where)
    x, y = where.T - where.T.mean(axis=1, keepdims=True)
    assert np.array_equal(window, (np.abs(x) <= 1.75) & (np.abs(y) <= 1.25))
