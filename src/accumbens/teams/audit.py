"""The audit of a team: who acts on what whom sees, whose loss reaches which layer, and what is learned from others.

Two ways that must agree: traced programs are walked through with labels, which proves what cannot reach what; and
derivatives and disturbed numbers are computed, which shows what does. Everything is small: how many units, numbers and
steps there are does not matter to the answer.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from accumbens.envs.teams.protocol import Seen, TeamFacts
from accumbens.generator import make_key
from accumbens.teams.acting import Asked, policy_of, policy_of_values
from accumbens.teams.action_values import values_of
from accumbens.teams.imitation import (
    LayerOptimiser,
    Networks,
    joined_parts,
    make_imitation,
    parts_of,
    teacher_settings,
    team_loss,
)
from accumbens.teams.model import Policies, Window, policies_of
from accumbens.teams.policies import TeamPolicy
from accumbens.teams.settings import ConservativeSettings, DistilledSettings, PlayingSettings, PolicySettings
from accumbens.teams.windows import Batch, Scale
from accumbens.tracing.compile import quick_jit
from accumbens.tracing.primitives import Mask, labels_of
from accumbens.tracing.taint import Walk

CONTEXT, STEPS = 3, 4
"""Steps that are remembered, and steps that are played: the first is forgotten again."""

_WINDOWS = 4

Matrix = Bool[np.ndarray, "_ _"]


class Learning(NamedTuple):
    """What the update of each agent's network (row) reads of each agent (column), by a part of the loss.

    Attributes:
        data: what that agent saw and did, in the data.
        networks: its network.
    """

    data: Matrix
    networks: Matrix


class Layers(NamedTuple):
    """Whose loss reaches whose parameters.

    Attributes:
        proven: whether there is a path from the loss of a readout (row) to the parameters of a layer (column).
        jacobian: norm of the exact derivative; None where it was not asked for.
        readouts: number of the layer that each readout is of, from 0.
        agents: whether there is a path from the logits of an agent (row) to the network of an agent (column); None
            where they share one.
        steps: whether the step of a layer of an agent (row) reads the gradient of another (column), counted layer by
            layer.
    """

    proven: Matrix
    jacobian: Float[np.ndarray, "readouts layers"] | None
    readouts: tuple[int, ...]
    agents: Matrix | None
    steps: Matrix


class Found(NamedTuple):
    """What was found of a team.

    Attributes:
        settings: of the method.
        agents: their names.
        acting: whether there is a path from what an agent (column) is told to the action of an agent (row).
        jacobian: norm of the derivative of the logits of an agent (row) by what an agent (column) is told until then;
            None where it was not asked for, or nothing is read but the present.
        future: names of agents whose logits depend on a later step of a window; None where it was not looked at.
        layers: of policies that learn the actions of data.
        learning: by part of the loss; empty where it was not looked at, or there is one network for all.
    """

    settings: Any
    agents: tuple[str, ...]
    acting: Matrix
    jacobian: Float[np.ndarray, "agents agents"] | None
    future: tuple[str, ...] | None
    layers: Layers | None
    learning: dict[str, Learning]


def audit_team(settings: Any, facts: TeamFacts, measured: bool = True, policies: Policies | None = None) -> Found:
    """Return what was found of a method in an environment; both are made small.

    Args:
        settings: of the method.
        facts: of the environment.
        measured: compute as well as read programs.
        policies: that are audited, made for the small settings and facts; None takes the method's.
    """
    facts, settings = small_facts(facts), small_settings(settings)
    if not isinstance(settings, PolicySettings):
        shared = isinstance(settings, PlayingSettings) or settings.shared
        values = values_of(shared, settings.layers, facts)
        networks = quick_jit(values.init)(make_key(0))
        acting = acts_on(policy_of_values(values.read), networks, facts)
        return Found(settings, facts.agents, acting, None, None, None, {})
    policies = policies or policies_of(settings, facts)
    everything = _networks(settings, facts, policies)
    networks = everything.team
    asked = Asked(networks, jnp.zeros(()), jnp.zeros(STEPS), jnp.ones(()), jnp.ones(()))
    acting = acts_on(policy_of(policies, facts, CONTEXT), asked, facts)
    batch, jacobian, future = _draw(facts), None, None
    if measured:
        jacobian, future = _read(policies, networks, batch, facts.agents)
    learning = _learning(settings, facts, policies, everything, batch) if measured else {}
    return Found(
        settings,
        facts.agents,
        acting,
        jacobian,
        future,
        _layers(settings, facts, policies, everything, batch, measured),
        learning,
    )


def small_facts(facts: TeamFacts) -> TeamFacts:
    """Return facts with few numbers and actions; the agents stay."""
    return facts._replace(observation_size=min(facts.observation_size, 2), num_actions=min(facts.num_actions, 3))


def small_settings(settings: Any) -> Any:
    """Return settings with few units and steps; the computation stays."""
    if isinstance(settings, ConservativeSettings | PlayingSettings):
        return dataclasses.replace(settings, layers=(3,) * len(settings.layers))
    sizes = {"width": 4, "heads": min(settings.heads, 2), "context": CONTEXT}
    if isinstance(settings, DistilledSettings):
        sizes["mapping_width"] = 3
    return dataclasses.replace(settings, **sizes)


def acts_on(policy: TeamPolicy, params: Any, facts: TeamFacts) -> Matrix:
    """Return, proven, whether an agent's action (row) can depend on what an agent (column) is told, now or before.

    What an agent is told: its observation, its legal actions, whether it is alive, and its rewards. The way from one
    step to the next is the policy's own memory, so that what is remembered is followed as well.
    """
    agents = len(facts.agents)

    def played(params: Any, told: Any) -> Array:
        memory, actions = policy.init(), []
        for step in range(STEPS):
            seen, rewards = Seen(*(part[step] for part in told[:3])), told[3][step]
            done, memory = policy.act(params, memory, seen, rewards, make_key(0))
            actions.append(done)
        return jnp.stack(actions)

    shapes = ((facts.observation_size,), (facts.num_actions,), (), ())
    told = tuple(
        jnp.zeros((STEPS, agents, *rest), dtype)
        for rest, dtype in zip(shapes, (jnp.float32, bool, bool, jnp.float32), strict=True)
    )
    walk = Walk(list(facts.agents), lambda name, mask: mask)
    masks = [walk.blank(leaf.shape) for leaf in jax.tree.leaves(params)]
    masks += [_one_each(leaf.shape, 1) for leaf in told]
    (found,) = walk.run(jax.make_jaxpr(played)(params, told), masks)
    return np.asarray(found.any(axis=0))


def _one_each(shape: tuple[int, ...], axis: int) -> Mask:
    """The mask of an array along an axis of which every place has a label of its own."""
    labels = np.eye(shape[axis], dtype=bool)
    sizes = [shape[axis] if place == axis else 1 for place in range(len(shape))]
    return np.broadcast_to(labels.reshape(*sizes, -1), (*shape, shape[axis]))


def _moved(networks: Any) -> Any:
    """Networks that are not as they were drawn: new ones are nearly indifferent."""
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf + 0.5 * rng.normal(size=leaf.shape), leaf.dtype), networks)


def _draw(facts: TeamFacts) -> Batch:
    """Windows of random numbers, in which everything is legal and all are alive."""
    rng, shape = np.random.default_rng(1), (_WINDOWS, CONTEXT, len(facts.agents))
    window = Window(
        observation=jnp.asarray(rng.normal(size=(*shape, facts.observation_size)), jnp.float32),
        before=jnp.asarray(rng.integers(0, facts.num_actions, shape), jnp.int32),
        returns=jnp.asarray(rng.normal(size=shape), jnp.float32),
        time=jnp.asarray(rng.random(shape[:2]), jnp.float32),
        legal=jnp.ones((*shape, facts.num_actions), bool),
        weight=jnp.ones(shape, jnp.float32),
    )
    return Batch(window, jnp.asarray(rng.integers(0, facts.num_actions, shape), jnp.int32))


def _read(
    policies: Policies, networks: Any, batch: Batch, agents: tuple[str, ...]
) -> tuple[Float[np.ndarray, "agents agents"], tuple[str, ...]]:
    """Norms of the derivatives of logits by what agents are told until then; and who depends on a later step."""
    window, told = jax.tree.map(lambda leaf: leaf[0], batch.window), ("observation", "returns")

    def logits(parts: list[Array]) -> Array:
        reading = policies.read(networks, window._replace(**dict(zip(told, parts, strict=True))))
        return jnp.moveaxis(reading.logits, 0, -1)  # [steps, agents, ...]

    shape = (CONTEXT, len(agents))
    squares = np.zeros((*shape, *shape))
    for part in quick_jit(jax.jacrev(logits))([getattr(window, name) for name in told]):
        numbers = np.asarray(part, np.float64).reshape(*shape, -1, *shape, int(np.prod(part.shape[6:])))
        squares += np.square(numbers).sum(axis=(2, 5))
    # What was done before is a number of a kind that has no derivative: another one shows what reads it.
    read = quick_jit(lambda window: policies.read(networks, window).logits)
    plain, actions = np.asarray(read(window)), window.legal.shape[-1]
    for step, agent in np.ndindex(*shape):
        other = window.before.at[step, agent].set((window.before[step, agent] + 1) % actions)
        differs = (np.asarray(read(window._replace(before=other))) != plain).any(axis=(0, 3))
        squares[..., step, agent] += differs & (squares[..., step, agent] == 0)
    later = np.triu(np.ones((CONTEXT, CONTEXT), bool), 1)[:, None, :, None]
    future = (squares * later).any(axis=(0, 2, 3))
    return np.sqrt((squares * ~later).sum(axis=(0, 2))), tuple(np.array(agents)[future].tolist())


def _layers(
    settings: PolicySettings, facts: TeamFacts, policies: Policies, everything: Networks, batch: Batch, measured: bool
) -> Layers:
    """Whose loss reaches whose parameters: of readouts and layers, and of agents."""
    networks = everything.team
    stacked = not (settings.shared or settings.centralised)
    readouts = tuple(range(settings.blocks)) if settings.readouts == "every" else (settings.blocks - 1,)
    window = jax.tree.map(lambda leaf: leaf[0], batch.window)
    reading = jax.eval_shape(policies.read, networks, window)
    told = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), reading)

    def backward(networks: Any, window: Window, told: Any) -> Any:
        return jax.vjp(lambda networks: policies.read(networks, window), networks)[1](told)[0]

    program = jax.make_jaxpr(backward)(networks, window, told)
    structure = jax.tree.structure(networks)

    def walked(axis: int, labels: list[str]) -> Any:
        walk = Walk(labels, lambda name, mask: mask)
        masks = [walk.blank(leaf.shape) for leaf in jax.tree.leaves((networks, window))]
        masks += [_one_each(leaf.shape, axis) for leaf in told]
        return structure.unflatten(walk.run(program, masks))

    reached = walked(0, [str(layer) for layer in readouts])
    proven = np.stack([_joined(part) for part in parts_of(reached)], axis=1)
    across = None
    if stacked:
        leaves = jax.tree.leaves(walked(2, list(facts.agents)))
        across = np.logical_or.reduce([leaf.reshape(len(leaf), -1, leaf.shape[-1]).any(axis=1) for leaf in leaves]).T
    jacobian = _losses(settings, facts, policies, everything, batch, len(readouts)) if measured else None
    return Layers(proven, jacobian, readouts, across, _steps(settings, networks, stacked))


def _joined(masks: Any) -> Bool[np.ndarray, " labels"]:
    return np.logical_or.reduce([labels_of(mask) for mask in jax.tree.leaves(masks)])


def _losses(
    settings: PolicySettings, facts: TeamFacts, policies: Policies, networks: Networks, batch: Batch, readouts: int
) -> Float[np.ndarray, "readouts layers"]:
    """Norms of the exact derivatives of the loss of each readout by the parameters of every layer."""

    def norms(networks: Networks, batch: Batch, readout: Array) -> Float[Array, " layers"]:
        def read(networks: Any, window: Window) -> Any:
            def only(part: Array) -> Array:
                kept = jnp.arange(len(part)).reshape(-1, *[1] * (part.ndim - 1)) == readout
                return jnp.where(kept, part, jax.lax.stop_gradient(part))

            return jax.tree.map(only, policies.read(networks, window))

        found = _gradient(settings, facts, policies._replace(read=read))(networks, batch)
        squares = [[jnp.square(leaf).sum() for leaf in jax.tree.leaves(part)] for part in parts_of(found)]
        return jnp.sqrt(jnp.stack([sum(part, start=jnp.zeros(())) for part in squares]))

    program = quick_jit(norms)
    return np.stack([np.asarray(program(networks, batch, jnp.int32(readout))) for readout in range(readouts)])


def _gradient(settings: PolicySettings, facts: TeamFacts, policies: Policies) -> Callable[[Networks, Batch], Any]:
    """The gradient of the team's own networks."""
    taught = policies_of(teacher_settings(settings), facts)

    def gradient(networks: Networks, batch: Batch) -> Any:
        def loss(team: Any) -> Array:
            return team_loss(settings, policies, taught, networks._replace(team=team), batch)[0]

        return jax.grad(loss)(networks.team)

    return gradient


