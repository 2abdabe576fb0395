"""`accumbens envs`, `algos`, `tasks` and `rules`: what there is."""

from accumbens.cli.arguments import Flag


def envs(*, json: Flag = False) -> int:
    """List the environments.

    Args:
        json: Print one line of JSON.
    """
    from rich.console import Console

    from accumbens.envs import registry
    from accumbens.runs.tables import to_json

    ours, suite = registry.device_environments(), registry.control_suite_environments()
    others = registry.gymnasium_environments()
    if json:
        print(to_json({"device": ours, "control_suite": suite, "gymnasium": others}))
        return 0
    console = Console()
    console.print("[bold]on the device[/] (compiled with the agent, fast)")
    for name in ours:
        console.print(f"  {name}", highlight=False)
    console.print("[bold]DeepMind Control Suite, on the host[/] (the extra dmc; bang-bang actions)")
    console.print("  " + "  ".join(suite), highlight=False)
    console.print("[bold]Gymnasium, on the host[/] (Box observations; Discrete actions, or Box ones made bang-bang)")
    console.print("  " + "  ".join(others), highlight=False)
    return 0


def algos(*, json: Flag = False) -> int:
    """List the presets.

    Args:
        json: Print one line of JSON.
    """
    from rich.console import Console
    from rich.table import Table

    from accumbens.agents.settings import ParallelSettings, ReplaySettings, SACSettings
    from accumbens.presets import PRESETS
    from accumbens.runs.tables import to_json

    if json:
        print(to_json({name: preset.summary for name, preset in PRESETS.items()}))
        return 0
    learners = {ParallelSettings: "parallel", ReplaySettings: "replay", SACSettings: "actor-critic"}
    table = Table(box=None, pad_edge=False)
    for column in ("preset", "learner", "what it is"):
        table.add_column(column)
    for name, preset in PRESETS.items():
        table.add_row(name, learners[preset.learner], preset.summary)
    Console().print(table, highlight=False)
    return 0


def tasks(*, json: Flag = False) -> int:
    """List the tasks that networks are fitted to.

    Args:
        json: Print one line of JSON.
    """
    from accumbens.credit.tasks.registry import TASKS

    return _print_summaries("task", {name: entry.summary for name, entry in TASKS.items()}, json)


def rules(*, json: Flag = False) -> int:
    """List the rules by which layers learn.

    Args:
        json: Print one line of JSON.
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
