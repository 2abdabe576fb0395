"""What is shown of a run, without training one."""

import dataclasses
import math
import os

import pytest
from rich.table import Table

from accumbens.agents.settings import ReplaySettings
from accumbens.cli.run_view import RunView
from accumbens.cli.terminal import WorkConsole, print_whole
from accumbens.presets import PRESETS
from accumbens.runs.reporter import Reporter
from accumbens.training.config import resolve_config
from accumbens.training.kind import AGENTS, FASTER, AgentResult

RESULT = AgentResult(
    env="CartPole-v1",
    algo="ad_pqn",
    credit="local",
    seeds=[0, 1],
    steps=8192,
    final_return=[20.0, 30.0],
    eval_return=[500.0, 400.0],
    wall_seconds=61.4,
    session_steps=8192,
    train_seconds=13.272,
    compile_seconds=20.41,
    steps_per_second=1234.5,
    run="r/[b]/a",
    interrupted=False,
)


def report_of(algo, tmp_path, json=False, quiet=False):
    report = RunView(json, quiet)
    report.preparing(AGENTS, resolve_config("CartPole-v1", algo, seeds=3, seed=4), tmp_path)
    return report


def test_it_is_a_reporter():
    assert isinstance(RunView(False, False), Reporter)


def test_a_short_run_is_not_announced(tmp_path, capsys):
    report_of("ad_dqn", tmp_path, quiet=True).projected(3599.0, 100.0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("quiet", [False, True])
def test_a_long_run_is_announced_with_the_faster_preset(tmp_path, capsys, quiet):
    report = report_of("ad_dqn", tmp_path, quiet=quiet)
    capsys.readouterr()
    report.projected(9000.0, 1234.5)
    shown = capsys.readouterr()
    assert (shown.err if quiet else shown.out).splitlines() == [
        "note: this run is expected to take 2.5 hours, at 1,234 steps/s",
        "note: a faster preset: accumbens train CartPole-v1 ad_pqn",
    ]
    assert (shown.out if quiet else shown.err) == ""


def test_where_no_preset_is_faster_fewer_steps_are(tmp_path, capsys):
    report_of("ad_pqn", tmp_path, quiet=True).projected(3600.0, 100.0)
    assert capsys.readouterr().err.splitlines()[1] == "note: fewer steps: --total-timesteps N"


def test_every_preset_with_replay_has_a_faster_one_without():
    assert set(FASTER) == {name for name, preset in PRESETS.items() if preset.learner is ReplaySettings}
    assert all(PRESETS[faster].learner is not ReplaySettings for faster in FASTER.values())


def test_seeds_and_directory_are_named_before_compiling(tmp_path, capsys):
    report_of("ad_pqn", tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["CartPole-v1  ad_pqn  local credit  seeds 4 to 6", f"run directory: {tmp_path}", "compiling …"]


def test_a_message_is_shown_as_it_is(capsys):
    RunView(json=True, quiet=False).message("leaf .cells[0] [/bold] [red] of /a/[b]/c does not fit")
    assert capsys.readouterr().err == "note: leaf .cells[0] [/bold] [red] of /a/[b]/c does not fit\n"


def test_the_bar_shows_where_the_run_is(tmp_path, capsys):
    with report_of("ad_pqn", tmp_path) as report:
        report.start(0, 4096)
        for score in (math.nan, 12.5):
            report.progress(1024, score, 5000.4)
    last = capsys.readouterr().out.splitlines()[-1]
    assert "1,024/4,096 steps" in last
    assert "return 12.5" in last
    assert "5,000 steps/s" in last


def test_a_summary_can_be_copied(capsys):
    RunView(json=False, quiet=False).summary(AGENTS, dataclasses.replace(RESULT, run="runs/a b/[bold]/" + "x" * 100))
    run = "runs/a b/[bold]/" + "x" * 100
    assert capsys.readouterr().out.splitlines() == [
        "done",
        "final return   25.0  (seeds: 20.0, 30.0)  mean of the last 100 training episodes",
        "greedy return  450.0  (seeds: 500.0, 400.0)  full network, last evaluation",
        "steps          8,192 in 61 s, compiling and evaluations included",
        "speed          1,234 steps/s: 8,192 steps × 2 seeds in 13.27 s of learning; 20.4 s of compiling not counted",
        f"run            {run}",
        f"look again     accumbens evaluate '{run}'",
    ]


def test_quiet_shows_no_summary(capsys):
    RunView(json=False, quiet=True).summary(AGENTS, RESULT)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def nobody():
    """A file that is a pipe without a reader."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as file:
        yield file


def test_who_reads_no_more_stops_what_is_at_work(nobody, capsys):
    console = WorkConsole(file=nobody)
    console.at_work = True
    with pytest.raises(KeyboardInterrupt):
        console.print("so far")
    console.print("and this is said to nobody")
    assert capsys.readouterr().err == "note: nobody reads the output any more: stopping, and saving\n"


def test_who_reads_no_more_stops_nothing_else(nobody, capsys):
    table = Table("a")
    table.add_row("b")
    console = WorkConsole(file=nobody)
    console.print("done")
    print_whole(WorkConsole(file=nobody), table)
    assert console.quiet
    print("the result")
    assert capsys.readouterr() == ("the result\n", "")
