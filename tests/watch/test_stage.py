"""Stages: simulators that draw themselves leave a film of the episode that would be played anyway."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from PIL import Image

from accumbens.envs.control_suite import ControlSuiteEnvironment
from accumbens.errors import AccumbensError
from accumbens.training.play import DeviceArena, HostArena
from accumbens.watch import make_scene, make_stage
from accumbens.watch.scenes import BOX, Bars, Film
from accumbens.watch.stage import FilmArena

CONTINUOUS = "MountainCarContinuous-v0"


class Blind(gymnasium.Env):
    """Counts to three, and cannot be drawn."""

    observation_space = Box(-10, 10, (2,), np.float32)
    action_space = Discrete(2)
    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, render_mode=None):
        self.render_mode, self.count = render_mode, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.count += 1
        return np.full(2, self.count, np.float32), 1.0, self.count == 3, False, {}

    def render(self):
        if self.render_mode == "rgb_array":
            raise RuntimeError("no\nscreen")


@pytest.fixture
def blind():
    gymnasium.register("Blind-v0", Blind)
    yield "Blind-v0"
    del gymnasium.registry["Blind-v0"]


def test_on_the_device_there_is_no_film(untrained):
    stage = make_stage(untrained("CartPole-v1", networks=False), 0, BOX)
    assert isinstance(stage.arena, DeviceArena)
    assert stage.film is None
    assert stage.note == ""


def test_a_filmed_episode_is_the_one_that_is_played_without_a_film(untrained):
    trained = untrained(CONTINUOUS, networks=False)
    stage = make_stage(trained, 5, (120, 90))
    plain = HostArena(CONTINUOUS, 1, 5, trained.settings.discretisation)
    assert stage.note == ""
    np.testing.assert_array_equal(stage.arena.reset(), plain.reset())
    for step in range(4):
        action = np.array([step % 2])
        one, other = stage.arena.step(action), plain.step(action)
        np.testing.assert_array_equal(one[0], other[0])
        for mine, theirs in zip(one[1], other[1], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    plain.close()
    assert stage.film is not None
    assert len(stage.film) == 5
    assert all(isinstance(picture, Image.Image) for picture in stage.film)
    assert {picture.size for picture in stage.film} == {(120, 80)}, "as large as fits, in its own proportions"
    assert len({picture.tobytes() for picture in stage.film}) > 1
    assert make_scene(trained, stage).size == (120, 80)
    assert stage.fps == 30, "as Gymnasium says of this one"
    stage.arena.reset()
    assert len(stage.film) == 1, "the film begins anew"
    stage.arena.close()


def test_what_cannot_draw_itself_is_shown_by_its_observation(untrained, blind):
    trained = untrained(blind, networks=False)
    stage = make_stage(trained, 0, BOX)
    assert stage.film is None
    assert stage.note == "Blind-v0 cannot draw itself here (no screen): its observation is shown"
    scene = make_scene(trained, stage)
    assert isinstance(scene, Bars)
    assert scene.caption.startswith("the 2 numbers of the observation")
    assert stage.arena.reset().shape == (1, 2)
    stage.arena.close()


def drawing_suite_task(name):
    env = ControlSuiteEnvironment(name, render_mode="rgb_array")
    env.reset(seed=0)
    try:
        env.render()
    except AccumbensError as error:
        pytest.skip(str(error))
    return env


def test_the_control_suite_draws_what_happens():
    env = drawing_suite_task("dmc/pendulum-swingup")
    before = env.render()
    assert before.shape == (288, 384, 3)
    assert before.dtype == np.uint8
    assert before.std() > 5, "something is there"
    np.testing.assert_array_equal(before, env.render())
    for _ in range(20):
        env.step(np.ones(1, np.float32))
    assert (env.render() != before).any()
    env.close()


def test_a_control_suite_task_is_filmed_and_two_at_a_time_do_not_mix():
    drawing_suite_task("dmc/pendulum-swingup").close()
    pendulum = FilmArena("dmc/pendulum-swingup", 0, "joint", BOX)
    cartpole = FilmArena("dmc/cartpole-balance", 0, "joint", BOX)
    pendulum.step(np.array([1]))
    cartpole.step(np.array([1]))
    assert len(pendulum.film) == len(cartpole.film) == 2
    assert pendulum.fps == 50, "a control step is 0.02 s"
    still, other = (np.asarray(arena.film[-1]).astype(int) for arena in (pendulum, cartpole))
    assert np.abs(still - other).mean() > 5
    cartpole.close()
    pendulum.step(np.array([1]))
    assert np.abs(np.asarray(pendulum.film[-1]).astype(int) - still).mean() < 5
    pendulum.close()


def test_without_a_render_mode_the_control_suite_draws_nothing():
    env = ControlSuiteEnvironment("dmc/pendulum-swingup")
    env.reset(seed=0)
    assert env.render() is None
    env.close()


def test_film_is_the_scene_of_a_simulator_that_draws(untrained):
    trained = untrained(CONTINUOUS, networks=False)
    stage = make_stage(trained, 0, BOX)
    assert isinstance(make_scene(trained, stage), Film)
    stage.arena.close()
