"""Soft actor-critic through SBX: the seeds of a run are trained one after the other, chunk by chunk."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.agents.settings import SACSettings
from accumbens.envs.continuous import make_continuous
from accumbens.runs.health import NotFiniteError
from accumbens.training.config import RunConfig
from accumbens.training.evaluate import EVALUATION_SEED, LONGEST_EPISODE, Evaluation
from accumbens.training.job import MeasuredJob
from accumbens.training.plan import make_sac_plan
from accumbens.training.sac_learner import SACLearner, SACSeed, require_sac

_MEASURED_BLOCKS = 20


class SACState(NamedTuple):
    """Everything a run is: all seeds, and the blocks done."""

    seeds: list[SACSeed]
    iteration: int


class SACTrainer(MeasuredJob[SACState]):
    """SAC on one environment.

    The state of the simulators cannot be saved: a run that is resumed begins new episodes, so its result is not that of
    an uninterrupted run to the bit.
    """

    def __init__(self, config: RunConfig, settings: SACSettings):
        """Make a model and environments for every seed; nothing is compiled yet.

        Raises:
            AccumbensError: SBX is not installed, or the environment cannot be used.
        """
        require_sac()
        super().__init__(config, make_sac_plan(config, settings))
        self.num_cells = 1
        self.columns = ["episodes", "mean_return", "mean_length", "epsilon", "learning_rate", "updates"]
        self.columns += ["critic_loss", "actor_loss", "entropy_coefficient"]
        self._settings = settings
        self._learners = [SACLearner(config.env, settings, self.total, seed) for seed in self.seeds]
        for learner in self._learners[1:]:
            learner.share_programs(self._learners[0])
        self._evaluation_env = make_continuous(config.env)

    def init(self) -> SACState:
        """Return the run before its first step."""
        return SACState([learner.init() for learner in self._learners], 0)

    def restored(self, state: SACState) -> SACState:
        """Return a state that was read from a checkpoint; new episodes begin."""
        for learner, seed in zip(self._learners, state.seeds, strict=True):
            learner.put(seed, self.step_of(state))
        return state

    def run_blocks(
        self, state: SACState, blocks: int, warn: Callable[[str], None]
    ) -> tuple[SACState, list[dict[str, Any]]]:
        """Run that many blocks.

        Returns:
            the state, and for each seed a row with `columns`; ε is the part of the last block's actions that were drawn
            uniformly.

        Raises:
            NotFiniteError: a loss stopped being finite.
        """
        last_block = (state.iteration + blocks - 1) * self.plan.steps_per_block
        epsilon = float(last_block < self._settings.learning_starts)
        rows = []
        for learner in self._learners:
            row = learner.learn(blocks * self.plan.steps_per_block)
            row |= {"epsilon": epsilon, "learning_rate": self._settings.learning_rate}
            rows.append({column: row[column] for column in self.columns})
        return SACState([learner.state() for learner in self._learners], state.iteration + blocks), rows

    def play(self, state: SACState, epsilon: float = 0.0) -> Evaluation:
        """Play, `epsilon` of the actions at random; all seeds and every evaluation meet the same first states."""
        played = np.asarray([self._play(learner, epsilon) for learner in self._learners])
        returns, lengths, cut = (played[:, None, :, part] for part in range(3))
        return Evaluation(jnp.asarray(returns, jnp.float32), jnp.asarray(lengths, jnp.int32), jnp.asarray(cut, bool))

    def _play(self, learner: SACLearner, epsilon: float) -> list[tuple[float, int, bool]]:
        env = self._evaluation_env
        draw = np.random.default_rng(EVALUATION_SEED)
        env.action_space.seed(EVALUATION_SEED)
        limit = (env.spec.max_episode_steps if env.spec else None) or LONGEST_EPISODE
        episodes = []
        for seed in np.random.SeedSequence(EVALUATION_SEED).generate_state(self.config.num_eval_episodes).tolist():
            observation, _ = env.reset(seed=seed)
            total, length, ended = 0.0, 0, False
            while not ended and length < limit:
                at_random = draw.random() < epsilon
                action = env.action_space.sample() if at_random else learner.act(observation)
                observation, reward, terminated, truncated, _ = env.step(action)
                total, length, ended = total + float(reward), length + 1, terminated or truncated
            episodes.append((total, length, not ended))
        return episodes

    def networks(self, state: SACState) -> Any:
        """Return the parameters of every seed's actor and critics."""
        return [[network.params for network in of_seed.networks] for of_seed in state.seeds]

    def require_finite_parameters(self, state: SACState) -> None:
        """Raise if a parameter is not finite.

        Raises:
            NotFiniteError: names the seed.
        """
        for seed, parameters in zip(self.seeds, self.networks(state), strict=True):
            if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(parameters)):
                step = self.step_of(state)
                raise NotFiniteError(f"a parameter of seed {seed} is no longer finite (NaN or Inf) at step {step}")

    def step_of(self, state: SACState) -> int:
        """Return the environment steps each seed has done."""
        return state.iteration * self.plan.steps_per_block

    def compile(self) -> None:
        """Compile learning by doing some, which is forgotten."""
        self._learners[0].measure(2 * self.plan.steps_per_block, learning_starts=0)
        self._learners[0].init()

    def measure_speed(self) -> float:
        """Return blocks per second while learning; what was learned is forgotten."""
        learner, steps = self._learners[0], self.plan.steps_per_block
        begin = time.perf_counter()
        learner.measure(_MEASURED_BLOCKS * steps, learning_starts=0)
        seconds = time.perf_counter() - begin
        learner.init()
        return _MEASURED_BLOCKS / seconds / len(self._learners)

    def close(self) -> None:
        """Release the environments."""
        for learner in self._learners:
            learner.close()
        self._evaluation_env.close()
