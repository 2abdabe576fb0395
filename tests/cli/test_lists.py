"""`accumbens tasks` and `accumbens rules`."""

import subprocess
import sys

import pytest

from accumbens.credit.registry import RULES
from accumbens.credit.tasks.registry import TASKS


@pytest.mark.parametrize(("command", "entries"), [("tasks", TASKS), ("rules", RULES)])
def test_lists(cli, command, entries):
    outcome = cli(command, "--json")
    assert (outcome.code, outcome.err, len(outcome.out.splitlines())) == (0, "", 1)
    assert outcome.json == {name: entry.summary for name, entry in entries.items()}
    assert all(summary and "\n" not in summary and not summary.endswith(".") for summary in outcome.json.values())
    outcome = cli(command)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    for name in entries:
        assert sum(line.split()[:1] == [name] for line in lines) == 1


def test_boston_s_column_is_spoken_of(cli):
    assert "ethically tainted" in cli("tasks").out


LISTING = """
import sys
from accumbens.cli.main import main

try:
    main([sys.argv[1], "--json"])
except SystemExit:
    assert not {"jax", "sklearn"} & set(sys.modules), "listing is not quick"
"""


@pytest.mark.parametrize("command", ["envs", "algos", "tasks", "rules"])
def test_listing_imports_little(command):
    subprocess.run([sys.executable, "-c", LISTING, command], check=True, capture_output=True)
