"""What the learning of an agent reads: the traced program of its `learn` and `act`, walked through with labels.

The walk is cut at the signals that `taps` names, so every stage has its own answer: what a cell's error is made of,
which errors reach the gradient of a cell's parameters, and which gradients reach its update. Activity that travels
between cells is not an error signal and is left out by these cuts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool

from accumbens.agents.protocol import Agent, EnvironmentFacts, Rollout
from accumbens.tracing.primitives import Mask, labels_of
from accumbens.tracing.taint import Walk
from accumbens.training.audit.shapes import ITERATION, KEY, SCALAR, Traced, trace_shapes
from accumbens.training.audit.taps import Disturbance, parse_name, tap

Matrix = Bool[np.ndarray, "cells cells"]
SIGNALS = ("prediction", "bootstrap", "error", "gradient")
DATA = ("reward", "terminated", "truncated", "action", "observation", "carry")
_FIELDS = {"final_observation": "observation", "last_observation": "observation"}
_FIELDS |= {"next_carry": "carry", "last_carry": "carry"}


class Dependencies(NamedTuple):
    """What can reach what. Entry (i, j) of a matrix: does this signal of cell i reach that of cell j?

    Attributes:
        predictions: predicted values in the errors.
        bootstraps: values that are only looked at, as in TD targets, in the errors.
        gradients: errors in the gradients of the parameters, by way of derivatives.
        updates: gradients in the updates of the parameters.
        memories: what the optimiser remembers of gradients, in the updates of the parameters.
        bypasses: predicted values or errors in the updates by another way than through gradients.
        activities: errors that come back to the activity of a cell from outside of it.
        time: errors in the derivatives with respect to the activity one step ago.
        predicting: cells that have an error.
        error_data: what else the error of each cell is made of, out of `DATA`.
        acting: cells whose values the action depends on; a cell whose weight in acting is zero is none.
        target_network: names of the copies of parameters that errors depend on.
        replay: names of the stored data that errors depend on.
        traces: names of what is remembered for gradients alone, as eligibility traces are; no error depends on it.
        parameters: numbers of the leaves of the agent's state that are the parameters of every cell.
        memory: numbers of those that are what the optimiser of every cell remembers.
    """

    predictions: Matrix
    bootstraps: Matrix
    gradients: Matrix
    updates: Matrix
    memories: Matrix
    bypasses: Matrix
    activities: Matrix
    time: Matrix
    predicting: tuple[int, ...]
    error_data: tuple[tuple[str, ...], ...]
    acting: tuple[int, ...]
    target_network: tuple[str, ...]
    replay: tuple[str, ...]
    traces: tuple[str, ...]
    parameters: tuple[tuple[int, ...], ...]
    memory: tuple[tuple[int, ...], ...]

    def td_errors(self) -> Matrix:
        """Return whose TD error the update of a cell reads, by whatever way."""
        reached = _product(self.gradients, self.updates | self.memories)
        return _product(self.predictions, reached) | self.bypasses


def _product(first: Matrix, second: Matrix) -> Matrix:
    return (first.astype(int) @ second.astype(int)) > 0


class _Analysis:
    """The walks through one agent, and what they met."""

    def __init__(self, agent: Agent, traced: Traced):
        self._agent, self._traced = agent, traced
        self._cells = agent.network(traced.state).cells
        self.num_cells = len(self._cells)
        self.paths = traced.paths()
        signals = [f"{kind}:{cell}" for kind in SIGNALS for cell in range(self.num_cells)]
        self.labels = [*signals, *DATA, *(f"leaf:{index}" for index in range(len(self.paths)))]
        self.met: dict[tuple[str, int], Mask] = {}
        self.walk = Walk(self.labels, self._on_mark)
        self._of = {kind: np.asarray([label.partition(":")[0] == kind for label in self.labels]) for kind in SIGNALS}
        self._leaf = np.asarray([label.startswith("leaf:") for label in self.labels])
        self._any_signal = np.logical_or.reduce(list(self._of.values()))

    def _on_mark(self, name: str, mask: Mask) -> Mask:
        parsed = parse_name(name)
        if parsed is None:
            return mask
        kind, cell = parsed
        labels = labels_of(mask)
        self.met[parsed] = self.met.get(parsed, np.zeros(len(self.labels), bool)) | labels
        if kind == "parameters":
            return mask & self._leaf
        if kind == "input":
            return mask & ~self._any_signal
        if kind in ("prediction", "bootstrap"):
            return mask | self.walk.one(f"{kind}:{cell}")
        if kind in ("error", "gradient"):  # an array that depends on nothing is no signal
            return self.walk.filled(mask.shape[:-1], f"{kind}:{cell}") if labels.any() else mask
        return mask

    def trace(self, function: Callable, *arguments: Any, masks: list[Mask]) -> list[Mask]:
        """Walk through a function of tapped cells; its first argument is a tree that holds cells."""

        def tapped(tree: Any, *rest: Any) -> Any:
            return function(tap(tree, self._cells, Disturbance()), *rest)

        self.met = {}
        return self.walk.run(jax.make_jaxpr(tapped)(*arguments), masks)

    def blank(self, tree: Any) -> list[Mask]:
        """Return masks of arrays that depend on nothing known."""
        return [self.walk.blank(leaf.shape) for leaf in jax.tree.leaves(tree)]

    def filled(self, tree: Any, label: str) -> list[Mask]:
        """Return masks of arrays that all have one label."""
        return [self.walk.filled(leaf.shape, label) for leaf in jax.tree.leaves(tree)]

    def signal(self, labels: Mask, kind: str) -> Bool[np.ndarray, " cells"]:
        """Return the cells of which labels have a signal."""
        return labels[..., self._of[kind]]

    def matrix(self, mark: str, kind: str) -> Matrix:
        """Return which cells' signals were met at a mark of every cell."""
        nothing = np.zeros(len(self.labels), bool)
        rows = [self.signal(self.met.get((mark, cell), nothing), kind) for cell in range(self.num_cells)]
        return np.stack(rows, axis=1)

    def leaves(self, labels: Mask) -> set[int]:
        """Return the leaves of the state that labels name."""
        return set(np.flatnonzero(labels[self._leaf]).tolist())

    def acting(self) -> tuple[Mask, Mask, Matrix]:
        """Walk through `act` and back.

        Returns:
            the masks of values and action, and which cells' errors have a derivative with respect to which cells'
            activity one step ago.
        """
        traced, agent = self._traced, self._agent
        network = agent.network(traced.state)
        values = jax.eval_shape(agent.act, network, traced.memory, traced.observation, SCALAR, KEY).values
        arguments = (network, traced.memory, traced.observation, SCALAR, KEY)

        def choose(*arguments):
            decision = agent.act(*arguments)
            return decision.values, decision.action

        def pull(network, memory, observation, epsilon, key, error):
            def values_of(carry):
                return agent.act(network, memory._replace(carry=carry), observation, epsilon, key).values

            return jax.vjp(values_of, memory.carry)[1](error)[0]

        blank = [mask for part in arguments for mask in self.blank(part)]
        values_mask, action_mask = self.trace(choose, *arguments, masks=blank)
        derivatives = self.trace(pull, *arguments, values, masks=[*blank, *self.filled(values, "reward")])
        time = np.stack([self.signal(labels_of(mask), "error") for mask in derivatives], axis=1)
        return values_mask, action_mask, time

    def learning(self, values: Mask) -> list[Mask]:
        """Walk through `learn`; return the masks of the new state's leaves."""
        traced, rollout = self._traced, self._traced.rollout
        masks = [self.walk.filled(leaf.shape, f"leaf:{i}") for i, leaf in enumerate(jax.tree.leaves(traced.state))]
        for field in Rollout._fields:
            if field == "values":
                masks.append(np.broadcast_to(values, (*rollout.values.shape, len(self.labels))))
            else:
                masks += self.filled(getattr(rollout, field), _FIELDS.get(field, field))
        masks += self.blank((ITERATION, KEY))
        results = self.trace(
            lambda *arguments: self._agent.learn(*arguments)[0], traced.state, rollout, ITERATION, KEY, masks=masks
        )
        return [labels_of(mask) for mask in results]


