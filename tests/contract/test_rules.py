"""What every rule must do; a new rule, and a new choice of a setting, is tested by being there."""

import dataclasses
import re
import types
import typing

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.program import make_program
from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.registry import RULES, form_of, make_rule
from accumbens.credit.settings import PenalisedSettings
from accumbens.credit.tasks.protocol import Examples, task_of_examples
from accumbens.errors import AccumbensError
from accumbens.runs.streams import Stream, stream_key

LAYERS, EXAMPLES, SEQUENCES, STEPS = (8, 6), 30, 10, 6
SEEDS = np.array([3, 4, 8], np.uint32)
TASKS = {
    "classification": TaskFacts("classification", 16, 3, image_shape=(1, 4, 4)),
    "regression": TaskFacts("regression", 16, 2, image_shape=(1, 4, 4)),
    "classes-of-steps": TaskFacts("classification", 4, 3, steps=STEPS),
    "numbers-of-steps": TaskFacts("regression", 4, 2, steps=STEPS),
    "reach": TaskFacts("regression", 8, 2, steps=2 * STEPS, controlled=True),
}
RATES = {"rflo": 0.15, "online-gradient": 0.2}
"""Rules under which the readout stays as it is, and which descend the gradient at every step: their learning rates."""
every_case = pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name, entry in RULES.items() for kind in TASKS if form_of(TASKS[kind]) in entry.tasks],
)


def refused(name, kind, **changes):
    """Why a rule is not for this, in one line, said as soon as there is a network; empty if it is."""
    try:
        jax.eval_shape(RULES[name].make(settings_of(name, kind, **changes), TASKS[kind]).init, jax.random.key(0))
    except AccumbensError as error:
        return str(error)
    return ""


def settings_of(name, kind, **changes):
    settings = RULES[name].settings
    small = {"layers": LAYERS[: len(settings.layers)], "batch_size": EXAMPLES, "critic_width": 16}
    if RULES[name].sequences:
        small |= {"batch_size": SEQUENCES, "truncation": 3, "attended": 2}
    if TASKS[kind].controlled and isinstance(settings, PenalisedSettings):
        small["units"] = None
    if name in RATES:
        # In a network that is not pre-trained, feedback weights have nothing to do with what moves the hand.
        small |= {"batch_size": 1, "learning_rate": RATES[name], "signal": "readout"}
    return dataclasses.replace(settings, **{key: small[key] for key in small if hasattr(settings, key)} | changes)


def make(name, kind, **changes):
    """The rule, or a skipped test."""
    reason = refused(name, kind, **changes)
    if reason:
        assert "cannot be used: it must be" in reason
        assert "\n" not in reason
        pytest.skip(reason)
    return RULES[name].make(settings_of(name, kind, **changes), TASKS[kind])


@pytest.mark.parametrize("kind", ["regression", "numbers-of-steps", "reach"])
def test_what_a_rule_is_not_for_is_refused_and_what_is_named_instead_is_not(kind):
    for name, entry in RULES.items():
        reason = refused(name, kind)
        assert bool(reason) == (form_of(TASKS[kind]) not in entry.tasks)
        if reason:
            forms, named = re.fullmatch(
                "the rule is for (.*), and the task has .*; rules for it: (.*)", reason
            ).groups()
            assert set(forms.split(" and ")) == set(entry.tasks)
            assert named.split(", ") == [other for other in RULES if not refused(other, kind)]


def test_a_refusal_names_rule_and_task():
    settings = RULES["rtrl"].settings
    with pytest.raises(AccumbensError, match=r"^rtrl on reach: the rule is for sequences, and .*, online-gradient$"):
        make_rule("rtrl", settings, TASKS["reach"], "reach")
    with pytest.raises(AccumbensError, match=r"^rtrl on mine: units=gru cannot be used: it must be diagonal"):
        make_rule("rtrl", dataclasses.replace(settings, units="gru"), TASKS["numbers-of-steps"], "mine")


