"""Weights and tokenizers of GGUF files, llama.cpp's format. Needs the extra `language`."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from accumbens.errors import AccumbensError, described
from accumbens.language.assembly import Place, assembled
from accumbens.language.extra import require_language
from accumbens.language.matrices import BLOCK, Dense, Matrix, Quantised
from accumbens.language.transformer import Transformer, TransformerSettings

NAMES = {
    "attention_norm": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "inner_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
    "embedding": "token_embd",
    "norm": "output_norm",
    "output": "output",
}

SCALES = {"Q4_0": 2, "Q4_1": 4, "Q8_0": 2}
"""Bytes of scales before the 32 values of a block, of the types that are kept in 8 bits."""


class GgufFile:
    """An open file: settings, weights and tokenizer of one model."""

    def __init__(self, path: Path):
        """Read the head of a file; weights are mapped into memory as they are asked for.

        Raises:
            AccumbensError: the extra is not installed, or it is not a GGUF file of a Llama model.
        """
        self.path = path
        self._gguf = require_language("gguf", "GGUF files")
        try:
            reader = self._gguf.GGUFReader(path)
        except (ValueError, IndexError, OSError) as error:
            raise AccumbensError(f"{path} is not a GGUF file, or is damaged: {described(error)}") from error
        self._fields = reader.fields
        self._tensors = {tensor.name: tensor for tensor in reader.tensors}
        if (architecture := self.field("general.architecture")) != "llama":
            raise AccumbensError(f"{path} holds a model of architecture {architecture!r}; only 'llama' can be read")
        scaling = self.field("llama.rope.scaling.type", "none")
        if scaling != "none" or "rope_freqs.weight" in self._tensors:
            raise AccumbensError(f"{path} scales its rotary angles ({scaling}), which is not implemented")

    def field(self, name: str, *default: Any) -> Any:
        """Return a value of the file's head.

        Raises:
            AccumbensError: there is none, and no default.
        """
        if name in self._fields:
            return self._fields[name].contents()
        if default:
            return default[0]
        raise AccumbensError(f"{self.path} does not say {name}")

    def settings(self) -> TransformerSettings:
        """Return the sizes."""
        width, heads = self.field("llama.embedding_length"), self.field("llama.attention.head_count")
        head_size = self.field("llama.rope.dimension_count", width // heads)
        if self.field("llama.attention.key_length", head_size) != head_size:
            raise AccumbensError(f"{self.path} turns only part of a head's vectors, which is not implemented")
        return TransformerSettings(
            vocabulary=len(self.field("tokenizer.ggml.tokens")),
            width=width,
            layers=self.field("llama.block_count"),
            heads=heads,
            key_value_heads=self.field("llama.attention.head_count_kv", heads),
            head_size=head_size,
            inner=self.field("llama.feed_forward_length"),
            context=self.field("llama.context_length"),
            rope_base=self.field("llama.rope.freq_base", 10_000.0),
            epsilon=self.field("llama.attention.layer_norm_rms_epsilon"),
            tied="output.weight" not in self._tensors,
        )

    def transformer(self, quantised: bool = False) -> Transformer:
        """Return the model, its weights on the device.

        Args:
            quantised: keep matrices in 8 bits where the file's are of 4 or 8 (types Q4_0, Q4_1 and Q8_0), with the
                same values: a quarter of the memory; by default they become float32.

        Raises:
            AccumbensError: a weight is missing, not of the shape that the head says, or of an unknown type.
        """
        read = self._quantised if quantised else self._dense
        settings = self.settings()
        heads = {"q": settings.heads, "k": settings.key_value_heads}

        def matrix(place: Place, shape: tuple[int, int]) -> Matrix:
            tensor = self._tensor(_name(place), shape)
            rows = np.arange(shape[0])
            if place.name in heads:
                # llama.cpp turns neighbours (2i, 2i + 1) of a head where we turn (i, i + half), and keeps rows so.
                rows = rows.reshape(heads[place.name], -1, 2).swapaxes(1, 2).reshape(-1)
            return read(tensor, rows)

        def vector(place: Place) -> Array:
            return self._numbers(self._tensor(_name(place), (settings.width,)))

        return assembled(settings, matrix, vector)

    def _tensor(self, name: str, shape: tuple[int, ...]) -> Any:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise AccumbensError(f"{self.path} has no {name}")
        found = tuple(int(size) for size in reversed(tensor.shape))
        if found != shape:
            raise AccumbensError(f"{self.path}: {name} is {list(found)} and not {list(shape)}, as its head says")
        return tensor

    def _dense(self, tensor: Any, rows: np.ndarray) -> Dense:
        return Dense(self._numbers(tensor, rows))

    def _numbers(self, tensor: Any, rows: Any = slice(None)) -> Array:
        try:
            numbers = self._gguf.dequantize(tensor.data, tensor.tensor_type)
        except NotImplementedError as error:
            raise AccumbensError(f"{self.path}: {tensor.name} is of a type that gguf does not read: {error}") from error
        return jnp.asarray(numbers[rows], jnp.float32)

    def _quantised(self, tensor: Any, rows: np.ndarray) -> Matrix:
        kind = tensor.tensor_type.name
        if kind not in SCALES:
            return self._dense(tensor, rows)
        blocks = tensor.data[rows].reshape(len(rows), -1, SCALES[kind] + (BLOCK if kind == "Q8_0" else BLOCK // 2))
        scales = np.ascontiguousarray(blocks[..., : SCALES[kind]]).view(np.float16).astype(np.float32)
        values = blocks[..., SCALES[kind] :]
        if kind == "Q8_0":
            q = np.ascontiguousarray(values).view(np.int8)
        else:  # 16 values in the low halves of the bytes, then 16 in the high
            q = np.concatenate([values & 15, values >> 4], axis=-1).astype(np.int8) - (8 if kind == "Q4_0" else 0)
        low = jnp.asarray(scales[..., 1]) if kind == "Q4_1" else None
        return Quantised(jnp.asarray(q.reshape(len(rows), -1), jnp.int8), jnp.asarray(scales[..., 0]), low)


def _name(place: Place) -> str:
    block = "" if place.block is None else f"blk.{place.block}."
    return f"{block}{NAMES[place.name]}.weight"
