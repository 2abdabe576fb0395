"""One update of coagents with critics, again in NumPy: the order, the targets, what weighs the policies' gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.rules.coagent_actor_critic import make_coagent_actor_critic
from accumbens.credit.settings import CoagentActorCriticSettings
from accumbens.errors import AccumbensError

LAYERS, ALPHA, EXAMPLES = (4, 3, 2), 2**-5, 6


def make(**settings):
    settings = {"layers": LAYERS, "critic_width": 5, "learning_rate": ALPHA, **settings}
    return make_coagent_actor_critic(CoagentActorCriticSettings(**settings), TaskFacts("classification", 3, 2))


class NumPyCritic:
    """Q(o, a) and one step of RMSprop from its first state, with gradients by hand."""

    def __init__(self, critic):
        arrays = [critic.observing.weight, critic.acting.weight, critic.bias]
        if critic.valuing is not None:
            arrays += [critic.valuing[0].weight, critic.valuing[1]]
        self.arrays = [np.asarray(array, np.float64).copy() for array in arrays]

    def __call__(self, o, a):
        z = o @ self.arrays[0].T + a @ self.arrays[1].T + self.arrays[2]
        return z[:, 0] if len(self.arrays) == 3 else (np.maximum(z, 0) @ self.arrays[3].T + self.arrays[4])[:, 0]

    def step(self, o, a, target, rate):
        z = o @ self.arrays[0].T + a @ self.arrays[1].T + self.arrays[2]
        signal = 2 * (self(o, a) - target)[:, None] / len(o)
        gradients = []
        if len(self.arrays) == 5:
            gradients = [signal.T @ np.maximum(z, 0), signal.sum(axis=0)]
            signal = signal @ self.arrays[3] * (z > 0)
        gradients = [signal.T @ o, signal.T @ a, signal.sum(axis=0), *gradients]
        for array, gradient in zip(self.arrays, gradients, strict=True):
            array -= rate * gradient / (np.sqrt(0.01 * gradient**2) + 1e-8)


def softmax_of(layer, o):
    z = (o @ np.asarray(layer.connection.weight, np.float64).T + np.asarray(layer.bias)).reshape(len(o), 2, -1)
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def episode_of(played, network, batch, key):
    """Observations, actions and rewards, in float64."""
    episode, losses = played(network, batch, key)
    pairs = [(np.asarray(s.observation[0], np.float64), np.asarray(s.action[0], np.float64)) for s in episode.steps]
    return [o for o, _ in pairs], [a for _, a in pairs], -np.asarray(losses[0], np.float64)


@pytest.fixture
def started(batch_of, spread_out, quick_jit, played):
    """`started(seed, **settings)`: a rule's network, memory, update of a batch, and what it does with the batch."""

    def start(seed=0, **settings):
        rule = make(**settings)
        network, memory = quick_jit(rule.init)(jax.random.key(seed))
        network, batch, key = spread_out(network), batch_of(EXAMPLES, 3, 2), jax.random.key(1)
        update = quick_jit(rule.update)
        return (
            network,
            memory,
            lambda memory: update(network, memory, batch, key),
            episode_of(played, network, batch, key),
        )

    return start


