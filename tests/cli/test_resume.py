"""Runs that are stopped, killed or damaged, and then continued: they must end like one that was left alone."""

import json
import os
import random
import re
import shutil
import signal
import sys

import pytest

from accumbens.cli.main import main
from accumbens.cli.run_view import RunView
from accumbens.runs.directory import RunDirectory
from accumbens.runs.tables import read_table

OPTIONS = {"parallel": ["--seeds", 2], "replay": [], "segments": []}
each = pytest.mark.parametrize("learner", ["parallel", "replay", "segments"])


@pytest.fixture
def whole(request, learner):
    """The run that was left alone."""
    return request.getfixturevalue(f"{learner}_run").path


@pytest.fixture
def command(learner, words, tmp_path):
    """The same run in a folder of this test, saved after every chunk."""
    options = [*OPTIONS[learner], "--output", tmp_path, "--name", "a", "--checkpoint-seconds", 0]
    return ["train", *words[learner], *options]


@pytest.fixture
def path(whole, tmp_path):
    return tmp_path.joinpath(*whole.parts[-3:])


def newest(path):
    return max((int(file.stem) for file in path.glob("checkpoints/*.ckpt")), default=-1)


def assert_same_end(path, whole):
    step = newest(whole)
    assert newest(path) == step
    final = f"checkpoints/{step:012d}.ckpt"
    assert (path / final).read_bytes() == (whole / final).read_bytes(), "parameters, optimiser, replay, keys, counters"
    for name in ("metrics.csv", "evaluations.csv"):
        mine, others = read_table(path / name), read_table(whole / name)
        for row in [*mine, *others]:
            row.pop("wall_seconds", None)
        assert mine == others
    for name in ("config.toml",):
        assert (path / name).read_bytes() == (whole / name).read_bytes()
    results = [json.loads((run / "meta.json").read_text())["result"] for run in (path, whole)]
    for result in results:
        for name in ("run", "wall_seconds", "steps_per_second", "session_steps", "train_seconds", "compile_seconds"):
            del result[name]
    assert results[0] == results[1]
    assert not list(path.glob("checkpoints/*.tmp"))


@each
def test_a_run_that_is_killed_again_and_again_ends_like_one_that_is_not(learner, whole, command, path, run_apart):
    command += ["--resume", "--quiet"]
    random_numbers = random.Random(learner)
    # Before the first checkpoint; then twice anywhere in a chunk: at its rows, checkpoint, folder or meta.json.
    for at_sync in (random_numbers.randint(4, 6), *(random_numbers.randint(60, 180) for _ in range(2))):
        before = newest(path)
        assert run_apart(command, at_sync) == -signal.SIGKILL
        assert before <= newest(path) < newest(whole)
    assert newest(path) > newest(whole) // 8
    assert run_apart(command) == 0
    assert_same_end(path, whole)
    sessions = [session["from_step"] for session in json.loads((path / "meta.json").read_text())["sessions"]]
    assert sessions[0] == 0
    assert sessions == sorted(sessions)
    assert sessions[-1] > newest(whole) // 8


@pytest.mark.parametrize("learner", ["replay"])
def test_ctrl_c_saves_and_resume_goes_on(learner, whole, command, path, run_apart, cli):
    command[command.index("--checkpoint-seconds") + 1] = 1000
    assert run_apart([*command, "--quiet"], at_sync=60, number=signal.SIGINT) == 130
    step = newest(path)
    assert 30 * 16 < step < newest(whole)
    assert read_table(path / "metrics.csv")[-1]["step"] == str(step), "the chunk was finished, and all of it is kept"
    assert cli("resume", path, "--quiet").code == 0
    assert_same_end(path, whole)


@pytest.mark.parametrize("learner", ["replay"])
@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_reader_that_leaves_stops_a_run_and_loses_nothing(learner, whole, command, path, option, cli, monkeypatch):
    """As in `accumbens train ... | head`: whatever is printed after the first evaluation has nobody to go to."""
    command[command.index("--checkpoint-seconds") + 1] = 1000
    reader, writer = os.pipe()
    evaluated = RunView.evaluated

    def leave_and_print(self, step, rows):
        if not self.left:
            os.close(reader)
            self.left = True
        evaluated(self, step, rows)

    with os.fdopen(writer, "w") as file, monkeypatch.context() as patch:
        patch.setattr(RunView, "left", False, raising=False)
        patch.setattr(RunView, "evaluated", leave_and_print)
        patch.setattr(sys, "stderr" if option else "stdout", file)
        with pytest.raises(SystemExit) as stop:
            main([*map(str, command), *option])
    assert stop.value.code == 130
    assert 0 < newest(path) < newest(whole)
    assert read_table(path / "metrics.csv")[-1]["step"] == str(newest(path))
    assert json.loads((path / "meta.json").read_text())["result"]["interrupted"] is True
    assert cli("resume", path, "--quiet").code == 0
    assert_same_end(path, whole)


