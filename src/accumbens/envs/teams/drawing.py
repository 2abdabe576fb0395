"""Drawings of teams as plain arrays: `[height, width, 3]` from 0 to 255."""

import numpy as np

_AGENTS = np.array(
    [
        (51, 34, 136),
        (136, 34, 85),
        (68, 170, 153),
        (221, 176, 58),
        (136, 204, 238),
        (204, 102, 119),
        (17, 119, 51),
        (170, 68, 153),
    ],
    np.uint8,
)
"""Paul Tol's muted scheme, which the colour-blind can tell apart, with a darker sand."""


def agent_colour(index: int) -> np.ndarray:
    """Return the colour of an agent; with more than eight agents colours come again."""
    return _AGENTS[index % len(_AGENTS)]


def paler(colour: np.ndarray, share: float = 0.65) -> np.ndarray:
    """Mix a colour with white, of which there is `share`."""
    return np.round(colour + share * (255.0 - colour)).astype(np.uint8)


def disc(picture: np.ndarray, centre: tuple[float, float], radius: float, colour: np.ndarray) -> None:
    """Draw a filled circle with a smooth edge into `picture`.

    Args:
        picture: is changed.
        centre: x and y in pixels, from the left and from the top.
        radius: in pixels.
        colour: red, green, blue.
    """
    rows, columns = _pixels(picture)
    _cover(picture, np.hypot(columns - centre[0], rows - centre[1]), radius, colour)


def line(
    picture: np.ndarray,
    begin: tuple[float, float],
    end: tuple[float, float],
    colour: np.ndarray,
    width: float = 3.0,
) -> None:
    """Draw a straight line with round ends and a smooth edge into `picture`.

    Args:
        picture: is changed.
        begin: x and y in pixels, from the left and from the top.
        end: the same of the other end.
        colour: red, green, blue.
        width: in pixels.
    """
    rows, columns = _pixels(picture)
    across, down = end[0] - begin[0], end[1] - begin[1]
    along = ((columns - begin[0]) * across + (rows - begin[1]) * down) / max(across**2 + down**2, 1e-12)
    along = np.clip(along, 0, 1)
    distance = np.hypot(columns - begin[0] - along * across, rows - begin[1] - along * down)
    _cover(picture, distance, width / 2, colour)


def _pixels(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels' centres."""
    rows, columns = np.ogrid[: picture.shape[0], : picture.shape[1]]
    return rows + 0.5, columns + 0.5


def _cover(picture: np.ndarray, distance: np.ndarray, radius: float, colour: np.ndarray) -> None:
    """Colour what is nearer than the radius, with half a pixel's transition on either side."""
    share = np.clip(radius + 0.5 - distance, 0, 1)[..., None]
    picture[:] = np.round((1 - share) * picture + share * colour).astype(np.uint8)
