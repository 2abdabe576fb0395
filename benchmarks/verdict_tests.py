"""Tests of `benchmarks/verdicts.py`: what a chain such as `A > B = C` comes to."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats
from verdict_samples import Sample, Section, sample

from accumbens.stats import FEW_SEEDS, estimate

LEVEL = 0.05
ABOUT = 0.05
"""By how much a ratio may differ from what it is said to be, as a share of it."""
FEWEST_OF_WILCOXON = 6
"""With five pairs its smallest p is .06."""
_SEVERITY = ("holds", "overlaps", "reversed")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


class Judgement(NamedTuple):
    """What one comparison came to.

    Attributes:
        sides: the groups that were compared.
        text: the comparison and its p, or the number.
        test: name of the test; empty if nothing was tested.
        verdict: on this comparison.
    """

    sides: tuple[Sample, ...]
    text: str
    test: str
    verdict: str


def judge(section: Section, test: str) -> Iterator[Judgement]:
    """Yield what every link of a chain comes to.

    Raises:
        ValueError: it is not written as a test is, or names no file, row or column.
    """
    parts = re.split(r" ([><=~]) ", test)
    if len(parts) < 3:
        raise ValueError(f"not a test: {test!r}")
    sides = [_side(section, text) for text in parts[::2]]
    for place, sign in enumerate(parts[1::2]):
        yield _compare(sides[place], sign, sides[place + 1])


def worst(judged: Sequence[Judgement]) -> str:
    """The verdict on a claim: that of the comparison that it does worst in."""
    return max((judgement.verdict for judgement in judged), key=_SEVERITY.index)


def numbers(judged: Sequence[Judgement]) -> str:
    """Every group once: median or mean, interval, seeds."""
    sides = {side.label: side for judgement in judged for side in judgement.sides}
    seeds = sorted({side.values.size for side in sides.values() if not side.exact})
    each = [f"n = {' or '.join(map(str, seeds))}" + (", **few**" if seeds[0] < FEW_SEEDS else "")] if seeds else []
    return "<br>".join([_shown(side) for side in sides.values()] + each)


def tests(judged: Sequence[Judgement]) -> str:
    """Every comparison, under the name of its test."""
    by_test: dict[str, list[str]] = {}
    for judgement in judged:
        by_test.setdefault(judgement.test or "no test", []).append(judgement.text)
    return "<br>".join(line for name, texts in by_test.items() for line in (f"*{name}*", *texts))


def _side(section: Section, text: str) -> Sample:
    if _NUMBER.fullmatch(text):
        return Sample(text, np.array([float(text)]), True, False, "")
    if " / " in text:
        top, bottom = (sample(section, part) for part in text.split(" / "))
        if not (top.exact and bottom.exact):
            raise ValueError(f"a ratio of groups with seeds: {text!r}")
        return Sample(text, top.values / bottom.values, True, False, "")
    return sample(section, text)


def _compare(a: Sample, sign: str, b: Sample) -> Judgement:
    difference = float(a.values.mean() - b.values.mean())
    sides = tuple(side for side in (a, b) if not _NUMBER.fullmatch(side.label))
    label = f"`{a.label} {sign.replace('~', '≈')} {b.label}`"
    if sign == "~":
        right = abs(difference) <= ABOUT * abs(float(b.values.mean()))
        return Judgement(sides, label, "", "holds" if right else "reversed")
    for side in (a, b):
        if not side.exact and side.values.size < 2:
            raise ValueError(f"{side.label!r} has one seed, which can be ~ something and nothing else")
    if a.exact and b.exact:
        right = difference > 0 if sign == ">" else difference < 0 if sign == "<" else difference == 0
        return Judgement(sides, label, "", "holds" if right else "reversed")
    name, p, direction = _test(a, b)
    if sign == "=":
        verdict = "overlaps" if p >= LEVEL else "reversed"
    elif p >= LEVEL:
        verdict = "overlaps"
    else:
        verdict = "holds" if (direction > 0) == (sign == ">") else "reversed"
    return Judgement(sides, f"{label}: {_p(p)}", name, verdict)


def _test(a: Sample, b: Sample) -> tuple[str, float, float]:
    """Name and two-sided p of the test that fits, and a number of the sign that it finds `a` minus `b` to have.

    Ranks may point the other way than means do.
    """
    x, y = a.values, b.values
    if a.exact or b.exact:
        many, one = (y, x) if a.exact else (x, y)
        return "t-test, one sample", _one_sample(many, float(one[0])), x.mean() - y.mean()
    few = min(x.size, y.size) < FEW_SEEDS
    if a.networks == b.networks:
        if x.size < FEWEST_OF_WILCOXON:
            return "paired t-test", _one_sample(x - y, 0.0), (x - y).mean()
        signed = np.sign(x - y) * stats.rankdata(np.abs(x - y))
        return "Wilcoxon", float(stats.wilcoxon(x, y).pvalue), signed.sum()
    if not few:
        found = stats.mannwhitneyu(x, y)
        return "Mann-Whitney", float(found.pvalue), found.statistic - x.size * y.size / 2
    for fixed, other in ((x, y), (y, x)):  # Welch's test of a group without variance is that of the other one alone
        if np.ptp(fixed) == 0:
            return "Welch", _one_sample(other, float(fixed[0])), x.mean() - y.mean()
    return "Welch", float(stats.ttest_ind(x, y, equal_var=False).pvalue), x.mean() - y.mean()


def _one_sample(values: np.ndarray, expected: float) -> float:
    if np.ptp(values) == 0:  # of which no test is defined
        return 1.0 if values[0] == expected else 0.0
    return float(stats.ttest_1samp(values, expected).pvalue)


def _p(p: float) -> str:
    return "p\u00a0<\u00a0.001" if p < 0.001 else "p\u00a0=\u00a0" + f"{p:.3f}".removeprefix("0")


def _shown(side: Sample) -> str:
    scale = 100 if side.percent else 1
    mean, interval = (scale * value for value in estimate(side.values.tolist()))
    digits = 1 if side.percent or abs(mean) >= 10 else 2 if abs(mean) >= 1 else 3
    unit = "\u00a0%" if side.percent else ""
    if side.values.size == 1:
        return f"`{side.label}` {mean:.{digits}f}{unit}"
    shown = f"{mean:.{digits}f}\u00a0±\u00a0{interval:.{digits}f}"
    if side.values.size >= FEW_SEEDS:
        shown = f"{scale * np.median(side.values):.{digits}f} ({shown})"
    return f"`{side.label}` {shown}{unit}"
