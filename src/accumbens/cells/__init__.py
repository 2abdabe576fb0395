"""What a layer computes, and how layers are wired."""

from accumbens.cells.attention import AttentionCell, DotCell
from accumbens.cells.mlp import MLPCell
from accumbens.cells.protocol import Activity, Cell, CellOutput, dense
from accumbens.cells.stack import Carry, Credit, Stack

__all__ = ["Activity", "AttentionCell", "Carry", "Cell", "CellOutput", "Credit", "DotCell", "MLPCell", "Stack", "dense"]
