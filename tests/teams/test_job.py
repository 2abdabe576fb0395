"""Runs of teams: the same to the bit when stopped and resumed, and again; what is recorded; where they begin."""

import csv
import json
import math

import jax
import numpy as np
import pytest

from accumbens.envs.teams import registry
from accumbens.envs.teams.protocol import HostTeam, Seen, TeamFacts, TeamStep
from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints, launch
from accumbens.runs.directory import RunDirectory
from accumbens.runs.experimenting import Panel, read_begun
from accumbens.runs.health import NotFiniteError
from accumbens.runs.origin import parse_origin
from accumbens.runs.snapshots import snapshot_path
from accumbens.teams.config import resolve_team_config
from accumbens.teams.experimenting import EXPERIMENTING
from accumbens.teams.job import Teaming
from accumbens.teams.kind import TEAMS

from .conftest import make_drift

PLACE = "drifting"
TINY = {"context": 3, "width": 4, "blocks": 1, "batch_size": 8}
DISTILLED = TINY | {"teacher_updates": 6, "mapping_period": 3, "mapping_width": 4}
NUMBERS = {"updates": 9, "seeds": 2, "evaluations": 3, "num_eval_episodes": 4}


class Quiet:
    """A reporter that remembers evaluations and messages, and presses Ctrl-C after one of them, if told to."""

    def __init__(self, stop_at=None):
        self.rows, self.messages, self.stop_at = [], [], stop_at

    def __getattr__(self, name):
        return lambda *arguments: None

    def message(self, text):
        self.messages.append(text)

    def evaluated(self, step, rows):
        self.rows.append((step, rows))
        if len(self.rows) == self.stop_at:
            raise KeyboardInterrupt


@pytest.fixture(scope="module", autouse=True)
def place():
    registry.register_team(PLACE, lambda: make_drift(limit=12))


def config_of(algo="distilled", data="random:12", changes=None, **numbers):
    changes = {"distilled": DISTILLED}.get(algo, TINY) if changes is None else changes
    changes = {key: str(value) for key, value in changes.items()}
    return resolve_team_config(PLACE, algo, data=data, changes=changes, **NUMBERS | numbers)


def started(folder, config=None, reporter=None, **options):
    config = config or config_of()
    launch.start(TEAMS, config, reporter or Quiet(), out=folder, name="a", **options)
    return RunDirectory(TEAMS.folder(config, folder) / "a")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return started(tmp_path_factory.mktemp("whole"))


def rows_of(run):
    with run.metrics.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "wall_seconds"} for row in csv.DictReader(file)]


def assert_same(one, two):
    assert rows_of(one) == rows_of(two)
    ends = [checkpoints.newest(run.checkpoints) for run in (one, two)]
    assert ends[0].name == ends[1].name
    assert ends[0].read_bytes() == ends[1].read_bytes()


def test_the_same_run_again_is_the_same_to_the_bit(whole, tmp_path):
    assert_same(started(tmp_path), whole)


