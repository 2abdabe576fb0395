"""One seed of a language agent: it plays in words, on the host, and learns from what was written, on the device."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from accumbens.agents.token_policy import Acted, Critic, Networks, act, first_value, what_learns
from accumbens.agents.token_ppo import Block, TokenMetrics, TokenState, first_state, learn
from accumbens.agents.token_settings import TokenSettings
from accumbens.envs.text.copies import Place, TextCopies, TextStep
from accumbens.language import Choices, stacked
from accumbens.language.choices import rounded
from accumbens.runs.health import NotFiniteError
from accumbens.runs.streams import Stream, stream_key
from accumbens.td.tokens import Steps
from accumbens.training.episodes import WINDOW
from accumbens.training.text_model import LanguageOfRun

LEAST_DIFFERENT = 32
"""Where the number of different choices of a block begins that a program is compiled for."""


class Programs:
    """What is compiled, once for all seeds: for every size of prompts and actions anew."""

    def __init__(self, language: LanguageOfRun):
        """Take the model; nothing is compiled yet."""
        settings, end = language.settings, language.tokenizer.end

        def combined(learned: Networks, target: Critic | None, frozen: Networks) -> Networks:
            return eqx.combine(learned if target is None else Networks(learned.policy, target), frozen)

        def acted(learned: Networks, target: Any, frozen: Networks, choices: Choices, key: Array, greedy: Array):
            networks = combined(learned, target, frozen)
            keys = jax.random.split(key, len(choices.prompt_length))
            return jax.vmap(lambda one, key: act(settings, end, networks, one, key, greedy))(choices, keys)

        def valued(learned: Networks, target: Any, frozen: Networks, choices: Choices) -> Array:
            networks = combined(learned, target, frozen)
            return jax.vmap(lambda one: first_value(networks, one))(choices)

        self.act: Callable[..., Acted] = jax.jit(acted)
        self.value: Callable[..., Array] = jax.jit(valued)
        self.learn: Callable[..., tuple[TokenState, TokenMetrics]] = jax.jit(
            lambda frozen, state, block, key: learn(settings, frozen, state, block, key), donate_argnums=1
        )


class Episodes(NamedTuple):
    """Training episodes: those in progress, and the last ones that ended, in rings."""

    current: Float[np.ndarray, "3 envs"]
    recent: Float[np.ndarray, "3 window"]
    completed: int

    def after(self, reward: np.ndarray, ended: np.ndarray, discount: float) -> "Episodes":
        """Return the record after a step; the parts are return, discounted return, and length."""
        current, recent, completed = self.current.copy(), self.recent.copy(), self.completed
        current += [reward, discount ** current[2] * reward, np.ones_like(reward)]
        for env in np.flatnonzero(ended):
            recent[:, completed % WINDOW] = current[:, env]
            completed += 1
        current[:, ended] = 0.0
        return Episodes(current, recent, completed)

    def means(self) -> list[float]:
        """Return the means over the last 100 episodes; NaN before the first has ended."""
        count = min(self.completed, WINDOW)
        return self.recent[:, :count].mean(axis=1).tolist() if count else [float("nan")] * 3


class TextSeed(NamedTuple):
    """Everything that belongs to one seed.

    Attributes:
        learner: what has been learned.
        episodes: returns of training.
        places: where the environments are, as JSON; see `TextCopies.places`.
    """

    learner: TokenState
    episodes: Episodes
    places: np.ndarray


class TextLearner:
    """One seed. The environments are here; everything else is in its state."""

    def __init__(self, env: str, language: LanguageOfRun, programs: Programs, seed: int):
        """Make the environments, and begin an episode in each.

        Raises:
            AccumbensError: the environment cannot be used.
        """
        self.language, self._programs, self._settings = language, programs, language.settings
        self.copies = make_copies(env, self._settings, self._settings.num_envs, seed)
        self._beginning = self.copies.places()
        self._seed = jnp.uint32(seed)
        self._number = seed
        networks = language.networks(stream_key(self._seed, Stream.PARAMETERS, 0))
        self.frozen = eqx.filter(networks, what_learns(networks), inverse=True)
        self._first = first_state(self._settings, networks)

    def init(self) -> TextSeed:
        """Return the state before the first step."""
        zeros = np.zeros((3, self._settings.num_envs)), np.zeros((3, WINDOW)), 0
        return TextSeed(jax.tree.map(jnp.copy, self._first), Episodes(*zeros), _encoded(self._beginning))

    def block(self, state: TextSeed, iteration: int) -> tuple[TextSeed, TokenMetrics, int]:
        """Collect a block, and learn from it.

        Args:
            state: is used up.
            iteration: the number of the block.

        Returns:
            the state, means over the block's updates, and the number of tokens that were written.

        Raises:
            NotFiniteError: a loss or a gradient stopped being finite.
        """
        settings, learner, episodes = self._settings, state.learner, state.episodes
        if _encoded(self.copies.places()).tobytes() != state.places.tobytes():
            self.copies.restore(_decoded(state.places))
        offered, acted, answers, beyond = [], [], [], []
        drawn = jnp.asarray(False)
        for time in range(iteration * settings.rollout_length, (iteration + 1) * settings.rollout_length):
            choices = self._choices(self.copies.observations, self.copies.admissible)
            key = stream_key(self._seed, Stream.EXPLORATION, time)
            found = jax.tree.map(
                np.asarray, self._programs.act(learner.learned, learner.target, self.frozen, choices, key, drawn)
            )
            answer = self.copies.step(self.texts(found, self.copies.admissible))
            if settings.policy == "free":  # what was written is the only action
                one = np.ones_like(found.length)[:, None]
                choices = choices._replace(actions=found.written[:, None], lengths=found.length[:, None], words=one)
            offered.append(choices)
            acted.append(found)
            answers.append(answer)
            beyond.append(self._beyond(learner, answer) if answer.truncated.any() else np.zeros(settings.num_envs))
            episodes = episodes.after(answer.reward, answer.terminated | answer.truncated, settings.discount)
        # The last row has no next action: what follows it is the state that was reached, or where it was cut.
        reached = self._values(learner, self.copies.observations)
        beyond[-1] = np.where(answers[-1].truncated, beyond[-1], reached)
        block = _block(offered, acted, answers, np.stack(beyond))
        places = _encoded(self.copies.places())
        key = stream_key(self._seed, Stream.LEARNING, iteration)
        learner, metrics = self._programs.learn(self.frozen, learner, block, key)
        metrics = jax.tree.map(np.asarray, metrics)
        self._require_finite(metrics, (iteration + 1) * settings.rollout_length * settings.num_envs)
        return TextSeed(learner, episodes, places), metrics, int(block.steps.lengths.sum())

    def texts(self, acted: Acted, admissible: Sequence[Sequence[str]]) -> list[str]:
        """Return what was chosen or written, in words."""
        if self._settings.policy == "free":
            return [self.language.text(row[:n].tolist()) for row, n in zip(acted.written, acted.length, strict=True)]
        return [str(actions[number]) for actions, number in zip(admissible, acted.chosen, strict=True)]

    def greedy(self, state: TextSeed, observations: Sequence[str], admissible: Sequence[Sequence[str]]) -> Acted:
        """Return what is most likely done."""
        choices, key, yes = self._choices(observations, admissible), jax.random.key(0), jnp.asarray(True)
        found = self._programs.act(state.learner.learned, None, self.frozen, choices, key, yes)
        return jax.tree.map(np.asarray, found)

    def close(self) -> None:
        """Close the environments."""
        self.copies.close()

    def _choices(self, observations: Sequence[str], admissible: Sequence[Sequence[str]]) -> Choices:
        several = [self.language.choices(*pair) for pair in zip(observations, admissible, strict=True)]
        return stacked(several, self.language.least)

    def _beyond(self, learner: TokenState, answer: TextStep) -> np.ndarray:
        return np.where(answer.truncated, self._values(learner, answer.observation), 0.0)

    def _values(self, learner: TokenState, observations: Sequence[str]) -> np.ndarray:
        choices = self._choices(observations, [()] * len(observations))
        return np.asarray(self._programs.value(learner.learned, learner.target, self.frozen, choices))

    def _require_finite(self, metrics: TokenMetrics, step: int) -> None:
        for name, value in metrics._asdict().items():
            if not np.isfinite(value):
                raise NotFiniteError(
                    f"{name} of seed {self._number} is no longer finite (NaN or Inf) at step {step}; a lower "
                    "learning_rate often helps"
                )


def make_copies(env: str, settings: TokenSettings, num_envs: int, seed: int) -> TextCopies:
    """Make environments; what is written freely costs the penalty where it is no admissible action.

    Raises:
        AccumbensError: the environment cannot be used.
    """
    options = {"penalty": settings.penalty} if settings.policy == "free" else {}
    return TextCopies(env, num_envs, [seed], **options)


def _block(offered: list[Choices], acted: list[Acted], answers: list[TextStep], beyond: np.ndarray) -> Block:
    """What was offered, chosen and answered, as arrays [time, envs, ...] that are padded alike."""
    width = max(found.log_probs.shape[1] for found in acted)

    def padded(rows: list[np.ndarray]) -> Array:
        return jnp.asarray([np.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows])

    rows = [jax.tree.map(lambda leaf, env=env: leaf[env], row) for row in offered for env in range(beyond.shape[1])]
    keys = [tuple(np.asarray(part).tobytes() for part in row) for row in rows]
    different = dict(reversed(list(zip(keys, rows, strict=True))))
    numbers = {key: number for number, key in enumerate(different)}
    place = np.reshape([numbers[key] for key in keys], beyond.shape)
    several = list(different.values())
    several += several[-1:] * (rounded(len(several), LEAST_DIFFERENT) - len(several))
    steps = Steps(
        lengths=jnp.asarray([found.length for found in acted]),
        reward=jnp.asarray([answer.reward for answer in answers]),
        terminated=jnp.asarray([answer.terminated for answer in answers]),
        truncated=jnp.asarray([answer.truncated for answer in answers]),
        beyond=jnp.asarray(beyond, jnp.float32),
    )
    chosen = jnp.asarray([found.chosen for found in acted])
    log_probs, values = (padded([getattr(found, name) for found in acted]) for name in ("log_probs", "values"))
    choices = jax.tree.map(jnp.asarray, stacked(several))
    return Block(choices, jnp.asarray(place), chosen, log_probs, values, steps)


def _encoded(places: Sequence[Place]) -> np.ndarray:
    return np.frombuffer(json.dumps([list(place) for place in places]).encode(), np.uint8)


def _decoded(places: np.ndarray) -> list[Place]:
    return [Place(episode, tuple(actions), told) for episode, actions, told in json.loads(places.tobytes())]
