"""Policies that learn the actions of data; students, from a teacher too.

A teacher learns first, in updates of its own, and is then a constant. Every layer of every agent's network has an
optimiser of its own, whose clip sees this layer alone; so with local credit nothing of a layer depends on another's
error, and a team that is trained by backpropagation through layers is the same program but for where gradients stop.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Integer, PRNGKeyArray

from accumbens.agents.optimiser import cell_optimiser
from accumbens.envs.teams.protocol import TeamFacts
from accumbens.runs.side_by_side import with_values
from accumbens.runs.streams import Stream, stream_key
from accumbens.teams.acting import Asked, policy_of
from accumbens.teams.learner import Learner, SeedState, added, no_losses
from accumbens.teams.losses import action_loss, divergence, feature_distance, relation, weighted
from accumbens.teams.mapping import make_mapping
from accumbens.teams.model import Policies, Policy, Reading, policies_of
from accumbens.teams.settings import DistilledSettings, PolicySettings
from accumbens.teams.windows import Batch, Data, Scale, draw

MEASURED = 256
"""Windows that validation and angles are of."""


class Networks(NamedTuple):
    """What a run learns.

    Attributes:
        team: the policies; without an axis of agents where they share one.
        teacher: of a distilled team.
        teacher_map: a `MappingNet`, M, which the teacher's features go through; None without, or if it is N.
        team_map: N, which the students' go through.
    """

    team: Any
    teacher: Any = None
    teacher_map: Any = None
    team_map: Any = None


def make_imitation(settings: PolicySettings, facts: TeamFacts, scale: Scale) -> Learner:
    """Return the learner of policies, with a teacher if the settings are of distillation.

    Args:
        settings: of the method.
        facts: of the environment.
        scale: of the data.
    """
    distilled = settings if isinstance(settings, DistilledSettings) else None
    policies, context, batch_size = policies_of(settings, facts), settings.context, settings.batch_size
    taught = policies_of(teacher_settings(settings), facts)
    stacked = not (settings.shared or settings.centralised)
    of_team, of_teacher, plain = (LayerOptimiser(settings, axis) for axis in (stacked, False, False))
    agents = len(facts.agents)

    def init(seed: Integer[Array, ""]) -> SeedState:
        keys = [stream_key(seed, Stream.PARAMETERS, number) for number in range(4)]
        networks = Networks(policies.init(keys[0]))
        if distilled is not None:
            networks = Networks(networks.team, taught.init(keys[1]), *_maps(distilled, keys[2], keys[3]))
        memory = Networks(
            of_team.init(networks.team),
            None if networks.teacher is None else of_teacher.init(networks.teacher),
            *(None if net is None else plain.one.init(net) for net in networks[2:]),
        )
        return SeedState(networks, memory, no_losses(losses))

    def told(networks: Networks, teacher: Any, batch: Batch) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        total, parts = team_loss(settings, policies, taught, networks._replace(teacher=teacher), batch)
        # Of networks of their own each is told what is its own: a mean over agents would make it smaller.
        return total * (agents if stacked else 1), parts

    def update(state: SeedState, data: Data, seed: Integer[Array, ""], number: Int[Array, ""]) -> SeedState:
        batch = draw(data.learned, data, context, batch_size, stream_key(seed, Stream.LEARNING, number))
        if distilled is None:
            return learn(state, batch, number)
        teaching = number < distilled.teacher_updates
        return jax.lax.cond(teaching, teach, learn, state, batch, number)

    def teach(state: SeedState, batch: Batch, number: Int[Array, ""]) -> SeedState:
        def loss(teacher: Policy) -> tuple[Float[Array, ""], Any]:
            return _actions_of_data(_read(taught, teacher, batch), batch)

        gradient, parts = jax.grad(loss, has_aux=True)(state.networks.teacher)
        teacher, memory = of_teacher.update(gradient, state.memory.teacher, state.networks.teacher)
        return SeedState(
            state.networks._replace(teacher=teacher),
            state.memory._replace(teacher=memory),
            added(state.losses, {"teacher_loss": parts["learning_loss"]}),
        )

    def learn(state: SeedState, batch: Batch, number: Int[Array, ""]) -> SeedState:
        teacher = state.networks.teacher
        moving = state.networks._replace(teacher=None)
        gradient, parts = jax.grad(told, has_aux=True)(moving, teacher, batch)
        team, memory = of_team.update(gradient.team, state.memory.team, moving.team)
        networks, memories = moving._replace(team=team, teacher=teacher), state.memory._replace(team=memory)
        if distilled is not None and moving.team_map is not None:
            net, kept = plain.apply(gradient.team_map, memories.team_map, moving.team_map)
            networks, memories = networks._replace(team_map=net), memories._replace(team_map=kept)
        if distilled is not None and moving.teacher_map is not None:
            old = (moving.teacher_map, memories.teacher_map)
            due = (number - distilled.teacher_updates) % distilled.mapping_period == 0
            new = plain.apply(gradient.teacher_map, memories.teacher_map, moving.teacher_map)
            net, kept = jax.tree.map(lambda a, b: jnp.where(due, a, b), new, old)
            networks, memories = networks._replace(teacher_map=net), memories._replace(teacher_map=kept)
        return SeedState(networks, memories, added(state.losses, parts))

    def measure(
        state: SeedState, data: Data, seed: Integer[Array, ""], number: Int[Array, ""]
    ) -> dict[str, Float[Array, ""]]:
        windows = data.held_out if len(data.held_out) else data.learned
        batch = draw(windows, data, context, MEASURED, stream_key(seed, Stream.EVALUATION, number))
        logits = _read(policies, state.networks.team, batch).logits[:, -1]
        known = 1.0 if len(data.held_out) else jnp.nan  # without episodes held out there is nothing to say of them
        right = (jnp.argmax(logits, axis=-1) == batch.action).astype(jnp.float32)
        found = {
            "valid_loss": known * action_loss(logits, batch.action, batch.window.weight),
            "valid_accuracy": known * weighted(right, batch.window.weight),
        }
        if distilled is None:
            return found
        moving, teacher = state.networks._replace(teacher=None), state.networks.teacher
        own = jax.grad(lambda networks: told(networks, teacher, batch)[0])(moving).team
        of_teacher = _read(taught, teacher, batch).logits[:, -1]

        def away(team: Any) -> Float[Array, ""]:  # at every layer that is read: with local credit no other is told
            found = _read(policies, team, batch).logits
            return jax.vmap(divergence, in_axes=(None, 1, None))(of_teacher, found, batch.window.weight).sum()

        central = jax.grad(away)(moving.team)
        degrees = _angles(own, central, stacked)
        return found | {name: degrees[i] for i, name in enumerate(angle_names)}

    def params(networks: Networks, target: float) -> Asked:
        asked, deviation, steps = (jnp.float32(value) for value in (target, scale.deviation, scale.steps))
        return Asked(networks.team, asked, jnp.array(scale.usual, jnp.float32), deviation, steps)

    losses, angle_names = ("learning_loss",), ()
    if distilled is not None:
        losses += ("kl_loss", "relation_loss", "feature_loss", "teacher_loss")
        angle_names = tuple(f"angle_{number}" for number in range(1, (agents if stacked else 1) + 1))
    return Learner(
        init=init,
        update=update,
        measure=measure,
        losses=losses,
        measures=("valid_loss", "valid_accuracy", *angle_names),
        policy=policy_of(policies, facts, context),
        params=params,
        before=0 if distilled is None else distilled.teacher_updates,
    )


def team_loss(
    settings: PolicySettings, policies: Policies, taught: Policies, networks: Networks, batch: Batch
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Return the loss of a team, mean over agents, and its parts at the last readout.

    Args:
        settings: of the method.
        policies: of the team.
        taught: of its teacher, which is a constant here.
        networks: of both.
        batch: windows.
    """
    reading = _read(policies, networks.team, batch)
    total, parts = _actions_of_data(reading, batch)
    if isinstance(settings, DistilledSettings):
        more, of_teacher = _of_teacher(settings, networks, reading, _read(taught, networks.teacher, batch), batch)
        total, parts = total + more, parts | of_teacher
    return total, parts


