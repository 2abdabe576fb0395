"""Scenes tell states apart, at the right place, and every environment has one."""

import math

import numpy as np
import pytest
from PIL import Image

from accumbens.envs import registry
from accumbens.envs.conditioning import LINE
from accumbens.watch import make_scene, make_stage
from accumbens.watch.classic import BODY, CLASSIC, LIMB
from accumbens.watch.episode import Instant
from accumbens.watch.palettes import ACTIONS, GAMES, action_name, unnamed
from accumbens.watch.scenes import BOX, Bars, Board, Drawn, Film, Photograph, Trial
from accumbens.watch.style import rgb
from accumbens.watch.trial import CUE, REWARD


def seen(observation, reward=0.0, picture=None):
    return Instant(0, np.asarray(observation), picture, np.zeros(2), np.array(0), None, reward, 0.0, "")


def where(image, colour, tolerance=12):
    """The centre of the pixels of a colour: x and y; None if there are none."""
    close = (np.abs(np.asarray(image).astype(int) - rgb(colour)) <= tolerance).all(axis=-1)
    return None if not close.any() else np.argwhere(close).mean(axis=0)[::-1]


@pytest.mark.parametrize("game", GAMES)
def test_every_channel_of_a_game_has_its_own_colour_and_every_action_a_name(game):
    env = registry.make(game)
    assert len(GAMES[game]) == env.observation_shape[2]
    assert len(ACTIONS[game]) == env.num_actions
    assert len({colour for colour, _ in GAMES[game]}) == len({name for _, name in GAMES[game]}) == len(GAMES[game])


@pytest.mark.parametrize("env", sorted(set(ACTIONS) - set(GAMES) - {"LunarLander-v3"}))
def test_every_action_of_classic_control_has_a_name(env):
    assert len(ACTIONS[env]) == registry.make(env).num_actions


def test_a_paddle_that_moves_changes_its_two_squares_and_no_other():
    board = Board(10, 10, GAMES["minatar/breakout"])
    before, after = np.zeros((10, 10, 4), bool), np.zeros((10, 10, 4), bool)
    before[9, 4, 0] = after[9, 5, 0] = True
    first, second = board.draw(seen(before)), board.draw(seen(after))
    changed = np.argwhere((np.asarray(first) != np.asarray(second)).any(axis=-1)) // board.side
    assert {tuple(square) for square in changed.tolist()} == {(9, 4), (9, 5)}
    assert first.size == board.size == (280, 280)
    assert first.getpixel((4 * board.side + 14, 9 * board.side + 14)) == rgb(board.legend[0].colour)


def test_things_on_one_square_are_all_seen():
    board = Board(10, 10, GAMES["minatar/space_invaders"])
    observation = np.zeros((10, 10, 6), bool)
    observation[2, 3, [1, 2, 5]] = True
    image = board.draw(seen(observation))
    here = image.crop((3 * board.side, 2 * board.side, 4 * board.side, 3 * board.side))
    colours = {colour for _, colour in here.getcolors()}
    assert {rgb(board.legend[channel].colour) for channel in (1, 2, 5)} <= colours
    assert tuple(board.colours(observation)[2, 3]) == rgb(board.legend[5].colour)


def test_the_cart_stands_where_the_observation_says_and_the_pole_leans():
    scene = Drawn(CLASSIC["CartPole-v1"])
    centre, right = (where(scene.draw(seen([x, 0, 0, 0])), BODY) for x in (0.0, 1.2))
    assert abs(centre[0] - scene.size[0] / 2) < 2
    assert abs((right[0] - centre[0]) - 1.2 * scene.size[0] / 5.6) < 2
    leaning = [where(scene.draw(seen([0, 0, math.radians(angle), 0])), LIMB)[0] for angle in (-10, 0, 10)]
    assert leaning == sorted(leaning)
    half_a_metre = scene.size[0] / 5.6 / 2
    assert abs(leaning[2] - leaning[1] - math.sin(math.radians(10)) * half_a_metre) < 2


def test_acrobot_hangs_and_stands_and_knows_left_from_right():
    scene = Drawn(CLASSIC["Acrobot-v1"])

    def elbow_and_tip(first, second):
        state = [math.cos(first), math.sin(first), math.cos(second), math.sin(second), 0, 0]
        image = scene.draw(seen(state))
        return where(image, BODY), where(image, LIMB)

    middle, unit = scene.size[1] / 2, scene.size[1] / 4.5
    upper, lower = elbow_and_tip(0, 0)
    assert abs(upper[1] - middle - 0.5 * unit) < 3
    assert abs(lower[1] - middle - 1.5 * unit) < 6
    upper, lower = elbow_and_tip(math.pi, 0)
    assert upper[1] < middle
    assert lower[1] < upper[1]
    _, right = elbow_and_tip(0, math.pi / 2)
    assert right[0] > scene.size[0] / 2 + 0.3 * unit