def examples_of(kind, size=EXAMPLES):
    """A problem that is easy to learn: three heaps, or linear functions; of sequences, those of one step ago."""
    facts, rng = TASKS[kind], np.random.default_rng(0)
    rows = (size,) if facts.steps is None else (size, facts.steps)
    x = rng.normal(size=(*rows, facts.inputs))
    if facts.controlled:
        return reaches(x, rng)
    if facts.kind == "classification":
        y = rng.integers(0, facts.outputs, rows).astype(np.int32)
        x += 2 * rng.normal(size=(facts.outputs, facts.inputs))[y]
    else:
        y = (x @ rng.normal(size=(facts.inputs, facts.outputs)) / 4).astype(np.float32)
    if facts.steps:
        y = np.roll(y, 1, axis=1)
        y[:, 0] = -1 if facts.kind == "classification" else np.nan
    return Examples(x.astype(np.float32), y)


def reaches(x, rng):
    """Trials in which the target is shown from the start, and the hand should go there at a constant speed."""
    size, steps, _ = x.shape
    way = rng.choice([-0.1, 0.1], size=(size, 1, 2))
    u = np.concatenate([10 * np.broadcast_to(way, (size, steps, 2)), np.ones((size, steps, 1))], axis=2)
    goal = way * np.arange(1, steps + 1)[:, None] / steps
    x = np.concatenate([u, np.zeros((size, steps, 2)), goal, np.ones((size, steps, 1))], axis=2)
    return Examples(x.astype(np.float32), goal.astype(np.float32))


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


def assert_evaluated(found, num_layers):
    """Scores of every split and diagnostics of every layer, of all seeds; of entropy and sparsity not the output's."""
    assert set(found.scores) == {"train", "valid", "test"}
    for score in found.scores.values():
        assert score.loss.shape == score.accuracy.shape == (len(SEEDS),)
    for name, values in found.diagnostics._asdict().items():
        assert values.shape == (len(SEEDS), num_layers - (name in ("entropy", "sparsity")))


