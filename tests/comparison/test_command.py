"""`accumbens compare` on fits."""

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from accumbens.cli.main import main


@pytest.fixture
def cli():
    def call(*words):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stop:
            main(["compare", *map(str, words)])
        return stop.value.code, out.getvalue(), err.getvalue()

    return call


def test_accuracies_are_shown_in_percent(make_fit, cli):
    runs = [make_fit("a", [0.5, 0.75]), make_fit("b", [0.25, 0.5], rule="coagent", batch_size=16)]
    code, out, err = cli(*runs)
    assert (code, err) == (0, "")
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0].startswith("test_accuracy: test examples that are classified correctly, in %; [95 %")
    rows = [line.split() for line in lines]
    assert ["group", "seeds", "tasks", "IQM", "mean"] in rows
    assert ["backprop", "2", "1", "62.50", "[50.00,", "75.00]", "62.50", "[50.00,", "75.00]"] in rows
    assert next(row for row in rows if row[:2] == ["backprop", "coagent"])[-1] == "–"
    assert lines[-1].startswith("note: fewer than 5 seeds: backprop (2), coagent (2)")


def test_losses_are_shown_with_a_word(make_fit, cli):
    runs = [make_fit("a", [0.5, 0.75]), make_fit("b", [0.25, 0.5], rule="feedback-alignment")]
    code, out, _ = cli(*runs, "--metric", "valid_loss", "--epoch", "2")
    assert code == 0
    heading = "valid_loss: mean loss of validation examples: cross-entropy in nats, or squared error; less is better;"
    assert heading in " ".join(out.split())
    assert "2.300 [1.800, 2.800]" in out  # 2 and 3 at the start, less 0.2
    assert "below 0 the first is better" in out
    assert "paired by seed: seed by seed the same data, the same batches and the same initial network" in out


def test_one_line_of_json(make_fit, cli):
    code, out, _ = cli(make_fit("a", [0.5, 0.75]), "--json", "--quiet")
    found = json.loads(out)
    assert code == 0
    assert (found["metric"], found["by"], found["normalised"]) == ("test_accuracy", ["rule"], False)
    assert found["groups"][0]["mean"][0] == 0.625


def test_what_cannot_be_compared_is_one_clear_line(make, make_fit, cli):
    code, out, err = cli(make("agent", [1.0]), make_fit("fit", [0.5]), "--quiet")
    assert (code, out) == (2, "")
    assert err.startswith("error: agents and fits cannot be compared with one another: ")
    assert len(err.splitlines()) == 1


def test_several_environments_have_a_table_each_before_all_together(make, cli):
    runs = [make(f"a{env}", [50.0, 60.0], env=env) for env in ("CartPole-v1", "Acrobot-v1")]
    code, out, err = cli(
        *runs, make("b", [70.0, 80.0], credit="backprop"), make("c", [1.0, 2.0], env="Acrobot-v1", credit="backprop")
    )
    assert (code, err) == (0, "")
    blocks = [block.splitlines() for block in out.split("\n\n")]
    tables = {block[0]: [line.split() for line in block[1:]] for block in blocks}
    assert tables["CartPole-v1"] == [
        ["group", "seeds", "IQM", "mean"],
        ["ad_pqn/local", "2", "55.0", "[50.0,", "60.0]", "55.0", "[50.0,", "60.0]"],
        ["ad_pqn/backprop", "2", "75.0", "[70.0,", "80.0]", "75.0", "[70.0,", "80.0]"],
    ]
    assert tables["Acrobot-v1"][2][:3] == ["ad_pqn/backprop", "2", "1.5"]
    places = list(tables)
    assert (
        places.index("CartPole-v1")
        < places.index("Acrobot-v1")
        < places.index("2 environments together, normalised scores")
    )
    code, out, _ = cli(*runs, "--json", "--quiet")
    found = json.loads(out)
    assert found["normalised"]
    assert found["environments"]["CartPole-v1"][0]["mean"] == [55.0, 50.0, 60.0]
    assert found["environments"]["CartPole-v1"][0]["scores"] == [50.0, 60.0]


def test_runs_by_relative_and_absolute_paths_are_drawn(make, cli, tmp_path, monkeypatch):
    runs = [make("one", [50.0, 60.0]), make("two", [52.0, 60.0])]
    monkeypatch.chdir(Path(runs[0]).parent)
    mixed = [Path(runs[0]).name, Path(runs[1]).absolute()]
    code, _, err = cli(*mixed, "--by", "run", "--figure", tmp_path / "drawn.png", "-o", tmp_path / "drawn.csv")
    assert (code, "Traceback" in err) == (0, False)
    assert (tmp_path / "drawn.png").is_file()


def test_numbers_are_not_broken_in_narrow_terminals(make, cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    long = "a_name_that_is_rather_long_for_a_folder_of_runs"
    _, out, _ = cli(make(f"{long}_1", [50.0, 60.0]), make(f"{long}_2", [52.0, 60.0]), "--by", "run")
    assert out.count("[50.0, 60.0]") == 2
    assert re.search(r"-1\.0 \[-\d+\.\d, \d+\.\d\]", out), "the difference of the interquartile means"
