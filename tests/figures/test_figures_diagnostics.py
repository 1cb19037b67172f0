"""Figures of the trainability diagnostics, of synthetic tables: what is drawn is what stands in the tables."""

import numpy as np
import pandas as pd
import pytest
from drawn import LOOKS, VARIANTS, artists, misplaced, rendered, text_of
from matplotlib.backends.backend_agg import FigureCanvasAgg

from toponn.figures import FIGURES
from toponn.figures.curves import curves
from toponn.figures.decoupling import decoupling
from toponn.figures.landscape import landscape
from toponn.figures.proxies import proxies
from toponn.figures.record import Given
from toponn.figures.remedies import remedies
from toponn.figures.site_tensors import site_tensors
from toponn.figures.spectra import spectra
from toponn.figures.style import DOUBLE_COLUMN, SINGLE_COLUMN
from toponn.study.declared import declared_function
from toponn.tools.checks import DataError, resolve
from toponn.tools.files import write_arrays, write_csv
from toponn.tools.statistics import wilson_interval
from toponn.tools.tables import TABLES, columns_of
from toponn.trainability import DIAGNOSTICS, record
from toponn.trainability.record import Panel

RINGS = {
    "winding": [name for name in VARIANTS if name.startswith("ring") and "closed_form" not in name],
    "chern": ["ring_coordinate", "ring_free"],
}
MODELS = {task: [*rings, "cnn", "resnet", "mlp", "loop_ridge"] for task, rings in RINGS.items()}
RECORDS = {name: declared_function(row, record).record for name, row in DIAGNOSTICS.items()}
PANELS = {}
for found in (entry.curves for entry in RECORDS.values() if entry.curves):
    PANELS[found.figure] = [*PANELS.get(found.figure, ()), *found.panels]
SIZES = {"winding": (6, 8, 12, 16, 24), "chern": (16, 36, 64, 144)}
TASKS = tuple(SIZES)
PUBLISHED = {
    "source": "arXiv 2406.10012",
    "clean": [0.95, 0.97],
    "groups": [{"count": 22, "value": 0.860, "error": 0.030}, {"count": 78, "value": 0.61, "error": 0.10}],
}


def row(task, variant, diagnostic, size, conditions, value, low, high, n_seeds=20):
    names = "task variant diagnostic size n_seeds value low high status".split()
    values = (task, variant, diagnostic, size, n_seeds, value, low, high, "ok")
    return dict(zip(names, values, strict=True)) | conditions


def share(value, seeds=20):
    won = round(value * seeds)
    return won / seeds, *wilson_interval(won, seeds)


def band(value, rng, width=0.05):
    return value, max(0, value - width * rng.random()), min(1, value + 0.5 * width * rng.random())


def sweeps(task, rng):
    """Return rows of the diagnostics against learning rate, scale, samples, and what is kept or removed."""
    rows = []
    for place, variant in enumerate(MODELS[task]):

        def add(diagnostic, conditions, numbers, variant=variant):
            rows.append(row(task, variant, diagnostic, SIZES[task][-1], conditions, *numbers))

        for factor in (0.1, 0.3, 1, 3, 10):
            add(
                "rate_success",
                {"factor": factor, "learning_rate": 0.01 * factor},
                share(np.exp(-((np.log10(factor) - 0.1 * place) ** 2))),
            )
        for scale in (0.1, 0.3, 1, 3, 10, 30):
            add("scale_success", {"scale": scale}, share(1 / (1 + (scale / (place + 1)) ** 2)))
        for samples in (25, 50, 100, 200, 400, 600):
            learned = 1 - 0.5 * np.exp(-samples / (40 * (place + 1)))
            add("samples_balanced_accuracy", {"samples": samples}, band(learned, rng))
            add("samples_success", {"samples": samples}, share(learned**8))
        for kept in (1, 2, 4, 8, 16, "all"):
            right = 1 - 0.6 * np.exp(-(99 if kept == "all" else kept) / (place + 1))
            add("pruned_balanced_accuracy", {"kept": kept}, band(right, rng))
        for depth in range(8 if task == "winding" else 4):
            for removed, fall in (("outside", 0.08), ("shell", 0.02), ("inside", 0.1)):
                right = max(0.3, 1 - fall * depth * (1 + place / 4))
                add("ablated_balanced_accuracy", {"removed": removed, "depth": depth}, band(right, rng))
    return rows


