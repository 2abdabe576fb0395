"""What a row of the preset table is."""

from typing import Any, NamedTuple

from accumbens.agents.settings import Settings


class Group(NamedTuple):
    """Some settings and where they come from; `total_timesteps` is a setting of the run."""

    source: str
    values: dict[str, Any]


class Preset(NamedTuple):
    """One row of the table: a learner and groups of settings.

    Attributes:
        summary: one line for `accumbens algos`.
        learner: which learner's settings it fills in.
        groups: by scope: `all` environments, a benchmark (`classic`, `minatar`, `dmc`, `probe`, `gymnasium` for all
            else on the host), or one environment. Within a scope, and from the wider to the narrower, later groups
            override earlier ones.
    """

    summary: str
    learner: type[Settings]
    groups: dict[str, list[Group]]


class Resolved(NamedTuple):
    """A preset for one environment.

    Attributes:
        settings: every field filled in.
        total_timesteps: length of the run in environment steps.
        sources: where each field that a group set comes from.
    """

    settings: Settings
    total_timesteps: int
    sources: dict[str, str]


def group(source: str, **values: Any) -> Group:
    """Return a group of settings from one source."""
    return Group(source, values)


def laid_over(base: dict[str, list[Group]], overlay: dict[str, list[Group]]) -> dict[str, list[Group]]:
    """Return the groups of `base` with those of `overlay` over them; the overlay's `all` wins in every scope."""
    return {
        scope: [
            *base.get(scope, []),
            *overlay.get("all", []),
            *(overlay.get(scope, []) if scope != "all" else []),
        ]
        for scope in dict.fromkeys([*base, *overlay])
    }


AD = "Guan et al. (2024)"
AD_CODE = "Guan et al. (2024), published code"
ARQ = "ARQ paper (2026)"
ARQ_CODE = "ARQ paper (2026), published code"
PQN = "Gallici et al. (2025), PQN configuration for MinAtar"
OURS = "ours: from trials that were not kept"
