"""Table and figure of fits, against numbers by hand and through matplotlib's own objects."""

import csv
import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from accumbens.credit.config import resolve_fit
from accumbens.credit.experimenting import COLUMNS, EXPERIMENTING, Beside, over_training
from accumbens.credit.kind import score_text
from accumbens.experiments.panels import draw_figure
from accumbens.experiments.tables import end_table, write_summary
from accumbens.runs.directory import RunDirectory
from accumbens.runs.experimenting import Panel, read_begun
from accumbens.runs.looks import look
from accumbens.runs.tables import Table

QUOTED = Beside({"digits/coagent/a": 1.5}, "a paper")
NOTHING = Beside({}, "")


def row_of(run, panel="digits, of one kind", beside=QUOTED):
    (row,) = EXPERIMENTING.rows(Panel(panel, panel.partition(",")[0], [run]), beside)
    return row


def curve_of(run, panel="digits", label="coagent", beside=NOTHING):
    (curve,) = EXPERIMENTING.curves(Panel(panel, panel, [run._replace(label=label)]), beside)
    return curve


@pytest.fixture
def run(tmp_path):
    """`run(scores, name)`: a fit, read from its files; `scores[seed][evaluation]` are of updates 0, 10, 40."""

    def call(scores, name="a", task="digits", score="accuracy"):
        there = RunDirectory(tmp_path / name)
        there.path.mkdir()
        there.write_meta(commit="abc")
        columns = ["step", "seed", "epoch", "learning_loss", f"test_{score}", "test_loss", "angle_1", "angle_2"]
        rows = [
            {"step": step, "seed": seed, "epoch": step / 20, "learning_loss": math.nan, "angle_1": 10, "angle_2": seed}
            | {"test_loss": 2.0, f"test_{score}": values[index], "wall_seconds": 1 + step}
            for index, step in enumerate((0, 10, 40)[: len(scores[0])])
            for seed, values in enumerate(scores)
        ]
        Table(there.metrics, [*dict.fromkeys(columns), "wall_seconds"]).append(rows)
        config = resolve_fit(task, "coagent", epochs=2, seeds=len(scores))
        return read_begun("coagent", name, "coagent", config, there)

    return call


@pytest.fixture
def figure(monkeypatch, tmp_path):
    """`figure(curves) -> Figure`: draw, and keep what was drawn."""
    drawn = []
    save = Figure.savefig

    def keep(self, *words, **options):
        drawn.append(self)
        save(self, *words, **options)

    monkeypatch.setattr(Figure, "savefig", keep)

    def call(curves):
        labels = dict.fromkeys(one.label for one in curves)
        looks = {label: look(number, None) for number, label in enumerate(labels)}
        draw_figure(EXPERIMENTING, "a title", curves, looks, [tmp_path / "c.png"])
        assert imread(tmp_path / "c.png").shape[2] == 4
        return drawn[-1]

    return call


def test_a_row_is_the_last_evaluation_and_the_mean_over_all_updates(run):
    fit = run([[0.1, 0.5, 0.9], [0.2, 0.4, 0.8]])
    values = row_of(fit).values
    assert [values[name] for name in ("updates", "epochs", "seconds", "seeds")] == [40, 2, 41, 2]
    assert row_of(fit).cells[3] == "2"  # epochs, all that were asked for
    assert values["test_accuracy_per_seed"] == "0.9 0.8"
    # Two trapezoids, 10 and 30 wide.
    assert over_training(fit) == pytest.approx([0.3 / 4 + 0.7 * 3 / 4, 0.3 / 4 + 0.6 * 3 / 4])
    assert values["over_training"] == pytest.approx(np.mean(over_training(fit)))


def test_a_fit_that_has_not_learned_yet_has_no_row(run, tmp_path):
    assert run([[0.1], [0.2]]) is None
    config = resolve_fit("digits", "coagent")
    assert read_begun("coagent", "none", "coagent", config, RunDirectory(tmp_path / "none")) is None


def test_an_evaluation_that_was_cut_short_does_not_count(run):
    fit = run([[0.1, 0.5, 0.9], [0.2, 0.4, 0.8]])
    *whole, _ = fit.files.metrics.read_text().splitlines(keepends=True)
    fit.files.metrics.write_text("".join(whole))
    fit = read_begun("coagent", "a", "coagent", fit.config, fit.files)
    values = row_of(fit).values
    assert values["updates"] == 10
    assert values["test_accuracy_per_seed"] == "0.5 0.4"
    assert curve_of(fit).x.tolist() == [0, 10]


