"""The host loop compiles once, and overlapping learning with collecting is a delay of one block and nothing else."""

import threading
import time
from contextlib import closing

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from accumbens.agents.settings import ParallelSettings, ReplaySettings, SegmentSettings, SequenceSettings
from accumbens.training.config import RunConfig
from accumbens.training.host import HostLoop
from accumbens.training.metrics import no_totals
from accumbens.training.plan import LEAST_OVERLAPPED, make_agent_and_plan
from accumbens.training.trainer import Trainer

WALK = "test/Walk-v0"
SEEDS = [0, 1]
COMMON = {"net_arch": (4, 3), "rank": 2, "num_envs": 2}
SETTINGS = {
    "parallel": ParallelSettings(**COMMON, rollout_length=4, num_minibatches=2, epochs=1),
    # With the stored carry even random steps tell of the network that was acted with.
    "replay": ReplaySettings(
        **COMMON,
        train_every=8,
        batch_size=4,
        learning_starts=16,
        target_every=16,
        replay_capacity=64,
        stored_carry=True,
        learning_rate=0.01,
        epsilon_start=0.2,
    ),
    "segments": SegmentSettings(
        **COMMON, rollout_length=4, num_minibatches=2, epochs=1, segments=4, learning_starts=16, replay_capacity=64
    ),
    "sequences": SequenceSettings(**COMMON | {"net_arch": (5, 4)}, rollout_length=4, num_minibatches=2, epochs=1),
}


class Walk(gymnasium.Env):
    """A noisy walk; it pays its place, terminates beyond ±2, and is truncated after 5 steps."""

    observation_space = Box(-9, 9, (2,), np.float64)
    action_space = Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.np_random.normal()
        return np.array([self.place, 1.0]), {}

    def step(self, action):
        self.place += 2 * action - 1 + 0.3 * self.np_random.normal()
        return np.array([self.place, 1.0]), self.place, abs(self.place) > 2, False, {}


@pytest.fixture(scope="module", autouse=True)
def registered():
    """The environment, registered."""
    gymnasium.register(WALK, entry_point=Walk, max_episode_steps=5)
    yield
    del gymnasium.registry[WALK]


def config_of(env, settings, total_timesteps=1000):
    return RunConfig(
        env=env, algo="ad_pqn", total_timesteps=total_timesteps, seed=SEEDS[0], seeds=len(SEEDS), eval_frequency=0,
        num_eval_episodes=1, settings=settings,
    )  # fmt: skip


@pytest.fixture(scope="module", params=SETTINGS)
def settings(request):
    """Those of one learner."""
    return SETTINGS[request.param]


@pytest.fixture(scope="module")
def loops(settings, registered):
    """The agent, a loop that learns and collects in turns, and one in which both overlap."""
    agent, _ = make_agent_and_plan(config_of(WALK, settings))
    with closing(HostLoop(WALK, agent, SEEDS)) as in_turns, closing(HostLoop(WALK, agent, SEEDS, overlap=True)) as both:
        for program in ("_act", "_learn", "_summarise"):  # compiled once for both
            setattr(both, program, getattr(in_turns, program))
        yield agent, in_turns, both


def train(loop, chunks):
    """Run chunks of that many blocks from the start; the last state and the reports of all chunks."""
    run, reports = loop.init(jnp.asarray(SEEDS, jnp.uint32)), []
    for blocks in chunks:
        run, report = loop.chunk(run, blocks)
        reports.append(report)
    return run, reports


def train_one_block_behind(agent, loop, chunks):
    """The same, in sequence: block b of a chunk is acted on with what b - 1 blocks of it were learned from."""
    run, reports = loop.init(jnp.asarray(SEEDS, jnp.uint32)), []
    for blocks in chunks:
        first, totals = int(run.iteration), no_totals(len(SEEDS), agent.num_cells)
        memory, ended = run.seeds.memory, np.zeros((len(SEEDS), agent.num_envs), bool)
        networks = [jax.tree.map(jnp.copy, agent.network(run.seeds.agent))]
        for block in range(blocks):
            collected = loop._collect(networks[max(0, block - 1)], memory, ended, first + block)
            memory = collected.acting[-1][1].memory
            ended = (collected.outcome.terminated | collected.outcome.truncated)[:, -1]
            run, totals = loop._learn(run, *collected, totals)
            networks.append(jax.tree.map(jnp.copy, agent.network(run.seeds.agent)))
        reports.append(loop._summarise(totals, run.seeds.episodes))
    return run, reports


