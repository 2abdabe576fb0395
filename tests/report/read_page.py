"""A report read as HTML."""

import json
import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input"}


class Page(HTMLParser):
    """Tables, ids and texts of a page; complains of elements that are not closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.targets, self.tables, self.sources = [], [], [], [], []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.targets += [attributes[key].lstrip("#") for key in ("href", "for", "data-saves") if key in attributes]
        self.sources += [attributes[key] for key in ("src", "srcset", "action") if key in attributes]
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
            assert tag == "td" or "scope" in attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] in ("script", "style"):
            return
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data


def rows(page, *heads):
    """Return the rows of the first table with these columns, by the name of the row."""
    found = next(table for table in page.tables if set(heads) <= set(table[0]))
    return {row[0]: dict(zip(found[0], row, strict=True)) for row in found[1:]}


def charts(html):
    """Return what `page.js` draws."""
    return json.loads(re.search(r'id="charts">(.*?)</script>', html, re.DOTALL)[1])
