"""What an environment on the device declares and every step must keep; the loop looks while it is trained on."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from accumbens.envs.protocol import Environment, Step
from accumbens.errors import EnvironmentFailedError

_EARLY = "an episode is truncated before max_episode_steps, {limit}"

PROMISES = (
    "the reward is not finite",
    "the observation is not finite",
    "the observation is out of its bounds",
    "a step is both terminated and truncated",
    _EARLY,
    "an episode goes on after max_episode_steps, {limit}",
)
"""What is said of each promise that is broken."""

NEVER = "an episode is truncated, although max_episode_steps is None"


def broken_promises(env: Environment, outcome: Step, elapsed: Int[Array, " envs"]) -> Bool[Array, " promises"]:
    """Return which of `PROMISES` any of the copies breaks.

    Args:
        env: what is declared.
        outcome: of one step of all copies; leaves have a leading axis.
        elapsed: steps of the episode that each copy is in, this one included.
    """
    observation, (terminated, truncated) = outcome.observation, (outcome.terminated, outcome.truncated)
    finite = inside = jnp.array(True)
    if jnp.issubdtype(observation.dtype, jnp.floating):
        finite = jnp.isfinite(observation).all()
        inside = ((observation >= env.observation_low) & (observation <= env.observation_high)).all() | ~finite
    limit = env.max_episode_steps
    early = truncated if limit is None else truncated & (elapsed < limit)
    if env.truncates_early:
        early = jnp.zeros_like(truncated)
    late = jnp.zeros_like(truncated) if limit is None else (elapsed >= limit) & ~terminated & ~truncated
    kept = (jnp.isfinite(outcome.reward).all(), finite, inside, ~(terminated & truncated).any())
    return jnp.stack([*(~promise for promise in kept), early.any(), late.any()])


def require_kept(env: Environment, first_broken: Int[np.ndarray, "seeds promises"], steps_per_block: int) -> None:
    """Raise if a promise was broken.

    Args:
        env: what was declared.
        first_broken: the first block in which each promise was broken with each seed; -1 for none.
        steps_per_block: environment steps of a block, for the message.

    Raises:
        EnvironmentFailedError: names the first promise that was broken, and when.
    """
    if (first_broken < 0).all():
        return
    block = int(first_broken[first_broken >= 0].min())
    promise = int(np.argwhere((first_broken == block).any(axis=0))[0, 0])
    limit = env.max_episode_steps
    said = NEVER if limit is None and PROMISES[promise] is _EARLY else PROMISES[promise].format(limit=limit)
    if PROMISES[promise] is _EARLY:
        said += " (one that is truncated at any step says truncates_early=True)"
    raise EnvironmentFailedError(
        f"environment {env.name!r} does not do what it declares, in steps {block * steps_per_block:,} to "
        f"{(block + 1) * steps_per_block:,}: {said}; accumbens.check_environment plays with it and says more"
    )
