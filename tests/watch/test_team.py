"""Frames of a team, made of known numbers: nothing plays here."""

import io
import itertools
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from accumbens.envs.teams.protocol import Seen
from accumbens.watch.style import rgb
from accumbens.watch.team import TeamFilm, TeamStrip, colour_of, scene_of
from accumbens.watch.team_episode import Mind, TeamInstant
from accumbens.watch.team_terminal import TeamScreen
from accumbens.watch.video import Strip, write_video


def film(agents=3, actions=5, steps=6, *, context=4, minds=None, told=True, related=True, picture=None, seed=0):
    """A film of random numbers; `minds=0` has no attention."""
    rng = np.random.default_rng(seed)
    minds, returns, instants = agents if minds is None else minds, np.zeros(agents), []
    for time in range(steps + 1):
        end = time == steps
        legal = rng.random((agents, actions)) < 0.7
        legal[:, 0] = True
        alive = np.arange(agents) > 0 if time > 2 else np.ones(agents, bool)
        weights = np.full((minds, context), np.nan)
        count = min(time + 1, context)
        weights[:, context - count :] = rng.dirichlet(np.ones(count), size=minds)
        angles = [rng.uniform(0, 180, (agents, agents)) for _ in range(2)] if related else [None, None]
        mind = None if end or (not minds and not related) else Mind(weights, *angles)
        seen = Seen(np.zeros((agents, 2)), legal, alive)
        taken = None if end else np.zeros(agents, int)
        asked = 3.0 - returns if told else None
        ended = "truncated" if end else ""
        instants.append(TeamInstant(time, picture, seen, taken, returns.copy(), asked, mind, ended))
        returns = returns - rng.random(agents)
    return TeamFilm("team/made  ·  distilled", "seed 0", [f"agent_{index}" for index in range(agents)], instants)


BOARD = np.full((90, 60, 3), 200, np.uint8)
FILMS = {
    "all of it": {},
    "no board, many": {"agents": 9, "actions": 14, "context": 20},
    "a board": {"agents": 2, "picture": BOARD},
    "a large board": {"agents": 2, "picture": np.full((900, 1200, 3), 90, np.uint8)},
    "one mind": {"minds": 1, "related": False},
    "no attention": {"minds": 0},
    "nothing inside": {"minds": 0, "related": False, "told": False},
    "alone": {"agents": 1, "actions": 2},
}


@pytest.mark.parametrize("changes", FILMS.values(), ids=FILMS)
def test_all_frames_are_of_one_even_size(changes):
    strip = TeamStrip(film(**changes))
    assert isinstance(strip, Strip)
    assert len(strip) == 7
    frames = list(strip)
    assert {frame.size for frame in frames} == {strip.size}
    assert not any(side % 2 for side in strip.size)
    assert all(np.asarray(one).tobytes() != np.asarray(other).tobytes() for one, other in itertools.pairwise(frames))


def colours_in(image, box):
    return Counter(map(tuple, np.asarray(image.crop(box)).reshape(-1, 3).tolist()))


def test_every_agent_has_bars_in_its_colour_as_high_as_its_attention():
    made = film(related=False)
    instant = made.instants[5 - 1]
    weights = np.array([[0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.0, 1.0]])
    made.instants[4] = instant._replace(mind=Mind(weights))
    frame = TeamStrip(made).draw(4)
    half = colours_in(frame, (0, TeamStrip(made)._mind_top, *frame.size))
    areas = [half[rgb(colour_of(agent))] for agent in range(3)]
    # All bars of a lane add up to one; those of nothing have a line of their own.
    assert areas[0] == pytest.approx(areas[1], rel=0.2)
    assert areas[1] == pytest.approx(areas[2], rel=0.2)
    rows = np.asarray(frame)[TeamStrip(made)._mind_top :]
    tall = [np.ptp(np.nonzero((rows == rgb(colour_of(agent))).all(-1).sum(1) > 60)[0]) for agent in range(3)]
    assert tall[2] > 1.7 * tall[1] > 2.5 * tall[0]


def test_without_a_board_actions_are_shown_and_the_dead_are_struck_out():
    made = film(agents=2, actions=3)
    legal = np.array([[True, False, True], [True, True, True]])
    instant = made.instants[0]._replace(
        seen=Seen(np.zeros((2, 2)), legal, np.array([True, False])), actions=np.array([2, 1])
    )
    scene = np.asarray(scene_of(instant))
    side = scene.shape[1] // 3
    centre = scene[side // 2, side // 2 :: side]
    assert tuple(centre[2]) == rgb(colour_of(0))
    assert tuple(centre[1]) == rgb("#f4f5f7")  # illegal: nothing is there
    below = scene[side + side // 4, side // 2 :: side]
    assert tuple(below[1]) == rgb(colour_of(1))
    assert tuple(scene[side + side // 2, side // 2]) == rgb("#6b7280")


def test_boards_keep_their_shape():
    small, large = (scene_of(film(agents=2, picture=FILMS[name]["picture"]).instants[0]) for name in list(FILMS)[2:4])
    assert (small.size, large.size) == ((180, 270), (300, 225))


def test_the_last_frame_shows_what_was_decided_last():
    made = film()
    strip = TeamStrip(made)
    below = (0, strip._mind_top, *strip.size)
    last, before = (np.asarray(strip.draw(time).crop(below)) for time in (6, 5))
    np.testing.assert_array_equal(last, before)


def test_a_video(tmp_path):
    strip = TeamStrip(film(steps=3))
    write_video(strip, tmp_path / "team.gif", 4)
    with Image.open(tmp_path / "team.gif") as gif:
        assert (gif.size, gif.n_frames) == (strip.size, 4)


@pytest.mark.parametrize("colours", [True, False])
def test_the_terminal(colours):
    made = film(agents=2, picture=BOARD)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(TeamScreen(made, colours=colours).show(made.instants[3]))
    text = console.export_text()
    assert ("▀" in text) == colours
    assert "step 3" in text
    (row,) = (line for line in text.splitlines() if line.startswith("agent_0"))
    assert "dead" in row
    assert "█" in text  # the largest attention so far
