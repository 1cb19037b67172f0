"""Figures of small synthetic tables; what a reader would check by eye is checked here by number."""

import itertools
import subprocess
import sys
from dataclasses import replace

import jinja2
import matplotlib
import numpy as np
import pandas as pd
import pytest
from drawn import (
    CAPTIONS,
    LOOKS,
    VARIANTS,
    artists,
    assert_fits,
    drawn_texts,
    lightness,
    made,
    misplaced,
    rendered,
    text_of,
)
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from toponn.figures import FIGURES, record
from toponn.figures.generalization_matrix import contrasting, generalization_figure, shown_number
from toponn.figures.learning_curves import learning_curves_figure
from toponn.figures.looks import looks
from toponn.figures.site_tensors import median_seed, site_tensors_figure
from toponn.figures.sizes import sizes_figure
from toponn.figures.style import (
    save,
    sequential_map,
    variants_in_order,
)
from toponn.figures.success import success_figure
from toponn.figures.superiority import superiority_figure
from toponn.figures.transfer import transfer_figure
from toponn.study.declared import declared_function
from toponn.study.facts import Facts
from toponn.tools.checks import ConfigError, resolve
from toponn.tools.files import read_csv, write_csv
from toponn.tools.provenance import provenance
from toponn.tools.tables import COLUMNS, TABLES, columns_of

CHERN = [name for name in VARIANTS if "wavefunction" not in name]
TESTED = [name for name in CHERN if "closed_form" not in name]
CHERN_TESTS = {
    "qwz_8": 400,
    "qwz_6": 400,
    "qwz_12": 200,
    "qwz_16": 120,
    "qwz_8_strong": 400,
    "haldane_disk": 200,
    "haldane_rectangle": 200,
}
CHERN_KINDS = {
    "qwz_8": "training data",
    **dict.fromkeys(("qwz_6", "qwz_12", "qwz_16"), "sizes"),
    "qwz_8_strong": "disorder",
    **dict.fromkeys(("haldane_disk", "haldane_rectangle"), "lattices"),
}
MANY_TESTS = {f"haldane_rectangle_{i}": 1000 for i in range(26)}
TOLD = {
    "home": "qwz_8",
    "success": {"split": "test", "balanced_accuracy": 0.99},
    "kinds": CHERN_KINDS,
    "proxies": ["qwz_8_scrambled"],
    "rivals": ["cnn"],
    "sizes": {"datasets": ["qwz_6"], "variants": ["ring_free"], "seeds": 10},
    "left_out": {"datasets": ["a", "b"], "variants": ["ring_free", "cnn"], "seeds": 41},
    "left_out_sizes": dict.fromkeys("ab", {"train": 600, "validation": 300, "test": 400}),
    "split_sizes": {"train": 600, "validation": 300, "test": 400},
    "test_sizes": CHERN_TESTS,
    "transfer_sizes": {"qwz_6": 36, "qwz_8": 64, "qwz_12": 144, "qwz_16": 256},
    "recipe": {"system": "qwz", "model": "ring_coordinate", "seeds": 41, "samples": 400, "vectors": 8},
    **dict.fromkeys(("trained_seeds", "tested_seeds", "block_seeds"), {"ring_free": 41, "cnn": 23}),
}
"""Facts of a study as figures are told them."""


def start_of(variant):
    return "closed_form" if "closed_form" in variant else "random"


