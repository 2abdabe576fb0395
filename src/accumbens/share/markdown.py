"""Pieces that the cards of agents and of fitted networks share."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

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


def mean_line(values: Sequence[float], digits: int) -> str:
    """Return a paragraph with mean and standard deviation over seeds; nothing for a single seed."""
    if len(values) < 2:
        return ""
    deviation = f"{np.std(values, ddof=1):.{digits}f}"
    return f"\n\nMean over {len(values)} seeds: {np.mean(values):.{digits}f}, standard deviation {deviation}."


def seeds_line(scores: str, seeds: Sequence[int]) -> str:
    """Return a point that says how many seeds scores are of, and whether that is few."""
    few = "; fewer than five say little about a method." if len(seeds) < 5 else "."
    return f"- The {scores} are of {len(seeds)} seed(s){few}"
