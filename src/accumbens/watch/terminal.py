"""The same in a terminal: the game in coloured blocks, and a bar per cell for its value and its TD error."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from PIL import Image
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from accumbens.watch.episode import Instant
from accumbens.watch.frames import Heading, plain, short
from accumbens.watch.palettes import action_name
from accumbens.watch.scenes import Board, Scene
from accumbens.watch.style import cell_colour

_PICTURE_COLUMNS, _BAR = 52, 17
_ENDLESS = 10_000  # rows of what is no terminal
_LEAST_PICTURE, _LEAST_BAR = 6, 3  # rows, and characters
_NUMBERS = 31  # characters of a line without its bars
_LEAST_TABLE = _NUMBERS + 2 * _LEAST_BAR
_BETTER, _WORSE = "#4393c3", "#d6604d"


class TerminalScreen:
    """What the terminal shows of one instant after another; bars are as long as the largest number so far allows."""

    def __init__(self, scene: Scene, heading: Heading, *, colours: bool = True):
        """Prepare.

        Args:
            scene: how an instant looks.
            heading: what stands above.
            colours: whether the terminal has any; without, a game is shown in letters and no other picture is shown.
        """
        self._scene, self._heading, self._colours = scene, heading, colours
        self._largest_value = self._largest_error = 1e-9

    def show(self, instant: Instant) -> RenderableType:
        """Return the screen, which takes no more room than the terminal has."""
        if instant.taken is not None:
            self._largest_value = max(self._largest_value, float(np.abs(instant.taken).max()))
        if instant.td_error is not None:
            self._largest_error = max(self._largest_error, float(np.abs(instant.td_error).max()))
        return _Fitted(partial(self._screen, instant))

    def _screen(self, instant: Instant, width: int, height: int) -> RenderableType:
        """The screen in a window: the picture above the table, beside it, smaller, or not at all."""
        doing = instant.ended if instant.action is None else action_name(self._heading.env, instant.action)
        status = f"step {instant.time:,}   return {plain(instant.episode_return)}   {doing}"
        above = [Text(self._heading.title, "bold"), Text(self._heading.subtitle, "dim")]
        below = [Text(status, "bold"), *([Text(f"values {self._heading.scaled}", "dim")] * bool(self._heading.scaled))]
        cells = len(_known(instant))
        left = height - sum(-(-line.cell_len // width) for line in [*above, *below])
        rows = 1 + cells
        columns, tall = self._picture_size(width, left - rows)
        beside = width - columns - 2
        if columns and tall + rows > left and beside >= _LEAST_TABLE and max(tall, rows) <= left:
            pair = Table.grid(padding=(0, 2, 0, 0))
            pair.add_row(self._picture(instant, columns), self._table(instant, beside))
            return Group(*above, *below, pair)
        picture = [self._picture(instant, columns)] if columns and tall + rows <= left else []
        table = self._table(instant, width) if rows <= left else self._numbers(instant, max(left, 1))
        return Group(*above, *picture, *below, table)

    def _picture_size(self, width: int, left: int) -> tuple[int, int]:
        """Columns and rows of the picture, as large as fits above the table; no columns: there is none."""
        if isinstance(self._scene, Board):
            return (2 * self._scene.columns, self._scene.rows) if 2 * self._scene.columns <= width else (0, 0)
        if not self._colours:
            return 0, 0
        columns, (wide, tall) = min(_PICTURE_COLUMNS, width), self._scene.size
        rows = max(round(columns * tall / wide / 2), 1)
        if _LEAST_PICTURE <= left < rows:
            columns = 2 * left * wide // tall
        return columns, max(round(columns * tall / wide / 2), 1)

    def _picture(self, instant: Instant, columns: int) -> Text:
        if isinstance(self._scene, Board):
            return board(self._scene, instant.observation, self._colours)
        return half_blocks(self._scene.draw(instant), columns)

    def _table(self, instant: Instant, width: int) -> Table:
        """A line for each cell, with bars as far as there is room for them."""
        table = Table(box=None, pad_edge=False, show_edge=False)
        for name, justify in (("", "left"), ("value", "right"), ("", "left"), ("TD error δ", "right"), ("", "left")):
            table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
        bar = min(_BAR, (width - _NUMBERS) // 2)
        for cell, value, error in _known(instant):
            bars = [Text(), Text()]
            if bar >= _LEAST_BAR:
                length = round(bar * abs(value or 0) / self._largest_value)
                bars = [Text("█" * length, cell_colour(cell)), balance((error or 0) / self._largest_error, bar // 2)]
            name = Text(f"cell {cell + 1}", cell_colour(cell))
            table.add_row(name, _value(value), bars[0], _error(error), bars[1])
        return table

    def _numbers(self, instant: Instant, rows: int) -> Table:
        """The numbers of all cells without bars, in as many columns as are needed for so many rows."""
        table, known = Table.grid(padding=(0, 2, 0, 0)), _known(instant)
        lines = [
            Text.assemble((f"{cell + 1:>3}", cell_colour(cell)), f" {_value(value):>9} {_error(error):>9}")
            for cell, value, error in known
        ]
        for row in range(min(rows, len(lines))):
            table.add_row(*lines[row::rows])
        return table


class _Fitted:
    """What is asked for its lines when the size of the window is known."""

    def __init__(self, screen: Callable[[int, int], RenderableType]):
        self._screen = screen

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        # What is no terminal has no last line; in one, the cursor stands in the line below.
        yield self._screen(options.max_width, console.height - 1 if console.is_terminal else _ENDLESS)


def _known(instant: Instant) -> list[tuple[int, float | None, float | None]]:
    """The number of every cell, from 0, and its value and TD error as far as they are known."""
    values, errors = instant.taken, instant.td_error
    count = len(values) if values is not None else 0 if errors is None else len(errors)
    return [
        (cell, None if values is None else float(values[cell]), None if errors is None else float(errors[cell]))
        for cell in range(count)
    ]


def _value(value: float | None) -> str:
    return "–" if value is None else short(value)


def _error(error: float | None) -> str:
    return "–" if error is None else short(error, signed=True)


def balance(share: float, room: int) -> Text:
    """Return a bar from the middle: to the right and blue for more than expected, to the left and red for less.

    Args:
        share: from -1 to 1.
        room: characters on each side of the middle.
    """
    length = round(abs(share) * room)
    left, right = ("", "█" * length) if share > 0 else ("█" * length, "")
    return Text.assemble((left.rjust(room), _WORSE), "│", (right.ljust(room), _BETTER))


def board(scene: Board, observation: np.ndarray, colours: bool) -> Text:
    """Return a grid game, two characters wide per square: blocks of colour, or the first letters of what is there."""
    text = Text()
    shown = scene.colours(observation)
    for row in range(scene.rows):
        for column in range(scene.columns):
            here = np.flatnonzero(observation[row, column])
            letters = scene.legend[here[-1]].name[:2] if len(here) else " ·"
            red, green, blue = shown[row, column].tolist()
            style = Style(color=f"rgb({red},{green},{blue})", bgcolor=f"rgb({red},{green},{blue})")
            text.append(letters, style if colours else None)
        text.append("\n" if row < scene.rows - 1 else "")
    return text


def half_blocks(image: Image.Image, columns: int) -> Text:
    """Return a picture in characters of two pixels each, one above the other."""
    rows = max(round(columns * image.height / image.width / 2), 1)
    pixels = np.asarray(image.resize((columns, 2 * rows), Image.Resampling.BOX).convert("RGB"))
    text = Text()
    for row in range(rows):
        for above, below in zip(pixels[2 * row], pixels[2 * row + 1], strict=True):
            colours = (f"rgb({','.join(map(str, each.tolist()))})" for each in (above, below))
            text.append("▀", Style(color=next(colours), bgcolor=next(colours)))
        text.append("\n" if row < rows - 1 else "")
    return text
