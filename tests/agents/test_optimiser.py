"""The optimiser of one cell against the papers' algorithms in float64 NumPy, and against optax's chain of the same."""

from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from accumbens.agents.optimiser import cell_optimiser, degrees_of_freedom

STEPS, MAX_NORM = 40, 2.0
SCHEDULE = optax.linear_schedule(0.1, 0.01, 30)
DECAYS = [(0.9, 0.99), (0.9, 0.999), (0.0, 0.99), (0.9, 0.0), (0.0, 0.0)]
KINDS = ["adam", "radam"]


def gradients_of(mean=0.0):
    """Of two parameters, with norms on both sides of the clip; one is all zeros, and all are numbers of float32."""
    rng = np.random.default_rng(0)
    size = rng.choice([0.1, 1.0, 10.0], STEPS)
    size[5] = 0.0
    drawn = {"w": rng.normal(mean, 0.5, (STEPS, 3, 2)), "b": rng.normal(mean, 0.5, STEPS)}
    return {name: (g * size.reshape(-1, *[1] * (g.ndim - 1))).astype(np.float32) for name, g in drawn.items()}


def changes_by(optimiser, gradients, dtype):
    """What an optimiser changes in every step, and its last state."""
    with jax.enable_x64(dtype == np.float64):
        gradients = jax.tree.map(lambda g: jnp.asarray(g, dtype), gradients)
        state = optimiser.init(jax.tree.map(lambda g: g[0], gradients))
        state, changes = jax.jit(
            lambda state: jax.lax.scan(lambda s, g: optimiser.update(g, s)[::-1], state, gradients)
        )(state)
        return jax.tree.map(np.asarray, (changes, state))


def by_the_papers(kind, gradients, max_norm, b1, b2):
    """Kingma & Ba (2015), algorithm 1; Liu et al. (2020), algorithm 2, rectified where the length is 5 or more."""
    first, second, changes = {}, {}, {name: [] for name in gradients}
    longest = 2 / (1 - b2) - 1
    for t in range(1, STEPS + 1):
        gradient = {name: g[t - 1].astype(np.float64) for name, g in gradients.items()}
        norm = np.sqrt(sum((g**2).sum() for g in gradient.values()))
        length = longest - 2 * t * b2**t / (1 - b2**t)
        for name, g in gradient.items():
            if norm > max_norm:
                g = g * max_norm / norm
            first[name] = b1 * first.get(name, 0.0) + (1 - b1) * g
            second[name] = b2 * second.get(name, 0.0) + (1 - b2) * g**2
            step = first[name] / (1 - b1**t)
            spread = np.sqrt(second[name] / (1 - b2**t)) + 1e-8
            if kind == "adam":
                step = step / spread
            elif length >= 5:
                known = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
                step = np.sqrt(known) * step / spread
            changes[name].append(-float(SCHEDULE(t - 1)) * step)
    return {name: np.stack(steps) for name, steps in changes.items()}


def chain(kind, max_norm, b1, b2):
    scale = {"adam": optax.scale_by_adam, "radam": optax.scale_by_radam}[kind]
    return optax.chain(
        optax.clip_by_global_norm(max_norm), scale(b1=b1, b2=b2, eps=1e-8), optax.scale_by_learning_rate(SCHEDULE)
    )


def assert_close(found, expected, rtol):
    for name, changes in expected.items():
        np.testing.assert_allclose(found[name], changes, rtol=rtol, atol=1e-14, err_msg=name)


@pytest.mark.parametrize(("b1", "b2"), DECAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_in_64_bits_it_is_the_papers_and_optax(kind, b1, b2):
    gradients = gradients_of()
    norms = np.sqrt((gradients["w"] ** 2).sum(axis=(1, 2)) + gradients["b"] ** 2)
    assert 5 < np.sum(norms > MAX_NORM) < STEPS - 5
    found, state = changes_by(cell_optimiser(kind, SCHEDULE, MAX_NORM, b1, b2), gradients, np.float64)
    expected, expected_state = changes_by(chain(kind, MAX_NORM, b1, b2), gradients, np.float64)
    # The schedule is computed in float32, by NumPy's reference too.
    assert_close(found, by_the_papers(kind, gradients, MAX_NORM, b1, b2), rtol=1e-6)
    assert_close(found, expected, rtol=1e-10)
    # What an older run has saved is what this one goes on from.
    assert jax.tree.structure(state) == jax.tree.structure(expected_state)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), state, expected_state)


@pytest.mark.parametrize("b2", [0.99, 0.999])
@pytest.mark.parametrize("kind", KINDS)
def test_in_32_bits_it_is_the_same_from_the_first_steps_on(kind, b2):
    """With optax 0.2.8 the first rectified steps of RAdam are off by up to 6e-3."""
    gradients, optimiser = gradients_of(mean=1.0), cell_optimiser(kind, optax.constant_schedule(0.5), 1e9, 0.9, b2)
    exact, _ = changes_by(optimiser, gradients, np.float64)
    found, state = changes_by(optimiser, gradients, np.float32)
    assert all(leaf.dtype in (np.float32, np.int32) for leaf in jax.tree.leaves((found, state)))
    assert_close(found, exact, rtol=1e-6)


@pytest.mark.parametrize("max_norm", [0.5, 1e9, np.inf])
def test_the_clip(max_norm):
    """A first step without memory is the clipped gradient: RAdam is not rectified yet."""
    gradients = jax.tree.map(lambda g: 0.6 * np.ones_like(g[0]), gradients_of())
    optimiser = cell_optimiser("radam", optax.constant_schedule(1.0), max_norm, 0.0, 0.9)
    changes, _ = optimiser.update(gradients, optimiser.init(gradients))
    norm = 0.6 * np.sqrt(7)
    jax.tree.map(lambda c: np.testing.assert_allclose(c, -0.6 * min(1.0, max_norm / norm), rtol=1e-6), changes)


@pytest.mark.parametrize("b2", [0.5, 0.9, 0.99, 0.999, 0.9999])
def test_degrees_of_freedom(b2):
    """Against 50 digits, from the first step to the millionth."""
    steps = np.unique(np.concatenate([np.arange(1, 101), np.geomspace(1, 10**6, 200).astype(int)]))
    with localcontext(prec=50):
        b, expected = Decimal(b2), []
        for t in map(int, steps):
            expected.append(float(2 / (1 - b) - 1 - 2 * t * b**t / (1 - b**t)))
    lengths = jax.jit(jax.vmap(lambda t: degrees_of_freedom(t, b2)))
    found = lengths(jnp.asarray(steps, jnp.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    with jax.enable_x64(True):
        found = lengths(jnp.asarray(steps, jnp.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
