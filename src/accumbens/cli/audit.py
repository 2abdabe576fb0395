"""`accumbens audit`: what every parameter's update reads, of an agent's cells, a team or a network's layers."""

from pathlib import Path
from typing import Annotated, Any

import tyro

from accumbens.cli.arguments import Flag, default, parse_pairs, parsed
from accumbens.cli.start import Changes

TARGET = tyro.conf.arg(metavar="TASK|ENV|RUN", help="Environment or task, or the directory or config.toml of a run.")
LEARNER = tyro.conf.arg(metavar="RULE|ALGO", help="Preset or method for an environment, or rule for a task.")


def audit(
    target: Annotated[str, tyro.conf.Positional, TARGET],
    algo: Annotated[
        str | None, tyro.conf.Positional, LEARNER, default("ad_pqn; idt for a team, backprop for a task")
    ] = None,
    /,
    *,
    net_arch: Annotated[
        tuple[int, ...] | None, parsed("net_arch", tuple[int, ...], "N,N,…"), default("the method's")
    ] = None,
    layers: Annotated[tuple[int, ...] | None, parsed("layers", tuple[int, ...], "N,N,…"), default("--net-arch")] = None,
    credit: Annotated[str | None, parsed("credit", str, "{local,backprop}"), default("the preset's")] = None,
    data: Annotated[str | None, parsed("data", str, "FOLDER"), default("as in 'accumbens fit'")] = None,
    set_: Changes = (),
    fast: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Prove what each cell or layer learns from: what its update reads, and whether gradients cross.

    For an agent: whose errors each cell's update reads, and whether a gradient crosses a cell or a time step. For a
    team: on what whom sees every agent acts, whose loss reaches which layer, and what is learned from others. For a
    rule: whose activity and weights each layer's update reads, and what it knows of the error. Everything is derived
    from the computation itself. Exits with 1 if an agent claims to be local and is not, or a team's agents to act on
    what they see themselves and do not; rules claim nothing.

    Args:
        target: environment, task or run.
        algo: preset or rule.
        net_arch: Hidden units of every cell or layer, such as 128,96; the audit depends only on how many there are.
        layers: Another name of --net-arch.
        credit: Where the gradient stops: at every cell (local) or nowhere (backprop).
        data: Folder with the task's files.
        set_: Change settings, as in 'accumbens train' and 'accumbens fit'.
        fast: Only read the traced program, without computing derivatives or perturbing anything.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only what is wrong, on standard error.
    """
    from accumbens.cli.audit_view import print_audit, print_failure
    from accumbens.cli.terminal import print_json

    options = {"net_arch": net_arch, "layers": layers, "credit": credit, "data": data}
    given = {name: value for name, value in options.items() if value is not None}
    kind, config = _asked_for(target, algo, given, parse_pairs(set_))
    found = kind.audit(config, measured=not fast)
    names = {key: getattr(config, key) for key in (kind.words.place_key, kind.words.method_key)}
    if not quiet:
        print_audit(list(names.values()), found, json)
    elif not found.holds:
        print_failure(found)
    if json:
        print_json(names | found.document())
    return 0 if found.holds else 1


def _asked_for(target: str, method: str | None, options: dict[str, Any], changes: dict[str, str]) -> tuple[Any, Any]:
    """Return the kind and the configuration of a run, or of a place, a method, and what is given besides."""
    from accumbens import kinds
    from accumbens.errors import AccumbensError
    from accumbens.runs.names import given_once

    path = Path(target)
    file = path if path.suffix == ".toml" else path / "config.toml"
    if path.suffix == ".toml" or file.is_file():
        kind, config = kinds.read_config(file)
        given = (
            [kind.words.method_key.upper()] * (method is not None) + [*map(_flag, options)] + ["--set"] * bool(changes)
        )
        if given:
            raise AccumbensError(f"{given[0]} cannot be used with the run {target}: its configuration says everything")
        return kind, config
    kind = kinds.kind_of_place(target)
    if kind is None:
        raise kinds.unknown_place(target)
    units = {name: options.pop(name, None) for name in ("net_arch", "layers")}
    if (given := given_once(**units)) is not None:
        options[next(name for name in units if name in kind.options)] = given
    for name in options:
        if name not in kind.options:
            owners = " and ".join(f"{other.words.name}s" for other in kinds.all_kinds() if name in other.options)
            raise AccumbensError(
                f"{_flag(name)} cannot be used with the {kind.words.place} {target}: it is for {owners}"
            )
    method = kind.usual_method if method is None else method
    return kind, kinds.resolve(kind, target, method, options, changes)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
