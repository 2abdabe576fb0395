"""What a run ends with when something stops being finite."""

from collections.abc import Callable

from accumbens.errors import AccumbensError


class NotFiniteError(AccumbensError, FloatingPointError):
    """A loss, a gradient or a parameter became NaN or infinite.

    Attributes:
        texts: what is said of every seed that it happened to, by its row; the first is the error's own text.
    """

    exit_code = 1

    def __init__(self, text: str, texts: dict[int, str] | None = None):
        """Say `text`; without `texts` it is of the first seed."""
        super().__init__(text)
        self.texts = {0: text} if texts is None else texts

    @classmethod
    def of(cls, texts: dict[int, str]) -> "NotFiniteError":
        """Return the error of these seeds."""
        return cls(next(iter(texts.values())), texts)

    def worded(self, word: Callable[[str], str]) -> "NotFiniteError":
        """Return the error in other words."""
        return NotFiniteError(word(str(self)), {row: word(text) for row, text in self.texts.items()})
