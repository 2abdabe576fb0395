"""HTML as text: everything that is not `Markup` is escaped."""

import html
from collections.abc import Sequence


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

    def line(cells: Sequence[object]) -> Markup:
        return join(
            [tag("th", cells[0], scope="row")]
            + [
                tag("td", cell, class_="text" if column in texts else None)
                for column, cell in enumerate(cells[1:], start=1)
            ],
            "",
        )

    heads = [
        tag("th", name, scope="col", class_="text" if column in (0, *texts) else None)
        for column, name in enumerate(head)
    ]
    content = tag("caption", caption) + tag("thead", tag("tr", join(heads, "")))
    body = tag("tbody", join([tag("tr", line(row)) for row in rows]))
    whole = tag("table", Markup(content + body))
    return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def details(summary: object, content: str, **attributes: object) -> Markup:
    """Return what opens at a click."""
    return tag("details", Markup(tag("summary", summary) + content), **attributes)
