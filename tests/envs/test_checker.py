import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.envs.checker import check_environment
from accumbens.envs.protocol import Environment, Step
from accumbens.envs.wrappers import time_limit
from accumbens.errors import AccumbensError

FALSE = jnp.zeros((), bool)


def reset(key):
    position = jax.random.uniform(key, (), minval=-0.5, maxval=0.5)
    return position, position[None]


def step(key, position, action):
    """Walk left or right by 0.3 until 1 is reached."""
    position = position + 0.3 * (2 * action - 1)
    return position, Step(position[None], jnp.ones(()), abs(position) >= 1, FALSE)


def walk() -> Environment:
    low, high = np.array(-2, np.float32), np.array(2, np.float32)
    return time_limit(Environment("walk", reset, step, (1,), np.dtype(np.float32), low, high, 2, None), 20)


def check(env):
    check_environment(env, num_steps=300)


def stepping(change):
    """The walk, with `change(key, state, outcome) -> (state, outcome)` applied after every step."""
    env = walk()
    return env._replace(step=lambda key, state, action: change(key, *env.step(key, state, action)))


def outcome(**fields):
    """The walk, with some fields of its outcomes replaced by functions of the outcome."""

    def change(_, state, out):
        return state, out._replace(**{name: function(out) for name, function in fields.items()})

    return stepping(change)


def resetting_itself(split):
    env = walk()

    def change(key, state, out):
        first_state, first = env.reset(split(key))
        ended = out.terminated | out.truncated
        state = jax.tree.map(lambda one, other: jnp.where(ended, one, other), first_state, state)
        return state, out._replace(observation=jnp.where(ended, first, out.observation))

    return env._replace(step=stepping(change).step)


def branching(key, state, out):
    if out.reward > 0:
        out = out._replace(reward=2 * out.reward)
    return state, out


BROKEN = {
    "no actions": (walk()._replace(num_actions=0), "num_actions is 0"),
    "dtype": (walk()._replace(observation_dtype=np.dtype(np.float64)), "observation_dtype is float64, not bool or"),
    "bounds": (walk()._replace(observation_low=np.zeros(3)), "observation_low does not fit the observations"),
    "wide bounds": (
        walk()._replace(observation_high=np.ones((2, 1))),
        "observation_high does not fit the observations",
    ),
    "observation shape": (
        outcome(observation=lambda out: out.observation[0]),
        r"step's observation is float32\(\), not",
    ),
    "reset's shape": (
        walk()._replace(reset=lambda key: (walk().reset(key)[0], jnp.ones(3))),
        "reset's observation is float32",
    ),
    "reward dtype": (outcome(reward=lambda out: out.terminated), r"the reward is bool\(\), not float32\(\)"),
    "terminated dtype": (outcome(terminated=lambda out: 1 * out.terminated), "terminated is int32"),
    "truncated shape": (outcome(truncated=lambda out: out.truncated[None]), r"truncated is bool\(1,\), not bool\(\)"),
    "no Step": (stepping(lambda key, state, out: (state, tuple(out))), "step returns a tuple beside the state"),
    "state": (stepping(lambda key, state, out: ((state, 1), out)), "the state changes its type"),
    "state dtype": (stepping(lambda key, state, out: (state._replace(elapsed=1.0), out)), "the state changes its type"),
    "Python if": (stepping(branching), r"JAX cannot compile step: (?s:.*), in branching\n    if out.reward > 0:"),
    "error in reset": (
        walk()._replace(reset=lambda key: no_such_name),  # noqa: F821
        "JAX cannot compile reset: NameError: .*no_such_n",
    ),
    "no pair": (
        walk()._replace(reset=lambda key: jnp.ones(3)),
        r"compile reset: TypeError: cannot unpack (?s:.*)test_checker.py, line",
    ),
    "no reward": (outcome(reward=lambda out: None), r"the reward is a NoneType, not float32\(\)"),
    "NumPy noise": (outcome(reward=lambda out: out.reward + np.float32(np.random.default_rng().random())), "same key"),
    "NaN reward": (outcome(reward=lambda out: out.reward / ~out.terminated), "some rewards are not finite"),
    "NaN": (outcome(observation=lambda out: jnp.log(out.observation)), "some observations are not finite"),
    "out of bounds": (
        outcome(observation=lambda out: 3 * out.observation),
        "some observations are out of their bounds",
    ),
    "both ends": (outcome(truncated=lambda out: out.terminated), "a step is both terminated and truncated"),
    "too long": (walk()._replace(max_episode_steps=2), "an episode is longer than max_episode_steps, 2"),
    "too short": (walk()._replace(max_episode_steps=25), "an episode is truncated before max_episode_steps, 25"),
    "truncates unannounced": (walk()._replace(max_episode_steps=None), "truncated before max_episode_steps, None"),
    "resets itself, same key": (resetting_itself(lambda key: key), "step resets by itself"),
    "resets itself, split in 2": (resetting_itself(lambda key: jax.random.split(key)[1]), "step resets by itself"),
    "resets itself, split in 3": (resetting_itself(lambda key: jax.random.split(key, 3)[2]), "step resets by itself"),
}


def test_sound_environment_passes():
    check(walk())


def test_environment_without_ends_passes():
    env = outcome(terminated=lambda out: FALSE, truncated=lambda out: FALSE, observation=lambda out: jnp.zeros(1))
    check(env._replace(max_episode_steps=None))


@pytest.mark.parametrize("observe", [jnp.zeros_like, jnp.sign])
def test_final_observations_that_look_like_first_ones_pass(observe):
    def bandit_reset(key):
        return reset(key)[0], observe(reset(key)[1])

    def bandit_step(key, state, action):
        return state, Step(observe(state[None]), jnp.ones(()), ~FALSE, FALSE)

    check(walk()._replace(name="bandit", reset=bandit_reset, step=bandit_step))


@pytest.mark.parametrize("case", BROKEN)
def test_broken_promises_are_named(case):
    env, message = BROKEN[case]
    with pytest.raises(AccumbensError, match=f"environment 'walk': .*{message}"):
        check(env)
