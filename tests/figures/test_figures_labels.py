"""Figures of the labels: what is drawn is what stands in the file, checked by number on small made-up studies."""

import itertools

import numpy as np
import pandas as pd
import pytest
from drawn import artists, drawn_texts, lightness, misplaced, rendered, text_of
from matplotlib.colors import to_rgba

from toponn.figures.ceiling import ceiling
from toponn.figures.convergence import ROUNDING, convergence
from toponn.figures.phase_map import edges, phase_map
from toponn.figures.style import (
    DOUBLE_COLUMN,
    ESTIMATOR_STYLES,
    INTEGER_COLOURS,
    SINGLE_COLUMN,
    estimator_style,
)
from toponn.tools.checks import ConfigError, DataError
from toponn.tools.files import read_arrays, read_table, write_arrays, write_table

ESTIMATORS = {
    "winding": ["spectral_localizer", "real_space_winding", "product_rule", "winding_number"],
    "chern": ["spectral_localizer", "real_space_chern", "three_sector_chern", "bott_index", "chern_number"],
    "crystals": [
        "spectral_localizer",
        "real_space_chern",
        "three_sector_chern",
        "bott_index",
        "chern_number",
        "localizer_of_gap",
    ],  # fmt: skip
}


def made_up_map(nx=7, ny=4, samples=4, n_lines=3):
    """Return a map with every integer from −3 to 3 along x, a row of poor cells and one cell without any number."""
    x, y = np.linspace(-3.0, 3.0, nx), np.linspace(0.5, 3.5, ny)
    mean = np.repeat(np.linspace(-3, 3, nx)[None], ny, axis=0)
    decided = np.full((ny, nx), 1.0)
    decided[2], decided[3, 1], mean[3, 1] = 0.25, 0.0, np.nan
    arrays = {"x": x, "y": y, "mean": mean, "label": np.rint(np.nan_to_num(mean)).astype(int), "decided": decided}
    arrays |= {f"boundary/{i}": np.array([[i - 1.0, 0.0], [i - 1.0, 9.0]]) for i in range(n_lines)}
    attributes = {
        "name": "qwz", "system": "qwz", "plane": "disorder", "lattice": "square", "shape": "rectangle 8x8",
        "samples": samples, "minimum_margin": 0.1, "x_label": "mass $m$ (hopping)", "y_label": "disorder $W$ (hopping)",
        "boundary_source": "clean, and first Born (Groth et al. 2009)", "fixed": "t_0 = 1, phase = -0.5",
    }  # fmt: skip
    return arrays, attributes


def made_up_convergence(task="chern", points=3, lengths=(6, 8, 12, 24), crystal=True):
    """Return errors that fall with the length; localizer and mesh are exact but for the first size of one point."""
    rows = []
    names = ESTIMATORS[task] if crystal else ESTIMATORS[task][:3]
    for point, length, (level, name) in itertools.product(range(points), lengths, enumerate(names)):
        error = 0.0 if level in (0, 3, 4) else 2 * 10 ** (-length / 8 - level)
        if point == 0 and length == lengths[0] and level == 0:
            error = 1.0
        row = {"name": "x", "parameters": f"mass = {-point}, t_minus_1 = 0.25", "gap": 0.5 if crystal else np.nan}
        row |= {"exact": point - 1, "length": length, "estimator": name, "n_samples": 8, "error": error}
        row |= {"worst": 3 * error, "right": float(error < 0.5), "decided": 1 - error, "disorder": np.nan}
        rows.append(row)
    return pd.DataFrame(rows)


def made_up_ceiling(lengths=(6, 8, 12), strengths=(0.0, 2.0, 4.0, 6.0), task="chern"):
    """Return agreements that fall with disorder; at the strongest no sample of the shortest length is decided."""
    rows = []
    pairs = list(itertools.combinations(ESTIMATORS[task][:3], 2))
    for (i, (a, b)), length, strength, selection in itertools.product(
        enumerate(pairs), lengths, strengths, ("all", "decided")
    ):
        count = 200 if selection == "all" else int(200 - 30 * strength - 10 * i)
        if selection == "decided" and (length, strength) == (lengths[0], strengths[-1]):
            count = 0
        share = 1 - 0.05 * strength * (selection == "all") - 0.01 * i if count else np.nan
        row = {"disorder": "onsite_box", "strength": strength, "length": length, "estimator_a": a, "estimator_b": b}
        row |= {"selection": selection, "n_samples": count, "agreement": share, "low": share - 0.04, "high": share}
        rows.append(row)
    return pd.DataFrame(rows)


