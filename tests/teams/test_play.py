"""Whole episodes of a team: the same by all ways to play them, with true ends, and random where they should be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.envs.teams.protocol import HostTeam, Seen, TeamFacts, TeamStep
from accumbens.errors import AccumbensError, EnvironmentFailedError
from accumbens.runs.streams import Stream, stream_key
from accumbens.teams import play as module
from accumbens.teams.episodes import Episodes
from accumbens.teams.padding import joined
from accumbens.teams.play import play
from accumbens.teams.play_host import OnHost, play_on_host
from accumbens.teams.policies import TeamPolicy, explored, random_policy

from .conftest import ACTIONS, AGENTS, SIZE, behind, make_drift

SEEDS = [5, 3, 2**32 - 1, 0, 8, 9, 10]


def counting_policy() -> TeamPolicy:
    """Of what is remembered: how often it acted, and all rewards so far; params and the key count as well."""

    def act(params, memory, seen, rewards, key):
        times, total = memory
        total = total + rewards.sum()
        wish = (times + jnp.floor(jnp.abs(total)).astype(jnp.int32) + params + jax.random.randint(key, (3,), 0, 3)) % 5
        legal = jnp.take_along_axis(seen.legal, wish[:, None], 1)[:, 0]
        return jnp.where(legal, wish, jnp.argmax(seen.legal, 1)).astype(jnp.int32), (times + 1, total)

    return TeamPolicy(lambda: (jnp.zeros((), jnp.int32), jnp.zeros(())), act)


COUNTING = counting_policy()


def by_hand(environment, policy, params, seed):
    """One episode, by a plain loop."""
    state, seen = jax.jit(environment.reset)(stream_key(jnp.uint32(seed), Stream.FIRST_STATES, 0))
    memory, rewards, rows = policy.init(), jnp.zeros(AGENTS), []
    for time in range(10_000):
        key = stream_key(jnp.uint32(seed), Stream.EXPLORATION, time)
        actions, memory = jax.jit(policy.act)(params, memory, seen, rewards, key)
        key = stream_key(jnp.uint32(seed), Stream.ENVIRONMENT, time)
        state, outcome = jax.jit(environment.step)(key, state, actions)
        rows.append((seen, actions, outcome.rewards))
        seen, rewards = outcome.seen, outcome.rewards
        if outcome.terminated or outcome.truncated:
            return rows, seen, bool(outcome.terminated), bool(outcome.truncated)
    raise AssertionError("the episode has no end")


def equal(one: Episodes, two: Episodes) -> None:
    for name, left, right in zip(Episodes._fields, one, two, strict=True):
        np.testing.assert_array_equal(left, right, err_msg=name)
        assert left.dtype == right.dtype, name


@pytest.fixture(scope="module")
def played(drift):
    return play(drift, COUNTING, 1, SEEDS)


def test_as_by_hand(drift, played):
    for index, seed in enumerate(SEEDS):
        rows, last, terminated, truncated = by_hand(drift, COUNTING, 1, seed)
        length = len(rows)
        assert played.lengths[index] == length
        assert (played.terminated[index], played.truncated[index]) == (terminated, truncated)
        for time, (seen, actions, rewards) in enumerate([*rows, (last, None, None)]):
            for ours, theirs in zip((played.observation, played.legal, played.alive), seen, strict=True):
                np.testing.assert_array_equal(ours[index, time], theirs)
            if actions is not None:
                np.testing.assert_array_equal(played.actions[index, time], actions)
                np.testing.assert_array_equal(played.rewards[index, time], rewards)


def test_shapes_and_what_is_behind_the_end(played):
    steps = played.lengths.max()
    assert played.observation.shape == (len(SEEDS), steps + 1, AGENTS, SIZE)
    assert played.legal.shape == (len(SEEDS), steps + 1, AGENTS, ACTIONS)
    assert played.actions.shape == played.rewards.shape == (len(SEEDS), steps, AGENTS)
    np.testing.assert_array_equal(played.seeds, SEEDS)
    assert len(set(played.lengths.tolist())) > 2  # or nothing would be behind an end
    after, undone = behind(played)
    assert not played.observation[after].any()
    assert not played.alive[after].any()
    assert played.legal[after].all()
    assert not played.actions[undone].any()
    assert not played.rewards[undone].any()


def test_every_action_is_legal_and_ends_are_told_apart(drift):
    episodes = play(drift, random_policy(), None, range(64))
    _, undone = behind(episodes)
    taken = np.take_along_axis(episodes.legal[:, :-1], episodes.actions[..., None], 3)[..., 0]
    assert taken[~undone].all()
    assert not (episodes.terminated & episodes.truncated).any()
    assert (episodes.terminated | episodes.truncated).all()
    assert episodes.truncated.any()
    assert episodes.terminated.any()
    np.testing.assert_array_equal(episodes.lengths[episodes.truncated], 40)
    assert not episodes.alive[~behind(episodes)[0]].all()  # some died, and acted on all the same


def test_on_the_host_as_on_the_device(drift, played):
    equal(play(OnHost(drift), COUNTING, 1, SEEDS), played)


def test_in_chunks_as_at_once(drift, played, monkeypatch):
    monkeypatch.setattr(module, "_WIDTH", 3)
    told = []
    equal(play(drift, COUNTING, 1, SEEDS, progress=told.append), played)
    assert told == [3, 6, 7]


def test_bounded_memory(drift, monkeypatch):
    widths = []
    side_by_side = module._play_side_by_side
    monkeypatch.setattr(module, "_CHUNK_BYTES", 2 * (40 + 1) * AGENTS * (4 * SIZE + ACTIONS + 9))
    monkeypatch.setattr(
        module, "_play_side_by_side", lambda *given: widths.append(len(given[-1])) or side_by_side(*given)
    )
    play(drift, COUNTING, 1, SEEDS)
    assert widths == [2, 2, 2, 2]


def test_a_block_is_no_bound_of_an_episode():
    environment = make_drift(limit=2 * module._BLOCK, ends=0.0)
    episodes = play(environment, random_policy(), None, [0, 1])
    np.testing.assert_array_equal(episodes.lengths, 2 * module._BLOCK)
    equal(play(OnHost(environment), random_policy(), None, [0, 1]), episodes)


def test_an_episode_depends_on_its_seed_alone(drift, played):
    other = play(drift, COUNTING, 1, SEEDS[::-1])
    np.testing.assert_array_equal(other.returns()[::-1], played.returns())
    assert len(np.unique(played.observation[:, 0], axis=0)) == len(SEEDS)
    changed = play(drift, COUNTING, 2, SEEDS)
    np.testing.assert_array_equal(changed.observation[:, 0], played.observation[:, 0])  # the same first states
    assert (changed.returns() != played.returns()).any()


def test_nothing_is_compiled_again(drift):
    play(drift, COUNTING, 1, SEEDS)
    sizes = module._go_on._cache_size(), module._begin._cache_size()
    play(drift, COUNTING, 2, SEEDS[::-1])
    assert (module._go_on._cache_size(), module._begin._cache_size()) == sizes


def test_no_seeds(drift):
    for environment in (drift, OnHost(drift)):
        episodes = play(environment, COUNTING, 1, [])
        assert episodes.observation.shape == (0, 1, AGENTS, SIZE)
        assert episodes.actions.shape == (0, 0, AGENTS)
        assert episodes.returns().shape == (0, AGENTS)


def test_random_is_uniform_over_the_legal(drift):
    episodes = play(drift, random_policy(), None, range(400))
    begins = episodes.legal[:, 0, 0], episodes.actions[:, 0, 0]
    legal, counts = begins[0][0], np.bincount(begins[1], minlength=ACTIONS)
    assert not counts[~legal].any()
    share = 400 / legal.sum()
    assert ((counts[legal] - share) ** 2 / share).sum() < 13.8  # χ² of 2 degrees of freedom at 0.1 %
    several = episodes.actions[:, 0]
    assert (several[:, 0] != several[:, 1]).mean() > 0.5  # every agent draws for itself


def test_epsilon(drift):
    def first(params, memory, seen, rewards, key):
        return jnp.argmax(seen.legal, 1).astype(jnp.int32), memory

    greedy = TeamPolicy(tuple, first)
    assert explored(greedy, 0.0) is greedy
    episodes = play(drift, explored(greedy, 0.3), None, range(200))
    _, undone = behind(episodes)
    legal, alive = episodes.legal[:, :-1][~undone], episodes.alive[:, :-1][~undone]
    other = episodes.actions[~undone] != legal.argmax(-1)
    expected = (0.3 * (1 - 1 / legal.sum(-1)))[alive]
    assert abs(other[alive].mean() - expected.mean()) < 4 * np.sqrt(0.25 / alive.sum())
    both = alive[:, :2].all(1)
    each = other[both][:, :2]
    assert abs(each.all(1).mean() - each.mean(0).prod()) < 4 * np.sqrt(0.25 / both.sum())  # every agent by itself
    assert np.take_along_axis(legal, episodes.actions[~undone][..., None], 2).all()
    with pytest.raises(AccumbensError, match=r"epsilon=1.5 cannot be used: it must be from 0 to 1"):
        explored(greedy, 1.5)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_no_key_can_have(drift, seed):
    for environment in (drift, OnHost(drift)):
        with pytest.raises(AccumbensError, match=f"seed={seed} cannot be used: it must be from 0 to 4294967295"):
            play(environment, COUNTING, 1, [0, seed])


@pytest.mark.parametrize("declared", [10, 39])
def test_an_episode_that_goes_on(declared):
    environment = make_drift(limit=40, declared=declared, ends=0.0)
    for each in (environment, OnHost(environment)):
        with pytest.raises(EnvironmentFailedError, match=f"declares max_episode_steps={declared}, and an episode went"):
            play(each, COUNTING, 1, [0])


class Overwriting(HostTeam):
    """Every step is written over the last one, in the same memory."""

    facts = TeamFacts("overwriting", ("a", "b"), 1, 2, 4)

    def reset(self, seed):
        self.time = 0
        self.seen = Seen(np.full((2, 1), seed, np.float32), np.ones((2, 2), bool), np.ones(2, bool))
        self.rewards = np.zeros(2, np.float32)
        return self.seen

    def step(self, actions):
        self.time += 1
        self.seen.observation[:] += 1
        self.seen.alive[1] = False
        self.rewards[:] = self.time
        return TeamStep(self.seen, self.rewards, np.array(False), np.array(self.time == 4))


def test_memory_of_the_host_is_copied():
    told = []

    def begin(seed):
        def choose(seen, rewards):
            told.append((seed, seen.observation[0, 0].item(), rewards.tolist()))
            return np.zeros(2, int)

        return choose

    episodes = play_on_host(Overwriting(), begin, [7, 9])
    np.testing.assert_array_equal(episodes.observation[:, :, 0, 0], [[7, 8, 9, 10, 11], [9, 10, 11, 12, 13]])
    np.testing.assert_array_equal(episodes.rewards[:, :, 0], [[1, 2, 3, 4]] * 2)
    np.testing.assert_array_equal(episodes.alive[0], [[1, 1], *[[1, 0]] * 4])
    assert episodes.truncated.all()
    assert not episodes.terminated.any()
    assert told[:2] == [(7, 7.0, [0.0, 0.0]), (7, 8.0, [1.0, 1.0])]


@settings(deadline=None, max_examples=30)
@given(lengths=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=3), max_size=3), extra=st.integers(0, 2))
def test_parts_of_any_lengths_are_joined(lengths, extra):
    facts = TeamFacts("x", ("a", "b"), 3, 2, 5)
    rng = np.random.default_rng(0)
    parts, rows = [], []
    for some in lengths:
        steps, count = max(some) + extra, len(some)
        part = Episodes(
            rng.normal(size=(count, steps + 1, 2, 3)),
            rng.random((count, steps + 1, 2, 2)) < 0.5,
            rng.random((count, steps + 1, 2)) < 0.5,
            rng.integers(0, 2, (count, steps, 2)),
            rng.normal(size=(count, steps, 2)),
            np.array(some),
            rng.random(count) < 0.5,
            rng.random(count) < 0.5,
            rng.integers(0, 100, count),
        )
        parts.append(part)
        rows += [tuple(array[index] for array in part) for index in range(count)]
    whole = joined(facts, parts)
    assert len(whole.lengths) == len(rows)
    assert whole.actions.shape[1] == max((max(some) for some in lengths), default=0)
    for index, row in enumerate(rows):
        length = row[5]
        for place, name in enumerate(Episodes._fields):
            got, sent = getattr(whole, name)[index], row[place]
            if place < 5:
                end = length + (place < 3)
                np.testing.assert_array_equal(got[:end], np.asarray(sent[:end]).astype(got.dtype))
            else:
                assert got == sent
    after, undone = behind(whole)
    assert whole.legal[after].all()
    assert not whole.observation[after].any()
    assert not whole.rewards[undone].any()


class Bad(Overwriting):
    """As declared, except for one thing; the second step is where it happens."""

    def __init__(self, wrong):
        self.wrong = wrong

    def reset(self, seed):
        return super().reset(seed)._replace(**self.wrong.get("reset", {}))

    def step(self, actions):
        outcome = super().step(actions)
        if self.time != 2:
            return outcome
        if "raises" in self.wrong:
            raise self.wrong["raises"]
        seen = outcome.seen._replace(**self.wrong.get("seen", {}))
        return outcome._replace(seen=seen, **self.wrong.get("step", {}))


BAD = {
    "nan": ({"seen": {"observation": np.full((2, 1), np.nan)}}, "observation of 'a' is not finite, .* seed 7, step 2"),
    "reward": ({"step": {"rewards": np.array([0, np.inf])}}, "reward of 'b' is not finite, .* of seed 7, step 1"),
    "both": (
        {"step": {"terminated": np.array(True), "truncated": np.array(True)}},
        "the end is both terminated and truncated, in the episode of seed 7, step 1",
    ),
    "masks": ({"seen": {"legal": np.eye(2) > 0}}, r"an action of 'a' is illegal, .*masks=False.* of seed 7, step 2"),
    "nothing": ({"seen": {"legal": np.zeros((2, 2), bool)}}, "there is no legal action of 'a', in .* seed 7, step 2"),
    "size": (
        {"reset": {"observation": np.zeros((2, 3))}},
        r"reset in the episode of seed 7 gives observation of the shape \(2, 3\), its facts say \(2, 1\)",
    ),
    "three": (
        {"step": {"rewards": np.zeros(3)}},
        r"step 1 in the episode of seed 7 gives rewards of the shape \(3,\), its facts say \(2,\)",
    ),
    "ends": ({"step": {"truncated": np.zeros(2, bool)}}, r"gives truncated of the shape \(2,\), its facts say \(\)"),
    "ragged": ({"step": {"rewards": [[1], [1, 2]]}}, "step 1 in the episode of seed 7 failed: ValueError"),
    "raises": ({"raises": KeyError("x")}, "step 1 in the episode of seed 7 failed: KeyError: 'x'"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_host_that_does_not_do_what_it_declares(case):
    wrong, message = BAD[case]
    with pytest.raises(EnvironmentFailedError, match=f"environment 'overwriting'.*{message}"):
        play(Bad(wrong), random_policy(), (), [7])


DEVICE = {
    "nan": ({"observation": lambda x: x / 0}, "observation of 'a' is not finite, in the episode of seed 4, step 1"),
    "nothing": ({"legal": lambda x: x & False}, "there is no legal action of 'a', in the episode of seed 4, step 1"),
    "size": ({"observation": lambda x: x[:, :2]}, r"step gives observation of the shape \(3, 2\), .* say \(3, 4\)"),
    "raises": ({"observation": lambda x: {}["y"]}, "step failed: KeyError: 'y'"),
}


@pytest.mark.parametrize("case", DEVICE)
def test_an_environment_on_the_device_that_does_not_do_what_it_declares(drift, case):
    changes, message = DEVICE[case]

    def step(key, state, actions):
        state, outcome = drift.step(key, state, actions)
        seen = {name: change(getattr(outcome.seen, name)) for name, change in changes.items()}
        return state, outcome._replace(seen=outcome.seen._replace(**seen))

    with pytest.raises(EnvironmentFailedError, match=f"environment 'team/drift'.*{message}"):
        play(drift._replace(step=step), random_policy(), (), [4])
