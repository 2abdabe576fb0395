"""Losses of one TD error, and their slopes."""

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.td.losses import huber, squared

ERRORS = jnp.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])


def test_squared_has_no_factor_one_half():
    np.testing.assert_allclose(squared(ERRORS), [9, 1, 0.25, 0, 0.25, 1, 9])


def test_huber_is_quadratic_inside_one_and_linear_beyond():
    np.testing.assert_allclose(huber(ERRORS), [2.5, 0.5, 0.125, 0, 0.125, 0.5, 2.5])
    np.testing.assert_allclose(jax.vmap(jax.grad(huber))(ERRORS), [-1, -1, -0.5, 0, 0.5, 1, 1])


def test_every_loss_is_zero_only_without_error():
    for loss in (squared, huber):
        assert np.array_equal(np.asarray(loss(ERRORS)) == 0, np.asarray(ERRORS) == 0)
