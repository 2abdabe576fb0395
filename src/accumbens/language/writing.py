"""Decoding: a model writes an action, freely or along a trie."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.errors import require
from accumbens.language.transformer import Cache, Transformer, extended
from accumbens.language.trie import Trie


class Written(NamedTuple):
    """Tokens that a model has written, and padding of 0 behind them.

    Attributes:
        tokens: with the one that ends them, if it came.
        length: their number.
        log_probs: of each, among the whole vocabulary, at temperature 1.
        drawn_log_probs: of each, in the distribution that it was drawn from.
        hidden: behind the prompt and the tokens before each.
        action: the number of the action that a trie led to; -1 without a trie.
    """

    tokens: Int[Array, " limit"]
    length: Int[Array, ""]
    log_probs: Float[Array, " limit"]
    drawn_log_probs: Float[Array, " limit"]
    hidden: Float[Array, "limit width"]
    action: Int[Array, ""]


class _State(NamedTuple):
    written: Written
    past: Cache
    last: Float[Array, " width"]
    node: Int[Array, ""]
    done: Array


def write(
    model: Transformer,
    prompt: Int[Array, " prompt"],
    prompt_length: Int[Array, ""] | int,
    key: PRNGKeyArray,
    *,
    end: int,
    limit: int | None = None,
    trie: Trie | None = None,
    temperature: float = 1.0,
) -> Written:
    """Draw tokens one after the other, until one ends the text or the trie's action is complete.

    Args:
        model: the model.
        prompt: its tokens, and padding.
        prompt_length: tokens that count.
        key: of what is drawn.
        end: the token that ends a text.
        limit: tokens at most; None for those that the longest action of the trie has.
        trie: of the tokens that are allowed; None for any text.
        temperature: by which logits are divided; 0 takes the likeliest token.

    Raises:
        AccumbensError: there is no limit, or it is less than the trie needs, the temperature is negative, or the prompt
            and the limit do not fit the context.
    """
    settings = model.settings
    least = 1 if trie is None else trie.limit
    limit = least if limit is None and trie is not None else limit
    require("limit", limit, f"{least} or more", limit is not None and limit >= least)
    assert limit is not None
    require("temperature", temperature, "0 or more", temperature >= 0)
    room = settings.context - len(prompt)
    fits = limit <= room
    require("limit", limit, f"at most {room}, what the prompt leaves of the context of {settings.context}", fits)
    seen = model(prompt)
    keys = jax.random.split(key, limit)
    start = _State(
        Written(
            tokens=jnp.zeros(limit, jnp.int32),
            length=jnp.zeros((), jnp.int32),
            log_probs=jnp.zeros(limit),
            drawn_log_probs=jnp.zeros(limit),
            hidden=jnp.zeros((limit, settings.width)),
            action=jnp.full((), -1, jnp.int32),
        ),
        past=seen.cache(prompt_length, spare=limit),
        last=seen.hidden[jnp.asarray(prompt_length) - 1],
        node=jnp.zeros((), jnp.int32),
        done=jnp.zeros((), bool),
    )

    def step(state: _State) -> _State:
        written, i = state.written, state.written.length
        logits = model.logits(state.last)
        likely = logits
        if trie is not None:
            likely = jnp.where(trie.allowed(state.node, settings.vocabulary), logits, -jnp.inf)
        if temperature == 0:
            token = jnp.argmax(likely).astype(jnp.int32)
            drawn = jnp.zeros(())
        else:
            token = jax.random.categorical(keys[i], likely / temperature).astype(jnp.int32)
            drawn = jax.nn.log_softmax(likely / temperature)[token]
        node, action, done = state.node, written.action, token == end
        if trie is not None:
            node = trie.after(node, token)
            action = jnp.asarray(trie.action)[node]
            done = action >= 0
        after = model(token[None], state.past)
        return _State(
            Written(
                tokens=written.tokens.at[i].set(token),
                length=i + 1,
                log_probs=written.log_probs.at[i].set(jax.nn.log_softmax(logits)[token]),
                drawn_log_probs=written.drawn_log_probs.at[i].set(drawn),
                hidden=written.hidden.at[i].set(state.last),
                action=action,
            ),
            past=extended(state.past, after, 1),
            last=after.hidden[0],
            node=node,
            done=done,
        )

    return jax.lax.while_loop(lambda state: ~state.done & (state.written.length < limit), step, start).written
