"""HTML as text: everything that is not `Markup` is escaped; and pages as files."""

import html
from collections.abc import Sequence
from pathlib import Path

from accumbens.writing import write_atomically

_LONG = 32  # characters of a cell that is broken into lines


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escape(text: object) -> str:
    """Return text as HTML."""
    return text if isinstance(text, Markup) else html.escape(str(text))


def tag(name: str, content: object = "", /, **attributes: object) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        content: text, which is escaped, or `Markup`.
        attributes: `class_` is the class, underscores become hyphens; True has no value, False and None are left out.
    """
    words = [name]
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(key)
        elif value is not None and value is not False:
            words.append(f'{key}="{html.escape(str(value))}"')
    return Markup(f"<{' '.join(words)}>{escape(content)}</{name}>")


def join(parts: Sequence[str], between: str = "\n") -> Markup:
    """Return pieces of HTML, one after the other."""
    return Markup(between.join(parts))


def table(caption: str, head: Sequence[object], rows: Sequence[Sequence[object]], texts: Sequence[int] = ()) -> Markup:
    """Return a table with a caption, in a frame that scrolls by itself and can be reached by keyboard.

    Args:
        caption: what it shows.
        head: names of the columns; the first column names the rows.
        rows: cells; texts are escaped.
        texts: columns of words, which begin at the left; numbers end at the right.
    """

    def kind(column: int) -> str | None:
        if column not in (0, *texts):
            return None
        return "text long" if any(len(str(row[column])) > _LONG for row in rows) else "text"

    kinds = [kind(column) for column in range(len(head))]
    heads = [tag("th", name, scope="col", class_=look) for name, look in zip(head, kinds, strict=True)]
    content = tag("caption", tag("span", caption)) + tag("thead", tag("tr", join(heads, "")))

    def line(cells: Sequence[object]) -> Markup:
        values = [tag("td", cell, class_=look) for cell, look in zip(cells[1:], kinds[1:], strict=True)]
        return join([tag("th", cells[0], scope="row", class_=kinds[0]), *values], "")

    body = tag("tbody", join([tag("tr", line(row)) for row in rows]))
    whole = tag("table", Markup(content + body))
    return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def details(summary: object, content: str, **attributes: object) -> Markup:
    """Return what opens at a click."""
    return tag("details", Markup(tag("summary", summary) + content), **attributes)


def write(page: str, path: Path) -> None:
    """Write the page, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page)
