"""Boston from files of every accepted form, whole or damaged, and from OpenML."""

import dataclasses
import os
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from accumbens.credit.tasks.boston import COLUMNS, make_boston
from accumbens.credit.tasks.settings import BostonSettings
from accumbens.errors import AccumbensError

SETTINGS = BostonSettings()


def test_split_and_scale_are_those_of_the_released_code(data, boston_table):
    task = make_boston(SETTINGS, 32, data)
    assert [len(part.x) for part in (task.train, task.valid, task.test)] == [404, 51, 51]
    rest, test = train_test_split(np.arange(506), test_size=0.1, random_state=50)
    train, valid = train_test_split(rest, test_size=0.1 / 0.9, random_state=84)
    table = boston_table
    for part, chosen in ((task.train, train), (task.valid, valid), (task.test, test)):
        np.testing.assert_allclose(part.x, table[chosen, :-1], rtol=1e-6)
        np.testing.assert_allclose(part.y, table[chosen, -1:], rtol=1e-6)


def test_column_b_is_told_and_can_be_left_out(data):
    task = make_boston(SETTINGS, 32, data)
    assert any("Black residents" in note and "drop_b" in note for note in task.notes)
    assert (task.train.x > 5000).any(axis=0).tolist() == [name == "B" for name in COLUMNS[:-1]]
    without = make_boston(dataclasses.replace(SETTINGS, drop_b=True), 32, data)
    assert without.facts.inputs == 12
    assert not (without.train.x > 5000).any()
    assert not any("Black" in note for note in without.notes)
    assert any("batch_size=404" in note for note in without.notes)


@pytest.mark.parametrize("form", ["boston.csv", "header.csv", "housing.data"])
def test_other_forms_of_the_file(form, data, boston_table):
    expected = make_boston(SETTINGS, 32, data).digest
    (data / "boston" / "housing.csv").unlink()
    options = {"boston.csv": {}, "header.csv": {"header": ",".join(COLUMNS).lower(), "comments": ""}}
    if form == "housing.data":
        np.savetxt(data / form, boston_table, fmt="%9.2f")
    else:
        np.savetxt(data / "boston.csv", boston_table, fmt="%.2f", delimiter=",", **options[form])
    assert make_boston(SETTINGS, 32, data).digest == expected


@pytest.mark.parametrize("text", ["", "1,2,3\n4,5,6\n", "a,b\n", "1,2\n3\n", ",".join(["nan"] * 14), "\xff"])
def test_other_files_are_refused(text, data):
    (data / "boston" / "housing.csv").write_text(text, encoding="latin-1")
    with pytest.raises(AccumbensError, match=r"housing\.csv .*Boston housing"):
        make_boston(SETTINGS, 32, data)


def test_a_folder_without_the_file_says_what_was_looked_for(data):
    (data / "boston" / "housing.csv").unlink()
    with pytest.raises(AccumbensError, match=r"no housing\.csv or boston\.csv or housing\.data in .* and .*boston"):
        make_boston(SETTINGS, 32, data)


def openml(monkeypatch, fetch):
    monkeypatch.delenv("ACCUMBENS_DATA", raising=False)
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)


def test_openml_numbers_categories_and_they_are_undone(data, monkeypatch, boston_table):
    table = boston_table
    rad, categories = COLUMNS.index("RAD"), ["24", "5", "1"]
    codes = np.arange(506) % 3
    sent = table[:, :-1].copy()
    sent[:, rad] = codes
    found = Bunch(data=sent, target=table[:, -1], feature_names=list(COLUMNS[:-1]), categories={"RAD": categories})
    openml(monkeypatch, lambda *_, **__: found)
    task = make_boston(SETTINGS, 32)
    table[:, rad] = np.array([24.0, 5, 1])[codes]
    np.savetxt(data / "boston" / "housing.csv", table, fmt="%.2f", delimiter=",")
    assert task.digest == make_boston(SETTINGS, 32, data).digest
    found.feature_names[0] = "CRIME"
    with pytest.raises(AccumbensError, match="other columns as boston: CRIME"):
        make_boston(SETTINGS, 32)


def test_without_network_or_folder_both_ways_are_said(monkeypatch):
    def offline(*_, **__):
        raise urllib.error.URLError("no route")

    openml(monkeypatch, offline)
    with pytest.raises(AccumbensError, match=r"OpenML.*no route.*network.*housing\.csv.*--data or ACCUMBENS_DATA"):
        make_boston(SETTINGS, 32)


@pytest.mark.skipif("ACCUMBENS_DATA" not in os.environ, reason="wants the real Boston in ACCUMBENS_DATA")
def test_the_real_boston():
    task = make_boston(SETTINGS, 32, Path(os.environ["ACCUMBENS_DATA"]))
    prices = np.concatenate([part.y for part in (task.train, task.valid, task.test)])
    assert prices.shape == (506, 1)
    assert prices.mean(dtype=np.float64) == pytest.approx(22.5328, abs=1e-4)
    assert (prices.min(), prices.max(), (prices == 50).sum()) == (5, 50, 16)
