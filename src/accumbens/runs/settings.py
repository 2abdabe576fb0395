"""Settings as texts: read from the command line and from `config.toml`, written back, and shown."""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tomli_w

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.registration import resolve_choice
from accumbens.runs.names import unknown_setting
from accumbens.writing import write_atomically

FORMAT_VERSION = 1
"""Of `config.toml`."""

_NONE = "none"


def hints_of(settings: Any) -> dict[str, Any]:
    """Return the type of every field of a dataclass, or of an instance of one."""
    hints = typing.get_type_hints(settings if isinstance(settings, type) else type(settings))
    return {field.name: hints[field.name] for field in dataclasses.fields(settings)}


def parse_field(hints: Mapping[str, Any], key: str, text: str) -> Any:
    """Return the value of a field that `text` stands for.

    Raises:
        UnknownNameError: there is no such field, or the text is not one of its words.
        AccumbensError: not of the field's type.
    """
    if key not in hints:
        raise unknown_setting(key, list(hints))
    return parse_value(key, hints[key], text)


def parse_value(key: str, kind: Any, text: str) -> Any:
    """Return the value of type `kind` that `text` stands for.

    Raises:
        UnknownNameError: not one of a setting's words.
        AccumbensError: not of that type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is str:
        return text
    if origin is Literal:
        if text not in arguments:
            raise UnknownNameError(f"value of {key}", text, arguments)
        return text
    if arguments and typing.get_origin(arguments[0]) is Literal and str in arguments:  # our words, or a registered name
        return resolve_choice(key, text, typing.get_args(arguments[0]))
    if origin in (types.UnionType, typing.Union):  # a number or none
        if text.lower() == _NONE or (text.lower() == "off" and bool not in arguments):
            return None
        return parse_value(key, next(argument for argument in arguments if argument is not type(None)), text)
    try:
        if origin is tuple:
            if text in ("", _NONE):
                return ()
            return tuple(_whole_number(part) for part in text.strip("()[] ").rstrip(",").split(","))
        if kind is bool:
            return {"true": True, "on": True, "false": False, "off": False}[text.lower()]
        return _whole_number(text) if kind is int else float(text)
    except (ValueError, KeyError, OverflowError):
        expected = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "numbers such as 128,96")
        raise AccumbensError(f"{key}={text!r} cannot be used: expected {expected}") from None


def format_value(value: Any) -> str:
    """Return a text that `parse_value` takes for this value."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or _NONE
    return _NONE if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)  # 3e5
    if number != int(number):
        raise ValueError(text)
    return int(number)


def text_of(value: Any) -> str:
    """Return the text that stands for a value as TOML has it: its lists are our tuples."""
    return format_value(tuple(value) if isinstance(value, list) else value)


def every_setting(config: Any) -> dict[str, Any]:
    """Return all fields of a configuration, and of the settings in it, as one table."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        values |= every_setting(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return values


def with_setting(config: Any, name: str, text: str) -> Any:
    """Return a configuration with another value of a field that it has, or that settings in it have.

    Raises:
        AccumbensError: the text stands for none of the field's values.
    """
    changes, hints = {}, hints_of(config)
    for field in dataclasses.fields(config):
        old = getattr(config, field.name)
        if field.name == name:
            changes[name] = parse_value(name, hints[name], text)
        elif dataclasses.is_dataclass(old):
            changes[field.name] = with_setting(old, name, text)
    return dataclasses.replace(config, **changes)


def plain(settings: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as TOML has them, which has no null: none is written as text."""

    def value_of(value: Any) -> Any:
        return list(value) if isinstance(value, tuple) else _NONE if value is None else value

    return {field.name: value_of(getattr(settings, field.name)) for field in dataclasses.fields(settings)}


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Write the tables of a `config.toml`, and the version of its format, whole or not at all."""
    write_atomically(path, tomli_w.dumps({"format_version": FORMAT_VERSION, **document}))


def read_document(path: Path) -> dict[str, Any]:
    """Read what `write_document` wrote.

    Raises:
        AccumbensError: the file is missing, is not TOML, or is of another format version.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise AccumbensError(f"{path} does not exist: not a run directory") from None
    except ValueError as error:
        raise AccumbensError(f"{path} cannot be read as a run's configuration: {error}") from None
    found = document.get("format_version")
    if found != FORMAT_VERSION:
        raise AccumbensError(f"{path} has format version {found}; this accumbens reads {FORMAT_VERSION}")
    return document


def read_fields(document: Mapping[str, Any], name: str, kind: Any, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """Return the fields of a dataclass that a table of a document holds, checked as if they had been typed.

    Args:
        document: its tables.
        name: of the table.
        kind: the dataclass.
        left_out: fields that the table does not have.

    Raises:
        UnknownNameError: there is no such field, or not such a word.
        AccumbensError: the table or a field without a default is missing, or a value is of another type.
    """
    table = document.get(name)
    if not isinstance(table, dict):
        raise AccumbensError(f"the table [{name}] is missing")
    hints = {key: hint for key, hint in hints_of(kind).items() if key not in left_out}
    values = {}
    for key, value in table.items():
        is_tuple = typing.get_origin(hints.get(key)) is tuple
        values[key] = parse_field(hints, key, text_of(value) if is_tuple else str(value))
    for field in dataclasses.fields(kind):
        if field.name in hints and field.name not in values and field.default is dataclasses.MISSING:
            raise AccumbensError(f"{field.name} is missing")
    return values
