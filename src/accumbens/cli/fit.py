"""`accumbens fit`: train a supervised network by a rule."""

from typing import Annotated

import tyro

from accumbens.cli.arguments import default, parsed
from accumbens.cli.start import DEFAULTS, Run, resolve, start

TASK = tyro.conf.arg(
    metavar="TASK", help="Task, or the path of a CSV or NumPy file; 'accumbens tasks' lists the tasks."
)
RULE = tyro.conf.arg(metavar="RULE", help="Learning rule; 'accumbens rules' lists them.")
DATA = default("ACCUMBENS_DATA, else from OpenML if the task needs data")


def fit(
    task: Annotated[str, tyro.conf.Positional, TASK] = "digits",
    rule: Annotated[str, tyro.conf.Positional, RULE] = "backprop",
    /,
    *,
    layers: Annotated[tuple[int, ...] | None, parsed("layers", tuple[int, ...], "N,N,…"), default("the rule's")] = None,
    net_arch: Annotated[
        tuple[int, ...] | None, parsed("net_arch", tuple[int, ...], "N,N,…"), default("--layers")
    ] = None,
    epochs: Annotated[int | None, parsed("epochs", int, "N"), default("the task's")] = None,
    evaluations: Annotated[
        int | None, parsed("evaluations", int, "N"), default("after every epoch, 200 at most")
    ] = None,
    data: Annotated[str | None, parsed("data", str, "FOLDER"), DATA] = None,
    run: Run = DEFAULTS,
) -> int:
    """Fit a network to a task by a learning rule.

    Args:
        task: task.
        rule: rule.
        layers: Units of every hidden layer, such as 64,64; none for no hidden layer.
        net_arch: Another name of --layers.
        epochs: Passes through the training data.
        evaluations: Number of evaluations, evenly spread, besides the one before the first update.
        data: Folder with the task's files, in their standard formats.
        run: what every run can be given.
    """
    from accumbens import kinds
    from accumbens.runs.names import given_once

    kind = kinds.kind_named("fit")
    units = given_once(layers=layers, net_arch=net_arch)
    numbers = {"layers": units, "epochs": epochs, "evaluations": evaluations, "data": data or ""}
    return start(kind, resolve(kind, task, rule, numbers, run), run)