def synthetic_history(epochs=30, seeds=20):
    rng = np.random.default_rng(2)
    frames = []
    for variant in CHERN:
        if variant == "loop_ridge":
            continue
        for seed in range(seeds if start_of(variant) == "random" else seeds // 2):
            epoch = np.arange(epochs + 1)
            rate, best = rng.uniform(0.05, 0.4), rng.uniform(0.9, 1.0)
            risen = best - (best - 1 / 3) * np.exp(-rate * epoch) * (start_of(variant) == "random")
            value = risen + rng.normal(0, 0.01, epochs + 1)
            row = {"task": "chern", "variant": variant, "start": start_of(variant), "seed": seed, "epoch": epoch}
            frames.append(pd.DataFrame({**row, "validation_balanced_accuracy": value.clip(0, 1)}))
    return pd.concat(frames, ignore_index=True)


def synthetic_runs_and_trainability(seeds=40):
    rng = np.random.default_rng(3)
    runs, trainability = [], []
    for variant in CHERN:
        count = 1 if variant == "loop_ridge" else seeds
        values = np.minimum(1, 1.01 - rng.exponential(0.03, count))
        row = {"task": "chern", "variant": variant, "size": 64, "start": start_of(variant)}
        for seed, value in enumerate(values):
            run = {"dataset": "qwz_8", "seed": seed, "validation_balanced_accuracy": value, "success": value >= 0.99}
            runs.append({**row, **run})
        share = float((values >= 0.99).mean())
        row |= {"n_seeds": count, "status": "ok"}
        ends = {"low": max(0, share - 0.15), "high": min(1, share + 0.1)}
        trainability.append({**row, "diagnostic": "success_fraction", "value": share, **ends})
        norm = rng.lognormal(0, 1.5)
        ends = {"low": norm / 3, "high": norm * 3}
        if variant != "loop_ridge":
            trainability.append({**row, "diagnostic": "initial_gradient_norm", "value": norm, **ends})
    return pd.DataFrame(trainability), pd.DataFrame(runs)


def synthetic_summary(tests=CHERN_TESTS, variants=TESTED):
    rng = np.random.default_rng(4)
    rows = []
    for variant, (place, (test, samples)) in itertools.product(variants, enumerate(tests.items())):
        ring = variant.startswith("ring")
        best = {"ring_coordinate": 0.998, "cnn": 0.99}.get(variant, 0.97 if ring else 0.85)
        value = float(np.clip(best - (0.3 + 0.2 * rng.random()) * (place > 4) * (not ring), 0, 1))
        status = "ok"
        if (variant in ("ring_free", "loop_ridge") and place) or (variant == "mlp" and "haldane" in test):
            status, value = "not applicable", np.nan
        row = {"task": "chern", "variant": variant, "test": test, "status": status}
        row |= {
            "n_seeds": 1 if variant == "loop_ridge" else 40,
            "n_parameters": 12_929,
            "flops": 2.07e12,
            "n_samples": samples,
            "mean_error": 0.1,
            "error_low": 0.08,
            "error_high": 0.13,
            "gain": 1.1,
            "gain_low": 1.0,
            "gain_high": 1.2,
            "balanced_accuracy": value,
        }
        rows.append({**row, "low": value - 0.02, "high": min(1.0, value + 0.015), "ceiling": 1 - 0.003 * place})
    frame = pd.DataFrame(rows)
    failed = (frame["variant"] == "resnet") & (frame["test"] == "qwz_16")
    frame.loc[failed, ["status", "balanced_accuracy"]] = ["failed", np.nan]
    return frame


def synthetic_site_tensors(dimension):
    rng = np.random.default_rng(5)
    if dimension == 2:
        x, y = (axis.ravel() - 3.5 for axis in np.meshgrid(np.arange(8.0), np.arange(8.0), indexing="ij"))
        positions, names = np.stack([x, y], axis=1), "window,Λx,Λy"
        closed = np.stack([(np.maximum(np.abs(x), np.abs(y)) < 2).astype(float), x, y])
    else:
        positions, names = np.arange(24.0)[:, None], "window,Λx"
        closed = np.stack([(np.abs(positions[:, 0] - 11.5) < 6) / 12, (positions[:, 0] - 11.5)])
    arrays, attributes = {"positions": positions}, {}
    for ring, noise in (("ring_coordinate", 0.05), ("ring_free", 0.3)):
        scale = np.abs(closed).max(axis=1)[None, :, None]
        arrays[f"closed_form/{ring}"] = closed
        arrays[f"learned/{ring}"] = closed + noise * scale * rng.normal(size=(20, *closed.shape))
        arrays[f"balanced_accuracy/{ring}"] = rng.uniform(0.95, 1, 20)
        attributes[f"tensor_names_{ring}"] = names
    return arrays, attributes


LADDER = [name for name in VARIANTS if name == "ring_free" or "wavefunction" in name]


def synthetic_sizes():
    rng = np.random.default_rng(6)
    rows = []
    for place, (variant, size) in enumerate(itertools.product(LADDER, (6, 8, 12, 16, 24))):
        row = {"task": "winding", "variant": variant, "size": size, "start": "random", "status": "ok"}
        value = float(np.clip(1.2 - 0.002 * size * (place + 1) - 0.1 * rng.random(), 0, 1))
        ends = {"n_seeds": 40, "value": value, "low": max(0, value - 0.1), "high": min(1, value + 0.05)}
        for diagnostic in ("success_fraction", "validation_balanced_accuracy"):
            rows.append({**row, **ends, "diagnostic": diagnostic})
    return pd.DataFrame(rows)


def given(**changes):
    return made(**TOLD | changes)


def matrix(summary, kinds=CHERN_KINDS):
    return generalization_figure(given(generalization_summary=summary, kinds=kinds))


def learned(history):
    return learning_curves_figure(given(history=history, trained_seeds=dict.fromkeys(CHERN, 100)))


def succeeded(trainability, runs):
    return success_figure(given(trainability=trainability, runs=runs))


def tensors(arrays, attributes):
    return site_tensors_figure(given(site_tensors=(arrays, attributes)))


def every_model():
    table = synthetic_summary(variants=list(VARIANTS))
    return table.assign(n_seeds=np.where(table["test"] == "qwz_6", 20, 100), n_parameters=113_505)


def synthetic_differences():
    rows = []
    for place, (test, kind) in enumerate(CHERN_KINDS.items()):
        row = {"task": "chern", "variant": "ring_coordinate", "kind": kind, "test": test, "n_tests": 1}
        row |= {
            "rival": ("cnn", "resnet", "mlp")[place % 3],
            "difference": 0.1 * place,
            "low": 0.1 * place - 0.02,
            "high": 0.1 * place + 0.03,
            "status": "ok",
        }
        rows.append(row if test != "qwz_16" else row | {"difference": np.nan, "status": "not applicable"})
    for kind, count in (("sizes", 2), ("disorder", 1), ("lattices", 2), ("tests", 5)):
        mean = {"task": "chern", "variant": "ring_coordinate", "kind": kind, "test": f"all {kind}", "n_tests": count}
        rows.append(mean | {"rival": "best of each test", "difference": 0.3, "low": 0.25, "high": 0.34, "status": "ok"})
    return pd.DataFrame(rows)


DRAWN = {
    "sizes": lambda: sizes_figure(made("winding", trainability=synthetic_sizes(), sizes={"variants": LADDER})),
    "learning_curves": lambda: learned(synthetic_history()),
    "success": lambda: succeeded(*synthetic_runs_and_trainability()),
    "generalization": lambda: matrix(synthetic_summary()),
    "generalization_many_tests": lambda: matrix(
        synthetic_summary(MANY_TESTS),
        {test: ("training data" if not i else "shapes") for i, test in enumerate(MANY_TESTS)},
    ),
    "generalization_every_model": lambda: matrix(every_model()),
    "superiority_of_two_hybrids": lambda: superiority_figure(
        given(superiority=pd.concat(synthetic_differences().assign(variant=name) for name in LADDER[:2]))
    ),
    "superiority": lambda: superiority_figure(given(superiority=synthetic_differences())),
    "transfer": lambda: transfer_figure(given(generalization_summary=synthetic_summary())),
    "site_tensors_lattice": lambda: tensors(*synthetic_site_tensors(2)),
    "site_tensors_chain": lambda: tensors(*synthetic_site_tensors(1)),
}


@pytest.fixture(scope="module")
def figures():
    """Every figure, drawn once; tests that change a figure make their own."""
    return {name: make() for name, make in DRAWN.items()}


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_one_or_two_columns_wide_and_no_text_overlaps_or_is_clipped(figures, name):
    assert_fits(figures[name])


@pytest.mark.parametrize("draw", [superiority_figure, success_figure, generalization_figure])
def test_names_of_64_characters_leave_the_panels_their_room(draw):
    test, label = "_".join(["a_long_name"] * 6)[:64], " ".join(["a long name"] * 6)[:64]
    trainability, runs = synthetic_runs_and_trainability()
    tables = {"superiority": synthetic_differences(), "generalization_summary": synthetic_summary()}
    tables = {name: table.replace("qwz_6", test) for name, table in tables.items()}
    kinds = {test if name == "qwz_6" else name: kind for name, kind in CHERN_KINDS.items()}
    looks = {**LOOKS, "cnn": LOOKS["cnn"]._replace(label=label)}
    figure = draw(replace(given(runs=runs, trainability=trainability, kinds=kinds, **tables), looks=looks))
    assert [text for text in misplaced(figure) if isinstance(text, str)] == []  # none leaves the figure
    assert sum(axes.get_position().width for axes in figure.axes if axes.axison) > 0.4


def test_the_check_of_overlaps_finds_two_texts_at_one_place():
    figure = matrix(synthetic_summary())
    axes = figure.axes[0]
    axes.text(1.5, 1.1, "in the way", fontsize=12)
    assert any("in the way" in pair for pair in misplaced(figure))


def test_the_check_of_clipping_finds_a_text_beyond_the_rim():
    figure = Figure(figsize=(1, 1))
    figure.text(0.9, 0.5, "far too long")
    assert misplaced(figure) == ["far too long"]


def test_a_figure_drawn_twice_gives_the_same_bytes(tmp_path):
    for copy in "ab":
        save(DRAWN["success"](), tmp_path / copy)
    for kind in ("pdf", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "b.pdf", "b.png"]


def test_another_value_gives_other_bytes(tmp_path):
    summary = synthetic_summary({"qwz_8": 400})
    save(matrix(summary), tmp_path / "a")
    summary.loc[0, "balanced_accuracy"] = 0.5
    save(matrix(summary), tmp_path / "b")
    assert (tmp_path / "a.pdf").read_bytes() != (tmp_path / "b.pdf").read_bytes()
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_figures_hold_no_date_and_say_what_made_them(tmp_path):
    save(Figure(figsize=(1, 1)), tmp_path / "a")
    for kind in ("pdf", "png"):
        content = (tmp_path / f"a.{kind}").read_bytes()
        assert b"CreationDate" not in content
        assert f"git_commit {provenance()['git_commit']}; environment python".encode() in content


def test_a_figure_that_cannot_be_drawn_leaves_no_file(tmp_path):
    figure = Figure(figsize=(1, 1))
    figure.text(0.5, 0.5, "$\\frac{$")
    with pytest.raises(ValueError, match="frac"):
        save(figure, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_figures_leave_the_users_settings_alone():
    before = dict(matplotlib.rcParams)
    matrix(synthetic_summary())
    assert dict(matplotlib.rcParams) == before


def test_figures_look_the_same_whatever_the_users_settings(tmp_path):
    save(matrix(synthetic_summary({"qwz_8": 400})), tmp_path / "a")
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "savefig.bbox": "tight"}):
        save(matrix(synthetic_summary({"qwz_8": 400})), tmp_path / "b")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_importing_the_figures_chooses_no_backend_and_loads_no_pyplot():
    modules = (
        "phase_map",
        "convergence",
        "ceiling",
        "learning_curves",
        "success",
        "generalization_matrix",
        "site_tensors",
        "style",
    )
    imports = "".join(f"import toponn.figures.{name}\n" for name in modules)
    code = f"import sys\n{imports}assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_classes_of_the_study_keep_their_colours_and_no_two_variants_look_the_same():
    first = {
        model: look for (_, model), look in zip(reversed(VARIANTS.values()), reversed(LOOKS.values()), strict=True)
    }
    colours = ["#0072B2", "#56B4E9", "#1a1a1a", "#D55E00", "#E69F00", "#009E73", "#CC79A7"]
    assert [look.colour for look in reversed(first.values())] == colours
    assert len({look.marker for look in LOOKS.values()}) == len({look.colour for look in LOOKS.values()}) == len(LOOKS)