FIGURES = {
    "phase_map": lambda: phase_map(*made_up_map()),
    "phase_map_of_a_spectrum": lambda: phase_map(*made_up_map(n_lines=20, samples=1)),
    "phase_map_without_boundary": lambda: phase_map(*made_up_map(n_lines=0)),
    "convergence": lambda: convergence(made_up_convergence(), "chern"),
    "convergence_four_points": lambda: convergence(made_up_convergence("winding", 4, (8, 16, 24, 48, 96)), "winding"),
    "convergence_one_point": lambda: convergence(made_up_convergence(points=1), "chern"),
    "convergence_five_points": lambda: convergence(made_up_convergence(points=5), "chern"),
    "convergence_six_estimators": lambda: convergence(made_up_convergence("crystals"), "chern"),
    "convergence_disorder": lambda: convergence(
        made_up_convergence("crystals").query("estimator != 'chern_number'"), "chern"
    ),
    "convergence_no_crystal": lambda: convergence(made_up_convergence(crystal=False, points=2), "chern"),
    "ceiling": lambda: ceiling(made_up_ceiling()),
    "ceiling_four_lengths": lambda: ceiling(made_up_ceiling((12, 24, 48, 96), task="winding")),
}


@pytest.fixture(scope="module")
def figures():
    """Every figure, drawn once; tests that change a figure make their own."""
    return {name: make() for name, make in FIGURES.items()}


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_overlaps_or_is_clipped(figures, name):
    assert misplaced(figures[name]) == []


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_or_two_columns_wide(figures, name):
    assert figures[name].get_size_inches()[0] in (SINGLE_COLUMN, DOUBLE_COLUMN)
    assert figures[name].get_size_inches()[1] < 9.0


# --- Style ------------------------------------------------------------------------------------------------


def test_integers_of_either_sign_are_told_apart_by_equal_steps_of_lightness():
    levels = {value: lightness(colour) for value, colour in INTEGER_COLOURS.items()}
    steps = np.diff([levels[abs(value)] for value in range(4)]), np.diff([levels[-value] for value in range(4)])
    assert np.abs(np.array(steps) + 23).max() < 1.0


def test_estimators_of_one_task_differ_in_colour_and_marker():
    for names in ESTIMATORS.values():
        styles = [ESTIMATOR_STYLES[name] for name in names]
        assert all(len(set(values)) == len(names) for values in zip(*styles, strict=True))


def test_every_estimator_of_the_library_has_a_style():
    from toponn.data.recipes import REFERENCES

    known = {"spectral_localizer", "localizer_of_gap", "bott_index", "winding_number", "chern_number"}
    assert known.union(*REFERENCES.values()) == set(ESTIMATOR_STYLES)


def test_an_estimator_without_a_style_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="found 'bott_indx'.*did you mean 'bott_index'"):
        estimator_style("bott_indx")


# --- Phase maps -------------------------------------------------------------------------------------------


def test_a_cell_has_the_colour_of_its_mean_and_none_where_nothing_is_decided():
    arrays, attributes = made_up_map()
    (cells,) = artists(phase_map(arrays, attributes), "cells")
    shown = cells.get_array()
    assert np.array_equal(np.ma.getmaskarray(shown), np.isnan(arrays["mean"]))
    assert np.array_equal(shown.compressed(), arrays["mean"][~np.isnan(arrays["mean"])])
    for value, colour in INTEGER_COLOURS.items():
        assert np.allclose(cells.to_rgba(value), to_rgba(colour), atol=1e-6)


def test_a_cell_lies_around_its_centre():
    arrays, attributes = made_up_map()
    (cells,) = artists(phase_map(arrays, attributes), "cells")
    corners = cells.get_coordinates()
    assert np.allclose((corners[0, 1:, 0] + corners[0, :-1, 0]) / 2, arrays["x"])
    assert np.allclose((corners[1:, 0, 1] + corners[:-1, 0, 1]) / 2, arrays["y"])
    assert edges(np.array([1.0, 3.0, 5.0])).tolist() == [0.0, 2.0, 4.0, 6.0]


def test_cells_are_hatched_where_fewer_than_half_of_the_samples_are_decided():
    arrays, attributes = made_up_map()
    (hatched,) = artists(phase_map(arrays, attributes), "undecided")
    assert hatched.get_hatch()
    centres = {tuple(path.vertices[:4].mean(axis=0).round(9)) for path in hatched.get_paths()}
    expected = {(x, y) for (j, y), (i, x) in itertools.product(enumerate(arrays["y"]), enumerate(arrays["x"]))
                if arrays["decided"][j, i] < 0.5}  # fmt: skip
    assert centres == {tuple(np.round(spot, 9)) for spot in expected} and len(centres) == 8


