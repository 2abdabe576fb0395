"""AD-QRDQN's update against float64 NumPy: targets of quantiles, quantile Huber loss, gradient, clip and Adam."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpy_agents as agents
import numpy_quantiles as reference
import pytest
from facts import facts

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.replay_q import Networks, make_double_q_update
from accumbens.presets import resolve_preset
from accumbens.replay.ring import Windows

BATCH, CONTEXT, OBSERVATION, ACTIONS, QUANTILES, UPDATES = 8, 3, 2, 3, 4, 4
FACTS = facts((OBSERVATION,), ACTIONS)
SIZES = {"net_arch": (5, 4), "rank": 2, "num_quantiles": QUANTILES, "batch_size": BATCH, "context_length": CONTEXT}
# The preset, but for its sizes, a larger step, a threshold that some errors are beyond and others are not, and a clip
# between the norms of the gradients.
SETTINGS = dataclasses.replace(
    resolve_preset("ad_qrdqn", "CartPole-v1", "classic").settings,
    **SIZES,
    learning_rate=1e-3,
    huber_threshold=1.5,
    max_gradient_norm=5.0,
)
WIRING = agents.Wiring(recurrent_gain=None)
LEARNING_RATE = SETTINGS.learning_rate

TOLERANCE = {"float32": 1e-2 * LEARNING_RATE, "float64": 1e-9 * LEARNING_RATE}
"""How far a parameter may be from the NumPy program's.

Sums of a few dozen terms round by some 1e-6 of the largest in float32 and 1e-15 in float64. Adam makes steps of one
size of large and small gradients, so what is lost of an entry counts relative to that entry: 1e-3 of a step where it is
a thousandth of the largest. Measured are 2e-4 and 3e-13 of a step."""


def make_windows(rng):
    """A batch as NumPy sees it: contexts of every length, some transitions terminated."""
    return {
        "context": rng.normal(size=(CONTEXT, BATCH, OBSERVATION)),
        "valid": np.arange(CONTEXT)[:, None] >= CONTEXT - np.arange(BATCH) % (CONTEXT + 1),
        "observation": rng.normal(size=(BATCH, OBSERVATION)),
        "action": rng.integers(0, ACTIONS, BATCH).astype(np.int32),
        "reward": rng.normal(size=BATCH),
        "terminated": np.arange(BATCH) % 3 == 0,
        "next_observation": rng.normal(size=(BATCH, OBSERVATION)),
    }


def as_learner_sees(windows, dtype):
    arrays = {name: jnp.asarray(x, dtype if x.dtype == np.float64 else x.dtype) for name, x in windows.items()}
    return Windows(
        **{("context_valid" if name == "valid" else name): x for name, x in arrays.items()},
        truncated=jnp.zeros(BATCH, bool),
        carry=None,
    )


def test_the_preset_is_the_published_one():
    assert SETTINGS.readout == "quantile"
    assert SETTINGS.loss == "quantile_huber"
    assert SETTINGS.bootstrap == "own"
    assert SETTINGS.credit == "local"
    assert (SETTINGS.adam_b1, SETTINGS.adam_b2, SETTINGS.discount) == (0.9, 0.99, 0.99)
    assert (SETTINGS.value_scale, SETTINGS.reward_scale, SETTINGS.recurrent_gain) == (1.0, 1.0, None)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_updates_match_numpy(dtype, quick_jit):
    rounding = {"float32": 1e-4, "float64": 1e-9}[dtype]
    optimiser = network.make_optimiser(SETTINGS, network.learning_rate_schedule(SETTINGS, UPDATES))
    update = per_cell.make_update(SETTINGS, FACTS, optimiser)
    with jax.enable_x64(dtype == "float64"):
        double_q_update = quick_jit(make_double_q_update(SETTINGS, FACTS, lambda observation: observation, update))
        make = quick_jit(lambda seed: stacks.build_stack(SETTINGS, FACTS, jax.random.key(seed)))
        stack, target = (jax.tree.map(lambda x: x.astype(dtype), make(seed)) for seed in (1, 2))
        networks = Networks(stack, target, network.init_optimiser_states(optimiser, stack))
        online, frozen = ([agents.from_attention_cell(cell) for cell in each.cells] for each in (stack, target))
        adams = [agents.Adam(max_norm=SETTINGS.max_gradient_norm) for _ in online]
        rng, clipped = np.random.default_rng(0), []
        for _ in range(UPDATES):
            windows = make_windows(rng)
            networks, metrics = double_q_update(networks, as_learner_sees(windows, dtype))
            online, losses, norms, errors, values = reference.update(
                online, frozen, adams, WIRING, 0.99, LEARNING_RATE, 1.5, windows, QUANTILES
            )
            clipped += [norm > SETTINGS.max_gradient_norm for norm in norms]
            np.testing.assert_allclose(metrics.loss, losses, rtol=rounding)
            np.testing.assert_allclose(metrics.gradient_norm, norms, rtol=rounding)
            np.testing.assert_allclose(metrics.td_error, errors, rtol=rounding)
            np.testing.assert_allclose(metrics.value, values, rtol=rounding)
            for level, cell in enumerate(networks.stack.cells):
                for name, parameter in agents.from_attention_cell(cell).items():
                    np.testing.assert_allclose(
                        parameter, online[level][name], rtol=0, atol=TOLERANCE[dtype], err_msg=f"{level} {name}"
                    )
    assert any(clipped)
    assert not all(clipped)
