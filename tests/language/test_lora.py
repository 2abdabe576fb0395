import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from accumbens.errors import AccumbensError
from accumbens.language import LoraSettings, learns, merged, with_lora, without_lora
from accumbens.language.matrices import LowRank

from .conftest import sharpened

TOKENS = jnp.array([3, 1, 4, 1, 5, 9, 2, 6])


@pytest.fixture(scope="module")
def corrected(small):
    return with_lora(small, LoraSettings(rank=3, alpha=6.0), key=jax.random.key(1))


def test_at_the_start_nothing_changes_to_the_bit(small, corrected, logits_of):
    np.testing.assert_array_equal(logits_of(corrected, TOKENS), logits_of(small, TOKENS))
    assert [type(getattr(block, name)) is LowRank for block in corrected.blocks for name in "qkvo"] == [
        True, False, True, False, True, False, True, False,
    ]  # fmt: skip
    assert corrected.blocks[0].q.scale == 2.0
    assert not np.array_equal(corrected.blocks[0].q.A, corrected.blocks[1].q.A)


def test_only_the_corrections_learn(small, corrected, logits_of):
    moving, frozen = eqx.partition(corrected, learns(corrected))
    assert sum(leaf.size for leaf in jax.tree.leaves(moving)) == 2 * 3 * (24 + 24 + 24 + 8)
    optimiser = optax.adam(0.05)

    @eqx.filter_jit
    def stepped(moving, state):
        def loss(moving):
            logits = eqx.combine(moving, frozen)
            logits = logits.logits(logits(TOKENS[:-1]).hidden)
            return optax.softmax_cross_entropy_with_integer_labels(logits, TOKENS[1:]).mean()

        value, gradient = eqx.filter_value_and_grad(loss)(moving)
        updates, state = optimiser.update(gradient, state)
        return eqx.apply_updates(moving, updates), state, value

    state, losses = optimiser.init(moving), []
    for _ in range(10):
        moving, state, value = stepped(moving, state)
        losses.append(value)
    assert losses[-1] < 0.8 * losses[0]
    learned = eqx.combine(moving, frozen)
    assert eqx.tree_equal(without_lora(learned), small)
    assert not np.allclose(logits_of(learned, TOKENS), logits_of(small, TOKENS), atol=0.1)
    np.testing.assert_allclose(logits_of(merged(learned), TOKENS), logits_of(learned, TOKENS), rtol=1e-3, atol=1e-3)


def test_without_corrections_all_of_it_learns(small):
    assert all(jax.tree.leaves(learns(small)))


def test_a_correction_is_the_matrix_it_stands_for(small):
    matrix = sharpened(with_lora(small, LoraSettings(2, 1.0, ("down",)), key=jax.random.key(0))).blocks[0].down
    expected = matrix.base.weight + 0.5 * matrix.B @ matrix.A
    np.testing.assert_allclose(matrix.full(), expected, rtol=1e-5)
    np.testing.assert_allclose(matrix.rows(jnp.array([3, 0])), expected[jnp.array([3, 0])], rtol=1e-4)
    x = jax.random.normal(jax.random.key(0), (5, 40))
    np.testing.assert_allclose(matrix(x), x @ expected.T, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rank": 0}, "rank=0 cannot be used: it must be 1 or more"),
        ({"alpha": 0.0}, "alpha=0.0 cannot be used"),
        ({"matrices": ()}, r"matrices=\(\) cannot be used"),
        ({"matrices": ("q", "q")}, "different names"),
        ({"matrices": ("q", "gates")}, "unknown matrix 'gates'; did you mean 'gate'"),
    ],
)
def test_settings_that_correct_nothing_are_refused(changes, message):
    with pytest.raises(AccumbensError, match=message):
        LoraSettings(**changes)


def test_a_rank_beyond_the_width_is_refused(small):
    with pytest.raises(AccumbensError, match="rank=25 cannot be used: it must be at most the model's width 24"):
        with_lora(small, LoraSettings(rank=25), key=jax.random.key(0))
