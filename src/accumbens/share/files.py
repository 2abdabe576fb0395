"""The files of an export that are read again: safetensors and TOML, nothing that could run.

`config.toml` is the run's; `agent.toml` or `network.toml` says which seed and step the weights are of, what their
SHA-256 is, and what the environment or the task is like; `weights.safetensors` has one array per parameter, named by
its place: `cells.0.activity.W_h`.
"""

from pathlib import Path
from typing import Any

import tomli_w

from accumbens.errors import AccumbensError
from accumbens.runs import settings
from accumbens.runs.kind import Kind
from accumbens.runs.sharing import Learned, Sharing
from accumbens.share.weights import CONFIG, WEIGHTS, read_document, read_weights, require_imported, write_weights

FORMAT_VERSION = 1


def write_learned(folder: Path, sharing: Sharing, learned: Learned, **about: str) -> None:
    """Write the description and `weights.safetensors`.

    Args:
        folder: where to.
        sharing: what its kind says of exports.
        learned: what one seed had learned.
        about: what else the description says of the export, for people.
    """
    seed, step = learned.seed, learned.step
    digest = write_weights(folder, learned.network, seed, step)
    export = {"seed": seed, "step": step, "weights_sha256": digest, **about}
    place = {sharing.kind.words.place: sharing.to_table(learned.about)}
    document = {"format_version": FORMAT_VERSION, "export": export, **place}
    (folder / sharing.file).write_bytes(tomli_w.dumps(document).encode())


def read_learned(folder: Path, kind: Kind[Any]) -> Learned:
    """Read an export; its environment need not be installed, nor its task be known or its data be at hand.

    Raises:
        AccumbensError: a file is missing, damaged, of another version or does not fit the others; or something in it is
            of a module that is not imported: nothing that a folder names is ever imported.
    """
    sharing = kind.sharing
    for name in (sharing.file, CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise AccumbensError(f"{folder} is not a complete exported {sharing.noun}: it has no {name}")
    document = read_document(folder / sharing.file, FORMAT_VERSION)
    require_imported(folder, sharing.names(settings.read_document(folder / CONFIG)))
    config = kind.read(folder / CONFIG, known=False)
    try:
        export = document["export"]
        seed, step, digest = int(export["seed"]), int(export["step"]), str(export["weights_sha256"])
        about = sharing.from_table(document[kind.words.place])
    except (KeyError, TypeError, ValueError, AccumbensError) as error:
        raise AccumbensError(f"{folder / sharing.file} is damaged: {error}") from error
    network = read_weights(folder, digest, sharing.like(config, about), sharing.file)
    return Learned(config, about, network, seed, step)
