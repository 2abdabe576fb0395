"""How every run came about: commands, machine, versions, commit, time, and all of its settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from accumbens.agents.settings import SACSettings
from accumbens.analysis.report.data import Run
from accumbens.analysis.report.markup import Markup, details, join, table, tag
from accumbens.analysis.report.sections import settings_of
from accumbens.envs import registry
from accumbens.presets import resolve_preset


def provenance(runs: Sequence[Run]) -> Markup:
    """Return a table of all runs, and for each what is needed to repeat it."""
    rows = []
    for run in runs:
        seconds = run.seconds
        speed = f"{run.steps * run.config.seeds / seconds:,.0f}" if seconds and run.steps else "–"
        hardware = run.meta.get("hardware") or {}
        rows.append(
            [
                f"{run.config.env}, {run.label}",
                str(run.meta.get("started") or "–")[:16].replace("T", " "),
                f"{seconds:,.0f}" if seconds else "–",
                speed,
                _devices(hardware),
                _commit(run.meta)[:12] or "–",
            ]
        )
    heads = ["run", "started", "seconds", "steps/s", "hardware", "commit"]
    caption = "Wall time over all sessions, compilation and evaluations included; steps of all seeds together"
    cards = [details(f"{run.config.env}, {run.label}", _card(run), class_="card") for run in runs]
    return join([table(caption, heads, rows, texts=(1, 4, 5)), *cards])


def _card(run: Run) -> str:
    meta, hardware = run.meta, run.meta.get("hardware") or {}
    sessions = meta.get("sessions") or []
    commands = list(dict.fromkeys(one["command"] for one in [meta, *sessions] if one.get("command")))
    facts: dict[str, object] = {
        "command": join([tag("pre", tag("code", command)) for command in commands]) if commands else "–",
        "folder": tag("code", run.path),
        "sessions": "; ".join(f"{one.get('started', '–')} from step {one.get('from_step', 0):,}" for one in sessions),
        "commit": tag("code", _commit(meta)) if _commit(meta) else "–",
        "hardware": _devices(hardware),
        "system": " ".join(str(hardware[key]) for key in ("system", "machine") if hardware.get(key)),
        "versions": ", ".join(f"{name} {version}" for name, version in (meta.get("versions") or {}).items()),
        "parameters": _parameters(run),
    }
    listed = [Markup(tag("dt", name) + tag("dd", fact)) for name, fact in facts.items() if fact]
    return tag("dl", join(listed)) + details("All settings", _settings(run))


def _parameters(run: Run) -> str:
    if not run.parameters:
        return ""
    parts = [f"cell {number}" for number in range(1, len(run.parameters) + 1)]
    if isinstance(run.config.settings, SACSettings):
        parts = ["the actor", "critic 1", "critic 2"]
    each = ", ".join(f"{part} {count:,}" for part, count in zip(parts, run.parameters, strict=True))
    return f"{sum(run.parameters):,} ({each})"


def _settings(run: Run) -> Markup:
    preset = resolve_preset(run.config.algo, run.config.env, registry.benchmark_of(run.config.env))
    rows = []
    for key, value in settings_of(run).items():
        source = ""
        if hasattr(preset.settings, key):
            same = getattr(preset.settings, key) == getattr(run.config.settings, key)
            source = preset.sources.get(key, "default") if same else "chosen for this run"
        rows.append([key, value, source])
    return table(f"All settings: {run.config.env}, {run.label}", ["setting", "value", "source"], rows, texts=(1, 2))


def _devices(hardware: Mapping[str, Any]) -> str:
    if not hardware:
        return "–"
    devices = hardware.get("devices") or []
    counted = [
        f"{devices.count(kind)} × {kind}" if devices.count(kind) > 1 else kind for kind in dict.fromkeys(devices)
    ]
    return f"{', '.join(map(str, counted)) or '–'}, {hardware.get('cpu_cores', '?')} CPU cores"


def _commit(meta: Mapping[str, Any]) -> str:
    return str(meta.get("commit") or "")
