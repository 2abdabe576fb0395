"""The same in a terminal: the words of every action in columns, and beneath them what they are told."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.text import Text

from accumbens.training.text_play import Move, Told
from accumbens.watch.frames import plain
from accumbens.watch.style import mixed
from accumbens.watch.words import Quantity, Scale, WordsEpisode, percent, quantities, visible

MORE, LESS, PAPER, INK = "#56b4e9", "#f0963c", "#ffffff", "#1c2024"
"""Shades of what is positive and negative, of 0, and of letters on them."""

_INDENT = 3


class WordsScreen:
    """An episode for rich: shaded where there are colours, and every number is written as well."""

    def __init__(self, episode: WordsEpisode):
        """Take an episode."""
        self._episode = episode
        self._shown = {quantity: episode.scale(quantity) for quantity in quantities(episode.settings)}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Return the lines."""
        episode, total = self._episode, 0.0
        yield Text(episode.title, "bold")
        yield Text(episode.subtitle, "dim")
        yield Text("  ·  ".join(f"{name} {text}" for name, text in episode.facts().items()), "dim")
        for number, (move, told) in enumerate(zip(episode.moves, episode.told, strict=True), 1):
            total += move.reward
            yield Text()
            yield Text(f"Step {number}", "bold")
            yield Padding(Text(move.observation), (0, 0, 0, _INDENT))
            yield from self._columns(move, told, options.max_width)
            yield from _options(move)
            yield Text(f"   reward {plain(move.reward)}, return so far {plain(total)}", "dim")
        last = episode.moves[-1]
        yield Text()
        yield Text(f"{episode.ended.capitalize() or 'Left'} after step {len(episode.moves)}", "bold")
        yield Padding(Text(last.reached), (0, 0, 0, _INDENT))
        yield Text()
        for quantity in self._shown:
            yield Text.assemble((f"{quantity.symbol}  {quantity.name}. ", "bold"), (quantity.meaning, "dim"))
        if console.color_system:
            error = next(iter(self._shown))
            yield Text(f"Words are shaded by their {error.name}: blue is positive, orange is negative.", "dim")

    def _columns(self, move: Move, told: Told, width: int) -> Iterator[Text]:
        words = [visible(token).strip() or visible(token) for token in move.tokens]
        numbers = {
            quantity: [scale.text(float(number)) for number in getattr(told, quantity.key)]
            for quantity, scale in self._shown.items()
        }
        widths = [max(map(cell_len, column)) + 2 for column in zip(words, *numbers.values(), strict=True)]
        first = next(iter(self._shown))
        for places in _lines(widths, width - _INDENT):
            yield self._line("", words, told, first, places, widths, "bold")
            for quantity, texts in numbers.items():
                yield self._line(quantity.symbol, texts, told, quantity, places, widths)

    def _line(
        self,
        symbol: str,
        texts: Sequence[str],
        told: Told,
        quantity: Quantity,
        places: Sequence[int],
        widths: Sequence[int],
        look: str = "",
    ) -> Text:
        line, scale = Text.assemble((f" {symbol or ' '} ", "dim")), self._shown[quantity]
        for place in places:
            shade = _shade(scale, float(getattr(told, quantity.key)[place]))
            line.append(texts[place].center(widths[place]), Style.parse(look) + shade)
        return line


def _shade(scale: Scale, number: float) -> Style:
    share = scale.share(number)
    return Style(color=INK, bgcolor=mixed(PAPER, MORE if share > 0 else LESS, abs(share)))


def _options(move: Move) -> Iterator[Text]:
    if not move.probabilities:
        how = "drawn at random" if move.random else "written freely"
        known = "admissible" if move.admissible else "not admissible"
        yield Text(f"   {how}, {percent(move.probability)}, {known}; admissible: {', '.join(move.options)}", "dim")
        return
    for action, probability in zip(move.options, move.probabilities, strict=True):
        chosen = action == move.action
        how = "  (drawn at random)" if chosen and move.random else ""
        yield Text(f" {'▸' if chosen else ' '} {percent(probability):>8}  {action}{how}", "bold" if chosen else "dim")


def _lines(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Parts of the columns that fit a line each; one that fits none stands alone."""
    line: list[int] = []
    for place, width in enumerate(widths):
        if line and sum(widths[other] for other in line) + width > room:
            yield line
            line = []
        line.append(place)
    yield line
