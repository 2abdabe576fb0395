"""Every command and every program in the documentation runs, page by page, in the order a reader meets them."""

import runpy
import sys

import pytest
from pages import PAGES, ROOT, blocks, commands, planned, shortened, shortened_program

from accumbens.cli.main import COMMANDS, main

# The longest first: workers share them.
RUNNABLE = sorted((page for page in PAGES if blocks(page)), key=lambda page: len(blocks(page)), reverse=True)


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.parametrize("every", [pytest.param(True, marks=pytest.mark.slow), False], ids=["all", "needed"])
def test_what_a_page_tells_to_type_runs(page, every, tmp_path, monkeypatch):
    """In the quick tests, a training whose run the page does not come back to is only planned."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language == "python":
            exec(compile(shortened_program(block.text), str(page), "exec"), names)
            continue
        for words in commands(block):
            if words[0] == "pytest":
                continue  # this very test
            if words[0] in ("ray", "bash"):
                continue  # test_cluster.py does what that page tells to type
            if words[0] == "python":
                monkeypatch.setattr(sys, "argv", words[1:])
                runpy.run_path(words[1], run_name="__main__")
                continue
            assert words[0] == "accumbens", f"{page.name}: no test runs {words}"
            with pytest.raises(SystemExit) as end:
                main((shortened(words) if every else planned(shortened(words), page))[1:])
            assert end.value.code == 0, words


def test_no_command_of_ours_is_left_undocumented():
    consoles = [block for page in PAGES for block in blocks(page) if block.language == "console"]
    documented = {words[1] for block in consoles for words in commands(block) if words[0] == "accumbens"}
    assert set(COMMANDS) <= documented
