"""What the agents of cells have in common, whatever their learner: it is given once, and made an agent of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optax

from accumbens.agents import network
from accumbens.agents.protocol import Agent, EnvironmentFacts
from accumbens.agents.settings import AgentSettings
from accumbens.td.exploration import linear_epsilon


@dataclass(frozen=True)
class Parts:
    """What a learner is built with.

    Attributes:
        settings: of the agent.
        env: the environment's static facts.
        total_steps: environment steps of the run, all environments counted.
        schedule: of the learning rate, over updates.
        encode: from observations to the stack's input.
        optimiser: of every cell.
    """

    settings: Any
    env: EnvironmentFacts
    total_steps: int
    schedule: optax.Schedule
    encode: Callable
    optimiser: optax.GradientTransformation

    def agent(
        self,
        *,
        init: Callable,
        learn: Callable,
        network_of: Callable,
        with_network: Callable,
        rollout_length: int,
        updates_at: Callable[[int], int],
        learning_starts: int = 0,
        cut_off: Callable = lambda state, iteration: state,
    ) -> Agent:
        """Return the agent; what is its learner's own is as in `Agent`.

        Args:
            init: see `Agent`.
            learn: see `Agent`.
            network_of: the agent's `network`.
            with_network: see `Agent`.
            rollout_length: see `Agent`.
            updates_at: see `Agent`.
            learning_starts: environment steps before ε decays.
            cut_off: see `Agent`; by default what is learned from does not tell.
        """
        settings, env = self.settings, self.env
        decay = round(settings.epsilon_fraction * self.total_steps)
        return Agent(
            init=init,
            init_memory=lambda num_envs: network.init_memory(settings, env, num_envs),
            act=network.make_act(settings, env, self.encode),
            learn=learn,
            epsilon=lambda step: linear_epsilon(
                step, settings.epsilon_start, settings.epsilon_end, learning_starts, decay
            ),
            learning_rate=self.schedule,
            network=network_of,
            with_network=with_network,
            num_envs=settings.num_envs,
            rollout_length=rollout_length,
            num_cells=network.num_predicting_cells(settings),
            cell_weights=network.cell_weights(settings),
            updates_at=updates_at,
            cut_off=cut_off,
        )


def make_parts(settings: AgentSettings, env: EnvironmentFacts, total_steps: int, total_updates: int) -> Parts:
    """Return what a learner is built with; `total_updates`, at least one, are what the schedule is spread over."""
    schedule = network.learning_rate_schedule(settings, max(1, total_updates))
    encode, optimiser = network.make_encoder(settings, env), network.make_optimiser(settings, schedule)
    return Parts(settings, env, total_steps, schedule, encode, optimiser)