@pytest.mark.parametrize("at", [2, 3])
def test_stopped_and_resumed_it_is_the_same_to_the_bit(at, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        started(tmp_path, reporter=Quiet(at + 1), checkpoint_seconds=0.0)
    path = TEAMS.folder(config_of(), tmp_path) / "a"
    assert int(checkpoints.newest(path / "checkpoints").stem) < 15
    launch.resume(TEAMS, path, Quiet())
    assert_same(RunDirectory(path), whole)


def test_what_is_recorded(whole):
    rows = rows_of(whole)
    assert [int(row["step"]) for row in rows] == [0, 0, 9, 9, 12, 12, 15, 15], "6 of the teacher, then thirds of 9"
    assert [int(row["seed"]) for row in rows] == [0, 1] * 4
    assert all(math.isnan(float(row[name])) for row in rows[:2] for name in ("learning_loss", "teacher_loss"))
    for row in rows[2:]:
        assert 0 < float(row["learning_loss"]) < 3
        assert math.isfinite(float(row["relation_loss"]))
        assert math.isnan(float(row["teacher_loss"])) == (int(row["step"]) > 9)
    for row, first in zip(rows[2:4], rows[:2], strict=True):  # means over 3 and 6 updates, of which none helps yet
        for name in ("learning_loss", "teacher_loss"):
            assert float(row[name]) == pytest.approx(float(first["valid_loss"]), rel=0.25)
    for row in rows:
        assert 0 <= float(row["valid_accuracy"]) <= 1
        assert all(0 <= float(row[f"angle_{i}"]) <= 180 for i in (1, 2, 3))
        assert 0 <= float(row["won"]) <= 1
        assert 1 <= float(row["mean_length"]) <= 12
    meta = whole.read_meta()
    assert meta["team"]["agents"] == ["a", "b", "c"]
    assert meta["scale"]["steps"] == 12
    assert len(meta["data_sha256"]) == 64


def test_result(whole):
    result = TEAMS.recorded(whole)
    last = rows_of(whole)[-2:]
    assert result.mean_return == [float(row["mean_return"]) for row in last]
    assert result.updates == 15
    summary, line = TEAMS.summary(result), TEAMS.line(result)
    assert "greedy" in summary["return"]
    assert "%" in summary["won"]
    assert line.startswith("return")


def test_seeds_side_by_side_are_seeds_alone(whole, tmp_path):
    alone = started(tmp_path, config_of(seed=1, seeds=1))
    both = checkpoints.restore(*_snapshot(whole, config_of()))[0]
    one = checkpoints.restore(*_snapshot(alone, config_of(seed=1, seeds=1)))[0]
    for side, single in zip(jax.tree.leaves(both), jax.tree.leaves(one), strict=True):
        np.testing.assert_allclose(side[1], single[0], rtol=2e-3, atol=2e-5)
        assert (side[0] != side[1]).any() or side[0].ndim == 1, "but for gains, which all begin with 1"


def _snapshot(run, config):
    job = Teaming(config)
    return snapshot_path(run, None), jax.eval_shape(job.networks, job.like())


def test_an_evaluation_is_of_the_networks_as_they_are(whole):
    job = Teaming(config_of())
    state = job.init()
    one, two = job.play(state, 0, 3), job.play(state, 1, 3)
    np.testing.assert_array_equal(one.seeds, two.seeds)
    np.testing.assert_array_equal(one.observation[:, 0], two.observation[:, 0])
    first = [float(row["mean_return"]) for row in rows_of(whole)[:2]]
    again = [job.play(state, index, 4).returns().mean() for index in (0, 1)]
    assert first == pytest.approx(again)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return started(tmp_path_factory.mktemp("teacher"), config_of("teacher", updates=3))


def test_students_that_are_given_a_teacher_do_not_train_it(teacher, tmp_path):
    run = started(tmp_path, origin=parse_origin(str(teacher.path)))
    given, _ = checkpoints.restore(*_snapshot(teacher, config_of("teacher", updates=3)))
    config = config_of()
    networks, step = checkpoints.restore(*_snapshot(run, config))
    assert step == 15
    for one, two in zip(jax.tree.leaves(given.team), jax.tree.leaves(networks.teacher), strict=True):
        np.testing.assert_array_equal(one, two)
    rows = rows_of(run)
    assert [int(row["step"]) for row in rows if row["seed"] == "0"][-3:] == [9, 12, 15]
    assert all(math.isnan(float(row["teacher_loss"])) for row in rows)
    assert int(rows[0]["step"]) == config.settings.teacher_updates, "it is evaluated before its own first update"
    assert TEAMS.recorded(run).session_steps == 9
    job = Teaming(config)
    fresh = job.init()
    begun = job.begin_from(job.init(), given)
    assert int(begun.update) == 6
    following = job.learn(job.begin_from(job.init(), given), 1)
    assert math.isnan(Teaming(config).evaluate(following, 0)[1][0]["teacher_loss"]), "of a run that was resumed, too"
    for one, two in zip(
        jax.tree.leaves(fresh.seeds.networks.team), jax.tree.leaves(begun.seeds.networks.team), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_what_a_team_cannot_begin_from(teacher, whole, tmp_path):
    with pytest.raises(AccumbensError):
        started(tmp_path, config_of("idt"), origin=parse_origin(str(teacher.path)))
    wider = config_of(changes=DISTILLED | {"width": 8})
    with pytest.raises(AccumbensError):
        started(tmp_path, wider, origin=parse_origin(str(teacher.path)))
    assert not list(tmp_path.rglob("config.toml"))


@pytest.mark.parametrize("algo", ["iql-cql", "ipqn"])
def test_action_values(algo, tmp_path):
    small = (
        {"layers": "4", "num_envs": 2, "rollout_length": 4, "num_minibatches": 2}
        if algo == "ipqn"
        else {"layers": "4", "batch_size": 8}
    )
    config = config_of(algo, "" if algo == "ipqn" else "random:12", small, updates=4, evaluations=2, seeds=1)
    with pytest.raises(KeyboardInterrupt):
        started(tmp_path, config, Quiet(2), checkpoint_seconds=0.0)
    path = TEAMS.folder(config, tmp_path) / "a"
    launch.resume(TEAMS, path, Quiet())
    assert_same(RunDirectory(path), started(tmp_path / "again", config))
    rows = rows_of(RunDirectory(path))
    assert [int(row["step"]) for row in rows] == [0, 2, 4]
    assert math.isfinite(float(rows[-1]["mean_value"]))
    if algo == "ipqn":
        assert [float(row["env_steps"]) for row in rows] == [0, 16, 32]


def test_other_data_than_a_run_was_started_with(whole, tmp_path):
    run = started(tmp_path, config_of("bc", seeds=1), Quiet())
    meta = json.loads(run.meta.read_text())
    run.write_meta(data_sha256="0" * 64, result=None)
    newest = checkpoints.newest(run.checkpoints)
    assert meta["data_sha256"] != "0" * 64
    newest.rename(newest.with_name(checkpoints.file_name(8)))
    with pytest.raises(AccumbensError, match=r"the data are not those that .* was started with"):
        launch.resume(TEAMS, run.path, Quiet())


def test_data_of_another_environment():
    with pytest.raises(AccumbensError, match=r"data=random:x cannot be used: expected random:N"):
        Teaming(config_of(data="random:x"))
    with pytest.raises(AccumbensError, match=r"data=random:0 cannot be used"):
        Teaming(config_of(data="random:0"))
    from accumbens.teams.sources import require_same

    here = make_drift().facts
    with pytest.raises(AccumbensError, match=r"DATA is not of team/drift: 3 agents there, 2 in .*; 9 actions there, 5"):
        require_same(here._replace(num_actions=9), here._replace(agents=("a", "b")), "DATA")


def test_a_target_beyond_the_data_is_said(whole):
    job = Teaming(config_of("idt", changes=TINY | {"target_return": 1000}))
    assert "target_return=1000 is more than any episode of the data has" in job.notes[0]
    assert Teaming(config_of("idt")).notes == []


def test_numbers_that_stop_being_finite(tmp_path):
    config = config_of("idt", changes=TINY | {"learning_rate": 1e30, "max_grad_norm": 1e30}, seeds=1)
    with pytest.raises(NotFiniteError, match="no longer finite"):
        started(tmp_path, config)


@pytest.mark.parametrize(
    ("changes", "data", "message"),
    [
        ({"heads": 1}, "random:12", "heads=2 there, 1 here"),
        ({"context": 4}, "random:12", "context=3 there, 4 here"),
        ({}, "random:13", "its teacher learned from other data"),
    ],
)
def test_networks_that_mean_something_else_are_not_begun_from(changes, data, message, teacher):
    job = Teaming(config_of(changes=DISTILLED | changes, data=data))
    with pytest.raises(AccumbensError, match=f"has networks that mean something else here: {message}"):
        job.require_begins_from(teacher)
    Teaming(config_of()).require_begins_from(teacher)


def test_the_bar_shows_the_return_of_the_last_evaluation():
    job = Teaming(config_of("idt"))
    state, _, score = job.advance(job.init(), 0, print)
    assert math.isnan(score)
    state, rows = job.evaluate(state, 0)
    assert job.advance(state, 1, print)[2] == pytest.approx(np.mean([row["mean_return"] for row in rows]))


def test_without_episodes_held_out_nothing_is_said_of_them():
    job = Teaming(config_of("idt", changes=TINY | {"held_out": 0.0}))
    row = job.evaluate(job.init(), 0)[1][0]
    assert math.isnan(row["valid_loss"])
    assert math.isnan(row["valid_accuracy"])


def test_plan():
    plan = TEAMS.plan(config_of())
    assert plan.costs["updates that will run"] == "9 per seed after 6 of a teacher, unless --from gives one"
    job = Teaming(config_of())
    sizes = jax.eval_shape(job.networks, job.like())
    of_team = sum(leaf.size for leaf in jax.tree.leaves(sizes.team)) // 2
    assert plan.costs["parameters of the team"] == f"{of_team:,}"


class Counted(HostTeam):
    """Two agents, whose environments are counted while they are open."""

    facts = TeamFacts("counted", ("a", "b"), 1, 2, 4)
    made = left_open = 0

    def __init__(self):
        Counted.made += 1
        Counted.left_open += 1

    def reset(self, seed):
        self.time = 0
        return self.seen()

    def seen(self):
        return Seen(np.full((2, 1), self.time, np.float32), np.ones((2, 2), bool), np.ones(2, bool))

    def step(self, actions):
        self.time += 1
        return TeamStep(self.seen(), actions.astype(np.float32), np.asarray(self.time == 3), np.asarray(False))

    def close(self):
        Counted.left_open -= 1


def test_looking_at_runs_closes_every_environment_on_the_host():
    registry.register_team("counted", Counted)
    configs = [
        resolve_team_config("counted", "idt", data="random:5", changes=dict.fromkeys(TINY, "4") | changes, **NUMBERS)
        for changes in ({"learning_rate": "1e-3"}, {"learning_rate": "1e-2"}, {"held_out": "0.4"})
    ]
    made = Counted.made
    assert TEAMS.programs(configs) == [[0, 1], [2]]
    assert Counted.made == made + 1
    TEAMS.plan(configs[0])
    TEAMS.require_usable(configs)
    assert not Counted.left_open


def test_a_line_of_an_experiment(whole):
    begun = read_begun("distilled", "full", "distilled/full", config_of(), whole)
    assert begun is not None
    (row,) = EXPERIMENTING.rows(Panel(PLACE, PLACE, [begun]), None)
    last = [line for line in rows_of(whole) if line["step"] == "15"]
    returns = [float(line["mean_return"]) for line in last]
    assert row.values["mean_return"] == pytest.approx(np.mean(returns), rel=1e-5)
    assert [float(text) for text in row.values["mean_return_per_seed"].split()] == pytest.approx(returns, rel=1e-5)
    assert row.values["won"] == pytest.approx(np.mean([float(line["won"]) for line in last]), abs=1e-5)
    angles = [float(line[name]) for line in last for name in line if name.startswith("angle_")]
    assert row.values["angle"] == pytest.approx(np.mean(angles), abs=0.01)
    assert set(row.values) == set(EXPERIMENTING.columns)
    assert len(row.cells) == len(EXPERIMENTING.headings([row]))
    assert (EXPERIMENTING.places, EXPERIMENTING.methods) == ("teams", "methods")
