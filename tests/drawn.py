"""What a reader would check by eye, by number: what a figure draws, where its texts lie, and how a caption reads."""

import itertools
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import jinja2
import numpy as np
from docutils.core import publish_string
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from toponn.figures.looks import looks
from toponn.figures.record import Given
from toponn.figures.style import DOUBLE_COLUMN, SINGLE_COLUMN

ROOT = Path(__file__).parent.parent
CAPTIONS = ROOT / "workflow" / "report"

VARIANTS = {
    "ring_coordinate": ("ring, coordinate", "coordinate_ring"),
    "ring_coordinate_closed_form": ("ring, coordinate; closed form", "coordinate_ring"),
    "ring_free": ("ring, free", "free_ring"),
    "ring_free_closed_form": ("ring, free; closed form", "free_ring"),
    "ring_wavefunction": ("ring, wavefunction", "wavefunction_ring"),
    "ring_wavefunction_known_contraction": ("ring, wavefunction (s, p, w)", "wavefunction_ring"),
    "ring_wavefunction_known_selection": ("ring, wavefunction (p, w)", "wavefunction_ring"),
    "ring_wavefunction_known_position": ("ring, wavefunction (w)", "wavefunction_ring"),
    "cnn": ("CNN", "cnn"),
    "resnet": ("ResNet", "resnet"),
    "mlp": ("MLP", "mlp"),
    "loop_ridge": ("loop ridge", "loop_ridge"),
}
"""Label and class of variants as in a study, in its order."""
LOOKS = looks((name, *about) for name, about in VARIANTS.items())


def drawn_texts(figure):
    """Return the texts that are really drawn (ticks beyond an axis' ends are not), with boxes in pixels."""
    drawn = {}

    def record(text, renderer):
        drawn[id(text)] = text
        return draw(text, renderer)

    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()  # the layout settles here
    draw = Text.draw
    with mock.patch.object(Text, "draw", record):
        figure.draw_without_rendering()
    texts = [text for text in drawn.values() if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts]


def misplaced(figure):
    """Return the pairs of texts that share more than a pixel in both directions, and those that leave the figure."""
    texts = drawn_texts(figure)
    found = [
        (one, two)
        for (one, a), (two, b) in itertools.combinations(texts, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]
    width, height = figure.bbox.width + 0.5, figure.bbox.height + 0.5
    return found + [t for t, box in texts if min(box.min) < -0.5 or box.x1 > width or box.y1 > height]


def assert_fits(figure):
    """Assert that a figure is one or two columns wide and no page high, and that all its texts have room."""
    assert figure.get_size_inches()[0] in (SINGLE_COLUMN, DOUBLE_COLUMN)
    assert figure.get_size_inches()[1] < 9.0
    assert misplaced(figure) == []


def artists(figure, gid):
    """Return what the figure drew under this name."""
    return [artist for artist in figure.findobj() if artist.get_gid() == gid]


def text_of(figure):
    """Return every text of the figure."""
    return [text.get_text() for text in figure.findobj(Text)]


def lightness(colour):
    """Return CIELAB L* of an sRGB colour."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 116 * np.cbrt(np.dot(linear, [0.2126, 0.7152, 0.0722])) - 16


def rendered(name, params, config=None, **files):
    """Return a caption as the report makes it: a template, then reStructuredText without complaints."""
    job = SimpleNamespace(params=SimpleNamespace(**params), input=SimpleNamespace(**files), config=config or {})
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    text = environment.from_string((CAPTIONS / f"{name}.rst").read_text(encoding="utf-8"))
    source = text.render(snakemake=job, categories={})
    publish_string(source, writer="html", settings_overrides={"halt_level": 2, "report_level": 2})
    return " ".join(source.split())


class Made(Given):
    """What a figure is drawn from where no file holds it: ``files`` are the tables and arrays themselves."""

    def table(self, name):
        """Return a table."""
        return self.files[name]

    arrays = by_variant = table


def made(subject="chern", about=None, **told):
    """Return what a figure is drawn from by name: tables and arrays, and facts, if these are not given apart."""
    return Made(subject, told, told if about is None else about, LOOKS)
