"""`accumbens settings`: every setting of a preset or a rule, and what it means."""

from typing import Annotated, Any

import tyro

from accumbens.cli.arguments import Flag, default

NAME = tyro.conf.arg(
    metavar="ALGO|RULE", help="Preset, method of a team, or rule; 'accumbens algos' and 'accumbens rules' list them."
)
PLACE = tyro.conf.arg(metavar="ENV|TASK", help="Environment or task: some values depend on it.")


def settings(
    name: Annotated[str, tyro.conf.Positional, NAME],
    place: Annotated[str | None, tyro.conf.Positional, PLACE, default("CartPole-v1, team/fill-in-2 or digits")] = None,
    /,
    *,
    json: Flag = False,
) -> int:
    """Say what every setting of a preset or a rule means: its value, where that comes from, and its choices.

    All of them can be changed with --set NAME=VALUE in 'accumbens train' and 'accumbens fit'.

    Args:
        name: preset, method of a team, or rule.
        place: environment or task.
        json: Print one line of JSON on standard output.
    """
    from rich.console import Console
    from rich.markup import escape

    from accumbens.cli.settings_view import settings_table, sources_of
    from accumbens.cli.terminal import print_json
    from accumbens.runs.meanings import describe_settings
    from accumbens.runs.settings import every_setting, format_value

    kind, config = _found(name, place)
    numbers = [field for field, value in vars(config).items() if not hasattr(value, "__dataclass_fields__")]
    if json:
        sources = sources_of(kind, config)
        about = {
            key: {"value": format_value(value), "source": sources[key], "meaning": meaning, "choices": choices}
            for (key, value), (meaning, choices) in zip(
                every_setting(config).items(), describe_settings(config).values(), strict=True
            )
            if key not in numbers
        }
        words = kind.words
        print_json({words.method_key: name, words.place_key: getattr(config, words.place_key), "settings": about})
        return 0
    console = Console(highlight=False)
    console.print(f"[bold]{escape(name)}[/] {kind.words.at} {escape(kind.place(config))}\n", soft_wrap=True)
    console.print(settings_table(kind, config, left_out=numbers))
    return 0


def _found(name: str, place: str | None) -> tuple[Any, Any]:
    """The kind whose preset, method or rule that is, and what it is set to.

    Raises:
        UnknownNameError: there is no such name.
        AccumbensError: the place is of another kind.
    """
    from accumbens import kinds
    from accumbens.errors import UnknownNameError

    known: list[str] = []
    for kind in kinds.all_kinds():
        try:
            usual = kind.resolve(kind.place_for(name), name, {}, {})
        except UnknownNameError as error:
            if error.value != name:
                raise
            known += kind.methods().known
        else:
            return kind, usual if place is None else kinds.resolve(kind, place, name, {}, {})
    raise UnknownNameError("preset, method or rule", name, known)
