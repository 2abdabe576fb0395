"""Models in folders as Hugging Face's transformers writes them: config.json, safetensors, tokenizer.json."""

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from jaxtyping import Array
from safetensors import SafetensorError, safe_open

from accumbens.errors import AccumbensError
from accumbens.language.assembly import Place, assembled
from accumbens.language.lora import merged
from accumbens.language.matrices import Dense, Matrix
from accumbens.language.transformer import Transformer, TransformerSettings

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"

NAMES = {
    "attention_norm": "input_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "inner_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
    "embedding": "model.embed_tokens",
    "norm": "model.norm",
    "output": "lm_head",
}


def name_of(place: Place) -> str:
    """Return the name that transformers gives to weights."""
    block = "" if place.block is None else f"model.layers.{place.block}."
    return f"{block}{NAMES[place.name]}.weight"


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        AccumbensError: it is not there, or is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AccumbensError(f"{path} is not there") from error
    except ValueError as error:
        raise AccumbensError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise AccumbensError(f"{path} is damaged: it holds no object")
    return content


_COUNTS = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("intermediate_size", "max_position_embeddings"),
)
"""What a config.json says in whole numbers."""


def read_settings(folder: Path) -> TransformerSettings:
    """Return the sizes that a folder's config.json says.

    Raises:
        AccumbensError: it is not there, damaged, or of a model that computes something else.
    """
    path = folder / CONFIG
    config = read_json(path)
    rotary = config.get("rope_parameters") or config.get("rope_scaling") or {}
    wanted = {
        "model_type": (config.get("model_type"), "llama"),
        "hidden_act": (config.get("hidden_act", "silu"), "silu"),
        "attention_bias": (config.get("attention_bias", False), False),
        "mlp_bias": (config.get("mlp_bias", False), False),
        "rope_type": (rotary.get("rope_type", rotary.get("type", "default")), "default"),
    }
    for name, (found, can) in wanted.items():
        if found != can:
            raise AccumbensError(f"{path} says {name}={found!r}; only {can!r} can be read")
    for name in _COUNTS:
        if name in config and not (type(config[name]) is int and config[name] >= 1):
            raise AccumbensError(f"{path} says {name}={config[name]!r}; it must be a whole number, 1 or more")
    try:
        heads, width = config["num_attention_heads"], config["hidden_size"]
        return TransformerSettings(
            vocabulary=config["vocab_size"],
            width=width,
            layers=config["num_hidden_layers"],
            heads=heads,
            key_value_heads=config.get("num_key_value_heads") or heads,
            head_size=config.get("head_dim") or width // heads,
            inner=config["intermediate_size"],
            context=config["max_position_embeddings"],
            rope_base=float(rotary.get("rope_theta", config.get("rope_theta", 10_000.0))),
            epsilon=config["rms_norm_eps"],
            tied=config.get("tie_word_embeddings", False),
        )
    except KeyError as error:
        raise AccumbensError(f"{path} does not say {error.args[0]}") from error


def read_transformer(folder: Path) -> Transformer:
    """Read a folder's weights, in float32.

    Raises:
        AccumbensError: a file is not there or damaged, or weights are missing or do not fit config.json.
    """
    settings = read_settings(folder)
    files: dict[str, Any] = {}
    weights = read_json(folder / INDEX).get("weight_map", {}) if (folder / INDEX).exists() else {}

    def array(place: Place, shape: tuple[int, ...]) -> Array:
        name = name_of(place)
        path = folder / weights.get(name, WEIGHTS)
        try:
            if path not in files:
                files[path] = safe_open(path, framework="numpy")
            found = jnp.asarray(files[path].get_tensor(name))
        except FileNotFoundError as error:
            raise AccumbensError(f"{path} is not there; it holds the weights") from error
        except SafetensorError as error:
            raise AccumbensError(f"{path} has no {name}, or is damaged: {error}") from error
        if found.shape != shape:
            raise AccumbensError(f"{path}: {name} is {list(found.shape)} and not {list(shape)}, as {CONFIG} says")
        return found.astype(jnp.float32)

    return assembled(
        settings, lambda place, shape: Dense(array(place, shape)), lambda place: array(place, (settings.width,))
    )


def write_transformer(folder: Path, model: Transformer, end: int) -> None:
    """Write a model as transformers reads it; low-rank corrections are added to what they correct.

    Args:
        folder: where to; made if it is not there.
        model: the model.
        end: the token that ends a text.
    """
    settings, arrays = model.settings, {}
    plain = merged(model)

    def keep(place: Place, value: Any) -> Any:
        # safetensors stores the memory of an array as it lies there, and reads it as if it were in C order.
        arrays[name_of(place)] = np.ascontiguousarray(value)
        return value

    def part(place: Place) -> Any:
        return getattr(plain if place.block is None else plain.blocks[place.block], place.name)

    def matrix(place: Place, shape: tuple[int, int]) -> Matrix:
        return Dense(keep(place, part(place).full()))

    assembled(settings, matrix, lambda place: keep(place, part(place)))
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "vocab_size": settings.vocabulary,
        "hidden_size": settings.width,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "num_key_value_heads": settings.key_value_heads,
        "head_dim": settings.head_size,
        "intermediate_size": settings.inner,
        "max_position_embeddings": settings.context,
        "rope_theta": settings.rope_base,
        "rms_norm_eps": settings.epsilon,
        "tie_word_embeddings": settings.tied,
        "bos_token_id": None,
        "eos_token_id": end,
        "dtype": "float32",
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / WEIGHTS).write_bytes(safetensors.numpy.save(arrays, metadata={"format": "pt"}))
