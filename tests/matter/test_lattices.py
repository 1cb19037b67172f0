from collections import Counter
from dataclasses import replace
from inspect import signature
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import agree

from toponn.data.recipes import Recipe
from toponn.matter.lattices import (
    CHAIN,
    HONEYCOMB,
    KAGOME,
    LATTICES,
    SQUARE,
    TRIANGULAR,
    Lattice,
    Sites,
    UnitCell,
    cut,
    normalised_coordinates,
    torus,
)
from toponn.matter.shapes import disk, local_coordinates, rectangle, segment, window
from toponn.matter.systems.haldane import Haldane
from toponn.study.read import read_study
from toponn.tools.checks import DataError, resolve

QUICK = settings(max_examples=12, deadline=None, database=None, derandomize=True)
PLANES = [SQUARE, HONEYCOMB, KAGOME, TRIANGULAR]
COORDINATION = {"square": 4, "honeycomb": 3, "kagome": 4, "triangular": 6}
SHELLS = {
    "square": [(1, 4), (np.sqrt(2), 4), (2, 4)],
    "honeycomb": [(1, 3), (np.sqrt(3), 6), (2, 3), (np.sqrt(7), 6)],
    "kagome": [(1, 4), (np.sqrt(3), 4), (2, 6), (np.sqrt(7), 8)],
    "triangular": [(1, 6), (np.sqrt(3), 6), (2, 6), (np.sqrt(7), 12)],
}
AREA = {
    "chain": 0.5,
    "square": 1.0,
    "honeycomb": 3 * np.sqrt(3) / 4,
    "kagome": 2 / np.sqrt(3),
    "triangular": np.sqrt(3) / 2,
}


def by_name(lattice):
    return getattr(lattice, "name", None)


def sites_of(lattice, shape):
    return cut(lattice, shape.inside, shape.extent)


def distances(positions):
    return np.linalg.norm(positions[:, None] - positions[None], axis=-1)


def degrees(pairs, count):
    return np.bincount(pairs.ravel(), minlength=count)


# --- Oracles: loops and all images ------------------------------------------------------------------------


def looped_neighbours(sites, source, target, offset):
    """Return the pairs of `Sites.neighbours` from a dictionary of sites, one by one."""

    def key(sublattice, cell):
        wrapped = cell if sites.periods is None else [c % n for c, n in zip(cell, sites.size.tolist(), strict=True)]
        return (sublattice, *wrapped)

    index = {key(s, c): i for i, (s, c) in enumerate(zip(sites.sublattice.tolist(), sites.cell.tolist(), strict=True))}
    pairs = []
    for i, (s, cell) in enumerate(zip(sites.sublattice.tolist(), sites.cell.tolist(), strict=True)):
        there = key(target, [c + o for c, o in zip(cell, offset, strict=True)])
        if s == source and there in index:
            pairs.append((i, index[there]))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def looped_within(sites, radius, images=4):
    """Return the pairs and displacements of `Sites.within`, from the nearest of (2 images + 1)^d images."""
    d = sites.positions.shape[1]
    shifts = np.zeros((1, d))
    if sites.periods is not None:
        shifts = np.array(list(product(range(-images, images + 1), repeat=d))) @ sites.periods
    pairs, displacements = [], []
    for i in range(len(sites)):
        for j in range(i + 1, len(sites)):
            ways = sites.positions[j] - sites.positions[i] + shifts
            shortest = ways[np.linalg.norm(ways, axis=1).argmin()]
            if np.linalg.norm(shortest) <= radius + 1e-9:
                pairs.append((i, j))
                displacements.append(shortest)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2), np.array(displacements).reshape(-1, d)


# --- Facts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lattice", PLANES, ids=by_name)
def test_a_bulk_site_has_the_coordination_numbers_of_its_lattice(lattice):
    where = sites_of(lattice, disk(7.7)).positions
    bulk = np.flatnonzero(np.linalg.norm(where, axis=1) < 4)
    for radius, number in SHELLS[lattice.name]:
        count = (np.abs(distances(where)[bulk] - radius) < 1e-9).sum(axis=1)
        assert set(count) == {number}


