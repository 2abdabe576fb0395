"""Low-rank corrections in a folder, as PEFT writes and reads them: adapter_config.json, adapter_model.safetensors."""

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from accumbens.errors import AccumbensError
from accumbens.generator import make_key
from accumbens.language.assembly import Place
from accumbens.language.hugging_face import NAMES, name_of, read_json
from accumbens.language.lora import MATRICES, LoraSettings, with_lora
from accumbens.language.matrices import LowRank
from accumbens.language.transformer import Transformer

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_MODULES = {NAMES[name].rpartition(".")[2]: name for name in MATRICES}  # PEFT's names of the matrices, and ours

_PLAIN = {
    "peft_type": "LORA",
    "bias": "none",
    "use_dora": False,
    "use_rslora": False,
    "fan_in_fan_out": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "layers_to_transform": None,
    "modules_to_save": None,
}
"""What PEFT can do beyond this, and what its files say where it is not done."""


def write_adapters(folder: Path, model: Transformer, base: str | None = None) -> None:
    """Write a model's low-rank corrections, without the model.

    Args:
        folder: where to; made if it is not there.
        model: has been through `with_lora`.
        base: what the model without them is called, for whoever reads the folder.

    Raises:
        AccumbensError: the model has none.
    """
    corrected = {name: matrix for name in MATRICES if isinstance(matrix := getattr(model.blocks[0], name), LowRank)}
    if not corrected:
        raise AccumbensError("the model has no low-rank corrections to write: it has not been through with_lora")
    first = next(iter(corrected.values()))
    rank = len(first.A)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": first.scale * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(module for module, name in _MODULES.items() if name in corrected),
        "inference_mode": True,
    }
    arrays = {}
    for i, block in enumerate(model.blocks):
        for name in corrected:
            for part in ("A", "B"):
                arrays[_key(name, i, part)] = np.ascontiguousarray(getattr(getattr(block, name), part))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / WEIGHTS).write_bytes(safetensors.numpy.save(arrays, metadata={"format": "pt"}))


def read_adapters(folder: Path, model: Transformer) -> Transformer:
    """Return a model with the low-rank corrections of a folder.

    Args:
        folder: as `write_adapters` or PEFT writes it.
        model: without corrections, of the same sizes.

    Raises:
        AccumbensError: a file is not there or damaged, they are of another kind, or do not fit the model.
    """
    config, path = read_json(folder / CONFIG), folder / WEIGHTS
    for name, can in _PLAIN.items():
        if (found := config.get(name) or can) != can:
            raise AccumbensError(f"{folder / CONFIG} says {name}={found!r}; only {can!r} can be read")
    modules = config.get("target_modules")
    if not isinstance(modules, list) or not modules or not set(modules) <= set(_MODULES):
        raise AccumbensError(
            f"{folder / CONFIG} says target_modules={modules!r}; some of {', '.join(_MODULES)} can be read"
        )
    try:
        settings = LoraSettings(config["r"], float(config["lora_alpha"]), tuple(_MODULES[name] for name in modules))
    except KeyError as error:
        raise AccumbensError(f"{folder / CONFIG} does not say {error.args[0]}") from error
    try:
        arrays = safetensors.numpy.load(path.read_bytes())
    except FileNotFoundError as error:
        raise AccumbensError(f"{path} is not there; it holds the corrections") from error
    except SafetensorError as error:
        raise AccumbensError(f"{path} is not a file of safetensors: {error}") from error
    fresh = with_lora(model, settings, key=make_key(0))
    places = [(name, i, part) for i in range(len(fresh.blocks)) for name in settings.matrices for part in ("A", "B")]

    def parts(model: Transformer) -> list[Any]:
        return [getattr(getattr(model.blocks[i], name), part) for name, i, part in places]

    if unknown := sorted(set(arrays) - {_key(*place) for place in places}):
        raise AccumbensError(f"{path} does not fit the model: nothing in it is called {unknown[0]}")
    for place, here in zip(places, parts(fresh), strict=True):
        there = arrays.get(_key(*place))
        if there is None or there.shape != here.shape:
            found = "missing" if there is None else f"{list(there.shape)} and not {list(here.shape)}"
            raise AccumbensError(f"{path} does not fit the model: {_key(*place)} is {found}")
    return eqx.tree_at(parts, fresh, [jnp.asarray(arrays[_key(*place)], jnp.float32) for place in places])


def _key(name: str, block: int, part: str) -> str:
    return f"base_model.model.{name_of(Place(name, block)).removesuffix('.weight')}.lora_{part}.weight"
