"""The ways in which teams learn: a row of a table each."""

from dataclasses import dataclass

from accumbens.errors import UnknownNameError
from accumbens.teams.settings import (
    ConservativeSettings,
    DistilledSettings,
    PlayingSettings,
    PolicySettings,
    TeamSettings,
)


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to learn.

    Attributes:
        summary: a line about it.
        settings: all of them.
        updates: how long a run is if nothing is asked for.
        source: where it is from.
    """

    summary: str
    settings: TeamSettings
    updates: int = 1000
    source: str = ""

    @property
    def learns_from_data(self) -> bool:
        """Whether it needs data; otherwise it plays."""
        return not isinstance(self.settings, PlayingSettings)


_TSENG = "Tseng et al. (2022)"
METHODS = {
    "bc": Method(
        summary="behaviour cloning: every agent's transformer learns what it did after what it had seen",
        settings=PolicySettings(returns=False),
        source=_TSENG,
    ),
    "bc-mlp": Method(
        summary="behaviour cloning by a plain network that sees the last observation only",
        settings=PolicySettings(returns=False, network="mlp", width=64),
        source=_TSENG,
    ),
    "iql-cql": Method(
        summary="independent Q-learning with a conservative term",
        settings=ConservativeSettings(),
        updates=5000,
        source="Kumar et al. (2020); Formanek et al. (2024)",
    ),
    "idt": Method(
        summary="independent decision transformers, one for every agent",
        settings=PolicySettings(),
        source=_TSENG,
    ),
    "madt": Method(
        summary="a decision transformer that all agents share, told which of them it is",
        settings=PolicySettings(shared=True),
        source="Meng et al. (2021); Tseng et al. (2022)",
    ),
    "teacher": Method(
        summary="one decision transformer that sees and moves the whole team: an upper bound, and a teacher",
        settings=PolicySettings(centralised=True),
        source=_TSENG,
    ),
    "distilled": Method(
        summary="decision transformers that also learn from the teacher: what it would do, and how its features relate",
        settings=DistilledSettings(),
        source=_TSENG,
    ),
    "local-idt": Method(
        summary="idt whose every layer has its own action loss, and no gradient between layers",
        settings=PolicySettings(credit="local", readouts="every"),
        source="ours",
    ),
    "ipqn": Method(
        summary="learns by playing: independent Q(λ), one network for all agents; makes data to learn from",
        settings=PlayingSettings(),
        updates=500,
        source="Gallici et al. (2025)",
    ),
}


def method_entry(name: str) -> Method:
    """Return a method.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in METHODS:
        raise UnknownNameError("method", name, list(METHODS), "accumbens algos")
    return METHODS[name]
