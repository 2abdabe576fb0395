"""Layouts of values against plain loops."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.td.values import SCALAR, Layout

BATCH, CELLS, QUANTILES, DIMENSIONS, CHOICES = 4, 2, 3, 3, 2
LAYOUTS = [
    Layout(quantiles, dimensions) for quantiles, dimensions in itertools.product((None, QUANTILES), (None, DIMENSIONS))
]


def values_of(layout, seed=0):
    quantiles = () if layout.num_quantiles is None else (QUANTILES,)
    return np.random.default_rng(seed).normal(size=(BATCH, CELLS, *quantiles, DIMENSIONS * CHOICES)).astype(np.float32)


def value_at(layout, values, action):
    """The value (or quantiles) of one action, from the values of one cell."""
    if layout.action_dimensions is None:
        return values[..., action]
    return np.mean([values[..., CHOICES * d + c] for d, c in enumerate(action)], axis=0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_value_of_an_action(layout):
    values, rng = values_of(layout), np.random.default_rng(1)
    shape, high = ((BATCH, CELLS), DIMENSIONS * CHOICES)
    if layout.action_dimensions:
        shape, high = (*shape, DIMENSIONS), CHOICES
    action = rng.integers(0, high, shape)
    picked = layout.at(jnp.asarray(values), jnp.asarray(action))
    common = layout.at(jnp.asarray(values), jnp.asarray(action[:, :1]))  # one action for all cells
    for b, c in np.ndindex(BATCH, CELLS):
        np.testing.assert_allclose(picked[b, c], value_at(layout, values[b, c], action[b, c]), rtol=1e-6)
        np.testing.assert_allclose(common[b, c], value_at(layout, values[b, c], action[b, 0]), rtol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_greedy_action_is_the_best_of_all(layout):
    values = values_of(layout)
    expected = np.asarray(layout.expected(jnp.asarray(values)))
    greedy = np.asarray(layout.greedy(jnp.asarray(expected)))
    best = np.asarray(layout.best(jnp.asarray(values)))
    dimensions = layout.action_dimensions
    every = range(DIMENSIONS * CHOICES) if dimensions is None else itertools.product(range(CHOICES), repeat=DIMENSIONS)
    every = list(every)
    for b, c in np.ndindex(BATCH, CELLS):
        means = [np.mean(value_at(layout, values[b, c], action)) for action in every]
        np.testing.assert_array_equal(greedy[b, c], every[int(np.argmax(means))])
        np.testing.assert_allclose(np.mean(best[b, c]), max(means), rtol=1e-5)


def test_choices():
    assert SCALAR.choices(6) == 6
    assert Layout(action_dimensions=3).choices(6) == 2
    assert (SCALAR.axes, Layout(num_quantiles=5).axes) == (1, 2)
