"""What every rule must do; a new rule, and a new choice of a setting, is tested by being there."""

import dataclasses
import typing

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.program import make_program
from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.registry import RULES
from accumbens.credit.tasks.protocol import Examples, task_of_examples
from accumbens.errors import AccumbensError
from accumbens.runs.streams import Stream, stream_key

LAYERS, EXAMPLES = (8, 6), 30
SEEDS = np.array([3, 4, 8], np.uint32)
TASKS = {
    "classification": TaskFacts("classification", 16, 3, image_shape=(1, 4, 4)),
    "regression": TaskFacts("regression", 16, 2, image_shape=(1, 4, 4)),
}
every_task = pytest.mark.parametrize("kind", TASKS)


def refused(name, kind, **changes):
    """Why a rule is not for this, in one line, said as soon as there is a network; empty if it is."""
    try:
        jax.eval_shape(RULES[name].make(settings_of(name, **changes), TASKS[kind]).init, jax.random.key(0))
    except AccumbensError as error:
        return str(error)
    return ""


def settings_of(name, **changes):
    settings = RULES[name].settings
    small = {"layers": LAYERS, "batch_size": EXAMPLES, "critic_width": 16}
    return dataclasses.replace(settings, **{key: small[key] for key in small if hasattr(settings, key)} | changes)


def make(name, kind, **changes):
    """The rule, or a skipped test."""
    reason = refused(name, kind, **changes)
    if reason:
        assert "cannot be used: it must be" in reason
        assert "\n" not in reason
        pytest.skip(reason)
    return RULES[name].make(settings_of(name, **changes), TASKS[kind])


def examples_of(kind, size=EXAMPLES):
    """A problem that is easy to learn: three heaps, or linear functions."""
    facts, rng = TASKS[kind], np.random.default_rng(0)
    x = rng.normal(size=(size, facts.inputs))
    if kind == "classification":
        y = rng.integers(0, facts.outputs, size).astype(np.int32)
        x += 2 * rng.normal(size=(facts.outputs, facts.inputs))[y]
    else:
        y = (x @ rng.normal(size=(facts.inputs, facts.outputs)) / 4).astype(np.float32)
    return Examples(x.astype(np.float32), y)


def batch_of(kind, size=EXAMPLES):
    return Batch(*map(jnp.asarray, examples_of(kind, size)), jnp.int32(0))


def learned(tree):
    return eqx.filter(tree, eqx.is_inexact_array)


