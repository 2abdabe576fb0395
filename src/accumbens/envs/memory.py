"""Tasks of memory: what is seen now does not tell what to do, or not all of it.

The memory chain: a cue is seen once, and after some steps the agent must answer which it was. So what a network can do
depends on n alone, the number of steps from the cue to the answer, both of them counted. Seen at once the task would be
trivial; whoever forgets the cue gets 0 on average. While the agent waits it sees distractors, symbols drawn anew at
every step: in silence any network whose state decays slowly would keep the cue, and there would be nothing to learn
about what to store.

Reference: Osband et al. (2020), "Behaviour suite for reinforcement learning", `memory_len`, whose time and query are
one flag here; distractors as in Hung et al. (2019), "Optimizing agent behavior over long time scales by transporting
value", without their rewards; CartPole without velocities as in Morad et al. (2023), "POPGym", there
`PositionOnlyCartPole`.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.envs.jax import cartpole
from accumbens.envs.protocol import Environment, Observation, State, Step
from accumbens.errors import require

CUES = 2
"""How many cues there are, and how many answers."""

LENGTHS = (2, 4, 8, 16, 32, 64, 128)
"""The lengths that have a name."""


def memory_chain(length: int) -> Environment:
    """Remember a cue for n steps: 1 for the right answer in the last step, -1 for the wrong one, then terminated.

    The observation is a one-hot cue, silent after the first step; a flag that is 1 in the last step, the only one whose
    action matters; and a one-hot distractor, as many kinds as there are cues, in all steps between these two. With γ
    the discount, the true value of the right policy is γ^(n - 1 - t) at step t, and of one without memory 0.

    Args:
        length: n, the steps of an episode; at least 2.

    Raises:
        AccumbensError: the length is below 2.
    """
    require("length", length, ">= 2: the cue is seen in the first step and answered in the last", length >= 2)

    def draw(key: PRNGKeyArray) -> Int[Array, ""]:
        return jax.random.randint(key, (), 0, CUES, jnp.int32)

    def observe(
        cue: Int[Array, ""], distractor: Int[Array, ""], elapsed: Int[Array, ""]
    ) -> Float[Array, " observation"]:
        first, last = elapsed == 0, elapsed == length - 1
        waits = (elapsed > 0) & (elapsed < length - 1)
        symbols = jax.nn.one_hot(jnp.stack([cue, distractor]), CUES, dtype=jnp.float32)
        return jnp.concatenate([symbols[0] * first, last[None].astype(jnp.float32), symbols[1] * waits])

    def reset(key: PRNGKeyArray) -> tuple[tuple[Int[Array, ""], Int[Array, ""]], Float[Array, " observation"]]:
        cue, elapsed = draw(key), jnp.zeros((), jnp.int32)
        return (cue, elapsed), observe(cue, cue, elapsed)

    def step(key: PRNGKeyArray, state: tuple[Int[Array, ""], Int[Array, ""]], action: Int[Array, ""]):
        cue, elapsed = state
        last = elapsed == length - 1
        reward = jnp.where(last, jnp.where(action == cue, 1.0, -1.0), 0.0).astype(jnp.float32)
        # Nothing is seen beyond the answer.
        observation = observe(cue, draw(key), elapsed + 1)
        return (cue, elapsed + 1), Step(observation, reward, last, jnp.zeros((), bool))

    return Environment(
        name=f"memory/chain-{length}",
        reset=reset,
        step=step,
        observation_shape=(2 * CUES + 1,),
        observation_dtype=np.dtype(np.float32),
        observation_low=np.array(0.0, np.float32),
        observation_high=np.array(1.0, np.float32),
        num_actions=CUES,
        max_episode_steps=None,
    )


def position_only_cartpole() -> Environment:
    """CartPole-v1 of which only the positions of cart and pole are seen, not their velocities."""
    env, positions = cartpole(), np.array([0, 2])

    def reset(key: PRNGKeyArray) -> tuple[State, Observation]:
        state, observation = env.reset(key)
        return state, observation[positions]

    def step(key: PRNGKeyArray, state: State, action: Int[Array, ""]) -> tuple[State, Step]:
        state, outcome = env.step(key, state, action)
        return state, outcome._replace(observation=outcome.observation[positions])

    return env._replace(
        name="memory/cartpole",
        reset=reset,
        step=step,
        observation_shape=(len(positions),),
        observation_low=env.observation_low[positions],
        observation_high=env.observation_high[positions],
    )


MEMORY: dict[str, Callable[[], Environment]] = {
    f"memory/chain-{length}": partial(memory_chain, length) for length in LENGTHS
}
MEMORY["memory/cartpole"] = position_only_cartpole