@pytest.mark.parametrize("n_lines", [0, 3, 20])
def test_the_map_draws_every_line_and_the_cells_set_its_limits(n_lines):
    figure = phase_map(*made_up_map(n_lines=n_lines))
    assert len(artists(figure, "boundary")) == n_lines
    assert figure.axes[0].get_ylim() == pytest.approx((0.0, 4.0))
    assert any("Groth" in text for text in text_of(figure)) == (n_lines > 0)


def test_many_lines_are_thin_and_few_are_bold():
    widths = [artists(phase_map(*made_up_map(n_lines=n)), "boundary")[0].get_linewidth() for n in (3, 20)]
    assert widths == [1.1, 0.4]


def test_the_scale_of_a_map_marks_the_integers_that_it_uses():
    arrays, attributes = made_up_map()
    assert [t.get_text() for t in phase_map(arrays, attributes).axes[1].get_yticklabels()] == [
        "−3", "−2", "−1", "0", "+1", "+2", "+3"
    ]  # fmt: skip
    some = arrays | {"mean": np.clip(arrays["mean"], 0, 1.5)}
    bar = phase_map(some, attributes).axes[1]
    assert [text.get_text() for text in bar.get_yticklabels()] == ["0", "+1", "+2"] and bar.get_ylim() == (0, 2)


@pytest.mark.parametrize("factor", [0.0, np.nan, 2.0])
def test_a_map_of_one_integer_of_none_or_of_large_ones_is_drawn(factor):
    arrays, attributes = made_up_map()
    figure = phase_map(arrays | {"mean": arrays["mean"] * factor}, attributes)
    shown = [text.get_text() for text in figure.axes[1].get_yticklabels()]
    assert shown == (["0"] if not factor == 2.0 else ["−3", "−2", "−1", "0", "+1", "+2", "+3"])
    assert misplaced(figure) == []


def test_a_map_names_its_system_shape_fixed_numbers_axes_and_margin():
    figure = phase_map(*made_up_map())
    words = " ".join(text_of(figure)).replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ")
    for expected in ("QWZ, square, rectangle 8x8, t₀ = 1, phase = −0.5", "mass $m$ (hopping)", "localizer < 0.1"):
        assert expected in words


def test_a_map_of_other_cells_than_it_has_is_refused():
    arrays, attributes = made_up_map()
    with pytest.raises(DataError, match=r"found 6 columns and 4 rows with \(4, 7\) means and \(4, 7\) shares; allowed"):
        phase_map(arrays | {"x": arrays["x"][1:]}, attributes)


# --- Convergence ------------------------------------------------------------------------------------------


def drawn_errors(figure, panel, name):
    """Return the lengths and heights at which a panel shows an estimator."""
    (points,) = [part for part in artists(figure.axes[panel], f"{name} markers")]
    return np.asarray(points.get_offsets()).T


@pytest.mark.parametrize("name", ["real_space_chern", "three_sector_chern"])
def test_errors_are_drawn_at_their_values_against_the_length(name):
    table = made_up_convergence()
    figure = convergence(table.sort_values("length", ascending=False, kind="stable"), "chern")
    for panel, point in enumerate(dict.fromkeys(table["parameters"])):
        rows = table[(table["parameters"] == point) & (table["estimator"] == name)]
        length, error = drawn_errors(figure, panel, name)
        assert np.allclose(length, rows["length"]) and np.allclose(error, rows["error"], rtol=1e-12)


def test_exact_values_lie_in_a_strip_below_the_axis_each_estimator_at_its_own_height():
    table = made_up_convergence()
    table.loc[table["estimator"] == "bott_index", "error"] = ROUNDING / 2
    figure = convergence(table, "chern")
    heights = {name: drawn_errors(figure, 1, name)[1] for name in ("spectral_localizer", "bott_index", "chern_number")}
    assert len({height for values in heights.values() for height in values}) == 3
    smallest = table["error"][table["error"] > ROUNDING].min()
    assert max(map(np.max, heights.values())) < smallest and "exact" in dict(drawn_texts(figure))


