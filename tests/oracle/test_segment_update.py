"""The segment learner against float64 NumPy: stretches run through anew, their Q(λ) targets, and the updates."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import numpy_agents as reference
import pytest
from facts import facts

from accumbens.agents import network, per_cell
from accumbens.agents.factory import make_agent
from accumbens.agents.protocol import Rollout
from accumbens.agents.settings import SegmentSettings

TIME, ENVS, SEGMENTS, OBSERVATION, ACTIONS, NET_ARCH = 6, 3, 4, 3, 2, (6, 5)
EPOCHS, MINIBATCHES, KEPT = 2, 3, 2
WIRING = reference.Wiring()
SETTINGS = SegmentSettings(
    net_arch=NET_ARCH,
    rank=2,
    discount=0.9,
    trace_decay=0.7,
    reward_scale=0.5,
    learning_rate=1e-3,
    num_envs=ENVS,
    rollout_length=TIME,
    segments=SEGMENTS,
    replay_capacity=KEPT * TIME * ENVS + 5,
    learning_starts=TIME * ENVS + 1,  # reached in the second block
    epochs=EPOCHS,
    num_minibatches=MINIBATCHES,
)
FACTS = facts((OBSERVATION,), ACTIONS, max_episode_steps=5)


def make_rollout(rng):
    """Values and all carries but the first are of a network that is no more: nobody may learn from them."""

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


def run_through(stack, rollout):
    """Of this network, from the first carry on: carries [time, envs, hidden], the targets of its values, and the
    sizes of its TD errors [time, envs, cells]."""
    carry = [np.array(h[0], np.float64) for h in rollout.carry]
    carries, values, final = [], [], []
    for t in range(TIME):
        carries.append(carry)
        value, after, _ = reference.advance(stack, WIRING, rollout.observation[t], carry)
        values.append(value)
        final.append(reference.advance(stack, WIRING, rollout.final_observation[t], after)[0])
        carry = [h.copy() for h in after]
        for h in carry:
            h[rollout.terminated[t] | rollout.truncated[t]] = 0
    values.append(reference.advance(stack, WIRING, rollout.last_observation, carry)[0])
    following = np.stack(values[1:]).swapaxes(1, 2)
    following[rollout.truncated] = np.stack(final).swapaxes(1, 2)[rollout.truncated]
    targets = reference.q_lambda(0.5 * rollout.reward, rollout.terminated, rollout.truncated, following, 0.9, 0.7)
    taken = np.take_along_axis(
        np.stack(values[:-1]).swapaxes(1, 2), rollout.action[..., None, None].astype(int), axis=-1
    )[..., 0]
    return [np.stack(h) for h in zip(*carries, strict=True)], targets, np.abs(targets - taken)


@pytest.fixture
def batches(monkeypatch):
    """What every update was made of, in order: observation, carry, action, targets."""
    seen, make_update = [], per_cell.make_update

    def make_recorded_update(*arguments):
        update = make_update(*arguments)

        def recorded(stack, optimiser_states, *batch):
            jax.debug.callback(lambda *batch: seen.append(jax.tree.map(np.asarray, batch)), *batch, ordered=True)
            return update(stack, optimiser_states, *batch)

        return recorded

    monkeypatch.setattr(per_cell, "make_update", make_recorded_update)
    return seen


def places_of(observations, rollouts):
    """Block, step and environment of every row; no two steps look alike."""
    steps = np.stack([rollout.observation for rollout in rollouts])
    alike = (observations[:, None] == steps.reshape(-1, OBSERVATION)).all(axis=-1)
    assert (alike.sum(axis=-1) == 1).all()
    return np.stack(np.unravel_index(alike.argmax(axis=-1), steps.shape[:3]))


@pytest.mark.parametrize("exponent", [0.0, 0.7])
def test_learning_phases_match_numpy(batches, quick_jit, exponent):
    agent = make_agent(replace(SETTINGS, priority_exponent=exponent), FACTS, 10**6, True)
    learn, state = quick_jit(agent.learn), quick_jit(agent.init)(jax.random.key(0))
    rng = np.random.default_rng(0)
    rollouts = [make_rollout(rng) for _ in range(4)]
    stack = [reference.from_attention_cell(cell) for cell in state.learner.stack.cells]
    adams, steps_seen = [reference.Adam() for _ in stack], set()
    priorities = np.zeros((KEPT, ENVS))
    for block, rollout in enumerate(rollouts):
        before = state
        state, metrics = learn(state, rollout, jnp.asarray(block), jax.random.key(block))
        jax.effects_barrier()
        assert int(metrics.updates) == agent.updates_at(block + 1) - agent.updates_at(block) == len(batches)
        priorities[block % KEPT] = priorities.max() or 1.0
        if block == 0:
            jax.tree.map(np.testing.assert_array_equal, state.learner, before.learner)
            assert not np.any(metrics.loss)
            continue
        assert len(batches) == EPOCHS * MINIBATCHES

        seen = [run_through(stack, earlier) for earlier in rollouts]  # all before the first update
        orders, losses = [], []
        for observation, carry, action, targets in batches:
            places = places_of(observation, rollouts)
            orders.append(places)
            for level, h in enumerate(carry):
                expected = np.stack([seen[i][0][level][j, k] for i, j, k in places.T])
                np.testing.assert_allclose(h, expected, rtol=1e-4, atol=1e-4)
            expected = np.stack([seen[i][1][j, k] for i, j, k in places.T])
            np.testing.assert_allclose(targets, expected, rtol=1e-4, atol=1e-4)
            np.testing.assert_array_equal(action, [rollouts[i].action[j, k] for i, j, k in places.T])
            carry = [np.stack([seen[i][0][level][j, k] for i, j, k in places.T]) for level in range(len(stack))]
            loss, gradients = reference.gradients(stack, WIRING, observation, carry, action, expected.T)
            stack = [adam.step(c, g, 1e-3) for adam, c, g in zip(adams, stack, gradients, strict=True)]
            losses.append(loss)
        np.testing.assert_allclose(metrics.loss, np.mean(losses, axis=0), rtol=1e-4)
        for level, cell in enumerate(state.learner.stack.cells):
            for name, parameter in reference.from_attention_cell(cell).items():
                # A hundredth of one step.
                np.testing.assert_allclose(parameter, stack[level][name], atol=1e-5, err_msg=f"{level} {name}")

        # In every pass the same whole stretches, of the blocks that are kept, in another order.
        first, second = np.concatenate(orders, axis=1).reshape(3, EPOCHS, -1).swapaxes(0, 1)
        assert first.shape[1] == SEGMENTS * TIME
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(*(part[:, np.lexsort(part)] for part in (first, second)))
        counts = np.zeros((len(rollouts), TIME, ENVS), int)
        np.add.at(counts, tuple(first), 1)
        assert (counts == counts[:, :1]).all()
        assert counts[:, 0].sum() == SEGMENTS
        kept = np.arange(len(rollouts))
        assert not counts[(kept > block) | (kept <= block - KEPT)].any()
        assert counts[block].any() or block > 1, "what was just played can be drawn at once"
        if exponent:
            for i, k in set(zip(*first[[0, 2]].tolist(), strict=True)):
                priorities[i % KEPT, k] = seen[i][2][:, k].mean()
            np.testing.assert_allclose(state.priorities.reshape(KEPT, ENVS), priorities, rtol=1e-4)
        else:
            assert state.priorities is None
        steps_seen |= {(i, j, k) for i, j, k in first.T.tolist()}
        batches.clear()

    # What was learned from has ends of both kinds within stretches, and a truncation at the last step of one.
    ends = [(rollouts[i].terminated[j, k], rollouts[i].truncated[j, k], j == TIME - 1) for i, j, k in steps_seen]
    assert {(True, False, False), (False, True, False), (False, True, True)} <= set(ends)


def test_a_run_too_short_to_learn_is_no_error():
    agent = make_agent(SETTINGS, FACTS, TIME * ENVS, True)
    assert agent.updates_at(1) == 0
    assert np.isfinite(agent.learning_rate(0))


@pytest.mark.parametrize("readout", ["quantile", "value"])
@pytest.mark.parametrize("dimensions", [None, 2])
def test_priorities_of_other_readouts_and_actions(quick_jit, readout, dimensions):
    """The mean over quantiles is what surprises, and of a factored action the mean over its dimensions."""
    loss = "quantile_huber" if readout == "quantile" else "squared"
    settings = replace(
        SETTINGS, priority_exponent=1.0, readout=readout, loss=loss, num_quantiles=3, learning_starts=0, segments=30
    )
    env = facts((OBSERVATION,), 4, max_episode_steps=5)._replace(action_dimensions=dimensions)
    agent, rng = make_agent(settings, env, 10**6, True), np.random.default_rng(1)
    state = quick_jit(agent.init)(jax.random.key(0))
    rollout = make_rollout(rng)
    shape = (TIME, ENVS) if dimensions is None else (TIME, ENVS, dimensions)
    rollout = rollout._replace(
        action=rng.integers(0, 4 // (dimensions or 1), shape).astype(np.int32),
        terminated=np.ones((TIME, ENVS), bool),
        truncated=np.zeros((TIME, ENVS), bool),
    )
    after, _ = quick_jit(agent.learn)(state, rollout, jnp.asarray(0), jax.random.key(0))

    # Every step is an episode's last, so that the target is the reward, and every step but the first begins one.
    value = network.value_function(settings, env)
    expected = np.zeros(ENVS)
    for t in range(TIME):
        carry = tuple(jnp.array(h[0] if t == 0 else np.zeros_like(h[0])) for h in rollout.carry)
        values, _ = value.all(state.learner.stack, jnp.array(rollout.observation[t]), carry)
        values = np.asarray(values, np.float64)
        values = values.mean(axis=2) if readout == "quantile" else values  # [envs, cells, actions]
        for env_number in range(ENVS):
            action = np.atleast_1d(rollout.action[t, env_number])
            chosen = action if dimensions is None else action + 2 * np.arange(dimensions)
            taken = values[env_number][:, chosen].mean(axis=1)
            expected[env_number] += np.abs(0.5 * rollout.reward[t, env_number] - taken).mean() / TIME
    np.testing.assert_allclose(after.priorities[:ENVS], expected, rtol=1e-4)
    assert not np.any(after.priorities[ENVS:])
