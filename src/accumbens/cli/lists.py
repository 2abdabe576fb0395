"""`accumbens envs`, `algos`, `tasks` and `rules`: what there is."""

from accumbens.cli.arguments import Flag


def envs(*, json: Flag = False) -> int:
    """List the environments that agents can be trained in; what needs an extra that is not installed is marked.

    Args:
        json: Print one line of JSON on standard output.
    """
    from rich.columns import Columns
    from rich.console import Console
    from rich.markup import escape

    from accumbens.envs import registry
    from accumbens.envs.trainable import (
        PACKAGES,
        device_environments,
        host_environments,
        missing_extras,
        several_agents_environments,
        text_environments,
    )
    from accumbens.runs.tables import to_json

    ours, others, missing = device_environments(), host_environments(), missing_extras()
    suite = [name for name in others if name in registry.control_suite_environments()]
    gymnasium = [name for name in others if name not in suite]
    texts, teams = text_environments(), several_agents_environments()
    needed = {name: extra for name, extra in (ours | others | texts | teams).items() if extra in missing}
    if json:
        print(
            to_json(
                {
                    "device": list(ours),
                    "control_suite": suite,
                    "gymnasium": gymnasium,
                    "text": list(texts),
                    "team": list(teams),
                    "missing_extra": needed,
                }
            )
        )
        return 0
    console = Console(highlight=False)
    for title, names in (
        ("on the device: compiled together with the agent, fast", list(ours)),
        ("DeepMind Control Suite, on the host: continuous actions are made bang-bang", suite),
        ("Gymnasium, on the host: Box observations; discrete actions, or continuous ones made bang-bang", gymnasium),
        ("in words, on the host: for language agents, such as poad", list(texts)),
        ("several agents: for teams, such as distilled", list(teams)),
    ):
        console.print(f"[bold]{title}[/]", soft_wrap=True)
        marked = [f"{name} [yellow]({needed[name]})[/]" if name in needed else name for name in names]
        console.print(Columns(marked, padding=(0, 2), equal=True))
    console.print("and any environment of your own: module:id; several agents: pettingzoo/MODULE", style="dim")
    for extra in dict.fromkeys(needed.values()):
        install = escape(f'pip install "{PACKAGES[extra]}"')
        console.print(f"[yellow]({extra})[/] needs an extra that is not installed: {install}", soft_wrap=True)
    return 0


def algos(*, json: Flag = False) -> int:
    """List the presets of agents, and the methods of teams.

    Args:
        json: Print one line of JSON on standard output.
    """
    from rich.console import Console
    from rich.table import Table

    from accumbens.agents.settings import (
        ParallelSettings,
        ReplaySettings,
        SACSettings,
        SegmentSettings,
        SequenceSettings,
    )
    from accumbens.agents.token_settings import TokenSettings
    from accumbens.presets import PRESETS
    from accumbens.runs.tables import to_json
    from accumbens.teams.methods import METHODS

    if json:
        print(to_json({name: entry.summary for name, entry in (PRESETS | METHODS).items()}))
        return 0
    learners = {
        ParallelSettings: "parallel",
        SegmentSettings: "segments",
        SequenceSettings: "sequences",
        ReplaySettings: "replay",
        SACSettings: "actor-critic",
        TokenSettings: "tokens",
    }
    table = Table(box=None, pad_edge=False)
    for column in ("preset", "learner", "what it is"):
        table.add_column(column)
    for name, preset in PRESETS.items():
        table.add_row(name, learners[preset.learner], preset.summary)
    teams = Table(box=None, pad_edge=False)
    for column in ("method", "learns from", "what it is: of teams, in environments of several agents"):
        teams.add_column(column)
    for name, method in METHODS.items():
        teams.add_row(name, "data" if method.learns_from_data else "playing", method.summary)
    console = Console()
    console.print(table, highlight=False)
    console.print()
    console.print(teams, highlight=False)
    return 0


def tasks(*, json: Flag = False) -> int:
    """List the tasks that networks are fitted to.

    Args:
        json: Print one line of JSON on standard output.
    """
    from accumbens.credit.tasks.registry import TASKS

    return _print_summaries("task", {name: entry.summary for name, entry in TASKS.items()}, json)


def rules(*, json: Flag = False) -> int:
    """List the learning rules.

    Args:
        json: Print one line of JSON on standard output.
    """
    from accumbens.credit.registry import RULES

    return _print_summaries("rule", {name: entry.summary for name, entry in RULES.items()}, json)


def _print_summaries(kind: str, summaries: dict[str, str], json: bool) -> int:
    from rich.console import Console
    from rich.table import Table

    from accumbens.runs.tables import to_json

    if json:
        print(to_json(summaries))
        return 0
    table = Table(box=None, pad_edge=False)
    table.add_column(kind, no_wrap=True)
    table.add_column("what it is")
    for name, summary in summaries.items():
        table.add_row(name, summary)
    Console().print(table, highlight=False)
    return 0
