"""How a transformer is put together: from drawn weights, or from those of a file."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from accumbens.language.matrices import Dense, Matrix
from accumbens.language.transformer import Block, Transformer, TransformerSettings

DEVIATION = 0.02
"""Of the weights at the start, as in GPT-2 and Llama."""


class Place(NamedTuple):
    """Where weights belong.

    Attributes:
        name: the attribute's name.
        block: the number of the block; None for what is outside them.
    """

    name: str
    block: int | None = None


def matrix_shapes(settings: TransformerSettings) -> dict[str, tuple[int, int]]:
    """Return (outputs, inputs) of every matrix, by name: those of a block, `embedding`, and `output`."""
    width, inner = settings.width, settings.inner
    queries, pairs = settings.heads * settings.head_size, settings.key_value_heads * settings.head_size
    return {
        "q": (queries, width),
        "k": (pairs, width),
        "v": (pairs, width),
        "o": (width, queries),
        "gate": (inner, width),
        "up": (inner, width),
        "down": (width, inner),
        "embedding": (settings.vocabulary, width),
        "output": (settings.vocabulary, width),
    }


def assembled(
    settings: TransformerSettings,
    matrix: Callable[[Place, tuple[int, int]], Matrix],
    vector: Callable[[Place], Array],
) -> Transformer:
    """Put a transformer together.

    Args:
        settings: its sizes.
        matrix: returns the matrix of a place and of a shape.
        vector: returns the gains of a norm, as many as the width.
    """
    shapes = matrix_shapes(settings)

    def part(name: str, block: int | None = None) -> Any:
        place = Place(name, block)
        return matrix(place, shapes[name]) if name in shapes else vector(place)

    names = Block.__dataclass_fields__
    return Transformer(
        embedding=part("embedding"),
        blocks=tuple(Block(**{name: part(name, i) for name in names}) for i in range(settings.layers)),
        norm=part("norm"),
        output=None if settings.tied else part("output"),
        settings=settings,
    )


def make_transformer(settings: TransformerSettings, *, key: PRNGKeyArray) -> Transformer:
    """Draw the weights of a transformer: normal, those that end a branch smaller by √(2 layers), as in GPT-2."""
    keys = iter(jax.random.split(key, 2 + 7 * settings.layers))

    def matrix(place: Place, shape: tuple[int, int]) -> Matrix:
        shrunk = math.sqrt(2 * settings.layers) if place.name in ("o", "down") else 1.0
        return Dense(DEVIATION / shrunk * jax.random.normal(next(keys), shape))

    return assembled(settings, matrix, lambda place: jnp.ones(settings.width))


def parameters(model: Transformer) -> int:
    """Return the number of weights, quantised ones too."""
    leaves = jax.tree.leaves(model, is_leaf=lambda node: isinstance(node, Matrix))
    return sum(math.prod(leaf.shape) for leaf in leaves)
