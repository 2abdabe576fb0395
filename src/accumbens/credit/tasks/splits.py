"""Which examples are learned from, which validate and which test."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Num

from accumbens.credit.tasks.settings import SplitSettings
from accumbens.errors import AccumbensError, require

VALID_SEED_STEP = 34
"""How much larger the seed of the second draw is: Gupta et al., 2021, used 50 and 84."""


class Split(NamedTuple):
    """Numbers of the examples: every one is in exactly one of the three."""

    train: Int[np.ndarray, " train"]
    valid: Int[np.ndarray, " valid"]
    test: Int[np.ndarray, " test"]


def check_seed(seed: int) -> None:
    """Refuse a `split_seed` that a generator could not take.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    most = 2**32 - 1 - VALID_SEED_STEP
    require("split_seed", seed, f"from 0 to {most}", 0 <= seed <= most)


def draw(
    examples: Int[np.ndarray, " examples"], part: float, seed: int, classes: Num[np.ndarray, " examples"] | None = None
) -> tuple[Int[np.ndarray, " kept"], Int[np.ndarray, " drawn"]]:
    """Draw a part of the examples at random; return those that stay, and those drawn.

    Args:
        examples: their numbers.
        part: of them.
        seed: of the draw.
        classes: of every example, so that all are drawn from in proportion; None draws regardless of any.

    Raises:
        AccumbensError: there are too few examples, of a class or of all.
    """
    from sklearn.model_selection import train_test_split

    try:
        kept, drawn = train_test_split(examples, test_size=part, random_state=seed, stratify=classes)
    except ValueError as error:
        raise AccumbensError(f"{len(examples)} examples cannot be split, {part:.3g} of them apart: {error}") from error
    return np.asarray(kept), np.asarray(drawn)


def split(count: int, settings: SplitSettings, classes: Num[np.ndarray, " examples"] | None = None) -> Split:
    """Split examples at random: the test examples are drawn first, and the validation examples from the rest.

    Args:
        count: of the examples.
        settings: the parts, and the seed.
        classes: of every example, so that every class is split in proportion.

    Raises:
        AccumbensError: a setting cannot be used, or there are too few examples, of a class or of all.
    """
    check_seed(settings.split_seed)
    test, valid = settings.test_fraction, settings.valid_fraction
    for name, part in (("test_fraction", test), ("valid_fraction", valid)):
        require(name, part, "between 0 and 1", 0 < part < 1)
    require("valid_fraction", valid, f"below 1 - test_fraction = {1 - test:.3g}", test + valid < 1)
    rest, tested = draw(np.arange(count), test, settings.split_seed, classes)
    of_rest = None if classes is None else classes[rest]
    train, validated = draw(rest, valid / (1 - test), settings.split_seed + VALID_SEED_STEP, of_rest)
    return Split(train, validated, tested)
