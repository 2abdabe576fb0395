"""Where an episode is watched: one copy of the environment, which leaves a film if it can draw itself."""

import os
import warnings
from collections import deque
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from PIL import Image

from accumbens.envs import registry
from accumbens.envs.bang_bang import BangBang, Discretisation
from accumbens.envs.copies import Copies, Layout
from accumbens.envs.gymnasium import describe, make_unchanged
from accumbens.training.play import Arena, Outcome, make_arena
from accumbens.training.trained import Trained

_USUAL_FPS, _MOST_FPS = 30, 50

# Neither a greeting on standard output nor a search for a display and a sound card.
_QUIET_PYGAME = {"PYGAME_HIDE_SUPPORT_PROMPT": "1", "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}


class Stage(NamedTuple):
    """One copy of an environment, to be watched.

    Attributes:
        arena: to play in.
        film: where the simulator's pictures appear while it is played; None if it draws none.
        note: why it draws none where one could expect it; `""` otherwise.
        fps: steps per second at which it is shown well.
    """

    arena: Arena
    film: deque[Image.Image] | None
    note: str
    fps: int


class Filmed(gymnasium.Wrapper):
    """An environment that leaves a picture of every state, made by its own `render`."""

    def __init__(self, env: gymnasium.Env, film: deque[Image.Image], size: tuple[int, int]):
        """Wrap an environment made with `render_mode="rgb_array"`.

        Args:
            env: the environment.
            film: where the pictures go.
            size: the width and height that a picture must fit into; larger ones are made smaller at once.
        """
        super().__init__(env)
        self._film, self._size = film, size

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        """Begin an episode; its first state is a picture."""
        first = super().reset(seed=seed, options=options)
        self._film.append(self._picture())
        return first

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict]:
        """Step; the next state is a picture."""
        outcome = super().step(action)
        self._film.append(self._picture())
        return outcome

    def _picture(self) -> Image.Image:
        with warnings.catch_warnings():  # Gymnasium's, of environments that do not say how fast they are
            warnings.simplefilter("ignore")
            pixels = np.asarray(self.env.render(), np.uint8)
        image = Image.fromarray(pixels).convert("RGB")
        share = min(self._size[0] / image.width, self._size[1] / image.height)
        size = max(round(image.width * share), 1), max(round(image.height * share), 1)
        return image.resize(size, Image.Resampling.LANCZOS if share < 1 else Image.Resampling.NEAREST)


class FilmArena:
    """One copy of an environment on the host that is filmed; episodes are those of `HostArena` with the same seed.

    Attributes:
        num_envs: 1.
        film: the pictures of all states, as they come.
        fps: steps per second of the simulator's own time; 30 if it does not say.
    """

    num_envs = 1

    def __init__(self, name: str, seed: int, discretisation: Discretisation, size: tuple[int, int]):
        """Make it, and see whether it can draw itself.

        Raises:
            Exception: whatever its `render` raises where it cannot draw.
        """
        spec, first_action, source = describe(name, discretisation)
        self.film: deque[Image.Image] = deque()
        self.fps = _USUAL_FPS
        self._seed = int(np.random.SeedSequence(seed).generate_state(1)[0])  # as HostEnvironments seeds one copy

        def make() -> gymnasium.Env:
            env = Filmed(make_unchanged(source, render_mode="rgb_array"), self.film, size)
            self.fps = min(int(env.metadata.get("render_fps") or _USUAL_FPS), _MOST_FPS)
            return BangBang(env, discretisation) if isinstance(env.action_space, Box) else env

        layout = Layout(1, spec.observation_shape, spec.observation_dtype, spec.action_dimensions)
        self._buffers = layout.buffers(bytearray(layout.num_bytes()))
        self._copies = Copies(make, self._buffers, first_action)
        try:
            self.reset()
        except Exception:
            self.close()
            raise

    def reset(self) -> np.ndarray:
        """Begin and return the first observation; the film begins anew."""
        self.film.clear()
        self._copies.reset([self._seed])
        return self._buffers.observation.copy()

    def step(self, action: np.ndarray) -> tuple[np.ndarray, Outcome]:
        """Step; return the observation to act on next, and the outcome."""
        buffers = self._buffers
        buffers.action[:] = action
        self._copies.step()
        outcome = (buffers.final_observation, buffers.reward, buffers.terminated, buffers.truncated)
        return buffers.observation.copy(), Outcome(*(array.copy() for array in outcome))

    def close(self) -> None:
        """Release the environment."""
        self._copies.close()


def make_stage(trained: Trained, seed: int, size: tuple[int, int]) -> Stage:
    """Return one copy of the environment that a run was trained on; a film where the simulator can draw itself.

    Args:
        trained: the run.
        seed: of the episode.
        size: the width and height that pictures must fit into.

    Raises:
        AccumbensError: the environment cannot be made.
    """
    name = trained.config.env
    if registry.is_on_device(name):
        return Stage(
            make_arena(trained, 1, seed), None, "", 15 if registry.benchmark_of(name) == "minatar" else _USUAL_FPS
        )
    for variable, value in _QUIET_PYGAME.items():
        os.environ.setdefault(variable, value)
    try:
        arena = FilmArena(name, seed, trained.settings.discretisation, size)
    except Exception as error:  # a simulator that draws raises what it likes
        plain = make_arena(trained, 1, seed)  # what is really wrong with the environment is raised here
        reason = " ".join(str(error).split()) or type(error).__name__
        return Stage(plain, None, f"{name} cannot draw itself here ({reason}): its observation is shown", _USUAL_FPS)
    return Stage(arena, arena.film, "", arena.fps)
