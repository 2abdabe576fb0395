"""MNIST, prepared and split as in the released code of Gupta et al., 2021."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.idx import read_idx
from accumbens.credit.tasks.protocol import Examples, Scale, Task, task_of_examples
from accumbens.credit.tasks.settings import TaskSettings
from accumbens.credit.tasks.sources import data_folder, fetch, find_file
from accumbens.credit.tasks.splits import check_seed, draw
from accumbens.errors import AccumbensError

VALID_PART = 1 / 6
"""Of the 60,000 examples that are not for testing."""
_SIDE, _TRAINING = 28, 60_000

# The underscore: how many there are is another number in another part.
Images = UInt8[np.ndarray, "_ pixels"]
Labels = UInt8[np.ndarray, " _"]


def make_mnist(settings: TaskSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task: 50,000 examples to learn from, 10,000 that validate, 10,000 that test; pixels from -1 to 1.

    Args:
        settings: the seed of the split; every digit is split in proportion.
        batch_size: not needed.
        data: folder with the four IDX files, compressed or not, itself or in `mnist/`; None takes the one that the
            environment names, or else OpenML.

    Raises:
        AccumbensError: a setting cannot be used, or the data are missing or damaged.
    """
    check_seed(settings.split_seed)
    folder = data_folder(data)
    (images, labels), tested = _downloaded() if folder is None else (_part(folder, "train"), _part(folder, "t10k"))
    train, valid = draw(np.arange(len(images)), VALID_PART, settings.split_seed, labels)
    facts = TaskFacts("classification", _SIDE**2, 10, image_shape=(1, _SIDE, _SIDE))
    splits = ((images[train], labels[train]), (images[valid], labels[valid]), tested)
    pixels = Scale(np.array(127.5), np.array(127.5))
    examples = (Examples(_scaled(x), _classes(y)) for x, y in splits)
    return task_of_examples(facts, *examples, input_scale=pixels, labels=tuple("0123456789"))


def _scaled(pixels: Images) -> Float32[np.ndarray, "examples pixels"]:
    return (pixels / np.float32(255) - np.float32(0.5)) / np.float32(0.5)


def _classes(labels: Labels) -> Int32[np.ndarray, " examples"]:
    return labels.astype(np.int32)


def _part(folder: Path, name: str) -> tuple[Images, Labels]:
    """Read the images and labels whose files' names begin with `name`."""
    paths = [find_file(folder, "mnist", (file, f"{file}.gz")) for file in _files(name)]
    images, labels = map(read_idx, paths)
    if images.shape[1:] != (_SIDE, _SIDE):
        raise AccumbensError(f"{paths[0]} holds an array of shape {images.shape}: expected images of 28 × 28 pixels")
    if labels.shape != images.shape[:1]:
        raise AccumbensError(f"{paths[1]} holds an array of shape {labels.shape}: expected {len(images)} labels")
    if not len(labels) or labels.max() > 9:
        raise AccumbensError(f"{paths[1]} holds {labels.max(initial=0)} as its largest label: expected digits")
    return images.reshape(len(images), -1), labels


def _files(name: str) -> tuple[str, str]:
    return f"{name}-images-idx3-ubyte", f"{name}-labels-idx1-ubyte"


def _downloaded() -> tuple[tuple[Images, Labels], tuple[Images, Labels]]:
    """Fetch MNIST from OpenML, which keeps its order: the test images are the last 10,000."""
    files = ", ".join(file for name in ("train", "t10k") for file in _files(name))
    found = fetch("mnist_784", 1, f"MNIST's IDX files ({files}; .gz or not)")
    images, labels = found.data.astype(np.uint8), found.target.astype(np.uint8)
    if images.shape != (_TRAINING + 10_000, _SIDE**2):
        raise AccumbensError(f"OpenML sent an array of shape {images.shape} as mnist_784: expected (70000, 784)")
    return (images[:_TRAINING], labels[:_TRAINING]), (images[_TRAINING:], labels[_TRAINING:])
