"""The files of an exported agent that are read again: safetensors and TOML, nothing that could run.

`config.toml` is the run's; `agent.toml` says which seed and step the weights are of, what their SHA-256 is, and what
the environment is like; `weights.safetensors` has one array per parameter, named by its place: `cells.0.activity.W_h`.
"""

import hashlib
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy
import tomli_w
from safetensors import SafetensorError

from accumbens.agents import stacks
from accumbens.agents.settings import SACSettings
from accumbens.cells import Stack
from accumbens.errors import AccumbensError
from accumbens.share.facts import Facts, from_table, to_table
from accumbens.training.config import RunConfig, read_config

FORMAT_VERSION = 1
WEIGHTS, AGENT, CONFIG = "weights.safetensors", "agent.toml", "config.toml"


class Exported(NamedTuple):
    """An agent as it lies in a folder."""

    config: RunConfig
    facts: Facts
    network: Stack
    seed: int
    step: int


def named_arrays(stack: Stack) -> dict[str, Any]:
    """Return every parameter by its place in the stack, such as `cells.0.activity.W_h`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(stack)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def write_agent(folder: Path, facts: Facts, stack: Stack, seed: int, step: int, **about: str) -> None:
    """Write `agent.toml` and `weights.safetensors`.

    Args:
        folder: where to.
        facts: of the environment.
        stack: the network of one seed.
        seed: its seed.
        step: its environment steps.
        about: what else `agent.toml` says of the export, for people.
    """
    arrays = {name: np.asarray(leaf) for name, leaf in named_arrays(stack).items()}
    weights = safetensors.numpy.save(arrays, metadata={"format": "accumbens", "seed": str(seed), "step": str(step)})
    (folder / WEIGHTS).write_bytes(weights)
    export = {"seed": seed, "step": step, "weights_sha256": hashlib.sha256(weights).hexdigest(), **about}
    document = {"format_version": FORMAT_VERSION, "export": export, "environment": to_table(facts)}
    (folder / AGENT).write_bytes(tomli_w.dumps(document).encode())


def read_agent(folder: Path) -> Exported:
    """Read an exported agent; its environment need not be installed.

    Raises:
        AccumbensError: a file is missing, damaged, of another version or does not fit the others; or the agent has a
            cell or readout of a module that is not imported: nothing that a folder names is ever imported.
    """
    for name in (AGENT, CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise AccumbensError(f"{folder} is not a complete exported agent: it has no {name}")
    document = _read_toml(folder / AGENT)
    found = document.get("format_version")
    if found != FORMAT_VERSION:
        raise AccumbensError(f"{folder / AGENT} has format version {found}; this accumbens reads {FORMAT_VERSION}")
    _require_imported(_read_toml(folder / CONFIG), folder)
    config = read_config(folder / CONFIG, with_env=False)
    settings = config.settings
    if isinstance(settings, SACSettings):
        raise AccumbensError(f"{folder / CONFIG} is of SAC, which is not made of cells and was never exported")
    try:
        export, environment = document["export"], document["environment"]
        seed, step, digest = int(export["seed"]), int(export["step"]), str(export["weights_sha256"])
        facts = from_table(environment)
    except (KeyError, TypeError, ValueError, AccumbensError) as error:
        raise AccumbensError(f"{folder / AGENT} is damaged: {error}") from error
    like = jax.eval_shape(lambda: stacks.build_stack(settings, facts, jax.random.key(0)))
    return Exported(config, facts, _read_weights(folder / WEIGHTS, digest, like), seed, step)


def _read_weights(path: Path, digest: str, like: Stack) -> Stack:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise AccumbensError(f"{path} is damaged, or belongs to another agent: its SHA-256 is not that of {AGENT}")
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
    structure = jax.tree.structure(like)
    return jax.tree.unflatten(structure, [jnp.asarray(arrays[name]) for name in expected])


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AccumbensError(f"{path} is damaged: {error}") from error


def _require_imported(config: dict[str, Any], folder: Path) -> None:
    agent = config.get("agent")
    for key in ("cell", "readout"):
        name = agent.get(key) if isinstance(agent, dict) else None
        module, colon, _ = str(name).rpartition(":")
        if colon and module not in sys.modules:
            raise AccumbensError(
                f"{folder} has {key}={name!r}, of a module that is not imported. If you trust it, get its code and "
                f"write 'import {module}' first"
            )
