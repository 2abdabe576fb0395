import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.image import imread

from accumbens.training.curves import draw_curve

METRICS = "step,seed,mean_return\n"
EVALUATIONS = "step,seed,cells,mean_return\n"


@pytest.fixture
def draw(tmp_path):
    """`draw(metrics, evaluations) -> picture [height, width, rgba]`."""

    def call(metrics=METRICS, evaluations=EVALUATIONS):
        (tmp_path / "metrics.csv").write_text(metrics)
        (tmp_path / "evaluations.csv").write_text(evaluations)
        draw_curve(
            tmp_path / "metrics.csv", tmp_path / "evaluations.csv", tmp_path / "curve.png", "CartPole-v1   ad_pqn"
        )
        return imread(tmp_path / "curve.png")

    return call


def has_colour(picture, colour):
    return bool((np.abs(picture[..., :3] - np.asarray(colour)[:3]).max(axis=-1) < 0.02).any())


LOW, HIGH = (colormaps["viridis"](position) for position in (0.15, 0.85))


def test_a_run_that_has_just_begun_has_an_empty_picture(draw):
    picture = draw()
    assert picture.shape == (546, 910, 4)
    assert not has_colour(picture, LOW)


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
    assert has_colour(one, LOW)
    assert not has_colour(one, HIGH)
    both = draw(evaluations=EVALUATIONS + "64,0,1,10\n64,0,2,15\n128,0,1,20\n128,0,2,40\n")
    assert has_colour(both, LOW)
    assert has_colour(both, HIGH)


def test_seeds_are_averaged_in_evaluations(draw):
    apart = draw(evaluations=EVALUATIONS + "64,0,1,10\n64,1,1,30\n128,0,1,0\n128,1,1,80\n")
    together = draw(evaluations=EVALUATIONS + "64,0,1,20\n128,0,1,40\n")
    np.testing.assert_array_equal(apart, together)