def _networks(settings: PolicySettings, facts: TeamFacts, policies: Policies) -> Networks:
    """All that a run has, not as it was drawn."""
    learner = make_imitation(settings, facts, Scale((0.0,), 1.0, 0.0, 0.0, 1))

    def init() -> Networks:
        return learner.init(jnp.uint32(0)).networks._replace(team=policies.init(make_key(0)))

    return _moved(quick_jit(init)())


def _steps(settings: PolicySettings, networks: Any, stacked: bool) -> Matrix:
    """Which gradients the step of every layer of every agent reads, proven."""
    optimiser = LayerOptimiser(settings, stacked)
    memory, layers = optimiser.init(networks), settings.blocks
    owners = jax.tree.leaves(networks)[0].shape[0] if stacked else 1
    walk = Walk([str(number) for number in range(layers * owners)], lambda name, mask: mask)

    def labelled(leaf: Array, layer: int) -> Mask:
        own = np.arange(layers * owners) == layer * owners + np.arange(owners)[:, None]
        if not stacked:
            return np.broadcast_to(own[0], (*leaf.shape, layers * owners))
        return np.broadcast_to(own.reshape(owners, *[1] * (leaf.ndim - 1), -1), (*leaf.shape, layers * owners))

    parts = [
        jax.tree.map(lambda leaf, n=n: _Masked(labelled(leaf, n)), part) for n, part in enumerate(parts_of(networks))
    ]
    masks = [leaf.mask for leaf in jax.tree.leaves(joined_parts(networks, parts), is_leaf=_is_masked)]
    masks += [walk.blank(leaf.shape) for leaf in jax.tree.leaves((memory, networks))]
    program = jax.make_jaxpr(optimiser.update)(networks, memory, networks)
    leaves = walk.run(program, masks)[: len(jax.tree.leaves(networks))]
    after = jax.tree.structure(networks).unflatten(leaves)
    rows = []
    for part in parts_of(after):
        found = [mask.reshape(owners, -1, mask.shape[-1]).any(axis=1) if stacked else labels_of(mask)[None]
                 for mask in jax.tree.leaves(part)]  # fmt: skip
        rows.append(np.logical_or.reduce(found))
    return np.concatenate(rows)


