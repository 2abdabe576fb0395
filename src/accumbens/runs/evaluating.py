"""What `accumbens evaluate` asks a kind of run: to play, or to try again, with what was learned."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from accumbens.errors import AccumbensError, require


class Asked(NamedTuple):
    """What is asked for; options that were not given are None.

    Attributes:
        num_episodes: per seed.
        options: by their names on the command line, such as `--epsilon`; each is for some kinds only.
    """

    num_episodes: int
    options: dict[str, Any]


@runtime_checkable
class EvaluationReporter(Protocol):
    """Who is told how an evaluation goes."""

    def message(self, text: str) -> None:
        """Something the user should know, even when quiet."""
        ...

    def table(self, heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """What a run came to: names of columns, and texts."""
        ...


class Evaluated(NamedTuple):
    """What came of one run.

    Attributes:
        documents: what `--json` prints, one for each way in which it was evaluated.
        files: with a row per episode.
    """

    documents: list[dict[str, Any]]
    files: list[Path]


class Evaluating(ABC):
    """How runs of one kind are evaluated.

    Attributes:
        noun: for what is evaluated, in the plural.
        options: the options that are for this kind.
    """

    noun: str
    options: Sequence[str]

    def check(self, path: Path, asked: Asked) -> None:
        """Refuse numbers and options that cannot be used, and what is no run, before anything is played.

        Raises:
            AccumbensError: says which.
        """
        require("num_episodes", asked.num_episodes, ">= 1", asked.num_episodes >= 1)
        for name, value in asked.options.items():
            if value is not None and name not in self.options:
                raise AccumbensError(f"{name} cannot be used: it is not for {self.noun}, and {path} is one of theirs")

    @abstractmethod
    def evaluate(self, path: Path, asked: Asked, reporter: EvaluationReporter) -> Evaluated:
        """Evaluate what a run learned, and write its episodes beside it.

        Args:
            path: of the run, or of what else of its kind can be evaluated.
            asked: has been checked.
            reporter: is told what came of it.

        Raises:
            AccumbensError: it cannot be evaluated.
        """