def synthetic_table(task):
    """Return the trainability table of a task as it would be aggregated."""
    rng = np.random.default_rng(11)
    rows = sweeps(task, rng)
    for place, variant in enumerate(MODELS[task][:-1]):
        for size in SIZES[task]:
            value = 0.1 * 3.0**place * size ** (-1.0 - 0.1 * place)
            rows.append(
                row(task, variant, "gradient_variance", size, {"start": "random"}, value, value / 1.4, value * 1.5)
            )
        rows.append(
            row(
                task,
                variant,
                "gradient_exponent",
                SIZES[task][-1],
                {"sizes": "6 to 24"},
                -1.0 - 0.1 * place,
                -1.2 - 0.1 * place,
                -0.9,
            )
        )
    for place, variant in enumerate(RINGS[task]):
        for size in SIZES[task]:
            half = 0.5 / (place + 1) / size**0.3
            numbers = (half, half / 1.3, half * 1.2) if place != 1 else (np.nan, 1.0, np.inf)
            if place == 3 and size == SIZES[task][0]:
                numbers = (np.nan, 0, 0.01)
            rows.append(row(task, variant, "half_success_noise", size, {}, *numbers))
            for noise in (0, 0.01, 0.03, 0.1, 0.3, 1.0):
                back = 1 if place == 1 else 1 / (1 + (noise / half) ** 3)
                condition = {"noise": noise}
                rows.append(row(task, variant, "basin_success", size, condition, *share(back)))
                before = band(max(1 / 3, 1 - noise * (1 + place)), rng)
                rows.append(row(task, variant, "start_balanced_accuracy", size, condition, *before))
        for index, remedy in enumerate(("grown", "alternating", "plain", "closed-form scale")):
            if remedy == "alternating" and place > 2:
                continue
            size, condition = SIZES[task][-1], {"remedy": remedy}
            reached = min(1, 0.5 + 0.15 * index + 0.02 * place)
            rows.append(row(task, variant, "remedy_success", size, condition, *share(reached)))
            rows.append(row(task, variant, "remedy_balanced_accuracy", size, condition, *band(0.9 + reached / 10, rng)))
            rows.append(row(task, variant, "remedy_flops", size, condition, 1e12 * (1 + index), 1e12, 5e12))
    reason = {"n_seeds": 0, "status": "not applicable: it has no closed form"}
    rows.append(row(task, "cnn", "remedies", SIZES[task][-1], {}, np.nan, np.nan, np.nan) | reason)
    return pd.DataFrame(rows)


NOTHING = ["no model of this study has such values"]
NAMES = {"winding": ("ssh_24_clean", "ssh_24"), "chern": ("qwz_8_clean", "qwz_8")}


def synthetic_units(task, seeds=20):
    """Return the clean and the disordered accuracy of every seed."""
    rng, rows = np.random.default_rng(12), []
    for place, variant in enumerate(MODELS[task]):
        clean = 1 - 0.05 * rng.random(seeds)
        gap = 0.4 * rng.random(seeds) * (rng.random(seeds) < 0.15 * place)
        for name, values in zip(NAMES[task], (clean, clean - gap), strict=True):
            about = {"task": task, "variant": variant, "diagnostic": "clean_balanced_accuracy"}
            about |= {"size": SIZES[task][-1], "test": name, "status": "ok"}
            rows.append(pd.DataFrame({**about, "seed": np.arange(seeds), "value": values}))
    return pd.concat(rows, ignore_index=True)


def synthetic_spectra(task, kind):
    rng, found = np.random.default_rng(13), {}
    variants = MODELS[task] if kind == "hessian" else MODELS[task][:-1]
    for place, variant in enumerate(variants):
        arrays = {}
        if kind == "hessian":
            for at, seeds in (("random", 5), ("trained", 5), ("closed_form", 1)):
                if at == "closed_form" and not variant.startswith("ring"):
                    continue
                sizes = np.exp(rng.normal(-8, 4, (seeds, 40)))
                signs = np.where(rng.random((seeds, 40)) < {"random": 0.4, "trained": 0.1}.get(at, 0), -1, 1)
                weights = rng.dirichlet(np.full(40, 0.3), seeds)
                order = np.argsort(sizes * signs, axis=1)
                arrays[f"{at}/eigenvalues"] = np.take_along_axis(sizes * signs, order, axis=1)
                arrays[f"{at}/weights"] = weights
        else:
            for at, power in (("start", 1 + 0.2 * place), ("end", 2 + 0.2 * place)):
                noise = np.exp(0.3 * rng.normal(size=(5, 100)))
                arrays[f"{at}/eigenvalues"] = -np.sort(-noise * np.arange(1, 101.0) ** -power, axis=1)
        found[variant] = arrays
    return found


