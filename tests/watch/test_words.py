"""An episode in words: its numbers and shades, the page as HTML, and what a terminal shows."""

import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from accumbens.agents.token_settings import TokenSettings
from accumbens.td.tokens import RULES
from accumbens.training.text_play import Move, told
from accumbens.watch.words import Scale, WordsEpisode, percent, quantities, visible
from accumbens.watch.words_page import words_page
from accumbens.watch.words_terminal import INK, LESS, MORE, PAPER, WordsScreen

EVIL = "<script>alert(1)</script> & \"quotes\" 'n' more"


def move(tokens, values, **changes):
    action = "".join(tokens).strip()
    usual = Move(
        f"You see {EVIL}.",
        (action, "wait <b>"),
        (0.75, 0.25),
        action,
        0.75,
        admissible=True,
        random=False,
        tokens=tuple(tokens),
        values=np.array(values),
        reward=0.0,
        terminated=False,
        truncated=False,
        reached="Then\nnothing.",
        beyond=0.0,
    )
    return usual._replace(**changes)


def episode(*moves, **settings):
    settings = TokenSettings(**settings)
    return WordsEpisode("text/<place>  ·  poad", "seed 0  ·  greedy", settings, moves, told(settings, moves))


MOVES = (
    move([" open", " the", " door"], [0.1, 0.5, 0.4]),
    move([" walk", " out"], [0.3, 0.35], reward=1.0, terminated=True, random=True),
)


class Page(HTMLParser):
    """Elements by name, with attributes and texts; complains of what is not closed or not nested."""

    VOID = ("meta", "link", "input", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.styles = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in self.VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2].append(data)

    def all(self, tag, look=""):
        return [
            (attributes, "".join(texts))
            for name, attributes, texts in self.elements
            if name == tag and set(look.split()) <= set((attributes.get("class") or "").split())
        ]


def test_the_page_is_well_formed_one_file_without_scripts_and_everything_said_is_escaped():
    page = Page(text := words_page(episode(*MOVES)))
    assert page.all("script") == page.all("img") == page.all("a") == page.all("b", "x") == []
    assert EVIL in page.all("p", "told")[0][1]
    assert "wait <b>" in page.all("ul", "options")[0][1]
    assert page.all("h1")[0][1] == page.all("title")[0][1] == "text/<place>  ·  poad"
    assert not re.search(r"(?:https?:)?//|url\(|@import", text)
    assert [attributes["href"] for attributes, _ in page.all("link")] == ["data:,"]
    names = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(names) == len(set(names)) == 3
    assert text == words_page(episode(*MOVES))


def test_every_token_has_its_number_its_shade_and_all_three_in_words():
    page, shown = Page(words_page(episode(*MOVES))), episode(*MOVES)
    for quantity in quantities(shown.settings):
        assert len(page.all("div", f"words of {quantity.key}")) == 2
    # The tokens of a step are there three times: δ, A and V.
    first, every = page.all("span", "token")[:3], page.all("span", "token")
    assert len(every) == 3 * 5
    errors = shown.told[0].errors
    np.testing.assert_allclose(errors, [0.4, -0.1, 0.95 * 0.3 - 0.4], rtol=1e-5)
    assert [text for _, text in first] == [" open+0.40", " the−0.10", " door−0.12"]  # -0.115 rounds so in float32
    assert [attributes["class"] for attributes, _ in first] == ["token more", "token less", "token less"]
    largest = 0.65  # 1 - 0.35, at the last token
    shares = [float(attributes["style"].removeprefix("--s:")) for attributes, _ in first]
    np.testing.assert_allclose(shares, np.abs(errors) / largest, atol=1e-3)
    assert first[0][0]["title"].startswith("TD error δ = +0.40, advantage A = ")
    assert first[0][0]["title"].endswith(", value V = 0.10")


def test_the_switch_is_of_buttons_that_the_style_knows():
    text = words_page(episode(*MOVES))
    buttons = [attributes for attributes, _ in Page(text).all("input")]
    assert [attributes["type"] for attributes in buttons] == ["radio"] * 3
    assert ["checked" in attributes for attributes in buttons] == [True, False, False]
    for attributes, quantity in zip(buttons, quantities(TokenSettings()), strict=True):
        assert attributes["id"] == f"show-{quantity.key}"
        assert f"main:has(#show-{quantity.key}:checked) .of:not(.{quantity.key})" in text


def test_options_rewards_and_the_end_are_told():
    page = Page(words_page(episode(*MOVES)))
    options = [(attributes, text) for attributes, text in page.all("li") if "--p" in attributes.get("style", "")]
    assert options[0] == ({"class": "chosen", "style": "--p:75.0%"}, "open the door (chosen)75.0 %")
    assert options[1] == ({"style": "--p:25.0%"}, "wait <b>25.0 %")
    assert options[2][1] == "walk out (drawn at random)75.0 %"
    assert [text for _, text in page.all("p", "outcome")] == [f"Reward {n} · return so far {n}" for n in (0, 1)]
    assert page.all("section", "end")[0][1].split("\n") == ["Terminated after step 2Then", "nothing."]
    facts = dict(zip(*([text for _, text in page.all(name)] for name in ("dt", "dd")), strict=True))
    assert facts["return"] == "1"
    assert facts["discounted"] == "0.950"
    assert facts["steps"] == "2 (terminated)"
    assert (facts["rule"], facts["γ_w inside an action"]) == ("poad", "1")


