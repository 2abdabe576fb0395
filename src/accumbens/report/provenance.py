"""How every run came about: commands, machine, versions, commit, time, and all of its settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from accumbens.markup import Markup, details, join, table, tag
from accumbens.report.data import Run, grouped
from accumbens.report.panels import settings_of, usual_settings


def provenance(runs: Sequence[Run]) -> Markup:
    """Return a table of all runs of each kind, and for each run what is needed to repeat it."""
    tables = [_table(own) for own in grouped(runs, "kind")]
    return join([*tables, *(details(run.name, _card(run), class_="card") for run in runs)])


def _table(runs: Sequence[Run]) -> Markup:
    steps = f"{runs[0].kind.words.step}s"
    rows = []
    for run in runs:
        seconds = run.seconds
        speed = (run.meta.get("result") or {}).get(f"{run.kind.words.step}s_per_second")
        hardware = run.meta.get("hardware") or {}
        rows.append(
            [
                run.name,
                str(run.meta.get("started") or "–")[:16].replace("T", " "),
                f"{seconds:,.0f}" if seconds else "–",
                f"{speed:,.0f}" if speed else "–",
                _devices(hardware),
                _commit(run.meta)[:12] or "–",
            ]
        )
    heads = ["run", "started", "seconds", f"{steps}/s", "hardware", "commit"]
    caption = (
        f"Wall time over all sessions, compiling and evaluations included; {steps}/s: {steps} of all seeds over the "
        "seconds in which the last session learned, which runs of older versions do not tell (–)"
    )
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
    each = ", ".join(f"{part} {count:,}" for part, count in run.sizes.parameters.items())
    return f"{sum(run.sizes.parameters.values()):,} ({each})" if each else ""


def _settings(run: Run) -> Markup:
    usual = usual_settings(run)
    sources = run.kind.sources(run.config) if usual else {}
    rows = []
    for key, value in settings_of(run).items():
        source = ""
        if key in usual:
            source = sources.get(key, "default") if value == usual[key] else "chosen for this run"
        rows.append([key, value, source])
    return table(f"All settings: {run.name}", ["setting", "value", "source"], rows, texts=(1, 2))


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