@pytest.mark.parametrize("lattice", PLANES, ids=by_name)
def test_on_a_torus_every_site_has_the_coordination_numbers_of_its_lattice(lattice):
    sites = torus(lattice, (9, 8))
    radii = [radius for radius, _ in SHELLS[lattice.name]]
    pairs, displacement = sites.within(max(radii))
    length = np.linalg.norm(displacement, axis=1)
    for radius, number in SHELLS[lattice.name]:
        assert set(degrees(pairs[np.abs(length - radius) < 1e-9], len(sites))) == {number}
    assert not set(degrees(replace(sites, periods=None).within(1.0)[0], len(sites))) == {COORDINATION[lattice.name]}


@pytest.mark.parametrize("lattice", [CHAIN, *PLANES], ids=by_name)
def test_the_area_of_a_site_is_that_of_the_literature_and_of_counting(lattice):
    area = AREA[lattice.name]
    assert lattice.area_per_site == pytest.approx(area)
    if lattice.dimension == 2:
        assert len(sites_of(lattice, disk(60.3))) * area == pytest.approx(np.pi * 60.3**2, rel=0.005)


@pytest.mark.parametrize("name", LATTICES)
def test_every_row_is_a_lattice_of_that_name_that_cuts_itself(name):
    lattice = resolve(LATTICES, name, "lattice")
    assert lattice.name == name
    assert list(signature(lattice.cut).parameters) == list(signature(Lattice.cut).parameters)[1:]
    assert isinstance(lattice.drawn, bool)
    shape = disk(6.0) if lattice.dimension == 2 else segment((12,))
    rng = np.random.default_rng(0) if lattice.drawn else None
    sites = lattice.cut(shape.inside, shape.extent, rng)
    assert sites.positions.shape == (len(sites), lattice.dimension)
    assert sites.positions.dtype == np.float64
    assert shape.inside(sites.positions).all()
    assert sites.periods is None
    assert len(sites) * lattice.area_per_site == pytest.approx(shape.area, rel=0.1)
    if isinstance(lattice, UnitCell):
        assert np.array_equal(sites.positions, sites_of(lattice, shape).positions)
        assert sites.cell.dtype == sites.sublattice.dtype == np.int64


@pytest.mark.parametrize("lattice", [HONEYCOMB, KAGOME], ids=by_name)
def test_there_is_a_hexagon_around_the_origin_and_no_neighbours_share_a_sublattice(lattice):
    sites = sites_of(lattice, disk(5.3))
    where = sites.positions
    assert (np.abs(np.linalg.norm(where, axis=1) - 1) < 1e-9).sum() == 6
    assert np.linalg.norm(where, axis=1).min() > 0.99
    i, j = sites.within(1.0)[0].T
    assert (sites.sublattice[i] != sites.sublattice[j]).all()


@pytest.mark.parametrize("lattice", [HONEYCOMB, KAGOME], ids=by_name)
@pytest.mark.parametrize("radius", [1.0, 2.0, 2.3, 3.1, 4.0, 5.0, 6.5, 7.0, 8.9])
def test_a_disk_holds_as_many_sites_of_each_sublattice(lattice, radius):
    assert len(set(np.bincount(sites_of(lattice, disk(radius)).sublattice))) == 1


@pytest.mark.parametrize("size", [(14.0, 12.5), (9.0, 7.5), (10.3, 11.5)])
def test_a_honeycomb_rectangle_holds_as_many_a_sites_as_b_sites(size):
    sublattice = sites_of(HONEYCOMB, rectangle(size)).sublattice
    assert (sublattice == 0).sum() == (sublattice == 1).sum()


@pytest.mark.parametrize("lattice", [HONEYCOMB, KAGOME, TRIANGULAR], ids=by_name)
def test_a_sixth_of_a_turn_about_the_origin_maps_a_lattice_to_itself(lattice):
    where = sites_of(lattice, disk(6.1)).positions
    turn = np.array([[0.5, np.sqrt(0.75)], [-np.sqrt(0.75), 0.5]])
    gap = np.linalg.norm((where @ turn)[:, None] - where[None], axis=-1).min(axis=1)
    assert gap.max() < 1e-9
    moved = where - [0.0, 0.5]
    assert np.linalg.norm((moved @ turn)[:, None] - moved[None], axis=-1).min(axis=1).max() > 0.1, "control"


