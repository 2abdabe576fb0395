import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpy_transformer
import pytest

from accumbens.errors import AccumbensError
from accumbens.language import TransformerSettings, extended, make_transformer, parameters
from accumbens.language.transformer import attention_weights, through, turns_of

from .conftest import SMALL, sharpened

TOKENS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 22, 0]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tied": False},
        {"key_value_heads": 6},
        {"key_value_heads": 1, "rope_base": 10_000.0},
        {"layers": 1, "head_size": 2, "epsilon": 0.1},
    ],
    ids=str,
)
def test_logits_are_those_of_the_equations(changes, logits_of):
    with jax.enable_x64(True):
        sizes = dataclasses.replace(SMALL, **changes)
        model = sharpened(make_transformer(sizes, key=jax.random.key(1)))
        assert model.norm.dtype == np.float64
        found = logits_of(model, jnp.array(TOKENS))
    expected = numpy_transformer.logits(*numpy_transformer.matrices(model), sizes, TOKENS)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    assert np.ptp(expected, axis=1).min() > 1, "the logits are too much alike for a test"


@pytest.mark.parametrize("key_value_heads", [1, 3, 6])
def test_attention_weights_are_those_of_the_equations(key_value_heads):
    with jax.enable_x64(True):
        sizes = dataclasses.replace(SMALL, key_value_heads=key_value_heads)
        model = sharpened(make_transformer(sizes, key=jax.random.key(2)))
        x = model.embedding.rows(jnp.array(TOKENS))
        turns = turns_of(sizes, jnp.arange(len(TOKENS)), x.dtype)
        found = []
        for block in model.blocks:
            found.append(attention_weights(sizes, block, x, turns))
            x = through(sizes, block, x, turns)[0]
    expected: list[np.ndarray] = []
    numpy_transformer.logits(*numpy_transformer.matrices(model), sizes, TOKENS, attended=expected)
    each = iter(expected)
    for weights in found:
        assert weights.shape == (sizes.heads, len(TOKENS), len(TOKENS))
        for token in range(len(TOKENS)):
            for head in range(sizes.heads):
                np.testing.assert_allclose(weights[head, token, : token + 1], next(each), rtol=1e-11, atol=1e-13)
                assert not np.any(weights[head, token, token + 1 :])
    assert next(each, None) is None


@pytest.mark.parametrize(("first", "pieces", "padding"), [(1, 1, 0), (4, 1, 2), (5, 3, 3), (8, 3, 0)])
def test_a_cache_gives_what_all_tokens_at_once_give(small, logits_of, first, pieces, padding):
    @eqx.filter_jit
    def begun(model, tokens):
        seen = model(tokens)
        return model.logits(seen.hidden), seen.cache(first, spare=len(TOKENS))

    @eqx.filter_jit
    def gone_on(model, tokens, count, past):
        seen = model(tokens, past)
        return model.logits(seen.hidden), extended(past, seen, count)

    found, past = begun(small, jnp.array(TOKENS[:first] + [7] * padding))
    found = [found[:first]]
    for i in range(first, len(TOKENS), pieces):
        piece = TOKENS[i : i + pieces]
        filled = piece + [7] * (pieces + padding - len(piece))
        logits, past = gone_on(small, jnp.array(filled), len(piece), past)
        found.append(logits[: len(piece)])
    assert past.length == len(TOKENS)
    np.testing.assert_allclose(np.concatenate(found), logits_of(small, jnp.array(TOKENS)), rtol=1e-4, atol=2e-5)


def test_no_token_sees_those_behind_it(small, logits_of):
    changed = [*TOKENS[:6], 11, 12, 13, 14, 15]
    first, second = (logits_of(small, jnp.array(tokens)) for tokens in (TOKENS, changed))
    np.testing.assert_array_equal(first[:6], second[:6])
    assert not np.allclose(first[6:], second[6:])


def test_gradients_are_finite_whatever_is_padding(small):
    def loss(model, length):
        seen = model(jnp.array(TOKENS))
        return jnp.sum(model(jnp.array(TOKENS), seen.cache(length)).hidden ** 2)

    gradient_of = eqx.filter_jit(eqx.filter_grad(loss))
    for length in (0, 1, len(TOKENS)):
        gradient = gradient_of(small, jnp.array(length))
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_a_new_model_says_little(logits_of):
    sizes = TransformerSettings(vocabulary=50)
    model = make_transformer(sizes, key=jax.random.key(0))
    assert parameters(model) == 50 * 64 + 2 * (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 192 + 2 * 64) + 64
    assert parameters(model) == sum(leaf.size for leaf in jax.tree.leaves(model))
    chances = jax.nn.softmax(logits_of(model, jnp.arange(20)))
    assert chances.max() < 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 4, "key_value_heads": 3}, "key_value_heads=3 cannot be used: it must be a divisor of heads=4"),
        ({"head_size": 5}, "head_size=5 cannot be used: it must be even"),
        ({"layers": 0}, "layers=0 cannot be used"),
        ({"epsilon": 0.0}, "epsilon=0.0 cannot be used"),
        ({"rope_base": 1.0}, "rope_base=1.0 cannot be used"),
    ],
)
def test_sizes_that_make_no_transformer_are_refused(changes, message):
    with pytest.raises(AccumbensError, match=message):
        TransformerSettings(vocabulary=5, **changes)
