import numpy as np
import pytest

from toponn.data.recipes import Recipe
from toponn.invariants.estimates import spectral_localizer
from toponn.labels.phase_maps import phase_map
from toponn.matter.systems import SYSTEMS
from toponn.tools.checks import ConfigError, resolve

QWZ = {
    "name": "qwz_map",
    "seed": 5,
    "system": "qwz",
    "plane": "disorder",
    "shape": {"name": "rectangle", "size": [7, 7]},
    "cells": (8, 3),
    "samples": 2,
    "minimum_margin": 0.1,
}
SMALL = {
    "chain": {"name": "segment", "size": [16]},
    "square": {"name": "rectangle", "size": [7, 7]},
    "honeycomb": {"name": "disk", "radius": 6.5},
    "kagome": {"name": "disk", "radius": 6.2},
    "random": {"name": "rectangle", "size": [7, 7]},
}
PLANES = [(name, plane) for name in SYSTEMS for plane in resolve(SYSTEMS, name, "system")().phase_planes()]


def shape_for(system):
    return SMALL[resolve(SYSTEMS, system, "system").lattices[0]]


@pytest.fixture(scope="module")
def made():
    return phase_map(**QWZ)


def test_a_map_names_the_centres_of_its_cells_and_what_they_hold(made):
    arrays, attributes = made
    assert arrays["x"] == pytest.approx(-3.5 + 7 * (np.arange(8) + 0.5) / 8)
    assert arrays["y"] == pytest.approx(8 * (np.arange(3) + 0.5) / 3)
    for key in ("mean", "label", "decided"):
        assert arrays[key].shape == (3, 8)
    assert ((arrays["decided"] >= 0) & (arrays["decided"] <= 1)).all()
    assert np.array_equal(np.isnan(arrays["mean"]), arrays["decided"] == 0)
    assert attributes["n_sites"] == 49
    assert attributes["plane"] == "disorder"
    assert attributes["x_label"]
    assert [arrays[f"boundary/{i}"][0, 0] for i in range(3)] == [-2.0, 0.0, 2.0]


def test_every_cell_of_a_map_holds_the_labels_of_its_own_draws(made):
    arrays, _ = made
    for row, column in ((0, 0), (0, 3), (1, 5), (2, 7)):
        W, mass = float(arrays["y"][row]), float(arrays["x"][column])
        recipe = Recipe.of(
            name="qwz_map",
            seed=5,
            system="qwz",
            shape=QWZ["shape"],
            parameters={"mass": mass},
            disorder=[{"name": "onsite_box", "strength": W}],
        )
        first = 2 * (row * 8 + column)
        found = spectral_localizer(recipe.draw([first, first + 1]), 0.2)
        decided = found.margin >= 0.1
        assert arrays["decided"][row, column] == decided.mean()
        if decided.any():
            assert arrays["mean"][row, column] == pytest.approx(found.value[decided].mean())
            labels, votes = np.unique(found.value[decided], return_counts=True)
            assert arrays["label"][row, column] in labels[votes == votes.max()]


def test_a_map_of_weak_disorder_has_the_phases_of_the_literature(made):
    arrays, _ = made
    mass = arrays["x"]
    exact = np.where(np.abs(mass) < 2, -np.sign(mass), 0)
    weak = phase_map(**QWZ | {"cells": (8, 16), "samples": 1})[0]
    assert weak["y"][0] == 0.25
    assert weak["label"][0].tolist() == exact.tolist()
    assert weak["label"][0].tolist() != exact[::-1].tolist(), "control"


def test_a_map_is_the_same_each_time_and_another_under_another_seed(made):
    again, _ = phase_map(**QWZ)
    other, _ = phase_map(**QWZ | {"seed": 6})
    for key, values in made[0].items():
        assert np.array_equal(values, again[key], equal_nan=True)
    assert not np.array_equal(made[0]["mean"], other["mean"], equal_nan=True)


@pytest.mark.parametrize(("system", "plane"), PLANES)
def test_every_phase_plane_of_every_system_can_be_mapped(system, plane):
    settings = {"system": system, "plane": plane, "shape": shape_for(system), "cells": (3, 2), "samples": 1}
    arrays, attributes = phase_map(**QWZ | settings)
    assert arrays["mean"].shape == (2, 3)
    assert arrays["decided"].max() > 0
    drawn = resolve(SYSTEMS, system, "system")().phase_planes()[plane]
    assert sum(key.startswith("boundary/") for key in arrays) == len(drawn.boundary)
    assert all(f"{name} = " in attributes["fixed"] for name in drawn.fixed)


CLEAN = {  # cells of a map away from every boundary, and the integer there
    ("kitaev_chain", "clean"): ((8, 4), lambda mu, delta: int(np.sign(delta)) if abs(mu) < 2 else 0),
    ("haldane", "clean"): (
        (6, 5),
        lambda phi, M: -int(np.sign(phi)) if abs(M) < 3 * np.sqrt(3) * 0.2 * abs(np.sin(phi)) else 0,
    ),
    ("higher_chern", "clean"): ((7, 4), lambda m, diagonal: -2 * int(np.sign(diagonal)) if abs(m) < 2 else 0),
}


@pytest.mark.parametrize(("system", "plane"), CLEAN)
def test_maps_of_clean_planes_are_right_wherever_they_are_decided(system, plane):
    cells, exact = CLEAN[(system, plane)]
    settings = {"system": system, "plane": plane, "shape": shape_for(system), "cells": cells, "samples": 1}
    arrays, _ = phase_map(**QWZ | settings | {"minimum_margin": 0.25})
    right = [
        arrays["label"][j, i] == exact(x, y)
        for j, y in enumerate(arrays["y"])
        for i, x in enumerate(arrays["x"])
        if arrays["decided"][j, i]
    ]
    assert len(right) > 0.5 * cells[0] * cells[1]
    assert np.mean(right) == 1.0
    assert len(np.unique(arrays["label"][arrays["decided"] > 0])) == 3


def test_a_plane_that_a_system_does_not_draw_is_refused_in_one_sentence():
    with pytest.raises(ConfigError, match=r"maps\.qwz_map\.plane: found 'disordr'; allowed: disorder, anderson"):
        phase_map(**QWZ | {"plane": "disordr"})
    with pytest.raises(ConfigError, match=r"maps\.qwz_map\.system: found 'qzw'; allowed: ssh, .*did you mean 'qwz'"):
        phase_map(**QWZ | {"system": "qzw"})


def test_the_map_of_strongly_disordered_chains_by_the_product_rule_has_the_boundary_of_mondragon_shem():
    # Without a spectral gap the localizer of long chains decides little; the product rule is exact draw by draw.
    entry = {
        "name": "ssh",
        "seed": 3,
        "system": "ssh",
        "plane": "disorder",
        "shape": {"name": "segment", "size": [200]},
    }
    settings = {"cells": (10, 8), "samples": 6, "minimum_margin": 0.1}
    arrays, attributes = phase_map(**entry, **settings, estimator="product_rule")
    assert attributes["estimator"] == "product_rule"
    v, W = arrays["boundary/0"].T
    edge = np.interp(arrays["y"], W, v)[:, None]
    far = np.abs(arrays["x"] - edge) > 0.25
    inside = arrays["x"] < edge
    assert far.sum() > 50
    assert (np.abs(arrays["mean"] - inside)[far] < 0.5).mean() > 0.95
    assert (inside & (arrays["x"] > 1.0) & (arrays["mean"] > 0.5)).any(), "topological by disorder alone"
