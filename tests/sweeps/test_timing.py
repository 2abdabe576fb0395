"""How long a sweep takes, by one of its programs."""

import math

import pytest

from accumbens.runs.job import Job
from accumbens.runs.tables import Table
from accumbens.sweeps import spec, timing
from accumbens.sweeps.layout import layout_of
from accumbens.sweeps.timing import Timing, evaluations, timed

NUMBERS = {"total_timesteps": 2048, "seeds": 2, "num_eval_episodes": 1}
SMALL = {"net_arch": "6,5", "num_envs": "4", "rollout_length": "16", "num_minibatches": "2", "epochs": "1"}


def agents(**given):
    return spec.short("CartPole-v1", "ad_pqn", {"learning_rate": "1e-3,1e-2"}, SMALL, NUMBERS | given, "small")


def test_what_is_left_is_compiled_and_learned(tmp_path):
    layout = layout_of(agents(report_seeds=3), tmp_path, 64)
    assert (len(layout.programs), layout.compiled) == (1, 2)
    assert layout.size == layout.left == 2048 * (2 * 2 + 3)
    assert Timing(compiling=10.0, per_second=100.0).projected(layout) == pytest.approx(20 + layout.left / 100)


def test_every_rung_compiles_anew(tmp_path):
    layout = layout_of(agents(search="halving", eta=2, report_seeds=0), tmp_path, 64)
    assert layout.compiled == 2
    assert layout.size == 2048 * 2 * (2 * 0.5 + 1 * 0.5)


def test_what_runs_have_learned_is_not_counted_again(tmp_path):
    sweep = agents(report_seeds=0)
    planned = sweep.runs[0]
    there = planned.kind.create(planned.config, tmp_path, planned.directory(tmp_path).path.name, {})
    Table(there.metrics, ["step", "seed"]).append([{"step": 1024, "seed": 0}])
    assert layout_of(sweep, tmp_path, 64).left == 2048 * 4 - 1024 * 2


@pytest.mark.parametrize(
    "sweep",
    [
        agents(),
        spec.short("digits", "backprop", {"learning_rate": "0.1,0.2"}, {"layers": "8"}, {"epochs": 2, "seeds": 2}, "f"),
    ],
    ids=["agents", "fits"],
)
def test_a_program_is_timed_and_no_run_is_made(sweep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (program,) = layout_of(sweep, tmp_path / "out", 64).programs
    found = timed(program)
    assert found.compiling > 0
    assert 0 < found.per_second < math.inf
    assert list(tmp_path.iterdir()) == []


class Evaluated(Job[int]):
    """Is evaluated at the start and the end and every 300 steps between."""

    total = 1000

    def init(self):
        return 0

    def step_of(self, state):
        return state

    def advance(self, state, evaluated, warn):
        raise NotImplementedError

    def networks(self, state):
        raise NotImplementedError

    def is_due(self, before, after):
        return before < 0 or after // 300 > before // 300 or after == self.total


def test_evaluations_are_counted():
    assert evaluations(Evaluated()) == 5


def test_evaluations_are_part_of_the_time(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "evaluation_seconds", lambda job: 1000.0)
    (program,) = layout_of(agents(report_seeds=0), tmp_path, 64).programs
    assert 0 < timed(program).per_second < 2048 * 4 / (10 * 1000)
