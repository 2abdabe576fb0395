"""The entry point: parses the command, turns bad input into one clear line and exit code 2."""

import sys

import tyro

from accumbens.cli.evaluate import evaluate
from accumbens.cli.lists import algos, envs
from accumbens.cli.resume import resume
from accumbens.cli.train import train
from accumbens.errors import AccumbensError

COMMANDS = {"train": train, "resume": resume, "evaluate": evaluate, "envs": envs, "algos": algos}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exits with 0, 2 for bad input, 130 for a run stopped by Ctrl-C."""
    try:
        code = tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="accumbens",
            description="Deep networks in which every layer learns from its own error signal.",
            args=arguments,
        )
    except AccumbensError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