def test_entries_that_are_added_at_the_end_change_no_look_and_any_number_has_one():
    entries = [(name, *about) for name, about in VARIANTS.items()]
    more = [(f"wide_{i}", "wide", "coordinate_ring") for i in range(9)]
    more += [(f"new_{i}", "new", f"class_{i}") for i in range(30)]
    found = looks([*entries, *more])
    assert {name: found[name] for name in LOOKS} == LOOKS and len(found) == len(entries) + len(more)
    assert len({found[name].colour for name, _, model in more if model != "coordinate_ring"}) == 30
    assert len({found[f"wide_{i}"].marker for i in range(8)}) == 8
    for look in found.values():
        Line2D([], [], color=look.colour, marker=look.marker)


def test_looks_need_neither_matplotlib_nor_pandas():
    code = "import sys, toponn.figures.looks\nassert not {'matplotlib', 'pandas', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_variant_without_a_look_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="found 'cn'.*did you mean 'cnn'"):
        variants_in_order(["cn"], LOOKS)


@pytest.mark.parametrize("kind", FIGURES)
def test_every_figure_declares_what_it_is_drawn_from_and_has_a_caption(kind):
    found = declared_function(FIGURES[kind], record).record
    assert found == resolve(FIGURES, kind, "figures").record
    assert {*found.about, *filter(None, [found.only_with])} <= set(vars(Facts))
    assert set(found.inputs) <= {*TABLES, *record.FILES}
    assert found.of in ("", "task", "map", "convergence", "ceiling", "interface")
    assert (CAPTIONS / f"{'spectra' if kind in ('hessian', 'kernel') else kind}.rst").is_file()


