"""The same in a terminal: the game in coloured blocks, and a bar per cell for its value and its TD error."""

import numpy as np
from PIL import Image
from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from accumbens.watch.episode import Instant
from accumbens.watch.frames import Heading, plain
from accumbens.watch.palettes import action_name
from accumbens.watch.scenes import Board, Scene
from accumbens.watch.style import cell_colour

_PICTURE_COLUMNS, _BAR = 52, 17
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
        """Return the screen."""
        lines: list[RenderableType] = [Text(self._heading.title, "bold"), Text(self._heading.subtitle, "dim")]
        if isinstance(self._scene, Board):
            lines.append(board(self._scene, instant.observation, self._colours))
        elif self._colours:
            lines.append(half_blocks(self._scene.draw(instant), _PICTURE_COLUMNS))
        doing = instant.ended if instant.action is None else action_name(self._heading.env, instant.action)
        lines.append(Text(f"step {instant.time:,}   return {plain(instant.episode_return)}   {doing}", "bold"))
        lines.append(self._table(instant))
        return Group(*lines)

    def _table(self, instant: Instant) -> Table:
        table = Table(box=None, pad_edge=False, show_edge=False)
        for name, justify in (("", "left"), ("value", "right"), ("", "left"), ("TD error δ", "right"), ("", "left")):
            table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
        values, errors = instant.taken, instant.td_error
        if values is not None:
            self._largest_value = max(self._largest_value, float(np.abs(values).max()))
        if errors is not None:
            self._largest_error = max(self._largest_error, float(np.abs(errors).max()))
        count = len(values) if values is not None else 0 if errors is None else len(errors)
        for cell in range(count):
            value = None if values is None else float(values[cell])
            error = None if errors is None else float(errors[cell])
            table.add_row(
                Text(f"cell {cell + 1}", cell_colour(cell)),
                "–" if value is None else f"{value:.2f}",
                Text("█" * round(_BAR * abs(value or 0) / self._largest_value), cell_colour(cell)),
                "–" if error is None else f"{error:+.2f}",
                balance((error or 0) / self._largest_error, _BAR // 2),
            )
        return table


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
