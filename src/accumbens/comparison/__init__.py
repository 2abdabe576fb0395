"""`accumbens compare`: groups of runs beside one another, by the field's statistics."""

from accumbens.comparison.comparison import Comparison, compare
from accumbens.comparison.groups import BY, Group
from accumbens.comparison.metrics import METRICS, Metric
from accumbens.comparison.pairs import PAIRED, Pair
from accumbens.comparison.picture import draw_comparison
from accumbens.comparison.scale import Scale, read_scales
from accumbens.comparison.scores import RunScores, read_scores
from accumbens.comparison.table import document, require_writable, write_comparison

__all__ = [
    "BY",
    "METRICS",
    "PAIRED",
    "Comparison",
    "Group",
    "Metric",
    "Pair",
    "RunScores",
    "Scale",
    "compare",
    "document",
    "draw_comparison",
    "read_scales",
    "read_scores",
    "require_writable",
    "write_comparison",
]