@pytest.mark.parametrize(("critic", "width"), [("on-policy", 5), ("off-policy", 5), ("off-policy", None)])
def test_one_update_by_hand_from_the_last_critic_to_the_first(started, critic, width):
    network, memory, update, (o, a, rewards) = started(critic=critic, critic_width=width)
    found = update(memory)
    before = [NumPyCritic(each) for each in memory.critics.critics]
    critics = [NumPyCritic(each) for each in memory.critics.critics]
    policies = [softmax_of(layer, seen) for layer, seen in zip(network.layers, o, strict=False)]
    next_action = a if critic == "on-policy" else [policy.argmax(axis=1).astype(float) for policy in policies]
    targets = [rewards] * 3
    critics[2].step(o[2], a[2], rewards, 2 * ALPHA)
    targets[1] = critics[2](o[2], next_action[2])
    critics[1].step(o[1], a[1], targets[1], 2 * ALPHA)
    targets[0] = critics[1](o[1], next_action[1])
    critics[0].step(o[0], a[0], targets[0], 2 * ALPHA)
    for expected, learned in zip(critics, found.memory.critics.critics, strict=True):
        for mine, theirs in zip(expected.arrays, NumPyCritic(learned).arrays, strict=True):
            np.testing.assert_allclose(theirs, mine, atol=1e-5)
    # Critics as they were before would have said something else, and so would those actions.
    assert np.abs(targets[0] - before[1](o[1], next_action[1])).max() > 0.05
    assert any((greedy != taken).any() for greedy, taken in zip(next_action, a, strict=True)) == (critic != "on-policy")

    for layer, seen, acted, policy, weight in zip(found.gradients.layers, o, a, policies, targets, strict=False):
        chosen = np.stack([1 - acted, acted], axis=1)
        signal = (-weight[:, None, None] / EXAMPLES * (chosen - policy)).reshape(EXAMPLES, -1)
        np.testing.assert_allclose(layer.connection.weight, signal.T @ seen, rtol=1e-3, atol=2e-6)
        np.testing.assert_allclose(layer.bias, signal.sum(axis=0), rtol=1e-3, atol=2e-6)
    assert float(found.loss) == pytest.approx(-rewards.mean(), rel=1e-5)


def test_maximum_is_over_all_actions_if_they_are_few(started):
    """The second layer has one unit: its two actions are the taken one, the likeliest, or among many candidates."""
    network, memory, update, (o, a, rewards) = started(seed=3, layers=(4, 1), critic="off-policy-max", candidates=200)
    found = update(memory).memory.critics.critics
    critics = [NumPyCritic(each) for each in memory.critics.critics]
    critics[1].step(o[1], a[1], rewards, 2 * ALPHA)
    values = np.stack([critics[1](o[1], np.full_like(a[1], action)) for action in (0, 1)])
    policy = softmax_of(network.layers[1], o[1])
    assert policy.min() > 0.05
    assert (values.argmax(axis=0) != a[1][:, 0]).any()
    assert (values.argmax(axis=0) != policy.argmax(axis=1)[:, 0]).any()
    critics[0].step(o[0], a[0], values.max(axis=0), 2 * ALPHA)
    for mine, theirs in zip(critics[0].arrays, NumPyCritic(found[0]).arrays, strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1e-5)


def test_without_candidates_the_maximum_is_over_the_action_taken_and_the_likeliest(started):
    network, memory, update, (o, a, rewards) = started(layers=(8, 12), critic="off-policy-max", candidates=0)
    found = update(memory).memory.critics.critics
    critics = [NumPyCritic(each) for each in memory.critics.critics]
    critics[1].step(o[1], a[1], rewards, 2 * ALPHA)
    greedy = softmax_of(network.layers[1], o[1]).argmax(axis=1).astype(float)
    values = np.stack([critics[1](o[1], a[1]), critics[1](o[1], greedy)])
    assert (values[0] > values[1]).any()
    assert (values[0] < values[1]).any()
    critics[0].step(o[0], a[0], values.max(axis=0), 2 * ALPHA)
    for mine, theirs in zip(critics[0].arrays, NumPyCritic(found[0]).arrays, strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1e-5)


def test_a_coagent_of_two_layers_has_one_critic(started):
    """The second coagent is the second and third layer: its likeliest action goes through both."""
    network, memory, update, (o, a, rewards) = started(layers=(4, 3, 2), partition="sds")
    critics = [NumPyCritic(each) for each in memory.critics.critics]
    assert [[len(array.T) for array in critic.arrays[:2]] for critic in critics] == [[3, 4], [4, 2]]
    found = update(memory).memory.critics.critics
    critics[1].step(o[1], a[1], rewards, 2 * ALPHA)
    below = network.layers[1]
    h = np.maximum(o[1] @ np.asarray(below.connection.weight, np.float64).T + np.asarray(below.bias), 0)
    greedy = softmax_of(network.layers[2], h).argmax(axis=1).astype(float)
    critics[0].step(o[0], a[0], critics[1](o[1], greedy), 2 * ALPHA)
    for mine, theirs in zip(critics[0].arrays, NumPyCritic(found[0]).arrays, strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1e-5)


