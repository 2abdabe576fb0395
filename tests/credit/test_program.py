"""The compiled program of a fit: which examples are learned from when, what is evaluated, and the optimiser's step."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.credit.program import TRAIN_EXAMPLES, make_optimiser, make_program
from accumbens.credit.protocol import Network, Rule, Update
from accumbens.credit.registry import RULES
from accumbens.credit.settings import RuleSettings
from accumbens.credit.tasks.protocol import Examples, Stream, Task

SEEDS = np.array([5, 6, 9], np.uint32)


class Nothing(Network):
    """A network that predicts nothing, so that tests can look at what it is shown."""

    layers: tuple[Any, ...]

    def predict(self, x):
        return jnp.zeros((len(x), 2)) + self.layers[0]

    def exact_loss(self, batch, key):
        return jnp.sum(self.layers[0])

    def activities(self, x):
        return []

    def constrained(self):
        return eqx.tree_at(lambda network: network.layers, self, (jnp.minimum(self.layers[0], 0.25),))


def recording(updates, size):
    """A rule that writes down the first input of all its examples, their epoch, and the key's first number."""

    def init(key):
        ids = jnp.full((updates, size), -1, jnp.int32)
        return Nothing((jnp.zeros(1),)), {"at": jnp.int32(0), "ids": ids, "epoch": ids[:, 0]}

    def update(network, memory, batch, key):
        at = memory["at"]
        memory = {
            "at": at + 1,
            "ids": memory["ids"].at[at].set(batch.x[:, 0].astype(jnp.int32)),
            "epoch": memory["epoch"].at[at].set(batch.epoch),
        }
        return Update(Nothing((-jnp.ones(1),)), memory, jnp.float32(at))

    return Rule(init, update)


def run(program, quick_jit, *pieces, seeds=SEEDS):
    state, advance = quick_jit(program.init)(jnp.asarray(seeds)), quick_jit(program.advance)
    for piece in pieces:
        state = advance(state, program.data, jnp.int32(piece))
    return state


@settings(max_examples=10, deadline=None, derandomize=True)
@given(examples=st.integers(2, 23), size=st.integers(1, 30), epochs=st.integers(1, 3), data=st.data())
def test_every_example_is_learned_from_once_an_epoch(make_examples, quick_jit, examples, size, epochs, data):
    task = make_examples("classification", examples, 2, 2)
    batch = min(size, examples)
    per_epoch = examples // batch
    program = make_program(task, recording(epochs * per_epoch, batch), RuleSettings(batch_size=size))
    assert program.updates_per_epoch == per_epoch
    cut = data.draw(st.integers(0, epochs * per_epoch))
    memory = run(program, quick_jit, cut, epochs * per_epoch - cut).seeds.memory
    ids = np.asarray(memory["ids"]).reshape(len(SEEDS), epochs, per_epoch * batch)
    assert (memory["epoch"] == np.repeat(np.arange(epochs), per_epoch)).all()
    for seed in ids:
        for epoch in seed:
            assert len(set(epoch.tolist())) == per_epoch * batch, "an example twice"
            assert set(epoch.tolist()) <= set(range(examples))
    if batch == examples:
        assert (ids == np.arange(examples)).all(), "one batch of all examples is not shuffled"


def test_the_order_is_a_seed_s_own_and_another_in_every_epoch(make_examples, quick_jit):
    task = make_examples("classification", 40, 2, 2)
    program = make_program(task, recording(20, 8), RuleSettings(batch_size=8))
    ids = np.asarray(run(program, quick_jit, 20).seeds.memory["ids"])
    orders = ids.reshape(len(SEEDS) * 4, 40)
    assert len(np.unique(orders, axis=0)) == len(orders)
    alone = np.asarray(run(program, quick_jit, 20, seeds=SEEDS[1:2]).seeds.memory["ids"])
    np.testing.assert_array_equal(alone[0], ids[1])
    pieces = np.asarray(run(program, quick_jit, 3, 5, 4, 8).seeds.memory["ids"])
    np.testing.assert_array_equal(pieces, ids)


def test_what_is_left_over_of_an_epoch_differs_from_epoch_to_epoch(make_examples, quick_jit):
    task = make_examples("classification", 10, 2, 2)
    program = make_program(task, recording(60, 3), RuleSettings(batch_size=3))
    ids = np.asarray(run(program, quick_jit, 60).seeds.memory["ids"]).reshape(len(SEEDS), 20, 9)
    for seed in ids:
        left_out = [(set(range(10)) - set(epoch.tolist())).pop() for epoch in seed]
        assert len(set(left_out)) > 3


def stream_of(updates, size):
    """A stream whose inputs say which update they are for, after what was drawn at its start."""

    def batch(state, update, key):
        x = jnp.stack([jnp.full(size, update, jnp.float32), jnp.full(size, state), jax.random.normal(key, (size,))])
        return x.T, jnp.zeros(size, jnp.int32)

    return Stream(updates, lambda key: jax.random.normal(key), batch)


def test_a_stream_is_learned_from_in_order(make_examples, quick_jit):
    examples = make_examples("classification", 2, 2, 2)
    task = Task(examples.facts, stream_of(7, 4), examples.valid, examples.test, "digest")
    program = make_program(task, recording(14, 4), RuleSettings(batch_size=4))
    assert program.updates_per_epoch == 7
    assert set(program.data.splits) == {"valid", "test"}, "what is generated once is not evaluated on"
    memory = run(program, quick_jit, 9, 5).seeds.memory
    order = np.tile(np.arange(7), 2)
    np.testing.assert_array_equal(memory["ids"], np.broadcast_to(order[:, None], (len(SEEDS), 14, 4)))
    np.testing.assert_array_equal(memory["epoch"], np.broadcast_to(np.repeat([0, 1], 7), (len(SEEDS), 14)))


