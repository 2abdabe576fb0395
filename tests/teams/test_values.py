"""One update of teams that learn action values, against NumPy: from data with a conservative term, and by playing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.runs.streams import Stream, stream_key
from accumbens.teams.action_values import values_of
from accumbens.teams.conservative import make_conservative
from accumbens.teams.playing import make_playing
from accumbens.teams.policies import draw_legal
from accumbens.teams.settings import ConservativeSettings, PlayingSettings
from accumbens.teams.windows import draw_transitions

from .conftest import AGENTS as DRIFTERS
from .conftest import make_drift
from .learning import AGENTS, FACTS, SEED, data_of, gradient_of, noisy, of_agent
from .test_imitation import along, directions, slope


def q_of(network, observation):
    """Values of one observation, in plain NumPy."""
    x = observation
    for weight, bias in zip(network.weights[:-1], network.biases[:-1], strict=True):
        x = weight @ x + bias
        x = np.maximum(0.0, (x - x.mean()) / np.sqrt(x.var() + 1e-5))
    return network.weights[-1] @ x + network.biases[-1]


def team_values(networks, observation, shared):
    agents = len(observation)
    if shared:
        return np.stack([q_of(networks, np.concatenate([o, np.eye(agents)[i]])) for i, o in enumerate(observation)])
    return np.stack([q_of(of_agent(networks, i), o) for i, o in enumerate(observation)])


def conservative_losses(settings, networks, target, batch):
    """Both parts of the loss of Kumar et al., mean over transitions and agents."""
    td, above = [], []
    for one in range(len(batch.terminated)):
        now = team_values(networks, batch.observation[one], settings.shared)
        then = team_values(networks, batch.next_observation[one], settings.shared)
        there = team_values(target, batch.next_observation[one], settings.shared)
        for i in range(AGENTS):
            legal, action = batch.legal[one, i], batch.action[one, i]
            best = np.argmax(np.where(batch.next_legal[one, i], then[i], -np.inf))
            goal = batch.reward[one, i] + settings.discount * there[i, best] * (not batch.terminated[one])
            td.append((goal - now[i, action]) ** 2 / 2)
            above.append(np.log(np.exp(now[i][legal]).sum()) - now[i, action])
    return np.mean(td), np.mean(above)


@pytest.mark.parametrize("shared", [True, False])
def test_conservative(shared):
    settings = ConservativeSettings(
        shared=shared,
        layers=(4, 3),
        conservative=0.7,
        discount=0.8,
        target_rate=0.25,
        batch_size=12,
        max_grad_norm=1e9,
        learning_rate=0.01,
    )
    with jax.enable_x64(True):
        learner = make_conservative(settings, FACTS)
        data, seed, number = data_of(1), jnp.uint32(SEED), jnp.int32(4)
        before = learner.init(seed)
        before = before._replace(networks=noisy(before.networks, 1))
        before = before._replace(memory=before.memory._replace(target=noisy(before.networks, 2)))
        batch = draw_transitions(data, 12, stream_key(seed, Stream.LEARNING, number))
        after = jax.jit(learner.update)(before, data, seed, number)
        before, after, batch = (jax.tree.map(np.asarray, part) for part in (before, after, batch))
    assert batch.terminated.any()
    assert not batch.legal.all()
    assert not batch.next_legal.all()
    networks, target = before.networks, before.memory.target
    td, above = conservative_losses(settings, networks, target, batch)
    assert float(after.losses["td_loss"]) == pytest.approx(td, rel=1e-9)
    assert float(after.losses["conservative_loss"]) == pytest.approx(above, rel=1e-9)
    assert float(after.losses["learning_loss"]) == pytest.approx(td + 0.7 * above, rel=1e-9)

    # The target is a constant: what following observations say of it must not move with the networks.
    fixed = [
        [
            batch.reward[one, i]
            + 0.8
            * (not batch.terminated[one])
            * team_values(target, batch.next_observation[one], shared)[i][
                np.argmax(
                    np.where(
                        batch.next_legal[one, i],
                        team_values(networks, batch.next_observation[one], shared)[i],
                        -np.inf,
                    )
                )
            ]
            for i in range(AGENTS)
        ]
        for one in range(12)
    ]

    def loss(networks):
        parts = []
        for one in range(12):
            now = team_values(networks, batch.observation[one], shared)
            for i in range(AGENTS):
                action = batch.action[one, i]
                above = np.log(np.exp(now[i][batch.legal[one, i]]).sum()) - now[i, action]
                parts.append((fixed[one][i] - now[i, action]) ** 2 / 2 + 0.7 * above)
        return np.mean(parts) * (1 if shared else AGENTS)

    gradient = gradient_of(after.memory.optimiser)
    for direction in directions(networks, np.random.default_rng(0)):
        assert along(gradient, direction) == pytest.approx(slope(loss, networks, direction), rel=1e-5)
    for old, new, moved in zip(*map(jax.tree.leaves, (target, after.networks, after.memory.target)), strict=True):
        np.testing.assert_allclose(moved, 0.75 * old + 0.25 * new, rtol=1e-12)


COPIES, STEPS = 3, 8
PLAYING = PlayingSettings(
    layers=(5,),
    num_envs=COPIES,
    rollout_length=STEPS,
    epochs=1,
    num_minibatches=1,
    discount=0.9,
    trace_decay=0.7,
    max_grad_norm=1e9,
    exploration_fraction=0.5,
)


@pytest.fixture(scope="module")
def rollout():
    """One update by playing; and the same steps, one copy and one step after another."""
    env = make_drift(limit=4, ends=0.2)
    learner, seed, number = make_playing(PLAYING, env, 20), jnp.uint32(SEED), jnp.int32(5)
    before = learner.init(seed)
    before = before._replace(networks=noisy(before.networks))
    update = jax.jit(learner.update)
    after = update(before, None, seed, number)
    values = values_of(True, PLAYING.layers, env.facts)
    read, step, reset = jax.jit(jax.vmap(values.read, in_axes=(None, 0))), jax.jit(env.step), jax.jit(env.reset)
    states = [jax.tree.map(lambda leaf, c=c: leaf[c], before.memory.states) for c in range(COPIES)]
    seen, rows = before.memory.seen, []
    for time in range(5 * STEPS, 6 * STEPS):
        coin, wander = jax.random.split(stream_key(seed, Stream.EXPLORATION, time))
        greedy = np.where(seen.legal, read(before.networks, seen.observation), -np.inf).argmax(axis=-1)
        drawn = jax.vmap(draw_legal)(jax.random.split(wander, COPIES), seen.legal)
        epsilon = 1.0 + (5 / 10) * (0.05 - 1.0)
        action = np.where(jax.random.bernoulli(coin, epsilon, greedy.shape), drawn, greedy).astype(np.int32)
        keys = jax.random.split(stream_key(seed, Stream.ENVIRONMENT, time), COPIES)
        of_copies = []
        for copy in range(COPIES):
            moves, begins = jax.random.split(keys[copy])
            state, outcome = step(moves, states[copy], jnp.asarray(action[copy]))
            following = outcome.seen
            if outcome.terminated or outcome.truncated:
                state, following = reset(begins)
            states[copy] = state
            of_copies.append((following, outcome))
        rows.append((seen, action, [outcome for _, outcome in of_copies]))
        seen = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(following for following, _ in of_copies))
    return before, after, rows, seen


def targets_of(networks, rows):
    """Q(λ) by its recursion, of one copy and agent after another."""
    found = np.zeros((STEPS, COPIES, DRIFTERS))
    for copy in range(COPIES):
        following = None
        for time in reversed(range(STEPS)):
            outcome = rows[time][2][copy]
            legal = np.asarray(outcome.seen.legal)
            best = np.where(legal, team_values(networks, np.asarray(outcome.seen.observation), True), -np.inf).max(
                axis=1
            )
            beyond = best if following is None or outcome.truncated else 0.3 * best + 0.7 * following
            following = np.asarray(outcome.rewards) + 0.9 * beyond * (not outcome.terminated)
            found[time, copy] = following
    return found


def test_playing(rollout):
    before, after, rows, seen = rollout
    for one, two in zip(jax.tree.leaves(after.memory.seen), jax.tree.leaves(seen), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
    ends = np.array([[[o.terminated, o.truncated] for o in row[2]] for row in rows])
    assert ends.any(axis=(0, 1)).all(), "both ends are met"
    networks = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), before.networks)
    targets = targets_of(networks, rows)

    def loss(networks):
        squares = []
        for time, (seen, action, _) in enumerate(rows):
            for copy in range(COPIES):
                values = team_values(networks, np.asarray(seen.observation[copy], np.float64), True)
                taken = values[range(DRIFTERS), action[copy]]
                squares.append((targets[time, copy] - taken) ** 2 / 2)
        return np.mean(squares)

    assert float(after.losses["learning_loss"]) == pytest.approx(loss(networks), rel=1e-4)
    gradient = gradient_of(after.memory.optimiser)
    for direction in directions(networks, np.random.default_rng(0)):
        assert along(gradient, direction) == pytest.approx(slope(loss, networks, direction), rel=2e-3)


def test_what_is_done_while_playing_is_legal(rollout):
    for seen, action, _ in rollout[2]:
        assert np.take_along_axis(np.asarray(seen.legal), action[..., None], -1).all()
