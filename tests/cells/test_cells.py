"""Every cell against its equations in float64 NumPy, one number at a time, and against the published statistics."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.cells import AttentionCell, ConstantKeyCell, DotCell, MLPCell, ScalarReadout
from accumbens.cells.attention import attention_weights

INPUTS, HIDDEN, ACTIONS, RANK = 5, 7, 3, 2


def double(module):
    """The module with float64 parameters, away from their initial zeros and ones."""
    leaves, structure = jax.tree.flatten(module)
    rng = np.random.default_rng(0)
    return jax.tree.unflatten(
        structure, [jnp.asarray(x + rng.normal(scale=0.3, size=x.shape), jnp.float64) for x in leaves]
    )


def relu_layer(x, W, b):
    return np.array([max(0.0, sum(x[i] * W[i, j] for i in range(len(x))) + b[j]) for j in range(W.shape[1])])


def layer_norm(r, scale, offset):
    mean = sum(r) / len(r)
    variance = sum((r - mean) ** 2) / len(r)
    return scale * (r - mean) / np.sqrt(variance + 1e-6) + offset


def expected_activity(activity, x):
    h = relu_layer(x, np.asarray(activity.W_h), np.asarray(activity.b))
    return (
        h if activity.norm is None else layer_norm(h, np.asarray(activity.norm.weight), np.asarray(activity.norm.bias))
    )


def expected_attention(cell, x, standardise=True, value_scale=1.0):
    # The linear maps to z1 (rank × hidden) and z2 (rank × actions), row after row.
    z1 = [[x @ np.asarray(cell.W_z1)[:, k * HIDDEN + d] for d in range(HIDDEN)] for k in range(RANK)]
    return expected_from_keys(cell, x, z1, standardise, value_scale)


def expected_constant_key(cell, x, standardise=True, value_scale=1.0):
    return expected_from_keys(cell, x, np.asarray(cell.z1), standardise, value_scale)


def expected_from_keys(cell, x, z1, standardise, value_scale):
    h = expected_activity(cell.activity, x)
    z2 = [[x @ np.asarray(cell.W_z2)[:, k * ACTIONS + a] for a in range(ACTIONS)] for k in range(RANK)]
    q = []
    for a in range(ACTIONS):
        row = np.array([sum(z2[k][a] * z1[k][d] for k in range(RANK)) for d in range(HIDDEN)])
        if standardise:
            row = (row - np.mean(row)) / (np.sqrt(np.mean((row - np.mean(row)) ** 2)) + 1e-6)
        q.append(value_scale * sum(np.tanh(row) * h))
    return h, q


def expected_dot(cell, x, value_scale=1.0):
    h = relu_layer(x, np.asarray(cell.W_in), np.zeros(HIDDEN))
    W = np.asarray(cell.W_att)
    q = [sum(np.tanh(x @ W[:, a * HIDDEN + d]) * h[d] for d in range(HIDDEN)) for a in range(ACTIONS)]
    return h, value_scale * np.array(q)


def expected_mlp(cell, x, value_scale=1.0):
    h = expected_activity(cell.activity, x)
    W, b = np.asarray(cell.W_q), np.asarray(cell.b_q)
    return h, [value_scale * (sum(h[d] * W[d, a] for d in range(HIDDEN)) + b[a]) for a in range(ACTIONS)]


@pytest.mark.parametrize(
    ("make", "options", "expected", "expected_options"),
    [
        (AttentionCell, {"rank": RANK}, expected_attention, {}),
        (AttentionCell, {"rank": RANK, "layer_norm": False}, expected_attention, {}),
        (AttentionCell, {"rank": RANK, "standardise": False}, expected_attention, {"standardise": False}),
        (AttentionCell, {"rank": RANK, "readout": ScalarReadout(0.1)}, expected_attention, {"value_scale": 0.1}),
        (ConstantKeyCell, {"rank": RANK}, expected_constant_key, {}),
        (ConstantKeyCell, {"rank": RANK, "layer_norm": False}, expected_constant_key, {}),
        (ConstantKeyCell, {"rank": RANK, "standardise": False}, expected_constant_key, {"standardise": False}),
        (ConstantKeyCell, {"rank": RANK, "readout": ScalarReadout(0.1)}, expected_constant_key, {"value_scale": 0.1}),
        (DotCell, {}, expected_dot, {}),
        (DotCell, {"readout": ScalarReadout(0.1)}, expected_dot, {"value_scale": 0.1}),
        (MLPCell, {}, expected_mlp, {}),
        (MLPCell, {"layer_norm": False}, expected_mlp, {}),
        (MLPCell, {"readout": ScalarReadout(0.1)}, expected_mlp, {"value_scale": 0.1}),
    ],
)
def test_equations(make, options, expected, expected_options):
    with jax.enable_x64(True):
        cell = double(make(INPUTS, HIDDEN, ACTIONS, key=jax.random.key(0), **options))
        for x in np.random.default_rng(1).normal(size=(5, INPUTS)):
            hidden, value = expected(cell, x, **expected_options)
            output = cell(jnp.asarray(x))
            np.testing.assert_allclose(output.hidden, hidden, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(output.value, value, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(cell.hidden(jnp.asarray(x)), hidden, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("hidden", [400, 200, 128, 96])
def test_released_cell_starts_with_the_published_spread_of_values(hidden, quick_jit):
    def values(key):
        cell_key, input_key = jax.random.split(key)
        cell = AttentionCell(40, hidden, 6, key=cell_key)
        return jax.vmap(lambda x: cell(x).value)(jax.random.normal(input_key, (32, 40)))

    q = np.asarray(quick_jit(jax.vmap(values))(jax.random.split(jax.random.key(0), 32)))
    # 12.6, 8.9, 7.1 and 6.2, see the cell's docstring.
    np.testing.assert_allclose(q.std(), 0.63 * np.sqrt(hidden), rtol=0.05)
    assert abs(q.mean()) < 0.1 * q.std()


def test_weights_are_lecun_normal_and_biases_zero(quick_jit):
    cell = quick_jit(lambda key: AttentionCell(100, 128, 6, key=key))(jax.random.key(0))
    for weights in (cell.activity.W_h, cell.W_z1, cell.W_z2):
        np.testing.assert_allclose(np.std(weights), 0.1, rtol=0.03)
    np.testing.assert_array_equal(cell.activity.b, 0)
    np.testing.assert_array_equal(cell.activity.norm.weight, 1)
    np.testing.assert_array_equal(cell.activity.norm.bias, 0)


def test_rank_bounds_the_rank_of_the_attention_matrix():
    for rank in (1, 2, 3):
        cell = AttentionCell(INPUTS, 16, 8, rank=rank, key=jax.random.key(0))
        x = np.ones(INPUTS)
        z1, z2 = (np.reshape(x @ np.asarray(W), (rank, -1)) for W in (cell.W_z1, cell.W_z2))
        assert (z1.shape, z2.shape) == ((rank, 16), (rank, 8))
        assert np.linalg.matrix_rank(z2.T @ z1) == rank


@pytest.mark.parametrize("shared", [True, False])
def test_gradient_of_the_attention_is_that_of_its_equation(shared, quick_jit):
    # Keys of one row each, or one for all rows, as constant keys are.
    rows, outputs = 3, 4
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        z1 = rng.normal(size=(RANK, HIDDEN) if shared else (rows, RANK, HIDDEN))
        z2, g = rng.normal(size=(rows, RANK, outputs)), rng.normal(size=(rows, outputs, HIDDEN))
        weights = jax.vmap(partial(attention_weights, standardise=False), in_axes=(None if shared else 0, 0))
        got = quick_jit(lambda z1, z2, g: jax.vjp(weights, z1, z2)[1](g))(z1, z2, g)
    to_z1, to_z2 = np.zeros((rows, RANK, HIDDEN)), np.zeros_like(z2)
    for n, k, i, d in np.ndindex(rows, RANK, outputs, HIDDEN):
        keys = z1 if shared else z1[n]
        slope = g[n, i, d] * (1 - np.tanh(sum(z2[n, m, i] * keys[m, d] for m in range(RANK))) ** 2)
        to_z1[n, k, d] += slope * z2[n, k, i]
        to_z2[n, k, i] += slope * keys[k, d]
    np.testing.assert_allclose(got[0], to_z1.sum(0) if shared else to_z1, rtol=1e-12)
    np.testing.assert_allclose(got[1], to_z2, rtol=1e-12)


@pytest.mark.parametrize("standardise", [True, False])
def test_only_the_standardised_cell_is_blind_to_the_scale_of_its_attention(standardise):
    cell = AttentionCell(INPUTS, HIDDEN, ACTIONS, standardise=standardise, key=jax.random.key(0))
    louder = jax.tree.map(lambda weights: 10 * weights if weights is cell.W_z1 else weights, cell)
    x = jnp.arange(1.0, INPUTS + 1)
    assert np.allclose(cell(x).value, louder(x).value, rtol=1e-4) == standardise


def test_layer_norm_gives_activity_zero_mean_and_unit_variance():
    x = jnp.arange(1.0, INPUTS + 1)
    for make in (AttentionCell, MLPCell):
        h = np.asarray(make(INPUTS, 64, ACTIONS, key=jax.random.key(0)).hidden(x))
        np.testing.assert_allclose([h.mean(), h.std()], [0, 1], atol=1e-3)
        assert (np.asarray(make(INPUTS, 64, ACTIONS, layer_norm=False, key=jax.random.key(0)).hidden(x)) >= 0).all()
