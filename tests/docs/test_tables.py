"""The tables of the documentation: made of the package, complete, and of committed results only."""

import csv
import dataclasses
import importlib
import re
import sys

import pytest
from pages import PAGES, ROOT, shortened

from accumbens.credit.experimenting import COLUMNS
from accumbens.credit.registry import RULES
from accumbens.credit.tasks.registry import TASKS

CREDIT = ROOT / "docs" / "credit"
_PAGES = ("rules", "through-time", "sparse-attentive-backtracking", "feedback-control")
RULES_PAGE = "\n".join((CREDIT / f"{page}.md").read_text(encoding="utf-8") for page in _PAGES)
PAGES_OF_THEIR_OWN = ("coagent", "gevb", "sparse-attentive-backtracking")
LISTED = re.findall(r"<!-- made: rule_settings ([^>]+) -->", RULES_PAGE)
COMMITTED = ROOT / "benchmarks" / "results"


@pytest.fixture
def fits(monkeypatch):
    """The module as the build imports it."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "generate"))
    for name in ("fits", "tables"):  # tests have a module of that name too, which comes back afterwards
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("fits")


def test_every_rule_has_a_section_and_its_settings_in_a_table():
    named = {name for line in LISTED for name in line.split()}
    assert named == set(RULES)
    for name in RULES:
        assert re.search(rf"^#+ {name}$|\*\*{name}\*\*", RULES_PAGE, re.MULTILINE) or name in PAGES_OF_THEIR_OWN, name


@pytest.mark.parametrize("name", RULES)
def test_every_setting_of_a_rule_says_what_it_is(fits, name):
    entry = RULES[name]
    table = fits.rule_settings(name)
    fields = [field.name for field in dataclasses.fields(entry.settings)]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == fields
    assert all(len(row.split(" | ")[-1]) > 10 for row in rows)


def test_every_setting_of_a_task_says_what_it_is_and_where_it_is(fits):
    table = fits.task_settings()
    for name, entry in TASKS.items():
        assert name in fits.tasks()
        assert all(f"| `{field.name}` |" in table for field in dataclasses.fields(entry.settings))
    assert "`last` (a file)" in table
    assert re.search(r"`split_seed` \| `0` \([^)]*digits[^)]*\); `50` \(mnist, boston, sequential-mnist\)", table)


def test_what_rules_read_is_what_one_knows_of_them(fits):
    rows = {row.split("`")[1]: row.split(" | ") for row in fits.reads().splitlines() if row.startswith("| `")}
    assert set(rows) == set(RULES)
    transport = {"backprop", "vectorised-backprop", "straight-through", "straight-through-gated"}
    transport |= {name for name, entry in RULES.items() if entry.sequences} - {"rflo"}
    assert {name for name, row in rows.items() if row[2] == "yes"} == transport
    scalar = {name for name, row in rows.items() if row[1] == "a scalar"}
    assert scalar == {name for name in RULES if name.startswith("coagent")}
    assert rows["gevb"][3:] == ["no", "–", "– |"]
    back = {name: row[5].removesuffix(" |") for name, row in rows.items()}
    assert {name for name, found in back.items() if found == "–"} == set(rows) - {
        name for name, entry in RULES.items() if entry.sequences
    }
    assert {name for name, found in back.items() if found == "never"} == {"rtrl", "snap-1", "e-prop", "rflo"}
    assert "fixed" in rows["feedback-alignment"][4]


def written(folder, rows):
    folder.mkdir()
    with (folder / "summary.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    (folder / "command.txt").write_text("accumbens experiment made-up\n")


def test_numbers_of_pages_come_from_the_summary_or_stop_the_build(fits, tmp_path, monkeypatch):
    monkeypatch.setattr(fits, "RESULTS", tmp_path)
    accuracy = {"test_accuracy": 0.9676, "test_accuracy_interval": 0.0123, "train_accuracy": 0.9, "seeds": 3}
    classified = {"task": "mnist", "rule": "gevb", "variant": "a", "epochs": 4, "angle_per_layer": "8.1 54.4 0"}
    written(tmp_path / "made-up", [classified | accuracy | {"published_test_error": 1.87}])
    loss = {"test_loss": 27.1, "test_loss_interval": 1.5, "over_training": 40.2, "seeds": 3, "epochs": 10000}
    written(tmp_path / "regression", [{"task": "boston", "rule": "coagent", "variant": "b"} | loss])
    assert fits.score("made-up", "gevb/a") == "96.8 ± 1.2 %"
    assert fits.score("made-up", "gevb/a", "test_error") == "3.24 ± 1.23 %"
    assert fits.score("made-up", "gevb/a", "train_accuracy") == "90.0 %"
    assert fits.layers("made-up", "gevb/a", "angle") == "8, 54, 0"
    assert fits.score("regression", "coagent/b") == "27.1 ± 1.5"
    table = fits.results("made-up", "angle")
    assert "| `gevb` | `a` | 3 | 4 | 3.24 ± 1.23 | 10.00 | 8, 54, 0 | 1.87 |" in table
    assert "accumbens experiment made-up" in table
    assert "| `coagent` | `b` | 3 | 10,000 | 27.1 ± 1.5 | 40.2 |" in fits.results("regression")
    with pytest.raises(FileNotFoundError):
        fits.results("not-run")
    with pytest.raises(ValueError, match="0 rows gevb/b"):
        fits.score("made-up", "gevb/b")


def test_tried_settings_are_means_of_the_seeds_that_came_so_far(fits, tmp_path, monkeypatch):
    tables = sys.modules["tables"]
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    columns = "env,algo,settings,seed,total_timesteps,after,step,mean_return"
    rows = ["a,p,,0,2000000,400000,401408,1.0", "a,p,,1,2000000,400000,403456,4.0", "a,p,,0,2000000,1000000,1000448,7"]
    rows += ["a,p,rank=8,0,2000000,400000,401408,3.0", "b,p,,0,2000000,400000,401408,9.0"]
    (tmp_path / "settings_tried.csv").write_text("\n".join([columns, *rows, ""]))
    header, _, preset, changed = tables.settings_tried("a").splitlines()
    assert header == "| agent | settings | schedules of | 400 k | 1000 k |"
    assert preset == "| `p` | the preset | 2,000,000 | 2.5 (2) | 7.0 (1) |"
    assert changed == "| `p` | `rank=8` | 2,000,000 | 3.0 (1) |  |"
    (tmp_path / "settings_tried.csv").write_text("\n".join([columns, *rows, rows[0], ""]))
    with pytest.raises(ValueError, match="twice after 400000 steps"):
        tables.settings_tried("a")


def test_every_experiment_that_a_page_names_is_committed():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"<!-- made: (?:fits|score|layers) ([\w-]+)", text))
    assert all((COMMITTED / name / "summary.csv").exists() for name in named), named
    for name in re.findall(r"assets/results/([\w-]+)\.png", text):
        assert any((COMMITTED / name / figure).exists() for figure in ("curves.png", "sensitivity.png")), name


def test_documented_fits_are_cut_down_and_nothing_else_of_them_is():
    fit = ["accumbens", "fit", "digits", "coagent", "--seeds"]
    words = [*fit, "5", "--epochs", "100", "--evaluations", "10", "--set", "sigma=2"]
    kept = [*fit, "2", "--set", "sigma=2"]
    assert shortened(words) == [*kept, "--epochs", "1", "--evaluations", "1"]
    assert shortened([*words, "--dry-run"]) == [*words, "--dry-run"]
