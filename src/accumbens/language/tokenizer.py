"""Text into numbers and back: what a tokenizer is, and a small one of words or characters, made of texts."""

import difflib
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from accumbens.errors import AccumbensError, UnknownNameError, require

END = "<end>"
"""Ends a text, and fills up what is shorter than its batch."""

UNKNOWN = "<unknown>"
"""Stands for what is not in a vocabulary, where that is allowed."""

_PIECES = {
    "word": re.compile(r" ?\w+| ?[^\w\s]|\s", re.ASCII),  # a blank belongs to the word behind it
    "character": re.compile(r".", re.DOTALL),
}


@runtime_checkable
class Tokenizer(Protocol):
    """Text into tokens and back. What is joined is tokens, never texts: `encode(a) + encode(b)`.

    Attributes:
        size: tokens of the vocabulary, as many as the model has.
        end: the token that ends a text; padding is of it too.
    """

    size: int
    end: int

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, and nothing before or behind them."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens."""
        ...


class TextTokenizer:
    """The words, or the characters, of given texts: a vocabulary for a model that learns from scratch.

    A word keeps the blank before it, so `decode(encode(text)) == text`, but for `<unknown>` and what is escaped.
    """

    def __init__(self, pieces: Sequence[str], level: str = "word", spelled: bool = False):
        """Take a vocabulary.

        Args:
            pieces: by their numbers; `<end>` comes first, and `<unknown>` may come second.
            level: of which pieces a text is made.
            spelled: whether a word that is not in the vocabulary is spelled with the characters that are.

        Raises:
            AccumbensError: the level is unknown, or the vocabulary has no end, or says a piece twice.
        """
        if level not in _PIECES:
            raise UnknownNameError("level", level, list(_PIECES))
        require("pieces", pieces[:3], f"a vocabulary that begins with {END!r}", pieces and pieces[0] == END)
        self.pieces, self.level, self.spelled = tuple(pieces), level, spelled
        self._ids = {piece: i for i, piece in enumerate(self.pieces)}
        twice = [piece for i, piece in enumerate(self.pieces) if self._ids[piece] != i]
        require("pieces", twice[:3], "different pieces", not twice)
        self.size, self.end = len(self.pieces), 0

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text.

        Raises:
            AccumbensError: a word or character is not in the vocabulary, which has no `<unknown>`. Names the nearest.
        """
        pieces = _PIECES[self.level].findall(text)
        if self.spelled:
            # What is no ASCII is spelled by its number, as Python escapes it.
            pieces = [
                part
                for piece in pieces
                for part in ([piece] if piece in self._ids else piece.encode("unicode_escape").decode())
            ]
        return [self._id(piece) for piece in pieces]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without those that end it.

        Raises:
            AccumbensError: there is no such token.
        """
        return "".join("" if token == self.end else self.pieces[token] for token in known_tokens(tokens, self.size))

    def _id(self, piece: str) -> int:
        found = self._ids.get(piece, self._ids.get(UNKNOWN))
        if found is None:
            nearest = difflib.get_close_matches(piece, self.pieces, n=1)
            meant = f"; did you mean {nearest[0]!r}?" if nearest else "."
            raise AccumbensError(
                f"{self.level} {piece!r} is in none of the texts that the vocabulary was made of{meant} A vocabulary "
                "made with unknown=True has a token for it"
            )
        return found


def tokenizer_of(
    texts: Iterable[str], level: str = "word", unknown: bool = False, spelled: bool = False
) -> TextTokenizer:
    """Return a tokenizer of what occurs in texts, in alphabetical order, whatever theirs is.

    Args:
        texts: all that an environment can say, and all actions.
        level: words, or characters.
        unknown: whether it has a token for what does not occur in them; without it, that is an error.
        spelled: whether it has all printable characters of ASCII too, to spell words that do not occur.

    Raises:
        AccumbensError: the level is unknown, or there is no text.
    """
    if level not in _PIECES:
        raise UnknownNameError("level", level, list(_PIECES))
    pieces = sorted({piece for text in texts for piece in _PIECES[level].findall(text)} - {END, UNKNOWN})
    require("texts", pieces, "texts with something in them", pieces)
    pieces += [letter for letter in string.printable if spelled and letter not in pieces]
    return TextTokenizer([END, *([UNKNOWN] if unknown else []), *pieces], level, spelled)


def known_tokens(tokens: Sequence[int], size: int) -> list[int]:
    """Return tokens as a list.

    Raises:
        AccumbensError: one is not of the vocabulary.
    """
    listed = [int(token) for token in tokens]
    for token in listed:
        require("token", token, f"from 0 to {size - 1}", 0 <= token < size)
    return listed


def chat(messages: Iterable[Mapping[str, str]], system: str | None = None) -> str:
    """Return a conversation as SmolLM2 and other models of the ChatML format read it, up to where the answer begins.

    Args:
        messages: each a `role` (system, user, assistant) and a `content`.
        system: comes first where the messages do not begin with a system's; None for nothing.

    Raises:
        AccumbensError: a message has no role, or no content.
    """
    listed = list(messages)
    for message in listed:
        if set(message) != {"role", "content"}:
            raise AccumbensError(f"message={dict(message)} cannot be used: it must have a role and a content")
    if system is not None and (not listed or listed[0]["role"] != "system"):
        listed.insert(0, {"role": "system", "content": system})
    said = (f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in listed)
    return "".join(said) + "<|im_start|>assistant\n"