def synthetic_landscape(task, seeds=8):
    rng, found = np.random.default_rng(14), {}
    t = np.linspace(-0.2, 1.2, 29)
    x, y = np.linspace(-0.6, 1.4, 25), np.linspace(-0.5, 1.0, 21)
    for place, variant in enumerate(RINGS[task]):
        high = 10.0 ** (place + rng.normal(0, 0.3, (seeds, 1)))
        plane = 0.01 + ((x**2)[None] * ((x - 1) ** 2)[None] + (y**2)[:, None]) * 10.0**place
        found[variant] = {
            "line/t": t,
            "line/aligned": 0.02 + 0.1 * high * (t * (1 - t)) ** 2,
            "line/unaligned": 0.02 + high * (t * (1 - t)) ** 2,
            "line/random": 0.02 + high * (1 - t) ** 2,
            "plane/x": x,
            "plane/y": y,
            "plane/loss": plane,
            "plane/points": np.array([[0.0, 0.0], [0.8, 0.0], [0.3, 0.5]]),
        }
    return found


GROUPS = {
    "winding": [
        (test, proxy)
        for test in ("ssh_24", "ssh_12", "ssh_48", "ssh_96", "ssh_24_strong", "extended_ssh_24")
        for proxy in ("clean_integer", "local_correlations", "edge_correlations")
    ],
    "chern": [
        (test, proxy)
        for test in ("qwz_8", "haldane_rectangle")
        for proxy in ("clean_integer", "local_correlations", "edge_correlations")
    ],
}


def synthetic_proxies(task):
    rng, rows = np.random.default_rng(15), []
    for variant in MODELS[task]:
        for index, (test, proxy) in enumerate(GROUPS[task]):
            one = {"task": task, "variant": variant, "test": test, "proxy": proxy, "n_seeds": 20}
            one |= {"n_conflicts": 7 if index == 1 else 31 + 10 * index, "status": "ok", "n_labels": 2 - index % 2}
            side = rng.uniform(0.2, 0.95)
            for name, value in (("invariant", side), ("proxied", (1 - side) * rng.uniform(0.7, 1))):
                one |= {name: value, f"{name}_low": max(0, value - 0.1), f"{name}_high": min(1, value + 0.07)}
            if index == 1 or (variant == "ring_free" and index > 2):
                one["status"] = "no conflicts" if index == 1 else "not applicable"
                one |= {key: np.nan for key in one if key.startswith(("invariant", "proxied"))}
            rows.append(one)
    return pd.DataFrame(rows)


def drawn_curves(kind, task, table=None, size="home"):
    """Return a figure of curves of one of the library's diagnostics."""
    table = synthetic_table(task) if table is None else table
    return curves(table, task, PANELS[kind], LOOKS, SIZES[task][-1] if size == "home" else size)


def figure_of(kind, task):
    """Return one figure of synthetic data of a task."""
    if kind in PANELS:
        return drawn_curves(kind, task)
    return {
        "decoupling": lambda: decoupling(
            synthetic_units(task), NAMES[task], LOOKS, PUBLISHED if task == "winding" else None
        ),
        "hessian": lambda: spectra(synthetic_spectra(task, "hessian"), "hessian", LOOKS),
        "kernel": lambda: spectra(synthetic_spectra(task, "kernel"), "kernel", LOOKS),
        "landscape": lambda: landscape(synthetic_landscape(task), LOOKS),
        "proxies": lambda: proxies(synthetic_proxies(task), LOOKS),
        "remedies": lambda: remedies(synthetic_table(task), task, LOOKS),
    }[kind]()


ALL = [*PANELS, "decoupling", "hessian", "kernel", "landscape", "proxies", "remedies"]
DRAWN = [*((kind, "winding") for kind in ALL), *((kind, "chern") for kind in ("decoupling", "landscape", "proxies"))]


@pytest.fixture(scope="module")
def figures():
    """Every figure, drawn once."""
    return {key: figure_of(*key) for key in DRAWN}


def rows_of(table, diagnostic, variant, **where):
    mine = table[(table["diagnostic"] == diagnostic) & (table["variant"] == variant)]
    for condition, value in where.items():
        mine = mine[mine[condition] == value]
    return mine


def bars(container):
    """Return the ends (K, 2) of the vertical or horizontal bars of an error bar, from low to high."""
    segments = np.array(container.lines[2][0].get_segments(), dtype=float)
    along = 1 if np.ptp(segments[:, :, 1], axis=1).max() > 0 else 0
    return np.sort(segments[:, :, along], axis=1)


@pytest.mark.parametrize("key", DRAWN, ids="-".join)
def test_no_text_overlaps_or_is_clipped_and_no_legend_covers_a_panel(figures, key):
    figure = figures[key]
    assert misplaced(figure) == []
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    for legend in legends:
        box = legend.get_window_extent()
        for axes in figure.axes:
            panel = axes.get_window_extent()
            covered = min(box.x1, panel.x1) - max(box.x0, panel.x0), min(box.y1, panel.y1) - max(box.y0, panel.y0)
            assert not axes.axison or min(covered) < 1.5, "a legend covers a panel"


