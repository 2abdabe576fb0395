"""Readouts, conditioned cells and the convolution, against their equations in float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.cells import (
    Activity,
    AttentionCell,
    ConstantKeyCell,
    Convolution,
    DotCell,
    GoodnessReadout,
    MLPCell,
    QuantileReadout,
    ScalarReadout,
    goodness_of,
)
from accumbens.cells.attention import attention_weights

INPUTS, HIDDEN, WIDTH, RANK, FEATURES = 5, 7, 4, 2, 3
CODES = np.eye(FEATURES)
GOODNESS = {
    "rms": lambda y: np.sqrt(sum((v - sum(y) / len(y)) ** 2 for v in y) / len(y)),
    "mean": lambda y: sum(y) / len(y),
    "mean_square": lambda y: sum(v * v for v in y) / len(y),
    "variance": lambda y: sum((v - sum(y) / len(y)) ** 2 for v in y) / len(y),
}


def double(module, seed=0):
    """The module with float64 parameters, away from their initial zeros and ones."""
    leaves, structure = jax.tree.flatten(module)
    rng = np.random.default_rng(seed)
    return jax.tree.unflatten(
        structure, [jnp.asarray(x + rng.normal(scale=0.3, size=x.shape), jnp.float64) for x in leaves]
    )


def attention(cell, x, outputs, standardise):
    """y of a released cell, one number at a time; x may end with the code of an action."""
    h = np.asarray(cell.hidden(jnp.asarray(x[:INPUTS])))
    y = []
    for i in range(outputs):
        row = [
            sum(
                (x @ np.asarray(cell.W_z2)[:, k * outputs + i])
                * (x @ np.asarray(cell.W_z1)[:, k * HIDDEN + d] if hasattr(cell, "W_z1") else float(cell.z1[k, d]))
                for k in range(RANK)
            )
            for d in range(HIDDEN)
        ]
        if standardise:
            row = (np.array(row) - np.mean(row)) / (np.std(row) + 1e-6)
        y.append(sum(np.tanh(row) * h))
    return y


@pytest.mark.parametrize("kind", GOODNESS)
@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("make", [AttentionCell, ConstantKeyCell])
def test_arq_cell(make, kind, standardise):
    """h without the action; for every action z2 and, unless it is learned, z1 of [x, a], W, y and its goodness."""
    with jax.enable_x64(True):
        readout = GoodnessReadout(WIDTH, kind, value_scale=0.5, value_offset=True)
        options = {"rank": RANK, "standardise": standardise, "readout": readout, "action_features": FEATURES}
        cell = double(make(INPUTS, HIDDEN, FEATURES, key=jax.random.key(0), **options))
        for x in np.random.default_rng(1).normal(size=(3, INPUTS)):
            output = cell(jnp.asarray(x), jnp.asarray(CODES))
            each = [attention(cell, np.concatenate([x, code]), WIDTH, standardise) for code in CODES]
            expected = [0.5 * GOODNESS[kind](y) + float(cell.readout.offset) for y in each]
            np.testing.assert_allclose(output.value, expected, rtol=1e-9)
            # A candidate's value does not depend on the company it is in.
            np.testing.assert_allclose(cell(jnp.asarray(x), jnp.asarray(CODES[1:2])).value, expected[1:2], rtol=1e-9)
            np.testing.assert_array_equal(output.hidden, cell.hidden(jnp.asarray(x)))


@pytest.mark.parametrize("conditioned", [False, True])
@pytest.mark.parametrize("make", [AttentionCell, ConstantKeyCell, DotCell, MLPCell])
def test_quantiles_and_blocks(make, conditioned):
    """Without conditioning, an action's block of y is what the readout sees; the cell's y is that of a scalar cell."""
    if make is MLPCell and conditioned:
        pytest.skip("an mlp cell is never conditioned")
    options = {"action_features": FEATURES} if conditioned else {}
    candidates = jnp.asarray(CODES) if conditioned else None
    x = jnp.arange(1.0, INPUTS + 1)
    key = jax.random.key(0)
    quantiles = make(INPUTS, HIDDEN, FEATURES, key=key, readout=QuantileReadout(WIDTH, 0.5), **options)
    goodness = make(INPUTS, HIDDEN, FEATURES, key=key, readout=GoodnessReadout(WIDTH, "mean"), **options)
    values = quantiles(x, candidates).value
    assert values.shape == (WIDTH, FEATURES)
    np.testing.assert_allclose(values.mean(0), 0.5 * goodness(x, candidates).value, rtol=1e-4, atol=1e-6)
    if not conditioned:
        scalar = make(INPUTS, HIDDEN, FEATURES * WIDTH, key=key, readout=ScalarReadout(0.5))
        np.testing.assert_allclose(values.T.ravel(), scalar(x).value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", GOODNESS)
def test_goodness_has_a_finite_gradient_everywhere(kind):
    for y in (np.zeros(6), np.full(6, 3.0), np.full(6, 1e-20), np.arange(6.0), 1e-18 * np.arange(6.0)):
        with jax.enable_x64(True):
            value, gradient = jax.value_and_grad(goodness_of)(jnp.asarray(y), kind)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
    value, gradient = jax.value_and_grad(goodness_of)(jnp.zeros(6), kind)  # float32
    assert np.isfinite(gradient).all()
    assert value <= 1e-14


def test_rms_is_never_negative_and_an_offset_mends_that():
    y = jnp.asarray(np.random.default_rng(0).normal(size=(9, 6)), jnp.float32)
    for kind in ("rms", "mean_square", "variance"):
        assert (GoodnessReadout(6, kind)(y) >= 0).all()
    shifted = GoodnessReadout(6, value_offset=True)
    assert shifted.offset is not None
    np.testing.assert_array_equal(shifted(y), GoodnessReadout(6)(y))  # it starts at zero
    gradient = jax.grad(lambda readout: readout(y).sum())(shifted)
    np.testing.assert_allclose(gradient.offset, 9)


@pytest.mark.parametrize("hidden", [400, 200, 128, 96])
def test_untrained_rms_values_are_about_as_large_as_published(hidden, quick_jit):
    """About 0.63·√hidden, with outputs as many as hidden units."""

    def values(key):
        cell_key, input_key = jax.random.split(key)
        options = {"readout": GoodnessReadout(hidden), "action_features": 2}
        cell = AttentionCell(40, hidden, 2, key=cell_key, **options)
        return jax.vmap(lambda x: cell(x, jnp.eye(2)).value)(jax.random.normal(input_key, (4, 40)))

    q = np.asarray(quick_jit(lambda keys: jax.lax.map(values, keys))(jax.random.split(jax.random.key(0), 24)))
    np.testing.assert_allclose(np.sqrt(np.square(q).mean()), 0.63 * np.sqrt(hidden), rtol=0.1)
    assert (q > 0).all()


def directly(z1, z2, h):
    """The published order: form the matrix, standardise its rows, squash, multiply."""
    W = z2.T @ z1
    W = (W - W.mean(-1, keepdims=True)) / (W.std(-1, keepdims=True) + 1e-6)
    return jnp.tanh(W) @ h


def test_standardised_factors_are_the_standardised_matrix():
    """Values and gradients agree with the direct form, in float64, also where rows are nearly constant."""
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        for scale in (1e-3, 1.0, 1e3):
            z1, z2 = (jnp.asarray(rng.normal(scale=scale, size=(RANK, n))) for n in (HIDDEN, WIDTH))
            h = jnp.asarray(rng.normal(size=HIDDEN))
            ours, theirs = (
                jax.value_and_grad(lambda *z, y=y: jnp.square(y(*z)).sum(), (0, 1, 2))(z1, z2, h)
                for y in (lambda z1, z2, h: attention_weights(z1, z2, True) @ h, directly)
            )
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-9), ours, theirs)


@pytest.mark.parametrize("standardise", [True, False])
def test_attention_to_nothing_is_finite(standardise):
    for z1, z2 in (((RANK, HIDDEN), 0.0), ((RANK, HIDDEN), 1.0)):
        z = jnp.full(z1, z2), jnp.full((RANK, WIDTH), z2)
        gradients = jax.grad(lambda *z: attention_weights(*z, standardise).sum(), (0, 1))(*z)
        assert all(np.isfinite(g).all() for g in gradients)


def test_convolution():
    """3 × 3 windows of every channel, one number at a time; what follows the image in x is left as it is."""
    shape, features = (4, 5, 2), 3
    with jax.enable_x64(True):
        convolution = double(Convolution(shape, features, key=jax.random.key(0)))
        image = np.random.default_rng(1).normal(size=shape)
        kernel, b = np.asarray(convolution.kernel), np.asarray(convolution.b)
        expected = [
            max(
                0.0,
                b[f]
                + sum(
                    image[i + r, j + c, n] * kernel[r, c, n, f] for r in range(3) for c in range(3) for n in range(2)
                ),
            )
            for i in range(2)
            for j in range(3)
            for f in range(features)
        ]
        assert convolution.size == len(expected)
        np.testing.assert_allclose(convolution(jnp.asarray(image.ravel())), expected, rtol=1e-9)

        activity = Activity(40 + 6, HIDDEN, layer_norm=False, key=jax.random.key(1), convolution=convolution)
        rest = np.random.default_rng(2).normal(size=6)
        seen = np.concatenate([expected, rest])
        h = np.maximum(seen @ np.asarray(activity.W_h) + np.asarray(activity.b), 0)
        np.testing.assert_allclose(activity(jnp.asarray(np.concatenate([image.ravel(), rest]))), h, rtol=1e-6)