def departure_from_linear(colours):
    levels = np.array([lightness(colour) for colour in colours])
    return np.abs(levels - np.linspace(levels[0], levels[-1], len(levels))).max()


def test_the_lightness_of_the_colour_map_falls_linearly():
    colours = [sequential_map()(value) for value in np.linspace(0, 1, 64)]
    assert departure_from_linear([colour[:3] for colour in colours]) < 1.0
    assert departure_from_linear([matplotlib.colormaps["jet"](value)[:3] for value in np.linspace(0, 1, 64)]) > 10


@pytest.mark.parametrize("value", np.linspace(0, 1, 21))
def test_text_on_every_cell_is_legible(value):
    colour = sequential_map()(value)
    darker, lighter = sorted((lightness(contrasting(colour)), lightness(colour[:3])))
    dark, light = (((level + 16) / 116) ** 3 for level in (darker, lighter))
    assert (light + 0.05) / (dark + 0.05) >= 3.9  # WCAG asks 4.5 of running text, 3 of large


def test_learning_curves_show_every_seed_the_median_and_the_threshold(figures):
    figure, trained = figures["learning_curves"], CHERN[:-1]
    titles = [axes.get_title(loc="left").replace("\n", " ") for axes in figure.axes[: len(trained)]]
    assert [title.split("$")[-1].strip() for title in titles] == [LOOKS[name].label for name in trained]
    counts = [axes.get_title(loc="right") for axes in figure.axes[: len(trained)]]
    assert counts == ["20 seeds" if start_of(name) == "random" else "10 seeds" for name in trained]
    assert len(artists(figure, "seed")) == 5 * 20 + 2 * 10
    medians = artists(figure, "median")
    assert [line.get_linestyle() for line in medians] == ["-", "--", "-", "--", "-", "-", "-"]
    assert len(artists(figure, "threshold")) == 7
    assert any("not shown" in text and "loop ridge" in text for text in text_of(figure))