@pytest.mark.parametrize("key", DRAWN, ids="-".join)
def test_a_figure_is_one_or_two_columns_wide_and_its_axes_are_labelled(figures, key):
    figure = figures[key]
    assert figure.get_size_inches()[0] in (SINGLE_COLUMN, DOUBLE_COLUMN)
    assert figure.get_size_inches()[1] < 9.0
    if figure._supxlabel is None:
        assert all(axes.get_xlabel() or axes.get_ylabel() for axes in figure.axes if axes.axison)
        assert any(axes.get_xlabel() for axes in figure.axes)
    else:
        assert figure._supxlabel.get_text()


# --- Curves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "panel", "diagnostic", "across", "where"),
    [
        ("rates", 0, "rate_success", "factor", {}),
        ("rates", 1, "scale_success", "scale", {}),
        ("sample_sizes", 1, "samples_success", "samples", {}),
        ("gradients", 0, "gradient_variance", "size", {}),
        ("pruning", 1, "ablated_balanced_accuracy", "depth", {"removed": "outside"}),
        ("pruning", 2, "ablated_balanced_accuracy", "depth", {"removed": "shell"}),
    ],
)
def test_every_model_has_its_values_and_its_intervals(figures, kind, panel, diagnostic, across, where):
    table, axes = synthetic_table("winding"), figures[kind, "winding"].axes[panel]
    shown = 0
    for variant in MODELS["winding"]:
        mine = rows_of(table, diagnostic, variant, **where)
        if mine.empty:
            continue
        (container,) = [one for one in axes.containers if one.lines[0].get_gid() == variant]
        np.testing.assert_allclose(container.lines[0].get_xdata(), mine[across].astype(float))
        np.testing.assert_allclose(container.lines[0].get_ydata(), mine["value"])
        np.testing.assert_allclose(bars(container), mine[["low", "high"]], atol=1e-12)
        shown += 1
    assert shown == len(axes.containers) > 5


def test_bands_span_the_quantiles_of_the_seeds(figures):
    table, axes = synthetic_table("winding"), figures["sample_sizes", "winding"].axes[0]
    for variant in MODELS["winding"]:
        mine = rows_of(table, "samples_balanced_accuracy", variant)
        (area,) = artists(axes, f"band {variant}")
        corners = area.get_paths()[0].vertices
        for low, high, samples in zip(mine["low"], mine["high"], mine["samples"], strict=True):
            at = corners[np.isclose(corners[:, 0], samples), 1]
            np.testing.assert_allclose([at.min(), at.max()], [low, high])
    low, high = axes.get_ylim()
    assert low < table[table["diagnostic"] == "samples_balanced_accuracy"]["low"].min() < 1.0 < high


def test_markers_of_different_models_stand_beside_each_other_at_one_place(figures):
    figure = figures["rates", "winding"]
    FigureCanvasAgg(figure).draw()
    lines = [container.lines[0] for container in figure.axes[0].containers]
    across = [line.get_transform().transform(np.column_stack(line.get_data()))[0, 0] for line in lines]
    assert (np.diff(across) > 0.5).all()
    assert np.ptp(across) / figure.dpi < 0.2


def test_all_singular_values_stand_at_the_right_end_and_say_so(figures):
    axes = figures["pruning", "winding"].axes[0]
    line = axes.containers[0].lines[0]
    (whole,) = rows_of(synthetic_table("winding"), "pruned_balanced_accuracy", "ring_coordinate", kept="all")["value"]
    assert line.get_ydata()[-1] == whole
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2", "4", "8", "16", "all"]


def test_the_basin_is_that_of_the_home_size_and_the_dashes_are_before_retraining(figures):
    table, axes = synthetic_table("winding"), figures["basin", "winding"].axes[0]
    variant = RINGS["winding"][2]
    home = table[table["size"] == SIZES["winding"][-1]]
    (container,) = [one for one in axes.containers if one.lines[0].get_gid() == variant]
    np.testing.assert_allclose(container.lines[0].get_ydata(), rows_of(home, "basin_success", variant)["value"])
    (dashed,) = artists(axes, f"before {variant}")
    np.testing.assert_allclose(dashed.get_ydata(), rows_of(home, "start_balanced_accuracy", variant)["value"])
    assert axes.get_xticklabels()[0].get_text() == "0"  # a noise of zero, on a logarithmic axis
    smaller = drawn_curves("basin", "winding", table, 6).axes[0]
    (other,) = [one for one in smaller.containers if one.lines[0].get_gid() == variant]
    assert not np.array_equal(other.lines[0].get_ydata(), container.lines[0].get_ydata())


