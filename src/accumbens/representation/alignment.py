"""Alignment: whether the local update of a cell points where backpropagation would send it.

Of a network at some point of its training and transitions that it makes itself, three gradients are taken, all with
the same parameters, data and targets:

- *local*: of every cell's own loss with respect to its own parameters, the gradient stopped at the cell;
- *all cells*: of the sum of all cells' losses, stopped nowhere, which is what the run's backprop twin follows;
- *top cell*: of the loss of the top cell alone, stopped nowhere, as in a network with one error at its end.

They are compared cell by cell. Only a cell's hidden activity reaches other cells, so the parameters that it depends on
(`activity`) are those for which the gradients can differ: the others have the same one in `local` and `all cells`, and
none in `top cell` below the top. They are gradients of the mean loss, before clip and optimiser. Clipping a cell's
gradient does not turn it; Adam, which divides by a running scale of every parameter, does.

The targets are the agent's own, with the network's present parameters: the parallel learner's Q(λ) returns of blocks of
its rollout length; the replay learner's one-step targets, with a target network that was copied just now.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from accumbens.agents import network, per_cell
from accumbens.agents.protocol import EnvironmentFacts
from accumbens.agents.settings import AgentSettings, ParallelSettings
from accumbens.cells import Stack
from accumbens.td.targets import q_lambda
from accumbens.training.play import Moment

CHUNK = 64
"""Transitions whose gradient is taken at a time."""
REFERENCES = ("all cells", "top cell")
PARAMETERS = ("all", "activity")


class Transitions(NamedTuple):
    """What gradients are taken of; see `agents.per_cell.make_losses`."""

    observation: Float[Array, "rows observation"]
    carry: tuple[Float[Array, "rows _hidden"], ...]
    action: Int[Array, "rows *dimensions"]
    targets: Float[Array, "rows cells *quantiles"]


class Gradients(NamedTuple):
    """The gradients of one network, each of the shape of the network."""

    local: Stack
    all_cells: Stack
    top_cell: Stack


class Comparison(NamedTuple):
    """A cell's local gradient beside another one of the same parameters.

    Attributes:
        cell: its number, from 1.
        reference: `all cells` or `top cell`: whose losses the other gradient is of.
        parameters: `all` of the cell, or those that its hidden `activity` depends on.
        number: how many these are.
        cosine: of the angle between the two; NaN where one of them is zero.
        sign_agreement: part of the parameters whose two derivatives have the same sign, of those where neither is zero;
            NaN without any.
        local_norm: length of the local gradient.
        reference_norm: length of the other.
    """

    cell: int
    reference: str
    parameters: str
    number: int
    cosine: float
    sign_agreement: float
    local_norm: float
    reference_norm: float


def make_targets(settings: AgentSettings, env: EnvironmentFacts) -> Callable[[Stack, Moment], Array]:
    """Return `targets(stack, recording) -> [time, envs, cells, (quantiles)]`.

    Args:
        settings: of the agent.
        env: the static facts of its environment.
    """
    q_function, encode = network.value_function(settings, env), network.make_encoder(settings, env)
    parallel = isinstance(settings, ParallelSettings)
    block_length, trace_decay = (settings.rollout_length, settings.trace_decay) if parallel else (1, 0.0)

    def targets(stack: Stack, recording: Moment) -> Array:
        time, envs = recording.reward.shape
        rows = jax.tree.map(_merge_time, (jnp.asarray(recording.next_observation), recording.hidden))

        def value(row: tuple[Array, Any]) -> Array:
            observation, carry = jax.tree.map(lambda x: x[None], row)
            return q_function.all(stack, observation, carry)[0][0]

        next_values = jax.lax.map(value, (encode(rows[0]), rows[1]), batch_size=CHUNK)
        # A trace is cut at a block's end exactly as it is where an episode is truncated.
        block_ends = (jnp.arange(time) + 1) % block_length == 0
        return q_lambda(
            settings.reward_scale * jnp.asarray(recording.reward),
            jnp.asarray(recording.terminated),
            jnp.asarray(recording.truncated) | block_ends[:, None],
            q_function.for_bootstrap(next_values.reshape(time, envs, *next_values.shape[1:])),
            settings.discount,
            trace_decay,
            q_function.layout,
        )

    return targets


def make_transitions(settings: AgentSettings, env: EnvironmentFacts) -> Callable[..., Transitions]:
    """Return `transitions(stack, recording, index) -> Transitions`, of rows of a recording with the time axis merged.

    Args:
        settings: of the agent.
        env: the static facts of its environment.
    """
    targets_of, encode = make_targets(settings, env), network.make_encoder(settings, env)

    def transitions(stack: Stack, recording: Moment, index: Int[Array, " rows"]) -> Transitions:
        kept = (jnp.asarray(recording.observation), recording.carry, recording.action, targets_of(stack, recording))
        observation, *rest = jax.tree.map(lambda x: _merge_time(jnp.asarray(x))[index], kept)
        return Transitions(encode(observation), *rest)

    return transitions


def make_gradients(settings: AgentSettings, env: EnvironmentFacts) -> Callable[[Stack, Transitions], Gradients]:
    """Return `gradients(stack, transitions) -> Gradients`, of means over all rows.

    More than 64 rows must be a multiple of 64. The gradients are those of single steps: what was before is constant.

    Args:
        settings: of the agent; its own credit does not matter.
        env: the static facts of its environment.
    """
    local, backprop = (
        per_cell.make_losses(dataclasses.replace(settings, credit=credit), env) for credit in ("local", "backprop")
    )

    def of_chunk(stack: Stack, rows: Transitions) -> Gradients:
        return Gradients(
            local=jax.grad(lambda stack: local(stack, *rows)[0].sum())(stack),
            all_cells=jax.grad(lambda stack: backprop(stack, *rows)[0].sum())(stack),
            top_cell=jax.grad(lambda stack: backprop(stack, *rows)[0][-1])(stack),
        )

    def gradients(stack: Stack, transitions: Transitions) -> Gradients:
        chunk = min(CHUNK, len(transitions.observation))
        chunks = jax.tree.map(lambda x: x.reshape(-1, chunk, *x.shape[1:]), transitions)

        def add(total: Gradients, rows: Transitions):
            return jax.tree.map(jnp.add, total, of_chunk(stack, rows)), None

        total, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, Gradients(stack, stack, stack)), chunks)
        return jax.tree.map(lambda x: x / len(chunks.observation), total)

    return gradients


def activity_leaves(stack: Stack, observation_size: int) -> list[list[bool]]:
    """Return for every cell which leaves of its parameters its hidden activity depends on.

    Found by differentiating the activity for random inputs, so any cell will do.

    Args:
        stack: the network.
        observation_size: length of the observation that it takes.
    """

    @eqx.filter_jit
    def derivative(cell: Any, inputs: jax.Array, weights: jax.Array) -> Any:
        return jax.grad(lambda cell: (jax.vmap(cell.hidden)(inputs) * weights).sum())(cell)

    rng = np.random.default_rng(0)
    inputs_of = jax.eval_shape(stack.inputs, jnp.zeros(observation_size), stack.initial_carry())
    found = []
    for cell, x in zip(stack.cells, inputs_of, strict=True):
        inputs = jnp.asarray(rng.normal(size=(16, x.shape[0])), jnp.float32)
        outputs = jax.eval_shape(jax.vmap(cell.hidden), inputs)
        weights = jnp.asarray(rng.normal(size=outputs.shape), jnp.float32)
        leaves = jax.tree.leaves(derivative(cell, inputs, weights))
        found.append([bool(np.any(np.asarray(leaf) != 0)) for leaf in leaves])
    return found


def compare(gradients: Gradients, activity: Sequence[Sequence[bool]]) -> Iterator[Comparison]:
    """Yield every cell's comparisons.

    Args:
        gradients: of one network.
        activity: what `activity_leaves` said of it.
    """
    for reference, other in zip(REFERENCES, (gradients.all_cells, gradients.top_cell), strict=True):
        for index, (mine, its) in enumerate(zip(gradients.local.cells, other.cells, strict=True)):
            for parameters in PARAMETERS:
                kept = [parameters == "all" or shapes for shapes in activity[index]]
                a, b = (flat(gradient, kept) for gradient in (mine, its))
                yield Comparison(
                    cell=index + 1,
                    reference=reference,
                    parameters=parameters,
                    number=a.size,
                    cosine=cosine(a, b),
                    sign_agreement=sign_agreement(a, b),
                    local_norm=float(np.linalg.norm(a)),
                    reference_norm=float(np.linalg.norm(b)),
                )


def flat(tree: PyTree, kept: Sequence[bool]) -> Float[np.ndarray, " parameters"]:
    """Return the kept leaves of a tree as one vector, in float64."""
    leaves = [np.ravel(leaf) for leaf, keep in zip(jax.tree.leaves(tree), kept, strict=True) if keep]
    return np.concatenate([np.zeros(0), *leaves]).astype(np.float64)


def cosine(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """Return the cosine of the angle between two vectors; NaN if one of them is zero."""
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.clip(a @ b / lengths, -1.0, 1.0)) if lengths > 0 else float("nan")


def sign_agreement(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """Return the part of the entries with equal sign, of those where neither is zero; NaN without any."""
    both: Bool[np.ndarray, " n"] = (a != 0) & (b != 0)
    return float(np.mean(np.sign(a[both]) == np.sign(b[both]))) if both.any() else float("nan")


def _merge_time(x: Array) -> Array:
    return x.reshape(-1, *x.shape[2:])
