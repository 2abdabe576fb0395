import json
import random
from itertools import pairwise

import jax
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.errors import AccumbensError
from accumbens.language import (
    TextTokenizer,
    Tokenizer,
    TransformerSettings,
    chat,
    load_language_model,
    make_transformer,
    tokenizer_of,
)
from accumbens.language.byte_pairs import read_tokenizer, tokenizer_of_merges
from accumbens.language.hugging_face import write_transformer

TEXTS = ["You see a pancake, and a microwave.\nIt is closed.", " walk to the pancake", " open the microwave", "go  on!"]


@pytest.mark.parametrize("level", ["word", "character"])
@settings(deadline=None)
@given(parts=st.lists(st.sampled_from(TEXTS), max_size=4))
def test_a_text_comes_back(level, parts):
    tokenizer = tokenizer_of(TEXTS, level)
    assert isinstance(tokenizer, Tokenizer)
    text = "\n".join(parts)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode([*tokenizer.encode(text), tokenizer.end]) == text


def test_pieces_are_words_marks_and_lone_blanks():
    tokenizer = tokenizer_of(["a b,c\n d  e", "é"])
    assert tokenizer.pieces[0] == "<end>"
    pieces = [tokenizer.pieces[token] for token in tokenizer.encode("a b,c\n d  e")]
    assert pieces == ["a", " b", ",", "c", "\n", " d", " ", " e"]
    assert tokenizer.size == len(set(pieces)) + 2
    assert tokenizer_of(reversed(["a b,c\n d  e", "é"])).pieces == tokenizer.pieces


def test_what_is_in_no_text_is_refused_or_unknown():
    with pytest.raises(AccumbensError, match=r"word ' pancakes' is in none of the texts .* did you mean ' pancake'"):
        tokenizer_of(TEXTS).encode("You see pancakes")
    tokenizer = tokenizer_of(TEXTS, unknown=True)
    assert tokenizer.decode(tokenizer.encode("You see pancakes")) == "You see<unknown>"


def test_what_is_in_no_text_can_be_spelled():
    tokenizer = tokenizer_of(TEXTS, spelled=True)
    known, unknown = tokenizer.encode(TEXTS[0]), tokenizer.encode("You see 2 zebras~")
    assert known == [
        tokenizer.pieces.index(tokenizer_of(TEXTS).pieces[t]) for t in tokenizer_of(TEXTS).encode(TEXTS[0])
    ]
    assert tokenizer.decode(unknown) == "You see 2 zebras~"
    assert len(unknown) == 2 + len(" 2 zebras~")
    assert tokenizer.decode(tokenizer.encode("You see é")) == "You see \\xe9"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tokenizer_of(TEXTS, "words"), "unknown level 'words'; did you mean 'word'"),
        (lambda: TextTokenizer(["<end>", "a"], "letter"), "unknown level 'letter'"),
        (lambda: tokenizer_of([""]), r"texts=\[\] cannot be used"),
        (lambda: TextTokenizer(["a"]), "a vocabulary that begins with '<end>'"),
        (lambda: TextTokenizer(["<end>", "a", "b", "a"]), r"pieces=\['a'\] cannot be used: it must be different"),
        (lambda: tokenizer_of(["a"]).decode([2]), "token=2 cannot be used: it must be from 0 to 1"),
        (lambda: chat([{"role": "user"}]), "it must have a role and a content"),
    ],
)
def test_what_makes_no_tokenizer_is_refused(make, message):
    with pytest.raises(AccumbensError, match=message):
        make()


def test_a_conversation():
    user = {"role": "user", "content": "Hello"}
    assert chat([user]) == "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    assert chat([user], system="Be kind") == "<|im_start|>system\nBe kind<|im_end|>\n" + chat([user])
    system = {"role": "system", "content": "Be brief"}
    assert chat([system, user], system="Be kind") == chat([system, user])


