"""Alignment: the gradients are derivatives of the agent's own losses, and their comparison is what its name says."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.agents import per_cell, stacks
from accumbens.agents.protocol import Rollout
from accumbens.representation import alignment
from accumbens.representation.recording import record
from accumbens.training.config import resolve_config
from accumbens.training.plan import environment_facts, make_agent_and_plan
from accumbens.training.play import Mind, make_arena
from accumbens.training.trained import Trained

ENVS, STEPS = 4, 16
SMALL = {"num_envs": "4", "rollout_length": "16", "epochs": "1", "num_minibatches": "1", "rank": "2"}


def settings_of(algo, changes):
    config = resolve_config("CartPole-v1", algo, net_arch=(5, 4, 3), changes=changes)
    return config, environment_facts("CartPole-v1", "joint")[0]


@pytest.fixture(scope="module")
def trained():
    config, facts = settings_of("ad_pqn", SMALL)
    agent, _ = make_agent_and_plan(config)
    networks = jax.vmap(lambda seed: agent.network(agent.init(jax.random.key(seed))))(jnp.arange(1))
    return Trained(config, config.settings, facts, [0], agent, networks, 0)


@pytest.fixture(scope="module")
def recording(trained):
    """More than a block of steps, some of which are said to end an episode."""
    arena = make_arena(trained, ENVS, 3)
    found = record(trained, arena, Mind(trained, 0.5), 0, STEPS + 1)
    rng = np.random.default_rng(0)
    terminated = found.terminated | (rng.random(found.reward.shape) < 0.1)
    truncated = found.truncated | (rng.random(found.reward.shape) < 0.2)
    return found._replace(terminated=terminated, truncated=~terminated & truncated)


def test_vectors_of_known_angles():
    a, b = np.array([1.0, 0.0, 2.0]), np.array([0.0, 3.0, 0.0])
    assert alignment.cosine(a, b) == 0
    assert alignment.cosine(a, 7 * a) == pytest.approx(1)
    assert alignment.cosine(a, -a) == pytest.approx(-1)
    assert alignment.cosine(np.array([1.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx(np.sqrt(0.5))
    assert np.isnan(alignment.cosine(a, 0 * a))
    assert alignment.sign_agreement(np.array([1.0, -1, 2, 0, 5]), np.array([3.0, 1, 0, 1, 5])) == pytest.approx(2 / 3)
    assert np.isnan(alignment.sign_agreement(a, b)), "nowhere are both other than zero"


@pytest.mark.parametrize(
    ("algo", "changes"), [("ad_pqn", {}), ("arq_pqn", {"goodness_width": "4"}), ("ad_qr_pqn", {"num_quantiles": "3"})]
)
def test_gradients_are_finite_differences_of_the_losses(algo, changes, quick_jit):
    """In float64, along random directions: of a cell's own loss, of all cells' sum, of the top cell's."""
    config, facts = settings_of(algo, {"rank": "2"} | changes)
    settings, rng = config.settings, np.random.default_rng(1)
    with jax.enable_x64(True):
        stack = stacks.build_stack(settings, facts, jax.random.key(0))
        stack = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(scale=0.5, size=leaf.shape)), stack)
        quantiles = (settings.num_quantiles,) if settings.readout == "quantile" else ()
        rows = alignment.Transitions(
            jnp.asarray(rng.normal(size=(6, 4))),
            tuple(jnp.asarray(rng.normal(size=(6, hidden))) for hidden in settings.net_arch),
            jnp.asarray(rng.integers(0, 2, 6)),
            jnp.asarray(rng.normal(size=(6, 3, *quantiles))),
        )
        losses = per_cell.make_losses(settings, facts)
        losses = quick_jit(lambda stack, losses=losses: losses(stack, *rows)[0])
        gradients = quick_jit(alignment.make_gradients(settings, facts))(stack, rows)
        for cell, _ in itertools.product(range(3), range(2)):
            direction = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), stack.cells[cell])

            def moved(distance, cell=cell, direction=direction):
                shifted = jax.tree.map(lambda leaf, way: leaf + distance * way, stack.cells[cell], direction)
                return np.asarray(losses(eqx.tree_at(lambda s: s.cells[cell], stack, shifted)))

            slopes = (moved(1e-6) - moved(-1e-6)) / 2e-6  # of every cell's loss
            expected = {"local": slopes[cell], "all_cells": slopes.sum(), "top_cell": slopes[-1]}
            for name, slope in expected.items():
                gradient = getattr(gradients, name).cells[cell]
                parts = jax.tree.map(lambda a, b: float(jnp.sum(a * b)), gradient, direction)
                np.testing.assert_allclose(sum(jax.tree.leaves(parts)), slope, rtol=1e-5, atol=1e-7)


