"""Everything `accumbens analyze` finds out about a run."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from accumbens.agents import network
from accumbens.errors import AccumbensError
from accumbens.representation import alignment
from accumbens.representation import vectors as of_cells
from accumbens.representation.recording import COPIES, draw, record, rows
from accumbens.representation.scenarios import (
    Responses,
    Scenario,
    find_scenarios,
    make_firing,
    respond,
)
from accumbens.runs.snapshots import snapshot_steps
from accumbens.training.kind import AGENTS
from accumbens.training.play import Mind, Moment, make_arena
from accumbens.training.trained import Trained, open_trained

PERCENTILES = (5, 25, 50, 75, 95)
QUANTITIES = ("hidden_norm", "vector_norm", "value")


class Request(NamedTuple):
    """What is asked for.

    Attributes:
        step: of the snapshot that is pictured, the last of those that are followed; None takes the newest.
        seed: whose network is pictured; None takes the run's first.
        states: that the pictures show.
        steps: that each of 8 copies of the environment is played for, at every snapshot of every seed.
        transitions: of these, that gradients are taken of.
        epsilon: probability of a random action.
    """

    step: int | None = None
    seed: int | None = None
    states: int = 200
    steps: int = 500
    transitions: int = 1024
    epsilon: float = 0.05

    def check(self) -> None:
        """Refuse numbers that cannot be.

        Raises:
            AccumbensError: names the number and what is allowed.
        """
        for name, least in (("states", 3), ("steps", 2), ("transitions", 1)):
            if getattr(self, name) < least:
                raise AccumbensError(f"{name}={getattr(self, name)} cannot be used: expected at least {least}")
        recorded = COPIES * self.steps
        for name in ("states", "transitions"):
            if getattr(self, name) > recorded:
                raise AccumbensError(
                    f"{name}={getattr(self, name)} cannot be used: {self.steps} steps of {COPIES} copies of the "
                    f"environment are {recorded}; give more --steps"
                )
        if not 0 <= self.epsilon <= 1:
            raise AccumbensError(f"epsilon={self.epsilon:g} cannot be used: expected a probability from 0 to 1")


class Picture(NamedTuple):
    """One cell's vectors over states × actions, or over states, of one network.

    Attributes:
        cell: its number, from 1.
        kind: which vector it is, see `vectors`.
        width: its length.
        components: two principal components of all points.
        state: number of every point's state.
        action: of every point; of kind `activity`, which has none, the greedy one.
        greedy: whether that is what the cell would do; a cell that predicts nothing does what the network does.
        value: the cell's value of that action; the network's, for a cell that predicts nothing.
        shares: of the variance that action and state account for; None for kind `activity`.
    """

    cell: int
    kind: of_cells.Kind
    width: int
    components: of_cells.Components
    state: Int[np.ndarray, " points"]
    action: Int[np.ndarray, " points"]
    greedy: Any
    value: Float[np.ndarray, " points"]
    shares: of_cells.Shares | None


class Norms(NamedTuple):
    """A quantity of one cell over the states that one network was in.

    Attributes:
        step, seed, cell: whose.
        quantity: `hidden_norm`, the Euclidean length of the hidden activity; `vector_norm`, of the vector of the action
            taken; `value`, of that action.
        values: in every state.
    """

    step: int
    seed: int
    cell: int
    quantity: str
    values: Float[np.ndarray, " states"]


class Aligned(NamedTuple):
    """A comparison of gradients of one network."""

    step: int
    seed: int
    comparison: alignment.Comparison


class Study(NamedTuple):
    """What was found out about a run; the pictures are of one network, the rest of all followed."""

    trained: Trained
    seed: int
    request: Request
    steps: list[int]
    pictures: list[Picture]
    scenarios: list[Scenario]
    responses: list[Responses]
    norms: list[Norms]
    aligned: list[Aligned]


def study(path: Path, request: Request, advance: Callable[[int, int], None] = lambda done, total: None) -> Study:
    """Look at the networks of a run, in states that they get into.

    Args:
        path: of the run.
        request: what is asked for.
        advance: is told how many networks are done, of how many.

    Raises:
        AccumbensError: a number cannot be used, or the run has no such snapshot or seed, or a network is not finite.
    """
    request.check()
    newest = open_trained(path, request.step)
    seed = newest.seeds[0] if request.seed is None else request.seed
    newest.network(seed)  # refuses an unknown seed before minutes of work
    steps = [step for step in snapshot_steps(AGENTS.open(path)[0]) if step <= newest.step]
    observe = _Observer(newest, request)
    found = Study(newest, seed, request, steps, [], [], [], [], [])
    total, done = len(steps) * len(newest.seeds), 0
    with closing(make_arena(newest, COPIES)) as arena:
        for step in steps:
            trained = newest if step == newest.step else open_trained(path, step)
            for each in trained.seeds:
                recording = record(trained, arena, observe.mind, each, request.steps)
                stack = trained.network(each)
                found.norms.extend(observe.norms(stack, recording, step, each))
                found.aligned.extend(observe.aligned(stack, recording, step, each))
                if (step, each) == (newest.step, seed):
                    found.pictures.extend(observe.pictures(stack, recording))
                    found.scenarios.extend(find_scenarios(recording, *observe.acting(recording)))
                    if found.scenarios:
                        found.responses.extend(
                            respond(cell, found.scenarios) for cell in observe.firing(stack, recording)
                        )
                done += 1
                advance(done, total)
    return found


class _Observer:
    """The compiled functions that all networks of a run are looked at with."""

    def __init__(self, trained: Trained, request: Request):
        settings, facts = trained.settings, trained.facts
        self.mind = Mind(trained, request.epsilon)
        self._layout = network.layout_of(settings, facts)._replace(num_quantiles=None)
        self._choices = self._layout.choices(facts.num_actions)
        self._weights = trained.agent.cell_weights[-1]
        self._vectors = jax.jit(of_cells.make_vectors(settings, facts))
        self._firing = jax.jit(make_firing(settings, facts))
        self._transitions = jax.jit(alignment.make_transitions(settings, facts))
        self._gradients = jax.jit(alignment.make_gradients(settings, facts))
        some = trained.network(trained.seeds[0])
        self._kinds = of_cells.kinds_of(some)
        self._activity = alignment.activity_leaves(some, int(np.prod(facts.observation_shape)))
        recorded = COPIES * request.steps
        self._states = draw(np.random.default_rng(0), request.states, recorded)
        number = request.transitions
        number -= number % alignment.CHUNK if number > alignment.CHUNK else 0
        self._rows = draw(np.random.default_rng(1), number, recorded)

    def aligned(self, stack: Any, recording: Moment, step: int, seed: int) -> list[Aligned]:
        """Compare gradients."""
        transitions = self._transitions(stack, recording, jnp.asarray(self._rows))
        gradients = jax.device_get(self._gradients(stack, transitions))
        return [Aligned(step, seed, each) for each in alignment.compare(gradients, self._activity)]

    def firing(self, stack: Any, recording: Moment) -> list[np.ndarray]:
        """Return the activity of every cell in all states."""
        seen = rows(recording, np.arange(recording.reward.size))
        return [np.asarray(cell) for cell in self._firing(stack, jnp.asarray(seen.observation), seen.carry)]

    def acting(self, recording: Moment) -> tuple[np.ndarray, np.ndarray]:
        """Return what the network acts on: its value of the greedy action, and that action's choices."""
        q = np.einsum("...ca,c->...a", recording.values, self._weights)
        return self._best(q)

    def _best(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The value of the greedy action, and its choices, numbered through, on a last axis."""
        greedy = self._layout.greedy(jnp.asarray(q))
        value = np.asarray(self._layout.at(jnp.asarray(q), greedy))
        choices = np.asarray(greedy).reshape(*q.shape[:-1], -1)
        return value, choices + self._choices * np.arange(choices.shape[-1])

    def pictures(self, stack: Any, recording: Moment) -> list[Picture]:
        """Return the principal components of every cell."""
        seen = rows(recording, self._states)
        return [
            self._picture(cell, kind, np.asarray(vectors), self._q(seen, cell))
            for cell, (kind, vectors) in enumerate(zip(self._kinds, self._of(stack, seen), strict=True))
        ]

    def _of(self, stack: Any, seen: Moment) -> Sequence[Any]:
        return self._vectors(stack, jnp.asarray(seen.observation), seen.carry)

    def _q(self, seen: Moment, cell: int) -> np.ndarray:
        """The values of a cell; those that the network acts on, for a cell that predicts nothing."""
        predicting = cell - (len(self._kinds) - seen.values.shape[1])
        return seen.values[:, predicting] if predicting >= 0 else np.einsum("sca,c->sa", seen.values, self._weights)

    def _picture(self, cell: int, kind: of_cells.Kind, vectors: np.ndarray, q: np.ndarray) -> Picture:
        states, candidates, width = vectors.shape
        best, choices = self._best(q)
        state = np.repeat(np.arange(states), candidates)
        if kind == "activity":
            value, greedy = best, np.ones(states, bool)
            base = self._choices ** np.arange(choices.shape[-1])  # of choices, the number of their combination
            action = (choices % self._choices) @ base
        else:
            value, action = q.ravel(), np.tile(np.arange(candidates), states)
            greedy = (action[:, None] == np.repeat(choices, candidates, axis=0)).any(axis=-1)
        components = of_cells.principal_components(vectors.reshape(-1, width), value)
        shares = None if kind == "activity" else of_cells.variance_shares(vectors)
        return Picture(cell + 1, kind, width, components, state, action, greedy, value, shares)

    def norms(self, stack: Any, recording: Moment, step: int, seed: int) -> list[Norms]:
        """Return the sizes of activity, vectors and values."""
        seen = rows(recording, self._states)
        found = []
        for cell, (kind, vectors) in enumerate(zip(self._kinds, self._of(stack, seen), strict=True)):
            measured = {"hidden_norm": np.linalg.norm(seen.hidden[cell].astype(np.float64), axis=-1)}
            if kind != "activity":
                lengths = np.linalg.norm(np.asarray(vectors, np.float64), axis=-1)
                measured["vector_norm"] = np.asarray(self._layout.at(jnp.asarray(lengths), jnp.asarray(seen.action)))
            predicting = cell - (len(self._kinds) - seen.taken.shape[1])
            if predicting >= 0:
                measured["value"] = seen.taken[:, predicting]
            found += [Norms(step, seed, cell + 1, name, values.astype(float)) for name, values in measured.items()]
        return found


def early(steps: Sequence[int]) -> list[int]:
    """Return the first step, one early in training and the last: the one nearest to a tenth of the way."""
    between = [step for step in steps[1:-1] if step - steps[0] <= (steps[-1] - steps[0]) / 2]
    target = steps[0] + 0.1 * (steps[-1] - steps[0])
    chosen = [min(between, key=lambda step: abs(step - target))] if between else []
    return sorted({steps[0], *chosen, steps[-1]})
