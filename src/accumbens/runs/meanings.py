"""What settings mean: read from where it is written, beside the fields of their classes."""

import ast
import inspect
import re
import textwrap
import types
import typing
from functools import cache
from typing import Any, Literal

from accumbens.runs.settings import hints_of

_ENTRY = re.compile(r"\s*(\w+): (.*)")


@cache
def meanings(settings: type) -> dict[str, str]:
    """Return what is written below every field of a dataclass and of those that it is made from, in one line each.

    Of a class without such words, it is what its docstring says of its attributes; of one whose source is not to be
    had, as in a notebook's cell that is gone, nothing.
    """
    found: dict[str, str] = {}
    for cls in reversed(settings.__mro__[:-1]):
        found |= _attributes(inspect.getdoc(cls) or "")
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
        except (OSError, TypeError):
            continue
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                found[ast.unparse(field.target)] = " ".join(ast.literal_eval(below.value).split())
    return found


def _attributes(docstring: str) -> dict[str, str]:
    """What the section `Attributes:` of a docstring says of each."""
    found: dict[str, str] = {}
    _, _, section = docstring.partition("Attributes:\n")
    name = ""
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        entry = _ENTRY.fullmatch(line)
        if entry and not line.startswith(" " * 5):
            name, text = entry.groups()
            found[name] = text[0].upper() + text[1:]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


def choices(settings: type, name: str) -> list[str]:
    """Return the values that a setting may have if they can be counted; empty if they cannot."""
    hint = hints_of(settings)[name]
    parts = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else [hint]
    found: list[str] = []
    for part in parts:
        if typing.get_origin(part) is Literal:
            found += map(str, typing.get_args(part))
        elif part is str and found:
            found.append("module:id")
        elif part is bool:
            found += ["true", "false"]
        elif part is type(None) and found:
            found.append("none")
    return found


def describe_settings(config: Any) -> dict[str, tuple[str, list[str]]]:
    """Return what every setting of a configuration means, and its choices, in the order of `every_setting`."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name in hints_of(config):
        value = getattr(config, name)
        if hasattr(value, "__dataclass_fields__"):
            found |= describe_settings(value)
        else:
            found[name] = meanings(type(config)).get(name, ""), choices(type(config), name)
    return found
