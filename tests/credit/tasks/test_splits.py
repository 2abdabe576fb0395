"""No example is lost or doubled, and classes are split in proportion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.credit.tasks.settings import SplitSettings
from accumbens.credit.tasks.splits import split
from accumbens.errors import AccumbensError

parts = st.floats(0.05, 0.45)
seeds = st.integers(0, 2**32 - 35)


@settings(deadline=None, max_examples=60)
@given(st.integers(25, 300), parts, parts, seeds)
def test_every_example_is_in_exactly_one_part(count, test, valid, seed):
    chosen = SplitSettings(split_seed=seed, test_fraction=test, valid_fraction=valid)
    found = split(count, chosen)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(count))
    for part, size in ((found.test, test), (found.valid, valid), (found.train, 1 - test - valid)):
        assert abs(len(part) - size * count) <= 2
    for part, again in zip(found, split(count, chosen), strict=True):
        np.testing.assert_array_equal(part, again)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(20, 60), min_size=2, max_size=5), parts, parts, seeds)
def test_every_class_is_split_in_proportion(sizes, test, valid, seed):
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    found = split(len(classes), SplitSettings(split_seed=seed, test_fraction=test, valid_fraction=valid), classes)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(len(classes)))
    for part, size in ((found.test, test), (found.valid, valid)):
        counts = np.bincount(classes[part], minlength=len(sizes))
        assert np.abs(counts - size * np.array(sizes)).max() <= 2  # rounded in both draws


def test_another_seed_splits_otherwise():
    first, second = (split(100, SplitSettings(split_seed=seed)) for seed in (0, 1))
    assert set(first.test.tolist()) != set(second.test.tolist())
    assert set(first.valid.tolist()) != set(second.valid.tolist())


@pytest.mark.parametrize(
    "changes",
    [
        {"test_fraction": 0.0},
        {"test_fraction": 1.0},
        {"valid_fraction": -0.1},
        {"test_fraction": 0.5, "valid_fraction": 0.5},
        {"split_seed": -1},
        {"split_seed": 2**32 - 34},
        {"valid_fraction": float("nan")},
    ],
)
def test_what_cannot_be_split_by_is_refused(changes):
    with pytest.raises(AccumbensError, match=next(reversed(changes))):
        split(100, SplitSettings(**changes))


def test_too_few_examples_are_refused():
    with pytest.raises(AccumbensError, match="2 examples cannot be split"):
        split(3, SplitSettings(test_fraction=0.3, valid_fraction=0.6))
    with pytest.raises(AccumbensError, match="least populated class"):
        split(20, SplitSettings(), np.array([0] * 19 + [1]))
