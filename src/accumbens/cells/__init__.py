"""What a layer computes, how values are read from it, and how layers are wired."""

from accumbens.cells.attention import AttentionCell, ConstantKeyCell, DotCell
from accumbens.cells.mlp import MLPCell
from accumbens.cells.protocol import Activity, Candidates, Cell, CellOutput, Convolution, dense
from accumbens.cells.readout import Goodness, GoodnessReadout, QuantileReadout, Readout, ScalarReadout, goodness_of
from accumbens.cells.recurrent import RecurrentCell, RecurrentUnits, TracedCell, Traces
from accumbens.cells.stack import Carry, Credit, Past, Stack

__all__ = [
    "Activity",
    "AttentionCell",
    "Candidates",
    "Carry",
    "Cell",
    "CellOutput",
    "ConstantKeyCell",
    "Convolution",
    "Credit",
    "DotCell",
    "Goodness",
    "GoodnessReadout",
    "MLPCell",
    "Past",
    "QuantileReadout",
    "Readout",
    "RecurrentCell",
    "RecurrentUnits",
    "ScalarReadout",
    "Stack",
    "TracedCell",
    "Traces",
    "dense",
    "goodness_of",
]