@pytest.fixture
def press_ctrl_c(monkeypatch):
    """`press_ctrl_c(at_step, times)`: as a person would, when the bar shows that step for the first time."""

    def prepare(at_step, times=1):
        presses = [signal.SIGINT] * times

        def progress(self, step, mean_return, steps_per_second):
            while step == at_step and presses:
                signal.raise_signal(presses.pop())

        monkeypatch.setattr(RunView, "progress", progress)

    yield prepare
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("learner", ["parallel"])
def test_a_stopped_run_says_how_to_go_on(learner, whole, command, path, press_ctrl_c, cli):
    press_ctrl_c(at_step=640)
    outcome = cli(*command, "--track", "tensorboard", "--json")
    assert outcome.code == 130
    assert outcome.json["interrupted"] is True
    assert outcome.json["steps"] == newest(path) == 640
    assert outcome.json["eval_return"] == [], "there was no evaluation yet"
    assert "note: stopping after this chunk; Ctrl-C again stops at once, at the last checkpoint" in outcome.err
    assert "stopped, nothing is lost" in outcome.err
    assert "greedy return  –" in outcome.err
    assert f"continue       accumbens resume {path}\n" in outcome.err
    assert (path / "curve.png").is_file()

    outcome = cli("resume", path, "--json", "--track", "tensorboard")
    assert outcome.code == 0
    assert outcome.json["interrupted"] is False
    assert outcome.json["run"] == str(path)
    assert len(outcome.out.splitlines()) == 1
    assert "continue" not in outcome.err
    assert len(list((path / "tensorboard").iterdir())) == 2
    assert_same_end(path, whole)


@pytest.mark.parametrize("learner", ["parallel"])
def test_a_second_ctrl_c_stops_at_once_and_the_last_checkpoint_counts(learner, whole, command, path, press_ctrl_c, cli):
    press_ctrl_c(at_step=640, times=2)
    outcome = cli(*command)
    assert outcome.code == 130
    assert outcome.err == "stopped\n"
    assert newest(path) == 576
    assert cli("resume", path, "--quiet").code == 0
    assert_same_end(path, whole)


@pytest.fixture
def copy(whole, path):
    """A finished run whose last two checkpoints are there."""
    shutil.copytree(whole, path)
    assert len(list(path.glob("checkpoints/*.ckpt"))) == 2
    return path


def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def alter(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("learner", ["replay"])
@pytest.mark.parametrize(("damage", "said"), [(cut, "is truncated: "), (alter, "is altered: ")])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_used(learner, whole, copy, damage, said, cli):
    newer, older = (copy / f"checkpoints/{step:012d}.ckpt" for step in (newest(whole), newest(whole) - 16))
    damage(newer)
    shown = cli("evaluate", copy, "--num-episodes", 1, "--json")
    assert shown.code == 0
    assert shown.json["step"] == newest(whole) - 16
    outcome = cli("resume", copy)
    assert outcome.code == 0
    for text in (shown.err, outcome.out):
        assert f"note: {newer} {said}" in text
        assert f"; using {older.name} instead\n" in text
    assert_same_end(copy, whole)


@pytest.mark.parametrize("learner", ["replay"])
def test_without_a_good_checkpoint_there_is_nothing_to_go_on_from(learner, copy, cli):
    for file in copy.glob("checkpoints/*.ckpt"):
        cut(file)
    for command in ("resume", "evaluate"):
        outcome = cli(command, copy)
        assert outcome.code == 2
        assert outcome.out == ""
        assert outcome.err.startswith(f"error: there is no good checkpoint in {copy}/checkpoints\n")
        assert outcome.err.count("is truncated") == 2


@pytest.mark.parametrize("learner", ["replay"])
@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (
            os.remove,
            "cannot go on: the checkpoints that were in its checkpoints/ are gone. What else it left is as it was",
        ),
        (cut, "there is no good checkpoint in"),
    ],
    ids=["removed", "damaged"],
)
def test_a_run_without_its_checkpoints_is_neither_begun_anew_nor_made_longer(learner, copy, lost, said, cli):
    for file in copy.glob("checkpoints/*.ckpt"):
        lost(file)
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file() and file.name != ".lock"}
    length = 2 * json.loads((copy / "meta.json").read_text())["total"]
    outcome = cli("resume", copy, "--total-timesteps", length)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert said in outcome.err
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize("learner", ["replay"])
def test_a_damaged_configuration_is_refused(learner, copy, cli):
    cut(copy / "config.toml")
    outcome = cli("resume", copy)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: {copy}/config.toml cannot be read as a run's configuration: ")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("learner", ["replay"])
def test_a_run_is_continued_by_one_process_at_a_time(learner, copy, cli):
    with RunDirectory(copy).lock():
        (listed,) = cli("runs", copy, "--json").json
        assert re.fullmatch(r"running at step [\d,]+: process \d+ on .*", listed["state"])
        outcome = cli("resume", copy)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: process {os.getpid()} on ")
    assert outcome.err.endswith(f" is at work on the run {copy}\n")
