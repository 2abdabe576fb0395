"""Registering cells and readouts of your own, so that settings can name them."""

from collections.abc import Callable

from accumbens import registration
from accumbens.cells.protocol import Cell
from accumbens.cells.readout import Readout

OUR_CELLS = ("attention", "dot", "mlp")
OUR_READOUTS = ("value", "quantile", "goodness")


def register_cell(name: str, make: Callable[..., Cell]) -> str:
    """Register a kind of cell: `--set cell=my_module:NAME` imports the module, and so does what opens the run later.

    Args:
        name: its id, such as `gated`; registered again, it means the later one.
        make: `make(inputs, hidden, actions, *, key, readout, ...) -> Cell`, such as the class of the cell. `actions` is
            0 for a cell that predicts nothing, and `readout` says how many numbers it wants for each action. It is also
            given those of `layer_norm`, `rank`, `standardise`, `convolution` and `action_features` that are among its
            arguments; see `AttentionCell`.

    Returns:
        The name that configurations keep: `module:id`.

    Raises:
        AccumbensError: the name is one of ours, empty, or has a colon in it.
    """
    return registration.CELLS.add(name, make, OUR_CELLS)


def register_readout(name: str, make: Callable[..., Readout]) -> str:
    """Register a readout of one value per action: `--set readout=my_module:NAME`.

    Args:
        name: its id; registered again, it means the later one.
        make: `make(hidden, *, value_scale) -> Readout`, for a cell with `hidden` units.

    Returns:
        The name that configurations keep: `module:id`.

    Raises:
        AccumbensError: the name is one of ours, empty, or has a colon in it.
    """
    return registration.READOUTS.add(name, make, OUR_READOUTS)