def assert_same(ours, theirs):
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def parameters(agent, run):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(agent.network(run.seeds.agent))])


def test_overlap_is_a_delay_of_one_block(loops):
    agent, in_turns, both = loops
    run, reports = train(both, [6, 4])
    assert int(run.iteration) == 10
    assert (np.asarray(run.seeds.episodes.completed) > 5).all(), "episodes end within and between blocks"
    assert_same((run, reports), train_one_block_behind(agent, in_turns, [6, 4]))
    assert_same((run, reports), train(both, [6, 4]))


def test_chunks_of_single_blocks_are_as_without_overlap(loops):
    agent, in_turns, both = loops
    undelayed = train(in_turns, [1] * 10)
    assert_same(train(both, [1] * 10), undelayed)
    assert_same(train(in_turns, [10])[0], undelayed[0])
    assert not np.allclose(parameters(agent, train(both, [10])[0]), parameters(agent, undelayed[0]))


def test_a_block_is_learned_from_while_the_next_one_is_collected(loops, monkeypatch):
    _, _, both = loops
    run = both.init(jnp.asarray(SEEDS, jnp.uint32))
    step, learn, length = both._envs.step, both._learn, both._agent.rollout_length
    steps, second_block = [], threading.Event()

    def counting_step(actions):
        steps.append(actions)
        if len(steps) == length + 1:
            second_block.set()
        return step(actions)

    def late_learn(*arguments):
        assert second_block.wait(60), "collecting waits for learning"
        return learn(*arguments)

    monkeypatch.setattr(both._envs, "step", counting_step)
    monkeypatch.setattr(both, "_learn", late_learn)
    run, _ = both.chunk(run, 3)
    assert len(steps) == 3 * length
    assert int(run.iteration) == 3


@pytest.mark.parametrize("bad_step", [3, 9])
def test_the_first_bad_block_is_the_same(loops, monkeypatch, bad_step):
    agent, *both_kinds = loops

    def train_with_a_bad_reward(loop):
        run, step, steps = loop.init(jnp.asarray(SEEDS, jnp.uint32)), loop._envs.step, []

        def bad(actions):
            observation, outcome = step(actions)
            steps.append(actions)
            reward = np.full_like(outcome.reward, np.nan) if len(steps) == bad_step + 1 else outcome.reward
            return observation, outcome._replace(reward=reward)

        with monkeypatch.context() as patch:
            patch.setattr(loop._envs, "step", bad)
            run, report = loop.chunk(run, 40)
        return int(run.iteration), np.asarray(report.first_bad_block)

    (stopped, expected), (stopped_overlapping, found) = map(train_with_a_bad_reward, both_kinds)
    assert expected.max() >= bad_step // agent.rollout_length  # the replay learner may sample the bad step later
    assert stopped == stopped_overlapping == expected.max() + 1
    np.testing.assert_array_equal(found, expected)


def test_nothing_is_in_flight_after_ctrl_c(loops, monkeypatch):
    _, _, both = loops
    run = both.init(jnp.asarray(SEEDS, jnp.uint32))
    step, learn, length = both._envs.step, both._learn, both._agent.rollout_length
    steps, learned = [], []

    def interrupted_step(actions):
        steps.append(actions)
        if len(steps) == length + 2:
            raise KeyboardInterrupt
        return step(actions)

    def slow_learn(*arguments):
        time.sleep(0.2)
        learned.append(learn(*arguments))
        return learned[-1]

    monkeypatch.setattr(both._envs, "step", interrupted_step)
    monkeypatch.setattr(both, "_learn", slow_learn)
    with pytest.raises(KeyboardInterrupt):
        both.chunk(run, 3)
    assert len(learned) == 1


