"""The compiled program of a fit: data, rule, optimiser and evaluation of all seeds.

`advance(state, data, updates)` runs that many updates; the counter is shared by all seeds and never batched, so the
branch that shuffles the data at the start of an epoch stays a branch under `jax.vmap`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Integer

from accumbens.credit.diagnostics import Diagnostics, diagnose
from accumbens.credit.losses import correct, losses
from accumbens.credit.protocol import Batch, Network, Rule
from accumbens.credit.settings import RuleSettings
from accumbens.credit.tasks.protocol import Examples, Stream, Task
from accumbens.runs.side_by_side import Values, with_values
from accumbens.runs.streams import Stream as RandomStream
from accumbens.runs.streams import stream_key

TRAIN_EXAMPLES = 10_000
"""Training examples that an evaluation looks at, at most: the first."""

_PIECE = 500  # examples that are predicted at once in an evaluation


class SeedState(NamedTuple):
    """Everything that belongs to one seed.

    Attributes:
        seed: its number.
        network: learned so far.
        optimiser: state of the network's optimiser.
        memory: the rule's own state.
        source: the order of the examples in this epoch, or the state of a stream.
        loss: sum over the updates since the last evaluation, as the rule met it.
    """

    seed: Integer[Array, ""]
    network: Network
    optimiser: Any
    memory: Any
    source: Any
    loss: Float[Array, ""]


class FitState(NamedTuple):
    """Everything a fit is: all seeds (leading axis) and the shared counter of updates done."""

    seeds: SeedState
    update: Int[Array, ""]


class Data(NamedTuple):
    """What all seeds share; `train` is empty where data are generated."""

    train: Any
    splits: dict[str, Any]


class Score(NamedTuple):
    """Of one split: mean loss, and the part of examples that are classified correctly (NaN in regression)."""

    loss: Float[Array, ""]
    accuracy: Float[Array, ""]


class Evaluation(NamedTuple):
    """What a network came to; arrays have a leading axis of seeds.

    Attributes:
        scores: by split: train, valid, test; greedy.
        diagnostics: of every layer.
        measures: of the network, by name; see `Network.measures`.
    """

    scores: dict[str, Score]
    diagnostics: Diagnostics
    measures: dict[str, Float[Array, ""]]


class Program(NamedTuple):
    """The fit as pure functions, not yet compiled.

    Attributes:
        data: what `advance` and `evaluate` are given; still in the memory of the host.
        updates_per_epoch: updates of one pass through the training data.
        init: `init(seeds, values=None)` makes the state of all seeds.
        advance: `advance(state, data, updates, values=None)` runs that many updates.
        evaluate: `evaluate(state, data, values=None)` looks at all seeds.
    """

    data: Data
    updates_per_epoch: int
    init: Callable[..., FitState]
    advance: Callable[..., FitState]
    evaluate: Callable[..., Evaluation]


class Learning(NamedTuple):
    """A rule, and what takes its steps."""

    rule: Rule
    optimiser: optax.GradientTransformation


def make_optimiser(settings: RuleSettings) -> optax.GradientTransformation:
    """Return the optimiser of the network; RMSprop and Adam with PyTorch's defaults, as both papers used them."""
    rate = settings.learning_rate
    if settings.optimiser == "rmsprop":
        return optax.rmsprop(rate, decay=0.99, eps=1e-8, eps_in_sqrt=False)
    return optax.adam(rate) if settings.optimiser == "adam" else optax.sgd(rate)


