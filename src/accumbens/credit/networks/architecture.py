"""Architectures: which connections a network is made of, and of which shapes."""

import itertools
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from accumbens.credit.networks.connections import KERNEL, POOL, Connection, Convolutional, Dense, LocallyConnected
from accumbens.credit.protocol import TaskFacts
from accumbens.errors import require

Architecture = Literal["dense", "convolutional", "locally-connected"]

_MAPS: dict[Architecture, type[Connection]] = {
    "convolutional": Convolutional,
    "locally-connected": LocallyConnected,
}


class Shape(NamedTuple):
    """What one layer connects.

    Attributes:
        connection: the kind of its connection.
        inputs: channels that come in; units, if it is dense.
        outputs: channels that go out; units, if it is dense.
        side: height and width of its map; empty if it is dense.
    """

    connection: type[Connection]
    inputs: int
    outputs: int
    side: tuple[int, ...] = ()

    @property
    def places(self) -> tuple[int, ...]:
        """Height and width of the map if every place has weights of its own; empty otherwise."""
        return self.side if self.connection is LocallyConnected else ()

    @property
    def kernel(self) -> tuple[int, ...]:
        """Height and width of what one unit sees; empty if it is dense."""
        return KERNEL if self.side else ()

    @property
    def fan_in(self) -> int:
        """Numbers that one unit sees."""
        return self.inputs * math.prod(self.kernel)

    @property
    def bias(self) -> tuple[int, ...]:
        """Shape of the biases: one for every weight vector, to be added to all units that share it."""
        return (*(self.places or (1,) * len(self.side)), self.outputs)


def shapes_of(architecture: Architecture, layers: Sequence[int], facts: TaskFacts, outputs: int) -> list[Shape]:
    """Return the shapes of all layers, the output layer included.

    Args:
        architecture: dense, or which maps come before the last hidden layer.
        layers: units of every hidden layer; channels, of a map.
        facts: of the task.
        outputs: units of the output layer.

    Raises:
        AccumbensError: the examples are no images, or too small, or there is no layer left for a map.
    """
    if architecture == "dense":
        return [Shape(Dense, *pair) for pair in itertools.pairwise([facts.inputs, *layers, outputs])]
    allowed = "dense; the examples of this task are no images"
    require("architecture", architecture, allowed, facts.image_shape is not None)
    channels, *side = facts.image_shape or (0, 0, 0)
    allowed = f"two numbers or more with architecture={architecture}: channels of its maps, then units of a dense layer"
    require("layers", layers, allowed, len(layers) >= 2)
    least = POOL ** (len(layers) - 1)
    allowed = f"fewer numbers: the images of this task, {side[0]} × {side[1]}, are halved by every map"
    require("layers", layers, allowed, min(side) >= least)
    maps = []
    for channels_of_map in layers[:-1]:
        maps.append(Shape(_MAPS[architecture], channels, channels_of_map, tuple(side)))
        channels, side = channels_of_map, [length // POOL for length in side]
    return [
        *maps,
        Shape(Dense, channels * math.prod(side), layers[-1]),
        Shape(Dense, layers[-1], outputs),
    ]
