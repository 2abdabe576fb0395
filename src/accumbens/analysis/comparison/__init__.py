"""`accumbens compare`: groups of runs beside one another, by the field's statistics."""

from accumbens.analysis.comparison.groups import BY, Comparison, Group, Pair, compare
from accumbens.analysis.comparison.picture import draw_comparison
from accumbens.analysis.comparison.scale import Scale, read_scales
from accumbens.analysis.comparison.scores import METRICS, RunScores, read_scores
from accumbens.analysis.comparison.table import document, require_writable, write_comparison

__all__ = [
    "BY",
    "METRICS",
    "Comparison",
    "Group",
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
