"""One seed of soft actor-critic: a model of SBX, and everything of it that a checkpoint needs."""

import importlib
import importlib.util
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.agents.settings import SACSettings
from accumbens.envs.continuous import make_continuous
from accumbens.errors import AccumbensError
from accumbens.runs.health import NotFiniteError
from accumbens.training.episodes import WINDOW

LOSSES = ("critic_loss", "actor_loss", "ent_coef")
_BUFFER = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


class SACSeed(NamedTuple):
    """Everything that belongs to one seed; unfinished episodes are not part of it.

    Attributes:
        networks: actor, critics and entropy coefficient, with their optimisers.
        keys: JAX's random keys of the model and its policy.
        numpy_state: state of NumPy's global generator, which SBX draws replayed steps with.
        replay: the arrays of the replay buffer, which are written to while training goes on.
        position, full: where it is written next, and whether it has been filled once.
        updates: updates so far.
        returns, lengths: of the last 100 training episodes, in a ring.
        episodes: training episodes ended so far.
    """

    networks: Any
    keys: Any
    numpy_state: dict[str, Any]
    replay: dict[str, np.ndarray]
    position: int
    full: bool
    updates: int
    returns: np.ndarray
    lengths: np.ndarray
    episodes: int


def require_sac() -> None:
    """Refuse SAC where SBX is not installed.

    Raises:
        AccumbensError: says how to install it.
    """
    if importlib.util.find_spec("sbx") is None:
        raise AccumbensError(
            "algorithm 'sac' needs SBX, which is not installed: run 'uv sync --extra sac' or "
            """'pip install "accumbens[sac]"'. It brings PyTorch: without a GPU, install PyTorch's build for CPUs """
            "first, which is smaller by gigabytes"
        )