def test_the_median_of_the_learning_curves_is_the_median_of_the_seeds():
    history = synthetic_history(epochs=10, seeds=5)
    history = history[history["variant"] == "cnn"]
    (line,) = artists(learned(history), "median")
    expected = history.groupby("epoch")["validation_balanced_accuracy"].median()
    np.testing.assert_array_equal(line.get_xdata(), expected.index)
    np.testing.assert_allclose(line.get_ydata(), expected)


def test_success_shows_every_seed_filled_where_it_succeeds(figures):
    _, runs = synthetic_runs_and_trainability()
    drawn = artists(figures["success"], "seeds")
    assert sum(len(part.get_offsets()) for part in drawn) == len(runs)
    filled = sum(int((part.get_facecolors()[:, 3] > 0).sum()) for part in drawn)
    assert filled == runs["success"].sum()


def test_counts_of_a_hundred_seeds_stand_clear_of_a_fraction_of_one():
    trainability, runs = synthetic_runs_and_trainability(seeds=100)
    figure = succeeded(trainability, runs)
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    rim = axes.transData.transform((1.0, 0.0))[0] + 2.5 * figure.dpi / 72  # half a marker of 5 pt
    assert [text.get_text() for text in axes.texts if text.get_window_extent().x0 < rim] == []


def test_success_reads_the_same_from_a_table_on_disk(tmp_path):
    trainability, runs = synthetic_runs_and_trainability(seeds=5)
    for name, table in (("trainability", trainability), ("runs", runs)):
        write_csv(tmp_path / f"{name}.csv", table, table.columns)
    save(succeeded(trainability.round(6), runs.round(6)), tmp_path / "a")
    from_disk = [read_csv(tmp_path / f"{name}.csv").round(6) for name in ("trainability", "runs")]
    save(succeeded(*from_disk), tmp_path / "b")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_success_against_size_has_a_point_and_an_interval_for_each_model_and_size(figures):
    table, variants = synthetic_sizes(), LADDER
    axes = figures["sizes"].axes[0]
    assert len(axes.containers) == len(variants)
    for container, variant in zip(axes.containers, variants, strict=True):
        mine = table[(table["variant"] == variant) & (table["diagnostic"] == "success_fraction")]
        np.testing.assert_allclose(container.lines[0].get_ydata().astype(float), mine["value"].to_numpy(float))
        ends = np.array([np.asarray(bar)[:, 1] for bar in container.lines[2][0].get_segments()], dtype=float)
        np.testing.assert_allclose(ends, mine[["low", "high"]].to_numpy(float))
    assert [text.get_text() for text in axes.get_xticklabels()] == ["6", "8", "12", "16", "24"]
    assert "cells" in axes.get_xlabel()


