"""The picture of a fit, through matplotlib's own objects: names, units and bounds."""

import csv
import math

import pytest
from matplotlib.figure import Figure

from accumbens.credit.curves import draw_fit


@pytest.fixture
def panels(tmp_path, monkeypatch):
    """`panels(**last) -> {title: axes}` of a fit with one hidden layer, whose last row has these numbers."""
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *words, **options: drawn.append(figure))

    def call(**last):
        numbers = {"train_accuracy": 0.5, "test_accuracy": 0.4, "angle_1": 40.0, "angle_2": 20.0}
        numbers |= {"sign_agreement_1": 0.6, "sign_agreement_2": 0.7, "update_norm_1": 3.0, "update_norm_2": 2.0}
        numbers |= {"entropy_1": 0.1, "sparsity_1": 0.5}
        rows = [
            {"step": 10 * epoch, "seed": 0, "epoch": epoch}
            | dict.fromkeys(last, 0.0)
            | numbers
            | (last if epoch else {})
            for epoch in (0, 1)
        ]
        with (tmp_path / "metrics.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        draw_fit(tmp_path / "metrics.csv", tmp_path / "curve.png", "digits: coagent")
        assert drawn[-1].get_suptitle() == "digits: coagent, 1 seed"
        return {axes.get_title(): axes for axes in drawn[-1].axes}

    return call


def test_every_axis_has_a_name_and_the_last_layer_is_the_output_layer(panels):
    found = panels()
    assert all(axes.get_xlabel() == "epochs" and axes.get_ylabel() for axes in found.values())
    names = {title: [text.get_text() for text in axes.get_legend().get_texts()] for title, axes in found.items()}
    assert names["Accuracy"] == ["training", "test"]
    assert names["Angle with the exact gradient"] == ["layer 1", "output layer"]
    assert names["Active units"] == ["layer 1"]


def test_axes_show_their_bounds(panels):
    found = panels()
    for title, low, high in (
        ("Accuracy", 0, 1),
        ("Angle with the exact gradient", 0, 90),
        ("Sign agreement with the exact gradient", 0, 1),
        ("Entropy of a unit's choice", 0, math.log(2)),
        ("Active units", 0, 1),
    ):
        bottom, top = found[title].get_ylim()
        assert low - 0.05 * high < bottom <= low, title
        assert high <= top < 1.05 * high, title
    assert found["Norm of the update"].get_ylim()[0] > 1


def test_what_is_outside_of_the_usual_bounds_is_shown(panels):
    axes = panels(angle_1=130.0)["Angle with the exact gradient"]
    assert axes.get_ylim()[1] > 130


def test_longer_sequences_have_lines_of_their_own(panels):
    lines = panels(test_200_accuracy=0.1, test_40_accuracy=0.3, test_40_loss=9.0)["Accuracy"].get_lines()
    assert [line.get_label() for line in lines] == ["training", "test", "test at 40", "test at 200"]
    assert [line.get_ydata()[-1] for line in lines] == [0.5, 0.4, 0.3, 0.1]
    assert (
        len({(line.get_color() if isinstance(line.get_color(), str) else tuple(line.get_color())) for line in lines})
        == 4
    )
