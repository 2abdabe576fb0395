"""The card of an export: a README that says what it is, what it reaches, and how to use it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accumbens.runs.kind import Kind
from accumbens.runs.sharing import Card, Learned
from accumbens.share.markdown import header, how_it_was_made, scores_table, table


def write_card(
    folder: Path, kind: Kind[Any], learned: Learned, card: Card, meta: Mapping[str, Any], repo: str | None, licence: str
) -> None:
    """Write `README.md`, whose header is the Hugging Face Hub's.

    Args:
        folder: the export, whose other files are there.
        kind: of the run.
        learned: what is exported.
        card: what its kind says of it.
        meta: of the run.
        repo: `user/repo` on the Hub, if it goes there.
        licence: of the weights.
    """
    place, method = kind.place(learned.config), kind.method(learned.config)
    seeds, scores = learned.config.seed_list(), card.scores
    few = "; fewer than five say little about a method." if len(seeds) < 5 else "."
    of_seed = {"seed": f"{learned.seed}, of the seeds {', '.join(map(str, seeds))} that learned side by side"}
    limits = [*card.limits, f"The {scores.heading.lower()} are of {len(seeds)} seed(s){few}"]

    def picture(name: str, text: str) -> str:
        return f"![{text}]({name})" if (folder / name).exists() else ""

    sections = [
        header(card.tags, licence, method, card.task_type, place, card.metrics),
        f"# {method} on {place}",
        card.summary,
        picture("video.gif", "One episode, with every cell's value and TD error"),
        table({**card.rows, **of_seed}),
        f"## {scores.heading}",
        scores_table(scores, learned.seed),
        picture("curve.png", card.picture),
        "## Use it",
        "\n".join(["```python", *card.example, "```"]),
        card.inputs,
        f"It needs `pip install accumbens`{' with the extra `hub`' if repo else ''}, and runs on a CPU or a GPU. "
        "Nothing in this folder is code: the weights are safetensors, the rest is TOML, CSV and pictures.",
        "## How it was made",
        how_it_was_made(meta),
        "## The data" if card.data else "",
        _points(card.data),
        "## Limits",
        _points(limits),
        f"Licence of the weights: {licence}. {card.licence}".strip(),
    ]
    (folder / "README.md").write_text("\n\n".join(part for part in sections if part) + "\n", encoding="utf-8")


def _points(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)