def test_success_of_one_model_has_room_for_the_names_of_its_ticks():
    trainability, runs = (table[table["variant"] == "cnn"] for table in synthetic_runs_and_trainability())
    gradients = trainability["diagnostic"] == "initial_gradient_norm"
    narrow = trainability.assign(
        **{
            end: trainability[end].where(~gradients, value)
            for end, value in (("value", 0.235), ("low", 0.22), ("high", 0.25))
        }
    )
    assert_fits(succeeded(narrow, runs))


def test_success_names_its_axes_counts_and_what_does_not_apply(figures):
    figure = figures["success"]
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "success fraction",
        "balanced accuracy, validation",
        "gradient norm at the start",
    ]
    assert figure.axes[2].get_xscale() == "log"
    assert "does not apply" in text_of(figure)  # loop ridge has no gradient
    _, runs = synthetic_runs_and_trainability()
    counts = runs.groupby("variant")["success"].agg(["sum", "size"])
    for row in counts.itertuples():
        assert f"{row.sum}/{row.size}" in text_of(figure)


def test_the_matrix_labels_what_does_not_apply_and_what_failed(figures):
    summary = synthetic_summary()
    figure = figures["generalization"]
    words = text_of(figure)
    for status, label in (("not applicable", "n/a"), ("failed", "failed")):
        count = int((summary["status"] == status).sum())
        assert count > 0
        assert words.count(label) == len(artists(figure, status)) == count
    assert all(patch.get_hatch() for patch in artists(figure, "not applicable"))
    assert not any(patch.get_hatch() for patch in artists(figure, "failed") + artists(figure, "cell"))
    assert len(artists(figure, "cell")) == (summary["status"] == "ok").sum()