def test_half_success_beyond_the_noise_that_was_tried_is_a_triangle_at_the_bound(figures):
    figure = figures["basin", "winding"]
    up, down = (
        artists(figure.axes[1], f"{name} {RINGS['winding'][place]}")[0] for name, place in (("beyond", 1), ("below", 3))
    )
    assert list(up.get_ydata()) == [1.0] * 5 and up.get_marker() == "^"
    assert list(down.get_ydata()) == [0.01] and down.get_marker() == "v"
    assert "at least: most succeed up to here" in text_of(figure)
    known = [one.lines[0].get_gid() for one in figure.axes[1].containers]
    assert RINGS["winding"][1] not in known and len(known) == 5


def test_an_interval_without_end_reaches_the_rim_and_leaves_the_scale_alone():
    table = synthetic_table("winding")
    usual = drawn_curves("basin", "winding", table, 24).axes[1].get_ylim()
    one = (
        (table["diagnostic"] == "half_success_noise") & (table["variant"] == "ring_coordinate") & (table["size"] == 12)
    )
    table.loc[one, "high"] = np.inf
    axes = drawn_curves("basin", "winding", table, 24).axes[1]
    assert axes.get_ylim() == usual
    assert bars(axes.containers[0]).max() > usual[1]


def test_the_legend_of_the_gradients_has_the_exponents_with_intervals(figures):
    words = text_of(figures["gradients", "winding"])
    assert "CNN: −1.6 (−1.8, −0.9)" in words
    table = synthetic_table("winding")
    without = drawn_curves("gradients", "winding", table[table["diagnostic"] != "gradient_exponent"])
    assert "CNN" in text_of(without)


def test_a_missing_model_leaves_no_trace():
    table = synthetic_table("winding")
    figure = drawn_curves("rates", "winding", table[table["variant"] != "mlp"])
    assert not [text for text in text_of(figure) if "MLP" in text]
    assert artists(figure, "mlp") == []


def test_a_panel_without_rows_says_so():
    table = synthetic_table("chern")
    figure = drawn_curves("rates", "chern", table[table["diagnostic"] != "scale_success"])
    assert text_of(figure).count("not measured") == 1


def test_tables_that_cannot_be_drawn_are_refused_in_one_sentence():
    table = synthetic_table("winding")
    with pytest.raises(DataError, match="found no rows of rate_success, scale_success$"):
        drawn_curves("rates", "winding", table.head(0))
    with pytest.raises(DataError, match="found rate_success of ring, coordinate at factor 0.1 twice; allowed: one row"):
        drawn_curves("rates", "winding", pd.concat([table, table.head(1)]))
    with pytest.raises(DataError, match="found basin_success of ring, coordinate at noise .* twice"):
        drawn_curves("basin", "winding", table, None)  # every size
    with pytest.raises(DataError, match="found 2 exponents of ring_coordinate"):
        drawn_curves("gradients", "winding", pd.concat([table, table[table["diagnostic"] == "gradient_exponent"]]))
    with pytest.raises(DataError, match="found scale_success without a value of scale"):
        drawn_curves("rates", "winding", table.drop(columns="scale"))
    units = synthetic_units("winding")
    with pytest.raises(DataError, match="decoupling: found a seed twice on ssh_24_clean"):
        decoupling(pd.concat([units, units]), NAMES["winding"], LOOKS)
    with pytest.raises(DataError, match="proxies: found no rows"):
        proxies(synthetic_proxies("chern").head(0), LOOKS)
    with pytest.raises(DataError, match="proxies: found two rows of one variant, test, proxy"):
        proxies(pd.concat([synthetic_proxies("chern")] * 2), LOOKS)
    with pytest.raises(DataError, match="remedies: found no rows"):
        remedies(table.head(0), "winding", LOOKS)
    with pytest.raises(DataError, match="remedies: found two rows of one variant, diagnostic, remedy"):
        remedies(pd.concat([table, table]), "winding", LOOKS)
    arrays = synthetic_landscape("chern")["ring_free"]
    with pytest.raises(DataError, match=r"found losses \(21, 24\) on a plane of \(21, 25\) for ring, free"):
        landscape({"ring_free": {**arrays, "plane/loss": arrays["plane/loss"][:, 1:]}}, LOOKS)


# --- Decoupling -------------------------------------------------------------------------------------------


def test_decoupling_shows_every_seed_and_the_share_that_keeps_its_accuracy(figures):
    figure, units = figures["decoupling", "winding"], synthetic_units("winding")
    assert len(artists(figure, "seeds")) == len(MODELS["winding"])
    for points, variant in zip(artists(figure, "seeds"), MODELS["winding"], strict=True):
        mine = units[units["variant"] == variant].pivot(index="seed", columns="test", values="value")
        x, y = (mine[name] for name in NAMES["winding"])
        np.testing.assert_allclose(points.get_offsets(), np.column_stack([x, y]))
        near = int((y >= x - 0.05).sum())
        low, high = wilson_interval(near, 20)
        assert f"20 seeds\n{near / 20:.2f} ({low:.2f}–{high:.2f})" in text_of(points.axes)


