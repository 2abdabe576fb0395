"""`accumbens audit`: what every parameter's update reads."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parse_pairs, parsed
from accumbens.cli.train import ALGO, SET

TARGET = tyro.conf.arg(metavar="ENV|RUN", help="Environment, or the directory or config.toml of a run.")


def audit(
    target: Annotated[str, tyro.conf.Positional, TARGET],
    algo: Annotated[str | None, tyro.conf.Positional, ALGO, default("ad_pqn")] = None,
    /,
    *,
    net_arch: Annotated[
        tuple[int, ...] | None, parsed("net_arch", tuple[int, ...], "N,N,…"), default("the preset's")
    ] = None,
    credit: Annotated[str | None, parsed("credit", str, "{local,backprop}"), default("the preset's")] = None,
    set_: Annotated[tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], SET] = (),
    fast: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Prove what each cell learns from: whose errors its update reads, and whether anything crosses a cell or a step.

    Everything is derived from the computation itself. Exits with 1 if it claims to be local and is not.

    Args:
        target: environment or run.
        algo: preset.
        net_arch: Hidden units of every cell, such as 128,96; only their number matters here.
        credit: Where the gradient stops: at every cell (local) or nowhere (backprop).
        set_: Change settings of the preset, as in 'accumbens train'.
        fast: Only read the traced program; compute no derivatives and disturb no errors.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but what is wrong, and that on standard error.
    """
    from accumbens.agents.settings import SACSettings
    from accumbens.cli import audit_view
    from accumbens.cli.terminal import print_json

    config = _config(target, algo, net_arch, credit, parse_pairs(set_))
    title = {"env": config.env, "algo": config.algo}
    if isinstance(config.settings, SACSettings):
        document = title | audit_view.SAC
        if not quiet:
            audit_view.print_sac(config, json)
    else:
        from accumbens.analysis.locality import audit_config, to_document

        found = audit_config(config, measure=not fast)
        document = title | to_document(found)
        if not quiet:
            audit_view.print_audit(config, found, json)
        elif not found.holds:
            audit_view.print_failure(found)
    if json:
        print_json(document)
    return 0 if document["holds"] else 1


def _config(target, algo, net_arch, credit, changes):
    """The configuration of a run, or the one that a preset and some choices stand for."""
    from accumbens.errors import AccumbensError
    from accumbens.training.config import read_config, resolve_config

    path = Path(target)
    if path.suffix == ".toml" or (path / "config.toml").is_file():
        given = {"ALGO": algo, "--net-arch": net_arch, "--credit": credit, "--set": changes}
        extra = [name for name, value in given.items() if value]
        if extra:
            raise AccumbensError(f"{extra[0]} cannot be used with the run {target}: its configuration says everything")
        return read_config(path if path.suffix == ".toml" else path / "config.toml")
    return resolve_config(target, algo or "ad_pqn", net_arch=net_arch, credit=credit, changes=changes)
