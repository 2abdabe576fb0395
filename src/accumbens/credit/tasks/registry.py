"""The tasks: their names, what they are in one line, their settings, and where their code is.

Listing them imports neither JAX nor scikit-learn, for a quick command line.
"""

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from accumbens.credit.tasks.settings import (
    AddingSettings,
    BostonSettings,
    CopyingSettings,
    FileSettings,
    PixelSettings,
    RandomWalkSettings,
    ReachSettings,
    SineSettings,
    SplitSettings,
    TabularSettings,
    TaskSettings,
    TextSettings,
)
from accumbens.errors import AccumbensError, UnknownNameError, require, users_code
from accumbens.registration import Registered

if TYPE_CHECKING:
    from accumbens.credit.tasks.protocol import Task

_TEXT = (".csv", ".tsv", ".txt")
FILE_SUFFIXES = (*_TEXT, *(f"{suffix}.gz" for suffix in _TEXT), ".npz", ".npy")
"""How the name of a file ends that can be a task."""


class TaskEntry(NamedTuple):
    """A task by name.

    Attributes:
        summary: what it is, in one line.
        settings: the default of every setting.
        home: `module:function` of `make(settings, batch_size, data) -> Task`, or that function.
        epochs: passes through the training data if nothing is asked for.
        reads_folder: its data may lie in a folder that the user names.
    """

    summary: str
    settings: TaskSettings
    home: "str | Callable[[TaskSettings, int, Path | None], Task]"
    epochs: int
    reads_folder: bool = False

    def make(self, settings: TaskSettings, batch_size: int, data: Path | None = None) -> "Task":
        """Return the task.

        Args:
            settings: its settings.
            batch_size: examples of one update.
            data: folder with its files; None looks where the environment variable ACCUMBENS_DATA says.

        Raises:
            AccumbensError: a setting cannot be used, or the data are missing or damaged.
        """
        if not isinstance(self.home, str):
            return self.home(settings, batch_size, data)
        module, _, function = self.home.partition(":")
        make = getattr(importlib.import_module(f"accumbens.credit.tasks.{module}"), function)
        return make(settings, batch_size, data)


TASKS: dict[str, TaskEntry] = {
    "digits": TaskEntry(
        "1,797 handwritten digits of 8 × 8 pixels, which come with scikit-learn",
        SplitSettings(),
        "digits:make_digits",
        epochs=100,
    ),
    "mnist": TaskEntry(
        "70,000 handwritten digits of 28 × 28 pixels",
        TaskSettings(split_seed=50),
        "mnist:make_mnist",
        epochs=50,
        reads_folder=True,
    ),
    "boston": TaskEntry(
        "median house values of 506 districts of Boston, as in the paper (its column B is ethically tainted)",
        BostonSettings(),
        "boston:make_boston",
        epochs=1000,
        reads_folder=True,
    ),
    "diabetes": TaskEntry(
        "progression of diabetes in 442 patients, which comes with scikit-learn",
        TabularSettings(),
        "diabetes:make_diabetes",
        epochs=300,
    ),
    "piecewise-random-walk": TaskEntry(
        "y = sin(2πx²) from a stream of examples that are the more correlated the higher the difficulty",
        RandomWalkSettings(),
        "random_walk:make_random_walk",
        epochs=1,
    ),
    "sequential-mnist": TaskEntry(
        "sequences: the 784 pixels of a handwritten digit, permuted",
        PixelSettings(),
        "read_sequences:make_sequential_mnist",
        epochs=1,
        reads_folder=True,
    ),
    "text": TaskEntry(
        "sequences: the characters of a text of yours, each to be predicted",
        TextSettings(),
        "read_sequences:make_text",
        epochs=10,
        reads_folder=True,
    ),
    "reach": TaskEntry(
        "sequences: random reaches of a hand, with pushes, to learn to move it",
        ReachSettings(),
        "reach:make_reach",
        epochs=1,
    ),
    "reach-rotated": TaskEntry(
        "sequences: reaches to eight targets with the ways of the hand rotated, to adapt to",
        ReachSettings(movements="centre-out", rotation=30.0, pushes=0.0, updates=300),
        "reach:make_reach",
        epochs=1,
    ),
    "sine-waves": TaskEntry(
        "sequences: sine and cosine of a frequency that is told, with pushes",
        SineSettings(),
        "waves:make_sine_waves",
        epochs=1,
    ),
    "sine-waves-shifted": TaskEntry(
        "sequences: the same waves faster than is told, to adapt to",
        SineSettings(frequency_shift=1.0, pushes=0.0, updates=300),
        "waves:make_sine_waves",
        epochs=1,
    ),
    "copying": TaskEntry(
        "sequences: recall ten symbols after a delay",
        CopyingSettings(),
        "sequences:make_copying",
        epochs=1,
    ),
    "adding": TaskEntry(
        "sequences: the sum of two of many numbers, which a mark beside them points out",
        AddingSettings(),
        "sequences:make_adding",
        epochs=1,
    ),
}

