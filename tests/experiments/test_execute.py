"""Runs that are done, stopped, failing or of other settings. Training itself is played by a stand-in."""

import dataclasses
import shutil

import numpy as np
import pytest

from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.experiments import execute as module
from accumbens.experiments.execute import done, execute, is_of, progress_of, select
from accumbens.experiments.files import load
from accumbens.experiments.places import read_panels
from accumbens.experiments.plan import PlannedRun, alone
from accumbens.experiments.reporter import ExperimentReporter, OneProgram
from accumbens.runs.health import NotFiniteError
from accumbens.runs.origin import Origin
from accumbens.runs.reporter import Reporter
from accumbens.training.kind import AgentResult


class Notes:
    """An ExperimentReporter that remembers."""

    def __init__(self):
        self.seen = []

    def begun(self, program):
        self.seen += [("begun", run.variant) for run in program]

    def ended(self, run, result, skipped):
        self.seen.append(("skipped" if skipped else "ended", run.variant))

    def failed(self, run, reason):
        self.seen.append(("failed", run.variant, reason))

    def started(self, program, done): ...
    def progress(self, program, done, score, per_second): ...
    def message(self, text): ...


def result_of(config, path, interrupted=False):
    return AgentResult(
        **{"env": config.env, "algo": config.algo, "credit": config.settings.credit, "seeds": [0], "steps": 1},
        **{"final_return": [1.0], "eval_return": [1.0], "wall_seconds": 1.0, "steps_per_second": 1.0},
        **{"run": str(path), "interrupted": interrupted},
    )


@pytest.fixture
def experiment(document, write):
    document["variants"]["gain"] = {"forward_gain": 1.0}
    document["agents"]["ad_pqn"].append("gain")
    return load(str(write(document)), "desk")


@pytest.fixture
def trained(monkeypatch):
    """Let training return at once, or raise, or be interrupted: `trained[variant] = exception or True`."""
    what = {}

    def stand_in(kind, configs, report, *, out, names, checkpoint_seconds, origins, until):
        (config,), (name,) = configs, names
        happens = what.get(name)
        if isinstance(happens, Exception):
            raise happens
        return [result_of(config, kind.folder(config, out) / name, interrupted=happens is True)]

    monkeypatch.setattr(module, "start_or_resume_together", stand_in)
    return what


def test_notes_are_a_reporter():
    assert isinstance(Notes(), ExperimentReporter)
    assert isinstance(OneProgram(Notes(), alone(load("family", "smoke").runs)[0]), Reporter)


def test_a_run_is_told_on_in_the_unit_of_its_kind():
    seen = []

    class Watching(Notes):
        def started(self, program, done):
            seen.append(("started", done))

        def progress(self, program, done, score, per_second):
            seen.append((done, score, per_second))

        def message(self, text):
            seen.append(text)

    fit = dataclasses.replace(resolve_fit("digits", epochs=3), evaluations=3)  # epochs of 20 updates each
    run = OneProgram(Watching(), (PlannedRun(FITS, fit, "a"),))
    run.start(10, 60)
    run.progress(50, 0.25, 7.0)
    run.message("a note")
    assert seen == [("started", 0.5), (2.5, 0.25, 7.0), "a note"]


def test_what_is_done_is_skipped(experiment, trained, pretend, tmp_path):
    pretend(tmp_path, experiment.runs[1], [10.0, 30.0])
    notes = Notes()
    outcome = execute(alone(experiment.runs), tmp_path, notes)
    assert notes.seen == [
        ("skipped", "backprop"),
        *((how, name) for name in ("local", "gain") for how in ("begun", "ended")),
    ]
    assert len(outcome.results) == 3
    result = outcome.results["CartPole-v1/ad_pqn/backprop"]
    assert result.final_return == [10.0, 30.0]
    assert result.run == str(experiment.runs[1].directory(tmp_path).path)  # also when the folder has moved


def test_what_was_stopped_goes_on(experiment, trained, pretend, tmp_path):
    run = experiment.runs[0]
    pretend(tmp_path, run, [10.0, 30.0], step=512, result=False)
    assert done(tmp_path, run) is None
    assert progress_of(tmp_path, run) == 512
    notes = Notes()
    execute(alone([run]), tmp_path, notes)
    assert notes.seen == [("begun", "local"), ("ended", "local")]


@pytest.mark.parametrize(
    "error", [NotFiniteError("cell 1 is NaN"), OSError("disk full"), AccumbensError("no"), ValueError("v")]
)
def test_a_failure_does_not_keep_the_others_from_running(experiment, trained, tmp_path, error):
    trained["backprop"] = error
    notes = Notes()
    outcome = execute(alone(experiment.runs), tmp_path, notes)
    assert [seen[:2] for seen in notes.seen if seen[0] != "begun"] == [
        ("ended", "local"),
        ("failed", "backprop"),
        ("ended", "gain"),
    ]
    label = "CartPole-v1/ad_pqn/backprop"
    assert str(error) in outcome.failures[label]
    assert outcome.diverged == ({label} if isinstance(error, NotFiniteError) else set())
    assert len(outcome.results) == 2
    assert not outcome.interrupted


def test_ctrl_c_ends_the_experiment(experiment, trained, tmp_path):
    trained["backprop"] = True
    notes = Notes()
    outcome = execute(alone(experiment.runs), tmp_path, notes)
    assert outcome.interrupted
    assert list(outcome.results) == ["CartPole-v1/ad_pqn/local"]
    assert notes.seen[-1] == ("ended", "backprop")


