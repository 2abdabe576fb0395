"""The tree of the tokens that lead to an admissible action."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from accumbens.errors import AccumbensError, require
from accumbens.language.choices import LEAST, rounded

LEAST_NODES, LEAST_BRANCHES = 16, 4
"""Where the sizes begin to which a trie is padded, so that little is compiled."""


class Trie(eqx.Module):
    """Node 0 is the root, where no token has been chosen yet.

    Attributes:
        tokens: that may come at every node; -1 is padding.
        children: the nodes that they lead to.
        action: the number of the action that has come to its end at a node; -1 where one must go on.
        limit: steps to the end of any action, rounded up.
    """

    tokens: Int[Array | np.ndarray, "nodes branches"]
    children: Int[Array | np.ndarray, "nodes branches"]
    action: Int[Array | np.ndarray, " nodes"]
    limit: int = eqx.field(static=True)

    def allowed(self, node: Int[Array, ""] | int, vocabulary: int) -> Bool[Array, " vocabulary"]:
        """Return which tokens may come at a node."""
        tokens = jnp.asarray(self.tokens)[node]
        nowhere = jnp.where(tokens < 0, vocabulary, tokens)
        return jnp.zeros(vocabulary, bool).at[nowhere].set(True, mode="drop")

    def after(self, node: Int[Array, ""] | int, token: Int[Array, ""] | int) -> Int[Array, ""]:
        """Return the node that an allowed token leads to."""
        branch = jnp.argmax(jnp.asarray(self.tokens)[node] == token)
        return jnp.asarray(self.children)[node, branch]


def trie_of(actions: Sequence[Sequence[int]]) -> Trie:
    """Return the trie of actions.

    Args:
        actions: their tokens; see `with_ends` where an action is the beginning of another.

    Raises:
        AccumbensError: there is no action, one is empty or there twice, or one is the beginning of another.
    """
    require("actions", list(actions), "one or more actions", actions)
    nodes: list[dict[int, int]] = [{}]
    ends: dict[int, int] = {}
    for i, tokens in enumerate(actions):
        require(f"action {i}", list(tokens), "one token or more", tokens)
        node = 0
        for token in tokens:
            if token not in nodes[node]:
                nodes[node][token] = len(nodes)
                nodes.append({})
            node = nodes[node][token]
        if node in ends:
            raise AccumbensError(f"actions {ends[node]} and {i} have the same tokens: each must be there once")
        ends[node] = i
    for node, i in ends.items():
        if nodes[node]:
            raise AccumbensError(
                f"another action begins with action {i}, so its end could not be told: give it the end token, as "
                "with_ends does"
            )
    size = rounded(len(nodes), LEAST_NODES)
    branches = rounded(max(map(len, nodes)), LEAST_BRANCHES)
    made: dict[str, Any] = {
        "tokens": np.full((size, branches), -1, np.int32),
        "children": np.zeros((size, branches), np.int32),
        "action": np.full(size, -1, np.int32),
    }
    for node, branch in enumerate(nodes):
        made["tokens"][node, : len(branch)] = list(branch)
        made["children"][node, : len(branch)] = list(branch.values())
    for node, i in ends.items():
        made["action"][node] = i
    return Trie(**made, limit=rounded(max(map(len, actions)), LEAST.tokens))
