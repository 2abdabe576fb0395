"""What trains a run: the face that a session sees, the same for our agents and for SAC."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from accumbens.runs.directory import RunDirectory
from accumbens.training.config import RunConfig
from accumbens.training.evaluate import Evaluation
from accumbens.training.plan import Plan


@runtime_checkable
class RunTrainer(Protocol):
    """Everything that a session needs in order to run blocks of steps, evaluate, save and restore.

    The state is a tree that `checkpoints.save` can write; who passes it on must not use it again.

    Attributes:
        config: what the run was asked to do.
        seeds: its seeds.
        plan: its sizes.
        num_cells: cells that an evaluation distinguishes.
        columns: what `advance` reports, in the order of `metrics.csv`; `mean_return` is among them.
    """

    config: RunConfig
    seeds: list[int]
    plan: Plan
    num_cells: int
    columns: list[str]

    def measure_speed(self) -> float:
        """Compile, and return blocks per second while learning."""
        ...

    def init(self) -> Any:
        """Return the run before its first step."""
        ...

    def restore(self, run: RunDirectory, warn: Callable[[str], None]) -> Any:
        """Return the state of the newest good checkpoint.

        Raises:
            AccumbensError: there is none, or it does not fit this run.
        """
        ...

    def advance(self, state: Any, blocks: int, warn: Callable[[str], None]) -> tuple[Any, list[dict[str, Any]]]:
        """Run that many blocks and wait for them; `warn` is told what the user should know, once.

        Returns:
            the state, and for each seed a row with `columns`.

        Raises:
            NotFiniteError: something stopped being finite.
        """
        ...

    def evaluate(self, state: Any, epsilon: float = 0.0) -> Evaluation:
        """Evaluate the agents of all seeds, `epsilon` of their actions at random; the leading axis is of seeds."""
        ...

    def networks(self, state: Any) -> Any:
        """Return the parameters that act, of all seeds, as `checkpoints.save` can write them."""
        ...

    def require_finite_parameters(self, state: Any) -> None:
        """Raise if a parameter is not finite.

        Raises:
            NotFiniteError: names the first that is not.
        """
        ...

    def step_of(self, state: Any) -> int:
        """Return the environment steps each seed has done."""
        ...

    def close(self) -> None:
        """Release environments on the host."""
        ...
