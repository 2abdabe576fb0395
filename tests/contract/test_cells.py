"""What every cell must do, in every wiring; a new cell is tested by being a choice of the settings."""

import itertools
import math
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from facts import facts
from family import FAMILY

from accumbens.agents import network, stacks
from accumbens.agents.settings import ParallelSettings
from accumbens.cells.protocol import output_of

WIRINGS = {
    "all connections": {},
    "forward and skip": {"recurrent_gain": None, "forward_gain": 0.5},
    "recurrent": {"input_skip": False, "forward_gain": None, "recurrent_gain": 0.5},
    "one cell": {"net_arch": (6,), "input_skip": False, "forward_gain": None, "recurrent_gain": None},
    "top cell predicts": {"every_cell_predicts": False, "layer_norm": False},
}
ACTIONS, SHAPE, BATCH = 3, (2, 2), 4
FACTS = facts(SHAPE, ACTIONS)


class Outcome(typing.NamedTuple):
    values: jax.Array
    carry: tuple
    gradient: typing.Any


def everything(settings):
    """A function of a batch that tells all there is to know about an untrained stack."""

    q_function = network.value_function(settings, FACTS)
    candidates = None if q_function.action_codes is None else jnp.asarray(q_function.action_codes)

    def summed(stack, observation, carry, credit):
        values, after = network.evaluate(stack, observation, carry, credit, candidates)
        return jnp.square(values - 1).sum(), (values, after)

    def outcome(stack, observation, carry, credit):
        gradient, (values, after) = jax.grad(summed, has_aux=True)(stack, observation, carry, credit)
        return Outcome(values, after, gradient)

    def tell(observation, carry):
        stack = stacks.build_stack(settings, FACTS, jax.random.key(0))
        inputs = [jax.random.normal(jax.random.key(1), jax.tree.leaves(cell)[0].shape[:1]) for cell in stack.cells]
        actions = jnp.arange(BATCH) % ACTIONS
        return {
            "local": outcome(stack, observation, carry, "local"),
            "backprop": outcome(stack, observation, carry, "backprop"),
            "advanced": jax.vmap(stack.advance)(observation, carry),
            "alone": stack(observation[0], tuple(h[0] for h in carry), "local", candidates),
            "taken": jax.vmap(lambda o, c, a: stack(o, c, "local", q_function.taken(a))[0].mean(axis=-1))(
                observation, carry, actions
            ),
            "taken from all": q_function.layout.at(q_function.all(stack, observation, carry)[0], actions[:, None]),
            "hidden": [cell.hidden(x) for cell, x in zip(stack.cells, inputs, strict=True)],
            "called": [cell(x, candidates) for cell, x in zip(stack.cells, inputs, strict=True)],
        }

    return tell


def batches(settings):
    """Observations and carries: random, constant, and nothing at all."""
    rng = np.random.default_rng(0)
    silent = [np.zeros((BATCH, hidden), np.float32) for hidden in settings.net_arch]
    size = math.prod(SHAPE)
    yield rng.normal(size=(BATCH, size)).astype(np.float32), tuple(h + np.float32(rng.normal()) for h in silent)
    yield np.ones((BATCH, size), np.float32), tuple(silent)
    yield np.zeros((BATCH, size), np.float32), tuple(silent)


# Every wiring with every kind of cell. The readouts do not see the wiring: each is in one of two.
PLAIN = [member for member in FAMILY if member.endswith(", value")]
OTHERS = [member for member in FAMILY if member not in PLAIN]
IN_TURN = itertools.cycle(["all connections", "top cell predicts"])
PAIRS = [*itertools.product(PLAIN, WIRINGS), *zip(OTHERS, IN_TURN, strict=False)]
CASES = [
    *PAIRS,
    *(
        pytest.param(*pair, marks=pytest.mark.slow)
        for pair in itertools.product(OTHERS, ["all connections", "top cell predicts"])
        if pair not in PAIRS
    ),
]


