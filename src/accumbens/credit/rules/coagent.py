"""Coagents that learn by REINFORCE: every unit is told one number, how well the whole network did."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.credit.networks.coagent import Chosen, CoagentNetwork, Episode
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.rules.coagent_baselines import make_baseline
from accumbens.credit.rules.coagent_checks import check_coagent
from accumbens.credit.settings import CoagentSettings


class CoagentMemory(NamedTuple):
    """What the rule keeps.

    Attributes:
        baseline: its state.
        key: of the units that draw in an epoch.
    """

    baseline: Any
    key: PRNGKeyArray


def make_coagent(settings: CoagentSettings, facts: TaskFacts) -> Rule:
    """Return the rule: dθ_j = -E[(R - b) ∇ ln π_j(a_j | o_j)] for the j-th coagent, with reward R = -loss.

    The paper's equation (1) and what follows from it, section 2. An output coagent that draws nothing descends the loss
    itself. The released code has ln(π + 1e-5) of discrete units; here it is ln π, and the gradient has no bias.

    Raises:
        AccumbensError: settings that exclude one another.
    """
    check_coagent(settings)
    baseline = make_baseline(settings)

    def init(key: PRNGKeyArray) -> tuple[CoagentNetwork, CoagentMemory]:
        network_key, memory_key = jax.random.split(key)
        network = CoagentNetwork.create(settings, facts, network_key)
        return network, CoagentMemory(baseline.init(network), memory_key)

    def update(network: CoagentNetwork, memory: CoagentMemory, batch: Batch, key: PRNGKeyArray) -> Update:
        chosen = chosen_units(network, settings, memory.key, batch.epoch)

        def surrogate(network: CoagentNetwork) -> tuple[Float[Array, ""], tuple[Episode, Float[Array, "drawn batch"]]]:
            episode = network.play(batch.x, key, settings.samples, chosen)
            loss = network.loss(episode.outputs, batch.y)
            rewards = -jax.lax.stop_gradient(loss)
            objective = loss.mean()
            for step, value in zip(episode.steps, baseline.values(memory.baseline, episode.steps), strict=True):
                objective -= ((rewards - value) * step.log_probability).mean()
            return objective, (episode, rewards)

        gradients, (episode, rewards) = jax.grad(surrogate, has_aux=True)(network)
        learned = baseline.learn(memory.baseline, episode.steps, [rewards] * len(episode.steps))
        memory = memory._replace(baseline=learned)
        return Update(gradients, memory, -rewards.mean())

    return Rule(init, update)


def chosen_units(
    network: CoagentNetwork, settings: CoagentSettings, key: PRNGKeyArray, epoch: Int[Array, ""]
) -> Chosen:
    """Return for every layer which units draw: `stochastic_units` of each at random, none of those whose stage is over.

    Args:
        network: with its layers.
        settings: how many draw, and how long.
        key: of the choice.
        epoch: which pass through the data this is; each has a choice of its own.
    """
    number, stage = settings.stochastic_units, settings.stage_epochs
    if number is None and stage is None:
        return None
    key, chosen, stages = jax.random.fold_in(key, epoch), [], 0
    for place, layer in enumerate(network.layers[:-1]):
        if not layer.draws:
            chosen.append(None)
            continue
        stages += 1
        draws = jnp.ones(layer.units, bool) if stage is None else jnp.full(layer.units, epoch < stages * stage)
        if number is not None:
            rank = jax.random.uniform(jax.random.fold_in(key, place), (layer.units,))
            draws &= rank <= jnp.sort(rank)[number - 1]
        chosen.append(draws)
    return (*chosen, None)