def test_critics_start_within_pytorchs_bounds(quick_jit):
    _, memory = quick_jit(make(layers=(8, 8), critic_width=200).init)(jax.random.key(0))
    for critic, inputs in zip(memory.critics.critics, (3 + 8, 8 + 8), strict=True):
        observing, acting, bias, value, last = NumPyCritic(critic).arrays
        for arrays, bound in (((observing, acting, bias), inputs**-0.5), ((value, last), 200**-0.5)):
            largest = max(np.abs(array).max() for array in arrays)
            assert 0.9 * bound < largest <= bound


def test_advantage_is_the_critic_less_a_linear_value(started):
    network, memory, update, (o, a, _) = started(policy_weight="advantage")
    first = update(memory)
    second = update(first.memory)
    for values, found in ((memory.values, first), (first.memory.values, second)):
        for place, seen in enumerate(o):
            value = values[0][place]
            expected = seen @ np.asarray(value.weight, np.float64) + float(value.bias)
            weight = NumPyCritic(found.memory.critics.critics[place])(seen, a[place]) - expected
            chosen = np.stack([1 - a[place], a[place]], axis=1) - softmax_of(network.layers[place], seen)
            bias = (-weight[:, None, None] / EXAMPLES * chosen).reshape(EXAMPLES, -1).sum(axis=0)
            np.testing.assert_allclose(found.gradients.layers[place].bias, bias, rtol=1e-3, atol=1e-5)
    # V starts at 0 and moves towards Q: where the mean of Q is negative, down.
    for place, value in enumerate(first.memory.values[0]):
        mean = NumPyCritic(first.memory.critics.critics[place])(o[place], a[place]).mean()
        assert float(value.bias) == pytest.approx(np.sign(mean) * 10 * ALPHA, rel=1e-4)


def test_gaussian_output_is_told_the_reward(started):
    network, memory, update, (o, a, rewards) = started(layers=(4, 3), units="gaussian", sigma=0.5)
    assert len(memory.critics.critics) == 2
    found = update(memory)
    layer = network.layers[-1]
    mean = o[2] @ np.asarray(layer.connection.weight, np.float64).T + np.asarray(layer.bias)
    signal = -rewards[:, None] * (a[2] - mean) / 0.5**2 / EXAMPLES
    np.testing.assert_allclose(found.gradients.layers[-1].bias, signal.sum(axis=0), rtol=1e-3, atol=1e-5)


def test_actor_critic_learns(quick_jit):
    rng = np.random.default_rng(0)
    y = jnp.asarray(rng.integers(2, size=200), jnp.int32)
    x = jnp.asarray(np.where(np.asarray(y)[:, None] > 0, 1.0, -1.0) + 0.7 * rng.normal(size=(200, 3)), jnp.float32)
    rule = make(layers=(8, 8), critic_width=32, learning_rate=2**-8)
    optimiser = optax.rmsprop(2**-8, decay=0.99, eps=1e-8, eps_in_sqrt=False)

    def step(state, key):
        network, memory, optimiser_state = state
        found = rule.update(network, memory, Batch(x, y, jnp.zeros((), int)), key)
        steps, optimiser_state = optimiser.update(found.gradients, optimiser_state, network)
        return (optax.apply_updates(network, steps), found.memory, optimiser_state), None

    @quick_jit
    def run(key):
        network, memory = rule.init(key)
        keys = jax.random.split(jax.random.key(1), 600)
        (network, *_), _ = jax.lax.scan(step, (network, memory, optimiser.init(network)), keys)
        return network

    network = run(jax.random.key(0))
    assert float((network.predict(x).argmax(axis=1) == y).mean()) > 0.95


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"critic_width": 0}, ">= 1, or none"),
        ({"critic_rate": 0.0}, "> 0 and finite"),
        ({"critic": "off-policy-max", "candidates": -1}, ">= 0"),
        ({"candidates": 3}, "8, its default, unless critic=off-policy-max"),
        ({"partition": "s"}, "for each of 3 hidden layers"),
        ({"layers": (4,), "critic": "on-policy"}, "off-policy, its default, unless two hidden layers draw"),
        ({"layers": (4, 3), "partition": "ds", "critic": "on-policy"}, "unless two hidden layers draw"),
        ({"layers": (), "policy_weight": "advantage"}, "unless a layer draws"),
    ],
)
def test_refused(settings, message):
    with pytest.raises(AccumbensError, match=message):
        make(**settings)
