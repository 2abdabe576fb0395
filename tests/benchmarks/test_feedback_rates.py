"""The picture is of the committed tables."""

import pytest

from accumbens.runs.tables import read_table


@pytest.fixture
def rates(script):
    return script("feedback_rates")


@pytest.fixture
def figure(rates, monkeypatch):
    """What is drawn, without its file."""
    drawn = {}
    monkeypatch.setattr(rates, "save_figure", lambda figure, picture, dpi: drawn.update({picture: figure}))
    rates.main()
    return drawn[rates.RESULTS / "feedback-control-rates" / "curves.png"]


def test_every_panel_has_lines_and_one_tells_which(rates, figure):
    *panels, empty = figure.axes
    assert [axes.get_title() for axes in panels] == list(rates.PANELS)
    assert all(axes.containers for axes in panels)
    assert [text.get_text() for text in empty.get_legend().get_texts()] == [label for label, *_ in rates.LINES.values()]


def test_a_line_is_what_the_table_has_of_a_rule(rates, figure):
    begin, wanted = "control-30-", {}
    for row in read_table(rates.RESULTS / "feedback-control-rates" / "summary.csv"):
        if row["rule"] == "rflo" and row["variant"].startswith(begin) and row["epochs"] == "1.0":
            error, interval = float(row["test_loss"]), float(row["test_loss_interval"])
            wanted[float(row["variant"].removeprefix(begin))] = (error, error - interval, error + interval)
    (line, _, (bars,)), *_ = figure.axes[0].containers
    found = {
        rate: (error, *ends[:, 1]) for (rate, error), ends in zip(line.get_xydata(), bars.get_segments(), strict=True)
    }
    shown = {rate: pytest.approx(numbers) for rate, numbers in wanted.items() if numbers[0] < rates.HIGHEST}
    assert len(shown) > 1
    assert found == shown