def test_whiskers_reach_to_the_sample_that_is_farthest_off():
    table = made_up_convergence(points=1)
    figure = convergence(table, "chern")
    tops = np.concatenate(
        [[path.vertices[:, 1].max() for path in part.get_paths()] for part in artists(figure, "worst")]
    )
    farthest = table["worst"][table["worst"] > ROUNDING]
    assert all(np.isclose(tops, value, rtol=1e-9).any() for value in farthest)


def test_markers_are_open_where_undecided_and_crossed_where_the_integer_is_wrong():
    figure = convergence(made_up_convergence(), "chern")
    (points,) = artists(figure.axes[0], "spectral_localizer markers")
    white = (points.get_facecolors()[:, :3] == 1).all(axis=1)
    assert white.tolist() == [True, False, False, False]
    crosses = [len(part.get_offsets()) for part in artists(figure.axes[0], "wrong")]
    assert sum(crosses) == 1 and not sum(len(part.get_offsets()) for part in artists(figure.axes[1], "wrong"))


def test_a_panel_says_its_point_gap_and_integer_and_where_the_integer_is_from():
    titles = [axes.get_title(loc="left") for axes in convergence(made_up_convergence(), "chern").axes]
    assert "gap 0.5 (hopping), C = −1" in titles[0] and "C = +1" in titles[2]
    assert "t₋₁\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.25" in titles[0]
    (title, _) = (axes.get_title(loc="left") for axes in FIGURES["convergence_no_crystal"]().axes)
    assert "C = −1 by the largest localizer" in title
    empty = made_up_convergence("winding", points=1).assign(gap=np.nan)
    assert "no band is filled, or all are: ν = −1" in convergence(empty, "winding").axes[0].get_title(loc="left")


def test_a_study_without_rows_twice_the_same_row_or_of_an_unknown_estimator_is_refused():
    table = made_up_convergence()
    with pytest.raises(DataError, match="convergence: found no rows"):
        convergence(table.head(0), "chern")
    with pytest.raises(DataError, match="found two rows of one parameters, length, estimator; allowed: one"):
        convergence(pd.concat([table, table.head(1)]), "chern")
    with pytest.raises(ConfigError, match="found 'bot'.*allowed: spectral_localizer"):
        convergence(table.replace("bott_index", "bot"), "chern")


# --- Ceiling ----------------------------------------------------------------------------------------------


def test_agreements_are_drawn_at_their_values_solid_for_all_and_dashed_for_decided_samples():
    table = made_up_ceiling()
    figure = ceiling(table.sample(frac=1, random_state=1).sort_values("estimator_a", ascending=False, kind="stable"))
    for selection, style in (("all", "-"), ("decided", "--")):
        lines = artists(figure, selection)
        assert {line.get_linestyle() for line in lines} == {style} and len(lines) == 3 * 3
        of_all = table[(table["selection"] == selection) & (table["n_samples"] > 0)]
        shown = sorted((x, y) for line in lines for x, y in zip(*line.get_data(), strict=True))
        expected = sorted(zip(of_all["strength"], of_all["agreement"], strict=True))
        assert np.allclose(shown, expected)


def test_bands_are_the_intervals_of_the_table():
    table = made_up_ceiling(lengths=(8,))
    table = table[table["selection"] == "all"]
    both = pd.concat([table, table.assign(selection="decided")])
    bands = [part.get_paths()[0].vertices[:, 1] for part in artists(ceiling(both), "interval")]
    assert min(band.min() for band in bands) == pytest.approx(table["low"].min())
    assert max(band.max() for band in bands) == pytest.approx(table["high"].max())


def test_the_lower_panels_show_the_share_that_both_estimators_call_decided():
    table = made_up_ceiling()
    figure = ceiling(table)
    shown = sorted(y for line in artists(figure, "share") for y in line.get_ydata())
    assert np.allclose(shown, sorted(table[table["selection"] == "decided"]["n_samples"] / 200))


def test_a_column_names_its_pair_and_the_axis_its_disorder():
    figure = ceiling(made_up_ceiling())
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert sum("spectral localizer,\nthree sectors" in title for title in titles) == 1
    assert sum(axes.get_xlabel() == "on-site disorder $W$ (hopping)" for axes in figure.axes) == 3
    assert {"length 6", "length 12", "all samples", "decided by both"} <= set(text_of(figure))
    other = ceiling(made_up_ceiling().assign(disorder="vacancies"))
    assert any(axes.get_xlabel() == "vacancies (share of the sites)" for axes in other.axes)


