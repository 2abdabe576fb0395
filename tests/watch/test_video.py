"""Videos decode to the frames that were drawn, nothing is overwritten, and half a video is none."""

import shutil
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageDraw

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.watch import Filmstrip, require_writable, write_video
from accumbens.watch.frames import WIDTH, Heading, plain
from accumbens.watch.palettes import GAMES
from accumbens.watch.scenes import Board
from accumbens.watch.style import CELLS, rgb
from accumbens.watch.video import find_ffmpeg

STEPS = 12


@pytest.fixture(scope="module")
def strip(episode):
    rng = np.random.default_rng(0)
    observations = np.zeros((STEPS + 1, 10, 10, 4), bool)
    observations[np.arange(STEPS + 1), 9, np.arange(STEPS + 1) % 10, 0] = True
    numbers = rng.normal(size=(2, STEPS + 1, 3))
    rewards = (np.arange(STEPS + 1) == 7).astype(float)
    scene = Board(10, 10, GAMES["minatar/breakout"])
    heading = Heading("minatar/breakout", "minatar/breakout · ad_pqn", "local credit · seed 0")
    return Filmstrip(episode(*numbers, rewards, observations), scene, heading, paged=True)


def decoded(path, size):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24"]
    pixels = subprocess.run([*command, "-"], capture_output=True, check=True).stdout
    return np.frombuffer(pixels, np.uint8).reshape(-1, size[1], size[0], 3)


def test_there_is_a_frame_for_every_instant_all_of_one_even_size_and_no_two_alike(strip):
    frames = list(strip)
    assert len(frames) == len(strip) == STEPS + 1
    assert {frame.size for frame in frames} == {strip.size}
    assert strip.size[0] == WIDTH
    assert all(side % 2 == 0 for side in strip.size)
    assert len({frame.tobytes() for frame in frames}) == STEPS + 1


def test_a_gif_has_every_frame_with_exact_colours_and_its_pace(strip, tmp_path):
    path = tmp_path / "deep" / "a.gif"
    write_video(strip, path, 20)
    with Image.open(path) as gif:
        assert gif.n_frames == STEPS + 1
        assert gif.info["loop"] == 0
        durations = []
        for index, drawn in enumerate(strip):
            gif.seek(index)
            durations.append(gif.info["duration"])
            shown = np.asarray(gif.convert("RGB")).astype(int)
            difference = np.abs(shown - np.asarray(drawn).astype(int))
            assert difference.mean() < 0.5
            assert (shown[0, 0] == 255).all(), "paper is white"
            assert {rgb(colour) for colour in CELLS[:3]} <= {colour for _, colour in gif.convert("RGB").getcolors()}
    assert durations[:-1] == [50] * STEPS
    assert durations[-1] == 2000
    assert path.stat().st_mode & 0o777 == 0o644
    assert [file.name for file in path.parent.iterdir()] == ["a.gif"]


@pytest.mark.parametrize("in_path", [True, False])
def test_an_mp4_has_every_frame_by_either_ffmpeg(strip, tmp_path, monkeypatch, in_path):
    if not in_path:
        monkeypatch.setattr(shutil, "which", lambda name: None)
        assert find_ffmpeg() == imageio_ffmpeg.get_ffmpeg_exe()
    elif shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg in the PATH")
    path = tmp_path / "a.mp4"
    write_video(strip, path, 25)
    frames = decoded(path, strip.size)
    assert len(frames) == STEPS + 1
    for index in (0, 7, STEPS):
        assert np.abs(frames[index].astype(int) - np.asarray(strip.draw(index)).astype(int)).mean() < 3


def test_without_any_ffmpeg_both_ways_to_one_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(AccumbensError, match=r"apt install ffmpeg.*accumbens\[video\].*\.gif"):
        require_writable(tmp_path / "a.mp4")
    require_writable(tmp_path / "a.gif")


def test_what_ffmpeg_says_is_passed_on_and_nothing_is_left(strip, tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'no such codec' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    with pytest.raises(AccumbensError, match=r"ffmpeg could not write .*no such codec"):
        write_video(strip, tmp_path / "out" / "a.mp4", 25)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["a.gif", "a.mp4"])
