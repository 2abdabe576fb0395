"""`accumbens audit`: what every parameter's update reads, of an agent's cells or a network's layers."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parse_pairs, parsed
from accumbens.cli.start import SET

TARGET = tyro.conf.arg(
    metavar="TASK|ENV|RUN", help="Environment, or task, or the directory or config.toml of a run or a fit."
)
LEARNER = tyro.conf.arg(metavar="RULE|ALGO", help="Preset of an environment's agent, or a task's rule.")


def audit(
    target: Annotated[str, tyro.conf.Positional, TARGET],
    algo: Annotated[str | None, tyro.conf.Positional, LEARNER, default("ad_pqn; backprop of a task")] = None,
    /,
    *,
    net_arch: Annotated[
        tuple[int, ...] | None, parsed("net_arch", tuple[int, ...], "N,N,…"), default("the preset's")
    ] = None,
    credit: Annotated[str | None, parsed("credit", str, "{local,backprop}"), default("the preset's")] = None,
    data: Annotated[str | None, parsed("data", str, "FOLDER"), default("as in 'accumbens fit'")] = None,
    set_: Annotated[tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], SET] = (),
    fast: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Prove what each cell or layer learns from: what its update reads, and whether anything crosses.

    Of an agent: whose errors each cell's update reads, and whether a gradient crosses a cell or a step. Of a rule:
    whose activity and weights each layer's update reads, and what it is told of the error. Everything is derived from
    the computation itself. Exits with 1 if it claims to be local and is not; rules claim nothing.

    Args:
        target: environment, task or run.
        algo: preset or rule.
        net_arch: Hidden units of every cell, such as 128,96; only their number matters here.
        credit: Where the gradient stops: at every cell (local) or nowhere (backprop).
        data: Folder with the task's files.
        set_: Change settings of the preset, as in 'accumbens train', or of the rule, as in 'accumbens fit'.
        fast: Only read the traced program; compute no derivatives and disturb nothing.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but what is wrong, and that on standard error.
    """
    from accumbens.agents.settings import SACSettings
    from accumbens.cli import audit_view
    from accumbens.cli.terminal import print_json

    given = {"--net-arch": net_arch, "--credit": credit}
    fit = _fit_config(target, algo, given, data, parse_pairs(set_))
    if fit is not None:
        return _audit_rule(fit, fast, json, quiet)
    config = _config(target, algo, net_arch, credit, parse_pairs(set_))
    title = {"env": config.env, "algo": config.algo}
    if isinstance(config.settings, SACSettings):
        document = title | audit_view.SAC
        if not quiet:
            audit_view.print_sac(config, json)
    else:
        from accumbens.training.audit import audit_config, to_document

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
    from accumbens.errors import UnknownNameError
    from accumbens.training.config import read_config, resolve_config

    file = _file(target)
    if file is not None:
        _refuse(target, {"ALGO": algo, "--net-arch": net_arch, "--credit": credit, "--set": changes})
        return read_config(file)
    try:
        return resolve_config(target, algo or "ad_pqn", net_arch=net_arch, credit=credit, changes=changes)
    except UnknownNameError as error:
        raise _among_both(error, target) from None


def _file(target: str) -> Path | None:
    """The configuration of a run or a fit, if that is what is asked for."""
    path = Path(target)
    if path.suffix == ".toml":
        return path
    return path / "config.toml" if (path / "config.toml").is_file() else None


def _refuse(target: str, given: dict[str, object]) -> None:
    from accumbens.errors import AccumbensError

    extra = [name for name, value in given.items() if value]
    if extra:
        raise AccumbensError(f"{extra[0]} cannot be used with the run {target}: its configuration says everything")


def _fit_config(target, rule, of_agents, data, changes):
    """The configuration of a fit, or the one that a task and a rule stand for; None if an agent is asked for."""
    from accumbens.credit.config import is_fit, read_fit, resolve_fit
    from accumbens.credit.tasks.registry import task_entry
    from accumbens.errors import AccumbensError, UnknownNameError
    from accumbens.presets import PRESETS

    file = _file(target)
    if file is not None:
        if not is_fit(file):
            _refuse(target, {"--data": data})
            return None
        _refuse(target, {"RULE": rule, **of_agents, "--data": data, "--set": changes})
        return read_fit(file)
    try:
        task_entry(target)
    except UnknownNameError:
        if data:
            raise AccumbensError(f"--data is of tasks, and {target} is none: 'accumbens tasks' lists them") from None
        return None
    for name, value in of_agents.items():
        if value is not None:
            raise AccumbensError(f"{name} cannot be used with the task {target}: it is of agents; rules have --set")
    if rule in PRESETS:
        raise AccumbensError(f"{rule} is of agents, and {target} is a task: 'accumbens rules' lists what it learns by")
    return resolve_fit(target, rule or "backprop", data=data or "", changes=changes)


def _among_both(error, target):
    """The error of a name that is neither, by what it is nearest to."""
    import difflib

    from accumbens.credit.registry import RULES
    from accumbens.credit.tasks.registry import TASKS
    from accumbens.errors import AccumbensError, UnknownNameError

    if error.value in RULES:
        return AccumbensError(f"{error.value} is a rule, for tasks such as digits, and {target} is an environment")
    if error.value != target:
        return error
    nearest = difflib.get_close_matches(target.casefold(), [name.casefold() for name in (*error.allowed, *TASKS)], n=1)
    if not nearest:
        return AccumbensError(
            f"unknown environment or task {target!r}. Run 'accumbens envs' or 'accumbens tasks' to see all."
        )
    return UnknownNameError("task", target, list(TASKS), "accumbens tasks") if nearest[0] in TASKS else error


def _audit_rule(config, fast: bool, json: bool, quiet: bool) -> int:
    """Audit the rule of a fit, and print it."""
    from accumbens.cli import audit_rule_view
    from accumbens.cli.terminal import print_json
    from accumbens.credit.audit import audit_named, to_document
    from accumbens.credit.tasks.registry import make_task

    data = Path(config.data) if config.data else None
    facts = make_task(config.task, config.task_settings, config.rule_settings.batch_size, data).facts
    found = audit_named(config.rule, config.rule_settings, facts, measured=not fast)
    if not quiet:
        audit_rule_view.print_rule_audit(config, found, json)
    elif found.contradictions:
        audit_rule_view.print_contradictions(found)
    if json:
        print_json({"task": config.task, "rule": config.rule} | to_document(found))
    return 1 if found.contradictions else 0
