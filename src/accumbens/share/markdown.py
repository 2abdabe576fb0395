"""Pieces of a card in Markdown."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from accumbens.runs.sharing import Scores
from accumbens.share.weights import CONFIG

_PROJECT = "accumbens"


def header(
    tags: Sequence[str], licence: str, name: str, kind: str, dataset: str, metrics: Sequence[tuple[str, Any]]
) -> str:
    """Return the Hub's metadata: YAML, whose texts are JSON's, which YAML reads too.

    Args:
        tags: what it is found by.
        licence: of the weights, as the Hub spells it.
        name: of the model.
        kind: of task, as the Hub has it.
        dataset: what it was trained on.
        metrics: names and values; without any, the Hub is told of no results.
    """
    lines = ["---", f"library_name: {_PROJECT}", f"license: {json.dumps(licence)}", "tags:"]
    lines += [f"- {json.dumps(tag)}" for tag in [_PROJECT, *tags]]
    if metrics:
        lines += [
            "model-index:",
            f"- name: {json.dumps(name)}",
            "  results:",
            "  - task:",
            f"      type: {kind}",
            f"      name: {kind}",
            "    dataset:",
            f"      name: {json.dumps(dataset)}",
            f"      type: {json.dumps(dataset)}",
            "    metrics:",
        ]
    for metric, value in metrics:
        lines += [
            f"    - type: {metric}",
            f"      value: {json.dumps(value)}",
            f"      name: {metric}",
            "      verified: false",
        ]
    return "\n".join([*lines, "---"])


def table(rows: Mapping[str, str]) -> str:
    """Return a table of two columns without a heading."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows.items())])


def how_it_was_made(meta: Mapping[str, Any]) -> str:
    """Return the command, where the settings are, the commit and the versions, of a run's `meta.json`."""
    commit, versions = meta.get("commit"), meta.get("versions", {})
    code = f"accumbens at commit `{commit}`. " if commit else f"accumbens {versions.get('accumbens', '')}. "
    all_versions = ", ".join(f"{package} {version}" for package, version in versions.items())
    return (
        f"```\n{meta.get('command', 'unknown')}\n```\n\nEvery setting is in `{CONFIG}`. {code}Versions: {all_versions}."
    )


def scores_table(scores: Scores, seed: int) -> str:
    """Return a table with a row for every seed, and of several the mean of its first column.

    Args:
        scores: of all seeds.
        seed: whose network is exported.
    """
    if not scores.by_seed:
        return "It was not evaluated by this step."
    lines = [scores.said, "", f"| seed | {' | '.join(scores.columns)} |", "|---" * (1 + len(scores.columns)) + "|"]
    for number, values in scores.by_seed.items():
        texts = " | ".join(format(value, scores.form) for value in values)
        lines.append(f"| {number}{' (this one)' if number == seed else ''} | {texts} |")
    if len(scores.by_seed) > 1:
        first = [values[0] for values in scores.by_seed.values()]
        mean, deviation = (format(number, scores.form) for number in (np.mean(first), np.std(first, ddof=1)))
        over = f"Mean {scores.columns[0]} over {len(first)} seeds"
        lines += ["", f"{over}: {mean}, standard deviation {deviation}."]
    return "\n".join(lines)
