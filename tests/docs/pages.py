"""The commands and programs of the documentation, and how a test runs them."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from accumbens.credit.tasks.registry import task_entry
from accumbens.envs.teams.registry import is_team

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^( *)```(console|python)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_SHORT = {
    "train": {"--total-timesteps": "256", "--num-eval-episodes": "1"},
    "fit": {"--epochs": "1", "--evaluations": "1"},
    "record": {"--episodes": "8"},
    "resume": {"--epochs": "2"},
    "analyze": {"--steps": "64", "--states": "40", "--transitions": "64"},
}
"""What a documented command is cut down to: it must run, and what follows on the page must find it."""
_OF_TEAM = {"--updates": "2", "--evaluations": "1", "--num-eval-episodes": "2"}
_ONLY_IF_GIVEN = {"resume"}
_SMALL = {
    "pqn": {"num_envs": "4", "rollout_length": "8", "num_minibatches": "2", "epochs": "1"},
    "dqn_lambda": {"num_envs": "4", "rollout_length": "8", "segments": "4", "num_minibatches": "2", "epochs": "1"},
    "poad": {
        "num_envs": "2",
        "rollout_length": "4",
        "num_minibatches": "1",
        "epochs": "1",
        "width": "16",
        "heads": "2",
    },
    "": {"replay_capacity": "128", "batch_size": "8"},
}
"""Settings of a documented training that learns, by how its preset's name ends, unless the page changes them."""
_FEWER_SEEDS = {"5": "2"}


class Block(NamedTuple):
    """A fenced block: `console` with one command a line, or `python`."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that can be run, in order."""
    return [Block(match[2], match[3]) for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))]


def commands(block: Block) -> list[list[str]]:
    """Return the words of every command of a console block, without `uv run` and what installs."""
    found = []
    for line in block.text.replace("\\\n", " ").splitlines():
        for command in line.split("&&"):
            words = shlex.split(command, comments=True)
            if words[:2] == ["uv", "run"]:
                words = words[next(index for index, word in enumerate(words) if word in ("accumbens", "pytest")) :]
            if words and words[:2] not in (["pip", "install"], ["uv", "sync"]):
                found.append(words)
    return found


def planned(words: list[str], page: Path) -> list[str]:
    """Return the command as a dry run, if it is a training whose run nothing else on its page speaks of.

    The README's own is always run.
    """
    if words[1] not in ("train", "fit") or "--dry-run" in words or page.name == "README.md":
        return words
    name, own = (words[words.index("--name") + 1], 1) if "--name" in words else ("runs", 0)
    spoken_of = re.findall(rf"\b{re.escape(name)}\b", "".join(block.text for block in blocks(page)))
    return words if len(spoken_of) > own else [*words, "--dry-run"]


def shortened(words: list[str]) -> list[str]:
    """Return the command with training cut down to a few steps; everything else stays as it is documented."""
    if words[1] in ("experiment", "sweep"):
        return words if "--dry-run" in words else [*words, "--dry-run"]
    if words[1] == "watch" and "--probe" in words:
        return [*words, "--total-timesteps", "64", "--seeds", "2"]
    if words[1] not in _SHORT or "--dry-run" in words:
        return words
    of_team = words[1] == "train" and is_team(words[2])
    if of_team:
        words = ["random:20" if word.startswith("random:") else word for word in words]
    short = _OF_TEAM if of_team else _SHORT[words[1]]
    if words[1] in _ONLY_IF_GIVEN:
        short = {option: value for option, value in short.items() if option in words}
    kept, rest = [], iter(words)
    for word in rest:
        if word in short:
            next(rest)
        elif word == "--seeds":
            seeds = next(rest)
            kept += [word, _FEWER_SEEDS.get(seeds, seeds)]
        else:
            kept.append(word)
    kept += [part for pair in short.items() for part in pair]
    if words[1] == "fit" and hasattr(task_entry(words[2])[1].settings, "updates"):
        return [*(word for word in kept if not word.startswith("updates=")), "--set", "updates=2"]
    return [*kept, "--set", *_small(words)] if words[1] == "train" and not of_team else kept


def _small(words: list[str]) -> list[str]:
    settings = next(settings for end, settings in _SMALL.items() if words[3].endswith(end))
    given = {word.partition("=")[0] for word in words}
    return [f"{key}={value}" for key, value in settings.items() if key not in given]


def shortened_program(text: str) -> str:
    """Return a program of the documentation, with its trainings cut down like those of commands."""
    settings = ", ".join(f"{key}={value}" for key, value in _SMALL["pqn"].items())
    return re.sub(r"\btotal_timesteps=\d+", f"total_timesteps=256, {settings}", text)
