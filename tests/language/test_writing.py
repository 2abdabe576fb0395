import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.errors import AccumbensError
from accumbens.language import choices_of, restricted, score, trie_of, with_ends, write

from .test_scoring import TOKENIZER

PROMPT = jnp.array([3, 1, 4, 1, 5, 9, 9, 9])  # the last two are padding
ACTIONS = [[0, 1, 2], [0, 1, 3], [5], [6, 6]]


@pytest.fixture(scope="module")
def writes():
    return eqx.filter_jit(write)


@eqx.filter_jit
def log_probs_of(model, tokens):
    return jax.nn.log_softmax(model.logits(model(tokens).hidden))


@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.0])
def test_what_is_written_is_drawn_from_the_model(temperature, small, writes):
    found = writes(small, PROMPT, 6, jax.random.key(2), end=22, limit=5, temperature=temperature)
    assert found.length == 5
    assert found.action == -1
    whole = jnp.concatenate([PROMPT[:6], found.tokens])
    log_probs = log_probs_of(small, whole)[5:-1]
    np.testing.assert_allclose(found.log_probs, log_probs[jnp.arange(5), found.tokens], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.hidden, small(whole).hidden[5:-1], rtol=1e-3, atol=1e-4)
    if temperature == 0:
        np.testing.assert_array_equal(found.tokens, jnp.argmax(log_probs, axis=1))
        assert not found.drawn_log_probs.any()
    else:
        drawn = jax.nn.log_softmax(log_probs / temperature)
        np.testing.assert_allclose(found.drawn_log_probs, drawn[jnp.arange(5), found.tokens], rtol=1e-3, atol=1e-3)


def test_the_end_token_ends_a_text(small, writes):
    greedy = writes(small, PROMPT, 6, jax.random.key(0), end=22, limit=5, temperature=0.0)
    end = int(greedy.tokens[2])
    first = greedy.tokens.tolist().index(end)
    found = writes(small, PROMPT, 6, jax.random.key(0), end=end, limit=5, temperature=0.0)
    assert found.length == first + 1
    np.testing.assert_array_equal(found.tokens[: first + 1], greedy.tokens[: first + 1])
    assert not found.tokens[first + 1 :].any()


def test_along_a_trie_only_admissible_actions_are_written(small, writes):
    trie = trie_of(ACTIONS)
    drawn = jax.jit(jax.vmap(lambda key: write(small, PROMPT, 6, key, end=22, trie=trie)))
    found = drawn(jax.random.split(jax.random.key(0), 200))
    for action, length, tokens in zip(found.action, found.length, found.tokens, strict=True):
        assert tokens[:length].tolist() == ACTIONS[action]
    letters = [TOKENIZER.decode(tokens) for tokens in ACTIONS]
    choices = choices_of(TOKENIZER, TOKENIZER.decode(PROMPT[:6].tolist()), letters, 64)
    chances = restricted(eqx.filter_jit(score)(small, choices).log_probs, choices).log_probs
    np.testing.assert_allclose(found.drawn_log_probs[0], chances[found.action[0]][:4], rtol=1e-3, atol=1e-4)
    often = np.bincount(found.action, minlength=4) / 200
    expected = np.exp(chances.sum(axis=1))[:4]
    np.testing.assert_allclose(often, expected, atol=4 * 0.5 / 200**0.5)


def test_nodes_of_a_trie():
    trie = trie_of(ACTIONS)
    assert np.flatnonzero(trie.allowed(0, 10)).tolist() == [0, 5, 6]
    node = trie.after(trie.after(0, 0), 1)
    assert np.flatnonzero(trie.allowed(node, 10)).tolist() == [2, 3]
    assert int(trie.action[trie.after(node, 3)]) == 1
    assert int(trie.action[node]) == -1
    assert trie.limit == 4
    assert trie.tokens.shape == (16, 4)


def test_the_beginning_of_another_action_needs_an_end():
    with pytest.raises(AccumbensError, match="another action begins with action 1, so its end could not be told"):
        trie_of([[0, 1, 2], [0, 1]])
    closed = with_ends([[0, 1, 2], [0, 1]], 9)
    assert closed == [[0, 1, 2], [0, 1, 9]]
    assert np.flatnonzero(trie_of(closed).allowed(2, 10)).tolist() == [2, 9]


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([], r"actions=\[\] cannot be used"),
        ([[1], []], r"action 1=\[\] cannot be used: it must be one token or more"),
        ([[1, 2], [3], [1, 2]], "actions 0 and 2 have the same tokens"),
    ],
)
def test_actions_that_make_no_trie_are_refused(actions, message):
    with pytest.raises(AccumbensError, match=message):
        trie_of(actions)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "limit=None cannot be used: it must be 1 or more"),
        ({"limit": 0}, "limit=0 cannot be used"),
        ({"limit": 3, "trie": trie_of(ACTIONS)}, "limit=3 cannot be used: it must be 4 or more"),
        ({"limit": 57}, "limit=57 cannot be used: it must be at most 56, what the prompt leaves"),
        ({"limit": 3, "temperature": -1.0}, "temperature=-1.0 cannot be used"),
    ],
)
def test_what_cannot_be_written_is_refused(options, message, small):
    with pytest.raises(AccumbensError, match=message):
        write(small, PROMPT, 6, jax.random.key(0), end=22, **options)
