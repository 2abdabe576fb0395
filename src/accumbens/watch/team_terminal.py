"""A team in a terminal: the board in coloured blocks, and a line for every agent."""

import numpy as np
from jaxtyping import Float
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accumbens.watch.frames import plain
from accumbens.watch.team import TeamFilm, colour_of, scene_of
from accumbens.watch.team_episode import TeamInstant
from accumbens.watch.terminal import half_blocks

_COLUMNS = 40
_BLOCKS = " ▁▂▃▄▅▆▇█"


class TeamScreen:
    """What the terminal shows of one instant after another."""

    def __init__(self, film: TeamFilm, *, colours: bool = True):
        """Prepare.

        Args:
            film: title and names; its instants are not looked at.
            colours: whether the terminal has any; without, there is no board.
        """
        self._film, self._colours = film, colours
        self._largest = 1e-9

    def show(self, instant: TeamInstant) -> RenderableType:
        """Return the screen."""
        film, mind = self._film, instant.mind
        status = f"step {instant.time:,}   return {plain(float(instant.returns.mean()))}   {instant.ended}"
        above = [Text(film.title, "bold"), Text(film.subtitle, "dim")]
        picture = [half_blocks(scene_of(instant), _COLUMNS)] if self._colours else []
        table = Table(box=None, pad_edge=False)
        told = ["asked still"] if instant.asked is not None else []
        attends = mind is not None and mind.attention.size > 0
        for name in ("agent", "action", "so far", *told):
            table.add_column(name, justify="left" if name == "agent" else "right")
        if mind is not None and attends:
            self._largest = max(self._largest, float(np.nanmax(mind.attention)))
            table.add_column("attention, until now")
        for agent, name in enumerate(film.agents):
            alive = bool(np.asarray(instant.seen.alive)[agent])
            doing = "–" if instant.actions is None else str(int(instant.actions[agent]))
            row = [Text(name, colour_of(agent)), doing if alive else "dead", plain(float(instant.returns[agent]))]
            row += [plain(float(instant.asked[agent]))] if instant.asked is not None else []
            if mind is not None and attends:
                row.append(self._bars(mind.attention[agent % len(mind.attention)]))
            table.add_row(*row)
        return Group(*above, *picture, Text(status, "bold"), table)

    def _bars(self, attention: Float[np.ndarray, " context"]) -> Text:
        """One character for each step, as high as what it is attended to by."""
        shares = np.nan_to_num(attention) / self._largest
        return Text("".join(_BLOCKS[round(float(share) * (len(_BLOCKS) - 1))] for share in shares))