def test_what_was_written_freely_says_whether_it_was_admissible():
    said = {}
    for admissible in (True, False):
        one = move([" sing"], [0.0], probabilities=(), admissible=admissible, reward=-0.1, probability=0.00001)
        said[admissible] = Page(words_page(episode(one, policy="free"))).all("li")[0][1]
        assert "Admissible: sing, wait <b>." in said[admissible]
    assert "“sing” was written freely, with probability < 0.1 %, and is admissible." in said[True]
    assert "is not admissible: nothing was done, and the penalty paid." in said[False]


def test_an_episode_in_which_nothing_surprises_is_not_shaded():
    page = Page(words_page(episode(move([" a"], [0.0], terminated=True))))
    assert [attributes["class"] for attributes, _ in page.all("span", "token")] == ["token none"] * 3
    assert "0 everywhere" in page.all("div", "legend")[0][1]


def test_what_is_small_beside_the_values_stays_pale():
    shown = episode(move([" a", " b"], [1.0, 1.01], reward=1.0, terminated=True))
    error, _, value = (shown.scale(quantity) for quantity in quantities(shown.settings))
    assert (error.largest, value.largest) == (pytest.approx(0.101), pytest.approx(1.01))
    assert abs(error.share(float(shown.told[0].errors[0]))) == pytest.approx(0.01 / 0.101, rel=1e-3)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_says_what_it_means(rule):
    shown = quantities(TokenSettings(rule=rule, target_rate=0.1, normalise_advantages=False))
    assert [one.symbol for one in shown] == ["δ", "A", "V"]
    assert ("all its tokens" in shown[0].meaning) == (rule == "twosome")
    assert ("next action's last token" in shown[0].meaning) == rule.startswith("archer")
    assert "second critic" in shown[2].meaning
    assert "normalised" not in shown[1].meaning
    facts = episode(*MOVES, rule=rule).facts()
    assert ("γ_w inside an action" in facts) == (rule != "twosome")
    assert facts.get("γ_w inside an action", "") == {"poad": "1", "archer-bad": "1", "twosome": ""}.get(rule, "0.95")


@pytest.mark.parametrize(
    ("largest", "number", "text"),
    [
        (1.0, 0.5, "+0.50"),
        (1.0, -0.004, "0.00"),
        (0.05, -0.0123, "−0.012"),
        (300.0, 12.0, "+12.00"),
        (0.0, 0.0, "0.00"),
    ],
)
def test_numbers_have_as_many_places_as_their_scale_needs(largest, number, text):
    one = move([" a", " b"], [0.0, 0.0])
    shown = WordsEpisode("", "", TokenSettings(), [one], told(TokenSettings(), [one]))
    shown = shown._replace(told=[shown.told[0]._replace(errors=np.array([largest, 0.0]))])
    scale = shown.scale(quantities(shown.settings)[0])
    assert scale.largest == largest
    assert scale.text(number) == text


def test_probabilities_are_never_rounded_to_what_they_are_not():
    probabilities = (0.0, 1e-9, 0.0012, 0.5, 0.99999, 1.0)
    assert list(map(percent, probabilities)) == ["0.0 %", "< 0.1 %", "0.1 %", "50.0 %", "> 99.9 %", "100.0 %"]


def test_line_breaks_of_tokens_can_be_seen():
    assert visible(" a\n\t") == " a↵⇥"


def printed(shown, width=80, colours=False):
    file = io.StringIO()
    system = "truecolor" if colours else None
    Console(file=file, width=width, force_terminal=colours, color_system=system).print(WordsScreen(shown))
    return file.getvalue()


def test_what_is_no_terminal_gets_the_numbers_under_the_words():
    text = printed(episode(*MOVES))
    assert "\x1b" not in text
    lines = [line.rstrip() for line in text.splitlines()]
    at = next(number for number, line in enumerate(lines) if "open" in line)
    assert lines[at].split() == ["open", "the", "door"]
    assert lines[at + 1].split() == ["δ", "+0.40", "−0.10", "−0.12"]
    assert lines[at + 2].split()[0] == "A"
    assert lines[at + 3].split() == ["V", "0.10", "0.50", "0.40"]
    assert lines[at + 4] == " ▸   75.0 %  open the door"
    assert " ▸   75.0 %  walk out  (drawn at random)" in lines
    assert "Terminated after step 2" in lines
    assert "blue" not in text


def test_a_terminal_gets_shades():
    text = printed(episode(*MOVES), colours=True)
    assert "48;2;86;180;233" in text, "the largest is full blue"
    assert "blue is positive" in text


def test_what_does_not_fit_a_line_goes_on_in_the_next():
    tokens = [f" word{number}" for number in range(10)]
    text = printed(episode(move(tokens, np.linspace(0, 1, 10), terminated=True)), width=40)
    columns = [line for line in text.splitlines() if re.match(r" +word\d", line)]
    assert len(columns) > 1
    assert " ".join(columns).split() == [f"word{number}" for number in range(10)]
    assert max(map(len, columns)) <= 40


def luminance(colour):
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("shade", [MORE, LESS, PAPER])
def test_letters_can_be_read_on_every_shade(shade):
    assert (luminance(shade) + 0.05) / (luminance(INK) + 0.05) > 4.5


def test_a_scale_of_nothing_shades_nothing():
    assert Scale(0.0, 2, signed=True).share(0.0) == 0.0
