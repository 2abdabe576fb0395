"""`accumbens train`: train an agent."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from accumbens.cli.arguments import Flag, default, parse_pairs, parsed

ENV = tyro.conf.arg(metavar="ENV", help="Environment; 'accumbens envs' lists them.")
ALGO = tyro.conf.arg(metavar="ALGO", help="Preset; 'accumbens algos' lists them.")
SET = tyro.conf.arg(name="set", metavar="KEY=VALUE")
TRACKERS = Literal["tensorboard", "wandb"]


def train(
    env: Annotated[str, tyro.conf.Positional, ENV],
    algo: Annotated[str, tyro.conf.Positional, ALGO] = "ad_pqn",
    /,
    *,
    total_timesteps: Annotated[int | None, parsed("total_timesteps", int, "N"), default("the preset's")] = None,
    seed: Annotated[int, parsed("seed", int, "N")] = 0,
    seeds: Annotated[int, parsed("seeds", int, "N")] = 1,
    net_arch: Annotated[
        tuple[int, ...] | None, parsed("net_arch", tuple[int, ...], "N,N,…"), default("the preset's")
    ] = None,
    credit: Annotated[str | None, parsed("credit", str, "{local,backprop}"), default("the preset's")] = None,
    eval_frequency: Annotated[int | None, parsed("eval_frequency", int, "N"), default("a tenth of the run")] = None,
    num_eval_episodes: Annotated[int, parsed("num_eval_episodes", int, "N")] = 10,
    set_: Annotated[tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], SET] = (),
    out: Path = Path("runs"),
    name: Annotated[str | None, parsed("name", str, "NAME"), default("date and time")] = None,
    resume: Flag = False,
    dry_run: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
    track: Annotated[str | None, parsed("track", TRACKERS, "{tensorboard,wandb}"), default("CSV only")] = None,
    checkpoint_seconds: Annotated[float, parsed("checkpoint_seconds", float, "SECONDS")] = 60.0,
) -> int:
    """Train an agent; every layer learns from its own TD error, unless --credit backprop.

    Args:
        env: environment.
        algo: preset.
        total_timesteps: Environment steps of each seed.
        seed: The first seed.
        seeds: Independent seeds, trained side by side in one program.
        net_arch: Hidden units of every cell, such as 128,96.
        credit: Where the gradient stops: at every cell (local) or nowhere (backprop).
        eval_frequency: Environment steps between greedy evaluations; 0 for one at the end.
        num_eval_episodes: Episodes of each evaluation, per seed and prefix of cells.
        set_: Change settings of the preset, such as --set learning_rate=1e-3 num_envs=64; --dry-run lists them all.
        out: Folder that runs are kept in.
        name: Name of the run.
        resume: Continue the run of that --name if there is one.
        dry_run: Print the resolved configuration and its cost, and stop.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but warnings, and those on standard error.
        track: Log to TensorBoard or Weights & Biases too.
        checkpoint_seconds: Seconds between checkpoints.
    """
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
        net_arch=net_arch,
        credit=credit,
        eval_frequency=eval_frequency,
        num_eval_episodes=num_eval_episodes,
        changes=parse_pairs(set_),
    )
    if dry_run:
        print_plan(config, json)
        return 0
    if resume and name is None:
        raise AccumbensError("--resume needs the --name of the run; 'accumbens resume RUN' takes its directory")

    from accumbens.training import train as training

    options = {"track": track, "checkpoint_seconds": checkpoint_seconds}
    with TerminalReport(json, quiet) as report:
        if resume and name is not None:
            result = training.train_or_resume(config, report, out=out, name=name, **options)
        else:
            result = training.train(config, report, out=out, name=name, **options)
    report.summary(result)
    if json:
        print_json(result_document(result))
    return 130 if result.interrupted else 0
