"""Statistics of a few seeds, beside formulas written another way; `tests/oracle/test_rliable.py` has the library's."""

import itertools

import numpy as np
import pytest
import scipy.stats
from scipy.stats import bootstrap, mannwhitneyu

from accumbens import stats
from accumbens.errors import AccumbensError


def group(seeds, tasks, mean=0.0, seed=0):
    generator = np.random.default_rng(seed)
    return {f"task {index}": generator.normal(mean, 1.0 + index, seeds) for index in range(tasks)}


def test_points_are_those_of_plain_loops():
    scores = group(9, 4)
    summary = stats.summarise(scores, target=0.5)
    everything = sorted(value for values in scores.values() for value in values)
    assert summary.iqm.point == pytest.approx(sum(everything[9:27]) / 18)
    means = sorted(sum(values) / 9 for values in scores.values())
    assert summary.median.point == pytest.approx((means[1] + means[2]) / 2)
    assert summary.mean.point == pytest.approx(sum(means) / 4)
    assert summary.optimality_gap.point == pytest.approx(sum(max(0.5 - value, 0) for value in everything) / 36)
    assert summary.seeds == 9


@pytest.mark.parametrize(("seeds", "cut"), [(1, 0), (3, 0), (4, 1), (5, 1), (7, 1), (8, 2)])
def test_a_quarter_rounded_down_is_cut_on_either_side(seeds, cut):
    values = np.random.default_rng(1).normal(size=seeds) ** 3
    assert stats.interquartile_mean([values]) == pytest.approx(np.sort(values)[cut : seeds - cut].mean())


def test_an_outlier_moves_the_mean_and_not_the_interquartile_mean():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    wild = stats.summarise({"a": [*values[:-1], 1e6]})
    calm = stats.summarise({"a": values})
    assert wild.iqm.point == calm.iqm.point == 3.0
    assert wild.mean.point > 1e5


def test_without_a_target_there_is_no_gap():
    assert stats.summarise({"a": [1.0, 2.0]}, target=None).optimality_gap is None


def test_intervals_of_one_task_are_scipys():
    values = group(12, 1)["task 0"]
    summary = stats.summarise({"a": values}, repetitions=50_000)
    for interval, statistic in (
        (summary.mean, np.mean),
        (summary.iqm, lambda x, axis: scipy.stats.trim_mean(x, 0.25, axis)),
    ):
        theirs = bootstrap(
            (values,), statistic, n_resamples=50_000, method="percentile", rng=np.random.default_rng(1)
        ).confidence_interval
        assert interval[1:] == pytest.approx(theirs, abs=0.02)


def test_intervals_of_two_seeds_can_be_written_down():
    # Means of resamples: 0 and 1 with probability 1/4 each, 1/2 with 1/2; over two tasks their ends with 1/16.
    assert stats.summarise({"a": [0.0, 1.0]}).mean == (0.5, 0.0, 1.0)
    assert stats.summarise({"a": [0.0, 1.0], "b": [0.0, 1.0]}).mean == (0.5, 0.0, 1.0)
    assert stats.summarise({"a": [0.0, 1.0], "b": [2.0, 2.0]}).mean == (1.25, 1.0, 1.5)


def test_seeds_are_resampled_within_their_task():
    # Were they not, the mean would vary between 0 and 100.
    summary = stats.summarise({"a": [0.0, 0.0, 0.0], "b": [100.0, 100.0, 100.0]})
    assert summary.mean == summary.median == (50.0, 50.0, 50.0)
    assert summary.iqm == (50.0, 50.0, 50.0)


@pytest.mark.parametrize("seeds", [3, 10])
def test_coverage_is_what_the_module_says(seeds):
    expected = {3: 0.74, 10: 0.90}[seeds]
    generator = np.random.default_rng(seeds)
    hits = []
    for repetition in range(500):
        mean = stats.summarise({"a": generator.normal(size=seeds)}, repetitions=500, seed=repetition).mean
        hits.append(mean.low <= 0 <= mean.high)
    assert np.mean(hits) == pytest.approx(expected, abs=0.055)  # three standard errors


