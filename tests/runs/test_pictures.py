"""Files that a figure becomes: the same for the same figure, laid out as Matplotlib would, in one go."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from accumbens.runs.pictures import save_figure


def drawn(**choices):
    figure = Figure(figsize=(4, 3), **choices)
    for axes in figure.subplots(1, 2):
        axes.plot([1, 2], [10_000, 3])
        axes.set(ylabel="return", xlabel="steps")
    figure.suptitle("a title")
    return figure


@pytest.mark.parametrize("choices", [{"layout": "constrained"}, {}])
def test_it_looks_as_matplotlib_itself_would_save_it(tmp_path, choices):
    save_figure(drawn(**choices), tmp_path / "one.png", dpi=130)
    drawn(**choices).savefig(tmp_path / "other.png", dpi=130)
    one, other = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("one", "other"))
    assert one.shape == (390, 520, 4)
    np.testing.assert_array_equal(one, other)


def test_the_same_figure_gives_the_same_files(tmp_path):
    files = [tmp_path / name for name in ("a.svg", "b.svg", "a.png", "b.png")]
    save_figure(drawn(layout="constrained"), files[0], files[2], dpi=50)
    save_figure(drawn(layout="constrained"), files[1], files[3], dpi=50)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[2].read_bytes() == files[3].read_bytes()
    assert b"<dc:date>" not in files[0].read_bytes()


def test_its_layout_is_computed_once_for_all_files(tmp_path, monkeypatch):
    computed, execute = [], ConstrainedLayoutEngine.execute
    monkeypatch.setattr(
        ConstrainedLayoutEngine, "execute", lambda self, figure: computed.append(1) or execute(self, figure)
    )
    save_figure(drawn(layout="constrained"), tmp_path / "a.png", tmp_path / "a.svg", dpi=50)
    assert computed == [1]