def test_what_is_the_same_by_construction(trained, recording, quick_jit):
    """The top cell, and the parameters of lower cells that shape no activity; credit does not matter."""
    stack = trained.network(0)
    rows = quick_jit(alignment.make_transitions(trained.settings, trained.facts))(stack, recording, jnp.arange(20))
    found = {}
    for credit in ("local", "backprop"):
        settings = dataclasses.replace(trained.settings, credit=credit)
        found[credit] = quick_jit(alignment.make_gradients(settings, trained.facts))(stack, rows)
    jax.tree.map(np.testing.assert_array_equal, found["local"], found["backprop"])

    gradients, leaves = found["local"], alignment.activity_leaves(stack, 4)
    assert all(0 < sum(shapes) < len(shapes) for shapes in leaves)
    for mine, both, top, shapes in zip(
        gradients.local.cells[:-1], gradients.all_cells.cells, gradients.top_cell.cells, leaves, strict=False
    ):
        rest = [not shape for shape in shapes]
        of_value = alignment.flat(mine, rest)
        assert np.any(of_value != 0)
        np.testing.assert_allclose(alignment.flat(both, rest), of_value, rtol=1e-4, atol=1e-8)
        assert not alignment.flat(top, rest).any()
        assert alignment.cosine(alignment.flat(mine, shapes), alignment.flat(both, shapes)) < 0.9999
    comparisons = list(alignment.compare(gradients, leaves))
    assert len(comparisons) == 2 * 3 * 2
    for each in comparisons:
        whole = sum(leaf.size for leaf in jax.tree.leaves(stack.cells[each.cell - 1]))
        assert (each.number == whole) == (each.parameters == "all")
        if each.cell == 3:
            assert each.cosine == pytest.approx(1, abs=1e-6)
            assert each.sign_agreement > 0.99
            assert each.local_norm == pytest.approx(each.reference_norm, rel=1e-5)
        assert -1 <= each.cosine <= 1


def test_targets_and_local_gradient_are_those_of_the_agent_s_own_learning(trained, recording, quick_jit):
    """One update from one block: its loss, its TD errors and the length of every cell's gradient."""
    stack, agent = trained.network(0), trained.agent
    block = jax.tree.map(lambda x: jnp.asarray(x[:STEPS]), recording)
    rollout = Rollout(
        observation=block.observation,
        carry=block.carry,
        next_carry=block.hidden,
        values=block.values,
        action=block.action,
        reward=block.reward,
        terminated=block.terminated,
        truncated=block.truncated,
        final_observation=block.next_observation,
        last_observation=jnp.asarray(recording.observation[STEPS]),
        last_carry=tuple(jnp.asarray(hidden[STEPS]) for hidden in recording.carry),
    )
    state = agent.init(jax.random.key(0))
    _, metrics = quick_jit(agent.learn)(state, rollout, jnp.asarray(0), jax.random.key(1))
    make_rows = quick_jit(alignment.make_transitions(trained.settings, trained.facts))
    rows = make_rows(stack, block, jnp.arange(ENVS * STEPS))
    losses, (error, _) = per_cell.make_losses(trained.settings, trained.facts)(stack, *rows)
    np.testing.assert_allclose(losses, metrics.loss, rtol=1e-4)
    np.testing.assert_allclose(error, metrics.td_error, rtol=1e-4)
    gradients = quick_jit(alignment.make_gradients(trained.settings, trained.facts))(stack, rows)
    lengths = [
        np.linalg.norm(alignment.flat(cell, [True] * len(jax.tree.leaves(cell)))) for cell in gradients.local.cells
    ]
    np.testing.assert_allclose(lengths, metrics.gradient_norm, rtol=1e-3)


def test_chunks_do_not_change_the_mean(trained, recording, monkeypatch, quick_jit):
    stack = trained.network(0)
    rows = quick_jit(alignment.make_transitions(trained.settings, trained.facts))(stack, recording, jnp.arange(60))
    whole = quick_jit(alignment.make_gradients(trained.settings, trained.facts))(stack, rows)
    monkeypatch.setattr(alignment, "CHUNK", 12)
    parts = quick_jit(alignment.make_gradients(trained.settings, trained.facts))(stack, rows)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6), whole, parts)


def test_the_replay_learner_s_targets_are_of_one_step(trained, recording, quick_jit):
    config, facts = settings_of("ad_dqn", {"rank": "2"})
    settings = dataclasses.replace(config.settings, scale_observations=trained.settings.scale_observations)
    stack = stacks.build_stack(settings, facts, jax.random.key(0))
    targets = quick_jit(alignment.make_targets(settings, facts))(stack, recording)
    values, _ = jax.vmap(jax.vmap(stack))(jnp.asarray(recording.next_observation), recording.hidden)
    best = np.where(recording.terminated[..., None], 0, np.asarray(values).max(axis=-1))
    expected = settings.reward_scale * recording.reward[..., None] + settings.discount * best
    np.testing.assert_allclose(targets, expected, rtol=1e-4, atol=1e-4)
