"""GGUF files of a small model, written here as llama.cpp's converter writes them."""

import dataclasses

import gguf
import jax.numpy as jnp
import numpy as np
import numpy_transformer
import pytest
from gguf import GGMLQuantizationType as Kind

from accumbens.errors import AccumbensError
from accumbens.language import TransformerSettings, load_language_model, parameters
from accumbens.language.gguf import NAMES, GgufFile
from accumbens.language.matrices import Dense, Quantised

SETTINGS = TransformerSettings(
    vocabulary=40, width=64, layers=2, heads=4, key_value_heads=2, head_size=16, inner=96, context=128, rope_base=500.0
)
TOKENS = [3, 1, 4, 1, 5, 9, 2, 6, 39]
LETTERS = [chr(c) for c in range(33, 71)]


def tensors(kind, settings=SETTINGS):
    """The arrays of a file by name; matrices as numbers that a kind of quantised values can say."""
    chance = np.random.default_rng(0)
    queries, pairs = settings.heads * settings.head_size, settings.key_value_heads * settings.head_size
    width, inner = settings.width, settings.inner
    shapes = {"q": (queries, width), "k": (pairs, width), "v": (pairs, width), "o": (width, queries),
              "gate": (inner, width), "up": (inner, width), "down": (width, inner)}  # fmt: skip

    def matrix(shape):
        drawn = chance.normal(size=shape).astype(np.float32) * 0.2
        return gguf.dequantize(gguf.quantize(drawn, kind), kind)

    made = {"token_embd.weight": matrix((settings.vocabulary, width))}
    for i in range(settings.layers):
        made |= {f"blk.{i}.{NAMES[name]}.weight": matrix(shape) for name, shape in shapes.items()}
        for name in ("attn_norm", "ffn_norm"):
            made[f"blk.{i}.{name}.weight"] = chance.normal(1, 0.2, width).astype(np.float32)
    made["output_norm.weight"] = chance.normal(1, 0.2, width).astype(np.float32)
    if not settings.tied:
        made["output.weight"] = matrix((settings.vocabulary, width))
    return made


def written(path, kind=Kind.Q4_1, settings=SETTINGS, architecture="llama", leave_out=(), **changes):
    arrays = {name: array for name, array in tensors(kind, settings).items() if name not in leave_out}
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(settings.context)
    writer.add_embedding_length(changes.get("width", settings.width))
    writer.add_block_count(settings.layers)
    writer.add_feed_forward_length(settings.inner)
    writer.add_head_count(settings.heads)
    writer.add_head_count_kv(settings.key_value_heads)
    writer.add_rope_dimension_count(changes.get("turned", settings.head_size))
    writer.add_rope_freq_base(settings.rope_base)
    writer.add_layer_norm_rms_eps(settings.epsilon)
    if "scaling" in changes:
        writer.add_rope_scaling_type(changes["scaling"])
    if "key_length" in changes:
        writer.add_key_length(changes["key_length"])
    writer.add_tokenizer_model(changes.get("tokenizer", "gpt2"))
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(["<end>", *LETTERS, "!!"])
    writer.add_token_types([3, *(1 for _ in LETTERS), 1])
    writer.add_token_merges(["! !"])
    writer.add_eos_token_id(0)
    for name, array in arrays.items():
        if array.ndim == 1 or kind == Kind.F32:
            writer.add_tensor(name, array)
        else:
            writer.add_tensor(name, gguf.quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def expected_logits(arrays, settings=SETTINGS):
    """With the rows of the file, of which llama.cpp turns neighbours."""
    double = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    blocks = [
        {
            ours: double[f"blk.{i}.{theirs}.weight"]
            for ours, theirs in NAMES.items()
            if f"blk.{i}.{theirs}.weight" in double
        }
        for i in range(settings.layers)
    ]
    rest = {"embedding": double["token_embd.weight"], "norm": double["output_norm.weight"]}
    rest["output"] = double.get("output.weight", rest["embedding"])
    return numpy_transformer.logits(blocks, rest, settings, TOKENS, interleaved=True)


@pytest.mark.parametrize("kind", [Kind.F32, Kind.F16, Kind.Q8_0, Kind.Q4_0, Kind.Q4_1], ids=lambda kind: kind.name)
@pytest.mark.parametrize("quantised", [False, True], ids=["float32", "quantised"])
def test_logits_are_those_of_llama_cpps_order(kind, quantised, tmp_path, logits_of):
    path = written(tmp_path / "model.gguf", kind)
    transformer, tokenizer = load_language_model(path, quantised=quantised)
    assert dataclasses.replace(transformer.settings, epsilon=1e-5) == SETTINGS
    found = logits_of(transformer, jnp.array(TOKENS))
    np.testing.assert_allclose(found, expected_logits(tensors(kind)), rtol=1e-4, atol=2e-4)
    assert tokenizer.encode('!!"!') == [39, 2, 1]
    assert tokenizer.end == 0
    kept = Quantised if quantised and kind.name.startswith("Q") else Dense
    assert isinstance(transformer.blocks[1].down, kept)
    assert isinstance(transformer.embedding, kept)
    assert parameters(transformer) == sum(array.size for array in tensors(kind).values())


def test_the_order_of_rows_matters(tmp_path):
    transformer = GgufFile(written(tmp_path / "model.gguf", Kind.F32)).transformer()
    blocks, rest = numpy_transformer.matrices(transformer)
    arrays = tensors(Kind.F32)
    np.testing.assert_allclose(
        numpy_transformer.logits(blocks, rest, SETTINGS, TOKENS), expected_logits(arrays), rtol=1e-5, atol=1e-5
    )
    for i, block in enumerate(blocks):
        block["q"], block["k"] = (np.asarray(arrays[f"blk.{i}.attn_{name}.weight"], np.float64) for name in "qk")
    assert np.abs(numpy_transformer.logits(blocks, rest, SETTINGS, TOKENS) - expected_logits(arrays)).max() > 0.1


def test_a_file_with_an_output_matrix(tmp_path, logits_of):
    settings = dataclasses.replace(SETTINGS, tied=False, layers=1)
    transformer = GgufFile(written(tmp_path / "model.gguf", Kind.Q8_0, settings)).transformer()
    found = logits_of(transformer, jnp.array(TOKENS))
    np.testing.assert_allclose(found, expected_logits(tensors(Kind.Q8_0, settings), settings), rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "gpt2"}, "holds a model of architecture 'gpt2'; only 'llama' can be read"),
        ({"scaling": gguf.RopeScalingType.YARN}, r"scales its rotary angles \(yarn\), which is not implemented"),
        ({"turned": 8, "key_length": 16}, "turns only part of a head's vectors"),
        ({"leave_out": ["blk.1.ffn_up.weight"]}, r"has no blk\.1\.ffn_up\.weight"),
        ({"width": 32}, r"token_embd\.weight is \[40, 64\] and not \[40, 32\], as its head says"),
        ({"tokenizer": "llama"}, "has a tokenizer of kind 'llama'; only byte pairs"),
    ],
)
def test_a_file_of_another_model_is_refused(changes, message, tmp_path):
    path = written(tmp_path / "model.gguf", Kind.F32, **changes)
    with pytest.raises(AccumbensError, match=message):
        load_language_model(path)


@pytest.mark.parametrize("content", [b"", b"no model", b"GGUF\x03\x00\x00\x00"])
def test_a_damaged_file_is_refused(content, tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(AccumbensError, match="is not a GGUF file, or is damaged"):
        load_language_model(path)
    whole = written(tmp_path / "whole.gguf").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AccumbensError, match="is not a GGUF file, or is damaged"):
        load_language_model(path)
