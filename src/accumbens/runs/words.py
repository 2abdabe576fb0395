"""What is said of the runs of one kind, and of what one would cost."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Words(NamedTuple):
    """What is said of the runs of one kind.

    Attributes:
        name: noun for a run: `agent`, `fit`.
        verb: the command that starts one; also the table of `config.toml` that only such runs have, but for `train`.
        table: that table.
        place: what is learned: `environment`, `task`.
        place_key: the field of the configuration that names it.
        at: preposition, for runs `in` or `on` it.
        method: who learns, or how: `agent`, `rule`.
        method_key: the field of the configuration that names it.
        part: a piece of the network: `cell`, `layer`.
        step: what a run counts: `step`, `update`; a result says how many as `steps`, `updates`.
        length: the field of the configuration that says how long a run is.
        unit: what that counts, in the plural: `steps`, `epochs`.
        score: what a run reports while it learns: `return`, `loss`.
        score_form: how that is written, as Python's `format` takes it.
    """

    name: str
    verb: str
    table: str
    place: str
    place_key: str
    at: str
    method: str
    method_key: str
    part: str
    step: str
    length: str
    unit: str
    score: str
    score_form: str


class Plan(NamedTuple):
    """What a run would cost.

    Attributes:
        costs: names and numbers, for people.
        document: the same as plain values.
        notes: what the user should know.
    """

    costs: Mapping[str, str]
    document: Mapping[str, Any]
    notes: Sequence[str] = ()


class Names(NamedTuple):
    """Names that may be given.

    Attributes:
        known: all that can be listed.
        command: the command that lists them, if there is one.
    """

    known: Sequence[str] = ()
    command: str | None = None
