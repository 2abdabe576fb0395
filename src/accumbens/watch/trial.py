"""A trial of classical conditioning as a picture: cue, time, reward."""

from PIL import ImageDraw

from accumbens.envs.conditioning import DELAY, LINE
from accumbens.watch.style import ACCENT, GRID, INK, SOFT, Number, font, mixed

CUE, REWARD = "#ddb03a", "#0a6ea8"


def draw_trial(pen: ImageDraw.ImageDraw, scale: int, size: tuple[int, int], since: int | None, rewarded: bool) -> None:
    """Draw the line of time that begins with the cue, as the agent sees it.

    Args:
        pen: draws pixels, `scale` times as many as the final picture has.
        scale: see above.
        size: width and height of the final picture.
        since: steps since the cue's onset; None while nothing tells of a cue.
        rewarded: whether the reward comes now.
    """
    width, height = size
    line = height * 0.62

    def x(step: int) -> float:
        return 46 + step * (width - 84) / (LINE - 1)

    def disc(centre_x: Number, centre_y: Number, radius: Number, colour: str) -> None:
        box = (centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius)
        pen.ellipse([edge * scale for edge in box], fill=colour)

    def write(left: Number, top: Number, text: str, colour: str) -> None:
        pen.text((left * scale, top * scale), text, colour, font(11 * scale), anchor="mm")

    pen.line([each * scale for each in (x(0), line, x(LINE - 1), line)], GRID, 3 * scale)
    for step in range(LINE):
        disc(x(step), line, 3, mixed(SOFT, GRID, 0.4))
    lit = since == 0
    if lit:
        disc(x(0), line - 54, 26, mixed(CUE, "#ffffff", 0.6))
    disc(x(0), line - 54, 16, CUE if lit else GRID)
    drop, colour = (x(DELAY), line - 50), REWARD if rewarded else GRID
    disc(*drop, 13, colour)
    sides = [(drop[0] - 11.5, drop[1] - 6), (drop[0], drop[1] - 27), (drop[0] + 11.5, drop[1] - 6)]
    pen.polygon([(px * scale, py * scale) for px, py in sides], fill=colour)
    write(x(0), line + 22, "cue", INK if lit else SOFT)
    write(x(DELAY), line + 22, "reward", INK if rewarded else SOFT)
    if since is None:
        write(width / 2, height - 18, "waiting", SOFT)
    else:
        disc(x(since), line, 8, ACCENT)
        write(width / 2, height - 18, f"{since} steps since the cue", ACCENT)
