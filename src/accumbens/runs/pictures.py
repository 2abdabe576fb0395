"""How a figure of Matplotlib becomes files."""

from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def save_figure(figure: Figure, *pictures: Path, dpi: int) -> None:
    """Write a figure, in the format that each file's name ends with; the same figure always gives the same files.

    Its layout is computed once, and what has pixels is drawn once: by itself, Matplotlib would do either twice for
    every file.

    Args:
        figure: made as `Figure(layout="constrained")`, not by pyplot, which would choose a window system for the whole
            process.
        pictures: the files.
        dpi: pixels per inch of those that have pixels.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        figure.set_dpi(dpi)
        engine.execute(figure)
        figure.set_layout_engine("none")
    with matplotlib.rc_context({"svg.hashsalt": "accumbens"}):
        for picture in pictures:
            ending = picture.suffix.lower()
            if ending == ".png":
                figure.set_dpi(dpi)
                FigureCanvasAgg(figure).print_png(picture)
            else:
                figure.savefig(picture, dpi=dpi, metadata={"Date": None} if ending == ".svg" else {})