def test_a_seed_without_one_of_its_values_is_not_counted():
    units = synthetic_units("chern", seeds=3)
    units.loc[units.index[0], "value"] = np.nan
    figure = decoupling(units, NAMES["chern"], LOOKS)
    assert [text.split("\n")[0] for text in text_of(figure) if "seeds\n" in text][:2] == ["2 seeds", "3 seeds"]


def test_published_groups_stand_at_their_accuracies_and_only_where_they_are_given(figures):
    figure = figures["decoupling", "winding"]
    drawn = [one for axes in figure.axes for one in axes.containers]
    assert [float(one.lines[0].get_ydata()[0]) for one in drawn] == [0.86, 0.61]
    ends = [np.array([part.get_segments()[0] for part in one.lines[2]]) for one in drawn]
    np.testing.assert_allclose(ends[1][0][:, 0], [0.95, 0.97])
    np.testing.assert_allclose(ends[1][1][:, 1], [0.51, 0.71])
    assert {"22 of 100", "78 of 100", "published (accuracy)"} <= set(text_of(figure))
    assert not [text for text in text_of(figures["decoupling", "chern"]) if "published" in text]


# --- Spectra ----------------------------------------------------------------------------------------------


def test_the_hessian_shows_the_shares_of_directions_of_either_sign():
    eigenvalues = np.array([[-1.0, 0.0, 1e-3, 10.0]])
    arrays = {"random/eigenvalues": eigenvalues, "random/weights": np.array([[0.1, 0.4, 0.3, 0.2]])}
    figure = spectra({"cnn": arrays}, "hessian", LOOKS)
    up, down = (artists(figure, f"random {sign}")[0] for sign in "+-")
    for line, places, shares in ((up, (1e-5, 1e-3, 0.9), (0.5, 0.2, 0.2)), (down, (1e-5, 0.05), (0.1, 0.1))):
        np.testing.assert_allclose(np.interp(places, line.get_xdata(), line.get_ydata()), shares)
    assert np.isnan(down.get_ydata()[down.get_xdata() > 0.1]).all()  # no negative one is larger
    assert up.get_linestyle() == "-" and down.get_linestyle() == "--"
    assert artists(figure, "closed_form +") == []


def test_the_kernel_shows_shares_of_the_trace_and_effective_ranks():
    start = np.stack([np.repeat([1.0, 0.0], [4, 4]), np.repeat([3.0, 0.0], [4, 4])])
    figure = spectra({"cnn": {"start/eigenvalues": start, "end/eigenvalues": np.eye(8)[:1]}}, "kernel", LOOKS)
    (line,) = artists(figure, "start")
    np.testing.assert_allclose(line.get_ydata()[:4], 0.25)
    assert np.isnan(line.get_ydata()[4:]).all() and list(line.get_xdata()) == list(range(1, 9))
    assert {"start: 4 (4–4)", "end: 1 (1–1)"} <= set(text_of(figure))


def test_a_seed_or_place_without_finite_numbers_is_left_out_of_a_spectrum():
    start = np.stack([np.full(6, np.nan), np.ones(6)])
    figure = spectra({"cnn": {"start/eigenvalues": start, "end/eigenvalues": np.zeros((0, 6))}}, "kernel", LOOKS)
    np.testing.assert_allclose(artists(figure, "start")[0].get_ydata(), 1 / 6)
    assert artists(figure, "end") == []


# --- Landscape --------------------------------------------------------------------------------------------


def test_the_landscape_shows_every_seed_the_median_and_the_three_points(figures):
    figure, found = figures["landscape", "chern"], synthetic_landscape("chern")
    for axes, variant in zip(figure.axes[::2], RINGS["chern"], strict=False):
        for name in ("aligned", "unaligned", "random"):
            assert len(artists(axes, f"seed {name}")) == 8
            (middle,) = artists(axes, f"median {name}")
            np.testing.assert_allclose(middle.get_ydata(), np.median(found[variant][f"line/{name}"], axis=0))
        assert axes.get_yscale() == "log"
    (star, *_), dots = artists(figure, "closed form"), artists(figure, "trained")
    assert [*zip(*star.get_data(), strict=True)] == [(0, 0)]
    np.testing.assert_allclose(np.column_stack(dots[0].get_data()), [[0.8, 0.0], [0.3, 0.5]])
    plane = artists(figure, "plane")[0]
    np.testing.assert_allclose(plane.zmin, np.log10(found["ring_coordinate"]["plane/loss"]).min())


