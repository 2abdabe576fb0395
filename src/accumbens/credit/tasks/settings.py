"""Every setting of a task, with its meaning beside it. Importing this needs neither JAX nor NumPy.

No name here is that of a setting of a rule: the command line sets both by name.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class TaskSettings:
    """What all tasks share."""

    split_seed: int = 0
    """Seed of the split, which all seeds of a fit share: the test examples are drawn with it, and then the validation
    examples with it + 34 (so that 50 gives the 50 and 84 of Gupta et al., 2021)."""


@dataclass(frozen=True, kw_only=True)
class SplitSettings(TaskSettings):
    """Of tasks whose examples nobody has split before."""

    test_fraction: float = 0.2
    """Fraction of the examples used for testing."""
    valid_fraction: float = 0.2
    """Fraction of the examples used for validation."""


@dataclass(frozen=True, kw_only=True)
class TabularSettings(SplitSettings):
    """Of tables."""

    standardise: bool = True
    """Shift and scale every feature to mean 0 and deviation 1 over the training examples."""
    standardise_target: bool = True
    """Do the same to numbers to predict; a squared error of 1 is then that of always predicting their mean."""


@dataclass(frozen=True, kw_only=True)
class BostonSettings(TabularSettings):
    """Of Boston housing; the defaults are those of Gupta et al., 2021."""

    split_seed: int = 50
    test_fraction: float = 0.1
    valid_fraction: float = 0.1
    standardise: bool = False
    standardise_target: bool = False
    drop_b: bool = False
    """Leave out column B, which encodes the share of Black residents."""


@dataclass(frozen=True, kw_only=True)
class FileSettings(TabularSettings):
    """Of a file of the user's own."""

    target: str = "last"
    """Column to predict: its name in the header, its number from 0, or last; several have commas between them."""
    kind: Literal["auto", "classification", "regression"] = "auto"
    """What the target is; auto takes text, whole numbers of at most 20 different values, and columns of which exactly
    one is 1 in every row, as classes."""
    ignore: str = "auto"
    """Columns to leave out, as in target, or none; auto leaves out a first column without a name that tells rows
    apart."""
    header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first row names the columns; auto looks at how it differs from the others."""
    delimiter: Literal["auto", "comma", "semicolon", "tab", "bar", "space"] = "auto"
    """What separates cells; auto weighs how regular and how meaningful the cells become."""
    decimal: Literal["auto", "point", "comma"] = "auto"
    """What separates the digits of a fraction; auto looks at all numbers."""
    encoding: str = "auto"
    """Of text, as Python calls it; auto takes UTF-8, UTF-16 with a byte order mark, or else Windows-1252."""
    channels: Literal["auto", "first", "last"] = "auto"
    """Which axis of pictures in a .npz file has the channels; auto takes the last if it has 1, 3 or 4 and the first
    more."""


@dataclass(frozen=True, kw_only=True)
class SequenceSettings(TaskSettings):
    """Of sequences that are generated as they are learned from."""

    updates: int = 4000
    """Mini-batches of sequences, all of them new."""
    held_out: int = 512
    """Sequences that validate, that test, and that test every other length."""


@dataclass(frozen=True, kw_only=True)
class CopyingSettings(SequenceSettings):
    """Of the copying task (Hochreiter & Schmidhuber, 1997; Ke et al., 2018)."""

    delay: int = 20
    """T: steps between the last symbol that is shown and the first that is to be recalled, the marker included."""
    recalled: int = 10
    """Symbols that are shown and recalled."""
    alphabet: int = 8
    """Different symbols."""
    encoding: Literal["one-hot", "integer"] = "one-hot"
    """What the network sees of a symbol: one input for each (`one-hot`), or its number as it is (`integer`, the
    released code of Ke et al., 2018)."""
    longer: tuple[int, ...] = ()
    """Other delays that are tested too, such as 40,200."""


@dataclass(frozen=True, kw_only=True)
class AddingSettings(SequenceSettings):
    """Of the adding task (Hochreiter & Schmidhuber, 1997)."""

    length: int = 50
    """Steps of a sequence."""
    longer: tuple[int, ...] = ()
    """Other lengths that are tested too, such as 100,500."""


@dataclass(frozen=True, kw_only=True)
class PixelSettings(TaskSettings):
    """Of pixels of MNIST that come one after the other."""

    split_seed: int = 50
    permuted: bool = True
    """The pixels come in a random order, the same for all images; otherwise row by row."""
    permutation_seed: int = 0
    """Decides the order."""


@dataclass(frozen=True, kw_only=True)
class TextSettings(TaskSettings):
    """Of the characters of a text."""

    file: str = ""
    """Name of the file in the folder; empty: the only one there whose name ends in .txt."""
    length: int = 100
    """Characters of a sequence."""


@dataclass(frozen=True, kw_only=True)
class ControlledSettings(TaskSettings):
    """Of tasks that bring the network with them, whose units no rule's setting chooses."""


@dataclass(frozen=True, kw_only=True)
class ReachSettings(ControlledSettings):
    """Of reaching with a hand (Kaleb et al., 2024)."""

    movements: Literal["random", "centre-out"] = "random"
    """Reaches from anywhere to anywhere, or from the middle to one of eight targets; what tests are the eight."""
    rotation: float = 0.0
    """Degrees by which the way that the hand should go is rotated, and the target that is shown is not."""
    pushes: float = 0.25
    """Probability that a trial has a push in a dimension, while it is learned."""
    feedback: bool = True
    """The network is told the error of the hand while it learns; it is tested without, and as `test_feedback` with."""
    updates: int = 5000
    """Mini-batches of trials, all of them new."""


@dataclass(frozen=True, kw_only=True)
class SineSettings(ControlledSettings):
    """Of sine waves (Kaleb et al., 2024)."""

    frequency_shift: float = 0.0
    """Cycles per trial that the waves have more than the network is told."""
    pushes: float = 0.25
    """Probability that a trial has a push in a dimension, while it is learned."""
    feedback: bool = True
    """The network is told its error while it learns; it is tested without, and as `test_feedback` with."""
    updates: int = 5000
    """Mini-batches of trials, all of them new."""


@dataclass(frozen=True, kw_only=True)
class RandomWalkSettings(TaskSettings):
    """Of the piecewise random walk (Gupta et al., 2021)."""

    difficulty: float = 0.95
    """d, from 0 (independent examples) to 1 (every segment repeats one example): how correlated the stream is."""
    means: int = 200
    """Segments of the stream: steps of the walk."""
    segments: int = 160
    """Mini-batches for which each mean is held; the released code's longest runs have 1600."""
