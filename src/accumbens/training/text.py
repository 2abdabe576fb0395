"""Language agents through the session: the seeds of a run are trained one after the other, block by block."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.agents.token_policy import Networks
from accumbens.agents.token_ppo import TokenMetrics
from accumbens.agents.token_settings import TokenSettings
from accumbens.errors import AccumbensError
from accumbens.generator import make_key
from accumbens.runs.directory import RunDirectory
from accumbens.runs.health import NotFiniteError
from accumbens.training.config import RunConfig
from accumbens.training.evaluate import EVALUATION_SEED, LONGEST_EPISODE, Evaluation
from accumbens.training.job import AgentJob
from accumbens.training.plan import Plan, chunk_blocks
from accumbens.training.text_agent import from_table, learned_shapes, to_table, vocabulary_of
from accumbens.training.text_learner import TextLearner, TextSeed, make_copies
from accumbens.training.text_model import language_of
from accumbens.training.text_player import Programs

OF_EPISODES = ("episodes", "mean_return", "mean_discounted_return", "mean_length")


class TextState(NamedTuple):
    """Everything a run is: all seeds, and the blocks done."""

    seeds: list[TextSeed]
    iteration: int


class TextTrainer(AgentJob[TextState]):
    """A language agent in one environment.

    The environments are brought back to where they were by doing their episodes again: a run that is resumed gives the
    numbers of one that was not interrupted, to the bit.
    """

    leaves_of_any_length = (".places",)

    def __init__(self, config: RunConfig, settings: TokenSettings):
        """Make models and environments for every seed; nothing is compiled yet.

        Raises:
            AccumbensError: the environment tells no texts, or the model cannot be read.
        """
        super().__init__(config, make_text_plan(config, settings))
        self.num_cells = 1
        self.columns = [*OF_EPISODES, "learning_rate", "updates", *TokenMetrics._fields, "tokens"]
        self._settings = settings
        language = language_of(settings, config.env)
        self._vocabulary = vocabulary_of(language)
        programs = Programs(language)
        self.learners = [TextLearner(config.env, language, programs, seed) for seed in self.seeds]
        self._evaluation: Any = None

    def recorded(self) -> dict[str, Any]:
        """Return the vocabulary, which `meta.json` keeps: networks mean nothing without it."""
        return {"vocabulary": to_table(self._vocabulary)}

    def restore(self, runs: Sequence[RunDirectory], warn: Callable[[str], None]) -> TextState:
        """Return the state of the newest good checkpoint.

        Raises:
            AccumbensError: there is none, or the environment tells other words than it did.
        """
        for run in runs:
            self.require_continues(run)
        return super().restore(runs, warn)

    def require_continues(self, run: RunDirectory) -> None:
        """Refuse an environment that tells other words than it did when the run was started.

        Raises:
            AccumbensError: says so.
        """
        there = run.read_meta().get("vocabulary")
        if there is not None and from_table(there) != self._vocabulary:
            raise AccumbensError(
                f"{self.config.env} tells other words now than those that {run.path} was trained with: what its "
                "network has learned of them means nothing here"
            )

    require_begins_from = require_continues

    def init(self) -> TextState:
        """Return the run before its first step."""
        return TextState([learner.init() for learner in self.learners], 0)

    def run_blocks(
        self, state: TextState, blocks: int, warn: Callable[[str], None]
    ) -> tuple[TextState, list[dict[str, Any]]]:
        """Run that many blocks.

        Returns:
            the state, and for each seed a row with `columns`: means over these blocks, and the tokens written in them.

        Raises:
            NotFiniteError: a loss stopped being finite.
        """
        seeds, rows = [], []
        for learner, seed in zip(self.learners, state.seeds, strict=True):
            found, tokens = [], 0
            for iteration in range(state.iteration, state.iteration + blocks):
                seed, metrics, written = learner.block(seed, iteration)
                found.append(metrics)
                tokens += written
            row = {name: float(np.mean([getattr(one, name) for one in found])) for name in TokenMetrics._fields}
            row |= dict(zip(OF_EPISODES, (seed.episodes.completed, *seed.episodes.means()), strict=True))
            row |= {"learning_rate": self._settings.learning_rate, "updates": int(seed.learner.updates)}
            rows.append({column: (row | {"tokens": tokens})[column] for column in self.columns})
            seeds.append(seed)
        return TextState(seeds, state.iteration + blocks), rows

    def play(self, state: TextState, epsilon: float = 0.0) -> Evaluation:
        """Play, `epsilon` of the actions at random; all seeds and every evaluation meet the same first states."""
        played = [self._play(learner, seed, epsilon) for learner, seed in zip(self.learners, state.seeds, strict=True)]
        returns, lengths, ended = (np.stack(part)[:, None] for part in zip(*played, strict=True))
        return Evaluation(jnp.asarray(returns, jnp.float32), jnp.asarray(lengths, jnp.int32), jnp.asarray(~ended))

    def _play(self, learner: TextLearner, seed: TextSeed, epsilon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        count = self.config.num_eval_episodes
        if self._evaluation is None:
            self._evaluation = make_copies(self.config.env, self._settings, count, EVALUATION_SEED)
            self._beginning = self._evaluation.places()
        copies, random = self._evaluation, np.random.default_rng(EVALUATION_SEED)
        copies.restore(self._beginning)
        player = learner.player(seed)
        returns, lengths, ended = np.zeros(count), np.zeros(count, int), np.zeros(count, bool)
        while not ended.all() and lengths.max() < LONGEST_EPISODE:
            turns = player.turns(copies.observations, copies.admissible, make_key(0), greedy=True)
            texts = [turn.text for turn in turns]
            for copy in np.flatnonzero(random.random(count) < epsilon):
                actions = copies.admissible[copy]
                texts[copy] = actions[random.integers(len(actions))]
            answer = copies.step(texts)
            returns += np.where(ended, 0.0, answer.reward)
            lengths += ~ended
            ended = ended | answer.terminated | answer.truncated
        return returns, lengths, ended

    def networks(self, state: TextState) -> Networks:
        """Return what every seed has learned, with a leading axis of seeds."""
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(seed.learner.learned for seed in state.seeds))

    def begin_from(self, state: TextState, networks: Networks) -> TextState:
        """Return a first state with other networks; the optimisers are those of a beginning."""
        seeds = []
        for index, seed in enumerate(state.seeds):
            learned = jax.tree.map(lambda leaf, index=index: jnp.asarray(leaf)[index], networks)
            target = None if seed.learner.target is None else jax.tree.map(jnp.copy, learned.critic)
            seeds.append(seed._replace(learner=seed.learner._replace(learned=learned, target=target)))
        return state._replace(seeds=seeds)

    def require_finite_parameters(self, state: TextState) -> None:
        """Raise if a parameter is not finite.

        Raises:
            NotFiniteError: names the seed.
        """
        for seed, found in zip(self.seeds, state.seeds, strict=True):
            if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found.learner.learned)):
                step = self.step_of(state)
                raise NotFiniteError(f"a parameter of seed {seed} is no longer finite (NaN or Inf) at step {step}")

    def step_of(self, state: TextState) -> int:
        """Return the environment steps each seed has done."""
        return state.iteration * self.plan.steps_per_block

    def close(self) -> None:
        """Close the environments."""
        for learner in self.learners:
            learner.close()
        if self._evaluation is not None:
            self._evaluation.close()


def make_text_plan(config: RunConfig, settings: TokenSettings) -> Plan:
    """Return the sizes of a run of a language agent.

    Raises:
        AccumbensError: the environment tells no texts, or the model cannot be read.
    """
    language = language_of(settings, config.env)

    networks = learned_shapes(language)
    steps_per_block = settings.num_envs * settings.rollout_length
    blocks = -(-config.total_timesteps // steps_per_block)
    return Plan(
        steps_per_block=steps_per_block,
        blocks=blocks,
        chunk_blocks=chunk_blocks(blocks),
        updates=blocks * settings.epochs * settings.num_minibatches,
        cell_parameters=[
            sum(leaf.size for leaf in jax.tree.leaves(part)) for part in (networks.policy, networks.critic)
        ],
        replay_bytes=0,
        replay_rows=0,
    )
