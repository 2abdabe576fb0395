"""A language agent that plays with fixed weights: whatever it has seen before is not computed again."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.agents.token_policy import Acted, Critic, Networks, act, chances, first_value, likelihoods, state_values
from accumbens.agents.token_ppo import TokenMetrics, TokenState, learn
from accumbens.language import Choices, stacked
from accumbens.training.text_model import LanguageOfRun

AT_ONCE = 4
"""What is seen for the first time is computed in batches of so many, one size for whatever number there is."""


class Seen(NamedTuple):
    """What an agent makes of an observation and its admissible actions.

    Attributes:
        choices: both as tokens.
        chances: log-probability of every action.
        log_probs: of its tokens, as they are learned.
        values: before its tokens.
    """

    choices: Choices
    chances: Float[np.ndarray, " actions"]
    log_probs: Float[np.ndarray, "actions tokens"]
    values: Float[np.ndarray, "actions tokens"]


class Turn(NamedTuple):
    """What an agent did.

    Attributes:
        text: in words.
        choices: what it chose from; of what it wrote freely, that alone. Turns with the same choices share the object.
        chosen: number of the action.
        log_probs: of its tokens.
        values: before them.
    """

    text: str
    choices: Choices
    chosen: int
    log_probs: Float[np.ndarray, " tokens"]
    values: Float[np.ndarray, " tokens"]


class Programs:
    """What is compiled, once for all seeds: for every size of prompts and actions anew."""

    def __init__(self, language: LanguageOfRun):
        """Take the model; nothing is compiled yet."""
        settings, end = language.settings, language.tokenizer.end

        def see(networks: Networks, frozen: Networks, choices: Choices) -> tuple[Array, Array, Array]:
            whole = eqx.combine(networks, frozen)
            found = jax.vmap(
                lambda one: (
                    chances(settings, whole.policy, one),
                    likelihoods(settings, whole.policy, one).log_probs,
                    state_values(whole, one),
                )
            )
            return found(choices)

        def write(networks: Networks, frozen: Networks, choices: Choices, key: PRNGKeyArray, greedy: Array) -> Acted:
            whole = eqx.combine(networks, frozen)
            keys = jax.random.split(key, len(choices.prompt_length))
            return jax.vmap(lambda one, key: act(settings, end, whole, one, key, greedy))(choices, keys)

        def value(networks: Networks, frozen: Networks, choices: Choices) -> Array:
            whole = eqx.combine(networks, frozen)
            return jax.vmap(lambda one: first_value(whole, one))(choices)

        def draw(chances: Array, key: PRNGKeyArray, greedy: Array) -> Array:
            drawn = jax.vmap(jax.random.categorical)(jax.random.split(key, len(chances)), chances)
            return jnp.where(greedy, jnp.argmax(chances, axis=1), drawn)

        self.see: Callable[..., tuple[Array, Array, Array]] = jax.jit(see)
        self.write: Callable[..., Acted] = jax.jit(write)
        self.value: Callable[..., Array] = jax.jit(value)
        self.draw: Callable[..., Array] = jax.jit(draw)
        self.learn: Callable[..., tuple[TokenState, TokenMetrics]] = jax.jit(
            lambda frozen, state, block, key: learn(settings, frozen, state, block, key), donate_argnums=1
        )


class Player:
    """Acts by what has been learned so far, and does not learn."""

    def __init__(self, language: LanguageOfRun, programs: Programs, learner: TokenState, frozen: Networks):
        """Take the weights; values are a second critic's if there is one."""
        critic: Critic = learner.learned.critic if learner.target is None else learner.target
        self._language, self._programs = language, programs
        self._networks, self._frozen = Networks(learner.learned.policy, critic), frozen
        self._seen: dict[tuple[str, Sequence[str]], Seen] = {}
        self._values: dict[str, float] = {}

    def turns(
        self,
        observations: Sequence[str],
        admissible: Sequence[Sequence[str]],
        key: PRNGKeyArray,
        greedy: bool = False,
    ) -> list[Turn]:
        """Return what is done in several environments.

        Args:
            observations: of each.
            admissible: actions of each.
            key: of what is drawn.
            greedy: do what is most likely instead.
        """
        pairs = [(told, tuple(actions)) for told, actions in zip(observations, admissible, strict=True)]
        if self._language.settings.policy == "free":
            return self._written(pairs, key, greedy)
        found = self.seen(pairs)
        width = max(len(one.chances) for one in found)
        padded = [np.pad(one.chances, (0, width - len(one.chances)), constant_values=-np.inf) for one in found]
        drawn = np.asarray(self._programs.draw(np.stack(padded), key, greedy)).tolist()
        return [
            Turn(actions[number], one.choices, number, one.log_probs[number], one.values[number])
            for (_, actions), one, number in zip(pairs, found, drawn, strict=True)
        ]

    def seen(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[Seen]:
        """Return what is made of observations and their admissible actions."""
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._seen]
        for group, batch, size in self._batches(new):
            parts = map(np.asarray, self._programs.see(self._networks, self._frozen, batch))
            for i, (pair, *found) in enumerate(zip(group, *(part[:size] for part in parts), strict=True)):
                self._seen[pair] = Seen(jax.tree.map(lambda leaf, i=i: leaf[i], batch), *found)
        return [self._seen[pair] for pair in pairs]

    def values(self, observations: Sequence[str]) -> Float[np.ndarray, " observations"]:
        """Return the values of states before anything is chosen."""
        new = [told for told in dict.fromkeys(observations) if told not in self._values]
        for group, batch, size in self._batches([(told, ()) for told in new]):
            values = np.asarray(self._programs.value(self._networks, self._frozen, batch))[:size]
            self._values |= {told: float(value) for (told, _), value in zip(group, values, strict=True)}
        return np.array([self._values[told] for told in observations], np.float32)

    def _batches(
        self, pairs: Sequence[tuple[str, Sequence[str]]]
    ) -> Iterable[tuple[Sequence[tuple[str, Sequence[str]]], Choices, int]]:
        """Some pairs after the other, as tokens, and how many they are; a batch that is not full repeats its last."""
        for start in range(0, len(pairs), AT_ONCE):
            group = pairs[start : start + AT_ONCE]
            several = [self._language.choices(*pair) for pair in group]
            several += several[-1:] * (AT_ONCE - len(several))
            yield group, stacked(several, self._language.least), len(group)

    def _written(self, pairs: Sequence[tuple[str, Sequence[str]]], key: PRNGKeyArray, greedy: bool) -> list[Turn]:
        prompts = stacked([self._language.choices(*pair) for pair in pairs], self._language.least)
        found: Any = self._programs.write(self._networks, self._frozen, prompts, key, greedy)
        found = jax.tree.map(np.asarray, found)
        turns = []
        for i, length in enumerate(found.length):
            tokens = found.written[i]
            own = Choices(prompts.prompt[i], prompts.prompt_length[i], tokens[None], length[None], np.ones(1, np.int32))
            text = self._language.text(tokens[:length].tolist())
            turns.append(Turn(text, own, 0, found.log_probs[i], found.values[i]))
        return turns
