"""`accumbens compare`: groups of runs beside one another, by the field's statistics."""

from accumbens.comparison.comparison import Comparison, compare
from accumbens.comparison.groups import Group
from accumbens.comparison.pairs import Pair
from accumbens.comparison.scale import read_scales
from accumbens.comparison.scores import read_scores
from accumbens.comparison.table import document, require_writable, write_comparison

__all__ = [
    "Comparison",
    "Group",
    "Pair",
    "compare",
    "document",
    "read_scales",
    "read_scores",
    "require_writable",
    "write_comparison",
]
