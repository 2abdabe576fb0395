"""The compiled pieces of one fit: data, rule and program together, and rows of numbers out of them."""

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.credit.checker import check_rule
from accumbens.credit.config import FitConfig
from accumbens.credit.diagnostics import Diagnostics
from accumbens.credit.program import Data, Evaluation, FitState, make_program
from accumbens.credit.protocol import Network, Rule
from accumbens.credit.registry import RULES, make_rule
from accumbens.credit.settings import RuleSettings
from accumbens.credit.tasks.description import describe, to_table
from accumbens.credit.tasks.registry import TASKS, is_file, make_task
from accumbens.errors import AccumbensError, require, users_code
from accumbens.runs.devices import ALL, SEEDS, over_devices
from accumbens.runs.directory import RunDirectory
from accumbens.runs.health import HELPS, NotFiniteError, require_finite_parameters
from accumbens.runs.interrupt import wait_for
from accumbens.runs.side_by_side import SideBySide

CHUNK_SECONDS = 1.0
"""About how long a chunk takes, which Ctrl-C waits for and after which the bar moves."""


class Fitting(SideBySide[FitState]):
    """The compiled pieces of one fit, or of several side by side."""

    shares_out = True

    def __init__(self, config: FitConfig, *beside: FitConfig):
        """Load the data and build the program; nothing is compiled yet.

        Args:
            config: of the fit.
            beside: of fits that learn side by side with it: they may differ in numbers of the rule's settings, and in
                their seeds.

        Raises:
            AccumbensError: there are no data, or the settings do not fit them.
        """
        self._take([config, *beside], "rule_settings")
        data = Path(config.data) if config.data else None
        self.task = make_task(config.task, config.task_settings, config.rule_settings.batch_size, data)
        rule = make_rule(config.rule, config.rule_settings, self.task.facts, config.task)
        if config.rule not in RULES:
            try:
                check_rule(rule, self.task.facts)
            except AccumbensError as error:
                raise AccumbensError(f"rule={config.rule} cannot be used: {error}") from error

        def rule_with(settings: RuleSettings) -> Rule:
            return make_rule(config.rule, settings, self.task.facts, config.task)

        program = make_program(self.task, rule, config.rule_settings, rule_with)
        self._host_data, self.updates_per_epoch = program.data, program.updates_per_epoch
        self.total = config.epochs * program.updates_per_epoch
        self.notes = list(self.task.notes)
        self.keeps_every_network = self.task.facts.controlled  # paths before, during and after are looked at
        self._evaluations = min(config.evaluations, self.total)
        self._size = 1
        # Updates are counted in 32 bits.
        most = (2**31 - 1) // program.updates_per_epoch
        require("epochs", config.epochs, f"from 1 to {most} of this task", config.epochs <= most)
        count, whole = len(self.seeds), cast(Any, FitState)(SEEDS, ALL)
        self._init = jax.jit(over_devices(program.init, count, (SEEDS, SEEDS), whole))
        advance = over_devices(program.advance, count, (whole, ALL, ALL, SEEDS), whole)
        self._advance = jax.jit(advance, donate_argnums=0)
        self._evaluate = jax.jit(over_devices(program.evaluate, count, (whole, ALL, SEEDS), SEEDS))
        with users_code(f"task={config.task} with rule={config.rule} does not work"):
            network = self.like().seeds.network
            if config.rule not in RULES or not (config.task in TASKS or is_file(config.task)):
                self.trace()
        self.num_layers = len(network.layers)
        self.classifies = self.task.facts.kind == "classification"
        self.columns = [
            *("epoch", "learning_loss"),
            *(f"{split}_{what}" for split in sorted(self._host_data.splits) for what in self._scored()),
            *(f"{name}_{layer}" for name in Diagnostics._fields for layer in range(1, self._layers_of(name) + 1)),
            *jax.eval_shape(jax.vmap(lambda network: network.measures()), network),
        ]
        if beside:
            self._runs = [self._alone(own) for own in (config, *beside)]

    def trace(self) -> None:
        """Go through the programs without compiling them: what they call of the user's own may raise.

        Raises:
            TypeError: of JAX; a setting that differs between fits side by side is not a number to compute with.
        """
        jax.eval_shape(self._advance, self.like(), self._host_data, jnp.int32(1), self._values)
        jax.eval_shape(self._evaluate, self.like(), self._host_data, self._values)

    def _alone(self, config: FitConfig) -> "Fitting":
        """One of the fits side by side, which reads and writes for itself but does not learn alone."""
        make_rule(config.rule, config.rule_settings, self.task.facts, config.task)  # which refuses what cannot be used
        return super()._alone(config)

    @cached_property
    def _data(self) -> Data:
        """The data on the device, where they are put when the first update is done."""
        return jax.tree.map(jnp.asarray, self._host_data)

    def _scored(self) -> list[str]:
        return ["loss", "accuracy"] if self.classifies else ["loss"]

    def _layers_of(self, name: str) -> int:
        return self.num_layers - (name in ("entropy", "sparsity"))

    def init(self) -> FitState:
        """Return the fit before its first update."""
        return self._init(jnp.asarray(self.seeds, jnp.uint32), self._values)

    def like(self) -> Any:
        """Return the shapes of the state."""
        return jax.eval_shape(self._init, jax.ShapeDtypeStruct((len(self.seeds),), jnp.uint32), self._values)

    def learn(self, state: FitState, updates: int) -> FitState:
        """Run that many updates and wait for them; the state that goes in is used up."""
        state = self._advance(state, self._data, jnp.int32(updates), self._values)
        wait_for(state.update)  # arrays of one program are ready together; random keys cannot be asked
        return state

    def prepare(self) -> float:
        """Compile, choose how many updates make a chunk, and return updates per second of each seed."""
        state = self.learn(self.init(), 1)
        updates, seconds = 1, 0.0
        while seconds < CHUNK_SECONDS / 20:
            updates *= 2
            begin = time.perf_counter()
            state = self.learn(state, updates)
            seconds = time.perf_counter() - begin
        self._size = max(1, round(updates * CHUNK_SECONDS / seconds))
        return updates / seconds

    def step_of(self, state: FitState) -> int:
        """Return the updates that each seed has done."""
        return int(state.update)

    def evaluation_at(self, number: int) -> int:
        """Return the update after which evaluation `number` takes place; 0 is before the first."""
        return round(number * self.total / self._evaluations)

    def _next_evaluation(self, update: int) -> int:
        """The first evaluation after an update."""
        number = int(update * self._evaluations / self.total)
        while self.evaluation_at(number) <= update:
            number += 1
        return self.evaluation_at(number)

    def advance(
        self, state: FitState, evaluated: int, warn: Callable[[str], None]
    ) -> tuple[FitState, list[dict[str, Any]], float]:
        """Run one chunk, to the next evaluation at most; the score is the mean loss since the last."""
        before = int(state.update)
        state = self.learn(state, min(self._size, self._next_evaluation(before) - before))
        loss, update = np.asarray(state.seeds.loss), int(state.update)
        if not np.isfinite(loss).all():
            self.require_finite_parameters(state)
            rows = np.flatnonzero(~np.isfinite(loss)).tolist()
            text = "the loss of seed {} is no longer finite at update {}"
            raise NotFiniteError.of({row: text.format(self.seeds[row], update) for row in rows})
        return state, [], float(loss.mean()) / (update - evaluated)

    def is_due(self, before: int, after: int) -> bool:
        """Return whether an evaluation is due."""
        return self._next_evaluation(before) <= after

    def evaluate(self, state: FitState, evaluated: int) -> tuple[FitState, list[dict[str, Any]]]:
        """Evaluate all seeds; return a row per seed."""
        found: Evaluation = jax.tree.map(np.asarray, self._evaluate(state, self._data, self._values))
        since, rows = int(state.update) - evaluated, []
        for index, seed in enumerate(self.seeds):
            row = {"epoch": int(state.update) / self.updates_per_epoch}
            row["learning_loss"] = float(state.seeds.loss[index]) / since if since else float("nan")
            for split, score in found.scores.items():
                row |= {f"{split}_{what}": getattr(score, what)[index].item() for what in self._scored()}
            for name, values in found.diagnostics._asdict().items():
                row |= {f"{name}_{layer}": value for layer, value in enumerate(values[index].tolist(), start=1)}
            row |= {name: values[index].item() for name, values in found.measures.items()}
            rows.append({"seed": seed} | {column: row[column] for column in self.columns})
        return state._replace(seeds=state.seeds._replace(loss=jnp.zeros_like(state.seeds.loss))), rows

    def networks(self, state: FitState) -> Network:
        """Return the networks of all seeds."""
        return state.seeds.network

    def begin_from(self, state: FitState, networks: Network) -> FitState:
        """Return a first state with other networks; optimiser and the rule's memory are those of a beginning."""
        return state._replace(seeds=state.seeds._replace(network=networks))

    def recorded(self) -> dict[str, Any]:
        """Return what is kept of the task, and the digest of its data."""
        return {"data_sha256": self.task.digest, "task": to_table(describe(self.task))}

    def require_continues(self, run: RunDirectory) -> None:
        """Refuse other data than those that the run was started with."""
        if run.read_meta().get("data_sha256", self.task.digest) != self.task.digest:
            raise AccumbensError(f"the data are not those that {run.path} was started with: their SHA-256 differs")

    def require_finite_parameters(self, state: FitState) -> None:
        """Raise if a parameter is not finite.

        Raises:
            NotFiniteError: names the first layer and its seed.
        """
        network: Network = state.seeds.network
        layers = ((f"layer {number}", layer) for number, layer in enumerate(network.layers, start=1))
        require_finite_parameters(layers, self.seeds, f"at update {int(state.update)}; {HELPS}")
