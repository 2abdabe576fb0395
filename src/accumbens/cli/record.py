"""`accumbens record`: write a data set of a team."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from accumbens.cli.arguments import Flag, default, parsed

if TYPE_CHECKING:
    from accumbens.envs.teams.protocol import HostTeam, TeamEnvironment
    from accumbens.teams.recording import Player

ENV = tyro.conf.arg(metavar="ENV", help="Environment of several agents; 'accumbens envs' lists them.")
OUTPUT = tyro.conf.arg(aliases=["-o"], metavar="FOLDER")


def record(
    env: Annotated[str, tyro.conf.Positional, ENV],
    /,
    *,
    episodes: Annotated[int, parsed("episodes", int, "N")] = 1000,
    policy: Annotated[str, parsed("policy", str, "{random,RUN,MODULE:ID}")] = "random",
    epsilon: Annotated[float, parsed("epsilon", float, "E")] = 0.0,
    seed: Annotated[int, parsed("seed", int, "SEED")] = 0,
    output: Annotated[Path | None, OUTPUT, default("where --name says")] = None,
    name: Annotated[str | None, parsed("name", str, "ID"), default("made of ENV and FOLDER")] = None,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Let a team play, and write its episodes as a Minari data set with a card; nothing is ever overwritten.

    Args:
        env: environment.
        episodes: How many.
        policy: Who plays: random among the legal actions; RUN, RUN@STEP, RUN:SEED or RUN@STEP:SEED, a run of a team; or
            module:id, a function of your own, policy(observation, legal, rng) -> actions.
        epsilon: Probability, for every agent by itself, of a random legal action instead.
        seed: Of the first episode; each takes the next.
        output: Folder of the data set.
        name: Id of the data set; without --output it goes where Minari keeps those that minari.load_dataset finds.
        json: Print the card as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
    """
    from contextlib import closing, nullcontext
    from importlib.metadata import version

    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    from accumbens.cli.record_view import print_card
    from accumbens.cli.terminal import print_json
    from accumbens.envs.teams.protocol import HostTeam
    from accumbens.envs.teams.registry import make_team
    from accumbens.runs.interrupt import terminated_as_interrupted
    from accumbens.teams.job import FIRST_EVALUATION_SEED
    from accumbens.teams.minari_data import place_of
    from accumbens.teams.recording import record as record_episodes

    target, dataset_id = _target(output, name)
    console = Console(stderr=json or quiet, highlight=False)
    environment = make_team(env)
    with closing(environment) if isinstance(environment, HostTeam) else nullcontext():
        player, told = _player(environment, env, policy, epsilon)
        options = {"--episodes": episodes, "--policy": policy, "--epsilon": epsilon, "--seed": seed}
        options |= {"--output": output, "--name": name}
        words = [str(word) for option in options.items() if option[1] is not None for word in option]
        made = {"command": shlex.join(["accumbens", "record", env, *words]), "policy": policy} | told
        made |= {"epsilon": epsilon, "accumbens": version("accumbens")}
        columns = ("recording", MofNCompleteColumn(), "episodes", *Progress.get_default_columns()[1:])
        screen = Console(stderr=True, highlight=False)
        hidden = quiet or not screen.is_terminal  # where it cannot be wiped away it would leave an empty line
        bar = Progress(*columns, console=screen, transient=True, disable=hidden)
        with terminated_as_interrupted(), bar:
            task = bar.add_task("recording", total=episodes)
            card = record_episodes(
                environment.facts,
                player,
                target,
                num_episodes=episodes,
                seed=seed,
                made=made,
                dataset_id=dataset_id,
                progress=lambda ended: bar.update(task, completed=ended),
            )
    if seed + episodes > FIRST_EVALUATION_SEED:
        told = f"evaluations play the seeds from {FIRST_EVALUATION_SEED} on: who learns from these data has seen them"
        screen.print(f"[yellow]note:[/] {told}", soft_wrap=True)
    if not quiet:
        print_card(console, environment.facts, card)
        if output is not None and name is not None:
            told = f"{name} is found by its id only as {place_of(name)}; where it is now, use the folder:"
            console.print(told, soft_wrap=True, markup=False)
        console.print(str(target), soft_wrap=True, markup=False)
    if json:
        print_json({"env": environment.facts.name, "folder": str(target), "card": card})
    return 0


def _target(output: Path | None, name: str | None) -> tuple[Path, str | None]:
    """Where the data set goes, and its id, if one is given; both looked at before anybody plays."""
    from accumbens.errors import AccumbensError
    from accumbens.teams.minari_data import place_of
    from accumbens.teams.minari_write import checked_id, require_new

    if output is None and name is None:
        raise AccumbensError("no place for the data set: expected -o FOLDER, or --name ID for where Minari keeps them")
    dataset_id = None if name is None else checked_id(name)
    target = output if output is not None else place_of(str(name))
    require_new(target)
    return target, dataset_id


def _player(
    environment: "TeamEnvironment | HostTeam", env: str, policy: str, epsilon: float
) -> tuple["Player", dict[str, Any]]:
    """Who plays, and what else is to be told of it."""
    import re

    from accumbens.errors import AccumbensError
    from accumbens.runs.origin import parse_origin
    from accumbens.teams.policies import random_policy
    from accumbens.teams.recording import policy_player, users_player

    if policy == "random":
        return policy_player(environment, random_policy(), None, epsilon), {}
    if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", policy):
        return users_player(environment, _users_policy(policy), policy, epsilon), {}
    try:
        origin = parse_origin(policy)
    except AccumbensError as error:
        forms = "random, a RUN's folder with @STEP and :SEED if they are not the newest and the first, or module:id"
        raise AccumbensError(f"policy={policy} cannot be used: expected {forms}") from error
    learned = _learned(origin, environment, env)
    told = {"policy's step": learned.step, "policy's seed": learned.seed}
    return policy_player(environment, learned.policy, learned.params, epsilon), told


def _learned(origin: Any, environment: "TeamEnvironment | HostTeam", env: str) -> Any:
    from accumbens.errors import AccumbensError
    from accumbens.share.load import load
    from accumbens.teams.policies import TeamPlayer

    learned = load(origin.run, seed=origin.seed, step=origin.step)
    if not isinstance(learned, TeamPlayer):
        raise AccumbensError(f"{origin.run} is no run of a team, so nobody of it can play in {env}")
    there, here = learned.facts, environment.facts
    for what in ("agents", "observation_size", "num_actions"):
        if getattr(there, what) != getattr(here, what):
            raise AccumbensError(
                f"{origin.run} was trained for {what}={getattr(there, what)}, {env} has {getattr(here, what)}"
            )
    return learned


def _users_policy(policy: str) -> Any:
    """The function that `module:id` names."""
    import sys

    from accumbens.errors import AccumbensError, UnknownNameError
    from accumbens.registration import import_module

    module, _, identifier = policy.partition(":")
    import_module(module, f"policy {policy!r}")
    found = vars(sys.modules[module])
    if identifier not in found:
        callables = [name for name, value in found.items() if callable(value) and not name.startswith("_")]
        raise UnknownNameError(f"policy of the module {module!r}:", identifier, callables)
    if not callable(found[identifier]):
        raise AccumbensError(f"policy={policy} cannot be used: it must be a function, not {found[identifier]!r}")
    return found[identifier]
