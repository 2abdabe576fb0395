"""Coagents that learn what each of their actions is worth, and mostly take the best."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit.networks.coagent import CoagentNetwork
from accumbens.credit.networks.coagent_units import Preferences
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.rules.coagent_checks import check_action_value
from accumbens.credit.settings import CoagentActionValueSettings


def make_coagent_action_value(settings: CoagentActionValueSettings, facts: TaskFacts) -> Rule:
    """Return the rule: every unit's Q(o, a) of the action it took descends (target - Q(o, a))².

    After the paper's appendix on action values and the released code. The target is the reward R = -loss
    (Monte Carlo), or (R + Q')/2, where Q' is what the next unit of the same layer makes of the action that it took
    (sarsa) or of its best action (q); the last unit of a layer has R. The output layer is linear and descends the loss.

    Raises:
        AccumbensError: settings that exclude one another.
    """
    check_action_value(settings)

    def init(key: PRNGKeyArray) -> tuple[CoagentNetwork, tuple[()]]:
        return CoagentNetwork.create(settings, facts, key), ()

    def update(network: CoagentNetwork, memory: tuple[()], batch: Batch, key: PRNGKeyArray) -> Update:
        def objective(network: CoagentNetwork) -> tuple[Float[Array, ""], Float[Array, ""]]:
            episode = network.play(batch.x, key)
            loss = network.loss(episode.outputs, batch.y)
            errors = loss.mean()
            for values in [step.preferences for step in episode.steps if step.preferences is not None]:
                target = jax.lax.stop_gradient(targets(values, -loss))
                errors += jnp.square(target - values.taken).sum(axis=-1).mean()
            return errors, loss.mean()

        gradients, loss = jax.grad(objective, has_aux=True)(network)
        return Update(gradients, memory, loss)

    def targets(values: Preferences, rewards: Float[Array, "drawn batch"]) -> Float[Array, "drawn batch units"]:
        reward = jnp.broadcast_to(rewards[..., None], values.taken.shape)
        if settings.value_target == "monte-carlo":
            return reward
        following = (values.taken if settings.value_target == "sarsa" else values.best)[..., 1:]
        return jnp.concatenate([(reward[..., 1:] + following) / 2, reward[..., -1:]], axis=-1)

    return Rule(init, update)
