"""One episode as it is shown: what was seen, and what every cell made of it at that instant."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from PIL import Image

from accumbens.training.play import Moment, play
from accumbens.training.trained import Trained
from accumbens.watch.stage import Stage


class Instant(NamedTuple):
    """What belongs to one picture.

    A TD error is known only when its consequences are seen: the error of the step t -> t + 1 is δ of what is seen at
    t + 1, where reward and next state arrive. So it stands with picture t + 1, as a response follows its stimulus, and
    the value of the action chosen there stands beside it. An episode of T steps has T + 1 instants.

    Attributes:
        time: steps since the episode began.
        observation: what is seen; at the end the true final observation.
        picture: of a simulator that draws itself; None if the observation is drawn.
        taken: every cell's value of the action chosen now; None at the end, where nothing is chosen.
        action: chosen now; None at the end.
        td_error: every cell's, of the step that led here; None at the beginning.
        reward: of the step that led here, as the environment gave it; 0 at the beginning.
        episode_return: sum of the rewards so far.
        ended: how the episode ended here: `terminated`, `truncated`, or `""` where it goes on.
    """

    time: int
    observation: Shaped[np.ndarray, "..."]
    picture: Image.Image | None
    taken: Float[np.ndarray, " cells"] | None
    action: Int[np.ndarray, "*dimensions"] | None
    td_error: Float[np.ndarray, " cells"] | None
    reward: float
    episode_return: float
    ended: str


class Episode(NamedTuple):
    """All instants of one episode, or of its beginning.

    Attributes:
        instants: in order; at least two.
    """

    instants: list[Instant]

    @property
    def num_cells(self) -> int:
        """Cells of the network."""
        first = self.instants[0].taken
        assert first is not None
        return len(first)

    @property
    def num_steps(self) -> int:
        """Steps taken."""
        return len(self.instants) - 1

    @property
    def values(self) -> Float[np.ndarray, "instants cells"]:
        """Every cell's value of the chosen action; NaN in the last instant, where none is chosen."""
        return _stacked([instant.taken for instant in self.instants], self.num_cells)

    @property
    def td_errors(self) -> Float[np.ndarray, "instants cells"]:
        """Every cell's TD error of the step that led to each instant; NaN in the first, which nothing led to."""
        return _stacked([instant.td_error for instant in self.instants], self.num_cells)

    @property
    def rewards(self) -> Float[np.ndarray, " instants"]:
        """The reward of the step that led to each instant."""
        return np.array([instant.reward for instant in self.instants])

    @property
    def episode_return(self) -> float:
        """Sum of all rewards."""
        return self.instants[-1].episode_return

    @property
    def ended(self) -> str:
        """How it ended; `""` if it was not played to its end."""
        return self.instants[-1].ended


def _stacked(rows: list[np.ndarray | None], num_cells: int) -> np.ndarray:
    blank = np.full(num_cells, np.nan)
    return np.stack([blank if row is None else np.asarray(row, np.float64) for row in rows])


def instants(moments: Iterator[Moment], film: deque[Image.Image] | None = None) -> Iterator[Instant]:
    """Yield the instants of the first episode of the first copy, as it is played.

    Args:
        moments: of `play`.
        film: gets the simulator's picture of the first state and of every next one while `moments` go on; None if
            observations are drawn.
    """
    before, total = None, 0.0
    for time, now in enumerate(moments):
        td_error, reward = (None, 0.0) if before is None else (before.td_error[0], float(before.reward[0]))
        total += reward
        picture = film.popleft() if film else None
        yield Instant(time, now.observation[0], picture, now.taken[0], now.action[0], td_error, reward, total, "")
        if now.terminated[0] or now.truncated[0]:
            reward, ended = float(now.reward[0]), "terminated" if now.terminated[0] else "truncated"
            picture, last = film.popleft() if film else None, now.next_observation[0]
            yield Instant(time + 1, last, picture, None, None, now.td_error[0], reward, total + reward, ended)
            return
        before = now


def watched(trained: Trained, stage: Stage, *, seed: int | None = None, epsilon: float = 0.0) -> Iterator[Instant]:
    """Play one episode on a stage, and yield its instants as they come.

    Args:
        trained: who plays.
        stage: where.
        seed: whose network plays; None takes the run's first.
        epsilon: probability of a random action.

    Raises:
        AccumbensError: the run has no such seed.
    """
    return instants(play(trained, stage.arena, seed=seed, epsilon=epsilon), stage.film)


def record(played: Iterable[Instant], max_steps: int) -> Episode:
    """Return an episode, or its first `max_steps` steps."""
    return Episode(list(itertools.islice(played, max_steps + 1)))