class SACLearner:
    """One seed of SAC. SBX collects and learns; this counts episodes, checks losses, and saves and restores."""

    def __init__(self, env: str, settings: SACSettings, total_timesteps: int, seed: int):
        """Make the model and its environments.

        Raises:
            AccumbensError: the environment cannot be used.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the packages that SBX imports
            sbx = importlib.import_module("sbx")
            dummy_vec_env = importlib.import_module("stable_baselines3.common.vec_env").DummyVecEnv
        self._seed = seed
        with _numpy_state(None) as state:
            self._model = sbx.SAC(
                "MlpPolicy",
                dummy_vec_env([partial(make_continuous, env)] * settings.num_envs),
                learning_rate=settings.learning_rate,
                buffer_size=min(settings.replay_capacity, total_timesteps),
                learning_starts=settings.learning_starts,
                batch_size=settings.batch_size,
                tau=settings.target_rate,
                gamma=settings.discount,
                train_freq=settings.train_every // settings.num_envs,
                gradient_steps=settings.updates_per_phase,
                ent_coef="auto" if settings.entropy_coefficient is None else settings.entropy_coefficient,
                policy_kwargs={"net_arch": list(settings.net_arch)},
                seed=seed,
            )
            self._numpy_state = state()
        self._train, self._model.train = self._model.train, self._train_and_check
        self._sums, self._phases = np.zeros(len(LOSSES)), 0
        self._returns, self._lengths, self._episodes = np.zeros(WINDOW), np.zeros(WINDOW, np.int64), 0
        self._initial = self.state()
        self._begin_episodes(0)

    def share_programs(self, other: "SACLearner") -> None:
        """Take the other's functions, which are the same, so that what was compiled for it serves both."""
        mine, others = self._networks(), other._networks()
        functions = [{"apply_fn": theirs.apply_fn, "tx": theirs.tx} for theirs in others]
        self._put_networks([own.replace(**given) for own, given in zip(mine, functions, strict=True)])
        self._initial = self._initial._replace(networks=self._networks())

    def init(self) -> SACSeed:
        """Return the state before the first step, and go back to it."""
        for name in _BUFFER:
            getattr(self._model.replay_buffer, name).fill(0)
        self.put(self._initial, 0)
        return self.state()

    def state(self) -> SACSeed:
        """Return everything there is; the arrays of the replay buffer are the buffer's own."""
        model, policy = self._model, self._model.policy
        buffer = model.replay_buffer
        return SACSeed(
            networks=jax.tree.map(jnp.asarray, self._networks()),
            keys=(model.key, policy.key, policy.noise_key),
            numpy_state=self._numpy_state,
            replay={name: getattr(buffer, name) for name in _BUFFER},
            position=int(buffer.pos),
            full=bool(buffer.full),
            updates=int(model._n_updates),
            returns=self._returns.copy(),
            lengths=self._lengths.copy(),
            episodes=self._episodes,
        )

    def put(self, state: SACSeed, step: int) -> None:
        """Go on from a state; new episodes begin, whose random numbers depend on the step."""
        model, buffer = self._model, self._model.replay_buffer
        self._put_networks(state.networks)
        model.key, model.policy.key, model.policy.noise_key = state.keys
        self._numpy_state = state.numpy_state
        for name, array in state.replay.items():
            getattr(buffer, name)[...] = array
        buffer.pos, buffer.full = state.position, state.full
        model._n_updates, model.num_timesteps = state.updates, step
        self._returns, self._lengths, self._episodes = state.returns.copy(), state.lengths.copy(), state.episodes
        self._begin_episodes(step)

    def learn(self, steps: int) -> dict[str, Any]:
        """Go on for that many environment steps.

        Returns:
            what `metrics.csv` says of the episodes and, as means over these steps, of the losses.

        Raises:
            NotFiniteError: a loss became NaN or infinite.
        """
        self._sums[:], self._phases = 0, 0
        with _numpy_state(self._numpy_state) as state:
            self._model.learn(steps, callback=self._count, log_interval=None, reset_num_timesteps=False)
            self._numpy_state = state()
        count = min(self._episodes, WINDOW)
        critic, actor, entropy = (self._sums / self._phases).tolist() if self._phases else [math.nan] * len(LOSSES)
        return {
            "episodes": self._episodes,
            "mean_return": float(self._returns[:count].mean()) if count else math.nan,
            "mean_length": float(self._lengths[:count].mean()) if count else math.nan,
            "updates": int(self._model._n_updates),
            "critic_loss": critic,
            "actor_loss": actor,
            "entropy_coefficient": entropy,
        }

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Return the greedy action of one observation."""
        return self._model.predict(observation, deterministic=True)[0]

    def measure(self, steps: int, learning_starts: int) -> None:
        """Learn for that many steps with another number of random ones first, whatever the losses are."""
        model = self._model
        kept = model.learning_starts, model.train
        model.learning_starts, model.train = learning_starts, self._train
        self.learn(steps)
        model.learning_starts, model.train = kept

    def close(self) -> None:
        """Release the environments."""
        self._model.env.close()

    def _networks(self) -> list[Any]:
        return [self._model.policy.actor_state, self._model.policy.qf_state, self._model.ent_coef_state]

    def _put_networks(self, networks: list[Any]) -> None:
        self._model.policy.actor_state, self._model.policy.qf_state, self._model.ent_coef_state = networks

    def _begin_episodes(self, step: int) -> None:
        number = int(np.random.SeedSequence([self._seed, step]).generate_state(1)[0]) >> 1  # the copies count from it
        self._model.env.seed(number)
        self._model.action_space.seed(number)
        self._model._last_obs = None  # SBX resets the environments
        self._current_return = np.zeros(self._model.n_envs)
        self._current_length = np.zeros(self._model.n_envs, np.int64)

    def _count(self, names: dict[str, Any], _: dict[str, Any]) -> bool:
        """Count episodes; called by SBX after every step with its local variables."""
        self._current_return += names["rewards"]
        self._current_length += 1
        for index in np.flatnonzero(names["dones"]):
            slot = self._episodes % WINDOW
            self._returns[slot], self._lengths[slot] = self._current_return[index], self._current_length[index]
            self._current_return[index], self._current_length[index] = 0, 0
            self._episodes += 1
        return True

    def _train_and_check(self, gradient_steps: int, batch_size: int) -> None:
        self._train(gradient_steps, batch_size)
        values = np.asarray([self._model.logger.name_to_value[f"train/{name}"] for name in LOSSES])
        if not np.isfinite(values).all():
            name = LOSSES[int(np.argmin(np.isfinite(values)))]
            raise NotFiniteError(
                f"{name} of seed {self._seed} is no longer finite (NaN or Inf) at step {self._model.num_timesteps}; a "
                "lower learning_rate often helps"
            )
        self._sums += values
        self._phases += 1


@contextmanager
def _numpy_state(state: dict[str, Any] | None) -> Iterator[Any]:
    """Let NumPy's global generator be one seed's own: SBX draws from it, and seeds must not share it.

    Gives a function that returns the generator's state.
    """
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    try:
        if state is not None:
            np.random.set_state(state)  # noqa: NPY002
        yield lambda: np.random.get_state(legacy=False)  # noqa: NPY002
    finally:
        np.random.set_state(before)  # noqa: NPY002