def test_what_learning_raises_is_raised(loops, monkeypatch):
    _, _, both = loops
    run = both.init(jnp.asarray(SEEDS, jnp.uint32))

    def failing(*_):
        raise MemoryError("too much")

    monkeypatch.setattr(both, "_learn", failing)
    with pytest.raises(MemoryError, match="too much"):
        both.chunk(run, 3)


def test_epsilon_decays_with_the_steps_of_all_environments(loops, settings):
    agent, in_turns, _ = loops
    begin, run = getattr(settings, "learning_starts", 0), in_turns.init(jnp.asarray(SEEDS, jnp.uint32))
    for blocks in (1, 5, 4):
        run, report = in_turns.chunk(run, blocks)
        step = (int(run.iteration) - 1) * agent.num_envs * agent.rollout_length  # the first of the last block
        decayed = np.clip((step - begin) / 100, 0, 1)
        expected = settings.epsilon_start + decayed * (settings.epsilon_end - settings.epsilon_start)
        np.testing.assert_allclose(report.epsilon, np.full(len(SEEDS), expected), rtol=1e-6)
    assert 0 < decayed < 1


def test_a_resumed_run_begins_other_episodes_than_at_its_start(loops):
    _, loop, _ = loops
    run = loop.init(jnp.asarray(SEEDS, jnp.uint32))
    stopped = run._replace(iteration=jnp.int32(3))
    first, resumed, again = (
        np.asarray(r.seeds.observation)[..., 0] for r in (run, loop.resume(stopped), loop.resume(stopped))
    )
    np.testing.assert_array_equal(resumed, again)
    assert len(np.unique([first, resumed])) == first.size + resumed.size


def test_what_is_replayed_of_an_episode_that_a_resume_ended_is_truncated(loops, settings):
    """And its successor is what was seen before, not the first observation of the next episode."""
    agent, loop, _ = loops
    run, _ = train(loop, [3])
    seen = np.asarray(run.seeds.observation)
    before = [np.asarray(leaf) for leaf in jax.tree.leaves(run.seeds.agent)]
    resumed = loop.resume(run)
    if not isinstance(settings, ReplaySettings):
        assert_same([np.asarray(leaf) for leaf in jax.tree.leaves(resumed.seeds.agent)], before)
        return
    replay, newest = resumed.seeds.agent.replay, 3 * agent.rollout_length - 1
    ended = np.asarray(replay.terminated | replay.truncated)
    assert ended[:, newest].all()
    assert not ended.all(axis=(0, 2))[:newest].all()
    going = ~np.asarray(run.seeds.agent.replay.terminated | run.seeds.agent.replay.truncated)[:, newest]
    assert going.any()
    np.testing.assert_array_equal(np.asarray(replay.final_observation)[:, newest][going], seen[going])


def test_chunks_are_long_enough_to_overlap():
    overlapping = ParallelSettings(**COMMON, rollout_length=4, num_minibatches=2, overlap=True)
    _, plan = make_agent_and_plan(config_of("Pendulum-v1", overlapping))
    assert plan.chunk_blocks == LEAST_OVERLAPPED
    _, plan = make_agent_and_plan(config_of("Pendulum-v1", overlapping, 1_000_000))
    assert plan.chunk_blocks == 1_000_000 // (8 * 500)


@pytest.mark.parametrize("overlap", [False, True])
def test_nothing_is_compiled_twice(monkeypatch, overlap):
    traces = []
    plain_jit = jax.jit

    def counting_jit(function, **options):
        def traced(*arguments):
            traces.append(function)
            return function(*arguments)

        return plain_jit(traced, **options)

    monkeypatch.setattr(jax, "jit", counting_jit)
    settings = ParallelSettings(**COMMON, rollout_length=4, num_minibatches=2, epochs=1, overlap=overlap)
    with closing(Trainer(config_of("Pendulum-v1", settings))) as trainer:
        state = trainer.init()
        state, _ = trainer.chunk(state, 1)
        compiled = len(traces)
        state, _ = trainer.chunk(state, 3)
        state, _ = trainer.chunk(state, 1)
    assert compiled >= 3
    assert len(traces) == compiled
    assert int(state.iteration) == 5
    assert np.isfinite(jnp.asarray(state.seeds.episodes.current_return)).all()