def test_every_honeycomb_sample_of_the_study_is_half_filled_in_its_bulk():
    # With another number of A than of B sites, as on a triangle, half of all states would not be the lower band.
    study = read_study(yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8")))
    recipes = {name: recipe.model_dump() for name, recipe in study.datasets.items() if recipe.system == "haldane"}
    balanced = []
    for name, entry in recipes.items():
        asked = {key: entry[key] for key in ("system", "shape", "parameters", "disorder")}
        recipe = Recipe.of(name=name, seed=1, **asked)
        occupied = recipe.draw([0]).occupied[0]
        bulk = window(local_coordinates(recipe.sites.positions, recipe.shape))
        density = (np.abs(occupied) ** 2).sum(axis=0)
        pairs = [density[bulk & (recipe.sites.sublattice == s)].mean() for s in (0, 1)]
        assert sum(pairs) == pytest.approx(1, abs=0.05), name
        balanced.append((recipe.sites.sublattice == 0).sum() == (recipe.sites.sublattice == 1).sum())
    assert any(balanced) and not all(balanced)


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


# --- The builders against loops ---------------------------------------------------------------------------


@QUICK
@given(st.sampled_from(PLANES), st.floats(1.05, 9.0))
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


@pytest.mark.parametrize("periodic", [False, True], ids=["open", "torus"])
@pytest.mark.parametrize("lattice", PLANES, ids=by_name)
def test_positions_are_those_of_cell_and_sublattice_and_the_cells_start_at_zero(lattice, periodic):
    sites = torus(lattice, (5, 4)) if periodic else sites_of(lattice, rectangle((9.2, 7.1)))
    built = sites.cell @ np.array(lattice.vectors) + np.array(lattice.basis)[sites.sublattice]
    shift = sites.positions - built
    assert np.ptp(shift, axis=0) == pytest.approx(0, abs=1e-12)
    assert sites.cell.min(axis=0).tolist() == [0, 0]
    keys = [(*cell, s) for cell, s in zip(sites.cell.tolist(), sites.sublattice.tolist(), strict=True)]
    assert keys == sorted(keys), "ordered by cell, then sublattice"
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (1, 6)])
def test_a_torus_of_the_square_lattice_has_the_sites_of_the_rectangle_in_the_same_place(size):
    periodic, flat = torus(SQUARE, size), sites_of(SQUARE, rectangle(tuple(map(float, size))))
    assert np.array_equal(periodic.positions, flat.positions)
    assert np.array_equal(periodic.cell, flat.cell)
    assert np.array_equal(periodic.periods, np.diag(size).astype(float))
    ring, segment_ = torus(CHAIN, (size[1],)), sites_of(CHAIN, segment((size[1],)))
    assert np.array_equal(ring.positions, segment_.positions)


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


# --- Neighbours -------------------------------------------------------------------------------------------


@QUICK
@given(st.sampled_from(PLANES), st.booleans(), st.tuples(st.integers(-3, 3), st.integers(-3, 3)), st.integers(0, 99))
def test_neighbours_are_those_of_a_loop_with_sites_missing_and_on_a_torus_of_any_size(lattice, periodic, offset, seed):
    rng = np.random.default_rng(seed)
    sites = torus(lattice, tuple(rng.integers(1, 7, size=2))) if periodic else sites_of(lattice, disk(4.5))
    some = rng.random(len(sites)) < 0.8
    sites = replace(sites, positions=sites.positions[some], cell=sites.cell[some], sublattice=sites.sublattice[some])
    for source, target in product(range(len(lattice.basis)), repeat=2):
        found = sites.neighbours(source, target, offset)
        assert found.dtype == np.int64
        assert np.array_equal(found, looped_neighbours(sites, source, target, offset))


def test_the_loop_of_the_test_tells_a_torus_from_an_open_sample():
    sites = torus(SQUARE, (4, 5))
    assert len(sites.neighbours(0, 0, (1, 0))) == 20
    assert len(replace(sites, periods=None).neighbours(0, 0, (1, 0))) == 15
    assert len(looped_neighbours(replace(sites, periods=None), 0, 0, (1, 0))) == 15


