"""An episode in words as one page of HTML: no script, nothing from any network, in light and in dark."""

from importlib import resources
from importlib.metadata import version
from string import Template

from accumbens.markup import Markup, escape, join, tag
from accumbens.training.text_play import Move, Told
from accumbens.watch.frames import plain
from accumbens.watch.words import Quantity, Scale, WordsEpisode, percent, quantities, visible


def words_page(episode: WordsEpisode) -> str:
    """Return the page; the same episode makes the same page."""
    shown = {quantity: episode.scale(quantity) for quantity in quantities(episode.settings)}
    steps, total = [], 0.0
    for number, (move, told) in enumerate(zip(episode.moves, episode.told, strict=True), 1):
        total += move.reward
        steps.append(tag("li", _step(number, move, told, total, shown)))
    return Template(_resource("words.html")).substitute(
        title=escape(episode.title),
        subtitle=escape(episode.subtitle),
        style=_resource("words.css"),
        facts=_facts(episode),
        switch=_switch(list(shown)),
        legend=join([_legend(quantity, scale) for quantity, scale in shown.items()]),
        steps=tag("ol", join(steps), class_="steps"),
        end=_end(episode),
        version=version("accumbens"),
    )


def _facts(episode: WordsEpisode) -> Markup:
    ended = episode.ended or "left before its end"
    facts = {
        "return": plain(episode.episode_return),
        "discounted": f"{episode.discounted_return:.3f}",
        "steps": f"{len(episode.moves):,} ({ended})",
    }
    facts |= episode.facts()
    return tag("dl", join([tag("div", Markup(tag("dt", name) + tag("dd", text))) for name, text in facts.items()]))


def _switch(shown: list[Quantity]) -> Markup:
    def choice(quantity: Quantity) -> Markup:
        button = f'<input type="radio" name="shown" id="show-{quantity.key}"{" checked" * (quantity is shown[0])}>'
        return tag("label", Markup(f"{button}{escape(f'{quantity.name} {quantity.symbol}')}"))

    return tag("fieldset", Markup(tag("legend", "Shade tokens by their") + join([choice(one) for one in shown])))


def _legend(quantity: Quantity, scale: Scale) -> Markup:
    ends = scale._replace(signed=True)
    least, most = (tag("span", ends.text(side * scale.largest)) for side in (-1, 1))
    words = ("worse than expected", "better") if quantity.signed else ("negative", "positive")
    bar = Markup(f'<span class="bar" role="img" aria-label="{words[0]} is orange, {words[1]} is blue"></span>')
    parts = [tag("span", words[0], class_="quiet"), least, bar, most, tag("span", words[1], class_="quiet")]
    if not scale.largest:
        parts = [tag("span", "0 everywhere: no token is shaded.")]
    name = tag("b", f"{quantity.name} {quantity.symbol}")
    text = tag("p", Markup(f"{name}. {escape(quantity.meaning)}"))
    return tag("div", Markup(text + tag("div", join(parts), class_="range")), class_=f"legend of {quantity.key}")


def _step(number: int, move: Move, told: Told, total: float, shown: dict[Quantity, Scale]) -> Markup:
    parts = [tag("h2", f"Step {number}"), tag("p", move.observation, class_="told")]
    parts += [_words(move, told, quantity, shown) for quantity in shown]
    parts += [_options(move), _outcome(move, total)]
    return join(parts)


def _words(move: Move, told: Told, quantity: Quantity, shown: dict[Quantity, Scale]) -> Markup:
    scale = shown[quantity]

    def token(place: int) -> Markup:
        number = float(getattr(told, quantity.key)[place])
        share = scale.share(number)
        every = ", ".join(
            f"{other.name} {other.symbol} = {own.text(float(getattr(told, other.key)[place]))}"
            for other, own in shown.items()
        )
        return tag(
            "span",
            Markup(tag("b", visible(move.tokens[place])) + tag("small", scale.text(number))),
            class_=f"token {'more' if share > 0 else 'less' if share < 0 else 'none'}",
            style=f"--s:{abs(share):.3f}",
            title=every,
        )

    symbol = tag("span", Markup(quantity.symbol + tag("span", f" ({quantity.name})", class_="unseen")), class_="symbol")
    return tag("div", join([symbol, *map(token, range(len(move.tokens)))], ""), class_=f"words of {quantity.key}")


def _options(move: Move) -> Markup:
    if not move.probabilities:
        written = f"“{move.action}” was " + ("drawn at random" if move.random else "written freely")
        known = "is admissible" if move.admissible else "is not admissible: nothing was done, and the penalty paid"
        first = tag("p", f"{written}, with probability {percent(move.probability)}, and {known}.")
        return Markup(first + tag("p", f"Admissible: {', '.join(move.options)}.", class_="quiet"))

    def option(action: str, probability: float) -> Markup:
        chosen = action == move.action
        how = " (drawn at random)" if move.random else " (chosen)"
        return tag(
            "li",
            Markup(tag("span", action + how * chosen) + tag("span", percent(probability), class_="number")),
            class_="chosen" if chosen else None,
            style=f"--p:{probability:.1%}",
        )

    listed = [option(*pair) for pair in zip(move.options, move.probabilities, strict=True)]
    return tag("ul", join(listed), class_="options", aria_label="Admissible actions and their probabilities")


def _outcome(move: Move, total: float) -> Markup:
    reward, so_far = tag("b", plain(move.reward)), tag("b", plain(total))
    return tag("p", Markup(f"Reward {reward} · return so far {so_far}"), class_="outcome quiet")


def _end(episode: WordsEpisode) -> Markup:
    last, count = episode.moves[-1], len(episode.moves)
    heading = f"{episode.ended.capitalize()} after step {count}" if episode.ended else f"Left after step {count}"
    return tag("section", Markup(tag("h2", heading) + tag("p", last.reached, class_="told")), class_="end")


def _resource(name: str) -> str:
    return resources.files("accumbens.watch").joinpath(name).read_text(encoding="utf-8").strip()
