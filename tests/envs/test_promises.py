"""Environments on the device that do what they do not declare are found in the loop, and named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.envs.promises import NEVER, PROMISES, broken_promises, require_kept
from accumbens.envs.protocol import Environment, Step
from accumbens.errors import EnvironmentFailedError

COPIES = 3


def declared(limit=5, dtype=np.float32, low=-1.0, high=1.0):
    bounds = np.array(low, np.float32), np.array(high, np.float32)
    return Environment("mine", jnp.zeros, jnp.zeros, (2,), np.dtype(dtype), *bounds, 2, limit)


def outcome(observation=0.0, reward=0.0, terminated=False, truncated=False, dtype=np.float32):
    """Copy 1 has these, the others are blameless."""
    second = jnp.arange(COPIES) == 1
    return Step(
        jnp.where(second[:, None], observation, 0).astype(dtype) * jnp.ones((COPIES, 2), dtype),
        jnp.where(second, reward, 0.0),
        second & terminated,
        second & truncated,
    )


def found(env, step, elapsed):
    broken = np.asarray(jax.jit(lambda s, e: broken_promises(env, s, e))(step, jnp.full(COPIES, elapsed)))
    return [promise for promise, is_broken in zip(PROMISES, broken, strict=True) if is_broken]


@pytest.mark.parametrize(
    ("limit", "step", "elapsed", "broken"),
    [
        (5, {}, 1, None),
        (5, {"truncated": True}, 5, None),
        (5, {"terminated": True}, 5, None),
        (None, {}, 10_000, None),
        (5, {"reward": np.nan}, 1, "the reward is not finite"),
        (5, {"reward": np.inf}, 1, "the reward is not finite"),
        (5, {"observation": np.nan}, 1, "the observation is not finite"),
        (5, {"observation": 1.5}, 1, "out of its bounds"),
        (5, {"observation": -1.5}, 1, "out of its bounds"),
        (5, {"terminated": True, "truncated": True}, 5, "both terminated and truncated"),
        (5, {"truncated": True}, 4, "truncated before"),
        (None, {"truncated": True}, 4, "truncated before"),
        (5, {}, 6, "goes on after"),
    ],
)
def test_every_promise_is_looked_at(limit, step, elapsed, broken):
    if elapsed == 5:  # the others end too
        first = outcome(**step)
        step = first._replace(truncated=first.truncated | ~(jnp.arange(COPIES) == 1))
    else:
        step = outcome(**step)
    names = found(declared(limit), step, elapsed)
    assert len(names) == (broken is not None)
    assert broken is None or broken in names[0]


def test_an_episode_may_be_truncated_at_any_step_if_that_is_declared():
    for limit in (5, None):
        assert found(declared(limit)._replace(truncates_early=True), outcome(truncated=True), 4) == []


def test_booleans_have_no_bounds_to_leave():
    assert found(declared(dtype=bool, low=0, high=1), outcome(True, dtype=bool), 1) == []


def test_the_first_promise_that_was_broken_is_named():
    first_broken = np.full((2, len(PROMISES)), -1)
    require_kept(declared(), first_broken, 32)
    first_broken[1, 4] = 3
    first_broken[0, 0] = 7
    said = (
        "'mine' does not do what it declares, in steps 96 to 128: an episode is truncated before max_episode_steps, 5"
    )
    with pytest.raises(EnvironmentFailedError, match=said):
        require_kept(declared(), first_broken, 32)
    with pytest.raises(EnvironmentFailedError, match=NEVER):
        require_kept(declared(None), first_broken, 32)
