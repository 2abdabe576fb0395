"""Trackers. What TensorBoard gets is compared with the tables in the tests of the command line."""

import json
import os
import sys
from types import SimpleNamespace

import pytest

from accumbens.errors import AccumbensError
from accumbens.runs.directory import RunDirectory
from accumbens.runs.tracking import Tracker, make_tracker, require_tracker


class FakeWandb:
    """Records what the package would be asked."""

    def __init__(self):
        self.started, self.logged, self.finished = None, [], False

    def init(self, **arguments):
        self.started = arguments
        return self

    def log(self, numbers, step):
        self.logged.append((step, numbers))

    def finish(self):
        self.finished = True


@pytest.fixture
def wandb(monkeypatch):
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    return fake


@pytest.fixture
def run(tmp_path):
    return made(tmp_path / "mine")


def made(path):
    path.mkdir()
    run = RunDirectory(path)
    run.write_meta(sessions=[])
    return run


def test_no_tracker_is_the_default(run):
    require_tracker(None)
    assert make_tracker(None, run, {}, 0) is None
    assert list(run.path.iterdir()) == [run.meta]


@pytest.mark.parametrize("kind", ["tensorboard", "wandb"])
def test_a_missing_package_is_named_with_its_remedy(kind, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AccumbensError, match=rf"--track {kind} needs a package .* 'uv sync --extra {kind}'"):
        require_tracker(kind)


def test_a_package_that_is_there_is_accepted(monkeypatch):
    asked = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: asked.append(name) or SimpleNamespace())
    require_tracker("tensorboard")
    require_tracker("wandb")
    assert asked == ["tensorboardX", "wandb"]


def test_wandb_gets_the_configuration_and_the_numbers(wandb, run):
    tracker = make_tracker("wandb", run, {"run": {"seed": 3}}, 0)
    assert isinstance(tracker, Tracker)
    tracker.log(64, {"seed0/loss_1": 0.5})
    assert not wandb.finished
    tracker.close()
    assert wandb.finished
    assert wandb.logged == [(64, {"seed0/loss_1": 0.5})]
    assert wandb.started == {
        "project": "accumbens",
        "name": "mine",
        "id": run.read_meta()["wandb"],
        "resume": "allow",
        "dir": str(run.path),
        "config": {"run": {"seed": 3}},
        "mode": "offline",
    }


def test_a_run_that_is_continued_is_the_same_run_there(wandb, run, tmp_path):
    make_tracker("wandb", run, {}, 0)
    first = wandb.started["id"]
    make_tracker("wandb", run, {}, 64)
    assert wandb.started["id"] == first
    make_tracker("wandb", made(tmp_path / "another"), {}, 0)
    assert wandb.started["id"] != first


@pytest.mark.parametrize(
    ("variables", "mode"),
    [
        ({}, "offline"),
        ({"WANDB_API_KEY": "secret"}, "online"),
        ({"WANDB_API_KEY": "secret", "WANDB_MODE": "offline"}, "offline"),
        ({"WANDB_MODE": "disabled"}, "disabled"),
    ],
)
def test_wandb_works_offline_unless_there_is_a_login(wandb, run, monkeypatch, variables, mode):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    make_tracker("wandb", run, {}, 0)
    assert wandb.started["mode"] == mode


def test_the_real_wandb_writes_a_run_offline(run, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    tracker = make_tracker("wandb", run, json.loads('{"run": {"seed": 3}}'), 0)
    tracker.log(64, {"seed0/loss_1": 0.5})
    tracker.close()
    assert any(name.endswith(".wandb") for _, _, files in os.walk(run.path / "wandb") for name in files)
