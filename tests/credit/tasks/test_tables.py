"""Digits, diabetes, and the scale of tables."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

from accumbens.credit.tasks.classes import of_texts
from accumbens.credit.tasks.diabetes import make_diabetes
from accumbens.credit.tasks.digits import make_digits
from accumbens.credit.tasks.settings import SplitSettings, TabularSettings
from accumbens.credit.tasks.tabular import make_classification, make_regression, standardised
from accumbens.errors import AccumbensError


def rows(*parts):
    return {tuple(row) for part in parts for row in np.round(np.column_stack(part), 4).tolist()}


def test_digits_are_those_of_scikit_learn_from_minus_one_to_one():
    task = make_digits(SplitSettings(), 32)
    assert [len(part.x) for part in (task.train, task.valid, task.test)] == [1077, 360, 360]
    x, y = load_digits(return_X_y=True)
    np.testing.assert_allclose((x - task.input_scale.shift) / task.input_scale.deviation, x / 8 - 1)
    assert rows(task.train, task.valid, task.test) == rows((x / 8 - 1, y))
    assert task.facts.image_shape == (1, 8, 8)
    for part in (task.valid, task.test):
        assert set(np.bincount(part.y).tolist()) <= {34, 35, 36, 37}  # a fifth of 174 to 183 of every digit


def test_diabetes_is_standardised_by_what_is_learned_from():
    task = make_diabetes(TabularSettings(), 32)
    for values in (task.train.x, task.train.y):
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-5)
    assert np.abs(task.test.x.mean(axis=0)).max() > 1e-3
    (note,) = task.notes
    raw = make_diabetes(TabularSettings(standardise=False, standardise_target=False), 32)
    assert raw.notes == ()
    assert raw.input_scale is raw.target_scale is None
    for part, known in ((task.train, raw.train), (task.valid, raw.valid), (task.test, raw.test)):
        for values, scale, numbers in ((part.x, task.input_scale, known.x), (part.y, task.target_scale, known.y)):
            np.testing.assert_allclose((numbers - scale.shift) / scale.deviation, values, atol=1e-5)
    assert f"{raw.train.y.astype(np.float64).var():.6g}" in note
    x, y = load_diabetes(return_X_y=True, scaled=False)
    assert rows(raw.train, raw.valid, raw.test) == rows((x.astype(np.float32), y.astype(np.float32)))


def test_a_column_without_variance_is_only_shifted():
    columns = np.stack([np.full(6, 0.1), np.array([1.0, 3, 1, 3, 9, 9])], axis=1)
    scaled, scale = standardised(columns, np.arange(4))
    np.testing.assert_allclose(scaled, [[0, -1], [0, 1], [0, -1], [0, 1], [0, 7], [0, 7]], atol=1e-12)
    np.testing.assert_allclose(scale, [[0.1, 2], [1, 1]])


def test_one_class_is_refused():
    with pytest.raises(AccumbensError, match="a single class"):
        make_classification(np.zeros((20, 2)), of_texts(["a"] * 20), TabularSettings())


def test_the_digest_changes_with_one_number():
    x, y = np.arange(60.0).reshape(30, 2), np.arange(30.0)[:, None]
    settings = TabularSettings(standardise=False, standardise_target=False)
    before = make_regression(x, y, settings).digest
    x[17, 1] += 1
    assert make_regression(x, y, settings).digest != before