def test_the_car_is_on_the_hill():
    scene = Drawn(CLASSIC["MountainCar-v0"])
    places = [where(scene.draw(seen([x, 0])), BODY) for x in (-1.1, -0.52, 0.4)]
    assert [place[0] for place in places] == sorted(place[0] for place in places)
    assert places[1][1] > max(places[0][1], places[2][1]), "lowest in the valley"


def test_the_lamp_is_lit_at_the_cue_and_the_drop_is_full_at_the_reward():
    scene = Trial()

    def tap(index):
        observation = np.zeros(1 + LINE)
        observation[0] = 1
        if index is not None:
            observation[1 + index] = 1
        return observation

    assert where(scene.draw(seen(tap(0))), CUE) is not None
    assert where(scene.draw(seen(tap(1))), CUE) is None
    assert where(scene.draw(seen(tap(8), reward=1.0)), REWARD) is not None
    assert where(scene.draw(seen(tap(8))), REWARD) is None
    pictures = {scene.draw(seen(tap(index))).tobytes() for index in [None, *range(LINE)]}
    assert len(pictures) == LINE + 1


def test_bars_go_up_and_down_relative_to_the_largest_so_far():
    bars = Bars(2, "")
    image = np.asarray(bars.draw(seen([2.0, -4.0]))).astype(int)
    half = image.shape[1] // 2
    up, down = where(image[:, :half], "#2166ac"), where(image[:, half:], "#b2182b")
    assert up[1] < BOX[1] / 2 < down[1]
    smaller = where(bars.draw(seen([1.0, 0.0])), "#2166ac")
    assert smaller[1] > up[1] + 10


@pytest.mark.parametrize("count", [1, 48, 49, 376])
def test_bars_of_any_number_of_numbers(count):
    bars = Bars(count, "")
    numbers = np.random.default_rng(0).normal(size=count)
    first = bars.draw(seen(numbers))
    assert first.size == BOX
    numbers[count // 2] *= -0.5
    assert first.tobytes() != bars.draw(seen(numbers)).tobytes()
    bars.draw(seen(np.zeros(count)))


def test_a_photograph_is_shown_as_it_is():
    pixels = np.zeros((4, 6, 3), np.float32)
    pixels[1, 2] = (250, 10, 20)
    assert Photograph((60, 40)).draw(seen(pixels)).getpixel((25, 15)) == (250, 10, 20)
    grey = Photograph((60, 40)).draw(seen(pixels[..., :1]))
    assert grey.getpixel((25, 15)) == (250, 250, 250)


def test_a_film_shows_the_simulator_s_picture():
    picture = Image.new("RGB", (5, 4), "#123456")
    assert Film((5, 4)).draw(seen([0.0], picture=picture)) is picture


KINDS = {
    "CartPole-v1": Drawn,
    "Acrobot-v1": Drawn,
    "MountainCar-v0": Drawn,
    "minatar/breakout": Board,
    "minatar/freeway": Board,
    "minatar/asterix": Board,
    "minatar/space_invaders": Board,
    "minatar/seaquest": Board,
    **dict.fromkeys(registry.octax_environments(), Board),
    "probe/conditioning": Trial,
    **{f"memory/chain-{length}": Bars for length in (2, 4, 8, 16, 32, 64, 128)},
    "memory/cartpole": Bars,
}


def test_every_environment_on_the_device_has_a_scene():
    assert set(registry.device_environments()) == set(KINDS)


@pytest.mark.parametrize("env", ["CartPole-v1", "minatar/seaquest", "probe/conditioning"])
def test_the_scene_of_an_environment_draws_its_observations(untrained, env):
    trained = untrained(env, networks=False)
    stage = make_stage(trained, 0, BOX)
    scene = make_scene(trained, stage)
    assert isinstance(scene, KINDS[env])
    image = scene.draw(seen(stage.arena.reset()[0]))
    assert image.size == scene.size
    assert scene.size[0] <= BOX[0]
    assert scene.size[1] <= BOX[1]


def test_names_of_actions():
    assert action_name("minatar/breakout", np.array(2)) == "→"
    assert action_name("Some-v0", np.array(3)) == "action 3"
    assert action_name("dmc/walker-walk", np.array([1, 0, 1])) == "+ − +"
    assert len(unnamed(13)) == 13