def test_a_plane_with_a_single_trained_seed_has_one_dot():
    arrays = synthetic_landscape("chern")["ring_free"]
    points = np.array([[0, 0], [1, 0], [np.nan, np.nan]])
    figure = landscape({"ring_free": {**arrays, "plane/points": points}}, LOOKS)
    (dots,) = artists(figure, "trained")
    assert np.isfinite(dots.get_xdata()).sum() == 1


# --- Proxies and remedies ---------------------------------------------------------------------------------


def test_proxies_show_both_shares_with_intervals_filled_for_the_invariant(figures):
    figure, table = figures["proxies", "chern"], synthetic_proxies("chern")
    for axes, (test, proxy) in zip(figure.axes, GROUPS["chern"], strict=False):
        group = table[(table["test"] == test) & (table["proxy"] == proxy) & (table["status"] == "ok")]
        for side, filled in (("invariant", True), ("proxied", False)):
            drawn = [one for one in axes.containers if one.lines[0].get_gid() == side]
            np.testing.assert_allclose([one.lines[0].get_xdata()[0] for one in drawn], group[side])
            if drawn:
                np.testing.assert_allclose(
                    np.concatenate([bars(one) for one in drawn]), group[[f"{side}_low", f"{side}_high"]]
                )
            assert all((one.lines[0].get_markerfacecolor() != "white") is filled for one in drawn)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "QWZ 8\nclean integer\n31 conflicts"


def test_proxies_say_where_there_is_no_number(figures):
    figure, table = figures["proxies", "chern"], synthetic_proxies("chern")
    words = text_of(figure)
    assert words.count("not applicable") == (table["status"] == "not applicable").sum() > 0
    assert words.count("too few") == (table["status"] == "no conflicts").sum() > 0
    fewer = table.drop(index=table.index[0])
    assert text_of(proxies(fewer, LOOKS)).count("not run") == 1
    assert not [text for text in text_of(proxies(table[table["variant"] != "mlp"], LOOKS)) if "MLP" in text]


def test_remedies_show_values_intervals_and_the_cost_relative_to_plain_training(figures):
    figure, table = figures["remedies", "winding"], synthetic_table("winding")
    for axes, diagnostic in zip(figure.axes, ("remedy_success", "remedy_balanced_accuracy"), strict=True):
        for row in table[table["diagnostic"] == diagnostic].itertuples():
            gid = f"{diagnostic} {row.variant} {row.remedy}"
            (one,) = [one for one in axes.containers if one.lines[0].get_gid() == gid]
            assert one.lines[0].get_xdata()[0] == row.value
            np.testing.assert_allclose(bars(one)[0], [row.low, row.high], atol=1e-12)
            assert (one.lines[0].get_markerfacecolor() == "white") is gid.endswith("plain")
    words = text_of(figure)
    assert words.count("× 0.33") == 6  # "grown" is drawn at a third of the plain cost
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[:4] == ["plain", "grown", "alternating", "closed-form scale"]
    assert names.count("alternating") == 3  # of the forms to which it applies
    assert "ring, free: 24 cells, 20 seeds" in words
    assert "CNN: not applicable: it has no closed form" in words


def test_remedies_without_a_plain_run_have_no_cost():
    table = synthetic_table("chern")
    figure = remedies(table[table["remedy"] != "plain"], "chern", LOOKS)
    assert not [text for text in text_of(figure) if text.startswith("×")]


# --- Captions ---------------------------------------------------------------------------------------------


def told(kind, task):
    """Return the facts of a study that a figure of this kind is told."""
    facts = {"home": NAMES[task][1], "clean": NAMES[task][0], "split_sizes": {"train": 600, "test": 400}}
    facts |= {"success": {"split": "test", "balanced_accuracy": 0.99}, "proxies": [test for test, _ in GROUPS[task]]}
    facts |= dict.fromkeys(("diagnosed_seeds", "tested_seeds"), {"ring_coordinate": 41, "cnn": 23})
    facts |= {"options": {"noise": [0.1, 0.3], "subsets": 2}}
    facts["panels"] = [panel._asdict() for panel in PANELS.get(kind, [])]
    return {name: facts[name] for name in resolve(FIGURES, row_of(kind), "figures").record.about}


def row_of(kind):
    return kind if kind in FIGURES else "curves"


