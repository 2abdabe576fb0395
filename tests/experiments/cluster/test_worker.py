"""A worker and the desk without Ray between them: where files lie, who is too late, and who stops."""

import os
import signal
import sys

import pytest

from accumbens.errors import AccumbensError
from accumbens.experiments.cluster import worker as module
from accumbens.experiments.cluster.desk import Answer, Desk, Token, difference, versions
from accumbens.experiments.cluster.worker import Order, described, work
from accumbens.experiments.execute import Broken, Pace, execute
from accumbens.experiments.files import load
from accumbens.experiments.plan import alone
from accumbens.runs.health import NotFiniteError

AT_EVERY_CHUNK = Pace(checkpoint_seconds=0.0)


class Nobody:
    """An ExperimentReporter that tells nobody."""

    def begun(self, program): ...
    def started(self, program, done): ...
    def progress(self, program, done, score, per_second): ...
    def message(self, text): ...
    def ended(self, run, result, skipped): ...
    def failed(self, run, reason): ...


@pytest.fixture
def programs(small):
    return alone(load("small.toml", "smoke").runs)


@pytest.fixture
def order(programs, small, monkeypatch):
    """`order(index, folder, **changes)`: as `OnRay` gives it, with the token in place."""
    monkeypatch.setattr(sys, "argv", ["accumbens", "experiment", "small.toml"])
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(index, folder, **changes):
        token = Token(".token", "secret")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / token.name).write_text(token.text)
        asked = {"number": index, "attempt": 1, "runs": described(programs[index]), "folder": str(folder)}
        asked |= {"command": tuple(sys.argv), "from_folder": os.getcwd(), "token": token, "versions": versions()}
        asked |= {"pace": AT_EVERY_CHUNK}
        return Order(**asked | changes)

    return call


@pytest.fixture
def desk(programs):
    return lambda folder: Desk(str(folder.absolute()), [[run.label for run in program] for program in programs])


def told(desk):
    return [(event.name, *event.values[:1]) for event in desk.heard()]


@pytest.mark.parametrize("absolute", [False, True])
def test_in_a_shared_folder_and_carried_the_files_are_those_of_a_local_run(
    programs, order, desk, small, tmp_path, monkeypatch, learned, absolute
):
    """With a checkpoint after every chunk, so that every one of them is carried."""
    folders = {name: small / name / "runs" for name in ("here", "shared", "carried")}
    for name, folder in folders.items():
        (small / name).mkdir()
        monkeypatch.chdir(small / name)
        asked = folder if absolute else folder.relative_to(small / name)
        if name == "here":
            execute(programs[:2], asked, Nobody(), AT_EVERY_CHUNK)
            continue
        office = desk(asked)
        token = {} if name == "shared" else {"token": None}
        first, bad = (work(order(index, asked, **token), office) for index in range(2))
        monkeypatch.chdir(small / name)
        assert [result.run for result in first] == [str(asked / programs[0][0].label)]
        (error,) = bad
        assert isinstance(error, NotFiniteError)
        assert "cell 1 of seed 0" in str(error)
        (asked / ".token").unlink()
        assert ("started", 0.0) in told(office)
    here, shared, carried = (learned(folder) for folder in folders.values())
    assert len(here) > 8
    moved = {name: value for name, value in here.items() if not name.endswith("meta.json")}
    for other in (shared, carried):
        assert set(other) == set(here)
        assert {name: other[name] for name in moved} == moved
    assert not list(tmp_path.glob("accumbens-*"))


def test_a_run_that_was_carried_goes_on_elsewhere(programs, order, desk, small, learned, monkeypatch):
    """The first worker is lost after its third checkpoint, without a word; the second goes on from there."""
    execute(programs[:1], small / "here", Nobody(), AT_EVERY_CHUNK)
    folder, office = small / "there", desk(small / "there")
    stored = []

    class Lost(BaseException):
        """No code of the worker's gets to see that."""

    def store(index, attempt, parcels):
        answer = Desk.store(office, index, attempt, parcels)
        stored.append(attempt)
        if len(stored) == 3:
            raise Lost
        return answer

    office.store = store
    with pytest.raises(Lost):
        work(order(0, folder, token=None), office)
    monkeypatch.chdir(small)
    left = programs[0][0].directory(folder)
    assert left.has_learned()
    assert left.read_meta()["sessions"][0]["from_step"] == 0
    (result,) = work(order(0, folder, token=None, attempt=2), office)
    assert not result.interrupted
    steps = [session["from_step"] for session in left.read_meta()["sessions"]]
    assert len(steps) == 2
    assert 0 < steps[1] < 4096
    here, there = learned(small / "here"), learned(folder)  # where it went on there is a snapshot more
    assert all(there[name] == here[name] for name in here if not name.endswith("meta.json"))


def test_who_was_believed_lost_leaves_off(order, desk, small, programs):
    """A second attempt has begun while the first is at work: nothing of the first counts from then on."""
    folder, office = small / "runs", desk(small / "runs")
    tell = office.tell

    def taken_over(index, attempt, name, values):
        office.begin(index, 2, "another")
        return tell(index, attempt, name, values)

    office.tell = taken_over
    found = work(order(0, folder, token=None), office)
    assert isinstance(found, Broken)
    assert found.short == "another worker has taken over"
    assert not programs[0][0].directory(folder).path.exists()
    assert office.store(0, 1, []) is Answer.TOO_LATE
    assert [event.attempt for event in office.heard() if event.name != "begun"] == []


@pytest.fixture
def no_ctrl_c():
    """Ray's workers block that signal."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_a_stop_saves_and_ends(order, desk, small, programs, monkeypatch, no_ctrl_c):
    folder, office = small / "runs", desk(small / "runs")
    monkeypatch.setattr(module, "_SECONDS_BETWEEN", 0.0)
    tell = office.tell

    def stopping(index, attempt, name, values):
        if name == "progress":
            office.stop()
        return tell(index, attempt, name, values)

    office.tell = stopping
    (result,) = work(order(0, folder, token=None, pace=Pace()), office)
    assert result.interrupted
    assert programs[0][0].directory(folder).has_learned()
    assert "stopping" not in str(told(office))
    assert work(order(1, folder, token=None), office) is None  # not begun at all


def test_another_process_at_work_is_not_disturbed(order, desk, small, programs):
    folder, office = small / "runs", desk(small / "runs")
    work(order(0, folder, token=None, pace=Pace(until=0.5)), office)
    office.free(0)
    with programs[0][0].directory(folder).lock(), pytest.raises(AccumbensError, match="is at work on the run"):
        office.fetch(0, [], module.Moved("/a", "/a"))


def test_machines_of_other_versions_are_refused(order, desk, small):
    asked = order(0, small / "runs", versions=versions() | {"jax": "0.0.1"})
    found = work(asked, desk(small / "runs"))
    assert isinstance(found, Broken)
    assert f"other versions: jax {versions()['jax']} there, 0.0.1 here" in found.short
    assert difference(versions(), "any", versions()) == ""


def test_a_folder_without_the_token_is_not_that_of_the_experiment(small):
    (small / ".token").write_text("another")
    assert not Token(".token", "secret").seen_in(small)
    assert not Token(".token", "secret").seen_in(small / "absent")