def is_key(leaf):
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def kinds_of(tree):
    """What the compiled loop carries along: structure, shapes and types."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]


def assert_same(one, other, seed=...):
    """Compare trees of numbers in NumPy, which compiles nothing; the first may have an axis of seeds in front."""
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        if not is_key(a):
            np.testing.assert_allclose(np.asarray(a, np.float64)[seed], np.asarray(b, np.float64), rtol=2e-4, atol=2e-6)


@every_task
@pytest.mark.parametrize("name", RULES)
def test_every_rule(name, kind, quick_jit):
    rule, facts, batch, settings = make(name, kind), TASKS[kind], batch_of(kind), settings_of(name)

    def alone(seed):
        network, memory = rule.init(stream_key(seed, Stream.PARAMETERS, 0))
        key = stream_key(seed, Stream.LEARNING, 0)
        return {
            "network": network,
            "memory": memory,
            "found": rule.update(network, memory, batch, key),
            "outputs": network.predict(batch.x),
            "first": network.predict(batch.x[:1]),
            "exact": eqx.filter_value_and_grad(lambda network: network.exact_loss(batch, key))(network),
            "activities": network.activities(batch.x),
            "constrained": network.constrained(),
        }

    told = quick_jit(alone)(SEEDS[0])
    network, found = told["network"], told["found"]
    for leaf in jax.tree.leaves(told):
        assert is_key(leaf) or np.isfinite(leaf).all()
    assert len(network.layers) == len(LAYERS) + 1
    # The gradients are a tree like the network; so is the exact gradient, which they are compared with.
    for gradients in (found.gradients, told["exact"][1]):
        assert kinds_of(learned(gradients)) == kinds_of(learned(network))
        for layer in gradients.layers:
            assert any(np.any(leaf) for leaf in jax.tree.leaves(learned(layer))), "a layer learns nothing"
    assert kinds_of(found.memory) == kinds_of(told["memory"])
    assert found.loss.shape == told["exact"][0].shape == ()
    # Predicting an example does not depend on the others.
    assert (told["outputs"].shape, told["outputs"].dtype) == ((EXAMPLES, facts.outputs), jnp.float32)
    assert_same(np.asarray(told["outputs"])[:1], told["first"])
    # Constraints hold from the start.
    assert_same(network, told["constrained"])
    assert len(told["activities"]) == len(LAYERS)
    for activity in told["activities"]:
        assert 0 <= activity.entropy <= np.log(getattr(settings, "num_actions", 2)) + 1e-3
        assert 0 <= activity.sparsity <= 1

    # In the program of a fit, where seeds learn side by side, the first update of a seed is that of the seed alone.
    examples = examples_of(kind)
    settings = dataclasses.replace(settings, optimiser="adam", learning_rate=0.01)
    program = make_program(task_of_examples(facts, examples, examples, examples), rule, settings)
    advance, state = quick_jit(program.advance), quick_jit(program.init)(jnp.asarray(SEEDS))
    sums = [np.zeros(len(SEEDS))]
    before = state.seeds.network
    for updates in (1, 49, 800, 150):
        state = advance(state, program.data, jnp.int32(updates))
        sums.append(np.asarray(state.seeds.loss))
        if updates == 1:
            assert kinds_of(before) == kinds_of(state.seeds.network)
            momentum = jax.tree.map(lambda leaf: np.asarray(leaf) / 0.1, state.seeds.optimiser[0].mu)
            first = (before, state.seeds.memory, state.seeds.loss, momentum)
            assert_same(first, (network, found.memory, found.loss, learned(found.gradients)), seed=0)
    differ = [np.any(leaf[0] != leaf[1]) for leaf in map(np.asarray, jax.tree.leaves(learned(before)))]
    assert any(differ), "all seeds are the same"
    # It learns.
    early, late = sums[2] / 50, (sums[4] - sums[3]) / 150
    assert (late < early).all(), f"the loss went from {early} to {late}"
    assert late.mean() < 0.9 * early.mean(), f"the loss went from {early} to {late}"


@every_task
@pytest.mark.parametrize("name", RULES)
def test_without_hidden_layers_and_with_a_batch_of_one(name, kind):
    rule, batch = make(name, kind, layers=()), batch_of(kind, size=1)

    def alone(key):
        network, memory = rule.init(key)
        return network, network.activities(batch.x), rule.update(network, memory, batch, key)

    network, activities, found = jax.eval_shape(alone, jax.random.key(0))
    assert len(network.layers) == 1
    assert activities == []
    assert kinds_of(learned(found.gradients)) == kinds_of(learned(network))


CHOICES = {
    name: [
        {field: choice}
        for field, hint in typing.get_type_hints(type(entry.settings)).items()
        for choice in (typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ())
        if choice != getattr(entry.settings, field) and field != "optimiser"
    ]
    for name, entry in RULES.items()
}


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, changes in CHOICES.items() for change in changes]
)
def test_every_choice_of_a_setting(name, change):
    kind, batch = "classification", batch_of("classification")
    # Some choices go with others only.
    together = [change, *({**other, **change} for other in CHOICES[name])]
    rule = make(name, kind, **next((changes for changes in together if not refused(name, kind, **changes)), change))

    def twice(key):
        network, memory = rule.init(key)
        first = rule.update(network, memory, batch, key)
        return network, memory, first, rule.update(network, first.memory, batch, key)

    network, memory, first, second = jax.eval_shape(twice, jax.random.key(0))
    for update in (first, second):
        assert kinds_of(learned(update.gradients)) == kinds_of(learned(network))
        assert kinds_of(update.memory) == kinds_of(memory)