def teacher_settings(settings: PolicySettings) -> PolicySettings:
    """Return the settings of a team's teacher: what is common, and one network that sees all."""
    names = ("returns", "network", "context", "width", "blocks", "heads", "learning_rate", "batch_size")
    common = {name: getattr(settings, name) for name in (*names, "max_grad_norm", "held_out")}
    return with_values(PolicySettings(centralised=True), common)


def _maps(settings: DistilledSettings, m: PRNGKeyArray, n: PRNGKeyArray) -> tuple[Any, Any]:
    """M and N."""
    if settings.mapping == "none":
        return None, None
    sizes = (settings.width, settings.mapping_width)
    net = make_mapping(*sizes, key=n)
    return (None, net) if settings.mapping == "shared" else (make_mapping(*sizes, key=m), net)


def _read(policies: Policies, networks: Any, batch: Batch) -> Reading:
    """Features and logits `[windows, readouts, steps, agents, ...]`."""
    return jax.vmap(policies.read, in_axes=(None, 0))(networks, batch.window)


def _actions_of_data(reading: Reading, batch: Batch) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The sum over readouts of L_action, and the last one's."""
    each = jax.vmap(action_loss, in_axes=(1, None, None))(reading.logits, batch.action, batch.window.weight)
    return each.sum(), {"learning_loss": each[-1]}


