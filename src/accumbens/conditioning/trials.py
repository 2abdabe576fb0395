"""Probe trials: cue and reward come when the script says, nothing is learned, and every cell's TD error is read."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from accumbens.cells import Stack
from accumbens.envs.conditioning import DELAY, LINE, REWARD, WAITING, exact_values, observe
from accumbens.training.play import Mind, Outcome
from accumbens.training.trained import Trained

WARM_UP = 30
"""Steps in the silent surroundings that are not shown: activity that goes through time settles."""

TIMES = np.arange(-6, LINE + 4)
"""The steps that are shown, from the cue's onset; δ = r + γ max Q(s', ·) - Q(s, a) has the time of r and s'."""


class Trial(NamedTuple):
    """What is done to the agent.

    Attributes:
        name: for people.
        cue: it is given, at time 0.
        reward: when the reward comes, in steps from where the cue is or would be; None if it does not.
    """

    name: str
    cue: bool
    reward: int | None

    def states(self, times: Int[np.ndarray, " times"]) -> Int[np.ndarray, " times"]:
        """Return the state of the delay line at those times."""
        return np.where(self.cue & (times >= 0) & (times < LINE), times, WAITING)

    def rewards(self, times: Int[np.ndarray, " times"]) -> Float[np.ndarray, " times"]:
        """Return the reward that comes at those times."""
        return np.where(times == (np.inf if self.reward is None else self.reward), REWARD, 0.0)


PAIRED = Trial("cue, then reward", True, DELAY)
ALONE = Trial("reward alone", False, DELAY)
OMITTED = Trial("cue, reward omitted", True, None)
EARLY = Trial("cue, reward early", True, DELAY // 2)
LATE = Trial("cue, reward late", True, DELAY + DELAY // 2)


TDErrors = Float[Array, "seeds trials times cells"]


def make_probe(trained: Trained, trials: Sequence[Trial]) -> Callable[[Stack], TDErrors]:
    """Return `probe(networks)`: the TD error of every cell of every seed at `TIMES` of every trial.

    The networks act greedily, which changes nothing, and do not learn. TD errors are those of `training.play`, over the
    agent's `reward_scale`: in units of the reward.

    Args:
        trained: of the run; its networks are not used.
        trials: what to do.
    """
    mind, scale = Mind(trained), trained.settings.reward_scale
    times = np.arange(TIMES[0] - WARM_UP - 1, TIMES[-1] + 1)
    observation = observe(jnp.asarray(np.stack([trial.states(times) for trial in trials], axis=1)))
    reward = jnp.asarray(np.stack([trial.rewards(times[1:]) for trial in trials], axis=1), jnp.float32)
    never = np.zeros(len(trials), bool)

    def one_seed(stack: Stack) -> Float[Array, "trials times cells"]:
        def step(memory: Any, row: Any):
            observation, following, reward, time = row
            thought = mind.decide(stack, memory, observation, time)
            _, td_error = mind.td_error(stack, thought, Outcome(following, reward, never, never))
            return thought.memory, td_error / scale

        rows = (observation[:-1], observation[1:], reward, jnp.arange(len(times) - 1))
        _, td_error = jax.lax.scan(step, trained.agent.init_memory(len(trials)), rows)
        return jnp.swapaxes(td_error[-len(TIMES) :], 0, 1)

    return jax.jit(jax.vmap(one_seed))


def exact_td_errors(trials: Sequence[Trial], discount: float) -> Float[np.ndarray, "trials times"]:
    """Return the TD errors at `TIMES` of who knows every state's true value: what learning should come to.

    Args:
        trials: what is done.
        discount: γ, below 1.
    """
    value = exact_values(discount)
    rows = [
        trial.rewards(TIMES) + discount * value[trial.states(TIMES)] - value[trial.states(TIMES - 1)]
        for trial in trials
    ]
    return np.stack(rows)