def test_agreement_below_one_half_is_not_cut_off():
    table = made_up_ceiling()
    assert ceiling(table).axes[0].get_ylim()[0] == 0.5
    table.loc[0, ["agreement", "low"]] = [0.4, 0.33]
    assert ceiling(table).axes[0].get_ylim()[0] == pytest.approx(0.3)


def test_a_ceiling_without_rows_twice_the_same_row_or_of_an_unknown_estimator_is_refused():
    table = made_up_ceiling()
    with pytest.raises(DataError, match="ceiling: found no rows"):
        ceiling(table.head(0))
    with pytest.raises(DataError, match="found two rows of one estimator_a, .*, selection; allowed: one"):
        ceiling(pd.concat([table, table.head(1)]))
    with pytest.raises(ConfigError, match="found 'sectors'.*allowed: spectral_localizer"):
        ceiling(table.replace("three_sector_chern", "sectors"))


# --- Captions and scripts ---------------------------------------------------------------------------------

RECIPES = {
    "phase_map": {"system": "qwz", "plane": "disorder", "shape": {"name": "rectangle", "size": [8, 8]},
                  "cells": [28, 16], "samples": 4, "minimum_margin": 0.15},
    "convergence": {"system": "qwz", "points": [{"mass": 1.0}], "lengths": [6, 8, 10], "samples": 4,
                    "disorder": [{"name": "onsite_box", "strength": 1.5}], "minimum_margin": 0.15},
    "ceiling": {"system": "qwz", "parameters": {"mass": [-3.5, 3.5], "shift": 0.25}, "disorder": "onsite_box",
                "strengths": [0.0, 1.0], "lengths": [6, 8], "samples": 123, "minimum_margin": 0.15},
}  # fmt: skip
SAYS = {
    "phase_map": ("28 × 16 cells", "4 samples each, 1792 in all", "a margin of 0.15", "Groth et al.", "maps/qwz.h5"),
    "convergence": ("6, 8, 10 nearest", "onsite_box of strength 1.5", "mean over 4 samples", "0.15", "Plaquettes in k"),
    "ceiling": ("length (6, 8)", "123 samples", "``mass`` -3.5 … 3.5, ``shift`` 0.25", "gap of 0.15", "Wilson 95 %"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_caption_says_how_many_samples_which_sizes_which_margin_and_where_the_numbers_are(name):
    about = {"recipe": RECIPES[name], "boundary": "first Born (Groth et al.)", "task": "chern"}
    text = rendered(name, {"subject": "qwz", "about": about}, map="results/maps/qwz.h5")
    for expected in (*SAYS[name], "``qwz``", "Numbers: "):
        assert expected in text


def test_figures_of_what_the_library_computes_are_drawn(tmp_path):
    from toponn.labels.convergence import convergence_rows
    from toponn.labels.phase_maps import phase_map as computed_map
    from toponn.labels.references import ceiling_rows

    about = {"name": "ssh", "seed": 1, "system": "ssh", "samples": 4, "minimum_margin": 0.1}
    shape = {"name": "segment", "size": [12]}
    write_arrays(tmp_path / "m.h5", *computed_map(**about, plane="disorder", shape=shape, cells=(4, 3)))
    points = [{"intracell": 0.5, "intercell": 1.0}]
    rows = convergence_rows(**about, points=points, lengths=[8, 12], disorder=[])
    write_table(tmp_path / "c.csv", rows, "convergence")
    parameters = {"intracell": [0.0, 2.0], "intercell": 1.0}
    rows = ceiling_rows(**about, parameters=parameters, disorder="bond_box", strengths=[0.0, 2.0], lengths=[8, 12])
    write_table(tmp_path / "a.csv", rows, "ceiling")
    made = [
        phase_map(*read_arrays(tmp_path / "m.h5")),
        convergence(read_table(tmp_path / "c.csv", "convergence"), "winding"),
    ]
    made.append(ceiling(read_table(tmp_path / "a.csv", "ceiling")))
    for figure in made:
        assert misplaced(figure) == []
    (cells,) = artists(made[0], "cells")
    assert np.ma.allclose(cells.get_array(), np.ma.masked_invalid(read_arrays(tmp_path / "m.h5")[0]["mean"]))
    rows = convergence_rows(**about | {"system": "qwz"}, points=[{"mass": 1.0}], lengths=[6, 8], disorder=[])
    planes = convergence(rows, "chern")
    assert misplaced(planes) == []
    assert all(len(drawn_errors(planes, 0, name)[0]) == 2 for name in set(rows["estimator"]))
