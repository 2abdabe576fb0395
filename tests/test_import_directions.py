"""Imports go down only: the layers in `pyproject.toml`, checked by import-linter."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


# In a process of its own: the linter keeps the standard output that it finds when it is imported.
PROGRAM = (
    "import sys; from importlinter import cli; sys.exit(cli.lint_imports(config_filename=sys.argv[1], no_cache=1))"
)


def lint(config):
    return subprocess.run([sys.executable, "-c", PROGRAM, str(config)], capture_output=True, text=True, cwd=ROOT)


def test_imports_go_down():
    done = lint(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (
            ('"training | credit | teams",\n    "runs",', '"runs",\n    "training | credit | teams",'),
            "accumbens.runs.job",
        ),
        (('    "errors | writing",\n', ""), "errors"),
    ],
    ids=["upwards", "a module in no layer"],
)
def test_a_broken_contract_is_seen(tmp_path, change, broken):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    changed = tmp_path / "pyproject.toml"
    changed.write_text(text.replace(*change), encoding="utf-8")
    done = lint(changed)
    assert done.returncode == 1
    assert broken in done.stdout.partition("Broken contracts")[2]