def test_one_seed_has_no_interval():
    for summary in (stats.summarise({"a": [3.0]}), stats.summarise({"a": [3.0], "b": [3.0, 3.0]})):
        for interval in summary[:4]:
            assert np.isnan(interval[1:]).all()
        assert summary.seeds == 1
        assert summary.mean.point == 3.0
    assert np.isnan(stats.difference({"a": [3.0]}, {"a": [1.0, 2.0]}).low)


def test_the_order_of_tasks_does_not_matter_and_the_seed_does():
    scores = group(6, 3)
    backwards = dict(reversed(scores.items()))
    assert stats.summarise(scores, repetitions=300) == stats.summarise(backwards, repetitions=300)
    other = stats.summarise(scores, repetitions=300, seed=1)
    assert other.mean.point == stats.summarise(scores).mean.point
    assert other.mean.low != stats.summarise(scores, repetitions=300).mean.low


def test_tasks_may_have_different_seeds():
    scores = {"a": [0.0] * 7, "b": [1.0] * 3}
    summary = stats.summarise(scores)
    assert (summary.mean.point, summary.median.point, summary.optimality_gap.point) == (0.5, 0.5, 0.5)
    assert summary.iqm.point == pytest.approx(1 / 6)  # of ten scores the middle six: one 1 is among them
    assert summary.seeds == 3


def test_improvement_is_mann_whitney():
    x, y = group(6, 3, mean=0.7), group(8, 3, seed=1)
    x["task 0"][:2] = y["task 0"][:2]  # ties
    expected = np.mean([mannwhitneyu(x[task], y[task]).statistic / 48 for task in x])
    by_hand = np.mean([np.mean([(a > b) + (a == b) / 2 for a, b in itertools.product(x[task], y[task])]) for task in x])
    found = stats.probability_of_improvement(x, y)
    assert found.point == pytest.approx(expected) == pytest.approx(by_hand)
    assert found.low < found.point < found.high
    assert stats.probability_of_improvement(y, x).point == pytest.approx(1 - expected)
    assert stats.probability_of_improvement(x, x).point == 0.5


def test_pairs_by_seed_have_a_narrower_interval_when_seeds_matter():
    x = group(10, 2)
    y = {task: values + np.random.default_rng(2).normal(0.5, 0.1, 10) for task, values in x.items()}
    paired, alone = stats.difference(y, x, stats.mean, paired=True), stats.difference(y, x, stats.mean)
    differences = [np.mean(y[task] - x[task]) for task in x]
    assert paired.point == pytest.approx(alone.point) == pytest.approx(np.mean(differences))
    assert paired.high - paired.low < 0.15 < 1 < alone.high - alone.low
    deviation = np.sqrt(sum(np.var(y[task] - x[task]) / 10 for task in x)) / 2
    assert paired.high - paired.low == pytest.approx(2 * 1.96 * deviation, rel=0.05)
    iqm = stats.difference(y, x, paired=True)
    assert iqm.point == pytest.approx(stats.summarise(y).iqm.point - stats.summarise(x).iqm.point)


def test_a_profile_falls_from_one_to_zero():
    scores = {"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 1.0]}
    profile = stats.performance_profile(scores, [-1.0, 0.5, 1.0, 2.0, 3.0])
    assert profile.point.tolist() == [1.0, (3 / 4 + 1) / 2, (2 / 4 + 0) / 2, (1 / 4 + 0) / 2, 0.0]
    assert profile.low[0] == profile.high[0] == 1.0
    assert (profile.low <= profile.point).all()
    assert (profile.point <= profile.high).all()
    assert profile.high[2] == 0.5
    assert stats.performance_profile(scores, []).point.shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.summarise({}), "expected at least one per task"),
        (lambda: stats.summarise({"a": []}), "expected at least one per task"),
        (lambda: stats.summarise({"a": [1.0, np.nan]}), r"scores of a cannot be used: \[1.0, nan\] must be finite"),
        (lambda: stats.summarise({"a": [1.0]}, repetitions=0), "repetitions=0 cannot be used"),
        (lambda: stats.difference({"a": [1.0]}, {"b": [1.0]}), "tasks differ: a and b"),
        (lambda: stats.difference({"a": [1.0]}, {"a": [1.0, 2.0]}, paired=True), "only if both groups have the same"),
    ],
)
def test_what_has_no_statistics_is_refused(call, message):
    with pytest.raises(AccumbensError, match=message):
        call()
