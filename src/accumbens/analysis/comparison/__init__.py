"""`accumbens compare`: groups of runs beside one another, by the field's statistics."""

from accumbens.analysis.comparison.comparison import Comparison, compare
from accumbens.analysis.comparison.groups import BY, Group
from accumbens.analysis.comparison.metrics import METRICS, Metric
from accumbens.analysis.comparison.pairs import PAIRED, Pair
from accumbens.analysis.comparison.picture import draw_comparison
from accumbens.analysis.comparison.scale import Scale, read_scales
from accumbens.analysis.comparison.scores import RunScores, read_scores
from accumbens.analysis.comparison.table import document, require_writable, write_comparison

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