_registered: Registered[TaskEntry] = Registered("task")


def register_task(
    name: str, make: "Callable[..., Task]", settings: TaskSettings | None = None, summary: str = "", epochs: int = 100
) -> str:
    """Register a task of your own: `accumbens fit my_module:NAME RULE` imports the module, and so does what opens it.

    Args:
        name: its id, such as `spirals`; registered again, it means the later one.
        make: `make(settings, batch_size, data) -> Task`; `task_of_examples` makes one of arrays.
        settings: the defaults, of a class of settings of ours or your own; None takes those that all tasks share.
        summary: what it is, in one line.
        epochs: passes through the training data if nothing is asked for.

    Returns:
        The name that configurations keep: `module:id`.

    Raises:
        AccumbensError: the name is one of ours, empty, or has a colon in it.
    """
    entry = TaskEntry(summary, settings or TaskSettings(), make, epochs, reads_folder=True)
    return _registered.add(name, entry, list(TASKS))


def all_tasks() -> list[str]:
    """List the names of our tasks, and of those that were registered."""
    return [*TASKS, *_registered.names()]


def task_entry(name: str) -> tuple[str, TaskEntry]:
    """Return the name that a configuration keeps, and the task. A file need not be there before the task is made.

    Args:
        name: of a task, or the path of a file whose name ends as one of `FILE_SUFFIXES`.

    Raises:
        UnknownNameError: there is no such task.
        AccumbensError: the module in `module:id` cannot be imported, or it is a file of another kind.
    """
    if name in TASKS:
        return name, TASKS[name]
    if is_file(name):
        path = Path(name).expanduser().absolute()
        return str(path), TaskEntry(f"the file {path.name}", FileSettings(), partial(_make_from_file, path), epochs=100)
    if Path(name).is_file():
        raise AccumbensError(f"the file {name} cannot be a task: its name must end in {', '.join(FILE_SUFFIXES)}")
    full = _registered.resolve(name)
    entry = _registered.get(name)
    if full is None or entry is None:
        raise UnknownNameError("task", name, all_tasks(), command="accumbens tasks")
    return full, entry


def _make_from_file(path: Path, settings: Any, batch_size: int, data: Path | None) -> "Task":
    from accumbens.credit.tasks.files import make_from_file

    return make_from_file(path, settings)


def make_task(name: str, settings: TaskSettings, batch_size: int, data: Path | None = None) -> "Task":
    """Return the task of that name; arguments and errors are those of `task_entry` and `TaskEntry.make`.

    Raises:
        AccumbensError: `data` is given, and the task would not look there; or the user's own code raised.
    """
    name, entry = task_entry(name)
    require("data", data, f"left out with {name}, which reads no folder", data is None or entry.reads_folder)
    ours = name in TASKS or is_file(name)
    with users_code(f"task {name!r} cannot be made", None if ours else entry.home):
        return entry.make(settings, batch_size, data)


def is_file(name: str) -> bool:
    """Return whether the name of a task is the path of a file."""
    return _suffix(name) != ""


def _suffix(name: str) -> str:
    """How the name of a file ends that can be a task; empty if it cannot."""
    return next((suffix for suffix in FILE_SUFFIXES if Path(name).name.lower().endswith(suffix)), "")


def folder_name(name: str) -> str:
    """Return the name of the folder in which runs of the task are kept: a file's stem, or the task's name."""
    suffix = _suffix(name)
    return (Path(name).name[: -len(suffix)] or Path(name).name) if suffix else name
