"""What the cells of a trained network represent, and whether they learn what backpropagation would have taught them."""

from accumbens.representation.files import MARK, summary, write_study
from accumbens.representation.study import Request, Study, study

__all__ = ["MARK", "Request", "Study", "study", "summary", "write_study"]