def test_the_table_as_csv(run, tmp_path):
    fits = run([[0.1, 0.5, 0.9], [0.2, 0.4, 0.8]]), run([[4.0, 3.0, 1.0]], "b", "diabetes", "loss")
    rows = [row_of(fits[0]), row_of(fits[1], "diabetes, of one kind")]
    write_summary(EXPERIMENTING, rows, tmp_path / "s.csv")
    with (tmp_path / "s.csv").open() as file:
        first, second = csv.DictReader(file)
    assert tuple(first) == COLUMNS
    assert (first["task"], first["rule"], first["variant"], first["seeds"]) == ("digits", "coagent", "a", "2")
    assert first["test_accuracy"] == "0.85"
    # Student's t for one degree of freedom is 12.706; the standard error is 0.05.
    assert float(first["test_accuracy_interval"]) == pytest.approx(12.706 * 0.05, rel=1e-3)
    assert first["test_accuracy_per_seed"] == "0.9 0.8"
    assert first["angle_per_layer"] == "10 0.5"
    assert (first["published_test_error"], first["published_source"]) == ("1.5", "a paper")
    assert (first["commit"], first["train_accuracy"], first["entropy_per_layer"]) == ("abc", "", "")
    assert (second["test_loss"], second["test_loss_interval"], second["test_accuracy"]) == ("1.0", "", "")
    assert second["published_test_error"] == ""
    assert float(second["over_training"]) == pytest.approx(3.5 / 4 + 2 * 3 / 4)
    assert all(set(row.values) == set(COLUMNS) for row in rows)


def test_scores_as_text():
    assert score_text([0.9, 0.8], "accuracy") == "85.00 ± 63.53"
    assert score_text([0.98764], "accuracy") == "98.76"
    assert score_text([27.123], "loss") == "27.1"
    assert score_text([0.0123, 0.0125], "loss") == "0.0124 ± 0.0013"
    assert score_text([], "loss") == "–"


def test_the_table_in_the_terminal(run):
    _, panels, notes = end_table(EXPERIMENTING, [row_of(run([[0.1, 0.5, 0.9], [0.2, 0.4, 0.8]]))])
    assert list(panels) == ["digits, of one kind"]
    (cells,) = panels["digits, of one kind"]
    assert cells == ["coagent/a", "2", "85.00 ± 63.53", "56.25 ± 47.65", "–", "2", "41", "98.50 [1]"]
    assert notes[1] == "[1] a paper"
    assert "few seeds: rough" in notes[0]
    rows = [row_of(run([[0.1, 0.9]], "c")), row_of(run([[4.0, 1.0]], "b", "diabetes", "loss"), "diabetes")]
    both = end_table(EXPERIMENTING, rows)
    assert both.headings[2] == "test accuracy % or loss"
    assert both.panels["digits, of one kind"][0][5] == "0.5 of 2"
    assert "test accuracy % or loss" in both.notes[0]


def test_a_curve_is_the_error_upside_down(run, figure):
    curve = curve_of(run([[0.1, 0.5, 0.9], [0.2, 0.4, 0.8]]), beside=QUOTED)
    np.testing.assert_allclose(curve.values, [[90, 50, 10], [80, 60, 20]])
    assert curve.x.tolist() == [0.0, 0.5, 2.0]
    axes = figure([curve]).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [85, 55, 15])
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0, 0.5, 2])
    low, high = axes.get_ylim()
    # Upside down, so that better is higher; and as the lines need it that come after the first update, not the band.
    assert 85 > low > 55 > 1.5 > high > 1
    ticks = [(value, axes.yaxis.get_major_formatter()(value, 0)) for value in axes.get_yticks() if high < value < low]
    assert ticks
    assert all(text == f"{100 - value:g}" for value, text in ticks)
    assert axes.lines[1].get_ydata()[0] == 1.5
    assert "published: a paper" in [text.get_text() for text in axes.figure.legends[0].get_texts()]


def test_a_loss_is_drawn_as_it_is_and_a_stream_over_updates(run, figure):
    axes = figure([curve_of(run([[4.0, 2.0]], "b", "diabetes", "loss"), "diabetes")]).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [4, 2])
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0, 10])  # half an epoch: nothing is seen twice
    assert axes.get_xlabel() == "updates"
    assert axes.get_ylim()[0] < axes.get_ylim()[1]
    assert axes.get_ylabel() == "test loss (mean squared error)"


def test_no_errors_at_all_can_be_drawn(run, figure):
    assert figure([curve_of(run([[0.5, 1.0, 1.0]]))]).axes


def test_a_panel_is_over_epochs_as_soon_as_one_run_is_in_its_second(run):
    fits = [run([[0.1, 0.5]], "short"), run([[0.1, 0.5, 0.9]], "long")]
    curves = EXPERIMENTING.curves(Panel("digits", "digits", fits), NOTHING)
    assert [(curve.over, curve.x.tolist()) for curve in curves] == [
        ("epochs", [0.0, 0.5]),
        ("epochs", [0.0, 0.5, 2.0]),
    ]


def test_many_curves_look_different_and_the_same_in_all_panels(run, figure):
    fit = run([[0.1, 0.5, 0.9]])
    labels = [f"coagent/{number}" for number in range(24)]
    drawn = figure([curve_of(fit, panel, label) for panel in "AB" for label in labels])
    looks = [[(line.get_color(), line.get_linestyle()) for line in axes.lines] for axes in drawn.axes[:2]]
    assert looks[0] == looks[1]
    assert len(set(looks[0])) == 24


def test_nothing_was_run_yet(figure):
    assert "nothing was run yet" in figure([])._suptitle.get_text()