def analyse(agent: Agent, env: EnvironmentFacts, truncates: bool) -> Dependencies:
    """Return what the learning of an agent reads. Nothing is compiled or computed: only programs are read.

    Args:
        agent: any agent whose network has `cells`; the smaller its sizes, the faster.
        env: the static facts of its environment.
        truncates: whether episodes are ever truncated.

    Raises:
        AccumbensError: the agent has no network of cells.
    """
    traced = trace_shapes(agent, env, truncates)
    walk = _Analysis(agent, traced)
    cells = range(walk.num_cells)
    values, action, time = walk.acting()
    new = walk.learning(values)

    own = [set(jax.tree.leaves(cell)) for cell in traced.network.cells]
    online = set(jax.tree.leaves(traced.network))
    no_labels = np.zeros(len(walk.labels), bool)
    errors = [walk.met.get(("error", cell), no_labels) for cell in cells]
    gradients = [walk.met.get(("gradient", cell), no_labels) for cell in cells]
    updates = [np.logical_or.reduce([new[leaf] for leaf in own[cell]]) for cell in cells]

    # Leaves of the state, by what the computation does with them.
    parameters = set().union(*(walk.leaves(labels) for (kind, _), labels in walk.met.items() if kind == "parameters"))
    learned_from = set().union(*map(walk.leaves, errors + gradients)) - online
    in_errors = set().union(*map(walk.leaves, errors))
    owners = {leaf: walk.signal(new[leaf], "gradient") for leaf in range(len(new))}
    memory = [sorted(walk.leaves(updates[cell]) - online - learned_from) for cell in cells]
    memories = np.zeros((walk.num_cells, walk.num_cells), bool)
    for cell in cells:
        for leaf in memory[cell]:
            memories[:, cell] |= owners[leaf]

    arrivals, context = walk.matrix("arrival", "error"), walk.matrix("context", "error")
    # What comes back to a cell's activity from itself or from below comes from a later step.
    time = time | context | np.triu(arrivals)
    bypasses = np.stack([walk.signal(labels, "prediction") | walk.signal(labels, "error") for labels in updates], 1)
    return Dependencies(
        predictions=walk.matrix("error", "prediction"),
        bootstraps=walk.matrix("error", "bootstrap"),
        gradients=walk.matrix("gradient", "error"),
        updates=np.stack([walk.signal(labels, "gradient") for labels in updates], axis=1),
        memories=memories,
        bypasses=bypasses,
        activities=arrivals,
        time=time,
        predicting=tuple(cell for cell in cells if errors[cell].any()),
        error_data=tuple(tuple(name for name in DATA if labels[walk.labels.index(name)]) for labels in errors),
        acting=_weighted(agent, np.flatnonzero(walk.signal(labels_of(action), "bootstrap")).tolist()),
        target_network=tuple(walk.paths[leaf] for leaf in sorted(learned_from & parameters)),
        replay=tuple(walk.paths[leaf] for leaf in sorted((learned_from - parameters) & in_errors)),
        traces=tuple(walk.paths[leaf] for leaf in sorted(learned_from - parameters - in_errors)),
        parameters=tuple(tuple(sorted(leaves)) for leaves in own),
        memory=tuple(map(tuple, memory)),
    )


def _weighted(agent: Agent, cells: list[int]) -> tuple[int, ...]:
    """Leave out cells that the agent multiplies by zero, which no program that is only read can tell."""
    weights = agent.cell_weights[-1]
    if len(cells) != len(weights):
        return tuple(cells)
    return tuple(cell for cell, weight in zip(cells, weights, strict=True) if weight)
