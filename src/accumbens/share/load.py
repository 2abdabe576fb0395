"""Opening what was trained: from an exported folder, from a run, or from the Hugging Face Hub."""

import re
from pathlib import Path
from typing import Any

from accumbens import kinds
from accumbens.errors import AccumbensError
from accumbens.generator import pinned_generator
from accumbens.share.files import read_learned
from accumbens.share.weights import CONFIG

HUB_NAME = r"[\w][\w.-]*/[\w][\w.-]*"
"""What repositories of the Hub are called: `user/repo`."""


@pinned_generator()
def load(path: str | Path, *, seed: int | None = None, step: int | None = None, exploration_seed: int = 0) -> Any:
    """Open a trained agent or a fitted network, on whatever device JAX finds.

    Args:
        path: a folder that `accumbens export` wrote, a run's folder, or `user/repo` or `hf://user/repo@revision` on the
            Hugging Face Hub (the extra `hub`); a folder of that name comes first.
        seed: of a run, whose network it is; None takes the first.
        step: of a run, the snapshot; None takes the newest.
        exploration_seed: of an agent's random numbers for ε.

    Returns:
        an `ActingAgent`, `agent.act(observation)`; of a fit a `FittedNetwork`, `network.predict(x)`; of a kind of run
        that has nothing of the sort, a `Learned`.

    Raises:
        AccumbensError: there is nothing of ours at `path`, a file is missing or damaged, or the run has no such seed or
            step.
    """
    folder = located(path)
    for kind in kinds.all_kinds():
        sharing = kind.sharing
        if (folder / sharing.file).exists():
            if seed is not None or step is not None:
                raise AccumbensError(f"{path} is an exported {sharing.noun}, which has one seed and step: give neither")
            return sharing.ready(read_learned(folder, kind), exploration_seed)
    if not (folder / CONFIG).exists():
        what = "has none of" if folder.is_dir() else "does not exist: expected a folder with one of"
        files = [f"{kind.sharing.file} (an exported {kind.sharing.noun})" for kind in kinds.all_kinds()]
        raise AccumbensError(f"{path} {what} {', '.join(files)} and {CONFIG} (a run)")
    return kinds.read_config(folder / CONFIG)[0].sharing.load(folder, seed, step, exploration_seed)


def located(path: str | Path) -> Path:
    """Return the folder that a path names, fetched from the Hub if it is there.

    Args:
        path: a folder, `hf://user/repo`, `hf://user/repo@revision`, or `user/repo` where there is no folder `user`.

    Raises:
        AccumbensError: it cannot be fetched.
    """
    text = str(path)
    address = re.sub("^hf:/+", "", text)  # a Path has lost the second slash
    folder = Path(path).expanduser()
    named = text.startswith("hf:/")
    if not named and (not re.fullmatch(HUB_NAME, text, re.ASCII) or folder.parent.exists()):
        return folder
    from accumbens.share.hub import download

    try:
        return download(address)
    except AccumbensError as error:
        if named:
            raise
        raise AccumbensError(
            f"there is no folder {path} here, nor one that can be fetched from the Hugging Face Hub: {error}"
        ) from error
