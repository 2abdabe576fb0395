"""What a run had learned plays, is evaluated and can be watched, without its data; and it is the same that plays."""

import itertools
import shutil
import sys
from contextlib import closing
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.errors import AccumbensError
from accumbens.runs.directory import RunDirectory
from accumbens.runs.tables import read_table
from accumbens.teams.acting import remembered
from accumbens.teams.evaluation import evaluate_team, require_targets, write_team_episodes
from accumbens.teams.imitation import teacher_settings
from accumbens.teams.model import policies_of
from accumbens.teams.play import play
from accumbens.teams.play_host import OnHost
from accumbens.teams.trained import open_trained_team
from accumbens.watch.team_episode import watched_team

sys.path.append(str(Path(__file__).parent))
from made_teams import SCALE, make_team_run

EPISODES = 3


@pytest.fixture(scope="module")
def distilled(tmp_path_factory):
    return make_team_run(tmp_path_factory.mktemp("runs"), "distilled")


@pytest.fixture(scope="module")
def trained(distilled):
    with closing(open_trained_team(distilled)) as found:
        yield found


def test_what_is_opened(trained, distilled):
    assert (trained.step, trained.target, trained.is_told_returns) == (16, SCALE.asked(0.5), True)
    assert open_trained_team(distilled, 16).scale == SCALE
    with pytest.raises(AccumbensError, match=r"step=3 cannot be used: .* has snapshots at 16"):
        open_trained_team(distilled, 3)
    with pytest.raises(AccumbensError, match="seed=4 cannot be used: the run has 0, 1"):
        trained.network(4)


@pytest.mark.parametrize(
    "scale", [None, {"usual": [1.0]}, {"usual": 3, "deviation": 1, "median": 0, "best": 1, "steps": 2}]
)
def test_a_run_that_lacks_the_scale_of_its_data_is_refused(scale, tmp_path):
    path = make_team_run(tmp_path, "idt", networks=False)
    run = RunDirectory(path)
    with pytest.raises(AccumbensError, match="has no snapshot"):
        open_trained_team(path)
    (run.snapshots).mkdir(exist_ok=True)
    (run.snapshots / "000000000010.ckpt").write_bytes(b"")
    run.write_meta(scale=scale)
    with pytest.raises(AccumbensError, match="lacks the scale" if scale is None else "scale of the data is damaged"):
        open_trained_team(path)


def test_an_export_is_told_from_a_run(distilled, tmp_path):
    exported = tmp_path / "exported"
    exported.mkdir()
    shutil.copy(distilled / "config.toml", exported)
    with pytest.raises(AccumbensError, match=r"is an exported team: accumbens\.load makes it act"):
        open_trained_team(exported)


def test_each_seed_plays_by_its_own_networks_and_targets_matter_to_those_who_are_told(trained, tmp_path):
    asked, other = evaluate_team(trained, EPISODES, [SCALE.best, 40.0])
    assert asked.returns.shape == (2, EPISODES, 2)
    assert (asked.returns != other.returns).any()
    assert asked.won is None
    seeds = 2**31 + np.arange(EPISODES)
    for index, seed in enumerate((0, 1)):
        episodes = play(trained.environment, trained.learner.policy, trained.params(seed, SCALE.best), seeds)
        np.testing.assert_array_equal(asked.returns[index], episodes.returns())
        np.testing.assert_array_equal(asked.lengths[index], episodes.lengths)
    (alone,) = evaluate_team(trained, EPISODES, None)
    assert alone.target == SCALE.asked(0.5)
    run = RunDirectory(tmp_path)
    file, differs = write_team_episodes(run, 16, asked, [0, 1])
    assert (file.name, differs) == ("000000000016_target-6_3.csv", False)
    rows = read_table(file)
    assert list(rows[0]) == [
        "step",
        "seed",
        "target_return",
        "episode",
        "return",
        "won",
        "length",
        "return_1",
        "return_2",
    ]
    for row in rows:
        of_each = asked.returns[int(row["seed"]), int(row["episode"])]
        np.testing.assert_allclose([float(row["return_1"]), float(row["return_2"])], of_each)
        np.testing.assert_allclose(float(row["return"]), of_each.mean())
        assert row["won"] == ""
    assert write_team_episodes(run, 16, asked, [0, 1]) == (file, False)
    changed = asked._replace(returns=asked.returns + 1, won=np.ones((2, EPISODES), bool))
    beside, differs = write_team_episodes(run, 16, changed, [0, 1])
    assert (beside.name, differs) == ("000000000016_target-6_3-2.csv", True)
    assert {row["won"] for row in read_table(beside)} == {"1"}


@pytest.mark.parametrize("targets", [(), (1.0, 1.0), (float("nan"),), (float("inf"),)])
def test_targets_that_nobody_can_be_asked_for(targets, trained):
    with pytest.raises(AccumbensError, match=r"target_return=.* cannot be used: it must be different finite numbers"):
        require_targets(targets)
    with pytest.raises(AccumbensError, match="num_episodes=0 cannot be used"):
        evaluate_team(trained, 0, None)


