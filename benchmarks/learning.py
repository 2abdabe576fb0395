"""Learning alone, for the benchmarks that time it."""

import time

import jax
import jax.numpy as jnp

from accumbens.training.trainer import Trainer


class Learning:
    """A run that learns, from half way through on, once it has begun; everything is compiled.

    Attributes:
        trainer: of the run.
        compile_seconds: what compiling took.
    """

    def __init__(self, trainer: Trainer):
        """Compile."""
        self.trainer = trainer
        begin = time.perf_counter()
        trainer.compile()
        self.compile_seconds = time.perf_counter() - begin

    def begin(self) -> "Learning":
        """Learn a first block, and return itself."""
        trainer = self.trainer
        # Of a replay not one step is played: it is zeros, which costs about as much (ad_dqn on hopper-hop: 7 % less).
        self._state = jax.block_until_ready(trainer.init()._replace(iteration=jnp.int32(trainer.plan.blocks // 2)))
        self.learn(trainer.plan.steps_per_block)
        return self

    def learn(self, steps: int) -> int:
        """Learn from about so many steps of each seed, a whole number of blocks; return the steps of all seeds."""
        blocks = max(1, round(steps / self.trainer.plan.steps_per_block))
        self._state, metrics = self.trainer.chunk(self._state, blocks)
        jax.block_until_ready((self._state, metrics))
        if (metrics.first_bad_block >= 0).any():
            raise SystemExit("stopped being finite")
        return blocks * self.trainer.plan.steps_per_block * self.trainer.config.seeds