@pytest.mark.parametrize("lattice", PLANES, ids=by_name)
def test_a_translation_of_a_torus_maps_bonds_to_bonds(lattice):
    sites = torus(lattice, (6, 5))
    index = {(*c, s): i for i, (c, s) in enumerate(zip(sites.cell.tolist(), sites.sublattice.tolist(), strict=True))}
    for by in ((1, 0), (0, 1), (4, 3)):
        cells = ((sites.cell + by) % sites.size).tolist()
        image = np.array([index[(*c, s)] for c, s in zip(cells, sites.sublattice.tolist(), strict=True)])
        pairs, displacement = sites.within(1.0)
        moved = np.sort(image[pairs], axis=1)
        assert {*map(tuple, moved.tolist())} == {*map(tuple, pairs.tolist())}
        turned = np.where((image[pairs[:, 0]] < image[pairs[:, 1]])[:, None], displacement, -displacement)
        order = np.lexsort((moved[:, 1], moved[:, 0]))
        assert agree(turned[order], displacement)
        bonds = {*map(tuple, sites.neighbours(0, 0, (1, 2)).tolist())}
        assert {(int(image[i]), int(image[j])) for i, j in bonds} == bonds


@pytest.mark.parametrize(("lattice", "size"), [(SQUARE, (5, 6)), (HONEYCOMB, (4, 5)), (KAGOME, (3, 4))], ids=by_name)
def test_bonds_by_cell_and_bonds_by_distance_are_the_same_on_a_torus(lattice, size):
    sites = torus(lattice, size)
    vectors, basis = np.array(lattice.vectors), np.array(lattice.basis)
    by_cell = Counter()
    for s, t in product(range(len(basis)), repeat=2):
        for offset in product((-1, 0, 1), repeat=2):
            if abs(np.linalg.norm(offset @ vectors + basis[t] - basis[s]) - 1) < 1e-9:
                by_cell.update(tuple(sorted(pair)) for pair in sites.neighbours(s, t, offset).tolist())
    assert set(by_cell.values()) == {2}, "each bond is met once from either end"
    assert set(by_cell) == {*map(tuple, sites.within(1.0)[0].tolist())}


@QUICK
@given(st.sampled_from(["random", "square", "honeycomb", "kagome", "triangular"]), st.floats(0.3, 2.6))
def test_the_tree_finds_the_pairs_that_a_loop_finds_in_an_open_sample(name, radius):
    rng = np.random.default_rng(round(1000 * radius))
    sites = Sites(rng.uniform(0, 6, size=(40, 2)))
    if name != "random":
        sites = sites_of(resolve(LATTICES, name, "lattice"), disk(3.3))
    pairs, displacement = sites.within(radius)
    expected, ways = looped_within(sites, radius)
    assert np.array_equal(pairs, expected)
    assert agree(displacement, ways)
    assert pairs.dtype == np.int64
    assert displacement.dtype == np.float64


@QUICK
@given(st.integers(0, 10**6), st.floats(0.05, 0.99), st.sampled_from([1, 2, 3]), st.integers(-3, 3))
def test_the_tree_finds_the_nearest_images_that_a_loop_finds_on_any_torus(seed, part, d, skew):
    # The skewed periods span the same torus, but the shortest way around need not be one of them.
    rng = np.random.default_rng(seed)
    upright = np.diag(rng.uniform(2.0, 4.0, size=d)) + rng.uniform(-0.5, 0.5, size=(d, d))
    ways = np.array([n for n in product(range(-4, 5), repeat=d) if any(n)]) @ upright
    radius = part * np.linalg.norm(ways, axis=1).min() / 2
    skewed = upright.copy()
    skewed[-1] += skew * upright[0] if d > 1 else 0.0
    positions = rng.uniform(-1, 2, size=(14, d)) @ upright
    pairs, displacement = Sites(positions, periods=skewed).within(radius)
    expected, shortest = looped_within(Sites(positions, periods=upright), radius, images=5)
    assert np.array_equal(pairs, expected)
    assert agree(displacement, shortest)
    turns = (positions[pairs[:, 0]] + displacement - positions[pairs[:, 1]]) @ np.linalg.inv(skewed)
    assert agree(turns, np.rint(turns))