@pytest.mark.parametrize("algo", ["bc", "iql-cql", "ipqn"])
def test_who_is_told_no_return_cannot_be_asked_for_one(algo, tmp_path):
    with closing(open_trained_team(make_team_run(tmp_path, algo, seeds=1))) as trained:
        with pytest.raises(AccumbensError, match=f"target_return cannot be used: {algo} in .* is told no return"):
            evaluate_team(trained, 1, [0.0])
        (found,) = evaluate_team(trained, 1, None)
        file, _ = write_team_episodes(RunDirectory(tmp_path), 10, found, [0])
        assert (found.target, file.name) == (None, "000000000010_1.csv")
        first, *_, last = watched_team(trained, 0, 7)
        assert (first.asked, (first.mind is None)) == (None, algo != "bc")
        assert last.ended in ("terminated", "truncated")


def test_what_is_watched_is_what_plays(trained):
    instants = list(watched_team(trained, 1, 2**31, target=-3.0))
    episodes = play(trained.environment, trained.learner.policy, trained.params(1, -3.0), [2**31])
    length = episodes.lengths[0]
    assert len(instants) == length + 1
    np.testing.assert_array_equal([i.actions for i in instants[:-1]], episodes.actions[0, :length])
    np.testing.assert_allclose(instants[-1].returns, episodes.returns()[0])
    np.testing.assert_allclose(instants[-1].asked, -3.0 - episodes.returns()[0])
    assert instants[-1].ended == ("terminated" if episodes.terminated[0] else "truncated")
    assert instants[-1].actions is instants[-1].mind is None
    np.testing.assert_array_equal(instants[3].seen.observation, episodes.observation[0, 3])
    boards = [instant.picture for instant in instants]
    assert boards[0].shape == boards[-1].shape
    assert (boards[0] != boards[-1]).any()


def test_a_team_on_the_host_is_evaluated_and_watched_alike(trained):
    on_host = trained._replace(environment=OnHost(trained.environment))
    ((there,), (here,)) = (evaluate_team(each, 2, [-3.0]) for each in (on_host, trained))
    np.testing.assert_array_equal(there.returns, here.returns)
    for one, other in zip(watched_team(on_host, 0, 3), watched_team(trained, 0, 3), strict=True):
        np.testing.assert_array_equal(one.picture, other.picture)
        np.testing.assert_array_equal(one.returns, other.returns)


def test_attention_is_of_the_steps_there_were_and_adds_up(trained):
    instants = list(watched_team(trained, 0, 5))[:-1]
    for time, instant in enumerate(instants):
        known = ~np.isnan(instant.mind.attention)
        assert known.sum(axis=1).tolist() == [min(time + 1, 4)] * 2
        assert known[:, -1].all(), "the newest is the last"
        np.testing.assert_allclose(np.nansum(instant.mind.attention, axis=1), 1, rtol=1e-5)
    # Agents do not have one attention, and it moves.
    assert not np.allclose(instants[6].mind.attention[0], instants[6].mind.attention[1])
    assert not np.allclose(instants[6].mind.attention, instants[7].mind.attention)


def test_angles_are_those_of_the_mapped_features(trained):
    """Against the equations in NumPy, of a memory that is filled anew."""
    instants = list(watched_team(trained, 0, 5))[:-1]
    params, networks = trained.params(0), trained.network(0)
    memory = trained.learner.policy.init()
    rewards = np.zeros(2, np.float32)
    for instant, following in itertools.pairwise(instants[:8]):
        seen = jax.tree.map(jnp.asarray, instant.seen)
        memory = remembered(params, memory, seen, jnp.asarray(rewards))
        memory = memory._replace(before=jnp.asarray(instant.actions))
        rewards = (following.returns - instant.returns).astype(np.float32)

    def double(values):
        return np.asarray(values, np.float64)

    def degrees(features, net):
        mapped = np.maximum(double(features) @ double(net.inner).T, 0) @ double(net.outer).T
        unit = mapped / np.sqrt((mapped**2).sum(axis=1, keepdims=True) + 1e-8)
        return np.degrees(np.arccos(unit[0] @ unit[1]))

    facts, settings = trained.environment.facts, trained.config.settings
    own = policies_of(settings, facts).read(networks.team, memory.window).features[-1, 3]
    teacher = policies_of(teacher_settings(settings), facts).read(networks.teacher, memory.window).features[-1, 3]
    mind = instants[6].mind
    np.testing.assert_allclose(mind.students[0, 1], degrees(own, networks.team_map), rtol=1e-3)
    np.testing.assert_allclose(mind.teacher[0, 1], degrees(teacher, networks.teacher_map), rtol=1e-3)
    assert abs(mind.students[0, 1] - mind.teacher[0, 1]) > 0.1
    jax.tree.map(np.testing.assert_array_equal, mind.students, mind.students.T)


def test_a_centralised_network_is_one_mind_and_an_mlp_has_no_attention(tmp_path):
    for algo, minds in (("teacher", 1), ("madt", 2)):
        trained = open_trained_team(make_team_run(tmp_path, algo, seeds=1))
        assert next(watched_team(trained, 0, 0)).mind.attention.shape == (minds, 4)
    trained = open_trained_team(make_team_run(tmp_path, "bc-mlp", seeds=1))
    assert next(watched_team(trained, 0, 0)).mind is None
