"""The parallel learner against float64 NumPy: epochs, minibatches, Q(λ) targets, loss, gradient, clip and Adam."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpy_agents as reference
import pytest
from facts import facts

from accumbens.agents import per_cell
from accumbens.agents.factory import make_agent
from accumbens.agents.protocol import Rollout
from accumbens.agents.settings import ParallelSettings

TIME, ENVS, OBSERVATION, ACTIONS, NET_ARCH = 6, 3, 3, 2, (6, 5)
EPOCHS, MINIBATCHES = 2, 3
SETTINGS = ParallelSettings(
    net_arch=NET_ARCH,
    rank=2,
    discount=0.9,
    trace_decay=0.7,
    reward_scale=0.5,
    learning_rate=1e-3,
    num_envs=ENVS,
    rollout_length=TIME,
    epochs=EPOCHS,
    num_minibatches=MINIBATCHES,
)
FACTS = facts((OBSERVATION,), ACTIONS, max_episode_steps=5)


def make_rollout(rng):
    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    outcome = rng.choice(3, size=(TIME, ENVS), p=[0.6, 0.2, 0.2])
    return Rollout(
        observation=normal(TIME, ENVS, OBSERVATION),
        carry=tuple(normal(TIME, ENVS, h) for h in NET_ARCH),
        next_carry=tuple(normal(TIME, ENVS, h) for h in NET_ARCH),
        values=normal(TIME, ENVS, len(NET_ARCH), ACTIONS),
        action=rng.integers(0, ACTIONS, (TIME, ENVS)).astype(np.int32),
        reward=normal(TIME, ENVS),
        terminated=outcome == 1,
        truncated=outcome == 2,
        final_observation=normal(TIME, ENVS, OBSERVATION),
        last_observation=normal(ENVS, OBSERVATION),
        last_carry=tuple(normal(ENVS, h) for h in NET_ARCH),
    )


def expected_targets(stack, rollout):
    """The values of the true next observations, step by step, and the Q(λ) returns from them."""
    wiring = reference.Wiring()
    values = np.empty(rollout.values.shape)
    for t in range(TIME):
        if t + 1 < TIME:
            values[t] = rollout.values[t + 1]
        else:
            values[t] = reference.advance(stack, wiring, rollout.last_observation, rollout.last_carry)[0].swapaxes(0, 1)
        carry = [h[t] for h in rollout.next_carry]
        final = reference.advance(stack, wiring, rollout.final_observation[t], carry)[0].swapaxes(0, 1)
        values[t][rollout.truncated[t]] = final[rollout.truncated[t]]
    return reference.q_lambda(0.5 * rollout.reward, rollout.terminated, rollout.truncated, values, 0.9, 0.7)


@pytest.fixture
def batches(monkeypatch):
    """The observations of every update that is done, in order."""
    seen, make_update = [], per_cell.make_update

    def make_recorded_update(*arguments):
        update = make_update(*arguments)

        def recorded(stack, optimiser_states, observation, *others):
            jax.debug.callback(lambda rows: seen.append(np.asarray(rows)), observation, ordered=True)
            return update(stack, optimiser_states, observation, *others)

        return recorded

    monkeypatch.setattr(per_cell, "make_update", make_recorded_update)
    return seen


def rows_of(batches, rollout):
    """Which steps the updates of one learning phase were made of, [epochs, minibatches, batch]; no two look alike."""
    jax.effects_barrier()
    steps = rollout.observation.reshape(TIME * ENVS, OBSERVATION)
    alike = (np.stack(batches)[:, :, None] == steps).all(axis=-1)
    assert (alike.sum(axis=-1) == 1).all()
    batches.clear()
    return alike.argmax(axis=-1).reshape(EPOCHS, MINIBATCHES, -1)


def test_every_epoch_is_another_permutation_of_all_steps(batches, quick_jit):
    agent = make_agent(SETTINGS, FACTS, 10**6, True)
    rollout, learn = make_rollout(np.random.default_rng(0)), quick_jit(agent.learn)
    state, orders = quick_jit(agent.init)(jax.random.key(0)), []
    for seed in (1, 2):
        learn(state, rollout, jnp.asarray(0), jax.random.key(seed))
        orders += [epoch.ravel() for epoch in rows_of(batches, rollout)]
    every_step = np.arange(TIME * ENVS)
    for index, order in enumerate(orders):
        np.testing.assert_array_equal(np.sort(order), every_step)
        for other in (every_step, *orders[:index]):
            # Of 18 steps one stays in its place by chance; 7 do once in ten thousand times.
            assert np.sum(order == other) < 7


@pytest.mark.parametrize("credit", ["local", "backprop"])
def test_learning_phase_matches_numpy(credit, batches, quick_jit):
    settings = dataclasses.replace(SETTINGS, credit=credit)
    agent = make_agent(settings, FACTS, 10**6, True)
    state = quick_jit(agent.init)(jax.random.key(0))
    rollout = make_rollout(np.random.default_rng(0))
    assert rollout.terminated.any()
    assert rollout.truncated[-1].any()
    assert rollout.truncated[:-1].any()
    after, metrics = quick_jit(agent.learn)(state, rollout, jnp.asarray(0), jax.random.key(1))

    stack = [reference.from_attention_cell(cell) for cell in state.stack.cells]
    targets = expected_targets(stack, rollout).reshape(TIME * ENVS, -1).T
    observation, carry, action = jax.tree.map(
        lambda x: x.reshape(TIME * ENVS, *x.shape[2:]), (rollout.observation, rollout.carry, rollout.action)
    )
    adams = [reference.Adam() for _ in stack]
    losses, norms = [], []
    for rows in rows_of(batches, rollout).reshape(EPOCHS * MINIBATCHES, -1):
        loss, gradients = reference.gradients(
            stack,
            reference.Wiring(),
            observation[rows],
            [h[rows] for h in carry],
            action[rows],
            targets[:, rows],
            backprop=credit == "backprop",
        )
        stack = [adam.step(c, g, 1e-3) for adam, c, g in zip(adams, stack, gradients, strict=True)]
        losses.append(loss)
        norms.append([reference.norm(gradient) for gradient in gradients])
    np.testing.assert_allclose(metrics.loss, np.mean(losses, axis=0), rtol=1e-4)
    np.testing.assert_allclose(metrics.gradient_norm, np.mean(norms, axis=0), rtol=1e-4)
    assert int(metrics.updates) == EPOCHS * MINIBATCHES
    for level, cell in enumerate(after.stack.cells):
        for name, parameter in reference.from_attention_cell(cell).items():
            # A hundredth of one step.
            np.testing.assert_allclose(parameter, stack[level][name], atol=1e-5, err_msg=f"{level} {name}")
