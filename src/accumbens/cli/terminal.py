"""Pieces that several commands print."""

from typing import Any

from accumbens.runs.tables import to_json


def print_json(document: Any) -> None:
    """Print one line of JSON on standard output."""
    print(to_json(document), flush=True)
