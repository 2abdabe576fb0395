"""Tables of the documentation that come from the package and from the committed results."""

import contextlib
import dataclasses
import io
import re
from pathlib import Path
from statistics import fmean

from accumbens.agents.settings import SettingsWithoutCells
from accumbens.presets import PRESETS, resolve_preset
from accumbens.runs.settings import format_value
from accumbens.runs.tables import read_table
from accumbens.stats import estimate
from accumbens.training.config import resolve_config

ASSETS = Path(__file__).parents[1] / "assets"
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
BENCHMARKS = {"classic": "Acrobot-v1", "minatar": "minatar/breakout", "dmc": "dmc/walker-walk"}
# Whose summaries have the columns below.
_COMMITTED = (
    "ad-classic",
    "family",
    "control",
    "constant-keys",
    "constant-keys-equal-time",
    "depth",
    "minatar-main",
    "segments",
)


NEAR_OPTIMUM = 0.7
"""Of a discounted return of 0.774, the best of food preparation."""


def language_agents() -> str:
    """Discounted returns of language agents in food preparation, and how soon each is near the best."""
    folder = RESULTS / "language-agents"
    rows = []
    for row in read_table(folder / "summary.csv"):
        name = "-".join([row["env"].replace("/", "-"), row["algo"], row["variant"]])
        of_seed: dict[str, list[tuple[int, float]]] = {}
        for one in read_table(folder / f"{name}.csv"):
            of_seed.setdefault(one["seed"], []).append((int(one["step"]), float(one["mean_discounted_return"])))
        firsts = [next((step for step, value in found if value >= NEAR_OPTIMUM), None) for found in of_seed.values()]
        there = sorted(step for step in firsts if step is not None)
        soon = f"{there[len(there) // 2]:,} ({there[0]:,} to {there[-1]:,})" if len(there) == len(firsts) else "–"
        half = [estimate([found[len(found) // 2 - 1][1] for found in of_seed.values()])]
        end = f"{float(row['discounted_return']):.3f} ± {float(row['discounted_return_interval']):.3f}"
        halfway = f"{half[0].mean:.3f} ± {half[0].interval:.3f}"
        rows.append((f"`{row['algo']}`", row["variant"], halfway, end, f"{len(there)} of {len(firsts)}", soon))
    heads = (
        "rule",
        "variant",
        "halfway",
        "at the end",
        f"seeds that reach {NEAR_OPTIMUM:g}",
        "median step, first to last",
    )
    return markdown_table(heads, rows)


def language_prior() -> str:
    """Expected discounted returns in food preparation of models that have learned nothing."""
    rows = []
    for row in read_table(RESULTS / "language_prior.csv"):
        several = f" ({float(row['lowest']):.4f} to {float(row['highest']):.4f})" if int(row["networks"]) > 1 else ""
        value = f"{float(row['discounted_return']):.4f}{several}"
        rows.append((row["model"], row["prompt"], row["policy"], value, f"{100 * float(row['done']):.1f} %"))
    heads = ("model", "prompt", "policy", "discounted return", "done within 50 steps")
    return markdown_table(heads, rows)


def language_costs() -> str:
    """What scoring, writing and learning cost with a language model, its weights in float32 and in 8 bits."""
    rows = read_table(RESULTS / "language_speed.csv")
    places = list(dict.fromkeys((row["cores"], row["weights"], row["megabytes"]) for row in rows))
    cells = {
        (row["cores"], row["weights"], row["what"]): f"{float(row['seconds']):.2f} s, {row['tokens_per_second']}"
        for row in rows
    }
    whats = list(dict.fromkeys(row["what"] for row in rows))
    names = {cores: "one core" if cores == "1" else f"{cores} cores" for cores, _, _ in places}
    heads = ("", *(f"{weights}, {float(size):.0f} MB, {names[cores]}" for cores, weights, size in places))
    table = [(what, *(cells[cores, weights, what] for cores, weights, _ in places)) for what in whats]
    return markdown_table(heads, table)


def turn_baselines(episodes: str) -> str:
    """The expected gradient under every baseline of groups of so many episodes, beside the exact one."""
    rows = [row for row in read_table(RESULTS / "turn_baselines.csv") if row["episodes"] == episodes]
    places = list(dict.fromkeys((row["game"], row["better_chosen"]) for row in rows))
    cells = {(row["baseline"], row["game"], row["better_chosen"]): row for row in rows}
    table = []
    for name in dict.fromkeys(row["baseline"] for row in rows):
        found = [cells[name, *place] for place in places]
        closed = "yes" if found[0]["closed_form"] else "no"
        noise = f"{float(found[0]['deviation']):.2f}"
        table.append((name, *map(_beside_exact, found), noise, closed))
    heads = (f"{game}, {chosen.replace(' ', ' and ')}" for game, chosen in places)
    return markdown_table(("baseline", *heads, "noise", "closed form"), table)


_EARLIER = {"poad": "±0.20, ±0.53", "ntpo": "±0.11, ±0.45", "twosome": "±0.29, ±0.545"}


def token_case() -> str:
    """What every rule tells the tokens of the case study: mean over seeds, 95 % t-interval."""
    rows = read_table(RESULTS / "token-case-study" / "results.csv")
    cells = [("shut", "open"), ("shut", "close"), ("filled", "open"), ("filled", "close")]

    def told(rule: str, cell: tuple[str, str], token: int, sampled: bool = True) -> list[float]:
        here = [row for row in rows if row["rule"] == rule and (row["state"], row["action"].split()[0]) == cell]
        return [float(row[f"token_{token}"]) for row in here if bool(row["seed"]) == sampled]

    table = []
    for rule in dict.fromkeys(row["rule"] for row in rows):
        first = [estimate(told(rule, cell, 1)) for cell in cells]
        others = max(abs(estimate(told(rule, cell, token)).mean) for cell in cells for token in range(2, 6))
        rest = ", ".join(f"±{told(rule, cell, 1, sampled=False)[0]:.3f}" for cell in cells[::3])
        other = "the same" if rule == "twosome" else f"at most {others:.3f}"
        numbers = (f"{mean:+.3f} ± {interval:.3f}" for mean, interval in first)
        table.append((f"`{rule}`", *numbers, other, rest, _EARLIER.get(rule, "–")))
    heads = ("first: open", "first: close", "then: open", "then: close")
    return markdown_table(("rule", *heads, "tokens 2 to 5", "at rest", "earlier"), table)


def _beside_exact(row: dict[str, str]) -> str:
    length, angle = float(row["length"]), float(row["angle"])
    if not length:
        return "0"
    return "exact" if length == 1 and not angle else f"× {length:.2f}" + (f", {angle:.1f}°" if angle else "")


def presets() -> str:
    """All presets: name, what it is, its learner."""
    rows = [(f"`{name}`", preset.summary, _learner(preset.learner.__name__)) for name, preset in PRESETS.items()]
    return markdown_table(("preset", "what it is", "learner"), rows)


def _learner(name: str) -> str:
    return {
        "ParallelSettings": "parallel Q(λ)",
        "SegmentSettings": "segments Q(λ)",
        "SequenceSettings": "sequences Q(λ)",
        "ReplaySettings": "replay",
        "SACSettings": "SBX",
        "TokenSettings": "tokens",
    }[name]


def defaults(algo: str) -> str:
    """Every setting of a preset on each benchmark, with its source."""
    scopes = {"all": "CartPole-v1"} if issubclass(PRESETS[algo].learner, SettingsWithoutCells) else BENCHMARKS
    resolved = {scope: resolve_preset(algo, env, scope) for scope, env in scopes.items()}
    first = next(iter(resolved.values()))
    rows = [("`total_timesteps`", *(f"{preset.total_timesteps:,}" for preset in resolved.values()), "")]
    for field in dataclasses.fields(first.settings):
        values = [f"`{format_value(getattr(preset.settings, field.name))}`" for preset in resolved.values()]
        sources = {preset.sources.get(field.name, "default") for preset in resolved.values()}
        given = sorted(sources - {"default"}) or ["default"]
        rows.append((f"`{field.name}`", *values, "; ".join(given)))
    return markdown_table(("setting", *(f"{scope}" for scope in scopes), "source"), rows)


def results(algo: str) -> str:
    """The committed results of a preset, beside what its paper reports."""
    rows, commands = [], []
    for experiment in _COMMITTED:
        before = len(rows)
        for row in read_table(RESULTS / experiment / "summary.csv"):
            if row["algo"] == algo:
                rows.append(_result(row))
        if len(rows) > before:
            commands.append((RESULTS / experiment / "command.txt").read_text(encoding="utf-8").strip())
    if not rows:
        return "No learning curve of this preset is committed yet: it is tested, not benchmarked."
    header = ("environment", "credit", "seeds", "steps", "return, last 100 episodes", "paper", "at its step")
    listing = "\n".join(commands)
    return f"{markdown_table(header, rows)}\n\nMade by\n\n```text\n{listing}\n```\n"


def _result(row: dict[str, str]) -> tuple[str, ...]:
    interval = f" ± {float(row['final_return_interval']):.1f}" if row["final_return_interval"] else ""
    paper = f"{float(row['published_return']):g}" if row["published_return"] else "–"
    at = f"{int(row['published_steps']):,}" if row["published_return"] else ""
    if row["published_at_these_steps"]:
        paper, at = f"{float(row['published_at_these_steps']):.0f} (later {paper})", f"{int(row['steps']):,} ({at})"
    mean = f"{float(row['final_return']):.1f}{interval}"
    return (f"`{row['env']}`", row["variant"], row["seeds"], f"{int(row['steps']):,}", mean, paper, at)


_CREDIT = {
    "traces": "exact traces, local in depth",
    "bptt": "backpropagation through time, local in depth",
    "full-twin": "backpropagation through time and depth",
    "bptt-8": "… cut every 8 steps, local in depth",
    "none": "none, recurrent units",
    "traces-wide": "wide: exact traces",
    "bptt-wide": "wide: backpropagation through time",
    "full-twin-wide": "wide: … and depth",
    "none-wide": "wide: none",
    "carry": "none, AD's own carry",
}


def chains(experiment: str) -> str:
    """Return at the end, by credit through time and length of the memory chain."""
    found: dict[str, dict[int, str]] = {}
    for row in read_table(RESULTS / experiment / "summary.csv"):
        if match := re.fullmatch(r"memory/chain-(\d+)", row["env"]):
            text = f"{float(row['final_return']):.2f} ± {float(row['final_return_interval']):.2f}"
            found.setdefault(row["variant"], {})[int(match[1])] = text
    lengths = sorted({length for row in found.values() for length in row})
    rows = [
        (words, *(found[variant].get(n, "–") for n in lengths))
        for variant, words in _CREDIT.items()
        if variant in found
    ]
    return markdown_table(("credit through time", *(f"n = {n}" for n in lengths)), rows)


def signals(algo: str, credit: str | None = None) -> str:
    """What `accumbens audit --fast` prints of a preset on MinAtar."""
    from accumbens.cli.audit_view import print_audit
    from accumbens.training.kind import AGENTS

    config = resolve_config("minatar/breakout", algo, credit=credit)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        print_audit([config.env, config.algo], AGENTS.audit(config, measured=False), json=False)
    lines = [line.rstrip() for line in printed.getvalue().splitlines()[2:]]
    return "```text\n" + "\n".join(lines).strip() + "\n```"


_ASKED = {
    "reward-omission": {
        "unexpected reward, before learning": ("before", "reward alone", "reward"),
        "cue, before learning": ("before", "cue, then reward", "cue"),
        "cue, after learning": ("late", "cue, then reward", "cue"),
        "predicted reward, after learning": ("late", "cue, then reward", "reward"),
        "reward omitted, after learning": ("late", "cue, reward omitted", "no reward at the usual time"),
    },
    "reward-shift": {
        "early reward": ("late", "cue, reward early", "reward"),
        "usual time, it was early": ("late", "cue, reward early", "no reward at the usual time"),
        "reward on time": ("late", "cue, then reward", "reward"),
        "usual time, it is late": ("late", "cue, reward late", "no reward at the usual time"),
        "late reward": ("late", "cue, reward late", "reward"),
    },
}


def conditioning(run: str, probe: str) -> str:
    """The TD errors of a committed probe, per cell: mean over seeds, 95 % t-interval, share of seeds of that sign."""
    rows = read_table(ASSETS / "conditioning" / f"{run}_{probe}.csv")
    cells = sorted({int(row["cell"]) for row in rows})
    table = []
    for text, key in _ASKED[probe].items():
        asked = [row for row in rows if (row["stage"], row["trial"], row["event"]) == key]
        entries = [_response([float(row["td_error"]) for row in asked if int(row["cell"]) == cell]) for cell in cells]
        exact = f"{float(asked[0]['exact']):.2f}" if key[0] == "late" else "–"
        table.append((text, *entries, exact))
    return markdown_table(("TD error", *(f"cell {cell}" for cell in cells), "under exact values"), table)


def alignment(folder: str) -> str:
    """Cosine of each cell's local gradient with backpropagation's, untrained, early and at the end: mean over seeds."""
    rows = [
        row for row in read_table(ASSETS / "showcase" / folder / "alignment.csv") if row["parameters"] == "activity"
    ]
    steps = sorted({int(row["step"]) for row in rows})
    shown = [steps[0], steps[1], steps[-1]]
    table = []
    for reference in ("all cells", "top cell"):
        for cell in sorted({int(row["cell"]) for row in rows}):
            mine = [row for row in rows if row["reference"] == reference and int(row["cell"]) == cell]
            cosines = [[float(row["cosine"]) for row in mine if int(row["step"]) == step] for step in shown]
            table.append((reference, f"{cell}", *(f"{sum(at) / len(at):+.2f}" for at in cosines)))
    return markdown_table(("losses of", "cell", *(f"step {step:,}" for step in shown)), table)


def _response(errors: list[float]) -> str:
    mean, interval = estimate(errors)
    share = sum(error * mean > 0 for error in errors)
    return f"{mean:+.2f} ± {interval:.2f} ({share} of {len(errors)} seeds)"


def sweep_speed() -> str:
    """What 64 points of CartPole cost in one program, beside 64 runs: seconds of the processor, the best of each."""
    rows = []
    for row in read_table(RESULTS / "sweep_speed.csv"):
        costs = [f"{float(row[f'{name}_cpu_best']):,.1f} s" for name in ("run", "runs", "sweep")]
        of = "" if row["measured"] == row["points"] else f" ({row['measured']} measured)"
        rows.append((f"{int(row['steps']):,}", costs[0] + of, *costs[1:], f"{float(row['ratio_cpu_best']):.1f}"))
    return markdown_table(("steps of each point", "one run", "64 runs", "64 points in one program", "ratio"), rows)


def reproducibility() -> str:
    """What a seed's numbers depend on."""
    rows = []
    for row in read_table(RESULTS / "reproducibility.csv"):
        equal, name = row["equal"] == "True", row["curve"].replace("_", " ")
        firsts = [f"{int(row[step]):,}" if row[step] else "–" for step in ("first_step", "first_step_of_curve")]
        end, other, gap = (f"{float(row[column]):.4g}" for column in ("end", "end_other", "largest_gap"))
        ends = f"{name} {end}" if equal else f"{name} {end} and {other}"
        rows.append((row["of"], row["compared"], "yes" if equal else "no", *firsts, ends, "–" if equal else gap))
    heads = ("run", "compared", "equal", "a number differs at step", "the curve does", "at the end", "largest gap")
    return markdown_table(heads, rows)


def settings_tried(env: str) -> str:
    """What settings beside a preset's returned along the way: the mean of the seeds that came so far, and how many."""
    found: dict[tuple[str, str, str], dict[int, dict[str, float]]] = {}
    for row in read_table(RESULTS / "settings_tried.csv"):
        if row["env"] == env:
            told = f"`{row['settings']}`" if row["settings"] else "the preset"
            key = row["algo"], told, row["total_timesteps"]
            seeds = found.setdefault(key, {}).setdefault(int(row["after"]), {})
            if row["seed"] in seeds:
                raise ValueError(f"settings_tried.csv has seed {row['seed']} of {key} twice after {row['after']} steps")
            seeds[row["seed"]] = float(row["mean_return"])
    steps = sorted({step for returns in found.values() for step in returns})
    rows = []
    for (algo, told, length), returns in found.items():
        along = [
            f"{fmean(returns[step].values()):.1f} ({len(returns[step])})" if step in returns else "" for step in steps
        ]
        rows.append((f"`{algo}`", told, f"{int(length):,}", *along))
    return markdown_table(("agent", "settings", "schedules of", *(f"{step // 1000} k" for step in steps)), rows)


def side_by_side(experiment: str) -> str:
    """Final returns, a row for every agent and a column for every environment; what papers report of theirs below."""
    ours: dict[str, dict[str, str]] = {}
    published: dict[str, dict[str, str]] = {}
    summary = read_table(RESULTS / experiment / "summary.csv")
    for row in summary:
        if row["algo"]:
            mean, interval = float(row["final_return"]), float(row["final_return_interval"])
            name = f"`{row['algo']}`, {row['variant']}"
            ours.setdefault(name, {})[row["env"]] = f"{mean:.1f} ± {interval:.1f}"
        if row["published_return"]:
            paper = row["published_source"].partition(",")[0]
            interval = f" ± {float(row['published_interval']):.1f}" if row["published_interval"] else ""
            name = f"{row['published_agent']}, {paper}"
            published.setdefault(name, {})[row["env"]] = f"{float(row['published_return']):.1f}{interval}"
    envs = list(dict.fromkeys(row["env"] for row in summary))
    rows = [
        (name, *(cells.get(env, "") for env in envs))
        for table in (ours, dict(sorted(published.items())))
        for name, cells in table.items()
    ]
    return markdown_table(("", *(env.partition("/")[2] for env in envs)), rows)


def markdown_table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(re.sub(r"\|", r"\\|", cell) for cell in line) + " |" for line in lines)
