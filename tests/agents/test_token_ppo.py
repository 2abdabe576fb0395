"""The token learner against its equations, in float64 and by hand."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.agents.token_policy import (
    Networks,
    act,
    first_value,
    likelihoods,
    make_networks,
    only,
    state_values,
    what_learns,
)
from accumbens.agents.token_ppo import Block, credit_of, first_state, learn
from accumbens.agents.token_settings import TokenSettings
from accumbens.language import Choices, TransformerSettings, make_transformer, score
from accumbens.td.tokens import Steps

SMALL = TokenSettings(width=8, blocks=1, heads=2, critic_layers=(4,), epochs=1, num_minibatches=1)
VOCABULARY, END = 11, 0
ACTIONS = [[3, 4, 5], [3, 4, 6], [3, 7], [8, 4]]
"""Of which the first token decides between three and one, and the last does not matter in two."""


def choices(prompt=(1, 2, 9, 10), actions=ACTIONS, rows=5, width=4):
    padded, lengths = np.full((rows, width), END, np.int32), np.zeros(rows, np.int32)
    for i, tokens in enumerate(actions):
        padded[i, : len(tokens)], lengths[i] = tokens, len(tokens)
    words = np.array([1, 2, 2, 3, 1][:rows], np.int32)
    return Choices(np.asarray(prompt, np.int32), np.asarray(len(prompt), np.int32), padded, lengths, words)


@pytest.fixture(scope="module")
def networks():
    made = make_networks(SMALL, VOCABULARY, None, jax.random.key(0))
    # As drawn, all actions are nearly alike, and the critic's last layer is 0.
    stronger = jax.tree.map(lambda leaf: 20 * leaf, made.policy.embedding)
    last = jax.random.normal(jax.random.key(1), (1, 4))
    return eqx.tree_at(lambda n: (n.policy.embedding, n.critic.head.layers[-1]), made, (stronger, last))


def probabilities(settings, log_probs, given):
    """Of all actions and of every token among those that go on as it does, written out."""
    lengths = np.asarray(given.lengths)
    actions = [tuple(row[:n]) for row, n in zip(np.asarray(given.actions).tolist(), lengths, strict=True) if n]
    sums = [float(np.sum(np.asarray(log_probs, np.float64)[i, : len(a)])) for i, a in enumerate(actions)]
    if settings.policy == "actions":
        divisors = {"sum": [1] * 4, "tokens": lengths, "words": np.asarray(given.words)}[settings.normalisation]
        scores = np.exp([total / d for total, d in zip(sums, divisors, strict=False)])
        of_action = dict(zip(actions, scores / scores.sum(), strict=True))

        def weight(beginning):
            return sum(p for a, p in of_action.items() if a[: len(beginning)] == beginning)
    else:
        found = {
            a[: j + 1]: float(np.exp(np.float64(log_probs[i, j]))) for i, a in enumerate(actions) for j in range(len(a))
        }
        weight = found.__getitem__
    tokens = []
    for a in actions:
        row = []
        for j in range(len(a)):
            siblings = {b[: j + 1] for b in actions if len(b) > j and b[:j] == a[:j]}
            row.append(weight(a[: j + 1]) / sum(map(weight, siblings)))
        tokens.append(row)
    return tokens


POLICIES = {
    "tokens": {},
    "actions": {"policy": "actions"},
    "per token": {"policy": "actions", "normalisation": "tokens"},
    "per word": {"policy": "actions", "normalisation": "words"},
}


@pytest.mark.parametrize("changes", POLICIES.values(), ids=POLICIES)
def test_the_likelihood_is_of_what_is_drawn(changes, networks):
    settings, given = dataclasses.replace(SMALL, **changes), choices()
    expected = probabilities(settings, score(networks.policy, given).log_probs, given)
    found = likelihoods(settings, networks.policy, given)
    for i, row in enumerate(expected):
        np.testing.assert_allclose(np.exp(found.log_probs[i, : len(row)]), row, rtol=2e-5)
    assert not np.asarray(found.log_probs)[np.arange(4) >= np.asarray(given.lengths)[:, None]].any()
    whole = np.exp(np.sum(found.log_probs, axis=1))[:4]
    np.testing.assert_allclose(whole.sum(), 1.0, rtol=1e-5)
    first = np.array([expected[0][0], expected[3][0]])
    np.testing.assert_allclose(found.entropies[0, 0], -(first * np.log(first)).sum(), rtol=1e-4)
    assert abs(float(found.entropies[3, 1])) < 1e-6, "a token without another in its place"


@pytest.mark.parametrize("changes", [{}, {"policy": "actions", "normalisation": "words"}], ids=["tokens", "per word"])
def test_actions_are_drawn_as_likely_as_they_are(changes, networks):
    settings, given = dataclasses.replace(SMALL, **changes), choices()
    draw = jax.jit(jax.vmap(lambda key: act(settings, END, networks, given, key, jnp.asarray(False))))
    drawn = draw(jax.random.split(jax.random.key(3), 4000))
    expected = np.exp(np.sum(likelihoods(settings, networks.policy, given).log_probs, axis=1))[:4]
    counts = np.bincount(np.asarray(drawn.chosen), minlength=4)
    spread = np.sqrt(4000 * expected * (1 - expected))
    assert (np.abs(counts - 4000 * expected) < 4 * spread + 1).all()
    greedy = act(settings, END, networks, given, jax.random.key(0), jnp.asarray(True))
    assert greedy.chosen == np.argmax(expected)
    np.testing.assert_array_equal(greedy.written, given.actions[greedy.chosen])
    assert greedy.length == given.lengths[greedy.chosen]


def test_values_are_read_before_every_token(networks):
    given = choices()
    found = state_values(networks, given)
    np.testing.assert_allclose(found[0, :2], found[1, :2], rtol=1e-5, err_msg="the same tokens before")
    assert abs(found[0, 1] - found[3, 1]) > 1e-4
    np.testing.assert_allclose(first_value(networks, given), found[2, 0], rtol=1e-5)
    alone = state_values(networks, only(given, jnp.asarray(3)))
    np.testing.assert_allclose(alone[0], found[3], rtol=1e-5)


def block(networks, settings, several, place, chosen, reward, ended, values=None, log_probs=None):
    """A block of one environment, [time, 1]."""
    given = jax.tree.map(lambda *parts: np.stack(parts), *several)
    place, chosen = np.asarray(place), np.asarray(chosen)
    found = [
        likelihoods(settings, networks.policy, several[p]).log_probs[c] for p, c in zip(place, chosen, strict=True)
    ]
    now = [state_values(networks, several[p])[c] for p, c in zip(place, chosen, strict=True)]
    steps = Steps(
        lengths=jnp.asarray([several[p].lengths[c] for p, c in zip(place, chosen, strict=True)])[:, None],
        reward=jnp.asarray(reward, jnp.float32)[:, None],
        terminated=jnp.asarray(ended)[:, None],
        truncated=jnp.zeros((len(place), 1), bool),
        beyond=jnp.zeros((len(place), 1)),
    )
    return Block(
        jax.tree.map(jnp.asarray, given),
        jnp.asarray(place)[:, None],
        jnp.asarray(chosen)[:, None],
        jnp.stack(found if log_probs is None else log_probs)[:, None],
        jnp.stack(now if values is None else values)[:, None],
        steps,
    )


def learned_of(settings, networks, made):
    state = first_state(settings, networks)
    frozen = eqx.filter(networks, what_learns(networks), inverse=True)
    return state, *learn(settings, frozen, state, made, jax.random.key(5))


TWO = [choices(), choices(prompt=(2, 1, 9, 9))]


def test_the_gradient_is_that_of_the_clipped_objective(networks):
    """Written out in float64 of log-probabilities that are differentiated by finite differences of one weight."""
    settings = dataclasses.replace(
        SMALL,
        normalise_advantages=False,
        entropy_coefficient=0.3,
        max_kl=None,
        learning_rate=1e-2,
        max_gradient_norm=1e9,
    )
    made = block(networks, settings, TWO, [0, 1, 0], [0, 3, 2], [0.5, -1.0, 2.0], [False, True, True])
    # Probabilities that have moved since, one by more than may be.
    made = made._replace(log_probs=made.log_probs + jnp.asarray([0.1, -0.5, 0.05])[:, None, None])
    told = credit_of(settings, made)

    def objective(policy):
        total, count = 0.0, 0
        for t, (place, chosen) in enumerate([(0, 0), (1, 3), (0, 2)]):
            found = likelihoods(settings, policy, TWO[place])
            for j in range(int(TWO[place].lengths[chosen])):
                ratio = np.exp(float(found.log_probs[chosen, j]) - float(made.log_probs[t, 0, j]))
                a = float(told.advantages[t, 0, j])
                total += min(ratio * a, np.clip(ratio, 0.8, 1.2) * a) + 0.3 * float(found.entropies[chosen, j])
                count += 1
        return total / count

    before, after, metrics = learned_of(settings, networks, made)
    weight = before.learned.policy.blocks[0].v.weight
    gradient = []
    for index in [(0, 0), (3, 2), (7, 5)]:

        def moved(by, index=index):
            changed = eqx.tree_at(lambda p: p.blocks[0].v.weight, networks.policy, weight.at[index].add(by))
            return objective(changed)

        gradient.append((moved(1e-2) - moved(-1e-2)) / 2e-2)
        # Adam's first step is the gradient's sign.
        step = float(after.learned.policy.blocks[0].v.weight[index] - weight[index])
        assert np.sign(step) == np.sign(gradient[-1])
    mu = after.actor[1][0].mu.blocks[0].v.weight
    np.testing.assert_allclose([-10 * mu[index] for index in [(0, 0), (3, 2), (7, 5)]], gradient, rtol=2e-2, atol=2e-5)
    expected = objective(networks.policy)
    np.testing.assert_allclose(-metrics.actor_loss + 0.3 * metrics.entropy, expected, rtol=1e-4)
    assert metrics.clip_fraction > 0


def test_at_the_level_of_actions_the_ratio_is_the_actions(networks):
    settings = dataclasses.replace(SMALL, rule="twosome", normalise_advantages=False, max_kl=None)
    made = block(networks, settings, TWO, [0, 1], [0, 3], [0.5, -1.0], [True, True])
    shift = jnp.asarray([0.15, -0.15])[:, None, None]  # tokens within the clip, the action beyond
    made = made._replace(log_probs=made.log_probs - shift)
    told = credit_of(settings, made)
    _, _, metrics = learned_of(settings, networks, made)
    lengths, sizes = np.array([3, 2]), np.array([0.15, -0.15])
    ratios = np.exp(lengths * sizes)
    # What is padding has moved too, and must not count.
    a = np.asarray(told.advantages)[:, 0, 0]
    loss = -np.minimum(ratios * a, np.clip(ratios, 0.8, 1.2) * a).mean()
    np.testing.assert_allclose(metrics.actor_loss, loss, rtol=1e-5)
    np.testing.assert_allclose(metrics.clip_fraction, 1.0)
    np.testing.assert_allclose(metrics.approx_kl, (ratios - 1 - lengths * sizes).mean(), rtol=1e-4)


def test_the_critics_loss_is_clipped_and_of_tokens_that_are_there(networks):
    settings = dataclasses.replace(SMALL, value_clip=0.1)
    made = block(networks, settings, TWO, [0, 1], [0, 3], [0.5, -1.0], [True, True])
    old = made.values - jnp.asarray([0.3, 0.02])[:, None, None]
    made = made._replace(values=old)
    told = credit_of(settings, made)
    _, _, metrics = learned_of(settings, networks, made)
    errors = []
    for t, (place, chosen) in enumerate([(0, 0), (1, 3)]):
        values = np.asarray(state_values(networks, TWO[place]), np.float64)[chosen]
        for j in range(int(TWO[place].lengths[chosen])):
            target, before = float(told.returns[t, 0, j]), float(old[t, 0, j])
            near = before + np.clip(values[j] - before, -0.1, 0.1)
            errors.append(max((values[j] - target) ** 2, (near - target) ** 2))
    np.testing.assert_allclose(metrics.critic_loss, np.mean(errors), rtol=1e-4)


def test_what_came_several_times_is_computed_once_and_counts_as_often(networks):
    """The same rows, once with fewer different choices than rows, once with more."""
    settings = dataclasses.replace(SMALL, rule="ntpo")
    few = block(networks, settings, TWO, [0, 1, 0, 0], [0, 3, 2, 1], [0.5, -1.0, 2.0, 1.0], [False, True, False, True])
    many = [TWO[0], TWO[1], TWO[0], TWO[0], TWO[1], TWO[1]]
    much = block(
        networks, settings, many, [0, 1, 2, 3], [0, 3, 2, 1], [0.5, -1.0, 2.0, 1.0], [False, True, False, True]
    )
    _, one, first = learned_of(settings, networks, few)
    _, other, second = learned_of(settings, networks, much)
    # Adam's first moments are the gradients; its step would blow up what is rounded.
    parts = [
        (state.actor[1][0].mu, state.critic[1][0].mu, metrics) for state, metrics in ((one, first), (other, second))
    ]
    for a, b in zip(*map(jax.tree.leaves, parts), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_an_actor_that_has_gone_too_far_waits(networks):
    settings = dataclasses.replace(SMALL, max_kl=1e-4)
    made = block(networks, settings, TWO, [0, 1], [0, 3], [0.5, -1.0], [True, True])
    before, near, metrics = learned_of(settings, networks, made)
    assert metrics.skipped == 0.0
    assert not np.array_equal(near.learned.policy.norm, before.learned.policy.norm)
    before, far, metrics = learned_of(settings, networks, made._replace(log_probs=made.log_probs - 0.5))
    assert metrics.skipped == 1.0
    for a, b in zip(jax.tree.leaves(before.learned.policy), jax.tree.leaves(far.learned.policy), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(jax.tree.leaves(before.actor), jax.tree.leaves(far.actor), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(far.learned.critic.reader.norm, before.learned.critic.reader.norm)


def test_a_second_critic_follows(networks):
    settings = dataclasses.replace(SMALL, target_rate=0.25, value_clip=None)
    made = block(networks, settings, TWO, [0, 1], [0, 3], [0.5, -1.0], [True, True])
    before, after, _ = learned_of(settings, networks, made)
    old, new, target = (c.head.layers[0] for c in (before.target, after.learned.critic, after.target))
    assert not np.array_equal(old, new)
    np.testing.assert_allclose(target, 0.75 * old + 0.25 * new, rtol=1e-5, atol=1e-7)


def test_published_and_own_likelihood_differ(networks):
    given, published = choices(), dataclasses.replace(SMALL, policy="actions", likelihood="published")
    whole = likelihoods(published, networks.policy, given).log_probs
    np.testing.assert_array_equal(whole, score(networks.policy, given).log_probs)
    own = likelihoods(dataclasses.replace(published, likelihood="own"), networks.policy, given).log_probs
    assert (np.asarray(own)[:4] >= np.asarray(whole)[:4] - 1e-6).all(), "fewer tokens to choose from"
    assert abs(float(own[3, 1])) < 1e-6
    assert whole[3, 1] < -0.1


def test_of_a_frozen_model_only_corrections_and_critic_learn():
    sizes = TransformerSettings(VOCABULARY, width=8, layers=1, heads=2, key_value_heads=1, head_size=4, inner=12)
    settings = dataclasses.replace(SMALL, model="/a/model", lora_rank=2)
    networks = make_networks(settings, VOCABULARY, make_transformer(sizes, key=jax.random.key(2)), jax.random.key(0))
    assert networks.critic.reader is None
    made = block(networks, settings, TWO, [0, 1], [0, 3], [0.5, -1.0], [True, True])
    before, after, _ = learned_of(settings, networks, made)
    policy = before.learned.policy
    assert {leaf.shape for leaf in jax.tree.leaves(policy)} == {(2, 8), (8, 2), (4, 2)}
    assert sum(leaf.size for leaf in jax.tree.leaves(before.learned.critic)) == 8 * 4 + 4
    assert not np.array_equal(after.learned.policy.blocks[0].q.B, policy.blocks[0].q.B)
    # The critic reads the model as it was, whatever the policy has learned.
    frozen = eqx.filter(networks, what_learns(networks), inverse=True)
    moved = eqx.combine(Networks(after.learned.policy, before.learned.critic), frozen)
    np.testing.assert_array_equal(state_values(moved, TWO[0]), state_values(networks, TWO[0]))


def test_a_token_without_another_in_its_place_is_not_learned_from(networks):
    """The last two tokens of an action that no other begins like: their credit moves nothing."""
    settings = dataclasses.replace(SMALL, normalise_advantages=False, entropy_coefficient=0.0, max_kl=None)
    made = block(networks, settings, TWO[:1], [0], [3], [0.0], [True])
    told = jnp.asarray([0.0, 0.7, 0.0, 0.0])  # V_2 - V_1 cancels what the last token is told
    made = made._replace(values=told[None, None])
    before, after, metrics = learned_of(settings, networks, made)
    only_first = float(credit_of(settings, made).advantages[0, 0, 0])
    np.testing.assert_allclose(metrics.actor_loss, -np.mean([only_first, -0.7]), rtol=1e-5)
    zero = made._replace(values=jnp.zeros_like(made.values), steps=made.steps)
    _, still, _ = learned_of(settings, networks, zero)
    for a, b in zip(jax.tree.leaves(before.learned.policy), jax.tree.leaves(still.learned.policy), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert after.updates == 1
