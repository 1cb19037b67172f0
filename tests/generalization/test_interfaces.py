"""The ring's own local marker: beside the local Chern marker, and over the border between two phases."""

import numpy as np
import pytest
from drawn import Made, text_of
from matplotlib.collections import EllipseCollection
from stored import write_planted

from toponn.figures.interface import interface_figure
from toponn.figures.looks import looks
from toponn.generalization.interfaces import interface, regions
from toponn.models.base import generators
from toponn.tools.tables import TABLES
from toponn.training.protocol import Variant
from toponn.training.views import build_model

VARIANT = Variant("exact", "coordinate_ring", {"start": "closed_form", "width": 8})
RECIPE = {
    "system": "qwz",
    "shape": {"name": "rectangle", "size": [22, 22]},
    "parameters": {"mass": -1.0},
    "disorder": [{"name": "onsite_box", "strength": 0.5}],
    "interface": {"beyond": 0.5, "parameters": {"mass": 1.0}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a run folder with two seeds of a coordinate ring at its closed form."""
    folder, ring = tmp_path_factory.mktemp("run"), build_model(VARIANT, {"coordinates": (64, 2)})
    like = ring.initial(generators(1, "qwz", "ring", [0, 1]))
    write_planted(folder, "chern", VARIANT, ring, ring.closed_form(like, np.zeros((64, 2)), 1.0))
    return folder


@pytest.fixture(scope="module")
def looked_at(folder):
    return interface([folder], name="qwz", seed=3, seeds=1, samples=2, **RECIPE)


def test_the_closed_form_s_own_marker_has_the_integer_of_each_phase(looked_at):
    rows, _, _ = looked_at
    inside = rows[rows["region"] == "inside"]
    assert set(TABLES["interfaces"].columns) <= set(rows.columns) and len(rows) == 2 * 1 * 2  # draws, seeds, regions
    assert np.allclose(inside["learned"], 1, atol=0.1)  # C = +1 at m = −1
    assert np.allclose(inside["learned"], inside["marker"], atol=0.05)


def test_both_markers_have_one_sign_where_the_weight_is_large(looked_at):
    _, arrays, attributes = looked_at
    heavy = np.abs(arrays["weight"][0]) > 0.3 * np.abs(arrays["weight"][0]).max()
    assert heavy.sum() >= 12 and (arrays["learned"][0] * arrays["marker"])[heavy].min() > 0.3
    assert np.isnan(arrays["learned"]).any() and attributes["beyond"] == 0.5


def test_regions_keep_away_from_the_border_and_from_the_edge():
    x = np.arange(21.0)
    r = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    found = regions(r, 0.5)
    distance = np.abs(r - 10).max(axis=1)
    assert distance[found["inside"]].max() == 3 and distance[found["outside"]].min() == 7
    assert distance[found["outside"]].max() == 8 and not (found["inside"] & found["outside"]).any()


def test_the_figure_shows_both_markers_with_their_means(looked_at):
    rows, arrays, attributes = looked_at
    files = {"markers": (arrays, attributes), "interfaces": rows}
    figure = interface_figure(Made("qwz", files, {}, looks([("exact", "ring", "coordinate_ring")])))
    texts = [axes.get_title() for axes in figure.findobj(lambda part: hasattr(part, "get_title"))]
    assert any(text.startswith("inside: own +") for text in texts)
    assert "local Chern marker" in texts


def test_a_seed_that_failed_leaves_the_figure_as_it_is_and_where_all_did_it_says_so(looked_at):
    rows, arrays, attributes = looked_at
    names = looks([("exact", "ring", "coordinate_ring")])

    def drawn(*places):  # the seed in these places, and one that failed
        more = {key: np.concatenate([arrays[key], np.full_like(arrays[key], np.nan)]) for key in ("learned", "weight")}
        found = {key: array[list(places)] for key, array in more.items()}
        files = {"markers": (arrays | found, attributes), "interfaces": rows}
        return interface_figure(Made("qwz", files, {}, names))

    alone, beside = (
        [disks.get_facecolors() for disks in figure.findobj(EllipseCollection)] for figure in (drawn(0), drawn(0, 1))
    )
    assert len(alone) == 3 and all(map(np.array_equal, alone, beside))
    assert text_of(drawn(1)) == ["no model of this study has such values"]
