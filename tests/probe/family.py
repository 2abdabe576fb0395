"""Every kind of cell with every readout, conditioned on the action or not: what contract tests run over.

Taken from the settings themselves, so that a new choice is tested by existing.
"""

import itertools
import typing

from accumbens.agents.settings import CommonSettings

_HINTS = typing.get_type_hints(CommonSettings)
CELLS = typing.get_args(typing.get_args(_HINTS["cell"])[0])
GOODNESS = typing.get_args(_HINTS["goodness"])
READOUTS = {name: {"readout": name} for name in typing.get_args(typing.get_args(_HINTS["readout"])[0])}
READOUTS["quantile"] |= {"num_quantiles": 3, "loss": "quantile_huber"}
READOUTS["goodness"] |= {"goodness_width": 4, "value_offset": True}

FAMILY = {
    f"{cell}, {readout}{', conditioned' if conditioned else ''}": {"cell": cell, "action_conditioning": conditioned}
    | READOUTS[readout]
    for cell, readout, conditioned in itertools.product(CELLS, READOUTS, (False, True))
    if not (cell == "mlp" and conditioned)
}
