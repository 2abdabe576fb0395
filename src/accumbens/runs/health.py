"""What a run ends with when something stops being finite."""

from accumbens.errors import AccumbensError


class NotFiniteError(AccumbensError, FloatingPointError):
    """A loss, a gradient or a parameter became NaN or infinite.

    Attributes:
        row: the first seed of which it is, as an index.
    """

    exit_code = 1
    row = 0

    @classmethod
    def of(cls, row: int, text: str) -> "NotFiniteError":
        """Return the error of a seed."""
        error = cls(text)
        error.row = row
        return error