def make_program(
    task: Task, rule: Rule, settings: RuleSettings, rule_with: Callable[[RuleSettings], Rule] | None = None
) -> Program:
    """Return the program of a rule on a task.

    Args:
        task: what is learned.
        rule: how.
        settings: of the rule.
        rule_with: makes the rule with settings some of whose numbers differ between seeds.
    """
    train, kind = task.train, task.facts.kind

    def learning_with(values: Values) -> Learning:
        if values is None or rule_with is None:
            return Learning(rule, make_optimiser(settings))
        changed = with_values(settings, values)
        return Learning(rule_with(changed), make_optimiser(changed))

    if isinstance(train, Stream):
        size, updates_per_epoch, shuffled = settings.batch_size, train.updates, False
    else:
        size = min(settings.batch_size, len(train.x))
        updates_per_epoch, shuffled = len(train.x) // size, size < len(train.x)

    def first_source(seed: Array) -> Any:
        if isinstance(train, Stream):
            return train.init(stream_key(seed, RandomStream.FIRST_STATES, 0))
        return jnp.arange(len(train.x)) if shuffled else ()

    def next_batch(state: SeedState, data: Data, update: Array) -> tuple[Any, Batch]:
        """The batch of an update, and the source afterwards; a last batch that is not full is left out."""
        epoch, position = update // updates_per_epoch, update % updates_per_epoch
        if isinstance(train, Stream):
            x, y = train.batch(state.source, position, stream_key(state.seed, RandomStream.ENVIRONMENT, update))
            return state.source, Batch(x, y, epoch)
        if not shuffled:
            return (), Batch(data.train.x, data.train.y, epoch)
        key = stream_key(state.seed, RandomStream.ENVIRONMENT, epoch)
        order = jax.lax.cond(
            position == 0, lambda: jax.random.permutation(key, state.source.size), lambda: state.source
        )
        chosen = jax.lax.dynamic_slice(order, (position * size,), (size,))
        return order, Batch(data.train.x[chosen], data.train.y[chosen], epoch)

    def parameters_of(network: Network) -> Any:
        return eqx.filter(network, eqx.is_inexact_array)

    def init_seed(seed: Array, values: Values) -> SeedState:
        rule, optimiser = learning_with(values)
        network, memory = rule.init(stream_key(seed, RandomStream.PARAMETERS, 0))
        optimiser_state = optimiser.init(parameters_of(network))
        return SeedState(seed, network, optimiser_state, memory, first_source(seed), jnp.zeros(()))

    def learn(state: SeedState, data: Data, update: Array, values: Values) -> SeedState:
        rule, optimiser = learning_with(values)
        source, batch = next_batch(state, data, update)
        key = stream_key(state.seed, RandomStream.LEARNING, update)
        found = rule.update(state.network, state.memory, batch, key)
        step, optimiser_state = optimiser.update(
            parameters_of(found.gradients), state.optimiser, parameters_of(state.network)
        )
        network = eqx.apply_updates(state.network, step).constrained()
        return SeedState(state.seed, network, optimiser_state, found.memory, source, state.loss + found.loss)

    def advance(state: FitState, data: Data, updates: Array, values: Values = None) -> FitState:
        def body(_: Array, state: FitState) -> FitState:
            seeds = jax.vmap(learn, (0, None, None, 0))(state.seeds, data, state.update, values)
            return FitState(seeds, state.update + 1)

        return jax.lax.fori_loop(0, updates, body, state)

    def score(network: Network, examples: Any) -> Score:
        def piece(part: tuple[Array, Array]) -> tuple[Array, Array]:
            outputs = network.predict(part[0])
            right = correct(outputs, part[1]) if kind == "classification" else jnp.full(len(outputs), jnp.nan)
            return losses(outputs, part[1], kind).sum(), right.sum()

        whole = len(examples.x) // _PIECE
        found = [jnp.zeros(2)]
        if whole:
            parts = jax.tree.map(lambda a: a[: whole * _PIECE].reshape(whole, _PIECE, *a.shape[1:]), tuple(examples))
            found.append(jnp.stack(jax.lax.map(piece, parts), axis=-1).sum(axis=0))
        if len(examples.x) % _PIECE:
            found.append(jnp.stack(piece(jax.tree.map(lambda a: a[whole * _PIECE :], tuple(examples)))))
        return Score(*(jnp.stack(found).sum(axis=0) / len(examples.x)))

    def evaluate_seed(state: SeedState, data: Data, update: Array, values: Values) -> Evaluation:
        rule, optimiser = learning_with(values)
        scores = {name: score(state.network, examples) for name, examples in data.splits.items()}
        _, batch = next_batch(state, data, update)
        key = stream_key(state.seed, RandomStream.LEARNING, update)

        def step(gradients: Any) -> Any:
            return optimiser.update(parameters_of(gradients), state.optimiser, parameters_of(state.network))[0]

        test = data.splits["test"].x[:_PIECE]
        diagnostics = diagnose(rule, state.network, state.memory, batch, key, step, test)
        return Evaluation(scores, diagnostics, state.network.measures())

    splits = {"valid": task.valid, "test": task.test} | {f"test_{name}": part for name, part in task.more.items()}
    if not isinstance(train, Stream):
        splits["train"] = Examples(train.x[:TRAIN_EXAMPLES], train.y[:TRAIN_EXAMPLES])

    def init(seeds: Integer[Array, " seeds"], values: Values = None) -> FitState:
        return FitState(jax.vmap(init_seed)(seeds, values), jnp.zeros((), jnp.int32))

    def evaluate(state: FitState, data: Data, values: Values = None) -> Evaluation:
        return jax.vmap(evaluate_seed, (0, None, None, 0))(state.seeds, data, state.update, values)

    everything = Data(() if isinstance(train, Stream) else train, splits)
    return Program(everything, updates_per_epoch, init, advance, evaluate)
