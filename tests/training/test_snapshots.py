"""Snapshots: which are kept, that they hold what acted, and what a resumed run does with them."""

import dataclasses
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints, launch
from accumbens.runs.snapshots import snapshot_steps
from accumbens.training.config import resolve_config
from accumbens.training.job import make_job
from accumbens.training.kind import AGENTS
from accumbens.training.trained import open_trained


class Silent:
    """A reporter that says nothing."""

    def __getattr__(self, name):
        return lambda *arguments: None


CHANGES = {"num_envs": "4", "rollout_length": "16", "num_minibatches": "2", "epochs": "1", "rank": "2"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = resolve_config(
        "CartPole-v1", total_timesteps=640, seeds=2, seed=3, net_arch=(8, 6), eval_frequency=256, changes=CHANGES
    )
    result = launch.start(
        AGENTS, dataclasses.replace(config, num_eval_episodes=2), Silent(), out=tmp_path_factory.mktemp("runs")
    )
    return AGENTS.open(Path(result.run))[0]


def test_there_is_one_at_the_start_at_every_evaluation_and_at_the_end(run):
    assert snapshot_steps(run) == [0, 256, 512, 640]


def test_the_last_one_is_the_network_of_the_checkpoint_and_the_first_is_untrained(run):
    trained = open_trained(run.path)
    trainer = make_job(AGENTS.read(run.config))
    of_checkpoint = trainer.networks(trainer.restore([run], print))
    assert trained.step == 640
    assert trained.seeds == [3, 4]
    jax.tree.map(np.testing.assert_array_equal, trained.networks, of_checkpoint)
    jax.tree.map(np.testing.assert_array_equal, open_trained(run.path, 0).networks, trainer.networks(trainer.init()))


def test_one_seed_s_network_has_no_axis_of_seeds(run):
    trained = open_trained(run.path)
    second = trained.network(4)
    assert second.cells[0].activity.W_h.shape == trained.networks.cells[0].activity.W_h.shape[1:]
    np.testing.assert_array_equal(second.cells[1].activity.b, trained.networks.cells[1].activity.b[1])


@pytest.mark.parametrize(
    ("step", "seed", "said"), [(100, 3, r"step=100 .* 0, 256, 512, 640"), (None, 5, r"seed=5 .* 3, 4")]
)
def test_what_is_not_there_is_refused(run, step, seed, said):
    with pytest.raises(AccumbensError, match=said):
        open_trained(run.path, step).network(seed)


def test_a_run_without_snapshots_and_a_run_of_sac_are_refused_in_plain_words(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    shutil.rmtree(copy / "snapshots")
    with pytest.raises(AccumbensError, match="no snapshot"):
        open_trained(copy)
    AGENTS.write(resolve_config("Pendulum-v1", "sac"), copy / "config.toml")
    with pytest.raises(AccumbensError, match="not made of cells"):
        open_trained(copy)


def test_a_resumed_run_forgets_what_came_later_and_writes_the_same_again(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    kept = {path.name: path.read_bytes() for path in (copy / "snapshots").iterdir()}
    trainer = make_job(AGENTS.read(run.config))
    early, _ = trainer.run_blocks(trainer.init(), 5, print)
    (copy / "checkpoints" / checkpoints.file_name(640)).unlink()
    checkpoints.save(copy / "checkpoints", 320, early)
    launch.resume(AGENTS, copy, Silent())
    again = {path.name: path.read_bytes() for path in (copy / "snapshots").iterdir()}
    assert set(again) == {*kept, checkpoints.file_name(320)}
    assert all(again[name] == contents for name, contents in kept.items())
