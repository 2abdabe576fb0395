"""The files of an exported agent that are read again: safetensors and TOML, nothing that could run.

`config.toml` is the run's; `agent.toml` says which seed and step the weights are of, what their SHA-256 is, and what
the environment is like; `weights.safetensors` has one array per parameter, named by its place: `cells.0.activity.W_h`.
"""

from pathlib import Path
from typing import NamedTuple

import jax
import tomli_w

from accumbens.agents import stacks
from accumbens.agents.settings import SACSettings
from accumbens.cells import Stack
from accumbens.errors import AccumbensError
from accumbens.share.weights import (
    CONFIG,
    WEIGHTS,
    read_document,
    read_toml,
    read_weights,
    require_files,
    require_imported,
    write_weights,
)
from accumbens.training.config import RunConfig, read_config
from accumbens.training.facts import Facts, from_table, to_table

FORMAT_VERSION = 1
AGENT = "agent.toml"


class Exported(NamedTuple):
    """An agent as it lies in a folder."""

    config: RunConfig
    facts: Facts
    network: Stack
    seed: int
    step: int


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
    digest = write_weights(folder, stack, seed, step)
    export = {"seed": seed, "step": step, "weights_sha256": digest, **about}
    document = {"format_version": FORMAT_VERSION, "export": export, "environment": to_table(facts)}
    (folder / AGENT).write_bytes(tomli_w.dumps(document).encode())


def read_agent(folder: Path) -> Exported:
    """Read an exported agent; its environment need not be installed.

    Raises:
        AccumbensError: a file is missing, damaged, of another version or does not fit the others; or the agent has a
            cell or readout of a module that is not imported: nothing that a folder names is ever imported.
    """
    require_files(folder, (AGENT, CONFIG, WEIGHTS), "agent")
    document = read_document(folder / AGENT, FORMAT_VERSION)
    require_imported(folder, read_toml(folder / CONFIG).get("agent"), ("cell", "readout"))
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
    return Exported(config, facts, read_weights(folder, digest, like, AGENT), seed, step)
