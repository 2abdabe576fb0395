"""`accumbens train`: train an agent."""

from typing import Annotated

import tyro

from accumbens.cli.arguments import default, parsed
from accumbens.cli.start import DEFAULTS, Run, resolve, start

ENV = tyro.conf.arg(metavar="ENV", help="Environment; 'accumbens envs' lists them.")
ALGO = tyro.conf.arg(metavar="ALGO", help="Preset, or method of a team; 'accumbens algos' lists them.")
EPISODES = default("10; 100 for teams")


def train(
    env: Annotated[str, tyro.conf.Positional, ENV],
    algo: Annotated[str | None, tyro.conf.Positional, ALGO, default("ad_pqn; idt for teams")] = None,
    /,
    *,
    total_timesteps: Annotated[int | None, parsed("total_timesteps", int, "N"), default("the preset's")] = None,
    net_arch: Annotated[
        tuple[int, ...] | None, parsed("net_arch", tuple[int, ...], "N,N,…"), default("the preset's")
    ] = None,
    layers: Annotated[tuple[int, ...] | None, parsed("layers", tuple[int, ...], "N,N,…"), default("--net-arch")] = None,
    credit: Annotated[str | None, parsed("credit", str, "{local,backprop}"), default("the preset's")] = None,
    eval_frequency: Annotated[int | None, parsed("eval_frequency", int, "N"), default("a tenth of the run")] = None,
    num_eval_episodes: Annotated[int | None, parsed("num_eval_episodes", int, "N"), EPISODES] = None,
    data: Annotated[str | None, parsed("data", str, "DATA"), default("none")] = None,
    updates: Annotated[int | None, parsed("updates", int, "N"), default("the method's")] = None,
    evaluations: Annotated[int | None, parsed("evaluations", int, "N"), default("10")] = None,
    run: Run = DEFAULTS,
) -> int:
    """Train an agent, of which every layer learns from its own TD error unless --credit backprop; or a team of agents.

    Args:
        env: environment.
        algo: preset.
        total_timesteps: Environment steps of each seed.
        net_arch: Hidden units of every cell, such as 128,96.
        layers: Another name of --net-arch.
        credit: Where the gradient stops: at every cell (local) or nowhere (backprop).
        eval_frequency: Environment steps between greedy evaluations; 0 for one at the end.
        num_eval_episodes: Episodes of each evaluation, per seed and prefix of cells.
        data: For teams: what they learn from, a Minari id, the folder of a data set, or random:N.
        updates: For teams: updates of each seed.
        evaluations: For teams: number of evaluations, evenly spread, besides the one before the first update.
        run: what every run can be given.
    """
    from accumbens import kinds
    from accumbens.runs.names import given_once

    options = {
        "total_timesteps": total_timesteps,
        "net_arch": given_once(net_arch=net_arch, layers=layers),
        "credit": credit,
        "eval_frequency": eval_frequency,
        "num_eval_episodes": num_eval_episodes,
        "data": data,
        "updates": updates,
        "evaluations": evaluations,
    }
    given = {name: value for name, value in options.items() if value is not None}
    kind = kinds.kind_for("train", env, given, lambda name: f"--{name.replace('_', '-')}")
    return start(kind, resolve(kind, env, algo or kind.usual_method, given, run), run)
