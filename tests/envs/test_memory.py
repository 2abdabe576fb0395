"""The tasks of memory: what is seen when, what is paid for, and what they are worth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.envs import registry
from accumbens.envs.memory import LENGTHS, memory_chain
from accumbens.errors import AccumbensError

EPISODES = 64


def play(env, policy):
    """Episodes side by side for 130 steps, none begun anew: cues [episodes], first observation, outcomes [steps, ...].

    `policy(cue, step)` chooses; it may know the cue.
    """

    def episode(key):
        state, first = env.reset(key)
        cue = first[:2].argmax()

        def step(state, time):
            state, outcome = env.step(jax.random.fold_in(key, time), state, policy(cue, time))
            return state, outcome

        return cue, first, jax.lax.scan(step, state, jnp.arange(130))[1]

    keys = jax.random.split(jax.random.key(3), EPISODES)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(episode, out_axes=(0, 0, 1)))(keys))


def seen(played):
    """Observations of all steps, the first included, [steps, episodes, 5]."""
    return np.concatenate([played[1][None], played[2].observation])


@pytest.mark.parametrize("length", LENGTHS)
def test_cue_distractors_answer(length):
    cue, first, outcome = played = play(registry.make(f"memory/chain-{length}"), lambda cue, time: cue)
    assert 10 < cue.sum() < EPISODES - 10, "both cues come"
    expected = np.zeros((length, EPISODES, 3))
    expected[0, np.arange(EPISODES), cue] = 1
    expected[length - 1, :, 2] = 1
    np.testing.assert_array_equal(seen(played)[:length, :, :3], expected)
    distractors = seen(played)[:length, :, 3:]
    waits = (np.arange(length) > 0) & (np.arange(length) < length - 1)
    np.testing.assert_array_equal(distractors.sum(2), np.repeat(waits[:, None], EPISODES, 1))
    if waits.any():
        second = distractors[waits, :, 1]
        assert abs(second.mean() - 0.5) < 2.0 / np.sqrt(second.size), "drawn evenly"
        assert abs(np.mean(second == cue) - 0.5) < 2.0 / np.sqrt(second.size), "they say nothing of the cue"
    np.testing.assert_array_equal(
        outcome.terminated[:length], (np.arange(length) == length - 1)[:, None] & first.any(1)
    )
    assert not outcome.truncated.any()
    assert not outcome.observation[length - 1].any(), "nothing is seen beyond the answer"


@pytest.mark.parametrize(("policy", "end"), [(lambda cue, time: cue, 1.0), (lambda cue, time: 1 - cue, -1.0)])
def test_only_the_last_action_is_paid_for(policy, end):
    _, _, outcome = play(registry.make("memory/chain-8"), policy)
    np.testing.assert_array_equal(outcome.reward[:8], np.broadcast_to(end * np.eye(8)[7][:, None], (8, EPISODES)))
    _, _, other = play(registry.make("memory/chain-8"), lambda cue, time: jnp.where(time == 7, cue, time % 2))
    np.testing.assert_array_equal(other.reward[:8].sum(0), np.ones(EPISODES))


def test_chance_is_zero():
    cue, _, outcome = play(registry.make("memory/chain-4"), lambda cue, time: 0 * cue)
    np.testing.assert_array_equal(outcome.reward[3], np.where(cue == 0, 1, -1))


def test_any_length_from_two_can_be_made():
    assert memory_chain(3).name == "memory/chain-3"
    with pytest.raises(AccumbensError, match=r"length=1.*>= 2"):
        memory_chain(1)


def test_names_are_those_of_the_registry():
    assert [name for name in registry.device_environments() if name.startswith("memory/chain-")] == [
        f"memory/chain-{length}" for length in LENGTHS
    ]


def test_cartpole_without_velocities_is_cartpole():
    whole, masked = registry.make("CartPole-v1"), registry.make("memory/cartpole")

    def life(env):
        state, first = env.reset(jax.random.key(0))

        def step(state, time):
            state, outcome = env.step(jax.random.key(1), state, time % 2)
            return state, outcome

        return first, jax.lax.scan(step, state, jnp.arange(30))[1]

    (first, outcome), (first_seen, outcome_seen) = jax.jit(lambda: (life(whole), life(masked)))()
    np.testing.assert_array_equal(first[jnp.array([0, 2])], first_seen)
    np.testing.assert_array_equal(outcome.observation[:, jnp.array([0, 2])], outcome_seen.observation)
    np.testing.assert_array_equal(outcome.reward, outcome_seen.reward)
    np.testing.assert_array_equal(outcome.terminated, outcome_seen.terminated)
    assert masked.max_episode_steps == 500
    np.testing.assert_array_equal(masked.observation_high, whole.observation_high[[0, 2]])