def test_a_run_of_other_settings_is_left_alone(experiment, trained, pretend, tmp_path):
    run = experiment.runs[0]
    other = run._replace(config=dataclasses.replace(run.config, total_timesteps=4096))
    there = pretend(tmp_path, other, [1.0, 2.0])
    before = {path: path.read_bytes() for path in there.path.iterdir()}
    outcome = execute(alone(experiment.runs), tmp_path, Notes())
    assert "started with other settings (total_timesteps: 4096 there, 1024 asked)" in outcome.failures[run.label]
    assert {path: path.read_bytes() for path in there.path.iterdir()} == before
    assert len(outcome.results) == 2


def test_a_run_of_other_settings_is_not_in_the_table(experiment, trained, pretend, tmp_path):
    run, own = experiment.runs[:2]
    pretend(tmp_path, run._replace(config=dataclasses.replace(run.config, total_timesteps=4096)), [1.0, 2.0])
    pretend(tmp_path, own, [1.0, 2.0])
    assert [is_of(tmp_path, each) for each in experiment.runs[:2]] == [False, True]
    assert [begun.variant for panel in read_panels(experiment, tmp_path) for begun in panel.runs] == [own.variant]


def test_a_folder_of_runs_that_begin_from_others_may_be_moved(experiment, pretend, tmp_path):
    first, second = experiment.runs[:2]
    run = second._replace(origin=f"{first.kind.place(first.config)}/{first.kind.method(first.config)}/{first.variant}")
    here, moved = tmp_path / "here", tmp_path / "moved"
    pretend(here, first, [1.0, 2.0])
    pretend(here, run, [1.0, 2.0]).write_meta(**{"from": {"run": str(run.from_run(here))}})
    assert done(here, run) is not None
    shutil.move(here, moved)
    assert done(moved, run) is not None
    other = run._replace(origin="CartPole-v1/ad_pqn/another")
    assert not is_of(moved, other)


def test_an_environment_that_cannot_be_made_is_found_before_training(document, write, trained, tmp_path, monkeypatch):
    def refuse(config):
        raise AccumbensError("install it")

    monkeypatch.setattr("accumbens.training.plan.make_plan", refuse)
    notes = Notes()
    with pytest.raises(AccumbensError, match=r"install it\n\(--only PATTERN"):
        execute(alone(load(str(write(document)), "desk").runs), tmp_path, notes)
    assert notes.seen == []


@pytest.mark.parametrize("installed", [True, False])
def test_sac_that_is_not_installed_is_found_before_training(document, write, trained, tmp_path, monkeypatch, installed):
    def require():
        if not installed:
            raise AccumbensError("install SBX")

    monkeypatch.setattr("accumbens.training.sac_learner.require_sac", require)
    document |= {"environments": ["Pendulum-v1"], "agents": {"sac": ["own"]}, "settings": {}, "published": {}}
    document["variants"] = {"own": {}}
    runs = load(str(write(document)), "desk").runs
    if installed:
        assert len(execute(alone(runs), tmp_path, Notes()).results) == 1
    else:
        with pytest.raises(AccumbensError, match="install SBX"):
            execute(alone(runs), tmp_path, Notes())


def test_settings_that_do_not_fit_a_task_are_found_before_training(fits, write, tmp_path):
    fits["variants"]["2-co"]["partition"] = "sds"
    notes = Notes()
    with pytest.raises(AccumbensError, match=r"(?s)coagent on digits: partition=sds cannot.*\n\(--only PATTERN"):
        execute(alone(load(str(write(fits)), "desk").runs), tmp_path, notes)
    assert notes.seen == []


def test_patterns(experiment):
    assert select(experiment.runs, None) == list(experiment.runs)
    assert [run.variant for run in select(experiment.runs, "*/ad_pqn/*a*")] == ["local", "backprop", "gain"]
    assert [run.variant for run in select(experiment.runs, "*/local")] == ["local"]
    with pytest.raises(UnknownNameError, match="'breakout'"):
        select(experiment.runs, "breakout")


def test_a_run_without_rows_has_done_no_steps(experiment, tmp_path, pretend):
    assert progress_of(tmp_path, experiment.runs[0]) == 0
    there = pretend(tmp_path, experiment.runs[0], [np.nan, np.nan])
    header = there.metrics.read_text().splitlines()[0]
    there.metrics.write_text(header + "\n")
    assert progress_of(tmp_path, experiment.runs[0]) == 0
    shutil.rmtree(there.path)


def test_a_run_begins_from_another_that_is_at_its_end(experiment, tmp_path, monkeypatch):
    first, later = experiment.runs[0], experiment.runs[1]
    later = later._replace(origin=f"there/{first.label}")
    folder, begun = tmp_path / "here", []
    finished = result_of(later.config, folder / later.label)
    monkeypatch.setattr(
        module, "start_or_resume_together", lambda *_, origins, **__: begun.extend(origins) or [finished]
    )
    notes = Notes()
    outcome = execute(alone([later]), folder, notes)
    assert "which has to be run to its end before" in outcome.failures[later.label]
    first.kind.create(first.config, tmp_path / "there", first.variant)
    outcome = execute(alone([later]), folder, notes)
    assert "which has to be run to its end before" in outcome.failures[later.label]
    monkeypatch.setattr(type(first.kind), "recorded", lambda self, run: finished)
    assert not execute(alone([later]), folder, notes).failures
    assert begun == [Origin(str(tmp_path / "there" / first.label))]
    # What lies there has begun from nothing.
    later.kind.create(later.config, folder, later.variant)
    with pytest.raises(AccumbensError, match="from"):
        done(folder, later)
