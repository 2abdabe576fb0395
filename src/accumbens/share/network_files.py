"""The files of an exported network that are read again: safetensors and TOML, nothing that could run.

`config.toml` is the fit's; `network.toml` says which seed and step the weights are of, what their SHA-256 is, and what
the task is like; `weights.safetensors` has one array per parameter, named by its place: `layers.0.connection.weight`.
"""

from pathlib import Path
from typing import NamedTuple

import tomli_w

from accumbens.credit.config import FitConfig, read_fit
from accumbens.credit.protocol import Network
from accumbens.credit.tasks.description import Description, from_table, to_table
from accumbens.credit.trained import network_like
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

FORMAT_VERSION = 1
NETWORK = "network.toml"


class ExportedNetwork(NamedTuple):
    """A network as it lies in a folder."""

    config: FitConfig
    task: Description
    network: Network
    seed: int
    step: int


def write_network(folder: Path, task: Description, network: Network, seed: int, step: int, **about: str) -> None:
    """Write `network.toml` and `weights.safetensors`.

    Args:
        folder: where to.
        task: what is kept of it.
        network: of one seed.
        seed: its seed.
        step: its updates.
        about: what else `network.toml` says of the export, for people.
    """
    digest = write_weights(folder, network, seed, step)
    export = {"seed": seed, "step": step, "weights_sha256": digest, **about}
    document = {"format_version": FORMAT_VERSION, "export": export, "task": to_table(task)}
    (folder / NETWORK).write_bytes(tomli_w.dumps(document).encode())


def read_network(folder: Path) -> ExportedNetwork:
    """Read an exported network; its task need not be known here, nor its data be at hand.

    Raises:
        AccumbensError: a file is missing, damaged, of another version or does not fit the others; or the rule is of a
            module that is not imported: nothing that a folder names is ever imported.
    """
    require_files(folder, (NETWORK, CONFIG, WEIGHTS), "network")
    document = read_document(folder / NETWORK, FORMAT_VERSION)
    require_imported(folder, read_toml(folder / CONFIG).get("fit"), ("rule",))
    config = read_fit(folder / CONFIG, with_task=False)
    try:
        export = document["export"]
        seed, step, digest = int(export["seed"]), int(export["step"]), str(export["weights_sha256"])
        task = from_table(document["task"])
    except (KeyError, TypeError, ValueError, AccumbensError) as error:
        raise AccumbensError(f"{folder / NETWORK} is damaged: {error}") from error
    network = read_weights(folder, digest, network_like(config, task.facts), NETWORK)
    return ExportedNetwork(config, task, network, seed, step)
