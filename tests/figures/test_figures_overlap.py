"""The figure of how outputs go with the local marker."""

import numpy as np
import pandas as pd
from drawn import made

from toponn.figures.overlap import PANELS, overlap_figure


def table(**changes):
    rows = [
        (variant, diagnostic, value, value - 0.1, min(1.0, value + 0.05))
        for variant, value in (("mlp", 0.7), ("ring_coordinate", 0.9))
        for diagnostic in PANELS
    ]
    return pd.DataFrame(rows, columns="variant diagnostic value low high".split()).assign(**changes)


def drawn(rows):
    return overlap_figure(made(trainability=rows))


def test_every_model_has_its_median_and_quantiles_in_both_panels():
    for axes in drawn(table()).axes:
        bars = {
            tuple(np.round(c.lines[0].get_xydata()[0], 6)): c.lines[2][0].get_segments()[0] for c in axes.containers
        }
        assert set(bars) == {(0.9, 0.0), (0.7, 1.0)}, "rings first"
        assert np.allclose(bars[0.9, 0.0][:, 0], [0.8, 0.95])
        assert "marker" in axes.get_xlabel()


def test_a_model_whose_output_is_constant_within_labels_says_so():
    rows = table()
    rows.loc[(rows["variant"] == "mlp") & (rows["diagnostic"] == "residual_overlap"), ["value", "low", "high"]] = np.nan
    first, second = drawn(rows).axes
    assert [len(axes.containers) for axes in (first, second)] == [2, 1]
    assert [text.get_text() for text in second.texts] == ["constant within labels"]
