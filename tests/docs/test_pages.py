"""Pages read on GitHub as they do on the site, and what is made in them is what the package and the results say now."""

import importlib
import re
import sys

import pytest
from pages import PAGES, ROOT

README = ROOT / "README.md"
_FENCED = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
_GITHUB_SHOWS_AS_TEXT = {
    "macro": r"\{\{ \w+",
    "snippet": r"^ *--8<-- ",
    "admonition": r"^ *(!!!|\?\?\?)\+? ",
    "attribute list": r"\)\{ ?[.#\w]",
    "LaTeX": r"\\\(|\\\[",
}


def markdown(page):
    """A page without what is fenced or in backticks."""
    return re.sub(r"`[^`\n]+`", "``", _FENCED.sub("", page.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def update():
    """The module that the command runs."""
    before = {name: sys.modules.pop(name, None) for name in ("fits", "tables")}  # tests have modules of that name too
    sys.path.insert(0, str(ROOT / "docs" / "generate"))
    yield importlib.import_module("update")
    sys.path.pop(0)
    sys.modules.update({name: module for name, module in before.items() if module})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_github_renders_a_page(page):
    found = [name for name, form in _GITHUB_SHOWS_AS_TEXT.items() if re.search(form, markdown(page), re.MULTILINE)]
    assert not found


def test_what_readme_links_to_is_there_and_renders():
    text = README.read_text(encoding="utf-8")
    links = [first or second for first, second in _LINK.findall(text)]
    assert len(links) > 10
    for link in links:
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = ROOT / path
        assert target.exists(), link
        if target.suffix != ".md":
            continue
        assert not re.search(r"^::: ", target.read_text(encoding="utf-8"), re.MULTILINE), f"{link} needs mkdocstrings"
        headings = re.findall(r"^#+ (.+)$", markdown_with_code(target), re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, link


def markdown_with_code(page):
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def test_pages_are_up_to_date(update):
    # What traces agents and rules takes seconds each; CI compares that too, before it builds the site.
    stale = [page for page in update.pages() if update.up_to_date(page, update.TRACED) != page.read_text("utf-8")]
    stale += [path for path, content in update.pictures() if path.read_bytes() != content]
    assert not stale, "run docs/generate/update.py"


def test_a_number_of_a_page_that_is_not_what_was_measured_is_found(update, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("It is <!-- made: score gevb gevb/nonnegative test_error -->1.0 ± 0.1 %<!-- end -->.\n")
    assert update.up_to_date(page) == page.read_text().replace("1.0 ± 0.1 %", "4.29 ± 1.30 %")


def test_a_line_that_markdown_would_take_for_html_is_refused(update, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("With averaging it is\n<!-- made: score gevb gevb/mixed --><!-- end --> at the end.\n")
    with pytest.raises(ValueError, match="a line begins with"):
        update.up_to_date(page)