def byte_letters():
    """GPT-2's letter for every byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return {byte: chr(byte) for byte in kept} | {
        byte: chr(256 + i) for i, byte in enumerate(byte for byte in range(256) if byte not in kept)
    }


LETTERS = byte_letters()


def slowly(text, vocabulary, ranks, digits):
    """Byte pairs as the papers have it: of all neighbours, those of the lowest rank are joined first."""
    split = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    found = []
    for part in regex.findall(r"\p{N}|[^\p{N}]+", text) if digits else [text]:
        for piece in regex.findall(split, part):
            symbols = [LETTERS[byte] for byte in piece.encode()]
            while len(symbols) > 1:
                pairs = list(pairwise(symbols))
                best = min(range(len(pairs)), key=lambda i: ranks.get(pairs[i], 10**9))
                if pairs[best] not in ranks:
                    break
                symbols[best : best + 2] = ["".join(pairs[best])]
            found += [vocabulary[symbol] for symbol in symbols]
    return found


@pytest.fixture(scope="module")
def small_pairs():
    """A vocabulary of byte pairs: all bytes, and what is frequent in some words."""
    words = [
        "the",
        "open",
        "microwave",
        "walk",
        "to",
        "pancake",
        "table",
        "take",
        "apple",
        "from",
        "go",
        "east",
        "2024",
        "10",
    ]
    letters = sorted(LETTERS.values())
    merges, parts = [], [[LETTERS[byte] for byte in f" {word}".encode()] for word in words * 3]
    for _ in range(60):
        pairs = [pair for part in parts for pair in pairwise(part)]
        pairs = [pair for pair in pairs if not any(symbol.isdigit() for symbol in pair)]
        if not pairs:
            break
        pair = max(sorted(set(pairs)), key=pairs.count)
        merges.append(pair)
        for part in parts:
            for i in range(len(part) - 2, -1, -1):
                if tuple(part[i : i + 2]) == pair:
                    part[i : i + 2] = ["".join(pair)]
    blank = LETTERS[ord(" ")]
    merges += [(blank, blank), ("2", "0"), (blank, "2")]  # by which the kinds of byte pairs differ
    tokens = ["<|end|>", "<|start|>", *letters, *("".join(pair) for pair in merges)]
    return list(dict.fromkeys(tokens)), merges


def random_texts(count):
    chance = random.Random(0)
    parts = [
        " ",
        "  ",
        "\n",
        "1",
        "20",
        "2024",
        "the",
        " open",
        "microwave",
        "'s",
        ",",
        "é",
        "日",
        "٣",
        "?!",
        "\t",
        "a",
    ]
    return ["".join(chance.choices(parts, k=chance.randint(1, 12))) for _ in range(count)]


@pytest.mark.parametrize("kind", ["smollm", "gpt-2"])
def test_byte_pairs_are_those_of_the_rules(kind, small_pairs):
    tokens, merges = small_pairs
    types = [3, 3, *(1 for _ in tokens[2:])]
    tokenizer = tokenizer_of_merges(tokens, types, [" ".join(pair) for pair in merges], kind, end=0)
    assert isinstance(tokenizer, Tokenizer)
    assert (tokenizer.size, tokenizer.end) == (len(tokens), 0)
    vocabulary, ranks = {t: i for i, t in enumerate(tokens)}, {pair: i for i, pair in enumerate(merges)}
    for text in random_texts(400):
        expected = slowly(text, vocabulary, ranks, digits=kind == "smollm")
        assert tokenizer.encode(text) == expected, repr(text)
        assert tokenizer.decode(expected) == text
    together = tokenizer.decode(tokenizer.encode("20")[:1])
    assert together == ("2" if kind == "smollm" else "20")
    assert tokenizer.encode("<|start|>go<|end|>")[:: len(tokenizer.encode("go")) + 1] == [1, 0]
    assert tokenizer.decode([1, 0]) == "<|start|><|end|>"


def test_byte_pairs_of_another_kind_are_refused(small_pairs):
    with pytest.raises(AccumbensError, match=r"unknown tokenizer\.ggml\.pre 'llama-bpe'"):
        tokenizer_of_merges(small_pairs[0], [1] * len(small_pairs[0]), [], "llama-bpe", 0)


def test_a_tokenizer_of_a_file(small_pairs, tmp_path):
    tokens, merges = small_pairs
    made = tokenizer_of_merges(tokens, [1] * len(tokens), [" ".join(pair) for pair in merges], "smollm", 0)
    path = tmp_path / "tokenizer.json"
    made.inner.save(str(path))
    read = read_tokenizer(path, end=0)
    for text in random_texts(20):
        assert read.encode(text) == made.encode(text)
    with pytest.raises(AccumbensError, match=f"has {len(tokens)} tokens and the model beside it 20: they do not"):
        read_tokenizer(path, end=0, size=20)
    path.write_text(json.dumps({"model": "none"}))
    with pytest.raises(AccumbensError, match="is not a tokenizer, or is damaged"):
        read_tokenizer(path, end=0)


def test_a_folder_with_its_tokenizer_is_a_language_model(small_pairs, tmp_path):
    tokens, merges = small_pairs
    made = tokenizer_of_merges(tokens, [1] * len(tokens), [" ".join(pair) for pair in merges], "smollm", 0)
    settings = TransformerSettings(vocabulary=len(tokens) + 5, layers=1)  # a model may have spare tokens
    write_transformer(tmp_path, make_transformer(settings, key=jax.random.key(0)), end=1)
    made.inner.save(str(tmp_path / "tokenizer.json"))
    model = load_language_model(tmp_path)
    assert model.transformer.settings == settings
    assert (model.tokenizer.size, model.tokenizer.end) == (len(tokens) + 5, 1)
    assert model.tokenizer.encode(" open 20") == made.encode(" open 20")
    says = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(says | {"eos_token_id": [0, 1]}))
    assert load_language_model(str(tmp_path)).tokenizer.end == 0
