"""The sequence learner: Q(λ) per cell over blocks learned from in the order of time, with credit through time.

A block is learned from as the parallel learner does it, with the same targets, but a minibatch is some environments
with all their steps. It is run through from its first carry on by the network of the moment, and there is one update
of all that was found on the way. How an error reaches what its cell did earlier is a choice of its own:

- `none`: not at all. The carry is a constant, as in Artificial Dopamine.
- `traces`: every step has the traces of its carry, the derivatives of the cell's recurrent units with respect to its
  own parameters, and hands them on; so each step's gradient is complete when the step is done. Nothing is kept of
  earlier steps, and an episode may be longer than any block: the traces of a block's first carry are part of the
  learner's state. That is one trace per environment and parameter of the units, not one per step.
- `bptt`: backpropagation through time, from every step back to the beginning of the block, or to the last of the
  steps at which it is cut. Memory grows with the length of a block.

With local credit all three differentiate each cell's error through that cell's own past only; what it sees of other
cells is constant. Then `traces` and `bptt` over whole episodes have the same gradient. With backpropagation `bptt`
goes back through all cells and steps; `traces` goes through all cells of a step, and from there into each cell's own
past: exact for a single cell, and without what reached a cell's past through other cells' parameters for several.

Traces are of the parameters that computed them. Within a block these are the present ones; what they brought along
from earlier blocks of the episode is of the parameters of then, as in all real-time recurrent learning. With `overlap`,
whose carries are made by parameters one block old, they are those of the newer parameters at the older carries.

Reference: Gallici et al. (2025), section 4.2, PQN with a recurrent network, for minibatches of sequences; Elelimy et
al. (2024) and `cells.recurrent` for traces.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Shaped

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.assembly import make_parts
from accumbens.agents.parallel_q import ParallelState, make_targets
from accumbens.agents.protocol import Agent, EnvironmentFacts, LearningMetrics, Rollout
from accumbens.agents.settings import SequenceSettings
from accumbens.cells import Carry, Past, Stack, Traces


class SequenceState(NamedTuple):
    """The network with its optimisers, and what is known of the past.

    Attributes:
        learner: the network with its optimisers.
        traces: of the carry that the next block begins with, [envs, ...] for every cell; none for other credit.
    """

    learner: ParallelState
    traces: tuple[Traces, ...]


class Sequences(NamedTuple):
    """A block to learn from, of some environments.

    Attributes:
        observation, action: as in a rollout.
        targets: of every cell.
        ended: after this step a new episode began.
        carry, traces: before the first step.
    """

    observation: Shaped[Array, "time envs ..."]
    action: Int[Array, "time envs *dimensions"]
    targets: Float[Array, "time envs cells *quantiles"]
    ended: Bool[Array, "time envs"]
    carry: Carry
    traces: tuple[Traces, ...]

    def of(self, envs: Int[Array, " some"]) -> "Sequences":
        """Return those of some environments."""
        steps = jax.tree.map(lambda x: x[:, envs], self[:4])
        return Sequences(*steps, *jax.tree.map(lambda x: x[envs], self[4:]))


def make_gradient(settings: SequenceSettings, env: EnvironmentFacts, encode: Callable) -> Callable:
    """Return the gradient of the losses of some sequences, all steps and environments counted alike.

    `gradient(stack, sequences) -> (gradient, (loss, (td_error, value)))`: of the form of the stack, and [cells] each.
    """
    q_function, reading = network.value_function(settings, env), per_cell.make_reading(settings)
    exact, through = settings.time_credit == "traces", settings.time_credit == "bptt"
    past: Past = "none" if settings.time_credit == "none" else "own" if exact or settings.credit == "local" else "all"

    def step(stack: Stack, carry: Carry, observation, action, targets) -> tuple[Any, Carry]:
        """What is kept of every predicting cell in one step, means over environments, and the new carry."""

        def of_row(observation, carry, action, targets):
            cells, candidates = range(len(stack.cells)), q_function.taken(action)
            read = reading(targets)
            return stack.walk(cells, observation, observation, carry, settings.credit, candidates, read, past)

        kept, carry = jax.vmap(of_row)(observation, carry, action, targets)
        kept = jax.tree.map(lambda x: x.mean(axis=0), kept)
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *kept), carry

    def forward(stack: Stack, sequences: Sequences):
        """Step by step, each with its own gradient."""

        def turn(running: tuple[Carry, tuple[Traces, ...], Stack], row):
            carry, traces, total = running
            observation, action, targets, ended = row
            observation = encode(observation)

            def summed(stack: Stack):
                told = jax.vmap(stack.tell)(carry, traces) if exact else carry
                kept, after = step(stack, told, observation, action, targets)
                return kept[0].sum(), (kept, after)

            gradient, (kept, after) = jax.grad(summed, has_aux=True)(stack)
            if exact:
                traces = cleared(ended, jax.vmap(stack.traces_after)(traces, observation, carry))
            return (cleared(ended, after), traces, jax.tree.map(jnp.add, total, gradient)), kept

        begun = (sequences.carry, sequences.traces, jax.tree.map(jnp.zeros_like, stack))
        (_, _, total), kept = jax.lax.scan(turn, begun, sequences[:4])
        return jax.tree.map(lambda x: x / len(sequences.ended), total), kept

    def backward(stack: Stack, sequences: Sequences):
        """All steps first, and then back through all of them."""
        length = settings.bptt_steps or len(sequences.ended)
        cuts = jnp.arange(len(sequences.ended)) % length == 0

        def summed(stack: Stack):
            def turn(carry: Carry, row):
                (observation, action, targets, ended), cut = row
                carry = jax.tree.map(lambda x: jnp.where(cut, jax.lax.stop_gradient(x), x), carry)
                kept, after = step(stack, carry, encode(observation), action, targets)
                return cleared(ended, after), kept

            _, kept = jax.lax.scan(turn, sequences.carry, (sequences[:4], cuts))
            return kept[0].mean(axis=0).sum(), kept

        return jax.grad(summed, has_aux=True)(stack)

    def gradient(stack: Stack, sequences: Sequences):
        found, kept = (backward if through else forward)(stack, sequences)
        return found, jax.tree.map(lambda x: x.mean(axis=0), kept)

    return gradient


def make_sequence_q(settings: SequenceSettings, env: EnvironmentFacts, total_steps: int) -> Agent:
    """Return the agent; `total_steps` are environment steps, all environments counted."""
    steps_per_block = settings.num_envs * settings.rollout_length
    updates_per_block = settings.epochs * settings.num_minibatches
    total_updates = -(-total_steps // steps_per_block) * updates_per_block
    parts = make_parts(settings, env, total_steps, total_updates)
    encode, optimiser = parts.encode, parts.optimiser
    gradient_of, targets_of = make_gradient(settings, env, encode), make_targets(settings, env)

    def init(key: PRNGKeyArray) -> SequenceState:
        stack = stacks.build_stack(settings, env, key)
        traces: tuple[Traces, ...] = ()
        if settings.time_credit == "traces":
            traces = jax.tree.map(lambda x: jnp.broadcast_to(x, (settings.num_envs, *x.shape)), stack.no_traces())
        return SequenceState(ParallelState(stack, network.init_optimiser_states(optimiser, stack)), traces)

    def update(state: ParallelState, sequences: Sequences) -> tuple[ParallelState, LearningMetrics]:
        gradient, (loss, (td_error, value)) = gradient_of(state.stack, sequences)
        cells, states, norms = [], [], []
        for cell, memory, own in zip(state.stack.cells, state.optimiser_states, gradient.cells, strict=True):
            changes, memory = optimiser.update(own, memory)
            cells.append(eqx.apply_updates(cell, changes))
            states.append(memory)
            norms.append(optax.tree.norm(own))
        norms = jnp.stack(norms) if settings.every_cell_predicts else optax.tree.norm(norms)[None]
        stack = eqx.tree_at(lambda s: s.cells, state.stack, tuple(cells))
        return ParallelState(stack, tuple(states)), LearningMetrics(
            loss, td_error, value, norms, jnp.ones((), jnp.int32)
        )

    def learn(
        state: SequenceState, rollout: Rollout, iteration: Int[Array, ""], key: PRNGKeyArray
    ) -> tuple[SequenceState, LearningMetrics]:
        del iteration
        first = jax.tree.map(lambda hidden: hidden[0], rollout.carry)
        traces = cleared(silent(first), state.traces)
        sequences = Sequences(
            rollout.observation,
            rollout.action,
            targets_of(state.learner.stack, rollout),
            rollout.terminated | rollout.truncated,
            first,
            traces,
        )

        def minibatch(learner: ParallelState, envs: Int[Array, " some"]):
            return update(learner, sequences.of(envs))

        keys = jax.random.split(key, settings.epochs)
        order = jax.vmap(lambda k: jax.random.permutation(k, settings.num_envs))(keys)
        learner, metrics = jax.lax.scan(minibatch, state.learner, order.reshape(updates_per_block, -1))
        if settings.time_credit == "traces":
            traces = traces_after(state.learner.stack, traces, rollout)
        return SequenceState(learner, traces), network.mean_over_updates(metrics)

    def traces_after(stack: Stack, traces: tuple[Traces, ...], rollout: Rollout) -> tuple[Traces, ...]:
        """The traces of a block's last carry, by the network that made all of its carries."""

        def turn(traces: tuple[Traces, ...], row):
            observation, carry, ended = row
            return cleared(ended, jax.vmap(stack.traces_after)(traces, encode(observation), carry)), None

        rows = (rollout.observation, rollout.carry, rollout.terminated | rollout.truncated)
        return jax.lax.scan(turn, traces, rows)[0]

    return parts.agent(
        init=init,
        learn=learn,
        network_of=lambda state: state.learner.stack,
        with_network=lambda state, stack: state._replace(learner=state.learner._replace(stack=stack)),
        rollout_length=settings.rollout_length,
        updates_at=lambda iteration: iteration * updates_per_block,
    )


def cleared(where: Bool[Array, " envs"], tree: Any) -> Any:
    """Return arrays [envs, ...] with zeros where an episode begins."""
    return jax.tree.map(lambda x: jnp.where(where.reshape(-1, *[1] * (x.ndim - 1)), 0.0, x), tree)


def silent(carry: Carry) -> Bool[Array, " envs"]:
    """Return where no cell is active: at an episode's start, also where a run on the host began anew."""
    return ~jnp.stack([hidden.any(axis=1) for hidden in carry]).any(axis=0)
