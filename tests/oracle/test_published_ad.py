"""One real update of the published AD-DQN, reproduced from its parameters and its batch.

The numbers come from a run of the published code (see `oracles/README.md` where they are kept). They are not part of
the repository; without them these tests are skipped and `test_double_q_update.py` stands alone.
"""

import os
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.agents import ReplaySettings, network
from accumbens.agents.replay_q import Networks, make_double_q_update, replay_context
from accumbens.envs.protocol import Environment
from accumbens.replay.ring import Windows

BESIDE_THE_REPOSITORY = Path(__file__).parents[3] / "shared" / "oracles"
ORACLE = Path(os.environ.get("ACCUMBENS_ORACLES", BESIDE_THE_REPOSITORY)) / "ad_dqn_update.npz"

pytestmark = pytest.mark.skipif(
    not ORACLE.is_file(), reason="needs the numbers of the published code: set ACCUMBENS_ORACLES to their folder"
)

# Only what the published script sets for this run: the rest are the defaults, which are meant to be its own.
SETTINGS = ReplaySettings(net_arch=(16, 12, 10), batch_size=32)
FACTS = Environment(
    "oracle",
    reset=lambda key: None,
    step=lambda key, state, action: None,
    observation_shape=(4,),
    observation_dtype=np.dtype(np.float32),
    observation_low=np.full(4, -np.inf, np.float32),
    observation_high=np.full(4, np.inf, np.float32),
    num_actions=2,
    max_episode_steps=None,
)

# The published names of a cell's parameters, and where ours keep the same thing.
PARAMETERS = {
    "fc_h/kernel": lambda cell: cell.activity.W_h,
    "fc_h/bias": lambda cell: cell.activity.b,
    "layer_norm/scale": lambda cell: cell.activity.norm.weight,
    "layer_norm/bias": lambda cell: cell.activity.norm.bias,
    "fc_z1/kernel": lambda cell: cell.W_z1,
    "fc_z2/kernel": lambda cell: cell.W_z2,
}
ENCODE = network.make_encoder(SETTINGS, FACTS)


@pytest.fixture(scope="module")
def oracle():
    with np.load(ORACLE) as arrays:
        return dict(arrays)


def published_stack(oracle, moment):
    stack = eqx.filter_eval_shape(network.build_stack, SETTINGS, FACTS, jax.random.key(0))
    for level in range(3):
        for name, where in PARAMETERS.items():
            published = oracle[f"{moment}/cell{level}/{name}"]
            assert published.shape == where(stack.cells[level]).shape
            stack = eqx.tree_at(
                lambda s, level=level, where=where: where(s.cells[level]), stack, jnp.asarray(published)
            )
    return stack


@pytest.fixture(scope="module")
def windows(oracle):
    return Windows(
        context=jnp.asarray(oracle["obs"][:-1]),
        context_valid=jnp.ones((10, 32), bool),
        observation=jnp.asarray(oracle["obs"][-1]),
        action=jnp.asarray(oracle["actions"][-1, :, 0], jnp.int32),
        reward=jnp.asarray(oracle["rewards"][-1, :, 0]),
        terminated=jnp.asarray(oracle["terminated"][-1, :, 0] > 0),
        truncated=jnp.zeros(32, bool),
        next_observation=jnp.asarray(oracle["next_obs"][-1]),
        carry=None,
    )


@pytest.fixture(scope="module")
def updated(oracle, windows, quick_jit):
    schedule = network.learning_rate_schedule(SETTINGS, 1000)
    optimiser = network.make_optimiser(SETTINGS, schedule)
    update = quick_jit(make_double_q_update(SETTINGS, ENCODE, network.make_update(SETTINGS, optimiser)))
    before, target = published_stack(oracle, "before"), published_stack(oracle, "target")
    return update(Networks(before, target, network.init_optimiser_states(optimiser, before)), windows)


def test_values_and_activity_after_the_replayed_context(oracle, windows, quick_jit):
    def step_after_context(stack):
        silent = network.init_memory(SETTINGS, 32).carry
        carry = replay_context(stack, ENCODE, windows.context, windows.context_valid, silent)
        return network.evaluate(stack, ENCODE(windows.observation), carry, SETTINGS.credit)

    values, activities = quick_jit(step_after_context)(published_stack(oracle, "before"))
    # Ten steps through loops of gain 1 enlarge the rounding errors of float32.
    np.testing.assert_allclose(values.swapaxes(0, 1), oracle["values_online"], atol=1e-3)
    for level, activity in enumerate(activities):
        np.testing.assert_allclose(activity, oracle[f"hidden_online/cell{level}"], atol=1e-3)


def test_losses(oracle, updated):
    _, metrics = updated
    np.testing.assert_allclose(metrics.loss, oracle["losses"], rtol=1e-4)


def test_parameters_after_the_update(oracle, updated):
    networks, _ = updated
    for level in range(3):
        for name, where in PARAMETERS.items():
            before, after = (oracle[f"{moment}/cell{level}/{name}"] for moment in ("before", "after"))
            change = np.asarray(where(networks.stack.cells[level])) - before
            # One step of Adam moves every parameter by about the learning rate, 2.5e-4.
            np.testing.assert_allclose(change, after - before, atol=2.5e-7, err_msg=f"cell {level}, {name}")


def test_target_network_is_left_alone(oracle, updated):
    networks, _ = updated
    for level in range(3):
        for name, where in PARAMETERS.items():
            np.testing.assert_array_equal(where(networks.target.cells[level]), oracle[f"target/cell{level}/{name}"])
