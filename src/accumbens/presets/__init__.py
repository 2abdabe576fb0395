"""Every preset in one table, with the source of every number, and the conflicts between text, table and code noted."""

from typing import Any

from accumbens.errors import UnknownNameError
from accumbens.presets import ad, arq, baselines, language
from accumbens.presets.table import Preset, Resolved

PRESETS: dict[str, Preset] = ad.PRESETS | arq.PRESETS | baselines.PRESETS | language.PRESETS

__all__ = ["PRESETS", "Preset", "Resolved", "resolve_preset"]


def resolve_preset(algo: str, env: str, benchmark: str) -> Resolved:
    """Return the settings of `algo` for an environment.

    Raises:
        UnknownNameError: `algo` is not in the table.
    """
    if algo not in PRESETS:
        raise UnknownNameError("algorithm", algo, list(PRESETS), command="accumbens algos")
    preset = PRESETS[algo]
    values: dict[str, Any] = {"total_timesteps": 1_000_000}
    sources: dict[str, str] = {}
    for scope in ("all", benchmark, env):
        for source, given in preset.groups.get(scope, []):
            values |= given
            sources |= dict.fromkeys(given, source)
    total_timesteps = values.pop("total_timesteps")
    return Resolved(preset.learner(**values), total_timesteps, sources)
