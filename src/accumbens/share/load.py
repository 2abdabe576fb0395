"""Opening what was trained: from an exported folder, from a run, or from the Hugging Face Hub."""

from pathlib import Path
from typing import Any

from accumbens.credit.config import is_fit
from accumbens.credit.fitted import FittedNetwork
from accumbens.credit.trained import open_fitted
from accumbens.errors import AccumbensError
from accumbens.share.files import AGENT, read_agent
from accumbens.share.network_files import NETWORK, read_network
from accumbens.share.weights import CONFIG
from accumbens.training.acting import ActingAgent
from accumbens.training.facts import facts_of
from accumbens.training.trained import open_trained


def load(path: str | Path, *, seed: int | None = None, step: int | None = None, exploration_seed: int = 0) -> Any:
    """Open a trained agent or a fitted network, on whatever device JAX finds.

    Args:
        path: a folder that `accumbens export` wrote, a run's folder, or `hf://user/repo` or `hf://user/repo@revision`
            on the Hugging Face Hub (the extra `hub`).
        seed: of a run, whose network it is; None takes the first.
        step: of a run, the snapshot; None takes the newest.
        exploration_seed: of an agent's random numbers for ε.

    Returns:
        an `ActingAgent`, `agent.act(observation)`; of a fit a `FittedNetwork`, `network.predict(x)`.

    Raises:
        AccumbensError: there is nothing of ours at `path`, a file is missing or damaged, or the run has no such seed or
            step.
    """
    if str(path).startswith("hf://"):
        from accumbens.share.hub import download

        folder = download(str(path).removeprefix("hf://"))
    else:
        folder = Path(path).expanduser()
    for file, kind in ((AGENT, "agent"), (NETWORK, "network")):
        if (folder / file).exists() and (seed is not None or step is not None):
            raise AccumbensError(f"{path} is an exported {kind}, which has one seed and step: give neither")
    if (folder / AGENT).exists():
        return ActingAgent(*read_agent(folder), exploration_seed=exploration_seed)
    if (folder / NETWORK).exists():
        return FittedNetwork(*read_network(folder))
    if not (folder / CONFIG).exists():
        what = "has none of" if folder.is_dir() else "does not exist: expected a folder with one of"
        raise AccumbensError(
            f"{path} {what} {AGENT} (an exported agent), {NETWORK} (an exported network) and {CONFIG} (a run)"
        )
    if is_fit(folder / CONFIG):
        return network_of_fit(folder, seed, step)
    return agent_of_run(folder, seed, step, exploration_seed)


def agent_of_run(
    path: Path, seed: int | None = None, step: int | None = None, exploration_seed: int = 0
) -> ActingAgent:
    """Return the agent of a run's directory; arguments and errors are those of `load`."""
    trained = open_trained(path, step)
    seed = trained.seeds[0] if seed is None else seed
    facts = facts_of(trained.config)
    return ActingAgent(trained.config, facts, trained.network(seed), seed, trained.step, exploration_seed)


def network_of_fit(path: Path, seed: int | None = None, step: int | None = None) -> FittedNetwork:
    """Return the network of a fit's directory; arguments and errors are those of `load`."""
    fitted = open_fitted(path, step)
    seed = fitted.seeds[0] if seed is None else seed
    return FittedNetwork(fitted.config, fitted.task, fitted.network(seed), seed, fitted.step)
