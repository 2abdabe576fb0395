"""The replay learner's update against float64 NumPy: context, targets, loss, gradient, clip and Adam."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpy_agents as reference
import pytest
from facts import facts

from accumbens.agents import network, per_cell
from accumbens.agents.replay_q import Networks, make_double_q_update
from accumbens.agents.settings import ReplaySettings
from accumbens.cells import AttentionCell, Stack
from accumbens.replay.ring import Windows

BATCH, CONTEXT, OBSERVATION, ACTIONS, UPDATES = 6, 4, 3, 3, 4
SETTINGS = ReplaySettings(
    net_arch=(7, 5, 6),
    rank=2,
    forward_gain=0.5,
    recurrent_gain=0.25,
    batch_size=BATCH,
    context_length=CONTEXT,
    discount=0.9,
    reward_scale=2.0,
    learning_rate=1e-3,
    max_gradient_norm=34.0,  # between the norms of the cells, so that the clip is at work in some of them only
)
WIRING = reference.Wiring(forward_gain=0.5, recurrent_gain=0.25)
FACTS = facts((OBSERVATION,), ACTIONS)


def encode(observation):
    return observation


def make_stack(seed):
    def cell(inputs, hidden, actions, key):
        return AttentionCell(inputs, hidden, actions, key=key, rank=2)

    return Stack(
        cell,
        OBSERVATION,
        SETTINGS.net_arch,
        ACTIONS,
        key=jax.random.key(seed),
        forward_gain=SETTINGS.forward_gain,
        recurrent_gain=SETTINGS.recurrent_gain,
    )


def make_windows(rng):
    """A batch as NumPy sees it: contexts of every length, some transitions terminated."""
    length = np.arange(BATCH) % (CONTEXT + 1)
    return {
        "context": rng.normal(size=(CONTEXT, BATCH, OBSERVATION)).astype(np.float32),
        "valid": np.arange(CONTEXT)[:, None] >= CONTEXT - length,
        "observation": rng.normal(size=(BATCH, OBSERVATION)).astype(np.float32),
        "action": rng.integers(0, ACTIONS, BATCH).astype(np.int32),
        "reward": rng.normal(size=BATCH).astype(np.float32),
        "terminated": np.arange(BATCH) % 3 == 0,
        "next_observation": rng.normal(size=(BATCH, OBSERVATION)).astype(np.float32),
    }


def as_learner_sees(windows):
    renamed = {("context_valid" if name == "valid" else name): jnp.asarray(x) for name, x in windows.items()}
    return Windows(**renamed, truncated=jnp.zeros(BATCH, bool), carry=None)


@pytest.fixture(scope="module")
def networks(quick_jit):
    make = quick_jit(make_stack)
    optimiser = network.make_optimiser(SETTINGS, network.learning_rate_schedule(SETTINGS, UPDATES))
    online = make(1)
    return Networks(online, make(2), quick_jit(lambda s: network.init_optimiser_states(optimiser, s))(online))


@pytest.mark.parametrize("credit", ["local", "backprop"])
def test_updates_match_numpy(credit, networks, quick_jit):
    settings = dataclasses.replace(SETTINGS, credit=credit)
    optimiser = network.make_optimiser(settings, network.learning_rate_schedule(settings, UPDATES))
    update = quick_jit(make_double_q_update(settings, FACTS, encode, per_cell.make_update(settings, FACTS, optimiser)))

    online, target = ([reference.from_attention_cell(c) for c in s.cells] for s in (networks.stack, networks.target))
    adams = [reference.Adam(max_norm=settings.max_gradient_norm) for _ in online]
    rng = np.random.default_rng(0)
    clipped = []
    for _ in range(UPDATES):
        windows = make_windows(rng)
        networks, metrics = update(networks, as_learner_sees(windows))

        scaled = windows | {"reward": 2.0 * windows["reward"]}
        targets = reference.double_q_targets(online, target, WIRING, 0.9, scaled)
        carry = reference.replay(online, WIRING, windows["context"], windows["valid"])
        losses, gradients = reference.gradients(
            online, WIRING, windows["observation"], carry, windows["action"], targets, backprop=credit == "backprop"
        )
        values = reference.advance(online, WIRING, windows["observation"], carry)[0]
        taken = values[:, np.arange(BATCH), windows["action"]]
        np.testing.assert_allclose(metrics.value, taken.mean(axis=1), rtol=1e-4)
        np.testing.assert_allclose(metrics.td_error, np.abs(targets - taken).mean(axis=1), rtol=1e-4)
        online = [adam.step(c, g, settings.learning_rate) for adam, c, g in zip(adams, online, gradients, strict=True)]

        norms = [reference.norm(g) for g in gradients]
        clipped += [n > settings.max_gradient_norm for n in norms]
        np.testing.assert_allclose(metrics.loss, losses, rtol=1e-4)
        np.testing.assert_allclose(metrics.gradient_norm, norms, rtol=1e-3)
        for level, cell in enumerate(networks.stack.cells):
            for name, parameter in reference.from_attention_cell(cell).items():
                # A hundredth of one step.
                np.testing.assert_allclose(parameter, online[level][name], atol=1e-5, err_msg=f"{level} {name}")
    assert any(clipped)
    assert not all(clipped)
