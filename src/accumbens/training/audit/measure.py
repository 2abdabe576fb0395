"""The same questions answered by numbers: derivatives of the losses, and what a disturbed error changes, to the bit.

The walk through the program proves what cannot be; this shows what is. The two must agree.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.protocol import Agent, EnvironmentFacts
from accumbens.agents.settings import AgentSettings
from accumbens.generator import make_key
from accumbens.tracing.compile import quick_jit
from accumbens.training.audit.dependencies import Dependencies
from accumbens.training.audit.shapes import trace_shapes
from accumbens.training.audit.taps import Disturbance, tap

LARGE = 1e4
"""A disturbance far above any clip."""

ITERATION = 4
"""A block in which also an agent with replay learns."""


def _drawn(rng: np.random.Generator, tree: Any, whole_numbers: int = 1) -> Any:
    """Return arrays of random numbers of these shapes; whole numbers are below `whole_numbers`."""

    def draw(leaf: Any) -> Any:
        if leaf.dtype == jnp.bool_:
            return jnp.asarray(rng.random(leaf.shape) < 0.2)
        if jnp.issubdtype(leaf.dtype, jnp.unsignedinteger):  # packed bits
            return jnp.asarray(rng.integers(0, 256, leaf.shape), leaf.dtype)
        if jnp.issubdtype(leaf.dtype, jnp.integer):
            return jnp.asarray(rng.integers(0, whole_numbers, leaf.shape), leaf.dtype)
        return jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype)

    return jax.tree.map(draw, tree)


def loss_jacobian(settings: AgentSettings, env: EnvironmentFacts, batch: int = 4) -> Float[np.ndarray, "losses cells"]:
    """Return the norm of the derivative of every cell's loss with respect to every cell's parameters.

    Exact derivatives by automatic differentiation of the very losses that the update differentiates, at random
    parameters, observations, carries and targets, of one step, whatever came before it being constant; a path that does
    not exist gives 0.0 and nothing else.

    Args:
        settings: of the agent; its sizes as they are.
        env: the static facts of its environment.
        batch: number of transitions.
    """
    rng = np.random.default_rng(0)
    losses = per_cell.make_losses(settings, env)
    stack = jax.eval_shape(lambda key: stacks.build_stack(settings, env, key), make_key(0))
    stack = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(scale=0.5, size=leaf.shape), leaf.dtype), stack)
    factored = () if env.action_dimensions is None else (env.action_dimensions,)
    choices = env.num_actions // (env.action_dimensions or 1)
    quantiles = (settings.num_quantiles,) if settings.readout == "quantile" else ()
    num_losses = network.num_predicting_cells(settings)
    arguments = (
        jnp.asarray(rng.normal(size=(batch, int(np.prod(env.observation_shape)))), jnp.float32),
        tuple(jnp.asarray(rng.normal(size=(batch, hidden)), jnp.float32) for hidden in settings.net_arch),
        jnp.asarray(rng.integers(0, choices, (batch, *factored)), jnp.int32),
        jnp.asarray(rng.normal(size=(batch, num_losses, *quantiles)), jnp.float32),
    )
    jacobian = quick_jit(jax.jacrev(lambda stack, *rest: losses(stack, *rest)[0]))(stack, *arguments)

    def norms(cell: Any) -> Any:
        squares = [np.square(np.asarray(leaf, np.float64)).reshape(num_losses, -1) for leaf in jax.tree.leaves(cell)]
        return np.sqrt(np.concatenate(squares, axis=1).sum(axis=1))

    return np.stack([norms(cell) for cell in jacobian.cells], axis=1)


def disturb(
    agent: Agent, env: EnvironmentFacts, truncates: bool, found: Dependencies
) -> Bool[np.ndarray, "errors cells"]:
    """Return what one update of `learn` changes when the error of one cell is another.

    A large number is added to the derivative of the losses with respect to one cell's value, so that every clip is
    active. Entry (i, j): did this to cell i change a single bit of the parameters of cell j, or of what its optimiser
    remembers?

    Args:
        agent: the agent.
        env: the static facts of its environment.
        truncates: whether episodes are ever truncated.
        found: what `analyse` found, which says which parts of the state are whose.
    """
    rng = np.random.default_rng(1)
    shapes = trace_shapes(agent, env, truncates)
    choices = env.num_actions // (env.action_dimensions or 1)
    rollout = _drawn(rng, shapes.rollout)
    rollout = rollout._replace(action=_drawn(rng, shapes.rollout.action, choices))
    state = quick_jit(agent.init)(make_key(0))
    cells = agent.network(state).cells
    leaves, structure = jax.tree.flatten(state)
    networks = set().union(*found.parameters, *found.memory)
    replay = {index for index, path in enumerate(shapes.paths()) if path in (*found.replay, *found.traces)}
    leaves = [_drawn(rng, leaf) if index in replay - networks else leaf for index, leaf in enumerate(leaves)]
    state = jax.tree.unflatten(structure, leaves)

    def learn(errors: Any) -> Any:
        tapped = tap(state, cells, Disturbance(errors))
        return jax.tree.leaves(agent.learn(tapped, rollout, jnp.asarray(ITERATION), make_key(1))[0])

    compiled = quick_jit(learn)
    undisturbed = compiled(jnp.zeros(len(cells)))
    changed = np.zeros((len(cells), len(cells)), bool)
    for source in range(len(cells)):
        disturbed = compiled(LARGE * (jnp.arange(len(cells)) == source))
        for reached in range(len(cells)):
            changed[source, reached] = any(
                not np.array_equal(undisturbed[leaf], disturbed[leaf], equal_nan=True)
                for leaf in (*found.parameters[reached], *found.memory[reached])
            )
    return changed
