"""Opening a trained agent: from an exported folder, from a run, or from the Hugging Face Hub."""

from pathlib import Path

from accumbens.errors import AccumbensError
from accumbens.share.acting import ActingAgent
from accumbens.share.facts import facts_of
from accumbens.share.files import AGENT, CONFIG, read_agent


def load(
    path: str | Path, *, seed: int | None = None, step: int | None = None, exploration_seed: int = 0
) -> ActingAgent:
    """Open a trained agent, on whatever device JAX finds.

    Args:
        path: a folder that `accumbens export` wrote, a run's folder, or `hf://user/repo` or `hf://user/repo@revision`
            on the Hugging Face Hub (the extra `hub`).
        seed: of a run, whose network acts; None takes the first.
        step: of a run, the snapshot; None takes the newest.
        exploration_seed: of the random numbers for ε.

    Returns:
        the agent: `agent.act(observation)`.

    Raises:
        AccumbensError: there is no agent at `path`, a file is missing or damaged, or the run has no such seed or step.
    """
    if str(path).startswith("hf://"):
        from accumbens.share.hub import download

        folder = download(str(path).removeprefix("hf://"))
    else:
        folder = Path(path).expanduser()
    if (folder / AGENT).exists():
        if seed is not None or step is not None:
            raise AccumbensError(f"{path} is an exported agent, which has one seed and step: give neither")
        exported = read_agent(folder)
        return ActingAgent(*exported, exploration_seed=exploration_seed)
    if not (folder / CONFIG).exists():
        what = "has neither" if folder.is_dir() else "does not exist: expected a folder with"
        raise AccumbensError(f"{path} {what} {AGENT}, of an exported agent, nor {CONFIG}, of a run")
    from accumbens.training.snapshots import open_trained

    trained = open_trained(folder, step)
    seed = trained.seeds[0] if seed is None else seed
    facts = facts_of(trained.config)
    return ActingAgent(trained.config, facts, trained.network(seed), seed, trained.step, exploration_seed)
