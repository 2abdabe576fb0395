"""What a run ends with when something stops being finite."""

from accumbens.errors import AccumbensError


class NotFiniteError(AccumbensError, FloatingPointError):
    """A loss, a gradient or a parameter became NaN or infinite."""

    exit_code = 1
