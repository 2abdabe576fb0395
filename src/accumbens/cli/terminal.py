"""Pieces that several commands print."""

import os
import signal
import sys
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.table import Table

from accumbens.runs.tables import to_json


class WorkConsole(Console):
    """What shows long work: if whoever reads it leaves, as `| head` does, it is stopped as by Ctrl-C, and saved.

    Attributes:
        at_work: there is something to stop; otherwise no more is said, and that is all.
    """

    at_work = False

    def on_broken_pipe(self) -> None:
        """Say no more here, and ask to stop; rich would leave at once."""
        self.quiet = True
        if self.at_work:
            with suppress(OSError):  # nobody may read the other one either
                screen = getattr(sys.stderr, "rich_proxied_file", sys.stderr)  # a live bar's stand-in is quiet by now
                print("note: nobody reads the output any more: stopping, and saving", file=screen)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())  # Python empties its buffer at exit
        os.close(nowhere)
        if self.at_work:
            signal.raise_signal(signal.SIGINT)


def print_json(document: Any) -> None:
    """Print one line of JSON on standard output."""
    print(to_json(document), flush=True)


def print_whole(console: Console, table: Table) -> None:
    """Print a table that is never cut short: a narrow window breaks its lines instead."""
    widest = console.options.update(max_width=1000)
    width = max(console.width, console.measure(table, options=widest).maximum)
    WorkConsole(file=console.file, width=width, highlight=False).print(table)
