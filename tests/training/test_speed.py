"""What is timed where a run says how long it will take."""

import jax
import jax.numpy as jnp

from accumbens.training import trainer as module
from accumbens.training.config import resolve_config
from accumbens.training.plan import make_agent_and_plan
from accumbens.training.trainer import Trainer

TINY = {"net_arch": "6,5", "num_envs": "2", "rollout_length": "4", "num_minibatches": "1", "epochs": "1"}


def test_the_clock_starts_when_the_state_is_there(monkeypatch):
    trainer = Trainer(resolve_config("CartPole-v1", "ad_pqn", total_timesteps=640, changes=TINY))
    trainer.compile()
    late, seen = trainer._late(), []

    @jax.jit
    def slow(x):  # half a second or more, as filling a large replay memory
        return x + 0 * jax.lax.fori_loop(0, 30, lambda _, y: jnp.tanh(y @ y), jnp.ones((1000, 1000)))[0, 0]

    jax.block_until_ready(slow(jnp.float32(0)))
    iteration = slow(late.iteration.astype(jnp.float32)).astype(jnp.int32)
    state = late._replace(iteration=iteration)
    monkeypatch.setattr(trainer, "_late", lambda: state)
    clock = module.time.perf_counter

    def looked_at():
        seen.append(not iteration.is_deleted() and iteration.is_ready())
        return clock()

    monkeypatch.setattr(module.time, "perf_counter", looked_at)
    assert trainer.measure_speed() > 0
    assert seen[0]


def notes(env, **changes):
    config = resolve_config(env, "ad_pqn", total_timesteps=640, changes=TINY | changes)
    return [note for note in make_agent_and_plan(config)[1].notes if "discretisation" in note]


def test_discrete_actions_are_not_made_so():
    said = ["discretisation=factored changes nothing: the actions of CartPole-v1 are discrete"]
    assert notes("CartPole-v1", discretisation="factored") == said
    assert notes("CartPole-v1") == []
