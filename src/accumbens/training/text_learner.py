"""One seed of a language agent: it plays in words, on the host, and learns from what was written, on the device."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from accumbens.agents.token_policy import what_learns
from accumbens.agents.token_ppo import Block, TokenMetrics, TokenState, first_state
from accumbens.agents.token_settings import TokenSettings
from accumbens.envs.text.copies import Place, TextCopies, TextStep
from accumbens.language import stacked
from accumbens.language.choices import rounded
from accumbens.runs.health import NotFiniteError
from accumbens.runs.streams import Stream, stream_key
from accumbens.td.tokens import Steps
from accumbens.training.episodes import WINDOW
from accumbens.training.text_model import LanguageOfRun
from accumbens.training.text_player import Player, Programs, Turn

LEAST_DIFFERENT = 32
"""Where the number of different choices of a block begins that a program is compiled for."""


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
        player = self.player(state)
        turns, answers, beyond = [], [], []
        for time in range(iteration * settings.rollout_length, (iteration + 1) * settings.rollout_length):
            key = stream_key(self._seed, Stream.EXPLORATION, time)
            turns.append(player.turns(self.copies.observations, self.copies.admissible, key))
            answers.append(self.copies.step([turn.text for turn in turns[-1]]))
            truncated = answers[-1].truncated
            beyond.append(np.zeros(len(truncated), np.float32))
            if truncated.any():
                cut = np.flatnonzero(truncated)
                beyond[-1][cut] = player.values([answers[-1].observation[env] for env in cut])
            ended = truncated | answers[-1].terminated
            episodes = episodes.after(answers[-1].reward, ended, settings.discount)
        # The last row has no next action: what follows it is the state that was reached, or where it was cut.
        beyond[-1] = np.where(answers[-1].truncated, beyond[-1], player.values(self.copies.observations))
        block = _block(turns, answers, np.stack(beyond))
        places = _encoded(self.copies.places())
        key = stream_key(self._seed, Stream.LEARNING, iteration)
        learner, metrics = self._programs.learn(self.frozen, learner, block, key)
        metrics = jax.tree.map(np.asarray, metrics)
        self._require_finite(metrics, (iteration + 1) * settings.rollout_length * settings.num_envs)
        return TextSeed(learner, episodes, places), metrics, int(block.steps.lengths.sum())

    def player(self, state: TextSeed) -> Player:
        """Return what acts by what has been learned so far."""
        return Player(self.language, self._programs, state.learner, self.frozen)

    def close(self) -> None:
        """Close the environments."""
        self.copies.close()

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


def _block(turns: list[list[Turn]], answers: list[TextStep], beyond: np.ndarray) -> Block:
    """What was done and answered, as arrays [time, envs, ...] that are padded alike."""
    width = max(len(turn.values) for row in turns for turn in row)
    different = {id(turn.choices): turn.choices for row in turns for turn in row}
    numbers = {key: number for number, key in enumerate(different)}
    several = list(different.values())
    several += several[-1:] * (rounded(len(several), LEAST_DIFFERENT) - len(several))

    def of_turns(part: Callable[[Turn], Any]) -> Array:
        return jnp.asarray([[part(turn) for turn in row] for row in turns])

    def padded(row: np.ndarray) -> np.ndarray:
        return np.pad(row, (0, width - len(row)))

    steps = Steps(
        lengths=of_turns(lambda turn: turn.choices.lengths[turn.chosen]),
        reward=jnp.asarray([answer.reward for answer in answers]),
        terminated=jnp.asarray([answer.terminated for answer in answers]),
        truncated=jnp.asarray([answer.truncated for answer in answers]),
        beyond=jnp.asarray(beyond),
    )
    return Block(
        jax.tree.map(jnp.asarray, stacked(several)),
        of_turns(lambda turn: numbers[id(turn.choices)]),
        of_turns(lambda turn: turn.chosen),
        of_turns(lambda turn: padded(turn.log_probs)),
        of_turns(lambda turn: padded(turn.values)),
        steps,
    )


def _encoded(places: Sequence[Place]) -> np.ndarray:
    return np.frombuffer(json.dumps([list(place) for place in places]).encode(), np.uint8)


def _decoded(places: np.ndarray) -> list[Place]:
    return [Place(episode, tuple(actions), told) for episode, actions, told in json.loads(places.tobytes())]
