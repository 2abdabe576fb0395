"""How a figure of Matplotlib becomes files."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure


def save_figure(figure: Figure, *pictures: Path, dpi: int) -> None:
    """Write a figure, in the format that each file's name ends with; the same figure always gives the same files.

    Its layout is computed once: by itself, Matplotlib would do so twice for every file.

    Args:
        figure: made as `Figure(layout="constrained")`, not by pyplot, which would choose a window system for the whole
            process.
        pictures: the files.
        dpi: pixels per inch of those that have pixels.
    """
    if figure.get_layout_engine() is not None:
        figure.set_dpi(dpi)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    with matplotlib.rc_context({"svg.hashsalt": "accumbens"}):
        for picture in pictures:
            undated = {"Date": None} if picture.suffix.lower() == ".svg" else {}
            figure.savefig(picture, dpi=dpi, metadata=undated)