def test_the_matrix_shows_each_number_with_its_interval_seeds_and_samples():
    summary = synthetic_summary({"qwz_8": 400})
    summary.loc[0, ["balanced_accuracy", "low", "high", "ceiling"]] = [0.9876, 0.9712, 1.0, 0.9952]
    summary["ceiling"] = 0.9952
    words = text_of(matrix(summary))
    for expected in (
        "0.988",
        "0.971–1.000",
        "0.995",
        "ring,\ncoordinate\n40 seeds\n12,929 par.\n2.07 Tflop",
        "loop ridge\n1 seed\n12,929 par.\n2.07 Tflop",
    ):
        assert expected in words
    assert "trained on QWZ 8 (400)" in words


def test_numbers_stay_inside_their_cells(figures):
    figure = figures["generalization"]
    FigureCanvasAgg(figure).draw()
    cells = [cell.get_window_extent() for cell in artists(figure, "cell")]
    numbers = [box for text, box in drawn_texts(figure) if text.count(".") == 2 and "–" in text]
    assert len(numbers) == len(cells)
    for box in numbers:
        assert any(cell.x0 < box.x0 and box.x1 < cell.x1 and cell.y0 < box.y0 and box.y1 < cell.y1 for cell in cells)


def test_a_model_that_was_not_put_to_a_test_is_not_shown_as_zero():
    summary = synthetic_summary().drop(index=8)
    assert text_of(matrix(summary)).count("not run") == 1


def test_chance_is_a_note(figures):
    assert any("chance is 1 / number of labels" in text for text in text_of(figures["generalization"]))


def test_the_training_dataset_comes_first_and_tests_stand_under_what_they_change(figures):
    figure = figures["generalization"]
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels[0] == "trained on QWZ 8 (400)"
    assert labels[1:4] == ["QWZ 6 (400)", "QWZ 12 (200)", "QWZ 16 (120)"]
    heights = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    assert heights["other sizes"] < heights["other disorder"] < heights["other lattices and systems"]


def test_differences_say_where_no_rival_can_run_and_how_many_tests_a_mean_is_over(figures):
    words = text_of(figures["superiority"])
    assert words.count("no rival can run") == 1
    assert "other lattices and systems (2)" in words and "all tests (5)" in words
    assert "balanced accuracy: ring, coordinate\nminus the best rival (dashed: claimed)" in words
    two = figures["superiority_of_two_hybrids"].axes
    assert [axes.get_title() for axes in two] == ["ring, free", "ring, wavefunction"]


def test_only_a_perfect_share_reads_as_one():
    assert [shown_number(value) for value in (1.0, 0.99999, 0.5)] == ["1.000", "0.999", "0.500"]


def test_site_tensors_on_a_lattice_colour_every_site():
    arrays, attributes = synthetic_site_tensors(2)
    figure = tensors(arrays, attributes)
    disks = figure.findobj(EllipseCollection)
    assert len(disks) == 2 * 2 * 3  # forms, closed form and median seed, tensors
    assert all(len(part.get_offsets()) == 64 for part in disks)
    median = median_seed(arrays["balanced_accuracy/ring_coordinate"])
    shown = np.array([part.get_array() for part in disks])
    for values in (arrays["closed_form/ring_coordinate"][1], arrays["learned/ring_free"][0, 0] * 0 + shown[0]):
        assert np.any(np.all(shown == values, axis=1))
    assert np.any(np.all(shown == arrays["learned/ring_coordinate"][median, 2], axis=1))


def test_one_colour_scale_serves_the_closed_form_and_the_median_seed():
    disks = tensors(*synthetic_site_tensors(2)).findobj(EllipseCollection)
    limits = [part.get_clim() for part in disks]
    assert all(low == -high for low, high in limits)
    assert len(set(limits)) == len(limits) // 2


