"""The terminal's blocks, letters and bars."""

import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from rich.text import Text

from accumbens.watch.classic import CLASSIC
from accumbens.watch.episode import Instant
from accumbens.watch.frames import Heading
from accumbens.watch.palettes import GAMES
from accumbens.watch.scenes import Board, Drawn
from accumbens.watch.style import rgb
from accumbens.watch.terminal import TerminalScreen, balance, board, half_blocks

GAME = Board(10, 10, GAMES["minatar/breakout"])
HEADING = Heading("minatar/breakout", "a title", "a subtitle")


def printed(renderable, colours=True):
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=colours, color_system="truecolor" if colours else None, width=100, highlight=False
    )
    console.print(renderable)
    return out.getvalue()


def observation():
    seen = np.zeros((10, 10, 4), bool)
    seen[9, 4, 0] = seen[3, 7, 1] = True
    return seen


def test_a_square_has_the_colour_of_what_is_on_it():
    text = board(GAME, observation(), colours=True)
    assert [len(line) for line in text.plain.split("\n")] == [20] * 10
    colours = {}
    for span in text.spans:
        row, column = divmod(span.start, 21)
        colours[row, column // 2] = span.style.bgcolor.triplet
    assert tuple(colours[9, 4]) == rgb(GAME.legend[0].colour)
    assert tuple(colours[3, 7]) == rgb(GAME.legend[1].colour)
    assert len(set(colours.values())) == 3


def test_without_colours_things_have_letters():
    lines = board(GAME, observation(), colours=False).plain.split("\n")
    assert lines[9] == " ·" * 4 + "pa" + " ·" * 5
    assert lines[3] == " ·" * 7 + "ba" + " ·" * 2


@pytest.mark.parametrize(
    ("share", "bar"),
    [(0.0, "    │    "), (1.0, "    │████"), (-1.0, "████│    "), (0.5, "    │██  "), (-0.25, "   █│    ")],
)
def test_a_bar_goes_to_the_side_of_its_sign(share, bar):
    assert balance(share, 4).plain == bar


def test_a_picture_has_two_pixels_in_a_character():
    image = Image.new("RGB", (4, 4), "#ff0000")
    image.paste("#0000ff", (0, 2, 4, 4))
    text = half_blocks(image, 2)
    assert text.plain == "▀▀"
    style = text.spans[0].style
    assert style.color.triplet == (255, 0, 0)
    assert style.bgcolor.triplet == (0, 0, 255)


def instant(taken, errors, ended=""):
    action = None if taken is None else np.array(1)
    return Instant(7, observation(), None, taken, action, errors, 1.0, 3.0, ended)


def test_a_screen_says_everything_at_the_beginning_in_the_middle_and_at_the_end():
    screen = TerminalScreen(GAME, HEADING, colours=False)
    first = printed(screen.show(instant(np.array([1.0, 2.0]), None)), colours=False)
    assert "a title" in first
    assert "a subtitle" in first
    assert "step 7   return 3   ←" in first
    assert "–" in first
    middle = printed(screen.show(instant(np.array([1.0, 4.0]), np.array([0.5, -1.0]))), colours=False)
    rows = [line for line in middle.splitlines() if line.startswith("cell")]
    assert [row.split()[2] for row in rows] == ["1.00", "4.00"]
    assert rows[0].count("█") == 4 + 4, "a quarter of 17 for its value, half of 8 for its error"
    assert rows[1].count("█") == 17 + 8
    end = printed(screen.show(instant(None, np.array([0.5, -1.0]), "terminated")), colours=False)
    assert "terminated" in end
    assert "-1.00" in end


def test_pictures_need_colours():
    seen = Instant(0, np.zeros(4), None, np.zeros(1), np.array(0), None, 0.0, 0.0, "")
    scene = Drawn(CLASSIC["CartPole-v1"])
    assert "▀" in printed(TerminalScreen(scene, HEADING, colours=True).show(seen))
    assert "▀" not in printed(TerminalScreen(scene, HEADING, colours=False).show(seen), colours=False)


@pytest.mark.parametrize(("width", "height"), [(100, 40), (80, 24), (60, 24), (80, 12), (40, 20), (36, 14)])
@pytest.mark.parametrize("cells", [2, 9, 30])
def test_nothing_is_cut_off_in_any_window(width, height, cells):
    taken = 1e6 * np.arange(1, cells + 1)
    seen = Instant(999_999, observation(), None, taken, np.array(1), -taken / 3, 1.0, -1_234_567.5, "")
    heading = Heading("minatar/breakout", "minatar/breakout  ·  ad_pqn", "local credit  ·  untrained", 0.1)
    for scene in (GAME, Drawn(CLASSIC["CartPole-v1"])):
        if cells > 2 and (width * height < 900 or height < 13):
            continue  # there is no room for so many numbers
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, color_system="truecolor", width=width, height=height)
        shown = seen._replace(observation=observation() if scene is GAME else np.zeros(4))
        console.print(TerminalScreen(scene, heading).show(shown))
        text = Text.from_ansi(out.getvalue()).plain
        lines = text.splitlines()
        assert len(lines) < height
        assert max(len(line.rstrip()) for line in lines) <= width
        words = text.split()
        assert "…" not in text
        assert {"-1,234,568", "999,999", "×"} <= set(words)
        values = [f"{value:.3g}" for value in taken]
        assert all(value in words for value in values)
        assert all(f"{-value / 3:+.3g}" in words for value in taken)


def test_a_game_is_shown_beside_its_numbers_if_the_window_is_low():
    screen = TerminalScreen(GAME, HEADING)
    lines = []
    for height in (24, 15, 8):
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, color_system="truecolor", width=100, height=height)
        console.print(screen.show(instant(np.array([1.0, 4.0, 2.0]), np.array([0.5, -1.0, 0.0]))))
        lines.append(out.getvalue().count("\n"))
    assert lines == [2 + 10 + 1 + 4, 2 + 1 + 10, 2 + 1 + 4]


def test_a_screen_says_that_values_are_scaled():
    seen = instant(np.array([1.0, 2.0]), None)
    assert "values of rewards × 0.1" in printed(TerminalScreen(GAME, HEADING._replace(scale=0.1)).show(seen))
    assert "rewards" not in printed(TerminalScreen(GAME, HEADING).show(seen))
