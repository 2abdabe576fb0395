"""Losses of TD errors, their slopes, and what they are smallest for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from accumbens.td.losses import expectile, huber, quantile_huber, quantile_regression, squared

ERRORS = jnp.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])


def test_squared_has_no_factor_one_half():
    np.testing.assert_allclose(squared(ERRORS), [9, 1, 0.25, 0, 0.25, 1, 9])


def test_huber_is_quadratic_inside_the_threshold_and_linear_beyond():
    np.testing.assert_allclose(huber(ERRORS), [2.5, 0.5, 0.125, 0, 0.125, 0.5, 2.5])
    np.testing.assert_allclose(jax.vmap(jax.grad(huber))(ERRORS), [-1, -1, -0.5, 0, 0.5, 1, 1])
    # At κ = 2 the slope grows up to 2.
    np.testing.assert_allclose(huber(ERRORS, 2.0), [4, 0.5, 0.125, 0, 0.125, 0.5, 4])
    np.testing.assert_allclose(jax.vmap(jax.grad(lambda e: huber(e, 2.0)))(ERRORS), [-2, -1, -0.5, 0, 0.5, 1, 2])


def test_every_loss_is_zero_only_without_error():
    for loss in (squared, huber):
        assert np.array_equal(np.asarray(loss(ERRORS)) == 0, np.asarray(ERRORS) == 0)


def reference(quantiles, targets, element):
    """Equation 10 of Dabney et al. (2018), one pair at a time: sum over quantiles of the mean over targets."""
    total = 0.0
    for i, quantile in enumerate(quantiles):
        tau = (2 * i + 1) / (2 * len(quantiles))
        errors = [target - quantile for target in targets]
        total += np.mean([abs(tau - (1.0 if u < 0 else 0.0)) * element(u) for u in errors])
    return total


def huber_over(kappa):
    return lambda u: (0.5 * u * u if abs(u) <= kappa else kappa * (abs(u) - 0.5 * kappa)) / kappa


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0, 3.0])
def test_quantile_huber_against_the_published_formula(kappa):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        quantiles, targets = rng.normal(size=(6, 5)), 2 * rng.normal(size=(6, 4))
        losses = quantile_huber(jnp.asarray(quantiles), jnp.asarray(targets), kappa)
        element = abs if kappa == 0 else huber_over(kappa)
        np.testing.assert_allclose(losses, [reference(q, t, element) for q, t in zip(quantiles, targets, strict=True)])


def test_expectile_against_the_published_form():
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        quantiles, targets = rng.normal(size=(6, 5)), rng.normal(size=(6, 5))
        losses = expectile(jnp.asarray(quantiles), jnp.asarray(targets))
        expected = [reference(q, t, lambda u: u * u) for q, t in zip(quantiles, targets, strict=True)]
        np.testing.assert_allclose(losses, expected)


SAMPLE = np.random.default_rng(0).exponential(size=4001)


def descend(loss, steps=3000, rate=0.02):
    """Five numbers after descending the loss against a fixed sample of targets."""
    gradient = jax.jit(jax.grad(lambda q: loss(q, jnp.asarray(SAMPLE))))
    return np.asarray(jax.lax.fori_loop(0, steps, lambda _, q: q - rate * gradient(q), jnp.full(5, 1.0)))


def test_quantile_regression_finds_quantiles():
    learned = descend(lambda q, t: quantile_huber(q, t, 0.0))
    np.testing.assert_allclose(learned, np.quantile(SAMPLE, [0.1, 0.3, 0.5, 0.7, 0.9]), atol=0.05)


def test_the_published_square_finds_expectiles_not_quantiles():
    def expectile_of(tau):
        return brentq(
            lambda e: tau * np.maximum(SAMPLE - e, 0).sum() - (1 - tau) * np.maximum(e - SAMPLE, 0).sum(), 0, 20
        )

    learned = descend(expectile)
    np.testing.assert_allclose(learned, [expectile_of(tau) for tau in (0.1, 0.3, 0.5, 0.7, 0.9)], atol=0.02)
    assert abs(learned[0] - np.quantile(SAMPLE, 0.1)) > 0.1


def test_the_element_loss_is_weighted_by_the_side_of_the_error():
    one_sided = quantile_regression(jnp.array([0.0]), jnp.array([1.0]), jnp.abs)
    np.testing.assert_allclose(one_sided, 0.5)
    skewed = [quantile_regression(jnp.zeros(2), jnp.array([sign]), jnp.abs) for sign in (1.0, -1.0)]
    np.testing.assert_allclose(skewed, [0.25 + 0.75, 0.75 + 0.25])
