"""Does an environment for the device keep its promises? For everyone who writes one."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from accumbens.envs.protocol import Environment, Observation, State, Step
from accumbens.envs.wrappers import auto_reset
from accumbens.errors import AccumbensError, users_code
from accumbens.generator import make_key, pinned_generator


@pinned_generator()
def check_environment(env: Environment, num_steps: int = 10_000) -> None:
    """Check an environment by its types and by random play.

    It finds wrong static facts, shapes and types, code that JAX cannot compile, states whose type changes, random
    numbers that do not come from the key, observations out of bounds, infinite rewards, ends that are both terminated
    and truncated, a wrong time limit, and a `step` that resets by itself, so that the true final observation is lost
    (found only where first observations are random and the reset's key is the step's own or split from it).

    Args:
        env: the environment.
        num_steps: the number of random steps.

    Raises:
        AccumbensError: the first promise that is broken, in words.
    """
    check_declaration(env)
    _check_that_keys_decide(env)
    _check_random_play(env, num_steps)


def check_declaration(env: Environment) -> None:
    """Check only what needs no play: static facts, and the shapes and types of what `reset` and `step` return.

    Args:
        env: the environment.

    Raises:
        AccumbensError: the first promise that is broken, in words.
    """
    if not isinstance(env, Environment):
        raise AccumbensError(f"an environment must be an accumbens.envs.protocol.Environment, not a {type(env)}")
    _check_facts(env)
    _check_types(env)


def _require(promise: bool | np.bool_, env: Environment, broken: str) -> None:
    if not promise:
        raise AccumbensError(f"environment {env.name!r}: {broken}")


def _check_facts(env: Environment) -> None:
    _require(env.num_actions >= 1, env, f"num_actions is {env.num_actions}, but there must be at least one action")
    dtypes = np.dtype(bool), np.dtype(np.float32)
    _require(env.observation_dtype in dtypes, env, f"observation_dtype is {env.observation_dtype}, not bool or float32")
    for field in ("observation_low", "observation_high"):
        try:
            np.broadcast_to(getattr(env, field), env.observation_shape)
        except ValueError as error:
            raise AccumbensError(f"environment {env.name!r}: {field} does not fit the observations: {error}") from error


def _check_types(env: Environment) -> None:
    key, action = make_key(0), jnp.zeros((), jnp.int32)
    with users_code(f"environment {env.name!r}: JAX cannot compile reset", env.reset):
        state, observation = jax.eval_shape(env.reset, key)
    with users_code(f"environment {env.name!r}: JAX cannot compile step", env.step):
        next_state, outcome = jax.eval_shape(env.step, key, state, action)
    _require(isinstance(outcome, Step), env, f"step returns a {type(outcome).__name__} beside the state, not a Step")
    promised = {
        "reset's observation": (observation, env.observation_shape, env.observation_dtype),
        "step's observation": (outcome.observation, env.observation_shape, env.observation_dtype),
        "the reward": (outcome.reward, (), np.float32),
        "terminated": (outcome.terminated, (), bool),
        "truncated": (outcome.truncated, (), bool),
    }
    for what, (array, shape, dtype) in promised.items():
        found = f"{array.dtype}{array.shape}" if hasattr(array, "dtype") else f"a {type(array).__name__}"
        _require(found == f"{np.dtype(dtype)}{shape}", env, f"{what} is {found}, not {np.dtype(dtype)}{shape}")
    before, after = (jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), tree) for tree in (state, next_state))
    _require(before == after, env, f"the state changes its type from reset's {before} to step's {after}")


def _check_that_keys_decide(env: Environment) -> None:
    """Compile the same call twice: random numbers drawn by Python while compiling differ from one to the other."""

    def first_step(key: PRNGKeyArray) -> tuple[Observation, Step]:
        state, observation = env.reset(key)
        return observation, env.step(key, state, jnp.zeros((), jnp.int32))[1]

    keys = jax.random.split(make_key(0), 2)
    alone, batched = jax.jit(first_step)(keys[0]), jax.jit(jax.vmap(first_step))(keys)
    same = jax.tree.map(lambda one, many: np.allclose(one, many[0], rtol=1e-4, atol=1e-5), alone, batched)
    _require(all(jax.tree.leaves(same)), env, "the same key gives different results; all randomness must come from it")


def _check_random_play(env: Environment, num_steps: int) -> None:
    """Play at random and look at the outcomes, `[num_steps]`."""

    def play(carry: tuple[State, Array], key: PRNGKeyArray):
        state, elapsed = carry
        key, action_key = jax.random.split(key)
        action = jax.random.randint(action_key, (), 0, env.num_actions)
        state, _, outcome = auto_reset(env, key, state, action)
        elapsed = elapsed + 1
        step_key = jax.random.split(key)[0]  # as in `auto_reset`
        reset_keys = jnp.stack([step_key, *jax.random.split(step_key, 2), *jax.random.split(step_key, 3)[1:]])
        _, firsts = jax.vmap(env.reset)(reset_keys)
        ended = outcome.terminated | outcome.truncated
        return (state, jnp.where(ended, 0, elapsed)), (outcome, elapsed, firsts)

    def episodes(key: PRNGKeyArray):
        state, _ = env.reset(key)
        return jax.lax.scan(play, (state, jnp.zeros((), jnp.int32)), jax.random.split(key, num_steps))[1]

    outcome, elapsed, firsts = jax.tree.map(np.asarray, jax.jit(episodes)(make_key(0)))

    _require(np.all(np.isfinite(outcome.reward)), env, "some rewards are not finite")
    _require(np.all(np.isfinite(outcome.observation)), env, "some observations are not finite")
    inside = (outcome.observation >= env.observation_low) & (outcome.observation <= env.observation_high)
    _require(np.all(inside), env, "some observations are out of their bounds")
    _require(not np.any(outcome.terminated & outcome.truncated), env, "a step is both terminated and truncated")
    limit = np.inf if env.max_episode_steps is None else env.max_episode_steps
    _require(np.all(elapsed <= limit), env, f"an episode is longer than max_episode_steps, {env.max_episode_steps}")
    early = outcome.truncated & (elapsed < limit)
    said = f"an episode is truncated before max_episode_steps, {env.max_episode_steps}, without truncates_early"
    _require(env.truncates_early or not np.any(early), env, said)

    ended = outcome.terminated | outcome.truncated
    if np.any(ended):
        finals, firsts = outcome.observation[ended], firsts[ended]
        matches = (firsts == finals[:, None]).reshape(*firsts.shape[:2], -1).all(axis=-1)
        resets_itself = np.any(firsts != firsts[0, 0]) and np.any(np.all(matches, axis=0))
        broken = "step resets by itself, but at an episode's end it must return the final observation, not a first one"
        _require(not resets_itself, env, broken)
