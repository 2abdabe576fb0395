"""A decoder-only transformer with Llama's equations, and its key-value cache.

A token's vector x passes the blocks, each

    x ← x + W_o attention(norm(x)),    x ← x + W_down (silu(W_gate norm(x)) ⊙ W_up norm(x)),

with norm(x) = g ⊙ x / √(mean(x²) + ε). Queries and keys are turned by an angle that grows with the position, and
several query heads share a key-value head. Everything is unbatched and pure: `jax.vmap` makes batches, and what is not
mapped over, such as the cache of a prompt that all actions share, is computed and kept once.

Reference: Touvron et al. (2023), "LLaMA"; Su et al. (2021), "RoFormer" (rotary positions); Ainslie et al. (2023),
"GQA" (shared key-value heads).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from accumbens.errors import require
from accumbens.language.matrices import Matrix


@dataclass(frozen=True)
class TransformerSettings:
    """Sizes of a transformer; the defaults are for a small one, which learns from scratch on a CPU.

    Attributes:
        vocabulary: tokens.
        width: length of a token's vector.
        layers: blocks.
        heads: query heads.
        key_value_heads: key-value heads, each shared by heads / key_value_heads query heads.
        head_size: length of a head's vectors.
        inner: units of a block's gated layer.
        context: positions that the model is meant for.
        rope_base: the slowest of a head's angles turns by about 1 / rope_base radians a position.
        epsilon: of the norms.
        tied: logits are read with the embedding's own matrix.
    """

    vocabulary: int
    width: int = 64
    layers: int = 2
    heads: int = 4
    key_value_heads: int = 2
    head_size: int = 16
    inner: int = 192
    context: int = 1024
    rope_base: float = 10_000.0
    epsilon: float = 1e-5
    tied: bool = True

    def __post_init__(self):
        """Refuse sizes that make no transformer.

        Raises:
            AccumbensError: names the value and what is allowed.
        """
        for name in ("vocabulary", "width", "layers", "heads", "key_value_heads", "inner", "context"):
            require(name, getattr(self, name), "1 or more", getattr(self, name) >= 1)
        shares = self.heads % self.key_value_heads == 0
        require("key_value_heads", self.key_value_heads, f"a divisor of heads={self.heads}", shares)
        require("head_size", self.head_size, "even and positive", self.head_size > 0 and self.head_size % 2 == 0)
        require("rope_base", self.rope_base, "more than 1", self.rope_base > 1)
        require("epsilon", self.epsilon, "positive", self.epsilon > 0)


class Cache(NamedTuple):
    """Keys and values of the tokens so far, of every block.

    Attributes:
        keys, values: of the first `length` positions; what is behind them is padding, which nobody attends to.
        length: tokens so far.
    """

    keys: Float[Array, "layers capacity key_value_heads head_size"]
    values: Float[Array, "layers capacity key_value_heads head_size"]
    length: Int[Array, ""]


class Seen(NamedTuple):
    """What a transformer makes of some tokens.

    Attributes:
        hidden: of every token, behind the last norm: what logits and values are read from.
        keys, values: of every token and block.
    """

    hidden: Float[Array, "tokens width"]
    keys: Float[Array, "layers tokens key_value_heads head_size"]
    values: Float[Array, "layers tokens key_value_heads head_size"]

    def cache(self, length: Int[Array, ""] | int, spare: int = 0) -> Cache:
        """Return the cache of the first `length` of these tokens, which had no past.

        Args:
            length: tokens that count; those behind are padding.
            spare: further positions to make room for.
        """
        room = ((0, 0), (0, spare), (0, 0), (0, 0))
        return Cache(jnp.pad(self.keys, room), jnp.pad(self.values, room), jnp.asarray(length, jnp.int32))


Turns = tuple[Float[Array, "tokens 1 half"], Float[Array, "tokens 1 half"]]
"""Cosines and sines of the angles by which positions turn."""


class Block(eqx.Module):
    """Attention, and the gated layer behind it."""

    attention_norm: Float[Array, " width"]
    q: Matrix
    k: Matrix
    v: Matrix
    o: Matrix
    inner_norm: Float[Array, " width"]
    gate: Matrix
    up: Matrix
    down: Matrix


class Transformer(eqx.Module):
    """tokens -> hidden -> logits; see the module."""

    embedding: Matrix
    blocks: tuple[Block, ...]
    norm: Float[Array, " width"]
    output: Matrix | None
    settings: TransformerSettings = eqx.field(static=True)

    def __call__(self, tokens: Int[Array, " tokens"], past: Cache | None = None) -> Seen:
        """Return what the model makes of tokens, each of which attends to the past and to those before it.

        Padding goes behind the tokens, where none of them sees it.
        """
        start = 0 if past is None else past.length
        x = self.embedding.rows(tokens)
        turns = turns_of(self.settings, start + jnp.arange(len(tokens)), x.dtype)
        kept = []
        for i, block in enumerate(self.blocks):
            before = None if past is None else (past.keys[i], past.values[i], past.length)
            x, keys, values = through(self.settings, block, x, turns, before)
            kept.append((keys, values))
        keys, values = (jnp.stack(parts) for parts in zip(*kept, strict=True))
        return Seen(normed(self.settings, x, self.norm), keys, values)

    def logits(self, hidden: Float[Array, "*any width"]) -> Float[Array, "*any vocabulary"]:
        """Return the logits of the token that comes next."""
        return (self.output or self.embedding)(hidden)


def extended(past: Cache, seen: Seen, count: Int[Array, ""] | int) -> Cache:
    """Return the cache with the first `count` of the tokens seen behind its own; it must have room for all of them."""
    start = (0, past.length, 0, 0)
    return Cache(
        keys=jax.lax.dynamic_update_slice(past.keys, seen.keys, start),
        values=jax.lax.dynamic_update_slice(past.values, seen.values, start),
        length=past.length + count,
    )


def through(
    settings: TransformerSettings,
    block: Block,
    x: Float[Array, "tokens width"],
    turns: Turns,
    past: tuple[Array, Array, Array] | None = None,
) -> tuple[Float[Array, "tokens width"], Array, Array]:
    """Return what a block makes of vectors of tokens, and the tokens' own keys and values.

    Args:
        settings: sizes.
        block: the block.
        x: the vectors; each sees itself, those before it, and the past.
        turns: of the tokens' positions.
        past: keys, values and length of a cache of this block.
    """
    attended, keys, values = _attention(settings, block, normed(settings, x, block.attention_norm), turns, past)
    x = x + attended
    y = normed(settings, x, block.inner_norm)
    return x + block.down(jax.nn.silu(block.gate(y)) * block.up(y)), keys, values


def normed(
    settings: TransformerSettings, x: Float[Array, "*any width"], gain: Float[Array, " width"]
) -> Float[Array, "*any width"]:
    """Return vectors of mean square one, times the gain."""
    return gain * x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + settings.epsilon)


def turns_of(settings: TransformerSettings, positions: Int[Array, " tokens"], dtype: jnp.dtype) -> Turns:
    """Cosines and sines of the angles by which a position turns."""
    half = settings.head_size // 2
    slowness = settings.rope_base ** (-jnp.arange(half, dtype=dtype) / half)
    angles = positions.astype(dtype)[:, None, None] * slowness
    return jnp.cos(angles), jnp.sin(angles)


def _turned(x: Float[Array, "tokens heads head_size"], turns: Turns) -> Float[Array, "tokens heads head_size"]:
    """Turn the pairs (x_i, x_{i + half})."""
    cosines, sines = turns
    first, second = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([first * cosines - second * sines, second * cosines + first * sines], axis=-1)


def attention_weights(
    settings: TransformerSettings, block: Block, x: Float[Array, "tokens width"], turns: Turns
) -> Float[Array, "heads tokens tokens"]:
    """Return how much each token, as a query, attends to each, itself and those before it, in every head of a block.

    Args:
        settings: sizes.
        block: the block.
        x: the vectors that go into the block; they have no past.
        turns: of the tokens' positions.
    """
    _, _, _, scores = _asked(settings, block, normed(settings, x, block.attention_norm), turns)
    return jax.nn.softmax(scores / math.sqrt(settings.head_size)).reshape(settings.heads, len(x), len(x))


def _asked(
    settings: TransformerSettings, block: Block, x: Float[Array, "tokens width"], turns: Turns
) -> tuple[
    Float[Array, "tokens key_value_heads group head_size"],
    Float[Array, "tokens key_value_heads head_size"],
    Float[Array, "tokens key_value_heads head_size"],
    Float[Array, "key_value_heads group tokens tokens"],
]:
    """Queries, keys and values of tokens, and what the queries make of the keys that they see."""
    count, pairs, size = len(x), settings.key_value_heads, settings.head_size
    queries = _turned(block.q(x).reshape(count, settings.heads, size), turns)
    queries = queries.reshape(count, pairs, settings.heads // pairs, size)
    keys = _turned(block.k(x).reshape(count, pairs, size), turns)
    values = block.v(x).reshape(count, pairs, size)
    scores = jnp.einsum("nkgd,mkd->kgnm", queries, keys)
    scores = jnp.where(jnp.tril(jnp.ones((count, count), bool)), scores, -jnp.inf)
    return queries, keys, values, scores


def _attention(
    settings: TransformerSettings,
    block: Block,
    x: Float[Array, "tokens width"],
    turns: Turns,
    past: tuple[Array, Array, Array] | None,
) -> tuple[Float[Array, "tokens width"], Array, Array]:
    """What a block's attention adds, and the tokens' own keys and values."""
    count, size = len(x), settings.head_size
    queries, keys, values, scores = _asked(settings, block, x, turns)
    if past is None:
        mixed = jnp.einsum("kgnm,mkd->nkgd", jax.nn.softmax(scores / math.sqrt(size)), values)
        return block.o(mixed.reshape(count, -1)), keys, values
    # Apart from the tokens' own, so that a past that a batch shares is not copied for each of it.
    old_keys, old_values, length = past
    old = jnp.einsum("nkgd,mkd->kgnm", queries, old_keys)
    old = jnp.where(jnp.arange(len(old_keys)) < length, old, -jnp.inf)
    weights = jax.nn.softmax(jnp.concatenate([old, scores], axis=-1) / math.sqrt(size))
    mixed = jnp.einsum("kgnm,mkd->nkgd", weights[..., : len(old_keys)], old_values)
    mixed = mixed + jnp.einsum("kgnm,mkd->nkgd", weights[..., len(old_keys) :], values)
    return block.o(mixed.reshape(count, -1)), keys, values