def test_site_tensors_on_a_chain_draw_every_seed_and_the_closed_form(figures):
    figure = figures["site_tensors_chain"]
    assert len(artists(figure, "seed")) == 2 * 2 * 20
    assert len(artists(figure, "median")) == len(artists(figure, "closed form")) == 2 * 2
    assert {axes.get_title() for axes in figure.axes if axes.get_title()} == {"window", "Λx"}


def test_the_median_seed_is_the_middle_one_and_never_one_without_value():
    assert median_seed(np.array([0.2, 0.9, 0.5])) == 2
    assert median_seed(np.array([np.nan, 0.9, np.nan])) == 1


CAPTIONED = "learning_curves success sizes generalization left_out superiority transfer interface site_tensors overlap"


@pytest.mark.parametrize("name", CAPTIONED.split())
def test_every_caption_says_how_many_samples_and_seeds_and_where_the_numbers_are(name):
    about = {fact: TOLD[fact] for fact in resolve(FIGURES, name, "figures").record.about}
    params = {"kind": name, "figure": name, "subject": "chern", "about": about}
    text = rendered(name, params, site_tensors="results/site_tensors.h5")
    assert "Numbers: " in text
    assert "41" in text and any(number in text for number in ("600", "400"))
    assert name in ("sizes", "left_out", "interface") or "``ring_free`` 41, ``cnn`` 23." in text


@pytest.mark.parametrize("table", TABLES)
def test_the_caption_of_a_table_says_what_a_row_is_and_what_its_columns_mean(table):
    config = {"columns": COLUMNS, "tables": {name: vars(entry) for name, entry in TABLES.items()}}
    text = rendered("tables", {"columns": {table: columns_of(table, ())}}, config)
    assert text.startswith(f"``{table}.csv``: a row is {TABLES[table].row}. {TABLES[table].note}".strip())
    assert all(f"- ``{column}``: " in text for column in TABLES[table].columns)


def test_the_front_page_names_the_study_its_tasks_and_whose_the_numbers_are():
    tasks = {"chern": {"home": "qwz_8", "tests": {"sizes": ["qwz_6"], "gauge": []}, "seeds": {"cnn": 23}}}
    told = {"name": "default", "seed": 7, "success": TOLD["success"], "tasks": tasks}
    text = rendered("workflow", {}, {"report": told | {"maps": 3, "convergence": 4, "ceiling": 5}})
    for expected in (
        "``default``",
        "**chern**",
        "sizes (``qwz_6``)",
        "``cnn`` (23)",
        "arXiv 2509.26261",
        "measured by",
    ):
        assert expected in text


def test_a_caption_with_an_unknown_parameter_is_found():
    with pytest.raises(jinja2.UndefinedError, match="split_sizes"):
        rendered("success", {"subject": "chern", "about": {"home": "a", "success": TOLD["success"]}})


def test_learning_curves_are_those_of_the_first_seeds_of_the_study():
    few = dict.fromkeys(CHERN, 2)
    figure = learning_curves_figure(given(history=synthetic_history(3, 3), trained_seeds=few))
    assert {axes.get_title(loc="right") for axes in figure.axes[:7]} == {"2 seeds", "1 seed"}


@pytest.mark.parametrize(("name", "column"), [("interfaces", "name"), ("history", "task")])
def test_a_figure_reads_the_rows_of_its_entry_or_task_alone(tmp_path, name, column):
    rows = pd.DataFrame(dict.fromkeys(TABLES[name].columns, 1.0), index=[0, 1]).assign(**{column: ["qwz", "haldane"]})
    write_csv(tmp_path / "two.csv", rows, TABLES[name].columns)
    write_csv(tmp_path / "none.csv", rows.head(0), TABLES[name].columns)
    found = record.Given("qwz", {name: [tmp_path / "two.csv", tmp_path / "none.csv"]}, {}, LOOKS)
    assert list(found.table(name)[column]) == ["qwz"]
