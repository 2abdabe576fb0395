"""One real update of the published AD-DQN and of the published ARQ, reproduced from their parameters and batches.

The numbers come from runs of the published codes: `published/README.md` describes them.
"""

import dataclasses
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from facts import facts

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.replay_q import Networks, make_double_q_update, replay_context
from accumbens.presets import resolve_preset
from accumbens.replay.ring import Windows

ORACLES = Path(__file__).parent / "published"

FACTS = facts((4,), 2, low=-np.inf, high=np.inf)
# The presets as they are, but for the sizes of these runs; ARQ's clip is the one of its MinAtar script.
CASES = {
    "ad_dqn_released": ("ad_dqn_update.npz", "dmc/walker-walk", {"net_arch": (16, 12, 10)}),
    "arq_released": ("arq_update.npz", "minatar/breakout", {"net_arch": (16, 12), "learning_rate": 2.5e-4}),
}

LEARNING_RATE, EPSILON = 2.5e-4, 1e-8
GRADIENT_ERROR = 1e-5
"""Between two programs in float32. A clipped gradient has the norm 1 and entries of about 0.01; after ten steps through
loops of gain 1 they are up to 5e-6 away from those in float64, whichever way the program is compiled."""

# The published names of a cell's parameters, and where ours keep the same thing.
PARAMETERS = {
    "fc_h/kernel": lambda cell: cell.activity.W_h,
    "fc_h/bias": lambda cell: cell.activity.b,
    "layer_norm/scale": lambda cell: cell.activity.norm.weight,
    "layer_norm/bias": lambda cell: cell.activity.norm.bias,
    "fc_z1/kernel": lambda cell: cell.W_z1,
    "fc_z2/kernel": lambda cell: cell.W_z2,
}


class Published:
    """The numbers of one run, and our agent set up alike."""

    def __init__(self, algo):
        file, env, sizes = CASES[algo]
        with np.load(ORACLES / file) as arrays:
            self.numbers = dict(arrays)
        released = resolve_preset(algo, env, env.partition("/")[0]).settings
        self.settings = dataclasses.replace(released, batch_size=32, **sizes)
        self.levels = range(len(self.settings.net_arch))
        self.encode = network.make_encoder(self.settings, FACTS)

    def stack(self, moment):
        stack = eqx.filter_eval_shape(stacks.build_stack, self.settings, FACTS, jax.random.key(0))
        for level in self.levels:
            for name, where in PARAMETERS.items():
                published = self.numbers[f"{moment}/cell{level}/{name}"]
                assert published.shape == where(stack.cells[level]).shape
                stack = eqx.tree_at(
                    lambda s, level=level, where=where: where(s.cells[level]), stack, jnp.asarray(published)
                )
        return stack

    def windows(self):
        last = {name: self.numbers[name][-1] for name in ("obs", "next_obs", "actions", "rewards", "terminated")}
        return Windows(
            context=jnp.asarray(self.numbers["obs"][:-1]),
            context_valid=jnp.ones((10, 32), bool),
            observation=jnp.asarray(last["obs"]),
            action=jnp.asarray(last["actions"][:, 0], jnp.int32),
            reward=jnp.asarray(last["rewards"][:, 0]),
            terminated=jnp.asarray(last["terminated"][:, 0] > 0),
            truncated=jnp.zeros(32, bool),
            next_observation=jnp.asarray(last["next_obs"]),
            carry=None,
        )


@pytest.fixture(scope="module", params=CASES)
def published(request):
    return Published(request.param)


@pytest.fixture(scope="module")
def updated(published, quick_jit):
    settings, encode = published.settings, published.encode
    optimiser = network.make_optimiser(settings, network.learning_rate_schedule(settings, 1000))
    update = per_cell.make_update(settings, FACTS, optimiser)
    double_q_update = quick_jit(make_double_q_update(settings, FACTS, encode, update))
    before, target = published.stack("before"), published.stack("target")
    return double_q_update(
        Networks(before, target, network.init_optimiser_states(optimiser, before)), published.windows()
    )


def test_values_and_activity_after_the_replayed_context(published, quick_jit):
    settings, windows = published.settings, published.windows()
    q_function = network.value_function(settings, FACTS)

    def step_after_context(stack):
        silent = network.silent_carry(settings, 32)
        carry = replay_context(stack, published.encode, windows.context, windows.context_valid, silent)
        return q_function.all(stack, published.encode(windows.observation), carry)

    values, activities = quick_jit(step_after_context)(published.stack("before"))
    # Ten steps through loops of gain 1 enlarge the rounding errors of float32.
    np.testing.assert_allclose(values.swapaxes(0, 1), published.numbers["values_online"], atol=1e-3)
    for level, activity in enumerate(activities):
        np.testing.assert_allclose(activity, published.numbers[f"hidden_online/cell{level}"], atol=1e-3)


def test_losses(published, updated):
    _, metrics = updated
    np.testing.assert_allclose(metrics.loss, published.numbers["losses"], rtol=1e-4)


def rounding(before, after):
    """How far apart two programs in float32 may leave a parameter after its first step of Adam.

    The step is α g / (|g| + ε), so an error dg of the gradient moves it by α ε dg / (|g| + ε)², or α r² dg / ε, where
    r = ε / (|g| + ε) is the part of α by which the step falls short of it: nothing, unless |g| is near ε.
    """
    r = np.maximum(1 - np.abs(after - before) / LEARNING_RATE, 0)
    of_the_gradient = LEARNING_RATE * r**2 * GRADIENT_ERROR / EPSILON
    of_the_optimiser = 4e-6 * LEARNING_RATE  # 1 - β₂ in float32
    of_the_parameter = np.spacing(np.maximum(np.abs(before), np.abs(after)))  # half a unit in the last place, twice
    return of_the_gradient + of_the_optimiser + of_the_parameter


def test_parameters_after_the_update(published, updated):
    networks, _ = updated
    allowed = []
    for level in published.levels:
        for name, where in PARAMETERS.items():
            before, after = (published.numbers[f"{moment}/cell{level}/{name}"] for moment in ("before", "after"))
            difference = np.abs(np.asarray(where(networks.stack.cells[level])) - after)
            allowed.append(rounding(before, after))
            np.testing.assert_array_less(difference, allowed[-1], err_msg=f"cell {level}, {name}")
    # Less than a thousandth of the step, but for the few entries whose gradient was all but zero.
    assert np.mean(np.concatenate([each.ravel() for each in allowed]) < 1e-3 * LEARNING_RATE) > 0.998


def test_settings_that_one_update_does_not_show(published):
    # A first step from moments of zero is the same for all decay rates.
    assert (published.settings.adam_b1, published.settings.adam_b2) == (0.9, 0.99)


def test_target_network_is_left_alone(published, updated):
    networks, _ = updated
    for level in published.levels:
        for name, where in PARAMETERS.items():
            target = published.numbers[f"target/cell{level}/{name}"]
            np.testing.assert_array_equal(where(networks.target.cells[level]), target)
