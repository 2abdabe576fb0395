"""A fit as a whole: the same again, seeds side by side, when it is evaluated, and what is refused."""

import dataclasses
import json
import re

import numpy as np
import pytest

from accumbens.credit.config import resolve_fit
from accumbens.credit.job import Fitting
from accumbens.credit.kind import FITS
from accumbens.credit.networks.conventional import Conventional
from accumbens.credit.registry import RULES, register_rule
from accumbens.credit.tasks.settings import FileSettings
from accumbens.errors import AccumbensError
from accumbens.runs import launch
from accumbens.runs.directory import RunDirectory
from accumbens.runs.health import NotFiniteError
from accumbens.runs.snapshots import snapshot_steps
from accumbens.runs.tables import read_table

PER_EPOCH = 7
"""Updates: 72 of 120 examples are learned from, 10 at once."""


def write_examples(path, shift=0.0):
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    x = rng.normal(size=(120, 4)) + 2 * rng.normal(size=(3, 4))[y]
    x[0] += shift
    np.savez(path, x=x, y=y)
    return str(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("data") / "heaps.npz")


def config_of(task, rule="backprop", changes=None, **numbers):
    numbers = {"layers": (5,), "epochs": 3, "seed": 4, "seeds": 3} | numbers
    return resolve_fit(task, rule, **numbers, changes={"batch_size": "10", "learning_rate": "0.01"} | (changes or {}))


def without_time(path):
    rows = read_table(path / "metrics.csv")
    for row in rows:
        del row["wall_seconds"]
    return rows


