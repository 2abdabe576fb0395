"""Weights as safetensors, and what the files beside them are checked for: nothing in them could run."""

import hashlib
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from accumbens.errors import AccumbensError

WEIGHTS, CONFIG = "weights.safetensors", "config.toml"


def named_arrays(network: Any) -> dict[str, Any]:
    """Return every parameter of a network by its place, such as `cells.0.activity.W_h`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(network)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def write_weights(folder: Path, network: Any, seed: int, step: int) -> str:
    """Write `weights.safetensors`; return its SHA-256.

    Args:
        folder: where to.
        network: of one seed.
        seed: its seed.
        step: environment steps or updates of it.
    """
    # safetensors 0.8.0 stores the memory of an array as it lies there, and reads it as if it were in C order.
    arrays = {name: np.ascontiguousarray(leaf) for name, leaf in named_arrays(network).items()}
    weights = safetensors.numpy.save(arrays, metadata={"format": "accumbens", "seed": str(seed), "step": str(step)})
    (folder / WEIGHTS).write_bytes(weights)
    return hashlib.sha256(weights).hexdigest()


def read_weights(folder: Path, digest: str, like: Any, beside: str) -> Any:
    """Return the network of `weights.safetensors`, on the device.

    Args:
        folder: where it is.
        digest: its SHA-256.
        like: shapes and dtypes that the configuration stands for.
        beside: the file that says the digest.

    Raises:
        AccumbensError: the weights are damaged, of another network, or do not fit the configuration.
    """
    path = folder / WEIGHTS
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise AccumbensError(f"{path} is damaged, or belongs to another export: its SHA-256 is not that of {beside}")
    try:
        arrays = safetensors.numpy.load(content)
    except SafetensorError as error:
        raise AccumbensError(f"{path} is not a file of safetensors: {error}") from error
    expected = named_arrays(like)
    problems = [f"it has no {name}" for name in expected if name not in arrays]
    problems += [f"nothing here is called {name}" for name in arrays if name not in expected]
    for name, here in expected.items():
        there: Any = arrays.get(name, here)
        if (there.shape, there.dtype) != (here.shape, here.dtype):
            problems.append(f"{name} is {there.dtype}{list(there.shape)} and not {here.dtype}{list(here.shape)}")
    if problems:
        raise AccumbensError(f"{path} does not fit {CONFIG}: {problems[0]}")
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(arrays[name]) for name in expected])


def read_document(path: Path, version: int) -> dict[str, Any]:
    """Return the tables of a TOML file of ours.

    Raises:
        AccumbensError: it is damaged, or of another format version.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AccumbensError(f"{path} is damaged: {error}") from error
    found = document.get("format_version")
    if found != version:
        raise AccumbensError(f"{path} has format version {found}; this accumbens reads {version}")
    return document


def require_imported(folder: Path, names: Iterable[tuple[str, Any]]) -> None:
    """Refuse names of modules that are not imported: nothing that a folder names is ever imported.

    Args:
        folder: for the message.
        names: settings, and their values that may be `module:id`.

    Raises:
        AccumbensError: names the first such module.
    """
    for key, name in names:
        module, colon, _ = str(name).rpartition(":")
        if colon and module not in sys.modules:
            raise AccumbensError(
                f"{folder} has {key}={name!r}, of a module that is not imported. If you trust it, get its code and "
                f"write 'import {module}' first"
            )
