import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from accumbens.runs.looks import PALETTES, look
from accumbens.training.config import resolve_config
from accumbens.training.curves import draw_curve
from accumbens.training.kind import AGENTS

METRICS = "step,seed,mean_return\n"
EVALUATIONS = "step,seed,cells,mean_return\n"


@pytest.fixture
def draw(tmp_path):
    """`draw(metrics, evaluations) -> picture [height, width, rgba]`."""

    def call(metrics=METRICS, evaluations=EVALUATIONS):
        (tmp_path / "metrics.csv").write_text(metrics)
        (tmp_path / "evaluations.csv").write_text(evaluations)
        tables = tmp_path / "metrics.csv", tmp_path / "evaluations.csv"
        draw_curve(*tables, tmp_path / "curve.png", "CartPole-v1: ad_pqn", look(0, False))
        return imread(tmp_path / "curve.png")

    return call


def has_colour(picture, colour):
    return bool((np.abs(picture[..., :3] - np.asarray(colour)[:3]).max(axis=-1) < 0.02).any())


HIGH = to_rgb(PALETTES["first"][0])
LOW = tuple(1 - 0.3 * (1 - channel) for channel in HIGH)


def test_a_run_that_has_just_begun_has_an_empty_picture(draw):
    picture = draw()
    assert picture.shape == (546, 910, 4)
    assert not has_colour(picture, LOW)


def test_of_many_cells_as_many_prefixes_are_drawn_as_the_legend_has_room_for(draw, monkeypatch):
    legends = []

    def save(figure, *pictures, dpi):
        legends.append([text.get_text() for text in figure.axes[0].get_legend().get_texts()])
        figure.draw_without_rendering()  # would warn if the legend left no room for the curves
        figure.savefig(pictures[0])

    monkeypatch.setattr("accumbens.training.curves.save_figure", save)
    draw(evaluations=EVALUATIONS + "".join(f"{step},0,{cells},1.0\n" for step in (1, 2) for cells in range(1, 101)))
    (shown,) = legends
    assert len(shown) == 8
    assert (shown[0], shown[-1]) == ("greedy, cell 1", "greedy, full network")


def test_training_is_drawn_where_an_episode_has_ended(draw):
    empty = draw()
    without = draw(METRICS + "64,0,nan\n128,0,nan\n")
    drawn = draw(METRICS + "64,0,nan\n128,0,10.0\n192,0,20.0\n")
    beside = draw(METRICS + "128,0,10.0\n128,1,30.0\n192,0,20.0\n192,1,20.0\n")
    assert not np.array_equal(empty, drawn)
    assert not np.array_equal(without, drawn)
    assert not np.array_equal(drawn, beside)


def test_every_prefix_of_cells_has_its_colour(draw):
    one = draw(evaluations=EVALUATIONS + "64,0,1,10\n128,0,1,20\n")
    assert has_colour(one, HIGH), "the only prefix is the full network"
    assert one.shape == (546, 910, 4)
    both = draw(evaluations=EVALUATIONS + "64,0,1,10\n64,0,2,15\n128,0,1,20\n128,0,2,40\n")
    assert has_colour(both, LOW)
    assert has_colour(both, HIGH)


def test_seeds_are_averaged_in_evaluations(draw):
    apart = draw(evaluations=EVALUATIONS + "64,0,1,10\n64,1,1,30\n128,0,1,0\n128,1,1,80\n")
    together = draw(evaluations=EVALUATIONS + "64,0,1,20\n128,0,1,40\n")
    np.testing.assert_array_equal(apart, together)


@pytest.mark.parametrize(("credit", "palette"), [("local", "first"), ("backprop", "twin")])
def test_local_credit_has_one_colour_and_backpropagation_another(tmp_path, monkeypatch, credit, palette):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *words, **options: drawn.append(figure.axes[0]))
    metrics, evaluations = tmp_path / "metrics.csv", tmp_path / "evaluations.csv"
    metrics.write_text(METRICS + "500000,0,10.0\n1000000,0,20.0\n")
    evaluations.write_text(EVALUATIONS + "64,0,1,10\n64,0,2,15\n")
    config = resolve_config("CartPole-v1", "ad_pqn", credit=credit)
    AGENTS.draw(config, metrics, evaluations, tmp_path / "curve.png")
    (axes,) = drawn
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["training, mean of the last 100 episodes", "greedy, cell 1", "greedy, full network"]
    assert to_rgb(lines["greedy, full network"].get_color()) == pytest.approx(to_rgb(PALETTES[palette][0]))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("environment steps", "return of an episode")
    assert axes.get_title() == f"CartPole-v1: ad_pqn, {credit} credit"
    axes.figure.draw_without_rendering()
    assert "1 M" in [tick.get_text() for tick in axes.get_xticklabels()]
