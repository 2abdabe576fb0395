"""Tokenizers of pretrained models: byte pairs, by the package `tokenizers`. Needs the extra `language`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError, UnknownNameError, described
from accumbens.language.extra import require_language
from accumbens.language.tokenizer import known_tokens

CONTROL = 3
"""The type of a token that GGUF files give to what is not text, such as the end of one."""


class BytePairTokenizer:
    """A tokenizer of the package `tokenizers`; adds no token of its own to a text."""

    def __init__(self, inner: Any, end: int, size: int | None = None):
        """Wrap one.

        Args:
            inner: of class `tokenizers.Tokenizer`.
            end: the token that ends a text.
            size: tokens that the model has, if they are more.
        """
        self.inner, self.end, self.size = inner, end, size or inner.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text; what stands in it of control tokens, such as `<|im_start|>`, is one."""
        return self.inner.encode(text, add_special_tokens=False).ids

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens too.

        Raises:
            AccumbensError: there is no such token.
        """
        return self.inner.decode(known_tokens(tokens, self.size), skip_special_tokens=False)


def _split_before_bytes(kind: str) -> list[Any]:
    """What a text is split by, of the kinds of byte pairs whose files can be read: `tokenizer.ggml.pre`."""
    splits = require_language("tokenizers", "tokenizers of pretrained models").pre_tokenizers
    known = {"smollm": [splits.Digits(individual_digits=True)], "gpt-2": []}
    if kind not in known:
        raise UnknownNameError("tokenizer.ggml.pre", kind, list(known))
    return [*known[kind], splits.ByteLevel(add_prefix_space=False, use_regex=True)]


def tokenizer_of_merges(
    tokens: Sequence[str], types: Sequence[int], merges: Sequence[str], kind: str, end: int
) -> BytePairTokenizer:
    """Return the tokenizer that a GGUF file describes.

    Args:
        tokens: by their numbers.
        types: one for each.
        merges: the pairs that become one token, in the order of their rank, with a blank between the two.
        kind: `smollm`, which takes digits one by one, or `gpt-2`.
        end: the token that ends a text.

    Raises:
        AccumbensError: the extra is not installed, or the kind is not known.
    """
    library = require_language("tokenizers", "tokenizers of pretrained models")
    pairs = [tuple(merge.split(" ", 1)) for merge in merges]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    inner = library.Tokenizer(library.models.BPE(vocabulary, pairs, fuse_unk=False))
    inner.pre_tokenizer = library.pre_tokenizers.Sequence(_split_before_bytes(kind))
    inner.decoder = library.decoders.ByteLevel()
    control = [token for token, of in zip(tokens, types, strict=True) if of == CONTROL]
    inner.add_special_tokens([library.AddedToken(token, special=True, normalized=False) for token in control])
    return BytePairTokenizer(inner, end, len(tokens))


def read_tokenizer(path: Path, end: int, size: int | None = None) -> BytePairTokenizer:
    """Read a `tokenizer.json`.

    Args:
        path: of the file.
        end: the token that ends a text.
        size: tokens that the model has, if they are more.

    Raises:
        AccumbensError: the extra is not installed, or the file is not there, damaged, or of more tokens than the model.
    """
    library = require_language("tokenizers", "tokenizers of pretrained models")
    try:
        inner = library.Tokenizer.from_str(json.dumps(json.loads(path.read_text(encoding="utf-8"))))
    except FileNotFoundError as error:
        raise AccumbensError(f"{path} is not there; it holds the tokenizer") from error
    except Exception as error:  # the library raises nothing narrower
        raise AccumbensError(f"{path} is not a tokenizer, or is damaged: {described(error)}") from error
    known = inner.get_vocab_size()
    if size is not None and known > size:
        raise AccumbensError(f"{path} has {known} tokens and the model beside it {size}: they do not belong together")
    return BytePairTokenizer(inner, end, size)