def _of_teacher(
    settings: DistilledSettings, networks: Networks, reading: Reading, teacher: Reading, batch: Batch
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """What a team is told by a teacher, and the parts of it at the last readout."""
    logits, features = jax.lax.stop_gradient((teacher.logits[:, -1], teacher.features[:, -1]))
    own, weight = reading.features[:, -1], batch.window.weight
    each = jax.vmap(divergence, in_axes=(None, 1, None))(logits, reading.logits, weight)
    mapped, mapped_own = mapped_features(networks, features, own)
    others = jax.lax.stop_gradient(mapped_own) if settings.relation_gradient == "own" else None
    related = relation(mapped, mapped_own, weight, others)
    distance = feature_distance(features, own, weight)
    total = settings.beta * each.sum() + settings.alpha * related + settings.feature * distance
    return total, {"kl_loss": each[-1], "relation_loss": related, "feature_loss": distance}


def mapped_features(networks: Networks, teacher: Array, own: Array) -> tuple[Array, Array]:
    """Return what angles are taken of: the teacher's features behind M and the team's behind N, if there are such."""
    n = networks.team_map
    m = n if networks.teacher_map is None else networks.teacher_map
    return (teacher, own) if m is None or n is None else (m(teacher), n(own))


def _angles(one: Policy, other: Policy, stacked: bool) -> Float[Array, " agents"]:
    """The angle between two directions in the parameters of each agent's network, in degrees."""

    def flat(tree: Policy) -> Float[Array, "agents parameters"]:
        leaves = jax.tree.leaves(tree)
        return jnp.concatenate([leaf.reshape(len(leaf) if stacked else 1, -1) for leaf in leaves], axis=1)

    a, b = flat(one), flat(other)
    lengths = jnp.linalg.norm(a, axis=1) * jnp.linalg.norm(b, axis=1)
    return jnp.rad2deg(jnp.arccos(jnp.clip((a * b).sum(axis=1) / lengths, -1.0, 1.0)))


class LayerOptimiser:
    """Adam with a clip, for every layer of every network by itself."""

    def __init__(self, settings: PolicySettings, stacked: bool):
        """Prepare; `stacked` networks have a leading axis of agents."""
        rate, norm = settings.learning_rate, settings.max_grad_norm
        self.one = cell_optimiser("adam", lambda count: rate, norm, 0.9, 0.999)
        self._init = jax.vmap(self.one.init) if stacked else self.one.init
        self._apply = jax.vmap(self.apply) if stacked else self.apply

    def init(self, policy: Policy) -> tuple[Any, ...]:
        """Return the memory of all layers."""
        return tuple(self._init(part) for part in parts_of(policy))

    def apply(self, gradient: Any, memory: Any, weights: Any) -> tuple[Any, Any]:
        """Return weights after a step, and the memory, of one part."""
        changes, memory = self.one.update(gradient, memory, weights)
        return optax.apply_updates(weights, changes), memory

    def update(self, gradient: Policy, memory: tuple[Any, ...], policy: Policy) -> tuple[Policy, tuple[Any, ...]]:
        """Return networks after a step of every layer, and the memory."""
        done = [self._apply(*part) for part in zip(parts_of(gradient), memory, parts_of(policy), strict=True)]
        return joined_parts(policy, [part for part, _ in done]), tuple(kept for _, kept in done)


def parts_of(policy: Policy) -> list[tuple[Any, ...]]:
    """Return the parameters of every layer; what leads into the first belongs to it."""
    first, *others = policy.layers
    return [(policy.inward, first), *((layer,) for layer in others)]


def joined_parts(policy: Policy, parts: list[tuple[Any, ...]]) -> Policy:
    """Return the policy that `parts_of` took apart."""
    return Policy(parts[0][0], tuple(part[-1] for part in parts), policy.sizes, policy.local)
