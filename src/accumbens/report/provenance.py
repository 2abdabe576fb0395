"""How every run came about: commands, machine, versions, commit, time, and all of its settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from accumbens.agents.settings import SACSettings
from accumbens.credit.config import FitConfig
from accumbens.envs import registry
from accumbens.presets import resolve_preset
from accumbens.report.data import Run
from accumbens.report.fit_sections import usual_settings
from accumbens.report.markup import Markup, details, join, table, tag
from accumbens.report.panels import settings_of
from accumbens.runs.find import AGENTS, FITS
from accumbens.runs.settings import every_setting
from accumbens.training.config import RunConfig


def provenance(runs: Sequence[Run]) -> Markup:
    """Return a table of all runs of each kind, and for each run what is needed to repeat it."""
    tables = [
        _table([run for run in runs if run.kind is kind], steps)
        for kind, steps in ((AGENTS, "steps"), (FITS, "updates"))
        if any(run.kind is kind for run in runs)
    ]
    return join([*tables, *(details(run.name, _card(run), class_="card") for run in runs)])


def _table(runs: Sequence[Run], steps: str) -> Markup:
    rows = []
    for run in runs:
        seconds = run.seconds
        speed = f"{run.steps * run.config.seeds / seconds:,.0f}" if seconds and run.steps else "–"
        hardware = run.meta.get("hardware") or {}
        rows.append(
            [
                run.name,
                str(run.meta.get("started") or "–")[:16].replace("T", " "),
                f"{seconds:,.0f}" if seconds else "–",
                speed,
                _devices(hardware),
                _commit(run.meta)[:12] or "–",
            ]
        )
    heads = ["run", "started", "seconds", f"{steps}/s", "hardware", "commit"]
    caption = f"Wall time over all sessions, compilation and evaluations included; {steps} of all seeds together"
    return table(caption, heads, rows, texts=(1, 4, 5))


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
    part = "layer" if isinstance(run.config, FitConfig) else "cell"
    parts = [f"{part} {number}" for number in range(1, len(run.parameters) + 1)]
    if isinstance(run.config, RunConfig) and isinstance(run.config.settings, SACSettings):
        parts = ["the actor", "critic 1", "critic 2"]
    each = ", ".join(f"{part} {count:,}" for part, count in zip(parts, run.parameters, strict=True))
    return f"{sum(run.parameters):,} ({each})"


def _settings(run: Run) -> Markup:
    sources = _sources_of_fit(run) if isinstance(run.config, FitConfig) else _sources_of_agent(run.config)
    rows = [[key, value, sources.get(key, "")] for key, value in settings_of(run).items()]
    return table(f"All settings: {run.name}", ["setting", "value", "source"], rows, texts=(1, 2))


def _sources_of_agent(config: RunConfig) -> dict[str, str]:
    """Where the value of every setting of the agent comes from."""
    preset = resolve_preset(config.algo, config.env, registry.benchmark_of(config.env))
    usual, here = every_setting(preset.settings), every_setting(config.settings)
    return {
        key: preset.sources.get(key, "default") if value == here[key] else "chosen for this run"
        for key, value in usual.items()
    }


def _sources_of_fit(run: Run) -> dict[str, str]:
    usual, here = usual_settings(run), settings_of(run)
    return {key: "default" if value == here[key] else "chosen for this run" for key, value in usual.items()}


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
