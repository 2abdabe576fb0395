"""`accumbens train`: train an agent."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from accumbens.cli.arguments import Count, parse_pairs, parse_sizes

ENV = tyro.conf.arg(metavar="ENV", help="Environment; 'accumbens envs' lists them.")
ALGO = tyro.conf.arg(metavar="ALGO", help="Preset; 'accumbens algos' lists them.")


def train(
    env: Annotated[str, tyro.conf.Positional, ENV],
    algo: Annotated[str, tyro.conf.Positional, ALGO] = "ad_pqn",
    /,
    *,
    total_timesteps: Count | None = None,
    seed: Count = 0,
    seeds: Count = 1,
    net_arch: str | None = None,
    credit: str | None = None,
    eval_frequency: Count | None = None,
    num_eval_episodes: Count = 10,
    set_: Annotated[tyro.conf.UseAppendAction[list[list[str]]], tyro.conf.arg(name="set", metavar="KEY=VALUE")] = [],  # noqa: B006
    out: Path = Path("runs"),
    name: str | None = None,
    resume: bool = False,
    dry_run: bool = False,
    json: bool = False,
    quiet: bool = False,
    track: Literal["tensorboard", "wandb"] | None = None,
    checkpoint_seconds: float = 60.0,
) -> int:
    """Train an agent; every layer learns from its own TD error, unless --credit backprop.

    Args:
        env: environment.
        algo: preset.
        total_timesteps: Environment steps of each seed. Default: the preset's.
        seed: The first seed.
        seeds: Independent seeds, trained side by side in one program.
        net_arch: Hidden units of every cell, such as 128,96.
        credit: Where the gradient stops: local (at every cell) or backprop (nowhere).
        eval_frequency: Environment steps between greedy evaluations; 0 for one at the end. Default: ten in a run.
        num_eval_episodes: Episodes of each evaluation, per seed and prefix of cells.
        set_: Change any setting of the preset, such as --set learning_rate=1e-3 num_envs=64.
        out: Folder that runs are kept in.
        name: Name of the run. Default: date and time.
        resume: Continue the run of that --name if there is one.
        dry_run: Print the resolved configuration and its cost, and stop.
        json: Print one line of JSON on standard output, last.
        quiet: Print nothing but warnings.
        track: Also log to TensorBoard or Weights & Biases.
        checkpoint_seconds: Seconds between checkpoints.
    """
    from rich.console import Console

    from accumbens.cli.dry_run import print_plan
    from accumbens.cli.terminal import TerminalReport, print_json, result_document
    from accumbens.errors import AccumbensError
    from accumbens.training.config import resolve_config

    config = resolve_config(
        env,
        algo,
        total_timesteps=total_timesteps,
        seed=seed,
        seeds=seeds,
        net_arch=None if net_arch is None else parse_sizes(net_arch),
        credit=credit,
        eval_frequency=eval_frequency,
        num_eval_episodes=num_eval_episodes,
        changes=parse_pairs([pair for group in set_ for pair in group]),
    )
    if dry_run:
        print_plan(config, json)
        return 0
    if resume and name is None:
        raise AccumbensError("--resume needs the --name of the run; 'accumbens resume RUN' takes its directory")

    from accumbens.training import train as training
    from accumbens.training.runs import open_run

    report = TerminalReport(Console(stderr=json), quiet)
    report.preparing(config)
    path = out / config.env / config.algo / name if name else None
    try:
        if resume and path is not None and path.exists():
            _require_same(config, open_run(path)[1], path)
            result = training.resume(path, report, track=track, checkpoint_seconds=checkpoint_seconds)
        else:
            result = training.train(
                config, report, out=out, name=name, track=track, checkpoint_seconds=checkpoint_seconds
            )
    finally:
        report.stop()
    report.summary(result)
    if json:
        print_json(result_document(result))
    return 130 if result.interrupted else 0


def _require_same(asked, found, path: Path) -> None:
    from accumbens.cli.terminal import config_document
    from accumbens.errors import AccumbensError

    asked, found = config_document(asked), config_document(found)
    asked |= asked.pop("settings")
    found |= found.pop("settings")
    differences = [f"{key}: {found[key]} there, {asked[key]} asked" for key in found if found[key] != asked.get(key)]
    if differences:
        raise AccumbensError(f"the run {path} was started with other settings ({'; '.join(differences)})")