class _Masked:
    """A mask as a leaf."""

    def __init__(self, mask: Mask):
        self.mask = mask


def _is_masked(leaf: Any) -> bool:
    return isinstance(leaf, _Masked)


def _learning(
    settings: PolicySettings, facts: TeamFacts, policies: Policies, networks: Networks, batch: Batch
) -> dict[str, Learning]:
    """What every agent's update reads of every agent, by part of the loss: the gradient changes to the bit, or not."""
    if settings.shared or settings.centralised:
        return {}
    terms: dict[str, dict[str, float]] = {"actions of the data": {}}
    if isinstance(settings, DistilledSettings):
        weights = {
            "beta": "actions of the teacher",
            "alpha": "relation of features",
            "feature": "features of the teacher",
        }
        terms |= {text: {name: getattr(settings, name)} for name, text in weights.items() if getattr(settings, name)}
    agents = len(facts.agents)

    def other_data(agent: int) -> Batch:
        window, last = batch.window, facts.num_actions
        return Batch(
            window._replace(
                observation=window.observation.at[:, :, agent].add(0.5),
                before=window.before.at[:, :, agent].set((window.before[:, :, agent] + 1) % last),
                returns=window.returns.at[:, :, agent].add(0.5),
            ),
            batch.action.at[:, :, agent].set((batch.action[:, :, agent] + 1) % last),
        )

    def other_network(agent: int) -> Networks:
        moved = jax.tree.map(lambda leaf: leaf.at[agent].multiply(1.3), networks.team)
        return networks._replace(team=moved)

    def of(chosen: dict[str, float]) -> Learning:
        weights = {"alpha": 0.0, "beta": 0.0, "feature": 0.0} | chosen
        term = dataclasses.replace(settings, **weights) if isinstance(settings, DistilledSettings) else settings
        gradient = quick_jit(_gradient(term, facts, policies))  # the actions of the data are in every one of them

        def rows(networks: Networks, batch: Batch) -> Float[np.ndarray, "agents parameters"]:
            leaves = jax.tree.leaves(gradient(networks, batch))
            return np.concatenate([np.asarray(leaf).reshape(agents, -1) for leaf in leaves], axis=1)

        before = rows(networks, batch)

        def changed(after: Float[np.ndarray, "agents parameters"]) -> Bool[np.ndarray, " agents"]:
            return (after != before).any(axis=1)

        data = np.stack([changed(rows(networks, other_data(agent))) for agent in range(agents)], axis=1)
        nets = np.stack([changed(rows(other_network(agent), batch)) for agent in range(agents)], axis=1)
        return Learning(data, nets)

    return {text: of(chosen) for text, chosen in terms.items()}
