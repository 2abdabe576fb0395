"""Independent Q-learning from data, with a conservative term.

    L = (r + γ Q_target(o', argmax_a Q(o', a)) - Q(o, a))² / 2 + α (log Σ_b exp Q(o, b) - Q(o, a))

of each agent by itself, where maximum and sum go over legal actions. The dead learn as well: what the team still earns
is theirs, and the values of the living are made of it.

Reference: Kumar et al. (2020), "Conservative Q-learning", eq. 4 with the entropy regulariser; as a baseline of offline
learning of several agents Formanek et al. (2024), "Dispelling the mirage of progress in offline MARL".
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Integer

from accumbens.agents.optimiser import cell_optimiser
from accumbens.envs.teams.protocol import TeamFacts
from accumbens.runs.streams import Stream, stream_key
from accumbens.td.targets import double_q
from accumbens.teams.acting import policy_of_values
from accumbens.teams.action_values import values_of
from accumbens.teams.learner import Learner, SeedState, added, no_losses
from accumbens.teams.model import ILLEGAL
from accumbens.teams.settings import ConservativeSettings
from accumbens.teams.windows import Data, Transitions, draw_transitions

LOSSES = ("learning_loss", "td_loss", "conservative_loss")


class Memory(NamedTuple):
    """What is kept beside the networks.

    Attributes:
        target: the target networks.
        optimiser: its memory.
    """

    target: Any
    optimiser: Any


def make_conservative(settings: ConservativeSettings, facts: TeamFacts) -> Learner:
    """Return the learner of independent action values from data."""
    values, agents = values_of(settings.shared, settings.layers, facts), len(facts.agents)
    one = cell_optimiser("adam", lambda count: settings.learning_rate, settings.max_grad_norm, 0.9, 0.999)
    opt_init, opt_update = (one.init, one.update) if settings.shared else (jax.vmap(one.init), jax.vmap(one.update))
    read = jax.vmap(values.read, in_axes=(None, 0))

    def init(seed: Integer[Array, ""]) -> SeedState:
        networks = values.init(stream_key(seed, Stream.PARAMETERS, 0))
        return SeedState(networks, Memory(networks, opt_init(networks)), no_losses(LOSSES))

    def loss(networks: Any, target: Any, batch: Transitions) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        online = read(networks, batch.observation)
        taken = jnp.take_along_axis(online, batch.action[..., None], axis=-1)[..., 0]
        following, of_target = (
            jnp.where(batch.next_legal, read(net, batch.next_observation), ILLEGAL) for net in (networks, target)
        )
        terminated = jnp.broadcast_to(batch.terminated[:, None], batch.reward.shape)
        goal = jax.lax.stop_gradient(double_q(batch.reward, terminated, following, of_target, settings.discount))
        td = 0.5 * jnp.square(goal - taken).mean()
        above = jax.nn.logsumexp(jnp.where(batch.legal, online, ILLEGAL), axis=-1) - taken
        conservative = above.mean()
        total = td + settings.conservative * conservative
        parts: dict[str, Float[Array, ""]] = dict(zip(LOSSES, (total, td, conservative), strict=True))
        return total * (1 if settings.shared else agents), parts

    def update(state: SeedState, data: Data, seed: Integer[Array, ""], number: Int[Array, ""]) -> SeedState:
        batch = draw_transitions(data, settings.batch_size, stream_key(seed, Stream.LEARNING, number))
        networks, (target, memory) = state.networks, state.memory
        gradient, parts = jax.grad(loss, has_aux=True)(networks, target, batch)
        changes, memory = opt_update(gradient, memory, networks)
        networks = optax.apply_updates(networks, changes)
        target = optax.incremental_update(networks, target, settings.target_rate)
        return SeedState(networks, Memory(target, memory), added(state.losses, parts))

    def measure(
        state: SeedState, data: Data, seed: Integer[Array, ""], number: Int[Array, ""]
    ) -> dict[str, Float[Array, ""]]:
        batch = draw_transitions(data, settings.batch_size, stream_key(seed, Stream.EVALUATION, number))
        q = jnp.where(batch.legal, read(state.networks, batch.observation), ILLEGAL)
        return {"mean_value": q.max(axis=-1).mean()}

    return Learner(
        init=init,
        update=update,
        measure=measure,
        losses=LOSSES,
        measures=("mean_value",),
        policy=policy_of_values(values.read),
        params=lambda networks, target: networks,
    )