@pytest.mark.parametrize("sites", [torus(SQUARE, (6, 7)), torus(KAGOME, (3, 3)), Sites(np.zeros((1, 2)))])
def test_pairs_are_sorted_and_named_from_the_lower_index(sites):
    pairs, _ = sites.within(1.0)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert pairs.tolist() == sorted(pairs.tolist())
    assert pairs.shape == (len(pairs), 2)


def test_where_the_sites_of_a_torus_are_counted_from_does_not_matter():
    sites = torus(HONEYCOMB, (4, 5))
    pairs, displacement = sites.within(1.8)
    rng = np.random.default_rng(3)
    moved = replace(sites, positions=sites.positions + rng.integers(-3, 4, size=(len(sites), 2)) @ sites.periods + 0.7)
    again, displaced = moved.within(1.8)
    assert np.array_equal(pairs, again)
    assert agree(displacement, displaced)


@pytest.mark.parametrize("lattice", [CHAIN, *PLANES], ids=by_name)
@pytest.mark.parametrize("periodic", [False, True], ids=["open", "torus"])
def test_the_ways_of_given_pairs_are_those_of_the_search_and_point_back_when_turned(lattice, periodic):
    size = (9, 8)[: lattice.dimension]
    sites = torus(lattice, size) if periodic else cut(lattice, lambda p: np.linalg.norm(p, axis=1) < 5, 5.0)
    pairs, displacement = sites.within(1.8)
    assert agree(sites.displacements(pairs), displacement)
    assert agree(sites.displacements(pairs[:, ::-1]), -displacement)
    if periodic:
        assert not agree(replace(sites, periods=None).displacements(pairs), displacement), "control"


@pytest.mark.parametrize("periodic", [False, True], ids=["open", "torus"])
def test_a_hundred_thousand_sites_have_the_bonds_of_the_closed_form(periodic):
    # A loop over all pairs would take hours, an array of them 80 GB.
    n = 320
    sites = torus(SQUARE, (n, n)) if periodic else sites_of(SQUARE, rectangle((float(n), float(n))))
    pairs, _ = sites.within(1.0)
    assert len(pairs) == (2 * n * n if periodic else 2 * n * (n - 1))
    assert len(sites.neighbours(0, 0, (1, 0))) == (n * n if periodic else n * (n - 1))


@pytest.mark.parametrize("radius", [2.0, 2.5, 7.0])
def test_a_radius_that_reaches_two_images_of_one_site_is_refused(radius):
    with pytest.raises(DataError, match=f"radius: found {radius:g}; allowed: less than half the torus' shortest"):
        torus(SQUARE, (4, 9)).within(radius)
    # The same torus: the shortest way around, 4, is the difference of these two, of lengths √160 and √80.
    oblique = replace(torus(SQUARE, (4, 4)), periods=np.array([[12.0, 4.0], [8.0, 4.0]]))
    assert set(degrees(oblique.within(1.0)[0], 16)) == {4}
    with pytest.raises(DataError, match="shortest period, 2"):
        oblique.within(radius)


def test_neighbours_by_cell_are_refused_where_there_are_no_cells():
    with pytest.raises(DataError, match="sites: found no unit cells; allowed: sites of a periodic lattice"):
        Sites(np.zeros((3, 2))).neighbours(0, 0, (1, 0))
    sized = torus(SQUARE, (3, 3))
    with pytest.raises(DataError, match="sites: found periods without a size"):
        replace(sized, size=None).neighbours(0, 0, (1, 0))


@pytest.mark.parametrize("size", [(3,), (3, 0), (3, -1), (3.5, 3), (2, 2, 2)])
def test_a_torus_without_one_whole_number_of_cells_for_each_dimension_is_refused(size):
    with pytest.raises(DataError, match=r"torus: found size .*; allowed: 2 whole number\(s\) from 1"):
        torus(HONEYCOMB, size)


# --- Normalised coordinates -------------------------------------------------------------------------------


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


def test_samples_with_positions_of_their_own_are_normalised_one_by_one():
    where = np.random.default_rng(0).uniform(-5, 3, size=(4, 3, 20, 2))
    u = normalised_coordinates(where)
    for i, j in product(range(4), range(3)):
        assert np.array_equal(u[i, j], normalised_coordinates(where[i, j]))