def test_a_stream_draws_its_start_once_and_its_noise_anew(make_examples, quick_jit):
    def init(key):
        return Nothing((jnp.zeros(1),)), jnp.zeros((6, 3)), jnp.int32(0)

    def update(network, memory, batch, key):
        seen, at = memory
        return Update(Nothing((jnp.zeros(1),)), (seen.at[at].set(batch.x[0]), at + 1), jnp.float32(0))

    rule = Rule(lambda key: (lambda network, *memory: (network, memory))(*init(key)), update)
    examples = make_examples("classification", 2, 2, 2)
    task = Task(examples.facts, stream_of(3, 2), examples.valid, examples.test, "digest")
    program = make_program(task, rule, RuleSettings(batch_size=2))
    seen = np.asarray(run(program, quick_jit, 6).seeds.memory[0])
    assert (seen[:, :, 1] == seen[:, :1, 1]).all()
    assert len(np.unique(seen[:, 0, 1])) == len(SEEDS)
    assert len(np.unique(seen[:, :, 2])) == len(SEEDS) * 6


def test_the_sum_of_losses_and_the_constraint(make_examples, quick_jit):
    task = make_examples("classification", 6, 2, 2)
    program = make_program(task, recording(9, 2), RuleSettings(batch_size=2, optimiser="sgd", learning_rate=0.1))
    state = run(program, quick_jit, 2)
    np.testing.assert_allclose(state.seeds.loss, [0 + 1] * 3)
    np.testing.assert_allclose(state.seeds.network.layers[0], np.full((3, 1), 0.2), rtol=1e-6)
    state = run(program, quick_jit, 9)
    np.testing.assert_allclose(state.seeds.loss, [36] * 3)
    assert int(state.update) == 9
    np.testing.assert_allclose(state.seeds.network.layers[0], np.full((3, 1), 0.25), rtol=1e-6)


def numpy_outputs(network, index, x):
    h = x.astype(np.float64)
    layers = [
        (np.asarray(layer.connection.weight[index], np.float64), np.asarray(layer.bias[index], np.float64))
        for layer in network.layers
    ]
    for W, b in layers[:-1]:
        h = np.maximum(h @ W.T + b, 0)
    W, b = layers[-1]
    return h @ W.T + b


def numpy_score(outputs, y, kind):
    if kind == "regression":
        return np.square(outputs - y).mean(), np.nan
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean(), (outputs.argmax(axis=1) == y).mean()


@pytest.mark.parametrize(
    ("kind", "sizes"), [("classification", (TRAIN_EXAMPLES + 77, 499, 1203)), ("regression", (3, 500, 1001))]
)
def test_scores(make_examples, quick_jit, kind, sizes):
    # Examples are predicted 500 at once: fewer, as many, and more, with a rest and without one.
    task = make_examples(kind, *sizes)
    for part in (task.train, task.valid, task.test):
        part.x[:, 0] /= len(part.x)
    entry = RULES["backprop"]
    settings = type(entry.settings)(layers=(4,))
    program = make_program(task, entry.make(settings, task.facts), settings)
    state = quick_jit(program.init)(jnp.asarray(SEEDS))
    found = quick_jit(program.evaluate)(state, program.data)
    parts = {"train": Examples(*(array[:TRAIN_EXAMPLES] for array in task.train)), "valid": task.valid}
    for name, part in (parts | {"test": task.test}).items():
        for index in range(len(SEEDS)):
            loss, accuracy = numpy_score(numpy_outputs(state.seeds.network, index, part.x), part.y, kind)
            np.testing.assert_allclose(found.scores[name].loss[index], loss, rtol=1e-5)
            np.testing.assert_allclose(found.scores[name].accuracy[index], accuracy, rtol=1e-6)


def recursion(optimiser, rate, gradients):
    """PyTorch's RMSprop and Adam with their defaults (α = 0.99; β = 0.9, 0.999; ε = 1e-8), and plain descent."""
    p, v, m = np.zeros_like(gradients[0]), np.zeros_like(gradients[0]), np.zeros_like(gradients[0])
    for t, g in enumerate(gradients, start=1):
        if optimiser == "sgd":
            p = p - rate * g
        elif optimiser == "rmsprop":
            v = 0.99 * v + 0.01 * g**2
            p = p - rate * g / (np.sqrt(v) + 1e-8)
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            p = p - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        yield p


@pytest.mark.parametrize("optimiser", ["sgd", "rmsprop", "adam"])
def test_optimisers_are_those_of_pytorch(optimiser):
    rng = np.random.default_rng(0)
    # From gradients far below ε to large ones.
    gradients = rng.normal(size=(50, 12)) * np.logspace(-12, 2, 12)
    with jax.enable_x64(True):
        transform = make_optimiser(RuleSettings(optimiser=optimiser, learning_rate=2**-7))
        p = jnp.zeros(12)
        state = transform.init(p)
        for g, expected in zip(gradients, recursion(optimiser, 2**-7, gradients), strict=True):
            step, state = transform.update(jnp.asarray(g), state, p)
            p = p + step
            np.testing.assert_allclose(p, expected, rtol=1e-10, atol=1e-300)
