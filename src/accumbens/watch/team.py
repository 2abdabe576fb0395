"""The frames of a video of a team: the board, what every agent attends to, and how teacher and students relate."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from accumbens.envs.teams.drawing import agent_colour
from accumbens.watch.frames import plain
from accumbens.watch.scenes import framed
from accumbens.watch.style import GRID, INK, PANEL, PAPER, SOFT, font, mixed, smooth, text_width, whole
from accumbens.watch.team_episode import TeamInstant
from accumbens.watch.traces import Range, dot

WIDTH = 600
BOX = (300, 300)
"""What a board is made to fit into."""

_MARGIN, _HEADER, _LEFT, _CHART, _TITLE = 16, 54, 96, 70, 22
_MATRIX, _GAP = 112, 26
_ROW = 18
_FAR, _NEAR = "#2f5d94", "#fbfcfd"


class TeamFilm(NamedTuple):
    """What is shown.

    Attributes:
        title: in large letters.
        subtitle: whose networks, and what they are asked for.
        agents: their names.
        instants: of the episode, the end included.
    """

    title: str
    subtitle: str
    agents: Sequence[str]
    instants: Sequence[TeamInstant]


def colour_of(agent: int) -> str:
    """Return the colour of an agent, everywhere."""
    return "#" + "".join(f"{channel:02x}" for channel in agent_colour(agent))


def scene_of(instant: TeamInstant) -> Image.Image:
    """Return the board, as large as fits; where an environment has none, a square for every action of each agent."""
    if instant.picture is None:
        return _draw_actions(instant)
    picture = Image.fromarray(np.ascontiguousarray(instant.picture, np.uint8)).convert("RGB")
    share = min(BOX[0] / picture.width, BOX[1] / picture.height)
    share = float(int(share)) if share >= 1 else share  # whole pixels of what is small
    size = (max(round(picture.width * share), 1), max(round(picture.height * share), 1))
    return picture.resize(size, Image.Resampling.NEAREST if share >= 1 else Image.Resampling.LANCZOS)


def _draw_actions(instant: TeamInstant) -> Image.Image:
    """A row for each agent: the action taken in its colour, those that were illegal left out, the dead struck out."""
    legal = np.asarray(instant.seen.legal)
    agents, actions = legal.shape
    side = max(8, min(28, BOX[0] // actions, BOX[1] // agents))
    size = (side * actions, side * agents)

    def draw(pen: ImageDraw.ImageDraw, factor: int) -> None:
        step, inset = side * factor, 2 * factor
        for agent, action in np.ndindex(agents, actions):
            taken = instant.actions is not None and instant.actions[agent] == action
            x, y = action * step, agent * step
            if taken or legal[agent, action]:
                fill = colour_of(agent) if taken else "#e3e6ea"
                pen.rectangle((x + inset, y + inset, x + step - inset, y + step - inset), fill)
        for agent in np.flatnonzero(~np.asarray(instant.seen.alive)).tolist():
            y = (agent + 0.5) * step
            pen.line((0, y, size[0] * factor, y), SOFT, 2 * factor)

    return smooth(size, PANEL, draw)


class TeamStrip:
    """All frames of an episode, drawn one at a time.

    Attributes:
        film: what is shown.
        size: width and height of every frame, both even, as video formats want them.
    """

    def __init__(self, film: TeamFilm):
        """Find the scales, and draw what is the same in every frame."""
        self.film = film
        first, agents = film.instants[0], len(film.agents)
        self._scene = scene_of(first).size
        self._told, mind = first.asked is not None, first.mind
        self._attends = mind is not None and mind.attention.size > 0
        self._relates = mind is not None and mind.teacher is not None
        self._largest = _largest(film.instants) if self._attends else 1.0
        numbers = np.array([instant.returns for instant in film.instants])
        self._returns, self._asked = (
            _range(numbers),
            _range(np.array([i.asked for i in film.instants])) if self._told else None,
        )
        self._charts = _HEADER + max(self._scene[1], 78 + _ROW * agents) + 14 + _TITLE
        self._mind_top = self._charts + _CHART + 26 + _TITLE
        count = len(mind.attention) if mind is not None else 0
        self._lane = max(14, min(38, 200 // max(count, 1)))
        self._cell = max(6, min(32, _MATRIX // agents))
        height = self._charts + _CHART + 22
        if self._attends:
            height = self._mind_top + self._lane * count + 32
        if self._relates:
            height = max(height, self._mind_top + 16 + self._cell * agents + 26)
        self.size = (WIDTH, height + height % 2)
        self._base = self._draw_base()

    def __len__(self) -> int:
        """Return the number of frames: one more than steps."""
        return len(self.film.instants)

    def __iter__(self) -> Iterator[Image.Image]:
        """Draw one frame after another."""
        return (self.draw(time) for time in range(len(self)))

    def draw(self, time: int) -> Image.Image:
        """Return the frame of an instant; at the end it still shows what was decided last."""
        instants, frame = self.film.instants, self._base.copy()
        instant = instants[time]
        decided = instants[time - 1] if instant.actions is None and time else instant
        shown = instant if instant.picture is not None else decided
        frame.paste(framed(scene_of(shown).resize(self._scene)), (_MARGIN, _HEADER))
        self._write_numbers(frame, instant)
        for left, width, numbers, span in self._panels():
            strip = smooth(
                (width, _CHART),
                PANEL,
                lambda pen, factor, numbers=numbers, span=span, width=width: self._draw_lines(
                    pen, factor, numbers[: time + 1], span, width
                ),
            )
            frame.paste(strip, (left, self._charts))
        if decided.mind is not None and self._attends:
            self._draw_attention(frame, decided.mind.attention)
        if decided.mind is not None and decided.mind.teacher is not None and decided.mind.students is not None:
            for place, matrix in enumerate((decided.mind.teacher, decided.mind.students)):
                self._draw_matrix(frame, place, matrix)
        return frame

    # What changes from frame to frame

    def _write_numbers(self, frame: Image.Image, instant: TeamInstant) -> None:
        pen, left = ImageDraw.Draw(frame), _MARGIN + self._scene[0] + 22
        step = f"step {instant.time:,}"
        pen.text((left, _HEADER), step, INK, font(14))
        room = WIDTH - _MARGIN - left - text_width(step, 14) - 8
        text, letters = whole(f"return {plain(float(instant.returns.mean()))}", 14, room, bold=True)
        pen.text((WIDTH - _MARGIN, _HEADER), text, INK, letters, anchor="ra")
        pen.text((left, _HEADER + 24), instant.ended, SOFT, font(12))
        alive = np.asarray(instant.seen.alive)
        for agent in range(len(self.film.agents)):
            y = self._row(agent)
            doing = "–" if instant.actions is None else str(int(instant.actions[agent]))
            texts = [doing if alive[agent] else "dead", plain(float(instant.returns[agent]))]
            texts += [plain(float(instant.asked[agent]))] if instant.asked is not None else []
            for right, text in zip(self._columns(), texts, strict=True):
                pen.text((right, y), text, INK, font(12), anchor="rm")

    def _draw_lines(
        self, pen: ImageDraw.ImageDraw, factor: int, numbers: Float[np.ndarray, "times agents"], span: Range, width: int
    ) -> None:
        for tick in span.ticks():
            y = float(span.height(tick, _CHART)) * factor
            pen.line((0, y, width * factor, y), GRID, factor)
        x = np.arange(len(numbers)) / max(len(self) - 1, 1) * (width - 1) * factor
        for agent in range(numbers.shape[1]):
            # Those drawn later are thinner, so that of lines in one place all are seen.
            thick = 2 * (numbers.shape[1] - agent) / numbers.shape[1]
            points = list(zip(x.tolist(), (span.height(numbers[:, agent], _CHART) * factor).tolist(), strict=True))
            if len(points) > 1:
                pen.line(points, colour_of(agent), round((1.5 + thick) * factor), joint="curve")
            px, py = points[-1]
            pen.ellipse((px - 3 * factor, py - 3 * factor, px + 3 * factor, py + 3 * factor), colour_of(agent))

    def _draw_attention(self, frame: Image.Image, attention: Float[np.ndarray, "minds context"]) -> None:
        pen, (minds, context) = ImageDraw.Draw(frame), attention.shape
        pitch = self._attention_width / context
        for mind, ago in np.ndindex(minds, context):
            if np.isnan(attention[mind, ago]):
                continue
            bottom = self._mind_top + self._lane * (mind + 1) - 2
            high = round(min(float(attention[mind, ago]) / self._largest, 1.0) * (self._lane - 4))
            x = _LEFT + ago * pitch
            colour = colour_of(mind) if minds > 1 else INK
            pen.rectangle((round(x + 1), bottom - max(high, 1), round(x + pitch - 2), bottom), colour)

    def _draw_matrix(self, frame: Image.Image, place: int, matrix: Float[np.ndarray, "agents agents"]) -> None:
        pen, cell = ImageDraw.Draw(frame), self._cell
        left, top = self._matrix_left(place), self._mind_top + 16
        for row, column in np.ndindex(*matrix.shape):
            x, y, angle = left + column * cell, top + row * cell, float(matrix[row, column])
            if row == column:
                continue
            shade = mixed(_NEAR, _FAR, min(angle / 120, 1.0))
            pen.rectangle((x, y, x + cell - 2, y + cell - 2), shade)
            if cell >= 20:
                middle, letters = (x + cell / 2 - 1, y + cell / 2 - 1), font(9 if cell < 26 else 10)
                pen.text(middle, f"{angle:.0f}", PAPER if angle > 60 else INK, letters, anchor="mm")

    # Places

    def _row(self, agent: int) -> int:
        return _HEADER + 78 + _ROW * agent

    def _columns(self) -> list[int]:
        """Right edges of the columns of numbers."""
        right = WIDTH - _MARGIN
        return [right - 124, right - 66, right] if self._told else [right - 66, right]

    def _panels(self) -> list[tuple[int, int, Float[np.ndarray, "times agents"], Range]]:
        """Left edge, width, numbers and range of every chart."""
        instants, room = self.film.instants, WIDTH - _MARGIN - 46
        returns = np.array([instant.returns for instant in instants])
        if self._asked is None:
            return [(46, room, returns, self._returns)]
        half = (room - 46) // 2
        asked = np.array([instant.asked for instant in instants])
        return [(46, half, returns, self._returns), (WIDTH - _MARGIN - half, half, asked, self._asked)]

    @property
    def _attention_width(self) -> int:
        used = 2 * self._cell * len(self.film.agents) + 2 * _GAP + 10 if self._relates else 0
        return WIDTH - _MARGIN - _LEFT - used

    def _matrix_left(self, place: int) -> int:
        wide = self._cell * len(self.film.agents)
        right = WIDTH - _MARGIN if self._attends else 2 * wide + _GAP + _MARGIN + 20
        return right - (2 - place) * wide - (1 - place) * _GAP

    # What stays

    def _draw_base(self) -> Image.Image:
        base, film = Image.new("RGB", self.size, PAPER), self.film
        pen, room = ImageDraw.Draw(base), WIDTH - 2 * _MARGIN
        for y, line, size, colour in ((10, film.title, 15, INK), (32, film.subtitle, 11, SOFT)):
            text, letters = whole(line, size, room, bold=size == 15)
            pen.text((_MARGIN, y), text, colour, letters)
        left = _MARGIN + self._scene[0] + 22
        heads = ["action", "so far", *(["asked still"] * self._told)]
        for right, text in zip(self._columns(), heads, strict=True):
            pen.text((right, _HEADER + 56), text, SOFT, font(10), anchor="rm")
        for agent, name in enumerate(film.agents):
            self._write_name(base, agent, name, left, self._row(agent), self._columns()[0] - 44 - left)
        titles = ("return so far, of every agent", "return still asked for")
        for (x, _, _, span), title in zip(self._panels(), titles, strict=False):
            pen.text((x, self._charts - 16), title, INK, font(11))
            for tick in span.ticks():
                y = self._charts + float(span.height(tick, _CHART))
                pen.text((x - 6, y), f"{tick:g}", SOFT, font(10), anchor="rm")
        for x, width, _, _ in self._panels():
            bottom, last = self._charts + _CHART + 4, f"step {len(self) - 1:,}"
            pen.text((x, bottom), "0", SOFT, font(10))
            pen.text((x + width, bottom), last, SOFT, font(10), anchor="ra")
        if self._attends:
            self._draw_attention_base(base)
        if self._relates:
            self._draw_matrix_base(base)
        return base

    def _write_name(self, image: Image.Image, agent: int, name: str, left: int, y: int, room: int) -> None:
        dot(image, left + 4, y, colour_of(agent))
        text, letters = whole(name, 12, room - 16)
        ImageDraw.Draw(image).text((left + 15, y), text, INK, letters, anchor="lm")

    def _draw_attention_base(self, base: Image.Image) -> None:
        pen, width = ImageDraw.Draw(base), self._attention_width
        mind = self.film.instants[0].mind
        assert mind is not None
        minds, context = mind.attention.shape
        title = f"attention to the last steps (full height: {self._largest:.2f})"
        text, letters = whole(title, 11, width + _LEFT - _MARGIN)
        pen.text((_MARGIN, self._mind_top - 18), text, INK, letters)
        for lane in range(minds):
            top = self._mind_top + self._lane * lane
            pen.rectangle((_LEFT, top, _LEFT + width, top + self._lane - 2), PANEL)
            middle = top + self._lane // 2 - 1
            if minds == 1:
                pen.text((_MARGIN, middle), "the team", INK, font(11), anchor="lm")
            else:
                self._write_name(base, lane, self.film.agents[lane], _MARGIN, middle, _LEFT - _MARGIN - 6)
        bottom, pitch = self._mind_top + self._lane * minds, width / context
        every = -(-context * 22 // max(width, 1))
        for ago in range(0, context, every):
            x = _LEFT + (context - ago - 0.5) * pitch
            pen.text((x, bottom + 3), str(-ago) if ago else "now", SOFT, font(9), anchor="ma")
        pen.text((_LEFT + width / 2, bottom + 17), "steps before", SOFT, font(10), anchor="ma")

    def _draw_matrix_base(self, base: Image.Image) -> None:
        pen, cell, agents = ImageDraw.Draw(base), self._cell, len(self.film.agents)
        wide = cell * agents
        pen.text((self._matrix_left(0), self._mind_top - 18), "angles of features (°)", INK, font(11))
        for place, name in enumerate(("teacher", "students")):
            left, top = self._matrix_left(place), self._mind_top + 16
            text, letters = whole(name, 10, wide + _GAP - 6)
            pen.text((left, self._mind_top - 1), text, SOFT, letters)
            pen.rectangle((left - 1, top - 1, left + wide - 1, top + wide - 1), PANEL)
            for agent in range(agents):
                middle = agent * cell + cell // 2 - 1
                for x, y in ((left - 8, top + middle), (left + middle, top + wide + 7)):
                    pen.ellipse((x - 3, y - 3, x + 3, y + 3), colour_of(agent))


def _largest(instants: Sequence[TeamInstant]) -> float:
    """The largest attention of a step that has at least half a memory: the first has only itself to attend to."""
    attention = [instant.mind.attention for instant in instants if instant.mind is not None]
    later = [each for each in attention if 2 * np.isnan(each[0]).sum() <= each.shape[1]]
    return max(float(np.nanmax(each)) for each in later or attention)


def _range(numbers: Float[np.ndarray, "times agents"]) -> Range:
    low, high = float(numbers.min()), float(numbers.max())
    air = 0.1 * (high - low) or max(0.1 * abs(high), 0.5)
    return Range(low - air, high + air)
