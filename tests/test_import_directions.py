"""Imports go down only: the layers in `pyproject.toml`, checked by import-linter."""

from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).parent.parent


def lint(config):
    return cli.lint_imports(config_filename=str(config), no_cache=True, no_logo=True)


def test_imports_go_down(capsys):
    assert lint(ROOT / "pyproject.toml") == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (('"training | credit",\n    "runs",', '"runs",\n    "training | credit",'), "accumbens.runs.job"),
        (('    "errors",\n', ""), "errors"),
    ],
    ids=["upwards", "a module in no layer"],
)
def test_a_broken_contract_is_seen(tmp_path, capsys, change, broken):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    changed = tmp_path / "pyproject.toml"
    changed.write_text(text.replace(*change), encoding="utf-8")
    assert lint(changed) == 1
    assert broken in capsys.readouterr().out.partition("Broken contracts")[2]
