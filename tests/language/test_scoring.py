import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpy_transformer
import pytest

from accumbens.errors import AccumbensError
from accumbens.language import (
    LoraSettings,
    Sizes,
    ValueHead,
    action_log_probs,
    choices_of,
    learns,
    over_tokens,
    restricted,
    score,
    stacked,
    trie_of,
    with_ends,
    with_lora,
)
from accumbens.language.choices import rounded
from accumbens.language.scoring import present


class Letters:
    """A tokenizer of the letters a to v; `.` ends a text."""

    size, end = 23, 22

    def encode(self, text):
        return [".".find(letter) + 22 if letter == "." else ord(letter) - ord("a") for letter in text if letter != " "]

    def decode(self, tokens):
        return "".join("." if token == 22 else chr(ord("a") + token) for token in tokens)


PROMPT = "dbebfjcg"
ACTIONS = ["abc", "abd", "f", "abcde f", "ab db a", "gg"]
TOKENIZER = Letters()


@pytest.fixture(scope="module")
def scored():
    return eqx.filter_jit(score)


@pytest.mark.parametrize("sizes", [None, Sizes(8, 6, 6), Sizes(13, 9, 11)], ids=["rounded", "tight", "wide"])
def test_scores_are_those_of_one_action_at_a_time(sizes, small, scored):
    choices = choices_of(TOKENIZER, PROMPT, ACTIONS, context=64, sizes=sizes)
    assert choices.lengths[:6].tolist() == [3, 3, 1, 6, 5, 2]
    assert choices.words[:6].tolist() == [1, 1, 1, 2, 3, 1]
    assert not choices.lengths[6:].any()
    found = scored(small, choices)
    parts = numpy_transformer.matrices(small)
    for i, action in enumerate(ACTIONS):
        tokens = TOKENIZER.encode(action)
        log_probs, entropies = numpy_transformer.token_log_probs(
            *parts, small.settings, TOKENIZER.encode(PROMPT), tokens
        )
        np.testing.assert_allclose(found.log_probs[i, : len(tokens)], log_probs, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(found.entropies[i, : len(tokens)], entropies, rtol=1e-4, atol=2e-5)
        alone = small(jnp.array(TOKENIZER.encode(PROMPT) + tokens)).hidden[len(PROMPT) - 1 : -1]
        np.testing.assert_allclose(found.hidden[i, : len(tokens)], alone, rtol=1e-4, atol=2e-5)
    padding = ~np.asarray(present(choices))
    assert not found.log_probs[padding].any()
    assert not found.entropies[padding].any()


def test_scores_in_double_precision_are_those_of_the_equations(small):
    with jax.enable_x64(True):
        double = jax.tree.map(lambda leaf: jnp.asarray(leaf, np.float64), small)
        found = eqx.filter_jit(score)(double, choices_of(TOKENIZER, PROMPT, ACTIONS[:3], 64)).log_probs
    for i, action in enumerate(ACTIONS[:3]):
        tokens = TOKENIZER.encode(action)
        expected, _ = numpy_transformer.token_log_probs(
            *numpy_transformer.matrices(small), small.settings, TOKENIZER.encode(PROMPT), tokens
        )
        np.testing.assert_allclose(found[i, : len(tokens)], expected, rtol=1e-12)


def test_several_prompts_are_scored_at_once(small, scored):
    sizes = Sizes(12, 4, 6)
    several = [choices_of(TOKENIZER, PROMPT[:n], ACTIONS[n - 3 : n], 64, sizes) for n in (3, 5)]
    together = eqx.filter_jit(jax.vmap(score, in_axes=(None, 0)))(small, stacked(several))
    for i, choices in enumerate(several):
        expected = scored(small, choices)
        np.testing.assert_allclose(together.log_probs[i], expected.log_probs, rtol=1e-4, atol=2e-5)


def test_choices_of_several_sizes_are_padded_alike():
    several = [choices_of(TOKENIZER, PROMPT[:n], ACTIONS[:n], 64, Sizes(n, n, 6)) for n in (3, 5)]
    together = stacked(several, Sizes(7, 2, 2))
    assert (together.prompt.shape, together.actions.shape) == ((2, 7), (2, 5, 6))
    for i, choices in enumerate(several):
        own = len(choices.lengths)
        np.testing.assert_array_equal(together.prompt[i, :own], choices.prompt)
        np.testing.assert_array_equal(together.actions[i, :own], choices.actions)
        np.testing.assert_array_equal(together.lengths[i], [*choices.lengths, *[0] * (5 - own)])
        np.testing.assert_array_equal(together.words[i], [*choices.words, *[1] * (5 - own)])
    assert together.prompt_length.tolist() == [3, 5]


@pytest.mark.parametrize("normalisation", ["sum", "words"])
def test_a_policy_over_actions_as_one_over_tokens(normalisation, small, scored):
    """The same probability of every action, and every token's among those that go on alike."""
    closed = choices_of(TOKENIZER, PROMPT, [*ACTIONS, "ab"], context=64, closed=True)
    of_actions = np.exp(action_log_probs(scored(small, closed).log_probs, closed, normalisation), dtype=np.float64)
    found = over_tokens(jnp.log(of_actions), closed)
    np.testing.assert_allclose(np.exp(np.sum(found.log_probs, axis=1))[:7], of_actions[:7], rtol=1e-5)
    tokens = [tuple(row[:n]) for row, n in zip(closed.actions.tolist(), closed.lengths, strict=True) if n]
    for i, own in enumerate(tokens):
        for j in range(len(own)):
            mass = [sum(p for a, p in zip(tokens, of_actions, strict=False) if a[:k] == own[:k]) for k in (j, j + 1)]
            np.testing.assert_allclose(np.exp(found.log_probs[i, j]), mass[1] / mass[0], rtol=1e-5)
    assert not np.asarray(found.log_probs)[7:].any()
    slope = jax.grad(lambda w: jnp.sum(over_tokens(jax.nn.log_softmax(w), closed).log_probs[0]))(jnp.zeros(8))
    assert np.isfinite(slope).all()


def test_the_gradient_passes_the_shared_prompt(small):
    model = with_lora(small, LoraSettings(2), key=jax.random.key(0))
    model = eqx.tree_at(lambda m: m.blocks[0].v.B, model, jnp.ones((8, 2)))
    moving, frozen = eqx.partition(model, learns(model))
    choices = choices_of(TOKENIZER, PROMPT, ACTIONS, 64)

    def fast(moving):
        return score(eqx.combine(moving, frozen), choices).log_probs[3].sum()

    def slow(moving):
        tokens = jnp.array(TOKENIZER.encode(PROMPT + ACTIONS[3]))
        whole = eqx.combine(moving, frozen)
        log_probs = jax.nn.log_softmax(whole.logits(whole(tokens[:-1]).hidden))
        return log_probs[jnp.arange(7, 13), tokens[8:]].sum()

    for one, other in zip(
        *(jax.tree.leaves(eqx.filter_jit(eqx.filter_grad(f))(moving)) for f in (fast, slow)), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("normalisation", ["sum", "tokens", "words"])
def test_a_policy_over_actions(normalisation):
    choices = choices_of(TOKENIZER, PROMPT, ACTIONS, 64, Sizes(8, 8, 6))
    log_probs = jnp.where(present(choices), -jnp.arange(1.0, 49.0).reshape(8, 6) / 7, 0.0)
    found = action_log_probs(log_probs, choices, normalisation)
    sums = [float(log_probs[i, : len(TOKENIZER.encode(a))].sum()) for i, a in enumerate(ACTIONS)]
    counts = {
        "sum": [1] * 6,
        "tokens": [len(TOKENIZER.encode(action)) for action in ACTIONS],
        "words": [len(action.split()) for action in ACTIONS],
    }
    scores = np.exp(np.array(sums) / counts[normalisation])
    np.testing.assert_allclose(np.exp(found), [*(scores / scores.sum()), 0, 0], rtol=1e-5)


def test_an_unknown_normalisation_is_refused():
    choices = choices_of(TOKENIZER, PROMPT, ACTIONS, 64)
    with pytest.raises(AccumbensError, match="unknown normalisation 'word'; did you mean 'words'"):
        action_log_probs(jnp.zeros((6, 6)), choices, "word")


def test_restricted_to_admissible_actions_it_is_what_a_trie_draws_from(small, scored):
    choices = choices_of(TOKENIZER, PROMPT, ACTIONS, 64, Sizes(10, 8, 8), closed=True)
    found = restricted(scored(small, choices).log_probs, choices)
    parts, prompt = numpy_transformer.matrices(small), TOKENIZER.encode(PROMPT)
    actions = with_ends([TOKENIZER.encode(action) for action in ACTIONS], TOKENIZER.end)
    assert [tokens[-1] == 22 for tokens in actions] == [True, True, False, False, False, False]
    trie = trie_of(actions)
    for i, tokens in enumerate(actions):
        logits = numpy_transformer.logits(*parts, small.settings, prompt + tokens)[len(prompt) - 1 : -1]
        node = 0
        for j, token in enumerate(tokens):
            allowed = np.flatnonzero(trie.allowed(node, 23))
            chances = np.exp(logits[j][allowed] - logits[j][allowed].max())
            chances /= chances.sum()
            log_prob = np.log(chances[allowed == token][0])
            np.testing.assert_allclose(found.log_probs[i, j], log_prob, rtol=1e-4, atol=1e-4)
            entropy = -(chances * np.log(chances)).sum()
            np.testing.assert_allclose(found.entropies[i, j], entropy, rtol=1e-3, atol=1e-4)
            node = int(trie.after(node, token))
        assert int(trie.action[node]) == i
    total = jax.nn.logsumexp(found.log_probs.sum(axis=1)[:6])
    np.testing.assert_allclose(total, 0.0, atol=1e-5)
    padding = ~np.asarray(present(choices))
    assert not found.log_probs[padding].any()
    assert not found.entropies[padding].any()
    gradient = jax.grad(lambda x: sum(map(jnp.sum, restricted(x, choices))))(scored(small, choices).log_probs)
    assert np.isfinite(gradient).all()


def test_a_critic_reads_a_value_of_every_token():
    head = ValueHead(4, (8, 5), key=jax.random.key(0))
    hidden = jax.random.normal(jax.random.key(1), (3, 2, 4))
    np.testing.assert_array_equal(head(hidden), np.zeros((3, 2)))
    head = eqx.tree_at(lambda h: h.layers[-1], head, jnp.ones((1, 5)))
    first, second, last = (np.asarray(layer, np.float64) for layer in head.layers)
    expected = [[last @ np.maximum(second @ np.maximum(first @ x, 0), 0) for x in row] for row in np.asarray(hidden)]
    np.testing.assert_allclose(head(hidden), np.array(expected)[..., 0], rtol=1e-4)
    with pytest.raises(AccumbensError, match=r"sizes=\[0\] cannot be used"):
        ValueHead(4, (0,), key=jax.random.key(0))


def test_few_sizes_are_compiled():
    sizes = [rounded(count, 4) for count in range(1, 400)]
    assert sorted(set(sizes)) == [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
    assert all(size >= count for count, size in enumerate(sizes, 1))
    assert all(size <= 1.5 * count for count, size in enumerate(sizes, 1) if count > 4)


@pytest.mark.parametrize(
    ("prompt", "actions", "options", "message"),
    [
        (PROMPT, [], {}, r"actions=\[\] cannot be used: it must be one or more actions"),
        ("", ["a"], {}, "prompt='' cannot be used"),
        (PROMPT, ["a", " "], {}, "action=' ' cannot be used"),
        (PROMPT, ["a", "b", "a"], {}, "actions 'a' and 'a' have the same tokens"),
        (PROMPT, ["ab", "a b"], {}, "actions 'ab' and 'a b' have the same tokens"),
        (PROMPT, ["abc"], {"context": 10}, "a prompt of 8 tokens and an action of 3 do not fit the model's context"),
        (PROMPT, ["abc"], {"sizes": Sizes(8, 1, 2)}, "sizes.tokens=2 cannot be used: it must be 3 or more"),
        (PROMPT, ["a"], {"sizes": Sizes(7, 1, 2)}, "sizes.prompt=7 cannot be used: it must be 8 or more"),
    ],
)
def test_choices_that_cannot_be_scored_are_refused(prompt, actions, options, message):
    with pytest.raises(AccumbensError, match=message):
        choices_of(TOKENIZER, prompt, actions, **{"context": 64} | options)
