"""A language agent that acts: an observation and admissible actions in, one of them out; and what is kept of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from accumbens.agents.token_policy import Networks, act, chances, state_values, what_learns
from accumbens.agents.token_settings import SMALL, TokenSettings
from accumbens.envs.text.copies import admissible_texts
from accumbens.errors import AccumbensError, require
from accumbens.generator import make_key, pinned_generator
from accumbens.language import Sizes, TextTokenizer, load_language_model, stacked
from accumbens.language.adapters import write_adapters
from accumbens.runs.streams import Stream, stream_key
from accumbens.training.config import RunConfig
from accumbens.training.text_model import LanguageOfRun


class Vocabulary(NamedTuple):
    """What must be known of the words of an environment, where that itself is not at hand.

    Attributes:
        pieces: of a small model; none of a model that was read, which has its own.
        least: sizes of prompts and actions.
    """

    pieces: tuple[str, ...]
    least: Sizes


def vocabulary_of(language: LanguageOfRun) -> Vocabulary:
    """Return that of a model."""
    tokenizer = language.tokenizer
    return Vocabulary(tokenizer.pieces if isinstance(tokenizer, TextTokenizer) else (), language.least)


def to_table(known: Vocabulary) -> dict[str, Any]:
    """Return it as a table of TOML."""
    return {"pieces": list(known.pieces), "least": list(known.least)}


def from_table(table: Mapping[str, Any]) -> Vocabulary:
    """Return what `to_table` wrote.

    Raises:
        AccumbensError: something is missing, or not of its kind.
    """
    try:
        return Vocabulary(tuple(map(str, table["pieces"])), Sizes(*(int(size) for size in table["least"])))
    except (KeyError, TypeError, ValueError) as error:
        raise AccumbensError(f"the vocabulary is damaged: {error!r}") from error


def language_from(settings: TokenSettings, known: Vocabulary) -> LanguageOfRun:
    """Return the model of a run without its environment.

    Raises:
        AccumbensError: the model cannot be read, or the vocabulary is none.
    """
    if settings.model == SMALL:
        return LanguageOfRun(settings, TextTokenizer(known.pieces, spelled=True), None, known.least)
    model = load_language_model(settings.model, settings.quantised)
    return LanguageOfRun(settings, model.tokenizer, model.transformer, known.least)


def learned_shapes(language: LanguageOfRun) -> Networks:
    """Return the shapes of what learns."""

    def learned() -> Networks:
        networks = language.networks(make_key(0))
        return eqx.filter(networks, what_learns(networks))

    return jax.eval_shape(learned)


class ActingLanguageAgent:
    """Acts as the run did.

        action = agent.act(observation, info["admissible_actions"])

    Attributes:
        config: what the run was asked to do.
        seed: the seed of the run whose network this is.
        step: environment steps of that seed by then.
        language: vocabulary and model.
        networks: policy and critic.
    """

    def __init__(self, config: RunConfig, known: Vocabulary, learned: Networks, seed: int, step: int, draws: int = 0):
        """Prepare; every size of prompts and actions is compiled once.

        Args:
            config: of the run.
            known: its vocabulary.
            learned: what of its networks learned.
            seed: of the run.
            step: of the run.
            draws: seed of the random numbers of actions that are drawn.

        Raises:
            AccumbensError: the model that was learned on cannot be read.
        """
        settings = config.settings
        assert isinstance(settings, TokenSettings)
        self.config, self.seed, self.step = config, seed, step
        self.language = language = language_from(settings, known)
        whole = language.networks(make_key(0))
        self.networks: Networks = eqx.combine(learned, eqx.filter(whole, what_learns(whole), inverse=True))
        end, self._draws, self._time = language.tokenizer.end, jnp.uint32(draws), 0
        drawn = pinned_generator()(lambda networks, *rest: act(settings, end, networks, *rest))
        self._act = jax.jit(drawn)  # traced when it first acts, wherever that is
        self._probabilities = jax.jit(lambda networks, one: jnp.exp(chances(settings, networks.policy, one)))
        self._value = jax.jit(lambda networks, choices: state_values(networks, choices)[0, 0])

    def act(self, observation: Any, admissible: Any = (), greedy: bool = True) -> str:
        """Return what to do.

        Args:
            observation: a text, as the environment tells it.
            admissible: texts to choose from; a policy that writes freely does without.
            greedy: take the most likely action, not one that is drawn.

        Raises:
            AccumbensError: there is no action to choose from, or they do not fit the model.
        """
        settings: Any = self.config.settings
        admissible = _texts(observation, admissible)
        if settings.policy != "free" and not admissible:
            raise AccumbensError("no action is admissible: pass info['admissible_actions'] of the environment")
        key = stream_key(self._draws, Stream.EXPLORATION, self._time)
        self._time += 1
        choices = self._choices(observation, admissible)
        found = jax.tree.map(np.asarray, self._act(self.networks, choices, key, jnp.asarray(greedy)))
        if settings.policy == "free":
            return self.language.text(found.written[: found.length].tolist())
        return admissible[int(found.chosen)]

    def probabilities(self, observation: Any, admissible: Any) -> Float[np.ndarray, " actions"]:
        """Return how likely the policy does each of some actions.

        Raises:
            AccumbensError: there is none, or they do not fit the model, or the policy writes freely.
        """
        settings: Any = self.config.settings
        admissible = _texts(observation, admissible)
        if settings.policy == "free" or not admissible:
            raise AccumbensError("probabilities are of admissible actions: there are none, or the policy writes freely")
        return np.asarray(self._probabilities(self.networks, self._choices(observation, admissible)))[: len(admissible)]

    def value(self, observation: Any) -> float:
        """Return the discounted return that is expected."""
        return float(self._value(self.networks, self._choices(observation, _texts(observation, ()))))

    def write_adapters(self, folder: str | Path) -> None:
        """Write the low-rank corrections in the files of PEFT, without the model that they are of.

        Raises:
            AccumbensError: the model is small, and has none.
        """
        write_adapters(Path(folder), self.networks.policy, self.config.settings.model)  # pyright: ignore

    def _choices(self, observation: str, admissible: Sequence[str]) -> Any:
        one = stacked([self.language.choices(observation, tuple(admissible))], self.language.least)
        return jax.tree.map(lambda leaf: leaf[0], one)

    def __repr__(self) -> str:
        """Say what it is."""
        config = self.config
        return f"<accumbens language agent: {config.algo} in {config.env}, seed {self.seed}, {self.step:,} steps>"


def _texts(observation: object, admissible: object) -> tuple[str, ...]:
    """The admissible actions.

    Raises:
        AccumbensError: they are no texts, or a single one, or the observation is none.
    """
    require("observation", repr(observation), "a text", isinstance(observation, str))
    return admissible_texts(admissible)
