"""How likely a model finds actions, token by token, and the policies that follow from it.

The prompt is computed once, and all actions in one batch behind it. `jax.vmap` over `Choices` scores several prompts.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from accumbens.errors import UnknownNameError
from accumbens.language.choices import Choices
from accumbens.language.transformer import Transformer

NORMALISATIONS = ("sum", "tokens", "words")
"""What an action's log-probabilities are divided by: nothing, its tokens, or its words."""


class Scores(NamedTuple):
    """Of every token of every action; 0 where it is padding.

    Attributes:
        log_probs: of the token, among the whole vocabulary, after the prompt and the tokens before it.
        entropies: of the distribution that the token is one of.
        hidden: behind the prompt and the tokens before it: what the value is read from of the state in which the token
            is chosen.
    """

    log_probs: Float[Array, "actions tokens"]
    entropies: Float[Array, "actions tokens"]
    hidden: Float[Array, "actions tokens width"]


def score(model: Transformer, choices: Choices) -> Scores:
    """Score all actions."""
    actions, length = jnp.asarray(choices.actions), jnp.asarray(choices.prompt_length)
    seen = model(jnp.asarray(choices.prompt))
    past, last = seen.cache(length), seen.hidden[length - 1]
    behind = jax.vmap(lambda tokens: model(tokens, past).hidden)(actions[:, :-1])
    # All actions begin in the same state, whose logits are computed once.
    first = _of_tokens(model.logits(last), actions[:, 0])
    later = _of_tokens(model.logits(behind), actions[:, 1:])
    entropy = jnp.broadcast_to(first[1], actions[:, 0].shape)
    there = present(choices)
    return Scores(
        log_probs=jnp.where(there, jnp.concatenate([first[0][:, None], later[0]], axis=1), 0.0),
        entropies=jnp.where(there, jnp.concatenate([entropy[:, None], later[1]], axis=1), 0.0),
        hidden=jnp.concatenate([jnp.broadcast_to(last, (len(actions), 1, last.size)), behind], axis=1),
    )


def present(choices: Choices) -> Bool[Array, "actions tokens"]:
    """Return which tokens of actions are no padding."""
    return jnp.arange(choices.actions.shape[1]) < jnp.asarray(choices.lengths)[:, None]


def action_log_probs(
    log_probs: Float[Array, "actions tokens"], choices: Choices, normalisation: str = "sum"
) -> Float[Array, " actions"]:
    """Return the log-probabilities of a policy over actions: the softmax of their scores; -∞ where there is none.

    Args:
        log_probs: of their tokens.
        choices: the actions.
        normalisation: what an action's score is: the `sum` of its log-probabilities, which prefers actions of few
            tokens, or that sum divided by the number of its `tokens` or `words`.

    Raises:
        AccumbensError: there is no such normalisation.
    """
    if normalisation not in NORMALISATIONS:
        raise UnknownNameError("normalisation", normalisation, NORMALISATIONS)
    lengths = jnp.asarray(choices.lengths)
    divisors = {"sum": jnp.ones_like(lengths), "tokens": jnp.maximum(lengths, 1), "words": jnp.asarray(choices.words)}
    scores = jnp.sum(log_probs, axis=1) / divisors[normalisation]
    return jax.nn.log_softmax(jnp.where(lengths > 0, scores, -jnp.inf))


class Restricted(NamedTuple):
    """A policy that chooses token by token among those that lead to an admissible action; 0 where it is padding.

    Attributes:
        log_probs: of the token, among those that can come at its place.
        entropies: of the choice among them.
    """

    log_probs: Float[Array, "actions tokens"]
    entropies: Float[Array, "actions tokens"]


def restricted(log_probs: Float[Array, "actions tokens"], choices: Choices) -> Restricted:
    """Return the model's distribution over tokens, restricted to those that lead to an admissible action.

    It is what decoding with a trie draws from, without a vocabulary's logits: the tokens that can come after a
    beginning are the next ones of the actions that begin so. The probabilities of all actions sum to 1 if none begins
    with another; see `closed` of `choices_of`.

    Args:
        log_probs: of the actions' tokens, among the whole vocabulary; or any other weights, as logarithms.
        choices: the actions.
    """
    there, with_it = present(choices), _begin_alike(choices)
    count = len(there)
    # Whether an action begins as another up to the token before.
    before = jnp.concatenate([jnp.ones((count, count, 1), bool), with_it[..., :-1]], axis=-1)
    # Of actions that agree up to a token, the first one stands for it.
    earlier = jnp.tril(jnp.ones((count, count), bool), -1)[:, :, None]
    stands = there & ~jnp.any(with_it & earlier, axis=1)
    options = jnp.where(before & stands[None], log_probs[None], -jnp.inf)
    # Where a token is padding there may be no option at all: its row is finite, and dropped below.
    options = jnp.where(there[:, None], options, 0.0)
    total = jax.nn.logsumexp(options, axis=1)
    chances = jnp.exp(options - total[:, None])
    surprise = jnp.where(chances > 0, total[:, None] - jnp.where(chances > 0, options, 0.0), 0.0)
    return Restricted(
        log_probs=jnp.where(there, log_probs - total, 0.0),
        entropies=jnp.where(there, jnp.sum(chances * surprise, axis=1), 0.0),
    )


def over_tokens(log_probs: Float[Array, " actions"], choices: Choices) -> Restricted:
    """Return a policy over actions as one that chooses token by token, with the same probability of every action.

    The probability of a token is that of all actions that go on with it, among all that begin as it does.

    Args:
        log_probs: of the actions, as `action_log_probs` returns them.
        choices: the actions.
    """
    there, with_it = present(choices), _begin_alike(choices)
    # Where a token is padding no action has it: its row is finite, and dropped by `restricted`.
    mass = jnp.where(with_it, log_probs[None, :, None], jnp.where(there[:, None], -jnp.inf, 0.0))
    return restricted(jnp.where(there, jax.nn.logsumexp(mass, axis=1), 0.0), choices)


def _begin_alike(choices: Choices) -> Bool[Array, "actions actions tokens"]:
    """Whether two actions have the same tokens up to each one of them."""
    actions, there = jnp.asarray(choices.actions), present(choices)
    equal = (actions[:, None] == actions[None, :]) & there[:, None] & there[None, :]
    return jnp.cumprod(equal, axis=-1).astype(bool)


def _of_tokens(
    logits: Float[Array, "*any vocabulary"], tokens: Array
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Log-probabilities of tokens, and the entropy of each distribution; one distribution may have many tokens."""
    total = jax.nn.logsumexp(logits, axis=-1)
    entropy = total - jnp.sum(jax.nn.softmax(logits) * logits, axis=-1)
    chosen = logits[tokens] if logits.ndim == 1 else jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return chosen - total, entropy
