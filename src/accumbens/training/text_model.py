"""The language model of a run: its vocabulary, and what an observation and actions look like as tokens."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from accumbens.agents.token_policy import LONGEST_CONTEXT, Networks, make_networks
from accumbens.agents.token_settings import SMALL, TokenSettings
from accumbens.envs.text.copies import TextCopies
from accumbens.language import (
    Choices,
    Sizes,
    Tokenizer,
    Transformer,
    chat,
    choices_of,
    load_language_model,
    tokenizer_of,
)
from accumbens.language.choices import LEAST, sizes_of

HEARD_STEPS = 2000
"""Steps of random play whose words are the vocabulary of a small model; other words are spelled."""

CHAT = "chat"
"""The prompt that asks as SmolLM2 was taught to be asked."""


class LanguageOfRun(NamedTuple):
    """What acts with words, before it has learned any.

    Attributes:
        settings: of the learner.
        tokenizer: text into tokens.
        frozen: the model that was read; None for a small one.
        least: to what choices are padded at least, so that what is compiled fits most of them.
    """

    settings: TokenSettings
    tokenizer: Tokenizer
    frozen: Transformer | None
    least: Sizes

    @property
    def context(self) -> int:
        """Positions that the model has."""
        return LONGEST_CONTEXT if self.frozen is None else self.frozen.settings.context

    def networks(self, key: jax.Array) -> Networks:
        """Return networks that have learned nothing yet."""
        return make_networks(self.settings, self.tokenizer.size, self.frozen, key)

    def prompt(self, observation: str) -> str:
        """Return what comes before an action."""
        if self.settings.prompt == CHAT:
            return chat([{"role": "user", "content": f"{observation} What do you do next? Answer with one action."}])
        return self.settings.prompt.replace("{observation}", observation)

    def choices(self, observation: str, admissible: Sequence[str]) -> Choices:
        """Return what can be chosen; where nothing can, or one writes freely, the prompt counts alone.

        Raises:
            AccumbensError: they do not fit the model's context.
        """
        actions = ["."] if self.settings.policy == "free" or not admissible else admissible
        before = "" if self.settings.prompt == CHAT else " "
        written = [before + action for action in actions]
        return choices_of(self.tokenizer, self.prompt(observation), written, self.context, closed=True)

    def text(self, tokens: Sequence[int]) -> str:
        """Return what was written, without the token that ends it."""
        return self.tokenizer.decode([token for token in tokens if token != self.tokenizer.end]).strip()


def language_of(settings: TokenSettings, env: str) -> LanguageOfRun:
    """Return the model and the vocabulary of a run.

    Raises:
        AccumbensError: the environment tells no texts, or the model cannot be read.
    """
    heard = heard_in(env)
    if settings.model == SMALL:
        texts = {text for told, actions in heard for text in (told, *(f" {action}" for action in actions))}
        tokenizer = tokenizer_of([*texts, settings.prompt.replace("{observation}", " ")], spelled=True)
        made = LanguageOfRun(settings, tokenizer, None, LEAST)
    else:
        model = _read(settings.model, settings.quantised)
        made = LanguageOfRun(settings, model.tokenizer, model.transformer, LEAST)
    sizes = [sizes_of(made.choices(*pair)) for pair in heard]
    return made._replace(least=Sizes(*map(max, zip(*sizes, strict=True))))


_read = functools.lru_cache(maxsize=1)(load_language_model)


@functools.lru_cache(maxsize=8)
def heard_in(env: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return what is told in random play, always of the same seed, and what is admissible then.

    Raises:
        AccumbensError: the environment cannot be made, or tells no texts.
    """
    copies, random = TextCopies(env, 1, [0]), np.random.default_rng(0)
    heard = {}
    for _ in range(HEARD_STEPS):
        actions = copies.admissible[0]
        heard[copies.observations[0], actions] = None
        copies.step([actions[random.integers(len(actions))]])
    copies.close()
    return list(heard)