@pytest.mark.parametrize(("member", "wiring"), CASES)
def test_cells_in_every_wiring(member, wiring, quick_jit):
    settings = ParallelSettings(**{"net_arch": (6, 5, 4)} | FAMILY[member] | WIRINGS[wiring])
    quantiles = (settings.num_quantiles,) if settings.readout == "quantile" else ()
    predicting = len(settings.net_arch) if settings.every_cell_predicts else 1
    tell = quick_jit(everything(settings))
    for observation, carry in batches(settings):
        told = tell(observation, carry)
        local, backprop = told["local"], told["backprop"]
        assert local.values.shape == (BATCH, predicting, *quantiles, ACTIONS)
        assert local.values.dtype == jnp.float32
        assert tuple(h.shape for h in local.carry) == tuple((BATCH, hidden) for hidden in settings.net_arch)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(told))

        # The credit changes gradients only, and the top cell's not at all.
        np.testing.assert_array_equal(local.values, backprop.values)
        assert same(local.gradient.cells[-1], backprop.gradient.cells[-1])
        if len(settings.net_arch) > 1 and observation.std() > 0:
            assert not same(local.gradient.cells[0], backprop.gradient.cells[0])

        # The value of one action is the same whether the others are computed or not.
        np.testing.assert_allclose(told["taken"], told["taken from all"], rtol=1e-4, atol=1e-5)

        # Replaying a context, which needs no values, leads to the same activity; so does a step without a batch.
        values, after = told["alone"]
        np.testing.assert_allclose(values, local.values[0], rtol=1e-4, atol=1e-5)
        for h, advanced, alone in zip(local.carry, told["advanced"], after, strict=True):
            np.testing.assert_array_equal(h, advanced)
            np.testing.assert_allclose(h[0], alone, rtol=1e-4, atol=1e-5)
        for hidden, called in zip(told["hidden"], told["called"], strict=True):
            np.testing.assert_array_equal(hidden, called.hidden)


def same(one, other):
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in leaves)


UNCONDITIONED = [member for member in FAMILY if not FAMILY[member]["action_conditioning"]]


@pytest.mark.parametrize("member", UNCONDITIONED)
def test_some_actions_by_their_numbers_are_those_of_all(member, quick_jit):
    """In values and gradients; whether a cell computes only them or leaves that to `output_of`."""
    settings = ParallelSettings(**{"net_arch": (6,)} | FAMILY[member] | WIRINGS["one cell"])
    env = facts(SHAPE, 6, action_dimensions=2)  # as a factored action numbers its choices: 0 to 2, and 3 to 5
    action = network.value_function(settings, env).taken(jnp.asarray([2, 1]))
    np.testing.assert_array_equal(action, [2, 4])
    x = np.random.default_rng(0).normal(size=(BATCH, math.prod(SHAPE))).astype(np.float32)
    weights = jax.random.normal(jax.random.key(1), (7,))

    def outputs(cell, x, some):
        """By their numbers, and out of all of them."""
        everything = cell(x)
        return output_of(cell, x, some), everything._replace(value=everything.value[..., some])

    def error(cell, x, some, way):
        hidden, value = outputs(cell, x, some)[way]
        return jnp.square(value * weights[: len(some)] - 1).sum() + hidden.sum()

    def tell(key):
        cell = stacks.build_stack(settings, env, key).cells[0]  # with no parameter at the zero where it starts
        cell = jax.tree.map(lambda leaf: leaf + 0.1 * jax.random.normal(key, leaf.shape), cell)
        gradient = jax.grad(error, argnums=(0, 1))
        for some in (action, jnp.asarray([5, 0, 0, 3, 1, 4, 2])):
            gradients = [jax.vmap(lambda x, way=way, some=some: gradient(cell, x, some, way))(x) for way in (0, 1)]
            yield jax.vmap(lambda x, some=some: outputs(cell, x, some))(x), gradients

    for (found, expected), (gradient, expected_gradient) in quick_jit(lambda key: list(tell(key)))(jax.random.key(0)):
        assert found.value.shape == expected.value.shape
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), found, expected)
        largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(expected_gradient))
        jax.tree.map(
            lambda a, b, atol=1e-5 * largest: np.testing.assert_allclose(a, b, rtol=1e-3, atol=atol),
            gradient,
            expected_gradient,
        )
