"""Several copies of one text environment, stepped together, whose place can be saved."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Text

from accumbens.envs import registry
from accumbens.envs.text.game import ADMISSIBLE
from accumbens.errors import AccumbensError, EnvironmentFailedError, require


def admissible_texts(found: Any, what: str = "admissible") -> tuple[str, ...]:
    """Return admissible actions as a tuple.

    Raises:
        AccumbensError: they are not a sequence of texts.
    """
    texts = () if isinstance(found, str) or not isinstance(found, Iterable) else tuple(found)
    if isinstance(found, str) or not isinstance(found, Iterable) or not all(isinstance(text, str) for text in texts):
        raise AccumbensError(f"{what} is {found!r} and cannot be used: it must be a sequence of texts")
    return tuple(map(str, texts))


class TextStep(NamedTuple):
    """The outcome of one step of `N` copies, before any reset.

    Attributes:
        observation: the *true* next ones: at an episode's end the final one.
        reward: float32 `[N]`.
        terminated: bool `[N]`: the episode reached a terminal state; the value beyond it is zero.
        truncated: bool `[N]`: the episode was cut and did not terminate; the value beyond it is not zero.
    """

    observation: list[str]
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray


class Place(NamedTuple):
    """Where a copy is: an episode is what its seed and its actions made of it.

    Attributes:
        episode: how many have ended before.
        actions: since it began.
        observation: what was told last.
    """

    episode: int
    actions: tuple[str, ...]
    observation: str


class TextCopies:
    """Copies that begin their next episode by themselves, all in this process: a model's turn takes far longer.

    Every episode has a seed of its own, made of the run's, the copy's number and the episode's. So a copy can be
    brought back to where it was by doing again what was done in its episode.

    Attributes:
        observations: what to act on, `[N]`.
        admissible: what can be chosen, of every copy.
    """

    def __init__(self, name: str, num_envs: int, seeds: Sequence[int], **settings: Any):
        """Make the copies, and begin an episode in each.

        Args:
            name: of the environment.
            num_envs: copies for every seed.
            seeds: of the run.
            settings: of the environment, such as `penalty`.

        Raises:
            UnknownNameError: nothing of that name is registered.
            AccumbensError: it cannot be made, tells no texts, or not which actions are admissible; or there is no copy.
        """
        require("num_envs", num_envs, "1 or more", num_envs >= 1)
        require("seeds", list(seeds), "one or more", len(seeds) > 0)
        name = registry.resolve(name)
        if registry.is_on_device(name):
            raise AccumbensError(f"environment {name!r} tells no texts but numbers")
        self.name = name
        self._streams = [(seed, number) for seed in seeds for number in range(num_envs)]
        try:
            self._envs = [gymnasium.make(name, disable_env_checker=True, **settings) for _ in self._streams]
        except gymnasium.error.Error as error:
            raise AccumbensError(f"environment {name!r} cannot be made: {error}") from error
        except TypeError as error:
            if not settings:
                raise
            said = ", ".join(settings)
            raise AccumbensError(
                f"environment {name!r} cannot be made with {said}: what is written freely costs a penalty in a "
                f"TextEnvironment of accumbens.envs.text.game, whose maker takes it ({error})"
            ) from error
        space = self._envs[0].observation_space
        if not isinstance(space, Text):
            raise AccumbensError(f"environment {name!r} tells no texts but observations of {type(space).__name__}")
        self._places = [Place(0, (), "") for _ in self._streams]
        self.observations = [""] * len(self._envs)
        self.admissible: list[tuple[str, ...]] = [()] * len(self._envs)
        for copy in range(len(self._envs)):
            self._begin(copy, 0)

    def step(self, actions: Sequence[str]) -> TextStep:
        """Do an action in every copy, and where its episode ended begin the next one.

        Raises:
            AccumbensError: there are more or fewer actions than copies, or one cannot be done.
        """
        require("actions", len(actions), f"{len(self._envs)}, one for every copy", len(actions) == len(self._envs))
        told, rewards, ends = [], np.zeros(len(actions), np.float32), np.zeros((2, len(actions)), bool)
        for copy, (env, action) in enumerate(zip(self._envs, actions, strict=True)):
            observation, reward, terminated, truncated, info = env.step(action)
            if not math.isfinite(reward):
                raise EnvironmentFailedError(f"environment {self.name!r} gave the reward {reward} for {action!r}")
            told.append(observation)
            # Gymnasium's time limit sets both where the last allowed step happens to terminate.
            rewards[copy], ends[:, copy] = reward, (terminated, truncated and not terminated)
            episode, before, _ = self._places[copy]
            if terminated or truncated:
                self._begin(copy, episode + 1)
            else:
                self._stand(copy, Place(episode, (*before, action), observation), info)
        return TextStep(told, rewards, *ends)

    def places(self) -> list[Place]:
        """Return where all copies are, for `restore`."""
        return list(self._places)

    def restore(self, places: Sequence[Place]) -> None:
        """Bring all copies back to where they were.

        Raises:
            AccumbensError: there are more or fewer places than copies.
            EnvironmentFailedError: the same seed and the same actions led elsewhere.
        """
        require("places", len(places), f"{len(self._envs)}, one for every copy", len(places) == len(self._envs))
        for copy, place in enumerate(places):
            self._begin(copy, place.episode)
            for number, action in enumerate(place.actions):
                observation, _, terminated, truncated, info = self._envs[copy].step(action)
                if terminated or truncated:
                    raise self._elsewhere(place, "the episode ended")
                self._stand(copy, Place(place.episode, place.actions[: number + 1], observation), info)
            if self.observations[copy] != place.observation:
                raise self._elsewhere(place, f"it now tells {self.observations[copy]!r}")

    def close(self) -> None:
        """Close all copies."""
        for env in self._envs:
            env.close()

    def _begin(self, copy: int, episode: int) -> None:
        stream = np.random.SeedSequence([*self._streams[copy], episode])
        observation, info = self._envs[copy].reset(seed=int(stream.generate_state(1)[0]))
        self._stand(copy, Place(episode, (), observation), info)

    def _stand(self, copy: int, place: Place, info: dict[str, Any]) -> None:
        found = admissible_texts(info.get(ADMISSIBLE, ()), f"info[{ADMISSIBLE!r}] of {self.name!r}")
        if not found:
            raise AccumbensError(
                f"environment {self.name!r} does not say which actions are admissible: info[{ADMISSIBLE!r}]"
            )
        self._places[copy], self.observations[copy] = place, place.observation
        self.admissible[copy] = found

    def _elsewhere(self, place: Place, what: str) -> EnvironmentFailedError:
        return EnvironmentFailedError(
            f"environment {self.name!r} cannot be brought back to where it was, {place.observation!r}: after the same "
            f"seed and the same {len(place.actions)} actions {what}"
        )
