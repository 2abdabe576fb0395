"""Several copies of one environment, stepped one after the other in whichever process they live."""

import mmap
from collections.abc import Callable, Sequence
from typing import NamedTuple

import gymnasium
import numpy as np


class Buffers(NamedTuple):
    """Where `N` copies read their actions from and write their outcomes to; the memory may be shared by processes.

    Attributes:
        action: int64 `[N]`, or `[N, dimensions]` for factored actions.
        observation: what to act on next, `[N, ...]`: after an episode's end the next one's first observation.
        final_observation: the true next observation, `[N, ...]`.
        reward: float32 `[N]`.
        terminated: bool `[N]`.
        truncated: bool `[N]`; never together with `terminated`.
    """

    action: np.ndarray
    observation: np.ndarray
    final_observation: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray

    def part(self, start: int, stop: int) -> "Buffers":
        """Return views of some of the copies."""
        return Buffers(*(array[start:stop] for array in self))


class Layout(NamedTuple):
    """The shapes and types of `Buffers`, and where each lies in one block of memory.

    Attributes:
        num_envs: number of copies.
        observation_shape: shape of one observation.
        observation_dtype: its type.
        action_dimensions: numbers in a factored action; None for one number.
    """

    num_envs: int
    observation_shape: tuple[int, ...]
    observation_dtype: np.dtype
    action_dimensions: int | None

    def _arrays(self) -> list[tuple[tuple[int, ...], np.dtype]]:
        n = self.num_envs
        action = (n,) if self.action_dimensions is None else (n, self.action_dimensions)
        observations = ((n, *self.observation_shape), self.observation_dtype)
        flags = ((n,), np.dtype(bool))
        return [(action, np.dtype(np.int64)), observations, observations, ((n,), np.dtype(np.float32)), flags, flags]

    def num_bytes(self) -> int:
        """Return the size of the memory that `buffers` needs."""
        return sum(_padded(shape, dtype) for shape, dtype in self._arrays())

    def buffers(self, memory: bytearray | mmap.mmap) -> Buffers:
        """Return the arrays in a block of memory."""
        arrays, offset = [], 0
        for shape, dtype in self._arrays():
            count = int(np.prod(shape))
            arrays.append(np.frombuffer(memory, dtype, count, offset).reshape(shape))
            offset += _padded(shape, dtype)
        return Buffers(*arrays)


def _padded(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Bytes of an array, rounded up to 64 so that the next one is aligned."""
    return -(-int(np.prod(shape)) * dtype.itemsize // 64) * 64


class Copies:
    """Copies that write into `Buffers` and begin their next episode by themselves."""

    def __init__(self, make: Callable[[], gymnasium.Env], buffers: Buffers, first_action: int):
        """Make the copies.

        Args:
            make: makes one copy.
            buffers: of as many copies as there shall be.
            first_action: the number that the environment gives to action 0.
        """
        self._envs = [make() for _ in range(len(buffers.reward))]
        self._buffers = buffers
        self._first_action = first_action

    def reset(self, seeds: Sequence[int] | None) -> None:
        """Begin a new episode in every copy, with new streams of random numbers if seeds are given."""
        for index, env in enumerate(self._envs):
            self._buffers.observation[index] = env.reset(seed=None if seeds is None else int(seeds[index]))[0]

    def step(self) -> None:
        """Step every copy, and where its episode ended begin the next one."""
        buffers = self._buffers
        actions = buffers.action + self._first_action
        for index, env in enumerate(self._envs):
            observation, reward, terminated, truncated, _ = env.step(actions[index])
            buffers.final_observation[index] = observation
            buffers.reward[index] = reward
            buffers.terminated[index] = terminated
            # Gymnasium's time limit sets both where the last allowed step happens to terminate.
            buffers.truncated[index] = truncated and not terminated
            buffers.observation[index] = env.reset()[0] if terminated or truncated else observation

    def close(self) -> None:
        """Release what the simulators hold."""
        for env in self._envs:
            env.close()
