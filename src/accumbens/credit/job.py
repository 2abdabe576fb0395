"""The compiled pieces of one fit: data, rule and program together, and rows of numbers out of them."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from accumbens.credit.config import FitConfig
from accumbens.credit.diagnostics import Diagnostics
from accumbens.credit.program import Evaluation, FitState, make_program
from accumbens.credit.protocol import Network
from accumbens.credit.registry import rule_entry
from accumbens.credit.tasks.registry import make_task
from accumbens.errors import require
from accumbens.runs.interrupt import wait_for
from accumbens.training.health import NotFiniteError


class Fitting:
    """The compiled pieces of one fit."""

    def __init__(self, config: FitConfig):
        """Load the data and build the program; nothing is compiled yet.

        Raises:
            AccumbensError: there are no data, or the settings do not fit them.
        """
        self.config, self.seeds = config, config.seed_list()
        data = Path(config.data) if config.data else None
        self.task = make_task(config.task, config.task_settings, config.rule_settings.batch_size, data)
        rule = rule_entry(config.rule)[1].make(config.rule_settings, self.task.facts)
        program = make_program(self.task, rule, config.rule_settings)
        self._data, self.updates_per_epoch = program.data, program.updates_per_epoch
        self.updates = config.epochs * program.updates_per_epoch
        self.evaluations = min(config.evaluations, self.updates)
        # Updates are counted in 32 bits.
        most = (2**31 - 1) // program.updates_per_epoch
        require("epochs", config.epochs, f"from 1 to {most} of this task", config.epochs <= most)
        self._init = jax.jit(program.init)
        self._advance = jax.jit(program.advance, donate_argnums=0)
        self._evaluate = jax.jit(program.evaluate)
        network = self.like().seeds.network
        self.num_layers = len(network.layers)
        self.classifies = self.task.facts.kind == "classification"
        self.columns = [
            *("epoch", "learning_loss"),
            *(f"{split}_{what}" for split in self._data.splits for what in self._scored()),
            *(f"{name}_{layer}" for name in Diagnostics._fields for layer in range(1, self._layers_of(name) + 1)),
        ]

    def _scored(self) -> list[str]:
        return ["loss", "accuracy"] if self.classifies else ["loss"]

    def _layers_of(self, name: str) -> int:
        return self.num_layers - (name in ("entropy", "sparsity"))

    def init(self) -> FitState:
        """Return the fit before its first update."""
        return self._init(jnp.asarray(self.seeds, jnp.uint32))

    def like(self) -> Any:
        """Return the shapes of the state."""
        return jax.eval_shape(self._init, jax.ShapeDtypeStruct((len(self.seeds),), jnp.uint32))

    def advance(self, state: FitState, updates: int) -> FitState:
        """Run that many updates and wait for them; the state that goes in is used up."""
        state = self._advance(state, self._data, jnp.int32(updates))
        wait_for(state.update)  # arrays of one program are ready together; random keys cannot be asked
        return state

    def evaluation_at(self, number: int) -> int:
        """Return the update after which evaluation `number` takes place; 0 is before the first."""
        return round(number * self.updates / self.evaluations)

    def last_evaluation(self, update: int) -> tuple[int, int]:
        """Return the last evaluation at or before an update: when it was, and its number."""
        number = int(update * self.evaluations / self.updates) + 1
        while self.evaluation_at(number) > update:
            number -= 1
        return self.evaluation_at(number), number

    def evaluate(self, state: FitState, since: int) -> list[dict[str, Any]]:
        """Evaluate all seeds; return a row per seed with `columns`.

        Args:
            state: as it is.
            since: updates that `state.seeds.loss` sums over.
        """
        found: Evaluation = jax.tree.map(np.asarray, self._evaluate(state, self._data))
        rows = []
        for index in range(len(self.seeds)):
            row = {"epoch": int(state.update) / self.updates_per_epoch}
            row["learning_loss"] = float(state.seeds.loss[index]) / since if since else float("nan")
            for split, score in found.scores.items():
                row |= {f"{split}_{what}": getattr(score, what)[index].item() for what in self._scored()}
            for name, values in found.diagnostics._asdict().items():
                row |= {f"{name}_{layer}": value for layer, value in enumerate(values[index].tolist(), start=1)}
            rows.append({column: row[column] for column in self.columns})
        return rows

    def require_finite(self, state: FitState) -> None:
        """Raise if a parameter is not finite.

        Raises:
            NotFiniteError: names the first layer and its seed.
        """
        network: Network = state.seeds.network
        for number, layer in enumerate(network.layers, start=1):
            for leaf in jax.tree.leaves(eqx.filter(layer, eqx.is_inexact_array)):
                finite = np.isfinite(leaf).reshape(len(self.seeds), -1).all(axis=1)
                if not finite.all():
                    raise NotFiniteError(
                        f"layer {number} of seed {self.seeds[int(np.argmin(finite))]} is no longer finite (NaN or Inf) "
                        f"at update {int(state.update)}; a lower learning_rate often helps"
                    )
