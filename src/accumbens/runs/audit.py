"""What an audit found, as plain data: a kind fills it in, and `accumbens audit` prints it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Table(NamedTuple):
    """Something that was found of every part of the network.

    Attributes:
        title: what it shows.
        header: of the columns; the first names the rows.
        rows: one text per column, which may have rich's markup.
        note: how to read it; empty if that is plain.
        is_matrix: the entries are numbers, which stand below each other.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    is_matrix: bool = False


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit found, and how it is told.

    Attributes:
        holds: whether what the method claims is so.
        local: whether no part of the network learns from what is another's, as far as that can be told.
        verdict: what was found, in sentences, the first one short.
        claim: what the method says of itself, such as `local credit`; empty if it claims nothing.
        how: how it was found; empty if it is known anyway.
        tables: of the parts of the network.
        facts: what else was found, by name.
        details: all of it as plain values, beside `holds` and `verdict`.
    """

    holds: bool
    local: bool
    verdict: Sequence[str]
    claim: str = ""
    how: str = ""
    tables: Sequence[Table] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"holds": self.holds, "verdict": list(self.verdict), **self.details}
