"""`accumbens train`: train an agent."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parse_pairs, parsed
from accumbens.cli.start import Changes, CheckpointSeconds, From, Name, Options, Seed, Seeds, Track, start

ENV = tyro.conf.arg(metavar="ENV", help="Environment; 'accumbens envs' lists them.")
ALGO = tyro.conf.arg(metavar="ALGO", help="Preset; 'accumbens algos' lists them.")


def train(
    env: Annotated[str, tyro.conf.Positional, ENV],
    algo: Annotated[str, tyro.conf.Positional, ALGO] = "ad_pqn",
    /,
    *,
    total_timesteps: Annotated[int | None, parsed("total_timesteps", int, "N"), default("the preset's")] = None,
    seed: Seed = 0,
    seeds: Seeds = 1,
    net_arch: Annotated[
        tuple[int, ...] | None, parsed("net_arch", tuple[int, ...], "N,N,…"), default("the preset's")
    ] = None,
    credit: Annotated[str | None, parsed("credit", str, "{local,backprop}"), default("the preset's")] = None,
    eval_frequency: Annotated[int | None, parsed("eval_frequency", int, "N"), default("a tenth of the run")] = None,
    num_eval_episodes: Annotated[int, parsed("num_eval_episodes", int, "N")] = 10,
    set_: Changes = (),
    from_: From = None,
    out: Path = Path("runs"),
    name: Name = None,
    resume: Flag = False,
    dry_run: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
    track: Track = None,
    checkpoint_seconds: CheckpointSeconds = 60.0,
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
        from_: Begin from the network of another run: each seed from its own, or all from one.
        out: Folder that runs are kept in.
        name: Name of the run.
        resume: Continue the run of that --name if there is one.
        dry_run: Print the resolved configuration and its cost, and stop.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but warnings, and those on standard error.
        track: Log to TensorBoard or Weights & Biases too.
        checkpoint_seconds: Seconds between checkpoints.
    """
    from accumbens.training.config import resolve_config
    from accumbens.training.kind import AGENTS

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
    return start(AGENTS, config, Options(out, name, resume, dry_run, json, quiet, track, checkpoint_seconds, from_))
