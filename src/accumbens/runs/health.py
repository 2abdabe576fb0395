"""What a run ends with when something stops being finite."""

from accumbens.errors import AccumbensError


class NotFiniteError(AccumbensError, FloatingPointError):
    """A loss, a gradient or a parameter became NaN or infinite.

    Attributes:
        run: of several runs side by side, the index of the first of which it is.
    """

    exit_code = 1
    run = 0
