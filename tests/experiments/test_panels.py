"""What is in the figure of an experiment, looked at through matplotlib's own objects and the files."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from accumbens.experiments.files import load
from accumbens.experiments.panels import caption, draw_figure
from accumbens.experiments.summary import write
from accumbens.runs.directory import RunDirectory
from accumbens.runs.experimenting import Curve, Panel, read_begun
from accumbens.runs.looks import PALETTES, look
from accumbens.training.experimenting import EXPERIMENTING, Beside, quote_of
from accumbens.training.published import Published

QUOTE = Published("AD", "A", 30.0, None, 300, "a paper", ((100, 10.0), (200, 20.0)))


@pytest.fixture
def figure(monkeypatch, tmp_path):
    """`figure(curves) -> Figure`: draw, and keep what was drawn."""
    drawn = []
    save = Figure.savefig

    def keep(self, *words, **options):
        drawn.append(self)
        save(self, *words, **options)

    monkeypatch.setattr(Figure, "savefig", keep)

    def call(curves):
        pictures = [tmp_path / "c.png", tmp_path / "c.svg"]
        labels = dict.fromkeys(curve.label for curve in curves)
        looks = {label: look(number, False) for number, label in enumerate(labels)}
        draw_figure(EXPERIMENTING, "title", curves, looks, pictures)
        assert imread(pictures[0]).shape[2] == 4
        assert pictures[1].read_text().startswith("<?xml")
        return drawn[-1]

    return call


def curve(env, label, returns, quotes=()):
    returns = np.array(returns, float)
    steps = 100.0 * np.arange(1, returns.shape[1] + 1)
    return Curve(env, label, steps, returns, "environment steps", "return", quotes)


def read_curve(metrics):
    run = read_begun("ad_pqn", "x", "x", None, RunDirectory(metrics.parent))
    (read,) = EXPERIMENTING.curves(Panel("A", "A", [run]), Beside((), {}))
    assert read[:2] == ("A", "x")
    return read


def test_curves_are_read_where_every_seed_has_ended_an_episode(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,seed,mean_return\n64,1,nan\n64,0,1\n128,1,2\n128,0,3\n192,1,4\n192,0,5\n256,1,6\n")
    read = read_curve(path)
    assert read.x.tolist() == [128, 192]
    np.testing.assert_array_equal(read.values, [[3, 5], [2, 4]])


def test_a_run_without_episodes_has_an_empty_curve(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,seed,mean_return\n64,0,nan\n64,1,nan\n")
    assert read_curve(path).values.shape == (2, 0)


def test_a_run_without_episodes_can_be_drawn(figure):
    assert len(figure([curve("A", "x", np.zeros((2, 0)))]).axes[0].lines) == 1


def test_a_panel_per_environment_and_a_colour_per_agent(figure):
    curves = [curve(env, label, [[1, 2], [3, 4]]) for env in "ABCD" for label in ("x", "y")]
    drawn = figure(curves)
    panels = [axes for axes in drawn.axes if axes.axison]
    assert [axes.get_title() for axes in panels] == list("ABCD")
    colours = [[line.get_color() for line in axes.lines] for axes in panels]
    assert all(pair == colours[0] for pair in colours)
    assert colours[0][0] != colours[0][1]
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["x", "y"]


def test_the_line_is_the_mean_and_the_band_the_interval(figure):
    axes = figure([curve("A", "x", [[1, 2], [3, 6]])]).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [2, 4])
    band = axes.collections[0].get_paths()[0].vertices
    # Student's t for one degree of freedom is 12.706; the standard errors are 1 and 2.
    assert band[:, 1].max() == pytest.approx(4 + 2 * 12.706, rel=1e-3)
    assert axes.get_ylim()[1] < 5  # so wide a band must not hide the curves


def test_one_seed_has_no_band(figure):
    assert not figure([curve("A", "x", [[1, 2]])]).axes[0].collections


def test_published_numbers_are_lines_and_points_up_to_the_end_of_the_curves(figure):
    quotes = [quote_of(QUOTE)]
    axes = figure([curve("A", "x", [[1.0]], quotes), curve("A", "y", [[1.0]], quotes), curve("B", "x", [[1.0]])]).axes
    line, points = axes[0].lines[2:]
    assert list(line.get_ydata()) == [30.0, 30.0]
    assert list(points.get_xdata()) == [100]
    assert len(axes[1].lines) == 1


def test_nothing_was_run(figure):
    assert "nothing was run yet" in figure([]).get_suptitle()


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ([1], "1 seed (fewer than 5: rough)"),
        ([3, 3], "3 seeds, mean and 95 % t-interval (fewer than 5: rough)"),
        ([3, 5], "3 to 5 seeds, mean and 95 % t-interval (fewer than 5: rough)"),
        ([5, 5], "5 seeds, mean and 95 % t-interval"),
    ],
)
def test_the_caption_says_how_many_seeds(seeds, text):
    assert caption("test examples", seeds) == f"test examples; {text}"


def test_the_figure_can_be_read_where_pages_show_it(figure):
    drawn = figure([curve(f"piecewise-random-walk, difficulty {n}", "x", [[1, 2]]) for n in range(5)])
    width = drawn.get_figwidth()
    sizes = [text.get_fontsize() for text in drawn.findobj(Text) if text.get_text()]
    assert min(sizes) / 72 * 830 / width > 10, "pixels of letters in a page that is 830 pixels wide"
    drawn.draw_without_rendering()
    for axes in drawn.axes[:5]:
        box = axes.title.get_window_extent()
        assert (box.x0 >= 0, box.x1 <= width * drawn.dpi) == (True, True), axes.get_title()


def test_steps_are_written_with_their_unit(figure):
    long = Curve("A", "x", np.array([0.0, 1e6]), np.array([[1.0, 2.0]]), "environment steps", "return")
    drawn = figure([long])
    drawn.draw_without_rendering()
    assert {"0", "1 M"} <= {tick.get_text() for tick in drawn.axes[0].get_xticklabels()}


def test_local_credit_and_its_twin_have_the_colours_that_they_have_elsewhere(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *words, **options: drawn.append(figure))
    experiment = load("family", "desk")
    for run in experiment.runs:
        there = run.directory(tmp_path)
        there.path.mkdir(parents=True)
        there.write_meta()
        run.kind.write(run.config, there.config)
        there.metrics.write_text("step,seed,mean_return,wall_seconds\n64,0,1,1\n128,0,2,2\n")
        there.evaluations.write_text("step,seed,cells,episodes,mean_return\n128,0,1,1,2\n")
    write(experiment, tmp_path)
    lines = {line.get_label(): to_rgb(line.get_color()) for line in drawn[0].axes[0].lines}
    for label, (palette, number) in LOOKS.items():
        if label in lines:
            assert lines[label] == to_rgb(PALETTES[palette][number]), label
    assert {"ad_pqn/local", "ad_pqn/backprop"} <= set(lines)


LOOKS = {
    "ad_pqn/local": ("first", 0),
    "ad_pqn/backprop": ("twin", 0),
    "arq_pqn/local": ("first", 1),
    "arq_pqn/backprop": ("twin", 1),
}
