"""Sequences made of data: pixels of MNIST in a fixed order, and characters of a text."""

from pathlib import Path

import numpy as np
from jaxtyping import Int32

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.mnist import make_mnist
from accumbens.credit.tasks.protocol import Examples, Task, task_of_examples
from accumbens.credit.tasks.settings import PixelSettings, TextSettings
from accumbens.credit.tasks.sources import data_folder
from accumbens.credit.tasks.splits import check_seed
from accumbens.errors import AccumbensError, require

MOST_CHARACTERS = 512
"""Different characters of a text, at most: each has an input and an output."""


def make_sequential_mnist(settings: PixelSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task: 784 pixels, one after the other, and at the end the digit.

    Args:
        settings: the order of the pixels, and the seed of the split.
        batch_size: not needed.
        data: as for MNIST.

    Raises:
        AccumbensError: a setting cannot be used, or the data are missing or damaged.
    """
    task = make_mnist(settings, batch_size, data)
    pixels = task.facts.inputs
    order = np.arange(pixels)
    if settings.permuted:
        order = np.random.default_rng(settings.permutation_seed).permutation(pixels)

    def sequences(examples: Examples) -> Examples:
        y = np.full((len(examples.y), pixels), -1, np.int32)
        y[:, -1] = examples.y
        return Examples(np.ascontiguousarray(examples.x[:, order, None]), y)

    assert isinstance(task.train, Examples)
    facts = TaskFacts("classification", 1, task.facts.outputs, steps=pixels)
    parts = map(sequences, (task.train, task.valid, task.test))
    made = task_of_examples(facts, *parts, input_scale=task.input_scale, labels=task.labels)
    return made._replace(order=tuple(order.tolist()) if settings.permuted else ())


def make_text(settings: TextSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task: the characters of a text, each to be predicted from those before it in its sequence.

    The first nine tenths are learned from, then a twentieth validates, and the last tests. The loss is in nats per
    character; divided by ln 2, bits per character.

    Args:
        settings: the file, and the length of a sequence.
        batch_size: not needed.
        data: folder with the file; None takes the one that the environment names.

    Raises:
        AccumbensError: a setting cannot be used, or there is no such text, or it is too short or no UTF-8.
    """
    check_seed(settings.split_seed)
    require("length", settings.length, ">= 1", settings.length >= 1)
    path = _text_file(settings, data_folder(data))
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise AccumbensError(f"{path} is no UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except OSError as error:
        raise AccumbensError(f"{path} cannot be read: {error.strerror}") from error
    characters = sorted(set(text))
    few = len(characters) <= MOST_CHARACTERS
    require("characters", len(characters), f"at most {MOST_CHARACTERS} different ones", few)
    number = {character: index for index, character in enumerate(characters)}
    numbers = np.fromiter((number[character] for character in text), np.int32, len(text))
    begin, end = len(numbers) * 90 // 100, len(numbers) * 95 // 100
    parts = [_sequences(part, settings.length, len(characters)) for part in np.split(numbers, [begin, end])]
    if not all(len(part.x) for part in parts):
        short = f"a twentieth of its {len(text)} characters holds no sequence of {settings.length}"
        raise AccumbensError(f"{path} is too short: {short}")
    facts = TaskFacts("classification", len(characters), len(characters), steps=settings.length)
    return task_of_examples(facts, *parts, labels=tuple(characters))


def _text_file(settings: TextSettings, folder: Path | None) -> Path:
    """Return the file: that of the settings, or the only one."""
    if folder is None:
        raise AccumbensError("the task needs a text: name its folder with --data, or in ACCUMBENS_DATA")
    if settings.file:
        return folder / settings.file
    found = sorted(folder.glob("*.txt"))
    if not found:
        raise AccumbensError(f"no text in {folder}: it has no file whose name ends in .txt")
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:5])
        raise AccumbensError(f"file= must name a text in {folder}, which has {names}")
    return found[0]


def _sequences(numbers: Int32[np.ndarray, " characters"], length: int, characters: int) -> Examples:
    """Return what is seen and what comes next, in sequences that follow one another."""
    count = (len(numbers) - 1) // length
    seen, following = (part[: count * length].reshape(count, length) for part in (numbers[:-1], numbers[1:]))
    return Examples(np.eye(characters, dtype=np.float32)[seen], following.astype(np.int32))
