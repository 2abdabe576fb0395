"""What the cells of a trained network represent, and whether they learn what backpropagation would have taught them."""

from accumbens.representation.files import require_free, summary, write_study
from accumbens.representation.study import Request, Study, study

__all__ = ["Request", "Study", "require_free", "study", "summary", "write_study"]
