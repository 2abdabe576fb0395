"""The entry point: parses the command, turns bad input into one clear line and exit code 2."""

import atexit
import os
import sys
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from typing import Any

import tyro

from accumbens.cli.analyze import analyze
from accumbens.cli.audit import audit
from accumbens.cli.compare import compare
from accumbens.cli.evaluate import evaluate
from accumbens.cli.experiment import experiment, experiments
from accumbens.cli.export import export
from accumbens.cli.fit import fit
from accumbens.cli.lists import algos, envs, rules, tasks
from accumbens.cli.options import check_options
from accumbens.cli.record import record
from accumbens.cli.report import report
from accumbens.cli.resume import resume
from accumbens.cli.runs import runs
from accumbens.cli.settings import settings
from accumbens.cli.sweep import sweep, sweeps
from accumbens.cli.top_help import top_help
from accumbens.cli.train import train
from accumbens.cli.watch import watch
from accumbens.errors import AccumbensError, UnknownNameError, described, users_place

COMMANDS = {
    "train": train,
    "fit": fit,
    "resume": resume,
    "runs": runs,
    "evaluate": evaluate,
    "compare": compare,
    "report": report,
    "watch": watch,
    "analyze": analyze,
    "experiment": experiment,
    "sweep": sweep,
    "audit": audit,
    "export": export,
    "record": record,
    "envs": envs,
    "algos": algos,
    "tasks": tasks,
    "rules": rules,
    "experiments": experiments,
    "sweeps": sweeps,
    "settings": settings,
}

_WITHOUT_NUMBERS = ("envs", "algos", "tasks", "rules", "experiments", "runs")
"""Commands that draw no random numbers, and need not wait for JAX."""

_STOPPED = 130
"""Exit code of a run that Ctrl-C stopped: 128 and the signal's number."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Exits with 0; 2 for input that cannot be used; 1 for a run that failed: a number stopped being finite, an
    environment or other code of the user's own failed, a file could not be written, or an audit found that a claim does
    not hold; 130 for a run stopped by Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = _call(arguments)
    except AccumbensError as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    except Exception as error:
        place = users_place(error)
        if not place and not isinstance(error, OSError):  # a mistake of ours, of which the traceback is wanted
            raise
        said = f"code of your own raised {described(error)}{place}" if place else str(error)
        print(f"error: {said}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        code = _STOPPED
    sys.exit(code)


def _call(arguments: list[str]) -> int:
    """Do what is asked; return the exit code.

    Raises:
        AccumbensError: input that cannot be used.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(top_help())
        return 0
    if arguments[0] == "--version":
        print(f"accumbens {version('accumbens')}")
        return 0
    command, *words = arguments
    if command.startswith("-"):
        raise AccumbensError(f"{command} cannot be used before a command: 'accumbens --help' lists the commands")
    if command not in COMMANDS:
        raise UnknownNameError("command", command, list(COMMANDS))
    check_options(command, COMMANDS[command], words)
    function = COMMANDS[command]
    if command not in _WITHOUT_NUMBERS:
        function = _pinned(function)
    return tyro.cli(function, prog=f"accumbens {command}", args=words)


def _pinned(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same command, that draws the same random numbers whatever JAX is configured to; help is shown without JAX."""

    @wraps(function)
    def pinned(*args: Any, **options: Any) -> Any:
        from accumbens.generator import pinned_generator

        with pinned_generator():
            return function(*args, **options)

    return pinned


def run() -> None:
    """Run the command line as a process of its own, which is over when it was stopped.

    Ctrl-C can reach JAX while it compiles; taking the interpreter down then ends in a segmentation fault. Nothing is
    left to do there: files are closed, and what asked to be called at the end is called.
    """
    # XLA alarms users about what they can do nothing about ("Very slow compile?"); its errors are exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        main()
    except SystemExit as end:
        if end.code == _STOPPED:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(_STOPPED)
        raise


if __name__ == "__main__":
    run()