def newest_checkpoint(path):
    return max((path / "checkpoints").glob("*.ckpt")).read_bytes()


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A fit of three seeds, and what it told."""
    told = []

    class Listening:
        def preparing(self, kind, config, run):
            told.append(("preparing", run))

        def projected(self, *numbers):
            told.append(("projected", *numbers))

        def start(self, *numbers):
            told.append(("start", *numbers))

        def progress(self, update, loss, updates_per_second):
            told.append(("progress", update))

        def evaluated(self, update, rows):
            told.append(("evaluated", rows))

        def message(self, text):
            told.append(("message", text))

    result = launch.start(FITS, config_of(data), Listening(), out=tmp_path_factory.mktemp("runs"), name="a")
    return result, RunDirectory(told[0][1]), told


def test_what_a_fit_comes_to(whole):
    result, run, told = whole
    assert run.path.parts[-3:] == ("heaps", "backprop", "a")
    assert (result.seeds, result.updates, result.epochs) == ([4, 5, 6], 3 * PER_EPOCH, 3.0)
    assert not result.interrupted
    rows = read_table(run.metrics)
    for name in ("valid_accuracy", "test_accuracy", "valid_loss", "test_loss"):
        assert getattr(result, name) == [float(row[name]) for row in rows[-3:]]
    assert min(result.test_accuracy) > 0.6
    assert FITS.recorded(run) == result
    meta = run.read_meta()
    assert meta["data_sha256"] == Fitting(config_of(str(FITS.open(run.path)[1].task))).task.digest
    assert meta["task"]["inputs"] == 4
    assert meta["task"]["notes"] == ["the target's 3 classes, from 0: 0, 1, 2"]
    assert ("message", meta["task"]["notes"][0]) in told
    assert snapshot_steps(run) == [0, 21]
    assert run.curve.stat().st_size > 10_000


def test_it_is_told_as_it_happens(whole):
    _, run, told = whole
    assert [event[0] for event in told][:2] == ["preparing", "message"]
    assert told[2][0] == "projected"
    assert told[3] == ("start", 0, 21)
    updates = [event[1] for event in told if event[0] == "progress"]
    assert updates == sorted(set(updates))
    assert updates[-1] == 21
    evaluated = [row for event in told if event[0] == "evaluated" for row in event[1]]
    assert [{key: str(value) for key, value in row.items()} for row in evaluated] == read_table(run.metrics)


def test_it_is_evaluated_before_the_first_update_and_after_the_last(whole):
    rows = read_table(whole[1].metrics)
    assert [(int(row["step"]), int(row["seed"])) for row in rows] == [(s, i) for s in (0, 7, 14, 21) for i in (4, 5, 6)]
    assert [float(row["epoch"]) for row in rows] == [epoch for epoch in (0, 1, 2, 3) for _ in range(3)]
    assert [row["learning_loss"] == "nan" for row in rows] == [True] * 3 + [False] * 9
    assert list(rows[0])[:4] == ["step", "seed", "epoch", "learning_loss"]
    layers = [f"{name}_{i}" for name in ("angle", "sign_agreement", "update_norm") for i in (1, 2)]
    assert [name for name in rows[0] if name[-1].isdecimal()] == [*layers, "entropy_1", "sparsity_1"]


@pytest.mark.parametrize(
    ("evaluations", "steps"), [(1, [0, 14]), (4, [0, 4, 7, 10, 14]), (14, range(15)), (99, range(15))]
)
def test_evaluations_are_evenly_spread(data, evaluations, steps, tmp_path, reporter):
    launch.start(FITS, config_of(data, epochs=2, seeds=1, evaluations=evaluations), reporter, out=tmp_path, name="a")
    assert [rows[0]["step"] for rows in reporter.rows] == list(steps)
    epochs = [rows[0]["epoch"] for rows in reporter.rows]
    np.testing.assert_allclose(epochs, np.array(steps) / PER_EPOCH)


def test_the_same_again_is_the_same_to_the_bit(whole, data, tmp_path, reporter):
    launch.start(FITS, config_of(data), reporter, out=tmp_path, name="again")
    path = tmp_path / "heaps" / "backprop" / "again"
    assert without_time(path) == without_time(whole[1].path)
    assert newest_checkpoint(path) == newest_checkpoint(whole[1].path)


def test_a_seed_alone_is_the_seed_among_others(whole, data, tmp_path, reporter):
    launch.start(FITS, config_of(data, seed=5, seeds=1), reporter, out=tmp_path, name="alone")
    alone = without_time(tmp_path / "heaps" / "backprop" / "alone")
    among = [row for row in without_time(whole[1].path) if row["seed"] == "5"]
    assert len(alone) == len(among) == 4
    for one, other in zip(alone, among, strict=True):
        for name in one:
            np.testing.assert_allclose(float(one[name]), float(other[name]), rtol=1e-4, atol=2e-3, err_msg=name)


def test_seeds_differ(whole):
    rows = without_time(whole[1].path)
    for step in ("0", "21"):
        assert len({row["test_loss"] for row in rows if row["step"] == step}) == 3


def test_a_run_is_never_overwritten(whole, data, reporter):
    path = whole[1].path
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with pytest.raises(AccumbensError, match=r"the run .*/a exists already; choose another --name, or continue it"):
        launch.start(FITS, config_of(data), reporter, out=path.parents[2], name="a")
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    assert {other.name for other in path.parent.iterdir()} == {"a"}


def test_a_finished_fit_is_not_fitted_again(whole, data, reporter):
    result, run, _ = whole
    again = launch.start_or_resume(FITS, config_of(data), reporter, out=run.path.parents[2], name="a")
    assert again == result
    assert reporter.notes == [f"the run {run.path} is complete"]
    other = config_of(data, epochs=4, changes={"learning_rate": "0.02"})
    message = r"other settings \(epochs: 3 there, 4 asked; evaluations: 3 there, 4 asked; learning_rate: 0.01 there"
    with pytest.raises(AccumbensError, match=message):
        launch.start_or_resume(FITS, other, reporter, out=run.path.parents[2], name="a")


class StopAfter:
    """A reporter that stops the fit at a moment, as a power cut would."""

    class PowerCutError(Exception):
        pass

    def __init__(self, evaluations):
        self.left = evaluations

    def preparing(self, kind, config, run): ...

    def projected(self, *numbers): ...

    def start(self, *numbers): ...

    def progress(self, *numbers): ...

    def message(self, text): ...

    def evaluated(self, update, rows):
        self.left -= 1
        if self.left == 0:
            raise self.PowerCutError


@pytest.mark.parametrize("evaluations", [1, 2, 4])
def test_what_was_being_written_is_written_again(whole, data, evaluations, tmp_path, reporter, monkeypatch):
    monkeypatch.setattr(RunDirectory, "remove", lambda run: None)  # a power cut tidies nothing up
    with pytest.raises(StopAfter.PowerCutError):
        launch.start(FITS, config_of(data), StopAfter(evaluations), out=tmp_path, name="a", checkpoint_seconds=0.0)
    path = tmp_path / "heaps" / "backprop" / "a"
    metrics = path / "metrics.csv"
    metrics.write_text(metrics.read_text()[:-30])  # the last row is cut short
    assert FITS.recorded(RunDirectory(path)) is None
    result = launch.resume(FITS, path, reporter)
    assert without_time(path) == without_time(whole[1].path)
    assert newest_checkpoint(path) == newest_checkpoint(whole[1].path)
    assert result.test_accuracy == whole[0].test_accuracy
    assert len(RunDirectory(path).read_meta()["sessions"]) == 2


def test_other_data_are_refused(tmp_path, reporter):
    task = write_examples(tmp_path / "heaps.npz")
    with pytest.raises(StopAfter.PowerCutError):
        launch.start(FITS, config_of(task, seeds=1), StopAfter(2), out=tmp_path, name="a", checkpoint_seconds=0.0)
    path = tmp_path / "heaps" / "backprop" / "a"
    write_examples(tmp_path / "heaps.npz", shift=0.5)
    with pytest.raises(AccumbensError, match=r"the data are not those that .*/a was started with: their SHA-256 diff"):
        launch.resume(FITS, path, reporter)
    write_examples(tmp_path / "heaps.npz")
    assert launch.resume(FITS, path, reporter).updates == 21


def test_data_that_are_gone_are_missed(tmp_path, reporter):
    missing = str(tmp_path / "nothing.csv")
    with pytest.raises(AccumbensError, match=r"nothing.csv does not exist, or is not a file"):
        launch.start(FITS, config_of(missing), reporter, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("optimiser", ["sgd", "rmsprop"])
def test_numbers_that_stop_being_finite_are_named(data, optimiser, tmp_path, reporter):
    config = config_of(data, changes={"learning_rate": "1e30", "optimiser": optimiser})
    with pytest.raises(NotFiniteError, match=r"(layer \d of|the loss of) seed 4 is no longer finite .*at update \d+"):
        launch.start(FITS, config, reporter, out=tmp_path, name="a")
    assert list(tmp_path.iterdir()) == [], "nothing was learned"


def test_nothing_is_compiled_twice(data, tmp_path, reporter):
    traced, at_first = [], []

    def make(settings, facts):
        rule = RULES["backprop"].make(settings, facts)

        def update(*arguments):
            traced.append(arguments)
            return rule.update(*arguments)

        return rule._replace(update=update)

    name = register_rule("counted", make, dataclasses.replace(RULES["backprop"].settings))
    evaluated = type(reporter).evaluated

    class Counting(type(reporter)):
        def evaluated(self, update, rows):
            at_first.append(len(traced))
            evaluated(self, update, rows)

    # By then, the loop and the evaluation are compiled.
    with pytest.raises(KeyboardInterrupt):
        launch.start(
            FITS, config_of(data, name), _Interrupting(Counting()), out=tmp_path, name="a", checkpoint_seconds=0.0
        )
    assert len(at_first) == 3
    assert len(set(at_first)) == 1
    traced.clear()
    at_first.clear()
    path = tmp_path / "heaps" / name / "a"
    launch.resume(FITS, path, Counting(), checkpoint_seconds=0.0)
    assert len(at_first) == 2
    assert len(set(at_first)) == 1


class _Interrupting:
    """Passes on what it is told, and presses Ctrl-C twice after the third evaluation."""

    def __init__(self, other):
        self.other, self.number = other, 0

    def __getattr__(self, name):
        return getattr(self.other, name)

    def preparing(self, kind, config, run): ...

    def projected(self, *numbers): ...

    def start(self, *numbers): ...

    def progress(self, *numbers): ...

    def message(self, text): ...

    def evaluated(self, update, rows):
        self.other.evaluated(update, rows)
        self.number += 1
        if self.number == 3:
            raise KeyboardInterrupt


def test_a_fit_is_worked_on_by_one_process_at_a_time(whole, reporter):
    _, run, _ = whole
    with run.lock(), pytest.raises(AccumbensError, match=r"process \d+ on .* \(since .*\) is at work on the run"):
        launch.resume(FITS, run.path, reporter)


def test_what_is_no_fit(tmp_path, reporter):
    with pytest.raises(AccumbensError, match="there is no run at"):
        launch.resume(FITS, tmp_path / "nowhere", reporter)
    with pytest.raises(AccumbensError, match=r"config.toml does not exist: not a run directory"):
        launch.resume(FITS, tmp_path, reporter)


def test_more_epochs_than_can_be_counted(data):
    message = "epochs=400000000 cannot be used: it must be from 1 to 306783378 of this task"
    with pytest.raises(AccumbensError, match=re.escape(message)):
        Fitting(config_of(data, epochs=400_000_000))


class Undiagnosed(Conventional):
    def activities(self, x):
        return self.no_such_name


def test_users_parts_that_raise_are_told_with_their_lines_before_anything_runs(data):
    def make(settings, facts):
        rule = RULES["backprop"].make(settings, facts)
        return rule._replace(init=lambda key: (Undiagnosed.create(settings, facts, key), ()))

    config = config_of(data, register_rule("undiagnosed", make))
    with pytest.raises(
        AccumbensError, match=r"with rule=.*undiagnosed does not work: AttributeError: .*\n.*activities\n"
    ):
        Fitting(config)
    config = config_of(data, register_rule("unmade", lambda settings, facts: [][1]))
    with pytest.raises(AccumbensError, match=r"unmade' cannot be made: IndexError: .*\n.*test_fit.py, line \d+, in "):
        Fitting(config)


def test_settings_of_the_file_count(data, tmp_path, reporter):
    result = launch.start(
        FITS, config_of(data, changes={"kind": "regression", "valid_fraction": "0.4"}), reporter, out=tmp_path, name="a"
    )
    assert result.test_accuracy == []
    assert min(result.test_loss) > 0
    config = FITS.open(tmp_path / "heaps" / "backprop" / "a")[1]
    assert config.task_settings == FileSettings(kind="regression", valid_fraction=0.4)
    assert json.loads((tmp_path / "heaps" / "backprop" / "a" / "meta.json").read_text())["task"]["target_scale"]
