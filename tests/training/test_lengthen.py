"""A run made longer goes on with the replay buffer that it has."""

import dataclasses

import jax
import pytest

from accumbens.training.config import resolve_config
from accumbens.training.lengthen import lengthened
from accumbens.training.plan import make_agent_and_plan

SHORT, LONG = 100_000, 300_000


@pytest.mark.parametrize("algo", ["ad_pqn", "ad_dqn", "ad_dqn_lambda"])
def test_what_the_checkpoint_holds_keeps_its_shape(algo):
    config = resolve_config("CartPole-v1", algo, total_timesteps=SHORT)
    (agent, plan), (longer, notes) = make_agent_and_plan(config), lengthened(config, LONG)
    after, _ = make_agent_and_plan(longer)
    shapes = [jax.eval_shape(made.init, jax.random.key(0)) for made in (agent, after)]
    assert jax.tree.leaves(shapes[0]) == jax.tree.leaves(shapes[1])
    assert longer.total_timesteps == LONG
    kept = f"the replay buffer keeps its {plan.replay_rows:,} steps, which were all that the shorter run could fill"
    assert (kept in notes) == (algo != "ad_pqn")
    others = {"settings": config.settings, "total_timesteps": SHORT}
    assert dataclasses.replace(longer, **others) == config
