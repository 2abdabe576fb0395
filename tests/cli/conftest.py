"""What the tests of the command line share: a way to call it, two trained runs."""

import io
import json
import multiprocessing
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from accumbens.cli.main import main

sys.path.append(str(Path(__file__).parent / "processes"))

PATIENCE = 300
"""Seconds after which a process is taken to hang; only a failing test waits so long."""

# 128 blocks, so 128 chunks, of 64, 16 and 32 environment steps.
PARALLEL = ["CartPole-v1", "ad_pqn", "--total-timesteps", 8192, "--net-arch", "6,5", "--num-eval-episodes", 2]
PARALLEL += ["--set", "num_envs=4", "rollout_length=16", "--set", "num_minibatches=2", "epochs=1"]
REPLAY = ["CartPole-v1", "ad_dqn", "--total-timesteps", 2048, "--net-arch", "6,5", "--num-eval-episodes", 2]
REPLAY += ["--set", "num_envs=2", "train_every=16", "batch_size=8", "learning_starts=200", "context_length=2"]
REPLAY += ["--set", "target_every=64", "replay_capacity=512"]
SEGMENTS = ["CartPole-v1", "ad_dqn_lambda", "--total-timesteps", 4096, "--net-arch", "6,5", "--num-eval-episodes", 2]
SEGMENTS += ["--set", "num_envs=4", "rollout_length=8", "segments=3", "num_minibatches=2", "epochs=1"]
SEGMENTS += ["--set", "priority_exponent=0.6"]
SEGMENTS += ["--set", "learning_starts=200", "replay_capacity=512"]


class Outcome(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """The last line."""
        return json.loads(self.out.splitlines()[-1])


class Run(NamedTuple):
    """A trained run, and what its command printed."""

    path: Path
    outcome: Outcome


@pytest.fixture(scope="session")
def cli():
    """`cli(*words) -> Outcome`: run the command line in this process."""

    def call(*words):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        return Outcome(stop.value.code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def words():
    """The words of a small run of each learner."""
    return {"parallel": PARALLEL, "replay": REPLAY, "segments": SEGMENTS}


@pytest.fixture(scope="package")
def parallel_run(tmp_path_factory, cli):
    """Two seeds of the parallel learner, uninterrupted."""
    pytest.importorskip("tensorboardX")
    out = tmp_path_factory.mktemp("parallel")
    outcome = cli("train", *PARALLEL, "--seeds", 2, "--output", out, "--name", "a", "--json", "--track", "tensorboard")
    assert outcome.code == 0, outcome.err
    return Run(out / "CartPole-v1" / "ad_pqn" / "a", outcome)


@pytest.fixture(scope="package")
def replay_run(tmp_path_factory, cli):
    """One seed of the replay learner, uninterrupted, with all that it prints."""
    out = tmp_path_factory.mktemp("replay")
    outcome = cli("train", *REPLAY, "--output", out, "--name", "a", "--checkpoint-seconds", 0)
    assert outcome.code == 0, outcome.err
    return Run(out / "CartPole-v1" / "ad_dqn" / "a", outcome)


@pytest.fixture(scope="package")
def segments_run(tmp_path_factory, cli):
    """One seed of the segment learner, uninterrupted."""
    out = tmp_path_factory.mktemp("segments")
    outcome = cli("train", *SEGMENTS, "--output", out, "--name", "a", "--quiet")
    assert outcome.code == 0, outcome.err
    return Run(out / "CartPole-v1" / "ad_dqn_lambda" / "a", outcome)


@pytest.fixture(scope="package")
def run_apart():
    """`run_apart(words, at_sync, number)`: the exit code of `main_until` in a process forked from a prepared one.

    That one has imported the most: not gymnax, which starts JAX's threads, and these do not survive a fork.
    """
    from stopping import main_until

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["accumbens.training.trainer"])

    def call(words, at_sync=0, number=signal.SIGKILL):
        process = context.Process(target=main_until, args=([str(word) for word in words], at_sync, number))
        process.start()
        try:
            process.join(PATIENCE)
            assert not process.is_alive(), "the run hangs"
            return process.exitcode
        finally:
            process.kill()
            process.join()

    return call


@pytest.fixture(autouse=True)
def no_stray_runs(tmp_path, monkeypatch):
    """Work in an empty folder: a command that makes a run by mistake makes it there."""
    monkeypatch.chdir(tmp_path)