@every_case
def test_every_rule(name, kind, quick_jit):
    rule, facts, settings = make(name, kind), TASKS[kind], settings_of(name, kind)
    size, descends = settings.batch_size, name in RATES
    batch = batch_of(kind, size)

    def alone(seed):
        network, memory = rule.init(stream_key(seed, Stream.PARAMETERS, 0))
        key = stream_key(seed, Stream.LEARNING, 0)
        return {
            "network": network,
            "memory": memory,
            "found": rule.update(network, memory, batch, key),
            "outputs": network.predict(batch.x),
            "first": network.predict(batch.x[:1]),
            "shorter": network.predict(batch.x[:, :-1]) if facts.steps else (),
            "exact": eqx.filter_value_and_grad(lambda network: network.exact_loss(batch, key))(network),
            "activities": network.activities(batch.x),
            "constrained": network.constrained(),
        }

    told = quick_jit(alone)(SEEDS[0])
    network, found = told["network"], told["found"]
    num_layers = 3 if name == "sparse-attentive-backtracking" else len(settings.layers) + 1
    for leaf in jax.tree.leaves(told):
        assert is_key(leaf) or np.isfinite(leaf).all()
    assert len(network.layers) == num_layers
    # The gradients are a tree like the network; so is the exact gradient, which they are compared with.
    for gradients in (found.gradients, told["exact"][1]):
        assert kinds_of(learned(gradients)) == kinds_of(learned(network))
        learning = gradients.layers[:1] if descends else gradients.layers
        for layer in learning:
            assert any(np.any(leaf) for leaf in jax.tree.leaves(learned(layer))), "a layer learns nothing"
    assert kinds_of(found.memory) == kinds_of(told["memory"])
    assert found.loss.shape == told["exact"][0].shape == ()
    # Predicting an example does not depend on the others, nor a step on later ones.
    assert (told["outputs"].shape, told["outputs"].dtype) == ((*batch.x.shape[:-1], facts.outputs), jnp.float32)
    assert_same(np.asarray(told["outputs"])[:1], told["first"])
    if facts.steps:
        assert_same(np.asarray(told["outputs"])[:, :-1], told["shorter"])
    # Constraints hold from the start.
    assert_same(network, told["constrained"])
    assert len(told["activities"]) == num_layers - 1
    choices = max(getattr(settings, "num_actions", 2), getattr(settings, "attended", 2))
    for activity in told["activities"]:
        assert 0 <= activity.entropy <= np.log(choices) + 1e-3
        assert 0 <= activity.sparsity <= 1

    # In the program of a fit, where seeds learn side by side, the first update of a seed is that of the seed alone.
    examples = examples_of(kind, size)
    if not descends:
        settings = dataclasses.replace(settings, optimiser="adam", learning_rate=0.01)
    program = make_program(task_of_examples(facts, examples, examples, examples), rule, settings)
    advance, state = quick_jit(program.advance), quick_jit(program.init)(jnp.asarray(SEEDS))
    assert_evaluated(jax.eval_shape(program.evaluate, state, program.data), num_layers)
    sums = [np.zeros(len(SEEDS))]
    before = state.seeds.network
    for updates in (1, 49, 500 if facts.steps else 800, 150):
        state = advance(state, program.data, jnp.int32(updates))
        sums.append(np.asarray(state.seeds.loss))
        if updates == 1:
            assert kinds_of(before) == kinds_of(state.seeds.network)
            if descends:
                moved = jax.tree.map(lambda a, b: np.asarray(a) - b, learned(before), learned(state.seeds.network))
                gradients = jax.tree.map(lambda leaf: leaf / RATES[name], moved)
            else:
                gradients = jax.tree.map(lambda leaf: np.asarray(leaf) / 0.1, state.seeds.optimiser[0].mu)
            first = (before, state.seeds.memory, state.seeds.loss, gradients)
            assert_same(first, (network, found.memory, found.loss, learned(found.gradients)), seed=0)
    differ = [np.any(leaf[0] != leaf[1]) for leaf in map(np.asarray, jax.tree.leaves(learned(before)))]
    assert any(differ), "all seeds are the same"
    # It learns.
    early, late = sums[2] / 50, (sums[4] - sums[3]) / 150
    assert (late < early).all(), f"the loss went from {early} to {late}"
    assert late.mean() < 0.9 * early.mean(), f"the loss went from {early} to {late}"


@every_case
def test_without_hidden_layers(name, kind):
    rule, batch = make(name, kind, layers=()), batch_of(kind)

    def alone(key):
        network, memory = rule.init(key)
        return network, network.activities(batch.x), rule.update(network, memory, batch, key)

    network, activities, found = jax.eval_shape(alone, jax.random.key(0))
    assert len(network.layers) == 1
    assert activities == []
    assert kinds_of(learned(found.gradients)) == kinds_of(learned(network))


@every_case
def test_a_batch_of_one(name, kind):
    rule, batch = make(name, kind, batch_size=1), batch_of(kind, size=1)

    def alone(key):
        network, memory = rule.init(key)
        return network, rule.update(network, memory, batch, key)

    network, found = jax.eval_shape(alone, jax.random.key(0))
    assert kinds_of(learned(found.gradients)) == kinds_of(learned(network))


def words_of(hint):
    """The words that a setting may be, or words and none."""
    parts = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else [hint]
    return [word for part in parts if typing.get_origin(part) is typing.Literal for word in typing.get_args(part)]


CHOICES = {
    name: [
        {field: choice}
        for field, hint in typing.get_type_hints(type(entry.settings)).items()
        for choice in words_of(hint)
        if choice != getattr(entry.settings, field) and field != "optimiser"
    ]
    for name, entry in RULES.items()
}


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, changes in CHOICES.items() for change in changes]
)
def test_every_choice_of_a_setting(name, change):
    kinds = ["reach", *TASKS] if name in RATES else ["classes-of-steps", *TASKS]
    kind = next(kind for kind in kinds if (TASKS[kind].steps is not None) == RULES[name].sequences)
    batch = batch_of(kind, settings_of(name, kind).batch_size)
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
