"""The verdicts on claims: what is committed is what the committed results say, and our own sentences hold."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ("verdicts", "verdict_tests", "verdict_samples")


@pytest.fixture(scope="module")
def verdicts():
    """The script as it imports itself, once: it reads every committed curve."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("verdicts")
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def judged(verdicts, tmp_path, monkeypatch):
    """Verdict and name of the test on made-up results: `low` and `high` of 3, `many` and `more` of 8 seeds."""
    samples = sys.modules["verdict_samples"]
    monkeypatch.setattr(samples, "ROOT", tmp_path)
    groups = {"low": range(3), "high": range(10, 13), "near": (0.5, 1.5, 2.4), "many": range(8), "more": range(20, 28)}
    groups |= {"skewed": (*range(1, 8), 100), "above": range(8, 16), "one": (9,), "gap": (1, 2, float("nan"))}
    groups |= {"wide": (50, *(0.3 * index for index in range(11)))}
    for name, values in groups.items():
        rows = [f"{step},{seed},{value * step / 2},{9 - value}" for step in (0, 2) for seed, value in enumerate(values)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["step,seed,score,other", *rows]))
    (tmp_path / "speed.csv").write_text("what,time\nfast,2\nslow,17\n")
    section = samples.Section("{}.csv", "score", {"time": "speed[what={}]:time"})

    def judge(test):
        found = list(sys.modules["verdict_tests"].judge(section, test))
        return sys.modules["verdict_tests"].worst(found), found[-1].test

    return judge


def test_committed_verdicts_are_what_the_results_say(verdicts):
    assert verdicts.OUTPUT.read_text(encoding="utf-8") == verdicts.report(), "run benchmarks/verdicts.py"


def test_our_own_sentences_hold(verdicts):
    ours = [(claim, found) for _, claim, found in verdicts.judged() if claim["source"] == "ours"]
    assert len(ours) > 30
    for claim, found in ours:
        for judgement in found:
            alike = " = " in judgement.text and judgement.verdict == "overlaps"
            assert judgement.verdict == "holds" or alike, (claim["says"], judgement.text)


def test_a_claim_is_decided_or_says_why_not(verdicts):
    for _, claim, found in verdicts.judged():
        assert bool(found) != bool(claim.get("missing")), claim["says"]


@pytest.mark.parametrize(
    ("test", "verdict", "name"),
    [
        ("high > low", "holds", "Welch"),
        ("low > high", "reversed", "Welch"),
        ("low < near", "overlaps", "Welch"),
        ("low = near", "overlaps", "Welch"),
        ("low = high", "reversed", "Welch"),
        ("high > low > near", "overlaps", "Welch"),
        ("more > many", "holds", "Mann-Whitney"),
        ("many > many@first", "holds", "Wilcoxon"),
        ("high > high@first", "holds", "paired t-test"),
        ("high > 5", "holds", "t-test, one sample"),
        ("high@mean < 7", "holds", "t-test, one sample"),
        ("high < 11.5", "overlaps", "t-test, one sample"),
        ("high@0.9-1 = high", "overlaps", "paired t-test"),
        ("highest low < lowest high:other", "reversed", ""),
        ("time/slow / time/fast ~ 8.5", "holds", ""),
        ("time/slow / time/fast ~ 20", "reversed", ""),
        ("spread h*@last > 0", "holds", "t-test, one sample"),
        ("skewed < above", "holds", "Mann-Whitney"),  # by ranks; one of eight makes its mean the greater one
        ("above < skewed", "reversed", "Mann-Whitney"),
        ("wide < wide:other", "holds", "Wilcoxon"),  # likewise, one of twelve
        ("wide > wide:other", "reversed", "Wilcoxon"),
        ("one ~ 9", "holds", ""),
    ],
)
def test_a_comparison_comes_to(judged, test, verdict, name):
    assert judged(test) == (verdict, name)


def test_only_enough_seeds_are_compared_by_ranks(judged):
    assert judged("low < many")[1] == "Welch"  # three of the one, eight of the other


@pytest.mark.parametrize(
    "test",
    [
        *("high", "none > low", "high:nothing > 0", "time/medium > 0", "high / low ~ 2", "a b > 0"),
        *("one > low", "low > one", "one > 8", "gap < high", "gap ~ 2"),  # a single seed; a number that is none
    ],
)
def test_what_names_nothing_or_cannot_be_compared_is_refused(judged, test):
    with pytest.raises(ValueError, match=r"."):
        judged(test)


def test_check_finds_a_file_that_is_not_up_to_date(verdicts, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verdicts, "OUTPUT", tmp_path / "verdicts.md")
    monkeypatch.setattr(sys, "argv", ["verdicts.py", "--check"])
    verdicts.OUTPUT.write_text("what it was", encoding="utf-8")
    assert verdicts.main() == 1
    assert verdicts.OUTPUT.read_text(encoding="utf-8") == "what it was"
    monkeypatch.setattr(sys, "argv", ["verdicts.py"])
    assert verdicts.main() == 0
    monkeypatch.setattr(sys, "argv", ["verdicts.py", "--check"])
    assert verdicts.main() == 0
    assert "# Verdicts" in capsys.readouterr().out
