"""A prompt and the actions that are admissible after it, as tokens, padded to few sizes so that little is compiled.

Prompt and action become tokens apart and are joined as tokens: what is scored is what would be generated.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int

from accumbens.errors import AccumbensError, require
from accumbens.language.tokenizer import Tokenizer


class Choices(NamedTuple):
    """What a policy chooses from; unbatched.

    Attributes:
        prompt: its tokens, and padding.
        prompt_length: tokens that count.
        actions: tokens of every action, and padding.
        lengths: tokens that count, of every action; 0 where the whole row is padding.
        words: of every action, 1 or more.
    """

    prompt: Int[Array | np.ndarray, " prompt"]
    prompt_length: Int[Array | np.ndarray, ""]
    actions: Int[Array | np.ndarray, "actions tokens"]
    lengths: Int[Array | np.ndarray, " actions"]
    words: Int[Array | np.ndarray, " actions"]


class Sizes(NamedTuple):
    """To what `Choices` are padded.

    Attributes:
        prompt: tokens of the prompt.
        actions: their number.
        tokens: of an action.
    """

    prompt: int
    actions: int
    tokens: int


LEAST = Sizes(prompt=16, actions=4, tokens=4)
"""Where the steps of `rounded` begin."""


def rounded(count: int, least: int) -> int:
    """Return the next of least × 1, 1.5, 2, 3, 4, 6, 8, ...: at most a third of it is padding, and sizes are few."""
    size = least
    while size < count:
        size *= 2
    between = size // 4 * 3
    return between if least < size and count <= between else size


def choices_of(
    tokenizer: Tokenizer,
    prompt: str,
    actions: Sequence[str],
    context: int,
    sizes: Sizes | None = None,
    closed: bool = False,
) -> Choices:
    """Turn a prompt and its admissible actions into tokens.

    Args:
        tokenizer: the model's.
        prompt: what comes before the action.
        actions: as they stand behind the prompt, with the blank that may come between the two.
        context: positions that the model has.
        sizes: to pad to, the same for all that shall be one batch; None for the next of few sizes.
        closed: give the end token to actions that others begin with ("open door", "open door with key"), as a policy
            over tokens needs it to end them.

    Raises:
        AccumbensError: there is no action, or one twice, or prompt or action is empty, or they do not fit the context
            or the sizes.
    """
    require("actions", list(actions), "one or more actions", actions)
    prompt_ids = tokenizer.encode(prompt)
    require("prompt", repr(prompt), "a text of one token or more", prompt_ids)
    ids = [tokenizer.encode(action) for action in actions]
    for action, tokens in zip(actions, ids, strict=True):
        require("action", repr(action), "a text of one token or more", tokens)
    if closed:
        ids = with_ends(ids, tokenizer.end)
    seen: dict[tuple[int, ...], str] = {}
    for action, tokens in zip(actions, ids, strict=True):
        if (other := seen.setdefault(tuple(tokens), action)) is not action or actions.count(action) > 1:
            raise AccumbensError(f"actions {other!r} and {action!r} have the same tokens: each must be there once")
    longest = max(map(len, ids))
    if len(prompt_ids) + longest > context:
        raise AccumbensError(
            f"a prompt of {len(prompt_ids)} tokens and an action of {longest} do not fit the model's context of "
            f"{context} tokens: shorten the prompt {prompt[:40]!r}..."
        )
    needed = Sizes(len(prompt_ids), len(ids), longest)
    if sizes is None:
        sizes = Sizes(*map(rounded, needed, LEAST))
        sizes = sizes._replace(prompt=min(sizes.prompt, context))
    for name, need, size in zip(Sizes._fields, needed, sizes, strict=True):
        require(f"sizes.{name}", size, f"{need} or more for the prompt {prompt[:40]!r}...", size >= need)
    padded = np.full((sizes.actions, sizes.tokens), tokenizer.end, np.int32)
    lengths, words = np.zeros(sizes.actions, np.int32), np.ones(sizes.actions, np.int32)
    for i, (action, tokens) in enumerate(zip(actions, ids, strict=True)):
        padded[i, : len(tokens)] = tokens
        lengths[i], words[i] = len(tokens), max(1, len(action.split()))
    prompt_padded = np.full(sizes.prompt, tokenizer.end, np.int32)
    prompt_padded[: len(prompt_ids)] = prompt_ids
    return Choices(prompt_padded, np.asarray(len(prompt_ids), np.int32), padded, lengths, words)


def with_ends(actions: Sequence[Sequence[int]], end: int) -> list[list[int]]:
    """Return actions, those that others begin with followed by the end token."""
    begun = {tuple(tokens[:i]) for tokens in actions for i in range(len(tokens))}
    return [[*tokens, end] if tuple(tokens) in begun else list(tokens) for tokens in actions]


def stacked(choices: Sequence[Choices], least: Sizes | None = None) -> Choices:
    """Return choices as one batch, along a new first axis, padded to the largest sizes among them, and to `least`."""
    sizes = [*map(sizes_of, choices), *([] if least is None else [least])]
    largest = Sizes(*map(max, zip(*sizes, strict=True)))
    return jax.tree.map(lambda *parts: np.stack(parts), *(padded(one, largest) for one in choices))


def sizes_of(choices: Choices) -> Sizes:
    """Return to what choices are padded."""
    return Sizes(len(choices.prompt), *choices.actions.shape)


def padded(choices: Choices, sizes: Sizes) -> Choices:
    """Return choices with more padding.

    Args:
        choices: unbatched, in NumPy.
        sizes: none smaller than theirs.
    """
    prompt, actions, tokens = (size - own for size, own in zip(sizes, sizes_of(choices), strict=True))
    # Any token will do: nobody sees what is behind the lengths.
    return Choices(
        prompt=np.pad(choices.prompt, (0, prompt), mode="edge"),
        prompt_length=choices.prompt_length,
        actions=np.pad(choices.actions, ((0, actions), (0, tokens)), mode="edge"),
        lengths=np.pad(choices.lengths, (0, actions)),
        words=np.pad(choices.words, (0, actions), constant_values=1),
    )
