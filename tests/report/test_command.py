"""`accumbens report` from the command line."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest
from made_runs import make_run

from accumbens.cli.main import main


@pytest.fixture
def cli():
    def call(*words):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stop:
            main(["report", *map(str, words)])
        return stop.value.code, out.getvalue(), err.getvalue()

    return call


def test_a_report_is_written_and_replaced(tmp_path, cli):
    run, page = make_run(tmp_path), tmp_path / "deep" / "r.html"
    code, out, err = cli(run, "-o", page, "--json", "--quiet")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document == {
        "report": str(page),
        "bytes": page.stat().st_size,
        "replaced": False,
        "runs": [{"run": str(run), "label": "ad_pqn, local", "env": "CartPole-v1"}],
    }
    first = page.read_bytes()
    code, out, _ = cli(run, "--output", page, "--title", "Mine & yours", "--force")
    assert code == 0
    assert out.startswith("replaced: 1 run(s), 1 environment(s)"), "of the progress bar nothing is left in a file"
    assert str(page) in out
    assert page.read_bytes() != first
    assert "<h1>Mine &amp; yours</h1>" in page.read_text()
    assert [path.name for path in page.parent.iterdir()] == ["r.html"]


def test_the_default_is_report_html_here(tmp_path, cli, monkeypatch):
    run = make_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cli(run, "--quiet") == (0, "", "")
    assert (tmp_path / "report.html").exists()


def test_nothing_is_written_over_unless_asked(tmp_path, cli):
    run, page = make_run(tmp_path), tmp_path / "thesis.html"
    page.write_text("<h1>years of work</h1>")
    code, _, err = cli(run, "-o", page)
    assert code == 2
    assert err == f"error: {page} exists already: choose another with -o, or replace it with --force (force=True)\n"
    assert page.read_text() == "<h1>years of work</h1>"
    assert cli(run, "-o", page, "--force", "--quiet")[0] == 0
    assert "years of work" not in page.read_text()
    code, _, err = cli(run, "-o", tmp_path)
    assert (code, "is a folder" in err) == (2, True)


def test_bad_input_is_one_line(tmp_path, cli):
    for words, message in (
        ([tmp_path / "none"], "there is nothing at"),
        ([tmp_path], "there is no run at"),
        ([], "no RUN is given"),
    ):
        code, _, err = cli(*words, "-o", tmp_path / "r.html")
        assert code == 2
        assert err.startswith("error: ")
        assert message in err
        assert len(err.splitlines()) == 1
    assert not (tmp_path / "r.html").exists()
