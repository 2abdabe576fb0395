"""A run made longer goes on with the replay buffer that it has."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from accumbens.training.config import resolve_config
from accumbens.training.lengthen import lengthened
from accumbens.training.plan import make_agent_and_plan

SHORT, LONG = 100_000, 300_000


@pytest.mark.parametrize("algo", ["ad_pqn", "ad_dqn", "ad_dqn_lambda"])
def test_what_the_checkpoint_holds_keeps_its_shape(algo):
    config = resolve_config("CartPole-v1", algo, total_timesteps=SHORT)
    (agent, plan), (longer, notes) = make_agent_and_plan(config), lengthened(config, LONG, SHORT)
    after, _ = make_agent_and_plan(longer)
    shapes = [jax.eval_shape(made.init, jax.random.key(0)) for made in (agent, after)]
    assert jax.tree.leaves(shapes[0]) == jax.tree.leaves(shapes[1])
    assert longer.total_timesteps == LONG
    kept = f"the replay buffer keeps its {plan.replay_rows:,} steps, which were all that the shorter run could fill"
    assert (kept in notes) == (algo != "ad_pqn")
    others = {"settings": config.settings, "total_timesteps": SHORT}
    assert dataclasses.replace(longer, **others) == config


def test_schedules_are_told_of_where_the_run_stands():
    config = resolve_config("CartPole-v1", "ad_pqn", total_timesteps=SHORT)
    (agent, plan), (after, _) = (
        make_agent_and_plan(config),
        make_agent_and_plan(dataclasses.replace(config, total_timesteps=LONG)),
    )
    block = plan.blocks // 10
    step, updates = block * plan.steps_per_block, agent.updates_at(block)
    _, (epsilon, rate) = lengthened(config, LONG, step)
    for note, what, now, then in (
        (epsilon, "ε", agent.epsilon(jnp.int32(step)), after.epsilon(jnp.int32(step))),
        (rate, "the learning rate", agent.learning_rate(jnp.int32(updates)), after.learning_rate(jnp.int32(updates))),
    ):
        assert note == (
            f"{what} had come to {float(now):.3g} at step {step:,}; its schedule is now spread over {LONG:,} steps, so "
            f"it goes on from {float(then):.3g}"
        )
