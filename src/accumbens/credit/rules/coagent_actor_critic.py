"""Coagents with critics: a coagent is told what the critic of the next one makes of what it did."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit.networks.coagent import CoagentNetwork, Episode
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.rules.coagent_baselines import linear_values
from accumbens.credit.rules.coagent_checks import check_actor_critic
from accumbens.credit.rules.coagent_critics import CriticState, make_critics
from accumbens.credit.settings import CoagentActorCriticSettings


class ActorCriticMemory(NamedTuple):
    """What the rule keeps.

    Attributes:
        critics: their state.
        values: state of V, if it is subtracted.
    """

    critics: CriticState
    values: Any


def make_coagent_actor_critic(settings: CoagentActorCriticSettings, facts: TaskFacts) -> Rule:
    """Return the rule: dθ_j = -E[w_j ∇ ln π_j(a_j | o_j)] with a weight w_j that critics give (the paper, section 4.1).

    Critics are visited from the last coagent to the first. Each takes a step towards the reward, or towards
    Q_{j+1}(o_{j+1}, a') by the critic of the next coagent, which has taken its step already. The action a' is the one
    taken (on-policy), the likeliest (off-policy, as in the released code), or the best of several: the paper's
    max_a' Q_{j+1} goes over all joint actions of a layer, 2^64 of them, so it is taken over those that the next coagent
    may well choose: the one taken, the likeliest, and some that it draws in addition.

    As in the released code the weight is what the critic learns towards; in the paper it is Q_j(o_j, a_j) - V_j(o_j),
    where Q_j is the critic after its step and V_j linear in o_j and learned towards Q_j(o_j, a_j). An output coagent
    that draws has no critic: its Q is the reward.

    Raises:
        AccumbensError: settings that exclude one another.
    """
    check_actor_critic(settings)
    critics = make_critics(settings)
    values = linear_values(settings.learning_rate, own_input=True)

    def init(key: PRNGKeyArray) -> tuple[CoagentNetwork, ActorCriticMemory]:
        network_key, critic_key = jax.random.split(key)
        network = CoagentNetwork.create(settings, facts, network_key)
        subtracted = values.init(network) if settings.policy_weight == "advantage" else ()
        return network, ActorCriticMemory(critics.init(network, critic_key), subtracted)

    def update(network: CoagentNetwork, memory: ActorCriticMemory, batch: Batch, key: PRNGKeyArray) -> Update:
        def act(network: CoagentNetwork) -> tuple[tuple[list[Array], Float[Array, "drawn batch"]], Episode]:
            episode = network.play(batch.x, key)
            scores = [step.log_probability for step in episode.steps]
            return (scores, network.loss(episode.outputs, batch.y)), episode

        (_, loss), pull_back, episode = jax.vjp(act, network, has_aux=True)
        steps, rewards = episode.steps, -loss
        state, targets = critics.learn(
            memory.critics, network.coagents(), steps, rewards, jax.random.fold_in(key, len(network.layers))
        )
        weights, subtracted = [*targets, rewards][: len(steps)], memory.values
        if settings.policy_weight == "advantage":
            critic_of = dict(enumerate(state.critics))
            action_values = [
                critic_of[place](step.observation, step.action) if place in critic_of else rewards
                for place, step in enumerate(steps)
            ]
            weights = [q - v for q, v in zip(action_values, values.values(subtracted, steps), strict=True)]
            subtracted = values.learn(subtracted, steps, action_values)
        signals = [-weight / weight.size for weight in weights]
        (gradients,) = pull_back((signals, jnp.full_like(loss, 1 / loss.size)))
        return Update(gradients, ActorCriticMemory(state, subtracted), loss.mean())

    return Rule(init, update)
