"""The options of a command, looked at before they are parsed: of one that there is none of, what is meant."""

import dataclasses
import importlib
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.names import meant, option_of

_SETTINGS = {
    "train": ("accumbens.agents.settings", "accumbens.teams.settings"),
    "fit": ("accumbens.credit.settings", "accumbens.credit.tasks.settings"),
}
"""Where the settings are that a command takes; what else takes --set takes all of them."""


def check_options(command: str, function: Callable[..., Any], words: Sequence[str]) -> None:
    """Refuse an option that a command does not have.

    Args:
        command: its name.
        function: what it calls.
        words: what was typed after the name.

    Raises:
        AccumbensError: it is a setting: says how that is given.
        UnknownNameError: offers the nearest option.
    """
    known = known_options(function)
    for index, word in enumerate(words):
        if word == "--":
            return
        name, equals, value = word.removeprefix("--").partition("=")
        name = name.replace("_", "-")
        if not word.startswith("--") or name in known:
            continue
        key, settings = name.replace("-", "_"), _settings(command) if "set" in known else []
        options = [option.replace("-", "_") for option in known]
        found = meant(key, [*options, *settings])
        if found in settings and found not in options:
            following = words[index + 1] if index + 1 < len(words) else "-"
            value = value if equals else "VALUE" if following.startswith("-") else following
            raise AccumbensError(f"unknown option --{name}: it is a setting, given as --set {found}={value}")
        nearest = None if found is None else option_of(found)
        known = [f"--{option}" for option in known]
        raise UnknownNameError("option", f"--{name}", known, f"accumbens {command} --help", nearest)


def known_options(function: Callable[..., Any]) -> list[str]:
    """Return the names of a command's options, without the two dashes."""
    return ["help", *_options(function)]


def _options(function: Callable[..., Any]) -> Iterator[str]:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            group = next(iter(typing.get_args(parameter.annotation)), None)
            if dataclasses.is_dataclass(group):
                for name, hint in typing.get_type_hints(group, include_extras=True).items():
                    yield from _names(name, hint)
            else:
                yield from _names(parameter.name, parameter.annotation)


def _names(name: str, hint: Any) -> Iterator[str]:
    """The names of one option: that of its argument, unless it says another, and its aliases."""
    said = [item for item in getattr(hint, "__metadata__", ()) if hasattr(item, "aliases")]
    yield next((item.name for item in said if item.name), name).replace("_", "-")
    for item in said:
        yield from (alias.removeprefix("--") for alias in item.aliases or () if alias.startswith("--"))


def _settings(command: str) -> list[str]:
    modules = _SETTINGS.get(command, sum(_SETTINGS.values(), ()))
    classes = [value for module in modules for value in vars(importlib.import_module(module)).values()]
    fields = [dataclasses.fields(item) for item in classes if isinstance(item, type) and dataclasses.is_dataclass(item)]
    return list(dict.fromkeys(field.name for group in fields for field in group))
