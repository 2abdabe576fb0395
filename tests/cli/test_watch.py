"""`accumbens watch` on a trained run: a video, or the terminal; what it refuses."""

import os
import pty
import re
import shutil
import subprocess
import sys

import pytest
from PIL import Image

from accumbens import watch
from accumbens.cli import watch_view


@pytest.fixture
def run(parallel_run, tmp_path):
    """A copy of a run with two seeds."""
    path = tmp_path / "run"
    shutil.copytree(parallel_run.path, path)
    return path


def test_a_video_appears_in_the_run_s_folder_and_is_what_json_says(run, cli):
    outcome = cli("watch", run, "--max-steps", 30, "--json")
    assert outcome.code == 0, outcome.err
    document = outcome.json
    video = run / "watch_8192_seed0_episode0.gif"
    assert document["video"] == str(video)
    assert (document["env"], document["algo"], document["seed"], document["step"]) == ("CartPole-v1", "ad_pqn", 0, 8192)
    assert document["episode_return"] == document["episode_length"] <= 30, "every step pays 1"
    assert document["frames"] == document["episode_length"] + 1
    assert (document["ended"] is None) == (document["episode_length"] == 30)
    assert document["bytes"] == video.stat().st_size
    assert outcome.out.count("\n") == 1
    with Image.open(video) as gif:
        assert gif.n_frames == document["frames"]


def test_another_seed_snapshot_and_episode_are_other_videos_and_the_same_is_the_same(run, cli):
    words = {
        "a": [],
        "again": [],
        "seed": ["--seed", 1],
        "snapshot": ["--step", 0],
        "episode": ["--episode-seed", 5],
        "noise": ["--epsilon", 0.9],
    }
    videos = {}
    for name, more in words.items():
        outcome = cli("watch", run, "-o", f"{name}.gif", "--max-steps", 8, "--quiet", *more)
        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
        with open(f"{name}.gif", "rb") as file:
            videos[name] = file.read()
    assert videos["a"] == videos["again"]
    assert len(set(videos.values())) == len(words) - 1


def test_an_mp4_by_its_ending(run, cli):
    outcome = cli("watch", run, "-o", "deep/a.mp4", "--max-steps", 5, "--fps", 10, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["fps"] == 10
    with open("deep/a.mp4", "rb") as file:
        assert b"ftyp" in file.read(16)


def test_a_video_is_not_replaced_unless_forced(run, cli):
    words = ["watch", run, "--max-steps", 3]
    assert cli(*words).code == 0
    again = cli(*words)
    assert again.code == 2
    assert re.search(r"error: .*watch_8192_seed0_episode0\.gif exists already", again.err)
    forced = cli(*words, "--force")
    assert forced.code == 0
    assert "written: 4 frames, 30 per second" in forced.out
    assert "return 3 in 3 steps (not played to its end, which --max-steps N allows)" in forced.out


REFUSED = {
    "an unknown ending": (["-o", "a.avi"], "unknown video format '.avi'"),
    "an unknown seed": (["--seed", 7], "seed=7 cannot be used: the run has 0, 1"),
    "an unknown snapshot": (["--step", 5], "step=5 cannot be used"),
    "no steps": (["--max-steps", 0], "max_steps=0 cannot be used: expected at least 1"),
    "an impossible probability": (["--epsilon", 1.5], "epsilon=1.5 cannot be used: expected a probability"),
    "no pace": (["--fps", 0], "fps=0 cannot be used: expected from 1 to 100"),
    "a negative episode": (["--episode-seed", -1], "episode_seed=-1 cannot be used"),
    "a file and the terminal": (["--terminal", "-o", "a.gif"], "leave out either --terminal or -o"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_clear_line(parallel_run, cli, case, tmp_path):
    words, message = REFUSED[case]
    outcome = cli("watch", parallel_run.path, *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_there_is_no_run(cli):
    outcome = cli("watch", "nowhere")
    assert outcome.code == 2
    assert "nowhere" in outcome.err


def test_what_is_not_a_terminal_gets_the_last_instant_only(run, cli):
    before = sorted(run.iterdir())
    outcome = cli("watch", run, "--terminal", "--max-steps", 6)
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("CartPole-v1") == 1
    assert re.search(r"step 6 +return 6 ", outcome.out)
    assert re.search(r"cell 1 +-?\d+\.\d\d .*[+-]\d+\.\d\d", outcome.out)
    assert "cell 2" in outcome.out
    assert sorted(run.iterdir()) == before, "nothing is written"


def test_the_terminal_s_json(run, cli):
    outcome = cli("watch", run, "--terminal", "--max-steps", 6, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["episode_length"] == 6
    assert "video" not in outcome.json
    assert "step 6" in outcome.err


def test_ctrl_c_ends_the_live_view_without_an_error(run, cli, monkeypatch):
    closed = []

    def interrupted(instants, fps, live):
        yield next(instants)
        yield next(instants)
        raise KeyboardInterrupt

    def stage(*words):
        made = watch.make_stage(*words)
        monkeypatch.setattr(made.arena, "close", lambda: closed.append(True))
        return made

    monkeypatch.setattr(watch_view, "paced", interrupted)
    monkeypatch.setattr(watch_view, "make_stage", stage)
    outcome = cli("watch", run, "--terminal", "--json")
    assert outcome.code == 0
    assert outcome.json["episode_length"] == 1
    assert closed


def test_a_real_terminal_shows_the_game_in_colours_and_gives_the_cursor_back(run):
    master, terminal = pty.openpty()
    words = [sys.executable, "-m", "accumbens.cli.main", "watch", str(run), "--terminal", "--max-steps", "4"]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", "COLORTERM": "truecolor"}
    process = subprocess.Popen(words, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    said = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    os.close(master)
    assert process.wait() == 0
    shown = said.decode()
    for time in range(5):
        assert f"step {time} " in shown, "every instant, live"
    assert "▀" in shown
    assert "\x1b[38;2;" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is back"