@pytest.mark.parametrize("kind", ALL)
def test_every_caption_says_what_is_shown_how_many_seeds_and_samples_and_where_the_numbers_are(kind):
    name = "spectra" if kind in ("hessian", "kernel") else row_of(kind)
    for task in TASKS:
        text = rendered(name, {"subject": task, "figure": kind, "about": told(kind, task)})
        assert "``ring_coordinate`` 41, ``cnn`` 23." in text and "``train`` 600" in text
        table = "tables/proxies.csv" if kind == "proxies" else "tables/trainability.csv"
        assert f"``{table}``" in text.partition("Numbers: ")[2]
        assert any(word in text for word in ("Wilson", "quantiles", "bootstrap", "no interval"))


def test_captions_of_different_kinds_differ_and_those_of_a_users_own_curves_name_what_is_shown():
    for name, kinds in (("curves", [*PANELS]), ("spectra", ["hessian", "kernel"])):
        texts = {rendered(name, {"subject": "chern", "figure": kind, "about": told(kind, "chern")}) for kind in kinds}
        assert len(texts) == len(kinds)
    own = told("rates", "chern") | {"panels": [Panel("spread", "width", "$w$", "spread")._asdict()], "options": {}}
    assert "``spread`` against ``width``." in rendered("curves", {"subject": "chern", "figure": "mine", "about": own})


# --- Files ------------------------------------------------------------------------------------------------


def job_files(folder, kind, task):
    """Write what figures of diagnostics are drawn from, and return it by name."""
    tables = {"trainability": synthetic_table(task), "diagnostics": synthetic_units(task)}
    tables["proxies"] = synthetic_proxies(task)
    tables["runs"] = pd.DataFrame([{"task": task, "dataset": NAMES[task][1], "size": SIZES[task][-1]}])
    files = {name: str(folder / f"{name}.csv") for name in tables}
    for name, table in tables.items():
        filled = table.assign(**{column: "" for column in TABLES[name].columns if column not in table})
        write_csv(files[name], filled, columns_of(name, table.columns))
    found = synthetic_landscape(task) if kind == "landscape" else {}
    found = synthetic_spectra(task, kind) if kind in ("hessian", "kernel") else found
    for variant, arrays in (found | {"loop_ridge": {}}).items():
        write_arrays(folder / f"{variant}.h5", arrays, {"variant": variant})
    return files | {"arrays": [str(folder / f"{variant}.h5") for variant in (*found, "loop_ridge")]}


@pytest.mark.parametrize("kind", ["rates", "hessian", "kernel", "landscape", "decoupling"])
def test_a_diagnostic_that_applies_to_no_model_has_a_figure_that_says_so(tmp_path, kind):
    files = {name: [path] for name, path in job_files(tmp_path, "", "chern").items() if name != "arrays"}
    files["arrays"] = [tmp_path / "loop_ridge.h5"]
    for name in ("trainability", "diagnostics"):
        about = {
            "task": "chern",
            "variant": "loop_ridge",
            "size": 144,
            "diagnostic": kind,
            "status": "not applicable: no",
        }
        row = pd.DataFrame([dict.fromkeys(TABLES[name].columns, np.nan) | about])
        write_csv(files[name][0], row, TABLES[name].columns)
    draw = resolve(FIGURES, row_of(kind), "figures")
    assert text_of(draw(Given("chern", files, told(kind, "chern"), LOOKS))) == NOTHING


def test_where_all_seeds_failed_figures_say_so_and_leave_out_models_without_any():
    failed = {"start/eigenvalues": np.full((2, 3), np.nan)}
    assert text_of(spectra({"cnn": failed}, "kernel", LOOKS)) == NOTHING
    arrays = {variant: synthetic_spectra("chern", "kernel")[variant] for variant in ("ring_free", "mlp")}
    assert text_of(spectra(arrays | {"cnn": failed}, "kernel", LOOKS)) == text_of(spectra(arrays, "kernel", LOOKS))
    units = synthetic_units("winding")
    assert text_of(decoupling(units.assign(value=np.nan), NAMES["winding"], LOOKS, PUBLISHED)) == NOTHING
    assert text_of(site_tensors({"positions": np.zeros((24, 1))}, {}, LOOKS)) == NOTHING


def test_a_users_own_figure_of_curves_has_a_panel_for_each_of_many_quantities():
    rows = [
        row("chern", variant, f"spread_{i}", 64, {"width": width}, 0.1 * width, 0, 1)
        for variant in ("ring_free", "cnn")
        for i in range(4)
        for width in (1, 2, 4)
    ]
    panels = [Panel(f"spread_{i}", "width", "width $w^{2}$ ({size})", "spread") for i in range(4)]
    figure = curves(pd.DataFrame(rows), "chern", panels, LOOKS, 64)
    drawn = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in drawn] == ["a", "b", "c", "d"]
    assert all(axes.get_xlabel() == "width $w^{2}$ (sites)" and len(axes.containers) == 2 for axes in drawn)
    assert misplaced(figure) == []