def test_an_interrupted_video_is_no_file_and_an_older_one_stays(strip, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"older")

    def frames():
        yield from list(strip)[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(strip, path, 25, frames())
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_refused_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "a.gif"
    require_writable(path)
    path.touch()
    with pytest.raises(AccumbensError, match=r"a\.gif exists already"):
        require_writable(path)
    require_writable(path, force=True)
    folder = tmp_path / "b.gif"
    folder.mkdir()
    with pytest.raises(AccumbensError, match="is a folder: -o takes the file to write"):
        require_writable(folder, force=True)


@pytest.mark.parametrize(("name", "said"), [("a.giff", "'.giff'"), ("a", "'a'"), ("a.webm", "'.webm'")])
def test_other_formats_are_named_and_refused(tmp_path, name, said):
    with pytest.raises(UnknownNameError, match=rf"unknown video format {said}.*\.gif, \.mp4"):
        require_writable(tmp_path / name)


def test_the_frame_is_as_high_as_many_cells_need(episode):
    numbers = np.zeros((2, 3, 12))
    few = Filmstrip(episode(*np.zeros((2, 3, 1))), Board(10, 10, GAMES["minatar/breakout"]), Heading("", "", ""))
    many = Filmstrip(episode(*numbers), Board(10, 10, GAMES["minatar/breakout"]), Heading("", "", ""))
    assert many.size[1] > few.size[1]
    assert len({frame.size for frame in [*many, *few]}) == 2


def test_numbers_are_short():
    assert [plain(number) for number in (500.0, -69.0, 2.8673, 55.0925, 12345.6)] == [
        "500",
        "-69",
        "2.87",
        "55.1",
        "12,346",
    ]


def test_a_long_subtitle_is_shortened(episode):
    heading = Heading("", "a" * 200, "b" * 300)
    Filmstrip(episode(*np.zeros((2, 2, 1))), Board(10, 10, GAMES["minatar/breakout"]), heading).draw(0)


def test_the_encoder_is_a_program():
    assert subprocess.run([find_ffmpeg(), "-version"], capture_output=True, check=True).stdout


def drawn_words(monkeypatch):
    """Every text that is drawn from now on, with the box that it takes and the colour of its letters."""
    words = []
    write = ImageDraw.ImageDraw.text

    def text(pen, at, content, fill=None, font=None, anchor=None, **options):
        words.append((content, pen.textbbox(at, content, font=font, anchor=anchor)))
        write(pen, at, content, fill, font, anchor, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    return words


@pytest.mark.parametrize("cells", [3, 40])
def test_nothing_is_cut_off_or_overlaps(episode, monkeypatch, cells):
    words = drawn_words(monkeypatch)
    large = np.full((3, cells), -9_999.99)
    large[1] = 1.234567e8
    env = "examples.custom_environment:a_corridor_with_a_long_name"
    title, subtitle = (
        f"{env}  ·  ad_qrdqn_released",
        "backprop credit  ·  seed 1000003  ·  trained for 100,000,000 steps",
    )
    heading = Heading(env, title, subtitle, 0.1)
    strip = Filmstrip(episode(large, large, [0, -1_234_567.5, 0]), Board(10, 10, GAMES["minatar/seaquest"]), heading)
    strip.draw(1)
    assert [text for text, _ in words if "…" in text] == []
    assert {title, subtitle, "return -1,234,568", "1.23e+08", "+1.23e+08", f"cell {cells}"} <= {
        text for text, _ in words
    }
    for text, (left, top, right, bottom) in words:
        assert (left >= 0, top >= 0, right <= strip.size[0], bottom <= strip.size[1]) == (True,) * 4, text
    for place, (text, one) in enumerate(words):
        for other_text, other in words[:place]:
            across, down = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
            assert across <= 0 or down <= 2, (text, other_text)


@pytest.mark.parametrize(("scale", "said"), [(0.1, "value of the chosen action, Q(s, a), of rewards × 0.1"), (1.0, "")])
def test_frames_say_that_values_are_scaled(episode, monkeypatch, scale, said):
    words = drawn_words(monkeypatch)
    heading = Heading("minatar/breakout", "a title", "a subtitle", scale)
    Filmstrip(episode(*np.ones((2, 3, 2))), Board(10, 10, GAMES["minatar/breakout"]), heading).draw(1)
    titles = [text for text, _ in words if text.startswith("value of")]
    assert titles == [said or "value of the chosen action, Q(s, a)"]
