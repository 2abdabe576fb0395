"""The host loop compiles acting and learning once, however many blocks it runs."""

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.agents import ParallelSettings
from accumbens.training.config import RunConfig
from accumbens.training.trainer import Trainer

SETTINGS = ParallelSettings(net_arch=(4, 3), rank=2, num_envs=2, rollout_length=4, num_minibatches=2, epochs=1)


def test_nothing_is_compiled_twice(monkeypatch):
    traces = []
    plain_jit = jax.jit

    def counting_jit(function, **options):
        def traced(*arguments):
            traces.append(function)
            return function(*arguments)

        return plain_jit(traced, **options)

    monkeypatch.setattr(jax, "jit", counting_jit)
    config = RunConfig(
        env="Pendulum-v1", algo="ad_pqn", total_timesteps=1000, seed=0, seeds=2, eval_frequency=0,
        num_eval_episodes=1, settings=SETTINGS,
    )  # fmt: skip
    trainer = Trainer(config)
    try:
        state = trainer.init()
        state, _ = trainer.chunk(state, 1)
        compiled = len(traces)
        state, _ = trainer.chunk(state, 3)
        state, _ = trainer.chunk(state, 1)
    finally:
        trainer.close()
    assert compiled >= 3
    assert len(traces) == compiled
    assert int(state.iteration) == 5
    assert np.isfinite(jnp.asarray(state.seeds.episodes.current_return)).all()
