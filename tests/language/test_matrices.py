import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.language import LoraSettings, learns, with_lora
from accumbens.language.matrices import Dense, Matrix, Quantised


def quantised(outputs, inputs, low=True):
    chance = np.random.default_rng(0)
    q = chance.integers(0, 16, (outputs, inputs))
    scale, offset = (chance.normal(size=(outputs, inputs // 32)).astype(np.float32) for _ in range(2))
    made = Quantised(jnp.asarray(q, jnp.int8), jnp.asarray(scale), jnp.asarray(offset) if low else None)
    return made, np.repeat(scale, 32, axis=1) * q + (np.repeat(offset, 32, axis=1) if low else 0)


@pytest.mark.parametrize("low", [True, False])
def test_a_quantised_matrix_is_the_one_it_stands_for(low):
    matrix, weight = quantised(6, 64, low)
    dense = Dense(jnp.asarray(weight))
    assert isinstance(matrix, Matrix)
    assert isinstance(dense, Matrix)
    assert matrix.shape == dense.shape == (6, 64)
    np.testing.assert_allclose(matrix.full(), weight, rtol=1e-6)
    x = jax.random.normal(jax.random.key(0), (3, 5, 64))
    np.testing.assert_allclose(matrix(x), x @ weight.T, rtol=1e-4, atol=1e-4)
    ids = jnp.array([[0, 5], [2, 2]])
    np.testing.assert_allclose(matrix.rows(ids), weight[np.array(ids)], rtol=1e-6)

    @eqx.filter_jit
    def derivative(matrix):
        return jax.vmap(jax.grad(lambda x: jnp.sum(jnp.sin(matrix(x)))))(x)

    np.testing.assert_allclose(derivative(matrix), derivative(dense), rtol=1e-3, atol=1e-3)


def test_a_quantised_model_learns_by_its_corrections(small):
    base, _ = quantised(24, 64)
    model = eqx.tree_at(lambda m: (m.blocks[0].q, m.embedding), small, (base, quantised(23, 32)[0]))
    assert not any(jax.tree.leaves(learns(model.blocks[0].q)))
    assert all(jax.tree.leaves(learns(model.blocks[1])))
    corrected = with_lora(model, LoraSettings(2, matrices=("q",)), key=jax.random.key(0))
    marks = jax.tree.leaves(learns(corrected))
    assert sum(marks) == 2 * len(small.blocks)
    x = jax.random.normal(jax.random.key(1), (3, 64))
    moving, frozen = eqx.partition(corrected.blocks[0].q, learns(corrected.blocks[0].q))
    gradient = jax.grad(lambda moving: jnp.sum(eqx.combine(moving, frozen)(x)))(moving)
    expected = jnp.ones((3, 24)).T @ (x @ corrected.blocks[0].q.A.T) * 8.0
    np.testing.assert_allclose(gradient.B, expected, rtol=1e-4)
