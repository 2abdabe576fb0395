"""A page of an episode in words in a real browser: the switch, colours that can be read, a phone, no network."""

import re

import numpy as np
import pytest
from visits import contrast, rgb

from accumbens.agents.token_settings import TokenSettings
from accumbens.markup import write
from accumbens.training.text_play import Move, told
from accumbens.watch.words import WordsEpisode
from accumbens.watch.words_page import words_page


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A page of two steps, with shades as strong as they come, a long word and a long action."""
    long = [" put", *(f" the{number}" for number in range(20)), " " + "micro" * 20]
    moves = []
    for tokens, values, end in (([" open", " it"], [1.0, -1.0], False), (long, [1.0, -1.0] * 11, True)):
        action, tokens, values = "".join(tokens).strip(), tuple(tokens), np.array(values)
        options, probabilities = (action, "wait"), (0.9, 0.1)
        moves.append(
            Move(
                "Seen.", options, probabilities, action, 0.9, True, False, tokens, values, 1.0, end, False, "End.", 0.0
            )
        )
    path, settings = tmp_path_factory.mktemp("words") / "words.html", TokenSettings()
    write(words_page(WordsEpisode("text/place  ·  poad", "greedy", settings, moves, told(settings, moves))), path)
    return path


@pytest.fixture(params=["light", "dark"])
def page(browser, words, request):
    context = browser.new_context(offline=True, color_scheme=request.param, viewport={"width": 900, "height": 900})
    page, requests, complaints = context.new_page(), [], []
    page.on("request", lambda one: requests.append(one.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(words.as_uri())
    yield page
    assert [url for url in requests if not url.startswith("data:")] == [words.as_uri()]
    assert complaints == []
    context.close()


def shown(page):
    return page.locator(".words:visible .symbol").all_inner_texts()


def test_the_switch_shows_one_of_the_three_by_mouse_and_by_keyboard(page):
    assert [text[0] for text in shown(page)] == ["δ"] * 2
    page.get_by_label("advantage A").check()
    assert [text[0] for text in shown(page)] == ["A"] * 2
    assert page.locator(".legend:visible").count() == 1
    page.keyboard.press("ArrowRight")
    assert [text[0] for text in shown(page)] == ["V"] * 2
    assert page.locator(".legend:visible").inner_text().startswith("value V")


def test_every_text_can_be_read_on_every_shade(page):
    found = page.evaluate(
        """() => {
            const texts = [];
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) {
                const parent = walk.currentNode.parentElement, behind = [];
                if (!walk.currentNode.textContent.trim() || !parent.getClientRects().length) continue;
                for (let at = parent; at; at = at.parentElement) behind.push(getComputedStyle(at).backgroundColor);
                texts.push([walk.currentNode.textContent, getComputedStyle(parent).color, behind]);
            }
            return texts;
        }"""
    )
    shaded, poor = 0, []
    for text, ink, layers in found:
        paper = np.full(3, 255.0)
        for layer in reversed(layers):
            numbers = [float(part) for part in re.findall(r"[\d.]+", layer)]
            share = numbers[3] if len(numbers) == 4 else 1.0
            paper = (1 - share) * paper + share * np.array(numbers[:3])
        shaded += np.ptp(paper) > 60
        poor += [(text, paper)] if contrast(rgb(ink), paper) < 4.5 else []
    assert shaded > 20
    assert poor == []


def test_nothing_is_wider_than_a_phone(page):
    page.set_viewport_size({"width": 320, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
